//! What things cost: the host's users, a challenge, and a message to each country.

use crate::base::money::Money;

/// What the host loses when the detector is wrong. Decides between asking and refusing. Each is finite and
/// not negative, or the gate is not built.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Costs {
    /// Value of one new user who is turned away, in US dollars. Default 4.5: measured on the lab's
    /// mobile-operator-wide attack, where it is the knob between leaked money and lost users.
    pub user_value: f32,
    /// The host that `user_value` is for: how many codes a day are verified there. What counts is a
    /// *share* of users: at a tenth of the volume the same attack may cost a tenth of the users, so
    /// one of them weighs ten times as much (at most seven, or a tenth). 0 takes `user_value` as it
    /// stands. Default 15 000 verified new numbers a day, where the lab's figures for 20 000 requests a
    /// day were measured.
    pub reference_daily: f32,
    /// Cost of one step-up in US dollars (provider fee and friction). Default 0.0005: large providers
    /// charge about a dollar per thousand human checks and give many away.
    pub challenge_cost: f32,
}

impl Default for Costs {
    fn default() -> Self {
        Self { user_value: 4.5, reference_daily: 15_000.0, challenge_cost: 0.000_5 }
    }
}

/// Price of one message by country, in millionths of a US dollar.
///
/// ```
/// use otpgate::Money;
/// use otpgate::pumping::PriceTable;
///
/// let prices = PriceTable::builtin().with(*b"DE", Money::microdollars(72_000));
/// assert_eq!(prices.of(*b"DE"), 72_000);
/// assert_eq!(prices.of(*b"GB"), 46_400);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceTable {
    rows: Vec<([u8; 2], u32)>,
    fallback: u32,
    /// Whether the fallback is this crate's own guess.
    guesses: bool,
}

/// Source of [`PriceTable::builtin`].
pub const PRICE_SOURCE: &str = "Tencent Cloud, international SMS price list (public repository tencentyun/qcloud-documents), \
     as read for this crate in 2026; TeleSign's list of June 2026 (WebDev-Telesign/api, 293b0c60) has up to 9 \
     times as much for the same country";

impl PriceTable {
    /// The built-in table: 41 countries of one provider's list ([`PRICE_SOURCE`]), for a first day. Enter
    /// your own provider's prices ([`with`](Self::with)) before you send in earnest: another list has nine
    /// times as much for Tajikistan and seven for India. A country that is not listed counts 15 cents,
    /// more than most of the list, because an unknown destination is where pumping pays best. That is a
    /// guess: the other list has over a hundred such countries above it, up to $1.37.
    #[must_use]
    pub fn builtin() -> Self {
        let mut rows: Vec<_> = BUILTIN.to_vec();
        rows.sort_unstable();
        Self { rows, fallback: 150_000, guesses: true }
    }

    /// Sets the price of one country, by its two capitals (ISO 3166); of numbers of no country by `00`.
    ///
    /// All budgets count by it: a tenth of the true price lets ten times the money be spent.
    /// [`build`](crate::GateBuilder::build) refuses a text message for less than half a thousandth of a
    /// dollar, where a price in another unit would end up.
    #[must_use]
    pub fn with(mut self, region: [u8; 2], price: Money) -> Self {
        let microusd = micro(price);
        match self.rows.binary_search_by_key(&region, |(r, _)| *r) {
            Ok(i) => {
                if let Some(row) = self.rows.get_mut(i) {
                    row.1 = microusd;
                }
            }
            Err(i) => self.rows.insert(i, (region, microusd)),
        }
        self
    }

    /// Sets the price of every country that is not listed. Until you do, such a price is a guess: budgets
    /// count by it, and a ceiling ([`DestinationPolicy::up_to`](crate::access::DestinationPolicy::up_to))
    /// takes it for unknown.
    #[must_use]
    pub fn with_fallback(mut self, price: Money) -> Self {
        (self.fallback, self.guesses) = (micro(price), false);
        self
    }

    /// The countries whose price is listed.
    pub(crate) fn regions(&self) -> impl Iterator<Item = [u8; 2]> {
        self.rows.iter().map(|(region, _)| *region)
    }

    /// The lowest price.
    pub(crate) fn lowest(&self) -> Money {
        let listed = self.rows.iter().map(|(_, price)| *price);
        Money::microdollars(listed.fold(self.fallback, u32::min).into())
    }

    /// The price of one message to `region`, in millionths of a US dollar.
    #[must_use]
    pub fn of(&self, region: [u8; 2]) -> u32 {
        self.listed(region).unwrap_or(self.fallback)
    }

    /// The same, if somebody has named it: the list, or the host with [`with_fallback`](Self::with_fallback).
    pub(crate) fn known(&self, region: [u8; 2]) -> Option<u32> {
        self.listed(region).or((!self.guesses).then_some(self.fallback))
    }

    fn listed(&self, region: [u8; 2]) -> Option<u32> {
        let place = self.rows.binary_search_by_key(&region, |(r, _)| *r).ok()?;
        self.rows.get(place).map(|(_, price)| *price)
    }
}

fn micro(price: Money) -> u32 {
    u32::try_from(price.as_microdollars()).unwrap_or(u32::MAX)
}

impl Default for PriceTable {
    fn default() -> Self {
        Self::builtin()
    }
}

const BUILTIN: [([u8; 2], u32); 41] = [
    (*b"US", 6_300),
    (*b"CA", 8_000),
    (*b"IN", 8_500),
    (*b"TR", 9_000),
    (*b"BR", 16_700),
    (*b"TH", 19_200),
    (*b"PK", 22_600),
    (*b"GH", 24_400),
    (*b"AR", 30_100),
    (*b"NG", 31_400),
    (*b"ZA", 31_900),
    (*b"MX", 33_200),
    (*b"ID", 33_400),
    (*b"PH", 35_500),
    (*b"SA", 35_700),
    (*b"SG", 38_000),
    (*b"VN", 39_900),
    (*b"AE", 41_500),
    (*b"GB", 46_400),
    (*b"EG", 49_200),
    (*b"KG", 56_400),
    (*b"TJ", 60_700),
    (*b"LK", 69_000),
    (*b"JP", 75_000),
    (*b"FR", 77_800),
    (*b"KZ", 78_300),
    (*b"AU", 80_400),
    (*b"BD", 84_600),
    (*b"MM", 94_000),
    (*b"MD", 95_400),
    (*b"DE", 100_000),
    (*b"NP", 102_900),
    (*b"SE", 106_600),
    (*b"TN", 125_500),
    (*b"UZ", 141_100),
    (*b"AZ", 146_200),
    (*b"NL", 156_400),
    (*b"DZ", 165_600),
    (*b"ML", 192_700),
    (*b"RE", 210_800),
    (*b"GP", 277_200),
];
