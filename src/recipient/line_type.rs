//! What kind of line a number belongs to.

use std::fmt;

/// The kind of line behind a number, in libphonenumber's sense.
///
/// It says what the block was *assigned* for, not what the line is today: a ported or virtual
/// number keeps the type of its block.
///
/// ```
/// use otpgate::recipient::{LineType, Recipient};
///
/// let mobile = Recipient::from_e164("+4915112345678")?;
/// assert_eq!(mobile.line_type(), LineType::Mobile);
/// assert!(mobile.line_type().may_receive_sms());
/// # Ok::<(), otpgate::recipient::RecipientError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum LineType {
    /// Assigned to nobody as far as the metadata knows, so not a valid number.
    Unknown,
    /// A landline.
    FixedLine,
    /// A mobile line.
    Mobile,
    /// A plan that does not tell landlines from mobiles, such as that of the United States.
    FixedLineOrMobile,
    /// Free for the caller.
    TollFree,
    /// Expensive for the caller: where toll fraud pays.
    PremiumRate,
    /// The cost is shared between caller and called.
    SharedCost,
    /// Voice over IP, reachable anywhere.
    Voip,
    /// A personal number that forwards to another line.
    PersonalNumber,
    /// A pager.
    Pager,
    /// A universal access number of a company.
    Uan,
    /// Access to a voice mailbox.
    Voicemail,
}

impl fmt::Display for LineType {
    /// In words: `fixed-line`, `premium-rate`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "unassigned",
            Self::FixedLine => "fixed-line",
            Self::Mobile => "mobile",
            Self::FixedLineOrMobile => "fixed-line or mobile",
            Self::TollFree => "toll-free",
            Self::PremiumRate => "premium-rate",
            Self::SharedCost => "shared-cost",
            Self::Voip => "VoIP",
            Self::PersonalNumber => "personal",
            Self::Pager => "pager",
            Self::Uan => "universal access",
            Self::Voicemail => "voicemail",
        })
    }
}

impl LineType {
    /// Whether people read SMS on such lines: mobile, fixed-or-mobile and VoIP numbers.
    ///
    /// Personal numbers are left out on purpose, because they forward at a price that the caller
    /// does not see (the British 070 range is a classic of toll fraud). So are pagers and all other
    /// types, which a bot types to run up a bill. This is a fact to build a policy on, not the
    /// policy.
    ///
    /// ```
    /// use otpgate::LineType;
    ///
    /// assert!(LineType::Voip.may_receive_sms(), "a fact; the destination policy leaves VoIP out");
    /// assert!(!LineType::PersonalNumber.may_receive_sms());
    /// ```
    #[must_use]
    pub const fn may_receive_sms(self) -> bool {
        matches!(self, Self::Mobile | Self::FixedLineOrMobile | Self::Voip)
    }

    /// The type of a table output. Keep in step with scripts/numbering/generate.py.
    pub(crate) const fn from_table(output: u16) -> Self {
        match output {
            1 => Self::FixedLine,
            2 => Self::Mobile,
            3 => Self::FixedLineOrMobile,
            4 => Self::TollFree,
            5 => Self::PremiumRate,
            6 => Self::SharedCost,
            7 => Self::Voip,
            8 => Self::PersonalNumber,
            9 => Self::Pager,
            10 => Self::Uan,
            11 => Self::Voicemail,
            _ => Self::Unknown,
        }
    }

    /// The table's output for the type.
    pub(crate) const fn to_table(self) -> u16 {
        match self {
            Self::Unknown => 0,
            Self::FixedLine => 1,
            Self::Mobile => 2,
            Self::FixedLineOrMobile => 3,
            Self::TollFree => 4,
            Self::PremiumRate => 5,
            Self::SharedCost => 6,
            Self::Voip => 7,
            Self::PersonalNumber => 8,
            Self::Pager => 9,
            Self::Uan => 10,
            Self::Voicemail => 11,
        }
    }
}
