//! A subject at rest, and the subjects that one call has open.

use std::time::Duration;

use crate::base::id::Pseudonym;
use crate::base::time::Timestamp;
use crate::limit::{Ledger, Limit, MeterKey, Slot};
use crate::store::{Charge, Observation};

use super::table::{DropAt, Held, Key, Mask, Table};

/// Beyond this many numbers a subject stays unpacked: it is one of the few that every call touches.
const BUSY: usize = 12;

/// A subject's meters and marks: packed in place, packed apart, or as they are.
#[derive(Debug)]
pub(super) enum Subject {
    Small { drop_at: DropAt, length: u8, bytes: [u8; 18] },
    Packed { drop_at: DropAt, bytes: Box<[u8]> },
    Busy { drop_at: DropAt, ledger: Box<Ledger> },
}

/// Something that the store holds is not what it wrote.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Unreadable;

/// The subjects that one call has open, each fetched once and written back once.
pub(super) struct Books<'a> {
    table: &'a Table<Subject>,
    mask: Mask,
    now: Timestamp,
    open: Vec<Book>,
    /// Whether two charges, or a charge and an observation, may be on one meter.
    overlap: bool,
}

/// One open subject.
pub(super) struct Book {
    name: Pseudonym,
    key: Key,
    pub(super) ledger: Ledger,
    /// The slots that charges of this call have named, one bit for each remainder by 64.
    named: u64,
    known: bool,
    wanted: bool,
    changed: bool,
    busy: bool,
}

/// Where a meter is: which book of those open.
pub(super) type Place = usize;

impl<'a> Books<'a> {
    pub(super) fn new(table: &'a Table<Subject>, mask: Mask, now: Timestamp) -> Self {
        Self { table, mask, now, open: Vec::with_capacity(12), overlap: false }
    }

    /// Opens the subject called `name`, if it is not open yet.
    pub(super) fn open(&mut self, name: Pseudonym) -> Result<Place, Unreadable> {
        if let Some(place) = self.open.iter().rposition(|book| book.name == name) {
            return Ok(place);
        }
        let key = self.mask.name(name);
        let mut book = Book {
            name,
            key,
            ledger: Ledger::default(),
            named: 0,
            known: false,
            wanted: false,
            changed: false,
            busy: false,
        };
        let now = self.now;
        let fetched = self.table.change(key, |subject| {
            // What can be dropped is as good as dropped.
            book.known = !subject.drop_at().passed(now);
            if let (Subject::Busy { ledger, .. }, true) = (&mut *subject, book.known) {
                // Nobody else of the realm has a turn meanwhile; `write_back` returns it.
                book.busy = true;
                return Some(std::mem::take(&mut **ledger));
            }
            if book.known { subject.unpack() } else { Some(Ledger::default()) }
        });
        match fetched {
            Some(Some(ledger)) => book.ledger = ledger,
            Some(None) => return Err(Unreadable),
            None => {}
        }
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

    /// How many entries the wanted subjects add.
    pub(super) fn missing(&self) -> usize {
        self.open.iter().filter(|book| book.wanted && !book.known).count()
    }

    /// Whether the mark under `waiver` is live at `at`.
    pub(super) fn waived(
        &mut self,
        waiver: Option<MeterKey>,
        at: Timestamp,
    ) -> Result<bool, Unreadable> {
        let Some(key) = waiver else { return Ok(false) };
        let place = self.open(key.subject)?;
        let mark = self.at(place).and_then(|book| book.ledger.mark(key.slot));
        Ok(mark.is_some_and(|(from, until)| from <= at && at < until))
    }

    /// Counts `observations`, whose subjects are open.
    pub(super) fn observe(&mut self, observations: &[Observation]) -> Result<(), Unreadable> {
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
    ) -> Result<(), Unreadable> {
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
    pub(super) fn want_observed(&mut self, observations: &[Observation]) -> Result<(), Unreadable> {
        for observation in observations {
            let place = self.open(observation.key.subject)?;
            self.want(place);
        }
        Ok(())
    }

    /// Puts everything back; how many entries that added.
    pub(super) fn write_back(&mut self) -> usize {
        let mut added: usize = 0;
        let mut scratch = Vec::with_capacity(256);
        for book in self.open.drain(..) {
            // A change to a subject that nobody wanted is a change to nothing.
            if !(book.busy || book.changed && (book.known || book.wanted)) {
                continue;
            }
            let Book { key, ledger, .. } = book;
            let new = self.table.put_with(key, |held| {
                let drop_at = DropAt::after(ledger.over_at());
                if let Some(subject) = held {
                    subject.refill(drop_at, ledger, &mut scratch);
                    None
                } else {
                    Some(Subject::new(drop_at, ledger, &mut scratch))
                }
            });
            added = added.saturating_add(usize::from(new));
        }
        added
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

impl Drop for Books<'_> {
    fn drop(&mut self) {
        self.write_back();
    }
}

impl Subject {
    fn new(drop_at: DropAt, ledger: Ledger, scratch: &mut Vec<u8>) -> Self {
        if ledger.weight() > BUSY {
            return Self::Busy { drop_at, ledger: Box::new(ledger) };
        }
        scratch.clear();
        ledger.write(scratch);
        let mut small = [0; 18];
        match (small.get_mut(..scratch.len()), u8::try_from(scratch.len())) {
            (Some(part), Ok(length)) => {
                part.copy_from_slice(scratch);
                Self::Small { drop_at, length, bytes: small }
            }
            _ => Self::Packed { drop_at, bytes: scratch.as_slice().into() },
        }
    }

    /// Holds `ledger` from now on, in the memory it has if that fits.
    fn refill(&mut self, at: DropAt, ledger: Ledger, scratch: &mut Vec<u8>) {
        match (&mut *self, ledger.weight() > BUSY) {
            (Self::Busy { drop_at, ledger: held }, true) => {
                **held = ledger;
                *drop_at = at;
            }
            (Self::Packed { drop_at, bytes }, false) => {
                scratch.clear();
                ledger.write(scratch);
                *drop_at = at;
                if bytes.len() == scratch.len() {
                    bytes.copy_from_slice(scratch);
                } else {
                    *self = Self::new(at, ledger, scratch);
                }
            }
            _ => *self = Self::new(at, ledger, scratch),
        }
    }

    /// Something of what it holds, for having read it.
    pub(super) fn first_byte(&self) -> u8 {
        match self {
            Self::Small { length, .. } => *length,
            Self::Packed { bytes, .. } => bytes.first().copied().unwrap_or(0),
            // Busy ones are in the cache.
            Self::Busy { .. } => 0,
        }
    }

    pub(super) fn unpack(&self) -> Option<Ledger> {
        match self {
            Self::Small { length, bytes, .. } => {
                bytes.get(..usize::from(*length)).and_then(Ledger::from_bytes)
            }
            Self::Packed { bytes, .. } => Ledger::from_bytes(bytes),
            Self::Busy { ledger, .. } => Some((**ledger).clone()),
        }
    }
}

impl Held for Subject {
    fn drop_at(&self) -> DropAt {
        match self {
            Self::Small { drop_at, .. }
            | Self::Packed { drop_at, .. }
            | Self::Busy { drop_at, .. } => *drop_at,
        }
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
    pub(super) fn add(
        &mut self,
        charges: &'a [Charge],
        books: &mut Books<'_>,
    ) -> Result<(), Unreadable> {
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
    pub(super) fn pay(&self, books: &mut Books<'_>) {
        let now = books.now;
        for Judged { charge, place, .. } in self.paid() {
            if let Some(ledger) = books.write(*place) {
                ledger.add(charge.key.slot, &charge.limit, now, charge.cost);
            }
        }
    }

    /// Says that the subjects on the bill will be written.
    pub(super) fn want(&self, books: &mut Books<'_>) {
        self.paid().for_each(|line| books.want(line.place));
    }

    /// For each charge the meter's count after [`pay`](Self::pay) and the observations.
    pub(super) fn counts_paid(&mut self, books: &mut Books<'_>) -> Vec<u64> {
        if books.overlap { self.counts(books) } else { std::mem::take(&mut self.quotes) }
    }

    /// For each charge the meter's count as it stands; a waived one reads 0.
    pub(super) fn counts(&self, books: &mut Books<'_>) -> Vec<u64> {
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
