//! The console: one page for whoever is on call, at night, on a phone.
//!
//! It shows what a realm's gate does and why, and has every control of [`Gate::controls`]; each change asks
//! for a reason and carries the operator's name, and switching all SMS off asks twice. It is made on the
//! server and runs without script under a policy that allows none.
//!
//! The host mounts it behind its own authentication: a [`Console`] cannot be made without
//! [`Operators`]. `docs/console.md` says what each part of the page means and what to do at 3 a.m.
//!
//! ```
//! # #[derive(Debug)] struct Staff;
//! # #[async_trait::async_trait]
//! # impl otpgate::web::console::Operators for Staff {
//! #     async fn authenticate(&self, _: &http::request::Parts)
//! #         -> Result<otpgate::web::console::Operator, otpgate::web::console::Denied> {
//! #         let ada = otpgate::access::Actor::new("ada").unwrap();
//! #         Ok(otpgate::web::console::Operator::new(ada, otpgate::web::console::Role::Act))
//! #     }
//! # }
//! # use otpgate::web::console::ConsoleFeed;
//! # let feed = ConsoleFeed::of(&otpgate::Realm::default());
//! # let told = feed.clone();
//! # let keys = otpgate::KeyRing::new(otpgate::KeyId(1), otpgate::Pepper::generate(&otpgate::SystemEntropy).unwrap());
//! # let ring = keys.clone();
//! # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
//! # shop::open_with(|parts| parts.keys(ring).observer(told), async |shop::Shop { gate, .. }| {
//! use http::Request;
//! use otpgate::web::console::Console;
//!
//! // `feed` was given to the gate as an observer.
//! let console = Console::new(gate, feed, Staff, &keys, "https://staff.example")?;
//! let (parts, ()) = Request::get("/otp-console").body(())?.into_parts();
//! let page = console.handle(&parts, b"").await;
//! assert_eq!(page.status(), 200);
//! assert!(page.headers()["content-security-policy"].to_str()?.starts_with("default-src 'none'"));
//! # Ok(())
//! # });
//! ```
//!
//! [`Gate::controls`]: crate::Gate::controls

mod chart;
mod clock;
mod deed;
mod feed;
mod form;
mod html;
mod kept;
mod operator;
mod page;
#[cfg(feature = "axum")]
mod router;
mod seal;
mod tally;
mod words;

use std::fmt;
use std::sync::Arc;

use ::http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use ::http::request::Parts;
use ::http::{HeaderName, HeaderValue, Method, Response, StatusCode};
use bytes::Bytes;

use crate::base::keyring::KeyRing;
use crate::error::{ConfigError, GateError};
use crate::gate::Gate;

use super::config::is_path;
use super::origin;

pub use feed::ConsoleFeed;
pub use operator::{Denied, Operator, Operators, Role};
#[cfg(feature = "axum")]
pub use router::router;

use deed::{Hand, Outcome, act};
use form::{Form, Unreadable};
use html::Html;
use page::View;
use seal::{Seals, Stale};

/// What the page may do: show its own style sheet and post to itself.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; \
                      base-uri 'none'; frame-ancestors 'none'";

const STYLE: &str = include_str!("style.css");

/// The style sheet's name changes with it, so that it can be kept for ever.
const STYLE_NAME: u64 = fingerprint(STYLE.as_bytes());

/// The console of one realm.
#[derive(Clone)]
pub struct Console(Arc<Inner>);

struct Inner {
    gate: Gate,
    feed: ConsoleFeed,
    operators: Box<dyn Operators>,
    seals: Seals,
    origin: String,
    mount: String,
}

impl Console {
    /// The console of `gate`'s realm, for the operators that `operators` lets in.
    ///
    /// `feed` is an observer that was given to the gate. `keys` is the gate's key ring: what the forms carry
    /// is signed under it, so that every process takes another's. `origin` is what the browser's address bar
    /// begins with. The console stands at `/otp-console`.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Rule`] if `origin` is not an origin, or `feed` belongs to another realm.
    pub fn new(
        gate: Gate,
        feed: ConsoleFeed,
        operators: impl Operators,
        keys: &KeyRing,
        origin: impl Into<String>,
    ) -> Result<Self, ConfigError> {
        Self::at(gate, feed, operators, keys, origin, "/otp-console")
    }

    /// The same at another path.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new), and if `mount` is not a plain path.
    pub fn at(
        gate: Gate,
        feed: ConsoleFeed,
        operators: impl Operators,
        keys: &KeyRing,
        origin: impl Into<String>,
        mount: impl Into<String>,
    ) -> Result<Self, ConfigError> {
        let (origin, mount) = (origin.into(), mount.into());
        if !origin::is_origin(&origin) {
            let rule = "the origin in the browser's address bar (no :443), such as \
                        https://staff.example, or http on localhost";
            return Err(ConfigError::rule("origin", origin, rule));
        }
        if !is_path(&mount) {
            let rule = "a path like /otp-console, without an end slash";
            return Err(ConfigError::rule("mount", mount, rule));
        }
        if feed.realm() != gate.realm().as_str() {
            let rule = "of the gate's realm: make it with `ConsoleFeed::of` and the realm's name";
            return Err(ConfigError::rule("feed", feed.realm(), rule));
        }
        let (operators, seals) = (Box::new(operators), Seals::new(keys));
        Ok(Self(Arc::new(Inner { gate, feed, operators, seals, origin, mount })))
    }

    /// Where it stands.
    pub fn mount(&self) -> &str {
        &self.0.mount
    }

    /// Takes a reading of the detector's evidence, for the charts. The page takes one whenever it is asked
    /// for; a host that calls this once a minute has the evidence of the time before somebody looked.
    ///
    /// # Errors
    ///
    /// [`GateError`] if the store gave no answer.
    pub async fn sample(&self) -> Result<(), GateError> {
        self.0.feed.sample(&self.0.gate.snapshot().await?);
        Ok(())
    }

    /// Answers a request for the mount or a path below it, whatever framework it came by.
    ///
    /// The host limits the body before it reads it: to 16 KiB, which is refused here too. And it runs each call
    /// on a task of its own, as the router does, where its server drops the handler of a client who hangs up:
    /// a change would be made and its event not told.
    pub async fn handle(&self, parts: &Parts, body: &[u8]) -> Response<Bytes> {
        let Inner { mount, operators, .. } = &*self.0;
        let path = parts.uri.path();
        let path = path.strip_prefix(mount.as_str()).unwrap_or(path).trim_end_matches('/');
        let reads = parts.method == Method::GET || parts.method == Method::HEAD;
        if path == style_path() {
            return if reads { style() } else { not_allowed("GET, HEAD") };
        }
        let query = Form::query(parts.uri.query().unwrap_or(""));
        let operator = match operators.authenticate(parts).await {
            Ok(operator) => operator,
            Err(denied) => {
                let again = page::refresh(&query).filter(|_| reads && path.is_empty());
                return denied_page(&denied, reads, again);
            }
        };
        match path {
            "" if reads => self.overview(&operator, &query).await,
            "/act" if parts.method == Method::POST => self.posted(&operator, parts, body).await,
            "" => not_allowed("GET, HEAD"),
            "/act" => not_allowed("POST"),
            _ => short(StatusCode::NOT_FOUND, "There is no such page here."),
        }
    }

    async fn overview(&self, operator: &Operator, query: &Form<'_>) -> Response<Bytes> {
        let view = self.view(operator, query).await;
        let status = if view.outage() { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
        answer(status, page::overview(&view))
    }

    async fn view<'a>(&'a self, operator: &'a Operator, query: &'a Form<'a>) -> View<'a> {
        let Inner { gate, feed, seals, mount, .. } = &*self.0;
        let controls = gate.controls();
        let now = controls.now();
        let snapshot = gate.snapshot().await;
        if let Ok(snapshot) = &snapshot {
            feed.sample(snapshot);
        }
        let entries = match &snapshot {
            Ok(_) => controls.list().await.map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        let realm = gate.realm().as_str();
        View {
            realm,
            operator,
            snapshot,
            entries,
            feed,
            now,
            token: seals.form(realm, operator.actor().as_str(), now),
            mount,
            query,
            kept: None,
        }
    }

    async fn posted(&self, operator: &Operator, parts: &Parts, body: &[u8]) -> Response<Bytes> {
        let Inner { gate, seals, origin, mount, .. } = &*self.0;
        if origin::check_post(&parts.headers, origin).is_err() {
            let words = "This form was not posted by the console's own page. Nothing was done.";
            return short(StatusCode::FORBIDDEN, words);
        }
        if operator.role() != Role::Act {
            return short(StatusCode::FORBIDDEN, "You may look and change nothing.");
        }
        let form = match Form::read(&parts.headers, body) {
            Ok(form) => form,
            Err(Unreadable::Type) => {
                return short(StatusCode::UNSUPPORTED_MEDIA_TYPE, "This is no form.");
            }
            Err(Unreadable::Size) => {
                return short(StatusCode::PAYLOAD_TOO_LARGE, "This form is too long.");
            }
            Err(Unreadable::Fields) => {
                return short(StatusCode::BAD_REQUEST, "This is no form of the console.");
            }
        };
        let controls = gate.controls();
        let (realm, actor, now) = (gate.realm().as_str(), operator.actor(), controls.now());
        let checked = seals.check_form(form.field("token"), realm, actor.as_str(), now);
        let outcome = match checked {
            Ok(()) => {
                let hand = Hand { controls, realm, actor, seals, now };
                act(&hand, &form).await
            }
            Err(Stale::Old) => {
                let words = "This page was open for more than two hours. Look again, then send.";
                Outcome::Wrong(words.to_owned())
            }
            Err(_) => {
                return short(StatusCode::FORBIDDEN, "This form is not yours. Nothing was done.");
            }
        };
        let refresh = page::refresh(&form);
        match outcome {
            Outcome::Done(word) => {
                let again = refresh.map(|seconds| format!("&refresh={seconds}"));
                see(&format!("{mount}?done={word}{}", again.unwrap_or_default()))
            }
            Outcome::Ask(question) => {
                let token = seals.form(realm, actor.as_str(), now);
                answer(StatusCode::OK, page::question(&question, mount, &token, realm, refresh))
            }
            Outcome::Code { code, until } => {
                answer(StatusCode::OK, page::code(&code, until, mount, realm, refresh))
            }
            Outcome::Wrong(words) => {
                let query = Form::default();
                let mut view = self.view(operator, &query).await;
                view.kept = Some((&form, words));
                answer(StatusCode::UNPROCESSABLE_ENTITY, page::overview(&view))
            }
        }
    }
}

impl fmt::Debug for Console {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Console")
            .field("gate", &self.0.gate)
            .field("operators", &self.0.operators)
            .field("mount", &self.0.mount)
            .finish_non_exhaustive()
    }
}

/// The style sheet's path below the mount.
fn style_path() -> String {
    format!("/style-{STYLE_NAME:016x}.css")
}

/// FNV-1a: a name for a text of ours, no proof of anything.
const fn fingerprint(bytes: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut rest = bytes;
    while let Some((byte, after)) = rest.split_first() {
        hash = (hash ^ *byte as u64).wrapping_mul(0x0000_0100_0000_01b3);
        rest = after;
    }
    hash
}

fn style() -> Response<Bytes> {
    let mut response = secured(Response::new(Bytes::from_static(STYLE.as_bytes())));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/css; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
    response
}

fn answer(status: StatusCode, html: Html) -> Response<Bytes> {
    let mut response = secured(Response::new(Bytes::from(html.into_string())));
    *response.status_mut() = status;
    let html = HeaderValue::from_static("text/html; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, html);
    response
}

/// A sentence where there is no page to show.
fn short(status: StatusCode, words: &'static str) -> Response<Bytes> {
    answer(status, page::sentence(words))
}

fn not_allowed(methods: &'static str) -> Response<Bytes> {
    let mut response = short(StatusCode::METHOD_NOT_ALLOWED, "This page takes no such call.");
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(methods));
    response
}

/// To another page, by a new request that reads.
fn see(url: &str) -> Response<Bytes> {
    let Ok(url) = HeaderValue::try_from(url) else {
        return short(
            StatusCode::INTERNAL_SERVER_ERROR,
            "The host's address for signing in is none.",
        );
    };
    let mut response = answer(StatusCode::SEE_OTHER, page::sentence("Go on."));
    response.headers_mut().insert(LOCATION, url);
    response
}

/// `again` is after how many seconds the page that was asked for would have asked anew.
fn denied_page(denied: &Denied, reads: bool, again: Option<&'static str>) -> Response<Bytes> {
    match denied {
        Denied::SignIn => short(StatusCode::UNAUTHORIZED, "Sign in first."),
        Denied::SignInAt(url) if reads => see(url),
        // Browsers hold `form-action` against where a post is led to: elsewhere nothing happens.
        Denied::SignInAt(url) => answer(StatusCode::UNAUTHORIZED, page::signed_out(url)),
        Denied::Forbidden => short(StatusCode::FORBIDDEN, "You may not see the console."),
        Denied::Unavailable => {
            let words = "It cannot be said who you are at the moment.";
            answer(StatusCode::SERVICE_UNAVAILABLE, page::sentence_again(words, again))
        }
    }
}

/// What every answer carries.
fn secured(mut response: Response<Bytes>) -> Response<Bytes> {
    const SAME_ORIGIN: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
    const OPENER: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
    let headers = response.headers_mut();
    for (name, value) in [
        (CACHE_CONTROL, "no-store"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // "same-origin" and not "no-referrer": under that, browsers send `Origin: null` with a form.
        (REFERRER_POLICY, "same-origin"),
        (CONTENT_SECURITY_POLICY, POLICY),
        (SAME_ORIGIN, "same-origin"),
        (OPENER, "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
