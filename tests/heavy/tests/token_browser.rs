//! The script of `docs/token-format.md`, run as it is printed there. Needs `node`; where there is none,
//! the vectors of the page are still checked by the crate's own tests.

use std::process::Command;

const PAGE: &str = include_str!("../../../docs/token-format.md");

#[test]
fn the_script_of_the_page_gives_the_vectors_of_the_page() {
    if Command::new("node").arg("--version").output().is_err() {
        return;
    }
    let (_, script) = PAGE.split_once("```js\n").unwrap();
    let (script, _) = script.split_once("```").unwrap();
    let mut vectors = 0;
    for vector in PAGE.split("```\n").filter(|block| block.starts_with("ticket  ")) {
        let field = |name: &str| {
            let line = vector.lines().find(|line| line.split(' ').next() == Some(name)).unwrap();
            line.get(8..).unwrap()
        };
        let call = format!(
            "{script}\nconsole.log(await answer({:?}, {:?}));",
            field("ticket"),
            field("typed")
        );
        let run = Command::new("node").args(["--input-type=module", "-e", &call]).output().unwrap();
        let said = String::from_utf8_lossy(&run.stdout);
        assert_eq!(said.trim(), field("proof"), "{}", String::from_utf8_lossy(&run.stderr));
        vectors += 1;
    }
    assert_eq!(vectors, 2);
}

/// The page binds the number as typed, so its reduction must be the crate's for all that can be typed:
/// every character of Unicode by itself, and texts of likely ones.
#[test]
fn the_script_of_the_page_reduces_as_the_crate_does() {
    if Command::new("node").arg("--version").output().is_err() {
        return;
    }
    let (_, script) = PAGE.split_once("```js\n").unwrap();
    let (reduction, _) = script.split_once("export function answer").unwrap();
    let every = "
        const kept = [];
        for (let point = 0; point < 0x110000; point++) {
          if (point >= 0xd800 && point < 0xe000) continue;
          const reduced = reduce(String.fromCodePoint(point));
          if (reduced) kept.push(point + ' ' + reduced);
        }
        console.log(kept.join('\\n'));";
    let ours: Vec<String> = ('\0'..=char::MAX)
        .map(|c| (c, otpgate::token::reduce(&c.to_string())))
        .filter(|(_, reduced)| !reduced.is_empty())
        .map(|(c, reduced)| format!("{} {reduced}", u32::from(c)))
        .collect();
    assert_eq!(ours.len(), 772, "770 digits and two plus signs");
    assert_eq!(run(&format!("{reduction}{every}")), ours.join("\n"));

    for typed in ["＋４９ (0)১৫১-१२३\u{2009}٤٥٦ \u{202a}78\u{202c}\n", "Ⅳ²½ 1e5 +", "𝟎𝟏𝟐 🔑 é"]
    {
        let call = format!("{reduction}console.log(reduce({}))", serde_json::json!(typed));
        assert_eq!(run(&call), otpgate::token::reduce(typed), "{typed:?}");
    }
}

fn run(script: &str) -> String {
    let run = Command::new("node").args(["--input-type=module", "-e", script]).output().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    String::from_utf8_lossy(&run.stdout).trim().to_owned()
}
