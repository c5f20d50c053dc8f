//! A tenant's state in this process: the controls it last saw, and the pumping detector.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use crate::access::{ControlBook, ControlId, Effect, Ruling};
use crate::base::entropy::random;
use crate::base::id::{Pseudonym, RequestId};
use crate::base::time::Timestamp;
use crate::context::{Purpose, Realm};
use crate::error::{GateError, GateErrorKind};
use crate::event::{EventKind, OutagePart};
use crate::outcome::Proved;
use crate::pumping::{Detector, Draft, SHARDS, Sighting, Subject};
use crate::store::{
    Admission, Admitted, Document, Exchange, News, StoreError, StoreErrorKind, TallyQuery,
};

use super::guarded;
use super::names::Fixed;
use super::recall::{self, Recall, Saved, Turn};
use super::standing::{Concern, Standing, covers};
use super::{Gate, Parts};

/// The realms this process has served.
#[derive(Default)]
pub(crate) struct Realms(RwLock<HashMap<Realm, Arc<RealmState>>>);

impl Realms {
    pub(super) fn of(&self, realm: &Realm, inner: &Parts) -> Arc<RealmState> {
        if let Some(state) = self.0.read().unwrap_or_else(PoisonError::into_inner).get(realm) {
            return Arc::clone(state);
        }
        let mut realms = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let state =
            realms.entry(realm.clone()).or_insert_with(|| Arc::new(RealmState::new(realm, inner)));
        Arc::clone(state)
    }
}

/// How far apart two readings of the clock may be within one request.
const CLOCKS_APART: Duration = Duration::from_secs(300);

/// A tenant's state in this process.
pub(crate) struct RealmState {
    id: Realm,
    name: Arc<str>,
    names: Fixed,
    controls: RwLock<Arc<Book>>,
    detector: Mutex<Detector>,
    /// Marks this gate's own entries in the journal, so that they need not be opened.
    gate: u64,
    /// The journal has been read up to here.
    read: AtomicU64,
    /// The surge that each region's traffic is judged by at present.
    surges: Mutex<HashMap<[u8; 2], ControlId>>,
    /// Whether there ever was a surge: a realm that never announced one asks no lock for it.
    surged: AtomicBool,
    /// The newest entry whose lift was carried out.
    lifted: AtomicU64,
    /// What the detector remembers across restarts.
    recall: Recall,
}

/// The controls as this process last saw them.
#[derive(Default)]
pub(super) struct Book {
    pub(super) version: u64,
    pub(super) book: ControlBook,
}

impl RealmState {
    fn new(realm: &Realm, inner: &Parts) -> Self {
        let gate = inner.instance;
        let mut detector = Detector::with(gate, inner.tuning.clone(), inner.costs);
        if inner.shared {
            detector.share();
        }
        Self {
            id: realm.clone(),
            name: realm.as_str().into(),
            names: Fixed::new(inner.keys.pseudonyms(), realm.as_str(), inner.purposes.keys()),
            controls: RwLock::default(),
            detector: Mutex::new(detector),
            gate,
            read: AtomicU64::new(0),
            surges: Mutex::default(),
            surged: AtomicBool::new(false),
            lifted: AtomicU64::new(0),
            recall: Recall::default(),
        }
    }

    pub(super) fn id(&self) -> &Realm {
        &self.id
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn names(&self) -> &Fixed {
        &self.names
    }

    pub(super) fn shared_name(&self) -> Arc<str> {
        Arc::clone(&self.name)
    }

    /// The other gates on the store, and when each was last heard of.
    pub(super) fn others(&self, now: Timestamp) -> Vec<(u64, Timestamp)> {
        self.recall.peers(now)
    }

    pub(super) fn controls(&self) -> Arc<Book> {
        Arc::clone(&self.controls.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn detector(&self) -> MutexGuard<'_, Detector> {
        // A panic in the detector leaves statistics that may be off, not a decision that is wrong.
        self.detector.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What controls and detector say about a request.
    pub(super) fn standing(&self, concern: &Concern<'_>) -> Standing {
        let seen = self.controls();
        let ruling = seen.book.decide(&concern.query);
        // Work satisfies a demand for work below; it is no answer to a demand for a person.
        let passed = concern.proved == Proved::Human;
        self.expect(&ruling, &concern.subject);
        let (now, subject) = (concern.query.now, &concern.subject);
        let assessment = if concern.quiet {
            self.detector().assess_as_stranger(now, subject, passed)
        } else {
            self.detector().assess(now, subject, passed)
        };
        Standing::new(&seen, &ruling, assessment, concern)
    }

    /// Takes back what this process has dated ahead of `now`, the clock's own reading.
    pub(super) fn heal(&self, now: Timestamp) {
        if self.detector().heal(now) {
            self.recall.heal(now);
        }
    }

    /// Tells the detector what happened, and the host what the detector has to say about it.
    pub(super) fn saw(&self, gate: &Gate, mut sighting: Sighting) {
        // A request that began while the clock led must not date ahead what has just healed.
        let now = gate.now();
        if sighting.at_ms > (now + CLOCKS_APART).as_millis() {
            sighting.at_ms = now.as_millis();
        }
        self.recall.note_early(&sighting);
        let (healed, alerts) = {
            let mut detector = self.detector();
            let healed = detector.heal(now);
            detector.observe(sighting);
            (healed, detector.take_alerts())
        };
        if healed {
            self.recall.heal(now);
        }
        for alert in alerts {
            let at = Timestamp::from_millis(alert.at_ms);
            gate.tell(&gate.event(at, EventKind::Pumping { alert }));
        }
        recall::go_on(gate, now);
    }

    /// What this gate has to tell the others, to travel with a call to the store.
    pub(super) fn exchange(&self, gate: &Gate, id: RequestId) -> Option<Exchange> {
        if !gate.inner.shared {
            return None;
        }
        let events = self.detector().drain_outbox();
        let append = if events.is_empty() {
            Vec::new()
        } else {
            let plain = [Saved::write(self.recall.take_news()), events].concat();
            let key = gate.inner.keys.pseudonyms();
            // Made from the news as well: a call that is decided afresh carries other news under the
            // same identifier, and the identifier seals the send's record too.
            let nonce =
                key.tagging("otpgate/v1/news/nonce").field(id.as_bytes()).field(&plain).short();
            let sealed = gate.inner.keys.papers().seal(&self.context("news"), nonce, &plain);
            [&self.gate.to_be_bytes()[..], &sealed].concat()
        };
        let after = self.read.load(Ordering::Relaxed);
        Some(Exchange { journal: gate.names().journal(), append, after })
    }

    /// Takes in what the other gates had to tell.
    pub(super) fn take_in(&self, gate: &Gate, news: &News) {
        let read = self.read.fetch_max(news.latest, Ordering::Relaxed);
        let key = gate.inner.keys.papers();
        for (sequence, entry) in &news.entries {
            let Some((author, sealed)) = entry.split_first_chunk::<8>() else { continue };
            if *sequence <= read || u64::from_be_bytes(*author) == self.gate {
                continue;
            }
            self.recall.meet(u64::from_be_bytes(*author), gate.now());
            let plain = key.open(&self.context("news"), sealed);
            if plain.and_then(|plain| self.hear(gate, &plain)).is_none() {
                let what = "a journal entry of another gate could not be read; do all gates have \
                            the same index key and version?";
                gate.tell_outage(OutagePart::Store, what.into());
            }
        }
    }

    /// Takes in an entry of another gate's; `None` if it is none.
    fn hear(&self, gate: &Gate, plain: &[u8]) -> Option<()> {
        let (saved, events) = Saved::read(plain)?;
        self.detector().absorb(gate.now(), events).ok()?;
        if let Some(saved) = saved {
            self.recall.hear(saved, gate.now());
        }
        Some(())
    }

    /// Reads the controls anew.
    pub(super) async fn reload_controls(
        &self,
        gate: &Gate,
        now: Timestamp,
    ) -> Result<Arc<Book>, GateError> {
        let mut query = TallyQuery::new(now, gate.inner.partition);
        query.clock = gate.inner.clock_check;
        query.documents = vec![gate.names().controls()];
        let tallies = guarded::tally(&*gate.inner.store, &query).await?;
        let document = tallies.documents.into_iter().next().unwrap_or_default();
        self.adopt_controls(gate, &document, now)
    }

    fn adopt_controls(
        &self,
        gate: &Gate,
        document: &Document,
        now: Timestamp,
    ) -> Result<Arc<Book>, GateError> {
        let fresh = Arc::new(self.open_book(gate, document)?);
        self.lift(&fresh.book, now);
        let mut controls = self.controls.write().unwrap_or_else(PoisonError::into_inner);
        if fresh.version >= controls.version {
            *controls = Arc::clone(&fresh);
        }
        Ok(fresh)
    }

    /// Reads, once in the life of the process, the controls and what the detector knew before it.
    pub(super) async fn remember(&self, gate: &Gate, now: Timestamp) -> Result<(), GateError> {
        match self.recall.turn() {
            Some(turn) => Box::pin(self.read_memory(gate, now, turn)).await,
            None => Ok(()),
        }
    }

    async fn read_memory(
        &self,
        gate: &Gate,
        now: Timestamp,
        turn: Turn<'_>,
    ) -> Result<(), GateError> {
        let mut query = TallyQuery::new(now, gate.inner.partition);
        query.clock = gate.inner.clock_check;
        query.documents = vec![gate.names().controls()];
        query.documents.extend(recall::documents(gate));
        query.journal = Some((gate.names().journal(), 0));
        let tallies = guarded::tally(&*gate.inner.store, &query).await?;
        let (controls, memory) = match tallies.documents.split_first() {
            Some((controls, memory)) => (controls.clone(), memory),
            None => (Document::default(), &[][..]),
        };
        self.recall.set_versions(memory, now);
        self.take_back(gate, memory, now);
        // What came in by the journal until now went to a detector that is gone; what it has in
        // common with the memory is known by its numbers and not counted twice.
        self.read.store(0, Ordering::Relaxed);
        self.take_in(gate, &tallies.news);
        turn.finish();
        for sighting in self.recall.take_early() {
            self.detector().observe_again(&sighting);
        }
        drop(self.adopt_controls(gate, &controls, now)?);
        Ok(())
    }

    /// Puts back what the detector knew. What cannot be read is told and left out.
    fn take_back(&self, gate: &Gate, memory: &[Document], now: Timestamp) {
        let Some((head, shards)) = memory.split_first().filter(|(head, _)| head.version > 0) else {
            return;
        };
        let shards: Vec<(usize, &Document)> =
            (1..).zip(shards).filter(|(_, shard)| shard.version > 0).collect();
        let opened: Vec<Vec<u8>> =
            shards.iter().filter_map(|(place, shard)| recall::open(gate, *place, shard)).collect();
        let mut unread = shards.len().saturating_sub(opened.len());
        let restored = recall::open(gate, 0, head).and_then(|plain| {
            let (lifted, head) = plain.split_first_chunk::<8>()?;
            let parts = opened.iter().map(Vec::as_slice);
            unread = unread.saturating_add(self.detector().restore_parts(head, parts, now).ok()?);
            self.lifted.fetch_max(u64::from_be_bytes(*lifted), Ordering::Relaxed);
            // announced to the detector that is gone
            self.surges.lock().unwrap_or_else(PoisonError::into_inner).clear();
            Some(())
        });
        if restored.is_none() {
            let what = "what the detector knew before the restart cannot be read and is left \
                        out; do all gates have the same index key, version and time?";
            gate.tell_outage(OutagePart::Store, what.into());
        } else if unread > 0 {
            let what = format!("{unread} parts of what the detector had learnt cannot be read");
            gate.tell_outage(OutagePart::Store, what);
        }
    }

    /// What this gate has to save now; see [`Recall::due`].
    pub(super) fn due(&self, now: Timestamp) -> Option<(u64, usize, u64)> {
        self.recall.due(self.gate, now)
    }

    /// Goes on writing what the detector remembers; what the head has in front of it.
    pub(super) fn go_on(&self, draft: &mut Draft) -> ([u8; 8], usize) {
        let lifted = self.lifted.load(Ordering::Relaxed).to_be_bytes();
        (lifted, self.detector().go_on(draft))
    }

    pub(super) fn recall(&self) -> &Recall {
        &self.recall
    }

    /// This gate's name among those on the store.
    pub(super) fn instance(&self) -> u64 {
        self.gate
    }

    /// A save was admitted.
    pub(super) fn saved(&self, saved: Saved) {
        self.recall.saved(saved);
    }

    /// Whether `document` is part of the memory; if so its version is corrected.
    pub(super) fn outdated(
        &self,
        gate: &Gate,
        document: Pseudonym,
        version: u64,
        now: Timestamp,
    ) -> bool {
        if document == gate.names().controls() {
            return false;
        }
        match recall::documents(gate).iter().position(|name| *name == document) {
            Some(place) => {
                self.recall.correct(place, version, now);
                true
            }
            None => false,
        }
    }

    /// Saves everything, two documents at a time.
    pub(super) async fn save(&self, gate: &Gate) -> Result<(), GateError> {
        const TRIES: usize = 4 * SHARDS;
        self.remember(gate, gate.now()).await?;
        let mut left = SHARDS;
        for _ in 0..TRIES {
            if left == 0 {
                return Ok(());
            }
            self.recall.hurry();
            if self.save_once(gate, gate.now(), true).await? {
                left = left.saturating_sub(1);
            }
        }
        Err(GateError::new(GateErrorKind::Store, "other gates kept saving; save again"))
    }

    /// Saves on behalf of a request that is refused, if no other could for two minutes.
    pub(super) async fn save_overdue(&self, gate: &Gate, now: Timestamp) {
        if self.recall.is_overdue(now)
            && let Err(error) = self.save_once(gate, now, false).await
        {
            gate.tell_outage(
                OutagePart::Store,
                format!("what the detector knows could not be saved: {error}"),
            );
        }
    }

    async fn save_once(&self, gate: &Gate, now: Timestamp, whole: bool) -> Result<bool, GateError> {
        let Some((documents, saved)) = recall::writes(gate, now, whole) else { return Ok(false) };
        let id = RequestId::from_bytes(random(&*gate.inner.entropy)?);
        let mut admission = Admission::new(id, now, gate.inner.partition, now + super::REMEMBER);
        admission.clock = gate.inner.clock_check;
        admission.documents = documents;
        match guarded::admit(&*gate.inner.store, &admission).await? {
            Admitted::Granted { .. } => {
                self.saved(saved);
                Ok(true)
            }
            Admitted::Stale { document, version } => {
                self.outdated(gate, document, version, now);
                Ok(false)
            }
            _ => Ok(false),
        }
    }

    /// Tells the detector of the surge that is expected where this request goes, or that none is.
    fn expect(&self, ruling: &Ruling<'_>, subject: &Subject) {
        let announced = ruling.surge.zip(ruling.surge_factor());
        // Relaxed: who misses a surge that another request has just announced sees to it next time.
        if announced.is_none() && !self.surged.load(Ordering::Relaxed) {
            return;
        }
        let mut surges = self.surges.lock().unwrap_or_else(PoisonError::into_inner);
        let held = surges.get(&subject.region).copied();
        if held == announced.map(|(by, _)| by.id()) {
            return;
        }
        let mut detector = self.detector();
        match announced {
            Some((by, factor)) => {
                surges.insert(subject.region, by.id());
                self.surged.store(true, Ordering::Relaxed);
                let until = by.until().unwrap_or(Timestamp::MAX);
                detector.expect_surge(subject.region, f32::from(factor.value()), until);
            }
            None => {
                surges.remove(&subject.region);
                detector.expect_surge(subject.region, 1.0, Timestamp::MAX);
            }
        }
    }

    /// Carries out the lifts that are new: the detector's blocks in the target end, and what spoke
    /// for them is forgotten.
    fn lift(&self, book: &ControlBook, now: Timestamp) {
        let before = self.lifted.load(Ordering::Relaxed);
        let new = book.entries().filter(|control| {
            control.id().0 > before
                && control.holds(now)
                && control.effect() == Effect::LiftAutomaticBlock
        });
        for control in new {
            let mut detector = self.detector();
            let acting = detector.acting();
            for view in acting.iter().filter(|view| covers(control.target(), view)) {
                detector.lift(view.node);
            }
            self.lifted.fetch_max(control.id().0, Ordering::Relaxed);
        }
    }

    /// The controls as they go to the store: sealed, because they name prefixes and networks.
    pub(super) fn seal_book(&self, gate: &Gate, nonce: [u8; 16], book: &ControlBook) -> Vec<u8> {
        gate.inner.keys.papers().seal(&self.context("controls"), nonce, &book.encode())
    }

    fn open_book(&self, gate: &Gate, document: &Document) -> Result<Book, GateError> {
        if document.version == 0 {
            return Ok(Book::default());
        }
        let key = gate.inner.keys.papers();
        let book = key
            .open(&self.context("controls"), &document.content)
            .and_then(|plain| ControlBook::decode(&plain).ok())
            .ok_or_else(|| {
                let cause = "the realm's controls cannot be read; do all gates have the same index \
                             key and version?";
                GateError::from(StoreError::new(StoreErrorKind::Corrupt, cause))
            })?;
        Ok(Book { version: document.version, book })
    }

    fn context(&self, what: &str) -> Vec<u8> {
        [b"otpgate/v1/", what.as_bytes(), b"/", self.name.as_bytes()].concat()
    }
}

/// The purpose as the detector keeps it: it only tells sessions of different purposes apart.
pub(super) fn purpose_byte(purpose: &Purpose) -> u8 {
    purpose.as_str().bytes().fold(0_u8, |hash, byte| hash.rotate_left(3) ^ byte)
}
