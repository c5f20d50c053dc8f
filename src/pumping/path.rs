//! A request's nodes: which they are, how they are brought to the present, and which part of the
//! evidence each of them sees.

use super::detector::Detector;
use super::evidence::Ordinary;
use super::level::{BlockLevel, NodeId, Subject};
use super::memory::Local;
use super::node::Node;
use super::session::PATH;
use super::share::largest_share;
use super::table::{NONE, Slot, Table};
use super::tuning::Tuning;

/// The level of each place of a path: of the number, of everybody, of the client's networks, and of
/// known numbers. Which of them count a session is said by its places, one bit each.
const LEVELS: [BlockLevel; PATH] = [
    BlockLevel::Hundred,
    BlockLevel::Thousand,
    BlockLevel::TenThousand,
    BlockLevel::HundredThousand,
    BlockLevel::Million,
    BlockLevel::Country,
    BlockLevel::ColdCountry,
    BlockLevel::Cold,
    BlockLevel::ColdMillion,
    BlockLevel::Host,
    BlockLevel::Network,
    BlockLevel::Everyone,
    BlockLevel::AwayCountry,
    BlockLevel::Away,
    BlockLevel::KnownCountry,
    BlockLevel::Known,
];

/// The client's side: its address, its network, and the pool of networks where nobody has verified.
/// Whoever asks sees what these say of him, so they count every session that he believes to be open,
/// whatever its number is and whether or not a text went out.
pub(super) const CLIENT: u16 = 1 << 9 | 1 << 10 | 1 << 13;
/// The places of a number that is not known.
pub(super) const STRANGER: u16 = (1 << 14) - 1;
/// Those of a known number.
pub(super) const KNOWN: u16 = CLIENT | 1 << 14 | 1 << 15;
/// Those that are there only for a client from a network where nobody has verified.
const AWAY: u16 = 1 << 12;
/// And those for one from where no network near it has.
const FAR: u16 = 1 << 13;

/// The level of each place of a path.
pub(super) const fn levels() -> &'static [BlockLevel; PATH] {
    &LEVELS
}

/// The level of a place of a path.
pub(super) fn level_at(place: usize) -> BlockLevel {
    LEVELS.get(place).copied().unwrap_or(BlockLevel::Known)
}

/// Whether a place is the client's.
pub(super) const fn is_clients(place: usize) -> bool {
    CLIENT >> place & 1 == 1
}

/// The nodes of `path` at `places`, one bit each.
pub(super) fn only(path: &[Slot; PATH], places: u16) -> [Slot; PATH] {
    let mut kept = *path;
    for (place, slot) in kept.iter_mut().enumerate() {
        if places >> place & 1 == 0 {
            *slot = NONE;
        }
    }
    kept
}

/// The places of a path that are filled, one bit each.
pub(super) fn places_of(path: &[Slot; PATH]) -> u16 {
    let filled = path.iter().enumerate().filter(|(_, slot)| **slot != NONE);
    filled.fold(0, |bits, (place, _)| bits | 1 << place)
}

impl Detector {
    pub(super) fn local(&mut self, now: u64, region: [u8; 2]) -> Local {
        let slot = self.memory.country_slot(region, now);
        self.local_of(now, slot, region)
    }

    /// As [`local`](Self::local), where the country's place is known already.
    pub(super) fn local_of(&mut self, now: u64, slot: u16, region: [u8; 2]) -> Local {
        let surge = self.operator.surge(self.now, region);
        self.memory.local(now, slot, surge)
    }

    /// Brings every node of a path to `now` and returns the tolerated rate of each (sends an hour).
    pub(super) fn refresh(&mut self, now: u64, path: &[Slot; PATH], local: &Local) -> [f32; PATH] {
        let mut rates = [0.0; PATH];
        let mut parent = 0.0;
        let country = path.get(5).copied().unwrap_or(NONE);
        let daily = self.table.at(country).map_or(0.0, Node::daily);
        let tuning = &self.terms.tuning;
        // Whoever enters a tenth of the codes must not be owed ten texts for each of them: below the lowest
        // null the requests are no longer people's, however long it has gone on.
        let hourly = local.season / (24.0 * local.conversion.max(tuning.null_range.0));
        // from the last place to the first: a country comes before its blocks, which inherit from it
        let places = path.iter().zip(&mut rates).zip(levels()).enumerate().rev();
        for (place, ((slot, out), level)) in places {
            if *slot == NONE && !(1..=5).contains(&place) {
                continue;
            }
            let Ordinary { floor, tolerance, inherit } = self.terms.bets.ordinary(*level);
            let inherited = inherit * parent;
            let mut rate = floor * local.surge + inherited;
            if let Some(node) = self.table.at_mut(*slot) {
                rate = (floor + tolerance * node.daily() * hourly) * local.surge + inherited;
                let bets = || self.terms.bets.at(local.null, *level);
                node.fade(now, rate, bets, tuning.asked_half_life);
                if place < 5 {
                    let elapsed = local.sessions.wrapping_sub(node.share_seen);
                    node.share_seen = local.sessions;
                    if node.share > 0.0 && elapsed > 0 {
                        let q = largest_share(tuning, place, node.daily(), daily);
                        let far = local.far.map_or(0.0, |far| far * (tuning.share_far - 2.0));
                        let fair = ln_1p(q + q * far);
                        node.share = (node.share - fair * elapsed as f32).max(0.0);
                    }
                }
            }
            *out = rate;
            parent = if place <= 5 { rate } else { 0.0 };
        }
        rates
    }

    /// True when nobody has ever verified from the number's block.
    pub(super) fn is_cold(&self, subject: &Subject, level: BlockLevel) -> bool {
        self.table
            .find(NodeId::block(level, subject.digits))
            .and_then(|slot| self.table.at(slot))
            .is_none_or(|node| node.warm == 0)
    }

    /// The nodes of a new session, with the session counted as pending at those of `counted`, one bit
    /// each. The others are given as they exist: what is acted on there explains some of what the
    /// client's side sees.
    pub(super) fn build_path(
        &mut self,
        now: u64,
        subject: &Subject,
        counted: u16,
        local: &Local,
    ) -> [Slot; PATH] {
        let is_whole = counted & STRANGER == STRANGER;
        let mut path = if is_whole { [NONE; PATH] } else { self.find_path(now, subject, false) };
        let (away, far) = (self.memory.is_away(subject, now), self.memory.is_far(subject, now));
        let parts = self.terms.tuning.parts;
        let cold = parts.cold && self.is_cold(subject, BlockLevel::HundredThousand);
        let colder = cold && self.is_cold(subject, BlockLevel::Million);
        // coarse before fine: a fine node is born only where its parent already was, so the tree
        // grows where traffic repeats and a lone session costs two blocks instead of five
        let mut parent_is_new = false;
        let names = Self::names(subject);
        for (place, (slot, id)) in path.iter_mut().zip(names).enumerate().rev() {
            let level = id.level();
            let skip = match level {
                BlockLevel::ColdCountry | BlockLevel::Cold => !cold,
                BlockLevel::ColdMillion => !colder,
                BlockLevel::Host | BlockLevel::Network => !parts.address,
                BlockLevel::AwayCountry => !away,
                BlockLevel::Away => !far,
                _ => false,
            };
            let fine = matches!(
                level,
                BlockLevel::Hundred
                    | BlockLevel::Thousand
                    | BlockLevel::TenThousand
                    | BlockLevel::Host
            );
            if skip || counted >> place & 1 == 0 {
                continue;
            }
            let births = self.table.births();
            *slot = if fine && parent_is_new {
                self.table.find(id).unwrap_or(NONE)
            } else {
                self.obtain(now, id, local)
            };
            // once one was born or left out, nothing finer of the same branch may be born
            let grown = self.table.births() != births || *slot == NONE;
            parent_is_new = grown || (fine && parent_is_new);
            self.pin(*slot);
        }
        path
    }

    /// Counts the session at a node, which also keeps it from being evicted by the next birth.
    fn pin(&mut self, slot: Slot) {
        if let Some(node) = self.table.at_mut(slot) {
            node.pending = node.pending.saturating_add(1);
        }
    }

    pub(super) fn obtain(&mut self, now: u64, id: NodeId, local: &Local) -> Slot {
        // the assessment a moment ago has usually found it already
        let hint = self.hint.get(id.level().index()).copied().unwrap_or(NONE);
        if self.table.at(hint).is_some_and(|node| node.at != 0 && node.id == id.to_bits()) {
            return hint;
        }
        if let Some(slot) = self.table.find(id) {
            return slot;
        }
        let node = Node::new(id, local.country, local.sessions, now);
        self.table.insert(node, now).unwrap_or(NONE)
    }

    /// The nodes of a request as they exist, creating none.
    pub(super) fn find_path(&self, now: u64, subject: &Subject, known: bool) -> [Slot; PATH] {
        let mut places = if known { KNOWN } else { STRANGER };
        if !self.memory.is_away(subject, now) {
            places &= !AWAY;
        }
        if !self.memory.is_far(subject, now) {
            places &= !FAR;
        }
        let mut path = self.path_of(subject, places);
        let [_, _, _, block, million, _, cold_country, cold, colder, ..] = &mut path;
        let is_warm = |slot: Slot| self.table.at(slot).is_some_and(|node| node.warm != 0);
        let off = !self.terms.tuning.parts.cold;
        if is_warm(*block) || off {
            *cold_country = NONE;
            *cold = NONE;
        }
        if is_warm(*million) || is_warm(*block) || off {
            *colder = NONE;
        }
        path
    }

    /// The nodes of the given places, one bit each, as they exist.
    pub(super) fn path_of(&self, subject: &Subject, places: u16) -> [Slot; PATH] {
        let mut path = [NONE; PATH];
        for (place, (slot, id)) in path.iter_mut().zip(Self::names(subject)).enumerate() {
            if places >> place & 1 == 1 {
                *slot = self.table.find(id).unwrap_or(NONE);
            }
        }
        path
    }

    /// Which part of a session's evidence reaches each place of its path. In a realm without history
    /// blocks and countries hide nothing from each other: what they ask for stops nobody who solves it,
    /// and a hundred blocks that ask would each have to be filled.
    pub(super) fn shade(&self, path: &[Slot; PATH]) -> Shade {
        let mut shade = Shade::of(&self.table, path, &self.terms.tuning);
        if self.memory.is_young() {
            let finest = shade.at(0);
            shade.0.iter_mut().take(6).for_each(|part| *part = finest);
        }
        shade
    }

    /// What a session without a text weighs at its number's side. In a realm without history everybody
    /// can do what is asked there, and sees that it is.
    pub(super) fn unsent_weight(&self) -> f32 {
        if self.memory.is_young() { 1.0 } else { self.terms.tuning.unsent_weight }
    }

    pub(super) fn each(&mut self, path: &[Slot; PATH], mut change: impl FnMut(&mut Node)) {
        for slot in path {
            if let Some(node) = self.table.at_mut(*slot) {
                change(node);
            }
        }
    }
}

/// `ln(1 + q)` for `0 ≤ q ≤ 0.9`, never below it and at most 0.8 % above: the share detector then
/// errs towards honest traffic, and a request computes no logarithm.
fn ln_1p(q: f32) -> f32 {
    q * (6.0 + q) / (6.0 + 4.0 * q)
}

/// Which part of a session's evidence reaches each place of its path, given which finer nodes are
/// already acted on (explain-away).
pub(super) struct Shade([f32; PATH]);

impl Shade {
    /// `path` holds the nodes of a stranger's session too where another kind of session counts
    /// fewer. Groups of known numbers see everything.
    fn of(table: &Table, path: &[Slot; PATH], tuning: &Tuning) -> Self {
        let (mut out, pass_up) = ([1.0_f32; PATH], tuning.pass_up);
        let flagged =
            |slot: &Slot| table.at(*slot).is_some_and(|node| node.explains(tuning.ask_at));
        let by_address = path.iter().take(11).skip(9).any(flagged);
        let mut up = if by_address { pass_up } else { 1.0 };
        // a pool of unseen networks explains what everyone shows only where it is a small part of
        // everyone, as it is not while an installation is young
        let verified = |place: usize| {
            path.get(place).and_then(|slot| table.at(*slot)).map_or(0.0, |node| node.verified_slow)
        };
        let is_part = 3.0 * verified(13) <= verified(11);
        let by_away = path.iter().take(14).skip(12).any(flagged) && is_part;
        let mut by_number = false;
        let mut by_blocks = up;
        for (place, slot) in path.iter().take(14).enumerate() {
            match place {
                6 => by_blocks = up,
                9 | 11 => up = if by_number || by_away { pass_up } else { 1.0 },
                12 => up = by_blocks,
                _ => {}
            }
            if let Some(o) = out.get_mut(place) {
                *o = up;
            }
            if flagged(slot) {
                up *= pass_up;
                by_number |= place <= 8;
            }
        }
        Self(out)
    }

    pub(super) fn at(&self, place: usize) -> f32 {
        self.0.get(place).copied().unwrap_or(1.0)
    }
}

/// Nodes that hold the control group itself are not excused by it.
pub(super) fn pick(weight: (f32, f32), level: BlockLevel) -> f32 {
    if level.holds_control() { weight.1 } else { weight.0 }
}

/// Counts a request at a node.
pub(super) fn attempt(node: &mut Node, now: u64) {
    node.attempts += 1.0;
    if node.last_attempt > 0 {
        let gap = now.saturating_sub(node.last_attempt) as f32;
        node.gap += 0.2 * (gap - node.gap);
    }
    node.last_attempt = now;
}
