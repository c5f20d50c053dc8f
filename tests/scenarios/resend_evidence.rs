//! What renewals add to the limits on unverified messages.

use std::collections::VecDeque;

use otpgate::policy::{Evidence, Quota};
use otpgate::pumping::{BlockLevel, NodeId};
use otpgate::testing::Reply;
use otpgate::{
    ClientContext, Clock, EntryGrant, LimitName, Money, Policy, Purpose, RefusalReason, Sent,
};

use crate::step_up::Turing;
use crate::support::{House, days, german, in_session, minutes, quick, trusting};

const SMALL: Evidence =
    Evidence { soft: 4, hard: 4, drain: std::time::Duration::from_secs(86_400) };

fn house(set: impl FnOnce(&mut Policy)) -> House {
    let mut policy = quick(Policy::default());
    policy.interval.ladder.first = minutes(1);
    policy.interval.ladder.longest = minutes(1);
    set(&mut policy);
    House::with(|builder| {
        builder.policy(policy).tuning(trusting()).daily_budget(Money::dollars(1_000_000))
    })
}

async fn again(house: &House, grant: &EntryGrant) -> Sent {
    house.clock.advance(minutes(2));
    house.gate.resend(grant, &house.client).await.unwrap()
}

fn refused_by(sent: &Sent) -> Option<LimitName> {
    match sent {
        Sent::Refused(refusal) => match refusal.reason() {
            RefusalReason::Limit(name) => Some(*name),
            other => panic!("another reason: {other}"),
        },
        _ => None,
    }
}

type Change = fn(&mut Policy);

/// One text, a free renewal, and three that each take a place: the bucket of four is full.
#[tokio::test]
async fn the_first_renewal_is_free_and_each_later_one_is_evidence() {
    let buckets: [(LimitName, Change); 3] = [
        (LimitName::ClientUnverified, |policy| policy.quotas.client_unverified = Some(SMALL)),
        (LimitName::NetworkUnverified, |policy| policy.quotas.network_unverified = Some(SMALL)),
        (LimitName::BlockUnverified, |policy| policy.quotas.block_unverified = Some(SMALL)),
    ];
    for (name, set) in buckets {
        let house = house(|policy| {
            // Out of reach.
            policy.quotas.number = vec![Quota::daily(1_000)];
            policy.quotas.number_total.clear();
            policy.quotas.client_unverified = None;
            policy.quotas.network_unverified = None;
            policy.quotas.block_unverified = None;
            set(policy);
        });
        let grant = house.send(&german(1)).await.into_grant();
        for renewal in 1..=4 {
            let sent = again(&house, &grant).await;
            assert!(matches!(sent, Sent::Issued(_)), "{name}, renewal {renewal}: {sent:?}");
        }
        assert_eq!(refused_by(&again(&house, &grant).await), Some(name));
        assert_eq!(house.outbox.handed_off(), 5, "{name}");
    }
}

/// A text that did not go out gives its free renewal back.
#[tokio::test]
async fn a_renewal_that_was_not_sent_leaves_the_free_one() {
    let house = house(|policy| {
        policy.quotas.client_unverified = Some(Evidence { hard: 1, soft: 1, ..SMALL })
    });
    let grant = house.send(&german(1)).await.into_grant();
    house.outbox.reply(Reply::NotSent);
    house.clock.advance(minutes(2));
    assert!(house.gate.resend(&grant, &house.client).await.is_err(), "not sent");
    assert!(matches!(again(&house, &grant).await, Sent::Issued(_)), "the free one");
    assert_eq!(refused_by(&again(&house, &grant).await), Some(LimitName::ClientUnverified));
}

/// One address, one day, every text followed by all the renewals it can have: no more than twice the
/// texts that the bucket lets through, `hard` and what drains away in a day.
#[tokio::test]
async fn a_day_of_one_address_is_bounded_with_its_renewals() {
    let house = house(|_| ());
    let evidence = Policy::default().quotas.client_unverified.unwrap();
    let drained = days(1).as_secs() / evidence.drain.as_secs();
    let bound = 2 * (evidence.hard + drained);
    let end = house.clock.now() + days(1);
    let mut open: VecDeque<(EntryGrant, ClientContext)> = VecDeque::new();
    let mut number = 0;
    while house.clock.now() < end {
        for _ in 0..open.len() {
            let Some((grant, who)) = open.pop_front() else { break };
            // Gone for good once its verification is over; else it is tried again.
            match house.gate.resend(&grant, &who).await.unwrap() {
                Sent::Refused(it) if matches!(it.reason(), RefusalReason::VerificationOver) => {}
                _ => open.push_back((grant, who)),
            }
        }
        loop {
            number += 1;
            let who = in_session(1, &format!("session-{number}"));
            match house.insist(&german(number), &Purpose::SIGN_UP, &who).await {
                Sent::Issued(issued) => open.push_back((issued.into_grant(), who)),
                _ => break,
            }
        }
        house.clock.advance(minutes(2));
    }
    let sent = house.outbox.handed_off() as u64;
    println!("{sent} texts in a day from one address, at most {bound}");
    assert!(sent <= bound, "{sent} texts, more than {bound}");
    assert!(sent > evidence.hard + drained, "the free renewals are there: {sent}");
}

/// "Send it again" is no answer to a step-up: it neither counts as one that was passed nor takes back one
/// that was not.
#[tokio::test]
async fn a_renewal_is_no_answer_to_a_step_up() {
    let house = House::with(|builder| builder.policy(quick(Policy::default())).human_check(Turing));
    let who = in_session(1, "one who presses");
    let germany = || {
        let node = NodeId::region(BlockLevel::Country, *b"DE");
        house.gate.detector_node(node).unwrap().step_up_evidence
    };
    let grant = house.send_to(&german(1), &who).await.into_grant();
    for _ in 0..3 {
        house.clock.advance(minutes(3));
        let sent = house.gate.resend(&grant, &who).await.unwrap();
        assert!(matches!(sent, Sent::Issued(_)), "{sent:?}");
    }
    assert_eq!(germany(), 0.0);
}
