//! The text on its way: rendered and read back, handed off, and settled if it did not go out.

use std::sync::Arc;

use crate::base::id::RequestId;
use crate::base::time::{Timestamp, millis};
use crate::error::GateError;
use crate::event::{Event, EventKind, OutagePart};
use crate::message::{OutboundText, RenderFields};
use crate::otp::Passcode;
use crate::pumping::SightingKind;
use crate::telemetry::{Span, Verb};
use crate::transport::{
    CallbackKey, Channel, Handoff, HandoffError, HandoffErrorKind, IdempotencyKey, Number,
    NumberFault, OutboundSms,
};

use super::{Disguise, Paid, SendJob};
use crate::gate::Gate;
use crate::gate::receipts::Named;
use crate::guarded;
use crate::outcome::SendRecord;

/// What became of a text.
pub(super) enum Handed {
    Over(Over),
    /// For good, with what the provider said.
    Refused(HandoffError),
    /// It did not go out, for good or this time, and nobody may see that.
    Hidden {
        for_good: bool,
    },
}

/// A text that went out, or may have.
#[derive(Default)]
pub(super) struct Over {
    /// What the provider said.
    pub(super) handoff: Option<Handoff>,
    pub(super) confirmed: bool,
    /// The record, if it went out with the text.
    pub(super) record: Option<SendRecord>,
}

impl Over {
    /// No text went out, and the client must not tell.
    pub(super) fn withheld() -> Self {
        Self { confirmed: true, ..Self::default() }
    }
}

impl Gate {
    /// The text, parsed back. Before anything is charged, so that a text that cannot be made costs
    /// nobody anything.
    pub(super) fn render(
        &self,
        send: &SendJob<'_>,
        code: &Passcode,
        expires: Timestamp,
    ) -> Result<OutboundText, GateError> {
        // Whole minutes that it surely has; a text cannot say less than one.
        let minutes = (millis(expires.since(send.now)) / 60_000).max(1);
        let carrier = self.inner.carrier(send.chosen.channel);
        let message = carrier.map_or(&self.inner.message, |carrier| &carrier.message);
        let fields = RenderFields {
            language: send.language.unwrap_or(message.default_language()),
            code,
            binding: send.binding,
            minutes: u8::try_from(minutes).unwrap_or(u8::MAX),
        };
        Ok(message.render_any(send.recipient.region(), &fields)?)
    }

    /// Hands the text off, and settles it if it did not go out.
    pub(super) async fn deliver(
        &self,
        send: &SendJob<'_>,
        text: OutboundText,
        paid: &Paid,
    ) -> Result<Handed, GateError> {
        if send.decoy {
            self.watch(send, SightingKind::Unsent);
            self.note(send, EventKind::DecoyAnswered);
            return Ok(Handed::Over(Over::withheld()));
        }
        let channel = send.chosen.channel;
        let record = self.record(send, paid.id);
        let sms = outbound(send, text, paid, &record);
        let carrier = self.inner.carrier(channel);
        let transport = carrier.map_or(&self.inner.transport, |carrier| &carrier.transport);
        let span = Span::of(Verb::HandOff).with("otpgate.channel", channel.word());
        let under_way = UnderWay::sent(self, send, paid.id);
        let answer = guarded::caught(span.over(transport.hand_over(&sms))).await;
        under_way.answered();
        match answer {
            Ok(Ok(handoff)) => {
                self.note_passed_over(send, handoff.passed_over());
                self.note_sent(send, paid.id, true);
                self.settle_handed(send, paid, &handoff).await;
                self.keep_handed(send, paid, &handoff).await;
                let record = Some(record);
                Ok(Handed::Over(Over { handoff: Some(handoff), confirmed: true, record }))
            }
            Ok(Err(error)) => {
                // Until its charges are given back they are used up.
                let under_way = UnderWay::unsent(self, send);
                let handed = self.not_taken(send, paid, error, record).await;
                under_way.answered();
                handed
            }
            Err(_) => {
                let (part, what) = (OutagePart::Provider, "the transport panicked".into());
                self.note(send, EventKind::Outage { part, what });
                Ok(self.in_doubt(send, paid, record))
            }
        }
    }

    /// A text that may have gone out. Where some are withheld, none says that it was not confirmed.
    fn in_doubt(&self, send: &SendJob<'_>, paid: &Paid, record: SendRecord) -> Handed {
        self.note_sent(send, paid.id, false);
        let (confirmed, record) = (paid.disguise.is_some(), Some(record));
        Handed::Over(Over { handoff: None, confirmed, record })
    }

    /// What follows from a transport's error: a text that provably did not go out costs nothing.
    async fn not_taken(
        &self,
        send: &SendJob<'_>,
        paid: &Paid,
        error: HandoffError,
        record: SendRecord,
    ) -> Result<Handed, GateError> {
        let channel = send.chosen.channel;
        // Whoever hangs up now does not keep the log from it.
        self.note_passed_over(send, error.passed_over());
        if error.needs_operator() {
            let (part, what) = (OutagePart::Provider, error.to_string());
            self.note(send, EventKind::Outage { part, what });
        }
        match error.kind() {
            HandoffErrorKind::NotSent => {
                self.note_text(send, paid.id, EventKind::NotSent { refused: false, channel });
            }
            HandoffErrorKind::Refused => {
                self.note_text(send, paid.id, EventKind::NotSent { refused: true, channel });
            }
            HandoffErrorKind::Indeterminate => {}
        }
        if let Some(fault) = error.number_fault()
            && channel == Channel::Sms
        {
            self.remember_handed(send, fault).await;
        }
        match error.kind() {
            HandoffErrorKind::NotSent => {
                self.give_back(send, paid, false).await;
                match paid.disguise {
                    Some(_) => Ok(Handed::Hidden { for_good: false }),
                    None => Err(error.into()),
                }
            }
            HandoffErrorKind::Refused => {
                self.give_back(send, paid, true).await;
                Ok(match paid.disguise {
                    Some(_) => Handed::Hidden { for_good: true },
                    None => Handed::Refused(error),
                })
            }
            HandoffErrorKind::Indeterminate => Ok(self.in_doubt(send, paid, record)),
        }
    }

    /// A provider that only an operator can mend is told of although another one took the text.
    fn note_passed_over(&self, send: &SendJob<'_>, errors: &[Arc<HandoffError>]) {
        for error in errors.iter().filter(|error| error.needs_operator()) {
            let (part, what) = (OutagePart::Provider, error.to_string());
            self.note(send, EventKind::Outage { part, what });
        }
    }

    /// As [`note`](Self::note), of the text that goes by `id`.
    fn note_text(&self, send: &SendJob<'_>, id: RequestId, kind: EventKind) {
        let (recipient, number) = (send.recipient, send.subjects.number);
        let event = self.event_of(send.now, send.purpose, recipient, number, kind);
        self.tell(&Event { text: Some(IdempotencyKey::of(id)), ..event });
    }

    fn note_sent(&self, send: &SendJob<'_>, id: RequestId, confirmed: bool) {
        self.watch(send, SightingKind::Sent);
        let SendJob { price, segments, .. } = *send;
        let (resend, channel) = (send.challenge.renew, send.chosen.channel);
        let kind = EventKind::Sent { price, segments, resend, confirmed, channel };
        self.note_text(send, id, kind);
    }

    async fn remember_handed(&self, send: &SendJob<'_>, fault: NumberFault) {
        let now = self.now();
        let remembered = self.remember_fault(send.recipient, fault, send.policy, now);
        if let Err(error) = Box::pin(remembered).await {
            let what = format!("what the provider reported about a number is lost: {error}");
            self.note(send, EventKind::Outage { part: OutagePart::beside(error.kind()), what });
        }
    }

    /// Puts the price that the provider's answer names into the budgets. If the store does not answer,
    /// they keep the estimate.
    async fn settle_handed(&self, send: &SendJob<'_>, paid: &Paid, handoff: &Handoff) {
        if handoff.price.is_none() && handoff.segments.is_none() {
            return;
        }
        let note = self.note_of(send, paid.id);
        let Named { cost, unconverted } = self.named_in_answer(&note, handoff);
        if let Some(stated) = unconverted {
            self.note_text(send, paid.id, EventKind::PriceUnconverted { stated });
        }
        let Some(cost) = cost else { return };
        let settled = Box::pin(self.settle_price(&note, cost, handoff.price, self.now())).await;
        if let Err(error) = settled {
            let what = format!("what a text cost was not recorded: {error}");
            self.note(send, EventKind::Outage { part: OutagePart::beside(error.kind()), what });
        }
    }

    /// Keeps a send whose receipts will name nothing but the provider's message identifier.
    async fn keep_handed(&self, send: &SendJob<'_>, paid: &Paid, handoff: &Handoff) {
        let Some(id) = handoff.message_id.as_deref().filter(|_| handoff.receipts_by_id) else {
            return;
        };
        if let Err(error) = Box::pin(self.keep_by_id(&self.note_of(send, paid.id), id)).await {
            let what = format!("the receipts of a text will not be found: {error}");
            self.note(send, EventKind::Outage { part: OutagePart::beside(error.kind()), what });
        }
    }

    /// Gives back what a text that did not go out has cost, but for what a receipt that came first has
    /// settled. If the store does not answer, the admission stays spent: the safe side.
    async fn give_back(&self, send: &SendJob<'_>, paid: &Paid, refused: bool) {
        if let Err(error) = Box::pin(self.try_give_back(send, paid, refused)).await {
            let what = format!("a refund was not recorded and stays spent: {error}");
            self.note(send, EventKind::Outage { part: OutagePart::beside(error.kind()), what });
        }
    }

    /// Gives back what a text has cost that is withheld after all: what one costs that is withheld from
    /// the start stays charged. Where nobody may tell, its code is not void: guesses at a void one
    /// count against nothing, and the code page would show that.
    pub(super) async fn take_back(&self, send: &SendJob<'_>, paid: &Paid) {
        let refunds = paid.plan.refunds_of_withheld(send.now);
        let void = (!send.policy.mode.quiet).then_some(paid.code);
        if let Err(error) =
            Box::pin(self.inner.give_back(paid.id, paid.home(send), refunds, void)).await
        {
            let what = format!("a refund was not recorded and stays spent: {error}");
            self.note(send, EventKind::Outage { part: OutagePart::beside(error.kind()), what });
        }
    }

    async fn try_give_back(
        &self,
        send: &SendJob<'_>,
        paid: &Paid,
        refused: bool,
    ) -> Result<(), GateError> {
        let due = self.due(&self.note_of(send, paid.id), self.now()).await?;
        let refunds = match paid.disguise {
            Some(as_what) => {
                let again = !refused && !send.challenge.renew;
                let decoy = as_what == Disguise::Decoy;
                paid.plan.refunds_of_hidden(decoy, again, due.money, send.now)
            }
            None => paid.plan.refunds(refused, due, send.now),
        };
        // Guesses at a void code count against nothing, and the code page would show that.
        let void = paid.disguise.is_none().then_some(paid.code);
        self.inner.give_back(paid.id, paid.home(send), refunds, void).await
    }
}

/// A call for a send that store, network or provider is busy with. If it is dropped before its answer, as servers
/// drop the handler of a client that hangs up, it is told all the same: nobody orders texts, or uses up what
/// others need, unseen.
pub(super) struct UnderWay<'a> {
    gate: &'a Gate,
    send: &'a SendJob<'a>,
    tell: Option<Unanswered>,
}

/// What a call is told as that nobody waits for.
enum Unanswered {
    /// A text that may have gone out.
    Sent(RequestId),
    /// What is charged and sends no text.
    Unsent,
    /// What the store would have answered: as this, if at all.
    Asked(Option<SightingKind>),
}

impl<'a> UnderWay<'a> {
    /// A text that is handed off: it may have gone out.
    fn sent(gate: &'a Gate, send: &'a SendJob<'a>, id: RequestId) -> Self {
        Self { gate, send, tell: Some(Unanswered::Sent(id)) }
    }

    /// A request that was charged and sends no text.
    pub(super) fn unsent(gate: &'a Gate, send: &'a SendJob<'a>) -> Self {
        Self { gate, send, tell: Some(Unanswered::Unsent) }
    }

    /// A request that the store may have admitted, told as this. Not more often than it can be admitted:
    /// a token is good once, and a number gets one text in an interval.
    pub(super) fn asked(gate: &'a Gate, send: &'a SendJob<'a>, kind: Option<SightingKind>) -> Self {
        Self { gate, send, tell: Some(Unanswered::Asked(kind)) }
    }

    /// Whoever has the answer tells what came of it.
    pub(super) fn answered(mut self) {
        self.tell = None;
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        let Self { gate, send, .. } = *self;
        match self.tell {
            Some(Unanswered::Sent(id)) => gate.note_sent(send, id, false),
            Some(Unanswered::Unsent) => gate.watch(send, SightingKind::Unsent),
            Some(Unanswered::Asked(Some(kind))) => {
                let interval = send.policy.interval.ladder.first;
                let number = (send.subjects.number, send.now + interval);
                let token = send.nonce.map(|nonce| (nonce.key, nonce.expires));
                if gate.realm.watch.is_first_unanswered([token, Some(number)], send.now) {
                    gate.watch(send, kind);
                }
            }
            Some(Unanswered::Asked(None)) | None => {}
        }
    }
}

/// The message as its transport gets it.
fn outbound(
    send: &SendJob<'_>,
    mut text: OutboundText,
    paid: &Paid,
    record: &SendRecord,
) -> OutboundSms {
    let number = Number::Of(send.recipient.expose_e164());
    let registration = text.take_registration();
    let callback = CallbackKey::late(record.text());
    let sms =
        OutboundSms::with_callback(number, text.into_text(), send.segments, paid.id, callback)
            .with_channel(send.chosen.channel)
            .with_purpose_of(send.purpose.name());
    let sms = send.recipient.region().into_iter().fold(sms, OutboundSms::with_region);
    registration.into_iter().fold(sms, OutboundSms::with_registration)
}
