//! Which channel may follow which.

use std::time::Duration;

use super::CodePolicy;
use crate::error::ConfigError;
use crate::transport::Channel;

/// The channels that a running verification may change to, and after what.
///
/// A change is a resend in every way: the same interval, quotas, budgets and meters, at the price
/// of the channel. [`CodePolicy::resend`] keeps or voids the code before. So no change of channel
/// multiplies a limit. Default: no change.
///
/// ```
/// use std::time::Duration;
/// use otpgate::policy::FallbackStep;
/// use otpgate::{Channel, Policy};
///
/// let mut policy = Policy::default();
/// let mut call = FallbackStep::new(Channel::Sms, Channel::Voice);
/// call.after = Some(Duration::from_secs(60)); // a minute after the first text the page may ask
/// call.undelivered = true; // and a resend calls if the network says that the text did not arrive
/// policy.fallback.steps.push(call);
/// assert!(policy.check().is_ok());
///
/// policy.fallback.steps.push(FallbackStep::new(Channel::Sms, Channel::Email));
/// let error = policy.check().unwrap_err().to_string();
/// assert!(error.contains("fallback.email_danger"), "{error}");
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct FallbackPolicy {
    /// The changes. If two lead to one channel, the first whose conditions are met counts.
    pub steps: Vec<FallbackStep>,
    /// Lets codes go by e-mail, which NIST SP 800-63B-4 §3.1.3 does not allow as out-of-band
    /// authentication. Default: off.
    pub email_danger: bool,
}

/// One change of channel.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
#[non_exhaustive]
pub struct FallbackStep {
    /// The channel that went before.
    pub from: Channel,
    /// The channel that may follow.
    pub to: Channel,
    /// How long after the first message of the verification the client may ask for it; `None`: it may
    /// not. Default: 60 s, twice the first interval.
    #[cfg_attr(feature = "serde", serde(default = "after", with = "super::text::optional_span"))]
    pub after: Option<Duration>,
    /// How many messages must have gone by `from` before. Default: 1.
    #[cfg_attr(feature = "serde", serde(default = "one"))]
    pub sends: u32,
    /// Whether an ordinary resend takes this channel once a receipt has said that a message to the
    /// number did not arrive. The page gets the same answer as from any other resend, so it does
    /// not learn what the network said. Default: no.
    #[cfg_attr(feature = "serde", serde(default))]
    pub undelivered: bool,
    /// How many messages of a verification may go by `to`. Default: 1.
    #[cfg_attr(feature = "serde", serde(default = "one"))]
    pub most: u32,
}

fn after() -> Option<Duration> {
    Some(Duration::from_secs(60))
}

fn one() -> u32 {
    1
}

impl FallbackStep {
    /// From one channel to another with the defaults.
    #[must_use]
    pub fn new(from: Channel, to: Channel) -> Self {
        Self { from, to, after: after(), sends: one(), undelivered: false, most: one() }
    }
}

impl FallbackPolicy {
    /// Whether a verification may ever leave the text message.
    pub fn is_off(&self) -> bool {
        self.steps.is_empty()
    }

    /// Whether some resend goes by what a receipt said.
    pub(crate) fn heeds_receipts(&self) -> bool {
        self.steps.iter().any(|step| step.undelivered)
    }

    pub(super) fn check(&self, code: &CodePolicy) -> Result<(), ConfigError> {
        for step in &self.steps {
            let shown = format!("{} to {}", step.from, step.to);
            let rule = |rule| Err(ConfigError::rule("fallback.steps", &shown, rule));
            if step.from == step.to {
                return rule("a change: an ordinary resend keeps the channel");
            }
            if step.to == Channel::Sms {
                return rule("away from sms: every resend may go by sms without a step");
            }
            if step.from != Channel::Sms && !self.steps.iter().any(|other| other.to == step.from) {
                return rule("from a channel that some other step leads to, or from sms");
            }
            if step.to == Channel::Email && !self.email_danger {
                return rule(
                    "without email, which is no out-of-band authentication (NIST SP 800-63B-4 \
                     §3.1.3), unless `fallback.email_danger` says so",
                );
            }
            if step.after.is_none() && !step.undelivered {
                return rule("one with `after` or `undelivered`, or nothing ever takes it");
            }
            if step.after.is_some_and(|after| after >= code.open) {
                return rule("one whose `after` ends before `code.open`, or nobody can ask for it");
            }
            if !(1..=10).contains(&step.sends) || !(1..=10).contains(&step.most) {
                return rule("one with `sends` and `most` of 1 to 10");
            }
        }
        Ok(())
    }
}
