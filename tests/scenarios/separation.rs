//! Purposes and tenants share nothing but what they should.

use otpgate::{Clock, Purpose, Realm, Sent};

use crate::support::{ALICE, House, client, quick, seconds, small};

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
