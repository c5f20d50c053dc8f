//! A2: more guesses at the same moment than the limit allows.

use otpgate::RejectionCause;
use otpgate::testing::{Latency, SeededEntropy};

use crate::support::{
    ALICE, Dice, House, german, in_session, memory, minutes, off_by, race, roaming, slow_stores,
};

const LIMIT: usize = 5;

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
        // While partitions change, what breaks off comes back to a meter that was found used up a moment ago,
        // and the clock stands still.
        let least = if name.ends_with("in the midst") { 30 } else { 60 };
        assert!((least..=60).contains(&judged), "{name}: {judged} of the client's 60 failures");
        assert_eq!(house.log.rejected(RejectionCause::ClientLimit), 200 - judged, "{name}");
    }
}

/// A2b: the right code at a random place among the guesses is hit no more often than the limit
/// allows, and no less. Seeds make the runs repeat, so the bound of three sigmas cannot flake.
#[tokio::test]
async fn a_hidden_right_code_is_hit_as_often_as_the_limit_allows() {
    hidden_hits(20, 300).await;
}

/// The same among 200 guesses. `OTPGATE_A2B_RUNS` says how often; `.ci/run` sets 10 000.
#[tokio::test]
async fn a_right_code_hidden_among_200_guesses_is_hit_once_in_forty_runs() {
    let runs = std::env::var("OTPGATE_A2B_RUNS").map_or(100, |runs| runs.parse().unwrap());
    hidden_hits(200, runs).await;
}

async fn hidden_hits(guesses: u32, runs: u32) {
    let house = House::lab_with(|builder| {
        builder.store(Latency::new(memory(), 3, 7)).entropy(SeededEntropy::new(7)).single_gate()
    });
    let mut dice = Dice(7);
    let mut hits = 0_u32;
    for run in 0..runs {
        let session = format!("run {run}");
        let owner = in_session(guesses, &session);
        let grant = house.send_to(&german(run.into()), &owner).await.into_grant();
        let (code, place) = (house.last_code(), dice.below(guesses.into()));
        let racers = (0..guesses)
            .map(|index| {
                let (gate, grant) = (house.gate.clone(), grant.clone());
                // Guess number `place` is the code itself.
                let by = (u64::from(index + guesses) - place) % u64::from(guesses);
                let (guess, client) = (off_by(&code, by), in_session(index, &session));
                async move { gate.verify(&grant, &guess, &client).await.unwrap() }
            })
            .collect();
        race(racers).await;
        let hit = house.log.accepted() == 1;
        let compared = house.log.compared();
        assert!(compared == LIMIT || (hit && compared < LIMIT), "{compared} in run {run}");
        hits += u32::from(hit);
        house.log.clear();
        house.outbox.clear();
        // A network forgets one failure a minute.
        house.clock.advance(minutes(2));
    }
    let (rate, expected) = (f64::from(hits) / f64::from(runs), LIMIT as f64 / f64::from(guesses));
    let sigma = (expected * (1.0 - expected) / f64::from(runs)).sqrt();
    assert!((rate - expected).abs() <= 3.0 * sigma, "hit {rate}, expected {expected} ± {sigma}");
}
