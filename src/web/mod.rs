//! The web edge: everything between a page and a [`Gate`](crate::Gate), as functions over `http` types.
//!
//! A host mounts [`Endpoints`] under a path (default `/otp`), puts the module's script into its page and
//! implements [`Host`]: who gets a decoy instead of a text, and what happens at a verified code. Nothing
//! here belongs to a framework or a runtime; the feature `axum` has the router.
//!
//! | below the mount | what |
//! |---|---|
//! | `POST preflight` | a ticket for the form, and the session cookie |
//! | `GET challenge` | what a human check's widget works on, where the host makes it |
//! | `POST send` | the form: a text goes out, or a step-up, or a refusal |
//! | `POST resend` | "send it again" |
//! | `GET entry` | what the code page shows, if its grant is open |
//! | `POST verify` | the code |
//! | `POST receipts/{provider}` | a provider's delivery receipts |
//! | `GET assets/…` | the browser module |
//! | `GET openapi.json` | this table for machines, with the feature `openapi` |
//! | `GET` the mount itself, `GET code` | the hosted pages, where the host wants them |
//!
//! Times on the wire are milliseconds from the answer's arrival, never the server's clock. Whatever a
//! client did wrong is a [`Problem`] (RFC 9457), and says no more than [`Refusal::public`].
//!
//! [`Refusal::public`]: crate::Refusal::public

pub mod assets;
#[cfg(feature = "axum")]
pub mod axum;
#[cfg(feature = "console")]
pub mod console;
pub mod page;

mod answers;
mod body;
mod client;
mod client_source;
mod config;
mod cookie;
mod endpoints;
mod host;
mod hosted;
#[cfg(feature = "openapi")]
mod openapi;
mod origin;
mod problem;
mod sign_up;

#[cfg(feature = "axum")]
pub use self::axum::router;
pub use client::Client;
pub use client_source::ClientSource;
pub use config::{Config, ConfigBuilder};
pub use cookie::{SameSite, read as cookie};
pub use endpoints::Endpoints;
pub use host::{Admit, Ask, Host, HostError, Known, Next};
pub use problem::{Problem, ProblemKind};
pub use sign_up::SignUp;

use ::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use ::http::{HeaderName, HeaderValue, Response};
use bytes::Bytes;

/// Adds what every answer has, but pages and assets with their own: it is kept nowhere, is what it says,
/// runs nothing, and is read by this site alone.
fn secured(mut response: Response<Bytes>) -> Response<Bytes> {
    const SAME_ORIGIN: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
    let headers = response.headers_mut();
    for (name, value) in [
        (CACHE_CONTROL, "no-store"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
        (SAME_ORIGIN, "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
