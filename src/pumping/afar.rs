//! Whether people far from home enter their codes like those at home.
//!
//! A spray that stays within what the pool of far networks may send is ordinary by its volume, and an
//! outage might explain that nobody enters a code. It explains nothing if the same country's people
//! at home enter theirs meanwhile. So the pool runs a third bet, which does not ask how much comes:
//!
//! *Null:* of a country's sessions from afar at least the share `s·Y` is entered, where `Y` is the
//! share that was entered of the last dozen of its sessions from home. A session from afar multiplies
//! by `1 + c·(s·Y − X)`, with `X` one if it was entered within ninety seconds and else nought. `Y`, the
//! stake `c`, and which sessions count, are fixed before `X` is known, so the expectation of the factor
//! is at most one whatever depends on what: the sum is an e-CUSUM like the others, with the same bound.
//! The stake grows with the sessions from home, and is nothing in a country that has none.
//!
//! Of each block of a hundred thousand numbers one session in twenty minutes counts: what comes to few
//! blocks is for those blocks to say.

use super::country::Country;
use super::detector::Detector;
use super::level::{BlockLevel, NodeId};
use super::path::{pick, slot_at};
use super::session::Session;

/// The place of the pool of far networks on a path.
const POOL: usize = 13;

/// What is entered from afar is at least this share of what is entered at home.
const SHARE: f32 = 0.75;

/// What the bet stakes. Less than one, so that no single entry ends it.
const STAKE: f32 = 0.9;

/// Sessions from home from which it stakes all of it.
const ENOUGH: f32 = 10.0;

/// Half of what is held against those from afar is forgotten in so many seconds.
pub(super) const HALF_LIFE: f32 = 48.0 * 3_600.0;

/// The most that it holds. Some fifteen people who enter their codes then end it.
const MOST: f32 = 14.0;

/// The evidence of one session from afar, where at home the share `at_home` is entered as far as is
/// `known`, from nought to one.
fn step((at_home, known): (f32, f32), entered: bool) -> f32 {
    (1.0 + STAKE * known * (SHARE * at_home - f32::from(u8::from(entered)))).ln()
}

impl Detector {
    /// A session's code was entered, or was not within ninety seconds. One that is entered later still
    /// gives back what was held against it.
    pub(super) fn answered_afar(&mut self, now: u64, session: &Session, entered: bool, late: bool) {
        if !self.terms.tuning.parts.afar {
            return;
        }
        let pool = slot_at(&session.nodes(), POOL);
        let shade = self.tree.shade(&session.path, self.memory.is_young()).at(POOL);
        let Some(country) = self.memory.country_mut(session.country) else { return };
        if self.tree.at(pool).is_none() {
            if !late && !session.known && !session.unsent {
                country.answered_at_home(entered);
            }
            return;
        }
        let block = NodeId::block(BlockLevel::HundredThousand, session.subject.digits);
        if !late && !country.is_fresh_afar(now, block) {
            return;
        }
        let at_home = country.entered_at_home();
        let step = match (entered, late) {
            (true, false) => step(at_home, true),
            (true, true) => step(at_home, true) - step(at_home, false),
            (false, _) => step(at_home, false) * shade * pick(session.weight, BlockLevel::Away),
        };
        self.tree.count_afar(pool, step, MOST);
    }
}

impl Country {
    /// The share that was entered lately of the sessions from home, and how far it is known.
    fn entered_at_home(&self) -> (f32, f32) {
        let [entered, all] = self.answers_at_home;
        (entered / all.max(1.0), (all / ENOUGH).min(1.0))
    }

    /// Only so few count that an outage shows at once.
    fn answered_at_home(&mut self, entered: bool) {
        const KEPT: f32 = 11.0 / 12.0;
        let [good, all] = &mut self.answers_at_home;
        *good = *good * KEPT + f32::from(u8::from(entered));
        *all = *all * KEPT + 1.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_enters_as_many_codes_as_the_null_says_multiplies_by_one() {
        for (at_home, known) in [(0.85, 1.0), (0.55, 1.0), (0.75, 0.4), (0.0, 1.0), (0.9, 0.0)] {
            let mean = |entered: f32| {
                let of = |x| step((at_home, known), x).exp();
                entered * of(true) + (1.0 - entered) * of(false)
            };
            assert!((mean(SHARE * at_home) - 1.0).abs() < 1e-5, "{at_home}");
            assert!(mean(at_home.max(0.01)) <= 1.0 && mean(1.0) <= 1.0);
        }
    }
}
