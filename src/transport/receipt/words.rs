//! What the verifiers of receipts share in words: what an identifier looks like, and how one is refused.

use super::{ReceiptError, ReceiptErrorKind};

/// Longer than any identifier, status or code that a provider documents.
const LONGEST: usize = 200;

/// Whether `text` can be a provider's identifier, status or code: letters, digits and `marks`. It comes from
/// the wire, and what it stands for is logged and stored.
pub(crate) fn is_plain(text: &str, marks: &[u8]) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || marks.contains(&byte);
    (1..=LONGEST).contains(&text.len()) && text.bytes().all(plain)
}

/// How one provider's receipts are refused: what to look at if one was genuine.
#[derive(Clone, Copy)]
pub(crate) struct Refusals {
    pub(crate) provider: &'static str,
    pub(crate) unsigned: &'static str,
    pub(crate) forged: &'static str,
    pub(crate) malformed: &'static str,
}

#[allow(dead_code, reason = "each provider refuses for some of these")]
impl Refusals {
    pub(crate) const fn unsigned(self) -> ReceiptError {
        ReceiptError::new(self.provider, ReceiptErrorKind::Unsigned, self.unsigned)
    }

    pub(crate) const fn forged(self) -> ReceiptError {
        ReceiptError::new(self.provider, ReceiptErrorKind::Forged, self.forged)
    }

    pub(crate) const fn malformed(self) -> ReceiptError {
        ReceiptError::new(self.provider, ReceiptErrorKind::Malformed, self.malformed)
    }

    /// Signed too long ago, or ahead.
    pub(crate) const fn stale(self) -> ReceiptError {
        let remedy =
            "if it was genuine, check this machine's clock and any queue before the endpoint";
        ReceiptError::new(self.provider, ReceiptErrorKind::Stale, remedy)
    }

    /// The host's secrets cannot be read.
    pub(crate) const fn no_secret(self) -> ReceiptError {
        let remedy = "make the credential source readable";
        ReceiptError::new(self.provider, ReceiptErrorKind::NoSecret, remedy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_short_and_of_one_alphabet() {
        assert!(
            is_plain("SM1_a", b"_") && is_plain("a-b.c", b"-.") && is_plain(&"a".repeat(200), b"")
        );
        for odd in ["", "a b", "+15550100", "a\n", "\u{e9}", "a-b", &"a".repeat(201)] {
            assert!(!is_plain(odd, b"_"), "{odd}");
        }
    }
}
