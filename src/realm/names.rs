//! Names in the store: every number, address, session and account as a keyed pseudonym.

use std::sync::OnceLock;

use crate::access::ClientPrefix;
use crate::base::id::Pseudonym;
use crate::base::mac::MacKey;
use crate::context::Purpose;
use crate::pumping::SHARDS;
use crate::recipient::{NumberLevel, Recipient, Region};

use super::slot;

/// Makes pseudonyms within one realm. What is not tied to a realm is named by [`shared_name`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Names<'a> {
    pub(super) fixed: &'a Fixed,
}

/// The names in a realm that every request asks for, each made once.
#[derive(Debug)]
pub(crate) struct Fixed {
    /// Made from the index key for this realm alone: what every other name is made with.
    key: MacKey,
    whole: Pseudonym,
    controls: Pseudonym,
    journal: Pseudonym,
    /// The purposes known when the realm was first served.
    purposes: Box<[(Purpose, Pseudonym)]>,
    /// By the two letters of the region.
    countries: Box<[OnceLock<Pseudonym>]>,
}

/// The purposes that every gate knows.
static STANDARD: [Purpose; 4] =
    [Purpose::SIGN_UP, Purpose::LOG_IN, Purpose::PAYMENT, Purpose::RESET];

/// Two purposes, of the standard ones and `own`, that would share meters.
pub(crate) fn shared_slots<'p>(
    own: impl IntoIterator<Item = &'p Purpose>,
) -> Option<(&'p Purpose, &'p Purpose)> {
    slot::shared(STANDARD.iter().chain(own))
}

impl Fixed {
    pub(crate) fn new<'p>(
        index: &MacKey,
        realm: &str,
        purposes: impl IntoIterator<Item = &'p Purpose>,
    ) -> Self {
        let key = index.sub_key("otpgate/v2/realm", [realm.as_bytes()]);
        let named = |purpose: &Purpose| {
            (purpose.clone(), name(&key, "purpose", purpose.as_str().as_bytes()))
        };
        Self {
            whole: name(&key, "realm", b""),
            controls: name(&key, "ctrl", b""),
            journal: name(&key, "news", b""),
            purposes: STANDARD.iter().chain(purposes).map(named).collect(),
            countries: std::iter::repeat_with(OnceLock::new).take(26 * 26).collect(),
            key,
        }
    }
}

impl Names<'_> {
    fn name(&self, kind: &str, value: &[u8]) -> Pseudonym {
        name(&self.fixed.key, kind, value)
    }

    pub(crate) fn number(&self, recipient: &Recipient) -> Pseudonym {
        self.name("line", &recipient.line_key().to_bytes())
    }

    /// The block of 10 000 numbers around `recipient`.
    pub(crate) fn block(&self, recipient: &Recipient) -> Option<Pseudonym> {
        let rung = recipient.ladder().find(|rung| rung.level() == NumberLevel::TenThousand)?;
        Some(self.name("block", &rung.to_bytes()))
    }

    pub(crate) fn country(&self, region: Option<Region>) -> Pseudonym {
        let region = region.unwrap_or(Region::WORLD);
        let made = || self.name("country", region.as_str().as_bytes());
        let index = match region.as_str().as_bytes() {
            [a @ b'A'..=b'Z', b @ b'A'..=b'Z'] => usize::from(a.saturating_sub(b'A'))
                .saturating_mul(26)
                .saturating_add(usize::from(b.saturating_sub(b'A'))),
            _ => usize::MAX,
        };
        self.fixed.countries.get(index).map_or_else(made, |name| *name.get_or_init(made))
    }

    pub(crate) fn client(&self, network: &[u8]) -> Pseudonym {
        self.name("net", network)
    }

    /// The networks around an IPv4 address: of a /20 and its /16, which are always charged together.
    /// One tag names both, the /20 by the half that the /16 leaves over and by its place in it.
    pub(crate) fn around(&self, campus: ClientPrefix, allocation: ClientPrefix) -> [Pseudonym; 2] {
        let tag = self.fixed.key.tag_of("net", [&allocation.to_bytes()]);
        let (halves, _) = tag.as_chunks::<16>();
        let [mut of_campus, of_allocation] = match halves {
            [one, two] => [*two, *one],
            _ => [[0; 16]; 2],
        };
        let [.., third, _] = campus.to_bytes();
        if let Some(last) = of_campus.last_mut() {
            *last = *last & 0xF0 | third >> 4;
        }
        [of_campus, of_allocation].map(Pseudonym::from_bytes)
    }

    /// One session's share of a client network.
    pub(crate) fn session_at(&self, network: ClientPrefix, session: &str) -> Pseudonym {
        // So short that with a session of 32 characters it fits one block of SHA-256.
        let bytes = network.to_bytes();
        let short = match bytes {
            [4, length, .., a, b, c, d] => &[4, length, a, b, c, d][..],
            _ => &bytes,
        };
        let parts = [short, session.as_bytes()];
        Pseudonym::from_bytes(self.fixed.key.short_of("share", parts))
    }

    pub(crate) fn session(&self, session: &str) -> Pseudonym {
        self.name("sess", session.as_bytes())
    }

    pub(crate) fn user(&self, user: &str) -> Pseudonym {
        self.name("user", user.as_bytes())
    }

    pub(crate) fn device(&self, device: &[u8]) -> Pseudonym {
        self.name("dev", device)
    }

    pub(crate) fn caller(&self, caller: &str) -> Pseudonym {
        self.name("caller", caller.as_bytes())
    }

    pub(crate) fn purpose(&self, purpose: &Purpose) -> Pseudonym {
        let known = self.fixed.purposes.iter().find(|(known, _)| known == purpose);
        known.map_or_else(|| self.name("purpose", purpose.as_str().as_bytes()), |(_, name)| *name)
    }

    pub(crate) fn whole(&self) -> Pseudonym {
        self.fixed.whole
    }

    pub(crate) fn challenge(&self, id: &[u8; 16]) -> Pseudonym {
        self.name("chal", id)
    }

    pub(crate) fn nonce(&self, nonce: &[u8; 16]) -> Pseudonym {
        self.name("nonce", nonce)
    }

    pub(crate) fn controls(&self) -> Pseudonym {
        self.fixed.controls
    }

    /// The documents of what the detector remembers: the head, then the shards.
    pub(crate) fn memories(&self) -> impl Iterator<Item = Pseudonym> {
        (0..=SHARDS).map(|place| self.memory(place))
    }

    /// What the detector remembers: the head at 0, the shards from 1 on.
    pub(crate) fn memory(&self, place: usize) -> Pseudonym {
        self.name("mem", &(place as u64).to_be_bytes())
    }

    /// One send, by the identifier of its admission.
    pub(crate) fn send(&self, id: &[u8; 16]) -> Pseudonym {
        self.name("send", id)
    }

    /// Something that may become of a send once: the same in every gate, so that only one does it.
    pub(crate) fn of_send(&self, id: &[u8; 16], what: &str, detail: &[u8]) -> Pseudonym {
        let parts = [&id[..], what.as_bytes(), detail];
        Pseudonym::from_bytes(self.fixed.key.short_of("once", parts))
    }

    /// A shelf of what networks said of numbers.
    pub(crate) fn shelf(&self, place: u16) -> Pseudonym {
        self.name("shelf", &place.to_be_bytes())
    }

    pub(crate) fn journal(&self) -> Pseudonym {
        self.fixed.journal
    }

    #[cfg(feature = "totp")]
    pub(crate) fn authenticator_step(&self, user: &str, step: u64) -> Pseudonym {
        let parts = [user.as_bytes(), &step.to_be_bytes()];
        Pseudonym::from_bytes(self.fixed.key.short_of("totp", parts))
    }
}

/// The name of something that belongs to no single realm.
pub(crate) fn shared_name(key: &MacKey, kind: &str, value: &str) -> Pseudonym {
    shared_bytes(key, kind, value.as_bytes())
}

/// As [`shared_name`], of bytes.
pub(crate) fn shared_bytes(key: &MacKey, kind: &str, value: &[u8]) -> Pseudonym {
    Pseudonym::from_bytes(key.short_of("og2", [kind.as_bytes(), value]))
}

/// What a document of a realm is sealed for.
pub(super) fn sealed_for(what: &str, realm: &str) -> Vec<u8> {
    [b"otpgate/v1/", what.as_bytes(), b"/", realm.as_bytes()].concat()
}

/// A name within a realm: so short an input that nearly every name fits one block of SHA-256.
fn name(key: &MacKey, kind: &str, value: &[u8]) -> Pseudonym {
    Pseudonym::from_bytes(key.short_of(kind, [value]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::secret::Secret;

    #[test]
    fn names_differ_by_kind_realm_and_value() {
        let key = MacKey::derive(&Secret::new([3; 32]), "index");
        let (of_a, of_b) = (Fixed::new(&key, "a", []), Fixed::new(&key, "b", []));
        let a = Names { fixed: &of_a };
        let b = Names { fixed: &of_b };
        assert_ne!(a.user("x"), a.session("x"));
        assert_ne!(a.user("x"), b.user("x"));
        assert_ne!(a.user("x"), a.user("y"));
        assert_eq!(a.user("x"), a.user("x"));
        assert_ne!(a.whole(), b.whole());
        assert_ne!(a.controls(), a.journal());
    }

    #[test]
    fn networks_of_one_allocation_have_names_of_their_own() {
        let key = MacKey::derive(&Secret::new([3; 32]), "index");
        let fixed = Fixed::new(&key, "a", []);
        let names = Names { fixed: &fixed };
        let around = |text: &str| {
            let ip = crate::access::ClientIp::from_peer(text.parse().unwrap());
            match ip.around() {
                Some(crate::access::Around::V4 { campus, allocation, .. }) => {
                    names.around(campus, allocation)
                }
                other => panic!("{other:?}"),
            }
        };
        let mut all = std::collections::BTreeSet::new();
        for second in 0..2 {
            for third in 0..=255 {
                let [campus, allocation] = around(&format!("203.{second}.{third}.7"));
                assert_eq!(
                    [campus, allocation],
                    around(&format!("203.{second}.{}.9", third & 0xF0))
                );
                all.extend([campus, allocation]);
            }
        }
        assert_eq!(all.len(), 2 * 17, "two /16s and sixteen /20s in each");
        assert!(!all.contains(&names.client(&[0; 18])));
    }

    #[test]
    fn a_name_made_once_is_the_name() {
        let key = MacKey::derive(&Secret::new([3; 32]), "index");
        let own = Purpose::new("change-address").unwrap();
        let fixed = Fixed::new(&key, "a", [&own]);
        let names = Names { fixed: &fixed };
        let of_a = key.sub_key("otpgate/v2/realm", [b"a"]);
        let made = |kind: &str, value: &str| name(&of_a, kind, value.as_bytes());
        for region in Region::all().chain([Region::WORLD]) {
            for _ in 0..2 {
                assert_eq!(names.country(Some(region)), made("country", region.as_str()));
            }
        }
        assert_eq!(names.country(None), made("country", "001"));
        let other = Purpose::new("other").unwrap();
        for purpose in [Purpose::SIGN_UP, Purpose::RESET, own, other] {
            assert_eq!(names.purpose(&purpose), made("purpose", purpose.as_str()));
        }
        assert_eq!(names.whole(), made("realm", ""));
        assert_eq!(names.controls(), made("ctrl", ""));
        assert_eq!(names.journal(), made("news", ""));
    }
}
