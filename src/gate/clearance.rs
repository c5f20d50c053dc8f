//! [`Clearance`]: the only thing that [`Gate::issue`](crate::Gate::issue) takes.

use std::fmt;

use crate::base::time::Timestamp;
use crate::context::Purpose;
use crate::message::Language;
use crate::otp::Binding;
use crate::recipient::Recipient;
use crate::store::Nonce;

use super::caution::Caution;
use super::subjects::{Lane, Proved, Subjects};

/// A request that passed every check that needs no store. Good for one send, until its ticket expires:
/// by default 10 minutes after the page was shown. A caller's is good for 60 seconds.
///
/// It cannot be made, copied or kept for later: it is consumed by
/// [`Gate::issue`](crate::Gate::issue), and its token is burned there.
///
/// ```
/// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
/// # shop::open(async |shop| {
/// # let clearance = shop.clearance().await;
/// assert_eq!(clearance.recipient().expose_e164().as_str(), "+4915112345678");
/// // Nothing was charged yet: dropping it spends nothing, and the proof stays good.
/// drop(clearance);
/// assert_eq!(shop.outbox.handed_off(), 0);
/// # Ok(())
/// # });
/// ```
#[must_use = "a clearance sends nothing until it is handed to `Gate::issue`"]
pub struct Clearance {
    pub(super) recipient: Recipient,
    pub(super) purpose: Purpose,
    pub(super) subjects: Subjects,
    pub(super) scope: OwnScope,
    pub(super) lane: Lane,
    pub(super) proved: Proved,
    pub(super) caution: Option<Caution>,
    pub(super) nonce: Nonce,
    /// What passed the human check, if one was made.
    pub(super) human: Option<Nonce>,
    pub(super) expires: Timestamp,
    pub(super) binding: Binding,
    pub(super) language: Option<Language>,
    pub(super) realm: std::sync::Arc<str>,
}

/// What a further ticket for the same client is bound to.
#[derive(Clone)]
pub(super) struct OwnScope {
    pub(super) origin: String,
    pub(super) session: String,
    pub(super) client: Vec<u8>,
    pub(super) ip: crate::access::ClientIp,
}

impl Clearance {
    /// Binds the code to a transaction: amount and payee become part of the text and of the code's
    /// digest. [`Gate::issue`](crate::Gate::issue) fails with
    /// [`GateErrorKind::Message`](crate::GateErrorKind::Message) if the gate's message was built without
    /// [`transactions`](crate::message::MessageFormatBuilder::transactions).
    /// The code is then good for this transaction alone, as
    /// [`Gate::verify_bound`](crate::Gate::verify_bound) shows.
    pub fn bind(mut self, binding: Binding) -> Self {
        self.binding = binding;
        self
    }

    /// The language of the text. Default: the first language of the gate's messages.
    /// One without a template falls back as [`Messages`](crate::message::Messages) says.
    ///
    /// ```
    /// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
    /// # shop::open(async |shop| {
    /// # let clearance = shop.clearance().await;
    /// # let shop::Shop { gate, outbox, .. } = shop;
    /// use otpgate::message::Language;
    ///
    /// let _sent = gate.issue(clearance.language(Language::new("de-AT")?)).await?;
    /// assert!(outbox.sent()[0].expose_text().contains("ist Ihr Example-Code"));
    /// # Ok(())
    /// # });
    /// ```
    pub fn language(mut self, language: Language) -> Self {
        self.language = Some(language);
        self
    }

    /// Who will get the text.
    #[must_use]
    pub fn recipient(&self) -> &Recipient {
        &self.recipient
    }
}

impl fmt::Debug for Clearance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clearance")
            .field("recipient", &self.recipient)
            .field("purpose", &self.purpose)
            .field("lane", &self.lane)
            .finish_non_exhaustive()
    }
}
