//! The bugs that are a gap between two steps, with a pause where a real store waits.

use std::time::Duration;

use otpgate::store::{
    Admission, Admitted, ChallengeState, ChallengeWrite, Nonce, Redeemed, Redemption, Settlement,
    StoreError, TallyQuery, Verdict,
};
use otpgate::testing::pause;
use otpgate::{Pseudonym, Store, Timestamp};

use super::{Animal, Record, next_row};

impl Animal {
    pub(super) async fn get_then_set(&self, admission: &Admission) -> Result<Admitted, StoreError> {
        let fits = self.all_fit(admission).await?;
        pause().await; // the round trip of the read
        if fits {
            self.model.admit(&Self::unchecked(admission)).await
        } else {
            self.model.admit(admission).await
        }
    }

    pub(super) async fn nonce_then_rest(
        &self,
        admission: &Admission,
    ) -> Result<Admitted, StoreError> {
        // `EXISTS nonce`, then everything else, then `SET nonce`.
        let spent = |nonce: &Nonce| {
            let nonces = self.nonces.lock().unwrap();
            nonces
                .get(&(admission.realm, nonce.key))
                .is_some_and(|(expires, by)| admission.now < *expires && *by != admission.id)
        };
        if let Some(index) = admission.nonces.iter().position(spent) {
            return Ok(Admitted::NonceSpent { index });
        }
        pause().await; // the round trip of the read
        let rest = Admission { nonces: Vec::new(), ..admission.clone() };
        let answer = self.model.admit(&rest).await?;
        if matches!(answer, Admitted::Granted { .. }) {
            let mut nonces = self.nonces.lock().unwrap();
            for nonce in &admission.nonces {
                nonces.insert((admission.realm, nonce.key), (nonce.expires, admission.id));
            }
        }
        Ok(answer)
    }

    pub(super) async fn document_then_write(
        &self,
        admission: &Admission,
    ) -> Result<Admitted, StoreError> {
        let mut query = TallyQuery::new(admission.now, admission.realm);
        query.documents = admission.documents.iter().map(|write| write.document).collect();
        let versions: Vec<u64> =
            self.model.tally(&query).await?.documents.iter().map(|it| it.version).collect();
        let holds = admission.documents.iter().zip(&versions).all(|(it, at)| it.expect == *at);
        pause().await; // the round trip of the read
        if !holds || admission.documents.is_empty() {
            return self.model.admit(admission).await;
        }
        // An unconditional write: on whatever version there is by now.
        let mut write = admission.clone();
        let now: Vec<u64> =
            self.model.tally(&query).await?.documents.iter().map(|it| it.version).collect();
        for (document, version) in write.documents.iter_mut().zip(now) {
            document.expect = version;
        }
        self.model.admit(&write).await
    }

    pub(super) async fn charge_then_check(
        &self,
        admission: &Admission,
    ) -> Result<Admitted, StoreError> {
        let answer = self.model.admit(admission).await?;
        if let Admitted::Exhausted { .. } = &answer {
            // One after the other until the first refusal; what was charged stays.
            for charge in &admission.charges {
                let mut single = self.charging_now(admission.now, admission.realm);
                single.charges = vec![*charge];
                if !matches!(self.model.admit(&single).await?, Admitted::Granted { .. }) {
                    break;
                }
            }
        }
        Ok(answer)
    }

    /// The row is deleted, and with it the failures; a new one takes its place.
    pub(super) async fn resend_as_new(
        &self,
        admission: &Admission,
    ) -> Result<Admitted, StoreError> {
        let mut mapped = admission.clone();
        let mut next = None;
        if let Some(ChallengeWrite::Renew { key, digest, expires, .. }) = &admission.challenge {
            let current = self.generation(*key);
            let mut query = TallyQuery::new(admission.now, admission.realm);
            query.challenges.push(current);
            let state = self.model.tally(&query).await?.challenges.into_iter().next();
            mapped.challenge = Some(match (state, self.record(key)) {
                (Some(ChallengeState::Live { closes, .. }), Some(record)) => {
                    next = Some(*key);
                    ChallengeWrite::Open {
                        key: next_row(current),
                        digest: *digest,
                        expires: *expires,
                        closes,
                        attempts: record.attempts,
                    }
                }
                _ => ChallengeWrite::Renew {
                    key: current,
                    digest: *digest,
                    expires: *expires,
                    keep_previous: false,
                },
            });
        }
        let answer = self.model.admit(&mapped).await?;
        if let (Admitted::Granted { .. }, Some(write)) = (&answer, &admission.challenge) {
            self.note(write, admission.now);
            if let Some(key) = next {
                let row = next_row(self.generation(key));
                self.rows.lock().unwrap().insert(key, row);
            }
        }
        Ok(answer)
    }

    pub(super) fn generation(&self, key: Pseudonym) -> Pseudonym {
        self.rows.lock().unwrap().get(&key).copied().unwrap_or(key)
    }

    pub(super) fn charging_now(&self, now: Timestamp, realm: Pseudonym) -> Admission {
        Admission::new(self.fresh_id(), now, realm, now)
    }

    pub(super) async fn compare_then_charge(
        &self,
        redemption: &Redemption,
    ) -> Result<Redeemed, StoreError> {
        let Some(record) = self.record(&redemption.challenge) else {
            return self.model.redeem(redemption).await;
        };
        let mut query = TallyQuery::new(redemption.now, redemption.realm);
        query.challenges.push(redemption.challenge);
        let state = self.model.tally(&query).await?.challenges.into_iter().next();
        pause().await; // the record is read
        let Some(ChallengeState::Live { left, .. }) = state else {
            return self.model.redeem(redemption).await;
        };
        let right = redemption.digests.iter().any(|it| record.digests.contains(it));
        pause().await; // the failure is written
        let redeemed = self.model.redeem(redemption).await?;
        match redeemed.verdict {
            // It was compared when there were attempts left; the count comes too late.
            Verdict::Locked => {
                let verdict = if right {
                    Verdict::Accepted { attempts: record.attempts, opened: record.opened }
                } else {
                    Verdict::Mismatch { left: left.saturating_sub(1) }
                };
                Ok(Redeemed { verdict, ..redeemed })
            }
            _ => Ok(redeemed),
        }
    }

    pub(super) async fn get_then_delete(
        &self,
        redemption: &Redemption,
    ) -> Result<Redeemed, StoreError> {
        let mut query = TallyQuery::new(redemption.now, redemption.realm);
        query.challenges.push(redemption.challenge);
        let state = self.model.tally(&query).await?.challenges.into_iter().next();
        let record = self.record(&redemption.challenge);
        pause().await; // the code is read
        let redeemed = self.model.redeem(redemption).await?;
        match (redeemed.verdict, state, record) {
            // Its own reading said that the code was there; whether the deletion found it is
            // not looked at.
            (Verdict::Consumed, Some(ChallengeState::Live { .. }), Some(record))
                if redemption.digests.iter().any(|it| record.digests.contains(it)) =>
            {
                let verdict = Verdict::Accepted { attempts: 1, opened: record.opened };
                Ok(Redeemed { verdict, ..redeemed })
            }
            _ => Ok(redeemed),
        }
    }

    pub(super) async fn give_back(&self, settlement: &Settlement) -> Result<(), StoreError> {
        let granting = Admission::new(
            self.fresh_id(),
            settlement.now,
            settlement.realm,
            settlement.now + Duration::from_secs(1),
        );
        let _ = self.model.admit(&granting).await?;
        let again = Settlement { admission: granting.id, ..settlement.clone() };
        self.model.settle(&again).await
    }

    pub(super) fn note(&self, write: &ChallengeWrite, now: Timestamp) {
        let mut codes = self.codes.lock().unwrap();
        match write {
            ChallengeWrite::Open { key, digest, attempts, .. } => {
                let record = Record {
                    digests: vec![*digest],
                    attempts: *attempts,
                    consumed: false,
                    opened: now,
                };
                codes.insert(*key, record);
            }
            ChallengeWrite::Renew { key, digest, keep_previous, .. } => {
                if let Some(record) = codes.get_mut(key) {
                    let kept = if *keep_previous { 1 } else { 0 };
                    let surplus = record.digests.len().saturating_sub(kept);
                    record.digests.drain(..surplus);
                    record.digests.push(*digest);
                }
            }
        }
    }

    pub(super) fn record(&self, key: &Pseudonym) -> Option<Record> {
        self.codes.lock().unwrap().get(key).cloned()
    }

    pub(super) fn consumed(&self, key: &Pseudonym) -> bool {
        self.record(key).is_some_and(|record| record.consumed)
    }
}
