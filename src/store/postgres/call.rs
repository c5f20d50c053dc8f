//! A call of the port as the arrays of numbers that the functions in the database take.

use std::ops::Range;

use crate::base::id::Pseudonym;
use crate::base::time::Timestamp;
use crate::limit::{Limit, MeterKey, Slot};
use crate::store::{Charge, Credit, Exchange, Mark, MeterQuery, Observation, Refund};

use super::key::{Key, Kind, in_order};

/// The largest number handed to the database; three of them add up within 64 bits with a sign.
/// A time that is later reads as "never".
pub(super) const MOST: i64 = (1 << 61) - 1;

/// How many numbers make an operation.
const WIDTH: usize = 10;

/// Numbers of operations, as `otpgate.apply_v1` takes them.
pub(super) type Ops = Vec<i64>;

/// The meters and marks of one call, and the subjects they belong to, each named once.
#[derive(Debug)]
pub(super) struct Books {
    realm: Pseudonym,
    wanted: Vec<(Pseudonym, i64)>,
    pub(super) subjects: Vec<Key>,
    /// For each meter the number of its subject, from 1, and its slot.
    pub(super) meters: Vec<i64>,
}

/// Collects the meters that a call names, before any operation on them is written.
#[derive(Debug)]
pub(super) struct Wanted(Vec<(Pseudonym, i64)>);

impl Wanted {
    pub(super) fn new() -> Self {
        Self(Vec::with_capacity(32))
    }

    pub(super) fn charges(&mut self, charges: &[Charge]) -> &mut Self {
        for charge in charges {
            self.meter(&charge.key).waiver(charge.waiver);
        }
        self
    }

    pub(super) fn refunds(&mut self, refunds: &[Refund]) -> &mut Self {
        for refund in refunds {
            self.meter(&refund.key).waiver(refund.waiver);
        }
        self
    }

    pub(super) fn observations(&mut self, observations: &[Observation]) -> &mut Self {
        observations.iter().for_each(|observation| {
            self.meter(&observation.key);
        });
        self
    }

    pub(super) fn meter(&mut self, key: &MeterKey) -> &mut Self {
        self.0.push((key.subject, meter_slot(key.slot)));
        self
    }

    pub(super) fn mark(&mut self, key: &MeterKey) -> &mut Self {
        self.0.push((key.subject, mark_slot(key.slot)));
        self
    }

    pub(super) fn books(self, realm: Pseudonym) -> Books {
        let mut wanted = self.0;
        wanted.sort_unstable();
        wanted.dedup();
        let mut subjects = Vec::with_capacity(wanted.len());
        let mut meters = Vec::with_capacity(wanted.len().saturating_mul(2));
        let mut last = None;
        for (subject, slot) in &wanted {
            if last != Some(subject) {
                last = Some(subject);
                subjects.push(Key::new(Kind::Subject, realm, subject.as_bytes()));
            }
            meters.extend([int(subjects.len()), *slot]);
        }
        Books { realm, wanted, subjects, meters }
    }

    fn waiver(&mut self, key: Option<MeterKey>) {
        if let Some(key) = key {
            self.mark(&key);
        }
    }
}

impl Books {
    /// The locks of the subjects, and those of `others`, in order.
    pub(super) fn locks(&self, others: impl IntoIterator<Item = (Key, bool)>) -> Vec<i64> {
        let subjects = self.subjects.iter().map(|subject| subject.lock(true));
        in_order(subjects.chain(others.into_iter().map(|(key, alone)| key.lock(alone))).collect())
    }

    pub(super) fn charges(&self, charges: &[Charge]) -> Ops {
        let op = |charge: &Charge| {
            self.op(&charge.key, &charge.limit, charge.cost, charge.waiver, Timestamp::default())
        };
        charges.iter().flat_map(op).collect()
    }

    pub(super) fn refunds(&self, refunds: &[Refund]) -> Ops {
        let op = |refund: &Refund| {
            self.op(&refund.key, &refund.limit, refund.cost, refund.waiver, refund.charged)
        };
        refunds.iter().flat_map(op).collect()
    }

    /// Credits that change something; those of the other kinds are left out.
    pub(super) fn credits(&self, credits: &[Credit]) -> Ops {
        let op = |credit: &Credit| {
            self.op(&credit.key, &credit.limit, credit.amount, None, Timestamp::default())
        };
        credits.iter().filter(|credit| credit.limit.takes_credits()).flat_map(op).collect()
    }

    pub(super) fn observations(&self, observations: &[Observation]) -> Ops {
        let op = |observation: &Observation| {
            let limit = Limit::Window { max: u64::MAX, span_ms: observation.span_ms };
            self.op(&observation.key, &limit, observation.units, None, Timestamp::default())
        };
        observations.iter().flat_map(op).collect()
    }

    pub(super) fn queries(&self, queries: &[MeterQuery]) -> Ops {
        let op = |query: &MeterQuery| {
            self.op(&query.key, &query.limit, query.cost, None, Timestamp::default())
        };
        queries.iter().flat_map(op).collect()
    }

    pub(super) fn resets(&self, keys: &[MeterKey]) -> Ops {
        let op = |key: &MeterKey| {
            [0, self.place(key.subject, meter_slot(key.slot)), 0, 0, 0, 0, 0, 0, 0, 0]
        };
        keys.iter().flat_map(op).collect()
    }

    pub(super) fn marks(&self, marks: &[Mark]) -> Ops {
        let op = |mark: &Mark| self.mark(&mark.key, mark.until, mark.from);
        marks.iter().flat_map(op).collect()
    }

    pub(super) fn mark_queries(&self, keys: &[MeterKey]) -> Ops {
        let never = Timestamp::default();
        keys.iter().flat_map(|key| self.mark(key, never, never)).collect()
    }

    pub(super) fn name(&self, kind: Kind, name: &[u8; 16]) -> Key {
        Key::new(kind, self.realm, name)
    }

    fn mark(&self, key: &MeterKey, until: Timestamp, from: Timestamp) -> [i64; WIDTH] {
        let place = self.place(key.subject, mark_slot(key.slot));
        [5, place, 0, time(until), 0, 0, 0, 0, 0, time(from)]
    }

    fn op(
        &self,
        key: &MeterKey,
        limit: &Limit,
        cost: u64,
        waiver: Option<MeterKey>,
        at: Timestamp,
    ) -> [i64; WIDTH] {
        let (rule, [p1, p2, p3, p4, p5]) = rule(limit, cost);
        let place = self.place(key.subject, meter_slot(key.slot));
        let waiver = waiver.map_or(0, |key| self.place(key.subject, mark_slot(key.slot)));
        [rule, place, waiver, long(cost), p1, p2, p3, p4, p5, time(at)]
    }

    /// The number of a meter that was collected, from 1.
    fn place(&self, subject: Pseudonym, slot: i64) -> i64 {
        let place = self.wanted.binary_search(&(subject, slot)).unwrap_or_default();
        int(place).saturating_add(1)
    }
}

/// An exchange as the functions take it.
#[derive(Debug)]
pub(super) struct Letters {
    pub(super) journal: Option<Key>,
    pub(super) append: Option<Vec<u8>>,
    pub(super) after: i64,
}

impl Letters {
    pub(super) fn new(realm: Pseudonym, exchange: Option<&Exchange>) -> Self {
        let name = |it: &Exchange| Key::new(Kind::Journal, realm, it.journal.as_bytes());
        Self {
            journal: exchange.map(name),
            append: exchange.map(|it| it.append.clone()).filter(|append| !append.is_empty()),
            after: exchange.map_or(0, |it| long(it.after)),
        }
    }

    /// The journal, if something is appended to it.
    pub(super) fn lock(&self) -> Option<(Key, bool)> {
        self.append.as_ref().and(self.journal).map(|journal| (journal, true))
    }
}

/// A number for the database.
pub(super) fn long(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(MOST).min(MOST)
}

/// A time for the database.
pub(super) fn time(at: Timestamp) -> i64 {
    long(at.as_millis())
}

/// A number from the database.
pub(super) fn count(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

/// A time from the database.
pub(super) fn timestamp(value: i64) -> Timestamp {
    if value >= MOST { Timestamp::MAX } else { Timestamp::from_millis(count(value)) }
}

/// The numbers at `range`, as counts.
pub(super) fn counts(values: &[i64], range: Range<usize>) -> Option<Vec<u64>> {
    Some(values.get(range)?.iter().copied().map(count).collect())
}

fn int(value: usize) -> i64 {
    i64::try_from(value).unwrap_or(MOST)
}

fn meter_slot(slot: Slot) -> i64 {
    i64::from(slot.0)
}

/// Marks stand apart from meters.
fn mark_slot(slot: Slot) -> i64 {
    i64::from(slot.0) | 1 << 32
}

/// The rule's number and its parameters, with every product that can be computed beforehand.
fn rule(limit: &Limit, cost: u64) -> (i64, [i64; 5]) {
    match *limit {
        Limit::Spacing { interval_ms: interval, burst }
        | Limit::Unverified { drain_ms: interval, max: burst } => {
            let interval = interval.max(1);
            let spent = long(interval.saturating_mul(cost));
            (1, [long(interval), long(interval.saturating_mul(burst)), spent, 0, 0])
        }
        Limit::Ladder { first_ms, longest_ms, forget_ms } => {
            // 32 rungs of it must not overflow.
            let forget = long(forget_ms.max(longest_ms).max(1)).min(MOST >> 6);
            (2, [long(first_ms), long(longest_ms), forget, 0, 0])
        }
        Limit::Window { max, span_ms } | Limit::Budget { max, span_ms } => {
            let span = span_ms.max(1);
            (3, [long(max), long(span), long(crate::limit::bucket_ms(span)), 0, 0])
        }
        Limit::Failures { max, pause_after, pause_ms, longest_ms, forget_ms } => {
            let forget = forget_ms.max(longest_ms).max(1);
            (4, [long(max), long(pause_after), long(pause_ms), long(longest_ms), long(forget)])
        }
    }
}
