//! Money in whole millionths of a US dollar.

use std::fmt;

/// An amount of money: whole millionths of a US dollar (micro-dollars).
///
/// An SMS costs between 0.006 and 0.28 dollars, so cents are too coarse and floating point drifts.
///
/// ```
/// use otpgate::Money;
///
/// assert_eq!(Money::dollars(2) + Money::microdollars(500_000), Money::cents(250));
/// assert_eq!(Money::cents(250).to_string(), "$2.50");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Money(u64);

impl Money {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// The largest representable amount.
    pub const MAX: Self = Self(u64::MAX);

    /// Whole dollars.
    #[must_use]
    pub const fn dollars(dollars: u64) -> Self {
        Self(dollars.saturating_mul(1_000_000))
    }

    /// Whole cents.
    #[must_use]
    pub const fn cents(cents: u64) -> Self {
        Self(cents.saturating_mul(10_000))
    }

    /// Millionths of a dollar.
    #[must_use]
    pub const fn microdollars(micro: u64) -> Self {
        Self(micro)
    }

    /// Millionths of a dollar.
    #[must_use]
    pub const fn as_microdollars(self) -> u64 {
        self.0
    }

    /// This amount `factor` times, saturating.
    ///
    /// ```
    /// use otpgate::Money;
    ///
    /// let segment = Money::microdollars(75_000); // $0.075
    /// assert_eq!(segment.times(3), Money::microdollars(225_000));
    /// assert_eq!(Money::MAX.times(2), Money::MAX);
    /// ```
    #[must_use]
    pub const fn times(self, factor: u64) -> Self {
        Self(self.0.saturating_mul(factor))
    }
}

impl std::ops::Add for Money {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl std::ops::Sub for Money {
    type Output = Self;

    /// The difference, not below zero.
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (dollars, micro) = (self.0 / 1_000_000, self.0 % 1_000_000);
        if micro.is_multiple_of(10_000) {
            write!(f, "${dollars}.{:02}", micro / 10_000)
        } else {
            write!(f, "${dollars}.{micro:06}")
        }
    }
}

impl fmt::Debug for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_print_in_cents_unless_finer() {
        assert_eq!(Money::cents(5).to_string(), "$0.05");
        assert_eq!(Money::microdollars(6_300).to_string(), "$0.006300");
        assert_eq!(Money::dollars(12).to_string(), "$12.00");
    }

    #[test]
    fn arithmetic_saturates() {
        assert_eq!(Money::MAX + Money::cents(1), Money::MAX);
        assert_eq!(Money::cents(1) - Money::cents(2), Money::ZERO);
        assert_eq!(Money::dollars(u64::MAX), Money::MAX);
    }
}
