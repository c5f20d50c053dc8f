//! The GSM 7-bit default alphabet (3GPP TS 23.038 §6.2.1) and its extension table.

/// The default alphabet in the order of its codes, the escape at 0x1B left out.
pub(super) const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?\
                                ¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";

/// The extension table: each is an escape and a second septet.
pub(super) const EXTENSION: &str = "\x0c^{}\\[~]|€";

/// How many septets `c` takes, 1 or 2; `None` if GSM-7 has no such character.
pub(super) fn septets(c: char) -> Option<usize> {
    match usize::try_from(u32::from(c)).ok().and_then(|code| ASCII.get(code)) {
        Some(0) => None,
        Some(cost) => Some(usize::from(*cost)),
        None if BASIC.contains(c) => Some(1),
        None => EXTENSION.contains(c).then_some(2),
    }
}

/// What [`septets`] says of ASCII, which is nearly all of every text; 0 for what GSM-7 lacks.
/// The septets of a text of ASCII characters of the alphabet; `None` if there are others.
pub(super) fn plain_septets(text: &str) -> Option<usize> {
    let (mut sum, mut least) = (0_usize, u8::MAX);
    for byte in text.bytes() {
        let cost = BYTES.get(usize::from(byte)).copied().unwrap_or(0);
        sum = sum.wrapping_add(usize::from(cost));
        least = least.min(cost);
    }
    (least > 0).then_some(sum)
}

/// [`ASCII`], and none for what is above: there is a place for every byte.
static BYTES: [u8; 256] = {
    let mut table = [0; 256];
    cost(&mut table, BASIC.as_bytes(), 1);
    cost(&mut table, EXTENSION.as_bytes(), 2);
    table
};

static ASCII: [u8; 128] = {
    let mut table = [0; 128];
    cost(&mut table, BASIC.as_bytes(), 1);
    cost(&mut table, EXTENSION.as_bytes(), 2);
    table
};

#[allow(clippy::indexing_slicing)] // evaluated by the compiler, which refuses an index out of bounds
const fn cost(table: &mut [u8], mut alphabet: &[u8], septets: u8) {
    while let [byte, rest @ ..] = alphabet {
        // The bytes of other characters are all above.
        if *byte < 128 {
            table[*byte as usize] = septets;
        }
        alphabet = rest;
    }
}

/// The first few characters of `text` that GSM-7 does not have, each once, for an error message.
pub(super) fn strangers(text: &str) -> String {
    let mut found: Vec<char> = Vec::new();
    for c in text.chars().filter(|c| septets(*c).is_none()) {
        if !found.contains(&c) {
            found.push(c);
        }
        if found.len() == 3 {
            break;
        }
    }
    let named: Vec<String> =
        found.iter().map(|c| format!("{c:?} (U+{:04X})", u32::from(*c))).collect();
    named.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// TS 23.038 §6.2.1, by code: the Unicode column of the standard's mapping table (GSM0338.TXT).
    const TABLE: [u32; 128] = [
        0x40, 0xA3, 0x24, 0xA5, 0xE8, 0xE9, 0xF9, 0xEC, 0xF2, 0xC7, 0x0A, 0xD8, 0xF8, 0x0D, 0xC5,
        0xE5, 0x394, 0x5F, 0x3A6, 0x393, 0x39B, 0x3A9, 0x3A0, 0x3A8, 0x3A3, 0x398, 0x39E, 0, 0xC6,
        0xE6, 0xDF, 0xC9, 0x20, 0x21, 0x22, 0x23, 0xA4, 0x25, 0x26, 0x27, 0x28, 0x29, 0x2A, 0x2B,
        0x2C, 0x2D, 0x2E, 0x2F, 0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3A,
        0x3B, 0x3C, 0x3D, 0x3E, 0x3F, 0xA1, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49,
        0x4A, 0x4B, 0x4C, 0x4D, 0x4E, 0x4F, 0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58,
        0x59, 0x5A, 0xC4, 0xD6, 0xD1, 0xDC, 0xA7, 0xBF, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67,
        0x68, 0x69, 0x6A, 0x6B, 0x6C, 0x6D, 0x6E, 0x6F, 0x70, 0x71, 0x72, 0x73, 0x74, 0x75, 0x76,
        0x77, 0x78, 0x79, 0x7A, 0xE4, 0xF6, 0xF1, 0xFC, 0xE0,
    ];

    #[test]
    fn the_alphabet_is_the_table_of_the_standard() {
        let ours: Vec<u32> = BASIC.chars().map(u32::from).collect();
        let theirs: Vec<u32> = TABLE.iter().copied().filter(|code| *code != 0).collect();
        assert_eq!(ours, theirs);
        let doubled = [0x0C, 0x5E, 0x7B, 0x7D, 0x5C, 0x5B, 0x7E, 0x5D, 0x7C, 0x20AC];
        assert_eq!(EXTENSION.chars().map(u32::from).collect::<Vec<_>>(), doubled);
    }

    #[test]
    fn every_character_costs_what_the_tables_say() {
        for c in '\0'..='\u{ffff}' {
            let code = u32::from(c);
            let expected = if code != 0 && TABLE.contains(&code) {
                Some(1)
            } else if EXTENSION.contains(c) {
                Some(2)
            } else {
                None
            };
            assert_eq!(septets(c), expected, "U+{code:04X}");
        }
        assert_eq!(septets('😀'), None);
    }

    #[test]
    fn strangers_are_named_once() {
        assert_eq!(strangers("plain €"), "");
        assert_eq!(strangers("a’b’"), "'’' (U+2019)");
        assert_eq!(strangers("абвг").matches("U+").count(), 3);
    }
}
