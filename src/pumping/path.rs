//! The places of a request's nodes: which they are, and who counts at which.

use super::level::{BlockLevel, NodeId, Subject};
use super::table::{NONE, Slot};

/// Slots of a path: five blocks, country, three cold pools, host, network, everyone, two pools of
/// unseen networks, two groups of known numbers.
pub(super) const PATH: usize = 16;

/// The nodes of a request, by place; [`NONE`] where it has none.
pub(super) type Path = [Slot; PATH];

/// The level of each place of a path: of the number, of everybody, of the client's networks, and of
/// known numbers. Which of them count a session is said by its places, one bit each.
const LEVELS: [BlockLevel; PATH] = [
    BlockLevel::Hundred,
    BlockLevel::Thousand,
    BlockLevel::TenThousand,
    BlockLevel::HundredThousand,
    BlockLevel::Million,
    BlockLevel::Country,
    BlockLevel::ColdCountry,
    BlockLevel::Cold,
    BlockLevel::ColdMillion,
    BlockLevel::Host,
    BlockLevel::Network,
    BlockLevel::Everyone,
    BlockLevel::AwayCountry,
    BlockLevel::Away,
    BlockLevel::KnownCountry,
    BlockLevel::Known,
];

/// The client's side: its address, its network, and the pool of networks where nobody has verified.
/// Whoever asks sees what these say of him, so they count every session that he believes to be open,
/// whatever its number is and whether or not a text went out.
pub(super) const CLIENT: u16 = 1 << 9 | 1 << 10 | 1 << 13;
/// The places of a number that is not known.
pub(super) const STRANGER: u16 = (1 << 14) - 1;
/// Those of a known number.
pub(super) const KNOWN: u16 = CLIENT | 1 << 14 | 1 << 15;
/// Those that are there only for a client from a network where nobody has verified.
pub(super) const AWAY: u16 = 1 << 12;
/// And those for one from where no network near it has.
pub(super) const FAR: u16 = 1 << 13;

/// The place of the client's address.
pub(super) const HOST: usize = 9;
/// The place of the country.
pub(super) const COUNTRY: usize = 5;
/// The place of everybody.
pub(super) const EVERYONE: usize = 11;

/// The level of each place of a path.
pub(super) const fn levels() -> &'static [BlockLevel; PATH] {
    &LEVELS
}

/// The level of a place of a path.
pub(super) fn level_at(place: usize) -> BlockLevel {
    LEVELS.get(place).copied().unwrap_or(BlockLevel::Known)
}

/// Whether a place is the client's.
pub(super) const fn is_clients(place: usize) -> bool {
    CLIENT >> place & 1 == 1
}

/// The slot at a place of a path.
pub(super) fn slot_at(path: &Path, place: usize) -> Slot {
    path.get(place).copied().unwrap_or(NONE)
}

/// The nodes of `path` at `places`, one bit each.
pub(super) fn only(path: &Path, places: u16) -> Path {
    let mut kept = *path;
    for (place, slot) in kept.iter_mut().enumerate() {
        if places >> place & 1 == 0 {
            *slot = NONE;
        }
    }
    kept
}

/// The places of a path that are filled, one bit each.
pub(super) fn places_of(path: &Path) -> u16 {
    let filled = path.iter().enumerate().filter(|(_, slot)| **slot != NONE);
    filled.fold(0, |bits, (place, _)| bits | 1 << place)
}

/// The nodes of a request, by place: blocks, finest first, then pools, then the client's, then the
/// groups it may or may not belong to, and last those of known numbers.
pub(super) fn names(subject: &Subject) -> [NodeId; PATH] {
    let d = subject.digits;
    let r = subject.region;
    [
        NodeId::block(BlockLevel::Hundred, d),
        NodeId::block(BlockLevel::Thousand, d),
        NodeId::block(BlockLevel::TenThousand, d),
        NodeId::block(BlockLevel::HundredThousand, d),
        NodeId::block(BlockLevel::Million, d),
        NodeId::region(BlockLevel::Country, r),
        NodeId::region(BlockLevel::ColdCountry, r),
        NodeId::pool(BlockLevel::Cold),
        NodeId::pool(BlockLevel::ColdMillion),
        NodeId::address(BlockLevel::Host, subject.client),
        NodeId::address(BlockLevel::Network, subject.client),
        NodeId::pool(BlockLevel::Everyone),
        NodeId::region(BlockLevel::AwayCountry, r),
        NodeId::pool(BlockLevel::Away),
        NodeId::region(BlockLevel::KnownCountry, r),
        NodeId::pool(BlockLevel::Known),
    ]
}

/// Nodes that hold the control group itself are not excused by it.
pub(super) fn pick(weight: (f32, f32), level: BlockLevel) -> f32 {
    if level.holds_control() { weight.1 } else { weight.0 }
}
