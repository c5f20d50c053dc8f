//! The [`HumanCheck`] port: a CAPTCHA or any other service that tells people from scripts.

mod verdict;

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

pub use verdict::{HumanCheckError, HumanCheckErrorKind, HumanFailure, HumanVerdict};

/// A service that tells people from scripts: the second means of step-up, next to harder work.
///
/// # Contract
///
/// An implementation
/// - MUST ask the service itself, from the server; a page's word for a passed check is worth nothing;
/// - MUST let each response pass at most once, across all instances: either the service guarantees
///   it, as Turnstile, hCaptcha and reCAPTCHA do, or the implementation remembers responses;
/// - MUST compare the host name that the service reports with the site's own, and the action, where
///   the service has one, with [`HumanRequest::action`]; a response earned elsewhere is
///   [`HumanFailure::WrongSite`];
/// - MUST answer [`HumanVerdict::Passed`] only on the service's explicit yes; an answer that cannot be
///   read is an error;
/// - MUST set its own deadline (a few seconds) and report it as
///   [`HumanCheckErrorKind::Unavailable`]; the gate then refuses to send;
/// - MUST NOT retry a response after an unclear outcome, since the first try may have spent it;
/// - MUST NOT log the response.
///
/// A check that cannot be made is an `Err`, never a [`HumanVerdict::Failed`]: an outage of the service
/// is no evidence against the visitor.
///
/// ```
/// use async_trait::async_trait;
/// use otpgate::human::{
///     HumanCheck, HumanCheckError, HumanFailure, HumanRequest, HumanResponse, HumanVerdict,
/// };
///
/// #[derive(Debug)]
/// struct StaffQuestion; // a shared word, for an intranet; an example, not a CAPTCHA
///
/// #[async_trait]
/// impl HumanCheck for StaffQuestion {
///     async fn check(&self, request: HumanRequest<'_>) -> Result<HumanVerdict, HumanCheckError> {
///         Ok(if request.response.expose_response() == "swordfish" {
///             HumanVerdict::Passed
///         } else {
///             HumanVerdict::Failed(HumanFailure::NotHuman)
///         })
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let response = HumanResponse::parse("swordfish")?;
/// let request = HumanRequest::new(&response, "sign-up");
/// let check: Box<dyn HumanCheck> = Box::new(StaffQuestion);
/// assert_eq!(check.check(request).await?, HumanVerdict::Passed);
/// # Ok(()) }
/// ```
#[async_trait::async_trait]
pub trait HumanCheck: fmt::Debug + Send + Sync + 'static {
    /// Asks the service about one response.
    ///
    /// # Errors
    ///
    /// [`HumanCheckError`] if the service gave no clear answer.
    async fn check(&self, request: HumanRequest<'_>) -> Result<HumanVerdict, HumanCheckError>;
}

#[async_trait::async_trait]
impl<H: HumanCheck + ?Sized> HumanCheck for Arc<H> {
    async fn check(&self, request: HumanRequest<'_>) -> Result<HumanVerdict, HumanCheckError> {
        (**self).check(request).await
    }
}

#[async_trait::async_trait]
impl<H: HumanCheck + ?Sized> HumanCheck for Box<H> {
    async fn check(&self, request: HumanRequest<'_>) -> Result<HumanVerdict, HumanCheckError> {
        (**self).check(request).await
    }
}

/// One question to a [`HumanCheck`].
///
/// ```
/// use otpgate::human::{HumanRequest, HumanResponse};
///
/// let response = HumanResponse::parse("what-the-widget-gave")?;
/// let request = HumanRequest::new(&response, "sign-up").from_client("192.0.2.7".parse().unwrap());
/// assert_eq!((request.action, request.client.is_some()), ("sign-up", true));
/// # Ok::<(), otpgate::human::HumanResponseError>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct HumanRequest<'a> {
    /// What the page got from the service.
    pub response: &'a HumanResponse,
    /// What the check is for: the purpose of the code, used as the service's action name.
    pub action: &'a str,
    /// The client's address, if the host knows it and may pass it to the service.
    pub client: Option<IpAddr>,
}

impl<'a> HumanRequest<'a> {
    /// A question without the client's address.
    #[must_use]
    pub const fn new(response: &'a HumanResponse, action: &'a str) -> Self {
        Self { response, action, client: None }
    }

    /// Adds the client's address. It leaves the house with the question: personal data.
    #[must_use]
    pub const fn from_client(mut self, client: IpAddr) -> Self {
        self.client = Some(client);
        self
    }
}

/// What a page got from the service: opaque, single use, masked in `Debug`.
///
/// ```
/// use otpgate::human::{HumanResponse, HumanResponseError};
///
/// let response = HumanResponse::parse("what-the-widget-gave")?;
/// assert_eq!(response.expose_response(), "what-the-widget-gave");
/// assert_eq!(format!("{response:?}"), "HumanResponse([20 bytes])");
/// assert_eq!(HumanResponse::parse("two\r\nlines"), Err(HumanResponseError));
/// # Ok::<(), HumanResponseError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct HumanResponse(Box<str>);

impl HumanResponse {
    /// The longest response accepted, in bytes. The services document up to 2,048 characters or give
    /// no limit; four times as much is still nothing to hold.
    pub const MAX_LENGTH: usize = 8_192;

    /// Reads the form field: 1 to 8,192 visible ASCII characters.
    ///
    /// # Errors
    ///
    /// [`HumanResponseError`] for anything else, so that a response cannot smuggle a line break or a
    /// megabyte into the question to the service.
    pub fn parse(text: &str) -> Result<Self, HumanResponseError> {
        let fits = (1..=Self::MAX_LENGTH).contains(&text.len());
        if fits && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(Self(text.into()))
        } else {
            Err(HumanResponseError)
        }
    }

    /// The response, for the question to the service and for nothing else.
    #[must_use]
    pub fn expose_response(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for HumanResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HumanResponse([{} bytes])", self.0.len())
    }
}

/// The text cannot be a response of a human check.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a human-check response is 1 to 8192 visible ASCII characters; send the field that the service's widget filled in"
)]
pub struct HumanResponseError;

/// The check of a host that has none: it answers every question with
/// [`HumanCheckErrorKind::NotConfigured`], so that a step-up without a service fails closed.
///
/// ```
/// # use otpgate::testing::block_on;
/// # block_on(async {
/// use otpgate::human::{HumanCheck, HumanCheckErrorKind, HumanRequest, HumanResponse, NoHumanCheck};
///
/// let response = HumanResponse::parse("anything").unwrap();
/// let error = NoHumanCheck.check(HumanRequest::new(&response, "sign-up")).await.unwrap_err();
/// assert_eq!(error.kind(), HumanCheckErrorKind::NotConfigured);
/// # });
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct NoHumanCheck;

#[async_trait::async_trait]
impl HumanCheck for NoHumanCheck {
    async fn check(&self, _: HumanRequest<'_>) -> Result<HumanVerdict, HumanCheckError> {
        Err(HumanCheckError::new(HumanCheckErrorKind::NotConfigured))
    }
}

crate::base::sentence::debug_as_sentence!(HumanResponseError);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_is_visible_ascii_of_bounded_length() {
        assert!(HumanResponse::parse(&"x".repeat(8_192)).is_ok());
        for bad in ["", " ", "a b", "a\r\nHost: b", "é", &"x".repeat(8_193)] {
            assert_eq!(HumanResponse::parse(bad), Err(HumanResponseError));
        }
    }

    #[test]
    fn debug_does_not_show_the_response() {
        let response = HumanResponse::parse("s3cret-response").unwrap();
        let request = HumanRequest::new(&response, "sign-up");
        assert!(!format!("{request:?}").contains("s3cret"));
    }

    #[tokio::test]
    async fn no_check_fails_closed_through_every_box() {
        let response = HumanResponse::parse("x").unwrap();
        let check: Arc<dyn HumanCheck> = Arc::new(Box::new(NoHumanCheck));
        let error = check.check(HumanRequest::new(&response, "a")).await.unwrap_err();
        assert_eq!(error.kind(), HumanCheckErrorKind::NotConfigured);
    }
}
