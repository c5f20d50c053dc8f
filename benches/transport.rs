//! What an adapter costs over a bare client, and what a receipt costs to check.
//!
//! `cargo bench --bench transport --features providers -- [texts]`. A server of threads in this process
//! answers each POST at once, as Twilio documents. The client side is one thread with 64 requests in
//! flight: once reqwest with the request made by hand, once the Twilio adapter, by turns, so that both
//! see the same machine. The bounds: the adapter's throughput is at least 0.90 of the bare client's,
//! it adds at most 10 µs of processor time a text, and a receipt of 2 kB is checked within 20 µs
//! (Ed25519: 80). Connections are counted: no more than requests in flight.

#![allow(missing_docs, clippy::disallowed_methods, clippy::unwrap_used, clippy::panic)]
#![allow(clippy::arithmetic_side_effects, clippy::print_stdout, clippy::indexing_slicing)]

use std::hint::black_box;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use base64ct::{Base64, Encoding};
use cpu_time::ThreadTime;
use hmac::{Hmac, KeyInit, Mac};
use otpgate::http::{ReqwestClient, SecretText};
use otpgate::transport::{
    OutboundSms, PathToken, ReceiptRequest, ReceiptVerifier, esendex, telnyx, twilio,
};
use otpgate::{SmsTransport, Timestamp};
use ring::signature::KeyPair;

const IN_FLIGHT: usize = 64;
const ROUNDS: usize = 9;
const SID: &str = "AC00000000000000000000000000000000";
const TOKEN: &str = "invented-auth-token";
const TEXT: &str = "Your code is 123456.\n\n@example.com #123456";
const ANSWER: &str = r#"{"account_sid":"AC00000000000000000000000000000000","api_version":"2010-04-01",
"body":"Your code is 123456.","date_created":"Thu, 24 Aug 2023 05:01:45 +0000","date_sent":null,
"direction":"outbound-api","error_code":null,"error_message":null,"from":"+15550101","num_media":"0",
"num_segments":"1","price":null,"price_unit":"USD","messaging_service_sid":null,
"sid":"SM00000000000000000000000000000001","status":"queued","to":"+15550100","uri":"/"}"#;

fn main() {
    let texts = std::env::args().skip(1).find_map(|it| it.parse().ok()).unwrap_or(6_400);
    println!(
        "| {texts} texts, {IN_FLIGHT} in flight, median of {ROUNDS} | bare reqwest | adapter | |"
    );
    println!("|---|---|---|---|");
    let failed = [hand_offs(texts), receipts()].concat();
    assert!(failed.is_empty(), "over the bound: {}", failed.join("; "));
}

/// Texts a second and microseconds of the client's thread a text.
#[derive(Clone, Copy)]
struct Run {
    rate: f64,
    cost: f64,
}

fn hand_offs(texts: usize) -> Vec<String> {
    let connections = Arc::new(AtomicUsize::new(0));
    let base = serve(connections.clone());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let client = ReqwestClient::builder().configure(|reqwest| reqwest.no_proxy()).build().unwrap();
    let account = twilio::Account::with_token(SID, TOKEN).unwrap();
    let adapter = twilio::Twilio::builder(account, twilio::Sender::from_number("+15550101"))
        .client(client)
        .base_url(base.parse().unwrap())
        .build()
        .unwrap();
    let adapter = Arc::new(adapter);
    let bare = Arc::new(Bare::new(&base));
    let sms = Arc::new(OutboundSms::for_test("+15550100", TEXT, [1; 16]));

    let mut runs = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let client = bare.clone();
        let by_hand = timed(&runtime, texts, move || {
            let client = client.clone();
            async move { client.post().await }
        });
        let shared = (adapter.clone(), sms.clone());
        let adapted = timed(&runtime, texts, move || {
            let (adapter, sms) = shared.clone();
            async move { drop(black_box(adapter.hand_off(&sms).await.unwrap())) }
        });
        if round > 0 {
            runs.0.push(by_hand);
            runs.1.push(adapted);
        }
    }
    let opened = connections.load(Ordering::Relaxed);
    let [by_hand, adapted] = [median(runs.0.clone()), median(runs.1.clone())];
    let ratio = middle(runs.0.iter().zip(&runs.1).map(|(bare, ours)| ours.rate / bare.rate));
    let added = middle(runs.0.iter().zip(&runs.1).map(|(bare, ours)| ours.cost - bare.cost));
    println!(
        "| texts a second | {:.0} | {:.0} | {ratio:.2} of it (0.90) |",
        by_hand.rate, adapted.rate
    );
    println!(
        "| µs of processor time a text | {:.1} | {:.1} | {added:+.1} (10) |",
        by_hand.cost, adapted.cost
    );
    println!("| connections over {} texts | | | {opened} |", 2 * (ROUNDS + 1) * texts);
    let mut failed = Vec::new();
    if ratio < 0.90 {
        failed.push(format!("{ratio:.2} of the bare client's throughput"));
    }
    if added > 10.0 {
        failed.push(format!("{added:.1} µs a text"));
    }
    if opened > 2 * IN_FLIGHT {
        failed.push(format!("{opened} connections"));
    }
    failed
}

/// reqwest without us: what the adapter sends, made by hand for each text.
struct Bare {
    client: reqwest::Client,
    url: String,
}

impl Bare {
    fn new(base: &str) -> Self {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(rustls::RootCertStore::empty())
            .with_no_client_auth();
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .no_proxy()
            .http1_only()
            .timeout(Duration::from_secs(10))
            .build()
            .unwrap();
        Self { client, url: format!("{base}/2010-04-01/Accounts/{SID}/Messages.json") }
    }

    async fn post(&self) {
        let body = form_urlencoded::Serializer::new(String::new())
            .append_pair("To", "+15550100")
            .append_pair("From", "+15550101")
            .append_pair("Body", TEXT)
            .finish();
        let answer = self
            .client
            .post(&self.url)
            .basic_auth(SID, Some(TOKEN))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 201);
        drop(black_box(answer.bytes().await.unwrap()));
    }
}

fn timed<F: Future<Output = ()> + Send + 'static>(
    runtime: &tokio::runtime::Runtime,
    texts: usize,
    make: impl Fn() -> F + Clone + Send + 'static,
) -> Run {
    let (started, cpu) = (Instant::now(), ThreadTime::now());
    runtime.block_on(async {
        let lanes: Vec<_> = (0..IN_FLIGHT)
            .map(|_| {
                let make = make.clone();
                tokio::spawn(async move {
                    for _ in 0..texts / IN_FLIGHT {
                        make().await;
                    }
                })
            })
            .collect();
        for lane in lanes {
            lane.await.unwrap();
        }
    });
    let texts = (texts / IN_FLIGHT * IN_FLIGHT) as f64;
    Run {
        rate: texts / started.elapsed().as_secs_f64(),
        cost: cpu.elapsed().as_secs_f64() * 1e6 / texts,
    }
}

fn middle(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn median(runs: Vec<Run>) -> Run {
    let pick = |part: fn(&Run) -> f64| middle(runs.iter().map(part));
    Run { rate: pick(|run| run.rate), cost: pick(|run| run.cost) }
}

/// Answers every request on every connection, a thread each; the processor time counted is the
/// client's thread's alone.
fn serve(connections: Arc<AtomicUsize>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            connections.fetch_add(1, Ordering::Relaxed);
            std::thread::spawn(move || answer(stream.unwrap()));
        }
    });
    base
}

fn answer(mut stream: TcpStream) {
    stream.set_nodelay(true).unwrap();
    let reply = format!(
        "HTTP/1.1 201 Created\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{ANSWER}",
        ANSWER.len()
    );
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let (mut line, mut length, mut body) = (String::new(), 0, Vec::new());
    while reader.read_line(&mut line).is_ok_and(|read| read > 0) {
        let name = line.to_ascii_lowercase();
        if let Some(value) = name.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line == "\r\n" {
            body.resize(length, 0);
            if reader.read_exact(&mut body).is_err() || stream.write_all(reply.as_bytes()).is_err()
            {
                return;
            }
        }
        line.clear();
    }
}

/// A provider's verifier, and a request that it takes.
struct Genuine {
    name: &'static str,
    verifier: Box<dyn ReceiptVerifier>,
    headers: Vec<(&'static str, String)>,
    body: String,
    bound: f64,
}

const URL: &str = "https://hook.example.com/sms/0123456789abcdefghijkl";
const NOW: Timestamp = Timestamp::from_millis(1_795_800_000_000);

fn receipts() -> Vec<String> {
    println!("\n| receipt, 2 kB | µs to check | bound |");
    println!("|---|---|---|");
    let mut failed = Vec::new();
    for receipt in [by_twilio(), by_telnyx(), by_esendex()] {
        let headers: Vec<_> =
            receipt.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let body = receipt.body.as_bytes();
        assert!((1_900..2_200).contains(&body.len()), "{} bytes", body.len());
        let request = ReceiptRequest { method: "POST", url: URL, headers: &headers, body };
        let found = receipt.verifier.verify(&request, NOW).unwrap();
        assert_eq!(found.len(), 1, "{}", receipt.name);
        let took = middle((0..ROUNDS).map(|_| {
            let started = ThreadTime::now();
            for _ in 0..2_000 {
                drop(black_box(receipt.verifier.verify(black_box(&request), NOW).unwrap()));
            }
            started.elapsed().as_secs_f64() * 1e6 / 2_000.0
        }));
        println!("| {} | {took:.1} | {:.0} |", receipt.name, receipt.bound);
        if took > receipt.bound {
            failed.push(format!("{}: {took:.1} µs", receipt.name));
        }
    }
    failed
}

fn by_twilio() -> Genuine {
    let mut fields = vec![
        ("MessageSid".into(), "SM00000000000000000000000000000001".into()),
        ("MessageStatus".into(), "delivered".into()),
    ];
    fields.extend((0..40).map(|n| (format!("Filler{n:02}"), "x".repeat(37))));
    fields.sort();
    let mut mac = <Hmac<sha1::Sha1> as KeyInit>::new_from_slice(TOKEN.as_bytes()).unwrap();
    mac.update(URL.as_bytes());
    fields.iter().for_each(|(name, value): &(String, String)| {
        mac.update(name.as_bytes());
        mac.update(value.as_bytes());
    });
    let signature = Base64::encode_string(&mac.finalize().into_bytes());
    Genuine {
        name: "Twilio, HMAC-SHA1 over 42 fields",
        verifier: Box::new(twilio::Receipts::with_auth_token(SecretText::new(TOKEN))),
        headers: vec![("x-twilio-signature", signature)],
        body: form_urlencoded::Serializer::new(String::new()).extend_pairs(&fields).finish(),
        bound: 20.0,
    }
}

fn by_telnyx() -> Genuine {
    let pair = ring::signature::Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
    let filler = "x".repeat(1_700);
    let body = format!(
        r#"{{"data":{{"event_type":"message.finalized","id":"e","payload":{{"id":"40319e5a","filler":"{filler}",
        "to":[{{"phone_number":"+15550100","status":"delivered"}}],"errors":[],"parts":1,
        "cost":{{"amount":"0.0051","currency":"USD"}}}}}}}}"#
    );
    let seconds = NOW.as_millis() / 1_000;
    let signature = pair.sign(format!("{seconds}|{body}").as_bytes());
    let key = Base64::encode_string(pair.public_key().as_ref());
    Genuine {
        name: "Telnyx, Ed25519",
        verifier: Box::new(telnyx::Receipts::signed_by(telnyx::PublicKey::new(&key).unwrap())),
        headers: vec![
            ("telnyx-timestamp", seconds.to_string()),
            ("telnyx-signature-ed25519", Base64::encode_string(signature.as_ref())),
        ],
        body,
        bound: 80.0,
    }
}

fn by_esendex() -> Genuine {
    let filler = "x".repeat(1_650);
    let body = format!(
        "<MessageDelivered><Id>9f1b4a8e-1111-4222-8333-444455556666</Id>\
         <MessageId>1183c73d-2e62-4f60-b610-30f160bdfbd5</MessageId>\
         <AccountId>a2f60000-1111-4222-8333-444455556666</AccountId>\
         <OccurredAt>2026-11-27T17:20:00</OccurredAt><Filler>{filler}</Filler></MessageDelivered>"
    );
    let token = PathToken::new("0123456789abcdefghijkl").unwrap();
    Genuine {
        name: "Esendex, token in the path, XML",
        verifier: Box::new(esendex::Receipts::behind(token)),
        headers: vec![("content-type", "application/xml".into())],
        body,
        bound: 20.0,
    }
}
