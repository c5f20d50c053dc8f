//! [`Turnstile`]: Cloudflare's widget.
//!
//! ```no_run
//! use otpgate::human::turnstile::Turnstile;
//! use otpgate::http::SecretText;
//!
//! let secret = SecretText::new(std::env::var("TURNSTILE_SECRET")?);
//! let check = Turnstile::builder("0x4AAAAAAA-site-key", secret, ["shop.example"]).build()?;
//! // Gate::builder()… .human_check(check)
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The page renders the widget with `action` set to the purpose. A response earned for another
//! purpose, on another host, or more than 300 seconds ago does not pass. Cloudflare's own single
//! use takes a while to be known everywhere, so the gate burns each response itself.

use async_trait::async_trait;

use super::service::{Service, Settings, check_keys, settings, text};
use super::{
    AdapterError, CodeRow, HumanCheck, HumanCheckError, HumanFailure, HumanPass, HumanRequest,
    HumanVerdict, Widget,
};
use crate::http::{Credentials, SecretText};

/// The service's name in widgets and errors.
pub const NAME: &str = "turnstile";

/// The longest response that Cloudflare issues, in characters.
const LONGEST: usize = 2_048;

/// Published for tests: passes everybody, refuses everybody, says that all are spent.
const TEST_SECRETS: &[&str] = &[
    "1x0000000000000000000000000000000AA",
    "2x0000000000000000000000000000000AA",
    "3x0000000000000000000000000000000AA",
];

/// What Cloudflare's codes mean.
pub const CODES: &[CodeRow] = &[
    CodeRow::misconfigured("missing-input-secret", "the secret did not arrive", PROXY),
    CodeRow::misconfigured("invalid-input-secret", "the secret is not accepted", SECRET),
    CodeRow::misconfigured("missing-input-response", "the response did not arrive", PROXY),
    CodeRow::failed(
        "invalid-input-response",
        HumanFailure::NotHuman,
        "made up, or of another site",
    ),
    CodeRow::misconfigured("bad-request", "the request is not understood", PROXY),
    CodeRow::failed(
        "timeout-or-duplicate",
        HumanFailure::Spent,
        "used before, or older than 5 min",
    ),
    CodeRow::unavailable("internal-error", "Cloudflare failed", "try later, with a new response"),
];

const PROXY: &str = "check the base URL and any proxy";
const SECRET: &str = "set the secret of this widget, from Cloudflare's dashboard";

/// A [`HumanCheck`] by Cloudflare Turnstile. See the [module](self).
#[derive(Debug)]
pub struct Turnstile {
    service: Service,
    site_key: String,
    secret: Credentials<SecretText>,
    test_keys: bool,
}

impl Turnstile {
    /// A check of what the widget `site_key` gives on the pages of `hosts`, by its `secret`.
    #[must_use]
    pub fn builder<H: Into<String>>(
        site_key: impl Into<String>,
        secret: impl Into<Credentials<SecretText>>,
        hosts: impl IntoIterator<Item = H>,
    ) -> TurnstileBuilder {
        TurnstileBuilder {
            site_key: site_key.into(),
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
impl HumanCheck for Turnstile {
    async fn check(&self, request: HumanRequest<'_>) -> Result<HumanVerdict, HumanCheckError> {
        let response = request.response.expose_response();
        if response.len() > LONGEST {
            return Ok(HumanVerdict::Failed(HumanFailure::NotHuman));
        }
        let secret = self.secret()?;
        let response = ("response", response);
        let fields = [response];
        let question = self.service.form(&secret, &fields, request.client);
        let body = match self.service.yes(&self.service.ask(question).await?)? {
            Ok(body) => body,
            Err(verdict) => return Ok(verdict),
        };
        let ours = self.service.is_ours(text(&body, "hostname"));
        if !ours || text(&body, "action") != Some(request.action) {
            return Ok(HumanVerdict::Failed(HumanFailure::WrongSite));
        }
        if !self.service.is_fresh(text(&body, "challenge_ts"), request.now)? {
            return Ok(HumanVerdict::Failed(HumanFailure::Spent));
        }
        Ok(HumanVerdict::Passed(HumanPass::of(request.response)))
    }

    fn widget(&self, action: &str) -> Option<Widget> {
        let widget = Widget::new(NAME, &self.site_key, action, "cf-turnstile-response");
        Some(widget.script("https://challenges.cloudflare.com/turnstile/v0/api.js").policy(&[
            ("script-src", "https://challenges.cloudflare.com"),
            ("frame-src", "https://challenges.cloudflare.com"),
        ]))
    }

    async fn ready(&self) -> Result<(), HumanCheckError> {
        self.secret().map(drop)
    }
}

/// Settings of a [`Turnstile`].
pub struct TurnstileBuilder {
    site_key: String,
    secret: Credentials<SecretText>,
    hosts: Vec<String>,
    settings: Settings,
}

impl TurnstileBuilder {
    settings!();
    settings!(client_address);
    settings!(test_keys);

    /// The check.
    ///
    /// # Errors
    ///
    /// [`AdapterError`] if a host name or site key is malformed, or the HTTP client could not be
    /// built.
    pub fn build(self) -> Result<Turnstile, AdapterError> {
        check_keys(NAME, [self.site_key.as_str()])?;
        let test_keys = self.settings.test_keys;
        let address = ("https://challenges.cloudflare.com", "/turnstile/v0/siteverify");
        let service = Service::new(NAME, address, CODES, self.hosts, self.settings)?;
        Ok(Turnstile { service, site_key: self.site_key, secret: self.secret, test_keys })
    }
}

crate::base::masked::debug_only!(TurnstileBuilder: hosts);
