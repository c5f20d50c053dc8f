//! A2: more guesses at the same moment than the limit allows.

use otpgate::testing::{Latency, ModelStore, SeededEntropy};
use otpgate::{ClientContext, Policy, RejectionCause};

use crate::support::{ALICE, Dice, House, client, off_by, quick, race, slow_stores};

const LIMIT: usize = 5;

/// A client in the session of `house.client`, from another network.
fn roaming(index: u32) -> ClientContext {
    let elsewhere = client(index + 2);
    let ip = otpgate::ClientIp::from_peer(address(&elsewhere));
    ClientContext::new(ip, "session-1")
}

fn address(client: &ClientContext) -> std::net::IpAddr {
    // The context does not show its address; the same arithmetic makes it again.
    let shown = format!("{client:?}");
    let start = shown.find(|c: char| c.is_ascii_digit()).unwrap();
    let text: String =
        shown[start..].chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
    text.parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_200_parallel_guesses_exactly_the_limit_is_compared() {
    for seed in 0..3 {
        for (name, store) in slow_stores(seed) {
            let house = House::lab(store);
            let grant = house.send(ALICE).await.into_grant();
            let code = house.last_code();
            let racers = (0..200_u32)
                .map(|index| {
                    let (gate, grant) = (house.gate.clone(), grant.clone());
                    let guess = off_by(&code, u64::from(index) + 1);
                    let client = roaming(index);
                    async move { gate.verify(&grant, &guess, &client).await.unwrap() }
                })
                .collect();
            race(racers).await;
            assert_eq!(house.log.compared(), LIMIT, "{name}, seed {seed}");
            assert_eq!(house.log.rejected(RejectionCause::Locked), 200 - LIMIT, "{name}");
            assert!(!house.accepts(&grant, &code).await, "{name}: the lock opened");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_address_stops_at_its_own_limit_too() {
    for (name, store) in slow_stores(9) {
        let house = House::lab(store);
        let grant = house.send(ALICE).await.into_grant();
        let code = house.last_code();
        let racers = (0..200_u64)
            .map(|index| {
                let (gate, grant) = (house.gate.clone(), grant.clone());
                let (guess, client) = (off_by(&code, index + 1), house.client.clone());
                async move { gate.verify(&grant, &guess, &client).await.unwrap() }
            })
            .collect();
        race(racers).await;
        assert_eq!(house.log.compared(), LIMIT, "{name}");
        let judged = house.log.compared() + house.log.rejected(RejectionCause::Locked);
        assert_eq!(judged, 60, "{name}: the client's 60 failures");
        assert_eq!(house.log.rejected(RejectionCause::ClientLimit), 140, "{name}");
    }
}

/// A2b: the right code at a random place among the guesses is hit no more often than the limit
/// allows, and no less. Seeds make the runs repeat, so the bound of three sigmas cannot flake.
#[tokio::test]
async fn a_hidden_right_code_is_hit_as_often_as_the_limit_allows() {
    const RUNS: u32 = 300;
    const GUESSES: u64 = 20;
    let mut dice = Dice(7);
    let mut hits = 0_u32;
    for run in 0..RUNS {
        let seed = u64::from(run);
        let store = Latency::new(ModelStore::new(), 2, seed);
        let house = House::lab_with(|builder| {
            builder
                .store(store)
                .entropy(SeededEntropy::new(seed))
                .policy(quick(Policy::default()))
        });
        let grant = house.send(ALICE).await.into_grant();
        let (code, place) = (house.last_code(), dice.below(GUESSES));
        let racers = (0..GUESSES)
            .map(|index| {
                let (gate, grant) = (house.gate.clone(), grant.clone());
                // Guess number `place` is the code itself.
                let guess = off_by(&code, (index + GUESSES - place) % GUESSES);
                let client = house.client.clone();
                async move { gate.verify(&grant, &guess, &client).await.unwrap() }
            })
            .collect();
        race(racers).await;
        assert!(house.log.compared() <= LIMIT);
        hits += u32::from(house.log.accepted() == 1);
    }
    let (rate, expected) = (f64::from(hits) / f64::from(RUNS), LIMIT as f64 / GUESSES as f64);
    let sigma = (expected * (1.0 - expected) / f64::from(RUNS)).sqrt();
    assert!((rate - expected).abs() <= 3.0 * sigma, "hit {rate}, expected {expected} ± {sigma}");
}
