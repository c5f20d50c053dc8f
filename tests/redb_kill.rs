//! `kill -9` at any instant: what was answered is there, what was not is there as a whole or not at
//! all, and no restart hands anybody a second limit or a second success.
//!
//! The test starts itself as a child that works on the file from several threads. Each thread writes
//! to the pipe what it is about to do, does it, and writes the answer before it goes on. The parent
//! kills the child after some number of lines, or while it opens the file; it plays what was answered
//! against the reference model, answer by answer; then it opens the file and compares everything.
//! Steps that had no answer yet are at most one for each thread, and each must have happened wholly
//! or not at all. The next cycle goes on with the same file and the same model.
//!
//! `OTPGATE_KILL_CYCLES` says how often; 100 if it is not set.

#![cfg(all(feature = "redb", feature = "testing", unix))]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a panic in a test is its failure"
)]

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use otpgate::limit::{Limit, MeterKey, Slot};
use otpgate::store::{
    Admission, Admitted, ChallengeWrite, Charge, DocumentWrite, MeterQuery, Nonce, RedbStore,
    Redemption, Refund, Settlement, Tallies, TallyQuery, VoidCode,
};
use otpgate::testing::{ModelStore, block_on};
use otpgate::{Pseudonym, RequestId, Store, Timestamp};

const THREADS: u64 = 4;
const STEPS: u64 = 64;
const LINES: u64 = 5;
const REALM: Pseudonym = Pseudonym::from_bytes([3; 16]);
const LINE: Limit = Limit::Window { max: 4, span_ms: 120_000 };
const FAILURES: Limit =
    Limit::Failures { max: 6, pause_after: 6, pause_ms: 0, longest_ms: 60_000, forget_ms: 60_000 };
const ALL: Limit = Limit::Budget { max: 1 << 40, span_ms: 600_000 };

/// One thread's step of one cycle: everything about it follows from its three numbers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Step {
    cycle: u64,
    thread: u64,
    index: u64,
}

#[test]
fn nothing_answered_is_lost_and_nothing_unanswered_is_half_done() {
    if std::env::var_os("OTPGATE_KILL_FILE").is_some() {
        return;
    }
    let cycles = std::env::var("OTPGATE_KILL_CYCLES").map_or(100, |cycles| cycles.parse().unwrap());
    let folder = std::env::temp_dir().join(format!("otpgate-kill-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let file = folder.join("otpgate.redb");
    let model = ModelStore::new();
    let (mut answered, mut unanswered, mut happened) = (0, 0, 0);
    let mut random = Random(1);
    for cycle in 0..cycles {
        let (answers, open) = run_and_kill(&file, cycle, &mut random);
        let store = RedbStore::open(&file).unwrap();
        answered += answers.len();
        unanswered += open.len();
        for (step, answer) in &answers {
            assert_eq!(step.take(&model), *answer, "{step:?} against the model");
        }
        for step in open.values() {
            // Wholly there, or not at all.
            let before = model.snapshot();
            let own = step.own(&model);
            if step.own(&store) != own {
                step.take(&model);
                assert_eq!(step.own(&store), step.own(&model), "{step:?} is there in part");
                happened += 1;
            } else {
                step.take(&model);
                if step.own(&model) != own {
                    model.restore(&before);
                }
            }
        }
        for thread in 0..THREADS {
            let last = Step { cycle, thread, index: STEPS - 1 };
            assert_eq!(last.own(&store), last.own(&model), "thread {thread} after cycle {cycle}");
        }
        let everything = Step { cycle, thread: 0, index: STEPS - 1 }.all();
        assert_eq!(read(&store, &everything), read(&model, &everything), "the shared meter");
        spend_again(&store, &answers);
    }
    let _ = fs::remove_dir_all(&folder);
    println!("{cycles} kills: {answered} answers kept, {unanswered} open, {happened} of them done");
    assert!(answered as u64 > cycles, "the children were killed too early to tell anything");
}

/// What the parent starts; by itself it does nothing.
#[test]
fn child() {
    let Some(file) = std::env::var_os("OTPGATE_KILL_FILE") else { return };
    let cycle = std::env::var("OTPGATE_KILL_CYCLE").unwrap().parse().unwrap();
    let store = Arc::new(RedbStore::open(PathBuf::from(file)).unwrap());
    // The test runner has begun a line of its own.
    say("\n");
    let threads: Vec<_> = (0..THREADS)
        .map(|thread| {
            let store = Arc::clone(&store);
            thread::spawn(move || {
                for index in 0..STEPS {
                    let step = Step { cycle, thread, index };
                    say(&format!("@> {thread} {index}\n"));
                    let answer = step.take(&*store);
                    say(&format!("@< {thread} {index} {answer}\n"));
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    say("@end\n");
    // Until it is killed.
    loop {
        thread::park();
    }
}

/// One call of `write`, so that a line is in the pipe or not.
fn say(line: &str) {
    let mut out = io::stdout().lock();
    out.write_all(line.as_bytes()).and_then(|()| out.flush()).unwrap();
}

/// The steps that were answered, in order, and those that were begun and not answered.
type Story = (Vec<(Step, String)>, BTreeMap<u64, Step>);

fn run_and_kill(file: &PathBuf, cycle: u64, random: &mut Random) -> Story {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture", "--test-threads=1"])
        .env("OTPGATE_KILL_FILE", file)
        .env("OTPGATE_KILL_CYCLE", cycle.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    // One in eight is killed while it starts, opens the file, repairs it, or makes it.
    let early = random.below(8) == 0;
    let wanted = if early { 0 } else { 1 + random.below(100) };
    let mut heard = Vec::new();
    while (heard.len() as u64) < wanted {
        let line = lines.next().expect("the child ended by itself").unwrap();
        if line == "@end" {
            break;
        }
        heard.extend(line.starts_with('@').then_some(line));
    }
    let spread = if early { 12_000 } else { 4_000 };
    thread::sleep(Duration::from_micros(random.below(spread)));
    child.kill().unwrap();
    let rest = lines.map(Result::unwrap).filter(|line| line.starts_with('@') && line != "@end");
    heard.extend(rest);
    let status = child.wait().unwrap();
    assert_eq!(status.code(), None, "the child ended by itself: {status}");

    let (mut answers, mut open) = (Vec::new(), BTreeMap::new());
    for line in &heard {
        let mut words = line.split(' ');
        let direction = words.next().unwrap();
        let mut number = || words.next().unwrap().parse::<u64>().unwrap();
        let step = Step { cycle, thread: number(), index: number() };
        if direction == "@>" {
            assert_eq!(open.insert(step.thread, step), None);
        } else {
            assert_eq!(open.remove(&step.thread), Some(step));
            answers.push((step, words.next().unwrap().to_owned()));
        }
    }
    (answers, open)
}

/// Every nonce whose admission was granted is spent, under whatever identifier it comes back.
fn spend_again(store: &RedbStore, answers: &[(Step, String)]) {
    for (step, answer) in answers {
        if answer == "granted" {
            let mut replay = Admission::new(step.id(9), step.now(), REALM, step.now());
            replay.nonces = vec![step.nonce()];
            let again = block_on(store.admit(&replay)).unwrap();
            assert_eq!(again, Admitted::NonceSpent { index: 0 }, "{step:?}");
        }
    }
}

impl Step {
    /// Takes the step; its answer in one word.
    fn take(self, store: &dyn Store) -> String {
        let mut random = Random(self.number());
        block_on(async {
            match random.below(10) {
                0..=3 => word(store.admit(&self.send()).await.unwrap()),
                4..=7 => {
                    // Mostly a code of this cycle, sometimes one from before a kill.
                    let redemption = self.redemption(&mut random);
                    let verdict = store.redeem(&redemption).await.unwrap().verdict;
                    format!("{verdict:?}").replace(' ', "")
                }
                8 => {
                    store.settle(&self.settlement(&mut random)).await.unwrap();
                    "settled".to_owned()
                }
                _ => {
                    let admitted = store.admit(&self.document(&mut random)).await.unwrap();
                    word(admitted).replace("granted", "written")
                }
            }
        })
    }

    fn send(self) -> Admission {
        let remember = self.now() + Duration::from_secs(60);
        let challenge = ChallengeWrite::Open {
            key: self.name(2),
            digest: self.digest(),
            expires: self.now() + Duration::from_secs(30),
            closes: self.now() + Duration::from_secs(45),
            attempts: 3,
        };
        Admission {
            nonces: vec![self.nonce()],
            charges: vec![
                Charge { key: self.line(), limit: LINE, cost: 1, waiver: None },
                Charge { key: all(), limit: ALL, cost: 1, waiver: None },
            ],
            challenge: Some(challenge),
            ..Admission::new(self.id(1), self.now(), REALM, remember)
        }
    }

    fn redemption(self, random: &mut Random) -> Redemption {
        let target = self.earlier(random);
        let digest = if random.below(2) == 0 { target.digest() } else { [0xee; 32] };
        Redemption {
            id: self.id(2),
            now: self.now(),
            realm: REALM,
            challenge: target.name(2),
            digests: vec![digest],
            charges: Vec::new(),
            subject_charges: vec![Charge {
                key: self.failures(),
                limit: FAILURES,
                cost: 1,
                waiver: None,
            }],
            reset: vec![self.failures()],
            credits: Vec::new(),
            marks: Vec::new(),
            observe: Vec::new(),
            observe_failure: Vec::new(),
            exchange: None,
        }
    }

    fn settlement(self, random: &mut Random) -> Settlement {
        let target = self.earlier(random);
        let refund =
            |key, limit| Refund { key, limit, cost: 1, charged: target.now(), waiver: None };
        Settlement {
            admission: target.id(1),
            now: self.now(),
            realm: REALM,
            refunds: vec![refund(target.line(), LINE), refund(all(), ALL)],
            void: Some(VoidCode { challenge: target.name(2), digest: target.digest() }),
            observe: Vec::new(),
            exchange: None,
        }
    }

    /// The version is guessed, so that most are stale.
    fn document(self, random: &mut Random) -> Admission {
        let write = DocumentWrite {
            document: self.paper(),
            expect: random.below(3) + self.cycle / 4,
            content: self.digest().to_vec(),
        };
        let remember = self.now() + Duration::from_secs(60);
        let documents = vec![write];
        Admission { documents, ..Admission::new(self.id(3), self.now(), REALM, remember) }
    }

    /// A step of this thread, of this cycle or the one before.
    fn earlier(self, random: &mut Random) -> Self {
        let cycle = self.cycle - u64::from(self.cycle > 0 && random.below(4) == 0);
        Self { cycle, index: random.below(self.index + 1), ..self }
    }

    /// All that this thread's steps of this cycle and the one before have touched.
    fn own(self, store: &dyn Store) -> Tallies {
        let meter = |key, limit| MeterQuery { key, limit, cost: 1 };
        let lines = (0..LINES).map(|index| meter(Self { index, ..self }.line(), LINE));
        let cycles = [self.cycle, self.cycle.saturating_sub(1)];
        let codes = cycles
            .into_iter()
            .flat_map(|cycle| (0..STEPS).map(move |index| Self { cycle, index, ..self }.name(2)));
        let query = TallyQuery {
            meters: lines.chain([meter(self.failures(), FAILURES)]).collect(),
            challenges: codes.collect(),
            documents: vec![self.paper()],
            ..TallyQuery::new(self.latest(), REALM)
        };
        read(store, &query)
    }

    fn all(self) -> TallyQuery {
        let meters = vec![MeterQuery { key: all(), limit: ALL, cost: 1 }];
        TallyQuery { meters, ..TallyQuery::new(self.latest(), REALM) }
    }

    /// Seven seconds a cycle, so that windows slide and rows expire while the test runs.
    fn now(self) -> Timestamp {
        let start = 1_800_000_000_000;
        Timestamp::from_millis(start + self.cycle * 7_000 + self.index)
    }

    fn latest(self) -> Timestamp {
        Self { index: STEPS, ..self }.now()
    }

    fn number(self) -> u64 {
        (self.cycle * THREADS + self.thread) * STEPS + self.index + 1
    }

    fn name(self, kind: u8) -> Pseudonym {
        let mut bytes = [kind; 16];
        bytes[..8].copy_from_slice(&scattered(self.number()).to_be_bytes());
        Pseudonym::from_bytes(bytes)
    }

    fn id(self, kind: u8) -> RequestId {
        RequestId::from_bytes(*self.name(kind).as_bytes())
    }

    fn nonce(self) -> Nonce {
        Nonce { key: self.name(1), expires: self.now() + Duration::from_secs(30) }
    }

    fn digest(self) -> [u8; 32] {
        let mut digest = [0x11; 32];
        digest[..8].copy_from_slice(&self.number().to_be_bytes());
        digest
    }

    fn line(self) -> MeterKey {
        MeterKey::new(self.fixed(3, self.index % LINES), Slot(1))
    }

    fn failures(self) -> MeterKey {
        MeterKey::new(self.fixed(4, 0), Slot(2))
    }

    fn paper(self) -> Pseudonym {
        self.fixed(5, 0)
    }

    /// A name that the thread keeps through all cycles.
    fn fixed(self, kind: u8, number: u64) -> Pseudonym {
        let mut bytes = [kind; 16];
        bytes[..8].copy_from_slice(&scattered(self.thread * 100 + number).to_be_bytes());
        Pseudonym::from_bytes(bytes)
    }
}

fn all() -> MeterKey {
    MeterKey::new(Pseudonym::from_bytes([6; 16]), Slot(3))
}

fn read(store: &dyn Store, query: &TallyQuery) -> Tallies {
    block_on(store.tally(query)).unwrap()
}

fn word(answer: Admitted) -> String {
    match answer {
        Admitted::Granted { .. } => "granted".to_owned(),
        Admitted::Exhausted { index, .. } => format!("exhausted:{index}"),
        other => format!("{other:?}").replace(' ', ""),
    }
}

fn scattered(number: u64) -> u64 {
    number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// splitmix64.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}
