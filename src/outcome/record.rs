//! [`SendRecord`]: what the host keeps of a send to report on it later.

use crate::base::codec::{Reader, Writer};
use crate::base::id::{from_text, to_text};
use crate::base::keyring::KeyRing;
use crate::base::late::LateText;
use crate::base::money::Money;
use crate::base::seal::SealKey;
use crate::base::time::Timestamp;
use crate::context::{Purpose, Realm};
use crate::recipient::Recipient;
use crate::transport::Channel;

use super::subjects::Lane;

/// An opaque note on one send: which block of numbers, when, at what price. Sealed, so that it can
/// lie beside the provider's message identifier without naming anyone.
///
/// Hand it to [`Gate::report`](crate::Gate::report) when the account behind it turns out worthless. A
/// host that does not use [`Gate::receipts`](crate::Gate::receipts) hands it to
/// [`Gate::receipt`](crate::Gate::receipt) when the delivery receipt comes in.
///
/// ```
/// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
/// # shop::open(async |shop| {
/// # let issued = shop.issued().await;
/// # let shop::Shop { gate, .. } = shop;
/// use otpgate::{DeliveryStatus, SendRecord};
///
/// // A column beside the provider's message identifier; read back when the receipt comes in.
/// let column = issued.record().as_str().to_owned();
/// assert!(gate.receipt(&SendRecord::from_text(column), DeliveryStatus::Delivered).is_ok());
/// # Ok(())
/// # });
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct SendRecord(LateText);

impl SendRecord {
    /// The note as the host kept it. Nothing is checked here; every use checks it.
    #[must_use]
    pub fn from_text(text: impl Into<String>) -> Self {
        Self(LateText::of(text.into()))
    }

    /// The text to keep.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// What a provider may bring back: the same text.
    pub(crate) fn text(&self) -> LateText {
        self.0.clone()
    }
}

crate::base::masked::debug_redacted!(SendRecord, "[sealed]");

/// A [`SendRecord`] that this gate did not make.
///
/// ```
/// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
/// # shop::open(async |shop::Shop { gate, .. }| {
/// use otpgate::{DeliveryStatus, RecordError, SendRecord};
///
/// let made_up = SendRecord::from_text("not ours");
/// assert_eq!(gate.receipt(&made_up, DeliveryStatus::Delivered), Err(RecordError));
/// # Ok(())
/// # });
/// ```
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "this is not a record of this realm, or it was altered; hand back what `Issued::record` or `Verification::record` gave"
)]
pub struct RecordError;

crate::base::sentence::debug_as_sentence!(RecordError);

/// The longest note, sealed: purpose and realm have 32 characters each.
const LONGEST: usize = 120;

/// What a record says.
#[derive(Debug)]
pub(crate) struct Note {
    pub(crate) id: [u8; 16],
    pub(crate) at: Timestamp,
    pub(crate) realm: Realm,
    pub(crate) purpose: Purpose,
    pub(crate) recipient: Recipient,
    pub(crate) lane: Lane,
    pub(crate) channel: Channel,
    /// What was reserved for it; nothing for a text that was withheld.
    pub(crate) price: Money,
    pub(crate) segments: u8,
    /// Whether a text was to go out.
    pub(crate) paid: bool,
}

impl Note {
    /// The record. Most hosts read few of them, so its text is sealed when it is read.
    pub(crate) fn record(self, keys: &KeyRing) -> SendRecord {
        let key = keys.records_shared();
        SendRecord(LateText::by(move || self.seal(key.key())))
    }

    /// Sealed under the index key, because receipts may come days after a rotation.
    pub(crate) fn seal(&self, key: &SealKey) -> String {
        // Milliseconds until the year 10889, and 72 billion dollars.
        let [_, _, at @ ..] = self.at.as_millis().min(u64::MAX >> 16).to_be_bytes();
        let [_, price @ ..] = self.price.as_microdollars().min(u64::MAX >> 8).to_be_bytes();
        // Seven bytes hold fifteen digits, and do not show how many there are.
        let [_, digits @ ..] = self.recipient.digits().to_be_bytes();
        let purpose = self.purpose.as_str();
        let realm = Some(self.realm.as_str()).filter(|realm| *realm != Realm::DEFAULT);
        let plain = Writer::new()
            .u8(self.lane.index() | self.channel.index() << 2 | u8::from(self.paid) << 7)
            .raw(&at)
            .raw(&price)
            .u8(self.segments)
            .raw(&digits)
            .u8(u8::try_from(purpose.len()).unwrap_or(u8::MAX))
            .raw(purpose.as_bytes())
            .raw(realm.unwrap_or_default().as_bytes())
            .finish();
        to_text(&key.seal(CONTEXT, self.id, &plain))
    }

    /// What the record says, if a gate with this key made it, in whatever realm.
    pub(crate) fn open(record: &str, key: &SealKey) -> Option<Self> {
        let sealed = from_text(record, LONGEST)?;
        let plain = key.open(CONTEXT, &sealed)?;
        let mut fields = Reader::new(&plain);
        let kind = fields.u8()?;
        let at = Timestamp::from_millis(number(fields.array::<6>()?));
        let price = Money::microdollars(number(fields.array::<7>()?));
        let segments = fields.u8()?;
        let digits = number(fields.array::<7>()?);
        let purpose = usize::from(fields.u8()?);
        let purpose = Purpose::read(fields.raw(purpose)?)?;
        let realm = match fields.rest() {
            [] => Realm::default(),
            name => Realm::new(std::str::from_utf8(name).ok()?).ok()?,
        };
        Some(Self {
            id: *sealed.first_chunk()?,
            at,
            realm,
            purpose,
            recipient: Recipient::from_digits(digits).ok()?,
            lane: Lane::from_index(kind & 0x03)?,
            channel: *Channel::ALL.get(usize::from(kind >> 2 & 0x1F))?,
            price,
            segments,
            paid: kind & 0x80 != 0,
        })
    }
}

/// A number of fewer than eight bytes.
fn number<const N: usize>(bytes: [u8; N]) -> u64 {
    bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// The version, which no earlier one had in front. The key is of this use alone.
const CONTEXT: &[u8] = b"3";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::mac::MacKey;
    use crate::base::secret::Secret;

    fn note(purpose: &str, realm: &str, number: &str) -> Note {
        Note {
            id: [7; 16],
            at: Timestamp::from_millis(1_795_348_800_000),
            realm: Realm::new(realm).unwrap(),
            purpose: Purpose::new(purpose.to_owned()).unwrap(),
            recipient: Recipient::from_e164(number).unwrap(),
            lane: Lane::Checked,
            channel: Channel::Email,
            price: Money::microdollars(105_800),
            segments: 2,
            paid: true,
        }
    }

    #[test]
    fn a_note_is_read_back_and_shows_nothing() {
        let key =
            |byte| SealKey::derive(&MacKey::derive(&Secret::new([byte; 32]), "index"), "record");
        let (key, other) = (key(3), key(4));
        let long = "a".repeat(32);
        for (purpose, realm, length) in [("sign-up", "default", 83), (&long, &long, 159)] {
            let record = note(purpose, realm, "+4915112345678").seal(&key);
            assert_eq!(record.len(), length);
            let read = Note::open(&record, &key).unwrap();
            assert_eq!((read.id, read.at), ([7; 16], Timestamp::from_millis(1_795_348_800_000)));
            assert_eq!((read.purpose.as_str(), read.realm.as_str()), (purpose, realm));
            assert_eq!(read.recipient.expose_e164().as_str(), "+4915112345678");
            assert_eq!((read.lane, read.channel), (Lane::Checked, Channel::Email));
            assert_eq!(read.price, Money::microdollars(105_800));
            assert_eq!((read.segments, read.paid), (2, true));
            assert!(Note::open(&record, &other).is_none());
            // A number of another length makes no other length.
            let short = note(purpose, realm, "+37121234567").seal(&key);
            assert_eq!(short.len(), length);
        }
        for bad in ["", "AAAA", &"A".repeat(87), &"A".repeat(400)] {
            assert!(Note::open(bad, &key).is_none(), "{bad}");
        }
    }
}
