//! The detector's memory as bytes, so that a restart or a deploy forgets nothing that matters.
//!
//! Own codec: a version, counted sections with hard bounds, and a checksum against damage. It is not
//! authenticated; whoever keeps the bytes outside the process must seal them (they hold numbers and
//! addresses of the last half hour, and numbers that got a text in the last day).
//!
//! The memory is written whole, or in parts that can be saved one at a time and at different times:
//! the *head* holds what changes by the minute (who is asked and refused, open sessions), bounded
//! and small; each *shard* holds its share of what was learnt over weeks, and no suspicion: an old
//! shard must not bring back a block that has ended since. A part is complete in itself, and of two
//! records of one node the younger counts.

mod codec;
mod draft;
mod rows;

use std::sync::Arc;

use super::detector::Detector;
use super::journal::CodecError;
use super::node::Node;
use super::operator::{Order, Surge};
use super::path::{STRANGER, places_of};
use super::session::{OpenStepUp, Session, session_key};
use super::sessions::NumberCount;
use super::table::{Slot, mix};
use crate::base::time::Timestamp;
#[cfg(test)]
pub(super) use draft::BUDGET;
pub(crate) use draft::Draft;

use codec::{Reader, Writer, checksum};
use rows::{
    COUNT, NODE, SESSION, known_places, read_country, read_node, read_session, write_count,
    write_country, write_node, write_session, write_step_up,
};

/// A version to come begins as this one does, with the version, the kind of the part and the time: see
/// [`saved_at`].
const VERSION: u8 = 7;
/// Version 3 held no session of which no text went out, version 4 no history, and version 6 not how many
/// texts receipts usually call delivered; all are read.
const OLDEST: u8 = 3;
/// No honest snapshot is larger; a claim beyond it is refused before anything is allocated.
const LARGEST: usize = 256 << 20;
/// Into how many shards the lasting memory is cut.
pub(crate) const SHARDS: usize = 64;
/// Nodes, sessions, step-ups and counts in a head at most, each; the most urgent ones.
pub(super) const HEAD: usize = 4_096;
/// How recent a number's count must be to travel in the head.
const RECENT_MS: u64 = 900_000;
/// An open step-up: its subject, and eleven bytes more.
const STEP_UP: usize = 36;

/// What a run of bytes holds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Whole,
    Head,
    Shard(usize),
}

impl Part {
    fn kind(self) -> u8 {
        match self {
            Self::Whole => 0,
            Self::Head => 1,
            Self::Shard(_) => 2,
        }
    }

    /// Whether a row of lasting memory under this name belongs to the part.
    fn keeps(self, name: u64) -> bool {
        match self {
            Self::Whole => true,
            Self::Head => false,
            Self::Shard(shard) => usize::try_from(mix(name)).unwrap_or(0) % SHARDS == shard,
        }
    }
}

impl CodecError {
    /// Whether the snapshot is so old that no gate of today reads it.
    pub(crate) fn is_past(&self) -> bool {
        matches!(self, Self::Version(version) if *version < OLDEST)
    }
}

/// When a part was saved, by the clock of the gate that did, whatever release that was of.
pub(crate) fn saved_at(part: &[u8]) -> Option<Timestamp> {
    let mut fields = Reader(part);
    let (version, kind, now) = (fields.u8().ok()?, fields.u8().ok()?, fields.u64().ok()?);
    (version >= OLDEST && kind <= 2).then(|| Timestamp::from_millis(now))
}

impl Detector {
    /// All state as bytes. Takes time proportional to the number of nodes.
    #[must_use]
    pub fn snapshot(&self) -> Vec<u8> {
        self.write(Part::Whole)
    }

    /// What changes by the minute: at most about 1.3 megabytes, ordinarily some ten kilobytes.
    #[cfg(test)]
    pub(crate) fn head(&self) -> Vec<u8> {
        self.write(Part::Head)
    }

    /// A part of what was learnt over weeks: baselines, known numbers, counts of numbers.
    #[cfg(test)]
    pub(crate) fn shard(&self, shard: usize) -> Vec<u8> {
        self.write(Part::Shard(shard))
    }

    /// Takes over the state of a snapshot, keeping this detector's tuning, costs and gate.
    ///
    /// # Errors
    /// [`CodecError`] when the bytes are cut, damaged or of another version; nothing changes then.
    pub fn restore(&mut self, bytes: &[u8]) -> Result<(), CodecError> {
        let mut fresh = Self::of(self.journal.gate(), Arc::clone(&self.terms));
        fresh.read(bytes)?;
        self.become_of(fresh);
        Ok(())
    }

    /// Takes over the state of a head and of those shards that can be read; the others, and why. What
    /// is dated ahead of `now` was saved under a wrong clock, and [heals](Self::heal).
    ///
    /// # Errors
    /// [`CodecError`] when the head cannot be read; nothing changes then.
    pub(crate) fn restore_parts<'a>(
        &mut self,
        head: &[u8],
        shards: impl Iterator<Item = &'a [u8]>,
        now: Timestamp,
    ) -> Result<Vec<(&'a [u8], CodecError)>, CodecError> {
        let mut fresh = Self::of(self.journal.gate(), Arc::clone(&self.terms));
        fresh.read(head)?;
        let unread = |shard: &'a [u8]| fresh.read(shard).err().map(|error| (shard, error));
        let unread = shards.filter_map(unread).collect();
        fresh.heal_memory(now.as_millis());
        self.become_of(fresh);
        Ok(unread)
    }

    fn become_of(&mut self, mut fresh: Self) {
        self.journal.go_on_beside(&mut fresh.journal);
        std::mem::swap(&mut fresh.journal, &mut self.journal);
        *self = fresh;
    }

    fn write(&self, part: Part) -> Vec<u8> {
        let mut w = Writer::begin(0);
        let is_shard = matches!(part, Part::Shard(_));
        let countries = if is_shard { &[] } else { self.memory.countries() };
        w.count(countries.len());
        countries.iter().for_each(|country| write_country(&mut w, country));
        let mut count = w.open_count();
        count.1 = self.write_nodes(&mut w, self.nodes_of(part).into_iter(), is_shard);
        w.close_count(count);
        self.write_sessions(&mut w, part);
        self.write_numbers(&mut w, part);
        self.write_rows(&mut w, part, 0..3);
        self.write_orders(&mut w, part);
        self.write_header(&mut w, part, 0);
        let check = checksum(&w.0);
        w.u64(check);
        w.0
    }

    /// The header, behind `lead` bytes that are none of ours.
    fn write_header(&self, w: &mut Writer, part: Part, lead: usize) {
        let mut header = Writer::default();
        header.u8(VERSION);
        header.u8(part.kind());
        header.u64(self.now);
        header.u64(self.born);
        header.floats(&self.memory.trust());
        w.0.iter_mut().skip(lead).zip(header.0).for_each(|(to, from)| *to = from);
    }

    /// Rows of some of the three memories.
    fn write_rows(&self, w: &mut Writer, part: Part, which: std::ops::Range<usize>) {
        for memory in self.memory.tables().into_iter().skip(which.start).take(which.len()) {
            let mut count = w.open_count();
            let mut write = |row: u64| {
                w.u64(row);
                count.1 = count.1.saturating_add(1);
            };
            match part {
                Part::Whole => memory.rows().for_each(&mut write),
                Part::Head => {}
                Part::Shard(shard) => {
                    let buckets = 0..memory.buckets_in(SHARDS);
                    memory.rows_of(shard, SHARDS, buckets).for_each(&mut write);
                }
            }
            w.close_count(count);
        }
    }

    /// Writes those of the nodes that are there; how many.
    fn write_nodes(
        &self,
        w: &mut Writer,
        slots: impl Iterator<Item = Slot>,
        at_rest: bool,
    ) -> usize {
        let there = slots.filter_map(|slot| self.tree.at(slot));
        let mut written = 0_usize;
        for node in there.filter(|node| node.at != 0) {
            let country = self.memory.country(node.country);
            let country = country.map_or((*b"00", node.share_seen), |c| (c.region, c.sessions));
            let node = if at_rest { node.at_rest() } else { *node };
            write_node(w, &node, country);
            written = written.saturating_add(1);
        }
        written
    }

    /// The nodes of a part, in the order of the table.
    fn nodes_of(&self, part: Part) -> Vec<Slot> {
        let taken = |node: &Node| match part {
            Part::Whole => true,
            Part::Head => is_urgent(node),
            Part::Shard(_) => part.keeps(node.id) && is_lasting(node),
        };
        let mut slots: Vec<Slot> =
            self.tree.iter().filter(|(_, node)| taken(node)).map(|(slot, _)| slot).collect();
        if part == Part::Head && slots.len() > HEAD {
            let rank = |slot: &Slot| self.tree.at(*slot).map_or(0, urgency);
            slots.sort_by_key(|slot| (std::cmp::Reverse(rank(slot)), *slot));
            slots.truncate(HEAD);
            slots.sort_unstable();
        }
        slots
    }

    fn write_sessions(&self, w: &mut Writer, part: Part) {
        let most = match part {
            Part::Whole => usize::MAX,
            Part::Head => HEAD,
            Part::Shard(_) => 0,
        };
        let mut live: Vec<_> = self.sessions.all().iter().filter(|s| s.live).collect();
        if live.len() > most {
            live.sort_by_key(|s| (std::cmp::Reverse(s.sent_at), s.key));
            live.truncate(most);
        }
        w.count(live.len());
        live.into_iter().for_each(|session| write_session(w, session));
        // in order of asking, so that the same state gives the same bytes
        let mut asked: Vec<_> = self.sessions.step_ups.iter().collect();
        asked.sort_by_key(|(key, open)| std::cmp::Reverse((open.asked_at, *key)));
        asked.truncate(most);
        w.count(asked.len());
        asked.into_iter().rev().for_each(|(_, open)| write_step_up(w, open));
    }

    fn write_numbers(&self, w: &mut Writer, part: Part) {
        let recent = self.now.saturating_sub(RECENT_MS);
        let is_head = part == Part::Head;
        let mut numbers: Vec<_> = self
            .sessions
            .numbers
            .iter()
            .filter(|(digits, count)| part.keeps(*digits) || is_head && count.at >= recent)
            .collect();
        numbers.sort_by_key(|(digits, count)| (std::cmp::Reverse(count.at), *digits));
        if is_head {
            numbers.truncate(HEAD);
        }
        w.count(numbers.len());
        for (digits, count) in numbers.into_iter().rev() {
            write_count(w, digits, count);
        }
    }

    /// What operators ordered, and what was heard of other gates. A gate takes its orders from the
    /// controls, which are newer: they do not travel in parts.
    fn write_orders(&self, w: &mut Writer, part: Part) {
        let whole = part == Part::Whole;
        let surges = if whole { self.operator.surges() } else { &[] };
        w.count(surges.len());
        for surge in surges {
            w.0.extend_from_slice(&surge.region);
            w.f32(surge.factor);
            w.u64(surge.until);
        }
        let orders = if whole { self.operator.orders() } else { Vec::new() };
        w.count(orders.len());
        for (name, order) in orders {
            w.u64(name);
            w.u8(u8::from(matches!(order, Order::Block { .. })));
            w.u64(order.until());
        }
        let heard = if matches!(part, Part::Shard(_)) { Vec::new() } else { self.journal.heard() };
        w.count(heard.len());
        for (gate, next) in heard {
            w.u64(gate);
            w.u64(next);
        }
    }

    fn read(&mut self, bytes: &[u8]) -> Result<(), CodecError> {
        if bytes.len() > LARGEST {
            return Err(CodecError::Length);
        }
        let (body, check) = bytes.split_last_chunk::<8>().ok_or(CodecError::Length)?;
        let version = *body.first().ok_or(CodecError::Length)?;
        if !(OLDEST..=VERSION).contains(&version) {
            return Err(CodecError::Version(version));
        }
        if u64::from_be_bytes(*check) != checksum(body) {
            return Err(CodecError::Damaged);
        }
        let r = &mut Reader(body.get(1..).unwrap_or_default());
        let kind = r.u8()?;
        let (now, born) = (r.u64()?, r.u64()?);
        let mut trust = [0.0; 2];
        r.floats(&mut trust)?;
        match kind {
            0 | 1 => {
                (self.now, self.born) = (now, born);
                self.memory.restore_trust(trust);
            }
            2 => {}
            _ => return Err(CodecError::Damaged),
        }
        for _ in 0..r.count(100)? {
            self.memory.restore_country(read_country(r, version)?)?;
        }
        for _ in 0..r.count(NODE)? {
            self.read_node(r)?;
        }
        self.read_sessions(r, version)?;
        for _ in 0..r.count(COUNT)? {
            let digits = r.u64()?;
            let (sends, sessions, failed, at) = (r.f32()?, r.u16()?, r.u8()?, r.u64()?);
            self.sessions.numbers.restore(digits, NumberCount { sends, sessions, failed, at });
        }
        let kept = if version < 5 { 2 } else { 3 };
        for table in 0..kept {
            for _ in 0..r.count(8)? {
                self.memory.restore_row(table, r.u64()?);
            }
        }
        self.memory.restored();
        self.read_orders(r)?;
        if r.0.is_empty() { Ok(()) } else { Err(CodecError::Length) }
    }

    fn read_node(&mut self, r: &mut Reader<'_>) -> Result<(), CodecError> {
        let (mut node, region, behind) = read_node(r)?;
        node.country = self.memory.country_slot(region, self.now);
        let sessions = self.memory.country(node.country).map_or(0, |c| c.sessions);
        node.share_seen = sessions.wrapping_sub(behind);
        self.tree.restore(node, is_urgent);
        Ok(())
    }

    fn read_sessions(&mut self, r: &mut Reader<'_>, version: u8) -> Result<(), CodecError> {
        for _ in 0..r.count(SESSION)? {
            let mut session = read_session(r, version)?;
            self.resolve(&mut session);
            let waits = !session.verified && session.stage < 4;
            let path = session.nodes();
            if session.unsent {
                self.sessions.withhold_again(session_key(&session.subject), session.sent_at);
            }
            if self.sessions.add(session).is_some() && waits {
                self.tree.pend(&path);
            }
        }
        self.sessions.sort(self.now);
        for _ in 0..r.count(STEP_UP)? {
            let (subject, asked_at) = (r.subject()?, r.u64()?);
            let (places, known, stage) = (r.u16()?, r.flag()?, r.u8()?);
            let places = if known { known_places(places, version) } else { places };
            let open = OpenStepUp { subject, asked_at, places, known, stage, generation: 0 };
            self.sessions.step_ups.add(open);
            self.tree.step_up_asked(&self.tree.path_of(&subject, places));
        }
        Ok(())
    }

    fn read_orders(&mut self, r: &mut Reader<'_>) -> Result<(), CodecError> {
        for _ in 0..r.count(14)?.min(256) {
            let (region, factor, until) = (r.region()?, r.f32()?, r.u64()?);
            self.operator.restore_surge(Surge { region, factor, until });
        }
        for _ in 0..r.count(17)? {
            let (name, block, until) = (r.u64()?, r.flag()?, r.u64()?);
            let order = if block { Order::Block { until } } else { Order::Forbid { until } };
            self.operator.restore_order(name, order);
        }
        for _ in 0..r.count(16)? {
            let (gate, next) = (r.u64()?, r.u64()?);
            self.journal.saw(gate, next);
        }
        Ok(())
    }

    /// Finds the session's nodes in this table again.
    fn resolve(&self, session: &mut Session) {
        // a slot that was empty when the session began stays empty
        let places = places_of(&session.path);
        let away = places & 1 << 13 != 0;
        let around = STRANGER & !session.counted & if away { STRANGER } else { !(1 << 12) };
        session.path = self.tree.path_of(&session.subject, places | around);
        session.country = self.memory.country_of(session.subject.region).unwrap_or(u16::MAX);
    }
}

/// Whether a node belongs in the head: it acts, is under suspicion or was lately, or is coarse.
fn is_urgent(node: &Node) -> bool {
    let is_coarse = matches!(node.id >> 60, 5..=8 | 11..=15);
    is_coarse || !node.is_harmless() || node.strikes > 0 || node.failed > 0.0
}

/// Which of too many go into the head first.
fn urgency(node: &Node) -> u64 {
    let is_coarse = matches!(node.id >> 60, 5..=8 | 11..=15);
    let state = if is_coarse { 3 } else { node.state as u8 };
    // order of floats that are not negative is the order of their bits
    let evidence = (node.evidence() + node.share.max(0.0)).max(0.0).to_bits();
    (u64::from(state) << 32) | u64::from(evidence)
}

/// Whether forgetting the node would lose what was learnt over days.
fn is_lasting(node: &Node) -> bool {
    let is_range = matches!(node.id >> 60, 3 | 4);
    (is_range && node.warm != 0) || node.verified_days() >= 2.0
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)] // a test may overflow: it then fails
mod tests {
    use super::*;
    use crate::pumping::level::{ClientNet, Subject};
    use crate::pumping::sighting::{Sighting, SightingKind};

    /// As version 6 wrote it: a country ends before the receipts of the days before.
    #[test]
    fn a_country_without_its_receipts_of_before_is_read() {
        let mut now = Detector::new(1);
        let subject = Subject {
            region: *b"UZ",
            digits: 998_900_000_000,
            known: false,
            purpose: 0,
            price_microusd: 1,
            client: ClientNet::unknown(),
        };
        for kind in [SightingKind::Sent, SightingKind::Verified, SightingKind::Delivered] {
            now.observe(Sighting::of(Timestamp::from_millis(86_400_000), kind, &subject));
        }
        let country = now.memory.countries().first().unwrap();
        assert_eq!(country.receipt_base, [1.0; 2]);
        let mut record = Writer::default();
        write_country(&mut record, country);
        assert!(record.0.len() < rows::COUNTRY);
        let mut bytes = now.snapshot();
        let end = Writer::begin(0).0.len() + 4 + record.0.len();
        drop(bytes.drain(end - 8..end));
        bytes[0] = 6;
        let body = bytes.len() - 8;
        let check = checksum(&bytes[..body]);
        bytes[body..].copy_from_slice(&check.to_be_bytes());
        let mut then = Detector::new(2);
        then.restore(&bytes).unwrap();
        let read = then.memory.countries().first().unwrap();
        assert_eq!((read.receipt_base, read.receipts), ([0.0; 2], [1.0; 2]));
        assert_eq!(then.snapshot().len(), now.snapshot().len());
    }
}
