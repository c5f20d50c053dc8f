//! AWS: End User Messaging and SNS.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use otpgate::http::{BaseUrl, ClientFn, CredentialError, Credentials, HttpResponse, ReqwestClient};
use otpgate::message::Registration;
use otpgate::testing::ManualClock;
use otpgate::testing::transport::Received;
use otpgate::transport::aws::{
    Account, ERRORS, EndUserMessaging, NAME, SNS_ERRORS, SNS_NAME, Sender, Sns, SnsSender,
};
use otpgate::transport::{
    CircuitBreaker, ErrorRow, HandoffErrorKind, NumberFault, OutboundSms, Senders,
};
use otpgate::{Money, Region, SmsTransport, Timestamp};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::adapter::{Adapter, client, registered, sms};
use support::http_server::{Answer, LocalServer, Play, Seen};

/// Not that of `wire.json`, which stands in AWS's own documentation.
const SECRET: &str = "invented-secret-access-key";
const TOKEN: &str = "invented-session-token";
/// 2026-11-27T18:58:46Z, when `wire.json` was recorded.
const RECORDED: u64 = 1_795_805_926_000;

mod end_user_messaging {
    use super::*;

    pub(super) const ADAPTER: Adapter = Adapter {
        name: NAME,
        make: |base, client| {
            let account = Account::new("AKIDEXAMPLE", SECRET).unwrap();
            let account = account.with_session_token(TOKEN).unwrap();
            let builder = EndUserMessaging::builder(account, "us-east-1", Sender::identity("pool"));
            let builder = builder.configuration_set("codes").client(client).base_url(base);
            Box::new(builder.build().unwrap())
        },
        read: |seen| {
            let body = body(seen);
            let text = |value: &Value| value.as_str().map(str::to_owned);
            let (to, text_of) = (text(&body["DestinationPhoneNumber"]), text(&body["MessageBody"]));
            Received::new(to.unwrap(), text_of.unwrap(), text(&body["Context"]["otpgate"]))
        },
        accepted: || Answer::json(200, r#"{"MessageId":"3f2a1b5c-invented"}"#),
        refused_number: || error(400, "ConflictException/DESTINATION_PHONE_NUMBER_OPTED_OUT"),
        refused_account: || error(400, "UnrecognizedClientException"),
        throttled: || error(400, "ThrottlingException"),
        errors: ERRORS,
        error: answer,
        secrets: &[SECRET, TOKEN],
    };

    adapter_tests!(ADAPTER);

    fn answer(row: &ErrorRow) -> Answer {
        answer_of(row, error)
    }
}

mod sns {
    use super::*;

    pub(super) const ADAPTER: Adapter = Adapter {
        name: SNS_NAME,
        make: |base, client| {
            let account = Account::new("AKIDEXAMPLE", SECRET).unwrap();
            let account = account.with_session_token(TOKEN).unwrap();
            let builder = Sns::builder(account, "us-east-1", SnsSender::named("Example"));
            Box::new(builder.client(client).base_url(base).build().unwrap())
        },
        read: |seen| {
            Received::new(seen.form("PhoneNumber").unwrap(), seen.form("Message").unwrap(), None)
        },
        accepted: || Answer::xml(200, PUBLISHED),
        refused_number: || sns_error(400, "InvalidParameter"),
        refused_account: || sns_error(403, "InvalidClientTokenId"),
        throttled: || sns_error(400, "Throttling"),
        errors: SNS_ERRORS,
        error: |row| answer_of(row, sns_error),
        secrets: &[SECRET, TOKEN],
    };

    adapter_tests!(ADAPTER);
}

/// As documented for `Publish`.
const PUBLISHED: &str = r#"<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/">
  <PublishResult><MessageId>567910cd-659e-55d4-8ccb-5aaf14679dc0</MessageId></PublishResult>
  <ResponseMetadata><RequestId>d74b8436-ae13-5ab4-a9ff-ce54dfea72a0</RequestId></ResponseMetadata>
</PublishResponse>"#;

fn answer_of(row: &ErrorRow, error: fn(u16, &str) -> Answer) -> Answer {
    match row.code.strip_prefix("HTTP ") {
        Some(status) => Answer::html(status.parse().unwrap()),
        None if row.kind == HandoffErrorKind::Indeterminate => error(500, row.code),
        None => error(400, row.code),
    }
}

/// `exception/reason/field`, as AWS's JSON protocol writes it.
fn error(status: u16, code: &str) -> Answer {
    let mut parts = code.split('/');
    let kind = format!("com.amazonaws.pinpointsmsvoicev2#{}", parts.next().unwrap());
    let mut body = json!({ "__type": kind, "Message": "The number +15550100 is wrong" });
    if let Some(reason) = parts.next() {
        body["Reason"] = json!(reason);
    }
    if let Some(field) = parts.next() {
        body["Fields"] = json!([
            { "Name": "Other", "Message": "…" }, { "Name": field, "Message": "+15550100" },
        ]);
    }
    Answer::json(status, body.to_string())
}

fn sns_error(status: u16, code: &str) -> Answer {
    let body = format!(
        r#"<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><Error><Type>Sender</Type>
           <Code>{code}</Code><Message>The number +15550100 is wrong</Message></Error>
           <RequestId>9dd01905-5012-5f99-8663-4b3ecd0dfaef</RequestId></ErrorResponse>"#
    );
    Answer::xml(status, body)
}

fn body(seen: &Seen) -> Value {
    serde_json::from_str(&seen.text()).unwrap()
}

fn recorded_account() -> Account {
    Account::new("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY").unwrap()
}

fn clock() -> ManualClock {
    ManualClock::new(Timestamp::from_millis(RECORDED))
}

fn recorded_messaging(base: BaseUrl, client: ReqwestClient) -> EndUserMessaging {
    EndUserMessaging::builder(recorded_account(), "us-east-1", Sender::of_account())
        .client(client)
        .base_url(base)
        .clock(clock())
        .build()
        .unwrap()
}

#[tokio::test]
async fn a_country_that_is_too_dear_shuts_no_other() {
    let code = "ValidationException/PRICE_OVER_THRESHOLD";
    let server = LocalServer::answering(error(400, code));
    let messaging = recorded_messaging(server.base_url(), client());
    let breaker = CircuitBreaker::new(messaging, Arc::new(clock()));
    for _ in 0..20 {
        let refused = breaker.hand_off(&sms()).await.unwrap_err();
        assert_eq!(
            (refused.kind(), refused.provider_code()),
            (HandoffErrorKind::NotSent, Some(code))
        );
        assert!(refused.needs_operator(), "{refused}");
    }
    assert!(!breaker.is_open());
}

#[tokio::test]
async fn the_requests_are_the_sdks() {
    let server = LocalServer::plain();
    server.next(Play::Answer((end_user_messaging::ADAPTER.accepted)()));
    recorded_messaging(server.base_url(), client()).hand_off(&sms()).await.unwrap();
    server.next(Play::Answer((sns::ADAPTER.accepted)()));
    let sns = Sns::builder(recorded_account(), "us-east-1", SnsSender::of_account());
    let sns = sns.client(client()).base_url(server.base_url()).clock(clock()).build().unwrap();
    sns.hand_off(&sms()).await.unwrap();
    let seen = server.seen();
    for (seen, sdks) in [
        (&seen[0], ["@aws-sdk/client-pinpoint-sms-voice-v2@3.1138.0 npm", "boto3 1.44.8 PyPI"]),
        (&seen[1], ["@aws-sdk/client-sns@3.1169.0 npm", "boto3 1.44.8 PyPI"]),
    ] {
        let target = seen.header("x-amz-target");
        for sdk in sdks {
            let recorded = recorded_at(sdk, target);
            // The signature has its own tests: it covers the host, which is another one here.
            recorded.assert_same_body(seen, &[]);
            assert_eq!((&seen.method, &seen.target), (&recorded.method, &recorded.path), "{sdk}");
            let kind = seen.header("content-type").unwrap();
            assert!(kind.starts_with(recorded.content_type.as_deref().unwrap()), "{sdk}");
        }
    }
}

/// boto3 has both services in one recording, told apart by the target.
fn recorded_at(sdk: &str, target: Option<&str>) -> crate::wire::Recorded {
    let all = crate::wire::recorded_all(sdk, "/");
    let mut found = all.into_iter().filter(|one| one.header("x-amz-target") == target);
    found.next().unwrap_or_else(|| panic!("{sdk} {target:?} is not recorded"))
}

/// The same bytes and the same signature as boto3's.
#[tokio::test]
async fn sns_reproduces_the_recorded_signature() {
    let sent = Arc::new(Mutex::new(None));
    let kept = sent.clone();
    let client = ClientFn::new("kept", move |request| {
        *kept.lock().unwrap() = Some(request);
        async { Ok(HttpResponse::new(200).with_body(PUBLISHED.as_bytes())) }
    });
    let sns = Sns::builder(recorded_account(), "us-east-1", SnsSender::of_account());
    let handoff = sns.client(client).clock(clock()).build().unwrap().hand_off(&sms()).await;
    let id = handoff.unwrap().message_id;
    assert_eq!(id.as_deref(), Some("567910cd-659e-55d4-8ccb-5aaf14679dc0"));
    let request = sent.lock().unwrap().take().unwrap();
    let recorded = recorded_at("boto3 1.44.8 PyPI", None);
    assert_eq!(request.url(), "https://sns.us-east-1.amazonaws.com/");
    assert_eq!(request.expose_body(), recorded.body.as_bytes());
    for name in ["content-type", "x-amz-date", "authorization"] {
        assert_eq!(request.header(name), recorded.header(name), "{name}");
    }
}

/// Signature version 4, written again from AWS's description.
fn signature(seen: &Seen, secret: &str) -> (String, String) {
    let authorization = seen.header("authorization").unwrap();
    let part = |name: &str| {
        let (_, rest) = authorization.split_once(&format!("{name}=")).unwrap();
        rest.split(',').next().unwrap().to_owned()
    };
    let (credential, signed) = (part("Credential"), part("SignedHeaders"));
    let headers: String = signed
        .split(';')
        .map(|name| format!("{name}:{}\n", seen.header(name).unwrap().trim()))
        .collect();
    let hash = hex(&Sha256::digest(&seen.body));
    let canonical = format!("{}\n{}\n\n{headers}\n{signed}\n{hash}", seen.method, seen.target);
    let (_, scope) = credential.split_once('/').unwrap();
    let date = seen.header("x-amz-date").unwrap();
    let to_sign = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{}", hex(&Sha256::digest(canonical)));
    let key =
        scope.split('/').fold(format!("AWS4{secret}").into_bytes(), |key, part| mac(&key, part));
    (part("Signature"), hex(&mac(&key, &to_sign)))
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key).unwrap();
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What the SDKs signed is what this test computes, so that it can judge ours.
#[test]
fn the_recorded_signatures_are_what_the_test_computes() {
    let mut checked = 0;
    // Both services from boto3, and SNS from JavaScript, which signs more headers.
    for sdk in ["boto3 1.44.8 PyPI", "@aws-sdk/client-sns@3.1169.0 npm"] {
        for one in crate::wire::recorded_all(sdk, "/") {
            let headers = one.headers.iter();
            let seen = Seen {
                method: one.method.clone(),
                target: one.path.clone(),
                headers: headers
                    .map(|(name, value)| (name.to_lowercase(), value.clone()))
                    .collect(),
                body: one.body.clone().into_bytes(),
                connection: 0,
                raw: Vec::new(),
            };
            let (theirs, computed) = signature(&seen, "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
            assert_eq!(theirs, computed, "{sdk}");
            checked += 1;
        }
    }
    assert_eq!(checked, 3);
}

/// Through the real client, which writes the host by itself; with and without a session token.
#[tokio::test]
async fn what_arrives_is_what_was_signed() {
    let server = LocalServer::plain();
    server.next(Play::Answer((end_user_messaging::ADAPTER.accepted)()));
    server.next(Play::Answer((sns::ADAPTER.accepted)()));
    server.next(Play::Answer((sns::ADAPTER.accepted)()));
    for adapter in [end_user_messaging::ADAPTER, sns::ADAPTER] {
        (adapter.make)(server.base_url(), client()).hand_off(&sms()).await.unwrap();
    }
    let account = Account::new("AKIDEXAMPLE", SECRET).unwrap();
    let sns = Sns::builder(account, "eu-central-1", SnsSender::of_account()).clock(clock());
    let sns = sns.client(client()).base_url(server.base_url()).build().unwrap();
    sns.hand_off(&sms()).await.unwrap();
    let seen = server.seen();
    for one in &seen {
        let (sent, computed) = signature(one, SECRET);
        assert_eq!(sent, computed);
    }
    let signed = |place: usize| {
        let (_, rest) =
            seen[place].header("authorization").unwrap().split_once("SignedHeaders=").unwrap();
        rest.split(',').next().unwrap()
    };
    assert_eq!(signed(0), "content-type;host;x-amz-date;x-amz-security-token;x-amz-target");
    assert_eq!(signed(1), "content-type;host;x-amz-date;x-amz-security-token");
    assert_eq!(signed(2), "content-type;host;x-amz-date");
    assert_eq!(seen[0].header("x-amz-security-token"), Some(TOKEN));
    assert_eq!(seen[2].header("x-amz-date"), Some("20261127T185846Z"));
    assert!(seen[2].header("authorization").unwrap().contains("/eu-central-1/sns/aws4_request"));
    assert!(seen[0].header("authorization").unwrap().contains("/us-east-1/sms-voice/aws4_request"));
}

#[tokio::test]
async fn a_check_sends_nothing_and_says_what_a_text_would_hear() {
    let server = LocalServer::plain();
    let messaging = recorded_messaging(server.base_url(), client());
    server.next(Play::Answer(Answer::json(200, "{}")));
    messaging.check("+15550100").await.unwrap();
    server.next(Play::Answer(error(400, "UnrecognizedClientException")));
    let error = messaging.check("+15550100").await.unwrap_err();
    assert_eq!((error.kind(), error.needs_operator()), (HandoffErrorKind::NotSent, true));
    server.next(Play::Answer(Answer::html(200)));
    let error = messaging.check("+15550100").await.unwrap_err();
    assert_eq!(error.kind(), HandoffErrorKind::Indeterminate);
    assert!(server.seen().iter().all(|seen| body(seen)["DryRun"] == json!(true)));
    server.next(Play::Answer((end_user_messaging::ADAPTER.accepted)()));
    messaging.hand_off(&sms()).await.unwrap();
    assert_eq!(body(server.seen().last().unwrap()).get("DryRun"), None, "a text is no check");
}

#[tokio::test]
async fn settings_and_senders_by_country_are_sent() {
    let server = LocalServer::answering((end_user_messaging::ADAPTER.accepted)());
    let senders = Senders::new(Sender::of_account())
        .in_region(Region::DE, Sender::identity("arn:aws:sms-voice:eu-central-1:1:sender-id/X/DE"));
    let messaging = EndUserMessaging::builder(recorded_account(), "eu-central-1", senders)
        .client(client())
        .base_url(server.base_url())
        .configuration_set("codes")
        .protect_configuration("protect-1")
        .max_price(Money::microdollars(75_000))
        .time_to_live(Duration::from_secs(600))
        .build()
        .unwrap();
    messaging.hand_off(&OutboundSms::for_test("+4915123456789", "text", [1; 16])).await.unwrap();
    assert_eq!(
        body(&server.seen()[0]),
        json!({
            "DestinationPhoneNumber": "+4915123456789", "MessageBody": "text",
            "OriginationIdentity": "arn:aws:sms-voice:eu-central-1:1:sender-id/X/DE",
            "MessageType": "TRANSACTIONAL", "ConfigurationSetName": "codes",
            "ProtectConfigurationId": "protect-1", "MaxPrice": "0.07500", "TimeToLive": 600,
            "Context": { "otpgate": "AQEBAQEBAQEBAQEBAQEBAQ" },
        })
    );
    server.always(Play::Answer((sns::ADAPTER.accepted)()));
    let senders = Senders::new(SnsSender::named("Example"))
        .in_region(Region::DE, SnsSender::from_number("+4915100000000"));
    let sns = Sns::builder(recorded_account(), "eu-central-1", senders).client(client());
    let sns = sns.base_url(server.base_url()).max_price(Money::microdollars(75_000));
    let sns = sns.build().unwrap();
    for number in ["+15550100", "+4915123456789"] {
        sns.hand_off(&OutboundSms::for_test(number, "text", [1; 16])).await.unwrap();
    }
    let attribute = |place: usize, entry: u8, field: &str| {
        server.seen()[place].form(&format!("MessageAttributes.entry.{entry}.{field}")).unwrap()
    };
    for (place, name, value) in [
        (1, "AWS.SNS.SMS.SenderID", "Example"),
        (2, "AWS.MM.SMS.OriginationNumber", "+4915100000000"),
    ] {
        assert_eq!(attribute(place, 1, "Value.StringValue"), "Transactional");
        assert_eq!(attribute(place, 2, "Name"), name);
        assert_eq!(attribute(place, 2, "Value.StringValue"), value);
        assert_eq!(attribute(place, 3, "Name"), "AWS.SNS.SMS.MaxPrice");
        assert_eq!(attribute(place, 3, "Value.StringValue"), "0.07500");
    }
}

#[tokio::test]
async fn keys_rotate_with_their_session_token() {
    let server = LocalServer::answering((sns::ADAPTER.accepted)());
    let current = Arc::new(Mutex::new("first"));
    let source = current.clone();
    let accounts = Credentials::from_fn(move || {
        let name = *source.lock().unwrap();
        Account::new("ASIAEXAMPLE", name)
            .and_then(|account| account.with_session_token(format!("token-{name}")))
            .map_err(CredentialError::new)
    });
    let sns = Sns::builder(accounts, "us-east-1", SnsSender::of_account()).clock(clock());
    let sns = sns.client(client()).base_url(server.base_url()).build().unwrap();
    for name in ["first", "second"] {
        *current.lock().unwrap() = name;
        sns.hand_off(&sms()).await.unwrap();
    }
    *current.lock().unwrap() = "";
    let error = sns.hand_off(&sms()).await.unwrap_err();
    assert_eq!((error.kind(), error.needs_operator()), (HandoffErrorKind::NotSent, true));
    let seen = server.seen();
    for (seen, name) in seen.iter().zip(["first", "second"]) {
        assert_eq!(seen.header("x-amz-security-token"), Some(&*format!("token-{name}")));
        let (sent, computed) = signature(seen, name);
        assert_eq!(sent, computed);
    }
    assert_eq!(seen.len(), 2);
}

/// What AWS's own model of the service enumerates, without a row of its own: the exception decides.
#[tokio::test]
async fn a_reason_without_a_row_has_that_of_its_exception() {
    let server = LocalServer::plain();
    let messaging = recorded_messaging(server.base_url(), client());
    let heard = async |answer: Answer| {
        server.next(Play::Answer(answer));
        messaging.hand_off(&sms()).await.unwrap_err()
    };
    for (code, row) in [
        ("ConflictException/LAST_PHONE_NUMBER", "ConflictException"),
        ("ConflictException/A_NEW_REASON", "ConflictException"),
        ("ValidationException/OTHER", "ValidationException"),
        (
            "ValidationException/INVALID_PARAMETER/MessageBody",
            "ValidationException/INVALID_PARAMETER",
        ),
        ("ServiceQuotaExceededException/POOLS_PER_ACCOUNT", "ServiceQuotaExceededException"),
        ("ThrottlingException/A_REASON", "ThrottlingException"),
    ] {
        assert_eq!(heard(error(400, code)).await.provider_code(), Some(row), "{code}");
    }
    let opted_out = json!({ "Reason": "DESTINATION_PHONE_NUMBER_OPTED_OUT" }).to_string();
    let in_header = Answer::json(400, opted_out)
        .with("x-amzn-errortype", "ConflictException:http://internal.amazon.com/coral/");
    let error = heard(in_header).await;
    assert_eq!(error.number_fault(), Some(NumberFault::OptedOut), "{error}");
    let unknown = heard(self::error(400, "NewException")).await;
    assert_eq!(unknown.kind(), HandoffErrorKind::Indeterminate);
}

#[test]
fn settings_are_checked_when_built() {
    let messaging = |sender: &str| {
        EndUserMessaging::builder(recorded_account(), "us-east-1", Sender::identity(sender))
    };
    assert!(messaging("+15550100").build().is_ok());
    assert!(messaging("").build().is_err() && messaging("a b").build().is_err());
    assert!(messaging("a").configuration_set("").build().is_err());
    assert!(messaging("a").protect_configuration("a+b").build().is_err());
    for (seconds, right) in [(4, false), (5, true), (259_200, true), (259_201, false)] {
        let built = messaging("a").time_to_live(Duration::from_secs(seconds)).build();
        assert_eq!(built.is_ok(), right, "{seconds}");
    }
    assert!(messaging("a").max_price(Money::ZERO).build().is_err());
    let sns = |sender| Sns::builder(recorded_account(), "us-east-1", sender).build().is_ok();
    assert!(sns(SnsSender::named("My-Shop")) && sns(SnsSender::from_number("12345")));
    for bad in ["", "My Shop", "12345", "Twelve-chars"] {
        assert!(!sns(SnsSender::named(bad)), "{bad}");
    }
    for bad in ["", "+", "++15550100", "15550100x"] {
        assert!(!sns(SnsSender::from_number(bad)), "{bad}");
    }
    for (id, secret) in [("", "s"), ("AKID EXAMPLE", "s"), ("AKID", ""), ("AKID", "s\n")] {
        assert!(Account::new(id, secret).is_err(), "{id}");
    }
    assert!(recorded_account().with_session_token("").is_err());
}

/// In the fields that AWS documents for India, and for no other country.
#[tokio::test]
async fn a_registration_goes_into_the_fields_for_india() {
    let server = LocalServer::plain();
    server.next(Play::Answer((end_user_messaging::ADAPTER.accepted)()));
    let messaging = recorded_messaging(server.base_url(), client());
    messaging.hand_off(&registered()).await.unwrap();
    let sent = body(&server.seen()[0]);
    assert_eq!(sent["OriginationIdentity"], "EXMPLE");
    let expected =
        json!({ "IN_ENTITY_ID": "1201159409941345107", "IN_TEMPLATE_ID": "1107158980000012345" });
    assert_eq!(sent["DestinationCountryParameters"], expected);

    server.next(Play::Answer((sns::ADAPTER.accepted)()));
    let sns = Sns::builder(recorded_account(), "us-east-1", SnsSender::of_account());
    let sns = sns.client(client()).base_url(server.base_url()).clock(clock()).build().unwrap();
    sns.hand_off(&registered()).await.unwrap();
    let fields = crate::wire::fields("application/x-www-form-urlencoded", &server.seen()[1].text());
    let attribute = |name: &str| {
        let place = fields.iter().find(|(_, value)| *value == name)?.0.strip_suffix(".Name")?;
        Some((
            &*fields[&format!("{place}.Value.DataType")],
            &*fields[&format!("{place}.Value.StringValue")],
        ))
    };
    assert_eq!(attribute("AWS.SNS.SMS.SenderID"), Some(("String", "EXMPLE")));
    assert_eq!(attribute("AWS.MM.SMS.EntityId"), Some(("String", "1201159409941345107")));
    assert_eq!(attribute("AWS.MM.SMS.TemplateId"), Some(("String", "1107158980000012345")));

    server.next(Play::Answer((end_user_messaging::ADAPTER.accepted)()));
    let campaign = sms().with_registration(Registration::campaign("CABC123"));
    messaging.hand_off(&campaign).await.unwrap();
    let sent = body(&server.seen()[2]);
    assert!(
        sent.get("DestinationCountryParameters").is_none()
            && sent.get("OriginationIdentity").is_none()
    );
}
