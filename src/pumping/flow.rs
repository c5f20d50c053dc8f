//! How events change state: the only place that does, besides the passing of time.

use super::detector::Detector;
use super::home::{is_from_home, is_suspicious};
use super::level::{BlockLevel, NodeId, Subject};
use super::memory::Local;
use super::node::State;
use super::path::{CLIENT, KNOWN, STRANGER, attempt, is_clients, level_at, levels};
use super::path::{only, pick};
use super::reason::AlertKind;
use super::session::{PATH, Session, session_key, withheld_key};
use super::sighting::{Sighting, SightingKind};
use super::table::{NONE, Slot};
use super::tuning::Tuning;
use crate::base::network::NetworkCode;

/// A session that begins.
struct Begun {
    key: u64,
    /// The places that count it, one bit each.
    counted: u16,
    unsent: bool,
    stepped_up: bool,
}

impl Detector {
    pub(super) fn apply(&mut self, event: &Sighting) {
        let now = event.at_ms;
        self.advance(now);
        let subject = &event.subject;
        if event.passed {
            self.passed(now, subject);
        }
        match event.kind {
            SightingKind::Sent => self.sent(now, subject, event.passed),
            SightingKind::Asked => self.asked(now, subject),
            SightingKind::Failed => self.failed(now, subject),
            SightingKind::Refused => self.attempted(now, subject),
            SightingKind::Verified => self.verified(now, subject),
            SightingKind::Delivered => self.receipt(now, subject, event.network, true),
            SightingKind::Undelivered => self.receipt(now, subject, event.network, false),
            SightingKind::Withheld => self.withheld(now, subject, CLIENT, event.passed),
            SightingKind::Knocked => {
                self.knocked(now, subject);
                self.withheld(now, subject, CLIENT, event.passed);
            }
            SightingKind::Unsent => self.unsent(now, subject, event.passed),
            SightingKind::Ended => self.ended(now, subject),
            SightingKind::Alike => self.line(now, subject, true),
            SightingKind::Unlike => self.line(now, subject, false),
        }
        if event.acting != 0 {
            self.adopt(now, event);
        }
    }

    /// Takes over what another gate's nodes do. Gates see the same events in slightly different
    /// order; without this one might stay open at the edge where its peer closed.
    fn adopt(&mut self, now: u64, event: &Sighting) {
        const JUST_RELEASED_MS: u64 = 1_800_000;
        // only while requests really pour in: gates must not hand an ended block round
        const BURST: f32 = 2.5;
        let subject = &event.subject;
        let known = self.memory.is_known(subject, now);
        let path = self.find_path(now, subject, known);
        let local = self.local(now, subject.region);
        for place in 0..PATH {
            let level = level_at(place);
            let slot = path.get(place).copied().unwrap_or(NONE);
            let Some(node) = self.table.at(slot).copied() else { continue };
            if event.acting >> level.index() & 1 == 0 || self.forbidden(node.id) {
                continue;
            }
            let id = NodeId::from_bits(node.id).unwrap_or(NodeId::pool(level));
            match event.kind {
                SightingKind::Asked if node.state == State::Open => {
                    if let Some(node) = self.table.at_mut(slot) {
                        node.open_account();
                        node.state = State::Asking;
                    }
                }
                SightingKind::Refused
                    if node.state != State::Refusing
                        && !level.only_asks()
                        && node.attempts >= BURST
                        && node.until.saturating_add(JUST_RELEASED_MS) < now =>
                {
                    self.begin_refusing(now, &path, place, level, id, &local);
                }
                _ => {}
            }
        }
    }

    /// Lets everything fall due that is due by `now`.
    pub(super) fn advance(&mut self, now: u64) {
        if self.born == 0 {
            self.born = now.max(1);
        }
        self.now = self.now.max(now);
        self.memory.turn(self.now);
        for stage in 0..5_usize {
            while let Some(queue) = self.sessions.queues.get_mut(stage)
                && let Some(due) = queue.front().copied()
                && due.at <= now
            {
                queue.pop_front();
                let session = self.sessions.slab.get(due.slot as usize);
                if let Some(session) = session
                    && session.live
                    && session.generation == due.generation
                    // A verified one is counted and removed, and has nothing to ripen.
                    && (stage >= 3 || !session.verified)
                {
                    self.ripen(due.at, due.slot, *session, stage);
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

    fn ripen(&mut self, at: u64, slot: Slot, session: Session, stage: usize) {
        let subject = session.subject;
        if stage == 4 {
            self.sessions.remove(slot);
            return;
        }
        if stage == 3
            && !session.known
            && !session.unsent
            && let Some(c) = self.memory.country_mut(session.country)
        {
            c.settled(at, false);
        }
        let nodes = session.nodes();
        if session.verified || (stage < 3 && !self.is_crowded(&nodes)) {
            return;
        }
        let local = self.local_of(at, session.country, subject.region);
        let weight = self.weight(at, &session);
        self.refresh(at, &nodes, &local);
        self.accrue(&session, stage, weight);
        if stage == 3 {
            self.each(&nodes, |node| node.pending = node.pending.saturating_sub(1));
            if session.control
                && let Some(c) = self.memory.country_mut(session.country)
            {
                let block = NodeId::block(BlockLevel::HundredThousand, subject.digits);
                c.control(at, block, false);
            }
        }
        if let Some(s) = self.sessions.slab.get_mut(slot as usize) {
            s.stage = u8::try_from(stage.saturating_add(1)).unwrap_or(4);
            s.weight = weight;
        }
        if stage == 3 {
            self.answered_afar(at, &Session { weight, ..session }, false, false);
        }
        self.evaluate(at, &nodes, &local, subject.price_microusd);
        if stage == 3 {
            self.scout(&session);
        }
    }

    /// Whether more codes are out at one of the nodes than a quarter of what it may have out.
    ///
    /// Only then does it matter to count an open session before it settles: where few are out, few
    /// more go out in the minute until then. Which of a session's projections are counted may depend
    /// on anything that is known at that moment, so the bound holds; and an ordinary session is
    /// looked at once instead of four times.
    fn is_crowded(&self, path: &[Slot; PATH]) -> bool {
        path.iter().zip(levels()).any(|(slot, level)| {
            self.table.at(*slot).is_some_and(|node| {
                let window = Tuning::of(&self.terms.tuning.window, *level);
                4.0 * f32::from(node.pending) > window + node.verified_quarter
            })
        })
    }

    /// Weight of a session's evidence for most nodes, and for those that watch everyone.
    fn weight(&mut self, at: u64, session: &Session) -> (f32, f32) {
        let weight = self.memory.outage_factors(at, session.country);
        let mut both = 1.0;
        let (_, tries) = self.sessions.number(session.subject.digits, at);
        if tries > 2 {
            // evidence is about distinct numbers; one person trying again is not a crowd
            both = 0.3;
        }
        (weight.0 * both, weight.1 * both)
    }

    /// Adds an open session's evidence to its path: what has come since it was last counted.
    fn accrue(&mut self, session: &Session, stage: usize, weight: (f32, f32)) {
        let bets = &self.terms.bets;
        let (tuning, unsent_weight) = (&self.terms.tuning, self.unsent_weight());
        let shade = self.shade(&session.path);
        let applied = usize::from(session.stage).checked_sub(1);
        let from_home = is_from_home(&session.path);
        for (place, (slot, level)) in session.nodes().iter().zip(levels()).enumerate() {
            let Some(node) = self.table.at_mut(*slot) else { continue };
            let level = *level;
            let factor = pick(weight, level)
                * shade.at(place)
                * session.share_at(place, tuning, unsent_weight);
            let steps = bets.at(session.null, level).map(|bet| {
                let before = applied.and_then(|i| bet.open.get(i)).copied();
                let after = bet.open.get(stage).copied().unwrap_or(0.0);
                (after - before.unwrap_or(0.0)) * factor
            });
            if from_home {
                node.count_home(place, steps[0]);
            }
            let mut grown = node.bets;
            for (s, step) in grown.iter_mut().zip(steps) {
                *s = (*s + step).min(60.0);
            }
            if is_suspicious(grown) {
                node.open_account();
            }
            node.bets = grown;
        }
    }

    /// Counts a text that was withheld while its client is told otherwise. It limits its number as a
    /// sent one does, and the places of `counted` count it likewise: the client's at least, or what the
    /// client is answered next would tell. The rest have no evidence in it.
    fn withheld(&mut self, now: u64, subject: &Subject, counted: u16, stepped_up: bool) {
        let key = session_key(subject);
        let begins = self.sessions.begins(key, now);
        self.sessions.count_number(subject.digits, now, begins);
        self.sessions.withhold(key, now);
        if begins && self.sessions.has_room_for_unsent() {
            self.begin(
                now,
                subject,
                Begun { key: withheld_key(key), counted, unsent: true, stepped_up },
            );
        }
    }

    /// Counts a request whose number alone decided that no text goes out: a text to that very number is
    /// what nobody may tell it from. Where nobody had verified before yesterday, that is a text to a
    /// stranger, which is seen everywhere. Where people had, it may be one to a known number, which is
    /// not seen in the number's blocks; and there live those who mistype.
    fn unsent(&mut self, now: u64, subject: &Subject, stepped_up: bool) {
        let block = self.table.find(NodeId::block(BlockLevel::HundredThousand, subject.digits));
        let has_customers =
            block.and_then(|slot| self.table.at(slot)).is_some_and(|node| node.weekly > 0.0);
        let strange = !has_customers && !self.memory.is_known(subject, now);
        let counted = if strange { STRANGER } else { CLIENT };
        self.withheld(now, subject, counted, stepped_up);
    }

    /// Counts somebody who still comes where the detector refuses. The client's side hears of it by
    /// what is withheld.
    fn knocked(&mut self, now: u64, subject: &Subject) {
        let known = self.memory.is_known(subject, now);
        let path = only(&self.find_path(now, subject, known), !CLIENT);
        self.count_attempt(now, subject, &path);
    }

    fn sent(&mut self, now: u64, subject: &Subject, stepped_up: bool) {
        let key = session_key(subject);
        let open = self.sessions.open(key).copied();
        let begins = self.sessions.begins(key, now);
        self.sessions.count_number(subject.digits, now, begins);
        if open.is_some_and(|session| !session.verified) {
            return;
        }
        let known = self.memory.is_known(subject, now);
        let counted = if known { KNOWN } else { STRANGER };
        // the client has believed it to be open since a text of it was withheld
        let goes_on = self.sessions.withheld_since(key, now).is_some();
        let counted = if goes_on { counted & !CLIENT } else { counted };
        self.begin(now, subject, Begun { key, counted, unsent: false, stepped_up });
        let answer = self.sessions.answers.get(&key).copied().unwrap_or_default();
        if answer.undelivered >= now {
            self.receipt(now, subject, None, false);
        }
        if answer.verified >= now {
            self.verified(now, subject);
        }
    }

    fn begin(&mut self, now: u64, subject: &Subject, begun: Begun) {
        let Begun { key, counted, unsent, stepped_up } = begun;
        if let Some(slot) = self.sessions.index.get(&key).copied() {
            self.sessions.remove(slot);
        }
        let local = self.local(now, subject.region);
        let known = self.memory.is_known(subject, now);
        let control = !unsent && (known || self.memory.has_verified(subject.digits, now));
        let path = self.build_path(now, subject, counted, &local);
        let nodes = only(&path, counted);
        if !known
            && counted != CLIENT
            && let Some(c) = self.memory.country_mut(local.country)
        {
            c.sessions = c.sessions.wrapping_add(1);
        }
        self.release_if_ended(now, &nodes, &local);
        let share = self.terms.tuning.parts.share;
        let step = self.share_step(&path, &local);
        for (place, slot) in nodes.iter().enumerate() {
            let Some(node) = self.table.at_mut(*slot) else { continue };
            if !stepped_up {
                attempt(node, now);
            }
            if share && level_at(place).is_block() {
                node.share = (node.share + step).min(60.0);
            }
        }
        let session = Session {
            key,
            subject: *subject,
            path,
            counted,
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
            unsent,
        };
        if self.sessions.add(session).is_none() {
            self.each(&nodes, |node| node.pending = node.pending.saturating_sub(1));
        }
        self.evaluate(now, &nodes, &local, subject.price_microusd);
    }

    /// What a session counts in the share detector.
    fn share_step(&self, path: &[Slot; PATH], local: &Local) -> f32 {
        if !is_from_home(path) && local.far.is_some() {
            return self.terms.tuning.share_far.ln();
        }
        let is_at_home = path.get(12) == Some(&NONE) && self.is_trusted_client(path);
        std::f32::consts::LN_2 * if is_at_home { self.terms.tuning.share_home } else { 1.0 }
    }

    fn verified(&mut self, now: u64, subject: &Subject) {
        self.memory.number_verified(subject.digits, now);
        let key = session_key(subject);
        self.sessions.end_withheld(key);
        if let Some(slot) = self.sessions.index.get(&withheld_key(key)).copied() {
            self.session_answered(now, slot, true);
        }
        match self.sessions.index.get(&key).copied() {
            Some(slot) => self.session_answered(now, slot, true),
            None => self.sessions.remember(key, now, |answer| answer.verified = now),
        }
    }

    /// Ends what was answered without a message. Whoever has the fixed code of a test number has shown no
    /// telephone: it buys no more than what asking for it cost.
    fn ended(&mut self, now: u64, subject: &Subject) {
        let key = session_key(subject);
        self.sessions.end_withheld(key);
        if let Some(slot) = self.sessions.index.get(&withheld_key(key)).copied() {
            self.session_answered(now, slot, false);
        }
    }

    /// Gives back what a session has counted; `credited`: its code was that of a telephone.
    fn session_answered(&mut self, now: u64, slot: Slot, credited: bool) {
        let Some(session) = self.sessions.slab.get(slot as usize).copied() else { return };
        if session.verified || !session.live {
            return;
        }
        let subject = &session.subject;
        let hour = u32::try_from(now / 3_600_000).unwrap_or(u32::MAX).max(1);
        if let Some(s) = self.sessions.slab.get_mut(slot as usize) {
            s.verified = true;
        }
        // the address of the one who asked for the code: who enters it need not say his
        if !session.unsent {
            self.memory.place_verified(subject, now);
        }
        self.sessions.numbers.remove(&subject.digits);
        let local = self.local_of(now, session.country, subject.region);
        if session.unsent {
            // The number's side has not heard of it.
        } else if session.known {
            // a returning customer proves the range is inhabited
            for level in [BlockLevel::HundredThousand, BlockLevel::Million] {
                let slot = self.obtain(now, NodeId::block(level, subject.digits), &local);
                if let Some(node) = self.table.at_mut(slot) {
                    node.warm = hour;
                }
            }
        } else if let Some(c) = self.memory.country_mut(session.country) {
            c.settled(now, true);
        }
        if session.control
            && session.stage < 4
            && let Some(c) = self.memory.country_mut(session.country)
        {
            c.control(now, NodeId::block(BlockLevel::HundredThousand, subject.digits), true);
        }
        let nodes = session.nodes();
        self.refresh(now, &nodes, &local);
        if !session.known && !session.unsent {
            let trusted = self.is_trusted_client(&session.path);
            self.memory.client_verified(trusted);
            if let Some(c) = self.memory.country_mut(session.country) {
                c.came_from(is_from_home(&session.path));
            }
        }
        // what was counted against an open session is given back
        let applied = usize::from(session.stage).checked_sub(1);
        let shade = applied.map(|_| self.shade(&session.path));
        let share_credit = self.terms.tuning.share_credit;
        // a code of the same number was entered, and where a text went out that is credited
        let unheard = |place: usize| !credited || session.unsent && !is_clients(place);
        let unsent_weight = self.unsent_weight();
        let tuning = &self.terms.tuning;
        let from_home = is_from_home(&session.path);
        for (place, (slot, level)) in nodes.iter().zip(levels()).enumerate() {
            let Some(node) = self.table.at_mut(*slot) else { continue };
            if session.stage < 4 {
                node.pending = node.pending.saturating_sub(1);
            }
            if node.bets != [0.0; 2] {
                let shade = shade.as_ref().map_or(1.0, |shade| shade.at(place));
                let share =
                    pick(session.weight, *level) * session.share_at(place, tuning, unsent_weight);
                let steps = self.terms.bets.at(session.null, *level).map(|bet| {
                    let before = applied.and_then(|i| bet.open.get(i)).copied().unwrap_or(0.0);
                    let credit = if unheard(place) { 0.0 } else { bet.verified };
                    credit - before * share * shade
                });
                if from_home {
                    node.count_home(place, steps[0]);
                }
                for (s, step) in node.bets.iter_mut().zip(steps) {
                    *s = (*s + step).max(0.0);
                }
            }
            if unheard(place) {
                continue;
            }
            node.verified_quarter += 1.0;
            // what is ordinary at an address, and whether it is trusted, new numbers say
            if (session.known || session.unsent) && level.is_address() {
                continue;
            }
            node.verified_slow += 1.0;
            node.today += 1.0;
            node.warm = hour;
            node.share = (node.share - share_credit).max(0.0);
        }
        if credited {
            self.answered_afar(now, &session, true, session.stage >= 4);
        }
        self.evaluate(now, &nodes, &local, subject.price_microusd);
    }

    fn receipt(
        &mut self,
        now: u64,
        subject: &Subject,
        network: Option<NetworkCode>,
        delivered: bool,
    ) {
        let block = NodeId::block(BlockLevel::HundredThousand, subject.digits);
        let cold = self.is_cold(subject, BlockLevel::HundredThousand);
        let local = self.local(now, subject.region);
        let mut outage = None;
        if !cold && let Some(c) = self.memory.country_mut(local.country) {
            c.receipt(now, block, network, delivered);
            outage = c.receipt_outage(network, &self.terms.tuning);
        }
        if delivered {
            return;
        }
        if let Some((network, evidence)) = outage {
            let country = NodeId::region(BlockLevel::Country, subject.region);
            self.alert_of(AlertKind::CarrierOutage, country, network, evidence);
        }
        let key = session_key(subject);
        let Some(slot) = self.sessions.index.get(&key).copied() else {
            // The receipt overtook the provider's answer.
            self.sessions.remember(key, now, |answer| answer.undelivered = now);
            return;
        };
        let Some(session) = self.sessions.slab.get_mut(slot as usize) else { return };
        if session.verified || session.undelivered {
            return;
        }
        session.undelivered = true;
        let session = *session;
        let Some(applied) = usize::from(session.stage).checked_sub(1) else { return };
        let (shade, unsent_weight) = (self.shade(&session.path), self.unsent_weight());
        for (place, slot) in session.nodes().iter().enumerate() {
            let Some(node) = self.table.at_mut(*slot) else { continue };
            let level = level_at(place);
            let spared = pick(session.weight, level)
                * (1.0 - session.share_at(place, &self.terms.tuning, unsent_weight));
            let steps = self.terms.bets.at(session.null, level).map(|bet| {
                -bet.open.get(applied).copied().unwrap_or(0.0) * spared * shade.at(place)
            });
            if is_from_home(&session.path) {
                node.count_home(place, steps[0]);
            }
            for (s, step) in node.bets.iter_mut().zip(steps) {
                *s = (*s + step).max(0.0);
            }
        }
    }

    pub(super) fn attempted(&mut self, now: u64, subject: &Subject) {
        let known = self.memory.is_known(subject, now);
        let path = self.find_path(now, subject, known);
        self.count_attempt(now, subject, &path);
    }

    fn count_attempt(&mut self, now: u64, subject: &Subject, path: &[Slot; PATH]) {
        let local = self.local(now, subject.region);
        self.release_if_ended(now, path, &local);
        self.each(path, |node| attempt(node, now));
    }

    /// Ends blocks that are over, before the next request counts as an attempt. Runs where a request
    /// is judged and where it is heard of, so that all gates release a block at the same request.
    pub(super) fn release_ended(
        &mut self,
        now: u64,
        path: &[Slot; PATH],
        local: &Local,
    ) -> [f32; PATH] {
        let rates = self.refresh(now, path, local);
        for (place, (rate, level)) in rates.iter().zip(levels()).enumerate() {
            self.release(now, path, place, *level, *rate, local);
        }
        rates
    }

    /// As [`release_ended`](Self::release_ended), unless that was done this very moment: by the
    /// assessment of the same request.
    fn release_if_ended(&mut self, now: u64, path: &[Slot; PATH], local: &Local) {
        let is_present = |slot: &Slot| self.table.at(*slot).is_none_or(|node| node.at == now);
        if !path.iter().all(is_present) {
            self.release_ended(now, path, local);
        }
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
}
