//! A1: one code, many right answers at the same moment.

use crate::support::{ALICE, House, race, slow_stores};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_32_parallel_right_answers_exactly_one_is_accepted() {
    for seed in 0..12 {
        for (name, store) in slow_stores(seed) {
            let house = House::lab(store);
            let grant = house.send(ALICE).await.into_grant();
            let code = house.last_code();
            let racers = (0..32)
                .map(|_| {
                    let (gate, grant) = (house.gate.clone(), grant.clone());
                    let (code, client) = (code.clone(), house.client.clone());
                    async move { gate.verify(&grant, &code, &client).await.unwrap() }
                })
                .collect();
            let verified = race(racers).await;
            let accepted =
                verified.iter().filter(|one| matches!(one, otpgate::Verified::Accepted(_)));
            assert_eq!(accepted.count(), 1, "{name}, seed {seed}");
            assert_eq!(house.log.accepted(), 1, "{name}, seed {seed}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_gates_on_one_store_accept_once_between_them() {
    for seed in 0..12 {
        let store = std::sync::Arc::new(otpgate::testing::Latency::new(
            otpgate::testing::ModelStore::new(),
            3,
            seed,
        ));
        let one = House::lab(std::sync::Arc::clone(&store));
        let two = one.beside(|builder| builder.store(store));
        let grant = one.send(ALICE).await.into_grant();
        let code = one.last_code();
        let racers = (0..16)
            .map(|index| {
                let gate = if index % 2 == 0 { one.gate.clone() } else { two.gate.clone() };
                let (grant, code, client) = (grant.clone(), code.clone(), one.client.clone());
                async move { gate.verify(&grant, &code, &client).await.unwrap() }
            })
            .collect();
        race(racers).await;
        assert_eq!(one.log.accepted(), 1, "seed {seed}");
    }
}
