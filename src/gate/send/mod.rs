//! From a clearance to a text: render and parse back, plan, one atomic admission, hand off, settle.

mod answer;
mod decide;
mod deliver;
mod signals;
mod withheld;

use std::time::Duration;

use crate::access::{ClientIp, ControlId};
use crate::base::entropy::random;
use crate::base::id::{Pseudonym, RequestId};
use crate::base::keyring::KeyId;
use crate::base::money::Money;
use crate::base::time::Timestamp;
use crate::context::{ClientContext, Purpose};
use crate::error::GateError;
use crate::event::EventKind;
use crate::event::TestUse;
use crate::message::Language;
use crate::otp::{Binding, Passcode};
use crate::outcome::{
    Caution, Clearance, Client, EntryGrant, Lane, LimitName, OwnScope, Proved, RefusalReason, Sent,
    Subjects,
};
use crate::policy::Policy;
use crate::pumping::SightingKind;
use crate::recipient::Recipient;
use crate::store::{Nonce, VoidCode};
use crate::token::TokenError;
use crate::transport::Channel;

use super::Gate;
use super::channels::{Chosen, Unavailable};
use super::plan::Plan;

use decide::Decision;
use deliver::{Handed, Over};

/// One send on its way: of a clearance, or of a grant that asks for another code.
struct Send<'a> {
    recipient: &'a Recipient,
    purpose: &'a Purpose,
    policy: &'a Policy,
    subjects: Subjects,
    scope: &'a OwnScope,
    lane: Lane,
    proved: Proved,
    /// Where the request comes from, as operators list it: a page's client, or a caller's peer.
    from: ClientIp,
    user: Option<Pseudonym>,
    /// Its token, or a caller's.
    nonce: Option<Nonce>,
    /// What passed the human check.
    human: Option<Nonce>,
    binding: &'a Binding,
    language: Option<&'a Language>,
    price: Money,
    segments: u32,
    chosen: Chosen,
    /// What is reserved beside the text's price, for a look-up.
    look_up: Money,
    challenge: Challenge,
    caution: Option<Caution>,
    now: Timestamp,
    decoy: bool,
    /// The test number's entry that the verification was opened under.
    test: Option<ControlId>,
}

/// The verification that the code is for.
struct Challenge {
    id: [u8; 16],
    key: KeyId,
    opened: Timestamp,
    closes: Timestamp,
    renew: bool,
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
}

/// A refusal in the making.
struct Refused {
    reason: RefusalReason,
    retry_after: Option<Duration>,
    /// Whether the detector would have refused too: it counts those that still come.
    pumping: bool,
}

impl Send<'_> {
    /// All that is reserved for it.
    fn reserved(&self) -> Money {
        self.price + self.look_up
    }

    /// Whether a test number's code may stand in for a text.
    fn may_be_tested(&self) -> bool {
        !self.decoy && self.policy.test.numbers > 0
    }

    /// Where the request comes from, as the detector counts it: a caller's peer is the host itself.
    fn seen_from(&self) -> ClientIp {
        if self.subjects.client == Client::Caller { ClientIp::unknown() } else { self.from }
    }
}

impl From<RefusalReason> for Refused {
    fn from(reason: RefusalReason) -> Self {
        Self { reason, retry_after: None, pumping: false }
    }
}

impl Gate {
    pub(super) async fn first_send(
        &self,
        clearance: Clearance,
        decoy: bool,
    ) -> Result<Sent, GateError> {
        let now = self.now();
        if *clearance.realm != *self.realm.name() {
            // A clearance of another tenant: its token was never this realm's.
            return self.refused(now, None, RefusalReason::Token(TokenError::WrongPurpose).into());
        }
        if now >= clearance.expires {
            return self.refused(now, None, RefusalReason::Token(TokenError::Expired).into());
        }
        let policy = self.policy(&clearance.purpose);
        let send = Send {
            recipient: &clearance.recipient,
            purpose: &clearance.purpose,
            policy,
            subjects: clearance.subjects,
            scope: &clearance.scope,
            lane: clearance.lane,
            proved: clearance.proved,
            from: clearance.scope.ip,
            user: clearance.subjects.user,
            nonce: Some(clearance.nonce),
            human: clearance.human,
            binding: &clearance.binding,
            language: clearance.language.as_ref(),
            price: self.price(&clearance.recipient),
            segments: 1,
            chosen: Chosen::SMS,
            look_up: Money::ZERO,
            challenge: Challenge {
                id: random(&*self.inner.entropy)?,
                key: self.inner.keys.current(),
                opened: now,
                closes: now + policy.code.open,
                renew: false,
            },
            caution: clearance.caution,
            now,
            decoy,
            test: None,
        };
        self.send(send, None).await
    }

    pub(super) async fn renewed_send(
        &self,
        text: &EntryGrant,
        binding: &Binding,
        client: &ClientContext,
        asked: Option<Channel>,
    ) -> Result<Sent, GateError> {
        let now = self.now();
        let grant = match self.open_grant(text, binding, client, now) {
            Some(grant) => grant,
            None => return self.refused(now, None, RefusalReason::VerificationOver.into()),
        };
        let chosen = match self.choose(&grant, self.policy(&grant.purpose), asked, now).await? {
            Ok(chosen) => chosen,
            Err(Unavailable { reason, retry_after }) => {
                return self.refused(now, None, Refused { retry_after, ..reason.into() });
            }
        };
        let scope = self.own_scope(client);
        let language = Language::new(&grant.language).ok();
        let number = self.names().number(&grant.recipient);
        let mut subjects = self.subjects(&grant.recipient, number, &grant.purpose, client);
        match grant.lane {
            Lane::Proven => subjects.device = grant.entered_by,
            Lane::Caller => subjects.caller = grant.entered_by,
            Lane::Open | Lane::Checked => {
                subjects.device = self.known_device(client, &number, now);
            }
        }
        if grant.session == Pseudonym::default() {
            // A caller's verification: the host asks, not a page.
            (subjects.client, subjects.session) = (Client::Caller, None);
        }
        let spared = subjects.client == Client::Caller || subjects.device.is_some();
        let caution = match spared {
            true => None,
            false => self.caution(client, &grant.recipient, number, &grant.purpose, now),
        };
        let send = Send {
            recipient: &grant.recipient,
            purpose: &grant.purpose,
            policy: self.policy(&grant.purpose),
            subjects,
            scope: &scope,
            lane: grant.lane,
            proved: if grant.lane == Lane::Open { Proved::Work } else { Proved::Human },
            from: *client.ip(),
            user: subjects.user,
            nonce: None,
            human: None,
            binding,
            language: language.as_ref(),
            price: self.price_by(chosen.channel, &grant.recipient),
            chosen,
            segments: 1,
            look_up: Money::ZERO,
            challenge: Challenge {
                id: grant.challenge,
                key: grant.key,
                opened: grant.opened,
                closes: grant.closes,
                renew: true,
            },
            caution,
            now,
            decoy: grant.decoy,
            test: grant.test,
        };
        self.send(send, Some(text)).await
    }

    async fn send(
        &self,
        mut send: Send<'_>,
        grant: Option<&EntryGrant>,
    ) -> Result<Sent, GateError> {
        let code = Passcode::draw(&send.policy.code.format, &*self.inner.entropy)?;
        let expires = (send.now + send.policy.code.life).min(send.challenge.closes);
        let text = self.render(&send, &code, expires)?;
        // Providers bill texts by the segment, and other messages whole.
        if send.chosen.channel == Channel::Sms {
            send.segments = u32::try_from(text.segments().count).unwrap_or(u32::MAX);
            send.price = send.price.times(send.segments.into());
        }
        if send.price > send.policy.budget.message {
            let reason = RefusalReason::Budget(LimitName::Message);
            return self.refused(send.now, Some(&send), reason.into());
        }
        let known = self.known_signals(&send).await?;
        send.look_up = known.as_ref().map_or(Money::ZERO, |known| known.price(&send));
        match self.decide(&send, &code, expires).await? {
            Decision::Refused(refused) => self.refused(send.now, Some(&send), refused),
            Decision::StepUp(reason, remedy, pumping) => {
                self.step_up(&send, reason, remedy, pumping)
            }
            Decision::Granted(mut paid) => {
                self.note_budgets(&send, &paid);
                let refused = match known {
                    Some(known) => Box::pin(self.ask_network(&send, &mut paid, known)).await,
                    None => None,
                };
                if let Some(reason) = refused {
                    self.take_back(&send, &paid).await;
                    if !send.policy.mode.quiet {
                        return self.refused(send.now, Some(&send), reason.into());
                    }
                    // Nobody is told what only the carrier and the number's owner know.
                    self.watch(&send, SightingKind::Unsent);
                    self.note(&send, EventKind::QuietlyRefused { reason });
                    send.decoy = true;
                    return self.issued(&send, &paid, grant, expires, Over::withheld());
                }
                match self.deliver(&send, text, &paid).await? {
                    Handed::Refused => {
                        self.refused(send.now, Some(&send), RefusalReason::NumberRefused.into())
                    }
                    Handed::Over(over) => self.issued(&send, &paid, grant, expires, over),
                }
            }
            Decision::Test(paid, entry) => {
                send.test = Some(entry.id);
                send.challenge.closes = send.challenge.closes.min(entry.until);
                let expires = expires.min(entry.until);
                let (purpose, recipient) = (send.purpose, send.recipient);
                // Which numbers have a fixed code is nobody's business who asks.
                self.watch(&send, SightingKind::Unsent);
                self.note_test(&entry, TestUse::Issued, purpose, recipient, send.now);
                self.issued(&send, &paid, grant, expires, Over::withheld())
            }
            Decision::Quiet(paid) => {
                send.decoy = true;
                self.issued(&send, &paid, grant, expires, Over::withheld())
            }
        }
    }
}
