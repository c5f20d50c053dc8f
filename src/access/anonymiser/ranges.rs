//! [`Ranges`]: which kinds hold where in an address space, as sorted boundaries.

use super::{AnonymiserKind, AnonymiserKinds};

/// A run of addresses of one kind, as it stands in a list.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run<A> {
    pub(super) first: A,
    pub(super) last: A,
    pub(super) kind: AnonymiserKind,
}

/// An address as a number.
pub(super) trait Address: Copy + Ord {
    /// The next one, unless this is the last.
    fn next(self) -> Option<Self>;
}

impl Address for u32 {
    fn next(self) -> Option<Self> {
        self.checked_add(1)
    }
}

impl Address for u128 {
    fn next(self) -> Option<Self> {
        self.checked_add(1)
    }
}

/// From each address in `starts` on, up to the next, the kinds at the same place hold. Two arrays,
/// so that neither has gaps: five bytes a boundary for IPv4, seventeen for IPv6.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Ranges<A> {
    starts: Box<[A]>,
    kinds: Box<[AnonymiserKinds]>,
}

impl<A> Default for Ranges<A> {
    fn default() -> Self {
        Self { starts: Box::default(), kinds: Box::default() }
    }
}

impl<A: Address> Ranges<A> {
    /// The runs laid over each other, in O(n log n).
    pub(super) fn of(mut runs: Vec<Run<A>>) -> Self {
        runs.sort_unstable_by_key(|run| run.first);
        let mut sweep = Sweep::default();
        for run in runs {
            sweep.close_before(Some(run.first));
            sweep.open(run);
        }
        sweep.close_before(None);
        Self { starts: sweep.starts.into_boxed_slice(), kinds: sweep.kinds.into_boxed_slice() }
    }

    /// The kinds that hold at `address`, in O(log n).
    pub(super) fn at(&self, address: A) -> AnonymiserKinds {
        let after = self.starts.partition_point(|start| *start <= address);
        let place = after.checked_sub(1);
        place.and_then(|place| self.kinds.get(place)).copied().unwrap_or_default()
    }

    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.starts).saturating_add(size_of_val(&*self.kinds))
    }
}

/// Goes over the runs by their first address, and knows until where each kind is open.
struct Sweep<A> {
    starts: Vec<A>,
    kinds: Vec<AnonymiserKinds>,
    open: [Option<A>; AnonymiserKind::ALL.len()],
}

impl<A> Default for Sweep<A> {
    fn default() -> Self {
        Self { starts: Vec::new(), kinds: Vec::new(), open: AnonymiserKind::ALL.map(|_| None) }
    }
}

impl<A: Address> Sweep<A> {
    /// Ends the kinds whose last address lies before `address`; all for `None`.
    fn close_before(&mut self, address: Option<A>) {
        let over = |last: &A| address.is_none_or(|address| *last < address);
        while let Some(last) = self.open.iter().flatten().copied().filter(over).min() {
            for slot in &mut self.open {
                *slot = slot.filter(|open| *open != last);
            }
            if let Some(next) = last.next() {
                self.mark(next);
            }
        }
    }

    fn open(&mut self, run: Run<A>) {
        for (kind, slot) in AnonymiserKind::ALL.into_iter().zip(&mut self.open) {
            if kind == run.kind {
                *slot = (*slot).max(Some(run.last));
            }
        }
        self.mark(run.first);
    }

    /// Notes what is open from `start` on, unless it is what held before.
    fn mark(&mut self, start: A) {
        if self.starts.last() == Some(&start) {
            self.starts.pop();
            self.kinds.pop();
        }
        let open = AnonymiserKind::ALL.into_iter().zip(&self.open);
        let kinds = open.filter_map(|(kind, last)| last.map(|_| kind)).collect();
        if self.kinds.last().copied().unwrap_or_default() != kinds {
            self.starts.push(start);
            self.kinds.push(kinds);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use AnonymiserKind::{Hosting, Proxy, Tor};

    fn runs(all: &[(u32, u32, AnonymiserKind)]) -> Ranges<u32> {
        Ranges::of(all.iter().map(|&(first, last, kind)| Run { first, last, kind }).collect())
    }

    #[test]
    fn overlapping_runs_are_laid_over_each_other() {
        let ranges = runs(&[(10, 30, Hosting), (20, 40, Proxy), (25, 25, Tor), (31, 40, Proxy)]);
        let at = |address| ranges.at(address).iter().collect::<Vec<_>>();
        for (address, kinds) in [
            (9, vec![]),
            (10, vec![Hosting]),
            (20, vec![Proxy, Hosting]),
            (25, vec![Tor, Proxy, Hosting]),
            (26, vec![Proxy, Hosting]),
            (31, vec![Proxy]),
            (40, vec![Proxy]),
            (41, vec![]),
        ] {
            assert_eq!(at(address), kinds, "{address}");
        }
    }

    #[test]
    fn neighbours_of_one_kind_and_repeats_cost_nothing() {
        let one = runs(&[(0, 255, Tor)]);
        let many: Vec<_> = (0..=255).flat_map(|at| [(at, at, Tor), (at, at, Tor)]).collect();
        assert!(runs(&many) == one);
        assert_eq!(one.bytes(), 10);
    }

    #[test]
    fn the_ends_of_the_space_are_addresses_too() {
        let ranges = runs(&[(0, 0, Tor), (u32::MAX, u32::MAX, Proxy)]);
        assert!(ranges.at(0).contains(Tor) && ranges.at(1).is_empty());
        assert!(ranges.at(u32::MAX).contains(Proxy) && ranges.at(u32::MAX - 1).is_empty());
        assert!(Ranges::<u32>::default().at(7).is_empty());
    }
}
