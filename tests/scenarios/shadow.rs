//! Shadow mode: decide, record, do not refuse.

use std::time::Duration;

use otpgate::access::{Actor, Effect, Reason, Target};
use otpgate::policy::Mode;
use otpgate::pumping::PriceTable;
use otpgate::{EventKind, LimitName, Money, Policy, Purpose, RefusalReason, Sent};

use crate::support::{ALICE, BOB, House, client, german, quick, small};

fn would_refuse(house: &House) -> usize {
    house.log.count(|kind| matches!(kind, EventKind::WouldRefuse { .. }))
}

fn observing(change: impl FnOnce(&mut Policy)) -> House {
    House::ruled(|policy| {
        policy.mode.general = Mode::Observe;
        change(policy);
    })
}

#[tokio::test]
async fn what_would_be_refused_is_sent_and_recorded() {
    let house = observing(|_| {});
    for index in 0..8 {
        let sent = house.try_send(ALICE, &client(index)).await;
        assert!(matches!(sent, Sent::Issued(_)), "{sent:?}");
    }
    assert_eq!((house.texts(), would_refuse(&house)), (8, 7));
    assert_eq!(house.log.count(|kind| matches!(kind, EventKind::Refused { .. })), 0);
}

/// The verdicts are those of the real mode: the same requests, one after the other, in both.
#[tokio::test]
async fn it_records_what_enforcing_would_refuse() {
    let requests: Vec<(String, u32)> =
        (0..60_u32).map(|index| (german(u64::from(index % 12)), index % 5)).collect();
    let enforced = House::lab(small());
    let observed = observing(|_| {});
    let mut first_refusal = None;
    for (place, (number, who)) in requests.iter().enumerate() {
        let sent = enforced.try_send(number, &client(*who)).await;
        if !matches!(sent, Sent::Issued(_)) && first_refusal.is_none() {
            first_refusal = Some(place);
        }
        let before = would_refuse(&observed);
        let sent = observed.try_send(number, &client(*who)).await;
        assert!(matches!(sent, Sent::Issued(_)), "{sent:?}");
        // Up to the first refusal the two have the same history.
        if first_refusal.is_none_or(|first| place <= first) {
            let refused = first_refusal == Some(place);
            assert_eq!(would_refuse(&observed) > before, refused, "request {place}");
        }
    }
    assert!(first_refusal.is_some());
    assert_eq!(observed.texts(), 60);
}

#[tokio::test]
async fn the_token_the_attempts_and_the_money_are_enforced_even_so() {
    let house = House::lab_with(|builder| {
        let mut policy = quick(Policy::default());
        policy.mode.general = Mode::Observe;
        policy.budget.message = Money::cents(10);
        builder
            .policy(policy)
            .prices(PriceTable::builtin().with(*b"DE", otpgate::Money::microdollars(100_000)))
            .daily_budget(Money::cents(100))
    });
    // The token.
    let ticket = house.gate.preflight(&Purpose::SIGN_UP, &house.client).unwrap();
    for number in [ALICE, BOB] {
        let cleared =
            house.clear_with(ticket.as_str(), number, &Purpose::SIGN_UP, &house.client).await;
        let otpgate::Cleared::Passed(clearance) = cleared else { panic!("{cleared:?}") };
        let _ = house.gate.issue(clearance).await.unwrap();
    }
    assert_eq!(house.texts(), 1);
    // The attempts.
    let grant = house.send_to(BOB, &client(2)).await.into_grant();
    let code = house.last_code();
    for guess in 1..=5 {
        let wrong = crate::support::off_by(&code, guess);
        assert!(!house.accepts_from(&grant, &wrong, &client(2)).await);
    }
    assert!(!house.accepts_from(&grant, &code, &client(2)).await);
    // The money, all of it: no step-up on the way, and the end is the end.
    let mut last = None;
    for index in 0..20 {
        last = Some(house.try_send(&german(index), &client(index as u32 + 3)).await);
    }
    assert_eq!(house.texts(), 10);
    let Some(Sent::Refused(refusal)) = last else { panic!("{last:?}") };
    assert!(matches!(refusal.reason(), RefusalReason::Budget(LimitName::Realm)));
}

#[tokio::test]
async fn an_operators_block_is_no_experiment() {
    let house = observing(|_| {});
    let (reason, actor) = (Reason::new("no").unwrap(), Actor::new("ada").unwrap());
    let target = Target::Country("DE".parse().unwrap());
    house.gate.controls().enter(target, Effect::Block, reason, actor, None).await.unwrap();
    assert!(matches!(house.try_send(ALICE, &client(1)).await, Sent::Refused(_)));
}

/// The detector only observes. The operator who has it refuse for longer does not.
#[tokio::test]
async fn an_operators_extension_is_no_experiment() {
    for quiet in [true, false] {
        let house = observing(|policy| policy.mode.quiet = quiet);
        let (reason, actor) = (Reason::new("pumped").unwrap(), Actor::new("ada").unwrap());
        let target = Target::Prefix("+49151".parse().unwrap());
        let (controls, effect) = (house.gate.controls(), Effect::ExtendAutomaticBlock);
        let until = Some(controls.now() + Duration::from_secs(3_600));
        controls.enter(target, effect, reason, actor, until).await.unwrap();
        // Twice: a limit that shadow mode waves through takes the entry's refusal along with it otherwise.
        for _ in 0..2 {
            let sent = house.insist(ALICE, &Purpose::SIGN_UP, &client(1)).await;
            assert_eq!(house.texts(), 0, "quiet: {quiet}: {sent:?}");
            assert!(!quiet || matches!(sent, Sent::Issued(_)), "withheld: {sent:?}");
            assert!(quiet || matches!(sent, Sent::Refused(_)), "refused: {sent:?}");
        }
        let told = house.log.count(|kind| match kind {
            EventKind::Refused { reason } | EventKind::QuietlyRefused { reason } => {
                matches!(reason, RefusalReason::Pumping(words) if words.contains("entry 1: pumped"))
            }
            _ => false,
        });
        assert_eq!(told, 2, "{:?}", house.log.events());
        assert!(matches!(house.try_send("+491711234567", &client(9)).await, Sent::Issued(_)));
        assert_eq!(house.texts(), 1);
    }
}

/// As in the real mode: what the detector asks for elsewhere is asked of everybody, and then withheld.
#[tokio::test]
async fn an_extension_asks_of_everybody_what_it_asks_in_the_real_mode() {
    let fates = async |mode| {
        let house = House::with(|builder| {
            let mut policy = quick(Policy::default());
            policy.mode.general = mode;
            builder.policy(policy).human_check(crate::step_up::Turing)
        });
        let (reason, actor) = (Reason::new("pumped").unwrap(), Actor::new("ada").unwrap());
        let (controls, effect) = (house.gate.controls(), Effect::ExtendAutomaticBlock);
        let until = Some(controls.now() + Duration::from_secs(86_400));
        let target = Target::Prefix("+49151".parse().unwrap());
        controls.enter(target, effect, reason, actor, until).await.unwrap();
        let mut fates = Vec::new();
        for number in [ALICE, ALICE, "+4915112345679"] {
            let sent = house.insist(number, &Purpose::SIGN_UP, &client(1)).await;
            fates.push(format!("{:?}", std::mem::discriminant(&sent)));
            house.clock.advance(Duration::from_secs(120));
        }
        assert_eq!(house.texts(), 0, "{mode:?}");
        fates
    };
    assert_eq!(fates(Mode::Observe).await, fates(Mode::Enforce).await);
}

#[tokio::test]
async fn it_can_be_limited_to_a_purpose_or_a_country() {
    let house = House::ruled(|policy| {
        policy.mode.purposes.insert(Purpose::LOG_IN, Mode::Observe);
        policy.mode.countries.insert("GB".parse().unwrap(), Mode::Observe);
    });
    for index in 0..3 {
        let _ = house.try_send_for(ALICE, &Purpose::SIGN_UP, &client(index)).await;
    }
    assert_eq!(house.texts(), 1);
    for index in 0..3 {
        let _ = house.try_send_for(ALICE, &Purpose::LOG_IN, &client(index)).await;
    }
    assert_eq!(house.texts(), 4);
    for index in 0..3 {
        let _ = house.try_send("+447400123456", &client(index)).await;
    }
    assert_eq!(house.texts(), 7);
}

/// Switching to enforcement finds everything counted that was let through.
#[tokio::test]
async fn what_was_waved_through_still_counts() {
    let store = std::sync::Arc::new(otpgate::testing::ModelStore::new());
    let mut policy = quick(Policy::default());
    policy.mode.general = Mode::Observe;
    let shadow =
        House::lab_with(|builder| builder.store(std::sync::Arc::clone(&store)).policy(policy));
    for index in 0..6 {
        let _ = shadow.try_send(ALICE, &client(index)).await;
    }
    assert_eq!(shadow.texts(), 6);
    let real = shadow.beside(|builder| builder.store(store));
    real.clock.advance(Duration::from_secs(1_200));
    let refusal = real.refused(ALICE, &client(50)).await;
    assert!(matches!(refusal.reason(), RefusalReason::Limit(LimitName::Number)), "{refusal:?}");
}
