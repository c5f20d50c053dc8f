//! What many blocks say together, while each of them says little.
//!
//! A slow attack on twenty blocks gives each of them three texts an hour. Each block would need a dozen
//! to ask, as if it were the only one suspected in a long time; but that twenty of them come under
//! suspicion on one day, and nobody enters a code in any, is no coincidence. So the blocks under
//! suspicion run one e-process together:
//!
//! *Null:* each block's traffic is explained, by its volume or by its conversion (see `evidence`), and
//! of those who are asked at most [`Tuning::honest_failure`](super::Tuning::honest_failure) fail. From
//! the moment its own tank holds [`JOINS`] a block counts, and for as long as it holds that: a session
//! multiplies what they hold together by the block's own factor, and what the block tolerates leaks
//! out. Whether it counts is known before the session, so under the null the factors' mean is at most
//! one, whatever depends on what: an e-CUSUM like the others, with the same distance between false
//! alarms.
//!
//! A block that has given [`MOST_OF_A_BLOCK`] gives and leaks no more until half of it is forgotten: one
//! block under attack says nothing of the others, four do. Blocks inside one that acts already do not
//! count. At [`Tuning::ask_at`](super::Tuning::ask_at) all are under alarm together, and each asks and
//! refuses at a lower threshold, as inside a region under alarm: the rigorous one has been paid.
//!
//! Who asks soon sees few texts more, so the alarm would end while the attack goes on. As with a node it
//! ends at half of what begins it, and what step-ups say in these blocks counts while it lasts: failed
//! ones hold it up, passed ones end it, none begins it. What they hold is in no snapshot.

use super::node::fade;

/// In the place of a block's place: the session counts for none.
pub(super) const NOBODY: u8 = u8::MAX;

/// What a block's tank holds from which its sessions count, in nats: two texts.
pub(super) const JOINS: f32 = 1.0;

/// The most that a block gives, in nats: two texts.
const MOST_OF_A_BLOCK: f32 = 1.6;

/// Half of what they said is forgotten in so many seconds.
const HALF_LIFE: f32 = 12.0 * 3_600.0;

/// Blocks at once. What comes to more of them is for their countries to say.
const BLOCKS: usize = 256;

/// The most that they hold.
const MOST: f32 = 20.0;

/// The part of what begins the alarm at which it ends.
const ENDS: f32 = 0.5;

/// The most that failed step-ups raise it to, in nats above what begins it.
const HELD_UP: f32 = 2.5;

/// Hours after which a block's tank is empty without a text, at most.
pub(super) const LONGEST: f32 = 240.0;

/// A block that is under suspicion, or was lately.
#[derive(Clone, Copy, Debug)]
struct Block {
    node: u64,
    /// What it has given; fading.
    given: f32,
    /// It has given all that it may, and half of that is not forgotten yet.
    spent: bool,
    /// What it tolerates, in nats an hour.
    leak: f32,
    /// When its tank is empty without another text, ms.
    until: u64,
}

/// The blocks under suspicion, and what they hold together.
#[derive(Clone, Debug)]
pub(super) struct Together {
    /// What begins the alarm.
    begins: f32,
    /// Log e-value, reflected at zero.
    evidence: f32,
    is_alarm: bool,
    at: u64,
    blocks: Vec<Block>,
}

impl Together {
    /// None is under suspicion; so much evidence begins the alarm.
    pub(super) const fn new(begins: f32) -> Self {
        Self { begins, evidence: 0.0, is_alarm: false, at: 0, blocks: Vec::new() }
    }

    /// Lets time pass.
    pub(super) fn turn(&mut self, now: u64) {
        let passed = |until: u64, from: u64| until.saturating_sub(from) as f32 / 1_000.0;
        let (from, seconds) = (self.at, passed(now, self.at));
        if now <= from {
            return;
        }
        self.at = now;
        let tau = HALF_LIFE * std::f32::consts::LOG2_E;
        for block in &mut self.blocks {
            if !block.spent {
                self.evidence -= block.leak * passed(now.min(block.until), from) / 3_600.0;
            }
            fade(&mut block.given, seconds, tau);
            block.spent &= block.given > MOST_OF_A_BLOCK / 2.0;
        }
        self.evidence = self.evidence.max(0.0);
        fade(&mut self.evidence, seconds, tau);
        self.turn_alarm();
        self.blocks.retain(|block| block.until > now || block.given > 0.1);
    }

    fn turn_alarm(&mut self) {
        let needed = if self.is_alarm { self.begins * ENDS } else { self.begins };
        self.is_alarm = self.evidence >= needed;
    }

    /// A block is under suspicion until then, in ms since the epoch.
    pub(super) fn join(&mut self, node: u64, leak: f32, until: u64) {
        if let Some(block) = self.blocks.iter_mut().find(|block| block.node == node) {
            (block.leak, block.until) = (leak, until);
        } else if self.blocks.len() < BLOCKS {
            self.blocks.push(Block { node, given: 0.0, spent: false, leak, until });
        }
    }

    /// Whether a session of this block that begins now counts.
    pub(super) fn counts(&self, node: u64) -> bool {
        let is_it = |block: &Block| block.node == node && !block.spent && block.until > self.at;
        self.blocks.iter().any(is_it)
    }

    /// Whether the block is under suspicion, or was lately.
    pub(super) fn knows(&self, node: u64) -> bool {
        self.blocks.iter().any(|block| block.node == node)
    }

    /// A session of a block was answered, or was not.
    pub(super) fn count(&mut self, node: u64, step: f32) {
        let Some(block) = self.blocks.iter_mut().find(|block| block.node == node) else { return };
        if step > 0.0 && block.spent {
            return;
        }
        let step = step.min(MOST_OF_A_BLOCK - block.given);
        block.given = (block.given + step).max(0.0);
        block.spent |= block.given >= MOST_OF_A_BLOCK;
        self.evidence = (self.evidence + step).clamp(0.0, MOST);
        self.turn_alarm();
    }

    /// A step-up in one of the blocks was passed, or was not.
    pub(super) fn hold_up(&mut self, step: f32) {
        if self.is_alarm {
            let most = self.evidence.max(self.begins + HELD_UP);
            self.evidence = (self.evidence + step).clamp(0.0, most);
            self.turn_alarm();
        }
    }

    /// Whether they are under alarm.
    pub(super) const fn is_alarm(&self) -> bool {
        self.is_alarm
    }

    /// Takes back what is dated after `now`.
    pub(super) fn take_back(&mut self, now: u64) {
        self.at = self.at.min(now);
        let longest = now.saturating_add((LONGEST * 3_600_000.0) as u64);
        self.blocks.iter_mut().for_each(|block| block.until = block.until.min(longest));
    }

    pub(super) fn bytes(&self) -> usize {
        self.blocks.capacity().saturating_mul(size_of::<Block>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pumping::evidence::{Bets, NullIndex};
    use crate::pumping::{BlockLevel, Tuning};

    const HOUR: u64 = 3_600_000;

    /// Mean number of sessions between alarms of so many blocks, each tolerating two an hour, to each of
    /// which one comes every so many milliseconds on average and is entered with this probability. Each
    /// has a tank of its own, and counts while that holds enough.
    fn run_length(blocks: u64, gap_ms: f64, conversion: f64) -> f64 {
        let bets = Bets::new(&Tuning::default());
        let [bet, _] = bets.at(NullIndex(15), BlockLevel::HundredThousand); // p0 = 0.50
        let (leak, start) = (bet.leak * 2.0, 1_800_000_000_000_u64);
        let (mut hash, mut sessions, mut alarms) = (7_u64, 0_u64, 0_u64);
        let mut coin = || {
            hash = hash.wrapping_add(0x9e37_79b9_7f4a_7c15);
            (crate::pumping::table::mix(hash) >> 11) as f64 / (1_u64 << 53) as f64
        };
        while alarms < 30 && sessions < 100_000 {
            let mut tanks = vec![(0.0_f32, start); blocks as usize];
            let (mut together, mut now) = (Together::new(5.0), start);
            while !together.is_alarm() && sessions < 100_000 {
                sessions += 1;
                now += (-coin().max(1e-12).ln() * gap_ms / blocks as f64) as u64;
                together.turn(now);
                let node = (coin() * blocks as f64) as u64;
                let entered = coin() < conversion;
                let step = if entered { bet.verified } else { bet.open[3] };
                if together.counts(node) {
                    together.count(node, step);
                }
                let (tank, at) = &mut tanks[node as usize];
                let hours = (now - *at) as f32 / HOUR as f32;
                *tank = ((*tank - leak * hours).max(0.0) + step).max(0.0);
                *at = now;
                let lasts = (*tank - JOINS).max(0.0) / leak;
                together.join(node, leak, now + (lasts * HOUR as f32) as u64);
            }
            alarms += u64::from(together.is_alarm());
        }
        sessions as f64 / alarms.max(1) as f64
    }

    #[test]
    fn false_alarms_of_many_blocks_are_as_far_apart_as_those_of_one() {
        for blocks in [5, 20, 100] {
            let convert = run_length(blocks, 3_600.0, 0.5);
            let usual = run_length(blocks, 0.5 * HOUR as f64, 0.0);
            assert!(convert >= 148.0 && usual >= 148.0, "{blocks}: {convert} {usual}");
            let attacked = run_length(blocks, 0.1 * HOUR as f64, 0.0);
            assert!(attacked < 140.0, "{blocks}: {attacked}");
        }
    }

    /// So many blocks, to which a text comes every second in turn, that nobody enters.
    fn attacked(blocks: u64) -> Together {
        let mut together = Together::new(Tuning::default().ask_at);
        for k in 0..600 {
            let now = 1_800_000_000_000 + k * 1_000;
            together.turn(now);
            together.join(k % blocks, 0.5, now + HOUR);
            together.count(k % blocks, 0.8);
        }
        together
    }

    #[test]
    fn few_blocks_say_nothing_of_the_others() {
        let alarm = |blocks: u64| attacked(blocks).is_alarm();
        assert!(!alarm(1) && !alarm(3) && alarm(4));
    }

    #[test]
    fn step_ups_hold_an_alarm_up_and_end_it_and_begin_none() {
        let mut calm = Together::new(5.5);
        (0..100).for_each(|_| calm.hold_up(1.0));
        assert!(!calm.is_alarm() && calm.evidence == 0.0);

        let lasts = |step: f32| {
            let mut together = attacked(4);
            let mut hours = 0;
            while together.is_alarm() && hours < 100 {
                together.turn(together.at + HOUR);
                together.hold_up(step);
                hours += 1;
            }
            hours
        };
        assert!((5..24).contains(&lasts(0.0)), "{}", lasts(0.0));
        assert_eq!(lasts(1.0), 100, "failed step-ups hold it up");
        assert!(lasts(-0.5) < lasts(0.0), "and passed ones end it");

        let mut held = attacked(20);
        let before = held.evidence;
        assert!(before > 10.0);
        held.hold_up(1.0);
        assert_eq!(held.evidence, before, "they raise it to little more than it begins at");
    }

    #[test]
    fn it_forgets_and_comes_back_from_a_clock_that_led() {
        let mut together = Together::new(5.5);
        let now = 1_800_000_000_000;
        together.turn(now + 365 * 24 * HOUR);
        for node in 0..10 {
            together.join(node, 0.1, now + 366 * 24 * HOUR);
            together.count(node, 1.6);
        }
        together.take_back(now);
        assert!(together.evidence > 9.0 && together.blocks.len() == 10);
        assert!(together.counts(3) == together.blocks.iter().any(|b| b.node == 3 && !b.spent));
        together.turn(now + 20 * 24 * HOUR);
        assert!(together.evidence < 0.1 && together.blocks.is_empty() && !together.is_alarm());
    }
}
