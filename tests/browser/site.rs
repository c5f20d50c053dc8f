//! A shop on a free port of the loopback: the real router over a gate whose clock stands still.

use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::http::{HeaderValue, request::Parts};
use axum::middleware::{Next as Rest, from_fn_with_state};
use axum::response::Response;
use axum::routing::get;
use otpgate::access::DestinationPolicy;
use otpgate::human::{
    HumanCheck, HumanCheckError, HumanFailure, HumanPass, HumanRequest, HumanVerdict, Widget,
};
use otpgate::message::{Brand, MessageFormat};
use otpgate::store::MemoryStore;
use otpgate::testing::{ManualClock, ScriptedTransport, TransportHandle};
use otpgate::token::HumanTime;
use otpgate::web::page::PageContext;
use otpgate::web::{Admit, Ask, Config, Host, HostError, Next};
use otpgate::{
    Gate, KeyId, KeyRing, Money, Pepper, Policy, Purpose, Region, SystemEntropy, Verification,
};
use tokio::runtime::{Builder, Runtime};

/// Whatever the gate's provider was given, and whatever the page asked for.
pub struct Site {
    pub origin: String,
    pub clock: ManualClock,
    pub outbox: TransportHandle,
    log: Log,
    _runtime: Runtime, // the server ends with it
}

/// Paths and bodies of all requests.
type Log = Arc<Mutex<Vec<(String, String)>>>;

/// What differs between the shops.
pub struct Shop {
    pub policy: Policy,
    pub region: Region,
    /// In place of the page's own.
    pub csp: Option<&'static str>,
    /// Whether the page has a script that shows the widget of the human check.
    pub widget: bool,
    pub human: bool,
}

impl Default for Shop {
    fn default() -> Self {
        let mut policy = Policy::default();
        policy.token.human_time = HumanTime::ZERO; // the gate's clock does not move by itself
        Self { policy, region: Region::DE, csp: None, widget: false, human: false }
    }
}

impl Site {
    pub fn open(shop: Shop) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let origin = format!("http://localhost:{}", listener.local_addr().unwrap().port());
        let (clock, log) = (ManualClock::default(), Log::default());
        let (transport, outbox) = ScriptedTransport::new();
        let gate = Gate::builder()
            .keys(KeyRing::new(KeyId(1), Pepper::generate(&SystemEntropy).unwrap()))
            .store(MemoryStore::builder().clock(clock.clone()).build())
            .transport(transport)
            .message(MessageFormat::builder(Brand::new("Example").unwrap()).build().unwrap())
            .destinations(DestinationPolicy::only([Region::DE, Region::JP]))
            .daily_budget(Money::dollars(50))
            .clock(clock.clone())
            .policy(shop.policy);
        let gate = if shop.human { gate.human_check(Trusting) } else { gate }.build().unwrap();

        let mut pages = PageContext::new("Example & Sons", "/otp");
        pages.note = Some("We use the number for this alone.".to_owned());
        pages.scripts.push("/static/probe.js".to_owned());
        if shop.widget {
            pages.scripts.push("/static/widget.js".to_owned());
        }
        let config = Config::builder(&origin, SignUp).default_region(shop.region).pages(pages);
        let script =
            |text: &'static str| get(async move || ([(CONTENT_TYPE, "text/javascript")], text));
        let app = Router::new()
            .merge(otpgate::web::router(gate, config.build().unwrap()))
            .route("/static/probe.js", script(PROBE))
            .route("/static/widget.js", script(WIDGET))
            .route("/welcome", get(async || ([(CONTENT_TYPE, "text/html")], "<h1>Welcome</h1>")))
            .layer(from_fn_with_state((log.clone(), shop.csp), watched));
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        runtime.spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            let app = app.into_make_service_with_connect_info::<SocketAddr>();
            axum::serve(listener, app).await.unwrap();
        });
        Self { origin, clock, outbox, log, _runtime: runtime }
    }

    pub fn form(&self) -> String {
        format!("{}/otp", self.origin)
    }

    /// The bodies of the requests for `path`.
    pub fn asked(&self, path: &str) -> Vec<String> {
        let log = self.log.lock().unwrap();
        log.iter().filter(|(asked, _)| asked == path).map(|(_, body)| body.clone()).collect()
    }

    /// The code of the last text to a number.
    pub fn code(&self, number: &str) -> String {
        self.outbox.last_code_to(number).expect("a text")
    }
}

/// What policies do to the page, and how many Workers it starts.
const PROBE: &str = "
    window.violations = [];
    document.addEventListener('securitypolicyviolation', e => violations.push(e.effectiveDirective));
    addEventListener('pageshow', e => window.persisted = e.persisted);
    window.workers = 0;
    const Real = Worker;
    window.Worker = class extends Real { constructor(...all) { super(...all); workers++; } };
";

const WIDGET: &str = "
    document.addEventListener('otpgate:human', event => {
      event.preventDefault();
      const { provider, site_key, action, resolve } = event.detail;
      window.shown = [provider, site_key, action].join();
      setTimeout(() => resolve('a-person'), 50);
    });
";

async fn watched(
    State((log, csp)): State<(Log, Option<&'static str>)>,
    request: Request,
    rest: Rest,
) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, 64 * 1_024).await.unwrap();
    let text = String::from_utf8_lossy(&body).into_owned();
    log.lock().unwrap().push((parts.uri.path().to_owned(), text));
    let mut response = rest.run(Request::from_parts(parts, Body::from(body))).await;
    let html = response
        .headers()
        .get(CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    if let Some(csp) = csp.filter(|_| html) {
        response.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(csp));
    }
    response
}

#[derive(Debug)]
struct SignUp;

#[async_trait]
impl Host for SignUp {
    async fn admit(&self, ask: &Ask<'_>) -> Result<Admit, HostError> {
        assert_eq!(ask.purpose, &Purpose::SIGN_UP);
        Ok(Admit::Send)
    }

    async fn verified(&self, _: Verification, _: &Parts) -> Result<Next, HostError> {
        Ok(Next::to("/welcome"))
    }
}

/// Takes the word of the widget of these tests.
#[derive(Debug)]
struct Trusting;

#[async_trait]
impl HumanCheck for Trusting {
    fn widget(&self, action: &str) -> Option<Widget> {
        Some(Widget::new("trust", "key", action, "answer"))
    }

    async fn check(&self, request: HumanRequest<'_>) -> Result<HumanVerdict, HumanCheckError> {
        Ok(if request.response.expose_response() == "a-person" {
            HumanVerdict::Passed(HumanPass::of(request.response))
        } else {
            HumanVerdict::Failed(HumanFailure::NotHuman)
        })
    }
}
