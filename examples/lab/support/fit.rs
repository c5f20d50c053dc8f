//! How a host's log compares with what the detector assumes of people, and which of its constants a
//! log like this would move. Reads the trace and runs no gate.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Write as _;
use std::net::IpAddr;

use otpgate::pumping::{BlockLevel, Costs, Tuning};

use super::table::aligned;
use super::trace::{Row, Trace};

const HOUR: u64 = 3_600_000;
const DAY: u64 = 24 * HOUR;
/// A session is over after half an hour, as in the detector.
const SESSION: u64 = HOUR / 2;
/// Fewer sessions than this say nothing of a country.
const ENOUGH: u64 = 50;
/// The ages at which the detector looks at an open session, and how many of those who enter their code
/// it takes to have done so by then: log-normal, median 20 s, σ 0.9.
const AGES: [(u64, f64); 4] = [(10_000, 0.22), (20_000, 0.50), (40_000, 0.78), (90_000, 0.95)];
/// Texts that arrive on ordinary days; see the outage control.
const ARRIVES: f64 = 0.95;

/// One person's session: a number, from its first request on.
struct Session<'a> {
    first: &'a Row,
    presses: u64,
    /// From the request to the entry, ms.
    entered: Option<u64>,
    /// When the code was entered.
    entered_at: u64,
    delivered: bool,
}

/// One comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub what: String,
    pub log: String,
    pub assumed: String,
    /// What a log like this would change, or why nothing; empty if the assumption holds.
    pub moves: String,
}

/// All of them.
pub struct Fit {
    pub sessions: usize,
    pub days: f64,
    pub attacks: usize,
    pub findings: Vec<Finding>,
}

impl Fit {
    pub fn of(trace: &Trace) -> Self {
        let sessions = sessions(trace);
        let (start, end) = match (trace.rows.first(), trace.rows.last()) {
            (Some(first), Some(last)) => (first.at_ms, last.at_ms),
            _ => (0, 0),
        };
        let days = ((end - start) as f64 / DAY as f64).max(1.0 / 24.0);
        let mut fit = Self {
            sessions: sessions.len(),
            days,
            attacks: trace.rows.iter().filter(|row| trace.is_attack(row)).count(),
            findings: Vec::new(),
        };
        if sessions.is_empty() {
            return fit;
        }
        fit.conversion(&sessions);
        fit.delay(&sessions);
        fit.rhythm(&sessions);
        fit.volume(&sessions, start);
        fit.addresses(&sessions, start);
        fit.receipts(&sessions);
        fit.presses(&sessions);
        fit.step_ups(&sessions);
        fit.size(&sessions);
        fit
    }

    /// For a terminal.
    pub fn text(&self) -> String {
        let mut text = format!(
            "{} sessions in {:.1} days; rows labelled as attacks are left out ({}).\n",
            self.sessions, self.days, self.attacks
        );
        if self.days < 3.0 {
            text.push_str(
                "note: what is ordinary is learnt a day late; a log of a week says more than this one\n",
            );
        }
        let head = ["", "this log", "assumed"];
        let mut lines = vec![head.map(str::to_owned).to_vec()];
        lines.extend(
            self.findings
                .iter()
                .map(|one| vec![one.what.clone(), one.log.clone(), one.assumed.clone()]),
        );
        text.push_str(&aligned(&lines));
        let moves: Vec<_> = self.findings.iter().filter(|one| !one.moves.is_empty()).collect();
        if moves.is_empty() {
            text.push_str("Nothing in this log asks for other constants.\n");
        }
        for one in moves {
            let _ = writeln!(text, "- {}: {}", one.what, one.moves);
        }
        text
    }

    fn add(&mut self, what: impl Into<String>, log: String, assumed: String, moves: String) {
        self.findings.push(Finding { what: what.into(), log, assumed, moves });
    }

    fn conversion(&mut self, sessions: &[Session<'_>]) {
        let tuning = Tuning::default();
        let mut countries: BTreeMap<[u8; 2], (u64, u64)> = BTreeMap::new();
        for session in sessions {
            let country = countries.entry(session.first.region).or_default();
            country.0 += 1;
            country.1 += u64::from(session.entered.is_some());
        }
        let (all, good) = countries.values().fold((0, 0), |sum, c| (sum.0 + c.0, sum.1 + c.1));
        let whole = good as f64 / all as f64;
        let prior = f64::from(tuning.prior_conversion);
        self.add(
            "conversion, all countries",
            percent(whole),
            percent(prior),
            if whole < prior - 0.1 {
                format!("prior_conversion {whole:.2}: a country new to this host starts from it")
            } else {
                String::new()
            },
        );
        let mut by_size: Vec<_> = countries.into_iter().filter(|(_, c)| c.0 >= ENOUGH).collect();
        by_size.sort_by_key(|(region, c)| (std::cmp::Reverse(c.0), *region));
        let (low, high) = tuning.null_range;
        for (index, (region, (settled, entered))) in by_size.into_iter().enumerate() {
            let weight = f64::from(tuning.prior_weight);
            let learnt = (entered as f64 + prior * weight) / (settled as f64 + weight);
            let null = (learnt * f64::from(tuning.null_share)).clamp(low.into(), high.into());
            let share = entered as f64 / settled as f64;
            let margin = share - null;
            // four standard errors: what an ordinary hour of a thousand sessions does not cross
            let moves = if margin < 0.0 {
                format!(
                    "its people enter fewer codes than the null; null_range from {:.2} on, or they are \
                     asked whenever they are more than usual",
                    share * f64::from(tuning.null_share)
                )
            } else {
                String::new()
            };
            if index < 12 || !moves.is_empty() {
                let region = String::from_utf8_lossy(&region).into_owned();
                self.add(
                    format!("conversion, {region} ({settled})"),
                    percent(share),
                    format!("at least {}", percent(null)),
                    moves,
                );
            }
        }
    }

    fn delay(&mut self, sessions: &[Session<'_>]) {
        let mut delays: Vec<u64> = sessions.iter().filter_map(|one| one.entered).collect();
        delays.sort_unstable();
        if (delays.len() as u64) < ENOUGH {
            return;
        }
        for (age, assumed) in AGES {
            let by_then = delays.partition_point(|delay| *delay <= age) as f64;
            let share = by_then / delays.len() as f64;
            // two standard errors of a share
            let error = 2.0 * (assumed * (1.0 - assumed) / delays.len() as f64).sqrt();
            let moves = if share < assumed - error {
                let quantile = (delays.len() as f64 * assumed) as usize;
                let at = delays.get(quantile).copied().unwrap_or(age) as f64 / 1_000.0;
                format!(
                    "people are slower: the same share has entered after {at:.0} s; until then an open \
                     session counts for more than the bound allows"
                )
            } else {
                String::new()
            };
            self.add(
                format!("of the codes entered, by {} s", age / 1_000),
                percent(share),
                format!("at least {}", percent(assumed)),
                moves,
            );
        }
    }

    /// The busiest hour against the mean, over the whole log.
    fn rhythm(&mut self, sessions: &[Session<'_>]) {
        let mut hours = [0_u64; 24];
        for session in sessions {
            hours[(session.first.at_ms % DAY / HOUR) as usize] += 1;
        }
        let mean = sessions.len() as f64 / 24.0;
        let most = hours.iter().max().copied().unwrap_or(0) as f64 / mean;
        let moves = if most > 3.0 && self.days >= 1.0 {
            "the busiest hour counts as three times the mean and no more".to_owned()
        } else {
            String::new()
        };
        self.add(
            "busiest hour, times the mean",
            format!("{most:.1}"),
            "at most 3".to_owned(),
            moves,
        );
    }

    /// Hours of a country with more sessions than its customers of the days before explain.
    fn volume(&mut self, sessions: &[Session<'_>], start: u64) {
        let tuning = Tuning::default();
        let country = BlockLevel::Country.index();
        let (floor, tolerance) =
            (f64::from(tuning.floor[country]), f64::from(tuning.tolerance[country]));
        let mut verified: BTreeMap<([u8; 2], u64), f64> = BTreeMap::new();
        let mut hours: BTreeMap<([u8; 2], u64), (f64, f64)> = BTreeMap::new();
        for session in sessions {
            let (region, at) = (session.first.region, session.first.at_ms);
            let good = f64::from(u8::from(session.entered.is_some()));
            *verified.entry((region, (at - start) / DAY)).or_default() += good;
            let hour = hours.entry((region, (at - start) / HOUR)).or_default();
            hour.0 += 1.0;
            hour.1 += good;
        }
        let (mut seen, mut above, mut both, mut most) = (0_u64, 0_u64, 0_u64, 0.0_f64);
        for ((region, hour), (asked, good)) in hours {
            let day = hour / 24;
            if day < 2 {
                continue;
            }
            // a day late, as the detector learns it
            let before: Vec<f64> = (day.saturating_sub(8)..day - 1)
                .map(|day| verified.get(&(region, day)).copied().unwrap_or(0.0))
                .collect();
            let daily = before.iter().sum::<f64>() / before.len().max(1) as f64;
            let conversion = f64::from(tuning.prior_conversion);
            let usual = daily * 3.0 / (24.0 * conversion);
            seen += 1;
            if asked > floor + tolerance * usual {
                above += 1;
                both += u64::from(good < 0.35 * asked);
                most = most.max((asked - floor) / usual.max(1.0 / 24.0));
            }
        }
        if seen == 0 {
            return;
        }
        let moves = if both > 0 {
            format!(
                "in {both} of them hardly anybody entered a code either: such an hour raises suspicion. If \
                 they were people, ask for `ExpectSurge` before, or tolerance {most:.1} for countries"
            )
        } else {
            String::new()
        };
        self.add(
            "hours of a country beyond what is tolerated",
            format!("{above} of {seen}"),
            "any, if codes are entered".to_owned(),
            moves,
        );
    }

    /// Whether an address says anything of where a person is.
    fn addresses(&mut self, sessions: &[Session<'_>], start: u64) {
        let mut seen: HashMap<(u128, [u8; 2]), u64> = HashMap::new();
        let mut each: HashMap<IpAddr, u64> = HashMap::new();
        let (mut home, mut judged) = (0_u64, 0_u64);
        // a place counts a day after somebody of the country has entered a code asked for from there
        for session in sessions {
            let place = (wide(session.first.ip), session.first.region);
            *each.entry(session.first.ip).or_default() += 1;
            if session.first.at_ms >= start + 2 * DAY {
                judged += 1;
                let since = seen.get(&place);
                home += u64::from(since.is_some_and(|at| at + DAY <= session.first.at_ms));
            }
            if session.entered.is_some() {
                seen.entry(place).or_insert(session.entered_at);
            }
        }
        if judged >= ENOUGH {
            let share = home as f64 / judged as f64;
            let moves = if share < 0.8 {
                "addresses tell little of where a person is: the pools of unseen networks are full of \
                 people, and what rests on them (slow and scattered attacks) is not to be counted on"
                    .to_owned()
            } else {
                String::new()
            };
            self.add(
                "from a network where the country's people were seen",
                percent(share),
                "above 80 %".to_owned(),
                moves,
            );
        }
        let most = each.values().max().copied().unwrap_or(0) as f64 / sessions.len() as f64;
        let shared: u64 = each.values().filter(|count| **count as f64 > 10.0 * self.days).sum();
        let moves = if most > 0.2 && sessions.len() as u64 >= ENOUGH {
            "one address asks for a fifth of all codes: is it a proxy whose header the host does not trust?"
                .to_owned()
        } else {
            String::new()
        };
        self.add(
            "from addresses with more than ten sessions a day",
            percent(shared as f64 / sessions.len() as f64),
            "any".to_owned(),
            moves,
        );
    }

    fn receipts(&mut self, sessions: &[Session<'_>]) {
        let good = sessions.iter().filter(|one| one.delivered).count() as f64;
        let share = good / sessions.len() as f64;
        let silent = sessions.iter().filter(|one| one.entered.is_some() && !one.delivered).count();
        let moves = if silent * 20 > sessions.len() {
            format!(
                "{silent} codes were entered that were never delivered: the receipts are not to be used"
            )
        } else if share < ARRIVES - 0.05 {
            "on ordinary days this looks like the beginning of an outage; find out which operator loses \
             texts"
                .to_owned()
        } else {
            String::new()
        };
        self.add("texts delivered", percent(share), percent(ARRIVES), moves);
    }

    fn presses(&mut self, sessions: &[Session<'_>]) {
        let again = sessions.iter().filter(|one| one.presses > 1).count() as f64;
        let many = sessions.iter().filter(|one| one.presses > 4).count() as f64;
        let all = sessions.len() as f64;
        self.add(
            "sessions that ask again, and more than thrice",
            format!("{}, {}", percent(again / all), percent(many / all)),
            "any: they count once".to_owned(),
            if many / all > 0.02 {
                "number_limits ask from the third text without a code on; these people meet them"
                    .to_owned()
            } else {
                String::new()
            },
        );
    }

    fn step_ups(&mut self, sessions: &[Session<'_>]) {
        let fail = sessions.iter().filter(|one| !one.first.solves).count() as f64;
        let (share, assumed) =
            (fail / sessions.len() as f64, f64::from(Tuning::default().honest_failure));
        let moves = if share > assumed && sessions.len() as u64 >= ENOUGH {
            format!(
                "honest_failure {:.2}, or failed step-ups of people count against their blocks",
                share
            )
        } else {
            String::new()
        };
        let limit = format!("at most {}", percent(assumed));
        self.add("would not pass a step-up", percent(share), limit, moves);
    }

    fn size(&mut self, sessions: &[Session<'_>]) {
        let costs = Costs::default();
        let numbers: HashSet<u64> = sessions
            .iter()
            .filter(|one| one.entered.is_some())
            .map(|one| one.first.phone)
            .collect();
        let good = sessions.iter().filter(|one| one.entered.is_some()).count() as f64 / self.days;
        let weight = (f64::from(costs.reference_daily) / good.max(1.0)).clamp(0.1, 7.0);
        self.add(
            "codes entered a day; a new user turned away weighs",
            format!("{good:.0}; ${:.2}", f64::from(costs.user_value) * weight),
            format!("${:.2} at {:.0}", costs.user_value, costs.reference_daily),
            String::new(),
        );
        let young = Tuning::default().young_numbers;
        self.add(
            "numbers that ever entered a code",
            numbers.len().to_string(),
            format!("{young} for a history"),
            if numbers.len() < young {
                "the realm stays young on this log: it asks where it would refuse".to_owned()
            } else {
                String::new()
            },
        );
    }
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// The /16 of an IPv4 address, the /32 of an IPv6 address.
fn wide(ip: IpAddr) -> u128 {
    match ip.to_canonical() {
        IpAddr::V4(ip) => u128::from(ip.to_bits() >> 16),
        IpAddr::V6(ip) => (ip.to_bits() >> 96) | 1 << 100,
    }
}

/// The sessions of everybody but labelled attackers, in order.
fn sessions(trace: &Trace) -> Vec<Session<'_>> {
    let mut sessions: Vec<Session<'_>> = Vec::new();
    let mut open: HashMap<u64, usize> = HashMap::new();
    for row in trace.rows.iter().filter(|row| !trace.is_attack(row)) {
        let going = open.get(&row.phone).copied().filter(|index| {
            let one: &Session<'_> = &sessions[*index];
            let over = one.entered.is_some() && one.entered_at <= row.at_ms;
            !over && row.at_ms < one.first.at_ms + SESSION
        });
        let index = going.unwrap_or_else(|| {
            open.insert(row.phone, sessions.len());
            sessions.push(Session {
                first: row,
                presses: 0,
                entered: None,
                entered_at: 0,
                delivered: false,
            });
            sessions.len() - 1
        });
        let session = &mut sessions[index];
        session.presses += 1;
        session.delivered |= row.delivered;
        if let (None, Some(after)) = (session.entered, row.converts_after_ms) {
            session.entered_at = row.at_ms.saturating_add(after);
            session.entered = Some(session.entered_at - session.first.at_ms);
        }
    }
    sessions
}
