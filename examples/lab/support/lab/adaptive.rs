//! Attackers who read the answers and choose the next number by them.

use super::super::drive::Adaptive;
use super::super::trace::Row;
use super::rng::Rng;
use super::world::{COUNTRIES, Country, country};

/// Leaves a block of 10 000 numbers at the first refusal or step-up.
pub struct Hopper {
    rng: Rng,
    base: u64,
}

/// Learns how many texts a block stands before it is stopped, and stays one below: it leaves each
/// block after so many, asks for one more where that went well, and for fewer where it did not.
pub struct Searcher {
    hopper: Hopper,
    patience: u64,
    sent_here: u64,
}

fn there() -> &'static Country {
    &COUNTRIES[country(b"BD")]
}

impl Hopper {
    pub fn new(seed: u64) -> Self {
        let mut hopper = Self { rng: Rng::new(seed ^ 99), base: 0 };
        hopper.hop();
        hopper
    }

    fn hop(&mut self) {
        let c = there();
        let range = self.rng.below(c.ranges * 3);
        self.base = c.number(range, self.rng.below(100) * 10_000);
    }
}

impl Searcher {
    pub fn new(seed: u64) -> Self {
        Self { hopper: Hopper::new(seed ^ 0x5ea), patience: 8, sent_here: 0 }
    }
}

impl Adaptive for Hopper {
    fn choose(&mut self, row: &mut Row) {
        row.phone = self.base + self.rng.below(10_000);
    }

    fn learn(&mut self, sent: bool) {
        if !sent {
            self.hop();
        }
    }
}

impl Adaptive for Searcher {
    fn choose(&mut self, row: &mut Row) {
        self.hopper.choose(row);
    }

    fn learn(&mut self, sent: bool) {
        self.sent_here += u64::from(sent);
        if !sent {
            self.patience = self.sent_here.saturating_sub(1).max(1);
        } else if self.sent_here >= self.patience {
            self.patience += 1;
        } else {
            return;
        }
        self.sent_here = 0;
        self.hopper.hop();
    }
}
