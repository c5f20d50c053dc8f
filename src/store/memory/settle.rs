//! [`Store::settle`](crate::store::Store::settle) in memory.

use crate::store::Settlement;

use super::table::Mask;
use super::{MemoryStore, Undone};

impl MemoryStore {
    pub(super) fn try_settle(&self, settlement: &Settlement) -> Result<(), Undone> {
        let (now, mask) = (settlement.now, Mask::of(settlement.realm));
        let call = mask.call(settlement.admission);
        let exchange = settlement.exchange.as_ref();

        let _turn = self.turn(&mask);
        let mut books = self.books(mask, now);
        books.want_observed(&settlement.observe)?;
        let mut added = self.room_for_news(&mask, exchange);
        let room = added.saturating_add(books.missing());
        self.reserve(room)?;

        let first = self.once.change(call, |once| {
            let first = once.is_live(now) && !once.is_settled();
            if first {
                once.settle();
            }
            first
        });
        if first == Some(true) {
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
            if let Some(challenge) = settlement.void {
                self.challenges.change(mask.name(challenge), |kept| kept.challenge.void());
            }
        }
        books.observe(&settlement.observe)?;
        self.append_news(&mask, exchange, now);
        added = added.saturating_add(books.write_back());
        self.account(room, added);
        Ok(())
    }
}
