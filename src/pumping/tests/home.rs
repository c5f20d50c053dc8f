//! Who is spared inside a node that refuses, what that costs, and from where it is far.

use super::super::evidence::{Bets, NullIndex};
use super::super::node::{Home, Node, State};
use super::super::path::COUNTRY;
use super::solvers::{DAY, customers, there};
use super::*;

const MINUTE: u64 = 60_000;
const AT_HOME: u32 = 10 << 24;
/// Beside the networks of people's, and elsewhere.
const NEAR: u32 = AT_HOME | 7 << 16;
const ELSEWHERE: u32 = 0x8000_0000;
/// A block of ten thousand numbers where people have some.
const BLOCK: u64 = 4_210_000;

/// Mean number of sessions from home until their account holds `h`, in a node that is flooded from
/// elsewhere by ten times as many, of which none is answered.
fn run_length(h: f32, level: BlockLevel, tolerated: f32, gap_s: f64, conversion: f64) -> f64 {
    let pair = Bets::new(&Tuning::default()).at(NullIndex(15), level); // p0 = 0.50
    let mut coins = Coins(5);
    let (mut sessions, mut alarms) = (0_u64, 0_u64);
    while alarms < 30 && sessions < 60_000 {
        let mut node = Node::new(NodeId::pool(level), 0, 0, T0);
        node.state = State::Asking;
        let mut now = T0;
        while node.home().sessions < h && sessions < 60_000 {
            sessions += 1;
            now += (-coins.unit().max(1e-12).ln() * gap_s * 1_000.0) as u64;
            node.fade(now, tolerated, || pair, 7_200.0);
            node.bets = [60.0; 2];
            let bold = pair[0];
            let entered = coins.unit() < conversion;
            node.count_home(0, if entered { bold.verified } else { bold.open[3] });
        }
        alarms += u64::from(node.home().sessions >= h);
    }
    sessions as f64 / alarms.max(1) as f64
}

#[test]
fn what_others_do_is_not_held_against_people_at_home_as_long_as_they_convert_or_are_no_more_than_usual()
 {
    let h = Tuning::default().home_at;
    // the pool of what is far has nobody from home, and another bet in the account's place
    let levels = (0..LEVELS).filter_map(BlockLevel::from_index);
    for level in levels.filter(|level| *level != BlockLevel::Away) {
        let convert = run_length(h, level, 2.0, 3.6, 0.5);
        let usual = run_length(h, level, 100.0, 36.0, 0.0);
        let promised = f64::from(h).exp();
        assert!(convert >= promised && usual >= promised, "{level:?}: {convert} {usual}");
    }
}

/// Where everybody comes from the same gateways the account holds all that the node does: nobody is
/// spared until it is full by itself, or an attack would gain what it takes to fill it.
#[test]
fn people_at_home_are_to_blame_when_they_are_most_of_it() {
    let home_at = Tuning::default().home_at;
    let of = |node: f32, home: f32| {
        let mut held = Node::new(NodeId::pool(BlockLevel::Country), 0, 0, T0);
        held.bets = [node + std::f32::consts::LN_2; 2];
        held.set_home(Home { sessions: home, asked: 0.0 });
        held.is_home_to_blame(home_at)
    };
    assert!(!of(6.0, 2.9) && of(6.0, 3.1), "half of the evidence");
    assert!(!of(40.0, 4.9) && of(40.0, 5.1), "enough by itself");
}

/// A block attacked by bots whose addresses `host` makes, and how many texts they got.
fn attacked(tuning: Tuning, host: impl Fn(u32) -> u32) -> (Detector, u64, u32) {
    let (mut d, start) = customers(tuning, 1, 4_000);
    let (mut coins, mut got) = (Coins(3), 0);
    for k in 0..600 {
        let s = there(0, BLOCK + coins.next() % 10_000, host(coins.next() as u32));
        got += u32::from(request(&mut d, start + k * MINUTE / 30, &s, k % 5 == 0));
    }
    (d, start + 20 * MINUTE, got)
}

fn verdict(d: &Detector, now: u64, host: u32) -> Judgement {
    d.clone().assess(at(now), &there(0, BLOCK + 17, host), false).verdict
}

fn without_home() -> Tuning {
    let mut tuning = Tuning::default();
    tuning.parts.home = false;
    tuning
}

#[test]
fn where_an_attack_comes_from_elsewhere_people_of_the_country_are_asked_and_others_refused() {
    let elsewhere = |k| k | ELSEWHERE;
    let (d, now, got) = attacked(Tuning::default(), elsewhere);
    let (harsh, _, least) = attacked(without_home(), elsewhere);
    let mut copy = Detector::new(2);
    copy.restore(&d.snapshot()).unwrap();
    for d in [&d, &copy] {
        assert!(matches!(verdict(d, now, 0x8765_4321), Judgement::Refuse { .. }));
        for host in [AT_HOME | 9, NEAR | 9] {
            assert_eq!(verdict(d, now, host), Judgement::StepUp(Strength::Human));
        }
    }
    assert!(matches!(verdict(&harsh, now, AT_HOME | 9), Judgement::Refuse { .. }), "ablation");
    assert_eq!(got, least, "and the attack gains nothing");
}

#[test]
fn bots_from_the_country_s_own_networks_are_refused_there_too_after_a_few_texts_more() {
    let at_home = |k: u32| AT_HOME | (k % 60_000);
    let (d, now, got) = attacked(Tuning::default(), at_home);
    let (_, _, least) = attacked(without_home(), at_home);
    assert!(got <= least + 4, "{got} {least}");
    let mut copy = Detector::new(2);
    copy.restore(&d.snapshot()).unwrap();
    for d in [&d, &copy] {
        assert!(matches!(verdict(d, now, AT_HOME | 9), Judgement::Refuse { .. }));
    }
}

/// A launch, and of one block nobody receives his text, whatever the provider's receipts say.
#[test]
fn a_launch_while_an_operator_is_down_refuses_nobody_at_home() {
    const DOWN: u64 = 1_000_000;
    let (mut d, start) = customers(Tuning::default(), 1, 20_000);
    let (mut coins, mut entered) = (Coins(9), std::collections::VecDeque::new());
    let (mut asked, mut refused) = (0, 0);
    for k in 0..12_000_u64 {
        let now = start + k * MINUTE / 50;
        while let Some((due, s)) = entered.front().copied().filter(|(due, _)| *due <= now) {
            entered.pop_front();
            d.observe(Sighting::of(at(due), SightingKind::Verified, &s));
        }
        let host = AT_HOME | (coins.next() % 60_000) as u32;
        let s = there(0, coins.next() % 5_000_000, host);
        match d.assess(at(now), &s, false).verdict {
            Judgement::Allow => {}
            Judgement::StepUp(_) => asked += 1,
            Judgement::Refuse { .. } => refused += 1,
        }
        let sent = request(&mut d, now, &s, coins.unit() < 0.9);
        if sent && s.digits % 1_000_000_000 >= DOWN && coins.unit() < 0.75 {
            entered.push_back((now + 20_000, s));
        }
    }
    assert_eq!((asked > 0, refused), (true, 0), "{asked} asked");
    // and an attack on one of the blocks, from home, is refused as before
    let attacked = (0..600).any(|k| {
        let now = start + 2 * DAY + k * MINUTE / 60;
        let s = there(0, BLOCK + coins.next() % 10_000, AT_HOME | (k % 60_000) as u32);
        request(&mut d, now, &s, false);
        matches!(d.assess(at(now), &s, false).verdict, Judgement::Refuse { .. })
    });
    assert!(attacked);
}

#[test]
fn a_network_beside_one_that_people_verified_from_is_new_and_not_far() {
    let (d, start) = customers(Tuning::default(), 2, 400);
    let now = T0 + start;
    let of = |country, host| there(country, 1, host);
    let seen = |s: Subject| (d.memory.is_away(&s, now), d.memory.is_far(&s, now));
    assert_eq!(seen(of(0, AT_HOME | 9)), (false, false));
    assert_eq!(seen(of(0, NEAR | 9)), (true, false));
    assert_eq!(seen(of(0, AT_HOME | 0x20_0000)), (true, true), "sixteen networks on");
    assert_eq!(seen(of(1, AT_HOME | 9)), (true, true), "where another country's people are");
    let unknown = Subject { client: ClientNet::unknown(), ..of(0, 0) };
    assert_eq!(seen(unknown), (false, false));
}

#[test]
fn in_a_refused_country_an_address_speaks_only_for_those_who_verify_there() {
    const SHARED: u32 = 0x4000_0001;
    let mut tuning = Tuning::default();
    tuning.parts.home = false; // by itself
    let (mut d, start) = customers(tuning, 2, 1_000);
    for k in 0..36 {
        let now = start + k * DAY / 12;
        let s = there(1, 20_000 + k * 130_000, SHARED);
        assert!(request(&mut d, now, &s, true));
        d.observe(Sighting::of(at(now + 20_000), SightingKind::Verified, &s));
    }
    let now = start + 3 * DAY;
    let mut answer = |country| {
        let s = there(country, 4_990_007, SHARED);
        d.attempted(T0 + now, &s);
        let local = d.local(T0 + now, s.region);
        let path = d.find_path(T0 + now, &s, false);
        d.begin_refusing(T0 + now, &path, COUNTRY, &local);
        d.assess(at(now + 1_000), &s, false).verdict
    };
    assert!(matches!(answer(1), Judgement::StepUp(_)), "his people verify there");
    assert!(matches!(answer(0), Judgement::Refuse { .. }), "nobody of this country does");
}

#[test]
fn an_address_that_is_lifted_speaks_for_nobody_new() {
    const SHARED: u32 = 0x4000_0001;
    let (mut d, start) = customers(Tuning::default(), 2, 1_000);
    for k in 0..36 {
        let now = start + k * DAY / 12;
        let s = there(k % 2, 20_000 + k * 130_000, SHARED);
        assert!(request(&mut d, now, &s, true));
        d.observe(Sighting::of(at(now + 20_000), SightingKind::Verified, &s));
    }
    let now = T0 + start + 3 * DAY;
    let speaks = |d: &mut Detector, country| {
        let s = there(country, 4_990_007, SHARED);
        let local = d.local(now, s.region);
        let path = d.find_path(now, &s, false);
        d.view(&path, &local).is_trusted_client()
    };
    assert!(!speaks(&mut d, 0) && !speaks(&mut d, 1), "two countries share it");
    d.tree.lift(NodeId::address(BlockLevel::Host, there(0, 1, SHARED).client));
    assert!(!speaks(&mut d, 0) && !speaks(&mut d, 1), "an operator does not change that");
}
