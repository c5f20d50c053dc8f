//! Several tenants in one process: endpoints of each, on one origin or on sites of their own.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use otpgate::token::answer;
use otpgate::web::{Config, ConfigBuilder, Endpoints};
use otpgate::{EventKind, OutagePart, Realm, Region};
use serde_json::{Value, json};

use super::site::{NUMBER, ORIGIN, Shopkeeper, Site};

/// One browser at the endpoints of two tenants.
struct Visitor<'s> {
    site: &'s Site,
    tenants: BTreeMap<&'static str, Endpoints>,
    cookies: BTreeMap<String, String>,
}

impl<'s> Visitor<'s> {
    fn of(site: &'s Site, named: impl Fn(ConfigBuilder, &str) -> ConfigBuilder) -> Self {
        let tenant = |name| {
            let config = Config::builder(ORIGIN, Shopkeeper::default())
                .mount(format!("/{name}"))
                .default_region(Region::DE);
            let gate = site.gate.in_realm(&Realm::new(name).unwrap());
            (name, Endpoints::new(gate, named(config, name).build().unwrap()))
        };
        Self { site, tenants: ["a", "b"].map(tenant).into(), cookies: BTreeMap::new() }
    }

    async fn post(&mut self, tenant: &str, path: &str, body: Value) -> Response<Bytes> {
        let jar: Vec<_> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = Request::post(format!("/{tenant}/{path}"))
            .header("origin", ORIGIN)
            .header("sec-fetch-site", "same-origin")
            .header("content-type", "application/json")
            .header("cookie", jar.join("; "))
            .body(body.to_string().into())
            .unwrap();
        let response = self.tenants[tenant].handle(request, "203.0.113.7".parse().ok()).await;
        for line in response.headers().get_all("set-cookie") {
            let (pair, attributes) = line.to_str().unwrap().split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            if attributes.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else if name.starts_with("__Host-otp-") {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        response
    }

    async fn asks(&mut self, tenant: &str) -> StatusCode {
        let page = self.post(tenant, "preflight", json!({ "purpose": "sign-up" })).await;
        let page: Value = serde_json::from_slice(page.body()).unwrap();
        let proof = answer(page["ticket"].as_str().unwrap(), NUMBER).unwrap();
        let form = json!({ "purpose": "sign-up", "number": NUMBER, "proof": proof });
        self.post(tenant, "send", form).await.status()
    }

    async fn enters(&mut self, tenant: &str, code: &str) -> StatusCode {
        self.post(tenant, "verify", json!({ "code": code })).await.status()
    }

    async fn signs_up(&mut self, tenant: &str) {
        assert_eq!(self.asks(tenant).await, StatusCode::OK, "{tenant}");
        assert_eq!(self.enters(tenant, &self.site.code()).await, StatusCode::OK, "{tenant}");
    }
}

/// A cookie with `__Host-` belongs to the origin, whatever the mount: the second tenant's device proof took
/// the place of the first one's, and its owner was a stranger there again.
#[tokio::test]
async fn tenants_on_one_origin_keep_cookies_of_their_own() {
    let site = Site::open().await;
    let mut visitor = Visitor::of(&site, |config, name| config.cookies(name));
    visitor.signs_up("a").await;
    let proof = visitor.cookies["__Host-otp-a-device"].clone();
    visitor.signs_up("b").await;
    assert_eq!(visitor.cookies["__Host-otp-a-device"], proof);
    // A stranger would have to wait for the interval; a device that has verified has one of its own.
    assert_eq!(visitor.asks("a").await, StatusCode::OK, "a's device proof is still held");
    let at_a = site.code();
    assert_eq!(visitor.asks("b").await, StatusCode::OK);
    let at_b = site.code();
    assert_eq!(visitor.enters("a", &at_a).await, StatusCode::OK, "b's grant is not in its place");
    assert_eq!(visitor.enters("b", &at_b).await, StatusCode::OK);
}

/// Endpoints of one tenant, or of a host without tenants, share what they always shared.
#[tokio::test]
async fn without_names_of_their_own_endpoints_share_the_plain_cookies() {
    let site = Site::open().await;
    let mut visitor = Visitor::of(&site, |config, _| config);
    visitor.signs_up("a").await;
    let names: Vec<_> = visitor.cookies.keys().map(String::as_str).collect();
    assert_eq!(names, ["__Host-otp-device", "__Host-otp-session"]);
    visitor.signs_up("b").await;
    assert_eq!(visitor.asks("a").await, StatusCode::TOO_MANY_REQUESTS, "b's proof is b's alone");
}

#[test]
fn a_cookies_name_takes_no_other_characters() {
    let named = |name: &str| Config::builder(ORIGIN, Shopkeeper::default()).cookies(name).build();
    assert!(named("tenant-8").is_ok());
    for bad in ["", "Acme", "a b", "a=b", "a;", "ü", &"a".repeat(33)] {
        let error = named(bad).unwrap_err().to_string();
        assert!(error.contains("`cookies`") && error.contains("a-z"), "{error}");
    }
}

/// Every realm of a gate sends the same text, with the host of one site in its last line.
#[tokio::test]
async fn endpoints_of_another_site_than_the_texts_are_told_of() {
    let site = Site::open().await;
    let told = || {
        site.log.count(|kind| {
            let host = OutagePart::Host;
            matches!(kind, EventKind::Outage { part, what } if *part == host
                && what.contains("shop.example") && what.contains("`GateBuilder::origin`"))
        })
    };
    let opens = |origin: &str| {
        let gate = site.gate.in_realm(&Realm::new("tenant").unwrap());
        let config = Config::builder(origin, Shopkeeper::default()).build().unwrap();
        drop(Endpoints::new(gate, config));
    };
    for own in
        [ORIGIN, "https://www.shop.example", "https://shop.example:8443", "http://localhost:3000"]
    {
        opens(own);
        assert_eq!(told(), 0, "{own}");
    }
    for (index, other) in
        ["https://bolt.example", "https://eshop.example", "https://192.0.2.7"].iter().enumerate()
    {
        opens(other);
        assert_eq!(told(), index + 1, "{other}");
    }
}
