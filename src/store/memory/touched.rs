//! [`Touched`]: the lanes of everything that a call may look at.

use crate::store::{
    Admission, ChallengeWrite, Charge, Observation, Redemption, Settlement, TallyQuery,
};

use super::table::{Key, Mask};

/// Names a call usually has.
const FEW: usize = 48;

/// The lanes of a call. What is not among them must not be touched by it.
#[derive(Debug)]
pub(super) struct Touched {
    mask: Mask,
    few: [u16; FEW],
    held: usize,
    /// All of them, where they are not few.
    more: Vec<u16>,
}

impl Touched {
    pub(super) const fn by(mask: Mask) -> Self {
        Self { mask, few: [0; FEW], held: 0, more: Vec::new() }
    }

    pub(super) const fn mask(&self) -> Mask {
        self.mask
    }

    pub(super) fn admission(mut self, admission: &Admission) -> Self {
        self.call(self.mask.call(admission.id));
        for guard in &admission.guards {
            self.call(self.mask.name(guard.document));
        }
        for write in &admission.documents {
            self.call(self.mask.name(write.document));
        }
        for nonce in &admission.nonces {
            self.call(self.mask.name(nonce.key));
        }
        if let Some(ChallengeWrite::Open { key, .. } | ChallengeWrite::Renew { key, .. }) =
            &admission.challenge
        {
            self.call(self.mask.name(*key));
        }
        self.charges(&admission.charges);
        self.observations(&admission.observe);
        self
    }

    pub(super) fn settlement(mut self, settlement: &Settlement) -> Self {
        self.call(self.mask.call(settlement.admission));
        for refund in &settlement.refunds {
            let keys = refund.waiver.into_iter().chain([refund.key]);
            keys.for_each(|key| self.call(self.mask.name(key.subject)));
        }
        if let Some(void) = &settlement.void {
            self.call(self.mask.name(void.challenge));
        }
        self.observations(&settlement.observe);
        self
    }

    pub(super) fn redemption(mut self, redemption: &Redemption) -> Self {
        self.call(self.mask.name(redemption.challenge));
        self.charges(&redemption.charges);
        self.charges(&redemption.subject_charges);
        let credits = redemption.credits.iter().map(|credit| credit.key);
        let marks = redemption.marks.iter().map(|mark| mark.key);
        for key in redemption.reset.iter().copied().chain(credits).chain(marks) {
            self.call(self.mask.name(key.subject));
        }
        self.observations(&redemption.observe);
        self.observations(&redemption.observe_failure);
        self
    }

    pub(super) fn tally(mut self, query: &TallyQuery) -> Self {
        let meters = query.meters.iter().map(|meter| meter.key);
        let subjects = meters.chain(query.marks.iter().copied()).map(|key| key.subject);
        let names = query.challenges.iter().chain(&query.documents).copied();
        subjects.chain(names).for_each(|name| self.call(self.mask.name(name)));
        self
    }

    /// The lanes, ascending, each once.
    pub(super) fn lanes(&mut self) -> impl Iterator<Item = usize> {
        let all = match self.more.is_empty() {
            true => self.few.get_mut(..self.held).unwrap_or_default(),
            false => &mut self.more,
        };
        all.sort_unstable();
        let mut latest = None;
        let once = move |lane: &u16| latest.replace(*lane) != Some(*lane);
        all.iter().copied().filter(once).map(usize::from)
    }

    /// Whether the lane of `key` is among them.
    pub(super) fn has(&self, key: Key) -> bool {
        let lane = key.lane();
        self.few.iter().take(self.held).chain(&self.more).any(|held| *held == lane)
    }

    fn charges(&mut self, charges: &[Charge]) {
        for charge in charges {
            let keys = charge.waiver.into_iter().chain([charge.key]);
            keys.for_each(|key| self.call(self.mask.name(key.subject)));
        }
    }

    fn observations(&mut self, observations: &[Observation]) {
        for observation in observations {
            self.call(self.mask.name(observation.key.subject));
        }
    }

    fn call(&mut self, key: Key) {
        let lane = key.lane();
        // Charges on one subject stand side by side.
        let latest = self.held.checked_sub(1).and_then(|latest| self.few.get(latest));
        if latest == Some(&lane) {
            return;
        }
        if let Some(place) = self.few.get_mut(self.held) {
            *place = lane;
            self.held = self.held.saturating_add(1);
        } else {
            if self.more.is_empty() {
                self.more.extend(self.few);
            }
            self.more.push(lane);
        }
    }
}
