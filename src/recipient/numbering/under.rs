//! The lines below a run of leading digits.

use std::collections::BTreeSet;

use super::{OUTPUT, Plan, word};
use crate::recipient::line_type::LineType;
use crate::recipient::region::Region;

impl Plan {
    /// The plans whose calling codes begin with `digits`, and the one whose code they begin with themselves,
    /// each with what of `digits` is left behind its code.
    pub(in crate::recipient) fn under(
        digits: &[u8],
    ) -> impl Iterator<Item = (&'static Self, &[u8])> {
        let own = Self::leading(digits);
        let own = own.and_then(|(plan, length)| Some((plan, digits.get(length..)?)));
        let most = if own.is_none() { 999 } else { 0 };
        let wider = (1..=most).filter(move |code: &u16| {
            let code = code.to_string();
            let mut pairs = code.bytes().zip(digits);
            code.len() > digits.len() && pairs.all(|(a, b)| a.wrapping_sub(b'0') == *b)
        });
        own.into_iter().chain(wider.filter_map(Self::of_code).map(|plan| (plan, &[][..])))
    }

    /// The regions that have lines whose national numbers begin with `national`: one look at each state
    /// of the automaton that can follow.
    pub(in crate::recipient) fn regions_under(&self, national: &[u8]) -> BTreeSet<Region> {
        let mut regions = BTreeSet::new();
        let first = national.iter().fold(self.root, |state, digit| match state {
            0 => 0,
            state => word(state, usize::from(*digit)),
        });
        let mut seen = BTreeSet::from([0, first]);
        let mut open = vec![first];
        while let Some(state) = open.pop() {
            let found = self.assigned(word(state, OUTPUT));
            if state != 0 && found.line_type != LineType::Unknown {
                regions.extend(found.region);
            }
            let next =
                (0..OUTPUT).map(|digit| word(state, digit)).filter(|next| seen.insert(*next));
            open.extend(next);
        }
        regions
    }
}
