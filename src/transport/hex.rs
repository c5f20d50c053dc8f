//! Hexadecimal text, as signatures are written.

/// In small letters.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The bytes of hexadecimal text, in small letters or capitals. `None` for everything else.
#[cfg(feature = "vonage")]
pub(crate) fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u32>> = text.chars().map(|digit| digit.to_digit(16)).collect();
    digits?
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => u8::try_from((high << 4) | low).ok(),
            _ => None,
        })
        .collect()
}

#[cfg(all(test, feature = "vonage"))]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_back_in_either_case() {
        let bytes: Vec<u8> = (0..=255).collect();
        assert_eq!(unhex(&hex(&bytes)).unwrap(), bytes);
        assert_eq!(unhex(&hex(&bytes).to_uppercase()).unwrap(), bytes);
        assert_eq!(unhex("").unwrap(), [0; 0]);
        for odd in ["0", "0g", " 00", "00 ", "0x00", "é0", "+1", "000"] {
            assert_eq!(unhex(odd), None, "{odd}");
        }
    }
}
