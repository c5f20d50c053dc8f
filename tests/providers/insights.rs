//! Vonage Identity Insights: what is asked, and what every kind of answer says of a number.

use std::time::Duration;

use base64ct::{Base64UrlUnpadded, Encoding};
use otpgate::testing::ManualClock;
use otpgate::transport::signals::{
    NumberSignals, Signals, SignalsError, SignalsErrorKind, SignalsQuery, SimSwap,
};
use otpgate::transport::vonage::{Application, IdentityInsights};
use otpgate::{LineType, Timestamp};
use serde_json::{Value, json};

use crate::adapter::client;
use support::http_server::{Answer, LocalServer, Play};

const ID: &str = "aaaaaaaa-bbbb-cccc-dddd-0123456789ab";
const KEY: &str = include_str!("../data/rfc9500_rsa2048.pem");
const NUMBER: &str = "+14040000000";
const HOUR: Duration = Duration::from_secs(3_600);

fn insights(server: &LocalServer) -> IdentityInsights {
    IdentityInsights::builder(Application::new(ID, KEY).unwrap())
        .client(client())
        .clock(ManualClock::new(Timestamp::from_millis(1_795_845_600_000)))
        .base_url(server.base_url())
        .build()
        .unwrap()
}

fn query(sim_swap: Option<Duration>) -> SignalsQuery {
    SignalsQuery::for_test(NUMBER, sim_swap)
}

fn carrier(network: &str, kind: &str) -> Value {
    json!({
        "name": "Orange Espana, S.A. Unipersonal", "network_type": kind, "country_code": "ES",
        "network_code": network, "status": { "code": "OK", "message": "Success" }
    })
}

/// The answer in the SDK's own test.
fn answer() -> Value {
    json!({
        "request_id": "00000000-0000-0000-0000-000000000000",
        "insights": {
            "sim_swap": {
                "latest_sim_swap_at": "2024-07-08T09:30:27.504Z", "is_swapped": true,
                "status": { "code": "OK", "message": "Success" }
            },
            "original_carrier": carrier("21403", "MOBILE"),
            "current_carrier": carrier("21403", "MOBILE"),
            "reachability": {
                "latest_status_at": "2025-10-11T08:23:23.456", "is_reachable": true,
                "connectivity": ["DATA"], "status": { "code": "OK", "message": "Success" }
            }
        }
    })
}

async fn said(body: &Value) -> Result<Signals, SignalsError> {
    let server = LocalServer::answering(Answer::json(200, body.to_string()));
    let answer = insights(&server).look_up(&query(Some(72 * HOUR))).await;
    assert_eq!(server.seen().len(), 1, "one request for each look-up");
    answer
}

#[tokio::test]
async fn the_request_is_the_sdks() {
    let server = LocalServer::answering(Answer::json(200, answer().to_string()));
    insights(&server).look_up(&query(Some(72 * HOUR))).await.unwrap();
    insights(&server).look_up(&query(None)).await.unwrap();
    let all = IdentityInsights::builder(Application::new(ID, KEY).unwrap()).reachability();
    let all = all.client(client()).base_url(server.base_url()).build().unwrap();
    all.look_up(&query(Some(Duration::from_secs(1)))).await.unwrap();
    let seen = server.seen();
    let wanted = [
        json!({ "current_carrier": {}, "original_carrier": {}, "sim_swap": { "period": 72 } }),
        json!({ "current_carrier": {}, "original_carrier": {} }),
        json!({
            "current_carrier": {}, "original_carrier": {}, "sim_swap": { "period": 1 },
            "reachability": {}
        }),
    ];
    for (seen, insights) in seen.iter().zip(wanted) {
        assert_eq!(
            (seen.method.as_str(), seen.target.as_str()),
            ("POST", "/identity-insights/v1/requests")
        );
        assert_eq!(seen.header("content-type"), Some("application/json"));
        let body: Value = serde_json::from_slice(&seen.body).unwrap();
        let purpose = "FraudPreventionAndDetection";
        let whole =
            json!({ "phone_number": "14040000000", "purpose": purpose, "insights": insights });
        assert_eq!(body, whole);
    }
    let token = seen[0].header("authorization").unwrap().strip_prefix("Bearer ").unwrap();
    let claims = Base64UrlUnpadded::decode_vec(token.split('.').nth(1).unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!((&claims["application_id"], &claims["iat"]), (&json!(ID), &json!(1_795_845_600)));
    assert_ne!(seen[0].header("authorization"), seen[1].header("authorization"), "one token each");
}

#[tokio::test]
async fn an_answer_is_read_whole() {
    let signals = said(&answer()).await.unwrap();
    let carrier = signals.carrier.unwrap();
    assert_eq!(carrier.name, "Orange Espana, S.A. Unipersonal");
    assert_eq!(carrier.network.as_deref(), Some("21403"));
    assert_eq!(signals.line_type, Some(LineType::Mobile));
    assert_eq!((signals.ported, signals.reachable), (Some(false), Some(true)));
    let at = Timestamp::from_millis(1_720_431_027_504);
    assert_eq!(signals.sim_swap, Some(SimSwap::At(at)));
}

#[tokio::test]
async fn a_ported_number_and_every_kind_of_line_are_read() {
    for (kind, line_type) in [
        ("MOBILE", Some(LineType::Mobile)),
        ("LANDLINE", Some(LineType::FixedLine)),
        ("LANDLINE_PREMIUM", Some(LineType::PremiumRate)),
        ("LANDLINE_TOLLFREE", Some(LineType::TollFree)),
        ("VIRTUAL", Some(LineType::Voip)),
        ("PAGER", Some(LineType::Pager)),
        ("UNKNOWN", None),
        ("A_KIND_OF_NEXT_YEAR", None),
    ] {
        let mut body = answer();
        body["insights"]["current_carrier"] = carrier("21401", kind);
        body["insights"]["original_carrier"]["network_type"] = json!("UNKNOWN");
        let signals = said(&body).await.unwrap();
        assert_eq!((signals.line_type, signals.ported), (line_type, Some(true)), "{kind}");
        // Without a current carrier the block's own decides.
        body["insights"]["original_carrier"]["network_type"] = json!(kind);
        body["insights"]["current_carrier"] = json!({ "status": { "code": "NOT_FOUND" } });
        let signals = said(&body).await.unwrap();
        assert_eq!((signals.line_type, signals.ported), (line_type, None), "{kind}");
    }
}

#[tokio::test]
async fn what_is_not_covered_is_not_known_and_what_is_wrong_is_told() {
    for (code, known) in [
        ("NO_COVERAGE", true),
        ("NOT_FOUND", true),
        ("UNSUPPORTED_NETWORK_TYPE", true),
        ("INVALID_NUMBER_FORMAT", true),
        ("PARTIAL_SUCCESS", true),
        ("UNAUTHORIZED", false),
        ("INVALID_PURPOSE", false),
        ("SUPPLIER_ERROR", false),
        ("INTERNAL_ERROR", false),
    ] {
        let mut body = answer();
        body["insights"]["sim_swap"] = json!({ "status": { "code": code, "message": NUMBER } });
        match said(&body).await {
            Ok(signals) if known => {
                assert_eq!((signals.sim_swap, signals.line_type), (None, Some(LineType::Mobile)));
            }
            Err(error) if !known => {
                assert_eq!(error.kind(), SignalsErrorKind::Unknown);
                let shown = error.to_string();
                assert!(shown.contains(code) && !shown.contains("4040000000"), "{shown}");
            }
            other => panic!("{code}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_change_without_a_date_is_of_the_period_asked_for() {
    for (swapped, expected) in [
        (json!(true), Some(SimSwap::Within(72 * HOUR))),
        (json!(false), Some(SimSwap::NotWithin(72 * HOUR))),
        (json!(null), None),
    ] {
        let mut body = answer();
        body["insights"]["sim_swap"] = json!({ "latest_sim_swap_at": null, "is_swapped": swapped, "status": { "code": "OK" } });
        assert_eq!(said(&body).await.unwrap().sim_swap, expected, "{swapped}");
    }
}

#[tokio::test]
async fn every_fault_is_no_answer_and_tells_no_secret() {
    let error = |status: u16, kind: &str| {
        let kind = format!("https://developer.vonage.com/api-errors#{kind}");
        let body = json!({ "type": kind, "title": "No", "detail": NUMBER, "instance": "x" });
        Play::Answer(Answer::json(status, body.to_string()))
    };
    use SignalsErrorKind::{NotAsked, Unknown};
    let whole = answer().to_string();
    for (play, kind) in [
        (error(401, "unauthorized"), NotAsked),
        (error(403, "forbidden"), NotAsked),
        (error(429, "throttled"), NotAsked),
        (error(418, "something-else"), Unknown),
        (error(500, "unauthorized"), Unknown),
        (Play::Answer(Answer::html(200)), Unknown),
        (Play::Answer(Answer::json(200, "")), Unknown),
        (Play::Answer(Answer::json(200, "{\"insights\":{}}")), Unknown),
        (Play::Answer(Answer::json(200, "{\"insights\":[1]}")), Unknown),
        (Play::Answer(Answer::json(200, &whole[..whole.len() / 2])), Unknown),
        (Play::Answer(Answer::new(307).with("location", "http://evil.example/")), Unknown),
        (Play::Silent, Unknown),
        (Play::Reset, Unknown),
        (Play::Close, Unknown),
    ] {
        let server = LocalServer::plain();
        server.always(play);
        let insights = insights(&server);
        let error = insights.look_up(&query(Some(72 * HOUR))).await.unwrap_err();
        let shown = format!("{error} {error:?} {insights:?}");
        assert_eq!(error.kind(), kind, "{shown}");
        assert_eq!(server.seen().len(), 1, "{shown}");
        for secret in ["eyJ", "4040000000", "evil", "PRIVATE"] {
            assert!(!shown.contains(secret), "{shown}");
        }
        assert!(!error.to_string().contains("text"), "{shown}");
    }
}
