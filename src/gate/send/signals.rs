//! What the network says of a number: read from the store before the admission, asked for once
//! everything cheap has let the text through and its price is reserved.

use crate::base::entropy::random;
use crate::base::money::Money;
use crate::base::timer::within;
use crate::error::GateError;
use crate::event::{EventKind, OutagePart};
use crate::gate::Gate;
use crate::gate::answers::{Answer, Ask, Lives, Seal, Shelf, shelf_of};
use crate::guarded;
use crate::limit::MeterKey;
use crate::outcome::RefusalReason;
use crate::policy::{AskNetwork, Mode, WithoutAnswer};
use crate::pumping::SightingKind;
use crate::realm::slot;
use crate::recipient::LineType;
use crate::store::{Admitted, Home};
use crate::telemetry::{Span, Verb};
use crate::transport::Channel;
use crate::transport::signals::{Signals, SignalsErrorKind, SignalsQuery};

use super::{Paid, SendJob};

/// How often an answer is put on its shelf again because another gate wrote there meanwhile.
const SHELF_TRIES: usize = 3;

/// What is known of a number, and what has to be asked.
#[derive(Debug)]
pub(super) struct Known {
    shelf: Shelf,
    answer: Answer,
    ask: Option<Ask>,
}

impl Known {
    /// What is reserved for the look-up.
    pub(super) fn price(&self, send: &SendJob<'_>) -> Money {
        match self.ask {
            Some(_) => send.policy.signals.price,
            None => Money::ZERO,
        }
    }
}

impl Gate {
    fn shelf_seal(&self) -> Seal<'_> {
        Seal { key: self.inner.keys.papers(), realm: self.realm.name() }
    }

    /// What the store holds of the number, if the policy wants to know it. One round trip for every
    /// number and for decoys, whatever it finds.
    pub(super) async fn known_signals(
        &self,
        send: &SendJob<'_>,
    ) -> Result<Option<Known>, GateError> {
        let policy = &send.policy.signals;
        // An e-mail does not pass the number's network.
        let passes = send.chosen.channel != Channel::Email;
        if policy.ask == AskNetwork::Never || !passes {
            return Ok(None);
        }
        let name = shelf_of(self.names(), &send.subjects.number);
        let mut query = self.inner.query(Home::of(send.subjects.number), send.now);
        query.documents = vec![name];
        query.marks = vec![MeterKey::new(send.subjects.number, slot::KNOWN)];
        let tallies = Box::pin(guarded::tally(&*self.inner.store, &query)).await?;
        let mark = tallies.marks.first().copied().flatten();
        let verified = mark.is_some_and(|(_, until)| send.now < until);
        if verified && policy.ask == AskNetwork::NewNumbers {
            return Ok(None);
        }
        let document = tallies.documents.into_iter().next().unwrap_or_default();
        let shelf = Shelf::open(name, &document, self.shelf_seal(), send.now);
        let (answer, lives) = (shelf.answer(send.subjects.number), Lives::of(policy));
        let sim_swap = policy.swap_rule().filter(|span| !answer.has_sim(*span, lives, send.now));
        let line = !answer.has_line(lives, send.now);
        let ask = (line || sim_swap.is_some()).then_some(Ask { line, sim_swap });
        Ok(Some(Known { shelf, answer, ask }))
    }

    /// Asks what is not known, and says why the text is not to go out, if it is not.
    pub(super) async fn ask_network(
        &self,
        send: &SendJob<'_>,
        paid: &mut Paid,
        known: Known,
    ) -> Option<RefusalReason> {
        if send.decoy {
            return None;
        }
        let Known { shelf, mut answer, ask } = known;
        let lives = Lives::of(&send.policy.signals);
        let heard = match ask {
            None => Some(answer.signals(lives, send.now)),
            Some(ask) => {
                let heard = self.look_up(send, paid, ask).await;
                if let Some(signals) = &heard {
                    self.learn(send, &mut answer, ask, signals);
                    self.keep_answer(send, shelf, answer.clone()).await;
                }
                heard.map(|fresh| answer.beside(&fresh, ask, lives, send.now))
            }
        };
        let reason = self.ruled(send, heard.as_ref());
        if let Some(signals) = heard {
            self.note(send, EventKind::Signals { signals, asked: ask.is_some() });
        }
        let reason = reason?;
        if send.policy.mode.of(send.purpose, send.recipient.line_region()) == Mode::Observe {
            self.note(send, EventKind::WouldRefuse { reason });
            return None;
        }
        Some(reason)
    }

    /// The look-up itself. Its price stays spent unless it provably cost nothing.
    async fn look_up(&self, send: &SendJob<'_>, paid: &mut Paid, ask: Ask) -> Option<Signals> {
        let port = self.inner.signals.as_ref()?;
        let number = send.recipient.expose_e164().as_str().to_owned();
        let query = SignalsQuery::new(number, send.recipient.region(), ask.line, ask.sim_swap);
        let asked = within(self.inner.signals_deadline, guarded::caught(port.look_up(&query)));
        let (paid_for, failure) = match Span::of(Verb::LookUp).over(asked).await {
            Some(Ok(Ok(signals))) => {
                paid.plan.keep(send.policy.signals.price);
                return Some(signals);
            }
            Some(Ok(Err(error))) => (error.kind() != SignalsErrorKind::NotAsked, error.to_string()),
            Some(Err(_)) => (true, "the look-up panicked".to_owned()),
            None => (true, "the network did not answer before the deadline".to_owned()),
        };
        if paid_for {
            paid.plan.keep(send.policy.signals.price);
        }
        let then = match send.policy.signals.without_answer {
            WithoutAnswer::Send => "the text goes out without it",
            WithoutAnswer::Refuse => "no text goes out without it",
        };
        let what = format!("{failure}; {then}");
        self.note(send, EventKind::Outage { part: OutagePart::LookUp, what });
        None
    }

    /// Gives back what a look-up has not cost, once its text is out of hand. A text that did not go
    /// out gives it back with its own price.
    pub(super) async fn settle_look_up(&self, send: &SendJob<'_>, paid: &Paid) {
        let refunds = paid.plan.refunds_of_look_up(send.look_up, send.now);
        if refunds.is_empty() {
            return;
        }
        if let Err(error) = self.inner.give_back(paid.id, paid.home(send), refunds, None).await {
            let what = format!("a look-up's refund was not recorded and stays spent: {error}");
            self.note(send, EventKind::Outage { part: OutagePart::beside(error.kind()), what });
        }
    }

    /// Remembers what was heard, and tells the detector whether the line is what its block is for.
    fn learn(&self, send: &SendJob<'_>, answer: &mut Answer, ask: Ask, signals: &Signals) {
        if ask.line {
            answer.learn_line(signals, send.now);
            let assigned = is_mobile(send.recipient.line_type());
            if let Some(line_type) = signals.line_type.filter(|_| assigned) {
                self.watch(
                    send,
                    match is_mobile(line_type) {
                        true => SightingKind::Alike,
                        false => SightingKind::Unlike,
                    },
                );
            }
        }
        if let Some(asked) = ask.sim_swap {
            answer.learn_sim(signals, asked, send.now);
        }
    }

    /// Why the policy lets no text out, given what was heard.
    fn ruled(&self, send: &SendJob<'_>, heard: Option<&Signals>) -> Option<RefusalReason> {
        let policy = &send.policy.signals;
        let missing = match policy.without_answer {
            WithoutAnswer::Send => None,
            WithoutAnswer::Refuse => Some(RefusalReason::NoSignals),
        };
        let Some(signals) = heard else { return missing };
        let span = policy.swap_rule()?;
        match signals.sim_swap.and_then(|swap| swap.since(span, send.now)) {
            Some(true) => Some(RefusalReason::SimSwapped),
            Some(false) => None,
            None => missing,
        }
    }

    /// Puts an answer on its shelf. If that fails, it will be asked for again.
    async fn keep_answer(&self, send: &SendJob<'_>, mut shelf: Shelf, answer: Answer) {
        let name = shelf_of(self.names(), &send.subjects.number);
        for _ in 0..SHELF_TRIES {
            match self.put_on_shelf(send, shelf, answer.clone()).await {
                Ok(true) => return,
                Ok(false) => {}
                Err(error) => {
                    let what = format!("what the network said could not be kept: {error}");
                    let part = OutagePart::beside(error.kind());
                    return self.note(send, EventKind::Outage { part, what });
                }
            }
            // Another gate wrote there meanwhile.
            let Ok(document) = self.inner.document(name, send.now).await else { return };
            shelf = Shelf::open(name, &document, self.shelf_seal(), send.now);
        }
    }

    /// Whether the shelf was still as it was read.
    async fn put_on_shelf(
        &self,
        send: &SendJob<'_>,
        shelf: Shelf,
        answer: Answer,
    ) -> Result<bool, GateError> {
        let nonce = random(&*self.inner.entropy)?;
        let mut admission = self.inner.admission(Home::NOBODY, send.now)?;
        let policies = self.inner.purposes.values().chain([&self.inner.policy]);
        let longest = Lives::longest(policies.map(|policy| &policy.signals));
        let write = shelf.with(answer, self.shelf_seal(), nonce, longest, send.now);
        admission.documents = vec![write];
        let admitted = guarded::admit(&*self.inner.store, &admission).await?;
        Ok(matches!(admitted, Admitted::Granted { .. }))
    }
}

fn is_mobile(kind: LineType) -> bool {
    matches!(kind, LineType::Mobile | LineType::FixedLineOrMobile)
}
