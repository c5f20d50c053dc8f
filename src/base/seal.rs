//! Sealed bytes: what a client or a store carries for the gate without being able to read or change.
//!
//! The construction is encrypt-then-MAC with one primitive: the key stream is
//! `HMAC(key, nonce ‖ block number)`, the tag is `HMAC(key, label, nonce, context, ciphertext)`
//! under another label. HMAC-SHA-256 is a pseudo-random function, so the stream is a one-time pad
//! as long as no nonce is used for two different plaintexts; nonces are 16 random bytes.

use super::mac::MacKey;

/// Bytes added by sealing: a nonce and a tag of 16 bytes each.
pub(crate) const OVERHEAD: usize = 32;

/// `plain`, unreadable and unchangeable without `key`; `context` must be the same to open it.
pub(crate) fn seal(key: &MacKey, context: &[u8], nonce: [u8; 16], plain: &[u8]) -> Vec<u8> {
    let mut sealed = Vec::with_capacity(plain.len().saturating_add(OVERHEAD));
    sealed.extend_from_slice(&nonce);
    sealed.extend_from_slice(plain);
    if let Some(body) = sealed.get_mut(16..) {
        apply_stream(key, &nonce, body);
    }
    let tag = tag(key, context, &sealed);
    sealed.extend_from_slice(&tag);
    sealed
}

/// The bytes that were sealed, if nothing was changed and the context is the same.
pub(crate) fn open(key: &MacKey, context: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
    let (covered, given) = sealed.split_last_chunk::<16>()?;
    if !constant_time_eq::constant_time_eq_16(&tag(key, context, covered), given) {
        return None;
    }
    let (nonce, body) = covered.split_first_chunk::<16>()?;
    let mut plain = body.to_vec();
    apply_stream(key, nonce, &mut plain);
    Some(plain)
}

fn tag(key: &MacKey, context: &[u8], covered: &[u8]) -> [u8; 16] {
    key.short_of("otpgate/v1/seal/tag", [context, covered])
}

fn apply_stream(key: &MacKey, nonce: &[u8; 16], body: &mut [u8]) {
    for (index, block) in (0_u32..).zip(body.chunks_mut(32)) {
        let stream = key.tag_of("otpgate/v1/seal/stream", [nonce, &index.to_be_bytes()]);
        block.iter_mut().zip(stream).for_each(|(byte, pad)| *byte ^= pad);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::base::secret::Secret;

    fn key() -> MacKey {
        MacKey::derive(&Secret::new([9; 32]), "seal")
    }

    proptest! {
        #[test]
        fn what_is_sealed_opens_under_the_same_context_only(
            plain in proptest::collection::vec(any::<u8>(), 0..200), nonce: [u8; 16],
        ) {
            let sealed = seal(&key(), b"here", nonce, &plain);
            prop_assert_eq!(sealed.len(), plain.len() + OVERHEAD);
            prop_assert_eq!(open(&key(), b"here", &sealed), Some(plain));
            prop_assert_eq!(open(&key(), b"there", &sealed), None);
        }

        #[test]
        fn any_flipped_bit_is_noticed(
            plain in proptest::collection::vec(any::<u8>(), 0..80), nonce: [u8; 16], bit: usize,
        ) {
            let mut sealed = seal(&key(), b"", nonce, &plain);
            let bit = bit % (sealed.len() * 8);
            sealed[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(open(&key(), b"", &sealed), None);
        }
    }

    #[test]
    fn the_plain_text_does_not_show() {
        let sealed = seal(&key(), b"", [1; 16], b"+4915112345678 and more than one block of it");
        assert!(!sealed.windows(6).any(|window| window == b"491511"));
        assert_eq!(open(&key(), b"", &sealed[..20]), None);
    }
}
