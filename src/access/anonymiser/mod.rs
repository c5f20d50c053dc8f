//! [`Anonymisers`]: networks behind which a client hides, from lists that are exchanged while the
//! gate runs.

mod list;
mod ranges;

use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, PoisonError, RwLock};

use super::ClientIp;

pub use list::{AnonymiserList, AnonymiserListError, BadLine, BadLineKind};

/// What kind of network hides who is behind it.
///
/// In a list it is the word after a network, and in a policy each has a tier of its own.
///
/// ```
/// use otpgate::access::AnonymiserKind;
///
/// assert_eq!("tor".parse(), Ok(AnonymiserKind::Tor));
/// assert_eq!(AnonymiserKind::Hosting.to_string(), "hosting");
/// assert!("onion".parse::<AnonymiserKind>().is_err());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum AnonymiserKind {
    /// An exit of the Tor network.
    Tor,
    /// A commercial virtual private network, or a relay such as Apple's or Cloudflare's.
    Vpn,
    /// An open or rented proxy. Those that are rented by the thousand sit at people's homes.
    Proxy,
    /// A hosting company or cloud. People rarely browse from there, scripts do.
    Hosting,
}

impl AnonymiserKind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Tor, Self::Vpn, Self::Proxy, Self::Hosting];

    const fn bit(self) -> u8 {
        match self {
            Self::Tor => 1,
            Self::Vpn => 2,
            Self::Proxy => 4,
            Self::Hosting => 8,
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Tor => "tor",
            Self::Vpn => "vpn",
            Self::Proxy => "proxy",
            Self::Hosting => "hosting",
        }
    }
}

impl fmt::Display for AnonymiserKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for AnonymiserKind {
    type Err = AnonymiserKindError;

    /// Reads the word, in letters of either case.
    ///
    /// # Errors
    ///
    /// [`AnonymiserKindError`] for any other word.
    fn from_str(text: &str) -> Result<Self, AnonymiserKindError> {
        let named = |kind: &Self| kind.word().eq_ignore_ascii_case(text);
        Self::ALL.into_iter().find(named).ok_or(AnonymiserKindError)
    }
}

/// The word names no kind of network.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a kind of network; write tor, vpn, proxy or hosting")]
pub struct AnonymiserKindError;

/// A set of [`AnonymiserKind`]s: a network may be a proxy in a hosting company's range.
///
/// ```
/// use otpgate::access::{AnonymiserKind, AnonymiserKinds};
///
/// let kinds: AnonymiserKinds = [AnonymiserKind::Proxy, AnonymiserKind::Hosting].into_iter().collect();
/// assert!(kinds.contains(AnonymiserKind::Proxy) && !kinds.contains(AnonymiserKind::Tor));
/// assert_eq!(format!("{kinds:?}"), "{Proxy, Hosting}");
/// assert!(AnonymiserKinds::NONE.is_empty());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct AnonymiserKinds(u8);

impl AnonymiserKinds {
    /// None: nothing is known against the network.
    pub const NONE: Self = Self(0);

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether `kind` is among them.
    #[must_use]
    pub const fn contains(self, kind: AnonymiserKind) -> bool {
        self.0 & kind.bit() != 0
    }

    /// Those of either set.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Each of them.
    pub fn iter(self) -> impl Iterator<Item = AnonymiserKind> {
        AnonymiserKind::ALL.into_iter().filter(move |kind| self.contains(*kind))
    }
}

impl From<AnonymiserKind> for AnonymiserKinds {
    fn from(kind: AnonymiserKind) -> Self {
        Self(kind.bit())
    }
}

impl FromIterator<AnonymiserKind> for AnonymiserKinds {
    fn from_iter<I: IntoIterator<Item = AnonymiserKind>>(kinds: I) -> Self {
        kinds.into_iter().fold(Self::NONE, |all, kind| all.union(kind.into()))
    }
}

impl fmt::Debug for AnonymiserKinds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

/// The list that a gate asks, which the host exchanges while the gate runs. A clone is a handle on
/// the same list: keep one, and give one to
/// [`GateBuilder::anonymisers`](crate::GateBuilder::anonymisers).
///
/// What a listed client must do more is
/// [`AnonymiserPolicy`](crate::policy::AnonymiserPolicy)'s to say.
///
/// ```
/// use otpgate::ClientIp;
/// use otpgate::access::{AnonymiserKind, AnonymiserList, Anonymisers};
///
/// let anonymisers = Anonymisers::default(); // empty, until the first list is there
/// let client = ClientIp::from_peer("192.0.2.7".parse()?);
/// assert!(anonymisers.kinds(&client).is_empty());
///
/// // A task of the host's reads the list anew every hour.
/// let exits = AnonymiserList::parse("192.0.2.7\n", AnonymiserKind::Tor)?;
/// anonymisers.replace(exits);
/// assert!(anonymisers.kinds(&client).contains(AnonymiserKind::Tor));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default)]
pub struct Anonymisers(Arc<RwLock<Arc<AnonymiserList>>>);

impl Anonymisers {
    /// Starts with `list`.
    #[must_use]
    pub fn new(list: AnonymiserList) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(list))))
    }

    /// Exchanges the list as a whole: a request sees the old one or the new one, never a part of
    /// each. Requests wait for nothing but the exchange of a pointer.
    pub fn replace(&self, list: AnonymiserList) {
        let new = Arc::new(list);
        let old = {
            let mut held = self.0.write().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *held, new)
        };
        // Freed after the lock: a big list takes a while.
        drop(old);
    }

    /// The list as it is now.
    pub fn list(&self) -> Arc<AnonymiserList> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// What the list says of `client`. Nothing is said of an unknown address.
    #[must_use]
    pub fn kinds(&self, client: &ClientIp) -> AnonymiserKinds {
        self.list().kinds(client)
    }
}

impl fmt::Debug for Anonymisers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Anonymisers").field(&self.list()).finish()
    }
}

crate::base::sentence::debug_as_sentence!(AnonymiserKindError);
