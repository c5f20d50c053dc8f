//! Tried: more texts and guesses than an address's bucket has room for, paid for with numbers of the
//! attacker's own that he verifies.

use std::time::Duration;

use otpgate::policy::Evidence;
use otpgate::{Purpose, Sent};

use crate::support::{House, german, in_session, off_by};

const ROOM: u64 = 10;
const OWN: u64 = 20;

/// Each own number verified gives back its own place and one more ([`Evidence::CREDIT`]), so the
/// bound is the bucket's and the number of lines that he can read texts of.
#[tokio::test]
async fn a_verified_number_of_ones_own_buys_one_text_more() {
    let house = House::ruled(|policy| {
        let drain = Duration::from_secs(30 * 86_400);
        policy.quotas.client_unverified = Some(Evidence { soft: ROOM, hard: ROOM, drain });
        (policy.quotas.network_unverified, policy.quotas.block_unverified) = (None, None);
    });
    let mut victims = 0;
    for round in 0..OWN + 3 * ROOM {
        if (ROOM - 1..ROOM - 1 + OWN).contains(&round) {
            let own = german(1_000 + round);
            let _ = house.prove(&own, &in_session(1, &format!("own-{round}"))).await;
        }
        let who = in_session(1, &format!("minted-{round}"));
        let sent = house.insist(&german(round), &Purpose::SIGN_UP, &who).await;
        let Sent::Issued(issued) = sent else { continue };
        victims += 1;
        for guess in 1..=6 {
            let wrong = off_by(&house.last_code(), guess);
            assert!(!house.accepts_from(issued.grant(), &wrong, &who).await);
        }
    }
    assert_eq!(victims, ROOM + OWN);
    assert_eq!(house.log.compared() as u64, OWN + 5 * victims, "five for each text");
}
