//! From what the form posted to a clearance: no store, nothing charged.

use std::net::IpAddr;
use std::time::Duration;

use crate::access::{
    Around, CallerError, CallerRequest, ClientIp, ClientPrefix, DeviceProof, ListVerdict, Query,
};
use crate::base::entropy::random;
use crate::base::id::Pseudonym;
use crate::base::money::Money;
use crate::base::time::Timestamp;
use crate::context::{ClientContext, Purpose};
use crate::error::GateError;
use crate::event::{Event, EventKind};
use crate::human::HumanVerdict;
use crate::outcome::{
    Clearance, Cleared, Client, Lane, LimitName, Networks, OwnScope, Proved, PublicRefusalKind,
    Refusal, RefusalReason, StepUp, StepUpMeans, Subjects,
};
use crate::policy::{AnonymiserTier, Policy};
use crate::pumping::{ClientNet, Sighting, SightingKind, Subject};
use crate::recipient::Recipient;
use crate::store::Nonce;
use crate::token::{
    CheckedToken, Scope, SendTicket, TicketLevel, TicketTerms, TokenError, TokenProof,
};
use crate::transport::Channel;

use super::Gate;
use super::plan::Remedy;

impl Gate {
    pub(super) fn ticket(
        &self,
        purpose: &Purpose,
        client: &ClientContext,
    ) -> Result<SendTicket, GateError> {
        let now = self.now();
        let scope = self.own_scope(client);
        let ticket = self.sign(purpose, &scope, self.policy(purpose).token.ordinary(), now)?;
        self.tell(&Event {
            purpose: Some(purpose.clone()),
            ..self.event(now, EventKind::TicketIssued)
        });
        Ok(ticket)
    }

    pub(super) async fn clear_page(
        &self,
        proof: &str,
        recipient: &Recipient,
        purpose: &Purpose,
        client: &ClientContext,
    ) -> Result<Cleared, GateError> {
        let now = self.now();
        let scope = self.own_scope(client);
        let token = match self.check_proof(proof, recipient, purpose, &scope, now) {
            Ok(token) => token,
            Err(error) => {
                let reason = RefusalReason::Token(error);
                return self.turned_away(reason, recipient, purpose, now);
            }
        };
        let number = self.names().number(recipient);
        if let Some(reason) = self.inadmissible(recipient, purpose) {
            return self.turned_away(reason, recipient, purpose, now);
        }
        if self.listed(recipient, number, client, purpose, now).is_some() {
            // Another gate may have lifted the entry since.
            drop(Box::pin(self.realm.reload_controls(self, now)).await?);
            if let Some(reason) = self.listed(recipient, number, client, purpose, now) {
                return self.turned_away(reason, recipient, purpose, now);
            }
        }
        let policy = self.policy(purpose);
        let proved = match token.level() {
            TicketLevel::Ordinary => Proved::Ordinary,
            TicketLevel::HarderWork | TicketLevel::HumanCheck => Proved::Work,
        };
        let device = self.known_device(client, &number, now);
        let caution = match device {
            Some(_) => None,
            None => self.caution(client, recipient, number, purpose, now),
        };
        let hidden = caution.filter(|caution| caution.tier == AnonymiserTier::HumanCheck);
        let asked = token.level() == TicketLevel::HumanCheck || policy.token.human_check_always;
        let asked = asked || hidden.is_some();
        let mut human = None;
        let proved = match (client.human(), asked) {
            (Some(response), _) if self.inner.human.is_some() => {
                match Box::pin(self.check_human(response, purpose, client, now)).await? {
                    HumanVerdict::Passed(pass) => {
                        human = Some(self.human_nonce(&pass, now));
                        Proved::Human
                    }
                    HumanVerdict::Failed(failure) => {
                        let failed = EventKind::HumanCheckFailed { failure };
                        self.tell(&Event {
                            purpose: Some(purpose.clone()),
                            region: recipient.region(),
                            ..self.event(now, failed)
                        });
                        let reason = RefusalReason::HumanCheckFailed;
                        let price = self.price(recipient);
                        let subject = self.sighted(recipient, purpose, price, *client.ip());
                        self.realm.saw(self, Sighting::of(now, SightingKind::Failed, &subject));
                        return self.turned_away(reason, recipient, purpose, now);
                    }
                }
            }
            (_, true) if self.inner.human.is_some() => {
                let reason = match hidden {
                    Some(caution) => self.cautious(caution, recipient, number, purpose, now),
                    None => RefusalReason::HumanCheckFailed,
                };
                let means = StepUpMeans::Human;
                let step_up = self.step_up_ticket(purpose, &scope, means, reason, now)?;
                return Ok(Cleared::StepUp(step_up));
            }
            _ => proved,
        };
        if let Some(caution) = hidden
            && proved == Proved::Ordinary
        {
            // Nobody can tell people from scripts here.
            let reason = self.cautious(caution, recipient, number, purpose, now);
            let means = self.means(policy, Remedy::Work);
            let step_up = self.step_up_ticket(purpose, &scope, means, reason, now)?;
            return Ok(Cleared::StepUp(step_up));
        }
        let names = self.names();
        let lane = match (&device, proved) {
            (Some(_), _) => Lane::Proven,
            (None, Proved::Human) => Lane::Checked,
            (None, _) => Lane::Open,
        };
        let mut subjects = self.subjects(recipient, number, purpose, client);
        subjects.device = device;
        Ok(Cleared::Cleared(Clearance {
            recipient: recipient.clone(),
            purpose: purpose.clone(),
            subjects,
            scope,
            lane,
            proved,
            caution,
            nonce: Nonce { key: names.nonce(token.nonce()), expires: token.expires() },
            human,
            expires: token.expires(),
            binding: crate::otp::Binding::none(),
            language: None,
            realm: self.realm.shared_name(),
        }))
    }

    pub(super) fn clear_caller(
        &self,
        signed: &str,
        recipient: &Recipient,
        purpose: &Purpose,
        peer: IpAddr,
    ) -> Result<Cleared, GateError> {
        let now = self.now();
        let request =
            CallerRequest { realm: self.realm.name(), purpose: purpose.as_str(), recipient };
        let peer = ClientIp::from_peer(peer);
        let checked = match &self.inner.callers {
            Some(callers) => callers.check(signed, &request, &peer, &self.inner.keys, now),
            None => Err(CallerError::NotListed),
        };
        let caller = match checked {
            Ok(caller) => caller,
            Err(error) => {
                let reason = RefusalReason::Caller(error);
                return self.turned_away(reason, recipient, purpose, now);
            }
        };
        let client = ClientContext::new(ClientIp::unknown(), "");
        let names = self.names();
        let number = names.number(recipient);
        if let Some(reason) = self.inadmissible(recipient, purpose) {
            return self.turned_away(reason, recipient, purpose, now);
        }
        let mut subjects = self.subjects(recipient, number, purpose, &client);
        subjects.client = Client::Caller;
        subjects.session = None;
        subjects.caller = Some(names.caller(caller.id().as_str()));
        Ok(Cleared::Cleared(Clearance {
            recipient: recipient.clone(),
            purpose: purpose.clone(),
            subjects,
            // The lists know networks, and a caller's peer is in one.
            scope: OwnScope { ip: peer, ..self.own_scope(&client) },
            lane: Lane::Caller,
            proved: Proved::Human,
            caution: None,
            nonce: Nonce { key: names.nonce(caller.nonce()), expires: caller.expires() },
            human: None,
            expires: caller.expires(),
            binding: crate::otp::Binding::none(),
            language: None,
            realm: self.realm.shared_name(),
        }))
    }

    /// The device that the client proves, if the number was verified on it before.
    pub(super) fn known_device(
        &self,
        client: &ClientContext,
        number: &Pseudonym,
        now: Timestamp,
    ) -> Option<Pseudonym> {
        let device = DeviceProof::check(client.proof()?, number, &self.inner.keys, now).ok()?;
        Some(self.names().device(device.id().as_bytes()))
    }

    /// Whose meters a request runs on.
    pub(super) fn subjects(
        &self,
        recipient: &Recipient,
        number: Pseudonym,
        purpose: &Purpose,
        client: &ClientContext,
    ) -> Subjects {
        let names = self.names();
        Subjects {
            client: self.client_meters(client),
            session: Some(names.session(client.session())),
            user: client.user_id().map(|user| names.user(user)),
            ..self.destination_subjects(recipient, number, purpose)
        }
    }

    /// Whose meters a text runs on, whoever asked for it.
    pub(super) fn destination_subjects(
        &self,
        recipient: &Recipient,
        number: Pseudonym,
        purpose: &Purpose,
    ) -> Subjects {
        let names = self.names();
        Subjects {
            number,
            block: names.block(recipient),
            country: names.country(recipient.region()),
            region: recipient.region(),
            client: Client::Caller,
            session: None,
            user: None,
            device: None,
            caller: None,
            purpose: names.purpose(purpose),
            realm: names.whole(),
            global: self.inner.global,
        }
    }

    pub(super) fn client_meters(&self, client: &ClientContext) -> Client {
        let names = self.names();
        let name = |network: ClientPrefix| names.client(&network.to_bytes());
        let own = client.ip().prefix();
        match client.ip().around() {
            None => Client::Unknown(name(own)),
            Some(Around::V4 { site, campus, allocation }) => {
                let [campus, allocation] = names.around(campus, allocation);
                let around = Around::V4 { site, campus, allocation };
                Client::Network(Networks { own: name(own), around })
            }
            Some(around) => Client::Network(Networks { own: name(own), around: around.map(name) }),
        }
    }

    pub(super) fn own_scope(&self, client: &ClientContext) -> OwnScope {
        OwnScope {
            origin: client.page_origin().to_owned(),
            session: client.session().to_owned(),
            client: client.ip().prefix().to_bytes().to_vec(),
            ip: *client.ip(),
        }
    }

    pub(super) fn price(&self, recipient: &Recipient) -> Money {
        Money::microdollars(self.inner.prices.of(super::home(recipient)).into())
    }

    /// What one message by `channel` costs.
    pub(super) fn price_by(&self, channel: Channel, recipient: &Recipient) -> Money {
        match self.carrier(channel) {
            Some(carrier) => Money::microdollars(carrier.prices.of(super::home(recipient)).into()),
            None => self.price(recipient),
        }
    }

    /// What to ask for, given what would help.
    pub(super) fn means(&self, policy: &Policy, remedy: Remedy) -> StepUpMeans {
        match remedy {
            Remedy::Human if self.inner.human.is_some() => StepUpMeans::Human,
            _ => StepUpMeans::Work { bits: policy.token.step_up_work.bits() },
        }
    }

    pub(super) fn step_up_ticket(
        &self,
        purpose: &Purpose,
        scope: &OwnScope,
        means: StepUpMeans,
        reason: RefusalReason,
        now: Timestamp,
    ) -> Result<StepUp, GateError> {
        let policy = self.policy(purpose);
        let terms = match means {
            StepUpMeans::Work { .. } => policy.token.harder_work(),
            StepUpMeans::Human => policy.token.human_check(),
        };
        let ticket = self.sign(purpose, scope, terms, now)?;
        Ok(StepUp { means, ticket, reason })
    }

    pub(super) fn refusal(
        &self,
        reason: RefusalReason,
        retry_after: Option<Duration>,
    ) -> Result<Refusal, GateError> {
        let [noise]: [u8; 1] = random(&*self.inner.entropy)?;
        // A block has no end to name; without one it would look unlike a limit.
        let later = reason.public_kind() == PublicRefusalKind::TryLater;
        let shown = retry_after.or(later.then_some(NO_END));
        let public_retry = shown.map(|wait| blur(wait, noise));
        Ok(Refusal { reason, retry_after, public_retry })
    }

    fn sign(
        &self,
        purpose: &Purpose,
        scope: &OwnScope,
        terms: TicketTerms,
        now: Timestamp,
    ) -> Result<SendTicket, GateError> {
        let scope = self.scope(purpose, scope);
        Ok(SendTicket::issue(&scope, terms, &self.inner.keys, &*self.inner.entropy, now)?)
    }

    fn scope<'a>(&'a self, purpose: &'a Purpose, own: &'a OwnScope) -> Scope<'a> {
        Scope {
            realm: self.realm.name(),
            purpose: purpose.as_str(),
            origin: &own.origin,
            session: &own.session,
            client: &own.client,
        }
    }

    fn check_proof(
        &self,
        proof: &str,
        recipient: &Recipient,
        purpose: &Purpose,
        own: &OwnScope,
        now: Timestamp,
    ) -> Result<CheckedToken, TokenError> {
        let scope = self.scope(purpose, own);
        TokenProof::parse(proof)?.check(&scope, recipient.typed(), &self.inner.keys, now)
    }

    /// Why policy does not let this destination through.
    fn inadmissible(&self, recipient: &Recipient, purpose: &Purpose) -> Option<RefusalReason> {
        let price = self.price(recipient);
        if price > self.policy(purpose).budget.message {
            return Some(RefusalReason::Budget(LimitName::Message));
        }
        if let Err(refusal) = self.inner.destinations.decide(recipient, Some(price)) {
            return Some(RefusalReason::Destination(refusal));
        }
        None
    }

    /// Why the lists, as this process last saw them, do not let this request through. The send asks
    /// again, of the lists as they are then.
    fn listed(
        &self,
        recipient: &Recipient,
        number: Pseudonym,
        client: &ClientContext,
        purpose: &Purpose,
        now: Timestamp,
    ) -> Option<RefusalReason> {
        let query = Query {
            recipient,
            number,
            client: *client.ip(),
            user: client.user_id().map(|user| self.names().user(user)),
            purpose: purpose.as_str(),
            now,
        };
        let seen = self.realm.controls();
        let ruling = seen.book.decide(&query);
        if ruling.sms_off.is_some() {
            return Some(RefusalReason::SmsOff);
        }
        if self.policy(purpose).mode.quiet && ruling.excepted().is_some() {
            // What comes of it depends on the number, and the send does not let that be seen.
            return None;
        }
        match ruling.verdict {
            ListVerdict::Blocked(by) => {
                Some(RefusalReason::Control { id: by.id(), why: by.reason().to_owned() })
            }
            _ => None,
        }
    }

    /// A request as the pumping detector sees it.
    pub(super) fn sighted(
        &self,
        recipient: &Recipient,
        purpose: &Purpose,
        price: Money,
        client: ClientIp,
    ) -> Subject {
        Subject {
            region: super::home(recipient),
            digits: recipient.digits(),
            known: false,
            purpose: super::realm::purpose_byte(purpose),
            price_microusd: u32::try_from(price.as_microdollars()).unwrap_or(u32::MAX),
            client: client.counted().map_or(ClientNet::unknown(), ClientNet::of),
        }
    }

    fn turned_away(
        &self,
        reason: RefusalReason,
        recipient: &Recipient,
        purpose: &Purpose,
        now: Timestamp,
    ) -> Result<Cleared, GateError> {
        self.tell(&Event {
            purpose: Some(purpose.clone()),
            region: recipient.region(),
            ..self.event(now, EventKind::Refused { reason: reason.clone() })
        });
        let wait = match &reason {
            RefusalReason::Token(TokenError::TooSoon { wait }) => Some(*wait),
            _ => None,
        };
        Ok(Cleared::Refused(self.refusal(reason, wait)?))
    }
}

/// The wait shown for what does not end by itself: that of a send which the detector holds back.
const NO_END: Duration = Duration::from_secs(60);

/// A wait for the public: never too short, whole seconds, in steps so coarse and with so much noise
/// that it does not name the limit behind it.
fn blur(wait: Duration, noise: u8) -> Duration {
    let seconds = wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0));
    let step = match seconds {
        0..=60 => 5,
        61..=600 => 30,
        _ => 300,
    };
    let noisy = seconds.saturating_add(seconds.saturating_mul(u64::from(noise)) / 2_560);
    Duration::from_secs(noisy.div_ceil(step).saturating_mul(step))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_public_wait_is_never_too_short_and_at_most_a_step_and_a_tenth_too_long() {
        for millis in [0, 1, 999, 1_000, 29_999, 61_000, 599_000, 3_600_000, 86_400_000] {
            for noise in [0, 1, 128, 255] {
                let wait = Duration::from_millis(millis);
                let public = blur(wait, noise);
                assert!(public >= wait);
                assert!(public <= wait + wait / 10 + Duration::from_secs(301));
                assert_eq!(public.as_secs() % 5, 0);
            }
        }
    }
}
