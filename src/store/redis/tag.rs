//! The hash tag that all keys of a partition carry, and the slot it lies in.

use base64ct::{Base64UrlUnpadded, Encoding};

use crate::base::id::Pseudonym;

/// The hash tag of a realm: `{`, 22 characters of base64url, `}`.
///
/// Text and not the raw bytes, because Redis Cluster takes the tag from the first `{` to the first
/// `}` after it, and a raw byte may be a brace.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct HashTag([u8; 24]);

impl HashTag {
    pub(super) fn of(realm: Pseudonym) -> Self {
        let mut tag = [b'{'; 24];
        let [_, inner @ .., last] = &mut tag;
        // 22 characters always hold 16 bytes.
        let _ = Base64UrlUnpadded::encode(realm.as_bytes(), inner);
        *last = b'}';
        Self(tag)
    }

    /// What is between the braces: what Redis Cluster hashes.
    pub(super) fn inner(&self) -> &[u8] {
        self.0.get(1..23).unwrap_or_default()
    }

    /// With its braces.
    pub(super) fn bytes(&self) -> [u8; 24] {
        self.0
    }
}

/// The slot of a hash tag: CRC-16/XMODEM of what is between the braces, by 16384 slots.
pub(super) fn slot(tag: &[u8]) -> u16 {
    let crc = tag.iter().fold(0_u16, |crc, byte| {
        (0..8).fold(crc ^ (u16::from(*byte) << 8), |crc, _| {
            if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 }
        })
    });
    crc & 0x3fff
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_those_of_the_specification() {
        // The check value of CRC-16/XMODEM, and two keys of the Redis Cluster specification.
        assert_eq!(slot(b"123456789"), 0x31c3 & 0x3fff);
        assert_eq!(slot(b"foo"), 12182);
        assert_eq!(slot(b"bar"), 5061);
    }
}
