//! Sends over a cluster of six nodes that it starts itself: commands, processor time and calls a second with
//! one, three and six primaries.
//!
//! `cargo run --release -p otpgate-store-tests --example redis_spread_load --features redis-cluster -- 100000`
//!
//! A send is what a gate makes of the default policy: a nonce, a guard, a challenge, and charges on the
//! number, its block, the client's networks, the session and the realm's budget.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a program that measures"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use otpgate::limit::{Limit, MeterKey, Slot};
use otpgate::store::{
    Admission, Admitted, ChallengeWrite, Charge, DocumentWrite, Guard, Home, Nonce, Observation,
    RedisOptions, RedisStore,
};
use otpgate::{Pseudonym, RequestId, Store, Timestamp};

use support::redis_server::{self, SixNodes};

const T0: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const HOUR: u64 = 3_600_000;
/// Calls under way at the same time.
const CALLERS: u64 = 64;

/// A name that is as even as an HMAC's output, and the same in each run.
fn name(kind: u64, number: u64) -> Pseudonym {
    let mix = |mut word: u64| {
        word = (word ^ word >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ word >> 31
    };
    let seed = kind.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(number);
    let words = [mix(seed), mix(seed ^ 0x5555_5555_5555_5555)];
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&words[0].to_be_bytes());
    bytes[8..].copy_from_slice(&words[1].to_be_bytes());
    Pseudonym::from_bytes(bytes)
}

fn send(n: u64) -> Admission {
    let id = RequestId::from_bytes(*name(1, n).as_bytes());
    let now = T0 + Duration::from_millis(n);
    let mut send = Admission::new(id, now, name(0, 0), now + Duration::from_secs(600));
    let (number, challenge) = (name(2, n), name(3, n));
    send.home = Home::of(number).and(challenge);
    send.guards = vec![Guard { document: name(4, 0), version: 1 }];
    send.nonces = vec![Nonce { key: name(5, n), expires: now + Duration::from_secs(600) }];
    send.challenge = Some(ChallengeWrite::Open {
        key: challenge,
        digest: [7; 32],
        expires: now + Duration::from_secs(300),
        closes: now + Duration::from_secs(900),
        attempts: 5,
    });
    let day = |max| Limit::Window { max, span_ms: 24 * HOUR };
    let hour = |max| Limit::Window { max, span_ms: HOUR };
    let drains = |max, drain_ms| Limit::Unverified { max, drain_ms };
    let ladder = Limit::Ladder { first_ms: 30_000, longest_ms: 600_000, forget_ms: 1_800_000 };
    let (network, many) = (n / 3, u64::MAX >> 11);
    send.charges = [
        (number, 1, ladder, 1),
        (number, 2, hour(5), 1),
        (number, 3, day(10), 1),
        (number, 4, day(30), 1),
        (name(6, network), 1, drains(300, 60_000), 1),
        (name(7, network / 16), 1, drains(3_000, 12_000), 1),
        (name(7, network / 16), 2, drains(4_000, 10_000), 1),
        (name(8, network / 1_024), 1, drains(6_000, 6_000), 1),
        (name(8, network / 1_024), 2, drains(24_000, 4_000), 1),
        (name(9, n), 1, hour(10), 1),
        (name(10, n / 40), 1, drains(600, 120_000), 1),
        (name(11, 0), 1, day(1_000_000_000_000), 75_000),
        (name(12, n % 7), 1, hour(many), 1),
        (name(11, 0), 2, hour(many), 1),
    ]
    .map(|(subject, slot, limit, cost)| {
        Charge::new(MeterKey::new(subject, Slot(slot)), limit, cost)
    })
    .into();
    send.observe = [name(12, n % 7), name(11, 0)]
        .map(|subject| Observation {
            key: MeterKey::new(subject, Slot(9)),
            span_ms: HOUR,
            units: 1,
        })
        .into();
    send
}

/// Processor seconds of a node, and its script calls.
fn spent(node: &redis_server::RedisServer) -> (f64, u64) {
    let info = node.say(&["INFO", "cpu"]);
    let field = |name: &str| {
        let line = info.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|value| value.trim().parse::<f64>().ok()).unwrap_or_default()
    };
    (field("used_cpu_user:") + field("used_cpu_sys:"), node.calls("evalsha"))
}

#[tokio::main]
async fn main() {
    if !redis_server::available() {
        return;
    }
    let asked = std::env::args().nth(1).and_then(|text| text.parse().ok());
    let sends: u64 = asked.unwrap_or(100_000);
    let mut one = 0.0;
    for primaries in [1_u16, 3, 6] {
        let nodes = SixNodes::start(usize::from(primaries));
        let options = RedisOptions {
            partitions: primaries,
            response_timeout: Duration::from_secs(10),
            ..RedisOptions::default()
        };
        let store = Arc::new(RedisStore::cluster_with(nodes.urls(), options).await.unwrap());
        let mut book = Admission::new(RequestId::from_bytes([9; 16]), T0, name(0, 0), T0);
        book.documents =
            vec![DocumentWrite { document: name(4, 0), expect: 0, content: b"controls".into() }];
        assert!(matches!(store.admit(&book).await, Ok(Admitted::Granted { .. })));
        let before: Vec<_> = nodes.nodes.iter().map(spent).collect();
        let (next, start) = (Arc::new(AtomicU64::new(0)), Instant::now());
        let callers: Vec<_> = (0..CALLERS)
            .map(|_| {
                let (store, next) = (Arc::clone(&store), Arc::clone(&next));
                tokio::spawn(async move {
                    loop {
                        let n = next.fetch_add(1, Ordering::Relaxed);
                        if n >= sends {
                            return;
                        }
                        let answer = store.admit(&send(n)).await;
                        assert!(matches!(answer, Ok(Admitted::Granted { .. })), "{answer:?}");
                    }
                })
            })
            .collect();
        for caller in callers {
            caller.await.unwrap();
        }
        let rate = sends as f64 / start.elapsed().as_secs_f64();
        if primaries == 1 {
            one = rate;
        }
        println!("{primaries} primaries: {rate:.0} sends a second, {:.2} times one", rate / one);
        let after: Vec<_> = nodes.nodes.iter().map(spent).collect();
        let each: Vec<_> = (before.iter().zip(&after).take(usize::from(primaries)))
            .map(|(before, after)| (after.0 - before.0, after.1 - before.1))
            .collect();
        let (seconds, calls) = each.iter().fold((0.0, 0), |sum, it| (sum.0 + it.0, sum.1 + it.1));
        println!(
            "  {calls} calls, {seconds:.2} s of processor time, {:.0} us a send",
            seconds * 1e6 / sends as f64
        );
        for (at, (own, calls)) in each.iter().enumerate() {
            println!(
                "  node {at}: {calls} calls, {own:.2} s, {:.1} % of all; an even share is {:.1} %",
                own * 100.0 / seconds,
                100.0 / f64::from(primaries)
            );
        }
    }
}
