//! From a clearance to a text: render and parse back, plan, one atomic admission, hand off, settle.

use std::time::Duration;

use crate::access::{ClientIp, Query};
use crate::base::entropy::random;
use crate::base::id::{Pseudonym, RequestId};
use crate::base::keyring::KeyId;
use crate::base::money::Money;
use crate::base::time::{Timestamp, millis};
use crate::context::{ClientContext, Purpose};
use crate::error::{GateError, GateErrorKind};
use crate::event::{Event, EventKind};
use crate::limit::MeterKey;
use crate::message::{Language, OutboundText, RenderFields};
use crate::otp::digest::{CodeContext, digest};
use crate::otp::{Binding, Passcode, ResendCode};
use crate::outcome::{Issued, LimitName, RefusalReason, Sent};
use crate::policy::{Mode, Policy};
use crate::pumping::{Event as Sighting, EventKind as SightingKind};
use crate::recipient::Recipient;
use crate::store::{
    Admission, Admitted, ChallengeWrite, Guard, Nonce, Observation, Settlement, VoidCode,
};
use crate::token::TokenError;
use crate::transport::{HandoffErrorKind, OutboundSms};

use super::Gate;
use super::clearance::{Clearance, OwnScope};
use super::grant::{EntryGrant, Grant};
use super::guarded;
use super::names::slot;
use super::plan::{COUNT_SPAN_MS, Cause, Client, Lane, Plan, Proved, Remedy, Subjects, Terms};
use super::realm::{Concern, Standing};
use super::recall;
use super::record::Note;

/// How often a decision is made afresh because the controls changed under it.
const STALE_TRIES: usize = 3;

/// One send on its way: of a clearance, or of a grant that asks for another code.
struct Send<'a> {
    recipient: &'a Recipient,
    purpose: &'a Purpose,
    policy: &'a Policy,
    subjects: Subjects,
    scope: &'a OwnScope,
    lane: Lane,
    proved: Proved,
    client: ClientIp,
    user: Option<Pseudonym>,
    nonce: Option<Nonce>,
    binding: &'a Binding,
    language: Option<&'a Language>,
    price: Money,
    challenge: Challenge,
    now: Timestamp,
    decoy: bool,
}

/// The verification that the code is for.
struct Challenge {
    id: [u8; 16],
    key: KeyId,
    opened: Timestamp,
    closes: Timestamp,
    renew: bool,
}

/// What the store said of a send, once it has said something final.
enum Decision {
    Granted(Paid),
    /// Refused, and answered as if it were not.
    Quiet(Paid),
    Refused(Refused),
    StepUp(RefusalReason, Remedy),
}

/// What the store admitted.
struct Paid {
    plan: Plan,
    counts: Vec<u64>,
    id: RequestId,
    code: VoidCode,
}

/// A refusal in the making.
struct Refused {
    reason: RefusalReason,
    retry_after: Option<Duration>,
    /// Whether the detector would have refused too: it counts those that still come.
    pumping: bool,
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
            client: clearance.scope.ip,
            user: clearance.subjects.user,
            nonce: Some(clearance.nonce),
            binding: &clearance.binding,
            language: clearance.language.as_ref(),
            price: self.price(&clearance.recipient),
            challenge: Challenge {
                id: random(&*self.inner.entropy)?,
                key: self.inner.keys.current(),
                opened: now,
                closes: now + policy.code.open,
                renew: false,
            },
            now,
            decoy,
        };
        self.send(send, None).await
    }

    pub(super) async fn renewed_send(
        &self,
        text: &EntryGrant,
        binding: &Binding,
        client: &ClientContext,
    ) -> Result<Sent, GateError> {
        let now = self.now();
        let grant = match self.open_grant(text, binding, client, now) {
            Some(grant) => grant,
            None => return self.refused(now, None, RefusalReason::VerificationOver.into()),
        };
        let scope = self.own_scope(client);
        let language = Language::new(&grant.language).ok();
        let number = self.names().number(&grant.recipient);
        let mut subjects = self.subjects(&grant.recipient, number, &grant.purpose, client);
        subjects.device = self.known_device(client, &number, now);
        if grant.session == Pseudonym::default() {
            // A caller's verification: the host asks, not a page.
            (subjects.client, subjects.session) = (Client::Caller, None);
        }
        let send = Send {
            recipient: &grant.recipient,
            purpose: &grant.purpose,
            policy: self.policy(&grant.purpose),
            subjects,
            scope: &scope,
            lane: grant.lane,
            proved: if grant.lane == Lane::Open { Proved::Work } else { Proved::Human },
            client: *client.ip(),
            user: subjects.user,
            nonce: None,
            binding,
            language: language.as_ref(),
            price: self.price(&grant.recipient),
            challenge: Challenge {
                id: grant.challenge,
                key: grant.key,
                opened: grant.opened,
                closes: grant.closes,
                renew: true,
            },
            now,
            decoy: grant.decoy,
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
        // Providers bill by the segment.
        send.price = send.price.times(text.segments().count as u64);
        if send.price > send.policy.budget.message {
            let reason = RefusalReason::Budget(LimitName::Message);
            return self.refused(send.now, Some(&send), reason.into());
        }
        match self.decide(&send, &code, expires).await? {
            Decision::Refused(refused) => self.refused(send.now, Some(&send), refused),
            Decision::StepUp(reason, remedy) => self.step_up(&send, reason, remedy),
            Decision::Granted(paid) => {
                self.note_budgets(&send, &paid.plan, &paid.counts);
                match self.deliver(&send, text, &paid).await? {
                    Handed::Refused => {
                        self.refused(send.now, Some(&send), RefusalReason::NumberRefused.into())
                    }
                    Handed::Over { confirmed } => {
                        self.issued(&send, &paid, grant, expires, confirmed)
                    }
                }
            }
            Decision::Quiet(paid) => {
                send.decoy = true;
                self.issued(&send, &paid, grant, expires, true)
            }
        }
    }

    fn issued(
        &self,
        send: &Send<'_>,
        paid: &Paid,
        grant: Option<&EntryGrant>,
        expires: Timestamp,
        confirmed: bool,
    ) -> Result<Sent, GateError> {
        let grant = match grant {
            Some(grant) => grant.clone(),
            None => self.grant(send)?,
        };
        let record = self.record(send, paid.id, send.price);
        let resend_after = self.resend_after(send, &paid.plan, &paid.counts);
        Ok(Sent::Sent(Issued { grant, expires, resend_after, confirmed, record }))
    }

    /// Asks the store until the answer rests on the current controls.
    async fn decide(
        &self,
        send: &Send<'_>,
        code: &Passcode,
        expires: Timestamp,
    ) -> Result<Decision, GateError> {
        let id = RequestId::from_bytes(random(&*self.inner.entropy)?);
        let challenge = self.names().challenge(&send.challenge.id);
        let code = VoidCode { challenge, digest: self.digest(send, code)? };
        self.realm.remember(self, send.now).await?;
        for again in 0..STALE_TRIES {
            let mut standing = self.realm.standing(&self.concern(send));
            if standing.refuses() {
                // No admission would tell that another gate has lifted the entry since.
                drop(self.realm.reload_controls(self, send.now).await?);
                standing = self.realm.standing(&self.concern(send));
            }
            if let Some(reason) = standing.take_refusal() {
                return Ok(Decision::Refused(reason.into()));
            }
            let mut plan = self.plan(send, &standing);
            let mut admission = self.admission(send, id, &standing);
            let mut saved = None;
            if again > 0 {
                // A stale answer has counted the request.
                admission.observe.clear();
            }
            if standing.passes(send.proved)
                && let Some((documents, save)) = recall::writes(self, send.now)
            {
                (admission.documents, saved) = (documents, Some(save));
            }
            admission.charges = std::mem::take(&mut plan.charges);
            admission.challenge = Some(write(send, code.challenge, code.digest, expires));
            let mut answer = guarded::admit(&*self.inner.store, &admission).await?;
            plan.charges = std::mem::take(&mut admission.charges);
            if let Admitted::Exhausted { index, .. } = &answer
                && send.policy.mode.of(send.purpose, send.recipient.region()) == Mode::Observe
                && plan.may_be_waved(*index)
            {
                let (cause, _) = plan.cause(*index);
                let reason = cause.reason(standing.pumping_words()).to_string();
                self.note(send, EventKind::WouldRefuse { reason });
                plan = plan.in_shadow();
                admission.charges.clone_from(&plan.charges);
                // Counted and told already.
                admission.observe.clear();
                admission.exchange = None;
                answer = guarded::admit(&*self.inner.store, &admission).await?;
            }
            match answer {
                Admitted::Granted { counts, news, .. } => {
                    self.realm.take_in(self, &news);
                    if let Some(saved) = saved {
                        self.realm.saved(saved);
                    }
                    return Ok(Decision::Granted(Paid { plan, counts, id, code }));
                }
                Admitted::Exhausted { index, retry_after, news, .. } => {
                    self.realm.take_in(self, &news);
                    let (cause, remedy) = plan.cause(index);
                    if cause == Cause::Pumping {
                        self.realm.save_overdue(self, send.now).await;
                    }
                    let reason = cause.reason(standing.pumping_words());
                    let retry_after = match cause {
                        Cause::Pumping => standing.pumping_wait(send.now).unwrap_or(retry_after),
                        _ => retry_after,
                    };
                    if cause == Cause::Pumping
                        && send.policy.mode.quiet
                        && !self.offers(send, remedy)
                    {
                        return self.quietly(send, plan, admission, reason).await;
                    }
                    return Ok(if self.offers(send, remedy) {
                        Decision::StepUp(reason, remedy)
                    } else {
                        Decision::Refused(Refused {
                            reason,
                            retry_after: Some(retry_after),
                            pumping: standing.pumping(send.proved) == Some(Remedy::Wait),
                        })
                    });
                }
                Admitted::NonceSpent { .. } => {
                    return Ok(Decision::Refused(RefusalReason::TokenSpent.into()));
                }
                Admitted::ChallengeGone => {
                    return Ok(Decision::Refused(RefusalReason::VerificationOver.into()));
                }
                Admitted::Stale { document, version } => {
                    // another gate saved what its detector knows at the same moment, or an operator
                    // changed the controls
                    if !self.realm.outdated(self, document, version, send.now) {
                        drop(self.realm.reload_controls(self, send.now).await?);
                    }
                }
            }
        }
        Err(GateError::new(GateErrorKind::Store, "the controls kept changing during the request"))
    }

    /// Answers the detector's refusal as if a text had gone out: the limits of client and number
    /// are charged, and a code is kept that nobody will ever be told.
    async fn quietly(
        &self,
        send: &Send<'_>,
        plan: Plan,
        mut admission: Admission,
        reason: RefusalReason,
    ) -> Result<Decision, GateError> {
        let plan = plan.own();
        admission.charges.clone_from(&plan.charges);
        let unknown = random(&*self.inner.entropy)?;
        if let Some(ChallengeWrite::Open { digest, .. } | ChallengeWrite::Renew { digest, .. }) =
            &mut admission.challenge
        {
            *digest = unknown;
        }
        // Counted and told by the first admission.
        admission.observe.clear();
        admission.documents.clear();
        admission.exchange = None;
        let code = VoidCode { challenge: Pseudonym::default(), digest: unknown };
        let refused =
            |reason, retry_after| Decision::Refused(Refused { reason, retry_after, pumping: true });
        Ok(match guarded::admit(&*self.inner.store, &admission).await? {
            Admitted::Granted { counts, .. } => {
                self.watch(send, SightingKind::Refused);
                self.note(send, EventKind::QuietlyRefused { reason: reason.to_string() });
                Decision::Quiet(Paid { plan, counts, id: admission.id, code })
            }
            Admitted::Exhausted { index, retry_after, .. } => {
                refused(plan.cause(index).0.reason(None), Some(retry_after))
            }
            Admitted::NonceSpent { .. } => refused(RefusalReason::TokenSpent, None),
            Admitted::ChallengeGone => refused(RefusalReason::VerificationOver, None),
            Admitted::Stale { .. } => refused(reason, None),
        })
    }

    fn concern<'a>(&self, send: &'a Send<'_>) -> Concern<'a> {
        Concern {
            query: Query {
                recipient: send.recipient,
                number: send.subjects.number,
                client: send.client,
                user: send.user,
                purpose: send.purpose.as_str(),
                now: send.now,
            },
            subject: self.sighted(send.recipient, send.purpose, send.price, send.client),
            proved: send.proved,
        }
    }

    fn plan(&self, send: &Send<'_>, standing: &Standing) -> Plan {
        let terms = Terms {
            policy: send.policy,
            purpose: send.purpose,
            lane: send.lane,
            proved: if standing.exempt() { send.proved.max(Proved::Work) } else { send.proved },
            price: send.price,
            daily_budget: self.inner.daily_budget,
            resend: send.challenge.renew,
        };
        let mut plan = Plan::of_send(&terms, &send.subjects);
        let known = MeterKey::new(send.subjects.number, slot::KNOWN);
        if let Some(id) = standing.known_only() {
            plan.verdict(Cause::KnownOnly(id), Remedy::Wait, known);
        }
        if let Some(remedy) = standing.pumping(send.proved) {
            plan.verdict(Cause::Pumping, remedy, known);
        }
        if send.decoy { plan.unpaid() } else { plan }
    }

    fn admission(&self, send: &Send<'_>, id: RequestId, standing: &Standing) -> Admission {
        let names = self.names();
        let requests = |subject: Pseudonym| Observation {
            key: MeterKey::new(subject, slot::REQUESTS),
            span_ms: COUNT_SPAN_MS,
            units: 1,
        };
        let mut admission =
            Admission::new(id, send.now, self.inner.partition, send.now + super::REMEMBER);
        admission.guards = vec![Guard { document: names.controls(), version: standing.version() }];
        admission.nonces = send.nonce.into_iter().collect();
        admission.observe = vec![requests(send.subjects.country), requests(send.subjects.realm)];
        admission.exchange = self.realm.exchange(self, id);
        admission
    }

    fn digest(&self, send: &Send<'_>, code: &Passcode) -> Result<[u8; 32], GateError> {
        if send.decoy {
            return Ok(random(&*self.inner.entropy)?);
        }
        let context = CodeContext {
            realm: self.realm.name().as_bytes(),
            purpose: send.purpose.as_str(),
            challenge: &send.challenge.id,
            subject: send.subjects.number.as_bytes(),
            binding: &send.binding.bytes(),
        };
        let keys = self
            .inner
            .keys
            .verifying(send.challenge.key, send.now)
            .unwrap_or_else(|| self.inner.keys.signing());
        Ok(digest(&keys.code, &context, code.expose_secret()))
    }

    /// Hands the text off, and settles it if it did not go out.
    async fn deliver(
        &self,
        send: &Send<'_>,
        text: OutboundText,
        paid: &Paid,
    ) -> Result<Handed, GateError> {
        let segments = u32::try_from(text.segments().count).unwrap_or(u32::MAX);
        if send.decoy {
            self.note(send, EventKind::DecoyAnswered);
            return Ok(Handed::Over { confirmed: true });
        }
        let number = send.recipient.expose_e164().as_str().to_owned();
        let sms = OutboundSms::new(number, text.expose_text().to_owned(), segments, paid.id);
        drop(text);
        let resend = send.challenge.renew;
        let price = send.price;
        let sent = |confirmed| EventKind::Sent { price, segments, resend, confirmed };
        let handed = guarded::caught(self.inner.transport.hand_off(&sms)).await;
        match handed {
            Ok(Ok(_)) => {
                self.watch(send, SightingKind::Sent);
                self.note(send, sent(true));
                Ok(Handed::Over { confirmed: true })
            }
            Err(_) => {
                self.watch(send, SightingKind::Sent);
                self.note(send, EventKind::Outage { what: "the transport panicked".into() });
                self.note(send, sent(false));
                Ok(Handed::Over { confirmed: false })
            }
            Ok(Err(error)) => match error.kind() {
                HandoffErrorKind::NotSent => {
                    self.give_back(send, paid, false).await;
                    self.note(send, EventKind::NotSent { refused: false });
                    Err(error.into())
                }
                HandoffErrorKind::Refused => {
                    self.give_back(send, paid, true).await;
                    self.note(send, EventKind::NotSent { refused: true });
                    Ok(Handed::Refused)
                }
                HandoffErrorKind::Indeterminate => {
                    self.watch(send, SightingKind::Sent);
                    self.note(send, sent(false));
                    Ok(Handed::Over { confirmed: false })
                }
            },
        }
    }

    /// The text, parsed back. Before anything is charged, so that a text that cannot be made costs
    /// nobody anything.
    fn render(
        &self,
        send: &Send<'_>,
        code: &Passcode,
        expires: Timestamp,
    ) -> Result<OutboundText, GateError> {
        let minutes = millis(expires.since(send.now)).div_ceil(60_000);
        let fields = RenderFields {
            language: send.language.unwrap_or(self.inner.message.default_language()),
            code,
            binding: send.binding,
            minutes: u8::try_from(minutes).unwrap_or(u8::MAX),
        };
        Ok(self.inner.message.render(&fields)?)
    }

    /// Gives back what a text that did not go out has cost. If the store does not answer, the
    /// admission stays spent: the safe side.
    async fn give_back(&self, send: &Send<'_>, paid: &Paid, refused: bool) {
        let settlement = Settlement {
            admission: paid.id,
            now: self.now(),
            realm: self.inner.partition,
            refunds: paid.plan.refunds(refused, send.now),
            void: Some(paid.code),
            observe: Vec::new(),
            exchange: None,
        };
        if let Err(error) = guarded::settle(&*self.inner.store, &settlement).await {
            let what = format!("a refund was not recorded and stays spent: {error}");
            self.note(send, EventKind::Outage { what });
        }
    }

    fn grant(&self, send: &Send<'_>) -> Result<EntryGrant, GateError> {
        let grant = Grant {
            key: send.challenge.key,
            challenge: send.challenge.id,
            purpose: send.purpose.clone(),
            lane: send.lane,
            recipient: send.recipient.clone(),
            session: send.subjects.session.unwrap_or_default(),
            client: send.subjects.client.networks(),
            price: send.price,
            opened: send.challenge.opened,
            closes: send.challenge.closes,
            binding: self.binding_tag(send.binding),
            decoy: send.decoy,
            language: send.language.map(|tag| tag.as_str().to_owned()).unwrap_or_default(),
        };
        grant
            .seal(&self.inner.keys, self.realm.name(), send.now)
            .ok_or_else(|| GateError::new(GateErrorKind::Store, "the current key is gone"))
    }

    fn record(&self, send: &Send<'_>, id: RequestId, price: Money) -> super::SendRecord {
        Note { id: *id.as_bytes(), at: send.now, price, recipient: send.recipient.clone() }
            .seal(self.inner.keys.pseudonyms(), self.realm.name())
    }

    fn resend_after(&self, send: &Send<'_>, plan: &Plan, counts: &[u64]) -> Duration {
        let ladder = send.policy.interval.ladder;
        let rung = plan.ladder().and_then(|index| counts.get(index)).copied().unwrap_or(1);
        let doublings = u32::try_from(rung.saturating_sub(1)).unwrap_or(u32::MAX).min(32);
        ladder
            .first
            .saturating_mul(1_u32.checked_shl(doublings).unwrap_or(u32::MAX))
            .min(ladder.longest)
    }

    /// Whether the client can do something about it that it has not done yet.
    fn offers(&self, send: &Send<'_>, remedy: Remedy) -> bool {
        if send.subjects.caller.is_some() {
            return false;
        }
        match remedy {
            Remedy::Wait => false,
            Remedy::Work => send.proved < Proved::Work && !send.challenge.renew,
            Remedy::Human => {
                send.proved < Proved::Human && !send.challenge.renew && self.inner.human.is_some()
            }
        }
    }

    fn step_up(
        &self,
        send: &Send<'_>,
        reason: RefusalReason,
        remedy: Remedy,
    ) -> Result<Sent, GateError> {
        if matches!(reason, RefusalReason::Pumping(_)) {
            self.watch(send, SightingKind::Asked);
        }
        self.note(send, EventKind::StepUpAsked { reason: reason.to_string() });
        let means = self.means(send.policy, remedy);
        Ok(Sent::StepUp(self.step_up_ticket(send.purpose, send.scope, means, reason, send.now)?))
    }

    fn refused(
        &self,
        now: Timestamp,
        send: Option<&Send<'_>>,
        refused: Refused,
    ) -> Result<Sent, GateError> {
        let Refused { reason, retry_after, pumping } = refused;
        let kind = EventKind::Refused { reason: reason.to_string() };
        match send {
            Some(send) => {
                if pumping {
                    self.watch(send, SightingKind::Refused);
                }
                self.note(send, kind);
            }
            None => self.tell(&self.event(now, kind)),
        }
        Ok(Sent::Refused(self.refusal(reason, retry_after)?))
    }

    fn note(&self, send: &Send<'_>, kind: EventKind) {
        self.tell(&Event {
            purpose: Some(send.purpose.clone()),
            region: send.recipient.region(),
            number: Some(send.subjects.number),
            ..self.event(send.now, kind)
        });
    }

    /// Raises an event when a budget passes half or the step-up tier, or has no room for another text.
    fn note_budgets(&self, send: &Send<'_>, plan: &Plan, counts: &[u64]) {
        for (scope, index) in plan.budgets() {
            let Some((used, max)) = counts.get(index).copied().zip(plan.whole_budget(index)) else {
                continue;
            };
            let price = send.price.as_microdollars();
            let before = used.saturating_sub(price);
            let share = |micro: u64| {
                u128::from(micro).saturating_mul(100).checked_div(max.into()).unwrap_or(0)
            };
            for percent in [50, send.policy.budget.soft_percent] {
                if share(before) < u128::from(percent) && share(used) >= u128::from(percent) {
                    self.note(send, EventKind::BudgetTier { scope, percent });
                }
            }
            // Used up is a budget that no further text fits; prices seldom divide it evenly.
            if used.saturating_add(price) > max {
                self.note(send, EventKind::BudgetTier { scope, percent: 100 });
            }
        }
    }

    fn watch(&self, send: &Send<'_>, kind: SightingKind) {
        let subject = self.sighted(send.recipient, send.purpose, send.price, send.client);
        let mut sighting = Sighting::of(send.now, kind, &subject);
        if send.proved > Proved::Ordinary {
            sighting = sighting.passed();
        }
        self.realm.saw(self, sighting);
    }
}

/// What became of a text.
enum Handed {
    Over { confirmed: bool },
    Refused,
}

fn write(send: &Send<'_>, key: Pseudonym, digest: [u8; 32], expires: Timestamp) -> ChallengeWrite {
    if send.challenge.renew {
        let keep_previous = send.policy.code.resend == ResendCode::KeepPrevious;
        ChallengeWrite::Renew { key, digest, expires, keep_previous }
    } else {
        let (closes, attempts) = (send.challenge.closes, send.policy.code.attempts);
        ChallengeWrite::Open { key, digest, expires, closes, attempts }
    }
}
