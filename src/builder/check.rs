//! What a gate's parts must be, and what only the whole of them allows.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::access::DestinationPolicy;
use crate::base::keyring::KeyRing;
use crate::base::money::Money;
use crate::context::Purpose;
use crate::error::ConfigError;
use crate::gate::FallbackChannel;
use crate::message::MessageFormat;
use crate::policy::{AskNetwork, Policy, agree};
use crate::realm::shared_slots;
use crate::store::{ClockCheck, DEFAULT_CLOCK_SKEW};
use crate::transport::Channel;

/// See [`GateBuilder::hand_off_deadline`](super::GateBuilder::hand_off_deadline).
const HAND_OFF_DEADLINE: Duration = Duration::from_secs(30);

/// See [`GateBuilder::signals_deadline`](super::GateBuilder::signals_deadline).
const SIGNALS_DEADLINE: Duration = Duration::from_secs(5);

pub(super) fn keys(keys: &KeyRing) -> Result<(), ConfigError> {
    match keys.repeated() {
        Some(id) => Err(ConfigError::rule("keys", id.0, "a different KeyId for each key")),
        None => Ok(()),
    }
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
    if span.is_zero() { Err(ConfigError::rule(field, "0", rule)) } else { Ok(span) }
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
    channels(fallbacks, beside.message, all())?;
    agree(all())?;
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
    for step in policies.flat_map(|policy| &policy.fallback.steps) {
        if !channels.iter().any(|channel| channel.channel == step.to) {
            return Err(ConfigError::rule(
                "fallback.steps",
                format!("{} to {}", step.from, step.to),
                "to a channel that `GateBuilder::fallback` gives",
            ));
        }
    }
    Ok(())
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
    use crate::message::OriginHost;

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
