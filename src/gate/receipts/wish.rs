//! What the owner of a number asked for by texting a word: an opt-out is remembered like one that a
//! provider reports, and an opt-in ends whatever is remembered.

use crate::base::time::{Timestamp, millis};
use crate::error::GateError;
use crate::event::EventKind;
use crate::gate::Gate;
use crate::outcome::ReceiptOutcome;
use crate::realm::shared_name;
use crate::recipient::Recipient;
use crate::store::Home;
use crate::transport::{NumberFault, OwnersWish, Receipt, Wish};

use super::RECEIPT_WINDOW;
use super::fault::Call;

impl Gate {
    /// Applies an opt-out or an opt-in. All that changes in the store is changed under an identifier that is
    /// made from the provider's message, so that a webhook that is posted again within
    /// [`RECEIPT_WINDOW`] changes nothing: neither an opt-out that came after it, nor the end of one.
    pub(super) async fn take_wish(
        &self,
        receipt: &Receipt,
        owners: &OwnersWish,
        now: Timestamp,
    ) -> Result<ReceiptOutcome, GateError> {
        let Ok(recipient) = Recipient::parse(owners.number.expose_secret(), None) else {
            return Ok(self.unmatched(receipt, now));
        };
        let webhook = shared_name(self.inner.keys.pseudonyms(), "wish", &receipt.replay_key());
        let expires = now + RECEIPT_WINDOW;
        let call = Call::Of(&webhook, expires);
        let span = millis(self.inner.policy.receipts.memory_of(NumberFault::OptedOut));
        match owners.wish {
            Wish::OptOut if span == 0 => {}
            Wish::OptOut => {
                self.keep_fault(&recipient, NumberFault::OptedOut, span, now, call).await?;
            }
            Wish::OptIn => self.forget_faults(&recipient, now, call).await?,
        }
        let key = self.names().of_send(webhook.as_bytes(), "told wish", b"");
        let home = Home::of(self.names().number(&recipient));
        if !self.is_first_claim(self.inner.nonce(key, expires), home, now).await? {
            return Ok(ReceiptOutcome::Repeated);
        }
        match owners.wish {
            Wish::OptOut => self.tell_fault(&recipient, NumberFault::OptedOut, span, now),
            Wish::OptIn => self.tell_of_number(&recipient, now, EventKind::OptedIn),
        }
        Ok(ReceiptOutcome::Applied)
    }
}
