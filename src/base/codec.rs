//! The byte codec of everything that leaves the process: fixed widths, big-endian, lengths first.

use super::time::Timestamp;

/// Appends values to a buffer.
#[derive(Debug)]
pub(crate) struct Writer(Vec<u8>);

/// More than a sealed grant, a ticket or a record takes; growing towards it would copy five times.
const ROOM: usize = 256;

impl Writer {
    pub(crate) fn new() -> Self {
        Self(Vec::with_capacity(ROOM))
    }

    /// Goes on behind `bytes`.
    pub(crate) fn over(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    pub(crate) fn u8(mut self, value: u8) -> Self {
        self.0.push(value);
        self
    }

    pub(crate) fn u16(mut self, value: u16) -> Self {
        self.0.extend_from_slice(&value.to_be_bytes());
        self
    }

    pub(crate) fn u32(mut self, value: u32) -> Self {
        self.0.extend_from_slice(&value.to_be_bytes());
        self
    }

    pub(crate) fn u64(mut self, value: u64) -> Self {
        self.0.extend_from_slice(&value.to_be_bytes());
        self
    }

    pub(crate) fn time(self, value: Timestamp) -> Self {
        self.u64(value.as_millis())
    }

    /// Bytes whose length the reader knows.
    pub(crate) fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// Bytes preceded by their length in four bytes.
    pub(crate) fn bytes(self, bytes: &[u8]) -> Self {
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        self.u32(length).raw(bytes)
    }

    /// At most 255 bytes, preceded by their length in one.
    pub(crate) fn short(self, bytes: &[u8]) -> Self {
        let length = u8::try_from(bytes.len()).unwrap_or(u8::MAX);
        self.u8(length).raw(bytes)
    }

    pub(crate) fn text(self, text: &str) -> Self {
        self.bytes(text.as_bytes())
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.0
    }
}

/// Takes values from the front of a buffer; `None` as soon as something is missing or wrong.
#[derive(Debug, Clone)]
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, tail) = self.0.split_first_chunk::<N>()?;
        self.0 = tail;
        Some(*head)
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[value]| value)
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    pub(crate) fn time(&mut self) -> Option<Timestamp> {
        self.u64().map(Timestamp::from_millis)
    }

    pub(crate) fn raw(&mut self, length: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.0.split_at_checked(length)?;
        self.0 = tail;
        Some(head)
    }

    pub(crate) fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.u32()?).ok()?;
        self.raw(length)
    }

    pub(crate) fn short(&mut self) -> Option<&'a [u8]> {
        let length = usize::from(self.u8()?);
        self.raw(length)
    }

    pub(crate) fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.bytes()?).ok()
    }

    /// All that is left.
    pub(crate) fn rest(self) -> &'a [u8] {
        self.0
    }

    /// `value` if nothing is left over.
    pub(crate) fn end<T>(self, value: T) -> Option<T> {
        self.0.is_empty().then_some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let bytes = Writer::new()
            .u8(1)
            .u16(2)
            .u32(3)
            .u64(4)
            .text("five")
            .raw(&[6, 7])
            .bytes(&[])
            .short(b"8")
            .finish();
        let mut reader = Reader::new(&bytes);
        assert_eq!(reader.u8(), Some(1));
        assert_eq!(reader.u16(), Some(2));
        assert_eq!(reader.u32(), Some(3));
        assert_eq!(reader.u64(), Some(4));
        assert_eq!(reader.text(), Some("five"));
        assert_eq!(reader.array(), Some([6, 7]));
        assert_eq!(reader.bytes(), Some(&[][..]));
        assert_eq!(reader.short(), Some(&b"8"[..]));
        assert_eq!(reader.end(()), Some(()));
    }

    #[test]
    fn a_length_beyond_the_buffer_is_refused() {
        let bytes = Writer::new().u32(u32::MAX).raw(b"short").finish();
        assert_eq!(Reader::new(&bytes).bytes(), None);
    }
}
