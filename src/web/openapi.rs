//! The table of [`web`](super) for machines.

#![allow(dead_code, reason = "the macro reads the functions")]

use utoipa::OpenApi;
use utoipa::openapi::Server;

use super::body::{
    EntryAnswer, PreflightAnswer, PreflightCall, ResendCall, SendCall, SentAnswer, VerifiedAnswer,
    VerifyCall,
};
use super::config::Config;
use super::problem::ProblemBody;

const PROBLEM: &str = "application/problem+json";

/// What the endpoints take and answer, below the mount of `config`.
pub(super) fn document(config: &Config) -> utoipa::openapi::OpenApi {
    let mut document = Table::openapi();
    document.servers = Some(vec![Server::new(config.mount.clone())]);
    document
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "One-time codes by SMS",
        description = "The endpoints that a page talks to. Every answer but assets is `no-store`; cookies carry session and grant.",
    ),
    paths(preflight, challenge, send, resend, entry, verify, receipts)
)]
struct Table;

/// A ticket for the form. Gives a client without a session one.
#[utoipa::path(
    post,
    path = "/preflight",
    request_body = PreflightCall,
    responses(
        (status = 200, body = PreflightAnswer<'static>),
        (status = "4XX", body = ProblemBody<'static>, content_type = PROBLEM),
        (status = 503, description = "An outage.", body = ProblemBody<'static>, content_type = PROBLEM),
    )
)]
fn preflight() {}

/// What the widget of a human check works on, where the host makes the challenges.
#[utoipa::path(
    get,
    path = "/challenge",
    params(("purpose" = String, Query, description = "What the code is for.")),
    responses(
        (status = 200, description = "In the form that the widget takes.", body = Object),
        (status = 404, description = "The service makes its own.", body = ProblemBody<'static>, content_type = PROBLEM),
        (status = "4XX", body = ProblemBody<'static>, content_type = PROBLEM),
        (status = 503, description = "An outage.", body = ProblemBody<'static>, content_type = PROBLEM),
    )
)]
fn challenge() {}

/// The form. Sets the cookie of the grant.
#[utoipa::path(
    post,
    path = "/send",
    request_body = SendCall,
    responses(
        (status = 200, body = SentAnswer<'static>),
        (status = 428, description = "The client must prove more: `step_up`.", body = ProblemBody<'static>, content_type = PROBLEM),
        (status = 429, description = "A limit; `Retry-After` says how long.", body = ProblemBody<'static>, content_type = PROBLEM),
        (status = "4XX", body = ProblemBody<'static>, content_type = PROBLEM),
        (status = 503, description = "An outage.", body = ProblemBody<'static>, content_type = PROBLEM),
    )
)]
fn send() {}

/// Another text, or another channel.
#[utoipa::path(
    post,
    path = "/resend",
    request_body = ResendCall,
    responses(
        (status = 200, body = SentAnswer<'static>),
        (status = 429, description = "A limit, or what a step-up would cure at the first form; `Retry-After` says how long.", body = ProblemBody<'static>, content_type = PROBLEM),
        (status = "4XX", body = ProblemBody<'static>, content_type = PROBLEM),
        (status = 503, description = "An outage.", body = ProblemBody<'static>, content_type = PROBLEM),
    )
)]
fn resend() {}

/// What the code page shows, if its grant is open.
#[utoipa::path(
    get,
    path = "/entry",
    responses(
        (status = 200, body = EntryAnswer<'static>),
        (status = 404, description = "There is no open grant.", body = ProblemBody<'static>, content_type = PROBLEM),
        (status = "4XX", body = ProblemBody<'static>, content_type = PROBLEM),
        (status = 503, description = "An outage.", body = ProblemBody<'static>, content_type = PROBLEM),
    )
)]
fn entry() {}

/// The code. Clears the cookie of the grant and sets that of the device.
#[utoipa::path(
    post,
    path = "/verify",
    request_body = VerifyCall,
    responses(
        (status = 200, body = VerifiedAnswer<'static>),
        (status = 422, description = "Not accepted, whatever the cause.", body = ProblemBody<'static>, content_type = PROBLEM),
        (status = "4XX", body = ProblemBody<'static>, content_type = PROBLEM),
        (status = 503, description = "An outage. It is never a wrong code.", body = ProblemBody<'static>, content_type = PROBLEM),
    )
)]
fn verify() {}

/// A provider's delivery receipts, as the provider posts them.
#[utoipa::path(
    post,
    path = "/receipts/{provider}",
    params(("provider" = String, Path, description = "The name in the configuration.")),
    request_body(content = String, content_type = "*/*"),
    responses(
        (status = 200, description = "Taken."),
        (status = "4XX", description = "Not genuine, or unreadable."),
        (status = 503, description = "Post it again."),
    )
)]
fn receipts() {}
