//! A13: a long mixed session; nothing that was minted in it stands anywhere it should not.

use std::error::Error;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use otpgate::access::{Actor, Effect, Reason, Target};
use otpgate::otp::{Amount, Binding, Payee};
use otpgate::store::{MemoryStore, StoreErrorKind};
use otpgate::testing::secrets::Needles;
use otpgate::testing::{FailNth, ModelStore, Reply, Verb};
use otpgate::{
    Cleared, ClientContext, ClientIp, DeliveryStatus, Purpose, Realm, ReportedOutcome, Sent,
    Verified,
};

use crate::step_up::Turing;
use crate::support::{ALICE, House, client, german, keys, minutes, off_by, recipient, seconds};

/// Everything a host might write down.
#[derive(Default)]
struct Notes(String);

impl Notes {
    fn see(&mut self, value: &impl std::fmt::Debug) {
        writeln!(self.0, "{value:?}\n{value:#?}").unwrap();
    }

    fn read(&mut self, value: &impl std::fmt::Display) {
        writeln!(self.0, "{value}").unwrap();
    }

    fn fault(&mut self, error: &(dyn Error + 'static)) {
        let mut next = Some(error);
        while let Some(error) = next {
            writeln!(self.0, "{error}\n{error:?}\n{error:#?}").unwrap();
            next = error.source();
        }
    }

    fn sent(&mut self, sent: &Sent) {
        self.see(sent);
        match sent {
            Sent::Issued(issued) => {
                self.see(issued.record());
                self.see(issued.grant());
            }
            Sent::StepUp(step_up) => {
                self.see(step_up.ticket());
                self.read(step_up.reason());
                self.fault(step_up.reason());
            }
            Sent::Refused(refusal) => {
                self.read(refusal.reason());
                self.fault(refusal.reason());
                self.read(&refusal.public());
                self.see(&refusal.public());
            }
        }
    }
}

fn me(index: u32) -> ClientContext {
    let ip = ClientIp::from_peer(std::net::IpAddr::from([198, 51, 100, index as u8]));
    ClientContext::new(ip, format!("session-secret-{index:08}"))
        .user(format!("account-secret-{index:08}"))
        .human_response("yes")
        .device_proof(format!("not-a-proof-{index:08}"))
}

async fn session(house: &House, notes: &mut Notes, needles: &mut Needles) {
    let gate = &house.gate;
    for index in 1..16_u32 {
        let (number, who) = (german(u64::from(index)), me(index));
        needles.number("a number", &number);
        needles.key("a session", format!("session-secret-{index:08}").as_bytes());
        needles.key("an account", format!("account-secret-{index:08}").as_bytes());
        needles.key("a device proof sent", format!("not-a-proof-{index:08}").as_bytes());
        notes.see(&who);
        notes.see(&recipient(&number));
        house.outbox.reply(match index % 8 {
            1 => Reply::NotSent,
            2 => Reply::Refused,
            3 => Reply::LostAnswer,
            4 => Reply::Panic,
            _ => Reply::Accept,
        });
        let ticket = gate.preflight(&Purpose::SIGN_UP, &who).unwrap();
        needles.key("a ticket", ticket.as_str().as_bytes());
        notes.see(&ticket);
        let proof = ticket.answer(&number).unwrap();
        needles.key("a proof", proof.as_bytes());
        let cleared =
            gate.clear(&proof, &recipient(&number), &Purpose::SIGN_UP, &who).await.unwrap();
        notes.see(&cleared);
        let Cleared::Passed(mut clearance) = cleared else { continue };
        let mut binding = Binding::none();
        if index % 5 == 0 {
            let payee = Payee::new("Haus & Grund").unwrap();
            binding = Binding::transaction(Amount::new("1250.00", "EUR").unwrap(), payee);
            clearance = clearance.bind(binding.clone());
        }
        let sent = match gate.issue(clearance).await {
            Ok(sent) => sent,
            Err(error) => {
                notes.fault(&error);
                continue;
            }
        };
        notes.sent(&sent);
        let Sent::Issued(issued) = sent else { continue };
        needles.key("a grant", issued.grant().as_str().as_bytes());
        needles.key("a record", issued.record().as_str().as_bytes());
        let Some(code) = house.outbox.sent().last().and_then(otpgate::testing::SentText::code)
        else {
            continue;
        };
        needles.code("a code", &code);
        notes.see(&gate.entry(issued.grant(), &who).await.unwrap());
        for typed in [off_by(&code, 1), "12x456".into(), String::new()] {
            let verified = gate.verify_bound(issued.grant(), &typed, &binding, &who).await;
            notes.see(&verified.unwrap());
        }
        if index % 3 == 0 {
            house.clock.advance(seconds(31));
            let again = gate.resend_bound(issued.grant(), &binding, &who).await.unwrap();
            notes.sent(&again);
            if let Some(code) =
                house.outbox.sent().last().and_then(otpgate::testing::SentText::code)
            {
                needles.code("a resent code", &code);
            }
        }
        let verified = gate.verify_bound(issued.grant(), &code, &binding, &who).await.unwrap();
        notes.see(&verified);
        if let Verified::Accepted(verification) = &verified {
            needles.key("a device proof", verification.device_proof().as_str().as_bytes());
            notes.see(verification.device_proof());
            gate.report(verification.record(), ReportedOutcome::Worthless).unwrap();
        }
        let receipt = gate.receipt(issued.record(), DeliveryStatus::Undelivered);
        notes.see(&receipt);
        let replay = gate.verify_bound(issued.grant(), &code, &binding, &who).await.unwrap();
        notes.see(&replay);
        if let Verified::Rejected(rejection) = replay {
            notes.read(&rejection);
        }
        // Typed again at once: an interval; with the same token: a replay.
        notes.sent(&house.try_send(&number, &who).await);
        let spent = gate.clear(&proof, &recipient(&number), &Purpose::SIGN_UP, &who).await;
        if let Cleared::Passed(clearance) = spent.unwrap() {
            notes.sent(&gate.issue(clearance).await.unwrap());
        }
        let clearance = house.clear(&number, &Purpose::RESET, &who).await;
        if let Cleared::Passed(clearance) = clearance {
            notes.sent(&gate.decoy(clearance).await.unwrap());
        }
        house.clock.advance(seconds(20));
    }
    let controls = gate.controls();
    let (reason, actor) = (Reason::new("pumping").unwrap(), Actor::new("ada").unwrap());
    let number = controls.number(&recipient(&german(3)));
    let id = controls.enter(number, Effect::Block, reason.clone(), actor.clone(), None).await;
    notes.see(&id);
    let account = controls.user("account-secret-00000004");
    notes.see(&controls.enter(account, Effect::Block, reason, actor, None).await);
    notes.see(&controls.list().await);
    notes.see(
        &controls
            .enter(
                Target::Everything,
                Effect::Block,
                Reason::new("x").unwrap(),
                Actor::new("ada").unwrap(),
                None,
            )
            .await,
    );
    notes.sent(&house.try_send(&german(3), &client(900)).await);
    notes.sent(&house.try_send(&german(77), &me(4)).await);
    notes.see(&gate.snapshot().await.unwrap());
    notes.see(gate);
    notes.see(&gate.in_realm(&Realm::new("other").unwrap()));
}

fn keyed(needles: &mut Needles) {
    let pepper: [u8; 32] = std::array::from_fn(|i| 1_u8.wrapping_add(i as u8).wrapping_mul(37));
    needles.key("the pepper", &pepper);
}

/// What the process wrote through `log`, at every level, whoever wrote it.
#[derive(Debug, Default)]
struct Trace(Mutex<String>);

impl log::Log for Trace {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        let mut text = self.0.lock().unwrap();
        writeln!(text, "{} {} {}", record.level(), record.target(), record.args()).unwrap();
    }

    fn flush(&self) {}
}

static TRACE: Trace = Trace(Mutex::new(String::new()));

#[tokio::test]
async fn nothing_minted_in_a_long_session_is_written_down() {
    log::set_logger(&TRACE).unwrap();
    log::set_max_level(log::LevelFilter::Trace);
    let store = Arc::new(MemoryStore::builder().capacity(60_000).build());
    let house = House::lab_with(|builder| builder.store(Arc::clone(&store)).human_check(Turing));
    let (mut notes, mut needles) = (Notes::default(), Needles::new());
    keyed(&mut needles);
    session(&house, &mut notes, &mut needles).await;
    for event in house.log.events() {
        notes.see(&event);
    }
    notes.see(&keys());
    assert!(notes.0.len() > 30_000, "hardly anything was written: {}", notes.0.len());
    assert_eq!(needles.scan(&notes.0), [], "in what a host would log");
    log::trace!("the capture works");
    let traced = TRACE.0.lock().unwrap().clone();
    assert!(traced.contains("the capture works"), "{traced}");
    assert_eq!(needles.scan(&traced), [], "in what the library logs");
    let dump = store.dump();
    assert!(dump.len() > 5_000, "hardly anything was kept: {}", dump.len());
    assert_eq!(needles.scan(&dump), [], "in the store");
    // The haystack is one: what was planted is found.
    let planted = format!("{} {}", notes.0, german(7));
    assert!(!needles.scan(planted).is_empty());
}

/// The same with a store whose every byte is shown as text.
#[tokio::test]
async fn nothing_minted_is_in_the_reference_store() {
    let store = ModelStore::new();
    let house = House::lab_with(|builder| builder.store(store.clone()).human_check(Turing));
    let (mut notes, mut needles) = (Notes::default(), Needles::new());
    keyed(&mut needles);
    session(&house, &mut notes, &mut needles).await;
    assert_eq!(needles.scan(format!("{:?}", store.snapshot())), []);
}

#[tokio::test]
async fn outages_name_no_secret() {
    let (mut notes, mut needles) = (Notes::default(), Needles::new());
    keyed(&mut needles);
    needles.number("the number", ALICE);
    let kinds =
        [StoreErrorKind::Unavailable, StoreErrorKind::Indeterminate, StoreErrorKind::Corrupt];
    for verb in Verb::ALL {
        for kind in kinds {
            let house = House::lab(FailNth::new(ModelStore::new(), verb, 0, kind));
            house.outbox.always(Reply::NotSent);
            let ticket = house.gate.preflight(&Purpose::SIGN_UP, &house.client).unwrap();
            needles.key("the ticket", ticket.as_str().as_bytes());
            let clearance = house.clearance(ALICE).await;
            match house.gate.issue(clearance).await {
                Ok(sent) => notes.sent(&sent),
                Err(error) => notes.fault(&error),
            }
            for sent in house.outbox.sent() {
                needles.code("the code", &sent.code().unwrap());
            }
            let grant = otpgate::EntryGrant::from_client("secret-grant-text");
            needles.key("the grant", b"secret-grant-text");
            needles.code("what was typed", "918273");
            match house.gate.verify(&grant, "918273", &house.client).await {
                Ok(verified) => notes.see(&verified),
                Err(error) => notes.fault(&error),
            }
            if let Err(error) = house.gate.snapshot().await {
                notes.fault(&error);
            }
            if let Err(error) = house.gate.controls().list().await {
                notes.fault(&error);
            }
            for event in house.log.events() {
                notes.see(&event);
            }
            house.clock.advance(minutes(1));
        }
    }
    assert_eq!(needles.scan(&notes.0), []);
}
