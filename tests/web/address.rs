//! Forged addresses (A8): whatever a client writes into headers, it is one client.

use std::time::Duration;

use otpgate::access::TrustedProxies;
use otpgate::policy::Quota;
use otpgate::web::{ClientSource, Config, Endpoints};
use otpgate::{EventKind, OutagePart};

use super::site::{Browser, ORIGIN, Shopkeeper, Site, policy};

/// Three texts an hour for a client, so that a fourth shows who is taken for whom.
async fn site(source: ClientSource) -> Site {
    let mut rules = policy();
    rules.quotas.client = vec![Quota::hourly(3)];
    Site::open_with(|gate| gate.policy(rules), |config| config.client_source(source)).await
}

/// Every forging header that a host, a framework or a content network reads somewhere.
const FORGED: [&str; 14] = [
    "X-Forwarded-For",
    "Forwarded",
    "X-Real-IP",
    "X-Client-IP",
    "Client-IP",
    "True-Client-IP",
    "CF-Connecting-IP",
    "Fastly-Client-IP",
    "X-Cluster-Client-IP",
    "X-Original-Forwarded-For",
    "X-Forwarded",
    "Forwarded-For",
    "X-Originating-IP",
    "X-Remote-Addr",
];

/// A browser with a session of its own asks for a text, with `lines` in every request; whether it got one.
async fn asks(site: &Site, mut browser: Browser, number: u32, lines: &str) -> bool {
    let number = format!("+4915112{number:06}");
    let extra =
        format!("Origin: https://shop.example\r\nContent-Type: application/json\r\n{lines}");
    browser.cookies.clear();
    let preflight = br#"{"purpose":"sign-up"}"#;
    let request = browser.request("POST", "/otp/preflight", &extra, Some(preflight));
    let answer = browser.exchange(&request).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let ticket = answer.json()["ticket"].as_str().unwrap().to_owned();
    let proof = otpgate::token::answer(&ticket, &number).unwrap();
    let body = serde_json::json!({ "purpose": "sign-up", "number": number, "proof": proof });
    let request = browser.request("POST", "/otp/send", &extra, Some(body.to_string().as_bytes()));
    let before = site.outbox.handed_off();
    let answer = browser.exchange(&request).await;
    assert_eq!(answer.status == 200, site.outbox.handed_off() > before, "{answer:?}");
    answer.status == 200
}

#[tokio::test]
async fn a_client_without_a_proxy_is_its_peer() {
    let site = site(ClientSource::Peer).await;
    let mut browser = site.browser("unused");
    browser.from = None;
    let mut sent = 0;
    for (n, name) in (0..).zip(FORGED.iter().cycle().take(40)) {
        let value = match *name {
            "Forwarded" => format!("for=198.51.100.{n}"),
            _ => format!("198.51.100.{n}"),
        };
        sent += usize::from(asks(&site, browser.clone(), n, &format!("{name}: {value}\r\n")).await);
    }
    assert_eq!(sent, 3, "one client, whatever it writes");
}

#[tokio::test]
async fn behind_a_proxy_only_the_last_address_counts() {
    let proxies = TrustedProxies::parse(["127.0.0.0/8"]).unwrap();
    let site = site(ClientSource::XForwardedFor(proxies)).await;
    let mut sent = 0;
    for n in 0..24 {
        // The proxy appended 203.0.113.7; the client wrote what stands before it, in any form.
        let chain = match n % 6 {
            0 => format!("198.51.100.{n}, 203.0.113.7"),
            1 => format!("198.51.100.{n}\r\nX-Forwarded-For: 203.0.113.7"),
            2 => format!("127.0.0.1, 198.51.100.{n}, 203.0.113.7, 127.0.0.9"),
            3 => format!("unknown, _x{n}, \"198.51.100.{n}, ::ffff:203.0.113.7"),
            // No header's text: bytes that HTTP still lets through.
            4 => format!("é198.51.100.{n}é, 203.0.113.7"),
            _ => format!("198.51.100.{n},203.0.113.7:{}", 1_000 + n),
        };
        let mut browser = site.browser(&chain);
        browser.from = Some(chain);
        sent += usize::from(asks(&site, browser, n, "X-Real-IP: 192.0.2.1\r\n").await);
    }
    assert_eq!(sent, 3, "one client, whatever it writes");
    assert!(asks(&site, site.browser("203.0.113.8"), 900, "").await, "its neighbour is another");
}

#[tokio::test]
async fn a_subscriber_with_a_64_is_one_client() {
    let proxies = TrustedProxies::parse(["127.0.0.0/8"]).unwrap();
    let site = site(ClientSource::XForwardedFor(proxies)).await;
    let mut sent = 0;
    for n in 0..12 {
        let browser = site.browser(&format!("2001:db8:1:2:{n:x}::{n:x}"));
        sent += usize::from(asks(&site, browser, n, "").await);
    }
    assert_eq!(sent, 3);
}

/// A proxy that says nothing of its peer: such clients share the limit of those that are not known.
#[tokio::test]
async fn an_unknown_client_is_limited() {
    let proxies = TrustedProxies::parse(["127.0.0.0/8"]).unwrap();
    let source = ClientSource::XForwardedFor(proxies);
    let mut rules = policy();
    rules.quotas.client_unknown = vec![Quota::hourly(2)];
    let site =
        Site::open_with(|gate| gate.policy(rules), |config| config.client_source(source)).await;
    let mut sent = 0;
    for n in 0..9 {
        let mut browser = site.browser("unused");
        browser.from =
            [None, Some("garbage".to_owned()), Some("127.0.0.1".to_owned())][n % 3].clone();
        sent += usize::from(asks(&site, browser, u32::try_from(n).unwrap(), "").await);
    }
    assert_eq!(sent, 2);
}

/// Else the whole site gets thirty texts an hour, and all that anybody hears is a limit.
#[tokio::test]
async fn why_nobody_names_a_client_is_told_once_a_minute() {
    let proxies = TrustedProxies::parse(["127.0.0.0/8"]).unwrap();
    let site = site(ClientSource::XForwardedFor(proxies)).await;
    let told = |words: &str| {
        site.log.count(|kind| {
            matches!(kind, EventKind::Outage { part: OutagePart::Host, what } if what.contains(words))
        })
    };
    assert!(asks(&site, site.browser("203.0.113.7"), 0, "").await);
    assert_eq!(told(""), 0, "this one has a name");
    let mut nameless = site.browser("unused");
    nameless.from = None;
    let name = "let it append one to the header";
    for (minute, texts) in [3_u32, 0, 1].into_iter().enumerate() {
        for _ in 0..texts {
            nameless.get("/otp/entry").await;
            site.clock.advance(Duration::from_secs(19));
        }
        site.clock.advance(Duration::from_secs(3));
        assert_eq!(told(name), [1, 1, 2][minute]);
    }

    // A server that names no peer is no better; these endpoints tell for themselves.
    let config = Config::builder(ORIGIN, Shopkeeper::default()).build().unwrap();
    let endpoints = Endpoints::new(site.gate.clone(), config);
    for _ in 0..3 {
        let request = http::Request::get("/otp/entry").header("sec-fetch-site", "same-origin");
        let answer = endpoints.handle(request.body(bytes::Bytes::new()).unwrap(), None).await;
        assert_eq!(answer.status(), 404);
    }
    assert_eq!((told("into_make_service_with_connect_info"), told("")), (1, 3));
}

#[tokio::test]
async fn a_proxy_may_write_forwarded() {
    let proxies = TrustedProxies::parse(["127.0.0.0/8"]).unwrap();
    let site = site(ClientSource::Forwarded(proxies)).await;
    let mut sent = 0;
    for n in 0..8 {
        let mut browser = site.browser("unused");
        browser.from = Some(format!("198.51.100.{n}"));
        let lines = format!(
            "Forwarded: for=198.51.100.{n};host=\"a,for=192.0.2.{n}é\", for=203.0.113.7\r\n"
        );
        sent += usize::from(asks(&site, browser, n, &lines).await);
    }
    assert_eq!(sent, 3);
}
