//! Opaque identifiers: pseudonyms for the store, request identifiers, and their text form.

use std::fmt;

/// What the two have in common: 16 bytes, of which a log shows four.
macro_rules! sixteen_bytes {
    ($name:ident) => {
        impl $name {
            /// Made of its bytes, by stores that read it back and by tests.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            /// The bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let [a, b, c, d, ..] = self.0;
                write!(f, "{a:02x}{b:02x}{c:02x}{d:02x}…")
            }
        }
    };
}

/// The name under which a store keeps something: 16 bytes of a keyed HMAC, never the thing itself.
///
/// A store sees no phone number, address or code, so a leaked store names nobody. Being uniformly
/// distributed, a pseudonym is its own hash: a map over it needs no second hasher.
///
/// ```
/// use otpgate::Pseudonym;
///
/// let name = Pseudonym::from_bytes([0xAB; 16]);
/// assert_eq!(Pseudonym::from_bytes(*name.as_bytes()), name);
/// assert_eq!(format!("{name:?}"), "abababab…");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Pseudonym([u8; 16]);

sixteen_bytes!(Pseudonym);

/// The identifier of one call to a store: 16 random bytes, the same when the call is repeated.
///
/// A store answers a repeated identifier as it answered the first time and charges nothing twice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct RequestId([u8; 16]);

sixteen_bytes!(RequestId);

/// The alphabet of base64url (RFC 4648 §5).
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// What is no letter of it.
const NONE: u8 = 0xFF;

/// The value of each letter.
const VALUES: [u8; 256] = {
    let mut values = [NONE; 256];
    let mut value = 0;
    while value < ALPHABET.len() {
        // Fails the build, never a call.
        #[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)]
        {
            values[ALPHABET[value] as usize] = value as u8;
            value += 1;
        }
    }
    values
};

/// `bytes` as base64url without padding (RFC 4648 §5): safe in a form, a cookie and a URL.
///
/// For tickets, grants and their like, which are signed or sealed and handed to clients. Keys as text go
/// through base64ct, which looks nothing up.
pub(crate) fn to_text(bytes: &[u8]) -> String {
    let mut text = vec![0; text_length(bytes.len())];
    text_of(bytes, &mut text);
    String::from_utf8(text).unwrap_or_default()
}

/// As [`to_text`], into `text`, which has the length of the text.
pub(crate) fn text_of(bytes: &[u8], text: &mut [u8]) {
    let letter = |value: u32| {
        let index = usize::try_from(value & 0x3F).unwrap_or(0);
        ALPHABET.get(index).copied().unwrap_or(b'A')
    };
    let four = |a: u8, b: u8, c: u8| {
        let word = u32::from_be_bytes([0, a, b, c]);
        [letter(word >> 18), letter(word >> 12), letter(word >> 6), letter(word)]
    };
    let (whole, rest) = bytes.as_chunks::<3>();
    let (places, end) = text.as_chunks_mut::<4>();
    for (place, [a, b, c]) in places.iter_mut().zip(whole) {
        *place = four(*a, *b, *c);
    }
    let last = match rest {
        [a, b] => four(*a, *b, 0),
        [a] => four(*a, 0, 0),
        _ => return,
    };
    end.iter_mut().zip(last).for_each(|(to, from)| *to = from);
}

/// How many characters [`text_of`] takes for so many bytes.
const fn text_length(bytes: usize) -> usize {
    bytes.saturating_mul(4).div_ceil(3)
}

/// The bytes behind base64url text, in `room`; `None` if it is anything else or there is not so much
/// room. Of the texts for the same bytes only the one that [`to_text`] makes is taken.
pub(crate) fn text_into<'r>(text: &str, room: &'r mut [u8]) -> Option<&'r [u8]> {
    let value = |letter: u8| u32::from(*VALUES.get(usize::from(letter)).unwrap_or(&NONE));
    let (whole, rest) = text.as_bytes().as_chunks::<4>();
    let spare = rest.len().checked_mul(3)?.checked_div(4)?;
    let length = whole.len().checked_mul(3)?.checked_add(spare)?;
    let room = room.get_mut(..length)?;
    let (triples, last) = room.as_chunks_mut::<3>();
    let mut wrong = 0;
    for (triple, [a, b, c, d]) in triples.iter_mut().zip(whole) {
        let (a, b, c, d) = (value(*a), value(*b), value(*c), value(*d));
        wrong |= a | b | c | d;
        let [_, bytes @ ..] = (a << 18 | b << 12 | c << 6 | d).to_be_bytes();
        *triple = bytes;
    }
    match (last, rest) {
        ([], []) => {}
        ([one], [a, b]) => {
            let (a, b) = (value(*a), value(*b));
            let [_, byte, tail, _] = (a << 18 | b << 12).to_be_bytes();
            wrong |= a | b | u32::from(tail) << 8;
            *one = byte;
        }
        ([one, two], [a, b, c]) => {
            let (a, b, c) = (value(*a), value(*b), value(*c));
            let [_, first, second, tail] = (a << 18 | b << 12 | c << 6).to_be_bytes();
            wrong |= a | b | c | u32::from(tail) << 8;
            (*one, *two) = (first, second);
        }
        _ => return None,
    }
    // A letter's value has six bits.
    (wrong < 0x40).then_some(room)
}

/// The bytes behind base64url text of at most `longest` bytes; `None` if it is anything else.
pub(crate) fn from_text(text: &str, longest: usize) -> Option<Vec<u8>> {
    if text.len() > longest.saturating_mul(4).div_ceil(3) {
        return None;
    }
    let mut bytes = vec![0; text.len()];
    let length = text_into(text, &mut bytes)?.len();
    bytes.truncate(length);
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use base64ct::{Base64UrlUnpadded, Encoding};
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn text_is_base64url_as_base64ct_has_it(
            bytes in proptest::collection::vec(any::<u8>(), 0..70), extra in 0_usize..3,
        ) {
            let text = Base64UrlUnpadded::encode_string(&bytes);
            prop_assert_eq!(&to_text(&bytes), &text);
            prop_assert_eq!(from_text(&text, bytes.len() + extra), Some(bytes.clone()));
            let mut short = vec![0; bytes.len().saturating_sub(1)];
            prop_assert_eq!(text_into(&text, &mut short).is_some(), bytes.is_empty());
        }

        #[test]
        fn what_base64ct_refuses_is_refused(text in "[A-Za-e0-2_+/=é -]{0,9}") {
            let there = Base64UrlUnpadded::decode_vec(&text).ok();
            prop_assert_eq!(from_text(&text, 64), there);
        }
    }

    #[test]
    fn one_text_stands_for_some_bytes_and_no_other() {
        // RFC 4648 §3.5: the bits that are left over must be zero.
        for (text, bytes) in [
            ("AA", Some(vec![0])),
            ("AB", None),
            ("AAA", Some(vec![0, 0])),
            ("AAB", None),
            ("A", None),
            ("AAAAA", None),
            ("", Some(vec![])),
        ] {
            assert_eq!(from_text(text, 64), bytes, "{text}");
        }
        assert_eq!(from_text("AAAA", 2), None);
    }
}
