//! What is sent: the port's messages as keys and one packed argument.

use crate::base::id::Pseudonym;
use crate::base::time::{Timestamp, millis};
use crate::limit::{Limit, MeterKey, bucket_ms};
use crate::store::{
    Admission, ChallengeWrite, Charge, ClockCheck, Exchange, Observation, Redemption, Settlement,
    TallyQuery,
};

use super::answer::Seen;
use super::keys::{Keys, Kind};
use super::pack::{MOST, Packer};

/// One of the four scripts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Verb {
    Admit,
    Settle,
    Redeem,
    Tally,
}

impl Verb {
    pub(super) const ALL: [Self; 4] = [Self::Admit, Self::Settle, Self::Redeem, Self::Tally];

    /// The script's text: the shared part, then its own.
    pub(super) const fn script(self) -> &'static str {
        match self {
            Self::Admit => concat!(include_str!("prelude.lua"), include_str!("admit.lua")),
            Self::Settle => concat!(include_str!("prelude.lua"), include_str!("settle.lua")),
            Self::Redeem => concat!(include_str!("prelude.lua"), include_str!("redeem.lua")),
            Self::Tally => concat!(include_str!("prelude.lua"), include_str!("tally.lua")),
        }
    }

    pub(super) const fn index(self) -> usize {
        self as usize
    }
}

/// A call, complete but for what only the connection knows.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) verb: Verb,
    pub(super) realm: Pseudonym,
    pub(super) now: Timestamp,
    pub(super) clock: ClockCheck,
    pub(super) keys: Keys,
    /// How many of the keys, from the first, have values that the script reads.
    pub(super) reads: usize,
    pub(super) body: Packer,
}

/// A journal's two keys, and which message goes with them.
struct Journal<'a> {
    latest: u64,
    after: u64,
    append: &'a [u8],
    name: Pseudonym,
}

impl Call {
    pub(super) fn admit(admission: &Admission) -> Self {
        let mut keys = Keys::of(admission.realm);
        keys.call(admission.id);
        let mut body = Packer::with_capacity(1024);
        body.number(admission.remember.as_millis().min(MOST >> 1));

        let guards = admission.guards.iter().map(|guard| (guard.document, guard.version));
        let writes = admission.documents.iter().map(|write| (write.document, write.expect));
        body.array(admission.guards.len().saturating_add(admission.documents.len()));
        for (document, version) in guards.chain(writes) {
            let key = keys.number(Kind::Version, document);
            body.array(2).numbers(&[key, version]);
        }
        body.array(admission.nonces.len());
        for nonce in &admission.nonces {
            let key = keys.number(Kind::Nonce, nonce.key);
            body.array(2).numbers(&[key, nonce.expires.as_millis()]);
        }

        // Contents are not read, so their keys come after all that are.
        let mut tail = Packer::with_capacity(1024);
        opening(&mut tail, &mut keys, admission.challenge.as_ref());
        charges(&mut tail, &mut keys, &admission.charges);
        observations(&mut tail, &mut keys, &admission.observe);
        let journal = Journal::of(&mut keys, admission.exchange.as_ref());
        let reads = keys.len();

        body.array(admission.documents.len());
        for write in &admission.documents {
            let version = keys.number(Kind::Version, write.document);
            let content = keys.number(Kind::Document, write.document);
            body.array(4).numbers(&[version, write.expect, content]).bytes(&write.content);
        }
        body.raw(tail.as_slice());
        exchange(&mut body, &mut keys, journal);
        let (realm, now, clock) = (admission.realm, admission.now, admission.clock);
        Self { verb: Verb::Admit, realm, now, clock, keys, reads, body }
    }

    pub(super) fn settle(settlement: &Settlement) -> Self {
        let mut keys = Keys::of(settlement.realm);
        keys.call(settlement.admission);
        let mut body = Packer::with_capacity(512);
        body.array(settlement.refunds.len());
        for refund in &settlement.refunds {
            let mut record = Record::of(&mut keys, refund.key, &refund.limit, refund.cost);
            record.waive(&mut keys, refund.waiver);
            body.array(12).numbers(&record.fields()).number(refund.charged.as_millis());
        }
        match &settlement.void {
            None => body.number(0).bytes(&[]),
            Some(void) => {
                let challenge = keys.number(Kind::Challenge, void.challenge);
                body.number(challenge).bytes(&void.digest)
            }
        };
        observations(&mut body, &mut keys, &settlement.observe);
        let journal = Journal::of(&mut keys, settlement.exchange.as_ref());
        let reads = keys.len();
        exchange(&mut body, &mut keys, journal);
        let (realm, now, clock) = (settlement.realm, settlement.now, settlement.clock);
        Self { verb: Verb::Settle, realm, now, clock, keys, reads, body }
    }

    pub(super) fn redeem(redemption: &Redemption) -> Self {
        let mut keys = Keys::of(redemption.realm);
        let mut body = Packer::with_capacity(1024);
        body.bytes(redemption.id.as_bytes());
        body.number(keys.number(Kind::Challenge, redemption.challenge));
        body.length(redemption.digests.len().saturating_mul(32));
        for digest in &redemption.digests {
            body.raw(digest);
        }
        charges(&mut body, &mut keys, &redemption.charges);
        charges(&mut body, &mut keys, &redemption.subject_charges);
        body.array(redemption.reset.len());
        for meter in &redemption.reset {
            let key = keys.number(Kind::Subject, meter.subject);
            body.array(2).numbers(&[key, u64::from(meter.slot.0)]);
        }
        // For the other rules a credit changes nothing.
        let credits: Vec<_> = redemption
            .credits
            .iter()
            .filter(|credit| {
                matches!(credit.limit, Limit::Budget { .. } | Limit::Unverified { .. })
            })
            .collect();
        body.array(credits.len());
        for credit in credits {
            let record = Record::of(&mut keys, credit.key, &credit.limit, credit.amount);
            record.write(&mut body);
        }
        body.array(redemption.marks.len());
        for mark in &redemption.marks {
            let key = keys.number(Kind::Subject, mark.key.subject);
            let (from, until) = (mark.from.as_millis(), mark.until.as_millis());
            body.array(4).numbers(&[key, u64::from(mark.key.slot.0), from, until]);
        }
        observations(&mut body, &mut keys, &redemption.observe);
        observations(&mut body, &mut keys, &redemption.observe_failure);
        let journal = Journal::of(&mut keys, redemption.exchange.as_ref());
        let reads = keys.len();
        exchange(&mut body, &mut keys, journal);
        let (realm, now, clock) = (redemption.realm, redemption.now, redemption.clock);
        Self { verb: Verb::Redeem, realm, now, clock, keys, reads, body }
    }

    pub(super) fn tally(query: &TallyQuery) -> Self {
        let mut keys = Keys::of(query.realm);
        let mut body = Packer::with_capacity(512);
        body.array(query.meters.len());
        for question in &query.meters {
            let record = Record::of(&mut keys, question.key, &question.limit, question.cost);
            record.write(&mut body);
        }
        body.array(query.marks.len());
        for mark in &query.marks {
            let key = keys.number(Kind::Subject, mark.subject);
            body.array(2).numbers(&[key, u64::from(mark.slot.0)]);
        }
        body.array(query.challenges.len());
        for challenge in &query.challenges {
            body.number(keys.number(Kind::Challenge, *challenge));
        }
        body.array(query.documents.len());
        for document in &query.documents {
            let version = keys.number(Kind::Version, *document);
            let content = keys.number(Kind::Document, *document);
            body.array(2).numbers(&[version, content]);
        }
        let journal = query.journal.map(|(name, after)| {
            let latest = keys.number(Kind::Latest, name);
            Journal { latest, after, append: &[], name }
        });
        let reads = keys.len();
        exchange(&mut body, &mut keys, journal);
        let (realm, now, clock) = (query.realm, query.now, query.clock);
        Self { verb: Verb::Tally, realm, now, clock, keys, reads, body }
    }

    /// The script's one argument: what every verb begins with, then the verb's own.
    pub(super) fn argument(&self, run: [u8; 8], seen: Seen) -> Packer {
        let body = self.body.as_slice();
        let mut argument = Packer::with_capacity(body.len().saturating_add(48));
        let reads = u64::try_from(self.reads).unwrap_or(u64::MAX);
        argument.number(self.now.as_millis()).bytes(&run);
        let skew = self.clock.skew().map_or(MOST, millis);
        argument.numbers(&[seen.epoch, seen.sequence, reads, skew]).raw(body);
        argument
    }
}

impl<'a> Journal<'a> {
    fn of(keys: &mut Keys, exchange: Option<&'a Exchange>) -> Option<Self> {
        exchange.map(|exchange| Self {
            latest: keys.number(Kind::Latest, exchange.journal),
            after: exchange.after,
            append: &exchange.append,
            name: exchange.journal,
        })
    }
}

/// A charge as the scripts see it: subject, slot, the waiver's two, cost, kind, the limit's five.
struct Record([u64; 11]);

impl Record {
    fn of(keys: &mut Keys, key: MeterKey, limit: &Limit, cost: u64) -> Self {
        let subject = keys.number(Kind::Subject, key.subject);
        let [kind, a, b, c, d, e] = numbers(limit);
        Self([subject, u64::from(key.slot.0), 0, 0, cost, kind, a, b, c, d, e])
    }

    fn waive(&mut self, keys: &mut Keys, waiver: Option<MeterKey>) {
        if let (Some(waiver), [_, _, subject, slot, ..]) = (waiver, &mut self.0) {
            *subject = keys.number(Kind::Subject, waiver.subject);
            *slot = u64::from(waiver.slot.0);
        }
    }

    fn fields(&self) -> [u64; 11] {
        self.0
    }

    /// Only as many of the limit's numbers as its kind has.
    fn write(&self, body: &mut Packer) {
        let [.., kind, _, _, _, _, _] = self.0;
        let length = match kind {
            1 => 8,
            2 | 3 => 9,
            _ => 11,
        };
        body.array(length).numbers(self.0.get(..length).unwrap_or_default());
    }
}

/// The kind of state that a limit judges, and its numbers, brought into the range that
/// [`Limit`] lays down for values that make no sense.
fn numbers(limit: &Limit) -> [u64; 6] {
    match *limit {
        Limit::Spacing { interval_ms: interval, burst }
        | Limit::Unverified { drain_ms: interval, max: burst } => {
            let interval = interval.max(1);
            [1, interval, interval.saturating_mul(burst), 0, 0, 0]
        }
        Limit::Ladder { first_ms, longest_ms, forget_ms } => {
            [2, first_ms, longest_ms, forget_ms.max(longest_ms).max(1), 0, 0]
        }
        Limit::Window { max, span_ms } | Limit::Budget { max, span_ms } => {
            [3, max, span_ms.max(1), bucket_ms(span_ms.max(1)), 0, 0]
        }
        Limit::Failures { max, pause_after, pause_ms, longest_ms, forget_ms } => {
            [4, max, pause_after, pause_ms, longest_ms, forget_ms.max(longest_ms).max(1)]
        }
    }
}

fn charges(body: &mut Packer, keys: &mut Keys, charges: &[Charge]) {
    body.array(charges.len());
    for charge in charges {
        let mut record = Record::of(keys, charge.key, &charge.limit, charge.cost);
        record.waive(keys, charge.waiver);
        record.write(body);
    }
}

fn observations(body: &mut Packer, keys: &mut Keys, observations: &[Observation]) {
    body.array(observations.len());
    for observation in observations {
        let limit = Limit::Window { max: u64::MAX, span_ms: observation.span_ms };
        Record::of(keys, observation.key, &limit, observation.units).write(body);
    }
}

fn opening(body: &mut Packer, keys: &mut Keys, write: Option<&ChallengeWrite>) {
    match write {
        None => drop(body.number(0)),
        Some(ChallengeWrite::Open { key, digest, expires, closes, attempts }) => {
            let key = keys.number(Kind::Challenge, *key);
            body.array(6).numbers(&[key, 1]).bytes(digest).number(expires.as_millis());
            body.number(closes.as_millis()).number(u64::from(*attempts));
        }
        Some(ChallengeWrite::Renew { key, digest, expires, keep_previous }) => {
            let key = keys.number(Kind::Challenge, *key);
            let how = if *keep_previous { 2 } else { 3 };
            body.array(4).numbers(&[key, how]).bytes(digest).number(expires.as_millis());
        }
    }
}

/// The last key of a call: a list, which is not read with the strings.
fn exchange(body: &mut Packer, keys: &mut Keys, journal: Option<Journal<'_>>) {
    match journal {
        None => drop(body.number(0)),
        Some(Journal { latest, after, append, name }) => {
            let list = keys.number(Kind::Journal, name);
            body.array(4).numbers(&[latest, list, after]).bytes(append);
        }
    }
}
