//! Client addresses, callers and known devices against an attacker who may send anything.

use std::net::IpAddr;
use std::time::Duration;

use otpgate::access::{
    CallerError, CallerId, CallerKey, CallerKeyError, CallerRequest, CallerRule, CallerRules,
    ClientIp, DeviceError, DeviceLife, DeviceProof, ProxyHeader, TrustedProxies,
};
use otpgate::{KeyId, KeyRing, Pepper, Pseudonym, Recipient, SystemEntropy, Timestamp};
use proptest::prelude::*;

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

fn proxies() -> TrustedProxies {
    TrustedProxies::parse(["10.0.0.0/8", "fd00::/8"]).unwrap()
}

fn proxy() -> IpAddr {
    "10.0.0.1".parse().unwrap()
}

fn outside() -> impl Strategy<Value = IpAddr> {
    any::<IpAddr>().prop_filter("not a proxy", |ip| !proxies().contains(*ip))
}

fn keys() -> KeyRing {
    KeyRing::new(KeyId(1), Pepper::from_bytes(std::array::from_fn(|i| i as u8)).unwrap())
}

proptest! {
    #[test]
    fn what_the_client_writes_in_front_changes_nothing(
        lines in prop::collection::vec(".{0,60}", 0..4),
        glued in ".{0,60}",
        client in outside(),
        hops in prop::collection::vec(prop::sample::select(vec!["10.1.2.3", "fd00::7"]), 0..4),
    ) {
        let mut honest = vec![client.to_string()];
        honest.extend(hops.iter().map(ToString::to_string));
        let honest = honest.join(", ");
        let forged: Vec<String> = lines.into_iter().chain([format!("{glued}, {honest}")]).collect();
        let read = |lines: &[String]| {
            ClientIp::behind(proxy(), ProxyHeader::XForwardedFor, lines.iter().map(String::as_str), &proxies()).unwrap_or_default()
        };
        prop_assert_eq!(read(&forged), read(&[honest]));
        prop_assert_eq!(read(&forged), ClientIp::from_peer(client));
    }

    #[test]
    fn nor_in_front_of_forwarded(
        glued in ".{0,60}",
        quoted in any::<bool>(),
        client in outside(),
    ) {
        let node = if client.is_ipv6() { format!("\"[{client}]:443\"") } else if quoted { format!("\"{client}\"") } else { client.to_string() };
        let forged = format!("{glued},for={node};proto=https, for=10.0.0.9");
        let read = ClientIp::behind(proxy(), ProxyHeader::Forwarded, [forged.as_str()], &proxies()).unwrap_or_default();
        prop_assert_eq!(read, ClientIp::from_peer(client));
    }

    #[test]
    fn a_peer_that_is_no_proxy_is_the_client(peer in outside(), header in ".{0,80}") {
        let read = ClientIp::behind(peer, ProxyHeader::XForwardedFor, [header.as_str()], &proxies()).unwrap_or_default();
        prop_assert_eq!(read, ClientIp::from_peer(peer));
    }

    #[test]
    fn no_header_panics_or_names_a_proxy(header in "[ ,;=\"\\[\\]:.0-9a-fA-Forunkw_é-]{0,120}") {
        for read in [
            ClientIp::behind(proxy(), ProxyHeader::XForwardedFor, [header.as_str()], &proxies()).unwrap_or_default(),
            ClientIp::behind(proxy(), ProxyHeader::Forwarded, [header.as_str()], &proxies()).unwrap_or_default(),
        ] {
            prop_assert!(read.expose_ip().is_none_or(|ip| !proxies().contains(ip)));
        }
    }

    #[test]
    fn a_slash_64_is_one_client(network in any::<u64>(), hosts in any::<[u64; 2]>()) {
        let of = |host: u64| {
            let bits = (u128::from(network) << 64) | u128::from(host);
            ClientIp::from_peer(IpAddr::from(bits.to_be_bytes()))
        };
        prop_assume!(network != 0); // ::/64 holds the mapped IPv4 addresses
        prop_assert_eq!(of(hosts[0]).prefix(), of(hosts[1]).prefix());
        prop_assert_eq!(of(hosts[0]).prefix().to_bytes(), of(hosts[1]).prefix().to_bytes());
    }

    #[test]
    fn mapped_addresses_are_folded(v4 in any::<std::net::Ipv4Addr>()) {
        let mapped = ClientIp::from_peer(v4.to_ipv6_mapped().into());
        prop_assert_eq!(mapped, ClientIp::from_peer(v4.into()));
    }

    #[test]
    fn any_text_is_refused_without_a_panic(text in ".{0,300}", form in "[A-Za-z0-9_-]{0,220}") {
        let rules = CallerRules::new("gate");
        let recipient = Recipient::from_e164("+4915112345678").unwrap();
        let request = CallerRequest { realm: "r", purpose: "p", recipient: &recipient };
        for text in [&text, &form, &format!("otpgate_ck1_{form}")] {
            prop_assert!(rules.check(text, &request, &ClientIp::unknown(), &keys(), NOW).is_err());
            prop_assert!(CallerKey::from_text(text).is_err());
            prop_assert!(DeviceProof::check(text, &Pseudonym::default(), &keys(), NOW).is_err());
        }
    }

    #[test]
    fn a_device_proof_has_no_bit_to_spare(bit in 0_usize..92 * 6) {
        let subject = Pseudonym::from_bytes([1; 16]);
        let proof = DeviceProof::mint(&subject, DeviceLife::default(), &keys(), &SystemEntropy, NOW).unwrap();
        prop_assert!(DeviceProof::check(proof.as_str(), &subject, &keys(), NOW).is_ok());
        prop_assert!(DeviceProof::check(&flip(proof.as_str(), bit), &subject, &keys(), NOW).is_err());
    }

    #[test]
    fn a_signed_request_has_no_bit_to_spare(bit in 0_usize..100 * 6) {
        let caller = Caller::new();
        let signed = caller.sign("+4915112345678", "payment");
        prop_assert!(caller.check(&signed, "+4915112345678", "payment", "10.1.2.3", NOW).is_ok());
        let bit = bit % (signed.len() * 6);
        let flipped = flip(&signed, bit);
        prop_assert!(caller.check(&flipped, "+4915112345678", "payment", "10.1.2.3", NOW).is_err());
    }
}

#[test]
fn a_device_proof_is_for_one_number_and_one_time() {
    let (alice, bob) = (Pseudonym::from_bytes([1; 16]), Pseudonym::from_bytes([2; 16]));
    let hour = DeviceLife::new(Duration::from_secs(3_600)).unwrap();
    let proof = DeviceProof::mint(&alice, hour, &keys(), &SystemEntropy, NOW).unwrap();
    let at = |subject, now| DeviceProof::check(proof.as_str(), subject, &keys(), now).map(drop);
    let ms = Duration::from_millis;
    assert_eq!(at(&alice, NOW + ms(3_599_999)), Ok(()));
    assert_eq!(at(&alice, NOW + ms(3_600_000)), Err(DeviceError::Expired));
    assert_eq!(at(&alice, NOW.before(ms(30_001))), Err(DeviceError::IssuedInFuture));
    assert_eq!(at(&bob, NOW), Err(DeviceError::Forged));
    let other = KeyRing::new(KeyId(2), Pepper::generate(&SystemEntropy).unwrap());
    let gone = DeviceProof::check(proof.as_str(), &alice, &other, NOW).map(drop);
    assert_eq!(gone, Err(DeviceError::UnknownKey));
    assert!(DeviceLife::new(Duration::from_secs(90 * 86_400 + 1)).is_err());
    assert!(DeviceLife::new(Duration::from_secs(3_599)).is_err());
}

#[test]
fn a_signature_is_for_one_number_purpose_realm_and_gate() {
    let caller = Caller::new();
    let signed = caller.sign("+4915112345678", "payment");
    let check = |number, purpose, peer, now| caller.check(&signed, number, purpose, peer, now);
    let (number, inside) = ("+4915112345678", "10.1.2.3");
    assert_eq!(check(number, "payment", inside, NOW), Ok(()));
    assert_eq!(check("+4915112345679", "payment", inside, NOW), Err(CallerError::Forged));
    assert_eq!(check(number, "log-in", inside, NOW), Err(CallerError::Forged));
    assert_eq!(check(number, "payment", "10.2.0.1", NOW), Err(CallerError::Network));

    let ms = Duration::from_millis;
    assert_eq!(check(number, "payment", inside, NOW + ms(59_999)), Ok(()));
    assert_eq!(check(number, "payment", inside, NOW + ms(60_000)), Err(CallerError::Expired));
    let early = NOW.before(ms(30_001));
    assert_eq!(check(number, "payment", inside, early), Err(CallerError::IssuedInFuture));

    let recipient = Recipient::from_e164(number).unwrap();
    let request = CallerRequest { realm: "shop", purpose: "payment", recipient: &recipient };
    let peer = ClientIp::from_peer(inside.parse().unwrap());
    let at = |rules: &CallerRules, request: &CallerRequest<'_>, peer: &ClientIp| {
        rules.check(&signed, request, peer, &keys(), NOW).map(drop).unwrap_err()
    };
    let id = || CallerId::new("billing").unwrap();
    let network = || ["10.1.0.0/16".parse().unwrap()];
    let elsewhere = CallerRules::new("other-gate").allow(CallerRule::new(id(), network()));
    assert_eq!(at(&elsewhere, &request, &peer), CallerError::Forged);
    let bank = CallerRequest { realm: "bank", ..request };
    assert_eq!(at(&caller.rules, &bank, &peer), CallerError::Forged);
    assert_eq!(at(&CallerRules::new("gate"), &request, &peer), CallerError::NotListed);
    let nowhere = CallerRules::new("gate").allow(CallerRule::new(id(), []));
    assert_eq!(at(&nowhere, &request, &peer), CallerError::Network);
    assert_eq!(at(&caller.rules, &request, &ClientIp::unknown()), CallerError::Network);
    let other = CallerRule::new(id(), network()).for_purposes(["log-in"]);
    assert_eq!(at(&CallerRules::new("gate").allow(other), &request, &peer), CallerError::Purpose);
}

#[test]
fn a_rule_is_for_the_realms_that_it_names() {
    let caller = Caller::new();
    let recipient = Recipient::from_e164("+4915112345678").unwrap();
    let request = CallerRequest { realm: "shop", purpose: "payment", recipient: &recipient };
    let signed = caller.key.sign(&request, &SystemEntropy, NOW).unwrap();
    let peer = ClientIp::from_peer("10.1.2.3".parse().unwrap());
    let under = |realms: &[&str]| {
        let network = "10.1.0.0/16".parse().unwrap();
        let rule = CallerRule::new(CallerId::new("billing").unwrap(), [network])
            .for_realms(realms.iter().copied());
        let rules = CallerRules::new("gate").allow(rule);
        rules.check(&signed, &request, &peer, &keys(), NOW).map(drop)
    };
    assert_eq!(under(&["shop"]), Ok(()));
    assert_eq!(under(&["bank", "shop"]), Ok(()));
    for others in [&["bank"][..], &["sho", "shops"], &[]] {
        assert_eq!(under(others), Err(CallerError::Realm), "{others:?}");
    }
}

#[test]
fn a_key_ends_and_cannot_be_stretched() {
    let caller = Caller::new();
    let late = NOW + Duration::from_secs(3_600);
    let recipient = Recipient::from_e164("+4915112345678").unwrap();
    let request = CallerRequest { realm: "shop", purpose: "payment", recipient: &recipient };
    let refused = caller.key.sign(&request, &SystemEntropy, late);
    assert!(matches!(refused, Err(CallerKeyError::Expired)));
    let signed = caller.key.sign(&request, &SystemEntropy, late.before(Duration::from_millis(1)));
    let checked = caller.check(&signed.unwrap(), "+4915112345678", "payment", "10.1.2.3", late);
    assert_eq!(checked, Err(CallerError::KeyExpired));

    let id = CallerId::new("billing").unwrap();
    let mint = |end| CallerKey::mint(&id, "gate", end, &keys(), NOW);
    assert!(matches!(mint(NOW), Err(CallerKeyError::Life)));
    assert!(matches!(mint(NOW + Duration::from_secs(367 * 86_400)), Err(CallerKeyError::Life)));
    let text = caller.key.expose_text();
    assert_eq!(*CallerKey::from_text(&text).unwrap().expose_text(), *text);
    assert!(!format!("{:?}", caller.key).contains(&text[20..40]));
}

struct Caller {
    key: CallerKey,
    rules: CallerRules,
}

impl Caller {
    fn new() -> Self {
        let id = CallerId::new("billing").unwrap();
        let end = NOW + Duration::from_secs(3_600);
        let key = CallerKey::mint(&id, "gate", end, &keys(), NOW).unwrap();
        let rule = CallerRule::new(id, ["10.1.0.0/16".parse().unwrap()]);
        Self { key, rules: CallerRules::new("gate").allow(rule.for_purposes(["payment"])) }
    }

    fn sign(&self, number: &str, purpose: &str) -> String {
        let recipient = Recipient::from_e164(number).unwrap();
        let request = CallerRequest { realm: "shop", purpose, recipient: &recipient };
        self.key.sign(&request, &SystemEntropy, NOW).unwrap()
    }

    fn check(
        &self,
        signed: &str,
        number: &str,
        purpose: &str,
        peer: &str,
        now: Timestamp,
    ) -> Result<(), CallerError> {
        let recipient = Recipient::from_e164(number).unwrap();
        let request = CallerRequest { realm: "shop", purpose, recipient: &recipient };
        let peer = ClientIp::from_peer(peer.parse().unwrap());
        self.rules.check(signed, &request, &peer, &keys(), now).map(drop)
    }
}

/// `text` with one bit of its base64url values flipped.
fn flip(text: &str, bit: usize) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut bytes = text.as_bytes().to_vec();
    let place = bit / 6;
    let value = ALPHABET.iter().position(|c| *c == bytes[place]).unwrap();
    bytes[place] = ALPHABET[value ^ (1 << (bit % 6))];
    String::from_utf8(bytes).unwrap()
}
