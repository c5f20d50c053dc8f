//! [`Hcaptcha`]: the widget of Intuition Machines.
//!
//! ```no_run
//! use otpgate::human::hcaptcha::Hcaptcha;
//! use otpgate::http::SecretText;
//!
//! let secret = SecretText::new(std::env::var("HCAPTCHA_SECRET")?);
//! let check = Hcaptcha::builder("site-key", secret, ["shop.example"])
//!     .site_key_for("payment", "site-key-of-payments")
//!     .build()?;
//! // Gate::builder()… .human_check(check)
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! hCaptcha knows no action, so a response for one purpose is good for another on the same site
//! key. Give a purpose that must be kept apart a [key of its own](HcaptchaBuilder::site_key_for).
//! The key goes with every question, so a response for another key does not pass.
//!
//! The Enterprise score, which counts the other way (1 is a script), is not read: set the threshold in
//! hCaptcha's own rules.

use async_trait::async_trait;

use super::service::{Service, Settings, SiteKeys, settings, text};
use super::{
    AdapterError, CodeRow, HumanCheck, HumanCheckError, HumanFailure, HumanPass, HumanRequest,
    HumanVerdict, Widget,
};
use crate::http::{Credentials, SecretText};

/// The service's name in widgets and errors.
pub const NAME: &str = "hcaptcha";

/// Published for tests: passes everybody.
const TEST_SECRETS: &[&str] = &["0x0000000000000000000000000000000000000000"];

/// What hCaptcha's codes mean: those of its developer guide, then those that its interface gives and the
/// guide of an earlier day named.
pub const CODES: &[CodeRow] = &[
    CodeRow::misconfigured("missing-input-secret", "the secret did not arrive", PROXY),
    CodeRow::misconfigured("invalid-input-secret", "the secret is not accepted", SECRET),
    CodeRow::misconfigured("missing-input-response", "the response did not arrive", PROXY),
    CodeRow::failed("invalid-input-response", HumanFailure::NotHuman, "made up"),
    CodeRow::failed("expired-input-response", HumanFailure::Spent, "older than 120 seconds"),
    CodeRow::failed("already-seen-response", HumanFailure::Spent, "used before"),
    CodeRow::misconfigured("bad-request", "the request is not understood", PROXY),
    CodeRow::misconfigured("missing-remoteip", "no address of the client", ADDRESS),
    CodeRow::misconfigured("invalid-remoteip", "the client's address is none", ADDRESS),
    // The site key for tests is published, and the builder refuses its secret: only a visitor brings it.
    CodeRow::failed("not-using-dummy-passcode", HumanFailure::NotHuman, "the site key for tests"),
    // A response of another site's key: whoever solves a puzzle elsewhere brings it about.
    CodeRow::failed("sitekey-secret-mismatch", HumanFailure::WrongSite, "of another site key"),
    CodeRow::failed("invalid-or-already-seen-response", HumanFailure::Spent, "used before, or odd"),
    // The response for tests is published: any visitor can send it. So it is no fault of the settings.
    CodeRow::failed("not-using-dummy-secret", HumanFailure::NotHuman, "the response for tests"),
    CodeRow::misconfigured("invalid-sitekey", "the site key is not one", "check the site keys"),
];

const ADDRESS: &str = "say `pass_client_address`, and check the trusted proxies";
const PROXY: &str = "check the base URL and any proxy";
const SECRET: &str = "set the account's secret, from hCaptcha's dashboard";

/// A [`HumanCheck`] by hCaptcha. See the [module](self).
#[derive(Debug)]
pub struct Hcaptcha {
    service: Service,
    site_keys: SiteKeys,
    secret: Credentials<SecretText>,
    test_keys: bool,
}

impl Hcaptcha {
    /// A check of what the widget `site_key` gives on the pages of `hosts`, by the account's `secret`.
    #[must_use]
    pub fn builder<H: Into<String>>(
        site_key: impl Into<String>,
        secret: impl Into<Credentials<SecretText>>,
        hosts: impl IntoIterator<Item = H>,
    ) -> HcaptchaBuilder {
        HcaptchaBuilder {
            site_keys: SiteKeys::new(site_key.into()),
            secret: secret.into(),
            hosts: hosts.into_iter().map(Into::into).collect(),
            settings: Settings::default(),
        }
    }

    fn secret(&self) -> Result<SecretText, HumanCheckError> {
        self.service.secret(&self.secret, (!self.test_keys).then_some(TEST_SECRETS))
    }
}

#[async_trait]
impl HumanCheck for Hcaptcha {
    async fn check(&self, request: HumanRequest<'_>) -> Result<HumanVerdict, HumanCheckError> {
        let secret = self.secret()?;
        let response = ("response", request.response.expose_response());
        let sitekey = ("sitekey", self.site_keys.of(request.action));
        let fields = [response, sitekey];
        let question = self.service.form(&secret, &fields, request.client);
        let body = match self.service.yes(&self.service.ask(question).await?)? {
            Ok(body) => body,
            Err(verdict) => return Ok(verdict),
        };
        if !self.service.is_ours(text(&body, "hostname")) {
            return Ok(HumanVerdict::Failed(HumanFailure::WrongSite));
        }
        if !self.service.is_fresh(text(&body, "challenge_ts"), request.now)? {
            return Ok(HumanVerdict::Failed(HumanFailure::Spent));
        }
        Ok(HumanVerdict::Passed(HumanPass::of(request.response)))
    }

    fn widget(&self, action: &str) -> Option<Widget> {
        let widget = Widget::new(NAME, self.site_keys.of(action), action, "h-captcha-response");
        Some(widget.script("https://js.hcaptcha.com/1/api.js").policy(&[
            ("script-src", "https://hcaptcha.com"),
            ("script-src", "https://*.hcaptcha.com"),
            ("frame-src", "https://hcaptcha.com"),
            ("frame-src", "https://*.hcaptcha.com"),
            ("style-src", "https://hcaptcha.com"),
            ("style-src", "https://*.hcaptcha.com"),
            ("connect-src", "https://hcaptcha.com"),
            ("connect-src", "https://*.hcaptcha.com"),
        ]))
    }

    async fn ready(&self) -> Result<(), HumanCheckError> {
        self.secret().map(drop)
    }
}

/// Settings of an [`Hcaptcha`].
pub struct HcaptchaBuilder {
    site_keys: SiteKeys,
    secret: Credentials<SecretText>,
    hosts: Vec<String>,
    settings: Settings,
}

impl HcaptchaBuilder {
    settings!();
    settings!(client_address);
    settings!(test_keys);

    /// A site key of `purpose` alone: only responses earned with it pass for that purpose, and for no
    /// other.
    #[must_use]
    pub fn site_key_for(mut self, purpose: impl Into<String>, key: impl Into<String>) -> Self {
        self.site_keys.add(purpose.into(), key.into());
        self
    }

    /// The check.
    ///
    /// # Errors
    ///
    /// [`AdapterError`] if a host name or site key is malformed, or the HTTP client could not be
    /// built.
    pub fn build(self) -> Result<Hcaptcha, AdapterError> {
        self.site_keys.check(NAME)?;
        let test_keys = self.settings.test_keys;
        let address = ("https://api.hcaptcha.com", "/siteverify");
        let service = Service::new(NAME, address, CODES, self.hosts, self.settings)?;
        Ok(Hcaptcha { service, site_keys: self.site_keys, secret: self.secret, test_keys })
    }
}

crate::base::masked::debug_only!(HcaptchaBuilder: hosts);
