//! Quiet refusal: whoever pumps sees texts go out, and none does.

use otpgate::access::{Actor, Effect, Reason, Target};
use otpgate::{
    ClientContext, Entry, EventKind, Issued, Money, Policy, Purpose, RefusalReason, Sent,
};

use crate::support::{
    ALICE, House, client, days, grown, hours, quick, seconds, without_group_limits,
};

/// A house without a human check whose detector is awake; what it would ask of a client is a refusal.
fn house(quiet: bool) -> House {
    let mut policy = without_group_limits(quick(Policy::default()));
    policy.mode.quiet = quiet;
    House::with(|builder| builder.policy(policy).tuning(grown()))
}

/// The `index`th number of a block of 10 000.
fn pumped(index: u32) -> String {
    format!("+998941{:06}", 230_000 + index)
}

/// Sixty numbers of one block, five seconds apart, and nobody enters a code.
async fn pump(house: &House) -> Vec<(Sent, ClientContext)> {
    let mut all = Vec::new();
    for index in 0..60 {
        let who = client(1_000 + index * 3);
        // Harder work is asked of anybody when many codes are out, and done.
        all.push((house.insist(&pumped(index), &Purpose::SIGN_UP, &who).await, who));
        house.clock.advance(seconds(5));
    }
    all
}

fn quietly(house: &House) -> usize {
    house.log.count(|kind| matches!(kind, EventKind::QuietlyRefused { .. }))
}

#[tokio::test]
async fn every_answer_is_that_of_a_sent_text() {
    let loud = house(false);
    let refused = pump(&loud).await.into_iter().filter(|(sent, _)| {
        matches!(sent, Sent::Refused(it) if matches!(it.reason(), RefusalReason::Pumping(_)))
    });
    let refused = refused.count();
    assert!(refused > 10, "no attack that the detector refuses: {refused}");

    let house = house(true);
    let answers: Vec<(Issued, ClientContext)> = pump(&house)
        .await
        .into_iter()
        .map(|(sent, who)| match sent {
            Sent::Issued(issued) => (issued, who),
            other => panic!("an answer that tells: {other:?}"),
        })
        .collect();
    // The observer knows, and neither the carrier nor the budget has anything to do with it.
    assert_eq!(quietly(&house), refused);
    assert_eq!(house.outbox.handed_off(), 60 - refused);
    let spent = house.gate.snapshot().await.unwrap().spent;
    let each = spent.as_microdollars() / (60 - refused as u64);
    assert_eq!(spent, Money::microdollars(each * (60 - refused as u64)));
    assert!(each > 0);

    // The first was sent and the last was not: nothing in the answers differs.
    let (first, last) = (&answers[0].0, &answers[59].0);
    assert_eq!(first.resend_after(), last.resend_after());
    assert_eq!(first.confirmed(), last.confirmed());
    assert_eq!(first.grant().as_str().len(), last.grant().as_str().len());
}

#[tokio::test]
async fn the_code_page_and_another_code_go_on_as_usual_and_no_code_is_right() {
    let house = house(true);
    let (sent, who) = pump(&house).await.pop().unwrap();
    let Sent::Issued(issued) = sent else { panic!("{sent:?}") };
    let handed_off = house.outbox.handed_off();
    let grant = issued.into_grant();
    let Entry::Open(view) = house.gate.entry(&grant, &who).await.unwrap() else { panic!() };
    assert_eq!(view.attempts_left(), 5);
    // The interval holds as for a text.
    assert!(matches!(house.gate.resend(&grant, &who).await.unwrap(), Sent::Refused(_)));
    house.clock.advance(seconds(31));
    assert!(matches!(house.gate.resend(&grant, &who).await.unwrap(), Sent::Issued(_)));
    for guess in ["000000", "123456", "999999", "424242"] {
        assert!(!house.accepts_from(&grant, guess, &who).await);
    }
    let Entry::Open(view) = house.gate.entry(&grant, &who).await.unwrap() else { panic!() };
    assert_eq!(view.attempts_left(), 1);
    assert_eq!(house.outbox.handed_off(), handed_off);
}

/// A number that verified before is never refused by the detector, so it is not refused quietly.
#[tokio::test]
async fn known_numbers_get_their_texts() {
    let house = house(true);
    let owner = client(7);
    drop(house.prove(&pumped(30), &owner).await);
    house.clock.advance(days(4));
    let mut seen = Vec::new();
    for index in (0..60).filter(|index| *index != 30) {
        let who = client(1_000 + index * 3);
        seen.push(house.try_send(&pumped(index), &who).await);
        house.clock.advance(seconds(5));
    }
    assert!(quietly(&house) > 10);
    let before = house.outbox.handed_off();
    let sent = house.try_send_for(&pumped(30), &Purpose::LOG_IN, &owner).await;
    let Sent::Issued(issued) = sent else { panic!("{sent:?}") };
    assert_eq!(house.outbox.handed_off(), before + 1);
    assert!(house.accepts_from(issued.grant(), &house.last_code(), &owner).await);
}

/// A text that the carrier is slow with is its owner's, however often he asks for another one
/// meanwhile.
#[tokio::test]
async fn a_text_that_went_out_stays_good_beside_any_number_that_are_withheld() {
    for real_again in [false, true] {
        let house = house(true);
        let who = client(3);
        let grant = house.send_to(ALICE, &who).await.into_grant();
        let (first, sent) = (house.last_code(), house.outbox.handed_off());
        let (controls, all) = (house.gate.controls(), Target::Everything);
        let (why, ada) = (Reason::new("an attack").unwrap(), Actor::new("ada").unwrap());
        let id =
            controls.enter(all, Effect::KnownNumbersOnly, why, ada.clone(), None).await.unwrap();
        let again = async |after| {
            house.clock.advance(seconds(after));
            let sent = house.gate.resend(&grant, &who).await.unwrap();
            assert!(matches!(sent, Sent::Issued(_)), "{sent:?}");
        };
        again(31).await;
        again(61).await;
        assert_eq!(house.outbox.handed_off(), sent, "both were withheld");
        if real_again {
            // Of three texts, as he was told, the last two are good: his third goes out.
            controls.lift(id, &ada).await.unwrap();
            again(121).await;
            assert_eq!(house.outbox.handed_off(), sent + 1);
            assert!(house.accepts_from(&grant, &house.last_code(), &who).await);
        } else {
            assert!(house.accepts_from(&grant, &first, &who).await);
        }
    }
}

/// Decoys of the host's own and quiet refusals cost the budget nothing, however often they are had.
#[tokio::test]
async fn what_is_not_sent_is_not_paid() {
    let house = House::lab(crate::support::small());
    let before = house.gate.snapshot().await.unwrap().spent;
    for index in 0..20 {
        let who = client(2_000 + index);
        let clearance =
            house.clearance_of(&crate::support::german(index.into()), &Purpose::RESET, &who).await;
        assert!(matches!(house.gate.decoy(clearance).await.unwrap(), Sent::Issued(_)));
        house.clock.advance(seconds(40));
    }
    assert_eq!(house.gate.snapshot().await.unwrap().spent, before);
}

/// Known from three days after it was verified, as where refusals may be seen.
#[tokio::test]
async fn a_number_that_is_not_yet_known_gets_no_text() {
    let house = House::lab(crate::support::small());
    drop(house.prove(ALICE, &client(1)).await);
    let (why, ada) = (Reason::new("an attack").unwrap(), Actor::new("ada").unwrap());
    let (controls, all) = (house.gate.controls(), Target::Everything);
    controls.enter(all, Effect::KnownNumbersOnly, why, ada, None).await.unwrap();
    house.clock.advance(hours(71));
    let _answered = house.send_to(ALICE, &client(2)).await;
    assert_eq!((house.texts(), quietly(&house)), (1, 1));
    house.clock.advance(hours(2));
    let _sent = house.send_to(ALICE, &client(3)).await;
    assert_eq!((house.texts(), quietly(&house)), (2, 1));
}
