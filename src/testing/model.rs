//! [`ModelStore`]: the reference model, naive and obviously right.
//!
//! One lock over everything, an admission tried on a copy, limits judged from a log. It forgets
//! nothing, so it is for tests only; it is the oracle that the conformance suite compares with, and
//! the shortest complete [`Store`] to read before writing one.

mod meter;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use crate::Store;
use crate::base::id::{Pseudonym, RequestId};
use crate::base::mac::Tag;
use crate::base::time::{Timestamp, millis};
use crate::limit::{Limit, MeterKey};
use crate::store::{
    Admission, Admitted, ChallengeState, ChallengeWrite, Charge, ClockCheck, Document, Exchange,
    JOURNAL_LIFE, Mark, News, Observation, Reading, Redeemed, Redemption, Settlement, SteadyClock,
    StoreError, Tallies, TallyQuery, Verdict, VoidCode,
};

use meter::{Meter, Wait};

/// The reference [`Store`]. Clones share the same state.
///
/// ```
/// use otpgate::testing::{ModelStore, block_on, store};
///
/// let report = block_on(store::conformance(|| async { ModelStore::new() }));
/// report.assert();
/// ```
#[derive(Clone, Debug, Default)]
pub struct ModelStore(Arc<Mutex<BTreeMap<Pseudonym, Realm>>>, Arc<SteadyClock>);

/// A copy of all that a [`ModelStore`] holds.
#[derive(Clone, Debug)]
pub struct Snapshot(BTreeMap<Pseudonym, Realm>);

#[derive(Clone, Debug, Default)]
struct Realm {
    meters: BTreeMap<MeterKey, Meter>,
    marks: BTreeMap<MeterKey, (Timestamp, Timestamp)>,
    nonces: BTreeMap<Pseudonym, Timestamp>,
    challenges: BTreeMap<Pseudonym, Challenge>,
    documents: BTreeMap<Pseudonym, Document>,
    journals: BTreeMap<Pseudonym, Vec<(Timestamp, Vec<u8>)>>,
    granted: BTreeMap<RequestId, Granted>,
}

#[derive(Clone, Debug)]
struct Granted {
    remember: Timestamp,
    settled: bool,
}

#[derive(Clone, Debug)]
struct Challenge {
    opened: Timestamp,
    closes: Timestamp,
    attempts: u32,
    used: u32,
    consumed: bool,
    /// The live codes, the newest last; the expiry of the newest stays known when it is void.
    codes: Vec<(Tag, Timestamp)>,
    expires: Timestamp,
    last: Option<(RequestId, Verdict)>,
}

/// When a call takes place, and the latest time that an honest clock can have written before.
#[derive(Clone, Copy)]
struct When {
    now: Timestamp,
    horizon: Timestamp,
}

impl When {
    fn of(now: Timestamp, clock: ClockCheck) -> Self {
        let horizon = match clock.skew() {
            None => Timestamp::MAX,
            Some(skew) => now + skew + skew,
        };
        Self { now, horizon }
    }
}

impl ModelStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A copy of everything it holds.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot(self.0.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    /// Goes back to `snapshot`.
    pub fn restore(&self, snapshot: &Snapshot) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = snapshot.0.clone();
    }

    fn within<T>(&self, realm: Pseudonym, step: impl FnOnce(&mut Realm) -> T) -> T {
        let mut realms = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        step(realms.entry(realm).or_default())
    }
}

#[async_trait]
impl Store for ModelStore {
    async fn admit(&self, admission: &Admission) -> Result<Admitted, StoreError> {
        self.1.judge(admission.clock, admission.now)?;
        Ok(self.within(admission.realm, |realm| realm.admit(admission)))
    }

    async fn settle(&self, settlement: &Settlement) -> Result<(), StoreError> {
        self.1.judge(settlement.clock, settlement.now)?;
        self.within(settlement.realm, |realm| realm.settle(settlement));
        Ok(())
    }

    async fn redeem(&self, redemption: &Redemption) -> Result<Redeemed, StoreError> {
        self.1.judge(redemption.clock, redemption.now)?;
        Ok(self.within(redemption.realm, |realm| realm.redeem(redemption)))
    }

    async fn tally(&self, query: &TallyQuery) -> Result<Tallies, StoreError> {
        self.1.judge(query.clock, query.now)?;
        Ok(self.within(query.realm, |realm| realm.tally(query)))
    }
}

impl Realm {
    fn admit(&mut self, admission: &Admission) -> Admitted {
        let at = When::of(admission.now, admission.clock);
        if self.granted.get(&admission.id).is_some_and(|granted| at.now < granted.remember) {
            return Admitted::Granted {
                step: 1,
                counts: self.counts(&admission.charges, at),
                observed: self.observed(&admission.observe, at),
                news: self.news(admission.exchange.as_ref(), at),
            };
        }
        let answer = self.decide(admission);
        self.observe(&admission.observe, at);
        self.append(admission.exchange.as_ref(), at);
        match answer {
            Err(Refused::Stale { document, version }) => Admitted::Stale { document, version },
            Err(Refused::NonceSpent { index }) => Admitted::NonceSpent { index },
            Err(Refused::ChallengeGone) => Admitted::ChallengeGone,
            Err(Refused::Exhausted { index, wait }) => Admitted::Exhausted {
                index,
                retry_after: Duration::from_millis(wait),
                counts: self.counts(&admission.charges, at),
                observed: self.observed(&admission.observe, at),
                news: self.news(admission.exchange.as_ref(), at),
            },
            Ok(()) => Admitted::Granted {
                step: 1,
                counts: self.counts(&admission.charges, at),
                observed: self.observed(&admission.observe, at),
                news: self.news(admission.exchange.as_ref(), at),
            },
        }
    }

    /// Checks everything, then does everything.
    fn decide(&mut self, admission: &Admission) -> Result<(), Refused> {
        let at = When::of(admission.now, admission.clock);
        let guards = admission.guards.iter().map(|guard| (guard.document, guard.version));
        let writes = admission.documents.iter().map(|write| (write.document, write.expect));
        for (document, expected) in guards.chain(writes) {
            let version = self.documents.get(&document).map_or(0, |found| found.version);
            if version != expected {
                return Err(Refused::Stale { document, version });
            }
        }
        for (index, nonce) in admission.nonces.iter().enumerate() {
            if self.nonces.get(&nonce.key).is_some_and(|expires| at.now < *expires) {
                return Err(Refused::NonceSpent { index });
            }
        }
        let challenge = match &admission.challenge {
            None => None,
            Some(write) => Some(self.written(write, at).ok_or(Refused::ChallengeGone)?),
        };
        self.heal(&admission.charges, at);
        let meters = self
            .charged(&admission.charges, at)
            .map_err(|(index, wait)| Refused::Exhausted { index, wait })?;

        self.meters = meters;
        self.nonces.extend(admission.nonces.iter().map(|nonce| (nonce.key, nonce.expires)));
        self.challenges.extend(challenge);
        for write in &admission.documents {
            let version = write.expect.saturating_add(1);
            let content = write.content.clone();
            self.documents.insert(write.document, Document { version, content });
        }
        let granted = Granted { remember: admission.remember, settled: false };
        self.granted.insert(admission.id, granted);
        Ok(())
    }

    /// The challenge as `write` would leave it; `None` if it cannot be written.
    fn written(&self, write: &ChallengeWrite, at: When) -> Option<(Pseudonym, Challenge)> {
        match write {
            ChallengeWrite::Open { key, digest, expires, closes, attempts } => {
                let fresh = Challenge {
                    opened: at.now,
                    closes: *closes,
                    attempts: *attempts,
                    used: 0,
                    consumed: false,
                    codes: vec![(*digest, *expires)],
                    expires: *expires,
                    last: None,
                };
                self.open(key, at).is_none().then_some((*key, fresh))
            }
            ChallengeWrite::Renew { key, digest, expires, keep_previous } => {
                let mut renewed = self.open(key, at)?.clone();
                if renewed.consumed || renewed.used >= renewed.attempts {
                    return None;
                }
                let previous = renewed.codes.last().copied().filter(|_| *keep_previous);
                renewed.codes = previous.into_iter().chain([(*digest, *expires)]).collect();
                renewed.expires = *expires;
                Some((*key, renewed))
            }
        }
    }

    /// The challenge, unless it has closed or was opened under a wrong clock.
    fn open(&self, key: &Pseudonym, at: When) -> Option<&Challenge> {
        let open = |it: &&Challenge| at.now < it.closes && it.opened <= at.horizon;
        self.challenges.get(key).filter(open)
    }

    fn settle(&mut self, settlement: &Settlement) {
        let at = When::of(settlement.now, settlement.clock);
        self.observe(&settlement.observe, at);
        self.append(settlement.exchange.as_ref(), at);
        let Some(granted) = self.granted.get_mut(&settlement.admission) else { return };
        if granted.settled || at.now >= granted.remember {
            return;
        }
        granted.settled = true;
        for refund in &settlement.refunds {
            if !self.waived(refund.waiver, refund.charged) {
                let meter = self.meters.entry(refund.key).or_default();
                meter.heal(refund.limit, at.now, at.horizon);
                let charged = refund.charged.as_millis();
                meter.refund(refund.limit, refund.cost, charged, at.now.as_millis());
            }
        }
        if let Some(VoidCode { challenge, digest }) = &settlement.void
            && let Some(challenge) = self.challenges.get_mut(challenge)
        {
            challenge.codes.retain(|(kept, _)| kept != digest);
        }
    }

    fn redeem(&mut self, redemption: &Redemption) -> Redeemed {
        let at = When::of(redemption.now, redemption.clock);
        let seen = self.open(&redemption.challenge, at).and_then(|challenge| challenge.last);
        let verdict = match seen {
            Some((id, verdict)) if id == redemption.id => verdict,
            _ => {
                let verdict = self.attempt(redemption);
                self.observe(&redemption.observe, at);
                if !matches!(verdict, Verdict::Accepted { .. }) {
                    self.observe(&redemption.observe_failure, at);
                }
                self.append(redemption.exchange.as_ref(), at);
                verdict
            }
        };
        let mut observed = self.observed(&redemption.observe, at);
        observed.extend(self.observed(&redemption.observe_failure, at));
        Redeemed { verdict, observed, news: self.news(redemption.exchange.as_ref(), at) }
    }

    fn attempt(&mut self, redemption: &Redemption) -> Verdict {
        let at = When::of(redemption.now, redemption.clock);
        self.heal(&redemption.charges, at);
        let charged = match self.charged(&redemption.charges, at) {
            Ok(meters) => meters,
            Err((index, wait)) => return exhausted(index, wait),
        };
        let dead = match self.open(&redemption.challenge, at) {
            None => Some(Verdict::Unknown),
            Some(challenge) if challenge.consumed => Some(Verdict::Consumed),
            Some(challenge) if challenge.used >= challenge.attempts => Some(Verdict::Locked),
            Some(challenge) if challenge.codes.iter().all(|(_, expires)| at.now >= *expires) => {
                Some(Verdict::Expired)
            }
            Some(_) => None,
        };
        if let Some(verdict) = dead {
            self.meters = charged;
            return verdict;
        }
        self.heal(&redemption.subject_charges, at);
        let all: Vec<Charge> =
            redemption.charges.iter().chain(&redemption.subject_charges).copied().collect();
        match self.charged(&all, at) {
            Ok(meters) => self.meters = meters,
            Err((index, wait)) => return exhausted(index, wait),
        }
        self.compare(redemption)
    }

    /// Counts the attempt, compares, consumes. The challenge is live and everything is paid.
    fn compare(&mut self, redemption: &Redemption) -> Verdict {
        let at = When::of(redemption.now, redemption.clock);
        let Some(challenge) = self.challenges.get_mut(&redemption.challenge) else {
            return Verdict::Unknown;
        };
        challenge.used = challenge.used.saturating_add(1);
        let live = challenge.codes.iter().filter(|(_, expires)| at.now < *expires);
        let right = live.fold(false, |right, (code, _)| {
            redemption.digests.iter().fold(right, |right, digest| {
                right | constant_time_eq::constant_time_eq(digest, code)
            })
        });
        let verdict = if right {
            challenge.consumed = true;
            Verdict::Accepted { attempts: challenge.used, opened: challenge.opened }
        } else {
            Verdict::Mismatch { left: challenge.attempts.saturating_sub(challenge.used) }
        };
        challenge.last = Some((redemption.id, verdict));
        if right {
            redemption.reset.iter().for_each(|key| drop(self.meters.remove(key)));
            for credit in &redemption.credits {
                let meter = self.meters.entry(credit.key).or_default();
                meter.heal(credit.limit, at.now, at.horizon);
                meter.credit(credit.limit, credit.amount);
            }
            redemption.marks.iter().for_each(|mark| self.mark(mark, at));
        }
        verdict
    }

    fn tally(&self, query: &TallyQuery) -> Tallies {
        let at = When::of(query.now, query.clock);
        Tallies {
            meters: query
                .meters
                .iter()
                .map(|question| {
                    let meter = self.seen(&question.key, question.limit, at);
                    let judged = meter.judge(question.limit, question.cost, at.now.as_millis());
                    let wait = judged.err().filter(|_| question.cost > 0).unwrap_or(0);
                    Reading {
                        count: meter.count(question.limit, at.now.as_millis()),
                        retry_after: Duration::from_millis(wait),
                    }
                })
                .collect(),
            marks: query
                .marks
                .iter()
                .map(|key| self.marks.get(key).copied().filter(|(_, until)| at.now < *until))
                .collect(),
            challenges: query.challenges.iter().map(|key| self.state(key, at)).collect(),
            documents: query
                .documents
                .iter()
                .map(|key| self.documents.get(key).cloned().unwrap_or_default())
                .collect(),
            news: query.journal.map_or_else(News::default, |(journal, after)| {
                self.news(Some(&Exchange { journal, append: Vec::new(), after }), at)
            }),
        }
    }

    fn state(&self, key: &Pseudonym, at: When) -> ChallengeState {
        match self.open(key, at) {
            None => ChallengeState::Unknown,
            Some(challenge) if challenge.consumed => ChallengeState::Consumed,
            Some(challenge) if challenge.used >= challenge.attempts => ChallengeState::Locked,
            Some(challenge) => ChallengeState::Live {
                left: challenge.attempts.saturating_sub(challenge.used),
                expires: challenge.expires,
                closes: challenge.closes,
            },
        }
    }

    /// Takes the meters of `charges` back that are dated ahead, whatever becomes of the call.
    fn heal(&mut self, charges: &[Charge], at: When) {
        for charge in charges {
            if !self.waived(charge.waiver, at.now)
                && let Some(meter) = self.meters.get_mut(&charge.key)
            {
                meter.heal(charge.limit, at.now, at.horizon);
            }
        }
    }

    /// The meter as a call finds it.
    fn seen(&self, key: &MeterKey, limit: Limit, at: When) -> Meter {
        let mut meter = self.meters.get(key).cloned().unwrap_or_default();
        meter.heal(limit, at.now, at.horizon);
        meter
    }

    /// The meters after all of `charges`, or the index and wait of the one that waits longest. A
    /// charge that does not fit leaves its meter as it finds it.
    fn charged(
        &self,
        charges: &[Charge],
        at: When,
    ) -> Result<BTreeMap<MeterKey, Meter>, (usize, Wait)> {
        let mut meters = self.meters.clone();
        let mut longest: Option<(usize, Wait)> = None;
        for (index, charge) in charges.iter().enumerate() {
            if self.waived(charge.waiver, at.now) {
                continue;
            }
            let meter = meters.entry(charge.key).or_default();
            match meter.judge(charge.limit, charge.cost, at.now.as_millis()) {
                Ok(()) => meter.charge(charge.limit, charge.cost, at.now.as_millis()),
                Err(wait) if longest.is_none_or(|(_, other)| wait > other) => {
                    longest = Some((index, wait));
                }
                Err(_) => {}
            }
        }
        longest.map_or(Ok(meters), Err)
    }

    fn waived(&self, waiver: Option<MeterKey>, at: Timestamp) -> bool {
        let mark = waiver.and_then(|key| self.marks.get(&key));
        mark.is_some_and(|(from, until)| *from <= at && at < *until)
    }

    fn counts(&self, charges: &[Charge], at: When) -> Vec<u64> {
        let count = |charge: &Charge| match self.waived(charge.waiver, at.now) {
            true => 0,
            false => {
                let meter = self.seen(&charge.key, charge.limit, at);
                meter.count(charge.limit, at.now.as_millis())
            }
        };
        charges.iter().map(count).collect()
    }

    fn observe(&mut self, observations: &[Observation], at: When) {
        for observation in observations {
            let meter = self.meters.entry(observation.key).or_default();
            meter.heal(window(observation), at.now, at.horizon);
            meter.charge(window(observation), observation.units, at.now.as_millis());
        }
    }

    fn observed(&self, observations: &[Observation], at: When) -> Vec<u64> {
        let count = |observation: &Observation| {
            let meter = self.seen(&observation.key, window(observation), at);
            meter.count(window(observation), at.now.as_millis())
        };
        observations.iter().map(count).collect()
    }

    fn mark(&mut self, mark: &Mark, at: When) {
        let (mut from, mut until) = (mark.from, mark.until);
        if let Some((earlier, later)) = self.marks.get(&mark.key)
            && at.now < *later
        {
            from = from.min(*earlier);
            // An end that a wrong clock wrote is not kept.
            let slack = at.horizon.since(at.now);
            if at.horizon == Timestamp::MAX || later.since(until) <= slack {
                until = until.max(*later);
            }
        }
        self.marks.insert(mark.key, (from, until));
    }

    fn append(&mut self, exchange: Option<&Exchange>, at: When) {
        if let Some(exchange) = exchange.filter(|exchange| !exchange.append.is_empty()) {
            let journal = self.journals.entry(exchange.journal).or_default();
            journal.push((at.now, exchange.append.clone()));
        }
    }

    fn news(&self, exchange: Option<&Exchange>, at: When) -> News {
        let Some(exchange) = exchange else { return News::default() };
        let journal = self.journals.get(&exchange.journal).map_or(&[][..], Vec::as_slice);
        let young = |entry: Timestamp| {
            millis(at.now.since(entry)) < millis(JOURNAL_LIFE) && entry <= at.horizon
        };
        News {
            entries: (1..)
                .zip(journal)
                .filter(|(number, (at, _))| *number > exchange.after && young(*at))
                .map(|(number, (_, entry))| (number, entry.clone()))
                .collect(),
            latest: u64::try_from(journal.len()).unwrap_or(u64::MAX),
        }
    }
}

enum Refused {
    Stale { document: Pseudonym, version: u64 },
    NonceSpent { index: usize },
    ChallengeGone,
    Exhausted { index: usize, wait: Wait },
}

fn exhausted(index: usize, wait: Wait) -> Verdict {
    Verdict::Exhausted { index, retry_after: Duration::from_millis(wait) }
}

fn window(observation: &Observation) -> Limit {
    Limit::Window { max: u64::MAX, span_ms: observation.span_ms }
}
