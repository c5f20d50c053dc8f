//! The attack families.

use std::net::{IpAddr, Ipv6Addr};

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
    pub fn push(&mut self, at: u64, c: &Country, phone: u64, ip: IpAddr, converts: f64) {
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

    /// Requests of `rate` a minute over a span, each as `one` draws the `k`th. Answers when it ends.
    pub fn flood(
        &mut self,
        from: u64,
        span: u64,
        rate: f64,
        converts: f64,
        mut one: impl FnMut(&mut Rng, u64) -> Request,
    ) -> u64 {
        for (k, at) in (0..).zip(self.times(from, span, rate)) {
            let (c, phone, ip) = one(self.rng, k);
            self.push(at, c, phone, ip, converts);
        }
        from + span
    }
}

/// Country, number and address.
pub type Request = (&'static Country, u64, IpAddr);

/// From one of so many proxies, to one of `size` numbers from `base` on.
pub fn within(
    rng: &mut Rng,
    proxies: u64,
    (c, base): (&'static Country, u64),
    size: u64,
) -> Request {
    let ip = proxy_ip(rng.below(proxies));
    (c, base + rng.below(size), ip)
}

/// The same from a proxy that is never seen again.
pub fn once_within(rng: &mut Rng, (c, base): (&'static Country, u64), size: u64) -> Request {
    let ip = proxy_ip(rng.next());
    (c, base + rng.below(size), ip)
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
            m.flood(start, 2 * HOUR, 60.0, 0.0, |rng, k| {
                (c, first + k % 10_000, proxy_ip(rng.below(200)))
            })
        }
        "A2" => {
            let c = at(b"AZ");
            let block = (c, c.number(range(m.rng, c), 300_000));
            m.flood(start, 30 * MIN, 1_000.0, 0.0, |rng, _| within(rng, 5_000, block, 100_000))
        }
        "A3" => {
            let mut blocks = Vec::new();
            for c in twenty(m.rng) {
                for _ in 0..5 {
                    let r = range(m.rng, c);
                    blocks.push((c, c.number(r, m.rng.below(100) * 10_000)));
                }
            }
            m.flood(start, 3 * HOUR, 200.0, 0.0, |rng, _| {
                let block = blocks[rng.below(100) as usize];
                within(rng, 10_000, block, 10_000)
            })
        }
        "A4" => {
            let mut blocks = Vec::new();
            for c in twenty(m.rng).into_iter().take(10) {
                for _ in 0..2 {
                    let r = range(m.rng, c);
                    blocks.push((c, c.number(r, m.rng.below(10) * 100_000)));
                }
            }
            m.flood(start, 24 * HOUR, 1.0, 0.0, |rng, _| {
                let block = blocks[rng.below(20) as usize];
                once_within(rng, block, 100_000)
            })
        }
        "A5" => {
            let c = at(b"ID");
            let block = (c, c.number(1, 0));
            m.flood(start, 4 * HOUR, 30.0, 0.0, |rng, _| once_within(rng, block, 1_000_000))
        }
        "A6" | "A7" => {
            let (c, converts) = if family == "A6" { (at(b"PK"), 0.7) } else { (at(b"LK"), 0.3) };
            let block = (c, c.number(range(m.rng, c), 500_000));
            m.flood(start, 6 * HOUR, 20.0, converts, |rng, _| within(rng, 2_000, block, 100_000))
        }
        "A8" => {
            let c = at(b"IN");
            m.flood(start, 4 * HOUR, 10.0, 0.0, |rng, _| {
                let ip = proxy_ip(rng.below(3_000));
                (c, c.person(rng.below(20)), ip)
            })
        }
        "A9" => {
            let mut numbers = Vec::new();
            for c in twenty(m.rng) {
                for _ in 0..20 {
                    let r = range(m.rng, c);
                    numbers.push((c, c.number(r, m.rng.next())));
                }
            }
            m.flood(start, 6 * HOUR, 60.0, 0.0, |rng, _| {
                let (c, phone) = numbers[rng.below(400) as usize];
                (c, phone, proxy_ip(rng.below(4_000)))
            })
        }
        "A10" => m.flood(start, 3 * HOUR, 30.0, 0.0, |rng, _| {
            let c = &COUNTRIES[rng.below(10) as usize];
            let people = (daily * f64::from(c.share) / 1_000.0 * 8.0) as u64;
            let phone = c.person(rng.below(people.max(20)));
            (c, phone, proxy_ip(rng.next()))
        }),
        "A11" => {
            let three = [at(b"TN"), at(b"BD"), at(b"EG")];
            let mut block = (three[0], 0);
            m.flood(start, 3 * HOUR, 60.0, 0.0, |rng, k| {
                if k % 50 == 0 {
                    let c = three[rng.below(3) as usize];
                    let r = range(rng, c);
                    block = (c, c.number(r, rng.below(100) * 10_000));
                }
                within(rng, 3_000, block, 10_000)
            })
        }
        "A12" => {
            let c = at(b"BD");
            let block = (c, c.number(range(m.rng, c), 700_000));
            let warm =
                m.flood(start, 14 * HOUR, 0.15, 0.9, |rng, _| within(rng, 500, block, 100_000));
            m.flood(warm, HOUR + HOUR / 4, 100.0, 0.0, |rng, _| within(rng, 5_000, block, 100_000))
        }
        "A13" => {
            let c = at(b"AE");
            m.flood(start, 8 * HOUR, 15.0, 0.0, |rng, _| {
                let r = rng.below(4);
                let phone = c.number(r, rng.next());
                (c, phone, proxy_ip(rng.next()))
            })
        }
        "A14" => {
            let three = [at(b"DE"), at(b"UZ"), at(b"KZ")];
            m.flood(start, 4 * HOUR, 1_000.0, 0.0, |rng, _| {
                let c = three[rng.below(3) as usize];
                let phone = c.number(2, rng.next());
                (c, phone, proxy_ip(rng.below(700)))
            })
        }
        // scout: three probes into each of ten blocks, a burst three hours later
        "A15" => {
            let c = at(b"MM");
            let mut blocks = Vec::new();
            for _ in 0..10 {
                let r = range(m.rng, c);
                blocks.push((c, c.number(r, m.rng.below(100) * 10_000)));
            }
            for (i, block) in (0..).zip(&blocks) {
                for k in 0..3 {
                    let (c, phone, ip) = once_within(m.rng, *block, 10_000);
                    m.push(start + (i * 3 + k) * 5 * MIN, c, phone, ip, 0.0);
                }
            }
            m.flood(start + 3 * HOUR, HOUR, 120.0, 0.0, |rng, _| {
                let block = blocks[rng.below(10) as usize];
                within(rng, 3_000, block, 10_000)
            })
        }
        // one IPv6 /48 rotating its /64, numbers all over three countries
        "A16" => {
            let three = [at(b"NP"), at(b"EG"), at(b"VN")];
            m.flood(start, 3 * HOUR, 40.0, 0.0, |rng, _| {
                let c = three[rng.below(3) as usize];
                let r = range(rng, c);
                let phone = c.number(r, rng.next());
                let site = 0x2001_0db8_0042_u128 << 80;
                let ip = Ipv6Addr::from_bits(site | u128::from(rng.below(65_536)) << 64 | 1);
                (c, phone, ip.into())
            })
        }
        // one minute on, fourteen off
        "A17" => {
            let c = at(b"TJ");
            let block = (c, c.number(range(m.rng, c), 100_000));
            for burst in 0..24 {
                let from = start + burst * 15 * MIN;
                m.flood(from, MIN, 60.0, 0.0, |rng, _| within(rng, 3_000, block, 100_000));
            }
            start + 6 * HOUR
        }
        // hidden in a launch of the same country (the scenario adds the launch)
        "A18" => {
            let c = at(b"VN");
            let block = (c, c.number(range(m.rng, c), 200_000));
            m.flood(start + HOUR, 2 * HOUR, 40.0, 0.0, |rng, _| once_within(rng, block, 100_000))
        }
        // first hour of a new installation (the scenario has no days before it)
        "A19" => {
            let c = at(b"PH");
            m.flood(start + 20 * MIN, 2 * HOUR, 30.0, 0.0, |rng, _| {
                let phone = c.number(5, rng.next());
                (c, phone, proxy_ip(rng.next()))
            })
        }
        // adaptive: the numbers are chosen as the answers come in, see `adaptive`
        "A20" | "A21" => {
            let c = at(b"BD");
            m.flood(start, 3 * HOUR, 60.0, 0.0, |rng, _| {
                let ip = proxy_ip(rng.next());
                (c, c.number(1, 1), ip)
            })
        }
        // thin, all over the country with most customers, from its own addresses
        "T1" => {
            let c = at(b"US");
            m.flood(start, 12 * HOUR, 6.0, 0.0, |rng, _| {
                let range = c.zipf_range(rng.unit());
                let phone = c.number(range, rng.next());
                (c, phone, c.ip(rng.next()))
            })
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
            m.flood(start, 3 * HOUR, 40.0, 0.0, |rng, _| {
                let block = blocks[rng.below(8) as usize];
                once_within(rng, block, 100_000)
            })
        }
        // where he goes is chosen as the answers come in, see `bandit`
        "B1" => {
            let c = at(b"BD");
            let honest = super::bandit::HONEST_LOOKING;
            m.flood(start, 30 * 24 * HOUR, 1.0, honest, |rng, _| {
                let ip = proxy_ip(rng.next());
                (c, c.number(1, 1), ip)
            })
        }
        _ => super::held_out::attack(family, &mut m, start, daily),
    };
    (m.out, end)
}
