//! What goes into the head: countries, urgent nodes, open sessions and step-ups, recent numbers.

use super::super::super::detector::Detector;
use super::super::super::sessions::NUMBER_KEEP_MS;
use super::super::super::table::Slot;
use super::super::rows::{
    COUNT, COUNTRY, NODE_MOST, SESSION, write_count, write_country, write_session, write_step_up,
};
use super::super::{HEAD, Part, RECENT_MS, STEP_UP, is_lasting, is_urgent, urgency};
use super::{Draft, LOOK, Step, WRITE, is_too_long, next};

impl Detector {
    pub(super) fn look_at_nodes(&self, draft: &mut Draft) {
        let part = Part::Shard(draft.shard);
        let (places, is_last) = next(&mut draft.cursor, self.tree.slots(), LOOK);
        for (slot, node) in self.tree.within(places) {
            if is_urgent(node) {
                draft.urgent.push((urgency(node), slot));
            }
            if is_lasting(node) && part.keeps(node.id) {
                draft.lasting.push(slot);
            }
        }
        match is_too_long(&draft.urgent, is_last) {
            true => draft.step = Step::CullNodes,
            false => self.looked_at_nodes(draft),
        }
    }

    /// Looks at the next nodes, if there are more.
    pub(super) fn looked_at_nodes(&self, draft: &mut Draft) {
        draft.step = Step::LookAtNodes;
        if draft.cursor >= self.tree.slots() {
            // Once for all, so that no later call moves what is written so far.
            draft.head.0.reserve(self.head_bytes(draft));
            draft.open(Step::WriteCountries);
        }
    }

    /// How long the head becomes, as things stand.
    fn head_bytes(&self, draft: &Draft) -> usize {
        let sessions = self.sessions.all().len().min(HEAD);
        let counts = sessions.saturating_add(self.sessions.numbers.queued().min(2 * HEAD));
        [
            self.memory.countries().len().saturating_mul(COUNTRY),
            draft.urgent.len().saturating_mul(NODE_MOST),
            sessions.saturating_mul(SESSION),
            self.sessions.step_ups.queued().min(HEAD).saturating_mul(STEP_UP),
            counts.saturating_mul(COUNT),
            8_192,
        ]
        .into_iter()
        .fold(0, usize::saturating_add)
    }

    pub(super) fn write_countries(&self, draft: &mut Draft) {
        let (places, is_last) = next(&mut draft.cursor, self.memory.countries().len(), WRITE);
        let countries = self.memory.countries().get(places).unwrap_or_default();
        countries.iter().for_each(|country| write_country(&mut draft.head, country));
        draft.counted(countries.len());
        if is_last {
            draft.head.close_count(draft.count);
            draft.open(Step::WriteNodes);
        }
    }

    pub(super) fn write_urgent(&self, draft: &mut Draft) {
        let (places, is_last) = next(&mut draft.cursor, draft.urgent.len(), WRITE);
        let urgent = draft.urgent.get(places).unwrap_or_default();
        let slots = urgent.iter().map(|(_, slot)| *slot);
        let written = self.write_nodes(&mut draft.head, slots, false);
        draft.counted(written);
        if is_last {
            draft.head.close_count(draft.count);
            draft.go_on(Step::LookAtSessions);
        }
    }

    pub(super) fn look_at_sessions(&self, draft: &mut Draft) {
        let slab = self.sessions.all();
        let (places, is_last) = next(&mut draft.cursor, slab.len(), LOOK);
        let sessions = slab.get(places.clone()).unwrap_or_default();
        let live = places.zip(sessions).filter(|(_, session)| session.live);
        draft.recent.extend(
            live.filter_map(|(slot, session)| Some((session.sent_at, Slot::try_from(slot).ok()?))),
        );
        match is_too_long(&draft.recent, is_last) {
            true => draft.step = Step::CullSessions,
            false => self.looked_at_sessions(draft),
        }
    }

    /// Looks at the next sessions, if there are more.
    pub(super) fn looked_at_sessions(&self, draft: &mut Draft) {
        draft.step = Step::LookAtSessions;
        if draft.cursor >= self.sessions.all().len() {
            let numbers = self.sessions.numbers.queued().min(2 * HEAD);
            let numbers = numbers.saturating_add(draft.recent.len());
            draft.listed.reserve(numbers);
            draft.numbers.reserve(numbers);
            draft.open(Step::WriteSessions);
        }
    }

    pub(super) fn write_recent(&self, draft: &mut Draft) {
        let (places, is_last) = next(&mut draft.cursor, draft.recent.len(), WRITE);
        for place in places {
            // It may be over by now, and another in its place.
            let slot = draft.recent.get(place).map(|(_, slot)| *slot as usize);
            let session = slot.and_then(|slot| self.sessions.all().get(slot)).filter(|s| s.live);
            let Some(session) = session else { continue };
            write_session(&mut draft.head, session);
            draft.counted(1);
            if !session.verified {
                draft.list(session.subject.digits);
            }
        }
        if is_last {
            draft.head.close_count(draft.count);
            draft.go_on(Step::LookAtStepUps);
        }
    }

    /// Every open step-up is in the queue of those that will go unanswered, the last one at its end.
    pub(super) fn look_at_step_ups(&self, draft: &mut Draft) {
        let step_ups = &self.sessions.step_ups;
        let all = step_ups.queued();
        let (places, is_last) = next(&mut draft.cursor, all, WRITE);
        let places = all.saturating_sub(places.end)..all.saturating_sub(places.start);
        for (key, number) in step_ups.queue(places).rev() {
            // Those asked since the last call have moved the others: some come a second time.
            let is_next = |before: u32| before.wrapping_sub(number).cast_signed() > 0;
            let open = step_ups.get(key);
            if draft.asked_before.is_none_or(is_next)
                && open.is_some_and(|open| open.generation == number)
            {
                draft.asked_before = Some(number);
                draft.asked.push(key);
            }
        }
        if is_last || draft.asked.len() >= HEAD {
            draft.asked.truncate(HEAD);
            draft.asked.reverse();
            draft.open(Step::WriteStepUps);
        }
    }

    pub(super) fn write_asked(&self, draft: &mut Draft) {
        let (places, is_last) = next(&mut draft.cursor, draft.asked.len(), WRITE);
        for place in places {
            // It may be answered by now.
            let key = draft.asked.get(place);
            if let Some(open) = key.and_then(|key| self.sessions.step_ups.get(*key)) {
                write_step_up(&mut draft.head, open);
                draft.counted(1);
            }
        }
        if is_last {
            draft.head.close_count(draft.count);
            draft.go_on(Step::LookAtNumbers);
        }
    }

    /// Every number that is counted is in the queue of what is forgotten, those that came last at its
    /// end. From there on, because it is at the front that it gets shorter meanwhile; by what it leaves out
    /// elsewhere the rest has moved towards the end, and some of it comes a second time.
    pub(super) fn look_at_numbers(&self, draft: &mut Draft) {
        let numbers = &self.sessions.numbers;
        let part = Part::Shard(draft.shard);
        let recent = self.now.saturating_sub(RECENT_MS).saturating_add(NUMBER_KEEP_MS);
        let (all, left_out) = (numbers.queued(), numbers.left_out());
        let before = draft.left_out.replace(left_out).unwrap_or(left_out);
        draft.cursor = draft.cursor.saturating_sub(left_out.wrapping_sub(before));
        let (places, is_last) = next(&mut draft.cursor, all, LOOK);
        let places = all.saturating_sub(places.end)..all.saturating_sub(places.start);
        for (due, digits) in numbers.queue(places) {
            if part.keeps(digits) {
                draft.lasting_numbers.push(digits);
            }
            if due >= recent && draft.numbers.len() < 2 * HEAD {
                draft.list(digits);
            }
        }
        if is_last {
            draft.open(Step::WriteNumbers);
        }
    }

    /// What is counted of some of the numbers. Of two counts of one number the younger is read.
    pub(super) fn write_counts(&self, draft: &mut Draft, part: Part) {
        let is_head = part == Part::Head;
        let recent = self.now.saturating_sub(RECENT_MS);
        let (w, numbers) = match is_head {
            true => (&mut draft.head, &draft.numbers),
            false => (&mut draft.rest, &draft.lasting_numbers),
        };
        let (places, is_last) = next(&mut draft.cursor, numbers.len(), WRITE);
        for digits in numbers.get(places).unwrap_or_default() {
            let count = self.sessions.numbers.get(*digits);
            if let Some(count) = count.filter(|count| !is_head || count.at >= recent) {
                write_count(w, *digits, count);
                draft.count.1 = draft.count.1.saturating_add(1);
            }
        }
        if !is_last {
            return;
        }
        w.close_count(draft.count);
        match is_head {
            true => {
                self.write_rows(w, part, 0..3);
                self.write_orders(w, part);
                self.write_header(w, part, draft.lead[0]);
                draft.go_on(Step::SumHead);
            }
            false => self.begin_rows(draft),
        }
    }
}

impl Draft {
    /// Notes a number that may have a recent count.
    fn list(&mut self, digits: u64) {
        if self.listed.insert(digits, ()).is_none() {
            self.numbers.push(digits);
        }
    }
}
