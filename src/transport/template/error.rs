//! [`TemplateError`]: a key of a template is wrong.

use std::borrow::Cow;
use std::fmt;

/// A template that describes no provider. Names the key and what belongs there, and quotes no value:
/// a credential may stand where none belongs.
#[derive(Clone, PartialEq, Eq)]
pub struct TemplateError {
    key: String,
    problem: Cow<'static, str>,
}

impl TemplateError {
    pub(super) fn new(key: impl Into<String>, problem: impl Into<Cow<'static, str>>) -> Self {
        Self { key: key.into(), problem: problem.into() }
    }

    /// The key, `request.url` for example.
    pub fn key(&self) -> &str {
        &self.key
    }
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the template's `{}`: {}", self.key, self.problem)
    }
}

impl std::error::Error for TemplateError {}

crate::base::sentence::debug_as_sentence!(TemplateError);
