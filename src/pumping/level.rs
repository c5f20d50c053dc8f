//! What a node stands for: the rungs of the number, the pools and the client's networks.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How many kinds of node there are.
pub const LEVELS: usize = 16;

/// The kind of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum BlockLevel {
    /// A block of a hundred numbers: the last two digits dropped.
    Hundred = 0,
    /// A block of a thousand numbers.
    Thousand = 1,
    /// A block of ten thousand numbers.
    TenThousand = 2,
    /// A block of a hundred thousand numbers.
    HundredThousand = 3,
    /// A block of a million numbers; in many plans one operator.
    Million = 4,
    /// A country.
    Country = 5,
    /// All requests of one country into blocks of 10^5 where nobody has ever verified.
    ColdCountry = 6,
    /// The same, over all countries.
    Cold = 7,
    /// All requests into blocks of 10^6 where nobody has ever verified: a smaller and sharper pool.
    ColdMillion = 8,
    /// One client: an IPv4 address or an IPv6 /64.
    Host = 9,
    /// A client's neighbourhood: an IPv4 /24 or an IPv6 /48.
    Network = 10,
    /// All requests to numbers that are not known.
    Everyone = 11,
    /// All requests to known numbers of one country.
    KnownCountry = 12,
    /// All requests to known numbers.
    Known = 13,
    /// All requests to numbers of one country that are not known, from networks where nobody of that
    /// country has ever verified.
    AwayCountry = 14,
    /// All requests, to known numbers too and over all countries, from networks that are far as
    /// well: nobody of the number's country has verified from anywhere around them.
    Away = 15,
}

impl BlockLevel {
    const ALL: [Self; LEVELS] = [
        Self::Hundred,
        Self::Thousand,
        Self::TenThousand,
        Self::HundredThousand,
        Self::Million,
        Self::Country,
        Self::ColdCountry,
        Self::Cold,
        Self::ColdMillion,
        Self::Host,
        Self::Network,
        Self::Everyone,
        Self::KnownCountry,
        Self::Known,
        Self::AwayCountry,
        Self::Away,
    ];

    /// How many numbers a block of this level holds.
    const fn numbers(self) -> u64 {
        match self {
            Self::Hundred => 100,
            Self::Thousand => 1_000,
            Self::TenThousand => 10_000,
            Self::HundredThousand => 100_000,
            _ => 1_000_000,
        }
    }

    /// Position in the tables of [`Tuning`](super::Tuning).
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The level at that position.
    #[must_use]
    pub fn from_index(index: usize) -> Option<Self> {
        Self::ALL.get(index).copied()
    }

    /// True for blocks of numbers, from a hundred to a million.
    #[must_use]
    pub const fn is_block(self) -> bool {
        (self as u8) <= 4
    }

    /// True for nodes whose numbers all belong to one region.
    #[must_use]
    pub const fn is_regional(self) -> bool {
        self.is_block()
            || matches!(
                self,
                Self::Country | Self::ColdCountry | Self::KnownCountry | Self::AwayCountry
            )
    }

    /// True for the two groups of known numbers.
    #[must_use]
    pub const fn is_known(self) -> bool {
        matches!(self, Self::KnownCountry | Self::Known)
    }

    /// True for the nodes that ask and never refuse: too many people stand behind them.
    pub(super) const fn only_asks(self) -> bool {
        matches!(self, Self::Everyone) || self.is_known()
    }

    /// True for the nodes that count known numbers too, and with them the control group of outages.
    pub(super) const fn holds_control(self) -> bool {
        matches!(self, Self::Everyone | Self::Away) || self.is_known()
    }

    /// True for client addresses and networks.
    #[must_use]
    pub const fn is_address(self) -> bool {
        matches!(self, Self::Host | Self::Network)
    }
}

/// The name of one node: its level and what it covers, in 64 bits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(u64);

const BODY: u64 = (1 << 60) - 1;

impl NodeId {
    const fn pack(level: BlockLevel, body: u64) -> Self {
        Self(((level as u64) << 60) | (body & BODY))
    }

    /// The block of `level` that holds the number `digits` (full E.164 digits without the plus).
    #[must_use]
    pub const fn block(level: BlockLevel, digits: u64) -> Self {
        let prefix = match digits.checked_div(level.numbers()) {
            Some(prefix) => prefix,
            None => 0,
        };
        Self::pack(level, prefix)
    }

    /// The first number of a block, as [`block`](Self::block) takes it; 0 of every other node.
    pub(super) fn first_number(self) -> u64 {
        let body = self.0 & BODY;
        match self.level() {
            level if !level.is_block() => 0,
            level => body.saturating_mul(level.numbers()),
        }
    }

    /// A node of a region: `Country`, `ColdCountry`, `KnownCountry` or `AwayCountry`.
    #[must_use]
    pub const fn region(level: BlockLevel, region: [u8; 2]) -> Self {
        let [a, b] = region;
        Self::pack(level, ((a as u64) << 8) | b as u64)
    }

    /// One of the global pools.
    #[must_use]
    pub const fn pool(level: BlockLevel) -> Self {
        Self::pack(level, 0)
    }

    /// A client node. IPv6 prefixes have more bits than the name: the two lowest bits of the site
    /// prefix are folded, which at worst joins neighbouring /64s.
    #[must_use]
    pub const fn address(level: BlockLevel, net: ClientNet) -> Self {
        let bits = match level {
            BlockLevel::Network if net.is_v4() => net.0 & !0xff,
            BlockLevel::Network => net.0 & !0xffff,
            _ => net.0,
        };
        Self::pack(level, bits ^ (bits >> 60))
    }

    /// The network of a client node, first address and length, under a name that a reviewer can search
    /// for: it is personal data. `None` for every other node. An IPv6 network is given as if it lay in
    /// 2000::/4, where all that is allotted lies: the name has no room for the first four bits.
    ///
    /// ```
    /// use otpgate::pumping::{ClientNet, BlockLevel, NodeId};
    ///
    /// let client = ClientNet::of("203.0.113.7".parse().unwrap());
    /// let node = NodeId::address(BlockLevel::Host, client);
    /// assert_eq!(node.expose_network(), Some(("203.0.113.7".parse().unwrap(), 32)));
    /// assert_eq!(node.to_string(), "a client in 203.0.113.0/24");
    /// ```
    #[must_use]
    pub fn expose_network(self) -> Option<(IpAddr, u8)> {
        let level = self.level();
        let (body, wide) = (self.0 & BODY, level == BlockLevel::Network);
        if !level.is_address() || body == ClientNet::unknown().0 {
            return None;
        }
        if ClientNet(body).is_v4() {
            let address = IpAddr::V4(Ipv4Addr::from_bits(body as u32));
            return Some((address, if wide { 24 } else { 32 }));
        }
        let bits = ((body ^ 2) | 2 << 60) as u128;
        let address = IpAddr::V6(Ipv6Addr::from_bits(bits << 64));
        Some((address, if wide { 48 } else { 64 }))
    }

    /// The level of the node.
    #[must_use]
    pub fn level(self) -> BlockLevel {
        BlockLevel::from_index(usize::try_from(self.0 >> 60).unwrap_or(0))
            .unwrap_or(BlockLevel::Hundred)
    }

    /// The 64 bits, for storage.
    #[must_use]
    pub const fn to_bits(self) -> u64 {
        self.0
    }

    /// From stored bits; `None` when they name no level.
    #[must_use]
    pub fn from_bits(bits: u64) -> Option<Self> {
        BlockLevel::from_index(usize::try_from(bits >> 60).unwrap_or(usize::MAX))
            .map(|_| Self(bits))
    }
}

impl fmt::Display for NodeId {
    /// A block prints its leading digits and how many follow, never a whole number; a client its
    /// wider network, never its address.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let body = self.0 & BODY;
        let (a, b) = (char::from((body >> 8) as u8), char::from(body as u8));
        match self.level() {
            BlockLevel::Hundred => write!(f, "+{body}xx"),
            BlockLevel::Thousand => write!(f, "+{body}xxx"),
            BlockLevel::TenThousand => write!(f, "+{body}xxxx"),
            BlockLevel::HundredThousand => write!(f, "+{body}xxxxx"),
            BlockLevel::Million => write!(f, "+{body}xxxxxx"),
            BlockLevel::Country => write!(f, "country {a}{b}"),
            BlockLevel::ColdCountry => write!(f, "unseen ranges of {a}{b}"),
            BlockLevel::Cold => write!(f, "unseen ranges"),
            BlockLevel::ColdMillion => write!(f, "unseen operators' ranges"),
            BlockLevel::Host | BlockLevel::Network => match self.expose_network() {
                Some((IpAddr::V4(v4), _)) => {
                    write!(f, "a client in {}/24", Ipv4Addr::from_bits(v4.to_bits() & !0xff))
                }
                Some((IpAddr::V6(v6), _)) => {
                    let site = Ipv6Addr::from_bits(v6.to_bits() >> 80 << 80);
                    write!(f, "a client in {site}/48")
                }
                None => f.write_str("clients without an address"),
            },
            BlockLevel::Everyone => write!(f, "all unknown numbers"),
            BlockLevel::KnownCountry => write!(f, "known numbers of {a}{b}"),
            BlockLevel::Known => write!(f, "known numbers"),
            BlockLevel::AwayCountry => write!(f, "numbers of {a}{b} from unseen networks"),
            BlockLevel::Away => write!(f, "networks far from any seen"),
        }
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A client's network in 64 bits: the /64 of an IPv6 address, or an IPv4 address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct ClientNet(u64);

impl ClientNet {
    /// From an address; IPv4-mapped IPv6 is folded to IPv4.
    ///
    /// ```
    /// use otpgate::pumping::ClientNet;
    /// let a = ClientNet::of("2001:db8:1:2:3::1".parse().unwrap());
    /// let b = ClientNet::of("2001:db8:1:2:ffff::9".parse().unwrap());
    /// assert_eq!(a, b);
    /// ```
    #[must_use]
    pub fn of(ip: std::net::IpAddr) -> Self {
        match ip.to_canonical() {
            std::net::IpAddr::V4(v4) => Self(0xffff_0000_0000 | u64::from(v4.to_bits())),
            std::net::IpAddr::V6(v6) => Self((v6.to_bits() >> 64) as u64),
        }
    }

    /// An address nobody could tell; all such requests share one node.
    #[must_use]
    pub const fn unknown() -> Self {
        Self(0)
    }

    /// The 64 bits, for storage.
    #[must_use]
    pub const fn to_bits(self) -> u64 {
        self.0
    }

    /// From stored bits.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// Names the wide network (IPv4 /16, IPv6 /32) together with a country, for the memory of where a
    /// country's people verify from. `None` when nobody could tell the address.
    pub(super) const fn place(self, region: [u8; 2]) -> Option<u64> {
        let wide = if self.is_v4() { self.0 >> 16 } else { self.0 >> 32 };
        let [a, b] = region;
        if self.0 == 0 { None } else { Some((wide << 16) | ((a as u64) << 8) | b as u64) }
    }

    /// Names what lies around the wide network (IPv4 /12, IPv6 /20) together with a country:
    /// registries give networks out in runs, so a country's lie side by side. No name of it is that
    /// of a place.
    pub(super) const fn surroundings(self, region: [u8; 2]) -> Option<u64> {
        const TAG: u64 = 1 << 63;
        let wide = if self.is_v4() { self.0 >> 20 } else { self.0 >> 44 };
        let [a, b] = region;
        if self.0 == 0 { None } else { Some(TAG | (wide << 16) | ((a as u64) << 8) | b as u64) }
    }

    const fn is_v4(self) -> bool {
        self.0 >> 32 == 0xffff
    }
}

/// What the detector needs to know of one request.
///
/// `Debug` masks the number.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Subject {
    /// ISO 3166 region of the number, upper case.
    pub region: [u8; 2],
    /// Full E.164 digits without the plus.
    pub digits: u64,
    /// The host says this number belongs to a person it already knows.
    pub known: bool,
    /// Which purpose; sessions of different purposes are apart.
    pub purpose: u8,
    /// Price of one message in millionths of a US dollar.
    pub price_microusd: u32,
    /// Where the request came from.
    pub client: ClientNet,
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subject")
            .field("block", &NodeId::block(BlockLevel::TenThousand, self.digits))
            .field("known", &self.known)
            .field("price_microusd", &self.price_microusd)
            .finish_non_exhaustive()
    }
}
