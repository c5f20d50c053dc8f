//! [`Weighted`]: more texts through providers whose codes come back.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use crate::base::time::Clock;
use crate::recipient::Region;
use crate::transport::{
    Handoff, HandoffError, HandoffErrorKind, IdempotencyKey, OutboundSms, SmsTransport,
};

/// A text whose code has not come back by then did not convert: the longest life of a code.
const PATIENCE: Duration = Duration::from_secs(600);

/// Texts that are waited for at one time. One that comes above it counts as nothing, whether its code is
/// entered or not: were the oldest given up, those that did not convert would be missing, and no others.
const PENDING: usize = 65_536;

/// Counts are halved here, so that some hundred texts later a change shows.
const MEMORY: u32 = 400;

/// The least share of every provider in each country, in thousandths: without texts nobody would see
/// that a provider has recovered.
const LEAST: u64 = 50;

/// Several providers of which each takes a share of the texts, by how many of its codes are entered.
///
/// Each country is judged by itself, since carriers differ. A provider starts with the weight that you
/// give it; its share then goes with weight × conversion³, so that at equal weights 80 % against 60 %
/// conversion becomes 70 % of the texts against 30 %. No provider falls below 5 %.
///
/// The code that a text carried was entered, or it was not: tell it with [`Conversions::converted`].
/// A text that may have gone out counts like one that was taken, and so does one that its caller gave up
/// on: a provider that loses texts, or hangs, loses its share.
/// Who never tells keeps the weights as they are. Choosing takes no randomness of its own: it goes by the
/// text's idempotency key.
///
/// ```
/// # use otpgate::testing::{ManualClock, ScriptedTransport, block_on};
/// use std::sync::Arc;
/// use otpgate::transport::{OutboundSms, SmsTransport, Weighted};
///
/// # let (clock, (one, _), (two, _)) =
/// #     (ManualClock::default(), ScriptedTransport::new(), ScriptedTransport::new());
/// let transport = Weighted::new(Arc::new(clock)).provider(one, 2).provider(two, 1);
/// let conversions = transport.conversions(); // keep it beside the gate
///
/// let sms = OutboundSms::for_test("+4915112345678", "041673 is your code.", [1; 16]);
/// block_on(transport.hand_off(&sms))?;
/// // `Issued::idempotency_key`, kept in the session, once `verify` has accepted the code:
/// conversions.converted(sms.idempotency_key().as_str());
/// # Ok::<(), otpgate::transport::HandoffError>(())
/// ```
pub struct Weighted {
    providers: Vec<(Arc<dyn SmsTransport>, u32)>,
    clock: Arc<dyn Clock>,
    book: Arc<Mutex<Book>>,
}

/// Tells a [`Weighted`] which codes were entered. Clones speak to the same one.
#[derive(Clone)]
pub struct Conversions(Arc<Mutex<Book>>);

#[derive(Default)]
struct Book {
    /// By country and provider.
    counts: HashMap<(Option<Region>, usize), Count>,
    /// By idempotency key.
    pending: HashMap<IdempotencyKey, (Option<Region>, usize)>,
    /// In the order they were sent, by the clock's monotonic reading.
    order: VecDeque<(Duration, IdempotencyKey)>,
}

#[derive(Clone, Copy, Default)]
struct Count {
    ended: u32,
    converted: u32,
}

impl Count {
    fn end(&mut self, converted: bool) {
        if self.ended >= MEMORY {
            (self.ended, self.converted) = (self.ended / 2, self.converted / 2);
        }
        self.ended = self.ended.saturating_add(1);
        self.converted = self.converted.saturating_add(u32::from(converted));
    }

    /// Conversion in thousandths. Ten texts of 70 % stand for what is not known yet.
    fn rate(self) -> u64 {
        let converted = u64::from(self.converted).saturating_add(7).saturating_mul(1_000);
        converted.checked_div(u64::from(self.ended).saturating_add(10)).unwrap_or(0)
    }
}

impl Book {
    /// Waits for the code of a text, unless too many are waited for.
    fn wait(&mut self, now: Duration, key: IdempotencyKey, place: (Option<Region>, usize)) {
        self.mature(now);
        if self.order.len() < PENDING {
            self.pending.insert(key.clone(), place);
            self.order.push_back((now, key));
        }
    }

    /// Texts whose code can no longer be entered have not converted.
    fn mature(&mut self, now: Duration) {
        while let Some((sent, _)) = self.order.front()
            && now.saturating_sub(*sent) >= PATIENCE
        {
            let Some((_, key)) = self.order.pop_front() else { break };
            if let Some(place) = self.pending.remove(&key) {
                self.counts.entry(place).or_default().end(false);
            }
        }
    }

    /// Shares of all providers in `region`, in thousandths of their sum.
    fn shares(&self, region: Option<Region>, weights: &[u32]) -> Vec<u64> {
        let worth = |(index, weight): (usize, &u32)| {
            let rate = self.counts.get(&(region, index)).copied().unwrap_or_default().rate();
            u64::from(*weight).saturating_mul(rate.saturating_pow(3) / 1_000_000)
        };
        let worths: Vec<u64> = weights.iter().enumerate().map(worth).collect();
        let sum = worths.iter().fold(0_u64, |sum, worth| sum.saturating_add(*worth));
        let least = |(worth, weight): (&u64, &u32)| match weight {
            0 => 0,
            _ => worth.saturating_mul(1_000).checked_div(sum).unwrap_or(0).max(LEAST),
        };
        worths.iter().zip(weights).map(least).collect()
    }
}

impl Weighted {
    /// No provider yet. `clock` is the gate's clock.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { providers: Vec::new(), clock, book: Arc::default() }
    }

    /// Adds a provider. Its share is `weight` of the sum of all weights until conversions tell more; 0
    /// takes it out.
    #[must_use]
    pub fn provider(mut self, provider: impl SmsTransport, weight: u32) -> Self {
        self.providers.push((Arc::new(provider), weight));
        self
    }

    /// What tells this transport which codes were entered.
    pub fn conversions(&self) -> Conversions {
        Conversions(Arc::clone(&self.book))
    }

    /// The shares of the providers in `region`, in the order they were added, in thousandths. Their sum
    /// is more than 1 000 where a provider is held at the least share.
    #[must_use]
    pub fn shares(&self, region: Option<Region>) -> Vec<u64> {
        let mut book = lock(&self.book);
        book.mature(self.clock.elapsed());
        book.shares(region, &self.weights())
    }

    fn weights(&self) -> Vec<u32> {
        self.providers.iter().map(|(_, weight)| *weight).collect()
    }

    /// The provider that takes this text.
    fn choose(&self, sms: &OutboundSms) -> Option<(usize, &dyn SmsTransport)> {
        let shares = self.shares(sms.region());
        let sum = shares.iter().fold(0_u64, |sum, share| sum.saturating_add(*share));
        let mut ticket = draw(sms.idempotency_key()).checked_rem(sum)?;
        for (index, (share, (provider, _))) in shares.iter().zip(&self.providers).enumerate() {
            match ticket.checked_sub(*share) {
                Some(rest) => ticket = rest,
                None => return Some((index, &**provider)),
            }
        }
        None
    }
}

impl Conversions {
    /// The code of the text with this idempotency key was entered. A key that is not waited for changes
    /// nothing.
    pub fn converted(&self, idempotency_key: &str) {
        let mut book = lock(&self.0);
        if let Some(place) = book.pending.remove(&IdempotencyKey::named(idempotency_key)) {
            book.counts.entry(place).or_default().end(true);
        }
    }
}

fn lock(book: &Mutex<Book>) -> MutexGuard<'_, Book> {
    book.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A number from a key, which is random: FNV-1a over its characters.
fn draw(key: &IdempotencyKey) -> u64 {
    let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    key.as_str().bytes().fold(0xcbf2_9ce4_8422_2325, mix) >> 16
}

/// A text that waits for its code once it is handed off, also if its caller gives up on it meanwhile.
struct UnderWay<'a> {
    weighted: &'a Weighted,
    sms: &'a OutboundSms,
    index: usize,
    counts: bool,
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        if !self.counts {
            return;
        }
        let (now, key) = (self.weighted.clock.elapsed(), self.sms.idempotency_key().clone());
        lock(&self.weighted.book).wait(now, key, (self.sms.region(), self.index));
    }
}

fn may_have_gone_out(error: &HandoffError) -> bool {
    error.kind() == HandoffErrorKind::Indeterminate
}

crate::base::masked::debug_only!(Weighted: providers);

crate::base::masked::debug_only!(Conversions);

#[async_trait]
impl SmsTransport for Weighted {
    async fn hand_off(&self, sms: &OutboundSms) -> Result<Handoff, HandoffError> {
        let Some((index, provider)) = self.choose(sms) else {
            return Err(HandoffError::not_sent("no provider has a weight")
                .by("weighted")
                .remedy("add a provider with a weight above 0")
                .alert_all());
        };
        let mut under_way = UnderWay { weighted: self, sms, index, counts: true };
        let answer = provider.hand_off(sms).await;
        under_way.counts = answer.as_ref().map_or_else(may_have_gone_out, |_| true);
        answer
    }

    async fn ready(&self) -> Result<(), HandoffError> {
        for (provider, _) in &self.providers {
            provider.ready().await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::task::Poll;

    use super::*;
    use crate::testing::transport::{ScriptedProvider, conformance};
    use crate::testing::{
        ManualClock, Reply, ScriptedTransport, TransportHandle, block_on, polled,
    };

    struct Pair {
        clock: ManualClock,
        transport: Weighted,
        handles: [TransportHandle; 2],
        sent: u64,
    }

    impl Pair {
        fn new(weights: [u32; 2]) -> Self {
            let clock = ManualClock::default();
            let ((one, first), (two, second)) =
                (ScriptedTransport::new(), ScriptedTransport::new());
            let transport = Weighted::new(Arc::new(clock.clone()))
                .provider(one, weights[0])
                .provider(two, weights[1]);
            Self { clock, transport, handles: [first, second], sent: 0 }
        }

        /// So many texts, of which each provider's codes come back so often in a hundred.
        fn send(&mut self, texts: u64, number: &str, percent: [u64; 2]) -> [usize; 2] {
            let before = self.handles.each_ref().map(TransportHandle::handed_off);
            for _ in 0..texts {
                self.sent += 1;
                let sms = numbered(self.sent, number);
                let first = self.handles[0].handed_off();
                block_on(self.transport.hand_off(&sms)).unwrap();
                let by = usize::from(self.handles[0].handed_off() == first);
                if self.sent % 100 < percent[by] {
                    self.transport.conversions().converted(sms.idempotency_key().as_str());
                }
                self.clock.advance(Duration::from_secs(5));
            }
            [0, 1].map(|index| self.handles[index].handed_off() - before[index])
        }
    }

    const GERMAN: &str = "+4915112345678";

    #[test]
    fn the_share_starts_with_the_weight() {
        let mut pair = Pair::new([3, 1]);
        let [first, second] = pair.send(2_000, "+4915112345678", [100, 100]);
        assert!((1_400..=1_600).contains(&first) && second >= 400, "{first} {second}");
    }

    #[test]
    fn a_provider_whose_codes_do_not_come_back_keeps_the_least_share_and_recovers() {
        let mut pair = Pair::new([1, 1]);
        pair.send(3_000, GERMAN, [70, 5]);
        let [_, second] = pair.send(1_000, GERMAN, [70, 5]);
        assert!((20..=90).contains(&second), "{second} of 1000");
        pair.send(10_000, GERMAN, [70, 70]);
        let [_, second] = pair.send(1_000, GERMAN, [70, 70]);
        assert!(second > 400, "{second} of 1000 after it recovered");
    }

    /// A text whose key is spread over the shares.
    fn numbered(index: u64, number: &str) -> OutboundSms {
        let mut key = [7; 16];
        key[..8].copy_from_slice(&index.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
        OutboundSms::for_test(number, "text", key)
    }

    #[tokio::test]
    async fn a_provider_that_loses_its_texts_or_hangs_keeps_the_least_share() {
        for reply in [Reply::LostText, Reply::Hang] {
            let Pair { clock, transport, handles, .. } = Pair::new([1, 1]);
            handles[1].always(reply);
            for index in 0..300_u64 {
                let sms = numbered(index, GERMAN);
                let mut handing = transport.hand_off(&sms);
                // Who waits for a provider that hangs gives up in the end.
                if matches!(polled(&mut handing).await, Poll::Ready(Ok(_))) {
                    transport.conversions().converted(sms.idempotency_key().as_str());
                }
            }
            clock.advance(Duration::from_secs(600));
            let shares = transport.shares(Some(Region::DE));
            assert_eq!(shares[1], LEAST, "{reply:?}: {shares:?}");
        }
    }

    #[test]
    fn what_was_not_sent_or_refused_blames_no_provider() {
        for reply in [Reply::NotSent, Reply::Refused] {
            let Pair { clock, transport, handles, .. } = Pair::new([1, 1]);
            handles[1].always(reply);
            for index in 0..300_u64 {
                let sms = numbered(index, GERMAN);
                if block_on(transport.hand_off(&sms)).is_ok() {
                    transport.conversions().converted(sms.idempotency_key().as_str());
                }
            }
            clock.advance(Duration::from_secs(600));
            assert!(lock(&transport.book).counts.keys().all(|(_, index)| *index == 0), "{reply:?}");
        }
    }

    #[test]
    fn each_country_is_judged_by_itself() {
        let mut pair = Pair::new([1, 1]);
        pair.send(3_000, GERMAN, [70, 5]);
        let france = pair.transport.shares(Some("FR".parse().unwrap()));
        assert_eq!(france, [500, 500]);
    }

    #[test]
    fn what_is_waited_for_is_bounded() {
        let pair = Pair::new([1, 1]);
        for index in 0..(PENDING as u64 + 5_000) {
            let mut key = [0; 16];
            key[..8].copy_from_slice(&index.to_le_bytes());
            let sms = OutboundSms::for_test(GERMAN, "text", key);
            block_on(pair.transport.hand_off(&sms)).unwrap();
            if index % 5_000 == 0 {
                pair.handles.iter().for_each(TransportHandle::clear);
            }
        }
        let book = lock(&pair.transport.book);
        assert_eq!((book.order.len(), book.pending.len()), (PENDING, PENDING));
        assert!(book.counts.is_empty(), "what is not waited for counts as nothing");
    }

    #[test]
    fn above_what_is_waited_for_both_outcomes_count_alike() {
        let book = Arc::default();
        let conversions = Conversions(Arc::clone(&book));
        let count = || lock(&book).counts.get(&(None, 0)).copied().unwrap_or_default();
        // Two hundred texts a second, of which every second converts at once.
        for index in 0..200_000_u64 {
            let (now, key) = (Duration::from_millis(5) * index as u32, format!("text {index}"));
            lock(&book).wait(now, IdempotencyKey::named(&key), (None, 0));
            if index % 2 == 0 {
                conversions.converted(&key);
            }
        }
        let rate = count().rate();
        assert!((450..=550).contains(&rate), "{rate}");
        // One that is not waited for: its code changes nothing.
        let full = Duration::from_secs(2_000);
        (0..PENDING).for_each(|index| {
            lock(&book).wait(full, IdempotencyKey::named(&format!("late {index}")), (None, 0));
        });
        let before = (count().ended, count().converted);
        lock(&book).wait(full, IdempotencyKey::named("one more"), (None, 0));
        conversions.converted("one more");
        assert_eq!((count().ended, count().converted), before);
        conversions.converted("late 0");
        assert_ne!((count().ended, count().converted), before);
    }

    #[test]
    fn nobody_with_a_weight_is_an_error_that_says_so() {
        let pair = Pair::new([0, 0]);
        let sms = OutboundSms::for_test(GERMAN, "text", [1; 16]);
        let error = block_on(pair.transport.hand_off(&sms)).unwrap_err();
        assert!(error.needs_operator() && error.to_string().contains("weight"), "{error}");
    }

    #[test]
    fn it_is_a_transport_like_any_other() {
        let wrapped = || async {
            ScriptedProvider::wrapped(|inner| {
                Box::new(Weighted::new(Arc::new(ManualClock::default())).provider(inner, 1))
            })
        };
        block_on(conformance(wrapped)).assert();
    }
}
