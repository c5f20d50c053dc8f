//! Channels beside the text message, and which one the next message of a verification takes.

use std::borrow::Cow;
use std::time::Duration;

use crate::base::id::Pseudonym;
use crate::base::time::{Timestamp, millis};
use crate::error::GateError;
use crate::guarded;
use crate::limit::{Limit, MeterKey};
use crate::message::MessageFormat;
use crate::outcome::{ChannelOffer, Grant, Note, RecordError, RefusalReason, SendRecord};
use crate::policy::{FallbackStep, Policy};
use crate::pumping::PriceTable;
use crate::realm::slot;
use crate::store::{Home, MeterQuery, Observation};
use crate::transport::{Channel, Deadline, SmsTransport};

use super::Gate;

/// A channel beside the text message: how it is reached, what it says and what it costs.
///
/// ```
/// # let (calls, heard) = otpgate::testing::ScriptedTransport::new();
/// # let mut policy = shop::policy();
/// # policy.fallback.steps.push(FallbackStep::new(Channel::Sms, Channel::Voice));
/// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
/// use std::time::Duration;
/// use otpgate::message::MessageFormat;
/// use otpgate::policy::FallbackStep;
/// use otpgate::pumping::PriceTable;
/// use otpgate::{Channel, FallbackChannel, Money, Sent};
///
/// let words = MessageFormat::builder("Example").build().unwrap();
/// let prices = PriceTable::builtin().with(*b"DE", Money::cents(2)); // of a call
/// let voice = FallbackChannel::new(Channel::Voice, calls, words, prices);
/// # shop::open_with(|parts| parts.policy(policy).fallback(voice), async |shop| {
/// # let grant = shop.grant().await;
/// # let shop::Shop { gate, client, clock, outbox, .. } = shop;
/// // The page has a button "call me instead", from a minute on.
/// # clock.advance(Duration::from_secs(60));
/// let none = otpgate::otp::Binding::none();
/// let sent = gate.resend_over(&grant, Channel::Voice, &none, &client).await?;
/// let Sent::Issued(issued) = sent else { panic!("called") };
/// assert_eq!(issued.channel(), Channel::Voice);
/// assert_eq!((outbox.handed_off(), heard.handed_off()), (1, 1));
/// # Ok(())
/// # });
/// ```
pub struct FallbackChannel {
    pub(crate) channel: Channel,
    pub(crate) transport: Box<dyn SmsTransport>,
    pub(crate) message: MessageFormat,
    pub(crate) prices: PriceTable,
}

impl FallbackChannel {
    /// `channel` through `transport`, which gets the text of `message` and says it unchanged: a call reads
    /// the code digit by digit. `prices` are for one message to each country, however long.
    #[must_use]
    pub fn new(
        channel: Channel,
        transport: impl SmsTransport,
        message: MessageFormat,
        prices: PriceTable,
    ) -> Self {
        Self { channel, transport: Box::new(transport), message, prices }
    }
}

crate::base::masked::debug_only!(FallbackChannel: channel, transport);

/// A channel of a gate.
pub(crate) struct Carrier {
    pub(crate) channel: Channel,
    pub(crate) transport: Deadline<Box<dyn SmsTransport>>,
    pub(crate) message: MessageFormat,
    pub(crate) prices: PriceTable,
}

impl Carrier {
    pub(crate) fn of(fallback: FallbackChannel, deadline: Duration) -> Self {
        let FallbackChannel { channel, transport, message, prices } = fallback;
        Self { channel, transport: Deadline::after(transport, deadline), message, prices }
    }
}

/// What the next message of a verification goes by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chosen {
    pub(super) channel: Channel,
    /// How many messages of the verification may go by it; `None` if nothing counts them.
    pub(super) most: Option<u32>,
}

impl Chosen {
    pub(super) const SMS: Self = Self { channel: Channel::Sms, most: None };
}

/// How often each channel has carried a message of a verification, and whether one to its number is
/// known not to have arrived.
struct Carried {
    counts: [u64; Channel::ALL.len()],
    undelivered: bool,
}

impl Carried {
    fn count(&self, channel: Channel) -> u64 {
        self.counts.get(usize::from(channel.index())).copied().unwrap_or(0)
    }

    /// Whether enough went by the channel before, and not too much by this one.
    fn allows(&self, step: &FallbackStep) -> bool {
        self.count(step.from) >= u64::from(step.sends) && self.count(step.to) < u64::from(step.most)
    }
}

impl Gate {
    /// Remembers for 15 minutes that a message of `record` did not arrive, so that a resend takes
    /// the channel that [`FallbackStep::undelivered`] says. [`receipts`](Self::receipts) calls it
    /// for you; call it yourself if you learn of it another way. It raises no limit: the resend
    /// that follows pays like any other.
    ///
    /// # Errors
    ///
    /// The inner [`RecordError`] if the record belongs to another realm. [`GateError`] if the store
    /// gave no answer; nothing is remembered then.
    pub async fn undelivered(
        &self,
        record: &SendRecord,
    ) -> Result<Result<(), RecordError>, GateError> {
        let key = self.inner.keys.records();
        let note = Note::open(record.as_str(), key);
        let Some(note) = note.filter(|note| note.realm.as_str() == self.realm.name()) else {
            return Ok(Err(RecordError));
        };
        self.told(self.remember_undelivered(self.names().number(&note.recipient)).await).map(Ok)
    }

    pub(super) async fn remember_undelivered(&self, number: Pseudonym) -> Result<(), GateError> {
        let now = self.now();
        let mut admission = self.inner.admission(Home::of(number), now)?;
        let key = MeterKey::new(number, slot::NOT_ARRIVED);
        admission.observe = vec![Observation { key, span_ms: millis(UNDELIVERED_FOR), units: 1 }];
        let _granted = guarded::admit(&*self.inner.store, &admission).await?;
        Ok(())
    }

    /// What the next message of `grant` goes by: what the client asks for if the policy allows it by
    /// now, or what the policy chooses.
    ///
    /// What a client may ask for follows from the time and from what was sent, never from what the network
    /// said. That only decides what an ordinary resend takes, and the client's answer does not tell.
    pub(super) async fn choose(
        &self,
        grant: &Grant,
        policy: &Policy,
        asked: Option<Channel>,
        now: Timestamp,
    ) -> Result<Result<Chosen, Unavailable>, GateError> {
        let steps = &policy.fallback.steps;
        if steps.is_empty() {
            return Ok(match asked {
                None | Some(Channel::Sms) => Ok(Chosen::SMS),
                Some(channel) => Err(Unavailable::never(channel)),
            });
        }
        let carried = self.carried(grant, now).await?;
        let take = |step: &FallbackStep| Chosen { channel: step.to, most: Some(step.most) };
        // A refusal in place of the text would tell that one was not delivered.
        let affordable = |step: &FallbackStep| self.is_affordable(grant, step.to);
        let counted = Chosen { channel: Channel::Sms, most: Some(u32::MAX >> 11) };
        Ok(match asked {
            Some(Channel::Sms) => Ok(counted),
            None => {
                let by_itself = |step: &&FallbackStep| {
                    step.undelivered && carried.allows(step) && affordable(step)
                };
                let step = steps.iter().filter(|_| carried.undelivered).find(by_itself);
                Ok(step.map_or(counted, take))
            }
            Some(channel) => {
                let mut to = steps.iter().filter(|step| step.to == channel);
                let open = to.clone().filter(|step| carried.allows(step));
                let wait = |step: &FallbackStep| Some((grant.opened + step.after?).since(now));
                match open.clone().find(|step| wait(step) == Some(Duration::ZERO)) {
                    Some(step) => Ok(take(step)),
                    None => Err(match open.filter_map(wait).min() {
                        Some(after) => Unavailable::not_before(channel, after),
                        None if to.any(|step| step.after.is_some()) => {
                            Unavailable::not_now(channel)
                        }
                        None => Unavailable::never(channel),
                    }),
                }
            }
        })
    }

    /// The channels that the client of `grant` may ask for, and when: what a page shows.
    pub(super) async fn channel_offers(
        &self,
        grant: &Grant,
        policy: &Policy,
        now: Timestamp,
    ) -> Result<Vec<ChannelOffer>, GateError> {
        if policy.fallback.is_off() {
            return Ok(Vec::new());
        }
        let carried = self.carried(grant, now).await?;
        let mut offers: Vec<ChannelOffer> = Vec::new();
        for step in policy.fallback.steps.iter().filter(|step| carried.allows(step)) {
            let Some(after) = step.after.filter(|_| self.is_affordable(grant, step.to)) else {
                continue;
            };
            let after = (grant.opened + after).since(now);
            match offers.iter_mut().find(|offer| offer.channel == step.to) {
                Some(offer) => offer.after = offer.after.min(after),
                None => offers.push(ChannelOffer { channel: step.to, after }),
            }
        }
        Ok(offers)
    }

    /// Whether the policy lets a message of the verification out at what it costs by `channel`.
    fn is_affordable(&self, grant: &Grant, channel: Channel) -> bool {
        self.inadmissible(&grant.recipient, &grant.purpose, channel).is_none()
    }

    /// The channels that have carried a code of a verification. All are counted: the policy may have led to
    /// one when the code was sent and not any more. A gate without any asks nobody.
    pub(super) async fn channels_of(
        &self,
        grant: &Grant,
        now: Timestamp,
    ) -> Cow<'static, [Channel]> {
        if self.inner.carriers.is_empty() {
            return Cow::Borrowed(&[Channel::Sms]);
        }
        let given =
            |channel: &Channel| *channel == Channel::Sms || self.inner.carrier(*channel).is_some();
        match self.carried(grant, now).await {
            // Also one that another gate was given and this one was not yet.
            Ok(carried) => {
                let carried = |channel: &Channel| carried.count(*channel) > 0;
                Channel::ALL.into_iter().filter(carried).collect::<Vec<_>>().into()
            }
            // The code was accepted; which way it came is then what it may have been.
            Err(_) => Channel::ALL.into_iter().filter(given).collect::<Vec<_>>().into(),
        }
    }

    async fn carried(&self, grant: &Grant, now: Timestamp) -> Result<Carried, GateError> {
        let names = self.names();
        let challenge = names.challenge(&grant.challenge);
        let number = names.number(&grant.recipient);
        let mut query = self.inner.query(Home::of(number).and(challenge), now);
        let carried = |channel: &Channel| MeterQuery {
            key: MeterKey::new(challenge, slot::carried(channel.index())),
            limit: counted(u32::MAX >> 11, grant.closes.since(grant.opened)),
            cost: 1,
        };
        query.meters = Channel::ALL.iter().map(carried).collect();
        query.meters.push(MeterQuery {
            key: MeterKey::new(number, slot::NOT_ARRIVED),
            limit: counted(u32::MAX >> 11, UNDELIVERED_FOR),
            cost: 1,
        });
        let tallies = guarded::tally(&*self.inner.store, &query).await?;
        let mut used = tallies.meters.iter().map(|meter| meter.count);
        let mut counts = [0; Channel::ALL.len()];
        for count in &mut counts {
            *count = used.next().unwrap_or(0);
        }
        // The first message of every verification is a text, and none of these meters counted it.
        if let Some(first) = counts.first_mut() {
            *first = first.saturating_add(1);
        }
        Ok(Carried { counts, undelivered: used.next().unwrap_or(0) > 0 })
    }
}

/// How long an undelivered message is remembered: as long as a verification stays open by default.
const UNDELIVERED_FOR: Duration = Duration::from_secs(900);

/// At most `max` messages in the life of a verification.
pub(super) fn counted(max: u32, open: Duration) -> Limit {
    Limit::Window { max: u64::from(max), span_ms: millis(open) }
}

/// A channel that the client may not have.
pub(super) struct Unavailable {
    pub(super) reason: RefusalReason,
    pub(super) retry_after: Option<Duration>,
}

impl Unavailable {
    fn never(channel: Channel) -> Self {
        Self { reason: RefusalReason::ChannelOff { channel }, retry_after: None }
    }

    fn not_now(channel: Channel) -> Self {
        Self { reason: RefusalReason::ChannelNotYet { channel }, retry_after: None }
    }

    fn not_before(channel: Channel, after: Duration) -> Self {
        let reason = RefusalReason::ChannelNotYet { channel };
        Self { reason, retry_after: Some(after) }
    }
}
