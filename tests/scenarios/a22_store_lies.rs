//! A22: a store that loses answers, fails, or lags.

use std::sync::Arc;

use otpgate::store::StoreErrorKind;
use otpgate::testing::{FailNth, LoseAck, ModelStore, Rollback, StaleRead, Verb};
use otpgate::{GateErrorKind, Purpose, Sent, Verified};

use crate::support::{ALICE, BOB, House, client, german, off_by, seconds};

#[tokio::test]
async fn a_lost_answer_is_asked_for_again_and_changes_nothing_twice() {
    for nth in 1..4 {
        // Every nth answer of each verb is lost once; the gate repeats the call and goes on.
        let store = LoseAck::nth(ModelStore::new(), Verb::Admit, nth);
        let store = LoseAck::nth(store, Verb::Redeem, nth);
        let house = House::lab(LoseAck::nth(store, Verb::Settle, 1));
        for flow in 0..3_u32 {
            let me = client(flow);
            let grant = house.send_to(&german(u64::from(flow)), &me).await.into_grant();
            let code = house.last_code();
            assert!(!house.accepts_from(&grant, &off_by(&code, 1), &me).await);
            let entry = house.gate.entry(&grant, &me).await.unwrap();
            let otpgate::Entry::Open(view) = entry else { panic!("closed") };
            assert_eq!(view.attempts_left(), 4, "charged once");
            assert!(house.accepts_from(&grant, &code, &me).await);
            assert!(!house.accepts_from(&grant, &code, &me).await);
        }
        assert_eq!(house.texts(), 3);
        assert_eq!(house.gate.snapshot().await.unwrap().spent, house.cost());
    }
}

#[tokio::test]
async fn whatever_is_lost_no_code_is_accepted_twice_and_no_limit_is_passed() {
    for seed in 0..20 {
        let house = House::lab(LoseAck::percent(ModelStore::new(), 40, seed));
        for flow in 0..4_u32 {
            let me = client(flow);
            let cleared = house.clear(&german(u64::from(flow)), &Purpose::SIGN_UP, &me).await;
            let otpgate::Cleared::Passed(clearance) = cleared else { panic!("{cleared:?}") };
            // An outage is an error, never a rejection.
            let Ok(Sent::Issued(issued)) = house.gate.issue(clearance).await else { continue };
            let code = house.last_code();
            for guess in 0..8 {
                let _ = house.gate.verify(issued.grant(), &off_by(&code, guess + 1), &me).await;
            }
            let mut accepted = 0;
            for _ in 0..4 {
                let verified = house.gate.verify(issued.grant(), &code, &me).await;
                accepted += u32::from(matches!(verified, Ok(Verified::Accepted(_))));
            }
            assert!(accepted <= 1, "seed {seed}");
        }
        assert!(house.log.compared() <= 4 * 5, "seed {seed}");
        assert!(house.texts() <= 4);
    }
}

/// A store that is down is an outage, whatever the verb; nothing goes out, nothing is accepted, and
/// nothing reads as a wrong code.
#[tokio::test]
async fn an_outage_is_never_an_answer() {
    let kinds = [StoreErrorKind::Unavailable, StoreErrorKind::Indeterminate];
    for kind in kinds.into_iter().chain([StoreErrorKind::Corrupt, StoreErrorKind::Full]) {
        let expected = match kind {
            StoreErrorKind::Full => GateErrorKind::StoreFull,
            _ => GateErrorKind::Store,
        };
        let down = House::lab(FailNth::new(ModelStore::new(), Verb::Admit, 0, kind));
        let clearance = down.clearance(ALICE).await;
        let error = down.gate.issue(clearance).await.unwrap_err();
        assert_eq!(error.kind(), expected, "{kind:?}");
        assert_eq!(down.outbox.handed_off(), 0);

        let store = Arc::new(ModelStore::new());
        let up = House::lab(Arc::clone(&store));
        let grant = up.send(ALICE).await.into_grant();
        let code = up.last_code();
        let down = up.beside(|builder| {
            builder.store(FailNth::new(Arc::clone(&store), Verb::Redeem, 0, kind))
        });
        for typed in [code.as_str(), "000000", "", "x"] {
            let error = down.gate.verify(&grant, typed, &up.client).await.unwrap_err();
            assert_eq!(error.kind(), expected);
        }
        let down = up.beside(|builder| {
            builder.store(FailNth::new(Arc::clone(&store), Verb::Tally, 0, kind))
        });
        assert_eq!(down.gate.entry(&grant, &up.client).await.unwrap_err().kind(), expected);
        assert!(down.gate.snapshot().await.is_err());
        assert!(down.gate.controls().list().await.is_err());
        // The attempt that was never made is not charged.
        assert!(up.accepts(&grant, &code).await);
    }
}

/// A refund that the store did not take stays spent, and says so.
#[tokio::test]
async fn a_refund_that_fails_stays_spent() {
    use otpgate::testing::Reply;
    let kind = StoreErrorKind::Unavailable;
    let house = House::lab(FailNth::new(ModelStore::new(), Verb::Settle, 0, kind));
    house.outbox.reply(Reply::NotSent);
    let clearance = house.clearance(ALICE).await;
    assert_eq!(house.gate.issue(clearance).await.unwrap_err().kind(), GateErrorKind::HandOff);
    assert!(matches!(house.try_send(ALICE, &client(2)).await, Sent::Refused(_)));
    let outage = |kind: &otpgate::EventKind| matches!(kind, otpgate::EventKind::Outage { .. });
    assert_eq!(house.log.count(outage), 1);
}

/// Whoever watches the log hears of an outage as soon as the client does, with its cause.
#[tokio::test]
async fn an_outage_of_the_store_is_told() {
    for (verb, calls) in [(Verb::Admit, 1), (Verb::Redeem, 1), (Verb::Tally, 1)] {
        let store = FailNth::new(ModelStore::new(), verb, 1, StoreErrorKind::Unavailable);
        let house = House::lab(store);
        let told = || house.log.count(|kind| matches!(kind, otpgate::EventKind::Outage { .. }));
        let mut failed = 0;
        let clearance = house.clearance(ALICE).await;
        failed += usize::from(house.gate.issue(clearance).await.is_err());
        let clearance = house.clearance(BOB).await;
        if let Ok(Sent::Issued(issued)) = house.gate.issue(clearance).await {
            let grant = issued.into_grant();
            for _ in 0..3 {
                failed += usize::from(house.gate.entry(&grant, &house.client).await.is_err());
                failed += usize::from(house.gate.verify(&grant, "0", &house.client).await.is_err());
            }
        } else {
            failed += 1;
        }
        assert_eq!((failed, told()), (calls, calls), "{verb:?}");
    }
}

/// A store that panics is an outage too, and poisons nothing.
#[tokio::test]
async fn a_store_that_panics_is_an_outage() {
    use async_trait::async_trait;
    use otpgate::Store;
    use otpgate::store::{
        Admission, Admitted, Redeemed, Redemption, Settlement, StoreError, Tallies, TallyQuery,
    };

    #[derive(Debug)]
    struct Panics;

    #[async_trait]
    impl Store for Panics {
        async fn admit(&self, _: &Admission) -> Result<Admitted, StoreError> {
            panic!("admit")
        }
        async fn settle(&self, _: &Settlement) -> Result<(), StoreError> {
            panic!("settle")
        }
        async fn redeem(&self, _: &Redemption) -> Result<Redeemed, StoreError> {
            panic!("redeem")
        }
        async fn tally(&self, _: &TallyQuery) -> Result<Tallies, StoreError> {
            panic!("tally")
        }
    }

    let good = House::lab(ModelStore::new());
    let grant = good.send(ALICE).await.into_grant();
    let bad = good.beside(|builder| builder.store(Panics));
    for _ in 0..3 {
        let clearance = bad.clearance(ALICE).await;
        assert_eq!(bad.gate.issue(clearance).await.unwrap_err().kind(), GateErrorKind::Panic);
        let verified = bad.gate.verify(&grant, &good.last_code(), &good.client).await;
        assert_eq!(verified.unwrap_err().kind(), GateErrorKind::Panic);
        assert!(bad.gate.entry(&grant, &good.client).await.is_err());
    }
    assert_eq!(good.texts(), 1);
}

/// Reads from a replica show an old screen at worst; decisions are made where writes go.
#[tokio::test]
async fn stale_reads_decide_nothing() {
    let house = House::lab(StaleRead::new(ModelStore::new()));
    let grant = house.send(ALICE).await.into_grant();
    let code = house.last_code();
    for guess in 0..5 {
        assert!(!house.accepts(&grant, &off_by(&code, guess + 1)).await);
    }
    assert!(!house.accepts(&grant, &code).await);
    assert!(matches!(house.gate.resend(&grant, &house.client).await.unwrap(), Sent::Refused(_)));
    assert!(matches!(house.try_send(ALICE, &client(2)).await, Sent::Refused(_)));
    assert_eq!((house.texts(), house.log.compared()), (1, 5));
}

/// A fail-over to a replica that lags by `lag` writes gives back at most as many guesses and texts:
/// the bound that the docs of a store must state.
#[tokio::test]
async fn a_lagging_replica_gives_back_what_it_lost_and_no_more() {
    for lag in 1..6_u32 {
        let store = Arc::new(Rollback::new(ModelStore::new(), lag as usize));
        let house = House::lab(Arc::clone(&store));
        let grant = house.send(ALICE).await.into_grant();
        let code = house.last_code();
        let mut guess = 0;
        for _ in 0..5 {
            guess += 1;
            assert!(!house.accepts(&grant, &off_by(&code, guess)).await);
        }
        store.fail_over();
        for _ in 0..10 {
            guess += 1;
            assert!(!house.accepts(&grant, &off_by(&code, guess)).await);
        }
        assert!(house.log.compared() <= 5 + lag as usize, "lag {lag}");
        house.clock.advance(seconds(1));
    }
}
