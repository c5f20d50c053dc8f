//! Who asks for a text: whose meters a request runs on, in which lane, and what it has proved.

use crate::access::Around;
use crate::base::id::Pseudonym;
use crate::recipient::Region;

/// Whose meters a send runs on: pseudonyms, computed once a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subjects {
    pub(crate) number: Pseudonym,
    pub(crate) block: Option<Pseudonym>,
    pub(crate) country: Pseudonym,
    pub(crate) region: Option<Region>,
    pub(crate) client: Client,
    pub(crate) session: Option<Pseudonym>,
    pub(crate) user: Option<Pseudonym>,
    pub(crate) device: Option<Pseudonym>,
    pub(crate) caller: Option<Pseudonym>,
    pub(crate) purpose: Pseudonym,
    pub(crate) realm: Pseudonym,
    pub(crate) global: Pseudonym,
}

/// Where a request comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Client {
    /// A known address.
    Network(Networks),
    /// No address is known; all such clients share one subject.
    Unknown(Pseudonym),
    /// A caller without a page: the host itself.
    Caller,
}

/// The networks around a known address, from the client's own to the provider's allocation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Networks {
    /// IPv4 /32, IPv6 /64.
    pub(crate) own: Pseudonym,
    /// Those around it. An IPv4 /20 holds the meters of its sixteen /24s: fifteen subjects less.
    pub(crate) around: Around<Pseudonym>,
}

/// Which of a number's budgets a client uses. A stranger cannot use up another lane than his own.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Lane {
    /// Anyone.
    Open,
    /// The client passed a human check.
    Checked,
    /// The client proved a device on which the number was verified before.
    Proven,
    /// The host itself asks, with a caller's key.
    Caller,
}

/// How much the client has proved so far.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Proved {
    /// The ordinary token.
    Ordinary,
    /// Harder work.
    Work,
    /// A human check, a known device, or a caller's key.
    Human,
}

/// What may follow when a charge does not fit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Remedy {
    /// Only time.
    Wait,
    /// Harder work will do.
    Work,
    /// A human check will do.
    Human,
}

impl Client {
    pub(crate) fn networks(self) -> Option<Networks> {
        match self {
            Self::Network(networks) => Some(networks),
            Self::Unknown(_) | Self::Caller => None,
        }
    }
}

impl Networks {
    pub(crate) fn is_ipv6(&self) -> bool {
        matches!(self.around, Around::V6 { .. })
    }
}

impl Lane {
    /// All of them: each counts failures of its own, and with the authenticator's their bounds add
    /// up to NIST's 100.
    pub(crate) const ALL: [Self; 4] = [Self::Open, Self::Checked, Self::Proven, Self::Caller];

    /// Whether it is used by nobody but who has shown that the number is his, and the host.
    pub(crate) const fn is_owners(self) -> bool {
        matches!(self, Self::Proven | Self::Caller)
    }

    pub(crate) const fn index(self) -> u8 {
        match self {
            Self::Open => 0,
            Self::Checked => 1,
            Self::Proven => 2,
            Self::Caller => 3,
        }
    }

    pub(crate) const fn from_index(index: u8) -> Option<Self> {
        match index {
            0 => Some(Self::Open),
            1 => Some(Self::Checked),
            2 => Some(Self::Proven),
            3 => Some(Self::Caller),
            _ => None,
        }
    }
}
