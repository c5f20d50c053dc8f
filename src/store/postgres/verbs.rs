//! The four verbs: what each function in the database is given.

use tokio_postgres::types::Type;

use crate::base::id::Pseudonym;
use crate::store::{
    Admission, Admitted, ChallengeWrite, DocumentWrite, Redeemed, Redemption, Settlement,
    StoreError, Tallies, TallyQuery,
};

use super::PostgresStore;
use super::answer;
use super::call::{Books, Letters, Wanted, long, time};
use super::key::{Key, Kind};
use super::statement::{Statement, parameter};

const ADMIT: &str = "select *, pg_is_in_recovery() as standby \
                     from otpgate.admit_v1($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, \
                     $14, $15, $16, $17, $18, $19, $20, $21)";
const SETTLE: &str = "select otpgate.settle_v1($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12), \
                      pg_is_in_recovery() as standby";
const REDEEM: &str = "select *, pg_is_in_recovery() as standby \
                      from otpgate.redeem_v1($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, \
                      $12, $13, $14, $15, $16, $17, $18)";
const TALLY: &str = "select *, pg_is_in_recovery() as standby \
                     from otpgate.tally_v1($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";

/// A challenge to write, taken apart.
#[derive(Default)]
struct Writing {
    key: Option<Key>,
    renew: bool,
    digest: Option<Vec<u8>>,
    expires: i64,
    closes: i64,
    attempts: i32,
}

impl PostgresStore {
    pub(super) async fn try_admit(&self, admission: &Admission) -> Result<Admitted, StoreError> {
        let realm = admission.realm;
        let mut wanted = Wanted::new();
        wanted.charges(&admission.charges).observations(&admission.observe);
        let books = wanted.books(realm);
        let letters = Letters::new(realm, admission.exchange.as_ref());

        let (once, untils) = once(admission, &books);
        let writes = written_once(&admission.documents);
        let guards = admission.guards.iter().map(|guard| (guard.document, guard.version));
        let expected = guards.chain(writes.iter().map(|write| (write.document, write.expect)));
        let (named, versions): (Vec<Pseudonym>, Vec<i64>) =
            expected.map(|(name, version)| (name, long(version))).unzip();
        let documents: Vec<Key> =
            named.iter().map(|name| books.name(Kind::Document, name.as_bytes())).collect();
        let contents: Vec<Vec<u8>> = writes.iter().map(|write| write.content.clone()).collect();
        let writing = Writing::new(admission.challenge.as_ref(), |name| {
            books.name(Kind::Challenge, name.as_bytes())
        });

        let shared = documents.len().saturating_sub(contents.len());
        let alone = |(at, key): (usize, &Key)| (*key, at >= shared);
        let locks = books.locks(
            once.iter()
                .map(|key| (*key, true))
                .chain(documents.iter().enumerate().map(alone))
                .chain(writing.key.map(|key| (key, true)))
                .chain(letters.lock()),
        );
        let parameters = vec![
            parameter(time(admission.now), Type::INT8),
            parameter(time(admission.clock.horizon(admission.now)), Type::INT8),
            parameter(locks.clone(), Type::INT8_ARRAY),
            parameter(once, Type::UUID_ARRAY),
            parameter(untils, Type::INT8_ARRAY),
            parameter(documents, Type::UUID_ARRAY),
            parameter(versions, Type::INT8_ARRAY),
            parameter(contents, Type::BYTEA_ARRAY),
            parameter(books.subjects.clone(), Type::UUID_ARRAY),
            parameter(books.meters.clone(), Type::INT8_ARRAY),
            parameter(books.charges(&admission.charges), Type::INT8_ARRAY),
            parameter(books.observations(&admission.observe), Type::INT8_ARRAY),
            parameter(writing.key, Type::UUID),
            parameter(writing.renew, Type::BOOL),
            parameter(writing.digest, Type::BYTEA),
            parameter(writing.expires, Type::INT8),
            parameter(writing.closes, Type::INT8),
            parameter(writing.attempts, Type::INT4),
            parameter(letters.journal, Type::UUID),
            parameter(letters.append, Type::BYTEA),
            parameter(letters.after, Type::INT8),
        ];
        answer::admitted(
            &self.leased(Statement { sql: ADMIT, parameters, locks }).await?,
            admission,
            &named,
        )
    }

    pub(super) async fn try_settle(&self, settlement: &Settlement) -> Result<(), StoreError> {
        let realm = settlement.realm;
        let mut wanted = Wanted::new();
        wanted.refunds(&settlement.refunds).observations(&settlement.observe);
        let books = wanted.books(realm);
        let letters = Letters::new(realm, settlement.exchange.as_ref());
        let admission = books.name(Kind::Call, settlement.admission.as_bytes());
        let code = settlement.void.as_ref();
        let void = code.map(|code| books.name(Kind::Challenge, code.challenge.as_bytes()));
        let void_digest = code.map(|code| code.digest.to_vec());
        let alone = [Some(admission), void].into_iter().flatten().map(|key| (key, true));
        let locks = books.locks(alone.chain(letters.lock()));
        let parameters = vec![
            parameter(time(settlement.now), Type::INT8),
            parameter(time(settlement.clock.horizon(settlement.now)), Type::INT8),
            parameter(locks.clone(), Type::INT8_ARRAY),
            parameter(admission, Type::UUID),
            parameter(books.subjects.clone(), Type::UUID_ARRAY),
            parameter(books.meters.clone(), Type::INT8_ARRAY),
            parameter(books.refunds(&settlement.refunds), Type::INT8_ARRAY),
            parameter(books.observations(&settlement.observe), Type::INT8_ARRAY),
            parameter(void, Type::UUID),
            parameter(void_digest, Type::BYTEA),
            parameter(letters.journal, Type::UUID),
            parameter(letters.append, Type::BYTEA),
        ];
        self.leased(Statement { sql: SETTLE, parameters, locks }).await.map(drop)
    }

    pub(super) async fn try_redeem(&self, redemption: &Redemption) -> Result<Redeemed, StoreError> {
        let realm = redemption.realm;
        let mut wanted = Wanted::new();
        wanted
            .charges(&redemption.charges)
            .charges(&redemption.subject_charges)
            .observations(&redemption.observe)
            .observations(&redemption.observe_failure);
        for key in redemption.reset.iter().chain(redemption.credits.iter().map(|it| &it.key)) {
            wanted.meter(key);
        }
        for mark in &redemption.marks {
            wanted.mark(&mark.key);
        }
        let books = wanted.books(realm);
        let letters = Letters::new(realm, redemption.exchange.as_ref());
        let challenge = books.name(Kind::Challenge, redemption.challenge.as_bytes());
        let locks = books.locks([(challenge, true)].into_iter().chain(letters.lock()));
        let digests: Vec<Vec<u8>> =
            redemption.digests.iter().map(|digest| digest.to_vec()).collect();
        let parameters = vec![
            parameter(time(redemption.now), Type::INT8),
            parameter(time(redemption.clock.horizon(redemption.now)), Type::INT8),
            parameter(locks.clone(), Type::INT8_ARRAY),
            parameter(Key::plain(*redemption.id.as_bytes()), Type::UUID),
            parameter(challenge, Type::UUID),
            parameter(digests, Type::BYTEA_ARRAY),
            parameter(books.subjects.clone(), Type::UUID_ARRAY),
            parameter(books.meters.clone(), Type::INT8_ARRAY),
            parameter(books.charges(&redemption.charges), Type::INT8_ARRAY),
            parameter(books.charges(&redemption.subject_charges), Type::INT8_ARRAY),
            parameter(books.resets(&redemption.reset), Type::INT8_ARRAY),
            parameter(books.credits(&redemption.credits), Type::INT8_ARRAY),
            parameter(books.marks(&redemption.marks), Type::INT8_ARRAY),
            parameter(books.observations(&redemption.observe), Type::INT8_ARRAY),
            parameter(books.observations(&redemption.observe_failure), Type::INT8_ARRAY),
            parameter(letters.journal, Type::UUID),
            parameter(letters.append, Type::BYTEA),
            parameter(letters.after, Type::INT8),
        ];
        answer::redeemed(
            &self.leased(Statement { sql: REDEEM, parameters, locks }).await?,
            redemption,
        )
    }

    pub(super) async fn try_tally(&self, query: &TallyQuery) -> Result<Tallies, StoreError> {
        let mut wanted = Wanted::new();
        query.meters.iter().for_each(|meter| {
            wanted.meter(&meter.key);
        });
        query.marks.iter().for_each(|mark| {
            wanted.mark(mark);
        });
        let books = wanted.books(query.realm);
        let named = |kind, names: &[crate::Pseudonym]| -> Vec<Key> {
            names.iter().map(|name| books.name(kind, name.as_bytes())).collect()
        };
        let journal = query.journal.map(|(name, _)| books.name(Kind::Journal, name.as_bytes()));
        let after = query.journal.map_or(0, |(_, after)| long(after));
        let parameters = vec![
            parameter(time(query.now), Type::INT8),
            parameter(time(query.clock.horizon(query.now)), Type::INT8),
            parameter(books.subjects.clone(), Type::UUID_ARRAY),
            parameter(books.meters.clone(), Type::INT8_ARRAY),
            parameter(books.queries(&query.meters), Type::INT8_ARRAY),
            parameter(books.mark_queries(&query.marks), Type::INT8_ARRAY),
            parameter(named(Kind::Challenge, &query.challenges), Type::UUID_ARRAY),
            parameter(named(Kind::Document, &query.documents), Type::UUID_ARRAY),
            parameter(journal, Type::UUID),
            parameter(after, Type::INT8),
        ];
        answer::tallies(
            &self.alone(&Statement { sql: TALLY, parameters, locks: Vec::new() }).await?,
            query,
        )
    }
}

impl Writing {
    fn new(write: Option<&ChallengeWrite>, name: impl Fn(&crate::Pseudonym) -> Key) -> Self {
        match write {
            None => Self::default(),
            Some(ChallengeWrite::Open { key, digest, expires, closes, attempts }) => Self {
                key: Some(name(key)),
                renew: false,
                digest: Some(digest.to_vec()),
                expires: time(*expires),
                closes: time(*closes),
                attempts: i32::try_from(*attempts).unwrap_or(i32::MAX),
            },
            Some(ChallengeWrite::Renew { key, digest, expires, keep_previous }) => Self {
                key: Some(name(key)),
                renew: true,
                digest: Some(digest.to_vec()),
                expires: time(*expires),
                closes: 0,
                attempts: i32::from(*keep_previous),
            },
        }
    }
}

/// The call's identifier and its nonces, and until when each is remembered.
fn once(admission: &Admission, books: &Books) -> (Vec<Key>, Vec<i64>) {
    let call = (books.name(Kind::Call, admission.id.as_bytes()), time(admission.remember));
    let nonces = admission.nonces.iter();
    let nonces =
        nonces.map(|nonce| (books.name(Kind::Nonce, nonce.key.as_bytes()), time(nonce.expires)));
    std::iter::once(call).chain(nonces).unzip()
}

/// Of several writes to one document the last: they all expect the same version, or none passes.
fn written_once(writes: &[DocumentWrite]) -> Vec<&DocumentWrite> {
    let later = |at: usize| writes.iter().skip(at.saturating_add(1));
    let keep = |(at, write): &(usize, &DocumentWrite)| {
        later(*at).all(|other| other.document != write.document || other.expect != write.expect)
    };
    writes.iter().enumerate().filter(keep).map(|(_, write)| write).collect()
}
