//! Whoever decides about the rows of a trace: gates, a bare detector, a rule in common use.

use super::trace::Row;

/// What a judge says to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    Send,
    StepUp,
    /// The form counts down to this time and may then be sent again.
    CountDown(u64),
    Refuse(String),
}

/// One who decides. Rows are named by their index in the trace.
pub trait Judge {
    /// Time has come to `at_ms`.
    fn advance(&mut self, _at_ms: u64) {}

    /// If the row is a "send again" on an open code page: when its button becomes live.
    fn button(&mut self, _row: &Row, _at_ms: u64) -> Option<u64> {
        None
    }

    /// A request for a text; `passed` if the client has just passed the step-up it was asked for.
    fn request(&mut self, index: usize, row: &Row, at_ms: u64, passed: bool) -> Decision;

    /// The code is typed in. True if it is accepted.
    fn verify(&mut self, index: usize, row: &Row, at_ms: u64) -> bool;

    /// The carrier reports on the text.
    fn receipt(&mut self, _index: usize, _row: &Row, _at_ms: u64) {}

    /// Nothing more will happen to the row.
    fn close(&mut self, _index: usize, _row: &Row) {}

    /// Nodes and bytes of the detector.
    fn footprint(&self) -> (usize, usize) {
        (0, 0)
    }

    /// Mean time inside the judge for a request, nanoseconds.
    fn nanoseconds_per_request(&self) -> u64 {
        0
    }
}

/// Watches until a time and decides from then on: a rule with a history learns it first.
pub struct Learning<J> {
    pub judge: J,
    pub until_ms: u64,
}

impl<J: Judge> Judge for Learning<J> {
    fn request(&mut self, index: usize, row: &Row, at_ms: u64, passed: bool) -> Decision {
        let decision = self.judge.request(index, row, at_ms, passed);
        if at_ms < self.until_ms { Decision::Send } else { decision }
    }

    fn verify(&mut self, index: usize, row: &Row, at_ms: u64) -> bool {
        self.judge.verify(index, row, at_ms)
    }
}
