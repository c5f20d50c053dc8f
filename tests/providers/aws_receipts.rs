//! Events of AWS End User Messaging, as SNS posts them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64ct::{Base64, Encoding};
use otpgate::Timestamp;
use otpgate::http::{ClientFn, HttpRequest, HttpResponse};
use otpgate::transport::aws::{FAULTS, NAME, Receipts, SignatureVersion, SigningCertificates};
use otpgate::transport::{
    DeliveryFault, NumberFault, Price, Receipt, ReceiptErrorKind, ReceiptRequest, ReceiptState,
    ReceiptVerifier,
};
use serde_json::{Value, json};

const TOPIC: &str = "arn:aws:sns:eu-central-1:123456789012:texts";
const URL: &str =
    "https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-7ff5318490ec.pem";
const OWN_KEY: &str = "AQEBAQEBAQEBAQEBAQEBAQ";
const ID: &str = "9539975a-e71f-45f3-b496-8d98dc098a77";
/// 2026-11-28T06:00:00Z.
const NOW: u64 = 1_795_845_600_000;
/// Published for tests in RFC 9500.
const PRIVATE_KEY: &str = include_str!("../data/rfc9500_rsa2048.pem");

/// A certificate of that key, as SNS has one.
fn certificate() -> String {
    let key = rcgen::KeyPair::from_pem_and_sign_algo(PRIVATE_KEY, &rcgen::PKCS_RSA_SHA256).unwrap();
    let names = vec!["sns.amazonaws.com".to_owned()];
    rcgen::CertificateParams::new(names).unwrap().self_signed(&key).unwrap().pem()
}

fn pinned() -> SigningCertificates {
    let certificates = SigningCertificates::of_region("eu-central-1").unwrap();
    certificates.pin(URL, &certificate()).unwrap();
    certificates
}

pub fn receipts() -> Receipts {
    Receipts::of_topic(TOPIC, pinned()).unwrap()
}

/// The fields that are signed, in the order of their names, each with its line.
fn text(message: &Value) -> String {
    let names: &[&str] = match message["Type"].as_str() {
        Some("Notification") => {
            &["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"]
        }
        _ => &["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"],
    };
    let lines = names.iter().filter_map(|name| Some((name, message[*name].as_str()?)));
    lines.map(|(name, value)| format!("{name}\n{value}\n")).collect()
}

fn signed(mut message: Value) -> Value {
    use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
    let body: String = PRIVATE_KEY.lines().filter(|line| !line.starts_with('-')).collect();
    let pair = RsaKeyPair::from_pkcs8(&Base64::decode_vec(&body).unwrap()).unwrap();
    let mut signature = vec![0; pair.public().modulus_len()];
    let random = ring::rand::SystemRandom::new();
    pair.sign(&RSA_PKCS1_SHA256, &random, text(&message).as_bytes(), &mut signature).unwrap();
    message["Signature"] = json!(Base64::encode_string(&signature));
    message
}

/// What SNS posts of `event` in this second since 1970.
pub fn posted_at(event: &Value, second: u64) -> Value {
    let mut message = notification(event);
    message["Timestamp"] = json!(written(second));
    signed(message)
}

/// A second since 1970 as SNS writes it, by Howard Hinnant's `civil_from_days`.
fn written(second: u64) -> String {
    let (days, time) = (second / 86_400 + 719_468, second % 86_400);
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (month, later) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    let year = year + era * 400 + later;
    let (hour, minute, second) = (time / 3_600, time / 60 % 60, time % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.000Z")
}

/// As documented for a notification, without its signature.
fn notification(event: &Value) -> Value {
    json!({
        "Type": "Notification", "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
        "TopicArn": TOPIC, "Message": event.to_string(), "Timestamp": "2026-11-28T06:00:00.000Z",
        "SignatureVersion": "2", "SigningCertURL": URL,
        "UnsubscribeURL": "https://sns.eu-central-1.amazonaws.com/?Action=Unsubscribe",
    })
}

/// As documented for an SMS event.
fn event(kind: &str) -> Value {
    json!({
        "eventType": kind, "eventVersion": "1.0", "eventTimestamp": 1_795_845_599_998_u64,
        "isFinal": true, "originationPhoneNumber": "+18445550123",
        "destinationPhoneNumber": "+15550100", "isoCountryCode": "US", "mcc": "310", "mnc": "800",
        "carrierName": "T-mobile USA Inc.", "messageId": ID, "messageEncoding": "GSM",
        "messageType": "TRANSACTIONAL", "messageStatus": "…", "context": { "otpgate": OWN_KEY },
        "totalMessageParts": 2, "totalMessagePrice": 0.00581, "totalCarrierFee": 0.003,
    })
}

fn verify(by: &Receipts, message: &Value, now: u64) -> Result<Vec<Receipt>, ReceiptErrorKind> {
    let body = message.to_string();
    let url = "https://hooks.example.com/sms?otpgate=BBBBBBBBBBBBBBBBBBBBBB";
    let request = ReceiptRequest { method: "POST", url, headers: &[], body: body.as_bytes() };
    by.verify(&request, Timestamp::from_millis(now)).map_err(|error| error.kind())
}

fn posted(event: &Value) -> Result<Vec<Receipt>, ReceiptErrorKind> {
    verify(&receipts(), &signed(notification(event)), NOW)
}

#[test]
fn a_genuine_event_says_what_became_of_the_text() {
    let found = posted(&event("TEXT_BLOCKED")).unwrap();
    let receipt = &found[0];
    assert_eq!((receipt.provider, &*receipt.message_id), (NAME, ID));
    assert_eq!(receipt.state, ReceiptState::Undelivered);
    assert_eq!(receipt.fault, Some(DeliveryFault::Number(NumberFault::Barred)));
    // The key of the signed event, not that of the URL, which anybody could have written.
    assert_eq!(receipt.key.as_deref(), Some(OWN_KEY));
    assert_eq!(receipt.price, Price::from_micros(8_810, "USD"));
    assert_eq!((receipt.segments, receipt.network), (Some(2), "310800".parse().ok()));
    assert_eq!(receipt.signed_at, Some(Timestamp::from_millis(NOW)));
    assert!(!format!("{found:?}").contains("15550100"));
    for (kind, state) in [
        ("TEXT_QUEUED", ReceiptState::Pending),
        ("TEXT_PENDING", ReceiptState::Pending),
        ("TEXT_SUCCESSFUL", ReceiptState::Delivered),
        ("TEXT_UNKNOWN", ReceiptState::Pending),
        ("TEXT_NEWER", ReceiptState::Pending),
        ("TEXT_DELIVERED", ReceiptState::Delivered),
    ] {
        let receipt = &posted(&event(kind)).unwrap()[0];
        assert_eq!((receipt.state, &receipt.code), (state, &None), "{kind}");
    }
    let mut going_on = event("TEXT_SUCCESSFUL");
    going_on["isFinal"] = json!(false);
    assert_eq!(posted(&going_on).unwrap()[0].state, ReceiptState::Pending, "more may follow");
    for row in FAULTS {
        let receipt = &posted(&event(row.code)).unwrap()[0];
        assert_eq!(receipt.state, ReceiptState::Undelivered, "{}", row.code);
        assert_eq!((receipt.code.as_deref(), receipt.fault), (Some(row.code), Some(row.fault)));
        let mut going_on = event(row.code);
        going_on["isFinal"] = json!(false);
        assert_eq!(posted(&going_on).unwrap()[0].state, ReceiptState::Pending, "{}", row.code);
    }
}

/// A signature of version 1 made by OpenSSL, and that of version 2 over the same lines.
#[test]
fn the_version_is_pinned_and_both_are_verified() {
    const V1: &str = "WjoWlSHo77LsNWeRL2Dhr+K9oktVQLvf6FTLdhu+hIqWaeHdIXBSf78dFDNVN0lhoJyBOGvHVoW2wVjJ6o+m\
        F9WXcLVAlE5DrxGfQORXiNPpMzGwWMUX40c9/9CIVdK4kVrEgi5ePkLs0bsUtxUStY1LL0LJ8asfPvnxohKm\
        Anqx9d0MbHhXPQ4bZYrLGg80jc8/Y0FZv3UECTD32K9n4/qnfK0RQ0p6tBN+Atkk0x3edBNmLD4+z17ur8Fd\
        N9yt5clmHUsej3y/Bbbos501bDj/xI8IIM3pgM8t2wdyhWSqua/aEPY+7pICaucrLagBQQEj7WYPaQ4iexQo\
        VA8BLQ==";
    const V2: &str = "J18OlOXfDiuulz9tN/AXLXQAeHTGkTUc1i82tUw6UGLEpYHt+r/Ro6RwxlacY6E8pwT33vDl7TzmD2dAT316\
        oJCabqtBnSqhVE1hZuJJvv23vWhzNlzS4JilssyvKH8otVU7FivRY/sYvgUxBNvM/iinSk0PsrL0OWaJm2W9\
        vG2s9rjWpWYAoU5KnR8pRXDVbXQto4r0aybqbxPCed+AYuwI+EAStnh7H+yUmlxZE7FWxc3x7KCWEQoHZwF8\
        4cnU5kp+XweQW3QCfvMiht+wdFEF20X/1c1lYw7Yjp5RMf89ZXLdV81qHN5XsfjzkVveANMecMBfmPfOZ5Fv\
        a0/J3g==";
    let event =
        format!("{{\"eventType\":\"TEXT_DELIVERED\",\"isFinal\":true,\"messageId\":\"{ID}\"}}");
    let message = |version: &str, signature: &str| {
        let mut message = notification(&json!(null));
        message["Message"] = json!(event);
        message["SignatureVersion"] = json!(version);
        message["Signature"] = json!(signature);
        message
    };
    let first = receipts().signed_in(SignatureVersion::V1);
    let second = receipts();
    assert_eq!(verify(&first, &message("1", V1), NOW).unwrap()[0].state, ReceiptState::Delivered);
    assert_eq!(verify(&second, &message("2", V2), NOW).unwrap()[0].state, ReceiptState::Delivered);
    for (by, version, signature) in [
        (&second, "1", V1),
        (&first, "2", V2),
        (&first, "1", V2),
        (&second, "2", V1),
        (&second, "3", V2),
        (&second, "", V2),
    ] {
        let found = verify(by, &message(version, signature), NOW);
        assert_eq!(found, Err(ReceiptErrorKind::Forged), "{version}");
    }
}

#[test]
fn what_is_altered_old_or_of_another_topic_is_refused() {
    use ReceiptErrorKind::{Forged, Malformed, Stale, Unsigned};
    let genuine = signed(notification(&event("TEXT_DELIVERED")));
    let check = |change: &dyn Fn(&mut Value)| {
        let mut message = genuine.clone();
        change(&mut message);
        verify(&receipts(), &message, NOW)
    };
    assert!(check(&|_| {}).is_ok());
    for (name, value) in [
        ("Message", json!(event("TEXT_BLOCKED").to_string())),
        ("MessageId", json!("another")),
        ("Timestamp", json!("2026-11-28T06:00:01.000Z")),
        ("Subject", json!("")),
        ("Type", json!("SubscriptionConfirmation")),
        ("Type", json!("notification")),
        ("Type", json!(null)),
        ("TopicArn", json!("arn:aws:sns:eu-central-1:210987654321:texts")),
        ("SigningCertURL", json!("https://evil.example/SimpleNotificationService-1.pem")),
        ("Signature", json!("")),
        ("Signature", json!("AAAA")),
        ("Signature", json!("not base64!")),
        ("Message", json!(null)),
        ("Timestamp", json!(null)),
    ] {
        assert_eq!(check(&|message| message[name] = value.clone()), Err(Forged), "{name} {value}");
    }
    for name in ["Signature", "SigningCertURL"] {
        assert_eq!(check(&|message| message[name] = json!(null)), Err(Unsigned), "{name}");
    }
    // Signed by SNS for somebody else's topic: genuine, and not ours.
    let mut theirs = notification(&event("TEXT_DELIVERED"));
    theirs["TopicArn"] = json!("arn:aws:sns:eu-central-1:210987654321:texts");
    assert_eq!(verify(&receipts(), &signed(theirs.clone()), NOW), Err(Forged));
    let both = receipts().or_topic("arn:aws:sns:eu-central-1:210987654321:texts").unwrap();
    assert!(verify(&both, &signed(theirs), NOW).is_ok());
    for (now, expected) in [
        (NOW + 300_000, None),
        (NOW - 300_000, None),
        (NOW + 300_001, Some(Stale)),
        (NOW - 300_001, Some(Stale)),
    ] {
        assert_eq!(verify(&receipts(), &genuine, now).err(), expected, "{now}");
    }
    let mut undated = notification(&event("TEXT_DELIVERED"));
    undated["Timestamp"] = json!("yesterday");
    assert_eq!(verify(&receipts(), &signed(undated), NOW), Err(Stale));
    for odd in [
        json!(null),
        json!("text"),
        json!({ "eventType": "TEXT_DELIVERED" }),
        json!({ "eventType": "TEXT_DELIVERED", "messageId": "+15550100" }),
        json!({ "eventType": "TEXT_A B", "messageId": "1" }),
    ] {
        assert_eq!(posted(&odd), Err(Malformed), "{odd}");
    }
    for other in ["VOICE_COMPLETED", "MEDIA_DELIVERED"] {
        assert_eq!(posted(&event(other)), Ok(Vec::new()), "{other}");
    }
    for topic in
        ["", "texts", "arn:aws:sqs:eu-central-1:1:texts", "arn:aws:sns:eu-central-1::texts"]
    {
        assert!(Receipts::of_topic(topic, pinned()).is_err(), "{topic}");
    }
}

/// The signature covers another set of fields, and the address leads to SNS.
#[test]
fn a_subscription_is_confirmed_at_sns_alone() {
    let confirm = "https://sns.eu-central-1.amazonaws.com/?Action=ConfirmSubscription&Token=2336";
    let asks = |url: &str| {
        signed(json!({
            "Type": "SubscriptionConfirmation", "MessageId": "165545c9", "Token": "2336",
            "TopicArn": TOPIC, "Message": "You have chosen to subscribe", "SubscribeURL": url,
            "Timestamp": "2026-11-28T06:00:00.000Z", "SignatureVersion": "2", "SigningCertURL": URL,
        }))
    };
    let confirmation = |message: &Value| {
        let body = message.to_string();
        let request =
            ReceiptRequest { method: "POST", url: "/", headers: &[], body: body.as_bytes() };
        let found = receipts().confirmation(&request, Timestamp::from_millis(NOW));
        found.map_err(|error| error.kind())
    };
    let genuine = asks(confirm);
    assert_eq!(confirmation(&genuine), Ok(Some(confirm.to_owned())));
    assert_eq!(verify(&receipts(), &genuine, NOW), Ok(Vec::new()), "and holds no receipt");
    assert_eq!(confirmation(&signed(notification(&event("TEXT_SENT")))), Ok(None));
    let mut altered = genuine.clone();
    altered["SubscribeURL"] = json!("https://sns.eu-central-1.amazonaws.com/?Token=9");
    assert_eq!(confirmation(&altered), Err(ReceiptErrorKind::Forged));
    for elsewhere in [
        "https://evil.example/",
        "https://sns.eu-central-1.amazonaws.com.evil.example/",
        "http://sns.eu-central-1.amazonaws.com/",
        "https://sns.eu-central-1.amazonaws.com/ x",
    ] {
        let found = confirmation(&asks(elsewhere));
        assert_eq!(found, Err(ReceiptErrorKind::Malformed), "{elsewhere}");
    }
}

/// What a certificate is trusted for is where it comes from: nothing is fetched from elsewhere.
#[tokio::test]
async fn a_certificate_is_fetched_from_sns_of_the_region_and_nowhere_else() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let pem = certificate();
    let client = ClientFn::new("sns", move |request: HttpRequest| {
        count.fetch_add(1, Ordering::SeqCst);
        let answer = match request.url() {
            URL => HttpResponse::new(200).with_body(pem.clone()),
            _ => HttpResponse::new(403).with_body(pem.clone()),
        };
        async move {
            tokio::task::yield_now().await;
            Ok(answer)
        }
    });
    let certificates = SigningCertificates::of_region("eu-central-1").unwrap();
    let receipts = Receipts::of_topic(TOPIC, certificates.clone()).unwrap();
    let mut message = signed(notification(&event("TEXT_DELIVERED")));
    let fetch = async |message: &Value| {
        let body = message.to_string();
        let request =
            ReceiptRequest { method: "POST", url: "/", headers: &[], body: body.as_bytes() };
        certificates.fetch(&request, &client).await
    };
    for elsewhere in [
        "",
        "https://evil.example/SimpleNotificationService-7ff5318490ec.pem",
        "http://sns.eu-central-1.amazonaws.com/SimpleNotificationService-7ff5318490ec.pem",
        "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-7ff5318490ec.pem",
        "https://sns.eu-central-1.amazonaws.com.evil.example/SimpleNotificationService-7ff.pem",
        "https://evil.example/https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-7.pem",
        "https://sns.eu-central-1.amazonaws.com@evil.example/SimpleNotificationService-7ff.pem",
        "https://sns.eu-central-1.amazonaws.com:8443/SimpleNotificationService-7ff5318490ec.pem",
        "https://sns.eu-central-1.amazonaws.com/other-7ff5318490ec.pem",
        "https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-.pem",
        "https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-../../evil.pem",
        "https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-7.pem?x=.pem",
        "https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-7.pem#.pem",
        "https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-7ff5318490ec.txt",
    ] {
        message["SigningCertURL"] = json!(elsewhere);
        assert_eq!(verify(&receipts, &message, NOW), Err(ReceiptErrorKind::Forged), "{elsewhere}");
        assert!(fetch(&message).await.is_err(), "{elsewhere}");
        assert!(certificates.pin(elsewhere, &certificate()).is_err(), "{elsewhere}");
    }
    assert_eq!(asked.load(Ordering::SeqCst), 0, "nobody was asked");
    // SNS's own, and not here yet: the provider is to post again, and the host to fetch it.
    message["SigningCertURL"] = json!(URL);
    assert_eq!(verify(&receipts, &message, NOW), Err(ReceiptErrorKind::NoSecret));
    let (one, two) = tokio::join!(fetch(&message), fetch(&message));
    assert!(one.is_ok() && two.is_err(), "one at a time: {one:?} {two:?}");
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    assert_eq!(verify(&receipts, &message, NOW).unwrap()[0].state, ReceiptState::Delivered);
    fetch(&message).await.unwrap();
    assert_eq!(asked.load(Ordering::SeqCst), 1, "it is known");
    // An invented name leads to SNS's refusal, and leaves what is known.
    message["SigningCertURL"] = json!(URL.replace("7ff5318490ec", "invented"));
    assert!(fetch(&message).await.is_err());
    assert_eq!(asked.load(Ordering::SeqCst), 2);
    assert!(verify(&receipts, &signed(notification(&event("TEXT_DELIVERED"))), NOW).is_ok());
    for odd in ["", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", PRIVATE_KEY] {
        assert!(certificates.pin(URL, odd).is_err(), "{odd}");
    }
    // China has a domain of its own.
    let china = SigningCertificates::of_region("cn-north-1").unwrap();
    let url = "https://sns.cn-north-1.amazonaws.com.cn/SimpleNotificationService-7ff.pem";
    assert!(china.pin(url, &certificate()).is_ok());
    for region in ["", "eu central", "EU-CENTRAL-1", "x/../evil", "eu.evil.example"] {
        assert!(SigningCertificates::of_region(region).is_err(), "{region}");
    }
}
