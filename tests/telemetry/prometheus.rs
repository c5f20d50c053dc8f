//! The rules and the exposition in Prometheus' own tool, where it is installed.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

/// Whether `promtool` is there. On a build server it has to be.
fn promtool() -> bool {
    let found = Command::new("promtool").arg("--version").output().is_ok();
    assert!(found || std::env::var_os("CI").is_none(), "promtool is not installed");
    if !found {
        println!("NOT CHECKED: promtool is not installed");
    }
    found
}

fn run(arguments: &[&str], input: &str) -> Output {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/telemetry");
    let mut child = Command::new("promtool")
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn passes(arguments: &[&str], input: &str) {
    let output = run(arguments, input);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
}

#[test]
fn the_rules_load_and_do_what_they_say() {
    if promtool() {
        passes(&["check", "rules", "--lint-fatal", "otpgate.rules.yml"], "");
        passes(&["test", "rules", "otpgate.rules.test.yml"], "");
    }
}

#[test]
fn every_query_of_the_dashboard_is_one() {
    if promtool() {
        let mut rules = String::from("groups:\n- name: dashboard\n  rules:\n");
        let queries = crate::documents::queries();
        let queries = queries.iter().filter(|query| !query.starts_with("label_values("));
        for (index, query) in queries.enumerate() {
            let query = query.replace("$__rate_interval", "5m");
            writeln!(rules, "  - record: query:{index}\n    expr: {query:?}").unwrap();
        }
        let file = std::env::temp_dir().join(format!("otpgate-{}.yml", std::process::id()));
        std::fs::write(&file, rules).unwrap();
        passes(&["check", "rules", file.to_str().unwrap()], "");
        std::fs::remove_file(file).unwrap();
    }
}

/// Passes the exposition through the tool's lint.
pub fn lint(exposition: &str) {
    if promtool() {
        passes(&["check", "metrics"], exposition);
    }
}
