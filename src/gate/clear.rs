//! [`Gate::clear`]: from what the form posted to a clearance. Nothing charged; no store, unless an operator's
//! entry refuses.

use super::Gate;
use crate::access::{DeviceProof, ListVerdict, Query};
use crate::base::id::Pseudonym;
use crate::base::time::Timestamp;
use crate::context::{ClientContext, Purpose};
use crate::error::GateError;
use crate::event::{Event, EventKind};
use crate::human::{HumanFailure, HumanVerdict};
use crate::otp::Binding;
use crate::outcome::{
    Caution, Clearance, Cleared, Lane, LimitName, OwnScope, Proved, Refusal, RefusalReason, Remedy,
    StepUpMeans,
};
use crate::policy::AnonymiserTier;
use crate::pumping::{Sighting, SightingKind};
use crate::realm::sighted;
use crate::recipient::Recipient;
use crate::store::Nonce;
use crate::telemetry::Verb;
use crate::token::{CheckedToken, TicketLevel, TokenError, TokenProof};
use crate::transport::Channel;

/// A form as it was posted, whose token is good.
struct Form<'a> {
    recipient: &'a Recipient,
    number: Pseudonym,
    purpose: &'a Purpose,
    client: &'a ClientContext,
    scope: &'a OwnScope,
    caution: Option<Caution>,
    now: Timestamp,
}

impl Gate {
    /// Checks what the form posted: the proof that the page's script made of the ticket and the
    /// number, then the destination, the lists and, where asked for, the human check.
    ///
    /// Charges nothing, and touches no store unless an operator's entry refuses the request: then
    /// it reads whether the entry still holds. It is async because the human check may be.
    ///
    /// # Errors
    ///
    /// [`GateError`] if the human check, the store read or the random generator failed.
    ///
    /// ```
    /// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
    /// # shop::open(async |shop::Shop { gate, client, recipient, .. }| {
    /// # use otpgate::{Cleared, Purpose, RefusalReason, token};
    /// # let ticket = gate.preflight(&Purpose::SIGN_UP, &client)?;
    /// // The page answered for another number than the one that was posted.
    /// let proof = ticket.answer("+4915799999999")?;
    /// let answer = gate.clear(&proof, &recipient, &Purpose::SIGN_UP, &client).await?;
    /// let Cleared::Refused(refusal) = answer else { panic!("cleared") };
    /// assert!(matches!(refusal.reason(), RefusalReason::Token(token::TokenError::NumberMismatch)));
    /// # Ok(())
    /// # });
    /// ```
    pub async fn clear(
        &self,
        proof: &str,
        recipient: &Recipient,
        purpose: &Purpose,
        client: &ClientContext,
    ) -> Result<Cleared, GateError> {
        let clear = async {
            let now = self.now();
            let scope = OwnScope::of(client);
            let token = match self.check_proof(proof, recipient, purpose, &scope, now) {
                Ok(token) => token,
                Err(error) => {
                    return self.turned_away(RefusalReason::Token(error), recipient, purpose, now);
                }
            };
            let number = self.names().number(recipient);
            if let Some(reason) = self.inadmissible(recipient, purpose, Channel::Sms) {
                return self.turned_away(reason, recipient, purpose, now);
            }
            if let Some(reason) = self.listed_still(recipient, number, client, purpose, now).await?
            {
                return self.turned_away(reason, recipient, purpose, now);
            }
            let device = self.known_device(client, &number, now);
            let caution = match device {
                Some(_) => None,
                None => self.caution(client, recipient, number, purpose, now),
            };
            let form = Form { recipient, number, purpose, client, scope: &scope, caution, now };
            let (proved, human) = match self.prove(&form, &token).await? {
                Ok(proved) => proved,
                Err(answer) => return Ok(answer),
            };
            let lane = match (&device, proved) {
                (Some(_), _) => Lane::Proven,
                (None, Proved::Human) => Lane::Checked,
                (None, _) => Lane::Open,
            };
            let mut subjects =
                self.names().subjects(self.inner.global, recipient, number, purpose, client);
            subjects.device = device;
            Ok(Cleared::Passed(Clearance {
                recipient: recipient.clone(),
                purpose: purpose.clone(),
                subjects,
                scope,
                lane,
                proved,
                caution,
                nonce: self.inner.nonce(self.names().nonce(token.nonce()), token.expires()),
                human,
                expires: token.expires(),
                binding: Binding::none(),
                language: None,
                realm: self.realm.shared_name(),
            }))
        };
        self.told(self.span_of(Verb::Clear, purpose, recipient).over(clear).await)
    }

    /// Why an operator's list refuses the request. Another gate may have lifted the entry since this
    /// one read the list, so it is read again before anybody is refused.
    async fn listed_still(
        &self,
        recipient: &Recipient,
        number: Pseudonym,
        client: &ClientContext,
        purpose: &Purpose,
        now: Timestamp,
    ) -> Result<Option<RefusalReason>, GateError> {
        if self.listed(recipient, number, client, purpose, now).is_none() {
            return Ok(None);
        }
        drop(Box::pin(self.reload_controls(now)).await?);
        Ok(self.listed(recipient, number, client, purpose, now))
    }

    /// What the client has proved, and what its human check burns; or the answer that asks for more.
    async fn prove(
        &self,
        form: &Form<'_>,
        token: &CheckedToken,
    ) -> Result<Result<(Proved, Option<Nonce>), Cleared>, GateError> {
        let &Form { recipient, number, purpose, client, scope, caution, now } = form;
        let policy = self.inner.policy(purpose);
        let proved = match token.level() {
            TicketLevel::Ordinary => Proved::Ordinary,
            // It asks for a person, and for no more work than any: of a gate that had a human check.
            TicketLevel::HumanCheck if self.inner.human.is_none() => Proved::Ordinary,
            TicketLevel::HarderWork | TicketLevel::HumanCheck => Proved::Work,
        };
        let hidden = caution.filter(|caution| caution.tier == AnonymiserTier::HumanCheck);
        let asked = token.level() == TicketLevel::HumanCheck || policy.token.human_check_always;
        let asked = asked || hidden.is_some();
        let mut human = None;
        let proved = match (client.human(), asked) {
            (Some(response), _) if self.inner.human.is_some() => {
                match Box::pin(self.check_human(response, purpose, client, now)).await? {
                    HumanVerdict::Passed(pass) => {
                        human = Some(self.human_nonce(&pass, now));
                        Proved::Human
                    }
                    HumanVerdict::Failed(failure) => return self.failed(form, failure).map(Err),
                }
            }
            (_, true) if self.inner.human.is_some() => {
                let reason = match hidden {
                    Some(caution) => self.cautious(caution, recipient, number, purpose, now),
                    None => {
                        let reason = RefusalReason::HumanCheckAsked;
                        self.asked_more(reason, recipient, number, purpose, now)
                    }
                };
                let means = StepUpMeans::Human;
                let step_up = self.step_up_ticket(purpose, scope, means, reason, now)?;
                return Ok(Err(Cleared::StepUp(step_up)));
            }
            _ => proved,
        };
        if let Some(caution) = hidden
            && proved == Proved::Ordinary
        {
            // Nobody can tell people from scripts here.
            let reason = self.cautious(caution, recipient, number, purpose, now);
            let means = self.means(policy, Remedy::Work);
            let step_up = self.step_up_ticket(purpose, scope, means, reason, now)?;
            return Ok(Err(Cleared::StepUp(step_up)));
        }
        Ok(Ok((proved, human)))
    }

    /// The answer to a human check that was not passed, which host and detector hear of.
    fn failed(&self, form: &Form<'_>, failure: HumanFailure) -> Result<Cleared, GateError> {
        let &Form { recipient, purpose, client, now, .. } = form;
        self.tell(&Event {
            purpose: Some(purpose.clone()),
            region: recipient.region(),
            ..self.event(now, EventKind::HumanCheckFailed { failure })
        });
        let price = self.inner.price(Channel::Sms, recipient);
        let subject = sighted(recipient, purpose, price, *client.ip());
        self.saw(Sighting::of(now, SightingKind::Failed, &subject));
        self.turned_away(RefusalReason::HumanCheckFailed, recipient, purpose, now)
    }

    /// The device that the client proves, if the number was verified on it before.
    pub(super) fn known_device(
        &self,
        client: &ClientContext,
        number: &Pseudonym,
        now: Timestamp,
    ) -> Option<Pseudonym> {
        let device = DeviceProof::check(client.proof()?, number, &self.inner.keys, now).ok()?;
        Some(self.names().device(device.id().as_bytes()))
    }

    fn check_proof(
        &self,
        proof: &str,
        recipient: &Recipient,
        purpose: &Purpose,
        own: &OwnScope,
        now: Timestamp,
    ) -> Result<CheckedToken, TokenError> {
        let scope = self.scope(purpose, own);
        TokenProof::parse(proof)?.check(&scope, recipient.typed(), &self.inner.keys, now)
    }

    /// Why policy does not let this destination through, not even with a message of one segment. What the
    /// finished message costs, the send asks.
    pub(super) fn inadmissible(
        &self,
        recipient: &Recipient,
        purpose: &Purpose,
        channel: Channel,
    ) -> Option<RefusalReason> {
        if self.inner.price(channel, recipient) > self.inner.policy(purpose).budget.message {
            return Some(RefusalReason::Budget(LimitName::Message));
        }
        let known = self.inner.known_price(channel, recipient);
        let refusal = self.inner.destinations.decide(recipient, known).err()?;
        Some(RefusalReason::Destination(refusal))
    }

    /// Why the lists, as this process last saw them, do not let this request through. The send asks
    /// again, of the lists as they are then.
    fn listed(
        &self,
        recipient: &Recipient,
        number: Pseudonym,
        client: &ClientContext,
        purpose: &Purpose,
        now: Timestamp,
    ) -> Option<RefusalReason> {
        let query = Query {
            recipient,
            number,
            client: *client.ip(),
            user: client.user_id().map(|user| self.names().user(user)),
            purpose: purpose.as_str(),
            now,
        };
        let seen = self.realm.controls.seen();
        let ruling = seen.book.decide(&query);
        if ruling.sms_off.is_some() {
            return Some(RefusalReason::SmsOff);
        }
        if self.inner.policy(purpose).mode.quiet && ruling.excepted().is_some() {
            // What comes of it depends on the number, and the send does not let that be seen.
            return None;
        }
        match ruling.verdict {
            ListVerdict::Blocked(by) => {
                Some(RefusalReason::Control { id: by.id(), why: by.reason().to_owned() })
            }
            _ => None,
        }
    }

    pub(super) fn turned_away(
        &self,
        reason: RefusalReason,
        recipient: &Recipient,
        purpose: &Purpose,
        now: Timestamp,
    ) -> Result<Cleared, GateError> {
        self.tell(&Event {
            purpose: Some(purpose.clone()),
            region: recipient.region(),
            ..self.event(now, EventKind::Refused { reason: reason.clone() })
        });
        let wait = match &reason {
            RefusalReason::Token(TokenError::TooSoon { wait }) => Some(*wait),
            _ => None,
        };
        Ok(Cleared::Refused(Refusal::new(reason, wait, &*self.inner.entropy)?))
    }
}
