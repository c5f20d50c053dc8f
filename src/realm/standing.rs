//! [`Standing`]: what operators and the detector say about one request.

use std::time::Duration;

use crate::access::{Control, ControlId, ListVerdict, Query, Ruling};
use crate::base::time::Timestamp;
use crate::outcome::{Proved, RefusalReason, Remedy};
use crate::pumping::{Assessment, Judgement, Reason, Rule, Strength, Subject};

use super::controls::Book;
use super::reach::brake;
use super::test_entry::TestEntry;
use super::withheld::Withheld;

/// Whom a request concerns, for controls and detector.
pub(crate) struct Concern<'a> {
    pub(crate) query: Query<'a>,
    pub(crate) subject: Subject,
    pub(crate) proved: Proved,
    /// Whether it may not be seen what depends on the number.
    pub(crate) quiet: bool,
}

/// What controls and detector say about one request.
pub(crate) struct Standing {
    version: u64,
    blocked: Option<RefusalReason>,
    excepted: Option<RefusalReason>,
    known_only: Option<ControlId>,
    /// Whether an operator lets it past the detector, whatever its number.
    exempt: bool,
    /// Whether an operator's entry allows its number, which nobody may be told.
    allowed: bool,
    assessment: Assessment,
    /// The entry by which the detector's block is extended to it.
    extended: Option<String>,
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
        let mut extended = None;
        if seen.book.entries().len() > 0 {
            let by = brake(&mut assessment, &seen.book, &concern.query);
            extended = by.map(|by| format!("extended by entry {}: {}", by.id(), by.reason()));
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
            extended,
            test: ruling.test.and_then(TestEntry::of),
        }
    }

    /// The version of the controls that this rests on.
    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    /// The entry by which the number is a test number.
    pub(crate) fn test(&self) -> Option<&TestEntry> {
        self.test.as_ref()
    }

    /// Whether no text may go out at all.
    pub(crate) fn refuses(&self) -> bool {
        self.blocked.is_some()
    }

    /// Why no text may go out at all.
    pub(crate) fn take_refusal(&mut self) -> Option<RefusalReason> {
        self.blocked.take()
    }

    /// The switch that serves known numbers only, if it is on.
    pub(crate) fn known_only(&self) -> Option<ControlId> {
        self.known_only
    }

    /// Whether neither operator nor detector has anything against a client that proved so much.
    pub(crate) fn passes(&self, proved: Proved) -> bool {
        self.known_only.is_none() && self.pumping(proved).is_none()
    }

    /// What the detector demands of a client that proved so much; `None` if nothing more.
    pub(crate) fn pumping(&self, proved: Proved) -> Option<Remedy> {
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

    /// Whether an operator extends the detector's block to it: the refusal is his, and no experiment in
    /// shadow mode.
    pub(crate) fn is_extended(&self) -> bool {
        self.extended.is_some()
    }

    /// What the detector asks of everybody where it asks or refuses.
    pub(crate) fn asks(&self) -> Remedy {
        match self.assessment.asks {
            Strength::Work => Remedy::Work,
            _ => Remedy::Human,
        }
    }

    /// Whether the detector has something against the block, country or network, whatever the client has
    /// proved since.
    pub(crate) fn is_alert(&self) -> bool {
        let passed = |reason: &Reason| reason.rule == Rule::StepUpPassed;
        self.assessment.verdict != Judgement::Allow || self.assessment.reasons.iter().any(passed)
    }

    /// What stands in the way of this request and is waived for some numbers. `asked`: whether the
    /// detector's demand is made of everybody instead.
    pub(crate) fn in_the_way(&self, proved: Proved, asked: bool) -> impl Iterator<Item = Withheld> {
        let detected = !asked && self.pumping(proved).is_some();
        [
            self.excepted.clone().map(Withheld::Block),
            self.known_only.map(Withheld::KnownOnly),
            detected.then_some(if self.is_extended() {
                Withheld::Extended
            } else {
                Withheld::Pumping
            }),
        ]
        .into_iter()
        .flatten()
    }

    /// Whether `withheld` is waived for this number, given whether it was verified before.
    pub(crate) fn waives(&self, withheld: &Withheld, known: bool) -> bool {
        match withheld {
            Withheld::Block(_) => self.allowed,
            Withheld::KnownOnly(_) | Withheld::Pumping | Withheld::Extended => {
                self.allowed || known
            }
            Withheld::Anonymiser(_) | Withheld::Fault(_) => false,
        }
    }

    /// Why the text is withheld, for the operator.
    pub(crate) fn reason(&self, withheld: Withheld) -> RefusalReason {
        match withheld {
            Withheld::Block(reason) => reason,
            Withheld::KnownOnly(id) => RefusalReason::KnownNumbersOnly { id },
            Withheld::Pumping | Withheld::Extended => {
                RefusalReason::Pumping(self.pumping_words().unwrap_or_default())
            }
            Withheld::Anonymiser(kind) => RefusalReason::Anonymiser(kind),
            Withheld::Fault(fault) => RefusalReason::NumberFault { fault },
        }
    }

    /// How long the detector will go on refusing.
    pub(crate) fn pumping_wait(&self, now: Timestamp) -> Option<Duration> {
        match self.assessment.verdict {
            Judgement::Refuse { until_ms } => Some(Timestamp::from_millis(until_ms).since(now)),
            _ => None,
        }
    }

    /// Why it is refused or asked as pumping, in words: the operator's, then the detector's.
    pub(crate) fn pumping_words(&self) -> Option<String> {
        let reasons = self.assessment.reasons.iter().map(ToString::to_string);
        let words: Vec<String> = self.extended.iter().cloned().chain(reasons).collect();
        (!words.is_empty()).then(|| words.join("; "))
    }
}
