//! From a clearance to a text: render and parse back, plan, one atomic admission, hand off, settle.

mod admit;
mod answer;
mod attempt;
mod deliver;
mod signals;

use std::time::Duration;

use crate::access::{ClientIp, ControlId, Query};
use crate::base::id::{Pseudonym, RequestId};
use crate::base::keyring::KeyId;
use crate::base::money::Money;
use crate::base::time::Timestamp;
use crate::context::Purpose;
use crate::error::GateError;
use crate::event::EventKind;
use crate::event::TestUse;
use crate::message::{Language, OutboundText};
use crate::otp::{Binding, CodeFormat, Passcode};
use crate::outcome::{
    Caution, Client, EntryGrant, Grant, Lane, LimitName, Note, OwnScope, Proved, RefusalReason,
    Sent, Subjects,
};
use crate::policy::Policy;
use crate::pumping::{SightingKind, Subject};
use crate::realm::{Concern, sighted};
use crate::recipient::Recipient;
use crate::store::{Home, Nonce, VoidCode};
use crate::transport::{Channel, HandoffError};

use super::Gate;
use super::channels::Chosen;
use crate::charges::Plan;

use admit::Decision;
use deliver::{Handed, Over, UnderWay};
use signals::Known;

/// One send on its way: of a clearance, or of a grant that asks for another code.
pub(super) struct SendJob<'a> {
    pub(super) recipient: &'a Recipient,
    pub(super) purpose: &'a Purpose,
    pub(super) policy: &'a Policy,
    /// What its codes look like.
    pub(super) format: CodeFormat,
    pub(super) subjects: Subjects,
    pub(super) scope: &'a OwnScope,
    pub(super) lane: Lane,
    pub(super) proved: Proved,
    /// Where the request comes from, as operators list it: a page's client, or a caller's peer.
    pub(super) from: ClientIp,
    pub(super) user: Option<Pseudonym>,
    /// Its token, or a caller's.
    pub(super) nonce: Option<Nonce>,
    /// What passed the human check.
    pub(super) human: Option<Nonce>,
    pub(super) binding: &'a Binding,
    pub(super) language: Option<&'a Language>,
    pub(super) price: Money,
    pub(super) segments: u32,
    pub(super) chosen: Chosen,
    /// What is reserved beside the text's price, for a look-up.
    pub(super) look_up: Money,
    pub(super) challenge: Challenge,
    pub(super) caution: Option<Caution>,
    pub(super) now: Timestamp,
    pub(super) decoy: bool,
    /// See [`Grant::disguised`](crate::outcome::Grant).
    pub(super) disguised: bool,
    /// The test number's entry that the verification was opened under.
    pub(super) test: Option<ControlId>,
}

/// The verification that the code is for.
pub(super) struct Challenge {
    pub(super) id: [u8; 16],
    pub(super) key: KeyId,
    pub(super) opened: Timestamp,
    pub(super) closes: Timestamp,
    pub(super) renew: bool,
    /// What its first text cost, if this renews it.
    pub(super) first: Money,
}

impl Challenge {
    /// That of a verification that goes on.
    pub(super) fn of(grant: &Grant) -> Self {
        let Grant { challenge, key, opened, closes, price, .. } = *grant;
        Self { id: challenge, key, opened, closes, renew: true, first: price }
    }
}

/// What the store admitted.
struct Paid {
    plan: Plan,
    counts: Vec<u64>,
    /// By how many costs a count moves.
    step: u64,
    id: RequestId,
    code: VoidCode,
    /// Whether numbers that are neither known nor allowed may get no text here.
    may_be_withheld: bool,
    /// What a text that does not go out is answered like, where its failure would tell something about
    /// the number.
    disguise: Option<Disguise>,
}

/// Like what a text is answered and charged that the provider did not take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Disguise {
    /// Other numbers' texts are withheld here, and answered as if they had gone out.
    Withheld,
    /// The host answers other numbers with decoys.
    Decoy,
}

impl Paid {
    /// Whom the calls about it are about.
    fn home(&self, send: &SendJob<'_>) -> Home {
        Home::of(send.subjects.number).and(self.code.challenge)
    }
}

/// A refusal in the making.
pub(super) struct Refused {
    pub(super) reason: RefusalReason,
    pub(super) retry_after: Option<Duration>,
    /// Whether the detector would have refused too: it counts those that still come.
    pub(super) pumping: bool,
}

impl SendJob<'_> {
    /// Whether a test number's code may stand in for a text.
    fn may_be_tested(&self) -> bool {
        !self.decoy && self.policy.test.numbers > 0
    }

    /// Whether other numbers are answered with decoys here, or were withheld when it began.
    fn is_beside_decoys(&self) -> bool {
        self.disguised || self.policy.mode.decoys.contains(self.purpose)
    }

    /// Whether nobody may see what a provider has reported of the number.
    fn hides_failures(&self) -> bool {
        self.policy.mode.quiet || self.is_beside_decoys()
    }

    /// What the detector sees of it.
    fn subject(&self) -> Subject {
        // A caller's peer is the host itself.
        let caller = self.subjects.client == Client::Caller;
        let from = if caller { ClientIp::unknown() } else { self.from };
        sighted(self.recipient, self.purpose, self.price, from)
    }

    /// What the lists and the detector are asked about it.
    fn concern(&self) -> Concern<'_> {
        Concern {
            query: Query {
                recipient: self.recipient,
                number: self.subjects.number,
                client: self.from,
                user: self.user,
                purpose: self.purpose.as_str(),
                now: self.now,
            },
            subject: self.subject(),
            proved: self.proved,
            quiet: self.policy.mode.quiet,
        }
    }
}

impl From<RefusalReason> for Refused {
    fn from(reason: RefusalReason) -> Self {
        Self { reason, retry_after: None, pumping: false }
    }
}

impl Gate {
    /// Renders and charges a send, and hands it off.
    pub(in crate::gate) async fn send(
        &self,
        send: &mut SendJob<'_>,
        grant: Option<&EntryGrant>,
    ) -> Result<Sent, GateError> {
        let code = Passcode::draw(&send.format, &*self.inner.entropy)?;
        let expires = (send.now + send.policy.code.life).min(send.challenge.closes);
        let text = match self.render(send, &code, expires) {
            // The texts of now were tried with codes of their own format only.
            Err(_) if send.format != send.policy.code.format => {
                let reason = RefusalReason::VerificationOver;
                return self.refused(send.now, Some(send), reason.into());
            }
            text => text?,
        };
        // Providers bill texts by the segment, and other messages whole.
        if send.chosen.channel == Channel::Sms {
            send.segments = u32::try_from(text.segments().count).unwrap_or(u32::MAX);
            send.price = send.price.times(send.segments.into());
        }
        if let Some(reason) = self.too_dear(send) {
            return self.refused(send.now, Some(send), reason.into());
        }
        let known = match self.inner.signals {
            Some(_) => self.known_signals(send).await?,
            None => None,
        };
        send.look_up = known.as_ref().map_or(Money::ZERO, |known| known.price(send));
        match self.decide(send, &code, expires).await? {
            Decision::Refused(refused) => self.refused(send.now, Some(send), refused),
            Decision::StepUp(reason, remedy, pumping) => {
                self.step_up(send, reason, remedy, pumping)
            }
            Decision::Granted(paid) => self.go_out(send, text, (paid, known), grant, expires).await,
            Decision::Test(paid, entry) => {
                send.test = Some(entry.id);
                send.challenge.closes = send.challenge.closes.min(entry.until);
                let expires = expires.min(entry.until);
                let (purpose, recipient) = (send.purpose, send.recipient);
                // Which numbers have a fixed code is nobody's business who asks.
                self.watch(send, SightingKind::Unsent);
                self.note_test(&entry, TestUse::Issued, purpose, recipient, send.now);
                self.issued(send, &paid, grant, expires, Over::withheld())
            }
            Decision::Quiet(paid) => {
                send.decoy = true;
                self.issued(send, &paid, grant, expires, Over::withheld())
            }
        }
    }

    /// Why the finished message is too dear, all its segments and by its channel.
    fn too_dear(&self, send: &SendJob<'_>) -> Option<RefusalReason> {
        if send.price > send.policy.budget.message {
            return Some(RefusalReason::Budget(LimitName::Message));
        }
        let known = self.inner.known_price(send.chosen.channel, send.recipient);
        let price = known.map(|_| send.price);
        self.inner.destinations.within_ceiling(price).err().map(RefusalReason::Destination)
    }

    /// Asks the network about the number where the policy wants that, hands the text off, and answers.
    async fn go_out(
        &self,
        send: &mut SendJob<'_>,
        text: OutboundText,
        (mut paid, known): (Paid, Option<Known>),
        grant: Option<&EntryGrant>,
        expires: Timestamp,
    ) -> Result<Sent, GateError> {
        self.note_budgets(send, &paid);
        send.disguised |= paid.disguise == Some(Disguise::Withheld);
        let refused = match known {
            Some(known) => {
                let under_way = UnderWay::unsent(self, send);
                let refused = Box::pin(self.ask_network(send, &mut paid, known)).await;
                under_way.answered();
                refused
            }
            None => None,
        };
        if let Some(reason) = refused {
            return self.refused_by_network(send, &paid, grant, expires, reason).await;
        }
        match self.deliver(send, text, &paid).await? {
            Handed::Refused(cause) => self.refused_by_provider(send, cause),
            Handed::Over(over) => {
                Box::pin(self.settle_look_up(send, &paid)).await;
                self.issued(send, &paid, grant, expires, over)
            }
            Handed::Hidden { for_good } => self.hidden(send, &paid, grant, expires, for_good),
        }
    }

    /// The answer where the provider will never take a text to this number.
    fn refused_by_provider(
        &self,
        send: &SendJob<'_>,
        cause: HandoffError,
    ) -> Result<Sent, GateError> {
        let mut sent = self.refused(send.now, Some(send), RefusalReason::NumberRefused.into())?;
        if let Sent::Refused(refusal) = &mut sent {
            refusal.cause = Some(cause);
        }
        Ok(sent)
    }

    /// Takes a text back that the number's network says not to send. In quiet mode nobody is told what only
    /// the carrier and the number's owner know.
    async fn refused_by_network(
        &self,
        send: &mut SendJob<'_>,
        paid: &Paid,
        grant: Option<&EntryGrant>,
        expires: Timestamp,
        reason: RefusalReason,
    ) -> Result<Sent, GateError> {
        let quiet = send.policy.mode.quiet;
        if quiet {
            self.note(send, EventKind::QuietlyRefused { reason: reason.clone() });
        }
        let under_way = UnderWay::unsent(self, send);
        self.take_back(send, paid).await;
        under_way.answered();
        if !quiet {
            return self.refused(send.now, Some(send), reason.into());
        }
        self.hidden(send, paid, grant, expires, true)
    }

    /// The answer to a text that was charged and did not go out, where nobody may see that it did not. Unless
    /// that is `for_good`, another text of the same verification may go out.
    fn hidden(
        &self,
        send: &mut SendJob<'_>,
        paid: &Paid,
        grant: Option<&EntryGrant>,
        expires: Timestamp,
        for_good: bool,
    ) -> Result<Sent, GateError> {
        self.watch(send, SightingKind::Unsent);
        let record = Note { paid: false, ..self.note_of(send, paid.id) }.record(&self.inner.keys);
        send.decoy |= for_good;
        let over = Over { record: Some(record), ..Over::withheld() };
        self.issued(send, paid, grant, expires, over)
    }
}
