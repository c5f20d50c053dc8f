//! Requests that differ a little from genuine ones: none of them is taken for one.
//!
//! Each round makes two genuine artefacts of every kind that a client hands in (token proof, entry
//! grant, device proof, caller's request) and then sends thousands of mutations of them through a
//! whole gate. `OTPGATE_MUTATIONS` says how many requests; a plain run makes a few thousand.

use base64ct::{Base64UrlUnpadded, Encoding};
use otpgate::access::{CallerId, CallerKey, CallerRequest, CallerRule, CallerRules};
use otpgate::{Cleared, Clock, Entry, EntryGrant, Purpose, Sent, SystemEntropy, Verified};

use crate::support::{ALICE, BOB, Dice, House, client, days, in_session, keys, quick, recipient};

const AUDIENCE: &str = "otp.example.com";
const SERVICE: &str = "10.1.2.3";
const ROUND: u64 = 5_000;

/// Whose sends are used up in the open lane, so that only a genuine device proof gets a text.
const CAROL: &str = "+4915700000123";

/// Two genuine artefacts of one kind.
type Pair = [String; 2];

struct Genuine {
    house: House,
    proofs: Pair,
    grants: Pair,
    devices: Pair,
    signed: Pair,
    code: String,
}

impl Genuine {
    async fn new() -> Self {
        let id = CallerId::new("billing").unwrap();
        let rule = CallerRule::new(id.clone(), ["10.1.0.0/16".parse().unwrap()]);
        let house = House::lab_with(|builder| {
            builder
                .policy(quick(otpgate::Policy::default()))
                .callers(CallerRules::new(AUDIENCE).allow(rule))
        });
        let mut devices = Vec::new();
        for number in [700, 701] {
            let proof = house.prove(CAROL, &client(number)).await;
            devices.push(proof.device_proof().as_str().to_owned());
            house.clock.advance(days(1));
        }
        while let Sent::Issued(_) = house.try_send(CAROL, &client(702)).await {
            house.clock.advance(crate::support::minutes(11));
        }
        let now = house.clock.now();
        let key = CallerKey::mint(&id, AUDIENCE, now + days(1), &keys(), now).unwrap();
        let signed = [ALICE, BOB].map(|number| {
            let recipient = recipient(number);
            let request =
                CallerRequest { realm: "default", purpose: "payment", recipient: &recipient };
            key.sign(&request, &SystemEntropy, now).unwrap()
        });
        let grants = [house.send(ALICE).await, house.send(BOB).await]
            .map(|issued| issued.into_grant().as_str().to_owned());
        let code = house.codes().iter().rev().nth(1).unwrap().clone();
        let proofs = [ALICE, BOB].map(|number| {
            let ticket = house.gate.preflight(&Purpose::LOG_IN, &house.client).unwrap();
            ticket.answer(number).unwrap()
        });
        let devices = devices.try_into().unwrap();
        Self { house, proofs, grants, devices, signed, code }
    }

    /// Hands in one mutation; panics if the gate takes it.
    async fn request(&self, dice: &mut Dice) {
        let Self { house, .. } = self;
        let who = match dice.below(2) {
            0 => house.client.clone(),
            _ => in_session(2 + dice.below(500) as u32, "session-1"),
        };
        match dice.below(6) {
            0 => {
                let Some(proof) = mutate(&self.proofs, &self.grants, dice) else { return };
                let to = recipient(ALICE);
                let cleared = house.gate.clear(&proof, &to, &Purpose::LOG_IN, &who).await;
                assert!(matches!(cleared.unwrap(), Cleared::Refused(_)), "{proof:?}");
            }
            1 => {
                let Some(grant) = mutate(&self.grants, &self.proofs, dice) else { return };
                let handed_in = EntryGrant::from_client(grant.clone());
                let verified = house.gate.verify(&handed_in, &self.code, &who).await.unwrap();
                assert!(matches!(verified, Verified::Rejected(_)), "{grant:?}");
            }
            2 => {
                let Some(grant) = mutate(&self.grants, &self.signed, dice) else { return };
                let entry = house.gate.entry(&EntryGrant::from_client(grant.clone()), &who).await;
                assert!(matches!(entry.unwrap(), Entry::Closed(_)), "{grant:?}");
            }
            3 => {
                let Some(grant) = mutate(&self.grants, &self.devices, dice) else { return };
                let sent = house.gate.resend(&EntryGrant::from_client(grant.clone()), &who).await;
                assert!(matches!(sent.unwrap(), Sent::Refused(_)), "{grant:?}");
            }
            4 => {
                let Some(signed) = mutate(&self.signed, &self.proofs, dice) else { return };
                let (to, peer) = (recipient(ALICE), SERVICE.parse().unwrap());
                let cleared = house
                    .gate
                    .authorise(
                        &signed,
                        &to,
                        &Purpose::PAYMENT,
                        &otpgate::access::ClientIp::from_peer(peer),
                    )
                    .unwrap();
                assert!(matches!(cleared, Cleared::Refused(_)), "{signed:?}");
            }
            _ => {
                let Some(proof) = mutate(&self.devices, &self.grants, dice) else { return };
                let sent = house.try_send(CAROL, &who.device_proof(proof.clone())).await;
                assert!(!matches!(sent, Sent::Issued(_)), "{proof:?}");
            }
        }
    }

    /// What was genuine before is genuine still.
    async fn still_holds(&self) {
        let Self { house, proofs, grants, devices, code, .. } = self;
        let grant = EntryGrant::from_client(grants[0].clone());
        assert!(matches!(house.gate.entry(&grant, &house.client).await.unwrap(), Entry::Open(_)));
        assert!(house.accepts(&grant, code).await, "the right code, after all that");
        let (to, purpose) = (recipient(BOB), Purpose::LOG_IN);
        let cleared = house.gate.clear(&proofs[1], &to, &purpose, &house.client).await.unwrap();
        assert!(matches!(cleared, Cleared::Passed(_)), "{cleared:?}");
        let known = client(703).device_proof(devices[1].clone());
        assert!(matches!(house.try_send(CAROL, &known).await, Sent::Issued(_)));
    }
}

/// One of `from`, changed, or nothing if the change made it one of them again.
fn mutate(from: &Pair, foreign: &Pair, dice: &mut Dice) -> Option<String> {
    let [one, other] = match dice.below(2) {
        0 => [&from[0], &from[1]],
        _ => [&from[1], &from[0]],
    };
    let mut bytes = one.clone().into_bytes();
    let place = dice.below(bytes.len() as u64) as usize;
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/=. \0\n\xc3";
    let letter = alphabet[dice.below(alphabet.len() as u64) as usize];
    let splice = |with: &str| {
        let cut = place.min(with.len());
        [&one.as_bytes()[..place], &with.as_bytes()[cut..]].concat()
    };
    match dice.below(12) {
        0 => bytes[place] ^= 1 << dice.below(7),
        1 => bytes[place] = letter,
        2 => drop(bytes.remove(place)),
        3 => bytes.insert(place, letter),
        4 => bytes.truncate(place),
        5 => bytes = splice(other),
        6 => bytes = splice(&foreign[dice.below(2) as usize]),
        7 => bytes.extend_from_within(place..),
        8 => bytes[place] ^= 0x20,
        9 => bytes.push(letter),
        10 => bytes = reencoded(one, dice)?,
        _ => bytes = (0..dice.below(400)).map(|_| dice.below(256) as u8).collect(),
    }
    let mutated = String::from_utf8_lossy(&bytes).into_owned();
    (!from.contains(&mutated)).then_some(mutated)
}

/// The bytes behind the text, with some bits of them turned over.
fn reencoded(text: &str, dice: &mut Dice) -> Option<Vec<u8>> {
    let (prefix, encoded) = text.rsplit_once('.').unwrap_or(("", text));
    let mut bytes = Base64UrlUnpadded::decode_vec(encoded).ok()?;
    for _ in 0..=dice.below(3) {
        let place = dice.below(bytes.len() as u64) as usize;
        bytes[place] ^= 1 << dice.below(8);
    }
    let dot = if prefix.is_empty() { "" } else { "." };
    Some(format!("{prefix}{dot}{}", Base64UrlUnpadded::encode_string(&bytes)).into_bytes())
}

#[tokio::test]
async fn no_mutation_of_a_genuine_request_is_taken() {
    let requests = std::env::var("OTPGATE_MUTATIONS").map_or(ROUND, |text| text.parse().unwrap());
    for round in 0..requests.div_ceil(ROUND) {
        let genuine = Genuine::new().await;
        let before = genuine.house.texts();
        let mut dice = Dice(0x6d75_7461 + round);
        for _ in 0..ROUND.min(requests) {
            genuine.request(&mut dice).await;
        }
        assert_eq!(genuine.house.texts(), before, "round {round}");
        genuine.still_holds().await;
    }
}
