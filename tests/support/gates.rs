//! Two gates on one store, each with a handle of its own, as two processes have them: everything a
//! gate keeps goes through the store, so what one did the other knows.

use std::ops::RangeInclusive;
use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use otpgate::access::{Actor, Effect, Reason, Target};
use otpgate::human::{HumanCheck, HumanCheckError, HumanPass, HumanRequest, HumanVerdict};
use otpgate::otp::totp::{Authenticator, AuthenticatorSecret};
use otpgate::pumping::{PriceTable, Tuning};
use otpgate::testing::{Counting, Reply, ScriptedTransport, Verb};
use otpgate::transport::{
    Handoff, HandoffError, NumberFault, OutboundSms, Price, Receipt, ReceiptError, ReceiptRequest,
    ReceiptState, ReceiptVerifier,
};
use otpgate::{
    AuthenticatorVerdict, Clock, EventKind, GateErrorKind, LimitName, Money, Policy, Purpose,
    ReceiptOutcome, RefusalReason, RejectionCause, Sent, SmsTransport, Store, Timestamp,
};

use crate::support::{
    ALICE, BOB, House, client, days, german, hours, off_by, quick, seconds, without_group_limits,
};

/// Runs all of it; `stores` makes two handles on one store that nobody has used before.
pub async fn two_gates_are_one<S: Store>(stores: impl AsyncFn() -> (S, S)) {
    are_one(stores, 1..=1).await;
}

/// The same on a store that is spread over parts, which may miss that a budget of a few texts for each part
/// passes a mark.
pub async fn two_gates_are_one_over_parts<S: Store>(stores: impl AsyncFn() -> (S, S)) {
    are_one(stores, 0..=1).await;
}

async fn are_one<S: Store>(stores: impl AsyncFn() -> (S, S), told: RangeInclusive<usize>) {
    codes_attempts_and_intervals(stores().await).await;
    a_budget(stores().await, told).await;
    controls(stores().await).await;
    device_proofs(stores().await).await;
    authenticator_steps(stores().await).await;
    human_checks(stores().await).await;
    detector(stores().await).await;
    receipts(stores().await).await;
    round_trips(stores().await.0).await;
}

fn pair<S: Store>((one, two): (S, S)) -> (House, House) {
    let here = House::lab(one);
    let there = here.beside(|builder| builder.store(two));
    (here, there)
}

/// A provider that signs nothing: `undelivered`, `delivered`, with the key or the identifier, and a
/// price in millionths.
#[derive(Debug)]
struct Hook;

impl ReceiptVerifier for Hook {
    fn verify(
        &self,
        request: &ReceiptRequest<'_>,
        _now: Timestamp,
    ) -> Result<Vec<Receipt>, ReceiptError> {
        let words: Vec<&str> = std::str::from_utf8(request.body).unwrap().split(' ').collect();
        let [word, key, id, price] = words[..] else { panic!("four words") };
        let state = match word {
            "delivered" => ReceiptState::Delivered,
            _ => ReceiptState::Undelivered,
        };
        let receipt = Receipt::verified("hook", id, state, word)
            .priced(Price::from_micros(price.parse().unwrap(), "USD"));
        Ok(vec![if key == "-" { receipt.found_by_id() } else { receipt.with_key(Some(key)) }])
    }
}

/// A provider whose receipts name its own identifier only, and which reports what it is told to.
#[derive(Debug)]
struct ById(ScriptedTransport);

#[async_trait::async_trait]
impl SmsTransport for ById {
    async fn hand_off(&self, sms: &OutboundSms) -> Result<Handoff, HandoffError> {
        Ok(self.0.hand_off(sms).await?.with_receipts_by_id())
    }
}

async fn post(house: &House, line: String) -> ReceiptOutcome {
    let url = "https://hooks.example.com/sms";
    let request = ReceiptRequest { method: "POST", url, headers: &[], body: line.as_bytes() };
    house.gate.receipts(&Hook, &request).await.unwrap()[0].outcome
}

/// Each receipt once over both gates, both at once; prices; sends by message identifier, early and
/// late; and what a provider reported about a number.
async fn receipts<S: Store>((one, two): (S, S)) {
    let prices = || PriceTable::builtin().with(*b"DE", otpgate::Money::microdollars(100_000));
    let here = House::lab_with(|builder| builder.store(one).prices(prices()));
    let by_id = ById(here.carrier.clone());
    let there = here.beside(|builder| builder.store(two).prices(prices()).transport(by_id));
    // Alice's browser, known from another gate with the same keys: a stranger would get nothing back.
    let memory = otpgate::store::MemoryStore::default();
    let proof =
        House::lab(memory).prove(ALICE, &client(900)).await.device_proof().as_str().to_owned();
    let owner = |number| client(number).device_proof(proof.clone());
    let _ = here.send_to(ALICE, &owner(1)).await;
    let key = here.outbox.sent()[0].callback_key().to_owned();
    let (here, there) = (Arc::new(here), Arc::new(there));
    let spent = async || here.gate.snapshot().await.unwrap().spent.as_microdollars();
    let posts = (0..8).map(|copy| {
        let house = Arc::clone(if copy % 2 == 0 { &here } else { &there });
        let line = format!("undelivered {key} 1 40000");
        async move { post(&house, line).await }
    });
    let outcomes = crate::support::race(posts.collect()).await;
    let applied = outcomes.iter().filter(|outcome| **outcome == ReceiptOutcome::Applied).count();
    assert_eq!((applied, spent().await), (1, 40_000), "{outcomes:?}");
    assert_eq!(post(&there, format!("delivered {key} 1 140000")).await, ReceiptOutcome::Repeated);
    assert_eq!(spent().await, 140_000, "a later price counts if it is higher");
    assert!(
        matches!(there.try_send(ALICE, &owner(2)).await, Sent::Issued(_)),
        "the interval is back"
    );
    assert!(matches!(here.try_send(ALICE, &owner(3)).await, Sent::Refused(_)), "once");

    // The scripted carrier calls its texts sms-1, sms-2 and so on.
    let id = here.outbox.handed_off();
    let late = post(&here, format!("delivered - sms-{id} 20000")).await;
    assert_eq!((late, spent().await), (ReceiptOutcome::Applied, 160_000));
    let early = post(&here, format!("undelivered - sms-{} 30000", id + 1)).await;
    assert_eq!((early, spent().await), (ReceiptOutcome::Early, 160_000));
    let _ = there.send_to(BOB, &client(4)).await;
    assert_eq!(spent().await, 190_000);

    there.outbox.reply(Reply::Reported(NumberFault::OptedOut));
    let faulty = german(7);
    let _ = there.try_send(&faulty, &client(5)).await;
    let texts = here.texts();
    for wait in [hours(1), hours(22)] {
        here.clock.advance(wait);
        let _ = here.send_to(&faulty, &client(6)).await;
        assert_eq!(here.texts(), texts, "answered as if sent");
    }
    here.clock.advance(hours(2));
    let _ = here.send_to(&faulty, &client(7)).await;
    assert_eq!(here.texts(), texts + 1);
}

async fn codes_attempts_and_intervals<S: Store>(stores: (S, S)) {
    let (here, there) = pair(stores);
    let grant = here.send(ALICE).await.into_grant();
    let code = here.last_code();
    let Sent::Refused(refusal) = there.try_send(ALICE, &client(2)).await else {
        panic!("the interval holds for the other gate too")
    };
    assert!(matches!(refusal.reason(), RefusalReason::Limit(_)), "{refusal:?}");
    assert!(there.accepts(&grant, &code).await, "sent here, typed there");
    assert!(!here.accepts(&grant, &code).await, "used there, gone here");
    assert_eq!(here.log.last_cause(), Some(RejectionCause::Replay));

    let grant = here.send_to(BOB, &client(3)).await.into_grant();
    let right = here.last_code();
    for guess in 1..=8 {
        let gate = if guess % 2 == 0 { &here } else { &there };
        let _ = gate.accepts_from(&grant, &off_by(&right, guess), &client(3)).await;
    }
    assert_eq!(here.log.rejected(RejectionCause::Mismatch), 5, "five, not five each");
    assert!(!here.accepts_from(&grant, &right, &client(3)).await, "and then it is locked");
}

/// A service whose own machines do not yet know that the response was used.
#[derive(Debug)]
struct Forgetful;

#[async_trait::async_trait]
impl HumanCheck for Forgetful {
    async fn check(&self, request: HumanRequest<'_>) -> Result<HumanVerdict, HumanCheckError> {
        Ok(HumanVerdict::Passed(HumanPass::of(request.response)))
    }
}

/// One response, at both gates at once: one text.
async fn human_checks<S: Store>((one, two): (S, S)) {
    let here = House::lab_with(|builder| builder.store(one).human_check(Forgetful));
    let there = here.beside(|builder| builder.store(two).human_check(Forgetful));
    let uses = (0..8_u32).map(|index| {
        let gate = if index % 2 == 0 { here.gate.clone() } else { there.gate.clone() };
        let (number, who) = (german(index.into()), client(100 + index).human_response("solved"));
        async move {
            let ticket = gate.preflight(&Purpose::SIGN_UP, &who).unwrap();
            let proof = ticket.answer(&number).unwrap();
            let number = crate::support::recipient(&number);
            gate.request(&proof, &number, &Purpose::SIGN_UP, &who).await.unwrap()
        }
    });
    let answers = crate::support::race(uses.collect()).await;
    let reasons = answers.iter().filter_map(|answer| match answer {
        Sent::Refused(refusal) => Some(refusal.reason()),
        _ => None,
    });
    assert_eq!(reasons.filter(|why| **why == RefusalReason::HumanCheckFailed).count(), 7);
    assert_eq!(here.texts(), 1, "{answers:?}");
}

/// Sends of both until the realm's budget is used up: no cent more, and each tier reported once.
async fn a_budget<S: Store>((one, two): (S, S), told: RangeInclusive<usize>) {
    let mut policy = quick(Policy::default());
    policy.budget.message = Money::cents(10);
    let rules = |builder: otpgate::GateBuilder| {
        let prices = PriceTable::builtin().with(*b"DE", otpgate::Money::microdollars(100_000));
        builder.policy(policy.clone()).prices(prices).daily_budget(Money::cents(200))
    };
    let here = Arc::new(House::lab_with(|builder| rules(builder.store(one))));
    let there = Arc::new(here.beside(|builder| rules(builder.store(two))));
    let sends = (0..60_u64).map(|flow| {
        let house = Arc::clone(if flow % 2 == 0 { &here } else { &there });
        async move { house.insist(&german(flow), &Purpose::SIGN_UP, &client(flow as u32)).await }
    });
    let sent = crate::support::race(sends.collect()).await;
    let sent = sent.iter().filter(|sent| matches!(sent, Sent::Issued(_))).count();
    assert_eq!((sent, here.texts()), (20, 20), "of sixty at once");
    for percent in [50, 80, 100] {
        let tier = |kind: &EventKind| {
            matches!(kind, EventKind::BudgetTier { scope: LimitName::Realm, percent: at, .. }
                if *at == percent)
        };
        let count = here.log.count(tier);
        assert!(told.contains(&count), "{percent} % over both gates: {count}");
    }
}

async fn controls<S: Store>(stores: (S, S)) {
    let (here, there) = pair(stores);
    let (reason, actor) = (Reason::new("ticket 4711").unwrap(), Actor::new("ada").unwrap());
    let germany = Target::Country("DE".parse().unwrap());
    let entered = here.gate.controls().enter(germany, Effect::Block, reason, actor, None).await;
    assert!(matches!(there.try_send(ALICE, &client(1)).await, Sent::Refused(_)));
    assert_eq!(there.gate.controls().list().await.unwrap().len(), 1);
    there.gate.controls().lift(entered.unwrap(), &Actor::new("bob").unwrap()).await.unwrap();
    assert!(matches!(here.try_send(ALICE, &client(2)).await, Sent::Issued(_)));
}

/// A stranger uses up the number's open lane on one gate; the owner's device is known on the other.
async fn device_proofs<S: Store>(stores: (S, S)) {
    let (here, there) = pair(stores);
    let proof = here.prove(ALICE, &client(1)).await.device_proof().as_str().to_owned();
    here.clock.advance(days(2));
    let mut refused = false;
    for stranger in 100..130 {
        refused |= matches!(here.try_send(ALICE, &client(stranger)).await, Sent::Refused(_));
        here.clock.advance(seconds(61));
    }
    assert!(refused && matches!(there.try_send(ALICE, &client(140)).await, Sent::Refused(_)));
    let owner = client(1).device_proof(proof);
    let grant = there.send_to(ALICE, &owner).await.into_grant();
    assert!(here.accepts_from(&grant, &there.last_code(), &owner).await);
}

async fn authenticator_steps<S: Store>(stores: (S, S)) {
    const SECRET: &[u8; 20] = b"12345678901234567890";
    let (here, there) = pair(stores);
    // RFC 6238 as an app computes it.
    let step = here.clock.now().as_millis() / 30_000;
    let mut mac = <Hmac<sha1::Sha1> as KeyInit>::new_from_slice(SECRET).unwrap();
    mac.update(&step.to_be_bytes());
    let tag = mac.finalize().into_bytes();
    let at = usize::from(tag[19] & 0x0f);
    let number = u32::from_be_bytes([tag[at], tag[at + 1], tag[at + 2], tag[at + 3]]);
    let code = format!("{:06}", (number & 0x7fff_ffff) % 1_000_000);
    let mut accepted = 0;
    for gate in [&there, &here, &there] {
        let secret = AuthenticatorSecret::from_bytes(SECRET).unwrap();
        let (app, who) = (Authenticator::default(), client(1));
        let verdict = gate.gate.verify_authenticator("ada", &secret, &code, &app, &who).await;
        accepted += u32::from(verdict.unwrap() == AuthenticatorVerdict::Accepted);
    }
    assert_eq!(accepted, 1);
}

/// One gate sees an attack on a block of numbers; the other, and one that starts later from what
/// was saved, hold it up as well.
async fn detector<S: Store>((one, two): (S, S)) {
    let awake = |builder: otpgate::GateBuilder| {
        let mut policy = without_group_limits(quick(Policy::default()));
        policy.quotas.number = vec![otpgate::policy::Quota::daily(1_000_000)];
        // Refusals are to be seen here.
        policy.mode.quiet = false;
        builder.policy(policy).tuning(Tuning::default())
    };
    let here = House::with(|builder| awake(builder.store(one)));
    let pumped = |index: u64| format!("+998941{:06}", 230_000 + index % 10_000);
    let mut held_up = 0;
    for index in 0..120_u64 {
        let who = client(1_000 + index as u32 * 3);
        held_up += u32::from(!matches!(here.try_send(&pumped(index), &who).await, Sent::Issued(_)));
        here.clock.advance(seconds(5));
        if index % 4 == 0 {
            let (number, who) = (german(index * 7_919), client(500_000 + index as u32));
            let Sent::Issued(issued) = here.try_send(&number, &who).await else {
                panic!("a customer is held up")
            };
            assert!(here.accepts_from(issued.grant(), &here.last_code(), &who).await);
        }
    }
    assert!(held_up >= 20, "{held_up} of 120");
    here.gate.save_detector().await.unwrap();
    let there = here.beside(|builder| awake(builder.store(two)));
    there.gate.warm_up().await.unwrap();
    let sent = there.try_send(&pumped(700), &client(9_000)).await;
    assert!(!matches!(sent, Sent::Issued(_)), "the other gate knows: {sent:?}");
    let stranger = here.beside(|builder| awake(builder.store(crate::support::small())));
    let sent = stranger.try_send(&pumped(701), &client(9_001)).await;
    assert!(matches!(sent, Sent::Issued(_)), "by the store and nothing else: {sent:?}");
}

/// One call of the store for a request, one for a verification.
async fn round_trips<S: Store>(store: S) {
    let (store, calls) = Counting::new(store);
    let house = House::lab(store);
    // The first send of a process may have to fetch the operator's controls.
    let _ = house.send(BOB).await;
    calls.reset();
    let grant = house.send_to(ALICE, &client(2)).await.into_grant();
    let all = |calls: &otpgate::testing::Calls| {
        [Verb::Admit, Verb::Settle, Verb::Redeem, Verb::Tally].map(|verb| calls.of(verb))
    };
    assert_eq!(all(&calls), [1, 0, 0, 0], "a request");
    calls.reset();
    assert!(house.accepts_from(&grant, &house.last_code(), &client(2)).await);
    assert_eq!(all(&calls), [0, 0, 1, 0], "a verification");
}

/// The server goes away and comes back: nothing is sent or accepted meanwhile, the error says that
/// it was the store, and the same gate goes on by itself.
pub async fn an_outage_fails_closed_and_ends_by_itself(
    store: impl Store,
    down: impl AsyncFnOnce(),
    up: impl AsyncFnOnce(),
) {
    let house = House::lab(store);
    let grant = house.send(ALICE).await.into_grant();
    let code = house.last_code();
    let clearances = [house.clearance(BOB).await, house.clearance(&german(1)).await];
    down().await;
    for clearance in clearances {
        let error = house.gate.issue(clearance).await.unwrap_err();
        assert_eq!(error.kind(), GateErrorKind::Store, "{error:?}");
    }
    for _ in 0..3 {
        let error = house.gate.verify(&grant, &code, &house.client).await.unwrap_err();
        assert_eq!(error.kind(), GateErrorKind::Store, "{error:?}");
    }
    assert_eq!((house.texts(), house.log.accepted()), (1, 0));
    up().await;
    house.clock.advance(hours(1));
    let grant = house.send_to(BOB, &client(5)).await.into_grant();
    assert!(house.accepts_from(&grant, &house.last_code(), &client(5)).await);
}
