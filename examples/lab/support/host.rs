//! A host in miniature: real gates on one store, driven through the public API under a clock that
//! is set by hand.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use otpgate::access::DestinationPolicy;
use otpgate::human::{
    HumanCheck, HumanCheckError, HumanFailure, HumanPass, HumanRequest, HumanVerdict,
};
use otpgate::message::parse_origin_bound;
use otpgate::pumping::{Costs, NodeId, NodeView, PriceTable};
use otpgate::recipient::LineType;
use otpgate::store::MemoryStore;
use otpgate::testing::{ManualClock, SeededEntropy, block_on};
use otpgate::token::{HumanTime, SendTicket, WorkBits};
use otpgate::transport::{Handoff, HandoffError, OutboundSms};
use otpgate::{
    ClientContext, DeliveryStatus, EntryGrant, Gate, Issued, KeyId, KeyRing, LimitName, Money,
    Pepper, Policy, Purpose, Recipient, RefusalReason, SendRecord, Sent, SmsTransport, StepUpMeans,
    Timestamp, Verified,
};

use super::judge::{Decision, Judge};
use super::trace::{Row, Trace};

/// How long a client waits for a form that counts down.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a host chooses.
#[derive(Clone, Debug)]
pub struct Choices {
    pub policy: Policy,
    pub daily_budget: Money,
    pub costs: Costs,
    /// Whether the host has a CAPTCHA to ask for.
    pub human_check: bool,
    /// Whether numbers get texts that the numbering table calls unassigned, or no mobile.
    pub any_number: bool,
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
            any_number: false,
            gates: 1,
            seed: 1,
        }
    }
}

/// A text that went out.
struct Text {
    gate: usize,
    client: ClientContext,
    grant: EntryGrant,
    record: SendRecord,
    code: String,
}

/// A code page that somebody has open.
struct Page {
    grant: EntryGrant,
    gate: usize,
    /// When its "send again" becomes live: what the gate said with the text before.
    live_ms: u64,
    closes_ms: u64,
}

/// Who has a code page open: a session and a number.
type Visit = (Box<str>, u64);

/// Gates that share a store, requests dealt in turn.
pub struct Host {
    gates: Vec<Gate>,
    clock: ManualClock,
    outbox: Outbox,
    turn: usize,
    now: Timestamp,
    open_ms: u64,
    texts: HashMap<usize, Text>,
    tickets: HashMap<usize, (StepUpMeans, SendTicket)>,
    pages: HashMap<Visit, Page>,
    /// Time spent inside the gates, and requests asked of them.
    inside: Duration,
    requests: u64,
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
        // A quiet refusal would count as a text.
        policy.mode.quiet = false;
        let destinations = destinations(choices, policy.budget.message)?;
        let gates = (0..choices.gates.max(1))
            .map(|index| {
                let mut builder = Gate::builder()
                    .keys(keys()?)
                    .store(Arc::clone(&store))
                    .transport(outbox.clone())
                    .brand("Replay")
                    .origin("replay.example")
                    .destinations(destinations.clone())
                    .daily_budget(choices.daily_budget)
                    .policy(policy.clone())
                    .prices(prices.clone())
                    .costs(choices.costs)
                    .entropy(SeededEntropy::new(choices.seed.wrapping_add(index as u64)))
                    .clock(clock.clone())
                    .clock_unchecked_danger();
                if choices.human_check {
                    builder = builder.human_check(AsTheTraceSays);
                }
                if choices.gates <= 1 {
                    builder = builder.single_gate();
                }
                builder.build().map_err(text)
            })
            .collect::<Result<_, String>>()?;
        Ok(Self {
            gates,
            clock,
            outbox,
            turn: 0,
            now,
            open_ms: u64::try_from(policy.code.open.as_millis()).unwrap_or(u64::MAX),
            texts: HashMap::new(),
            tickets: HashMap::new(),
            pages: HashMap::new(),
            inside: Duration::ZERO,
            requests: 0,
        })
    }

    /// The page, the form and the text for one client, or the code page's "send again".
    fn ask(&mut self, index: usize, row: &Row, passed: bool) -> Result<(Sent, Client), String> {
        let phone = row.recipient()?;
        let client = ClientContext::from_peer(row.ip, &*row.session);
        let stepped = self.tickets.remove(&index).filter(|_| passed);
        if stepped.is_none()
            && let Some(page) = self.page(row)
        {
            let (gate_index, grant) = (page.gate, page.grant.clone());
            let gate = self.gates[gate_index].clone();
            let sent = self.timed(|| block_on(gate.resend(&grant, &client))).map_err(text)?;
            // A resend offers no step-up. Where one would help, the client goes back to the form.
            let back = matches!(&sent, Sent::Refused(refusal) if matches!(
                refusal.reason(),
                RefusalReason::Pumping(_) | RefusalReason::Limit(
                    LimitName::ClientUnverified
                        | LimitName::NetworkUnverified
                        | LimitName::CampusUnverified
                        | LimitName::ProviderUnverified
                        | LimitName::AllocationUnverified
                        | LimitName::CustomersUnverified
                        | LimitName::BlockUnverified
                ) | RefusalReason::Budget(_)
            ));
            if !back {
                return Ok((sent, (gate_index, client)));
            }
        }
        let gate_index = self.turn;
        self.turn = (self.turn + 1) % self.gates.len();
        let gate = self.gates[gate_index].clone();
        let (ticket, client) = match stepped {
            Some((StepUpMeans::Human, ticket)) => (ticket, client.human_response("solved")),
            Some((_, ticket)) => (ticket, client),
            None => {
                let ticket = self.timed(|| gate.preflight(&Purpose::SIGN_UP, &client));
                (ticket.map_err(text)?, client)
            }
        };
        let proof = ticket.answer(phone.typed()).map_err(text)?;
        let answer = self.timed(|| {
            block_on(async { gate.request(&proof, &phone, &Purpose::SIGN_UP, &client).await })
        });
        Ok((answer.map_err(text)?, (gate_index, client)))
    }

    /// A node of the first gate's detector.
    pub fn inspect(&self, node: NodeId) -> Option<NodeView> {
        self.gates.first()?.detector_node(node)
    }

    /// The code page that the row's client has open.
    fn page(&self, row: &Row) -> Option<&Page> {
        let page = self.pages.get(&(row.session.clone(), row.phone))?;
        (self.now.as_millis() < page.closes_ms).then_some(page)
    }

    fn timed<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let began = Instant::now();
        let done = work();
        self.inside += began.elapsed();
        done
    }

    fn note(&mut self, index: usize, row: &Row, issued: Issued, (gate, client): Client) {
        let now = self.now.as_millis();
        let wait = u64::try_from(issued.resend_after().as_millis()).unwrap_or(u64::MAX);
        let visit = (row.session.clone(), row.phone);
        let closes_ms =
            self.pages.get(&visit).map_or(now + self.open_ms, |page| page.closes_ms.max(now));
        let (grant, live_ms) = (issued.grant().clone(), now.saturating_add(wait));
        if self.pages.len() >= 100_000 {
            self.pages.retain(|_, page| page.closes_ms > now);
        }
        self.pages.insert(visit, Page { grant: grant.clone(), gate, live_ms, closes_ms });
        let code = self.outbox.take().unwrap_or_default();
        let record = issued.record().clone();
        self.texts.insert(index, Text { gate, client, grant, record, code });
    }
}

type Client = (usize, ClientContext);

impl Judge for Host {
    fn advance(&mut self, at_ms: u64) {
        let at = Timestamp::from_millis(at_ms);
        self.clock.advance(at.since(self.now));
        self.now = self.now.max(at);
    }

    fn button(&mut self, row: &Row, _at_ms: u64) -> Option<u64> {
        let page = self.page(row)?;
        (page.live_ms < page.closes_ms).then_some(page.live_ms)
    }

    fn request(&mut self, index: usize, row: &Row, _at_ms: u64, passed: bool) -> Decision {
        self.requests += 1;
        match self.ask(index, row, passed) {
            Ok((Sent::Issued(issued), client)) => {
                self.note(index, row, issued, client);
                Decision::Send
            }
            Ok((Sent::StepUp(step_up), _)) => {
                if row.solves {
                    self.tickets.insert(index, (step_up.means(), step_up.into_ticket()));
                }
                Decision::StepUp
            }
            Ok((Sent::Refused(refusal), _)) => match (refusal.reason(), refusal.retry_after()) {
                (RefusalReason::Limit(LimitName::NumberInterval), Some(wait))
                    if wait <= PATIENCE =>
                {
                    let wait = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
                    Decision::CountDown(self.now.as_millis().saturating_add(wait))
                }
                (reason, _) => Decision::Refuse(name(reason)),
            },
            Err(error) => Decision::Refuse(format!("error: {error}")),
        }
    }

    fn verify(&mut self, index: usize, row: &Row, _at_ms: u64) -> bool {
        let Some(sent) = self.texts.remove(&index) else { return false };
        let gate = self.gates[(sent.gate + 1) % self.gates.len()].clone();
        let answer = self.timed(|| block_on(gate.verify(&sent.grant, &sent.code, &sent.client)));
        self.texts.insert(index, sent);
        let accepted = matches!(answer, Ok(Verified::Accepted(_)));
        if accepted {
            self.pages.remove(&(row.session.clone(), row.phone));
        }
        accepted
    }

    fn receipt(&mut self, index: usize, row: &Row, _at_ms: u64) {
        let status =
            if row.delivered { DeliveryStatus::Delivered } else { DeliveryStatus::Undelivered };
        let Some(sent) = self.texts.remove(&index) else { return };
        let gate = self.gates[sent.gate].clone();
        let _ours = self.timed(|| gate.receipt(&sent.record, status));
        self.texts.insert(index, sent);
    }

    fn close(&mut self, index: usize, _row: &Row) {
        self.texts.remove(&index);
    }

    fn footprint(&self) -> (usize, usize) {
        let sizes = self.gates.iter().map(Gate::detector_footprint);
        sizes.fold((0, 0), |(nodes, bytes), size| (nodes.max(size.nodes), bytes.max(size.bytes)))
    }

    fn nanoseconds_per_request(&self) -> u64 {
        let inside = u64::try_from(self.inside.as_nanos()).unwrap_or(u64::MAX);
        inside.checked_div(self.requests).unwrap_or(0)
    }
}

/// What a message costs in each country: the dearest that the trace says, so that no budget is
/// judged too kindly.
pub fn prices(trace: &Trace) -> PriceTable {
    let mut dearest: BTreeMap<[u8; 2], u32> = BTreeMap::new();
    for row in &trace.rows {
        let entry = dearest.entry(row.region).or_default();
        *entry = row.price_microusd.max(*entry);
    }
    dearest.into_iter().fold(PriceTable::builtin(), |table, (region, price)| {
        // A row that says 0 says that its sender did not know: the table's guess is its price then, or a
        // gate with a ceiling would send no text there.
        let price = if price > 0 { price } else { table.of(region) };
        table.with(region, otpgate::Money::microdollars(price.into()))
    })
}

/// The region of a number; for one in no assigned block the region its calling code stands for.
pub fn home(phone: &Recipient) -> [u8; 2] {
    let region = phone.region().or_else(|| phone.calling_code().main_region());
    match region.as_ref().map(|region| region.as_str().as_bytes()) {
        Some([a, b]) => [*a, *b],
        _ => *b"00",
    }
}

/// Whether a gate without special permission would text this number.
pub fn is_ordinary(phone: &Recipient) -> bool {
    DestinationPolicy::everywhere_danger(Money::ZERO).decide(phone, Some(Money::ZERO)).is_ok()
}

fn destinations(choices: &Choices, ceiling: Money) -> Result<DestinationPolicy, String> {
    let everywhere = DestinationPolicy::everywhere_danger(ceiling);
    if !choices.any_number {
        return Ok(everywhere);
    }
    let others = [
        LineType::FixedLine,
        LineType::TollFree,
        LineType::Voip,
        LineType::PersonalNumber,
        LineType::Pager,
        LineType::Uan,
        LineType::Voicemail,
    ];
    let everything = everywhere.also(others).map_err(text)?;
    Ok(everything.also_premium_danger().also_satellite_danger().also_unassigned_danger())
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

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// Every `solved` stands for a response of its own.
fn another() -> HumanPass {
    static PASSED: AtomicU64 = AtomicU64::new(0);
    HumanPass::named(&PASSED.fetch_add(1, Ordering::Relaxed).to_be_bytes())
}

/// Passes whoever says so: the trace decides who would solve a CAPTCHA.
#[derive(Debug)]
struct AsTheTraceSays;

#[async_trait]
impl HumanCheck for AsTheTraceSays {
    async fn check(&self, request: HumanRequest<'_>) -> Result<HumanVerdict, HumanCheckError> {
        Ok(if request.response.expose_response() == "solved" {
            HumanVerdict::Passed(another())
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
