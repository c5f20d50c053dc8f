//! A gate with everything on, a clock that is set by hand, and a transport that keeps what it sent.
#![allow(dead_code)] // each test binary uses its own part

use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use otpgate::access::DestinationPolicy;
use otpgate::message::{Brand, MessageFormat, OriginHost, parse_origin_bound};
use otpgate::store::MemoryStore;
use otpgate::testing::ManualClock;
use otpgate::transport::{Handoff, HandoffError, OutboundSms};
use otpgate::{
    Cleared, Clearance, ClientContext, ClientIp, Event, Gate, GateBuilder, Issued, KeyId, KeyRing,
    Money, Observer, Pepper, Purpose, Recipient, Region, Sent, SmsTransport, Store, Timestamp,
};

/// 2026-11-22T12:00:00Z.
pub const NOON: Timestamp = Timestamp::from_millis(1_795_348_800_000);

pub struct House {
    pub gate: Gate,
    pub clock: ManualClock,
    pub outbox: Outbox,
    pub log: Log,
    pub client: ClientContext,
}

impl House {
    pub fn new() -> Self {
        Self::with(|builder| builder)
    }

    pub fn on(store: impl Store) -> Self {
        Self::with(|builder| builder.store(store))
    }

    pub fn with(change: impl FnOnce(GateBuilder) -> GateBuilder) -> Self {
        let (clock, outbox, log) = (ManualClock::new(NOON), Outbox::default(), Log::default());
        let builder = Gate::builder()
            .keys(keys())
            .store(MemoryStore::default())
            .transport(outbox.clone())
            .message(message())
            .destinations(DestinationPolicy::only(Region::all()))
            .daily_budget(Money::dollars(1_000))
            .clock(clock.clone())
            .observer(log.clone());
        let gate = change(builder).build().unwrap();
        Self { gate, clock, outbox, log, client: client(1) }
    }

    /// The page, the form, and a text; panics if the gate says anything else.
    pub async fn send(&self, number: &str) -> Issued {
        match self.try_send(number, &self.client).await {
            Sent::Sent(issued) => issued,
            other => panic!("not sent: {other:?}"),
        }
    }

    pub async fn try_send(&self, number: &str, client: &ClientContext) -> Sent {
        match self.clear(number, &Purpose::SIGN_UP, client).await {
            Cleared::Cleared(clearance) => self.gate.issue(clearance).await.unwrap(),
            Cleared::StepUp(step_up) => Sent::StepUp(step_up),
            Cleared::Refused(refusal) => Sent::Refused(refusal),
        }
    }

    pub async fn clear(&self, number: &str, purpose: &Purpose, client: &ClientContext) -> Cleared {
        let ticket = self.gate.preflight(purpose, client).unwrap();
        self.clock.advance(ticket.not_before().since(otpgate::Clock::now(&self.clock)));
        let proof = otpgate::token::answer(ticket.as_str(), number).unwrap();
        let recipient = Recipient::parse(number, None).unwrap();
        self.gate.clear(&proof, &recipient, purpose, client).await.unwrap()
    }

    pub async fn clearance(&self, number: &str) -> Clearance {
        match self.clear(number, &Purpose::SIGN_UP, &self.client).await {
            Cleared::Cleared(clearance) => clearance,
            other => panic!("not cleared: {other:?}"),
        }
    }

    /// The code in the newest text.
    pub fn last_code(&self) -> String {
        self.outbox.codes().pop().unwrap()
    }

    /// A code that is not the one in the newest text.
    pub fn wrong_code(&self) -> String {
        let code: u32 = self.last_code().parse().unwrap();
        format!("{:06}", (code + 1) % 1_000_000)
    }
}

pub fn keys() -> KeyRing {
    let pepper = Pepper::from_bytes(std::array::from_fn(|i| i as u8)).unwrap();
    KeyRing::new(KeyId(1), pepper)
}

pub fn message() -> MessageFormat {
    MessageFormat::builder(Brand::new("Example").unwrap())
        .origin(OriginHost::new("example.com").unwrap())
        .build()
        .unwrap()
}

/// A client of its own network and session.
pub fn client(number: u16) -> ClientContext {
    let [high, low] = number.to_be_bytes();
    let ip = ClientIp::from_peer(IpAddr::from([198, 51, high, low]));
    ClientContext::new(ip, format!("session-{number}"))
}

/// Keeps every text; answers as scripted, then accepts.
#[derive(Clone, Default)]
pub struct Outbox(Arc<Mutex<Texts>>);

#[derive(Default)]
struct Texts {
    sent: Vec<(String, String)>,
    script: std::collections::VecDeque<HandoffError>,
}

impl Outbox {
    pub fn sent(&self) -> Vec<(String, String)> {
        self.0.lock().unwrap().sent.clone()
    }

    pub fn codes(&self) -> Vec<String> {
        let sent = self.sent();
        sent.iter().map(|(_, text)| parse_origin_bound(text).unwrap().code.to_owned()).collect()
    }

    /// The next hand-off answers with `error`.
    pub fn fail_next(&self, error: HandoffError) {
        self.0.lock().unwrap().script.push_back(error);
    }
}

impl std::fmt::Debug for Outbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Outbox")
    }
}

#[async_trait]
impl SmsTransport for Outbox {
    async fn hand_off(&self, sms: &OutboundSms) -> Result<Handoff, HandoffError> {
        let mut texts = self.0.lock().unwrap();
        if let Some(error) = texts.script.pop_front() {
            return Err(error);
        }
        texts.sent.push((sms.expose_number().to_owned(), sms.expose_text().to_owned()));
        Ok(Handoff::accepted("1"))
    }
}

/// Keeps every event.
#[derive(Clone, Debug, Default)]
pub struct Log(Arc<Mutex<Vec<Event>>>);

impl Log {
    pub fn events(&self) -> Vec<Event> {
        self.0.lock().unwrap().clone()
    }
}

impl Observer for Log {
    fn observe(&self, event: &Event) {
        self.0.lock().unwrap().push(event.clone());
    }
}

/// Lets `span` pass.
pub fn seconds(span: u64) -> Duration {
    Duration::from_secs(span)
}
