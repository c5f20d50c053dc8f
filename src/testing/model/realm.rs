//! What a [`ModelStore`](super::ModelStore) holds of one realm, and its four verbs.

mod counted;

use std::collections::BTreeMap;
use std::time::Duration;

use super::meter::{Meter, Wait};
use crate::base::id::{Pseudonym, RequestId};
use crate::base::mac::Tag;
use crate::base::time::Timestamp;
use crate::limit::{Limit, MeterKey};
use crate::store::{
    Admission, Admitted, ChallengeState, ChallengeWrite, Charge, ClockCheck, Credit, Document,
    Exchange, News, Reading, Redeemed, Redemption, Settlement, Tallies, TallyQuery, Verdict,
    VoidCode,
};

#[derive(Clone, Debug, Default)]
pub(super) struct Realm {
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

impl Realm {
    pub(super) fn admit(&mut self, admission: &Admission) -> Admitted {
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
                // The same code once more takes its own place.
                renewed.codes.pop_if(|newest| newest.0 == *digest);
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

    pub(super) fn settle(&mut self, settlement: &Settlement) {
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

    pub(super) fn redeem(&mut self, redemption: &Redemption) -> Redeemed {
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
            let changes = |credit: &&Credit| {
                matches!(credit.limit, Limit::Budget { .. } | Limit::Unverified { .. })
            };
            for credit in redemption.credits.iter().filter(changes) {
                let meter = self.meters.entry(credit.key).or_default();
                meter.heal(credit.limit, at.now, at.horizon);
                meter.credit(credit.limit, credit.amount);
            }
            redemption.marks.iter().for_each(|mark| self.mark(mark, at));
        }
        verdict
    }

    pub(super) fn tally(&self, query: &TallyQuery) -> Tallies {
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
