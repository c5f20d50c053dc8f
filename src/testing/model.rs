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
    Admission, Admitted, ChallengeState, ChallengeWrite, Charge, Document, Exchange, JOURNAL_LIFE,
    Mark, News, Observation, Reading, Redeemed, Redemption, Settlement, SteadyClock, StoreError,
    Tallies, TallyQuery, Verdict, VoidCode,
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

impl ModelStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A copy of everything it holds.
    #[must_use]
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
        let now = admission.now;
        if self.granted.get(&admission.id).is_some_and(|granted| now < granted.remember) {
            return Admitted::Granted {
                counts: self.counts(&admission.charges, now),
                observed: self.observed(&admission.observe, now),
                news: self.news(admission.exchange.as_ref(), now),
            };
        }
        let answer = self.decide(admission);
        self.observe(&admission.observe, now);
        self.append(admission.exchange.as_ref(), now);
        match answer {
            Err(Refused::Stale { document, version }) => Admitted::Stale { document, version },
            Err(Refused::NonceSpent { index }) => Admitted::NonceSpent { index },
            Err(Refused::ChallengeGone) => Admitted::ChallengeGone,
            Err(Refused::Exhausted { index, wait }) => Admitted::Exhausted {
                index,
                retry_after: Duration::from_millis(wait),
                counts: self.counts(&admission.charges, now),
                observed: self.observed(&admission.observe, now),
                news: self.news(admission.exchange.as_ref(), now),
            },
            Ok(()) => Admitted::Granted {
                counts: self.counts(&admission.charges, now),
                observed: self.observed(&admission.observe, now),
                news: self.news(admission.exchange.as_ref(), now),
            },
        }
    }

    /// Checks everything, then does everything.
    fn decide(&mut self, admission: &Admission) -> Result<(), Refused> {
        let now = admission.now;
        let guards = admission.guards.iter().map(|guard| (guard.document, guard.version));
        let writes = admission.documents.iter().map(|write| (write.document, write.expect));
        for (document, expected) in guards.chain(writes) {
            let version = self.documents.get(&document).map_or(0, |found| found.version);
            if version != expected {
                return Err(Refused::Stale { document, version });
            }
        }
        for (index, nonce) in admission.nonces.iter().enumerate() {
            if self.nonces.get(&nonce.key).is_some_and(|expires| now < *expires) {
                return Err(Refused::NonceSpent { index });
            }
        }
        let challenge = match &admission.challenge {
            None => None,
            Some(write) => Some(self.written(write, now).ok_or(Refused::ChallengeGone)?),
        };
        let meters = self
            .charged(&admission.charges, now)
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
    fn written(&self, write: &ChallengeWrite, now: Timestamp) -> Option<(Pseudonym, Challenge)> {
        match write {
            ChallengeWrite::Open { key, digest, expires, closes, attempts } => {
                let fresh = Challenge {
                    opened: now,
                    closes: *closes,
                    attempts: *attempts,
                    used: 0,
                    consumed: false,
                    codes: vec![(*digest, *expires)],
                    expires: *expires,
                    last: None,
                };
                self.open(key, now).is_none().then_some((*key, fresh))
            }
            ChallengeWrite::Renew { key, digest, expires, keep_previous } => {
                let mut renewed = self.open(key, now)?.clone();
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

    /// The challenge, unless it has closed.
    fn open(&self, key: &Pseudonym, now: Timestamp) -> Option<&Challenge> {
        self.challenges.get(key).filter(|challenge| now < challenge.closes)
    }

    fn settle(&mut self, settlement: &Settlement) {
        let now = settlement.now;
        self.observe(&settlement.observe, now);
        self.append(settlement.exchange.as_ref(), now);
        let Some(granted) = self.granted.get_mut(&settlement.admission) else { return };
        if granted.settled || now >= granted.remember {
            return;
        }
        granted.settled = true;
        for refund in &settlement.refunds {
            if !self.waived(refund.waiver, refund.charged) {
                let meter = self.meters.entry(refund.key).or_default();
                let charged = refund.charged.as_millis();
                meter.refund(refund.limit, refund.cost, charged, now.as_millis());
            }
        }
        if let Some(VoidCode { challenge, digest }) = &settlement.void
            && let Some(challenge) = self.challenges.get_mut(challenge)
        {
            challenge.codes.retain(|(kept, _)| kept != digest);
        }
    }

    fn redeem(&mut self, redemption: &Redemption) -> Redeemed {
        let now = redemption.now;
        let seen = self.open(&redemption.challenge, now).and_then(|challenge| challenge.last);
        let verdict = match seen {
            Some((id, verdict)) if id == redemption.id => verdict,
            _ => {
                let verdict = self.attempt(redemption);
                self.observe(&redemption.observe, now);
                if !matches!(verdict, Verdict::Accepted { .. }) {
                    self.observe(&redemption.observe_failure, now);
                }
                self.append(redemption.exchange.as_ref(), now);
                verdict
            }
        };
        let mut observed = self.observed(&redemption.observe, now);
        observed.extend(self.observed(&redemption.observe_failure, now));
        Redeemed { verdict, observed, news: self.news(redemption.exchange.as_ref(), now) }
    }

    fn attempt(&mut self, redemption: &Redemption) -> Verdict {
        let now = redemption.now;
        let charged = match self.charged(&redemption.charges, now) {
            Ok(meters) => meters,
            Err((index, wait)) => return exhausted(index, wait),
        };
        let dead = match self.open(&redemption.challenge, now) {
            None => Some(Verdict::Unknown),
            Some(challenge) if challenge.consumed => Some(Verdict::Consumed),
            Some(challenge) if challenge.used >= challenge.attempts => Some(Verdict::Locked),
            Some(challenge) if challenge.codes.iter().all(|(_, expires)| now >= *expires) => {
                Some(Verdict::Expired)
            }
            Some(_) => None,
        };
        if let Some(verdict) = dead {
            self.meters = charged;
            return verdict;
        }
        let all: Vec<Charge> =
            redemption.charges.iter().chain(&redemption.subject_charges).copied().collect();
        match self.charged(&all, now) {
            Ok(meters) => self.meters = meters,
            Err((index, wait)) => return exhausted(index, wait),
        }
        self.compare(redemption)
    }

    /// Counts the attempt, compares, consumes. The challenge is live and everything is paid.
    fn compare(&mut self, redemption: &Redemption) -> Verdict {
        let now = redemption.now;
        let Some(challenge) = self.challenges.get_mut(&redemption.challenge) else {
            return Verdict::Unknown;
        };
        challenge.used = challenge.used.saturating_add(1);
        let live = challenge.codes.iter().filter(|(_, expires)| now < *expires);
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
                meter.credit(credit.limit, credit.amount);
            }
            redemption.marks.iter().for_each(|mark| self.mark(mark, now));
        }
        verdict
    }

    fn tally(&self, query: &TallyQuery) -> Tallies {
        let now = query.now;
        let read = |key: &MeterKey| self.meters.get(key).cloned().unwrap_or_default();
        Tallies {
            meters: query
                .meters
                .iter()
                .map(|question| {
                    let meter = read(&question.key);
                    let judged = meter.judge(question.limit, question.cost, now.as_millis());
                    let wait = judged.err().filter(|_| question.cost > 0).unwrap_or(0);
                    Reading {
                        count: meter.count(question.limit, now.as_millis()),
                        retry_after: Duration::from_millis(wait),
                    }
                })
                .collect(),
            marks: query
                .marks
                .iter()
                .map(|key| self.marks.get(key).copied().filter(|(_, until)| now < *until))
                .collect(),
            challenges: query.challenges.iter().map(|key| self.state(key, now)).collect(),
            documents: query
                .documents
                .iter()
                .map(|key| self.documents.get(key).cloned().unwrap_or_default())
                .collect(),
            news: query.journal.map_or_else(News::default, |(journal, after)| {
                self.news(Some(&Exchange { journal, append: Vec::new(), after }), now)
            }),
        }
    }

    fn state(&self, key: &Pseudonym, now: Timestamp) -> ChallengeState {
        match self.open(key, now) {
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

    /// The meters after all of `charges`, or the index and wait of the one that waits longest. A
    /// charge that does not fit leaves its meter as it finds it.
    fn charged(
        &self,
        charges: &[Charge],
        now: Timestamp,
    ) -> Result<BTreeMap<MeterKey, Meter>, (usize, Wait)> {
        let mut meters = self.meters.clone();
        let mut longest: Option<(usize, Wait)> = None;
        for (index, charge) in charges.iter().enumerate() {
            if self.waived(charge.waiver, now) {
                continue;
            }
            let meter = meters.entry(charge.key).or_default();
            match meter.judge(charge.limit, charge.cost, now.as_millis()) {
                Ok(()) => meter.charge(charge.limit, charge.cost, now.as_millis()),
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

    fn counts(&self, charges: &[Charge], now: Timestamp) -> Vec<u64> {
        let count = |charge: &Charge| match self.meters.get(&charge.key) {
            Some(meter) if !self.waived(charge.waiver, now) => {
                meter.count(charge.limit, now.as_millis())
            }
            _ => 0,
        };
        charges.iter().map(count).collect()
    }

    fn observe(&mut self, observations: &[Observation], now: Timestamp) {
        for observation in observations {
            let meter = self.meters.entry(observation.key).or_default();
            meter.charge(window(observation), observation.units, now.as_millis());
        }
    }

    fn observed(&self, observations: &[Observation], now: Timestamp) -> Vec<u64> {
        let count = |observation: &Observation| {
            let meter = self.meters.get(&observation.key);
            meter.map_or(0, |meter| meter.count(window(observation), now.as_millis()))
        };
        observations.iter().map(count).collect()
    }

    fn mark(&mut self, mark: &Mark, now: Timestamp) {
        let (mut from, mut until) = (mark.from, mark.until);
        if let Some((earlier, later)) = self.marks.get(&mark.key)
            && now < *later
        {
            from = from.min(*earlier);
            until = until.max(*later);
        }
        self.marks.insert(mark.key, (from, until));
    }

    fn append(&mut self, exchange: Option<&Exchange>, now: Timestamp) {
        if let Some(exchange) = exchange.filter(|exchange| !exchange.append.is_empty()) {
            let journal = self.journals.entry(exchange.journal).or_default();
            journal.push((now, exchange.append.clone()));
        }
    }

    fn news(&self, exchange: Option<&Exchange>, now: Timestamp) -> News {
        let Some(exchange) = exchange else { return News::default() };
        let journal = self.journals.get(&exchange.journal).map_or(&[][..], Vec::as_slice);
        let young = |at: Timestamp| millis(now.since(at)) < millis(JOURNAL_LIFE);
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
