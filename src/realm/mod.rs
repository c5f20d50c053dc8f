//! What a gate knows of a tenant: its names, the controls as last seen, and what its detector watches.
//! Nothing here knows the gate or waits for a store.

mod combining;
mod controls;
mod hung_up;
mod names;
mod reach;
mod recall;
mod saving;
pub(crate) mod slot;
mod standing;
mod state;
mod subjects;
mod test_entry;
mod watch;
mod withheld;

pub(crate) use controls::Book;
pub(crate) use names::{Names, shared_bytes, shared_name, shared_slots};
pub(crate) use reach::in_force;
pub(crate) use recall::Turn;
pub(crate) use saving::Carried;
pub(crate) use standing::{Concern, Standing};
pub(crate) use state::{RealmState, Realms};
pub(crate) use test_entry::{TestEntry, test_context};
pub(crate) use watch::sighted;
pub(crate) use withheld::Withheld;

/// Locks as the threads of a process have them; a test has others.
mod sync {
    pub(super) use std::sync::atomic::{AtomicUsize, Ordering};
    pub(super) use std::sync::{Mutex, PoisonError, TryLockError};
    pub(super) use std::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};
}
