//! [`Journals`]: what a process tells the journals, together and not too often.
//!
//! A journal is one place for all gates of a realm, wherever a store keeps it. Where calls run beside
//! each other, one exchange for each of them would be what they wait for.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::base::id::Pseudonym;
use crate::base::time::Timestamp;

use super::Exchange;

/// In what time a process exchanges news so many times at most. A gate's news wait no longer than
/// that for the next call.
const TICK: Duration = Duration::from_millis(100);
const EACH_TICK: u32 = 64;
/// So many entries are not left for a later call.
const LEFT: usize = 256;

/// What the journals have been told and have yet to be told, by realm and journal.
#[derive(Debug, Default)]
pub(super) struct Journals(Mutex<HashMap<(Pseudonym, Pseudonym), Telling>>);

/// What calls left to tell a journal, and when the last of them was.
#[cfg(feature = "postgres")]
pub(super) struct Left {
    pub(super) realm: Pseudonym,
    pub(super) journal: Pseudonym,
    pub(super) now: Timestamp,
    pub(super) entries: Vec<Vec<u8>>,
}

/// A journal, which is asked no more often than some times in a tick; what else there is to tell is told
/// with the next.
#[derive(Debug, Default)]
struct Telling {
    tick: Timestamp,
    told: u32,
    entries: Vec<Vec<u8>>,
}

impl Journals {
    /// Whether this call exchanges news, and what others left for it to tell. If not, or if it is not
    /// `free` to, its own is left.
    pub(super) fn turn_to_tell(
        &self,
        realm: Pseudonym,
        now: Timestamp,
        free: bool,
        exchange: &mut Exchange,
    ) -> Option<Vec<Vec<u8>>> {
        let mut journals = self.all();
        let telling = journals.entry((realm, exchange.journal)).or_default();
        let apart = now.since(telling.tick).max(telling.tick.since(now));
        if apart >= TICK {
            (telling.tick, telling.told) = (now, 0);
        }
        if (!free || telling.told >= EACH_TICK) && telling.entries.len() < LEFT {
            if !exchange.append.is_empty() {
                telling.entries.push(std::mem::take(&mut exchange.append));
            }
            return None;
        }
        telling.told = telling.told.saturating_add(1);
        if exchange.append.is_empty() {
            // The last of them takes the place of its own.
            exchange.append = telling.entries.pop().unwrap_or_default();
        }
        Some(std::mem::take(&mut telling.entries))
    }

    /// Takes what calls left to tell.
    #[cfg(feature = "postgres")]
    pub(super) fn take_left(&self) -> Vec<Left> {
        let mut journals = self.all();
        let left = journals.iter_mut().filter(|(_, telling)| !telling.entries.is_empty());
        left.map(|((realm, journal), telling)| Left {
            realm: *realm,
            journal: *journal,
            now: telling.tick,
            entries: std::mem::take(&mut telling.entries),
        })
        .collect()
    }

    /// Whether calls left something to tell.
    #[cfg(feature = "postgres")]
    pub(super) fn have_left(&self) -> bool {
        self.all().values().any(|telling| !telling.entries.is_empty())
    }

    fn all(&self) -> MutexGuard<'_, HashMap<(Pseudonym, Pseudonym), Telling>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
