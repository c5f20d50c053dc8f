//! Tried: grants, proofs and records as no gate has written them, tenants whose names look alike, threads
//! whose texts the provider refuses, and fixed codes that come and go under running verifications.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use base64ct::{Base64UrlUnpadded, Encoding};
use otpgate::access::{Actor, ControlId, Reason};
use otpgate::otp::{CodeFormat, TestCode};
use otpgate::pumping::PriceTable;
use otpgate::store::MemoryStore;
use otpgate::transport::{Handoff, HandoffError, OutboundSms, ReportedOutcome, SmsTransport};
use otpgate::{
    Clock, Entry, EntryGrant, Money, Purpose, Realm, RecordError, SendRecord, Sent, TestNumber,
    Verified,
};

use crate::support::{
    ALICE, BOB, Dice, House, client, days, german, minutes, quick, race, recipient, seconds, small,
};

/// Every text of base64url that is `one` or `other` with one bit turned, cut, lengthened, spliced with the
/// other at every byte, or spelt another way.
fn forged([one, other]: [&str; 2]) -> Vec<String> {
    let bytes = [one, other].map(|text| Base64UrlUnpadded::decode_vec(text).unwrap());
    let text = |bytes: &[u8]| Base64UrlUnpadded::encode_string(bytes);
    let mut forged = Vec::new();
    for place in 0..bytes[0].len() {
        for bit in 0..8 {
            let mut turned = bytes[0].clone();
            turned[place] ^= 1 << bit;
            forged.push(text(&turned));
        }
        forged.push(text(&bytes[0][..place]));
        forged.push(text(&bytes[0][place..]));
        let tail = &bytes[1][place.min(bytes[1].len())..];
        forged.push(text(&[&bytes[0][..place], tail].concat()));
    }
    for end in [&[0_u8][..], &[0; 16], &bytes[1][..], &bytes[0][..]] {
        forged.push(text(&[&bytes[0][..], end].concat()));
    }
    // Another last letter for the same bytes, padding, the other alphabet, white space.
    for last in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".chars() {
        forged.push(format!("{}{last}", &one[..one.len() - 1]));
    }
    forged.push(one.replace('-', "+").replace('_', "/"));
    forged.extend(["=", "==", " ", "\n", "\0", "."].map(|end| format!("{one}{end}")));
    forged.push(format!(" {one}"));
    forged.retain(|forged| forged != one && forged != other);
    forged
}

#[tokio::test]
async fn a_grant_and_a_record_have_one_spelling_and_no_neighbours() {
    let house = House::lab(small());
    let [one, two] = [house.send(ALICE).await, house.send(BOB).await];
    let codes = house.codes();
    let mut tried = 0;
    for text in forged([one.grant().as_str(), two.grant().as_str()]) {
        let grant = EntryGrant::from_client(text.clone());
        let entry = house.gate.entry(&grant, &house.client).await.unwrap();
        assert!(matches!(entry, Entry::Closed(_)), "{text}");
        tried += 1;
    }
    for text in forged([one.record().as_str(), two.record().as_str()]) {
        let record = SendRecord::from_text(text.clone());
        let reported = house.gate.report(&record, ReportedOutcome::Worthless);
        assert_eq!(reported, Err(RecordError), "{text}");
        tried += 1;
    }
    assert!(tried > 2_500, "{tried}");
    // One kind of seal in place of the other.
    let record = EntryGrant::from_client(one.record().as_str());
    assert!(matches!(house.gate.entry(&record, &house.client).await.unwrap(), Entry::Closed(_)));
    let grant = SendRecord::from_text(one.grant().as_str());
    assert_eq!(house.gate.report(&grant, ReportedOutcome::Worthless), Err(RecordError));
    for (issued, code) in [(&one, &codes[0]), (&two, &codes[1])] {
        assert!(house.accepts(issued.grant(), code).await, "the genuine ones are good");
    }
}

fn tenant(house: &House, name: &str) -> House {
    House {
        gate: house.gate.in_realm(&Realm::new(name).unwrap()),
        clock: house.clock.clone(),
        outbox: house.outbox.clone(),
        carrier: house.carrier.clone(),
        log: house.log.clone(),
        client: house.client.clone(),
    }
}

/// Names that are each other's beginnings and ends, and those of what a gate makes keys for.
#[tokio::test]
async fn tenants_whose_names_look_alike_share_nothing() {
    const NAMES: [&str; 8] = [
        "a",
        "aa",
        "a-a",
        "default",
        "default-1",
        "number",
        "client",
        "a-tenant-of-thirty-two-letters-x",
    ];
    let house = House::lab(small());
    let mut proofs = Vec::new();
    for name in NAMES {
        let here = tenant(&house, name);
        let own = here.prove(ALICE, &client(1)).await.device_proof().as_str().to_owned();
        let issued = here.send_to(BOB, &client(2)).await;
        proofs.push((own, issued, house.last_code()));
        // The open lane's interval has begun in each of them, by its own text and by no other's.
        let again = here.try_send(ALICE, &client(3)).await;
        assert!(matches!(again, Sent::Refused(_)), "{name}: {again:?}");
    }
    assert_eq!(house.texts(), 2 * NAMES.len());
    let names = house.log.events().into_iter().filter_map(|event| event.number);
    assert_eq!(names.collect::<HashSet<_>>().len(), 2 * NAMES.len(), "one name for each of two");
    for (at, name) in NAMES.into_iter().enumerate() {
        let here = tenant(&house, name);
        for (of, (proof, issued, code)) in proofs.iter().enumerate().filter(|(of, _)| *of != at) {
            let stranger = client(4).device_proof(proof.clone());
            let sent = here.try_send(ALICE, &stranger).await;
            assert!(matches!(sent, Sent::Refused(_)), "{name} takes the proof of {of}: {sent:?}");
            assert!(!here.accepts_from(issued.grant(), code, &client(2)).await, "{name}, {of}");
            let reported = here.gate.report(issued.record(), ReportedOutcome::Worthless);
            assert_eq!(reported, Err(RecordError), "{name}, {of}");
        }
        let (own, issued, code) = &proofs[at];
        let owner = client(5).device_proof(own.clone());
        assert!(matches!(here.try_send(ALICE, &owner).await, Sent::Issued(_)), "{name}");
        assert!(here.accepts_from(issued.grant(), code, &client(2)).await, "{name}");
    }
}

const TEXT: u64 = 100_000;

/// Takes one text in three.
#[derive(Debug, Default)]
struct Seldom {
    asked: AtomicU64,
    taken: AtomicU64,
}

#[async_trait]
impl SmsTransport for &'static Seldom {
    async fn hand_off(&self, _: &OutboundSms) -> Result<Handoff, HandoffError> {
        tokio::task::yield_now().await;
        if !self.asked.fetch_add(1, Ordering::SeqCst).is_multiple_of(3) {
            return Err(HandoffError::not_sent("the test"));
        }
        self.taken.fetch_add(1, Ordering::SeqCst);
        Ok(Handoff::accepted("1"))
    }
}

/// Charges, refunds and codes of 400 requests at once, on threads, over numbers and networks that share lanes
/// and some that do not: what is accounted is what went out, and never more than the budget.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn refunds_of_many_threads_leave_what_went_out() {
    for (round, budget) in [(0, 1_000), (1, 25)] {
        let carrier: &'static Seldom = Box::leak(Box::default());
        let house = House::lab_with(|builder| {
            let mut policy = quick(otpgate::Policy::default());
            policy.budget.message = Money::microdollars(TEXT);
            policy.budget.soft_percent = 100;
            let prices = PriceTable::builtin().with(*b"DE", otpgate::Money::microdollars(TEXT));
            let store = MemoryStore::builder().capacity(60_000).build();
            let builder = builder.policy(policy).prices(prices).store(store).transport(carrier);
            builder.daily_budget(Money::microdollars(TEXT * budget))
        });
        let house = std::sync::Arc::new(house);
        let requests = (0..400_u64).map(|n| {
            let house = std::sync::Arc::clone(&house);
            async move {
                let who = client(u32::try_from(n % 40).unwrap());
                let clearance = house.clearance_of(&german(n), &Purpose::SIGN_UP, &who).await;
                house.gate.issue(clearance).await.is_ok_and(|sent| matches!(sent, Sent::Issued(_)))
            }
        });
        let sent = race(requests.collect()).await.into_iter().filter(|sent| *sent).count() as u64;
        let taken = carrier.taken.load(Ordering::SeqCst);
        let now = house.gate.snapshot().await.unwrap();
        assert_eq!(sent, taken, "round {round}");
        assert_eq!((now.sent, now.spent), (taken, Money::microdollars(TEXT * taken)), "{round}");
        // The least is what fits before anything comes back; how much does in time is the scheduler's.
        assert!(taken <= budget && taken >= 9, "round {round}: {taken}");
    }
}

/// Walks at random: a fixed code is entered and lifted, and verifications of the number go on. It opens a
/// verification that began under the entry that still holds, and no other.
#[tokio::test]
async fn a_fixed_code_opens_what_began_under_its_entry() {
    let (mut opened, mut refused) = (0, 0);
    for seed in 0..12 {
        let (house, mut dice) = (House::lab(small()), Dice(seed));
        let ada = || Actor::new("ada").unwrap();
        let mut holds: Option<ControlId> = None;
        // Under which entry each grant began.
        let mut grants: Vec<(EntryGrant, Option<ControlId>, u32)> = Vec::new();
        for step in 0..120 {
            let texts = house.texts();
            match dice.below(10) {
                0 => {
                    if let Some(id) = holds.take() {
                        house.gate.controls().lift(id, &ada()).await.unwrap();
                    } else {
                        let code = TestCode::new("482915", &CodeFormat::default()).unwrap();
                        let until = house.clock.now() + days(7);
                        let test = TestNumber::new(recipient(ALICE), code, until);
                        let test = test.although_verified();
                        let why = Reason::new("a walk").unwrap();
                        let entered = house.gate.controls().test_number(&test, why, ada()).await;
                        holds = Some(entered.unwrap());
                    }
                }
                1..4 => {
                    let who = client(step);
                    if let Sent::Issued(issued) = house.try_send(ALICE, &who).await {
                        assert_eq!(house.texts() - texts, usize::from(holds.is_none()));
                        grants.push((issued.into_grant(), holds, step));
                    }
                }
                4..6 if !grants.is_empty() => {
                    let (grant, began, who) = &grants[dice.below(grants.len() as u64) as usize];
                    let sent = house.gate.resend(grant, &client(*who)).await.unwrap();
                    if matches!(sent, Sent::Issued(_)) {
                        assert_eq!(*began, holds, "seed {seed}, step {step}: of one kind");
                    }
                }
                _ if !grants.is_empty() => {
                    let at = dice.below(grants.len() as u64) as usize;
                    let (grant, began, who) = &grants[at];
                    if house.codes().iter().any(|code| code == "482915") {
                        break; // One in a million.
                    }
                    let verified = house.gate.verify(grant, "482915", &client(*who)).await.unwrap();
                    match verified {
                        Verified::Accepted(verification) => {
                            assert!(began.is_some() && *began == holds, "seed {seed}, step {step}");
                            assert_eq!(verification.test_number(), holds);
                            opened += 1;
                        }
                        Verified::Rejected(_) => refused += 1,
                    }
                }
                _ => {}
            }
            let wait = [seconds(5), seconds(31), minutes(2), minutes(6)];
            house.clock.advance(wait[dice.below(4) as usize]);
        }
    }
    println!("{opened} opened, {refused} not");
    assert!(opened > 10 && refused > 10, "{opened} opened, {refused} not");
}
