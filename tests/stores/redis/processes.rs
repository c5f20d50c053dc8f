//! Scenarios A1, A2, A4, A17, A18 and A22 across two processes that share one Redis, each a child
//! of this binary, let off by one push on a server of its own.

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use otpgate::limit::{MeterKey, Slot};
use otpgate::store::{
    Admitted, MeterQuery, Nonce, RedisStore, StoreErrorKind, TallyQuery, Verdict,
};
use otpgate::testing::LoseAck;
use otpgate::{Pseudonym, Store};
use support::needs_redis;
use support::redis_server::RedisServer;

use super::calls::{Sent, T0, bytes, charging, empty, window};

/// Names that both processes know without being told.
fn shared(round: u8, what: u8) -> Pseudonym {
    Pseudonym::from_bytes([round ^ 0x5a, what, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16])
}

fn shared_code(round: u8) -> Sent {
    Sent { challenge: shared(round, 1), digest: [round; 32] }
}

const REALM: u8 = 0;
const ROUNDS: u8 = 20;
const RACERS: u64 = 32;
const FIVE_MINUTES: Duration = Duration::from_secs(300);

/// Successes and comparisons, or what a scenario counts instead.
type Sums = (u64, u64);

/// What a racer of process `share` (0 or 1) does in a round: (successes, comparisons).
async fn race(scenario: &str, store: Arc<RedisStore>, round: u8, share: u64, racer: u64) -> Sums {
    let (realm, sent) = (shared(0, REALM), shared_code(round));
    let charging = |now, max| {
        let key = MeterKey::new(shared(round, 2), Slot(1));
        charging(realm, now, key, window(max))
    };
    match scenario {
        "consume" => {
            let accepted = accepted(sent.redeem(&*store, realm, T0).await.unwrap());
            (accepted, accepted)
        }
        "guess" => {
            let wrong = Sent { digest: bytes(), ..sent };
            let verdict = wrong.redeem(&*store, realm, T0).await.unwrap();
            (0, u64::from(matches!(verdict, Verdict::Mismatch { .. })))
        }
        "send" => (granted(store.admit(&charging(T0, 5)).await.unwrap()), 0),
        // One process is five seconds behind, one five ahead.
        "skewed" => {
            let now = T0 + Duration::from_secs(10 * share);
            let sends = granted(store.admit(&charging(now, 5)).await.unwrap());
            let mut uses = empty(realm, now);
            uses.nonces = vec![Nonce { key: shared(round, 3), expires: now + FIVE_MINUTES }];
            (sends, granted(store.admit(&uses).await.unwrap()))
        }
        // Half of the answers get lost, and the call is repeated under the same identifier.
        "losing" => {
            let lossy = LoseAck::percent(store, 50, u64::from(round) * 64 + share * 32 + racer);
            let (send, attempt) = (charging(T0, 40), sent.redemption(realm, T0));
            let sends = loop {
                match lossy.admit(&send).await {
                    Ok(answer) => break granted(answer),
                    Err(error) => assert_eq!(error.kind(), StoreErrorKind::Indeterminate),
                }
            };
            loop {
                match lossy.redeem(&attempt).await {
                    Ok(answer) => break (sends, accepted(answer.verdict)),
                    Err(error) => assert_eq!(error.kind(), StoreErrorKind::Indeterminate),
                }
            }
        }
        other => panic!("{other}"),
    }
}

/// Charges through whatever happens to the server, until fifty in a row were granted after an
/// outage: (granted, outcome unknown).
async fn load(store: Arc<RedisStore>) -> Sums {
    let (mut known, mut unknown, mut outages, mut in_a_row) = (0, 0, 0_u64, 0);
    while outages == 0 || in_a_row < 50 {
        let key = MeterKey::new(shared(0, 2), Slot(1));
        match store.admit(&charging(shared(0, REALM), T0, key, window(1 << 40))).await {
            Ok(answer) => {
                known += granted(answer);
                in_a_row += 1;
            }
            Err(error) => {
                match error.kind() {
                    StoreErrorKind::Indeterminate => unknown += 1,
                    StoreErrorKind::Unavailable => {}
                    _ => panic!("{error:?}"),
                }
                (outages, in_a_row) = (outages + 1, 0);
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    }
    (known, unknown)
}

/// What a child does in a round, with all its racers at once.
async fn round(scenario: &str, store: &Arc<RedisStore>, round: u8, share: u64) -> Sums {
    let racers: Vec<_> = (0..RACERS)
        .map(|racer| {
            let (store, scenario) = (Arc::clone(store), scenario.to_owned());
            tokio::spawn(async move {
                match scenario.as_str() {
                    "load" if racer < 8 => load(store).await,
                    "load" => (0, 0),
                    scenario => race(scenario, store, round, share, racer).await,
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

fn accepted(verdict: Verdict) -> u64 {
    u64::from(matches!(verdict, Verdict::Accepted { .. }))
}

fn granted(answer: Admitted) -> u64 {
    u64::from(matches!(answer, Admitted::Granted { .. }))
}

/// Not a test of its own: what the children run.
#[test]
fn child() {
    let word = |name| std::env::var(name).unwrap_or_default();
    let (url, control) = (word("OTPGATE_URL"), word("OTPGATE_CONTROL"));
    let (scenario, share) = (word("OTPGATE_SCENARIO"), word("OTPGATE_SHARE"));
    if scenario.is_empty() {
        return;
    }
    let rounds = if scenario == "load" { 1 } else { ROUNDS };
    let share = share.parse().unwrap();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let store =
            Arc::new(RedisStore::connect_with(&url, super::calls::patient()).await.unwrap());
        let mut start = redis::Client::open(control).unwrap().get_connection().unwrap();
        for number in 0..rounds {
            let _: redis::Value =
                redis::cmd("BLPOP").arg(format!("go{number}")).arg(30).query(&mut start).unwrap();
            let (successes, compared) = round(&scenario, &store, number, share).await;
            let _: u64 = redis::cmd("RPUSH")
                .arg(format!("done{number}"))
                .arg(format!("{successes} {compared}"))
                .query(&mut start)
                .unwrap();
        }
    });
}

/// Processes that end with the test, however that ends.
struct Children(Vec<Child>);

impl Children {
    fn succeed(&mut self) {
        for child in &mut self.0 {
            assert!(child.wait().unwrap().success());
        }
    }
}

impl Drop for Children {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Two processes that wait for the word of `control` to work on `server`.
fn children(scenario: &str, server: &RedisServer, control: &RedisServer) -> Children {
    let child = |share: u32| {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "processes::child", "--nocapture", "--test-threads", "1"])
            .env("OTPGATE_URL", server.url())
            .env("OTPGATE_CONTROL", control.url())
            .env("OTPGATE_SCENARIO", scenario)
            .env("OTPGATE_SHARE", share.to_string())
            .stdout(Stdio::null())
            .spawn()
            .unwrap()
    };
    Children((0..2).map(child).collect())
}

/// Runs `scenario` in two processes and answers each round's (successes, comparisons) of both.
async fn in_two_processes(scenario: &str) -> Vec<Sums> {
    let server = RedisServer::start(&[]);
    let store = RedisStore::connect_with(&server.url(), super::calls::patient()).await.unwrap();
    let mut children = children(scenario, &server, &server);
    let mut connection = server.connection();
    let mut rounds = Vec::new();
    for number in 0..ROUNDS {
        let sent = shared_code(number);
        let admission = sent.admission(shared(0, REALM), T0, 5);
        assert!(matches!(store.admit(&admission).await, Ok(Admitted::Granted { .. })));
        go(&mut connection, number);
        rounds.push(done(&mut connection, number));
        if scenario == "guess" {
            let verdict = sent.redeem(&store, shared(0, REALM), T0).await.unwrap();
            assert_eq!(verdict, Verdict::Locked, "the owner's right code after the guesses");
        }
    }
    children.succeed();
    rounds
}

fn go(control: &mut redis::Connection, round: u8) {
    let mut push = redis::cmd("RPUSH");
    let _: u64 = push.arg(format!("go{round}")).arg("1").arg("2").query(control).unwrap();
}

/// What both processes counted.
fn done(control: &mut redis::Connection, round: u8) -> Sums {
    let mut sum = (0, 0);
    for _ in 0..2 {
        let mut pop = redis::cmd("BLPOP");
        let (_, line): (String, String) =
            pop.arg(format!("done{round}")).arg(300).query(control).unwrap();
        let (successes, compared) = line.split_once(' ').unwrap();
        sum.0 += successes.parse::<u64>().unwrap();
        sum.1 += compared.parse::<u64>().unwrap();
    }
    sum
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

#[tokio::test]
async fn a18_clocks_ten_seconds_apart_share_limits_and_nonces() {
    needs_redis!();
    for (round, sums) in in_two_processes("skewed").await.into_iter().enumerate() {
        assert_eq!(sums, (5, 1), "round {round}: sends granted, uses of one nonce");
    }
}

#[tokio::test]
async fn a22_lost_acknowledgements_charge_nothing_twice() {
    needs_redis!();
    for (round, sums) in in_two_processes("losing").await.into_iter().enumerate() {
        assert_eq!(sums, (40, 1), "round {round}: sends granted, codes accepted");
    }
}

/// A17 with `appendfsync always`: killed in the middle of the load of two processes, the server
/// starts again and both go on; nothing that was acknowledged is lost, nothing counts twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a17_a_killed_server_loses_nothing_that_was_acknowledged() {
    needs_redis!();
    let mut server = RedisServer::start(&["--appendonly", "yes", "--appendfsync", "always"]);
    let control = RedisServer::start(&[]);
    let store = RedisStore::connect_with(&server.url(), super::calls::patient()).await.unwrap();
    let mut query = TallyQuery::new(T0, shared(0, REALM));
    let key = MeterKey::new(shared(0, 2), Slot(1));
    query.meters.push(MeterQuery { key, limit: window(1), cost: 0 });
    let mut children = children("load", &server, &control);
    let mut connection = control.connection();
    go(&mut connection, 0);
    // In the middle of the load, as the meter tells.
    while store.tally(&query).await.unwrap().meters[0].count < 2_000 {}
    server.kill();
    let kind = store.tally(&query).await.unwrap_err().kind();
    let closed = matches!(kind, StoreErrorKind::Unavailable | StoreErrorKind::Indeterminate);
    assert!(closed, "{kind:?}");
    server.start_again();
    let (known, unknown) = done(&mut connection, 0);
    let counted = store.tally(&query).await.unwrap().meters[0].count;
    println!("granted {known}, outcome unknown {unknown}, counted {counted}");
    assert!(counted >= known, "{known} were acknowledged and {counted} are counted");
    assert!(counted <= known + unknown, "{counted} counted of {known} and {unknown} unknown");
    children.succeed();
}
