//! A21, continued: decoys, sends for callers, authenticator codes, and what operators do.

use otpgate::access::{Actor, CallerId, CallerKey, CallerRequest, CallerRule, CallerRules};
use otpgate::access::{Effect, Network, Reason, Target};
use otpgate::testing::{Latency, Reply};
use otpgate::{Cleared, Clock, Money, Purpose, Sent, SystemEntropy};

use crate::a21_cancel_everywhere::{MOST, abandon, slow};
use crate::support::{
    ALICE, BOB, House, client, days, hours, keys, memory, off_by, recipient, seconds,
};

fn ada() -> Actor {
    Actor::new("ada").unwrap()
}

#[tokio::test]
async fn a_decoy_sends_nothing_and_keeps_the_interval_it_charged() {
    let mut finished = false;
    for times in 0..MOST {
        let house = slow(times as u64);
        let clearance = house.clearance(ALICE).await;
        let done = abandon(house.gate.decoy(clearance), times).is_some();
        finished |= done;
        assert_eq!(house.outbox.handed_off(), 0);
        assert_eq!(house.gate.snapshot().await.unwrap().spent, Money::ZERO);
        let again = house.try_send(ALICE, &client(2)).await;
        assert!(!done || matches!(again, Sent::Refused(_)), "{times} polls: {again:?}");
        house.clock.advance(hours(1));
        let grant = house.send_to(ALICE, &client(3)).await.into_grant();
        assert!(house.accepts_from(&grant, &house.last_code(), &client(3)).await);
    }
    assert!(finished, "no run came to its end");
}

#[tokio::test]
async fn a_callers_send_is_sent_once_and_charged_for() {
    let network: Network = "10.1.0.0/16".parse().unwrap();
    let id = CallerId::new("billing").unwrap();
    let mut finished = false;
    for times in 0..MOST {
        for reply in [Reply::Accept, Reply::NotSent, Reply::LostAnswer] {
            let callers = CallerRules::new("otp").allow(CallerRule::new(id.clone(), [network]));
            let house = House::lab_with(|builder| {
                builder.store(Latency::new(memory(), 3, times as u64)).callers(callers)
            });
            let now = house.clock.now();
            let key = CallerKey::mint(&id, "otp", now + days(1), &keys(), now).unwrap();
            let number = recipient(ALICE);
            let request =
                CallerRequest { realm: "default", purpose: "payment", recipient: &number };
            let signed = key.sign(&request, &SystemEntropy, now).unwrap();
            house.outbox.reply(reply);
            let clear = || {
                let peer = "10.1.2.3".parse().unwrap();
                match house
                    .gate
                    .authorise(
                        &signed,
                        &number,
                        &Purpose::PAYMENT,
                        &otpgate::access::ClientIp::from_peer(peer),
                    )
                    .unwrap()
                {
                    Cleared::Passed(clearance) => clearance,
                    other => panic!("not cleared: {other:?}"),
                }
            };
            finished |= abandon(house.gate.issue(clear()), times).is_some();
            assert!(house.texts() <= 1);
            assert!(house.gate.snapshot().await.unwrap().spent >= house.cost(), "{times} polls");
            // The request counts once: repeated, it sends at most what was not sent.
            let before = house.outbox.handed_off();
            house.outbox.clear();
            let again = house.gate.issue(clear()).await.unwrap();
            assert!(before == 0 || !matches!(again, Sent::Issued(_)), "{times} polls: {again:?}");
        }
    }
    assert!(finished, "no run came to its end");
}

#[cfg(feature = "totp")]
#[tokio::test]
async fn an_authenticator_code_is_accepted_at_most_once() {
    use crate::authenticator::{app_code, enters, wrong_code};
    let mut finished = false;
    for times in 0..MOST {
        let house = slow(times as u64);
        let code = app_code(&house);
        let first = abandon(enters(&house, "ada", &code, &client(1)), times);
        finished |= first.is_some();
        let mut accepted = u32::from(first == Some(true));
        for _ in 0..2 {
            accepted += u32::from(enters(&house, "ada", &code, &client(1)).await);
        }
        assert!(accepted <= 1, "{times} polls");
        // A wrong one, given up at any moment, shuts nobody out.
        for guess in 0..3 {
            let wrong = wrong_code(&house, guess);
            assert_ne!(abandon(enters(&house, "bob", &wrong, &client(2)), times), Some(true));
        }
        assert!(enters(&house, "bob", &code, &client(3)).await, "{times} polls");
    }
    assert!(finished, "no run came to its end");
}

#[tokio::test]
async fn what_operators_give_up_is_done_or_can_be_repeated() {
    let mut finished = [false; 2];
    for times in 0..MOST {
        let house = slow(times as u64);
        // Wrong codes to forgive, a block to lift.
        for _ in 0..2 {
            let grant = house.send(ALICE).await.into_grant();
            for guess in 1..=5 {
                assert!(!house.accepts(&grant, &off_by(&house.last_code(), guess)).await);
            }
            house.clock.advance(hours(1));
        }
        let controls = house.gate.controls();
        let target = Target::Country("DE".parse().unwrap());
        let why = Reason::new("incident").unwrap();
        let id = controls.enter(target, Effect::Block, why.clone(), ada(), None).await.unwrap();

        finished[0] |= abandon(controls.forgive(&recipient(ALICE), &why, &ada()), times).is_some();
        let done = abandon(controls.lift(id, &ada()), times).is_some();
        finished[1] |= done;

        let lifted = controls.list().await.unwrap().is_empty();
        assert!(lifted || !done, "{times} polls");
        let sent = house.try_send(BOB, &client(2)).await;
        assert_eq!(matches!(sent, Sent::Issued(_)), lifted, "{times} polls");
        assert_eq!(controls.lift(id, &ada()).await.is_err(), lifted, "{times} polls");
        controls.forgive(&recipient(ALICE), &why, &ada()).await.unwrap();
        // No pause is left of the ten wrong codes.
        let grant = house.send(ALICE).await.into_grant();
        assert!(!house.accepts(&grant, &house.wrong_code()).await);
        assert!(house.accepts(&grant, &house.last_code()).await, "{times} polls");
    }
    assert_eq!(finished, [true; 2], "no run came to its end");
}

#[tokio::test]
async fn a_detector_that_is_saved_or_read_by_half_hinders_nobody() {
    let mut finished = [false; 2];
    for times in 0..MOST {
        let house = slow(times as u64);
        let proof = house.prove(ALICE, &house.client).await;
        drop(proof);
        house.clock.advance(seconds(61));
        // It saves page by page.
        finished[0] |= abandon(house.gate.save_detector(), times * 10).is_some();
        house.gate.save_detector().await.unwrap();

        let fresh = slow(times as u64);
        finished[1] |= abandon(fresh.gate.warm_up(), times).is_some();
        fresh.gate.warm_up().await.unwrap();
        for house in [house, fresh] {
            let grant = house.send_to(BOB, &client(2)).await.into_grant();
            assert!(house.accepts_from(&grant, &house.last_code(), &client(2)).await);
        }
    }
    assert_eq!(finished, [true; 2], "no run came to its end");
}
