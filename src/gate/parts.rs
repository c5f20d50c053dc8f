//! What a gate is made of, and what every step of it asks.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::access::{Anonymisers, CallerRules, DestinationPolicy};
use crate::base::entropy::Entropy;
use crate::base::id::Pseudonym;
use crate::base::keyring::KeyRing;
use crate::base::money::Money;
use crate::base::time::{Clock, Forward, Timestamp};
use crate::context::{Purpose, Realm};
use crate::error::{GateError, GateErrorKind};
use crate::event::{Event, EventKind, Observer, OutagePart, tell};
use crate::human::HumanCheck;
use crate::message::MessageFormat;
use crate::otp::Binding;
use crate::policy::Policy;
use crate::pumping::{Costs, Detector, PriceTable, Tuning};
use crate::realm::{Names, RealmState, Realms};
use crate::recipient::Recipient;
use crate::store::{ClockCheck, Store};
use crate::telemetry::{Span, Verb, note};
use crate::transport::signals::NumberSignals;
use crate::transport::{Channel, Deadline, SmsTransport};

use super::Gate;
use super::channels::Carrier;

/// How long a granted admission is remembered, for repeats and refunds: longer than any hand-off.
pub(super) const REMEMBER: Duration = Duration::from_secs(600);

/// What a gate is made of.
pub(crate) struct Parts {
    pub(crate) clock: Forward<Box<dyn Clock>>,
    /// How far the clock may be from the store's.
    pub(crate) clock_check: ClockCheck,
    pub(crate) entropy: Box<dyn Entropy>,
    pub(crate) keys: KeyRing,
    pub(crate) store: Box<dyn Store>,
    pub(crate) transport: Deadline<Box<dyn SmsTransport>>,
    /// The channels beside the text message.
    pub(crate) carriers: Vec<Carrier>,
    pub(crate) observer: Box<dyn Observer>,
    pub(crate) human: Option<Box<dyn HumanCheck>>,
    pub(crate) policy: Policy,
    pub(crate) purposes: BTreeMap<Purpose, Policy>,
    pub(crate) destinations: DestinationPolicy,
    pub(crate) callers: Option<CallerRules>,
    pub(crate) anonymisers: Anonymisers,
    pub(crate) signals: Option<Box<dyn NumberSignals>>,
    /// How long a look-up may take.
    pub(crate) signals_deadline: Duration,
    pub(crate) message: MessageFormat,
    pub(crate) prices: PriceTable,
    pub(crate) daily_budget: Money,
    pub(crate) partition: Pseudonym,
    pub(crate) global: Pseudonym,
    pub(crate) tuning: Tuning,
    pub(crate) costs: Costs,
    /// Whether other gates work on the same store.
    pub(crate) shared: bool,
    /// Names this gate among them.
    pub(crate) instance: u64,
    pub(crate) realms: Realms,
}

impl Parts {
    /// What this process knows of `realm`.
    pub(super) fn realm(&self, realm: &Realm) -> Arc<RealmState> {
        self.realms.of(realm, || {
            let mut detector = Detector::with(self.instance, self.tuning.clone(), self.costs);
            if self.shared {
                detector.share();
            }
            let index = self.keys.pseudonyms();
            RealmState::new(realm, index, self.purposes.keys(), self.instance, detector)
        })
    }
}

impl Gate {
    pub(crate) fn new(inner: Parts, realm: &Realm) -> Self {
        let inner = Arc::new(inner);
        let realm = inner.realm(realm);
        Self { inner, realm }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    pub(super) fn names(&self) -> Names<'_> {
        self.realm.names()
    }

    pub(super) fn policy(&self, purpose: &Purpose) -> &Policy {
        self.inner.purposes.get(purpose).unwrap_or(&self.inner.policy)
    }

    /// The span of a verb.
    pub(super) fn span(&self, verb: Verb) -> Span {
        Span::of(verb).with("otpgate.realm", self.realm.name())
    }

    /// The span of a verb whose purpose and number are known from the start.
    pub(super) fn span_of(&self, verb: Verb, purpose: &Purpose, recipient: &Recipient) -> Span {
        let span = self.span(verb).with("otpgate.purpose", purpose.as_str());
        match recipient.region() {
            Some(region) => span.with("otpgate.region", region.as_str()),
            None => span,
        }
    }

    pub(super) fn event(&self, at: Timestamp, kind: EventKind) -> Event {
        Event {
            at,
            realm: self.realm.shared_name(),
            purpose: None,
            region: None,
            number: None,
            kind,
        }
    }

    /// Tells the observer of an outage on its way to the host. A provider that did not take a text has
    /// an event of its own.
    pub(super) fn told<T>(&self, answer: Result<T, GateError>) -> Result<T, GateError> {
        if let Err(error) = &answer
            && error.kind() != GateErrorKind::HandOff
        {
            if error.kind() == GateErrorKind::Clock {
                self.relearn_clock();
            }
            let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
            self.tell_outage(OutagePart::of(error.kind()), format!("{error}{cause}"));
        }
        answer
    }

    /// The largest lead this process has seen may be the fault: the next call starts from the wall
    /// clock as it is now, and what was dated by the lead comes back.
    pub(super) fn relearn_clock(&self) {
        self.inner.clock.relearn();
        self.realm.watch.heal(self.now());
    }

    pub(crate) fn tell_outage(&self, part: OutagePart, what: String) {
        self.tell(&self.event(self.now(), EventKind::Outage { part, what }));
    }

    pub(super) fn tell(&self, event: &Event) {
        note(event);
        tell(&*self.inner.observer, event);
    }

    /// What a text to this number costs, by the table.
    pub(super) fn price(&self, recipient: &Recipient) -> Money {
        Money::microdollars(self.inner.prices.of(recipient.home().letters()).into())
    }

    /// What one message by `channel` costs.
    pub(super) fn price_by(&self, channel: Channel, recipient: &Recipient) -> Money {
        match self.carrier(channel) {
            Some(carrier) => {
                Money::microdollars(carrier.prices.of(recipient.home().letters()).into())
            }
            None => self.price(recipient),
        }
    }

    /// What a grant says of the transaction that its code is for; all zeros for none.
    pub(super) fn binding_tag(&self, binding: &Binding) -> Pseudonym {
        if *binding == Binding::none() {
            return Pseudonym::default();
        }
        let key = self.inner.keys.pseudonyms();
        Pseudonym::from_bytes(key.tagging("otpgate/v1/binding").field(&binding.bytes()).short())
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate")
            .field("realm", &self.realm.name())
            .field("store", &self.inner.store)
            .field("transport", &self.inner.transport)
            .finish_non_exhaustive()
    }
}
