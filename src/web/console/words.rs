//! What the console says, in words that somebody reads at 3 a.m.

use crate::access::{Effect, Target};
use crate::base::time::Timestamp;
use crate::event::Event;
use crate::outcome::LimitName;
use crate::pumping::{Action, AlertKind, BlockLevel, NodeView};

use super::clock;

/// The evidence that speaks loudest against a place, in nats.
pub(super) fn evidence(place: &NodeView) -> f32 {
    place.evidence.max(place.share_evidence).max(place.step_up_evidence)
}

/// Whether somebody should look at once.
pub(super) const fn is_urgent(kind: AlertKind) -> bool {
    matches!(
        kind,
        AlertKind::BlockBegun
            | AlertKind::BlockForbidden
            | AlertKind::ConversionCollapsed
            | AlertKind::CarrierOutage
    )
}

/// Whose budget an event tells of: what the text that it came with was to, and for.
pub(super) fn whose(scope: LimitName, event: &Event) -> String {
    let which = match (scope, event.region, &event.purpose) {
        (LimitName::Country, Some(region), _) => format!(" {region}"),
        (LimitName::Block, Some(region), _) => format!(" in {region}"),
        (LimitName::Purpose, _, Some(purpose)) => format!(" {purpose}"),
        _ => String::new(),
    };
    format!("Budget ({scope}{which})")
}

/// Why the detector acts on a place, or would where it is only `observed`.
pub(super) fn place(place: &NodeView, observed: bool, now: Timestamp) -> Vec<String> {
    let mut words = vec![ground(place).to_owned()];
    words.push(odds(evidence(place)));
    let out = match place.unanswered {
        0 => "No code is out unanswered at the moment.".to_owned(),
        1 => "One code is out and unanswered.".to_owned(),
        many => format!("{many} codes are out and unanswered."),
    };
    words.push(out);
    words.push(custom(place));
    if let Some(entry) = place.entry {
        words.push(match place.action {
            Action::Refuse => format!("Entry {entry} of the controls refuses all texts here."),
            _ => {
                format!("Entry {entry} of the controls forbids the detector to act: texts go out.")
            }
        });
    } else if place.action == Action::Refuse {
        let since = clock::lately(Timestamp::from_millis(place.since_ms), now);
        let left = place.until_ms.saturating_sub(now.as_millis());
        let refused = if observed { "It would be refused" } else { "Refused" };
        let mut held =
            format!("{refused} since {since} UTC, for another {} at most.", clock::span(left));
        if place.strikes > 1 {
            held.push_str(if observed { " It was so " } else { " It was refused " });
            held.push_str(&place.strikes.to_string());
            held.push_str(" times in the last half day.");
        }
        words.push(held);
    }
    words
}

/// Which of the three kinds of evidence speaks.
fn ground(place: &NodeView) -> &'static str {
    let loudest = evidence(place);
    if loudest <= place.evidence {
        match place.node.level() {
            BlockLevel::Host | BlockLevel::Network => {
                "Texts asked for from here are hardly ever followed by a code."
            }
            _ => "Texts go out here and hardly any code comes back.",
        }
    } else if loudest <= place.share_evidence {
        "It takes a share of its country's texts that codes entered do not explain."
    } else {
        "Step-ups asked for here are not answered."
    }
}

/// Nats as odds, which can be read without a table.
fn odds(nats: f32) -> String {
    match nats {
        nats if nats < 0.7 => "By now the evidence has faded.".to_owned(),
        nats if nats > 14.0 => {
            "Odds of more than a million to one against honest traffic.".to_owned()
        }
        nats => {
            let odds = nats.exp();
            let rounded = match odds {
                odds if odds < 20.0 => odds.round(),
                odds if odds < 1_000.0 => (odds / 10.0).round() * 10.0,
                odds if odds < 100_000.0 => (odds / 1_000.0).round() * 1_000.0,
                odds => (odds / 100_000.0).round() * 100_000.0,
            };
            let figure = match rounded {
                rounded if rounded < 1_000.0 => rounded.to_string(),
                rounded => format!("{} 000", (rounded / 1_000.0).round()),
            };
            format!("Odds of about {figure} to one against honest traffic.")
        }
    }
}

/// What people there usually do.
fn custom(place: &NodeView) -> String {
    match place.verified_daily {
        daily if daily < 0.05 => "Nobody ever verified a number here.".to_owned(),
        daily if daily < 1.0 => "Now and then somebody verifies a number here.".to_owned(),
        daily => format!("On a usual day {daily:.0} numbers are verified here."),
    }
}

/// What a target is, without what it stands for where that is a person.
pub(super) fn target(target: &Target) -> String {
    match target {
        Target::Everything => "everything".to_owned(),
        Target::Country(region) => format!("country {region}"),
        Target::Prefix(prefix) => format!("numbers {prefix}…"),
        Target::Number(name) => format!("one number ({})", short(name.as_bytes())),
        Target::Network(network) => format!("network {network}"),
        Target::User(name) => format!("one account ({})", short(name.as_bytes())),
    }
}

/// The beginning of a pseudonym: enough to tell two entries apart.
fn short(bytes: &[u8; 16]) -> String {
    let [a, b, c, ..] = bytes;
    format!("#{a:02x}{b:02x}{c:02x}")
}

/// What an effect does.
pub(super) fn effect(effect: Effect) -> String {
    match effect {
        Effect::Allow => "allowed past the detector".to_owned(),
        Effect::Block => "blocked".to_owned(),
        Effect::CountryOff => "no texts to the country".to_owned(),
        Effect::KnownNumbersOnly => "known numbers only".to_owned(),
        Effect::SmsOff => "SMS off".to_owned(),
        Effect::ExpectSurge(factor) => format!("{} times the usual expected", factor.value()),
        Effect::ForbidAutomaticBlock => "the detector may not block".to_owned(),
        Effect::LiftAutomaticBlock => "the detector's block lifted".to_owned(),
        Effect::ExtendAutomaticBlock => "the detector's block extended".to_owned(),
        Effect::TestNumber => "test number".to_owned(),
    }
}

/// Whether what ends at `end` lasts as long as what ends at `other`; `None` is never.
pub(super) fn lasts(end: Option<Timestamp>, other: Option<Timestamp>) -> bool {
    end.is_none_or(|end| other.is_some_and(|other| end >= other))
}

/// What a kind of reason means.
pub(super) fn reason(word: &str) -> &'static str {
    match word {
        "token" => "The page's token was missing, old, altered or another's",
        "token_spent" => "The page's token was used before",
        "caller" => "A service's signed request did not hold",
        "destination" => "The country or the kind of number gets no texts",
        "control" => "An operator's entry",
        "known_numbers_only" => "An operator lets known numbers pass only",
        "sms_off" => "An operator switched SMS off",
        "human_check_failed" => "The human check was not passed",
        "human_check_asked" => "The human check is asked of everybody, or by the ticket",
        "limit" => "A limit on numbers, clients or groups",
        "budget" => "A budget is used up",
        "too_many_failures" => "Too many wrong codes for the number",
        "pumping" => "The detector sees pumping",
        "anonymiser" => "The client hides behind Tor, a VPN or a proxy",
        "sim_swapped" => "The SIM card was changed lately",
        "no_signals" => "The network said nothing of the number",
        "number_refused" => "The provider refused the number",
        "channel_off" | "channel_not_yet" => "Another channel was asked for and is not due",
        "number_fault" => "The number is out of service, opted out or barred",
        "verification_over" => "The verification was over",
        _ => "Another reason",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::label;

    #[test]
    fn every_kind_of_reason_has_its_words() {
        for word in label::REASONS {
            assert_ne!(reason(word), "Another reason", "{word}");
        }
    }

    #[test]
    fn odds_are_round() {
        for (nats, words) in [
            (0.5, "faded"),
            (2.0, "about 7 to one"),
            (5.0, "about 150 to one"),
            (9.3, "about 11 000 to one"),
            (12.5, "about 300 000 to one"),
            (40.0, "more than a million"),
        ] {
            assert!(odds(nats).contains(words), "{nats}: {}", odds(nats));
        }
    }
}
