//! What the cheapest garbage costs the host: processor time, store calls and store entries a request.
//!
//! `cargo bench --features testing --bench garbage -- [requests]`. Every row is a request that anybody can send without
//! an account: nothing in it is signed, or what is signed was used before. Each comes from a client of
//! its own, so that no limit shortens the work. The last rows are genuine requests to compare with.
//! The run fails if garbage is dearer than the genuine call it imitates, if it makes more store calls
//! than that, or if it leaves entries behind that the page does not name.

#![allow(missing_docs, clippy::disallowed_methods, clippy::unwrap_used, clippy::panic)]
#![allow(clippy::arithmetic_side_effects, clippy::print_stdout, clippy::indexing_slicing)]

use std::cell::RefCell;
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use cpu_time::ThreadTime;
use otpgate::access::{CallerId, CallerRule, CallerRules, ProxyHeader, TrustedProxies};
use otpgate::store::MemoryStore;
use otpgate::testing::{
    Calls, Counting, ManualClock, ScriptedTransport, TransportHandle, block_on,
};
use otpgate::token::{HumanTime, WorkBits, answer};
use otpgate::{
    Clearance, Cleared, ClientContext, ClientIp, EntryGrant, Gate, KeyRing, Money, Policy, Purpose,
    Recipient, Region, Sent,
};

const NUMBER: &str = "+4915112345678";
const MEBIBYTE: usize = 1 << 20;
/// Requests between two looks at the clock: fewer than the detector takes unanswered from one block.
const BATCH: u64 = 8;
/// Nanoseconds to copy a mebibyte, generously.
const COPY: f64 = 200_000.0;

struct Target {
    gate: Gate,
    clock: ManualClock,
    outbox: TransportHandle,
    calls: Calls,
    store: Arc<MemoryStore>,
    number: Recipient,
}

/// A measured kind of request.
struct Row {
    nanoseconds: f64,
    store_calls: f64,
    entries: f64,
    /// A mebibyte came with it.
    long: bool,
}

fn main() {
    let requests = std::env::args().skip(1).find_map(|it| it.parse().ok()).unwrap_or(20_000);
    println!("| request | µs of processor time | store calls | entries left |");
    println!("|---|---|---|---|");
    let target = Target::open();
    let page = |n: u64| Target::client(n);
    let forged = forged(&answer(target.ticket(0).as_str(), NUMBER).unwrap());
    let long = "A".repeat(MEBIBYTE);
    let few = requests.min(2_000);

    let entrance = target.row("page shown: `preflight`", requests, |n| {
        drop(black_box(target.gate.preflight(&Purpose::SIGN_UP, &page(n)).unwrap()));
    });
    target.row("a number of 1 MiB", few, |_| assert!(Recipient::parse(&long, None).is_err()));
    let proxies = TrustedProxies::parse(["10.0.0.0/8"]).unwrap();
    let line = "203.0.113.7, ".repeat(600);
    target.row("a forwarding header of 8 kB", few, |_| {
        let peer = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
        black_box(
            ClientIp::behind(peer, ProxyHeader::XForwardedFor, [line.as_str()], &proxies)
                .unwrap_or_default(),
        );
    });
    let mut garbage = Vec::new();
    for (name, proof, times) in [
        ("form with a short text for a proof", "nonsense", requests),
        ("form with a forged proof", forged.as_str(), requests),
        ("form with a proof of 1 MiB", long.as_str(), few),
    ] {
        garbage.push(target.row(name, times, |n| {
            let sent = target.clear(proof, n);
            assert!(matches!(sent, Cleared::Refused(_)));
        }));
    }
    let cleared = target.row("form with a genuine proof: `clear` alone, unused", requests, |n| {
        drop(black_box(target.clearance(n)));
    });
    cheaper(&garbage, &cleared, "clear");

    let mut guesses = Vec::new();
    for (name, grant, code, times) in [
        ("code with a made-up grant", "nonsense", "123456", requests),
        ("code with a grant of 1 MiB", long.as_str(), "123456", few),
        ("code of 1 MiB with a made-up grant", "nonsense", long.as_str(), few),
    ] {
        guesses.push(target.row(name, times, |n| {
            let grant = EntryGrant::from_client(grant);
            drop(black_box(block_on(target.gate.verify(&grant, code, &page(n))).unwrap()));
        }));
    }
    let mut pages = Vec::new();
    pages.push(target.row("code page with a made-up grant: `entry`", requests, |n| {
        let grant = EntryGrant::from_client("nonsense");
        drop(black_box(block_on(target.gate.entry(&grant, &page(n))).unwrap()));
    }));
    pages.push(target.row("`resend` with a made-up grant", requests, |n| {
        let grant = EntryGrant::from_client("nonsense");
        drop(black_box(block_on(target.gate.resend(&grant, &page(n))).unwrap()));
    }));
    target.row("caller's request without a signature", requests, |_| {
        let peer = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
        let purpose = Purpose::PAYMENT;
        drop(black_box(
            target
                .gate
                .authorise(
                    "nonsense",
                    &target.number,
                    &purpose,
                    &otpgate::access::ClientIp::from_peer(peer),
                )
                .unwrap(),
        ));
    });
    target.clock.advance(Duration::from_secs(86_400));
    let used: Vec<_> = (0..requests.min(20_000)).map(|n| target.used(n)).collect();
    let replays =
        target.row("a token that was used before: `clear` and `issue`", used.len() as u64, |n| {
            let Cleared::Passed(clearance) = target.clear(&used[n as usize], n) else { panic!() };
            let sent = block_on(target.gate.issue(clearance)).unwrap();
            assert!(!matches!(sent, Sent::Issued(_)));
        });

    let genuine = Target::open();
    let sent = genuine.sends(requests.min(2_000));
    cheaper(&[replays], &sent, "issue");
    let guess = genuine.guesses(requests.min(2_000));
    cheaper(&guesses, &guess, "verify");
    cheaper(&pages, &sent, "issue");
    assert!(entrance.store_calls == 0.0, "a page shown reaches no store");
}

/// Garbage costs no more than what it imitates, give or take the machine's noise. A mebibyte may take
/// the time of copying it. A guess may leave one meter behind, that of its network.
fn cheaper(garbage: &[Row], genuine: &Row, call: &str) {
    for row in garbage {
        let nanoseconds = genuine.nanoseconds * 1.5 + if row.long { COPY } else { 0.0 };
        assert!(row.store_calls <= genuine.store_calls, "garbage makes more calls than {call}");
        assert!(row.entries <= genuine.entries.max(1.0) + 0.01, "garbage leaves more than {call}");
        assert!(row.nanoseconds <= nanoseconds, "garbage is dearer than {call}");
    }
}

impl Target {
    fn open() -> Self {
        let clock = ManualClock::default();
        let store = MemoryStore::builder().capacity(4_000_000).clock(clock.clone()).build();
        let store = Arc::new(store);
        let (counting, calls) = Counting::new(Arc::clone(&store));
        let (transport, outbox) = ScriptedTransport::new();
        let mut policy = Policy::default();
        (policy.token.human_time, policy.token.work) = (HumanTime::ZERO, WorkBits::NONE);
        let rule =
            CallerRule::new(CallerId::new("billing").unwrap(), ["10.0.0.0/8".parse().unwrap()]);
        let gate = Gate::builder()
            .keys(KeyRing::generate().unwrap())
            .store(counting)
            .transport(transport)
            .brand("Example")
            .origin("example.com")
            .callers(CallerRules::new("otp.example.com").allow(rule))
            .countries([Region::DE])
            .daily_budget(Money::dollars(1_000_000))
            .policy(policy)
            .clock(clock.clone())
            .single_gate()
            .build()
            .unwrap();
        Self { gate, clock, outbox, calls, store, number: Recipient::parse(NUMBER, None).unwrap() }
    }

    /// Client `n`, of a network and a session of its own.
    fn client(n: u64) -> ClientContext {
        let address = Ipv4Addr::from(0x0b00_0001_u32.wrapping_add((n as u32) << 8));
        ClientContext::from_peer(IpAddr::V4(address), format!("session-{n}"))
    }

    fn ticket(&self, n: u64) -> otpgate::token::SendTicket {
        self.gate.preflight(&Purpose::SIGN_UP, &Self::client(n)).unwrap()
    }

    fn clear(&self, proof: &str, n: u64) -> Cleared {
        let purpose = Purpose::SIGN_UP;
        block_on(self.gate.clear(proof, &self.recipient(n), &purpose, &Self::client(n))).unwrap()
    }

    fn recipient(&self, n: u64) -> Recipient {
        Recipient::parse(&number(n), None).unwrap()
    }

    fn proof(&self, n: u64) -> String {
        answer(self.ticket(n).as_str(), &number(n)).unwrap()
    }

    fn clearance(&self, n: u64) -> Clearance {
        match self.clear(&self.proof(n), n) {
            Cleared::Passed(clearance) => clearance,
            other => panic!("{other:?}"),
        }
    }

    /// A proof whose token is spent.
    fn used(&self, n: u64) -> String {
        let proof = self.proof(n);
        if let Cleared::Passed(clearance) = self.clear(&proof, n) {
            drop(black_box(block_on(self.gate.issue(clearance)).unwrap()));
        }
        proof
    }

    /// Texts to people who enter their codes, as they do.
    fn sends(&self, requests: u64) -> Row {
        let sent = RefCell::new(Vec::new());
        let name = "genuine: `clear` and `issue`";
        let prepare = |n| {
            self.enter(&mut sent.borrow_mut());
            (n, self.proof(n))
        };
        self.prepared(name, requests, prepare, |(n, proof)| {
            let Cleared::Passed(clearance) = self.clear(&proof, n) else { panic!("not cleared") };
            match block_on(self.gate.issue(clearance)).unwrap() {
                Sent::Issued(issued) => sent.borrow_mut().push((n, issued.into_grant())),
                other => panic!("{other:?}"),
            }
        })
    }

    /// Wrong codes with a genuine grant, before the right one.
    fn guesses(&self, requests: u64) -> Row {
        let open = RefCell::new(Vec::new());
        let prepare = |n| {
            let n = n + 1_000_000;
            self.enter(&mut open.borrow_mut());
            let sent = block_on(self.gate.issue(self.clearance(n))).unwrap();
            let Sent::Issued(issued) = sent else { panic!("{sent:?}") };
            (n, issued.into_grant())
        };
        self.prepared("genuine: a wrong code", requests, prepare, |(n, grant)| {
            drop(black_box(
                block_on(self.gate.verify(&grant, "000000", &Self::client(n))).unwrap(),
            ));
            open.borrow_mut().push((n, grant));
        })
    }

    /// Enters the right codes of all of these, half a minute apart.
    fn enter(&self, open: &mut Vec<(u64, EntryGrant)>) {
        for (n, grant) in open.drain(..) {
            self.clock.advance(Duration::from_secs(30));
            let code = self.outbox.last_code_to(&number(n)).unwrap();
            drop(black_box(block_on(self.gate.verify(&grant, &code, &Self::client(n))).unwrap()));
        }
    }

    fn row(&self, name: &str, requests: u64, mut request: impl FnMut(u64)) -> Row {
        self.prepared(name, requests, |n| n, &mut request)
    }

    /// What `prepare` does is not measured.
    fn prepared<T>(
        &self,
        name: &str,
        requests: u64,
        mut prepare: impl FnMut(u64) -> T,
        mut request: impl FnMut(T),
    ) -> Row {
        let (mut spent, mut calls, mut entries) = (Duration::ZERO, 0, 0);
        let (mut done, mut batch) = (0, Vec::with_capacity(BATCH as usize));
        while done < requests {
            batch.extend((done..requests.min(done + BATCH)).map(&mut prepare));
            done += BATCH;
            let (entries_before, calls_before) = (self.store.entries(), self.calls.total());
            let start = ThreadTime::now();
            batch.drain(..).for_each(&mut request);
            spent += start.elapsed();
            calls += self.calls.total() - calls_before;
            entries += self.store.entries().saturating_sub(entries_before);
        }
        let each = |total: f64| total / requests as f64;
        let row = Row {
            nanoseconds: each(spent.as_nanos() as f64),
            store_calls: each(calls as f64),
            entries: each(entries as f64),
            long: name.contains("1 MiB"),
        };
        let Row { nanoseconds, store_calls, entries, .. } = row;
        println!("| {name} | {:.1} | {store_calls:.2} | {entries:.2} |", nanoseconds / 1_000.0);
        row
    }
}

/// `proof` with another character in its middle.
fn forged(proof: &str) -> String {
    let (head, tail) = proof.split_at(proof.len() / 2);
    let other = if tail.starts_with('A') { 'B' } else { 'A' };
    format!("{head}{other}{}", &tail[1..])
}

/// The `n`th of many numbers, scattered over all blocks.
fn number(n: u64) -> String {
    format!("+49151{:08}", 10_000_000 + n.wrapping_mul(0x9e37_79b9) % 90_000_000)
}
