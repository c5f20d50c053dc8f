//! One random call, made to the store and to the model.

use std::time::Duration;

use super::{Script, WIDE, unexpected};
use crate::Store;
use crate::store::{
    Admission, Admitted, ChallengeWrite, DocumentWrite, GRACE, Guard, Mark, News, Nonce, Redeemed,
    Redemption, Settlement, Verdict, VoidCode,
};
use crate::testing::prng::Prng;
use crate::testing::store::bench::{Checked, at, credit, refund, same};

impl Script {
    pub(super) async fn admit(&mut self, prng: &mut Prng) -> Checked {
        let mut admission = self.bench.admission(self.now);
        admission.clock = self.clock(prng);
        admission.remember = at(self.now) + Duration::from_millis(prng.below(200_000));
        admission.charges = self.charges(prng, 4);
        admission.observe = self.observations(prng);
        if prng.chance(30)
            && let Some(key) = prng.pick(&self.nonces).copied()
        {
            let expires = at(self.now) + Duration::from_millis(prng.below(100_000));
            admission.nonces.push(Nonce { key, expires });
        }
        if prng.chance(15) {
            let version = self.version.saturating_sub(u64::from(prng.chance(20)));
            admission.guards.push(Guard { document: self.document, version });
        }
        if prng.chance(15) {
            let expect = self.version.saturating_add(u64::from(prng.chance(20)));
            let content = prng.bytes::<5>().to_vec();
            admission.documents.push(DocumentWrite { document: self.document, expect, content });
        }
        let place = prng.index(self.challenges.len());
        let digest = self.bench.digest();
        let expires = at(self.now) + Duration::from_millis(prng.below(60_000));
        if prng.chance(60)
            && let Some(challenge) = self.challenges.get(place)
        {
            let key = challenge.key;
            admission.challenge = Some(if prng.chance(50) {
                let closes = expires + Duration::from_millis(prng.below(60_000));
                let attempts = u32::try_from(prng.below(5)).unwrap_or(0).saturating_add(1);
                ChallengeWrite::Open { key, digest, expires, closes, attempts }
            } else {
                let keep_previous = prng.chance(50);
                let newest = challenge.codes.last().copied().filter(|_| prng.chance(25));
                let digest = newest.unwrap_or(digest);
                ChallengeWrite::Renew { key, digest, expires, keep_previous }
            });
        }
        let exchange = self.exchange(prng);
        let answer = self.both_admit(admission.clone(), exchange, true).await?;
        if let Admitted::Granted { .. } = answer {
            if admission.challenge.is_some()
                && let Some(challenge) = self.challenges.get_mut(place)
            {
                challenge.codes.push(digest);
            }
            let written = u64::try_from(admission.documents.len()).unwrap_or(0);
            self.version = self.version.saturating_add(written);
            self.admissions.push(admission);
            self.fresh = true;
        } else {
            self.fresh = false;
        }
        Ok(())
    }

    pub(super) async fn repeat_admission(&mut self) -> Checked {
        if let Some(mut admission) = self.admissions.last().cloned()
            && at(self.now) < admission.remember
        {
            admission.now = at(self.now);
            if self.led.is_none() {
                admission.clock = WIDE;
            }
            let fresh = self.fresh;
            let _ = self.both_admit(admission, None, fresh).await?;
        }
        Ok(())
    }

    /// Admits on both. An answer to an old repeat may be that of the first time or of now.
    pub(super) async fn both_admit(
        &mut self,
        mut admission: Admission,
        exchange: Option<Vec<u8>>,
        exact: bool,
    ) -> Checked<Admitted> {
        admission.exchange = self.at_model(exchange.as_ref());
        let expected = self.model.admit(&admission).await.map_err(unexpected)?;
        admission.exchange = self.at_store(exchange.as_ref());
        let seen = self.bench.admit(&admission).await?;
        let (store, model) = (without_news(&seen), without_news(&expected));
        if exact {
            same("admit", store, model)?;
        } else {
            let kinds = (std::mem::discriminant(&store), std::mem::discriminant(&model));
            same("the kind of answer to a repeat", kinds.0 == kinds.1, true)?;
        }
        self.learn(news_of(&seen), news_of(&expected))?;
        Ok(expected)
    }

    pub(super) async fn settle(&mut self, prng: &mut Prng) -> Checked {
        self.fresh = false;
        let number = self.admissions.len().saturating_sub(prng.index(4).saturating_add(1));
        let Some(admission) = self.admissions.get(number) else { return Ok(()) };
        // A mark may be dropped `GRACE` after its end; then nobody knows that a charge was waived.
        let recent = at(self.now).since(admission.now) < GRACE;
        let written = admission.challenge.as_ref().map(|write| match write {
            ChallengeWrite::Open { key, digest, .. }
            | ChallengeWrite::Renew { key, digest, .. } => {
                VoidCode { challenge: *key, digest: *digest }
            }
        });
        let settlement = Settlement {
            admission: admission.id,
            now: at(self.now),
            clock: self.clock(prng),
            realm: admission.realm,
            home: admission.home,
            refunds: admission
                .charges
                .iter()
                .filter(|charge| recent || charge.waiver.is_none())
                .map(|charge| refund(charge, admission.now))
                .collect(),
            void: written.filter(|_| prng.chance(50)),
            observe: Vec::new(),
            exchange: None,
        };
        self.model.settle(&settlement).await.map_err(unexpected)?;
        self.bench.settle(&settlement).await
    }

    pub(super) async fn redeem(&mut self, prng: &mut Prng) -> Checked {
        self.fresh = false;
        let wrong = self.bench.digest();
        let Some(challenge) = prng.pick(&self.challenges) else { return Ok(()) };
        let code = match prng.below(10) {
            0..=2 => challenge.codes.last().copied(),
            3 => challenge.codes.iter().rev().nth(1).copied(),
            4 => challenge.codes.first().copied(),
            _ => None,
        };
        let key = challenge.key;
        let mut redemption = self.bench.redemption(key, code.unwrap_or(wrong), self.now);
        redemption.clock = self.clock(prng);
        if prng.chance(10) {
            redemption.digests.clear();
        }
        redemption.charges = self.charges(prng, 2);
        redemption.subject_charges = self.charges(prng, 2);
        redemption.observe = self.observations(prng);
        redemption.reset = self.some_meters(prng, 20).map(|(key, _)| key).collect();
        let credits: Vec<_> = self.some_meters(prng, 40).collect();
        redemption.credits =
            credits.iter().map(|(key, limit)| credit(*key, *limit, prng.below(5))).collect();
        if prng.chance(50)
            && let Some(key) = prng.pick(&self.marks).copied()
        {
            let from = at(self.now) + Duration::from_millis(prng.below(2_000));
            let until = from + Duration::from_millis(prng.below(30_000).saturating_add(1));
            redemption.marks.push(Mark { key, from, until });
        }
        let exchange = self.exchange(prng);
        let verdict = self.both_redeem(redemption.clone(), exchange, true).await?;
        let counted = matches!(verdict, Verdict::Accepted { .. } | Verdict::Mismatch { .. });
        self.redemption = counted.then_some(redemption);
        Ok(())
    }

    pub(super) async fn repeat_redemption(&mut self) -> Checked {
        self.fresh = false;
        if let Some(mut redemption) = self.redemption.clone() {
            redemption.now = at(self.now);
            let _ = self.both_redeem(redemption, None, false).await?;
        }
        Ok(())
    }

    pub(super) async fn both_redeem(
        &mut self,
        mut redemption: Redemption,
        exchange: Option<Vec<u8>>,
        exact: bool,
    ) -> Checked<Verdict> {
        redemption.exchange = self.at_model(exchange.as_ref());
        let expected = self.model.redeem(&redemption).await.map_err(unexpected)?;
        redemption.exchange = self.at_store(exchange.as_ref());
        let seen = self.bench.redeem(&redemption).await?;
        same("redeem", seen.verdict, expected.verdict)?;
        if exact {
            same("observed of redeem", seen.observed.clone(), expected.observed.clone())?;
        }
        let Redeemed { news, verdict, .. } = expected;
        self.learn(seen.news, news)?;
        Ok(verdict)
    }
}

fn without_news(answer: &Admitted) -> Admitted {
    let mut answer = answer.clone();
    if let Admitted::Granted { news, .. } | Admitted::Exhausted { news, .. } = &mut answer {
        *news = News::default();
    }
    answer
}

fn news_of(answer: &Admitted) -> News {
    match answer {
        Admitted::Granted { news, .. } | Admitted::Exhausted { news, .. } => news.clone(),
        _ => News::default(),
    }
}
