//! What a gate is made of, and what every step of it asks.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::access::{Anonymisers, CallerRules, DestinationPolicy};
use crate::base::entropy::{Entropy, EntropyError, random};
use crate::base::id::{Pseudonym, RequestId};
use crate::base::keyring::KeyRing;
use crate::base::money::Money;
use crate::base::time::{Clock, Forward, Timestamp};
use crate::context::{Purpose, Realm};
use crate::error::{GateError, GateErrorKind};
use crate::event::{Event, EventKind, Observer, OutagePart, tell};
use crate::guarded;
use crate::human::HumanCheck;
use crate::limit::MeterKey;
use crate::message::MessageFormat;
use crate::otp::{Binding, CodeFormat};
use crate::outcome::Grant;
use crate::policy::{ModePolicy, Policy};
use crate::pumping::{Costs, Detector, PriceTable, Tuning};
use crate::realm::{Names, RealmState, Realms, slot};
use crate::recipient::Recipient;
use crate::store::{
    Admission, ClockCheck, DEFAULT_CLOCK_SKEW, Document, Home, Nonce, Refund, Settlement, Store,
    TallyQuery, VoidCode,
};
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

    pub(super) fn policy(&self, purpose: &Purpose) -> &Policy {
        self.purposes.get(purpose).unwrap_or(&self.policy)
    }

    /// The mode of all policies: in general, and of each purpose that has one of its own.
    pub(super) fn mode(&self) -> ModePolicy {
        let mut mode = self.policy.mode.clone();
        for (purpose, policy) in &self.purposes {
            mode.purposes.insert(purpose.clone(), policy.mode.of(purpose, None));
        }
        mode
    }

    /// What the codes of a verification look like.
    pub(super) fn format_of(&self, grant: &Grant) -> CodeFormat {
        grant.format.unwrap_or_else(|| self.policy(&grant.purpose).code.format)
    }

    /// A channel beside the text message.
    pub(super) fn carrier(&self, channel: Channel) -> Option<&Carrier> {
        self.carriers.iter().find(|carrier| carrier.channel == channel)
    }

    /// What one message by `channel` costs, by its table.
    pub(super) fn price(&self, channel: Channel, recipient: &Recipient) -> Money {
        Money::microdollars(self.prices_of(channel).of(recipient.home().letters()).into())
    }

    /// The same, if the table does not guess.
    pub(super) fn known_price(&self, channel: Channel, recipient: &Recipient) -> Option<Money> {
        let known = self.prices_of(channel).known(recipient.home().letters())?;
        Some(Money::microdollars(known.into()))
    }

    fn prices_of(&self, channel: Channel) -> &PriceTable {
        self.carrier(channel).map_or(&self.prices, |carrier| &carrier.prices)
    }

    /// A call that charges nothing yet, under an identifier of its own.
    pub(super) fn admission(&self, home: Home, now: Timestamp) -> Result<Admission, EntropyError> {
        let id = RequestId::from_bytes(random(&*self.entropy)?);
        Ok(self.admission_under(id, home, now, now + REMEMBER))
    }

    /// The same under an identifier that repeats it wherever it is made, remembered until `until`.
    pub(super) fn admission_under(
        &self,
        id: RequestId,
        home: Home,
        now: Timestamp,
        until: Timestamp,
    ) -> Admission {
        let mut admission = Admission::new(id, now, self.partition, until);
        (admission.clock, admission.home) = (self.clock_check, home);
        admission
    }

    /// What may be used once of something that expires at `expires` by whichever clock: a gate that
    /// lags by the bound still takes it when one that leads has let it expire, twice the bound
    /// before.
    pub(super) fn nonce(&self, key: Pseudonym, expires: Timestamp) -> Nonce {
        let apart = self.clock_check.skew().unwrap_or_default().saturating_mul(2);
        Nonce { key, expires: expires + apart }
    }

    /// The earliest time that another gate on the store may show when this one shows `now`.
    pub(super) fn earliest(&self, now: Timestamp) -> Timestamp {
        let skew = self.clock_check.skew().unwrap_or(DEFAULT_CLOCK_SKEW);
        now.before(skew.saturating_mul(2))
    }

    /// A question about nothing yet.
    pub(super) fn query(&self, home: Home, now: Timestamp) -> TallyQuery {
        let mut query = TallyQuery::new(now, self.partition);
        (query.clock, query.home) = (self.clock_check, home);
        query
    }

    /// The document of that name, as it stands in the store.
    pub(super) async fn document(
        &self,
        name: Pseudonym,
        now: Timestamp,
    ) -> Result<Document, GateError> {
        let mut query = self.query(Home::NOBODY, now);
        query.documents = vec![name];
        let tallies = guarded::tally(&*self.store, &query).await?;
        Ok(tallies.documents.into_iter().next().unwrap_or_default())
    }

    /// From when until when the number is a known one, if it was verified.
    pub(super) async fn known(
        &self,
        number: Pseudonym,
        now: Timestamp,
    ) -> Result<Option<(Timestamp, Timestamp)>, GateError> {
        let mut query = self.query(Home::of(number), now);
        query.marks = vec![MeterKey::new(number, slot::KNOWN)];
        let tallies = guarded::tally(&*self.store, &query).await?;
        Ok(tallies.marks.first().copied().flatten())
    }

    /// Settles an admission of which nothing, or less, should last.
    pub(super) async fn give_back(
        &self,
        admission: RequestId,
        home: Home,
        refunds: Vec<Refund>,
        void: Option<VoidCode>,
    ) -> Result<(), GateError> {
        let settlement = Settlement {
            clock: self.clock_check,
            home,
            refunds,
            void,
            ..Settlement::new(admission, self.clock.now(), self.partition)
        };
        guarded::settle(&*self.store, &settlement).await
    }

    /// What a grant says of the transaction that its code is for; all zeros for none.
    pub(super) fn binding_tag(&self, binding: &Binding) -> Pseudonym {
        if *binding == Binding::none() {
            return Pseudonym::default();
        }
        let key = self.keys.pseudonyms();
        Pseudonym::from_bytes(key.tagging("otpgate/v1/binding").field(&binding.bytes()).short())
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
            text: None,
            kind,
        }
    }

    /// An event about a number that something is asked for.
    pub(super) fn event_of(
        &self,
        at: Timestamp,
        purpose: &Purpose,
        recipient: &Recipient,
        number: Pseudonym,
        kind: EventKind,
    ) -> Event {
        Event {
            purpose: Some(purpose.clone()),
            region: recipient.region(),
            number: Some(number),
            ..self.event(at, kind)
        }
    }

    /// Tells the observer of an outage on its way to the host. A provider that did not take a text has
    /// an event of its own.
    #[inline]
    pub(super) fn told<T>(&self, answer: Result<T, GateError>) -> Result<T, GateError> {
        if let Err(error) = &answer {
            self.tell_error(error);
        }
        answer
    }

    #[cold]
    fn tell_error(&self, error: &GateError) {
        if error.kind() == GateErrorKind::HandOff {
            return;
        }
        if error.kind() == GateErrorKind::Clock {
            self.relearn_clock();
        }
        let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
        self.tell_outage(OutagePart::of(error.kind()), format!("{error}{cause}"));
    }

    /// The largest lead this process has seen may be the fault: the next call starts from the wall
    /// clock as it is now, and what was dated by the lead comes back.
    pub(super) fn relearn_clock(&self) {
        self.inner.clock.relearn();
        self.realm.watch.heal(self.now());
    }

    /// The hosts that the gate's texts name, for browsers to offer the code on.
    #[cfg(feature = "web")]
    pub(crate) fn message_hosts(&self) -> impl Iterator<Item = &str> {
        self.inner.message.hosts().map(crate::message::OriginHost::as_str)
    }

    pub(crate) fn tell_outage(&self, part: OutagePart, what: String) {
        self.tell(&self.event(self.now(), EventKind::Outage { part, what }));
    }

    pub(super) fn tell(&self, event: &Event) {
        note(event);
        tell(&*self.inner.observer, event);
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
