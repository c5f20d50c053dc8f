//! A19: the front-end token, replayed, altered, moved and forged.

use otpgate::token::{HumanTime, TokenError, WorkBits};
use otpgate::{Cleared, ClientContext, ClientIp, KeyId, KeyRing, Purpose, RefusalReason, Sent};

use crate::support::{
    ALICE, BOB, House, client, hours, in_session, minutes, pepper, race, recipient, seconds,
    slow_stores, small,
};

async fn refusal(house: &House, proof: &str, who: &ClientContext) -> Option<String> {
    let cleared = house.gate.clear(proof, &recipient(ALICE), &Purpose::SIGN_UP, who).await;
    match cleared.unwrap() {
        Cleared::Refused(refusal) => Some(refusal.reason().to_string()),
        _ => None,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_64_parallel_uses_of_one_token_one_counts() {
    for seed in 0..6 {
        for (name, store) in slow_stores(seed) {
            let house = House::lab(store);
            let ticket = house.gate.preflight(&Purpose::SIGN_UP, &house.client).unwrap();
            let mut racers = Vec::new();
            for index in 0..64 {
                // To a number each, so that only the token stands in the way.
                let number = crate::support::german(index);
                let proof = ticket.answer(&number).unwrap();
                let (gate, who) = (house.gate.clone(), house.client.clone());
                racers.push(async move {
                    let number = recipient(&number);
                    match gate.request(&proof, &number, &Purpose::SIGN_UP, &who).await.unwrap() {
                        Sent::Issued(_) => true,
                        Sent::Refused(refusal) => {
                            assert!(matches!(refusal.reason(), RefusalReason::TokenSpent));
                            false
                        }
                        other => panic!("{other:?}"),
                    }
                });
            }
            let counted = race(racers).await;
            assert_eq!(counted.into_iter().filter(|sent| *sent).count(), 1, "{name}, {seed}");
            assert_eq!(house.texts(), 1, "{name}, {seed}");
        }
    }
}

#[tokio::test]
async fn every_altered_character_is_noticed() {
    let house = House::lab(small());
    let ticket = house.gate.preflight(&Purpose::SIGN_UP, &house.client).unwrap();
    let proof = ticket.answer(ALICE).unwrap();
    for place in 0..proof.len() {
        for with in [b'A', b'B', b'-', b'=', b' '] {
            let mut changed = proof.clone().into_bytes();
            if changed[place] == with {
                continue;
            }
            changed[place] = with;
            let changed = String::from_utf8(changed).unwrap();
            assert!(refusal(&house, &changed, &house.client).await.is_some(), "at {place}");
        }
    }
    for cut in 0..proof.len() {
        assert!(refusal(&house, &proof[..cut], &house.client).await.is_some(), "cut at {cut}");
    }
    for longer in [format!("{proof}A"), proof.repeat(2), format!(" {proof}"), "A".repeat(1 << 20)] {
        assert!(refusal(&house, &longer, &house.client).await.is_some());
    }
    assert!(refusal(&house, &proof, &house.client).await.is_none());
}

#[tokio::test]
async fn parts_of_two_tokens_make_none() {
    let house = House::lab(small());
    let proofs: Vec<String> = (0..2)
        .map(|_| {
            let ticket = house.gate.preflight(&Purpose::SIGN_UP, &house.client).unwrap();
            ticket.answer(ALICE).unwrap()
        })
        .collect();
    for cut in 1..proofs[0].len() {
        let spliced = format!("{}{}", &proofs[0][..cut], &proofs[1][cut..]);
        if !proofs.contains(&spliced) {
            assert!(refusal(&house, &spliced, &house.client).await.is_some(), "at {cut}");
        }
    }
}

#[tokio::test]
async fn a_token_is_good_where_it_was_given_out() {
    let house = House::lab(small());
    let home = client(1).origin("https://example.com");
    let ticket = house.gate.preflight(&Purpose::SIGN_UP, &home).unwrap();
    let proof = ticket.answer(ALICE).unwrap();
    let elsewhere = ClientIp::from_peer("192.0.2.77".parse().unwrap());
    for (what, who) in [
        ("another origin", client(1).origin("https://evil.example")),
        ("no origin", client(1)),
        ("another session", in_session(1, "session-2").origin("https://example.com")),
        ("another session and network", client(2).origin("https://example.com")),
        (
            "another network",
            ClientContext::new(elsewhere, "session-1").origin("https://example.com"),
        ),
        (
            "no network",
            ClientContext::new(ClientIp::unknown(), "session-1").origin("https://example.com"),
        ),
    ] {
        assert!(refusal(&house, &proof, &who).await.is_some(), "{what}");
    }
    for number in [BOB, "+447400123456"] {
        let cleared =
            house.gate.clear(&proof, &recipient(number), &Purpose::SIGN_UP, &home).await.unwrap();
        assert!(matches!(cleared, Cleared::Refused(_)), "another number");
    }
    assert!(refusal(&house, &proof, &home).await.is_none());
}

#[tokio::test]
async fn early_late_and_future_tokens_are_refused_with_what_to_do() {
    let house = House::ruled(|policy| {
        policy.token.human_time = HumanTime::new(seconds(2)).unwrap();
    });
    let ticket = house.gate.preflight(&Purpose::SIGN_UP, &house.client).unwrap();
    let proof = ticket.answer(ALICE).unwrap();
    let cleared = house
        .gate
        .clear(&proof, &recipient(ALICE), &Purpose::SIGN_UP, &house.client)
        .await
        .unwrap();
    let Cleared::Refused(early) = cleared else { panic!("nobody types that fast") };
    let RefusalReason::Token(TokenError::TooSoon { wait }) = early.reason() else {
        panic!("{early:?}")
    };
    assert_eq!(Some(*wait), early.retry_after());
    assert!(early.public().retry_after().unwrap() >= *wait);
    house.clock.advance(*wait);
    assert!(refusal(&house, &proof, &house.client).await.is_none(), "the same proof, later");
    house.clock.advance(minutes(10));
    assert!(refusal(&house, &proof, &house.client).await.is_some(), "after its life");

    // From a gate whose clock is an hour ahead.
    let ahead = House::lab(small());
    ahead.clock.advance(hours(1));
    let ticket = ahead.gate.preflight(&Purpose::SIGN_UP, &ahead.client).unwrap();
    let proof = ticket.answer(ALICE).unwrap();
    let present = House::lab(small());
    assert!(refusal(&present, &proof, &present.client).await.is_some(), "issued in the future");
}

#[tokio::test]
async fn a_clearance_does_not_outlive_its_token() {
    let house = House::lab(small());
    let clearance = house.clearance(ALICE).await;
    house.clock.advance(minutes(10));
    assert!(matches!(house.gate.issue(clearance).await.unwrap(), Sent::Refused(_)));
    assert_eq!(house.texts(), 0);
}

#[tokio::test]
async fn a_key_that_is_gone_signs_nothing() {
    let old = House::lab(small());
    let ticket = old.gate.preflight(&Purpose::SIGN_UP, &old.client).unwrap();
    let proof = ticket.answer(ALICE).unwrap();
    let new = old.beside(|builder| {
        builder.store(small()).keys(KeyRing::new(KeyId(2), pepper(2)).index(pepper(1)))
    });
    assert!(refusal(&new, &proof, &new.client).await.is_some());
    // Nor does another key under the same name.
    let forged = old.beside(|builder| {
        builder.store(small()).keys(KeyRing::new(KeyId(1), pepper(9)).index(pepper(1)))
    });
    assert!(refusal(&forged, &proof, &forged.client).await.is_some());
}

#[tokio::test]
async fn work_that_was_not_done_is_noticed() {
    let house = House::ruled(|policy| {
        policy.token.work = WorkBits::new(10).unwrap();
        policy.token.step_up_work = WorkBits::new(12).unwrap();
    });
    let ticket = house.gate.preflight(&Purpose::SIGN_UP, &house.client).unwrap();
    let lazy = House::lab(small());
    let free = lazy.gate.preflight(&Purpose::SIGN_UP, &lazy.client).unwrap();
    let proof = ticket.answer(ALICE).unwrap();
    assert!(refusal(&house, &proof, &house.client).await.is_none());
    // Answered as if it asked for nothing: the shape of a proof without the work.
    let cheap = free.answer(ALICE).unwrap();
    let tail = &cheap[ticket.as_str().len()..];
    let unworked = format!("{}{tail}", ticket.as_str());
    assert!(refusal(&house, &unworked, &house.client).await.is_some());
}
