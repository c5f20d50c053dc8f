//! The endpoints of a page, ready to mount.
//!
//! [`getting_started`](super::getting_started) shows handlers of your own. The feature `web` has
//! them ready: [`Endpoints`](crate::web::Endpoints) answers all that a page asks, and you say two
//! things, [who gets a text](crate::web::Host::admit) and [what a verified code is good
//! for](crate::web::Host::verified). The feature `axum` makes a router of it.
//!
//! ```
//! # #[cfg(feature = "axum")]
//! # mod example {
//! # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
//! use http::header::SET_COOKIE;
//! use http::request::Parts;
//! use otpgate::web::{Admit, Ask, Config, Endpoints, Host, HostError, Next};
//! use otpgate::{Purpose, Region, Verification};
//!
//! #[derive(Debug)]
//! struct Reset;
//!
//! #[async_trait::async_trait]
//! impl Host for Reset {
//!     async fn admit(&self, ask: &Ask<'_>) -> Result<Admit, HostError> {
//!         // One look-up, known or not: the time it takes tells nothing.
//!         let known = ask.recipient.expose_e164().as_str() == "+4915112345678";
//!         Ok(if known { Admit::Send } else { Admit::Decoy })
//!     }
//!
//!     async fn verified(&self, proof: Verification, _: &Parts) -> Result<Next, HostError> {
//!         assert_eq!(proof.purpose(), &Purpose::RESET);
//!         let cookie = "__Host-reset=4f1c; Path=/; Secure; HttpOnly; SameSite=Lax".parse()?;
//!         Ok(Next::to("/new-password").header(SET_COOKIE, cookie))
//!     }
//! }
//!
//! # pub fn run() { shop::open(async |shop| {
//! # let (gate, outbox) = (shop.gate, shop.outbox);
//! let config = Config::builder("https://shop.example", Reset)
//!     .purposes([Purpose::RESET])
//!     .default_region(Region::DE)
//!     .code_page("/reset/code")
//!     .build()?;
//! let endpoints = Endpoints::new(gate, config);
//! let app: axum::Router = endpoints.clone().into_router();
//! // axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>())
//!
//! // What the browser module does: a ticket, its answer, the form.
//! let post = |path: &str, cookies: &str, body: String| {
//!     http::Request::post(path)
//!         .header("sec-fetch-site", "same-origin")
//!         .header("content-type", "application/json")
//!         .header("cookie", cookies)
//!         .body(body.into())
//! };
//! let peer = Some("192.0.2.7".parse()?);
//! let answer = endpoints.handle(post("/otp/preflight", "", r#"{"purpose":"reset"}"#.into())?, peer).await;
//! let session = answer.headers()[SET_COOKIE].to_str()?.split(';').next().unwrap_or_default().to_owned();
//! let body = std::str::from_utf8(answer.body())?;
//! let ticket = body.split('"').nth(3).unwrap_or_default();
//!
//! let ask = |number: &str, proof: String| {
//!     post("/otp/send", &session, format!(r#"{{"purpose":"reset","number":"{number}","proof":"{proof}"}}"#))
//! };
//! let proof = otpgate::token::answer(ticket, "0151 99999978")?;
//! let answer = endpoints.handle(ask("0151 99999978", proof)?, peer).await;
//! assert_eq!(answer.status(), 200, "nobody has this number, and nobody sees that");
//! assert_eq!(outbox.handed_off(), 0);
//! # drop(app); Ok(())
//! # }); }
//! # }
//! # #[cfg(feature = "axum")]
//! # example::run();
//! ```
//!
//! See also:
//!
//! | for | see |
//! |---|---|
//! | each call, each problem, proxies, sessions, payments, and the table of attacks | `docs/web.md` |
//! | the page: a form of your own, the hosted pages, words, styles, policies | `docs/web-browser.md` |
//! | another framework | [`Endpoints::handle`](crate::web::Endpoints::handle), `examples/actix.rs` |
//! | who asks, in a handler of your own | the extractor [`Client`](crate::web::Client) |
//! | providers' receipts | [`ConfigBuilder::receipts`](crate::web::ConfigBuilder::receipts) |
