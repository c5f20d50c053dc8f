//! The four verbs: what each function in the database is given.

use tokio_postgres::types::{ToSql, Type};

use crate::store::{
    Admission, Admitted, ChallengeWrite, DocumentWrite, Redeemed, Redemption, Settlement,
    StoreError, Tallies, TallyQuery,
};

use super::PostgresStore;
use super::answer;
use super::call::{Letters, Wanted, long, time};
use super::key::{Key, Kind};

const ADMIT: &str = "select * from otpgate.admit_v1($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, \
                     $12, $13, $14, $15, $16, $17, $18, $19, $20)";
const SETTLE: &str = "select otpgate.settle_v1($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
const REDEEM: &str = "select * from otpgate.redeem_v1($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, \
                      $11, $12, $13, $14, $15, $16, $17)";
const TALLY: &str = "select * from otpgate.tally_v1($1, $2, $3, $4, $5, $6, $7, $8, $9)";

/// A parameter and its type.
type Parameter<'a> = (&'a (dyn ToSql + Sync), Type);

/// A challenge to write, taken apart.
#[derive(Default)]
struct Writing<'a> {
    key: Option<Key>,
    renew: bool,
    digest: Option<&'a [u8]>,
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

        let mut once = vec![books.name(Kind::Call, admission.id.as_bytes())];
        let mut untils = vec![time(admission.remember)];
        for nonce in &admission.nonces {
            once.push(books.name(Kind::Nonce, nonce.key.as_bytes()));
            untils.push(time(nonce.expires));
        }
        let writes = written_once(&admission.documents);
        let guards = admission.guards.iter().map(|guard| (guard.document, guard.version));
        let expected = guards.chain(writes.iter().map(|write| (write.document, write.expect)));
        let (documents, versions): (Vec<Key>, Vec<i64>) = expected
            .map(|(name, version)| (books.name(Kind::Document, name.as_bytes()), long(version)))
            .unzip();
        let contents: Vec<&[u8]> = writes.iter().map(|write| write.content.as_slice()).collect();
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
        let parameters: [Parameter<'_>; 20] = [
            (&time(admission.now), Type::INT8),
            (&locks, Type::INT8_ARRAY),
            (&once, Type::UUID_ARRAY),
            (&untils, Type::INT8_ARRAY),
            (&documents, Type::UUID_ARRAY),
            (&versions, Type::INT8_ARRAY),
            (&contents, Type::BYTEA_ARRAY),
            (&books.subjects, Type::UUID_ARRAY),
            (&books.meters, Type::INT8_ARRAY),
            (&books.charges(&admission.charges), Type::INT8_ARRAY),
            (&books.observations(&admission.observe), Type::INT8_ARRAY),
            (&writing.key, Type::UUID),
            (&writing.renew, Type::BOOL),
            (&writing.digest, Type::BYTEA),
            (&writing.expires, Type::INT8),
            (&writing.closes, Type::INT8),
            (&writing.attempts, Type::INT4),
            (&letters.journal, Type::UUID),
            (&letters.append, Type::BYTEA),
            (&letters.after, Type::INT8),
        ];
        answer::admitted(&self.row(ADMIT, &parameters).await?, admission)
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
        let void_digest = code.map(|code| code.digest.as_slice());
        let alone = [Some(admission), void].into_iter().flatten().map(|key| (key, true));
        let locks = books.locks(alone.chain(letters.lock()));
        let parameters: [Parameter<'_>; 11] = [
            (&time(settlement.now), Type::INT8),
            (&locks, Type::INT8_ARRAY),
            (&admission, Type::UUID),
            (&books.subjects, Type::UUID_ARRAY),
            (&books.meters, Type::INT8_ARRAY),
            (&books.refunds(&settlement.refunds), Type::INT8_ARRAY),
            (&books.observations(&settlement.observe), Type::INT8_ARRAY),
            (&void, Type::UUID),
            (&void_digest, Type::BYTEA),
            (&letters.journal, Type::UUID),
            (&letters.append, Type::BYTEA),
        ];
        self.row(SETTLE, &parameters).await.map(drop)
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
        let digests: Vec<&[u8]> = redemption.digests.iter().map(|digest| &digest[..]).collect();
        let parameters: [Parameter<'_>; 17] = [
            (&time(redemption.now), Type::INT8),
            (&locks, Type::INT8_ARRAY),
            (&Key::plain(*redemption.id.as_bytes()), Type::UUID),
            (&challenge, Type::UUID),
            (&digests, Type::BYTEA_ARRAY),
            (&books.subjects, Type::UUID_ARRAY),
            (&books.meters, Type::INT8_ARRAY),
            (&books.charges(&redemption.charges), Type::INT8_ARRAY),
            (&books.charges(&redemption.subject_charges), Type::INT8_ARRAY),
            (&books.resets(&redemption.reset), Type::INT8_ARRAY),
            (&books.credits(&redemption.credits), Type::INT8_ARRAY),
            (&books.marks(&redemption.marks), Type::INT8_ARRAY),
            (&books.observations(&redemption.observe), Type::INT8_ARRAY),
            (&books.observations(&redemption.observe_failure), Type::INT8_ARRAY),
            (&letters.journal, Type::UUID),
            (&letters.append, Type::BYTEA),
            (&letters.after, Type::INT8),
        ];
        answer::redeemed(&self.row(REDEEM, &parameters).await?, redemption)
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
        let parameters: [Parameter<'_>; 9] = [
            (&time(query.now), Type::INT8),
            (&books.subjects, Type::UUID_ARRAY),
            (&books.meters, Type::INT8_ARRAY),
            (&books.queries(&query.meters), Type::INT8_ARRAY),
            (&books.mark_queries(&query.marks), Type::INT8_ARRAY),
            (&named(Kind::Challenge, &query.challenges), Type::UUID_ARRAY),
            (&named(Kind::Document, &query.documents), Type::UUID_ARRAY),
            (&journal, Type::UUID),
            (&after, Type::INT8),
        ];
        answer::tallies(&self.row(TALLY, &parameters).await?, query)
    }
}

impl<'a> Writing<'a> {
    fn new(write: Option<&'a ChallengeWrite>, name: impl Fn(&crate::Pseudonym) -> Key) -> Self {
        match write {
            None => Self::default(),
            Some(ChallengeWrite::Open { key, digest, expires, closes, attempts }) => Self {
                key: Some(name(key)),
                renew: false,
                digest: Some(digest),
                expires: time(*expires),
                closes: time(*closes),
                attempts: i32::try_from(*attempts).unwrap_or(i32::MAX),
            },
            Some(ChallengeWrite::Renew { key, digest, expires, keep_previous }) => Self {
                key: Some(name(key)),
                renew: true,
                digest: Some(digest),
                expires: time(*expires),
                closes: 0,
                attempts: i32::from(*keep_previous),
            },
        }
    }
}

/// Of several writes to one document the last: they all expect the same version, or none passes.
fn written_once(writes: &[DocumentWrite]) -> Vec<&DocumentWrite> {
    let later = |at: usize| writes.iter().skip(at.saturating_add(1));
    let keep = |(at, write): &(usize, &DocumentWrite)| {
        later(*at).all(|other| other.document != write.document || other.expect != write.expect)
    };
    writes.iter().enumerate().filter(keep).map(|(_, write)| write).collect()
}
