//! [`SendRecord`]: what the host keeps of a send to report on it later.

use std::fmt;

use crate::base::codec::{Reader, Writer};
use crate::base::id::{from_text, to_text};
use crate::base::mac::MacKey;
use crate::base::money::Money;
use crate::base::seal;
use crate::base::time::Timestamp;
use crate::recipient::Recipient;

/// An opaque note on one send: which block of numbers, when, at what price. Sealed, so that it can
/// lie beside the provider's message identifier without naming anyone.
///
/// Hand it to [`Gate::receipt`](crate::Gate::receipt) when the delivery receipt comes in, and to
/// [`Gate::report`](crate::Gate::report) when the account behind it turns out worthless.
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
pub struct SendRecord(String);

impl SendRecord {
    /// The note as the host kept it. Nothing is checked here; every use checks it.
    #[must_use]
    pub fn from_text(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text to keep.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SendRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SendRecord([sealed])")
    }
}

/// What a record says.
#[derive(Debug)]
pub(crate) struct Note {
    pub(crate) id: [u8; 16],
    pub(crate) at: Timestamp,
    pub(crate) price: Money,
    pub(crate) recipient: Recipient,
}

impl Note {
    /// Sealed under the index key, because receipts may come days after a rotation.
    pub(crate) fn seal(&self, key: &MacKey, realm: &str) -> SendRecord {
        // At most 31 bytes, which is one block of the key stream.
        let number = self.recipient.expose_e164();
        let digits = number.as_str().trim_start_matches('+').as_bytes();
        let plain =
            Writer::new().time(self.at).u64(self.price.as_microdollars()).raw(digits).finish();
        SendRecord(to_text(&seal::seal(key, &context(realm), self.id, &plain)))
    }

    pub(crate) fn open(record: &SendRecord, key: &MacKey, realm: &str) -> Option<Self> {
        let sealed = from_text(&record.0, 256)?;
        let plain = seal::open(key, &context(realm), &sealed)?;
        let mut fields = Reader::new(&plain);
        let (at, price) = (fields.time()?, Money::microdollars(fields.u64()?));
        let digits = std::str::from_utf8(fields.rest()).ok()?;
        let recipient = Recipient::from_e164(&format!("+{digits}")).ok()?;
        Some(Self { id: *sealed.first_chunk()?, at, price, recipient })
    }
}

fn context(realm: &str) -> Vec<u8> {
    Writer::new().text("otpgate/v1/record").text(realm).finish()
}
