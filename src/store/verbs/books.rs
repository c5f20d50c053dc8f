//! The subjects that one call has open, and the bill of its charges.

use std::time::Duration;

use crate::base::id::Pseudonym;
use crate::base::time::Timestamp;
use crate::limit::{Ledger, Limit, Meter, MeterKey, Slot};
use crate::store::{Charge, GRACE, Observation};

use super::{Lent, Moment, Realm};

/// From so many meters on a subject sheds what has run dry: a network holds those of networks in it.
const CROWDED: usize = 6;

/// The subjects that one call has open, each fetched once and written back once.
pub(super) struct Books<'a, R: Realm> {
    realm: &'a R,
    pub(super) moment: Moment,
    open: Vec<Book>,
    /// Whether the call changes nothing.
    reads: bool,
    /// Saves allocations while books are written back.
    scratch: Vec<u8>,
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
    shared: bool,
}

/// Where a meter is: which book of those open.
pub(super) type Place = usize;

impl<'a, R: Realm> Books<'a, R> {
    pub(super) fn new(realm: &'a R, moment: Moment) -> Self {
        let (open, scratch) = (Vec::with_capacity(12), Vec::with_capacity(256));
        Self { realm, moment, open, reads: false, scratch, overlap: false }
    }

    /// Says that the call changes nothing: what is dated ahead is judged as if it had been taken back.
    pub(super) fn only_read(&mut self) {
        self.reads = true;
    }

    /// Opens the subject called `name`, if it is not open yet.
    pub(super) fn open(&mut self, name: Pseudonym) -> Result<Place, R::Undone> {
        if let Some(place) = self.open.iter().rposition(|book| book.name == name) {
            return Ok(place);
        }
        let (known, Lent { ledger, owed }) = match self.realm.subject(name, self.moment.now)? {
            Some(lent) => (true, lent),
            None => (false, Lent { ledger: Ledger::default(), owed: false }),
        };
        let shared = self.realm.is_shared(name);
        let (wanted, changed) = (false, false);
        self.open.push(Book { name, ledger, named: 0, known, wanted, changed, owed, shared });
        Ok(self.open.len().saturating_sub(1))
    }

    /// Opens those of `names` that calls do not share, before the others: what takes long is done by the
    /// time anybody has to wait.
    pub(super) fn open_own(
        &mut self,
        names: impl IntoIterator<Item = Pseudonym>,
    ) -> Result<(), R::Undone> {
        for name in names {
            if !self.realm.is_shared(name) {
                self.open(name)?;
            }
        }
        Ok(())
    }

    pub(super) fn at(&mut self, place: Place) -> Option<&mut Book> {
        self.open.get_mut(place)
    }

    /// Takes the meter in `slot` back to now if it is dated ahead, before the call does anything else
    /// with it. That is kept whatever becomes of the call, or it would be done in vain each time.
    fn heal(&mut self, place: Place, slot: Slot, limit: &Limit) {
        let Moment { now, horizon } = self.moment;
        if !self.reads
            && let Some(book) = self.open.get_mut(place)
        {
            book.changed |= book.ledger.heal(slot, limit, now, horizon);
        }
    }

    /// The meter in `slot`, to be given something back.
    pub(super) fn meter_mut(
        &mut self,
        place: Place,
        slot: Slot,
        limit: &Limit,
    ) -> Option<&mut Meter> {
        self.heal(place, slot, limit);
        self.write(place)?.meter_mut(slot)
    }

    /// As [`quote`](Self::quote), for a charge that the call may make.
    fn judge(
        &mut self,
        place: Place,
        slot: Slot,
        limit: &Limit,
        cost: u64,
    ) -> Result<u64, Duration> {
        let Moment { now, horizon } = self.moment;
        if !self.reads
            && let Some(book) = self.open.get_mut(place)
            && let Some(meter) = book.ledger.meter_mut(slot)
        {
            book.changed |= meter.heal(limit, now, horizon);
            return meter.quote(limit, now, cost);
        }
        self.quote(place, slot, limit, cost)
    }

    /// What a charge of `cost` would leave, or the wait until it fits; nothing changes.
    pub(super) fn quote(
        &self,
        place: Place,
        slot: Slot,
        limit: &Limit,
        cost: u64,
    ) -> Result<u64, Duration> {
        self.read(place, slot, limit, |meter, now| meter.quote(limit, now, cost))
            .unwrap_or_else(|| Meter::fresh(limit).quote(limit, self.moment.now, cost))
    }

    /// The count of the meter in `slot`.
    pub(super) fn count(&self, place: Place, slot: Slot, limit: &Limit) -> u64 {
        self.read(place, slot, limit, |meter, now| meter.count(limit, now)).unwrap_or(0)
    }

    /// Reads the meter in `slot`, if there is one, as it is or as it would be taken back.
    fn read<T>(
        &self,
        place: Place,
        slot: Slot,
        limit: &Limit,
        read: impl FnOnce(&Meter, Timestamp) -> T,
    ) -> Option<T> {
        let Moment { now, horizon } = self.moment;
        let meter = self.open.get(place)?.ledger.meter(slot)?;
        if !meter.is_ahead(limit, horizon) {
            return Some(read(meter, now));
        }
        let mut meter = meter.clone();
        meter.heal(limit, now, horizon);
        Some(read(&meter, now))
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
        let now = self.moment.now;
        for observation in observations {
            let place = self.open(observation.key.subject)?;
            let (slot, limit) = (observation.key.slot, window(observation));
            self.heal(place, slot, &limit);
            if let Some(book) = self.open.get_mut(place) {
                self.overlap |= book.name_slot(slot);
                book.changed = true;
                book.ledger.add(slot, &limit, now, observation.units);
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
        into.reserve_exact(observations.len());
        for observation in observations {
            let place = self.open(observation.key.subject)?;
            into.push(self.count(place, observation.key.slot, &window(observation)));
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

    /// Puts back what calls share, and lets the next one to it; how many entries that added. Nothing
    /// shared may be asked for afterwards.
    pub(super) fn return_shared(&mut self) -> Result<usize, R::Undone> {
        let added = self.put_back(|book| book.shared)?;
        self.realm.end_of_shared();
        Ok(added)
    }

    /// Puts back everything that is not yet; how many entries that added.
    pub(super) fn write_back(&mut self) -> Result<usize, R::Undone> {
        let added = self.put_back(|_| true)?;
        self.open.clear();
        Ok(added)
    }

    fn put_back(&mut self, which: impl Fn(&Book) -> bool) -> Result<usize, R::Undone> {
        let mut added: usize = 0;
        for book in self.open.iter_mut().filter(|book| which(book)) {
            // A change to a subject that nobody wanted is a change to nothing.
            let due = book.owed || book.changed && (book.known || book.wanted);
            (book.owed, book.changed) = (false, false);
            if !due {
                continue;
            }
            if book.ledger.len() > CROWDED {
                book.ledger.forget(self.moment.now.before(GRACE));
            }
            let ledger = std::mem::take(&mut book.ledger);
            let new = self.realm.keep_subject(book.name, ledger, &mut self.scratch)?;
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
        let now = books.moment.now;
        self.lines.reserve(charges.len());
        self.quotes.reserve_exact(charges.len());
        for charge in charges {
            let waived = books.waived(charge.waiver, now)?;
            let place = books.open(charge.key.subject)?;
            let mut quote = 0;
            if !waived {
                let slot = charge.key.slot;
                let again = books.open.get_mut(place).is_some_and(|book| book.name_slot(slot));
                let judged = if again {
                    books.overlap = true;
                    books.heal(place, slot, &charge.limit);
                    let ledger = books.open.get(place).map(|book| &book.ledger);
                    self.quote_after_others(charge, ledger.cloned().unwrap_or_default(), now)
                } else {
                    books.judge(place, slot, &charge.limit, charge.cost)
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
        let now = books.moment.now;
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
        let count = |Judged { charge, place, waived }: &Judged<'_>| match waived {
            true => 0,
            false => books.count(*place, charge.key.slot, &charge.limit),
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
        mut trial: Ledger,
        now: Timestamp,
    ) -> Result<u64, Duration> {
        for earlier in self.paid().filter(|line| line.charge.key == charge.key) {
            // One that does not fit leaves the meter as it found it.
            let Charge { key, limit, cost, .. } = earlier.charge;
            let _ = trial.charge(key.slot, limit, now, *cost);
        }
        trial.quote(charge.key.slot, &charge.limit, now, charge.cost)
    }
}

/// The subjects that charges are about, waivers included.
pub(super) fn charged<'a>(
    charges: impl IntoIterator<Item = &'a Charge>,
) -> impl Iterator<Item = Pseudonym> {
    let keys = |charge: &Charge| charge.waiver.into_iter().chain([charge.key]);
    charges.into_iter().flat_map(keys).map(|key| key.subject)
}

/// The subjects that observations are about.
pub(super) fn observed<'a>(
    observations: impl IntoIterator<Item = &'a Observation>,
) -> impl Iterator<Item = Pseudonym> {
    observations.into_iter().map(|observation| observation.key.subject)
}

fn window(observation: &Observation) -> Limit {
    Limit::Window { max: u64::MAX, span_ms: observation.span_ms }
}
