//! The console's router: the second question under twenty answers at once, bodies without end, who hangs up,
//! and nobody.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use axum::http::request::Parts;
use otpgate::access::{Actor, Effect, Reason, Target};
use otpgate::store::{
    Admission, Admitted, MemoryStore, Redeemed, Redemption, Settlement, StoreError, Tallies,
    TallyQuery,
};
use otpgate::testing::ManualClock;
use otpgate::web::console::{Console, ConsoleFeed, Denied, Operator, Operators, Role, router};
use otpgate::{EventKind, KeyRing, Realm, Store};
use tokio::sync::Notify;
use tokio::task::{JoinSet, yield_now};

use crate::site::Site;
use crate::wire::{Answer, Wire};

const ORIGIN: &str = "https://staff.example";

/// Ada, by the host's own session.
#[derive(Debug)]
struct Staff;

#[async_trait]
impl Operators for Staff {
    async fn authenticate(&self, parts: &Parts) -> Result<Operator, Denied> {
        let cookie = parts.headers.get("cookie").and_then(|value| value.to_str().ok());
        match cookie {
            Some("staff=ada") => Ok(Operator::new(Actor::new("ada").unwrap(), Role::Act)),
            _ => Err(Denied::SignIn),
        }
    }
}

/// The console of a site, behind a server of its own.
async fn open(site: &Site) -> SocketAddr {
    let keys = KeyRing::generate().unwrap();
    let feed = ConsoleFeed::of(&Realm::default());
    let console = Console::new(site.gate.clone(), feed, Staff, &keys, ORIGIN).unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = axum::Router::new().merge(router(console));
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

fn request(method: &str, path: &str, body: &str) -> Vec<u8> {
    let form = match method {
        "POST" => format!(
            "Origin: {ORIGIN}\r\nSec-Fetch-Site: same-origin\r\nContent-Type: \
             application/x-www-form-urlencoded\r\nContent-Length: {}\r\n",
            body.len()
        ),
        _ => String::new(),
    };
    let cookie = "Cookie: staff=ada\r\n";
    format!("{method} {path} HTTP/1.1\r\nHost: staff.example\r\n{cookie}{form}\r\n{body}")
        .into_bytes()
}

async fn exchange(address: SocketAddr, request: &[u8]) -> Answer {
    let mut wire = Wire::open(address).await;
    wire.write(request).await;
    wire.read().await
}

fn page(answer: &Answer) -> String {
    String::from_utf8(answer.body.clone()).unwrap()
}

/// A hidden field; those of the console need no escaping in a form.
fn hidden<'a>(page: &'a str, name: &str) -> &'a str {
    let (_, rest) = page.split_once(&format!("name=\"{name}\" value=\"")).expect(name);
    rest.split('"').next().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_answer_of_twenty_pauses_and_one_resumes() {
    let site = Site::open().await;
    let address = open(&site).await;
    let overview = exchange(address, &request("GET", "/otp-console", "")).await;
    assert_eq!(overview.status, 200);
    assert!(overview.header("content-security-policy").unwrap().starts_with("default-src 'none'"));
    let token = hidden(&page(&overview), "token").to_owned();
    for (what, paused) in [("pause", true), ("resume", false)] {
        let asked = format!("do={what}&token={token}&hours=2&reason=toll-fraud");
        let asked = exchange(address, &request("POST", "/otp-console/act", &asked)).await;
        assert_eq!(asked.status, 200, "{asked:?}");
        let question = page(&asked);
        let names = ["token", "what", "reason", "hours", "entries", "confirmation"];
        let fields = names.map(|name| format!("{name}={}", hidden(&question, name)));
        let answer =
            request("POST", "/otp-console/act", &format!("do=confirm&{}", fields.join("&")));
        let mut wires = Vec::new();
        let (last, most) = answer.split_last().unwrap();
        for _ in 0..20 {
            let mut wire = Wire::open(address).await;
            wire.write(most).await;
            wires.push(wire);
        }
        let mut tasks = JoinSet::new();
        for mut wire in wires {
            let last = *last;
            tasks.spawn(async move {
                wire.write(&[last]).await;
                wire.read().await.status
            });
        }
        let answers = tasks.join_all().await;
        let done = answers.iter().filter(|status| **status == 303).count();
        let told = answers.iter().filter(|status| **status == 422).count();
        assert_eq!((done, told), (1, 19), "{what}: {answers:?}");
        let entries = site.gate.controls().list().await.unwrap();
        let off = entries.iter().filter(|entry| entry.effect() == Effect::SmsOff).count();
        assert_eq!(off, usize::from(paused), "{what}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_and_a_body_without_end_get_a_short_answer() {
    let site = Site::open().await;
    let address = open(&site).await;
    let stranger = b"GET /otp-console HTTP/1.1\r\nHost: staff.example\r\nCookie: staff=eve\r\n\r\n";
    let answer = exchange(address, stranger).await;
    assert_eq!(answer.status, 401);
    assert!(!page(&answer).contains("realm"));

    let mut wire = Wire::open(address).await;
    let head = String::from_utf8(request("POST", "/otp-console/act", "")).unwrap();
    let head = head.replace("Content-Length: 0\r\n", "Transfer-Encoding: chunked\r\n");
    wire.write(head.as_bytes()).await;
    let chunk = format!("1000\r\n{}\r\n", "a".repeat(0x1000));
    for _ in 0..64 {
        if !wire.try_write(chunk.as_bytes()).await {
            break;
        }
    }
    assert_eq!(wire.read().await.status, 413);
    assert_eq!(exchange(address, &request("GET", "/otp-console/nothing", "")).await.status, 404);
}

/// Takes an admission, and answers it when it is told to.
#[derive(Debug)]
struct Slow {
    inner: MemoryStore,
    slow: Arc<AtomicBool>,
    taken: Arc<AtomicBool>,
    answer: Arc<Notify>,
}

#[async_trait]
impl Store for Slow {
    async fn admit(&self, admission: &Admission) -> Result<Admitted, StoreError> {
        let taken = self.inner.admit(admission).await;
        if self.slow.load(Ordering::Relaxed) {
            self.taken.store(true, Ordering::Relaxed);
            self.answer.notified().await;
        }
        taken
    }

    async fn settle(&self, settlement: &Settlement) -> Result<(), StoreError> {
        self.inner.settle(settlement).await
    }

    async fn redeem(&self, redemption: &Redemption) -> Result<Redeemed, StoreError> {
        self.inner.redeem(redemption).await
    }

    async fn tally(&self, query: &TallyQuery) -> Result<Tallies, StoreError> {
        self.inner.tally(query).await
    }
}

/// Else an operator who closes the connection at once lifts, forgives and forgets without a trace.
#[tokio::test]
async fn a_change_is_told_though_the_operator_has_hung_up() {
    let (slow, taken) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let answer = Arc::new(Notify::new());
    let clock = ManualClock::default();
    let store = Slow {
        inner: MemoryStore::builder().clock(clock.clone()).build(),
        slow: Arc::clone(&slow),
        taken: Arc::clone(&taken),
        answer: Arc::clone(&answer),
    };
    let site = Site::open_with(|gate| gate.store(store).clock(clock), |config| config).await;
    let address = open(&site).await;
    let (why, bob) = (Reason::new("toll fraud").unwrap(), Actor::new("bob").unwrap());
    let prefix = Target::Prefix("+99899394".parse().unwrap());
    let id = site.gate.controls().enter(prefix, Effect::Block, why, bob, None).await.unwrap();
    let overview = exchange(address, &request("GET", "/otp-console", "")).await;
    let token = hidden(&page(&overview), "token").to_owned();
    let told = || {
        let by_ada = |kind: &EventKind| matches!(kind, EventKind::ControlsChanged { actor, .. } if actor == "ada");
        site.log.count(by_ada)
    };

    slow.store(true, Ordering::Relaxed);
    let mut wire = Wire::open(address).await;
    let lift = format!("do=lift&token={token}&id={id}&reason=over");
    wire.write(&request("POST", "/otp-console/act", &lift)).await;
    while !taken.load(Ordering::Relaxed) {
        yield_now().await;
    }
    drop(wire);
    // The server sees the end of that connection before it has answered all of these.
    for _ in 0..20 {
        let nothing = exchange(address, &request("GET", "/otp-console/nothing", "")).await;
        assert_eq!(nothing.status, 404);
    }
    assert_eq!(told(), 0);
    slow.store(false, Ordering::Relaxed);
    answer.notify_one();
    for _ in 0..1_000 {
        yield_now().await;
    }
    assert_eq!(told(), 1, "a lift that nobody hears of");
    assert!(site.gate.controls().list().await.unwrap().is_empty());
}
