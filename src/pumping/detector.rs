//! The detector: what the gate calls.

use std::sync::Arc;
use std::time::Duration;

use super::costs::Costs;
use super::level::{BlockLevel, LEVELS, NodeId, Subject};
use super::memory::Memory;
use super::operator::Operator;
use super::reason::{Alert, AlertKind, Assessment, Judgement};
use super::session::{PATH, Sessions};
use super::sighting::{Sighting, SightingKind};
use super::table::{NONE, Table};
use super::terms::Terms;
use super::tuning::Tuning;
use crate::base::network::NetworkCode;
use crate::base::time::{Timestamp, millis};

/// Sees SMS pumping in a host's own traffic and says what to do about each request.
///
/// Pure and deterministic: state changes only through [`Detector::observe`] and the passing of
/// `now`; there is no clock, no randomness and no thread inside.
///
/// ```
/// use otpgate::Timestamp;
/// use otpgate::pumping::{ClientNet, Detector, Sighting, SightingKind, Subject, Judgement};
///
/// let mut detector = Detector::new(0x5eed);
/// let subject = Subject {
///     region: *b"GB",
///     digits: 447_400_123_456,
///     known: false,
///     purpose: 1,
///     price_microusd: 46_400,
///     client: ClientNet::of("192.0.2.7".parse().unwrap()),
/// };
/// let now = Timestamp::from_millis(1_700_000_000_000);
/// let assessment = detector.assess(now, &subject, false);
/// assert_eq!(assessment.verdict, Judgement::Allow);
/// detector.observe(Sighting::of(now, SightingKind::Sent, &subject));
/// ```
#[derive(Clone, Debug)]
pub struct Detector {
    pub(super) terms: Arc<Terms>,
    pub(super) table: Table,
    pub(super) sessions: Sessions,
    pub(super) memory: Memory,
    pub(super) operator: Operator,
    pub(super) journal: super::journal::Journal,
    /// Where the last assessed request's nodes were.
    pub(super) hint: [u32; LEVELS],
    pub(super) now: u64,
    /// First time ever seen, for rates of a young installation.
    pub(super) born: u64,
}

impl Detector {
    /// A detector with the default tuning and costs. `gate` names this gate among those that share a
    /// store; it must differ between them.
    #[must_use]
    pub fn new(gate: u64) -> Self {
        Self::with(gate, Tuning::default(), Costs::default())
    }

    /// A detector with its own tuning and costs.
    #[must_use]
    pub fn with(gate: u64, tuning: Tuning, costs: Costs) -> Self {
        Self::of(gate, Arc::new(Terms::new(tuning, costs)))
    }

    /// An empty detector that reckons with `terms`.
    pub(super) fn of(gate: u64, terms: Arc<Terms>) -> Self {
        Self {
            table: Table::new(terms.tuning.max_nodes, gate & 0x0fff_ffff),
            sessions: Sessions::new(terms.tuning.max_sessions),
            memory: Memory::new(Arc::clone(&terms)),
            operator: Operator::default(),
            journal: super::journal::Journal::new(gate),
            hint: [NONE; LEVELS],
            now: 0,
            born: 0,
            terms,
        }
    }

    /// Tells the detector what happened to a request, and notes it for the other gates.
    pub fn observe(&mut self, event: Sighting) {
        self.journal.push(&event);
        self.apply(&event);
    }

    /// As [`observe`](Self::observe) for what the other gates have been told already.
    pub(crate) fn observe_again(&mut self, event: &Sighting) {
        self.apply(event);
    }

    /// Before a campaign: `region` may send `factor` times its ordinary volume until `until`.
    pub fn expect_surge(&mut self, region: [u8; 2], factor: f32, until: Timestamp) {
        self.operator.announce(self.now, region, factor, until.as_millis());
    }

    /// Alerts since the last call, oldest first; at most 64 are kept.
    pub fn take_alerts(&mut self) -> Vec<Alert> {
        self.operator.take_alerts()
    }

    /// Nodes in use.
    #[must_use]
    pub fn nodes(&self) -> usize {
        self.table.len()
    }

    /// Approximate bytes held.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.table
            .bytes()
            .saturating_add(self.sessions.bytes())
            .saturating_add(self.memory.bytes())
            .saturating_add(self.journal.bytes())
    }

    pub(super) fn alert(&mut self, kind: AlertKind, node: NodeId, evidence: f32) {
        self.alert_of(kind, node, None, evidence);
    }

    /// As [`alert`](Self::alert), of one network.
    pub(super) fn alert_of(
        &mut self,
        kind: AlertKind,
        node: NodeId,
        network: Option<NetworkCode>,
        evidence: f32,
    ) {
        self.operator.alert(Alert { at_ms: self.now, kind, node, network, evidence });
    }

    pub(super) fn forbidden(&self, node: u64) -> bool {
        self.operator.forbids(self.now, node)
    }

    /// The nodes of a request, by place: blocks, finest first, then pools, then the client's, then the
    /// groups it may or may not belong to, and last those of known numbers.
    pub(super) fn names(subject: &Subject) -> [NodeId; PATH] {
        let d = subject.digits;
        let r = subject.region;
        [
            NodeId::block(BlockLevel::Hundred, d),
            NodeId::block(BlockLevel::Thousand, d),
            NodeId::block(BlockLevel::TenThousand, d),
            NodeId::block(BlockLevel::HundredThousand, d),
            NodeId::block(BlockLevel::Million, d),
            NodeId::region(BlockLevel::Country, r),
            NodeId::region(BlockLevel::ColdCountry, r),
            NodeId::pool(BlockLevel::Cold),
            NodeId::pool(BlockLevel::ColdMillion),
            NodeId::address(BlockLevel::Host, subject.client),
            NodeId::address(BlockLevel::Network, subject.client),
            NodeId::pool(BlockLevel::Everyone),
            NodeId::region(BlockLevel::AwayCountry, r),
            NodeId::pool(BlockLevel::Away),
            NodeId::region(BlockLevel::KnownCountry, r),
            NodeId::pool(BlockLevel::Known),
        ]
    }
}

impl Sighting {
    /// Adds the network that a text went to, to what its provider says of it.
    #[must_use]
    pub fn in_network(self, network: Option<NetworkCode>) -> Self {
        Self { network, ..self }
    }

    /// An event without a step-up.
    #[must_use]
    pub fn of(now: Timestamp, kind: SightingKind, subject: &Subject) -> Self {
        let (at_ms, subject) = (now.as_millis(), *subject);
        Self { at_ms, kind, passed: false, acting: 0, subject, network: None }
    }

    /// The event that follows an assessment the gate acted on: sent, asked or refused.
    #[must_use]
    pub fn after(now: Timestamp, subject: &Subject, assessment: &Assessment) -> Self {
        let kind = match assessment.verdict {
            Judgement::Allow => SightingKind::Sent,
            Judgement::StepUp(_) => SightingKind::Asked,
            Judgement::Refuse { .. } => SightingKind::Refused,
        };
        Self { acting: assessment.acting, ..Self::of(now, kind, subject) }
    }

    /// The same event with a passed step-up.
    #[must_use]
    pub fn passed(mut self) -> Self {
        self.passed = true;
        self
    }
}

/// A span as milliseconds, for the operator's methods.
pub(super) fn end_of(now: u64, span: Duration) -> u64 {
    now.saturating_add(millis(span))
}
