//! Random histories, played on a store and on the reference model side by side.

mod calls;
mod drawn;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use super::bench::{Bench, Checked, Racers, T0, same};
use super::step::{Call, Step};
use super::{Finding, Line, Outcome, Report};
use crate::Store;
use crate::base::id::Pseudonym;
use crate::base::mac::Tag;
use crate::limit::{Limit, MeterKey};
use crate::store::{Admission, ClockCheck, Exchange, MeterQuery, News, Redemption, Tallies};
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
const LIMITS: [Limit; 12] = [
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
    // Values that make no sense have a meaning, too.
    Limit::Ladder { first_ms: 400, longest_ms: 9_000, forget_ms: 0 },
    Limit::Failures { max: 3, pause_after: 1, pause_ms: 500, longest_ms: 7_000, forget_ms: 90 },
    Limit::Window { max: 2, span_ms: 0 },
];

fn unexpected(error: crate::store::StoreError) -> Finding {
    Finding::new(format!("the model failed: {error}"))
}
