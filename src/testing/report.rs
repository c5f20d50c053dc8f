//! [`Report`]: what a conformance suite found, case by case.

use std::fmt;

/// One sentence of a contract that was not kept: what was expected and what was seen.
#[derive(Clone, PartialEq, Eq)]
pub struct Finding(String);

impl Finding {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What became of one case.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Outcome {
    /// The clause holds as far as the case can see.
    Passed,
    /// The clause does not hold.
    Failed(Finding),
    /// The case could not be played: the reason.
    Skipped(String),
}

/// One line of a [`Report`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Line {
    /// The case's name.
    pub case: &'static str,
    /// The sentence of the contract it holds an implementer to.
    pub clause: &'static str,
    /// What became of it.
    pub outcome: Outcome,
}

/// What a suite found, in the order of its cases.
#[derive(Clone, Debug)]
#[must_use = "a report says nothing until it is asserted or read"]
pub struct Report {
    pub(crate) seed: u64,
    pub(crate) lines: Vec<Line>,
}

impl Report {
    /// Panics if a case failed, naming each with its clause, what was expected and what was seen.
    ///
    /// # Panics
    ///
    /// If a case failed, or if there was none to run.
    #[track_caller]
    #[allow(clippy::panic, reason = "failing the caller's test is what it is for")]
    pub fn assert(&self) {
        if self.lines.is_empty() || self.failures().next().is_some() {
            panic!("{self}");
        }
    }

    /// Every case, in order.
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// The cases that failed.
    pub fn failures(&self) -> impl Iterator<Item = &Line> {
        self.lines.iter().filter(|line| matches!(line.outcome, Outcome::Failed(_)))
    }

    /// Whether the case of this name was run and failed.
    #[must_use]
    pub fn failed(&self, case: &str) -> bool {
        self.failures().any(|line| line.case == case)
    }

    /// The seed that draws the same interleavings again.
    pub fn seed(&self) -> u64 {
        self.seed
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (total, failed) = (self.lines.len(), self.failures().count());
        writeln!(f, "{failed} of {total} cases failed (seed {})", self.seed)?;
        for line in &self.lines {
            match &line.outcome {
                Outcome::Passed => {}
                Outcome::Failed(finding) => {
                    writeln!(f, "- {}\n    clause: {}\n    {finding}", line.case, line.clause)?;
                }
                Outcome::Skipped(why) => writeln!(f, "- {} was skipped: {why}", line.case)?,
            }
        }
        Ok(())
    }
}
