//! [`Recaptcha`]: Google's classic keys, version 2 (a challenge) and version 3 (a score).
//!
//! ```no_run
//! use otpgate::human::recaptcha::Recaptcha;
//! use otpgate::http::SecretText;
//!
//! let secret = SecretText::new(std::env::var("RECAPTCHA_SECRET")?);
//! let check = Recaptcha::v3("site-key", secret, ["shop.example"])
//!     .min_score_for("payment", 0.7)
//!     .build()?;
//! // Gate::builder()… .human_check(check)
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Google takes letters, digits, `/` and `_` in the name of an action: the page's action is the purpose
//! with `_` for `-`, as [`Widget::action`] says. A version 2 key knows no action: give a purpose that must
//! be kept apart a [key of its own](RecaptchaBuilder::key_for).
//!
//! Google has these keys verified through Enterprise too
//! ([`RecaptchaEnterprise`](super::recaptcha_enterprise::RecaptchaEnterprise)), and that is where to go
//! with many visitors: beyond the free quota the classic interface lets **everybody** pass with a score
//! of 0.9. The adapter refuses that answer as
//! [`Misconfigured`](super::HumanCheckErrorKind::Misconfigured).

use async_trait::async_trait;

use super::service::{Service, Settings, check_keys, score, settings, text};
use super::{
    AdapterError, CodeRow, HumanCheck, HumanCheckError, HumanCheckErrorKind, HumanFailure,
    HumanPass, HumanRequest, HumanVerdict, Thresholds, Widget,
};
use crate::http::{Credentials, SecretText};

/// The name of version 2 in widgets, and of both in errors.
pub const NAME: &str = "recaptcha-v2";

/// The name of version 3 in widgets.
pub const NAME_V3: &str = "recaptcha-v3";

/// Published for tests: passes everybody.
const TEST_SECRETS: &[&str] = &["6LeIxAcTAAAAAGG-vFI1TnRWxMZNFuojJ4WifJWe"];

/// What Google's codes mean: those of its page, and the one of a used-up quota.
pub const CODES: &[CodeRow] = &[
    CodeRow::misconfigured("missing-input-secret", "the secret did not arrive", PROXY),
    CodeRow::misconfigured("invalid-input-secret", "the secret is not accepted", SECRET),
    CodeRow::misconfigured("missing-input-response", "the response did not arrive", PROXY),
    CodeRow::failed("invalid-input-response", HumanFailure::NotHuman, "made up, or of another key"),
    CodeRow::misconfigured("bad-request", "the request is not understood", PROXY),
    CodeRow::failed(
        "timeout-or-duplicate",
        HumanFailure::Spent,
        "used before, or older than 2 min",
    ),
    CodeRow::misconfigured("Over free quota.", "Google judges no more and lets all pass", BILLING),
];

const BILLING: &str = "enable billing for the key's project, or take another service";
const PROXY: &str = "check the base URL and any proxy";
const SECRET: &str = "set the secret of this site key, from Google's console";

/// What Google's scripts need of a page.
pub(super) const POLICY: &[(&str, &str)] = &[
    ("script-src", "https://www.google.com/recaptcha/"),
    ("script-src", "https://www.gstatic.com/recaptcha/"),
    ("frame-src", "https://www.google.com/recaptcha/"),
    ("frame-src", "https://recaptcha.google.com/recaptcha/"),
];

/// A [`HumanCheck`] by reCAPTCHA's classic keys. See the [module](self).
#[derive(Debug)]
pub struct Recaptcha {
    service: Service,
    keys: Keys,
    thresholds: Option<Thresholds>,
    test_keys: bool,
}

/// A pair of site key and secret, and those of single purposes.
#[derive(Debug)]
struct Keys {
    default: Key,
    own: Vec<(String, Key)>,
}

#[derive(Debug)]
struct Key {
    site: String,
    secret: Credentials<SecretText>,
}

impl Keys {
    fn of(&self, purpose: &str) -> &Key {
        let own = self.own.iter().rev().find(|(name, _)| name == purpose);
        own.map_or(&self.default, |(_, key)| key)
    }
}

impl Recaptcha {
    /// A check by the score of a version 3 key, for the pages of `hosts`.
    #[must_use]
    pub fn v3<H: Into<String>>(
        site_key: impl Into<String>,
        secret: impl Into<Credentials<SecretText>>,
        hosts: impl IntoIterator<Item = H>,
    ) -> RecaptchaBuilder {
        Self::builder(site_key.into(), secret.into(), hosts, Some(Thresholds::default()))
    }

    /// A check by the challenge of a version 2 key, checkbox or invisible.
    #[must_use]
    pub fn v2<H: Into<String>>(
        site_key: impl Into<String>,
        secret: impl Into<Credentials<SecretText>>,
        hosts: impl IntoIterator<Item = H>,
    ) -> RecaptchaBuilder {
        Self::builder(site_key.into(), secret.into(), hosts, None)
    }

    fn builder<H: Into<String>>(
        site: String,
        secret: Credentials<SecretText>,
        hosts: impl IntoIterator<Item = H>,
        thresholds: Option<Thresholds>,
    ) -> RecaptchaBuilder {
        RecaptchaBuilder {
            keys: Keys { default: Key { site, secret }, own: Vec::new() },
            thresholds,
            hosts: hosts.into_iter().map(Into::into).collect(),
            settings: Settings::default(),
        }
    }
}

/// The purpose in the letters that Google takes.
pub(super) fn action(purpose: &str) -> String {
    purpose.replace('-', "_")
}

impl Recaptcha {
    fn secret(&self, key: &Key) -> Result<SecretText, HumanCheckError> {
        self.service.secret(&key.secret, (!self.test_keys).then_some(TEST_SECRETS))
    }
}

#[async_trait]
impl HumanCheck for Recaptcha {
    async fn check(&self, request: HumanRequest<'_>) -> Result<HumanVerdict, HumanCheckError> {
        let secret = self.secret(self.keys.of(request.action))?;
        let response = ("response", request.response.expose_response());
        let fields = [response];
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
        if let Some(thresholds) = &self.thresholds {
            let Some(score) = score(&body) else {
                let what = "a yes without a score; is the key of version 3?";
                return Err(self.service.error(HumanCheckErrorKind::Misconfigured, what));
            };
            if text(&body, "action") != Some(&action(request.action)) {
                return Ok(HumanVerdict::Failed(HumanFailure::WrongSite));
            }
            if score < thresholds.of(request.action) {
                return Ok(HumanVerdict::Failed(HumanFailure::NotHuman));
            }
        }
        Ok(HumanVerdict::Passed(HumanPass::of(request.response)))
    }

    fn widget(&self, purpose: &str) -> Option<Widget> {
        let name = if self.thresholds.is_some() { NAME_V3 } else { NAME };
        let key = &self.keys.of(purpose).site;
        let widget = Widget::new(name, key, action(purpose), "g-recaptcha-response");
        Some(widget.script("https://www.google.com/recaptcha/api.js").policy(POLICY))
    }

    async fn ready(&self) -> Result<(), HumanCheckError> {
        for (_, key) in &self.keys.own {
            self.secret(key)?;
        }
        self.secret(&self.keys.default).map(drop)
    }
}

/// Settings of a [`Recaptcha`].
pub struct RecaptchaBuilder {
    keys: Keys,
    thresholds: Option<Thresholds>,
    hosts: Vec<String>,
    settings: Settings,
}

impl RecaptchaBuilder {
    settings!();
    settings!(client_address);
    settings!(test_keys);

    /// Site key and secret of `purpose` alone: only responses earned with it pass for that purpose, and
    /// for no other.
    #[must_use]
    pub fn key_for(
        mut self,
        purpose: impl Into<String>,
        site_key: impl Into<String>,
        secret: impl Into<Credentials<SecretText>>,
    ) -> Self {
        let key = Key { site: site_key.into(), secret: secret.into() };
        self.keys.own.push((purpose.into(), key));
        self
    }

    /// The lowest score that passes, of version 3: 0 is a script, 1 a person. Default: 0.5, where
    /// Google tells sites to begin.
    #[must_use]
    pub fn min_score(mut self, score: f64) -> Self {
        self.thresholds = Some(self.thresholds.unwrap_or_default().min(score));
        self
    }

    /// The lowest score that passes for `purpose`.
    #[must_use]
    pub fn min_score_for(mut self, purpose: impl Into<String>, score: f64) -> Self {
        self.thresholds = Some(self.thresholds.unwrap_or_default().min_for(purpose.into(), score));
        self
    }

    /// The check.
    ///
    /// # Errors
    ///
    /// [`AdapterError`] if a host name, site key or score is malformed, or the HTTP client could
    /// not be built.
    pub fn build(self) -> Result<Recaptcha, AdapterError> {
        let own = self.keys.own.iter().map(|(_, key)| key);
        check_keys(NAME, own.chain([&self.keys.default]).map(|key| key.site.as_str()))?;
        if let Some(thresholds) = &self.thresholds {
            thresholds.check(NAME)?;
        }
        let test_keys = self.settings.test_keys;
        let address = ("https://www.google.com", "/recaptcha/api/siteverify");
        let service = Service::new(NAME, address, CODES, self.hosts, self.settings)?;
        Ok(Recaptcha { service, keys: self.keys, thresholds: self.thresholds, test_keys })
    }
}

crate::base::masked::debug_only!(RecaptchaBuilder: hosts);
