//! Texts of several segments: providers bill each of them, so each is reserved.

use std::num::NonZeroU8;

use otpgate::message::{Language, Messages, Template};

use super::*;

/// What a segment to Germany costs here.
const PRICE: Money = Money::cents(10);

/// Texts of three segments.
pub(crate) fn wordy() -> MessageFormat {
    let words = format!("{{code}} {}", "and so on ".repeat(32));
    let text = Template::compile(&words).unwrap();
    let messages = Messages::new(Language::new("en").unwrap(), text).unwrap();
    let format = MessageFormat::builder("Example").messages(messages);
    format.max_segments(NonZeroU8::new(3).unwrap()).build().unwrap()
}

fn house(daily: Money, dearest: Money) -> House {
    let mut policy = quick(Policy::default());
    policy.budget.message = dearest;
    House::lab_with(|builder| {
        let prices = PriceTable::builtin().with(*b"DE", PRICE);
        builder.policy(policy).message(wordy()).prices(prices).daily_budget(daily)
    })
}

async fn spent(house: &House) -> Money {
    house.gate.snapshot().await.unwrap().spent
}

#[tokio::test]
async fn every_segment_of_a_text_is_reserved() {
    let house = house(Money::dollars(10), Money::cents(50));
    let grant = house.send_to(&german(1), &client(1)).await.into_grant();
    let segments = house.outbox.delivered()[0].segments();
    assert_eq!((segments, spent(&house).await), (3, PRICE.times(3)));
    house.clock.advance(minutes(1));
    let again = house.gate.resend(&grant, &client(1)).await.unwrap();
    assert!(matches!(again, Sent::Issued(_)), "{again:?}");
    assert_eq!(spent(&house).await, PRICE.times(6), "and of its renewal");
    let told = |kind: &EventKind| match kind {
        EventKind::Sent { price, segments, .. } => (*price, *segments) == (PRICE.times(3), 3),
        _ => false,
    };
    assert_eq!(house.log.count(told), 2);
}

#[tokio::test]
async fn a_budget_of_one_and_a_half_such_texts_is_one_text() {
    let house = house(Money::cents(45), Money::cents(30));
    assert!(matches!(house.try_send(&german(1), &client(1)).await, Sent::Issued(_)));
    let sent = house.insist(&german(2), &Purpose::SIGN_UP, &client(2)).await;
    let Sent::Refused(refusal) = sent else { panic!("{sent:?}") };
    assert_eq!(*refusal.reason(), RefusalReason::Budget(LimitName::Realm));
    assert_eq!((house.texts(), spent(&house).await), (1, Money::cents(30)));
}

/// One segment may be sent at this price, and three are not.
#[tokio::test]
async fn the_dearest_message_allowed_is_compared_with_all_its_segments() {
    for (dearest, texts) in [(29, 0), (30, 1)] {
        let house = house(Money::dollars(10), Money::cents(dearest));
        let sent = house.try_send(&german(1), &client(1)).await;
        match sent {
            Sent::Refused(refusal) => {
                assert_eq!(*refusal.reason(), RefusalReason::Budget(LimitName::Message));
            }
            other => assert!(matches!(other, Sent::Issued(_)), "{other:?}"),
        }
        assert_eq!(house.outbox.handed_off(), texts, "{dearest} cents");
        assert_eq!(spent(&house).await, PRICE.times(3 * texts as u64), "{dearest} cents");
    }
}
