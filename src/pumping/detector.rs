//! The detector: what the gate calls.

use std::sync::Arc;
use std::time::Duration;

use super::costs::Costs;
use super::journal::Journal;
use super::level::{NodeId, Subject};
use super::memory::{Found, Local, Memory};
use super::operator::Operator;
use super::path::Path;
use super::reason::{Alert, AlertKind, Assessment, Judgement};
use super::rules::Case;
use super::sessions::Sessions;
use super::sighting::{Sighting, SightingKind};
use super::terms::Terms;
use super::together::Together;
use super::tree::{Foreseen, Tree};
use super::tuning::Tuning;
use super::view::View;
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
    pub(super) tree: Tree,
    pub(super) sessions: Sessions,
    pub(super) memory: Memory,
    pub(super) operator: Operator,
    /// Blocks under suspicion.
    pub(super) together: Together,
    pub(super) journal: Journal,
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
            tree: Tree::new(Arc::clone(&terms), gate & 0x0fff_ffff),
            sessions: Sessions::new(&terms.tuning),
            memory: Memory::new(Arc::clone(&terms)),
            operator: Operator::default(),
            together: Together::new(terms.tuning.ask_at),
            journal: Journal::new(gate),
            now: 0,
            born: 0,
            terms,
        }
    }

    /// What to do about a request, before anything is sent. `passed`: the client has just passed the
    /// step-up this detector asked for.
    pub fn assess(&mut self, now: Timestamp, subject: &Subject, passed: bool) -> Assessment {
        self.advance(now.as_millis());
        let known = self.memory.is_known(subject, self.now);
        self.judge(subject, known, known, passed)
    }

    /// The same, of a number as if it had never verified: what may be seen of a known one.
    pub(crate) fn assess_as_stranger(
        &mut self,
        now: Timestamp,
        subject: &Subject,
        passed: bool,
    ) -> Assessment {
        self.advance(now.as_millis());
        let known = self.memory.is_known(subject, self.now);
        self.judge(subject, false, known, passed)
    }

    /// Judges a request as one of a known number or of a stranger; `is_known` is what the number is,
    /// remembered for the event that follows.
    fn judge(
        &mut self,
        subject: &Subject,
        known: bool,
        is_known: bool,
        passed: bool,
    ) -> Assessment {
        let now = self.now;
        let away = self.memory.is_away(subject, now);
        let far = away && self.memory.has_no_neighbour(subject, now);
        self.memory.keep(Found { subject: *subject, at: now, known: is_known, away, far });
        let local = self.local(now, subject.region);
        let path = self.find_path(now, subject, known);
        self.tree.keep(&path);
        let rates = self.release_ended(now, &path, &local);
        let outage = self.memory.is_outage(now, local.country);
        let view = self.view(&path, &local);
        Case { view, rates, subject, known, passed, away, far, outage }.judge()
    }

    /// As [`assess`](Self::assess), or as of a stranger, without changing anything: many may ask at once.
    /// It sees what events left; what has fallen due since the last one is left to the next.
    pub(crate) fn foresee(
        &self,
        now: Timestamp,
        subject: &Subject,
        as_stranger: bool,
        passed: bool,
    ) -> Assessment {
        let now = self.now.max(now.as_millis());
        let known = !as_stranger && self.memory.is_known(subject, now);
        let away = self.memory.is_away(subject, now);
        let far = away && self.memory.has_no_neighbour(subject, now);
        let local = self.foresee_local(now, subject.region);
        let path = self.find_path(now, subject, known);
        let foreseen = self.foresee_path(now, &path, &local);
        let rates = foreseen.rates;
        let outage = self.memory.is_outage_at(now, local.country);
        let view = View { foreseen: Some(&foreseen), ..self.view_at(now, &path, &local) };
        Case { view, rates, subject, known, passed, away, far, outage }.judge()
    }

    /// The nodes of a path at `now`, where what is over by then has ended. Nothing changes.
    pub(super) fn foresee_path(&self, now: u64, path: &Path, local: &Local) -> Foreseen {
        let mut foreseen = self.tree.foresee(now, path, local);
        let of = self.view_at(now, path, local);
        for (place, rate) in foreseen.rates.into_iter().enumerate() {
            let view = View { foreseen: Some(&foreseen), ..of };
            let node = view.node(place);
            if let Some(brink) = node.and_then(|node| view.brink(now, node, place, rate)) {
                foreseen.release(now, place, brink);
            }
        }
        foreseen
    }

    /// As [`local`](Self::local), and a country that is new is not made.
    pub(super) fn foresee_local(&self, now: u64, region: [u8; 2]) -> Local {
        self.memory.local_at(now, region, self.operator.surge(now, region))
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
        self.tree.len()
    }

    /// Approximate bytes held.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.tree
            .bytes()
            .saturating_add(self.sessions.bytes())
            .saturating_add(self.memory.bytes())
            .saturating_add(self.together.bytes())
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

    /// What the owners say of these nodes.
    pub(super) fn view<'a>(&'a self, path: &'a Path, local: &'a Local) -> View<'a> {
        View {
            terms: &self.terms,
            tree: &self.tree,
            sessions: &self.sessions,
            memory: &self.memory,
            operator: &self.operator,
            together: &self.together,
            now: self.now,
            born: self.born,
            path,
            local,
            foreseen: None,
        }
    }

    /// The same at a time that the detector has not been told yet.
    fn view_at<'a>(&'a self, now: u64, path: &'a Path, local: &'a Local) -> View<'a> {
        let born = if self.born == 0 { now.max(1) } else { self.born };
        View { now, born, ..self.view(path, local) }
    }

    /// The nodes of a request as they exist, creating none.
    pub(super) fn find_path(&self, now: u64, subject: &Subject, known: bool) -> Path {
        self.tree.find_path(subject, self.memory.places(now, subject, known))
    }

    /// What every node of a region's requests needs of its country, which is made if it is new.
    pub(super) fn local(&mut self, now: u64, region: [u8; 2]) -> Local {
        let slot = self.memory.country_slot(region, now);
        self.local_of(now, slot, region)
    }

    /// As [`local`](Self::local), where the country's place is known already.
    pub(super) fn local_of(&mut self, now: u64, slot: u16, region: [u8; 2]) -> Local {
        let surge = self.operator.surge(self.now, region);
        self.memory.local(now, slot, surge)
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
