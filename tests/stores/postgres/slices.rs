//! Rows that several processes share, charged ahead: never too late over processes of any settings, whoever
//! is killed, and right for whoever asks the row.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use otpgate::limit::{Limit, MeterKey, Slot};
use otpgate::store::{
    Admission, Admitted, ChallengeWrite, Charge, Exchange, Home, Observation, PostgresStore,
    Refund, Settlement, Verdict,
};
use otpgate::testing::Latency;
use otpgate::{Clock, Store, SystemClock};
use support::postgres_server::{self, PostgresServer, Shared};
use tokio_postgres::{Client, NoTls};

use super::calls::{
    NOON, admission, at, charge, code, count, hourly, is_granted, meter, name, open, ready,
    redemption,
};
use super::processes::Process;

/// A budget that all share, and what a call of it costs.
const MAX: u64 = 60_000;
const COST: u64 = 12;

fn budget(max: u64) -> Charge {
    let limit = Limit::Budget { max, span_ms: 24 * 3_600_000 };
    Charge::new(meter(b'B', 0), limit, COST)
}

/// A send of a number's own, which leaves a challenge behind: so they can be counted.
fn send(number: u64, max: u64) -> Admission {
    let own = charge(meter(b'n', number), hourly(5));
    let mut admission = admission(number, NOON, vec![own, budget(max)]);
    admission.home = Home::of(name(b'n', number)).and(name(b'c', number));
    admission.challenge = Some(ChallengeWrite::Open {
        key: name(b'c', number),
        digest: code(number),
        expires: at(NOON + 300_000),
        closes: at(NOON + 600_000),
        attempts: 5,
    });
    admission
}

async fn client(server: &PostgresServer) -> Client {
    let (client, connection) = tokio_postgres::connect(&server.url(), NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// How many sends were granted, whoever heard of it.
async fn sends(client: &Client) -> u64 {
    let counted: i64 =
        client.query_one("select count(*) from otpgate.challenge", &[]).await.unwrap().get(0);
    u64::try_from(counted).unwrap()
}

/// Makes the server take its time in the middle of calls.
async fn slow(client: &Client) {
    let sql = "create function otpgate.dawdle() returns trigger language plpgsql as $$ begin \
               if random() < 0.05 then perform pg_sleep(random() * 0.01); end if; return new; \
               end $$; create trigger dawdle before insert or update on otpgate.subject \
               for each row execute function otpgate.dawdle()";
    client.batch_execute(sql).await.unwrap();
}

/// What another process does: it sends until the budget refuses fifty in a row.
pub async fn one_budget(store: Arc<PostgresStore>, share: u64) -> Vec<u64> {
    println!("said: running");
    let (granted, refused) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let clients: Vec<_> = (0..16)
        .map(|client| {
            let store = Latency::new(Arc::clone(&store), 3, share * 16 + client);
            let (granted, refused) = (Arc::clone(&granted), Arc::clone(&refused));
            tokio::spawn(async move {
                for number in 0..2_000 {
                    let number = (share * 16 + client) * 10_000 + number;
                    match store.admit(&send(number, MAX)).await.unwrap() {
                        Admitted::Granted { .. } => granted.fetch_add(1, Ordering::Relaxed),
                        Admitted::Exhausted { index: 1, .. } => {
                            if refused.fetch_add(1, Ordering::Relaxed) > 50 {
                                return;
                            }
                            continue;
                        }
                        other => panic!("{other:?}"),
                    };
                }
            })
        })
        .collect();
    for client in clients {
        client.await.unwrap();
    }
    store.give_back().await;
    vec![granted.load(Ordering::Relaxed)]
}

/// A4 and A18 over processes of four settings, the server slow in the middle of calls.
#[tokio::test]
async fn four_processes_never_exceed_a_budget_and_use_it_up() {
    let Some(server) = postgres_server::start(&[]) else { return };
    let store = PostgresStore::connect(&server.url()).await.unwrap();
    store.migrate().await.unwrap();
    let client = client(&server).await;
    slow(&client).await;
    let settings = [1, 2, 4, 16];
    let mut processes: Vec<_> = (0..)
        .zip(settings)
        .map(|(share, of)| Process::start(&server, "one_budget", share, of))
        .collect();
    processes.iter_mut().for_each(Process::go);
    for process in &mut processes {
        assert_eq!(process.line(), "running");
    }
    let granted: Vec<u64> = processes.iter_mut().map(|process| process.numbers()[0]).collect();
    println!("granted by each of four processes: {granted:?} of {}", MAX / COST);
    let sum: u64 = granted.iter().sum();
    assert_eq!(sends(&client).await, sum, "a refused send leaves nothing");
    assert!(sum <= MAX / COST, "{sum}");
    assert!(sum >= MAX / COST * 15 / 16, "too early by more than what others held: {sum}");
    // They have given back what they held.
    let (key, limit) = (budget(MAX).key, budget(MAX).limit);
    assert_eq!(count(&store, key, limit, NOON).await.unwrap(), sum * COST);
    for number in 0..MAX / COST - sum {
        assert!(is_granted(&store.admit(&send(900_000_000 + number, MAX)).await.unwrap()));
    }
    assert!(!is_granted(&store.admit(&send(990_000_000, MAX)).await.unwrap()), "to the unit");
}

#[tokio::test]
async fn a_killed_process_takes_no_more_than_its_part_with_it() {
    let Some(server) = postgres_server::start(&[]) else { return };
    let store = PostgresStore::connect(&server.url()).await.unwrap();
    store.migrate().await.unwrap();
    let client = client(&server).await;
    let mut processes: Vec<_> =
        (0..4).map(|share| Process::start(&server, "one_budget", share, 4)).collect();
    processes.iter_mut().for_each(Process::go);
    for process in &mut processes {
        assert_eq!(process.line(), "running");
    }
    for (left, killed_at) in [(3, 500), (2, 1_500)] {
        while sends(&client).await < killed_at {}
        processes.remove(left).kill();
    }
    let others: u64 = processes.iter_mut().map(|process| process.numbers()[0]).sum();
    // What the killed ones had on its way ends before anything is counted.
    let busy = "select count(*) from pg_stat_activity where state = 'active' \
                and pid <> pg_backend_pid() and backend_type = 'client backend'";
    while client.query_one(busy, &[]).await.unwrap().get::<_, i64>(0) > 0 {}
    let granted = sends(&client).await;
    let counted = count(&store, budget(MAX).key, budget(MAX).limit, NOON).await.unwrap();
    let lost = counted - granted * COST;
    println!("{granted} granted, {others} by those that live; {lost} of {MAX} lost with two");
    assert!(granted * COST <= counted && counted <= MAX);
    assert!(granted > others, "the killed ones had granted some");
    assert!(lost <= MAX / 32, "two parts of a sixty-fourth each: {lost}");
    let mut rest = 0;
    while is_granted(&store.admit(&send(900_000_000 + rest, MAX)).await.unwrap()) {
        rest += 1;
    }
    assert_eq!((granted + rest) * COST + lost, MAX - (MAX - lost) % COST);
}

static SERVER: Shared = Shared::new();

/// Two stores on one database, as two processes have them.
async fn two() -> Option<(Arc<PostgresServer>, PostgresStore, PostgresStore)> {
    let (server, store) = ready(&SERVER).await?;
    let other = PostgresStore::connect(&server.url()).await.unwrap();
    Some((server, store.with_processes(2), other.with_processes(2)))
}

fn of(kind: u8, number: u64, charges: Vec<Charge>) -> Admission {
    let id = u64::from(kind) << 40 | number;
    let mut admission = admission(id, NOON, charges);
    admission.home = Home::of(name(b'h', id));
    admission
}

/// As long as nothing goes back, which takes two seconds: on a machine that stands still for so
/// long, the round is made anew.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_count_of_a_budget_is_told_once() {
    let Some((_server, one, two)) = two().await else { return };
    let mut rounds = 0;
    for round in 0..100 {
        let shared = charge(meter(b'1', round), hourly(1_000_000));
        let (mut told, clock) = (Vec::new(), SystemClock::new());
        for number in 0..60 {
            let store = if number % 3 == 0 { &one } else { &two };
            match store.admit(&of(b'1', round * 1_000 + number, vec![shared])).await.unwrap() {
                Admitted::Granted { counts, step: 1, .. } => told.extend(counts),
                other => panic!("{other:?}"),
            }
        }
        if clock.elapsed() >= Duration::from_secs(2) {
            continue;
        }
        let once: BTreeSet<u64> = told.iter().copied().collect();
        assert_eq!(once.len(), 60, "each once");
        let highest = *once.last().unwrap();
        assert!(highest < 60 + 2 * 1_000_000 / 32, "none is far ahead: {highest}");
        for store in [&one, &two] {
            store.give_back().await;
        }
        assert_eq!(count(&one, shared.key, shared.limit, NOON).await.unwrap(), 60);
        rounds += 1;
        if rounds == 5 {
            return;
        }
    }
    panic!("{rounds} of 100 rounds were made within two seconds");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repeated_call_pays_once() {
    let Some((_server, one, _)) = two().await else { return };
    let shared = charge(meter(b'2', 0), hourly(1_000_000));
    for number in 0..200 {
        let call = of(b'2', number, vec![shared]);
        for _ in 0..1 + number % 3 {
            assert!(is_granted(&one.admit(&call).await.unwrap()));
        }
    }
    one.give_back().await;
    assert_eq!(count(&one, shared.key, shared.limit, NOON).await.unwrap(), 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_refused_pays_nothing_and_who_gives_back_is_paid() {
    let Some((_server, one, two)) = two().await else { return };
    let shared = charge(meter(b'3', 0), hourly(1_000_000));
    let shut = charge(meter(b'3', 1), hourly(0));
    let mut granted = Vec::new();
    for number in 0..300 {
        let refused = number % 2 == 0;
        let charges = if refused { vec![shared, shut] } else { vec![shared] };
        let call = of(b'3', number, charges);
        match one.admit(&call).await.unwrap() {
            Admitted::Granted { .. } if !refused => granted.push(call.id),
            Admitted::Exhausted { index: 1, counts, .. } if refused => {
                assert_eq!(counts.len(), 2);
            }
            other => panic!("{other:?}"),
        }
    }
    // The other process gives ten of them back, each twice.
    for id in granted.iter().take(10) {
        let mut back = Settlement::new(*id, at(NOON), super::calls::realm());
        let Charge { key, limit, cost, waiver, .. } = shared;
        back.refunds = vec![Refund { key, limit, cost, charged: at(NOON), waiver }];
        two.settle(&back).await.unwrap();
        two.settle(&back).await.unwrap();
    }
    one.give_back().await;
    assert_eq!(count(&two, shared.key, shared.limit, NOON).await.unwrap(), 140);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn counters_are_counted_late_and_whole() {
    let Some((_server, one, two)) = two().await else { return };
    let counter = MeterKey::new(name(b'4', 0), Slot(9));
    let unlimited = Limit::Window { max: u64::MAX >> 11, span_ms: 3_600_000 };
    let sent = charge(meter(b'4', 1), unlimited);
    let observation = Observation { key: counter, span_ms: 3_600_000, units: 1 };
    open(&one, 44, NOON, 1_000_000).await;
    let mut told = Vec::new();
    for number in 0..600 {
        let store = if number % 2 == 0 { &one } else { &two };
        let mut call = of(b'4', number, vec![sent]);
        call.observe = vec![observation];
        match store.admit(&call).await.unwrap() {
            Admitted::Granted { observed, .. } => told.extend(observed),
            other => panic!("{other:?}"),
        }
        let mut guess = redemption((b'4' as u64) << 40 | number, 44, code(99), NOON);
        guess.observe_failure = vec![observation];
        let answer = store.redeem(&guess).await.unwrap();
        assert!(matches!(answer.verdict, Verdict::Mismatch { .. }));
        told.extend(answer.observed);
        if number % 50 == 0 {
            store.give_back().await;
        }
    }
    told.retain(|count| *count > 0);
    let once: BTreeSet<u64> = told.iter().copied().collect();
    assert_eq!(once.len(), told.len(), "none is told twice");
    assert!(told.len() > 800, "nor held back for long: {}", told.len());
    // Each process reads what it has counted itself; the other's comes with its own reading.
    two.give_back().await;
    assert_eq!(count(&one, counter, hourly(1), NOON).await.unwrap(), 1_200);
    assert_eq!(count(&one, sent.key, unlimited, NOON).await.unwrap(), 600);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_entry_of_the_journal_arrives_once() {
    let Some((_server, one, two)) = two().await else { return };
    let journal = name(b'5', 0);
    let (mut after, mut heard) = (0, Vec::new());
    let mut now = NOON;
    for number in 0..400_u64 {
        let mut call = of(b'5', number, Vec::new());
        call.now = at(now);
        let append = number.to_be_bytes().to_vec();
        call.exchange = Some(Exchange { journal, append, after: 0 });
        assert!(is_granted(&one.admit(&call).await.unwrap()));
        let mut call = of(b'5', 1_000 + number, Vec::new());
        call.now = at(now);
        call.exchange = Some(Exchange { journal, append: Vec::new(), after });
        let Admitted::Granted { news, .. } = two.admit(&call).await.unwrap() else { panic!() };
        after = news.latest;
        heard.extend(news.entries.into_iter().map(|(_, entry)| entry));
        now += 3;
    }
    // The next calls tell what was left.
    for (number, store) in [(3_000, &one), (3_001, &two)] {
        let mut call = of(b'5', number, Vec::new());
        call.now = at(now + 1_000);
        call.exchange = Some(Exchange { journal, append: Vec::new(), after });
        let Admitted::Granted { news, .. } = store.admit(&call).await.unwrap() else { panic!() };
        if number == 3_001 {
            heard.extend(news.entries.into_iter().map(|(_, entry)| entry));
        }
    }
    let expected: Vec<Vec<u8>> = (0..400_u64).map(|entry| entry.to_be_bytes().to_vec()).collect();
    assert_eq!(heard, expected, "each once, in order");
}

/// A process without calls holds nothing for long.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_process_does_not_use_comes_back_by_itself() {
    let Some((server, one, _)) = two().await else { return };
    let shared = charge(meter(b'6', 0), hourly(2_048));
    let plain = PostgresStore::connect(&server.url()).await.unwrap();
    let (mut granted, mut held) = (0, 0);
    while held < 10 {
        assert!(is_granted(&one.admit(&of(b'6', granted, vec![shared])).await.unwrap()));
        granted += 1;
        held = count(&plain, shared.key, shared.limit, NOON).await.unwrap() - granted;
        assert!(held <= 2_048 / 32, "{held}");
    }
    // The time of a slice is the process's own.
    let over = tokio::time::timeout(Duration::from_secs(20), async {
        while count(&plain, shared.key, shared.limit, NOON).await.unwrap() > granted {
            tokio::task::yield_now().await;
        }
    });
    over.await.expect("what was not used comes back");
}
