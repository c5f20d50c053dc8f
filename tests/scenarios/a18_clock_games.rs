//! A18: the wall clock jumps; no code lives longer than its life of real time.

use std::time::Duration;

use otpgate::{Clock, Entry, Purpose, Sent, Timestamp};

use crate::support::{ALICE, House, LATEST, client, days, hours, minutes, seconds, small};

const LIFE: Duration = Duration::from_secs(300);

#[derive(Clone, Copy, Debug)]
enum Jump {
    Forth(Duration),
    Back(Duration),
    To(u64),
}

impl Jump {
    fn make(self, house: &House) {
        let wall = house.clock.now();
        house.clock.set_wall(match self {
            Self::Forth(by) => wall + by,
            Self::Back(by) => wall.before(by),
            Self::To(seconds) => Timestamp::from_millis(seconds * 1_000),
        });
    }
}

const JUMPS: [Jump; 11] = [
    Jump::Forth(Duration::from_secs(1)),
    Jump::Forth(Duration::from_secs(3_600)),
    Jump::Forth(Duration::from_secs(86_400)),
    Jump::Back(Duration::from_secs(1)),
    Jump::Back(Duration::from_secs(3_600)),
    Jump::Back(Duration::from_secs(86_400)),
    Jump::To(0),
    Jump::To(2_147_483_647),   // 2038
    Jump::To(4_294_967_295),   // 2106
    Jump::To(253_402_300_799), // 9999
    Jump::To(LATEST),
];

/// What came of a flow.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum End {
    /// The jump cost the ticket or the clearance its life: there is no code.
    NoCode,
    Rejected,
    Accepted,
}

/// A flow with a jump at one of its steps, whose code is entered `after` real time.
async fn flow(jump: Jump, step: usize, after: Duration) -> End {
    let house = House::lab(small());
    let mut at = 0;
    let mut place = |house: &House| {
        if at == step {
            jump.make(house);
        }
        at += 1;
    };
    place(&house);
    let ticket = house.gate.preflight(&Purpose::SIGN_UP, &house.client).unwrap();
    place(&house);
    let cleared = house.clear_with(ticket.as_str(), ALICE, &Purpose::SIGN_UP, &house.client).await;
    let otpgate::Cleared::Passed(clearance) = cleared else { return End::NoCode };
    place(&house);
    let sent = house.gate.issue(clearance).await.unwrap();
    let Sent::Issued(issued) = sent else { return End::NoCode };
    place(&house);
    house.clock.advance(after / 2);
    place(&house);
    house.clock.advance(after - after / 2);
    place(&house);
    let _: Entry = house.gate.entry(issued.grant(), &house.client).await.unwrap();
    match house.accepts(issued.grant(), &house.last_code()).await {
        true => End::Accepted,
        false => End::Rejected,
    }
}

#[tokio::test]
async fn no_code_outlives_its_life_of_real_time() {
    let mut entered = 0;
    for jump in JUMPS {
        for step in 0..7 {
            let end = flow(jump, step, LIFE).await;
            assert_ne!(end, End::Accepted, "{jump:?} at step {step}");
            entered += u32::from(end == End::Rejected);
        }
    }
    // Of 77 flows; six jumps are so far ahead that one before the send leaves no code to enter.
    assert!(entered >= 60, "only {entered} codes were entered");
}

#[tokio::test]
async fn a_clock_that_is_set_back_costs_nobody_a_code() {
    for jump in JUMPS.iter().filter(|jump| matches!(jump, Jump::Back(_) | Jump::To(0))) {
        for step in 0..7 {
            let just_before = LIFE - Duration::from_millis(1);
            let end = flow(*jump, step, just_before).await;
            assert_eq!(end, End::Accepted, "{jump:?} at step {step}");
        }
    }
}

#[tokio::test]
async fn a_jump_forward_makes_codes_expire_early_at_worst() {
    assert_eq!(flow(Jump::Forth(hours(1)), 5, seconds(1)).await, End::Rejected);
    assert_eq!(flow(Jump::Forth(seconds(1)), 5, seconds(1)).await, End::Accepted);
    // Before the ticket, a jump is just another date.
    for jump in JUMPS {
        assert_eq!(flow(jump, 0, seconds(14)).await, End::Accepted, "{jump:?}");
    }
}

/// A clock that swings back and forth a day at a time opens each window once per day that it showed,
/// as if the days had passed; setting it back opens nothing.
#[tokio::test]
async fn a_swinging_clock_loosens_limits_by_one_window() {
    let house = House::lab(small());
    for swing in 0..40_u32 {
        let _ = house.insist(ALICE, &Purpose::SIGN_UP, &client(swing)).await;
        let wall = house.clock.now();
        let by = if swing % 2 == 0 { wall + days(1) } else { wall.before(days(1)) };
        house.clock.set_wall(by);
        house.clock.advance(seconds(40));
    }
    // One window before the jump, one after it; 10 a day each.
    assert!(house.texts() <= 20, "{}", house.texts());
    assert!(house.texts() >= 5);
}

#[tokio::test]
async fn intervals_and_locks_hold_while_the_clock_goes_back() {
    let house = House::lab(small());
    let grant = house.send(ALICE).await.into_grant();
    for _ in 0..20 {
        house.clock.set_wall(house.clock.now().before(minutes(5)));
        let sent = house.gate.resend(&grant, &house.client).await.unwrap();
        assert!(matches!(sent, Sent::Refused(_)));
    }
    assert_eq!(house.texts(), 1);
    // Real time still counts.
    house.clock.advance(seconds(30));
    let sent = house.gate.resend(&grant, &house.client).await.unwrap();
    assert!(matches!(sent, Sent::Issued(_)));
}
