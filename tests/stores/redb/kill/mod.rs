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
//! After each kill the invariants of SECURITY-BAR section 4 are checked, by name:
//!
//! - I1 to I6 from the answers alone, with the test's own arithmetic (`ledger.rs`);
//! - I7: the record of answers, played against the reference model, gives the state of the file;
//! - I8: neither number nor code, nor any key, stands in the file;
//! - I9: whose number is under attack still gets in with the device it is known by (`victim.rs`).
//!
//! `OTPGATE_KILL_CYCLES` says how often; 100 if it is not set, 250 in CI, 1 000 before a release.

mod ledger;
mod step;
mod victim;

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use otpgate::Store;
use otpgate::store::{Admission, Admitted, RedbStore};
use otpgate::testing::{ModelStore, block_on};

use ledger::Ledger;
use step::{REALM, Random, STEPS, Step, THREADS, read};
use victim::Victims;

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
    let (mut ledger, mut victims) = (Ledger::default(), Victims::default());
    let (mut answered, mut unanswered, mut happened) = (0, 0, 0);
    let mut random = Random(1);
    for cycle in 0..cycles {
        let (answers, open) = run_and_kill(&file, cycle, &mut random);
        victims.i8_no_secret_is_in(&fs::read(&file).unwrap_or_default());
        let store = Arc::new(RedbStore::open(&file).unwrap());
        answered += answers.len();
        unanswered += open.len();
        for (step, answer) in &answers {
            // I7: the record replays to the same answers, and below to the same state.
            assert_eq!(step.take(&model), *answer, "{step:?} against the model");
            ledger.note(*step, answer);
        }
        for step in open.values() {
            // Wholly there, or not at all.
            let before = model.snapshot();
            let own = step.own(&model);
            if step.own(&*store) != own {
                ledger.note(*step, &step.take(&model));
                assert_eq!(step.own(&*store), step.own(&model), "{step:?} is there in part");
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
            assert_eq!(last.own(&*store), last.own(&model), "thread {thread} after cycle {cycle}");
        }
        let everything = Step { cycle, thread: 0, index: STEPS - 1 }.all();
        assert_eq!(read(&*store, &everything), read(&model, &everything), "the shared meter");
        spend_again(&store, &answers);
        ledger.check(cycle, &*store);
        victims.i9_the_owner_gets_in(cycle, &store);
    }
    let _ = fs::remove_dir_all(&folder);
    println!("{ledger:?}; {} owners got in", victims.served());
    println!("{cycles} kills: {answered} answers kept, {unanswered} open, {happened} of them done");
    assert!(answered as u64 > cycles, "the children were killed too early to tell anything");
}

/// What the parent starts; by itself it does nothing.
#[test]
fn child() {
    let Some(file) = std::env::var_os("OTPGATE_KILL_FILE") else { return };
    let cycle: u64 = std::env::var("OTPGATE_KILL_CYCLE").unwrap().parse().unwrap();
    // With less memory, more of what the log holds is moved to the tables meanwhile.
    let cache = [128 << 20, 1 << 20, 64 << 10, 0][usize::try_from(cycle % 4).unwrap()];
    let store = RedbStore::builder().cache_bytes(cache).open(PathBuf::from(file)).unwrap();
    let store = Arc::new(store);
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
        .args(["--exact", "kill::child", "--nocapture", "--test-threads=1"])
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
