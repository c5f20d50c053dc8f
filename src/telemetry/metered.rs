//! [`Metered`]: how long a store and a provider take.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use metrics::Label;

use crate::base::time::{Clock, SystemClock};
use crate::store::{
    Admission, Admitted, Redeemed, Redemption, Settlement, Store, StoreError, StoreErrorKind,
    Tallies, TallyQuery,
};
use crate::transport::{Handoff, HandoffError, HandoffErrorKind, OutboundSms, SmsTransport};

use super::catalogue::{DROPPED, HAND_OFFS, Metric, STORE_CALLS};
use super::label;
use super::observer::timed;

/// A store or a transport whose calls are timed into `otpgate_store_call_seconds` and
/// `otpgate_hand_off_seconds`, by what came of them; `dropped` if nobody waited for that to the end, as a
/// deadline that has passed or a client that has gone.
///
/// ```
/// use otpgate::store::MemoryStore;
/// use otpgate::telemetry::Metered;
/// use otpgate::transport::ConsoleTransport;
/// use otpgate::Gate;
///
/// let builder = Gate::builder()
///     .store(Metered::new(MemoryStore::default()))
///     .transport(Metered::new(ConsoleTransport::stdout()));
/// # drop(builder);
/// ```
#[derive(Clone, Debug)]
pub struct Metered<T> {
    inner: T,
    clock: Arc<dyn Clock>,
}

impl<T> Metered<T> {
    /// Times `inner` by the system's monotonic clock.
    pub fn new(inner: T) -> Self {
        Self::by(inner, SystemClock::new())
    }

    /// Times `inner` by [`Clock::elapsed`] of `clock`.
    pub fn by(inner: T, clock: impl Clock) -> Self {
        Self { inner, clock: Arc::new(clock) }
    }

    async fn call<A>(
        &self,
        verb: &'static str,
        call: impl Future<Output = Result<A, StoreError>>,
    ) -> Result<A, StoreError> {
        let mut timing = Timing::begin(&*self.clock, &STORE_CALLS, ("verb", verb));
        let answer = call.await;
        timing.outcome = match answer.as_ref().map_err(StoreError::kind) {
            Ok(_) => "ok",
            Err(kind) => store_error(kind),
        };
        answer
    }
}

/// A call on its way. One that is dropped (its client has gone, or a deadline has passed) is timed as well:
/// those that hang are what is looked for.
struct Timing<'a> {
    clock: &'a dyn Clock,
    metric: &'static Metric,
    label: (&'static str, &'static str),
    begun: Duration,
    outcome: &'static str,
}

impl<'a> Timing<'a> {
    fn begin(
        clock: &'a dyn Clock,
        metric: &'static Metric,
        label: (&'static str, &'static str),
    ) -> Self {
        Self { clock, metric, label, begun: clock.elapsed(), outcome: DROPPED }
    }
}

impl Drop for Timing<'_> {
    fn drop(&mut self) {
        let (name, value) = self.label;
        let labels = vec![
            Label::from_static_parts(name, value),
            Label::from_static_parts("outcome", self.outcome),
        ];
        timed(self.metric, labels, self.clock.elapsed().saturating_sub(self.begun));
    }
}

const fn store_error(kind: StoreErrorKind) -> &'static str {
    match kind {
        StoreErrorKind::Unavailable => "unavailable",
        StoreErrorKind::Indeterminate => "indeterminate",
        StoreErrorKind::Full => "full",
        StoreErrorKind::Corrupt => "corrupt",
        StoreErrorKind::Clock => "clock",
    }
}

#[async_trait]
impl<S: Store> Store for Metered<S> {
    async fn admit(&self, admission: &Admission) -> Result<Admitted, StoreError> {
        self.call("admit", self.inner.admit(admission)).await
    }

    async fn settle(&self, settlement: &Settlement) -> Result<(), StoreError> {
        self.call("settle", self.inner.settle(settlement)).await
    }

    async fn redeem(&self, redemption: &Redemption) -> Result<Redeemed, StoreError> {
        self.call("redeem", self.inner.redeem(redemption)).await
    }

    async fn tally(&self, query: &TallyQuery) -> Result<Tallies, StoreError> {
        self.call("tally", self.inner.tally(query)).await
    }

    async fn ready(&self) -> Result<(), StoreError> {
        self.inner.ready().await
    }
}

#[async_trait]
impl<T: SmsTransport> SmsTransport for Metered<T> {
    async fn hand_off(&self, sms: &OutboundSms) -> Result<Handoff, HandoffError> {
        let channel = ("channel", label::channel(sms.channel()));
        let mut timing = Timing::begin(&*self.clock, &HAND_OFFS, channel);
        let answer = self.inner.hand_off(sms).await;
        timing.outcome = match answer.as_ref().map_err(HandoffError::kind) {
            Ok(_) => "accepted",
            Err(HandoffErrorKind::NotSent) => "not_sent",
            Err(HandoffErrorKind::Refused) => "refused",
            Err(HandoffErrorKind::Indeterminate) => "indeterminate",
        };
        answer
    }

    async fn ready(&self) -> Result<(), HandoffError> {
        self.inner.ready().await
    }
}
