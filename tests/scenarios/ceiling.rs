//! The ceiling of the destinations, judged by what the whole message costs.

use std::num::NonZeroU8;

use otpgate::access::{DestinationPolicy, DestinationRefusal};
use otpgate::message::{Language, MessageFormat, Messages, Template};
use otpgate::otp::Binding;
use otpgate::policy::FallbackStep;
use otpgate::pumping::PriceTable;
use otpgate::testing::ScriptedTransport;
use otpgate::{
    Channel, Entry, FallbackChannel, GateBuilder, Money, Policy, RefusalReason, Region, Sent,
};

use crate::support::{ALICE, House, client, minutes, quick, small};

/// A mobile number of Syria, which the built-in table does not list.
const SYRIA: &str = "+963944567890";
const BRITAIN: &str = "+447400123456";

fn everywhere(cents: u64, change: impl FnOnce(GateBuilder) -> GateBuilder) -> House {
    let destinations = DestinationPolicy::everywhere_danger(Money::cents(cents));
    House::lab_with(|builder| change(builder.destinations(destinations)))
}

/// The refusal of a ceiling, with the price that was compared.
fn too_dear(cents: u64, micro: u64) -> RefusalReason {
    let (price, ceiling) = (Money::microdollars(micro), Money::cents(cents));
    RefusalReason::Destination(DestinationRefusal::Price { price, ceiling })
}

/// What the table guesses for countries it does not list is no price: lists name more than three times as much.
#[tokio::test]
async fn a_country_whose_price_nobody_named_is_refused_under_a_ceiling() {
    let unknown = RefusalReason::Destination(DestinationRefusal::PriceUnknown);
    let house = everywhere(20, |builder| builder);
    assert_eq!(house.refused(SYRIA, &house.client).await.reason(), &unknown);
    assert_eq!(house.texts(), 0);
    let _ = house.send(BRITAIN).await;

    let named = |prices: PriceTable| everywhere(20, |builder| builder.prices(prices));
    let dear = named(PriceTable::builtin().with(*b"SY", Money::cents(50)));
    assert_eq!(dear.refused(SYRIA, &dear.client).await.reason(), &too_dear(20, 500_000));
    for known in [
        PriceTable::builtin().with(*b"SY", Money::cents(15)),
        PriceTable::builtin().with_fallback(Money::cents(15)),
    ] {
        let _ = named(known).send(SYRIA).await;
    }
    // Without a ceiling nobody asks.
    let _ = House::lab(small()).send(SYRIA).await;
}

#[tokio::test]
async fn a_text_of_two_segments_costs_two() {
    let words = "{code} is your {brand} code. ".to_owned() + &"Tell it to nobody. ".repeat(8);
    let english = Language::new("en").unwrap();
    let messages = Messages::new(english, Template::compile(&words).unwrap()).unwrap();
    let format = || {
        let format = MessageFormat::builder("Example").messages(messages.clone());
        format.max_segments(NonZeroU8::new(2).unwrap()).build().unwrap()
    };
    let house = everywhere(5, |builder| builder.message(format()));
    let refusal = house.refused(BRITAIN, &house.client).await;
    assert_eq!(refusal.reason(), &too_dear(5, 92_800));
    assert_eq!((house.texts(), house.gate.snapshot().await.unwrap().spent), (0, Money::ZERO));
    let _ = everywhere(10, |builder| builder.message(format())).send(BRITAIN).await;
}

/// A gate with calls at 30 cents beside texts at two, and a ceiling of `cents`.
fn called(cents: u64, change: impl FnOnce(&mut FallbackStep)) -> House {
    let (calls, _) = ScriptedTransport::new();
    let price = |cents| PriceTable::builtin().with(*b"DE", Money::cents(cents));
    let words = MessageFormat::builder("Example").build().unwrap();
    let mut policy = quick(Policy::default());
    let mut step = FallbackStep::new(Channel::Sms, Channel::Voice);
    change(&mut step);
    policy.fallback.steps = vec![step];
    let voice = FallbackChannel::new(Channel::Voice, calls, words, price(30));
    let destinations = DestinationPolicy::only([Region::DE]).up_to(Money::cents(cents));
    House::lab_with(|builder| {
        let builder = builder.destinations(destinations).prices(price(2));
        builder.policy(policy).fallback(voice)
    })
}

#[tokio::test]
async fn a_call_is_judged_by_its_own_price_and_not_offered_above_the_ceiling() {
    for (cents, goes) in [(5, false), (30, true)] {
        let house = called(cents, |_| {});
        let grant = house.send(ALICE).await.into_grant();
        house.clock.advance(minutes(1));
        let Entry::Open(view) = house.gate.entry(&grant, &house.client).await.unwrap() else {
            panic!("shut")
        };
        assert_eq!(view.channels().len(), usize::from(goes));
        let none = Binding::none();
        let over = house.gate.resend_over(&grant, Channel::Voice, &none, &house.client);
        match over.await.unwrap() {
            Sent::Issued(issued) => assert!(goes, "{issued:?}"),
            Sent::Refused(refusal) => {
                assert_eq!((refusal.reason(), goes), (&too_dear(5, 300_000), false));
            }
            other => panic!("{other:?}"),
        }
    }
}

/// A refusal in place of the next text would tell that the network did not deliver the one before.
#[tokio::test]
async fn an_undelivered_text_is_followed_by_a_text_where_a_call_is_too_dear() {
    for (cents, channel) in [(5, Channel::Sms), (30, Channel::Voice)] {
        let house = called(cents, |step| step.undelivered = true);
        let issued = house.send_to(ALICE, &client(2)).await;
        assert!(house.gate.undelivered(issued.record()).await.unwrap().is_ok());
        house.clock.advance(minutes(1));
        let again = house.gate.resend(issued.grant(), &client(2)).await.unwrap();
        let Sent::Issued(again) = again else { panic!("{again:?}") };
        assert_eq!(again.channel(), channel, "ceiling of {cents}");
    }
}
