//! [`Snapshot`]: a realm in numbers.

use crate::access::Control;
use crate::base::money::Money;
use crate::base::time::Timestamp;
use crate::context::Realm;
use crate::policy::ModePolicy;
use crate::pumping::NodeView;
use crate::recipient::Region;

/// The state of a realm in numbers.
///
/// ```
/// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
/// # shop::open(async |shop| {
/// # shop.issued().await;
/// # let shop::Shop { gate, .. } = shop;
/// use otpgate::{Money, Region};
///
/// let now = gate.snapshot().await?;
/// assert_eq!((now.requests, now.sent, now.failed), (1, 1, 0));
/// assert!(now.spent > Money::ZERO && now.spent < now.daily_budget);
/// assert_eq!(now.countries[0].region, Region::DE);
/// # Ok(())
/// # });
/// ```
///
/// With the feature `serde` it is written as plain data, for pages and scripts of operators: kebab-case
/// words, times in milliseconds since 1970 (`at_ms`), money as decimal dollars in a string, countries as
/// two letters; a number or an account as the pseudonym that events carry. Names and units are stable;
/// nothing reads them back.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub struct Snapshot {
    /// Whose it is.
    pub realm: Realm,
    /// When it was taken.
    pub at: Timestamp,
    /// Requests for a text in the last hour that came as far as the limits and the detector, refused ones
    /// included. What an operator's `Block`, `CountryOff` or `SmsOff`, the destination policy, the token
    /// or the human check turned away before is told by
    /// [`EventKind::Refused`](crate::EventKind::Refused) alone: while a block holds, an attack on it does
    /// not show here. What `KnownNumbersOnly` turns away does, and what is
    /// [withheld](crate::EventKind::QuietlyRefused).
    pub requests: u64,
    /// Texts that went out in the last hour, and what counts as one and costs nothing:
    /// [decoys](crate::Gate::decoy), and requests for a [test number](crate::TestNumber).
    pub sent: u64,
    /// Codes entered in the last hour. Codes of an authenticator app do not count here.
    pub attempts: u64,
    /// Of these, the ones that were not accepted.
    pub failed: u64,
    /// Spent of the daily budget in the last 24 hours.
    pub spent: Money,
    /// The daily budget.
    pub daily_budget: Money,
    /// The budget that all realms share ([`BudgetPolicy::global`](crate::policy::BudgetPolicy::global)), if
    /// there is one: once any of them has emptied it, no text goes out in this one either.
    pub global: Option<GlobalBudget>,
    /// The countries that had requests or texts in the last hour, busiest first.
    pub countries: Vec<CountrySnapshot>,
    /// Entries of the controls that hold.
    pub controls: Vec<Control>,
    /// Number blocks and networks in which the detector of this gate asks or refuses, and why. Where an
    /// operator's entry decides instead, what it does is shown, and its number
    /// ([`NodeView::entry`]): [`Action::Pass`](crate::pumping::Action::Pass) is a place where the detector
    /// would act and may not.
    pub blocks: Vec<NodeView>,
    /// The other gates on the store that this one has heard of lately.
    pub gates: Vec<OtherGate>,
    /// Where this gate refuses and where it only observes: the policy's mode, with that of each purpose which
    /// has a policy of its own. Where it observes, what `blocks` says is what would be done; what operators
    /// enter is done all the same.
    pub mode: ModePolicy,
}

/// What all realms of a deployment have spent together, and may.
///
/// ```
/// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
/// # use otpgate::{Money, Policy};
/// # let mut policy = Policy::default();
/// # policy.token.human_time = otpgate::token::HumanTime::ZERO;
/// # policy.token.work = otpgate::token::WorkBits::NONE;
/// # policy.budget.global = Some(Money::dollars(80));
/// # shop::open_with(|parts| parts.policy(policy), async |shop| {
/// # shop.issued().await;
/// # let shop::Shop { gate, .. } = shop;
/// use otpgate::Realm;
///
/// // With `budget.global` of $80, after a text of the gate's own realm:
/// let tenant = gate.in_realm(&Realm::new("tenant-8")?).snapshot().await?;
/// let all = tenant.global.unwrap();
/// assert_eq!((tenant.spent, all.limit), (Money::ZERO, Money::dollars(80)));
/// assert!(all.spent > Money::ZERO);
/// # Ok(())
/// # });
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct GlobalBudget {
    /// Spent in the last 24 hours.
    pub spent: Money,
    /// The budget of the general policy; a purpose with a policy of its own may have another.
    pub limit: Money,
}

/// Another gate on the same store, as this one has heard of it: gates tell each other what their
/// detectors see along with the calls they make anyway.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct OtherGate {
    /// A random name that it has for the life of its process.
    pub name: String,
    /// When something of it was last read.
    pub heard: Timestamp,
}

/// The size of a detector.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct DetectorFootprint {
    /// Number blocks, countries and networks it keeps an eye on.
    pub nodes: usize,
    /// Memory, in bytes.
    pub bytes: usize,
}

/// The state of one country in numbers, over the last hour.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub struct CountrySnapshot {
    /// The country.
    pub region: Region,
    /// Requests for a text: see [`Snapshot::requests`].
    pub requests: u64,
    /// Texts that went out, and what counts as one: see [`Snapshot::sent`].
    pub sent: u64,
    /// Codes entered.
    pub attempts: u64,
    /// Codes entered and not accepted.
    pub failed: u64,
}

impl CountrySnapshot {
    /// Accepted codes for each text sent, in percent; `None` if nothing was sent. Healthy traffic
    /// lies between 55 and 85; near nothing is pumping or an outage. Decoys lower it.
    ///
    /// ```
    /// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
    /// # shop::open(async |shop| {
    /// # let grant = shop.grant().await;
    /// # let code = shop.code();
    /// # let shop::Shop { gate, client, .. } = shop;
    /// # let before = gate.snapshot().await?;
    /// assert_eq!(before.countries[0].conversion_percent(), Some(0)); // one text, no code yet
    /// let _accepted = gate.verify(&grant, &code, &client).await?;
    /// assert_eq!(gate.snapshot().await?.countries[0].conversion_percent(), Some(100));
    /// # Ok(())
    /// # });
    /// ```
    pub fn conversion_percent(&self) -> Option<u64> {
        let accepted = self.attempts.saturating_sub(self.failed);
        accepted.saturating_mul(100).checked_div(self.sent)
    }
}
