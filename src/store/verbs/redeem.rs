//! [`Store::redeem`](crate::store::Store::redeem) over a [`Realm`].

use crate::store::{Mark, Redeemed, Redemption, Verdict};

use super::books::{self, Bill, Books};
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
        let observed = observed(redemption, &mut books)?;
        return Ok(Redeemed { verdict, observed, news: realm.news(exchange, at)? });
    }

    open(redemption, dead.is_none(), &mut books)?;
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
    let room = reserve(realm, least, if live { &redemption.marks } else { &[] }, &mut books)?;

    if bill.worst.is_none() {
        bill.pay(&mut books);
    }
    let verdict = match (bill.worst, dead) {
        (Some((index, retry_after)), _) => Verdict::Exhausted { index, retry_after },
        (None, Some(dead)) => dead,
        (None, None) => realm
            .change_challenge(name, |challenge| {
                challenge.attempt(redemption.id, &redemption.digests, now)
            })?
            .unwrap_or(Verdict::Unknown),
    };
    if let Verdict::Accepted { .. } = verdict {
        accept(redemption, &mut books)?;
    } else {
        books.observe(&redemption.observe_failure)?;
    }
    books.observe(&redemption.observe)?;
    let observed = observed(redemption, &mut books)?;
    added = added.saturating_add(books.return_shared()?);
    realm.append_news(exchange, at)?;
    let news = realm.news(exchange, at)?;
    added = added.saturating_add(books.write_back()?);
    realm.account(room, added);
    Ok(Redeemed { verdict, observed, news })
}

/// Opens the subjects that the redemption names, and that an accepted code does if there may be one.
fn open<R: Realm>(
    redemption: &Redemption,
    may_be_accepted: bool,
    books: &mut Books<'_, R>,
) -> Result<(), R::Undone> {
    let charges = redemption.charges.iter().chain(&redemption.subject_charges);
    books.open_own(books::charged(charges))?;
    let observations = redemption.observe.iter().chain(&redemption.observe_failure);
    books.open_own(books::observed(observations))?;
    if may_be_accepted {
        let credits = redemption.credits.iter().map(|credit| credit.key);
        let marks = redemption.marks.iter().map(|mark| mark.key);
        let accepted = redemption.reset.iter().copied().chain(credits).chain(marks);
        books.open_own(accepted.map(|key| key.subject))?;
    }
    Ok(())
}

/// Reserves room for `least` entries, and for the subjects that only a mark would add if there is room for
/// them as well: a right code is worth more than a note on a subject of which nothing else is kept.
fn reserve<R: Realm>(
    realm: &R,
    least: usize,
    marks: &[Mark],
    books: &mut Books<'_, R>,
) -> Result<usize, R::Undone> {
    let mut noted = Vec::new();
    for mark in marks {
        let place = books.open(mark.key.subject)?;
        if books.would_add(place) && !noted.contains(&place) {
            noted.push(place);
        }
    }
    let room = least.saturating_add(noted.len());
    match realm.reserve(room) {
        Ok(()) => {
            noted.into_iter().for_each(|place| books.want(place));
            Ok(room)
        }
        Err(full) if room == least => Err(full),
        Err(_) => realm.reserve(least).map(|()| least),
    }
}

/// The counts of what the redemption observes, as they stand.
fn observed<R: Realm>(
    redemption: &Redemption,
    books: &mut Books<'_, R>,
) -> Result<Vec<u64>, R::Undone> {
    let all = redemption.observe.len().saturating_add(redemption.observe_failure.len());
    let mut observed = Vec::with_capacity(all);
    books.observed(&redemption.observe, &mut observed)?;
    books.observed(&redemption.observe_failure, &mut observed)?;
    Ok(observed)
}

/// Resets, credits and marks what an accepted code does.
fn accept<R: Realm>(redemption: &Redemption, books: &mut Books<'_, R>) -> Result<(), R::Undone> {
    for key in &redemption.reset {
        let place = books.open(key.subject)?;
        if let Some(ledger) = books.write(place) {
            ledger.reset(key.slot);
        }
    }
    for credit in redemption.credits.iter().filter(|credit| credit.limit.takes_credits()) {
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
