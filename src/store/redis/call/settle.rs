//! A settlement.

use crate::store::{Nonce, Settlement};

use super::super::keys::{Keys, Kind};
use super::super::pack::{MOST, Packer};
use super::super::place::Place;
use super::lists::{Flat, Records, observations};
use super::{Call, Journal, Verb, exchange};

/// What is taken back together with a settlement.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::store::redis) enum Undone<'a> {
    Nothing,
    /// The admission itself, with its nonces. What of it may come from the generation before is not
    /// removed, or it would be brought again.
    Admission {
        nonces: &'a [Nonce],
        moving: bool,
    },
}

impl Call {
    pub(in crate::store::redis) fn settle(settlement: &Settlement, place: &Place) -> Self {
        Self::settlement(settlement, place, Undone::Nothing)
    }

    /// As [`settle`](Self::settle), with what is taken back.
    pub(in crate::store::redis) fn settlement(
        settlement: &Settlement,
        place: &Place,
        undone: Undone<'_>,
    ) -> Self {
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
        let (withdraw, nonces) = match undone {
            Undone::Nothing => (0, &[][..]),
            Undone::Admission { nonces, moving } => {
                (1_u64.saturating_add(u64::from(moving)), nonces)
            }
        };
        let mut unspent = Flat::default();
        for nonce in nonces {
            unspent.numbers(&[
                keys.number(Kind::Nonce, nonce.key),
                nonce.expires.as_millis().min(MOST),
            ]);
        }
        body.number(withdraw);
        unspent.write(&mut body);
        let (now, clock) = (settlement.now, settlement.clock);
        Self { verb: Verb::Settle, realm: place.known_as(), now, clock, keys, reads, body }
    }
}
