//! The console through its one function: who may see it, who may act, what a form may do, and what the
//! page never shows.

use async_trait::async_trait;
use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response, StatusCode};
use otpgate::access::{Actor, Control, Effect, Reason, Target};
use otpgate::pumping::Tuning;
use otpgate::store::{MemoryStore, StoreErrorKind};
use otpgate::testing::secrets::Needles;
use otpgate::testing::{FailNth, Verb};
use otpgate::web::console::{Console, ConsoleFeed, Denied, Operator, Operators, Role};
use otpgate::{EventKind, GateBuilder, Policy, Purpose, Realm, Sent, Store};

use support::{
    ALICE, BOB, House, Log, client, german, hours, keys, minutes, quick, recipient, seconds,
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
            Some("elsewhere") => Err(Denied::SignInAt("/staff/sign-in".to_owned())),
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
async fn nobody_sees_it_whom_the_host_does_not_name() {
    let desk = desk();
    let request = Request::get("/otp-console").body(String::new()).unwrap();
    let response = desk.ask(request).await;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert!(!text(&response).contains("realm"), "it says nothing of the gate");
    for (who, status) in [
        ("elsewhere", StatusCode::SEE_OTHER),
        ("stranger", StatusCode::FORBIDDEN),
        ("broken", StatusCode::SERVICE_UNAVAILABLE),
    ] {
        let response = desk.get_as(who, "").await;
        assert_eq!(response.status(), status);
        assert!(!text(&response).contains("realm"));
        assert_eq!(desk.send(who, OWN, "do=pause&reason=x".into()).await.status(), status);
    }
    let away = desk.get_as("elsewhere", "").await;
    assert_eq!(away.headers()["location"], "/staff/sign-in");
    assert!(desk.changes().is_empty());
}

#[tokio::test]
async fn who_may_only_look_gets_no_form_and_changes_nothing() {
    let desk = desk();
    desk.done(&entry("block", "prefix", "+99899394", "24", "pumping"), "entered").await;
    let page = text(&desk.get_as("bob-trainee", "").await);
    assert!(page.contains("looking only") && page.contains("+99899394"));
    assert!(!page.contains("<form") && !page.contains("name=\"token\""), "{page}");
    // Even with a token of somebody who may.
    let token = token(&desk.page().await);
    let body = encoded(&[("do", "trust-clock"), ("reason", "x"), ("token", &token)]);
    assert_eq!(desk.send("bob-trainee", OWN, body.clone()).await.status(), StatusCode::FORBIDDEN);
    // Or with one's own, from before the shift was over.
    let over = [OWN, &[("x-looks-only", "yes")]].concat();
    let response = desk.send("ada", &over, body.clone()).await;
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    assert!(text(&response).contains("change nothing"));
    assert_eq!(desk.changes().len(), 1);
    assert_eq!(desk.send("ada", OWN, body).await.status(), StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_form_comes_from_the_console_s_own_page_or_does_nothing() {
    let desk = desk();
    let page = desk.page().await;
    let fields = entry("country-off", "country", "UZ", "24", "pumping");
    let with = |token: &str| encoded(&[&fields[..], &[("token", token)]].concat());
    let kind = OWN[0];
    let good = token(&page);
    for headers in [
        &[kind][..],
        &[kind, ("origin", "https://evil.example")],
        &[kind, ("origin", "null")],
        &[kind, ("origin", ORIGIN), ("sec-fetch-site", "cross-site")],
        &[kind, ("origin", ORIGIN), ("sec-fetch-site", "same-site")],
        &[kind, ("sec-fetch-site", "none")],
        &[kind, ("referer", "https://staff.example/otp-console")],
    ] {
        let response = desk.send("ada", headers, with(&good)).await;
        assert_eq!(response.status(), StatusCode::FORBIDDEN, "{headers:?}");
    }
    let others = token(&text(&desk.get_as("eve", "").await));
    for bad in ["", "AAAA", &others, &good.replace(&good[4..6], "__")] {
        let response = desk.send("ada", OWN, with(bad)).await;
        assert_eq!(response.status(), StatusCode::FORBIDDEN, "{bad}");
    }
    for (headers, body, status) in [
        (&[("origin", ORIGIN)][..], with(&good), StatusCode::UNSUPPORTED_MEDIA_TYPE),
        (OWN, format!("{}&do=lift", with(&good)), StatusCode::BAD_REQUEST),
        (OWN, "a".repeat(16 * 1_024 + 1), StatusCode::PAYLOAD_TOO_LARGE),
    ] {
        assert_eq!(desk.send("ada", headers, body).await.status(), status);
    }
    assert!(desk.entries().await.is_empty() && desk.changes().is_empty());
    assert_eq!(desk.send("ada", OWN, with(&good)).await.status(), StatusCode::SEE_OTHER);
    assert_eq!(desk.entries().await.len(), 1);
}

#[tokio::test]
async fn a_page_that_was_open_too_long_is_looked_at_again_and_keeps_its_text() {
    let desk = desk();
    let old = token(&desk.page().await);
    desk.house.clock.advance(hours(2));
    let fields = [("do", "trust-clock"), ("reason", "the laptop slept"), ("token", &old)];
    let response = desk.send("ada", OWN, encoded(&fields)).await;
    assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let page = text(&response);
    assert!(page.contains("more than two hours") && page.contains("value=\"the laptop slept\""));
    assert!(desk.changes().is_empty());
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
    enter("extend-auto", "country", "DE", &[]).await;
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
    assert!(changes[11].1.contains("lifted: over"), "{:?}", changes[11]);
    assert!(
        changes[12..].iter().all(|(_, change)| change.contains("passport seen")),
        "{changes:?}"
    );
    // The block of a number holds.
    assert!(matches!(desk.house.try_send(BOB, &client(7)).await, Sent::Refused(_)));
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
async fn an_entry_without_a_reason_is_not_made_and_the_text_stays() {
    let desk = desk();
    let fields = |kind, value| {
        [
            ("do", "enter"),
            ("effect", "allow"),
            ("kind", kind),
            ("value", value),
            ("hours", "72"),
            ("purpose", "log-in"),
            ("reason", "  "),
        ]
    };
    let response = desk.post(&fields("prefix", "+4915112")).await;
    assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let page = text(&response);
    for kept in [
        "Give a reason",
        "<option value=\"allow\" selected>",
        "<option value=\"prefix\" selected>",
        "<option value=\"72\" selected>",
        "value=\"+4915112\"",
        "value=\"log-in\"",
    ] {
        assert!(page.contains(kept), "{kept} is gone");
    }
    assert!(desk.entries().await.is_empty());
    // A number and an account are typed again.
    for (kind, value) in [("number", BOB), ("user", "account-4711")] {
        let page = text(&desk.post(&fields(kind, value)).await);
        assert!(!page.contains(value) && !page.contains(value.trim_start_matches('+')), "{kind}");
    }
    let long = "x".repeat(201);
    let response = desk.post(&[("do", "trust-clock"), ("reason", &long)]).await;
    assert!(text(&response).contains(&long), "nobody types 201 letters twice");
    for (kind, value) in
        [("country", BOB), ("network", BOB), ("prefix", BOB), ("number", "0151 1234")]
    {
        let fields = entry("block", kind, value, "1", "r");
        let page = text(&desk.post(&fields).await);
        let words = page.split("Not done.").nth(1).unwrap().split("</p>").next().unwrap();
        assert!(!words.contains("4915798765432") && !words.contains("1234"), "{words}");
    }
}

#[tokio::test]
async fn what_people_write_stays_text() {
    let desk = desk();
    let attack = "\"><script>alert(1)</script><b onclick='x'>&amp;";
    let shown =
        "&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;&lt;b onclick=&#39;x&#39;&gt;&amp;amp;";
    let fields = entry("block", "country", "LV", "24", attack);
    let who = "<i>mallory</i> \"the\" 'op'";
    assert_eq!(desk.post_as(who, &fields).await.status(), StatusCode::SEE_OTHER);
    let page = desk.page().await;
    assert!(page.contains(shown), "the entry's reason");
    assert!(page.contains("&lt;i&gt;mallory&lt;/i&gt; &quot;the&quot; &#39;op&#39;"));
    assert!(!page.contains("<i>") && !page.contains("<script") && !page.contains("<b onclick"));
    // In a form that is shown again, in the second question, and in what a link asks for.
    let kept = text(
        &desk
            .post_as(
                who,
                &[
                    ("do", "enter"),
                    ("kind", "x"),
                    ("value", attack),
                    ("purpose", attack),
                    ("factor", attack),
                    ("reason", attack),
                ],
            )
            .await,
    );
    let asked =
        text(&desk.post_as(who, &[("do", "pause"), ("hours", "1"), ("reason", attack)]).await);
    let query = encoded(&[
        ("effect", attack),
        ("kind", "prefix"),
        ("value", attack),
        ("hours", attack),
        ("refresh", attack),
        ("done", attack),
    ]);
    let linked = text(&desk.get_as("ada", &format!("?{query}")).await);
    for page in [kept, asked, linked] {
        assert!(page.contains("&lt;script&gt;alert(1)"), "it is there, as text");
        assert!(!page.contains("<script") && !page.contains("<b onclick") && !page.contains("<i>"));
    }
}

#[tokio::test]
async fn no_number_code_or_address_is_on_the_page() {
    let desk = attacked().await;
    let mut needles = Needles::new();
    for index in 0..200 {
        needles.number("a person's number", &german(index * 7_919));
        needles.number("a pumped number", &pumped(index));
    }
    for code in desk.house.codes() {
        needles.code("a code", &code);
    }
    needles.number("a blocked number", BOB);
    let fields = entry("block", "number", BOB, "24", "asked us to stop");
    desk.done(&fields, "entered").await;
    let page = desk.page().await;
    assert!(page.contains("Attack: ") && page.contains("+998941"), "{page}");
    assert!(page.contains("asked us to stop") && page.contains("one number (#"));
    let hits = needles.scan(&page);
    assert_eq!(hits, [], "{page}");
}

#[tokio::test]
async fn while_the_store_is_out_the_page_says_so_and_still_shows_what_it_knows() {
    let broken = FailNth::new(MemoryStore::default(), Verb::Tally, 0, StoreErrorKind::Unavailable);
    let desk = desk_with(broken, |builder| builder.policy(quick(Policy::default())));
    let clearance = desk.house.clearance(ALICE).await;
    assert!(desk.house.gate.issue(clearance).await.is_err());
    let response = desk.get_as("ada", "").await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    let page = text(&response);
    assert!(page.contains("Store outage") && page.contains("The store gives no answer"));
    assert!(page.contains("Outage (store)"), "what happened is in the log");
    let pause = desk.post(&[("do", "pause"), ("hours", "1"), ("reason", "r")]).await;
    assert_eq!(pause.status(), StatusCode::OK, "the question needs no store");
    let enter = entry("block", "country", "LV", "1", "keep this text");
    let response = desk.post(&enter).await;
    assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(text(&response).contains("value=\"keep this text\""));
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
    let desk = desk_with(MemoryStore::default(), |builder| {
        let mut policy = quick(Policy::default());
        policy.quotas.block_unverified = None;
        policy.quotas.client_unverified = None;
        policy.quotas.network_unverified = None;
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

/// A burst that is held up before any place is under alarm: it must not look like a calm night.
#[tokio::test]
async fn a_burst_that_is_held_up_is_seen() {
    let desk = desk_with(MemoryStore::default(), |builder| {
        builder.policy(quick(Policy::default())).tuning(Tuning::default())
    });
    assert!(desk.page().await.contains("<p class=\"state good\">Calm</p>"));
    let mut asked = 0;
    for index in 0..60 {
        let who = client(1_000 + index as u32 * 3);
        let sent = desk.house.try_send_for(&pumped(index), &Purpose::SIGN_UP, &who).await;
        asked += u32::from(matches!(sent, Sent::StepUp(_)));
    }
    assert!(asked > 30, "{asked}");
    let page = desk.page().await;
    assert!(page.contains(&format!("Watching: {asked} asked to prove more")), "{page}");
    let words = ["Why clients were asked to prove more", "The last one: pumping: ", "unanswered"];
    for words in words {
        assert!(page.contains(words), "{words}: {page}");
    }
    let mut needles = Needles::new();
    (0..60).for_each(|index| needles.number("a pumped number", &pumped(index)));
    assert_eq!(needles.scan(&page), []);
}

/// Writes the pages into a folder, to look at them in a browser.
#[tokio::test]
async fn pages_to_look_at() {
    let Some(folder) = std::env::var_os("OTPGATE_CONSOLE_PAGES") else { return };
    let folder = std::path::PathBuf::from(folder);
    let empty = desk();
    let attack = attacked().await;
    let page = empty.page().await;
    let style = page.split("href=\"").nth(1).unwrap().split('"').next().unwrap();
    let css = empty.ask(Request::get(style).body(String::new()).unwrap()).await;
    let place = folder.join(style.trim_start_matches('/'));
    std::fs::create_dir_all(place.parent().unwrap()).unwrap();
    std::fs::write(place, css.body()).unwrap();
    let write = |name: &str, page: &str| std::fs::write(folder.join(name), page).unwrap();
    write("empty.html", &page);
    let (why, ada) =
        (Reason::new("pumping since 02:40, ticket 4711").unwrap(), Actor::new("ada").unwrap());
    let controls = attack.house.gate.controls();
    let prefix = Target::Prefix("+99894123".parse().unwrap());
    let until = Some(controls.now() + hours(24));
    controls.enter(prefix, Effect::Block, why.clone(), ada.clone(), until).await.unwrap();
    let number = controls.number(&recipient(BOB));
    controls.enter(number, Effect::Allow, why, ada, None).await.unwrap();
    write("attack.html", &attack.page().await);
    write("kept.html", &text(&attack.post(&entry("block", "prefix", "+99894123", "24", "")).await));
    write(
        "question.html",
        &text(
            &attack
                .post(&[
                    ("do", "pause"),
                    ("hours", "2"),
                    ("reason", "toll fraud since 02:40, ticket 4711"),
                ])
                .await,
        ),
    );
    write("trainee.html", &text(&attack.get_as("bob-trainee", "").await));
    attack.house.clock.advance(minutes(100));
    write("calm.html", &attack.page().await);
}
