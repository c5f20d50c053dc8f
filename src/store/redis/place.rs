//! [`Place`]: where a call goes, and what of it the partition there keeps a share of.

use crate::base::id::Pseudonym;
use crate::limit::Limit;
use crate::store::{Charge, Home};

/// A partition, as one call sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Place {
    /// What the keys' hash tag is made of.
    pub(super) tag: Pseudonym,
    home: Home,
    part: u64,
    parts: u64,
    kind: PlaceKind,
}

/// What of a deployment is in a place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum PlaceKind {
    /// Everything.
    Whole,
    /// The homes of one partition, and its share of what is common.
    Part,
    /// Documents and journal, where everything was before it was spread: under the same tag.
    Beside,
}

impl Place {
    /// The one place where everything is.
    pub(super) fn whole(tag: Pseudonym) -> Self {
        Self { tag, home: Home::NOBODY, part: 0, parts: 1, kind: PlaceKind::Whole }
    }

    /// Documents and journal at a tag that has been the one place where everything was.
    pub(super) fn beside(tag: Pseudonym) -> Self {
        Self { kind: PlaceKind::Beside, ..Self::whole(tag) }
    }

    /// Partition `part` of `parts`, for a call of `home`.
    pub(super) fn of_part(tag: Pseudonym, home: Home, part: u64, parts: u64) -> Self {
        Self { tag, home, part, parts, kind: PlaceKind::Part }
    }

    /// Whether documents and journal are elsewhere.
    pub(super) fn is_part(&self) -> bool {
        self.kind == PlaceKind::Part
    }

    /// Whether it shares its tag with what was there before.
    pub(super) fn is_beside(&self) -> bool {
        self.kind == PlaceKind::Beside
    }

    /// The letter of the key that holds epoch and sequence.
    pub(super) fn letter(&self) -> u8 {
        if self.is_beside() { b'h' } else { b'e' }
    }

    /// What its epoch and sequence are remembered by.
    pub(super) fn known_as(&self) -> Pseudonym {
        let mut name = *self.tag.as_bytes();
        if self.is_beside()
            && let Some(last) = name.last_mut()
        {
            *last ^= 0xa5;
        }
        Pseudonym::from_bytes(name)
    }

    /// Whose call it is made for.
    pub(super) fn home(&self) -> Home {
        self.home
    }

    /// Which of the partitions it is.
    pub(super) fn part(&self) -> u64 {
        self.part
    }

    /// Whether the partition keeps but a share of what `subject` is charged.
    pub(super) fn is_common(&self, subject: Pseudonym) -> bool {
        self.parts > 1 && !self.home.owns(subject)
    }

    /// What of `limit` on `subject` this partition grants without asking: a part of a window's units, or
    /// of a bucket's depth and of its drain. Over all partitions it is `limit`, to the unit: whoever
    /// gets one of those that are left over by the division, the subject's name decides.
    pub(super) fn share(&self, subject: Pseudonym, limit: &Limit) -> Limit {
        if !self.is_common(subject) {
            return *limit;
        }
        let units = |max: u64| self.portion(subject, max);
        let slower = |drain_ms: u64| drain_ms.max(1).saturating_mul(self.parts);
        match *limit {
            Limit::Window { max, span_ms } => Limit::Window { max: units(max), span_ms },
            Limit::Budget { max, span_ms } => Limit::Budget { max: units(max), span_ms },
            Limit::Spacing { interval_ms, burst } => {
                Limit::Spacing { interval_ms: slower(interval_ms), burst: units(burst) }
            }
            Limit::Unverified { max, drain_ms } => {
                Limit::Unverified { max: units(max), drain_ms: slower(drain_ms) }
            }
            // Refused before it comes here: it cannot be split.
            Limit::Ladder { .. } | Limit::Failures { .. } => *limit,
        }
    }

    /// By what this partition judges a charge, and the cost. One that only asks fits where the charge that it
    /// stands for would, and where that would not, it is that charge: nothing is made of it.
    pub(super) fn share_of(&self, charge: &Charge) -> (Limit, u64) {
        let (limit, cost) = judged(charge);
        let share = self.share(charge.key.subject, &limit);
        match share.lower(cost) {
            Some(left) if is_asked(charge) => (left, 0),
            _ => (share, cost),
        }
    }

    /// How early this partition gets one of the units that a division leaves over: 0 is first.
    fn rank(&self, subject: Pseudonym) -> u64 {
        let (_, turned) = divided(spread_of(subject), self.parts);
        divided(self.part.saturating_add(turned), self.parts).1
    }

    /// How many of `units` this partition has once all have divided them as they divide a limit. So of
    /// what was spent nobody has more than of what may be, unless all have.
    pub(super) fn portion(&self, subject: Pseudonym, units: u64) -> u64 {
        let (each, left) = divided(units, self.parts);
        each.saturating_add(u64::from(self.rank(subject) < left))
    }

    /// What is told of a common meter whose share counts `count` after a charge of `cost`. Shares fill
    /// evenly, so the whole is about as many times as much; of the costs by which that moves at
    /// once, each partition tells another one, so that whoever counts in steps of one cost sees each.
    pub(super) fn estimate(&self, count: u64, cost: u64) -> u64 {
        let behind = self.parts.saturating_sub(1).saturating_sub(self.part).saturating_mul(cost);
        count.saturating_mul(self.parts).saturating_sub(behind)
    }

    /// By how many costs an estimate moves, for whoever looks for a mark that it passes: the last
    /// partition looks for all.
    pub(super) fn step(&self) -> u64 {
        if self.part.saturating_add(1) == self.parts { self.parts } else { 0 }
    }
}

/// Whether nothing is made of a charge, though it is to fit.
pub(super) fn is_asked(charge: &Charge) -> bool {
    charge.spare > 0 && charge.cost == 0
}

/// The whole limit of a charge, and what is to fit: of one that only asks, those that it stands for.
pub(super) fn judged(charge: &Charge) -> (Limit, u64) {
    match is_asked(charge) {
        true => (charge.limit.raise(charge.spare), charge.spare),
        false => (charge.limit, charge.cost),
    }
}

/// What each of `parts` gets, and what is left over.
pub(super) fn divided(whole: u64, parts: u64) -> (u64, u64) {
    let parts = parts.max(1);
    (whole.checked_div(parts).unwrap_or(0), whole.checked_rem(parts).unwrap_or(0))
}

/// A pseudonym is its own hash.
pub(super) fn spread_of(name: Pseudonym) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = *name.as_bytes();
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name(byte: u8) -> Pseudonym {
        Pseudonym::from_bytes([byte; 16])
    }

    proptest! {
        #[test]
        fn shares_are_the_limit_to_the_unit(
            parts in 2_u64..40, max in 0_u64..1 << 40, subject in any::<[u8; 16]>(),
        ) {
            let subject = Pseudonym::from_bytes(subject);
            let limit = Limit::Window { max, span_ms: 60_000 };
            let shares = (0..parts).map(|part| {
                let share = Place::of_part(name(1), Home::of(name(2)), part, parts).share(subject, &limit);
                let Limit::Window { max, span_ms: 60_000 } = share else { panic!("{share:?}") };
                max
            });
            prop_assert_eq!(shares.sum::<u64>(), max);
        }

        #[test]
        fn a_mark_is_passed_once(parts in 1_u64..12, cost in 1_u64..50, mark in 1_u64..2_000) {
            // As many charges in each partition; each tells the stretch of one cost that it brings.
            let mut told = 0;
            for part in 0..parts {
                let place = Place::of_part(name(1), Home::of(name(2)), part, parts);
                for charges in 1..=mark {
                    let count = place.estimate(charges * cost, cost);
                    told += u64::from(count - cost < mark && mark <= count);
                }
            }
            prop_assert_eq!(told, 1);
        }
    }

    #[test]
    fn a_homes_own_is_not_split() {
        let place = Place::of_part(name(1), Home::of(name(2)).and(name(3)), 0, 3);
        let limit = Limit::Unverified { max: 9, drain_ms: 1_000 };
        assert_eq!(place.share(name(2), &limit), limit);
        assert_eq!(place.share(name(3), &limit), limit);
        assert_eq!(place.share(name(4), &limit), Limit::Unverified { max: 3, drain_ms: 3_000 });
        assert_eq!(Place::whole(name(1)).share(name(4), &limit), limit);
    }
}
