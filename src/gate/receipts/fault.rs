//! What a provider reported about a number, remembered so that nobody pays twice to learn it.
//!
//! One meter of the number holds until when: a spacing of one millisecond, charged with the time in
//! milliseconds. Every send checks it with a charge of cost 0, in the one admission. Another meter for each
//! kind of fault says which it was, for the operator.

use std::time::Duration;

use crate::base::entropy::random;
use crate::base::id::{Pseudonym, RequestId};
use crate::base::time::{Timestamp, millis};
use crate::error::GateError;
use crate::event::{Event, EventKind};
use crate::gate::names::slot;
use crate::gate::{Gate, REMEMBER, guarded};
use crate::limit::{Limit, MeterKey};
use crate::policy::{Policy, ReceiptPolicy};
use crate::recipient::Recipient;
use crate::store::{Admission, Admitted, Charge, Refund};
use crate::transport::NumberFault;

use super::unexpected;

/// More than any memory of a fault, so that a refund takes all of it.
const ALL: u64 = 1 << 50;

/// The charge by which a send asks whether a fault of its number is remembered.
pub(in crate::gate) const FREE: Limit = Limit::Spacing { interval_ms: 1, burst: 1 };

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
        let number = self.names().number(recipient);
        let limit = Limit::Spacing { interval_ms: 1, burst: span };
        let until = |cost| Charge { key: deadline(number), limit, cost, waiver: None };
        let mut charges = vec![kind(number, fault, span, 1), until(span)];
        // The deadline may be later already, by another fault; it never moves forward twice.
        for _ in 0..4 {
            let id = RequestId::from_bytes(random(&*self.inner.entropy)?);
            let mut admission = Admission::new(id, now, self.inner.partition, now + REMEMBER);
            admission.clock = self.inner.clock_check;
            admission.charges = charges;
            match guarded::admit(&*self.inner.store, &admission).await? {
                Admitted::Granted { .. } => break,
                Admitted::Exhausted { counts, .. } => {
                    let left = counts.last().copied().unwrap_or(span);
                    charges = vec![kind(number, fault, span, 1)];
                    charges.extend(
                        Some(span.saturating_sub(left)).filter(|cost| *cost > 0).map(until),
                    );
                }
                other => return Err(unexpected(&other)),
            }
        }
        self.tell(&Event {
            region: recipient.region(),
            number: Some(number),
            ..self.event(
                now,
                EventKind::NumberFault { fault, remembered: Duration::from_millis(span) },
            )
        });
        Ok(())
    }

    /// Forgets what providers reported about a number.
    pub(in crate::gate) async fn forget_faults(
        &self,
        recipient: &Recipient,
        now: Timestamp,
    ) -> Result<(), GateError> {
        let number = self.names().number(recipient);
        let id = RequestId::from_bytes(random(&*self.inner.entropy)?);
        let mut admission = Admission::new(id, now, self.inner.partition, now + REMEMBER);
        admission.clock = self.inner.clock_check;
        let _granted = guarded::admit(&*self.inner.store, &admission).await?;
        let back = |key, limit| Refund { key, limit, cost: ALL, charged: now, waiver: None };
        let kinds = ReceiptPolicy::FAULTS.iter().map(|fault| kind(number, *fault, ALL, 0));
        let mut refunds: Vec<Refund> = kinds.map(|charge| back(charge.key, charge.limit)).collect();
        refunds.push(back(deadline(number), Limit::Spacing { interval_ms: 1, burst: ALL }));
        self.give_all_back(id, refunds).await
    }
}

/// Until when a fault of the number is remembered.
pub(in crate::gate) fn deadline(number: Pseudonym) -> MeterKey {
    MeterKey::new(number, slot::FAULT)
}

/// The meters that say what is remembered of a number; an accepted code proves them wrong.
pub(in crate::gate) fn all_of(number: Pseudonym) -> impl Iterator<Item = MeterKey> {
    let kinds = ReceiptPolicy::FAULTS.iter().map(move |fault| kind(number, *fault, 0, 0).key);
    kinds.chain([deadline(number)])
}

/// A charge that always fits, on the meter that counts one kind of fault for `span_ms` after the last.
pub(in crate::gate) fn kind(
    number: Pseudonym,
    fault: NumberFault,
    span_ms: u64,
    cost: u64,
) -> Charge {
    let limit = Limit::Failures {
        max: ALL,
        pause_after: ALL,
        pause_ms: 0,
        longest_ms: 0,
        forget_ms: span_ms,
    };
    Charge { key: MeterKey::new(number, slot::fault(fault)), limit, cost, waiver: None }
}
