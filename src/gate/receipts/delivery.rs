//! What became of a text, said once: to the number's limits, the detector and the observer.

use crate::base::money::Money;
use crate::base::time::{Timestamp, millis};
use crate::charges::{Due, Plan};
use crate::error::GateError;
use crate::event::EventKind;
use crate::gate::Gate;
use crate::guarded;
use crate::limit::{Limit, MeterKey};
use crate::outcome::{Note, ReceiptOutcome};
use crate::pumping::SightingKind;
use crate::realm::slot;
use crate::store::{Admitted, Charge};

use crate::transport::{Channel, DeliveryFault};

use super::fault::Call;
use super::paid::Cost;
use super::said::Said;
use super::{RECEIPT_WINDOW, unexpected, window_ms};

/// What a send is claimed for by the first final word about it.
const FINAL: &str = "final";

impl Gate {
    pub(super) async fn take_delivered(
        &self,
        note: &Note,
        said: &Said,
        now: Timestamp,
    ) -> Result<ReceiptOutcome, GateError> {
        if !self.is_first(note, FINAL, b"", now).await? {
            return Ok(ReceiptOutcome::Repeated);
        }
        self.watch_note(note, SightingKind::Delivered, said.network, now);
        let event = EventKind::Receipt { delivered: true, fault: None, given_back: false };
        self.tell_of(note, now, event);
        Ok(ReceiptOutcome::Applied)
    }

    pub(super) async fn take_undelivered(
        &self,
        note: &Note,
        said: &Said,
        now: Timestamp,
    ) -> Result<ReceiptOutcome, GateError> {
        let Some(within_cap) = self.give_back_undelivered(note, now).await? else {
            return Ok(ReceiptOutcome::Repeated);
        };
        let given_back = within_cap && note.lane.is_owners();
        if self.inner.policy(&note.purpose).fallback.heeds_receipts() {
            self.remember_undelivered(self.names().number(&note.recipient)).await?;
        }
        let free = self.inner.policy(&note.purpose).receipts.undelivered_is_free;
        if within_cap && free && said.named_price().is_none() {
            self.settle_price(note, Cost::Named(Money::ZERO), None, now).await?;
        }
        let fault = match said.fault {
            Some(DeliveryFault::Number(fault)) if note.channel == Channel::Sms => Some(fault),
            _ => None,
        };
        let policy = self.inner.policy(&note.purpose);
        let span = fault.map_or(0, |fault| millis(policy.receipts.memory_of(fault)));
        let remembered = fault.filter(|_| span > 0);
        if let Some(fault) = remembered {
            let of_send = self.names().of_send(&note.id, "fault", b"");
            let call = Call::Of(&of_send, note.at + RECEIPT_WINDOW);
            self.keep_fault(&note.recipient, fault, span, now, call).await?;
        }
        if !self.is_first(note, "told undelivered", b"", now).await? {
            return Ok(ReceiptOutcome::Repeated);
        }
        if let Some(fault) = remembered {
            self.tell_fault(&note.recipient, fault, span, now);
        }
        self.watch_note(note, SightingKind::Undelivered, said.network, now);
        let fault = said.fault;
        self.tell_of(note, now, EventKind::Receipt { delivered: false, fault, given_back });
        Ok(ReceiptOutcome::Applied)
    }

    /// Gives the number's owner the interval and quotas of his lane back, once for the send and a few
    /// times a day for the number: whether it was so seldom. `None` if something else was the final word
    /// about the send.
    ///
    /// In the lanes of strangers nothing is given back: who may ask again sooner would know that a text
    /// went out, and what the network said of the number.
    async fn give_back_undelivered(
        &self,
        note: &Note,
        now: Timestamp,
    ) -> Result<Option<bool>, GateError> {
        let number = self.names().number(&note.recipient);
        let policy = self.inner.policy(&note.purpose);
        let mut admission = self.once(note, "undelivered", b"", now);
        admission.nonces = vec![self.claim_on(note, FINAL, b"")];
        let back = note.lane.is_owners().then(|| self.once_back(&note.id));
        let cap = Charge::new(MeterKey::new(number, slot::UNDELIVERED), policy.receipts.limit(), 1);
        admission.charges = back.into_iter().chain([cap]).collect();
        match guarded::admit(&*self.inner.store, &admission).await? {
            Admitted::Granted { .. } => {
                if back.is_none() {
                    return Ok(Some(true));
                }
                let who = self.names().destination(
                    self.inner.global,
                    &note.recipient,
                    number,
                    &note.purpose,
                );
                let plan = Plan::of_number(&self.terms_of(note), &who);
                let refunds = plan.refunds(false, Due::ALL, note.at);
                self.inner.give_back(admission.id, admission.home, refunds, None).await?;
                return Ok(Some(true));
            }
            Admitted::Exhausted { .. } | Admitted::NonceSpent { .. } => {}
            other => return Err(unexpected(&other)),
        }
        // Often enough today, given back when the hand-off failed, or claimed by what follows, in a call
        // that broke off.
        let mut admission = self.once(note, "undelivered, charged", b"", now);
        admission.nonces = vec![self.claim_on(note, FINAL, b"")];
        match guarded::admit(&*self.inner.store, &admission).await? {
            Admitted::Granted { .. } => Ok(Some(false)),
            Admitted::NonceSpent { .. } => Ok(None),
            other => Err(unexpected(&other)),
        }
    }

    /// A charge that fits once for each send: who makes it may give the number's charges back.
    fn once_back(&self, send: &[u8; 16]) -> Charge {
        once(MeterKey::new(self.names().send(send), slot::GIVEN_BACK))
    }

    /// Claims what a hand-off that failed is about to give back, as far as no receipt came first.
    pub(in crate::gate) async fn due(&self, note: &Note, now: Timestamp) -> Result<Due, GateError> {
        let paid = once(MeterKey::new(self.names().send(&note.id), slot::PAID));
        let mut due = Due::ALL;
        // Each of the two can be taken away once while this goes on.
        for _ in 0..3 {
            let charges = [(due.money, paid), (due.number, self.once_back(&note.id))];
            let mut admission =
                self.once(note, "not sent", &[u8::from(due.money), u8::from(due.number)], now);
            admission.charges =
                charges.iter().filter(|(due, _)| *due).map(|(_, charge)| *charge).collect();
            if admission.charges.is_empty() {
                return Ok(due);
            }
            match guarded::admit(&*self.inner.store, &admission).await? {
                Admitted::Granted { .. } => return Ok(due),
                Admitted::Exhausted { counts, .. } => {
                    let mut free = counts.into_iter().map(|count| count == 0);
                    due.money = due.money && free.next().unwrap_or(false);
                    due.number = due.number && free.next().unwrap_or(false);
                }
                other => return Err(unexpected(&other)),
            }
        }
        Ok(Due { money: false, number: false })
    }
}

fn once(key: MeterKey) -> Charge {
    Charge::new(key, Limit::Window { max: 1, span_ms: window_ms() }, 1)
}
