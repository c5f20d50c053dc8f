//! What partitions do for one another.

use crate::base::id::RequestId;
use crate::base::time::{Timestamp, millis};
use crate::store::{ClockCheck, GRACE, Nonce};

use super::super::keys::{Keys, Kind};
use super::super::pack::{MOST, Packer};
use super::super::place::Place;
use super::lists::{Flat, Records, charges, marks, versions};
use super::{Call, Errand, Journal, Verb, exchange};

/// What is done with a claim.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::store::redis) enum Claim {
    Make,
    /// While a generation is moving, a claim that is removed would be brought again.
    Release {
        moving: bool,
    },
}

impl Call {
    pub(in crate::store::redis) fn peer(
        now: Timestamp,
        clock: ClockCheck,
        place: &Place,
        errand: &Errand<'_>,
    ) -> Self {
        let mut keys = Keys::of(place);
        let mut body = Packer::with_capacity(512);
        charges(&mut body, &mut keys, errand.taken, &[]);
        body.number(u64::from(errand.partly));
        let (mut list, mut times) = (Records::default(), Flat::default());
        for refund in errand.given {
            list.push(&mut keys, refund.key, &refund.limit, refund.cost, refund.waiver);
            times.numbers(&[refund.charged.as_millis()]);
        }
        list.write(&mut body);
        times.write(&mut body);
        marks(&mut body, &mut keys, errand.marks);
        versions(&mut body, &mut keys, errand.copies);
        let journal = Journal::of(&mut keys, errand.exchange)
            .map(|journal| Journal { earlier: errand.earlier, ..journal });
        let reads = keys.len();
        exchange(&mut body, &mut keys, journal);
        Self { verb: Verb::Peer, realm: place.known_as(), now, clock, keys, reads, body }
    }

    /// Claims `nonce` for the call `by`, or gives its claim back.
    pub(in crate::store::redis) fn claim(
        now: Timestamp,
        clock: ClockCheck,
        place: &Place,
        nonce: &Nonce,
        by: RequestId,
        step: Claim,
    ) -> Self {
        let mut keys = Keys::of(place);
        keys.number(Kind::Nonce, nonce.key);
        let mut body = Packer::with_capacity(128);
        let expires = nonce.expires.as_millis().min(MOST);
        // A number to the scripts, and to nobody else's call the same text.
        let whose = by.as_bytes().iter().map(|byte| format!("{byte:03}")).collect::<String>();
        let release = match step {
            Claim::Make => 0,
            Claim::Release { moving: false } => 1,
            Claim::Release { moving: true } => 2,
        };
        body.number(release).bytes(format!("{expires}.{whose}").as_bytes());
        let lives = expires.saturating_sub(now.as_millis()).saturating_add(millis(GRACE));
        // A text, as the command takes it.
        body.bytes(lives.to_string().as_bytes());
        let reads = keys.len();
        Self { verb: Verb::Claim, realm: place.known_as(), now, clock, keys, reads, body }
    }
}
