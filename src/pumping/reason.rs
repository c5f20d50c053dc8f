//! Why the detector decided as it did, in words an operator can read.

use std::fmt;

use super::level::NodeId;
use crate::base::network::NetworkCode;

/// What the detector says about one request.
#[derive(Clone, Debug, PartialEq)]
#[must_use]
#[non_exhaustive]
pub struct Assessment {
    /// The decision.
    pub verdict: Judgement,
    /// Levels whose nodes speak in the verdict; travels with the event.
    pub(super) acting: u16,
    /// What is asked here in place of a refusal, or before one.
    pub(crate) asks: Strength,
    /// Why; empty for an undisturbed `Allow`.
    pub reasons: Vec<Reason>,
}

/// The decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Judgement {
    /// Send.
    Allow,
    /// Send once a step-up is passed.
    StepUp(Strength),
    /// Do not send before `until_ms`.
    Refuse {
        /// Milliseconds since the epoch.
        until_ms: u64,
    },
}

/// How hard the step-up must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Strength {
    /// More proof of work: slows a burst while answers are still out.
    Work,
    /// A check that only a person passes.
    Human,
}

/// The rule that spoke.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Rule {
    /// The node's evidence crossed its threshold.
    Evidence,
    /// The node's share of its country cannot be explained although codes are entered.
    Share,
    /// More unanswered sessions than the node's in-flight window holds.
    InFlight,
    /// More unanswered step-ups than the node may have out.
    StepUpsOut,
    /// Too many unverified messages to this one number.
    Number,
    /// A known number: the tree may not refuse it.
    KnownNumber,
    /// The step-up was passed, so the request goes ahead.
    StepUpPassed,
    /// An operator forbade action on this node.
    Forbidden,
    /// An operator put this block.
    Operator,
}

/// One reason.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Reason {
    /// The node concerned, if one is.
    pub node: Option<NodeId>,
    /// The rule.
    pub rule: Rule,
    /// The measured quantity: nats for evidence, counts for the windows.
    pub value: f32,
    /// What it was compared with, in the same unit.
    pub threshold: f32,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (value, threshold) = (self.value, self.threshold);
        if let Some(node) = self.node {
            write!(f, "{node}: ")?;
        }
        match self.rule {
            Rule::Evidence => write!(
                f,
                "{value:.1} nats of evidence against honest traffic (threshold {threshold:.1})"
            ),
            Rule::Share => {
                write!(
                    f,
                    "share of the country unexplained: {value:.1} nats (threshold {threshold:.1})"
                )
            }
            Rule::InFlight => {
                write!(f, "{value:.0} unanswered codes out (window {threshold:.0})")
            }
            Rule::StepUpsOut => {
                write!(f, "{value:.0} unanswered step-ups out (window {threshold:.0})")
            }
            Rule::Number => write!(
                f,
                "{value:.1} unverified messages to this number lately (limit {threshold:.1})"
            ),
            Rule::KnownNumber => f.write_str("known number, not subject to the tree"),
            Rule::StepUpPassed => f.write_str("step-up passed"),
            Rule::Forbidden => f.write_str("an operator forbade action here"),
            Rule::Operator => f.write_str("blocked by an operator"),
        }
    }
}

/// Something an operator wants to hear of. Rate-limited per kind and node.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Alert {
    /// When, in milliseconds since the epoch.
    pub at_ms: u64,
    /// What.
    pub kind: AlertKind,
    /// Where.
    pub node: NodeId,
    /// The one network of the country that it is about, where receipts name their networks.
    pub network: Option<NetworkCode>,
    /// Evidence in nats at that moment.
    pub evidence: f32,
}

impl fmt::Display for Alert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.node)?;
        if let Some(network) = self.network {
            write!(f, ", network {network}")?;
        }
        write!(f, " ({:.1} nats of evidence)", self.evidence)
    }
}

/// Kinds of alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AlertKind {
    /// A node began to ask for step-ups.
    Asking,
    /// A node began to refuse.
    BlockBegun,
    /// A node would refuse, and an operator's entry (`ForbidAutomaticBlock`) keeps it from that: the texts
    /// go out. When the entry is over and the node still refuses, [`BlockBegun`](Self::BlockBegun) follows.
    BlockForbidden,
    /// A block was lifted.
    BlockLifted,
    /// A whole country or pool stopped converting.
    ConversionCollapsed,
    /// A few unverified messages to a dear block nobody ever verified from: test traffic often
    /// precedes a burst by minutes to a day.
    ScoutSeen,
    /// A block takes a share of its country that codes entered cannot excuse.
    ShareUnexplained,
    /// Where customers are, texts are not delivered: the provider or a carrier is down. It refuses
    /// nobody; evidence of pumping grows more slowly there until texts arrive again.
    CarrierOutage,
}

impl fmt::Display for AlertKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Asking => "step-ups asked from now on:",
            Self::BlockBegun => "refused from now on:",
            Self::BlockForbidden => "an operator's entry keeps from being refused:",
            Self::BlockLifted => "no longer refused:",
            Self::ConversionCollapsed => "codes are hardly entered any more:",
            Self::ScoutSeen => "test messages to a range without customers:",
            Self::ShareUnexplained => "an unexplained share of its country:",
            Self::CarrierOutage => "texts to customers are not delivered:",
        })
    }
}
