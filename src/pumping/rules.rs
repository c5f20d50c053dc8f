//! The rules of the decision: each looks at a request, or at one of its nodes, and finds something
//! or nothing. They are listed in the order in which they count.

use super::level::{BlockLevel, NodeId, Subject};
use super::node::{Node, State};
use super::path::{PATH, level_at, names};
use super::reason::{Assessment, Judgement, Reason, Rule, Strength};
use super::session::session_key;
use super::tuning::Tuning;
use super::view::View;

/// How long a request is held when too many step-ups are unanswered.
const HOLD_MS: u64 = 30_000;
/// How long a number is refused that had too many messages.
const WAIT_MS: u64 = 3_600_000;

/// What is said of a request, whatever its nodes are.
const OF_THE_REQUEST: [fn(&Case<'_>) -> Option<Finding>; 1] = [operator];
/// What is said at each of its nodes, finest first.
const OF_A_NODE: [fn(&Place<'_>) -> Option<Finding>; 4] =
    [forbidden, acting, in_flight, step_ups_out];
/// What is said of its number, given whether something was asked so far.
const OF_THE_NUMBER: [fn(&Case<'_>, bool) -> Option<Finding>; 1] = [number];

/// One request, and what was found of it before any rule is asked.
pub(super) struct Case<'a> {
    pub(super) view: View<'a>,
    /// How often each node may send, an hour.
    pub(super) rates: [f32; PATH],
    pub(super) subject: &'a Subject,
    /// Whether its number is judged as one that has verified.
    pub(super) known: bool,
    /// The client has just passed the step-up that was asked for.
    pub(super) passed: bool,
    /// See [`Memory::is_away`](super::memory::Memory::is_away) and `is_far`.
    pub(super) away: bool,
    pub(super) far: bool,
    /// While its country's people get no texts they press "send again" for good reason.
    pub(super) outage: bool,
}

/// A request at one of its nodes.
struct Place<'a> {
    case: &'a Case<'a>,
    place: usize,
    node: &'a Node,
    /// Whether many people share the client's address and verify from it.
    trusted: bool,
    asks: Strength,
}

/// What a rule demands, and why.
struct Finding {
    demand: Demand,
    reason: Reason,
}

enum Demand {
    /// Nothing more may be said of this node.
    Leave,
    Ask(Strength),
    /// Refuse until then, in milliseconds since the epoch.
    Refuse(u64),
    /// As these, where it is the node's own state that speaks.
    NodeAsks(Strength),
    NodeRefuses(u64),
}

/// What all rules together demand.
#[derive(Default)]
struct Sum {
    refuse: Option<u64>,
    ask: Option<Strength>,
    /// Levels whose nodes ask, and refuse, one bit each.
    asking: u16,
    refusing: u16,
    reasons: Vec<Reason>,
}

impl Case<'_> {
    /// Asks all rules.
    pub(super) fn judge(&self) -> Assessment {
        let tuning = &self.view.terms.tuning;
        let is_young = self.view.memory.is_young();
        let asks = if is_young { tuning.young_asks } else { Strength::Human };
        let trusted = self.view.is_trusted_client();
        let mut sum = Sum::default();
        for rule in OF_THE_REQUEST {
            sum.add(rule(self), BlockLevel::Hundred);
        }
        for place in 0..self.rates.len() {
            let level = level_at(place);
            // What is thought of an address counts known numbers and stops none.
            if self.known && level.is_address() {
                continue;
            }
            let Some(node) = self.view.node(place) else { continue };
            let at = Place { case: self, place, node, trusted, asks };
            for rule in OF_A_NODE {
                if sum.add(rule(&at), level) {
                    break;
                }
            }
        }
        for rule in OF_THE_NUMBER {
            let asked = sum.ask.is_some();
            sum.add(rule(self, asked), BlockLevel::Hundred);
        }
        sum.assessment(self.passed, asks)
    }
}

impl Sum {
    /// Takes in what a rule found; whether the node is to be left alone.
    fn add(&mut self, found: Option<Finding>, level: BlockLevel) -> bool {
        let Some(Finding { demand, reason }) = found else { return false };
        self.reasons.push(reason);
        let (asks, refuses) = match demand {
            Demand::Leave => return true,
            Demand::Ask(strength) => (Some(strength), None),
            Demand::Refuse(until) => (None, Some(until)),
            Demand::NodeAsks(strength) => {
                self.asking |= 1 << level.index();
                (Some(strength), None)
            }
            Demand::NodeRefuses(until) => {
                self.refusing |= 1 << level.index();
                (None, Some(until))
            }
        };
        self.ask = self.ask.max(asks);
        self.refuse = self.refuse.max(refuses);
        false
    }

    fn assessment(mut self, passed: bool, asks: Strength) -> Assessment {
        let (verdict, acting) = match (self.refuse, self.ask) {
            (Some(until_ms), _) => (Judgement::Refuse { until_ms }, self.refusing),
            (None, Some(strength)) if !passed => (Judgement::StepUp(strength), self.asking),
            (None, Some(_)) => {
                self.reasons.push(reason(None, Rule::StepUpPassed, 0.0, 0.0));
                (Judgement::Allow, 0)
            }
            (None, None) => (Judgement::Allow, 0),
        };
        Assessment { verdict, acting, asks, reasons: self.reasons }
    }
}

impl Place<'_> {
    fn id(&self) -> Option<NodeId> {
        NodeId::from_bits(self.node.id)
    }

    /// Whether the node's refusal spares people at home, of whom this is one.
    fn is_at_home(&self) -> bool {
        let Case { view, subject, far, .. } = self.case;
        !far && view.spares_home(self.node, self.place, subject.price_microusd)
    }

    /// Whether it is asked instead of being refused.
    fn is_spared(&self) -> bool {
        let is_wide = matches!(self.place, 3..=8 | 12 | 13);
        let by_address = self.trusted && self.node.share_until < self.case.view.now && is_wide;
        by_address || self.is_at_home()
    }
}

fn reason(node: Option<NodeId>, rule: Rule, value: f32, threshold: f32) -> Reason {
    Reason { node, rule, value, threshold }
}

/// An operator refuses one of the request's nodes. A number that has verified is not asked for these.
fn operator(case: &Case<'_>) -> Option<Finding> {
    let View { operator, now, .. } = case.view;
    if case.known || operator.is_silent() {
        return None;
    }
    let places = if case.away { 14 } else { 12 };
    let names = names(case.subject);
    let (node, until) = operator.blocks(now, names.get(..places).unwrap_or_default())?;
    let reason = reason(Some(node), Rule::Operator, 0.0, 0.0);
    Some(Finding { demand: Demand::Refuse(until), reason })
}

/// An operator vouches for the node: it is left alone.
fn forbidden(at: &Place<'_>) -> Option<Finding> {
    let View { operator, now, .. } = at.case.view;
    operator.forbids(now, at.node.id).then(|| Finding {
        demand: Demand::Leave,
        reason: reason(at.id(), Rule::Forbidden, 0.0, 0.0),
    })
}

/// The node asks or refuses. It asks those whom it has no reason to refuse.
fn acting(at: &Place<'_>) -> Option<Finding> {
    let (node, view) = (at.node, &at.case.view);
    let tuning = &view.terms.tuning;
    match node.state {
        State::Open => None,
        State::Refusing if !at.case.known && !at.is_spared() => {
            let value = node.evidence() + node.asked;
            let reason = reason(at.id(), Rule::Evidence, value, view.threshold(at.place));
            Some(Finding { demand: Demand::NodeRefuses(node.until), reason })
        }
        State::Refusing | State::Asking => {
            let reason = match node.share_until > view.now {
                true => reason(at.id(), Rule::Share, node.share, tuning.share_at),
                false => reason(
                    at.id(),
                    Rule::Evidence,
                    node.evidence(),
                    at.case.view.asks_from(at.place),
                ),
            };
            let demand = match node.state {
                State::Asking => Demand::NodeAsks(at.asks),
                _ => Demand::Ask(at.asks),
            };
            Some(Finding { demand, reason })
        }
    }
}

/// More sessions are out and unanswered than the node may have.
fn in_flight(at: &Place<'_>) -> Option<Finding> {
    let (node, tuning) = (at.node, &at.case.view.terms.tuning);
    let rate = at.case.rates.get(at.place).copied().unwrap_or(0.0);
    let window =
        Tuning::of(&tuning.window, level_at(at.place)) + node.verified_quarter + rate / 60.0;
    let out = f32::from(node.pending) + 1.0;
    (tuning.parts.in_flight && out > window).then(|| Finding {
        demand: Demand::Ask(Strength::Work),
        reason: reason(at.id(), Rule::InFlight, out, window),
    })
}

/// More step-ups are out and unanswered than the node may have: others wait.
fn step_ups_out(at: &Place<'_>) -> Option<Finding> {
    let (node, view) = (at.node, &at.case.view);
    let tuning = &view.terms.tuning;
    let room = Tuning::of(&tuning.asked_window, level_at(at.place))
        + 2.0 * node.passed
        + node.verified_quarter;
    let out = f32::from(node.asking);
    let is_full = tuning.parts.in_flight
        && !at.case.known
        && !at.case.passed
        && out >= room
        && !view.is_spared(node.evidence())
        && !at.is_at_home();
    is_full.then(|| Finding {
        demand: Demand::Refuse(view.now.saturating_add(HOLD_MS)),
        reason: reason(at.id(), Rule::StepUpsOut, out, room),
    })
}

/// Too many messages went to this number lately, or too many step-ups for it failed.
fn number(case: &Case<'_>, asked: bool) -> Option<Finding> {
    let Case { view, known, .. } = case;
    let (now, tuning, sessions) = (view.now, &view.terms.tuning, view.sessions);
    let digits = case.subject.digits;
    let (sends, tries) = sessions.numbers.sends(digits, now);
    let covered = tuning.parts.context && !known && view.is_covered();
    let failures = sessions.numbers.failures(digits, now);
    let (mut ask_at, mut refuse_at) = tuning.number_limits;
    // in context only a session whose code went unanswered counts against its number
    if covered && sessions.is_unanswered(session_key(case.subject), now) {
        let (ask, refuse) = tuning.number_limits_in_context;
        ask_at = ask;
        // one impatient person in an outage is one session and passes the step-up
        if tries > 1 || failures >= 1.0 {
            refuse_at = refuse;
        }
    }
    // strangers fail step-ups for a number; its owner comes from where his country's people do
    let is_failing = failures >= tuning.number_failures
        && !known
        && case.away
        && (covered || asked || sends >= ask_at);
    let (refused, threshold) = match () {
        () if sends >= refuse_at && !known && !case.outage => (true, refuse_at),
        () if sends >= ask_at => (is_failing, ask_at),
        () if is_failing => (true, tuning.number_failures),
        () => return None,
    };
    let demand = match refused {
        true => Demand::Refuse(now.saturating_add(WAIT_MS)),
        false => Demand::Ask(Strength::Human),
    };
    Some(Finding { demand, reason: reason(None, Rule::Number, sends, threshold) })
}
