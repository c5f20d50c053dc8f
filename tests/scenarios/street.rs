//! A street of clients, numbers and callers: requests that share one thing and differ in all others.

use std::net::IpAddr;

use otpgate::access::{CallerId, CallerKey, CallerRequest, CallerRule, CallerRules, Network};
use otpgate::policy::{Ladder, Quota, QuotaPolicy};
use otpgate::{
    Cleared, ClientContext, ClientIp, Clock, GateBuilder, Policy, Purpose, Realm, Sent,
    SystemEntropy,
};

use crate::support::{ALICE, House, client, days, german, keys, quick, recipient, seconds};

const AUDIENCE: &str = "otp.example.com";

/// One request: to whom, for what, and who asks.
pub(crate) struct Ask {
    number: String,
    purpose: Purpose,
    pub(crate) who: Who,
    realm: Option<&'static str>,
}

pub(crate) enum Who {
    Page(ClientContext),
    Caller(&'static str),
}

/// A gate without any quota but the one that is set, two callers, and two devices that Alice's
/// number was verified on.
pub(crate) struct Street {
    pub(crate) house: House,
    devices: Vec<String>,
}

impl Street {
    pub(crate) async fn new(set: impl FnOnce(&mut QuotaPolicy)) -> Self {
        Self::ruled(|policy| set(&mut policy.quotas), |builder| builder).await
    }

    /// The same with any other rules, and other parts.
    pub(crate) async fn ruled(
        set: impl FnOnce(&mut Policy),
        change: impl FnOnce(GateBuilder) -> GateBuilder,
    ) -> Self {
        let mut policy = quick(Policy::default());
        let second = seconds(1);
        policy.interval.ladder = Ladder { first: second, longest: second, forget: second };
        let none = &mut policy.quotas;
        none.number = vec![Quota::daily(1_000_000)];
        for list in [&mut none.number_total, &mut none.client_unknown] {
            list.clear();
        }
        for list in [&mut none.session, &mut none.user, &mut none.device, &mut none.caller] {
            list.clear();
        }
        (none.client_unverified, none.network_unverified) = (None, None);
        none.block_unverified = None;
        (none.campus_unverified, none.provider_unverified) = (None, None);
        (none.allocation_unverified, none.customers_unverified) = (None, None);
        set(&mut policy);
        let home: Network = "10.1.0.0/16".parse().unwrap();
        let rule = |name| CallerRule::new(CallerId::new(name).unwrap(), [home]);
        let callers = CallerRules::new(AUDIENCE).allow(rule("billing")).allow(rule("shipping"));
        let house = House::lab_with(|builder| change(builder.policy(policy).callers(callers)));
        let mut devices = Vec::new();
        for number in [900, 901] {
            let proof = house.prove(ALICE, &client(number)).await;
            devices.push(proof.device_proof().as_str().to_owned());
            house.clock.advance(days(2));
        }
        Self { house, devices }
    }

    pub(crate) async fn send(&self, ask: Ask) -> Sent {
        self.house.clock.advance(seconds(2));
        let Ask { number, purpose, who, realm } = ask;
        let house = self.of_realm(realm);
        match who {
            Who::Page(client) => house.try_send_for(&number, &purpose, &client).await,
            Who::Caller(name) => {
                let signed = self.sign(name, &number, &purpose);
                let peer = "10.1.2.3".parse().unwrap();
                match house
                    .gate
                    .authorise(
                        &signed,
                        &recipient(&number),
                        &purpose,
                        &otpgate::access::ClientIp::from_peer(peer),
                    )
                    .unwrap()
                {
                    Cleared::Passed(clearance) => house.gate.issue(clearance).await.unwrap(),
                    other => panic!("not cleared: {other:?}"),
                }
            }
        }
    }

    /// As `send`, doing the harder work.
    pub(crate) async fn insist(&self, ask: Ask) -> Sent {
        self.house.clock.advance(seconds(2));
        let Who::Page(client) = &ask.who else { panic!("a page") };
        self.of_realm(ask.realm).insist(&ask.number, &ask.purpose, client).await
    }

    fn of_realm(&self, realm: Option<&str>) -> House {
        let House { gate, clock, outbox, carrier, log, client } = &self.house;
        House {
            gate: realm
                .map_or_else(|| gate.clone(), |name| gate.in_realm(&Realm::new(name).unwrap())),
            clock: clock.clone(),
            outbox: outbox.clone(),
            carrier: carrier.clone(),
            log: log.clone(),
            client: client.clone(),
        }
    }

    fn sign(&self, caller: &str, number: &str, purpose: &Purpose) -> String {
        let (id, now) = (CallerId::new(caller).unwrap(), self.house.clock.now());
        let key = CallerKey::mint(&id, AUDIENCE, now + days(1), &keys(), now).unwrap();
        let recipient = recipient(number);
        let purpose = purpose.as_str();
        let request = CallerRequest { realm: "default", purpose, recipient: &recipient };
        key.sign(&request, &SystemEntropy, now).unwrap()
    }
}

pub(crate) fn per_number(_: &Street, subject: u32, n: u32) -> Ask {
    Ask { number: german(u64::from(subject)), ..of(n) }.for_purpose("sign-up")
}

pub(crate) fn per_number_of_any_purpose(_: &Street, subject: u32, n: u32) -> Ask {
    Ask { number: german(u64::from(subject)), ..of(n) }
}

pub(crate) fn per_client(_: &Street, subject: u32, n: u32) -> Ask {
    of(n).at([203, 0, 113 + subject as u8, 9])
}

pub(crate) fn per_unknown_client(_: &Street, _: u32, n: u32) -> Ask {
    let who = ClientContext::new(ClientIp::unknown(), format!("session-{n}"));
    Ask { who: Who::Page(who), ..of(n) }
}

pub(crate) fn per_network(_: &Street, subject: u32, n: u32) -> Ask {
    of(n).at([203, 0, 113 + subject as u8, 1 + n as u8])
}

/// Of one /20, each of another /24.
pub(crate) fn per_campus(_: &Street, subject: u32, n: u32) -> Ask {
    of(n).at([203, 0, 112 + 16 * subject as u8 + n as u8 % 16, 1 + n as u8])
}

/// Of one /48, each of another /56.
pub(crate) fn per_campus_v6(_: &Street, subject: u32, n: u32) -> Ask {
    of(n).at(v6(subject << 16 | n << 8))
}

/// Of one /40, each of another /48.
pub(crate) fn per_provider(_: &Street, subject: u32, n: u32) -> Ask {
    of(n).at(v6(subject << 24 | n << 16))
}

/// Of one /16, each of another /20.
pub(crate) fn per_allocation(_: &Street, subject: u32, n: u32) -> Ask {
    of(n).at([203, subject as u8, (n * 16) as u8, n as u8])
}

/// Of one /32, each of another /40.
pub(crate) fn per_allocation_v6(_: &Street, subject: u32, n: u32) -> Ask {
    let ip = v6(n << 24).to_bits() ^ u128::from(subject) << 96;
    of(n).at(std::net::Ipv6Addr::from_bits(ip))
}

/// The first address of a /64 of 2001:db8::/32, by the network's last 32 bits.
pub(crate) fn v6(network: u32) -> std::net::Ipv6Addr {
    std::net::Ipv6Addr::from_bits(0x2001_0db8_u128 << 96 | u128::from(network) << 64 | 1)
}

/// The `n`th request of nothing in common with another, from `ip`.
pub(crate) fn from(n: u32, ip: impl Into<IpAddr>) -> Ask {
    of(n).at(ip)
}

pub(crate) fn per_session(_: &Street, subject: u32, n: u32) -> Ask {
    let ip = ClientIp::from_peer(IpAddr::from([198, 51, n as u8, 7]));
    Ask { who: Who::Page(ClientContext::new(ip, format!("the-session-{subject}"))), ..of(n) }
}

pub(crate) fn per_user(_: &Street, subject: u32, n: u32) -> Ask {
    Ask { who: Who::Page(client(n).user(format!("mallory-{subject}"))), ..of(n) }
}

/// A proof is good for one number, so that is the same too, and so is the whole lane.
pub(crate) fn per_device(street: &Street, subject: u32, n: u32) -> Ask {
    let proof = street.devices[subject as usize].clone();
    Ask { number: ALICE.into(), who: Who::Page(client(n).device_proof(proof)), ..of(n) }
}

pub(crate) fn per_block(_: &Street, subject: u32, n: u32) -> Ask {
    Ask { number: format!("+49151123{}{n:04}", 4 + subject), ..of(n) }
}

pub(crate) fn per_country(_: &Street, subject: u32, n: u32) -> Ask {
    let number = match subject {
        0 => german(u64::from(n)),
        _ => british(n),
    };
    Ask { number, ..of(n) }
}

fn british(n: u32) -> String {
    format!("+447400{:06}", 123_456 + n)
}

pub(crate) fn per_purpose(_: &Street, subject: u32, n: u32) -> Ask {
    abroad(n).for_purpose(&format!("the-purpose-{subject}"))
}

pub(crate) fn per_caller(_: &Street, subject: u32, n: u32) -> Ask {
    Ask { who: Who::Caller(["billing", "shipping"][subject as usize]), ..of(n) }
}

pub(crate) fn per_realm(_: &Street, subject: u32, n: u32) -> Ask {
    Ask { realm: Some(["one", "two"][subject as usize]), ..abroad(n) }
}

pub(crate) fn of_anyone(_: &Street, _: u32, n: u32) -> Ask {
    Ask { realm: Some(["one", "two"][n as usize % 2]), ..abroad(n) }
}

/// The `n`th request, of two countries in turn.
fn abroad(n: u32) -> Ask {
    match n % 2 {
        0 => of(n),
        _ => Ask { number: british(n), ..of(n) },
    }
}

/// The `n`th request, which has nothing in common with another.
fn of(n: u32) -> Ask {
    Ask {
        number: german(u64::from(n) + 10),
        purpose: Purpose::new(format!("purpose-{n}")).unwrap(),
        who: Who::Page(client(n)),
        realm: None,
    }
}

impl Ask {
    fn for_purpose(mut self, purpose: &str) -> Self {
        self.purpose = Purpose::new(purpose.to_owned()).unwrap();
        self
    }

    fn at(mut self, ip: impl Into<IpAddr>) -> Self {
        let ip = ip.into();
        let session = format!("session-at-{ip}-{}", self.number);
        self.who = Who::Page(ClientContext::from_peer(ip, session));
        self
    }
}
