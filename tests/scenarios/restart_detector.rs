//! What the detector knows outlives every process that knew it.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use otpgate::access::{Actor, Effect, Reason, SurgeFactor, Target};
use otpgate::store::{
    Admission, Admitted, Redeemed, Redemption, Settlement, StoreError, Tallies, TallyQuery,
};
use otpgate::testing::{Counting, ManualClock, ModelStore, Verb};
use otpgate::{Clock, EventKind, Store};

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

/// A store that has damaged the head of the detector's memory as it was when it was read first.
#[derive(Debug)]
struct Damaged {
    inner: Arc<ModelStore>,
    head: Mutex<Option<Vec<u8>>>,
}

#[async_trait]
impl Store for Damaged {
    async fn admit(&self, admission: &Admission) -> Result<Admitted, StoreError> {
        self.inner.admit(admission).await
    }

    async fn settle(&self, settlement: &Settlement) -> Result<(), StoreError> {
        self.inner.settle(settlement).await
    }

    async fn redeem(&self, redemption: &Redemption) -> Result<Redeemed, StoreError> {
        self.inner.redeem(redemption).await
    }

    async fn tally(&self, query: &TallyQuery) -> Result<Tallies, StoreError> {
        let mut tallies = self.inner.tally(query).await?;
        if let Some(head) = tallies.documents.get_mut(1) {
            let mut first = self.head.lock().unwrap();
            if *first.get_or_insert_with(|| head.content.clone()) == head.content {
                head.content.reverse();
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
    lift(&before).await;
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

async fn lift(house: &House) {
    let (reason, actor) = (Reason::new("a customer").unwrap(), Actor::new("ada").unwrap());
    let target = Target::Prefix("+998941".parse().unwrap());
    let effect = Effect::LiftAutomaticBlock;
    house.gate.controls().enter(target, effect, reason, actor, None).await.unwrap();
}

/// Whoever looks at the list before the detector's memory is read does not lose what it says.
#[tokio::test]
async fn a_lift_that_no_save_knows_is_carried_out_whatever_is_read_first() {
    let store = Arc::new(ModelStore::new());
    let before = attacked(&store, 4).await;
    before.gate.save_detector().await.unwrap();
    before.clock.advance(minutes(3)); // the journal has forgotten what came before
    lift(&before).await;
    let after = restarted(&before, &store);
    assert_eq!(after.gate.controls().list().await.unwrap().len(), 1);
    after.gate.warm_up().await.unwrap();
    assert!(blocks(&after.gate).await.is_empty(), "{:?}", blocks(&after.gate).await);
}

/// A gate whose clock lags a second behind that of the gate where it was entered obeys at once, too:
/// nothing would make it look again.
#[tokio::test]
async fn a_lift_is_carried_out_where_the_clock_lags() {
    let store = Arc::new(ModelStore::new());
    let here = attacked(&store, 4).await;
    let late = ManualClock::new(here.clock.now().before(seconds(1)));
    let clock = late.clone();
    let mut there = here.beside(|builder| awake(builder.store(Arc::clone(&store)).clock(clock)));
    there.clock = late;
    there.gate.warm_up().await.unwrap();
    assert!(!blocks(&there.gate).await.is_empty());
    lift(&here).await;
    assert!(blocks(&there.gate).await.is_empty(), "{:?}", blocks(&there.gate).await);
}

/// How many of sixty requests for one block got a text after a restart. `surge`: one had been announced
/// and saved with the rest, and an operator took it away before the restart.
async fn texts_after_a_restart(surge: bool) -> usize {
    let store = Arc::new(ModelStore::new());
    let before = house(Arc::clone(&store));
    let controls = before.gate.controls();
    let (reason, actor) = (Reason::new("a campaign").unwrap(), Actor::new("ada").unwrap());
    let effect = Effect::ExpectSurge(SurgeFactor::new(100).unwrap());
    let uzbekistan = Target::Country("UZ".parse().unwrap());
    let until = controls.now() + hours(24);
    let entry = match surge {
        true => Some(controls.enter(uzbekistan, effect, reason, actor.clone(), Some(until)).await),
        false => None,
    };
    assert_eq!(request(&before, &pumped(5_000), 7_000).await, 's');
    before.gate.save_detector().await.unwrap();
    if let Some(id) = entry {
        controls.lift(id.unwrap(), &actor).await.unwrap();
    }
    before.clock.advance(minutes(5));
    let after = restarted(&before, &store);
    pump(&after, 0, 60).await.matches('s').count()
}

/// The detector's memory knew of it; nobody may go on by what an operator has taken back.
#[tokio::test]
async fn a_surge_that_was_taken_back_ends_with_the_restart() {
    let never = texts_after_a_restart(false).await;
    assert!(never < 30, "{never} of sixty");
    assert_eq!(texts_after_a_restart(true).await, never);
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

/// A gate of an older release that starts during a roll-out wrote its blank memory over what all other gates
/// had learnt.
#[tokio::test]
async fn a_memory_that_cannot_be_read_is_left_as_it_is() {
    let store = Arc::new(ModelStore::new());
    let before = attacked(&store, 4).await;
    before.gate.save_detector().await.unwrap();
    let tampered = Tampered(Arc::clone(&store));
    let other = before.beside(|builder| awake(builder.store(tampered)));
    for index in 0..12 {
        sign_up(&other, 500 + index).await;
        before.clock.advance(seconds(20));
    }
    let saved = other.gate.save_detector().await.unwrap_err();
    let after = restarted(&before, &store);
    let answers = pump(&after, 200, 5).await;
    assert!(!answers.contains('s'), "{answers}");
    let cause = std::error::Error::source(&saved).unwrap().to_string();
    assert!(cause.contains("left alone"), "{cause}");
}

/// Where no process lives for a day each began the day anew, and nothing was ever saved again.
#[tokio::test]
async fn a_damaged_head_is_saved_over_a_day_after_it_was_saved_however_short_processes_live() {
    let store = Arc::new(ModelStore::new());
    let before = attacked(&store, 4).await;
    before.gate.save_detector().await.unwrap();
    let damaged = Arc::new(Damaged { inner: store, head: Mutex::default() });
    let unread = |house: &House| {
        let before = |what: &str| what.contains("before the restart");
        house.log.count(|kind| matches!(kind, EventKind::Outage { what, .. } if before(what)))
    };
    let mut told = Vec::new();
    for process in 0..4 {
        let store = Arc::clone(&damaged);
        let house = before.beside(|builder| awake(builder.store(store)));
        before.log.clear();
        for index in 0..120 {
            sign_up(&house, 10_000 + process * 1_000 + index).await;
            before.clock.advance(minutes(10));
        }
        told.push(unread(&house));
    }
    assert_eq!(told, [1, 1, 0, 0]);
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

/// A store that measures what admissions tell the other gates.
#[derive(Debug, Default)]
struct Listening(ModelStore, std::sync::atomic::AtomicUsize);

#[async_trait]
impl Store for Listening {
    async fn admit(&self, admission: &Admission) -> Result<Admitted, StoreError> {
        let told = admission.exchange.as_ref().map_or(0, |exchange| exchange.append.len());
        self.1.fetch_add(told, std::sync::atomic::Ordering::Relaxed);
        self.0.admit(admission).await
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

/// A number whose code was entered last is no open evidence for the gates that go on.
#[tokio::test]
async fn what_a_gate_saw_last_is_told_with_its_save() {
    let store = Arc::new(Listening::default());
    let ends = crate::pumped::house(Arc::clone(&store));
    sign_up(&ends, 1).await;
    let told = || store.1.load(std::sync::atomic::Ordering::Relaxed);
    let before = told();
    ends.gate.save_detector().await.unwrap();
    assert!(told() > before, "that the code was entered");
    let all = told();
    ends.gate.save_detector().await.unwrap();
    assert_eq!(told(), all, "once");
}

/// The console in the staff's own process, and the gauges of one that only watches: nobody sends there.
#[tokio::test]
async fn a_gate_that_serves_nobody_shows_the_attack_at_another() {
    let store = Arc::new(ModelStore::new());
    let here = house(Arc::clone(&store));
    let early = here.beside(|builder| awake(builder.store(Arc::clone(&store))));
    assert_eq!(blocks(&early.gate).await, [""; 0]);
    for minute in 0..5 {
        pump(&here, minute * 12, 12).await;
        drop(early.gate.snapshot().await.unwrap());
    }
    sign_up(&here, 1).await; // carries the last news
    let shown = blocks(&here.gate).await;
    assert!(!shown.is_empty());
    let seen = early.gate.snapshot().await.unwrap();
    assert_eq!(seen.gates.len(), 1, "the gate that was heard of");
    assert_eq!(blocks(&early.gate).await, shown, "by the journal");
    // One that starts when the attack is over reads what was saved; the journal is short.
    here.gate.save_detector().await.unwrap();
    here.clock.advance(minutes(3));
    let late = here.beside(|builder| awake(builder.store(Arc::clone(&store))));
    let shown = blocks(&here.gate).await;
    assert!(!shown.is_empty());
    assert_eq!(blocks(&late.gate).await, shown, "from its memory, the first time");
}
