//! [`ErrorRow`]: what one code of a provider means.

use super::{HandoffErrorKind, NumberFault};

/// One row of a provider's error table: what its code means for the text and for the host.
///
/// Each adapter publishes its table (`twilio::ERRORS` for example), and `docs/providers.md` shows
/// it. A code is the provider's own, or `HTTP 401` where only the status tells.
///
/// ```
/// use otpgate::transport::{ErrorRow, HandoffErrorKind, NumberFault};
///
/// const STOPPED: ErrorRow = ErrorRow::refused("21610", "the recipient opted out", "do not text")
///     .about_number(NumberFault::OptedOut);
/// assert_eq!(STOPPED.kind, HandoffErrorKind::Refused);
/// assert_eq!(STOPPED.number_fault, Some(NumberFault::OptedOut));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct ErrorRow {
    /// The provider's code.
    pub code: &'static str,
    /// What is known about the text.
    pub kind: HandoffErrorKind,
    /// What the code means.
    pub meaning: &'static str,
    /// What to do about it.
    pub remedy: &'static str,
    /// Whether it stays so until an operator acts.
    pub alert: bool,
    /// Whether every text fails so until then, whatever its number, country and sender.
    pub every_text: bool,
    /// Whether it tells of this text or its number alone, and nothing about the provider.
    pub one_text: bool,
    /// What it tells about the number.
    pub number_fault: Option<NumberFault>,
}

impl ErrorRow {
    /// A code that proves that the text was not accepted. Another provider may take it.
    #[must_use]
    pub const fn not_sent(code: &'static str, meaning: &'static str, remedy: &'static str) -> Self {
        Self::new(HandoffErrorKind::NotSent, code, meaning, remedy)
    }

    /// A code that refuses the text or the number for good.
    #[must_use]
    pub const fn refused(code: &'static str, meaning: &'static str, remedy: &'static str) -> Self {
        Self::new(HandoffErrorKind::Refused, code, meaning, remedy)
    }

    /// A code after which the text may have gone out.
    #[must_use]
    pub const fn indeterminate(
        code: &'static str,
        meaning: &'static str,
        remedy: &'static str,
    ) -> Self {
        Self::new(HandoffErrorKind::Indeterminate, code, meaning, remedy)
    }

    const fn new(
        kind: HandoffErrorKind,
        code: &'static str,
        meaning: &'static str,
        remedy: &'static str,
    ) -> Self {
        let (alert, every_text, one_text) = (false, false, false);
        Self { code, kind, meaning, remedy, alert, every_text, one_text, number_fault: None }
    }

    /// It stays so until an operator acts: for this country, this sender, this kind of number.
    #[must_use]
    pub const fn alert(self) -> Self {
        Self { alert: true, ..self }
    }

    /// It stays so for every text until an operator acts: wrong credentials, no credit, a suspended
    /// account. A circuit breaker opens at once, so leave out what one country or sender can cause.
    #[must_use]
    pub const fn alert_all(self) -> Self {
        Self { alert: true, every_text: true, ..self }
    }

    /// It tells of this text or its number alone: a handset that is off, a network that filters. A
    /// circuit breaker counts it as nothing. A refusal needs no such mark.
    #[must_use]
    pub const fn one_text(self) -> Self {
        Self { one_text: true, ..self }
    }

    /// It tells something about the number.
    #[must_use]
    pub const fn about_number(self, fault: NumberFault) -> Self {
        Self { number_fault: Some(fault), ..self }
    }
}
