//! What the [`Endpoints`] answer: each call read, asked of the gate and of the host, and written.

use std::net::IpAddr;

use ::http::header::SET_COOKIE;
use ::http::request::Parts;
use ::http::{HeaderValue, Method, Response, StatusCode};
use bytes::Bytes;

use crate::base::time::millis;
use crate::context::{ClientContext, Purpose};
use crate::error::GateError;
use crate::event::OutagePart;
use crate::gate::About;
use crate::otp::{Binding, CodeFormat};
use crate::outcome::{Cleared, Entry, EntryGrant, EntryView, Issued, Sent, Verification, Verified};
use crate::recipient::Recipient;
use crate::transport::{Channel, ReceiptRequest};

use super::body::{
    self, ChannelAnswer, CodeAnswer, EntryAnswer, HumanAnswer, PreflightAnswer, PreflightCall,
    ResendCall, SendCall, SentAnswer, VerifiedAnswer, VerifyCall,
};
use super::cookie;
use super::endpoints::{Answer, Endpoints};
use super::host::{Admit, Ask, HostError};
use super::origin;
use super::problem::{Problem, ProblemKind, insert_rate_limit};

impl Endpoints {
    pub(super) fn answer_preflight(
        &self,
        parts: &Parts,
        body: &[u8],
        peer: Option<IpAddr>,
    ) -> Answer {
        self.check_own_page(parts)?;
        let call: PreflightCall = body::read(&parts.headers, body)?;
        let purpose = self.purpose(call.purpose)?;
        let client = self.client(parts, peer)?;
        let ticket = self.gate().preflight(&purpose, client.context())?;
        let widget = self.gate().human_widget(&purpose);
        let human = widget.as_ref().map(|widget| HumanAnswer {
            provider: widget.provider,
            site_key: &widget.site_key,
            action: &widget.action,
            field: widget.field,
            script: widget.script,
            challenge: widget
                .challenges
                .then(|| format!("{}/challenge?purpose={}", self.config().mount, purpose.as_str())),
        });
        let answer = PreflightAnswer { ticket: ticket.as_str(), purpose: purpose.as_str(), human };
        let mut response = body::answer(&answer);
        add_cookie(&mut response, client.set_cookie().cloned());
        Ok(response)
    }

    pub(super) fn answer_challenge(&self, parts: &Parts) -> Answer {
        origin::check_get(&parts.headers, &self.config().origin)?;
        let asked = parts.uri.query().and_then(|query| query.strip_prefix("purpose="));
        let purpose = self.purpose(asked.unwrap_or_default().to_owned())?;
        match self.gate().human_challenge(&purpose)? {
            Some(challenge) => Ok(body::json(challenge)),
            None => Err(Problem::new(ProblemKind::NotFound)),
        }
    }

    pub(super) async fn answer_send(
        &self,
        parts: &Parts,
        body: &[u8],
        peer: Option<IpAddr>,
    ) -> Answer {
        self.check_own_page(parts)?;
        let call: SendCall = body::read(&parts.headers, body)?;
        let purpose = self.purpose(call.purpose)?;
        let client = self.client_as_it_is(parts, peer).human_response(call.human);
        let recipient = Recipient::parse(&call.number, self.config().default_region)
            .map_err(|_| Problem::new(ProblemKind::BadNumber))?;
        let cleared = self.gate().clear(&call.proof, &recipient, &purpose, client.context()).await;
        let clearance = match cleared? {
            Cleared::Passed(clearance) => clearance,
            Cleared::StepUp(step_up) => return Err(step_up.into()),
            Cleared::Refused(refusal) => return Err(refusal.public().into()),
        };
        let host = &self.config().host;
        let ask = Ask { recipient: &recipient, purpose: &purpose, request: parts };
        let admit = self.asked(host.admit(&ask)).await?;
        let Some(binding) = self.asked(host.binding(&purpose, parts)).await? else {
            return Err(Problem::new(ProblemKind::StartOver));
        };
        let language = client.language().cloned().or_else(|| self.page_language(parts));
        let clearance = match language {
            Some(language) => clearance.bind(binding).language(language),
            None => clearance.bind(binding),
        };
        let sent = match admit {
            Admit::Send => self.gate().issue(clearance).await,
            Admit::Decoy => self.gate().decoy(clearance).await,
        };
        self.sent(sent, client.context())
    }

    pub(super) async fn answer_resend(
        &self,
        parts: &Parts,
        body: &[u8],
        peer: Option<IpAddr>,
    ) -> Answer {
        self.check_own_page(parts)?;
        let call: ResendCall = body::read(&parts.headers, body)?;
        let channel = match call.channel {
            None => None,
            Some(name) => {
                let named = Channel::ALL.into_iter().find(|channel| channel.to_string() == name);
                Some(named.ok_or(Problem::new(ProblemKind::BadRequest))?)
            }
        };
        let client = self.client_as_it_is(parts, peer);
        let (grant, about) = self.held(parts, client.context());
        // Without one the gate says what it says of a verification that is over.
        let binding = self.binding_of(about, parts).await?.unwrap_or_default();
        let sent = match channel {
            None => self.gate().resend_bound(&grant, &binding, client.context()).await,
            Some(channel) => {
                self.gate().resend_over(&grant, channel, &binding, client.context()).await
            }
        };
        self.sent(sent, client.context())
    }

    pub(super) async fn answer_entry(&self, parts: &Parts, peer: Option<IpAddr>) -> Answer {
        origin::check_get(&parts.headers, &self.config().origin)?;
        match self.open_entry(parts, peer).await? {
            (Some(about), Some(view)) => Ok(entry_answer(&view, about.code)),
            _ => Err(Problem::new(ProblemKind::Closed)),
        }
    }

    /// What the client's grant says, and what the code page may show; without the latter it may not
    /// be shown.
    pub(super) async fn open_entry(
        &self,
        parts: &Parts,
        peer: Option<IpAddr>,
    ) -> Result<(Option<About>, Option<EntryView>), Problem> {
        let client = self.client_as_it_is(parts, peer);
        let (grant, Some(about)) = self.held(parts, client.context()) else {
            return Ok((None, None));
        };
        match self.gate().entry(&grant, client.context()).await? {
            Entry::Open(view) => Ok((Some(about), Some(view))),
            Entry::Closed(_) => Ok((Some(about), None)),
        }
    }

    pub(super) async fn answer_verify(
        &self,
        parts: &Parts,
        body: &[u8],
        peer: Option<IpAddr>,
    ) -> Answer {
        self.check_own_page(parts)?;
        let call: VerifyCall = body::read(&parts.headers, body)?;
        let client = self.client_as_it_is(parts, peer);
        let (grant, about) = self.held(parts, client.context());
        // A payment that is gone is bound to nothing: rejected, as a changed one is, at no cost.
        let binding = self.binding_of(about, parts).await?.unwrap_or_default();
        let verified =
            self.gate().verify_bound(&grant, &call.code, &binding, client.context()).await;
        match verified? {
            Verified::Accepted(verification) => self.accepted(verification, parts).await,
            Verified::Rejected(_) => Err(Problem::new(ProblemKind::Rejected)),
        }
    }

    async fn accepted(&self, verification: Verification, parts: &Parts) -> Answer {
        let config = self.config();
        let proof = verification.device_proof();
        let life = proof.expires().since(verification.at());
        let names = &config.cookies;
        let device = cookie::set(&names.device, proof.as_str(), cookie::SameSite::Lax, Some(life));
        let next = self.asked(config.host.verified(verification, parts)).await?;
        let mut response = body::answer(&VerifiedAnswer { status: "verified", next: &next.url });
        let own = response.headers().clone();
        for (name, value) in &next.headers {
            if !own.contains_key(name) {
                response.headers_mut().append(name, value.clone());
            }
        }
        add_cookie(&mut response, device);
        add_cookie(&mut response, cookie::clear(&names.grant, config.same_site));
        Ok(response)
    }

    pub(super) async fn answer_receipts(&self, path: &str, parts: &Parts, body: &[u8]) -> Answer {
        let config = self.config();
        let (name, token) = path.split_once('/').unwrap_or((path, ""));
        let Some(verifier) = config.receipts.get(name).filter(|_| !token.contains('/')) else {
            return Err(Problem::new(ProblemKind::NotFound));
        };
        if parts.method != Method::POST && parts.method != Method::GET {
            return Err(Problem::allow("GET, POST"));
        }
        if body.len() > body::RECEIPTS_LIMIT {
            return Err(Problem::new(ProblemKind::TooLarge));
        }
        let target = parts.uri.path_and_query().map_or("", |target| target.as_str());
        let url = format!("{}{target}", config.receipts_origin);
        let headers: Vec<_> = parts
            .headers
            .iter()
            .filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)))
            .collect();
        let request =
            ReceiptRequest { method: parts.method.as_str(), url: &url, headers: &headers, body };
        let status = match self.gate().receipts(&**verifier, &request).await {
            Ok(_) => StatusCode::OK,
            Err(error) => {
                StatusCode::from_u16(error.status()).unwrap_or(StatusCode::SERVICE_UNAVAILABLE)
            }
        };
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = status;
        Ok(super::secured(response))
    }

    /// The purpose of that name, if it may be asked for here.
    fn purpose(&self, name: String) -> Result<Purpose, Problem> {
        let allowed = self.config().purposes.iter().find(|purpose| purpose.as_str() == name);
        allowed.cloned().ok_or(Problem::new(ProblemKind::BadRequest))
    }

    /// The grant that the client holds, and what it says if it is this client's. Without one, one that the
    /// gate knows nothing of: it is answered as any other that is closed, after the same work.
    ///
    /// So is one for a purpose that is not offered here. Endpoints of a site may share the cookie, and a code
    /// for a sign-up must not come to a host that resets passwords.
    fn held(&self, parts: &Parts, client: &ClientContext) -> (EntryGrant, Option<About>) {
        let cookie = cookie::read(&parts.headers, &self.config().cookies.grant).unwrap_or_default();
        let grant = EntryGrant::from_client(cookie);
        match self.gate().about(&grant, client) {
            Some(about) if !self.config().purposes.contains(&about.purpose) => {
                (EntryGrant::from_client(""), None)
            }
            about => (grant, about),
        }
    }

    /// What the code of a running verification is bound to. A grant that is not this client's is bound to
    /// nothing: the gate knows what to say of it.
    async fn binding_of(
        &self,
        about: Option<About>,
        parts: &Parts,
    ) -> Result<Option<Binding>, Problem> {
        match about {
            Some(About { purpose, .. }) => {
                self.asked(self.config().host.binding(&purpose, parts)).await
            }
            None => Ok(Some(Binding::none())),
        }
    }

    /// What the host answers. If it fails or panics, the observer hears it and the client sees an outage.
    async fn asked<T>(
        &self,
        answer: impl Future<Output = Result<T, HostError>>,
    ) -> Result<T, Problem> {
        match crate::guarded::caught(answer).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => {
                self.gate().tell_outage(
                    OutagePart::Host,
                    format!("the host's half of the web edge failed: {error}"),
                );
                Err(Problem::new(ProblemKind::Outage))
            }
            Err(error) => {
                self.gate().tell_outage(OutagePart::of(error.kind()), error.to_string());
                Err(Problem::new(ProblemKind::Outage))
            }
        }
    }

    fn sent(&self, sent: Result<Sent, GateError>, client: &ClientContext) -> Answer {
        match sent? {
            Sent::Issued(issued) => self.issued(&issued, client),
            Sent::StepUp(step_up) => Err(step_up.into()),
            Sent::Refused(refusal) => Err(refusal.public().into()),
        }
    }

    fn issued(&self, issued: &Issued, client: &ClientContext) -> Answer {
        let Some(About { code, hint, .. }) = self.gate().about(issued.grant(), client) else {
            // It was closed before it was told of: `code.open` ran out during the hand-off.
            return Err(Problem::new(ProblemKind::StartOver));
        };
        let mut response = body::answer(&SentAnswer {
            status: "sent",
            number_hint: &hint,
            resend_after_ms: millis(issued.resend_after()),
            expires_after_ms: millis(issued.expires().since(self.gate().now())),
            may_be_withheld: issued.may_be_withheld(),
            code: code_answer(code),
            next: &self.config().code_page_url(),
        });
        insert_rate_limit(response.headers_mut(), issued.resend_after());
        let text = issued.grant().as_str();
        let config = self.config();
        let grant = cookie::set(&config.cookies.grant, text, config.same_site, None);
        add_cookie(&mut response, grant);
        Ok(response)
    }
}

fn entry_answer(view: &EntryView, code: CodeFormat) -> Response<Bytes> {
    let channels = view.channels().iter().map(|offer| ChannelAnswer {
        channel: offer.channel.to_string(),
        after_ms: millis(offer.after),
    });
    body::answer(&EntryAnswer {
        number_hint: view.number_hint(),
        attempts_left: view.attempts_left(),
        resend_after_ms: millis(view.resend_after()),
        expires_after_ms: millis(view.expires_in()),
        code: code_answer(code),
        channels: channels.collect(),
    })
}

fn code_answer(code: CodeFormat) -> CodeAnswer {
    let alphabet = if code.is_numeric() { "digits" } else { "letters" };
    CodeAnswer { length: code.len(), alphabet }
}

fn add_cookie(response: &mut Response<Bytes>, cookie: Option<HeaderValue>) {
    if let Some(cookie) = cookie {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
}
