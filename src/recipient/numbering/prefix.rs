//! Matches national and international prefixes: a small backtracking matcher over digits.
//!
//! The patterns have no unbounded repetition, so a match ends after a bounded number of steps
//! whatever the input; the generator refuses a pattern that needs more than `PENDING_CHOICES`.

use std::ops::Range;

use super::table::{PENDING_CHOICES, PROGRAMS};

/// Where a prefix pattern matched, and its two groups where they took part.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) end: usize,
    pub(super) first: Option<Range<usize>>,
    pub(super) second: Option<Range<usize>>,
}

/// Matches the program at `start` against the beginning of `digits`, first alternative first.
/// An empty match counts as none.
pub(super) fn find(start: u16, digits: &[u8]) -> Option<Found> {
    let beginnings = PROGRAMS.get(usize::from(start))?;
    if beginnings >> digits.first()? & 1 == 0 {
        return None;
    }
    run(start.saturating_add(1), digits).filter(|found| found.end > 0)
}

fn run(start: u16, digits: &[u8]) -> Option<Found> {
    let mut pending = [Thread::default(); PENDING_CHOICES];
    let mut open = 0_usize;
    let mut thread = Thread { at: start, ..Thread::default() };
    loop {
        match thread.step(digits)? {
            Step::On => {}
            Step::Matched => return Some(thread.found()),
            Step::Choice(second) => {
                *pending.get_mut(open)? = Thread { at: second, ..thread };
                open = open.saturating_add(1);
            }
            Step::Dead => {
                open = open.checked_sub(1)?;
                thread = *pending.get(open)?;
            }
        }
    }
}

/// One way of matching: a place in the program, one in the digits, and the group borders so far.
#[derive(Clone, Copy)]
struct Thread {
    at: u16,
    digit: u8,
    borders: [u8; 4],
}

enum Step {
    On,
    Matched,
    Choice(u16),
    Dead,
}

impl Thread {
    // The numbers are the `OP_` constants of scripts/numbering/patterns.py.
    fn step(&mut self, digits: &[u8]) -> Option<Step> {
        let next = digits.get(usize::from(self.digit));
        let operand = self.word(1);
        match self.word(0)? {
            0 => {
                let accepted =
                    next.is_some_and(|digit| operand.is_some_and(|m| m >> digit & 1 == 1));
                if !accepted {
                    return Some(Step::Dead);
                }
                self.digit = self.digit.saturating_add(1);
                self.skip(2);
            }
            1 => {
                let second = self.word(2)?;
                self.at = operand?;
                return Some(Step::Choice(second));
            }
            2 => self.at = operand?,
            3 => {
                *self.borders.get_mut(usize::from(operand?))? = self.digit;
                self.skip(2);
            }
            4 => {
                if next.is_some() {
                    return Some(Step::Dead);
                }
                self.skip(1);
            }
            _ => return Some(Step::Matched),
        }
        Some(Step::On)
    }

    fn word(&self, offset: usize) -> Option<u16> {
        PROGRAMS.get(usize::from(self.at).saturating_add(offset)).copied()
    }

    fn skip(&mut self, words: u16) {
        self.at = self.at.saturating_add(words);
    }

    fn found(&self) -> Found {
        let [a, b, c, d] = self.borders;
        let group = |from: u8, to: u8| (to != UNSET).then_some(usize::from(from)..usize::from(to));
        Found { end: usize::from(self.digit), first: group(a, b), second: group(c, d) }
    }
}

const UNSET: u8 = u8::MAX;

impl Default for Thread {
    fn default() -> Self {
        Self { at: 0, digit: 0, borders: [UNSET; 4] }
    }
}
