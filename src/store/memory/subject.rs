//! A subject at rest.

use std::mem;

use crate::base::time::Timestamp;
use crate::limit::Ledger;

use super::table::{DropAt, Held};

/// Beyond this many numbers a subject stays unpacked: it is one of the few that every call touches.
const BUSY: usize = 12;

/// When a ledger is over, in six bytes of milliseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Over([u8; 6]);

/// A subject's meters and marks: packed in place, packed apart, or as they are.
///
/// What is packed apart lies in pieces of the sizes that allocators hand out anyway, so that no length
/// is kept beside the pointer and the whole takes two words.
#[derive(Debug)]
pub(super) enum Subject {
    Here { over: Over, length: u8, bytes: [u8; 8] },
    In24 { over: Over, length: u8, bytes: Box<[u8; 24]> },
    In40 { over: Over, length: u8, bytes: Box<[u8; 40]> },
    In56 { over: Over, length: u8, bytes: Box<[u8; 56]> },
    In88 { over: Over, length: u8, bytes: Box<[u8; 88]> },
    In152 { over: Over, length: u8, bytes: Box<[u8; 152]> },
    Busy { drop_at: DropAt, ledger: Box<Ledger> },
}

/// There are millions.
const _: () = assert!(size_of::<Subject>() == 16);

impl Over {
    /// `None` after the year 10 000.
    fn at(at: Timestamp) -> Option<Self> {
        match at.as_millis().to_le_bytes() {
            [a, b, c, d, e, f, 0, 0] => Some(Self([a, b, c, d, e, f])),
            _ => None,
        }
    }

    fn time(self) -> Timestamp {
        let [a, b, c, d, e, f] = self.0;
        Timestamp::from_millis(u64::from_le_bytes([a, b, c, d, e, f, 0, 0]))
    }
}

impl Subject {
    pub(super) fn new(ledger: &mut Ledger, scratch: &mut Vec<u8>) -> Self {
        let packed = pack(ledger, scratch).and_then(|over| Self::packed(over, scratch));
        packed.unwrap_or_else(|| Self::busy(ledger))
    }

    fn busy(ledger: &mut Ledger) -> Self {
        let drop_at = DropAt::after(ledger.over_at());
        Self::Busy { drop_at, ledger: Box::new(mem::take(ledger)) }
    }

    /// Holds `ledger` from now on, in the memory it has if that is what it takes.
    pub(super) fn refill(&mut self, ledger: &mut Ledger, scratch: &mut Vec<u8>) {
        if let Self::Busy { drop_at, ledger: held } = self
            && ledger.weight() > BUSY
        {
            *drop_at = DropAt::after(ledger.over_at());
            mem::swap(&mut **held, ledger);
            return;
        }
        let over = pack(ledger, scratch);
        if let Some(over) = over
            && let Some((held, length, piece)) = self.piece_mut()
            && piece_for(scratch.len()) == Some(piece.len())
            && let Some(part) = piece.get_mut(..scratch.len())
            && let Ok(all) = u8::try_from(scratch.len())
        {
            part.copy_from_slice(scratch);
            (*held, *length) = (over, all);
            return;
        }
        let packed = over.and_then(|over| Self::packed(over, scratch));
        *self = packed.unwrap_or_else(|| Self::busy(ledger));
    }

    /// Reads what is packed, in the place of what `ledger` held.
    pub(super) fn unpack(&self, ledger: &mut Ledger) -> Option<()> {
        let (over, bytes) = self.piece()?;
        ledger.read_rest(over.time(), bytes)
    }

    /// The byte form of its ledger.
    #[cfg(any(test, feature = "testing"))]
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        if let Self::Busy { ledger, .. } = self {
            return ledger.to_bytes();
        }
        let mut ledger = Ledger::default();
        self.unpack(&mut ledger).map(|()| ledger.to_bytes()).unwrap_or_default()
    }

    fn packed(over: Over, packed: &[u8]) -> Option<Self> {
        let length = u8::try_from(packed.len()).ok()?;
        Some(match piece_for(packed.len())? {
            8 => Self::Here { over, length, bytes: filled(packed)? },
            24 => Self::In24 { over, length, bytes: Box::new(filled(packed)?) },
            40 => Self::In40 { over, length, bytes: Box::new(filled(packed)?) },
            56 => Self::In56 { over, length, bytes: Box::new(filled(packed)?) },
            88 => Self::In88 { over, length, bytes: Box::new(filled(packed)?) },
            _ => Self::In152 { over, length, bytes: Box::new(filled(packed)?) },
        })
    }

    /// What is packed; `None` if nothing is.
    fn piece(&self) -> Option<(Over, &[u8])> {
        let (over, length, piece): (_, _, &[u8]) = match self {
            Self::Here { over, length, bytes } => (over, length, bytes),
            Self::In24 { over, length, bytes } => (over, length, &**bytes),
            Self::In40 { over, length, bytes } => (over, length, &**bytes),
            Self::In56 { over, length, bytes } => (over, length, &**bytes),
            Self::In88 { over, length, bytes } => (over, length, &**bytes),
            Self::In152 { over, length, bytes } => (over, length, &**bytes),
            Self::Busy { .. } => return None,
        };
        Some((*over, piece.get(..usize::from(*length))?))
    }

    /// The whole piece, with what it is over at and how much of it is used.
    fn piece_mut(&mut self) -> Option<(&mut Over, &mut u8, &mut [u8])> {
        Some(match self {
            Self::Here { over, length, bytes } => (over, length, bytes),
            Self::In24 { over, length, bytes } => (over, length, &mut **bytes),
            Self::In40 { over, length, bytes } => (over, length, &mut **bytes),
            Self::In56 { over, length, bytes } => (over, length, &mut **bytes),
            Self::In88 { over, length, bytes } => (over, length, &mut **bytes),
            Self::In152 { over, length, bytes } => (over, length, &mut **bytes),
            Self::Busy { .. } => return None,
        })
    }
}

/// Packs `ledger` into `scratch` if it is no busy one; when it is over.
fn pack(ledger: &Ledger, scratch: &mut Vec<u8>) -> Option<Over> {
    let over = Over::at(ledger.over_at()).filter(|_| ledger.weight() <= BUSY)?;
    scratch.clear();
    ledger.write_rest(scratch);
    Some(over)
}

/// The smallest piece that holds `length` bytes.
fn piece_for(length: usize) -> Option<usize> {
    [8, 24, 40, 56, 88, 152].into_iter().find(|piece| length <= *piece)
}

/// A piece that begins with `bytes`.
fn filled<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
    let mut piece = [0; N];
    piece.get_mut(..bytes.len())?.copy_from_slice(bytes);
    Some(piece)
}

impl Held for Subject {
    fn drop_at(&self) -> DropAt {
        match self {
            Self::Here { over, .. }
            | Self::In24 { over, .. }
            | Self::In40 { over, .. }
            | Self::In56 { over, .. }
            | Self::In88 { over, .. }
            | Self::In152 { over, .. } => DropAt::after(over.time()),
            Self::Busy { drop_at, .. } => *drop_at,
        }
    }
}
