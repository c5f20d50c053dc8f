//! [`Store::settle`](crate::store::Store::settle) over a [`Realm`].

use crate::store::{Settlement, VoidCode};

use super::books::Books;
use super::{OnceName, Realm};

pub(in crate::store) fn settle<R: Realm>(
    realm: &R,
    settlement: &Settlement,
) -> Result<(), R::Undone> {
    let now = settlement.now;
    let exchange = settlement.exchange.as_ref();

    let mut books = Books::new(realm, now);
    books.want_observed(&settlement.observe)?;
    let mut added = realm.room_for_news(exchange)?;
    let room = added.saturating_add(books.missing());
    realm.reserve(room)?;

    let name = OnceName::Admission(settlement.admission);
    let granted = realm.once(name)?.filter(|once| once.is_live(now) && !once.is_settled());
    if let Some(once) = granted {
        realm.keep_once(name, once.settled())?;
        for refund in &settlement.refunds {
            let waived = books.waived(refund.waiver, refund.charged)?;
            let place = books.open(refund.key.subject)?;
            if waived {
                continue;
            }
            let meter = books.write(place).and_then(|book| book.meter_mut(refund.key.slot));
            if let Some(meter) = meter {
                meter.refund(&refund.limit, now, refund.charged, refund.cost);
            }
        }
        if let Some(VoidCode { challenge, digest }) = &settlement.void {
            realm.change_challenge(*challenge, |challenge| challenge.void(digest))?;
        }
    }
    books.observe(&settlement.observe)?;
    realm.append_news(exchange, now)?;
    added = added.saturating_add(books.write_back()?);
    realm.account(room, added);
    Ok(())
}
