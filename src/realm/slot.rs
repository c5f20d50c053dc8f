//! The meters of a subject. The top byte says which; the rest separates purposes or the spans of quotas.

use std::time::Duration;

use crate::context::Purpose;
use crate::limit::Slot;
use crate::transport::NumberFault;

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

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!([quota(0, hour), quota(0, day)], [Slot(0x1000_0000), Slot(0x1000_0001)]);
        assert_eq!(quota(2, hour), Slot(0x1000_0020), "the third lane of unknown clients");
        assert_eq!(total(day), Slot(0x1100_0000));
        let of_log_in = |per| number_quota(&Purpose::LOG_IN, 1, per).0;
        let tag = ladder(&Purpose::LOG_IN, 1).0 & 0x00FF_FFFF;
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
                        .map(move |per| number_quota(purpose, lane, per))
                        .chain([ladder(purpose, lane), free_resend(purpose, lane)])
                })
            })
            .chain((0..4).flat_map(|lane| spans().map(move |per| quota(lane, per))))
            .chain(spans().map(total))
            .chain((0..4).map(failures))
            .chain([KNOWN, UNVERIFIED, MONEY, SPRAY, SENT])
            .chain([UNVERIFIED_AT_MOST])
            .chain((1..=16).map(unverified))
            .chain([CUSTOMERS, PAID, GIVEN_BACK, UNDELIVERED])
            .chain((0..4).map(carried))
            .chain([NOT_ARRIVED])
            .chain([FAULT, OPTED_OUT, fault(NumberFault::Invalid), fault(NumberFault::Barred)])
            .collect();
        let all = slots.len();
        slots.sort_unstable();
        slots.dedup();
        assert_eq!(slots.len(), all);
    }
}
