//! Which sessions count for the blocks under suspicion: see `together`.

use super::detector::Detector;
use super::evidence::Bet;
use super::memory::Local;
use super::path::{Path, level_at, pick, slot_at};
use super::session::Session;
use super::together::{JOINS, LONGEST, NOBODY};

impl Detector {
    /// The place of the finest block under suspicion, if a new session counts for it.
    pub(super) fn suspected(&mut self, now: u64, path: &Path, local: &Local) -> u8 {
        let Some((place, node, _)) = self.suspect_of(path, local) else { return NOBODY };
        self.together.turn(now);
        match self.together.counts(node) {
            true => u8::try_from(place).unwrap_or(NOBODY),
            false => NOBODY,
        }
    }

    /// A session's code was not entered: the finest block whose tank holds enough is under suspicion for
    /// as long as it will without another text.
    pub(super) fn suspect(&mut self, now: u64, path: &Path, local: &Local) {
        let Some((place, node, [bold, careful])) = self.suspect_of(path, local) else { return };
        let rate = self.tree.refresh(now, path, local).get(place).copied().unwrap_or(0.0);
        let [fast, slow] = self.terms.bets.at(local.null, level_at(place));
        let hours = |held: f32, bet: Bet| (held - JOINS) / (bet.leak * rate).max(1e-3);
        let lasts = hours(bold, fast).max(hours(careful, slow)).min(LONGEST);
        let until = now.saturating_add((lasts * 3_600_000.0) as u64);
        self.together.turn(now);
        self.together.join(node, fast.leak * rate, until);
    }

    /// The finest block of a path whose tank holds enough, by place and name, and what it holds; none if
    /// a coarser node acts.
    fn suspect_of(&self, path: &Path, local: &Local) -> Option<(usize, u64, [f32; 2])> {
        if !self.terms.tuning.parts.together {
            return None;
        }
        let found = (0..5).find_map(|place| {
            let node = self.tree.at(slot_at(path, place))?;
            let [bold, careful] = node.bets;
            (bold.max(careful) >= JOINS).then_some((place, node.id, node.bets))
        });
        found.filter(|(place, ..)| !self.view(path, local).is_explained(*place))
    }

    /// A step-up was passed, or was not: what that says holds up or ends the alarm of the blocks under
    /// suspicion, if it was asked in one of them.
    pub(super) fn step_up_together(&mut self, now: u64, path: &Path, step: f32) {
        if !self.together.is_alarm() {
            return;
        }
        let knows = |place: usize| {
            let node = self.tree.at(slot_at(path, place));
            node.is_some_and(|node| self.together.knows(node.id))
        };
        if (0..5).any(knows) {
            self.together.turn(now);
            self.together.hold_up(step);
        }
    }

    /// A session's code was entered, or was not within ninety seconds. One that is entered late still
    /// gives back what it counted.
    pub(super) fn answered_together(
        &mut self,
        now: u64,
        session: &Session,
        entered: bool,
        late: bool,
    ) {
        let place = usize::from(session.suspected);
        let node = self.tree.at(slot_at(&session.path, place));
        let Some(node) = node.map(|node| node.id) else { return };
        let level = level_at(place);
        let [bet, _] = self.terms.bets.at(session.null, level);
        let [.., open] = bet.open;
        let open =
            open * session.share_at(place, &self.terms.tuning, 0.0) * pick(session.weight, level);
        self.together.turn(now);
        self.together.count(
            node,
            match (entered, late) {
                (false, _) => open,
                (true, false) => bet.verified,
                (true, true) => bet.verified - open,
            },
        );
    }
}
