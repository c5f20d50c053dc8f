//! [`Spread`]: one deployment over several partitions.
//!
//! A call goes to the partition of its [`Home`], and everything of that home is there. Of what is common
//! to all homes each partition keeps a share ([`Place::share`]), which it grants without asking: `lend`.
//! Where a token is claimed stands in `claims`, documents and journal in `hub`. How many partitions there are
//! can be changed (`change`); what those before hold is brought over when it is asked for (`bring`, `merge`).

mod admit;
mod bring;
mod change;
mod claims;
mod hub;
mod lend;
mod merge;
mod redeem;
mod tally;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::base::id::Pseudonym;
use crate::base::time::Timestamp;
use crate::limit::{Limit, MeterKey};
use crate::store::telling::Journals;
use crate::store::{ClockCheck, Home, StoreError, StoreErrorKind};

use super::RedisStore;
use super::answer::{Reply, Said};
use super::call::{Call, Errand};
use super::failure::{self, NotBrought, OtherLayout, Unsplittable};
use super::layout::{Layout, Phase};
use super::moves::Step;
use super::place::Place;
use lend::{Debts, Loan, UsedUp};

pub(super) use change::repartition;

/// How often a call is made again: for copies of versions, and because another call was quicker.
const TRIES: usize = 6;

/// What a process knows of the deployments that it spreads.
pub(super) struct Spread {
    parts: u16,
    layouts: Mutex<HashMap<Pseudonym, Arc<Layout>>>,
    used_up: UsedUp,
    debts: Debts,
    journals: Journals,
    /// Held while asking for a layout, so that many first calls ask once.
    asking: tokio::sync::Mutex<()>,
    /// Held while the rests of several partitions are put together, so that two calls do not hold half
    /// of them each.
    gathering: tokio::sync::Mutex<()>,
}

/// Whose call it is, and when.
#[derive(Clone, Copy)]
struct When {
    realm: Pseudonym,
    now: Timestamp,
    clock: ClockCheck,
}

/// What a partition said at last, and what others have taken over for it.
struct Settled<T> {
    said: Said<T>,
    loans: Vec<Loan>,
}

/// One call over the partitions of its deployment.
pub(super) struct Run<'a> {
    spread: &'a Spread,
    store: &'a RedisStore,
    layout: Arc<Layout>,
    when: When,
}

impl Spread {
    pub(super) fn new(parts: u16) -> Self {
        let (layouts, used_up) = (Mutex::default(), UsedUp::default());
        let (asking, gathering) = (tokio::sync::Mutex::default(), tokio::sync::Mutex::default());
        Self {
            parts: parts.max(1),
            layouts,
            used_up,
            debts: Debts::default(),
            journals: Journals::default(),
            asking,
            gathering,
        }
    }

    /// A call of `realm`'s, which is made at `now`. `None` if everything of it is in one place, as far
    /// as is known.
    pub(super) async fn run<'a>(
        &'a self,
        store: &'a RedisStore,
        realm: Pseudonym,
        now: Timestamp,
        clock: ClockCheck,
    ) -> Result<Option<Run<'a>>, StoreError> {
        let when = When { realm, now, clock };
        let layout = match self.known_layout(when) {
            None if self.parts == 1 => return Ok(None),
            None => self.ask(store, when).await?,
            Some(layout) if !layout.is_due(when.now) => layout,
            // Without an answer it stands: what has closed meanwhile says so itself.
            Some(layout) => match self.look(store, when).await {
                Err(error) if is_lost(&error) => layout,
                found => found?,
            },
        };
        Ok(Some(Run { spread: self, store, layout, when }))
    }

    /// Whether a call that came out so is to be made again, because it met a partition that serves no
    /// more. What had been lent to it is given back where it has come to.
    pub(super) async fn is_behind<T>(
        &self,
        store: &RedisStore,
        outcome: &Result<T, StoreError>,
        (realm, now, clock): (Pseudonym, Timestamp, ClockCheck),
    ) -> Result<bool, StoreError> {
        let Err(error) = outcome else { return Ok(false) };
        if !is_moved(error) {
            return Ok(false);
        }
        self.layouts.lock().unwrap_or_else(PoisonError::into_inner).remove(&realm);
        let when = When { realm, now, clock };
        let layout = self.ask(store, when).await?;
        Run { spread: self, store, layout, when }.pay_debts().await;
        Ok(true)
    }

    /// Where the parts of a realm are. The first call of a process asks whether it is spread so.
    async fn ask(&self, store: &RedisStore, when: When) -> Result<Arc<Layout>, StoreError> {
        let _turn = self.asking.lock().await;
        if let Some(layout) = self.known_layout(when) {
            return Ok(layout);
        }
        self.look(store, when).await
    }

    async fn look(&self, store: &RedisStore, when: When) -> Result<Arc<Layout>, StoreError> {
        let record = change::record(store, when, Step::Ask { parts: self.parts }).await?;
        let unchanged = record.generation == 0 && record.phase == Phase::Settled;
        if unchanged && record.parts != self.parts {
            let error = match self.parts {
                1 => StoreError::new(StoreErrorKind::Corrupt, failure::Spread),
                asked => {
                    let other = OtherLayout { kept: record.parts.into(), asked: asked.into() };
                    StoreError::new(StoreErrorKind::Corrupt, other)
                }
            };
            return Err(error);
        }
        if unchanged && self.parts == 1 {
            return Err(StoreError::new(StoreErrorKind::Corrupt, failure::Spread));
        }
        let layout = change::serving(store, when, record).await?;
        let mut layouts = self.layouts.lock().unwrap_or_else(PoisonError::into_inner);
        layouts.insert(when.realm, Arc::clone(&layout));
        Ok(layout)
    }

    fn known_layout(&self, when: When) -> Option<Arc<Layout>> {
        self.layouts.lock().unwrap_or_else(PoisonError::into_inner).get(&when.realm).cloned()
    }
}

/// A run that a task of its own makes.
pub(super) struct Begun {
    layout: Arc<Layout>,
    when: When,
}

impl Begun {
    pub(super) fn of(self, store: &RedisStore) -> Run<'_> {
        Run { spread: &store.spread, store, layout: self.layout, when: self.when }
    }
}

impl Run<'_> {
    pub(super) fn begun(&self) -> Begun {
        Begun { layout: Arc::clone(&self.layout), when: self.when }
    }

    /// Asks the partition `part` by its share of what is common: nothing there is the caller's own.
    async fn ask(&self, part: usize, errand: &Errand<'_>) -> Result<Reply, StoreError> {
        let there = self.layout.place(part, Home::NOBODY);
        self.send(Call::peer(self.when.now, self.when.clock, &there, errand)).await
    }

    /// The other partitions, the next one first.
    fn others(&self, part: usize) -> impl Iterator<Item = usize> + use<> {
        let parts = self.layout.tags.len();
        (part.saturating_add(1)..parts).chain(0..part.min(parts))
    }
}

/// A ladder or a count of failures on what is common cannot be split, and is not let through unsplit.
fn check_splits<'a>(
    place: &Place,
    charges: impl Iterator<Item = (MeterKey, &'a Limit)>,
) -> Result<(), StoreError> {
    for (key, limit) in charges {
        let whole = matches!(limit, Limit::Ladder { .. } | Limit::Failures { .. });
        if whole && place.is_common(key.subject) {
            return Err(StoreError::new(StoreErrorKind::Corrupt, Unsplittable));
        }
    }
    Ok(())
}

/// Whether a partition gave no answer. One whose past cannot be read has given one: that it must not go on.
fn is_lost(error: &StoreError) -> bool {
    let source = std::error::Error::source(error);
    matches!(error.kind(), StoreErrorKind::Unavailable | StoreErrorKind::Indeterminate)
        && !source.is_some_and(|source| source.is::<NotBrought>())
}

/// Whether a partition serves no more.
fn is_moved(error: &StoreError) -> bool {
    std::error::Error::source(error).is_some_and(|source| source.is::<failure::Spread>())
}
