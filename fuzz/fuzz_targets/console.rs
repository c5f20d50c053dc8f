//! Any request at all to the operators' console: nobody who is not signed in sees or does a thing, whoever
//! may only look changes nothing, and a form without its token changes nothing.
//!
//! The first line of the input is who asks, the second method and path, the lines to the empty one are
//! headers, the rest is the body. `%T` stands for a genuine form's token, `%O` for the origin.
#![no_main]

#[path = "../escapes.rs"]
mod escapes;

use std::sync::OnceLock;

use escapes::written_out;
use http::Request;
use http::request::Parts;
use libfuzzer_sys::fuzz_target;
use otpgate::access::Actor;
use otpgate::message::{Brand, MessageFormat, OriginHost};
use otpgate::store::MemoryStore;
use otpgate::testing::{ManualClock, ScriptedTransport, block_on};
use otpgate::web::console::{Console, ConsoleFeed, Denied, Operator, Operators, Role};
use otpgate::{Gate, KeyRing, Money, Realm, Region};

const ORIGIN: &str = "https://staff.example";

#[derive(Debug)]
struct Staff;

#[async_trait::async_trait]
impl Operators for Staff {
    async fn authenticate(&self, parts: &Parts) -> Result<Operator, Denied> {
        let actor = Actor::new("ada").unwrap();
        match parts.extensions.get::<Who>() {
            Some(Who::Acts) => Ok(Operator::new(actor, Role::Act)),
            Some(Who::Looks) => Ok(Operator::new(actor, Role::Read)),
            _ => Err(Denied::Forbidden),
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Who {
    Stranger,
    Looks,
    Acts,
}

struct Desk {
    gate: Gate,
    console: Console,
}

fn desk() -> Desk {
    static MESSAGE: OnceLock<MessageFormat> = OnceLock::new();
    let message = MESSAGE.get_or_init(|| {
        let brand = Brand::new("Shop").unwrap();
        let origin = OriginHost::new("shop.example").unwrap();
        MessageFormat::builder(brand).origin(origin).build().unwrap()
    });
    let clock = ManualClock::default();
    let keys = KeyRing::generate().unwrap();
    let feed = ConsoleFeed::of(&Realm::default());
    let gate = Gate::builder()
        .keys(keys.clone())
        .store(MemoryStore::builder().clock(clock.clone()).build())
        .transport(ScriptedTransport::new().0)
        .message(message.clone())
        .countries([Region::DE])
        .daily_budget(Money::dollars(50))
        .clock(clock)
        .observer(feed.clone())
        .build()
        .unwrap();
    let console = Console::new(gate.clone(), feed, Staff, &keys, ORIGIN).unwrap();
    Desk { gate, console }
}

fn ask(desk: &Desk, who: Who, request: Request<Vec<u8>>) -> http::Response<bytes::Bytes> {
    let (mut parts, body) = request.into_parts();
    parts.extensions.insert(who);
    block_on(desk.console.handle(&parts, &body))
}

/// The hidden token of the page's forms.
fn token(desk: &Desk) -> String {
    let response = ask(desk, Who::Acts, Request::get("/otp-console").body(Vec::new()).unwrap());
    let page = std::str::from_utf8(response.body()).unwrap();
    let (_, rest) = page.split_once("name=\"token\" value=\"").expect("a form");
    rest.split('"').next().unwrap().to_owned()
}

fuzz_target!(|input: &[u8]| {
    let desk = desk();
    let token = token(&desk);
    let text = written_out(input, |letter| match letter {
        b'T' => Some(&token),
        b'O' => Some(ORIGIN),
        _ => None,
    });
    let at = text.windows(2).position(|two| two == b"\n\n");
    let (head, body) = at.map_or((&text[..], &[][..]), |at| (&text[..at], &text[at + 2..]));
    let mut lines = head.split(|byte| *byte == b'\n');
    let who = match lines.next() {
        Some(b"act") => Who::Acts,
        Some(b"look") => Who::Looks,
        _ => Who::Stranger,
    };
    let line = String::from_utf8_lossy(lines.next().unwrap_or_default()).into_owned();
    let (method, path) = line.split_once(' ').unwrap_or(("GET", &line));
    let mut request = Request::builder().method(method).uri(path);
    for line in lines {
        if let Some(at) = line.iter().position(|byte| *byte == b':') {
            request = request.header(&line[..at], &line[at + 1..]);
        }
    }
    let Ok(request) = request.body(body.to_vec()) else { return };
    let response = ask(&desk, who, request);
    let status = response.status().as_u16();
    assert!(status < 500, "an outage without one: {status}");
    let headers = response.headers();
    assert!(headers.contains_key("content-security-policy"));
    assert!(!headers.contains_key("access-control-allow-origin"));
    let changed = !block_on(desk.gate.controls().list()).unwrap().is_empty();
    let signed = text.windows(token.len()).any(|part| part == token.as_bytes());
    assert!(!changed || (who == Who::Acts && method == "POST" && signed), "changed by {line:?}");
    // The stylesheet is anybody's, all else is the operators'.
    let page = std::str::from_utf8(response.body()).unwrap_or_default();
    assert!(who != Who::Stranger || !page.contains(&token), "shown to a stranger: {line:?}");
});
