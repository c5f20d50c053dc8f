//! A host in miniature: real gates on one store, driven through the public API under a clock that
//! is set by hand.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use otpgate::access::DestinationPolicy;
use otpgate::message::{Brand, MessageFormat, OriginHost, parse_origin_bound};
use otpgate::pumping::{Costs, PriceTable};
use otpgate::store::MemoryStore;
use otpgate::testing::{ManualClock, SeededEntropy, block_on};
use otpgate::token::{
    HumanCheck, HumanCheckError, HumanFailure, HumanRequest, HumanTime, HumanVerdict, SendTicket,
    WorkBits,
};
use otpgate::transport::{Handoff, HandoffError, OutboundSms};
use otpgate::{
    Cleared, ClientContext, ClientIp, DeliveryStatus, EntryGrant, Gate, KeyId, KeyRing, Money,
    Pepper, Policy, Purpose, Recipient, RefusalReason, SendRecord, Sent, SmsTransport, StepUpMeans,
    Timestamp, Verified,
};

/// What a host chooses.
#[derive(Clone, Debug)]
pub struct Choices {
    pub policy: Policy,
    pub daily_budget: Money,
    pub costs: Costs,
    /// Whether the host has a CAPTCHA to ask for.
    pub human_check: bool,
    /// Whether numbers that the numbering table does not know get texts.
    pub unassigned: bool,
    pub gates: usize,
    pub seed: u64,
}

impl Default for Choices {
    fn default() -> Self {
        Self {
            policy: Policy::default(),
            // As good as none: what is looked at is what the rest of the policy does.
            daily_budget: Money::dollars(1_000_000_000),
            costs: Costs::default(),
            human_check: true,
            unassigned: false,
            gates: 1,
            seed: 1,
        }
    }
}

/// What became of one request.
#[derive(Debug)]
pub enum Answer {
    Sent(Box<Text>),
    StepUp(StepUpMeans, SendTicket),
    Refused(String),
}

/// A text that went out.
#[derive(Debug)]
pub struct Text {
    pub gate: usize,
    pub client: ClientContext,
    pub grant: EntryGrant,
    pub record: SendRecord,
    pub code: String,
}

/// Gates that share a store, requests dealt in turn.
pub struct Host {
    gates: Vec<Gate>,
    clock: ManualClock,
    outbox: Outbox,
    turn: usize,
    now: Timestamp,
    /// Time spent inside the gates, and requests asked of them.
    pub inside: Duration,
    pub requests: u64,
}

impl Host {
    pub fn new(choices: &Choices, prices: &PriceTable, start_ms: u64) -> Result<Self, String> {
        let now = Timestamp::from_millis(start_ms);
        let (clock, outbox) = (ManualClock::new(now), Outbox::default());
        let store = Arc::new(MemoryStore::builder().capacity(20_000_000).build());
        let mut policy = choices.policy.clone();
        // The token's work and waiting cost time and decide nothing; a replay leaves them out.
        policy.token.work = WorkBits::NONE;
        policy.token.step_up_work = WorkBits::new(1).map_err(text)?;
        policy.token.human_time = HumanTime::ZERO;
        let everywhere = DestinationPolicy::everywhere_danger(policy.budget.message);
        let gates = (0..choices.gates.max(1))
            .map(|index| {
                let mut builder = Gate::builder()
                    .keys(keys()?)
                    .store(Arc::clone(&store))
                    .transport(outbox.clone())
                    .message(message(&policy)?)
                    .destinations(if choices.unassigned {
                        everywhere.clone().also_unassigned_danger()
                    } else {
                        everywhere.clone()
                    })
                    .daily_budget(choices.daily_budget)
                    .policy(policy.clone())
                    .prices(prices.clone())
                    .costs(choices.costs)
                    .entropy(SeededEntropy::new(choices.seed.wrapping_add(index as u64)))
                    .clock(clock.clone());
                if choices.human_check {
                    builder = builder.human_check(AsTheTraceSays);
                }
                if choices.gates <= 1 {
                    builder = builder.single_gate();
                }
                builder.build().map_err(text)
            })
            .collect::<Result<_, String>>()?;
        Ok(Self { gates, clock, outbox, turn: 0, now, inside: Duration::ZERO, requests: 0 })
    }

    /// Lets time pass until `at_ms`.
    pub fn advance(&mut self, at_ms: u64) {
        let at = Timestamp::from_millis(at_ms);
        self.clock.advance(at.since(self.now));
        self.now = self.now.max(at);
    }

    /// The page, the form and the text for one client. `ticket` is the one of a step-up that the
    /// client has just passed.
    pub fn request(
        &mut self,
        phone: &Recipient,
        ip: IpAddr,
        session: &str,
        step_up: Option<(StepUpMeans, SendTicket)>,
    ) -> Answer {
        let gate_index = self.turn;
        self.turn = (self.turn + 1) % self.gates.len();
        let gate = self.gates[gate_index].clone();
        let mut client = ClientContext::new(ClientIp::from_peer(ip), session);
        let ticket = match step_up {
            Some((means, ticket)) => {
                if means == StepUpMeans::Human {
                    client = client.human_response("solved");
                }
                ticket
            }
            None => match self.timed(|| gate.preflight(&Purpose::SIGN_UP, &client)) {
                Ok(ticket) => ticket,
                Err(error) => return Answer::Refused(error.to_string()),
            },
        };
        let proof = match otpgate::token::answer(ticket.as_str(), phone.typed()) {
            Ok(proof) => proof,
            Err(error) => return Answer::Refused(error.to_string()),
        };
        self.requests += 1;
        let answer = self.timed(|| {
            block_on(async {
                match gate.clear(&proof, phone, &Purpose::SIGN_UP, &client).await {
                    Ok(Cleared::Cleared(clearance)) => gate.issue(clearance).await,
                    Ok(Cleared::StepUp(step_up)) => Ok(Sent::StepUp(step_up)),
                    Ok(Cleared::Refused(refusal)) => Ok(Sent::Refused(refusal)),
                    Err(error) => Err(error),
                }
            })
        });
        match answer {
            Ok(Sent::Sent(issued)) => {
                let record = issued.record().clone();
                let code = self.outbox.take().unwrap_or_default();
                let grant = issued.into_grant();
                Answer::Sent(Box::new(Text { gate: gate_index, client, grant, record, code }))
            }
            Ok(Sent::StepUp(step_up)) => Answer::StepUp(step_up.means(), step_up.into_ticket()),
            Ok(Sent::Refused(refusal)) => Answer::Refused(name(refusal.reason())),
            Err(error) => Answer::Refused(format!("error: {error}")),
        }
    }

    /// The client types the code it got.
    pub fn verify(&mut self, sent: &Text) -> bool {
        let gate = self.gates[(sent.gate + 1) % self.gates.len()].clone();
        let answer = self.timed(|| block_on(gate.verify(&sent.grant, &sent.code, &sent.client)));
        matches!(answer, Ok(Verified::Accepted(_)))
    }

    /// The carrier reports on the text.
    pub fn receipt(&mut self, sent: &Text, delivered: bool) {
        let status =
            if delivered { DeliveryStatus::Delivered } else { DeliveryStatus::Undelivered };
        let gate = self.gates[sent.gate].clone();
        let _ours = self.timed(|| gate.receipt(&sent.record, status));
    }

    /// Nodes and bytes of the largest detector among the gates.
    pub fn footprint(&self) -> (usize, usize) {
        let sizes = self.gates.iter().map(Gate::detector_footprint);
        sizes.fold((0, 0), |(nodes, bytes), size| (nodes.max(size.nodes), bytes.max(size.bytes)))
    }

    fn timed<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let began = Instant::now();
        let done = work();
        self.inside += began.elapsed();
        done
    }
}

/// A short name for a reason, the same for all requests it stops.
fn name(reason: &RefusalReason) -> String {
    match reason {
        RefusalReason::Limit(limit) => format!("limit: {limit}"),
        RefusalReason::Budget(limit) => format!("budget: {limit}"),
        RefusalReason::Pumping(_) => "pumping".to_owned(),
        RefusalReason::Destination(refusal) => format!("destination: {refusal}"),
        other => other.to_string(),
    }
}

fn keys() -> Result<KeyRing, String> {
    let pepper = Pepper::from_bytes(std::array::from_fn(|i| (i as u8).wrapping_mul(37)));
    Ok(KeyRing::new(KeyId(1), pepper.map_err(text)?))
}

fn message(policy: &Policy) -> Result<MessageFormat, String> {
    MessageFormat::builder(Brand::new("Replay").map_err(text)?)
        .origin(OriginHost::new("replay.example").map_err(text)?)
        .codes(policy.code.format)
        .build()
        .map_err(text)
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// Passes whoever says so: the trace decides who would solve a CAPTCHA.
#[derive(Debug)]
struct AsTheTraceSays;

#[async_trait]
impl HumanCheck for AsTheTraceSays {
    async fn check(&self, request: HumanRequest<'_>) -> Result<HumanVerdict, HumanCheckError> {
        Ok(if request.response.expose_response() == "solved" {
            HumanVerdict::Passed
        } else {
            HumanVerdict::Failed(HumanFailure::NotHuman)
        })
    }
}

/// Keeps the newest code, for the client that will type it.
#[derive(Clone, Default)]
struct Outbox(Arc<Mutex<VecDeque<String>>>);

impl Outbox {
    fn take(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
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
        let code = parse_origin_bound(sms.expose_text()).map(|bound| bound.code.to_owned());
        let code = code.ok_or_else(|| HandoffError::refused("the text holds no code"))?;
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push_back(code);
        Ok(Handoff::accepted("replay"))
    }
}
