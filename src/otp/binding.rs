//! What a code is bound to besides its verification: a payment, or whatever the host must not let
//! change between the text and the entry.

use std::fmt;

use super::shown;
use crate::base::codec::Writer;

const LONGEST_PAYEE: usize = 35;
const LONGEST_LABEL: usize = 32;
const LONGEST_CUSTOM: usize = 1_024;
const LONGEST_WHOLE: usize = 12;
const LONGEST_FRACTION: usize = 3;

/// What a code is bound to: part of its digest and, for a payment, of its text.
///
/// Dynamic linking (Commission Delegated Regulation (EU) 2018/389, Art. 5): the payer is shown amount
/// and payee, the code is good for that amount and that payee only, and any change voids it. The host
/// gives the binding at issue and again, from the payment it is about to execute, at verification.
///
/// ```
/// use otpgate::otp::{Amount, Binding, Payee};
///
/// let rent = Binding::transaction(Amount::new("1250.00", "EUR")?, Payee::new("Haus & Grund")?);
/// let more = Binding::transaction(Amount::new("9250.00", "EUR")?, Payee::new("Haus & Grund")?);
/// assert_ne!(rent.bytes(), more.bytes());
/// assert_ne!(rent.bytes(), Binding::none().bytes());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Binding(Bound);

impl Binding {
    /// Bound to nothing but realm, purpose, verification and subject, which is always the case.
    #[must_use]
    pub const fn none() -> Self {
        Self(Bound::None)
    }

    /// Bound to a payment. The text shows both, or it is not sent.
    #[must_use]
    pub const fn transaction(amount: Amount, payee: Payee) -> Self {
        Self(Bound::Transaction { amount, payee })
    }

    /// Bound to something of the host's that the text does not show, such as the digest of a document
    /// or the new e-mail address of a change. `label` says what it is and keeps two kinds apart.
    ///
    /// # Errors
    ///
    /// [`BindingError`] unless `label` is 1 to 32 of `a-z`, `0-9`, `-`, `_` and `.`, and `bytes` at
    /// most 1 024.
    pub fn custom(label: &str, bytes: &[u8]) -> Result<Self, BindingError> {
        let letters = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.');
        if label.is_empty() || label.len() > LONGEST_LABEL || !label.bytes().all(letters) {
            return Err(BindingError::Label);
        }
        if bytes.len() > LONGEST_CUSTOM {
            return Err(BindingError::TooLong { length: bytes.len() });
        }
        Ok(Self(Bound::Custom { label: label.to_owned(), bytes: bytes.to_vec() }))
    }

    /// The canonical form that goes into the digest: a kind, then length-prefixed fields. Two
    /// bindings have the same bytes exactly if they are equal.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        match &self.0 {
            Bound::None => Writer::new().u8(0),
            Bound::Transaction { amount, payee } => Writer::new()
                .u8(1)
                .text(amount.whole())
                .text(amount.significant_fraction())
                .text(amount.currency())
                .text(&payee.0),
            Bound::Custom { label, bytes } => Writer::new().u8(2).text(label).bytes(bytes),
        }
        .finish()
    }

    /// Amount and payee, if this is a payment: what the text must show.
    #[must_use]
    pub const fn payment(&self) -> Option<(&Amount, &Payee)> {
        match &self.0 {
            Bound::Transaction { amount, payee } => Some((amount, payee)),
            Bound::None | Bound::Custom { .. } => None,
        }
    }
}

impl fmt::Debug for Binding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Bound::None => f.write_str("Binding(none)"),
            Bound::Transaction { .. } => f.write_str("Binding(transaction)"),
            Bound::Custom { label, .. } => write!(f, "Binding({label})"),
        }
    }
}

#[derive(Clone, PartialEq, Eq, Default)]
enum Bound {
    #[default]
    None,
    Transaction {
        amount: Amount,
        payee: Payee,
    },
    Custom {
        label: String,
        bytes: Vec<u8>,
    },
}

/// An amount of money as the payer reads it: a decimal number and an ISO 4217 currency code.
///
/// It is text, not a number of ours, so it is shown and bound exactly as the host executes it. Shown
/// as `EUR 1 250.00`: the code instead of a symbol, because `€` costs two septets and most others do
/// not exist in GSM-7; groups of three behind spaces, so that no amount looks like a code. Zeros at
/// the end of the fraction do not count: `12.5` equals `12.50`.
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
    #[must_use]
    pub fn currency(&self) -> &str {
        std::str::from_utf8(&self.currency).unwrap_or_default()
    }

    /// The longest amount there is; to measure texts.
    pub(crate) fn longest() -> Self {
        let number = format!("{}.{}", "8".repeat(LONGEST_WHOLE), "8".repeat(LONGEST_FRACTION));
        Self { number, currency: *b"XXX" }
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

    fn whole(&self) -> &str {
        self.number.split('.').next().unwrap_or_default()
    }

    fn fraction(&self) -> &str {
        self.number.split_once('.').map_or("", |(_, fraction)| fraction)
    }

    fn significant_fraction(&self) -> &str {
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
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
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

/// Who is paid, as the payer reads it: a name, or the end of an account number, or an IBAN in groups.
///
/// It is the one text in a message that a stranger may have chosen, so its class is narrow: 1 to 35
/// UTF-16 code units (the length of a name line in SWIFT messages) of letters of any script, digits,
/// spaces and `. , - ' & ( ) / +`; nothing a telephone would make a link of; at most five digits in a
/// row and no six capitals of the code alphabet, so that it cannot pass for a code. It cannot break
/// a line or reach the origin-bound last one. Masked in `Debug`.
///
/// ```
/// use otpgate::otp::Payee;
///
/// assert_eq!(Payee::new("DE89 3704 0044 0532 0130 00")?.as_str().len(), 27);
/// assert!(Payee::new("Bob\n@evil.example #123456").is_err());
/// assert!(Payee::new("visit evil.example").is_err());
/// # Ok::<(), otpgate::otp::PayeeError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Payee(String);

impl Payee {
    /// Checks the class of `text` and takes it as it is.
    ///
    /// # Errors
    ///
    /// [`PayeeError`] names the rule. Shorten or respell the name; what is shown is what is bound.
    pub fn new(text: &str) -> Result<Self, PayeeError> {
        if text.is_empty() || text.len() > LONGEST_PAYEE.saturating_mul(4) {
            return Err(PayeeError::Length);
        }
        if shown::units(text) > LONGEST_PAYEE {
            return Err(PayeeError::Length);
        }
        if text.starts_with(' ') || text.ends_with(' ') {
            return Err(PayeeError::Space);
        }
        if !text.chars().all(shown::is_name) {
            return Err(PayeeError::Character);
        }
        if shown::longest_number(text) > 5 || shown::has_code_word(text) {
            return Err(PayeeError::LikeCode);
        }
        if shown::has_link(text) {
            return Err(PayeeError::Link);
        }
        Ok(Self(text.to_owned()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The longest payee, of one letter; to measure texts.
    pub(crate) fn longest(letter: char) -> Self {
        Self(std::iter::repeat_n(letter, LONGEST_PAYEE).collect())
    }
}

impl fmt::Debug for Payee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Payee([redacted])")
    }
}

/// The text may not stand in a message as a payee. It never quotes the text.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PayeeError {
    /// Empty, or longer than 35 UTF-16 code units.
    #[error("the payee is empty or longer than 35 characters; shorten the name")]
    Length,
    /// White space at an end.
    #[error("the payee begins or ends with a space; trim it")]
    Space,
    /// A character outside the class of names.
    #[error(
        "the payee has a character that names do not have; use letters, digits, spaces and . , - ' & ( ) / +"
    )]
    Character,
    /// Six or more digits, or capitals of the code alphabet, in a row.
    #[error(
        "the payee has a part that could be taken for a code; put a space into runs of six digits or capitals, or give the last four digits of an account"
    )]
    LikeCode,
    /// Something that a telephone makes a link of.
    #[error("the payee has a part that becomes a link; write `Example com` for `example.com`")]
    Link,
}

/// The binding is out of bounds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindingError {
    /// Not a label.
    #[error("the label of the binding is not 1 to 32 of a-z, 0-9, '-', '_' and '.'; rename it")]
    Label,
    /// More than 1 024 bytes.
    #[error("the binding has {length} bytes, more than 1024; bind a SHA-256 of it instead")]
    TooLong {
        /// Its length in bytes.
        length: usize,
    },
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

    fn payment(number: &str, currency: &str, payee: &str) -> Binding {
        Binding::transaction(Amount::new(number, currency).unwrap(), Payee::new(payee).unwrap())
    }

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

    #[test]
    fn payees_are_names() {
        for good in [
            "Haus & Grund",
            "Łukasz Żak",
            "S.p.A. Roma",
            "account 3000",
            "O'Neill (GB)",
            "株式会社",
            "DE89 3704 0044 0532 0130 00",
            &"x".repeat(35),
        ] {
            assert_eq!(Payee::new(good).map(|payee| payee.0), Ok(good.to_owned()));
        }
        for (bad, rule) in [
            ("", PayeeError::Length),
            (&"x".repeat(36), PayeeError::Length),
            (&"x".repeat(1_000_000), PayeeError::Length),
            (&"𠀀".repeat(18), PayeeError::Length),
            (" Bob", PayeeError::Space),
            ("Bob\n", PayeeError::Character),
            ("@evil.com #123456", PayeeError::Character),
            ("{code}", PayeeError::Character),
            ("Bob \u{202e}", PayeeError::Character),
            ("Bob 123456", PayeeError::LikeCode),
            ("BCDFGH", PayeeError::LikeCode),
            ("evil.com", PayeeError::Link),
        ] {
            assert_eq!(Payee::new(bad), Err(rule), "{bad:?}");
        }
        assert_eq!(format!("{:?}", Payee::new("Bob").unwrap()), "Payee([redacted])");
    }

    #[test]
    fn labels_and_sizes_are_bounded() {
        assert!(Binding::custom("email-change", b"new@example.com").is_ok());
        for bad in ["", "A", "a b", &"a".repeat(33)] {
            assert_eq!(Binding::custom(bad, b""), Err(BindingError::Label));
        }
        assert_eq!(Binding::custom("a", &[0; 1_025]), Err(BindingError::TooLong { length: 1_025 }));
        assert_eq!(format!("{:?}", Binding::custom("a", b"secret").unwrap()), "Binding(a)");
    }

    #[test]
    fn equal_amounts_are_the_same_binding() {
        assert_eq!(payment("12.5", "EUR", "Bob").bytes(), payment("12.50", "EUR", "Bob").bytes());
        assert_eq!(payment("12.5", "EUR", "Bob"), payment("12.50", "EUR", "Bob"));
    }

    fn any_binding() -> impl Strategy<Value = Binding> {
        prop_oneof![
            Just(Binding::none()),
            ("(0|[1-9][0-9]{0,3})(\\.[0-9]{1,3})?", "[A-C]{3}", "[a-c]{1,4}")
                .prop_map(|(number, currency, payee)| payment(&number, &currency, &payee)),
            ("[a-c]{1,4}", proptest::collection::vec(any::<u8>(), 0..6))
                .prop_map(|(label, bytes)| Binding::custom(&label, &bytes).unwrap()),
        ]
    }

    proptest! {
        #[test]
        fn the_bytes_are_the_same_exactly_if_the_bindings_are_equal(
            a in any_binding(), b in any_binding(),
        ) {
            prop_assert_eq!(a.bytes() == b.bytes(), a == b);
        }

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
            if let Ok(payee) = Payee::new(&text) {
                prop_assert!(payee.as_str().chars().all(shown::is_name));
            }
        }
    }
}
