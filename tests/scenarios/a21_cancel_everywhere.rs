//! A21: the future is dropped at each of its awaits.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use async_trait::async_trait;
use otpgate::testing::{Latency, Reply, ScriptedTransport, pauses};
use otpgate::transport::{Handoff, HandoffError, OutboundSms};
use otpgate::{EntryGrant, Money, SmsTransport, Verified};

use crate::support::{ALICE, House, client, hours, memory, off_by, seconds};

/// Polls `future` `times` times and drops it; its output if it was quicker.
pub(crate) fn abandon<F: Future>(future: F, times: usize) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..times {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return Some(output);
        }
    }
    None
}

/// A carrier that takes its time before and after it has sent.
#[derive(Debug)]
struct Slow(ScriptedTransport);

#[async_trait]
impl SmsTransport for Slow {
    async fn hand_off(&self, sms: &OutboundSms) -> Result<Handoff, HandoffError> {
        pauses(2).await;
        let answer = self.0.hand_off(sms).await;
        pauses(2).await;
        answer
    }
}

pub(crate) fn slow(seed: u64) -> House {
    let (transport, outbox) = ScriptedTransport::new();
    let mut house = House::lab_with(|builder| {
        builder.store(Latency::new(memory(), 3, seed)).transport(Slow(transport.clone()))
    });
    house.outbox = outbox;
    house.carrier = transport;
    house
}

/// More polls than any future here takes.
pub(crate) const MOST: usize = 80;

/// Whatever races in this suite races because of this.
#[tokio::test]
async fn the_stores_of_this_suite_take_their_time() {
    let house = House::lab_with(|builder| builder);
    let mut at_once = 0;
    for index in 0..20 {
        let grant = EntryGrant::from_client("none");
        let judged = abandon(house.gate.verify(&grant, "123456", &client(index)), 1);
        at_once += u32::from(judged.is_some());
    }
    // Each call draws twice from none to three pauses.
    assert!(at_once < 10, "{at_once} of 20 did not give way");
}

#[tokio::test]
async fn issue_sends_at_most_once_and_never_more_than_it_charged() {
    let mut finished = false;
    for times in 0..MOST {
        for reply in [Reply::Accept, Reply::NotSent, Reply::Refused, Reply::LostAnswer] {
            let house = slow(times as u64);
            house.outbox.reply(reply);
            let clearance = house.clearance(ALICE).await;
            let done = abandon(house.gate.issue(clearance), times);
            let texts = house.outbox.delivered().len();
            assert!(texts <= 1);
            let spent = house.gate.snapshot().await.unwrap().spent;
            assert!(spent >= house.cost(), "{reply:?} dropped after {times} polls");
            if done.is_some() {
                finished = true;
                assert_eq!(spent == Money::ZERO, matches!(reply, Reply::NotSent | Reply::Refused));
            }
            house.outbox.always(Reply::Accept);
            if done.is_none() && texts == 0 {
                house.outbox.clear();
            }
            // Whatever happened, the number can be verified when its interval has passed.
            house.clock.advance(hours(1));
            let me = client(2);
            let grant = house.send_to(ALICE, &me).await.into_grant();
            assert!(house.accepts_from(&grant, &house.last_code(), &me).await);
        }
    }
    assert!(finished, "no run came to its end");
}

#[tokio::test]
async fn resend_keeps_the_first_code_and_the_attempts() {
    let mut finished = false;
    for times in 0..MOST {
        let house = slow(times as u64);
        let grant = house.send(ALICE).await.into_grant();
        let first = house.last_code();
        assert!(!house.accepts(&grant, &off_by(&first, 1)).await);
        house.clock.advance(seconds(30));
        finished |= abandon(house.gate.resend(&grant, &house.client), times).is_some();
        assert!(house.texts() <= 2);
        assert!(house.gate.snapshot().await.unwrap().spent >= house.cost());
        let entry = house.gate.entry(&grant, &house.client).await.unwrap();
        let otpgate::Entry::Open(view) = entry else { panic!("closed") };
        assert_eq!(view.attempts_left(), 4);
        assert!(house.accepts(&grant, &first).await, "dropped after {times} polls");
    }
    assert!(finished, "no run came to its end");
}

#[tokio::test]
async fn verify_accepts_at_most_once_and_forgets_no_attempt() {
    let mut finished = [false; 2];
    for times in 0..MOST {
        let house = slow(times as u64);
        let grant = house.send(ALICE).await.into_grant();
        let code = house.last_code();
        let first = abandon(house.gate.verify(&grant, &code, &house.client), times);
        finished[0] |= first.is_some();
        let mut accepted = usize::from(matches!(first, Some(Ok(Verified::Accepted(_)))));
        for _ in 0..2 {
            accepted += usize::from(house.accepts(&grant, &code).await);
        }
        assert!(accepted <= 1, "dropped after {times} polls");

        let house = slow(times as u64);
        let grant = house.send(ALICE).await.into_grant();
        let code = house.last_code();
        for guess in 0..4 {
            let wrong = off_by(&code, guess + 1);
            let judged = abandon(house.gate.verify(&grant, &wrong, &house.client), times);
            finished[1] |= judged.is_some();
        }
        // At most four attempts are gone, whenever the four were dropped, so the code is good; and
        // whoever saw an answer paid for it.
        let entry = house.gate.entry(&grant, &house.client).await.unwrap();
        let otpgate::Entry::Open(view) = entry else { panic!("closed") };
        let seen = u32::try_from(house.log.compared()).unwrap();
        assert!(view.attempts_left() <= 5 - seen);
        assert!(house.accepts(&grant, &code).await);
    }
    assert_eq!(finished, [true; 2], "no run came to its end");
}

#[tokio::test]
async fn clear_and_entry_change_nothing_at_all() {
    let house = slow(1);
    let grant = house.send(ALICE).await.into_grant();
    let mut finished = [false; 2];
    for times in 0..20 {
        finished[0] |= abandon(house.gate.entry(&grant, &house.client), times).is_some();
        let ticket = house.gate.preflight(&otpgate::Purpose::LOG_IN, &house.client).unwrap();
        let proof = ticket.answer(ALICE).unwrap();
        let number = crate::support::recipient(ALICE);
        let purpose = otpgate::Purpose::LOG_IN;
        let cleared = abandon(house.gate.clear(&proof, &number, &purpose, &house.client), times);
        finished[1] |= cleared.is_some();
    }
    assert_eq!(finished, [true; 2], "no run came to its end");
    assert_eq!(house.texts(), 1);
    assert_eq!(house.gate.snapshot().await.unwrap().spent, house.cost());
    assert!(house.accepts(&grant, &house.last_code()).await);
}

#[tokio::test]
async fn controls_are_changed_whole_or_not_at_all() {
    use otpgate::access::{Actor, Effect, Reason, Target};
    let mut finished = false;
    for times in 0..MOST {
        let house = slow(times as u64);
        let (reason, actor) = (Reason::new("incident").unwrap(), Actor::new("ada").unwrap());
        let controls = house.gate.controls();
        let entered =
            abandon(controls.enter(Target::Everything, Effect::SmsOff, reason, actor, None), times);
        finished |= entered.is_some();
        let entries = controls.list().await.unwrap().len();
        let sent = house.try_send(ALICE, &house.client).await;
        assert_eq!(matches!(sent, otpgate::Sent::Refused(_)), entries == 1, "{times} polls");
    }
    assert!(finished, "no run came to its end");
}
