//! [`GateBuilder`]: the parts of a gate, and the checks that only the whole allows.

use std::collections::BTreeMap;
use std::fmt;
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
use crate::policy::{AskNetwork, Policy, agree};
use crate::pumping::{Costs, PriceTable, Strength, Tuning};
use crate::realm::{Realms, shared_name, shared_slots};
use crate::store::{ClockCheck, DEFAULT_CLOCK_SKEW, Store};
use crate::transport::signals::NumberSignals;
use crate::transport::{Channel, Deadline, SmsTransport};

/// See [`GateBuilder::hand_off_deadline`].
const HAND_OFF_DEADLINE: Duration = Duration::from_secs(30);

/// See [`GateBuilder::signals_deadline`].
const SIGNALS_DEADLINE: Duration = Duration::from_secs(5);

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

    /// How long a hand-off may take. Default: 30 seconds. The adapters of this crate stop after 10,
    /// so only a transport without a deadline reaches it. It is half of the minute after which
    /// reverse proxies give up on a page (nginx, `proxy_read_timeout`).
    ///
    /// A hand-off that takes longer counts as one that *may have gone out*: the code stays good,
    /// the charges stay, and the user sees the code page. Without this bound a provider that hangs
    /// would hold your request for ever. The time is real time, whatever [`clock`](Self::clock)
    /// says, and needs no runtime.
    ///
    /// ```
    /// # use otpgate::transport::{Handoff, HandoffError, OutboundSms};
    /// # #[derive(Debug)] struct Hangs;
    /// # #[async_trait::async_trait]
    /// # impl otpgate::SmsTransport for Hangs {
    /// #     async fn hand_off(&self, _: &OutboundSms) -> Result<Handoff, HandoffError> {
    /// #         std::future::pending().await
    /// #     }
    /// # }
    /// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
    /// # let deadline = std::time::Duration::from_millis(1);
    /// # let hangs = |parts: otpgate::GateBuilder| parts.transport(Hangs).hand_off_deadline(deadline);
    /// # shop::open_with(hangs, async |shop| {
    /// # let clearance = shop.clearance().await;
    /// # let shop::Shop { gate, .. } = shop;
    /// let otpgate::Sent::Sent(issued) = gate.issue(clearance).await? else { panic!("not sent") };
    /// assert!(!issued.confirmed(), "the provider hangs: perhaps it went out");
    /// # Ok(())
    /// # });
    /// ```
    pub fn hand_off_deadline(mut self, span: Duration) -> Self {
        self.hand_off_deadline = Some(span);
        self
    }

    /// A channel that a running verification may change to where
    /// [`FallbackPolicy`](crate::policy::FallbackPolicy) says so. Default: none. The deadline of hand-offs
    /// holds for it too.
    pub fn fallback(mut self, channel: FallbackChannel) -> Self {
        self.fallbacks.push(channel);
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

    /// The most that a realm may spend in any 24 hours. There is no default, because it is the
    /// host's money: take a few times an ordinary day. From four fifths on clients must step up.
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

    /// The rules. Default: [`Policy::default`].
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// Other rules for one purpose.
    /// Sessions, networks, countries and a number's failures have one meter for all purposes: the
    /// maximum may differ from purpose to purpose, the span may not, or [`build`](Self::build) refuses.
    ///
    /// ```
    /// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
    /// # shop::open(async |shop| {
    /// use otpgate::policy::Quota;
    /// use otpgate::{Policy, Purpose};
    ///
    /// let payment = Policy::psd2();
    /// assert!(shop::parts().purpose(Purpose::PAYMENT, payment.clone()).build().is_ok());
    ///
    /// let mut other = payment;
    /// other.quotas.session = vec![Quota::daily(10)]; // the default counts an hour
    /// assert!(shop::parts().purpose(Purpose::PAYMENT, other).build().is_err());
    /// # Ok(())
    /// # });
    /// ```
    pub fn purpose(mut self, purpose: Purpose, policy: Policy) -> Self {
        self.purposes.insert(purpose, policy);
        self
    }

    /// What a message costs by country. Default: the built-in table.
    pub fn prices(mut self, prices: PriceTable) -> Self {
        self.prices = Some(prices);
        self
    }

    /// Services without a page that may ask for texts, and from where. Default: none may.
    pub fn callers(mut self, rules: CallerRules) -> Self {
        self.callers = Some(rules);
        self
    }

    /// Networks behind which clients hide: Tor, virtual private networks, proxies, hosting. Default: an
    /// empty list. What a listed client must do more says
    /// [`Policy::anonymisers`](crate::policy::AnonymiserPolicy).
    ///
    /// Keep a clone of the handle: [`Anonymisers::replace`] exchanges the list while the gate runs.
    ///
    /// ```
    /// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
    /// use otpgate::access::{AnonymiserKind, AnonymiserList, Anonymisers};
    ///
    /// # let exits = AnonymiserList::parse("192.0.2.0/24", AnonymiserKind::Tor).unwrap();
    /// let anonymisers = Anonymisers::new(exits); // of the Tor Project's list
    /// # let list = anonymisers.clone();
    /// # shop::open_with(|parts| parts.anonymisers(list), async |shop| {
    /// # let proof = shop.proof();
    /// # let shop::Shop { gate, client, recipient, .. } = shop;
    /// use otpgate::{Cleared, Purpose, RefusalReason, StepUpMeans};
    ///
    /// let answer = gate.clear(&proof, &recipient, &Purpose::SIGN_UP, &client).await?;
    /// let Cleared::StepUp(step_up) = answer else { panic!("from an exit of Tor") };
    /// assert_eq!(*step_up.reason(), RefusalReason::Anonymiser(AnonymiserKind::Tor));
    /// assert_eq!(step_up.means(), StepUpMeans::Work { bits: 17 }); // no human check is configured
    /// # Ok(())
    /// # });
    /// ```
    pub fn anonymisers(mut self, anonymisers: Anonymisers) -> Self {
        self.anonymisers = anonymisers;
        self
    }

    /// Whom to ask what a network knows of a number. Default: nobody. What is asked, and what follows,
    /// says [`Policy::signals`](crate::policy::SignalsPolicy).
    ///
    /// ```
    /// # use otpgate::transport::signals::{NumberSignals, Signals, SignalsError, SignalsQuery, SimSwap};
    /// # #[derive(Debug)] struct Register;
    /// # #[async_trait::async_trait]
    /// # impl NumberSignals for Register {
    /// #     async fn look_up(&self, _: &SignalsQuery) -> Result<Signals, SignalsError> {
    /// #         Ok(Signals::default().sim_swap(SimSwap::Within(std::time::Duration::from_secs(3_600))))
    /// #     }
    /// # }
    /// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
    /// use otpgate::RefusalReason;
    /// use otpgate::policy::AskNetwork;
    ///
    /// # let mut policy = shop::policy();
    /// policy.signals.ask = AskNetwork::Always;
    /// policy.mode.quiet = false; // the page may say that no text goes out
    /// # shop::open_with(|parts| parts.policy(policy).signals(Register), async |shop| {
    /// # let clearance = shop.clearance().await;
    /// # let shop::Shop { gate, outbox, .. } = shop;
    /// // `Register` says that the SIM card was changed in the last hour.
    /// let otpgate::Sent::Refused(refusal) = gate.issue(clearance).await? else { panic!("sent") };
    /// assert_eq!(*refusal.reason(), RefusalReason::SimSwapped);
    /// assert_eq!(refusal.public().status(), 429, "the page learns what any limit tells");
    /// assert_eq!(outbox.handed_off(), 0);
    /// # Ok(())
    /// # });
    /// ```
    pub fn signals(mut self, signals: impl NumberSignals) -> Self {
        self.signals = Some(Box::new(signals));
        self
    }

    /// How long a look-up may take before it counts as one without an answer. Default: 5 seconds. It
    /// stands before the text, and people begin to ask for another code after 15 to 30.
    pub fn signals_deadline(mut self, span: Duration) -> Self {
        self.signals_deadline = Some(span);
        self
    }

    /// The clock. Default: [`SystemClock`].
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Some(Box::new(clock));
        self
    }

    /// How far this host's clock may be from the store's, ahead or behind. Default:
    /// [`DEFAULT_CLOCK_SKEW`](crate::store::DEFAULT_CLOCK_SKEW), 60 s. 1 s to 5 min.
    ///
    /// A call further off changes nothing and fails as [`GateErrorKind::Clock`](crate::GateErrorKind::Clock).
    /// What a gate at the edge of the bound can gain: any span of a limit, less twice this much, holds
    /// no more than the limit. The store's clock is the server's for Redis and PostgreSQL; a store
    /// inside this process takes the wall clock when it is opened and monotonic time from then on.
    pub fn clock_skew(mut self, most: Duration) -> Self {
        self.clock_check = Some(ClockCheck::Within(most));
        self
    }

    /// Accepts any time that the clock says, however far from the store's: for simulated time. In
    /// production a clock that jumps a day ahead then spends every daily limit twice.
    pub fn clock_unchecked_danger(mut self) -> Self {
        self.clock_check = Some(ClockCheck::Unchecked);
        self
    }

    /// Sets the source of randomness. Default: [`SystemEntropy`]. The trait is sealed.
    pub fn entropy(mut self, entropy: impl Entropy) -> Self {
        self.entropy = Some(Box::new(entropy));
        self
    }

    /// Sets the observer, which hears of every decision. Default: nobody.
    pub fn observer(mut self, observer: impl Observer) -> Self {
        self.observer = Some(Box::new(observer));
        self
    }

    /// Sets the check that tells people from scripts (a CAPTCHA). Default: none, so a step-up means
    /// harder work.
    ///
    /// ```
    /// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
    /// # shop::open(async |shop| {
    /// let mut policy = shop::policy();
    /// policy.token.human_check_always = true;
    /// let error = shop::parts().policy(policy).build().unwrap_err(); // and no check to ask
    /// assert!(error.to_string().contains("GateBuilder::human_check"));
    /// # Ok(())
    /// # });
    /// ```
    pub fn human_check(mut self, check: impl HumanCheck) -> Self {
        self.human = Some(Box::new(check));
        self
    }

    /// Sets the tenant that [`Gate`] starts in. Default: `default`.
    ///
    /// ```
    /// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
    /// # shop::open_with(|parts| parts.realm(otpgate::Realm::new("tenant-7").unwrap()), async |shop| {
    /// # let shop::Shop { gate, .. } = shop;
    /// assert!(format!("{gate:?}").contains("tenant-7"));
    /// let other = gate.in_realm(&otpgate::Realm::new("tenant-8")?);
    /// assert!(format!("{other:?}").contains("tenant-8"));
    /// # Ok(())
    /// # });
    /// ```
    pub fn realm(mut self, realm: Realm) -> Self {
        self.realm = realm;
        self
    }

    /// Names this deployment in a store that it shares with others. All state of the gate, over all
    /// its realms, is kept under this name: on a Redis Cluster, in one slot. Default: `otpgate`.
    pub fn partition(mut self, name: impl Into<String>) -> Self {
        self.partition = Some(name.into());
        self
    }

    /// Sets what a wrong decision costs you, which decides between asking and refusing. Default:
    /// [`Costs::default`].
    pub fn costs(mut self, costs: Costs) -> Self {
        self.costs = costs;
        self
    }

    /// The pumping detector's constants. Default: [`Tuning::default`].
    pub fn tuning(mut self, tuning: Tuning) -> Self {
        self.tuning = tuning;
        self
    }

    /// Promises that no other gate uses the same store, so this one need not exchange what the
    /// pumping detector saw. Limits and codes are right either way.
    pub fn single_gate(mut self) -> Self {
        self.single = true;
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
        if let Some(id) = keys.repeated() {
            return Err(ConfigError::rule("keys", id.0, "a different KeyId for each key"));
        }
        if destinations.is_nowhere() {
            return Err(ConfigError::rule(
                "destinations",
                "no country",
                "at least one country, or nothing is ever sent; to stop all texts use `Effect::SmsOff`",
            ));
        }
        let hand_off_deadline = self.hand_off_deadline.unwrap_or(HAND_OFF_DEADLINE);
        if hand_off_deadline.is_zero() {
            return Err(ConfigError::rule(
                "hand_off_deadline",
                "0",
                "more, or every text counts as one that may have gone out; 30 seconds is the default",
            ));
        }
        let signals_deadline = self.signals_deadline.unwrap_or(SIGNALS_DEADLINE);
        if signals_deadline.is_zero() {
            return Err(ConfigError::rule(
                "signals_deadline",
                "0",
                "more, or the network never answers; 5 seconds is the default",
            ));
        }
        only_where_developed(message.development_host(), cfg!(debug_assertions))?;
        let clock_check = self.clock_check.unwrap_or(ClockCheck::Within(DEFAULT_CLOCK_SKEW));
        if let Some(skew) = clock_check.skew()
            && !(Duration::from_secs(1)..=Duration::from_secs(300)).contains(&skew)
        {
            return Err(ConfigError::rule(
                "clock_skew",
                format!("{skew:?}"),
                "1 s to 5 min, the default life of a code",
            ));
        }
        let policies = || self.purposes.values().chain([&self.policy]);
        for policy in policies() {
            policy.check()?;
            if policy.code.format != message.codes() {
                return Err(ConfigError::rule(
                    "code.format",
                    format!("{:?}", policy.code.format),
                    "the format that the message was built for (`MessageFormatBuilder::codes`)",
                ));
            }
            if policy.token.human_check_always && self.human.is_none() {
                return Err(ConfigError::rule(
                    "token.human_check_always",
                    true,
                    "false unless `GateBuilder::human_check` gives a check",
                ));
            }
            if policy.signals.ask != AskNetwork::Never && self.signals.is_none() {
                return Err(ConfigError::rule(
                    "signals.ask",
                    format!("{:?}", policy.signals.ask),
                    "`Never` unless `GateBuilder::signals` gives somebody to ask",
                ));
            }
            if policy.signals.ask != AskNetwork::Never
                && daily_budget < policy.budget.message + policy.signals.price
            {
                return Err(ConfigError::rule(
                    "daily_budget",
                    daily_budget,
                    "at least budget.message and signals.price, or nothing is ever sent",
                ));
            }
            if daily_budget < policy.budget.message {
                return Err(ConfigError::rule(
                    "daily_budget",
                    daily_budget,
                    "at least budget.message, the dearest single text, or nothing is ever sent",
                ));
            }
        }
        check_channels(&self.fallbacks, &message, policies())?;
        agree(policies())?;
        if let Some((one, other)) = shared_slots(self.purposes.keys()) {
            return Err(ConfigError::rule(
                "purposes",
                format!("`{one}` and `{other}`"),
                "purposes that do not fall on the same 24-bit tag, or they share the quotas of a \
                 number; rename one of the two",
            ));
        }
        let entropy = self.entropy.unwrap_or_else(|| Box::new(SystemEntropy));
        let instance = random(&*entropy).map_err(ConfigError::Entropy)?;
        let index = keys.pseudonyms();
        let partition = self.partition.as_deref().unwrap_or("otpgate");
        let inner = Parts {
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
            carriers: self
                .fallbacks
                .into_iter()
                .map(|FallbackChannel { channel, transport, message, prices }| Carrier {
                    channel,
                    transport: Deadline::after(transport, hand_off_deadline),
                    message,
                    prices,
                })
                .collect(),
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
        Ok(Gate::new(inner, &self.realm))
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

/// Refuses channels that no policy can use, and policies that want a channel which is not there.
fn check_channels<'a>(
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

/// Keeps a text that names a developer's machine out of production: such a program is compiled
/// without debug assertions.
fn only_where_developed(host: Option<&str>, developing: bool) -> Result<(), ConfigError> {
    match host {
        Some(host) if !developing => Err(ConfigError::rule(
            "message.origin",
            host,
            "the host of your site: this program was compiled without debug assertions, and \
             `OriginHost::development_danger` is for a developer's machine",
        )),
        _ => Ok(()),
    }
}

impl fmt::Debug for GateBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GateBuilder")
            .field("store", &self.store)
            .field("transport", &self.transport)
            .field("daily_budget", &self.daily_budget)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_development_host_is_refused_in_a_release() {
        assert!(only_where_developed(Some("localhost"), true).is_ok());
        assert!(only_where_developed(None, false).is_ok());
        let refused = only_where_developed(Some("localhost"), false).unwrap_err().to_string();
        assert!(
            refused.starts_with("`message.origin` is localhost, but must be the host of your site")
        );
    }
}
