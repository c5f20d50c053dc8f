//! A store over maps behind one lock: where a host's own database would be, its transaction.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use otpgate::store::{
    Admission, Admitted, ChallengeState, Charge, ClockCheck, Document, Exchange, GRACE,
    JOURNAL_LIFE, News, Reading, Redeemed, Redemption, Settlement, SteadyClock, StoreError,
    StoreErrorKind, Tallies, TallyQuery, Verdict,
};
use otpgate::{Pseudonym, RequestId, Store, Timestamp};

use crate::challenge::Challenge;
use crate::sheet::{Moment, Sheet, Subjects};

/// Everything, by realm.
#[derive(Debug)]
pub struct HostStore {
    realms: Mutex<HashMap<Pseudonym, Realm>>,
    capacity: usize,
    clock: SteadyClock,
}

#[derive(Debug, Default)]
struct Realm {
    subjects: Subjects,
    nonces: HashMap<Pseudonym, Timestamp>,
    /// Until when, and whether it is settled.
    admissions: HashMap<RequestId, (Timestamp, bool)>,
    challenges: HashMap<Pseudonym, Challenge>,
    documents: HashMap<Pseudonym, Document>,
    journals: HashMap<Pseudonym, Journal>,
}

#[derive(Debug, Default)]
struct Journal {
    latest: u64,
    entries: VecDeque<(u64, Timestamp, Vec<u8>)>,
}

impl HostStore {
    /// A store that holds at most `capacity` entries in a realm.
    pub fn new(capacity: usize) -> Self {
        Self { realms: Mutex::default(), capacity, clock: SteadyClock::default() }
    }

    /// One call, one step: no other call sees or changes anything meanwhile.
    fn step<T>(
        &self,
        realm: Pseudonym,
        (now, clock): (Timestamp, ClockCheck),
        room: usize,
        step: impl FnOnce(&mut Realm) -> T,
    ) -> Result<T, StoreError> {
        // A host whose database has a clock compares with that: ClockCheck::judge.
        self.clock.judge(clock, now)?;
        let mut realms = self.realms.lock().unwrap_or_else(PoisonError::into_inner);
        let realm = realms.entry(realm).or_default();
        if realm.entries() + room > self.capacity {
            realm.drop_expired(Moment::of(now, clock));
            // What is live is never evicted: a flood costs newcomers their service, nobody a limit.
            if realm.entries() + room > self.capacity {
                return Err(StoreError::new(StoreErrorKind::Full, "all entries are live"));
            }
        }
        Ok(step(realm))
    }
}

impl Realm {
    fn entries(&self) -> usize {
        let journals: usize = self.journals.values().map(|it| 1 + it.entries.len()).sum();
        let once = self.nonces.len() + self.admissions.len();
        self.subjects.len() + once + self.challenges.len() + self.documents.len() + journals
    }

    /// Never before [`GRACE`] has passed: gates' clocks differ.
    fn drop_expired(&mut self, Moment { now, horizon }: Moment) {
        let live = |end: Timestamp| now < end + GRACE;
        self.subjects.retain(|_, ledger| live(ledger.over_at()));
        self.nonces.retain(|_, expires| live(*expires));
        self.admissions.retain(|_, (remember, _)| live(*remember));
        self.challenges.retain(|_, challenge| live(challenge.closes));
        for journal in self.journals.values_mut() {
            journal.entries.retain(|(_, at, _)| live(*at + JOURNAL_LIFE) && *at <= horizon);
        }
    }

    fn version(&self, document: Pseudonym) -> u64 {
        self.documents.get(&document).map_or(0, |held| held.version)
    }

    /// What speaks against an admission apart from its charges.
    fn refusal(&self, it: &Admission) -> Option<Admitted> {
        let guards = it.guards.iter().map(|guard| (guard.document, guard.version));
        let writes = it.documents.iter().map(|write| (write.document, write.expect));
        for (document, expected) in guards.chain(writes) {
            let version = self.version(document);
            if version != expected {
                return Some(Admitted::Stale { document, version });
            }
        }
        let spent = |expires: &Timestamp| it.now < *expires;
        let known = |nonce: &Pseudonym| self.nonces.get(nonce).is_some_and(spent);
        if let Some(index) = it.nonces.iter().position(|nonce| known(&nonce.key)) {
            return Some(Admitted::NonceSpent { index });
        }
        let write = it.challenge.as_ref()?;
        let held = self.challenges.get(&name(write));
        (!Challenge::takes(held, write, Moment::of(it.now, it.clock)))
            .then_some(Admitted::ChallengeGone)
    }

    fn admit(&mut self, it: &Admission) -> Admitted {
        let at = Moment::of(it.now, it.clock);
        let exchange = it.exchange.as_ref();
        if self.admissions.get(&it.id).is_some_and(|(remember, _)| it.now < *remember) {
            // A repeat after a lost acknowledgement: nothing happens twice.
            let sheet = Sheet::new(&self.subjects, at);
            let (counts, observed) = (sheet.counts(&it.charges), sheet.observed(&it.observe));
            return Admitted::Granted { counts, step: 1, observed, news: self.news(exchange, at) };
        }
        if let Some(refusal) = self.refusal(it) {
            let mut sheet = Sheet::new(&self.subjects, at);
            sheet.observe(&it.observe);
            self.keep(sheet.into_changed());
            self.append(exchange, it.now);
            return refusal;
        }
        let mut sheet = Sheet::new(&self.subjects, at);
        let unfit = sheet.charge(&it.charges);
        if unfit.is_some() {
            // Nothing of it is kept, but that meters heal; what only counts is counted all the same.
            sheet = Sheet::new(&self.subjects, at);
            sheet.heal_all(&it.charges);
        }
        sheet.observe(&it.observe);
        let (counts, observed) = (sheet.counts(&it.charges), sheet.observed(&it.observe));
        let changed = sheet.into_changed();
        self.keep(changed);
        self.append(exchange, it.now);
        let news = self.news(exchange, at);
        if let Some((index, retry_after)) = unfit {
            return Admitted::Exhausted { index, retry_after, counts, observed, news };
        }
        self.admissions.insert(it.id, (it.remember, false));
        self.nonces.extend(it.nonces.iter().map(|nonce| (nonce.key, nonce.expires)));
        if let Some(write) = &it.challenge
            && let Some(written) =
                Challenge::written(self.challenges.get(&name(write)), write, it.now)
        {
            self.challenges.insert(name(write), written);
        }
        for write in &it.documents {
            let document = Document { version: write.expect + 1, content: write.content.clone() };
            self.documents.insert(write.document, document);
        }
        Admitted::Granted { counts, step: 1, observed, news }
    }

    fn settle(&mut self, it: &Settlement) {
        let at = Moment::of(it.now, it.clock);
        let mut sheet = Sheet::new(&self.subjects, at);
        let first = self
            .admissions
            .get_mut(&it.admission)
            .filter(|(remember, settled)| it.now < *remember && !settled);
        if let Some((_, settled)) = first {
            *settled = true;
            it.refunds.iter().for_each(|refund| sheet.refund(refund));
            if let Some(void) = &it.void
                && let Some(challenge) = self.challenges.get_mut(&void.challenge)
            {
                challenge.void(void);
            }
        }
        sheet.observe(&it.observe);
        let changed = sheet.into_changed();
        self.keep(changed);
        self.append(it.exchange.as_ref(), it.now);
    }

    fn redeem(&mut self, it: &Redemption) -> Redeemed {
        let at = Moment::of(it.now, it.clock);
        let held = self.challenges.get_mut(&it.challenge);
        let (repeated, dead) =
            held.as_ref().map_or((None, Some(Verdict::Unknown)), |held| held.settled(it.id, at));
        let mut sheet = Sheet::new(&self.subjects, at);
        let verdict = if let Some(verdict) = repeated {
            verdict
        } else {
            // The attempt is paid before anything is compared.
            let both: Vec<Charge> = match dead {
                Some(_) => it.charges.clone(),
                None => [&*it.charges, &*it.subject_charges].concat(),
            };
            // Of charges that do not fit, those of the client count before those of the subject.
            let client = Sheet::new(&self.subjects, at).charge(&it.charges);
            let judged = if client.is_some() { &it.charges } else { &both };
            let unfit = client.or_else(|| sheet.charge(&both));
            let verdict = match (unfit, dead, held) {
                (Some((index, retry_after)), ..) => {
                    sheet = Sheet::new(&self.subjects, at);
                    sheet.heal_all(judged);
                    Verdict::Exhausted { index, retry_after }
                }
                (None, Some(dead), _) => dead,
                (None, None, Some(held)) => held.attempt(it.id, &it.digests, it.now),
                (None, None, None) => Verdict::Unknown,
            };
            if let Verdict::Accepted { .. } = verdict {
                sheet.reward(&it.reset, &it.credits, &it.marks);
            } else {
                sheet.observe(&it.observe_failure);
            }
            sheet.observe(&it.observe);
            verdict
        };
        let mut observed = sheet.observed(&it.observe);
        observed.extend(sheet.observed(&it.observe_failure));
        let changed = sheet.into_changed();
        self.keep(changed);
        if repeated.is_none() {
            self.append(it.exchange.as_ref(), it.now);
        }
        Redeemed { verdict, observed, news: self.news(it.exchange.as_ref(), at) }
    }

    fn tally(&self, it: &TallyQuery) -> Tallies {
        let at = Moment::of(it.now, it.clock);
        let sheet = Sheet::new(&self.subjects, at);
        let meter = |question: &otpgate::store::MeterQuery| {
            let ledger = sheet.found(question.key, &question.limit);
            let (slot, limit, now) = (question.key.slot, &question.limit, it.now);
            let wait = match question.cost {
                0 => None,
                cost => ledger.quote(slot, limit, now, cost).err(),
            };
            Reading { count: ledger.count(slot, limit, now), retry_after: wait.unwrap_or_default() }
        };
        let mark = |key: &otpgate::limit::MeterKey| {
            sheet.read(key.subject)?.mark(key.slot).filter(|(_, until)| it.now < *until)
        };
        let state = |name: &Pseudonym| {
            self.challenges.get(name).map_or(ChallengeState::Unknown, |held| held.state(at))
        };
        let document = |name: &Pseudonym| self.documents.get(name).cloned().unwrap_or_default();
        let exchange =
            it.journal.map(|(journal, after)| Exchange { journal, append: Vec::new(), after });
        Tallies {
            meters: it.meters.iter().map(meter).collect(),
            marks: it.marks.iter().map(mark).collect(),
            challenges: it.challenges.iter().map(state).collect(),
            documents: it.documents.iter().map(document).collect(),
            news: self.news(exchange.as_ref(), at),
        }
    }

    fn keep(&mut self, changed: Subjects) {
        self.subjects.extend(changed);
    }

    fn append(&mut self, exchange: Option<&Exchange>, now: Timestamp) {
        let Some(exchange) = exchange.filter(|exchange| !exchange.append.is_empty()) else {
            return;
        };
        let journal = self.journals.entry(exchange.journal).or_default();
        journal.latest += 1;
        journal.entries.push_back((journal.latest, now, exchange.append.clone()));
    }

    fn news(&self, exchange: Option<&Exchange>, at: Moment) -> News {
        let Some(exchange) = exchange else { return News::default() };
        let Some(journal) = self.journals.get(&exchange.journal) else { return News::default() };
        let wanted = |(number, then, _): &&(u64, Timestamp, Vec<u8>)| {
            let young = at.now.since(*then) < JOURNAL_LIFE && *then <= at.horizon;
            *number > exchange.after && young
        };
        let entries = journal.entries.iter().filter(wanted);
        News {
            entries: entries.map(|(number, _, entry)| (*number, entry.clone())).collect(),
            latest: journal.latest,
        }
    }
}

fn name(write: &otpgate::store::ChallengeWrite) -> Pseudonym {
    use otpgate::store::ChallengeWrite::{Open, Renew};
    match write {
        Open { key, .. } | Renew { key, .. } => *key,
    }
}

#[async_trait]
impl Store for HostStore {
    async fn admit(&self, it: &Admission) -> Result<Admitted, StoreError> {
        let room = 3 + it.charges.len() + it.observe.len() + it.nonces.len() + it.documents.len();
        self.step(it.realm, (it.now, it.clock), room, |realm| realm.admit(it))
    }

    async fn settle(&self, it: &Settlement) -> Result<(), StoreError> {
        self.step(it.realm, (it.now, it.clock), 0, |realm| realm.settle(it))
    }

    async fn redeem(&self, it: &Redemption) -> Result<Redeemed, StoreError> {
        self.step(it.realm, (it.now, it.clock), 0, |realm| realm.redeem(it))
    }

    async fn tally(&self, it: &TallyQuery) -> Result<Tallies, StoreError> {
        self.step(it.realm, (it.now, it.clock), 0, |realm| realm.tally(it))
    }
}
