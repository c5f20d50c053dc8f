//! An amount of money, as text that can be shown and bound.

use std::fmt;

/// More than a text message should move, in any currency.
const LONGEST_WHOLE: usize = 12;

/// Three decimal places: the dinars.
const LONGEST_FRACTION: usize = 3;

/// An amount of money as the payer reads it: a decimal number and an ISO 4217 currency code.
///
/// It is text, not a number of ours, so it is shown and bound exactly as the host executes it. Shown
/// as `EUR 1 250.00`: the code instead of a symbol, because `€` costs two septets and most others do
/// not exist in GSM-7; groups of three behind spaces, so that no amount has the digits of a code in a
/// row. Zeros at the end of the fraction do not count: `12.5` equals `12.50`.
///
/// ```
/// use otpgate::otp::Amount;
///
/// assert_eq!(Amount::new("1250.00", "EUR")?.to_string(), "EUR 1 250.00");
/// assert_eq!(Amount::minor_units(125_000, 2, "EUR")?, Amount::new("1250", "EUR")?);
/// assert!(Amount::new("1,250", "EUR").is_err());
/// # Ok::<(), otpgate::otp::AmountError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Amount {
    number: String,
    currency: [u8; 3],
}

impl Amount {
    /// `number` as 1 to 12 digits without leading zeros and, behind a point, up to 3 more;
    /// `currency` as three capitals of ISO 4217.
    ///
    /// # Errors
    ///
    /// [`AmountError`] for any other text: no sign, no grouping, no exponent, no symbol.
    pub fn new(number: &str, currency: &str) -> Result<Self, AmountError> {
        if !is_number(number) {
            return Err(AmountError::Number);
        }
        let code = <[u8; 3]>::try_from(currency.as_bytes()).map_err(|_| AmountError::Currency)?;
        if !code.iter().all(u8::is_ascii_uppercase) {
            return Err(AmountError::Currency);
        }
        Ok(Self { number: number.to_owned(), currency: code })
    }

    /// `units` of the smallest unit of a currency that has `decimals` decimal places: 2 for EUR,
    /// 0 for JPY, 3 for KWD.
    ///
    /// # Errors
    ///
    /// [`AmountError`] for more than 3 decimal places, an amount of 10^12 or more, or a bad code.
    pub fn minor_units(units: u64, decimals: u8, currency: &str) -> Result<Self, AmountError> {
        let (width, places) = match decimals {
            0 => return Self::new(&units.to_string(), currency),
            1..=3 => (usize::from(decimals).saturating_add(1), usize::from(decimals)),
            _ => return Err(AmountError::Number),
        };
        let digits = format!("{units:0width$}");
        let (whole, fraction) = digits
            .split_at_checked(digits.len().saturating_sub(places))
            .ok_or(AmountError::Number)?;
        Self::new(&format!("{whole}.{fraction}"), currency)
    }

    /// The currency code.
    pub fn currency(&self) -> &str {
        std::str::from_utf8(&self.currency).unwrap_or_default()
    }

    /// The longest amount there is; to measure texts.
    pub(crate) fn longest() -> Self {
        let number = format!("{}.{}", "8".repeat(LONGEST_WHOLE), "8".repeat(LONGEST_FRACTION));
        Self { number, currency: *b"XXX" }
    }

    /// An amount that reads like a code of six digits; to try texts.
    pub(crate) fn like_code() -> Self {
        Self { number: "123456".to_owned(), currency: *b"XXX" }
    }

    /// The shortest amount there is; to compare texts.
    pub(crate) fn shortest() -> Self {
        Self { number: "1".to_owned(), currency: *b"XXX" }
    }

    /// Splits what `text` begins with, if that is an amount as it is shown, from the rest.
    pub(crate) fn shown_at_start(text: &str) -> Option<(&str, &str)> {
        let (currency, rest) = text.split_at_checked(3)?;
        let mut rest = rest.strip_prefix(' ')?;
        if !currency.bytes().all(|byte| byte.is_ascii_uppercase()) {
            return None;
        }
        let (first, tail) = leading_digits(rest, LONGEST_WHOLE)?;
        if first.len() > 3 {
            return None;
        }
        rest = tail;
        while let Some((group, tail)) =
            rest.strip_prefix(' ').and_then(|tail| leading_digits(tail, LONGEST_WHOLE))
        {
            if group.len() != 3 {
                break;
            }
            rest = tail;
        }
        if let Some((_, tail)) =
            rest.strip_prefix('.').and_then(|tail| leading_digits(tail, LONGEST_FRACTION))
        {
            rest = tail;
        }
        text.split_at_checked(text.len().saturating_sub(rest.len()))
    }

    /// The digits before the point.
    pub(super) fn whole(&self) -> &str {
        self.number.split('.').next().unwrap_or_default()
    }

    fn fraction(&self) -> &str {
        self.number.split_once('.').map_or("", |(_, fraction)| fraction)
    }

    /// The digits behind the point without the zeros that do not count.
    pub(super) fn significant_fraction(&self) -> &str {
        self.fraction().trim_end_matches('0')
    }
}

impl PartialEq for Amount {
    fn eq(&self, other: &Self) -> bool {
        self.currency == other.currency
            && self.whole() == other.whole()
            && self.significant_fraction() == other.significant_fraction()
    }
}

impl Eq for Amount {}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.currency())?;
        let whole = self.whole();
        for (at, digit) in whole.chars().enumerate() {
            if at > 0 && whole.len().saturating_sub(at).is_multiple_of(3) {
                f.write_str(" ")?;
            }
            write!(f, "{digit}")?;
        }
        match self.fraction() {
            "" => Ok(()),
            fraction => write!(f, ".{fraction}"),
        }
    }
}

/// The text is not an amount.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AmountError {
    /// Not a plain decimal number within the bounds.
    #[error(
        "the amount is not a plain decimal number such as 1250.00; give at most 12 digits without leading zeros, sign or grouping, and at most 3 decimal places"
    )]
    Number,
    /// Not three capitals.
    #[error("the currency is not an ISO 4217 code such as EUR; give its three capitals")]
    Currency,
}

fn is_number(text: &str) -> bool {
    let (whole, fraction) = text.split_once('.').map_or((text, None), |(w, f)| (w, Some(f)));
    let digits = |part: &str, longest| {
        !part.is_empty() && part.len() <= longest && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    digits(whole, LONGEST_WHOLE)
        && (whole == "0" || !whole.starts_with('0'))
        && fraction.is_none_or(|fraction| digits(fraction, LONGEST_FRACTION))
}

/// The digits that `text` begins with, 1 to `longest`, and the rest.
fn leading_digits(text: &str, longest: usize) -> Option<(&str, &str)> {
    let rest = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let length = text.len().saturating_sub(rest.len());
    (1..=longest).contains(&length).then(|| text.split_at_checked(length))?
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)] // a test may overflow: it then fails
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::otp::shown;

    #[test]
    fn amounts_are_plain_numbers() {
        for good in ["0", "0.00", "1", "1250.00", "999999999999.999", "0.5"] {
            assert!(Amount::new(good, "EUR").is_ok(), "{good}");
        }
        for bad in [
            "",
            ".",
            "1.",
            ".5",
            "01",
            "00",
            "-1",
            "+1",
            "1e3",
            "1,5",
            "1 000",
            "1.2345",
            "1.2.3",
            "1000000000000",
            "１",
            "٣",
            "1\n",
            "€1",
            "NaN",
            "inf",
            "0x1",
        ] {
            assert_eq!(Amount::new(bad, "EUR"), Err(AmountError::Number), "{bad:?}");
        }
        for bad in ["", "EU", "eur", "EURO", "E R", "€", "EU\n", "ÄÖ", "EU1"] {
            assert_eq!(Amount::new("1", bad), Err(AmountError::Currency), "{bad:?}");
        }
    }

    #[test]
    fn amounts_are_shown_in_groups() {
        for (number, shown) in [
            ("0", "EUR 0"),
            ("12.50", "EUR 12.50"),
            ("999", "EUR 999"),
            ("1000", "EUR 1 000"),
            ("654321.00", "EUR 654 321.00"),
            ("1234567.891", "EUR 1 234 567.891"),
        ] {
            assert_eq!(Amount::new(number, "EUR").unwrap().to_string(), shown);
        }
    }

    #[test]
    fn minor_units_place_the_point() {
        for (units, decimals, number) in
            [(0, 2, "0.00"), (5, 2, "0.05"), (125_000, 2, "1250.00"), (7, 0, "7"), (1, 3, "0.001")]
        {
            assert_eq!(
                Amount::minor_units(units, decimals, "EUR").unwrap().to_string(),
                Amount::new(number, "EUR").unwrap().to_string()
            );
        }
        assert!(Amount::minor_units(u64::MAX, 2, "EUR").is_err());
        assert!(Amount::minor_units(1, 4, "EUR").is_err());
        assert!(Amount::minor_units(1, 255, "EUR").is_err());
    }

    proptest! {
        #[test]
        fn a_shown_amount_is_recognised_and_never_has_four_digits_in_a_row(
            whole in 0..1_000_000_000_000_u64, fraction in "(\\.[0-9]{1,3})?", rest in "( [a-z]| ?\\. )?",
        ) {
            let amount = Amount::new(&format!("{whole}{fraction}"), "USD").unwrap();
            let text = format!("{amount}{rest}");
            prop_assert_eq!(Amount::shown_at_start(&text), Some((&*amount.to_string(), &*rest)));
            prop_assert!(shown::longest_number(&text) <= 3);
        }

        #[test]
        fn no_text_makes_the_parsers_panic(text in "\\PC{0,60}", currency in "\\PC{0,4}") {
            let _ = Amount::new(&text, &currency);
            let _ = Amount::shown_at_start(&text);
        }
    }
}

crate::base::sentence::debug_as_sentence!(AmountError);
