//! Other channels: one verification, one set of limits, the channel's own price, and no word to the page
//! of what the network said.

mod apart;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use otpgate::message::MessageFormat;
use otpgate::otp::{Binding, ResendCode};
use otpgate::policy::FallbackStep;
use otpgate::pumping::PriceTable;
use otpgate::store::{
    Admission, Admitted, Redeemed, Redemption, Settlement, StoreError, Tallies, TallyQuery,
};
use otpgate::testing::{Latency, Reply, ScriptedTransport, TransportHandle};
use otpgate::transport::{Receipt, ReceiptError, ReceiptRequest, ReceiptState, ReceiptVerifier};
use otpgate::{
    Channel, ClientContext, Entry, EntryGrant, EventKind, FallbackChannel, Issued, Money, Policy,
    ReceiptOutcome, Refusal, RefusalReason, Sent, Store, Timestamp, Verified,
};
use tokio::sync::Semaphore;

use crate::support::{ALICE, House, client, days, hours, minutes, quick, seconds, small};

/// A house with a voice provider beside its carrier.
pub(crate) struct Called {
    pub(crate) house: House,
    pub(crate) heard: TransportHandle,
}

fn step(to: Channel) -> FallbackStep {
    FallbackStep::new(Channel::Sms, to)
}

fn words() -> MessageFormat {
    MessageFormat::builder("Example").build().unwrap()
}

/// A call to Germany costs two cents, whatever is said.
fn prices() -> PriceTable {
    PriceTable::builtin().with(*b"DE", otpgate::Money::microdollars(20_000))
}

pub(crate) fn called(change: impl FnOnce(&mut Policy)) -> Called {
    let (calls, heard) = ScriptedTransport::new();
    let mut policy = quick(Policy::default());
    policy.fallback.steps = vec![step(Channel::Voice)];
    change(&mut policy);
    let voice = FallbackChannel::new(Channel::Voice, calls, words(), prices());
    let house = House::lab_with(|builder| builder.store(small()).policy(policy).fallback(voice));
    Called { house, heard }
}

impl Called {
    async fn over(&self, grant: &EntryGrant, channel: Channel) -> Sent {
        let binding = Binding::none();
        self.house.gate.resend_over(grant, channel, &binding, &self.house.client).await.unwrap()
    }

    pub(crate) async fn call(&self, grant: &EntryGrant) -> Issued {
        match self.over(grant, Channel::Voice).await {
            Sent::Issued(issued) => issued,
            other => panic!("not called: {other:?}"),
        }
    }

    async fn no_call(&self, grant: &EntryGrant) -> Refusal {
        match self.over(grant, Channel::Voice).await {
            Sent::Refused(refusal) => refusal,
            other => panic!("called: {other:?}"),
        }
    }

    async fn resend(&self, grant: &EntryGrant, from: &ClientContext) -> Sent {
        self.house.gate.resend(grant, from).await.unwrap()
    }

    pub(crate) fn spoken(&self) -> String {
        self.heard.delivered().last().and_then(otpgate::testing::SentText::code).unwrap()
    }

    async fn spent(&self) -> Money {
        self.house.gate.snapshot().await.unwrap().spent
    }
}

#[tokio::test]
async fn the_page_may_ask_for_a_call_after_the_time_and_is_told_the_truth() {
    let called = called(|_| {});
    let house = &called.house;
    let first = house.send(ALICE).await;
    assert_eq!(first.channel(), Channel::Sms);
    let (record, grant) = (first.record().clone(), first.into_grant());
    let text = called.spent().await;
    let refusal = called.no_call(&grant).await;
    let reason = RefusalReason::ChannelNotYet { channel: Channel::Voice };
    assert_eq!((refusal.reason(), refusal.retry_after()), (&reason, Some(seconds(60))));
    let Entry::Open(view) = house.gate.entry(&grant, &house.client).await.unwrap() else {
        panic!()
    };
    let offers: Vec<_> = view.channels().iter().map(|offer| (offer.channel, offer.after)).collect();
    assert_eq!(offers, [(Channel::Voice, seconds(60))]);
    house.clock.advance(seconds(59));
    let _too_soon = called.no_call(&grant).await;
    house.clock.advance(seconds(1));
    let issued = called.call(&grant).await;
    assert_eq!(issued.channel(), Channel::Voice);
    assert_ne!(issued.record().as_str(), record.as_str());
    assert_eq!((house.texts(), called.heard.handed_off()), (1, 1));
    // Its own price on the same budget.
    let both = called.spent().await;
    assert_eq!(both.as_microdollars() - text.as_microdollars(), 20_000);
    let by = |wanted| {
        house
            .log
            .count(|kind| matches!(kind, EventKind::Sent { channel, .. } if *channel == wanted))
    };
    assert_eq!((by(Channel::Sms), by(Channel::Voice)), (1, 1));
    // Either code is good: the rule of a resend.
    let verified = house.gate.verify(&grant, &called.spoken(), &house.client).await.unwrap();
    let Verified::Accepted(verification) = verified else { panic!("{verified:?}") };
    assert_eq!(verification.channels(), [Channel::Sms, Channel::Voice]);
    assert_eq!((verification.amr(), verification.out_of_band()), ("otp", true));
}

#[tokio::test]
async fn a_change_keeps_or_voids_the_code_as_a_resend_does() {
    for (resend, kept) in [(ResendCode::KeepPrevious, true), (ResendCode::Replace, false)] {
        let called = called(|policy| policy.code.resend = resend);
        let grant = called.house.send(ALICE).await.into_grant();
        let text = called.house.last_code();
        called.house.clock.advance(minutes(1));
        let _issued = called.call(&grant).await;
        assert_eq!(called.house.accepts(&grant, &text).await, kept, "{resend:?}");
        let spoken = called.spoken();
        assert_eq!(called.house.accepts(&grant, &spoken).await, !kept, "{resend:?}");
    }
}

/// Attempts, interval and quotas are the verification's and the number's, whatever carries the code.
#[tokio::test]
async fn no_change_of_channel_multiplies_a_limit() {
    let plain = House::ruled(|_| {});
    let called = called(|policy| policy.fallback.steps[0].most = 10);
    let mut sent = [0, 0];
    for minute in 0..(24 * 60) {
        if minute % 14 == 0 {
            let from = client(minute + 1);
            for (index, house) in [&plain, &called.house].into_iter().enumerate() {
                let Sent::Issued(issued) = house.try_send(ALICE, &from).await else { continue };
                sent[index] += 1;
                for step in 0..12 {
                    house.clock.advance(minutes(1));
                    let voice = index == 1 && step % 2 == 0;
                    let again = if voice {
                        let none = Binding::none();
                        house.gate.resend_over(issued.grant(), Channel::Voice, &none, &from).await
                    } else {
                        house.gate.resend(issued.grant(), &from).await
                    };
                    sent[index] += u32::from(matches!(again.unwrap(), Sent::Issued(_)));
                }
            }
        }
    }
    let others = called.heard.handed_off();
    assert!(others > 0, "calls were made");
    assert_eq!(called.house.texts() + others, sent[1] as usize);
    assert!(sent[1] <= sent[0], "{sent:?}: more messages in a day than by text alone");

    let called = self::called(|_| {});
    let grant = called.house.send(ALICE).await.into_grant();
    for guess in 0..3 {
        assert!(!called.house.accepts(&grant, &format!("00000{guess}")).await);
    }
    called.house.clock.advance(minutes(1));
    let _issued = called.call(&grant).await;
    for guess in 3..5 {
        assert!(!called.house.accepts(&grant, &format!("00000{guess}")).await);
    }
    let spoken = called.spoken();
    assert!(!called.house.accepts(&grant, &spoken).await, "five attempts over both channels");
}

#[tokio::test]
async fn an_old_grant_buys_no_second_call() {
    let called = called(|_| {});
    let grant = called.house.send(ALICE).await.into_grant();
    called.house.clock.advance(minutes(1));
    let issued = called.call(&grant).await;
    called.house.clock.advance(minutes(3));
    for grant in [&grant, issued.grant()] {
        let refusal = called.no_call(grant).await;
        let reason = RefusalReason::ChannelNotYet { channel: Channel::Voice };
        assert_eq!(refusal.reason(), &reason, "{refusal:?}");
    }
    let again = called.resend(&grant, &called.house.client).await;
    let Sent::Issued(text) = again else { panic!("{again:?}") };
    assert_eq!(text.channel(), Channel::Sms, "a text may always follow");
    assert_eq!(called.heard.handed_off(), 1);
}

/// Two at once: the count is charged with everything else.
#[tokio::test]
async fn two_calls_asked_for_at_once_are_one() {
    let called = called(|policy| {
        policy.interval.ladder.first = seconds(1);
        policy.interval.ladder.longest = seconds(1);
    });
    let grant = called.house.send(ALICE).await.into_grant();
    called.house.clock.advance(minutes(1));
    let (one, two) =
        tokio::join!(called.over(&grant, Channel::Voice), called.over(&grant, Channel::Voice));
    let calls = [one, two].into_iter().filter(|sent| matches!(sent, Sent::Issued(_))).count();
    assert_eq!((calls, called.heard.handed_off()), (1, 1));
}

/// What the network said decides what a resend takes, and nothing that the page can see.
#[tokio::test]
async fn an_undelivered_text_is_followed_by_a_call_and_the_page_cannot_tell() {
    let mut seen = Vec::new();
    for undelivered in [false, true] {
        let called = called(|policy| {
            policy.fallback.steps[0].undelivered = true;
            policy.fallback.steps[0].after = None;
        });
        let house = &called.house;
        let issued = house.send(ALICE).await;
        let (record, grant) = (issued.record().clone(), issued.into_grant());
        if undelivered {
            assert!(house.gate.undelivered(&record).await.unwrap().is_ok());
        }
        let soon = called.resend(&grant, &house.client).await;
        let asked = called.no_call(&grant).await;
        house.clock.advance(seconds(30));
        let view = house.gate.entry(&grant, &house.client).await.unwrap();
        let again = called.resend(&grant, &house.client).await;
        let Sent::Issued(issued) = again else { panic!("{again:?}") };
        let expected = if undelivered { Channel::Voice } else { Channel::Sms };
        assert_eq!(issued.channel(), expected);
        let Sent::Refused(soon) = soon else { panic!("{soon:?}") };
        seen.push((
            format!("{:?}", soon.public().kind()),
            format!("{:?} {:?}", asked.public().kind(), asked.retry_after()),
            format!("{view:?}"),
            issued.resend_after(),
            issued.confirmed(),
            issued.grant().as_str().len(),
        ));
    }
    assert_eq!(seen[0], seen[1], "the page sees the same");
    let house = House::lab(small());
    let made_up = otpgate::SendRecord::from_text("not ours");
    assert!(house.gate.undelivered(&made_up).await.unwrap().is_err());
}

#[tokio::test]
async fn what_was_undelivered_is_forgotten_and_raises_no_limit() {
    let called = called(|policy| policy.fallback.steps[0].undelivered = true);
    let house = &called.house;
    let issued = house.send(ALICE).await;
    house.gate.undelivered(issued.record()).await.unwrap().unwrap();
    // Not before the interval, however often the network says so.
    for _ in 0..5 {
        house.gate.undelivered(issued.record()).await.unwrap().unwrap();
        assert!(matches!(called.resend(issued.grant(), &house.client).await, Sent::Refused(_)));
    }
    house.clock.advance(hours(1));
    let next = house.send_to(ALICE, &client(2)).await;
    house.clock.advance(minutes(2));
    let again = called.resend(next.grant(), &client(2)).await;
    let Sent::Issued(again) = again else { panic!("{again:?}") };
    assert_eq!(again.channel(), Channel::Sms, "a quarter of an hour later");
}

#[tokio::test]
async fn a_call_that_was_not_taken_gives_everything_back() {
    let called = called(|_| {});
    let grant = called.house.send(ALICE).await.into_grant();
    let text = called.spent().await;
    called.house.clock.advance(minutes(1));
    called.heard.reply(Reply::NotSent);
    let binding = Binding::none();
    let lost =
        called.house.gate.resend_over(&grant, Channel::Voice, &binding, &called.house.client);
    assert!(lost.await.is_err());
    assert_eq!(called.spent().await, text);
    let not_sent = |kind: &EventKind| {
        matches!(kind, EventKind::NotSent { refused: false, channel: Channel::Voice })
    };
    assert_eq!(called.house.log.count(not_sent), 1);
    let _issued = called.call(&grant).await;
    assert_eq!(called.house.codes().len(), 1);
}

#[tokio::test]
async fn a_budget_is_one_for_every_channel() {
    // A text to Germany costs ten cents, a call two; the country may cost eleven.
    let mut policy = quick(Policy::default());
    policy.fallback.steps = vec![step(Channel::Voice)];
    (policy.budget.country, policy.budget.message) = (Some(Money::cents(11)), Money::cents(11));
    let (calls, heard) = ScriptedTransport::new();
    let voice = FallbackChannel::new(Channel::Voice, calls, words(), prices());
    let house = House::lab_with(|builder| builder.policy(policy).fallback(voice));
    let sent = house.insist(ALICE, &otpgate::Purpose::SIGN_UP, &client(1)).await;
    let Sent::Issued(issued) = sent else { panic!("{sent:?}") };
    house.clock.advance(minutes(1));
    let none = Binding::none();
    let over = house.gate.resend_over(issued.grant(), Channel::Voice, &none, &client(1)).await;
    let Sent::Refused(refusal) = over.unwrap() else { panic!("beyond the budget") };
    assert!(matches!(refusal.reason(), RefusalReason::Budget(_)), "{refusal:?}");
    assert_eq!(heard.handed_off(), 0);
}

#[tokio::test]
async fn other_channels_are_refused_when_built_or_asked_for_unless_the_policy_says_so() {
    let built = |policy: Policy, channels: Vec<FallbackChannel>| {
        let parts = crate::config::parts().policy(policy);
        let parts = channels.into_iter().fold(parts, otpgate::GateBuilder::fallback);
        parts.build().err().map(|error| error.to_string())
    };
    let channel =
        |channel| FallbackChannel::new(channel, ScriptedTransport::new().0, words(), prices());
    let with = |steps: Vec<FallbackStep>, email| {
        let mut policy = Policy::default();
        policy.fallback.steps = steps;
        policy.fallback.email_danger = email;
        policy
    };
    let says = |error: Option<String>, word: &str| {
        let error = error.unwrap_or_default();
        assert!(error.contains(word), "{word}: {error}");
    };
    says(built(with(vec![step(Channel::Voice)], false), vec![]), "GateBuilder::fallback");
    says(
        built(with(vec![step(Channel::Email)], false), vec![channel(Channel::Email)]),
        "email_danger",
    );
    let email = built(with(vec![step(Channel::Email)], true), vec![channel(Channel::Email)]);
    assert_eq!(email, None);
    says(built(Policy::default(), vec![channel(Channel::Sms)]), "beside sms");
    let twice = vec![channel(Channel::Voice), channel(Channel::Voice)];
    says(built(Policy::default(), twice), "FailOver");
    says(built(with(vec![step(Channel::Sms)], false), vec![]), "a change");
    let unreached = FallbackStep::new(Channel::Voice, Channel::WhatsApp);
    says(built(with(vec![unreached], false), vec![channel(Channel::WhatsApp)]), "leads to");

    let called = called(|_| {});
    let grant = called.house.send(ALICE).await.into_grant();
    called.house.clock.advance(minutes(5));
    for channel in [Channel::WhatsApp, Channel::Email] {
        let sent = called.over(&grant, channel).await;
        let Sent::Refused(refusal) = sent else { panic!("{sent:?}") };
        assert_eq!(refusal.reason(), &RefusalReason::ChannelOff { channel });
    }
    // Nor with a grant that is over.
    called.house.clock.advance(days(1));
    let refusal = called.no_call(&grant).await;
    assert!(matches!(refusal.reason(), RefusalReason::VerificationOver));
}

/// A chain: text, call, WhatsApp; each only behind the one before.
#[tokio::test]
async fn a_step_needs_the_channel_before_it() {
    let (calls, _heard) = ScriptedTransport::new();
    let (chats, read) = ScriptedTransport::new();
    let mut policy = quick(Policy::default());
    policy.fallback.steps =
        vec![step(Channel::Voice), FallbackStep::new(Channel::Voice, Channel::WhatsApp)];
    let house = House::lab_with(|builder| {
        builder
            .policy(policy)
            .fallback(FallbackChannel::new(Channel::Voice, calls, words(), prices()))
            .fallback(FallbackChannel::new(Channel::WhatsApp, chats, words(), prices()))
    });
    let grant = house.send(ALICE).await.into_grant();
    house.clock.advance(minutes(2));
    let over = async |channel| {
        let none = Binding::none();
        house.gate.resend_over(&grant, channel, &none, &house.client).await.unwrap()
    };
    assert!(matches!(over(Channel::WhatsApp).await, Sent::Refused(_)), "no call before it");
    assert!(matches!(over(Channel::Voice).await, Sent::Issued(_)));
    house.clock.advance(minutes(2));
    assert!(matches!(over(Channel::WhatsApp).await, Sent::Issued(_)));
    assert_eq!(read.handed_off(), 1);
}

/// A store that lets no admission in before the doors open.
#[derive(Debug)]
struct Doors<S> {
    inner: S,
    open: Arc<Semaphore>,
    waiting: Arc<AtomicUsize>,
}

#[async_trait]
impl<S: Store> Store for Doors<S> {
    async fn admit(&self, admission: &Admission) -> Result<Admitted, StoreError> {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let _open = self.open.acquire().await.unwrap();
        self.inner.admit(admission).await
    }

    async fn settle(&self, settlement: &Settlement) -> Result<(), StoreError> {
        self.inner.settle(settlement).await
    }

    async fn redeem(&self, redemption: &Redemption) -> Result<Redeemed, StoreError> {
        self.inner.redeem(redemption).await
    }

    async fn tally(&self, query: &TallyQuery) -> Result<Tallies, StoreError> {
        self.inner.tally(query).await
    }
}

/// How often a channel carried a verification is read before the admission, and counted in it. Calls that
/// were all chosen while none had been made, and that neither interval nor quota stands in the way of, are
/// no more than the step allows, whatever the store's latency.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_that_were_chosen_at_once_are_no_more_than_the_step_allows() {
    for (seed, most) in [(1, 1), (2, 1), (3, 2), (4, 3)] {
        let (calls, heard) = ScriptedTransport::new();
        let mut policy = quick(Policy::default());
        policy.fallback.steps = vec![step(Channel::Voice)];
        policy.fallback.steps[0].most = most;
        policy.interval.ladder.first = seconds(1);
        policy.interval.ladder.longest = seconds(1);
        policy.quotas.number = vec![otpgate::policy::Quota::daily(1_000)];
        let voice = FallbackChannel::new(Channel::Voice, calls, words(), prices());
        let (open, waiting) = (Arc::new(Semaphore::new(8)), Arc::default());
        let inner = Latency::new(small(), 3, seed);
        let store = Doors { inner, open: Arc::clone(&open), waiting: Arc::clone(&waiting) };
        let house = House::lab_with(|builder| {
            builder.store(store).policy(policy).fallback(voice).clock_unchecked_danger()
        });
        let grant = house.send(ALICE).await.into_grant();
        house.clock.advance(minutes(1));
        let shut = open.acquire_many(8).await.unwrap();
        let before = waiting.load(Ordering::SeqCst);
        let mut asked = Vec::new();
        for count in 1..=8 {
            // Each a while after the one before, so that no interval refuses it.
            house.clock.advance(seconds(5));
            let (gate, grant, from) = (house.gate.clone(), grant.clone(), house.client.clone());
            asked.push(tokio::spawn(async move {
                let none = Binding::none();
                gate.resend_over(&grant, Channel::Voice, &none, &from).await.unwrap()
            }));
            while waiting.load(Ordering::SeqCst) < before + count {
                tokio::task::yield_now().await;
            }
        }
        // One after the other from here, in the order of their times: an earlier one behind a later one
        // would be refused for the interval between them.
        shut.forget();
        open.add_permits(1);
        let mut called = 0;
        for sent in asked {
            match sent.await.unwrap() {
                Sent::Issued(issued) => {
                    assert_eq!(issued.channel(), Channel::Voice);
                    called += 1;
                }
                Sent::Refused(refusal) => {
                    let reason = RefusalReason::ChannelNotYet { channel: Channel::Voice };
                    assert_eq!(*refusal.reason(), reason, "no other limit is in the way");
                }
                Sent::StepUp(step_up) => panic!("{step_up:?}"),
            }
        }
        assert_eq!((called, heard.handed_off()), (most, most as usize), "seed {seed}");
    }
}

/// A decoy is answered as a number with an account, on every channel.
#[tokio::test]
async fn a_decoy_gets_no_call_and_the_page_cannot_tell() {
    let called = called(|_| {});
    let house = &called.house;
    let clearance = house.clearance(ALICE).await;
    let sent = house.gate.decoy(clearance).await.unwrap();
    let Sent::Issued(decoy) = sent else { panic!("{sent:?}") };
    let soon = called.no_call(decoy.grant()).await;
    assert_eq!(soon.retry_after(), Some(seconds(60)));
    house.clock.advance(minutes(1));
    let issued = called.call(decoy.grant()).await;
    assert_eq!(issued.channel(), Channel::Voice);
    assert_eq!((house.outbox.handed_off(), called.heard.handed_off()), (0, 0));
    let Entry::Open(view) = house.gate.entry(decoy.grant(), &house.client).await.unwrap() else {
        panic!("closed")
    };
    assert!(view.channels().is_empty(), "used once, as a real one");
}

/// What NIST SP 800-63B-4 §3.1.3 does not count as out of band is not reported as such.
#[tokio::test]
async fn a_code_by_e_mail_is_never_called_out_of_band() {
    let (mails, sent) = ScriptedTransport::new();
    let mut policy = quick(Policy::default());
    policy.fallback.steps = vec![step(Channel::Email)];
    policy.fallback.email_danger = true;
    let free = PriceTable::builtin().with(*b"DE", otpgate::Money::microdollars(0));
    let email = FallbackChannel::new(Channel::Email, mails, words(), free);
    let house = House::lab_with(|builder| builder.policy(policy).fallback(email));
    for mailed in [false, true] {
        let from = client(10 + u32::from(mailed));
        let grant = house.send_to(ALICE, &from).await.into_grant();
        house.clock.advance(minutes(2));
        if mailed {
            let none = Binding::none();
            let over = house.gate.resend_over(&grant, Channel::Email, &none, &from).await.unwrap();
            assert!(matches!(over, Sent::Issued(_)), "{over:?}");
        }
        // The text's own code, which may or may not be the one that was read.
        let verified = house.gate.verify(&grant, &house.last_code(), &from).await.unwrap();
        let Verified::Accepted(verification) = verified else { panic!("{verified:?}") };
        assert_eq!(verification.out_of_band(), !mailed);
        assert_eq!(verification.channels().contains(&Channel::Email), mailed);
        house.clock.advance(minutes(10));
    }
    assert_eq!(sent.handed_off(), 1);
}

/// Says of every text that it did not arrive.
#[derive(Debug)]
struct NotArrived;

impl ReceiptVerifier for NotArrived {
    fn verify(
        &self,
        request: &ReceiptRequest<'_>,
        _: Timestamp,
    ) -> Result<Vec<Receipt>, ReceiptError> {
        let key = request.query().strip_prefix("otpgate=");
        let state = ReceiptState::Undelivered;
        Ok(vec![Receipt::verified("example", "1", state, "undelivered").with_key(key)])
    }
}

#[tokio::test]
async fn a_receipt_that_says_undelivered_turns_the_next_resend_into_a_call() {
    for heeds in [true, false] {
        let called = called(|policy| policy.fallback.steps[0].undelivered = heeds);
        let house = &called.house;
        let grant = house.send(ALICE).await.into_grant();
        let sent = house.outbox.sent().pop().unwrap();
        let url = format!("https://hooks.example.com/sms?otpgate={}", sent.callback_key());
        let request = ReceiptRequest { method: "POST", url: &url, headers: &[], body: b"" };
        let taken = house.gate.receipts(&NotArrived, &request).await.unwrap();
        assert_eq!(taken[0].outcome, ReceiptOutcome::Applied);
        house.clock.advance(seconds(31));
        let again = called.resend(&grant, &house.client).await;
        let Sent::Issued(again) = again else { panic!("{again:?}") };
        assert_eq!(again.channel(), if heeds { Channel::Voice } else { Channel::Sms });
    }
}
