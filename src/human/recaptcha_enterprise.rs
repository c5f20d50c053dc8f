//! [`RecaptchaEnterprise`]: Google's assessments, of score and checkbox keys.
//!
//! ```no_run
//! use otpgate::human::recaptcha_enterprise::{ApiKey, RecaptchaEnterprise};
//!
//! let key = ApiKey::key(std::env::var("RECAPTCHA_API_KEY")?);
//! let check = RecaptchaEnterprise::builder("my-project", "site-key", key, ["shop.example"])
//!     .min_score_for("payment", 0.7)
//!     .build()?;
//! // Gate::builder()… .human_check(check)
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The page's action is the purpose with `_` for `-`, as [`Widget::action`] says. `valid` says only that
//! the token is genuine and unused, with whatever score: host, action, age and score are compared here.
//! Without a security review by Google there are four scores, 0.1, 0.3, 0.7 and 0.9: thresholds between
//! two of them are the same.

use async_trait::async_trait;
use serde_json::{Value, json};

use super::recaptcha::{POLICY, action};
use super::service::{Service, Settings, check_keys, score, settings, text};
use super::{
    AdapterError, CodeMeaning, CodeRow, HumanCheck, HumanCheckError, HumanCheckErrorKind,
    HumanFailure, HumanPass, HumanRequest, HumanVerdict, Thresholds, Widget,
};
use crate::http::{Credentials, HttpRequest, HttpResponse, SecretText};

/// The service's name in widgets and errors.
pub const NAME: &str = "recaptcha-enterprise";

/// What Google's reasons for an invalid token mean, and then its errors (`google.rpc.Code`).
pub const CODES: &[CodeRow] = &[
    CodeRow::failed("INVALID_REASON_UNSPECIFIED", HumanFailure::NotHuman, "no reason is given"),
    CodeRow::failed("UNKNOWN_INVALID_REASON", HumanFailure::NotHuman, "a reason of no name"),
    CodeRow::failed("MALFORMED", HumanFailure::NotHuman, "made up"),
    CodeRow::failed("EXPIRED", HumanFailure::Spent, "older than two minutes"),
    CodeRow::failed("DUPE", HumanFailure::Spent, "used before"),
    CodeRow::failed("MISSING", HumanFailure::NotHuman, "no token"),
    CodeRow::failed(
        "BROWSER_ERROR",
        HumanFailure::NotHuman,
        "an error in the browser, or so it says",
    ),
    CodeRow::failed("UNEXPECTED_ACTION", HumanFailure::WrongSite, "earned for another action"),
    CodeRow::misconfigured("INVALID_ARGUMENT", "the request is not understood", KEYS),
    CodeRow::misconfigured("UNAUTHENTICATED", "the API key or token is not accepted", KEYS),
    CodeRow::misconfigured("PERMISSION_DENIED", "the key may not make assessments", ROLE),
    CodeRow::misconfigured("NOT_FOUND", "there is no such project", KEYS),
    CodeRow::misconfigured("FAILED_PRECONDITION", "the project is not ready", ROLE),
    CodeRow::unavailable("RESOURCE_EXHAUSTED", "the quota is used up", "enable billing, or wait"),
    CodeRow::unavailable("UNAVAILABLE", "Google is unavailable", LATER),
    CodeRow::unavailable("DEADLINE_EXCEEDED", "Google took too long", LATER),
    CodeRow::unavailable("INTERNAL", "Google failed", LATER),
];

const KEYS: &str = "check the project, the site key and the API key, from Google's console";
const LATER: &str = "try later, with a new response";
const ROLE: &str = "enable the API reCAPTCHA Enterprise, and let the key use it";

/// What the adapter authenticates with. `Debug` shows no secret.
#[derive(Clone, Debug)]
pub struct ApiKey(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Key(SecretText),
    Bearer(SecretText),
}

impl ApiKey {
    /// An API key of the project. Restrict it to the API reCAPTCHA Enterprise and to your addresses.
    #[must_use]
    pub fn key(key: impl Into<String>) -> Self {
        Self(Kind::Key(SecretText::new(key)))
    }

    /// An access token of a service account, good for an hour: from a
    /// [source](Credentials::from_fn) that a background task keeps fresh.
    #[must_use]
    pub fn access_token(token: impl Into<String>) -> Self {
        Self(Kind::Bearer(SecretText::new(token)))
    }

    fn secret(&self) -> &SecretText {
        match &self.0 {
            Kind::Key(secret) | Kind::Bearer(secret) => secret,
        }
    }
}

/// A [`HumanCheck`] by reCAPTCHA Enterprise. See the [module](self).
#[derive(Debug)]
pub struct RecaptchaEnterprise {
    service: Service,
    site_key: String,
    key: Credentials<ApiKey>,
    thresholds: Thresholds,
}

impl RecaptchaEnterprise {
    /// A check of what the widget `site_key` gives on the pages of `hosts`, by assessments in `project`
    /// (its identifier or number).
    #[must_use]
    pub fn builder<H: Into<String>>(
        project: impl Into<String>,
        site_key: impl Into<String>,
        key: impl Into<Credentials<ApiKey>>,
        hosts: impl IntoIterator<Item = H>,
    ) -> RecaptchaEnterpriseBuilder {
        RecaptchaEnterpriseBuilder {
            project: project.into(),
            site_key: site_key.into(),
            key: key.into(),
            thresholds: Thresholds::default(),
            hosts: hosts.into_iter().map(Into::into).collect(),
            settings: Settings::default(),
        }
    }

    fn read(
        &self,
        response: &HttpResponse,
        request: &HumanRequest<'_>,
    ) -> Result<HumanVerdict, HumanCheckError> {
        let body: Value = serde_json::from_slice(response.body()).unwrap_or_default();
        if response.status() != 200 {
            let status = body.get("error").and_then(|error| text(error, "status"));
            let row = status.and_then(|status| self.service.row(status));
            return match row.filter(|row| matches!(row.means, CodeMeaning::Error(_))) {
                Some(row) => self.service.meaning(row).map(HumanVerdict::Failed),
                None => Err(self.service.by_status(response.status())),
            };
        }
        let token = body.get("tokenProperties").unwrap_or(&Value::Null);
        match token.get("valid").and_then(Value::as_bool) {
            Some(true) => {}
            Some(false) => {
                // Google says that the list grows; `valid` has said no already.
                let row = text(token, "invalidReason").and_then(|code| self.service.row(code));
                let failure = match row.map(|row| row.means) {
                    Some(CodeMeaning::Failed(failure)) => failure,
                    _ => HumanFailure::NotHuman,
                };
                return Ok(HumanVerdict::Failed(failure));
            }
            None => return Err(self.service.unreadable("an assessment without `valid`")),
        }
        let ours = self.service.is_ours(text(token, "hostname"));
        if !ours || text(token, "action") != Some(&action(request.action)) {
            return Ok(HumanVerdict::Failed(HumanFailure::WrongSite));
        }
        if !self.service.is_fresh(text(token, "createTime"), request.now)? {
            return Ok(HumanVerdict::Failed(HumanFailure::Spent));
        }
        let Some(score) = body.get("riskAnalysis").and_then(score) else {
            return Err(self.service.unreadable("an assessment without a score"));
        };
        if score < self.thresholds.of(request.action) {
            return Ok(HumanVerdict::Failed(HumanFailure::NotHuman));
        }
        Ok(HumanVerdict::Passed(HumanPass::of(request.response)))
    }

    fn key(&self) -> Result<ApiKey, HumanCheckError> {
        let key = self.service.current(&self.key)?;
        if key.secret().is_empty() {
            let what = "the API key is empty; make one in the project's credentials";
            return Err(self.service.error(HumanCheckErrorKind::Misconfigured, what));
        }
        Ok(key)
    }
}

#[async_trait]
impl HumanCheck for RecaptchaEnterprise {
    async fn check(&self, request: HumanRequest<'_>) -> Result<HumanVerdict, HumanCheckError> {
        let key = self.key()?;
        let mut event = json!({
            "token": request.response.expose_response(),
            "siteKey": self.site_key,
            "expectedAction": action(request.action),
        });
        if let (Some(client), Some(event)) =
            (request.client.filter(|_| self.service.client_address), event.as_object_mut())
        {
            event.insert("userIpAddress".to_owned(), client.to_string().into());
        }
        let question = HttpRequest::post(self.service.url());
        let question = match &key.0 {
            Kind::Key(secret) => question.with_header("x-goog-api-key", secret.expose_secret()),
            Kind::Bearer(token) => question.with_bearer_auth(token),
        };
        let body = json!({ "event": event }).to_string();
        let question = question.with_body("application/json", body);
        self.read(&self.service.ask(question).await?, &request)
    }

    fn widget(&self, purpose: &str) -> Option<Widget> {
        let widget = Widget::new(NAME, &self.site_key, action(purpose), "g-recaptcha-response");
        Some(widget.script("https://www.google.com/recaptcha/enterprise.js").policy(POLICY))
    }

    async fn ready(&self) -> Result<(), HumanCheckError> {
        self.key().map(drop)
    }
}

/// Settings of a [`RecaptchaEnterprise`].
pub struct RecaptchaEnterpriseBuilder {
    project: String,
    site_key: String,
    key: Credentials<ApiKey>,
    thresholds: Thresholds,
    hosts: Vec<String>,
    settings: Settings,
}

impl RecaptchaEnterpriseBuilder {
    settings!();
    settings!(client_address);

    /// The lowest score that passes: 0 is a script, 1 a person. Default: 0.5, where Google tells sites to
    /// begin; between the scores 0.3 and 0.7 that every project has.
    #[must_use]
    pub fn min_score(mut self, score: f64) -> Self {
        self.thresholds = self.thresholds.min(score);
        self
    }

    /// The lowest score that passes for `purpose`.
    #[must_use]
    pub fn min_score_for(mut self, purpose: impl Into<String>, score: f64) -> Self {
        self.thresholds = self.thresholds.min_for(purpose.into(), score);
        self
    }

    /// The check.
    ///
    /// # Errors
    ///
    /// [`AdapterError`] if the project, a host name, the site key or a score is malformed, or the
    /// HTTP client could not be built.
    pub fn build(self) -> Result<RecaptchaEnterprise, AdapterError> {
        check_keys(NAME, [self.site_key.as_str()])?;
        self.thresholds.check(NAME)?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b':' | b'.');
        if self.project.is_empty() || !self.project.bytes().all(plain) {
            let problem = "the project is its identifier or number, from Google's console";
            return Err(AdapterError::new(NAME, problem));
        }
        let path = format!("/v1/projects/{}/assessments", self.project);
        let address = ("https://recaptchaenterprise.googleapis.com", path.as_str());
        let service = Service::new(NAME, address, CODES, self.hosts, self.settings)?;
        let Self { site_key, key, thresholds, .. } = self;
        Ok(RecaptchaEnterprise { service, site_key, key, thresholds })
    }
}

crate::base::masked::debug_only!(RecaptchaEnterpriseBuilder: project, hosts);
