//! [`Spare`]: lists that one call leaves to the next call of its thread, which would else allocate them
//! anew.

use std::cell::Cell;
use std::thread::LocalKey;

/// A place for one cleared value, in a `thread_local`. A thread that ends takes what lies there with it.
pub(crate) struct Spare<T: 'static>(Cell<Option<T>>);

impl<T> Spare<T> {
    pub(crate) const fn empty() -> Self {
        Self(Cell::new(None))
    }

    /// What the call before has left.
    pub(crate) fn take(of: &'static LocalKey<Self>) -> Option<T> {
        of.try_with(|spare| spare.0.take()).ok().flatten()
    }

    /// Leaves `cleared` to the next call.
    pub(crate) fn leave(of: &'static LocalKey<Self>, cleared: T) {
        let _ = of.try_with(|spare| spare.0.set(Some(cleared)));
    }
}

/// Empties a list; for how many it has room.
pub(crate) fn clear<T>(list: &mut Vec<T>) -> usize {
    list.clear();
    list.capacity()
}
