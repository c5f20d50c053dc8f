//! Changing into how many partitions a deployment is spread, while it runs.
//!
//! 1. *Closing.* The record at the deployment's own tag names the next generation. Its partitions are
//!    founded, those of this one closed. A closed partition writes nothing any more; from the first that is
//!    closed to the last, calls of its homes have no answer.
//! 2. *Moving.* The record names the next generation as the one that serves. What the one before holds is
//!    brought over when it is asked for (`bring`).
//! 3. *Settled*, once nothing is left there.
//!
//! Each step is one command that does nothing if it was done before, so whoever finds a change begun
//! completes it: a gate as well as the operator's call, which may break off anywhere.

use std::sync::Arc;

use crate::base::id::Pseudonym;
use crate::base::time::Timestamp;
use crate::store::{ClockCheck, Home, StoreError, StoreErrorKind};

use super::super::RedisStore;
use super::super::call::Call;
use super::super::failure::{Changing, StillMoving};
use super::super::layout::{Layout, Phase, Record};
use super::super::moves::Step;
use super::super::setup::Repartition;
use super::{When, is_moved};

/// A change takes no more steps than this.
const STEPS: usize = 6;

/// What stands at the deployment's own tag now.
pub(super) async fn record(
    store: &RedisStore,
    when: When,
    step: Step,
) -> Result<Record, StoreError> {
    let call = Call::layout(when.realm, when.now, when.clock, step);
    Ok(store.run(call).await?.record()?)
}

/// Completes a change that is closing: founds the next generation, closes this one, and opens the next.
pub(super) async fn complete(
    store: &RedisStore,
    when: When,
    record: &Record,
) -> Result<Record, StoreError> {
    let changing = |error: StoreError| match error.kind() {
        kind @ (StoreErrorKind::Unavailable | StoreErrorKind::Indeterminate) => {
            StoreError::new(kind, Changing { to: record.next, source: error })
        }
        _ => error,
    };
    let Record { parts, generation, next, .. } = *record;
    let later =
        Layout::generation(when.realm, record, next, generation.saturating_add(1), when.now);
    let serving = Layout::generation(when.realm, record, parts, generation, when.now);
    for (layout, found) in [(later, true), (serving, false)] {
        for (part, tag) in layout.tags.iter().enumerate() {
            // Where everything was in one place, the record stands in that place's stead.
            if *tag != when.realm {
                let place = layout.place(part, Home::NOBODY);
                let call = Call::close(when.now, when.clock, &place, found);
                store.run(call).await.map_err(changing)?;
            }
        }
    }
    self::record(store, when, Step::Open { generation }).await.map_err(changing)
}

/// Takes a deployment as far towards `parts` partitions as it gets now.
pub(in super::super) async fn repartition(
    store: &RedisStore,
    realm: Pseudonym,
    parts: u16,
    now: Timestamp,
) -> Result<Repartition, StoreError> {
    let when = When { realm, now, clock: ClockCheck::default() };
    let mut record = self::record(store, when, Step::Ask { parts: 1 }).await?;
    for _ in 0..STEPS {
        let generation = record.generation;
        record = match record.phase {
            Phase::Settled if record.parts == parts => return Ok(Repartition::Done),
            Phase::Settled => {
                ask_all(store, when, &record, parts).await?;
                self::record(store, when, Step::Begin { generation, parts }).await?
            }
            Phase::Closing => complete(store, when, &record).await?,
            Phase::Moving => {
                let keys = left(store, when, &record).await?;
                if keys > 0 {
                    if record.parts != parts {
                        let busy = StillMoving { keys, to: record.parts };
                        return Err(StoreError::new(StoreErrorKind::Unavailable, busy));
                    }
                    return Ok(Repartition::Moving { keys });
                }
                self::record(store, when, Step::Settle { generation }).await?
            }
        };
    }
    Err(StoreError::new(StoreErrorKind::Unavailable, Changing::often(record.next)))
}

/// Whether every node that a change needs answers: a change that is begun and cannot be completed stops
/// the homes of the partitions that are closed already.
async fn ask_all(
    store: &RedisStore,
    when: When,
    record: &Record,
    parts: u16,
) -> Result<(), StoreError> {
    let next = record.generation.saturating_add(1);
    for (parts, generation) in [(record.parts, record.generation), (parts, next)] {
        let layout = Layout::generation(when.realm, record, parts, generation, when.now);
        for part in 0..layout.tags.len() {
            let place = layout.place(part, Home::NOBODY);
            match store.run(Call::present(when.now, when.clock, &place, &[])).await {
                Err(error) if is_moved(&error) => {}
                other => drop(other?),
            }
        }
    }
    Ok(())
}

/// How many keys of the generation before are left.
async fn left(store: &RedisStore, when: When, record: &Record) -> Result<u64, StoreError> {
    let layout = Layout::of(when.realm, record, when.now);
    let mut keys = 0_u64;
    for tag in layout.before.iter().flat_map(|before| before.tags.iter()) {
        keys = keys.saturating_add(store.keys_left(*tag).await?);
    }
    Ok(keys)
}

/// A layout that serves, from what is laid down.
pub(super) async fn serving(
    store: &RedisStore,
    when: When,
    mut record: Record,
) -> Result<Arc<Layout>, StoreError> {
    for _ in 0..STEPS {
        if record.phase != Phase::Closing {
            return Ok(Arc::new(Layout::of(when.realm, &record, when.now)));
        }
        record = complete(store, when, &record).await?;
    }
    Err(StoreError::new(StoreErrorKind::Unavailable, Changing::often(record.next)))
}
