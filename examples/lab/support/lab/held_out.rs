//! Families that nobody tuned the detector on. They were written after its constants were fixed, and
//! are reported apart; keep it so.

use super::attacks::{Maker, at, once_within, within};
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
            m.flood(start, 4 * HOUR, 20.0, 0.0, |rng, _| {
                let block = blocks[rng.below(200) as usize];
                once_within(rng, block, 100)
            })
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
            let own = m.flood(start, 6 * HOUR, 0.5, 1.0, |rng, _| {
                let phone = base + rng.below(200) * 500;
                (c, phone, proxy_ip(rng.next()))
            });
            m.flood(own, 3 * HOUR, 30.0, 0.15, |rng, _| {
                let phone = base + rng.below(100_000);
                (c, phone, proxy_ip(rng.next()))
            })
        }
        // every request in another country, a quarter of the codes entered
        "H4" => m.flood(start, 12 * HOUR, 3.0, 0.25, |rng, _| {
            let c = &COUNTRIES[rng.below(COUNTRIES.len() as u64) as usize];
            let range = rng.below(c.ranges * 3);
            let phone = c.number(range, rng.next());
            (c, phone, proxy_ip(rng.next()))
        }),
        // two minutes at full speed each hour, each time in another country
        "H5" => {
            for burst in 0..8 {
                let c = &COUNTRIES[20 + (hash(burst ^ m.rng.below(1 << 20)) % 16) as usize];
                let range = m.rng.below(c.ranges * 3);
                let block = (c, c.number(range, m.rng.below(100) * 10_000));
                let from = start + burst * HOUR;
                m.flood(from, 2 * MIN, 300.0, 0.0, |rng, _| within(rng, 5_000, block, 10_000));
            }
            start + 8 * HOUR
        }
        // through a whole range of a million in strides, never twice near the same number
        "H6" => {
            let c = at(b"SA");
            let range = m.rng.below(c.ranges);
            let base = c.number(range, 0);
            m.flood(start, 5 * HOUR, 30.0, 0.0, |rng, k| {
                (c, base + k * 9_973 % 1_000_000, proxy_ip(rng.next()))
            })
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
            m.flood(start, 6 * HOUR, 20.0, 0.0, |rng, _| {
                let (c, base) = blocks[rng.below(30) as usize];
                let k = rng.next();
                let ip = if rng.chance(0.67) { c.ip(k) } else { proxy_ip(k) };
                (c, base + rng.below(10_000), ip)
            })
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
            m.flood(start + 33 * HOUR, 4 * HOUR, 10.0, 0.0, |rng, _| {
                let k = rng.below(60) as usize;
                let c = three[k % 3];
                (c, c.number(rng.below(c.ranges), rng.next()), proxies[k])
            })
        }
        // while a country gets no texts: receipts say so, of the attacker's numbers too
        "H9" => {
            let c = at(b"PH");
            let blocks = [0; 4].map(|_| c.number(m.rng.below(c.ranges), m.rng.below(100) * 10_000));
            let end = m.flood(start, 4 * HOUR, 20.0, 0.0, |rng, _| {
                let base = blocks[rng.below(4) as usize];
                (c, base + rng.below(10_000), proxy_ip(rng.next()))
            });
            m.out.iter_mut().for_each(|row| row.delivered = false);
            end
        }
        // numbers beside those that people of five countries have
        "H10" => m.flood(start, 8 * HOUR, 10.0, 0.0, |rng, _| {
            let c = &COUNTRIES[rng.below(5) as usize];
            let phone = c.person(rng.below(20_000)) + 1 + rng.below(20);
            (c, phone, proxy_ip(rng.next()))
        }),
        // ten texts to each thousand of a country's ranges, from its own addresses
        "H11" => {
            let c = at(b"BD");
            m.flood(start, 6 * HOUR, 10.0, 0.0, |rng, k| {
                let block = hash(k / 10);
                let base = c.number(block % c.ranges, (block >> 20) % 1_000 * 1_000);
                (c, base + rng.below(1_000), c.ip(rng.next()))
            })
        }
        other => unreachable!("no such family: {other}"),
    }
}
