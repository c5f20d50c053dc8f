//! Fixed-width fields and counted lists; every read can fail, none can allocate beyond its input.

use super::super::journal::CodecError;
use super::super::level::{ClientNet, Subject};
use super::super::table::mix;

/// Appends big-endian fields.
#[derive(Debug, Default)]
pub(super) struct Writer(pub(super) Vec<u8>);

/// The bytes in front of every part: version, kind, two times, two floats.
const HEADER: usize = 26;

impl Writer {
    /// With `lead` bytes for whoever keeps it, and room for the header, which is written last.
    pub(super) fn begin(lead: usize) -> Self {
        Self(vec![0; lead.saturating_add(HEADER)])
    }
    /// Goes on with the checksum of what follows `lead` bytes, from `cursor` for `most` bytes, whole
    /// words, and adds it once all is summed: then it is true.
    pub(super) fn sum(
        &mut self,
        so_far: &mut u64,
        cursor: &mut usize,
        most: usize,
        lead: usize,
    ) -> bool {
        let body = self.0.get(lead..).unwrap_or_default();
        if *cursor == 0 {
            *so_far = body.len() as u64;
        }
        let end = cursor.saturating_add(most).min(body.len());
        let is_last = end == body.len();
        *so_far = sum(*so_far, body.get(*cursor..end).unwrap_or_default());
        *cursor = end;
        if is_last {
            self.u64(*so_far);
        }
        is_last
    }
    /// Leaves room for a count: where it is, and none so far.
    pub(super) fn open_count(&mut self) -> (usize, usize) {
        let at = self.0.len();
        self.u32(0);
        (at, 0)
    }
    /// Fills in a count.
    pub(super) fn close_count(&mut self, (at, n): (usize, usize)) {
        let count = u32::try_from(n).unwrap_or(u32::MAX).to_be_bytes();
        if let Some(place) = self.0.get_mut(at..).and_then(<[u8]>::first_chunk_mut) {
            *place = count;
        }
    }
    pub(super) fn u8(&mut self, x: u8) {
        self.0.push(x);
    }
    pub(super) fn u16(&mut self, x: u16) {
        self.0.extend_from_slice(&x.to_be_bytes());
    }
    pub(super) fn u32(&mut self, x: u32) {
        self.0.extend_from_slice(&x.to_be_bytes());
    }
    pub(super) fn u64(&mut self, x: u64) {
        self.0.extend_from_slice(&x.to_be_bytes());
    }
    pub(super) fn f32(&mut self, x: f32) {
        self.u32(x.to_bits());
    }
    pub(super) fn floats(&mut self, all: &[f32]) {
        for x in all {
            self.f32(*x);
        }
    }
    pub(super) fn count(&mut self, n: usize) {
        self.u32(u32::try_from(n).unwrap_or(u32::MAX));
    }
    pub(super) fn subject(&mut self, s: &Subject) {
        self.0.extend_from_slice(&s.region);
        self.u64(s.digits);
        self.u8(u8::from(s.known));
        self.u8(s.purpose);
        self.u32(s.price_microusd);
        self.u64(s.client.to_bits());
    }
}

/// Reads them back; every read can fail.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl Reader<'_> {
    pub(super) fn take<const N: usize>(&mut self) -> Result<[u8; N], CodecError> {
        let (head, rest) = self.0.split_first_chunk::<N>().ok_or(CodecError::Length)?;
        self.0 = rest;
        Ok(*head)
    }
    pub(super) fn u8(&mut self) -> Result<u8, CodecError> {
        self.take::<1>().map(|[x]| x)
    }
    pub(super) fn u16(&mut self) -> Result<u16, CodecError> {
        self.take().map(u16::from_be_bytes)
    }
    pub(super) fn u32(&mut self) -> Result<u32, CodecError> {
        self.take().map(u32::from_be_bytes)
    }
    pub(super) fn u64(&mut self) -> Result<u64, CodecError> {
        self.take().map(u64::from_be_bytes)
    }
    /// Finite and of a size any counter or evidence may have.
    pub(super) fn f32(&mut self) -> Result<f32, CodecError> {
        let x = f32::from_bits(self.u32()?);
        if x.is_finite() && x.abs() < 1e12 { Ok(x) } else { Err(CodecError::Damaged) }
    }
    pub(super) fn floats(&mut self, all: &mut [f32]) -> Result<(), CodecError> {
        for x in all {
            *x = self.f32()?;
        }
        Ok(())
    }
    pub(super) fn flag(&mut self) -> Result<bool, CodecError> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(CodecError::Damaged),
        }
    }
    /// A count whose items, `size` bytes each, must all be there.
    pub(super) fn count(&mut self, size: usize) -> Result<usize, CodecError> {
        let n = self.u32()? as usize;
        if n.saturating_mul(size) <= self.0.len() { Ok(n) } else { Err(CodecError::Length) }
    }
    pub(super) fn region(&mut self) -> Result<[u8; 2], CodecError> {
        let region = self.take::<2>()?;
        if region.iter().all(u8::is_ascii_alphanumeric) {
            Ok(region)
        } else {
            Err(CodecError::Damaged)
        }
    }
    pub(super) fn subject(&mut self) -> Result<Subject, CodecError> {
        Ok(Subject {
            region: self.region()?,
            digits: self.u64()?,
            known: self.flag()?,
            purpose: self.u8()?,
            price_microusd: self.u32()?,
            client: ClientNet::from_bits(self.u64()?),
        })
    }
}

/// Against damage, not against forgery.
pub(super) fn checksum(bytes: &[u8]) -> u64 {
    sum(bytes.len() as u64, bytes)
}

/// The sum after some more bytes, of which there are whole words until the last.
fn sum(sum: u64, bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let sum = words.iter().fold(sum, |sum, word| mix(sum ^ u64::from_be_bytes(*word)));
    rest.iter().fold(sum, |sum, byte| mix(sum ^ u64::from(*byte)))
}
