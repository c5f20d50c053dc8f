//! [`Receipt`]: what a genuine receipt says.

use std::fmt;

use crate::base::network::NetworkCode;
use crate::base::secret::SecretText;
use crate::base::time::Timestamp;

use super::super::{NumberFault, Price};
use super::DeliveryStatus;

/// How far a text has come.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum ReceiptState {
    /// On its way: queued, sent, handed to the network. Nothing is known yet.
    Pending,
    /// The handset has it.
    Delivered,
    /// It was not and will not be delivered.
    Undelivered,
}

/// Why a text was not delivered.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum DeliveryFault {
    /// Something about the number that holds for later texts too.
    Number(NumberFault),
    /// The handset was off or out of reach.
    Handset,
    /// The network of the recipient failed: nothing that the recipient did.
    Carrier,
    /// A filter of provider or network stopped it.
    Filtered,
    /// The host's account, sender or registration.
    Account,
    /// The provider gives no reason.
    Unknown,
}

/// One row of a provider's table of delivery errors.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct FaultRow {
    /// The provider's code in the receipt.
    pub code: &'static str,
    /// What it means.
    pub fault: DeliveryFault,
    /// The same in words.
    pub meaning: &'static str,
}

impl FaultRow {
    /// A row.
    #[must_use]
    pub const fn new(code: &'static str, fault: DeliveryFault, meaning: &'static str) -> Self {
        Self { code, fault, meaning }
    }

    /// What `table` says of `code`; [`Unknown`](DeliveryFault::Unknown) if it has no such row, because
    /// providers add codes.
    ///
    /// ```
    /// use otpgate::transport::{DeliveryFault, FaultRow};
    ///
    /// const TABLE: &[FaultRow] = &[FaultRow::new("30005", DeliveryFault::Handset, "no answer")];
    /// assert_eq!(FaultRow::fault_of(TABLE, "30005"), DeliveryFault::Handset);
    /// assert_eq!(FaultRow::fault_of(TABLE, "39999"), DeliveryFault::Unknown);
    /// ```
    #[must_use]
    pub fn fault_of(table: &[Self], code: &str) -> DeliveryFault {
        let row = table.iter().find(|row| row.code == code);
        row.map_or(DeliveryFault::Unknown, |row| row.fault)
    }
}

/// What the owner of a number asked for, by a word texted to a sender of the host's.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Wish {
    /// No more texts: `STOP` and its like.
    OptOut,
    /// Texts again: `START` and its like.
    OptIn,
}

/// A wish and whose it is. `Debug` shows no number.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct OwnersWish {
    /// What was asked for.
    pub wish: Wish,
    /// The number that asked, in E.164.
    pub number: SecretText,
}

impl PartialEq for OwnersWish {
    fn eq(&self, other: &Self) -> bool {
        let same = self.number.expose_secret() == other.number.expose_secret();
        same && self.wish == other.wish
    }
}

impl Eq for OwnersWish {}

/// What a provider says, once its check has passed: what became of a text, or what the owner of a number
/// wishes ([`wished`](Self::wished)). `Debug` shows no number.
///
/// ```
/// use otpgate::DeliveryStatus;
/// use otpgate::transport::{DeliveryFault, Receipt, ReceiptState};
///
/// let receipt = Receipt::verified("twilio", "SM1", ReceiptState::Undelivered, "undelivered")
///     .failed("30005", DeliveryFault::Handset);
/// assert_eq!(receipt.delivery(), Some(DeliveryStatus::Undelivered));
/// assert_eq!(receipt.replay_key(), "twilio/SM1/undelivered");
/// ```
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Receipt {
    /// Whose receipt it is.
    pub provider: &'static str,
    /// The provider's identifier of the text: [`Handoff::message_id`](super::super::Handoff).
    pub message_id: String,
    /// How far the text has come.
    pub state: ReceiptState,
    /// The provider's own word for it.
    pub word: String,
    /// The provider's code for a failure.
    pub code: Option<String>,
    /// Why it was not delivered, where the provider says so.
    pub fault: Option<DeliveryFault>,
    /// The text's idempotency key, from the callback URL: who it belongs to before the message
    /// identifier is known.
    pub key: Option<String>,
    /// Whether the provider names the text by [`message_id`](Self::message_id) and nothing else: the
    /// gate then looks for its send in the store, and keeps the receipt if that is not known yet.
    pub by_id: bool,
    /// What the provider charged.
    pub price: Option<Price>,
    /// How many segments it counted.
    pub segments: Option<u32>,
    /// The mobile network that the text went to, where the provider names it.
    pub network: Option<NetworkCode>,
    /// The signed time. `None` if nothing keeps an old receipt from being sent again but a memory of
    /// [`replay_key`](Self::replay_key).
    pub signed_at: Option<Timestamp>,
    /// What the owner of a number asked for. Then it is about no text of the host's.
    pub wish: Option<OwnersWish>,
}

impl Receipt {
    /// A receipt whose signature was checked.
    #[must_use]
    pub fn verified(
        provider: &'static str,
        message_id: impl Into<String>,
        state: ReceiptState,
        word: impl Into<String>,
    ) -> Self {
        Self {
            provider,
            message_id: message_id.into(),
            state,
            word: word.into(),
            code: None,
            fault: None,
            key: None,
            by_id: false,
            price: None,
            segments: None,
            network: None,
            signed_at: None,
            wish: None,
        }
    }

    /// What the owner of `number` (E.164) asked for in a message to a sender of the host's, which the
    /// provider names `message_id`. `word` is the provider's own for it.
    ///
    /// ```
    /// use otpgate::transport::{Receipt, Wish};
    ///
    /// let wished = Receipt::wished("twilio", "SM1", Wish::OptIn, "START", "+4915112345678");
    /// assert_eq!(wished.delivery(), None);
    /// assert!(!format!("{wished:?}").contains("15112345678"));
    /// ```
    #[must_use]
    pub fn wished(
        provider: &'static str,
        message_id: impl Into<String>,
        wish: Wish,
        word: impl Into<String>,
        number: impl Into<String>,
    ) -> Self {
        let number = SecretText::new(number);
        let wish = Some(OwnersWish { wish, number });
        Self { wish, ..Self::verified(provider, message_id, ReceiptState::Pending, word) }
    }

    /// Adds code and cause of a failure.
    #[must_use]
    pub fn failed(mut self, code: impl Into<String>, fault: DeliveryFault) -> Self {
        (self.code, self.fault) = (Some(code.into()), Some(fault));
        self
    }

    /// Adds the key from the callback URL.
    #[must_use]
    pub fn with_key(mut self, key: Option<&str>) -> Self {
        self.key = key.map(Into::into);
        self
    }

    /// Says that the provider names the text by its message identifier and nothing else. The transport
    /// says the same of its hand-offs: [`Handoff::with_receipts_by_id`].
    ///
    /// [`Handoff::with_receipts_by_id`]: crate::transport::Handoff::with_receipts_by_id
    #[must_use]
    pub fn found_by_id(mut self) -> Self {
        self.by_id = true;
        self
    }

    /// Adds what the provider charged.
    #[must_use]
    pub fn priced(mut self, price: Option<Price>) -> Self {
        self.price = price;
        self
    }

    /// Adds how many segments the provider counted.
    #[must_use]
    pub fn in_segments(mut self, segments: Option<u32>) -> Self {
        self.segments = segments;
        self
    }

    /// Adds the mobile network that the text went to.
    #[must_use]
    pub fn in_network(mut self, network: Option<NetworkCode>) -> Self {
        self.network = network;
        self
    }

    /// Adds the signed time.
    #[must_use]
    pub fn signed_at(mut self, at: Timestamp) -> Self {
        self.signed_at = Some(at);
        self
    }

    /// What it tells the gate; `None` while nothing is final.
    pub fn delivery(&self) -> Option<DeliveryStatus> {
        match self.state {
            ReceiptState::Pending => None,
            ReceiptState::Delivered => Some(DeliveryStatus::Delivered),
            ReceiptState::Undelivered => Some(DeliveryStatus::Undelivered),
        }
    }

    /// The same for every copy of this receipt: whoever remembers it believes a receipt once.
    pub fn replay_key(&self) -> String {
        format!("{}/{}/{}", self.provider, self.message_id, self.word)
    }
}

impl fmt::Debug for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receipt")
            .field("provider", &self.provider)
            .field("message_id", &self.message_id)
            .field("state", &self.state)
            .field("word", &self.word)
            .field("code", &self.code)
            .field("fault", &self.fault)
            .field("wish", &self.wish.as_ref().map(|owners| owners.wish))
            .finish_non_exhaustive()
    }
}
