//! Tried: more than two texts for each place in the address's bucket, by everything that asks for a
//! text: old grants, other purposes and lanes, decoys, failures of the provider.

use std::time::Duration;

use otpgate::policy::{Evidence, Ladder, Quota};
use otpgate::testing::Reply;
use otpgate::{Cleared, ClientContext, Clock, EntryGrant, Purpose, Sent};

use crate::step_up::Turing;
use crate::support::{Dice, House, days, german, in_session, quick, seconds};

const ROOM: u64 = 6;

fn house() -> House {
    House::lab_with(|builder| {
        let mut policy = quick(otpgate::Policy::default());
        let second = seconds(1);
        policy.interval.ladder = Ladder { first: second, longest: second, forget: second };
        let quotas = &mut policy.quotas;
        quotas.number = vec![Quota::daily(1_000_000)];
        quotas.number_total.clear();
        let drain = Duration::from_secs(30 * 86_400);
        quotas.client_unverified = Some(Evidence { soft: ROOM, hard: ROOM, drain });
        (quotas.network_unverified, quotas.block_unverified) = (None, None);
        builder.policy(policy).human_check(Turing)
    })
}

async fn asks(house: &House, dice: &mut Dice, open: &mut Vec<(EntryGrant, ClientContext)>) {
    // Not sent, the number refused, unknown, sent.
    match dice.below(6) {
        0 => house.outbox.reply(Reply::NotSent),
        1 => house.outbox.reply(Reply::Refused),
        2 => house.outbox.reply(Reply::LostAnswer),
        _ => {}
    }
    if dice.below(3) > 0 && !open.is_empty() {
        let (grant, who) = &open[dice.below(open.len() as u64) as usize];
        let _ = house.gate.resend(grant, who).await;
        return;
    }
    let number = german(dice.below(3));
    let purposes = [Purpose::SIGN_UP, Purpose::LOG_IN, Purpose::RESET];
    let purpose = purposes[dice.below(3) as usize].clone();
    let mut who = in_session(1, &format!("minted-{}", dice.below(1_000_000)));
    if dice.below(2) == 0 {
        who = who.human_response("yes");
    }
    let Cleared::Passed(clearance) = house.clear(&number, &purpose, &who).await else { return };
    let sent = match dice.below(5) {
        0 => house.gate.decoy(clearance).await,
        _ => house.gate.issue(clearance).await,
    };
    if let Ok(Sent::Issued(issued)) = sent {
        open.push((issued.into_grant(), who));
    }
}

#[tokio::test]
async fn no_mix_of_requests_gets_more_than_two_texts_for_each_place() {
    let mut most = 0;
    for seed in 0..20 {
        let (house, mut dice, mut open) = (house(), Dice(seed), Vec::new());
        let end = house.clock.now() + days(1);
        while house.clock.now() < end {
            asks(&house, &mut dice, &mut open).await;
            house.clock.advance(seconds(1 + dice.below(400)));
        }
        let texts = house.texts() as u64;
        assert!(texts <= 2 * ROOM, "{texts} texts, seed {seed}");
        most = most.max(texts);
    }
    assert!(most > ROOM, "renewals were there: {most}");
}
