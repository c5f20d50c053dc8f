//! [`Signals`]: the answer.

use std::time::Duration;

use crate::base::time::Timestamp;
use crate::recipient::LineType;

/// What a network knows of a number. `None` is: not asked, or not known.
///
/// ```
/// use otpgate::LineType;
/// use otpgate::transport::signals::{Carrier, Signals};
///
/// let signals = Signals::default()
///     .carrier(Carrier::new("Example Mobile").network("26201"))
///     .line_type(LineType::Voip)
///     .ported(true);
/// assert_eq!(signals.line_type, Some(LineType::Voip));
/// assert_eq!(signals.reachable, None);
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct Signals {
    /// Whose line it is now.
    pub carrier: Option<Carrier>,
    /// What kind of line it is now, whatever its block was assigned for.
    pub line_type: Option<LineType>,
    /// Whether it was ported away from the carrier that its block was assigned to.
    pub ported: Option<bool>,
    /// When its SIM card was last changed.
    pub sim_swap: Option<SimSwap>,
    /// Whether its phone is on the network at the moment.
    pub reachable: Option<bool>,
}

impl Signals {
    /// Says whose line it is.
    #[must_use]
    pub fn carrier(self, carrier: Carrier) -> Self {
        Self { carrier: Some(carrier), ..self }
    }

    /// Says what kind of line it is.
    #[must_use]
    pub fn line_type(self, kind: LineType) -> Self {
        Self { line_type: Some(kind), ..self }
    }

    /// Says whether it was ported.
    #[must_use]
    pub fn ported(self, ported: bool) -> Self {
        Self { ported: Some(ported), ..self }
    }

    /// Says when its SIM card was changed.
    #[must_use]
    pub fn sim_swap(self, swap: SimSwap) -> Self {
        Self { sim_swap: Some(swap), ..self }
    }

    /// Says whether its phone is on the network.
    #[must_use]
    pub fn reachable(self, reachable: bool) -> Self {
        Self { reachable: Some(reachable), ..self }
    }
}

/// A mobile network operator, as a provider names it.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Carrier {
    /// Its name; at most 64 bytes of what the provider says.
    pub name: String,
    /// Its mobile country code and network code (E.212), five or six digits, if it has one.
    pub network: Option<String>,
}

impl Carrier {
    /// A carrier of this name.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let mut name = name.to_owned();
        while name.len() > 64 {
            name.pop();
        }
        Self { name, network: None }
    }

    /// Adds its codes; anything but five or six digits is left out.
    #[must_use]
    pub fn network(self, codes: &str) -> Self {
        let digits = codes.bytes().all(|byte| byte.is_ascii_digit());
        let right = matches!(codes.len(), 5 | 6) && digits;
        Self { network: right.then(|| codes.to_owned()), ..self }
    }
}

/// When a SIM card was last changed, as exactly as the carrier tells.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SimSwap {
    /// At this time. For a card that was never changed, when it was activated.
    At(Timestamp),
    /// In the last so much time, and no more is known.
    Within(Duration),
    /// Not in the last so much time.
    NotWithin(Duration),
}

impl SimSwap {
    /// Whether the card was changed in the last `span`, as asked at `now`; `None` if the answer does
    /// not reach back so far. A change at an unknown time in a longer span counts: nobody can say
    /// that it was earlier.
    ///
    /// ```
    /// use std::time::Duration;
    /// use otpgate::Timestamp;
    /// use otpgate::transport::signals::SimSwap;
    ///
    /// let hours = |hours: u64| Duration::from_secs(hours * 3_600);
    /// let now = Timestamp::from_millis(1_800_000_000_000);
    /// assert_eq!(SimSwap::At(now.before(hours(71))).since(hours(72), now), Some(true));
    /// assert_eq!(SimSwap::At(now.before(hours(72))).since(hours(72), now), Some(false));
    /// assert_eq!(SimSwap::Within(hours(240)).since(hours(72), now), Some(true));
    /// assert_eq!(SimSwap::NotWithin(hours(240)).since(hours(72), now), Some(false));
    /// assert_eq!(SimSwap::NotWithin(hours(24)).since(hours(72), now), None);
    /// ```
    #[must_use]
    pub fn since(self, span: Duration, now: Timestamp) -> Option<bool> {
        match self {
            // A time ahead of ours is a clock's fault, and a change all the same.
            Self::At(at) => Some(now.since(at) < span),
            Self::Within(_) => Some(true),
            Self::NotWithin(known) => (known >= span).then_some(false),
        }
    }
}
