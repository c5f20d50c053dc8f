//! Many threads at once: one wins what is there once, and no limit is passed.

use super::lanes::LANES;
use super::*;

/// Stores in which calls share nothing, everything, or what lies in every other lane.
fn stores() -> [Arc<MemoryStore>; 3] {
    [usize::MAX, 1, 2].map(|every| {
        let store = MemoryStore::new();
        (1..=LANES).filter(|lane| lane % every == 0).for_each(|lane| store.lanes.share(lane - 1));
        Arc::new(store)
    })
}

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
    for store in stores() {
        for round in 0..20 {
            let answers = race(&store, 16, move |store, n| {
                let mut call = admission(1_000 * round + n, vec![in_window(meter(n, 1), 9)]);
                call.nonces =
                    vec![Nonce { key: name(round), expires: NOW + Duration::from_secs(9) }];
                store.admits(&call)
            });
            assert_eq!(answers.iter().filter(|answer| granted(answer)).count(), 1);
        }
        let charged: u64 = (0..16).map(|n| store.count(&in_window(meter(n, 1), 9))).sum();
        assert_eq!(charged, 20);
    }
}

#[test]
fn two_hundred_at_once_on_five_places_charge_five_everywhere() {
    for store in stores() {
        let shared = in_window(meter(500, 1), 5);
        let answers = race(&store, 200, move |store, n| {
            // Also in the other order: no two calls wait for each other.
            let mut charges =
                vec![in_window(meter(n, 1), 9), shared, in_window(meter(501, 1), 999)];
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
}

#[test]
fn of_many_right_codes_one_is_accepted_and_of_many_wrong_ones_all_attempts_are_compared() {
    for store in stores() {
        for round in 0..20 {
            assert!(granted(&store.admits(&opened(round, [1; 32], 50))));
            let verdicts = race(&store, 32, move |store, n| {
                store.redeems(&redemption(1_000 * round + n, round, vec![[1; 32]]))
            });
            let accepted = |verdict: &&Verdict| matches!(verdict, Verdict::Accepted { .. });
            assert_eq!(verdicts.iter().filter(accepted).count(), 1);
        }
        assert!(granted(&store.admits(&opened(999, [1; 32], 5))));
        let verdicts =
            race(&store, 200, |store, n| store.redeems(&redemption(n, 999, vec![[2; 32]])));
        let compared = |verdict: &&Verdict| matches!(verdict, Verdict::Mismatch { .. });
        assert_eq!(verdicts.iter().filter(compared).count(), 5);
        assert_eq!(store.redeems(&redemption(999, 999, vec![[1; 32]])), Verdict::Locked);
    }
}

#[test]
fn documents_and_repeated_calls_under_race() {
    for store in stores() {
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
}

#[test]
fn of_thousands_of_calls_that_share_a_budget_none_passes_it_and_what_is_their_own_is_their_own() {
    const THREADS: u64 = 8;
    const EACH: u64 = 2_000;
    const ROOM: u64 = 9_000;
    let store =
        Arc::new(MemoryStore { lanes: lanes::Lanes::of(LANES, 4, 1), ..MemoryStore::new() });
    let (budget, all) = (in_window(meter(1 << 40, 1), ROOM), seen(meter(1 << 41, 1)));
    let granted_to = race(&store, THREADS, move |store, thread| {
        let mut own = 0;
        for n in 0..EACH {
            let call = thread * EACH + n;
            let mut admission = opened(call, [1; 32], 3);
            admission.charges =
                vec![budget, in_window(meter(call, 1), 1), in_window(meter(thread, 2), EACH)];
            admission.observe = vec![all];
            if granted(&store.admits(&admission)) {
                own += 1;
                if n % 4 == 0 {
                    store.settles(&settlement(
                        call,
                        vec![refund(&budget), refund(&admission.charges[2])],
                    ));
                }
            }
        }
        own
    });
    let granted: u64 = granted_to.iter().sum();
    let given_back: u64 = (0..THREADS)
        .map(|thread| granted_to[thread as usize] - store.count(&in_window(meter(thread, 2), EACH)))
        .sum();
    assert_eq!(granted - given_back, ROOM, "no call was refused for one that was itself refused");
    assert_eq!(store.count(&budget), ROOM);
    assert_eq!(
        store.count(&in_window(all.key, 0)),
        THREADS * EACH,
        "refused ones are seen as well"
    );
    let own: u64 = (0..THREADS * EACH).map(|call| store.count(&in_window(meter(call, 1), 1))).sum();
    assert_eq!(own, granted);
    assert!(store.lanes.shared() <= 4, "{}", store.lanes.shared());
    assert_eq!(store.held(), store.entries());
}

#[test]
fn a_call_of_hundreds_of_names_goes_its_way_among_those_of_few() {
    for store in stores() {
        let answers = race(&store, 8, |store, n| {
            let charges = (0..300).map(|m| in_window(meter((m * 7 + n) % 300, 1), 5)).collect();
            granted(&store.admits(&admission(n, charges)))
        });
        assert_eq!(answers.iter().filter(|granted| **granted).count(), 5);
        assert!((0..300).all(|m| store.count(&in_window(meter(m, 1), 5)) == 5));
    }
}

#[test]
fn a_call_waits_for_nothing_that_it_does_not_touch() {
    let store = MemoryStore::new();
    let lanes_of = |call: &Admission| -> Vec<usize> {
        Touched::by(Mask::of(REALM)).admission(call).lanes().collect()
    };
    let charging =
        |n| admission(n, vec![in_window(meter(n, 1), 9), in_window(meter(n << 20, 1), 9)]);
    let under_way = charging(1);
    let apart =
        |n: &u64| lanes_of(&charging(*n)).iter().all(|lane| !lanes_of(&under_way).contains(lane));
    let others: Vec<u64> = (2..200).filter(apart).collect();
    assert!(others.len() > 150, "{}", others.len());
    // One call is in the middle of its work, another at what the realm shares: on this very thread, so
    // that whoever waited for them would wait for ever.
    let own = store.lanes.take(lanes_of(&under_way));
    let turn = store.turn(&Mask::of(REALM));
    for n in others {
        assert!(granted(&store.admits(&charging(n))));
        store.settles(&settlement(n, vec![refund(&charging(n).charges[0])]));
    }
    drop((own, turn));
    assert!(granted(&store.admits(&under_way)));
}
