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
