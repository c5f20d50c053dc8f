//! What a provider reported about a number, remembered so that nobody pays twice to learn it, and that its
//! owner wants no texts.
//!
//! One meter of the number holds until when: a spacing of one millisecond, charged with the time in
//! milliseconds. Every send checks it with a charge of cost 0, in the one admission. Another meter for each
//! kind of fault says which it was, for the operator. An opt-out has a meter of its own that holds until
//! when, which no accepted code resets.

use std::time::Duration;

use crate::base::id::{Pseudonym, RequestId};
use crate::base::time::{Timestamp, millis};
use crate::charges::fault::{ALL, deadlines, kind};
use crate::error::GateError;
use crate::event::{Event, EventKind};
use crate::gate::Gate;
use crate::guarded;
use crate::limit::{Limit, MeterKey, Slot};
use crate::policy::{Policy, ReceiptPolicy};
use crate::recipient::Recipient;
use crate::store::{Admission, Admitted, Charge, Home, Nonce, Refund};
use crate::transport::NumberFault;

use super::unexpected;

impl Gate {
    /// Remembers what a provider reported about a number, from now on for as long as the policy says.
    pub(in crate::gate) async fn remember_fault(
        &self,
        recipient: &Recipient,
        fault: NumberFault,
        policy: &Policy,
        now: Timestamp,
    ) -> Result<(), GateError> {
        let span = millis(policy.receipts.memory_of(fault));
        if span == 0 {
            return Ok(());
        }
        self.keep_fault(recipient, fault, span, now, Call::Once).await?;
        self.tell_fault(recipient, fault, span, now);
        Ok(())
    }

    pub(super) fn tell_fault(
        &self,
        recipient: &Recipient,
        fault: NumberFault,
        span: u64,
        now: Timestamp,
    ) {
        let remembered = Duration::from_millis(span);
        self.tell_of_number(recipient, now, EventKind::NumberFault { fault, remembered });
    }

    pub(super) fn tell_of_number(&self, recipient: &Recipient, now: Timestamp, kind: EventKind) {
        self.tell(&Event {
            region: recipient.region(),
            number: Some(self.names().number(recipient)),
            ..self.event(now, kind)
        });
    }

    /// Keeps a fault for `span` milliseconds from now on.
    pub(super) async fn keep_fault(
        &self,
        recipient: &Recipient,
        fault: NumberFault,
        span: u64,
        now: Timestamp,
        call: Call<'_>,
    ) -> Result<(), GateError> {
        let number = self.names().number(recipient);
        let limit = Limit::Spacing { interval_ms: 1, burst: span };
        let until = |slot: &Slot| Charge::new(MeterKey::new(number, *slot), limit, span);
        let first = kind(number, fault, span, 1);
        let mut charges = vec![first];
        charges.extend(deadlines(fault).iter().map(until));
        // A deadline may be later already, by another fault; it never moves forward twice.
        for again in 0..4 {
            let mut admission = self.call(call, again, number, now)?;
            admission.nonces = self.kept(call).into_iter().collect();
            admission.charges = charges.clone();
            match guarded::admit(&*self.inner.store, &admission).await? {
                Admitted::Granted { .. } => break,
                // It was kept before, or one of the others has claimed it and broke off: that one goes on.
                Admitted::NonceSpent { .. } => {}
                Admitted::Exhausted { counts, .. } => {
                    let missing = |(charge, left): (&Charge, &u64)| {
                        let cost = span.saturating_sub(*left);
                        (cost > 0).then_some(Charge { cost, ..*charge })
                    };
                    let rest = charges.iter().zip(&counts).skip(1).filter_map(missing);
                    charges = [first].into_iter().chain(rest).collect();
                }
                other => return Err(unexpected(&other)),
            }
        }
        Ok(())
    }

    /// An admission of one call: under a new identifier, or under that of the webhook that asks for it,
    /// so that the same webhook does it once whoever repeats it.
    fn call(
        &self,
        call: Call<'_>,
        again: u8,
        number: Pseudonym,
        now: Timestamp,
    ) -> Result<Admission, GateError> {
        let home = Home::of(number);
        Ok(match call {
            Call::Once => self.inner.admission(home, now)?,
            Call::Of(webhook, expires) => {
                let id = self.names().of_send(webhook.as_bytes(), "fault", &[again]);
                self.inner.admission_under(
                    RequestId::from_bytes(*id.as_bytes()),
                    home,
                    now,
                    expires,
                )
            }
        })
    }

    /// What a webhook uses up once its fault is kept: a repeat of it may find room where it found none.
    fn kept(&self, call: Call<'_>) -> Option<Nonce> {
        let Call::Of(webhook, expires) = call else { return None };
        let key = self.names().of_send(webhook.as_bytes(), "kept", b"");
        Some(self.inner.nonce(key, expires))
    }

    /// Forgets what providers reported about a number.
    pub(in crate::gate) async fn forget_faults(
        &self,
        recipient: &Recipient,
        now: Timestamp,
        call: Call<'_>,
    ) -> Result<(), GateError> {
        let number = self.names().number(recipient);
        let admission = self.call(call, 0, number, now)?;
        let _granted = guarded::admit(&*self.inner.store, &admission).await?;
        let back = |key, limit| Refund { key, limit, cost: ALL, charged: now, waiver: None };
        let kinds = ReceiptPolicy::FAULTS.iter().map(|fault| kind(number, *fault, ALL, 0));
        let mut refunds: Vec<Refund> = kinds.map(|charge| back(charge.key, charge.limit)).collect();
        let until = Limit::Spacing { interval_ms: 1, burst: ALL };
        let held = deadlines(NumberFault::OptedOut).iter();
        refunds.extend(held.map(|slot| back(MeterKey::new(number, *slot), until)));
        self.inner.give_back(admission.id, admission.home, refunds, None).await
    }
}

/// On whose behalf what is known of a number changes.
#[derive(Clone, Copy, Debug)]
pub(in crate::gate) enum Call<'a> {
    /// A call of its own.
    Once,
    /// A webhook, until when it may be repeated.
    Of(&'a Pseudonym, Timestamp),
}
