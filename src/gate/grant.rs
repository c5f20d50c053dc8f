//! [`EntryGrant`]: what opens the code-entry screen, and what only the gate can read in it.

use std::fmt;

use crate::access::{Around, ControlId};
use crate::base::codec::{Reader, Writer};
use crate::base::id::{Pseudonym, from_text, to_text};
use crate::base::keyring::{KeyId, KeyRing};
use crate::base::money::Money;
use crate::base::seal;
use crate::base::time::Timestamp;
use crate::context::Purpose;
use crate::recipient::Recipient;

use super::subjects::{Lane, Networks};

const VERSION: u8 = 3;

/// The flag of a client with an IPv6 address.
const IPV6: u8 = 2;
/// The flag of a test number's.
const TEST: u8 = 3;
/// The flag of [`Grant::entered_by`].
const ENTERED_BY: u8 = 7;
/// Longer than any grant can be.
const LONGEST: usize = 512;

/// The handle of a verification: opaque text that the client holds and the host hands back.
///
/// It is worth nothing without the code, in another session, or after the verification closes. One
/// that a caller without a page got ([`Gate::authorise`](crate::Gate::authorise)) is bound to no
/// session: its host keeps it. The number is in it, sealed: a client that did not type the number does
/// not learn it.
///
/// ```
/// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
/// # shop::open(async |shop| {
/// # let grant = shop.grant().await;
/// # let shop::Shop { gate, client, .. } = shop;
/// use otpgate::{Entry, EntryGrant};
///
/// let hidden_field = grant.as_str().to_owned();
/// assert_eq!(format!("{grant:?}"), "EntryGrant([bearer token])");
///
/// let back = EntryGrant::from_client(hidden_field); // any text at all
/// assert!(matches!(gate.entry(&back, &client).await?, Entry::Open(_)));
/// # Ok(())
/// # });
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct EntryGrant(String);

impl EntryGrant {
    /// The grant as it came back from the client. Nothing is checked here; every use checks it.
    #[must_use]
    pub fn from_client(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text to keep in the session, a cookie or a hidden field.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for EntryGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EntryGrant([bearer token])")
    }
}

/// What a grant says.
#[derive(Debug)]
pub(crate) struct Grant {
    pub(crate) key: KeyId,
    pub(crate) challenge: [u8; 16],
    pub(crate) purpose: Purpose,
    pub(crate) lane: Lane,
    pub(crate) recipient: Recipient,
    pub(crate) session: Pseudonym,
    pub(crate) client: Option<Networks>,
    pub(crate) price: Money,
    pub(crate) opened: Timestamp,
    pub(crate) closes: Timestamp,
    /// A tag of the transaction; all zeros for none. The host brings the transaction itself.
    pub(crate) binding: Pseudonym,
    pub(crate) language: String,
    /// No text went out and none will: the number must not get one, and must not show it.
    pub(crate) decoy: bool,
    /// The entry of the test number that it was opened under.
    pub(crate) test: Option<ControlId>,
    /// The device or the caller that the lane was entered with. Renewals count on it, whether or
    /// not the page that asks for them shows the proof again.
    pub(crate) entered_by: Option<Pseudonym>,
}

impl Grant {
    /// The text form, sealed under the key the codes are made with. The challenge's identifier is
    /// the seal's nonce: random, and used for this one text only.
    pub(crate) fn seal(&self, keys: &KeyRing, realm: &str, now: Timestamp) -> Option<EntryGrant> {
        let flags = u8::from(self.client.is_some())
            | u8::from(self.decoy) << 1
            | u8::from(self.client.is_some_and(|client| client.is_ipv6())) << IPV6
            | u8::from(self.test.is_some()) << TEST
            | u8::from(self.entered_by.is_some()) << ENTERED_BY;
        let entered_by = self.entered_by.as_ref().map_or(&[][..], |by| by.as_bytes());
        let plain = Writer::new()
            .u8(flags)
            .u8(self.lane.index())
            .text(self.recipient.expose_e164().as_str())
            .raw(self.session.as_bytes())
            .u64(self.price.as_microdollars())
            .time(self.opened)
            .time(self.closes)
            .text(self.purpose.as_str())
            .text(&self.language)
            .raw(self.binding.as_bytes())
            .raw(entered_by)
            // Always there, or the length of a grant would tell which numbers are tests.
            .u64(self.test.map_or(0, |ControlId(id)| id));
        let plain = match self.client {
            None => plain,
            Some(Networks { own, around: Around::V4 { site, campus, allocation } }) => {
                names(plain, &[own, campus, allocation]).u8(site)
            }
            Some(Networks { own, around: Around::V6 { site, campus, provider, allocation } }) => {
                names(plain, &[own, site, campus, provider, allocation])
            }
        }
        .finish();
        let head = Writer::new().u8(VERSION).u32(self.key.0).finish();
        let key = &keys.verifying(self.key, now)?.grant;
        let sealed = seal::seal(key, &context(&head, realm), self.challenge, &plain);
        Some(EntryGrant(to_text(&[head, sealed].concat())))
    }

    /// Reads a grant back; `None` if it is anything but one of this realm's, open at `now`.
    pub(crate) fn open(
        grant: &EntryGrant,
        keys: &KeyRing,
        realm: &str,
        now: Timestamp,
    ) -> Option<Self> {
        let bytes = from_text(&grant.0, LONGEST)?;
        let (head, sealed) = bytes.split_first_chunk::<5>()?;
        let mut fields = Reader::new(head);
        if fields.u8()? != VERSION {
            return None;
        }
        let id = KeyId(fields.u32()?);
        let key = &keys.verifying(id, now)?.grant;
        let plain = seal::open(key, &context(head, realm), sealed)?;
        let challenge = *sealed.first_chunk::<16>()?;
        Self::read(id, challenge, &plain).filter(|grant| now < grant.closes)
    }

    fn read(key: KeyId, challenge: [u8; 16], plain: &[u8]) -> Option<Self> {
        let mut fields = Reader::new(plain);
        let flags = fields.u8()?;
        let lane = Lane::from_index(fields.u8()?)?;
        let recipient = Recipient::from_e164(fields.text()?).ok()?;
        let session = Pseudonym::from_bytes(fields.array()?);
        let mut grant = Self {
            key,
            challenge,
            lane,
            recipient,
            session,
            client: None,
            decoy: flags & 2 == 2,
            price: Money::microdollars(fields.u64()?),
            opened: fields.time()?,
            closes: fields.time()?,
            purpose: Purpose::new(fields.text()?.to_owned()).ok()?,
            language: fields.text()?.to_owned(),
            binding: Pseudonym::from_bytes(fields.array()?),
            entered_by: match flags >> ENTERED_BY & 1 {
                0 => None,
                _ => Some(Pseudonym::from_bytes(fields.array()?)),
            },
            test: {
                let id = ControlId(fields.u64()?);
                (flags >> TEST & 1 == 1).then_some(id)
            },
        };
        if flags & 1 == 1 {
            let mut name = || fields.array().map(Pseudonym::from_bytes);
            let own = name()?;
            let around = match flags >> IPV6 & 1 {
                0 => {
                    let (campus, allocation) = (name()?, name()?);
                    Around::V4 { site: fields.u8()?, campus, allocation }
                }
                _ => Around::V6 {
                    site: name()?,
                    campus: name()?,
                    provider: name()?,
                    allocation: name()?,
                },
            };
            grant.client = Some(Networks { own, around });
        }
        fields.end(grant)
    }
}

fn names(plain: Writer, names: &[Pseudonym]) -> Writer {
    names.iter().fold(plain, |plain, name| plain.raw(name.as_bytes()))
}

fn context(head: &[u8], realm: &str) -> Vec<u8> {
    Writer::new().text("otpgate/v1/grant").raw(head).text(realm).finish()
}
