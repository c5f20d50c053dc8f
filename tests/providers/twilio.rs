//! Twilio.

use otpgate::http::{BaseUrl, ReqwestClient};
use otpgate::testing::transport::Received;
use otpgate::transport::twilio::{Account, ERRORS, FAULTS, NAME, Receipts, Sender, Twilio};
use otpgate::transport::{
    CallbackUrl, DeliveryFault, ErrorRow, HandoffErrorKind, NumberFault, Price, ReceiptErrorKind,
    ReceiptRequest, ReceiptState, ReceiptVerifier, SecretText, Senders,
};
use otpgate::{Region, SmsTransport, Timestamp};

use crate::adapter::{Adapter, client, registered, sms};
use crate::vectors::vectors;
use crate::wire::recorded;
use support::http_server::{Answer, LocalServer, Play, Seen};

const SID: &str = "AC00000000000000000000000000000000";
/// Not that of `wire.json`, which is a part of other words.
const TOKEN: &str = "invented-auth-token";
const PATH: &str = "/2010-04-01/Accounts/AC00000000000000000000000000000000/Messages.json";

const ADAPTER: Adapter = Adapter {
    name: NAME,
    make: |base, client| Box::new(twilio(base, client, TOKEN)),
    read: |seen| Received::new(seen.form("To").unwrap(), seen.form("Body").unwrap(), key(seen)),
    accepted: || Answer::json(201, ACCEPTED),
    refused_number: || error(400, "21211"),
    refused_account: || error(401, "20003"),
    throttled: || error(429, "20429"),
    errors: ERRORS,
    error: |row: &ErrorRow| match row.code.strip_prefix("HTTP ") {
        Some(status) => Answer::html(status.parse().unwrap()),
        None if row.kind == HandoffErrorKind::Indeterminate => error(500, row.code),
        None => error(400, row.code),
    },
    secrets: &[TOKEN, "QUMwMDAw"],
};

/// As documented for the Messages resource.
const ACCEPTED: &str = r#"{
  "account_sid": "AC00000000000000000000000000000000", "api_version": "2010-04-01",
  "body": "…", "date_created": "Thu, 24 Aug 2023 05:01:45 +0000", "date_sent": null,
  "direction": "outbound-api", "error_code": null, "error_message": null, "from": "+15550101",
  "num_media": "0", "num_segments": "2", "price": null, "price_unit": "USD",
  "messaging_service_sid": null, "sid": "SM00000000000000000000000000000001", "status": "queued",
  "to": "+15550100", "uri": "/2010-04-01/Accounts/AC/Messages/SM.json"
}"#;

adapter_tests!(ADAPTER);

fn twilio(base: BaseUrl, client: ReqwestClient, token: &str) -> Twilio {
    Twilio::builder(Account::with_token(SID, token).unwrap(), Sender::from_number("+15550101"))
        .client(client)
        .base_url(base)
        .status_callback("https://hook.example.com/s?a=1&b=2".parse().unwrap())
        .build()
        .unwrap()
}

fn key(seen: &Seen) -> Option<String> {
    CallbackUrl::key_in(&seen.form("StatusCallback")?).map(Into::into)
}

fn error(status: u16, code: &str) -> Answer {
    let body = format!(
        r#"{{"code":{code},"message":"The 'To' number +15550100 is wrong","status":{status},
            "more_info":"https://www.twilio.com/docs/errors/{code}"}}"#
    );
    Answer::json(status, body)
}

#[tokio::test]
async fn the_request_is_the_sdks() {
    let server = LocalServer::answering(Answer::json(201, ACCEPTED));
    twilio(server.base_url(), client(), "tok").hand_off(&sms()).await.unwrap();
    let seen = server.seen();
    // Ours carries the text's key behind the callback that was configured.
    recorded("twilio@6.3.1 npm", PATH).assert_same(&seen[0], &["StatusCallback"]);
    let callback = seen[0].form("StatusCallback").unwrap();
    assert_eq!(callback, "https://hook.example.com/s?a=1&b=2&otpgate=AQEBAQEBAQEBAQEBAQEBAQ");

    let bare =
        Twilio::builder(Account::with_token(SID, "tok").unwrap(), Sender::from_number("+15550101"));
    let bare = bare.client(client()).base_url(server.base_url()).build().unwrap();
    bare.hand_off(&sms()).await.unwrap();
    recorded("twilio 9.13.0 PyPI", PATH).assert_same(&server.seen()[1], &[]);
}

#[tokio::test]
async fn api_key_messaging_service_and_senders_by_country() {
    let server = LocalServer::answering(Answer::json(201, ACCEPTED));
    let key = format!("SK{:032}", 1);
    let service = format!("MG{:032}", 1);
    let senders = Senders::new(Sender::from_messaging_service(&service))
        .in_region(Region::DE, Sender::from_name("Example"));
    let twilio = Twilio::builder(Account::with_api_key(SID, &key, "hush").unwrap(), senders)
        .client(client())
        .base_url(server.base_url())
        .validity(std::time::Duration::from_secs(300))
        .build()
        .unwrap();
    twilio.hand_off(&sms()).await.unwrap();
    let german = otpgate::transport::OutboundSms::for_test("+4915123456789", "text", [2; 16]);
    twilio.hand_off(&german).await.unwrap();
    let seen = server.seen();
    assert_eq!(seen[0].form("MessagingServiceSid"), Some(service));
    assert_eq!((seen[0].form("From"), seen[1].form("From")), (None, Some("Example".into())));
    assert_eq!(seen[0].form("ValidityPeriod").as_deref(), Some("300"));
    let basic = seen[0].header("authorization").unwrap();
    let expected = otpgate::http::HttpRequest::get("https://a.example")
        .with_basic_auth(&key, &SecretText::new("hush"));
    assert_eq!(Some(basic), expected.header("authorization"));
}

#[tokio::test]
async fn the_answer_tells_identifier_segments_and_price() {
    let server = LocalServer::plain();
    server.next(Play::Answer(Answer::json(201, ACCEPTED)));
    let priced = ACCEPTED.replace("\"price\": null", "\"price\": \"-0.01580\"");
    server.next(Play::Answer(Answer::json(201, priced)));
    let twilio = twilio(server.base_url(), client(), "tok");
    let handoff = twilio.hand_off(&sms()).await.unwrap();
    assert_eq!(handoff.message_id.as_deref(), Some("SM00000000000000000000000000000001"));
    assert_eq!((handoff.provider, handoff.segments, handoff.price), (Some(NAME), Some(2), None));
    let handoff = twilio.hand_off(&sms()).await.unwrap();
    assert_eq!(handoff.price, Price::from_micros(15_800, "USD"));
}

#[test]
fn every_vector_is_decided_as_the_sdks_decide_it() {
    let vectors = vectors("twilio");
    assert_eq!(vectors.len(), 34);
    for vector in vectors {
        let secret = SecretText::new(&*vector.secret);
        // The configuration, not the request, says how a receipt is signed; the vectors' notes say
        // which secret they were made with.
        let shared = vector.headers.get("X-Twilio-Webhooks-Signature-Settings");
        let receipts = match shared.is_some_and(|text| text.contains("algorithm")) {
            true => Receipts::with_shared_key(secret),
            false => Receipts::with_auth_token(secret),
        };
        vector.assert_decided_by(&receipts);
    }
}

#[test]
fn a_sender_cannot_choose_how_it_is_checked() {
    // The same secret on both sides, so that only the pinned mode can refuse.
    for vector in vectors("twilio").into_iter().filter(|vector| vector.accept) {
        let secret = SecretText::new(&*vector.secret);
        let shared = vector.headers.get("X-Twilio-Webhooks-Signature-Settings");
        let other = match shared.is_some_and(|text| text.contains("algorithm")) {
            true => Receipts::with_auth_token(secret),
            false => Receipts::with_shared_key(secret),
        };
        let refused = crate::vectors::Vector { accept: false, ..vector };
        refused.assert_decided_by(&other);
    }
}

/// Signed with the right secret in the configured way, and a header that says otherwise.
#[test]
fn a_header_that_contradicts_the_configuration_is_refused() {
    let settings = "X-Twilio-Webhooks-Signature-Settings";
    for vector in vectors("twilio") {
        let secret = SecretText::new(&*vector.secret);
        let (receipts, headers) = match vector.id.as_str() {
            "twilio-a000" => {
                let header = (settings.to_owned(), "key=k,algorithm=HMAC_SHA256".to_owned());
                let headers = vector.headers.clone().into_iter().chain([header]).collect();
                (Receipts::with_auth_token(secret), headers)
            }
            "twilio-a028" => {
                let headers =
                    vector.headers.clone().into_iter().filter(|(name, _)| name != settings);
                (Receipts::with_shared_key(secret), headers.collect())
            }
            _ => continue,
        };
        vector.assert_decided_by(&receipts);
        let contradicting = crate::vectors::Vector { headers, accept: false, ..vector };
        contradicting.assert_decided_by(&receipts);
    }
}

fn receipt(
    body: &str,
    signature: &str,
) -> Result<Vec<otpgate::transport::Receipt>, ReceiptErrorKind> {
    let url = "https://hooks.example.com/sms?otpgate=AQEBAQEBAQEBAQEBAQEBAQ";
    let headers = [("x-twilio-signature", signature)];
    let request = ReceiptRequest { method: "POST", url, headers: &headers, body: body.as_bytes() };
    let receipts = Receipts::with_auth_token(SecretText::new("12345invented"));
    receipts.verify(&request, Timestamp::from_millis(0)).map_err(|error| error.kind())
}

fn sign(body: &str) -> String {
    use base64ct::{Base64, Encoding};
    use hmac::{Hmac, KeyInit, Mac};
    let url = "https://hooks.example.com/sms?otpgate=AQEBAQEBAQEBAQEBAQEBAQ";
    let mut pairs: Vec<_> = form_urlencoded::parse(body.as_bytes()).collect();
    pairs.sort();
    let mut mac = <Hmac<sha1::Sha1> as KeyInit>::new_from_slice(b"12345invented").unwrap();
    mac.update(url.as_bytes());
    pairs.iter().for_each(|(name, value)| mac.update(format!("{name}{value}").as_bytes()));
    Base64::encode_string(&mac.finalize().into_bytes())
}

#[test]
fn a_genuine_receipt_says_what_became_of_the_text() {
    let body = "MessageSid=SM1&MessageStatus=undelivered&ErrorCode=21610&To=%2B15550100";
    let receipts = receipt(body, &sign(body)).unwrap();
    assert_eq!(receipts[0].state, ReceiptState::Undelivered);
    assert_eq!(receipts[0].fault, Some(DeliveryFault::Number(NumberFault::OptedOut)));
    assert_eq!(receipts[0].key.as_deref(), Some("AQEBAQEBAQEBAQEBAQEBAQ"));
    assert_eq!(receipts[0].replay_key(), "twilio/SM1/undelivered");
    assert!(!format!("{receipts:?}").contains("15550100"));
    for (word, state) in [
        ("accepted", ReceiptState::Pending),
        ("scheduled", ReceiptState::Pending),
        ("queued", ReceiptState::Pending),
        ("sending", ReceiptState::Pending),
        ("sent", ReceiptState::Pending),
        ("a_new_word", ReceiptState::Pending),
        ("delivered", ReceiptState::Delivered),
        ("read", ReceiptState::Delivered),
        ("failed", ReceiptState::Undelivered),
        ("canceled", ReceiptState::Undelivered),
    ] {
        let body = format!("MessageSid=SM1&MessageStatus={word}");
        assert_eq!(receipt(&body, &sign(&body)).unwrap()[0].state, state, "{word}");
    }
    for row in FAULTS {
        let body = format!("MessageSid=SM1&MessageStatus=failed&ErrorCode={}", row.code);
        let found = receipt(&body, &sign(&body)).unwrap();
        assert_eq!((found[0].fault, found[0].code.as_deref()), (Some(row.fault), Some(row.code)));
    }
    let body = "MessageSid=SM1&MessageStatus=failed&ErrorCode=39999";
    assert_eq!(receipt(body, &sign(body)).unwrap()[0].fault, Some(DeliveryFault::Unknown));
}

/// Twilio has one code for a landline and for a short code whose route does not reach a network.
#[test]
fn a_short_code_that_reaches_no_network_blames_no_number() {
    for (from, fault) in [
        ("24680", DeliveryFault::Unknown),
        ("%2B15555550100", DeliveryFault::Number(NumberFault::NotMobile)),
        ("Example", DeliveryFault::Number(NumberFault::NotMobile)),
    ] {
        let status = "MessageSid=SM1&MessageStatus=undelivered";
        let body = format!("{status}&ErrorCode=30006&From={from}&To=%2B15550100");
        let receipts = receipt(&body, &sign(&body)).unwrap();
        assert_eq!(receipts[0].fault, Some(fault), "{from}");
        assert_eq!(receipts[0].code.as_deref(), Some("30006"));
        // What is about the number, whoever sent it.
        let body = format!("{status}&ErrorCode=21610&From={from}&To=%2B15550100");
        let receipts = receipt(&body, &sign(&body)).unwrap();
        assert_eq!(receipts[0].fault, Some(DeliveryFault::Number(NumberFault::OptedOut)));
    }
}

/// Twilio names a phone that is off or without signal among their causes: no later text is withheld
/// for such a word.
#[test]
fn a_code_that_a_phone_without_signal_causes_too_is_no_fault_of_the_number() {
    for code in ["30003", "30004", "30005", "30008"] {
        let body = format!("MessageSid=SM1&MessageStatus=undelivered&ErrorCode={code}");
        let found = receipt(&body, &sign(&body)).unwrap();
        assert!(!matches!(found[0].fault, Some(DeliveryFault::Number(_)) | None), "{found:?}");
    }
}

/// Codes whose first cause in Twilio's dictionary is the sender or the account.
#[tokio::test]
async fn a_code_about_sender_or_account_blames_no_number_and_the_next_provider_sends() {
    use otpgate::testing::ScriptedTransport;
    use otpgate::transport::FailOver;
    for code in ["21401", "21612", "21216"] {
        let server = LocalServer::answering(error(400, code));
        let refused =
            twilio(server.base_url(), client(), TOKEN).hand_off(&sms()).await.unwrap_err();
        assert_eq!((refused.number_fault(), refused.needs_operator()), (None, true), "{code}");
        let (second, outbox) = ScriptedTransport::new();
        let both = FailOver::new(twilio(server.base_url(), client(), TOKEN)).then(second);
        both.hand_off(&sms()).await.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(outbox.delivered().len(), 1, "{code}");
    }
    // Of voice calls and of numbers that are bought: none of them shuts a number out.
    for code in ["21217", "21421"] {
        let server = LocalServer::answering(error(400, code));
        let refused =
            twilio(server.base_url(), client(), TOKEN).hand_off(&sms()).await.unwrap_err();
        assert_eq!(refused.number_fault(), None, "{code}");
    }
}

#[test]
fn what_is_no_receipt_is_refused() {
    use ReceiptErrorKind::{Forged, Malformed};
    for body in ["", "MessageSid=SM1", "MessageStatus=sent", "MessageSid=&MessageStatus=sent"] {
        assert_eq!(receipt(body, &sign(body)), Err(Malformed), "{body}");
    }
    let twice = "MessageSid=SM1&MessageSid=SM2&MessageStatus=delivered";
    assert_eq!(receipt(twice, &sign(twice)), Err(Malformed), "which one was meant?");
    let body = "MessageSid=SM1&MessageStatus=delivered";
    for signature in ["", "AAAA", "not base64!", &sign(body)[1..]] {
        assert_eq!(receipt(body, signature), Err(Forged), "{signature}");
    }
    let headers = [("x-twilio-signature", "a"), ("X-Twilio-Signature", "b")];
    let request =
        ReceiptRequest { method: "POST", url: "https://a.example", headers: &headers, body: b"" };
    let receipts = Receipts::with_auth_token(SecretText::new("12345invented"));
    let error = receipts.verify(&request, Timestamp::from_millis(0)).unwrap_err();
    assert_eq!(error.kind(), ReceiptErrorKind::Unsigned, "two signatures are none");
}

/// As documented for the webhook of an incoming message, with Advanced Opt-Out and without it.
#[test]
fn an_inbound_message_is_a_wish_if_twilio_takes_it_for_one() {
    use otpgate::transport::Wish;
    let inbound = |fields: &str| {
        let body =
            format!("MessageSid=SM1&AccountSid=AC1&From=%2B15550100&To=%2B15550101&{fields}");
        receipt(&body, &sign(&body))
    };
    for (fields, wish) in [
        ("Body=Arret&OptOutType=STOP", Some(Wish::OptOut)),
        ("Body=join&OptOutType=START", Some(Wish::OptIn)),
        ("Body=help&OptOutType=HELP", None),
        // What Twilio's own list makes of it counts, not what the words look like.
        ("Body=STOP&OptOutType=HELP", None),
        ("Body=sToP", Some(Wish::OptOut)),
        ("Body=%20START%0A", Some(Wish::OptIn)),
        ("Body=unstop", Some(Wish::OptIn)),
        ("Body=STOP+please", None),
        ("Body=123456", None),
        ("Body=", None),
        ("NumMedia=1", None),
    ] {
        let receipts = inbound(fields).unwrap();
        let found = receipts.first().map(|receipt| receipt.wish.clone().unwrap());
        assert_eq!(found.as_ref().map(|owners| owners.wish), wish, "{fields}");
        if let Some(owners) = found {
            assert_eq!(owners.number.expose_secret(), "+15550100");
            assert_eq!((receipts[0].message_id.as_str(), receipts[0].delivery()), ("SM1", None));
            assert!(!format!("{receipts:?}").contains("15550100"));
        }
    }
    // The word is a part of what is signed.
    let body = "MessageSid=SM1&From=%2B15550100&Body=hello";
    let altered = body.replace("hello", "START");
    assert_eq!(receipt(&altered, &sign(body)), Err(ReceiptErrorKind::Forged));
}

/// Twilio has no fields for a registration: its sender goes, its identifiers do not.
#[tokio::test]
async fn a_registered_sender_goes_before_the_configured_one() {
    let server = LocalServer::answering(Answer::json(201, ACCEPTED));
    let service = Sender::from_messaging_service(format!("MG{:032}", 1));
    let twilio = Twilio::builder(Account::with_token(SID, TOKEN).unwrap(), service);
    let twilio = twilio.client(client()).base_url(server.base_url()).build().unwrap();
    twilio.hand_off(&registered()).await.unwrap();
    twilio.hand_off(&sms()).await.unwrap();
    let seen = server.seen();
    assert_eq!(seen[0].form("From").as_deref(), Some("EXMPLE"));
    assert_eq!(seen[0].form("MessagingServiceSid"), None);
    assert_eq!(seen[0].form("Body").as_deref(), Some(crate::adapter::TEXT), "no `ContentSid`");
    let fields = crate::wire::fields("application/x-www-form-urlencoded", &seen[0].text());
    assert_eq!(fields.keys().collect::<Vec<_>>(), ["Body", "From", "To"]);
    assert!(seen[1].form("MessagingServiceSid").is_some());
}
