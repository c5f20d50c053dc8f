//! The attack families.

use super::rng::{Rng, hash};
use super::row::Row;
use super::world::{COUNTRIES, Country, country, human_delay, proxy_ip};

const MIN: u64 = 60_000;
const HOUR: u64 = 3_600_000;

/// An attack in the making.
pub struct Maker<'a> {
    pub rng: &'a mut Rng,
    pub solves: f64,
    pub label: String,
    pub out: Vec<Row>,
}

impl Maker<'_> {
    pub fn push(&mut self, at: u64, c: &Country, phone: u64, ip: std::net::IpAddr, converts: f64) {
        let converts_after_ms = self.rng.chance(converts).then(|| human_delay(self.rng));
        let row = Row {
            at_ms: at,
            phone,
            region: c.region,
            ip,
            session: self.rng.next() >> 1,
            solves: self.rng.chance(self.solves),
            converts_after_ms,
            delivered: true,
            price_microusd: c.price,
            label: self.label.clone(),
        };
        self.out.push(row);
    }

    /// Poisson arrivals of `rate` a minute over a span.
    pub fn times(&mut self, from: u64, span: u64, rate: f64) -> Vec<u64> {
        let mut out = Vec::new();
        for m in 0..span / MIN {
            for _ in 0..self.rng.poisson(rate) {
                out.push(from + m * MIN + self.rng.below(MIN));
            }
        }
        out.sort_unstable();
        out
    }
}

pub fn at(region: &[u8; 2]) -> &'static Country {
    &COUNTRIES[country(region)]
}

/// Twenty countries: half with customers, half without.
fn twenty(rng: &mut Rng) -> Vec<&'static Country> {
    let mut all: Vec<_> = COUNTRIES[9..].iter().collect();
    for i in (1..all.len()).rev() {
        all.swap(i, rng.below(i as u64 + 1) as usize);
    }
    all.truncate(20);
    all
}

/// A range an attacker buys: anywhere in the plan, a third of them where customers are.
fn range(rng: &mut Rng, c: &Country) -> u64 {
    rng.below(c.ranges * 3)
}

/// Rows of one family from `start`; where it ends.
pub fn attack(family: &str, seed: u64, start: u64, daily: f64, solves: f64) -> (Vec<Row>, u64) {
    let mut rng = Rng::new(hash(seed) ^ hash(family.bytes().fold(0, |h, b| h * 31 + u64::from(b))));
    let mut m = Maker { rng: &mut rng, solves, label: format!("attack:{family}"), out: Vec::new() };
    let end = match family {
        "A1" => {
            let c = at(b"UZ");
            let first = c.number(range(m.rng, c), 940_000);
            for (k, t) in m.times(start, 2 * HOUR, 60.0).into_iter().enumerate() {
                let ip = proxy_ip(m.rng.below(200));
                m.push(t, c, first + k as u64 % 10_000, ip, 0.0);
            }
            start + 2 * HOUR
        }
        "A2" => {
            let c = at(b"AZ");
            let base = c.number(range(m.rng, c), 300_000);
            for t in m.times(start, 30 * MIN, 1_000.0) {
                let ip = proxy_ip(m.rng.below(5_000));
                let phone = base + m.rng.below(100_000);
                m.push(t, c, phone, ip, 0.0);
            }
            start + 30 * MIN
        }
        "A3" => {
            let mut blocks = Vec::new();
            for c in twenty(m.rng) {
                for _ in 0..5 {
                    let r = range(m.rng, c);
                    blocks.push((c, c.number(r, m.rng.below(100) * 10_000)));
                }
            }
            for t in m.times(start, 3 * HOUR, 200.0) {
                let (c, base) = blocks[m.rng.below(100) as usize];
                let ip = proxy_ip(m.rng.below(10_000));
                let phone = base + m.rng.below(10_000);
                m.push(t, c, phone, ip, 0.0);
            }
            start + 3 * HOUR
        }
        "A4" => {
            let mut blocks = Vec::new();
            for c in twenty(m.rng).into_iter().take(10) {
                for _ in 0..2 {
                    let r = range(m.rng, c);
                    blocks.push((c, c.number(r, m.rng.below(10) * 100_000)));
                }
            }
            for t in m.times(start, 24 * HOUR, 1.0) {
                let (c, base) = blocks[m.rng.below(20) as usize];
                let ip = proxy_ip(m.rng.next());
                let phone = base + m.rng.below(100_000);
                m.push(t, c, phone, ip, 0.0);
            }
            start + 24 * HOUR
        }
        "A5" => {
            let c = at(b"ID");
            let base = c.number(1, 0);
            for t in m.times(start, 4 * HOUR, 30.0) {
                let ip = proxy_ip(m.rng.next());
                let phone = base + m.rng.below(1_000_000);
                m.push(t, c, phone, ip, 0.0);
            }
            start + 4 * HOUR
        }
        "A6" | "A7" => {
            let (c, conv) = if family == "A6" { (at(b"PK"), 0.7) } else { (at(b"LK"), 0.3) };
            let base = c.number(range(m.rng, c), 500_000);
            for t in m.times(start, 6 * HOUR, 20.0) {
                let ip = proxy_ip(m.rng.below(2_000));
                let phone = base + m.rng.below(100_000);
                m.push(t, c, phone, ip, conv);
            }
            start + 6 * HOUR
        }
        "A8" => {
            let c = at(b"IN");
            for t in m.times(start, 4 * HOUR, 10.0) {
                let ip = proxy_ip(m.rng.below(3_000));
                let phone = c.person(m.rng.below(20));
                m.push(t, c, phone, ip, 0.0);
            }
            start + 4 * HOUR
        }
        "A9" => {
            let mut numbers = Vec::new();
            for c in twenty(m.rng) {
                for _ in 0..20 {
                    let r = range(m.rng, c);
                    numbers.push((c, c.number(r, m.rng.next())));
                }
            }
            for t in m.times(start, 6 * HOUR, 60.0) {
                let (c, phone) = numbers[m.rng.below(400) as usize];
                let ip = proxy_ip(m.rng.below(4_000));
                m.push(t, c, phone, ip, 0.0);
            }
            start + 6 * HOUR
        }
        "A10" => {
            for t in m.times(start, 3 * HOUR, 30.0) {
                let c = &COUNTRIES[m.rng.below(10) as usize];
                let people = (daily * f64::from(c.share) / 1_000.0 * 8.0) as u64;
                let phone = c.person(m.rng.below(people.max(20)));
                let ip = proxy_ip(m.rng.next());
                m.push(t, c, phone, ip, 0.0);
            }
            start + 3 * HOUR
        }
        "A11" => {
            let three = [at(b"TN"), at(b"BD"), at(b"EG")];
            let mut base = 0;
            let mut c = three[0];
            for (k, t) in m.times(start, 3 * HOUR, 60.0).into_iter().enumerate() {
                if k % 50 == 0 {
                    c = three[m.rng.below(3) as usize];
                    let r = range(m.rng, c);
                    base = c.number(r, m.rng.below(100) * 10_000);
                }
                let ip = proxy_ip(m.rng.below(3_000));
                let phone = base + m.rng.below(10_000);
                m.push(t, c, phone, ip, 0.0);
            }
            start + 3 * HOUR
        }
        "A12" => {
            let c = at(b"BD");
            let base = c.number(range(m.rng, c), 700_000);
            for t in m.times(start, 14 * HOUR, 0.15) {
                let ip = proxy_ip(m.rng.below(500));
                let phone = base + m.rng.below(100_000);
                m.push(t, c, phone, ip, 0.9);
            }
            for t in m.times(start + 14 * HOUR, HOUR + HOUR / 4, 100.0) {
                let ip = proxy_ip(m.rng.below(5_000));
                let phone = base + m.rng.below(100_000);
                m.push(t, c, phone, ip, 0.0);
            }
            start + 15 * HOUR + HOUR / 4
        }
        "A13" => {
            let c = at(b"AE");
            for t in m.times(start, 8 * HOUR, 15.0) {
                let r = m.rng.below(4);
                let phone = c.number(r, m.rng.next());
                let ip = proxy_ip(m.rng.next());
                m.push(t, c, phone, ip, 0.0);
            }
            start + 8 * HOUR
        }
        "A14" => {
            let three = [at(b"DE"), at(b"UZ"), at(b"KZ")];
            for t in m.times(start, 4 * HOUR, 1_000.0) {
                let c = three[m.rng.below(3) as usize];
                let phone = c.number(2, m.rng.next());
                let ip = proxy_ip(m.rng.below(700));
                m.push(t, c, phone, ip, 0.0);
            }
            start + 4 * HOUR
        }
        // scout: three probes into each of ten blocks, a burst three hours later
        "A15" => {
            let c = at(b"MM");
            let mut blocks = Vec::new();
            for _ in 0..10 {
                let r = range(m.rng, c);
                blocks.push(c.number(r, m.rng.below(100) * 10_000));
            }
            for (i, base) in blocks.iter().enumerate() {
                for k in 0..3 {
                    let ip = proxy_ip(m.rng.next());
                    let phone = base + m.rng.below(10_000);
                    m.push(start + (i as u64 * 3 + k) * 5 * MIN, c, phone, ip, 0.0);
                }
            }
            for t in m.times(start + 3 * HOUR, HOUR, 120.0) {
                let base = blocks[m.rng.below(10) as usize];
                let ip = proxy_ip(m.rng.below(3_000));
                let phone = base + m.rng.below(10_000);
                m.push(t, c, phone, ip, 0.0);
            }
            start + 4 * HOUR
        }
        // one IPv6 /48 rotating its /64, numbers all over three countries
        "A16" => {
            let three = [at(b"NP"), at(b"EG"), at(b"VN")];
            for t in m.times(start, 3 * HOUR, 40.0) {
                let c = three[m.rng.below(3) as usize];
                let r = range(m.rng, c);
                let phone = c.number(r, m.rng.next());
                let site = 0x2001_0db8_0042_u128 << 80;
                let ip =
                    std::net::Ipv6Addr::from_bits(site | u128::from(m.rng.below(65_536)) << 64 | 1);
                m.push(t, c, phone, ip.into(), 0.0);
            }
            start + 3 * HOUR
        }
        // one minute on, fourteen off
        "A17" => {
            let c = at(b"TJ");
            let base = c.number(range(m.rng, c), 100_000);
            for burst in 0..24 {
                for t in m.times(start + burst * 15 * MIN, MIN, 60.0) {
                    let ip = proxy_ip(m.rng.below(3_000));
                    let phone = base + m.rng.below(100_000);
                    m.push(t, c, phone, ip, 0.0);
                }
            }
            start + 6 * HOUR
        }
        // hidden in a launch of the same country (the scenario adds the launch)
        "A18" => {
            let c = at(b"VN");
            let base = c.number(range(m.rng, c), 200_000);
            for t in m.times(start + HOUR, 2 * HOUR, 40.0) {
                let ip = proxy_ip(m.rng.next());
                let phone = base + m.rng.below(100_000);
                m.push(t, c, phone, ip, 0.0);
            }
            start + 3 * HOUR
        }
        // first hour of a new installation (the scenario has no days before it)
        "A19" => {
            let c = at(b"PH");
            for t in m.times(start + 20 * MIN, 2 * HOUR, 30.0) {
                let r = 5;
                let phone = c.number(r, m.rng.next());
                let ip = proxy_ip(m.rng.next());
                m.push(t, c, phone, ip, 0.0);
            }
            start + 20 * MIN + 2 * HOUR
        }
        // adaptive: the numbers are chosen as the answers come in, see `adaptive`
        "A20" | "A21" => {
            let c = at(b"BD");
            for t in m.times(start, 3 * HOUR, 60.0) {
                let ip = proxy_ip(m.rng.next());
                m.push(t, c, c.number(1, 1), ip, 0.0);
            }
            start + 3 * HOUR
        }
        // thin, all over the country with most customers, from its own addresses
        "T1" => {
            let c = at(b"US");
            for t in m.times(start, 12 * HOUR, 6.0) {
                let range = c.zipf_range(m.rng.unit());
                let phone = c.number(range, m.rng.next());
                let ip = c.ip(m.rng.next());
                m.push(t, c, phone, ip, 0.0);
            }
            start + 12 * HOUR
        }
        // eight blocks of 100 000 in four countries with customers, where customers are
        "T2" => {
            let four = [at(b"ID"), at(b"BR"), at(b"GB"), at(b"TR")];
            let blocks: Vec<_> = (0..8)
                .map(|k| {
                    let c = four[k % 4];
                    (c, c.number(c.zipf_range(m.rng.unit()), m.rng.below(10) * 100_000))
                })
                .collect();
            for t in m.times(start, 3 * HOUR, 40.0) {
                let (c, base) = blocks[m.rng.below(8) as usize];
                let ip = proxy_ip(m.rng.next());
                let phone = base + m.rng.below(100_000);
                m.push(t, c, phone, ip, 0.0);
            }
            start + 3 * HOUR
        }
        // where he goes is chosen as the answers come in, see `bandit`
        "B1" => {
            let c = at(b"BD");
            for t in m.times(start, 30 * 24 * HOUR, 1.0) {
                let ip = proxy_ip(m.rng.next());
                m.push(t, c, c.number(1, 1), ip, super::bandit::HONEST_LOOKING);
            }
            start + 30 * 24 * HOUR
        }
        _ => super::held_out::attack(family, &mut m, start, daily),
    };
    (m.out, end)
}
