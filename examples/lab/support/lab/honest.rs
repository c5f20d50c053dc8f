//! Honest traffic, and the innocent anomalies N1–N9 (and more) laid over it.

use super::rng::Rng;
use super::row::Row;
use super::world::{COUNTRIES, Country, country, human_delay, proxy_ip, season};
use super::worlds::World;

/// What disturbs honest traffic.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Anomaly {
    /// Volume × factor in one country, 90 % new.
    Launch { country: usize, factor: f64, from: u64, to: u64 },
    /// No codes arrive in a third of one country's ranges.
    OperatorDown { country: usize, from: u64, to: u64, silent: bool, sends: u32 },
    /// No codes arrive: everywhere, or in one country; people press "send again" so many times.
    Outage { country: Option<usize>, from: u64, to: u64, silent: bool, sends: u32 },
    /// Everything × factor.
    Peak { factor: f64, from: u64, to: u64 },
    /// Returning people × factor.
    Relogin { factor: f64, from: u64, to: u64 },
    /// Texts arrive so many times later than usual in one country.
    Slow { country: usize, factor: u64, from: u64, to: u64 },
    /// This share of people is somewhere in the world.
    Travel { share: f64, from: u64, to: u64 },
    /// One country always converts this badly.
    PoorMarket { country: usize, conversion: f64, factor: f64 },
}

/// Parameters of honest traffic.
#[derive(Clone, Copy, Debug)]
pub struct Honest {
    pub daily: f64,
    pub solves: f64,
    pub returning: f64,
    pub world: World,
}

impl Honest {
    pub fn new(world: World, daily: f64) -> Self {
        Self { daily, solves: 0.97, returning: 0.55, world }
    }

    /// Rows of `[from, to)`, not sorted.
    pub fn rows(&self, rng: &mut Rng, from: u64, to: u64, anomalies: &[Anomaly]) -> Vec<Row> {
        let mut out = Vec::new();
        for (index, c) in COUNTRIES.iter().enumerate() {
            let share = self.world.share(index);
            if share == 0 {
                continue;
            }
            let per_minute = self.daily * f64::from(share) / 1_000.0 / 1_440.0;
            let mut at = from;
            while at < to {
                let base = per_minute * season(at, c.zone);
                let (mut new, mut old) = (base * (1.0 - self.returning), base * self.returning);
                for a in anomalies {
                    match *a {
                        Anomaly::Launch { country, factor, from, to }
                            if country == index && (from..to).contains(&at) =>
                        {
                            new += base * (factor - 1.0) * 0.9;
                            old += base * (factor - 1.0) * 0.1;
                        }
                        Anomaly::Peak { factor, from, to } if (from..to).contains(&at) => {
                            new *= factor;
                            old *= factor;
                        }
                        Anomaly::Relogin { factor, from, to } if (from..to).contains(&at) => {
                            old *= factor;
                        }
                        Anomaly::PoorMarket { country, factor, .. } if country == index => {
                            new *= factor;
                            old *= factor;
                        }
                        _ => {}
                    }
                }
                for _ in 0..rng.poisson(new) {
                    let u = rng.unit();
                    let phone = c.number(c.zipf_range(u), rng.next());
                    self.session(rng, &mut out, c, index, phone, at, "legit:new", anomalies);
                }
                for _ in 0..rng.poisson(old) {
                    let people = (self.daily * f64::from(share) / 1_000.0 * 8.0) as u64;
                    let phone = c.person(rng.below(people.max(20)));
                    self.session(rng, &mut out, c, index, phone, at, "legit:returning", anomalies);
                }
                at += 60_000;
            }
        }
        out
    }

    /// One person's session: a first request and perhaps resends.
    #[allow(clippy::too_many_arguments)]
    pub fn session(
        &self,
        rng: &mut Rng,
        out: &mut Vec<Row>,
        c: &Country,
        index: usize,
        phone: u64,
        minute: u64,
        label: &str,
        anomalies: &[Anomaly],
    ) {
        let at = minute + rng.below(60_000);
        let nat = rng.chance(0.45);
        let share = self.world.share(index);
        let pool = (self.daily * f64::from(share.max(1)) / 10_000.0).max(3.0) as u64;
        let ip = if nat { c.nat_ip(pool, rng.unit()) } else { c.ip(rng.next()) };
        let mut ip = self.world.address(rng).unwrap_or(ip);
        for a in anomalies {
            if let Anomaly::Travel { share, from, to } = *a
                && (from..to).contains(&at)
                && rng.chance(share)
            {
                ip = proxy_ip(rng.next());
            }
        }
        let session = rng.next() >> 1;
        let mut conversion = c.conversion;
        let mut down = false;
        let mut silent = false;
        let (mut storm, mut slow) = (0, 1);
        for a in anomalies {
            match *a {
                Anomaly::OperatorDown { country, from, to, silent: s, sends }
                    if country == index
                        && (from..to).contains(&at)
                        && (phone / 1_000_000).is_multiple_of(3) =>
                {
                    (down, silent, storm) = (true, s, sends);
                }
                Anomaly::Outage { country, from, to, silent: s, sends }
                    if country.is_none_or(|x| x == index) && (from..to).contains(&at) =>
                {
                    (down, silent, storm) = (true, s, sends);
                }
                Anomaly::Slow { country, factor, from, to }
                    if country == index && (from..to).contains(&at) =>
                {
                    slow = factor;
                }
                Anomaly::PoorMarket { country, conversion: q, .. } if country == index => {
                    conversion = q;
                }
                _ => {}
            }
        }
        let solves = rng.chance(self.solves);
        let mut row = Row {
            at_ms: at,
            phone,
            region: c.region,
            ip,
            session,
            solves,
            converts_after_ms: None,
            delivered: true,
            price_microusd: c.price,
            label: label.to_owned(),
        };
        let wants = rng.chance(conversion);
        let mut again = 0.37;
        let mut sends = 0;
        loop {
            let lost = down || rng.chance(0.035);
            row.delivered = !lost || (down && silent);
            row.converts_after_ms = (wants && !lost).then(|| human_delay(rng) * slow);
            out.push(row.clone());
            sends += 1;
            let retry = if down && storm > 0 { sends < storm } else { lost && rng.chance(again) };
            if !retry {
                return;
            }
            again = 0.08;
            row.at_ms += 30_000 + rng.below(60_000);
        }
    }

    /// N5: sixty consecutive numbers from one address within half an hour.
    pub fn company(&self, rng: &mut Rng, at: u64) -> Vec<Row> {
        let index = country(b"GB");
        let c = &COUNTRIES[index];
        let first = c.number(3, 424_200);
        let ip = c.ip(4_242);
        let mut out = Vec::new();
        for k in 0..60 {
            let from = out.len();
            let minute = at + k * 30_000;
            self.session(rng, &mut out, c, index, first + k, minute, "legit:company", &[]);
            for row in &mut out[from..] {
                row.ip = ip;
            }
        }
        out
    }

    /// N6: a launch in a country never seen, so many sign-ups a minute.
    pub fn new_country(&self, rng: &mut Rng, at: u64, minutes: u64, rate: f64) -> Vec<Row> {
        let index = country(b"KZ");
        let c = &COUNTRIES[index];
        let mut out = Vec::new();
        for m in 0..minutes {
            for _ in 0..rng.poisson(rate) {
                let u = rng.unit();
                let phone = c.number(c.zipf_range(u), rng.next());
                self.session(rng, &mut out, c, index, phone, at + m * 60_000, "legit:launch", &[]);
            }
        }
        out
    }

    /// N9: two hundred sign-ups an hour from one campus address.
    pub fn campus(&self, rng: &mut Rng, at: u64, hours: u64) -> Vec<Row> {
        let index = self.world.stage(country(b"US"));
        let c = &COUNTRIES[index];
        let ip = c.ip(99_000);
        let mut out = Vec::new();
        for m in 0..hours * 60 {
            for _ in 0..rng.poisson(200.0 / 60.0) {
                let u = rng.unit();
                let phone = c.number(c.zipf_range(u), rng.next());
                let from = out.len();
                self.session(rng, &mut out, c, index, phone, at + m * 60_000, "legit:campus", &[]);
                for row in &mut out[from..] {
                    row.ip = ip;
                }
            }
        }
        out
    }
}
