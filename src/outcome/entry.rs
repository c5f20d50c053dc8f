//! [`Entry`]: whether the code-entry screen may be shown.

use std::time::Duration;

use crate::transport::Channel;

/// The answer of [`Gate::entry`](crate::Gate::entry): may the code-entry screen be shown?
///
/// ```
/// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
/// # shop::open(async |shop| {
/// # let grant = shop.grant().await;
/// # let shop::Shop { gate, client, .. } = shop;
/// use otpgate::{ClientContext, Entry, EntryClosed};
///
/// assert!(matches!(gate.entry(&grant, &client).await?, Entry::Open(_)));
///
/// // A grant that was stolen opens nothing in the thief's own session.
/// let thief = ClientContext::from_peer("198.51.100.9".parse()?, "another cookie");
/// assert!(matches!(gate.entry(&grant, &thief).await?, Entry::Closed(EntryClosed)));
/// # Ok(())
/// # });
/// ```
#[derive(Debug)]
#[must_use = "only `Open` may show the code-entry screen"]
pub enum Entry {
    /// Yes.
    Open(EntryView),
    /// No.
    Closed(EntryClosed),
}

impl Entry {
    /// What the screen can show, if it may be shown.
    #[must_use = "only `Open` may show the code-entry screen"]
    pub fn open(self) -> Option<EntryView> {
        match self {
            Self::Open(view) => Some(view),
            Self::Closed(EntryClosed) => None,
        }
    }
}

/// What the code-entry screen can show.
///
/// ```
/// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
/// # shop::open(async |shop| {
/// # let grant = shop.grant().await;
/// # let shop::Shop { gate, client, clock, .. } = shop;
/// use std::time::Duration;
/// use otpgate::Entry;
///
/// # clock.advance(Duration::from_secs(10));
/// let _rejected = gate.verify(&grant, "a guess", &client).await?; // 10 seconds after the text
/// let Entry::Open(view) = gate.entry(&grant, &client).await? else { panic!("closed") };
/// assert_eq!(view.number_hint(), "+49 … 78");
/// assert_eq!(view.attempts_left(), 4);
/// assert_eq!(view.expires_in(), Duration::from_secs(290));
/// assert_eq!(view.resend_after(), Duration::from_secs(20));
/// # Ok(())
/// # });
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EntryView {
    pub(crate) hint: String,
    pub(crate) attempts_left: u32,
    pub(crate) expires_in: Duration,
    pub(crate) resend_after: Duration,
    pub(crate) channels: Vec<ChannelOffer>,
}

impl EntryView {
    /// The number with all but its ends hidden.
    pub fn number_hint(&self) -> &str {
        &self.hint
    }

    /// Attempts left.
    pub fn attempts_left(&self) -> u32 {
        self.attempts_left
    }

    /// How long the newest code is still good; zero if it expired and another must be sent.
    pub fn expires_in(&self) -> Duration {
        self.expires_in
    }

    /// How long until another code may be sent.
    pub fn resend_after(&self) -> Duration {
        self.resend_after
    }

    /// The other channels that the client may ask for ([`Gate::resend_over`](crate::Gate::resend_over)), and
    /// when. It follows from the policy, the time and what was sent; it says nothing of what the network
    /// said about the number, so a page may show it.
    pub fn channels(&self) -> &[ChannelOffer] {
        &self.channels
    }
}

/// A channel that a client may ask for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct ChannelOffer {
    /// Which.
    pub channel: Channel,
    /// How long until then; the interval between two messages holds as well.
    pub after: Duration,
}

/// The code-entry screen must not be shown. The same for every cause: send the client back to the
/// form.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EntryClosed;
