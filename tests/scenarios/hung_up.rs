//! Whoever hangs up while somebody else is asked on his behalf, as servers drop his handler then, has asked all
//! the same.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use otpgate::store::{
    Admission, Admitted, MemoryStore, Redeemed, Redemption, Settlement, StoreError, Tallies,
    TallyQuery,
};
use otpgate::testing::{ManualClock, Reply, ScriptedTransport};
use otpgate::transport::{CircuitBreaker, Handoff, HandoffError, HandoffErrorKind, OutboundSms};
use otpgate::{Cleared, EventKind, Purpose, Sent, SmsTransport, Store};

use crate::a21_cancel_everywhere::{MOST, abandon};
use crate::pumped;
use crate::support::{BOB, House, client, german, memory, minutes, off_by, quick, seconds};

/// Asks for a text and hangs up as soon as the provider has it; whether there was one.
async fn hang_up(house: &House, number: &str, who: u32) -> bool {
    let before = house.outbox.handed_off();
    house.outbox.always(Reply::HangAfterSending);
    let cleared = house.clear(number, &Purpose::SIGN_UP, &client(who)).await;
    let Cleared::Passed(clearance) = cleared else { return false };
    let answer = abandon(house.gate.issue(clearance), MOST);
    house.outbox.always(Reply::Accept);
    assert_eq!(answer.is_none(), house.outbox.handed_off() > before);
    answer.is_none()
}

#[tokio::test]
async fn detector_and_observer_hear_of_a_text_whose_client_has_gone() {
    let house = pumped::house(memory());
    let mut texts = 0;
    while texts < 40 && hang_up(&house, &pumped::pumped(texts), 1_000 + texts as u32 * 3).await {
        texts += 1;
        house.clock.advance(seconds(5));
    }
    let sent = |kind: &EventKind| matches!(kind, EventKind::Sent { confirmed: false, .. });
    assert_eq!(house.log.count(sent) as u64, texts);
    assert!(texts < 20, "{texts} texts went out to one block, and nobody noticed");
}

#[tokio::test]
async fn the_breaker_opens_for_nobody_who_hangs_up() {
    let (transport, outbox) = ScriptedTransport::new();
    let clock = Arc::new(ManualClock::default());
    let breaker = CircuitBreaker::new(transport, clock);
    let mut house = House::lab_with(|builder| builder.store(memory()).transport(breaker));
    house.outbox = outbox;
    for index in 0..10 {
        assert!(hang_up(&house, &german(u64::from(index)), 100 + index * 3).await);
    }
    assert!(house.send_to(BOB, &client(2)).await.confirmed());
}

/// A store that takes what it is told, settlements apart, and does not answer while the test says so.
#[derive(Debug)]
pub(crate) struct Late(MemoryStore, Arc<AtomicBool>);

impl Late {
    /// The store, and what makes it late.
    pub(crate) fn new() -> (Self, Arc<AtomicBool>) {
        let late = Arc::new(AtomicBool::new(false));
        (Self(memory(), Arc::clone(&late)), late)
    }
}

/// Asks for a text, and hangs up on the store.
pub(crate) async fn hang_up_on(house: &House, late: &AtomicBool, number: &str, who: u32) {
    let cleared = house.clear(number, &Purpose::SIGN_UP, &client(who)).await;
    let Cleared::Passed(clearance) = cleared else { panic!("{cleared:?}") };
    late.store(true, Ordering::Relaxed);
    assert!(abandon(house.gate.issue(clearance), MOST).is_none());
    late.store(false, Ordering::Relaxed);
}

#[async_trait]
impl Store for Late {
    async fn admit(&self, admission: &Admission) -> Result<Admitted, StoreError> {
        let answer = self.0.admit(admission).await;
        match self.1.load(Ordering::Relaxed) {
            true => pending().await,
            false => answer,
        }
    }

    async fn settle(&self, settlement: &Settlement) -> Result<(), StoreError> {
        match self.1.load(Ordering::Relaxed) {
            true => pending().await,
            false => self.0.settle(settlement).await,
        }
    }

    async fn redeem(&self, redemption: &Redemption) -> Result<Redeemed, StoreError> {
        let answer = self.0.redeem(redemption).await;
        match self.1.load(Ordering::Relaxed) {
            true => pending().await,
            false => answer,
        }
    }

    async fn tally(&self, query: &TallyQuery) -> Result<Tallies, StoreError> {
        self.0.tally(query).await
    }
}

#[tokio::test]
async fn nobody_uses_up_a_budget_unseen_by_hanging_up_on_the_store() {
    let (store, late) = Late::new();
    let house = pumped::house(store);
    for index in 0..40 {
        hang_up_on(&house, &late, &pumped::pumped(index), 1_000 + index as u32 * 3).await;
        house.clock.advance(seconds(5));
    }
    assert_eq!(house.texts(), 0);
    let fate = pumped::request(&house, &pumped::pumped(100), 9_000).await;
    assert_ne!(fate, 's', "money was reserved for forty texts to one block, and nobody noticed");
}

/// What the store refuses is refused to him too who does not wait to hear it: neither a spent token nor a
/// number that had its text makes another one's request of it.
#[tokio::test]
async fn a_number_is_held_up_by_no_text_that_it_could_not_get() {
    let (store, late) = Late::new();
    let house = pumped::house(store);
    let thief = client(7);
    let issued = house.send_to(BOB, &thief).await;
    house.clock.advance(seconds(31));
    for _ in 0..10 {
        late.store(true, Ordering::Relaxed);
        assert!(abandon(house.gate.resend(issued.grant(), &thief), MOST).is_none());
        late.store(false, Ordering::Relaxed);
        house.clock.advance(seconds(1));
    }
    house.clock.advance(minutes(20));
    let owner = house.try_send(BOB, &client(8)).await;
    assert!(matches!(owner, Sent::Issued(_)), "{owner:?}");
}

/// A transport that makes the store late, and does not take the text.
#[derive(Debug)]
struct Declines(Arc<AtomicBool>, HandoffErrorKind);

#[async_trait]
impl SmsTransport for Declines {
    async fn hand_off(&self, _: &OutboundSms) -> Result<Handoff, HandoffError> {
        self.0.store(true, Ordering::Relaxed);
        Err(HandoffError::new(self.1, "not today"))
    }
}

/// Between the provider's no and the refund he hangs up: what he used up stays used up, and is seen.
#[tokio::test]
async fn nobody_keeps_a_refusal_s_charges_unseen() {
    for (kind, refused) in [(HandoffErrorKind::NotSent, false), (HandoffErrorKind::Refused, true)] {
        let (store, late) = Late::new();
        let carrier = Declines(Arc::clone(&late), kind);
        let house = House::with(|builder| pumped::awake(builder.store(store).transport(carrier)));
        let mut texts = 0;
        while texts < 40 {
            let (number, who) = (pumped::pumped(texts), client(1_000 + texts as u32 * 3));
            let cleared = house.clear(&number, &Purpose::SIGN_UP, &who).await;
            let Cleared::Passed(clearance) = cleared else { break };
            let answer = abandon(house.gate.issue(clearance), MOST);
            late.store(false, Ordering::Relaxed);
            if answer.is_some() {
                break;
            }
            texts += 1;
            house.clock.advance(seconds(5));
        }
        let told = |event: &EventKind| matches!(event, EventKind::NotSent { refused: it, .. } if *it == refused);
        assert_eq!(house.log.count(told) as u64, texts, "{kind:?}");
        assert!(texts < 20, "{texts} texts' money was used up, and nobody noticed");
    }
}

/// The guess that reaches the alarm is nobody's who waits for its answer.
#[tokio::test]
async fn guesses_at_many_numbers_are_told_of_whoever_hangs_up_at_the_alarm() {
    let (store, late) = Late::new();
    let house = House::with(|builder| {
        let mut policy = quick(otpgate::Policy::default());
        policy.attempts.spray_alarm = 10;
        builder.store(store).policy(policy)
    });
    for index in 0..12_u32 {
        let who = client(index);
        let issued = house.send_to(&german(index.into()), &who).await;
        let guess = off_by(&house.last_code(), 1);
        let is_at_the_alarm = index == 9;
        late.store(is_at_the_alarm, Ordering::Relaxed);
        let answer = abandon(house.gate.verify(issued.grant(), &guess, &who), MOST);
        late.store(false, Ordering::Relaxed);
        assert_eq!(answer.is_none(), is_at_the_alarm);
    }
    let told = |kind: &EventKind| matches!(kind, EventKind::GuessSpraying { .. });
    assert_eq!(house.log.count(told), 1);
}
