//! Two endpoints on one site: a code for one purpose is worth nothing at those for another.

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use otpgate::web::{Config, Endpoints};
use otpgate::{Purpose, Region};

use super::site::{Browser, ORIGIN, Shopkeeper, Site};

/// What the endpoints at `/reset` answer a browser with its cookies.
async fn asks(reset: &Endpoints, browser: &Browser, method: &str, call: &str) -> Response<Bytes> {
    let (path, body) = call.split_once(' ').unwrap_or((call, ""));
    let cookies: Vec<_> =
        browser.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let request = Request::builder()
        .method(method)
        .uri(format!("/reset/{path}"))
        .header("origin", ORIGIN)
        .header("sec-fetch-site", "same-origin")
        .header("content-type", "application/json")
        .header("cookie", cookies.join("; "))
        .body(Bytes::copy_from_slice(body.as_bytes()))
        .unwrap();
    reset.handle(request, Some("203.0.113.7".parse().unwrap())).await
}

/// The cookie of the grant is the site's: without a look at its purpose, whoever signs up with a number of his
/// own would come to the host that resets passwords, past its `admit` and its policy.
#[tokio::test]
async fn a_grant_for_another_purpose_counts_as_none() {
    let site = Site::open().await;
    let host = Shopkeeper::default();
    let config = Config::builder(ORIGIN, host.clone())
        .mount("/reset")
        .purposes([Purpose::RESET])
        .default_region(Region::DE)
        .hosted("Shop");
    let reset = Endpoints::new(site.gate.clone(), config.build().unwrap());
    let mut browser = site.at_code_page().await;
    let mut without = browser.clone();
    without.cookies.remove("__Host-otp-grant").unwrap();
    let verify = format!(r#"verify {{"code":"{}"}}"#, site.code());
    site.clock.advance(std::time::Duration::from_secs(60));
    for (method, call, status) in [
        ("GET", "entry", StatusCode::NOT_FOUND),
        ("GET", "code", StatusCode::SEE_OTHER),
        ("POST", "resend {}", StatusCode::BAD_REQUEST),
        ("POST", &*verify, StatusCode::UNPROCESSABLE_ENTITY),
    ] {
        let foreign = asks(&reset, &browser, method, call).await;
        let none = asks(&reset, &without, method, call).await;
        assert_eq!(foreign.status(), status, "{call}");
        assert_eq!(foreign.body(), none.body(), "{call}");
    }
    assert!(host.0.lock().unwrap().verified.is_empty());
    assert_eq!(site.outbox.handed_off(), 1);

    // Nothing was charged to the verification, and its own endpoints take the code.
    assert_eq!(browser.get("/otp/entry").await.json()["attempts_left"], 5);
    assert_eq!(browser.verify(&site.code()).await.status, 200);
    assert_eq!(site.host.0.lock().unwrap().verified.len(), 1);
}

/// An entry of the controls for `log-in` would hold for no code of these endpoints.
#[test]
fn what_only_looks_like_a_standard_purpose_is_not_served() {
    for (name, standard) in [("login", "log-in"), ("payments", "payment")] {
        let purpose = Purpose::new(name).unwrap();
        let config = Config::builder(ORIGIN, Shopkeeper::default()).purposes([purpose]).build();
        let error = config.unwrap_err().to_string();
        assert!(error.contains("`purposes`") && error.contains(standard), "{error}");
    }
}
