//! A long mixed session with known numbers, codes, addresses, sessions and accounts.

use std::net::IpAddr;

use async_trait::async_trait;
use otpgate::access::{Actor, Effect, Reason, Target};
use otpgate::human::{
    HumanCheck, HumanCheckError, HumanCheckErrorKind, HumanFailure, HumanPass, HumanRequest,
    HumanVerdict,
};
use otpgate::otp::{CodeFormat, TestCode};
use otpgate::pumping::Tuning;
use otpgate::store::StoreErrorKind;
use otpgate::telemetry::Metered;
use otpgate::testing::secrets::Needles;
use otpgate::testing::{FailNth, ManualClock, Reply, ScriptedTransport, Verb};
use otpgate::{
    Cleared, ClientContext, DeliveryStatus, Observer, Policy, Purpose, ReportedOutcome, Sent,
    SystemEntropy, TestNumber,
};

use support::{House, NOON, german, hours, memory, off_by, quick, recipient, seconds};

/// Passes who says `yes`, is out of order for who says `down`.
#[derive(Debug)]
struct Turing;

#[async_trait]
impl HumanCheck for Turing {
    async fn check(&self, request: HumanRequest<'_>) -> Result<HumanVerdict, HumanCheckError> {
        match request.response.expose_response() {
            "yes" => Ok(HumanVerdict::Passed(HumanPass::of(request.response))),
            "down" => Err(HumanCheckError::new(HumanCheckErrorKind::Unavailable)),
            _ => Ok(HumanVerdict::Failed(HumanFailure::NotHuman)),
        }
    }
}

/// A house whose store and provider are metered and whose detector is awake.
pub fn house(observer: impl Observer) -> House {
    let clock = ManualClock::new(NOON);
    let (carrier, outbox) = ScriptedTransport::new();
    let metered = Metered::by(carrier.clone(), clock.clone());
    let house = House::with(|builder| {
        builder
            .store(Metered::by(memory(), clock))
            .transport(metered)
            .policy(quick(Policy::default()))
            .tuning(Tuning::default())
            .human_check(Turing)
            .observer(observer)
    });
    House { carrier, outbox, ..house }
}

fn client(index: u64) -> (ClientContext, IpAddr) {
    let address = IpAddr::from([198, 51, u8::try_from(index % 250).unwrap(), 77]);
    let session = format!("session-secret-{index:08}");
    let client = ClientContext::from_peer(address, session);
    (client.user(format!("account-secret-{index:08}")), address)
}

/// People who verify, people who err, and whatever can go wrong. Returns what must not get out.
pub async fn mixed(house: &House) -> Needles {
    let mut needles = Needles::new();
    let gate = &house.gate;
    for index in 1..40_u64 {
        let number = german(index * 7_919);
        let (who, address) = client(index);
        needles.number("a number", &number);
        needles.key("an address", address.to_string().as_bytes());
        needles.key("a session", format!("session-secret-{index:08}").as_bytes());
        needles.key("an account", format!("account-secret-{index:08}").as_bytes());
        house.outbox.reply(match if index == 4 { 4 } else { index % 9 % 4 } {
            1 => Reply::NotSent,
            2 => Reply::Refused,
            3 => Reply::LostAnswer,
            4 => Reply::Panic,
            _ => Reply::Accept,
        });
        let purpose = [Purpose::SIGN_UP, Purpose::LOG_IN][index as usize % 2].clone();
        let ticket = gate.preflight(&purpose, &who).unwrap();
        needles.key("a ticket", ticket.as_str().as_bytes());
        let cleared = house.clear_with(ticket.as_str(), &number, &purpose, &who).await;
        let Cleared::Passed(clearance) = cleared else { continue };
        let Ok(Sent::Issued(issued)) = gate.issue(clearance).await else { continue };
        needles.key("a grant", issued.grant().as_str().as_bytes());
        needles.key("a record", issued.record().as_str().as_bytes());
        let Some(code) = house.outbox.sent().last().and_then(otpgate::testing::SentText::code)
        else {
            continue;
        };
        needles.code("a code", &code);
        let _ = gate.entry(issued.grant(), &who).await.unwrap();
        house.clock.advance(seconds(31));
        let _ = gate.resend(issued.grant(), &who).await.unwrap();
        for typed in [off_by(&code, 1), code.clone(), code] {
            if let otpgate::Verified::Accepted(verification) =
                gate.verify(issued.grant(), &typed, &who).await.unwrap()
            {
                gate.report(verification.record(), ReportedOutcome::Worthless).unwrap();
            }
        }
        let _ = gate.receipt(issued.record(), DeliveryStatus::Undelivered);
        // typed again at once
        let _ = house.try_send(&number, &who).await;
        house.clock.advance(seconds(20));
    }
    for response in ["down", "no", "yes"] {
        let (who, _) = client(90);
        let who = who.human_response(response);
        let ticket = gate.preflight(&Purpose::SIGN_UP, &who).unwrap();
        let number = german(4_711);
        let proof = ticket.answer(&number).unwrap();
        let _ = gate.clear(&proof, &recipient(&number), &Purpose::SIGN_UP, &who).await;
    }
    let (who, _) = client(93);
    let nobody = german(900_001);
    needles.number("a number without an account", &nobody);
    let clearance = house.clearance_of(&nobody, &Purpose::RESET, &who).await;
    let _ = gate.decoy(clearance).await.unwrap();
    operators(house, &mut needles).await;
    attack(house, &mut needles).await;
    needles
}

/// A block, a test number, and the hand of an operator.
async fn operators(house: &House, needles: &mut Needles) {
    let controls = house.gate.controls();
    let (why, ada) = (Reason::new("pumping").unwrap(), Actor::new("ada").unwrap());
    let blocked = german(70_001);
    needles.number("a blocked number", &blocked);
    let target = controls.number(&recipient(&blocked));
    controls.enter(target, Effect::Block, why.clone(), ada.clone(), None).await.unwrap();
    let _ = house.try_send(&blocked, &client(91).0).await;
    controls.forgive(&recipient(&blocked), &why, &ada).await.unwrap();

    let tested = german(70_002);
    let code = TestCode::draw(&CodeFormat::default(), &SystemEntropy).unwrap();
    needles.number("a test number", &tested);
    needles.code("a test code", code.expose_secret());
    let test = TestNumber::new(recipient(&tested), code.clone(), controls.now() + hours(1));
    controls.test_number(&test, why, ada).await.unwrap();
    let (who, _) = client(92);
    let sent = house.try_send(&tested, &who).await;
    let Sent::Issued(issued) = sent else { panic!("{sent:?}") };
    assert!(house.accepts_from(issued.grant(), code.expose_secret(), &who).await);
}

/// Requests for one block that nobody answers, until the detector refuses.
async fn attack(house: &House, needles: &mut Needles) {
    for index in 0..60_u64 {
        let number = format!("+998941{:06}", 230_000 + index);
        let (who, address) = client(100 + index);
        needles.number("a pumped number", &number);
        needles.key("an attacker's address", address.to_string().as_bytes());
        let _ = house.try_send(&number, &who).await;
        house.clock.advance(seconds(5));
    }
    let country = Target::Country("UZ".parse().unwrap());
    let (why, ada) = (Reason::new("pumping").unwrap(), Actor::new("ada").unwrap());
    let controls = house.gate.controls();
    controls.enter(country, Effect::CountryOff, why, ada, None).await.unwrap();
}

/// A gate on a store that fails, which is an outage.
pub async fn outage(observer: impl Observer) {
    let broken = FailNth::new(memory(), Verb::Admit, 0, StoreErrorKind::Unavailable);
    let house = House::with(|builder| {
        builder.store(Metered::new(broken)).policy(quick(Policy::default())).observer(observer)
    });
    let clearance = house.clearance(&german(1)).await;
    assert!(house.gate.issue(clearance).await.is_err());
}
