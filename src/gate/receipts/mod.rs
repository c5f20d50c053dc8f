//! From a provider's webhook to what it changes: checked, matched to its send, applied once.

mod delivery;
mod error;
pub(super) mod fault;
mod paid;
mod pigeonhole;
mod price;
mod said;
mod wish;

use std::time::Duration;

use crate::base::id::RequestId;
use crate::base::time::{Timestamp, millis};
use crate::error::{GateError, GateErrorKind};
use crate::event::EventKind;
use crate::guarded;
use crate::outcome::{Note, ReceiptOutcome, TakenReceipt};
use crate::store::{Admission, Admitted, Home, Nonce};
use crate::telemetry::Verb;
use crate::transport::{
    Receipt, ReceiptError, ReceiptErrorKind, ReceiptRequest, ReceiptState, ReceiptVerifier,
};

use super::Gate;

use pigeonhole::Met;
use said::Said;

pub use error::ReceiptsError;
pub(super) use price::Named;

/// How long after its send a receipt changes anything. It is the span of a budget: later there is
/// nothing left of the send that could be given back, and the store need not remember longer what it
/// has seen.
pub const RECEIPT_WINDOW: Duration = Duration::from_secs(86_400);

/// How far a signed time may be from now: what Telnyx's SDKs allow. The verifiers check it as well.
const SIGNED_WITHIN: Duration = Duration::from_secs(300);

impl Gate {
    /// Takes what a provider posted to your webhook. `verifier` checks the request. Each receipt is
    /// matched to its send, in any realm, and applied once, however often and at whichever gate it
    /// arrives.
    ///
    /// | the receipt says | then |
    /// |---|---|
    /// | delivered | detector and observer know |
    /// | undelivered | also, a few times a day ([`ReceiptPolicy`](crate::policy::ReceiptPolicy)), interval and quotas of the number get the text back where it was asked for with a device proof or by a caller. A stranger's limits, the client's and everything that counts as evidence never do |
    /// | a price | the budgets hold it in place of the estimate. A price of zero is none, unless the text was not delivered |
    /// | the number's owner opted out | no text goes to it for as long as [`ReceiptPolicy::opted_out`](crate::policy::ReceiptPolicy::opted_out) says, in this realm: an accepted code does not end it, and shadow mode heeds it |
    /// | the number's owner opted in | what providers reported about it is forgotten, in this realm |
    /// | nothing final, or a repeat | nothing |
    ///
    /// A receipt may come before [`issue`](Self::issue) has returned. Within
    /// [`RECEIPT_WINDOW`](crate::RECEIPT_WINDOW) of its send it counts, later it changes nothing.
    ///
    /// Call it from the webhook's handler with the raw parts of the request. Answer 200, or
    /// [`ReceiptsError::status`].
    ///
    /// # Errors
    ///
    /// [`ReceiptsError`] if the request is not genuine, or the store gave no answer. Let the
    /// provider repeat it then; nothing is applied twice.
    ///
    /// ```
    /// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
    /// # shop::open(async |shop| {
    /// # shop.issued().await;
    /// # let shop::Shop { gate, outbox, .. } = shop;
    /// use otpgate::transport::{Receipt, ReceiptError, ReceiptRequest, ReceiptState, ReceiptVerifier};
    /// use otpgate::{ReceiptOutcome, Timestamp};
    /// # // A provider that signs nothing and says "delivered" of whatever key it is given.
    /// # #[derive(Debug)]
    /// # struct Receipts;
    /// # impl ReceiptVerifier for Receipts {
    /// #     fn verify(&self, request: &ReceiptRequest<'_>, _: Timestamp) -> Result<Vec<Receipt>, ReceiptError> {
    /// #         let key = request.query().strip_prefix("otpgate=");
    /// #         Ok(vec![Receipt::verified("example", "1", ReceiptState::Delivered, "delivered").with_key(key)])
    /// #     }
    /// # }
    /// # let verifier = Receipts;
    /// # let sent = outbox.sent().pop().unwrap();
    /// # let url = format!("https://hooks.example.com/sms?otpgate={}", sent.callback_key());
    ///
    /// // `verifier` is the provider's: `twilio::Receipts` for example.
    /// let request = ReceiptRequest { method: "POST", url: &url, headers: &[], body: b"" };
    /// let taken = gate.receipts(&verifier, &request).await?;
    /// assert_eq!(taken[0].outcome, ReceiptOutcome::Applied);
    /// let again = gate.receipts(&verifier, &request).await?;
    /// assert_eq!(again[0].outcome, ReceiptOutcome::Repeated);
    /// # Ok(())
    /// # });
    /// ```
    pub async fn receipts<V>(
        &self,
        verifier: &V,
        request: &ReceiptRequest<'_>,
    ) -> Result<Vec<TakenReceipt>, ReceiptsError>
    where
        V: ReceiptVerifier + ?Sized,
    {
        let now = self.now();
        let verified = guarded::caught(async { verifier.verify(request, now) }).await;
        let mut taken = Vec::new();
        let not_believed = |error: ReceiptError| {
            self.tell(&self.event(now, EventKind::ReceiptRefused { error }));
            error
        };
        for receipt in self.told(verified)?.map_err(not_believed)? {
            check_age(&receipt, now).map_err(not_believed)?;
            let take = self.take_receipt(&receipt, now);
            let outcome = self.told(self.span(Verb::Receipt).over(take).await)?;
            taken.push(TakenReceipt { receipt, outcome });
        }
        Ok(taken)
    }

    async fn take_receipt(
        &self,
        receipt: &Receipt,
        now: Timestamp,
    ) -> Result<ReceiptOutcome, GateError> {
        if let Some(owners) = &receipt.wish {
            return self.take_wish(receipt, owners, now).await;
        }
        let key = self.inner.keys.records();
        let said = Said::of(receipt);
        if let Some(note) = receipt.key.as_deref().and_then(|record| Note::open(record, key)) {
            return self.take_anywhere(&note, &said, now).await;
        }
        if receipt.by_id && !receipt.message_id.is_empty() {
            if said.is_idle() {
                return Ok(ReceiptOutcome::Pending);
            }
            return match self.meet_send(&receipt.message_id, &said).await? {
                Met::Send(note) => self.take_anywhere(&note, &said.of_message(&note), now).await,
                Met::Kept => Ok(ReceiptOutcome::Early),
            };
        }
        Ok(self.unmatched(receipt, now))
    }

    fn unmatched(&self, receipt: &Receipt, now: Timestamp) -> ReceiptOutcome {
        let provider = receipt.provider;
        self.tell(&self.event(now, EventKind::ReceiptUnmatched { provider }));
        ReceiptOutcome::Unmatched
    }

    /// Keeps a send whose receipts will only name the message, and applies those that came before.
    pub(super) async fn keep_by_id(&self, note: &Note, message_id: &str) -> Result<(), GateError> {
        for said in self.leave_send(note, message_id).await? {
            self.take_for(note, &said.of_message(note), self.now()).await?;
        }
        Ok(())
    }

    /// Applies a receipt in the realm that its send belongs to.
    async fn take_anywhere(
        &self,
        note: &Note,
        said: &Said,
        now: Timestamp,
    ) -> Result<ReceiptOutcome, GateError> {
        self.in_realm(&note.realm).take_for(note, said, now).await
    }

    /// Applies a receipt to the send that it belongs to. What it changes in the store is changed under
    /// identifiers that are made from the send, so that it can be repeated at any point; only the last
    /// step, telling detector and observer, is by whoever claims it first.
    async fn take_for(
        &self,
        note: &Note,
        said: &Said,
        now: Timestamp,
    ) -> Result<ReceiptOutcome, GateError> {
        if now >= note.at + RECEIPT_WINDOW || !note.paid {
            return Ok(ReceiptOutcome::Late);
        }
        self.take_price(note, &said.of_text(note), now).await?;
        match said.state {
            ReceiptState::Pending => Ok(ReceiptOutcome::Pending),
            ReceiptState::Delivered => self.take_delivered(note, said, now).await,
            ReceiptState::Undelivered => self.take_undelivered(note, said, now).await,
        }
    }

    /// An admission that stands for something that becomes of a send once: every gate makes it under the
    /// same identifier.
    fn once(&self, note: &Note, what: &str, detail: &[u8], now: Timestamp) -> Admission {
        let id = RequestId::from_bytes(*self.names().of_send(&note.id, what, detail).as_bytes());
        self.inner.admission_under(id, self.home_of(note), now, note.at + RECEIPT_WINDOW)
    }

    /// Whom the calls about a send are about.
    pub(super) fn home_of(&self, note: &Note) -> Home {
        let names = self.names();
        Home::of(names.number(&note.recipient)).and(names.send(&note.id))
    }

    /// What may be used once of a send.
    fn claim_on(&self, note: &Note, what: &str, detail: &[u8]) -> Nonce {
        let key = self.names().of_send(&note.id, what, detail);
        self.inner.nonce(key, note.at + RECEIPT_WINDOW)
    }

    /// Whether this call is the first to claim `what` of the send, over all gates.
    async fn is_first(
        &self,
        note: &Note,
        what: &str,
        detail: &[u8],
        now: Timestamp,
    ) -> Result<bool, GateError> {
        self.is_first_claim(self.claim_on(note, what, detail), self.home_of(note), now).await
    }

    /// Whether this call is the first to make the claim, over all gates.
    async fn is_first_claim(
        &self,
        claim: Nonce,
        home: Home,
        now: Timestamp,
    ) -> Result<bool, GateError> {
        let mut admission = self.inner.admission(home, now)?;
        admission.nonces = vec![claim];
        admission.exchange = self.exchange(admission.id);
        let answer = guarded::admit(&*self.inner.store, &admission).await;
        match self.heard_of(admission.exchange.as_ref(), answer, Admitted::news)? {
            Admitted::Granted { news, .. } => {
                self.take_in(&news);
                Ok(true)
            }
            Admitted::NonceSpent { .. } => Ok(false),
            other => Err(unexpected(&other)),
        }
    }
}

/// A store's answer that a receipt's admission cannot have.
fn unexpected(answer: &Admitted) -> GateError {
    let what = match answer {
        Admitted::Stale { .. } => "the store found a document changed that the call did not name",
        Admitted::ChallengeGone => "the store missed a challenge that the call did not name",
        _ => "the store refused a charge without a bound",
    };
    GateError::new(GateErrorKind::Store, what)
}

/// A verifier has checked it; here the crate's own bound holds for verifiers of others.
fn check_age(receipt: &Receipt, now: Timestamp) -> Result<(), ReceiptError> {
    let Some(at) = receipt.signed_at else { return Ok(()) };
    let apart = now.since(at).max(at.since(now));
    if apart <= SIGNED_WITHIN {
        return Ok(());
    }
    let remedy = "check this machine's clock and any queue before the endpoint";
    Err(ReceiptError::new(receipt.provider, ReceiptErrorKind::Stale, remedy))
}

/// The length of [`RECEIPT_WINDOW`] for a meter.
fn window_ms() -> u64 {
    millis(RECEIPT_WINDOW)
}
