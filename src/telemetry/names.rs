//! [`Names`]: names of the host's as labels, never more than a stated number of them.

use std::collections::BTreeSet;
use std::sync::{PoisonError, RwLock};

use super::label::OTHER;

/// Names that are labels. Whatever is beyond the bound is `other`.
#[derive(Debug)]
pub(super) struct Names {
    known: RwLock<BTreeSet<Box<str>>>,
    most: usize,
}

impl Names {
    /// The first `most` names that come.
    pub(super) fn first(most: usize) -> Self {
        Self { known: RwLock::default(), most }
    }

    /// These names and no others.
    pub(super) fn only<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let known: BTreeSet<Box<str>> = names.into_iter().map(Into::into).collect();
        let most = known.len();
        Self { known: RwLock::new(known), most }
    }

    /// How many labels there can be, `other` among them.
    #[cfg(test)]
    pub(super) fn most(&self) -> usize {
        self.most.saturating_add(1)
    }

    /// `name`, or `other`.
    pub(super) fn label(&self, name: &str) -> String {
        self.meet(name).0
    }

    /// The same, and whether the name has just become a label.
    pub(super) fn meet(&self, name: &str) -> (String, bool) {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        if known.contains(name) {
            return (name.to_owned(), false);
        }
        let full = known.len() >= self.most;
        drop(known);
        if full {
            return (OTHER.to_owned(), false);
        }
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() < self.most || known.contains(name) {
            let is_new = known.insert(name.into());
            (name.to_owned(), is_new)
        } else {
            (OTHER.to_owned(), false)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_more_than_the_bound_also_from_many_threads() {
        let names = Names::first(5);
        let seen = std::sync::Mutex::new(BTreeSet::new());
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let (names, seen) = (&names, &seen);
                scope.spawn(move || {
                    for index in 0..200 {
                        let label = names.label(&format!("purpose {}", index * 8 + thread));
                        seen.lock().unwrap().insert(label);
                    }
                });
            }
        });
        let seen = seen.into_inner().unwrap();
        assert_eq!(seen.len(), names.most());
        assert!(seen.contains(OTHER));
    }

    #[test]
    fn a_closed_list_takes_nobody_else() {
        let names = Names::only(["sign-up", "log-in"]);
        assert_eq!(names.label("sign-up"), "sign-up");
        assert_eq!(names.label("pay"), OTHER);
        assert_eq!(names.most(), 3);
    }
}
