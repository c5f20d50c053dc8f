//! A store that a fail-over or its own disk has put back, under gates that go on: what was written since is
//! gone, and nothing else is wrong.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLock};

use async_trait::async_trait;
use otpgate::access::{Actor, Effect, Reason, Target};
use otpgate::store::{
    Admission, Admitted, Redeemed, Redemption, Settlement, StoreError, StoreErrorKind, Tallies,
    TallyQuery,
};
use otpgate::testing::ModelStore;
use otpgate::{EventKind, OutagePart, Purpose, RefusalReason, Region, Sent, Store};

use crate::pumped::{awake, house, pump, pumped, request, sign_up};
use crate::support::{ALICE, BOB, House, client, minutes, seconds};

/// A store whose server is exchanged for another one.
#[derive(Clone, Debug, Default)]
struct FailedOver(Arc<RwLock<Arc<ModelStore>>>);

impl FailedOver {
    fn server(&self) -> Arc<ModelStore> {
        Arc::clone(&self.0.read().unwrap())
    }

    /// To a server that has nothing of what was written.
    fn put_back(&self) {
        *self.0.write().unwrap() = Arc::default();
    }
}

#[async_trait]
impl Store for FailedOver {
    async fn admit(&self, admission: &Admission) -> Result<Admitted, StoreError> {
        self.server().admit(admission).await
    }

    async fn settle(&self, settlement: &Settlement) -> Result<(), StoreError> {
        self.server().settle(settlement).await
    }

    async fn redeem(&self, redemption: &Redemption) -> Result<Redeemed, StoreError> {
        self.server().redeem(redemption).await
    }

    async fn tally(&self, query: &TallyQuery) -> Result<Tallies, StoreError> {
        self.server().tally(query).await
    }
}

/// A store that fails at every second admission.
#[derive(Debug)]
struct Patchy(Arc<ModelStore>, AtomicU64);

#[async_trait]
impl Store for Patchy {
    async fn admit(&self, admission: &Admission) -> Result<Admitted, StoreError> {
        match self.1.fetch_add(1, Ordering::Relaxed) % 2 {
            0 => self.0.admit(admission).await,
            _ => Err(StoreError::new(StoreErrorKind::Unavailable, "every second")),
        }
    }

    async fn settle(&self, settlement: &Settlement) -> Result<(), StoreError> {
        self.0.settle(settlement).await
    }

    async fn redeem(&self, redemption: &Redemption) -> Result<Redeemed, StoreError> {
        self.0.redeem(redemption).await
    }

    async fn tally(&self, query: &TallyQuery) -> Result<Tallies, StoreError> {
        self.0.tally(query).await
    }
}

async fn enter(house: &House, target: Target, effect: Effect) {
    let (reason, actor) = (Reason::new("an incident").unwrap(), Actor::new("ada").unwrap());
    house.gate.controls().enter(target, effect, reason, actor, None).await.unwrap();
}

/// What the store has counts: neither does an entry hold that it lost, nor is a version missed that is gone.
#[tokio::test]
async fn controls_that_are_lost_stop_no_gate() {
    for effect in [Effect::SmsOff, Effect::KnownNumbersOnly] {
        let store = FailedOver::default();
        let here = House::lab(store.clone());
        let there = here.beside(|builder| builder.store(store.clone()));
        enter(&here, Target::Country(Region::FR), Effect::Block).await;
        enter(&here, Target::Everything, effect).await;
        let _ = there.try_send(ALICE, &client(1)).await;
        store.put_back();
        assert!(matches!(here.try_send(ALICE, &client(2)).await, Sent::Issued(_)), "{effect:?}");
        assert!(matches!(there.try_send(BOB, &client(3)).await, Sent::Issued(_)), "{effect:?}");
        // And the next entry holds at once, on both.
        enter(&there, Target::Everything, Effect::SmsOff).await;
        for house in [&here, &there] {
            let refusal = house.refused(ALICE, &client(4)).await;
            assert!(matches!(refusal.reason(), RefusalReason::SmsOff), "{effect:?}");
        }
    }
}

/// What was lost may be what held an attack off, so somebody has to look: each gate says so, once.
fn losses(house: &House) -> Vec<String> {
    let lost = |event: otpgate::Event| match event.kind {
        EventKind::Outage { part: OutagePart::StoreLost, what } => Some(what),
        _ => None,
    };
    house.log.events().into_iter().filter_map(lost).collect()
}

#[tokio::test]
async fn a_gate_tells_once_that_an_entry_is_lost() {
    let store = FailedOver::default();
    let here = House::lab(store.clone());
    enter(&here, Target::Country(Region::FR), Effect::Block).await;
    enter(&here, Target::Everything, Effect::SmsOff).await;
    let _ = here.refused(ALICE, &client(1)).await;
    assert_eq!(losses(&here), [""; 0]);
    store.put_back();
    for index in 2..6 {
        let _ = here.try_send(&crate::support::german(index), &client(index as u32)).await;
    }
    let [what] = &losses(&here)[..] else { panic!("{:?}", losses(&here)) };
    assert!(what.contains("look at the entries"), "{what}");
    let others = |kind: &EventKind| matches!(kind, EventKind::Outage { .. });
    assert_eq!(here.log.count(others), 1, "the store answers");
    // Another loss is told again.
    enter(&here, Target::Everything, Effect::SmsOff).await;
    here.clock.advance(minutes(11));
    store.put_back();
    let _ = here.try_send(ALICE, &client(9)).await;
    assert_eq!(losses(&here).len(), 2);
}

/// Where there was no entry to lose, the journal tells: limits are given out anew all the same.
#[tokio::test]
async fn gates_tell_once_that_the_journal_is_lost() {
    let (here, there) = gates_of_a_lost_journal().await;
    assert_eq!(losses(&here), [""; 0]);
    for round in 0..20 {
        let _ = pump(&here, round, 1).await;
        let _ = pump(&there, 100 + round, 1).await;
    }
    assert_eq!(losses(&here).len(), 2, "one of each gate");
}

/// A send is the first to meet the store that was put back.
#[tokio::test]
async fn a_send_learns_that_the_controls_are_lost() {
    let store = FailedOver::default();
    let house = House::lab(store.clone());
    enter(&house, Target::Country(Region::FR), Effect::Block).await;
    store.put_back();
    assert!(matches!(house.try_send(ALICE, &client(1)).await, Sent::Issued(_)));
}

/// Two gates that have read further in their journal than the new one will go.
async fn gates_of_a_lost_journal() -> (House, House) {
    let store = FailedOver::default();
    let here = house(store.clone());
    let there = here.beside(|builder| awake(builder.store(store.clone())));
    for index in 0..200 {
        sign_up(&here, index).await;
    }
    sign_up(&there, 500).await;
    store.put_back();
    (here, there)
}

/// The numbers of the journal begin anew; gates hear each other all the same.
#[tokio::test]
async fn gates_hear_each_other_in_a_journal_that_began_anew() {
    let (here, there) = gates_of_a_lost_journal().await;
    // All that is written from now on has lower numbers than what both have read.
    for round in 0..80 {
        let _ = pump(&here, round, 1).await;
        if round % 4 == 0 {
            sign_up(&there, 600 + round).await;
        }
    }
    assert_eq!(pump(&here, 90, 3).await, "rrr");
    assert_eq!(request(&there, &pumped(700), 9_002).await, 'r');
}

/// What a failed call was to tell the other gates goes with the next one.
#[tokio::test]
async fn what_a_failed_call_was_to_tell_is_told() {
    let store = Arc::new(ModelStore::new());
    let here = house(Patchy(Arc::clone(&store), AtomicU64::new(0)));
    let there = here.beside(|builder| awake(builder.store(Arc::clone(&store))));
    let (mut sent, mut failed) = (0, 0);
    for index in 0..60 {
        let who = client(100 * index as u32);
        let number = crate::support::german(index * 7_919);
        let clearance = here.clearance_of(&number, &Purpose::SIGN_UP, &who).await;
        match here.gate.issue(clearance).await {
            Ok(_) => sent += 1,
            Err(_) => failed += 1,
        }
        here.clock.advance(seconds(1));
    }
    assert!(sent >= 25 && failed >= 25, "{sent} and {failed}");
    let _ = request(&there, &pumped(1), 9_000).await;
    let nodes = |house: &House| house.gate.detector_footprint().nodes;
    assert!(nodes(&there) * 10 >= nodes(&here) * 9, "{} of {}", nodes(&there), nodes(&here));
}

/// Nothing of the journal that began anew is passed over, however late a gate comes to it.
#[tokio::test]
async fn a_journal_that_began_anew_is_read_from_its_beginning() {
    let (here, there) = gates_of_a_lost_journal().await;
    for round in 0..100 {
        let _ = request(&here, &pumped(round), 1_000 + round as u32 * 3).await;
        here.clock.advance(seconds(1));
    }
    assert_eq!(request(&here, &pumped(200), 8_000).await, 'r');
    // The first call learns that the journal began anew, and the second reads it.
    let _ = request(&there, &crate::support::german(77), 9_000).await;
    let _ = request(&there, &crate::support::german(78), 9_300).await;
    assert_eq!(request(&there, &pumped(700), 9_600).await, 'r');
}

/// Entries get the numbers of those that are lost, and are carried out all the same.
#[tokio::test]
async fn a_lift_is_carried_out_though_its_number_was_given_before() {
    let store = FailedOver::default();
    let here = house(store.clone());
    let everything = Target::Country("UZ".parse().unwrap());
    for _ in 0..3 {
        enter(&here, everything, Effect::LiftAutomaticBlock).await;
    }
    store.put_back();
    for round in 0..80 {
        let _ = pump(&here, round, 1).await;
        if round % 4 == 0 {
            sign_up(&here, 600 + round).await;
        }
    }
    assert_eq!(pump(&here, 90, 3).await, "rrr");
    enter(&here, everything, Effect::LiftAutomaticBlock).await;
    assert_eq!(request(&here, &pumped(700), 9_002).await, 's');
}
