//! [`Price`]: what a provider charges, in its own currency.

use std::fmt;

use crate::base::money::Money;

/// An amount in a currency, in whole millionths: providers bill in dollars, euros, pounds and
/// credits, and no adapter knows a rate of exchange.
///
/// ```
/// use otpgate::Money;
/// use otpgate::transport::Price;
///
/// // Twilio writes a charge with a minus.
/// let price = Price::parse("-0.00750", "USD").unwrap();
/// assert_eq!(price.as_money(), Some(Money::microdollars(7_500)));
/// assert_eq!(price.to_string(), "0.0075 USD");
/// assert_eq!(Price::parse("0.05", "eur").unwrap().as_money(), None, "not dollars");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Price {
    micros: u64,
    currency: [u8; 3],
}

impl Price {
    /// Whole millionths of `currency`, an ISO 4217 code. `None` if that is not three letters.
    #[must_use]
    pub fn from_micros(micros: u64, currency: &str) -> Option<Self> {
        let currency: [u8; 3] = currency.to_ascii_uppercase().into_bytes().try_into().ok()?;
        currency.iter().all(u8::is_ascii_uppercase).then_some(Self { micros, currency })
    }

    /// A decimal number as providers write it, with or without a sign. More than six decimals are
    /// rounded up. `None` for everything else: a price that cannot be read is no price.
    #[must_use]
    pub fn parse(amount: &str, currency: &str) -> Option<Self> {
        let digits = amount.trim().trim_start_matches(['-', '+']);
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let is_number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if digits.len() > 30 || !is_number(whole) || !is_number(fraction) {
            return None;
        }
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let (kept, rest) = fraction.split_at(fraction.len().min(6));
        let micros = format!("{kept:0<6}").parse::<u64>().ok()?;
        let up = u64::from(rest.bytes().any(|byte| byte != b'0'));
        let whole = if whole.is_empty() { 0 } else { whole.parse::<u64>().ok()? };
        let micros = whole.checked_mul(1_000_000)?.checked_add(micros)?.checked_add(up)?;
        Self::from_micros(micros, currency)
    }

    /// Millionths of the currency.
    #[must_use]
    pub const fn as_micros(self) -> u64 {
        self.micros
    }

    /// The currency's ISO 4217 code.
    pub fn currency(&self) -> &str {
        std::str::from_utf8(&self.currency).unwrap_or("XXX")
    }

    /// The amount as the gate counts money, if it is in dollars.
    #[must_use]
    pub fn as_money(self) -> Option<Money> {
        (self.currency == *b"USD").then(|| Money::microdollars(self.micros))
    }
}

impl fmt::Display for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, micros) = (self.micros / 1_000_000, self.micros % 1_000_000);
        let fraction = format!("{micros:06}");
        let shown = fraction.trim_end_matches('0');
        let shown = fraction.get(..shown.len().max(2)).unwrap_or(&fraction);
        write!(f, "{whole}.{shown} {}", self.currency())
    }
}

impl fmt::Debug for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Price({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact_and_round_up() {
        let micros = |text| Price::parse(text, "USD").map(Price::as_micros);
        assert_eq!(micros("0.0079"), Some(7_900));
        assert_eq!(micros("-0.0079"), Some(7_900));
        assert_eq!(micros("12"), Some(12_000_000));
        assert_eq!(micros(".5"), Some(500_000));
        assert_eq!(micros("0.00000010"), Some(1));
        assert_eq!(micros("0.00000000"), Some(0));
        for bad in ["", "-", ".", "1e3", "1,5", "NaN", "99999999999999999999", "0x1", "1 2"] {
            assert_eq!(micros(bad), None, "{bad}");
        }
        for bad in ["", "US", "USDT", "U1D", "€"] {
            assert_eq!(Price::parse("1", bad), None, "{bad}");
        }
    }
}
