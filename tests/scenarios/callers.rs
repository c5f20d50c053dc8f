//! Callers without a page: another service of the host, with a signed request from a listed network.

use otpgate::access::{
    Actor, CallerError, CallerId, CallerKey, CallerRequest, CallerRule, CallerRules, ClientIp,
    DestinationPolicy, Effect, Network, Reason, Target,
};
use otpgate::policy::Quota;
use otpgate::{
    Cleared, Clock, EntryGrant, GateBuilder, LimitName, Money, Policy, Purpose, Realm,
    RefusalReason, Region, Sent, SystemEntropy,
};

use crate::a16_victim_lockout::besiege_as_human;
use crate::a23_garbage_flood::use_up_the_share;
use crate::step_up::Turing;
use crate::support::{ALICE, BOB, House, client, days, keys, quick, recipient, seconds};

const AUDIENCE: &str = "otp.example.com";

struct Office {
    house: House,
    key: CallerKey,
}

fn office() -> Office {
    office_with(|_| {}, |builder| builder)
}

fn office_with(
    rules: impl FnOnce(&mut Policy),
    change: impl FnOnce(GateBuilder) -> GateBuilder,
) -> Office {
    let id = CallerId::new("billing").unwrap();
    let network: Network = "10.1.0.0/16".parse().unwrap();
    let rule = CallerRule::new(id.clone(), [network]).for_purposes(["payment"]);
    let house = House::lab_with(|builder| {
        let mut policy = quick(Policy::default());
        policy.quotas.caller = vec![Quota::hourly(5)];
        policy.quotas.session = vec![Quota::hourly(1_000)];
        rules(&mut policy);
        let callers = CallerRules::new(AUDIENCE).allow(rule);
        change(builder.policy(policy).human_check(Turing).callers(callers))
    });
    let now = house.clock.now();
    let key = CallerKey::mint(&id, AUDIENCE, now + days(30), &keys(), now).unwrap();
    Office { house, key }
}

impl Office {
    fn sign(&self, number: &str, purpose: &str) -> String {
        let recipient = recipient(number);
        let request = CallerRequest { realm: "default", purpose, recipient: &recipient };
        self.key.sign(&request, &SystemEntropy, self.house.clock.now()).unwrap()
    }

    async fn ask(
        &self,
        signed: &str,
        number: &str,
        purpose: &Purpose,
        peer: &str,
    ) -> Option<EntryGrant> {
        let peer = peer.parse().unwrap();
        match self
            .house
            .gate
            .authorise(
                signed,
                &recipient(number),
                purpose,
                &otpgate::access::ClientIp::from_peer(peer),
            )
            .unwrap()
        {
            Cleared::Passed(clearance) => match self.house.gate.issue(clearance).await.unwrap() {
                Sent::Issued(issued) => Some(issued.into_grant()),
                _ => None,
            },
            _ => None,
        }
    }
}

const HOME: &str = "10.1.2.3";

#[tokio::test]
async fn a_listed_caller_sends_and_verifies() {
    let office = office();
    let signed = office.sign(ALICE, "payment");
    let grant = office.ask(&signed, ALICE, &Purpose::PAYMENT, HOME).await.unwrap();
    assert!(office.house.accepts_from(&grant, &office.house.last_code(), &client(7)).await);
}

/// What pages guess in a session does not stand in front of a caller's code.
#[tokio::test]
async fn a_callers_code_passes_a_session_whose_share_is_used_up() {
    let office = office();
    let (house, who) = (&office.house, client(7));
    use_up_the_share(house, &who).await;
    let signed = office.sign(ALICE, "payment");
    let grant = office.ask(&signed, ALICE, &Purpose::PAYMENT, HOME).await.unwrap();
    assert!(office.house.accepts_from(&grant, &office.house.last_code(), &who).await);
}

#[tokio::test]
async fn every_other_request_is_refused() {
    let office = office();
    let good = office.sign(ALICE, "payment");
    for (what, signed, number, purpose, peer) in [
        ("another number", good.clone(), BOB, Purpose::PAYMENT, HOME),
        ("another purpose", good.clone(), ALICE, Purpose::SIGN_UP, HOME),
        ("a purpose not listed", office.sign(ALICE, "sign-up"), ALICE, Purpose::SIGN_UP, HOME),
        ("another network", good.clone(), ALICE, Purpose::PAYMENT, "192.0.2.1"),
        ("nothing", String::new(), ALICE, Purpose::PAYMENT, HOME),
        ("a megabyte", "A".repeat(1 << 20), ALICE, Purpose::PAYMENT, HOME),
    ] {
        assert!(office.ask(&signed, number, &purpose, peer).await.is_none(), "{what}");
    }
    for place in 0..good.len() {
        let mut changed = good.clone().into_bytes();
        changed[place] = if changed[place] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).unwrap();
        let asked = office.ask(&changed, ALICE, &Purpose::PAYMENT, HOME).await;
        assert!(asked.is_none(), "changed at {place}");
    }
    assert_eq!(office.house.texts(), 0);
    office.house.clock.advance(seconds(61));
    assert!(office.ask(&good, ALICE, &Purpose::PAYMENT, HOME).await.is_none(), "a minute later");
    // A gate without callers has none.
    let bare = House::lab(crate::support::small());
    let peer = HOME.parse().unwrap();
    let cleared = bare
        .gate
        .authorise(
            &good,
            &recipient(ALICE),
            &Purpose::PAYMENT,
            &otpgate::access::ClientIp::from_peer(peer),
        )
        .unwrap();
    assert!(matches!(cleared, Cleared::Refused(_)));
}

#[tokio::test]
async fn a_request_counts_once() {
    let office = office();
    let signed = office.sign(ALICE, "payment");
    assert!(office.ask(&signed, ALICE, &Purpose::PAYMENT, HOME).await.is_some());
    office.house.clock.advance(seconds(45));
    assert!(office.ask(&signed, ALICE, &Purpose::PAYMENT, HOME).await.is_none());
    assert_eq!(office.house.texts(), 1);
}

#[tokio::test]
async fn a_caller_has_a_quota_and_the_number_its_interval() {
    let office = office();
    let sent = office.sign(ALICE, "payment");
    assert!(office.ask(&sent, ALICE, &Purpose::PAYMENT, HOME).await.is_some());
    let again = office.sign(ALICE, "payment");
    assert!(office.ask(&again, ALICE, &Purpose::PAYMENT, HOME).await.is_none());
    for index in 0..10 {
        let number = crate::support::german(index);
        let signed = office.sign(&number, "payment");
        let _ = office.ask(&signed, &number, &Purpose::PAYMENT, HOME).await;
    }
    assert_eq!(office.house.texts(), 5);
}

/// A tenant's service, with the tenant's own key, asks at another tenant's gate.
#[tokio::test]
async fn a_rule_for_one_realm_is_good_in_no_other() {
    let id = CallerId::new("billing").unwrap();
    let rule = CallerRule::new(id.clone(), ["10.1.0.0/16".parse::<Network>().unwrap()])
        .for_realms(["acme"]);
    let house = House::lab_with(|builder| builder.callers(CallerRules::new(AUDIENCE).allow(rule)));
    let now = house.clock.now();
    let key = CallerKey::mint(&id, AUDIENCE, now + days(30), &keys(), now).unwrap();
    let (recipient, peer) = (recipient(ALICE), HOME.parse().unwrap());
    let asks = |realm| {
        let request = CallerRequest { realm, purpose: "payment", recipient: &recipient };
        let signed = key.sign(&request, &SystemEntropy, now).unwrap();
        let peer = otpgate::access::ClientIp::from_peer(peer);
        let gate = house.gate.in_realm(&Realm::new(realm).unwrap());
        match gate.authorise(&signed, &recipient, &Purpose::PAYMENT, &peer).unwrap() {
            Cleared::Passed(_) => None,
            Cleared::Refused(refusal) => Some(refusal.reason().clone()),
            other => panic!("{other:?}"),
        }
    };
    assert!(asks("acme").is_none());
    for other in ["bolt", "default"] {
        let refused = asks(other);
        let realm = matches!(refused, Some(RefusalReason::Caller(CallerError::Realm)));
        assert!(realm, "{other}: {refused:?}");
    }
}

/// An operator who shuts a network shuts it for services too.
#[tokio::test]
async fn an_entry_for_its_network_reaches_a_caller() {
    let office = office();
    let (reason, actor) = (Reason::new("a stolen key").unwrap(), Actor::new("ada").unwrap());
    let target = Target::Network("10.1.2.0/24".parse().unwrap());
    let controls = office.house.gate.controls();
    let id = controls.enter(target, Effect::Block, reason, actor, None).await.unwrap();
    let ask = |peer| {
        let signed = office.sign(ALICE, "payment");
        let office = &office;
        async move { office.ask(&signed, ALICE, &Purpose::PAYMENT, peer).await }
    };
    assert!(ask(HOME).await.is_none());
    assert!(ask("10.1.3.3").await.is_some(), "another network");
    office.house.clock.advance(seconds(30));
    controls.lift(id, &Actor::new("ada").unwrap()).await.unwrap();
    assert!(ask(HOME).await.is_some());
}

/// The host asks for another text on behalf of its user: same caller, no page.
#[tokio::test]
async fn a_callers_verification_can_be_renewed() {
    let office = office();
    let signed = office.sign(ALICE, "payment");
    let grant = office.ask(&signed, ALICE, &Purpose::PAYMENT, HOME).await.unwrap();
    office.house.clock.advance(seconds(30));
    let sent = office.house.gate.resend(&grant, &client(3)).await.unwrap();
    assert!(matches!(sent, Sent::Issued(_)), "{sent:?}");
    assert!(office.house.accepts_from(&grant, &office.house.last_code(), &client(4)).await);
}

/// Strangers use up what strangers may have of a number's texts; the host's own service goes on.
#[tokio::test]
async fn strangers_do_not_use_up_what_a_caller_may_send() {
    let office = office();
    let mut sent = 0;
    for stranger in 0..12 {
        let who = client(1_000 + stranger);
        let answer = office.house.try_send_for(ALICE, &Purpose::PAYMENT, &who).await;
        sent += u32::from(matches!(answer, Sent::Issued(_)));
        office.house.clock.advance(seconds(601));
    }
    assert!((3..12).contains(&sent), "{sent} of 12: no siege, or no limit");
    let signed = office.sign(ALICE, "payment");
    let grant = office.ask(&signed, ALICE, &Purpose::PAYMENT, HOME).await.unwrap();
    // An interval of its own holds all the same.
    assert!(
        office.ask(&office.sign(ALICE, "payment"), ALICE, &Purpose::PAYMENT, HOME).await.is_none()
    );
    assert!(office.house.accepts_from(&grant, &office.house.last_code(), &client(7)).await);
}

/// Somebody who passes human checks shuts what such clients share, and not the host's own service.
#[tokio::test]
async fn wrong_codes_after_human_checks_shut_out_no_caller() {
    let office = office();
    besiege_as_human(&office.house, 9 * 24 * 60 / 11).await;
    let checked = client(3).human_response("yes");
    let sent = office.house.try_send_for(ALICE, &Purpose::LOG_IN, &checked).await;
    let Sent::Refused(refusal) = sent else { panic!("no siege: {sent:?}") };
    assert!(matches!(refusal.reason(), RefusalReason::TooManyFailures));
    let signed = office.sign(ALICE, "payment");
    let grant = office.ask(&signed, ALICE, &Purpose::PAYMENT, HOME).await.unwrap();
    assert!(!office.house.accepts_from(&grant, &office.house.wrong_code(), &client(7)).await);
    assert!(office.house.accepts_from(&grant, &office.house.last_code(), &client(7)).await);
}

/// A stolen key or a bug of the caller's sends nowhere that a page could not.
#[tokio::test]
async fn a_caller_reaches_the_destinations_of_the_policy_and_no_other() {
    let refused = async |office: &Office, number: &str| {
        let signed = office.sign(number, "payment");
        let (to, from) = (recipient(number), ClientIp::from_peer(HOME.parse().unwrap()));
        let asked = office.house.gate.authorise(&signed, &to, &Purpose::PAYMENT, &from).unwrap();
        let Cleared::Refused(refusal) = asked else {
            let sent = office.house.go_on(asked).await;
            panic!("{number} was let in: {sent:?}")
        };
        refusal.reason().clone()
    };
    let german =
        office_with(|_| {}, |builder| builder.destinations(DestinationPolicy::only([Region::DE])));
    for number in ["+447400123456", "+4990091234567"] {
        let reason = refused(&german, number).await;
        assert!(matches!(reason, RefusalReason::Destination(_)), "{number}: {reason:?}");
    }
    let signed = german.sign(ALICE, "payment");
    assert!(german.ask(&signed, ALICE, &Purpose::PAYMENT, HOME).await.is_some());
    assert_eq!(german.house.outbox.handed_off(), 1);

    let thrifty = office_with(|policy| policy.budget.message = Money::cents(1), |builder| builder);
    let reason = refused(&thrifty, ALICE).await;
    assert_eq!(reason, RefusalReason::Budget(LimitName::Message));
    assert_eq!(thrifty.house.outbox.handed_off(), 0);
}
