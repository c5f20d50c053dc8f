//! [`Store::settle`](crate::store::Store::settle) over a [`Realm`].

use crate::store::{Settlement, VoidCode};

use super::books::{self, Books};
use super::{Moment, OnceName, Realm};

pub(in crate::store) fn settle<R: Realm>(
    realm: &R,
    settlement: &Settlement,
) -> Result<(), R::Undone> {
    let at = Moment::of(settlement.now, settlement.clock);
    let exchange = settlement.exchange.as_ref();

    let mut books = Books::new(realm, at);
    let refunds = settlement.refunds.iter();
    let refunded = refunds.flat_map(|refund| refund.waiver.into_iter().chain([refund.key]));
    books.open_own(refunded.map(|key| key.subject))?;
    books.open_own(books::observed(&settlement.observe))?;
    books.want_observed(&settlement.observe)?;
    let mut added = realm.room_for_news(exchange)?;
    let room = added.saturating_add(books.missing());
    realm.reserve(room)?;

    let name = OnceName::Admission(settlement.admission);
    let granted = realm.once(name)?.filter(|once| once.is_live(at.now) && !once.is_settled());
    if let Some(once) = granted {
        realm.keep_once(name, once.settled())?;
        for refund in &settlement.refunds {
            let waived = books.waived(refund.waiver, refund.charged)?;
            let place = books.open(refund.key.subject)?;
            if waived {
                continue;
            }
            if let Some(meter) = books.meter_mut(place, refund.key.slot, &refund.limit) {
                meter.refund(&refund.limit, at.now, refund.charged, refund.cost);
            }
        }
        if let Some(VoidCode { challenge, digest }) = &settlement.void {
            realm.change_challenge(*challenge, |challenge| challenge.void(digest))?;
        }
    }
    books.observe(&settlement.observe)?;
    added = added.saturating_add(books.return_shared()?);
    realm.append_news(exchange, at)?;
    added = added.saturating_add(books.write_back()?);
    realm.account(room, added);
    Ok(())
}
