//! Who asks, and what for: [`ClientContext`], [`Purpose`], [`Realm`].

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use crate::access::{AnonymiserKind, AnonymiserKinds, ClientIp};
use crate::base::purpose_name;

/// What a code is for. Separates codes, counters and policies: a code for a log-in is never good
/// for a payment (ASVS 9.2.2).
///
/// ```
/// use otpgate::Purpose;
///
/// assert_eq!(Purpose::SIGN_UP.as_str(), "sign-up");
/// assert!(Purpose::new("change-address").is_ok());
/// assert!(Purpose::new("Change address!").is_err());
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Purpose(Cow<'static, str>);

impl Purpose {
    /// A new account proves its number.
    pub const SIGN_UP: Self = Self(Cow::Borrowed(purpose_name::SIGN_UP));
    /// A known account logs in.
    pub const LOG_IN: Self = Self(Cow::Borrowed(purpose_name::LOG_IN));
    /// A payment is confirmed; use it with a [`Binding`](crate::otp::Binding).
    pub const PAYMENT: Self = Self(Cow::Borrowed(purpose_name::PAYMENT));
    /// A password is reset.
    pub const RESET: Self = Self(Cow::Borrowed(purpose_name::RESET));

    /// A purpose of your own: 1 to 32 of `a`–`z`, `0`–`9` and `-`. One that only looks like a standard one,
    /// such as `login`, is another; [`build`](crate::GateBuilder::build) and the controls refuse it.
    ///
    /// # Errors
    ///
    /// [`NameError`] for any other name.
    ///
    /// ```
    /// let from_configuration = String::from("log-in");
    /// let purpose = otpgate::Purpose::new(from_configuration)?;
    /// assert_eq!(purpose, otpgate::Purpose::LOG_IN, "the name is all there is to a purpose");
    /// # Ok::<(), otpgate::NameError>(())
    /// ```
    pub fn new(name: impl Into<Cow<'static, str>>) -> Result<Self, NameError> {
        let name = name.into();
        if is_name(name.as_bytes()) { Ok(Self(name)) } else { Err(NameError) }
    }

    /// Its name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name, as cheap to copy as the purpose.
    pub(crate) fn name(&self) -> Cow<'static, str> {
        self.0.clone()
    }

    /// The purpose of this name, which a gate has written; a standard one allocates nothing.
    pub(crate) fn read(name: &[u8]) -> Option<Self> {
        let standard = [Self::SIGN_UP, Self::LOG_IN, Self::PAYMENT, Self::RESET];
        match standard.into_iter().find(|purpose| purpose.as_str().as_bytes() == name) {
            Some(purpose) => Some(purpose),
            None => Self::new(std::str::from_utf8(name).ok()?.to_owned()).ok(),
        }
    }
}

impl fmt::Debug for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A tenant. Separates codes, counters, operators' entries, what is spent and what the detector knows, so
/// that every bound is per realm; what the gate is configured with is one for all (`docs/tenants.md`).
///
/// ```
/// use otpgate::{NameError, Realm};
///
/// assert_eq!(Realm::new("tenant-7")?.as_str(), "tenant-7");
/// assert_eq!(Realm::new("tenant-7")?.to_string(), "tenant-7");
/// assert_eq!(Realm::new("Tenant 7"), Err(NameError));
/// assert_eq!(Realm::default().as_str(), "default");
/// # Ok::<(), NameError>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Realm(Arc<str>);

impl Realm {
    /// A realm: 1 to 32 of `a`–`z`, `0`–`9` and `-`. The name is all there is to it: given to another
    /// tenant later, it brings the former one's controls, detector memory and known numbers along, and
    /// `default` is the [default](Self::default) realm.
    ///
    /// # Errors
    ///
    /// [`NameError`] for any other name.
    pub fn new(name: impl Into<String>) -> Result<Self, NameError> {
        let name = name.into();
        if is_name(name.as_bytes()) { Ok(Self(name.into())) } else { Err(NameError) }
    }

    /// Its name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Realm {
    /// The name of the [default](Self::default) one.
    pub(crate) const DEFAULT: &str = "default";
}

impl fmt::Display for Realm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Default for Realm {
    /// The realm of a host without tenants: `default`.
    fn default() -> Self {
        Self(Self::DEFAULT.into())
    }
}

/// A name that is not 1 to 32 of `a`–`z`, `0`–`9` and `-`.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a purpose or realm is named with 1 to 32 of a-z, 0-9 and '-'; choose such a name")]
pub struct NameError;

fn is_name(bytes: &[u8]) -> bool {
    let letters = |byte: &u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
    (1..=32).contains(&bytes.len()) && bytes.iter().all(letters)
}

/// Who asks: the address, the session, and what else the host knows of the client.
///
/// `Debug` shows the address's network, the page's origin, and whether there is an account and a device
/// proof; never the session, the account, the proof or the human check's response.
///
/// ```
/// use otpgate::ClientContext;
///
/// let client = ClientContext::from_peer("192.0.2.7".parse()?, "session cookie")
///     .user("account-4711")
///     .device_proof("device cookie");
/// let log = format!("{client:?}");
/// assert!(log.contains("192.0.2.0/24"));
/// assert!(!log.contains("cookie") && !log.contains("4711"));
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Clone)]
pub struct ClientContext {
    ip: ClientIp,
    session: String,
    user: Option<String>,
    device_proof: Option<String>,
    origin: Option<String>,
    human: Option<String>,
    anonymisers: AnonymiserKinds,
}

impl ClientContext {
    /// A client at `ip` in the host's session `session`.
    ///
    /// Use an identifier that you gave out before the page was shown, such as an anonymous session
    /// cookie. Tickets and grants are bound to it, so a stolen one is worth nothing elsewhere. Only
    /// a keyed pseudonym of it is kept.
    ///
    /// Never a constant or an empty text: all your clients would be one session, with one session's
    /// limits, and grants bound to nothing. Where the cookie is missing, make one first; an app sends
    /// an identifier that your server drew for its installation.
    #[must_use]
    pub fn new(ip: ClientIp, session: impl Into<String>) -> Self {
        Self {
            ip,
            session: session.into(),
            user: None,
            device_proof: None,
            origin: None,
            human: None,
            anonymisers: AnonymiserKinds::NONE,
        }
    }

    /// A client whose connection comes from `address` itself, with no proxy of yours between
    /// ([`ClientIp::from_peer`]); behind one, take [`new`](Self::new) with [`ClientIp::behind`].
    #[must_use]
    pub fn from_peer(address: IpAddr, session: impl Into<String>) -> Self {
        Self::new(ClientIp::from_peer(address), session)
    }

    /// The account, if the client is logged in to one: its identifier as your records have it, never as it
    /// was typed, as every spelling gets a limit of its own.
    #[must_use]
    pub fn user(mut self, user: impl Into<String>) -> Self {
        self.user = Some(user.into());
        self
    }

    /// The device proof of an earlier verification, from the host's long-lived cookie. It opens a
    /// lane of its own, so nobody can lock the number's owner out. An invalid proof counts as a
    /// missing one and is no reason to refuse.
    #[must_use]
    pub fn device_proof(mut self, proof: impl Into<String>) -> Self {
        self.device_proof = Some(proof.into());
        self
    }

    /// The page's origin (`https://example.com`), if the host serves several; tickets are bound to it.
    #[must_use]
    pub fn origin(mut self, origin: impl Into<String>) -> Self {
        self.origin = Some(origin.into());
        self
    }

    /// The response of the page's human check (CAPTCHA), if one was asked for: 1 to 8 192 visible
    /// ASCII characters. Anything else counts as a failed check.
    #[must_use]
    pub fn human_response(mut self, response: impl Into<String>) -> Self {
        self.human = Some(response.into());
        self
    }

    /// Says that the client's network hides who it is, if a reverse proxy's header or your own
    /// address database knows. It adds to what
    /// [`GateBuilder::anonymisers`](crate::GateBuilder::anonymisers) lists, can be called for
    /// several kinds, and has the effect that
    /// [`Policy::anonymisers`](crate::policy::AnonymiserPolicy) sets.
    ///
    /// ```
    /// use otpgate::access::AnonymiserKind;
    /// use otpgate::{ClientContext, ClientIp};
    ///
    /// let country = "T1"; // what Cloudflare writes into `CF-IPCountry` for Tor
    /// let client = ClientContext::new(ClientIp::from_peer("192.0.2.7".parse()?), "session");
    /// let client = if country == "T1" { client.anonymiser(AnonymiserKind::Tor) } else { client };
    /// assert!(format!("{client:?}").contains("anonymisers: {Tor}"));
    /// # Ok::<(), std::net::AddrParseError>(())
    /// ```
    #[must_use]
    pub fn anonymiser(mut self, kind: AnonymiserKind) -> Self {
        self.anonymisers = self.anonymisers.union(kind.into());
        self
    }

    pub(crate) fn anonymisers(&self) -> AnonymiserKinds {
        self.anonymisers
    }

    pub(crate) fn human(&self) -> Option<&str> {
        self.human.as_deref()
    }

    pub(crate) fn ip(&self) -> &ClientIp {
        &self.ip
    }

    pub(crate) fn session(&self) -> &str {
        &self.session
    }

    pub(crate) fn user_id(&self) -> Option<&str> {
        self.user.as_deref()
    }

    pub(crate) fn proof(&self) -> Option<&str> {
        self.device_proof.as_deref()
    }

    pub(crate) fn page_origin(&self) -> &str {
        self.origin.as_deref().unwrap_or_default()
    }
}

impl fmt::Debug for ClientContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientContext")
            .field("ip", &self.ip)
            .field("user", &self.user.is_some())
            .field("device_proof", &self.device_proof.is_some())
            .field("origin", &self.origin)
            .field("anonymisers", &self.anonymisers)
            .finish_non_exhaustive()
    }
}

crate::base::sentence::debug_as_sentence!(NameError);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain_and_bounded() {
        for good in ["a", "sign-up", "0123456789abcdef0123456789abcdef"] {
            assert!(Realm::new(good).is_ok(), "{good}");
        }
        for bad in ["", "Sign-up", "a b", "ä", "0123456789abcdef0123456789abcdef0", "a\n"] {
            assert_eq!(Realm::new(bad), Err(NameError), "{bad}");
        }
    }
}
