//! What the file holds: one row for each subject, nonce, admission, challenge, document and journal,
//! and one for each entry of a journal.

use std::hash::{Hash, Hasher};

use redb::TableDefinition;

use crate::base::codec::{Reader, Writer};
use crate::base::id::Pseudonym;
use crate::base::time::Timestamp;
use crate::limit::Ledger;
use crate::store::verbs::{Challenge, Once, OnceName};
use crate::store::{Document, GRACE};

/// Rows by realm, name and kind, in this order: what one call touches of one name lies side by side.
pub(super) const ROWS: TableDefinition<'static, &'static [u8; 33], &'static [u8]> =
    TableDefinition::new("rows");

/// Entries by realm, journal and sequence number.
pub(super) const ENTRIES: TableDefinition<'static, &'static [u8; 40], &'static [u8]> =
    TableDefinition::new("journal entries");

/// Chunks of the write-ahead [log](super::log), by number: rows that [`ROWS`] lacks, or holds as they
/// were before.
pub(super) const LOG: TableDefinition<'static, u64, &'static [u8]> = TableDefinition::new("log");

/// What the file says about itself.
pub(super) const META: TableDefinition<'static, &'static str, u64> =
    TableDefinition::new("otpgate");

/// In [`META`], the version of everything in this file of code.
pub(super) const SCHEMA: &str = "schema";

/// In [`META`], how often the file was opened: what an opening writes to see that it can.
pub(super) const OPENINGS: &str = "openings";

/// The newest schema this code reads, and the one it writes. 2: subjects are packed tighter. 3: there
/// is a [`LOG`], without which [`ROWS`] is not the whole truth.
pub(super) const KNOWN_SCHEMA: u64 = 3;

/// A key of [`ROWS`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RowKey([u8; 33]);

/// The hasher of maps by [`RowKey`]. Names are pseudonyms: nobody outside can choose them to collide.
#[derive(Default)]
pub(super) struct Mixed(u64);

/// What stands under a key; the kind is the key's last byte.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Subject = 1,
    Nonce = 2,
    Admission = 3,
    Challenge = 4,
    Document = 5,
    Journal = 6,
}

/// A row.
#[derive(Clone)]
pub(super) enum Row {
    Subject(Ledger),
    Once(Once),
    Challenge(Challenge),
    Document(Document),
    /// The sequence number of the newest entry the journal ever had.
    Journal(u64),
}

impl RowKey {
    pub(super) fn new(realm: Pseudonym, name: Pseudonym, kind: Kind) -> Self {
        Self::from_parts(realm, name.as_bytes(), kind)
    }

    pub(super) fn once(realm: Pseudonym, name: OnceName) -> Self {
        match name {
            OnceName::Nonce(name) => Self::new(realm, name, Kind::Nonce),
            OnceName::Admission(id) => Self::from_parts(realm, id.as_bytes(), Kind::Admission),
        }
    }

    pub(super) const fn from_bytes(bytes: [u8; 33]) -> Self {
        Self(bytes)
    }

    pub(super) const fn as_bytes(&self) -> &[u8; 33] {
        &self.0
    }

    /// Realm, name and kind.
    pub(super) fn parts(&self) -> Option<(&[u8; 16], &[u8; 16], u8)> {
        let (realm, rest) = self.0.split_first_chunk::<16>()?;
        let (name, rest) = rest.split_first_chunk::<16>()?;
        Some((realm, name, *rest.first()?))
    }

    /// The key of these [parts](Self::parts), whatever the kind.
    pub(super) fn of(realm: &[u8; 16], name: &[u8; 16], kind: u8) -> Self {
        let mut bytes = [kind; 33];
        if let Some((to, rest)) = bytes.split_first_chunk_mut::<16>() {
            *to = *realm;
            if let Some((to, _)) = rest.split_first_chunk_mut::<16>() {
                *to = *name;
            }
        }
        Self(bytes)
    }

    fn from_parts(realm: Pseudonym, name: &[u8; 16], kind: Kind) -> Self {
        Self::of(realm.as_bytes(), name, kind as u8)
    }

    fn kind(&self) -> Option<Kind> {
        let [.., kind] = self.0;
        [
            Kind::Subject,
            Kind::Nonce,
            Kind::Admission,
            Kind::Challenge,
            Kind::Document,
            Kind::Journal,
        ]
        .into_iter()
        .find(|known| *known as u8 == kind)
    }
}

impl Hash for RowKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(&self.0);
    }
}

impl Hasher for Mixed {
    fn write(&mut self, bytes: &[u8]) {
        self.0 = mixed(self.0, bytes);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// Mixes `bytes` into `state`, eight at a time.
pub(super) fn mixed(state: u64, bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let fold = |state: u64, word: u64| {
        let product = u128::from(state ^ word ^ 0x243f_6a88_85a3_08d3)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        // Both halves, so that each bit of the word is felt in each of the state.
        (product as u64) ^ ((product >> 64) as u64)
    };
    let state = words.iter().fold(state, |state, word| fold(state, u64::from_le_bytes(*word)));
    let rest = rest.iter().fold(1, |rest: u64, byte| rest << 8 | u64::from(*byte));
    fold(state, rest)
}

impl Row {
    /// The row behind `bytes`; `None` if they are none of the key's kind.
    pub(super) fn from_bytes(key: &RowKey, bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        Some(match key.kind()? {
            Kind::Subject => Self::Subject(Ledger::from_bytes(bytes)?),
            Kind::Nonce | Kind::Admission => {
                let bits = reader.u64()?;
                Self::Once(Once::from_bits(reader.end(bits)?))
            }
            Kind::Challenge => Self::Challenge(Challenge::from_bytes(bytes)?),
            Kind::Document => {
                let version = reader.u64()?;
                let content = bytes.get(8..)?.to_vec();
                Self::Document(Document { version, content })
            }
            Kind::Journal => {
                let latest = reader.u64()?;
                Self::Journal(reader.end(latest)?)
            }
        })
    }

    /// Appends the byte form to `bytes`.
    pub(super) fn write(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Subject(ledger) => ledger.write(bytes),
            Self::Once(once) => bytes.extend(once.bits().to_be_bytes()),
            Self::Challenge(challenge) => challenge.write(bytes),
            Self::Document(document) => {
                bytes.extend(document.version.to_be_bytes());
                bytes.extend(&document.content);
            }
            Self::Journal(latest) => bytes.extend(latest.to_be_bytes()),
        }
    }

    /// From when on the row can be dropped; [`Timestamp::MAX`] is never. Documents and journals never
    /// can: a version that starts afresh would let an old write through.
    pub(super) fn over_at(&self) -> Timestamp {
        let deadline = match self {
            Self::Subject(ledger) => ledger.over_at(),
            Self::Once(once) => once.deadline(),
            Self::Challenge(challenge) => challenge.closes(),
            Self::Document(_) | Self::Journal(_) => Timestamp::MAX,
        };
        if deadline == Timestamp::MAX { deadline } else { deadline + GRACE }
    }

    /// Whether the row can be dropped at `now`.
    pub(super) fn is_over(&self, now: Timestamp) -> bool {
        has_passed(self.over_at(), now)
    }
}

/// Whether what can be dropped from `over_at` on can be at `now`.
pub(super) fn has_passed(over_at: Timestamp, now: Timestamp) -> bool {
    over_at != Timestamp::MAX && over_at <= now
}

/// A key of [`ENTRIES`].
pub(super) fn entry_key(realm: Pseudonym, journal: Pseudonym, number: u64) -> [u8; 40] {
    let mut bytes = [0; 40];
    if let Some((to, rest)) = bytes.split_first_chunk_mut::<16>() {
        *to = *realm.as_bytes();
        if let Some((to, rest)) = rest.split_first_chunk_mut::<16>() {
            *to = *journal.as_bytes();
            rest.copy_from_slice(&number.to_be_bytes());
        }
    }
    bytes
}

/// The sequence number in a key of [`ENTRIES`].
pub(super) fn entry_number(key: &[u8; 40]) -> u64 {
    key.last_chunk::<8>().map_or(0, |number| u64::from_be_bytes(*number))
}

/// An entry's byte form: when it came, and what it says.
pub(super) fn entry_bytes(at: Timestamp, entry: &[u8]) -> Vec<u8> {
    Writer::new().time(at).raw(entry).finish()
}

/// The entry behind `bytes`.
pub(super) fn entry(bytes: &[u8]) -> Option<(Timestamp, &[u8])> {
    let at = Reader::new(bytes).time()?;
    Some((at, bytes.get(8..)?))
}
