//! [`Watch`]: the pumping detector of a realm, what it hears of other gates, and what it remembers.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use crate::access::{ClientIp, Control, ControlBook, ControlId, Effect, Ruling};
use crate::base::entropy::Entropy;
use crate::base::id::{Pseudonym, RequestId};
use crate::base::keyring::KeyRing;
use crate::base::money::Money;
use crate::base::time::Timestamp;
use crate::context::Purpose;
use crate::pumping::{Alert, Assessment, ClientNet, Detector, Draft, Sighting, Subject, saved_at};
use crate::recipient::Recipient;
use crate::store::{Document, DocumentWrite, Exchange, News};

use super::combining::Combining;
use super::hung_up::HungUp;
use super::names::{Names, sealed_for};
use super::reach::{KeptBack, covers, told};
use super::recall::{Recall, Saved, Turn};
use super::saving::{Carried, Pen, Ready, Saving, open};
use super::standing::Concern;

/// How far apart two readings of the clock may be within one request, and those of two gates.
const CLOCKS_APART: Duration = Duration::from_secs(300);

/// A loss of the store's shows in more than one call; it is told once in so long.
const LOSS_MS: u64 = 600_000;

/// Bytes of other gates' news that one call takes in: about 500 entries, half a millisecond to open. A
/// gate that makes less than one in 500 of its realm's calls hears more between two of them.
const HEARD: usize = 65_536;

/// Events that a decision may miss at most while many requests are with the detector at once.
const MISSED: usize = 32;

/// What a realm's detector knows, from its own gate, from the others and from before this process.
pub(crate) struct Watch {
    realm: Arc<str>,
    detector: Combining<Detector, Sighting>,
    /// Marks this gate's own entries in the journal, so that they need not be opened.
    gate: u64,
    /// The journal has been read up to here.
    read: AtomicU64,
    /// When it was last told that the store has lost what it knew.
    lost: AtomicU64,
    /// The surge that each region's traffic is judged by at present.
    surges: Mutex<HashMap<[u8; 2], ControlId>>,
    /// Whether there ever was a surge: a realm that never announced one asks no lock for it.
    surged: AtomicBool,
    /// The newest entry whose lift was carried out.
    lifted: AtomicU64,
    /// Where an entry keeps the detector from refusing.
    kept_back: KeptBack,
    /// What the detector remembers across restarts.
    recall: Recall,
    /// The save in the making.
    saving: Saving,
    hung_up: HungUp,
}

impl Watch {
    pub(super) fn new(realm: Arc<str>, gate: u64, detector: Detector) -> Self {
        Self {
            realm,
            detector: Combining::new(detector, MISSED, Detector::observe),
            gate,
            read: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            surges: Mutex::default(),
            surged: AtomicBool::new(false),
            lifted: AtomicU64::new(0),
            kept_back: KeptBack::default(),
            recall: Recall::default(),
            saving: Saving::default(),
            hung_up: HungUp::default(),
        }
    }

    /// The other gates on the store, and when each was last heard of.
    pub(crate) fn others(&self, now: Timestamp) -> Vec<(u64, Timestamp)> {
        self.recall.peers(now)
    }

    /// The detector to look at. Whoever decides or looks meanwhile does not wait.
    pub(crate) fn detector(&self) -> RwLockReadGuard<'_, Detector> {
        self.detector.look()
    }

    /// The detector to change.
    fn change(&self) -> RwLockWriteGuard<'_, Detector> {
        self.detector.lock()
    }

    /// What to do about a request: see [`Detector::assess`]. Requests that come while others are with the
    /// detector are judged side by side.
    pub(super) fn judge(&self, concern: &Concern<'_>, passed: bool) -> Assessment {
        let (now, subject, quiet) = (concern.query.now, &concern.subject, concern.quiet);
        self.detector.decide(
            |detector| match quiet {
                true => detector.assess_as_stranger(now, subject, passed),
                false => detector.assess(now, subject, passed),
            },
            |detector| detector.foresee(now, subject, quiet, passed),
        )
    }

    /// Takes back what this process has dated ahead of `now`, the clock's own reading.
    pub(crate) fn heal(&self, now: Timestamp) {
        if self.change().heal(now) {
            self.recall.heal(now);
        }
    }

    /// Tells the detector what happened; what it has to say about it. While another request is with the
    /// detector this one does not wait: what happened is then part of the next decision, and what there
    /// is to say is said to the next one that has something to tell.
    pub(crate) fn saw(&self, mut sighting: Sighting, now: Timestamp) -> Vec<Alert> {
        // A request that began while the clock led must not date ahead what has just healed.
        if sighting.at_ms > (now + CLOCKS_APART).as_millis() {
            sighting.at_ms = now.as_millis();
        }
        self.recall.note_early(&sighting);
        let mut healed = false;
        let alerts = self.detector.hand_over(
            sighting,
            |detector| healed = detector.heal(now),
            Detector::take_alerts,
        );
        if healed {
            self.recall.heal(now);
        }
        alerts.unwrap_or_default()
    }

    /// Whether a request that nobody waited for is to be told: see [`HungUp`].
    pub(crate) fn is_first_unanswered<const N: usize>(
        &self,
        names: [Option<(Pseudonym, Timestamp)>; N],
        now: Timestamp,
    ) -> bool {
        self.hung_up.is_first(names, now)
    }

    /// Whether there may be something to tell although the detector says nothing: an entry that keeps it from
    /// refusing may be over.
    pub(crate) fn looks_again(&self, now: Timestamp) -> bool {
        self.kept_back.is_due(now)
    }

    /// Of what the detector has to say, what is so under the operators' entries; and what is so because one of
    /// them is over.
    pub(crate) fn told(
        &self,
        alerts: Vec<Alert>,
        book: &ControlBook,
        now: Timestamp,
    ) -> Vec<Alert> {
        if book.entries().len() == 0 && !self.kept_back.is_any() {
            return alerts;
        }
        let detector = self.detector();
        let told = |alert: Alert| told(alert, detector.inspect(alert.node), book, now);
        let told = alerts.into_iter().filter_map(told).collect();
        self.kept_back.follow(told, &detector, book, now)
    }

    /// Up to where the journal has been read.
    pub(crate) fn read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    /// What this gate has to tell the others, to travel with a call to the store: at most 64 events.
    pub(crate) fn exchange(&self, journal: Pseudonym, id: RequestId, keys: &KeyRing) -> Exchange {
        let events = self.change().drain_outbox();
        let append = if events.is_empty() {
            Vec::new()
        } else {
            let plain = [Saved::write(self.recall.take_news()), events].concat();
            let key = keys.pseudonyms();
            // Made from the news as well: a call that is decided afresh carries other news under the
            // same identifier, and the identifier seals the send's record too.
            let nonce =
                key.tagging("otpgate/v1/news/nonce").field(id.as_bytes()).field(&plain).short();
            let sealed = keys.papers().seal(&sealed_for("news", &self.realm), nonce, &plain);
            [&self.gate.to_be_bytes()[..], &sealed].concat()
        };
        Exchange { journal, append, after: self.read() }
    }

    /// Takes back what a call was to tell that failed: the next one tells it. Where it arrived all the same,
    /// the others know it by its numbers.
    pub(crate) fn untell(&self, exchange: &Exchange, keys: &KeyRing) {
        let Some((_, sealed)) = exchange.append.split_first_chunk::<8>() else { return };
        let Some(plain) = keys.papers().open(&sealed_for("news", &self.realm), sealed) else {
            return;
        };
        let Some((saved, events)) = Saved::read(&plain) else { return };
        self.change().untell(events);
        if let Some(saved) = saved {
            self.recall.give_back_news(saved);
        }
    }

    /// Whether the journal began anew: a call asked for what came `after` an entry, and the newest that it has
    /// is an earlier one, as the store has lost what it knew. It is read from its beginning then. A `latest`
    /// of 0 tells nothing.
    pub(crate) fn begins_anew(&self, after: u64, latest: u64) -> bool {
        let anew = (1..after).contains(&latest);
        if anew {
            self.read.store(0, Ordering::Relaxed);
        }
        anew
    }

    /// Whether a loss of the store's, which a call has just shown, is still to be told.
    pub(crate) fn tells_loss(&self, now: Timestamp) -> bool {
        let (told, now) = (self.lost.load(Ordering::Relaxed), now.as_millis());
        let due = told == 0 || now.abs_diff(told) >= LOSS_MS;
        due && self.lost.compare_exchange(told, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// Takes note that the controls went back to `book`, which gives away anew the numbers of entries that are
    /// lost: none of those has been carried out.
    pub(crate) fn went_back(&self, book: &ControlBook) {
        self.lifted.fetch_min(book.revision(), Ordering::Relaxed);
        self.surges.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Takes in what the other gates had to tell; how many entries could not be read.
    ///
    /// Of more than [`HEARD`] only the newest are opened, and only that a node acts is taken from them: of
    /// sessions whose end was passed over the rest would make sessions that nobody ended.
    pub(crate) fn take_in(
        &self,
        news: &News,
        keys: &KeyRing,
        now: impl Fn() -> Timestamp,
    ) -> usize {
        self.take_in_most(news, keys, now, HEARD)
    }

    fn take_in_most(
        &self,
        news: &News,
        keys: &KeyRing,
        now: impl Fn() -> Timestamp,
        most: usize,
    ) -> usize {
        let read = self.read.fetch_max(news.latest, Ordering::Relaxed);
        let others: Vec<(u64, &[u8])> = news
            .entries
            .iter()
            .filter(|(sequence, _)| *sequence > read)
            .filter_map(|(_, entry)| entry.split_first_chunk::<8>())
            .map(|(author, sealed)| (u64::from_be_bytes(*author), sealed))
            .filter(|(author, _)| *author != self.gate)
            .collect();
        let opened = newest(&others, most);
        let whole = opened.len() == others.len();
        let mut unread = 0_usize;
        for (author, sealed) in opened {
            self.recall.meet(*author, now());
            let plain = keys.papers().open(&sealed_for("news", &self.realm), sealed);
            if plain.and_then(|plain| self.hear(&plain, now(), whole)).is_none() {
                unread = unread.saturating_add(1);
            }
        }
        unread
    }

    /// Takes in an entry of another gate's, `whole` or only that nodes act; `None` if it is none.
    fn hear(&self, plain: &[u8], now: Timestamp, whole: bool) -> Option<()> {
        let (saved, events) = Saved::read(plain)?;
        let mut detector = self.change();
        match whole {
            true => detector.absorb(now, events).ok()?,
            false => detector.absorb_alarms(now, events).ok()?,
        };
        drop(detector);
        if let Some(saved) = saved {
            self.recall.hear(saved, now);
        }
        Some(())
    }

    /// The turn to read what the detector knew before this process; see [`Recall::turn`].
    pub(crate) fn turn(&self) -> Option<Turn<'_>> {
        self.recall.turn()
    }

    /// Takes in what was read: the memory, then the journal, which reaches back further than the last save, then
    /// what was seen meanwhile. What cannot be read is left out and named.
    pub(crate) fn remember(
        &self,
        turn: Turn<'_>,
        memory: &[Document],
        news: &News,
        keys: &KeyRing,
        now: Timestamp,
    ) -> (Option<String>, usize) {
        self.recall.set_versions(memory, now);
        let trouble = self.take_back(memory, keys, now);
        // What came in by the journal until now went to a detector that is gone; what it has in
        // common with the memory is known by its numbers and not counted twice.
        self.read.store(0, Ordering::Relaxed);
        let unread = self.take_in_most(news, keys, || now, usize::MAX);
        turn.finish();
        for sighting in self.recall.take_early() {
            self.change().observe_again(&sighting);
        }
        (trouble, unread)
    }

    /// Puts back what the detector knew; what could not be read. Unless that is of a version that nobody
    /// reads any more, it is left alone for a day after it was saved: another gate may read it.
    fn take_back(&self, memory: &[Document], keys: &KeyRing, now: Timestamp) -> Option<String> {
        let (head, shards) = memory.split_first().filter(|(head, _)| head.version > 0)?;
        let shards: Vec<(usize, &Document)> =
            (1..).zip(shards).filter(|(_, shard)| shard.version > 0).collect();
        let read = |place: usize, document: &Document| open(&self.realm, place, document, keys);
        let opened: Vec<Vec<u8>> =
            shards.iter().filter_map(|(place, shard)| read(*place, shard)).collect();
        let shut = shards.len().saturating_sub(opened.len());
        let plain = read(0, head).unwrap_or_default();
        let (lifted, head) = plain.split_first_chunk::<8>().unwrap_or((&[0; 8], &[]));
        let parts = opened.iter().map(Vec::as_slice);
        // A part that a clock led at tells no time.
        let dated = |part: &[u8]| saved_at(part).filter(|saved| *saved <= now + CLOCKS_APART);
        let restored = self.change().restore_parts(head, parts.clone(), now);
        match restored {
            Ok(unread) => {
                // What was lifted of the detector that is gone, this one may still have.
                self.lifted.store(u64::from_be_bytes(*lifted), Ordering::Relaxed);
                // announced to the detector that is gone
                self.surges.lock().unwrap_or_else(PoisonError::into_inner).clear();
                // Shards that cannot be opened are nobody's: those who name them as this gate does have its
                // key. They wait for no other release.
                let others = unread.iter().filter(|(_, error)| !error.is_past());
                if let Some(saved) = others.filter_map(|(shard, _)| dated(shard)).max() {
                    self.recall.leave_alone(saved.min(now));
                }
                let parts = unread.len().saturating_add(shut);
                (parts > 0).then(|| {
                    format!("{parts} parts of what the detector had learnt cannot be read")
                })
            }
            Err(error) => {
                if !error.is_past() {
                    let saved = std::iter::once(head).chain(parts).filter_map(dated).max();
                    self.recall.leave_alone(saved.map_or(now, |saved| saved.min(now)));
                }
                let what = "what the detector knew before the restart cannot be read and is left \
                            out; do all gates have the same version and time?";
                Some(what.into())
            }
        }
    }

    /// Goes on with the save that is due, if it is this gate's to make.
    pub(crate) fn go_on(&self, keys: &KeyRing, entropy: &dyn Entropy, now: Timestamp) {
        if let Some(shard) = self.recall.upcoming(self.gate, now) {
            self.saving.go_on(shard, &self.pen(keys, entropy), now);
        }
    }

    /// The writes of one save, if they are ready, or made `whole` at once; the head's first.
    pub(crate) fn writes(
        &self,
        names: Names<'_>,
        keys: &KeyRing,
        entropy: &dyn Entropy,
        now: Timestamp,
        whole: bool,
    ) -> Option<([DocumentWrite; 2], Carried)> {
        let next = self.recall.upcoming(self.gate, now)?;
        let ready = self.saving.take(next, &self.pen(keys, entropy), now, whole)?;
        let due = self.recall.due(self.gate, now).filter(|(_, shard, _)| *shard == next);
        let Some((head, shard, version)) = due else {
            self.saving.put_back(ready);
            return None;
        };
        let write = |place: usize, expect: u64, content: Vec<u8>| DocumentWrite {
            document: names.memory(place),
            expect,
            content,
        };
        let Ready { written, documents: [head_bytes, shard_bytes], .. } = ready;
        let place = shard.saturating_add(1);
        let documents = [write(0, head, head_bytes), write(place, version, shard_bytes)];
        Some((documents, Carried { note: Saved::new(now, head, shard, version), written }))
    }

    fn pen<'a>(
        &'a self,
        keys: &'a KeyRing,
        entropy: &'a dyn Entropy,
    ) -> Pen<'a, impl Fn(&mut Draft) -> ([u8; 8], usize)> {
        let write = |draft: &mut Draft| {
            let lifted = self.lifted.load(Ordering::Relaxed).to_be_bytes();
            (lifted, self.detector().go_on(draft))
        };
        Pen { write, realm: &self.realm, keys, entropy }
    }

    /// A save was admitted.
    pub(crate) fn saved(&self, carried: Carried) {
        self.recall.saved(carried.note);
        self.saving.forget();
    }

    /// A save was not admitted: the next try takes it along.
    pub(crate) fn not_saved(&self, carried: Carried, documents: Vec<DocumentWrite>) {
        let contents: Vec<Vec<u8>> = documents.into_iter().map(|write| write.content).collect();
        if let Ok(documents) = <[Vec<u8>; 2]>::try_from(contents) {
            let (shard, written) = (carried.note.shard(), carried.written);
            self.saving.put_back(Ready { shard, written, documents });
        }
    }

    /// Whether the memory in the store is not this gate's to write over; see [`Recall::leave_alone`].
    pub(crate) fn leaves_memory(&self, now: Timestamp) -> bool {
        self.recall.is_left_alone(now)
    }

    /// Makes the next save due at once, and this gate's.
    pub(crate) fn hurry(&self) {
        self.recall.hurry();
    }

    /// Whether no send has carried a save for too long; see [`Recall::is_overdue`].
    pub(crate) fn is_overdue(&self, now: Timestamp) -> bool {
        self.recall.is_overdue(now)
    }

    /// Another gate has saved the document at `place` of the memory meanwhile.
    pub(crate) fn correct(&self, place: usize, version: u64, now: Timestamp) {
        self.recall.correct(place, version, now);
    }

    /// Tells the detector of the surge that is expected where this request goes, or that none is.
    /// It is one for all requests to a country, or each would end what the one before it announced.
    pub(super) fn expect(&self, ruling: &Ruling<'_>, subject: &Subject) {
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
        let mut detector = self.change();
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
    pub(crate) fn lift(&self, book: &ControlBook, now: Timestamp) {
        let before = self.lifted.load(Ordering::Relaxed);
        // It begins when it is entered, by a clock that may lead this one: nothing would bring it up again.
        let begun = |control: &&Control| control.since() <= now + CLOCKS_APART;
        let new = book.entries().filter(begun).filter(|control| {
            control.id().0 > before
                && control.until().is_none_or(|until| now < until)
                && control.effect() == Effect::LiftAutomaticBlock
        });
        for control in new {
            let mut detector = self.change();
            let acting = detector.acting(now);
            for view in acting.iter().filter(|view| covers(control.target(), view)) {
                detector.lift(view.node);
            }
            self.lifted.fetch_max(control.id().0, Ordering::Relaxed);
        }
    }
}

/// The newest entries that have no more than `most` bytes together; the newest of all in any case.
fn newest<'a, 'b>(entries: &'a [(u64, &'b [u8])], most: usize) -> &'a [(u64, &'b [u8])] {
    let mut bytes = 0_usize;
    let passed = entries.iter().rposition(|(_, sealed)| {
        bytes = bytes.saturating_add(sealed.len());
        bytes > most && bytes > sealed.len()
    });
    let first = passed.map_or(0, |place| place.saturating_add(1));
    entries.get(first..).unwrap_or_default()
}

/// The purpose as the detector keeps it: it only tells sessions of different purposes apart.
fn purpose_byte(purpose: &Purpose) -> u8 {
    purpose.as_str().bytes().fold(0_u8, |hash, byte| hash.rotate_left(3) ^ byte)
}

/// A request as the pumping detector sees it.
pub(crate) fn sighted(
    recipient: &Recipient,
    purpose: &Purpose,
    price: Money,
    client: ClientIp,
) -> Subject {
    let (home, digits) = recipient.line();
    Subject {
        region: home.letters(),
        digits,
        known: false,
        purpose: purpose_byte(purpose),
        price_microusd: u32::try_from(price.as_microdollars()).unwrap_or(u32::MAX),
        client: client.counted().map_or(ClientNet::unknown(), ClientNet::of),
    }
}

#[cfg(test)]
mod tests;
