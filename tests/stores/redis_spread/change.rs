//! The number of partitions is changed while gates go on: no limit is exceeded and none lost, codes stay
//! good, what was spent stays spent, whatever breaks off.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use otpgate::limit::{Limit, MeterKey, Slot};
use otpgate::store::{
    Admission, Admitted, DocumentWrite, Exchange, Guard, Home, Mark, MeterQuery, Nonce, RedisStore,
    Refund, Repartition, Settlement, StoreError, StoreErrorKind, TallyQuery, Verdict,
};
use otpgate::testing::store::{Suite, equivalence};
use otpgate::testing::{BoxFuture, Latency};
use otpgate::{Clock, Pseudonym, Store, SystemClock, Timestamp};

use crate::calls::{Sent, T0, charge, empty, meter, name, window};
use crate::spread::{granted, of, placed, spread};
use ::support::needs_redis;
use ::support::redis_server::SixNodes;

/// From how many partitions to how many.
const CHANGES: [(u16, u16); 7] = [(1, 2), (1, 6), (6, 1), (3, 6), (6, 3), (4, 5), (6, 4)];

/// A change that nothing hinders.
async fn change(store: &RedisStore, realm: Pseudonym, to: u16) -> Repartition {
    store.repartition(realm, to, T0).await.unwrap()
}

fn own(home: Home, slot: u32, limit: Limit) -> otpgate::store::Charge {
    charge(MeterKey::new(home.name().unwrap(), Slot(slot)), limit)
}

/// How many of `calls` are granted, by whichever of `stores` is next.
async fn count(stores: &[&RedisStore], calls: impl IntoIterator<Item = Admission>) -> u64 {
    let mut all = 0;
    for (call, store) in calls.into_iter().zip(stores.iter().cycle()) {
        all += u64::from(granted(*store, &call).await.unwrap());
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_limit_has_as_much_left_after_a_change_as_before() {
    needs_redis!();
    let cluster = SixNodes::start(6);
    for (from, to) in CHANGES {
        let (realm, said) = (name(), format!("{from} to {to}"));
        let old = spread(&cluster, from).await;
        let fresh = spread(&cluster, to).await;
        let homes: Vec<Home> = (0..30).map(|_| Home::of(name())).collect();
        let (hours, bucket, budget) = (meter(), meter(), meter());
        let drains = Limit::Unverified { max: 40, drain_ms: 60_000 };
        let two = Limit::Window { max: 2, span_ms: 7_200_000 };
        let purse = Limit::Budget { max: 4_000, span_ms: 86_400_000 };
        let ladder = Limit::Ladder { first_ms: 30_000, longest_ms: 600_000, forget_ms: 1_800_000 };
        let failures = Limit::Failures {
            max: 3,
            pause_after: 9,
            pause_ms: 1,
            longest_ms: 2,
            forget_ms: 86_400_000,
        };
        let both = |store| [store, &old];
        // 23 of each of the common limits, one of each home's own, over an hour and a half.
        for (n, home) in (0..).zip(homes.iter().take(23)) {
            let mut call = empty(realm, T0.before(Duration::from_secs(240 * (22 - n))));
            call.clock = otpgate::store::ClockCheck::default();
            call.home = *home;
            call.charges = vec![
                charge(hours, Limit::Window { max: 40, span_ms: 7_200_000 }),
                charge(bucket, drains),
                otpgate::store::Charge { cost: 100, ..charge(budget, purse) },
                own(*home, 1, ladder),
                own(*home, 2, two),
                own(*home, 3, failures),
            ];
            call.nonces = vec![Nonce { key: name(), expires: T0 + Duration::from_secs(300) }];
            assert_eq!(granted(&old, &call).await, Some(true), "{said}");
        }
        let mut query = TallyQuery::new(T0, realm);
        query.meters = vec![
            MeterQuery {
                key: hours,
                limit: Limit::Window { max: 40, span_ms: 7_200_000 },
                cost: 0,
            },
            MeterQuery { key: bucket, limit: drains, cost: 0 },
            MeterQuery { key: budget, limit: purse, cost: 0 },
        ];
        let before: Vec<u64> =
            old.tally(&query).await.unwrap().meters.iter().map(|it| it.count).collect();
        assert!(
            matches!(change(&fresh, realm, to).await, Repartition::Moving { keys: 60.. }),
            "{said}"
        );
        let after: Vec<u64> =
            old.tally(&query).await.unwrap().meters.iter().map(|it| it.count).collect();
        assert_eq!((after[0], after[2]), (before[0], before[2]), "{said}: what is told");
        // What each home has left of its own: another of two in an hour, no text within the interval.
        for home in homes.iter().take(23) {
            let of_home = |slot, limit| {
                let mut call = empty(realm, T0);
                call.home = *home;
                call.charges = vec![own(*home, slot, limit)];
                call
            };
            let calls = (0..4).map(|_| of_home(2, two));
            assert_eq!(count(&both(&fresh), calls).await, 1, "{said}: its window");
            let three = (0..4).map(|_| of_home(3, failures));
            assert_eq!(count(&both(&fresh), three).await, 2, "{said}: its failures");
            let mut soon = of_home(1, ladder);
            soon.now = T0.before(Duration::from_secs(240 * 22)) + Duration::from_secs(29);
            assert_eq!(granted(&fresh, &soon).await, Some(false), "{said}: its interval");
        }
        // 17 are left of the window; of the bucket what has drained besides; of the budget its rest.
        let common = |key, limit, cost| {
            let homes = homes.iter().chain(&homes).chain(&homes);
            homes.map(move |home| {
                let mut call = of(*home, realm, key, limit);
                call.charges[0].cost = cost;
                call
            })
        };
        let hour = Limit::Window { max: 40, span_ms: 7_200_000 };
        assert_eq!(count(&both(&fresh), common(hours, hour, 1)).await, 17, "{said}: the window");
        assert_eq!(
            count(&both(&fresh), common(budget, purse, 100)).await,
            17,
            "{said}: the budget"
        );
        let room = count(&both(&fresh), common(bucket, drains, 1)).await;
        assert!(
            room <= 40 - before[1] + 1 && room + 8 >= 40 - before[1],
            "{said}: {room} of the bucket"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn codes_stay_good_and_what_was_spent_stays_spent() {
    needs_redis!();
    let cluster = SixNodes::start(6);
    for (from, to) in CHANGES {
        let (realm, said) = (name(), format!("{from} to {to}"));
        let (old, fresh) = (spread(&cluster, from).await, spread(&cluster, to).await);
        let mut sent = Vec::new();
        let token = |n: u8| Nonce {
            key: Pseudonym::from_bytes([n; 16]),
            expires: T0 + Duration::from_secs(300),
        };
        let (document, journal) = (name(), name());
        let mut write = empty(realm, T0);
        write.documents =
            vec![DocumentWrite { document, expect: 0, content: b"controls".to_vec() }];
        write.exchange = Some(Exchange { journal, after: 0, append: b"written".to_vec() });
        assert_eq!(granted(&old, &write).await, Some(true), "{said}");
        let waiver = MeterKey::new(name(), Slot(3));
        for n in 0..24_u8 {
            let code = Sent::new();
            let mut call = code.admission(realm, T0, 5);
            call.home = Home::of(name()).and(code.challenge);
            call.nonces = vec![token(n)];
            call.guards = vec![Guard { document, version: 1 }];
            call.charges = vec![
                own(call.home, 1, window(5)),
                charge(MeterKey::new(name(), Slot(1)), window(9)),
            ];
            assert_eq!(granted(&old, &call).await, Some(true), "{said}");
            // Some have tried before, one has locked itself out, one was accepted, which makes a mark.
            let mut wrong = code.redemption(realm, T0);
            (wrong.home, wrong.digests) = (call.home, vec![[9; 32]]);
            for attempt in 0..[0, 2, 5, 0][usize::from(n % 4)] {
                wrong.id = otpgate::RequestId::from_bytes([n * 8 + attempt; 16]);
                let verdict = old.redeem(&wrong).await.unwrap().verdict;
                assert_eq!(verdict, Verdict::Mismatch { left: 4 - u32::from(attempt) }, "{said}");
            }
            if n % 4 == 3 {
                let mut right = code.redemption(realm, T0);
                right.home = call.home;
                right.marks =
                    vec![Mark { key: waiver, from: T0, until: T0 + Duration::from_secs(900) }];
                let verdict = old.redeem(&right).await.unwrap().verdict;
                assert!(matches!(verdict, Verdict::Accepted { .. }), "{said}");
            }
            sent.push((code, call));
        }
        change(&fresh, realm, to).await;
        for (n, (code, call)) in (0..).zip(&sent) {
            let store: &RedisStore = if n % 8 < 4 { &fresh } else { &old };
            // The same call again, as after a lost answer: it was granted, and changes nothing.
            assert_eq!(granted(store, call).await, Some(true), "{said}: {n} repeated");
            let mut again = empty(realm, T0);
            again.home = Home::of(name());
            again.nonces = call.nonces.clone();
            assert!(
                matches!(store.admit(&again).await, Ok(Admitted::NonceSpent { index: 0 })),
                "{said}: token {n} is spent"
            );
            again.home = call.home;
            again.id = otpgate::RequestId::from_bytes([200 + n; 16]);
            assert!(matches!(store.admit(&again).await, Ok(Admitted::NonceSpent { .. })), "{said}");
            let mut right = code.redemption(realm, T0);
            right.home = call.home;
            let verdict = store.redeem(&right).await.unwrap().verdict;
            let as_before = match n % 4 {
                0 | 1 => matches!(verdict, Verdict::Accepted { .. }),
                2 => verdict == Verdict::Locked,
                _ => verdict == Verdict::Consumed,
            };
            assert!(as_before, "{said}: code {n}: {verdict:?}");
            right.id = otpgate::RequestId::from_bytes([100 + n; 16]);
            let again = store.redeem(&right).await.unwrap().verdict;
            assert!(!matches!(again, Verdict::Accepted { .. }), "{said}: twice");
            // A charge of before is given back, once, and is there again.
            let key = MeterKey::new(call.home.name().unwrap(), Slot(1));
            let refund = Refund { key, limit: window(5), cost: 1, charged: T0, waiver: None };
            let settlement = Settlement {
                admission: call.id,
                now: T0,
                clock: call.clock,
                realm,
                home: call.home,
                refunds: vec![
                    refund,
                    Refund { key: call.charges[1].key, limit: window(9), ..refund },
                ],
                void: None,
                observe: Vec::new(),
                exchange: None,
            };
            for _ in 0..2 {
                store.settle(&settlement).await.unwrap();
            }
            let mut query = TallyQuery::new(T0, realm);
            query.home = call.home;
            query.meters = vec![
                MeterQuery { key, limit: window(5), cost: 1 },
                MeterQuery { key: call.charges[1].key, limit: window(9), cost: 1 },
            ];
            let counts = store.tally(&query).await.unwrap().meters;
            assert_eq!((counts[0].count, counts[1].count), (0, 0), "{said}: {n} given back");
        }
        // What stands in the hub.
        let mut query = TallyQuery::new(T0, realm);
        (query.documents, query.journal) = (vec![document], Some((journal, 0)));
        let read = fresh.tally(&query).await.unwrap();
        assert_eq!(
            (read.documents[0].version, &read.documents[0].content[..]),
            (1, &b"controls"[..])
        );
        assert_eq!(read.news.entries, [(1, b"written".to_vec())], "{said}");
        write.id = otpgate::RequestId::from_bytes([250; 16]);
        assert!(
            matches!(old.admit(&write).await, Ok(Admitted::Stale { version: 1, .. })),
            "{said}"
        );
        // A mark waives on whatever partition.
        for home in (0..12).map(|_| Home::of(name())) {
            let mut free = of(home, realm, meter(), window(0));
            free.charges[0].waiver = Some(waiver);
            assert_eq!(granted(&fresh, &free).await, Some(true), "{said}: waived");
        }
    }
}

/// What three gates do all at once, while the number of partitions changes.
struct Acts {
    realm: Pseudonym,
    common: MeterKey,
    homes: Vec<Home>,
    tokens: Vec<Nonce>,
    codes: Vec<(Sent, Home)>,
    granted: AtomicU64,
    each: std::sync::Mutex<HashMap<usize, u64>>,
    spent: std::sync::Mutex<HashMap<usize, u64>>,
    accepted: std::sync::Mutex<HashMap<usize, u64>>,
}

const COMMON: u64 = 90;
const EACH: u64 = 5;

impl Acts {
    async fn new(store: &RedisStore) -> Self {
        let realm = name();
        let mut codes = Vec::new();
        for _ in 0..20 {
            let code = Sent::new();
            let home = Home::of(name()).and(code.challenge);
            let mut call = code.admission(realm, T0, 9);
            call.home = home;
            assert_eq!(granted(store, &call).await, Some(true));
            codes.push((code, home));
        }
        Self {
            realm,
            common: meter(),
            homes: (0..30).map(|_| Home::of(name())).collect(),
            tokens: (0..60)
                .map(|_| Nonce { key: name(), expires: T0 + Duration::from_secs(300) })
                .collect(),
            codes,
            granted: AtomicU64::new(0),
            each: std::sync::Mutex::default(),
            spent: std::sync::Mutex::default(),
            accepted: std::sync::Mutex::default(),
        }
    }

    /// The `n`th act: a text to one of the homes, with one of the tokens; or a code entered. An outage is made
    /// good by the same call, as a gate does, so that an answer that was lost is known.
    async fn act(&self, store: &dyn Store, n: usize) {
        let bump = |counts: &std::sync::Mutex<HashMap<usize, u64>>, key| {
            *counts.lock().unwrap().entry(key).or_default() += 1;
        };
        if n % 3 == 2 {
            let (code, home) = &self.codes[n / 3 % self.codes.len()];
            let mut right = code.redemption(self.realm, T0);
            right.home = *home;
            let answer = until_answered(|| store.redeem(&right)).await;
            if matches!(answer.verdict, Verdict::Accepted { .. }) {
                bump(&self.accepted, n / 3 % self.codes.len());
            }
            return;
        }
        let home = n * 7 % self.homes.len();
        let mut call = of(self.homes[home], self.realm, self.common, window(COMMON));
        call.charges.push(own(self.homes[home], 2, window(EACH)));
        let token = n % self.tokens.len();
        let alone = n.is_multiple_of(2);
        if alone {
            call.nonces = vec![self.tokens[token]];
        }
        let answer = until_answered(|| store.admit(&call)).await;
        if matches!(answer, Admitted::Granted { .. }) {
            self.granted.fetch_add(1, Ordering::Relaxed);
            bump(&self.each, home);
            if alone {
                bump(&self.spent, token);
            }
        }
    }

    /// Nothing was exceeded, and nothing is gone: what is left is granted now, to the unit.
    async fn judge(&self, store: &RedisStore, said: &str) {
        let over = |counts: &std::sync::Mutex<HashMap<usize, u64>>, most| {
            counts.lock().unwrap().values().filter(|count| **count > most).count()
        };
        assert_eq!(over(&self.each, EACH), 0, "{said}: a home's own limit");
        assert_eq!(over(&self.spent, 1), 0, "{said}: a token spent twice");
        assert_eq!(over(&self.accepted, 1), 0, "{said}: a code accepted twice");
        let accepted = self.accepted.lock().unwrap().len();
        assert_eq!(accepted, self.codes.len(), "{said}: codes that were good before");
        let granted_before = self.granted.load(Ordering::Relaxed);
        assert!(granted_before <= COMMON, "{said}: {granted_before} of {COMMON}");
        let more = (0..120).map(|_| of(Home::of(name()), self.realm, self.common, window(COMMON)));
        let more = count(&[store], more).await;
        assert!(granted_before + more <= COMMON, "{said}: {granted_before} and {more} of {COMMON}");
        // What was lent to calls that met the change came back.
        println!("{said}: {granted_before} and {more} of {COMMON}");
        assert!(granted_before + more == COMMON, "{said}: {granted_before} and {more}");
    }
}

/// Makes a call again while it meets an outage.
async fn until_answered<'a, T>(call: impl Fn() -> BoxFuture<'a, Result<T, StoreError>>) -> T {
    for _ in 0..24_000 {
        match call().await {
            Ok(answer) => return answer,
            Err(error) => {
                let kind = error.kind();
                let outage =
                    matches!(kind, StoreErrorKind::Unavailable | StoreErrorKind::Indeterminate);
                assert!(outage, "{error:?}");
                // Another process has to come back.
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    }
    panic!("no answer");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_gates_exceed_nothing_while_the_number_changes() {
    needs_redis!();
    let cluster = SixNodes::start(6);
    for (round, (from, to)) in (0_u64..).zip(CHANGES.into_iter().chain(CHANGES)) {
        let first = spread(&cluster, from).await;
        let acts = Arc::new(Acts::new(&first).await);
        let mut gates: Vec<Arc<dyn Store>> = Vec::new();
        for seed in 0..3 {
            gates.push(Arc::new(Latency::new(spread(&cluster, from).await, 4, round * 3 + seed)));
        }
        let tasks: Vec<_> = (0..480_usize)
            .map(|n| {
                let (acts, gate) = (Arc::clone(&acts), Arc::clone(&gates[n % 3]));
                tokio::spawn(async move {
                    // Spread over the change.
                    for _ in 0..n * 3 {
                        tokio::task::yield_now().await;
                    }
                    acts.act(&*gate, n).await;
                })
            })
            .collect();
        while acts.granted.load(Ordering::Relaxed) < 20 {
            tokio::task::yield_now().await;
        }
        until_answered(|| Box::pin(first.repartition(acts.realm, to, T0))).await;
        let during = acts.granted.load(Ordering::Relaxed);
        for task in tasks {
            task.await.unwrap();
        }
        println!("{from} to {to}: {during} of the grants before the change was answered");
        acts.judge(&first, &format!("{from} to {to}")).await;
    }
}

/// A change that is dropped at one of its awaits: each answer from a node lets it go on by one. Whether it
/// came to its end.
async fn cut_short(store: &RedisStore, realm: Pseudonym, to: u16, cut: u32) -> bool {
    let mut change = Box::pin(store.repartition(realm, to, T0));
    let mut polls = 0;
    std::future::poll_fn(|context| {
        polls += 1;
        match change.as_mut().poll(context) {
            std::task::Poll::Ready(_) => std::task::Poll::Ready(true),
            std::task::Poll::Pending if polls > cut => std::task::Poll::Ready(false),
            std::task::Poll::Pending => std::task::Poll::Pending,
        }
    })
    .await
}

/// A token that a call has claimed where it still could, before its own partition turned out to be closed, is
/// that call's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_meets_a_change_keeps_its_token() {
    needs_redis!();
    let cluster = SixNodes::start(6);
    let first = spread(&cluster, 6).await;
    // Of six partitions the first and the last; of five the first, both.
    for cut in 0..60 {
        let realm = name();
        let gate = spread(&cluster, 6).await;
        assert_eq!(
            granted(&gate, &of(Home::of(name()), realm, meter(), window(9))).await,
            Some(true)
        );
        cut_short(&first, realm, 5, cut).await;
        let mut call = empty(realm, T0);
        call.home = Home::of(placed(0));
        call.nonces = vec![Nonce { key: placed(5), expires: T0 + Duration::from_secs(300) }];
        assert_eq!(granted(&gate, &call).await, Some(true), "cut after {cut}");
        assert_eq!(granted(&gate, &call).await, Some(true), "cut after {cut}: repeated");
        let mut thief = empty(realm, T0);
        (thief.home, thief.nonces) = (Home::of(name()), call.nonces.clone());
        assert!(matches!(gate.admit(&thief).await, Ok(Admitted::NonceSpent { .. })), "{cut}");
    }
}

/// The operator's call breaks off anywhere; gates complete what it began.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_that_breaks_off_is_completed_by_whoever_meets_it() {
    needs_redis!();
    let cluster = SixNodes::start(6);
    for cut in 0..24_u32 {
        let (from, to) = CHANGES[cut as usize % CHANGES.len()];
        let first = Arc::new(spread(&cluster, from).await);
        let acts = Acts::new(&first).await;
        let gate = spread(&cluster, from).await;
        for n in 0..60 {
            acts.act(&gate, n).await;
        }
        let realm = acts.realm;
        let ended = cut_short(&first, realm, to, cut).await;
        for n in 60..180 {
            acts.act(&gate, n).await;
        }
        acts.judge(&gate, &format!("{from} to {to}, cut after {cut}: ended {ended}")).await;
        // And again, to the end.
        let state = until_answered(|| Box::pin(first.repartition(realm, to, T0))).await;
        assert!(matches!(state, Repartition::Moving { .. }));
    }
}

/// A node is killed in the midst of it and comes back, with all that it had acknowledged.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_killed_in_a_change_comes_back_and_nothing_is_exceeded() {
    needs_redis!();
    let mut cluster = SixNodes::start(6);
    for (round, (from, to)) in [(3, 6), (6, 3), (1, 6), (6, 1)].into_iter().enumerate() {
        let first = Arc::new(spread(&cluster, from).await);
        let acts = Arc::new(Acts::new(&first).await);
        let mut gates = Vec::new();
        for _ in 0..3 {
            gates.push(Arc::new(spread(&cluster, from).await));
        }
        let tasks: Vec<_> = (0..240_usize)
            .map(|n| {
                let (acts, gate) = (Arc::clone(&acts), Arc::clone(&gates[n % 3]));
                tokio::spawn(async move {
                    for _ in 0..n * 2 {
                        tokio::task::yield_now().await;
                    }
                    // Codes are judged below: those of a killed node are void.
                    if n % 3 != 2 {
                        acts.act(&*gate, n).await;
                    }
                })
            })
            .collect();
        let (changing, realm) = (Arc::clone(&first), acts.realm);
        let change = tokio::spawn(async move {
            until_answered(|| Box::pin(changing.repartition(realm, to, T0))).await
        });
        for _ in 0..20 * round {
            tokio::task::yield_now().await;
        }
        let victim = round + 1;
        cluster.nodes[victim].kill();
        cluster.nodes[victim].start_again();
        support::until("the node is back", || {
            cluster
                .nodes
                .iter()
                .all(|node| node.say(&["CLUSTER", "INFO"]).contains("cluster_state:ok"))
        });
        change.await.unwrap();
        for task in tasks {
            task.await.unwrap();
        }
        let said = format!("{from} to {to}, node {victim} killed");
        let mut codes = 0;
        for (code, home) in &acts.codes {
            let mut right = code.redemption(realm, T0);
            right.home = *home;
            let verdict = until_answered(|| first.redeem(&right)).await.verdict;
            codes += u64::from(matches!(verdict, Verdict::Accepted { .. }));
            let mut again = code.redemption(realm, T0);
            again.home = *home;
            let again = until_answered(|| first.redeem(&again)).await;
            assert!(!matches!(again.verdict, Verdict::Accepted { .. }), "{said}: twice");
        }
        println!("{said}: {codes} of {} codes are still good", acts.codes.len());
        assert!(from == 1 || codes >= 5, "{said}: only the killed node's codes are void: {codes}");
        let over = |counts: &std::sync::Mutex<HashMap<usize, u64>>, most| {
            counts.lock().unwrap().values().filter(|count| **count > most).count()
        };
        assert_eq!((over(&acts.each, EACH), over(&acts.spent, 1)), (0, 0), "{said}");
        let before = acts.granted.load(Ordering::Relaxed);
        let mut more = 0;
        for _ in 0..120 {
            let call = of(Home::of(name()), realm, acts.common, window(COMMON));
            let answer = until_answered(|| first.admit(&call)).await;
            more += u64::from(matches!(answer, Admitted::Granted { .. }));
        }
        println!("{said}: {before} and {more} of {COMMON}");
        assert!(before + more <= COMMON, "{said}: {before} and {more} of {COMMON}");
        assert!(before + more >= COMMON - 30, "{said}: {before} and {more} of {COMMON}");
    }
}

/// A server of the new generation is restored to before the change: no code comes back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_restored_learns_of_no_code_again() {
    needs_redis!();
    let cluster = SixNodes::start(3);
    let store = spread(&cluster, 3).await;
    let acts = Acts::new(&store).await;
    change(&store, acts.realm, 6).await;
    for (code, home) in &acts.codes {
        let mut right = code.redemption(acts.realm, T0);
        right.home = *home;
        assert!(matches!(store.redeem(&right).await.unwrap().verdict, Verdict::Accepted { .. }));
    }
    // All that the new partitions hold is lost, under running servers, and no gate has seen it.
    let gate = spread(&cluster, 6).await;
    let epochs = "local lost = 0 for _, key in ipairs(redis.call('KEYS', '*')) do \
        local e = redis.call('GET', key:sub(1, 24) .. 'e') \
        if key:sub(25, 25) ~= 'e' and e and struct.unpack('>B', e, 23) == 2 then \
          redis.call('DEL', key) lost = lost + 1 end end \
        for _, key in ipairs(redis.call('KEYS', '*e')) do local e = redis.call('GET', key) \
          if #key == 25 and #e == 23 and struct.unpack('>B', e, 23) == 2 then redis.call('DEL', key) end end \
        return lost";
    let mut lost = 0;
    for node in cluster.nodes.iter().take(3) {
        lost += node.say(&["EVAL", epochs, "0"]).parse::<u64>().unwrap();
    }
    assert!(lost >= 20, "{lost}");
    for (code, home) in &acts.codes {
        let mut right = code.redemption(acts.realm, T0);
        right.home = *home;
        let verdict = gate.redeem(&right).await.unwrap().verdict;
        assert_eq!(verdict, Verdict::Unknown, "a code that was used");
    }
}

/// An operator's way from three to one to six, with what is refused on it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_is_done_when_nothing_is_left() {
    needs_redis!();
    let cluster = SixNodes::start(6);
    let (old, realm) = (spread(&cluster, 3).await, name());
    let short = Limit::Window { max: 3, span_ms: 1_000 };
    let (now, key) = (SystemClock::new().now(), meter());
    let call = |now: Timestamp| {
        let mut call =
            Admission::new(otpgate::RequestId::from_bytes(crate::calls::bytes()), now, realm, now);
        call.home = Home::of(name());
        call.charges.push(charge(key, short));
        call
    };
    assert_eq!(granted(&old, &call(now)).await, Some(true));
    assert!(matches!(old.repartition(realm, 1, now).await, Ok(Repartition::Moving { keys: 1.. })));
    assert!(matches!(old.repartition(realm, 1, now).await, Ok(Repartition::Moving { keys: 1.. })));
    // The three of before are closed to everybody, and the record stands beside them.
    let closed = "local closed = 0 for _, key in ipairs(redis.call('KEYS', '*e')) do \
        local e = redis.call('GET', key) \
        if #key == 25 and #e > 22 and struct.unpack('>B', e, 23) == 3 then closed = closed + 1 end end \
        return closed";
    let counts = cluster.nodes.iter().map(|node| node.say(&["EVAL", closed, "0"]));
    assert_eq!(counts.map(|count| count.parse::<u32>().unwrap()).sum::<u32>(), 3 + 1);
    let error = old.repartition(realm, 6, now).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("until it is done"), "{cause}");
    // As if a minute had passed, and what was kept had ended.
    for node in &cluster.nodes {
        let ended = "for _, key in ipairs(redis.call('KEYS', '*')) do \
            if redis.call('PTTL', key) > 0 then redis.call('DEL', key) end end return 0";
        node.say(&["EVAL", ended, "0"]);
    }
    assert_eq!(old.repartition(realm, 1, now).await.unwrap(), Repartition::Done);
    assert_eq!(old.repartition(realm, 1, now).await.unwrap(), Repartition::Done);
    let later = now + Duration::from_secs(600);
    assert_eq!(count(&[&old], (0..9).map(|_| call(later))).await, 3);
    assert!(matches!(old.repartition(realm, 6, later).await, Ok(Repartition::Moving { .. })));
    // A gate that has slept through both, and one that is told another number yet.
    let other = spread(&cluster, 2).await;
    assert_eq!(count(&[&old, &other], (0..9).map(|_| call(later))).await, 0);
}

/// A store whose deployments change in the midst of what is done to them.
struct Restless {
    store: RedisStore,
    to: u16,
    after: u32,
    calls: std::sync::Mutex<HashMap<Pseudonym, u32>>,
}

impl std::fmt::Debug for Restless {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "to {} partitions after {} calls", self.to, self.after)
    }
}

impl Restless {
    async fn step(&self, realm: Pseudonym, now: Timestamp) -> Result<(), StoreError> {
        let calls = {
            let mut calls = self.calls.lock().unwrap();
            let calls = calls.entry(realm).or_default();
            *calls += 1;
            *calls
        };
        if calls == self.after {
            self.store.repartition(realm, self.to, now).await?;
        }
        Ok(())
    }
}

#[async_trait::async_trait]
impl Store for Restless {
    async fn admit(&self, admission: &Admission) -> Result<Admitted, StoreError> {
        self.step(admission.realm, admission.now).await?;
        self.store.admit(admission).await
    }

    async fn settle(&self, settlement: &Settlement) -> Result<(), StoreError> {
        self.step(settlement.realm, settlement.now).await?;
        self.store.settle(settlement).await
    }

    async fn redeem(
        &self,
        redemption: &otpgate::store::Redemption,
    ) -> Result<otpgate::store::Redeemed, StoreError> {
        self.step(redemption.realm, redemption.now).await?;
        self.store.redeem(redemption).await
    }

    async fn tally(&self, query: &TallyQuery) -> Result<otpgate::store::Tallies, StoreError> {
        self.step(query.realm, query.now).await?;
        self.store.tally(query).await
    }
}

/// The suite, each of its cases over a change.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conformance_over_a_change() {
    needs_redis!();
    let cluster = SixNodes::start(6);
    for (from, to, after) in [(1, 6, 2), (6, 3, 3), (3, 6, 4), (6, 1, 2)] {
        let make = async || Restless {
            store: spread(&cluster, from).await,
            to,
            after,
            calls: std::sync::Mutex::default(),
        };
        println!("{from} to {to} after {after}");
        Suite::new().run(make).await.assert();
        equivalence(make, 1, 50).await.assert();
    }
}
