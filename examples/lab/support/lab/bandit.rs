//! An attacker who searches the cheapest way in for a month, by what it earned him so far.
//!
//! A bandit with eighteen arms: where the numbers are, how they lie, and whose addresses ask. It enters a
//! tenth of the codes, at numbers that it rents for that. Everything it pays is added up, so that the
//! answer is a price: what a text that goes out costs him.

use std::collections::HashMap;

use super::super::drive::Adaptive;
use super::super::table::dollars;
use super::super::trace::Row;
use super::rng::Rng;
use super::world::{COUNTRIES, Country, country, proxy_ip};

/// Share of the codes that it enters.
pub const HONEST_LOOKING: f64 = 0.1;

/// Requests with one arm before it thinks again.
const PULL: u32 = 20;
/// Millionths of a dollar: a request by a residential proxy (100 kB at $5 a GB), a solved CAPTCHA ($2 a
/// thousand), and a rented number that gets one text (20 cents): prices of such services as advertised.
const REQUEST: u64 = 500;
const SOLVED: u64 = 2_000;
const RENTED: u64 = 200_000;
/// Share of a text's price that reaches him.
const PAYOUT: f64 = 0.3;

const PLACES: [&[u8; 2]; 3] = [b"DE", b"BD", b"DZ"];
const ARMS: usize = 18;

/// Where an arm sends.
#[derive(Clone, Copy)]
struct Arm {
    place: &'static Country,
    /// 0: one block of 10 000, another with each pull; 1: where the customers are; 2: anywhere.
    shape: usize,
    at_home: bool,
}

fn arm(index: usize) -> Arm {
    let place = &COUNTRIES[country(PLACES[index % 3])];
    Arm { place, shape: index / 3 % 3, at_home: index / 9 == 1 }
}

/// What one arm brought.
#[derive(Clone, Copy, Default)]
struct Earned {
    pulls: f64,
    /// Mean profit of a request, in its arms' largest.
    mean: f64,
}

/// See the module.
pub struct Bandit {
    rng: Rng,
    arms: [Earned; ARMS],
    now: usize,
    left: u32,
    base: u64,
    asked: HashMap<u64, (usize, u32)>,
    requests: u64,
    pumped: u64,
    own: u64,
    paid: u64,
    /// What the host paid for the texts nobody wanted.
    lost: u64,
    texts: [u64; ARMS],
}

impl Bandit {
    pub fn new(seed: u64) -> Self {
        Self {
            rng: Rng::new(seed ^ 0xba_4d17),
            arms: [Earned::default(); ARMS],
            now: 0,
            left: 0,
            base: 0,
            asked: HashMap::new(),
            requests: 0,
            pumped: 0,
            own: 0,
            paid: 0,
            lost: 0,
            texts: [0; ARMS],
        }
    }

    /// The arm with the best upper confidence bound (UCB1; rewards lie within a few cents).
    fn think(&mut self) {
        let all: f64 = self.arms.iter().map(|one| one.pulls).sum::<f64>().max(1.0);
        let bound = |one: &Earned| match one.pulls > 0.0 {
            true => one.mean + 0.02 * (2.0 * all.ln() / one.pulls).sqrt(),
            false => f64::INFINITY,
        };
        let best = (0..ARMS).max_by(|a, b| bound(&self.arms[*a]).total_cmp(&bound(&self.arms[*b])));
        self.now = best.unwrap_or(0);
        self.left = PULL;
        let place = arm(self.now).place;
        let range = self.rng.below(place.ranges * 3);
        self.base = place.number(range, self.rng.below(100) * 10_000);
    }
}

impl Adaptive for Bandit {
    fn choose(&mut self, row: &mut Row) {
        if self.left == 0 {
            self.think();
        }
        self.left -= 1;
        let Arm { place, shape, at_home } = arm(self.now);
        row.phone = match shape {
            0 => self.base + self.rng.below(10_000),
            1 => place.number(place.zipf_range(self.rng.unit()), self.rng.next()),
            _ => {
                let range = self.rng.below(place.ranges * 3);
                place.number(range, self.rng.next())
            }
        };
        let k = self.rng.next();
        row.ip = if at_home { place.ip(k) } else { proxy_ip(k) };
        row.region = place.region;
        row.price_microusd = place.price;
        self.requests += 1;
        self.asked.insert(row.phone, (self.now, place.price));
    }

    fn learn(&mut self, _sent: bool) {}

    fn settled(&mut self, row: &Row, sent: bool, step_ups: u8) {
        let Some((arm, price)) = self.asked.remove(&row.phone) else { return };
        let enters = row.converts_after_ms.is_some();
        let mut paid = REQUEST + SOLVED * u64::from(step_ups);
        let mut got = 0.0;
        if sent && enters {
            paid += RENTED;
            self.own += 1;
        } else if sent {
            self.pumped += 1;
            self.texts[arm] += 1;
            self.lost += u64::from(price);
        }
        if sent {
            got = f64::from(price) * PAYOUT;
        }
        self.paid += paid;
        let one = &mut self.arms[arm];
        one.pulls += 1.0;
        one.mean += ((got - paid as f64) / 1e6 - one.mean) / one.pulls;
    }

    fn report(&self) -> Option<String> {
        let best = (0..ARMS).max_by_key(|arm| self.texts[*arm]).unwrap_or(0);
        let Arm { place, shape, at_home } = arm(best);
        Some(format!(
            "{} requests in 30 days: {} pumped texts, which cost the host ${}, and {} that he paid to \
             answer; he spent ${}, {:.3} dollars for each pumped text, and earned ${:.2} with them. Most \
             ({}) went to {} {}, {}.",
            self.requests,
            self.pumped,
            dollars(self.lost),
            self.own,
            dollars(self.paid),
            self.paid as f64 / 1e6 / self.pumped.max(1) as f64,
            self.lost as f64 * PAYOUT / 1e6,
            self.texts[best],
            ["one block of", "where customers are in", "anywhere in"][shape],
            String::from_utf8_lossy(&place.region),
            if at_home { "from its addresses" } else { "from proxies all over the world" },
        ))
    }
}
