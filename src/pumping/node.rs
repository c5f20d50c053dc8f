//! One node's state, and how it fades with time.

use super::afar::HALF_LIFE;
use super::evidence::Bet;
use super::level::{BlockLevel, NodeId};

/// Milliseconds of a day.
pub(super) const DAY: u64 = 86_400_000;

/// What a node does to requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[repr(u8)]
pub(super) enum State {
    /// Lets requests pass.
    #[default]
    Open = 0,
    /// Asks for a step-up.
    Asking = 1,
    /// Refuses.
    Refusing = 2,
}

/// What a node under suspicion counts of those from home alone: see `home`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Home {
    /// Log e-value of the bold bet over sessions from home, reflected at zero.
    pub(super) sessions: f32,
    /// Evidence of their step-ups, signed and bounded.
    pub(super) asked: f32,
}

/// State of one node of any tree.
///
/// The fields of the first 64 bytes are all that a calm node needs: a session then costs one line of
/// the processor's cache a node, which is most of what it costs at all.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C, align(64))]
pub(super) struct Node {
    /// Last touch, ms.
    pub(super) at: u64,
    /// Log e-value of the aggressive and of the moderate bet, reflected at zero.
    pub(super) bets: [f32; 2],
    /// Step-up evidence, signed and bounded.
    pub(super) asked: f32,
    /// Share-CUSUM of a block; of an address, how many of other countries verified: see `trust`.
    pub(super) share: f32,
    /// The country's session count when the node was last touched.
    pub(super) share_seen: u32,
    /// Verified sessions, decayed with 15 min and with 6 h.
    pub(super) verified_quarter: f32,
    pub(super) verified_slow: f32,
    /// Requests of any outcome, decayed with one minute.
    pub(super) attempts: f32,
    /// Step-ups passed and not passed, decayed with 15 min.
    pub(super) passed: f32,
    pub(super) failed: f32,
    /// Lagged baseline: the weekly mean of verified sessions per day, and those of yesterday.
    pub(super) weekly: f32,
    pub(super) yesterday: f32,
    pub(super) day: u16,
    /// Sessions out and unanswered.
    pub(super) pending: u16,
    pub(super) state: State,
    /// The level's number; the name's highest bits, nearer.
    pub(super) level: u8,
    /// Step-ups out and unanswered.
    pub(super) asking: u16,
    pub(super) id: u64,
    /// End of the share alarm, ms.
    pub(super) share_until: u64,
    /// Verified sessions of today.
    pub(super) today: f32,
    /// Mean gap between requests, ms, smoothed.
    pub(super) gap: f32,
    /// Last request, ms.
    pub(super) last_attempt: u64,
    /// Hour (since the epoch) of the last verified session; 0 when none ever.
    pub(super) warm: u32,
    /// Index of the country in the country table.
    pub(super) country: u16,
    /// Times this node was refused lately.
    pub(super) strikes: u8,
    /// Days folded into the baseline.
    pub(super) days: u8,
    /// Start and end of the present block, ms.
    pub(super) since: u64,
    pub(super) until: u64,
    /// Beside the node's own evidence: see [`Node::home`] and [`Node::afar`]. No node has both.
    beside: [f32; 2],
}

impl Node {
    pub(super) fn new(id: NodeId, country: u16, share_seen: u32, now: u64) -> Self {
        Self {
            id: id.to_bits(),
            level: id.level() as u8,
            at: now,
            country,
            share_seen,
            day: day_of(now),
            gap: 600_000.0,
            ..Self::default()
        }
    }

    fn is_address(&self) -> bool {
        matches!(self.level, 9 | 10)
    }

    /// The share-CUSUM of a block; no address has one.
    pub(super) fn share_evidence(&self) -> f32 {
        if self.is_address() { 0.0 } else { self.share }
    }

    /// What `share` holds without any suspicion: who verified from an address is none.
    pub(super) fn share_at_rest(&self) -> f32 {
        if self.is_address() { self.share } else { 0.0 }
    }

    /// What was learnt of the node, without any suspicion.
    pub(super) fn at_rest(&self) -> Self {
        Self {
            bets: [0.0; 2],
            asked: 0.0,
            share: self.share_at_rest(),
            passed: 0.0,
            failed: 0.0,
            state: State::Open,
            strikes: 0,
            share_until: 0,
            since: 0,
            until: 0,
            beside: [0.0; 2],
            ..*self
        }
    }

    /// Lets `dt` pass: counters fade, evidence leaks at the tolerated rate (sends an hour).
    ///
    /// `bets` is only asked for when there is evidence to leak.
    pub(super) fn fade(
        &mut self,
        now: u64,
        tolerated: f32,
        bets: impl FnOnce() -> [Bet; 2],
        asked_half_life: f32,
    ) {
        let dt = now.saturating_sub(self.at);
        if dt == 0 {
            return;
        }
        self.at = now;
        let seconds = dt as f32 / 1_000.0;
        if self.bets != [0.0; 2] {
            let bets = bets();
            for (s, bet) in self.bets.iter_mut().zip(&bets) {
                *s = (*s - bet.leak * tolerated * seconds / 3_600.0).max(0.0);
            }
            if self.has_begun() {
                let mut home = self.home();
                home.leak(&bets, tolerated * seconds / 3_600.0);
                fade(&mut home.asked, seconds, asked_half_life * std::f32::consts::LOG2_E);
                self.set_home(home);
            }
        }
        if self.is_far() {
            let mut afar = self.afar();
            fade(&mut afar, seconds, HALF_LIFE * std::f32::consts::LOG2_E);
            self.set_afar(afar);
        }
        fade(&mut self.verified_slow, seconds, 21_600.0);
        fade(&mut self.attempts, seconds, 60.0);
        if self.verified_quarter != 0.0 || self.passed != 0.0 || self.failed != 0.0 {
            let factor = fading(seconds, 900.0);
            for value in [&mut self.verified_quarter, &mut self.passed, &mut self.failed] {
                shrink(value, factor);
            }
        }
        fade(&mut self.asked, seconds, asked_half_life * std::f32::consts::LOG2_E);
        self.turn_day(day_of(now));
    }

    /// Evidence in nats: the mixture of both bets is an e-value, and its logarithm is at least the
    /// larger one minus ln 2. Using the bound keeps the false-alarm distance without a logarithm.
    pub(super) fn evidence(&self) -> f32 {
        let [a, b] = self.bets;
        let most = if self.is_far() { a.max(b).max(self.afar()) } else { a.max(b) };
        (most - std::f32::consts::LN_2).max(0.0)
    }

    /// Whether what it does explains the evidence of its sessions. A share of the country that codes
    /// entered do not excuse makes it ask and explains nothing of those that are not entered.
    pub(super) fn explains(&self, ask_at: f32) -> bool {
        match self.state {
            State::Open => false,
            State::Asking => self.share_until == 0 || self.evidence() >= ask_at,
            State::Refusing => true,
        }
    }

    /// Whether it asks or refuses.
    pub(super) fn acts(&self) -> bool {
        self.state != State::Open
    }

    /// True for the pool of what is far: it keeps a third bet, and no account of those from home.
    const fn is_far(&self) -> bool {
        self.level == BlockLevel::Away as u8
    }

    /// The account of those from home, of a node that keeps one.
    pub(super) fn home(&self) -> Home {
        match self.beside {
            [sessions, asked] if !self.is_far() => Home { sessions, asked },
            _ => Home::default(),
        }
    }

    /// Changes it; nothing changes in the pool of what is far.
    pub(super) fn set_home(&mut self, home: Home) {
        if !self.is_far() {
            self.beside = [home.sessions, home.asked];
        }
    }

    /// The bet on codes entered from afar, of the pool of what is far: see `afar`.
    pub(super) fn afar(&self) -> f32 {
        let [bet, _] = self.beside;
        if self.is_far() { bet } else { 0.0 }
    }

    /// Changes it; nothing changes in any other node.
    pub(super) fn set_afar(&mut self, bet: f32) {
        if self.is_far() {
            self.beside = [bet, 0.0];
        }
    }

    /// Either of them, for a snapshot.
    pub(super) fn beside(&self) -> [f32; 2] {
        self.beside
    }

    /// Puts what a snapshot has of either back.
    pub(super) fn restore_beside(&mut self, beside: [f32; 2]) {
        self.beside = beside;
    }

    /// Folds finished days into the weekly mean, always one day late: what happened today cannot
    /// license itself before the day after tomorrow.
    fn turn_day(&mut self, today: u16) {
        let passed = today.saturating_sub(self.day);
        if passed > 0 {
            self.turn_days(today, passed);
        }
    }

    #[cold]
    fn turn_days(&mut self, today: u16, passed: u16) {
        for _ in 0..passed.min(8) {
            self.days = self.days.saturating_add(1);
            // the first fold of a young node happens with an empty yesterday
            let n = f32::from(self.days.min(8)) - 1.0;
            if n >= 1.0 {
                self.weekly += (self.yesterday - self.weekly) / n.min(7.0);
            }
            self.yesterday = self.today;
            self.today = 0.0;
        }
        self.day = today;
    }

    /// Verified sessions a day of the lagged baseline.
    ///
    /// The pools of what is new shrink as an installation matures, so for them yesterday caps the
    /// week: otherwise everything that was unseen on the first day would license sprays for a week.
    pub(super) fn daily(&self) -> f32 {
        if self.is_pool_of_new() { self.weekly.min(self.yesterday) } else { self.weekly }
    }

    /// Verified sessions a day when the question is whom a refusal would hit. A baseline may rather be
    /// too small, this may not: of a pool that shrinks it is yesterday's count and a standard error
    /// more, which tells where that count is small.
    pub(super) fn customers(&self) -> f32 {
        let likely = self.yesterday + 1.0 + self.yesterday.sqrt();
        if self.is_pool_of_new() {
            likely.min(self.weekly.max(self.yesterday))
        } else {
            self.weekly
        }
    }

    fn is_pool_of_new(&self) -> bool {
        matches!(self.level, 6..=8 | 14 | 15)
    }

    /// Verified sessions of today and yesterday and the weekly mean: any sign of real people.
    pub(super) fn verified_days(&self) -> f32 {
        self.today + self.yesterday + self.weekly
    }

    /// True when forgetting the node loses nothing anybody would miss.
    pub(super) fn is_idle(&self, now: u64) -> bool {
        let quiet = now.saturating_sub(self.at);
        let keep = match self.level {
            0 => 3_600_000,
            1 => 2 * 3_600_000,
            2 => 6 * 3_600_000,
            3 => 14 * DAY,
            4..=8 | 11..=15 => u64::MAX,
            // an address that many customers share is worth knowing when its country is attacked
            _ if self.verified_days() >= 2.0 => 2 * DAY,
            _ => 2 * 3_600_000,
        };
        // a deep block with a real baseline is worth remembering for a while
        let keep = if self.weekly > 2.0 { keep.max(3 * DAY) } else { keep };
        quiet > keep && self.is_harmless()
    }

    /// No evidence, nothing out, no action: may be evicted under pressure.
    pub(super) fn is_harmless(&self) -> bool {
        self.state == State::Open
            && self.pending == 0
            && self.asking == 0
            && self.evidence() < 0.5
            && self.share < 8.0
    }
}

/// Days since the epoch; wraps never within a lifetime.
pub(super) fn day_of(now: u64) -> u16 {
    u16::try_from(now / DAY).unwrap_or(u16::MAX)
}

/// Exponential decay with time constant `tau` seconds; snaps to zero.
pub(super) fn fade(value: &mut f32, seconds: f32, tau: f32) {
    if *value != 0.0 {
        shrink(value, fading(seconds, tau));
    }
}

/// `e^(-seconds / tau)` to four digits, by plain arithmetic: a request costs no `exp`, and every
/// platform's result is the same.
fn fading(seconds: f32, tau: f32) -> f32 {
    let x = seconds / tau;
    if x < 0.1 {
        return (1.0 - 0.5 * x) / (1.0 + 0.5 * x);
    }
    // nothing that is counted survives this, and what is smaller still is slow to multiply with
    if x > 24.0 {
        return 0.0;
    }
    // 2^-y with y = whole + rest, the rest by its series around one half
    let y = x * std::f32::consts::LOG2_E;
    let whole = y as u32;
    let g = (0.5 - (y - whole as f32)) * std::f32::consts::LN_2;
    let series = 1.0 + g * (1.0 + g * (0.5 + g * (0.166_666_67 + g * 0.041_666_67)));
    let power = f32::from_bits(127_u32.saturating_sub(whole) << 23);
    power * std::f32::consts::FRAC_1_SQRT_2 * series
}

fn shrink(value: &mut f32, factor: f32) {
    *value *= factor;
    if value.abs() < 1e-4 {
        *value = 0.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fading_is_the_exponential() {
        for k in 1..1_200 {
            let x = k as f32 * 0.02;
            let exact = (-f64::from(x)).exp();
            let error = (f64::from(fading(x, 1.0)) - exact).abs();
            assert!(error <= exact * 2e-4, "{x}: {error}");
        }
        assert_eq!(fading(1e9, 1.0), 0.0);
    }

    #[test]
    fn what_a_calm_node_needs_is_in_one_cache_line() {
        assert_eq!(size_of::<Node>(), 128);
        assert!(std::mem::offset_of!(Node, asking) < 64);
    }
}
