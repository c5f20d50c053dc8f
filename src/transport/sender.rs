//! [`Senders`]: who a text comes from, country by country.

use std::collections::BTreeMap;

use crate::recipient::Region;

/// A sender for every country, and others where a country asks for its own: a registered name, a
/// short code, a local number.
///
/// ```
/// use otpgate::Region;
/// use otpgate::transport::Senders;
///
/// let senders = Senders::new("Example").in_region(Region::US, "+15550100");
/// assert_eq!(*senders.of(Some(Region::US)), "+15550100");
/// assert_eq!(*senders.of(Some(Region::DE)), "Example");
/// assert_eq!(*senders.of(None), "Example");
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Senders<S> {
    everywhere: S,
    regions: BTreeMap<Region, S>,
}

impl<S> Senders<S> {
    /// The same sender everywhere.
    #[must_use]
    pub fn new(everywhere: S) -> Self {
        Self { everywhere, regions: BTreeMap::new() }
    }

    /// Another sender for one country.
    #[must_use]
    pub fn in_region(mut self, region: Region, sender: S) -> Self {
        self.regions.insert(region, sender);
        self
    }

    /// The sender for a number in `region`.
    #[must_use]
    pub fn of(&self, region: Option<Region>) -> &S {
        region.and_then(|region| self.regions.get(&region)).unwrap_or(&self.everywhere)
    }

    /// Every sender, that for all countries first.
    pub fn iter(&self) -> impl Iterator<Item = &S> {
        std::iter::once(&self.everywhere).chain(self.regions.values())
    }
}

impl<S> From<S> for Senders<S> {
    fn from(everywhere: S) -> Self {
        Self::new(everywhere)
    }
}

/// Whether `name` is an alphanumeric sender: 1 to 11 characters (3GPP TS 23.040 §9.1.2.5 has room for
/// eleven), letters, digits and those of `more` that the provider takes, one letter at least.
pub(super) fn is_name(name: &str, more: &[u8]) -> bool {
    (1..=11).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || more.contains(&byte))
        && name.bytes().any(|byte| byte.is_ascii_alphabetic())
}

/// Whether `text` is a number with `+` and its country, or a short code of 3 to 8 digits.
pub(super) fn is_number_or_short_code(text: &str) -> bool {
    match text.strip_prefix('+') {
        Some(rest) => (7..=15).contains(&rest.len()) && is_digits(rest),
        None => (3..=8).contains(&text.len()) && is_digits(text),
    }
}

/// Whether `text` is `+` and 7 to 15 digits (E.164), none of them a trunk prefix in front.
pub(super) fn is_e164(text: &str) -> bool {
    text.strip_prefix('+').is_some_and(|rest| {
        (7..=15).contains(&rest.len()) && is_digits(rest) && !rest.starts_with('0')
    })
}

/// Whether there is nothing but digits.
pub(super) fn is_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}
