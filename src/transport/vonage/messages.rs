//! [`MessagesApi`]: texts through Vonage's Messages API.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::{Account, Application, MESSAGES_ERRORS, MESSAGES_NAME, Sender, without_sign};
use crate::base::time::Clock;
use crate::http::{BaseUrl, Credentials, HttpRequest, HttpResponse, Wiring, wiring};
use crate::transport::json::{Object, pick, text};
use crate::transport::{
    AdapterError, CallbackUrl, Handoff, HandoffError, OutboundSms, ProviderApi, Senders,
    SmsTransport,
};

/// The longest `client_ref` that Vonage takes: 100 characters in its reference of version 1, which
/// this adapter speaks; version 0 took 40.
const LONGEST_REFERENCE: usize = 100;

/// An [`SmsTransport`] through Vonage's Messages API. See the [module](super).
#[derive(Debug)]
pub struct MessagesApi {
    api: ProviderApi,
    base: BaseUrl,
    authentication: Authentication,
    clock: Arc<dyn Clock>,
    senders: Senders<Sender>,
    webhook: Option<CallbackUrl>,
    validity: Option<Duration>,
}

#[derive(Debug)]
enum Authentication {
    Account(Credentials<Account>),
    Application(Credentials<Application>),
}

impl MessagesApi {
    /// A transport for `account` that sends as `senders`: one sender for all countries, or
    /// [`Senders`] with some of their own. Vonage sends no statuses for texts that are sent so: take
    /// an [`Application`](Self::builder_for_application).
    #[must_use]
    pub fn builder(
        account: impl Into<Credentials<Account>>,
        senders: impl Into<Senders<Sender>>,
    ) -> MessagesApiBuilder {
        MessagesApiBuilder::new(Authentication::Account(account.into()), senders.into())
    }

    /// A transport for `application`, whose private key signs a token for each text.
    #[must_use]
    pub fn builder_for_application(
        application: impl Into<Credentials<Application>>,
        senders: impl Into<Senders<Sender>>,
    ) -> MessagesApiBuilder {
        MessagesApiBuilder::new(Authentication::Application(application.into()), senders.into())
    }

    fn body(&self, sms: &OutboundSms) -> Object {
        let own = || self.senders.of(sms.region()).from();
        let sender = sms.registered_sender().map_or_else(own, without_sign);
        let webhook = self.webhook.as_ref().map(CallbackUrl::plain);
        let body = Object::new()
            .text("message_type", "text")
            .text("channel", "sms")
            .text("to", without_sign(sms.expose_number()))
            .text("from", sender)
            .text("text", sms.expose_text())
            .text("client_ref", reference(sms).0)
            .number_if("ttl", self.validity.map(|span| span.as_secs()))
            .text_if("webhook_url", webhook)
            .text_if("webhook_version", webhook.map(|_| "v1"));
        let on_file = sms.registration().map(|one| (one.entity_id(), one.template_id()));
        match on_file {
            None | Some((None, None)) => body,
            Some((entity, template)) => {
                let options =
                    Object::new().text_if("entity_id", entity).text_if("content_id", template);
                body.object("sms", options)
            }
        }
    }

    fn authenticated(
        &self,
        request: HttpRequest,
        sms: &OutboundSms,
    ) -> Result<HttpRequest, HandoffError> {
        match &self.authentication {
            Authentication::Account(account) => {
                let account = self.api.credentials(account)?;
                Ok(request.with_basic_auth(account.key(), account.secret()))
            }
            Authentication::Application(application) => {
                let application = self.api.credentials(application)?;
                let now = self.clock.now();
                // Another one if the same text is tried again.
                let id = format!("{}-{}", sms.idempotency_key().as_str(), now.as_millis());
                let token = application.token(now, &id).ok_or_else(|| {
                    HandoffError::not_sent("the token cannot be signed")
                        .by(MESSAGES_NAME)
                        .remedy("check the application's private key")
                        .alert_all()
                })?;
                Ok(request.with_bearer_auth(&token))
            }
        }
    }

    fn read(&self, response: &HttpResponse, sms: &OutboundSms) -> Result<Handoff, HandoffError> {
        let [id, kind] = pick(response.body(), ["/message_uuid", "/type"]);
        if response.status() != 202 {
            // `https://developer.vonage.com/api-errors/messages#1120`
            let code = text(&kind).and_then(|kind| kind.rsplit_once('#'));
            return Err(self.api.rejected(response, code.map(|(_, code)| code)));
        }
        let handoff = self.api.accepted(text(&id))?;
        Ok(match reference(sms) {
            (_, true) => handoff,
            (_, false) => handoff.with_receipts_by_id(),
        })
    }
}

/// What statuses repeat of the text, and whether that alone leads to its send: the text's own key, if
/// there is room for it.
fn reference(sms: &OutboundSms) -> (&str, bool) {
    match sms.callback_key().as_str() {
        key if key.len() <= LONGEST_REFERENCE => (key, true),
        _ => (sms.idempotency_key().as_str(), false),
    }
}

#[async_trait]
impl SmsTransport for MessagesApi {
    async fn hand_off(&self, sms: &OutboundSms) -> Result<Handoff, HandoffError> {
        let request = HttpRequest::post(self.base.join("/v1/messages"))
            .with_header("accept", "application/json");
        let request = self.authenticated(request, sms)?;
        let request = request.with_body("application/json", self.body(sms).finish());
        let response = self.api.send(request).await?;
        self.read(&response, sms)
    }

    async fn ready(&self) -> Result<(), HandoffError> {
        match &self.authentication {
            Authentication::Account(account) => self.api.credentials(account).map(drop),
            Authentication::Application(application) => self.api.credentials(application).map(drop),
        }
    }
}

/// Settings of a [`MessagesApi`] transport.
pub struct MessagesApiBuilder {
    authentication: Authentication,
    senders: Senders<Sender>,
    wiring: Wiring,
    webhook: Option<CallbackUrl>,
    validity: Option<Duration>,
}

impl MessagesApiBuilder {
    fn new(authentication: Authentication, senders: Senders<Sender>) -> Self {
        Self { authentication, senders, wiring: Wiring::default(), webhook: None, validity: None }
    }

    wiring!(client);
    wiring!(
        base_url:
        "Another address of the interface: that of a region, a proxy of the company's own, or \
         a test server on this machine."
    );
    wiring!(clock);

    /// Asks for statuses at this address, in place of the application's; check them with
    /// [`MessagesReceipts`](super::MessagesReceipts). The text's own key is not in it: it travels as
    /// `client_ref`, which the signature covers.
    #[must_use]
    pub fn webhook(mut self, webhook: CallbackUrl) -> Self {
        self.webhook = Some(webhook);
        self
    }

    /// How long Vonage may hold the text back before it fails it, in whole seconds: 20 seconds to 7
    /// days; 72 hours is Vonage's default. Networks have limits of their own.
    #[must_use]
    pub fn validity(mut self, validity: Duration) -> Self {
        self.validity = Some(validity);
        self
    }

    /// The transport.
    ///
    /// # Errors
    ///
    /// [`AdapterError`] if a sender or the validity is not of the form that Vonage documents, or the
    /// HTTP client could not be made.
    pub fn build(self) -> Result<MessagesApi, AdapterError> {
        for sender in self.senders.iter() {
            sender.check(MESSAGES_NAME)?;
        }
        if self.validity.is_some_and(|span| !(20..=604_800).contains(&span.as_secs())) {
            return Err(AdapterError::new(MESSAGES_NAME, "the validity is 20 seconds to 7 days"));
        }
        Ok(MessagesApi {
            clock: self.wiring.clock(),
            api: ProviderApi::with_default_client(
                MESSAGES_NAME,
                self.wiring.client,
                MESSAGES_ERRORS,
            )?,
            base: BaseUrl::or_fixed(self.wiring.base, MESSAGES_NAME, "https://api.nexmo.com")?,
            authentication: self.authentication,
            senders: self.senders,
            webhook: self.webhook,
            validity: self.validity,
        })
    }
}

crate::base::masked::debug_only!(MessagesApiBuilder: senders);
