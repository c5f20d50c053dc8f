//! [`GateBuilder`]: the parts of a gate. Here are those that must be given, and how the whole is made.

mod check;
mod plugs;
mod rules;

use std::collections::BTreeMap;
use std::time::Duration;

use crate::access::{Anonymisers, CallerRules, DestinationPolicy};
use crate::base::entropy::{Entropy, SystemEntropy, random};
use crate::base::keyring::KeyRing;
use crate::base::money::Money;
use crate::base::time::{Clock, Forward, SystemClock};
use crate::context::{Purpose, Realm};
use crate::error::ConfigError;
use crate::event::{NoObserver, Observer};
use crate::gate::{Carrier, FallbackChannel, Gate, Parts};
use crate::human::HumanCheck;
use crate::message::MessageFormat;
use crate::policy::{Policy, agree};
use crate::pumping::{Costs, PriceTable, Strength, Tuning};
use crate::realm::{Realms, shared_name};
use crate::store::{ClockCheck, Store};
use crate::transport::signals::NumberSignals;
use crate::transport::{Deadline, SmsTransport};

use check::Beside;

/// Collects the parts of a [`Gate`]. [`build`](Self::build) checks them together.
///
/// Six parts have no sensible default and must be given: keys, store, transport, the message, the
/// destinations, and how much money may be spent a day.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let my_provider = otpgate::transport::ConsoleTransport::stdout();
/// use otpgate::access::DestinationPolicy;
/// use otpgate::message::{Brand, MessageFormat};
/// use otpgate::store::MemoryStore;
/// use otpgate::{Gate, KeyId, KeyRing, Money, Pepper, Region, SystemEntropy};
///
/// let gate = Gate::builder()
///     .keys(KeyRing::new(KeyId(1), Pepper::generate(&SystemEntropy)?))
///     .store(MemoryStore::default())
///     .transport(my_provider)
///     .message(MessageFormat::builder(Brand::new("Example")?).build()?)
///     .destinations(DestinationPolicy::only([Region::DE]))
///     .daily_budget(Money::dollars(50));
/// assert!(gate.build().is_ok());
/// # Ok(())
/// # }
/// ```
#[derive(Default)]
#[must_use]
pub struct GateBuilder {
    keys: Option<KeyRing>,
    store: Option<Box<dyn Store>>,
    transport: Option<Box<dyn SmsTransport>>,
    hand_off_deadline: Option<Duration>,
    fallbacks: Vec<FallbackChannel>,
    message: Option<MessageFormat>,
    destinations: Option<DestinationPolicy>,
    daily_budget: Option<Money>,
    policy: Policy,
    purposes: BTreeMap<Purpose, Policy>,
    prices: Option<PriceTable>,
    callers: Option<CallerRules>,
    anonymisers: Anonymisers,
    signals: Option<Box<dyn NumberSignals>>,
    signals_deadline: Option<Duration>,
    clock: Option<Box<dyn Clock>>,
    clock_check: Option<ClockCheck>,
    entropy: Option<Box<dyn Entropy>>,
    observer: Option<Box<dyn Observer>>,
    human: Option<Box<dyn HumanCheck>>,
    realm: Realm,
    partition: Option<String>,
    tuning: Tuning,
    costs: Costs,
    single: bool,
}

impl Gate {
    /// Starts a gate.
    pub fn builder() -> GateBuilder {
        GateBuilder::default()
    }
}

impl GateBuilder {
    /// Sets the keys. Keep them in a secret manager, apart from the store.
    pub fn keys(mut self, keys: KeyRing) -> Self {
        self.keys = Some(keys);
        self
    }

    /// Sets where state is kept.
    pub fn store(mut self, store: impl Store) -> Self {
        self.store = Some(Box::new(store));
        self
    }

    /// Sets who sends the texts.
    pub fn transport(mut self, transport: impl SmsTransport) -> Self {
        self.transport = Some(Box::new(transport));
        self
    }

    /// The texts, compiled.
    pub fn message(mut self, message: MessageFormat) -> Self {
        self.message = Some(message);
        self
    }

    /// Which numbers get texts at all. There is no default: a gate that sends anywhere is an
    /// invitation.
    pub fn destinations(mut self, destinations: DestinationPolicy) -> Self {
        self.destinations = Some(destinations);
        self
    }

    /// The most that a realm may spend in any 24 hours. There is no default, because it is your
    /// money. Take a few times what an ordinary day costs. From four fifths of it on, clients must
    /// step up.
    ///
    /// It must pay for one text of the dearest kind, or [`build`](Self::build) refuses it:
    ///
    /// ```
    /// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
    /// # shop::open(async |shop| {
    /// use otpgate::Money;
    ///
    /// let error = shop::parts().daily_budget(Money::cents(10)).build().unwrap_err();
    /// assert!(error.to_string().starts_with("`daily_budget` is $0.10, but must be at least"));
    /// # Ok(())
    /// # });
    /// ```
    pub fn daily_budget(mut self, most: Money) -> Self {
        self.daily_budget = Some(most);
        self
    }

    /// The gate.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] names the part that is missing, or the field, its value and the rule it
    /// breaks.
    ///
    /// ```
    /// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
    /// # shop::open(async |shop| {
    /// use otpgate::{ConfigError, Gate};
    ///
    /// let missing = Gate::builder().build().unwrap_err();
    /// assert!(matches!(missing, ConfigError::Missing(parts) if parts.contains(&"daily_budget")));
    ///
    /// let mut policy = otpgate::Policy::default();
    /// policy.code.format = otpgate::otp::CodeFormat::digits(8)?; // and texts for six digits
    /// let error = shop::parts().policy(policy).build().unwrap_err();
    /// assert!(matches!(error, ConfigError::Rule { field: "code.format", .. }));
    /// # Ok(())
    /// # });
    /// ```
    pub fn build(self) -> Result<Gate, ConfigError> {
        let missing = self.missing();
        let (
            Some(keys),
            Some(store),
            Some(transport),
            Some(message),
            Some(destinations),
            Some(daily_budget),
        ) = (
            self.keys,
            self.store,
            self.transport,
            self.message,
            self.destinations,
            self.daily_budget,
        )
        else {
            return Err(ConfigError::Missing(missing));
        };
        check::keys(&keys)?;
        check::destinations(&destinations)?;
        let hand_off_deadline = check::hand_off_deadline(self.hand_off_deadline)?;
        let signals_deadline = check::signals_deadline(self.signals_deadline)?;
        check::only_where_developed(message.development_host(), cfg!(debug_assertions))?;
        let clock_check = check::clock(self.clock_check)?;
        let beside = Beside {
            message: &message,
            daily_budget,
            has_human_check: self.human.is_some(),
            has_signals: self.signals.is_some(),
        };
        let policies = || self.purposes.values().chain([&self.policy]);
        policies().try_for_each(|policy| check::policy(policy, &beside))?;
        check::channels(&self.fallbacks, &message, policies())?;
        agree(policies())?;
        check::purposes(self.purposes.keys())?;
        let entropy = self.entropy.unwrap_or_else(|| Box::new(SystemEntropy));
        let instance = random(&*entropy).map_err(ConfigError::Entropy)?;
        let index = keys.pseudonyms();
        let partition = self.partition.as_deref().unwrap_or("otpgate");
        let carrier = |fallback| Carrier::of(fallback, hand_off_deadline);
        let parts = Parts {
            partition: shared_name(index, "partition", partition),
            global: shared_name(index, "global", partition),
            clock: Forward::new(self.clock.unwrap_or_else(|| Box::new(SystemClock::new()))),
            clock_check,
            instance: u64::from_be_bytes(instance),
            shared: !self.single,
            tuning: match self.human {
                Some(_) => self.tuning,
                None => Tuning { young_asks: Strength::Work, unsent_weight: 0.0, ..self.tuning },
            },
            costs: self.costs,
            entropy,
            observer: self.observer.unwrap_or_else(|| Box::new(NoObserver)),
            prices: self.prices.unwrap_or_default(),
            keys,
            store,
            transport: Deadline::after(transport, hand_off_deadline),
            carriers: self.fallbacks.into_iter().map(carrier).collect(),
            message,
            destinations,
            daily_budget,
            human: self.human,
            policy: self.policy,
            purposes: self.purposes,
            callers: self.callers,
            anonymisers: self.anonymisers,
            signals: self.signals,
            signals_deadline,
            realms: Realms::default(),
        };
        Ok(Gate::new(parts, &self.realm))
    }

    /// The methods that still have to be called.
    fn missing(&self) -> Vec<&'static str> {
        [
            ("keys", self.keys.is_none()),
            ("store", self.store.is_none()),
            ("transport", self.transport.is_none()),
            ("message", self.message.is_none()),
            ("destinations", self.destinations.is_none()),
            ("daily_budget", self.daily_budget.is_none()),
        ]
        .into_iter()
        .filter_map(|(method, lacking)| lacking.then_some(method))
        .collect()
    }
}

crate::base::masked::debug_only!(GateBuilder: store, transport, daily_budget);
