//! Admissions and redemptions that are filled in again: the lists of one call are those of the next
//! call of the same thread. Each has a handful, which would be allocated anew with every request.

use std::mem::take;

use super::{Admission, Redemption};
use crate::base::id::{Pseudonym, RequestId};
use crate::base::spare::{Spare, clear};
use crate::base::time::Timestamp;

/// Lists with room for more are given back.
const MOST: usize = 64;

thread_local! {
    static ADMISSION: Spare<Box<Admission>> = const { Spare::empty() };
    static REDEMPTION: Spare<Box<Redemption>> = const { Spare::empty() };
}

/// As [`Admission::new`].
pub(crate) fn admission(
    id: RequestId,
    now: Timestamp,
    realm: Pseudonym,
    remember: Timestamp,
) -> Box<Admission> {
    let fresh = Admission::new(id, now, realm, remember);
    let Some(mut blank) = Spare::take(&ADMISSION) else { return Box::new(fresh) };
    let used = &mut *blank;
    *used = Admission {
        guards: take(&mut used.guards),
        nonces: take(&mut used.nonces),
        charges: take(&mut used.charges),
        observe: take(&mut used.observe),
        ..fresh
    };
    blank
}

/// Leaves an admission's lists to the next one.
pub(crate) fn leave_admission(mut used: Box<Admission>) {
    let Admission { guards, nonces, charges, observe, challenge, documents, exchange, .. } =
        &mut *used;
    (*challenge, *exchange, *documents) = (None, None, Vec::new());
    let rooms = [clear(guards), clear(nonces), clear(charges), clear(observe)];
    if rooms.into_iter().all(|room| room <= MOST) {
        Spare::leave(&ADMISSION, used);
    }
}

/// As [`Redemption::new`].
pub(crate) fn redemption(
    id: RequestId,
    now: Timestamp,
    realm: Pseudonym,
    challenge: Pseudonym,
) -> Box<Redemption> {
    let fresh = Redemption::new(id, now, realm, challenge);
    let Some(mut blank) = Spare::take(&REDEMPTION) else { return Box::new(fresh) };
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
pub(crate) fn leave_redemption(mut used: Box<Redemption>) {
    used.exchange = None;
    let rooms = [
        clear(&mut used.digests),
        clear(&mut used.charges),
        clear(&mut used.subject_charges),
        clear(&mut used.reset),
        clear(&mut used.credits),
        clear(&mut used.marks),
        clear(&mut used.observe),
        clear(&mut used.observe_failure),
    ];
    if rooms.into_iter().all(|room| room <= MOST) {
        Spare::leave(&REDEMPTION, used);
    }
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
