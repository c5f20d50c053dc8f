//! [`FriendlyCaptcha`]: the widget of Friendly Captcha, version 2.
//!
//! ```no_run
//! use otpgate::human::friendly_captcha::FriendlyCaptcha;
//! use otpgate::http::SecretText;
//!
//! let key = SecretText::new(std::env::var("FRIENDLY_CAPTCHA_API_KEY")?);
//! let check = FriendlyCaptcha::builder("FCM-site-key", key, ["shop.example"]).in_eu().build()?;
//! // Gate::builder()… .human_check(check)
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The service knows no action: give a purpose that must be kept apart a [key of its
//! own](FriendlyCaptchaBuilder::site_key_for). Its pages advise you to let everybody pass when the
//! service does not answer. This adapter never does.

use async_trait::async_trait;
use serde_json::{Value, json};

use super::service::{Service, Settings, SiteKeys, settings, text};
use super::{
    AdapterError, CodeRow, HumanCheck, HumanCheckError, HumanFailure, HumanPass, HumanRequest,
    HumanVerdict, Widget,
};
use crate::http::{Credentials, HttpRequest, HttpResponse, SecretText};

/// The service's name in widgets and errors.
pub const NAME: &str = "friendly-captcha";

/// What the service's codes mean.
pub const CODES: &[CodeRow] = &[
    CodeRow::misconfigured("auth_required", "the API key did not arrive", PROXY),
    CodeRow::misconfigured(
        "auth_invalid",
        "the API key is not accepted",
        "set the account's API key",
    ),
    CodeRow::misconfigured("sitekey_invalid", "the site key is not one", "check the site keys"),
    CodeRow::misconfigured("response_missing", "the response did not arrive", PROXY),
    CodeRow::failed("response_invalid", HumanFailure::NotHuman, "made up, or of another site key"),
    CodeRow::failed("response_timeout", HumanFailure::Spent, "too old"),
    CodeRow::failed("response_duplicate", HumanFailure::Spent, "used before"),
    CodeRow::misconfigured("bad_request", "the request is not understood", PROXY),
    CodeRow::misconfigured("method_not_allowed", "the request was no POST", PROXY),
];

const PROXY: &str = "check the base URL and any proxy";

/// A [`HumanCheck`] by Friendly Captcha. See the [module](self).
#[derive(Debug)]
pub struct FriendlyCaptcha {
    service: Service,
    site_keys: SiteKeys,
    key: Credentials<SecretText>,
}

impl FriendlyCaptcha {
    /// A check of what the widget `site_key` gives on the pages of `hosts`, by the account's API key.
    #[must_use]
    pub fn builder<H: Into<String>>(
        site_key: impl Into<String>,
        api_key: impl Into<Credentials<SecretText>>,
        hosts: impl IntoIterator<Item = H>,
    ) -> FriendlyCaptchaBuilder {
        FriendlyCaptchaBuilder {
            site_keys: SiteKeys::new(site_key.into()),
            key: api_key.into(),
            hosts: hosts.into_iter().map(Into::into).collect(),
            in_eu: false,
            settings: Settings::default(),
        }
    }

    fn read(
        &self,
        response: &HttpResponse,
        request: &HumanRequest<'_>,
    ) -> Result<HumanVerdict, HumanCheckError> {
        let body: Value = serde_json::from_slice(response.body()).unwrap_or_default();
        let code = body.get("error").and_then(|error| text(error, "error_code"));
        match (body.get("success").and_then(Value::as_bool), code, response.status()) {
            (Some(true), None, 200) => {}
            (Some(false), Some(code), 200..=499) => {
                return self.service.no(&[code]).map(HumanVerdict::Failed);
            }
            (Some(false), None, 200) => return Ok(HumanVerdict::Failed(HumanFailure::NotHuman)),
            (_, _, 200) => {
                return Err(self.service.unreadable("an answer without a readable `success`"));
            }
            (_, _, status) => return Err(self.service.by_status(status)),
        }
        let challenge = body.get("data").and_then(|data| data.get("challenge"));
        let challenge = challenge.unwrap_or(&Value::Null);
        // `https://shop.example`, with a port if it is not the usual one.
        let host = text(challenge, "origin").and_then(|origin| origin.strip_prefix("https://"));
        if !self.service.is_ours(host) {
            return Ok(HumanVerdict::Failed(HumanFailure::WrongSite));
        }
        if !self.service.is_fresh(text(challenge, "timestamp"), request.now)? {
            return Ok(HumanVerdict::Failed(HumanFailure::Spent));
        }
        Ok(HumanVerdict::Passed(HumanPass::of(request.response)))
    }
}

#[async_trait]
impl HumanCheck for FriendlyCaptcha {
    async fn check(&self, request: HumanRequest<'_>) -> Result<HumanVerdict, HumanCheckError> {
        let key = self.service.secret(&self.key, None)?;
        let body = json!({
            "response": request.response.expose_response(),
            "sitekey": self.site_keys.of(request.action),
        });
        let question = HttpRequest::post(self.service.url())
            .with_header("accept", "application/json")
            .with_header("x-api-key", key.expose_secret())
            .with_body("application/json", body.to_string());
        self.read(&self.service.ask(question).await?, &request)
    }

    fn widget(&self, action: &str) -> Option<Widget> {
        let widget = Widget::new(NAME, self.site_keys.of(action), action, "frc-captcha-response");
        Some(widget.policy(&[("frame-src", "https://*.frcapi.com")]))
    }

    async fn ready(&self) -> Result<(), HumanCheckError> {
        self.service.secret(&self.key, None).map(drop)
    }
}

/// Settings of a [`FriendlyCaptcha`].
pub struct FriendlyCaptchaBuilder {
    site_keys: SiteKeys,
    key: Credentials<SecretText>,
    hosts: Vec<String>,
    in_eu: bool,
    settings: Settings,
}

impl FriendlyCaptchaBuilder {
    settings!();

    /// A site key of `purpose` alone: only responses earned with it pass for that purpose, and for no
    /// other.
    #[must_use]
    pub fn site_key_for(mut self, purpose: impl Into<String>, key: impl Into<String>) -> Self {
        self.site_keys.add(purpose.into(), key.into());
        self
    }

    /// Asks in the European Union (`eu.frcapi.com`). The page's widget has to be told the same.
    #[must_use]
    pub fn in_eu(mut self) -> Self {
        self.in_eu = true;
        self
    }

    /// The check.
    ///
    /// # Errors
    ///
    /// [`AdapterError`] if a host name or site key is malformed, or the HTTP client could not be
    /// built.
    pub fn build(self) -> Result<FriendlyCaptcha, AdapterError> {
        self.site_keys.check(NAME)?;
        let base = if self.in_eu { "https://eu.frcapi.com" } else { "https://global.frcapi.com" };
        let address = (base, "/api/v2/captcha/siteverify");
        let service = Service::new(NAME, address, CODES, self.hosts, self.settings)?;
        Ok(FriendlyCaptcha { service, site_keys: self.site_keys, key: self.key })
    }
}

crate::base::masked::debug_only!(FriendlyCaptchaBuilder: hosts);
