//! [`CodeRow`]: what one code in a service's answer means.

use super::{HumanCheckErrorKind, HumanFailure};

/// One code of a service: what it says, what the adapter makes of it, and what to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct CodeRow {
    /// The code as the service writes it; `HTTP 403` where only the status tells.
    pub code: &'static str,
    /// What it says, in our words.
    pub says: &'static str,
    /// What the adapter makes of it.
    pub means: CodeMeaning,
    /// What the host does about it. Empty if nothing: the visitor tries again.
    pub remedy: &'static str,
}

/// What an adapter makes of a code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CodeMeaning {
    /// The service judged the response: [`HumanVerdict::Failed`](super::HumanVerdict::Failed).
    Failed(HumanFailure),
    /// The service judged nothing: an error, which is no evidence against the visitor.
    Error(HumanCheckErrorKind),
}

impl CodeRow {
    /// A code that any visitor can bring about by what he sends.
    #[must_use]
    pub const fn failed(code: &'static str, failure: HumanFailure, says: &'static str) -> Self {
        Self { code, says, means: CodeMeaning::Failed(failure), remedy: "" }
    }

    /// A code that says something of the host's settings.
    #[must_use]
    pub const fn misconfigured(
        code: &'static str,
        says: &'static str,
        remedy: &'static str,
    ) -> Self {
        let means = CodeMeaning::Error(HumanCheckErrorKind::Misconfigured);
        Self { code, says, means, remedy }
    }

    /// A code that says that the service did not get as far as judging.
    #[must_use]
    pub const fn unavailable(code: &'static str, says: &'static str, remedy: &'static str) -> Self {
        let means = CodeMeaning::Error(HumanCheckErrorKind::Unavailable);
        Self { code, says, means, remedy }
    }
}
