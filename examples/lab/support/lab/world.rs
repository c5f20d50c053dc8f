//! Countries, their numbers and their people.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::OnceLock;

use super::super::host;
use super::rng::{Rng, hash, unit_of};

/// One country. Shares, zones and conversions follow the published figures where there are any.
#[derive(Clone, Copy, Debug)]
pub struct Country {
    pub region: [u8; 2],
    /// Calling code and operator prefix.
    pub code: u64,
    /// Digits of a whole number.
    pub digits: u32,
    pub price: u32,
    pub conversion: f64,
    /// Share of honest traffic, in thousandths; 0 means no customers there.
    pub share: u32,
    pub ranges: u64,
    pub zone: i64,
}

#[allow(clippy::too_many_arguments)] // one row of the table below
const fn c(
    r: &[u8; 2],
    code: u64,
    digits: u32,
    price: u32,
    conv: u32,
    share: u32,
    ranges: u64,
    zone: i64,
) -> Country {
    Country {
        region: *r,
        code,
        digits,
        price,
        conversion: conv as f64 / 100.0,
        share,
        ranges,
        zone,
    }
}

pub const COUNTRIES: [Country; 36] = [
    c(b"US", 1, 11, 6_300, 85, 180, 220, -6),
    c(b"IN", 91, 12, 8_500, 74, 120, 400, 5),
    c(b"BR", 55, 13, 16_700, 76, 80, 150, -3),
    c(b"GB", 44, 12, 46_400, 85, 70, 80, 0),
    c(b"DE", 49, 12, 100_000, 83, 60, 90, 1),
    c(b"ID", 62, 12, 33_400, 70, 60, 180, 7),
    c(b"FR", 33, 11, 77_800, 83, 50, 70, 1),
    c(b"MX", 52, 12, 33_200, 78, 50, 100, -6),
    c(b"TR", 90, 12, 9_000, 75, 50, 60, 3),
    c(b"PH", 63, 12, 35_500, 68, 45, 90, 8),
    c(b"ZA", 27, 11, 31_900, 74, 30, 50, 2),
    c(b"NG", 234, 13, 31_400, 55, 30, 100, 1),
    c(b"NL", 31, 11, 156_400, 84, 25, 25, 1),
    c(b"KE", 254, 12, 40_000, 68, 20, 40, 3),
    c(b"EG", 20, 12, 49_200, 60, 20, 60, 2),
    c(b"PK", 92, 12, 22_600, 60, 20, 120, 5),
    c(b"BD", 880, 13, 84_600, 58, 20, 100, 6),
    c(b"AE", 971, 12, 41_500, 80, 20, 12, 4),
    c(b"SA", 966, 12, 35_700, 75, 20, 30, 3),
    c(b"VN", 84, 11, 39_900, 70, 15, 80, 7),
    c(b"LK", 94, 11, 69_000, 62, 8, 20, 5),
    c(b"UZ", 998, 12, 141_100, 65, 4, 12, 5),
    c(b"AZ", 994, 12, 146_200, 65, 3, 10, 4),
    // no honest customers: only attackers and launches go there
    c(b"KZ", 7, 11, 78_300, 66, 0, 20, 5),
    c(b"KG", 996, 12, 56_400, 62, 0, 8, 6),
    c(b"TJ", 992, 12, 60_700, 60, 0, 8, 5),
    c(b"DZ", 213, 12, 165_600, 62, 0, 30, 1),
    c(b"TN", 216, 11, 125_500, 64, 0, 10, 1),
    c(b"ML", 223, 11, 192_700, 58, 0, 15, 0),
    c(b"GH", 233, 12, 24_400, 64, 0, 30, 0),
    c(b"MM", 95, 12, 94_000, 58, 0, 40, 6),
    c(b"MD", 373, 11, 95_400, 70, 0, 5, 2),
    c(b"NP", 977, 13, 102_900, 62, 0, 25, 5),
    c(b"KH", 855, 11, 80_000, 62, 0, 15, 7),
    c(b"LA", 856, 13, 70_000, 60, 0, 10, 7),
    c(b"BJ", 229, 13, 90_000, 58, 0, 10, 1),
];

pub fn country(region: &[u8; 2]) -> usize {
    COUNTRIES.iter().position(|c| &c.region == region).expect("listed")
}

/// Hour-of-day weights (local time), peak to trough about 12 to 1, evening peak.
const HOURS: [f64; 24] = [
    0.28, 0.17, 0.12, 0.10, 0.10, 0.14, 0.28, 0.52, 0.78, 0.95, 1.0, 1.0, 1.02, 1.02, 1.0, 1.0,
    1.02, 1.08, 1.16, 1.22, 1.20, 1.05, 0.78, 0.48,
];
const WEEK: [f64; 7] = [1.0, 1.02, 1.03, 1.08, 1.05, 0.94, 0.88];

/// Rate factor of a moment: mean one over the week.
pub fn season(at_ms: u64, zone: i64) -> f64 {
    let local = (at_ms as i64 / 3_600_000 + zone).rem_euclid(24 * 7) as usize;
    let mean: f64 = HOURS.iter().sum::<f64>() / 24.0;
    HOURS[local % 24] / mean * WEEK[local / 24]
}

impl Country {
    /// A number of this country in a range of a million, with a given tail. Ranges are those that
    /// the numbering table knows as mobile, so that no gate needs a special permission for them.
    pub fn number(&self, range: u64, tail: u64) -> u64 {
        static RANGES: [OnceLock<Vec<u64>>; COUNTRIES.len()] =
            [const { OnceLock::new() }; COUNTRIES.len()];
        let known = RANGES[country(&self.region)].get_or_init(|| self.mobile_ranges());
        known[range as usize % known.len()] * 1_000_000 + tail % 1_000_000
    }

    /// Three times as many mobile ranges as there are customers in, if there are so many, in an order
    /// that does not put the customers side by side.
    fn mobile_ranges(&self) -> Vec<u64> {
        let body = self.digits - digits_of(self.code);
        let all = 10u64.pow(body - 6);
        let wanted = (self.ranges * 3) as usize;
        let step = if all > 10_000 { 13 } else { 1 };
        let mut found: Vec<u64> = (0..all)
            .step_by(step)
            .map(|k| self.code * all + (k + all / 10 * 7) % all)
            .filter(|range| self.is_mobile(*range))
            .collect();
        assert!(!found.is_empty(), "no mobile range in {:?}", self.region.map(char::from));
        found.truncate(wanted.max(2));
        found.sort_by_key(|range| hash(*range));
        found
    }

    fn is_mobile(&self, range: u64) -> bool {
        (0..100).all(|part| {
            let digits = range * 1_000_000 + part * 10_000 + hash(part) % 10_000;
            otpgate::Recipient::from_e164(&format!("+{digits}")).is_ok_and(|phone| {
                host::is_ordinary(&phone)
                    && host::home(&phone) == self.region
                    && phone.expose_e164().as_str() == format!("+{digits}")
            })
        })
    }

    /// Honest range by Zipf(0.7) from a uniform variable.
    pub fn zipf_range(&self, u: f64) -> u64 {
        // inverse of the continuous approximation
        let n = self.ranges as f64;
        let x = ((n.powf(0.3) - 1.0) * u + 1.0).powf(1.0 / 0.3);
        (x as u64).saturating_sub(1).min(self.ranges - 1)
    }

    /// The number of person `k`.
    pub fn person(&self, k: u64) -> u64 {
        let seed = hash(k ^ self.code << 40 ^ 0xabcd);
        self.number(self.zipf_range(unit_of(seed)), hash(seed ^ 1))
    }

    /// A carrier-grade NAT address of the country, popular ones more often.
    pub fn nat_ip(&self, pool: u64, u: f64) -> IpAddr {
        let rank = (u * u * pool as f64) as u64; // density proportional to rank^-1/2
        self.ip(hash(rank ^ 0x5a5a) % 4_000 + rank)
    }

    /// An address of the country.
    pub fn ip(&self, k: u64) -> IpAddr {
        let base = hash(self.code ^ 77) % 180 + 11;
        let k = k % (1 << 24);
        IpAddr::V4(Ipv4Addr::new(base as u8, (k >> 16) as u8, (k >> 8) as u8, k as u8))
    }
}

fn digits_of(n: u64) -> u32 {
    n.checked_ilog10().unwrap_or(0) + 1
}

/// A residential proxy's exit.
pub fn proxy_ip(k: u64) -> IpAddr {
    let h = hash(k ^ 0x1234_5678);
    IpAddr::V4(Ipv4Addr::from_bits((h as u32 & 0x7fff_ffff) | 0x0b00_0000))
}

/// Human delays: delivery plus reading and typing.
pub fn human_delay(rng: &mut Rng) -> u64 {
    let seconds = rng.log_normal(3.0, 0.5) + rng.log_normal(13.5, 0.75);
    (seconds * 1_000.0) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_country_has_mobile_ranges_of_its_own() {
        for c in &COUNTRIES {
            let (one, other) = (c.number(0, 1), c.number(c.ranges.min(3), 1));
            assert_ne!(one / 1_000_000, other / 1_000_000, "{:?}", c.region.map(char::from));
            assert_eq!(one.ilog10() + 1, c.digits, "{:?}", c.region.map(char::from));
        }
    }
}
