//! The hard cap: what is expired goes, what is live stays, what is new is refused.

use super::*;

#[test]
fn a_flood_stays_under_the_cap_hurts_no_live_entry_and_ends_with_its_expiry() {
    const CAPACITY: usize = 5_000;
    let store = MemoryStore::builder().capacity(CAPACITY).build();
    let victim = in_window(meter(1 << 40, 1), 3);
    let mut call = opened(1 << 40, [1; 32], 5);
    call.charges = vec![victim];
    assert!(granted(&store.admits(&call)));
    let mut full = 0;
    for n in 0..20_000 {
        let mut flood = admission(n, vec![in_window(meter(n, 1), 3)]);
        flood.nonces = vec![Nonce { key: name(n), expires: NOW + Duration::from_secs(60) }];
        match at_once(store.admit(&flood)) {
            Ok(answer) => assert!(granted(&answer)),
            Err(error) => {
                assert_eq!(error.kind(), StoreErrorKind::Full);
                full += 1;
            }
        }
        assert!(store.entries() <= CAPACITY);
    }
    assert!(full > 18_000);
    assert_eq!(store.held(), store.entries());
    // The victim's limit stands, and calls that need no new entry go on.
    assert_eq!(store.count(&victim), 1);
    let refused = admission(2 << 40, vec![Charge { cost: 3, ..victim }]);
    assert!(matches!(store.admits(&refused), Admitted::Exhausted { .. }));
    let right = redemption(9, 1 << 40, vec![[1; 32]]);
    assert!(matches!(store.redeems(&right), Verdict::Accepted { .. }));

    // Once the flood has expired there is room, and the victim's hour has not passed.
    let later = NOW + Duration::from_secs(3_600);
    let mut call = admission(3 << 40, vec![in_window(meter(5, 1), 9_999)]);
    (call.now, call.remember) = (later, later + Duration::from_secs(60));
    assert!(granted(&store.admits(&call)));
    let much_later = NOW + Duration::from_secs(7_200);
    (call.now, call.id) = (much_later, id(4 << 40));
    for n in 0..1_000 {
        call.id = id((5 << 40) + n);
        assert!(granted(&store.admits(&call)));
    }
    assert!(store.entries() < CAPACITY / 2, "{}", store.entries());
    assert_eq!(store.held(), store.entries());
}

#[test]
fn a_call_that_found_no_room_changed_nothing() {
    let store = MemoryStore::builder().capacity(4).build();
    let charge = in_window(meter(1, 1), 9);
    assert!(granted(&store.admits(&admission(1, vec![charge]))));
    let mut call = admission(2, vec![charge, in_window(meter(2, 1), 9)]);
    call.observe = vec![seen(meter(1, 2))];
    call.nonces = vec![Nonce { key: name(3), expires: NOW + Duration::from_secs(9) }];
    assert_eq!(at_once(store.admit(&call)).unwrap_err().kind(), StoreErrorKind::Full);
    assert_eq!((store.count(&charge), store.entries()), (1, 2));
    call.nonces.clear();
    assert!(granted(&store.admits(&call)));
    assert_eq!((store.entries(), store.held()), (4, 4));
    assert_eq!(store.count(&in_window(meter(1, 2), 9)), 1);
}

#[test]
fn debug_counts_and_tells_nothing_else() {
    let store = MemoryStore::builder().capacity(10).build();
    assert!(granted(&store.admits(&opened(1, [1; 32], 5))));
    assert_eq!(format!("{store:?}"), "MemoryStore { entries: 2, capacity: 10, .. }");
    assert!(store.dump().windows(32).any(|window| window == [1; 32]));
}

#[test]
fn a_busy_subject_and_a_quiet_one_count_alike() {
    let store = MemoryStore::new();
    let limit = Limit::Window { max: 10_000, span_ms: HOUR };
    let (one, mut now) = (Charge { limit, ..in_window(meter(1, 1), 0) }, NOW);
    let mut plain = crate::limit::Meter::fresh(&limit);
    for n in 0..300 {
        let mut call = admission(n, vec![one]);
        // An hour of every minute, then hours of silence.
        now = now + Duration::from_secs(if n % 70 == 69 { 6_000 } else { 61 });
        (call.now, call.remember) = (now, now);
        let Admitted::Granted { counts, .. } = store.admits(&call) else { panic!() };
        assert_eq!(counts, [plain.charge(&limit, now, 1).unwrap()]);
    }
}
