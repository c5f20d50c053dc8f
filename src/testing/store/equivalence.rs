//! Random histories, played on a store and on the reference model side by side.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use super::bench::{Bench, Checked, Racers, T0, at, charge, credit, refund, same};
use super::step::{Call, Step};
use super::{Finding, Line, Outcome, Report};
use crate::Store;
use crate::base::id::Pseudonym;
use crate::base::mac::Tag;
use crate::limit::{Limit, MeterKey};
use crate::store::{
    Admission, Admitted, ChallengeWrite, Charge, ClockCheck, DocumentWrite, Exchange, GRACE, Guard,
    Mark, MeterQuery, News, Nonce, Observation, Redeemed, Redemption, Settlement, Tallies, Verdict,
    VoidCode,
};
use crate::testing::model::ModelStore;
use crate::testing::prng::Prng;

/// Plays a random history of `steps` calls on a store and on the [`ModelStore`], and compares every
/// answer and, after each step, everything that can be read.
///
/// The same `seed` plays the same history. The report's finding names the step and the seed.
///
/// ```
/// use otpgate::testing::{ModelStore, block_on, store};
///
/// block_on(store::equivalence(|| async { ModelStore::new() }, 7, 200)).assert();
/// ```
pub async fn equivalence<F, Fut, S>(make: F, seed: u64, steps: usize) -> Report
where
    F: Fn() -> Fut,
    Fut: Future<Output = S>,
    S: Store,
{
    let outcome = match Script::new(make().await) {
        Err(finding) => Outcome::Failed(finding),
        Ok(mut script) => {
            let mut prng = Prng::new(seed);
            let mut outcome = Outcome::Passed;
            for number in 0..steps {
                let step = Step::from_seed(prng.word());
                if let Err(finding) = script.play(&step).await {
                    let text = format!("step {number} of seed {seed}, {step:?}: {finding}");
                    outcome = Outcome::Failed(Finding::new(text));
                    break;
                }
            }
            outcome
        }
    };
    let clause = "equivalence to the reference model";
    Report { seed, lines: vec![Line { case: "equivalent_to_the_model", clause, outcome }] }
}

/// A history being played: a store, the model beside it, and what was called so far.
///
/// For tests that draw the history themselves, to have it shrunk: see `tests/heavy/store_model.rs` in the
/// crate's repository.
pub struct Script {
    bench: Bench,
    model: ModelStore,
    now: u64,
    /// How long the clock has led, until it is set right.
    led: Option<u64>,
    /// Whether the next reading is checked.
    checks: bool,
    meters: Vec<(MeterKey, Limit)>,
    observed: Vec<MeterKey>,
    marks: Vec<MeterKey>,
    nonces: Vec<Pseudonym>,
    challenges: Vec<Challenge>,
    document: Pseudonym,
    version: u64,
    journal: Pseudonym,
    /// The newest number of the journal at the store and at the model.
    latest: (u64, u64),
    admissions: Vec<Admission>,
    /// Whether the last call was the last admission, so that its answer must be the same again.
    fresh: bool,
    redemption: Option<Redemption>,
}

#[derive(Debug)]
struct Challenge {
    key: Pseudonym,
    codes: Vec<Tag>,
}

crate::base::masked::debug_only!(Script: now);

impl Script {
    /// A history on an empty `store`.
    ///
    /// # Errors
    ///
    /// A [`Finding`] if the operating system gives no names to use.
    pub fn new(store: impl Store) -> Result<Self, Finding> {
        let bench = Bench::new(Arc::new(store), Prng::new(0), Racers::default())?;
        let meters = LIMITS.iter().map(|limit| (bench.meter(), *limit)).collect();
        let challenges =
            (0..3).map(|_| Challenge { key: bench.name(), codes: Vec::new() }).collect();
        Ok(Self {
            model: ModelStore::new(),
            now: T0.saturating_add(HORIZON),
            led: Some(0),
            checks: false,
            meters,
            observed: (0..2).map(|_| bench.meter()).collect(),
            marks: (0..2).map(|_| bench.meter()).collect(),
            nonces: (0..4).map(|_| bench.name()).collect(),
            challenges,
            document: bench.name(),
            version: 0,
            journal: bench.name(),
            latest: (0, 0),
            admissions: Vec::new(),
            fresh: false,
            redemption: None,
            bench,
        })
    }

    /// Plays one step on both and compares.
    ///
    /// # Errors
    ///
    /// A [`Finding`] that says where the store and the model part.
    pub async fn play(&mut self, step: &Step) -> Result<(), Finding> {
        match step.0 {
            Call::Wait(ms) => self.wait(ms),
            Call::SetRight(early) => self.set_right(early),
            Call::StepBack(ms) => self.now = self.now.saturating_sub(ms),
            Call::Admit(seed) => self.admit(&mut Prng::new(seed)).await?,
            Call::RepeatAdmission => self.repeat_admission().await?,
            Call::Settle(seed) => self.settle(&mut Prng::new(seed)).await?,
            Call::Redeem(seed) => self.redeem(&mut Prng::new(seed)).await?,
            Call::RepeatRedemption => self.repeat_redemption().await?,
        }
        self.compare().await
    }

    /// Under the clock that leads not for long: what is forgotten then, is not there when it is right.
    fn wait(&mut self, ms: u64) {
        let ms = self.led.map_or(ms, |led| ms.min(LONGEST_LEAD.saturating_sub(led)));
        self.led = self.led.map(|led| led.saturating_add(ms));
        self.now = self.now.saturating_add(ms);
    }

    /// Sets the clock back so far that some of what was written lies beyond the horizon, or all.
    fn set_right(&mut self, early: u64) {
        if self.led.take().is_some() {
            let back = HORIZON.saturating_add(early).saturating_sub(20_000);
            self.now = self.now.saturating_sub(back);
        }
    }

    /// Unchecked while the clock leads; then checked mostly.
    fn clock(&self, prng: &mut Prng) -> ClockCheck {
        if self.led.is_none() && prng.chance(75) { WIDE } else { ClockCheck::Unchecked }
    }

    async fn admit(&mut self, prng: &mut Prng) -> Checked {
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

    async fn repeat_admission(&mut self) -> Checked {
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
    async fn both_admit(
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

    async fn settle(&mut self, prng: &mut Prng) -> Checked {
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

    async fn redeem(&mut self, prng: &mut Prng) -> Checked {
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

    async fn repeat_redemption(&mut self) -> Checked {
        self.fresh = false;
        if let Some(mut redemption) = self.redemption.clone() {
            redemption.now = at(self.now);
            let _ = self.both_redeem(redemption, None, false).await?;
        }
        Ok(())
    }

    async fn both_redeem(
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

    /// Everything that can be read must read the same.
    async fn compare(&mut self) -> Checked {
        let mut query = self.bench.query(self.now);
        self.checks = !self.checks;
        if self.led.is_none() && self.checks {
            query.clock = WIDE;
        }
        for (key, limit) in &self.meters {
            let costs = [0, 1, 3].map(|cost| MeterQuery { key: *key, limit: *limit, cost });
            query.meters.extend(costs);
        }
        query.meters.extend(self.observed.iter().map(|key| MeterQuery {
            key: *key,
            limit: Limit::Window { max: 1 << 40, span_ms: OBSERVED_SPAN },
            cost: 0,
        }));
        query.marks.clone_from(&self.marks);
        query.challenges = self.challenges.iter().map(|challenge| challenge.key).collect();
        query.documents.push(self.document);
        query.journal = Some((self.journal, 0));
        let expected = self.model.tally(&query).await.map_err(unexpected)?;
        let seen = self.bench.tally(&query).await?;
        for (question, (one, two)) in
            query.meters.iter().zip(seen.meters.iter().zip(&expected.meters))
        {
            same(&format!("count of {:?}", question.limit), one.count, two.count)?;
            if question.cost > 0 {
                let what = format!("wait for {} on {:?}", question.cost, question.limit);
                same(&what, one.retry_after, two.retry_after)?;
            }
        }
        same("meters", seen.meters.len(), expected.meters.len())?;
        same("marks", &seen.marks, &expected.marks)?;
        same("challenges", &seen.challenges, &expected.challenges)?;
        same("documents", &seen.documents, &expected.documents)?;
        let Tallies { news, .. } = expected;
        self.learn(seen.news, news)
    }

    fn charges(&self, prng: &mut Prng, most: u64) -> Vec<Charge> {
        let number = prng.below(most);
        let mut charges = Vec::new();
        for _ in 0..number {
            if let Some((key, limit)) = prng.pick(&self.meters).copied() {
                let mut one = charge(key, limit, prng.below(3).saturating_add(1));
                if prng.chance(30) {
                    one.waiver = prng.pick(&self.marks).copied();
                }
                charges.push(one);
            }
        }
        charges
    }

    fn observations(&self, prng: &mut Prng) -> Vec<Observation> {
        let wanted = self.observed.iter().filter(|_| prng.chance(30));
        let keys: Vec<MeterKey> = wanted.copied().collect();
        keys.into_iter()
            .map(|key| Observation {
                key,
                span_ms: OBSERVED_SPAN,
                units: prng.below(4).saturating_add(1),
            })
            .collect()
    }

    fn some_meters<'a>(
        &'a self,
        prng: &'a mut Prng,
        percent: u64,
    ) -> impl Iterator<Item = (MeterKey, Limit)> + 'a {
        self.meters.iter().copied().filter(move |_| prng.chance(percent))
    }

    fn exchange(&self, prng: &mut Prng) -> Option<Vec<u8>> {
        let length = prng.index(4);
        // An entry that was dated ahead may be gone, or there for who does not check.
        (prng.chance(20) && self.led.is_none())
            .then(|| prng.bytes::<4>().into_iter().take(length).collect())
    }

    fn at_store(&self, append: Option<&Vec<u8>>) -> Option<Exchange> {
        let append = append.cloned()?;
        Some(Exchange { journal: self.journal, append, after: self.latest.0 })
    }

    fn at_model(&self, append: Option<&Vec<u8>>) -> Option<Exchange> {
        let append = append.cloned()?;
        Some(Exchange { journal: self.journal, append, after: self.latest.1 })
    }

    /// Compares news by content and order: a store may number with gaps.
    fn learn(&mut self, seen: News, expected: News) -> Checked {
        let numbers: Vec<u64> = seen.entries.iter().map(|(number, _)| *number).collect();
        let grow = numbers.is_sorted_by(|one, two| one < two);
        // Of two entries the later may be gone first, if it was written under a clock set back.
        let end = numbers.last().is_none_or(|last| *last <= seen.latest);
        let contents = |news: News| news.entries.into_iter().map(|(_, entry)| entry);
        let latest = (seen.latest, expected.latest);
        let seen: Vec<_> = contents(seen).collect();
        same("entries of the journal", seen, contents(expected).collect())?;
        same("numbers of the journal grow up to `latest`", grow && end, true)?;
        if latest.1 > self.latest.1 {
            same("`latest` grows with each entry", latest.0 > self.latest.0, true)?;
            self.latest = latest;
        }
        Ok(())
    }
}

const OBSERVED_SPAN: u64 = 90_000;

/// The history's clock is nobody's, so the bound is wide: fifty years, and its horizon a hundred.
const WIDE: ClockCheck = ClockCheck::Within(Duration::from_millis(HORIZON / 2));
const HORIZON: u64 = 3_153_600_000_000;

/// Less than [`GRACE`], for which a store keeps what a clock that leads has let expire.
const LONGEST_LEAD: u64 = 50_000;

/// One meter for each; short, so that a history crosses their ends.
const LIMITS: [Limit; 9] = [
    Limit::Spacing { interval_ms: 5_000, burst: 3 },
    Limit::Spacing { interval_ms: 700, burst: 4 },
    Limit::Ladder { first_ms: 1_000, longest_ms: 30_000, forget_ms: 45_000 },
    Limit::Window { max: 6, span_ms: 60_000 },
    Limit::Window { max: 4, span_ms: 12_345 },
    Limit::Budget { max: 9, span_ms: 100_000 },
    Limit::Unverified { max: 5, drain_ms: 8_000 },
    Limit::Failures {
        max: 6,
        pause_after: 3,
        pause_ms: 2_000,
        longest_ms: 20_000,
        forget_ms: 120_000,
    },
    Limit::Failures { max: 3, pause_after: 1, pause_ms: 500, longest_ms: 700, forget_ms: 9_000 },
];

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

fn unexpected(error: crate::store::StoreError) -> Finding {
    Finding::new(format!("the model failed: {error}"))
}
