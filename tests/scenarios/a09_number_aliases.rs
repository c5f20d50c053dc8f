//! A9: sixteen spellings of one number.

use otpgate::access::{Actor, DestinationPolicy, Effect, Reason, Target};
use otpgate::pumping::{BlockLevel, NodeId};
use otpgate::recipient::LineType;
use otpgate::{Cleared, LimitName, Purpose, Recipient, RefusalReason, Region, Sent};

use crate::support::{House, client, minutes, seconds, small};

const SPELLINGS: [&str; 16] = [
    "+8613800138000",
    "8613800138000",
    "008613800138000",
    "+86 13800138000",
    "+86-138-0013-8000",
    "+86(138)00138000",
    "＋８６１３８００１３８０００",
    "+٨٦١٣٨٠٠١٣٨٠٠٠",
    "+8613800138000;ext=1",
    "+8613800138000#",
    "+86013800138000",
    "+8613800138000 ",
    "\u{200e}+8613800138000",
    "+086 13800138000",
    "tel:+86-138-00138000",
    "+86138OO138OOO",
];

#[tokio::test]
async fn they_are_one_line_or_none() {
    for home in [None, Some("CN".parse::<Region>().unwrap())] {
        let house = House::lab(small());
        let mut read = 0;
        for (index, spelling) in (10..).zip(SPELLINGS) {
            let Ok(recipient) = Recipient::parse(spelling, home) else { continue };
            read += 1;
            let who = client(index);
            let ticket = house.gate.preflight(&Purpose::SIGN_UP, &who).unwrap();
            let proof = ticket.answer(spelling).unwrap();
            let _ = house.gate.request(&proof, &recipient, &Purpose::SIGN_UP, &who).await.unwrap();
        }
        assert!(read >= 4, "hardly any spelling was read: {read}");
        house.outbox.expect_order(&["+8613800138000"]);
    }
}

/// Guesses count for the line, however it was spelled when the code was asked for.
#[tokio::test]
async fn dialling_variants_of_one_line_share_their_limits() {
    for (one, other) in [
        ("+5215512345678", "+525512345678"),
        ("+5491123456789", "+541123456789"),
        ("+970599123456", "+972599123456"),
        ("+24166111111", "+24106111111"),
        ("+24177280150", "+2417280150"),
        ("+220833142175", "+2203142175"),
        ("+220877012345", "+2207012345"),
        ("+220899123456", "+2209123456"),
        ("+231555123456", "+2315123456"),
        ("+252634046848", "+25224046848"),
    ] {
        // In Argentina the other spelling has the form of a landline.
        let everything = DestinationPolicy::only(Region::all()).also([LineType::FixedLine]);
        let house = House::lab_with(|builder| builder.destinations(everything.unwrap()));
        assert!(matches!(house.try_send(one, &client(1)).await, Sent::Issued(_)), "{one}");
        let refusal = house.refused(other, &client(2)).await;
        let RefusalReason::Limit(limit) = refusal.reason() else { panic!("{other}: {refusal:?}") };
        assert_eq!(*limit, LimitName::NumberInterval, "{one} and {other} are one line");
        assert_eq!(house.texts(), 1);
    }
}

/// Palestine's mobile networks answer under +972 as well: what is said of their country holds for both
/// spellings, and the detector knows one line.
#[tokio::test]
async fn a_second_spelling_is_in_the_same_country() {
    const DIALLED: [&str; 2] = ["+970599123456", "+972599123457"];
    let node = NodeId::region(BlockLevel::Country, *b"PS");
    let house = House::lab(small());
    for (number, who) in DIALLED.into_iter().zip([client(1), client(2)]) {
        drop(house.send_to(number, &who).await);
        house.clock.advance(seconds(40));
    }
    assert!(house.gate.detector_node(node).is_some(), "the detector knows their country");
    let israel = NodeId::region(BlockLevel::Country, *b"IL");
    assert!(house.gate.detector_node(israel).is_none(), "and no other");

    let (why, ada) = (Reason::new("a test").unwrap(), Actor::new("ada").unwrap());
    let palestine = Target::Country("PS".parse().unwrap());
    house.gate.controls().enter(palestine, Effect::CountryOff, why, ada, None).await.unwrap();
    house.clock.advance(minutes(5));
    for (number, who) in DIALLED.into_iter().zip([client(4), client(5)]) {
        assert!(matches!(house.try_send(number, &who).await, Sent::Refused(_)), "{number}");
    }

    let israel_only = House::with(|builder| {
        builder.destinations(DestinationPolicy::only(["IL".parse().unwrap()]))
    });
    let proof = israel_only.clear(DIALLED[1], &Purpose::SIGN_UP, &client(6)).await;
    assert!(matches!(proof, Cleared::Refused(_)), "{proof:?}");
    let own = israel_only.clear("+972502345678", &Purpose::SIGN_UP, &client(6)).await;
    assert!(!matches!(own, Cleared::Refused(_)), "{own:?}");
}

/// What an operator says of a range holds for its lines, in whichever spelling either is written: a bill
/// names the number that was dialled, the next bot dials the other one.
#[tokio::test]
async fn a_range_is_blocked_in_every_spelling() {
    for (range, dialled) in [
        ("+541123", "+5491123456789"),
        ("+5491123", "+541123456789"),
        ("+97259", "+970599123456"),
        ("+97059", "+972599123456"),
        ("+24172", "+24177280150"),
        ("+52155", "+525512345678"),
    ] {
        let everything = DestinationPolicy::only(Region::all()).also([LineType::FixedLine]);
        let house = House::lab_with(|builder| builder.destinations(everything.unwrap()));
        let (why, ada) = (Reason::new("a test").unwrap(), Actor::new("ada").unwrap());
        let range = Target::Prefix(range.parse().unwrap());
        house.gate.controls().enter(range, Effect::Block, why, ada, None).await.unwrap();
        let refused = house.try_send(dialled, &client(1)).await;
        assert!(matches!(refused, Sent::Refused(_)), "{range:?}: {dialled}");
    }
}
