//! Enforce, or only observe.

use std::collections::{BTreeMap, BTreeSet};

use crate::context::Purpose;
use crate::recipient::Region;

/// Whether a refusal is carried out.
///
/// In shadow mode a text that would have been refused goes out, and the observer hears of it:
///
/// ```
/// # let mut policy = shop::policy();
/// # policy.mode.general = otpgate::policy::Mode::Observe;
/// # let (observer, events) = otpgate::QueuedObserver::bounded(64);
/// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
/// # shop::open_with(|parts| parts.policy(policy).observer(observer), async |shop| {
/// # let grant = shop.grant().await;
/// # let shop::Shop { gate, client, .. } = shop;
/// use otpgate::{EventKind, Sent};
///
/// assert!(matches!(gate.resend(&grant, &client).await?, Sent::Issued(_)), "sent at once again");
/// let would = |kind: &EventKind| matches!(kind, EventKind::WouldRefuse { .. });
/// assert!(events.try_iter().any(|event| would(&event.kind)));
/// # Ok(())
/// # });
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
pub enum Mode {
    /// Enforce: what is refused is not sent.
    #[default]
    Enforce,
    /// Shadow mode: decide, record, and send all the same. Tokens, nonces, destinations, operators'
    /// controls (an extended block of the detector's too), opt-outs, a human check asked of everyone, the exact text, the dearest single message,
    /// attempts, the daily budget of the realm and the budget over all realms are enforced even so.
    Observe,
}

/// The mode in general, per purpose and per country. The most specific wins; a country beats a
/// purpose.
///
/// ```
/// use otpgate::policy::{Mode, ModePolicy};
/// use otpgate::{Purpose, Region};
///
/// // Try the rules out on log-ins, but never in the country where the fraud is.
/// let mut mode = ModePolicy::default();
/// mode.purposes.insert(Purpose::LOG_IN, Mode::Observe);
/// mode.countries.insert(Region::UZ, Mode::Enforce);
/// assert_eq!(mode.of(&Purpose::SIGN_UP, None), Mode::Enforce);
/// assert_eq!(mode.of(&Purpose::LOG_IN, Some(Region::DE)), Mode::Observe);
/// assert_eq!(mode.of(&Purpose::LOG_IN, Some(Region::UZ)), Mode::Enforce);
/// ```
#[derive(Clone, PartialEq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct ModePolicy {
    /// In general. Default: enforce.
    pub general: Mode,
    /// Per purpose.
    pub purposes: BTreeMap<Purpose, Mode>,
    /// Per country.
    pub countries: BTreeMap<Region, Mode>,
    /// Quiet refusal: if a private fact about the number decides whether a text goes out, every
    /// number gets the same answer in the same round trips to the store. Private facts are that the
    /// number was verified before, and that an operator's entry allows it by itself. They decide
    /// when the pumping detector refuses, under
    /// [`KnownNumbersOnly`](crate::access::Effect::KnownNumbersOnly), and in a country or prefix
    /// that operators block while some entry allows a single number.
    ///
    /// - A step-up that the client can still take is asked of every number, and a human check where
    ///   the detector refuses.
    /// - Then a number that is neither known nor allowed is answered as if a text had gone out: a
    ///   grant, a code page and intervals. No text is sent, no money is spent, and no code opens it.
    ///   [`EventKind::QuietlyRefused`](crate::EventKind::QuietlyRefused) tells the observer.
    ///
    /// Default: on, because a visible refusal would let anybody try a list of numbers for the
    /// host's customers. Price: an honest person with a new number waits for a text that never
    /// comes. Watch the event, and configure a human check: whoever passes it is not refused where
    /// the detector asks for one. A text takes the provider's time and a quiet refusal does not, so
    /// answer the page before `issue` has returned.
    ///
    /// If off, these refusals are visible and known numbers are exempt from step-ups. Use that if
    /// your list of customers is public, or if a log-in comes first.
    ///
    /// ```
    /// let mut policy = otpgate::Policy::default();
    /// assert!(policy.mode.quiet);
    /// policy.mode.quiet = false; // refusals may be seen, and with them who is a customer
    /// ```
    pub quiet: bool,
    /// Purposes in which you answer some numbers with a [decoy](crate::Gate::decoy): there, a text that
    /// your provider refuses or cannot take is answered as if it had gone out, or an outage would tell
    /// which numbers have an account. [`EventKind::NotSent`](crate::EventKind::NotSent) tells the observer,
    /// the money is given back, and a resend of the same verification tries again once the provider is back.
    ///
    /// Default: [`Purpose::RESET`], since a password reset must not tell who has an account (OWASP ASVS
    /// 5.0.0, 6.3.8). Price: during an outage your page says that a text is on its way. Take it out if you
    /// answer no decoys.
    ///
    /// ```
    /// use otpgate::{Policy, Purpose};
    ///
    /// let mut policy = Policy::default();
    /// assert!(policy.mode.decoys.contains(&Purpose::RESET));
    /// policy.mode.decoys.insert(Purpose::LOG_IN); // which answers decoys here too
    /// ```
    pub decoys: BTreeSet<Purpose>,
}

impl Default for ModePolicy {
    fn default() -> Self {
        Self {
            general: Mode::default(),
            purposes: BTreeMap::new(),
            countries: BTreeMap::new(),
            quiet: true,
            decoys: BTreeSet::from([Purpose::RESET]),
        }
    }
}

impl ModePolicy {
    /// The mode that holds for a send.
    #[must_use]
    pub fn of(&self, purpose: &Purpose, region: Option<Region>) -> Mode {
        region
            .and_then(|region| self.countries.get(&region))
            .or_else(|| self.purposes.get(purpose))
            .copied()
            .unwrap_or(self.general)
    }
}
