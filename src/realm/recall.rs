//! What the detector of a realm remembers across restarts: sealed documents in the store, written
//! along with admissions and read once by each process.
//!
//! When the last save is a minute old, requests begin the next one. Each makes one or two pieces of
//! it, of bounded work, until it is written and sealed. Then one gate adds two documents to a send that
//! it admits anyway: the *head* (who is asked and refused, open sessions) and, in turn, one of the
//! *shards* (baselines and known numbers). The journal has what happened since, because it reaches
//! back further than a minute. The gate with the smallest id saves; if it stays silent, any gate
//! may. Two that write at once cost one of them a round trip. During an attack no send may be
//! admitted. Then one refused request every two minutes makes a round trip to save.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::base::codec::{Reader, Writer};
use crate::base::time::Timestamp;
use crate::pumping::{SHARDS, Sighting};
use crate::store::{Document, JOURNAL_LIFE};

/// Time between two saves of a realm, whoever makes them; less than the journal reaches back.
pub(super) const EVERY: Duration = Duration::from_secs(60);
/// After a save that was not admitted, time to the next try.
const RETRY: Duration = Duration::from_secs(10);
/// After so long without a save any gate may make it.
const ANYBODY: Duration = Duration::from_secs(180);
/// For so long after the last save of a memory that this gate could not read, it leaves it alone. Then the
/// roll-out or roll-back is over, and what it has learnt itself is worth more.
const LEFT_ALONE: Duration = Duration::from_secs(86_400);
/// Other gates remembered.
const PEERS: usize = 256;
/// Sightings kept for a memory that is still on its way.
const EARLY: usize = 1_024;
/// How far another gate's clock may be ahead of this one's.
const AHEAD: Duration = Duration::from_secs(300);

const BLANK: u8 = 0;
const LOADING: u8 = 1;
const LOADED: u8 = 2;

/// Where a realm's memory stands.
#[derive(Debug, Default)]
pub(super) struct Recall {
    state: AtomicU8,
    shelf: Mutex<Shelf>,
}

/// The documents as this gate last heard of them.
#[derive(Debug)]
struct Shelf {
    head: u64,
    shards: [u64; SHARDS],
    /// The shard that is next.
    next: usize,
    /// No save before this time.
    due: Timestamp,
    /// The last save that this gate knows of.
    last: Timestamp,
    /// When the memory was saved last that this gate could not read.
    unread: Option<Timestamp>,
    /// A save of this gate that the others have not been told of.
    news: Option<Saved>,
    /// The other gates, and when each was last heard of.
    peers: Vec<(u64, Timestamp)>,
    /// What was seen before the memory was there.
    early: Vec<Sighting>,
}

impl Default for Shelf {
    fn default() -> Self {
        Self {
            head: 0,
            shards: [0; SHARDS],
            next: 0,
            due: Timestamp::from_millis(0),
            last: Timestamp::from_millis(0),
            unread: None,
            news: None,
            peers: Vec::new(),
            early: Vec::new(),
        }
    }
}

impl Shelf {
    /// Whether it is for `gate` to save.
    fn is_turn(&self, gate: u64, now: Timestamp) -> bool {
        if self.is_left_alone(now) {
            return false;
        }
        let first =
            |(peer, heard): &(u64, Timestamp)| *peer < gate && now.since(*heard) < JOURNAL_LIFE;
        now >= self.last + ANYBODY || !self.peers.iter().any(first)
    }

    fn is_left_alone(&self, now: Timestamp) -> bool {
        self.unread.is_some_and(|saved| now < saved + LEFT_ALONE)
    }

    /// A save was made by a gate that perhaps reads what this one could not.
    fn put_off(&mut self, at: Timestamp) {
        self.unread = self.unread.map(|saved| saved.max(at));
    }
}

/// A save, as gates tell each other of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Saved {
    at: Timestamp,
    head: u64,
    shard: usize,
    version: u64,
}

impl Saved {
    /// The save, at `now`, of the shard that had `version` beside the head that had `head`.
    pub(super) fn new(now: Timestamp, head: u64, shard: usize, version: u64) -> Self {
        let (head, version) = (head.saturating_add(1), version.saturating_add(1));
        Self { at: now, head, shard, version }
    }

    pub(super) fn shard(&self) -> usize {
        self.shard
    }

    /// In front of a journal entry: a flag, and the note if there is one.
    pub(super) fn write(note: Option<Self>) -> Vec<u8> {
        match note {
            None => vec![0],
            Some(saved) => Writer::new()
                .u8(1)
                .time(saved.at)
                .u64(saved.head)
                .u64(saved.shard as u64)
                .u64(saved.version)
                .finish(),
        }
    }

    /// The note in front of a journal entry, and the rest of it.
    pub(super) fn read(bytes: &[u8]) -> Option<(Option<Self>, &[u8])> {
        let mut fields = Reader::new(bytes);
        let note = match fields.u8()? {
            0 => None,
            1 => Some(Self {
                at: fields.time()?,
                head: fields.u64()?,
                shard: usize::try_from(fields.u64()?).ok().filter(|shard| *shard < SHARDS)?,
                version: fields.u64()?,
            }),
            _ => return None,
        };
        Some((note, fields.rest()))
    }
}

/// The one request that reads the memory; another may if this one is dropped on the way.
pub(crate) struct Turn<'a>(&'a AtomicU8);

impl Turn<'_> {
    pub(super) fn finish(self) {
        self.0.store(LOADED, Ordering::Release);
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        // only if it was not finished
        let _ = self.0.compare_exchange(LOADING, BLANK, Ordering::AcqRel, Ordering::Relaxed);
    }
}

impl Recall {
    /// The turn to read the memory, unless it was read or is being read. Nobody waits for it: the
    /// handful of requests that come meanwhile is judged without.
    pub(super) fn turn(&self) -> Option<Turn<'_>> {
        if self.state.load(Ordering::Acquire) != BLANK {
            return None;
        }
        self.state
            .compare_exchange(BLANK, LOADING, Ordering::AcqRel, Ordering::Relaxed)
            .ok()
            .map(|_| Turn(&self.state))
    }

    /// Keeps a sighting for the memory that is not there yet.
    pub(super) fn note_early(&self, sighting: &Sighting) {
        if self.state.load(Ordering::Acquire) != LOADED {
            let mut shelf = self.shelf();
            if shelf.early.len() < EARLY {
                shelf.early.push(*sighting);
            }
        }
    }

    pub(super) fn take_early(&self) -> Vec<Sighting> {
        std::mem::take(&mut self.shelf().early)
    }

    /// Takes note of the versions of the documents, the head's first, as read at `now`.
    pub(super) fn set_versions(&self, documents: &[Document], now: Timestamp) {
        let mut shelf = self.shelf();
        shelf.last = now;
        let mut versions = documents.iter().map(|document| document.version);
        shelf.head = versions.next().unwrap_or_default();
        shelf.shards.iter_mut().zip(versions).for_each(|(there, version)| *there = version);
    }

    /// A memory of which the last part was `saved` then could not be read here. A gate of another release
    /// reads it perhaps, so a blank one does not take its place for a day: counted from then, not from now,
    /// or it never would where no process lives for a day.
    pub(super) fn leave_alone(&self, saved: Timestamp) {
        self.shelf().unread = Some(saved);
    }

    /// Whether this gate saves nothing, for the sake of a memory that it could not read.
    pub(super) fn is_left_alone(&self, now: Timestamp) -> bool {
        self.shelf().is_left_alone(now)
    }

    /// Another gate was heard of.
    pub(super) fn meet(&self, peer: u64, now: Timestamp) {
        let mut shelf = self.shelf();
        if let Some((_, heard)) = shelf.peers.iter_mut().find(|(name, _)| *name == peer) {
            *heard = now;
            return;
        }
        shelf.peers.retain(|(_, heard)| now.since(*heard) < JOURNAL_LIFE);
        if shelf.peers.len() < PEERS {
            shelf.peers.push((peer, now));
        }
    }

    /// The other gates that were heard of lately, and when.
    pub(super) fn peers(&self, now: Timestamp) -> Vec<(u64, Timestamp)> {
        let shelf = self.shelf();
        let heard = shelf.peers.iter().filter(|(_, heard)| now.since(*heard) < JOURNAL_LIFE);
        heard.copied().collect()
    }

    /// What `gate` has to save at `now`, if it is time and its turn: the head's version, the shard,
    /// and its version.
    pub(super) fn due(&self, gate: u64, now: Timestamp) -> Option<(u64, usize, u64)> {
        if self.state.load(Ordering::Acquire) != LOADED {
            return None;
        }
        let mut shelf = self.shelf();
        if now < shelf.due || !shelf.is_turn(gate, now) {
            return None;
        }
        shelf.due = now + RETRY;
        let version = shelf.shards.get(shelf.next).copied()?;
        Some((shelf.head, shelf.next, version))
    }

    /// The shard that `gate` has to save next, if it is time and its turn.
    pub(super) fn upcoming(&self, gate: u64, now: Timestamp) -> Option<usize> {
        if self.state.load(Ordering::Acquire) != LOADED {
            return None;
        }
        let shelf = self.shelf();
        (now >= shelf.due && shelf.is_turn(gate, now)).then_some(shelf.next)
    }

    /// Whether no send has carried a save for so long that the journal no longer bridges the gap: all
    /// that comes is refused.
    pub(super) fn is_overdue(&self, now: Timestamp) -> bool {
        now >= self.shelf().last + JOURNAL_LIFE
    }

    /// Makes the next save due at once, and this gate's.
    pub(super) fn hurry(&self) {
        let mut shelf = self.shelf();
        shelf.due = Timestamp::from_millis(0);
        shelf.peers.clear();
    }

    /// A save of this gate was admitted.
    pub(super) fn saved(&self, saved: Saved) {
        self.hear(saved, saved.at);
        let mut shelf = self.shelf();
        (shelf.news, shelf.unread) = (Some(saved), None);
    }

    /// A save was made, by this gate or another whose clock may lead.
    pub(super) fn hear(&self, saved: Saved, now: Timestamp) {
        let mut shelf = self.shelf();
        let at = saved.at.min(now + AHEAD);
        shelf.head = shelf.head.max(saved.head);
        if let Some(version) = shelf.shards.get_mut(saved.shard) {
            *version = saved.version.max(*version);
        }
        shelf.next = saved.shard.saturating_add(1) % SHARDS;
        shelf.last = shelf.last.max(at);
        shelf.put_off(at);
        shelf.due = shelf.due.max(at + EVERY);
    }

    /// The document has another version than was thought: another gate has just saved it.
    pub(super) fn correct(&self, place: usize, version: u64, now: Timestamp) {
        let mut shelf = self.shelf();
        match place.checked_sub(1) {
            None => shelf.head = version,
            Some(shard) => {
                if let Some(there) = shelf.shards.get_mut(shard) {
                    *there = version;
                }
            }
        }
        shelf.due = now + EVERY;
        shelf.last = now;
        shelf.put_off(now);
    }

    /// The clock led and is right again: nothing waits for a time that it showed.
    pub(super) fn heal(&self, now: Timestamp) {
        let mut shelf = self.shelf();
        shelf.due = shelf.due.min(now + EVERY);
        shelf.last = shelf.last.min(now);
        shelf.unread = shelf.unread.map(|saved| saved.min(now));
        shelf.peers.iter_mut().for_each(|(_, heard)| *heard = now.min(*heard));
        if let Some(saved) = &mut shelf.news {
            saved.at = saved.at.min(now);
        }
    }

    /// The save the others have not heard of.
    pub(super) fn take_news(&self) -> Option<Saved> {
        self.shelf().news.take()
    }

    /// The others have not heard of this save after all, unless there is a later one to tell.
    pub(super) fn give_back_news(&self, saved: Saved) {
        self.shelf().news.get_or_insert(saved);
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn saved(shard: usize) -> Saved {
        Saved { at: Timestamp::from_millis(1_000), head: 3, shard, version: 2 }
    }

    #[test]
    fn a_note_is_read_back_and_anything_else_refused() {
        for note in [None, Some(saved(SHARDS - 1))] {
            let mut bytes = Saved::write(note);
            bytes.extend(b"events");
            assert_eq!(Saved::read(&bytes), Some((note, &b"events"[..])));
        }
        assert_eq!(Saved::read(&Saved::write(Some(saved(SHARDS)))), None);
        assert_eq!(Saved::read(&[]), None);
        assert_eq!(Saved::read(&[2]), None);
        assert_eq!(Saved::read(&Saved::write(Some(saved(0)))[..20]), None);
    }

    #[test]
    fn one_request_reads_and_another_takes_over_if_it_is_dropped() {
        let recall = Recall::default();
        let turn = recall.turn().unwrap();
        assert!(recall.turn().is_none());
        drop(turn);
        recall.turn().unwrap().finish();
        assert!(recall.turn().is_none());
    }

    #[test]
    fn a_save_is_due_once_a_minute_and_a_refused_one_soon_again() {
        let recall = Recall::default();
        let at = Timestamp::from_millis;
        assert_eq!(recall.due(5, at(0)), None, "nothing was read yet");
        recall.turn().unwrap().finish();
        assert_eq!(recall.due(5, at(1_000)), Some((0, 0, 0)));
        assert_eq!(recall.due(5, at(10_999)), None);
        assert_eq!(recall.due(5, at(11_000)), Some((0, 0, 0)));
        recall.saved(Saved { at: at(11_000), head: 1, shard: 0, version: 1 });
        assert_eq!(recall.due(5, at(70_999)), None);
        assert_eq!(recall.due(5, at(71_000)), Some((1, 1, 0)));
        assert!(recall.take_news().is_some() && recall.take_news().is_none());
    }

    #[test]
    fn the_gate_with_the_smallest_name_saves_and_any_when_it_does_not() {
        let recall = Recall::default();
        recall.turn().unwrap().finish();
        let at = Timestamp::from_millis;
        recall.saved(Saved { at: at(100_000), head: 1, shard: 0, version: 1 });
        recall.meet(7, at(150_000));
        recall.meet(3, at(200_000));
        assert_eq!(recall.due(5, at(160_000)), None, "gate 3 is there");
        assert_eq!(recall.due(5, at(279_999)), None);
        assert_eq!(recall.due(5, at(280_000)), Some((1, 1, 0)), "but does not save");
        recall.saved(Saved { at: at(280_000), head: 2, shard: 1, version: 1 });
        assert_eq!(recall.due(5, at(340_000)), Some((2, 2, 0)), "nor is it heard of any more");
    }

    #[test]
    fn a_memory_that_was_not_read_is_left_alone_for_a_day_after_its_last_save() {
        let recall = Recall::default();
        let at = |hours: u64| Timestamp::from_millis(hours * 3_600_000);
        recall.set_versions(&[Document { version: 9, content: Vec::new() }], at(0));
        recall.leave_alone(at(0));
        recall.turn().unwrap().finish();
        recall.hurry();
        assert_eq!(recall.due(5, at(23)), None);
        recall.hear(Saved { at: at(23), head: 10, shard: 3, version: 4 }, at(23)); // by who can read it
        assert_eq!(recall.due(5, at(46)), None);
        assert_eq!(recall.due(5, at(47)), Some((10, 4, 0)));
        recall.saved(Saved { at: at(47), head: 11, shard: 4, version: 1 });
        assert_eq!(recall.due(5, at(48)), Some((11, 5, 0)), "it is this gate's own now");
    }

    #[test]
    fn a_clock_that_led_keeps_no_save_waiting() {
        let recall = Recall::default();
        recall.turn().unwrap().finish();
        let (at, year) = (Timestamp::from_millis, 31_536_000_000);
        recall.saved(Saved { at: at(year), head: 1, shard: 0, version: 1 });
        recall.meet(3, at(year));
        recall.heal(at(100_000));
        assert_eq!(recall.due(5, at(159_999)), None);
        assert_eq!(recall.due(5, at(280_000)), Some((1, 1, 0)));
        assert!(recall.is_overdue(at(220_000)));

        // Another gate's clock leads: its word is taken, its date is not.
        recall.hear(Saved { at: at(year), head: 2, shard: 1, version: 1 }, at(300_000));
        assert_eq!(recall.due(5, at(1_000_000)), Some((2, 2, 0)));
    }
}
