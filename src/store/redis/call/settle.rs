//! A settlement.

use crate::store::Settlement;

use super::super::keys::{Keys, Kind};
use super::super::pack::Packer;
use super::super::place::Place;
use super::lists::{Flat, Records, observations};
use super::{Call, Journal, Verb, exchange};

impl Call {
    pub(in crate::store::redis) fn settle(settlement: &Settlement, place: &Place) -> Self {
        Self::settlement(settlement, place, false)
    }

    /// As [`settle`](Self::settle), and the admission is as good as never made.
    pub(in crate::store::redis) fn withdraw(settlement: &Settlement, place: &Place) -> Self {
        Self::settlement(settlement, place, true)
    }

    fn settlement(settlement: &Settlement, place: &Place, withdraw: bool) -> Self {
        let mut keys = Keys::of(place);
        keys.call(settlement.admission);
        let mut body = Packer::with_capacity(512);
        body.bytes(settlement.admission.as_bytes());
        let (mut list, mut times) = (Records::default(), Flat::default());
        for refund in &settlement.refunds {
            list.push(&mut keys, refund.key, &refund.limit, refund.cost, refund.waiver);
            times.numbers(&[refund.charged.as_millis()]);
        }
        list.write(&mut body);
        times.write(&mut body);
        match &settlement.void {
            None => body.number(0).bytes(&[]),
            Some(void) => {
                let challenge = keys.number(Kind::Challenge, void.challenge);
                body.number(challenge).bytes(&void.digest)
            }
        };
        observations(&mut body, &mut keys, &settlement.observe);
        // In a spread deployment the journal stands elsewhere.
        let own = settlement.exchange.as_ref().filter(|_| !place.is_part());
        let journal = Journal::of(&mut keys, own);
        let reads = keys.len();
        exchange(&mut body, &mut keys, journal);
        body.number(u64::from(withdraw));
        let (now, clock) = (settlement.now, settlement.clock);
        Self { verb: Verb::Settle, realm: place.known_as(), now, clock, keys, reads, body }
    }
}
