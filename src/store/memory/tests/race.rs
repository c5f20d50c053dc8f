//! Many threads at once: one wins what is there once, and no limit is passed.

use super::*;

/// What each of `threads` threads gets, all starting at once.
fn race<T: Send + 'static>(
    store: &Arc<MemoryStore>,
    threads: u64,
    call: impl Fn(&MemoryStore, u64) -> T + Send + Sync + 'static,
) -> Vec<T> {
    let (barrier, call) = (Arc::new(Barrier::new(threads as usize)), Arc::new(call));
    let racers: Vec<_> = (0..threads)
        .map(|n| {
            let (store, barrier, call) = (store.clone(), barrier.clone(), call.clone());
            thread::spawn(move || {
                barrier.wait();
                call(&store, n)
            })
        })
        .collect();
    racers.into_iter().map(|racer| racer.join().unwrap()).collect()
}

#[test]
fn of_many_identical_nonces_one_wins() {
    let store = Arc::new(MemoryStore::new());
    for round in 0..20 {
        let answers = race(&store, 16, move |store, n| {
            let mut call = admission(1_000 * round + n, vec![in_window(meter(n, 1), 9)]);
            call.nonces = vec![Nonce { key: name(round), expires: NOW + Duration::from_secs(9) }];
            store.admits(&call)
        });
        assert_eq!(answers.iter().filter(|answer| granted(answer)).count(), 1);
    }
    let charged: u64 = (0..16).map(|n| store.count(&in_window(meter(n, 1), 9))).sum();
    assert_eq!(charged, 20);
}

#[test]
fn two_hundred_at_once_on_five_places_charge_five_everywhere() {
    let store = Arc::new(MemoryStore::new());
    let shared = in_window(meter(500, 1), 5);
    let answers = race(&store, 200, move |store, n| {
        // Also in the other order: no two calls wait for each other.
        let mut charges = vec![in_window(meter(n, 1), 9), shared, in_window(meter(501, 1), 999)];
        if n % 2 == 0 {
            charges.reverse();
        }
        granted(&store.admits(&admission(n, charges)))
    });
    assert_eq!(answers.iter().filter(|granted| **granted).count(), 5);
    assert_eq!(store.count(&shared), 5);
    assert_eq!(store.count(&in_window(meter(501, 1), 999)), 5);
    let own: u64 = (0..200).map(|n| store.count(&in_window(meter(n, 1), 9))).sum();
    assert_eq!(own, 5);
    assert_eq!(store.held(), store.entries());
}

#[test]
fn of_many_right_codes_one_is_accepted_and_of_many_wrong_ones_all_attempts_are_compared() {
    let store = Arc::new(MemoryStore::new());
    for round in 0..20 {
        assert!(granted(&store.admits(&opened(round, [1; 32], 50))));
        let verdicts = race(&store, 32, move |store, n| {
            store.redeems(&redemption(1_000 * round + n, round, vec![[1; 32]]))
        });
        let accepted = |verdict: &&Verdict| matches!(verdict, Verdict::Accepted { .. });
        assert_eq!(verdicts.iter().filter(accepted).count(), 1);
    }
    assert!(granted(&store.admits(&opened(999, [1; 32], 5))));
    let verdicts = race(&store, 200, |store, n| store.redeems(&redemption(n, 999, vec![[2; 32]])));
    let compared = |verdict: &&Verdict| matches!(verdict, Verdict::Mismatch { .. });
    assert_eq!(verdicts.iter().filter(compared).count(), 5);
    assert_eq!(store.redeems(&redemption(999, 999, vec![[1; 32]])), Verdict::Locked);
}

#[test]
fn documents_and_repeated_calls_under_race() {
    let store = Arc::new(MemoryStore::new());
    let answers = race(&store, 16, |store, n| {
        let document = DocumentWrite { document: name(1), expect: 0, content: vec![n as u8] };
        let call = Admission { documents: vec![document], ..admission(n, Vec::new()) };
        granted(&store.admits(&call))
    });
    assert_eq!(answers.iter().filter(|granted| **granted).count(), 1);
    let charge = in_window(meter(1, 1), 9);
    let answers =
        race(&store, 16, move |store, _| granted(&store.admits(&admission(77, vec![charge]))));
    assert!(answers.iter().all(|granted| *granted));
    assert_eq!(store.count(&charge), 1);
    race(&store, 16, move |store, _| store.settles(&settlement(77, vec![refund(&charge)])));
    assert_eq!(store.count(&charge), 0);
}
