//! Regions and calling codes.

use std::fmt;
use std::str::FromStr;

use super::error::RegionError;
use super::numbering::{Plan, Territory, for_each_region};

/// A region with a numbering plan: an ISO 3166-1 alpha-2 code (or `AC`, `TA`, `XK`), or `001` for the
/// calling codes that belong to no country, such as satellite networks.
///
/// Every region that the numbering table knows is a constant: `Region::DE`.
///
/// ```
/// use otpgate::recipient::Region;
///
/// let region: Region = "DE".parse()?;
/// assert_eq!(region, Region::DE);
/// assert_eq!(region.calling_code().map(|code| code.value()), Some(49));
/// assert!("UK".parse::<Region>().is_err(), "the ISO code is GB");
/// # Ok::<(), otpgate::recipient::RegionError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Region([u8; 2]);

impl Region {
    /// `001`: numbers that belong to a service and not to a country (+800, +870, +882 …).
    pub const WORLD: Self = Self(*b"00");

    /// The region as text: two capital letters, or `001`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        if *self == Self::WORLD { "001" } else { std::str::from_utf8(&self.0).unwrap_or("ZZ") }
    }

    /// The calling code of the region; `None` for [`Region::WORLD`], which has several.
    #[must_use]
    pub fn calling_code(self) -> Option<CallingCode> {
        Territory::of(self).map(|row| CallingCode(row.code))
    }

    /// Every region of the numbering table except [`Region::WORLD`], in alphabetical order.
    ///
    /// ```
    /// use otpgate::recipient::Region;
    /// assert_eq!(Region::all().count(), 245);
    /// ```
    pub fn all() -> impl Iterator<Item = Self> {
        Territory::regions()
    }

    pub(super) const fn from_letters(letters: [u8; 2]) -> Self {
        Self(letters)
    }

    pub(super) const fn letters(self) -> [u8; 2] {
        self.0
    }

    const fn literal(code: &str) -> Self {
        match code.as_bytes() {
            [first, second] => Self([*first, *second]),
            _ => Self::WORLD,
        }
    }
}

macro_rules! region_constants {
    ($($code:ident)*) => {
        /// One constant for each region of the numbering table.
        impl Region {
            $(
                #[doc = concat!("ISO 3166-1 `", stringify!($code), "`.")]
                pub const $code: Self = Self::literal(stringify!($code));
            )*
        }
    };
}
for_each_region!(region_constants);

impl FromStr for Region {
    type Err = RegionError;

    /// Reads a region in capital or small letters.
    ///
    /// # Errors
    /// [`RegionError`] if the numbering table has no such region.
    fn from_str(text: &str) -> Result<Self, RegionError> {
        match text.as_bytes() {
            b"001" => Ok(Self::WORLD),
            [first, second] => {
                let region = Self([first.to_ascii_uppercase(), second.to_ascii_uppercase()]);
                Territory::of(region).map(|_| region).ok_or(RegionError)
            }
            _ => Err(RegionError),
        }
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A country calling code in use: the 49 of `+49…`.
///
/// ```
/// use otpgate::recipient::{CallingCode, Region};
///
/// let code = CallingCode::new(1).expect("in use");
/// assert_eq!(code.to_string(), "+1");
/// assert_eq!(Region::JM.calling_code(), Some(code));
/// assert_eq!(CallingCode::new(999), None);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallingCode(u16);

impl CallingCode {
    /// The calling code with this value; `None` if it is not in use.
    #[must_use]
    pub fn new(value: u16) -> Option<Self> {
        Plan::of_code(value).map(|plan| Self(plan.code))
    }

    /// The code as a number, 1 to 999.
    #[must_use]
    pub const fn value(self) -> u16 {
        self.0
    }

    /// The region that the code stands for where several share it: the United States for `+1`.
    /// `None` for codes of no country, such as satellite networks.
    ///
    /// A number in no assigned block has no region; this is where it would most likely be.
    ///
    /// ```
    /// use otpgate::recipient::{CallingCode, Region};
    ///
    /// assert_eq!(CallingCode::new(44).and_then(CallingCode::main_region), Some(Region::GB));
    /// assert_eq!(CallingCode::new(881).and_then(CallingCode::main_region), None);
    /// ```
    #[must_use]
    pub fn main_region(self) -> Option<Region> {
        let main = Plan::of_code(self.0)?.main()?;
        (main.region != Region::WORLD).then_some(main.region)
    }

    pub(super) const fn of(plan: &Plan) -> Self {
        Self(plan.code)
    }

    /// How many digits it has.
    pub(super) const fn length(self) -> u8 {
        match self.0 {
            0..10 => 1,
            10..100 => 2,
            _ => 3,
        }
    }
}

impl fmt::Display for CallingCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "+{}", self.0)
    }
}

impl fmt::Debug for CallingCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
