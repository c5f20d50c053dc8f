//! [`Memory`]: who is known, from where people come, and what is usual in each country.

use std::sync::Arc;

use super::country::{Country, Hour};
use super::evidence::NullIndex;
use super::history::History;
use super::journal::CodecError;
use super::known::Seen;
use super::level::Subject;
use super::path::{AWAY, FAR, KNOWN, STRANGER};
use super::table::KeyMap;
use super::terms::Terms;

/// Countries at most: 676 codes exist. Anything beyond shares the last row.
const COUNTRIES: u16 = 700;

/// What lasts for weeks: numbers and networks that verified, and each country's habits.
#[derive(Clone, Debug)]
pub(super) struct Memory {
    terms: Arc<Terms>,
    /// Numbers that have verified.
    numbers: Seen,
    /// Wide networks where people of a country have verified.
    places: Seen,
    history: History,
    countries: Vec<Country>,
    /// Where each country lies among them, by its letters.
    index: KeyMap<u16>,
    /// Verified sessions that came from a trusted client, and all; fading.
    trust: [f32; 2],
    /// What was found of the last assessed request: its observation follows at once.
    found: Option<Found>,
}

/// What the memories of numbers and places said of a request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    pub(super) subject: Subject,
    pub(super) at: u64,
    pub(super) known: bool,
    pub(super) away: bool,
    pub(super) far: bool,
}

/// What of a country every node on a path needs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Local {
    /// Where the country lies in the memory.
    pub(super) country: u16,
    /// New sessions ever, wrapping.
    pub(super) sessions: u32,
    pub(super) conversion: f32,
    pub(super) null: NullIndex,
    pub(super) season: f32,
    /// By how much more than ordinary the region may send.
    pub(super) surge: f32,
    /// The largest part of a block's share that may come from far, where that is known.
    pub(super) far: Option<f32>,
}

impl Local {
    fn of(country: u16, state: &Country, hour: Hour, surge: f32, terms: &Terms) -> Self {
        Self {
            country,
            sessions: state.sessions,
            conversion: hour.conversion,
            null: terms.bets.quantise(hour.null),
            season: hour.season,
            surge,
            far: state.share_from_far(&terms.tuning),
        }
    }
}

impl Memory {
    pub(super) fn new(terms: Arc<Terms>) -> Self {
        Self {
            numbers: Seen::new(terms.tuning.max_known),
            places: Seen::new(terms.tuning.max_places),
            history: History::new(),
            countries: Vec::new(),
            index: KeyMap::default(),
            trust: [0.0, 20.0],
            found: None,
            terms,
        }
    }

    /// Lets time pass: the history counts anew every six hours, and what counts no more is forgotten.
    pub(super) fn turn(&mut self, now: u64) {
        let (numbers, places) = (self.number_expiry(), self.place_expiry());
        for seen in [&mut self.numbers, &mut self.history.numbers] {
            seen.turn(now, numbers);
        }
        self.places.turn(now, places);
        self.history.turn(now, numbers);
    }

    /// True while the realm has no history. Whoever sends the first hundred texts then *is* the
    /// traffic, so what he does says nothing about the people who come after him.
    pub(super) fn is_young(&self) -> bool {
        self.history.numbers() < self.terms.tuning.young_numbers
    }

    /// Whether a number counts as one that has verified.
    pub(super) fn is_known(&self, subject: &Subject, now: u64) -> bool {
        if let Some(found) = self.found(subject, now) {
            return found.known;
        }
        let (age, _) = self.terms.tuning.known_age;
        subject.known
            || self
                .numbers
                .age(subject.digits, now, self.number_expiry())
                .is_some_and(|since| since as f32 >= age * 1_000.0)
    }

    /// Whether a number has verified before the present six hours, and still counts as one that has.
    pub(super) fn has_verified(&self, digits: u64, now: u64) -> bool {
        self.numbers.age(digits, now, self.number_expiry()).is_some_and(|age| age > 0)
    }

    /// True when nobody of the number's country has verified from the client's wide network at least
    /// a day ago. Proxies for hire are all over the world, a country's people in its own networks.
    pub(super) fn is_away(&self, subject: &Subject, now: u64) -> bool {
        if let Some(found) = self.found(subject, now) {
            return found.away;
        }
        self.terms.tuning.parts.away
            && subject.client.place(subject.region).is_some_and(|place| self.is_unseen(place, now))
    }

    /// True when nobody of the number's country has verified from anywhere near the client's
    /// network either. Registries give a country's networks out in runs: a person of the country
    /// comes from one that is new more often than from where there is none.
    pub(super) fn is_far(&self, subject: &Subject, now: u64) -> bool {
        if let Some(found) = self.found(subject, now) {
            return found.far;
        }
        self.is_away(subject, now) && self.has_no_neighbour(subject, now)
    }

    /// What [`is_far`](Self::is_far) asks beyond [`is_away`](Self::is_away).
    pub(super) fn has_no_neighbour(&self, subject: &Subject, now: u64) -> bool {
        let around = subject.client.surroundings(subject.region);
        !self.terms.tuning.parts.far || around.is_some_and(|around| self.is_unseen(around, now))
    }

    /// The places of a request, one bit each: those of a known number or of a stranger, without those
    /// that its client has no part in.
    pub(super) fn places(&self, now: u64, subject: &Subject, known: bool) -> u16 {
        let mut places = if known { KNOWN } else { STRANGER };
        if !self.is_away(subject, now) {
            places &= !AWAY;
        }
        if !self.is_far(subject, now) {
            places &= !FAR;
        }
        places
    }

    fn is_unseen(&self, place: u64, now: u64) -> bool {
        let (age, _) = self.terms.tuning.place_age;
        self.places
            .age(place, now, self.place_expiry())
            .is_none_or(|since| (since as f32) < age * 1_000.0)
    }

    fn found(&self, subject: &Subject, now: u64) -> Option<Found> {
        self.found.filter(|found| found.at == now && found.subject == *subject)
    }

    /// Keeps what was found of a request for the event that follows.
    pub(super) fn keep(&mut self, found: Found) {
        self.found = Some(found);
    }

    /// A number's code was entered.
    pub(super) fn number_verified(&mut self, digits: u64, now: u64) {
        self.found = None;
        let expiry = self.number_expiry();
        self.numbers.verified(digits, now, expiry);
        let a_day = self.terms.tuning.young_numbers / 2;
        self.history.verified(digits, now, expiry, a_day);
    }

    /// Whoever asked for a code that was entered did so from here.
    pub(super) fn place_verified(&mut self, subject: &Subject, now: u64) {
        let expiry = self.place_expiry();
        if let Some(place) = subject.client.place(subject.region) {
            self.places.verified(place, now, expiry);
            if let Some(around) = subject.client.surroundings(subject.region) {
                self.places.verified(around, now, expiry);
            }
        }
    }

    fn number_expiry(&self) -> u64 {
        (self.terms.tuning.known_age.1 * 1_000.0) as u64
    }

    fn place_expiry(&self) -> u64 {
        (self.terms.tuning.place_age.1 * 1_000.0) as u64
    }

    /// A new number's code was entered, and its client was trusted or not.
    pub(super) fn client_verified(&mut self, trusted: bool) {
        let [good, all] = &mut self.trust;
        *good = *good * 0.999 + f32::from(u8::from(trusted));
        *all = *all * 0.999 + 1.0;
    }

    /// The share of honest newcomers behind trusted addresses.
    pub(super) fn share_trusted(&self) -> f32 {
        let [trusted, all] = self.trust;
        trusted / all
    }

    /// Where a region's country lies; it is made if it is new.
    pub(super) fn country_slot(&mut self, region: [u8; 2], now: u64) -> u16 {
        if let Some(slot) = self.country_of(region) {
            return slot;
        }
        let slot = u16::try_from(self.countries.len()).unwrap_or(u16::MAX);
        if slot >= COUNTRIES {
            return COUNTRIES - 1;
        }
        self.countries.push(Country::new(region, now));
        self.index.insert(letters(region), slot);
        slot
    }

    /// Where a region's country lies, if it is there.
    pub(super) fn country_of(&self, region: [u8; 2]) -> Option<u16> {
        self.index.get(&letters(region)).copied()
    }

    pub(super) fn countries(&self) -> &[Country] {
        &self.countries
    }

    pub(super) fn country(&self, slot: u16) -> Option<&Country> {
        self.countries.get(usize::from(slot))
    }

    /// A country keeps its own promises: its methods may be called in any order.
    pub(super) fn country_mut(&mut self, slot: u16) -> Option<&mut Country> {
        self.countries.get_mut(usize::from(slot))
    }

    /// What every node on a path needs of a country.
    pub(super) fn local(&mut self, now: u64, country: u16, surge: f32) -> Local {
        let terms = &self.terms;
        let tuning = &terms.tuning;
        let Some(state) = self.countries.get_mut(usize::from(country)) else {
            return Local {
                country,
                sessions: 0,
                conversion: tuning.prior_conversion,
                null: NullIndex(0),
                season: 1.0,
                surge,
                far: None,
            };
        };
        let hour = state.hour(now, tuning);
        Local::of(country, state, hour, surge, terms)
    }

    /// As [`local`](Self::local), and nothing changes: a country that is new is not made.
    pub(super) fn local_at(&self, now: u64, region: [u8; 2], surge: f32) -> Local {
        let slot = self.country_of(region).unwrap_or(u16::MAX);
        let new;
        let state = match self.country(slot) {
            Some(state) => state,
            None => {
                new = Country::new(region, now);
                &new
            }
        };
        let hour = state.hour_at(now, &self.terms.tuning);
        Local::of(slot, state, hour, surge, &self.terms)
    }

    /// True while the country's control group fails: people press "send again" for good reason.
    pub(super) fn is_outage(&mut self, now: u64, country: u16) -> bool {
        self.outage_factors(now, country).0 < 1.0
    }

    /// As [`is_outage`](Self::is_outage), and nothing is kept.
    pub(super) fn is_outage_at(&self, now: u64, country: u16) -> bool {
        let tuning = &self.terms.tuning;
        self.country(country).is_some_and(|state| state.outage_factors_at(now, tuning).0 < 1.0)
    }

    /// Factors on growing evidence: see [`Country::outage_factors`].
    pub(super) fn outage_factors(&mut self, now: u64, country: u16) -> (f32, f32) {
        let state = self.countries.get_mut(usize::from(country));
        state.map_or((1.0, 1.0), |country| country.outage_factors(now, &self.terms.tuning))
    }

    /// Takes back what is dated after `now`.
    pub(super) fn take_back(&mut self, now: u64) {
        self.found = None;
        self.countries.iter_mut().for_each(|country| country.take_back(now));
    }

    pub(super) fn trust(&self) -> [f32; 2] {
        self.trust
    }

    /// Puts the trust of a snapshot back.
    pub(super) fn restore_trust(&mut self, trust: [f32; 2]) {
        self.trust = trust;
    }

    /// The three tables of what was seen: numbers, places, history.
    pub(super) fn tables(&self) -> [&Seen; 3] {
        [&self.numbers, &self.places, &self.history.numbers]
    }

    /// Puts a row of a snapshot back into one of the three.
    pub(super) fn restore_row(&mut self, table: usize, row: u64) {
        match table {
            0 => self.numbers.restore_row(row),
            1 => self.places.restore_row(row),
            _ => self.history.numbers.restore_row(row),
        }
    }

    /// Every row was put back: the history counts with the next event.
    pub(super) fn restored(&mut self) {
        self.history.restored();
    }

    /// Puts a country of a snapshot back.
    pub(super) fn restore_country(&mut self, country: Country) -> Result<(), CodecError> {
        let slot = u16::try_from(self.countries.len()).map_err(|_| CodecError::Damaged)?;
        if slot >= COUNTRIES || self.index.insert(letters(country.region), slot).is_some() {
            return Err(CodecError::Damaged);
        }
        self.countries.push(country);
        Ok(())
    }

    pub(super) fn bytes(&self) -> usize {
        self.tables()
            .iter()
            .map(|table| table.bytes())
            .sum::<usize>()
            .saturating_add(self.countries.capacity().saturating_mul(size_of::<Country>()))
    }
}

fn letters([a, b]: [u8; 2]) -> u64 {
    (u64::from(a) << 8) | u64::from(b)
}
