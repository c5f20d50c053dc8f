//! [`Store::admit`](crate::store::Store::admit) in memory.

use crate::base::time::Timestamp;
use crate::store::{Admission, Admitted, ChallengeWrite};

use super::challenge::Kept;
use super::subject::{Bill, Books};
use super::table::Mask;
use super::{MemoryStore, Once, Undone};

impl MemoryStore {
    pub(super) fn try_admit(&self, admission: &Admission) -> Result<Admitted, Undone> {
        let (now, mask) = (admission.now, Mask::of(admission.realm));
        let call = mask.call(admission.id);
        let exchange = admission.exchange.as_ref();

        self.fetch(&admission.charges, &mask);
        let _turn = self.turn(&mask);
        let mut books = self.books(mask, now);
        let mut bill = Bill::default();
        if self.once.read(call, |once| once.is_live(now)).unwrap_or(false) {
            bill.add(&admission.charges, &mut books)?;
            let counts = bill.counts(&mut books);
            return self.granted(admission, counts, &mask, &mut books);
        }
        let refusal = self.refusal(admission, &mask);
        if refusal.is_none() {
            bill.add(&admission.charges, &mut books)?;
        }
        let granted = refusal.is_none() && bill.worst.is_none();

        books.want_observed(&admission.observe)?;
        let mut room = self.room_for_news(&mask, exchange);
        if granted {
            bill.want(&mut books);
            room = room.saturating_add(self.room_for_grant(admission, &mask));
        }
        room = room.saturating_add(books.missing());
        self.reserve(room)?;

        let mut added = self.room_for_news(&mask, exchange);
        self.append_news(&mask, exchange, now);
        if granted {
            bill.pay(&mut books);
            added = added.saturating_add(self.grant(admission, &mask));
        }
        books.observe(&admission.observe)?;
        let answer = match (refusal, bill.worst) {
            (Some(refusal), _) => refusal,
            (None, None) => {
                let counts = bill.counts_paid(&mut books);
                self.granted(admission, counts, &mask, &mut books)?
            }
            (None, Some((index, retry_after))) => {
                let mut observed = Vec::new();
                books.observed(&admission.observe, &mut observed)?;
                Admitted::Exhausted {
                    index,
                    retry_after,
                    counts: bill.counts(&mut books),
                    observed,
                    news: self.news(&mask, exchange, now),
                }
            }
        };
        added = added.saturating_add(books.write_back());
        self.account(room, added);
        Ok(answer)
    }

    /// What speaks against the admission apart from its charges.
    fn refusal(&self, admission: &Admission, mask: &Mask) -> Option<Admitted> {
        let now = admission.now;
        let guards = admission.guards.iter().map(|guard| (guard.document, guard.version));
        let writes = admission.documents.iter().map(|write| (write.document, write.expect));
        for (document, expected) in guards.chain(writes) {
            let version =
                self.documents.view(&mask.name(document), |_, held| held.version).unwrap_or(0);
            if version != expected {
                return Some(Admitted::Stale { document, version });
            }
        }
        for (index, nonce) in admission.nonces.iter().enumerate() {
            if self.once.read(mask.name(nonce.key), |once| once.is_live(now)).unwrap_or(false) {
                return Some(Admitted::NonceSpent { index });
            }
        }
        let writable = match &admission.challenge {
            None => true,
            Some(ChallengeWrite::Open { key, .. }) => !self
                .challenges
                .read(mask.name(*key), |kept| kept.challenge.is_open(now))
                .unwrap_or(false),
            Some(ChallengeWrite::Renew { key, .. }) => self
                .challenges
                .read(mask.name(*key), |kept| kept.challenge.can_be_renewed(now))
                .unwrap_or(false),
        };
        if writable { None } else { Some(Admitted::ChallengeGone) }
    }

    /// How many entries a grant adds at the most, apart from subjects and news.
    fn room_for_grant(&self, admission: &Admission, mask: &Mask) -> usize {
        let opened = matches!(admission.challenge, Some(ChallengeWrite::Open { .. }));
        let documents = admission.documents.iter();
        let new =
            documents.filter(|write| !self.documents.contains_key(&mask.name(write.document)));
        // Itself, to be remembered.
        let fixed = 1_usize.saturating_add(usize::from(opened));
        fixed.saturating_add(admission.nonces.len()).saturating_add(new.count())
    }

    /// Writes what a grant writes, apart from subjects and news; how many entries that added.
    fn grant(&self, admission: &Admission, mask: &Mask) -> usize {
        let now = admission.now;
        let mut added: usize = 0;
        let mut count = |new: bool| added = added.saturating_add(usize::from(new));
        count(self.once.put(mask.call(admission.id), Once::until(admission.remember)));
        for nonce in &admission.nonces {
            count(self.once.put(mask.name(nonce.key), Once::until(nonce.expires)));
        }
        match &admission.challenge {
            None => {}
            Some(write @ ChallengeWrite::Open { key, .. }) => {
                if let Some(kept) = Kept::opened(write, now) {
                    count(self.challenges.put(mask.name(*key), kept));
                }
            }
            Some(ChallengeWrite::Renew { key, digest, expires, keep_previous }) => {
                self.challenges.change(mask.name(*key), |kept| {
                    kept.challenge.renew(*digest, *expires, *keep_previous);
                });
            }
        }
        for write in &admission.documents {
            let document = crate::store::Document {
                version: write.expect.saturating_add(1),
                content: write.content.clone(),
            };
            count(self.documents.insert(mask.name(write.document), document).is_none());
        }
        added
    }

    fn granted(
        &self,
        admission: &Admission,
        counts: Vec<u64>,
        mask: &Mask,
        books: &mut Books<'_>,
    ) -> Result<Admitted, Undone> {
        let now: Timestamp = admission.now;
        let mut observed = Vec::new();
        books.observed(&admission.observe, &mut observed)?;
        Ok(Admitted::Granted {
            counts,
            observed,
            news: self.news(mask, admission.exchange.as_ref(), now),
        })
    }
}
