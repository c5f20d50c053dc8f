//! A send as the store is asked to admit it: as the policy says, in shadow, or quietly.

use std::mem;

use crate::base::entropy::random;
use crate::base::id::{Pseudonym, RequestId};
use crate::base::mac::MacKey;
use crate::base::time::Timestamp;
use crate::charges::{COUNT_SPAN_MS, Cause, Plan, Terms};
use crate::error::GateError;
use crate::gate::{Gate, REMEMBER};
use crate::limit::MeterKey;
use crate::otp::ResendCode;
use crate::otp::digest::{CodeContext, digest, nobodys};
use crate::outcome::Remedy;
use crate::policy::Mode;
use crate::realm::{Carried, Standing, TestEntry, Withheld, slot};
use crate::store::{
    Admission, ChallengeWrite, DocumentWrite, Guard, Home, Observation, VoidCode, blank,
};
use crate::transport::Channel;

use super::SendJob;

/// What one decision rests on: the same for all its attempts.
pub(super) struct Case<'a> {
    pub(super) send: &'a SendJob<'a>,
    pub(super) id: RequestId,
    pub(super) code: VoidCode,
    /// The digest of no code at all.
    pub(super) nobodys: [u8; 32],
    pub(super) expires: Timestamp,
    pub(super) standing: Standing,
    /// What the detector asks of everybody, if it is something that this client can do.
    pub(super) asked: Option<Remedy>,
    /// Whether the request was counted before: by an attempt that rested on controls since changed.
    pub(super) counted: bool,
}

/// What the store is asked to admit. Each kind is a value of its own, made whole from the one before.
pub(super) struct Attempt {
    pub(super) plan: Plan,
    pub(super) challenge: ChallengeWrite,
    /// Why the text is withheld, though the client is told otherwise.
    pub(super) withheld: Option<Withheld>,
    /// The test number's entry whose code it makes good.
    pub(super) test: Option<TestEntry>,
    /// What this gate saves along with it.
    pub(super) documents: Vec<DocumentWrite>,
    pub(super) saved: Option<Carried>,
    /// Whether it counts the request, and tells the other gates: once in a decision.
    counts: bool,
    tells: bool,
}

impl Case<'_> {
    /// Whether the policy only observes here.
    pub(super) fn is_observed(&self) -> bool {
        let SendJob { policy, purpose, recipient, .. } = self.send;
        policy.mode.of(purpose, recipient.line_region()) == Mode::Observe
    }

    /// Whether nothing stands in the way of the send, so that a save may go along with it. In quiet mode
    /// what depends on the number may not be seen in it.
    fn is_unopposed(&self) -> bool {
        match self.send.policy.mode.quiet {
            true => self.asked.is_none(),
            false => self.standing.passes(self.send.proved),
        }
    }

    /// What the challenge becomes. Where the text is `withheld` the code is nobody's, and one that did
    /// go out before stays good.
    fn write(&self, digest: [u8; 32], until: Timestamp, withheld: bool) -> ChallengeWrite {
        let SendJob { challenge, policy, .. } = self.send;
        let (key, expires) = (self.code.challenge, self.expires.min(until));
        if challenge.renew {
            let keep_previous = withheld || policy.code.resend == ResendCode::KeepPrevious;
            ChallengeWrite::Renew { key, digest, expires, keep_previous }
        } else {
            let (closes, attempts) = (challenge.closes.min(until), policy.code.attempts);
            ChallengeWrite::Open { key, digest, expires, closes, attempts }
        }
    }
}

impl Attempt {
    /// The same send by `plan`, counted and told already.
    pub(super) fn again(&mut self, plan: Plan) {
        (self.plan, self.counts, self.tells) = (plan, false, false);
    }

    /// The same send in shadow mode: only the purses, an operator's entry and an opt-out refuse it.
    pub(super) fn in_shadow(&mut self) {
        let plan = mem::take(&mut self.plan).in_shadow();
        self.again(plan);
    }

    /// The same send, quietly: the store has said that texts to its number are in vain, or unwanted. What
    /// this gate saves goes with a text that is sent.
    pub(super) fn of_fault(&mut self, case: &Case<'_>) {
        let SendJob { subjects, policy, .. } = case.send;
        *self = Self {
            plan: mem::take(&mut self.plan).of_fault(subjects.number, &policy.receipts),
            challenge: case.write(case.nobodys, Timestamp::MAX, true),
            withheld: Some(Withheld::Fault(None)),
            test: None,
            documents: Vec::new(),
            saved: None,
            counts: false,
            tells: false,
        };
    }
}

impl Gate {
    /// The attempt to begin with; `None` if a test number was entered or lifted since the code before, so
    /// that it and the one to come are not of one kind.
    pub(super) fn first_attempt(
        &self,
        case: &Case<'_>,
        withheld: Option<Withheld>,
    ) -> Result<Option<Attempt>, GateError> {
        let Case { send, standing, code, .. } = case;
        let test = standing.test().filter(|_| send.may_be_tested() && withheld.is_none());
        if withheld.is_none() && send.challenge.renew && send.test != test.map(|entry| entry.id) {
            return Ok(None);
        }
        let plan = self.plan(case);
        let (plan, digest) = match test {
            _ if withheld.is_some() => (plan.withheld(), case.nobodys),
            Some(entry) => {
                let fixed =
                    entry.code(send.subjects.number, self.realm.name(), &self.inner.keys)?;
                (plan.tested(), self.digest(send, &fixed)?)
            }
            None => (plan, code.digest),
        };
        let until = test.map_or(Timestamp::MAX, |entry| entry.until);
        let save = case.is_unopposed().then(|| self.writes(send.now, false)).flatten();
        let (documents, saved) =
            save.map_or((Vec::new(), None), |(all, saved)| (all.into(), Some(saved)));
        Ok(Some(Attempt {
            plan,
            challenge: case.write(digest, until, withheld.is_some()),
            test: test.cloned(),
            withheld,
            documents,
            saved,
            counts: !case.counted,
            tells: true,
        }))
    }

    fn plan(&self, case: &Case<'_>) -> Plan {
        let Case { send, standing, asked, .. } = case;
        let terms = Terms {
            policy: send.policy,
            purpose: send.purpose,
            lane: send.lane,
            proved: send.proved,
            price: send.price,
            look_up: send.look_up,
            daily_budget: self.inner.daily_budget,
            resend: send.challenge.renew.then_some(send.challenge.first),
            open: send.policy.code.open,
            hidden: send.caution.is_some(),
        };
        let mut plan = Plan::of_send(&terms, &send.subjects);
        let number = send.subjects.number;
        let detected = if standing.is_extended() { Cause::Extended } else { Cause::Pumping };
        if send.policy.mode.quiet {
            // Of everybody: who is spared would be known for a customer.
            if let Some(remedy) = *asked {
                plan.verdict(detected, remedy, number, None);
            }
        } else {
            let known = Some(MeterKey::new(number, slot::KNOWN));
            if let Some(id) = standing.known_only() {
                plan.verdict(Cause::KnownOnly(id), Remedy::Wait, number, known);
            }
            if let Some(remedy) = standing.pumping(send.proved) {
                plan.verdict(detected, remedy, number, known);
            }
        }
        if send.chosen.channel == Channel::Sms {
            plan.ask_fault(number);
        }
        if let Some(max) = send.chosen.most {
            // The verification's own span: `code.open` may be another by now.
            let open = send.challenge.closes.since(send.challenge.opened);
            plan.carried(case.code.challenge, send.chosen.channel, max.into(), open);
        }
        if send.decoy { plan.unpaid() } else { plan }
    }

    /// The admission of `attempt`, but for what is lent to it.
    pub(super) fn admission(&self, case: &Case<'_>, attempt: &Attempt) -> Box<Admission> {
        let (send, names) = (case.send, self.names());
        let requests = |subject: Pseudonym| Observation {
            key: MeterKey::new(subject, slot::REQUESTS),
            span_ms: COUNT_SPAN_MS,
            units: 1,
        };
        let until = send.now + REMEMBER;
        let mut admission = blank::admission(case.id, send.now, self.inner.partition, until);
        admission.home = Home::of(send.subjects.number).and(case.code.challenge);
        admission.clock = self.inner.clock_check;
        let version = case.standing.version();
        admission.guards.push(Guard { document: names.controls(), version });
        admission.nonces.extend(send.nonce.into_iter().chain(send.human));
        admission.challenge = Some(attempt.challenge.clone());
        if attempt.counts {
            let subjects = [send.subjects.country, send.subjects.realm];
            admission.observe.extend(subjects.map(requests));
        }
        if attempt.tells {
            admission.exchange = self.exchange(case.id);
        }
        admission
    }

    pub(super) fn digest(&self, send: &SendJob<'_>, code: &str) -> Result<[u8; 32], GateError> {
        if send.decoy {
            return Ok(random(&*self.inner.entropy)?);
        }
        Ok(self.keyed(send, |key, context| digest(key, context, code)))
    }

    /// The digest of no code: one for each verification, so that in the store a withheld text takes
    /// the place of the withheld one before it, and a code that did go out stays good.
    pub(super) fn nobodys(&self, send: &SendJob<'_>) -> [u8; 32] {
        self.keyed(send, nobodys)
    }

    fn keyed(
        &self,
        send: &SendJob<'_>,
        digest: impl FnOnce(&MacKey, &CodeContext<'_>) -> [u8; 32],
    ) -> [u8; 32] {
        let context = CodeContext {
            realm: self.realm.name().as_bytes(),
            purpose: send.purpose.as_str(),
            challenge: &send.challenge.id,
            subject: send.subjects.number.as_bytes(),
            binding: &send.binding.encoded(),
        };
        let keys = self.inner.keys.verifying_or_signing(Some(send.challenge.key), send.now);
        digest(&keys.code, &context)
    }
}
