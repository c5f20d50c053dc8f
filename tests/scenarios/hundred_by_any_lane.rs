//! Tried: more guesses at one line than its four shares of twenty, by every lane, purpose and
//! spelling, renewals, and waits of every length.

use otpgate::access::{CallerId, CallerKey, CallerRequest, CallerRule, CallerRules};
use otpgate::{Cleared, ClientContext, Clock, EntryGrant, Purpose, Sent, SystemEntropy};

use crate::step_up::Turing;
use crate::support::{Dice, House, client, days, keys, minutes, off_by, quick, recipient};

/// One line of Palestine under both of its codes.
const SPELLED: [&str; 2] = ["+970599123456", "+972599123456"];
const AUDIENCE: &str = "otp.example.com";

fn house() -> House {
    let rule = CallerRule::new(CallerId::new("desk").unwrap(), ["10.1.0.0/16".parse().unwrap()]);
    House::lab_with(|builder| {
        builder
            .policy(quick(otpgate::Policy::default()))
            .human_check(Turing)
            .callers(CallerRules::new(AUDIENCE).allow(rule))
    })
}

async fn called(house: &House, key: &CallerKey, number: &str, purpose: &Purpose) -> Option<Sent> {
    let (to, peer) = (recipient(number), "10.1.2.3".parse().unwrap());
    let request = CallerRequest { realm: "default", purpose: purpose.as_str(), recipient: &to };
    let signed = key.sign(&request, &SystemEntropy, house.clock.now()).unwrap();
    match house
        .gate
        .authorise(&signed, &to, purpose, &otpgate::access::ClientIp::from_peer(peer))
        .unwrap()
    {
        Cleared::Passed(clearance) => Some(house.gate.issue(clearance).await.unwrap()),
        _ => None,
    }
}

#[tokio::test]
async fn a_month_of_guesses_in_every_lane_is_eighty() {
    let house = house();
    let now = house.clock.now();
    let id = CallerId::new("desk").unwrap();
    let key = CallerKey::mint(&id, AUDIENCE, now + days(60), &keys(), now).unwrap();
    // Whoever had the line before still has a proof of it.
    let proof = house.prove(SPELLED[0], &client(1)).await.device_proof().as_str().to_owned();
    house.clock.advance(days(1));
    house.log.clear();
    let end = house.clock.now() + days(30);
    let purposes = [Purpose::SIGN_UP, Purpose::LOG_IN, Purpose::PAYMENT, Purpose::RESET];
    let (mut dice, mut open) = (Dice(7), Vec::<(EntryGrant, ClientContext)>::new());
    for round in 0_u32.. {
        if house.clock.now() >= end {
            break;
        }
        let number = SPELLED[dice.below(2) as usize];
        let purpose = &purposes[dice.below(4) as usize];
        let who = client(2_000 + round);
        let (who, sent) = match round % 4 {
            0 => (who.clone(), called(&house, &key, number, purpose).await),
            1 => (who.clone(), Some(house.insist(number, purpose, &who).await)),
            2 => {
                let who = who.human_response("yes");
                (who.clone(), Some(house.insist(number, purpose, &who).await))
            }
            _ => {
                let who = who.device_proof(proof.clone());
                (who.clone(), Some(house.insist(number, purpose, &who).await))
            }
        };
        if let Some(Sent::Issued(issued)) = sent {
            open.push((issued.into_grant(), who));
        }
        let old = open.len().saturating_sub(8);
        open.drain(..old);
        for (grant, who) in &open {
            if dice.below(3) == 0 {
                let _ = house.gate.resend(grant, who).await;
            }
            for guess in 1..=6 {
                let wrong = off_by(&house.last_code(), guess);
                assert!(!house.accepts_from(grant, &wrong, who).await);
            }
        }
        house.clock.advance(minutes([2, 11, 70, 300][dice.below(4) as usize]));
    }
    assert_eq!(house.log.compared(), 80, "twenty for each lane, and no more");
}
