//! What each preset claims, row by row, and that the default holds all of it.

use std::collections::HashSet;
use std::time::Duration;

use crate::support::{
    ALICE, BOB, House, client, days, german, hours, keys, minutes, off_by, quick, seconds, small,
};
use otpgate::message::MessageFormat;
use otpgate::otp::{Amount, Binding, CodeFormat, Payee};
use otpgate::testing::{ModelStore, ScriptedTransport};
use otpgate::{
    Gate, GateErrorKind, Money, Policy, Purpose, Region, RejectionCause, Sent, Verified,
};

type Preset = (&'static str, fn() -> Policy);

const PRESETS: [Preset; 4] = [
    ("nist_63b4", Policy::nist_63b4),
    ("asvs_l2", Policy::asvs_l2),
    ("psd2", Policy::psd2),
    ("default", Policy::default),
];

/// The rows are tried with codes of every kind: that payments are bound has a test of its own.
fn house(mut policy: Policy) -> House {
    policy.code.bound = false;
    House::lab_with(|builder| builder.policy(quick(policy)))
}

#[test]
fn every_preset_passes_its_own_check() {
    for (name, preset) in PRESETS {
        assert!(preset().check().is_ok(), "{name}");
    }
}

/// NIST SP 800-63B-4 §3.1.3.2 (six decimal digits or more); ASVS 6.5.4 (20 bits or six digits).
#[tokio::test]
async fn codes_have_at_least_six_digits() {
    for (name, preset) in PRESETS {
        assert!(preset().code.format.entropy_bits() >= 19.93, "{name}");
        let house = house(preset());
        let _ = house.send(ALICE).await;
        let code = house.last_code();
        assert!(code.len() >= 6 && code.bytes().all(|byte| byte.is_ascii_digit()), "{name}");
    }
    assert!(CodeFormat::digits(5).is_err());
}

/// ASVS 6.5.3 and 11.5.1; EU 2018/389 Art. 4(2)(b): no code tells another.
#[tokio::test]
async fn codes_do_not_repeat_more_than_chance() {
    let house = house(Policy::default());
    for index in 0..300_u32 {
        let _ = house.send_to(&german(u64::from(index)), &client(index)).await;
    }
    let codes = house.codes();
    let different: HashSet<&String> = codes.iter().collect();
    // 300 of a million: 0.045 pairs expected, five or more once in 10^9 runs.
    assert!(codes.len() - different.len() < 5);
    assert!(codes.iter().any(|code| code.starts_with('0')), "leading zeros are kept");
}

/// NIST §3.1.3.2, ASVS 6.5.5: at most ten minutes, to the millisecond.
#[tokio::test]
async fn codes_are_good_for_at_most_ten_minutes() {
    for (name, preset) in PRESETS {
        assert!(preset().code.life <= minutes(10), "{name}");
        let mut policy = preset();
        for life in [policy.code.life, minutes(10)] {
            policy.code.life = life;
            for (after, good) in [(life - Duration::from_millis(1), true), (life, false)] {
                let house = house(policy.clone());
                let grant = house.send(ALICE).await.into_grant();
                house.clock.advance(after);
                let code = house.last_code();
                assert_eq!(house.accepts(&grant, &code).await, good, "{name} after {after:?}");
            }
        }
        policy.code.life = minutes(10) + seconds(1);
        assert!(policy.check().is_err(), "{name}");
    }
}

/// NIST §3.1.3.2 and §3.2.7, ASVS 6.5.1, EU 2018/389 Art. 4(1).
#[tokio::test]
async fn codes_are_used_once() {
    for (name, preset) in PRESETS {
        let house = house(preset());
        let grant = house.send(ALICE).await.into_grant();
        let code = house.last_code();
        assert!(house.accepts(&grant, &code).await, "{name}");
        assert!(!house.accepts(&grant, &code).await, "{name}");
    }
}

/// NIST §3.1.3.2: "issuing a new code must not reset the failed-attempt count"; §3.2.2: at most 100.
#[tokio::test]
async fn consecutive_failures_of_a_number_stay_within_100() {
    for (name, preset) in PRESETS {
        let all = preset().attempts;
        let shares = [all.open, all.checked, all.proven, all.caller, all.authenticator];
        assert!(shares.iter().map(|share| share.max).sum::<u64>() <= 100, "{name}");
    }
    // The whole hundred in one lane, and every other limit out of the way.
    let mut policy = Policy::nist_63b4();
    policy.attempts.open.max = 96;
    policy.attempts.open.pause_after = 96;
    policy.attempts.checked.max = 1;
    policy.attempts.checked.pause_after = 1;
    policy.attempts.proven = policy.attempts.checked;
    policy.attempts.caller = policy.attempts.checked;
    (policy.attempts.authenticator.max, policy.attempts.authenticator.pause_after) = (1, 1);
    policy.code.attempts = 10;
    policy.quotas.number = vec![otpgate::policy::Quota::daily(1_000_000)];
    policy.quotas.number_total.clear();
    let house = house(policy);
    for flow in 0..30_u32 {
        let who = client(flow);
        if let Sent::Issued(issued) = house.insist(ALICE, &Purpose::SIGN_UP, &who).await {
            for guess in 0..10 {
                let wrong = off_by(&house.last_code(), guess + 1);
                assert!(!house.accepts_from(issued.grant(), &wrong, &who).await);
            }
        }
        house.clock.advance(hours(1));
    }
    assert_eq!(house.log.compared(), 96);
    let mut over = Policy::nist_63b4();
    over.attempts.open.max = 21;
    assert!(over.check().is_err());
}

/// NIST §3.2.2: a delay that grows from 30 seconds on as the cap comes near.
#[tokio::test]
async fn near_the_cap_attempts_must_wait_longer_and_longer() {
    for (name, preset) in PRESETS {
        let lanes = preset().attempts;
        for lane in [lanes.open, lanes.checked, lanes.proven, lanes.caller, lanes.authenticator] {
            assert!(lane.pause_after < lane.max, "{name}");
            assert_eq!(lane.pause, seconds(30), "{name}");
            assert!(lane.longest >= hours(1), "{name}");
        }
    }
    let mut policy = Policy::nist_63b4();
    policy.code.attempts = 10;
    let house = house(policy);
    let grant = house.send(ALICE).await.into_grant();
    for guess in 0..6 {
        assert!(!house.accepts(&grant, &off_by(&house.last_code(), guess + 1)).await);
    }
    // Six failures: the next attempt, of a new verification, waits 30 seconds; the one after it 60.
    let me = client(2);
    house.clock.advance(seconds(30));
    let mut last = seconds(30);
    let grant = house.send_to(ALICE, &me).await.into_grant();
    for wait in [30, 60, 120] {
        let pause = seconds(wait).saturating_sub(last);
        if !pause.is_zero() {
            house.clock.advance(pause - Duration::from_millis(1));
            assert!(!house.accepts_from(&grant, &house.wrong_code(), &me).await);
            assert_eq!(house.log.last_cause(), Some(RejectionCause::NumberLimit), "{wait}");
            house.clock.advance(Duration::from_millis(1));
        }
        assert!(!house.accepts_from(&grant, &house.wrong_code(), &me).await);
        assert_eq!(house.log.last_cause(), Some(RejectionCause::Mismatch), "{wait}");
        last = Duration::ZERO;
    }
}

/// EU 2018/389 Art. 4(3)(b): at most five failed attempts; ASVS 6.6.3.
#[tokio::test]
async fn at_most_five_attempts_are_evaluated() {
    for (name, preset) in PRESETS {
        assert!(preset().code.attempts <= 5, "{name}");
        let house = house(preset());
        let grant = house.send(ALICE).await.into_grant();
        let code = house.last_code();
        for guess in 0..5 {
            assert!(!house.accepts(&grant, &off_by(&code, guess + 1)).await, "{name}");
        }
        assert!(!house.accepts(&grant, &code).await, "{name}: the sixth");
        assert_eq!(house.log.rejected(RejectionCause::Mismatch), 5, "{name}");
        let sent = house.gate.resend(&grant, &house.client).await.unwrap();
        assert!(matches!(sent, Sent::Refused(_)), "{name}: locked for good");
    }
}

/// EU 2018/389 Art. 4(3)(a), ASVS 6.3.8: the answer does not say what was wrong.
#[tokio::test]
async fn a_rejection_says_nothing() {
    for (name, preset) in PRESETS {
        let house = house(preset());
        let grant = house.send(ALICE).await.into_grant();
        let code = house.last_code();
        let mut answers = HashSet::new();
        for (typed, who) in [
            (off_by(&code, 1), house.client.clone()),
            (String::new(), house.client.clone()),
            (code.clone(), client(9)),
        ] {
            match house.gate.verify(&grant, &typed, &who).await.unwrap() {
                Verified::Rejected(rejection) => {
                    answers.insert(format!("{rejection}{rejection:?}"));
                }
                Verified::Accepted(_) => panic!("{name}"),
            }
        }
        assert_eq!(answers.len(), 1, "{name}");
    }
}

/// ASVS 6.5.2: what is stored does not give the code away, even to one who tries all of them
/// without the key; two codes that are equal are stored as two different digests.
#[tokio::test]
async fn codes_are_not_stored_in_clear() {
    for (name, preset) in PRESETS {
        let store = ModelStore::new();
        let mut policy = quick(preset());
        policy.code.bound = false;
        let house = House::lab_with(|builder| builder.store(store.clone()).policy(policy));
        let _ = house.send(ALICE).await;
        let mut needles = otpgate::testing::secrets::Needles::new();
        needles.code("the code", &house.last_code());
        needles.number("the number", ALICE);
        assert_eq!(needles.scan(format!("{:?}", store.snapshot())), [], "{name}");
    }
}

/// ASVS 6.6.2: bound to the request it was made for.
#[tokio::test]
async fn codes_are_bound_to_their_request() {
    for (name, preset) in PRESETS {
        let house = house(preset());
        let grant = house.send(ALICE).await.into_grant();
        let code = house.last_code();
        let sent = house.try_send_for(ALICE, &Purpose::LOG_IN, &house.client).await;
        let Sent::Issued(other) = sent else { panic!("{name}: {sent:?}") };
        if house.last_code() != code {
            assert!(!house.accepts(other.grant(), &code).await, "{name}");
        }
        assert!(!house.accepts_from(&grant, &code, &client(9)).await, "{name}");
        assert!(house.accepts(&grant, &code).await, "{name}");
    }
}

/// ASVS 6.6.3 and 2.4.1: guessing and sending are limited per number and per client.
#[tokio::test]
async fn guessing_is_limited_per_client_too() {
    for (name, preset) in PRESETS {
        let client = preset().attempts.client;
        assert!(client.hard <= 100 && client.drain >= seconds(1), "{name}");
        assert!(!preset().quotas.number.is_empty() && !preset().quotas.session.is_empty());
        assert!(!preset().quotas.client_unknown.is_empty(), "{name}");
    }
}

/// EU 2018/389 Art. 5(1): the payer sees amount and payee, the code is good for these only, and any
/// change voids it.
#[tokio::test]
async fn a_payment_code_is_bound_to_amount_and_payee() {
    for (name, preset) in PRESETS {
        let house = house(preset());
        let pay = |amount: &str, payee: &str| {
            Binding::transaction(Amount::new(amount, "EUR").unwrap(), Payee::new(payee).unwrap())
        };
        let shown = pay("99.50", "Acme");
        let clearance = house.clearance_of(ALICE, &Purpose::PAYMENT, &house.client).await;
        let sent = house.gate.issue(clearance.bind(shown.clone())).await.unwrap();
        let Sent::Issued(issued) = sent else { panic!("{name}: {sent:?}") };
        let text = house.outbox.delivered()[0].expose_text().to_owned();
        assert!(text.contains("99.50") && text.contains("Acme"), "{name}: {text}");
        let code = house.last_code();
        for other in [pay("99.51", "Acme"), pay("99.50", "Acne"), Binding::none()] {
            let verified =
                house.gate.verify_bound(issued.grant(), &code, &other, &house.client).await;
            assert!(matches!(verified.unwrap(), Verified::Rejected(_)), "{name}");
        }
        let verified = house.gate.verify_bound(issued.grant(), &code, &shown, &house.client).await;
        assert!(matches!(verified.unwrap(), Verified::Accepted(_)), "{name}");
    }
}

/// EU 2018/389 Art. 5(1): a host that forgets the transaction hears of it, and nothing is sent.
#[tokio::test]
async fn with_psd2_no_code_goes_out_without_its_transaction() {
    let store = small();
    let house = House::lab_with(|builder| {
        builder.store(store).purpose(Purpose::PAYMENT, quick(Policy::psd2()))
    });
    let clearance = async || house.clearance_of(ALICE, &Purpose::PAYMENT, &house.client).await;
    let error = house.gate.issue(clearance().await).await.unwrap_err();
    assert_eq!(error.kind(), GateErrorKind::Message);
    assert!(format!("{error:?}").contains("Clearance::bind"), "{error:?}");
    let custom = Binding::custom("order", b"4711").unwrap();
    assert!(house.gate.issue(clearance().await.bind(custom)).await.is_err());
    assert!(house.gate.decoy(clearance().await).await.is_err(), "decoys tell nothing either");
    assert_eq!(house.outbox.handed_off(), 0);
    let paid = Amount::new("12.50", "EUR").unwrap();
    let paid = Binding::transaction(paid, Payee::new("Haus & Grund").unwrap());
    let sent = house.gate.issue(clearance().await.bind(paid)).await.unwrap();
    assert!(matches!(sent, Sent::Issued(_)), "{sent:?}");
    // Other purposes have their own rules.
    assert!(matches!(house.try_send(BOB, &client(9)).await, Sent::Issued(_)));

    let brand = MessageFormat::builder("Example").build().unwrap();
    let refused = Gate::builder().keys(keys()).store(small()).message(brand);
    let refused = refused.transport(ScriptedTransport::new().0).countries([Region::DE]);
    let refused = refused.daily_budget(Money::dollars(100)).policy(Policy::psd2()).build();
    assert!(refused.unwrap_err().to_string().contains("MessageFormatBuilder::transactions"));
}

/// What `psd2` adds: one code belongs to the payment on the screen.
#[tokio::test]
async fn with_psd2_a_new_code_voids_the_one_before() {
    let house = house(Policy::psd2());
    let grant = house.send(ALICE).await.into_grant();
    let first = house.last_code();
    house.clock.advance(seconds(30));
    let _ = house.gate.resend(&grant, &house.client).await.unwrap();
    let second = house.last_code();
    if first != second {
        assert!(!house.accepts(&grant, &first).await);
    }
    assert!(house.accepts(&grant, &second).await);
}

/// The presets differ from the default in what their docs say and in nothing else.
#[test]
fn the_default_is_the_strictest_but_for_what_psd2_says() {
    assert_eq!(Policy::nist_63b4(), Policy::default());
    assert_eq!(Policy::asvs_l2(), Policy::default());
    let mut psd2 = Policy::psd2();
    psd2.code.resend = Policy::default().code.resend;
    assert!(std::mem::take(&mut psd2.code.bound));
    assert_eq!(std::mem::replace(&mut psd2.test.numbers, Policy::default().test.numbers), 0);
    assert_eq!(psd2, Policy::default());
}

/// A month of the default at work: nothing above the daily quota leaves for one number.
#[tokio::test]
async fn the_default_holds_over_a_month() {
    let house = House::lab(small());
    let mut most = 0;
    for day in 0..30_u32 {
        let before = house.texts();
        for flow in 0..12_u32 {
            let _ = house.insist(ALICE, &Purpose::SIGN_UP, &client(day * 100 + flow)).await;
            house.clock.advance(hours(2));
        }
        most = most.max(house.texts() - before);
    }
    assert!((9..=11).contains(&most), "{most} in one calendar day");
    assert!(house.texts() <= 30 * 10 + 1);
    house.clock.advance(days(1));
}
