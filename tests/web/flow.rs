//! A page's whole way, and each endpoint's method.

use std::time::Duration;

use otpgate::human::{
    HumanCheck, HumanCheckError, HumanCheckErrorKind, HumanRequest, HumanVerdict, Widget,
};
use otpgate::{EventKind, Timestamp};
use serde_json::json;

use super::site::{Browser, NUMBER, Site, policy, wrong};
use super::wire::{Answer, Wire, exchange};

#[tokio::test]
async fn a_visitor_signs_up() {
    let site = Site::open().await;
    let mut browser = site.browser("203.0.113.7");

    let preflight = browser.post("/otp/preflight", json!({ "purpose": "sign-up" })).await;
    let json = preflight.json();
    assert_eq!((preflight.status, &json["purpose"]), (200, &json!("sign-up")));
    assert_eq!(json["human"], json!(null));
    assert_eq!(json["ticket"].as_str().unwrap().len(), 132);
    assert_eq!(preflight.header("cache-control"), Some("no-store"));
    assert_eq!(preflight.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(preflight.header("referrer-policy"), Some("no-referrer"));
    let nothing = "default-src 'none'; frame-ancestors 'none'";
    assert_eq!(preflight.header("content-security-policy"), Some(nothing));
    assert_eq!(preflight.header("cross-origin-resource-policy"), Some("same-origin"));
    assert_eq!(preflight.all("access-control-allow-origin").count(), 0);
    let cookie = preflight.header("set-cookie").unwrap();
    assert!(cookie.starts_with("__Host-otp-session="), "{cookie}");
    assert!(cookie.ends_with("; Path=/; Secure; HttpOnly; SameSite=Lax"), "{cookie}");
    let again = browser.post("/otp/preflight", json!({ "purpose": "sign-up" })).await;
    assert_eq!(again.header("set-cookie"), None, "the session stays");

    let sent = browser.sign_up("0151 12345678").await;
    let json = sent.json();
    assert_eq!(
        json,
        json!({
            "status": "sent",
            "number_hint": "+49 … 78",
            "resend_after_ms": 30_000,
            "expires_after_ms": 300_000,
            "may_be_withheld": false,
            "code": { "length": 6, "alphabet": "digits" },
            "next": "/sign-up/code",
        })
    );
    assert_eq!(sent.header("ratelimit-policy"), Some("\"send\";q=1"));
    assert_eq!(sent.header("ratelimit"), Some("\"send\";r=0;t=30"));
    let cookie = sent.header("set-cookie").unwrap();
    assert!(cookie.starts_with("__Host-otp-grant="), "{cookie}");
    assert!(cookie.ends_with("; Path=/; Secure; HttpOnly; SameSite=Strict"), "{cookie}");
    assert_eq!(site.outbox.handed_off(), 1);

    site.clock.advance(Duration::from_secs(10));
    let entry = browser.get("/otp/entry").await;
    assert_eq!(
        entry.json(),
        json!({
            "number_hint": "+49 … 78",
            "attempts_left": 5,
            "resend_after_ms": 20_000,
            "expires_after_ms": 290_000,
            "code": { "length": 6, "alphabet": "digits" },
            "channels": [],
        })
    );
    let early = browser.post("/otp/resend", json!({})).await;
    assert_eq!((early.status, early.problem().as_str()), (429, "try-later"));
    let wait: u64 = early.header("retry-after").unwrap().parse().unwrap();
    assert!((20..=30).contains(&wait), "{wait}");
    assert_eq!(early.json()["retry_after_ms"], wait * 1_000);
    let left = format!("\"send\";r=0;t={wait}");
    assert_eq!(early.header("ratelimit"), Some(left.as_str()));

    let code = site.code();
    let rejected = browser.verify(&wrong(&code)).await;
    assert_eq!((rejected.status, rejected.problem().as_str()), (422, "rejected"));
    site.clock.advance(Duration::from_secs(21));
    let resent = browser.post("/otp/resend", json!({})).await;
    assert_eq!((resent.status, site.outbox.handed_off()), (200, 2));
    assert_eq!(browser.get("/otp/entry").await.json()["attempts_left"], 4, "carried over");

    let verified = browser.verify(&site.code()).await;
    assert_eq!(verified.json(), json!({ "status": "verified", "next": "/welcome" }));
    assert_eq!(verified.header("cache-control"), Some("no-store"), "the host cannot undo it");
    let cookies: Vec<_> = verified.all("set-cookie").collect();
    assert_eq!(cookies.len(), 3, "{cookies:?}");
    assert_eq!(cookies[0], "__Host-login=4f1c; Path=/; Secure; HttpOnly; SameSite=Lax");
    assert!(cookies[1].starts_with("__Host-otp-device="));
    assert!(cookies[1].ends_with("; SameSite=Lax; Max-Age=7776000"), "{}", cookies[1]);
    assert!(cookies[2].starts_with("__Host-otp-grant=; ") && cookies[2].ends_with("Max-Age=0"));
    let (number, purpose, _) = site.host.0.lock().unwrap().verified[0].clone();
    assert_eq!((number.as_str(), purpose.as_str()), (NUMBER, "sign-up"));

    let closed = browser.get("/otp/entry").await;
    assert_eq!((closed.status, closed.problem().as_str()), (404, "closed"));
    let again = browser.verify(&site.code()).await;
    assert_eq!((again.status, again.problem().as_str()), (422, "rejected"));
    assert_eq!(site.host.0.lock().unwrap().verified.len(), 1);
    assert!(!browser.cookies.contains_key("__Host-otp-grant"));
    assert!(browser.cookies.contains_key("__Host-otp-device"));
}

/// Asks for a text, and works for it if that is asked for.
async fn insists(browser: &mut Browser) -> Answer {
    let asked = browser.sign_up(NUMBER).await;
    if asked.status != 428 {
        return asked;
    }
    let ticket = asked.json()["step_up"]["ticket"].as_str().unwrap().to_owned();
    let proof = otpgate::token::answer(&ticket, NUMBER).unwrap();
    browser
        .post("/otp/send", json!({ "purpose": "sign-up", "number": NUMBER, "proof": proof }))
        .await
}

/// The cookie of an earlier verification is what sets the owner apart from those who besiege the number.
#[tokio::test]
async fn a_device_that_verified_before_is_served_where_strangers_wait() {
    let site = Site::open().await;
    let mut owner = site.at_code_page().await;
    assert_eq!(owner.verify(&site.code()).await.status, 200);
    assert!(owner.cookies.contains_key("__Host-otp-device"));
    site.clock.advance(Duration::from_secs(5 * 86_400));
    for round in 0..40 {
        let mut stranger = site.browser(&format!("198.51.100.{round}"));
        if insists(&mut stranger).await.status == 200 {
            for _ in 0..6 {
                stranger.verify(&wrong(&site.code())).await;
            }
        }
        site.clock.advance(Duration::from_secs(660));
    }
    let mut stranger = site.browser("198.51.100.200");
    let refused = insists(&mut stranger).await;
    assert_eq!((refused.status, refused.problem().as_str()), (429, "try-later"));
    let sent = insists(&mut owner).await;
    assert_eq!(sent.status, 200, "{sent:?}");
    assert_eq!(owner.verify(&site.code()).await.status, 200);
}

#[tokio::test]
async fn a_step_up_says_what_to_do_and_its_ticket_is_good() {
    let mut rules = policy();
    rules.quotas.client_unverified =
        Some(otpgate::policy::Evidence { soft: 1, hard: 9, drain: Duration::from_secs(60) });
    let site = Site::open_with(|gate| gate.policy(rules), |config| config).await;
    let mut browser = site.browser("203.0.113.7");
    assert_eq!(browser.sign_up(NUMBER).await.status, 200);
    site.clock.advance(Duration::from_secs(30));
    let asked = browser.sign_up(NUMBER).await;
    assert_eq!((asked.status, asked.problem().as_str()), (428, "step-up"));
    let step = asked.json()["step_up"].clone();
    assert_eq!(step["means"], "work");
    let proof = otpgate::token::answer(step["ticket"].as_str().unwrap(), NUMBER).unwrap();
    let body = json!({ "purpose": "sign-up", "number": NUMBER, "proof": proof });
    assert_eq!(browser.post("/otp/send", body).await.status, 200);
    assert_eq!(site.outbox.handed_off(), 2);
}

/// Nothing of a code or a whole number is in an answer, and no answer is of 500.
#[tokio::test]
async fn no_answer_holds_a_code_or_a_number() {
    let site = Site::open().await;
    let mut browser = site.browser("203.0.113.7");
    let mut answers = vec![browser.sign_up(NUMBER).await];
    let code = site.code();
    answers.push(browser.get("/otp/entry").await);
    answers.push(browser.post("/otp/resend", json!({})).await);
    answers.push(browser.verify(&wrong(&code)).await);
    answers.push(browser.verify(&code).await);
    answers.push(browser.verify(&code).await);
    let mut needles = otpgate::testing::secrets::Needles::new();
    needles.code("code", &code);
    needles.number("number", NUMBER);
    for answer in answers {
        assert_eq!(needles.scan(&answer.body), [], "{answer:?}");
        assert!(answer.status < 500);
    }
}

#[tokio::test]
async fn every_endpoint_takes_its_method_and_says_which() {
    let site = Site::open().await;
    let browser = site.at_code_page().await;
    let post = ["/otp/preflight", "/otp/send", "/otp/resend", "/otp/verify"];
    for path in post {
        for method in ["GET", "PUT", "DELETE", "PATCH", "TRACE", "OPTIONS", "BREW"] {
            let request = browser.request(method, path, "", None);
            let answer = exchange(site.address, &request).await;
            assert_eq!((answer.status, answer.problem().as_str()), (405, "method-not-allowed"));
            assert_eq!(answer.header("allow"), Some("POST"), "{method} {path}");
        }
    }
    for method in ["POST", "PUT", "OPTIONS"] {
        let answer = exchange(site.address, &browser.request(method, "/otp/entry", "", None)).await;
        assert_eq!((answer.status, answer.header("allow")), (405, Some("GET, HEAD")));
    }
    // A preflight of CORS gets no permission.
    let extra = "Origin: https://evil.example\r\nAccess-Control-Request-Method: POST\r\n\
                 Access-Control-Request-Headers: content-type\r\n";
    let answer =
        exchange(site.address, &browser.request("OPTIONS", "/otp/send", extra, None)).await;
    assert_eq!(answer.status, 405);
    assert!(!answer.headers.iter().any(|(name, _)| name.starts_with("access-control-")));
    assert_eq!(site.outbox.handed_off(), 1);
}

#[tokio::test]
async fn head_is_get_without_its_body() {
    let site = Site::open().await;
    let mut browser = site.at_code_page().await;
    let get = browser.get("/otp/entry").await;
    let mut wire = Wire::open(site.address).await;
    wire.write(&browser.request("HEAD", "/otp/entry", "", None)).await;
    let head = wire.read_head().await.to_ascii_lowercase();
    assert!(head.starts_with("http/1.1 200"), "{head}");
    assert!(head.contains(&format!("content-length: {}", get.body.len())), "{head}");
    // The connection goes on.
    wire.write(&browser.request("GET", "/otp/entry", "", None)).await;
    assert_eq!(wire.read().await.body, get.body);
    let mut wire = Wire::open(site.address).await;
    wire.write(&browser.request("HEAD", "/otp/send", "", None)).await;
    assert!(wire.read_head().await.starts_with("HTTP/1.1 405"));
}

/// A path is compared as it is: what a proxy may have let through under another name is not ours.
#[tokio::test]
async fn a_path_has_one_spelling() {
    let site = Site::open().await;
    let browser = site.at_code_page().await;
    for path in [
        "/otp/nothing",
        "/otp/Entry",
        "/otp/entry/",
        "/otp//entry",
        "/otp/./entry",
        "/otp/x/../entry",
        "/otp/%65ntry",
        "/otp/entry%00",
        "/otp/entry%2f",
        "/otp/entry;a=b",
        "/otp/..%2fentry",
        "/otp/receipts",
        "/otp/receipts/",
        "/otp/receipts/nobody",
        "/otp/receipts/%2e%2e/entry",
        "/otp/assets/../../Cargo.toml",
    ] {
        let answer = exchange(site.address, &browser.request("GET", path, "", None)).await;
        assert_eq!(answer.status, 404, "{path}");
        assert_eq!(answer.problem(), "not-found", "{path}");
    }
    for path in ["/OTP/entry", "/%6ftp/entry", "//otp/entry", "/otpx/entry", "/otpentry"] {
        let answer = exchange(site.address, &browser.request("GET", path, "", None)).await;
        assert_eq!(answer.status, 404, "{path}: no path of the router's");
    }
    let query = browser.request("GET", "/otp/entry?x=1#y", "", None);
    let answer = exchange(site.address, &query).await;
    assert!(matches!(answer.status, 200 | 400), "a query says nothing here: {answer:?}");
}

#[tokio::test]
async fn a_failing_host_is_an_outage_that_somebody_hears_of() {
    let site = Site::open().await;
    let mut browser = site.at_code_page().await;
    site.host.0.lock().unwrap().fails = true;
    let answer = browser.verify(&site.code()).await;
    assert_eq!((answer.status, answer.problem().as_str()), (503, "outage"));
    assert!(!String::from_utf8(answer.body.clone()).unwrap().contains("accounts"));
    let told = |text: &'static str| move |kind: &EventKind| matches!(kind, EventKind::Outage { what, .. } if what.contains(text));
    assert_eq!(site.log.count(told("the accounts cannot be reached")), 1);

    site.host.0.lock().unwrap().fails = false;
    site.host.0.lock().unwrap().panics = true;
    site.clock.advance(Duration::from_secs(31));
    let mut browser = site.at_code_page().await;
    let answer = browser.verify(&site.code()).await;
    assert_eq!((answer.status, answer.problem().as_str()), (503, "outage"), "no dead connection");
    assert_eq!(site.log.count(told("panicked")), 1);
    assert_eq!(site.host.0.lock().map(|book| book.verified.len()).unwrap_or(0), 0);
}

#[tokio::test]
async fn the_hosts_own_page_and_the_endpoints_agree_on_the_client() {
    let site = Site::open().await;
    let mut browser = site.browser("203.0.113.7");
    let page = browser.get("/own").await;
    assert!(browser.cookies.contains_key("__Host-otp-session"));
    let ticket = String::from_utf8(page.body).unwrap();
    let proof = otpgate::token::answer(&ticket, NUMBER).unwrap();
    let body = json!({ "purpose": "sign-up", "number": NUMBER, "proof": proof });
    assert_eq!(browser.post("/otp/send", body).await.status, 200);
}

#[tokio::test]
async fn a_host_with_sessions_of_its_own_needs_no_cookie_of_ours() {
    let site = Site::open().await;
    let mut browser = site.browser("203.0.113.7");
    browser.cookies.insert("shop".to_owned(), "s-4711".to_owned());
    assert_eq!(browser.sign_up(NUMBER).await.status, 200);
    assert!(!browser.cookies.contains_key("__Host-otp-session"));
    // Another session of the host's is another client.
    browser.cookies.insert("shop".to_owned(), "s-4712".to_owned());
    assert_eq!(browser.get("/otp/entry").await.status, 404);
    assert_eq!(browser.verify(&site.code()).await.status, 422);
    browser.cookies.insert("shop".to_owned(), "s-4711".to_owned());
    assert_eq!(browser.verify(&site.code()).await.status, 200);
}

/// A check whose challenges are the host's own.
#[derive(Debug)]
struct OwnChallenges;

#[async_trait::async_trait]
impl HumanCheck for OwnChallenges {
    async fn check(&self, _: HumanRequest<'_>) -> Result<HumanVerdict, HumanCheckError> {
        Err(HumanCheckError::new(HumanCheckErrorKind::Unavailable))
    }

    fn widget(&self, action: &str) -> Option<Widget> {
        Some(Widget::new("own", "", action, "answer").challenges())
    }

    fn challenge(&self, action: &str, _: Timestamp) -> Result<Option<String>, HumanCheckError> {
        match action {
            "payment" => Err(HumanCheckError::new(HumanCheckErrorKind::Misconfigured)),
            _ => Ok(Some(format!(r#"{{"for":"{action}"}}"#))),
        }
    }
}

#[tokio::test]
async fn a_widget_gets_its_challenge_here() {
    let site = Site::open_with(|gate| gate.human_check(OwnChallenges), |config| config).await;
    let mut browser = site.browser("203.0.113.7");
    let preflight = browser.post("/otp/preflight", json!({ "purpose": "log-in" })).await.json();
    let address = preflight["human"]["challenge"].as_str().unwrap();
    assert_eq!(address, "/otp/challenge?purpose=log-in");
    let challenge = browser.get(address).await;
    assert_eq!((challenge.status, challenge.json()), (200, json!({ "for": "log-in" })));
    assert_eq!(challenge.header("content-type"), Some("application/json"));
    assert_eq!(challenge.header("cache-control"), Some("no-store"));

    let status = async |browser: &mut Browser, query: &str| {
        browser.get(&format!("/otp/challenge{query}")).await.status
    };
    for unknown in ["", "?", "?purpose=", "?purpose=transfer", "?purpose=log-in&x=1", "?x=log-in"] {
        assert_eq!(status(&mut browser, unknown).await, 400, "{unknown}");
    }
    assert_eq!(browser.post("/otp/challenge?purpose=log-in", json!({})).await.status, 405);
    assert_eq!(status(&mut browser, "?purpose=payment").await, 503);
    let told = |kind: &EventKind| matches!(kind, EventKind::Outage { .. });
    assert_eq!(site.log.count(told), 1, "the operator hears why");

    // Without a check of this kind there is nothing here.
    let site = Site::open().await;
    assert_eq!(status(&mut site.browser("203.0.113.7"), "?purpose=log-in").await, 404);
}

/// He has a mail with a link to the site open beside the code page. A page of the host that asks who he is must
/// not put a new session in the place of the one that waits for a code.
#[tokio::test]
async fn a_link_from_elsewhere_ends_no_verification() {
    let site = Site::open().await;
    let mut browser = site.browser("203.0.113.7");
    let preflight = browser.post("/otp/preflight", json!({ "purpose": "sign-up" })).await;
    let session = preflight.header("set-cookie").unwrap().to_owned();
    let grant = browser.sign_up(NUMBER).await.header("set-cookie").unwrap().to_owned();
    // What a browser sends along with a navigation that another site began (RFC 6265bis, 5.8.3).
    let goes_along = |cookie: &str| cookie.ends_with("; SameSite=Lax");
    assert_eq!((goes_along(&session), goes_along(&grant)), (true, false), "{session} {grant}");
}
