//! Clients behind Tor, virtual private networks, proxies and hosting: each tier, and who is spared.

use otpgate::access::{
    Actor, AnonymiserKind, AnonymiserList, Anonymisers, Effect, Network, Reason, Target,
};
use otpgate::policy::{AnonymiserTier, Evidence, Mode};
use otpgate::{
    Cleared, ClientContext, EventKind, LimitName, Policy, Purpose, RefusalReason, Sent, StepUpMeans,
};

use crate::step_up::Turing;
use crate::support::{ALICE, BOB, House, client, days, german, minutes, quick, seconds, small};

/// `client(n)` comes from a /24 of its own: 0 from 11.0.0.1, 256 from 12.1.0.1, 2 000 from 18.214.208.1.
const EXITS: &str = "11.0.0.0/24 tor # client 0\n12.0.0.0/8 hosting\n";

/// In Tor, in a data centre, in neither.
fn exit() -> ClientContext {
    client(0)
}

fn script(number: u32) -> ClientContext {
    client(256 + number)
}

fn outside(number: u32) -> ClientContext {
    client(2_000 + number)
}

fn house(checked: bool, change: impl FnOnce(&mut Policy)) -> (House, Anonymisers) {
    let list = AnonymiserList::parse(EXITS, AnonymiserKind::Vpn).unwrap();
    let anonymisers = Anonymisers::new(list);
    let mut policy = quick(Policy::default());
    change(&mut policy);
    let house = House::lab_with(|builder| {
        let builder = builder.policy(policy).anonymisers(anonymisers.clone());
        if checked { builder.human_check(Turing) } else { builder }
    });
    (house, anonymisers)
}

async fn asked(house: &House, number: &str, who: &ClientContext) -> Option<StepUpMeans> {
    match house.try_send(number, who).await {
        Sent::StepUp(step_up) => {
            assert!(matches!(step_up.reason(), RefusalReason::Anonymiser(_)), "{step_up:?}");
            Some(step_up.means())
        }
        Sent::Issued(_) => None,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_exit_passes_a_human_check_before_its_first_text() {
    let (house, _) = house(true, |_| {});
    assert_eq!(asked(&house, ALICE, &exit()).await, Some(StepUpMeans::Human));
    assert_eq!(asked(&house, BOB, &outside(1)).await, None);
    let told = |kind: &EventKind| {
        let why = RefusalReason::Anonymiser(AnonymiserKind::Tor);
        matches!(kind, EventKind::StepUpAsked { reason } if *reason == why)
    };
    assert_eq!((house.texts(), house.log.count(told)), (1, 1));

    // The new ticket alone is not enough, a failed check neither, and a passed one is.
    let Sent::StepUp(step_up) = house.try_send(ALICE, &exit()).await else { panic!() };
    let ticket = step_up.ticket().as_str().to_owned();
    let sign_up = Purpose::SIGN_UP;
    let again = house.clear_with(&ticket, ALICE, &sign_up, &exit()).await;
    assert!(matches!(again, Cleared::StepUp(_)), "{again:?}");
    let liar = exit().human_response("no");
    assert!(matches!(house.clear_with(&ticket, ALICE, &sign_up, &liar).await, Cleared::Refused(_)));
    let person = exit().human_response("yes");
    let cleared = house.clear_with(&ticket, ALICE, &sign_up, &person).await;
    let Cleared::Passed(clearance) = cleared else { panic!("{cleared:?}") };
    assert!(matches!(house.gate.issue(clearance).await.unwrap(), Sent::Issued(_)));
}

#[tokio::test]
async fn without_a_human_check_it_does_harder_work() {
    let (house, _) = house(false, |_| {});
    assert_eq!(asked(&house, ALICE, &exit()).await, Some(StepUpMeans::Work { bits: 4 }));
    let sent = house.insist(ALICE, &Purpose::SIGN_UP, &exit()).await;
    assert!(matches!(sent, Sent::Issued(_)), "{sent:?}");
    assert_eq!(house.texts(), 1);
}

/// Who verified the number on this device before, and whom an operator allows.
#[tokio::test]
async fn a_known_device_and_an_allowed_network_are_spared() {
    let (house, _) = house(true, |_| {});
    let proof = house.prove(ALICE, &outside(1)).await.device_proof().as_str().to_owned();
    house.clock.advance(days(1));
    assert_eq!(asked(&house, ALICE, &exit().device_proof(proof.clone())).await, None);
    // The proof is of one number.
    let elsewhere = exit().device_proof(proof);
    assert_eq!(asked(&house, BOB, &elsewhere).await, Some(StepUpMeans::Human));

    let network: Network = "12.3.2.0/24".parse().unwrap();
    let (why, ada) = (Reason::new("our own office").unwrap(), Actor::new("ada").unwrap());
    let target = Target::Network(network);
    house.gate.controls().enter(target, Effect::Allow, why, ada, None).await.unwrap();
    assert_eq!(asked(&house, &german(1), &script(2)).await, None);
    assert_eq!(asked(&house, &german(2), &script(3)).await, Some(StepUpMeans::Human));
}

/// What the host itself knows counts like a list, and the strictest kind holds.
#[tokio::test]
async fn the_hosts_word_counts_and_the_strictest_kind_holds() {
    let (house, _) = house(true, |policy| {
        policy.anonymisers.hosting = AnonymiserTier::Ordinary;
        policy.anonymisers.proxy = AnonymiserTier::HumanCheck;
    });
    assert_eq!(asked(&house, ALICE, &script(1)).await, None);
    let proxied = script(2).anonymiser(AnonymiserKind::Proxy);
    assert_eq!(asked(&house, BOB, &proxied).await, Some(StepUpMeans::Human));
    let relayed = outside(1).anonymiser(AnonymiserKind::Vpn);
    assert_eq!(asked(&house, &german(1), &relayed).await, None, "fewer, and not asked");
}

/// A new list holds from the next request on.
#[tokio::test]
async fn the_list_is_exchanged_while_the_gate_runs() {
    let (house, anonymisers) = house(true, |_| {});
    assert_eq!(asked(&house, ALICE, &outside(1)).await, None);
    let list = AnonymiserList::parse("64:ff9b::18.0.0.0/104", AnonymiserKind::Proxy).unwrap();
    anonymisers.replace(list);
    assert_eq!(asked(&house, BOB, &outside(2)).await, Some(StepUpMeans::Human));
    anonymisers.replace(AnonymiserList::default());
    assert_eq!(asked(&house, BOB, &exit()).await, None);
}

/// The room of an address for unverified messages, filled by somebody outside and by one of the tier.
#[tokio::test]
async fn a_tenth_of_the_room_is_a_tenth_of_the_texts() {
    let sent = async |tier: AnonymiserTier| {
        let (house, _) = house(false, |policy| {
            policy.anonymisers.hosting = tier;
            policy.anonymisers.unverified_percent = 10;
            policy.quotas.session.clear();
            let drain = minutes(60 * 24);
            policy.quotas.client_unverified = Some(Evidence { soft: 20, hard: 40, drain });
        });
        let mut sent = 0;
        let mut why = None;
        for index in 0..60 {
            match house.insist(&german(index), &Purpose::SIGN_UP, &script(1)).await {
                Sent::Issued(_) => sent += 1,
                Sent::Refused(refusal) => why = Some(refusal.reason().clone()),
                other => panic!("{other:?}"),
            }
            house.clock.advance(seconds(1));
        }
        assert_eq!(why, Some(RefusalReason::Limit(LimitName::ClientUnverified)));
        sent
    };
    assert_eq!(sent(AnonymiserTier::Ordinary).await, 40);
    assert_eq!(sent(AnonymiserTier::Fewer).await, 4);
}

/// Fewer for who hides leaves the neighbours what they had.
#[tokio::test]
async fn neighbours_in_the_network_keep_their_room() {
    let (house, anonymisers) = house(false, |policy| {
        let drain = minutes(60 * 24);
        policy.quotas.client_unverified = Some(Evidence { soft: 10, hard: 20, drain });
        policy.quotas.session.clear();
    });
    anonymisers.replace(AnonymiserList::default());
    let hidden = outside(1).anonymiser(AnonymiserKind::Vpn);
    for index in 0..4 {
        drop(house.insist(&german(index), &Purpose::SIGN_UP, &hidden).await);
    }
    assert_eq!(house.texts(), 4);
    let more = house.insist(&german(5), &Purpose::SIGN_UP, &hidden).await;
    assert!(matches!(more, Sent::Refused(_)), "{more:?}");
    let open = house.try_send(&german(6), &outside(1)).await;
    assert!(matches!(open, Sent::Issued(_)), "{open:?}");
}

#[tokio::test]
async fn quiet_looks_like_a_text_and_is_none() {
    let (house, _) = house(true, |policy| policy.anonymisers.tor = AnonymiserTier::Quiet);
    let spent = house.gate.snapshot().await.unwrap().spent;
    let quiet = house.send_to(ALICE, &exit()).await;
    assert_eq!(house.texts(), 0);
    let real = house.send_to(BOB, &outside(1)).await;
    assert_eq!(quiet.resend_after(), real.resend_after());
    assert_eq!(quiet.confirmed(), real.confirmed());
    assert_eq!(quiet.grant().as_str().len(), real.grant().as_str().len());
    let why = RefusalReason::Anonymiser(AnonymiserKind::Tor);
    let told =
        |kind: &EventKind| matches!(kind, EventKind::QuietlyRefused { reason } if *reason == why);
    assert_eq!(house.log.count(told), 1);
    let all = house.gate.snapshot().await.unwrap().spent.as_microdollars();
    assert_eq!(all - spent.as_microdollars(), house.cost().as_microdollars());

    // Nor does another code go out, and none opens it.
    let grant = quiet.into_grant();
    house.clock.advance(minutes(2));
    assert!(matches!(house.gate.resend(&grant, &exit()).await.unwrap(), Sent::Issued(_)));
    assert_eq!((house.texts(), house.log.count(told)), (1, 2));
    assert!(!house.accepts_from(&grant, &house.last_code(), &exit()).await);
}

/// Shadow mode tells what would be asked, and asks nothing.
#[tokio::test]
async fn in_shadow_mode_it_is_told_and_not_done() {
    for tier in [AnonymiserTier::HumanCheck, AnonymiserTier::Quiet] {
        let (house, _) = house(true, |policy| {
            policy.mode.general = Mode::Observe;
            policy.anonymisers.tor = tier;
        });
        assert_eq!(asked(&house, ALICE, &exit()).await, None);
        let would = |kind: &EventKind| {
            let why = RefusalReason::Anonymiser(AnonymiserKind::Tor);
            matches!(kind, EventKind::WouldRefuse { reason } if *reason == why)
        };
        assert_eq!((house.texts(), house.log.count(would)), (1, 1), "{tier:?}");
    }
}

/// A service of the host's own runs in a data centre and is nobody who hides.
#[tokio::test]
async fn without_a_list_nothing_changes() {
    let house = House::lab(small());
    assert_eq!(asked(&house, ALICE, &exit()).await, None);
}
