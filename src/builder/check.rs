//! What a gate's parts must be, and what only the whole of them allows.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::access::DestinationPolicy;
use crate::base::keyring::KeyRing;
use crate::base::money::Money;
use crate::base::purpose_name::looks_like;
use crate::context::Purpose;
use crate::error::ConfigError;
use crate::gate::FallbackChannel;
use crate::message::MessageFormat;
use crate::policy::{AskNetwork, Policy, agree, beside_nothing};
use crate::pumping::PriceTable;
use crate::realm::shared_slots;
use crate::recipient::Region;
use crate::store::{ClockCheck, DEFAULT_CLOCK_SKEW};
use crate::transport::Channel;

/// See [`GateBuilder::hand_off_deadline`](super::GateBuilder::hand_off_deadline).
const HAND_OFF_DEADLINE: Duration = Duration::from_secs(30);

/// See [`GateBuilder::signals_deadline`](super::GateBuilder::signals_deadline).
const SIGNALS_DEADLINE: Duration = Duration::from_secs(5);

/// A key that everybody knows is for a developer's machine: see [`only_where_developed`].
pub(super) fn keys(keys: &KeyRing, developing: bool) -> Result<(), ConfigError> {
    if keys.is_published() && !developing {
        return Err(ConfigError::rule(
            "keys",
            "the key that the documentation shows",
            "one of your own, made with `head -c 32 /dev/urandom | basenc --base64url | tr -d =`: this \
             program was compiled without debug assertions, and everybody knows that key",
        ));
    }
    if let Some(id) = keys.repeated() {
        return Err(ConfigError::rule("keys", id.0, "a different KeyId for each key"));
    }
    if keys.lacks_index() {
        return Err(ConfigError::rule(
            "keys",
            "a ring that retires a key and names no index key",
            "given the deployment's first key by KeyRing::index, or every limit and control in the \
             store would be looked for under new names",
        ));
    }
    Ok(())
}

/// Where texts may go: as it was given, in one way.
pub(super) fn one_of(
    countries: Option<DestinationPolicy>,
    destinations: Option<DestinationPolicy>,
) -> Result<Option<DestinationPolicy>, ConfigError> {
    if countries.is_some() && destinations.is_some() {
        return Err(ConfigError::rule(
            "countries",
            "given",
            "left out beside `GateBuilder::destinations`, which has its own: \
             `DestinationPolicy::only`",
        ));
    }
    Ok(countries.or(destinations))
}

pub(super) fn destinations(destinations: &DestinationPolicy) -> Result<(), ConfigError> {
    if destinations.is_nowhere() {
        return Err(ConfigError::rule(
            "destinations",
            "no country",
            "at least one country, or nothing is ever sent; to stop all texts use `Effect::SmsOff`",
        ));
    }
    Ok(())
}

/// Refuses prices that no number has: of `uk` or `UK` in place of `GB`.
pub(super) fn prices<'a>(
    mut tables: impl Iterator<Item = &'a PriceTable>,
) -> Result<(), ConfigError> {
    let known = |letters: &[u8; 2]| {
        Region::all().chain([Region::WORLD]).any(|region| region.letters() == *letters)
    };
    let typo = tables.find_map(|table| table.regions().find(|letters| !known(letters)));
    match typo {
        None => Ok(()),
        Some(letters) => Err(ConfigError::rule(
            "prices",
            String::from_utf8_lossy(&letters),
            "of countries, by the two capitals of ISO 3166: the price would be no number's, and texts would \
             count at another",
        )),
    }
}

/// Refuses text messages that cost next to nothing: all budgets count by their price, and that of another
/// unit (7 for seven cents) would let a thousand times the money be spent. The cheapest that we know of is
/// 6 300 microdollars.
pub(super) fn price_of_a_text(table: &PriceTable) -> Result<(), ConfigError> {
    const LEAST: Money = Money::microdollars(500);
    let lowest = table.lowest();
    if lowest >= LEAST {
        return Ok(());
    }
    Err(ConfigError::rule(
        "prices",
        lowest,
        "half a thousandth of a dollar or more for a text message, as budgets count by it; write \
         Money::cents(7) for seven cents",
    ))
}

pub(super) fn hand_off_deadline(given: Option<Duration>) -> Result<Duration, ConfigError> {
    let rule =
        "more, or every text counts as one that may have gone out; 30 seconds is the default";
    deadline("hand_off_deadline", given.unwrap_or(HAND_OFF_DEADLINE), rule)
}

pub(super) fn signals_deadline(given: Option<Duration>) -> Result<Duration, ConfigError> {
    let rule = "more, or the network never answers; 5 seconds is the default";
    deadline("signals_deadline", given.unwrap_or(SIGNALS_DEADLINE), rule)
}

fn deadline(
    field: &'static str,
    span: Duration,
    rule: &'static str,
) -> Result<Duration, ConfigError> {
    // What is known of a text's charge is kept for `REMEMBER`; what fails after that gives nothing back.
    const LONGEST: Duration = Duration::from_secs(270);
    match span {
        Duration::ZERO => Err(ConfigError::rule(field, "0", rule)),
        span if span > LONGEST => Err(ConfigError::rule(
            field,
            format!("{span:?}"),
            "270 seconds at most: a text that fails ten minutes after it was charged gives no money back",
        )),
        span => Ok(span),
    }
}

/// Keeps a text that names a developer's machine out of production: such a program is compiled
/// without debug assertions.
pub(super) fn only_where_developed<'a>(
    formats: impl Iterator<Item = &'a MessageFormat>,
    developing: bool,
) -> Result<(), ConfigError> {
    match formats.filter_map(MessageFormat::development_host).next() {
        Some(host) if !developing => Err(ConfigError::rule(
            "message.origin",
            host,
            "the host of your site: this program was compiled without debug assertions, and \
             `OriginHost::development_danger` is for a developer's machine",
        )),
        _ => Ok(()),
    }
}

pub(super) fn clock(given: Option<ClockCheck>) -> Result<ClockCheck, ConfigError> {
    let check = given.unwrap_or(ClockCheck::Within(DEFAULT_CLOCK_SKEW));
    if let Some(skew) = check.skew()
        && !(Duration::from_secs(1)..=Duration::from_secs(300)).contains(&skew)
    {
        return Err(ConfigError::rule(
            "clock_skew",
            format!("{skew:?}"),
            "1 s to 5 min, the default life of a code",
        ));
    }
    Ok(check)
}

/// What a policy needs of the parts beside it.
pub(super) struct Beside<'a> {
    pub(super) message: &'a MessageFormat,
    pub(super) daily_budget: Money,
    pub(super) has_human_check: bool,
    pub(super) has_signals: bool,
}

/// All policies of a gate, one by one and beside each other.
pub(super) fn policies(
    general: &Policy,
    by_purpose: &BTreeMap<Purpose, Policy>,
    fallbacks: &[FallbackChannel],
    beside: &Beside<'_>,
) -> Result<(), ConfigError> {
    let all = || by_purpose.values().chain([general]);
    all().try_for_each(|one| policy(one, beside))?;
    named(by_purpose.keys(), all())?;
    channels(fallbacks, beside.message, all())?;
    agree(all())?;
    beside_nothing(general, by_purpose)?;
    purposes(by_purpose.keys())
}

pub(super) fn policy(policy: &Policy, beside: &Beside<'_>) -> Result<(), ConfigError> {
    let Beside { message, daily_budget, has_human_check, has_signals } = *beside;
    policy.check()?;
    if policy.code.format != message.codes() {
        return Err(ConfigError::rule(
            "code.format",
            format!("{:?}", policy.code.format),
            "the format that the message was built for (`MessageFormatBuilder::codes`)",
        ));
    }
    if policy.code.bound && !message.shows_transactions() {
        return Err(ConfigError::rule(
            "code.bound",
            true,
            "false unless the message shows transactions (`MessageFormatBuilder::transactions`, given to \
             `GateBuilder::message`)",
        ));
    }
    if policy.token.human_check_always && !has_human_check {
        return Err(ConfigError::rule(
            "token.human_check_always",
            true,
            "false unless `GateBuilder::human_check` gives a check",
        ));
    }
    let asks = policy.signals.ask != AskNetwork::Never;
    if asks && !has_signals {
        return Err(ConfigError::rule(
            "signals.ask",
            format!("{:?}", policy.signals.ask),
            "`Never` unless `GateBuilder::signals` gives somebody to ask",
        ));
    }
    let dearest = policy.budget.message;
    let budget = |rule| Err(ConfigError::rule("daily_budget", daily_budget, rule));
    if asks && daily_budget < dearest + policy.signals.price {
        return budget("at least budget.message and signals.price, or nothing is ever sent");
    }
    if daily_budget < dearest {
        return budget("at least budget.message, the dearest single text, or nothing is ever sent");
    }
    Ok(())
}

/// Refuses channels that no policy can use, and policies that want a channel which is not there.
pub(super) fn channels<'a>(
    channels: &[FallbackChannel],
    message: &MessageFormat,
    policies: impl Iterator<Item = &'a Policy>,
) -> Result<(), ConfigError> {
    for (place, FallbackChannel { channel, message: words, .. }) in channels.iter().enumerate() {
        let rule = |rule| Err(ConfigError::rule("fallback", channel, rule));
        if *channel == Channel::Sms {
            return rule("a channel beside sms, whose transport is `GateBuilder::transport`");
        }
        if channels.iter().take(place).any(|other| other.channel == *channel) {
            return rule("given once; put two providers of one channel into a `FailOver`");
        }
        if words.codes() != message.codes() {
            return rule("a channel whose message has the codes of the text message");
        }
    }
    let steps =
        policies.flat_map(|policy| policy.fallback.steps.iter().map(move |step| (policy, step)));
    for (policy, step) in steps {
        let Some(channel) = channels.iter().find(|channel| channel.channel == step.to) else {
            return Err(ConfigError::rule(
                "fallback.steps",
                format!("{} to {}", step.from, step.to),
                "to a channel that `GateBuilder::fallback` gives",
            ));
        };
        if policy.code.bound && !channel.message.shows_transactions() {
            return Err(ConfigError::rule(
                "code.bound",
                format!("true with codes by {}", channel.channel),
                "false unless the message of that channel shows transactions too \
                 (`MessageFormatBuilder::transactions`, given to `FallbackChannel::new`)",
            ));
        }
    }
    Ok(())
}

/// Refuses rules for a purpose that only looks like a standard one: they would be nobody's.
fn named<'a>(
    own: impl Iterator<Item = &'a Purpose>,
    policies: impl Iterator<Item = &'a Policy>,
) -> Result<(), ConfigError> {
    let modes = policies.flat_map(|Policy { mode, .. }| {
        let purposes = mode.purposes.keys().map(|purpose| ("mode.purposes", purpose));
        purposes.chain(mode.decoys.iter().map(|purpose| ("mode.decoys", purpose)))
    });
    for (field, purpose) in own.map(|purpose| ("purpose", purpose)).chain(modes) {
        no_look_alike(field, purpose)?;
    }
    Ok(())
}

/// Refuses a purpose that only looks like a standard one.
pub(crate) fn no_look_alike(field: &'static str, purpose: &Purpose) -> Result<(), ConfigError> {
    match looks_like(purpose.as_str()) {
        None => Ok(()),
        Some(standard) => Err(ConfigError::rule(
            field,
            format!("`{purpose}`, which only looks like `{standard}`"),
            "that standard purpose, or a name of your own that nobody takes for it: rules and an operator's \
             entries for the one hold for no code of the other",
        )),
    }
}

pub(super) fn purposes<'p>(own: impl Iterator<Item = &'p Purpose>) -> Result<(), ConfigError> {
    match shared_slots(own) {
        Some((one, other)) => Err(ConfigError::rule(
            "purposes",
            format!("`{one}` and `{other}`"),
            "purposes that do not fall on the same 24-bit tag, or they share the quotas of a \
             number; rename one of the two",
        )),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::keyring::{KeyId, Pepper};
    use crate::base::time::Timestamp;
    use crate::message::OriginHost;

    /// Whichever place of the ring it has: whoever knows it opens grants, tickets or records.
    #[test]
    fn the_key_of_the_documentation_is_refused_in_a_release() {
        let shown = || Pepper::from_text("m5Jb0cSgM8S9nJ4sYqVwCk3L2tXhE7uZxR1fGdPoQiA").unwrap();
        let own = |seed| Pepper::from_bytes(std::array::from_fn(|i| i as u8 ^ seed)).unwrap();
        let ring = || KeyRing::new(KeyId(2), own(2));
        for known in [
            KeyRing::new(KeyId(1), shown()),
            ring().retire(KeyId(1), shown(), Timestamp::MAX).index(own(1)),
            ring().retire(KeyId(1), own(1), Timestamp::MAX).index(shown()),
        ] {
            assert!(keys(&known, true).is_ok());
            let refused = keys(&known, false).unwrap_err().to_string();
            let said =
                "`keys` is the key that the documentation shows, but must be one of your own";
            assert!(refused.starts_with(said) && refused.contains("head -c 32"), "{refused}");
        }
        assert!(keys(&ring(), false).is_ok());
    }

    /// Of the text message and of every other channel, as the page or as a frame in it.
    #[test]
    fn a_development_host_is_refused_in_a_release() {
        let here = || OriginHost::development_danger("localhost:8080").unwrap();
        let site = || OriginHost::new("example.com").unwrap();
        let format = || MessageFormat::builder("Example");
        let plain = format().build().unwrap();
        let at_site = format().origin(site()).embedded(site()).build().unwrap();
        for developed in [format().origin(here()), format().origin(site()).embedded(here())] {
            let developed = developed.build().unwrap();
            for formats in [[&developed, &plain], [&at_site, &developed]] {
                assert!(only_where_developed(formats.into_iter(), true).is_ok());
                let refused = only_where_developed(formats.into_iter(), false).unwrap_err();
                let said = "`message.origin` is localhost, but must be the host of your site";
                assert!(refused.to_string().starts_with(said), "{refused}");
            }
        }
        assert!(only_where_developed([&plain, &at_site].into_iter(), false).is_ok());
    }
}
