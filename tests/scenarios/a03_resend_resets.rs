//! A3: whoever keeps asking for codes gets no more guesses, and no more texts than a day allows.

use std::collections::BTreeMap;
use std::time::Duration;

use otpgate::pumping::Tuning;
use otpgate::{ClientContext, Clock, EntryGrant, Policy, Purpose, RejectionCause, Sent, Timestamp};

use crate::step_up::Turing;
use crate::support::{ALICE, House, client, days, hours, minutes, off_by, quick, seconds, small};

/// Guesses at every code to its limit, resends and starts over, each `step` for `span`.
struct Siege {
    house: House,
    purposes: Vec<Purpose>,
    /// A new session and network for each flow.
    rotates: bool,
    human: bool,
    texts: Vec<Timestamp>,
}

impl Siege {
    fn new(house: House) -> Self {
        let (purposes, texts) = (vec![Purpose::SIGN_UP], Vec::new());
        Self { house, purposes, rotates: false, human: false, texts }
    }

    async fn run(&mut self, span: Duration, step: Duration) {
        let end = self.house.clock.now() + span;
        let mut grants: Vec<(EntryGrant, ClientContext)> = Vec::new();
        let mut flow = 1;
        while self.house.clock.now() < end {
            flow += 1;
            let mut who = client(if self.rotates { flow } else { 1 });
            if self.human {
                who = who.human_response("yes");
            }
            let purpose = self.purposes[flow as usize % self.purposes.len()].clone();
            let before = self.house.texts();
            if let Sent::Issued(issued) = self.house.insist(ALICE, &purpose, &who).await {
                grants.push((issued.into_grant(), who));
            }
            for (grant, who) in &grants {
                for guess in 0..6 {
                    let wrong = off_by(&self.house.last_code(), guess + 1);
                    assert!(!self.house.accepts_from(grant, &wrong, who).await);
                    if self.house.log.last_cause() != Some(RejectionCause::Mismatch) {
                        break;
                    }
                }
                let _ = self.house.gate.resend(grant, who).await.unwrap();
            }
            let surplus = grants.len().saturating_sub(2);
            grants.drain(..surplus);
            let now = self.house.clock.now();
            self.texts.extend((before..self.house.texts()).map(|_| now));
            self.house.clock.advance(step);
        }
    }

    fn most_texts_within(&self, span: Duration) -> usize {
        let within = |from: &Timestamp| {
            self.texts.iter().filter(|at| **at >= *from && at.since(*from) < span).count()
        };
        self.texts.iter().map(within).max().unwrap_or(0)
    }
}

#[tokio::test]
async fn a_day_of_resends_is_20_guesses_and_10_texts() {
    let mut siege = Siege::new(House::lab(small()));
    siege.run(days(1), minutes(5)).await;
    // The last ones wait for hours and days.
    let guesses = siege.house.log.compared();
    assert!((12..=20).contains(&guesses), "{guesses}");
    assert!(siege.most_texts_within(days(1)) <= 10);
    assert!(siege.most_texts_within(hours(1)) <= 5);
}

#[tokio::test]
async fn so_is_a_month() {
    let mut siege = Siege::new(House::lab(small()));
    siege.run(days(30), hours(2)).await;
    assert_eq!(siege.house.log.compared(), 20);
}

/// With the detector on it is less, never more.
#[tokio::test]
async fn the_detector_only_adds_to_it() {
    let mut siege = Siege::new(House::lab_with(|builder| builder.tuning(Tuning::default())));
    siege.rotates = true;
    siege.run(days(1), minutes(7)).await;
    assert!((5..=20).contains(&siege.house.log.compared()));
}

/// A3b: new sessions, networks and purposes give nothing new.
#[tokio::test]
async fn nor_do_new_sessions_networks_or_purposes_help() {
    let mut siege = Siege::new(House::lab(small()));
    siege.rotates = true;
    siege.purposes = vec![
        Purpose::SIGN_UP,
        Purpose::LOG_IN,
        Purpose::PAYMENT,
        Purpose::RESET,
        Purpose::new("other").unwrap(),
    ];
    siege.run(days(2), minutes(7)).await;
    let guesses = siege.house.log.compared();
    assert!((12..=20).contains(&guesses), "{guesses}");
    assert!(siege.most_texts_within(days(1)) <= 30);
}

#[tokio::test]
async fn with_every_human_check_passed_it_is_40_in_all() {
    let mut siege = Siege::new(House::lab_with(|builder| builder.human_check(Turing)));
    (siege.rotates, siege.human) = (true, true);
    siege.run(days(10), hours(2)).await;
    siege.human = false;
    siege.run(days(10), hours(2)).await;
    assert_eq!(siege.house.log.compared(), 40);
    assert!(siege.most_texts_within(days(1)) <= 30);
}

/// Without guessing: the texts alone, over every purpose, in every window.
#[tokio::test]
async fn texts_to_one_number_are_bounded_in_every_window() {
    let house = House::lab(small());
    let mut sent: BTreeMap<u64, Timestamp> = BTreeMap::new();
    for flow in 0..400_u32 {
        let purpose = Purpose::new(format!("purpose-{}", flow % 7)).unwrap();
        let before = house.texts();
        let _ = house.insist(ALICE, &purpose, &client(flow)).await;
        if house.texts() > before {
            sent.insert(before as u64, house.clock.now());
        }
        house.clock.advance(minutes(7));
    }
    let most = |span: Duration| {
        let within = |from: &Timestamp| {
            sent.values().filter(|at| **at >= *from && at.since(*from) < span).count()
        };
        sent.values().map(within).max().unwrap()
    };
    // Of the 30 over all lanes a third is kept for those who proved more.
    assert_eq!(most(days(1)), 20);
}

#[tokio::test]
async fn a_right_code_forgives_what_went_before() {
    let house = House::lab_with(|builder| {
        let mut policy = quick(Policy::default());
        policy.quotas.number = vec![otpgate::policy::Quota::daily(1_000_000)];
        policy.quotas.session.clear();
        builder.policy(policy)
    });
    // Four wrong codes and a right one, six times: 24 failures, but never 20 on end.
    for _ in 0..6 {
        let grant = house.send(ALICE).await.into_grant();
        for guess in 1..5 {
            assert!(!house.accepts(&grant, &off_by(&house.last_code(), guess)).await);
        }
        assert!(house.accepts(&grant, &house.last_code()).await);
        house.clock.advance(hours(1));
    }
    assert_eq!(house.log.compared(), 30);
}

/// NIST SP 800-63B-4 §3.2.2: from the sixth failure on each further guess waits, longer each time.
#[tokio::test]
async fn near_the_cap_guesses_must_wait() {
    let house = House::lab(small());
    for (round, guesses) in [5, 1].into_iter().enumerate() {
        let who = client(u32::try_from(round).unwrap());
        let grant = house.send_to(ALICE, &who).await.into_grant();
        for guess in 0..guesses {
            assert!(!house.accepts_from(&grant, &house.wrong_code(), &who).await, "{guess}");
        }
        house.clock.advance(seconds(30));
    }
    assert_eq!(house.log.compared(), 6);
    let mut waits = Vec::new();
    let mut compared = 6;
    let (mut grant, mut flow) = (None, 10);
    let mut waited = Duration::ZERO;
    while compared < 10 {
        flow += 1;
        if grant.is_none() {
            match house.try_send(ALICE, &client(flow)).await {
                Sent::Issued(issued) => grant = Some((issued.into_grant(), client(flow))),
                other => {
                    drop(other);
                    house.clock.advance(seconds(10));
                    waited += seconds(10);
                    continue;
                }
            }
        }
        let (held, who) = grant.as_ref().unwrap();
        assert!(!house.accepts_from(held, &house.wrong_code(), who).await);
        let over = !matches!(
            house.log.last_cause(),
            Some(RejectionCause::Mismatch | RejectionCause::NumberLimit)
        );
        if over {
            grant = None;
        }
        if house.log.compared() > compared {
            compared = house.log.compared();
            waits.push(waited);
            waited = Duration::ZERO;
        } else {
            house.clock.advance(seconds(10));
            waited += seconds(10);
        }
    }
    // The first comes after whatever the flows took; then 60, 120 and 240 seconds apart.
    for (wait, floor) in waits.iter().skip(1).zip([60, 120, 240]) {
        assert!(*wait >= seconds(floor), "{waits:?}");
    }
}
