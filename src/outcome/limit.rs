//! [`LimitName`]: which limit it was.

use std::fmt;

/// Which limit. The word in front is the subject, as in [`QuotaPolicy`](crate::policy::QuotaPolicy).
///
/// ```
/// use otpgate::{LimitName, RefusalReason};
///
/// let reason = RefusalReason::Limit(LimitName::BlockUnverified);
/// assert_eq!(
///     reason.to_string(),
///     "limit reached: unverified messages per block of 10 000 numbers",
/// );
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum LimitName {
    /// The interval between two sends to a number.
    NumberInterval,
    /// Messages per number.
    Number,
    /// Messages per client network. All clients whose address is not known are one, with a tighter quota
    /// ([`QuotaPolicy::client_unknown`](crate::policy::QuotaPolicy::client_unknown)): where a refusal by it hits
    /// everybody, look for an [`Outage`](crate::EventKind::Outage) of the host that says why nobody names them.
    Client,
    /// Unverified messages per client network.
    ClientUnverified,
    /// Unverified messages per wider network.
    NetworkUnverified,
    /// Unverified messages per network above the site (IPv4 /20, IPv6 /48) without customers.
    CampusUnverified,
    /// Unverified messages per IPv6 /40 without customers.
    ProviderUnverified,
    /// Unverified messages per provider's allocation (IPv4 /16, IPv6 /32) without customers.
    AllocationUnverified,
    /// Unverified messages per provider's allocation, customers or none.
    CustomersUnverified,
    /// Messages per session.
    Session,
    /// Messages per account.
    User,
    /// Messages per proven device.
    Device,
    /// Messages or money per block of 10 000 numbers.
    Block,
    /// Unverified messages per block of 10 000 numbers.
    BlockUnverified,
    /// Messages or money per country.
    Country,
    /// Messages or money per purpose.
    Purpose,
    /// Messages per caller.
    Caller,
    /// Messages or money per realm.
    Realm,
    /// Money per realm that no accepted code paid back.
    RealmUnverified,
    /// Messages over all realms.
    Global,
    /// Money per message: the destination is too dear.
    Message,
}

impl LimitName {
    /// Whether it counts whoever asks: address, session, account or device, and not the number, the
    /// country or the money.
    pub(crate) fn is_of_client(self) -> bool {
        matches!(
            self,
            Self::Client
                | Self::ClientUnverified
                | Self::NetworkUnverified
                | Self::CampusUnverified
                | Self::ProviderUnverified
                | Self::AllocationUnverified
                | Self::CustomersUnverified
                | Self::Session
                | Self::User
                | Self::Device
        )
    }
}

impl fmt::Display for LimitName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NumberInterval => "interval between two sends to a number",
            Self::Number => "messages per number",
            Self::Client => "messages per client network",
            Self::ClientUnverified => "unverified messages per client network",
            Self::NetworkUnverified => "unverified messages per wider network",
            Self::CampusUnverified => "unverified messages per /20 or IPv6 /48 without customers",
            Self::ProviderUnverified => "unverified messages per IPv6 /40 without customers",
            Self::AllocationUnverified => {
                "unverified messages per /16 or IPv6 /32 without customers"
            }
            Self::CustomersUnverified => "unverified messages per /16 or IPv6 /32",
            Self::Session => "messages per session",
            Self::User => "messages per account",
            Self::Device => "messages per device",
            Self::Block => "block of 10 000 numbers",
            Self::BlockUnverified => "unverified messages per block of 10 000 numbers",
            Self::Country => "country",
            Self::Purpose => "purpose",
            Self::Caller => "caller",
            Self::Realm => "realm",
            Self::RealmUnverified => "unverified spend of the realm",
            Self::Global => "all realms",
            Self::Message => "price of one message",
        })
    }
}
