//! What a send charges to its number.

use crate::base::time::millis;
use crate::limit::Limit;
use crate::outcome::{Lane, LimitName, Remedy, Subjects};
use crate::policy::{FailurePolicy, Quota};
use crate::realm::slot;

use super::cause::Cause;
use super::plan::{Plan, Terms};

impl Plan {
    pub(super) fn number(&mut self, terms: &Terms<'_>, who: &Subjects) {
        let (policy, lane) = (terms.policy, terms.lane.index());
        let human = if terms.lane == Lane::Open { Remedy::Human } else { Remedy::Wait };
        let failures = terms.lane.failures(&policy.attempts);
        // Cost 0: a send is not a failure. A lane that is shut or pauses gets no new code: nobody
        // could enter it, its text would be wasted, and its owner told to type what is not read.
        let counted = terms.lane.counted();
        let max = failures.max.saturating_sub(1);
        let shut = FailurePolicy { max, ..*failures }.limit();
        self.charge(who.number, counted, shut, 0, Cause::Failures, human);
        self.charge(
            who.number,
            slot::ladder(terms.purpose, lane),
            policy.interval.ladder.limit(),
            1,
            Cause::Limit(LimitName::NumberInterval),
            Remedy::Wait,
        );
        for quota in &policy.quotas.number {
            self.charge(
                who.number,
                slot::number_quota(terms.purpose, lane, quota.per),
                quota.limit(),
                1,
                Cause::Limit(LimitName::Number),
                human,
            );
        }
    }

    /// One count of a number's texts for everybody, of which those who have proved less may fill less.
    pub(super) fn number_total(&mut self, terms: &Terms<'_>, who: &Subjects) {
        let human = if terms.lane == Lane::Open { Remedy::Human } else { Remedy::Wait };
        for quota in &terms.policy.quotas.number_total {
            let quota = Quota { max: terms.lane.of_total(quota.max), ..*quota };
            let cause = Cause::Limit(LimitName::Number);
            self.charge(who.number, slot::total(quota.per), quota.limit(), 1, cause, human);
        }
    }

    /// One renewal in the life of a verification, which an impatient person takes, is no evidence.
    /// Counted by the number, so that an old grant cannot be had back with its renewal unused.
    pub(super) fn free_resend(&mut self, terms: &Terms<'_>, who: &Subjects) {
        if terms.resend.is_some() {
            let once = Limit::Window { max: 1, span_ms: millis(terms.open) };
            let slot = slot::free_resend(terms.purpose, terms.lane.index());
            self.charge(who.number, slot, once, 1, Cause::FreeResend, Remedy::Wait);
        }
    }
}
