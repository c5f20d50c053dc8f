//! [`Refusal`]: no text, with one answer for the log and another for the client.

use std::fmt;
use std::time::Duration;

use crate::access::{AnonymiserKind, CallerError, ControlId, DestinationRefusal};
use crate::token::TokenError;
use crate::transport::{Channel, HandoffError, NumberFault};

use super::LimitName;

/// A send is refused.
///
/// ```
/// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
/// # shop::open(async |shop| {
/// # let proof = shop.proof();
/// # let shop::Shop { gate, client, .. } = shop;
/// use otpgate::access::DestinationRefusal;
/// use otpgate::{Cleared, Purpose, Recipient, RefusalReason, Region};
///
/// // The gate sends to Germany only, and this number is British.
/// let recipient = Recipient::from_e164("+447400123456")?;
/// # let ticket = gate.preflight(&Purpose::SIGN_UP, &client)?;
/// # let proof = ticket.answer(recipient.typed())?;
/// let answer = gate.clear(&proof, &recipient, &Purpose::SIGN_UP, &client).await?;
/// let Cleared::Refused(refusal) = answer else { panic!("not a destination") };
///
/// let why = DestinationRefusal::Country { region: Region::GB };
/// assert!(matches!(refusal.reason(), RefusalReason::Destination(reason) if *reason == why));
/// assert_eq!(refusal.public().status(), 403);
/// assert_eq!(refusal.retry_after(), None, "waiting does not help");
/// # Ok(())
/// # });
/// ```
#[derive(Debug)]
pub struct Refusal {
    pub(crate) reason: RefusalReason,
    pub(crate) cause: Option<HandoffError>,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) public_retry: Option<Duration>,
}

impl Refusal {
    /// Why, for the host's log and the operator.
    pub fn reason(&self) -> &RefusalReason {
        &self.reason
    }

    /// What the provider said, where it was the provider that refused: its name, its code and what
    /// to do about it. For your log: if it refuses every number, the sender or the account is
    /// wrong.
    ///
    /// ```
    /// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
    /// # shop::open(async |shop| {
    /// # shop.outbox.reply(otpgate::testing::Reply::Refused);
    /// # let clearance = shop.clearance().await;
    /// # let otpgate::Sent::Refused(refusal) = shop.gate.issue(clearance).await? else { panic!() };
    /// use otpgate::transport::HandoffErrorKind;
    ///
    /// let cause = refusal.cause().map(|error| error.kind());
    /// assert_eq!(cause, Some(HandoffErrorKind::Refused));
    /// # Ok(())
    /// # });
    /// ```
    pub fn cause(&self) -> Option<&HandoffError> {
        self.cause.as_ref()
    }

    /// When it may be tried again, to the millisecond; `None` if waiting does not help. For
    /// authenticated callers and logs.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// What the client may see: the same for everything an attacker could probe.
    pub fn public(&self) -> PublicRefusal {
        PublicRefusal { kind: self.reason.public_kind(), retry_after: self.public_retry }
    }
}

/// What the client may see of a refusal. Says nothing of which limit, list or suspicion it was.
///
/// ```
/// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
/// # shop::open(async |shop| {
/// # let grant = shop.grant().await;
/// # let shop::Shop { gate, client, .. } = shop;
/// # let otpgate::Sent::Refused(refusal) = gate.resend(&grant, &client).await? else { panic!() };
/// let public = refusal.public();
/// assert_eq!(public.status(), 429);
/// assert_eq!(public.to_string(), "Please wait a while before you ask for another code.");
///
/// // For the header: not before the true end, and in whole steps of 5 seconds.
/// let header = public.retry_after().map(|wait| wait.as_secs().to_string());
/// assert!(public.retry_after() >= refusal.retry_after());
/// assert!(matches!(header.as_deref(), Some("30" | "35")));
/// # Ok(())
/// # });
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PublicRefusal {
    kind: PublicRefusalKind,
    retry_after: Option<Duration>,
}

impl PublicRefusal {
    /// What the client can do.
    pub fn kind(&self) -> PublicRefusalKind {
        self.kind
    }

    /// For a `Retry-After` header: whole seconds, never too early; `None` where waiting does not help.
    ///
    /// So that it does not name the limit, up to a tenth is added at random and the sum rounded up:
    /// to 5 seconds up to a minute, to 30 seconds up to 10 minutes, to 5 minutes beyond. What has no
    /// end of its own, such as an operator's block, shows about a minute.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// The HTTP status that fits: 429 to ask again later, 400 to begin again from a new page, 403 for
    /// another number or another method.
    ///
    /// A form that came sooner than a person types is a 429 with a wait: the same proof is good then.
    ///
    /// ```
    /// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
    /// # shop::open_with(|parts| parts.policy(otpgate::Policy::default()), async |shop| {
    /// # let proof = shop.proof();
    /// # let shop::Shop { gate, client, recipient, .. } = shop;
    /// use std::time::Duration;
    /// use otpgate::{Cleared, Purpose};
    ///
    /// let answer = gate.clear(&proof, &recipient, &Purpose::SIGN_UP, &client).await?; // at once
    /// let Cleared::Refused(refusal) = answer else { panic!("too soon") };
    /// assert_eq!(refusal.retry_after(), Some(Duration::from_millis(1_500)));
    /// let public = refusal.public();
    /// assert_eq!((public.status(), public.retry_after()), (429, Some(Duration::from_secs(5))));
    /// # Ok(())
    /// # });
    /// ```
    pub fn status(&self) -> u16 {
        match self.kind {
            PublicRefusalKind::TryLater => 429,
            PublicRefusalKind::ReloadPage | PublicRefusalKind::StartOver => 400,
            PublicRefusalKind::OtherNumber | PublicRefusalKind::OtherMethod => 403,
        }
    }
}

impl fmt::Display for PublicRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            PublicRefusalKind::ReloadPage => "Please reload the page and try again.",
            PublicRefusalKind::OtherNumber => "We cannot send codes to this number.",
            PublicRefusalKind::OtherMethod => "Codes by SMS are off; please use another method.",
            PublicRefusalKind::StartOver => "Please start again.",
            PublicRefusalKind::TryLater => "Please wait a while before you ask for another code.",
        })
    }
}

/// What the client can do about a refusal.
///
/// For a page that has its own words:
///
/// ```
/// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
/// # shop::open(async |shop| {
/// # let clearance = shop.clearance().await;
/// # shop.clock.advance(std::time::Duration::from_secs(600));
/// # let otpgate::Sent::Refused(refusal) = shop.gate.issue(clearance).await? else { panic!() };
/// use otpgate::PublicRefusalKind;
///
/// let text = match refusal.public().kind() {
///     PublicRefusalKind::ReloadPage => "This page is too old. We have loaded it again.",
///     PublicRefusalKind::OtherNumber => "We cannot write to this number.",
///     _ => "Please try again later.",
/// };
/// assert!(text.starts_with("This page is too old"), "the clearance expired with its ticket");
/// # Ok(())
/// # });
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum PublicRefusalKind {
    /// Load the page again: the form is too old, altered or used, or its human check was not passed.
    ReloadPage,
    /// Give another number.
    OtherNumber,
    /// Use another second factor.
    OtherMethod,
    /// Start the verification again.
    StartOver,
    /// Wait.
    TryLater,
}

/// Why a send is refused or needs a step-up. For logs, events and operators.
///
/// ```
/// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
/// # shop::open(async |shop| {
/// # let (first, second) = (shop.proof(), shop.proof());
/// # let shop::Shop { gate, client, recipient, .. } = shop;
/// # let proof = first;
/// use otpgate::{Cleared, Purpose, RefusalReason, Sent};
///
/// // One proof is worth one text, also for somebody who clears it twice before sending.
/// let clear = || gate.clear(&proof, &recipient, &Purpose::SIGN_UP, &client);
/// let (Cleared::Passed(one), Cleared::Passed(two)) = (clear().await?, clear().await?) else {
///     panic!("a clearance costs nothing yet")
/// };
/// assert!(matches!(gate.issue(one).await?, Sent::Issued(_)));
/// let Sent::Refused(refusal) = gate.issue(two).await? else { panic!("used before") };
/// assert!(matches!(refusal.reason(), RefusalReason::TokenSpent));
/// # Ok(())
/// # });
/// ```
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RefusalReason {
    /// The front-end token is not valid.
    #[error("front-end token: {0}")]
    Token(#[source] TokenError),
    /// The front-end token, or the caller's request, was used before.
    #[error("the token was used before; load the page again for a new one")]
    TokenSpent,
    /// The caller's credential is not valid.
    #[error("caller: {0}")]
    Caller(#[source] CallerError),
    /// The destination policy says no.
    #[error("destination: {0}")]
    Destination(#[source] DestinationRefusal),
    /// An operator's entry says no.
    #[error("control {id}: {why}; lift it through `Gate::controls`")]
    Control {
        /// The entry.
        id: ControlId,
        /// Its reason.
        why: String,
    },
    /// An operator switched to known numbers only.
    #[error(
        "only known numbers are served at the moment (control {id}); lift it through `Gate::controls`"
    )]
    KnownNumbersOnly {
        /// The entry.
        id: ControlId,
    },
    /// An operator switched SMS off.
    #[error("SMS is switched off; offer the authenticator app")]
    SmsOff,
    /// The human check was made and failed.
    #[error("the human check was not passed; ask for it again")]
    HumanCheckFailed,
    /// The human check is asked of everybody (`policy.token.human_check_always`), or by the ticket, and was not
    /// made yet. Only of a [`StepUp`](super::StepUp): it refuses nobody.
    #[error("the human check is asked of everybody here, or by the ticket, and was not made yet")]
    HumanCheckAsked,
    /// A limit is used up.
    #[error("limit reached: {0}")]
    Limit(LimitName),
    /// A money budget is used up.
    #[error("budget used up: {0}")]
    Budget(LimitName),
    /// The number's lane is shut after too many wrong codes.
    #[error("too many wrong codes for this number; pass a human check or use a known device")]
    TooManyFailures,
    /// The detector sees SMS pumping.
    #[error("pumping: {0}")]
    Pumping(String),
    /// The client's network hides who it is.
    #[error(
        "the client's network hides who it is: {0}; allow the network through `Gate::controls`, \
             or change `policy.anonymisers`"
    )]
    Anonymiser(AnonymiserKind),
    /// The number's SIM card was changed lately.
    #[error(
        "the SIM card of the number was changed lately; offer the authenticator app, or call the \
             owner back"
    )]
    SimSwapped,
    /// The network said nothing of the number, and the policy sends no text then.
    #[error(
        "the network said nothing of the number; see the outage told before, or set \
             `signals.without_answer`"
    )]
    NoSignals,
    /// The provider refused the number for good.
    #[error("the provider refused the number; ask for another")]
    NumberRefused,
    /// The policy does not let this verification change to that channel.
    #[error("no code goes by {channel} here; offer what `EntryView::channels` says")]
    ChannelOff {
        /// Which.
        channel: Channel,
    },
    /// The channel may not be changed to yet, or no more.
    #[error("no code goes by {channel} now; offer it when `EntryView::channels` says")]
    ChannelNotYet {
        /// Which.
        channel: Channel,
    },
    /// A provider reported lately that texts to the number are in vain; `None` if another gate has
    /// forgotten it meanwhile.
    #[error("{}", faulty(*fault))]
    NumberFault {
        /// What it reported.
        fault: Option<NumberFault>,
    },
    /// The verification that was to be renewed is over.
    #[error(
        "the verification is accepted, locked, closed or not this client's; start again (that of a payment goes on with its transaction: `Gate::resend_bound`)"
    )]
    VerificationOver,
}

impl RefusalReason {
    pub(crate) fn public_kind(&self) -> PublicRefusalKind {
        match self {
            // The same proof is good once a person would have typed the number.
            Self::Token(TokenError::TooSoon { .. }) => PublicRefusalKind::TryLater,
            Self::Token(_) | Self::TokenSpent | Self::HumanCheckFailed => {
                PublicRefusalKind::ReloadPage
            }
            Self::Destination(_) | Self::NumberRefused | Self::NumberFault { .. } => {
                PublicRefusalKind::OtherNumber
            }
            Self::SmsOff => PublicRefusalKind::OtherMethod,
            Self::VerificationOver => PublicRefusalKind::StartOver,
            _ => PublicRefusalKind::TryLater,
        }
    }
}

crate::base::sentence::debug_as_sentence!(RefusalReason);

/// What is remembered of a number, and what to do.
fn faulty(fault: Option<NumberFault>) -> String {
    match fault {
        Some(NumberFault::OptedOut) => "the number's owner asked for no more texts; a text of `START` ends \
                                        it, and `Controls::forget_faults` only where the owner asks for that"
            .to_owned(),
        Some(fault) => {
            format!("a provider reported the number as {fault}; see `Controls::forget_faults`")
        }
        None => "a provider reported the number as faulty; see `Controls::forget_faults`".to_owned(),
    }
}
