//! What is sent: the port's messages as keys and one packed argument.

use crate::base::id::{Pseudonym, RequestId};
use crate::base::time::{Timestamp, millis};
use crate::limit::{Limit, MeterKey, bucket_ms};
use crate::store::{
    Admission, ChallengeWrite, Charge, ClockCheck, Exchange, GRACE, Mark, Nonce, Observation,
    Redemption, Refund, Settlement, TallyQuery,
};

use super::answer::Seen;
use super::keys::{Keys, Kind};
use super::pack::{MOST, Packer};
use super::place::Place;

/// One of the scripts: of the four verbs, and of what partitions do for one another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Verb {
    Admit,
    Settle,
    Redeem,
    Tally,
    Peer,
    Claim,
    Layout,
    Close,
    Present,
    Export,
    Import,
}

impl Verb {
    pub(super) const ALL: [Self; 11] = [
        Self::Admit,
        Self::Settle,
        Self::Redeem,
        Self::Tally,
        Self::Peer,
        Self::Claim,
        Self::Layout,
        Self::Close,
        Self::Present,
        Self::Export,
        Self::Import,
    ];

    /// The script's text: the shared parts, then its own.
    pub(super) const fn script(self) -> &'static str {
        match self {
            Self::Admit => concat!(
                include_str!("format.lua"),
                include_str!("prelude.lua"),
                include_str!("calls.lua"),
                include_str!("admit.lua"),
                include_str!("write.lua"),
                include_str!("grant.lua")
            ),
            Self::Settle => concat!(
                include_str!("format.lua"),
                include_str!("prelude.lua"),
                include_str!("calls.lua"),
                include_str!("restore.lua"),
                include_str!("settle.lua"),
                include_str!("write.lua"),
                include_str!("settled.lua")
            ),
            Self::Redeem => concat!(
                include_str!("format.lua"),
                include_str!("prelude.lua"),
                include_str!("restore.lua"),
                include_str!("redeem.lua"),
                include_str!("write.lua"),
                include_str!("redeemed.lua")
            ),
            Self::Tally => concat!(
                include_str!("format.lua"),
                include_str!("prelude.lua"),
                include_str!("tally.lua")
            ),
            Self::Peer => concat!(
                include_str!("format.lua"),
                include_str!("prelude.lua"),
                include_str!("restore.lua"),
                include_str!("peer.lua"),
                include_str!("write.lua"),
                include_str!("told.lua")
            ),
            Self::Claim => include_str!("claim.lua"),
            Self::Layout => include_str!("layout.lua"),
            Self::Close => include_str!("close.lua"),
            Self::Present => include_str!("present.lua"),
            Self::Export => concat!(
                include_str!("closed.lua"),
                include_str!("prelude.lua"),
                include_str!("export.lua")
            ),
            Self::Import => concat!(
                include_str!("format.lua"),
                include_str!("prelude.lua"),
                include_str!("import.lua")
            ),
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
    /// Entries of earlier calls, which are appended before it.
    earlier: &'a [Vec<u8>],
}

/// How much of a message its call is for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Scope<'a> {
    /// Everything is where the call is made.
    All,
    /// Documents and the journal stand elsewhere; guards go by copies, of which these have just been read.
    /// The charges in `paid` are made elsewhere.
    Part { copies: &'a [(Pseudonym, u64)], paid: &'a [usize] },
}

impl Scope<'_> {
    fn is_all(&self) -> bool {
        matches!(self, Self::All)
    }

    fn paid(&self) -> &[usize] {
        match self {
            Self::All => &[],
            Self::Part { paid, .. } => paid,
        }
    }
}

/// What a partition is to do for a call that is made on another.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Errand<'a> {
    /// Charges to make, each that fits.
    pub(super) taken: &'a [Charge],
    /// Or of each as many units as fit; then those are answered, and no waits.
    pub(super) partly: bool,
    /// What was so charged in vain.
    pub(super) given: &'a [Refund],
    pub(super) marks: &'a [Mark],
    /// Documents that were written, and their versions.
    pub(super) copies: &'a [(Pseudonym, u64)],
    pub(super) exchange: Option<&'a Exchange>,
    /// Entries to append before that of the exchange, if that has one.
    pub(super) earlier: &'a [Vec<u8>],
}

impl Call {
    pub(super) fn admit(admission: &Admission, place: &Place, scope: &Scope<'_>) -> Self {
        let mut keys = Keys::of(place);
        keys.call(admission.id);
        let mut body = Packer::with_capacity(1024);
        body.bytes(admission.id.as_bytes());
        body.number(admission.remember.as_millis().min(MOST >> 1));
        body.number(u64::from(names_twice(admission)));

        let guards = admission.guards.iter().map(|guard| (guard.document, guard.version));
        let writes = admission.documents.iter().map(|write| (write.document, write.expect));
        let kind = if scope.is_all() { Kind::Version } else { Kind::Copy };
        let mut list = Flat::default();
        for (document, version) in guards.chain(writes.filter(|_| scope.is_all())) {
            list.numbers(&[keys.number(kind, document), version]);
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
        charges(&mut tail, &mut keys, &admission.charges, scope.paid());
        observations(&mut tail, &mut keys, &admission.observe);
        let journal =
            Journal::of(&mut keys, admission.exchange.as_ref().filter(|_| scope.is_all()));
        let reads = keys.len();

        let documents = if scope.is_all() { &admission.documents[..] } else { &[] };
        body.array(documents.len());
        for write in documents {
            let version = keys.number(Kind::Version, write.document);
            let content = keys.number(Kind::Document, write.document);
            body.array(4).numbers(&[version, write.expect, content]).bytes(&write.content);
        }
        body.raw(tail.as_slice());
        exchange(&mut body, &mut keys, journal);
        match scope {
            Scope::All => drop(body.number(0)),
            Scope::Part { copies, .. } => versions(&mut body, &mut keys, copies),
        }
        let (now, clock) = (admission.now, admission.clock);
        Self { verb: Verb::Admit, realm: place.known_as(), now, clock, keys, reads, body }
    }

    pub(super) fn settle(settlement: &Settlement, place: &Place) -> Self {
        Self::settlement(settlement, place, false)
    }

    /// As [`settle`](Self::settle), and the admission is as good as never made.
    pub(super) fn withdraw(settlement: &Settlement, place: &Place) -> Self {
        Self::settlement(settlement, place, true)
    }

    fn settlement(settlement: &Settlement, place: &Place, withdraw: bool) -> Self {
        let mut keys = Keys::of(place);
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
        // In a spread deployment the journal stands elsewhere.
        let own = settlement.exchange.as_ref().filter(|_| !place.is_part());
        let journal = Journal::of(&mut keys, own);
        let reads = keys.len();
        exchange(&mut body, &mut keys, journal);
        body.number(u64::from(withdraw));
        let (now, clock) = (settlement.now, settlement.clock);
        Self { verb: Verb::Settle, realm: place.known_as(), now, clock, keys, reads, body }
    }

    pub(super) fn redeem(redemption: &Redemption, place: &Place, scope: &Scope<'_>) -> Self {
        let mut keys = Keys::of(place);
        let mut body = Packer::with_capacity(1024);
        body.bytes(redemption.id.as_bytes());
        body.number(keys.number(Kind::Challenge, redemption.challenge));
        body.length(redemption.digests.len().saturating_mul(32));
        for digest in &redemption.digests {
            body.raw(digest);
        }
        charges(&mut body, &mut keys, &redemption.charges, scope.paid());
        let first = redemption.charges.len();
        let paid: Vec<usize> =
            scope.paid().iter().filter_map(|index| index.checked_sub(first)).collect();
        charges(&mut body, &mut keys, &redemption.subject_charges, &paid);
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
        marks(&mut body, &mut keys, &redemption.marks);
        observations(&mut body, &mut keys, &redemption.observe);
        observations(&mut body, &mut keys, &redemption.observe_failure);
        let own = redemption.exchange.as_ref().filter(|_| scope.is_all());
        let journal = Journal::of(&mut keys, own);
        let reads = keys.len();
        exchange(&mut body, &mut keys, journal);
        let (now, clock) = (redemption.now, redemption.clock);
        Self { verb: Verb::Redeem, realm: place.known_as(), now, clock, keys, reads, body }
    }

    pub(super) fn tally(query: &TallyQuery, place: &Place) -> Self {
        let mut keys = Keys::of(place);
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
            Journal { latest, after, append: &[], name, earlier: &[] }
        });
        let reads = keys.len();
        exchange(&mut body, &mut keys, journal);
        let (now, clock) = (query.now, query.clock);
        Self { verb: Verb::Tally, realm: place.known_as(), now, clock, keys, reads, body }
    }

    pub(super) fn peer(
        now: Timestamp,
        clock: ClockCheck,
        place: &Place,
        errand: &Errand<'_>,
    ) -> Self {
        let mut keys = Keys::of(place);
        let mut body = Packer::with_capacity(512);
        charges(&mut body, &mut keys, errand.taken, &[]);
        body.number(u64::from(errand.partly));
        let (mut list, mut times) = (Records::default(), Flat::default());
        for refund in errand.given {
            list.push(&mut keys, refund.key, &refund.limit, refund.cost, refund.waiver);
            times.numbers(&[refund.charged.as_millis()]);
        }
        list.write(&mut body);
        times.write(&mut body);
        marks(&mut body, &mut keys, errand.marks);
        versions(&mut body, &mut keys, errand.copies);
        let journal = Journal::of(&mut keys, errand.exchange)
            .map(|journal| Journal { earlier: errand.earlier, ..journal });
        let reads = keys.len();
        exchange(&mut body, &mut keys, journal);
        Self { verb: Verb::Peer, realm: place.known_as(), now, clock, keys, reads, body }
    }

    /// Claims `nonce` for the call `by`, or gives it back.
    pub(super) fn claim(
        now: Timestamp,
        clock: ClockCheck,
        place: &Place,
        nonce: &Nonce,
        by: RequestId,
        release: bool,
    ) -> Self {
        let mut keys = Keys::of(place);
        keys.number(Kind::Nonce, nonce.key);
        let mut body = Packer::with_capacity(128);
        let expires = nonce.expires.as_millis().min(MOST);
        // A number to the scripts, and to nobody else's call the same text.
        let whose = by.as_bytes().iter().map(|byte| format!("{byte:03}")).collect::<String>();
        body.number(u64::from(release)).bytes(format!("{expires}.{whose}").as_bytes());
        let lives = expires.saturating_sub(now.as_millis()).saturating_add(millis(GRACE));
        // A text, as the command takes it.
        body.bytes(lives.to_string().as_bytes());
        let reads = keys.len();
        Self { verb: Verb::Claim, realm: place.known_as(), now, clock, keys, reads, body }
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
            earlier: &[],
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
        let [kind, a, b, c, d, e] = numbers(&keys.place.share(key.subject, limit));
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

/// Those in `paid` fit always and change nothing: they are made elsewhere.
fn charges(body: &mut Packer, keys: &mut Keys, charges: &[Charge], paid: &[usize]) {
    let mut list = Records::default();
    for (index, charge) in charges.iter().enumerate() {
        if paid.contains(&index) {
            list.push(keys, charge.key, &unbounded(&charge.limit), 0, charge.waiver);
        } else {
            list.push(keys, charge.key, &charge.limit, charge.cost, charge.waiver);
        }
    }
    list.write(body);
}

/// `limit` without a bound; it counts the same state.
fn unbounded(limit: &Limit) -> Limit {
    match *limit {
        Limit::Window { span_ms, .. } => Limit::Window { max: u64::MAX, span_ms },
        Limit::Budget { span_ms, .. } => Limit::Budget { max: u64::MAX, span_ms },
        Limit::Spacing { interval_ms, .. } => Limit::Spacing { interval_ms, burst: u64::MAX },
        Limit::Unverified { drain_ms, .. } => Limit::Unverified { max: u64::MAX, drain_ms },
        // Never split, so never made elsewhere.
        Limit::Ladder { .. } | Limit::Failures { .. } => *limit,
    }
}

fn marks(body: &mut Packer, keys: &mut Keys, marks: &[Mark]) {
    let mut list = Flat::default();
    for mark in marks {
        let key = keys.number(Kind::Subject, mark.key.subject);
        let (from, until) = (mark.from.as_millis(), mark.until.as_millis());
        list.numbers(&[key, u64::from(mark.key.slot.0), from, until]);
    }
    list.write(body);
}

/// Copies of the versions of documents that stand elsewhere.
fn versions(body: &mut Packer, keys: &mut Keys, copies: &[(Pseudonym, u64)]) {
    let mut list = Flat::default();
    for (document, version) in copies {
        list.numbers(&[keys.number(Kind::Copy, *document), *version]);
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
        Some(Journal { latest, after, append, name, earlier }) => {
            let list = keys.number(Kind::Journal, name);
            body.array(earlier.len().saturating_add(4))
                .numbers(&[latest, list, after])
                .bytes(append);
            for entry in earlier {
                body.bytes(entry);
            }
        }
    }
}
