//! The description says what the endpoints do.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::site::{NUMBER, Site};

fn names(object: &Value) -> BTreeSet<&str> {
    object.as_object().unwrap().keys().map(String::as_str).collect()
}

/// The schema that `pointer` refers to.
fn schema<'a>(document: &'a Value, pointer: &str) -> &'a Value {
    let reference = document.pointer(pointer).unwrap_or_else(|| panic!("{pointer}"));
    let reference = reference["$ref"].as_str().unwrap_or_else(|| panic!("{reference}"));
    document.pointer(reference.strip_prefix('#').unwrap()).unwrap()
}

#[tokio::test]
async fn the_description_has_every_endpoint_and_every_field() {
    let site = Site::open().await;
    let mut browser = site.browser("203.0.113.7");
    let answer = browser.get("/otp/openapi.json").await;
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
    let document = answer.json();
    assert_eq!(document["servers"], json!([{ "url": "/otp" }]));
    let paths = [
        "/challenge",
        "/entry",
        "/preflight",
        "/receipts/{provider}",
        "/resend",
        "/send",
        "/verify",
    ];
    assert_eq!(names(&document["paths"]), paths.into());

    let body = |path: &str, method: &str, status: u16, kind: &str| {
        let path = path.replace('/', "~1");
        let kind = kind.replace('/', "~1");
        format!("/paths/{path}/{method}/responses/{status}/content/{kind}/schema")
    };
    let json = "application/json";
    let preflight = browser.post("/otp/preflight", json!({ "purpose": "sign-up" })).await;
    let sent = browser.sign_up(NUMBER).await;
    let entry = browser.get("/otp/entry").await;
    let limit = browser.post("/otp/resend", json!({})).await;
    let rejected = browser.verify("000000").await;
    let verified = browser.verify(&site.code()).await;
    for (path, method, kind, answer) in [
        ("/preflight", "post", json, preflight),
        ("/send", "post", json, sent),
        ("/entry", "get", json, entry),
        ("/verify", "post", json, verified),
    ] {
        let schema = schema(&document, &body(path, method, 200, kind));
        let real = answer.json();
        assert_eq!(names(&schema["properties"]), names(&real), "{path}");
    }
    for (path, status, answer) in [("/resend", 429, limit), ("/verify", 422, rejected)] {
        assert_eq!(answer.status, status);
        let schema = schema(&document, &body(path, "post", status, "application/problem+json"));
        let real = answer.json();
        assert!(names(&schema["properties"]).is_superset(&names(&real)), "{path}");
        let required = schema["required"].as_array().unwrap();
        assert!(required.iter().all(|name| real.get(name.as_str().unwrap()).is_some()), "{path}");
    }
}
