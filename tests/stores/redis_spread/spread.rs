//! One deployment over the six nodes of a cluster: the suite, what is common under race and loss, and
//! whole gates.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use otpgate::limit::{Limit, MeterKey, Slot};
use otpgate::store::{
    Admission, Admitted, Charge, Home, MeterQuery, Nonce, RedisOptions, RedisStore, Refund,
    Settlement, StoreErrorKind, TallyQuery,
};
use otpgate::testing::BoxFuture;
use otpgate::testing::store::{Suite, equivalence};
use otpgate::{Pseudonym, Store};

use crate::calls::{Sent, T0, charge, empty, meter, name, window};
use ::support::redis_proxy::Proxy;
use ::support::redis_server::{RedisServer, SixNodes};
use ::support::{clocks, gates, needs_redis};

fn options(partitions: u16) -> RedisOptions {
    RedisOptions { partitions, response_timeout: Duration::from_secs(2), ..RedisOptions::default() }
}

pub(crate) async fn spread(cluster: &SixNodes, partitions: u16) -> RedisStore {
    RedisStore::cluster_with(cluster.urls(), options(partitions)).await.unwrap()
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
    write.documents.push(otpgate::store::DocumentWrite { document, expect: 0, content: vec![1] });
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
    for _ in 0..6_000 {
        let sent = Sent::new();
        let mut admission = sent.admission(realm, T0, 5);
        let number = name();
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
    assert!(calls.iter().all(|calls| (900..=1_100).contains(calls)), "{calls:?}");
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

/// A refund that another partition may have made is not made once more at a third.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refund_whose_answer_is_lost_is_made_once() {
    needs_redis!();
    let server = RedisServer::start(&[]);
    let proxy = Proxy::before(server.port()).await;
    let store = RedisStore::connect_with(&proxy.url(), options(3)).await.unwrap();
    let (realm, budget) = (name(), meter());
    // A home in each partition, by the tag of the key that its call names first.
    let mut homes = BTreeMap::new();
    while homes.len() < 3 {
        let home = Home::of(name());
        let mut nothing = empty(realm, T0);
        nothing.home = home;
        assert_eq!(granted(&store, &nothing).await, Some(true));
        let commands = proxy.commands();
        let tag = commands.iter().rev().find(|words| words[0] == b"EVALSHA").unwrap()[3].clone();
        homes
            .entry(tag[..=tag.iter().position(|byte| *byte == b'}').unwrap()].to_vec())
            .or_insert(home);
    }
    let homes: Vec<Home> = homes.into_values().collect();
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
        let Charge { key, limit, cost, waiver } = made[of].charges[0];
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
