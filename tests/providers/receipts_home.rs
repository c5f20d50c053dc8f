//! From a text through a real adapter to its receipt and back to the send: what each adapter gives a
//! provider to carry, or the gate to keep, leads the receipt home.

use base64ct::{Base64, Base64UrlUnpadded, Encoding};
use hmac::{Hmac, KeyInit, Mac};
use otpgate::http::BaseUrl;
use otpgate::transport::{
    PathToken, ReceiptRequest, ReceiptVerifier, SecretText, Senders, aws, bird, esendex, infobip,
    messagebird, plivo, sinch, telnyx, twilio, vonage,
};
use otpgate::{EventKind, Purpose, ReceiptOutcome, Sent, SmsTransport};
use serde_json::{Value, json};

use crate::adapter::client;
use crate::aws_receipts;
use crate::template::with_callback;
use support::http_server::{Answer, LocalServer, Seen};
use support::{ALICE, House, small};

const TOKEN: &str = "pX3cJ9mB0vQe7LkT2nWs5A";
const SECRET: &str = "hush";
const HOOK: &str = "https://hooks.example.com/sms";
/// What every provider could call one: small letters and digits.
const ID: &str = "1183c73d2e624f60b61030f160bdfbd5";

/// What a provider posts, or asks for with `GET`.
#[derive(Default)]
struct Webhook {
    get: bool,
    url: String,
    headers: Vec<(&'static str, String)>,
    body: String,
}

/// A provider that answers, and posts what became of a text: of the request that it saw, of the message
/// with this identifier, at this second.
struct Desk {
    name: &'static str,
    make: fn(BaseUrl) -> Box<dyn SmsTransport>,
    accepted: fn() -> Answer,
    posts: fn(&Seen, &str, bool, u64) -> Webhook,
    receipts: fn() -> Box<dyn ReceiptVerifier>,
}

const DESKS: [Desk; 11] = [
    Desk {
        name: twilio::NAME,
        make: |base| {
            let account = twilio::Account::with_token(format!("AC{:032}", 0), SECRET).unwrap();
            let sender = twilio::Sender::from_number("+15550101");
            let twilio = twilio::Twilio::builder(account, sender).client(client());
            let twilio = twilio.base_url(base).status_callback(HOOK.parse().unwrap());
            Box::new(twilio.build().unwrap())
        },
        accepted: || Answer::json(201, json!({ "sid": ID }).to_string()),
        posts: |seen, id, delivered, _| {
            let url = seen.form("StatusCallback").unwrap();
            let word = if delivered { "delivered" } else { "undelivered" };
            let signed = format!("{url}MessageSid{id}MessageStatus{word}");
            let signature = Base64::encode_string(&mac::<sha1::Sha1>(SECRET.as_bytes(), &signed));
            let headers = vec![("X-Twilio-Signature", signature)];
            Webhook {
                url,
                headers,
                body: format!("MessageSid={id}&MessageStatus={word}"),
                get: false,
            }
        },
        receipts: || Box::new(twilio::Receipts::with_auth_token(SecretText::new(SECRET))),
    },
    Desk {
        name: esendex::NAME,
        make: |base| {
            let account = esendex::Account::new("EX0000000", "u@example.com", SECRET).unwrap();
            let senders = Senders::new(esendex::Sender::of_account());
            let esendex = esendex::Esendex::builder(account, senders).client(client());
            Box::new(esendex.base_url(base).build().unwrap())
        },
        accepted: || {
            let id = ID.to_uppercase();
            let header = format!("<messageheaders><messageheader id=\"{id}\"/></messageheaders>");
            Answer::xml(200, header)
        },
        posts: |_, id, delivered, _| {
            let kind = if delivered { "MessageDelivered" } else { "MessageFailed" };
            let body = format!("<{kind}><MessageId>{id}</MessageId></{kind}>");
            Webhook { url: format!("{HOOK}/{TOKEN}"), body, ..Webhook::default() }
        },
        receipts: || Box::new(esendex::Receipts::behind(PathToken::new(TOKEN).unwrap())),
    },
    Desk {
        name: telnyx::NAME,
        make: |base| {
            let key = telnyx::ApiKey::new("KEYinvented").unwrap();
            let telnyx = telnyx::Telnyx::builder(key, telnyx::Sender::from_number("+15550101"));
            let telnyx = telnyx.client(client()).base_url(base).webhook(HOOK.parse().unwrap());
            Box::new(telnyx.build().unwrap())
        },
        accepted: || Answer::json(200, json!({ "data": { "id": ID } }).to_string()),
        posts: |seen, id, delivered, now| {
            let word = if delivered { "delivered" } else { "delivery_failed" };
            let payload = json!({ "id": id, "to": [{ "status": word }],
                                  "webhook_url": at(seen, "/webhook_url") });
            let event = json!({ "event_type": "message.finalized", "payload": payload });
            let body = json!({ "data": event }).to_string();
            let signature = pair().sign(format!("{now}|{body}").as_bytes());
            let headers = vec![
                ("telnyx-signature-ed25519", Base64::encode_string(signature.as_ref())),
                ("telnyx-timestamp", now.to_string()),
            ];
            Webhook { url: HOOK.to_owned(), headers, body, get: false }
        },
        receipts: || {
            use ring::signature::KeyPair;
            let key = Base64::encode_string(pair().public_key().as_ref());
            Box::new(telnyx::Receipts::signed_by(telnyx::PublicKey::new(&key).unwrap()))
        },
    },
    Desk {
        name: bird::NAME,
        make: |base| {
            let key = bird::ApiKey::new("bk_eu1_invented").unwrap();
            let bird = bird::Bird::builder(key, bird::Sender::from_name("Example"));
            Box::new(bird.client(client()).base_url(base).build().unwrap())
        },
        accepted: || Answer::json(202, json!({ "id": ID }).to_string()),
        posts: |seen, id, delivered, now| {
            let kind = if delivered { "sms.delivered" } else { "sms.undelivered" };
            let metadata = json!({ "otpgate": at(seen, "/metadata/otpgate") });
            let data = json!({ "sms_id": id, "metadata": metadata });
            let body = json!({ "type": kind, "data": data }).to_string();
            let signature = mac::<sha2::Sha256>(&[7; 32], &format!("evt_1.{now}.{body}"));
            let headers = vec![
                ("webhook-id", "evt_1".to_owned()),
                ("webhook-timestamp", now.to_string()),
                ("webhook-signature", format!("v1,{}", Base64::encode_string(&signature))),
            ];
            Webhook { url: HOOK.to_owned(), headers, body, get: false }
        },
        receipts: || {
            let secret = format!("whsec_{}", Base64::encode_string(&[7; 32]));
            Box::new(bird::Receipts::signed_by(bird::WebhookSecret::new(secret).unwrap()))
        },
    },
    Desk {
        name: infobip::NAME,
        make: |base| {
            let key = infobip::ApiKey::new("invented").unwrap();
            let sender = infobip::Sender::from_name("Example");
            Box::new(infobip::Infobip::builder(key, base, sender).client(client()).build().unwrap())
        },
        accepted: || {
            let message = json!({ "messageId": ID, "status": { "groupName": "PENDING" } });
            Answer::json(200, json!({ "messages": [message] }).to_string())
        },
        posts: |seen, id, delivered, _| {
            let (group, name) = match delivered {
                true => ("DELIVERED", "DELIVERED_TO_HANDSET"),
                false => ("UNDELIVERABLE", "UNDELIVERABLE_NOT_DELIVERED"),
            };
            let result = json!({
                "messageId": id, "status": { "groupName": group, "name": name },
                "callbackData": at(seen, "/messages/0/webhooks/callbackData"),
            });
            let body = json!({ "results": [result] }).to_string();
            Webhook { url: format!("{HOOK}/{TOKEN}"), body, ..Webhook::default() }
        },
        receipts: || Box::new(infobip::Receipts::behind(PathToken::new(TOKEN).unwrap())),
    },
    Desk {
        name: vonage::NAME,
        make: |base| {
            let account = vonage::Account::new("abcd1234", SECRET).unwrap();
            let sender = vonage::Sender::from_name("Example");
            let vonage = vonage::SmsApi::builder(account, sender).client(client());
            Box::new(vonage.base_url(base).build().unwrap())
        },
        accepted: || of_parts(&[ID]),
        posts: |seen, id, delivered, now| {
            sms_api_posts(&seen.form("client-ref").unwrap(), id, delivered, now)
        },
        receipts: || Box::new(sms_api_receipts()),
    },
    Desk {
        name: vonage::MESSAGES_NAME,
        make: |base| {
            let account = vonage::Account::new("abcd1234", SECRET).unwrap();
            let sender = vonage::Sender::from_name("Example");
            let vonage = vonage::MessagesApi::builder(account, sender).client(client());
            Box::new(vonage.base_url(base).build().unwrap())
        },
        accepted: || Answer::json(202, json!({ "message_uuid": ID }).to_string()),
        posts: |seen, id, delivered, now| {
            let word = if delivered { "delivered" } else { "rejected" };
            let body = json!({ "channel": "sms", "message_uuid": id, "status": word,
                               "client_ref": at(seen, "/client_ref") });
            let body = body.to_string();
            let hash = hex(&<sha2::Sha256 as sha2::Digest>::digest(&body));
            let claims = json!({ "iat": now, "payload_hash": hash });
            let token = jwt(&json!({ "typ": "JWT", "alg": "HS256" }), &claims);
            let headers = vec![("authorization", format!("Bearer {token}"))];
            Webhook { url: HOOK.to_owned(), headers, body, get: false }
        },
        receipts: || Box::new(vonage::MessagesReceipts::signed(SecretText::new(SECRET))),
    },
    Desk {
        name: plivo::NAME,
        make: |base| {
            let account = plivo::Account::new("MA000000000000000000", SECRET).unwrap();
            let sender = plivo::Sender::from_name("Example");
            let plivo = plivo::Plivo::builder(account, sender).client(client());
            Box::new(plivo.base_url(base).callback(HOOK.parse().unwrap()).build().unwrap())
        },
        accepted: || Answer::json(202, json!({ "message_uuid": [ID] }).to_string()),
        posts: |seen, id, delivered, _| {
            let url = at(seen, "/url").as_str().unwrap().to_owned();
            let word = if delivered { "delivered" } else { "undelivered" };
            let signed = format!("{url}.MessageUUID{id}Status{word}.n1");
            let signature = Base64::encode_string(&mac::<sha2::Sha256>(SECRET.as_bytes(), &signed));
            let headers = vec![
                ("X-Plivo-Signature-V3", signature),
                ("X-Plivo-Signature-V3-Nonce", "n1".to_owned()),
            ];
            Webhook { url, headers, body: format!("MessageUUID={id}&Status={word}"), get: false }
        },
        receipts: || Box::new(plivo::Receipts::signed(SecretText::new(SECRET))),
    },
    Desk {
        name: aws::NAME,
        make: |base| {
            let account = aws::Account::new("AKIDEXAMPLE", SECRET).unwrap();
            let sender = aws::Sender::of_account();
            let aws = aws::EndUserMessaging::builder(account, "eu-central-1", sender);
            let aws = aws.client(client()).base_url(base).configuration_set("texts");
            Box::new(aws.build().unwrap())
        },
        accepted: || Answer::json(200, json!({ "MessageId": ID }).to_string()),
        posts: |seen, id, delivered, now| {
            let word = if delivered { "TEXT_DELIVERED" } else { "TEXT_UNREACHABLE" };
            let event = json!({ "eventType": word, "isFinal": true, "messageId": id,
                                "context": { "otpgate": at(seen, "/Context/otpgate") } });
            let body = aws_receipts::posted_at(&event, now).to_string();
            Webhook { url: HOOK.to_owned(), headers: Vec::new(), body, get: false }
        },
        receipts: || Box::new(aws_receipts::receipts()),
    },
    Desk {
        name: sinch::NAME,
        make: |base| Box::new(with_callback("sinch", base, HOOK)),
        accepted: || Answer::json(201, json!({ "id": ID }).to_string()),
        posts: |seen, id, delivered, now| {
            let word = if delivered { "Delivered" } else { "Failed" };
            let body = json!({
                "type": "recipient_delivery_report_sms", "batch_id": id, "status": word,
                "code": if delivered { 0 } else { 404 },
                "client_reference": at(seen, "/client_reference"),
            });
            let body = body.to_string();
            let signature = mac::<sha2::Sha256>(SECRET.as_bytes(), &format!("{body}.n1.{now}"));
            let headers = vec![
                ("x-sinch-webhook-signature", Base64::encode_string(&signature)),
                ("x-sinch-webhook-signature-nonce", "n1".to_owned()),
                ("x-sinch-webhook-signature-timestamp", now.to_string()),
            ];
            // The key comes back in a field; what the address carries is not signed.
            Webhook { url: HOOK.to_owned(), headers, body, get: false }
        },
        receipts: || Box::new(sinch::Receipts::signed_by(SecretText::new(SECRET))),
    },
    Desk {
        name: messagebird::NAME,
        make: |base| Box::new(with_callback("messagebird", base, HOOK)),
        accepted: || Answer::json(201, json!({ "id": ID }).to_string()),
        posts: |seen, id, delivered, now| {
            let callback = at(seen, "/reportUrl");
            let word = if delivered { "delivered" } else { "delivery_failed" };
            let url = format!("{}&id={id}&status={word}", callback.as_str().unwrap());
            let hash = hex(&<sha2::Sha256 as sha2::Digest>::digest(&url));
            let claims = json!({ "iss": "MessageBird", "nbf": now, "exp": now + 60, "jti": "1",
                                 "url_hash": hash });
            let token = jwt(&json!({ "alg": "HS256" }), &claims);
            let headers = vec![("MessageBird-Signature-JWT", token)];
            Webhook { url, headers, body: String::new(), get: true }
        },
        receipts: || Box::new(messagebird::Receipts::signed_by(SecretText::new(SECRET))),
    },
];

/// A token under [`SECRET`].
fn jwt(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| Base64UrlUnpadded::encode_string(value.to_string().as_bytes());
    let signed = format!("{}.{}", part(header), part(claims));
    let signature = mac::<sha2::Sha256>(SECRET.as_bytes(), &signed);
    format!("{signed}.{}", Base64UrlUnpadded::encode_string(&signature))
}

fn at(seen: &Seen, pointer: &str) -> Value {
    let body: Value = serde_json::from_str(&seen.text()).unwrap();
    body.pointer(pointer).unwrap().clone()
}

fn mac<D>(key: &[u8], text: &str) -> Vec<u8>
where
    Hmac<D>: Mac + KeyInit,
    D: hmac::EagerHash,
{
    let mut mac = <Hmac<D> as KeyInit>::new_from_slice(key).unwrap();
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn pair() -> ring::signature::Ed25519KeyPair {
    ring::signature::Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap()
}

/// What the SMS API answers to a text of these parts.
fn of_parts(ids: &[&str]) -> Answer {
    let part = |id: &&str| json!({ "status": "0", "message-id": id });
    let parts: Vec<Value> = ids.iter().map(part).collect();
    Answer::json(200, json!({ "messages": parts }).to_string())
}

fn sms_api_posts(reference: &str, id: &str, delivered: bool, now: u64) -> Webhook {
    let word = if delivered { "delivered" } else { "failed" };
    let code = if delivered { "0" } else { "8" };
    let signed = format!(
        "&client-ref={reference}&err-code={code}&messageId={id}&status={word}&timestamp={now}"
    );
    let signature = hex(&mac::<sha2::Sha256>(SECRET.as_bytes(), &signed));
    let body = format!("{}&sig={signature}", &signed[1..]);
    let headers = vec![("content-type", "application/x-www-form-urlencoded".to_owned())];
    Webhook { url: HOOK.to_owned(), headers, body, get: false }
}

fn sms_api_receipts() -> vonage::SmsReceipts {
    let method = vonage::SignatureMethod::HmacSha256;
    vonage::SmsReceipts::signed(SecretText::new(SECRET), method)
}

async fn post(house: &House, by: &dyn ReceiptVerifier, webhook: &Webhook) -> Vec<ReceiptOutcome> {
    let headers: Vec<(&str, &str)> =
        webhook.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let (url, body) = (&*webhook.url, webhook.body.as_bytes());
    let method = if webhook.get { "GET" } else { "POST" };
    let request = ReceiptRequest { method, url, headers: &headers, body };
    let taken = house.gate.receipts(by, &request).await.unwrap();
    taken.into_iter().map(|taken| taken.outcome).collect()
}

fn now(house: &House) -> u64 {
    otpgate::Clock::now(&house.clock).as_millis() / 1_000
}

fn told(house: &House) -> Vec<bool> {
    let events = house.log.events();
    let each = events.iter().filter_map(|event| match event.kind {
        EventKind::Receipt { delivered, .. } => Some(delivered),
        _ => None,
    });
    each.collect()
}

/// The key of a purpose of 32 letters is longer than Vonage's reference has room for.
#[tokio::test]
async fn every_provider_leads_a_receipt_home_whatever_the_purpose() {
    let long = Purpose::new("a-purpose-with-a-name-of-32-char").unwrap();
    for desk in DESKS {
        for (purpose, delivered) in [(&Purpose::SIGN_UP, true), (&long, false)] {
            let name = format!("{} for {purpose:?}", desk.name);
            let server = LocalServer::answering((desk.accepted)());
            let transport = (desk.make)(server.base_url());
            let house = House::lab_with(|builder| builder.transport(transport));
            let sent = house.try_send_for(ALICE, purpose, &house.client).await;
            assert!(matches!(sent, Sent::Issued(_)), "{name}: {sent:?}");
            let seen = &server.seen()[0];
            let receipts = (desk.receipts)();
            let webhook = (desk.posts)(seen, ID, delivered, now(&house));
            let outcomes = post(&house, &*receipts, &webhook).await;
            assert_eq!(outcomes, [ReceiptOutcome::Applied], "{name}");
            assert_eq!(told(&house), [delivered], "{name}");
            let again = post(&house, &*receipts, &webhook).await;
            assert_eq!(again, [ReceiptOutcome::Repeated], "{name}");
        }
    }
}

/// A long text of Vonage's SMS API is several messages. The hand-off names the first, and that one
/// decides: what the others report changes nothing, whether it comes before or after.
#[tokio::test]
async fn the_first_part_of_a_long_text_decides() {
    for (first, second) in [(true, false), (false, true)] {
        for first_comes_first in [true, false] {
            let server = LocalServer::answering(of_parts(&["0A1", "0A2"]));
            let account = vonage::Account::new("abcd1234", SECRET).unwrap();
            let sender = vonage::Sender::from_name("Example");
            let vonage = vonage::SmsApi::builder(account, sender).client(client());
            let vonage = vonage.base_url(server.base_url()).build().unwrap();
            let house = House::lab_with(|builder| builder.store(small()).transport(vonage));
            let _ = house.send(ALICE).await;
            let reference = server.seen()[0].form("client-ref").unwrap();
            let mut parts = [("0A1", first), ("0A2", second)];
            if !first_comes_first {
                parts.reverse();
            }
            for (id, delivered) in parts {
                let webhook = sms_api_posts(&reference, id, delivered, now(&house));
                let expected = match id {
                    "0A1" => ReceiptOutcome::Applied,
                    _ => ReceiptOutcome::Early,
                };
                let outcomes = post(&house, &sms_api_receipts(), &webhook).await;
                assert_eq!(outcomes, [expected], "{id}");
            }
            assert_eq!(told(&house), [first]);
        }
    }
}
