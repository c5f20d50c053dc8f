//! The detector: what the gate calls.

use std::time::Duration;

use super::costs::Costs;
use super::country::Country;
use super::evidence::Bets;
use super::history::History;
use super::known::Seen;
use super::level::{BlockLevel, LEVELS, NodeId, Subject};
use super::operator::Operator;
use super::reason::{Alert, AlertKind, Assessment, Judgement};
use super::session::{PATH, Sessions};
use super::sighting::{Sighting, SightingKind};
use super::table::{KeyMap, NONE, Table};
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
    pub(super) tuning: Tuning,
    pub(super) costs: Costs,
    pub(super) bets: Bets,
    pub(super) table: Table,
    pub(super) sessions: Sessions,
    pub(super) known: Seen,
    /// Wide networks where people of a country have verified.
    pub(super) places: Seen,
    pub(super) history: History,
    pub(super) countries: Vec<Country>,
    pub(super) country_index: KeyMap<u16>,
    pub(super) operator: Operator,
    pub(super) journal: super::journal::Journal,
    /// Where the last assessed request's nodes were.
    pub(super) hint: [u32; LEVELS],
    /// What was found of the last assessed request: its observation follows at once.
    pub(super) found: Option<Found>,
    pub(super) now: u64,
    /// Verified sessions that came from a trusted client, and all; fading.
    pub(super) trust: [f32; 2],
    /// First time ever seen, for rates of a young installation.
    pub(super) born: u64,
}

/// What the memories of numbers and places said of a request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    pub(super) subject: Subject,
    pub(super) at: u64,
    pub(super) known: bool,
    pub(super) away: bool,
    pub(super) far: bool,
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
        Self {
            bets: Bets::new(&tuning),
            table: Table::new(tuning.max_nodes, gate & 0x0fff_ffff),
            sessions: Sessions::new(tuning.max_sessions),
            known: Seen::new(tuning.max_known),
            places: Seen::new(tuning.max_places),
            history: History::new(),
            countries: Vec::new(),
            country_index: KeyMap::default(),
            operator: Operator::default(),
            journal: super::journal::Journal::new(gate),
            hint: [NONE; LEVELS],
            found: None,
            now: 0,
            born: 0,
            trust: [0.0, 20.0],
            tuning,
            costs,
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
            .saturating_add(self.known.bytes())
            .saturating_add(self.places.bytes())
            .saturating_add(self.history.numbers.bytes())
            .saturating_add(self.countries.capacity().saturating_mul(size_of::<Country>()))
            .saturating_add(self.journal.bytes())
    }

    pub(super) fn country_slot(&mut self, region: [u8; 2], now: u64) -> u16 {
        let [a, b] = region;
        let name = (u64::from(a) << 8) | u64::from(b);
        if let Some(slot) = self.country_index.get(&name) {
            return *slot;
        }
        let slot = u16::try_from(self.countries.len()).unwrap_or(u16::MAX);
        // 676 codes exist; anything beyond shares the last row
        if slot >= 700 {
            return 699;
        }
        self.countries.push(Country::new(region, now));
        self.country_index.insert(name, slot);
        slot
    }

    fn found(&self, subject: &Subject, now: u64) -> Option<Found> {
        self.found.filter(|found| found.at == now && found.subject == *subject)
    }

    pub(super) fn is_known(&self, subject: &Subject, now: u64) -> bool {
        if let Some(found) = self.found(subject, now) {
            return found.known;
        }
        let (age, expiry) = self.tuning.known_age;
        subject.known
            || self
                .known
                .age(subject.digits, now, (expiry * 1_000.0) as u64)
                .is_some_and(|since| since as f32 >= age * 1_000.0)
    }

    /// True when nobody of the number's country has verified from the client's wide network at least
    /// a day ago. Proxies for hire are all over the world, a country's people in its own networks.
    pub(super) fn is_away(&self, subject: &Subject, now: u64) -> bool {
        if let Some(found) = self.found(subject, now) {
            return found.away;
        }
        self.tuning.parts.away
            && subject.client.place(subject.region).is_some_and(|place| self.is_unseen(place, now))
    }

    /// True when nobody of the number's country has verified from anywhere near the client's
    /// network either. Registries give a country's networks out in runs: a person of the country
    /// comes from one that is new more often than from where there is none.
    pub(super) fn is_far(&self, subject: &Subject, now: u64) -> bool {
        if let Some(found) = self.found(subject, now) {
            return found.far;
        }
        self.is_away(subject, now) && self.has_no_neighbour(subject, now)
    }

    /// What [`is_far`](Self::is_far) asks beyond [`is_away`](Self::is_away).
    pub(super) fn has_no_neighbour(&self, subject: &Subject, now: u64) -> bool {
        let around = subject.client.surroundings(subject.region);
        !self.tuning.parts.far || around.is_some_and(|around| self.is_unseen(around, now))
    }

    fn is_unseen(&self, place: u64, now: u64) -> bool {
        let (age, expiry) = self.tuning.place_age;
        self.places
            .age(place, now, (expiry * 1_000.0) as u64)
            .is_none_or(|since| (since as f32) < age * 1_000.0)
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
