//! What operators and the detector say about one request, and where an operator's word about the
//! detector's own blocks reaches.

use std::time::Duration;

use crate::access::{
    Brake, Control, ControlBook, ControlId, ListVerdict, Network, Query, Ruling, Target,
};
use crate::base::time::Timestamp;
use crate::outcome::{Proved, RefusalReason};
use crate::pumping::{Assessment, Judgement, NodeView, Reason, Rule, Strength, Subject};

use super::plan::Remedy;
use super::realm::Book;
use super::test_number::TestEntry;
use super::withheld::Withheld;

/// Whom a request concerns, for controls and detector.
pub(super) struct Concern<'a> {
    pub(super) query: Query<'a>,
    pub(super) subject: Subject,
    pub(super) proved: Proved,
    /// Whether it may not be seen what depends on the number.
    pub(super) quiet: bool,
}

/// What controls and detector say about one request.
pub(super) struct Standing {
    version: u64,
    blocked: Option<RefusalReason>,
    excepted: Option<RefusalReason>,
    known_only: Option<ControlId>,
    /// Whether an operator lets it past the detector, whatever its number.
    exempt: bool,
    /// Whether an operator's entry allows its number, which nobody may be told.
    allowed: bool,
    assessment: Assessment,
    test: Option<TestEntry>,
}

impl Standing {
    pub(super) fn new(
        seen: &Book,
        ruling: &Ruling<'_>,
        mut assessment: Assessment,
        concern: &Concern<'_>,
    ) -> Self {
        let refusal = |by: &Control| {
            let why = by.reason().to_owned();
            RefusalReason::Control { id: by.id(), why }
        };
        let quiet = concern.quiet;
        let excepted = ruling.excepted().filter(|_| quiet);
        let mut blocked = match ruling.verdict {
            ListVerdict::Blocked(by) if excepted.is_none() => Some(refusal(by)),
            _ => None,
        };
        if ruling.sms_off.is_some() {
            blocked = Some(RefusalReason::SmsOff);
        }
        if seen.book.entries().len() > 0 {
            brake(&mut assessment, &seen.book, &concern.query);
        }
        let (verdict, switch) = if quiet {
            (ruling.unnamed, ruling.restricted)
        } else {
            (ruling.verdict, ruling.known_numbers_only)
        };
        Self {
            version: seen.version,
            blocked,
            excepted: excepted.map(refusal),
            known_only: switch.map(|by| by.id()),
            exempt: matches!(verdict, ListVerdict::Allowed(_)),
            allowed: quiet && ruling.allows_number(),
            assessment,
            test: ruling.test.and_then(TestEntry::of),
        }
    }

    /// The version of the controls that this rests on.
    pub(super) fn version(&self) -> u64 {
        self.version
    }

    /// The entry by which the number is a test number.
    pub(super) fn test(&self) -> Option<&TestEntry> {
        self.test.as_ref()
    }

    /// Whether no text may go out at all.
    pub(super) fn refuses(&self) -> bool {
        self.blocked.is_some()
    }

    /// Why no text may go out at all.
    pub(super) fn take_refusal(&mut self) -> Option<RefusalReason> {
        self.blocked.take()
    }

    /// The switch that serves known numbers only, if it is on.
    pub(super) fn known_only(&self) -> Option<ControlId> {
        self.known_only
    }

    /// Whether neither operator nor detector has anything against a client that proved so much.
    pub(super) fn passes(&self, proved: Proved) -> bool {
        self.known_only.is_none() && self.pumping(proved).is_none()
    }

    /// What the detector demands of a client that proved so much; `None` if nothing more.
    pub(super) fn pumping(&self, proved: Proved) -> Option<Remedy> {
        if self.exempt {
            return None;
        }
        match self.assessment.verdict {
            Judgement::StepUp(Strength::Work) if proved < Proved::Work => Some(Remedy::Work),
            Judgement::StepUp(Strength::Human) if proved < Proved::Human => Some(Remedy::Human),
            Judgement::Refuse { .. } => Some(Remedy::Wait),
            _ => None,
        }
    }

    /// What the detector asks of everybody where it asks or refuses.
    pub(super) fn asks(&self) -> Remedy {
        match self.assessment.asks {
            Strength::Work => Remedy::Work,
            _ => Remedy::Human,
        }
    }

    /// Whether the detector has something against the block, country or network, whatever the client has
    /// proved since.
    pub(super) fn is_alert(&self) -> bool {
        let passed = |reason: &Reason| reason.rule == Rule::StepUpPassed;
        self.assessment.verdict != Judgement::Allow || self.assessment.reasons.iter().any(passed)
    }

    /// What stands in the way of this request and is waived for some numbers. `asked`: whether the
    /// detector's demand is made of everybody instead.
    pub(super) fn in_the_way(&self, proved: Proved, asked: bool) -> impl Iterator<Item = Withheld> {
        let detected = !asked && self.pumping(proved).is_some();
        [
            self.excepted.clone().map(Withheld::Block),
            self.known_only.map(Withheld::KnownOnly),
            detected.then_some(Withheld::Pumping),
        ]
        .into_iter()
        .flatten()
    }

    /// Whether `withheld` is waived for this number, given whether it was verified before.
    pub(super) fn waives(&self, withheld: &Withheld, known: bool) -> bool {
        match withheld {
            Withheld::Block(_) => self.allowed,
            Withheld::KnownOnly(_) | Withheld::Pumping => self.allowed || known,
            Withheld::Anonymiser(_) | Withheld::Fault(_) => false,
        }
    }

    /// Why the text is withheld, for the operator.
    pub(super) fn reason(&self, withheld: Withheld) -> RefusalReason {
        match withheld {
            Withheld::Block(reason) => reason,
            Withheld::KnownOnly(id) => RefusalReason::KnownNumbersOnly { id },
            Withheld::Pumping => RefusalReason::Pumping(self.pumping_words().unwrap_or_default()),
            Withheld::Anonymiser(kind) => RefusalReason::Anonymiser(kind),
            Withheld::Fault(fault) => RefusalReason::NumberFault { fault },
        }
    }

    /// Whether an operator lets this request past the detector and step-ups.
    pub(super) fn exempt(&self) -> bool {
        self.exempt
    }

    /// How long the detector will go on refusing.
    pub(super) fn pumping_wait(&self, now: Timestamp) -> Option<Duration> {
        match self.assessment.verdict {
            Judgement::Refuse { until_ms } => Some(Timestamp::from_millis(until_ms).since(now)),
            _ => None,
        }
    }

    /// The detector's reasons in words.
    pub(super) fn pumping_words(&self) -> Option<String> {
        let words: Vec<String> = self.assessment.reasons.iter().map(ToString::to_string).collect();
        (!words.is_empty()).then(|| words.join("; "))
    }
}

/// Whether `target` covers the block, country or network that the detector acts on.
pub(super) fn covers(target: &Target, acting: &NodeView) -> bool {
    match target {
        Target::Everything => true,
        Target::Country(region) => acting.region.is_some_and(|own| own == region.letters()),
        // A block is written with its leading digits first.
        Target::Prefix(prefix) => acting.node.to_string().starts_with(&prefix.to_string()),
        Target::Network(network) => acting
            .node
            .expose_network()
            .and_then(|(address, length)| Network::new(address, length).ok())
            .is_some_and(|own| network.covers(&own)),
        _ => false,
    }
}

/// Applies what operators said about automatic blocks: the narrowest entry on the number's ladder
/// counts, then the client's network.
fn brake(assessment: &mut Assessment, book: &ControlBook, query: &Query<'_>) {
    let region = query.recipient.region();
    let on_range = query
        .recipient
        .ladder()
        .map(|rung| book.brake_on_range(&rung, region, query.purpose, query.now))
        .filter(|brake| *brake != Brake::AsDetected)
        .last();
    let brake = on_range
        .unwrap_or_else(|| book.brake_on_network(&query.client.prefix(), query.purpose, query.now));
    match brake {
        Brake::Forbidden(_) => assessment.verdict = Judgement::Allow,
        Brake::Extended(by) => {
            let until_ms = by.until().unwrap_or(Timestamp::MAX).as_millis();
            assessment.verdict = Judgement::Refuse { until_ms };
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pumping::{Action, BlockLevel, ClientNet, NodeId};
    use crate::recipient::Region;

    /// A node as the detector shows it.
    fn view(level: BlockLevel, region: Region, digits: u64, client: &str) -> NodeView {
        let letters = region.letters();
        let node = match level {
            BlockLevel::Country => NodeId::region(level, letters),
            BlockLevel::Host | BlockLevel::Network => {
                NodeId::address(level, ClientNet::of(client.parse().unwrap()))
            }
            BlockLevel::Everyone => NodeId::pool(level),
            _ => NodeId::block(level, digits),
        };
        NodeView {
            node,
            region: level.is_regional().then_some(letters),
            action: Action::Ask,
            evidence: 6.0,
            step_up_evidence: 0.0,
            share_evidence: 0.0,
            unanswered: 9,
            verified_daily: 0.0,
            verified_lately: 0.0,
            since_ms: 0,
            until_ms: 0,
            strikes: 0,
        }
    }

    #[test]
    fn a_country_covers_its_own_blocks_and_not_its_neighbour_s_of_the_same_calling_code() {
        let russia = view(BlockLevel::Million, Region::RU, 79_123_456_789, "192.0.2.7");
        let kazakhstan = view(BlockLevel::Million, Region::KZ, 77_012_345_678, "192.0.2.7");
        assert!(covers(&Target::Country(Region::RU), &russia));
        assert!(!covers(&Target::Country(Region::RU), &kazakhstan));
        let whole = view(BlockLevel::Country, Region::KZ, 77_012_345_678, "192.0.2.7");
        assert!(covers(&Target::Country(Region::KZ), &whole));
        assert!(!covers(
            &Target::Country(Region::KZ),
            &view(BlockLevel::Everyone, Region::KZ, 77_012_345_678, "192.0.2.7")
        ));
        assert!(covers(&Target::Everything, &whole));
    }

    #[test]
    fn a_prefix_covers_finer_blocks_only() {
        let block = view(BlockLevel::TenThousand, Region::DE, 4_915_112_345_678, "192.0.2.7");
        let target = |digits: &str| Target::Prefix(digits.parse().unwrap());
        assert!(covers(&target("+49151"), &block));
        assert!(!covers(&target("+49152"), &block));
        assert!(!covers(&target("+49151123456"), &block), "the block is wider than that");
    }

    #[test]
    fn a_network_covers_the_clients_in_it() {
        for (client, inside, outside) in [
            ("203.0.113.7", "203.0.113.0/24", "203.0.112.0/24"),
            ("2001:db8:1:2::5", "2001:db8:1::/48", "2001:db8:2::/48"),
            ("2a00:db8:1:2::5", "2a00:db8::/32", "2a00:db9::/32"),
        ] {
            for level in [BlockLevel::Host, BlockLevel::Network] {
                let node = view(level, Region::DE, 4_915_112_345_678, client);
                assert!(covers(&Target::Network(inside.parse().unwrap()), &node), "{client}");
                assert!(!covers(&Target::Network(outside.parse().unwrap()), &node), "{client}");
            }
        }
    }
}
