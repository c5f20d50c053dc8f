//! What the file holds: one row for each subject, nonce, admission, challenge, document and journal,
//! and one for each entry of a journal.

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

/// What the file says about itself.
pub(super) const META: TableDefinition<'static, &'static str, u64> =
    TableDefinition::new("otpgate");

/// In [`META`], the version of everything in this file of code.
pub(super) const SCHEMA: &str = "schema";

/// In [`META`], how often the file was opened: what an opening writes to see that it can.
pub(super) const OPENINGS: &str = "openings";

/// The newest schema this code reads, and the one it writes. 2: subjects are packed tighter.
pub(super) const KNOWN_SCHEMA: u64 = 2;

/// A key of [`ROWS`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct RowKey([u8; 33]);

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

    fn from_parts(realm: Pseudonym, name: &[u8; 16], kind: Kind) -> Self {
        let mut bytes = [0; 33];
        let parts = realm.as_bytes().iter().chain(name).copied().chain([kind as u8]);
        bytes.iter_mut().zip(parts).for_each(|(byte, part)| *byte = part);
        Self(bytes)
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

    /// Whether the row can be dropped. Documents and journals never are: a version that starts
    /// afresh would let an old write through.
    pub(super) fn is_over(&self, now: Timestamp) -> bool {
        let deadline = match self {
            Self::Subject(ledger) => ledger.over_at(),
            Self::Once(once) => once.deadline(),
            Self::Challenge(challenge) => challenge.closes(),
            Self::Document(_) | Self::Journal(_) => Timestamp::MAX,
        };
        deadline != Timestamp::MAX && deadline + GRACE <= now
    }
}

/// A key of [`ENTRIES`].
pub(super) fn entry_key(realm: Pseudonym, journal: Pseudonym, number: u64) -> [u8; 40] {
    let mut bytes = [0; 40];
    let parts = realm.as_bytes().iter().chain(journal.as_bytes()).copied();
    let parts = parts.chain(number.to_be_bytes());
    bytes.iter_mut().zip(parts).for_each(|(byte, part)| *byte = part);
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
