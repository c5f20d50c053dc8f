//! [`Gate::issue`]: a clearance is charged, and its text goes out.

use super::Gate;
use super::channels::Chosen;
use super::send::{Challenge, SendJob};
use crate::base::entropy::random;
use crate::base::money::Money;
use crate::context::{ClientContext, Purpose};
use crate::error::{GateError, GateErrorKind};
use crate::outcome::{Clearance, Cleared, RefusalReason, Sent};
use crate::recipient::Recipient;
use crate::telemetry::Verb;
use crate::token::TokenError;
use crate::transport::Channel;

impl Gate {
    /// Charges everything the send must pay in one atomic step, makes the code and hands the text
    /// to the transport.
    ///
    /// Dropping the future sends at most one text; what was charged by then stays charged.
    /// Run it on a task of its own (tokio's `spawn`) where your server drops the handler of a client who
    /// hangs up: what the provider says of the text, its price too, would be lost with it.
    ///
    /// The provider may call back before `issue` returns; hand what it posts to
    /// [`receipts`](Self::receipts), which finds the send all the same.
    ///
    /// # Errors
    ///
    /// [`GateError`] if the gate could not decide. Nothing was sent unless the error says so.
    ///
    /// ```
    /// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
    /// # shop::open(async |shop| {
    /// # let clearance = shop.clearance().await;
    /// # let shop::Shop { gate, outbox, .. } = shop;
    /// let otpgate::Sent::Issued(issued) = gate.issue(clearance).await? else { panic!("not sent") };
    /// assert_eq!(outbox.handed_off(), 1);
    /// let grant = issued.grant().as_str(); // into the session, a cookie or a hidden field
    /// # Ok(())
    /// # });
    /// ```
    pub async fn issue(&self, clearance: Clearance) -> Result<Sent, GateError> {
        self.told(self.span(Verb::Issue).over(self.first_send(&clearance, false)).await)
    }

    /// As [`issue`](Self::issue) for a number that must get no text, such as one without an account
    /// at a password reset: it checks and answers the same and charges the same limits, but no money,
    /// hands off nothing, and no code opens the grant. Without it the answer tells who has an account.
    ///
    /// It returns sooner than a call that asks a provider. If your clients can measure that, answer
    /// the page before `issue` or `decoy` has returned. What a provider says does not show in a purpose
    /// that [`ModePolicy::decoys`](crate::policy::ModePolicy::decoys) lists, as it does password resets:
    /// add every other purpose in which you answer decoys.
    ///
    /// # Errors
    ///
    /// As [`issue`](Self::issue).
    ///
    /// ```
    /// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
    /// # shop::open(async |shop| {
    /// # let clearance = shop.clearance().await;
    /// # let shop::Shop { gate, client, outbox, .. } = shop;
    /// use otpgate::{Entry, Sent};
    ///
    /// let Sent::Issued(issued) = gate.decoy(clearance).await? else { panic!("answered as if sent") };
    /// assert!(matches!(gate.entry(issued.grant(), &client).await?, Entry::Open(_)));
    /// assert_eq!(outbox.handed_off(), 0);
    /// let now = gate.snapshot().await?;
    /// assert_eq!((now.sent, now.spent), (1, otpgate::Money::ZERO));
    /// # Ok(())
    /// # });
    /// ```
    pub async fn decoy(&self, clearance: Clearance) -> Result<Sent, GateError> {
        self.told(self.span(Verb::Decoy).over(self.first_send(&clearance, true)).await)
    }

    /// Calls [`clear`](Self::clear), then [`issue`](Self::issue), and gives one answer: what a
    /// form's handler needs. Call the two yourself if something comes between them: a payment that
    /// the code is [bound to](crate::Clearance::bind), or a [`decoy`](Self::decoy).
    ///
    /// Run it on a task of its own where your server drops the handler of a client who hangs up, as
    /// [`issue`](Self::issue) says.
    ///
    /// # Errors
    ///
    /// As [`clear`](Self::clear) and [`issue`](Self::issue).
    ///
    /// ```
    /// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
    /// # shop::open(async |shop| {
    /// # let proof = shop.proof();
    /// # let shop::Shop { gate, client, recipient, .. } = shop;
    /// use otpgate::{Purpose, Sent};
    ///
    /// let status = match gate.request(&proof, &recipient, &Purpose::SIGN_UP, &client).await? {
    ///     Sent::Issued(_issued) => 303,           // its grant goes into the session
    ///     Sent::StepUp(_step_up) => 428,        // its ticket goes to the page
    ///     Sent::Refused(refusal) => refusal.public().status(),
    /// };
    /// assert_eq!(status, 303);
    ///
    /// // The proof is used up: a form that is posted twice sends one text.
    /// let again = gate.request(&proof, &recipient, &Purpose::SIGN_UP, &client).await?;
    /// assert!(matches!(again, Sent::Refused(_)));
    /// # Ok(())
    /// # });
    /// ```
    pub async fn request(
        &self,
        proof: &str,
        recipient: &Recipient,
        purpose: &Purpose,
        client: &ClientContext,
    ) -> Result<Sent, GateError> {
        match self.clear(proof, recipient, purpose, client).await? {
            Cleared::Passed(clearance) => self.issue(clearance).await,
            Cleared::StepUp(step_up) => Ok(Sent::StepUp(step_up)),
            Cleared::Refused(refusal) => Ok(Sent::Refused(refusal)),
        }
    }

    /// The first text of a verification.
    async fn first_send(&self, clearance: &Clearance, decoy: bool) -> Result<Sent, GateError> {
        let now = self.now();
        if *clearance.realm != *self.realm.name() {
            // A clearance of another tenant: its token was never this realm's.
            return self.refused(now, None, RefusalReason::Token(TokenError::WrongPurpose).into());
        }
        if now >= clearance.expires {
            return self.refused(now, None, RefusalReason::Token(TokenError::Expired).into());
        }
        let policy = self.inner.policy(&clearance.purpose);
        if policy.code.bound && clearance.binding.payment().is_none() {
            return Err(GateError::new(
                GateErrorKind::Message,
                format!(
                    "codes for `{}` are bound to a transaction (`code.bound`), and this one has none; call \
                     `clear`, then `Clearance::bind`, then `issue`",
                    clearance.purpose
                ),
            ));
        }
        let mut send = SendJob {
            recipient: &clearance.recipient,
            purpose: &clearance.purpose,
            policy,
            format: policy.code.format,
            subjects: clearance.subjects,
            scope: &clearance.scope,
            lane: clearance.lane,
            proved: clearance.proved,
            from: clearance.scope.ip,
            user: clearance.subjects.user,
            nonce: Some(clearance.nonce),
            human: clearance.human,
            binding: &clearance.binding,
            language: clearance.language.as_ref(),
            price: self.inner.price(Channel::Sms, &clearance.recipient),
            segments: 1,
            chosen: Chosen::SMS,
            look_up: Money::ZERO,
            challenge: Challenge {
                id: random(&*self.inner.entropy)?,
                key: self.inner.keys.current(),
                opened: now,
                closes: now + policy.code.open,
                renew: false,
                first: Money::ZERO,
            },
            caution: clearance.caution,
            now,
            decoy,
            disguised: false,
            test: None,
        };
        self.send(&mut send, None).await
    }
}
