//! How events change state: the only place that does, besides the passing of time.

use super::detector::Detector;
use super::home::is_from_home;
use super::level::{BlockLevel, NodeId, Subject};
use super::memory::Local;
use super::node::State;
use super::path::{CLIENT, KNOWN, PATH, Path, STRANGER, level_at, only, slot_at};
use super::reason::AlertKind;
use super::session::{Session, session_key, withheld_key};
use super::sighting::{Sighting, SightingKind};
use super::table::{NONE, Slot};
use super::together::NOBODY;
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
    /// Lets everything fall due that is due by an event, and then the event itself. What an event
    /// says of a step-up that was passed comes first: its session may count on it.
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
        let path = self.find_path(now, subject, self.memory.is_known(subject, now));
        let local = self.local(now, subject.region);
        for place in 0..PATH {
            let (slot, level) = (slot_at(&path, place), level_at(place));
            let Some(node) = self.tree.at(slot).copied() else { continue };
            let acts_there = event.acting >> level.index() & 1 == 1;
            if !acts_there || self.operator.forbids(self.now, node.id) {
                continue;
            }
            match event.kind {
                SightingKind::Asked if node.state == State::Open => self.tree.ask_too(slot),
                SightingKind::Refused
                    if node.state != State::Refusing
                        && !level.only_asks()
                        && node.attempts >= BURST
                        && node.until.saturating_add(JUST_RELEASED_MS) < now =>
                {
                    self.begin_refusing(now, &path, place, &local);
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
            while let Some((at, slot, session)) = self.sessions.fall_due(stage, now) {
                self.ripen(at, slot, session, stage);
            }
        }
        for stage in 0..3_usize {
            while let Some((at, key, open)) = self.sessions.step_up_due(stage, now) {
                self.step_up_ages(at, key, open, stage);
            }
        }
        self.sessions.expire(now);
    }

    /// A session is open for as long as `stage` says: what that is worth is counted, and at the fifth
    /// it is forgotten.
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
        if session.verified || (stage < 3 && !self.tree.is_crowded(&nodes)) {
            return;
        }
        let local = self.local_of(at, session.country, subject.region);
        let weight = self.weight(at, &session);
        self.tree.refresh(at, &nodes, &local);
        self.tree.accrue(&session, stage, weight, self.memory.is_young());
        if stage == 3 {
            self.tree.settle(&nodes);
            if session.control
                && let Some(c) = self.memory.country_mut(session.country)
            {
                let block = NodeId::block(BlockLevel::HundredThousand, subject.digits);
                c.control(at, block, false);
            }
        }
        let after = u8::try_from(stage.saturating_add(1)).unwrap_or(4);
        self.sessions.ripened(slot, after, weight);
        if stage == 3 {
            let session = Session { weight, ..session };
            self.answered_afar(at, &session, false, false);
            self.answered_together(at, &session, false, false);
            if !session.known && !session.unsent {
                self.suspect(at, &nodes, &local);
            }
        }
        self.evaluate(at, &nodes, &local, subject.price_microusd);
        if stage == 3 {
            self.scout(&session);
        }
    }

    /// Weight of a session's evidence for most nodes, and for those that watch everyone.
    fn weight(&mut self, at: u64, session: &Session) -> (f32, f32) {
        let weight = self.memory.outage_factors(at, session.country);
        let mut both = 1.0;
        let (_, tries) = self.sessions.numbers.sends(session.subject.digits, at);
        if tries > 2 {
            // evidence is about distinct numbers; one person trying again is not a crowd
            both = 0.3;
        }
        (weight.0 * both, weight.1 * both)
    }

    /// Counts a text that was withheld while its client is told otherwise. It limits its number as a
    /// sent one does, and the places of `counted` count it likewise: the client's at least, or what the
    /// client is answered next would tell. The rest have no evidence in it.
    fn withheld(&mut self, now: u64, subject: &Subject, counted: u16, stepped_up: bool) {
        let key = session_key(subject);
        let begins = self.sessions.begins(key, now);
        self.sessions.numbers.count(subject.digits, now, begins);
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
        let block = self.tree.find(NodeId::block(BlockLevel::HundredThousand, subject.digits));
        let has_customers = block.is_some_and(|node| node.weekly > 0.0);
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

    /// A text went out. The first of a session begins it; what was answered before it was heard of
    /// follows at once.
    fn sent(&mut self, now: u64, subject: &Subject, stepped_up: bool) {
        let key = session_key(subject);
        let open = self.sessions.open(key).copied();
        let begins = self.sessions.begins(key, now);
        self.sessions.numbers.count(subject.digits, now, begins);
        if open.is_some_and(|session| !session.verified) {
            return;
        }
        let known = self.memory.is_known(subject, now);
        let counted = if known { KNOWN } else { STRANGER };
        // the client has believed it to be open since a text of it was withheld
        let goes_on = self.sessions.withheld_since(key, now).is_some();
        let counted = if goes_on { counted & !CLIENT } else { counted };
        self.begin(now, subject, Begun { key, counted, unsent: false, stepped_up });
        let answer = self.sessions.answer(key).unwrap_or_default();
        if answer.undelivered >= now {
            self.receipt(now, subject, None, false);
        }
        if answer.verified >= now {
            self.verified(now, subject);
        }
    }

    /// Begins a session: at the nodes that count it, and among the records.
    fn begin(&mut self, now: u64, subject: &Subject, begun: Begun) {
        let Begun { key, counted, unsent, stepped_up } = begun;
        if let Some(slot) = self.sessions.find(key) {
            self.sessions.remove(slot);
        }
        let local = self.local(now, subject.region);
        let known = self.memory.is_known(subject, now);
        let control = !unsent && (known || self.memory.has_verified(subject.digits, now));
        let places = self.memory.places(now, subject, false);
        let path = self.tree.build_path(now, subject, counted, places, &local);
        let nodes = only(&path, counted);
        if !known
            && counted != CLIENT
            && let Some(c) = self.memory.country_mut(local.country)
        {
            c.sessions = c.sessions.wrapping_add(1);
        }
        self.release_if_ended(now, &nodes, &local);
        let share_step = self.tree.share_step(&path, &local);
        self.tree.begin(now, &nodes, stepped_up, share_step);
        let is_strangers = !unsent && !known && counted & STRANGER == STRANGER;
        let suspected = if is_strangers { self.suspected(now, &nodes, &local) } else { NOBODY };
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
            suspected,
        };
        if self.sessions.add(session).is_none() {
            self.tree.settle(&nodes);
        }
        self.evaluate(now, &nodes, &local, subject.price_microusd);
    }

    /// A code was entered. The number is known from now on, and both sessions of its name are over: the
    /// one with a text, and the one that its client believes in.
    fn verified(&mut self, now: u64, subject: &Subject) {
        self.memory.number_verified(subject.digits, now);
        let key = session_key(subject);
        self.sessions.end_withheld(key);
        if let Some(slot) = self.sessions.find(withheld_key(key)) {
            self.session_answered(now, slot, true);
        }
        match self.sessions.find(key) {
            Some(slot) => self.session_answered(now, slot, true),
            None => {
                // Above what the table of sessions holds one has no place there; its number was counted.
                self.sessions.numbers.forgive(subject.digits);
                self.sessions.remember(key, now, |answer| answer.verified = now);
            }
        }
    }

    /// Ends what was answered without a message. Whoever has the fixed code of a test number has shown no
    /// telephone: it buys no more than what asking for it cost.
    fn ended(&mut self, now: u64, subject: &Subject) {
        let key = session_key(subject);
        self.sessions.end_withheld(key);
        if let Some(slot) = self.sessions.find(withheld_key(key)) {
            self.session_answered(now, slot, false);
        }
    }

    /// Gives back what a session has counted; `credited`: its code was that of a telephone.
    fn session_answered(&mut self, now: u64, slot: Slot, credited: bool) {
        let Some(session) = self.sessions.at(slot).copied() else { return };
        if session.verified || !session.live {
            return;
        }
        let subject = &session.subject;
        let hour = u32::try_from(now / 3_600_000).unwrap_or(u32::MAX).max(1);
        self.sessions.verify(slot);
        // the address of the one who asked for the code: who enters it need not say his
        if !session.unsent {
            self.memory.place_verified(subject, now);
        }
        self.sessions.numbers.forgive(subject.digits);
        let local = self.local_of(now, session.country, subject.region);
        self.country_answered(now, &session, &local, hour);
        let nodes = session.nodes();
        self.tree.refresh(now, &nodes, &local);
        if !session.known && !session.unsent {
            self.memory.client_verified(self.tree.is_trusted_client(&session.path));
            if let Some(c) = self.memory.country_mut(session.country) {
                c.came_from(is_from_home(&session.path));
            }
        }
        self.tree.answered(&session, credited, hour, self.memory.is_young());
        if credited {
            self.answered_afar(now, &session, true, session.stage >= 4);
            self.answered_together(now, &session, true, session.stage >= 4);
        }
        self.evaluate(now, &nodes, &local, subject.price_microusd);
    }

    /// What a country learns of a session's answer, and its ranges of a customer who returned.
    fn country_answered(&mut self, now: u64, session: &Session, local: &Local, hour: u32) {
        let digits = session.subject.digits;
        if session.unsent {
            // The number's side has not heard of it.
        } else if session.known {
            self.tree.warm(now, &session.subject, local, hour);
        } else if let Some(c) = self.memory.country_mut(session.country) {
            c.settled(now, true);
        }
        if session.control
            && session.stage < 4
            && let Some(c) = self.memory.country_mut(session.country)
        {
            c.control(now, NodeId::block(BlockLevel::HundredThousand, digits), true);
        }
    }

    /// A provider says whether a text arrived. Where customers are that tells of outages; one from home
    /// that did not arrive weighs less against its blocks.
    fn receipt(
        &mut self,
        now: u64,
        subject: &Subject,
        network: Option<NetworkCode>,
        delivered: bool,
    ) {
        let block = NodeId::block(BlockLevel::HundredThousand, subject.digits);
        let cold = self.tree.is_cold(subject, BlockLevel::HundredThousand);
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
        let Some(slot) = self.sessions.find(key) else {
            // The receipt overtook the provider's answer.
            self.sessions.remember(key, now, |answer| answer.undelivered = now);
            return;
        };
        if let Some(session) = self.sessions.undelivered(slot) {
            self.tree.undelivered(&session, self.memory.is_young());
        }
    }

    /// Counts a request that nothing was sent for.
    pub(super) fn attempted(&mut self, now: u64, subject: &Subject) {
        let known = self.memory.is_known(subject, now);
        let path = self.find_path(now, subject, known);
        self.count_attempt(now, subject, &path);
    }

    fn count_attempt(&mut self, now: u64, subject: &Subject, path: &Path) {
        let local = self.local(now, subject.region);
        self.release_if_ended(now, path, &local);
        self.tree.attempted(now, path);
    }

    /// A few unverified messages to a dear block nobody verified from.
    fn scout(&mut self, session: &Session) {
        let [_, _, block, _, _, _, cold, ..] = session.path;
        if cold == NONE || session.subject.price_microusd < 50_000 {
            return;
        }
        if let Some(node) = self.tree.at(block) {
            let evidence = node.evidence();
            if (0.3..3.0).contains(&evidence)
                && let Some(id) = NodeId::from_bits(node.id)
            {
                self.alert(AlertKind::ScoutSeen, id, evidence);
            }
        }
    }
}
