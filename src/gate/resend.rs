//! [`Gate::resend`]: another code for a running verification.

use super::Gate;
use super::channels::Unavailable;
use super::send::{Challenge, Refused, SendJob};
use crate::base::id::Pseudonym;
use crate::base::money::Money;
use crate::base::time::Timestamp;
use crate::context::ClientContext;
use crate::error::GateError;
use crate::message::Language;
use crate::otp::Binding;
use crate::outcome::{
    Client, EntryGrant, Grant, Lane, OwnScope, Proved, RefusalReason, Sent, Subjects,
};
use crate::telemetry::Verb;
use crate::transport::Channel;

impl Gate {
    /// Sends another code for a running verification. Attempts are carried over, never refilled.
    ///
    /// A page has no form and so no ticket for this call, which never answers [`Sent::StepUp`]: what a
    /// step-up would cure is refused, or withheld quietly. Lead a client who is refused back to the
    /// *first* form, best with the number filled in, and post it as the first time
    /// ([`request`](Self::request), or [`clear`](Self::clear) where you answer decoys): there the client
    /// may be asked to prove more. That begins a new verification with a grant of its own; the
    /// interval, the quotas and the failures of the number still count.
    ///
    /// It is held to the policy of now, destinations and prices included, and keeps the format of the
    /// verification's first code.
    ///
    /// Run it on a task of its own where your server drops the handler of a client who hangs up, as
    /// [`issue`](Self::issue) says.
    ///
    /// # Errors
    ///
    /// As [`issue`](Self::issue).
    ///
    /// ```
    /// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
    /// # shop::open(async |shop| {
    /// # let grant = shop.grant().await;
    /// # let code = shop.code();
    /// # let shop::Shop { gate, client, clock, outbox, .. } = shop;
    /// # clock.advance(std::time::Duration::from_secs(31));
    /// use otpgate::{Entry, Sent};
    ///
    /// let _wrong = gate.verify(&grant, "a guess", &client).await?;
    /// assert!(matches!(gate.resend(&grant, &client).await?, Sent::Issued(_))); // after 30 seconds
    /// let Entry::Open(view) = gate.entry(&grant, &client).await? else { panic!("closed") };
    /// assert_eq!(view.attempts_left(), 4, "the wrong guess still counts");
    /// # Ok(())
    /// # });
    /// ```
    pub async fn resend(
        &self,
        grant: &EntryGrant,
        client: &ClientContext,
    ) -> Result<Sent, GateError> {
        let none = Binding::none();
        let resend = self.renewed_send(grant, &none, client, None);
        self.told(self.span(Verb::Resend).over(resend).await)
    }

    /// [`resend`](Self::resend) for a code that is bound to a transaction. Give the transaction
    /// again; it must be the same.
    ///
    /// # Errors
    ///
    /// As [`issue`](Self::issue).
    pub async fn resend_bound(
        &self,
        grant: &EntryGrant,
        binding: &Binding,
        client: &ClientContext,
    ) -> Result<Sent, GateError> {
        let resend = self.renewed_send(grant, binding, client, None);
        self.told(self.span(Verb::Resend).over(resend).await)
    }

    /// [`resend`](Self::resend) by another channel that the client asked for, such as "call me
    /// instead". It is a resend in every way, at the channel's price, and only if
    /// [`FallbackPolicy`](crate::policy::FallbackPolicy) allows it by now. An ordinary resend may
    /// take another channel by itself; [`Issued::channel`](crate::Issued::channel) says which it
    /// was.
    ///
    /// `binding` is the transaction of a code that is bound to one, otherwise
    /// [`Binding::none`](crate::otp::Binding::none).
    ///
    /// # Errors
    ///
    /// As [`issue`](Self::issue).
    ///
    /// ```
    /// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
    /// # shop::open(async |shop| {
    /// # let grant = shop.grant().await;
    /// # let shop::Shop { gate, client, .. } = shop;
    /// use otpgate::otp::Binding;
    /// use otpgate::{Channel, RefusalReason, Sent};
    ///
    /// // This gate has no other channel; `FallbackChannel` shows one that has.
    /// let sent = gate.resend_over(&grant, Channel::Voice, &Binding::none(), &client).await?;
    /// let Sent::Refused(refusal) = sent else { panic!("no such channel") };
    /// let reason = RefusalReason::ChannelOff { channel: Channel::Voice };
    /// assert_eq!(refusal.reason(), &reason);
    /// # Ok(())
    /// # });
    /// ```
    pub async fn resend_over(
        &self,
        grant: &EntryGrant,
        channel: Channel,
        binding: &Binding,
        client: &ClientContext,
    ) -> Result<Sent, GateError> {
        let resend = self.renewed_send(grant, binding, client, Some(channel));
        self.told(self.span(Verb::Resend).over(resend).await)
    }

    /// Another text of a verification, by the channel that was asked for or that the policy takes.
    async fn renewed_send(
        &self,
        text: &EntryGrant,
        binding: &Binding,
        client: &ClientContext,
        asked: Option<Channel>,
    ) -> Result<Sent, GateError> {
        let now = self.now();
        let grant = match self.open_grant(text, binding, client, now) {
            Some(grant) => grant,
            None => return self.refused(now, None, RefusalReason::VerificationOver.into()),
        };
        let policy = self.inner.policy(&grant.purpose);
        let chosen = match self.choose(&grant, policy, asked, now).await? {
            Ok(chosen) => chosen,
            Err(Unavailable { reason, retry_after }) => {
                return self.refused(now, None, Refused { retry_after, ..reason.into() });
            }
        };
        let scope = OwnScope::of(client);
        let language = Language::new(&grant.language).ok();
        let number = self.names().number(&grant.recipient);
        let subjects = self.who_renews(&grant, number, client, now);
        let spared = subjects.client == Client::Caller || subjects.device.is_some();
        let caution = match spared {
            true => None,
            false => self.caution(client, &grant.recipient, number, &grant.purpose, now),
        };
        let mut send = SendJob {
            recipient: &grant.recipient,
            purpose: &grant.purpose,
            policy,
            format: self.inner.format_of(&grant),
            subjects,
            scope: &scope,
            lane: grant.lane,
            proved: if grant.lane == Lane::Open { Proved::Work } else { Proved::Human },
            from: *client.ip(),
            user: subjects.user,
            nonce: None,
            human: None,
            binding,
            language: language.as_ref(),
            price: self.inner.price(chosen.channel, &grant.recipient),
            chosen,
            segments: 1,
            look_up: Money::ZERO,
            challenge: Challenge::of(&grant),
            caution,
            now,
            decoy: grant.decoy,
            disguised: grant.disguised,
            test: grant.test,
        };
        if let Some(reason) = self.no_longer(&send) {
            return self.refused(now, Some(&send), reason.into());
        }
        self.send(&mut send, Some(text)).await
    }

    /// Why the policy lets no first text like this one out: it may have changed since the verification was
    /// opened, and what was taken out of it after an attack is out at once.
    fn no_longer(&self, send: &SendJob<'_>) -> Option<RefusalReason> {
        if send.policy.code.bound && send.binding.payment().is_none() {
            return Some(RefusalReason::VerificationOver);
        }
        self.inadmissible(send.recipient, send.purpose, send.chosen.channel)
    }

    /// Who is charged for another text: as for the first, whoever holds the grant by now.
    fn who_renews(
        &self,
        grant: &Grant,
        number: Pseudonym,
        client: &ClientContext,
        now: Timestamp,
    ) -> Subjects {
        let (global, purpose) = (self.inner.global, &grant.purpose);
        let mut subjects = self.names().subjects(global, &grant.recipient, number, purpose, client);
        match grant.lane {
            Lane::Proven => subjects.device = grant.entered_by,
            Lane::Caller => subjects.caller = grant.entered_by,
            Lane::Open | Lane::Checked => {
                subjects.device = self.known_device(client, &number, now);
            }
        }
        if grant.session == Pseudonym::default() {
            // A caller's verification: the host asks, not a page.
            (subjects.client, subjects.session) = (Client::Caller, None);
        }
        subjects
    }
}
