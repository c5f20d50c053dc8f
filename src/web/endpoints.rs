//! [`Endpoints`]: each call of a page, from request to answer.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use ::http::header::CONTENT_LENGTH;
use ::http::request::Parts;
use ::http::{HeaderValue, Method, Request, Response};
use bytes::Bytes;

use crate::access::ClientIp;
use crate::event::OutagePart;
use crate::gate::Gate;

use super::client::Client;
use super::client_source::Nameless;
use super::config::Config;
use super::origin;
use super::page::PageContext;
use super::problem::{Problem, ProblemKind};

/// The endpoints of one gate: functions from requests to answers, without framework and runtime.
///
/// [`handle`](Self::handle) routes; the other functions are its rows, for a host with a router of its own.
/// Each checks for itself where the request comes from, what its body is and how long. The peer is that of
/// the connection, and `None` where it is not known, such as at a Unix socket: such clients share one
/// tight limit. If that is so, or a proxy does not name its peer, an
/// [`Outage`](crate::EventKind::Outage) says why, once a minute at most.
///
/// Cheap to clone.
///
/// ```
/// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
/// # use otpgate::web::{Admit, Ask, Host, HostError, Next};
/// # #[derive(Debug)] struct SignUp;
/// # #[async_trait::async_trait]
/// # impl Host for SignUp {
/// #     async fn admit(&self, _: &Ask<'_>) -> Result<Admit, HostError> { Ok(Admit::Send) }
/// #     async fn verified(&self, _: otpgate::Verification, _: &http::request::Parts)
/// #         -> Result<Next, HostError> { Ok(Next::to("/welcome")) }
/// # }
/// # shop::open(async |shop| {
/// # let gate = shop.gate;
/// use otpgate::web::{Config, Endpoints};
///
/// let endpoints = Endpoints::new(gate, Config::builder("https://shop.example", SignUp).build()?);
/// let request = http::Request::post("/otp/preflight")
///     .header("content-type", "application/json")
///     .header("sec-fetch-site", "same-origin")
///     .body(r#"{"purpose":"sign-up"}"#.into())?;
/// let response = endpoints.handle(request, Some("192.0.2.7".parse()?)).await;
/// assert_eq!(response.status(), 200);
/// assert_eq!(response.headers()["cache-control"], "no-store");
/// assert!(response.headers()["set-cookie"].to_str()?.starts_with("__Host-otp-session="));
/// # Ok(())
/// # });
/// ```
#[derive(Clone, Debug)]
pub struct Endpoints(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    gate: Gate,
    config: Config,
    /// Calls that are not answered yet.
    under_way: AtomicUsize,
    /// That nobody names a client, and that the site has another name.
    nameless: Told,
    misnamed: Told,
}

/// When something was last told that is the same for each request, in milliseconds of the gate's clock.
#[derive(Debug)]
struct Told(AtomicU64);

/// For what a bare script can claim as well.
const HOUR_MS: u64 = 3_600_000;
const MINUTE_MS: u64 = 60_000;

impl Told {
    const fn never() -> Self {
        Self(AtomicU64::new(u64::MAX))
    }

    /// Whether it is to be told again after `pause`; whoever asks tells it.
    fn is_due(&self, now: u64, pause: u64) -> bool {
        let last = self.0.load(Ordering::Relaxed);
        // Apart in either direction: the clock may have been set back.
        now.abs_diff(last) >= pause
            && self.0.compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

/// One of the calls under way.
struct Counted<'a>(&'a AtomicUsize);

impl<'a> Counted<'a> {
    fn one_of(all: &'a AtomicUsize) -> Self {
        all.fetch_add(1, Ordering::Relaxed);
        Self(all)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The longest host has 253 characters: what is said of one is cut off before.
const LONGEST_NAME: usize = 128;

/// What a request comes to: an answer, or a problem, which is one as well.
pub(super) type Answer = Result<Response<Bytes>, Problem>;

impl Endpoints {
    /// The endpoints of `gate`. A host with several tenants makes one for each
    /// ([`Gate::in_realm`](crate::Gate::in_realm)), with a mount and [cookies](super::ConfigBuilder::cookies)
    /// of its own on the site that they share. Tenants with sites of their own need a gate each: the text,
    /// with the host that browsers offer its code on, is the gate's and the same in every realm.
    ///
    /// The observer hears of an [`OutagePart::Host`] if
    /// - the gate has a human check and the hosted form no script to show it: nobody could pass it
    ///   ([`ConfigBuilder::hosted`](super::ConfigBuilder::hosted));
    /// - the texts name a host ([`GateBuilder::origin`](crate::GateBuilder::origin)) that is neither that of
    ///   these pages nor above or below it: browsers would offer the code there and on none of these. Of a
    ///   host above or below, or a port in the origin, it does not hear: Safari offers the code here then,
    ///   Chrome does not, and you may have meant it.
    ///
    /// And at most once a minute if nobody names the address of a client, once an hour if a browser shows these
    /// pages under another origin than the [configured](Config::builder) one: each of its posts is refused.
    #[must_use]
    pub fn new(gate: Gate, config: Config) -> Self {
        if gate.has_human_check() && config.pages.as_ref().is_some_and(PageContext::shows_no_widget)
        {
            let what = "the gate has a human check, and the hosted form no script that shows it: whoever is \
                        asked for one gets no text; name the script in `PageContext::scripts` \
                        (docs/web-browser.md has one for each service)";
            gate.tell_outage(OutagePart::Host, what.to_owned());
        }
        if let Some(what) = foreign_text(&gate, &config.origin) {
            gate.tell_outage(OutagePart::Host, what);
        }
        let (nameless, misnamed) = (Told::never(), Told::never());
        let under_way = AtomicUsize::new(0);
        Self(Arc::new(Inner { gate, config, under_way, nameless, misnamed }))
    }

    /// How many calls are not answered yet, those included whose client has gone.
    ///
    /// The [router](super::router) serves a call to its end on a task of its own, so a server that shuts down
    /// gracefully does not wait for it. Before you let the runtime end, wait until this is 0: a text that a
    /// provider did not take is given back then, and what it costs is recorded. The hand-off's deadline
    /// ([`GateBuilder::hand_off_deadline`](crate::GateBuilder::hand_off_deadline)) bounds the wait, with that of
    /// your store.
    ///
    /// ```
    /// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
    /// # use otpgate::web::{Config, Endpoints, Next, SignUp};
    /// # shop::open(async |shop| {
    /// # let sign_up = SignUp::new(|_, _| async { Ok(Next::to("/")) });
    /// # let config = Config::builder("https://shop.example", sign_up).build()?;
    /// # let endpoints = Endpoints::new(shop.gate, config);
    /// assert_eq!(endpoints.under_way(), 0);
    /// # Ok(())
    /// # });
    /// ```
    #[must_use]
    pub fn under_way(&self) -> usize {
        self.0.under_way.load(Ordering::Relaxed)
    }

    /// The gate.
    pub fn gate(&self) -> &Gate {
        &self.0.gate
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.0.config
    }

    /// Answers a request below the mount; one elsewhere is not found.
    ///
    /// The path is compared as it was sent: nothing is decoded, nothing is normalised. The answer to `HEAD`
    /// is that to `GET` without its body.
    pub async fn handle(&self, request: Request<Bytes>, peer: Option<IpAddr>) -> Response<Bytes> {
        let _counted = Counted::one_of(&self.0.under_way);
        let (parts, body) = request.into_parts();
        let answer = self.route(&parts, &body, peer).await;
        let mut response = told(answer);
        if parts.method == Method::HEAD {
            let length = HeaderValue::from(response.body().len());
            response.headers_mut().insert(CONTENT_LENGTH, length);
            *response.body_mut() = Bytes::new();
        }
        response
    }

    async fn route(&self, parts: &Parts, body: &[u8], peer: Option<IpAddr>) -> Answer {
        let Some(below) = self.below_mount(parts) else {
            return Err(Problem::new(ProblemKind::NotFound));
        };
        match below {
            "/preflight" => {
                only_post(parts)?;
                self.answer_preflight(parts, body, peer)
            }
            "/challenge" => {
                only_get(parts)?;
                self.answer_challenge(parts)
            }
            "/send" => {
                only_post(parts)?;
                self.answer_send(parts, body, peer).await
            }
            "/resend" => {
                only_post(parts)?;
                self.answer_resend(parts, body, peer).await
            }
            "/entry" => {
                only_get(parts)?;
                self.answer_entry(parts, peer).await
            }
            "/verify" => {
                only_post(parts)?;
                self.answer_verify(parts, body, peer).await
            }
            #[cfg(feature = "openapi")]
            "/openapi.json" => {
                only_get(parts)?;
                Ok(super::body::answer(&super::openapi::document(self.config())))
            }
            _ => match below.strip_prefix("/receipts/") {
                Some(provider) => self.answer_receipts(provider, parts, body).await,
                None => self.answer_hosted(below, parts, peer).await,
            },
        }
    }

    /// Whether a request is a provider's, whose bodies may be longer.
    #[cfg(feature = "axum")]
    pub(super) fn is_receipt(&self, parts: &Parts) -> bool {
        self.below_mount(parts).is_some_and(|below| below.starts_with("/receipts/"))
    }

    fn below_mount<'a>(&self, parts: &'a Parts) -> Option<&'a str> {
        parts.uri.path().strip_prefix(&self.config().mount)
    }

    /// `POST preflight`: a ticket for the form. Gives a client without a session one.
    pub async fn preflight(
        &self,
        request: &Parts,
        body: &[u8],
        peer: Option<IpAddr>,
    ) -> Response<Bytes> {
        told(self.answer_preflight(request, body, peer))
    }

    /// `GET challenge`: what the widget of a human check works on, where the gate's check makes its own
    /// ([`Gate::human_challenge`](crate::Gate::human_challenge)).
    pub fn challenge(&self, request: &Parts) -> Response<Bytes> {
        told(self.answer_challenge(request))
    }

    /// `POST send`: the form. Sets the cookie of the grant.
    pub async fn send(
        &self,
        request: &Parts,
        body: &[u8],
        peer: Option<IpAddr>,
    ) -> Response<Bytes> {
        told(self.answer_send(request, body, peer).await)
    }

    /// `POST resend`: another text, or another channel.
    pub async fn resend(
        &self,
        request: &Parts,
        body: &[u8],
        peer: Option<IpAddr>,
    ) -> Response<Bytes> {
        told(self.answer_resend(request, body, peer).await)
    }

    /// `GET entry`: what the code page shows, if it may be shown.
    pub async fn entry(&self, request: &Parts, peer: Option<IpAddr>) -> Response<Bytes> {
        told(self.answer_entry(request, peer).await)
    }

    /// `POST verify`: the code.
    pub async fn verify(
        &self,
        request: &Parts,
        body: &[u8],
        peer: Option<IpAddr>,
    ) -> Response<Bytes> {
        told(self.answer_verify(request, body, peer).await)
    }

    /// `POST receipts/{provider}`: what a provider says of a text. `provider` is the name it has in the
    /// configuration, whatever the path is.
    pub async fn receipts(&self, provider: &str, request: &Parts, body: &[u8]) -> Response<Bytes> {
        told(self.answer_receipts(provider, request, body).await)
    }

    /// Who asks: the client's address as the configuration has it read, the session, the device proof and
    /// what the host knows. For a host that calls the gate itself, from its own page.
    ///
    /// A client without a session gets one; hand [`Client::set_cookie`] to the answer.
    ///
    /// # Errors
    ///
    /// A problem if the random generator failed, so that no session could begin.
    pub fn client(&self, request: &Parts, peer: Option<IpAddr>) -> Result<Client, Problem> {
        Client::with_session(self.config(), request, self.address(request, peer)).map_err(|error| {
            self.gate().tell_outage(OutagePart::Entropy, error.to_string());
            Problem::new(ProblemKind::Outage)
        })
    }

    /// The client without a session of ours, if it has none.
    pub(super) fn client_as_it_is(&self, request: &Parts, peer: Option<IpAddr>) -> Client {
        Client::as_it_is(self.config(), request, self.address(request, peer))
    }

    fn address(&self, request: &Parts, peer: Option<IpAddr>) -> ClientIp {
        let address = self.config().client_source.client(peer, &request.headers);
        address.unwrap_or_else(|cause| {
            self.tell_nameless(cause);
            ClientIp::unknown()
        })
    }

    /// All clients that nobody names share one tight limit, so that the site gets a few texts an hour.
    #[cold]
    fn tell_nameless(&self, cause: Nameless) {
        if self.0.nameless.is_due(self.gate().now().as_millis(), MINUTE_MS) {
            let what =
                format!("a client's address is not known, and such share one tight limit: {cause}");
            self.gate().tell_outage(OutagePart::Host, what);
        }
    }

    /// A page of this server whose posts are refused: the site is configured under another name.
    #[cold]
    fn tell_misnamed(&self, request: &Parts) {
        let own = &self.config().origin;
        if let Some(other) = origin::other_name(&request.headers, own)
            && self.0.misnamed.is_due(self.gate().now().as_millis(), HOUR_MS)
        {
            let other = other.get(..LONGEST_NAME).unwrap_or(other);
            let what = format!(
                "a browser showed these pages at {other} and is refused, since they are configured for {own}: lead \
                 one to the other, or name the right one in `Config::builder`. (A script can claim this as well)"
            );
            self.gate().tell_outage(OutagePart::Host, what);
        }
    }

    /// Whether a post comes from a page of this origin, for the host's own forms: the check that the
    /// endpoints make. Behind a login it is what keeps other sites from using it.
    ///
    /// # Errors
    ///
    /// [`ProblemKind::CrossSite`] if the request comes from another site's page.
    ///
    /// ```
    /// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
    /// # use otpgate::web::{Admit, Ask, Host, HostError, Next};
    /// # #[derive(Debug)] struct SignUp;
    /// # #[async_trait::async_trait]
    /// # impl Host for SignUp {
    /// #     async fn admit(&self, _: &Ask<'_>) -> Result<Admit, HostError> { Ok(Admit::Send) }
    /// #     async fn verified(&self, _: otpgate::Verification, _: &http::request::Parts)
    /// #         -> Result<Next, HostError> { Ok(Next::to("/welcome")) }
    /// # }
    /// # shop::open(async |shop| {
    /// # use otpgate::web::{Config, Endpoints};
    /// # let config = Config::builder("https://shop.example", SignUp).build()?;
    /// # let endpoints = Endpoints::new(shop.gate, config);
    /// let from = |origin| http::Request::post("/pay").header("origin", origin).body(());
    /// let (own, ()) = from("https://shop.example")?.into_parts();
    /// assert!(endpoints.check_own_page(&own).is_ok());
    /// let (other, ()) = from("https://evil.example")?.into_parts();
    /// assert!(endpoints.check_own_page(&other).is_err());
    /// # Ok(())
    /// # });
    /// ```
    pub fn check_own_page(&self, request: &Parts) -> Result<(), Problem> {
        let checked = origin::check_post(&request.headers, &self.config().origin);
        if checked.is_err() {
            self.tell_misnamed(request);
        }
        checked
    }
}

/// What to do about texts whose code browsers offer on another site than `origin`, if they are such.
fn foreign_text(gate: &Gate, origin: &str) -> Option<String> {
    let host = gate.message_hosts().next()?;
    if gate.message_hosts().any(|host| origin::is_related(origin, host)) {
        return None;
    }
    Some(format!(
        "the endpoints of {origin} send texts whose last line names {host}: browsers offer the code there, and \
         not on these pages; name the pages' host in `GateBuilder::origin`, and give each site a gate of its own"
    ))
}

fn told(answer: Answer) -> Response<Bytes> {
    answer.unwrap_or_else(|problem| problem.response())
}

fn only_post(parts: &Parts) -> Result<(), Problem> {
    if parts.method == Method::POST { Ok(()) } else { Err(Problem::allow("POST")) }
}

pub(super) fn only_get(parts: &Parts) -> Result<(), Problem> {
    if matches!(parts.method, Method::GET | Method::HEAD) {
        Ok(())
    } else {
        Err(Problem::allow("GET, HEAD"))
    }
}
