//! Regions as they are written.

use std::fmt;

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
    pub fn as_str(&self) -> &str {
        if *self == Self::WORLD { "001" } else { std::str::from_utf8(&self.0).unwrap_or("ZZ") }
    }

    pub(super) const fn from_letters(letters: [u8; 2]) -> Self {
        Self(letters)
    }

    /// Its two letters; `00` for [`Region::WORLD`].
    pub(crate) const fn letters(self) -> [u8; 2] {
        self.0
    }

    pub(super) const fn literal(code: &str) -> Self {
        match code.as_bytes() {
            [first, second] => Self([*first, *second]),
            _ => Self::WORLD,
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
