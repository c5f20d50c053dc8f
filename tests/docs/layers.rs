//! The shape of the house: a file imports only from lower levels, no two files import each other, the gate
//! knows no adapter, the ambient clock and randomness have one home each, and there is no `unsafe`. Panics
//! are clippy's affair.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::{root, sources_in};

/// The level of each room. From the gate's words on each has one of its own; rooms on level 1 and 2 may
/// use each other as the tables below say.
const LEVELS: &[(&str, u8)] = &[
    ("base", 0),
    ("recipient", 1),
    ("otp", 1),
    ("token", 1),
    ("access", 1),
    ("limit", 1),
    ("pumping", 1),
    ("message", 1),
    ("http", 2),
    ("human", 2),
    ("transport", 2),
    ("store", 2),
    ("context", 3),
    ("error", 4),
    ("policy", 5),
    ("outcome", 6),
    ("event", 7),
    ("telemetry", 8),
    ("guarded", 9),
    ("realm", 10),
    ("charges", 11),
    ("gate", 12),
    ("builder", 13),
    ("web", 14),
    ("testing", 15),
    ("guide", 16),
];

/// Level 1 imports base and recipient; a text shows a code and its binding, so `message` knows `otp`.
const NEIGHBOURS: &[(&str, &str)] = &[
    ("otp", "recipient"),
    ("token", "recipient"),
    ("access", "recipient"),
    ("limit", "recipient"),
    ("pumping", "recipient"),
    ("message", "recipient"),
    ("message", "otp"),
];

/// Level 2: the ports do not know each other, but whoever speaks HTTP knows that port.
const PORTS: &[(&str, &str)] = &[("transport", "http"), ("human", "http")];

/// Names that `lib.rs` re-exports, by the room they come from.
const REEXPORTS: &[(&str, &str)] = &[
    ("ClientIp", "access"),
    ("Entropy", "base"),
    ("EntropyError", "base"),
    ("SystemEntropy", "base"),
    ("Pseudonym", "base"),
    ("RequestId", "base"),
    ("KeyId", "base"),
    ("KeyRing", "base"),
    ("Money", "base"),
    ("Clock", "base"),
    ("Timestamp", "base"),
    ("Recipient", "recipient"),
    ("Region", "recipient"),
    ("LineType", "recipient"),
    ("Store", "store"),
    ("SmsTransport", "transport"),
    ("DeliveryStatus", "transport"),
    ("ReportedOutcome", "transport"),
];

#[test]
fn no_file_imports_from_a_higher_level() {
    let mut edges = 0;
    let mut upward = Vec::new();
    for file in sources() {
        let room = room(&file);
        let Some(level) = level(&room) else {
            assert_eq!(room, "lib", "{} is in no room of the table", file.display());
            continue;
        };
        let text = fs::read_to_string(&file).unwrap();
        for (number, line) in library_lines(&text) {
            for used in crate_paths(line) {
                let target = REEXPORTS
                    .iter()
                    .find(|(name, _)| *name == used)
                    .map_or(used.as_str(), |(_, room)| room)
                    .to_owned();
                if target == room {
                    continue;
                }
                edges += 1;
                let Some(other) = level_of(&target) else {
                    upward.push(format!("{}:{number}: unknown `{target}`", file.display()));
                    continue;
                };
                let edge = (room.as_str(), target.as_str());
                let beside = NEIGHBOURS.iter().chain(PORTS).any(|known| *known == edge);
                let sideways = other == level && !beside;
                if other > level || sideways {
                    upward.push(format!("{}:{number}: {room} -> {target}", file.display()));
                }
            }
        }
    }
    assert!(edges > 100, "the test reads no imports any more: {edges}");
    assert!(upward.is_empty(), "upward edges:\n{}", upward.join("\n"));
}

#[test]
fn the_gate_knows_no_adapter() {
    for file in sources().filter(|file| {
        matches!(room(file).as_str(), "gate" | "realm" | "charges" | "builder" | "policy")
    }) {
        let text = fs::read_to_string(&file).unwrap();
        for (number, line) in library_lines(&text) {
            for adapter in [
                "store::memory",
                "MemoryStore",
                "store::redb",
                "RedbStore",
                "store::redis",
                "RedisStore",
                "store::postgres",
                "PostgresStore",
                "ConsoleTransport",
                "transport::twilio",
                "transport::esendex",
                "transport::bird",
                "transport::infobip",
                "transport::telnyx",
                "transport::template",
                "transport::sinch",
                "transport::messagebird",
                "transport::plivo",
                "transport::vonage",
                "transport::aws",
                "human::altcha",
                "human::friendly_captcha",
                "human::hcaptcha",
                "human::recaptcha",
                "human::turnstile",
                "ReqwestClient",
            ] {
                assert!(!line.contains(adapter), "{}:{number} names {adapter}", file.display());
            }
        }
    }
}

#[test]
fn the_ambient_clock_and_randomness_have_one_home_each() {
    let homes = [
        ("SystemTime::now", "base/time.rs"),
        ("Instant::now", "base/time.rs"),
        ("rand::rng", "base/entropy.rs"),
        ("rand::random", "base/entropy.rs"),
    ];
    let mut at_home = 0;
    for file in sources() {
        let text = fs::read_to_string(&file).unwrap();
        for (number, line) in library_lines(&text) {
            for (call, home) in homes.iter().filter(|(call, _)| line.contains(call)) {
                assert!(file.ends_with(home), "{}:{number} calls {call}", file.display());
                at_home += 1;
            }
        }
    }
    assert_eq!(at_home, 3, "the test finds the calls no more");
}

#[test]
fn there_is_no_unsafe_code() {
    for file in sources() {
        let text = fs::read_to_string(&file).unwrap();
        assert!(!text.contains("unsafe {"), "{}", file.display());
    }
}

/// Pairs of files that still import each other. It only gets shorter.
const CIRCLES: &[(&str, &str)] = &[];

#[test]
fn no_two_files_import_each_other() {
    let files: BTreeMap<String, PathBuf> = sources().map(|file| (module(&file), file)).collect();
    let imports: BTreeSet<(&str, &str)> = files
        .iter()
        .flat_map(|(from, file)| {
            let text = fs::read_to_string(file).unwrap();
            imported(&text, from, &files).into_iter().map(move |to| (from.as_str(), to))
        })
        .collect();
    let circles: Vec<(&str, &str)> = imports
        .iter()
        .filter(|(from, to)| from < to && imports.contains(&(*to, *from)))
        .copied()
        .collect();
    assert!(imports.len() > 1000, "the test reads no imports any more: {}", imports.len());
    assert_eq!(circles, CIRCLES);
}

/// The files of the crate that the `use` statements of a file name. A parent that only names its own
/// children again does not import them.
fn imported<'a>(text: &str, from: &str, files: &'a BTreeMap<String, PathBuf>) -> BTreeSet<&'a str> {
    let code: String = library_lines(text).flat_map(|(_, line)| [line.trim(), " "]).collect();
    let mut found = BTreeSet::new();
    for (start, _) in code.match_indices("use ") {
        let public = code[..start].trim_end().ends_with("pub");
        let free = start == 0 || code[..start].ends_with([' ', '(']);
        let Some(end) = code[start..].find(';') else { continue };
        let tree = &code[start + "use ".len()..start + end];
        let plain = |letter: char| letter.is_ascii_alphanumeric() || "_:{}, *".contains(letter);
        if !free || public || !tree.chars().all(plain) {
            continue; // a re-export, or the word in a text
        }
        for path in leaves(tree) {
            let mut steps = path.split("::").map(str::trim).peekable();
            let mut place: Vec<&str> = match steps.next() {
                Some("crate") => Vec::new(),
                Some("self") => from.split("::").collect(),
                Some("super") => parent(from.split("::").collect()),
                _ => continue,
            };
            while steps.next_if_eq(&"super").is_some() {
                place = parent(place);
            }
            let mut target = files.get_key_value(place.join("::").as_str());
            for step in steps {
                place.push(step);
                let Some(deeper) = files.get_key_value(place.join("::").as_str()) else { break };
                target = Some(deeper);
            }
            found.extend(target.map(|(name, _)| name.as_str()).filter(|name| *name != from));
        }
    }
    found
}

/// `a::{b, c::{d, e as f}}` names `a::b`, `a::c::d` and `a::c::e`.
fn leaves(tree: &str) -> Vec<String> {
    let Some((head, rest)) = tree.split_once('{') else {
        return vec![tree.split(" as ").next().unwrap().trim().to_owned()];
    };
    let body = &rest[..rest.rfind('}').unwrap()];
    let (mut depth, mut start, mut found) = (0_i32, 0, Vec::new());
    for (at, letter) in body.char_indices().chain([(body.len(), ',')]) {
        depth += i32::from(letter == '{') - i32::from(letter == '}');
        if letter == ',' && depth == 0 {
            let part = body[start..at].trim();
            found.extend(
                leaves(part)
                    .iter()
                    .filter(|_| !part.is_empty())
                    .map(|leaf| head.trim().to_owned() + leaf),
            );
            start = at + 1;
        }
    }
    found
}

fn parent(mut place: Vec<&str>) -> Vec<&str> {
    place.pop();
    place
}

/// `src/store/redb/mod.rs` is the module `store::redb`.
fn module(file: &Path) -> String {
    let inside = file.strip_prefix(root().join("src")).unwrap();
    let steps: Vec<_> = inside.iter().map(|step| step.to_string_lossy().into_owned()).collect();
    let path = steps.join("::");
    path.trim_end_matches(".rs").trim_end_matches("::mod").to_owned()
}

fn sources() -> impl Iterator<Item = PathBuf> {
    let found = sources_in("src");
    assert!(found.len() > 50);
    found.into_iter().filter(|file| !is_of_unit_tests(file))
}

/// `src/limit/tests.rs`, and what stands in `src/limit/tests/`.
fn is_of_unit_tests(file: &Path) -> bool {
    file.components().any(|step| matches!(step.as_os_str().to_str(), Some("tests.rs" | "tests")))
}

/// `src/store/memory/table.rs` is in the room `store`, `src/error.rs` in the room `error`.
fn room(file: &Path) -> String {
    let inside = file.strip_prefix(root().join("src")).unwrap();
    let first = inside.components().next().unwrap().as_os_str().to_string_lossy().into_owned();
    first.trim_end_matches(".rs").to_owned()
}

fn level(room: &str) -> Option<u8> {
    LEVELS.iter().find(|(name, _)| *name == room).map(|(_, level)| *level)
}

fn level_of(target: &str) -> Option<u8> {
    level(target)
}

/// The lines before the unit tests, comments aside.
fn library_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .take_while(|line| !line.starts_with("#[cfg(test)]"))
        .enumerate()
        .map(|(index, line)| (index + 1, line))
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
}

/// The first segments of the `crate::…` paths in a line.
fn crate_paths(line: &str) -> Vec<String> {
    line.match_indices("crate::")
        .filter(|(at, _)| !line[..*at].ends_with("$"))
        .map(|(at, found)| {
            line[at + found.len()..]
                .chars()
                .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
                .collect::<String>()
        })
        .filter(|name| !name.is_empty())
        .collect()
}
