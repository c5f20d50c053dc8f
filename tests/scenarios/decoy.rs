//! Decoys: a number that must get no text gets none, whatever is done with its grant.

use otpgate::policy::Mode;
use otpgate::pumping::PriceTable;
use otpgate::testing::{Counting, Reply};
use otpgate::transport::NumberFault;
use otpgate::{Cleared, Entry, EventKind, GateErrorKind, Money, Policy, Purpose, Sent};

use crate::support::{
    ALICE, BOB, House, client, german, in_session, minutes, quick, seconds, small,
};

#[tokio::test]
async fn nothing_is_ever_handed_off_and_no_code_opens_it() {
    let house = House::lab(small());
    let clearance = house.clearance_of(ALICE, &Purpose::RESET, &house.client).await;
    let sent = house.gate.decoy(clearance).await.unwrap();
    let Sent::Issued(issued) = sent else { panic!("{sent:?}") };
    let grant = issued.into_grant();
    for _ in 0..6 {
        house.clock.advance(minutes(2));
        let _ = house.gate.resend(&grant, &house.client).await.unwrap();
    }
    assert_eq!(house.outbox.handed_off(), 0);
    for guess in ["000000", "123456", "999999", ""] {
        assert!(!house.accepts(&grant, guess).await);
    }
    assert!(house.log.count(|kind| matches!(kind, EventKind::DecoyAnswered)) >= 3);
    assert_eq!(house.log.count(|kind| matches!(kind, EventKind::Sent { .. })), 0);
}

/// The limits are one: whoever asks for decoys cannot ask more often than for texts, and the other
/// way round.
#[tokio::test]
async fn a_decoy_takes_up_the_interval_and_the_quota() {
    let house = House::lab(small());
    let clearance = house.clearance(ALICE).await;
    let _ = house.gate.decoy(clearance).await.unwrap();
    assert!(matches!(house.try_send(ALICE, &client(2)).await, Sent::Refused(_)));
    house.clock.advance(seconds(30));
    assert!(matches!(house.try_send(ALICE, &client(3)).await, Sent::Issued(_)));
}

#[tokio::test]
async fn a_decoys_token_is_used_up() {
    let house = House::lab(small());
    let ticket = house.gate.preflight(&Purpose::SIGN_UP, &house.client).unwrap();
    for (index, number) in [ALICE, crate::support::BOB].into_iter().enumerate() {
        let cleared =
            house.clear_with(ticket.as_str(), number, &Purpose::SIGN_UP, &house.client).await;
        let otpgate::Cleared::Passed(clearance) = cleared else { panic!("{cleared:?}") };
        let sent = house.gate.decoy(clearance).await.unwrap();
        assert_eq!(matches!(sent, Sent::Issued(_)), index == 0);
    }
}

fn issued(sent: &Sent) -> String {
    format!("sent: {}", matches!(sent, Sent::Issued(_)))
}

/// All that is seen of a reset for a number, twice, with a provider that answers `reply`, of what comes next
/// at the same client, and of a resend once the provider is back; and how many texts it was handed.
async fn reset(decoy: bool, reply: Reply) -> (Vec<String>, usize) {
    let house = House::lab(small());
    let who = in_session(4, "a visitor");
    let mut seen = Vec::new();
    let mut grant = None;
    house.outbox.always(reply);
    for again in 0..2 {
        let cleared = house.clear(BOB, &Purpose::RESET, &who).await;
        let sent = match cleared {
            Cleared::Passed(clearance) if decoy => house.gate.decoy(clearance).await,
            Cleared::Passed(clearance) => house.gate.issue(clearance).await,
            other => panic!("{other:?}"),
        };
        match sent {
            Ok(Sent::Issued(issued)) => {
                let (confirmed, again) = (issued.confirmed(), issued.resend_after());
                seen.push(format!(
                    "sent, {confirmed}, {again:?}, {}",
                    issued.grant().as_str().len()
                ));
                grant = Some(issued.into_grant());
            }
            Ok(Sent::Refused(refusal)) => {
                let public = refusal.public();
                seen.push(format!("refused {:?}", public.kind()));
            }
            other => panic!("{again}: {other:?}"),
        }
    }
    let grant = grant.unwrap();
    seen.push(format!("{}", house.accepts_from(&grant, "12345", &who).await));
    match house.gate.entry(&grant, &who).await.unwrap() {
        Entry::Open(view) => {
            let (left, again) = (view.attempts_left(), view.resend_after());
            seen.push(format!("{left} left, {again:?}, {:?}", view.expires_in()));
        }
        Entry::Closed(_) => seen.push("closed".to_owned()),
    }
    let spent = house.gate.snapshot().await.unwrap().spent;
    let may_have_gone_out = matches!(reply, Reply::Accept | Reply::LostText | Reply::Panic);
    assert_eq!(spent > Money::ZERO, may_have_gone_out && !decoy, "{reply:?}: {spent}");
    house.outbox.always(Reply::Accept);
    seen.push(issued(&house.try_send(ALICE, &who).await));
    house.clock.advance(minutes(2));
    seen.push(issued(&house.gate.resend(&grant, &who).await.unwrap()));
    (seen, house.outbox.handed_off())
}

/// An outage, or a provider that refuses a number, tells nobody which numbers have an account; and once the
/// provider is back, a resend reaches whoever has one.
#[tokio::test]
async fn a_provider_that_fails_does_not_tell_a_text_from_a_decoy() {
    for reply in [Reply::Accept, Reply::NotSent, Reply::Refused, Reply::LostText, Reply::Panic] {
        let ((text, handed), (decoy, none)) = (reset(false, reply).await, reset(true, reply).await);
        assert_eq!(text, decoy, "{reply:?}");
        // The first text, another number's, and the resend, unless the number was refused for good.
        let resent = usize::from(reply != Reply::Refused);
        assert_eq!((handed, none), (2 + resent, 1), "{reply:?}");
    }
}

/// Where no decoys are answered, an outage is one.
#[tokio::test]
async fn elsewhere_an_outage_is_told() {
    let house = House::lab(small());
    house.outbox.always(Reply::NotSent);
    let clearance = house.clearance_of(ALICE, &Purpose::LOG_IN, &client(5)).await;
    let error = house.gate.issue(clearance).await.unwrap_err();
    assert_eq!(error.kind(), GateErrorKind::HandOff);
}

/// What a provider reported of a number does not show at the next request either, whatever else is quiet.
#[tokio::test]
async fn a_fault_of_the_number_does_not_tell_a_text_from_a_decoy() {
    let mut traces = Vec::new();
    for decoy in [false, true] {
        let house = House::ruled(|policy| policy.mode.quiet = false);
        house.outbox.always(Reply::Reported(NumberFault::NotMobile));
        let mut seen = Vec::new();
        for round in 0..3 {
            let clearance = house.clearance_of(BOB, &Purpose::RESET, &client(40 + round)).await;
            let sent = match decoy {
                true => house.gate.decoy(clearance).await.unwrap(),
                false => house.gate.issue(clearance).await.unwrap(),
            };
            seen.push(issued(&sent));
            house.clock.advance(minutes(10));
        }
        traces.push(seen);
    }
    assert_eq!(traces[0], traces[1]);
    assert_eq!(traces[0][1], "sent: true");
}

/// Also where a budget is used up that shadow mode does not wave.
#[tokio::test]
async fn a_decoy_takes_as_many_round_trips_as_a_text_that_no_budget_pays() {
    let mut trips = Vec::new();
    for decoy in [false, true] {
        let (store, calls) = Counting::new(small());
        let mut policy = quick(Policy::default());
        policy.mode.general = Mode::Observe;
        (policy.budget.message, policy.budget.soft_percent) = (Money::cents(10), 100);
        let house = House::lab_with(|builder| {
            let prices = PriceTable::builtin().with(*b"DE", otpgate::Money::microdollars(100_000));
            builder.store(store).policy(policy).prices(prices).daily_budget(Money::cents(30))
        });
        for index in 0..3 {
            let _ = house.send_to(&german(index), &client(index as u32)).await;
        }
        let who = client(40);
        let asked = house.try_send_for(BOB, &Purpose::RESET, &who).await;
        let Sent::StepUp(work) = asked else { panic!("{asked:?}") };
        let ticket = work.ticket().as_str();
        let cleared = house.clear_with(ticket, BOB, &Purpose::RESET, &who).await;
        let Cleared::Passed(clearance) = cleared else { panic!("{cleared:?}") };
        calls.reset();
        let sent = match decoy {
            true => house.gate.decoy(clearance).await.unwrap(),
            false => house.gate.issue(clearance).await.unwrap(),
        };
        assert!(matches!(sent, Sent::Refused(_)), "{sent:?}");
        trips.push(calls.total());
    }
    assert_eq!(trips[0], trips[1]);
}
