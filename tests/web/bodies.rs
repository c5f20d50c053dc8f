//! Bodies that are too long, too slow, of another kind, or mean two things; codes that are none (A7).

use std::time::Duration;

use otpgate::EventKind;
use serde_json::json;

use super::site::{Browser, NUMBER, ORIGIN, Site, wrong};
use super::wire::{Answer, Wire, exchange};

fn head(length: &str) -> String {
    format!(
        "POST /otp/verify HTTP/1.1\r\nHost: shop.example\r\nOrigin: {ORIGIN}\r\n\
         Content-Type: application/json\r\n{length}\r\n\r\n"
    )
}

async fn posts(browser: &Browser, content_type: &str, body: &[u8]) -> Answer {
    let extra = format!("Origin: {ORIGIN}\r\n{content_type}");
    let request = browser.request("POST", "/otp/verify", &extra, Some(body));
    exchange(browser.address, &request).await
}

#[tokio::test]
async fn a_body_that_says_it_is_too_long_is_not_read() {
    let site = Site::open().await;
    for length in ["16385", "1000000", "9007199254740992"] {
        let mut wire = Wire::open(site.address).await;
        wire.write(head(&format!("Content-Length: {length}")).as_bytes()).await;
        let answer = wire.read().await; // without a byte of it
        assert_eq!((answer.status, answer.problem().as_str()), (413, "too-large"), "{length}");
        assert_eq!(answer.header("connection"), Some("close"));
        assert_eq!(wire.try_read().await, None, "the connection ends");
    }
}

#[tokio::test]
async fn a_body_without_a_length_is_cut_off_while_it_is_read() {
    let site = Site::open().await;
    let mut wire = Wire::open(site.address).await;
    wire.write(head("Transfer-Encoding: chunked").as_bytes()).await;
    let chunk = format!("1000\r\n{}\r\n", " ".repeat(0x1000));
    let mut chunks = 0;
    while chunks < 10_000 && wire.try_write(chunk.as_bytes()).await {
        chunks += 1;
        if chunks == 5 {
            break;
        }
    }
    let answer = wire.read().await; // it never ended
    assert_eq!((answer.status, answer.problem().as_str()), (413, "too-large"));
    assert_eq!(wire.try_read().await, None);
}

#[tokio::test]
async fn a_broken_body_is_a_bad_request() {
    let site = Site::open().await;
    let mut wire = Wire::open(site.address).await;
    wire.write(head("Transfer-Encoding: chunked").as_bytes()).await;
    wire.write(b"zz\r\n{}\r\n0\r\n\r\n").await;
    if let Some(answer) = wire.try_read().await {
        assert_eq!(answer.status, 400);
    }
    // Two lengths: one of them is somebody's smuggled request.
    for lines in [
        "Content-Length: 2\r\nContent-Length: 40",
        "Content-Length: 2\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: gzip, chunked, identity",
        "Content-Length: +2",
        "Content-Length: 2, 40",
    ] {
        let mut wire = Wire::open(site.address).await;
        wire.write(head(lines).as_bytes()).await;
        wire.try_write(b"{}GET /otp/entry HTTP/1.1\r\nHost: shop.example\r\n\r\n").await;
        let mut answers = Vec::new();
        while answers.len() < 3 {
            let next = tokio::time::timeout(Duration::from_millis(200), wire.try_read()).await;
            match next {
                Ok(Some(answer)) => answers.push(answer.status),
                _ => break,
            }
        }
        assert!(answers.len() <= 1, "{lines}: {answers:?}");
        assert!(answers.iter().all(|status| *status != 200), "{lines}: {answers:?}");
    }
}

#[tokio::test]
async fn a_slow_body_ends_at_the_deadline() {
    let deadline = Duration::from_millis(40);
    let site = Site::open_with(|gate| gate, |config| config.body_deadline(deadline)).await;
    let mut wire = Wire::open(site.address).await;
    wire.write(head("Content-Length: 17").as_bytes()).await;
    wire.write(b"{\"code\":").await;
    let patience = Duration::from_secs(20); // of a busy machine; ten times the deadline would do
    let answer = tokio::time::timeout(patience, wire.read()).await.expect("no deadline");
    assert_eq!((answer.status, answer.problem().as_str()), (408, "timeout"));
    assert_eq!(answer.header("connection"), Some("close"));
    assert_eq!(wire.try_read().await, None);
    // Who is in time is answered as ever.
    assert_eq!(site.browser("203.0.113.7").verify("123456").await.problem(), "rejected");
}

#[tokio::test]
async fn only_json_is_read() {
    let site = Site::open().await;
    let browser = site.at_code_page().await;
    let body = json!({ "code": site.code() }).to_string();
    for kind in [
        "",
        "Content-Type: text/plain\r\n",
        "Content-Type: application/x-www-form-urlencoded\r\n",
        "Content-Type: multipart/form-data; boundary=a\r\n",
        "Content-Type: text/plain; application/json\r\n",
        "Content-Type: application/json\r\nContent-Type: text/plain\r\n",
        "Content-Type: application/json; charset=utf-7\r\n",
    ] {
        let answer = posts(&browser, kind, body.as_bytes()).await;
        assert_eq!((answer.status, answer.problem().as_str()), (415, "unsupported-media-type"));
    }
    let answer =
        posts(&browser, "Content-Type: application/json;charset=UTF-8\r\n", body.as_bytes());
    assert_eq!(answer.await.status, 200, "none of those was an attempt");
}

#[tokio::test]
async fn a_body_has_one_meaning() {
    let site = Site::open().await;
    let browser = site.at_code_page().await;
    let (code, other) = (site.code(), wrong(&site.code()));
    let deep = format!("{{\"code\":{}1{}}}", "[".repeat(7_000), "]".repeat(7_000));
    for body in [
        String::new(),
        "null".to_owned(),
        format!("[\"{code}\"]"),
        format!("\"{code}\""),
        format!("{{\"code\":\"{other}\",\"code\":\"{code}\"}}"),
        format!("{{\"code\":\"{code}\",\"c\\u006fde\":\"{other}\"}}"),
        format!("{{\"code\":\"{code}\",\"next\":\"https://evil.example\"}}"),
        format!("{{\"code\":\"{code}\"}}{{\"code\":\"{other}\"}}"),
        format!("{{\"code\":{code}}}"),
        format!("{{\"code\":[\"{code}\"]}}"),
        format!("{{\"code\":{{\"$ne\":\"{code}\"}}}}"),
        format!("{{\"code\":\"{code}\"}}\0"),
        "{\"code\":null}".to_owned(),
        "{\"code\":1e5}".to_owned(),
        deep,
    ] {
        let kind = "Content-Type: application/json\r\n";
        let answer = posts(&browser, kind, body.as_bytes()).await;
        assert_eq!((answer.status, answer.problem().as_str()), (400, "bad-request"), "{body}");
        let echoed = String::from_utf8(answer.body).unwrap();
        assert!(!echoed.contains(&code) && !echoed.contains("evil"), "{echoed}");
    }
    let mut browser = browser;
    assert_eq!(browser.get("/otp/entry").await.json()["attempts_left"], 5, "none was an attempt");
    assert_eq!(browser.verify(&code).await.status, 200);
}

/// A7: what is no code is rejected as a wrong one is, each charged once, and nothing breaks.
#[tokio::test]
async fn weird_codes_are_rejected_and_charged_once() {
    let long = "1".repeat(8_000);
    let weird = ["", " ", "\0", "1e5", "-12345", "+12345", "0x1e240", &long, "\u{202e}123456"];
    for code in weird {
        let site = Site::open().await;
        let mut browser = site.at_code_page().await;
        let answer = browser.verify(code).await;
        assert_eq!((answer.status, answer.problem().as_str()), (422, "rejected"), "{code:?}");
        assert_eq!(browser.get("/otp/entry").await.json()["attempts_left"], 4, "{code:?}");
        assert!(site.host.0.lock().unwrap().verified.is_empty());
    }
    let site = Site::open().await;
    let mut browser = site.at_code_page().await;
    let code = site.code();
    assert_eq!(browser.verify(&format!(" {code}\n")).await.status, 200, "as it was pasted");
    for again in [code.clone(), format!(" {code}"), format!("{code}\u{a0}")] {
        assert_eq!(browser.verify(&again).await.status, 422);
    }
    let accepted = |kind: &EventKind| matches!(kind, EventKind::Accepted { .. });
    assert_eq!(site.log.count(accepted), 1);
}

/// What is written into an answer was never in a request; a header has no second line.
#[tokio::test]
async fn nothing_of_a_request_comes_back() {
    let site = Site::open().await;
    let mut browser = site.browser("203.0.113.7");
    let evil = "x\r\nSet-Cookie: evil=1\r\n\r\n<script>";
    let proof = browser.proof("sign-up", NUMBER).await;
    for body in [
        json!({ "purpose": evil, "number": NUMBER, "proof": proof }),
        json!({ "purpose": "sign-up", "number": evil, "proof": proof }),
        json!({ "purpose": "sign-up", "number": NUMBER, "proof": evil }),
        json!({ "purpose": "sign-up", "number": NUMBER, "proof": proof, "human": evil, "x": evil }),
    ] {
        let answer = browser.post("/otp/send", body).await;
        assert!((400..500).contains(&answer.status), "{answer:?}");
        assert!(!answer.seen().contains("evil") && !answer.seen().contains("script"));
    }
    let extra = "Host: evil.example\r\nX-Forwarded-Host: evil.example\r\nX-Forwarded-Proto: http\r\n\
                 X-Original-URL: /otp/entry\r\nX-HTTP-Method-Override: GET\r\n";
    let body = json!({ "purpose": "sign-up" }).to_string();
    let lines = format!("Origin: {ORIGIN}\r\nContent-Type: application/json\r\n{extra}");
    let request = browser.request("POST", "/otp/preflight", &lines, Some(body.as_bytes()));
    let answer = exchange(site.address, &request).await;
    assert!(!answer.seen().contains("evil"), "{answer:?}");
    assert_eq!(site.outbox.handed_off(), 0);
}

#[tokio::test]
async fn a_number_that_is_none_is_told_so_before_anything_is_spent() {
    let site = Site::open().await;
    let mut browser = site.browser("203.0.113.7");
    for number in ["", "abc", "0151", "+999 1234567", "0151 12345678 ext. 9", &"1".repeat(9_000)] {
        let proof = browser.proof("sign-up", NUMBER).await;
        let body = json!({ "purpose": "sign-up", "number": number, "proof": proof });
        let answer = browser.post("/otp/send", body).await;
        assert_eq!((answer.status, answer.problem().as_str()), (422, "bad-number"), "{number}");
    }
    for purpose in ["reset", "", "SIGN-UP", "sign-up "] {
        let answer = browser.post("/otp/preflight", json!({ "purpose": purpose })).await;
        assert_eq!((answer.status, answer.problem().as_str()), (400, "bad-request"), "{purpose}");
    }
    assert_eq!(site.outbox.handed_off(), 0);
}
