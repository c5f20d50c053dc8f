//! [`Bench`]: the store under test, names nobody else uses, and the calls the cases are made of.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, Waker};
use std::time::Duration;

use crate::Store;
use crate::base::entropy::{SystemEntropy, random};
use crate::base::id::{Pseudonym, RequestId};
use crate::base::mac::Tag;
use crate::base::time::{Timestamp, millis};
use crate::limit::{Limit, MeterKey, Slot};
use crate::store::{
    Admission, Admitted, ChallengeState, ChallengeWrite, Charge, Credit, Home, MeterQuery,
    Observation, Reading, Redeemed, Redemption, Refund, Settlement, StoreError, Tallies,
    TallyQuery, Verdict,
};
use crate::testing::faults::Latency;
use crate::testing::prng::{Prng, Shared};
use crate::testing::report::Finding;
use crate::testing::schedule::{BoxFuture, join_all};

/// The time most cases start at: 2027-01-15, a whole number of every window's sub-buckets.
pub(super) const T0: u64 = 1_800_000_000_000;

/// A limit that refuses nothing in these tests.
pub(super) const WIDE: Limit = Limit::Window { max: 1_000_000_000, span_ms: 3_600_000 };

pub(super) type Checked<T = ()> = Result<T, Finding>;

pub(super) fn at(ms: u64) -> Timestamp {
    Timestamp::from_millis(ms)
}

/// `seen` must equal `expected`.
pub(super) fn same<T: PartialEq + fmt::Debug>(what: &str, seen: T, expected: T) -> Checked {
    if seen == expected {
        return Ok(());
    }
    Err(Finding::new(format!("{what}: expected {expected:?}, saw {seen:?}")))
}

/// `seen` is not what it must be.
pub(super) fn wrong<T>(what: &str, expected: &str, seen: &dyn fmt::Debug) -> Checked<T> {
    Err(Finding::new(format!("{what}: expected {expected}, saw {seen:?}")))
}

/// How racers run together.
#[derive(Clone, Default)]
pub(super) enum Racers {
    /// Within the caller's task, in an order drawn from the seed.
    #[default]
    Joined,
    /// By the caller's runtime.
    Spawned(Arc<dyn Fn(BoxFuture<'static, ()>) + Send + Sync>),
}

impl fmt::Debug for Racers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Joined => "Joined",
            Self::Spawned(_) => "Spawned",
        })
    }
}

pub(super) struct Bench {
    pub(super) store: Arc<dyn Store>,
    pub(super) realm: Pseudonym,
    /// Everything is one home's, but where a case says otherwise.
    pub(super) home: Home,
    pub(super) prng: Prng,
    names: Shared,
    racers: Racers,
}

/// A challenge to try codes on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Opened {
    pub(super) key: Pseudonym,
    pub(super) digest: Tag,
}

impl Bench {
    /// Names are drawn from the operating system, amounts and interleavings from `seeds`.
    pub(super) fn new(store: Arc<dyn Store>, seeds: Prng, racers: Racers) -> Checked<Self> {
        let seed: [u8; 8] =
            random(&SystemEntropy).map_err(|error| Finding::new(error.to_string()))?;
        let names = Shared::new(u64::from_le_bytes(seed));
        let realm = Pseudonym::from_bytes(names.draw(Prng::bytes));
        let home = Home::alone(Pseudonym::from_bytes(names.draw(Prng::bytes)));
        Ok(Self { store, realm, home, prng: seeds, names, racers })
    }

    pub(super) fn name(&self) -> Pseudonym {
        Pseudonym::from_bytes(self.names.draw(Prng::bytes))
    }

    pub(super) fn meter(&self) -> MeterKey {
        MeterKey::new(self.name(), Slot(1))
    }

    pub(super) fn id(&self) -> RequestId {
        RequestId::from_bytes(self.names.draw(Prng::bytes))
    }

    pub(super) fn digest(&self) -> Tag {
        self.names.draw(Prng::bytes)
    }

    /// An admission of nothing at `now`, remembered for ten minutes.
    pub(super) fn admission(&self, now: u64) -> Admission {
        let remember = at(now) + Duration::from_secs(600);
        let mut admission = Admission::new(self.id(), at(now), self.realm, remember);
        admission.home = self.home;
        admission
    }

    pub(super) fn charging(&self, now: u64, charges: Vec<Charge>) -> Admission {
        let mut admission = self.admission(now);
        admission.charges = charges;
        admission
    }

    pub(super) fn settlement(&self, of: &Admission, now: u64) -> Settlement {
        Settlement {
            home: of.home,
            refunds: of.charges.iter().map(|charge| refund(charge, of.now)).collect(),
            ..Settlement::new(of.id, at(now), of.realm)
        }
    }

    /// A redemption of `digest` that charges nothing but the attempt.
    pub(super) fn redemption(&self, on: Pseudonym, digest: Tag, now: u64) -> Redemption {
        Redemption {
            home: self.home,
            digests: vec![digest],
            ..Redemption::new(self.id(), at(now), self.realm, on)
        }
    }

    pub(super) async fn admit(&self, admission: &Admission) -> Checked<Admitted> {
        self.store.admit(admission).await.map_err(|error| failed("admit", &error))
    }

    /// Admits, and insists that it was granted. Answers the counts.
    pub(super) async fn grant(&self, what: &str, admission: &Admission) -> Checked<Vec<u64>> {
        granted(what, self.admit(admission).await?)
    }

    pub(super) async fn settle(&self, settlement: &Settlement) -> Checked {
        self.store.settle(settlement).await.map_err(|error| failed("settle", &error))
    }

    pub(super) async fn redeem(&self, redemption: &Redemption) -> Checked<Redeemed> {
        self.store.redeem(redemption).await.map_err(|error| failed("redeem", &error))
    }

    pub(super) async fn verdict(&self, redemption: &Redemption) -> Checked<Verdict> {
        Ok(self.redeem(redemption).await?.verdict)
    }

    /// Tries `digest` and answers the verdict.
    pub(super) async fn guess(&self, on: Pseudonym, digest: Tag, now: u64) -> Checked<Verdict> {
        let redemption = self.redemption(on, digest, now);
        self.verdict(&redemption).await
    }

    pub(super) async fn tally(&self, query: &TallyQuery) -> Checked<Tallies> {
        self.store.tally(query).await.map_err(|error| failed("tally", &error))
    }

    /// Charges one meter: the count, or the wait in milliseconds.
    pub(super) async fn charge(
        &self,
        key: MeterKey,
        limit: Limit,
        cost: u64,
        now: u64,
    ) -> Checked<(Admission, Result<u64, u64>)> {
        let admission = self.charging(now, vec![charge(key, limit, cost)]);
        let answer = match self.admit(&admission).await? {
            Admitted::Granted { counts, .. } => Ok(one("counts", counts)?),
            Admitted::Exhausted { retry_after, .. } => Err(millis(retry_after)),
            other => return wrong("a charge alone", "Granted or Exhausted", &other),
        };
        Ok((admission, answer))
    }

    /// Charges one meter, and insists that it was granted.
    pub(super) async fn pay(
        &self,
        key: MeterKey,
        limit: Limit,
        cost: u64,
        now: u64,
    ) -> Checked<Admission> {
        let (admission, answer) = self.charge(key, limit, cost, now).await?;
        match answer {
            Ok(_) => Ok(admission),
            Err(wait) => wrong("a charge that fits", "Granted", &(limit, cost, wait)),
        }
    }

    pub(super) fn query(&self, now: u64) -> TallyQuery {
        let mut query = TallyQuery::new(at(now), self.realm);
        query.home = self.home;
        query
    }

    pub(super) async fn reading(
        &self,
        key: MeterKey,
        limit: Limit,
        cost: u64,
        now: u64,
    ) -> Checked<Reading> {
        let mut query = self.query(now);
        query.meters.push(MeterQuery { key, limit, cost });
        one("meters of a tally", self.tally(&query).await?.meters)
    }

    pub(super) async fn count(&self, key: MeterKey, limit: Limit, now: u64) -> Checked<u64> {
        Ok(self.reading(key, limit, 0, now).await?.count)
    }

    pub(super) async fn state(&self, challenge: Pseudonym, now: u64) -> Checked<ChallengeState> {
        let mut query = self.query(now);
        query.challenges.push(challenge);
        one("challenges of a tally", self.tally(&query).await?.challenges)
    }

    pub(super) async fn mark(
        &self,
        key: MeterKey,
        now: u64,
    ) -> Checked<Option<(Timestamp, Timestamp)>> {
        let mut query = self.query(now);
        query.marks.push(key);
        one("marks of a tally", self.tally(&query).await?.marks)
    }

    /// Opens a challenge whose code is good for five minutes and that closes after ten.
    pub(super) async fn open(&self, now: u64, attempts: u32) -> Checked<Opened> {
        let opened = Opened { key: self.name(), digest: self.digest() };
        let mut admission = self.admission(now);
        admission.challenge = Some(opened.write(now, attempts));
        self.grant("opening a challenge", &admission).await?;
        Ok(opened)
    }

    /// Gives the credits, resets and marks of an accepted code, on a challenge of its own.
    pub(super) async fn accept(
        &self,
        now: u64,
        change: impl FnOnce(&mut Redemption) + Send,
    ) -> Checked {
        let opened = self.open(now, 1).await?;
        let mut redemption = self.redemption(opened.key, opened.digest, now);
        change(&mut redemption);
        let verdict = self.verdict(&redemption).await?;
        same("the right code", verdict, Verdict::Accepted { attempts: 1, opened: at(now) })
    }

    /// Runs `racers` at the same time, each with pauses before and after its calls.
    pub(super) async fn race<T, F>(&mut self, racers: Vec<F>) -> Checked<Vec<T>>
    where
        T: Send + Unpin + 'static,
        F: FnOnce(Arc<dyn Store>) -> BoxFuture<'static, Result<T, StoreError>>,
    {
        let started = racers.into_iter().map(|racer| {
            let latency = Latency::new(Arc::clone(&self.store), 3, self.prng.word());
            racer(Arc::new(latency))
        });
        let futures: Vec<_> = started.collect();
        let outcomes = match &self.racers {
            Racers::Joined => join_all(futures, self.prng.word()).await,
            Racers::Spawned(spawn) => spawned(futures, &**spawn).await?,
        };
        outcomes
            .into_iter()
            .collect::<Result<_, _>>()
            .map_err(|error| failed("a call in a race", &error))
    }
}

impl Opened {
    pub(super) fn write(&self, now: u64, attempts: u32) -> ChallengeWrite {
        ChallengeWrite::Open {
            key: self.key,
            digest: self.digest,
            expires: at(now) + Duration::from_secs(300),
            closes: at(now) + Duration::from_secs(600),
            attempts,
        }
    }
}

pub(super) fn charge(key: MeterKey, limit: Limit, cost: u64) -> Charge {
    Charge::new(key, limit, cost)
}

pub(super) fn refund(charge: &Charge, charged: Timestamp) -> Refund {
    Refund {
        key: charge.key,
        limit: charge.limit,
        cost: charge.cost,
        charged,
        waiver: charge.waiver,
    }
}

pub(super) fn credit(key: MeterKey, limit: Limit, amount: u64) -> Credit {
    Credit { key, limit, amount }
}

pub(super) fn observation(key: MeterKey, units: u64) -> Observation {
    Observation { key, span_ms: 3_600_000, units }
}

/// The rule by which an [`observation`] of the cases is read back.
pub(super) const OBSERVED: Limit = Limit::Window { max: (1 << 53) - 1, span_ms: 3_600_000 };

pub(super) fn granted(what: &str, answer: Admitted) -> Checked<Vec<u64>> {
    match answer {
        Admitted::Granted { counts, .. } => Ok(counts),
        other => wrong(what, "Granted", &other),
    }
}

pub(super) fn exhausted(what: &str, answer: Admitted) -> Checked<(usize, u64)> {
    match answer {
        Admitted::Exhausted { index, retry_after, .. } => Ok((index, millis(retry_after))),
        other => wrong(what, "Exhausted", &other),
    }
}

pub(super) fn one<T: fmt::Debug>(what: &str, mut answers: Vec<T>) -> Checked<T> {
    match (answers.pop(), answers.is_empty()) {
        (Some(answer), true) => Ok(answer),
        (last, _) => wrong(what, "one answer for one question", &(answers, last)),
    }
}

fn failed(verb: &str, error: &StoreError) -> Finding {
    let source = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    Finding::new(format!("{verb} gave an error: {error} ({source})"))
}

/// Runs futures by `spawn` and waits for all. One that is dropped unfinished, by a panic or a
/// runtime that shuts down, is a finding and not a hang.
async fn spawned<T: Send + 'static>(
    futures: Vec<BoxFuture<'static, T>>,
    spawn: &(dyn Fn(BoxFuture<'static, ()>) + Send + Sync),
) -> Checked<Vec<T>> {
    let shared =
        Arc::new(Finish { left: AtomicUsize::new(futures.len()), waker: Mutex::new(None) });
    let outputs: Vec<Arc<Mutex<Option<T>>>> = futures.iter().map(|_| Arc::default()).collect();
    for (future, output) in futures.into_iter().zip(&outputs) {
        let (finish, output) = (Finishing(Arc::clone(&shared)), Arc::clone(output));
        spawn(Box::pin(async move {
            let finish = finish;
            let value = future.await;
            *output.lock().unwrap_or_else(PoisonError::into_inner) = Some(value);
            drop(finish);
        }));
    }
    std::future::poll_fn(|context| {
        *shared.waker.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(context.waker().clone());
        if shared.left.load(Ordering::Acquire) == 0 { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    outputs
        .iter()
        .map(|output| output.lock().unwrap_or_else(PoisonError::into_inner).take())
        .collect::<Option<_>>()
        .ok_or_else(|| Finding::new("a racer did not finish: the store panicked in it"))
}

struct Finish {
    left: AtomicUsize,
    waker: Mutex<Option<Waker>>,
}

struct Finishing(Arc<Finish>);

impl Drop for Finishing {
    fn drop(&mut self) {
        self.0.left.fetch_sub(1, Ordering::AcqRel);
        let waker = self.0.waker.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}
