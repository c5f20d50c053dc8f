//! The script of `docs/token-format.md`, run as it is printed there. Needs `node`; where there is none,
//! the vectors of the page are still checked by the crate's own tests.

use std::process::Command;

const PAGE: &str = include_str!("../docs/token-format.md");

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
