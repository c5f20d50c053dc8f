//! What the detector knows outlives every process that knew it.

use std::sync::Arc;

use async_trait::async_trait;
use otpgate::access::{Actor, Effect, Reason, Target};
use otpgate::store::{
    Admission, Admitted, Redeemed, Redemption, Settlement, StoreError, Tallies, TallyQuery,
};
use otpgate::testing::{Counting, ModelStore, Verb};
use otpgate::{EventKind, Store};

use crate::pumped::{awake, blocks, house, pump, pumped, request, sign_up};
use crate::support::{House, hours, minutes, seconds};

/// A store in which somebody changed a bit of every document but the controls.
#[derive(Debug)]
struct Tampered(Arc<ModelStore>);

#[async_trait]
impl Store for Tampered {
    async fn admit(&self, admission: &Admission) -> Result<Admitted, StoreError> {
        self.0.admit(admission).await
    }

    async fn settle(&self, settlement: &Settlement) -> Result<(), StoreError> {
        self.0.settle(settlement).await
    }

    async fn redeem(&self, redemption: &Redemption) -> Result<Redeemed, StoreError> {
        self.0.redeem(redemption).await
    }

    async fn tally(&self, query: &TallyQuery) -> Result<Tallies, StoreError> {
        let mut tallies = self.0.tally(query).await?;
        for document in tallies.documents.iter_mut().skip(1) {
            if let Some(last) = document.content.last_mut() {
                *last ^= 1;
            }
        }
        Ok(tallies)
    }
}

/// A new process on the store of `house`, with nothing in memory.
fn restarted(house: &House, store: &Arc<ModelStore>) -> House {
    house.beside(|builder| awake(builder.store(Arc::clone(store))))
}

/// An attack with a sign-up elsewhere every `every` requests, until the block is refused.
async fn attacked(store: &Arc<ModelStore>, every: u64) -> House {
    let house = house(Arc::clone(store));
    for round in 0..80 {
        let _ = pump(&house, round, 1).await;
        if every > 0 && round % every == 0 {
            sign_up(&house, round).await;
        }
    }
    assert_eq!(pump(&house, 90, 5).await, "rrrrr");
    house
}

#[tokio::test]
async fn a_block_is_still_refused_after_every_gate_was_restarted() {
    let store = Arc::new(ModelStore::new());
    let before = attacked(&store, 4).await;
    let after = restarted(&before, &store);
    assert_eq!(pump(&after, 200, 20).await, "r".repeat(20));
    assert_eq!(blocks(&after.gate).await, blocks(&before.gate).await);
    // And a gate that shares nothing with them shows that it is no accident.
    let stranger = restarted(&before, &Arc::new(ModelStore::new()));
    assert!(pump(&stranger, 300, 5).await.starts_with("sss"));
}

/// The journal reaches back two minutes; the memory must hold what is older.
#[tokio::test]
async fn it_does_not_rest_on_the_journal_alone() {
    let store = Arc::new(ModelStore::new());
    let before = attacked(&store, 4).await;
    // nothing but honest traffic for four minutes: the attack is no longer in the journal, and the
    // silent block half open
    for index in 0..16 {
        sign_up(&before, 1_000 + index).await;
        before.clock.advance(seconds(7));
    }
    let after = restarted(&before, &store);
    assert_eq!(request(&after, &pumped(700), 9_000).await, 'a');
    let stranger = restarted(&before, &Arc::new(ModelStore::new()));
    assert_eq!(request(&stranger, &pumped(701), 9_001).await, 's');
}

/// Where all traffic is the attack, no admitted send can carry a save.
#[tokio::test]
async fn an_attack_that_is_all_the_traffic_is_remembered_too() {
    let store = Arc::new(ModelStore::new());
    let before = attacked(&store, 0).await;
    assert!(pump(&before, 100, 60).await.chars().all(|fate| fate == 'r'));
    let after = restarted(&before, &store);
    assert_eq!(pump(&after, 400, 10).await, "r".repeat(10));
}

#[tokio::test]
async fn a_planned_restart_loses_nothing() {
    let store = Arc::new(ModelStore::new());
    let before = attacked(&store, 4).await;
    before.gate.save_detector().await.unwrap();
    let size = before.gate.detector_footprint().nodes;
    let after = restarted(&before, &store);
    after.gate.warm_up().await.unwrap();
    assert!(after.gate.detector_footprint().nodes > size / 4);
    assert_eq!(blocks(&after.gate).await, blocks(&before.gate).await);
}

/// A lift is carried out once: a restart must not carry it out again on what was blocked since.
#[tokio::test]
async fn a_lift_of_yesterday_does_not_lift_todays_block() {
    let store = Arc::new(ModelStore::new());
    let before = attacked(&store, 4).await;
    let (reason, actor) = (Reason::new("a customer").unwrap(), Actor::new("ada").unwrap());
    let target = Target::Prefix("+998941".parse().unwrap());
    let effect = Effect::LiftAutomaticBlock;
    before.gate.controls().enter(target, effect, reason, actor, None).await.unwrap();
    assert!(blocks(&before.gate).await.is_empty());
    for round in 0..60 {
        let _ = pump(&before, 1_000 + round, 1).await;
        if round % 4 == 0 {
            sign_up(&before, 2_000 + round).await;
        }
    }
    assert_eq!(request(&before, &pumped(1_070), 9_000).await, 'r');
    let after = restarted(&before, &store);
    assert_eq!(request(&after, &pumped(1_071), 9_001).await, 'r');
}

#[tokio::test]
async fn an_ended_attack_is_forgiven_across_a_restart() {
    let store = Arc::new(ModelStore::new());
    let before = attacked(&store, 4).await;
    let after = restarted(&before, &store);
    after.clock.advance(hours(14));
    assert_ne!(request(&after, &pumped(500), 9_000).await, 'r');
}

/// A memory of another deployment or build is told and left out; nothing else happens.
#[tokio::test]
async fn a_memory_that_cannot_be_read_is_told_and_left_out() {
    let store = Arc::new(ModelStore::new());
    let before = attacked(&store, 4).await;
    let tampered = Tampered(Arc::clone(&store));
    let after = before.beside(|builder| awake(builder.store(tampered)));
    before.clock.advance(minutes(3));
    before.log.clear();
    assert_eq!(request(&after, &pumped(500), 9_000).await, 's');
    let told = after.log.count(
        |kind| matches!(kind, EventKind::Outage { what, .. } if what.contains("before the restart")),
    );
    assert_eq!(told, 1);
}

/// A fresh process reads once, and from then on every send is one round trip again.
#[tokio::test]
async fn reading_takes_one_round_trip_in_the_life_of_a_process() {
    let (store, calls) = Counting::new(ModelStore::new());
    let house = house(store);
    for index in 0..40 {
        sign_up(&house, index).await;
        house.clock.advance(seconds(20));
    }
    assert_eq!((calls.of(Verb::Tally), calls.of(Verb::Admit), calls.of(Verb::Redeem)), (1, 40, 40));
}

/// Four gates on one store save in turn, and none of them has to ask twice for it.
#[tokio::test]
async fn gates_take_turns_to_save() {
    let (store, calls) = Counting::new(ModelStore::new());
    let store: Arc<dyn Store> = Arc::new(store);
    let first = house(Arc::clone(&store));
    let mut gates = vec![first];
    for _ in 0..3 {
        gates.push(gates[0].beside(|builder| awake(builder.store(Arc::clone(&store)))));
    }
    for index in 0..200 {
        sign_up(&gates[index as usize % 4], index).await;
        gates[0].clock.advance(seconds(3));
    }
    assert_eq!((calls.of(Verb::Tally), calls.of(Verb::Redeem)), (4, 200));
    // two that save at the same moment are the exception
    assert!(calls.of(Verb::Admit) <= 203, "{}", calls.of(Verb::Admit));
}
