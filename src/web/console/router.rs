//! The console as a router of axum 0.8.

use std::time::Duration;

use ::axum::Router;
use ::axum::body::Body;
use ::axum::extract::{Request, State};
use ::axum::response::Response;
use ::axum::routing::any;
use ::http::StatusCode;

use crate::base::timer::within;

use super::super::axum::{read, seen_through};
use super::form::LIMIT;
use super::{Console, short};

/// How long a form may take to arrive.
const DEADLINE: Duration = Duration::from_secs(10);

/// The console as a router, for `Router::merge`. Not for `nest`: the paths hold the mount.
///
/// Each request is served to its end on a task of its own, even if its client hangs up: no change is made
/// without its event.
///
/// ```
/// # fn serve(app: axum::Router, console: otpgate::web::console::Console) -> axum::Router {
/// app.merge(otpgate::web::console::router(console))
/// # }
/// ```
pub fn router<S>(console: Console) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    let mount = console.mount().to_owned();
    Router::new()
        .route(&mount, any(call))
        .route(&format!("{mount}/"), any(call))
        .route(&format!("{mount}/{{*path}}"), any(call))
        .with_state(console)
}

async fn call(State(console): State<Console>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let response = match within(DEADLINE, read(body, LIMIT)).await {
        Some(Ok(body)) => seen_through(async move { console.handle(&parts, &body).await }).await,
        Some(Err(_)) => short(StatusCode::PAYLOAD_TOO_LARGE, "This form is too long."),
        None => short(StatusCode::REQUEST_TIMEOUT, "The form did not arrive in time."),
    };
    response.map(Body::from)
}
