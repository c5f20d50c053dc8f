//! Two policies over the same trace.

use std::collections::BTreeMap;

use super::drive::{Fate, Run};
use super::score::Scores;
use super::table::dollars;
use super::trace::Trace;

/// What a second policy would have decided differently.
pub fn compare(trace: &Trace, first: &Run, second: &Run) -> String {
    let mut by_kind = BTreeMap::new();
    let mut differences = 0_u64;
    for (row, (one, two)) in trace.rows.iter().zip(first.fates.iter().zip(&second.fates)) {
        let words = [word(one), word(two)];
        if words[0] == words[1] {
            continue;
        }
        differences += 1;
        let entry = by_kind.entry((trace.label(row), words)).or_insert((0_u64, 0_u64));
        entry.0 += 1;
        entry.1 += u64::from(row.price_microusd);
    }
    let mut text = String::from("\nThe second policy, against the first:\n");
    for ((label, [one, two]), (count, micro)) in by_kind {
        let money = dollars(micro);
        text.push_str(&format!("  {label}: {count} (${money}) were {one}, would be {two}\n"));
    }
    text.push_str(&format!("  {differences} of {} rows decided differently\n", trace.rows.len()));
    text.push_str(&Scores::of(trace, second).table());
    text
}

fn word(fate: &Fate) -> &'static str {
    match (fate.refused, fate.sent, fate.stepped_up) {
        (_, true, false) => "sent",
        (_, true, true) => "sent after a step-up",
        (Some(_), ..) => "refused",
        _ => "left at a step-up",
    }
}
