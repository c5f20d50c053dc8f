//! Send intervals and quotas.

use std::time::Duration;

use crate::base::time::millis;
use crate::error::ConfigError;
use crate::limit::Limit;

/// At most `max` messages in any span of `per`. The window slides: no span holds more, wherever it
/// starts (a fixed window admits twice as many across its edge).
///
/// ```
/// use std::time::Duration;
/// use otpgate::Policy;
/// use otpgate::policy::Quota;
///
/// assert_eq!(Quota::hourly(5), Quota { max: 5, per: Duration::from_secs(3_600) });
///
/// let mut policy = Policy::default();
/// policy.quotas.number = vec![Quota { max: 3, per: Duration::from_secs(900) }, Quota::daily(10)];
/// assert!(policy.check().is_ok());
/// policy.quotas.number = vec![Quota::daily(0)]; // to shut something off use the controls
/// assert!(policy.check().is_err());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Quota {
    /// Messages.
    pub max: u64,
    /// The span. It names the meter, in whole seconds, so no two quotas of a list may have the same one;
    /// see [`QuotaPolicy`] for what a change does.
    #[cfg_attr(feature = "serde", serde(with = "crate::policy::text::span"))]
    pub per: Duration,
}

impl Quota {
    /// At most `max` in any hour.
    #[must_use]
    pub const fn hourly(max: u64) -> Self {
        Self { max, per: Duration::from_secs(3_600) }
    }

    /// At most `max` in any 24 hours.
    #[must_use]
    pub const fn daily(max: u64) -> Self {
        Self { max, per: Duration::from_secs(86_400) }
    }

    pub(crate) fn limit(self) -> Limit {
        Limit::Window { max: self.max, span_ms: millis(self.per) }
    }
}

/// The growing interval between two sends to one number: the resend ladder.
///
/// ```
/// use std::time::Duration;
/// use otpgate::Policy;
/// use otpgate::policy::Ladder;
///
/// let seconds = Duration::from_secs;
/// let mut policy = Policy::default(); // waits of 30, 60, 120, 240, 480, 600, 600 … seconds
/// policy.interval.ladder = Ladder { first: seconds(60), longest: seconds(600), forget: seconds(60) };
/// let error = policy.check().unwrap_err(); // forgotten before it binds
/// assert!(error.to_string().contains("forget ≥ longest"));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Ladder {
    /// After the first send.
    #[cfg_attr(feature = "serde", serde(with = "crate::policy::text::span"))]
    pub first: Duration,
    /// It doubles up to this.
    #[cfg_attr(feature = "serde", serde(with = "crate::policy::text::span"))]
    pub longest: Duration,
    /// One doubling is forgotten after each such time without a send.
    #[cfg_attr(feature = "serde", serde(with = "crate::policy::text::span"))]
    pub forget: Duration,
}

impl Ladder {
    pub(crate) fn limit(self) -> Limit {
        Limit::Ladder {
            first_ms: millis(self.first),
            longest_ms: millis(self.longest),
            forget_ms: millis(self.forget),
        }
    }
}

/// The interval between two sends to one number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct IntervalPolicy {
    /// Per number and purpose. Default: 30 seconds, doubling to 10 minutes, one doubling forgotten
    /// each half hour. Healthy carriers deliver 95 % within 15 seconds and 99 % within 30, so an
    /// earlier resend only pays twice.
    pub ladder: Ladder,
}

impl Default for IntervalPolicy {
    fn default() -> Self {
        Self {
            ladder: Ladder {
                first: Duration::from_secs(30),
                longest: Duration::from_secs(600),
                forget: Duration::from_secs(1_800),
            },
        }
    }
}

impl IntervalPolicy {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let Ladder { first, longest, forget } = self.ladder;
        if first < Duration::from_secs(1) || longest < first || forget < longest {
            return Err(ConfigError::rule(
                "interval.ladder",
                format!("{first:?} / {longest:?} / {forget:?}"),
                "first ≥ 1 second, longest ≥ first, forget ≥ longest",
            ));
        }
        Ok(())
    }
}

/// Messages that nobody has verified yet, as a leaky bucket: each send adds one, an accepted code
/// takes [`Evidence::CREDIT`] back, and one drains away in each `drain`.
///
/// A shared address with honest users stays low however many they are, because more than half of
/// them enter their code. A bot that verifies nothing fills it. Above `soft` the client must step
/// up, above `hard` it is refused.
///
/// ```
/// use otpgate::Policy;
/// use otpgate::policy::Evidence;
///
/// // A launch behind one address: 1 000 sign-ups an hour, of which 600 are verified.
/// let evidence = Policy::default().quotas.client_unverified.unwrap();
/// assert_eq!((evidence.soft, evidence.hard), (60, 300));
/// assert!(600 * Evidence::CREDIT > 1_000, "the level stays near zero");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Evidence {
    /// Unverified messages before a step-up is asked for.
    pub soft: u64,
    /// Unverified messages before sends are refused.
    pub hard: u64,
    /// The time in which one is forgotten. A store keeps how long the bucket takes to run dry, so under
    /// another `drain` what is in it counts as old / new times as many until it has: at half the time a
    /// network at 50 stands at 100, and may be refused for hours. To loosen or tighten, change `soft` and
    /// `hard`. At most 31 days, like the span of a quota.
    #[cfg_attr(feature = "serde", serde(with = "crate::policy::text::span"))]
    pub drain: Duration,
}

impl Evidence {
    /// How many messages an accepted code takes back: its own and one that did not convert.
    ///
    /// Between a fifth and a half of honest messages never have their code entered. If a code took
    /// back only its own message, these would add up, and a busy shared address would be refused in
    /// the end: a launch behind one carrier-grade NAT at thirty sign-ups a minute after an hour.
    /// Half is below what any honest market converts and above what an attacker without the phones
    /// can show; the detector finds those who have them.
    pub const CREDIT: u64 = 2;

    pub(crate) fn limit(self, max: u64) -> Limit {
        Limit::Unverified { max, drain_ms: millis(self.drain) }
    }

    fn check(self, field: &'static str) -> Result<(), ConfigError> {
        if self.soft == 0 || self.hard < self.soft || !self.is_kept_exactly() {
            return Err(ConfigError::rule(
                field,
                format!("{} / {} / {:?}", self.soft, self.hard, self.drain),
                "soft ≥ 1, hard ≥ soft, drain 1 ms to 31 days, and hard × drain at most 270 000 years",
            ));
        }
        Ok(())
    }

    /// Whether every store counts it to the message. A bucket is kept as the time at which it is dry, and
    /// Redis counts in doubles: above 2^53 ms every further message would fit.
    pub(super) fn is_kept_exactly(self) -> bool {
        const LONGEST: Duration = Duration::from_secs(31 * 86_400);
        const MOST: u64 = (1 << 53) - (1 << 47);
        let full = self.hard.checked_mul(millis(self.drain));
        (Duration::from_millis(1)..=LONGEST).contains(&self.drain)
            && full.is_some_and(|full| full <= MOST)
    }
}

/// Messages per number, client, session and so on. An empty list means no such quota; at most four
/// quotas each. Only `number` must hold one: without it a single phone can be sent a text at every
/// interval, and `number = []` in a file is usually a slip. If you want no quota there, write one
/// that is out of reach.
///
/// A quota counts on under another policy, at a restart and between the gates of a roll-out, as long as
/// its span stays: another maximum holds at once, and its neighbours in the list may come, go and move.
/// A quota of another span begins anew. To tighten one, lower its maximum or add another beside it.
///
/// ```
/// use otpgate::Policy;
/// use otpgate::policy::Quota;
///
/// let mut policy = Policy::default();
/// policy.quotas.country = vec![Quota::daily(20_000)];
/// policy.quotas.session.clear(); // no such quota
/// policy.quotas.number = vec![Quota::hourly(8), Quota::daily(5)]; // the eight are out of reach
/// let error = policy.check().unwrap_err().to_string();
/// assert!(error.starts_with("`quotas.number` is 8 per 3600s and 5 per 86400s, but must be"));
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct QuotaPolicy {
    /// Per number, purpose and lane: what strangers did does not hold back a client that proves a
    /// known device or passed a human check. Default: 5 an hour, 10 a day (the field's consensus:
    /// 3–5 in 10–15 minutes, at most 10 a day).
    pub number: Vec<Quota>,
    /// Per number over all purposes and lanes. Default: 30 a day, so that a handful of purposes
    /// cannot be added up to harass one person. A third of it is kept for those who passed a human
    /// check or proved a device and for callers, and half of that third for the last two.
    pub number_total: Vec<Quota>,
    /// Per client network (IPv4 address, IPv6 /64). Default: none; `client_unverified` holds bots
    /// without holding a campus behind one address.
    pub client: Vec<Quota>,
    /// All clients of unknown address share this, each lane apart: a stranger stops nobody who
    /// passed a human check or proved a device. Default: 30 an hour.
    pub client_unknown: Vec<Quota>,
    /// Unverified messages per client network. Default: step-up from 60, refusal from 300, one
    /// forgotten a minute. A campus or a carrier's shared address whose users enter half of their
    /// codes never fills it.
    pub client_unverified: Option<Evidence>,
    /// Unverified messages per wider network (IPv4 /24, IPv6 /56), against rotation inside an
    /// allocation. Default: step-up from 300, refusal from 3 000, five forgotten a minute.
    pub network_unverified: Option<Evidence>,
    /// Unverified messages per network above the site (IPv4 /20, IPv6 /48), while nobody from it has
    /// been a customer for a day. Default: step-up from 1 000, refusal from 4 000, one forgotten each
    /// 10 seconds: 1.24 times a /56 in a day, where 256 of them are inside.
    ///
    /// "Customers" are learnt from accepted codes. On average one number in sixteen (nobody outside
    /// can tell which) marks each of its networks as one with customers, from a day later until 90
    /// days after the last. The three limits for networks without customers are then lifted for
    /// that network, and `customers_unverified` is left.
    pub campus_unverified: Option<Evidence>,
    /// The same per IPv6 /40. Default: step-up from 1 250, refusal from 5 000, one forgotten each
    /// 8 seconds: 1.25 times a /48.
    pub provider_unverified: Option<Evidence>,
    /// The same per provider's allocation (IPv4 /16, IPv6 /32). Default: step-up from 1 500, refusal
    /// from 6 000, one forgotten each 6 seconds: twice a /56, where 16 million of them are inside.
    pub allocation_unverified: Option<Evidence>,
    /// Unverified messages per provider's allocation (IPv4 /16, IPv6 /32), customers or none.
    /// Default: step-up from 12 000, refusal from 24 000, one forgotten each 4 seconds. Room for a
    /// carrier whose shared addresses send 30 000 codes a day, through six hours in which no code
    /// arrives.
    pub customers_unverified: Option<Evidence>,
    /// Per session. Default: 10 an hour.
    pub session: Vec<Quota>,
    /// Per account. Default: 10 an hour, 20 a day.
    pub user: Vec<Quota>,
    /// Per proven device. Default: 10 an hour, 20 a day.
    pub device: Vec<Quota>,
    /// Per block of 10 000 numbers. Default: none; see `block_unverified`.
    pub block: Vec<Quota>,
    /// Unverified messages per block of 10 000 numbers. Default: step-up from 60, refusal from
    /// 600, one forgotten each 2 minutes. A coarse brake that every store enforces exactly; the
    /// detector behind it is finer.
    pub block_unverified: Option<Evidence>,
    /// Per country. Default: none; only the host knows its markets.
    pub country: Vec<Quota>,
    /// Per purpose. Default: none.
    pub purpose: Vec<Quota>,
    /// Per caller without a page, in each realm anew. Default: 1 000 an hour.
    pub caller: Vec<Quota>,
    /// Per realm. Default: none; the money budget is the bound that is always there.
    pub realm: Vec<Quota>,
    /// Over all realms of the gate. Default: none.
    pub global: Vec<Quota>,
}

impl Default for QuotaPolicy {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        let minutes = |n: u64| Duration::from_secs(n.saturating_mul(60));
        Self {
            number: vec![Quota::hourly(5), Quota::daily(10)],
            number_total: vec![Quota::daily(30)],
            client: Vec::new(),
            client_unknown: vec![Quota::hourly(30)],
            client_unverified: Some(Evidence { soft: 60, hard: 300, drain: minutes(1) }),
            network_unverified: Some(Evidence { soft: 300, hard: 3_000, drain: seconds(12) }),
            campus_unverified: Some(Evidence { soft: 1_000, hard: 4_000, drain: seconds(10) }),
            provider_unverified: Some(Evidence { soft: 1_250, hard: 5_000, drain: seconds(8) }),
            allocation_unverified: Some(Evidence { soft: 1_500, hard: 6_000, drain: seconds(6) }),
            customers_unverified: Some(Evidence { soft: 12_000, hard: 24_000, drain: seconds(4) }),
            session: vec![Quota::hourly(10)],
            user: vec![Quota::hourly(10), Quota::daily(20)],
            device: vec![Quota::hourly(10), Quota::daily(20)],
            block: Vec::new(),
            block_unverified: Some(Evidence { soft: 60, hard: 600, drain: minutes(2) }),
            country: Vec::new(),
            purpose: Vec::new(),
            caller: vec![Quota::hourly(1_000)],
            realm: Vec::new(),
            global: Vec::new(),
        }
    }
}

impl QuotaPolicy {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        for (field, quotas) in [
            ("quotas.number", &self.number),
            ("quotas.number_total", &self.number_total),
            ("quotas.client", &self.client),
            ("quotas.client_unknown", &self.client_unknown),
            ("quotas.session", &self.session),
            ("quotas.user", &self.user),
            ("quotas.device", &self.device),
            ("quotas.block", &self.block),
            ("quotas.country", &self.country),
            ("quotas.purpose", &self.purpose),
            ("quotas.caller", &self.caller),
            ("quotas.realm", &self.realm),
            ("quotas.global", &self.global),
        ] {
            check_list(field, quotas)?;
        }
        if self.number.is_empty() {
            return Err(ConfigError::rule(
                "quotas.number",
                "an empty list, no quota at all",
                "one quota or more; to have none in effect write one that is out of reach",
            ));
        }
        for (field, evidence) in [
            ("quotas.client_unverified", self.client_unverified),
            ("quotas.network_unverified", self.network_unverified),
            ("quotas.campus_unverified", self.campus_unverified),
            ("quotas.provider_unverified", self.provider_unverified),
            ("quotas.allocation_unverified", self.allocation_unverified),
            ("quotas.customers_unverified", self.customers_unverified),
            ("quotas.block_unverified", self.block_unverified),
        ] {
            evidence.map_or(Ok(()), |evidence| evidence.check(field))?;
        }
        Ok(())
    }
}

/// Quotas in one list.
const MOST: usize = 4;

fn check_list(field: &'static str, quotas: &[Quota]) -> Result<(), ConfigError> {
    if quotas.len() > MOST {
        return Err(ConfigError::rule(field, quotas.len(), "at most four quotas"));
    }
    const LONGEST: Duration = Duration::from_secs(31 * 86_400);
    for quota in quotas {
        if quota.max == 0 || quota.per < Duration::from_secs(1) || quota.per > LONGEST {
            return Err(ConfigError::rule(
                field,
                format!("{} per {:?}", quota.max, quota.per),
                "at least 1 message, over 1 second to 31 days; to shut something off use the controls",
            ));
        }
    }
    let same =
        |a: &&Quota| quotas.iter().filter(|b| a.per.as_secs() == b.per.as_secs()).count() > 1;
    if let Some(quota) = quotas.iter().find(same) {
        return Err(ConfigError::rule(
            field,
            format!("{}s twice", quota.per.as_secs()),
            "of spans that differ by a second or more: each names a meter",
        ));
    }
    let by_span = |a: &Quota, b: &Quota| b.per > a.per && b.max < a.max;
    if let Some((tight, loose)) =
        quotas.iter().flat_map(|a| quotas.iter().map(move |b| (b, a))).find(|(b, a)| by_span(a, b))
    {
        return Err(ConfigError::rule(
            field,
            format!("{} per {:?} and {} per {:?}", loose.max, loose.per, tight.max, tight.per),
            "a longer span must allow at least as much as a shorter one, or the shorter never binds",
        ));
    }
    Ok(())
}
