//! How events change state: the only place that does, besides the passing of time.

use super::detector::Detector;
use super::event::{Event, EventKind};
use super::evidence::{NullIndex, STAGES};
use super::level::{Level, NodeId, Subject};
use super::node::{Node, State};
use super::reason::AlertKind;
use super::session::{OpenStepUp, PATH, Session, session_key};
use super::table::{NONE, Slot};

/// What of a country every node on a path needs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Local {
    pub country: u16,
    pub sessions: u32,
    pub conversion: f32,
    pub null: NullIndex,
    pub season: f32,
    pub surge: f32,
}

/// Step-ups out at once that are remembered; beyond it, new ones are asked but not counted.
const STEP_UPS: usize = 16_384;

pub(super) fn level_at(known: bool, place: usize) -> Level {
    let index = if known { place.saturating_add(12) } else { place };
    Level::from_index(index).unwrap_or(Level::Known)
}

impl Detector {
    pub(super) fn apply(&mut self, event: &Event) {
        let now = event.at_ms;
        self.advance(now);
        let subject = &event.subject;
        if event.passed {
            self.passed(now, subject);
        }
        match event.kind {
            EventKind::Sent => self.sent(now, subject, event.passed),
            EventKind::Asked => self.asked(now, subject),
            EventKind::Failed => self.failed(now, subject),
            EventKind::Refused => self.attempted(now, subject),
            EventKind::Verified => self.verified(now, subject),
            EventKind::Delivered => self.receipt(now, subject, true),
            EventKind::Undelivered => self.receipt(now, subject, false),
        }
    }

    /// Lets everything fall due that is due by `now`.
    pub(super) fn advance(&mut self, now: u64) {
        if self.born == 0 {
            self.born = now.max(1);
        }
        self.now = self.now.max(now);
        for stage in 0..5_usize {
            while let Some(queue) = self.sessions.queues.get_mut(stage)
                && let Some(due) = queue.front().copied()
                && due.at <= now
            {
                queue.pop_front();
                let session = self.sessions.slab.get(due.slot as usize).copied();
                if let Some(session) = session
                    && session.live
                    && session.generation == due.generation
                {
                    self.ripen(due.at, due.slot, session, stage);
                }
            }
        }
        for stage in 0..3_usize {
            while let Some(queue) = self.sessions.step_up_queues.get_mut(stage)
                && let Some((at, key, generation)) = queue.front().copied()
                && at <= now
            {
                queue.pop_front();
                if let Some(open) = self.sessions.step_ups.get(&key).copied()
                    && open.generation == generation
                {
                    self.step_up_ages(at, key, open, stage);
                }
            }
        }
        self.sessions.expire_numbers(now);
    }

    pub(super) fn local(&mut self, now: u64, region: [u8; 2]) -> Local {
        let slot = self.country_slot(region, now);
        let surge = self.surge(region);
        let today = super::node::day_of(now);
        let tuning = &self.tuning;
        let Some(country) = self.countries.get_mut(usize::from(slot)) else {
            return Local {
                country: slot,
                sessions: 0,
                conversion: tuning.prior_conversion,
                null: NullIndex(0),
                season: 1.0,
                surge,
            };
        };
        country.turn_day(today);
        Local {
            country: slot,
            sessions: country.sessions,
            conversion: country.conversion(tuning),
            null: self.bets.quantise(country.null(tuning)),
            season: country.season(now),
            surge,
        }
    }

    /// Brings every node of a path to `now` and returns the tolerated rate of each (sends an hour).
    pub(super) fn refresh(
        &mut self,
        now: u64,
        path: &[Slot; PATH],
        known: bool,
        local: &Local,
    ) -> [f32; PATH] {
        const BLOCKS_FIRST_PARENT: [usize; PATH] = [5, 4, 3, 2, 1, 0, 6, 7, 8, 9, 10, 11];
        let mut rates = [0.0; PATH];
        let mut parent = 0.0;
        let share = self.share_of(path, local);
        for place in BLOCKS_FIRST_PARENT {
            let level = level_at(known, place);
            let tuning = &self.tuning;
            let slot = path.get(place).copied().unwrap_or(NONE);
            let inherited = Self::inherited(tuning, level, parent);
            let mut rate = Tuning::of(&tuning.floor, level) + inherited;
            if let Some(node) = self.table.at_mut(slot) {
                let volume = node.daily() / 24.0 * local.season / local.conversion;
                rate += Tuning::of(&tuning.tolerance, level) * volume;
                rate *= local.surge;
                let bets = self.bets.at(local.null, level);
                node.fade(now, rate, bets, tuning.asked_half_life);
                if level.is_block() {
                    let elapsed = local.sessions.wrapping_sub(node.share_seen);
                    node.share_seen = local.sessions;
                    if node.share > 0.0 && elapsed > 0 {
                        let q = share.get(place).copied().unwrap_or(0.1);
                        node.share = (node.share - q.ln_1p() * elapsed as f32).max(0.0);
                    }
                }
            } else {
                rate *= local.surge;
            }
            if let Some(r) = rates.get_mut(place) {
                *r = rate;
            }
            parent = if (1..=5).contains(&place) { rate } else { 0.0 };
        }
        rates
    }

    fn inherited(tuning: &Tuning, level: Level, parent: f32) -> f32 {
        Tuning::of(&tuning.inherit, level) * parent
    }

    fn ripen(&mut self, at: u64, slot: Slot, session: Session, stage: usize) {
        let subject = session.subject;
        if stage == 4 {
            self.sessions.remove(slot);
            return;
        }
        if stage == 3 && !session.known {
            if let Some(c) = self.countries.get_mut(usize::from(session.country)) {
                c.settled(at, false);
            }
        }
        if session.verified {
            return;
        }
        let local = self.local(at, subject.region);
        let weight = self.weight(at, &session);
        let rates = self.refresh(at, &session.path, session.known, &local);
        self.accrue(&session, stage, weight);
        if stage == 3 {
            self.each(&session.path, |node| node.pending = node.pending.saturating_sub(1));
            if session.control
                && let Some(c) = self.countries.get_mut(usize::from(session.country))
            {
                let block = NodeId::block(Level::HundredThousand, subject.digits);
                c.control(at, block, false);
            }
        }
        if let Some(s) = self.sessions.slab.get_mut(slot as usize) {
            s.stage = u8::try_from(stage.saturating_add(1)).unwrap_or(4);
            s.weight = weight;
        }
        self.evaluate(at, &session.path, session.known, &rates, &local, subject.price_microusd);
        if stage == 3 {
            self.scout(&session);
        }
    }

    /// Weight of a session's evidence for most nodes, and for those that watch everyone.
    fn weight(&mut self, at: u64, session: &Session) -> (f32, f32) {
        let mut weight = (1.0, 1.0);
        if let Some(country) = self.countries.get_mut(usize::from(session.country)) {
            weight = country.outage_factors(at, &self.tuning);
        }
        let mut both = 1.0;
        if session.undelivered {
            both *= self.tuning.undelivered_weight;
        }
        let (_, tries) = self.sessions.number(session.subject.digits, at);
        if tries > 2 {
            // evidence is about distinct numbers; one person trying again is not a crowd
            both *= 0.3;
        }
        (weight.0 * both, weight.1 * both)
    }

    /// Adds one stage of an open session's evidence to its path.
    fn accrue(&mut self, session: &Session, stage: usize, weight: (f32, f32)) {
        let bets = &self.bets;
        let pass_up = self.tuning.pass_up;
        let shade = Shade::of(&self.table, &session.path, session.known, pass_up);
        for (place, slot) in session.path.iter().enumerate() {
            let Some(node) = self.table.at_mut(*slot) else { continue };
            let level = level_at(session.known, place);
            let factor = pick(weight, level) * shade.at(place);
            for (s, bet) in node.bets.iter_mut().zip(bets.at(session.null, level)) {
                let before = stage.checked_sub(1).and_then(|i| bet.open.get(i)).copied();
                let after = bet.open.get(stage).copied().unwrap_or(0.0);
                *s = (*s + (after - before.unwrap_or(0.0)) * factor).min(60.0);
            }
        }
    }

    fn sent(&mut self, now: u64, subject: &Subject, stepped_up: bool) {
        let key = session_key(subject);
        let open = self.sessions.open(key).copied();
        let is_new = open.is_none_or(|s| s.verified);
        self.sessions.count_number(subject.digits, now, is_new);
        if !is_new {
            return;
        }
        if let Some(slot) = self.sessions.index.get(&key).copied() {
            self.sessions.remove(slot);
        }
        let local = self.local(now, subject.region);
        let known = self.is_known(subject, now);
        let control =
            known || self.known.age(subject.digits, now, u64::MAX >> 1).is_some_and(|age| age > 0);
        let path = self.build_path(now, subject, known, &local);
        if !known && let Some(c) = self.countries.get_mut(usize::from(local.country)) {
            c.sessions = c.sessions.wrapping_add(1);
        }
        let rates = self.refresh(now, &path, known, &local);
        let share = self.tuning.parts.share;
        for (place, slot) in path.iter().enumerate() {
            let Some(node) = self.table.at_mut(*slot) else { continue };
            node.pending = node.pending.saturating_add(1);
            if !stepped_up {
                attempt(node, now);
            }
            if share && level_at(known, place).is_block() {
                node.share = (node.share + std::f32::consts::LN_2).min(60.0);
            }
        }
        let session = Session {
            key,
            subject: *subject,
            path,
            null: local.null,
            country: local.country,
            stage: 0,
            weight: (1.0, 1.0),
            sent_at: now,
            generation: 0,
            live: true,
            known,
            verified: false,
            undelivered: false,
            control,
        };
        if self.sessions.add(session).is_none() {
            self.each(&path, |node| node.pending = node.pending.saturating_sub(1));
        }
        self.evaluate(now, &path, known, &rates, &local, subject.price_microusd);
    }

    /// True when nobody has ever verified from the number's block.
    pub(super) fn is_cold(&self, subject: &Subject, level: Level) -> bool {
        self.table
            .find(NodeId::block(level, subject.digits))
            .and_then(|slot| self.table.at(slot))
            .is_none_or(|node| node.warm == 0)
    }

    fn build_path(
        &mut self,
        now: u64,
        subject: &Subject,
        known: bool,
        local: &Local,
    ) -> [Slot; PATH] {
        let mut path = [NONE; PATH];
        if known {
            let groups =
                [NodeId::region(Level::KnownCountry, subject.region), NodeId::pool(Level::Known)];
            for (place, id) in path.iter_mut().zip(groups) {
                *place = self.obtain(now, id, local);
            }
            return path;
        }
        let parts = self.tuning.parts;
        let cold = parts.cold && self.is_cold(subject, Level::HundredThousand);
        let colder = cold && self.is_cold(subject, Level::Million);
        for (place, id) in path.iter_mut().zip(Self::names(subject)) {
            let level = id.level();
            let skip = (!cold && matches!(level, Level::ColdCountry | Level::Cold))
                || (!colder && level == Level::ColdMillion)
                || (!parts.address && level.is_address());
            if !skip {
                *place = self.obtain(now, id, local);
            }
        }
        path
    }

    fn obtain(&mut self, now: u64, id: NodeId, local: &Local) -> Slot {
        if let Some(slot) = self.table.find(id) {
            return slot;
        }
        let node = Node::new(id, local.country, local.sessions, now);
        self.table.insert(node, now).unwrap_or(NONE)
    }

    /// The nodes of a request as they exist, creating none.
    pub(super) fn find_path(&self, subject: &Subject, known: bool) -> [Slot; PATH] {
        let mut path = [NONE; PATH];
        if known {
            let groups =
                [NodeId::region(Level::KnownCountry, subject.region), NodeId::pool(Level::Known)];
            for (place, id) in path.iter_mut().zip(groups) {
                *place = self.table.find(id).unwrap_or(NONE);
            }
            return path;
        }
        for (place, id) in path.iter_mut().zip(Self::names(subject)) {
            *place = self.table.find(id).unwrap_or(NONE);
        }
        let [_, _, _, block, million, _, cold_country, cold, colder, ..] = &mut path;
        let is_warm = |slot: Slot| self.table.at(slot).is_some_and(|node| node.warm != 0);
        let off = !self.tuning.parts.cold;
        if is_warm(*block) || off {
            *cold_country = NONE;
            *cold = NONE;
        }
        if is_warm(*million) || is_warm(*block) || off {
            *colder = NONE;
        }
        path
    }

    fn verified(&mut self, now: u64, subject: &Subject) {
        let (_, expiry) = self.tuning.known_age;
        self.known.verified(subject.digits, now, (expiry * 1_000.0) as u64);
        let hour = u32::try_from(now / 3_600_000).unwrap_or(u32::MAX).max(1);
        let key = session_key(subject);
        let Some(slot) = self.sessions.index.get(&key).copied() else { return };
        let Some(session) = self.sessions.slab.get(slot as usize).copied() else { return };
        if session.verified || !session.live {
            return;
        }
        if let Some(s) = self.sessions.slab.get_mut(slot as usize) {
            s.verified = true;
        }
        self.sessions.numbers.remove(&subject.digits);
        let local = self.local(now, subject.region);
        if session.known {
            // a returning customer proves the range is inhabited
            for level in [Level::HundredThousand, Level::Million] {
                let slot = self.obtain(now, NodeId::block(level, subject.digits), &local);
                if let Some(node) = self.table.at_mut(slot) {
                    node.warm = hour;
                }
            }
        } else if let Some(c) = self.countries.get_mut(usize::from(session.country)) {
            c.settled(now, true);
        }
        if session.control
            && session.stage < 4
            && let Some(c) = self.countries.get_mut(usize::from(session.country))
        {
            c.control(now, NodeId::block(Level::HundredThousand, subject.digits), true);
        }
        let rates = self.refresh(now, &session.path, session.known, &local);
        if !session.known {
            let trusted = self.is_trusted_client(&session.path);
            let [good, all] = &mut self.trust;
            *good = *good * 0.999 + f32::from(u8::from(trusted));
            *all = *all * 0.999 + 1.0;
        }
        let shade = Shade::of(&self.table, &session.path, session.known, self.tuning.pass_up);
        let credit = self.tuning.share_credit;
        for (place, slot) in session.path.iter().enumerate() {
            let Some(node) = self.table.at_mut(*slot) else { continue };
            if session.stage < 4 {
                node.pending = node.pending.saturating_sub(1);
            }
            let level = level_at(session.known, place);
            let applied = usize::from(session.stage).checked_sub(1);
            for (s, bet) in node.bets.iter_mut().zip(self.bets.at(session.null, level)) {
                let before = applied.and_then(|i| bet.open.get(i)).copied().unwrap_or(0.0);
                let refund = before * pick(session.weight, level) * shade.at(place);
                *s = (*s + bet.verified - refund).max(0.0);
            }
            node.verified_quarter += 1.0;
            node.verified_slow += 1.0;
            node.today += 1.0;
            node.warm = hour;
            node.share = (node.share - credit).max(0.0);
        }
        self.evaluate(now, &session.path, session.known, &rates, &local, subject.price_microusd);
    }

    fn receipt(&mut self, now: u64, subject: &Subject, delivered: bool) {
        let block = NodeId::block(Level::HundredThousand, subject.digits);
        let cold = self.is_cold(subject, Level::HundredThousand);
        let local = self.local(now, subject.region);
        if !cold && let Some(c) = self.countries.get_mut(usize::from(local.country)) {
            c.receipt(now, block, delivered);
        }
        if delivered {
            return;
        }
        let key = session_key(subject);
        let Some(slot) = self.sessions.index.get(&key).copied() else { return };
        let Some(session) = self.sessions.slab.get_mut(slot as usize) else { return };
        if session.verified || session.undelivered {
            return;
        }
        session.undelivered = true;
        let kept = self.tuning.undelivered_weight;
        let spared = (session.weight.0 * (1.0 - kept), session.weight.1 * (1.0 - kept));
        session.weight = (session.weight.0 * kept, session.weight.1 * kept);
        let session = *session;
        let Some(applied) = usize::from(session.stage).checked_sub(1) else { return };
        let shade = Shade::of(&self.table, &session.path, session.known, self.tuning.pass_up);
        for (place, slot) in session.path.iter().enumerate() {
            let Some(node) = self.table.at_mut(*slot) else { continue };
            let level = level_at(session.known, place);
            for (s, bet) in node.bets.iter_mut().zip(self.bets.at(session.null, level)) {
                let before = bet.open.get(applied).copied().unwrap_or(0.0);
                *s = (*s - before * pick(spared, level) * shade.at(place)).max(0.0);
            }
        }
    }

    fn attempted(&mut self, now: u64, subject: &Subject) {
        let known = self.is_known(subject, now);
        let path = self.find_path(subject, known);
        let local = self.local(now, subject.region);
        self.refresh(now, &path, known, &local);
        self.each(&path, |node| attempt(node, now));
    }

    fn asked(&mut self, now: u64, subject: &Subject) {
        self.attempted(now, subject);
        let key = session_key(subject);
        if self.sessions.step_ups.contains_key(&key) || self.sessions.step_ups.len() >= STEP_UPS {
            return;
        }
        self.sessions.generation = self.sessions.generation.wrapping_add(1);
        let generation = self.sessions.generation;
        self.sessions
            .step_ups
            .insert(key, OpenStepUp { subject: *subject, asked_at: now, stage: 0, generation });
        for (queue, after) in self.sessions.step_up_queues.iter_mut().zip(self.tuning.asked_stages)
        {
            queue.push_back((now.saturating_add((after * 1_000.0) as u64), key, generation));
        }
        let known = self.is_known(subject, now);
        let path = self.find_path(subject, known);
        self.each(&path, |node| node.asking = node.asking.saturating_add(1));
    }

    fn passed(&mut self, now: u64, subject: &Subject) {
        let key = session_key(subject);
        let stage = self.sessions.step_ups.remove(&key).map(|open| open.stage);
        let done = stage.unwrap_or(0);
        let step = self.tuning.pass_factor.ln() - self.asked_level(done);
        self.asked_evidence(now, subject, step, |node| {
            if stage.is_some() {
                node.asking = node.asking.saturating_sub(1);
            }
            node.passed += 1.0;
        });
    }

    fn failed(&mut self, now: u64, subject: &Subject) {
        let key = session_key(subject);
        if let Some(open) = self.sessions.step_ups.remove(&key) {
            self.sessions.count_failure(subject.digits, now);
            let step = self.asked_level(3) - self.asked_level(open.stage);
            self.asked_evidence(now, subject, step, |node| {
                node.asking = node.asking.saturating_sub(1);
                node.failed += 1.0;
            });
        }
    }

    fn step_up_ages(&mut self, at: u64, key: u64, open: OpenStepUp, stage: usize) {
        let after = u8::try_from(stage.saturating_add(1)).unwrap_or(3);
        let step = self.asked_level(after) - self.asked_level(open.stage);
        let is_over = after >= 3;
        if is_over {
            self.sessions.step_ups.remove(&key);
            self.sessions.count_failure(open.subject.digits, at);
        } else if let Some(entry) = self.sessions.step_ups.get_mut(&key) {
            entry.stage = after;
        }
        self.asked_evidence(at, &open.subject, step, |node| {
            if is_over {
                node.asking = node.asking.saturating_sub(1);
                node.failed += 1.0;
            }
        });
    }

    /// Cumulated evidence of a step-up unanswered for so many stages. Honest people are assumed to
    /// answer no faster than 35 % and 65 % within the first two.
    fn asked_level(&self, stage: u8) -> f32 {
        let fail = self.tuning.honest_failure;
        let good = self.tuning.pass_factor;
        let bad = (1.0 - (1.0 - fail) * good) / fail;
        let answered = match stage {
            0 => return 0.0,
            1 => 0.35,
            2 => 0.65,
            _ => return bad.ln(),
        };
        let still = (1.0 - fail) * (1.0 - answered) / (1.0 - (1.0 - fail) * answered);
        (good * still + bad * (1.0 - still)).ln()
    }

    fn asked_evidence(
        &mut self,
        now: u64,
        subject: &Subject,
        step: f32,
        mut count: impl FnMut(&mut Node),
    ) {
        let known = self.is_known(subject, now);
        let path = self.find_path(subject, known);
        let local = self.local(now, subject.region);
        let rates = self.refresh(now, &path, known, &local);
        let shade = Shade::of(&self.table, &path, known, self.tuning.pass_up);
        let (low, high) = self.tuning.asked_range;
        let active = self.tuning.parts.asked_evidence;
        for (place, slot) in path.iter().enumerate() {
            let Some(node) = self.table.at_mut(*slot) else { continue };
            count(node);
            if active {
                let share = if step > 0.0 { shade.at(place) } else { 1.0 };
                node.asked = (node.asked + step * share).clamp(low, high);
            }
        }
        self.evaluate(now, &path, known, &rates, &local, subject.price_microusd);
    }

    /// A few unverified messages to a dear block nobody verified from.
    fn scout(&mut self, session: &Session) {
        let [_, _, block, _, _, _, cold, ..] = session.path;
        if cold == NONE || session.subject.price_microusd < 50_000 {
            return;
        }
        if let Some(node) = self.table.at(block) {
            let evidence = node.evidence();
            if (0.3..3.0).contains(&evidence)
                && let Some(id) = NodeId::from_bits(node.id)
            {
                self.alert(AlertKind::ScoutSeen, id, evidence);
            }
        }
    }

    pub(super) fn each(&mut self, path: &[Slot; PATH], mut change: impl FnMut(&mut Node)) {
        for slot in path {
            if let Some(node) = self.table.at_mut(*slot) {
                change(node);
            }
        }
    }
}

use super::tuning::Tuning;

fn attempt(node: &mut Node, now: u64) {
    node.attempts += 1.0;
    if node.last_attempt > 0 {
        let gap = now.saturating_sub(node.last_attempt) as f32;
        node.gap += 0.2 * (gap - node.gap);
    }
    node.last_attempt = now;
}

/// Which part of a session's evidence reaches each place of its path, given which finer nodes are
/// already acted on (explain-away).
pub(super) struct Shade([f32; PATH]);

impl Shade {
    pub fn of(table: &super::table::Table, path: &[Slot; PATH], known: bool, pass_up: f32) -> Self {
        let mut out = [1.0_f32; PATH];
        if known {
            return Self(out);
        }
        let flagged = |slot: &Slot| table.at(*slot).is_some_and(|node| node.state != State::Open);
        let by_address = path.iter().take(11).skip(9).any(flagged);
        let mut up = if by_address { pass_up } else { 1.0 };
        let mut by_number = false;
        for (place, slot) in path.iter().enumerate() {
            if place == 9 || place == 11 {
                up = if by_number { pass_up } else { 1.0 };
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

    pub fn at(&self, place: usize) -> f32 {
        self.0.get(place).copied().unwrap_or(1.0)
    }
}

/// Nodes that hold the control group itself are not excused by it.
fn pick(weight: (f32, f32), level: Level) -> f32 {
    if level == Level::Everyone || level.is_known() { weight.1 } else { weight.0 }
}

const _: () = assert!(STAGES.len() == 4);
