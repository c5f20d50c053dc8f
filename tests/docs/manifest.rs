//! The manifest: what a dependant may turn on, and what comes down with the crate.

use std::fs;

use super::root;

const MANIFEST: &str = include_str!("../../Cargo.toml");

/// A feature that is not named there is found by nobody.
#[test]
fn the_front_page_names_every_feature() {
    let front = fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let (_, features) = MANIFEST.split_once("\n[features]\n").unwrap();
    let (features, _) = features.split_once("\n\n").unwrap();
    for line in features.lines() {
        let (name, _) = line.split_once(" = ").unwrap();
        assert!(name == "default" || front.contains(&format!("`{name}`")), "`{name}` is missing");
    }
}

/// The tests stay out: cargo leaves out `tests/support`, as a package of its own, and without it
/// they do not compile. A name without the slash would take in every file that is called so.
#[test]
fn what_the_readme_leads_to_is_packaged() {
    let (_, list) = MANIFEST.split_once("\ninclude = [").unwrap();
    let (list, _) = list.split_once(']').unwrap();
    let packaged: Vec<&str> =
        list.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
    assert!(packaged.iter().all(|name| name.starts_with("\"/")), "{packaged:?}");
    assert!(!packaged.contains(&"\"/tests\""), "{packaged:?}");
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    for rest in readme.split("](").skip(1) {
        let (target, _) = rest.split_once(')').unwrap();
        let first = target.split(['/', '#']).next().unwrap();
        if !target.contains("://") && first != "tests" {
            assert!(packaged.contains(&&*format!("\"/{first}\"")), "{target} is not packaged");
        }
    }
}
