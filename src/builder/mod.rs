//! [`GateBuilder`]: the parts of a gate. Here are those that must be given, and how the whole is made.

mod check;
mod marks;
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
use crate::policy::Policy;
use crate::pumping::{Costs, PriceTable, Strength, Tuning};
use crate::realm::{Realms, shared_name};
use crate::recipient::Region;
use crate::store::{ClockCheck, Store};
use crate::transport::signals::NumberSignals;
use crate::transport::{Deadline, SmsTransport};

use check::Beside;
#[cfg(feature = "web")]
pub(crate) use check::no_look_alike;

/// Collects the parts of a [`Gate`]. [`build`](Self::build) checks them together.
///
/// Six parts have no sensible default and must be given: keys, store, transport, the brand in the
/// texts, the countries they go to, and how much money may be spent a day.
///
/// ```
/// # let my_provider = otpgate::transport::ConsoleTransport::stdout();
/// use otpgate::store::MemoryStore;
/// use otpgate::{Gate, KeyRing, Money, Region};
///
/// let gate = Gate::builder()
///     .keys(KeyRing::generate()?)
///     .store(MemoryStore::default())
///     .transport(my_provider)
///     .brand("Example")
///     .countries([Region::DE])
///     .daily_budget(Money::dollars(50));
/// assert!(gate.build().is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Default)]
#[must_use]
pub struct GateBuilder {
    keys: Option<KeyRing>,
    store: Option<Box<dyn Store>>,
    transport: Option<Box<dyn SmsTransport>>,
    hand_off_deadline: Option<Duration>,
    fallbacks: Vec<FallbackChannel>,
    brand: Option<String>,
    origin: Option<String>,
    message: Option<MessageFormat>,
    countries: Option<DestinationPolicy>,
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

    /// The name under which the texts speak: the built-in texts, one segment each, with codes as the
    /// policy has them. [`build`](Self::build) checks it as
    /// [`Brand::new`](crate::message::Brand::new) does, and refuses it beside a
    /// [`message`](Self::message), which has a brand of its own.
    pub fn brand(mut self, brand: impl Into<String>) -> Self {
        self.brand = Some(brand.into());
        self
    }

    /// The host of your page, such as `example.com`, as the address bar shows it: Chrome offers the
    /// code on this very host and the usual port, Safari on the whole site, and no browser elsewhere
    /// ([`MessageFormatBuilder::origin`](crate::message::MessageFormatBuilder::origin)). Needs
    /// [`brand`](Self::brand); beside [`message`](Self::message) it is refused.
    pub fn origin(mut self, host: impl Into<String>) -> Self {
        self.origin = Some(host.into());
        self
    }

    /// The texts, compiled: in place of [`brand`](Self::brand) where you have templates, languages,
    /// payments, an app or registered texts of your own.
    pub fn message(mut self, message: MessageFormat) -> Self {
        self.message = Some(message);
        self
    }

    /// The countries whose mobile numbers get texts; all others get none
    /// ([`DestinationPolicy::only`]). There is no default: a gate that sends anywhere is an
    /// invitation.
    pub fn countries(mut self, countries: impl IntoIterator<Item = Region>) -> Self {
        self.countries = Some(DestinationPolicy::only(countries));
        self
    }

    /// Which numbers get texts, in place of [`countries`](Self::countries) where that does not say
    /// it: other lines than mobile ones, a ceiling for the price.
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
    /// policy.code.attempts = 0;
    /// let error = shop::parts().policy(policy).build().unwrap_err();
    /// assert!(matches!(error, ConfigError::Rule { field: "code.attempts", .. }));
    /// # Ok(())
    /// # });
    /// ```
    pub fn build(mut self) -> Result<Gate, ConfigError> {
        let missing = self.missing();
        let message = self.texts();
        let destinations = check::one_of(self.countries, self.destinations)?;
        let (
            Some(keys),
            Some(store),
            Some(transport),
            Some(message),
            Some(destinations),
            Some(daily_budget),
        ) = (self.keys, self.store, self.transport, message, destinations, self.daily_budget)
        else {
            return Err(ConfigError::Missing(missing));
        };
        let message = message?;
        check::keys(&keys, cfg!(debug_assertions))?;
        check::destinations(&destinations)?;
        let hand_off_deadline = check::hand_off_deadline(self.hand_off_deadline)?;
        let signals_deadline = check::signals_deadline(self.signals_deadline)?;
        let formats = || self.fallbacks.iter().map(|channel| &channel.message).chain([&message]);
        check::only_where_developed(formats(), cfg!(debug_assertions))?;
        check::prices(self.fallbacks.iter().map(|channel| &channel.prices).chain(&self.prices))?;
        self.prices.iter().try_for_each(check::price_of_a_text)?;
        let clock_check = check::clock(self.clock_check)?;
        marks::costs(&self.costs)?;
        marks::tuning(&self.tuning)?;
        let beside = Beside {
            message: &message,
            daily_budget,
            has_human_check: self.human.is_some(),
            has_signals: self.signals.is_some(),
        };
        check::policies(&self.policy, &self.purposes, &self.fallbacks, &beside)?;
        let entropy = self.entropy.unwrap_or_else(|| Box::new(SystemEntropy));
        let instance = random(&*entropy).map_err(ConfigError::Entropy)?;
        let index = keys.pseudonyms();
        let partition = self.partition.as_deref().unwrap_or("otpgate");
        let carrier = |fallback| Carrier::of(fallback, hand_off_deadline);
        // Work is all that such a gate can ask for.
        let tuning = match self.human {
            Some(_) => self.tuning,
            None => Tuning { young_asks: Strength::Work, unsent_weight: 0.0, ..self.tuning },
        };
        let parts = Parts {
            partition: shared_name(index, "partition", partition),
            global: shared_name(index, "global", partition),
            clock: Forward::new(self.clock.unwrap_or_else(|| Box::new(SystemClock::new()))),
            clock_check,
            instance: u64::from_be_bytes(instance),
            shared: !self.single,
            tuning,
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

    /// The texts: as they were given, or those of the brand.
    fn texts(&mut self) -> Option<Result<MessageFormat, ConfigError>> {
        match (self.message.take(), self.brand.take(), self.origin.take()) {
            (Some(message), None, None) => Some(Ok(message)),
            (Some(_), Some(brand), _) => {
                let rule = "left out beside `GateBuilder::message`, which has its own: \
                            `MessageFormat::builder`";
                Some(Err(ConfigError::rule("brand", brand, rule)))
            }
            (Some(_), None, Some(origin)) => {
                let rule = "given to the message, as `MessageFormatBuilder::origin`";
                Some(Err(ConfigError::rule("origin", origin, rule)))
            }
            (None, Some(brand), origin) => {
                let format = MessageFormat::builder(&*brand).codes(self.policy.code.format);
                let format = match &origin {
                    Some(host) => format.origin(&**host),
                    None => format,
                };
                Some(format.build().map_err(ConfigError::Message))
            }
            (None, None, _) => None,
        }
    }

    /// The methods that still have to be called.
    fn missing(&self) -> Vec<&'static str> {
        [
            ("keys", self.keys.is_none()),
            ("store", self.store.is_none()),
            ("transport", self.transport.is_none()),
            ("brand", self.brand.is_none() && self.message.is_none()),
            ("countries", self.countries.is_none() && self.destinations.is_none()),
            ("daily_budget", self.daily_budget.is_none()),
        ]
        .into_iter()
        .filter_map(|(method, lacking)| lacking.then_some(method))
        .collect()
    }
}

crate::base::masked::debug_only!(GateBuilder: store, transport, daily_budget);
