//! What docs/replay.md says of the replay, held against its own modules.

#![cfg(feature = "testing")]
#![allow(
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    missing_docs,
    unreachable_pub
)]

#[path = "../support/mod.rs"]
#[allow(dead_code)]
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use otpgate::policy::{Evidence, Quota};
use support::compare::compare;
use support::drive::{self, Run};
use support::explain::{Explanation, Watched, Watcher};
use support::fit::{Finding, Fit};
use support::host::{Choices, Host, prices};
use support::lab::row::to_csv;
use support::lab::scenario::ALL;
use support::score::Scores;
use support::trace::{HEADER, Trace};

const START: u64 = 1_700_000_000_000;

/// Reads rows of `after_ms,phone,ip,session,solves,converts_after_ms`.
fn trace(rows: &[String]) -> Trace {
    let mut text = format!("{HEADER}\n");
    for row in rows {
        let (after, rest) = row.split_once(',').unwrap();
        let at = START + after.parse::<u64>().unwrap();
        text.push_str(&format!("{at},{rest},1,100000,legit:new\n"));
    }
    let trace = Trace::read(text.as_bytes()).unwrap();
    assert!(trace.malformed.is_empty(), "{:?}", trace.malformed);
    trace
}

fn run(trace: &mut Trace, choices: &Choices) -> Run {
    let mut host = Host::new(choices, &prices(trace), trace.rows[0].at_ms).unwrap();
    drive::run(trace, &mut host, None, |_| {})
}

/// A host whose trace names no prices replays texts to every country all the same.
#[test]
fn a_country_whose_price_the_trace_does_not_know_gets_its_texts() {
    let row = format!("{START},+963944567890,192.0.2.1,s1,0,,1,0,legit:new\n");
    let mut trace = Trace::read(format!("{HEADER}\n{row}").as_bytes()).unwrap();
    assert!(trace.malformed.is_empty(), "{:?}", trace.malformed);
    assert_eq!(prices(&trace).of(*b"SY"), 150_000);
    let run = run(&mut trace, &Choices::default());
    assert_eq!(run.refusals(), BTreeMap::new());
    assert!(run.fates[0].sent);
}

/// One address that enters no code: asked from the third message on, refused from the sixth on.
fn strict() -> Choices {
    let mut choices = Choices::default();
    let drain = Duration::from_secs(86_400);
    choices.policy.quotas.client_unverified = Some(Evidence { soft: 2, hard: 5, drain });
    choices
}

fn one_address(solves: impl Fn(u64) -> bool, rows: u64) -> Trace {
    let row = |index: u64| {
        let phone = 4_915_110_000_000 + index * 1_010_007;
        format!("{},+{phone},192.0.2.1,s{index},{},", index * 60_000, u8::from(solves(index)))
    };
    trace(&(0..rows).map(row).collect::<Vec<_>>())
}

#[test]
fn a_step_up_is_passed_only_where_the_trace_says_so() {
    let mut trace = one_address(|index| index % 2 == 0, 10);
    let run = run(&mut trace, &strict());
    let fates: Vec<_> = run
        .fates
        .iter()
        .map(|fate| match (fate.sent, fate.stepped_up, fate.passed, fate.refused) {
            (true, false, false, None) => "sent",
            (true, true, true, None) => "passed",
            (false, true, false, None) => "left",
            (false, _, _, Some(_)) => "refused",
            other => panic!("{other:?}"),
        })
        .collect();
    let expected =
        ["sent", "sent", "passed", "left", "passed", "left", "passed", "left", "refused", "left"];
    assert_eq!(fates, expected);
    let scores = Scores::of(&trace, &run);
    let legit = &scores.totals["legit"];
    assert_eq!((legit.requests, legit.sent, legit.stepped_up), (10, 5, 8));
    assert_eq!((legit.step_up_passed, legit.refused), (3, 1));
    assert_eq!((legit.asked_microusd, legit.spent_microusd), (1_000_000, 500_000));
    assert_eq!(scores.refusals.values().sum::<u64>(), 1);
}

#[test]
fn twenty_in_a_row_without_a_text_are_the_first_stop() {
    for (rows, stop) in [(21, None), (22, Some(2)), (40, Some(2))] {
        let mut trace = one_address(|_| false, rows);
        let run = run(&mut trace, &strict());
        let scores = Scores::of(&trace, &run);
        assert_eq!(scores.totals["legit"].sent_before_first_stop, stop, "{rows}");
    }
}

#[test]
fn the_json_file_has_the_fields_that_the_page_names() {
    let mut trace = one_address(|_| true, 3);
    let run = run(&mut trace, &Choices::default());
    let json = serde_json::to_value(Scores::of(&trace, &run)).unwrap();
    let names = |value: &serde_json::Value| -> BTreeSet<String> {
        value.as_object().unwrap().keys().cloned().collect()
    };
    let set = |names: &[&str]| -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    };
    assert_eq!(
        names(&json),
        set(&[
            "labels",
            "totals",
            "refusals",
            "nodes_peak",
            "bytes_peak",
            "nanoseconds_per_request",
            "rows",
            "malformed_rows"
        ])
    );
    let fields = set(&[
        "requests",
        "sent",
        "stepped_up",
        "step_up_passed",
        "refused",
        "asked_microusd",
        "spent_microusd",
        "sent_before_first_stop",
    ]);
    assert_eq!(names(&json["totals"]), set(&["attack", "legit"]));
    assert_eq!(names(&json["totals"]["attack"]), fields);
    assert_eq!(names(&json["labels"]["legit:new"]), fields);
    assert!(json["totals"]["attack"]["sent_before_first_stop"].is_null());
}

/// Rows of one session and number are the code page's "send again": they wait for its button, and the
/// first of them is no new evidence against the address.
#[test]
fn a_row_of_an_open_code_page_is_its_send_again() {
    let row = |after: u64| format!("{after},+4915112345678,192.0.2.1,s1,0,");
    let mut again = trace(&[row(0), row(5_000), row(95_000)]);
    let mut choices = strict();
    choices.policy.quotas.client_unverified =
        Some(Evidence { soft: 1, hard: 1, drain: Duration::from_secs(86_400) });
    let run = run(&mut again, &choices);
    let [first, again, once_more] = &run.fates[..] else { panic!("{:?}", run.fates) };
    assert!([first, again].iter().all(|fate| fate.sent && !fate.stepped_up), "{:?}", run.fates);
    assert!(once_more.stepped_up, "the second counts: {:?}", run.fates);
}

#[test]
fn an_interval_is_a_countdown_and_a_long_one_a_refusal() {
    let row = |after: u64, session: &str| format!("{after},+4915112345678,192.0.2.1,{session},0,");
    // 30 s after the first, 60 s after the second, 120 s after the third
    let mut sessions = trace(&[row(0, "a"), row(10_000, "b"), row(40_000, "c"), row(91_000, "d")]);
    let run = run(&mut sessions, &Choices::default());
    let sent: Vec<bool> = run.fates.iter().map(|fate| fate.sent).collect();
    assert_eq!(sent, [true, true, true, false], "{:?}", run.reasons);
    assert_eq!(run.refusals().len(), 1);
}

#[test]
fn the_gate_never_sees_the_label() {
    let honest = one_address(|index| index % 3 == 0, 30);
    let mut attack = honest.clone();
    attack.labels = vec!["attack:A1".to_owned()];
    let one = run(&mut honest.clone(), &strict());
    let other = run(&mut attack, &strict());
    assert_eq!(one.fates, other.fates);
    assert_eq!(Scores::of(&attack, &other).totals["attack"].requests, 30);
}

#[test]
fn a_second_policy_is_compared_row_by_row() {
    let mut rows = one_address(|_| false, 6);
    let first = run(&mut rows, &Choices::default());
    let mut second = Choices::default();
    second.policy.quotas.client = vec![Quota::hourly(4)];
    let second = run(&mut rows, &second);
    let text = compare(&rows, &first, &second);
    assert!(text.contains("legit:new: 2 ($0.20) were sent, would be refused"), "{text}");
    assert!(text.contains("2 of 6 rows decided differently"), "{text}");
}

#[test]
fn a_policy_file_names_what_it_does_not_know() {
    let folder = std::env::temp_dir().join(format!("otpgate-replay-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let read = |text: &str| {
        let file = folder.join("policy.toml");
        std::fs::write(&file, text).unwrap();
        support::policy::read(&file)
    };
    let choices = read("daily_budget = 12\nhuman_check = false\n[policy.code]\nattempts = 3\n");
    let choices = choices.unwrap();
    assert_eq!(choices.policy.code.attempts, 3);
    assert!(!choices.human_check);
    for (text, part) in [
        ("[policy.code]\natempts = 3\n", "atempts"),
        ("[policy.code]\nattempts = 0\n", "code.attempts"),
        ("daily_budget = \"much\"\n", "daily_budget"),
        ("not toml", "policy.toml"),
    ] {
        let error = read(text).unwrap_err();
        assert!(error.contains(part), "{text}: {error}");
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

/// A trace starts wherever it likes: the first millisecond of 1970, or late in 9999.
#[test]
fn a_trace_may_begin_at_any_time() {
    for at in [0, 1, 253_402_300_000_000_u64] {
        let text = format!("{HEADER}\n{at},+4915112345678,2001:db8::7,s,1,9000,1,100000,\n");
        let mut trace = Trace::read(text.as_bytes()).unwrap();
        let run = run(&mut trace, &Choices::default());
        assert!(run.fates[0].sent && run.fates[0].verified, "{at}: {:?}", run.reasons);
    }
}

/// An attack on one block of 10 000 numbers, one request in ten seconds, after four days in which six
/// hundred people of another country entered their code.
fn attacked_block() -> Trace {
    let person = |index: u64| {
        let phone = 4_915_110_000_000 + index * 131_007;
        let (at, host) = (index * 576_000, index % 250);
        format!("{at},+{phone},192.0.{}.{host},p{index},1,9000", index % 2)
    };
    let bot = |index: u64| {
        let phone = 998_941_200_000_u64 + index * 37 % 10_000;
        let at = 345_600_000 + index * 10_000;
        format!("{at},+{phone},203.0.{}.{},b{index},0,", index % 100, index % 200)
    };
    trace(&(0..600).map(person).chain((0..90).map(bot)).collect::<Vec<_>>())
}

#[test]
fn the_evidence_of_a_node_is_drawn_from_the_first_request_to_its_refusal() {
    let mut trace = attacked_block();
    let watched = Watched::of("+99894120", &trace).unwrap();
    assert_eq!(watched.node.to_string(), "+99894120xxxx");
    let mut host = Host::new(&Choices::default(), &prices(&trace), trace.rows[0].at_ms).unwrap();
    let mut watcher = Watcher::new(&mut host, watched.node, Host::inspect);
    let run = drive::run(&mut trace, &mut watcher, None, |_| {});
    let samples = watcher.samples;
    // what is watched is what happens without watching
    assert_eq!(run.fates, self::run(&mut trace.clone(), &Choices::default()).fates);
    let text = Explanation::of(&watched, &samples, &trace, &run).text();
    let line = |what: &str| text.lines().position(|line| line.contains(what));
    let (asks, refuses) = (line("asks to prove more:"), line("refuses, until"));
    assert!(asks.is_some() && asks < refuses, "{text}");
    assert!(text.contains("Evidence at +99894120xxxx"), "{text}");
    let requests: u64 = text
        .lines()
        .skip(3)
        .take_while(|line| !line.contains("prove more:"))
        .filter_map(|line| line.split_whitespace().nth(2))
        .map(|word| word.parse::<u64>().unwrap())
        .sum();
    assert_eq!(requests, 90, "{text}");
    let section = Explanation::of(&watched, &samples, &trace, &run).section();
    assert!(section.contains("<svg") && section.contains("+99894120xxxx"));
}

#[test]
fn a_prefix_names_the_node_that_holds_its_numbers() {
    let trace = attacked_block();
    for (prefix, node) in [
        ("+9989412", "+9989412xxxxx"),
        ("998 941", "+998941xxxxxx"),
        ("99894120003", "+9989412000xx"),
        ("+99894120xxxx", "+99894120xxxx"),
        ("+998", "country UZ"),
        ("+49", "country DE"),
        ("country UZ", "country UZ"),
    ] {
        assert_eq!(Watched::of(prefix, &trace).unwrap().node.to_string(), node, "{prefix}");
    }
    // A country that is written wrong was once the pool of all countries, and another an empty table.
    for (prefix, part) in [
        ("+1", "begins so"),
        ("", "no prefix"),
        ("UZ", "no prefix"),
        ("away UZB", "no number of the trace is in `UZB`"),
        ("country uz", "no number of the trace is in `uz`"),
        ("unseen FR", "no number of the trace is in `FR`"),
        ("away UZ DE", "no prefix"),
    ] {
        let error = Watched::of(prefix, &trace).unwrap_err();
        assert!(error.contains(part), "{prefix}: {error}");
    }
}

/// Five days in one country, ten people an hour; `row` says what each of them does.
fn log(row: impl Fn(u64) -> (String, u64, Option<u64>, bool, bool)) -> Trace {
    let mut text = format!("{HEADER}\n");
    for index in 0..1_200 {
        let (ip, again, after, solves, delivered) = row(index);
        let phone = 4_915_110_000_000 + index * 131_007;
        for press in 0..=again {
            let at = START + index * 360_000 + press * 40_000;
            let after = after.map(|after| after.to_string()).unwrap_or_default();
            let (solves, delivered) = (u8::from(solves), u8::from(delivered));
            text.push_str(&format!(
                "{at},+{phone},{ip},s{index},{solves},{after},{delivered},100000,\n"
            ));
        }
    }
    let trace = Trace::read(text.as_bytes()).unwrap();
    assert!(trace.malformed.is_empty(), "{:?}", trace.malformed);
    trace
}

/// What is as the detector assumes it.
fn usual(index: u64) -> (String, u64, Option<u64>, bool, bool) {
    let enters = index % 10 < 8;
    let ip = format!("192.0.2.{}", index % 250);
    (
        ip,
        0,
        enters.then_some(4_000 + index % 50 * 500),
        !index.is_multiple_of(20),
        !index.is_multiple_of(40) || enters,
    )
}

fn moved(trace: &Trace) -> Vec<String> {
    let fit = Fit::of(trace);
    let moves = |one: &&Finding| !one.moves.is_empty();
    fit.findings.iter().filter(moves).map(|one| one.what.clone()).collect()
}

#[test]
fn a_log_as_assumed_moves_nothing() {
    let trace = log(usual);
    assert_eq!(moved(&trace), Vec::<String>::new());
    let text = Fit::of(&trace).text();
    assert!(text.contains("1200 sessions in 5.0 days"), "{text}");
    assert!(text.contains("Nothing in this log asks for other constants."), "{text}");
    assert!(text.contains("conversion, DE (1200)"), "{text}");
}

#[test]
fn each_assumption_that_a_log_breaks_is_named() {
    let poor = |index: u64| {
        let (ip, again, after, solves, delivered) = usual(index);
        (ip, again, after.filter(|_| index % 10 < 2), solves, delivered)
    };
    let slow = |index: u64| {
        let (ip, again, after, solves, delivered) = usual(index);
        (ip, again, after.map(|after| after * 5), solves, delivered)
    };
    let nowhere = |index: u64| {
        let (_, again, after, solves, delivered) = usual(index);
        (format!("{}.{}.2.1", 11 + index % 200, index / 200), again, after, solves, delivered)
    };
    let proxy = |index: u64| {
        let (_, again, after, solves, delivered) = usual(index);
        ("192.0.2.1".to_owned(), again, after, solves, delivered)
    };
    let lost = |index: u64| {
        let (ip, again, after, solves, _) = usual(index);
        (ip, again, after, solves, index % 10 < 8)
    };
    let clumsy = |index: u64| {
        let (ip, again, after, _, delivered) = usual(index);
        (ip, again, after, !index.is_multiple_of(3), delivered)
    };
    let impatient = |index: u64| {
        let (ip, _, after, solves, delivered) = usual(index);
        (ip, 5 * u64::from(index % 10 == 9), after, solves, delivered)
    };
    type Change = fn(u64) -> (String, u64, Option<u64>, bool, bool);
    let cases: [(Change, &str); 7] = [
        (poor, "conversion, DE"),
        (slow, "by 20 s"),
        (nowhere, "from a network"),
        (proxy, "from addresses"),
        (lost, "texts delivered"),
        (clumsy, "step-up"),
        (impatient, "ask again"),
    ];
    for (change, what) in cases {
        let moved = moved(&log(change));
        assert!(moved.iter().any(|one| one.contains(what)), "{what}: {moved:?}");
    }
}

#[test]
fn labelled_attacks_are_no_part_of_a_fit() {
    let mut trace = attacked_block();
    let all = Fit::of(&trace).sessions;
    trace.labels.push("attack:A1".to_owned());
    let label = (trace.labels.len() - 1) as u16;
    trace.rows.iter_mut().filter(|row| row.region == *b"UZ").for_each(|row| row.label = label);
    let fit = Fit::of(&trace);
    assert_eq!((all, fit.sessions, fit.attacks), (690, 600, 90));
    assert!(Fit::of(&Trace::default()).text().contains("0 sessions"));
}

#[test]
fn a_laboratory_run_repeats_to_the_byte_on_any_number_of_gates() {
    let scenario = ALL.iter().find(|scenario| scenario.name == "A2").unwrap();
    let made = scenario.make(7, 50.0, 0.2);
    let text = to_csv(&made.rows);
    assert_eq!(text, to_csv(&scenario.make(7, 50.0, 0.2).rows));
    assert_ne!(text, to_csv(&scenario.make(8, 50.0, 0.2).rows));
    let head: String = text.lines().take(3_000).map(|line| format!("{line}\n")).collect();
    for gates in [1, 3] {
        let choices = Choices { gates, ..Choices::default() };
        let once = || {
            let mut trace = Trace::read(head.as_bytes()).unwrap();
            let run = run(&mut trace, &choices);
            (run.fates.clone(), run.refusals(), run.nodes_peak)
        };
        assert_eq!(once(), once());
    }
}
