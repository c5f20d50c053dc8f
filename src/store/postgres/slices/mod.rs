//! [`Slices`]: rows that several processes share, charged ahead.
//!
//! Where a limit is common to all homes, every process charges one row for it, and a row that was
//! charged is locked until its commit is on disk: the processes commit one after the other. So a process
//! charges such a row for many calls at once, and its calls spend from that *slice* without touching the
//! row. Counters that limit nothing reach their rows together, some moments later, and so does the journal.
//!
//! Everything that is taken or given back goes through the row like any call, so the row is right for
//! whoever asks it: another process of whatever settings, or a call for which no slice will do.

mod calls;
mod counts;
mod late;
mod slice;
mod tend;

use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::base::id::{Pseudonym, RequestId};
use crate::base::time::{Clock, SystemClock, Timestamp};
use crate::limit::{Limit, MeterKey, Slot};
use crate::store::telling::Journals;
use crate::store::{Charge, ClockCheck, Exchange, Home, Observation};

use counts::Counts;
use slice::{Slice, Spent};

/// So many calls of one second on one row make it worth charging ahead.
const BUSY: u32 = 16;

/// How many rows are looked at for that.
const WATCHED: usize = 8_192;

/// A window of at least so many units is a counter: it refuses nothing.
const UNBOUNDED: u64 = u64::MAX >> 11;

/// How many calls are known again when they are repeated. A repeat comes within seconds.
const KNOWN: usize = 65_536;

/// What a process has charged ahead, and has yet to count.
pub(super) struct Slices {
    processes: u32,
    rows: Mutex<Rows>,
    known: Mutex<Known>,
    journals: Journals,
    steady: SystemClock,
    /// Whether a task looks after what is held.
    tended: AtomicBool,
    /// Held while counters are brought to their rows.
    counting: tokio::sync::Mutex<()>,
    /// Held while a journal is exchanged.
    telling: tokio::sync::Mutex<()>,
}

/// A window's row: whose, which, and over what span.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Name {
    realm: Pseudonym,
    key: MeterKey,
    span_ms: u64,
}

#[derive(Default)]
struct Rows {
    busy: HashMap<Name, Row>,
    /// How many calls each other row had in the second at hand.
    watched: HashMap<Name, u32>,
    second: u64,
}

/// A row that is busy in this process.
#[derive(Default)]
struct Row {
    slice: Slice,
    counts: Counts,
    /// Whether a limit is judged by it: then nothing is counted late.
    limits: bool,
    /// Held while charging ahead.
    turn: Arc<tokio::sync::Mutex<()>>,
    /// The last call's time and clock, and when that was by this process's own time.
    now: Timestamp,
    clock: ClockCheck,
    used: Duration,
}

/// Calls that were made, oldest first.
#[derive(Default)]
struct Known {
    ids: HashSet<RequestId>,
    order: VecDeque<RequestId>,
}

/// Whose call it is, and when.
#[derive(Clone, Copy)]
struct When {
    realm: Pseudonym,
    home: Home,
    now: Timestamp,
    clock: ClockCheck,
}

/// Who pays a charge.
#[derive(Clone, Copy, Debug)]
enum Payer {
    /// The call, to its row. If that is busy, it hears the row's count.
    Call(Option<Name>),
    /// What was charged ahead.
    Slice(Name, Spent),
    /// Whoever counts later: the charge limits nothing.
    Later(Name),
}

/// How a charge can be paid at the moment.
enum Offer {
    Paid(Payer),
    /// Once so many units are charged ahead, which takes the turn.
    Ahead(Name, u64, Arc<tokio::sync::Mutex<()>>),
    /// By the call, once what is held has gone back.
    Alone(Name),
}

impl Slices {
    /// For one of `processes`; `None` if there is no other.
    pub(super) fn new(processes: u16) -> Option<Arc<Self>> {
        (processes > 1).then(|| {
            Arc::new(Self {
                processes: u32::from(processes),
                rows: Mutex::default(),
                known: Mutex::default(),
                journals: Journals::default(),
                steady: SystemClock::new(),
                tended: AtomicBool::new(false),
                counting: tokio::sync::Mutex::default(),
                telling: tokio::sync::Mutex::default(),
            })
        })
    }

    fn rows(&self) -> MutexGuard<'_, Rows> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a call was made before under `id`.
    fn knows(&self, id: RequestId) -> bool {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).ids.contains(&id)
    }

    fn remember(&self, id: RequestId) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.ids.insert(id) {
            known.order.push_back(id);
        }
        if known.order.len() > KNOWN
            && let Some(oldest) = known.order.pop_front()
        {
            known.ids.remove(&oldest);
        }
    }

    /// How `charge` can be paid. Only windows without a waiver are charged ahead: of the other limits a
    /// charge depends on the one before, and may be given back by others.
    fn offer(&self, when: When, charge: &Charge) -> Offer {
        let nothing = Offer::Paid(Payer::Call(None));
        let (max, span_ms) = match charge.limit {
            Limit::Window { max, span_ms } | Limit::Budget { max, span_ms } => (max, span_ms),
            _ => return nothing,
        };
        if charge.waiver.is_some() || when.home.owns(charge.key.subject) || !slice::worth(span_ms) {
            return nothing;
        }
        let name = Name { realm: when.realm, key: charge.key, span_ms };
        let elapsed = self.steady.elapsed();
        let mut rows = self.rows();
        let Some(row) = rows.busy(name, when, elapsed) else { return nothing };
        if max >= UNBOUNDED {
            // Of a budget it is money that was spent, whether or not there was room for it.
            let counter = matches!(charge.limit, Limit::Window { .. }) && !row.limits;
            return Offer::Paid(if counter { Payer::Later(name) } else { Payer::Call(Some(name)) });
        }
        row.limits = true;
        if let Some(spent) = row.slice.spend(max, span_ms, when.now, charge.cost) {
            return Offer::Paid(Payer::Slice(name, spent));
        }
        match row.slice.wants(max, when.now, charge.cost, self.processes) {
            Some(units) => Offer::Ahead(name, units, Arc::clone(&row.turn)),
            None if row.slice.is_in_the_way(max, charge.cost) => Offer::Alone(name),
            None => Offer::Paid(Payer::Call(Some(name))),
        }
    }

    /// The row of `observation`, if that is to be counted later.
    fn counts_later(&self, when: When, observation: &Observation) -> Option<Name> {
        let Observation { key, span_ms, .. } = *observation;
        if when.home.owns(key.subject) {
            return None;
        }
        let name = Name { realm: when.realm, key, span_ms };
        let elapsed = self.steady.elapsed();
        let mut rows = self.rows();
        let row = rows.busy(name, when, elapsed)?;
        (!row.limits).then_some(name)
    }

    /// Whether calls leave it to one of them to exchange the journal.
    fn tells_apart(&self, when: When, exchange: Option<&Exchange>) -> bool {
        let Some(exchange) = exchange else { return false };
        let key = MeterKey::new(exchange.journal, Slot(u32::MAX));
        let name = Name { realm: when.realm, key, span_ms: 0 };
        let elapsed = self.steady.elapsed();
        self.rows().busy(name, when, elapsed).is_some()
    }

    /// Counts `units` for later, and answers the count to tell.
    fn count(&self, name: Name, units: u64) -> u64 {
        self.rows().busy.entry(name).or_default().counts.count(units)
    }

    /// What a call took out of slices comes back to them if it was refused, and else is spent.
    fn close_accounts(&self, payers: &[Payer], refused: bool) {
        let mut rows = self.rows();
        for payer in payers {
            if let Payer::Slice(name, spent) = payer
                && let Some(row) = rows.busy.get_mut(name)
            {
                match refused {
                    true => row.slice.put_back(*spent, name.span_ms),
                    false => row.slice.keep(*spent),
                }
            }
        }
    }

    fn hear(&self, name: Name, count: u64, now: Timestamp) {
        if let Some(row) = self.rows().busy.get_mut(&name) {
            row.slice.hear(count, now);
        }
    }

    /// Counts of all charges, of which the store has told those that the call paid.
    fn all_counts(
        &self,
        when: When,
        payers: &[(Payer, u64)],
        told: &[u64],
        paid: bool,
    ) -> Vec<u64> {
        let mut told = told.iter().copied();
        let all = payers.iter().map(|(payer, cost)| match payer {
            Payer::Call(name) => {
                let count = told.next().unwrap_or(0);
                if let Some(name) = name {
                    self.hear(*name, count, when.now);
                }
                count
            }
            Payer::Slice(_, spent) if paid => spent.count,
            Payer::Slice(_, spent) => spent.count.saturating_sub(*cost),
            Payer::Later(name) if paid => self.count(*name, *cost),
            Payer::Later(_) => 0,
        });
        all.collect()
    }

    /// Counts what was observed later, and answers all counts.
    fn all_observed(
        &self,
        observed: impl Iterator<Item = (Option<Name>, u64)>,
        told: &[u64],
    ) -> Vec<u64> {
        let mut told = told.iter().copied();
        let all = observed.map(|(later, units)| match later {
            None => told.next().unwrap_or(0),
            Some(_) if units == 0 => 0,
            Some(name) => self.count(name, units),
        });
        all.collect()
    }
}

impl Payer {
    fn is_the_call(&self) -> bool {
        matches!(self, Self::Call(_))
    }
}

impl Rows {
    /// The row called `name`, if it is busy, for a call.
    fn busy(&mut self, name: Name, when: When, elapsed: Duration) -> Option<&mut Row> {
        if !self.busy.contains_key(&name) {
            let second = when.now.as_millis() / 1_000;
            if second != self.second || self.watched.len() >= WATCHED {
                self.second = second;
                self.watched.clear();
            }
            let calls = self.watched.entry(name).or_default();
            *calls = calls.saturating_add(1);
            if *calls < BUSY {
                return None;
            }
        }
        let row = self.busy.entry(name).or_default();
        (row.now, row.clock, row.used) = (when.now, when.clock, elapsed);
        Some(row)
    }
}

impl fmt::Debug for Slices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let busy = self.rows().busy.len();
        f.debug_struct("Slices").field("processes", &self.processes).field("busy", &busy).finish()
    }
}
