//! Names in the store: every number, address, session and account as a keyed pseudonym.

use std::sync::OnceLock;

use crate::access::ClientPrefix;
use crate::base::id::Pseudonym;
use crate::base::mac::MacKey;
use crate::context::Purpose;
use crate::limit::Slot;
use crate::pumping::SHARDS;
use crate::recipient::{NumberLevel, Recipient, Region};
use crate::transport::NumberFault;

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

/// The meters of a subject. The top byte says which; the rest separates purposes or the spans of quotas.
pub(crate) mod slot {
    use std::time::Duration;

    use super::{NumberFault, Purpose, Slot};

    /// When the number was verified.
    pub(crate) const KNOWN: Slot = Slot(0x0100_0000);
    /// Unverified messages.
    pub(crate) const UNVERIFIED: Slot = Slot(0x0200_0000);
    /// Money.
    pub(crate) const MONEY: Slot = Slot(0x0300_0000);
    /// Money that no accepted code paid back.
    pub(crate) const MONEY_UNVERIFIED: Slot = Slot(0x0400_0000);
    /// Codes without a genuine grant, of a client network. It refuses only more of the same.
    pub(crate) const GARBAGE: Slot = Slot(0x0500_0000);
    /// Attempts of one session at one client network.
    pub(crate) const SHARE: Slot = Slot(0x0D00_0000);
    /// Wrong codes in a realm.
    pub(crate) const SPRAY: Slot = Slot(0x0600_0000);
    /// Codes entered.
    pub(crate) const ATTEMPTS: Slot = Slot(0x0800_0000);
    /// Requests, sent or refused.
    pub(crate) const REQUESTS: Slot = Slot(0x0700_0000);
    /// Codes entered and not accepted.
    pub(crate) const FAILED: Slot = Slot(0x0C00_0000);
    /// Authenticator codes of an account.
    #[cfg(feature = "totp")]
    pub(crate) const AUTHENTICATOR: Slot = Slot(0x0900_0000);
    /// A charge that only a mark can waive; nothing is ever kept under it.
    pub(crate) const VERDICT: Slot = Slot(0x0A00_0000);
    /// Messages that went out.
    pub(crate) const SENT: Slot = Slot(0x0B00_0000);

    /// Since when a network has customers.
    pub(crate) const CUSTOMERS: Slot = Slot(0x0F00_0000);
    /// Unverified messages of an allocation that no customer lifts the limit of.
    pub(crate) const UNVERIFIED_AT_MOST: Slot = Slot(0x0E00_0000);

    /// What a provider said that a send cost, in millionths and one: 0 is a send that nothing is known of. See
    /// `Cost` in `gate::receipts`.
    pub(crate) const PAID: Slot = Slot(0x1300_0000);
    /// Whether a send's number got back what it was charged.
    pub(crate) const GIVEN_BACK: Slot = Slot(0x1301_0000);
    /// Texts to a number that were not delivered and given back.
    pub(crate) const UNDELIVERED: Slot = Slot(0x1302_0000);
    /// Messages to a number that did not arrive, of which a resend takes another channel.
    pub(crate) const NOT_ARRIVED: Slot = Slot(0x1400_0000);

    /// Messages of a verification by a channel.
    pub(crate) const fn carried(channel: u8) -> Slot {
        Slot(0x1500_0000 | channel as u32)
    }

    /// Until when what a provider reported about a number is remembered.
    pub(crate) const FAULT: Slot = Slot(0x1303_0000);

    /// Until when an opt-out of the number's owner holds. Gates of before know it by [`FAULT`] alone.
    pub(crate) const OPTED_OUT: Slot = Slot(0x1305_0000);

    /// Whether a provider reported this about a number.
    pub(crate) const fn fault(fault: NumberFault) -> Slot {
        Slot(0x1304_0000 | fault as u32)
    }

    /// Unverified messages of a network, or of the `part`th network that it keeps the meters of.
    pub(crate) const fn unverified(part: u8) -> Slot {
        Slot(UNVERIFIED.0 | part as u32)
    }

    const HOUR: u32 = 3_600;
    const DAY: u32 = 86_400;

    /// A quota of a subject, in a lane where lanes count apart.
    ///
    /// A quota is named by its span in whole seconds, not by its place in the list: it counts on whatever
    /// comes, goes or moves beside it. The usual spans keep the numbers that they had by their place.
    pub(crate) fn quota(lane: u8, per: Duration) -> Slot {
        let lane = u32::from(lane & 3);
        Slot(match seconds(per) {
            HOUR => 0x1000_0000 | lane << 4,
            DAY => 0x1000_0001 | lane << 4,
            other => 0x1000_0000 | lane << 22 | of_span(other),
        })
    }

    /// A quota of a number over all purposes, named like [`quota`].
    pub(crate) fn total(per: Duration) -> Slot {
        Slot(match seconds(per) {
            DAY => 0x1100_0000,
            HOUR => 0x1100_0001,
            other => 0x1100_0000 | of_span(other),
        })
    }

    /// In 22 bits, beyond all numbers that a place in a list ever had.
    const fn of_span(seconds: u32) -> u32 {
        seconds.saturating_add(64) & 0x003F_FFFF
    }

    fn seconds(per: Duration) -> u32 {
        u32::try_from(per.as_secs()).unwrap_or(u32::MAX)
    }

    /// Consecutive failures in a lane.
    pub(crate) const fn failures(lane: u8) -> Slot {
        Slot(0x1200_0000 | lane as u32)
    }

    /// The resend ladder of a purpose in a lane.
    pub(crate) fn ladder(purpose: &Purpose, lane: u8) -> Slot {
        Slot((0x20 | u32::from(lane & 3)) << 24 | tag(purpose))
    }

    /// A quota of a number for a purpose in a lane, named like [`quota`]. Two spans of one purpose never
    /// share a name; of two purposes two unusual ones may, once in 16 million pairs.
    pub(crate) fn number_quota(purpose: &Purpose, lane: u8, per: Duration) -> Slot {
        let (rank, apart) = match seconds(per) {
            HOUR => (0, 0),
            DAY => (1, 0),
            other => (2, other.wrapping_mul(0x9E37_79B1)), // odd, so one to one in 24 bits
        };
        let tag = tag(purpose).wrapping_add(apart) & 0x00FF_FFFF;
        Slot((0x40 | u32::from(lane & 3) << 2 | rank) << 24 | tag)
    }

    /// Whether a number was renewed for free for a purpose in a lane.
    pub(crate) fn free_resend(purpose: &Purpose, lane: u8) -> Slot {
        Slot((0x30 | u32::from(lane & 3)) << 24 | tag(purpose))
    }

    /// Two of `purposes` whose meters would be one, if there are any.
    pub(crate) fn shared<'p>(
        purposes: impl IntoIterator<Item = &'p Purpose>,
    ) -> Option<(&'p Purpose, &'p Purpose)> {
        let mut seen = std::collections::BTreeMap::new();
        purposes.into_iter().find_map(|purpose| {
            let other = seen.insert(tag(purpose), purpose)?;
            (other != purpose).then_some((other, purpose))
        })
    }

    /// 24 bits of FNV-1a. Two purposes with the same tag would share interval and quotas, so
    /// [`GateBuilder::build`](crate::GateBuilder::build) refuses such a pair among those that it is
    /// told of.
    fn tag(purpose: &Purpose) -> u32 {
        let hash = purpose
            .as_str()
            .bytes()
            .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
        (hash ^ hash >> 24) & 0x00FF_FFFF
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

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

    /// From the shortest to the longest, the usual ones with it.
    fn spans() -> impl Iterator<Item = Duration> {
        [1, 2, 900, 3_599, 3_600, 3_601, 7_200, 86_399, 86_400, 86_401, 604_800, 31 * 86_400]
            .into_iter()
            .map(Duration::from_secs)
    }

    /// What the default policy counts under these names must go on after an upgrade.
    #[test]
    fn the_usual_spans_have_the_names_that_stores_hold() {
        let (hour, day) = (Duration::from_secs(3_600), Duration::from_secs(86_400));
        assert_eq!(
            [slot::quota(0, hour), slot::quota(0, day)],
            [Slot(0x1000_0000), Slot(0x1000_0001)]
        );
        assert_eq!(slot::quota(2, hour), Slot(0x1000_0020), "the third lane of unknown clients");
        assert_eq!(slot::total(day), Slot(0x1100_0000));
        let of_log_in = |per| slot::number_quota(&Purpose::LOG_IN, 1, per).0;
        let tag = slot::ladder(&Purpose::LOG_IN, 1).0 & 0x00FF_FFFF;
        assert_eq!([of_log_in(hour), of_log_in(day)], [0x4400_0000 | tag, 0x4500_0000 | tag]);
    }

    #[test]
    fn slots_of_the_standard_purposes_are_all_different() {
        let purposes = [Purpose::SIGN_UP, Purpose::LOG_IN, Purpose::PAYMENT, Purpose::RESET];
        let mut slots: Vec<Slot> = purposes
            .iter()
            .flat_map(|purpose| {
                (0..4).flat_map(move |lane| {
                    spans()
                        .map(move |per| slot::number_quota(purpose, lane, per))
                        .chain([slot::ladder(purpose, lane), slot::free_resend(purpose, lane)])
                })
            })
            .chain((0..4).flat_map(|lane| spans().map(move |per| slot::quota(lane, per))))
            .chain(spans().map(slot::total))
            .chain((0..4).map(slot::failures))
            .chain([slot::KNOWN, slot::UNVERIFIED, slot::MONEY, slot::SPRAY, slot::SENT])
            .chain([slot::UNVERIFIED_AT_MOST])
            .chain((1..=16).map(slot::unverified))
            .chain([slot::CUSTOMERS, slot::PAID, slot::GIVEN_BACK, slot::UNDELIVERED])
            .chain((0..4).map(slot::carried))
            .chain([slot::NOT_ARRIVED])
            .chain([
                slot::FAULT,
                slot::OPTED_OUT,
                slot::fault(NumberFault::Invalid),
                slot::fault(NumberFault::Barred),
            ])
            .collect();
        let all = slots.len();
        slots.sort_unstable();
        slots.dedup();
        assert_eq!(slots.len(), all);
    }
}
