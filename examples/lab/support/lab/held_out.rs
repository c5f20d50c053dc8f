//! Families that nobody tuned the detector on. They were written after its constants were fixed, and
//! are reported apart; keep it so.

use super::attacks::{Maker, at};
use super::rng::hash;
use super::world::{COUNTRIES, proxy_ip, season};

const MIN: u64 = 60_000;
const HOUR: u64 = 3_600_000;

/// Rows of one family from `start`; where it ends.
pub fn attack(family: &str, m: &mut Maker<'_>, start: u64, daily: f64) -> u64 {
    match family {
        // two hundred blocks of a hundred numbers, in countries with customers
        "H1" => {
            let mut blocks = Vec::new();
            for _ in 0..200 {
                let c = &COUNTRIES[m.rng.below(20) as usize];
                let range = m.rng.below(c.ranges * 3);
                blocks.push((c, c.number(range, m.rng.below(10_000) * 100)));
            }
            for t in m.times(start, 4 * HOUR, 20.0) {
                let (c, base) = blocks[m.rng.below(200) as usize];
                let ip = proxy_ip(m.rng.next());
                let phone = base + m.rng.below(100);
                m.push(t, c, phone, ip, 0.0);
            }
            start + 4 * HOUR
        }
        // a tenth of the host's own traffic, with its rhythm, where its customers are
        "H2" => {
            for minute in 0..24 * 60 {
                let t = start + minute * MIN;
                for c in &COUNTRIES[..5] {
                    let honest = daily * f64::from(c.share) / 1_000.0 / 1_440.0;
                    for _ in 0..m.rng.poisson(0.1 * honest * season(t, c.zone)) {
                        let range = c.zipf_range(m.rng.unit());
                        let phone = c.number(range, m.rng.next());
                        let ip = proxy_ip(m.rng.next());
                        let at = t + m.rng.below(MIN);
                        m.push(at, c, phone, ip, 0.0);
                    }
                }
            }
            start + 24 * HOUR
        }
        // a farm of own cards signs up first, then the neighbours of its numbers are pumped
        "H3" => {
            let c = at(b"KE");
            let range = m.rng.below(c.ranges);
            let base = c.number(range, 300_000);
            for t in m.times(start, 6 * HOUR, 0.5) {
                let phone = base + m.rng.below(200) * 500;
                let ip = proxy_ip(m.rng.next());
                m.push(t, c, phone, ip, 1.0);
            }
            for t in m.times(start + 6 * HOUR, 3 * HOUR, 30.0) {
                let phone = base + m.rng.below(100_000);
                let ip = proxy_ip(m.rng.next());
                m.push(t, c, phone, ip, 0.15);
            }
            start + 9 * HOUR
        }
        // every request in another country, a quarter of the codes entered
        "H4" => {
            for t in m.times(start, 12 * HOUR, 3.0) {
                let c = &COUNTRIES[m.rng.below(COUNTRIES.len() as u64) as usize];
                let range = m.rng.below(c.ranges * 3);
                let phone = c.number(range, m.rng.next());
                let ip = proxy_ip(m.rng.next());
                m.push(t, c, phone, ip, 0.25);
            }
            start + 12 * HOUR
        }
        // two minutes at full speed each hour, each time in another country
        "H5" => {
            for burst in 0..8 {
                let c = &COUNTRIES[20 + (hash(burst ^ m.rng.below(1 << 20)) % 16) as usize];
                let range = m.rng.below(c.ranges * 3);
                let base = c.number(range, m.rng.below(100) * 10_000);
                for t in m.times(start + burst * HOUR, 2 * MIN, 300.0) {
                    let ip = proxy_ip(m.rng.below(5_000));
                    let phone = base + m.rng.below(10_000);
                    m.push(t, c, phone, ip, 0.0);
                }
            }
            start + 8 * HOUR
        }
        // through a whole range of a million in strides, never twice near the same number
        "H6" => {
            let c = at(b"SA");
            let range = m.rng.below(c.ranges);
            let base = c.number(range, 0);
            for (k, t) in m.times(start, 5 * HOUR, 30.0).into_iter().enumerate() {
                let ip = proxy_ip(m.rng.next());
                m.push(t, c, base + k as u64 * 9_973 % 1_000_000, ip, 0.0);
            }
            start + 5 * HOUR
        }
        // thirty blocks in four countries with customers, two of three requests from their own networks
        "H7" => {
            let four = [at(b"PH"), at(b"EG"), at(b"GB"), at(b"MX")];
            let blocks: Vec<_> = (0..30)
                .map(|k| {
                    let c = four[k % 4];
                    (c, c.number(m.rng.below(c.ranges), m.rng.below(100) * 10_000))
                })
                .collect();
            for t in m.times(start, 6 * HOUR, 20.0) {
                let (c, base) = blocks[m.rng.below(30) as usize];
                let k = m.rng.next();
                let ip = if m.rng.chance(0.67) { c.ip(k) } else { proxy_ip(k) };
                let phone = base + m.rng.below(10_000);
                m.push(t, c, phone, ip, 0.0);
            }
            start + 6 * HOUR
        }
        // sixty proxies verify a rented number each, and pump all over three countries a day later
        "H8" => {
            let three = [at(b"KE"), at(b"VN"), at(b"BD")];
            let proxies: Vec<_> = (0..60).map(|_| proxy_ip(m.rng.next())).collect();
            for (k, ip) in proxies.iter().enumerate() {
                let c = three[k % 3];
                let phone = c.number(m.rng.below(c.ranges), m.rng.next());
                m.push(start + k as u64 * 7 * MIN, c, phone, *ip, 1.0);
            }
            let again = start + 33 * HOUR;
            for t in m.times(again, 4 * HOUR, 10.0) {
                let k = m.rng.below(60) as usize;
                let c = three[k % 3];
                let phone = c.number(m.rng.below(c.ranges), m.rng.next());
                m.push(t, c, phone, proxies[k], 0.0);
            }
            again + 4 * HOUR
        }
        other => unreachable!("no such family: {other}"),
    }
}
