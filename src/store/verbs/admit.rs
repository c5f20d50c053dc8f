//! [`Store::admit`](crate::store::Store::admit) over a [`Realm`].

use crate::store::{Admission, Admitted, ChallengeWrite};

use super::books::{self, Bill, Books};
use super::{Challenge, Moment, Once, OnceName, Realm};

pub(in crate::store) fn admit<R: Realm>(
    realm: &R,
    admission: &Admission,
) -> Result<Admitted, R::Undone> {
    let at = Moment::of(admission.now, admission.clock);
    let exchange = admission.exchange.as_ref();

    let mut books = Books::new(realm, at);
    if is_live(realm, OnceName::Admission(admission.id), admission)? {
        return again(realm, admission, at, books);
    }
    let mut bill = Bill::default();
    books.open_own(books::charged(&admission.charges))?;
    books.open_own(books::observed(&admission.observe))?;
    let refusal = refusal(realm, admission, at)?;
    if refusal.is_none() {
        bill.add(&admission.charges, &mut books)?;
    }
    let passes = refusal.is_none() && bill.worst.is_none();

    books.want_observed(&admission.observe)?;
    let news = realm.room_for_news(exchange)?;
    let mut room = news;
    if passes {
        bill.want(&mut books);
        room = room.saturating_add(room_for_grant(realm, admission)?);
    }
    room = room.saturating_add(books.missing());
    realm.reserve(room)?;

    let mut added = news;
    if passes {
        bill.pay(&mut books);
        added = added.saturating_add(write_documents(realm, admission)?);
    }
    books.observe(&admission.observe)?;
    let (counts, observed) = match refusal {
        Some(_) => (Vec::new(), Vec::new()),
        None => counts(admission, &bill, &mut books)?,
    };
    added = added.saturating_add(match passes {
        true => grant_and_return(realm, admission, &mut books)?,
        false => books.return_shared()?,
    });
    realm.append_news(exchange, at)?;
    let news = || realm.news(exchange, at);
    let answer = match (refusal, bill.worst) {
        (Some(refusal), _) => refusal,
        (None, None) => Admitted::Granted { counts, step: 1, observed, news: news()? },
        (None, Some((index, retry_after))) => {
            Admitted::Exhausted { index, retry_after, counts, observed, news: news()? }
        }
    };
    added = added.saturating_add(books.write_back()?);
    realm.account(room, added);
    Ok(answer)
}

/// What stands at the end of the call in the meters it charged, or would have, and in those it counted in.
fn counts<R: Realm>(
    admission: &Admission,
    bill: &Bill<'_>,
    books: &mut Books<'_, R>,
) -> Result<(Vec<u64>, Vec<u64>), R::Undone> {
    let mut observed = Vec::new();
    books.observed(&admission.observe, &mut observed)?;
    let charged = match bill.worst {
        None => bill.counts_paid(books),
        Some(_) => bill.counts_unpaid(books),
    };
    Ok((charged, observed))
}

/// Writes the grant, and lets the next call at what they share: first, where the grant is the call's own. How
/// many entries were added.
fn grant_and_return<R: Realm>(
    realm: &R,
    admission: &Admission,
    books: &mut Books<'_, R>,
) -> Result<usize, R::Undone> {
    let (granted, returned) = if grants_shared(realm, admission) {
        (grant(realm, admission)?, books.return_shared()?)
    } else {
        let returned = books.return_shared()?;
        (grant(realm, admission)?, returned)
    };
    Ok(granted.saturating_add(returned))
}

/// The answer to an admission that was granted before.
fn again<R: Realm>(
    realm: &R,
    admission: &Admission,
    at: Moment,
    mut books: Books<'_, R>,
) -> Result<Admitted, R::Undone> {
    books.only_read();
    let mut bill = Bill::default();
    bill.add(&admission.charges, &mut books)?;
    let mut observed = Vec::new();
    books.observed(&admission.observe, &mut observed)?;
    let (counts, news) = (bill.counts(&books), realm.news(admission.exchange.as_ref(), at)?);
    Ok(Admitted::Granted { counts, step: 1, observed, news })
}

fn is_live<R: Realm>(realm: &R, name: OnceName, admission: &Admission) -> Result<bool, R::Undone> {
    Ok(realm.once(name)?.is_some_and(|once| once.is_live(admission.now)))
}

/// What speaks against the admission apart from its charges.
fn refusal<R: Realm>(
    realm: &R,
    admission: &Admission,
    at: Moment,
) -> Result<Option<Admitted>, R::Undone> {
    // All calls look at the same documents, and at nonces and a challenge of their own: those come first.
    let own = own_refusal(realm, admission, at)?;
    let guards = admission.guards.iter().map(|guard| (guard.document, guard.version));
    let writes = admission.documents.iter().map(|write| (write.document, write.expect));
    for (document, expected) in guards.chain(writes) {
        let version = realm.version(document)?.unwrap_or(0);
        if version != expected {
            return Ok(Some(Admitted::Stale { document, version }));
        }
    }
    Ok(own)
}

fn own_refusal<R: Realm>(
    realm: &R,
    admission: &Admission,
    at: Moment,
) -> Result<Option<Admitted>, R::Undone> {
    for (index, nonce) in admission.nonces.iter().enumerate() {
        if is_live(realm, OnceName::Nonce(nonce.key), admission)? {
            return Ok(Some(Admitted::NonceSpent { index }));
        }
    }
    let writable = match &admission.challenge {
        None => true,
        Some(ChallengeWrite::Open { key, .. }) => {
            !realm.challenge(*key, |challenge| challenge.is_open(at))?.unwrap_or(false)
        }
        Some(ChallengeWrite::Renew { key, .. }) => {
            realm.challenge(*key, |challenge| challenge.can_be_renewed(at))?.unwrap_or(false)
        }
    };
    Ok(if writable { None } else { Some(Admitted::ChallengeGone) })
}

/// How many entries a grant adds at the most, apart from subjects and news.
fn room_for_grant<R: Realm>(realm: &R, admission: &Admission) -> Result<usize, R::Undone> {
    let opened = matches!(admission.challenge, Some(ChallengeWrite::Open { .. }));
    // Itself, to be remembered.
    let mut room = 1_usize.saturating_add(usize::from(opened));
    room = room.saturating_add(admission.nonces.len());
    for write in &admission.documents {
        room = room.saturating_add(usize::from(realm.version(write.document)?.is_none()));
    }
    Ok(room)
}

/// Writes the documents of a grant; how many entries that added.
fn write_documents<R: Realm>(realm: &R, admission: &Admission) -> Result<usize, R::Undone> {
    let mut added: usize = 0;
    for write in &admission.documents {
        let version = write.expect.saturating_add(1);
        let is_new = realm.keep_document(write.document, version, &write.content)?;
        added = added.saturating_add(usize::from(is_new));
    }
    Ok(added)
}

/// Whether calls share anything of what [`grant`] writes.
fn grants_shared<R: Realm>(realm: &R, admission: &Admission) -> bool {
    let challenge = match admission.challenge {
        Some(ChallengeWrite::Open { key, .. } | ChallengeWrite::Renew { key, .. }) => Some(key),
        None => None,
    };
    realm.is_shared_once(OnceName::Admission(admission.id))
        || admission.nonces.iter().any(|nonce| realm.is_shared_once(OnceName::Nonce(nonce.key)))
        || challenge.is_some_and(|key| realm.is_shared(key))
}

/// Writes what a grant writes that is the call's own, apart from subjects; how many entries that added.
fn grant<R: Realm>(realm: &R, admission: &Admission) -> Result<usize, R::Undone> {
    let mut added: usize = 0;
    let mut count = |new: bool| added = added.saturating_add(usize::from(new));
    let remembered = Once::until(admission.remember);
    count(realm.keep_once(OnceName::Admission(admission.id), remembered)?);
    for nonce in &admission.nonces {
        count(realm.keep_once(OnceName::Nonce(nonce.key), Once::until(nonce.expires))?);
    }
    match &admission.challenge {
        None => {}
        Some(write @ ChallengeWrite::Open { key, .. }) => {
            if let Some(challenge) = Challenge::opened(write, admission.now) {
                count(realm.keep_challenge(*key, challenge)?);
            }
        }
        Some(ChallengeWrite::Renew { key, digest, expires, keep_previous }) => {
            realm.change_challenge(*key, |challenge| {
                challenge.renew(*digest, *expires, *keep_previous);
            })?;
        }
    }
    Ok(added)
}
