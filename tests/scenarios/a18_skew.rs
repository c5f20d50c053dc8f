//! A18, part two: three gates on one store, and one has a clock that is wrong by hours or by years.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use otpgate::access::{Actor, Reason};
use otpgate::store::MemoryStore;
use otpgate::testing::ManualClock;
use otpgate::{ClientContext, Clock, EventKind, GateBuilder, GateError, GateErrorKind, Purpose};

use crate::support::{ALICE, House, NOON, client, days, hours, minutes, recipient, seconds};

/// How long the store is watched, in real time.
const DAYS: u32 = 3;

/// The default: texts to one number in any 24 hours.
const A_DAY: usize = 10;

#[derive(Clone, Copy, Debug)]
enum Off {
    Ahead(Duration),
    Behind(Duration),
}

const OFF: [Off; 8] = [
    Off::Ahead(Duration::from_secs(61)),
    Off::Ahead(Duration::from_secs(25 * 3_600)),
    Off::Ahead(Duration::from_secs(365 * 86_400)),
    Off::Ahead(Duration::from_secs(3_650 * 86_400)),
    Off::Behind(Duration::from_secs(61)),
    Off::Behind(Duration::from_secs(25 * 3_600)),
    Off::Behind(Duration::from_secs(365 * 86_400)),
    Off::Behind(Duration::from_secs(3_650 * 86_400)),
];

impl Off {
    fn set(self, clock: &ManualClock) {
        clock.set_wall(match self {
            Self::Ahead(by) => clock.now() + by,
            Self::Behind(by) => clock.now().before(by),
        });
    }
}

struct Three {
    bad: House,
    good: [House; 2],
    right: ManualClock,
}

impl Three {
    fn new(off: Off, rule: fn(GateBuilder) -> GateBuilder) -> Self {
        let right = ManualClock::new(NOON);
        let store = MemoryStore::builder().capacity(60_000).clock(right.clone()).build();
        let store = Arc::new(store);
        let on = |clock: &ManualClock, builder: GateBuilder| {
            rule(builder.store(Arc::clone(&store)).clock(clock.clone()))
        };
        let one = House::lab_with(|builder| on(&right, builder));
        let two = one.beside(|builder| on(&right, builder));
        let wrong = ManualClock::new(NOON);
        off.set(&wrong);
        let mut bad = one.beside(|builder| on(&wrong, builder));
        bad.clock = wrong;
        Self { bad, good: [one, two], right }
    }

    fn pass(&self, span: Duration) {
        self.right.advance(span);
        self.bad.clock.advance(span);
    }

    fn texts(&self) -> usize {
        self.bad.texts()
    }
}

async fn ask(house: &House, client: &ClientContext) -> Result<(), GateError> {
    let ticket = house.gate.preflight(&Purpose::SIGN_UP, client).unwrap();
    let proof = ticket.answer(ALICE).unwrap();
    let number = recipient(ALICE);
    house.gate.request(&proof, &number, &Purpose::SIGN_UP, client).await.map(drop)
}

fn cause(error: &GateError) -> String {
    error.source().and_then(Error::source).map(ToString::to_string).unwrap_or_default()
}

/// Everybody asks for a text to one number every ten minutes; the texts of each day.
async fn watch(three: &Three, served: &mut usize, refused: &mut usize) -> Vec<usize> {
    let (mut each, mut before) = (Vec::new(), 0);
    for turn in 0..DAYS * 24 * 6 {
        match ask(&three.bad, &client(turn)).await {
            Ok(()) => *served += 1,
            Err(error) => {
                *refused += 1;
                assert_eq!(error.kind(), GateErrorKind::Clock, "{error:?}");
                let cause = cause(&error);
                assert!(
                    cause.starts_with("this host's clock is ") && cause.contains("NTP"),
                    "{cause}"
                );
            }
        }
        for house in &three.good {
            ask(house, &client(turn)).await.expect("the good gates are served");
        }
        three.pass(minutes(10));
        if (turn + 1) % (24 * 6) == 0 {
            each.push(three.texts() - before);
            before = three.texts();
        }
    }
    each
}

#[tokio::test]
async fn one_bad_clock_of_three_spends_nothing_and_shuts_nothing() {
    for off in OFF {
        let three = Three::new(off, |builder| builder.clock_skew(seconds(60)));
        let (mut served, mut refused) = (0, 0);
        let each = watch(&three, &mut served, &mut refused).await;
        assert_eq!(served, 0, "{off:?}");
        assert!(refused > 0, "{off:?}");
        assert!(each.iter().all(|texts| (A_DAY / 2..=A_DAY).contains(texts)), "{off:?}: {each:?}");
        let named = |kind: &EventKind| matches!(kind, EventKind::Outage { what, .. } if what.contains("clock"));
        assert!(three.bad.log.count(named) > 0, "{off:?}: the observer heard nothing of a clock");
    }
}

/// The good gates spend the day's texts, then the third gate's clock steps and it asks for half a day.
/// How many texts went out in that day, and how many the good gates send in the day after the next.
async fn step_at_noon(off: Off, rule: fn(GateBuilder) -> GateBuilder) -> (usize, usize) {
    let three = Three::new(Off::Ahead(Duration::ZERO), rule);
    for turn in 0..72 {
        ask(&three.good[0], &client(turn)).await.unwrap();
        three.pass(minutes(10));
    }
    off.set(&three.bad.clock);
    for turn in 100..160 {
        let _ = ask(&three.bad, &client(turn)).await;
        three.pass(minutes(10));
    }
    let first = three.texts();
    three.pass(days(1));
    for turn in 200..344 {
        ask(&three.good[1], &client(turn)).await.unwrap();
        three.pass(minutes(10));
    }
    (first, three.texts() - first)
}

#[tokio::test]
async fn a_step_after_the_day_was_spent_spends_nothing_and_shuts_nothing() {
    for off in OFF {
        let (first, third) = step_at_noon(off, |builder| builder.clock_skew(seconds(60))).await;
        assert_eq!(first, A_DAY, "{off:?}");
        assert!((A_DAY / 2..=A_DAY).contains(&third), "{off:?}: {third}");
    }
}

/// The same without the bound: the tests above can fail, and this is what they are for.
#[tokio::test]
async fn without_the_bound_a_step_spends_twice_and_shuts_the_number_for_everybody() {
    let unchecked = GateBuilder::clock_unchecked_danger;
    let (first, _) = step_at_noon(Off::Ahead(hours(25)), unchecked).await;
    assert!(first > A_DAY, "25 hours ahead: {first}");
    let (first, third) = step_at_noon(Off::Ahead(days(365)), unchecked).await;
    assert!(first > A_DAY && third == 0, "a year ahead: {first}, then {third}");
}

#[tokio::test]
async fn a_clock_that_is_right_again_is_served_at_once() {
    for off in OFF {
        let three = Three::new(off, |builder| builder.clock_skew(seconds(60)));
        assert!(ask(&three.bad, &client(1)).await.is_err(), "{off:?}");
        three.bad.clock.set_wall(three.right.now());
        // One call finds out that the lead was a mistake.
        let _ = ask(&three.bad, &client(2)).await;
        three.pass(minutes(1));
        ask(&three.bad, &client(3)).await.unwrap();
        assert!(three.texts() >= 1, "{off:?}");
    }
}

#[tokio::test]
async fn a_step_of_the_only_host_is_an_outage_until_an_operator_vouches_for_it() {
    let clock = ManualClock::new(NOON);
    let store = MemoryStore::builder().clock(clock.clone()).build();
    let house = House::lab_with(|builder| {
        builder.store(store).clock(clock.clone()).clock_skew(seconds(60))
    });
    clock.advance(hours(12)); // a night without a call
    ask(&house, &client(1)).await.unwrap();
    assert_eq!(house.texts(), 1);

    clock.set_wall(clock.now() + hours(25));
    let error = ask(&house, &client(2)).await.unwrap_err();
    assert_eq!(error.kind(), GateErrorKind::Clock);
    assert!(cause(&error).contains("1 d 1 h ahead"), "{}", cause(&error));

    let (why, ada) = (Reason::new("the machine was paused").unwrap(), Actor::new("ada").unwrap());
    house.gate.controls().trust_clock(&why, &ada).await.unwrap();
    ask(&house, &client(3)).await.unwrap();
    assert_eq!(house.texts(), 2);
    let told = |kind: &EventKind| {
        matches!(kind, EventKind::ControlsChanged { actor, change }
            if actor == "ada" && change.contains("paused"))
    };
    assert_eq!(house.log.count(told), 1);
}

#[tokio::test]
async fn clocks_within_the_bound_share_every_limit() {
    for off in [Off::Ahead(seconds(55)), Off::Behind(seconds(55))] {
        let three = Three::new(off, |builder| builder.clock_skew(seconds(60)));
        let (mut served, mut refused) = (0, 0);
        let each = watch(&three, &mut served, &mut refused).await;
        assert_eq!(refused, 0, "{off:?}");
        // What the bound allows: the day of a gate that is off begins a minute early or late.
        assert!(each.iter().all(|texts| (A_DAY / 2..=A_DAY).contains(texts)), "{off:?}: {each:?}");
    }
}

/// The same on every store: `tests/stores/*/gate.rs`.
#[tokio::test]
async fn what_a_wrong_clock_wrote_is_not_spent_twice_and_shuts_nothing() {
    let stores = async || Arc::new(MemoryStore::new());
    crate::clocks::a_wrong_clock_spends_nothing_twice_and_shuts_nothing(stores).await;
}

#[tokio::test]
async fn three_days_with_a_wrong_clock() {
    let stores = async |clock: ManualClock| Arc::new(MemoryStore::builder().clock(clock).build());
    crate::clocks::three_days_with_a_wrong_clock(stores, |_| ()).await;
}

#[tokio::test]
async fn what_a_leading_gate_spent_stays_spent() {
    let stores = async |clock: ManualClock| Arc::new(MemoryStore::builder().clock(clock).build());
    crate::clocks::what_a_leading_gate_spent_stays_spent(stores, async |_| ()).await;
}
