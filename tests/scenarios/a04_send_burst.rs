//! A4: many sends at the same moment.

use otpgate::{ClientContext, ClientIp, Money, Purpose, Sent};

use crate::support::{ALICE, House, client, german, race, slow_stores};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_200_parallel_sends_to_one_number_one_goes_out_and_one_is_charged() {
    for seed in 0..2 {
        for (name, store) in slow_stores(seed) {
            let house = House::lab(store);
            let mut racers = Vec::new();
            for index in 0..200 {
                let clearance = house.clearance_of(ALICE, &Purpose::SIGN_UP, &client(index)).await;
                let gate = house.gate.clone();
                racers.push(async move { gate.issue(clearance).await.unwrap() });
            }
            let sent = race(racers).await;
            assert_eq!(
                sent.iter().filter(|one| matches!(one, Sent::Issued(_))).count(),
                1,
                "{name}"
            );
            assert_eq!(house.texts(), 1, "{name}, seed {seed}");
            // Nothing is left of the 199 that were refused.
            let snapshot = house.gate.snapshot().await.unwrap();
            assert_eq!((snapshot.sent, snapshot.requests), (1, 200), "{name}");
            assert_eq!(snapshot.spent, house.cost(), "{name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_session_gets_its_ten_an_hour() {
    for (name, store) in slow_stores(3) {
        let house = House::lab(store);
        let mut racers = Vec::new();
        for index in 0..200 {
            let number = german(index);
            let clearance = house.clearance_of(&number, &Purpose::SIGN_UP, &house.client).await;
            let gate = house.gate.clone();
            racers.push(async move { gate.issue(clearance).await.unwrap() });
        }
        race(racers).await;
        assert_eq!(house.texts(), 10, "{name}");
        assert_eq!(house.gate.snapshot().await.unwrap().spent, house.cost(), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_address_with_many_sessions_is_asked_for_more_after_60_unverified_texts() {
    for (name, store) in slow_stores(4) {
        let house = House::lab(store);
        let mut racers = Vec::new();
        for index in 0..200 {
            let number = german(index);
            let ip = ClientIp::from_peer("192.0.2.1".parse().unwrap());
            let who = ClientContext::new(ip, format!("session-{index}"));
            let clearance = house.clearance_of(&number, &Purpose::SIGN_UP, &who).await;
            let gate = house.gate.clone();
            racers.push(async move { gate.issue(clearance).await.unwrap() });
        }
        let sent = race(racers).await;
        assert!((1..=60).contains(&house.texts()), "{name}: {}", house.texts());
        assert!(sent.iter().any(|one| matches!(one, Sent::StepUp(_))), "{name}");
        let spent = house.gate.snapshot().await.unwrap().spent;
        assert_eq!(spent, house.cost(), "{name}");
        assert_ne!(spent, Money::ZERO);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parallel_resends_of_one_grant_send_one_text() {
    for (name, store) in slow_stores(5) {
        let house = House::lab(store);
        let grant = house.send(ALICE).await.into_grant();
        house.clock.advance(crate::support::seconds(30));
        let racers = (0..50)
            .map(|_| {
                let (gate, grant) = (house.gate.clone(), grant.clone());
                let client = house.client.clone();
                async move { gate.resend(&grant, &client).await.unwrap() }
            })
            .collect();
        race(racers).await;
        assert_eq!(house.texts(), 2, "{name}");
    }
}

/// What a busy shared address asks for, in letters: sent or asked for more. One user in
/// `one_in` enters the code.
async fn shared_address(one_in: u64) -> String {
    let house = House::lab_with(|builder| builder);
    let mut fates = String::new();
    for index in 0..400 {
        let ip = ClientIp::from_peer("192.0.2.1".parse().unwrap());
        let who = ClientContext::new(ip, format!("session-{index}"));
        match house.try_send(&german(index), &who).await {
            Sent::Issued(issued) => {
                if index % one_in == 0 {
                    assert!(
                        house.accepts_from(issued.grant(), &house.last_code(), &who).await,
                        "{index}"
                    );
                }
                fates.push('s');
            }
            _ => fates.push('a'),
        }
        house.clock.advance(crate::support::seconds(2));
    }
    fates
}

#[tokio::test]
async fn an_address_whose_users_enter_half_of_their_codes_is_never_held_up() {
    assert_eq!(shared_address(2).await, "s".repeat(400));
    let third = shared_address(3).await;
    assert!(third.contains('a'), "{third}");
}
