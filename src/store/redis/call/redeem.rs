//! A redemption.

use crate::store::Redemption;

use super::super::keys::{Keys, Kind};
use super::super::pack::Packer;
use super::super::place::Place;
use super::lists::{Records, charges, marks, observations, places};
use super::{Call, Journal, Scope, Verb, exchange};

impl Call {
    pub(in crate::store::redis) fn redeem(
        redemption: &Redemption,
        place: &Place,
        scope: &Scope<'_>,
    ) -> Self {
        let mut keys = Keys::of(place);
        let mut body = Packer::with_capacity(1024);
        body.bytes(redemption.id.as_bytes());
        body.number(keys.number(Kind::Challenge, redemption.challenge));
        body.length(redemption.digests.len().saturating_mul(32));
        for digest in &redemption.digests {
            body.raw(digest);
        }
        charges(&mut body, &mut keys, &redemption.charges, scope.paid());
        let first = redemption.charges.len();
        let paid: Vec<usize> =
            scope.paid().iter().filter_map(|index| index.checked_sub(first)).collect();
        charges(&mut body, &mut keys, &redemption.subject_charges, &paid);
        places(&mut body, &mut keys, &redemption.reset);
        let credits = redemption.credits.iter().filter(|credit| credit.limit.takes_credits());
        let mut list = Records::default();
        for credit in credits {
            list.push(&mut keys, credit.key, &credit.limit, credit.amount, None);
        }
        list.write(&mut body);
        marks(&mut body, &mut keys, &redemption.marks);
        observations(&mut body, &mut keys, &redemption.observe);
        observations(&mut body, &mut keys, &redemption.observe_failure);
        let own = redemption.exchange.as_ref().filter(|_| scope.is_all());
        let journal = Journal::of(&mut keys, own);
        let reads = keys.len();
        exchange(&mut body, &mut keys, journal);
        let (now, clock) = (redemption.now, redemption.clock);
        Self { verb: Verb::Redeem, realm: place.known_as(), now, clock, keys, reads, body }
    }
}
