//! What messages have lists of: charges, marks, observations.

use crate::limit::{Limit, MeterKey, bucket_ms};
use crate::store::{Charge, Mark, Observation};

use super::super::keys::{Keys, Kind};
use super::super::pack::{MOST, Packer};
use super::Version;

/// A list of values that says only at its end how many there are: for a script one flat list is one
/// table, and a list of lists one for each.
#[derive(Default)]
pub(super) struct Flat {
    values: Packer,
    length: usize,
}

impl Flat {
    pub(super) fn numbers(&mut self, values: &[u64]) {
        self.values.numbers(values);
        self.length = self.length.saturating_add(values.len());
    }

    pub(super) fn text(&mut self, text: &[u8]) {
        self.values.bytes(text);
        self.length = self.length.saturating_add(1);
    }

    pub(super) fn write(&self, body: &mut Packer) {
        body.array(self.length).raw(self.values.as_slice());
    }
}

/// Charges as the scripts see them: records of fixed length, which a script reads without a table.
#[derive(Default)]
pub(super) struct Records(Vec<u8>);

impl Records {
    /// A charge that the partition's share of `limit` judges.
    pub(super) fn push(
        &mut self,
        keys: &mut Keys,
        key: MeterKey,
        limit: &Limit,
        cost: u64,
        waiver: Option<MeterKey>,
    ) {
        let share = keys.place.share(key.subject, limit);
        self.push_shared(keys, key, &share, cost, waiver);
    }

    /// One that `limit` itself judges: subject, kind, slot, cost, three of the limit's numbers; the other two
    /// if the kind has them; the waiver's subject and slot if the kind says so.
    fn push_shared(
        &mut self,
        keys: &mut Keys,
        key: MeterKey,
        limit: &Limit,
        cost: u64,
        waiver: Option<MeterKey>,
    ) {
        let [kind, a, b, c, d, e] = numbers(limit);
        let subject = keys.number(Kind::Subject, key.subject);
        self.number::<2>(subject);
        self.number::<1>(if waiver.is_some() { kind | WAIVED } else { kind });
        self.0.extend(key.slot.0.to_be_bytes());
        for number in [cost, a, b, c] {
            self.number::<7>(number);
        }
        if kind == FAILURES {
            self.number::<7>(d);
            self.number::<7>(e);
        }
        if let Some(waiver) = waiver {
            let subject = keys.number(Kind::Subject, waiver.subject);
            self.number::<2>(subject);
            self.0.extend(waiver.slot.0.to_be_bytes());
        }
    }

    /// The lower `N` bytes.
    fn number<const N: usize>(&mut self, value: u64) {
        let bytes = value.min(MOST).to_be_bytes();
        self.0.extend(bytes.last_chunk::<N>().unwrap_or(&[0; N]));
    }

    pub(super) fn write(&self, body: &mut Packer) {
        body.bytes(&self.0);
    }
}

/// Added to a charge's kind: a waiver follows.
const WAIVED: u64 = 8;

/// The kind of [`Limit::Failures`], which has two numbers more than the others.
const FAILURES: u64 = 4;

/// The kind of state that a limit judges, and its numbers, brought into the range that
/// [`Limit`] lays down for values that make no sense.
fn numbers(limit: &Limit) -> [u64; 6] {
    match *limit {
        Limit::Spacing { interval_ms: interval, burst }
        | Limit::Unverified { drain_ms: interval, max: burst } => {
            let interval = interval.max(1);
            [1, interval, interval.saturating_mul(burst), 0, 0, 0]
        }
        Limit::Ladder { first_ms, longest_ms, forget_ms } => {
            [2, first_ms, longest_ms, forget_ms.max(longest_ms).max(1), 0, 0]
        }
        Limit::Window { max, span_ms } | Limit::Budget { max, span_ms } => {
            [3, max, span_ms.max(1), bucket_ms(span_ms.max(1)), 0, 0]
        }
        Limit::Failures { max, pause_after, pause_ms, longest_ms, forget_ms } => {
            [FAILURES, max, pause_after, pause_ms, longest_ms, forget_ms.max(longest_ms).max(1)]
        }
    }
}

/// Those in `paid` fit always and change nothing: they are made elsewhere.
pub(super) fn charges(body: &mut Packer, keys: &mut Keys, charges: &[Charge], paid: &[usize]) {
    let mut list = Records::default();
    for (index, charge) in charges.iter().enumerate() {
        if paid.contains(&index) {
            list.push(keys, charge.key, &unbounded(&charge.limit), 0, charge.waiver);
        } else {
            let (limit, cost) = keys.place.share_of(charge);
            list.push_shared(keys, charge.key, &limit, cost, charge.waiver);
        }
    }
    list.write(body);
}

/// `limit` without a bound; it counts the same state.
fn unbounded(limit: &Limit) -> Limit {
    match *limit {
        Limit::Window { span_ms, .. } => Limit::Window { max: u64::MAX, span_ms },
        Limit::Budget { span_ms, .. } => Limit::Budget { max: u64::MAX, span_ms },
        Limit::Spacing { interval_ms, .. } => Limit::Spacing { interval_ms, burst: u64::MAX },
        Limit::Unverified { drain_ms, .. } => Limit::Unverified { max: u64::MAX, drain_ms },
        // Never split, so never made elsewhere.
        Limit::Ladder { .. } | Limit::Failures { .. } => *limit,
    }
}

pub(super) fn marks(body: &mut Packer, keys: &mut Keys, marks: &[Mark]) {
    let mut list = Flat::default();
    for mark in marks {
        let key = keys.number(Kind::Subject, mark.key.subject);
        let (from, until) = (mark.from.as_millis(), mark.until.as_millis());
        list.numbers(&[key, u64::from(mark.key.slot.0), from, until]);
    }
    list.write(body);
}

/// Copies of the versions of documents that stand elsewhere.
pub(super) fn versions(body: &mut Packer, keys: &mut Keys, copies: &[Version]) {
    let mut list = Flat::default();
    for copy in copies {
        let key = keys.number(Kind::Copy, copy.document);
        list.numbers(&[key, copy.version, u64::from(copy.read)]);
    }
    list.write(body);
}

pub(super) fn observations(body: &mut Packer, keys: &mut Keys, observations: &[Observation]) {
    let mut list = Records::default();
    for observation in observations {
        let limit = Limit::Window { max: u64::MAX, span_ms: observation.span_ms };
        list.push(keys, observation.key, &limit, observation.units, None);
    }
    list.write(body);
}

/// Meters or marks by name only.
pub(super) fn places(body: &mut Packer, keys: &mut Keys, places: &[MeterKey]) {
    let mut list = Flat::default();
    for place in places {
        list.numbers(&[keys.number(Kind::Subject, place.subject), u64::from(place.slot.0)]);
    }
    list.write(body);
}
