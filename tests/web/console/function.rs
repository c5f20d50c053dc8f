//! The console through its one function: who may see it, who may act, what a form may do, and what the
//! page never shows.

mod doors;
mod pauses;
mod shown;
mod under_attack;

use async_trait::async_trait;
use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response, StatusCode};
use otpgate::access::{Actor, Control, Effect, Reason, Target};
use otpgate::policy::Mode;
use otpgate::pumping::Tuning;
use otpgate::store::{MemoryStore, StoreErrorKind};
use otpgate::testing::secrets::Needles;
use otpgate::testing::{FailNth, ManualClock, Verb};
use otpgate::web::console::{Console, ConsoleFeed, Denied, Operator, Operators, Role};
use otpgate::{EventKind, GateBuilder, Policy, Purpose, Realm, Region, Sent, Store};

use support::{
    ALICE, BOB, House, Log, NOON, client, german, hours, keys, minutes, quick, recipient, seconds,
};

const ORIGIN: &str = "https://staff.example";

/// Who `x-staff` names.
#[derive(Debug)]
struct Staff;

#[async_trait]
impl Operators for Staff {
    async fn authenticate(&self, parts: &Parts) -> Result<Operator, Denied> {
        let name = parts.headers.get("x-staff").and_then(|name| name.to_str().ok());
        match name {
            None => Err(Denied::SignIn),
            Some("elsewhere") => Err(Denied::SignInAt("/staff/sign-in?to=\"otp\"".to_owned())),
            Some("stranger") => Err(Denied::Forbidden),
            Some("broken") => Err(Denied::Unavailable),
            Some(name) => {
                let looks = name.ends_with("trainee") || parts.headers.contains_key("x-looks-only");
                let role = if looks { Role::Read } else { Role::Act };
                Ok(Operator::new(Actor::new(name).unwrap(), role))
            }
        }
    }
}

/// A house with a console.
struct Desk {
    house: House,
    console: Console,
}

fn desk() -> Desk {
    desk_with(MemoryStore::default(), |builder| builder.policy(quick(Policy::default())))
}

fn desk_with(store: impl Store, change: impl FnOnce(GateBuilder) -> GateBuilder) -> Desk {
    let feed = ConsoleFeed::of(&Realm::default());
    let log = Log::default();
    let told = (feed.clone(), log.clone());
    let mut house = House::with(|builder| change(builder.store(store).observer(told)));
    house.log = log;
    let console = Console::new(house.gate.clone(), feed, Staff, &keys(), ORIGIN).unwrap();
    Desk { house, console }
}

/// The form that makes an entry.
fn entry<'a>(
    effect: &'a str,
    kind: &'a str,
    value: &'a str,
    hours: &'a str,
    reason: &'a str,
) -> [(&'static str, &'a str); 6] {
    [
        ("do", "enter"),
        ("effect", effect),
        ("kind", kind),
        ("value", value),
        ("hours", hours),
        ("reason", reason),
    ]
}

/// The hidden token of a page's forms.
fn token(page: &str) -> String {
    let (_, rest) = page.split_once("name=\"token\" value=\"").expect("no form on the page");
    rest.split('"').next().unwrap().to_owned()
}

/// A hidden field of a page.
fn hidden<'a>(page: &'a str, name: &str) -> &'a str {
    let (_, rest) = page.split_once(&format!("name=\"{name}\" value=\"")).expect(name);
    rest.split('"').next().unwrap()
}

fn text(response: &Response<Bytes>) -> String {
    String::from_utf8(response.body().to_vec()).unwrap()
}

fn encoded(fields: &[(&str, &str)]) -> String {
    let escape = |text: &str| -> String {
        text.bytes()
            .map(|byte| match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => {
                    char::from(byte).to_string()
                }
                byte => format!("%{byte:02X}"),
            })
            .collect()
    };
    let pairs: Vec<_> =
        fields.iter().map(|(name, value)| format!("{}={}", escape(name), escape(value))).collect();
    pairs.join("&")
}

impl Desk {
    async fn ask(&self, request: Request<String>) -> Response<Bytes> {
        let (parts, body) = request.into_parts();
        let response = self.console.handle(&parts, body.as_bytes()).await;
        safe(&response);
        response
    }

    async fn get_as(&self, who: &str, path: &str) -> Response<Bytes> {
        let request = Request::get(format!("/otp-console{path}")).header("x-staff", who);
        self.ask(request.body(String::new()).unwrap()).await
    }

    async fn page(&self) -> String {
        text(&self.get_as("ada", "").await)
    }

    async fn send(&self, who: &str, headers: &[(&str, &str)], body: String) -> Response<Bytes> {
        let mut request = Request::post("/otp-console/act").header("x-staff", who);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.ask(request.body(body).unwrap()).await
    }

    /// Posts a form as the page of `who` would.
    async fn post_as(&self, who: &str, fields: &[(&str, &str)]) -> Response<Bytes> {
        let token = token(&text(&self.get_as(who, "").await));
        let fields = [fields, &[("token", &*token)]].concat();
        self.send(who, OWN, encoded(&fields)).await
    }

    async fn post(&self, fields: &[(&str, &str)]) -> Response<Bytes> {
        self.post_as("ada", fields).await
    }

    async fn done(&self, fields: &[(&str, &str)], word: &str) {
        let response = self.post(fields).await;
        assert_eq!(response.status(), StatusCode::SEE_OTHER, "{}", text(&response));
        let place = response.headers()["location"].to_str().unwrap();
        assert_eq!(place, format!("/otp-console?done={word}"));
        let page = text(&self.get_as("ada", &format!("?done={word}")).await);
        assert!(page.contains("role=\"status\""), "the page says nothing of {word}");
    }

    async fn entries(&self) -> Vec<Control> {
        self.house.gate.controls().list().await.unwrap()
    }

    async fn paused(&self) -> bool {
        self.entries().await.iter().any(|entry| entry.effect() == Effect::SmsOff)
    }

    /// What operators changed, as the observer heard it.
    fn changes(&self) -> Vec<(String, String)> {
        let events = self.house.log.events();
        let change = |event: otpgate::Event| match event.kind {
            EventKind::ControlsChanged { actor, change } => Some((actor, change)),
            _ => None,
        };
        events.into_iter().filter_map(change).collect()
    }
}

const OWN: &[(&str, &str)] = &[
    ("content-type", "application/x-www-form-urlencoded"),
    ("origin", ORIGIN),
    ("sec-fetch-site", "same-origin"),
];

/// What holds for every answer: a policy without script, nothing kept, and markup that obeys it.
fn safe(response: &Response<Bytes>) {
    let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
    let policy = header("content-security-policy");
    for part in
        ["default-src 'none'", "style-src 'self'", "form-action 'self'", "frame-ancestors 'none'"]
    {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(!policy.contains("unsafe") && !policy.contains("script-src"), "{policy}");
    assert_eq!(header("x-content-type-options"), "nosniff");
    if header("content-type").starts_with("text/html") {
        assert_eq!(header("cache-control"), "no-store");
        let page = text(response);
        for never in ["<script", "<style", "<iframe", "<img", "<object", "<base"] {
            assert!(!page.contains(never), "{never} on the page");
        }
        for tag in page.split('<').skip(1) {
            // The attributes' names: what stands outside of quotes.
            let (tag, _) = tag.split_once('>').expect("a tag without an end");
            let names: String = tag.split('"').step_by(2).collect();
            assert!(!names.contains(" on") && !names.contains(" style"), "{tag}");
        }
    }
}

#[tokio::test]
async fn every_control_reaches_the_gate_with_reason_and_actor() {
    let desk = desk();
    let enter = async |effect: &str, kind: &str, value: &str, more: &[(&str, &str)]| {
        let fields = [&entry(effect, kind, value, "6", "ticket 4711")[..], more];
        desk.done(&fields.concat(), "entered").await;
    };
    enter("block", "prefix", "+99899394", &[]).await;
    enter("allow", "network", "203.0.113.0/24", &[("purpose", "sign-up")]).await;
    enter("country-off", "country", "uz", &[]).await;
    enter("known-only", "everything", "", &[]).await;
    enter("sms-off", "country", "LV", &[]).await;
    enter("lift-auto", "prefix", "+49151", &[]).await;
    enter("extend-auto", "prefix", "+49152", &[]).await;
    enter("forbid-auto", "everything", "", &[]).await;
    enter("surge", "everything", "", &[("factor", "3")]).await;
    enter("block", "number", BOB, &[]).await;
    enter("block", "user", "account-4711", &[]).await;
    let entries = desk.entries().await;
    assert_eq!(entries.len(), 11);
    let until = desk.house.gate.controls().now() + hours(6);
    for entry in &entries {
        assert_eq!(
            (entry.reason(), entry.actor(), entry.until()),
            ("ticket 4711", "ada", Some(until))
        );
    }
    let controls = desk.house.gate.controls();
    let has = |effect, target: Target| {
        entries.iter().any(|e| (e.effect(), *e.target()) == (effect, target))
    };
    assert!(has(Effect::Block, Target::Prefix("+99899394".parse().unwrap())));
    assert!(has(Effect::CountryOff, Target::Country("UZ".parse().unwrap())));
    assert!(has(Effect::Block, controls.number(&recipient(BOB))));
    assert!(has(Effect::Block, controls.user("account-4711")));
    assert_eq!(entries[1].purpose(), Some("sign-up"));

    let id = entries[3].id().to_string();
    desk.done(&[("do", "lift"), ("id", &id), ("reason", "over")], "lifted").await;
    assert_eq!(desk.entries().await.len(), 10);
    for (name, field, value, word) in [
        ("forgive", "number", ALICE, "forgiven"),
        ("forget-faults", "number", ALICE, "forgotten"),
        ("forgive-authenticator", "user", "account-4711", "forgiven-account"),
        ("trust-clock", "", "", "clock"),
    ] {
        desk.done(&[("do", name), (field, value), ("reason", "passport seen")], word).await;
    }
    let changes = desk.changes();
    assert_eq!(changes.len(), 11 + 1 + 4);
    assert!(changes.iter().all(|(actor, _)| actor == "ada"));
    assert!(changes[..11].iter().all(|(_, change)| change.contains("ticket 4711")), "{changes:?}");
    let lifted = &changes[11].1;
    assert!(lifted.contains("lifted: KnownNumbersOnly") && lifted.ends_with(": over"), "{lifted}");
    assert!(
        changes[12..].iter().all(|(_, change)| change.contains("passport seen")),
        "{changes:?}"
    );
    // The block of a number holds.
    assert!(matches!(desk.house.try_send(BOB, &client(7)).await, Sent::Refused(_)));
}

/// "SMS off for login" would stop nothing, at three in the morning.
#[tokio::test]
async fn an_entry_for_what_only_looks_like_a_purpose_is_not_made() {
    let desk = desk();
    let off = entry("sms-off", "everything", "", "1", "toll fraud");
    let test = [("do", "test-number"), ("number", ALICE), ("hours", "1"), ("reason", "review")];
    for form in [&off[..], &test] {
        let response = desk.post(&[form, &[("purpose", "login")]].concat()).await;
        assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY);
        let page = text(&response);
        assert!(
            page.contains("only looks like `log-in`") && page.contains("value=\"login\""),
            "{page}"
        );
    }
    assert!(desk.entries().await.is_empty());
    desk.done(&[&off[..], &[("purpose", "log-in")]].concat(), "entered").await;
}

/// A prefix of nobody, one of half a continent, and an extension of everybody: none is made by one post.
#[tokio::test]
async fn an_entry_for_nobody_is_not_made_and_one_for_everybody_is_asked_about() {
    let desk = desk();
    for (nobody, why) in [
        ("+4407700", "the 0 that is dialled inside the country"),
        ("+490151", "the 0 that is dialled inside the country"),
        ("+999", "compare its digits"),
        ("+491999999", "compare its digits"),
    ] {
        let response = desk.post(&entry("block", "prefix", nobody, "24", "pumped")).await;
        assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY, "{nobody}");
        let page = text(&response);
        assert!(page.contains("No number begins with that prefix"), "{nobody}: {page}");
        assert!(page.contains(why), "{nobody}: {page}");
    }
    for (effect, kind, value, words) in [
        ("block", "prefix", "+4", "+4 begins numbers of AT, "),
        ("block", "prefix", "+1", "and of 1"),
        ("block", "prefix", "+49", "+49 begins all numbers of DE."),
        ("allow", "prefix", "+447", "GB, GG, IM, JE"),
        ("extend-auto", "everything", "", "All numbers of all countries"),
        ("extend-auto", "country", "UZ", "All numbers of UZ"),
    ] {
        let asked = desk.post(&entry(effect, kind, value, "6", "pumped")).await;
        assert_eq!(asked.status(), StatusCode::OK, "{value}");
        let page = text(&asked);
        assert!(page.contains("All of that?") && page.contains(words), "{value}: {page}");
        assert!(page.contains("6 hours"), "{page}");
        assert_eq!(desk.entries().await.len(), 0, "{value}: one post made it");
        let answer = |change: &[(&'static str, &'static str)]| -> Vec<(&'static str, String)> {
            let names = ["token", "what", "reason", "hours", "entries", "confirmation"];
            let names = names.into_iter().chain(["effect", "kind", "value", "purpose", "factor"]);
            let of = |name| change.iter().find(|(of, _)| *of == name).map(|(_, held)| *held);
            let held = names.map(|name| (name, of(name).unwrap_or(hidden(&page, name)).to_owned()));
            held.chain([("do", "confirm".to_owned())]).collect()
        };
        let send = async |fields: Vec<(&'static str, String)>| {
            let fields: Vec<(&str, &str)> = fields.iter().map(|(n, v)| (*n, &**v)).collect();
            desk.send("ada", OWN, encoded(&fields)).await
        };
        let another = send(answer(&[("kind", "country"), ("value", "DE")])).await;
        assert!(text(&another).contains("not made for this"), "{value}");
        let made = send(answer(&[])).await;
        assert_eq!(made.status(), StatusCode::SEE_OTHER, "{value}: {}", text(&made));
        let entries = desk.entries().await;
        assert_eq!(entries.len(), 1, "{value}");
        assert_eq!(entries[0].until(), Some(desk.house.gate.controls().now() + hours(6)));
        let id = entries[0].id().to_string();
        desk.done(&[("do", "lift"), ("id", &id), ("reason", "done")], "lifted").await;
    }
    for narrow in ["+49151", "+1212", "+99894123", "+52155"] {
        desk.done(&entry("block", "prefix", narrow, "24", "pumped"), "entered").await;
    }
}

#[tokio::test]
async fn a_test_number_s_code_is_shown_once_and_opens() {
    let desk = desk();
    let fields = [
        ("do", "test-number"),
        ("number", ALICE),
        ("hours", "24"),
        ("reason", "app review of 4.2"),
    ];
    let response = desk.post(&fields).await;
    assert_eq!(response.status(), StatusCode::OK);
    let page = text(&response);
    let code =
        page.split("<p class=\"code\">").nth(1).unwrap().split('<').next().unwrap().to_owned();
    assert_eq!(code.len(), 6);
    assert!(!page.contains("4915112345678"));
    assert!(!desk.page().await.contains(&code), "once");
    let Sent::Issued(issued) = desk.house.try_send(ALICE, &desk.house.client).await else {
        panic!()
    };
    assert!(desk.house.accepts(issued.grant(), &code).await);
    assert_eq!(desk.house.texts(), 0);

    let endless =
        desk.post(&[("do", "test-number"), ("number", BOB), ("hours", ""), ("reason", "x")]).await;
    assert!(text(&endless).contains("needs an end"));
    let easy = [
        ("code", "123456"),
        ("do", "test-number"),
        ("number", BOB),
        ("hours", "1"),
        ("reason", "x"),
    ];
    let easy = text(&desk.post(&easy).await);
    assert!(easy.contains("anybody would try first") && !easy.contains("123456"));
}

#[tokio::test]
async fn all_sms_stops_and_goes_on_only_after_a_second_question() {
    let desk = desk();
    let asked =
        desk.post(&[("do", "pause"), ("hours", "2"), ("reason", "toll fraud since 02:40")]).await;
    assert_eq!(asked.status(), StatusCode::OK);
    let question = text(&asked);
    assert!(question.contains("Pause all SMS?") && question.contains("2 hours"));
    assert!(!desk.paused().await, "one post pauses nothing");

    let answer = |page: &str, change: &[(&'static str, &str)]| -> Vec<(String, String)> {
        ["do", "token", "what", "reason", "hours", "entries", "confirmation"]
            .iter()
            .map(|name| {
                let held = if *name == "do" { "confirm" } else { hidden(page, name) };
                let value =
                    change.iter().find(|(of, _)| of == name).map_or(held, |(_, value)| value);
                ((*name).to_owned(), value.to_owned())
            })
            .collect()
    };
    let post = async |who: &str, fields: &[(String, String)]| {
        let fields: Vec<(&str, &str)> = fields.iter().map(|(n, v)| (&**n, &**v)).collect();
        desk.send(who, OWN, encoded(&fields)).await
    };
    let refused = async |who: &str, fields: &[(String, String)], words: &str| {
        let response = post(who, fields).await;
        assert_ne!(response.status(), StatusCode::SEE_OTHER);
        assert!(text(&response).contains(words), "{words}: {}", text(&response));
    };
    let elsewhere = token(&text(&desk.get_as("eve", "").await));
    refused("eve", &answer(&question, &[("token", &elsewhere)]), "not made for this").await;
    refused("ada", &answer(&question, &[("reason", "another")]), "not made for this").await;
    refused("ada", &answer(&question, &[("hours", "")]), "not made for this").await;
    refused("ada", &answer(&question, &[("what", "resume")]), "not made for this").await;
    assert!(!desk.paused().await);
    let yes = answer(&question, &[]);
    assert_eq!(post("ada", &yes).await.status(), StatusCode::SEE_OTHER);
    assert!(desk.paused().await);
    let entry = desk.entries().await.pop().unwrap();
    assert_eq!((entry.reason(), entry.actor()), ("toll fraud since 02:40", "ada"));
    assert_eq!(entry.until(), Some(desk.house.gate.controls().now() + hours(2)));
    assert!(matches!(desk.house.try_send(ALICE, &desk.house.client).await, Sent::Refused(_)));
    let page = desk.page().await;
    assert!(page.contains("All SMS paused") && page.contains("toll fraud since 02:40"));

    // Resuming asks too, also by way of the entry itself.
    let id = entry.id().to_string();
    let asked = text(&desk.post(&[("do", "lift"), ("id", &id), ("reason", "over")]).await);
    assert!(asked.contains("Resume SMS?"));
    let asked = text(&desk.post(&[("do", "resume"), ("reason", "over")]).await);
    assert!(asked.contains("Resume SMS?") && desk.paused().await);
    assert_eq!(post("ada", &answer(&asked, &[])).await.status(), StatusCode::SEE_OTHER);
    assert!(!desk.paused().await);
    assert!(matches!(desk.house.try_send(ALICE, &desk.house.client).await, Sent::Issued(_)));

    // Neither answer counts a second time.
    refused("ada", &yes, "used before").await;
    refused("ada", &answer(&asked, &[]), "used before").await;
    assert!(!desk.paused().await);

    // And none counts after two minutes.
    let late = text(&desk.post(&[("do", "pause"), ("hours", ""), ("reason", "again")]).await);
    desk.house.clock.advance(minutes(2));
    refused("ada", &answer(&late, &[]), "older than two minutes").await;
    assert!(!desk.paused().await);

    // The long way round is asked about as well.
    let enter = [
        ("do", "enter"),
        ("effect", "sms-off"),
        ("kind", "everything"),
        ("hours", "1"),
        ("reason", "r"),
    ];
    assert!(text(&desk.post(&enter).await).contains("Pause all SMS?"));
    assert!(!desk.paused().await);
}

#[tokio::test]
async fn methods_paths_and_the_style_sheet() {
    let desk = desk();
    let page = desk.page().await;
    let style = page.split("href=\"").nth(1).unwrap().split('"').next().unwrap();
    let response = desk.ask(Request::get(style).body(String::new()).unwrap()).await;
    assert_eq!(response.status(), StatusCode::OK, "it needs no operator: it says nothing");
    assert!(response.headers()["cache-control"].to_str().unwrap().contains("immutable"));
    assert_eq!(response.headers()["content-type"], "text/css; charset=utf-8");
    let css = text(&response);
    assert!(!css.contains("url(") && !css.contains("@import"));
    let call = async |method: &str, path: &str| {
        let request = Request::builder().method(method).uri(format!("/otp-console{path}"));
        desk.ask(request.header("x-staff", "ada").body(String::new()).unwrap()).await
    };
    for (method, path, status, allow) in [
        ("GET", "/", 200, None),
        ("HEAD", "", 200, None),
        ("POST", "", 405, Some("GET, HEAD")),
        ("GET", "/act", 405, Some("POST")),
        ("DELETE", "/act", 405, Some("POST")),
        ("GET", "/nothing", 404, None),
        ("GET", "/style-0.css", 404, None),
    ] {
        let response = call(method, path).await;
        assert_eq!(response.status(), status, "{method} {path}");
        let header = response.headers().get("allow").map(|allow| allow.to_str().unwrap());
        assert_eq!(header, allow, "{method} {path}");
    }
    assert!(!page.contains("http-equiv"), "it reloads when somebody asks for it");
    let reloading = text(&desk.get_as("ada", "?refresh=15").await);
    assert!(reloading.contains("<meta http-equiv=\"refresh\" content=\"15\">"));
    assert!(!text(&desk.get_as("ada", "?refresh=0").await).contains("http-equiv"));
}

#[test]
fn it_is_not_made_for_another_realm_or_a_place_that_is_none() {
    let house = House::new();
    let make = |realm: &str, origin: &str, mount: &str| {
        let feed = ConsoleFeed::of(&Realm::new(realm).unwrap());
        Console::at(house.gate.clone(), feed, Staff, &keys(), origin, mount).map(drop)
    };
    assert!(make("default", ORIGIN, "/staff/otp").is_ok());
    for (realm, origin, mount, names) in [
        ("tenant-8", ORIGIN, "/otp-console", "`feed`"),
        ("default", "http://staff.example", "/otp-console", "`origin`"),
        ("default", ORIGIN, "/otp-console/", "`mount`"),
    ] {
        let error = make(realm, origin, mount).unwrap_err().to_string();
        assert!(error.contains(names), "{error}");
    }
}

/// The `index`th number of a block of 10 000.
fn pumped(index: u64) -> String {
    format!("+998941{:06}", 230_000 + index % 10_000)
}

/// People sign up, then somebody pumps a block.
async fn attacked() -> Desk {
    attacked_in(Mode::Enforce).await
}

async fn attacked_in(mode: Mode) -> Desk {
    let desk = desk_with(MemoryStore::default(), |builder| {
        let mut policy = quick(Policy::default());
        policy.quotas.block_unverified = None;
        policy.quotas.client_unverified = None;
        policy.quotas.network_unverified = None;
        policy.mode.general = mode;
        builder.policy(policy).tuning(Tuning::default())
    });
    let house = &desk.house;
    for index in 0..60 {
        let who = client(500_000 + index as u32);
        let number = german(index * 7_919);
        if let Sent::Issued(issued) = house.try_send_for(&number, &Purpose::SIGN_UP, &who).await {
            house.clock.advance(seconds(20));
            let code = house.last_code();
            if index % 4 != 0 {
                assert!(house.accepts_from(issued.grant(), &code, &who).await);
            }
        }
        house.clock.advance(seconds(70));
    }
    for index in 0..110 {
        let who = client(1_000 + index as u32 * 3);
        let _ = house.insist(&pumped(index), &Purpose::SIGN_UP, &who).await;
        house.clock.advance(seconds(5));
        if index % 12 == 0 {
            desk.console.sample().await.unwrap();
        }
    }
    desk
}
