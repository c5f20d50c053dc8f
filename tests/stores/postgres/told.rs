//! What calls leave to be told and counted arrives: by whoever ends, and by itself.

use std::collections::BTreeSet;
use std::time::Duration;

use otpgate::Store;
use otpgate::limit::{MeterKey, Slot};
use otpgate::store::{Exchange, PostgresStore, Settlement, TallyQuery, Verdict};

use super::ahead::{both, is_admitted, of, seen};
use super::calls::{NOON, at, code, count, hourly, name, open, realm, redemption, request};

/// Waits, by the process's own time, until `there`: for long, as a disk that was just written to by a
/// build takes its time for a commit.
pub async fn by_itself(said: &str, there: impl AsyncFn() -> bool) {
    let waited = tokio::time::timeout(Duration::from_secs(180), async {
        while !there().await {
            tokio::task::yield_now().await;
        }
    });
    waited.await.unwrap_or_else(|_| panic!("{said} within three minutes"));
}

/// What of a journal has arrived.
async fn told(store: &PostgresStore, journal: otpgate::Pseudonym) -> Vec<Vec<u8>> {
    let (mut after, mut all) = (0, Vec::new());
    loop {
        let mut query = TallyQuery::new(at(NOON), realm());
        query.journal = Some((journal, after));
        let news = store.tally(&query).await.unwrap().news;
        if news.entries.is_empty() {
            return all;
        }
        after = news.entries.last().unwrap().0;
        all.extend(news.entries.into_iter().map(|(_, entry)| entry));
    }
}

/// Calls of all three kinds that tell a journal more than it is told at a time.
async fn tell(store: &PostgresStore, kind: u8, numbers: std::ops::Range<u64>) {
    let exchange = |number: u64| {
        let append = number.to_be_bytes().to_vec();
        Some(Exchange { journal: name(kind, 0), append, after: u64::MAX >> 4 })
    };
    for number in numbers {
        let id = u64::from(kind) << 40 | number;
        match number % 3 {
            0 => {
                let mut call = of(kind, number, Vec::new());
                call.exchange = exchange(number);
                assert!(is_admitted(store, &call).await);
            }
            1 => {
                let mut call = Settlement::new(request(id), at(NOON), realm());
                call.exchange = exchange(number);
                store.settle(&call).await.unwrap();
            }
            _ => {
                let mut call = redemption(id, 5_000, code(99), NOON);
                call.exchange = exchange(number);
                let verdict = store.redeem(&call).await.unwrap().verdict;
                assert!(matches!(verdict, Verdict::Mismatch { .. }), "{verdict:?}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_a_call_has_to_tell_is_told_once() {
    let Some((_server, one, plain)) = both().await else { return };
    open(&plain, 5_000, NOON, 1_000_000).await;
    let all = |last: u64| (0..last).map(|number| number.to_be_bytes().to_vec());
    tell(&one, b'I', 0..240).await;
    one.give_back().await;
    let mut entries = told(&plain, name(b'I', 0)).await;
    entries.sort();
    assert_eq!(entries, all(240).collect::<Vec<_>>(), "what is left is told by who ends");
    // And by itself, whenever something is left.
    for last in [120, 240] {
        tell(&one, b'J', last - 120..last).await;
        let expected: BTreeSet<Vec<u8>> = all(last).collect();
        by_itself("what is left is told", async || {
            let entries = told(&plain, name(b'J', 0)).await;
            entries.len() == expected.len()
                && entries.into_iter().collect::<BTreeSet<_>>() == expected
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_counted_late_arrives_by_itself() {
    let Some((_server, one, plain)) = both().await else { return };
    let key = MeterKey::new(name(b'K', 0), Slot(9));
    for calls in [100, 200] {
        for number in calls - 100..calls {
            let mut call = of(b'K', number, Vec::new());
            call.observe = vec![seen(key)];
            assert!(is_admitted(&one, &call).await);
        }
        by_itself("all are counted", async || {
            count(&plain, key, hourly(1), NOON).await.unwrap() == calls
        })
        .await;
    }
}
