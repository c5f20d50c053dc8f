//! [`Needles`]: what must never appear in a log, a dump, an error or a message, and the search.

use std::fmt;

use base64ct::{Base64, Base64UrlUnpadded, Encoding};
use zeroize::Zeroizing;

use crate::transport::OutboundSms;

/// Secrets that were made during a test, and the forms in which they could leak.
///
/// Register every code, number and key as it is minted; at the end scan everything that was
/// written: captured logs, `Debug` and `Display` of every value, error chains, the store's dump.
///
/// ```
/// use otpgate::testing::secrets::Needles;
///
/// let mut needles = Needles::new();
/// needles.code("the first code", "041673");
/// needles.number("the subscriber", "+8613800138000");
/// needles.key("the pepper", &[7; 32]);
///
/// let log = "issued 041673 to 8613800138000";
/// let hits = needles.scan(log);
/// assert_eq!(hits.len(), 2);
/// assert_eq!(hits[0].label, "the first code");
/// assert_eq!(hits[0].at, 7);
/// // Digits within a longer number are no code.
/// assert!(needles.scan("took 9041673 ns").is_empty());
/// // Nor does the search itself leak what it looks for.
/// assert!(needles.scan(format!("{needles:?} {hits:?}")).is_empty());
/// ```
#[derive(Default)]
pub struct Needles(Vec<Needle>);

/// A place where a secret was found. Names it, but does not repeat it.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Hit {
    /// The label it was registered under.
    pub label: String,
    /// The form it was found in, such as `text` or `hex`.
    pub form: &'static str,
    /// Where in the scanned bytes it begins.
    pub at: usize,
}

struct Needle {
    label: String,
    form: &'static str,
    bytes: Zeroizing<Vec<u8>>,
    /// Found only where no digit stands before or after.
    bounded: bool,
}

impl Needles {
    /// Nothing to look for yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Looks for a code: as text, as a list of bytes, in hexadecimal and in base64.
    ///
    /// Six digits occur by chance in longer numbers, so digits of a code are found only where no
    /// other digit stands beside them.
    pub fn code(&mut self, label: &str, code: &str) {
        self.add(label, "text", code.as_bytes(), true);
        self.encoded(label, code.as_bytes());
    }

    /// Looks for a number in E.164 form: with and without `+`, and by its last nine digits, which
    /// is how most national forms end.
    pub fn number(&mut self, label: &str, number: &str) {
        let digits = number.trim_start_matches('+');
        self.add(label, "text", digits.as_bytes(), true);
        let tail = digits.len().saturating_sub(9);
        if let Some(national) = digits.get(tail..).filter(|_| tail > 0) {
            self.add(label, "national digits", national.as_bytes(), false);
        }
        self.encoded(label, number.as_bytes());
    }

    /// Looks for a key or another secret of at least 8 bytes: as it is, in hexadecimal, in base64
    /// and as a list of numbers, as `Debug` prints bytes.
    pub fn key(&mut self, label: &str, key: &[u8]) {
        self.add(label, "bytes", key, false);
        self.encoded(label, key);
    }

    /// Looks for everything in a text that must not leak: the number and the whole text.
    pub fn sms(&mut self, label: &str, sms: &OutboundSms) {
        self.number(&format!("{label}: number"), sms.expose_number());
        self.key(&format!("{label}: text"), sms.expose_text().as_bytes());
    }

    /// Every place in `haystack` where a secret stands, in the order of registration.
    #[must_use]
    pub fn scan(&self, haystack: impl AsRef<[u8]>) -> Vec<Hit> {
        let haystack = haystack.as_ref();
        let mut hits: Vec<Hit> = Vec::new();
        for needle in &self.0 {
            for at in needle.places(haystack) {
                // A number is found by its national digits too; one hit says it.
                let known = |hit: &Hit| {
                    hit.label == needle.label && hit.at <= at && at.saturating_sub(hit.at) < 16
                };
                if !hits.iter().any(known) {
                    hits.push(Hit { label: needle.label.clone(), form: needle.form, at });
                }
            }
        }
        hits
    }

    /// Scans `Debug`, and for errors `Display` and every source, in one go.
    #[must_use]
    pub fn scan_error(&self, error: &(dyn std::error::Error + 'static)) -> Vec<Hit> {
        let mut text = String::new();
        let mut next = Some(error);
        while let Some(error) = next {
            text.push_str(&format!("{error}\n{error:?}\n{error:#?}\n"));
            next = error.source();
        }
        self.scan(text)
    }

    fn encoded(&mut self, label: &str, bytes: &[u8]) {
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        self.add(label, "hex", hex.as_bytes(), false);
        self.add(label, "upper-case hex", hex.to_uppercase().as_bytes(), false);
        let padded = Base64::encode_string(bytes);
        self.add(label, "base64", padded.trim_end_matches('=').as_bytes(), false);
        let url = Base64UrlUnpadded::encode_string(bytes);
        self.add(label, "base64url", url.as_bytes(), false);
        let list = format!("{bytes:?}");
        let list = list.trim_matches(['[', ']']);
        self.add(label, "list of bytes", list.as_bytes(), true);
        let lines = list.replace(", ", ",\n    ");
        self.add(label, "lines of bytes", lines.as_bytes(), true);
    }

    fn add(&mut self, label: &str, form: &'static str, bytes: &[u8], bounded: bool) {
        let known = |needle: &Needle| needle.label == label && *needle.bytes == bytes;
        if !bytes.is_empty() && !self.0.iter().any(known) {
            let bytes = Zeroizing::new(bytes.to_vec());
            self.0.push(Needle { label: label.into(), form, bytes, bounded });
        }
    }
}

impl fmt::Debug for Needles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut labels: Vec<&str> = self.0.iter().map(|needle| needle.label.as_str()).collect();
        labels.dedup();
        f.debug_tuple("Needles").field(&labels).finish()
    }
}

impl Needle {
    fn places<'a>(&'a self, haystack: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
        let digit = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_digit);
        let first = self.bytes.first().copied();
        // Most places are ruled out by one byte, without a slice being made.
        let begins = haystack.iter().enumerate().filter(move |(_, byte)| Some(**byte) == first);
        begins.filter_map(move |(at, _)| {
            let end = at.saturating_add(self.bytes.len());
            let before = at.checked_sub(1).and_then(|at| haystack.get(at));
            let free = !self.bounded || !(digit(before) || digit(haystack.get(end)));
            (haystack.get(at..end) == Some(self.bytes.as_slice()) && free).then_some(at)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_key_is_found() {
        let key: Vec<u8> = (200..232).collect();
        let mut needles = Needles::new();
        needles.key("key", &key);
        let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
        for (text, form) in [
            (hex.clone(), "hex"),
            (hex.to_uppercase(), "upper-case hex"),
            (Base64::encode_string(&key), "base64"),
            (format!("{key:?}"), "list of bytes"),
            (format!("{key:#?}"), "lines of bytes"),
        ] {
            let hits = needles.scan(format!("x{text}x"));
            assert_eq!(hits.len(), 1, "{form}");
            assert_eq!(hits[0].form, form);
        }
        assert_eq!(needles.scan(&key)[0].form, "bytes");
        assert!(needles.scan(&key[1..]).is_empty());
    }

    #[test]
    fn national_forms_of_a_number_are_found() {
        let mut needles = Needles::new();
        needles.number("number", "+4915123456789");
        assert_eq!(needles.scan("call 015123456789").len(), 1);
        assert_eq!(needles.scan("call +4915123456789.").len(), 1);
        assert!(needles.scan("call +49…89").is_empty());
    }
}
