//! What is charged ahead and counted late, call by call: nothing twice, nothing lost, and no limit
//! judged without what has yet to be counted.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Duration;

use otpgate::Store;
use otpgate::limit::{Limit, MeterKey, Slot};
use otpgate::store::{
    Admission, Admitted, Charge, Home, Mark, Observation, PostgresStore, Verdict,
};
use support::postgres_server::{PostgresServer, Shared};

use super::calls::{
    HOUR, NOON, admission, at, charge, code, count, hourly, is_granted, meter, name, open, ready,
    redemption,
};
use super::faults::Wire;
use super::told::by_itself;

static SERVER: Shared = Shared::new();

/// Large enough that it is charged ahead.
const WIDE: u64 = 1_000_000;
/// A window that refuses nothing.
const UNBOUNDED: Limit = Limit::Window { max: u64::MAX >> 11, span_ms: HOUR };

/// One of two processes, and a store that charges and reads rows themselves.
pub async fn both() -> Option<(Arc<PostgresServer>, PostgresStore, PostgresStore)> {
    let (server, plain) = ready(&SERVER).await?;
    let one = PostgresStore::connect(&server.url()).await.unwrap().with_processes(2);
    Some((server, one, plain))
}

/// A call of a home of its own.
pub fn of(kind: u8, number: u64, charges: Vec<Charge>) -> Admission {
    let id = u64::from(kind) << 40 | number;
    let mut admission = admission(id, NOON, charges);
    admission.home = Home::of(name(b'h', id));
    admission
}

pub fn seen(key: MeterKey) -> Observation {
    Observation { key, span_ms: HOUR, units: 1 }
}

pub async fn is_admitted(store: &PostgresStore, call: &Admission) -> bool {
    is_granted(&store.admit(call).await.unwrap())
}

/// Whether the server did what it was asked or not: what a call has spent is nobody else's until it
/// is known.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_without_an_answer_gives_nothing_back() {
    let Some((server, _, plain)) = both().await else { return };
    let wire = Arc::new(Wire::default());
    let cut = PostgresStore::connect(&wire.between(&server).await).await.unwrap();
    let cut = cut.with_processes(2);
    let shared = charge(meter(b'A', 0), hourly(WIDE));
    for number in 0..40 {
        assert!(is_admitted(&cut, &of(b'A', number, vec![shared])).await);
    }
    let mut made = 40;
    for number in 40..80 {
        let own = charge(meter(b'a', number), hourly(5));
        let call = of(b'A', number, vec![shared, own]);
        // So that it is the call that is cut, and not the start of a connection for it.
        wire.cut.store(0, Ordering::SeqCst);
        while count(&cut, own.key, own.limit, NOON).await.is_err() {}
        wire.cut.store(1 + number % 2, Ordering::SeqCst);
        // The cut may meet what goes on beside the call instead. Of those that are cut the gates of
        // half make the call again, and the others have gone.
        let mut answer = cut.admit(&call).await;
        while number % 4 < 2 && answer.is_err() {
            answer = cut.admit(&call).await;
        }
        let charged = count(&plain, own.key, own.limit, NOON).await.unwrap();
        assert!(charged == 1 || answer.is_err() && charged == 0, "{answer:?} {charged}");
        made += charged;
    }
    assert!(wire.cuts.load(Ordering::SeqCst) >= 20);
    wire.cut.store(0, Ordering::SeqCst);
    cut.give_back().await;
    let counted = count(&plain, shared.key, shared.limit, NOON).await.unwrap();
    println!("{made} calls were made, and {counted} units are spent");
    assert!((made..WIDE / 32).contains(&counted), "{counted} for {made} calls");
    assert!(made > 60, "of those that were cut on their way back most were made: {made}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_reads_what_it_spent_and_not_what_it_holds() {
    let Some((_server, one, plain)) = both().await else { return };
    let shared = charge(meter(b'B', 1), hourly(WIDE));
    let mut ahead = 0;
    for number in 1..=100 {
        assert!(is_admitted(&one, &of(b'B', number, vec![shared])).await);
        assert_eq!(count(&one, shared.key, shared.limit, NOON).await.unwrap(), number);
        ahead += u64::from(count(&plain, shared.key, shared.limit, NOON).await.unwrap() > number);
    }
    assert!(ahead > 50, "the row says more: {ahead} times of 100");
}

/// Sixty calls at once that count one each in the row of `key`, refusing nothing.
async fn sixty_counted(store: &PostgresStore, kind: u8, round: u64, key: MeterKey, observed: bool) {
    let calls = (100..160).map(|number| {
        let mut call = of(kind, round * 1_000 + number, Vec::new());
        match observed {
            true => call.observe = vec![seen(key)],
            false => call.charges = vec![charge(key, UNBOUNDED)],
        }
        let store = store.clone();
        tokio::spawn(async move { assert!(is_admitted(&store, &call).await) })
    });
    for call in calls.collect::<Vec<_>>() {
        call.await.unwrap();
    }
}

/// A limit on a row that is also counted: whatever came first, what was counted counts.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limit_is_not_judged_without_what_has_yet_to_be_counted() {
    let Some((_server, one, plain)) = both().await else { return };
    let kinds =
        [(b'C', true, true), (b'D', false, true), (b'E', true, false), (b'F', false, false)];
    for (round, (kind, observed, limit_first)) in (0..16).zip(kinds.into_iter().cycle()) {
        let key = meter(kind, round);
        let limited = |number, cost| {
            let limited = Charge { cost, ..charge(key, hourly(100)) };
            of(kind, round * 1_000 + number, vec![limited])
        };
        let before = if limit_first { 30 } else { 0 };
        for number in 0..before {
            assert!(is_admitted(&one, &limited(number, 1)).await);
        }
        sixty_counted(&one, kind, round, key, observed).await;
        let left = 100 - 60 - before;
        let said = format!("{left} are left, {observed} {limit_first}");
        // To the other process only if this one had a limit to judge by: else it comes by itself.
        if limit_first {
            assert!(!is_admitted(&plain, &limited(200, left + 1)).await, "{said}");
        }
        assert!(!is_admitted(&one, &limited(201, left + 1)).await, "{said}");
        assert!(is_admitted(&one, &limited(202, left)).await, "{said}");
        assert_eq!(count(&plain, key, hourly(100), NOON).await.unwrap(), 100, "{said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nor_is_one_that_a_code_is_judged_by() {
    let Some((_server, one, plain)) = both().await else { return };
    open(&plain, 7_000, NOON, 1_000_000).await;
    for round in 0..8 {
        let key = meter(b'M', round);
        sixty_counted(&one, b'M', round, key, round % 2 == 0).await;
        let guess = |number, cost| {
            let id = (u64::from(b'M') << 40) + round * 1_000 + number;
            let mut guess = redemption(id, 7_000, code(99), NOON);
            guess.charges = vec![Charge { cost, ..charge(key, hourly(100)) }];
            guess
        };
        let verdict = one.redeem(&guess(0, 41)).await.unwrap().verdict;
        assert!(matches!(verdict, Verdict::Exhausted { .. }), "{verdict:?}");
        let verdict = one.redeem(&guess(1, 40)).await.unwrap().verdict;
        assert!(matches!(verdict, Verdict::Mismatch { .. }), "{verdict:?}");
        assert_eq!(count(&plain, key, hourly(100), NOON).await.unwrap(), 100);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_refused_is_not_counted_and_told_the_counts_as_they_are() {
    let Some((_server, one, plain)) = both().await else { return };
    let shared = charge(meter(b'G', 0), hourly(WIDE));
    let counter = charge(meter(b'G', 1), UNBOUNDED);
    let shut = charge(meter(b'G', 2), hourly(0));
    for number in 1..=100 {
        let granted = of(b'G', number, vec![shared, counter]);
        assert!(is_admitted(&one, &granted).await);
        let refused = of(b'G', 1_000 + number, vec![shared, counter, shut]);
        match one.admit(&refused).await.unwrap() {
            Admitted::Exhausted { index: 2, counts, .. } => assert_eq!(counts[0], number),
            other => panic!("{other:?}"),
        }
    }
    one.give_back().await;
    for key in [shared.key, counter.key] {
        assert_eq!(count(&plain, key, hourly(WIDE), NOON).await.unwrap(), 100);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_entered_counts_once_however_often_it_is_repeated() {
    let Some((_server, one, plain)) = both().await else { return };
    let (tried, failed) =
        (MeterKey::new(name(b'H', 0), Slot(9)), MeterKey::new(name(b'H', 0), Slot(8)));
    open(&one, 4_000, NOON, 1_000_000).await;
    let guess = |number, digest| {
        let mut guess = redemption(u64::from(b'H') << 40 | number, 4_000, digest, NOON);
        (guess.observe, guess.observe_failure) = (vec![seen(tried)], vec![seen(failed)]);
        guess
    };
    for number in 0..60 {
        for _ in 0..1 + number % 3 {
            let verdict = one.redeem(&guess(number, code(99))).await.unwrap().verdict;
            assert!(matches!(verdict, Verdict::Mismatch { .. }));
        }
    }
    let right = guess(60, code(4_000));
    for _ in 0..2 {
        let verdict = one.redeem(&right).await.unwrap().verdict;
        assert!(matches!(verdict, Verdict::Accepted { .. }));
    }
    one.give_back().await;
    assert_eq!(count(&plain, tried, hourly(1), NOON).await.unwrap(), 61);
    assert_eq!(count(&plain, failed, hourly(1), NOON).await.unwrap(), 60, "but for the right one");
}

/// A charge that may be waived, one on a home's own, what is observed of it, and money that is counted
/// whether or not there is room for it: each call makes them itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_waived_a_home_s_own_or_money_is_not_charged_ahead() {
    let Some((_server, one, plain)) = both().await else { return };
    let waiver = MeterKey::new(name(b'L', 9), Slot(3));
    open(&plain, 6_000, NOON, 5).await;
    let mut right = redemption(u64::from(b'L') << 40, 6_000, code(6_000), NOON);
    right.marks = vec![Mark { key: waiver, from: at(NOON), until: at(NOON + HOUR) }];
    assert!(matches!(plain.redeem(&right).await.unwrap().verdict, Verdict::Accepted { .. }));
    let mut waived = charge(meter(b'L', 0), hourly(WIDE));
    waived.waiver = Some(waiver);
    let own = charge(meter(b'L', 1), hourly(WIDE));
    let money = charge(meter(b'L', 2), Limit::Budget { max: u64::MAX >> 11, span_ms: 24 * HOUR });
    let counter = MeterKey::new(own.key.subject, Slot(9));
    for number in 1..=60 {
        let mut call = of(b'L', number, vec![waived, own, money]);
        call.home = Home::of(own.key.subject);
        call.observe = vec![seen(counter)];
        assert!(is_admitted(&one, &call).await);
        for (key, limit, made) in [
            (waived.key, waived.limit, 0),
            (own.key, own.limit, number),
            (money.key, money.limit, number),
            (counter, hourly(1), number),
        ] {
            assert_eq!(count(&plain, key, limit, NOON).await.unwrap(), made, "{key:?}");
        }
    }
}

/// What a process holds is not what it refuses its own call for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_needs_what_is_held_gets_it() {
    let Some((_server, one, _)) = both().await else { return };
    let of_all = |number, cost| {
        of(b'N', number, vec![Charge { cost, ..charge(meter(b'N', 0), hourly(10_000)) }])
    };
    for number in 0..60 {
        assert!(is_admitted(&one, &of_all(number, 1)).await);
    }
    assert!(!is_admitted(&one, &of_all(60, 9_941)).await);
    assert!(is_admitted(&one, &of_all(61, 9_940)).await);
    assert!(!is_admitted(&one, &of_all(62, 1)).await);
}

/// Makes a call and goes before its answer, as the handler of a client does that closes its
/// connection.
async fn begun(call: impl Future) {
    let mut call = pin!(call);
    poll_fn(|context| {
        let _ = call.as_mut().poll(context);
        Poll::Ready(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_wait_for_a_refusal_has_spent_nothing() {
    let Some((_server, one, plain)) = both().await else { return };
    // What a call has spent whose answer never came stays spent: on a busy machine none may be late.
    let one = one.with_deadline(Duration::from_secs(120));
    let shared = charge(meter(b'O', 0), hourly(WIDE));
    let shut = charge(meter(b'O', 1), hourly(0));
    for number in 0..40 {
        assert!(is_admitted(&one, &of(b'O', number, vec![shared])).await);
    }
    for number in 40..540 {
        begun(one.admit(&of(b'O', number, vec![shared, shut]))).await;
        let spent = async || count(&one, shared.key, shared.limit, NOON).await.unwrap();
        by_itself("what was refused is put back", async || spent().await == 40).await;
    }
    // The last of them may be on its way still, and charge ahead.
    by_itself("nothing is left of them in the row", async || {
        one.give_back().await;
        count(&plain, shared.key, shared.limit, NOON).await.unwrap() == 40
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_wait_for_a_verdict_is_counted() {
    let Some((_server, one, plain)) = both().await else { return };
    let one = one.with_deadline(Duration::from_secs(120));
    let failed = MeterKey::new(name(b'P', 0), Slot(8));
    open(&plain, 4_001, NOON, 1_000_000).await;
    for number in 0..60 {
        let id = u64::from(b'P') << 40 | number;
        let mut guess = redemption(id, 4_001, code(99), NOON);
        guess.observe_failure = vec![seen(failed)];
        begun(one.redeem(&guess)).await;
        let counted = async || count(&one, failed, hourly(1), NOON).await.unwrap();
        by_itself("a wrong code is counted", async || counted().await == number + 1).await;
    }
}

/// Units whose charge nobody knows the answer of are nobody's: they go back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_charged_ahead_without_an_answer_goes_back() {
    let Some((server, _, plain)) = both().await else { return };
    for (kind, cut) in [(b'Q', 1), (b'S', 2)] {
        let wire = Arc::new(Wire::default());
        let one = PostgresStore::connect(&wire.between(&server).await).await.unwrap();
        let one = one.with_processes(2);
        let shared = charge(meter(kind, 0), hourly(WIDE));
        for number in 0..16 {
            assert!(is_admitted(&one, &of(kind, number, vec![shared])).await);
        }
        // The seventeenth is the first to charge ahead; then it charges the row itself.
        wire.cut.store(cut, Ordering::SeqCst);
        assert!(is_admitted(&one, &of(kind, 16, vec![shared])).await);
        assert_eq!(wire.cuts.load(Ordering::SeqCst), 1);
        let counted = async || count(&plain, shared.key, shared.limit, NOON).await.unwrap();
        by_itself("the units go back", async || counted().await == 17).await;
    }
}
