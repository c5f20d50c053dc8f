//! A shop behind a server, and browsers that visit it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::extract::{FromRef, Request};
use otpgate::access::{AnonymiserKind, TrustedProxies};
use otpgate::message::{Language, MessageFormat};
use otpgate::otp::Binding;
use otpgate::store::MemoryStore;
use otpgate::testing::{Latency, ManualClock, ScriptedTransport, TransportHandle};
use otpgate::token::{HumanTime, WorkBits, answer};
use otpgate::web::{
    Admit, Ask, Client, ClientSource, Config, ConfigBuilder, Endpoints, Host, HostError, Known,
    Next,
};
use otpgate::{
    Event, EventKind, Gate, GateBuilder, KeyRing, Money, Observer, Policy, Purpose, Region,
    Verification,
};
use serde_json::{Value, json};

use super::wire::{Answer, Wire};

pub const ORIGIN: &str = "https://shop.example";
pub const NUMBER: &str = "+4915112345678";

/// What the host was asked and told, and what it answers.
#[derive(Clone, Debug, Default)]
pub struct Shopkeeper(pub Arc<Mutex<Book>>);

#[derive(Debug, Default)]
pub struct Book {
    /// Numbers that get a decoy.
    pub strangers: BTreeSet<String>,
    /// The payment that waits.
    pub payment: Option<Binding>,
    /// Who verified what.
    pub verified: Vec<(String, Purpose, Binding)>,
    pub fails: bool,
    pub panics: bool,
}

#[async_trait::async_trait]
impl Host for Shopkeeper {
    fn client(&self, request: &axum::http::request::Parts) -> Known {
        let cookies = request.headers.get("cookie").and_then(|line| line.to_str().ok());
        let mut known = Known::default();
        for pair in cookies.into_iter().flat_map(|line| line.split("; ")) {
            known = match pair.split_once('=') {
                Some(("shop", session)) => known.session(session),
                Some(("account", user)) => known.user(user),
                Some(("speaks", tag)) => known.language(Language::new(tag).unwrap()),
                Some(("through", "tor")) => known.anonymiser(AnonymiserKind::Tor),
                _ => known,
            };
        }
        known
    }

    async fn admit(&self, ask: &Ask<'_>) -> Result<Admit, HostError> {
        let number = ask.recipient.expose_e164();
        let stranger = self.0.lock().unwrap().strangers.contains(number.as_str());
        Ok(if stranger { Admit::Decoy } else { Admit::Send })
    }

    async fn binding(
        &self,
        purpose: &Purpose,
        _: &axum::http::request::Parts,
    ) -> Result<Option<Binding>, HostError> {
        if *purpose == Purpose::PAYMENT {
            return Ok(self.0.lock().unwrap().payment.clone());
        }
        Ok(Some(Binding::none()))
    }

    async fn verified(
        &self,
        verification: Verification,
        _: &axum::http::request::Parts,
    ) -> Result<Next, HostError> {
        let mut book = self.0.lock().unwrap();
        if book.fails {
            return Err("the accounts cannot be reached".into());
        }
        if book.panics {
            drop(book);
            panic!("the host has a bug");
        }
        let number = verification.recipient().expose_e164().as_str().to_owned();
        let what = (number, verification.purpose().clone(), verification.binding().clone());
        book.verified.push(what);
        let cookie = "__Host-login=4f1c; Path=/; Secure; HttpOnly; SameSite=Lax".parse()?;
        Ok(Next::to("/welcome")
            .header(axum::http::header::SET_COOKIE, cookie)
            .header(axum::http::header::CACHE_CONTROL, "public, max-age=3600".parse()?))
    }
}

/// Every event.
#[derive(Clone, Debug, Default)]
pub struct Log(pub Arc<Mutex<Vec<Event>>>);

impl Observer for Log {
    fn observe(&self, event: &Event) {
        self.0.lock().unwrap().push(event.clone());
    }
}

impl Log {
    pub fn count(&self, matches: impl Fn(&EventKind) -> bool) -> usize {
        self.0.lock().unwrap().iter().filter(|event| matches(&event.kind)).count()
    }
}

/// A shop that is open. Its server ends with the test's runtime.
pub struct Site {
    pub address: SocketAddr,
    pub gate: Gate,
    pub clock: ManualClock,
    pub outbox: TransportHandle,
    pub host: Shopkeeper,
    pub log: Log,
}

/// The default rules without work and human time.
pub fn policy() -> Policy {
    let mut policy = Policy::default();
    policy.token.human_time = HumanTime::ZERO;
    policy.token.work = WorkBits::NONE;
    policy
}

impl Site {
    pub async fn open() -> Self {
        Self::open_with(|gate| gate, |config| config).await
    }

    pub async fn open_with(
        gate: impl FnOnce(GateBuilder) -> GateBuilder,
        config: impl FnOnce(ConfigBuilder) -> ConfigBuilder,
    ) -> Self {
        let (clock, log) = (ManualClock::default(), Log::default());
        let (transport, outbox) = ScriptedTransport::new();
        let message =
            MessageFormat::builder("Shop").origin("shop.example").transactions().build().unwrap();
        let store = MemoryStore::builder().clock(clock.clone()).build();
        let parts = Gate::builder()
            .keys(KeyRing::generate().unwrap())
            .store(Latency::new(store, 3, 7))
            .transport(transport)
            .message(message)
            .countries([Region::DE])
            .daily_budget(Money::dollars(50))
            .clock(clock.clone())
            .observer(log.clone())
            .policy(policy());
        let gate = gate(parts).build().unwrap();
        let host = Shopkeeper::default();
        let proxies = TrustedProxies::parse(["127.0.0.0/8"]).unwrap();
        let parts = Config::builder(ORIGIN, host.clone())
            .purposes([Purpose::SIGN_UP, Purpose::LOG_IN, Purpose::PAYMENT])
            .default_region(Region::DE)
            .client_source(ClientSource::XForwardedFor(proxies))
            .code_page("/sign-up/code");
        let endpoints = Endpoints::new(gate.clone(), config(parts).build().unwrap());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Shop { endpoints: endpoints.clone() };
        let app = axum::Router::new()
            .route("/own", axum::routing::get(own_page))
            .with_state(state)
            .merge(endpoints.into_router());
        let service = app.into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, service).await });
        Self { address, gate, clock, outbox, host, log }
    }

    /// A browser at an address of its own.
    pub fn browser(&self, address: &str) -> Browser {
        Browser { address: self.address, from: Some(address.to_owned()), cookies: BTreeMap::new() }
    }

    pub fn code(&self) -> String {
        self.outbox.last_code_to(NUMBER).unwrap()
    }

    /// A browser whose code page is open.
    pub async fn at_code_page(&self) -> Browser {
        let mut browser = self.browser("203.0.113.7");
        let sent = browser.sign_up(NUMBER).await;
        assert_eq!(sent.status, 200, "{sent:?}");
        browser
    }
}

#[derive(Clone)]
struct Shop {
    endpoints: Endpoints,
}

impl FromRef<Shop> for Endpoints {
    fn from_ref(shop: &Shop) -> Self {
        shop.endpoints.clone()
    }
}

/// A page of the host's own, which makes its ticket itself.
async fn own_page(
    axum::extract::State(shop): axum::extract::State<Shop>,
    client: Client,
    _: Request,
) -> axum::response::Response {
    let ticket = shop.endpoints.gate().preflight(&Purpose::SIGN_UP, client.context()).unwrap();
    let mut response = axum::response::Response::new(ticket.as_str().to_owned().into());
    if let Some(cookie) = client.set_cookie() {
        response.headers_mut().append("set-cookie", cookie.clone());
    }
    response
}

/// What a browser does: keeps cookies, and says where its requests come from.
#[derive(Clone)]
pub struct Browser {
    pub address: SocketAddr,
    /// What the proxy says of it.
    pub from: Option<String>,
    pub cookies: BTreeMap<String, String>,
}

impl Browser {
    /// The bytes of a request, with `extra` lines.
    pub fn request(&self, method: &str, path: &str, extra: &str, body: Option<&[u8]>) -> Vec<u8> {
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: shop.example\r\n");
        if let Some(from) = &self.from {
            head += &format!("X-Forwarded-For: {from}\r\n");
        }
        if !self.cookies.is_empty() {
            let pairs: Vec<_> =
                self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            head += &format!("Cookie: {}\r\n", pairs.join("; "));
        }
        head += extra;
        if let Some(body) = body {
            head += &format!("Content-Length: {}\r\n", body.len());
        }
        [head.as_bytes(), b"\r\n", body.unwrap_or_default()].concat()
    }

    /// A post of the page's script.
    pub fn post_bytes(&self, path: &str, body: &Value) -> Vec<u8> {
        let extra = format!(
            "Origin: {ORIGIN}\r\nSec-Fetch-Site: same-origin\r\nContent-Type: application/json\r\n"
        );
        self.request("POST", path, &extra, Some(body.to_string().as_bytes()))
    }

    pub async fn post(&mut self, path: &str, body: Value) -> Answer {
        let request = self.post_bytes(path, &body);
        self.exchange(&request).await
    }

    pub async fn get(&mut self, path: &str) -> Answer {
        let request = self.request("GET", path, "Sec-Fetch-Site: same-origin\r\n", None);
        self.exchange(&request).await
    }

    /// Sends bytes and keeps the cookies of the answer.
    pub async fn exchange(&mut self, request: &[u8]) -> Answer {
        let mut wire = Wire::open(self.address).await;
        wire.write(request).await;
        let answer = wire.read().await;
        self.keep(&answer);
        answer
    }

    pub fn keep(&mut self, answer: &Answer) {
        for line in answer.all("set-cookie") {
            let (pair, attributes) = line.split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            if attributes.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
    }

    pub async fn ticket(&mut self, purpose: &str) -> String {
        let answer = self.post("/otp/preflight", json!({ "purpose": purpose })).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()["ticket"].as_str().unwrap().to_owned()
    }

    /// A proof that the page's script made.
    pub async fn proof(&mut self, purpose: &str, number: &str) -> String {
        answer(&self.ticket(purpose).await, number).unwrap()
    }

    pub async fn ask(&mut self, purpose: &str, number: &str) -> Answer {
        let proof = self.proof(purpose, number).await;
        let body = json!({ "purpose": purpose, "number": number, "proof": proof });
        self.post("/otp/send", body).await
    }

    pub async fn sign_up(&mut self, number: &str) -> Answer {
        self.ask("sign-up", number).await
    }

    pub async fn verify(&mut self, code: &str) -> Answer {
        self.post("/otp/verify", json!({ "code": code })).await
    }
}

/// A code that is another than `code`.
pub fn wrong(code: &str) -> String {
    let last = code.as_bytes()[code.len() - 1];
    format!("{}{}", &code[..code.len() - 1], (last - b'0' + 1) % 10)
}
