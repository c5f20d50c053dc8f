//! Receipts, mounted for each provider.

use otpgate::transport::{
    Receipt, ReceiptError, ReceiptErrorKind, ReceiptRequest, ReceiptState, ReceiptVerifier,
};
use otpgate::web::{Config, Endpoints};
use otpgate::{EventKind, Timestamp};

use super::site::{NUMBER, ORIGIN, Site};
use super::wire::{Wire, exchange};

/// A provider that signs the whole URL, for the test with a word, and names the send in its query.
#[derive(Debug)]
struct Provider;

impl ReceiptVerifier for Provider {
    fn verify(
        &self,
        request: &ReceiptRequest<'_>,
        _: Timestamp,
    ) -> Result<Vec<Receipt>, ReceiptError> {
        let public = "https://hooks.example/otp/receipts/example";
        if request.header("x-signature") != Some("good") || !request.url.starts_with(public) {
            let remedy = "give the endpoint the provider's secret";
            return Err(ReceiptError::new("example", ReceiptErrorKind::Forged, remedy));
        }
        let key = request.query().strip_prefix("otpgate=");
        let receipt = Receipt::verified("example", "1", ReceiptState::Delivered, "delivered");
        Ok(vec![receipt.with_key(key)])
    }
}

async fn site() -> Site {
    Site::open_with(
        |gate| gate,
        |config| config.receipts("example", Provider).receipts_origin("https://hooks.example"),
    )
    .await
}

fn post(path: &str, extra: &str, body: &str) -> Vec<u8> {
    format!(
        "POST {path} HTTP/1.1\r\nHost: internal\r\n{extra}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

#[tokio::test]
async fn a_receipt_reaches_its_send_and_nothing_else_does() {
    let site = site().await;
    let mut browser = site.browser("203.0.113.7");
    assert_eq!(browser.sign_up(NUMBER).await.status, 200);
    let key = site.outbox.sent()[0].callback_key().to_owned();
    let path = format!("/otp/receipts/example?otpgate={key}");
    let delivered = |kind: &EventKind| matches!(kind, EventKind::Receipt { .. });

    for forged in ["", "X-Signature: bad\r\n", "X-Signature: good\r\nX-Signature: good\r\n"] {
        let answer = exchange(site.address, &post(&path, forged, "")).await;
        assert_eq!((answer.status, answer.body.len()), (403, 0), "{forged}");
    }
    assert_eq!(site.log.count(delivered), 0);
    // From another site and without JSON: it is a server that posts.
    let answer = exchange(site.address, &post(&path, "X-Signature: good\r\n", "status=ok")).await;
    assert_eq!((answer.status, answer.body.len()), (200, 0), "{answer:?}");
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(site.log.count(delivered), 1);
    let again = exchange(site.address, &post(&path, "X-Signature: good\r\n", "status=ok")).await;
    assert_eq!((again.status, site.log.count(delivered)), (200, 1), "once");

    let secret = "/otp/receipts/example/pX3cJ9mB0vQe7LkT2nWs5A";
    let answer = exchange(site.address, &post(secret, "X-Signature: good\r\n", "")).await;
    assert_eq!(answer.status, 200, "a token may stand behind the name");
    for nobody in ["/otp/receipts/other", "/otp/receipts/example/a/b", "/otp/receipts/Example"] {
        let answer = exchange(site.address, &post(nobody, "X-Signature: good\r\n", "")).await;
        assert_eq!(answer.status, 404, "{nobody}");
    }
    let request = "DELETE /otp/receipts/example HTTP/1.1\r\nHost: internal\r\n\r\n";
    let answer = exchange(site.address, request.as_bytes()).await;
    assert_eq!((answer.status, answer.header("allow")), (405, Some("GET, POST")));
}

#[tokio::test]
async fn a_receipt_may_be_longer_than_a_form_and_no_longer() {
    let site = site().await;
    let path = "/otp/receipts/example";
    let body = "a".repeat(60_000);
    let answer = exchange(site.address, &post(path, "X-Signature: good\r\n", &body)).await;
    assert_eq!(answer.status, 200);
    let mut wire = Wire::open(site.address).await;
    wire.write(b"POST /otp/receipts/example HTTP/1.1\r\nHost: a\r\nContent-Length: 65537\r\n\r\n")
        .await;
    assert_eq!(wire.read().await.status, 413);
}

/// A host without the router reads bodies itself; the function has the limit as well.
#[tokio::test]
async fn the_function_takes_no_longer_receipt_than_the_router() {
    let site = site().await;
    let config = Config::builder(ORIGIN, site.host.clone()).receipts("example", Provider);
    let endpoints = Endpoints::new(site.gate.clone(), config.build().unwrap());
    for (length, status) in [(65_536, 403), (65_537, 413)] {
        let request = axum::http::Request::post("/otp/receipts/example");
        let request = request.body("a".repeat(length).into()).unwrap();
        assert_eq!(endpoints.handle(request, None).await.status(), status, "{length}");
    }
}
