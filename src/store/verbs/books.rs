//! The subjects that one call has open, and the bill of its charges.

use std::time::Duration;

use crate::base::id::Pseudonym;
use crate::base::time::Timestamp;
use crate::limit::{Ledger, Limit, MeterKey, Slot};
use crate::store::{Charge, GRACE, Observation};

use super::{Lent, Realm};

/// From so many meters on a subject sheds what has run dry: a network holds those of networks in it.
const CROWDED: usize = 6;

/// The subjects that one call has open, each fetched once and written back once.
pub(super) struct Books<'a, R: Realm> {
    realm: &'a R,
    now: Timestamp,
    open: Vec<Book>,
    /// Whether two charges, or a charge and an observation, may be on one meter.
    overlap: bool,
}

/// One open subject.
pub(super) struct Book {
    name: Pseudonym,
    pub(super) ledger: Ledger,
    /// The slots that this call has named, one bit for each remainder by 64.
    named: u64,
    known: bool,
    wanted: bool,
    changed: bool,
    owed: bool,
}

/// Where a meter is: which book of those open.
pub(super) type Place = usize;

impl<'a, R: Realm> Books<'a, R> {
    pub(super) fn new(realm: &'a R, now: Timestamp) -> Self {
        Self { realm, now, open: Vec::with_capacity(12), overlap: false }
    }

    /// Opens the subject called `name`, if it is not open yet.
    pub(super) fn open(&mut self, name: Pseudonym) -> Result<Place, R::Undone> {
        if let Some(place) = self.open.iter().rposition(|book| book.name == name) {
            return Ok(place);
        }
        let (known, Lent { ledger, owed }) = match self.realm.subject(name, self.now)? {
            Some(lent) => (true, lent),
            None => (false, Lent { ledger: Ledger::default(), owed: false }),
        };
        let book = Book { name, ledger, named: 0, known, wanted: false, changed: false, owed };
        self.open.push(book);
        Ok(self.open.len().saturating_sub(1))
    }

    pub(super) fn at(&mut self, place: Place) -> Option<&mut Book> {
        self.open.get_mut(place)
    }

    /// The ledger at `place`, to be changed.
    pub(super) fn write(&mut self, place: Place) -> Option<&mut Ledger> {
        self.open.get_mut(place).map(|book| {
            book.changed = true;
            &mut book.ledger
        })
    }

    /// Says that the subject at `place` will be written whether or not it exists.
    pub(super) fn want(&mut self, place: Place) {
        if let Some(book) = self.open.get_mut(place) {
            book.wanted = true;
        }
    }

    /// Whether keeping the subject at `place` would add an entry that nobody has wanted yet.
    pub(super) fn would_add(&self, place: Place) -> bool {
        self.open.get(place).is_some_and(|book| !book.known && !book.wanted)
    }

    /// How many entries the wanted subjects add.
    pub(super) fn missing(&self) -> usize {
        self.open.iter().filter(|book| book.wanted && !book.known).count()
    }

    /// Whether the mark under `waiver` is live at `at`.
    pub(super) fn waived(
        &mut self,
        waiver: Option<MeterKey>,
        at: Timestamp,
    ) -> Result<bool, R::Undone> {
        let Some(key) = waiver else { return Ok(false) };
        let place = self.open(key.subject)?;
        let mark = self.at(place).and_then(|book| book.ledger.mark(key.slot));
        Ok(mark.is_some_and(|(from, until)| from <= at && at < until))
    }

    /// Counts `observations`, whose subjects are open.
    pub(super) fn observe(&mut self, observations: &[Observation]) -> Result<(), R::Undone> {
        let now = self.now;
        for observation in observations {
            let place = self.open(observation.key.subject)?;
            let slot = observation.key.slot;
            if let Some(book) = self.open.get_mut(place) {
                self.overlap |= book.name_slot(slot);
                book.changed = true;
                book.ledger.add(slot, &window(observation), now, observation.units);
            }
        }
        Ok(())
    }

    /// The counts of `observations` as they stand.
    pub(super) fn observed(
        &mut self,
        observations: &[Observation],
        into: &mut Vec<u64>,
    ) -> Result<(), R::Undone> {
        let now = self.now;
        into.reserve_exact(observations.len());
        for observation in observations {
            let place = self.open(observation.key.subject)?;
            let (slot, limit) = (observation.key.slot, window(observation));
            into.push(self.at(place).map_or(0, |book| book.ledger.count(slot, &limit, now)));
        }
        Ok(())
    }

    /// Opens and wants the subjects of `observations`.
    pub(super) fn want_observed(&mut self, observations: &[Observation]) -> Result<(), R::Undone> {
        for observation in observations {
            let place = self.open(observation.key.subject)?;
            self.want(place);
        }
        Ok(())
    }

    /// Puts everything back; how many entries that added.
    pub(super) fn write_back(&mut self) -> Result<usize, R::Undone> {
        let mut added: usize = 0;
        let mut scratch = Vec::with_capacity(256);
        for mut book in self.open.drain(..) {
            // A change to a subject that nobody wanted is a change to nothing.
            if !(book.owed || book.changed && (book.known || book.wanted)) {
                continue;
            }
            if book.ledger.len() > CROWDED {
                book.ledger.forget(self.now.before(GRACE));
            }
            let new = self.realm.keep_subject(book.name, book.ledger, &mut scratch)?;
            added = added.saturating_add(usize::from(new));
        }
        Ok(added)
    }
}

impl Book {
    /// Notes that the call is about `slot`; whether it may have been before.
    fn name_slot(&mut self, slot: Slot) -> bool {
        let bit = 1_u64 << (slot.0 % 64);
        let again = self.named & bit != 0;
        self.named |= bit;
        again
    }
}

impl<R: Realm> Drop for Books<'_, R> {
    fn drop(&mut self) {
        // A call that is given up still owes what it was lent; that returning fails is no news then.
        let _ = self.write_back();
    }
}

/// A charge, and what is known about it before anything changes.
pub(super) struct Judged<'a> {
    pub(super) charge: &'a Charge,
    pub(super) place: Place,
    pub(super) waived: bool,
}

/// The charges of a call, judged in their order.
#[derive(Default)]
pub(super) struct Bill<'a> {
    lines: Vec<Judged<'a>>,
    /// For each line the count it would leave, if all fit and no two meet on one meter.
    quotes: Vec<u64>,
    /// Of those that do not fit, the one with the longest wait.
    pub(super) worst: Option<(usize, Duration)>,
}

impl<'a> Bill<'a> {
    /// Judges `charges` after those already on the bill; nothing changes.
    pub(super) fn add<R: Realm>(
        &mut self,
        charges: &'a [Charge],
        books: &mut Books<'_, R>,
    ) -> Result<(), R::Undone> {
        let now = books.now;
        self.lines.reserve(charges.len());
        self.quotes.reserve_exact(charges.len());
        for charge in charges {
            let waived = books.waived(charge.waiver, now)?;
            let place = books.open(charge.key.subject)?;
            let mut quote = 0;
            if !waived && let Some(book) = books.open.get_mut(place) {
                let slot = charge.key.slot;
                let judged = if book.name_slot(slot) {
                    books.overlap = true;
                    self.quote_after_others(charge, &book.ledger, now)
                } else {
                    book.ledger.quote(slot, &charge.limit, now, charge.cost)
                };
                match judged {
                    Ok(count) => quote = count,
                    Err(wait) if self.worst.is_none_or(|(_, longest)| wait > longest) => {
                        self.worst = Some((self.lines.len(), wait));
                    }
                    Err(_) => {}
                }
            }
            self.quotes.push(quote);
            self.lines.push(Judged { charge, place, waived });
        }
        Ok(())
    }

    /// Charges everything on the bill, all of which fits.
    pub(super) fn pay<R: Realm>(&self, books: &mut Books<'_, R>) {
        let now = books.now;
        for Judged { charge, place, .. } in self.paid() {
            if let Some(ledger) = books.write(*place) {
                ledger.add(charge.key.slot, &charge.limit, now, charge.cost);
            }
        }
    }

    /// Says that the subjects on the bill will be written.
    pub(super) fn want<R: Realm>(&self, books: &mut Books<'_, R>) {
        self.paid().for_each(|line| books.want(line.place));
    }

    /// For each charge the meter's count after [`pay`](Self::pay) and the observations.
    pub(super) fn counts_paid<R: Realm>(&mut self, books: &mut Books<'_, R>) -> Vec<u64> {
        if books.overlap { self.counts(books) } else { std::mem::take(&mut self.quotes) }
    }

    /// For each charge the meter's count as it stands; a waived one reads 0.
    pub(super) fn counts<R: Realm>(&self, books: &mut Books<'_, R>) -> Vec<u64> {
        let now = books.now;
        let count = |Judged { charge, place, waived }: &Judged<'_>| match books.at(*place) {
            Some(book) if !waived => book.ledger.count(charge.key.slot, &charge.limit, now),
            _ => 0,
        };
        self.lines.iter().map(count).collect()
    }

    fn paid(&self) -> impl Iterator<Item = &Judged<'a>> {
        self.lines.iter().filter(|line| !line.waived && line.charge.cost > 0)
    }

    /// As [`Ledger::quote`], after what earlier charges of the same meter would leave.
    fn quote_after_others(
        &self,
        charge: &Charge,
        ledger: &Ledger,
        now: Timestamp,
    ) -> Result<u64, Duration> {
        let mut trial = ledger.clone();
        for earlier in self.paid().filter(|line| line.charge.key == charge.key) {
            // One that does not fit leaves the meter as it found it.
            let Charge { key, limit, cost, .. } = earlier.charge;
            let _ = trial.charge(key.slot, limit, now, *cost);
        }
        trial.quote(charge.key.slot, &charge.limit, now, charge.cost)
    }
}

fn window(observation: &Observation) -> Limit {
    Limit::Window { max: u64::MAX, span_ms: observation.span_ms }
}
