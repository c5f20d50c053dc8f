//! What a code is bound to besides its verification: a payment, or anything else that must not
//! change between the text and the entry.

use std::borrow::Cow;
use std::fmt;

use super::amount::Amount;
use super::payee::Payee;
use crate::base::codec::Writer;

const LONGEST_LABEL: usize = 32;
const LONGEST_CUSTOM: usize = 1_024;
/// The bytes of no binding.
const NONE: &[u8] = &[0];

/// What a code is bound to: part of its digest and, for a payment, of its text.
///
/// Dynamic linking (Commission Delegated Regulation (EU) 2018/389, Art. 5): the payer is shown
/// amount and payee, the code is good for that amount and that payee only, and any change voids it.
/// You give the binding at issue and again at verification, from the payment you are about to
/// execute.
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
    /// Bound to realm, purpose, verification and subject only, as every code is.
    #[must_use]
    pub const fn none() -> Self {
        Self(Bound::None)
    }

    /// Bound to a payment. The text shows both, or it is not sent.
    #[must_use]
    pub const fn transaction(amount: Amount, payee: Payee) -> Self {
        Self(Bound::Transaction { amount, payee })
    }

    /// Bound to something of yours that the text does not show, such as the digest of a document or
    /// the new e-mail address of a change. `label` says what it is and keeps two kinds apart.
    ///
    /// # Errors
    ///
    /// [`BindingError`] unless `label` is 1 to 32 of `a-z`, `0-9`, `-`, `_` and `.`, and `bytes` at
    /// most 1 024.
    ///
    /// ```
    /// use otpgate::otp::{Binding, BindingError};
    ///
    /// let mail = Binding::custom("new-email", b"ana@example.com")?;
    /// assert_ne!(mail, Binding::custom("new-email", b"eve@example.com")?);
    /// assert_eq!(mail.payment(), None, "the text does not show it");
    /// assert_eq!(Binding::custom("New e-mail", b""), Err(BindingError::Label));
    /// # Ok::<(), BindingError>(())
    /// ```
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
    pub fn bytes(&self) -> Vec<u8> {
        match &self.0 {
            Bound::None => Writer::over(NONE.to_vec()),
            Bound::Transaction { amount, payee } => Writer::new()
                .u8(1)
                .text(amount.whole())
                .text(amount.significant_fraction())
                .text(amount.currency())
                .text(payee.as_str()),
            Bound::Custom { label, bytes } => Writer::new().u8(2).text(label).bytes(bytes),
        }
        .finish()
    }

    /// Amount and payee, if this is a payment: what the text must show.
    pub const fn payment(&self) -> Option<(&Amount, &Payee)> {
        match &self.0 {
            Bound::Transaction { amount, payee } => Some((amount, payee)),
            Bound::None | Bound::Custom { .. } => None,
        }
    }
}

impl Binding {
    /// As [`bytes`](Self::bytes); most codes are bound to nothing.
    pub(crate) fn encoded(&self) -> Cow<'_, [u8]> {
        match &self.0 {
            Bound::None => Cow::Borrowed(NONE),
            _ => Cow::Owned(self.bytes()),
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

/// The binding is out of bounds.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
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

crate::base::sentence::debug_as_sentence!(BindingError);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn payment(number: &str, currency: &str, payee: &str) -> Binding {
        Binding::transaction(Amount::new(number, currency).unwrap(), Payee::new(payee).unwrap())
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
    }
}
