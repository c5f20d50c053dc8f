//! The code that was drawn: on the stack, wiped, masked, compared in constant time.

use constant_time_eq::constant_time_eq_n;
use zeroize::Zeroize;

use super::format::{CodeFormat, LONGEST};
use crate::base::entropy::{Entropy, EntropyError, random};

/// How often a draw may land outside the largest multiple of the space before the generator counts
/// as broken. A sound one does so less than once in 4 000 draws, so 32 in a row (10^-115) is a fault.
const DRAWS: usize = 32;

/// A one-time code (NIST: out-of-band secret), freshly drawn.
///
/// It is text, not a number, so leading zeros survive. It has no `Clone` and no `Display`, its
/// `Debug` is masked, `==` takes the same time wherever two codes differ, and it wipes itself when
/// dropped. A move may leave a copy on the stack, as with any Rust value: pass it by reference.
///
/// ```
/// use otpgate::SystemEntropy;
/// use otpgate::otp::{CodeFormat, Passcode};
///
/// let code = Passcode::draw(&CodeFormat::default(), &SystemEntropy)?;
/// assert_eq!(code.expose_secret().len(), 6);
/// assert_eq!(format!("{code:?}"), "Passcode([redacted])");
/// # Ok::<(), otpgate::EntropyError>(())
/// ```
///
/// A second copy, or one in a log line, does not compile:
///
/// ```compile_fail
/// fn leak(code: &otpgate::otp::Passcode) -> String {
///     code.to_string()
/// }
/// ```
///
/// ```compile_fail
/// fn copy(code: &otpgate::otp::Passcode) -> otpgate::otp::Passcode {
///     code.clone()
/// }
/// ```
#[derive(PartialEq, Eq)]
pub struct Passcode(CodeText);

impl Passcode {
    /// Draws a code uniformly from the whole space of `format`, by rejection: a 64-bit draw beyond
    /// the largest multiple of the space is thrown away, so no code is likelier than another.
    ///
    /// # Errors
    ///
    /// [`EntropyError`] if the generator fails or is stuck. There is no default code.
    pub fn draw(format: &CodeFormat, entropy: &dyn Entropy) -> Result<Self, EntropyError> {
        let space = format.space();
        // The draws 0..=last are a whole number of spaces: 2^64 - (2^64 mod space) of them.
        let excess = (u64::MAX % space).saturating_add(1) % space;
        let last = u64::MAX.saturating_sub(excess);
        for _ in 0..DRAWS {
            let value = u64::from_be_bytes(random(entropy)?);
            if value <= last {
                return Ok(Self(CodeText::numbered(value % space, format)));
            }
        }
        Err(EntropyError)
    }

    /// The characters, under a name that a reviewer can search for. They belong in the text and the
    /// digest, nowhere else.
    pub fn expose_secret(&self) -> &str {
        self.0.as_str()
    }

    /// The shape it was drawn in.
    pub const fn format(&self) -> CodeFormat {
        self.0.format
    }

    /// The first code of the format; to measure texts, never to be sent.
    pub(crate) fn sample(format: &CodeFormat) -> Self {
        Self(CodeText::numbered(0, format))
    }

    /// The first code of the format or the last; to compare texts, never to be sent.
    pub(crate) fn sample_at(format: &CodeFormat, last: bool) -> Self {
        let number = if last { format.space().get().saturating_sub(1) } else { 0 };
        Self(CodeText::numbered(number, format))
    }
}

crate::base::masked::debug_redacted!(Passcode);

/// Characters of one format, in a buffer of fixed size: the comparison looks at all of it.
pub(super) struct CodeText {
    format: CodeFormat,
    bytes: [u8; LONGEST],
}

impl CodeText {
    /// The code of exactly these symbols, which are of the alphabet of `format`.
    pub(super) fn of(symbols: &[u8], format: &CodeFormat) -> Option<Self> {
        let mut code = Self { format: *format, bytes: [0; LONGEST] };
        code.bytes.get_mut(..format.len()).filter(|room| room.len() == symbols.len())?;
        code.bytes.iter_mut().zip(symbols).for_each(|(slot, byte)| *slot = *byte);
        Some(code)
    }

    pub(super) fn as_str(&self) -> &str {
        let text = self.bytes.get(..self.format.len()).unwrap_or_default();
        std::str::from_utf8(text).unwrap_or_default()
    }

    /// The code at place `number` of the ordered space: `number` in base 10 or 20, zeros kept.
    fn numbered(number: u64, format: &CodeFormat) -> Self {
        let symbols = format.symbols();
        let base = u64::try_from(symbols.len()).unwrap_or(u64::MAX);
        let mut code = Self { format: *format, bytes: [0; LONGEST] };
        let mut rest = number;
        for slot in code.bytes.iter_mut().take(format.len()).rev() {
            let place = usize::try_from(rest.checked_rem(base).unwrap_or(0)).unwrap_or(0);
            *slot = symbols.get(place).copied().unwrap_or(b'0');
            rest = rest.checked_div(base).unwrap_or(0);
        }
        code
    }
}

impl PartialEq for CodeText {
    fn eq(&self, other: &Self) -> bool {
        constant_time_eq_n(&self.bytes, &other.bytes) && self.format == other.format
    }
}

impl Eq for CodeText {}

impl Drop for CodeText {
    fn drop(&mut self) {
        self.bytes.zeroize();
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)] // a test may overflow: it then fails
mod tests {
    use std::collections::HashSet;
    use std::sync::Mutex;

    use proptest::prelude::*;

    use super::*;
    use crate::base::entropy::{SystemEntropy, sealed};

    /// Gives out the listed 64-bit values, then fails.
    #[derive(Debug)]
    struct Script(Mutex<Vec<u64>>);

    impl sealed::Sealed for Script {}

    impl Entropy for Script {
        fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
            let value = self.0.lock().unwrap().pop().ok_or(EntropyError)?;
            bytes.copy_from_slice(&value.to_be_bytes());
            Ok(())
        }
    }

    fn scripted(values: &[u64]) -> Result<String, EntropyError> {
        let script = Script(Mutex::new(values.iter().rev().copied().collect()));
        Passcode::draw(&CodeFormat::default(), &script).map(|code| code.expose_secret().to_owned())
    }

    #[test]
    fn leading_zeros_live() {
        assert_eq!(scripted(&[0]).unwrap(), "000000");
        assert_eq!(scripted(&[99_999]).unwrap(), "099999");
        assert_eq!(scripted(&[1_000_007]).unwrap(), "000007");
    }

    #[test]
    fn draws_beyond_the_last_whole_space_are_thrown_away() {
        // 2^64 mod 10^6 = 551616, so the last 551 616 draws would favour 000000 to 551615.
        let last = u64::MAX - 551_616;
        assert_eq!(scripted(&[last]).unwrap(), "999999");
        assert_eq!(scripted(&[last + 1, 42]).unwrap(), "000042");
        assert_eq!(scripted(&[u64::MAX, u64::MAX, 7]).unwrap(), "000007");
    }

    #[test]
    fn a_failing_or_stuck_generator_is_an_error_and_not_a_code() {
        assert!(scripted(&[]).is_err());
        assert!(scripted(&[u64::MAX; 1_000]).is_err());
    }

    #[test]
    fn digits_and_pairs_are_uniform() {
        // χ² at 10^5 codes: 9 and 99 degrees of freedom, bounds at p = 10^-6.
        let format = CodeFormat::default();
        let mut single = vec![[0_u32; 10]; 6];
        let mut pairs = vec![0_u32; 100];
        for _ in 0..100_000 {
            let code = Passcode::draw(&format, &SystemEntropy).unwrap();
            let digits: Vec<usize> =
                code.expose_secret().bytes().map(|b| usize::from(b - b'0')).collect();
            for (place, digit) in digits.iter().enumerate() {
                single[place][*digit] += 1;
            }
            pairs[digits[0] * 10 + digits[5]] += 1;
        }
        for counts in &single {
            assert!(chi_squared(counts) < 47.5, "{counts:?}");
        }
        assert!(chi_squared(&pairs) < 186.0, "{pairs:?}");
    }

    fn chi_squared(counts: &[u32]) -> f64 {
        let expected = f64::from(counts.iter().sum::<u32>()) / counts.len() as f64;
        counts.iter().map(|seen| (f64::from(*seen) - expected).powi(2) / expected).sum()
    }

    #[test]
    fn collisions_are_as_rare_as_chance() {
        // 2 000 of 10^6: 2 expected; 20 or more would be p < 10^-12.
        let format = CodeFormat::default();
        let drawn: HashSet<String> = (0..2_000)
            .map(|_| Passcode::draw(&format, &SystemEntropy).unwrap().expose_secret().to_owned())
            .collect();
        assert!(drawn.len() > 1_980);
    }

    #[test]
    fn equality_looks_at_format_and_text() {
        let six = |n| Passcode(CodeText::numbered(n, &CodeFormat::default()));
        assert_eq!(six(1), six(1));
        assert_ne!(six(1), six(2));
        let seven = CodeText::numbered(1, &CodeFormat::digits(7).unwrap());
        assert_ne!(six(1), Passcode(seven));
    }

    #[test]
    fn wiping_reaches_every_character() {
        let mut code = CodeText::numbered(123_456, &CodeFormat::default());
        code.bytes.zeroize();
        assert_eq!(code.bytes, [0; LONGEST]);
    }

    proptest! {
        #[test]
        fn a_code_is_in_its_format_and_numbering_is_one_to_one(
            a in 0..20_u64.pow(12), b in 0..20_u64.pow(12), length in 6..=12_u8,
        ) {
            let format = CodeFormat::unambiguous(length).unwrap();
            let (a, b) = (a % format.space(), b % format.space());
            let (x, y) = (CodeText::numbered(a, &format), CodeText::numbered(b, &format));
            prop_assert_eq!(x.as_str().len(), usize::from(length));
            prop_assert!(x.as_str().bytes().all(|byte| format.symbols().contains(&byte)));
            prop_assert_eq!(x == y, a == b);
        }
    }
}
