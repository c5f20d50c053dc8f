//! [`Store::redeem`](crate::store::Store::redeem) over a [`Realm`].

use crate::store::{Redeemed, Redemption, Verdict};

use super::books::{Bill, Books};
use super::{Moment, Realm};

pub(in crate::store) fn redeem<R: Realm>(
    realm: &R,
    redemption: &Redemption,
) -> Result<Redeemed, R::Undone> {
    let (now, name) = (redemption.now, redemption.challenge);
    let at = Moment::of(now, redemption.clock);
    let exchange = redemption.exchange.as_ref();

    let mut books = Books::new(realm, at);
    let (repeated, dead) = realm
        .challenge(name, |challenge| (challenge.repeated(redemption.id, at), challenge.dead(at)))?
        .unwrap_or((None, Some(Verdict::Unknown)));
    if let Some(verdict) = repeated {
        books.only_read();
        return redeemed(realm, redemption, verdict, &mut books);
    }

    let mut bill = Bill::default();
    bill.add(&redemption.charges, &mut books)?;
    let live = bill.worst.is_none() && dead.is_none();
    if live {
        bill.add(&redemption.subject_charges, &mut books)?;
    }
    if bill.worst.is_none() {
        bill.want(&mut books);
    }
    books.want_observed(&redemption.observe)?;
    books.want_observed(&redemption.observe_failure)?;
    let mut added = realm.room_for_news(exchange)?;
    let least = added.saturating_add(books.missing());
    let mut noted = Vec::new();
    if live {
        for mark in &redemption.marks {
            let place = books.open(mark.key.subject)?;
            if books.would_add(place) && !noted.contains(&place) {
                noted.push(place);
            }
        }
    }
    // A right code is worth more than a note on a subject of which nothing else is kept.
    let mut room = least.saturating_add(noted.len());
    match realm.reserve(room) {
        Ok(()) => noted.into_iter().for_each(|place| books.want(place)),
        Err(full) if room == least => return Err(full),
        Err(_) => {
            room = least;
            realm.reserve(room)?;
        }
    }

    let verdict = match (bill.worst, dead) {
        (Some((index, retry_after)), _) => Verdict::Exhausted { index, retry_after },
        (None, Some(dead)) => {
            bill.pay(&mut books);
            dead
        }
        (None, None) => {
            bill.pay(&mut books);
            realm
                .change_challenge(name, |challenge| {
                    challenge.attempt(redemption.id, &redemption.digests, now)
                })?
                .unwrap_or(Verdict::Unknown)
        }
    };
    if let Verdict::Accepted { .. } = verdict {
        accept(redemption, &mut books)?;
    } else {
        books.observe(&redemption.observe_failure)?;
    }
    books.observe(&redemption.observe)?;
    realm.append_news(exchange, at)?;
    let answer = redeemed(realm, redemption, verdict, &mut books)?;
    added = added.saturating_add(books.write_back()?);
    realm.account(room, added);
    Ok(answer)
}

fn redeemed<R: Realm>(
    realm: &R,
    redemption: &Redemption,
    verdict: Verdict,
    books: &mut Books<'_, R>,
) -> Result<Redeemed, R::Undone> {
    let mut observed = Vec::new();
    books.observed(&redemption.observe, &mut observed)?;
    books.observed(&redemption.observe_failure, &mut observed)?;
    let news = realm.news(redemption.exchange.as_ref(), books.moment)?;
    Ok(Redeemed { verdict, observed, news })
}

/// Resets, credits and marks what an accepted code does.
fn accept<R: Realm>(redemption: &Redemption, books: &mut Books<'_, R>) -> Result<(), R::Undone> {
    for key in &redemption.reset {
        let place = books.open(key.subject)?;
        if let Some(ledger) = books.write(place) {
            ledger.reset(key.slot);
        }
    }
    for credit in &redemption.credits {
        let place = books.open(credit.key.subject)?;
        if let Some(meter) = books.meter_mut(place, credit.key.slot, &credit.limit) {
            meter.credit(&credit.limit, credit.amount);
        }
    }
    let Moment { now, horizon } = books.moment;
    for mark in &redemption.marks {
        let place = books.open(mark.key.subject)?;
        if let Some(ledger) = books.write(place) {
            ledger.set_mark(mark.key.slot, now, horizon, mark.from, mark.until);
        }
    }
    Ok(())
}
