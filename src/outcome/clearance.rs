//! [`Clearance`]: the only thing that [`Gate::issue`](crate::Gate::issue) takes.

use crate::access::{AnonymiserKind, ClientIp};
use crate::base::time::Timestamp;
use crate::context::{ClientContext, Purpose};
use crate::message::Language;
use crate::otp::Binding;
use crate::policy::AnonymiserTier;
use crate::recipient::Recipient;
use crate::store::Nonce;

use super::RefusalReason;
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
    pub(crate) recipient: Recipient,
    pub(crate) purpose: Purpose,
    pub(crate) subjects: Subjects,
    pub(crate) scope: OwnScope,
    pub(crate) lane: Lane,
    pub(crate) proved: Proved,
    pub(crate) caution: Option<Caution>,
    pub(crate) nonce: Nonce,
    /// What passed the human check, if one was made.
    pub(crate) human: Option<Nonce>,
    pub(crate) expires: Timestamp,
    pub(crate) binding: Binding,
    pub(crate) language: Option<Language>,
    pub(crate) realm: std::sync::Arc<str>,
}

/// What a further ticket for the same client is bound to.
#[derive(Clone)]
pub(crate) struct OwnScope {
    pub(crate) origin: String,
    pub(crate) session: String,
    pub(crate) client: [u8; 18],
    pub(crate) ip: ClientIp,
}

impl OwnScope {
    pub(crate) fn of(client: &ClientContext) -> Self {
        Self {
            origin: client.page_origin().to_owned(),
            session: client.session().to_owned(),
            client: client.ip().prefix().to_bytes(),
            ip: *client.ip(),
        }
    }
}

/// A tier beyond the ordinary, and the kind of network it is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Caution {
    pub(crate) tier: AnonymiserTier,
    pub(crate) kind: AnonymiserKind,
}

impl Caution {
    pub(crate) fn reason(self) -> RefusalReason {
        RefusalReason::Anonymiser(self.kind)
    }
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
    pub fn recipient(&self) -> &Recipient {
        &self.recipient
    }
}

crate::base::masked::debug_only!(Clearance: recipient, purpose, lane);
