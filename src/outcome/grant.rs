//! [`EntryGrant`]: what opens the code-entry screen, and what only the gate can read in it.

use crate::access::{Around, ControlId};
use crate::base::codec::{Reader, Writer};
use crate::base::id::{Pseudonym, text_into, to_text};
use crate::base::keyring::{KeyId, KeyRing};
use crate::base::money::Money;
use crate::base::time::Timestamp;
use crate::context::Purpose;
use crate::otp::CodeFormat;
use crate::recipient::Recipient;

use super::subjects::{Lane, Networks};

const VERSION: u8 = 4;
/// The version before had no format of the code.
const WITHOUT_FORMAT: u8 = 3;

/// The flag of a client with an IPv6 address.
const IPV6: u8 = 2;
/// The flag of a test number's.
const TEST: u8 = 3;
/// The flag of [`Grant::binding`].
const BOUND: u8 = 4;
/// The flag of [`Grant::block`].
const BLOCK: u8 = 5;
/// The flag of [`Grant::disguised`].
const DISGUISED: u8 = 6;
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
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

crate::base::masked::debug_redacted!(EntryGrant, "[bearer token]");

/// What a grant says.
#[derive(Debug)]
pub(crate) struct Grant {
    pub(crate) key: KeyId,
    pub(crate) challenge: [u8; 16],
    pub(crate) purpose: Purpose,
    pub(crate) lane: Lane,
    pub(crate) recipient: Recipient,
    /// The number's block, whose name a verification would else make anew.
    pub(crate) block: Option<Pseudonym>,
    pub(crate) session: Pseudonym,
    pub(crate) client: Option<Networks>,
    pub(crate) price: Money,
    pub(crate) opened: Timestamp,
    pub(crate) closes: Timestamp,
    /// A tag of the transaction; all zeros for none. The host brings the transaction itself.
    pub(crate) binding: Pseudonym,
    pub(crate) language: String,
    /// What its codes look like, whatever the policy says by now; `None` in one of the version before.
    pub(crate) format: Option<CodeFormat>,
    /// No text went out and none will: the number must not get one, and must not show it.
    pub(crate) decoy: bool,
    /// Other numbers' texts were withheld when it was opened: what becomes of its later ones may not show
    /// either, since theirs never go out.
    pub(crate) disguised: bool,
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
        let mut room = [0; 64];
        let bound = self.binding != Pseudonym::default();
        let flags = u8::from(self.client.is_some())
            | u8::from(self.decoy) << 1
            | u8::from(self.client.is_some_and(|client| client.is_ipv6())) << IPV6
            | u8::from(self.test.is_some()) << TEST
            | u8::from(bound) << BOUND
            | u8::from(self.block.is_some()) << BLOCK
            | u8::from(self.entered_by.is_some()) << ENTERED_BY
            | u8::from(self.disguised) << DISGUISED;
        // Seven bytes hold fifteen digits, and do not show how many there are.
        let [_, digits @ ..] = self.recipient.digits().to_be_bytes();
        let head = head(self.format.map_or(WITHOUT_FORMAT, |_| VERSION), self.key);
        let plain = Writer::new().raw(&head).raw(&self.challenge).u8(flags).u8(self.lane.index());
        let plain = self.format.into_iter().fold(plain, |plain, format| plain.u8(format.to_byte()));
        let plain = plain
            .raw(&digits)
            .raw(self.session.as_bytes())
            .u64(self.price.as_microdollars())
            .time(self.opened)
            .time(self.closes)
            .short(self.purpose.as_str().as_bytes())
            .short(self.language.as_bytes());
        let optional = [bound.then_some(self.binding), self.block, self.entered_by];
        let plain = optional.into_iter().flatten().fold(plain, |w, name| w.raw(name.as_bytes()));
        // Always there, or the length of a grant would tell which numbers are tests.
        let plain = plain.u64(self.test.map_or(0, |ControlId(id)| id));
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
        let key = &keys.verifying(self.key, now)?.grant;
        let context = context(&mut room, &head, realm);
        let sealed = key.close(head.len(), context, self.challenge, plain);
        Some(EntryGrant(to_text(&sealed)))
    }

    /// Reads a grant back; `None` if it is anything but one of this realm's, open at `now`.
    pub(crate) fn open(
        grant: &EntryGrant,
        keys: &KeyRing,
        realm: &str,
        now: Timestamp,
    ) -> Option<Self> {
        let mut room = [0; LONGEST];
        let length = text_into(&grant.0, &mut room)?.len();
        let (head, sealed) = room.get_mut(..length)?.split_first_chunk_mut::<5>()?;
        let mut fields = Reader::new(head);
        let version = fields.u8()?;
        if !matches!(version, WITHOUT_FORMAT | VERSION) {
            return None;
        }
        let id = KeyId(fields.u32()?);
        let key = &keys.verifying(id, now)?.grant;
        let challenge = *sealed.first_chunk::<16>()?;
        let plain = key.open_here(context(&mut [0; 64], head, realm), sealed)?;
        Self::read(version, id, challenge, plain).filter(|grant| now < grant.closes)
    }

    fn read(version: u8, key: KeyId, challenge: [u8; 16], plain: &[u8]) -> Option<Self> {
        let mut fields = Reader::new(plain);
        let flags = fields.u8()?;
        let lane = Lane::from_index(fields.u8()?)?;
        let format = match version {
            WITHOUT_FORMAT => None,
            _ => Some(CodeFormat::from_byte(fields.u8()?)?),
        };
        let [a, b, c, d, e, f, g] = fields.array()?;
        let digits = u64::from_be_bytes([0, a, b, c, d, e, f, g]);
        let recipient = Recipient::from_digits(digits).ok()?;
        let session = Pseudonym::from_bytes(fields.array()?);
        let optional = |fields: &mut Reader<'_>, flag: u8| match flags >> flag & 1 {
            0 => Some(None),
            _ => fields.array().map(|name| Some(Pseudonym::from_bytes(name))),
        };
        let mut grant = Self {
            key,
            challenge,
            lane,
            format,
            recipient,
            session,
            client: None,
            decoy: flags & 2 == 2,
            disguised: flags >> DISGUISED & 1 == 1,
            price: Money::microdollars(fields.u64()?),
            opened: fields.time()?,
            closes: fields.time()?,
            purpose: Purpose::read(fields.short()?)?,
            language: std::str::from_utf8(fields.short()?).ok()?.to_owned(),
            binding: optional(&mut fields, BOUND)?.unwrap_or_default(),
            block: optional(&mut fields, BLOCK)?,
            entered_by: optional(&mut fields, ENTERED_BY)?,
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

/// What stands in clear in front: the version, and which key it is sealed under.
fn head(version: u8, key: KeyId) -> [u8; 5] {
    let [a, b, c, d] = key.0.to_be_bytes();
    [version, a, b, c, d]
}

/// What a grant is sealed for: the head and the realm, whose name has 32 bytes at most. The key is of this use
/// alone.
fn context<'c>(room: &'c mut [u8; 64], head: &[u8; 5], realm: &str) -> &'c [u8] {
    let parts = head.iter().chain(realm.as_bytes());
    room.iter_mut().zip(parts).for_each(|(to, from)| *to = *from);
    room.get(..head.len().saturating_add(realm.len())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::keyring::Pepper;

    const NOW: Timestamp = Timestamp::from_millis(1_795_348_800_000);

    fn grant(format: Option<CodeFormat>) -> Grant {
        Grant {
            key: KeyId(1),
            challenge: [7; 16],
            purpose: Purpose::SIGN_UP,
            lane: Lane::Open,
            recipient: Recipient::from_e164("+4915112345678").unwrap(),
            block: None,
            session: Pseudonym::from_bytes([8; 16]),
            client: None,
            price: Money::microdollars(9),
            opened: NOW,
            closes: NOW + std::time::Duration::from_secs(900),
            binding: Pseudonym::default(),
            language: "de".to_owned(),
            format,
            decoy: false,
            disguised: false,
            test: None,
            entered_by: None,
        }
    }

    /// The version before is read, and says nothing of its codes; every format takes the same room.
    #[test]
    fn a_grant_holds_the_format_of_its_codes() {
        let keys =
            KeyRing::new(KeyId(1), Pepper::from_bytes(std::array::from_fn(|i| i as u8)).unwrap());
        let lengths =
            (0..=u8::MAX).filter_map(CodeFormat::from_byte).map(Some).chain([None]).map(|format| {
                let sealed = grant(format).seal(&keys, "shop", NOW).unwrap();
                let back = Grant::open(&sealed, &keys, "shop", NOW).unwrap();
                assert_eq!(
                    (back.format, back.lane, back.purpose),
                    (format, Lane::Open, Purpose::SIGN_UP)
                );
                let bytes = crate::base::id::from_text(&sealed.0, LONGEST).unwrap();
                (bytes[0], bytes.len())
            });
        let lengths: std::collections::BTreeSet<_> = lengths.collect();
        let [(3, before), (4, now)] = *lengths.into_iter().collect::<Vec<_>>() else { panic!() };
        assert_eq!(now, before + 1);
    }
}
