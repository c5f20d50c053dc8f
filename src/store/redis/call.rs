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

    /// The script's text: the shared parts, then its own.
    pub(super) const fn script(self) -> &'static str {
        match self {
            Self::Admit => concat!(
                include_str!("prelude.lua"),
                include_str!("calls.lua"),
                include_str!("admit.lua"),
                include_str!("write.lua"),
                include_str!("grant.lua")
            ),
            Self::Settle => concat!(
                include_str!("prelude.lua"),
                include_str!("calls.lua"),
                include_str!("restore.lua"),
                include_str!("settle.lua"),
                include_str!("write.lua"),
                include_str!("settled.lua")
            ),
            Self::Redeem => concat!(
                include_str!("prelude.lua"),
                include_str!("restore.lua"),
                include_str!("redeem.lua"),
                include_str!("write.lua"),
                include_str!("redeemed.lua")
            ),
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
        body.bytes(admission.id.as_bytes());
        body.number(admission.remember.as_millis().min(MOST >> 1));
        body.number(u64::from(names_twice(admission)));

        let guards = admission.guards.iter().map(|guard| (guard.document, guard.version));
        let writes = admission.documents.iter().map(|write| (write.document, write.expect));
        let mut list = Flat::default();
        for (document, version) in guards.chain(writes) {
            list.numbers(&[keys.number(Kind::Version, document), version]);
        }
        list.write(&mut body);
        let mut list = Flat::default();
        for nonce in &admission.nonces {
            list.numbers(&[keys.number(Kind::Nonce, nonce.key)]);
            // As the script writes it.
            list.text(nonce.expires.as_millis().min(MOST).to_string().as_bytes());
        }
        list.write(&mut body);

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
        body.bytes(settlement.admission.as_bytes());
        let (mut list, mut times) = (Records::default(), Flat::default());
        for refund in &settlement.refunds {
            list.push(&mut keys, refund.key, &refund.limit, refund.cost, refund.waiver);
            times.numbers(&[refund.charged.as_millis()]);
        }
        list.write(&mut body);
        times.write(&mut body);
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
        places(&mut body, &mut keys, &redemption.reset);
        // For the other rules a credit changes nothing.
        let credits = redemption.credits.iter().filter(|credit| {
            matches!(credit.limit, Limit::Budget { .. } | Limit::Unverified { .. })
        });
        let mut list = Records::default();
        for credit in credits {
            list.push(&mut keys, credit.key, &credit.limit, credit.amount, None);
        }
        list.write(&mut body);
        let mut list = Flat::default();
        for mark in &redemption.marks {
            let key = keys.number(Kind::Subject, mark.key.subject);
            let (from, until) = (mark.from.as_millis(), mark.until.as_millis());
            list.numbers(&[key, u64::from(mark.key.slot.0), from, until]);
        }
        list.write(&mut body);
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
        let mut list = Records::default();
        for question in &query.meters {
            list.push(&mut keys, question.key, &question.limit, question.cost, None);
        }
        list.write(&mut body);
        places(&mut body, &mut keys, &query.marks);
        body.array(query.challenges.len());
        for challenge in &query.challenges {
            body.number(keys.number(Kind::Challenge, *challenge));
        }
        let mut list = Flat::default();
        for document in &query.documents {
            let version = keys.number(Kind::Version, *document);
            list.numbers(&[version, keys.number(Kind::Document, *document)]);
        }
        list.write(&mut body);
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

/// Whether two charges or observations are of one meter.
fn names_twice(admission: &Admission) -> bool {
    let charges = admission.charges.iter().map(|charge| charge.key);
    let mut meters: Vec<_> =
        charges.chain(admission.observe.iter().map(|observation| observation.key)).collect();
    meters.sort_unstable();
    meters.windows(2).any(|pair| matches!(pair, [one, other] if one == other))
}

/// A list of values that says only at its end how many there are: for a script one flat list is one
/// table, and a list of lists one for each.
#[derive(Default)]
struct Flat {
    values: Packer,
    length: usize,
}

impl Flat {
    fn numbers(&mut self, values: &[u64]) {
        self.values.numbers(values);
        self.length = self.length.saturating_add(values.len());
    }

    fn text(&mut self, text: &[u8]) {
        self.values.bytes(text);
        self.length = self.length.saturating_add(1);
    }

    fn write(&self, body: &mut Packer) {
        body.array(self.length).raw(self.values.as_slice());
    }
}

/// Charges as the scripts see them: records of fixed length, which a script reads without a table.
#[derive(Default)]
struct Records(Vec<u8>);

impl Records {
    /// Subject, kind, slot, cost, three of the limit's numbers; the other two if the kind has them; the
    /// waiver's subject and slot if the kind says so.
    fn push(
        &mut self,
        keys: &mut Keys,
        key: MeterKey,
        limit: &Limit,
        cost: u64,
        waiver: Option<MeterKey>,
    ) {
        let [kind, a, b, c, d, e] = numbers(limit);
        let subject = keys.number(Kind::Subject, key.subject);
        self.number::<2>(subject);
        self.number::<1>(if waiver.is_some() { kind | WAIVED } else { kind });
        self.0.extend(key.slot.0.to_be_bytes());
        for number in [cost, a, b, c] {
            self.number::<7>(number);
        }
        if kind == FAILURES {
            self.number::<7>(d);
            self.number::<7>(e);
        }
        if let Some(waiver) = waiver {
            let subject = keys.number(Kind::Subject, waiver.subject);
            self.number::<2>(subject);
            self.0.extend(waiver.slot.0.to_be_bytes());
        }
    }

    /// The lower `N` bytes.
    fn number<const N: usize>(&mut self, value: u64) {
        let bytes = value.min(MOST).to_be_bytes();
        self.0.extend(bytes.last_chunk::<N>().unwrap_or(&[0; N]));
    }

    fn write(&self, body: &mut Packer) {
        body.bytes(&self.0);
    }
}

/// Added to a charge's kind: a waiver follows.
const WAIVED: u64 = 8;

/// The kind of [`Limit::Failures`], which has two numbers more than the others.
const FAILURES: u64 = 4;

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
            [FAILURES, max, pause_after, pause_ms, longest_ms, forget_ms.max(longest_ms).max(1)]
        }
    }
}

fn charges(body: &mut Packer, keys: &mut Keys, charges: &[Charge]) {
    let mut list = Records::default();
    for charge in charges {
        list.push(keys, charge.key, &charge.limit, charge.cost, charge.waiver);
    }
    list.write(body);
}

fn observations(body: &mut Packer, keys: &mut Keys, observations: &[Observation]) {
    let mut list = Records::default();
    for observation in observations {
        let limit = Limit::Window { max: u64::MAX, span_ms: observation.span_ms };
        list.push(keys, observation.key, &limit, observation.units, None);
    }
    list.write(body);
}

/// Meters or marks by name only.
fn places(body: &mut Packer, keys: &mut Keys, places: &[MeterKey]) {
    let mut list = Flat::default();
    for place in places {
        list.numbers(&[keys.number(Kind::Subject, place.subject), u64::from(place.slot.0)]);
    }
    list.write(body);
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
