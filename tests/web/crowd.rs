//! Tried: garbage through every endpoint from the address of everybody else, and one proof or code at two
//! servers at once.

use std::net::SocketAddr;
use std::sync::Arc;

use otpgate::store::MemoryStore;
use otpgate::testing::ManualClock;
use otpgate::{GateBuilder, KeyRing};
use serde_json::json;

use crate::site::{NUMBER, Site, wrong};
use crate::wire::{Answer, exchange};

const SHARED: &str = "203.0.113.7";

/// A23 over real sockets: what has no genuine grant, or not its own session's, stands in front of nobody.
#[tokio::test]
async fn garbage_from_everybodys_address_stands_in_front_of_none() {
    let site = Site::open().await;
    let mut people = Vec::new();
    for n in 0..5 {
        let (mut person, number) = (site.browser(SHARED), format!("+49151123456{:02}", n + 10));
        assert_eq!(person.sign_up(&number).await.status, 200);
        people.push((person, number));
    }
    let mut bot = site.browser(SHARED);
    assert_eq!(bot.sign_up("+4915112340000").await.status, 200);
    let own = bot.cookies["__Host-otp-grant"].clone();
    let mut other = site.browser(SHARED);
    let _ = other.ticket("sign-up").await;
    let huge = "1".repeat(15_000);
    for n in 0..240 {
        let mut browser = match n % 4 {
            0 => site.browser(SHARED),
            1 => bot.clone(),
            _ => other.clone(),
        };
        let grant = match n % 3 {
            0 => format!("made-up-{n}"),
            // Genuine, and of another session than that of two callers in three.
            1 => own.clone(),
            _ => format!("{}{n}", &own[..own.len() - 6]),
        };
        if n % 4 != 1 {
            browser.cookies.insert("__Host-otp-grant".to_owned(), grant);
        }
        let answer = match n % 5 {
            0 | 1 => browser.verify("123456").await,
            2 => browser.verify(&huge).await,
            3 => browser.post("/otp/resend", json!({})).await,
            _ => browser.get("/otp/entry").await,
        };
        assert!(answer.status < 500, "{n}: {answer:?}");
    }
    for (mut person, number) in people {
        let code = site.outbox.last_code_to(&number).unwrap();
        assert_eq!(person.verify(&wrong(&code)).await.status, 422, "a typing error");
        assert_eq!(person.verify(&code).await.status, 200, "{number}");
    }
}

/// The same request at both servers, ten times each, all at once.
async fn at_both(servers: [SocketAddr; 2], request: &[u8]) -> Vec<Answer> {
    let calls: Vec<_> = (0..20)
        .map(|n| {
            let request = request.to_vec();
            tokio::spawn(async move { exchange(servers[n % 2], &request).await })
        })
        .collect();
    let mut answers = Vec::new();
    for call in calls {
        answers.push(call.await.unwrap());
    }
    answers
}

#[tokio::test]
async fn two_servers_on_one_store_send_one_text_and_verify_once() {
    let store = Arc::new(MemoryStore::builder().clock(ManualClock::default()).build());
    let keys = KeyRing::generate().unwrap();
    let shared = |builder: GateBuilder| builder.store(Arc::clone(&store)).keys(keys.clone());
    let one = Site::open_with(shared, |config| config).await;
    let two = Site::open_with(shared, |config| config).await;
    let servers = [one.address, two.address];
    let mut browser = one.browser(SHARED);
    let proof = browser.proof("sign-up", NUMBER).await;
    let body = json!({ "purpose": "sign-up", "number": NUMBER, "proof": proof });
    let answers = at_both(servers, &browser.post_bytes("/otp/send", &body)).await;
    assert_eq!(one.outbox.handed_off() + two.outbox.handed_off(), 1, "one text");
    let sent: Vec<_> = answers.iter().filter(|answer| answer.status == 200).collect();
    assert_eq!(sent.len(), 1, "{answers:?}");
    browser.keep(sent[0]);

    let code = one.outbox.last_code_to(NUMBER).or_else(|| two.outbox.last_code_to(NUMBER)).unwrap();
    let verify = browser.post_bytes("/otp/verify", &json!({ "code": code }));
    let answers = at_both(servers, &verify).await;
    let accepted = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(accepted, 1, "{answers:?}");
}
