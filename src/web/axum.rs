//! The endpoints as a router of axum 0.8.
//!
//! ```no_run
//! # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
//! # use otpgate::web::{Admit, Ask, Host, HostError, Next};
//! # #[derive(Debug)] struct SignUp;
//! # #[async_trait::async_trait]
//! # impl Host for SignUp {
//! #     async fn admit(&self, _: &Ask<'_>) -> Result<Admit, HostError> { Ok(Admit::Send) }
//! #     async fn verified(&self, _: otpgate::Verification, _: &http::request::Parts)
//! #         -> Result<Next, HostError> { Ok(Next::to("/welcome")) }
//! # }
//! # async fn serve(gate: otpgate::Gate, listener: Listener) -> Result<(), Box<dyn std::error::Error>> {
//! use std::net::SocketAddr;
//! use otpgate::web::Config;
//!
//! let config = Config::builder("https://shop.example", SignUp).build()?;
//! let app = axum::Router::<()>::new().merge(otpgate::web::router(gate, config));
//! // The peer's address comes from here; without it all clients share one tight limit.
//! let service = app.into_make_service_with_connect_info::<SocketAddr>();
//! # drop((service, listener)); Ok(())
//! # }
//! # struct Listener;
//! ```

use std::future::poll_fn;
use std::net::{IpAddr, SocketAddr};
use std::panic::resume_unwind;
use std::pin::Pin;

use ::axum::Router;
use ::axum::body::{Body, HttpBody};
use ::axum::extract::{ConnectInfo, FromRef, FromRequestParts, Request, State};
use ::axum::response::{IntoResponse, Response};
use ::axum::routing::any;
use ::http::header::{CONNECTION, CONTENT_LENGTH};
use ::http::request::Parts;
use ::http::{HeaderMap, HeaderValue};
use bytes::Bytes;

use crate::base::timer::within;
use crate::gate::Gate;

use super::body::{JSON_LIMIT, RECEIPTS_LIMIT};
use super::client::Client;
use super::config::Config;
use super::endpoints::Endpoints;
use super::problem::{Problem, ProblemKind};

/// The endpoints of `gate` as a router, for [`Router::merge`]. Not for `nest`: the paths hold the mount.
///
/// Serve it with `into_make_service_with_connect_info::<SocketAddr>()`.
///
/// Each request is served to its end on a task of its own, even if its client hangs up. The spans around
/// it go along; what else belongs to a task (`tokio::task_local!`) does not reach your [`Host`](super::Host): put
/// it into the request's extensions.
pub fn router<S>(gate: Gate, config: Config) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    Endpoints::new(gate, config).into_router()
}

impl Endpoints {
    /// The endpoints as a router; see [`router`].
    pub fn into_router<S>(self) -> Router<S>
    where
        S: Clone + Send + Sync + 'static,
    {
        let mount = self.config().mount().to_owned();
        Router::new()
            .route(&mount, any(call))
            .route(&format!("{mount}/"), any(call))
            .route(&format!("{mount}/{{*path}}"), any(call))
            .with_state(self)
    }
}

/// Reads the body, with a limit and a deadline, and answers.
async fn call(State(endpoints): State<Endpoints>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let response = match collect(&endpoints, &parts, body).await {
        Ok(body) => {
            let peer = peer(&parts);
            let request = ::http::Request::from_parts(parts, body);
            seen_through(async move { endpoints.handle(request, peer).await }).await
        }
        Err(problem) => {
            let mut response = problem.response();
            // What else would come on the connection is the rest of this body.
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            response
        }
    };
    response.map(Body::from)
}

/// Makes a call on a task of its own. A server drops the handler of a client who hangs up, and with it would go
/// what the provider says of a text, what comes back of one that did not go out, and what an operator changed.
pub(super) async fn seen_through(
    call: impl Future<Output = ::http::Response<Bytes>> + Send + 'static,
) -> ::http::Response<Bytes> {
    #[cfg(feature = "tracing")]
    let call = tracing::Instrument::in_current_span(call);
    tokio::spawn(call).await.unwrap_or_else(|ended| match ended.try_into_panic() {
        Ok(panic) => resume_unwind(panic),
        // The runtime stops.
        Err(_) => Problem::new(ProblemKind::Outage).response(),
    })
}

async fn collect(endpoints: &Endpoints, parts: &Parts, body: Body) -> Result<Bytes, Problem> {
    let limit = if endpoints.is_receipt(parts) { RECEIPTS_LIMIT } else { JSON_LIMIT };
    if announced(&parts.headers).is_some_and(|length| length > limit as u64) {
        return Err(Problem::new(ProblemKind::TooLarge));
    }
    let deadline = endpoints.config().body_deadline;
    within(deadline, read(body, limit)).await.unwrap_or(Err(Problem::new(ProblemKind::Timeout)))
}

/// All of a body, and never more than `limit` bytes of it.
pub(super) async fn read(mut body: Body, limit: usize) -> Result<Bytes, Problem> {
    let mut all = Vec::new();
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        let Ok(frame) = frame else { return Err(Problem::new(ProblemKind::BadRequest)) };
        // What is no data is a trailer, and no endpoint has any.
        let Ok(data) = frame.into_data() else { continue };
        if data.len() > limit.saturating_sub(all.len()) {
            return Err(Problem::new(ProblemKind::TooLarge));
        }
        all.extend_from_slice(&data);
    }
    Ok(all.into())
}

fn announced(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn peer(parts: &Parts) -> Option<IpAddr> {
    parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip())
}

/// Who asks, for the host's own handlers: what the endpoints take the client for, session included.
///
/// Of a state that the [`Endpoints`] are part of. Append [`Client::set_cookie`] to the answer.
///
/// ```
/// use axum::extract::{FromRef, State};
/// use axum::http::header::SET_COOKIE;
/// use axum::response::{Html, IntoResponse, Response};
/// use axum::{Router, routing::get};
/// use otpgate::Purpose;
/// use otpgate::web::{Client, Endpoints, Problem};
///
/// #[derive(Clone)]
/// struct Shop { endpoints: Endpoints } // and what else is yours
///
/// impl FromRef<Shop> for Endpoints {
///     fn from_ref(shop: &Shop) -> Self { shop.endpoints.clone() }
/// }
///
/// # fn form_with(ticket: &str) -> String { ticket.to_owned() }
/// async fn page(State(shop): State<Shop>, client: Client) -> Result<Response, Problem> {
///     let ticket = shop.endpoints.gate().preflight(&Purpose::SIGN_UP, client.context())?;
///     let mut page = Html(form_with(ticket.as_str())).into_response();
///     if let Some(session) = client.set_cookie() {
///         page.headers_mut().append(SET_COOKIE, session.clone());
///     }
///     Ok(page)
/// }
///
/// fn app(shop: Shop) -> Router {
///     Router::new().route("/sign-up", get(page)).with_state(shop)
/// }
/// ```
impl<S> FromRequestParts<S> for Client
where
    Endpoints: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        Endpoints::from_ref(state).client(parts, peer(parts))
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        self.response().map(Body::from)
    }
}
