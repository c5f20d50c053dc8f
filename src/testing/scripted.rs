//! [`ScriptedTransport`]: a provider that does what the test says, and its handle.

use std::collections::VecDeque;
use std::fmt;
use std::future::pending;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use crate::message::code_in;
use crate::transport::{Handoff, HandoffError, NumberFault, OutboundSms, SmsTransport};

/// A transport that answers as its [`TransportHandle`] says and keeps every text it was handed.
///
/// ```
/// use otpgate::testing::{Reply, ScriptedTransport, block_on};
/// use otpgate::transport::{HandoffErrorKind, OutboundSms, SmsTransport};
///
/// let (transport, handle) = ScriptedTransport::new();
/// handle.reply(Reply::NotSent); // the next one; then it accepts again
///
/// let sms = OutboundSms::for_test("+4915123456789", "Your code: 041673", [1; 16]);
/// let error = block_on(transport.hand_off(&sms)).unwrap_err();
/// assert_eq!(error.kind(), HandoffErrorKind::NotSent);
/// assert!(handle.last_code_to("+4915123456789").is_none()); // it never arrived
///
/// block_on(transport.hand_off(&sms)).unwrap();
/// assert_eq!(handle.last_code_to("+4915123456789").as_deref(), Some("041673"));
/// assert_eq!(handle.handed_off(), 2);
/// handle.expect_order(&["+4915123456789", "+4915123456789"]);
/// ```
#[derive(Clone, Debug)]
pub struct ScriptedTransport {
    handle: TransportHandle,
    provider: Option<&'static str>,
}

/// What a [`ScriptedTransport`] does with a text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Reply {
    /// Accepts it; it arrives.
    Accept,
    /// Accepts it; it arrives twice, as happens on the way from the provider.
    AcceptTwice,
    /// Does not take it; it does not arrive.
    NotSent,
    /// Refuses it for good; it does not arrive.
    Refused,
    /// Refuses it and reports this about the number; it does not arrive.
    Reported(NumberFault),
    /// Does not know the account's key, nor will it before an operator acts: it takes no text.
    UnknownKey,
    /// Has too much to do and asks to wait so long; it does not arrive.
    Busy(Duration),
    /// Takes it and loses the answer: it arrives, the caller sees
    /// [`Indeterminate`](crate::transport::HandoffErrorKind::Indeterminate).
    LostAnswer,
    /// Loses it and the answer: it does not arrive, the caller sees
    /// [`Indeterminate`](crate::transport::HandoffErrorKind::Indeterminate) all the same.
    LostText,
    /// Never answers; it does not arrive. What the caller's deadline is for.
    Hang,
    /// Takes it and never answers: it arrives.
    HangAfterSending,
    /// Panics, as a provider's client may.
    Panic,
}

/// Scripts a [`ScriptedTransport`] and reads what it was handed. Clones share both.
#[derive(Clone, Default)]
pub struct TransportHandle(Arc<Mutex<Script>>);

#[derive(Default)]
struct Script {
    next: VecDeque<Reply>,
    always: Option<Reply>,
    sent: Vec<SentText>,
}

/// One text as a provider got it. `Debug` shows neither the number nor the text.
#[derive(Clone, PartialEq, Eq)]
pub struct SentText {
    number: String,
    text: String,
    key: String,
    callback_key: String,
    segments: u32,
    deliveries: u32,
}

impl ScriptedTransport {
    /// A transport that accepts everything, and the handle to have it otherwise.
    #[must_use]
    #[allow(clippy::new_ret_no_self, reason = "the two are made together, as a channel's ends")]
    pub fn new() -> (Self, TransportHandle) {
        let handle = TransportHandle::default();
        (Self { handle: handle.clone(), provider: None }, handle)
    }

    /// Names the provider, as each adapter does: events, metrics and errors tell by it which of
    /// several took or refused a text.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use otpgate::testing::{Reply, ScriptedTransport, block_on};
    /// use otpgate::transport::{FailOver, OutboundSms, SmsTransport};
    ///
    /// let (first, first_handle) = ScriptedTransport::new();
    /// let (second, _) = ScriptedTransport::new();
    /// let both = FailOver::new(first.by("first")).then(second.by("second"));
    /// first_handle.reply(Reply::Busy(Duration::from_secs(2)));
    ///
    /// let sms = OutboundSms::for_test("+4915123456789", "Your code: 041673", [1; 16]);
    /// let handoff = block_on(both.hand_off(&sms))?;
    /// assert_eq!(handoff.provider, Some("second"));
    /// assert_eq!(handoff.passed_over()[0].provider(), Some("first"));
    /// assert_eq!(handoff.passed_over()[0].pause(), Some(Duration::from_secs(2)));
    /// # Ok::<(), otpgate::transport::HandoffError>(())
    /// ```
    #[must_use]
    pub fn by(mut self, provider: &'static str) -> Self {
        self.provider = Some(provider);
        self
    }

    #[allow(clippy::panic, reason = "the test asked for it")]
    async fn answer(reply: Reply, number: usize) -> Result<Handoff, HandoffError> {
        match reply {
            Reply::Accept | Reply::AcceptTwice => Ok(Handoff::accepted(format!("sms-{number}"))),
            Reply::NotSent => Err(HandoffError::not_sent("the test: not connected")),
            Reply::Refused => Err(HandoffError::refused("the test: no such subscriber")),
            Reply::Reported(fault) => {
                Err(HandoffError::refused("the test: a faulty number").about_number(fault))
            }
            Reply::UnknownKey => Err(HandoffError::not_sent("the test: an unknown key")
                .code("401")
                .remedy("give the account's key")
                .alert_all()),
            Reply::Busy(pause) => Err(HandoffError::not_sent("the test: too many texts")
                .code("429")
                .retry_after(pause)),
            Reply::LostAnswer | Reply::LostText => {
                Err(HandoffError::indeterminate("the test: the answer was lost"))
            }
            Reply::Hang | Reply::HangAfterSending => pending().await,
            Reply::Panic => panic!("the test: the provider's client panicked"),
        }
    }
}

#[async_trait]
impl SmsTransport for ScriptedTransport {
    async fn hand_off(&self, sms: &OutboundSms) -> Result<Handoff, HandoffError> {
        let (reply, number) = self.handle.take(sms);
        let answer = Self::answer(reply, number).await;
        let Some(provider) = self.provider else { return answer };
        answer.map(|handoff| handoff.by(provider)).map_err(|error| error.by(provider))
    }
}

impl TransportHandle {
    /// Adds a reply to the script: for the next text, or the one after those already scripted.
    pub fn reply(&self, reply: Reply) {
        self.with(|script| script.next.push_back(reply));
    }

    /// Replies so to every text for which nothing else is scripted.
    pub fn always(&self, reply: Reply) {
        self.with(|script| script.always = Some(reply));
    }

    /// How many texts it was handed, whatever became of them.
    pub fn handed_off(&self) -> usize {
        self.with(|script| script.sent.len())
    }

    /// Every text it was handed, in order, whatever became of it.
    pub fn sent(&self) -> Vec<SentText> {
        self.with(|script| script.sent.clone())
    }

    /// Every text that arrived, in order; one that arrived twice stands twice.
    pub fn delivered(&self) -> Vec<SentText> {
        let times = |sent: SentText| {
            let times = sent.times();
            std::iter::repeat_n(sent, times)
        };
        self.sent().into_iter().flat_map(times).collect()
    }

    /// How many texts arrived; one that arrived twice counts twice. It copies none of them.
    pub fn arrivals(&self) -> usize {
        self.with(|script| script.sent.iter().map(SentText::times).sum())
    }

    /// The code in the last text that arrived, at whatever number; see [`SentText::code`].
    pub fn last_code(&self) -> Option<String> {
        self.newest(|_| true)
    }

    /// The code in the last text that arrived at `number`; see [`SentText::code`].
    #[must_use]
    pub fn last_code_to(&self, number: &str) -> Option<String> {
        self.newest(|sent| sent.number == number)
    }

    fn newest(&self, wanted: impl Fn(&SentText) -> bool) -> Option<String> {
        self.with(|script| {
            let mut arrived = script.sent.iter().rev().filter(|sent| sent.deliveries > 0);
            arrived.find(|sent| wanted(sent)).and_then(SentText::code)
        })
    }

    /// Forgets what was handed off and scripted.
    pub fn clear(&self) {
        self.with(|script| *script = Script::default());
    }

    /// Asserts that it was handed exactly one text for each of `numbers`, in this order.
    ///
    /// # Panics
    ///
    /// If it was not. The message says where, without the numbers.
    #[track_caller]
    #[allow(clippy::panic, reason = "failing the caller's test is what it is for")]
    pub fn expect_order(&self, numbers: &[&str]) {
        let sent = self.sent();
        let differs = sent.iter().zip(numbers).position(|(sent, number)| sent.number != *number);
        if let Some(place) = differs {
            panic!("text {place} went to another number than expected");
        }
        if sent.len() != numbers.len() {
            panic!("expected {} texts, {} were handed off", numbers.len(), sent.len());
        }
    }

    fn take(&self, sms: &OutboundSms) -> (Reply, usize) {
        self.with(|script| {
            let reply = script.next.pop_front().or(script.always).unwrap_or(Reply::Accept);
            let deliveries = match reply {
                Reply::Accept | Reply::LostAnswer | Reply::HangAfterSending => 1,
                Reply::AcceptTwice => 2,
                Reply::NotSent
                | Reply::Refused
                | Reply::Reported(_)
                | Reply::UnknownKey
                | Reply::Busy(_)
                | Reply::LostText
                | Reply::Hang
                | Reply::Panic => 0,
            };
            script.sent.push(SentText {
                number: sms.expose_number().into(),
                text: sms.expose_text().into(),
                key: sms.idempotency_key().as_str().into(),
                callback_key: sms.callback_key().as_str().into(),
                segments: sms.segments(),
                deliveries,
            });
            (reply, script.sent.len())
        })
    }

    fn with<T>(&self, change: impl FnOnce(&mut Script) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl fmt::Debug for TransportHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TransportHandle").field("handed_off", &self.handed_off()).finish()
    }
}

impl SentText {
    /// The number it went to.
    pub fn expose_number(&self) -> &str {
        &self.number
    }

    /// The text, code included.
    pub fn expose_text(&self) -> &str {
        &self.text
    }

    /// Its idempotency key.
    pub fn idempotency_key(&self) -> &str {
        &self.key
    }

    /// What its receipts bring back.
    pub fn callback_key(&self) -> &str {
        &self.callback_key
    }

    /// How many segments it was billed as.
    pub fn segments(&self) -> u32 {
        self.segments
    }

    /// How many times it arrived.
    pub fn deliveries(&self) -> u32 {
        self.deliveries
    }

    fn times(&self) -> usize {
        usize::try_from(self.deliveries).unwrap_or(usize::MAX)
    }

    /// The code in the text, as a phone would find it: after the `#` of an origin-bound last line
    /// (`@example.com #041673`), or else the first run of 6 to 10 digits that stands by itself, or
    /// else of 4 or 5.
    pub fn code(&self) -> Option<String> {
        code_in(&self.text).map(Into::into)
    }
}

crate::base::masked::debug_only!(SentText: segments, deliveries);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_arrived_is_counted_and_the_newest_code_is_of_a_text_that_arrived() {
        let (transport, handle) = ScriptedTransport::new();
        let text = |number: &str, code: &str, reply| {
            handle.reply(reply);
            let sms = OutboundSms::for_test(number, &format!("Your code: {code}"), [1; 16]);
            let _ = crate::testing::block_on(transport.hand_off(&sms));
        };
        assert_eq!((handle.arrivals(), handle.last_code()), (0, None));
        text("+4915123456789", "041673", Reply::AcceptTwice);
        text("+4915123456780", "118822", Reply::Accept);
        text("+4915123456789", "900900", Reply::Refused);
        assert_eq!(handle.arrivals(), handle.delivered().len());
        assert_eq!((handle.arrivals(), handle.handed_off()), (3, 3));
        assert_eq!(handle.last_code().as_deref(), Some("118822"));
        assert_eq!(handle.last_code_to("+4915123456789").as_deref(), Some("041673"));
    }

    #[test]
    fn an_unknown_key_is_an_operators_matter_and_a_busy_provider_is_not() {
        let (transport, handle) = ScriptedTransport::new();
        let transport = transport.by("acme");
        let refused = |reply| {
            handle.reply(reply);
            let sms = OutboundSms::for_test("+4915123456789", "Your code: 041673", [1; 16]);
            crate::testing::block_on(transport.hand_off(&sms)).unwrap_err()
        };
        let unknown = refused(Reply::UnknownKey);
        assert!(unknown.fails_every_text() && unknown.needs_operator());
        assert_eq!(
            unknown.to_string(),
            "acme: the test: an unknown key; the text was not sent; give the account's key"
        );
        let busy = refused(Reply::Busy(Duration::from_secs(30)));
        assert!(!busy.needs_operator());
        assert_eq!(busy.pause(), Some(Duration::from_secs(30)));
        assert_eq!((handle.handed_off(), handle.arrivals()), (2, 0));
    }

    #[test]
    fn debug_shows_neither_number_nor_text() {
        let (transport, handle) = ScriptedTransport::new();
        let sms = OutboundSms::for_test("+4915123456789", "Your code: 041673", [1; 16]);
        handle.reply(Reply::AcceptTwice);
        crate::testing::block_on(transport.hand_off(&sms)).unwrap();
        let shown = format!("{transport:?} {handle:?} {:?}", handle.delivered());
        let mut needles = crate::testing::secrets::Needles::new();
        needles.sms("sms", &sms);
        needles.code("code", "041673");
        assert_eq!(needles.scan(shown), []);
        assert_eq!(handle.delivered().len(), 2);
    }
}
