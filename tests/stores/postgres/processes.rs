//! Several gates in several processes on one PostgreSQL: scenarios A1, A2, A4, A17, A18 and A22.
//!
//! The test starts its own program again as the other processes; each answers with counts. Each scenario
//! runs with rows that are charged by each call, and with rows that are charged ahead.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use otpgate::Store;
use otpgate::store::{Admitted, Nonce, PostgresStore, StoreErrorKind, Verdict};
use otpgate::testing::LoseAck;
use support::postgres_server::{self, PostgresServer, Shared};

use super::calls::{
    NOON, admission, at, charge, code, count, hourly, is_granted, meter, name, open, ready,
    redemption,
};

const JOB: &str = "OTPGATE_TEST_JOB";

/// A process that waits for the word to go.
pub struct Process {
    child: Child,
    output: BufReader<std::process::ChildStdout>,
}

impl Process {
    /// One of several, which charges ahead as one `of` so many.
    pub fn start(server: &PostgresServer, job: &str, share: u64, of: u16) -> Self {
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .args(["processes::other_process", "--exact", "--nocapture"])
            .env(JOB, format!("{job} {share} {of} {}", server.url()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("another process");
        let output = BufReader::new(child.stdout.take().expect("its output"));
        let mut process = Self { child, output };
        assert_eq!(process.line(), "ready");
        process
    }

    pub fn go(&mut self) {
        self.child.stdin.take().expect("its input").write_all(b"go\n").expect("it listens");
    }

    /// The numbers it answers.
    pub fn numbers(&mut self) -> Vec<u64> {
        let line = self.line();
        let numbers = line.split(' ').map(|word| word.parse().expect("a number")).collect();
        assert!(self.child.wait().expect("it ends").success());
        numbers
    }

    /// The next line meant for the parent.
    pub fn line(&mut self) -> String {
        loop {
            let mut line = String::new();
            let length = self.output.read_line(&mut line).expect("text");
            assert!(length > 0, "the process ended without an answer");
            if let Some(said) = line.trim_end().split("said: ").nth(1) {
                return said.to_owned();
            }
        }
    }
}

impl Process {
    /// Ends it in the middle of whatever it does.
    pub fn kill(mut self) {
        self.child.kill().expect("it runs");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs `job` in two processes at the same time and adds up what they answer.
fn in_two_processes(server: &PostgresServer, job: &str, of: u16) -> Vec<u64> {
    let mut processes: Vec<_> =
        (0..2).map(|share| Process::start(server, job, share, of)).collect();
    processes.iter_mut().for_each(Process::go);
    let answers: Vec<Vec<u64>> = processes.iter_mut().map(Process::numbers).collect();
    let mut sums = vec![0; answers[0].len()];
    for answer in &answers {
        sums.iter_mut().zip(answer).for_each(|(sum, number)| *sum += number);
    }
    sums
}

/// Not a test of its own: what the other processes run.
#[test]
fn other_process() {
    let Ok(job) = std::env::var(JOB) else { return };
    let words: Vec<&str> = job.split(' ').collect();
    let [name, share, of, url] = words[..] else { panic!("{job}") };
    let (share, of): (u64, u16) = (share.parse().unwrap(), of.parse().unwrap());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let answer = runtime.block_on(async {
        let store = Arc::new(PostgresStore::connect(url).await.unwrap().with_processes(of));
        println!("said: ready");
        std::io::stdin().read_line(&mut String::new()).unwrap();
        match name {
            "redeem_right" => redeem_right(store, share).await,
            "redeem_wrong" => redeem_wrong(store, share).await,
            "one_number" => one_number(store, share).await,
            "one_client" => one_client(store, share).await,
            "skewed" => skewed(store, share).await,
            "losing" => losing(store, share).await,
            "load" => load(store, share).await,
            "one_budget" => super::slices::one_budget(store, share).await,
            other => panic!("{other}"),
        }
    });
    let answer: Vec<String> = answer.iter().map(u64::to_string).collect();
    println!("said: {}", answer.join(" "));
}

/// Runs `calls` at the same time and counts the answers that `counts`.
async fn at_once<T: Send + 'static>(
    calls: impl Iterator<Item = impl Future<Output = T> + Send + 'static>,
    counts: impl Fn(&T) -> bool,
) -> u64 {
    let tasks: Vec<_> = calls.map(tokio::spawn).collect();
    let mut counted = 0;
    for task in tasks {
        counted += u64::from(counts(&task.await.unwrap()));
    }
    counted
}

async fn redeem_right(store: Arc<PostgresStore>, share: u64) -> Vec<u64> {
    let mut accepted = Vec::new();
    for challenge in 0..50 {
        let tries =
            (0..16).map(|number| {
                let store = Arc::clone(&store);
                let id = challenge * 100 + share * 16 + number;
                async move {
                    store.redeem(&redemption(id, challenge, code(challenge), NOON)).await.unwrap()
                }
            });
        let right =
            |answer: &otpgate::store::Redeemed| matches!(answer.verdict, Verdict::Accepted { .. });
        accepted.push(at_once(tries, right).await);
    }
    accepted
}

async fn redeem_wrong(store: Arc<PostgresStore>, share: u64) -> Vec<u64> {
    let tries = (0..100).map(|number| {
        let store = Arc::clone(&store);
        let id = 1_000_000 + share * 100 + number;
        async move { store.redeem(&redemption(id, 1_000, code(id), NOON)).await.unwrap() }
    });
    let compared =
        |answer: &otpgate::store::Redeemed| matches!(answer.verdict, Verdict::Mismatch { .. });
    vec![at_once(tries, compared).await]
}

async fn one_number(store: Arc<PostgresStore>, share: u64) -> Vec<u64> {
    let sends = (0..100).map(|number| {
        let store = Arc::clone(&store);
        let id = 2_000_000 + share * 100 + number;
        let charges = vec![charge(meter(b'i', id), hourly(1)), charge(meter(b'n', 0), hourly(5))];
        async move { store.admit(&admission(id, NOON, charges)).await.unwrap() }
    });
    vec![at_once(sends, is_granted).await]
}

async fn one_client(store: Arc<PostgresStore>, share: u64) -> Vec<u64> {
    let sends = (0..100).map(|number| {
        let store = Arc::clone(&store);
        let id = 3_000_000 + share * 100 + number;
        let charges = vec![
            charge(meter(b'm', share * 100 + number), hourly(1)),
            charge(meter(b'i', 9), hourly(20)),
        ];
        async move { store.admit(&admission(id, NOON, charges)).await.unwrap() }
    });
    vec![at_once(sends, is_granted).await]
}

/// Two gates whose clocks are ten seconds apart: a limit of 30, and 50 nonces used by both.
async fn skewed(store: Arc<PostgresStore>, share: u64) -> Vec<u64> {
    let now = if share == 0 { NOON - 5_000 } else { NOON + 5_000 };
    let sends = (0..100).map(|number| {
        let store = Arc::clone(&store);
        let id = 4_000_000 + share * 100 + number;
        let charges = vec![charge(meter(b'k', 0), hourly(30))];
        async move { store.admit(&admission(id, now + number, charges)).await.unwrap() }
    });
    let granted = at_once(sends, is_granted).await;
    let uses = (0..50).map(|number| {
        let store = Arc::clone(&store);
        let mut use_of = admission(4_500_000 + share * 100 + number, now, Vec::new());
        use_of.nonces.push(Nonce { key: name(b'o', number), expires: at(NOON + 60_000) });
        async move { store.admit(&use_of).await.unwrap() }
    });
    vec![granted, at_once(uses, is_granted).await]
}

/// Half of the answers get lost; the gate repeats the call under the same identifier.
async fn losing(store: Arc<PostgresStore>, share: u64) -> Vec<u64> {
    let lossy = Arc::new(LoseAck::percent(store, 50, share));
    let mut granted = 0;
    for number in 0..100 {
        let charges = vec![charge(meter(b'l', 0), hourly(120))];
        let call = admission(5_000_000 + share * 100 + number, NOON, charges);
        let answer = loop {
            match lossy.admit(&call).await {
                Ok(answer) => break answer,
                Err(error) => assert_eq!(error.kind(), StoreErrorKind::Indeterminate),
            }
        };
        granted += u64::from(is_granted(&answer));
    }
    let mut accepted = 0;
    for challenge in 2_000..2_020 {
        let call = redemption(challenge * 10 + share, challenge, code(challenge), NOON);
        let answer = loop {
            match lossy.redeem(&call).await {
                Ok(answer) => break answer,
                Err(error) => assert_eq!(error.kind(), StoreErrorKind::Indeterminate),
            }
        };
        accepted += u64::from(matches!(answer.verdict, Verdict::Accepted { .. }));
    }
    vec![granted, accepted]
}

/// Charges until told to stop, through whatever happens to the server: how many calls were
/// granted, and of how many the outcome is unknown.
async fn load(store: Arc<PostgresStore>, share: u64) -> Vec<u64> {
    println!("said: running");
    let clients = (0..8).map(|client| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            let (mut granted, mut unknown, mut refused_in_a_row, mut outages) = (0, 0, 0, 0);
            for number in 0.. {
                let id = 6_000_000 + (share * 8 + client) * 1_000_000 + number;
                let charges = vec![charge(meter(b'q', 0), hourly(1_000_000))];
                match store.admit(&admission(id, NOON, charges)).await {
                    Ok(Admitted::Granted { .. }) => {
                        granted += 1;
                        if outages > 0 {
                            refused_in_a_row += 1;
                        }
                    }
                    Ok(other) => panic!("{other:?}"),
                    Err(error) => {
                        match error.kind() {
                            StoreErrorKind::Indeterminate => unknown += 1,
                            StoreErrorKind::Unavailable => {}
                            _ => panic!("{error:?}"),
                        }
                        outages += 1;
                        refused_in_a_row = 0;
                        tokio::time::sleep(Duration::from_millis(5)).await;
                    }
                }
                // Well again: fifty calls without an error after the server came back.
                if refused_in_a_row >= 50 {
                    break;
                }
            }
            (granted, unknown, outages)
        })
    });
    let clients: Vec<_> = clients.collect();
    let mut sums = vec![0, 0, 0];
    for client in clients {
        let (granted, unknown, outages) = client.await.unwrap();
        sums.iter_mut().zip([granted, unknown, outages]).for_each(|(sum, add)| *sum += add);
    }
    sums
}

/// A server for rows that each call charges, and one for rows that are charged ahead.
static SERVERS: [(Shared, u16); 2] = [(Shared::new(), 1), (Shared::new(), 4)];

#[tokio::test]
async fn a1_one_of_32_right_codes_is_accepted() {
    for (server, of) in &SERVERS {
        let Some((server, store)) = ready(server).await else { return };
        for challenge in 0..50 {
            open(&store, challenge, NOON, 100).await;
        }
        assert_eq!(in_two_processes(&server, "redeem_right", *of), vec![1; 50]);
    }
}

#[tokio::test]
async fn a2_five_of_200_wrong_codes_are_compared() {
    for (server, of) in &SERVERS {
        let Some((server, store)) = ready(server).await else { return };
        open(&store, 1_000, NOON, 5).await;
        assert_eq!(in_two_processes(&server, "redeem_wrong", *of), [5]);
        let owner = store.redeem(&redemption(999_999, 1_000, code(1_000), NOON)).await.unwrap();
        assert_eq!(owner.verdict, Verdict::Locked);
    }
}

#[tokio::test]
async fn a4_sends_stay_within_every_limit_and_leave_no_half() {
    for (server, of) in &SERVERS {
        let Some((server, store)) = ready(server).await else { return };
        assert_eq!(in_two_processes(&server, "one_number", *of), [5]);
        let mut reserved = 0;
        for id in 2_000_000..2_000_200 {
            reserved += count(&store, meter(b'i', id), hourly(1), NOON).await.unwrap();
        }
        assert_eq!(reserved, 5, "a refused send must leave nothing on its client");

        assert_eq!(in_two_processes(&server, "one_client", *of), [20]);
        let mut reserved = 0;
        for number in 0..200 {
            reserved += count(&store, meter(b'm', number), hourly(1), NOON).await.unwrap();
        }
        assert_eq!(reserved, 20, "a refused send must leave nothing on its number");
    }
}

#[tokio::test]
async fn a18_clocks_ten_seconds_apart_share_one_limit() {
    for (server, of) in &SERVERS {
        let Some((server, store)) = ready(server).await else { return };
        assert_eq!(in_two_processes(&server, "skewed", *of), [30, 50]);
        assert_eq!(count(&store, meter(b'k', 0), hourly(30), NOON).await.unwrap(), 30);
    }
}

#[tokio::test]
async fn a22_lost_acknowledgements_charge_nothing_twice() {
    for (server, of) in &SERVERS {
        let Some((server, store)) = ready(server).await else { return };
        for challenge in 2_000..2_020 {
            open(&store, challenge, NOON, 100).await;
        }
        assert_eq!(in_two_processes(&server, "losing", *of), [120, 20]);
        assert_eq!(count(&store, meter(b'l', 0), hourly(120), NOON).await.unwrap(), 120);
    }
}

/// A17 and the demand that nothing that was acknowledged is lost.
#[tokio::test]
async fn a17_a_killed_server_loses_nothing_that_was_acknowledged() {
    let Some(server) = postgres_server::start(&[]) else { return };
    let store = PostgresStore::connect(&server.url()).await.unwrap();
    store.migrate().await.unwrap();
    let mut processes: Vec<_> =
        (0..2).map(|share| Process::start(&server, "load", share, 1)).collect();
    processes.iter_mut().for_each(Process::go);
    for process in &mut processes {
        assert_eq!(process.line(), "running");
    }
    // In the middle of the load, as the meter tells.
    while count(&store, meter(b'q', 0), hourly(1_000_000), NOON).await.unwrap() < 500 {}
    server.kill();
    let outage = count(&store, meter(b'q', 0), hourly(1_000_000), NOON).await.unwrap_err();
    assert!(
        matches!(outage.kind(), StoreErrorKind::Unavailable | StoreErrorKind::Indeterminate),
        "{outage:?}"
    );
    server.restart();
    let mut sums = [0; 3];
    for process in &mut processes {
        sums.iter_mut().zip(process.numbers()).for_each(|(sum, add)| *sum += add);
    }
    let [granted, unknown, outages] = sums;
    let counted = count(&store, meter(b'q', 0), hourly(1_000_000), NOON).await.unwrap();
    println!(
        "granted {granted}, outcome unknown {unknown}, errors {outages}; counted {counted}; \
         lost {}",
        granted.saturating_sub(counted)
    );
    assert!(outages > 0, "the kill must have hit the load");
    assert!(counted >= granted, "{granted} were acknowledged and {counted} are counted");
    assert!(counted <= granted + unknown, "{counted} counted of {granted} and {unknown} unknown");
}
