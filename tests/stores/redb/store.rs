//! The embedded store: the conformance suite, restarts, and files that are not its own.

use std::error::Error;
use std::fs;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use otpgate::limit::{Limit, MeterKey, Slot};
use otpgate::store::{
    Admission, Admitted, ChallengeState, ChallengeWrite, Charge, Document, DocumentWrite, Exchange,
    GRACE, JOURNAL_LIFE, MeterQuery, Nonce, RedbSetupError, RedbStore, Redeemed, Redemption,
    Settlement, StoreError, StoreErrorKind, Tallies, TallyQuery, Verdict,
};
use otpgate::testing::store::{Suite, capacity, conformance, equivalence};
use otpgate::testing::{BoxFuture, Latency, block_on};
use otpgate::{Pseudonym, RequestId, Store, Timestamp};

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const REALM: Pseudonym = Pseudonym::from_bytes([9; 16]);

/// A folder that goes when the test ends.
struct Folder(PathBuf, AtomicU32);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("otpgate-redb-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path, AtomicU32::new(0))
    }

    fn file(&self) -> PathBuf {
        let number = self.1.fetch_add(1, Ordering::Relaxed);
        self.0.join(format!("{number}.redb"))
    }

    fn store(&self) -> RedbStore {
        RedbStore::open(self.file()).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn the_redb_store_conforms() {
    let folder = Folder::new();
    block_on(conformance(|| async { folder.store() })).assert();
}

#[test]
fn one_file_serves_all_cases_under_latency() {
    let folder = Folder::new();
    // With little memory, so that rows move from the log to the tables.
    let shared = RedbStore::builder().cache_bytes(64 << 10).open(folder.file());
    let shared = Arc::new(shared.unwrap());
    let make = || async { Latency::new(Arc::clone(&shared), 5, 1) };
    block_on(Suite::new().seed(1).run(make)).assert();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_redb_store_conforms_on_threads() {
    let folder = Folder::new();
    let shared = Arc::new(folder.store());
    let spawn = |racer: BoxFuture<'static, ()>| drop(tokio::spawn(racer));
    Suite::new().seed(2).spawn(spawn).run(|| async { Arc::clone(&shared) }).await.assert();
}

#[test]
fn the_redb_store_is_equivalent_to_the_model() {
    let folder = Folder::new();
    for seed in 0..8 {
        block_on(equivalence(|| async { folder.store() }, seed, 150)).assert();
    }
}

#[test]
fn the_redb_store_is_bounded() {
    let folder = Folder::new();
    let make = || async { RedbStore::builder().capacity(400).open(folder.file()).unwrap() };
    block_on(capacity(make, 400)).assert();
}

#[test]
fn a_restart_keeps_codes_meters_nonces_documents_and_the_journal() {
    let folder = Folder::new();
    let path = folder.file();
    let store = RedbStore::open(&path).unwrap();
    let call = full_admission(1);
    assert!(matches!(admit(&store, &call), Admitted::Granted { .. }));
    let before = tally(&store);
    assert_eq!(before.meters[0].count, 1);
    let entries = store.entries().unwrap();
    drop(store);

    let store = RedbStore::open(&path).unwrap();
    assert_eq!(tally(&store), before);
    assert_eq!(store.entries().unwrap(), entries);
    assert_eq!(before.documents[0], Document { version: 1, content: b"list".to_vec() });
    assert_eq!(before.news.entries, [(1, b"news".to_vec())]);
    assert!(matches!(before.challenges[0], ChallengeState::Live { left: 3, .. }));
    // The lost acknowledgement is answered as the first time, the nonce is spent for others.
    let Admitted::Granted { counts, .. } = admit(&store, &call) else { panic!() };
    assert_eq!(counts, [1]);
    let replay = Admission { id: id(2), documents: Vec::new(), ..call };
    assert_eq!(admit(&store, &replay), Admitted::NonceSpent { index: 0 });

    // A code is accepted once, whatever restarts lie between.
    let accepted = Verdict::Accepted { attempts: 1, opened: NOW };
    assert_eq!(redeem(&store, 5), accepted);
    drop(store);
    let store = RedbStore::open(&path).unwrap();
    assert_eq!(redeem(&store, 5), accepted, "a repetition");
    assert_eq!(redeem(&store, 6), Verdict::Consumed);
}

#[test]
fn what_expired_is_removed_by_the_calls_and_nothing_else_is() {
    let folder = Folder::new();
    let store = folder.store();
    let mut call = full_admission(1);
    assert!(matches!(admit(&store, &call), Admitted::Granted { .. }));
    (call.documents, call.exchange) = (Vec::new(), None);
    for n in 2..60 {
        (call.id, call.challenge) = (id(n), None);
        call.nonces = vec![Nonce { key: name(100 + n), expires: NOW + Duration::from_secs(60) }];
        call.charges = vec![charge(100 + n)];
        assert!(matches!(admit(&store, &call), Admitted::Granted { .. }));
    }
    let full = store.entries().unwrap();
    let later = NOW + Duration::from_secs(90_000);
    for n in 200..300 {
        let mut call = Admission::new(id(n), later, REALM, later);
        call.charges = vec![charge(200)];
        assert!(matches!(admit(&store, &call), Admitted::Granted { .. }));
    }
    let left = store.entries().unwrap();
    // The admissions of this minute, the meter; the document and the journal never end.
    assert!(left < 110 && left < full, "{left} of {full}");
    assert_eq!(tally(&store).documents[0].version, 1);
}

/// What a realm told its gates goes when its life is over, also where nobody of the realm ever calls
/// again. Its number stays: whoever comes back goes on counting.
#[test]
fn the_journal_of_a_realm_that_falls_silent_is_emptied_by_the_calls_of_others() {
    let folder = Folder::new();
    let path = folder.file();
    let store = RedbStore::open(&path).unwrap();
    let other = Pseudonym::from_bytes([8; 16]);
    let say = |store: &RedbStore, n, realm, now: Timestamp| {
        let exchange = Exchange { journal: name(1), append: vec![7; 50], after: u64::MAX };
        let mut call = Admission::new(id(n), now, realm, now);
        call.exchange = Some(exchange);
        assert!(matches!(admit(store, &call), Admitted::Granted { .. }));
    };
    (0..100).for_each(|n| say(&store, n, REALM, NOW));
    let later = NOW + JOURNAL_LIFE + GRACE;
    (0..500).for_each(|n| say(&store, 1_000 + n, other, later));
    drop(store);
    // A process that starts anew goes on with it.
    let store = RedbStore::open(&path).unwrap();
    (500..1_000).for_each(|n| say(&store, 1_000 + n, other, later));
    // The other realm's admissions and words, and that either realm has a journal.
    assert_eq!(store.entries().unwrap(), 1_000 + 1_000 + 2);
    let mut query = TallyQuery::new(later, REALM);
    query.journal = Some((name(1), 0));
    let news = block_on(store.tally(&query)).unwrap().news;
    assert_eq!((news.entries, news.latest), (Vec::new(), 100));
}

#[test]
fn a_second_opening_is_refused_and_names_the_path() {
    let folder = Folder::new();
    let path = folder.file();
    let store = RedbStore::open(&path).unwrap();
    let error = RedbStore::open(&path).unwrap_err();
    assert!(matches!(error, RedbSetupError::InUse { .. }), "{error:?}");
    let text = error.to_string();
    assert!(text.contains(path.to_str().unwrap()) && text.contains("another process"), "{text}");
    drop(store);
    assert!(RedbStore::open(&path).is_ok());
}

/// Run by itself it does nothing; `a_second_process_is_refused` starts it as the second process.
#[test]
fn second_process() {
    if let Some(path) = std::env::var_os("OTPGATE_SECOND_PROCESS") {
        println!("it says: {}", RedbStore::open(PathBuf::from(path)).unwrap_err());
    }
}

#[test]
fn a_second_process_is_refused_and_the_first_goes_on() {
    let folder = Folder::new();
    let path = folder.file();
    let store = RedbStore::open(&path).unwrap();
    let second = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "store::second_process", "--nocapture"])
        .env("OTPGATE_SECOND_PROCESS", &path)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&second.stdout);
    assert!(said.contains(path.to_str().unwrap()) && said.contains("another process"), "{said}");
    assert!(matches!(admit(&store, &charged(1, 1)), Admitted::Granted { .. }));
}

#[test]
fn what_is_not_a_file_of_the_store_is_refused_and_left_as_it_is() {
    let folder = Folder::new();
    let unlike = |error: RedbSetupError, path: &Path| {
        assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
        error
    };
    for content in [&b"hello"[..], &[0; 4_096], &b"redb"[..], &[b'x'; 100_000]] {
        let path = folder.file();
        fs::write(&path, content).unwrap();
        let error = unlike(RedbStore::open(&path).unwrap_err(), &path);
        assert!(
            matches!(error, RedbSetupError::Foreign { .. } | RedbSetupError::Damaged { .. }),
            "{error:?}"
        );
        assert_eq!(fs::read(&path).unwrap(), content);
    }
    // Another program's redb file.
    let path = folder.file();
    let other = redb::Database::create(&path).unwrap();
    let transaction = other.begin_write().unwrap();
    transaction.open_table(redb::TableDefinition::<u64, u64>::new("other")).unwrap();
    transaction.commit().unwrap();
    drop(other);
    let error = unlike(RedbStore::open(&path).unwrap_err(), &path);
    assert!(matches!(error, RedbSetupError::Foreign { .. }), "{error:?}");

    let nowhere = folder.0.join("missing").join("otpgate.redb");
    let error = unlike(RedbStore::open(&nowhere).unwrap_err(), &nowhere);
    assert!(matches!(error, RedbSetupError::Unreachable { .. }), "{error:?}");
    assert!(error.source().is_some());
    let error = unlike(RedbStore::open(&folder.0).unwrap_err(), &folder.0);
    assert!(matches!(error, RedbSetupError::Unreachable { .. }), "{error:?}");
}

#[test]
fn an_empty_file_is_filled_and_a_newer_one_refused() {
    let folder = Folder::new();
    let path = folder.file();
    fs::write(&path, b"").unwrap();
    drop(RedbStore::open(&path).unwrap());

    let raw = redb::Database::open(&path).unwrap();
    let transaction = raw.begin_write().unwrap();
    let meta = redb::TableDefinition::<&str, u64>::new("otpgate");
    transaction.open_table(meta).unwrap().insert("schema", 7).unwrap();
    transaction.commit().unwrap();
    drop(raw);
    let error = RedbStore::open(&path).unwrap_err();
    assert!(matches!(error, RedbSetupError::Newer { found: 7, known: 3, .. }), "{error:?}");
}

/// Subjects are packed tighter than in schema 1, and schema 2 has no log. What this version writes, a
/// version before must not take for the whole truth, so it is told at once.
#[test]
fn a_file_of_an_earlier_schema_is_read_and_has_schema_3_from_then_on() {
    use redb::ReadableTable as _;

    let folder = Folder::new();
    let meta = redb::TableDefinition::<&str, u64>::new("otpgate");
    for schema in [1, 2] {
        let path = folder.file();
        let store = RedbStore::builder().cache_bytes(0).open(&path).unwrap();
        assert!(matches!(admit(&store, &full_admission(1)), Admitted::Granted { .. }));
        let before = tally(&store);
        // Without memory, each transaction moves what those before it wrote to the tables.
        (0..12).for_each(|n| drop(admit(&store, &charged(100 + n, 7))));
        drop(store);
        let raw = redb::Database::open(&path).unwrap();
        let transaction = raw.begin_write().unwrap();
        assert!(transaction.delete_table(log_table()).unwrap());
        transaction.open_table(meta).unwrap().insert("schema", schema).unwrap();
        transaction.commit().unwrap();
        drop(raw);

        let store = RedbStore::open(&path).unwrap();
        assert_eq!(tally(&store), before, "schema {schema}");
        assert!(matches!(admit(&store, &charged(200, 1)), Admitted::Granted { .. }));
        drop(store);
        let raw = redb::Database::open(&path).unwrap();
        let transaction = raw.begin_write().unwrap();
        let table = transaction.open_table(meta).unwrap();
        assert_eq!(table.get("schema").unwrap().map(|schema| schema.value()), Some(3));
        drop(table);
        drop((transaction, raw));
        assert_eq!(tally(&RedbStore::open(&path).unwrap()).meters[0].count, 2);
    }
}

/// A store on a small memory, so that rows move from its log to its tables all the time. It closes the
/// file before every few calls, and opens it again.
#[derive(Debug)]
struct Restless {
    path: PathBuf,
    cache: usize,
    open: Mutex<(u32, Option<RedbStore>)>,
}

impl Restless {
    fn new(path: PathBuf, cache: usize) -> Self {
        Self { path, cache, open: Mutex::new((0, None)) }
    }

    fn call<T>(&self, call: impl FnOnce(&RedbStore) -> T) -> T {
        let mut open = self.open.lock().unwrap();
        open.0 += 1;
        if open.0.is_multiple_of(7) {
            open.1 = None;
        }
        let builder = || RedbStore::builder().cache_bytes(self.cache);
        call(open.1.get_or_insert_with(|| builder().open(&self.path).unwrap()))
    }
}

#[async_trait::async_trait]
impl Store for Restless {
    async fn admit(&self, admission: &Admission) -> Result<Admitted, StoreError> {
        self.call(|store| block_on(store.admit(admission)))
    }

    async fn settle(&self, settlement: &Settlement) -> Result<(), StoreError> {
        self.call(|store| block_on(store.settle(settlement)))
    }

    async fn redeem(&self, redemption: &Redemption) -> Result<Redeemed, StoreError> {
        self.call(|store| block_on(store.redeem(redemption)))
    }

    async fn tally(&self, query: &TallyQuery) -> Result<Tallies, StoreError> {
        self.call(|store| block_on(store.tally(query)))
    }
}

#[test]
fn rows_that_move_from_the_log_to_the_tables_are_the_same_in_both() {
    let folder = Folder::new();
    for (seed, cache) in [0, 8 << 10, 64 << 10, 128 << 20].into_iter().enumerate() {
        let make = || async { Restless::new(folder.file(), cache) };
        block_on(equivalence(make, 20 + seed as u64, 150)).assert();
    }
}

/// How many chunks the log holds, and their bytes.
fn log_of(path: &Path) -> (u64, u64) {
    use redb::{ReadableDatabase as _, ReadableTable as _};

    let raw = redb::Database::open(path).unwrap();
    let table = raw.begin_read().unwrap().open_table(log_table()).unwrap();
    let lengths = table.iter().unwrap().map(|chunk| chunk.unwrap().1.value().len() as u64);
    lengths.fold((0, 0), |(chunks, bytes), length| (chunks + 1, bytes + length))
}

fn log_table() -> redb::TableDefinition<'static, u64, &'static [u8]> {
    redb::TableDefinition::new("log")
}

#[test]
fn the_log_stays_short_whether_rows_are_new_or_the_same_again() {
    let folder = Folder::new();
    for same in [false, true] {
        let path = folder.file();
        // An eighth of it for the memtable, four times that for the log.
        let store = RedbStore::builder().cache_bytes(256 << 10).open(&path).unwrap();
        let mut context = Context::from_waker(Waker::noop());
        for round in 0..40 {
            for n in 0..100 {
                // A document's row is one that is written again and again and never ends.
                let n = round * 100 + n;
                let call = match same {
                    true => Admission {
                        documents: vec![DocumentWrite {
                            document: name(2),
                            expect: n,
                            content: vec![7; 500],
                        }],
                        ..Admission::new(id(1), NOW, REALM, NOW)
                    },
                    false => charged(n, n),
                };
                let _ = pin!(store.admit(&call)).poll(&mut context);
            }
            assert!(matches!(admit(&store, &charged(9_000 + round, 9)), Admitted::Granted { .. }));
        }
        let entries = store.entries().unwrap();
        drop(store);
        let (chunks, bytes) = log_of(&path);
        assert!(chunks > 0 && bytes <= 256 << 10, "{chunks} chunks, {bytes} bytes, {same}");
        let store = RedbStore::open(&path).unwrap();
        let mut query = TallyQuery::new(NOW, REALM);
        query.documents = vec![name(2)];
        let documents = block_on(store.tally(&query)).unwrap().documents;
        assert_eq!(documents[0].version, if same { 4_000 } else { 0 });
        // Two rows for each call, or none but the document; forty admissions and their subject.
        assert_eq!(entries, if same { 43 } else { 8_040 });
        let reopened = store.entries().unwrap();
        assert!(reopened >= entries && reopened <= entries + 400, "{reopened} of {entries}");
    }
}

#[test]
fn a_log_that_lost_a_part_is_not_opened() {
    let folder = Folder::new();
    for lost in ["a chunk", "a byte"] {
        let path = folder.file();
        let store = RedbStore::open(&path).unwrap();
        (0..3).for_each(|n| drop(admit(&store, &charged(n, 1))));
        drop(store);
        let raw = redb::Database::open(&path).unwrap();
        let transaction = raw.begin_write().unwrap();
        {
            let mut log = transaction.open_table(log_table()).unwrap();
            match lost {
                "a chunk" => drop(log.remove(1).unwrap().expect("three chunks")),
                _ => {
                    let mut chunk = log.remove(2).unwrap().expect("three chunks").value().to_vec();
                    chunk[20] ^= 1;
                    log.insert(2, chunk.as_slice()).unwrap();
                }
            }
        }
        transaction.commit().unwrap();
        drop(raw);
        let error = RedbStore::open(&path).unwrap_err();
        assert!(matches!(error, RedbSetupError::Damaged { .. }), "{lost}: {error:?}");
        assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
    }
}

#[test]
fn a_file_cut_short_or_scribbled_over_never_opens_as_an_empty_one() {
    let folder = Folder::new();
    let path = folder.file();
    let store = RedbStore::open(&path).unwrap();
    for n in 1..200 {
        let call = Admission { documents: Vec::new(), ..full_admission(n) };
        let call = Admission { challenge: None, nonces: Vec::new(), ..call };
        assert!(matches!(admit(&store, &call), Admitted::Granted { .. }));
    }
    drop(store);
    let whole = fs::read(&path).unwrap();
    let count = |path: &Path| {
        let store = RedbStore::open(path).map_err(|_| ())?;
        block_on(store.tally(&query())).map(|tallies| tallies.meters[0].count).map_err(|_| ())
    };
    assert_eq!(count(&path), Ok(199));
    for part in [8, 3, 2] {
        fs::write(&path, &whole[..whole.len() / part]).unwrap();
        assert_eq!(count(&path), Err(()), "cut to one {part}th");
    }
    for start in (0..whole.len()).step_by(whole.len() / 12) {
        let mut torn = whole.clone();
        let end = (start + 4_096).min(torn.len());
        torn[start..end].iter_mut().for_each(|byte| *byte ^= 0x5a);
        fs::write(&path, &torn).unwrap();
        // Either the damage was in unused room, or it is found; a lower count would be a fresh limit.
        assert!(matches!(count(&path), Ok(199) | Err(())), "scribbled at {start}");
    }
}

#[test]
fn a_full_queue_sheds_at_once_and_a_dropped_call_disturbs_nobody() {
    let folder = Folder::new();
    let store = RedbStore::builder().queue(1).open(folder.file()).unwrap();
    let calls: Vec<_> = (0..2_000).map(|n| charged(n, 1)).collect();
    let mut context = Context::from_waker(Waker::noop());
    let (mut shed, mut dropped) = (0, 0);
    for call in &calls {
        // Polled once and dropped: taken or not, nobody waits for the answer.
        match pin!(store.admit(call)).poll(&mut context) {
            Poll::Ready(Err(error)) => {
                assert_eq!(error.kind(), StoreErrorKind::Unavailable);
                shed += 1;
            }
            Poll::Ready(Ok(_)) | Poll::Pending => dropped += 1,
        }
    }
    assert!(shed > 0 && dropped > 0, "{shed} shed, {dropped} dropped");
    let last = loop {
        match block_on(store.admit(&charged(9_999, 1))) {
            Err(error) => assert_eq!(error.kind(), StoreErrorKind::Unavailable),
            Ok(answer) => break answer,
        }
    };
    let Admitted::Granted { counts, .. } = last else { panic!("{last:?}") };
    assert_eq!(
        counts,
        [dropped + 1],
        "each that was taken took effect, each that was shed did not"
    );
}

#[test]
fn dropping_the_store_serves_the_calls_that_wait() {
    let folder = Folder::new();
    let path = folder.file();
    let store = RedbStore::open(&path).unwrap();
    let calls: Vec<_> = (0..100).map(|n| charged(n, 1)).collect();
    let mut context = Context::from_waker(Waker::noop());
    for call in &calls {
        let _ = pin!(store.admit(call)).poll(&mut context);
    }
    drop(store);
    let store = RedbStore::open(&path).unwrap();
    assert_eq!(tally(&store).meters[0].count, 100);
}

#[test]
fn no_code_or_name_of_another_realm_is_told_by_debug() {
    let folder = Folder::new();
    let store = folder.store();
    let text = format!("{store:?}");
    assert!(text.starts_with("RedbStore { path:") && text.contains("capacity: 20000000"), "{text}");
}

fn name(n: u64) -> Pseudonym {
    Pseudonym::from_bytes(u128::from(n).to_be_bytes())
}

fn id(n: u64) -> RequestId {
    RequestId::from_bytes(u128::from(n).to_be_bytes())
}

fn charge(subject: u64) -> Charge {
    let limit = Limit::Window { max: 1_000_000, span_ms: 3_600_000 };
    Charge::new(MeterKey::new(name(subject), Slot(1)), limit, 1)
}

fn charged(n: u64, subject: u64) -> Admission {
    let remember = NOW + Duration::from_secs(600);
    let charges = vec![charge(subject)];
    Admission { charges, ..Admission::new(id(n), NOW, REALM, remember) }
}

fn full_admission(n: u64) -> Admission {
    let challenge = ChallengeWrite::Open {
        key: name(1),
        digest: [7; 32],
        expires: NOW + Duration::from_secs(300),
        closes: NOW + Duration::from_secs(900),
        attempts: 3,
    };
    let document = DocumentWrite { document: name(2), expect: 0, content: b"list".to_vec() };
    Admission {
        nonces: vec![Nonce { key: name(3), expires: NOW + Duration::from_secs(600) }],
        challenge: Some(challenge),
        documents: vec![document],
        exchange: Some(Exchange { journal: name(4), append: b"news".to_vec(), after: 0 }),
        ..charged(n, 1)
    }
}

fn query() -> TallyQuery {
    let charge = charge(1);
    TallyQuery {
        meters: vec![MeterQuery { key: charge.key, limit: charge.limit, cost: 1 }],
        challenges: vec![name(1)],
        documents: vec![name(2)],
        journal: Some((name(4), 0)),
        ..TallyQuery::new(NOW, REALM)
    }
}

fn admit(store: &RedbStore, call: &Admission) -> Admitted {
    block_on(store.admit(call)).unwrap()
}

fn tally(store: &RedbStore) -> Tallies {
    block_on(store.tally(&query())).unwrap()
}

fn redeem(store: &RedbStore, n: u64) -> Verdict {
    let redemption =
        Redemption { digests: vec![[7; 32]], ..Redemption::new(id(n), NOW, REALM, name(1)) };
    block_on(store.redeem(&redemption)).unwrap().verdict
}
