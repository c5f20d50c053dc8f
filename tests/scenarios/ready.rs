//! `Gate::ready` finds at start what would stop the first text, and names it; it sends nothing.

use async_trait::async_trait;
use otpgate::human::NoHumanCheck;
use otpgate::message::MessageFormat;
use otpgate::pumping::PriceTable;
use otpgate::store::{
    Admission, Admitted, MemoryStore, Redeemed, Redemption, Settlement, StoreError, StoreErrorKind,
    Tallies, TallyQuery,
};
use otpgate::testing::{FailNth, ManualClock, ModelStore, Verb};
use otpgate::transport::signals::{NumberSignals, Signals, SignalsError, SignalsQuery};
use otpgate::transport::{FailOver, Handoff, HandoffError, OutboundSms};
use otpgate::{Channel, FallbackChannel, GateErrorKind, SmsTransport, Store};

use crate::support::{ALICE, House, hours, seconds};

/// A provider whose secret manager is shut.
#[derive(Debug)]
struct Locked(&'static str);

#[async_trait]
impl SmsTransport for Locked {
    async fn hand_off(&self, _: &OutboundSms) -> Result<Handoff, HandoffError> {
        SmsTransport::ready(self).await.map(|()| Handoff::accepted("m"))
    }

    async fn ready(&self) -> Result<(), HandoffError> {
        Err(HandoffError::not_sent("the vault is closed").by(self.0).remedy("open it"))
    }
}

#[async_trait]
impl NumberSignals for Locked {
    async fn look_up(&self, _: &SignalsQuery) -> Result<Signals, SignalsError> {
        NumberSignals::ready(self).await.map(|()| Signals::default())
    }

    async fn ready(&self) -> Result<(), SignalsError> {
        Err(SignalsError::not_asked(format!("{} has no key", self.0)))
    }
}

/// Codes are written to one server and looked for on another.
#[derive(Debug)]
struct Torn(ModelStore, ModelStore);

#[async_trait]
impl Store for Torn {
    async fn admit(&self, admission: &Admission) -> Result<Admitted, StoreError> {
        self.0.admit(admission).await
    }

    async fn settle(&self, settlement: &Settlement) -> Result<(), StoreError> {
        self.0.settle(settlement).await
    }

    async fn redeem(&self, redemption: &Redemption) -> Result<Redeemed, StoreError> {
        self.1.redeem(redemption).await
    }

    async fn tally(&self, query: &TallyQuery) -> Result<Tallies, StoreError> {
        self.0.tally(query).await
    }
}

/// What `ready` says of a gate that cannot send, and which parts it blames.
async fn complaint(house: &House) -> (String, Vec<GateErrorKind>) {
    let error = house.gate.ready().await.unwrap_err();
    (error.to_string(), error.causes().iter().map(|cause| cause.kind()).collect())
}

#[tokio::test]
async fn a_gate_that_is_ready_has_sent_and_charged_nothing() {
    let house = House::new();
    for _ in 0..20 {
        house.gate.ready().await.unwrap();
    }
    assert_eq!(house.outbox.handed_off(), 0);
    let seen = house.gate.snapshot().await.unwrap();
    assert_eq!(
        (seen.requests, seen.sent, seen.attempts, seen.spent),
        (0, 0, 0, Default::default())
    );
    house.send(ALICE).await;
    assert_eq!(house.gate.snapshot().await.unwrap().spent, house.cost());
}

#[tokio::test]
async fn every_verb_of_the_store_is_tried() {
    for verb in [Verb::Admit, Verb::Settle, Verb::Redeem, Verb::Tally] {
        let kind = StoreErrorKind::Unavailable;
        let house = House::lab(FailNth::new(ModelStore::new(), verb, 1, kind));
        let (said, parts) = complaint(&house).await;
        assert_eq!(parts, [GateErrorKind::Store], "{verb:?}");
        assert!(said.contains("check that it is reachable"), "{verb:?}: {said}");
        house.gate.ready().await.unwrap();
    }
}

#[tokio::test]
async fn a_store_that_does_not_keep_what_it_was_told_is_found() {
    let (said, parts) = complaint(&House::lab(Torn(ModelStore::new(), ModelStore::new()))).await;
    assert_eq!(parts, [GateErrorKind::Store]);
    assert!(said.contains("Unknown; check that every call reaches the same primary"), "{said}");
}

#[tokio::test]
async fn a_clock_that_leads_is_told_from_the_store_and_heals() {
    let (clock, there) = (ManualClock::default(), ManualClock::default());
    let store = MemoryStore::builder().clock(there).build();
    let house = House::lab_with(|builder| {
        builder.store(store).clock(clock.clone()).clock_skew(seconds(60))
    });
    clock.advance(hours(2));
    let (said, parts) = complaint(&house).await;
    assert_eq!(parts, [GateErrorKind::Clock]);
    assert!(said.starts_with("the gate is not ready; clock: "), "{said}");
}

#[tokio::test]
async fn every_part_that_fails_is_named_at_once() {
    let words = MessageFormat::builder("Example").build().unwrap();
    let voice =
        FallbackChannel::new(Channel::Voice, Locked("the callers"), words, PriceTable::builtin());
    let house = House::lab_with(|builder| {
        let kind = StoreErrorKind::Corrupt;
        let (carrier, _) = otpgate::testing::ScriptedTransport::new();
        builder
            .store(FailNth::new(ModelStore::new(), Verb::Admit, 0, kind))
            .transport(FailOver::new(carrier).then(Locked("the second")))
            .fallback(voice)
            .human_check(NoHumanCheck)
            .signals(Locked("the register"))
    });
    let (said, parts) = complaint(&house).await;
    use GateErrorKind::{HandOff, HumanCheck, LookUp, Store};
    assert_eq!(parts, [Store, HandOff, HandOff, HumanCheck, LookUp]);
    let look_up = "look-up: the network said nothing of the number: the register has no key";
    let others = ["store: ", "transport: the second: ", "open it", "the callers", "human check: "];
    for part in others.into_iter().chain([look_up]) {
        assert!(said.contains(part), "{part:?} in {said}");
    }
}
