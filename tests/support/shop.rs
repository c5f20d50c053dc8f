// What the examples in the documentation hide: a shop with a gate. Doctests include this file.

use std::error::Error;

use otpgate::message::MessageFormat;
use otpgate::store::MemoryStore;
use otpgate::testing::{ManualClock, ScriptedTransport, TransportHandle, block_on};
use otpgate::token::{HumanTime, WorkBits};
use otpgate::{
    Clearance, Cleared, ClientContext, EntryGrant, Gate, GateBuilder, Issued, KeyRing, Money,
    Policy, Purpose, Recipient, Region, Sent,
};

/// The gate and what an example may look at.
pub struct Shop {
    pub gate: Gate,
    pub clock: ManualClock,
    pub outbox: TransportHandle,
    pub client: ClientContext,
    pub recipient: Recipient,
}

/// A gate that lacks nothing. Nobody types and nobody works in an example, so both cost no time.
pub fn parts() -> GateBuilder {
    Gate::builder()
        .keys(KeyRing::generate().unwrap())
        .store(MemoryStore::default())
        .transport(ScriptedTransport::new().0)
        .message(message())
        .countries([Region::DE])
        .daily_budget(Money::dollars(50))
        .policy(policy())
}

/// As `GateBuilder::brand` and `origin` make it; an example may give another.
fn message() -> MessageFormat {
    MessageFormat::builder("Example").origin("example.com").build().unwrap()
}

/// The default rules without work and human time.
pub fn policy() -> Policy {
    let mut policy = Policy::default();
    policy.token.human_time = HumanTime::ZERO;
    policy.token.work = WorkBits::NONE;
    policy
}

/// Runs an example in a shop of the default rules.
pub fn open(example: impl AsyncFnOnce(Shop) -> Result<(), Box<dyn Error>>) {
    open_with(|parts| parts, example);
}

/// Runs an example in a shop whose gate has other parts.
pub fn open_with(
    change: impl FnOnce(GateBuilder) -> GateBuilder,
    example: impl AsyncFnOnce(Shop) -> Result<(), Box<dyn Error>>,
) {
    let clock = ManualClock::default();
    let (transport, outbox) = ScriptedTransport::new();
    let store = MemoryStore::builder().clock(clock.clone()).build();
    let parts = parts().store(store).clock(clock.clone()).transport(transport);
    let gate = change(parts).build().unwrap();
    let client = ClientContext::from_peer("192.0.2.7".parse().unwrap(), "cookie");
    let recipient = Recipient::from_e164("+4915112345678").unwrap();
    block_on(example(Shop { gate, clock, outbox, client, recipient })).unwrap();
}

impl Shop {
    /// A proof that the page's script made for this number.
    pub fn proof(&self) -> String {
        let ticket = self.gate.preflight(&Purpose::SIGN_UP, &self.client).unwrap();
        ticket.answer(self.recipient.typed()).unwrap()
    }

    pub async fn clearance(&self) -> Clearance {
        let (proof, purpose) = (self.proof(), Purpose::SIGN_UP);
        match self.gate.clear(&proof, &self.recipient, &purpose, &self.client).await.unwrap() {
            Cleared::Passed(clearance) => clearance,
            other => panic!("{other:?}"),
        }
    }

    pub async fn issued(&self) -> Issued {
        match self.gate.issue(self.clearance().await).await.unwrap() {
            Sent::Issued(issued) => issued,
            other => panic!("{other:?}"),
        }
    }

    pub async fn grant(&self) -> EntryGrant {
        self.issued().await.into_grant()
    }

    /// The code of the last text.
    pub fn code(&self) -> String {
        self.outbox.last_code_to("+4915112345678").unwrap()
    }
}
