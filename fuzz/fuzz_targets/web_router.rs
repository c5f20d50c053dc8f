//! Any request at all, with pieces of a genuine one in it, through the endpoints.
//!
//! The first line of the input is method and path, the lines to the empty one are headers, the rest is the
//! body. `%S` stands for a genuine session, `%G` for a grant, `%P` for a proof, `%N` for its number, `%C` for
//! the right code, `%O` for the origin.
#![no_main]

#[path = "../escapes.rs"]
mod escapes;

use std::sync::OnceLock;

use escapes::written_out;
use http::Request;
use http::request::Parts;
use libfuzzer_sys::fuzz_target;
use otpgate::message::{Brand, MessageFormat, OriginHost};
use otpgate::store::MemoryStore;
use otpgate::testing::secrets::Needles;
use otpgate::testing::{ManualClock, ScriptedTransport, TransportHandle, block_on};
use otpgate::token::{HumanTime, WorkBits, answer};
use otpgate::web::page::PageContext;
use otpgate::web::{Admit, Ask, Config, Endpoints, Host, HostError, Next};
use otpgate::{Gate, KeyRing, Money, Policy, Purpose, Region, Verification};

const ORIGIN: &str = "https://shop.example";
const NUMBER: &str = "+4915112345678";

#[derive(Debug)]
struct Anybody;

#[async_trait::async_trait]
impl Host for Anybody {
    async fn admit(&self, _: &Ask<'_>) -> Result<Admit, HostError> {
        Ok(Admit::Send)
    }

    async fn verified(&self, _: Verification, _: &Parts) -> Result<Next, HostError> {
        Ok(Next::to("/welcome"))
    }
}

struct World {
    endpoints: Endpoints,
    outbox: TransportHandle,
}

/// A shop in which one visitor is at the code page and has another form open.
fn world() -> World {
    static MESSAGE: OnceLock<MessageFormat> = OnceLock::new();
    let message = MESSAGE.get_or_init(|| {
        let brand = Brand::new("Shop").unwrap();
        let origin = OriginHost::new("shop.example").unwrap();
        MessageFormat::builder(brand).origin(origin).build().unwrap()
    });
    let clock = ManualClock::default();
    let (transport, outbox) = ScriptedTransport::new();
    let mut policy = Policy::default();
    policy.token.human_time = HumanTime::ZERO;
    policy.token.work = WorkBits::NONE;
    let gate = Gate::builder()
        .keys(KeyRing::generate().unwrap())
        .store(MemoryStore::builder().clock(clock.clone()).build())
        .transport(transport)
        .message(message.clone())
        .countries([Region::DE])
        .daily_budget(Money::dollars(50))
        .clock(clock)
        .policy(policy)
        .build()
        .unwrap();
    let config = Config::builder(ORIGIN, Anybody)
        .purposes([Purpose::SIGN_UP, Purpose::LOG_IN])
        .default_region(Region::DE)
        .pages(PageContext::new("Shop", "/otp"))
        .build()
        .unwrap();
    World { endpoints: Endpoints::new(gate, config), outbox }
}

fn post(world: &World, path: &str, cookies: &str, body: String) -> http::Response<bytes::Bytes> {
    let request = Request::post(path)
        .header("origin", ORIGIN)
        .header("content-type", "application/json")
        .header("cookie", cookies)
        .body(body.into())
        .unwrap();
    block_on(world.endpoints.handle(request, Some([203, 0, 113, 7].into())))
}

fn cookie(response: &http::Response<bytes::Bytes>) -> String {
    let line = response.headers()["set-cookie"].to_str().unwrap();
    line.split([';', '=']).nth(1).unwrap().to_owned()
}

fn ticket(world: &World, session: &str) -> (String, String) {
    let cookies = format!("__Host-otp-session={session}");
    let response = post(world, "/otp/preflight", &cookies, r#"{"purpose":"sign-up"}"#.into());
    let body = std::str::from_utf8(response.body()).unwrap();
    let ticket = body.split('"').nth(3).unwrap().to_owned();
    let session = if session.is_empty() { cookie(&response) } else { session.to_owned() };
    (ticket, session)
}

fuzz_target!(|input: &[u8]| {
    let world = world();
    let (first, session) = ticket(&world, "");
    let cookies = format!("__Host-otp-session={session}");
    let number = "+4915112345601";
    let proof = answer(&first, number).unwrap();
    let body = format!(r#"{{"purpose":"sign-up","number":"{number}","proof":"{proof}"}}"#);
    let grant = cookie(&post(&world, "/otp/send", &cookies, body));
    let code = world.outbox.last_code_to(number).unwrap();
    let proof = answer(&ticket(&world, &session).0, NUMBER).unwrap();

    let text = written_out(input, |letter| match letter {
        b'S' => Some(&session),
        b'G' => Some(&grant),
        b'P' => Some(&proof),
        b'N' => Some(NUMBER),
        b'C' => Some(&code),
        b'O' => Some(ORIGIN),
        _ => None,
    });
    let at = text.windows(2).position(|two| two == b"\n\n");
    let (head, body) = at.map_or((&text[..], &[][..]), |at| (&text[..at], &text[at + 2..]));
    let mut lines = head.split(|byte| *byte == b'\n');
    let line = String::from_utf8_lossy(lines.next().unwrap_or_default()).into_owned();
    let (method, path) = line.split_once(' ').unwrap_or(("GET", &line));
    let mut request = Request::builder().method(method).uri(path);
    for line in lines {
        if let Some(at) = line.iter().position(|byte| *byte == b':') {
            request = request.header(&line[..at], &line[at + 1..]);
        }
    }
    let Ok(request) = request.body(bytes::Bytes::copy_from_slice(body)) else { return };
    let before = world.outbox.handed_off();
    let response = block_on(world.endpoints.handle(request, Some([203, 0, 113, 7].into())));

    let status = response.status().as_u16();
    assert!(status < 500, "an outage without one: {status}");
    let headers = response.headers();
    let asset = headers["cache-control"].to_str().unwrap().starts_with("public");
    assert!(asset || headers["cache-control"] == "no-store");
    assert!(!asset || path.starts_with("/otp/assets/"));
    assert_eq!(headers["x-content-type-options"], "nosniff");
    assert!(headers.contains_key("content-security-policy"));
    assert!(!headers.contains_key("access-control-allow-origin"));
    let mut needles = Needles::new();
    needles.number("number", NUMBER);
    if !asset {
        needles.code("code", &code);
        needles.number("other number", number);
    }
    assert_eq!(needles.scan(response.body()), []);
    // A grant is sealed, so that neither code nor number can be in a header either.
    for (name, value) in headers.iter().filter(|(name, _)| *name != "set-cookie") {
        assert_eq!(needles.scan(value.as_bytes()), [], "{name}");
    }
    let sent = world.outbox.handed_off() - before;
    let asked = |piece: &str| text.windows(piece.len()).any(|part| part == piece.as_bytes());
    assert!(sent <= 1);
    assert!(sent == 0 || asked(&proof), "a text without a proof");
    assert!(sent == 0 || status == 200);
    if body_is(&response, "\"verified\"") {
        assert!(asked(&code) && asked(&grant) && asked(&session), "verified without a code");
    }
});

fn body_is(response: &http::Response<bytes::Bytes>, piece: &str) -> bool {
    response.status() == 200
        && std::str::from_utf8(response.body()).is_ok_and(|body| body.contains(piece))
}
