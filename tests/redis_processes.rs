//! Scenarios A1, A2 and A4 across two processes that share one Redis, each a child of this
//! binary, let off by one push.

#![cfg(all(feature = "redis", feature = "testing"))]

#[path = "support/redis_calls.rs"]
mod redis_calls;
#[path = "support/redis_server.rs"]
mod redis_server;

use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use otpgate::limit::{MeterKey, Slot};
use otpgate::store::{Admitted, RedisStore, Verdict};
use otpgate::{Pseudonym, Store};

use redis_calls::{Sent, T0, bytes, charging, window};
use redis_server::{RedisServer, needs_redis};

/// Names that both processes know without being told.
fn shared(round: u8, what: u8) -> Pseudonym {
    Pseudonym::from_bytes([round ^ 0x5a, what, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16])
}

fn shared_code(round: u8) -> Sent {
    Sent { challenge: shared(round, 1), digest: [round; 32] }
}

const REALM: u8 = 0;
const ROUNDS: u8 = 20;
const RACERS: usize = 32;

/// What a child does in a round: (successes, comparisons).
async fn round(scenario: &str, store: &Arc<RedisStore>, round: u8) -> (u64, u64) {
    let realm = shared(0, REALM);
    let racers: Vec<_> = (0..RACERS)
        .map(|_| {
            let (store, scenario) = (Arc::clone(store), scenario.to_owned());
            tokio::spawn(async move {
                match scenario.as_str() {
                    "consume" => {
                        let sent = shared_code(round);
                        let verdict = sent.redeem(&*store, realm, T0).await.unwrap();
                        let accepted = matches!(verdict, Verdict::Accepted { .. });
                        (u64::from(accepted), u64::from(accepted))
                    }
                    "guess" => {
                        let sent = Sent { digest: bytes(), ..shared_code(round) };
                        let verdict = sent.redeem(&*store, realm, T0).await.unwrap();
                        (0, u64::from(matches!(verdict, Verdict::Mismatch { .. })))
                    }
                    _ => {
                        let key = MeterKey::new(shared(round, 2), Slot(1));
                        let admission = charging(realm, T0, key, window(5));
                        let answer = store.admit(&admission).await.unwrap();
                        let granted = matches!(answer, Admitted::Granted { .. });
                        (u64::from(granted), 0)
                    }
                }
            })
        })
        .collect();
    let mut sum = (0, 0);
    for racer in racers {
        let (successes, compared) = racer.await.unwrap();
        sum = (sum.0 + successes, sum.1 + compared);
    }
    sum
}

/// Not a test of its own: what the children run.
#[test]
fn child() {
    let (Ok(url), Ok(scenario)) = (std::env::var("OTPGATE_URL"), std::env::var("OTPGATE_SCENARIO"))
    else {
        return;
    };
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let store = Arc::new(RedisStore::connect(&url).await.unwrap());
        let mut start = redis::Client::open(url).unwrap().get_connection().unwrap();
        for number in 0..ROUNDS {
            let _: redis::Value =
                redis::cmd("BLPOP").arg(format!("go{number}")).arg(30).query(&mut start).unwrap();
            let (successes, compared) = round(&scenario, &store, number).await;
            let _: u64 = redis::cmd("RPUSH")
                .arg(format!("done{number}"))
                .arg(format!("{successes} {compared}"))
                .query(&mut start)
                .unwrap();
        }
    });
}

/// Runs `scenario` in two processes and answers each round's (successes, comparisons) of both.
async fn in_two_processes(scenario: &str) -> Vec<(u64, u64)> {
    let server = RedisServer::start(&[]);
    let store = RedisStore::connect(&server.url()).await.unwrap();
    let mut children: Vec<Child> = (0..2)
        .map(|_| {
            Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "child", "--nocapture", "--test-threads", "1"])
                .env("OTPGATE_URL", server.url())
                .env("OTPGATE_SCENARIO", scenario)
                .stdout(Stdio::null())
                .spawn()
                .unwrap()
        })
        .collect();
    let mut connection = server.connection();
    let mut rounds = Vec::new();
    for number in 0..ROUNDS {
        let sent = shared_code(number);
        let admission = sent.admission(shared(0, REALM), T0, 5);
        assert!(matches!(store.admit(&admission).await, Ok(Admitted::Granted { .. })));
        let _: u64 = redis::cmd("RPUSH")
            .arg(format!("go{number}"))
            .arg("1")
            .arg("2")
            .query(&mut connection)
            .unwrap();
        let mut sum = (0, 0);
        for _ in 0..2 {
            let (_, line): (String, String) = redis::cmd("BLPOP")
                .arg(format!("done{number}"))
                .arg(30)
                .query(&mut connection)
                .unwrap();
            let (successes, compared) = line.split_once(' ').unwrap();
            sum.0 += successes.parse::<u64>().unwrap();
            sum.1 += compared.parse::<u64>().unwrap();
        }
        rounds.push(sum);
        if scenario == "guess" {
            let verdict = sent.redeem(&store, shared(0, REALM), T0).await.unwrap();
            assert_eq!(verdict, Verdict::Locked, "the owner's right code after the guesses");
        }
    }
    for child in &mut children {
        assert!(child.wait().unwrap().success());
    }
    rounds
}

#[tokio::test]
async fn a1_one_of_64_right_submissions_in_two_processes_wins() {
    needs_redis!();
    for (round, (accepted, _)) in in_two_processes("consume").await.into_iter().enumerate() {
        assert_eq!(accepted, 1, "round {round}");
    }
}

#[tokio::test]
async fn a2_five_of_64_wrong_guesses_in_two_processes_are_compared() {
    needs_redis!();
    for (round, (_, compared)) in in_two_processes("guess").await.into_iter().enumerate() {
        assert_eq!(compared, 5, "round {round}");
    }
}

#[tokio::test]
async fn a4_five_of_64_sends_in_two_processes_are_granted() {
    needs_redis!();
    for (round, (granted, _)) in in_two_processes("send").await.into_iter().enumerate() {
        assert_eq!(granted, 5, "round {round}");
    }
}
