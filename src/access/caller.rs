//! The gate's side: which callers may ask for messages, and from which networks.

use std::collections::BTreeMap;
use std::time::Duration;

use super::caller_key::{CallerId, CallerKey, CallerRequest, VERSION};
use super::ip::ClientIp;
use super::network::Network;
use crate::base::codec::Reader;
use crate::base::id::from_text;
use crate::base::keyring::{KeyId, KeyRing};
use crate::base::mac::Tag;
use crate::base::time::Timestamp;

/// Where one caller may call from, for which tenants, and what for.
///
/// A caller's quota counts in each realm anew, so a rule that names no realms gives a leaked key the
/// quota as many times as the gate has realms: name them ([`for_realms`](Self::for_realms)).
///
/// ```
/// use otpgate::access::{CallerId, CallerRule, CallerRules, Network};
///
/// let office: Network = "10.1.0.0/16".parse().unwrap();
/// let rule = CallerRule::new(CallerId::new("billing")?, [office])
///     .for_realms(["default"])
///     .for_purposes(["payment"]);
/// let rules = CallerRules::new("sms.shop.example").allow(rule.clone());
/// assert_eq!(rules, rules.clone().allow(rule), "one rule for each caller: the last one given");
/// # Ok::<(), otpgate::access::CallerKeyError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CallerRule {
    caller: CallerId,
    networks: Vec<Network>,
    realms: Option<Names>,
    purposes: Option<Names>,
}

/// What a rule lists by name.
type Names = Vec<Box<str>>;

impl CallerRule {
    /// `caller` may call from these networks, in every realm and for every purpose. Without a network it
    /// may not call.
    #[must_use]
    pub fn new(caller: CallerId, networks: impl IntoIterator<Item = Network>) -> Self {
        Self { caller, networks: networks.into_iter().collect(), realms: None, purposes: None }
    }

    /// Only in these realms: those of the tenants that the caller works for. A gate without tenants is in
    /// the realm `default`. With an empty list it may not call.
    ///
    /// ```
    /// # use otpgate::access::{CallerId, CallerKey, CallerRequest, ClientIp, Network};
    /// # use otpgate::{KeyRing, Recipient, SystemEntropy, Timestamp};
    /// use otpgate::access::{CallerError, CallerRule, CallerRules};
    /// # let (keys, now) = (KeyRing::generate()?, Timestamp::from_millis(1_800_000_000_000));
    /// # let acme = CallerId::new("acme-billing")?;
    /// # let end = now + std::time::Duration::from_secs(86_400);
    /// # let key = CallerKey::mint(&acme, "sms.shop.example", end, &keys, now)?;
    /// # let recipient = Recipient::from_e164("+4915112345678")?;
    /// # let office: Network = "10.1.0.0/16".parse()?;
    /// # let inside = ClientIp::from_peer("10.1.2.3".parse()?);
    ///
    /// let rule = CallerRule::new(acme, [office]).for_realms(["acme"]);
    /// let rules = CallerRules::new("sms.shop.example").allow(rule);
    /// let asks = |realm| -> Result<_, Box<dyn std::error::Error>> {
    ///     let request = CallerRequest { realm, purpose: "payment", recipient: &recipient };
    ///     let signed = key.sign(&request, &SystemEntropy, now)?;
    ///     Ok(rules.check(&signed, &request, &inside, &keys, now).map(drop))
    /// };
    /// assert_eq!(asks("acme")?, Ok(()));
    /// assert_eq!(asks("bolt")?, Err(CallerError::Realm), "signed well, and another tenant's");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn for_realms<'a>(mut self, realms: impl IntoIterator<Item = &'a str>) -> Self {
        self.realms = Some(names(realms));
        self
    }

    /// Only for these purposes.
    #[must_use]
    pub fn for_purposes<'a>(mut self, purposes: impl IntoIterator<Item = &'a str>) -> Self {
        self.purposes = Some(names(purposes));
        self
    }
}

fn names<'a>(listed: impl IntoIterator<Item = &'a str>) -> Names {
    listed.into_iter().map(Into::into).collect()
}

/// Whether `name` is listed; what lists nothing takes every name.
fn takes(listed: Option<&Names>, name: &str) -> bool {
    listed.is_none_or(|own| own.iter().any(|own| **own == *name))
}

/// The callers of a gate. A caller without a rule here is refused, whatever key it holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CallerRules {
    audience: Box<str>,
    rules: BTreeMap<CallerId, CallerRule>,
}

impl CallerRules {
    /// No callers, for the gate called `audience`. Two gates with one key ring need two names, or a
    /// request to one could be replayed at the other.
    #[must_use]
    pub fn new(audience: &str) -> Self {
        Self { audience: audience.into(), rules: BTreeMap::new() }
    }

    /// Adds a caller, or replaces its rule.
    #[must_use]
    pub fn allow(mut self, rule: CallerRule) -> Self {
        self.rules.insert(rule.caller.clone(), rule);
        self
    }

    /// Checks a request that [`CallerKey::sign`] signed against what the gate knows itself.
    ///
    /// Burn the [`Caller`]'s [`nonce`](Caller::nonce) until it [expires](Caller::expires), in the
    /// step that charges for the message. Until you do, the same request passes again.
    ///
    /// # Errors
    ///
    /// [`CallerError`]: the first thing that is wrong. Realm, purpose, recipient and audience are
    /// under the MAC, so another one of them reads as [`CallerError::Forged`].
    ///
    /// ```
    /// use std::time::Duration;
    /// use otpgate::access::{CallerError, CallerRequest, CallerRules};
    /// # use otpgate::access::{CallerId, CallerKey, CallerRule, ClientIp};
    /// # use otpgate::{KeyRing, Recipient, SystemEntropy, Timestamp};
    /// # let keys = KeyRing::generate()?;
    /// # let now = Timestamp::from_millis(1_800_000_000_000);
    /// # let id = CallerId::new("billing")?;
    /// # let end = now + Duration::from_secs(86_400);
    /// # let key = CallerKey::mint(&id, "sms.shop.example", end, &keys, now)?;
    /// # let recipient = Recipient::from_e164("+4915112345678")?;
    /// # let inside = ClientIp::from_peer("10.1.2.3".parse()?);
    /// # let rule = CallerRule::new(id, ["10.1.0.0/16".parse()?]);
    /// # let rules = CallerRules::new("sms.shop.example").allow(rule);
    ///
    /// let request = CallerRequest { realm: "shop", purpose: "payment", recipient: &recipient };
    /// let signed = key.sign(&request, &SystemEntropy, now)?;
    /// let check = |request, now| rules.check(&signed, request, &inside, &keys, now);
    /// assert!(check(&request, now + Duration::from_secs(59)).is_ok());
    /// assert_eq!(check(&request, now + Duration::from_secs(60)).unwrap_err(), CallerError::Expired);
    /// let log_in = CallerRequest { purpose: "log-in", ..request };
    /// assert_eq!(check(&log_in, now).unwrap_err(), CallerError::Forged);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn check(
        &self,
        signed: &str,
        request: &CallerRequest<'_>,
        peer: &ClientIp,
        keys: &KeyRing,
        now: Timestamp,
    ) -> Result<Caller, CallerError> {
        let claim = SignedRequest::parse(signed)?;
        let master = keys.verifying(claim.master, now).ok_or(CallerError::UnknownKey)?;
        let key = CallerKey::derive(claim.id, &self.audience, claim.key_expires, master);
        if !key.mac_input(&claim.signed, request).verify(&claim.mac) {
            return Err(CallerError::Forged);
        }
        if now >= key.expires() {
            return Err(CallerError::KeyExpired);
        }
        if claim.issued > now + SKEW {
            return Err(CallerError::IssuedInFuture);
        }
        let expires = claim.issued + LIFE;
        if now >= expires {
            return Err(CallerError::Expired);
        }
        let rule = self.rules.get(key.id()).ok_or(CallerError::NotListed)?;
        let address = peer.expose_ip().ok_or(CallerError::Network)?;
        if !rule.networks.iter().any(|network| network.contains(address)) {
            return Err(CallerError::Network);
        }
        if !takes(rule.realms.as_ref(), request.realm) {
            return Err(CallerError::Realm);
        }
        if !takes(rule.purposes.as_ref(), request.purpose) {
            return Err(CallerError::Purpose);
        }
        Ok(Caller { id: key.id().clone(), nonce: claim.nonce, expires })
    }
}

/// A caller whose request passed every check but one: its nonce must still be burned. Not `Clone`.
#[must_use = "a caller's request counts for nothing until its nonce is burned"]
pub struct Caller {
    id: CallerId,
    nonce: [u8; 16],
    expires: Timestamp,
}

impl Caller {
    /// Who calls.
    pub const fn id(&self) -> &CallerId {
        &self.id
    }

    /// What must be burned so that the request cannot be sent again.
    #[must_use]
    pub const fn nonce(&self) -> &[u8; 16] {
        &self.nonce
    }

    /// Until when the nonce must be remembered.
    pub const fn expires(&self) -> Timestamp {
        self.expires
    }
}

crate::base::masked::debug_only!(Caller: id);

/// Why a caller's request was not accepted.
///
/// ```
/// use otpgate::access::CallerError;
///
/// // For the log of both sides; the caller's client sees a plain refusal.
/// assert_eq!(
///     CallerError::Expired.to_string(),
///     "the request was signed more than 60 seconds ago; sign each request when it is sent",
/// );
/// ```
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CallerError {
    /// The text is no signed request.
    #[error("not a signed request of version 1; send what `CallerKey::sign` returned, unchanged")]
    Malformed,
    /// The caller's key was made under a key that is gone.
    #[error(
        "the caller's key was made under a key that is not in the ring; mint a new one for the caller"
    )]
    UnknownKey,
    /// The signature is wrong for this gate, realm, purpose and recipient.
    #[error(
        "the signature does not fit the request; sign the same audience, realm, purpose and number that are sent"
    )]
    Forged,
    /// The caller's key is past its end.
    #[error("the caller's key has expired; mint a new one for the caller")]
    KeyExpired,
    /// The request is older than a minute.
    #[error("the request was signed more than 60 seconds ago; sign each request when it is sent")]
    Expired,
    /// The request is from the future.
    #[error(
        "the request was signed more than 30 seconds ahead of this clock; synchronise the clocks"
    )]
    IssuedInFuture,
    /// There is no rule for the caller.
    #[error("the caller has no rule at this gate; add a `CallerRule` if it should have one")]
    NotListed,
    /// The caller calls from elsewhere, or from an unknown address.
    #[error(
        "the caller may not call from this network; call from a listed one or add it to the rule"
    )]
    Network,
    /// The caller may not ask in this realm.
    #[error("the caller may not ask for codes in this realm; add it to the rule if it should")]
    Realm,
    /// The caller may not ask for this purpose.
    #[error("the caller may not ask for codes of this purpose; add it to the rule")]
    Purpose,
}

/// A signed request, taken apart and not yet believed.
struct SignedRequest {
    signed: Vec<u8>,
    master: KeyId,
    key_expires: Timestamp,
    issued: Timestamp,
    nonce: [u8; 16],
    id: CallerId,
    mac: Tag,
}

impl SignedRequest {
    fn parse(text: &str) -> Result<Self, CallerError> {
        from_text(text, LONGEST).and_then(|bytes| Self::read(&bytes)).ok_or(CallerError::Malformed)
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (signed, mac) = bytes.split_last_chunk::<32>()?;
        let mut fields = Reader::new(signed);
        (fields.u8()? == VERSION).then_some(())?;
        let claim = Self {
            signed: signed.to_vec(),
            master: KeyId(fields.u32()?),
            key_expires: fields.time()?,
            issued: fields.time()?,
            nonce: fields.array()?,
            id: CallerId::new(fields.text()?).ok()?,
            mac: *mac,
        };
        fields.end(claim)
    }
}

/// How long a signature is good. The request is sent at once; a minute covers retries and queues.
const LIFE: Duration = Duration::from_secs(60);

/// How far the caller's clock may be ahead.
const SKEW: Duration = Duration::from_secs(30);

/// Fixed fields, a name of 32 bytes with its length, and the MAC.
const LONGEST: usize = 1 + 4 + 8 + 8 + 16 + 4 + 32 + 32;

crate::base::sentence::debug_as_sentence!(CallerError);
