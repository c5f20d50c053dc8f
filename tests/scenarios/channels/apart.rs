//! What is a channel's own: its price, and what its provider says of a number.

use otpgate::LimitName;
use otpgate::transport::NumberFault;

use super::*;
use crate::receipts::one;

/// The cheap text lets the number in; the call is judged by its own price.
#[tokio::test]
async fn no_channel_carries_a_message_dearer_than_the_dearest_allowed() {
    let (calls, heard) = ScriptedTransport::new();
    let mut policy = quick(Policy::default());
    policy.fallback.steps = vec![step(Channel::Voice)];
    policy.budget.message = Money::cents(20);
    let at = |price| PriceTable::builtin().with(*b"DE", Money::cents(price));
    let voice = FallbackChannel::new(Channel::Voice, calls, words(), at(30));
    let house = House::lab_with(|builder| builder.policy(policy).prices(at(2)).fallback(voice));
    let called = Called { house, heard };
    let grant = called.house.send(ALICE).await.into_grant();
    called.house.clock.advance(minutes(1));
    let refusal = called.no_call(&grant).await;
    assert_eq!(*refusal.reason(), RefusalReason::Budget(LimitName::Message));
    assert_eq!((called.heard.handed_off(), called.spent().await), (0, Money::cents(2)));
    let again = called.resend(&grant, &called.house.client).await;
    assert!(matches!(again, Sent::Issued(_)), "a text may still follow: {again:?}");
}

/// A house that has texted Alice and now calls her, or mails her.
async fn reached_over(channel: Channel) -> (Called, EntryGrant) {
    let (transport, heard) = ScriptedTransport::new();
    let mut policy = quick(Policy::default());
    policy.fallback.steps = vec![step(channel)];
    policy.fallback.email_danger = channel == Channel::Email;
    let other = FallbackChannel::new(channel, transport, words(), prices());
    let house = House::lab_with(|builder| builder.policy(policy).fallback(other));
    let called = Called { house, heard };
    let grant = called.house.send(ALICE).await.into_grant();
    called.house.clock.advance(minutes(1));
    (called, grant)
}

/// How many texts another visit brings Alice, an hour later.
async fn another_text(called: &Called) -> usize {
    let before = called.house.texts();
    called.house.clock.advance(hours(1));
    let _answered = called.house.send_to(ALICE, &client(2)).await;
    called.house.texts() - before
}

fn faults(called: &Called) -> usize {
    called.house.log.count(|kind| matches!(kind, EventKind::NumberFault { .. }))
}

const OTHERS: [Channel; 2] = [Channel::Voice, Channel::Email];

/// A number that takes no calls may take texts, and so may one whose owner refuses e-mail.
#[tokio::test]
async fn what_another_channels_provider_refuses_says_nothing_of_texts() {
    for channel in OTHERS {
        let (called, grant) = reached_over(channel).await;
        called.heard.reply(Reply::Reported(NumberFault::Disconnected));
        let sent = called.over(&grant, channel).await;
        let Sent::Refused(refusal) = sent else { panic!("{channel}: {sent:?}") };
        assert_eq!(*refusal.reason(), RefusalReason::NumberRefused, "{channel}");
        assert_eq!((faults(&called), another_text(&called).await), (0, 1), "{channel}");
    }
    // Of a text the same word holds.
    let (called, grant) = reached_over(Channel::Voice).await;
    called.house.outbox.reply(Reply::Reported(NumberFault::Disconnected));
    let _refused = called.resend(&grant, &called.house.client).await;
    assert_eq!((faults(&called), another_text(&called).await), (1, 0));
}

#[tokio::test]
async fn what_a_receipt_says_of_another_channels_message_says_nothing_of_texts() {
    for channel in OTHERS {
        let (called, grant) = reached_over(channel).await;
        let sent = called.over(&grant, channel).await;
        assert!(matches!(sent, Sent::Issued(_)), "{channel}: {sent:?}");
        let key = called.heard.sent().pop().unwrap().callback_key().to_owned();
        let line = format!("undelivered {key} 1 fault=opted-out");
        assert_eq!(one(&called.house, &line).await, ReceiptOutcome::Applied, "{channel}");
        assert_eq!((faults(&called), another_text(&called).await), (0, 1), "{channel}");
    }
    let (called, _grant) = reached_over(Channel::Voice).await;
    let line = format!("undelivered {} 1 fault=opted-out", crate::receipts::key(&called.house));
    assert_eq!(one(&called.house, &line).await, ReceiptOutcome::Applied);
    assert_eq!((faults(&called), another_text(&called).await), (1, 0), "of a text");
}
