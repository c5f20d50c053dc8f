//! The [`HumanCheck`] port: a CAPTCHA or any other service that tells people from scripts.
//!
//! A check passes once: the gate remembers what passed ([`HumanPass`]) in the same atomic admission
//! that burns the front-end token, so no response is good for two texts, at whatever gates, in whatever
//! realms.

#[cfg(feature = "altcha")]
pub mod altcha;
mod code_row;
#[cfg(feature = "friendly-captcha")]
pub mod friendly_captcha;
#[cfg(feature = "hcaptcha")]
pub mod hcaptcha;
mod pass;
#[cfg(feature = "recaptcha")]
pub mod recaptcha;
#[cfg(feature = "recaptcha")]
pub mod recaptcha_enterprise;
#[cfg(any(
    feature = "friendly-captcha",
    feature = "hcaptcha",
    feature = "recaptcha",
    feature = "turnstile"
))]
#[cfg_attr(
    not(all(feature = "hcaptcha", feature = "recaptcha")),
    allow(dead_code, unused_imports, reason = "each adapter needs a part of it")
)]
mod service;
#[cfg(feature = "recaptcha")]
mod thresholds;
#[cfg(feature = "turnstile")]
pub mod turnstile;
mod verdict;
mod widget;

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use crate::base::time::Timestamp;

pub use crate::base::adapter_error::AdapterError;
pub use code_row::{CodeMeaning, CodeRow};
pub use pass::HumanPass;
#[cfg(feature = "recaptcha")]
use thresholds::Thresholds;
pub use verdict::{HumanCheckError, HumanCheckErrorKind, HumanFailure, HumanVerdict};
pub use widget::Widget;

/// A service that tells people from scripts: the second means of step-up, next to harder work.
///
/// # Contract
///
/// An implementation
/// - MUST ask the service itself, from the server; a page's word for a passed check is worth nothing;
/// - MUST name what it passed by something that the page cannot vary: if one proof can be written in
///   two ways, both have one [`HumanPass`]. The gate lets each pass once, across all instances;
/// - MUST refuse a response that is older than [`HumanPass::LIFE`], for which the gate remembers it,
///   unless the service itself guarantees that it passes once, as Turnstile, hCaptcha and reCAPTCHA do;
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
///     HumanCheck, HumanCheckError, HumanFailure, HumanPass, HumanRequest, HumanResponse,
///     HumanVerdict,
/// };
///
/// #[derive(Debug)]
/// struct StaffQuestion; // a shared word, for an intranet; an example, not a CAPTCHA
///
/// #[async_trait]
/// impl HumanCheck for StaffQuestion {
///     async fn check(&self, request: HumanRequest<'_>) -> Result<HumanVerdict, HumanCheckError> {
///         Ok(if request.response.expose_response() == "swordfish" {
///             HumanVerdict::Passed(HumanPass::of(request.response))
///         } else {
///             HumanVerdict::Failed(HumanFailure::NotHuman)
///         })
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let response = HumanResponse::parse("swordfish")?;
/// let now = otpgate::Timestamp::from_millis(1_800_000_000_000);
/// let request = HumanRequest::new(&response, "sign-up", now);
/// let check: Box<dyn HumanCheck> = Box::new(StaffQuestion);
/// assert!(matches!(check.check(request).await?, HumanVerdict::Passed(_)));
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

    /// What a page shows to get a response for `action`. `None`, unless an implementation says
    /// otherwise: the host's page then knows by itself. Nothing is decided by it, so it has a default.
    fn widget(&self, action: &str) -> Option<Widget> {
        let _ = action;
        None
    }

    /// A challenge for a page that works on one the host makes itself, as JSON. `None`, unless an
    /// implementation says otherwise: the service makes its own.
    ///
    /// # Errors
    ///
    /// [`HumanCheckError`] if the challenge could not be made.
    fn challenge(&self, action: &str, now: Timestamp) -> Result<Option<String>, HumanCheckError> {
        let _ = (action, now);
        Ok(None)
    }

    /// Whether the service could be asked, as far as that can be told without a response to check:
    /// above all whether there is a secret. [`Gate::ready`](crate::Gate::ready) asks. The default
    /// knows nothing against it.
    ///
    /// # Errors
    ///
    /// [`HumanCheckError`], as [`check`](Self::check) would give it.
    async fn ready(&self) -> Result<(), HumanCheckError> {
        Ok(())
    }
}

#[async_trait::async_trait]
#[deny(clippy::missing_trait_methods)]
impl<H: HumanCheck + ?Sized> HumanCheck for Arc<H> {
    async fn check(&self, request: HumanRequest<'_>) -> Result<HumanVerdict, HumanCheckError> {
        (**self).check(request).await
    }

    fn widget(&self, action: &str) -> Option<Widget> {
        (**self).widget(action)
    }

    fn challenge(&self, action: &str, now: Timestamp) -> Result<Option<String>, HumanCheckError> {
        (**self).challenge(action, now)
    }

    async fn ready(&self) -> Result<(), HumanCheckError> {
        (**self).ready().await
    }
}

#[async_trait::async_trait]
#[deny(clippy::missing_trait_methods)]
impl<H: HumanCheck + ?Sized> HumanCheck for Box<H> {
    async fn check(&self, request: HumanRequest<'_>) -> Result<HumanVerdict, HumanCheckError> {
        (**self).check(request).await
    }

    fn widget(&self, action: &str) -> Option<Widget> {
        (**self).widget(action)
    }

    fn challenge(&self, action: &str, now: Timestamp) -> Result<Option<String>, HumanCheckError> {
        (**self).challenge(action, now)
    }

    async fn ready(&self) -> Result<(), HumanCheckError> {
        (**self).ready().await
    }
}

/// One question to a [`HumanCheck`].
///
/// ```
/// use otpgate::Timestamp;
/// use otpgate::human::{HumanRequest, HumanResponse};
///
/// let response = HumanResponse::parse("what-the-widget-gave")?;
/// let now = Timestamp::from_millis(1_800_000_000_000);
/// let request =
///     HumanRequest::new(&response, "sign-up", now).from_client("192.0.2.7".parse().unwrap());
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
    /// The client's address, if it is known. An adapter passes it on only if the host said so.
    pub client: Option<IpAddr>,
    /// The gate's time, for the age of the response.
    pub now: Timestamp,
}

impl<'a> HumanRequest<'a> {
    /// A question without the client's address.
    #[must_use]
    pub const fn new(response: &'a HumanResponse, action: &'a str, now: Timestamp) -> Self {
        Self { response, action, client: None, now }
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
/// let now = otpgate::Timestamp::from_millis(1_800_000_000_000);
/// let error = NoHumanCheck.check(HumanRequest::new(&response, "sign-up", now)).await.unwrap_err();
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

    async fn ready(&self) -> Result<(), HumanCheckError> {
        Err(HumanCheckError::new(HumanCheckErrorKind::NotConfigured))
    }
}

crate::base::sentence::debug_as_sentence!(HumanResponseError);

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

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
        let request = HumanRequest::new(&response, "sign-up", NOW);
        assert!(!format!("{request:?}").contains("s3cret"));
    }

    #[tokio::test]
    async fn no_check_fails_closed_through_every_box() {
        let response = HumanResponse::parse("x").unwrap();
        let check: Arc<dyn HumanCheck> = Arc::new(Box::new(NoHumanCheck));
        let error = check.check(HumanRequest::new(&response, "a", NOW)).await.unwrap_err();
        assert_eq!(error.kind(), HumanCheckErrorKind::NotConfigured);
    }
}
