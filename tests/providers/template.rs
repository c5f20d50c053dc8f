//! Providers that a template describes: those of `docs/providers.md`, and what a template may say.

use otpgate::SmsTransport;
use otpgate::http::{BaseUrl, CredentialError, ReqwestClient, SecretText};
use otpgate::testing::transport::Received;
use otpgate::transport::template::{HttpTemplate, HttpTransport};
use otpgate::transport::{ErrorRow, HandoffErrorKind, OutboundSms, Price};
use serde_json::{Value, json};

use crate::adapter::{Adapter, client, registered, sms};
use crate::wire::recorded;
use support::http_server::{Answer, LocalServer, Play, Seen};

mod receipts;

const OWN_KEY: &str = "AQEBAQEBAQEBAQEBAQEBAQ";
const SECRET: &str = "invented-password";

/// The template of the page with this name.
fn text(name: &str) -> String {
    let page = std::fs::read_to_string(crate::docs::PAGE).unwrap();
    let named = format!("name = \"{name}\"\n");
    let blocks = page.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    blocks.filter(|block| block.starts_with(&named)).map(str::to_owned).next().unwrap()
}

fn template(name: &str) -> HttpTemplate {
    toml::from_str(&text(name)).unwrap()
}

/// Both a user name and a password, as `wire.json` has them or not.
fn transport(
    name: &str,
    base: BaseUrl,
    client: ReqwestClient,
    secrets: fn(&str) -> &str,
) -> HttpTransport {
    let secrets = move |name: &str| Ok::<_, CredentialError>(SecretText::new(secrets(name)));
    HttpTransport::builder(template(name), secrets)
        .client(client)
        .base_url(base)
        .senders("Acme".to_owned())
        .build()
        .unwrap()
}

/// As [`transport`], with receipts to this address.
pub fn with_callback(name: &str, base: BaseUrl, callback: &str) -> HttpTransport {
    HttpTransport::builder(template(name), |_| Ok(SecretText::new(SECRET)))
        .client(client())
        .base_url(base)
        .senders("Acme".to_owned())
        .callback(callback.parse().unwrap())
        .build()
        .unwrap()
}

fn boxed(name: &str, base: BaseUrl, client: ReqwestClient) -> Box<dyn SmsTransport> {
    Box::new(transport(name, base, client, |_| SECRET))
}

fn errors(name: &str) -> &'static [ErrorRow] {
    Box::leak(template(name).errors().into())
}

fn at(seen: &Seen, pointer: &str) -> Option<String> {
    let body: Value = serde_json::from_str(&seen.text()).unwrap();
    body.pointer(pointer)?.as_str().map(Into::into)
}

fn status(row: &ErrorRow) -> Option<Answer> {
    row.code.strip_prefix("HTTP ").map(|status| Answer::html(status.parse().unwrap()))
}

mod clicksend {
    use super::*;

    adapter_tests!(adapter());

    fn adapter() -> Adapter {
        Adapter {
            name: "clicksend",
            make: |base, client| boxed("clicksend", base, client),
            read: |seen| {
                let text = |name: &str| at(seen, &format!("/messages/0/{name}"));
                Received::new(text("to").unwrap(), text("body").unwrap(), text("custom_string"))
            },
            accepted: || answer("SUCCESS"),
            refused_number: || answer("INVALID_RECIPIENT"),
            refused_account: || Answer::json(401, r#"{"response_code":"UNAUTHORIZED"}"#),
            throttled: || Answer::json(429, r#"{"response_code":"TOO_MANY"}"#),
            errors: errors("clicksend"),
            error: |row| status(row).unwrap_or_else(|| answer(row.code)),
            secrets: &[SECRET],
        }
    }

    /// As documented for a text that was sent or not.
    fn answer(word: &str) -> Answer {
        let message = json!({
            "direction": "out", "to": "+15550100", "body": "…", "from": "Acme", "status": word,
            "message_id": "BF7AD270-0DE2-418B-B606-71D527D9C1AE", "message_parts": 2,
            "message_price": "0.1540", "custom_string": OWN_KEY, "country": "US",
        });
        let body = json!({
            "http_code": 200, "response_code": "SUCCESS", "response_msg": "Here are your data.",
            "data": { "total_price": 0.154, "total_count": 1, "queued_count": 1,
                      "messages": [message], "_currency": { "currency_name_short": "AUD" } },
        });
        Answer::json(200, body.to_string())
    }

    #[tokio::test]
    async fn the_request_is_the_sdks() {
        let server = LocalServer::answering(answer("SUCCESS"));
        let secrets = |name: &str| if name == "username" { "u" } else { "k" };
        let clicksend = transport("clicksend", server.base_url(), client(), secrets);
        let handoff = clicksend.hand_off(&sms()).await.unwrap();
        for sdk in ["clicksend@5.1.7 npm", "clicksend-client 6.0.2 PyPI"] {
            let ours = [("messages.0.from", "Acme"), ("messages.0.custom_string", OWN_KEY)];
            recorded(sdk, "/v3/sms/send").assert_covers(&server.seen()[0], &ours);
        }
        let id = handoff.message_id.as_deref();
        assert_eq!(id, Some("BF7AD270-0DE2-418B-B606-71D527D9C1AE"));
        assert_eq!((handoff.provider, handoff.segments), (Some("clicksend"), Some(2)));
        assert_eq!(handoff.price, Price::from_micros(154_000, "AUD"));
        assert!(handoff.receipts_by_id);
    }
}

mod africastalking {
    use super::*;

    adapter_tests!(adapter());

    fn adapter() -> Adapter {
        Adapter {
            name: "africastalking",
            make: |base, client| boxed("africastalking", base, client),
            read: |seen| {
                let field = |name| seen.form(name).unwrap();
                Received::new(field("to"), field("message"), None)
            },
            accepted: || answer("101"),
            refused_number: || answer("403"),
            refused_account: || Answer::new(401).body("The supplied authentication is invalid"),
            throttled: || Answer::new(429),
            errors: errors("africastalking"),
            error: |row| status(row).unwrap_or_else(|| answer(row.code)),
            secrets: &[SECRET],
        }
    }

    /// As documented for one recipient, or for none.
    fn answer(code: &str) -> Answer {
        let recipients = match code.parse::<u16>() {
            Ok(code) => json!([{
                "statusCode": code, "number": "+254711000000", "status": "…", "messageParts": 1,
                "cost": "KES 0.8000", "messageId": "ATPid_SampleTxnId123",
            }]),
            Err(_) => json!([]),
        };
        let word = if code == "[]" { "Sent to 0/1 Total Cost: 0" } else { code };
        let body = json!({ "SMSMessageData": { "Message": word, "Recipients": recipients } });
        Answer::json(201, body.to_string())
    }

    #[tokio::test]
    async fn the_request_is_the_sdks() {
        let server = LocalServer::answering(answer("102"));
        let at = transport("africastalking", server.base_url(), client(), |_| "key");
        let kenyan = OutboundSms::for_test("+254711000000", crate::adapter::TEXT, [1; 16]);
        let handoff = at.hand_off(&kenyan).await.unwrap();
        let seen = &server.seen()[0];
        for sdk in ["africastalking 2.0.3 PyPI", "africastalking@0.8.3 npm"] {
            let sdk = recorded(sdk, "/version1/messaging").without_charset();
            sdk.assert_covers(seen, &[("from", "Acme")]);
            assert_eq!((seen.header("apikey"), sdk.header("apikey")), (Some("key"), Some("key")));
        }
        assert_eq!(handoff.message_id.as_deref(), Some("ATPid_SampleTxnId123"));
        assert_eq!(
            (handoff.segments, handoff.price),
            (Some(1), Price::from_micros(800_000, "KES"))
        );
    }
}

mod messente {
    use super::*;

    adapter_tests!(adapter());

    fn adapter() -> Adapter {
        Adapter {
            name: "messente",
            make: |base, client| boxed("messente", base, client),
            read: |seen| {
                let text = at(seen, "/messages/0/text").unwrap();
                Received::new(at(seen, "/to").unwrap(), text, None)
            },
            accepted: || Answer::json(201, ACCEPTED),
            refused_number: || error("105"),
            refused_account: || error("103"),
            throttled: || Answer::new(429),
            errors: errors("messente"),
            error: |row| status(row).unwrap_or_else(|| error(row.code)),
            secrets: &[SECRET],
        }
    }

    const ACCEPTED: &str = r#"{"messages":[{"channel":"sms","message_id":"6a2c4b1e","sender":"Acme"}],
        "omnimessage_id":"5e9f3d1c","to":"+15550100"}"#;

    fn error(code: &str) -> Answer {
        let status = match code {
            "101" => 404,
            "102" => 403,
            "103" => 401,
            "104" => 500,
            "107" => 405,
            _ => 400,
        };
        let error = json!({ "code": code, "title": "…", "detail": "+15550100", "source": "to" });
        Answer::json(status, json!({ "errors": [error] }).to_string())
    }

    #[tokio::test]
    async fn the_request_is_the_sdks() {
        let server = LocalServer::answering(Answer::json(201, ACCEPTED));
        let secrets = |name: &str| if name == "username" { "u" } else { "p" };
        let messente = transport("messente", server.base_url(), client(), secrets);
        let handoff = messente.hand_off(&sms()).await.unwrap();
        recorded("messente-api 2.7.0 PyPI", "/v1/omnimessage").assert_same(&server.seen()[0], &[]);
        assert_eq!(handoff.message_id.as_deref(), Some("6a2c4b1e"));
        assert!(!handoff.receipts_by_id);
        let secrets = |_: &str| Ok(SecretText::new("s"));
        let messente = HttpTransport::builder(template("messente"), secrets)
            .client(client())
            .base_url(server.base_url())
            .senders("Acme".to_owned())
            .callback("https://hooks.example.com/s".parse().unwrap())
            .build()
            .unwrap();
        messente.hand_off(&sms()).await.unwrap();
        let url = at(&server.seen()[1], "/dlr_url");
        assert_eq!(url, Some(format!("https://hooks.example.com/s?otpgate={OWN_KEY}")));
    }
}

mod sinch {
    use super::*;

    adapter_tests!(adapter());

    fn adapter() -> Adapter {
        Adapter {
            name: "sinch",
            make: |base, client| boxed("sinch", base, client),
            read: |seen| {
                let text = at(seen, "/body").unwrap();
                Received::new(at(seen, "/to/0").unwrap(), text, at(seen, "/client_reference"))
            },
            accepted: || Answer::json(201, ACCEPTED),
            refused_number: || error("syntax_invalid_parameter_format"),
            refused_account: || Answer::json(401, r#"{"code":"unauthorized","text":"…"}"#),
            throttled: || Answer::new(429),
            errors: errors("sinch"),
            error: |row| status(row).unwrap_or_else(|| error(row.code)),
            secrets: &[SECRET],
        }
    }

    const ACCEPTED: &str = r#"{"id":"01FC66621XXXXX119Z8PMV1QPQ","to":["15550100"],
        "from":"15550101","canceled":false,"body":"…","type":"mt_text"}"#;

    fn error(code: &str) -> Answer {
        let status = if code.starts_with("syntax") { 400 } else { 403 };
        Answer::json(status, json!({ "code": code, "text": "of +15550100" }).to_string())
    }

    /// HTTP 403 has several causes, and only one of them fails every text.
    #[tokio::test]
    async fn a_403_says_why() {
        use HandoffErrorKind::{NotSent, Refused};
        for (code, kind, alert, every_text) in [
            ("blocked_account", NotSent, true, true),
            ("unknown_campaign", NotSent, true, false),
            ("missing_callback_url", NotSent, true, false),
            ("illegal_number_type", Refused, false, false),
            ("of_tomorrow", NotSent, true, false),
        ] {
            let server = LocalServer::answering(error(code));
            let sinch = transport("sinch", server.base_url(), client(), |_| SECRET);
            let error = sinch.hand_off(&sms()).await.unwrap_err();
            let found = (error.kind(), error.needs_operator(), error.fails_every_text());
            assert_eq!(found, (kind, alert, every_text), "{code}: {error}");
            assert_eq!(error.number_fault(), None, "{code}");
        }
    }

    /// As that for Node.js with a token of the service plan; with a project's keys it fetches one first.
    #[tokio::test]
    async fn the_request_is_the_sdks() {
        let server = LocalServer::answering(Answer::json(201, ACCEPTED));
        let ours = [("client_reference", OWN_KEY), ("delivery_report", "per_recipient")];
        for (sdk, plan, token) in [
            ("@sinch/sms@1.4.0 npm", "sp1", "tok"),
            ("@sinch/sms@1.4.0 npm, project keys", "pr1", "invented.token.value"),
        ] {
            let template: HttpTemplate =
                toml::from_str(&text("sinch").replace("my-plan", plan)).unwrap();
            let sinch = HttpTransport::builder(template, move |_| Ok(SecretText::new(token)))
                .client(client())
                .base_url(server.base_url())
                .senders("+15550101".to_owned())
                .build()
                .unwrap();
            let handoff = sinch.hand_off(&sms()).await.unwrap();
            assert_eq!(handoff.message_id.as_deref(), Some("01FC66621XXXXX119Z8PMV1QPQ"));
            let seen = server.seen().pop().unwrap();
            recorded(sdk, &format!("/xms/v1/{plan}/batches")).assert_covers(&seen, &ours);
        }
    }
}

mod messagebird {
    use super::*;

    adapter_tests!(adapter());

    fn adapter() -> Adapter {
        Adapter {
            name: "messagebird",
            make: |base, client| boxed("messagebird", base, client),
            read: |seen| {
                let text = at(seen, "/body").unwrap();
                Received::new(at(seen, "/recipients").unwrap(), text, None)
            },
            accepted: || Answer::json(201, ACCEPTED),
            refused_number: || error("9"),
            refused_account: || error("2"),
            throttled: || Answer::new(429),
            errors: errors("messagebird"),
            error: |row| status(row).unwrap_or_else(|| error(row.code)),
            secrets: &[SECRET],
        }
    }

    const ACCEPTED: &str = r#"{"id":"e8077d803532c0b5937c639b60216938","direction":"mt","type":"sms",
        "originator":"Acme","body":"…","recipients":{"totalSentCount":1,"items":[
        {"recipient":15550100,"status":"sent","messagePartCount":1}]}}"#;

    fn error(code: &str) -> Answer {
        let code: u64 = code.parse().unwrap();
        let error = json!({ "code": code, "description": "of +15550100", "parameter": null });
        let status = if code == 2 { 401 } else { 422 };
        Answer::json(status, json!({ "errors": [error] }).to_string())
    }

    #[tokio::test]
    async fn the_request_is_the_sdks() {
        let server = LocalServer::answering(Answer::json(201, ACCEPTED));
        let bird = transport("messagebird", server.base_url(), client(), |_| "live_key");
        let handoff = bird.hand_off(&sms()).await.unwrap();
        let id = handoff.message_id.as_deref();
        assert_eq!(id, Some("e8077d803532c0b5937c639b60216938"));
        for sdk in ["messagebird@4.0.1 npm", "messagebird 2.2.0 PyPI"] {
            recorded(sdk, "/messages")
                .without_charset()
                .assert_covers(&server.seen()[0], &[("datacoding", "auto")]);
        }
    }
}

/// A template with `change` made to a good one.
fn changed(change: impl FnOnce(&mut Value)) -> Result<HttpTemplate, serde_json::Error> {
    let mut template = json!({
        "name": "example",
        "request": {
            "method": "POST", "url": "https://api.example.com/v1", "bearer": "{secret.key}",
            "json": { "to": "{number}", "text": "{text}" },
        },
        "answer": { "success": [200], "id": "/id", "code": ["/code"] },
        "error": [{ "code": "1", "kind": "refused", "meaning": "m", "remedy": "r" }],
    });
    change(&mut template);
    serde_json::from_value(template)
}

#[test]
fn a_mistake_names_its_key_and_never_its_value() {
    changed(|_| {}).unwrap();
    let set = |pointer: &'static str, value: Value| {
        changed(move |template| {
            let (parent, name) = pointer.rsplit_once('/').unwrap();
            template.pointer_mut(parent).unwrap()[name] = value;
        })
    };
    let no = |pointer: &'static str| set(pointer, Value::Null);
    let in_xml = |text: &'static str| {
        changed(move |template| {
            template["request"]["json"] = Value::Null;
            template["request"]["xml"] = json!(text);
        })
    };
    in_xml("<m><t key='{key}'>{text}</t><to token=''>{number}</to><secret><a>1</a></secret></m>")
        .unwrap();
    let hush = "hush-1234";
    for (key, result) in [
        ("name", no("/name")),
        ("name", set("/name", json!("Example!"))),
        ("request", no("/request")),
        ("answer", no("/answer")),
        ("request.method", no("/request/method")),
        ("request.method", set("/request/method", json!("PUT"))),
        ("request.method", set("/request/method", json!("GET"))),
        ("request.url", no("/request/url")),
        ("request.url", set("/request/url", json!("http://api.example.com/v1"))),
        ("request.url", set("/request/url", json!("https://{region}.example.com/v1"))),
        ("request.url", set("/request/url", json!("https://{secret.host}/v1"))),
        ("request.url", set("/request/url", json!("https://u:hush-1234@example.com/v1"))),
        ("request.url", set("/request/url", json!("https://api.example.com/v1?to={number}"))),
        ("request.url", set("/request/url", json!("https://api.example.com/{secret.key}"))),
        ("request.url", set("/request/url", json!("https://api.example.com/{text}"))),
        ("request.url", set("/request/url", json!("https://api.example.com/{nubmer}"))),
        ("request.bearer", set("/request/bearer", json!(hush))),
        ("request.basic.password", set("/request/basic", json!({ "user": "u", "password": hush }))),
        ("request.bearer", set("/request/basic", json!({ "user": "u", "password": "{secret.p}" }))),
        ("request.headers.X-Api-Key", set("/request/headers", json!({ "X-Api-Key": hush }))),
        ("request.headers.host", set("/request/headers", json!({ "host": "evil.example" }))),
        ("request.headers.a b", set("/request/headers", json!({ "a b": "c" }))),
        ("request.headers.a", set("/request/headers", json!({ "a": "{text}" }))),
        ("request.headers.a", set("/request/headers", json!({ "a": "b\r\nc: d" }))),
        ("request.query.api_token", set("/request/query", json!({ "api_token": hush }))),
        ("request.json.api_key", set("/request/json", json!({ "api_key": hush }))),
        ("request.json.a.0.Password", set("/request/json", json!({ "a": [{ "Password": 1234 }] }))),
        ("request.json.token", set("/request/json", json!({ "token": [hush] }))),
        ("request.xml.apiKey", in_xml("<m><s:apiKey>hush-1234</s:apiKey><t>{text}</t></m>")),
        ("request.xml.token", in_xml("<m><t token='hush-1234'>{text}{number}</t></m>")),
        ("request", set("/request/form", json!({ "to": "{number}" }))),
        ("request.json", set("/request/json", json!("{text} {number}"))),
        ("request.json.a.0", set("/request/json", json!({ "a": ["{"] }))),
        ("request", set("/request/json", json!({ "to": "{number}" }))),
        ("request", set("/request/json", json!({ "text": "{text}" }))),
        ("answer.format", set("/answer/format", json!("yaml"))),
        ("answer.success", set("/answer/success", json!([]))),
        ("answer.success", set("/answer/success", json!([200, 401]))),
        ("answer.id", no("/answer/id")),
        ("answer.id", set("/answer/id", json!("id"))),
        ("answer.code", set("/answer/code", json!(["code"]))),
        ("answer.accepted.is", set("/answer/accepted", json!({ "at": "/s", "is": [] }))),
        ("answer.accepted.at", set("/answer/accepted", json!({ "at": "s", "is": ["OK"] }))),
        ("answer.currency", set("/answer/currency", json!("euro"))),
        ("error.0.kind", set("/error/0/kind", json!("retry"))),
        ("error.0.code", set("/error/0/code", json!("HTTP 200"))),
        ("error.0.code", set("/error/0/code", json!(""))),
        ("error.0.meaning", set("/error/0/meaning", json!("a\nb"))),
        ("error.0.number", set("/error/0/number", json!("gone"))),
        (
            "error.0.one_text",
            changed(|template| {
                template["error"][0]["one_text"] = json!(true);
                template["error"][0]["every_text"] = json!(true);
            }),
        ),
        (
            "error.1.code",
            changed(|template| {
                let row = template["error"][0].clone();
                template["error"].as_array_mut().unwrap().push(row);
            }),
        ),
    ] {
        let error = result.expect_err(key).to_string();
        assert!(error.starts_with(&format!("the template's `{key}`: ")), "{key}: {error}");
        assert!(!error.contains("hush"), "{error}");
    }
    // What serde says names the key, and those that there are.
    let error = set("/request/ulr", json!("https://a.example")).unwrap_err().to_string();
    assert!(error.contains("`ulr`") && error.contains("`url`"), "{error}");
    let number = set("/error/0/number", json!("invalid"));
    assert!(number.is_ok());
}

#[test]
fn every_mistake_in_toml_has_a_line() {
    let good = text("messente");
    let wrong = good.replace("success = [201]", "success = 201");
    let error = toml::from_str::<HttpTemplate>(&wrong).unwrap_err().to_string();
    assert!(error.contains("success") && error.contains("line"), "{error}");
}

fn built(template: HttpTemplate, base: BaseUrl) -> HttpTransport {
    let secrets = |name: &str| Ok(SecretText::new(format!("<{name}>&")));
    HttpTransport::builder(template, secrets).client(client()).base_url(base).build().unwrap()
}

#[tokio::test]
async fn a_get_with_a_query_and_an_answer_in_words() {
    let template: HttpTemplate = toml::from_str(
        r#"
        name = "words"
        [request]
        method = "GET"
        url = "https://sms.example.com/send/{region}"
        query = { user = "{secret.user}", to = "{digits}", text = "{text}", cb = "{callback}" }
        [answer]
        format = "words"
        success = [200]
        accepted = { at = "/0", is = ["OK"] }
        id = "/1"
        code = ["/1"]
        retry_after = "/2"
        [[error]]
        code = "7"
        kind = "not-sent"
        meaning = "too many requests"
        remedy = "send fewer"
        [[error]]
        code = "9"
        kind = "indeterminate"
        meaning = "the handset is off"
        remedy = "wait"
        one_text = true
        "#,
    )
    .unwrap();
    let server = LocalServer::plain();
    server.next(Play::Answer(Answer::new(200).body("OK: 12345\n")));
    server.next(Play::Answer(Answer::new(200).body("ERR 7 30")));
    server.next(Play::Answer(Answer::new(200).body("ERR 8 30")));
    server.next(Play::Answer(Answer::new(200).body("ERR 9 30")));
    let words = built(template, server.base_url());
    let german = OutboundSms::for_test("+4915123456789", crate::adapter::TEXT, [1; 16]);
    let handoff = words.hand_off(&german).await.unwrap();
    assert_eq!(handoff.message_id.as_deref(), Some("12345"));
    let error = words.hand_off(&german).await.unwrap_err();
    assert_eq!(error.kind(), HandoffErrorKind::NotSent);
    assert_eq!(error.pause(), Some(std::time::Duration::from_secs(30)));
    let error = words.hand_off(&german).await.unwrap_err();
    assert_eq!(error.kind(), HandoffErrorKind::Indeterminate, "no row knows it");
    assert!(!error.tells_of_one_text());
    assert!(words.hand_off(&german).await.unwrap_err().tells_of_one_text());
    let seen = &server.seen()[0];
    assert_eq!((&*seen.method, seen.text()), ("GET", String::new()));
    let (path, query) = seen.target.split_once('?').unwrap();
    assert_eq!(path, "/send/DE");
    let fields: Vec<_> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let expected = [("text", crate::adapter::TEXT), ("to", "4915123456789"), ("user", "<user>&")];
    assert_eq!(fields, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    assert!(!format!("{words:?}").contains("&"), "Debug shows no secret");
}

#[tokio::test]
async fn xml_both_ways_with_a_registration() {
    let template: HttpTemplate = toml::from_str(
        r#"
        name = "xml"
        [request]
        method = "POST"
        url = "https://sms.example.com/xml"
        headers = { x-entity = "{entity}", x-key = "{secret.key}" }
        xml = '<sms key="{key}"><to>{digits}</to><text>{text}</text></sms>'
        [answer]
        format = "xml"
        success = [200]
        accepted = { at = "/response/@status", is = ["0"] }
        id = "/response/message/id"
        code = ["/response/@status"]
        price = "/response/message/price"
        currency = "EUR"
        "#,
    )
    .unwrap();
    let server = LocalServer::plain();
    let answer =
        "<response status='0'><message><id>m-1</id><price>0.05</price></message></response>";
    server.always(Play::Answer(Answer::xml(200, answer)));
    let xml = built(template, server.base_url());
    let handoff = xml.hand_off(&registered()).await.unwrap();
    assert_eq!(handoff.message_id.as_deref(), Some("m-1"));
    assert_eq!(handoff.price, Price::from_micros(50_000, "EUR"));
    xml.hand_off(&sms()).await.unwrap();
    let seen = server.seen();
    assert_eq!(seen[0].header("x-entity"), Some("1201159409941345107"));
    assert_eq!((seen[1].header("x-entity"), seen[1].header("x-key")), (None, Some("<key>&")));
    let text = "<text>Your code is 123456 € &amp; =+%</text>";
    assert!(seen[1].text().contains(text), "{}", seen[1].text());
    let odd = OutboundSms::for_test("+15550100", "form feed: \u{c}", [1; 16]);
    let error = xml.hand_off(&odd).await.unwrap_err();
    assert_eq!(error.kind(), HandoffErrorKind::NotSent);
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test]
async fn secrets_are_asked_for_each_text_and_an_empty_one_sends_nothing() {
    use std::sync::{Arc, Mutex};
    let current = Arc::new(Mutex::new("first"));
    let source = current.clone();
    let server = LocalServer::answering(Answer::json(200, r#"{"id":"1"}"#));
    let template = changed(|_| {}).unwrap();
    assert_eq!(template.secrets(), ["key"]);
    let secrets = move |_: &str| Ok(SecretText::new(*source.lock().unwrap()));
    let example = HttpTransport::builder(template, secrets)
        .client(client())
        .base_url(server.base_url())
        .build()
        .unwrap();
    example.hand_off(&sms()).await.unwrap();
    *current.lock().unwrap() = "second";
    example.hand_off(&sms()).await.unwrap();
    *current.lock().unwrap() = "";
    let error = example.hand_off(&sms()).await.unwrap_err();
    assert_eq!((error.kind(), error.needs_operator()), (HandoffErrorKind::NotSent, true));
    assert!(error.to_string().starts_with("example: "), "{error}");
    let seen = server.seen();
    let sent: Vec<_> = seen.iter().map(|seen| seen.header("authorization").unwrap()).collect();
    assert_eq!(sent, ["Bearer first", "Bearer second"]);
}

#[test]
fn a_sender_is_set_where_the_template_has_one() {
    let template = changed(|template| template["request"]["json"]["from"] = json!("{sender}"));
    let template = template.unwrap();
    let builder =
        || HttpTransport::builder(template.clone(), |_| Ok(SecretText::new("k"))).client(client());
    assert!(builder().build().is_err());
    assert!(builder().senders("Acme".to_owned()).build().is_ok());
    for bad in ["", "a\nb", "longer than twenty characters"] {
        assert!(builder().senders(bad.to_owned()).build().is_err(), "{bad}");
    }
}
