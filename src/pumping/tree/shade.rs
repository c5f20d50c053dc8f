//! Which part of a session's evidence reaches each place of its path.

use super::super::path::{PATH, Path};
use super::super::table::Slot;
use super::Tree;

/// Which part of a session's evidence reaches each place of its path, given which finer nodes are
/// already acted on (explain-away).
pub(in crate::pumping) struct Shade([f32; PATH]);

impl Tree {
    /// The shade of a path. In a realm without history blocks and countries hide nothing from each
    /// other: what they ask for stops nobody who solves it, and a hundred blocks that ask would each
    /// have to be filled.
    pub(in crate::pumping) fn shade(&self, path: &Path, is_young: bool) -> Shade {
        let mut shade = self.shade_of_acting(path);
        if is_young {
            let finest = shade.at(0);
            shade.0.iter_mut().take(6).for_each(|part| *part = finest);
        }
        shade
    }

    /// `path` holds the nodes of a stranger's session too where another kind of session counts
    /// fewer. Groups of known numbers see everything.
    fn shade_of_acting(&self, path: &Path) -> Shade {
        let (table, tuning) = (&self.table, &self.terms.tuning);
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
        Shade(out)
    }
}

impl Shade {
    pub(in crate::pumping) fn at(&self, place: usize) -> f32 {
        self.0.get(place).copied().unwrap_or(1.0)
    }
}
