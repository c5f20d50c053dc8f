//! The rules in common use, as published or as recommended in guides.

use std::collections::{HashMap, HashSet, VecDeque};
use std::net::IpAddr;

use super::super::judge::{Decision, Judge};
use super::super::trace::Row;

const MIN: u64 = 60_000;
const HOUR: u64 = 3_600_000;
const DAY: u64 = 86_400_000;

fn refused() -> Decision {
    Decision::Refuse("rule".to_owned())
}

/// Times within a window.
#[derive(Clone, Debug, Default)]
struct Window(VecDeque<u64>);

impl Window {
    fn count(&mut self, now: u64, span: u64) -> usize {
        while self.0.front().is_some_and(|t| t + span.max(DAY) <= now) {
            self.0.pop_front();
        }
        self.0.iter().rev().take_while(|t| **t + span > now).count()
    }
    fn add(&mut self, now: u64) {
        self.0.push_back(now);
    }
}

/// 5 in 10 min and 10 a day a number; 10 an hour and 50 a day an address.
#[derive(Clone, Debug, Default)]
pub struct Naive {
    phones: HashMap<u64, Window>,
    ips: HashMap<IpAddr, Window>,
}

impl Judge for Naive {
    fn request(&mut self, _: usize, row: &Row, at: u64, _: bool) -> Decision {
        let p = self.phones.entry(row.phone).or_default();
        let i = self.ips.entry(row.ip).or_default();
        if p.count(at, 10 * MIN) >= 5
            || p.count(at, DAY) >= 10
            || i.count(at, HOUR) >= 10
            || i.count(at, DAY) >= 50
        {
            return refused();
        }
        p.add(at);
        i.add(at);
        Decision::Send
    }
    fn verify(&mut self, _: usize, _: &Row, _: u64) -> bool {
        true
    }
}

/// Conversion and volume of a prefix; a block when both look bad.
#[derive(Clone, Debug)]
pub struct Prefix {
    size: u64,
    least: usize,
    conversion: f64,
    times_baseline: f64,
    cells: HashMap<u64, PrefixCell>,
}

#[derive(Clone, Debug, Default)]
struct PrefixCell {
    sent: Window,
    verified: Window,
    daily: f64,
    day: u64,
    until: u64,
    strikes: u32,
}

impl Prefix {
    /// Twilio-like: 10^4 prefix, at least 10, at most 15 %, five times its baseline.
    pub fn twilio_like() -> Self {
        Self {
            size: 10_000,
            least: 10,
            conversion: 0.15,
            times_baseline: 5.0,
            cells: HashMap::new(),
        }
    }
    /// Vonage-like: 10^6, at least 20 in an hour, at most 35 %.
    pub fn conversion_35() -> Self {
        Self {
            size: 1_000_000,
            least: 20,
            conversion: 0.35,
            times_baseline: 0.0,
            cells: HashMap::new(),
        }
    }
}

impl Judge for Prefix {
    fn request(&mut self, _: usize, row: &Row, at: u64, _: bool) -> Decision {
        let cell = self.cells.entry(row.phone / self.size).or_default();
        if cell.day != at / DAY {
            cell.day = at / DAY;
            let day = cell.sent.count(at, DAY) as f64;
            cell.daily += (day - cell.daily) / 7.0;
        }
        if at < cell.until {
            return refused();
        }
        // codes younger than a minute have had no chance yet
        let sent = cell.sent.count(at.saturating_sub(MIN), HOUR).max(1);
        let good = cell.verified.count(at, HOUR);
        let hour = cell.sent.count(at, HOUR);
        if hour >= self.least
            && good as f64 <= self.conversion * sent as f64
            && hour as f64 > self.times_baseline * cell.daily / 24.0
        {
            cell.until = at + ((5 * MIN) << cell.strikes.min(7)).min(12 * HOUR);
            cell.strikes += 1;
            return refused();
        }
        cell.sent.add(at);
        Decision::Send
    }
    fn verify(&mut self, _: usize, row: &Row, at: u64) -> bool {
        self.cells.entry(row.phone / self.size).or_default().verified.add(at);
        true
    }
}

/// authgear's five warnings, in deny mode.
#[derive(Clone, Debug)]
pub struct Authgear {
    day_ratio: f64,
    hour_ratio: f64,
    countries: HashMap<[u8; 2], AuthgearCell>,
    ips: HashMap<IpAddr, AuthgearCell>,
    spread: HashMap<IpAddr, Vec<([u8; 2], u64)>>,
    verified: HashSet<u64>,
}

#[derive(Clone, Debug, Default)]
struct AuthgearCell {
    day: Bucket,
    hour: Bucket,
    verified: Window,
    best: f64,
}

#[derive(Clone, Debug, Default)]
struct Bucket {
    level: f64,
    at: u64,
}

impl Bucket {
    fn add(&mut self, now: u64, threshold: f64, period: u64) -> bool {
        let leak = threshold / period as f64 * now.saturating_sub(self.at) as f64;
        self.at = now;
        self.level = (self.level - leak).clamp(0.0, threshold) + 1.0;
        self.level > threshold
    }
}

impl Authgear {
    pub fn published() -> Self {
        Self::with(0.3, 0.2)
    }
    pub fn tuned() -> Self {
        Self::with(1.0, 0.7)
    }
    fn with(day_ratio: f64, hour_ratio: f64) -> Self {
        Self {
            day_ratio,
            hour_ratio,
            countries: HashMap::new(),
            ips: HashMap::new(),
            spread: HashMap::new(),
            verified: HashSet::new(),
        }
    }
}

impl Judge for Authgear {
    fn request(&mut self, _: usize, row: &Row, at: u64, _: bool) -> Decision {
        if self.verified.contains(&row.phone) {
            return Decision::Send;
        }
        let (dr, hr) = (self.day_ratio, self.hour_ratio);
        let c = self.countries.entry(row.region).or_default();
        let v24 = c.verified.count(at, DAY) as f64;
        let v1 = c.verified.count(at, HOUR) as f64;
        c.best = c.best.max(v24);
        let day = (20.0f64).max(dr * c.best).max(dr * v24);
        let hour = (3.0f64).max(hr * c.best / 6.0).max(hr * v1);
        let mut deny = c.day.add(at, day, DAY) | c.hour.add(at, hour, HOUR);
        let i = self.ips.entry(row.ip).or_default();
        let v24 = i.verified.count(at, DAY) as f64;
        deny |= i.day.add(at, (10.0f64).max(dr * v24), DAY);
        deny |= i.hour.add(at, (5.0f64).max(hr * v24 / 6.0), HOUR);
        let seen = self.spread.entry(row.ip).or_default();
        seen.retain(|(_, t)| t + DAY > at);
        if !seen.iter().any(|(r, _)| *r == row.region) {
            seen.push((row.region, at));
        }
        deny |= seen.len() > 3;
        if deny { refused() } else { Decision::Send }
    }
    fn verify(&mut self, _: usize, row: &Row, at: u64) -> bool {
        self.verified.insert(row.phone);
        if let Some(c) = self.countries.get_mut(&row.region) {
            c.verified.add(at);
            c.day.level = (c.day.level - 1.0).max(0.0);
            c.hour.level = (c.hour.level - 1.0).max(0.0);
        }
        if let Some(i) = self.ips.get_mut(&row.ip) {
            i.verified.add(at);
            i.day.level = (i.day.level - 1.0).max(0.0);
            i.hour.level = (i.hour.level - 1.0).max(0.0);
        }
        true
    }
}
