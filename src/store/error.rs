//! [`StoreError`]: one opaque word with a kind and a source.

use std::fmt;

/// Why a store gave no answer. The gate fails closed on each of them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// The call did not take effect: not connected, refused, pool empty. The gate reports an outage
    /// and the next call tries again.
    Unavailable,
    /// The call may have taken effect: a time-out, a connection cut after sending. The gate repeats
    /// it once under the same identifier, then reports an outage.
    Indeterminate,
    /// The store holds all it may and everything is live. The gate refuses new work; nothing live
    /// is evicted.
    Full,
    /// The store holds something it cannot read, or is set up in a way that loses state. An
    /// operator has to look; the gate never guesses.
    Corrupt,
    /// The call's `now` and the store's clock differ by more than the call allows. Nothing changed.
    /// The source is a [`ClockApart`](super::ClockApart), which says what to do. The gate refuses
    /// until the clocks agree.
    Clock,
}

/// A store's failure: never an answer about a code, never holding a number or a code.
pub struct StoreError {
    kind: StoreErrorKind,
    source: Box<dyn std::error::Error + Send + Sync>,
}

impl StoreError {
    /// An error of `kind`, caused by `source`.
    pub fn new(
        kind: StoreErrorKind,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self { kind, source: source.into() }
    }

    /// What the gate does next depends on this.
    pub fn kind(&self) -> StoreErrorKind {
        self.kind
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            StoreErrorKind::Unavailable => {
                "the store did not take the call; check that it is reachable, then retry"
            }
            StoreErrorKind::Indeterminate => {
                "the store may or may not have taken the call; repeat it under the same identifier"
            }
            StoreErrorKind::Full => {
                "the store is full of live state; raise its capacity or wait for entries to expire"
            }
            StoreErrorKind::Corrupt => {
                "the store's content or configuration cannot be trusted; see the cause and repair it"
            }
            StoreErrorKind::Clock => {
                "this host's clock and the store's disagree; see the cause and set the wrong one"
            }
        })
    }
}

impl std::error::Error for StoreError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.source)
    }
}

crate::base::sentence::debug_as_sentence!(StoreError);
