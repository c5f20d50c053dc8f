//! A21: the future is dropped at each of its awaits.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use async_trait::async_trait;
use otpgate::testing::{Latency, Reply, ScriptedTransport, pauses};
use otpgate::transport::{Handoff, HandoffError, OutboundSms};
use otpgate::{Money, SmsTransport, Verified};

use crate::support::{ALICE, House, client, hours, off_by, seconds, small};

/// Polls `future` `times` times and drops it; its output if it was quicker.
fn abandon<F: Future>(future: F, times: usize) -> Option<F::Output> {
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

fn slow(seed: u64) -> House {
    let (transport, outbox) = ScriptedTransport::new();
    let mut house = House::lab_with(|builder| {
        builder.store(Latency::new(small(), 3, seed)).transport(Slow(transport.clone()))
    });
    house.outbox = outbox;
    house.carrier = transport;
    house
}

/// More polls than any future here takes.
const MOST: usize = 80;

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
    for times in 0..MOST {
        let house = slow(times as u64);
        let grant = house.send(ALICE).await.into_grant();
        let first = house.last_code();
        assert!(!house.accepts(&grant, &off_by(&first, 1)).await);
        house.clock.advance(seconds(30));
        let _ = abandon(house.gate.resend(&grant, &house.client), times);
        assert!(house.texts() <= 2);
        assert!(house.gate.snapshot().await.unwrap().spent >= house.cost());
        let entry = house.gate.entry(&grant, &house.client).await.unwrap();
        let otpgate::Entry::Open(view) = entry else { panic!("closed") };
        assert_eq!(view.attempts_left(), 4);
        assert!(house.accepts(&grant, &first).await, "dropped after {times} polls");
    }
}

#[tokio::test]
async fn verify_accepts_at_most_once_and_forgets_no_attempt() {
    for times in 0..MOST {
        let house = slow(times as u64);
        let grant = house.send(ALICE).await.into_grant();
        let code = house.last_code();
        let first = abandon(house.gate.verify(&grant, &code, &house.client), times);
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
            let _ = abandon(house.gate.verify(&grant, &wrong, &house.client), times);
        }
        // At most four attempts are gone, whenever the four were dropped, so the code is good; and
        // whoever saw an answer paid for it.
        let entry = house.gate.entry(&grant, &house.client).await.unwrap();
        let otpgate::Entry::Open(view) = entry else { panic!("closed") };
        let seen = u32::try_from(house.log.compared()).unwrap();
        assert!(view.attempts_left() <= 5 - seen);
        assert!(house.accepts(&grant, &code).await);
    }
}

#[tokio::test]
async fn clear_and_entry_change_nothing_at_all() {
    let house = slow(1);
    let grant = house.send(ALICE).await.into_grant();
    for times in 0..20 {
        let _ = abandon(house.gate.entry(&grant, &house.client), times);
        let ticket = house.gate.preflight(&otpgate::Purpose::LOG_IN, &house.client).unwrap();
        let proof = otpgate::token::answer(ticket.as_str(), ALICE).unwrap();
        let number = crate::support::recipient(ALICE);
        let purpose = otpgate::Purpose::LOG_IN;
        let _ = abandon(house.gate.clear(&proof, &number, &purpose, &house.client), times);
    }
    assert_eq!(house.texts(), 1);
    assert_eq!(house.gate.snapshot().await.unwrap().spent, house.cost());
    assert!(house.accepts(&grant, &house.last_code()).await);
}

#[tokio::test]
async fn controls_are_changed_whole_or_not_at_all() {
    use otpgate::access::{Actor, Effect, Reason, Target};
    for times in 0..MOST {
        let house = slow(times as u64);
        let (reason, actor) = (Reason::new("incident").unwrap(), Actor::new("ada").unwrap());
        let controls = house.gate.controls();
        let _ = abandon(
            controls.enter(Target::Everything, Effect::SmsOff, reason, actor, None),
            times,
        );
        let entries = controls.list().await.unwrap().len();
        let sent = house.try_send(ALICE, &house.client).await;
        assert_eq!(matches!(sent, otpgate::Sent::Refused(_)), entries == 1, "{times} polls");
    }
}
