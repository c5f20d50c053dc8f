//! The pages of the documentation: every relative link leads somewhere, every named test exists, and
//! the pages for everybody stay short.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::{root, sources_in};

#[test]
fn every_relative_link_leads_somewhere() {
    let mut dead = Vec::new();
    let mut links = 0;
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        for target in links_of(&text) {
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            links += 1;
            let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
            let file = match path {
                "" => page.clone(),
                path => page.parent().unwrap().join(path),
            };
            let found = match file.is_file() && file.extension().is_some_and(|kind| kind == "md") {
                true => anchor.is_empty() || anchors(&file).contains(anchor),
                false => file.exists() && anchor.is_empty(),
            };
            if !found {
                dead.push(format!("{}: {target}", page.display()));
            }
        }
    }
    assert!(dead.is_empty(), "{}", dead.join("\n"));
    assert!(links > 50, "only {links} links were found");
}

#[test]
fn every_test_that_the_compliance_page_names_exists() {
    let page = fs::read_to_string(root().join("docs/compliance.md")).unwrap();
    let known = tests();
    let mut named = 0;
    let mut missing = BTreeSet::new();
    for line in page.lines().filter(|line| line.starts_with('|')) {
        let proof = line.trim_end_matches('|').rsplit('|').next().unwrap();
        for name in code(proof).filter(|name| is_test_name(name)) {
            named += 1;
            if !known.contains(name) {
                missing.insert(name);
            }
        }
    }
    assert!(missing.is_empty(), "no such test: {missing:#?}");
    assert!(named > 80, "only {named} names were found");
}

/// They had grown to three times that; each has a page beside it for tables, history and reference.
#[test]
fn the_pages_for_everybody_stay_short() {
    let pages = [
        ("pumping.md", 1_400),
        ("performance.md", 750),
        ("operations.md", 1_500),
        ("design.md", 1_400),
        ("tenants.md", 750),
    ];
    for (page, most) in pages {
        let text = fs::read_to_string(root().join("docs").join(page)).unwrap();
        let words = text.split_whitespace().count();
        assert!(words <= most, "{page} has {words} words, and {most} is the most");
    }
    let way = fs::read_to_string(root().join("docs/find-your-way.md")).unwrap();
    assert!(way.lines().count() <= 60, "find-your-way.md is one screen");
}

/// The pages that ship: those of the root and of `docs`.
fn pages() -> Vec<PathBuf> {
    let mut pages = Vec::new();
    for folder in [root(), root().join("docs")] {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|kind| kind == "md") {
                pages.push(path);
            }
        }
    }
    assert!(pages.len() >= 12, "{pages:?}");
    pages
}

/// What stands in the parentheses of `[text](target)`, fenced blocks left out.
fn links_of(text: &str) -> Vec<&str> {
    let mut fenced = false;
    let mut links = Vec::new();
    for line in text.lines() {
        if line.starts_with("```") {
            fenced = !fenced;
        }
        if fenced {
            continue;
        }
        for rest in line.split("](").skip(1) {
            links.extend(rest.split_once(')').map(|(target, _)| target));
        }
    }
    links
}

/// The anchors of a page's headings, as the usual renderers make them.
fn anchors(page: &Path) -> BTreeSet<String> {
    let text = fs::read_to_string(page).unwrap();
    let headings = text.lines().filter(|line| line.starts_with('#'));
    headings
        .map(|line| {
            let words = line.trim_start_matches('#').trim().to_lowercase();
            let kept =
                words.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
            kept.map(|c| if c == ' ' { '-' } else { c }).collect()
        })
        .collect()
}

/// Every function of the tests and every case of the conformance suite.
fn tests() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for file in ["src", "tests", "examples/lab/tests"].into_iter().flat_map(sources_in) {
        let text = fs::read_to_string(file).unwrap();
        for rest in text.split("fn ").skip(1) {
            let name = rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next();
            names.extend(name.map(str::to_owned));
        }
    }
    names
}

/// What stands between single backticks.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// Lower case with underscores, which no other word in backticks of that page's last column is.
fn is_test_name(word: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    !word.is_empty() && word.bytes().all(plain) && !matches!(word, "constant_time_eq" | "testing")
}
