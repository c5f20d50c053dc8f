//! The little of MessagePack that a call and its answer need: Redis decodes it in C, in one step.

use super::failure::Malformed;

/// The largest number that a script keeps exact. Later times and larger amounts stand for "never"
/// and "without bound".
pub(super) const MOST: u64 = (1 << 53) - 1;

/// Appends values; numbers are cut back to [`MOST`].
#[derive(Debug, Default)]
pub(super) struct Packer(Vec<u8>);

impl Packer {
    pub(super) fn with_capacity(bytes: usize) -> Self {
        Self(Vec::with_capacity(bytes))
    }

    pub(super) fn number(&mut self, value: u64) -> &mut Self {
        let value = value.min(MOST);
        let [.., b4, b5, b6, b7] = value.to_be_bytes();
        match value {
            0..=0x7f => self.0.push(b7),
            0x80..=0xff => self.0.extend([0xcc, b7]),
            0x100..=0xffff => self.0.extend([0xcd, b6, b7]),
            0x1_0000..=0xffff_ffff => self.0.extend([0xce, b4, b5, b6, b7]),
            _ => {
                self.0.push(0xcf);
                self.0.extend(value.to_be_bytes());
            }
        }
        self
    }

    pub(super) fn numbers(&mut self, values: &[u64]) -> &mut Self {
        for value in values {
            self.number(*value);
        }
        self
    }

    /// Starts an array of `length` values.
    pub(super) fn array(&mut self, length: usize) -> &mut Self {
        let [.., b4, b5, b6, b7] = u64::try_from(length).unwrap_or(u64::MAX).to_be_bytes();
        match length {
            0..=15 => self.0.push(0x90 | b7),
            16..=0xffff => self.0.extend([0xdc, b6, b7]),
            _ => self.0.extend([0xdd, b4, b5, b6, b7]),
        }
        self
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.length(bytes.len());
        self.0.extend_from_slice(bytes);
        self
    }

    /// The start of a string of `length` bytes, which follow by [`raw`](Self::raw).
    pub(super) fn length(&mut self, length: usize) -> &mut Self {
        let [.., b4, b5, b6, b7] = u64::try_from(length).unwrap_or(u64::MAX).to_be_bytes();
        match length {
            0..=31 => self.0.push(0xa0 | b7),
            32..=0xff => self.0.extend([0xd9, b7]),
            0x100..=0xffff => self.0.extend([0xda, b6, b7]),
            _ => self.0.extend([0xdb, b4, b5, b6, b7]),
        }
        self
    }

    pub(super) fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }

    pub(super) fn as_slice(&self) -> &[u8] {
        &self.0
    }
}

/// Takes values from the front of an answer.
#[derive(Clone, Debug)]
pub(super) struct Unpacker<'a>(&'a [u8]);

impl<'a> Unpacker<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn number(&mut self) -> Result<u64, Malformed> {
        match self.byte()? {
            small @ 0..=0x7f => Ok(u64::from(small)),
            0xcc => Ok(u64::from(self.byte()?)),
            0xcd => Ok(u64::from(u16::from_be_bytes(self.chunk()?))),
            0xce => Ok(u64::from(u32::from_be_bytes(self.chunk()?))),
            0xcf => Ok(u64::from_be_bytes(self.chunk()?)),
            _ => Err(Malformed),
        }
    }

    /// Whether the next value is an array; nothing is taken.
    pub(super) fn is_array(&self) -> bool {
        matches!(self.0.first(), Some(0x90..=0x9f | 0xdc | 0xdd))
    }

    pub(super) fn array(&mut self) -> Result<usize, Malformed> {
        let length = match self.byte()? {
            short @ 0x90..=0x9f => u32::from(short & 0x0f),
            0xdc => u32::from(u16::from_be_bytes(self.chunk()?)),
            0xdd => u32::from_be_bytes(self.chunk()?),
            _ => return Err(Malformed),
        };
        usize::try_from(length).map_err(|_| Malformed)
    }

    pub(super) fn bytes(&mut self) -> Result<&'a [u8], Malformed> {
        let length = match self.byte()? {
            short @ 0xa0..=0xbf => u32::from(short & 0x1f),
            0xd9 => u32::from(self.byte()?),
            0xda => u32::from(u16::from_be_bytes(self.chunk()?)),
            0xdb => u32::from_be_bytes(self.chunk()?),
            _ => return Err(Malformed),
        };
        let length = usize::try_from(length).map_err(|_| Malformed)?;
        let (head, tail) = self.0.split_at_checked(length).ok_or(Malformed)?;
        self.0 = tail;
        Ok(head)
    }

    /// `value` if nothing is left over.
    pub(super) fn end<T>(self, value: T) -> Result<T, Malformed> {
        if self.0.is_empty() { Ok(value) } else { Err(Malformed) }
    }

    fn byte(&mut self) -> Result<u8, Malformed> {
        self.chunk::<1>().map(|[byte]| byte)
    }

    fn chunk<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (head, tail) = self.0.split_first_chunk::<N>().ok_or(Malformed)?;
        self.0 = tail;
        Ok(*head)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_packed_is_unpacked(
            numbers in prop::collection::vec(0..=MOST, 0..40),
            text in prop::collection::vec(any::<u8>(), 0..70_000),
        ) {
            let mut packer = Packer::default();
            packer.array(numbers.len()).numbers(&numbers).bytes(&text);
            let mut unpacker = Unpacker::new(packer.as_slice());
            prop_assert!(unpacker.is_array());
            prop_assert_eq!(unpacker.array(), Ok(numbers.len()));
            for number in numbers {
                prop_assert_eq!(unpacker.number(), Ok(number));
            }
            prop_assert_eq!(unpacker.bytes(), Ok(text.as_slice()));
            prop_assert_eq!(unpacker.end(()), Ok(()));
        }

        #[test]
        fn nothing_panics(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let mut unpacker = Unpacker::new(&bytes);
            let _ = (unpacker.array(), unpacker.bytes(), unpacker.number());
        }
    }

    #[test]
    fn what_exceeds_the_exact_range_is_cut_back() {
        for value in [MOST, MOST + 1, u64::MAX] {
            let mut packer = Packer::default();
            packer.number(value);
            assert_eq!(Unpacker::new(packer.as_slice()).number(), Ok(MOST));
        }
    }
}
