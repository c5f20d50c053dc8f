//! Sealed bytes: what a client or a store carries for the gate and can neither read nor change.
//!
//! Encrypt-then-MAC: ChaCha20 (RFC 8439), then `HMAC-SHA-256(context, nonce, ciphertext)` cut to 16
//! bytes, under two keys of one use. The stream is a one-time pad as long as no nonce is used for
//! two different plaintexts; nonces are 16 bytes, random or a tag of what is sealed. If a nonce
//! were used twice, the difference of the two texts would show, but still nobody could make or
//! change a seal.

use chacha20::ChaCha20Rng;
use rand::{Rng, SeedableRng};

use super::mac::{MacKey, Tagging};
use super::secret::Secret;

/// Bytes added by sealing: a nonce and a tag of 16 bytes each.
pub(crate) const OVERHEAD: usize = 32;

/// What seals and opens for one use: a key for the stream and another for the tag.
pub(crate) struct SealKey {
    stream: Secret<32>,
    tag: MacKey,
}

impl SealKey {
    /// The key of `master` for one use, named by `label`.
    #[must_use]
    pub(crate) fn derive(master: &MacKey, label: &str) -> Self {
        let label = label.as_bytes();
        Self {
            stream: Secret::new(master.tag_of("otpgate/v2/seal/stream", [label])),
            tag: master.sub_key("otpgate/v2/seal/tag", [label]),
        }
    }

    /// `plain`, unreadable and unchangeable without the key; `context` must be the same to open it.
    pub(crate) fn seal(&self, context: &[u8], nonce: [u8; 16], plain: &[u8]) -> Vec<u8> {
        self.seal_after(&[], context, nonce, plain)
    }

    /// [`seal`](Self::seal), behind a `head` in clear.
    pub(crate) fn seal_after(
        &self,
        head: &[u8],
        context: &[u8],
        nonce: [u8; 16],
        plain: &[u8],
    ) -> Vec<u8> {
        let length = plain.len().saturating_add(OVERHEAD).saturating_add(head.len());
        let mut sealed = Vec::with_capacity(length);
        sealed.extend_from_slice(head);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(plain);
        self.close(head.len(), context, nonce, sealed)
    }

    /// [`seal_after`](Self::seal_after), where it lies: `sealed` holds a head of `start` bytes, the nonce
    /// and the plain bytes, with room for a tag.
    pub(crate) fn close(
        &self,
        start: usize,
        context: &[u8],
        nonce: [u8; 16],
        mut sealed: Vec<u8>,
    ) -> Vec<u8> {
        if let Some(body) = sealed.get_mut(start.saturating_add(16)..) {
            self.apply_stream(&nonce, body);
        }
        let tag = self.tag(context, sealed.get(start..).unwrap_or_default());
        sealed.extend_from_slice(&tag);
        sealed
    }

    /// The bytes that were sealed, if nothing was changed and the context is the same.
    pub(crate) fn open(&self, context: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let (covered, given) = sealed.split_last_chunk::<16>()?;
        if !constant_time_eq::constant_time_eq_16(&self.tag(context, covered), given) {
            return None;
        }
        let (nonce, body) = covered.split_first_chunk::<16>()?;
        let mut plain = body.to_vec();
        self.apply_stream(nonce, &mut plain);
        Some(plain)
    }

    /// [`open`](Self::open), where the bytes lie. They are not touched if they were changed.
    pub(crate) fn open_here<'s>(&self, context: &[u8], sealed: &'s mut [u8]) -> Option<&'s [u8]> {
        let (covered, given) = sealed.split_last_chunk_mut::<16>()?;
        if !constant_time_eq::constant_time_eq_16(&self.tag(context, covered), given) {
            return None;
        }
        let (nonce, body) = covered.split_first_chunk_mut::<16>()?;
        self.apply_stream(nonce, body);
        Some(body)
    }

    /// [`seal`](Self::seal) of something long, a piece at a time and where it lies: `sealed` holds 16 bytes of
    /// room, then the plain bytes.
    pub(crate) fn begin(&self, context: &[u8], nonce: [u8; 16], mut sealed: Vec<u8>) -> Sealing {
        sealed.iter_mut().zip(nonce).for_each(|(to, from)| *to = from);
        let tag = self.tag.begin(context, sealed.len()).more(&nonce);
        Sealing { stream: self.stream(&nonce), tag, sealed, done: nonce.len() }
    }

    fn tag(&self, context: &[u8], covered: &[u8]) -> [u8; 16] {
        self.tag.short_over([context, covered])
    }

    /// ChaCha20 from the place in its stream that the nonce names: 96 bits as in RFC 8439, and twelve
    /// of the counter, so that 2^20 blocks, 64 MiB, are left before another nonce's place.
    fn stream(&self, nonce: &[u8; 16]) -> ChaCha20Rng {
        let [counter @ .., a, b, c, d, e, f, g, h] = *nonce;
        let mut stream = ChaCha20Rng::from_seed(*self.stream.expose_secret());
        stream.set_stream(u64::from_le_bytes([a, b, c, d, e, f, g, h]));
        stream.set_block_pos(u64::from_le_bytes(counter) & BLOCKS.wrapping_neg());
        stream
    }

    fn apply_stream(&self, nonce: &[u8; 16], body: &mut [u8]) {
        apply(&mut self.stream(nonce), body);
    }
}

/// Bytes of the stream that are made at a time.
const PAD: usize = 256;

fn apply(stream: &mut ChaCha20Rng, body: &mut [u8]) {
    let mut pad = zeroize::Zeroizing::new([0; PAD]);
    for block in body.chunks_mut(PAD) {
        let pad = pad.get_mut(..block.len()).unwrap_or_default();
        stream.fill_bytes(pad);
        block.iter_mut().zip(pad).for_each(|(byte, pad)| *byte ^= *pad);
    }
}

/// A seal in the making.
pub(crate) struct Sealing {
    stream: ChaCha20Rng,
    tag: Tagging,
    sealed: Vec<u8>,
    done: usize,
}

impl Sealing {
    /// Goes on for at most so many bytes, whole pads of the stream, so that nothing of it is thrown away in
    /// between; how many it were.
    pub(crate) fn go_on(&mut self, bytes: usize) -> usize {
        let left = self.sealed.len().saturating_sub(self.done);
        let length = if bytes < left { bytes.saturating_sub(bytes % PAD) } else { left };
        let end = self.done.saturating_add(length);
        if let Some(piece) = self.sealed.get_mut(self.done..end) {
            apply(&mut self.stream, piece);
            self.tag.add(piece);
        }
        self.done = end;
        length
    }

    /// Whether only the tag is missing.
    pub(crate) fn is_done(&self) -> bool {
        self.done >= self.sealed.len()
    }

    /// The whole seal.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.go_on(usize::MAX);
        let tag = self.tag.short();
        self.sealed.extend_from_slice(&tag);
        self.sealed
    }
}

crate::base::masked::debug_redacted!(Sealing);

/// Blocks of 64 bytes from one nonce's place to the next.
const BLOCKS: u64 = 1 << 20;

crate::base::masked::debug_redacted!(SealKey);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::base::secret::Secret;

    fn key() -> SealKey {
        SealKey::derive(&MacKey::derive(&Secret::new([9; 32]), "index"), "test")
    }

    proptest! {
        #[test]
        fn what_is_sealed_opens_under_the_same_context_only(
            plain in proptest::collection::vec(any::<u8>(), 0..800), nonce: [u8; 16],
        ) {
            let sealed = key().seal(b"here", nonce, &plain);
            prop_assert_eq!(sealed.len(), plain.len() + OVERHEAD);
            prop_assert_eq!(key().open(b"here", &sealed), Some(plain.clone()));
            prop_assert_eq!(key().open(b"there", &sealed), None);
            let mut pieces = key().begin(b"here", nonce, [&[0; 16], &plain[..]].concat());
            prop_assert_eq!(pieces.go_on(0), 0);
            prop_assert_eq!(pieces.finish(), sealed);
        }

        #[test]
        fn any_flipped_bit_is_noticed(
            plain in proptest::collection::vec(any::<u8>(), 0..80), nonce: [u8; 16], bit: usize,
        ) {
            let mut sealed = key().seal(b"", nonce, &plain);
            let bit = bit % (sealed.len() * 8);
            sealed[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(key().open(b"", &sealed), None);
        }
    }

    #[test]
    fn the_stream_is_chacha20_of_rfc_8439() {
        // RFC 8439 §2.4.2: the key 00, 01 … 1f, the nonce 00 00 00 00 00 00 00 4a 00 00 00 00. There the
        // counter starts at 1, here at 0: 64 bytes more.
        let key = SealKey { stream: Secret::new(std::array::from_fn(|i| i as u8)), ..key() };
        let mut nonce = [0; 16];
        nonce[11] = 0x4a;
        let mut body = [0; 64 + 16];
        body[64..].copy_from_slice(b"Ladies and Gentl");
        key.apply_stream(&nonce, &mut body);
        let expected = [
            0x6e, 0x2e, 0x35, 0x9a, 0x25, 0x68, 0xf9, 0x80, 0x41, 0xba, 0x07, 0x28, 0xdd, 0x0d,
            0x69, 0x81,
        ];
        assert_eq!(body[64..], expected);
    }

    #[test]
    fn a_seal_made_in_pieces_is_the_seal() {
        let plain: Vec<u8> = (0..70_000_u32).map(|n| n as u8).collect();
        let whole = key().seal(b"c", [3; 16], &plain);
        let mut pieces = key().begin(b"c", [3; 16], [&[0; 16], &plain[..]].concat());
        let mut steps = 1;
        while !pieces.is_done() {
            assert!(pieces.go_on(16_500) <= 16_384);
            steps += 1;
        }
        assert_eq!((pieces.finish(), steps), (whole, 6));
    }

    #[test]
    fn a_use_opens_nothing_of_another() {
        let master = MacKey::derive(&Secret::new([9; 32]), "index");
        let sealed = SealKey::derive(&master, "record").seal(b"", [1; 16], b"text");
        assert_eq!(SealKey::derive(&master, "memory").open(b"", &sealed), None);
    }

    #[test]
    fn the_plain_text_does_not_show() {
        let sealed = key().seal(b"", [1; 16], b"+4915112345678 and more than one block of it");
        assert!(!sealed.windows(6).any(|window| window == b"491511"));
        assert_eq!(key().open(b"", &sealed[..20]), None);
    }
}
