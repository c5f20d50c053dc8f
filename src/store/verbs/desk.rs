//! [`Desk`]: what a call works on, left to the next call of the same thread.
//!
//! A call opens a dozen subjects and judges a score of charges. Their ledgers and lists would be
//! allocated anew each time, and were half of what a call allocated.

use std::cell::Cell;

use crate::base::id::Pseudonym;
use crate::base::spare::{Spare, clear};
use crate::limit::{Ledger, Slot};

/// Of a call that opens more subjects, the rest is given back: a snapshot asks for hundreds.
const BOOKS: usize = 32;
/// Of a ledger with room for more meters the memory is given back.
const METERS: usize = 32;
/// Lines, quotes and bytes that are kept.
const LINES: usize = 64;
const BYTES: usize = 1_024;

thread_local! {
    static FREE: Spare<Desk> = const { Spare::empty() };
}

/// One open subject.
#[derive(Default)]
pub(super) struct Book {
    pub(super) name: Pseudonym,
    pub(super) ledger: Ledger,
    /// The slots that this call has charged, one bit for each remainder of a hash.
    pub(super) named: u64,
    pub(super) known: bool,
    pub(super) wanted: bool,
    pub(super) changed: bool,
    pub(super) owed: bool,
    pub(super) shared: bool,
}

/// What is known about a charge before anything changes.
#[derive(Clone, Copy)]
pub(super) struct Judged {
    pub(super) place: usize,
    pub(super) slot: Slot,
    pub(super) waived: bool,
}

/// The books of one call and the lines of its bill.
#[derive(Default)]
pub(super) struct Desk {
    /// Those that are open, and behind them closed ones, whose ledgers are empty.
    books: Vec<Book>,
    open: usize,
    found: Cell<usize>,
    pub(super) lines: Vec<Judged>,
    /// For each line the count as it stands and the count it would leave, if all fit and no two meet
    /// on one meter.
    pub(super) standing: Vec<u64>,
    pub(super) quotes: Vec<u64>,
    /// For the byte form of a ledger.
    pub(super) scratch: Vec<u8>,
}

impl Desk {
    /// A clean one.
    pub(super) fn take() -> Self {
        Spare::take(&FREE).unwrap_or_default()
    }

    /// Clears it, and leaves it to the next call.
    pub(super) fn leave(mut self) {
        let open = std::mem::take(&mut self.open);
        for book in self.books.iter_mut().take(open) {
            match book.ledger.room() > METERS {
                true => book.ledger = Ledger::default(),
                false => book.ledger.clear(),
            }
        }
        self.books.truncate(BOOKS);
        let counts = clear(&mut self.standing).max(clear(&mut self.quotes));
        let lines = clear(&mut self.lines).max(counts);
        if lines <= LINES && clear(&mut self.scratch) <= BYTES {
            Spare::leave(&FREE, self);
        }
    }

    /// The books that are open.
    pub(super) fn books(&self) -> &[Book] {
        self.books.get(..self.open).unwrap_or_default()
    }

    pub(super) fn books_mut(&mut self) -> &mut [Book] {
        self.books.get_mut(..self.open).unwrap_or_default()
    }

    /// Where the book called `name` lies. Charges on one subject stand side by side, and subjects are asked
    /// for in the order in which they were opened: it is the one that was found last, or the next.
    #[inline]
    pub(super) fn place(&self, name: Pseudonym) -> Option<usize> {
        let books = self.books();
        let is = |place: usize| books.get(place).is_some_and(|book| book.name == name);
        let latest = self.found.get();
        if is(latest) {
            return Some(latest);
        }
        let next = latest.saturating_add(1);
        let place = match is(next) {
            true => next,
            false => books.iter().position(|book| book.name == name)?,
        };
        self.found.set(place);
        Some(place)
    }

    /// The next closed one, empty.
    pub(super) fn next(&mut self) -> Option<&mut Book> {
        if self.books.len() <= self.open {
            self.books.push(Book::default());
        }
        self.books.get_mut(self.open)
    }

    /// Opens the [`next`](Self::next) one; where it lies.
    pub(super) fn opened(&mut self) -> usize {
        let place = self.open;
        self.open = place.saturating_add(1);
        place
    }
}

impl Book {
    /// Notes that the call charges the meter in `slot`; whether it may have been charged before.
    pub(super) fn charges(&mut self, slot: Slot) -> bool {
        // Slots differ in their highest byte, mostly.
        let bit = 1_u64 << (slot.0.wrapping_mul(0x9e37_79b1) >> 26);
        let again = self.named & bit != 0;
        self.named |= bit;
        again
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::time::Timestamp;
    use crate::limit::Limit;

    #[test]
    fn a_long_call_leaves_a_short_desk() {
        let at = Timestamp::from_millis(1);
        let window = Limit::Window { max: 9, span_ms: 60_000 };
        let mut desk = Desk::take();
        for subject in 0..200_u8 {
            let book = desk.next().unwrap();
            book.name = Pseudonym::from_bytes([subject; 16]);
            for slot in 0..u32::from(subject) {
                book.ledger.charge(Slot(slot), &window, at, 1).unwrap();
            }
            assert_eq!(desk.opened(), usize::from(subject));
        }
        assert_eq!(desk.place(Pseudonym::from_bytes([7; 16])), Some(7));
        desk.quotes.push(1);
        desk.leave();
        let next = Desk::take();
        assert!(next.books().is_empty() && next.quotes.is_empty());
        assert_eq!(next.books.len(), BOOKS);
        for book in &next.books {
            assert!(book.ledger.len() == 0 && book.ledger.room() <= METERS, "empty, and small");
        }
        assert_eq!(next.place(Pseudonym::from_bytes([7; 16])), None);
    }
}
