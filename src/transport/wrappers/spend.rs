//! [`SpendLimit`]: a cap on what one provider costs in 24 hours.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::base::money::Money;
use crate::base::time::{Clock, Timestamp, millis};
use crate::limit::{Limit, Meter};
use crate::transport::{Handoff, HandoffError, HandoffErrorKind, OutboundSms, SmsTransport};

const DAY_MS: u64 = 86_400_000;

type PriceOf = Box<dyn Fn(&OutboundSms) -> Money + Send + Sync>;

/// Lets one provider cost at most so much in any 24 hours. A text above the cap is
/// [`NotSent`](HandoffErrorKind::NotSent), so a [`FailOver`](super::FailOver) takes it to the next
/// provider: prepaid credit, a trial contract or a dear second provider ends where you say.
///
/// The price you give is reserved before the hand-off. What provably did not go out is given back; where
/// the provider states its price in dollars, that replaces the estimate. The hours are those of the clock's
/// monotonic reading.
///
/// Each process counts for itself and starts at nothing. The bound over all processes and restarts is
/// the gate's own daily budget, which is kept in the store.
///
/// ```
/// # use otpgate::testing::{ManualClock, ScriptedTransport, block_on};
/// use std::sync::Arc;
/// use otpgate::Money;
/// use otpgate::transport::{HandoffErrorKind, OutboundSms, SmsTransport, SpendLimit};
///
/// # let (clock, (provider, _)) = (Arc::new(ManualClock::default()), ScriptedTransport::new());
/// let transport = SpendLimit::new(provider, Money::cents(10), clock, |sms| {
///     Money::cents(4).times(u64::from(sms.segments()))
/// });
/// let sms = OutboundSms::for_test("+4915112345678", "041673 is your code.", [1; 16]);
/// assert!(block_on(transport.hand_off(&sms)).is_ok());
/// assert!(block_on(transport.hand_off(&sms)).is_ok());
/// assert_eq!(transport.spent(), Money::cents(8));
/// let error = block_on(transport.hand_off(&sms)).unwrap_err();
/// assert_eq!(error.kind(), HandoffErrorKind::NotSent);
/// ```
pub struct SpendLimit<T> {
    inner: T,
    limit: Limit,
    clock: Arc<dyn Clock>,
    price: PriceOf,
    spent: Mutex<Meter>,
}

impl<T: SmsTransport> SpendLimit<T> {
    /// At most `daily` in any 24 hours. `price` is what a text costs at most; `clock` is the
    /// gate's clock.
    pub fn new(
        inner: T,
        daily: Money,
        clock: Arc<dyn Clock>,
        price: impl Fn(&OutboundSms) -> Money + Send + Sync + 'static,
    ) -> Self {
        let limit = Limit::Window { max: daily.as_microdollars(), span_ms: DAY_MS };
        let spent = Mutex::new(Meter::fresh(&limit));
        Self { inner, limit, clock, price: Box::new(price), spent }
    }

    /// What the last 24 hours cost.
    pub fn spent(&self) -> Money {
        Money::microdollars(self.meter().count(&self.limit, self.now()))
    }

    /// By the clock's monotonic reading: nobody else reads the meter, and a wall clock that led would leave it
    /// dated ahead.
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(millis(self.clock.elapsed()))
    }

    fn meter(&self) -> MutexGuard<'_, Meter> {
        self.spent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts what the text really cost in the place of the estimate.
    fn settle(&self, reserved: Money, at: Timestamp, cost: Money) {
        let (reserved, cost) = (reserved.as_microdollars(), cost.as_microdollars());
        let mut meter = self.meter();
        meter.refund(&self.limit, self.now(), at, reserved.saturating_sub(cost));
        meter.add(&self.limit, at, cost.saturating_sub(reserved));
    }
}

impl<T: fmt::Debug> fmt::Debug for SpendLimit<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (inner, limit) = (&self.inner, &self.limit);
        f.debug_struct("SpendLimit").field("inner", inner).field("limit", limit).finish()
    }
}

#[async_trait]
impl<T: SmsTransport> SmsTransport for SpendLimit<T> {
    async fn hand_off(&self, sms: &OutboundSms) -> Result<Handoff, HandoffError> {
        let (price, at) = ((self.price)(sms), self.now());
        let charged = self.meter().charge(&self.limit, at, price.as_microdollars());
        if let Err(wait) = charged {
            return Err(HandoffError::not_sent("the provider's daily spend is used up")
                .by("spend limit")
                .remedy("raise it, add a provider, or wait for the oldest texts to age out")
                .retry_after(wait)
                .alert_all());
        }
        let answer = self.inner.hand_off(sms).await;
        match &answer {
            Ok(handoff) => {
                // A trial account states zero, of texts that will be billed.
                let stated = handoff.price.and_then(super::super::Price::as_money);
                if let Some(cost) = stated.filter(|cost| *cost > Money::ZERO) {
                    self.settle(price, at, cost);
                }
            }
            Err(error) if error.kind() == HandoffErrorKind::Indeterminate => {}
            Err(_) => self.settle(price, at, Money::ZERO),
        }
        answer
    }

    async fn ready(&self) -> Result<(), HandoffError> {
        self.inner.ready().await
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::testing::transport::{ScriptedProvider, conformance};
    use crate::testing::{ManualClock, Reply, ScriptedTransport, block_on};
    use crate::transport::Price;

    fn sms() -> OutboundSms {
        OutboundSms::for_test("+4915112345678", "text", [1; 16])
    }

    #[test]
    fn what_did_not_go_out_costs_nothing_and_what_may_have_costs_all() {
        let (clock, (inner, handle)) = (ManualClock::default(), ScriptedTransport::new());
        let clock = Arc::new(clock);
        let limit = SpendLimit::new(inner, Money::cents(10), clock.clone(), |_| Money::cents(3));
        for (reply, cents) in [
            (Reply::NotSent, 0),
            (Reply::Refused, 0),
            (Reply::LostAnswer, 3),
            (Reply::LostText, 6),
            (Reply::Accept, 9),
        ] {
            handle.reply(reply);
            let _answer = block_on(limit.hand_off(&sms()));
            assert_eq!(limit.spent(), Money::cents(cents), "{reply:?}");
        }
        let asked = handle.handed_off();
        assert!(block_on(limit.hand_off(&sms())).unwrap_err().needs_operator());
        assert_eq!(handle.handed_off(), asked, "the provider is not asked above the cap");
        clock.advance(Duration::from_millis(DAY_MS + DAY_MS / 30));
        assert!(block_on(limit.hand_off(&sms())).is_ok(), "a day later");
    }

    #[test]
    fn a_wall_clock_that_led_or_leaps_neither_shuts_nor_opens_it() {
        let (clock, (inner, _)) = (Arc::new(ManualClock::default()), ScriptedTransport::new());
        let (start, hour) = (clock.now(), Duration::from_secs(3_600));
        let limit = SpendLimit::new(inner, Money::cents(10), clock.clone(), |_| Money::cents(5));
        clock.set_wall(start + 365 * 24 * hour);
        assert!((0..2).all(|_| block_on(limit.hand_off(&sms())).is_ok()));
        clock.set_wall(start);
        for wall in [start, start + 48 * hour] {
            clock.set_wall(wall);
            let error = block_on(limit.hand_off(&sms())).unwrap_err();
            assert!(error.pause().is_some_and(|wait| wait <= 25 * hour), "{error:?}");
        }
        clock.advance(25 * hour);
        assert!(block_on(limit.hand_off(&sms())).is_ok());
        assert_eq!(limit.spent(), Money::cents(5));
    }

    /// Charges a price of its own.
    #[derive(Debug)]
    struct Priced(&'static str);

    #[async_trait]
    impl SmsTransport for Priced {
        async fn hand_off(&self, _: &OutboundSms) -> Result<Handoff, HandoffError> {
            Ok(Handoff::accepted("m").priced(Price::parse(self.0, "USD")))
        }
    }

    #[test]
    fn the_stated_price_replaces_the_estimate() {
        for (stated, cents) in [("0.01", 1), ("0.05", 5), ("0.09", 9), ("0", 5)] {
            let clock = Arc::new(ManualClock::default());
            let limit =
                SpendLimit::new(Priced(stated), Money::cents(10), clock, |_| Money::cents(5));
            assert!(block_on(limit.hand_off(&sms())).is_ok());
            assert_eq!(limit.spent(), Money::cents(cents));
        }
    }

    #[test]
    fn it_is_a_transport_like_any_other() {
        let wrapped = || async {
            ScriptedProvider::wrapped(|inner| {
                let clock = Arc::new(ManualClock::default());
                Box::new(SpendLimit::new(inner, Money::dollars(1_000), clock, |_| Money::cents(1)))
            })
        };
        block_on(conformance(wrapped)).assert();
    }
}
