//! How many segments a text takes, which decides what it costs.

use super::gsm;

/// The encoding a text needs.
///
/// ```
/// use otpgate::message::{Encoding, Segments};
///
/// let plain = Segments::of("041673 is your Example code.");
/// let accented = Segments::of("041673 est votre code Exámple."); // á is not in GSM-7
/// assert_eq!((plain.encoding, accented.encoding), (Encoding::Gsm7, Encoding::Ucs2));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Encoding {
    /// The GSM 7-bit default alphabet with its extension table: 160 septets, or 153 in each part.
    Gsm7,
    /// UCS-2, in practice UTF-16: 70 code units, or 67 in each part. One character outside GSM-7
    /// (a smart quote, an emoji, most accents) moves the whole text here.
    Ucs2,
}

/// The size of a text as a network counts it (3GPP TS 23.038 and 23.040).
///
/// ```
/// use otpgate::message::{Encoding, Segments};
///
/// assert_eq!(Segments::of(&"x".repeat(160)).count, 1);
/// assert_eq!(Segments::of(&"x".repeat(161)).count, 2);
/// assert_eq!(Segments::of("12 €").units, 5); // the euro sign is an escape and a septet
/// assert_eq!(Segments::of("don’t").encoding, Encoding::Ucs2);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub struct Segments {
    /// The encoding.
    pub encoding: Encoding,
    /// Septets of GSM-7, an extension character being two, or UTF-16 code units of UCS-2.
    pub units: usize,
    /// The number of segments, at least 1. Neither an escape sequence nor a surrogate pair is split
    /// between two of them.
    pub count: usize,
}

impl Segments {
    /// Counts `text`.
    #[must_use]
    pub fn of(text: &str) -> Self {
        // Most texts are plain, and of one segment.
        if let Some(units) = gsm::plain_septets(text)
            && units <= 160
        {
            return Self { encoding: Encoding::Gsm7, units, count: 1 };
        }
        let mut is_gsm = true;
        let costs = text.chars().map_while(|c| {
            let septets = gsm::septets(c);
            is_gsm = septets.is_some();
            septets
        });
        let gsm = Self::packed(Encoding::Gsm7, 160, 153, costs);
        if is_gsm {
            gsm
        } else {
            Self::packed(Encoding::Ucs2, 70, 67, text.chars().map(char::len_utf16))
        }
    }

    fn packed(
        encoding: Encoding,
        alone: usize,
        part: usize,
        costs: impl Iterator<Item = usize>,
    ) -> Self {
        let (mut units, mut count, mut used) = (0_usize, 1_usize, 0_usize);
        for cost in costs {
            units = units.saturating_add(cost);
            used = used.saturating_add(cost);
            if used > part {
                count = count.saturating_add(1);
                used = cost;
            }
        }
        Self { encoding, units, count: if units <= alone { 1 } else { count } }
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)] // a test may overflow: it then fails
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn counted(text: &str) -> (Encoding, usize, usize) {
        let Segments { encoding, units, count } = Segments::of(text);
        (encoding, units, count)
    }

    #[test]
    fn the_limits_of_the_standard() {
        use Encoding::{Gsm7, Ucs2};
        for (letter, length, expected) in [
            ("x", 0, (Gsm7, 0, 1)),
            ("x", 160, (Gsm7, 160, 1)),
            ("x", 161, (Gsm7, 161, 2)),
            ("x", 306, (Gsm7, 306, 2)),
            ("x", 307, (Gsm7, 307, 3)),
            ("à", 160, (Gsm7, 160, 1)),
            ("€", 80, (Gsm7, 160, 1)),
            // 153 is odd: an escape sequence at the end of a part moves on whole, so 76 a part.
            ("€", 81, (Gsm7, 162, 2)),
            ("€", 152, (Gsm7, 304, 2)),
            ("€", 153, (Gsm7, 306, 3)),
            ("ж", 70, (Ucs2, 70, 1)),
            ("ж", 71, (Ucs2, 71, 2)),
            ("ж", 134, (Ucs2, 134, 2)),
            ("ж", 135, (Ucs2, 135, 3)),
            ("😀", 35, (Ucs2, 70, 1)),
            // 67 is odd: a surrogate pair moves on whole, so 33 a part.
            ("😀", 36, (Ucs2, 72, 2)),
            ("😀", 66, (Ucs2, 132, 2)),
            ("😀", 67, (Ucs2, 134, 3)),
        ] {
            assert_eq!(counted(&letter.repeat(length)), expected, "{length} of {letter}");
        }
    }

    #[test]
    fn one_smart_quote_costs_more_than_half_the_message() {
        let plain = "123456 is your code. Don't share it with anybody, whoever they say they are.";
        assert_eq!(Segments::of(plain).count, 1);
        let smart = plain.replace('\'', "’");
        assert_eq!(counted(&smart), (Encoding::Ucs2, 76, 2));
    }

    proptest! {
        #[test]
        fn parts_hold_what_they_can(text in "[a-z€ж😀]{0,400}") {
            // Reference: lay the characters out one after the other into parts of fixed size.
            let gsm = text.chars().all(|c| c == '€' || c.is_ascii());
            let cost = |c: char| match (gsm, c) {
                (true, '€') => 2,
                (true, _) => 1,
                (false, c) => c.encode_utf16(&mut [0; 2]).len(),
            };
            let total: usize = text.chars().map(cost).sum();
            let (alone, part) = if gsm { (160, 153) } else { (70, 67) };
            let mut parts = vec![0];
            for c in text.chars() {
                let last = parts.len() - 1;
                if parts[last] + cost(c) > part { parts.push(cost(c)) } else { parts[last] += cost(c) }
            }
            let expected = if total <= alone { 1 } else { parts.len() };
            let segments = Segments::of(&text);
            prop_assert_eq!((segments.units, segments.count), (total, expected));
        }
    }
}
