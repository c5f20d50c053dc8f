//! Calls to plug-ins, with their panics caught and a lost acknowledgement repeated once.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

use crate::error::GateError;
use crate::store::{
    Admission, Admitted, Redeemed, Redemption, Settlement, Store, StoreError, StoreErrorKind,
    Tallies, TallyQuery,
};
use crate::telemetry::{Span, Verb};

/// The output of `future`, or an error if polling it panics. Nothing of the gate is locked while a
/// plug-in runs, so a panic leaves no state behind.
pub(crate) async fn caught<F: Future>(future: F) -> Result<F::Output, GateError> {
    let mut future = pin!(future);
    poll_fn(move |context| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
        Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
        Ok(Poll::Pending) => Poll::Pending,
        Err(_) => Poll::Ready(Err(GateError::panic())),
    })
    .await
}

pub(crate) async fn admit(store: &dyn Store, admission: &Admission) -> Result<Admitted, GateError> {
    let call = async {
        match caught(store.admit(admission)).await? {
            Err(error) if may_have_happened(&error) => {
                Ok(Box::pin(caught(store.admit(admission))).await??)
            }
            answer => Ok(answer?),
        }
    };
    Span::of(Verb::Admit).over(call).await
}

pub(crate) async fn redeem(
    store: &dyn Store,
    redemption: &Redemption,
) -> Result<Redeemed, GateError> {
    let call = async {
        match caught(store.redeem(redemption)).await? {
            Err(error) if may_have_happened(&error) => {
                Ok(Box::pin(caught(store.redeem(redemption))).await??)
            }
            answer => Ok(answer?),
        }
    };
    Span::of(Verb::Redeem).over(call).await
}

pub(crate) async fn settle(store: &dyn Store, settlement: &Settlement) -> Result<(), GateError> {
    let call = async {
        match caught(store.settle(settlement)).await? {
            Err(error) if may_have_happened(&error) => {
                Ok(Box::pin(caught(store.settle(settlement))).await??)
            }
            answer => Ok(answer?),
        }
    };
    Span::of(Verb::Settle).over(call).await
}

pub(crate) async fn tally(store: &dyn Store, query: &TallyQuery) -> Result<Tallies, GateError> {
    Span::of(Verb::Tally).over(async { Ok(caught(store.tally(query)).await??) }).await
}

fn may_have_happened(error: &StoreError) -> bool {
    error.kind() == StoreErrorKind::Indeterminate
}
