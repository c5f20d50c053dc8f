//! The byte form of the write-ahead log: chunks of rows, in the order in which they changed.
//!
//! ```text
//! chunk = row* sum            sum: 8 bytes over all before them
//! row   = head [realm] name length bytes
//! head  = 1 byte: the key's kind | STORED | SAME_REALM
//! realm = 16 bytes, left out if it is that of the row before in the chunk
//! name  = 16 bytes
//! length = 1 byte, or LONG and 4
//! ```

use super::row::{RowKey, mixed};

/// The table of rows holds the row in an earlier form.
const STORED: u8 = 0x80;
const SAME_REALM: u8 = 0x40;
const KIND: u8 = 0x3f;

/// In place of a length that takes more than a byte.
const LONG: u8 = u8::MAX;

/// How long a chunk of several rows may be: with what the database adds, it fills four of its pages.
/// More would be rounded up to a larger power of two and waste the rest.
const MOST: usize = 4 * 4_096 - 64;

const SUM: usize = size_of::<u64>();

/// The chunks of one transaction.
#[derive(Default)]
pub(super) struct Chunks {
    done: Vec<Vec<u8>>,
    open: Vec<u8>,
    realm: Option<[u8; 16]>,
}

impl Chunks {
    /// Appends a row.
    pub(super) fn push(&mut self, key: &RowKey, stored: bool, bytes: &[u8]) {
        let Some((realm, name, kind)) = key.parts() else { return };
        let most = bytes.len().saturating_add(38 + SUM);
        if !self.open.is_empty() && self.open.len().saturating_add(most) > MOST {
            self.end();
        }
        let same = self.realm == Some(*realm);
        let flags = if stored { STORED } else { 0 } | if same { SAME_REALM } else { 0 };
        self.open.push(kind | flags);
        if !same {
            self.open.extend_from_slice(realm);
            self.realm = Some(*realm);
        }
        self.open.extend_from_slice(name);
        match u8::try_from(bytes.len()) {
            Ok(length) if length != LONG => self.open.push(length),
            _ => {
                self.open.push(LONG);
                let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
                self.open.extend_from_slice(&length.to_be_bytes());
            }
        }
        self.open.extend_from_slice(bytes);
    }

    /// The chunks.
    pub(super) fn finish(mut self) -> Vec<Vec<u8>> {
        if !self.open.is_empty() {
            self.end();
        }
        self.done
    }

    fn end(&mut self) {
        let mut chunk = std::mem::replace(&mut self.open, Vec::with_capacity(MOST));
        let sum = mixed(0, &chunk);
        chunk.extend_from_slice(&sum.to_be_bytes());
        self.done.push(chunk);
        self.realm = None;
    }
}

/// Hands over each row of a chunk: its key, whether an earlier form of it is stored, its bytes. `None`
/// if the chunk is damaged, or `each` finds that a row is.
pub(super) fn read(
    chunk: &[u8],
    mut each: impl FnMut(RowKey, bool, &[u8]) -> Option<()>,
) -> Option<()> {
    let (mut left, sum) = chunk.split_last_chunk::<SUM>()?;
    if mixed(0, left) != u64::from_be_bytes(*sum) {
        return None;
    }
    let mut before = None;
    while let Some((head, rest)) = left.split_first() {
        let (realm, rest) = match head & SAME_REALM {
            0 => rest.split_first_chunk::<16>()?,
            _ => (before?, rest),
        };
        let (name, rest) = rest.split_first_chunk::<16>()?;
        let (length, rest) = match rest.split_first()? {
            (&LONG, rest) => {
                let (length, rest) = rest.split_first_chunk::<4>()?;
                (usize::try_from(u32::from_be_bytes(*length)).ok()?, rest)
            }
            (length, rest) => (usize::from(*length), rest),
        };
        let (bytes, rest) = rest.split_at_checked(length)?;
        each(RowKey::of(realm, name, head & KIND), head & STORED != 0, bytes)?;
        (before, left) = (Some(realm), rest);
    }
    Some(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic in a test is its failure")]
mod tests {
    use super::*;

    /// Rows of two realms, of every form of length.
    fn rows() -> Vec<(RowKey, bool, Vec<u8>)> {
        let lengths = [0, 1, 40, 254, 255, 256, 5_000, 20_000, 3];
        let row = |(n, length): (u8, usize)| {
            let realm = if n % 4 == 3 { [1; 16] } else { [2; 16] };
            (RowKey::of(&realm, &[n; 16], 1 + n % 6), n % 2 == 0, vec![n; length])
        };
        (0..60).map(|n| row((n, lengths[usize::from(n) % lengths.len()]))).collect()
    }

    #[test]
    fn what_is_written_is_read_back_in_order_and_in_chunks_that_fit_their_pages() {
        let mut chunks = Chunks::default();
        rows().iter().for_each(|(key, stored, bytes)| chunks.push(key, *stored, bytes));
        let mut back = Vec::new();
        for chunk in chunks.finish() {
            assert!(chunk.len() <= MOST || chunk.len() > 20_000, "{}", chunk.len());
            let mut take = |key, stored, bytes: &[u8]| {
                back.push((key, stored, bytes.to_vec()));
                Some(())
            };
            read(&chunk, &mut take).unwrap();
        }
        assert!(back == rows(), "{} rows of {}", back.len(), rows().len());
    }

    #[test]
    fn a_chunk_that_lost_or_changed_a_byte_is_not_read() {
        let mut chunks = Chunks::default();
        rows()[..4].iter().for_each(|(key, stored, bytes)| chunks.push(key, *stored, bytes));
        let chunk = chunks.finish().remove(0);
        assert_eq!(read(&chunk, |_, _, _| Some(())), Some(()));
        for at in 0..chunk.len() {
            let mut torn = chunk.clone();
            torn[at] ^= 1;
            assert_eq!(read(&torn, |_, _, _| Some(())), None, "byte {at}");
            assert_eq!(read(&chunk[..at], |_, _, _| Some(())), None, "cut at {at}");
        }
    }
}
