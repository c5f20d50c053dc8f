//! [`Problem`]: what a client is told when a request fails (RFC 9457).

use std::fmt;
use std::time::Duration;

use ::http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER};
use ::http::{HeaderName, HeaderValue, Response, StatusCode};
use bytes::Bytes;
use serde::Serialize;

use crate::base::time::millis;
use crate::error::GateError;
use crate::outcome::{PublicRefusal, PublicRefusalKind, StepUp, StepUpMeans};

/// What went wrong, as far as a client may know.
///
/// ```
/// use otpgate::web::ProblemKind;
///
/// assert_eq!(ProblemKind::TryLater.urn(), "urn:otpgate:problem:try-later");
/// assert_eq!(ProblemKind::TryLater.status(), 429);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum ProblemKind {
    /// The number cannot be read, or is not a telephone number.
    BadNumber,
    /// The request is not what the endpoint takes.
    BadRequest,
    /// The code page is closed: there is no open grant.
    Closed,
    /// The request comes from another site, or does not say from where.
    CrossSite,
    /// The endpoint does not know the method.
    MethodNotAllowed,
    /// There is no such endpoint.
    NotFound,
    /// Codes by SMS are off: [`PublicRefusalKind::OtherMethod`].
    OtherMethod,
    /// The number gets no texts: [`PublicRefusalKind::OtherNumber`].
    OtherNumber,
    /// The gate or the host could not decide.
    Outage,
    /// The code was not accepted, for whatever reason.
    Rejected,
    /// The form is too old, altered or used: [`PublicRefusalKind::ReloadPage`].
    ReloadPage,
    /// The verification is over: [`PublicRefusalKind::StartOver`].
    StartOver,
    /// The client must prove more first.
    StepUp,
    /// The body did not arrive in time.
    Timeout,
    /// The body is longer than the endpoint takes.
    TooLarge,
    /// A limit: [`PublicRefusalKind::TryLater`].
    TryLater,
    /// The body is of another media type.
    UnsupportedMediaType,
}

impl ProblemKind {
    /// Every kind.
    pub const ALL: [Self; 17] = [
        Self::BadNumber,
        Self::BadRequest,
        Self::Closed,
        Self::CrossSite,
        Self::MethodNotAllowed,
        Self::NotFound,
        Self::OtherMethod,
        Self::OtherNumber,
        Self::Outage,
        Self::Rejected,
        Self::ReloadPage,
        Self::StartOver,
        Self::StepUp,
        Self::Timeout,
        Self::TooLarge,
        Self::TryLater,
        Self::UnsupportedMediaType,
    ];

    /// The problem type: `urn:otpgate:problem:` and the kind's name.
    #[must_use]
    pub const fn urn(self) -> &'static str {
        self.row().0
    }

    /// The HTTP status.
    #[must_use]
    pub const fn status(self) -> u16 {
        self.row().1
    }

    /// Urn, status, title, detail.
    const fn row(self) -> (&'static str, u16, &'static str, &'static str) {
        match self {
            Self::BadNumber => (
                "urn:otpgate:problem:bad-number",
                422,
                "Not a phone number",
                "Please check the phone number, and give it with its country code.",
            ),
            Self::BadRequest => (
                "urn:otpgate:problem:bad-request",
                400,
                "Bad request",
                "The request is not what this endpoint takes.",
            ),
            Self::Closed => (
                "urn:otpgate:problem:closed",
                404,
                "Nothing to enter",
                "No code is being waited for here. Please start again.",
            ),
            Self::CrossSite => (
                "urn:otpgate:problem:cross-site",
                403,
                "From another site",
                "The request does not come from this site's own page.",
            ),
            Self::MethodNotAllowed => (
                "urn:otpgate:problem:method-not-allowed",
                405,
                "Method not allowed",
                "The endpoint takes another method; see `Allow`.",
            ),
            Self::NotFound => (
                "urn:otpgate:problem:not-found",
                404,
                "Not found",
                "There is nothing at this address.",
            ),
            Self::OtherMethod => (
                "urn:otpgate:problem:other-method",
                403,
                "No codes by SMS",
                "Codes by SMS are off; please use another method.",
            ),
            Self::OtherNumber => (
                "urn:otpgate:problem:other-number",
                403,
                "Another number",
                "We cannot send codes to this number.",
            ),
            Self::Outage => (
                "urn:otpgate:problem:outage",
                503,
                "Out of order",
                "This does not work at the moment. Please try again in a minute.",
            ),
            Self::Rejected => (
                "urn:otpgate:problem:rejected",
                422,
                "Not accepted",
                "The code was not accepted. Check it, or ask for a new one.",
            ),
            Self::ReloadPage => (
                "urn:otpgate:problem:reload-page",
                400,
                "Reload the page",
                "Please reload the page and try again.",
            ),
            Self::StartOver => {
                ("urn:otpgate:problem:start-over", 400, "Start again", "Please start again.")
            }
            Self::StepUp => (
                "urn:otpgate:problem:step-up",
                428,
                "One more step",
                "Please answer the ticket that is enclosed.",
            ),
            Self::Timeout => (
                "urn:otpgate:problem:timeout",
                408,
                "Too slow",
                "The request took too long to arrive.",
            ),
            Self::TooLarge => (
                "urn:otpgate:problem:too-large",
                413,
                "Too large",
                "The request is longer than this endpoint takes.",
            ),
            Self::TryLater => (
                "urn:otpgate:problem:try-later",
                429,
                "Please wait",
                "Please wait a while before you ask for another code.",
            ),
            Self::UnsupportedMediaType => (
                "urn:otpgate:problem:unsupported-media-type",
                415,
                "Not JSON",
                "The endpoint takes `application/json`.",
            ),
        }
    }
}

impl From<PublicRefusalKind> for ProblemKind {
    fn from(kind: PublicRefusalKind) -> Self {
        match kind {
            PublicRefusalKind::ReloadPage => Self::ReloadPage,
            PublicRefusalKind::OtherNumber => Self::OtherNumber,
            PublicRefusalKind::OtherMethod => Self::OtherMethod,
            PublicRefusalKind::StartOver => Self::StartOver,
            PublicRefusalKind::TryLater => Self::TryLater,
        }
    }
}

/// A failed request, as the client sees it: `application/problem+json`.
///
/// The same kind has always the same bytes but for the wait and the ticket, whatever the cause was.
/// `Debug` does not show the ticket.
///
/// ```
/// use std::time::Duration;
/// use otpgate::web::{Problem, ProblemKind};
///
/// let problem = Problem::new(ProblemKind::TryLater).retry_after(Duration::from_secs(30));
/// let response = problem.response();
/// assert_eq!(response.status(), 429);
/// assert_eq!(response.headers()["retry-after"], "30");
/// assert_eq!(response.headers()["ratelimit"], "\"send\";r=0;t=30");
/// assert_eq!(response.headers()["content-type"], "application/problem+json");
/// ```
#[must_use = "a problem is told with `response`"]
#[derive(Clone, PartialEq, Eq)]
pub struct Problem {
    kind: ProblemKind,
    retry_after: Option<Duration>,
    step_up: Option<Step>,
    allow: Option<&'static str>,
}

/// What to do, and the ticket to answer.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(super) struct Step {
    /// `work` or `human`.
    means: &'static str,
    ticket: String,
}

/// A problem (RFC 9457).
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(super) struct ProblemBody<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    status: u16,
    detail: &'static str,
    /// From the answer's arrival.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    step_up: Option<&'a Step>,
}

impl Problem {
    /// A problem of this kind.
    pub const fn new(kind: ProblemKind) -> Self {
        Self { kind, retry_after: None, step_up: None, allow: None }
    }

    /// When it may be tried again. Goes into the body, `Retry-After` and the `RateLimit` fields.
    pub const fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// The methods that the endpoint takes.
    pub(super) fn allow(methods: &'static str) -> Self {
        Self { allow: Some(methods), ..Self::new(ProblemKind::MethodNotAllowed) }
    }

    /// Its kind.
    pub const fn kind(&self) -> ProblemKind {
        self.kind
    }

    /// The answer: status, headers and body.
    pub fn response(&self) -> Response<Bytes> {
        let (urn, status, title, detail) = self.kind.row();
        let body = ProblemBody {
            kind: urn,
            title,
            status,
            detail,
            retry_after_ms: self.retry_after.map(millis),
            step_up: self.step_up.as_ref(),
        };
        // A struct of texts and numbers has a JSON form; the type of the error says otherwise.
        let body = serde_json::to_vec(&body).unwrap_or_default();
        let mut response = Response::new(Bytes::from(body));
        *response.status_mut() =
            StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(allow) = self.allow {
            headers.insert(ALLOW, HeaderValue::from_static(allow));
        }
        if let Some(wait) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds(wait)));
            insert_rate_limit(headers, wait);
        }
        super::secured(response)
    }
}

/// `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-11) of the one quota that a
/// client may know of: one text, and none for `wait` from now. Which limit it was, the fields do not say.
///
/// A String with `q`, a String with `r` and `t`, as Lists of RFC 9651; `t` is never later than
/// `Retry-After`. There is no `w`: the window is not one length.
pub(super) fn insert_rate_limit(headers: &mut ::http::HeaderMap, wait: Duration) {
    const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
    const LIMIT: HeaderName = HeaderName::from_static("ratelimit");
    headers.insert(POLICY, HeaderValue::from_static("\"send\";q=1"));
    let left = format!("\"send\";r=0;t={}", seconds(wait));
    if let Ok(left) = HeaderValue::try_from(left) {
        headers.insert(LIMIT, left);
    }
}

/// Whole seconds, never too early.
fn seconds(wait: Duration) -> u64 {
    millis(wait).div_ceil(1_000)
}

impl From<PublicRefusal> for Problem {
    fn from(refusal: PublicRefusal) -> Self {
        let retry_after = refusal.retry_after();
        Self { retry_after, ..Self::new(refusal.kind().into()) }
    }
}

/// [`ProblemKind::Outage`] without a word of the cause, which the gate has told its observer.
///
/// ```
/// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
/// # shop::open(async |shop| {
/// # let clearance = shop.clearance().await;
/// # shop.outbox.reply(otpgate::testing::Reply::NotSent);
/// # let shop::Shop { gate, .. } = shop;
/// use otpgate::web::{Problem, ProblemKind};
///
/// let error = gate.issue(clearance).await.unwrap_err();
/// assert_eq!(Problem::from(error), Problem::new(ProblemKind::Outage));
/// # Ok(())
/// # });
/// ```
impl From<GateError> for Problem {
    fn from(_: GateError) -> Self {
        Self::new(ProblemKind::Outage)
    }
}

impl From<StepUp> for Problem {
    fn from(step_up: StepUp) -> Self {
        let means = match step_up.means() {
            StepUpMeans::Work { .. } => "work",
            StepUpMeans::Human => "human",
        };
        let ticket = step_up.ticket().as_str().to_owned();
        Self { step_up: Some(Step { means, ticket }), ..Self::new(ProblemKind::StepUp) }
    }
}

impl fmt::Debug for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Problem")
            .field("kind", &self.kind)
            .field("retry_after", &self.retry_after)
            .field("step_up", &self.step_up.as_ref().map(|step| step.means))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_name_of_its_own_and_an_error_status() {
        let mut names: Vec<_> = ProblemKind::ALL.iter().map(|kind| kind.urn()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ProblemKind::ALL.len());
        for kind in ProblemKind::ALL {
            assert!((400..=503).contains(&kind.status()), "{kind:?}");
            assert!(kind.urn().starts_with("urn:otpgate:problem:"));
            let response = Problem::new(kind).response();
            assert_eq!(response.status(), kind.status());
            let body: serde_json::Value = serde_json::from_slice(response.body()).unwrap();
            assert_eq!(body["type"], kind.urn());
            assert_eq!(body.as_object().unwrap().len(), 4, "no field without a value");
        }
    }

    #[test]
    fn a_wait_is_never_told_too_short() {
        let wait = Duration::from_millis(29_001);
        let response = Problem::new(ProblemKind::TryLater).retry_after(wait).response();
        assert_eq!(response.headers()[RETRY_AFTER], "30");
        assert_eq!(response.headers()["ratelimit"], "\"send\";r=0;t=30");
        let body: serde_json::Value = serde_json::from_slice(response.body()).unwrap();
        assert_eq!(body["retry_after_ms"], 29_001);
    }
}
