//! Tried: what garbage and what a free resend can do through every other door: the authenticator, callers,
//! test numbers, other channels, receipts.

use std::time::Duration;

use otpgate::access::{Actor, CallerId, CallerKey, CallerRequest, CallerRule, CallerRules};
use otpgate::access::{Network, Reason};
use otpgate::otp::{Binding, CodeFormat, TestCode};
use otpgate::policy::{Evidence, Ladder, Quota};
use otpgate::testing::Reply;
use otpgate::{
    Channel, Cleared, ClientContext, Clock, EntryGrant, Purpose, ReceiptOutcome, Sent,
    SystemEntropy, TestNumber,
};

use crate::authenticator;
use crate::channels::called;
use crate::receipts;
use crate::support::{
    ALICE, BOB, Dice, House, client, days, german, in_session, keys, recipient, seconds,
};

const AUDIENCE: &str = "otp.example.com";
const TEST: &str = "482915";

/// One call of garbage through each door, from the address of everybody else.
async fn garbage(house: &House, n: u64) {
    let bot = in_session(7, &format!("bot-{}", n % 50));
    let (gate, none) = (&house.gate, Binding::none());
    let grant = EntryGrant::from_client(format!("made-up-{n}"));
    assert!(!house.accepts_from(&grant, "123456", &bot).await);
    assert!(matches!(gate.resend(&grant, &bot).await.unwrap(), Sent::Refused(_)));
    let over = gate.resend_over(&grant, Channel::Voice, &none, &bot).await.unwrap();
    assert!(matches!(over, Sent::Refused(_)));
    let _ = gate.entry(&grant, &bot).await.unwrap();
    let wrong = authenticator::wrong_code(house, n as u32);
    assert!(!authenticator::enters(house, &format!("nobody-{n}"), &wrong, &bot).await);
    let peer = "10.1.2.3".parse().unwrap();
    let forged = gate
        .authorise(
            "made-up",
            &recipient(ALICE),
            &Purpose::PAYMENT,
            &otpgate::access::ClientIp::from_peer(peer),
        )
        .unwrap();
    assert!(!matches!(forged, Cleared::Passed(_)));
    let line = format!("undelivered made-up-{n} {n}");
    assert_eq!(receipts::one(house, &line).await, ReceiptOutcome::Unmatched);
}

#[tokio::test]
async fn garbage_at_every_door_stands_in_front_of_none() {
    let caller = CallerId::new("billing").unwrap();
    let home: Network = "10.1.0.0/16".parse().unwrap();
    let rule = CallerRule::new(caller.clone(), [home]);
    let house = House::lab_with(|builder| builder.callers(CallerRules::new(AUDIENCE).allow(rule)));
    let now = house.clock.now();
    let code = TestCode::new(TEST, &CodeFormat::default()).unwrap();
    let test = TestNumber::new(recipient(BOB), code, now + days(7));
    let (why, ada) = (Reason::new("app review").unwrap(), Actor::new("ada").unwrap());
    house.gate.controls().test_number(&test, why, ada).await.unwrap();
    for n in 0..400 {
        garbage(&house, n).await;
        house.clock.advance(seconds(n % 2));
    }
    let who = |name: &str| in_session(7, name);
    let grant = house.send_to(&german(1), &who("person")).await.into_grant();
    let first = house.last_code();
    house.clock.advance(seconds(31));
    let again = house.gate.resend(&grant, &who("person")).await.unwrap();
    assert!(matches!(again, Sent::Issued(_)), "{again:?}");
    assert!(house.accepts_from(&grant, &first, &who("person")).await, "a person's code");
    let grant = house.send_to(BOB, &who("reviewer")).await.into_grant();
    assert!(house.accepts_from(&grant, TEST, &who("reviewer")).await, "a test number's");
    let app = authenticator::app_code(&house);
    assert!(authenticator::enters(&house, "ada", &app, &who("ada")).await, "an app's");
    let now = house.clock.now();
    let key = CallerKey::mint(&caller, AUDIENCE, now + days(1), &keys(), now).unwrap();
    let (to, purpose) = (recipient(ALICE), Purpose::PAYMENT);
    let request = CallerRequest { realm: "default", purpose: purpose.as_str(), recipient: &to };
    let signed = key.sign(&request, &SystemEntropy, now).unwrap();
    let peer = "10.1.2.3".parse().unwrap();
    let cleared = house
        .gate
        .authorise(&signed, &to, &purpose, &otpgate::access::ClientIp::from_peer(peer))
        .unwrap();
    let Cleared::Passed(clearance) = cleared else { panic!("{cleared:?}") };
    let Sent::Issued(issued) = house.gate.issue(clearance).await.unwrap() else { panic!() };
    let code = house.last_code();
    assert!(house.accepts_from(issued.grant(), &code, &client(8)).await, "a caller's");
}

const ROOM: u64 = 6;

/// More than two messages for each place in the address's bucket, by texts and calls in turn, old grants,
/// receipts that say "undelivered", and providers that refuse, fail or lose their answers.
#[tokio::test]
async fn no_mix_of_channels_and_receipts_gets_more_than_two_messages_for_each_place() {
    let mut most = [0, 0];
    for seed in 0..8 {
        let called = called(|policy| {
            let second = seconds(1);
            policy.interval.ladder = Ladder { first: second, longest: second, forget: second };
            let step = &mut policy.fallback.steps[0];
            (step.most, step.after, step.undelivered) = (10, Some(second), seed % 2 == 0);
            let quotas = &mut policy.quotas;
            quotas.number = vec![Quota::daily(1_000_000)];
            quotas.number_total.clear();
            let drain = Duration::from_secs(30 * 86_400);
            quotas.client_unverified = Some(Evidence { soft: ROOM, hard: ROOM, drain });
            (quotas.network_unverified, quotas.block_unverified) = (None, None);
            policy.receipts.undelivered_is_free = true;
        });
        let (house, mut dice) = (&called.house, Dice(seed));
        let mut open: Vec<(EntryGrant, ClientContext)> = Vec::new();
        let end = house.clock.now() + days(1);
        while house.clock.now() < end {
            match dice.below(8) {
                0 => house.outbox.reply(Reply::NotSent),
                1 => called.heard.reply(Reply::Refused),
                2 => called.heard.reply(Reply::LostAnswer),
                3 if house.texts() > 0 => {
                    let line = format!("undelivered {} 1", receipts::key(house));
                    let _ = receipts::one(house, &line).await;
                }
                _ => {}
            }
            let again = dice.below(4) > 0 && !open.is_empty();
            if again {
                let (grant, who) = &open[dice.below(open.len() as u64) as usize];
                let none = Binding::none();
                let _ = match dice.below(2) {
                    0 => house.gate.resend(grant, who).await,
                    _ => house.gate.resend_over(grant, Channel::Voice, &none, who).await,
                };
            } else {
                let purposes = [Purpose::SIGN_UP, Purpose::LOG_IN, Purpose::RESET];
                let purpose = purposes[dice.below(3) as usize].clone();
                let who = in_session(1, &format!("minted-{}", dice.below(1_000_000)));
                let number = german(dice.below(3));
                if let Cleared::Passed(clearance) = house.clear(&number, &purpose, &who).await
                    && let Ok(Sent::Issued(issued)) = house.gate.issue(clearance).await
                {
                    open.push((issued.into_grant(), who));
                }
            }
            house.clock.advance(seconds(1 + dice.below(400)));
        }
        let calls = called.heard.delivered().len() as u64;
        let messages = house.texts() as u64 + calls;
        assert!(messages <= 2 * ROOM, "{messages} messages, {calls} of them calls, seed {seed}");
        most = [most[0].max(messages), most[1].max(calls)];
    }
    let [messages, calls] = most;
    println!("at most {messages} messages, {calls} calls, for {ROOM} places");
    assert!(messages > ROOM && calls > 0, "renewals were there: {messages}, {calls}");
}
