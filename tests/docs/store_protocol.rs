//! The worked examples of `docs/store-protocol.md`, played on the crate's own arithmetic.

use std::collections::BTreeMap;
use std::time::Duration;

use otpgate::Timestamp;
use otpgate::limit::{Limit, Meter};

const PAGE: &str = include_str!("../../docs/store-protocol.md");

#[test]
fn every_worked_example_comes_out_as_the_page_says() {
    let mut examples = 0;
    let mut wrong = Vec::new();
    for block in PAGE.split("```meter\n").skip(1) {
        let (block, _) = block.split_once("```").unwrap();
        let (head, steps) = block.split_once('\n').unwrap();
        let limit = limit(head);
        let mut meter = Meter::fresh(&limit);
        for line in steps.lines() {
            let (step, expected) = line.split_once("->").unwrap();
            let (expected, _) = expected.split_once("//").unwrap_or((expected, ""));
            let seen = play(&mut meter, &limit, step);
            if seen != expected.trim() {
                wrong.push(format!("{head}\n  {line}\n  comes out as: {seen}"));
            }
        }
        examples += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(examples, 8, "one for each kind of limit, and two of meters that heal");
}

fn limit(head: &str) -> Limit {
    let mut words = head.split_whitespace();
    let kind = words.next().unwrap();
    let fields: BTreeMap<&str, u64> = words
        .map(|word| word.split_once('=').unwrap())
        .map(|(name, value)| (name, number(value)))
        .collect();
    let field = |name: &str| *fields.get(name).unwrap_or_else(|| panic!("{head}: no {name}"));
    match kind {
        "Spacing" => Limit::Spacing { interval_ms: field("interval_ms"), burst: field("burst") },
        "Ladder" => Limit::Ladder {
            first_ms: field("first_ms"),
            longest_ms: field("longest_ms"),
            forget_ms: field("forget_ms"),
        },
        "Window" => Limit::Window { max: field("max"), span_ms: field("span_ms") },
        "Budget" => Limit::Budget { max: field("max"), span_ms: field("span_ms") },
        "Unverified" => Limit::Unverified { max: field("max"), drain_ms: field("drain_ms") },
        "Failures" => Limit::Failures {
            max: field("max"),
            pause_after: field("pause_after"),
            pause_ms: field("pause_ms"),
            longest_ms: field("longest_ms"),
            forget_ms: field("forget_ms"),
        },
        other => panic!("no such limit: {other}"),
    }
}

/// One step, `<now> charge <cost>` and the like, and what it comes to.
fn play(meter: &mut Meter, limit: &Limit, step: &str) -> String {
    let words: Vec<&str> = step.split_whitespace().collect();
    let now = Timestamp::from_millis(number(words[0]));
    let count = |meter: &Meter| format!("count {}", meter.count(limit, now));
    match words[1..] {
        ["charge", cost] => match meter.charge(limit, now, number(cost)) {
            Ok(count) => format!("granted, count {count}"),
            Err(wait) => format!("refused, wait {}", millis(wait)),
        },
        ["refund", cost, "of", charged] => {
            meter.refund(limit, now, Timestamp::from_millis(number(charged)), number(cost));
            count(meter)
        }
        ["heal", horizon] => {
            let horizon = Timestamp::from_millis(number(horizon));
            let healed = meter.heal(limit, now, horizon);
            if healed { "healed" } else { "as it was" }.to_owned()
        }
        ["credit", amount] => {
            meter.credit(limit, number(amount));
            count(meter)
        }
        ["reset"] => {
            *meter = Meter::fresh(limit);
            count(meter)
        }
        ["count"] => count(meter),
        _ => panic!("no such step: {step}"),
    }
}

fn number(text: &str) -> u64 {
    text.replace('_', "").parse().unwrap_or_else(|_| panic!("not a number: {text}"))
}

/// With underscores between thousands, as the page writes it.
fn millis(wait: Duration) -> String {
    let digits = wait.as_millis().to_string();
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push('_');
        }
        grouped.push(digit);
    }
    grouped
}
