//! The ladder of prefixes above a number: the blocks that pumping is detected and stopped in.

use std::fmt;
use std::str::FromStr;

use super::alias;
use super::calling_code::CallingCode;
use super::canonical::Number;
use super::digits::MAX_DIGITS;
use super::error::PrefixError;
use super::line_type::LineType;
use super::number::Recipient;
use super::numbering::Plan;
use super::region::Region;

/// How wide a [`Prefix`] is.
///
/// Blocks are counted from the end of the number, because that is how ranges are assigned and
/// rented: a block of 10 000 consecutive numbers is the same danger in every country.
///
/// ```
/// use otpgate::recipient::NumberLevel;
///
/// assert_eq!(NumberLevel::TenThousand.numbers(), Some(10_000));
/// assert_eq!(NumberLevel::Country.numbers(), None);
/// assert!(NumberLevel::Country < NumberLevel::Hundred, "the widest comes first");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum NumberLevel {
    /// A whole country.
    Country,
    /// 10⁶ consecutive numbers.
    Million,
    /// 10⁵ consecutive numbers.
    HundredThousand,
    /// 10⁴ consecutive numbers.
    TenThousand,
    /// 10³ consecutive numbers.
    Thousand,
    /// 10² consecutive numbers.
    Hundred,
}

impl NumberLevel {
    /// Every level, the widest first.
    pub const ALL: [Self; 6] = [
        Self::Country,
        Self::Million,
        Self::HundredThousand,
        Self::TenThousand,
        Self::Thousand,
        Self::Hundred,
    ];

    /// How many consecutive numbers a block has; `None` for a country.
    #[must_use]
    pub const fn numbers(self) -> Option<u32> {
        match self.open_digits() {
            0 => None,
            open => 10_u32.checked_pow(open as u32),
        }
    }

    /// How many digits at the end of the number are left open.
    const fn open_digits(self) -> u8 {
        match self {
            Self::Country => 0,
            Self::Million => 6,
            Self::HundredThousand => 5,
            Self::TenThousand => 4,
            Self::Thousand => 3,
            Self::Hundred => 2,
        }
    }
}

/// A country, or a block of consecutive numbers. Safe to show: it names no single line.
///
/// Reads and writes as an operator would: `DE` for a country, `+882` for a calling code that belongs
/// to none, `+4915112xxxxxx` for the block of a million numbers that begin so.
///
/// ```
/// use otpgate::recipient::{NumberLevel, Prefix, Recipient};
///
/// let block: Prefix = "+4915112xxxxxx".parse()?;
/// assert_eq!(block.level(), NumberLevel::Million);
/// assert_eq!(block.to_string(), "+4915112xxxxxx");
///
/// let recipient = Recipient::from_e164("+4915112345678").unwrap();
/// assert!(block.contains(&recipient));
/// # Ok::<(), otpgate::recipient::PrefixError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Prefix {
    level: NumberLevel,
    region: Option<Region>,
    code: CallingCode,
    digits: u64,
    length: u8,
}

impl Prefix {
    /// How wide the prefix is.
    pub const fn level(&self) -> NumberLevel {
        self.level
    }

    /// The country of a [`NumberLevel::Country`] rung. `None` for a block, which is named by its digits, and
    /// for numbers that no region of a shared calling code has.
    pub const fn region(&self) -> Option<Region> {
        self.region
    }

    /// The calling code that the prefix begins with.
    pub const fn calling_code(&self) -> CallingCode {
        self.code
    }

    /// The leading digits, calling code included.
    pub const fn digits(&self) -> u64 {
        self.digits
    }

    /// How many digits [`digits`](Self::digits) has.
    pub const fn digit_count(&self) -> u8 {
        self.length
    }

    /// Whether the line of `recipient` is in this country or block.
    #[must_use]
    pub fn contains(&self, recipient: &Recipient) -> bool {
        recipient.ladder().any(|rung| rung == *self)
    }

    /// A fixed encoding for hashing, the same on every machine and in every version.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; 12] {
        let mut bytes = [0; 12];
        let [first, second] = self.region.map_or([0, 0], Region::letters);
        let head = [self.level.open_digits(), first, second, self.length];
        for (slot, byte) in bytes.iter_mut().zip(head.into_iter().chain(self.digits.to_be_bytes()))
        {
            *slot = byte;
        }
        bytes
    }

    /// The leading digits of its lines in each of their spellings, and how many those are.
    pub(crate) fn spellings(&self) -> impl Iterator<Item = (u64, u8)> + use<> {
        let (open, numbers) = (self.level.open_digits(), self.level.numbers().unwrap_or(1).into());
        let first = Number {
            value: self.digits.saturating_mul(numbers),
            length: self.length.saturating_add(open),
            code: self.code,
            region: None,
            line_type: LineType::Unknown,
        };
        let former = alias::former(&first).filter_map(move |number| {
            Some((number.value.checked_div(numbers)?, number.length.checked_sub(open)?))
        });
        std::iter::once((self.digits, self.length)).chain(former)
    }

    fn country(code: CallingCode, region: Option<Region>) -> Self {
        let digits = u64::from(code.value());
        Self { level: NumberLevel::Country, region, code, digits, length: code.length() }
    }

    /// The block of `number`, unless it would be the whole calling code or more.
    fn block(level: NumberLevel, number: &Number) -> Option<Self> {
        let length = number.length.checked_sub(level.open_digits())?;
        if length <= number.code.length() {
            return None;
        }
        let digits = number.value.checked_div(u64::from(level.numbers()?))?;
        Some(Self { level, region: None, code: number.code, digits, length })
    }
}

impl FromStr for Prefix {
    type Err = PrefixError;

    /// Reads what [`Display`](fmt::Display) writes.
    ///
    /// A block that is written in another spelling of its lines (`+541123xxxxxx` for Argentina
    /// without the 9) becomes the block that those lines are counted in. A block whose lines are
    /// counted in several (`+2204xxxxxx`: Gambian landlines and mobiles) is refused; name its parts.
    ///
    /// # Errors
    /// [`PrefixError`] for any other text.
    fn from_str(text: &str) -> Result<Self, PrefixError> {
        let Some(number) = text.strip_prefix('+') else {
            let region: Region = text.parse().map_err(|_| PrefixError)?;
            let code = region.calling_code().ok_or(PrefixError)?;
            return Ok(Self::country(code, Some(region)));
        };
        let digits = number.trim_end_matches('x');
        let open = number.len().saturating_sub(digits.len());
        if number.len() > MAX_DIGITS || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(PrefixError);
        }
        let level = NumberLevel::ALL
            .into_iter()
            .find(|level| usize::from(level.open_digits()) == open)
            .ok_or(PrefixError)?;
        let mut values: [u8; MAX_DIGITS] = std::array::from_fn(|index| {
            digits.as_bytes().get(index).map_or(0, |byte| byte.saturating_sub(b'0'))
        });
        let values = values.get_mut(..number.len()).ok_or(PrefixError)?;
        let (plan, code_length) = Plan::leading(values).ok_or(PrefixError)?;
        if level == NumberLevel::Country {
            let exact = digits.len() == code_length;
            return if exact {
                Ok(Self::country(CallingCode::of(plan), plan.only_region()))
            } else {
                Err(PrefixError)
            };
        }
        let national = values.get_mut(code_length..).ok_or(PrefixError)?;
        let first_open = digits.len().checked_sub(code_length).filter(|at| *at > 0);
        let first_open = first_open.ok_or(PrefixError)?;
        // How the lines of the block are counted: no rule looks further than its first open digit.
        let mut counted = None;
        for digit in 0..10 {
            *national.get_mut(first_open).ok_or(PrefixError)? = digit;
            let line = alias::line(&Number::new(plan, national));
            let block = Self::block(level, &line).ok_or(PrefixError)?;
            if *counted.get_or_insert(block) != block {
                return Err(PrefixError);
            }
        }
        counted.ok_or(PrefixError)
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.level, self.region) {
            (NumberLevel::Country, Some(region)) if region != Region::WORLD => region.fmt(f),
            (NumberLevel::Country, _) => self.code.fmt(f),
            (level, _) => {
                write!(f, "+{}", self.digits)?;
                (0..level.open_digits()).try_for_each(|_| f.write_str("x"))
            }
        }
    }
}

impl fmt::Debug for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Prefix({self})")
    }
}

/// The prefixes above one line, the widest first. Made by [`Recipient::ladder`].
///
/// ```
/// use otpgate::recipient::Recipient;
///
/// let recipient = Recipient::from_e164("+4915112345678").unwrap();
/// let rungs: Vec<String> = recipient.ladder().map(|rung| rung.to_string()).collect();
/// assert_eq!(rungs, [
///     "DE", "+4915112xxxxxx", "+49151123xxxxx", "+491511234xxxx", "+4915112345xxx", "+49151123456xx",
/// ]);
/// ```
#[derive(Clone)]
pub struct NumberLadder {
    line: Number,
    next: usize,
}

impl Recipient {
    /// The prefixes that the line belongs to, from its country down to its block of a hundred.
    /// Follows [`line_key`](Self::line_key), so that one line climbs one ladder.
    ///
    /// ```
    /// use otpgate::Recipient;
    ///
    /// let ladder = Recipient::from_e164("+4915112345678").unwrap().ladder();
    /// let rungs: Vec<String> = ladder.map(|rung| rung.to_string()).collect();
    /// assert_eq!(rungs[..3], ["DE", "+4915112xxxxxx", "+49151123xxxxx"]);
    /// assert_eq!(rungs.last().unwrap(), "+49151123456xx");
    /// ```
    pub fn ladder(&self) -> NumberLadder {
        NumberLadder::new(alias::line(self.canonical()))
    }
}

impl NumberLadder {
    pub(super) const fn new(line: Number) -> Self {
        Self { line, next: 0 }
    }
}

impl Iterator for NumberLadder {
    type Item = Prefix;

    fn next(&mut self) -> Option<Prefix> {
        loop {
            let level = *NumberLevel::ALL.get(self.next)?;
            self.next = self.next.saturating_add(1);
            if level == NumberLevel::Country {
                return Some(Prefix::country(self.line.code, self.line.region));
            }
            // A short number has no block of a million: its rungs start where its plan does.
            if let Some(block) = Prefix::block(level, &self.line) {
                return Some(block);
            }
        }
    }
}

crate::base::masked::debug_redacted!(NumberLadder, "…");
