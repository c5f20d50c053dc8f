//! The subjects that one call has open, and the bill of its charges.

use std::mem;
use std::time::Duration;

use crate::base::id::Pseudonym;
use crate::base::time::Timestamp;
use crate::limit::{Ledger, Limit, Meter, MeterKey, Slot};
use crate::store::{Charge, GRACE, Observation};

use super::desk::{Book, Desk, Judged};
use super::{Lent, Moment, Realm};

/// From so many meters on a subject sheds what has run dry: a network holds those of networks in it.
const CROWDED: usize = 6;

/// The subjects that one call has open, each fetched once and written back once.
pub(super) struct Books<'a, R: Realm> {
    realm: &'a R,
    pub(super) moment: Moment,
    desk: Desk,
    /// Whether the call changes nothing.
    reads: bool,
    /// Whether two charges, or a charge and an observation, are on one meter.
    overlap: bool,
}

/// Where a meter is: which book of those open.
pub(super) type Place = usize;

impl<'a, R: Realm> Books<'a, R> {
    pub(super) fn new(realm: &'a R, moment: Moment) -> Self {
        Self { realm, moment, desk: Desk::take(), reads: false, overlap: false }
    }

    /// Says that the call changes nothing: what is dated ahead is judged as if it had been taken back.
    pub(super) fn only_read(&mut self) {
        self.reads = true;
    }

    /// Opens the subject called `name`, if it is not open yet.
    pub(super) fn open(&mut self, name: Pseudonym) -> Result<Place, R::Undone> {
        match self.desk.place(name) {
            Some(place) => Ok(place),
            None => self.fetch(name, self.realm.is_shared(name)),
        }
    }

    /// Opens those of `names` that calls do not share, before the others: what takes long is done by the
    /// time anybody has to wait.
    pub(super) fn open_own(
        &mut self,
        names: impl IntoIterator<Item = Pseudonym>,
    ) -> Result<(), R::Undone> {
        let mut latest = None;
        for name in names {
            // Charges on one subject stand side by side.
            if latest.replace(name) != Some(name)
                && self.desk.place(name).is_none()
                && !self.realm.is_shared(name)
            {
                self.fetch(name, false)?;
            }
        }
        Ok(())
    }

    /// Opens a subject that is not open.
    fn fetch(&mut self, name: Pseudonym, shared: bool) -> Result<Place, R::Undone> {
        let Self { realm, desk, moment, .. } = self;
        let Some(book) = desk.next() else { return Ok(Place::MAX) };
        let lent = match realm.subject(name, moment.now, &mut book.ledger) {
            Ok(lent) => lent,
            Err(undone) => {
                book.ledger.clear();
                return Err(undone);
            }
        };
        (book.name, book.named, book.shared) = (name, 0, shared);
        (book.known, book.owed) = (lent != Lent::Nothing, lent == Lent::Owed);
        (book.wanted, book.changed) = (false, false);
        Ok(desk.opened())
    }

    pub(super) fn at(&mut self, place: Place) -> Option<&mut Book> {
        self.desk.books_mut().get_mut(place)
    }

    fn book(&self, place: Place) -> Option<&Book> {
        self.desk.books().get(place)
    }

    /// Takes the meter in `slot` back to now if it is dated ahead, before the call does anything else
    /// with it. That is kept whatever becomes of the call, or it would be done in vain each time.
    fn heal(&mut self, place: Place, slot: Slot, limit: &Limit) {
        let Moment { now, horizon } = self.moment;
        if !self.reads
            && let Some(book) = self.at(place)
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

    /// As [`quote`](Self::quote), for a charge that the call may make, and the count as it stands.
    fn judge(
        &mut self,
        place: Place,
        slot: Slot,
        limit: &Limit,
        cost: u64,
    ) -> (u64, Result<u64, Duration>) {
        let Moment { now, horizon } = self.moment;
        if !self.reads
            && let Some(book) = self.at(place)
            && let Some(meter) = book.ledger.meter_mut(slot)
        {
            book.changed |= meter.heal(limit, now, horizon);
            return meter.judge(limit, now, cost);
        }
        self.read(place, slot, limit, |meter, now| meter.judge(limit, now, cost))
            .unwrap_or_else(|| (0, Meter::fresh(limit).quote(limit, now, cost)))
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
        let meter = self.book(place)?.ledger.meter(slot)?;
        if !meter.is_ahead(limit, horizon) {
            return Some(read(meter, now));
        }
        let mut meter = meter.clone();
        meter.heal(limit, now, horizon);
        Some(read(&meter, now))
    }

    /// The ledger at `place`, to be changed.
    pub(super) fn write(&mut self, place: Place) -> Option<&mut Ledger> {
        self.at(place).map(|book| {
            book.changed = true;
            &mut book.ledger
        })
    }

    /// Says that the subject at `place` will be written whether or not it exists.
    pub(super) fn want(&mut self, place: Place) {
        if let Some(book) = self.at(place) {
            book.wanted = true;
        }
    }

    /// Whether keeping the subject at `place` would add an entry that nobody has wanted yet.
    pub(super) fn would_add(&self, place: Place) -> bool {
        self.book(place).is_some_and(|book| !book.known && !book.wanted)
    }

    /// How many entries the wanted subjects add.
    pub(super) fn missing(&self) -> usize {
        self.desk.books().iter().filter(|book| book.wanted && !book.known).count()
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
            self.overlap |= self.is_charged(place, slot);
            if let Some(book) = self.at(place) {
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
        into.reserve(observations.len());
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
        self.put_back(|_| true)
    }

    /// Whether a charge on the bill is on the meter in `slot`.
    fn is_charged(&self, place: Place, slot: Slot) -> bool {
        self.desk.lines.iter().any(|line| line.place == place && line.slot == slot && !line.waived)
    }

    fn put_back(&mut self, which: impl Fn(&Book) -> bool) -> Result<usize, R::Undone> {
        let mut added: usize = 0;
        let (then, mut scratch) =
            (self.moment.now.before(GRACE), mem::take(&mut self.desk.scratch));
        for book in self.desk.books_mut().iter_mut().filter(|book| which(book)) {
            // A change to a subject that nobody wanted is a change to nothing.
            let due = book.owed || book.changed && (book.known || book.wanted);
            (book.owed, book.changed) = (false, false);
            if !due {
                continue;
            }
            if book.ledger.len() > CROWDED {
                book.ledger.forget(then);
            }
            let new = self.realm.keep_subject(book.name, &mut book.ledger, &mut scratch)?;
            added = added.saturating_add(usize::from(new));
        }
        self.desk.scratch = scratch;
        Ok(added)
    }
}

impl<R: Realm> Drop for Books<'_, R> {
    fn drop(&mut self) {
        // A call that is given up still owes what it was lent; that returning fails is no news then.
        let _ = self.write_back();
        mem::take(&mut self.desk).leave();
    }
}

/// The charges of a call, judged in their order. What is known about each is a line on the desk.
#[derive(Default)]
pub(super) struct Bill<'a> {
    lists: [&'a [Charge]; 2],
    /// Of those that do not fit, the one with the longest wait.
    pub(super) worst: Option<(usize, Duration)>,
}

impl<'a> Bill<'a> {
    /// Judges `charges` after those already on the bill, of which there is one list at most; nothing
    /// changes.
    pub(super) fn add<R: Realm>(
        &mut self,
        charges: &'a [Charge],
        books: &mut Books<'_, R>,
    ) -> Result<(), R::Undone> {
        let now = books.moment.now;
        match self.lists {
            [[], _] => self.lists = [charges, &[]],
            [first, _] => self.lists = [first, charges],
        }
        for charge in charges {
            let waived = books.waived(charge.waiver, now)?;
            let place = books.open(charge.key.subject)?;
            let slot = charge.key.slot;
            let (mut standing, mut quote) = (0, 0);
            if !waived {
                let again = books.at(place).is_some_and(|book| book.charges(slot));
                let judged = if again && books.is_charged(place, slot) {
                    books.overlap = true;
                    books.heal(place, slot, &charge.limit);
                    (0, self.quote_after_others(charge, place, books))
                } else {
                    books.judge(place, slot, &charge.limit, charge.cost)
                };
                standing = judged.0;
                match judged.1 {
                    Ok(count) => quote = count,
                    Err(wait) if self.worst.is_none_or(|(_, longest)| wait > longest) => {
                        self.worst = Some((books.desk.lines.len(), wait));
                    }
                    Err(_) => {}
                }
            }
            books.desk.standing.push(standing);
            books.desk.quotes.push(quote);
            books.desk.lines.push(Judged { place, slot, waived });
        }
        Ok(())
    }

    /// Charges everything on the bill, all of which fits.
    pub(super) fn pay<R: Realm>(&self, books: &mut Books<'_, R>) {
        let (now, lines) = (books.moment.now, mem::take(&mut books.desk.lines));
        for (charge, Judged { place, .. }) in self.paid(&lines) {
            if let Some(ledger) = books.write(place) {
                ledger.add(charge.key.slot, &charge.limit, now, charge.cost);
            }
        }
        books.desk.lines = lines;
    }

    /// Says that the subjects on the bill will be written.
    pub(super) fn want<R: Realm>(&self, books: &mut Books<'_, R>) {
        let lines = mem::take(&mut books.desk.lines);
        self.paid(&lines).for_each(|(_, line)| books.want(line.place));
        books.desk.lines = lines;
    }

    /// For each charge the meter's count after [`pay`](Self::pay) and the observations.
    pub(super) fn counts_paid<R: Realm>(&self, books: &Books<'_, R>) -> Vec<u64> {
        if books.overlap { self.counts(books) } else { books.desk.quotes.clone() }
    }

    /// For each charge the meter's count after the observations, if nothing is paid; a waived one reads 0.
    pub(super) fn counts_unpaid<R: Realm>(&self, books: &Books<'_, R>) -> Vec<u64> {
        if books.overlap { self.counts(books) } else { books.desk.standing.clone() }
    }

    /// For each charge the meter's count as it stands; a waived one reads 0.
    pub(super) fn counts<R: Realm>(&self, books: &Books<'_, R>) -> Vec<u64> {
        let count = |(charge, line): (&Charge, &Judged)| match line.waived {
            true => 0,
            false => books.count(line.place, line.slot, &charge.limit),
        };
        let mut counts = Vec::with_capacity(books.desk.lines.len());
        counts.extend(self.charges().zip(&books.desk.lines).map(count));
        counts
    }

    fn charges(&self) -> impl Iterator<Item = &'a Charge> + use<'a> {
        let [first, second] = self.lists;
        first.iter().chain(second)
    }

    fn paid<'l>(
        &self,
        lines: &'l [Judged],
    ) -> impl Iterator<Item = (&'a Charge, Judged)> + use<'a, 'l> {
        let all = self.charges().zip(lines.iter().copied());
        all.filter(|(charge, line)| !line.waived && charge.cost > 0)
    }

    /// As [`Meter::quote`], after what earlier charges of the same meter would leave.
    fn quote_after_others<R: Realm>(
        &self,
        charge: &Charge,
        place: Place,
        books: &Books<'_, R>,
    ) -> Result<u64, Duration> {
        let now = books.moment.now;
        let held = books.book(place).and_then(|book| book.ledger.meter(charge.key.slot));
        let mut trial = held.cloned();
        for (earlier, _) in self.paid(&books.desk.lines).filter(|(line, _)| line.key == charge.key)
        {
            // One that does not fit leaves the meter as it found it.
            let Charge { limit, cost, .. } = earlier;
            let meter = trial.get_or_insert_with(|| Meter::fresh(limit));
            let _ = meter.charge(limit, now, *cost);
        }
        let trial = trial.unwrap_or_else(|| Meter::fresh(&charge.limit));
        trial.quote(&charge.limit, now, charge.cost)
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
