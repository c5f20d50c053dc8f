//! A18 on any store: one of three gates has a clock that is wrong by a minute or by ten years, with the
//! bound and, as a store whose own clock was wrong has let it happen, without.
//!
//! Where the servers' clocks are real, the right gates' are as well: nothing here waits, and what a day
//! later brings is seen by a gate that shows that day and is not held to the bound. Three days need a
//! store whose clock the test moves.

#![allow(unreachable_pub, reason = "a module of the abuse suite, and of a library")]

use std::sync::Arc;
use std::time::Duration;

use otpgate::access::{Actor, Reason};
use otpgate::pumping::PriceTable;
use otpgate::testing::ManualClock;
use otpgate::{
    Clock, GateBuilder, GateError, GateErrorKind, Money, Policy, Purpose, RefusalReason, Sent,
    Store, SystemClock, Timestamp,
};

use crate::support::{ALICE, House, client, german, quick, recipient, small};

#[derive(Clone, Copy, Debug)]
pub enum Off {
    Ahead(Duration),
    Behind(Duration),
}

const HOURS_25: Duration = Duration::from_secs(25 * 3_600);
const YEAR: Duration = Duration::from_secs(365 * 86_400);

/// Beyond the bound of 60 seconds; 25 hours; a year; ten.
pub const OFF: [Off; 8] = [
    Off::Ahead(Duration::from_secs(121)),
    Off::Ahead(HOURS_25),
    Off::Ahead(YEAR),
    Off::Ahead(Duration::from_secs(3_650 * 86_400)),
    Off::Behind(Duration::from_secs(121)),
    Off::Behind(HOURS_25),
    Off::Behind(YEAR),
    Off::Behind(Duration::from_secs(3_650 * 86_400)),
];

/// Texts that the day's budget has room for.
const TEXTS: usize = 6;

impl Off {
    fn of(self, right: Timestamp) -> Timestamp {
        match self {
            Self::Ahead(by) => right + by,
            Self::Behind(by) => right.before(by),
        }
    }
}

fn rules(builder: GateBuilder, clock: &ManualClock) -> GateBuilder {
    let mut policy = quick(Policy::default());
    policy.budget.message = Money::cents(10);
    let prices = PriceTable::builtin().with(*b"DE", otpgate::Money::microdollars(100_000));
    let budget = Money::cents(10 * TEXTS as u64);
    builder.clock(clock.clone()).policy(policy).prices(prices).daily_budget(budget)
}

fn bound(builder: GateBuilder) -> GateBuilder {
    builder.clock_skew(Duration::from_secs(60))
}

/// A gate of its own on `store`, whose clock shows `at`.
fn gate<S: Store>(store: &Arc<S>, at: Timestamp, bounded: fn(GateBuilder) -> GateBuilder) -> House {
    gate_by(store, ManualClock::new(at), bounded)
}

fn gate_by<S: Store>(
    store: &Arc<S>,
    clock: ManualClock,
    bounded: fn(GateBuilder) -> GateBuilder,
) -> House {
    let mut house = House::lab_with(|builder| {
        bounded(rules(builder.store(small()), &clock)).store(Arc::clone(store))
    });
    house.clock = clock;
    house
}

/// Asks for a text to a number nobody has asked for yet; whether it went out.
async fn ask(house: &House, flow: u64) -> Result<bool, GateError> {
    let (number, who) = (german(flow), client(u32::try_from(flow).unwrap()));
    let mut ticket = house.gate.preflight(&Purpose::SIGN_UP, &who)?;
    for _ in 0..4 {
        let proof = ticket.answer(&number).unwrap();
        let number = recipient(&number);
        ticket = match house.gate.request(&proof, &number, &Purpose::SIGN_UP, &who).await? {
            Sent::Issued(_) => return Ok(true),
            Sent::StepUp(step_up) => step_up.into_ticket(),
            Sent::Refused(_) => return Ok(false),
        };
    }
    Ok(false)
}

/// How many of `flows` a gate serves that is not refused for its clock.
async fn served(house: &House, flows: std::ops::Range<u64>) -> usize {
    let mut texts = 0;
    for flow in flows {
        texts += usize::from(ask(house, flow).await.unwrap());
    }
    texts
}

/// Runs all of it; `stores` makes a store that nobody has used before.
pub async fn a_wrong_clock_spends_nothing_twice_and_shuts_nothing<S: Store>(
    stores: impl AsyncFn() -> Arc<S>,
) {
    for off in OFF {
        with_the_bound(&stores().await, off).await;
        without_the_bound(&stores().await, off).await;
        its_codes(&stores().await, off).await;
        forgiven(&stores().await, off).await;
    }
}

/// Three days of three gates, of which one is wrong all along, on a store that is given its clock or
/// whose server is told `passed`, the time since the store was made: the wrong one sends nothing, and the
/// others have each day's budget, no more and no less.
pub async fn three_days_with_a_wrong_clock<S: Store>(
    stores: impl AsyncFn(ManualClock) -> Arc<S>,
    passed: impl Fn(Duration),
) {
    // 25 hours and ten years.
    for off in OFF.into_iter().skip(1).step_by(2) {
        // The server's clock goes on by itself, and the test takes its time.
        let begun = SystemClock::new();
        let right = ManualClock::new(begun.now());
        let store = stores(right.clone()).await;
        let [one, two] = [(); 2].map(|()| gate_by(&store, right.clone(), bound));
        let bad = gate(&store, off.of(right.now()), bound);
        let mut sent = Vec::new();
        for hour in 0..72 {
            let error = ask(&bad, hour).await.unwrap_err();
            assert_eq!(error.kind(), GateErrorKind::Clock, "{off:?}: {error:?}");
            for (n, good) in [&one, &two].into_iter().enumerate() {
                if ask(good, 1_000 * (n as u64 + 1) + hour).await.unwrap() {
                    sent.push(hour);
                }
            }
            for clock in [&right, &bad.clock] {
                clock.advance(Duration::from_secs(3_600));
            }
            let all = Duration::from_secs(3_600 * (hour + 1));
            passed(all.saturating_sub(begun.elapsed()));
        }
        for from in 0..=48 {
            let texts = sent.iter().filter(|hour| (from..from + 24).contains(*hour)).count();
            assert!(texts <= TEXTS, "{off:?}, from hour {from}: {texts}");
            // What was spent is counted for up to 24 minutes beyond its day.
            assert!(texts >= TEXTS - 2, "{off:?}, from hour {from}: {texts}");
        }
    }
}

/// Two gates at the two edges of the bound. A ticket that was spent at the one that leads is spent
/// at the one that lags, until it expires there. `passed` tells the store's server that time has
/// passed, and has removed what has expired.
pub async fn what_a_leading_gate_spent_stays_spent<S: Store>(
    stores: impl AsyncFn(ManualClock) -> Arc<S>,
    passed: impl AsyncFn(Duration),
) {
    let wide = |builder: GateBuilder| builder.clock_skew(Duration::from_secs(300));
    // Servers live by real clocks while this runs, so that there is some room to the edge.
    for (seconds, bounded) in [(50, bound as fn(GateBuilder) -> GateBuilder), (285, wide)] {
        let (right, edge) =
            (ManualClock::new(SystemClock::new().now()), Duration::from_secs(seconds));
        let store = stores(right.clone()).await;
        let ahead = gate(&store, right.now() + edge, bounded);
        let behind = gate(&store, right.now().before(edge), bounded);
        let (number, who) = (german(1), client(1));
        let ticket = behind.gate.preflight(&Purpose::SIGN_UP, &who).unwrap();
        let (expires, proof) = (ticket.expires(), ticket.answer(&number).unwrap());
        let to = recipient(&number);
        let request = async |house: &House| {
            house.gate.request(&proof, &to, &Purpose::SIGN_UP, &who).await.unwrap()
        };
        assert!(matches!(request(&ahead).await, Sent::Issued(_)), "{seconds}");
        let almost = expires.since(behind.clock.now()) - Duration::from_secs(5);
        for clock in [&right, &ahead.clock, &behind.clock] {
            clock.advance(almost);
        }
        passed(almost).await;
        // Stores that have no server forget as they are used.
        assert_eq!(served(&ahead, 10..13).await, 3, "{seconds}");
        let sent = request(&behind).await;
        let Sent::Refused(refusal) = &sent else { panic!("{seconds}: {sent:?}") };
        assert!(matches!(refusal.reason(), RefusalReason::TokenSpent), "{seconds}: {refusal:?}");
    }
}

/// Two gates are right and one is wrong: it sends nothing, and the budget is the two others'.
async fn with_the_bound<S: Store>(store: &Arc<S>, off: Off) {
    let right = SystemClock::new().now();
    let [one, two] = [gate(store, right, bound), gate(store, right, bound)];
    let bad = gate(store, off.of(right), bound);
    for flow in 0..4 {
        let error = ask(&bad, flow).await.unwrap_err();
        assert_eq!(error.kind(), GateErrorKind::Clock, "{off:?}: {error:?}");
    }
    let (first, second) = (served(&one, 10..14).await, served(&two, 20..28).await);
    assert_eq!((first, second), (4, TEXTS - 4), "{off:?}");
    assert!(ask(&bad, 30).await.is_err(), "{off:?}");
    assert_eq!(served(&one, 40..42).await, 0, "{off:?}: more than the budget");
}

/// Nobody held the wrong one to a bound: it spent the day's budget under its own date. What it spent
/// is not spent again, and a day later the budget is open.
async fn without_the_bound<S: Store>(store: &Arc<S>, off: Off) {
    let right = SystemClock::new().now();
    let bad = gate(store, off.of(right), GateBuilder::clock_unchecked_danger);
    assert_eq!(served(&bad, 0..9).await, TEXTS, "{off:?}");
    let good = gate(store, right, bound);
    let fresh = match off {
        Off::Ahead(_) => 0,
        // Its day was over before the right clocks' began.
        Off::Behind(by) if by >= HOURS_25 => TEXTS,
        Off::Behind(_) => 0,
    };
    assert_eq!(served(&good, 10..19).await, fresh, "{off:?}: the right gate, at once");
    let snapshot = good.gate.snapshot().await.unwrap();
    assert_eq!(snapshot.spent, Money::cents(10 * TEXTS as u64), "{off:?}: what it reads");
    // A day, a sub-bucket of 24 minutes, and the seconds by which one of the two may be off.
    let tomorrow = right + Duration::from_secs(86_400 + 1_440 + 130);
    let later = gate(store, tomorrow, GateBuilder::clock_unchecked_danger);
    assert_eq!(served(&later, 20..29).await, TEXTS, "{off:?}: a day later");
}

/// A code of the wrong one does not live longer than any code does.
async fn its_codes<S: Store>(store: &Arc<S>, off: Off) {
    let right = SystemClock::new().now();
    let bad = gate(store, off.of(right), GateBuilder::clock_unchecked_danger);
    let grant = bad.send(ALICE).await.into_grant();
    let code = bad.last_code();
    let good = gate(store, right, bound);
    let accepted = good.accepts(&grant, &code).await;
    // Two minutes behind, it is still within its five.
    let within = matches!(off, Off::Behind(by) if by < HOURS_25);
    assert_eq!(accepted, within, "{off:?}");
}

/// Wrong codes counted under the wrong date: a help desk opens the number at once.
async fn forgiven<S: Store>(store: &Arc<S>, off: Off) {
    let right = SystemClock::new().now();
    let bad = gate(store, off.of(right), GateBuilder::clock_unchecked_danger);
    let mut wrong = 0;
    for guesses in [4, 4] {
        let grant = bad.send(ALICE).await.into_grant();
        for _ in 0..guesses {
            assert!(!bad.accepts(&grant, &bad.wrong_code()).await, "{off:?}");
            wrong += 1;
            // Between the texts their interval; from the sixth wrong code on there are pauses.
            bad.clock.advance(Duration::from_secs(if wrong < 6 { 20 } else { 61 }));
        }
    }
    let (number, actor) = (recipient(ALICE), Actor::new("help desk, ada").unwrap());
    let good = gate(store, right, bound);
    let shut = async || match good.try_send(ALICE, &client(9)).await {
        Sent::Refused(refusal) => matches!(refusal.reason(), RefusalReason::TooManyFailures),
        _ => false,
    };
    // The pause after the eighth wrong code counts from now where it was dated ahead.
    let over = matches!(off, Off::Behind(by) if by >= HOURS_25);
    assert_eq!(shut().await, !over, "{off:?}: the failures are kept");
    good.gate.controls().forgive(&number, &Reason::new("a clock").unwrap(), &actor).await.unwrap();
    assert!(!shut().await, "{off:?}: forgiven");
}
