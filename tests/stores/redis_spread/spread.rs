//! One deployment over the six nodes of a cluster: the suite, what is common under race and loss, and
//! whole gates.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use otpgate::limit::{Limit, MeterKey, Slot};
use otpgate::store::{
    Admission, Admitted, Charge, DocumentWrite, Home, MeterQuery, Nonce, RedisOptions, RedisStore,
    Refund, Settlement, StoreErrorKind, TallyQuery,
};
use otpgate::testing::BoxFuture;
use otpgate::testing::store::{Suite, equivalence};
use otpgate::{Pseudonym, Store};

use crate::calls::{Sent, T0, charge, empty, meter, name, patient, window};
use ::support::redis_proxy::Proxy;
use ::support::redis_server::{RedisServer, SixNodes};
use ::support::{clocks, gates, needs_redis};

fn options(partitions: u16) -> RedisOptions {
    RedisOptions { partitions, ..patient() }
}

pub(crate) async fn spread(cluster: &SixNodes, partitions: u16) -> RedisStore {
    RedisStore::cluster_with(cluster.urls(), options(partitions)).await.unwrap()
}

/// A name that lies on partition `number % partitions`, however many there are.
pub(crate) fn placed(number: u64) -> Pseudonym {
    let mut all: [u8; 16] = crate::calls::bytes();
    all[..8].copy_from_slice(&number.to_be_bytes());
    Pseudonym::from_bytes(all)
}

pub(crate) fn of(home: Home, realm: Pseudonym, key: MeterKey, limit: Limit) -> Admission {
    let mut admission = empty(realm, T0);
    admission.home = home;
    admission.charges.push(charge(key, limit));
    admission
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conformance_over_six_nodes() {
    needs_redis!();
    let cluster = SixNodes::start(6);
    for partitions in [6, 3] {
        let make = || spread(&cluster, partitions);
        Suite::new().run(make).await.assert();
    }
    let spawn = |racer: BoxFuture<'static, ()>| drop(tokio::spawn(racer));
    Suite::new().spawn(spawn).only("race").run(|| spread(&cluster, 6)).await.assert();
    equivalence(|| spread(&cluster, 6), 1, 300).await.assert();
    for node in &cluster.nodes {
        assert!(node.calls("evalsha") > 1_000, "every node had its homes");
    }
}

/// Whether a call was granted; `None` if its partition gave no answer.
pub(crate) async fn granted(store: &dyn Store, admission: &Admission) -> Option<bool> {
    match store.admit(admission).await {
        Ok(Admitted::Granted { .. }) => Some(true),
        Ok(_) => Some(false),
        Err(error) => {
            let kind = error.kind();
            let lost = matches!(kind, StoreErrorKind::Unavailable | StoreErrorKind::Indeterminate);
            assert!(lost, "{error:?}");
            None
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_partition_stops_its_own_numbers_only() {
    needs_redis!();
    let mut cluster = SixNodes::start(6);
    let store = spread(&cluster, 6).await;
    let (realm, key, max) = (name(), meter(), 60);
    let homes: Vec<Home> = (0..120).map(|_| Home::of(name())).collect();
    let document = name();
    let mut write = empty(realm, T0);
    write.documents.push(DocumentWrite { document, expect: 0, content: vec![1] });
    assert_eq!(granted(&store, &write).await, Some(true));
    let call = |home: &Home, limit: Limit| {
        let mut admission = of(*home, realm, key, limit);
        admission.guards.push(otpgate::store::Guard { document, version: 1 });
        admission.nonces.push(Nonce { key: name(), expires: T0 + Duration::from_secs(300) });
        admission
    };
    let mut all = 0;
    for home in homes.iter().take(30) {
        all += u64::from(granted(&store, &call(home, window(max))).await.unwrap());
    }
    assert_eq!(all, 30);
    cluster.nodes[2].kill();
    // The clocks of the cluster's own agreement, not ours: until then calls to the lost node fail too.
    let (mut stopped, mut served) = (0, 0);
    for home in &homes {
        match granted(&store, &call(home, window(100_000))).await {
            None => stopped += 1,
            Some(served_now) => served += u32::from(served_now),
        }
    }
    println!("one of six nodes lost: {stopped} of 120 numbers stopped, {served} served");
    assert!((8..=35).contains(&stopped), "a sixth of the numbers: {stopped}");
    assert_eq!(stopped + served, 120, "and nobody else is refused");
    // The common limit goes on in what is left of it, and never beyond the whole.
    let narrow = meter();
    let mut granted_now = 0;
    for home in homes.iter().chain(&homes) {
        let admission = of(*home, realm, narrow, window(max));
        granted_now += u64::from(granted(&store, &admission).await == Some(true));
    }
    assert_eq!(granted_now, 50, "five sixths of the limit");
    cluster.nodes[2].start_again();
    support::until("the node is back", || {
        cluster.nodes.iter().all(|node| node.say(&["CLUSTER", "INFO"]).contains("cluster_state:ok"))
    });
    let mut rest = 0;
    for home in homes.iter().chain(&homes) {
        let mut answer = granted(&store, &of(*home, realm, narrow, window(max))).await;
        while answer.is_none() {
            tokio::time::sleep(Duration::from_millis(20)).await;
            answer = granted(&store, &of(*home, realm, narrow, window(max))).await;
        }
        rest += u64::from(answer == Some(true));
    }
    assert_eq!(rest, 10, "the share of the lost node is there again, and no more");
}

/// A node is killed under load and comes back: what was acknowledged is there, what was not counts once at
/// the most, and a token is spent once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_killed_under_load_loses_nothing_that_was_acknowledged() {
    needs_redis!();
    let mut cluster = SixNodes::start(6);
    let gates = [Arc::new(spread(&cluster, 6).await), Arc::new(spread(&cluster, 6).await)];
    let (realm, key) = (name(), meter());
    let calls: Arc<Vec<Admission>> = Arc::new(
        (0..600)
            .map(|_| {
                let number = name();
                let mut call = of(Home::of(number), realm, key, window(1_000_000));
                call.charges.push(charge(MeterKey::new(number, Slot(2)), window(5)));
                call.nonces.push(Nonce { key: name(), expires: T0 + Duration::from_secs(300) });
                call
            })
            .collect(),
    );
    let tasks: Vec<_> = (0..600_usize)
        .map(|n| {
            let (gate, calls) = (Arc::clone(&gates[n % 2]), Arc::clone(&calls));
            tokio::spawn(async move {
                for _ in 0..n {
                    tokio::task::yield_now().await;
                }
                granted(&*gate, &calls[n]).await
            })
        })
        .collect();
    while cluster.nodes[4].calls("evalsha") < 30 {
        tokio::task::yield_now().await;
    }
    cluster.nodes[4].kill();
    let mut known = Vec::new();
    for task in tasks {
        known.push(task.await.unwrap());
    }
    cluster.nodes[4].start_again();
    support::until("the node is back", || {
        cluster.nodes.iter().all(|node| node.say(&["CLUSTER", "INFO"]).contains("cluster_state:ok"))
    });
    let granted_before = known.iter().filter(|answer| **answer == Some(true)).count();
    println!("{granted_before} of 600 acknowledged, the others met the kill");
    assert!((60..600).contains(&granted_before), "{granted_before}");
    let count = async |key, home| {
        let mut query = TallyQuery::new(T0, realm);
        query.home = home;
        query.meters.push(MeterQuery { key, limit: window(1_000_000), cost: 1 });
        gates[0].tally(&query).await.unwrap().meters[0].count
    };
    assert!(count(key, Home::NOBODY).await >= granted_before as u64);
    for (call, answer) in calls.iter().zip(&known) {
        let own = MeterKey::new(call.home.name().unwrap(), Slot(2));
        let charged = count(own, call.home).await;
        assert!(if *answer == Some(true) { charged == 1 } else { charged <= 1 }, "{charged}");
        // The same call again is the same call.
        assert_eq!(granted(&*gates[1], call).await, Some(true));
        assert_eq!(count(own, call.home).await, 1);
        let mut thief = empty(realm, T0);
        (thief.home, thief.nonces) = (Home::of(name()), call.nonces.clone());
        let answer = gates[0].admit(&thief).await;
        assert!(matches!(answer, Ok(Admitted::NonceSpent { index: 0 })), "{answer:?}");
    }
    assert_eq!(count(key, Home::NOBODY).await, 600);
}

/// A token and the response that came with it, used at once for many numbers: one text, wherever the numbers,
/// the token and the response are at home.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_parallel_uses_of_one_token_and_one_response_one_is_admitted() {
    needs_redis!();
    let cluster = SixNodes::start(3);
    let gates = [Arc::new(spread(&cluster, 6).await), Arc::new(spread(&cluster, 6).await)];
    for round in 0..100 {
        let realm = name();
        let expires = T0 + Duration::from_secs(300);
        let nonces = [name(), name()].map(|key| Nonce { key, expires });
        let mut uses = tokio::task::JoinSet::new();
        // Homes in every partition: in those of the nonces, too, which spend one of them by themselves.
        for n in 0..12_usize {
            let mut call = of(Home::of(name()), realm, meter(), window(9));
            call.nonces = nonces.to_vec();
            let gate = Arc::clone(&gates[n % 2]);
            uses.spawn(async move {
                let admitted = granted(&*gate, &call).await.unwrap();
                // Whoever was first stays the first, and nobody else becomes one.
                assert_eq!(granted(&*gate, &call).await, Some(admitted));
                admitted
            });
        }
        let mut admitted = 0;
        while let Some(granted) = uses.join_next().await {
            admitted += u32::from(granted.unwrap());
        }
        assert_eq!(admitted, 1, "round {round}");
    }
}

/// What is refused for something else leaves both to the next call.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_call_gives_its_token_and_its_response_back() {
    needs_redis!();
    let cluster = SixNodes::start(3);
    let store = spread(&cluster, 6).await;
    for _ in 0..40 {
        let realm = name();
        let expires = T0 + Duration::from_secs(300);
        let mut refused = of(Home::of(name()), realm, meter(), window(0));
        refused.nonces = [name(), name()].map(|key| Nonce { key, expires }).to_vec();
        assert_eq!(granted(&store, &refused).await, Some(false));
        let mut next = of(Home::of(name()), realm, meter(), window(1));
        next.nonces = refused.nonces;
        assert_eq!(granted(&store, &next).await, Some(true));
    }
}

/// Calls that break off anywhere: what they took over elsewhere stays spent, and nothing is granted twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_that_are_cut_short_never_exceed_a_limit() {
    needs_redis!();
    let cluster = SixNodes::start(3);
    let store = Arc::new(spread(&cluster, 6).await);
    let (realm, key, max) = (name(), meter(), 100);
    let counted = Arc::new(std::sync::atomic::AtomicU64::new(0));
    let mut running = Vec::new();
    for number in 0..400_u64 {
        let (store, counted) = (Arc::clone(&store), Arc::clone(&counted));
        let mut admission = of(Home::of(name()), realm, key, window(max));
        admission.nonces.push(Nonce { key: name(), expires: T0 + Duration::from_secs(300) });
        let task = tokio::spawn(async move {
            if granted(&*store, &admission).await == Some(true) {
                counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            }
        });
        if number % 3 == 0 {
            // Cut at once, after a while, or when it is done.
            for _ in 0..number % 7 {
                tokio::task::yield_now().await;
            }
            task.abort();
        }
        running.push(task);
    }
    for task in running {
        let _ = task.await;
    }
    let known = counted.load(std::sync::atomic::Ordering::Relaxed);
    let mut query = TallyQuery::new(T0, realm);
    query.meters.push(MeterQuery { key, limit: window(max), cost: 1 });
    let held = store.tally(&query).await.unwrap().meters[0].count;
    println!("{known} granted and heard of, {held} of {max} spent");
    assert!(known <= held && held <= max, "{known} granted, {held} spent of {max}");
    assert!(held == max, "400 calls fill a limit of {max}, whoever breaks off: {held}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deployment_has_one_number_of_partitions() {
    needs_redis!();
    let cluster = SixNodes::start(3);
    let (three, six) = (spread(&cluster, 3).await, spread(&cluster, 6).await);
    let one = RedisStore::cluster(cluster.urls()).await.unwrap();
    let (young, old) = (name(), name());
    let home = Home::of(name());
    assert_eq!(granted(&three, &of(home, young, meter(), window(9))).await, Some(true));
    assert_eq!(granted(&one, &of(home, old, meter(), window(9))).await, Some(true));
    for (store, realm, says) in
        [(&six, young, "kept in 3 partition"), (&one, young, "several"), (&three, old, "kept in 1")]
    {
        let error = store.admit(&of(home, realm, meter(), window(9))).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Corrupt);
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(cause.contains(says), "{cause}");
    }
    // A limit that cannot be split is not let through unsplit.
    let ladder = Limit::Ladder { first_ms: 1, longest_ms: 2, forget_ms: 3 };
    let error = three.admit(&of(home, young, meter(), ladder)).await.unwrap_err();
    assert!(std::error::Error::source(&error).unwrap().to_string().contains("ladder"));
    let own = MeterKey::new(home.name().unwrap(), Slot(7));
    assert_eq!(granted(&three, &of(home, young, own, ladder)).await, Some(true));
}

/// A call is one command at one node, and each node has its share of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_node_has_its_share() {
    needs_redis!();
    let cluster = SixNodes::start(6);
    let store = Arc::new(spread(&cluster, 6).await);
    let (realm, budget) = (name(), meter());
    let before: Vec<u64> = cluster.nodes.iter().map(|node| node.calls("evalsha")).collect();
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..6_000 {
        let sent = Sent::new();
        let mut admission = sent.admission(realm, T0, 5);
        let number = placed(n);
        admission.home = Home::of(number).and(sent.challenge);
        admission.charges.push(charge(MeterKey::new(number, Slot(1)), window(5)));
        admission.charges.push(charge(budget, window(1_000_000)));
        let store = Arc::clone(&store);
        tasks.spawn(async move { granted(&*store, &admission).await });
    }
    while let Some(answer) = tasks.join_next().await {
        assert_eq!(answer.unwrap(), Some(true));
    }
    let after = cluster.nodes.iter().map(|node| node.calls("evalsha"));
    let calls: Vec<u64> = after.zip(before).map(|(after, before)| after - before).collect();
    println!("calls of 6 000 sends at each of six nodes: {calls:?}");
    assert_eq!(calls.iter().sum::<u64>(), 6_001, "one for each, and one that asked for the layout");
    assert!(calls.iter().all(|calls| (1_000..=1_001).contains(calls)), "{calls:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_gates_over_six_nodes_are_one() {
    needs_redis!();
    let cluster = SixNodes::start(6);
    let stores = async || {
        cluster.flush();
        (spread(&cluster, 6).await, spread(&cluster, 6).await)
    };
    gates::two_gates_are_one_over_parts(stores).await;
}

/// A18: one of three gates has a clock that is wrong by minutes or by years.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_clock_over_six_partitions() {
    needs_redis!();
    let cluster = SixNodes::start(6);
    let stores = async || {
        cluster.flush();
        Arc::new(spread(&cluster, 6).await)
    };
    clocks::a_wrong_clock_spends_nothing_twice_and_shuts_nothing(stores).await;
}

/// The partition that a command is for, by the tag of the key that it names first.
fn tag(words: &[Vec<u8>]) -> Option<Vec<u8>> {
    let key = words.get(3).filter(|_| words[0] == b"EVALSHA")?;
    Some(key[..=key.iter().position(|byte| *byte == b'}').unwrap()].to_vec())
}

/// A home in each partition.
async fn home_in_each(
    store: &RedisStore,
    proxy: &Proxy,
    realm: Pseudonym,
    partitions: usize,
) -> Vec<Home> {
    let mut homes = BTreeMap::new();
    while homes.len() < partitions {
        let home = Home::of(name());
        let mut nothing = empty(realm, T0);
        nothing.home = home;
        assert_eq!(granted(store, &nothing).await, Some(true));
        let tags = proxy.commands().iter().rev().find_map(|words| tag(words)).unwrap();
        homes.entry(tags).or_insert(home);
    }
    homes.into_values().collect()
}

async fn spent(store: &RedisStore, realm: Pseudonym, key: MeterKey) -> u64 {
    spent_of(store, realm, Home::NOBODY, key).await
}

async fn spent_of(store: &RedisStore, realm: Pseudonym, home: Home, key: MeterKey) -> u64 {
    let mut query = TallyQuery::new(T0, realm);
    query.home = home;
    query.meters.push(MeterQuery { key, limit: window(300), cost: 0 });
    store.tally(&query).await.unwrap().meters[0].count
}

/// Whoever goes while another partition takes his charge over has paid his own limits too, or nothing.
/// On one thread, so that nothing goes on while nobody waits.
#[tokio::test]
async fn who_hangs_up_uses_up_nothing_that_is_common() {
    needs_redis!();
    let server = RedisServer::start(&[]);
    let proxy = Proxy::before(server.port()).await;
    let store = RedisStore::connect_with(&proxy.url(), options(3)).await.unwrap();
    let (realm, budget) = (name(), meter());
    let home = home_in_each(&store, &proxy, realm, 3).await[0];
    let own = MeterKey::new(home.name().unwrap(), Slot(2));
    // The partition's share of the budget is used up.
    let mut all = of(home, realm, budget, window(300));
    all.charges[0].cost = 100;
    assert_eq!(granted(&store, &all).await, Some(true));
    for round in 1..=20 {
        drop(proxy.commands());
        let mut admission = of(home, realm, budget, window(300));
        admission.charges.push(charge(own, window(300)));
        let mut call = Box::pin(store.admit(&admission));
        let mut tags = Vec::new();
        // Until a second partition is asked.
        while tags.len() < 2 {
            let polled = poll_fn(|context| Poll::Ready(call.as_mut().poll(context))).await;
            assert!(polled.is_pending(), "no other partition was asked: {polled:?} {tags:?}");
            tags.extend(proxy.commands().iter().filter_map(|words| tag(words)));
            tags.dedup();
            tokio::task::yield_now().await;
        }
        drop(call);
        let mut tries = 0;
        while spent(&store, realm, own).await < round {
            tries += 1;
            let burnt = spent(&store, realm, budget).await - 100;
            assert!(
                tries < 1_000,
                "{burnt} units of the budget are gone, {} of his own",
                round - 1
            );
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(spent(&store, realm, budget).await, 120);
}

/// A refund that another partition may have made is not made once more at a third.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refund_whose_answer_is_lost_is_made_once() {
    needs_redis!();
    let server = RedisServer::start(&[]);
    let proxy = Proxy::before(server.port()).await;
    let store = RedisStore::connect_with(&proxy.url(), options(3)).await.unwrap();
    let (realm, budget) = (name(), meter());
    let homes = home_in_each(&store, &proxy, realm, 3).await;
    let count = async || {
        let mut query = TallyQuery::new(T0, realm);
        query.meters.push(MeterQuery { key: budget, limit: window(6), cost: 0 });
        store.tally(&query).await.unwrap().meters[0].count
    };
    // Each of the three has a share of two units. The first one's are used up, so the next makes
    // the second charge for it.
    let mut made = Vec::new();
    for (home, cost) in [(0, 2), (0, 1), (1, 1), (2, 1)] {
        let mut admission = of(homes[home], realm, budget, window(6));
        admission.charges[0].cost = cost;
        assert_eq!(granted(&store, &admission).await, Some(true));
        made.push(admission);
    }
    assert_eq!(count().await, 5);
    let back = |of: usize| {
        let Charge { key, limit, cost, waiver, .. } = made[of].charges[0];
        let mut settlement = Settlement::new(made[of].id, T0, realm);
        settlement.home = made[of].home;
        settlement.refunds = vec![Refund { key, limit, cost, charged: T0, waiver }];
        settlement
    };
    store.settle(&back(0)).await.unwrap();
    assert_eq!(count().await, 3);
    // Its own partition says that it holds none, and the answer of the next one is lost.
    proxy.lose_answer_after(1);
    store.settle(&back(1)).await.unwrap();
    assert_eq!(count().await, 2, "one unit has gone back");
}

/// Whoever repeats a call that was charged and then found its document written by another has his charges
/// back, where taking them back had broken off: the change of partitions repeats it for him.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_stale_write_was_charged_comes_back_at_the_repeat() {
    needs_redis!();
    let server = RedisServer::start(&[]);
    let proxy = Proxy::before(server.port()).await;
    let store = RedisStore::connect_with(&proxy.url(), options(3)).await.unwrap();
    let (realm, budget, document) = (name(), meter(), name());
    let homes = home_in_each(&store, &proxy, realm, 3).await;
    let write = |home: usize, expect: u64| {
        let mut admission = of(homes[home], realm, budget, window(6));
        let own = MeterKey::new(homes[home].name().unwrap(), Slot(2));
        admission.charges.push(charge(own, window(6)));
        admission.documents.push(DocumentWrite { document, expect, content: vec![1] });
        (admission, own)
    };
    let (first, _) = write(0, 0);
    assert_eq!(granted(&store, &first).await, Some(true));
    // Of two units that the partition may grant one is left, so the second of these is charged elsewhere.
    for elsewhere in [false, true] {
        let (late, own) = write(0, 0);
        let before =
            (spent(&store, realm, budget).await, spent_of(&store, realm, homes[0], own).await);
        if elsewhere {
            assert_eq!(granted(&store, &of(homes[0], realm, budget, window(6))).await, Some(true));
        }
        drop(proxy.commands());
        // The call of its own partition and the hub's pass, and what the lender is asked between them.
        proxy.lose_call_after(if elsewhere { 4 } else { 2 });
        let lost = store.admit(&late).await;
        assert!(lost.is_err(), "{lost:?} after {}", proxy.commands().len());
        let extra = u64::from(elsewhere);
        let charged = spent(&store, realm, budget).await;
        assert_eq!(charged, before.0 + 1 + extra, "charged, and not given back");
        let stale = store.admit(&late).await.unwrap();
        assert!(matches!(stale, Admitted::Stale { version: 1, .. }), "{stale:?}");
        let after =
            (spent(&store, realm, budget).await, spent_of(&store, realm, homes[0], own).await);
        assert_eq!(after, (before.0 + extra, before.1), "given back");
        // Once: whoever repeats it again charges anew and is stale anew.
        let again = store.admit(&late).await.unwrap();
        assert!(matches!(again, Admitted::Stale { version: 1, .. }), "{again:?}");
        assert_eq!(spent(&store, realm, budget).await, before.0 + extra);
    }
    // Who was granted and asks again has what he had.
    let granted_again = store.admit(&first).await.unwrap();
    assert!(matches!(granted_again, Admitted::Granted { .. }), "{granted_again:?}");
    assert_eq!(spent(&store, realm, budget).await, 2);
}

/// What a stale write undoes leaves its tokens good, wherever they are at home: the gate asks again without the
/// document.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_undone_call_leaves_its_tokens_good() {
    needs_redis!();
    let cluster = SixNodes::start(3);
    let store = spread(&cluster, 6).await;
    let (realm, document) = (name(), name());
    let write = DocumentWrite { document, expect: 0, content: vec![1] };
    let mut first = empty(realm, T0);
    first.documents.push(write.clone());
    assert_eq!(granted(&store, &first).await, Some(true));
    for round in 0..40 {
        let mut call = of(Home::of(name()), realm, meter(), window(1));
        let expires = T0 + Duration::from_secs(300);
        call.nonces = [name(), name()].map(|key| Nonce { key, expires }).to_vec();
        call.documents.push(write.clone());
        let stale = store.admit(&call).await.unwrap();
        assert!(matches!(stale, Admitted::Stale { version: 1, .. }), "{stale:?}");
        // Under the same identifier, and then nobody else's.
        call.documents.clear();
        assert_eq!(granted(&store, &call).await, Some(true), "round {round}");
        let mut thief = empty(realm, T0);
        (thief.home, thief.nonces) = (Home::of(name()), call.nonces.clone());
        let answer = store.admit(&thief).await.unwrap();
        assert!(matches!(answer, Admitted::NonceSpent { index: 0 }), "{answer:?}");
    }
}

/// A call that its own partition has certainly not seen claims nothing elsewhere: another one may come with its
/// token, and the same one with a later end, as a webhook that is repeated does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_was_not_made_claims_nothing() {
    needs_redis!();
    let mut cluster = SixNodes::start(6);
    let store = spread(&cluster, 6).await;
    let realm = name();
    let calls: Vec<Admission> = (0..60)
        .map(|n| {
            let mut call = of(Home::of(placed(n)), realm, meter(), window(60));
            let expires = T0 + Duration::from_secs(300);
            call.nonces = [name(), name()].map(|key| Nonce { key, expires }).to_vec();
            call
        })
        .collect();
    assert_eq!(granted(&store, &empty(realm, T0)).await, Some(true));
    cluster.nodes[2].kill();
    let mut stopped = Vec::new();
    for call in calls {
        match store.admit(&call).await {
            Ok(Admitted::Granted { .. }) => {}
            Ok(other) => panic!("{other:?}"),
            Err(error) => stopped.push((call, error.kind())),
        }
    }
    cluster.nodes[2].start_again();
    support::until("the node is back", || {
        cluster.nodes.iter().all(|node| node.say(&["CLUSTER", "INFO"]).contains("cluster_state:ok"))
    });
    let certain = stopped.iter().filter(|(_, kind)| *kind == StoreErrorKind::Unavailable).count();
    assert!(certain >= 4, "{certain} of {}", stopped.len());
    for (n, (mut call, kind)) in stopped.into_iter().enumerate() {
        // Whoever may have been seen has to come as himself.
        if n % 2 == 0 && kind == StoreErrorKind::Unavailable {
            call.id = otpgate::RequestId::from_bytes(crate::calls::bytes());
        }
        call.nonces.iter_mut().for_each(|nonce| nonce.expires = T0 + Duration::from_secs(360));
        let mut answer = store.admit(&call).await;
        while answer.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
            answer = store.admit(&call).await;
        }
        assert!(matches!(answer, Ok(Admitted::Granted { .. })), "call {n}, {kind:?}: {answer:?}");
    }
}

/// A call whose answer was lost writes its document at the repeat, wherever its tokens are at home.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repeat_writes_what_the_first_time_did_not() {
    needs_redis!();
    let server = RedisServer::start(&[]);
    let proxy = Proxy::before(server.port()).await;
    let store = RedisStore::connect_with(&proxy.url(), options(3)).await.unwrap();
    let realm = name();
    let homes = home_in_each(&store, &proxy, realm, 3).await;
    // Which answer is lost is chance: some calls have fewer, and a claim's is asked for again.
    let (mut lost, mut round) = (0, 0);
    while lost < 12 {
        assert!(round < 1_000, "of {round} calls {lost} lost their answer");
        let document = name();
        let mut call = of(homes[round % 3], realm, meter(), window(9));
        let expires = T0 + Duration::from_secs(300);
        call.nonces = [name(), name()].map(|key| Nonce { key, expires }).to_vec();
        call.documents.push(DocumentWrite { document, expect: 0, content: vec![1] });
        // Whichever answer it is: of a claim, of its own partition, of the hub.
        proxy.lose_answer_after(round % 4);
        if store.admit(&call).await.is_err() {
            lost += 1;
            let answer = store.admit(&call).await;
            assert!(matches!(answer, Ok(Admitted::Granted { .. })), "round {round}: {answer:?}");
        }
        let mut query = TallyQuery::new(T0, realm);
        query.documents.push(document);
        let version = store.tally(&query).await.unwrap().documents[0].version;
        assert_eq!(version, 1, "round {round}");
        round += 1;
    }
}

/// Brings a document to version 2.
async fn write_twice(store: &RedisStore, realm: Pseudonym, document: Pseudonym) {
    for expect in 0..2 {
        let mut write = empty(realm, T0);
        write.documents.push(DocumentWrite { document, expect, content: vec![1] });
        assert_eq!(granted(store, &write).await, Some(true));
    }
}

/// A call that fits, if the document has this version.
fn guarded(home: Home, realm: Pseudonym, document: Pseudonym, version: u64) -> Admission {
    let mut admission = of(home, realm, meter(), window(100));
    admission.guards.push(otpgate::store::Guard { document, version });
    admission
}

/// A document that a fail-over of its partition has put back: the copies elsewhere, of a version that is
/// gone, follow it once they are two seconds old.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn copies_follow_a_document_that_went_back() {
    needs_redis!();
    let server = RedisServer::start(&[]);
    let store = RedisStore::connect_with(&server.url(), options(3)).await.unwrap();
    let (realm, document) = (name(), name());
    write_twice(&store, realm, document).await;
    let homes: Vec<Home> = (0..12).map(|_| Home::of(name())).collect();
    let call = |home: &Home, version| guarded(*home, realm, document, version);
    for home in &homes {
        assert_eq!(granted(&store, &call(home, 2)).await, Some(true));
        assert_eq!(granted(&store, &call(home, 1)).await, Some(false), "an older version");
    }
    let lost = "local lost = 0 for _, key in ipairs(redis.call('KEYS', '*')) do \
        if key:sub(25, 25) == 'd' or key:sub(25, 25) == 'v' then \
          lost = lost + redis.call('DEL', key) end end return lost";
    assert_eq!(server.say(&["EVAL", lost, "0"]), "2");
    let begun = std::time::Instant::now();
    for home in &homes {
        while granted(&store, &call(home, 0)).await != Some(true) {
            assert!(begun.elapsed() < Duration::from_secs(30), "the copy stays");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(granted(&store, &call(home, 2)).await, Some(false), "a version that is gone");
    }
}

/// While the place of the documents is lost, a caller's word lowers no copy, however old that is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_behind_is_not_believed_while_the_documents_are_lost() {
    needs_redis!();
    let mut cluster = SixNodes::start(6);
    let store = spread(&cluster, 6).await;
    let (realm, document) = (name(), name());
    write_twice(&store, realm, document).await;
    let homes: Vec<Home> = (0..60).map(|_| Home::of(name())).collect();
    let call = |home: &Home, version| guarded(*home, realm, document, version);
    for home in &homes {
        assert_eq!(granted(&store, &call(home, 2)).await, Some(true));
    }
    let holds = "for _, key in ipairs(redis.call('KEYS', '*')) do \
        if key:sub(25, 25) == 'd' then return 1 end end return 0";
    let hub = cluster.nodes.iter().position(|node| node.say(&["EVAL", holds, "0"]) == "1").unwrap();
    cluster.nodes[hub].kill();
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    let mut answered = 0;
    for home in &homes {
        for behind in [0, 1] {
            assert_ne!(granted(&store, &call(home, behind)).await, Some(true), "version {behind}");
        }
        answered += u32::from(granted(&store, &call(home, 2)).await == Some(true));
    }
    assert!(answered >= 30, "who is not behind is served: {answered} of 60");
}
