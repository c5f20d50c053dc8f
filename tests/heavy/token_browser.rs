//! The browser's half of the token, `otpgate-worker.js`, run by Node as it is served. Needs `node`.
//! Where there is none a developer is told so, and CI fails; the vectors of the page are still
//! checked by the crate's own tests, and a browser's run of the same file by `tests/browser`.

use std::io::Write;
use std::process::Command;

const PAGE: &str = include_str!("../../docs/token-format.md");
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../src/web/assets/otpgate-worker.js");

#[test]
fn the_module_gives_the_vectors_of_the_page() {
    let Some(node) = node() else { return };
    let mut vectors = 0;
    for vector in PAGE.split("```\n").filter(|block| block.starts_with("ticket  ")) {
        let field = |name: &str| {
            let line = vector.lines().find(|line| line.split(' ').next() == Some(name)).unwrap();
            line.get(8..).unwrap()
        };
        let call = format!(
            "const {{ ticket, work }} = read({:?});
            const start = seed(ticket, {:?});
            const hex = Array.from(start, byte => byte.toString(16).padStart(2, '0')).join('');
            const counter = search(start, work, 0, 2 ** 24);
            console.log([hex, counter, proof(ticket, start, counter)].join(' '));",
            field("ticket"),
            field("typed")
        );
        let expected = ["seed", "counter", "proof"].map(field).join(" ");
        assert_eq!(node(&call), expected);
        vectors += 1;
    }
    assert_eq!(vectors, 2);
}

#[test]
fn the_module_refuses_tickets_that_it_does_not_know() {
    let Some(node) = node() else { return };
    let good = PAGE.split("ticket  ").nth(1).unwrap().lines().next().unwrap();
    let (version, work) = (format!("Ag{}", &good[2..]), format!("{}GQ{}", &good[..8], &good[10..]));
    for bad in ["", "AQ", &good[4..], &version, &work] {
        let call = format!(
            "try {{ read({bad:?}); console.log('read') }} catch (e) {{ console.log('no') }}"
        );
        assert_eq!(node(&call), "no", "{bad}");
    }
    assert_eq!(node(&format!("console.log(read({good:?}).humanTime)")), "1500");
}

/// The page binds the number as typed, so its reduction must be the crate's for all that can be typed:
/// every character of Unicode by itself, and texts of likely ones.
#[test]
fn the_module_reduces_as_the_crate_does() {
    let Some(node) = node() else { return };
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
    assert_eq!(node(every), ours.join("\n"));

    for typed in ["＋４９ (0)১৫১-१२३\u{2009}٤٥٦ \u{202a}78\u{202c}\n", "Ⅳ²½ 1e5 +", "𝟎𝟏𝟐 🔑 é"]
    {
        let call = format!("console.log(reduce({}))", serde_json::json!(typed));
        assert_eq!(node(&call), otpgate::token::reduce(typed), "{typed:?}");
    }
}

/// Everything that a browser loads, comments and all.
#[test]
fn the_module_is_under_6_kb_compressed() {
    if !is_here("gzip") {
        return;
    }
    let size = |file: &str| {
        let path = format!("{}/../../src/web/assets/{file}", env!("CARGO_MANIFEST_DIR"));
        let run = Command::new("gzip").args(["-9", "-c", &path]).output().unwrap();
        assert!(run.status.success() && !run.stdout.is_empty());
        run.stdout.len()
    };
    let sizes = ["otpgate.js", "otpgate-worker.js"].map(size);
    assert!(sizes.iter().sum::<usize>() <= 6_000, "{sizes:?}");
}

/// Runs a script that has the module's names; none without Node.
fn node() -> Option<impl Fn(&str) -> String> {
    if !is_here("node") {
        return None;
    }
    let names = "import { proof, read, reduce, search, seed } from";
    let module = serde_json::json!(format!("file://{SCRIPT}"));
    Some(move |script: &str| {
        let script = format!("{names} {module};\n{script}");
        let run =
            Command::new("node").args(["--input-type=module", "-e", &script]).output().unwrap();
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
        String::from_utf8_lossy(&run.stdout).trim().to_owned()
    })
}

/// Whether a program is installed. In CI it must be; elsewhere its absence is said past the capture
/// of a test's output.
fn is_here(program: &str) -> bool {
    let found = Command::new(program).arg("--version").output().is_ok();
    assert!(found || std::env::var_os("CI").is_none(), "{program} is not installed");
    if !found {
        let test = std::thread::current().name().unwrap_or_default().to_owned();
        let line = format!("\nSKIPPED, NOT TESTED: {test}: {program} is not installed");
        let _ = writeln!(std::io::stderr(), "{line}");
    }
    found
}
