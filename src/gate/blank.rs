//! Admissions and redemptions that are filled in again: the lists of one call are those of the next
//! call of the same thread. Each has a handful, which would be allocated anew with every request.

use std::cell::Cell;

use crate::base::id::{Pseudonym, RequestId};
use crate::base::time::Timestamp;
use crate::store::{Admission, Redemption};

/// Lists with room for more are given back.
const MOST: usize = 64;

thread_local! {
    static ADMISSION: Cell<Option<Box<Admission>>> = const { Cell::new(None) };
    static REDEMPTION: Cell<Option<Box<Redemption>>> = const { Cell::new(None) };
}

/// As [`Admission::new`].
pub(super) fn admission(
    id: RequestId,
    now: Timestamp,
    realm: Pseudonym,
    remember: Timestamp,
) -> Box<Admission> {
    let fresh = Admission::new(id, now, realm, remember);
    let Some(mut blank) = ADMISSION.try_with(Cell::take).ok().flatten() else {
        return Box::new(fresh);
    };
    let Admission { guards, nonces, charges, observe, .. } = &mut *blank;
    let lists = (take(guards), take(nonces), take(charges), take(observe));
    let (guards, nonces, charges, observe) = lists;
    *blank = Admission { guards, nonces, charges, observe, ..fresh };
    blank
}

/// Leaves an admission's lists to the next one.
pub(super) fn leave_admission(mut used: Box<Admission>) {
    let Admission { guards, nonces, charges, observe, challenge, documents, exchange, .. } =
        &mut *used;
    (*challenge, *exchange, *documents) = (None, None, Vec::new());
    let all = [empty(guards), empty(nonces), empty(charges), empty(observe)];
    if all.into_iter().all(|room| room <= MOST) {
        // A thread that ends takes its blanks with it.
        let _ = ADMISSION.try_with(|free| free.set(Some(used)));
    }
}

/// As [`Redemption::new`].
pub(super) fn redemption(
    id: RequestId,
    now: Timestamp,
    realm: Pseudonym,
    challenge: Pseudonym,
) -> Box<Redemption> {
    let fresh = Redemption::new(id, now, realm, challenge);
    let Some(mut blank) = REDEMPTION.try_with(Cell::take).ok().flatten() else {
        return Box::new(fresh);
    };
    let used = &mut *blank;
    *used = Redemption {
        digests: take(&mut used.digests),
        charges: take(&mut used.charges),
        subject_charges: take(&mut used.subject_charges),
        reset: take(&mut used.reset),
        credits: take(&mut used.credits),
        marks: take(&mut used.marks),
        observe: take(&mut used.observe),
        observe_failure: take(&mut used.observe_failure),
        ..fresh
    };
    blank
}

/// Leaves a redemption's lists to the next one.
pub(super) fn leave_redemption(mut used: Box<Redemption>) {
    used.exchange = None;
    let all = [
        empty(&mut used.digests),
        empty(&mut used.charges),
        empty(&mut used.subject_charges),
        empty(&mut used.reset),
        empty(&mut used.credits),
        empty(&mut used.marks),
        empty(&mut used.observe),
        empty(&mut used.observe_failure),
    ];
    if all.into_iter().all(|room| room <= MOST) {
        let _ = REDEMPTION.try_with(|free| free.set(Some(used)));
    }
}

fn take<T>(list: &mut Vec<T>) -> Vec<T> {
    std::mem::take(list)
}

/// Empties a list; for how many it has room.
fn empty<T>(list: &mut Vec<T>) -> usize {
    list.clear();
    list.capacity()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::limit::MeterKey;
    use crate::realm::slot;
    use crate::store::{ClockCheck, Guard, Home, Nonce, Observation};

    #[test]
    fn nothing_of_a_call_is_left_for_the_next_one() {
        let at = Timestamp::from_millis;
        let name = |byte| Pseudonym::from_bytes([byte; 16]);
        let id = |byte| RequestId::from_bytes([byte; 16]);
        let key = MeterKey::new(name(1), slot::SENT);
        let mut used = admission(id(1), at(1), name(1), at(2));
        used.guards.push(Guard { document: name(1), version: 1 });
        used.nonces.push(Nonce { key: name(1), expires: at(1) });
        used.observe.push(Observation { key, span_ms: 1, units: 1 });
        (used.clock, used.home) = (ClockCheck::Within(Duration::from_secs(1)), Home::of(name(1)));
        leave_admission(used);
        let fresh = Admission::new(id(2), at(3), name(2), at(4));
        let next = admission(id(2), at(3), name(2), at(4));
        assert_eq!(format!("{next:?}"), format!("{fresh:?}"));
        assert!(next.guards.capacity() > 0);

        let mut used = redemption(id(1), at(1), name(1), name(1));
        used.digests.push([7; 32]);
        used.reset.push(key);
        used.observe.push(Observation { key, span_ms: 1, units: 1 });
        used.home = Home::of(name(1));
        leave_redemption(used);
        let fresh = Redemption::new(id(2), at(3), name(2), name(2));
        let next = redemption(id(2), at(3), name(2), name(2));
        assert_eq!(format!("{next:?}"), format!("{fresh:?}"));
        assert!(next.digests.capacity() > 0);
    }
}
