//! [`Store::redeem`](crate::store::Store::redeem) in memory.

use crate::store::{Redeemed, Redemption, Verdict};

use super::subject::{Bill, Books};
use super::table::Mask;
use super::{MemoryStore, Undone};

impl MemoryStore {
    pub(super) fn try_redeem(&self, redemption: &Redemption) -> Result<Redeemed, Undone> {
        let (now, mask) = (redemption.now, Mask::of(redemption.realm));
        let name = mask.name(redemption.challenge);
        let exchange = redemption.exchange.as_ref();

        self.fetch(&redemption.charges, &mask);
        self.fetch(&redemption.subject_charges, &mask);
        let _turn = self.turn(&mask);
        let mut books = self.books(mask, now);
        let (repeated, dead) = self
            .challenges
            .read(name, |kept| {
                (kept.challenge.repeated(redemption.id, now), kept.challenge.dead(now))
            })
            .unwrap_or((None, Some(Verdict::Unknown)));
        if let Some(verdict) = repeated {
            return self.redeemed(redemption, verdict, &mask, &mut books);
        }

        let mut bill = Bill::default();
        bill.add(&redemption.charges, &mut books)?;
        let live = bill.worst.is_none() && dead.is_none();
        if live {
            bill.add(&redemption.subject_charges, &mut books)?;
            for mark in &redemption.marks {
                let place = books.open(mark.key.subject)?;
                books.want(place);
            }
        }
        if bill.worst.is_none() {
            bill.want(&mut books);
        }
        books.want_observed(&redemption.observe)?;
        books.want_observed(&redemption.observe_failure)?;
        let mut added = self.room_for_news(&mask, exchange);
        let room = added.saturating_add(books.missing());
        self.reserve(room)?;

        let verdict = match (bill.worst, dead) {
            (Some((index, retry_after)), _) => Verdict::Exhausted { index, retry_after },
            (None, Some(dead)) => {
                bill.pay(&mut books);
                dead
            }
            (None, None) => {
                bill.pay(&mut books);
                let attempt = |kept: &mut super::Kept| {
                    kept.challenge.attempt(redemption.id, &redemption.digests, now)
                };
                self.challenges.change(name, attempt).unwrap_or(Verdict::Unknown)
            }
        };
        if let Verdict::Accepted { .. } = verdict {
            accept(redemption, &mut books)?;
        } else {
            books.observe(&redemption.observe_failure)?;
        }
        books.observe(&redemption.observe)?;
        self.append_news(&mask, exchange, now);
        let answer = self.redeemed(redemption, verdict, &mask, &mut books)?;
        added = added.saturating_add(books.write_back());
        self.account(room, added);
        Ok(answer)
    }

    fn redeemed(
        &self,
        redemption: &Redemption,
        verdict: Verdict,
        mask: &Mask,
        books: &mut Books<'_>,
    ) -> Result<Redeemed, Undone> {
        let mut observed = Vec::new();
        books.observed(&redemption.observe, &mut observed)?;
        books.observed(&redemption.observe_failure, &mut observed)?;
        let news = self.news(mask, redemption.exchange.as_ref(), redemption.now);
        Ok(Redeemed { verdict, observed, news })
    }
}

/// Resets, credits and marks what an accepted code does.
fn accept(redemption: &Redemption, books: &mut Books<'_>) -> Result<(), Undone> {
    for key in &redemption.reset {
        let place = books.open(key.subject)?;
        if let Some(ledger) = books.write(place) {
            ledger.reset(key.slot);
        }
    }
    for credit in &redemption.credits {
        let place = books.open(credit.key.subject)?;
        let meter = books.write(place).and_then(|ledger| ledger.meter_mut(credit.key.slot));
        if let Some(meter) = meter {
            meter.credit(&credit.limit, credit.amount);
        }
    }
    for mark in &redemption.marks {
        let place = books.open(mark.key.subject)?;
        if let Some(ledger) = books.write(place) {
            ledger.set_mark(mark.key.slot, redemption.now, mark.from, mark.until);
        }
    }
    Ok(())
}
