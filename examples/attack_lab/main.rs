//! Measures the detector: leak per attack family, collateral per innocent anomaly.
//!
//! `cargo run --release --example attack_lab -- [daily] [seeds] [filter]`
#![allow(
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    missing_docs,
    unreachable_pub,
    dead_code
)]

#[path = "../support/lab/mod.rs"]
mod lab;

use lab::attacks::{FAMILIES, attack};
use lab::baselines::{Authgear, Naive, Prefix};
use lab::honest::{Anomaly, Honest};
use lab::rng::Rng;
use lab::runner::{Decision, Judge, Report, run};
use lab::trace::Row;
use lab::world::country;
use otpgate::Timestamp;
use otpgate::pumping::{
    ClientNet, Costs, Detector, Event, EventKind, Level, NodeId, Subject, Tuning, Verdict,
};

const DAY: u64 = 86_400_000;
const HOUR: u64 = 3_600_000;
/// A Thursday, midnight UTC.
const START: u64 = 1_700_006_400_000 / DAY * DAY;
const WARM_DAYS: u64 = 4;

/// One detector, or several that share a journal, requests dealt in turn.
#[derive(Clone)]
struct Ours {
    gates: Vec<Detector>,
    log: Vec<(usize, Vec<u8>)>,
    read: Vec<usize>,
    turn: usize,
    requests: u64,
    inside: std::time::Duration,
}

impl Ours {
    fn new(gates: usize) -> Self {
        let mut all: Vec<_> =
            (0..gates).map(|g| Detector::with(g as u64 + 1, tuning(), costs())).collect();
        if gates > 1 {
            for g in &mut all {
                g.share();
            }
        }
        Self {
            read: vec![0; gates],
            gates: all,
            log: Vec::new(),
            turn: 0,
            requests: 0,
            inside: std::time::Duration::ZERO,
        }
    }

    /// What an admission's round trip carries: own events out, the others' in.
    fn exchange(&mut self, g: usize, at: u64) {
        if self.gates.len() < 2 {
            return;
        }
        let out = self.gates[g].drain_outbox();
        if !out.is_empty() {
            self.log.push((g, out));
        }
        for i in self.read[g]..self.log.len() {
            if self.log[i].0 != g {
                let now = Timestamp::from_millis(at);
                self.gates[g].absorb(now, &self.log[i].1).expect("own bytes");
            }
        }
        self.read[g] = self.log.len();
    }

    fn next(&mut self) -> usize {
        self.turn = (self.turn + 1) % self.gates.len();
        self.turn
    }
}

fn tuning() -> Tuning {
    let mut t = Tuning::default();
    if let Ok(list) = std::env::var("LAB_SET") {
        for pair in list.split(',') {
            let (key, value) = pair.split_once('=').expect("key=value");
            let v: f32 = value.parse().expect("number");
            match key {
                "ask" => t.ask_at = v,
                "refuse" => t.refuse_at = v,
                "context" => t.refuse_in_context = v,
                "up" => t.pass_up = v,
                "harm" => t.block_harm = v,
                "passf" => t.pass_factor = v,
                "gap" => t.half_open_gap = v,
                "nocold" => t.parts.cold = false,
                "noshare" => t.parts.share = false,
                "noflight" => t.parts.in_flight = false,
                "noasked" => t.parts.asked_evidence = false,
                "nooutage" => t.parts.outage = false,
                "noaddress" => t.parts.address = false,
                "nocontext" => t.parts.context = false,
                "value" | "ref" => {}
                "shareat" => t.share_at = v,
                "nf" => t.number_failures = v,
                other => panic!("unknown key {other}"),
            }
        }
    }
    t
}

fn costs() -> Costs {
    let mut c = Costs::default();
    if let Ok(list) = std::env::var("LAB_SET") {
        for pair in list.split(',') {
            if let Some(v) = pair.strip_prefix("ref=") {
                c.reference_daily = v.parse().expect("number");
            }
            if let Some(v) = pair.strip_prefix("value=") {
                c.user_value = v.parse().expect("number");
            }
        }
    }
    c
}

fn subject(row: &Row) -> Subject {
    Subject {
        region: row.region,
        digits: row.phone,
        known: false,
        purpose: 1,
        price_microusd: row.price_microusd,
        client: ClientNet::of(row.ip),
    }
}

impl Judge for Ours {
    fn request(&mut self, row: &Row, at: u64, passed: bool) -> Decision {
        self.requests += 1;
        let g = self.next();
        let s = subject(row);
        let now = Timestamp::from_millis(at);
        let begin = std::time::Instant::now();
        let assessment = self.gates[g].assess(now, &s, passed);
        self.inside += begin.elapsed();
        let decision = match assessment.verdict {
            Verdict::Allow => Decision::Send,
            Verdict::StepUp(_) => Decision::StepUp,
            _ => Decision::Refuse,
        };
        if std::env::var_os("LAB_TRACE").is_some() && !row.is_attack() && decision != Decision::Send
        {
            println!(
                "    {at} {decision:?} {} {:?} {}",
                row.label,
                row.region.map(char::from),
                assessment.reasons.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
            );
        }
        if let Ok(list) = std::env::var("LAB_WATCH")
            && self.requests.is_multiple_of(200)
            && at > START + WARM_DAYS * DAY
        {
            for id in [
                NodeId::pool(Level::Everyone),
                NodeId::pool(Level::Cold),
                NodeId::region(Level::Country, [list.as_bytes()[0], list.as_bytes()[1]]),
                NodeId::region(Level::ColdCountry, [list.as_bytes()[0], list.as_bytes()[1]]),
            ] {
                if let Some(v) = self.gates[g].inspect(id) {
                    println!(
                        "    {:6.2} h {id} {:?} e {:.1} c {:.1} pending {} daily {:.0} lately {:.1}",
                        (at - START) as f64 / HOUR as f64 - 96.0,
                        v.action,
                        v.evidence,
                        v.step_up_evidence,
                        v.unanswered,
                        v.verified_daily,
                        v.verified_lately
                    );
                }
            }
        }
        if std::env::var_os("LAB_ATTACK").is_some() && row.is_attack() {
            println!(
                "    {} {decision:?} +{} {}",
                at - START,
                row.phone,
                assessment.reasons.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
            );
        }
        let mut event = Event::after(now, &s, &assessment);
        event.passed = passed;
        let begin = std::time::Instant::now();
        self.gates[g].observe(event);
        self.inside += begin.elapsed();
        if decision == Decision::Send {
            self.exchange(g, at);
        }
        decision
    }
    fn verified(&mut self, row: &Row, at: u64) {
        let g = self.next();
        let event = Event::of(Timestamp::from_millis(at), EventKind::Verified, &subject(row));
        let begin = std::time::Instant::now();
        self.gates[g].observe(event);
        self.inside += begin.elapsed();
        self.exchange(g, at);
    }
    fn receipt(&mut self, row: &Row, at: u64) {
        let g = self.next();
        let kind = if row.delivered { EventKind::Delivered } else { EventKind::Undelivered };
        let event = Event::of(Timestamp::from_millis(at), kind, &subject(row));
        let begin = std::time::Instant::now();
        self.gates[g].observe(event);
        self.inside += begin.elapsed();
    }
}

/// The scenarios: name, whether it starts cold, rows.
fn scenario(name: &str, seed: u64, daily: f64, warm: u64, solves: f64) -> Vec<Row> {
    let honest = Honest::new(daily);
    let mut rng = Rng::new(seed ^ 0xfeed);
    let t0 = START + warm * DAY;
    let at = t0 + 9 * HOUR;
    let us = country(b"US");
    let vn = country(b"VN");
    let ph = country(b"PH");
    let mut span = 24 * HOUR;
    let (rows, end) = match name {
        _ if name.starts_with('A') => attack(name, seed, at, daily, solves),
        "N5" => (honest.company(&mut rng, at), 0),
        "N6" => (honest.new_country(&mut rng, at, 240, 30.0), 0),
        "N9" => (honest.campus(&mut rng, at, 3), 0),
        _ => (Vec::new(), 0),
    };
    let anomalies: Vec<Anomaly> = match name {
        "A18" | "N2" => {
            vec![Anomaly::Launch { country: vn, factor: 10.0, from: at, to: at + 4 * HOUR }]
        }
        "N3" => vec![Anomaly::OperatorDown {
            country: us,
            from: at + 8 * HOUR,
            to: at + 11 * HOUR,
            silent: false,
            sends: 0,
        }],
        "N3s" => vec![Anomaly::OperatorDown {
            country: us,
            from: at + 8 * HOUR,
            to: at + 11 * HOUR,
            silent: true,
            sends: 0,
        }],
        "N4" => vec![Anomaly::Outage {
            country: None,
            from: at,
            to: at + HOUR,
            silent: false,
            sends: 0,
        }],
        "N4s" => {
            vec![Anomaly::Outage { country: None, from: at, to: at + HOUR, silent: true, sends: 0 }]
        }
        "N7" => vec![Anomaly::Outage {
            country: Some(ph),
            from: at,
            to: at + 6 * HOUR,
            silent: false,
            sends: 2,
        }],
        "N7s" => vec![Anomaly::Outage {
            country: Some(ph),
            from: at,
            to: at + 6 * HOUR,
            silent: true,
            sends: 2,
        }],
        "N8" => vec![
            Anomaly::Launch { country: ph, factor: 6.0, from: at, to: at + 4 * HOUR },
            Anomaly::OperatorDown {
                country: ph,
                from: at,
                to: at + 4 * HOUR,
                silent: false,
                sends: 0,
            },
        ],
        "N8s" => vec![
            Anomaly::Launch { country: ph, factor: 6.0, from: at, to: at + 4 * HOUR },
            Anomaly::OperatorDown {
                country: ph,
                from: at,
                to: at + 4 * HOUR,
                silent: true,
                sends: 0,
            },
        ],
        "X1" => {
            span = 2 * DAY;
            vec![Anomaly::PoorMarket { country: country(b"BR"), conversion: 0.4, factor: 2.0 }]
        }
        "X2" => vec![Anomaly::Outage {
            country: Some(country(b"IN")),
            from: at,
            to: at + 3 * HOUR,
            silent: false,
            sends: 4,
        }],
        "X2s" => vec![Anomaly::Outage {
            country: Some(country(b"IN")),
            from: at,
            to: at + 3 * HOUR,
            silent: true,
            sends: 4,
        }],
        "X3" => vec![Anomaly::Peak { factor: 5.0, from: at, to: at + HOUR }],
        "X4" => vec![Anomaly::Relogin { factor: 8.0, from: at, to: at + HOUR }],
        _ => Vec::new(),
    };
    if end > 0 {
        span = span.max(end + 3 * HOUR - t0);
    }
    let mut all = honest.rows(&mut rng, t0, t0 + span, &anomalies);
    all.extend(rows);
    all.sort_by_key(|r| r.at_ms);
    all
}

fn warm(judge: &mut dyn Judge, seed: u64, daily: f64, days: u64) -> Report {
    let mut rng = Rng::new(seed ^ 0xbeef);
    let mut rows = Honest::new(daily).rows(&mut rng, START, START + days * DAY, &[]);
    rows.sort_by_key(|r| r.at_ms);
    run(judge, &mut rows, false)
}

/// A judge that watches but decides nothing: rules with a history learn it in record-only mode.
struct Observe<'a>(&'a mut dyn Judge);

impl Judge for Observe<'_> {
    fn request(&mut self, row: &Row, at: u64, passed: bool) -> Decision {
        self.0.request(row, at, passed);
        Decision::Send
    }
    fn verified(&mut self, row: &Row, at: u64) {
        self.0.verified(row, at);
    }
}

/// Always sends: what the runner itself costs.
struct Nobody(u64);

impl Judge for Nobody {
    fn request(&mut self, _: &Row, _: u64, _: bool) -> Decision {
        self.0 += 1;
        Decision::Send
    }
    fn verified(&mut self, _: &Row, _: u64) {}
}

/// Processor time of this process so far, nanoseconds (Linux).
fn cpu() -> f64 {
    let text = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|n| n.parse().ok()).unwrap_or(0.0)
}

/// Processor time of the detector a request: everything it does from assessment to settlement,
/// as the difference between a run with it and one without.
fn bench(seed: u64, daily: f64, days: u64) {
    let mut rng = Rng::new(seed ^ 0xbeef);
    let mut rows = Honest::new(daily).rows(&mut rng, START, START + days * DAY, &[]);
    rows.sort_by_key(|r| r.at_ms);
    let mut nobody = Nobody(0);
    let begin = cpu();
    run(&mut nobody, &mut rows, false);
    let middle = cpu();
    let mut plain = Plain(Detector::new(1));
    run(&mut plain, &mut rows, false);
    let end = cpu();
    println!(
        "bench: {} requests, {:.0} ns each (assess, send, receipt, verify, settle); {} nodes, {:.1} MB",
        nobody.0,
        (end - middle - (middle - begin)) / nobody.0 as f64,
        plain.0.nodes(),
        plain.0.bytes() as f64 / 1e6,
    );
}

/// The detector without the laboratory's switches.
struct Plain(Detector);

impl Judge for Plain {
    fn request(&mut self, row: &Row, at: u64, passed: bool) -> Decision {
        let s = subject(row);
        let now = Timestamp::from_millis(at);
        let assessment = self.0.assess(now, &s, passed);
        let mut event = Event::after(now, &s, &assessment);
        event.passed = passed;
        self.0.observe(event);
        match assessment.verdict {
            Verdict::Allow => Decision::Send,
            Verdict::StepUp(_) => Decision::StepUp,
            _ => Decision::Refuse,
        }
    }
    fn verified(&mut self, row: &Row, at: u64) {
        self.0.observe(Event::of(Timestamp::from_millis(at), EventKind::Verified, &subject(row)));
    }
    fn receipt(&mut self, row: &Row, at: u64) {
        let kind = if row.delivered { EventKind::Delivered } else { EventKind::Undelivered };
        self.0.observe(Event::of(Timestamp::from_millis(at), kind, &subject(row)));
    }
}

const ANOMALIES: [&str; 17] = [
    "N1", "N2", "N3", "N3s", "N4", "N4s", "N5", "N6", "N7", "N7s", "N8", "N8s", "N9", "X1", "X2",
    "X3", "X4",
];

fn main() {
    let mut args = std::env::args().skip(1);
    let daily: f64 = args.next().map_or(20_000.0, |a| a.parse().expect("daily volume"));
    let seeds: u64 = args.next().map_or(1, |a| a.parse().expect("seeds"));
    let filter = args.next().unwrap_or_default();
    let days: u64 = std::env::var("LAB_WARM").map_or(WARM_DAYS, |v| v.parse().expect("days"));
    let gates: usize = std::env::var("LAB_GATES").map_or(1, |v| v.parse().expect("gates"));
    let solves: f64 = std::env::var("LAB_SOLVES").map_or(0.2, |v| v.parse().expect("share"));
    let who = std::env::var("LAB_WHO").unwrap_or_default();
    let names: Vec<&str> = FAMILIES
        .into_iter()
        .chain(ANOMALIES)
        .filter(|n| {
            filter.is_empty()
                || filter.split(',').any(|f| {
                    f == *n || (f == "A" && n.starts_with('A')) || (f == "N" && !n.starts_with('A'))
                })
        })
        .collect();
    let (mut spent, mut asked) = (0.0, 0.0);
    let mut sums: Vec<Vec<Report>> = vec![Vec::new(); names.len()];
    let first: u64 = std::env::var("LAB_FIRST").map_or(1, |v| v.parse().unwrap());
    for seed in first..first + seeds {
        let base = Ours::new(gates);
        if std::env::var_os("LAB_BENCH").is_some() {
            bench(seed, daily, days);
        }
        let mut warmed = base.clone();
        let report = warm(&mut warmed, seed, daily, days);
        let (sessions, stepped, refused) = report.honest();
        println!(
            "seed {seed}: warm-up {sessions} sessions, stepped {stepped} ({:.4} %), refused {refused}; {} nodes, {:.1} MB, {:.2} us/request",
            stepped as f64 * 100.0 / (sessions.max(1)) as f64,
            warmed.gates[0].nodes(),
            warmed.gates[0].bytes() as f64 / 1e6,
            warmed.inside.as_secs_f64() * 1e6 / warmed.requests.max(1) as f64,
        );
        for (i, name) in names.iter().enumerate() {
            let cold = matches!(*name, "A19" | "X1");
            let mut rows = scenario(name, seed, daily, if cold { 0 } else { days }, solves);
            if let Ok(folder) = std::env::var("LAB_CSV") {
                let path = format!("{folder}/{name}-{seed}.csv");
                std::fs::write(path, lab::trace::to_csv(&rows)).expect("writable folder");
            }
            let mut judge: Box<dyn Judge> = match who.as_str() {
                "" => Box::new(if cold { base.clone() } else { warmed.clone() }),
                "naive" => Box::new(Naive::default()),
                "twilio" => Box::new(Prefix::twilio_like()),
                "35" => Box::new(Prefix::conversion_35()),
                "authgear" => Box::new(Authgear::published()),
                "authgear-tuned" => Box::new(Authgear::tuned()),
                other => panic!("no such judge: {other}"),
            };
            if !who.is_empty() && !cold {
                warm(&mut Observe(judge.as_mut()), seed, daily, days);
            }
            let r = run(judge.as_mut(), &mut rows, *name == "A20");
            let a = r.attack();
            if FAMILIES[..14].contains(name) {
                spent += a.sent_usd;
                asked += a.asked_usd;
            }
            sums[i].push(r);
        }
    }
    for (name, reports) in names.iter().zip(&sums) {
        let n = reports.len() as f64;
        let mut a = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0);
        let mut h = (0, 0, 0);
        let mut att = (0, 0);
        let mut worst = 0;
        let mut recovery = 0;
        for r in reports {
            let s = r.attack();
            a = (
                a.0 + s.asked as f64 / n,
                a.1 + s.sent as f64 / n,
                a.2 + s.asked_usd / n,
                a.3 + s.sent_usd / n,
                a.4 + s.first_reaction.unwrap_or(s.sent) as f64 / n,
                a.5 + s.sent_before_first_stop as f64 / n,
            );
            worst = worst.max(s.sent);
            let x = r.honest();
            h = (h.0 + x.0, h.1 + x.1, h.2 + x.2);
            att = (att.0 + r.attacked.0, att.1 + r.attacked.1);
            recovery = recovery.max(r.last_refusal.saturating_sub(r.last_attack) / 1_000);
        }
        if name.starts_with('A') {
            println!(
                "{name:>4}: sent {:7.1}/{:8.0} (worst {worst}) ${:8.2}/{:8.2} {:6.2} %  first {:5.1} stop {:5.1} | honest {} stepped {:.3} % refused {}; attacked countries {}/{} = {:.2} %; recovery {recovery} s",
                a.1,
                a.0,
                a.3,
                a.2,
                a.3 * 100.0 / a.2.max(1e-9),
                a.4,
                a.5,
                h.0,
                h.1 as f64 * 100.0 / h.0.max(1) as f64,
                h.2,
                att.1,
                att.0,
                att.1 as f64 * 100.0 / att.0.max(1) as f64,
            );
        } else {
            let special = reports.iter().flat_map(|r| &r.labels).filter(|(l, _)| {
                matches!(l.as_str(), "legit:company" | "legit:launch" | "legit:campus")
            });
            let (mut all, mut st) = (0, 0);
            for (_, s) in special {
                all += s.sessions;
                st += s.stepped;
            }
            println!(
                "{name:>4}: sessions {} stepped {} ({:.4} %) refused {}; special {st}/{all} = {:.2} %",
                h.0,
                h.1,
                h.1 as f64 * 100.0 / h.0.max(1) as f64,
                h.2,
                st as f64 * 100.0 / all.max(1) as f64
            );
        }
    }
    println!("A1-A14: ${spent:.2} of ${asked:.2} = {:.3} %", spent * 100.0 / asked.max(1e-9));
}
