//! A subject at rest.

use crate::limit::Ledger;

use super::table::{DropAt, Held};

/// Beyond this many numbers a subject stays unpacked: it is one of the few that every call touches.
const BUSY: usize = 12;

/// A subject's meters and marks: packed in place, packed apart, or as they are.
#[derive(Debug)]
pub(super) enum Subject {
    Small { drop_at: DropAt, length: u8, bytes: [u8; 18] },
    Packed { drop_at: DropAt, bytes: Box<[u8]> },
    Busy { drop_at: DropAt, ledger: Box<Ledger> },
}

impl Subject {
    pub(super) fn new(drop_at: DropAt, ledger: Ledger, scratch: &mut Vec<u8>) -> Self {
        if ledger.weight() > BUSY {
            return Self::Busy { drop_at, ledger: Box::new(ledger) };
        }
        scratch.clear();
        ledger.write(scratch);
        let mut small = [0; 18];
        match (small.get_mut(..scratch.len()), u8::try_from(scratch.len())) {
            (Some(part), Ok(length)) => {
                part.copy_from_slice(scratch);
                Self::Small { drop_at, length, bytes: small }
            }
            _ => Self::Packed { drop_at, bytes: scratch.as_slice().into() },
        }
    }

    /// Holds `ledger` from now on, in the memory it has if that fits.
    pub(super) fn refill(&mut self, at: DropAt, ledger: Ledger, scratch: &mut Vec<u8>) {
        match (&mut *self, ledger.weight() > BUSY) {
            (Self::Busy { drop_at, ledger: held }, true) => {
                **held = ledger;
                *drop_at = at;
            }
            (Self::Packed { drop_at, bytes }, false) => {
                scratch.clear();
                ledger.write(scratch);
                *drop_at = at;
                if bytes.len() == scratch.len() {
                    bytes.copy_from_slice(scratch);
                } else {
                    *self = Self::new(at, ledger, scratch);
                }
            }
            _ => *self = Self::new(at, ledger, scratch),
        }
    }

    /// Something of what it holds, for having read it.
    pub(super) fn first_byte(&self) -> u8 {
        match self {
            Self::Small { length, .. } => *length,
            Self::Packed { bytes, .. } => bytes.first().copied().unwrap_or(0),
            // Busy ones are in the cache.
            Self::Busy { .. } => 0,
        }
    }

    pub(super) fn unpack(&self) -> Option<Ledger> {
        match self {
            Self::Small { length, bytes, .. } => {
                bytes.get(..usize::from(*length)).and_then(Ledger::from_bytes)
            }
            Self::Packed { bytes, .. } => Ledger::from_bytes(bytes),
            Self::Busy { ledger, .. } => Some((**ledger).clone()),
        }
    }
}

impl Held for Subject {
    fn drop_at(&self) -> DropAt {
        match self {
            Self::Small { drop_at, .. }
            | Self::Packed { drop_at, .. }
            | Self::Busy { drop_at, .. } => *drop_at,
        }
    }
}
