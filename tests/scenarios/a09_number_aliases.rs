//! A9: sixteen spellings of one number.

use otpgate::access::DestinationPolicy;
use otpgate::recipient::LineType;
use otpgate::{LimitName, Purpose, Recipient, RefusalReason, Region, Sent};

use crate::support::{House, client, small};

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
