//! Tried: renewals that leave out who paid for the first text, a caller or a device.

use otpgate::policy::{Quota, QuotaPolicy};
use otpgate::{ClientContext, LimitName, RefusalReason, Sent};

use crate::street::{Ask, Street, per_caller, per_device};
use crate::support::{client, seconds};

const MAX: u64 = 5;

/// One text that `ask` is charged for, then renewals by `who`, who says nothing of it.
async fn renewals(
    set: fn(&mut QuotaPolicy),
    ask: fn(&Street, u32, u32) -> Ask,
    name: LimitName,
    who: ClientContext,
) {
    let street = Street::new(set).await;
    let Sent::Issued(issued) = street.send(ask(&street, 0, 1)).await else { panic!("{name}") };
    for renewal in 1..3 * MAX {
        street.house.clock.advance(seconds(2));
        let sent = street.house.gate.resend(issued.grant(), &who).await.unwrap();
        let by = match &sent {
            Sent::Refused(refusal) => Some(refusal.reason()),
            _ => None,
        };
        if renewal < MAX {
            assert!(matches!(sent, Sent::Issued(_)), "{name}, {renewal}: {sent:?}");
        } else {
            let limit = matches!(by, Some(RefusalReason::Limit(by)) if *by == name);
            assert!(limit, "{name}, {renewal}: {sent:?}");
        }
    }
    let other = street.send(ask(&street, 1, 99)).await;
    assert!(matches!(other, Sent::Issued(_)), "{name}, another: {other:?}");
}

/// Whoever holds a caller's key has its quota, and not five times that.
#[tokio::test]
async fn renewals_of_a_callers_verification_count_on_the_caller() {
    let set = |quotas: &mut QuotaPolicy| quotas.caller = vec![Quota::hourly(MAX)];
    renewals(set, per_caller, LimitName::Caller, client(70)).await;
}

/// Nor is a device's quota left by keeping the proof back.
#[tokio::test]
async fn renewals_without_the_proof_count_on_the_device() {
    let set = |quotas: &mut QuotaPolicy| quotas.device = vec![Quota::hourly(MAX)];
    renewals(set, per_device, LimitName::Device, client(1)).await;
}
