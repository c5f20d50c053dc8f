//! Purposes and tenants share nothing but what they should.

use otpgate::access::AnonymiserKind;
use otpgate::policy::{AnonymiserTier, Quota};
use otpgate::pumping::PriceTable;
use otpgate::token::WorkBits;
use otpgate::{
    Cleared, Clock, EventKind, Money, Policy, Purpose, Realm, ReceiptOutcome, RefusalReason, Sent,
    StepUpMeans,
};

use crate::receipts::{key, one};
use crate::step_up::Turing;
use crate::support::{ALICE, House, client, hours, memory, quick, seconds, small};

#[tokio::test]
async fn each_purpose_has_its_interval() {
    let house = House::lab(small());
    for purpose in [Purpose::SIGN_UP, Purpose::LOG_IN, Purpose::PAYMENT, Purpose::RESET] {
        let sent = house.try_send_for(ALICE, &purpose, &client(1)).await;
        assert!(matches!(sent, Sent::Issued(_)), "{purpose}: {sent:?}");
        let again = house.try_send_for(ALICE, &purpose, &client(2)).await;
        assert!(matches!(again, Sent::Refused(_)), "{purpose}");
    }
}

#[tokio::test]
async fn each_purpose_has_its_policy() {
    let mut strict = quick(otpgate::Policy::default());
    strict.code.attempts = 2;
    let house = House::lab_with(|builder| builder.purpose(Purpose::PAYMENT, strict));
    for (purpose, attempts) in [(Purpose::SIGN_UP, 5), (Purpose::PAYMENT, 2)] {
        let sent = house.try_send_for(ALICE, &purpose, &house.client).await;
        let Sent::Issued(issued) = sent else { panic!("{sent:?}") };
        let view = house.gate.entry(issued.grant(), &house.client).await.unwrap();
        assert!(matches!(view, otpgate::Entry::Open(view) if view.attempts_left() == attempts));
    }
}

#[tokio::test]
async fn tenants_share_neither_limits_nor_budgets_nor_numbers() {
    let house = House::lab(small());
    let other = house.gate.in_realm(&Realm::new("other").unwrap());
    let _ = house.send(ALICE).await;
    let ticket = other.preflight(&Purpose::SIGN_UP, &house.client).unwrap();
    let proof = ticket.answer(ALICE).unwrap();
    let number = crate::support::recipient(ALICE);
    let sent = other.request(&proof, &number, &Purpose::SIGN_UP, &house.client).await.unwrap();
    assert!(matches!(sent, Sent::Issued(_)), "a tenant's interval is its own: {sent:?}");
    for gate in [&house.gate, &other] {
        let snapshot = gate.snapshot().await.unwrap();
        assert_eq!((snapshot.sent, snapshot.requests), (1, 1));
    }
    // One line has two names: what is known of it here is unknown there.
    let names: std::collections::HashSet<_> =
        house.log.events().into_iter().filter_map(|event| event.number).collect();
    assert_eq!(names.len(), 2);
    let proof = other.snapshot().await.unwrap();
    assert_eq!(proof.at, house.clock.now());
}

#[tokio::test]
async fn deployments_with_their_own_partition_share_a_store_and_nothing_else() {
    let store = std::sync::Arc::new(otpgate::testing::ModelStore::new());
    let one = House::lab(std::sync::Arc::clone(&store));
    let two = one.beside(|builder| builder.store(store).partition("staging"));
    let grant = one.send(ALICE).await.into_grant();
    assert!(!two.accepts(&grant, &one.last_code()).await);
    assert!(matches!(two.try_send(ALICE, &client(2)).await, Sent::Issued(_)));
    one.clock.advance(seconds(1));
    let first = one.codes()[0].clone();
    assert!(one.accepts(&grant, &first).await);
}

#[tokio::test]
async fn an_account_has_a_limit_over_its_numbers() {
    let house = House::lab(small());
    for index in 0..30_u32 {
        let who = client(index).user("mallory");
        let _ = house.try_send(&crate::support::german(u64::from(index)), &who).await;
    }
    assert_eq!(house.texts(), 10);
}

/// The work of an ordinary ticket, and of the one that a purpose's step-up gives.
fn strict() -> Policy {
    let mut strict = quick(Policy::default());
    strict.token.work = WorkBits::new(10).unwrap();
    strict.token.step_up_work = WorkBits::new(12).unwrap();
    strict
}

fn work_of(house: &House, purpose: &Purpose) -> u8 {
    house.gate.preflight(purpose, &house.client).unwrap().terms().work.bits()
}

#[tokio::test]
async fn each_purpose_has_its_tickets_and_its_human_check() {
    let mut strict = strict();
    strict.token.human_check_always = true;
    let house =
        House::lab_with(|builder| builder.purpose(Purpose::PAYMENT, strict).human_check(Turing));
    assert_eq!([Purpose::PAYMENT, Purpose::SIGN_UP].map(|of| work_of(&house, &of)), [10, 0]);
    let cleared = house.clear(ALICE, &Purpose::PAYMENT, &house.client).await;
    let Cleared::StepUp(step_up) = cleared else { panic!("{cleared:?}") };
    assert_eq!(*step_up.reason(), RefusalReason::HumanCheckAsked);
    assert_eq!(step_up.means(), StepUpMeans::Human);
    assert_eq!(step_up.ticket().terms().work.bits(), 10, "no easier than the first");
    let cleared = house.clear(ALICE, &Purpose::SIGN_UP, &house.client).await;
    assert!(matches!(cleared, Cleared::Passed(_)), "{cleared:?}");
}

#[tokio::test]
async fn each_purpose_has_its_rules_about_networks_that_hide() {
    let mut strict = strict();
    strict.anonymisers.vpn = AnonymiserTier::HumanCheck;
    let house = House::lab_with(|builder| builder.purpose(Purpose::PAYMENT, strict));
    let hidden = client(2).anonymiser(AnonymiserKind::Vpn);
    let cleared = house.clear(ALICE, &Purpose::PAYMENT, &hidden).await;
    let Cleared::StepUp(step_up) = cleared else { panic!("{cleared:?}") };
    assert_eq!(*step_up.reason(), RefusalReason::Anonymiser(AnonymiserKind::Vpn));
    assert_eq!(step_up.means(), StepUpMeans::Work { bits: 12 });
    assert_eq!(step_up.ticket().terms().work.bits(), 12);
    let cleared = house.clear(ALICE, &Purpose::SIGN_UP, &hidden).await;
    assert!(matches!(cleared, Cleared::Passed(_)), "{cleared:?}");
    assert!(matches!(house.clear(ALICE, &Purpose::PAYMENT, &client(3)).await, Cleared::Passed(_)));
}

/// A house whose texts to Germany cost ten cents, with rules of its own for payments.
fn paying(change: impl FnOnce(&mut Policy)) -> House {
    let mut strict = quick(Policy::default());
    change(&mut strict);
    House::lab_with(|builder| {
        let prices = PriceTable::builtin().with(*b"DE", Money::cents(10));
        builder.prices(prices).purpose(Purpose::PAYMENT, strict)
    })
}

/// A text for `purpose`, and what a receipt that says `said` of it leaves of its ten cents.
async fn left_by(house: &House, purpose: &Purpose, said: &str) -> Money {
    let before = house.gate.snapshot().await.unwrap().spent;
    let sent = house.try_send_for(ALICE, purpose, &house.client).await;
    assert!(matches!(sent, Sent::Issued(_)), "{purpose}: {sent:?}");
    let (word, rest) = said.split_once(' ').unwrap();
    let line = format!("{word} {} {rest}", key(house));
    assert_eq!(one(house, &line).await, ReceiptOutcome::Applied, "{purpose}");
    let after = house.gate.snapshot().await.unwrap().spent;
    Money::microdollars(after.as_microdollars() - before.as_microdollars())
}

#[tokio::test]
async fn each_purpose_has_its_rules_about_receipts() {
    let faults =
        |house: &House| house.log.count(|kind| matches!(kind, EventKind::NumberFault { .. }));
    let house = paying(|strict| {
        strict.receipts.undelivered_is_free = true;
        strict.receipts.opted_out = seconds(0);
    });
    let said = "undelivered 1 fault=opted-out";
    assert_eq!(left_by(&house, &Purpose::PAYMENT, said).await, Money::ZERO);
    assert_eq!(faults(&house), 0, "not remembered");
    assert_eq!(left_by(&house, &Purpose::SIGN_UP, said).await, Money::cents(10));
    assert_eq!(faults(&house), 1);

    let house = paying(|strict| {
        strict.budget.rates.insert("EUR".into(), Money::cents(120));
    });
    let said = "delivered 1 0.05 EUR";
    assert_eq!(left_by(&house, &Purpose::PAYMENT, said).await, Money::cents(6));
    assert_eq!(left_by(&house, &Purpose::SIGN_UP, said).await, Money::cents(10), "no rate");
}

/// How often an undelivered text is given back, and from which quotas.
#[tokio::test]
async fn each_purpose_gives_back_what_it_charged() {
    let proved = House::lab(memory()).prove(ALICE, &client(900)).await;
    let proof = proved.device_proof().as_str();
    let undelivered = async |house: &House, purpose: &Purpose, index: u32| {
        let owner = client(index).device_proof(proof);
        let sent = house.try_send_for(ALICE, purpose, &owner).await;
        if matches!(sent, Sent::Issued(_)) {
            let line = format!("undelivered {} {index}", key(house));
            assert_eq!(one(house, &line).await, ReceiptOutcome::Applied);
        }
        matches!(sent, Sent::Issued(_))
    };
    // The second goes where the first was given back.
    for (refunds, purposes) in [
        (0, [(Purpose::PAYMENT, false), (Purpose::SIGN_UP, true)]),
        (1, [(Purpose::PAYMENT, true), (Purpose::SIGN_UP, true)]),
    ] {
        for (purpose, goes) in purposes {
            let house = paying(|strict| {
                strict.receipts.refunds = refunds;
                strict.quotas.number = vec![Quota { max: 1, per: hours(2) }];
            });
            assert!(undelivered(&house, &purpose, 1).await);
            assert_eq!(undelivered(&house, &purpose, 2).await, goes, "{refunds} {purpose}");
        }
    }
}
