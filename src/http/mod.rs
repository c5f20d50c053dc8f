//! The [`HttpClient`] port: one request, one answer, never a second try.
//!
//! Adapters for SMS providers, human checks and number signals use HTTP through this port. The
//! shipped client is [`ReqwestClient`] (feature `reqwest`); a host that has its own client puts it
//! behind the port with [`ClientFn`] in a few lines.
//!
//! # What a client must be able to tell
//!
//! Money hangs on one question after a failure: can the provider have read the request? The kind of
//! an [`HttpError`] answers it. [`Unreachable`](HttpErrorKind::Unreachable) is a proof that it
//! cannot; every other kind says "perhaps".

mod base_url;
mod client_fn;
mod credential;
mod date;
mod error;
mod request;
#[cfg(feature = "reqwest")]
mod reqwest_client;
mod response;
#[cfg(feature = "reqwest")]
#[cfg_attr(
    not(all(feature = "aws", feature = "esendex", feature = "hcaptcha")),
    allow(dead_code, unused_imports, unused_macros, reason = "each adapter needs a part of it")
)]
mod wiring;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

pub use crate::base::secret::SecretText;
pub use base_url::{BaseUrl, BaseUrlError};
pub use client_fn::ClientFn;
pub use credential::{CredentialError, Credentials};
#[cfg(any(
    feature = "aws",
    feature = "friendly-captcha",
    feature = "hcaptcha",
    feature = "recaptcha",
    feature = "turnstile",
    feature = "twilio",
    feature = "vonage"
))]
pub(crate) use date::rfc3339_millis;
pub use error::{HttpError, HttpErrorKind};
pub use request::{HttpRequest, Method};
#[cfg(feature = "reqwest")]
pub use reqwest_client::{ReqwestClient, ReqwestClientBuilder, ReqwestError};
pub use response::HttpResponse;
#[cfg(feature = "reqwest")]
#[cfg_attr(
    not(all(feature = "aws", feature = "esendex")),
    allow(unused_imports, reason = "each adapter needs a part of it")
)]
pub(crate) use wiring::{Wiring, wiring};

/// Sends one HTTP request and reads its answer.
///
/// # Contract
///
/// An implementer
///
/// - MUST send the request at most once. No retry after a dead connection, a time-out or a status.
///   The one repeat allowed is of a request of which no byte was written;
/// - MUST NOT follow a redirect: the answer with status 3xx is the answer. The request carries the
///   host's credentials and a code;
/// - MUST report [`HttpErrorKind::Unreachable`] only if the request provably was not written in full:
///   the name did not resolve, the connection was refused, TLS failed. A connection that was kept
///   alive and dies before the first byte of the answer is [`HttpErrorKind::Interrupted`];
/// - MUST end by itself within a deadline that covers everything, from the name look-up to the last
///   byte of the body;
/// - MUST bound the body it reads;
/// - MUST report an answer whose body ended early as [`HttpErrorKind::Interrupted`], not as an answer;
/// - MUST put neither the body nor a header of the request into an error or a log.
#[async_trait]
pub trait HttpClient: fmt::Debug + Send + Sync + 'static {
    /// Sends `request` and reads the whole answer, whatever its status.
    ///
    /// # Errors
    ///
    /// [`HttpError`] if there was no complete answer. Its kind says whether the other side can have
    /// read the request.
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, HttpError>;
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<T: HttpClient + ?Sized> HttpClient for Arc<T> {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        (**self).send(request).await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<T: HttpClient + ?Sized> HttpClient for Box<T> {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        (**self).send(request).await
    }
}
