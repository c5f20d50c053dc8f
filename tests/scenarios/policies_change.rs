//! A policy is changed while verifications are open: by a restart, or gate by gate.

use std::num::NonZeroU8;
use std::sync::Arc;

use otpgate::access::{Actor, DestinationPolicy, DestinationRefusal, Reason};
use otpgate::message::{Language, MessageFormat, Messages, Template};
use otpgate::otp::{Binding, CodeFormat, TestCode};
use otpgate::policy::{Evidence, FallbackStep};
use otpgate::pumping::PriceTable;
use otpgate::testing::{Counting, ModelStore, ScriptedTransport};
use otpgate::{
    Channel, Clock, FallbackChannel, GateBuilder, LimitName, Money, Policy, Purpose, RefusalReason,
    Region, Sent, StepUpMeans, TestNumber, Verified,
};

use crate::step_up::Turing;
use crate::support::{ALICE, BOB, House, client, hours, minutes, quick, recipient, seconds};

/// A gate of today, and one on the same store as it will be.
fn before_and_after(change: impl FnOnce(GateBuilder) -> GateBuilder) -> (House, House) {
    let store = Arc::new(ModelStore::new());
    let before = House::lab(Arc::clone(&store));
    let after = before.beside(|builder| change(builder.store(store)));
    (before, after)
}

fn ruled(change: impl FnOnce(&mut Policy)) -> Policy {
    let mut policy = quick(Policy::default());
    change(&mut policy);
    policy
}

/// Why a verification of the gate before gets no second text at the one after, nor a first one.
async fn refused_again(
    change: impl FnOnce(GateBuilder) -> GateBuilder,
) -> (RefusalReason, RefusalReason) {
    let (before, after) = before_and_after(change);
    let grant = before.send(ALICE).await.into_grant();
    before.clock.advance(minutes(1));
    let first = after.refused(ALICE, &after.client).await.reason().clone();
    let sent = after.gate.resend(&grant, &after.client).await.unwrap();
    let Sent::Refused(again) = sent else { panic!("{sent:?}") };
    assert_eq!(after.texts(), 1);
    (first, again.reason().clone())
}

/// What is taken out of the destinations after an attack is out for verifications that are open, too.
#[tokio::test]
async fn a_resend_goes_nowhere_where_a_first_text_would_not() {
    let austria: Region = "AT".parse().unwrap();
    let (first, again) =
        refused_again(|builder| builder.destinations(DestinationPolicy::only([austria]))).await;
    assert!(matches!(first, RefusalReason::Destination(DestinationRefusal::Country { .. })));
    assert_eq!(first, again);
    let cheap = DestinationPolicy::only(Region::all()).up_to(Money::microdollars(1));
    let (first, again) = refused_again(|builder| builder.destinations(cheap)).await;
    assert!(matches!(first, RefusalReason::Destination(_)), "{first:?}");
    assert_eq!(first, again);
    let cheap = ruled(|policy| policy.budget.message = Money::microdollars(1));
    let (first, again) = refused_again(|builder| builder.policy(cheap)).await;
    assert_eq!((&first, &again), (&RefusalReason::Budget(LimitName::Message), &first));
}

/// A verification that was opened without a transaction gets no code for one.
#[tokio::test]
async fn a_resend_sends_no_unbound_code_where_codes_are_bound() {
    let bound = ruled(|policy| policy.code.bound = true);
    let (before, after) = before_and_after(|builder| builder.policy(bound));
    let grant = before.send(ALICE).await.into_grant();
    before.clock.advance(minutes(1));
    let sent = after.gate.resend(&grant, &after.client).await.unwrap();
    let Sent::Refused(refusal) = sent else { panic!("{sent:?}") };
    assert_eq!(refusal.reason(), &RefusalReason::VerificationOver);
    assert_eq!(after.texts(), 1);
}

/// A ticket that asks for a person asks for no work, so it proves none at a gate that has no human check.
#[tokio::test]
async fn a_ticket_for_a_human_check_proves_nothing_where_there_is_none() {
    let store = Arc::new(ModelStore::new());
    let with = House::lab_with(|builder| {
        let always = ruled(|policy| policy.token.human_check_always = true);
        builder.store(Arc::clone(&store)).policy(always).human_check(Turing)
    });
    let evidence = Evidence { soft: 1, hard: 100, drain: seconds(3_600) };
    let strict = ruled(|policy| policy.quotas.client_unverified = Some(evidence));
    let without = with.beside(|builder| builder.store(store).policy(strict));
    let who = &with.client;
    let _first = without.send(ALICE).await;
    let Sent::StepUp(asked) = with.try_send(BOB, who).await else { panic!("not asked") };
    assert_eq!(asked.means(), StepUpMeans::Human);
    let ticket = asked.ticket().as_str();
    let sent = without.go_on(without.clear_with(ticket, BOB, &Purpose::SIGN_UP, who).await).await;
    let Sent::StepUp(asked) = sent else { panic!("{sent:?}") };
    assert!(matches!(asked.means(), StepUpMeans::Work { .. }));
    let ticket = asked.ticket().as_str();
    let sent = without.go_on(without.clear_with(ticket, BOB, &Purpose::SIGN_UP, who).await).await;
    assert!(matches!(sent, Sent::Issued(_)), "{sent:?}");
}

/// A gate whose codes have `format`.
fn of_format(builder: GateBuilder, format: CodeFormat) -> GateBuilder {
    let policy = ruled(|policy| policy.code.format = format);
    let message = MessageFormat::builder("Example").origin("example.com").codes(format);
    builder.policy(policy).message(message.build().unwrap())
}

/// Codes of another format are sent from now on: a verification that is open keeps its own, at whichever gate
/// its code is entered or asked for once more.
#[tokio::test]
async fn a_verification_keeps_the_format_of_its_codes() {
    let six = CodeFormat::digits(6).unwrap();
    for other in [CodeFormat::digits(8).unwrap(), CodeFormat::unambiguous(9).unwrap()] {
        let (before, after) = before_and_after(|builder| of_format(builder, other));
        for (index, (one, two)) in [(&before, &after), (&after, &before)].into_iter().enumerate() {
            let own = [six.len(), other.len()][index];
            let who = client(20 + index as u32);
            let grant = one.send_to(ALICE, &who).await.into_grant();
            let first = one.last_code();
            one.clock.advance(minutes(1));
            assert!(matches!(two.gate.resend(&grant, &who).await.unwrap(), Sent::Issued(_)));
            let second = two.last_code();
            assert_eq!((first.len(), second.len()), (own, own));
            // The one that the gate before sent is good at the next, and the other way round.
            let (gate, code) = if index == 0 { (two, first) } else { (one, second) };
            assert!(gate.accepts_from(&grant, &code, &who).await, "{own}");
            one.clock.advance(minutes(30));
        }
        assert_eq!(before.log.compared(), 2, "and nothing counted as a wrong guess");
    }
}

/// A text that has room for the codes of now and not for the longer ones of before: who asks for one of these
/// again starts anew, and nobody pays for a second segment.
#[tokio::test]
async fn a_longer_code_that_no_longer_fits_is_over() {
    let fits = |builder: GateBuilder, length| {
        let format = CodeFormat::digits(length).unwrap();
        let text = format!("{{code}} {}", "x".repeat(128));
        let words = Template::compile(&text).unwrap();
        let message = MessageFormat::builder("Example").origin("example.com").codes(format);
        let message = message.messages(Messages::new(Language::new("en").unwrap(), words).unwrap());
        let policy = ruled(|policy| policy.code.format = format);
        (builder.policy(policy), message)
    };
    let store = Arc::new(ModelStore::new());
    let two = NonZeroU8::new(2).unwrap();
    let before = House::lab_with(|builder| {
        let (builder, message) = fits(builder.store(Arc::clone(&store)), 10);
        assert!(message.clone().build().is_err(), "ten digits take two segments");
        builder.message(message.max_segments(two).build().unwrap())
    });
    let after = before.beside(|builder| {
        let (builder, message) = fits(builder.store(store), 6);
        builder.message(message.build().unwrap())
    });
    let grant = before.send(ALICE).await.into_grant();
    assert_eq!(before.last_code().len(), 10);
    before.clock.advance(minutes(1));
    let sent = after.gate.resend(&grant, &after.client).await.unwrap();
    let Sent::Refused(refusal) = sent else { panic!("{sent:?}") };
    assert_eq!(refusal.reason(), &RefusalReason::VerificationOver);
    assert_eq!(after.texts(), 1);
    let anew = after.send(ALICE).await.into_grant();
    assert!(after.accepts(&anew, &after.last_code()).await);
}

/// The code of a test number that was entered when codes had another format opens nothing, and what takes its
/// place tells nobody that the number has one.
#[tokio::test]
async fn a_test_number_of_another_format_does_not_show() {
    let store = Arc::new(ModelStore::new());
    let before = House::lab(Arc::clone(&store));
    let code = TestCode::new("482915", &CodeFormat::default()).unwrap();
    let test = TestNumber::new(recipient(ALICE), code, before.clock.now() + hours(10));
    let (why, ada) = (Reason::new("app review").unwrap(), Actor::new("ada").unwrap());
    before.gate.controls().test_number(&test, why, ada).await.unwrap();
    let (store, calls) = Counting::new(store);
    let eight = CodeFormat::digits(8).unwrap();
    let after = before.beside(|builder| of_format(builder.store(store), eight));
    let grant = after.send(ALICE).await.into_grant();
    assert_eq!(after.texts(), 0);
    for code in ["482915", "12x456", "12345678"] {
        calls.reset();
        assert!(!after.accepts(&grant, code).await);
        assert_eq!(calls.total(), 1, "{code}");
    }
}

/// A channel is taken out of the policy, and a code that went by it is entered afterwards.
#[tokio::test]
async fn a_code_that_went_by_e_mail_is_not_out_of_band_once_e_mail_is_off() {
    let store = Arc::new(ModelStore::new());
    let email = || {
        let words = MessageFormat::builder("Example").build().unwrap();
        let (mails, _sent) = ScriptedTransport::new();
        FallbackChannel::new(Channel::Email, mails, words, PriceTable::builtin())
    };
    let on = ruled(|policy| {
        policy.code.open = minutes(30);
        policy.fallback.steps = vec![FallbackStep::new(Channel::Sms, Channel::Email)];
        policy.fallback.email_danger = true;
    });
    let before =
        House::lab_with(|builder| builder.store(Arc::clone(&store)).policy(on).fallback(email()));
    let (calls, _made) = ScriptedTransport::new();
    let words = MessageFormat::builder("Example").build().unwrap();
    let voice = FallbackChannel::new(Channel::Voice, calls, words, PriceTable::builtin());
    // One gate was given another channel already, and this one not yet.
    let other = before.beside(|builder| builder.store(Arc::clone(&store)).fallback(voice));
    let after = before.beside(|builder| builder.store(store).fallback(email()));
    let grant = before.send(ALICE).await.into_grant();
    before.clock.advance(minutes(2));
    let none = Binding::none();
    let over = before.gate.resend_over(&grant, Channel::Email, &none, &before.client);
    assert!(matches!(over.await.unwrap(), Sent::Issued(_)));
    // Verifications that begin now would be over by then.
    before.clock.advance(minutes(20));
    let _text = after.gate.resend(&grant, &after.client).await.unwrap();
    let verified = after.gate.verify(&grant, &after.last_code(), &after.client).await.unwrap();
    let by_e_mail = |verified: Verified| {
        let Verified::Accepted(verification) = verified else { panic!("{verified:?}") };
        assert_eq!(verification.channels(), [Channel::Sms, Channel::Email]);
        assert!(!verification.out_of_band());
        assert_eq!(verification.amr(), "otp");
    };
    by_e_mail(verified);
    let bob = client(2);
    let grant = before.send_to(BOB, &bob).await.into_grant();
    before.clock.advance(minutes(2));
    let over = before.gate.resend_over(&grant, Channel::Email, &none, &bob);
    assert!(matches!(over.await.unwrap(), Sent::Issued(_)));
    before.clock.advance(minutes(2));
    let _text = before.gate.resend(&grant, &bob).await.unwrap();
    by_e_mail(other.gate.verify(&grant, &before.last_code(), &bob).await.unwrap());
}
