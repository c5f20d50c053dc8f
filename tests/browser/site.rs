//! A shop on a free port of the loopback: the real router over a gate whose clock stands still.

use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::http::{HeaderValue, request::Parts};
use axum::middleware::{Next as Rest, from_fn_with_state};
use axum::response::Response;
use axum::routing::get;
use otpgate::human::{
    HumanCheck, HumanCheckError, HumanFailure, HumanPass, HumanRequest, HumanVerdict, Widget,
};
use otpgate::store::MemoryStore;
use otpgate::testing::{ManualClock, ScriptedTransport, TransportHandle};
use otpgate::token::HumanTime;
use otpgate::web::page::PageContext;
use otpgate::web::{Admit, Ask, Config, Host, HostError, Next};
use otpgate::{Gate, KeyRing, Money, Policy, Purpose, Region, Verification};
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
    /// The human check.
    pub human: Option<Box<dyn HumanCheck>>,
    /// A module of the host's own, after the probe and before the endpoints'.
    pub module: Option<String>,
    pub stylesheets: Vec<String>,
    /// What the host serves besides: path, type, content.
    pub files: Vec<(String, &'static str, Vec<u8>)>,
    /// Whether the pages may be kept by the browser, as a host's own pages are.
    pub kept: bool,
}

impl Default for Shop {
    fn default() -> Self {
        let mut policy = Policy::default();
        policy.token.human_time = HumanTime::ZERO; // the gate's clock does not move by itself
        Self {
            policy,
            region: Region::DE,
            csp: None,
            human: None,
            module: None,
            stylesheets: Vec::new(),
            files: Vec::new(),
            kept: false,
        }
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
            .keys(KeyRing::generate().unwrap())
            .store(MemoryStore::builder().clock(clock.clone()).build())
            .transport(transport)
            .brand("Example")
            .countries([Region::DE, Region::JP])
            .daily_budget(Money::dollars(50))
            .clock(clock.clone())
            .policy(shop.policy);
        let gate = match shop.human {
            Some(check) => gate.human_check(check),
            None => gate,
        };
        let gate = gate.build().unwrap();

        let mut pages = PageContext::new("Example & Sons", "/otp");
        pages.note = Some("We use the number for this alone.".to_owned());
        pages.scripts.push("/static/probe.js".to_owned());
        pages.stylesheets = shop.stylesheets;
        if shop.module.is_some() {
            pages.scripts.push("/static/module.js".to_owned());
        }
        let config = Config::builder(&origin, SignUp).default_region(shop.region).pages(pages);
        let mut files = shop.files;
        files.push(("/static/probe.js".to_owned(), SCRIPT, PROBE.into()));
        files.extend(
            shop.module.map(|text| ("/static/module.js".to_owned(), SCRIPT, text.into_bytes())),
        );
        let mut app = Router::new()
            .merge(otpgate::web::router(gate, config.build().unwrap()))
            .route("/welcome", get(async || ([(CONTENT_TYPE, "text/html")], "<h1>Welcome</h1>")));
        for (path, kind, content) in files {
            app = app.route(&path, get(async move || ([(CONTENT_TYPE, kind)], content)));
        }
        let watch = Watch { log: log.clone(), csp: shop.csp, kept: shop.kept };
        let app = app.layer(from_fn_with_state(watch, watched));
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

pub const SCRIPT: &str = "text/javascript";

/// What policies do to the page, and how many Workers it starts.
const PROBE: &str = "
    window.violations = [];
    document.addEventListener('securitypolicyviolation', e => violations.push(e.effectiveDirective));
    // The history of the tab's pages, and whether each came from the back-forward cache.
    addEventListener('pageshow', e =>
      sessionStorage.shown = (sessionStorage.shown ?? '') + location.pathname + (e.persisted ? '!' : '') + ' ');
    window.workers = 0;
    const Real = Worker;
    window.Worker = class extends Real { constructor(...all) { super(...all); workers++; } };
";

/// A widget of no vendor's.
pub const WIDGET: &str = "
    document.addEventListener('otpgate:human', event => {
      event.preventDefault();
      const { provider, site_key, action, resolve } = event.detail;
      window.shown = [provider, site_key, action].join();
      setTimeout(() => resolve('a-person'), 50);
    });
";

#[derive(Clone)]
struct Watch {
    log: Log,
    csp: Option<&'static str>,
    kept: bool,
}

async fn watched(
    State(Watch { log, csp, kept }): State<Watch>,
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
    if kept && html {
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    }
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

/// Takes the word of the widgets of these tests.
#[derive(Debug)]
pub struct Trusting {
    pub provider: &'static str,
    /// The service's script.
    pub script: Option<&'static str>,
}

#[async_trait]
impl HumanCheck for Trusting {
    fn widget(&self, action: &str) -> Option<Widget> {
        let widget = Widget::new(self.provider, "key", action, "answer");
        match self.script {
            // As with the real ones: the page gets a policy without Trusted Types.
            Some(script) => Some(widget.script(script).policy(&[("script-src", "'self'")])),
            None => Some(widget),
        }
    }

    async fn check(&self, request: HumanRequest<'_>) -> Result<HumanVerdict, HumanCheckError> {
        Ok(if request.response.expose_response() == "a-person" {
            HumanVerdict::Passed(HumanPass::of(request.response))
        } else {
            HumanVerdict::Failed(HumanFailure::NotHuman)
        })
    }
}
