//! Calling codes, and the regions that the numbering table has.

use std::fmt;
use std::str::FromStr;

use super::error::RegionError;
use super::numbering::{Plan, Territory, for_each_region};
use super::region::Region;

impl Region {
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
                let letters = [first.to_ascii_uppercase(), second.to_ascii_uppercase()];
                let region = Self::from_letters(letters);
                Territory::of(region).map(|_| region).ok_or(RegionError)
            }
            _ => Err(RegionError),
        }
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
