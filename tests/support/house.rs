//! A gate with everything on, a clock that is set by hand, and a carrier that keeps what it was handed.
#![allow(unreachable_pub, reason = "a module of the abuse suite, and of a library")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::arithmetic_side_effects)]

use std::future::Future;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use otpgate::access::DestinationPolicy;
use otpgate::message::MessageFormat;
use otpgate::pumping::{PriceTable, Tuning};
use otpgate::store::MemoryStore;
use otpgate::testing::{Latency, ManualClock, ModelStore, ScriptedTransport, TransportHandle};
use otpgate::token::{HumanTime, WorkBits};
use otpgate::{
    Clearance, Cleared, ClientContext, EntryGrant, Event, EventKind, Gate, GateBuilder, GateError,
    Issued, KeyId, KeyRing, Money, Observer, Pepper, Policy, Purpose, Recipient, Refusal, Region,
    RejectionCause, Sent, Store, Timestamp, Verified,
};

/// 2026-11-22T12:00:00Z.
pub const NOON: Timestamp = Timestamp::from_millis(1_795_348_800_000);

pub const ALICE: &str = "+4915112345678";
pub const BOB: &str = "+4915798765432";

pub struct House {
    pub gate: Gate,
    pub clock: ManualClock,
    pub outbox: TransportHandle,
    pub carrier: ScriptedTransport,
    pub log: Log,
    pub client: ClientContext,
}

impl House {
    /// Every default, in a memory store.
    pub fn new() -> Self {
        Self::with(|builder| builder)
    }

    /// The default limits without the parts that only cost a test time: work and typing.
    pub fn lab(store: impl Store) -> Self {
        Self::lab_with(|builder| builder.store(store))
    }

    pub fn lab_with(change: impl FnOnce(GateBuilder) -> GateBuilder) -> Self {
        Self::with(|builder| {
            change(builder.store(small()).policy(quick(Policy::default())).tuning(trusting()))
        })
    }

    /// A lab whose policy is changed by `change`.
    pub fn ruled(change: impl FnOnce(&mut Policy)) -> Self {
        let mut policy = quick(Policy::default());
        change(&mut policy);
        Self::lab_with(|builder| builder.policy(policy))
    }

    pub fn with(change: impl FnOnce(GateBuilder) -> GateBuilder) -> Self {
        let (clock, log) = (ManualClock::new(NOON), Log::default());
        let (transport, outbox) = ScriptedTransport::new();
        let builder = parts(clock.clone(), log.clone())
            .store(MemoryStore::default())
            .transport(transport.clone());
        let gate = change(builder).build().unwrap();
        Self { gate, clock, outbox, carrier: transport, log, client: client(1) }
    }

    /// Another gate that shares this one's clock, carrier and log.
    pub fn beside(&self, change: impl FnOnce(GateBuilder) -> GateBuilder) -> Self {
        let builder = parts(self.clock.clone(), self.log.clone())
            .policy(quick(Policy::default()))
            .tuning(trusting())
            .transport(self.carrier.clone());
        let gate = change(builder).build().unwrap();
        Self {
            gate,
            clock: self.clock.clone(),
            outbox: self.outbox.clone(),
            carrier: self.carrier.clone(),
            log: self.log.clone(),
            client: self.client.clone(),
        }
    }

    /// The page, the form, and a text; panics if the gate says anything else.
    pub async fn send(&self, number: &str) -> Issued {
        self.send_to(number, &self.client).await
    }

    pub async fn send_to(&self, number: &str, client: &ClientContext) -> Issued {
        match self.try_send(number, client).await {
            Sent::Issued(issued) => issued,
            other => panic!("not sent: {other:?}"),
        }
    }

    pub async fn try_send(&self, number: &str, client: &ClientContext) -> Sent {
        self.try_send_for(number, &Purpose::SIGN_UP, client).await
    }

    pub async fn try_send_for(
        &self,
        number: &str,
        purpose: &Purpose,
        client: &ClientContext,
    ) -> Sent {
        self.go_on(self.clear(number, purpose, client).await).await
    }

    /// The text, if the request was cleared.
    pub async fn go_on(&self, cleared: Cleared) -> Sent {
        self.try_go_on(cleared).await.unwrap()
    }

    /// The same, and the error if there is an outage.
    pub async fn try_go_on(&self, cleared: Cleared) -> Result<Sent, GateError> {
        match cleared {
            Cleared::Passed(clearance) => self.gate.issue(clearance).await,
            Cleared::StepUp(step_up) => Ok(Sent::StepUp(step_up)),
            Cleared::Refused(refusal) => Ok(Sent::Refused(refusal)),
        }
    }

    /// As `try_send_for`, doing the harder work where it is asked for.
    pub async fn insist(&self, number: &str, purpose: &Purpose, client: &ClientContext) -> Sent {
        let mut sent = self.try_send_for(number, purpose, client).await;
        for _ in 0..3 {
            let Sent::StepUp(step_up) = &sent else { break };
            let ticket = step_up.ticket().as_str().to_owned();
            sent = self.go_on(self.clear_with(&ticket, number, purpose, client).await).await;
        }
        sent
    }

    pub async fn refused(&self, number: &str, client: &ClientContext) -> Refusal {
        match self.try_send(number, client).await {
            Sent::Refused(refusal) => refusal,
            other => panic!("not refused: {other:?}"),
        }
    }

    pub async fn clear(&self, number: &str, purpose: &Purpose, client: &ClientContext) -> Cleared {
        let ticket = self.gate.preflight(purpose, client).unwrap();
        self.clock.advance(ticket.terms().human_time.as_duration());
        self.clear_with(ticket.as_str(), number, purpose, client).await
    }

    pub async fn clear_with(
        &self,
        ticket: &str,
        number: &str,
        purpose: &Purpose,
        client: &ClientContext,
    ) -> Cleared {
        let proof = otpgate::token::answer(ticket, number).unwrap();
        self.gate.clear(&proof, &recipient(number), purpose, client).await.unwrap()
    }

    pub async fn clearance(&self, number: &str) -> Clearance {
        self.clearance_of(number, &Purpose::SIGN_UP, &self.client).await
    }

    pub async fn clearance_of(
        &self,
        number: &str,
        purpose: &Purpose,
        client: &ClientContext,
    ) -> Clearance {
        match self.clear(number, purpose, client).await {
            Cleared::Passed(clearance) => clearance,
            other => panic!("not cleared: {other:?}"),
        }
    }

    /// Whether the gate accepts `code`; panics on an outage.
    pub async fn accepts(&self, grant: &EntryGrant, code: &str) -> bool {
        self.accepts_from(grant, code, &self.client).await
    }

    pub async fn accepts_from(
        &self,
        grant: &EntryGrant,
        code: &str,
        client: &ClientContext,
    ) -> bool {
        let verified = self.gate.verify(grant, code, client).await.unwrap();
        matches!(verified, Verified::Accepted(_))
    }

    /// A whole verification of `number` by `client`.
    pub async fn prove(&self, number: &str, client: &ClientContext) -> otpgate::Verification {
        let grant = self.send_to(number, client).await.into_grant();
        match self.gate.verify(&grant, &self.last_code(), client).await.unwrap() {
            Verified::Accepted(verification) => verification,
            Verified::Rejected(_) => panic!("the right code was rejected"),
        }
    }

    /// The codes of every text that arrived, in order.
    pub fn codes(&self) -> Vec<String> {
        self.outbox.delivered().iter().filter_map(otpgate::testing::SentText::code).collect()
    }

    /// How many texts arrived.
    pub fn texts(&self) -> usize {
        self.outbox.arrivals()
    }

    /// The code in the newest text.
    pub fn last_code(&self) -> String {
        self.outbox.last_code().unwrap()
    }

    /// A code that is not the one in the newest text.
    pub fn wrong_code(&self) -> String {
        off_by(&self.last_code(), 1)
    }

    /// What every text that arrived cost, at the built-in prices.
    pub fn cost(&self) -> Money {
        let prices = PriceTable::builtin();
        let each = |sent: &otpgate::testing::SentText| {
            let region = recipient(sent.expose_number()).region().unwrap();
            let [a, b] = region.as_str().as_bytes() else { panic!("not two letters") };
            u64::from(prices.of([*a, *b])) * u64::from(sent.segments())
        };
        Money::microdollars(self.outbox.delivered().iter().map(each).sum())
    }
}

fn parts(clock: ManualClock, log: Log) -> GateBuilder {
    Gate::builder()
        .keys(keys())
        .message(message())
        .destinations(DestinationPolicy::only(Region::all()))
        .daily_budget(Money::dollars(1_000))
        .clock(clock)
        .clock_unchecked_danger()
        .observer(log)
}

/// `policy` without work and without the time a person needs to type.
pub fn quick(mut policy: Policy) -> Policy {
    policy.token.work = WorkBits::NONE;
    policy.token.step_up_work = WorkBits::new(4).unwrap();
    policy.token.human_time = HumanTime::ZERO;
    policy
}

/// `policy` without its limits on groups of clients and numbers that nobody has verified.
pub fn without_group_limits(mut policy: Policy) -> Policy {
    policy.quotas.client_unverified = None;
    policy.quotas.network_unverified = None;
    policy.quotas.campus_unverified = None;
    policy.quotas.provider_unverified = None;
    policy.quotas.allocation_unverified = None;
    policy.quotas.customers_unverified = None;
    policy.quotas.block_unverified = None;
    policy
}

/// The detector of a realm that has a history, which asks for no patience.
pub fn grown() -> Tuning {
    let mut tuning = Tuning::default();
    tuning.young_numbers = 0;
    tuning
}

/// A detector that suspects nobody, for tests of the limits behind it.
pub fn trusting() -> Tuning {
    const NEVER: f32 = 1e30;
    let mut tuning = Tuning::default();
    (tuning.ask_at, tuning.refuse_at, tuning.share_at) = (NEVER, NEVER, NEVER);
    (tuning.refuse_in_context, tuning.number_failures) = (NEVER, NEVER);
    (tuning.number_limits, tuning.number_limits_in_context) = ((NEVER, NEVER), (NEVER, NEVER));
    tuning.window = tuning.window.map(|_| NEVER);
    tuning.asked_window = tuning.asked_window.map(|_| NEVER);
    tuning
}

/// A memory store of a size that is made at once.
pub fn memory() -> MemoryStore {
    MemoryStore::builder().capacity(60_000).build()
}

/// The same behind seeded latency: whatever else is ready runs before and after each of its calls.
pub fn small() -> Latency<MemoryStore> {
    Latency::new(memory(), 3, 0x51ed)
}

/// The latest second that a wrong clock shows.
pub const LATEST: u64 = u64::MAX / 2_000;

/// The model and the memory store, each behind seeded latency.
pub fn slow_stores(seed: u64) -> [(&'static str, Box<dyn Store>); 2] {
    [
        ("model", Box::new(Latency::new(ModelStore::new(), 3, seed))),
        ("memory", Box::new(Latency::new(memory(), 3, seed))),
    ]
}

/// Runs all at once on the runtime's threads, from one barrier.
pub async fn race<T, F>(futures: Vec<F>) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let barrier = Arc::new(tokio::sync::Barrier::new(futures.len()));
    let tasks: Vec<_> = futures
        .into_iter()
        .map(|future| {
            let barrier = Arc::clone(&barrier);
            tokio::spawn(async move {
                barrier.wait().await;
                future.await
            })
        })
        .collect();
    let mut outputs = Vec::with_capacity(tasks.len());
    for task in tasks {
        outputs.push(task.await.unwrap());
    }
    outputs
}

pub fn recipient(number: &str) -> Recipient {
    Recipient::parse(number, None).unwrap()
}

/// `code` plus `by`, of the same length.
pub fn off_by(code: &str, by: u64) -> String {
    let code: u64 = code.parse().unwrap();
    format!("{:06}", (code + by) % 1_000_000)
}

/// A valid German mobile number, the `index`th of many; neighbours lie in different blocks.
pub fn german(index: u64) -> String {
    format!("+49151{:08}", 10_000_000 + (index * 10_007) % 90_000_000)
}

pub fn pepper(seed: u8) -> Pepper {
    Pepper::from_bytes(std::array::from_fn(|i| seed.wrapping_add(i as u8).wrapping_mul(37)))
        .unwrap()
}

pub fn keys() -> KeyRing {
    KeyRing::new(KeyId(1), pepper(1))
}

pub fn message() -> MessageFormat {
    MessageFormat::builder("Example").origin("example.com").transactions().build().unwrap()
}

/// A client of its own network and session.
pub fn client(number: u32) -> ClientContext {
    in_session(number, &format!("session-{number}"))
}

/// A session at the address of client `number`.
pub fn in_session(number: u32, session: &str) -> ClientContext {
    // A /24 of its own: two of them share neither address nor neighbourhood.
    let ip = IpAddr::from((0x0B00_0001_u32 + number.wrapping_mul(0x0001_0100)).to_be_bytes());
    ClientContext::from_peer(ip, session)
}

/// The session of client 1, from the `index`th of other networks.
pub fn roaming(index: u32) -> ClientContext {
    in_session(index + 2, "session-1")
}

/// A small generator for positions and choices in tests.
pub struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }
}

/// Keeps every event.
#[derive(Clone, Debug, Default)]
pub struct Log(Arc<Mutex<Vec<Event>>>);

impl Log {
    pub fn events(&self) -> Vec<Event> {
        self.0.lock().unwrap().clone()
    }

    pub fn clear(&self) {
        self.0.lock().unwrap().clear();
    }

    pub fn count(&self, which: impl Fn(&EventKind) -> bool) -> usize {
        self.0.lock().unwrap().iter().filter(|event| which(&event.kind)).count()
    }

    /// How many codes were compared: the accepted, and the wrong.
    pub fn compared(&self) -> usize {
        self.accepted() + self.rejected(RejectionCause::Mismatch)
    }

    pub fn accepted(&self) -> usize {
        self.count(|kind| matches!(kind, EventKind::Accepted { .. }))
    }

    pub fn rejected(&self, why: RejectionCause) -> usize {
        self.count(|kind| matches!(kind, EventKind::Rejected { cause } if *cause == why))
    }

    pub fn last_cause(&self) -> Option<RejectionCause> {
        self.events().iter().rev().find_map(|event| match event.kind {
            EventKind::Rejected { cause } => Some(cause),
            _ => None,
        })
    }
}

impl Observer for Log {
    fn observe(&self, event: &Event) {
        self.0.lock().unwrap().push(event.clone());
    }
}

pub fn seconds(span: u64) -> Duration {
    Duration::from_secs(span)
}

pub fn minutes(span: u64) -> Duration {
    seconds(span * 60)
}

pub fn hours(span: u64) -> Duration {
    minutes(span * 60)
}

pub fn days(span: u64) -> Duration {
    hours(span * 24)
}
