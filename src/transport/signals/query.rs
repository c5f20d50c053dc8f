//! [`SignalsQuery`]: the question.

use std::time::Duration;

use zeroize::Zeroizing;

use crate::recipient::Region;

/// A number to ask about, and what is to be learnt. `Debug` masks the number.
pub struct SignalsQuery {
    number: Zeroizing<String>,
    region: Option<Region>,
    line: bool,
    sim_swap: Option<Duration>,
}

impl SignalsQuery {
    pub(crate) fn new(
        number: String,
        region: Option<Region>,
        line: bool,
        sim_swap: Option<Duration>,
    ) -> Self {
        Self { number: Zeroizing::new(number), region, line, sim_swap }
    }

    /// A question for tests of an implementation.
    #[cfg(any(test, feature = "testing"))]
    #[must_use]
    pub fn for_test(number: &str, sim_swap: Option<Duration>) -> Self {
        Self::new(number.to_owned(), None, true, sim_swap)
    }

    /// The number in E.164, under a name that a reviewer can search for: it is personal data.
    pub fn expose_number(&self) -> &str {
        &self.number
    }

    /// The number's country, if it has one.
    pub fn region(&self) -> Option<Region> {
        self.region
    }

    /// Whether carrier and kind of line are to be learnt; if not, they are known already.
    pub fn line(&self) -> bool {
        self.line
    }

    /// How far back a change of the SIM card matters; `None` if it need not be asked for, which is
    /// cheaper with most providers.
    pub fn sim_swap(&self) -> Option<Duration> {
        self.sim_swap
    }
}

crate::base::masked::debug_only!(SignalsQuery: region, line, sim_swap);
