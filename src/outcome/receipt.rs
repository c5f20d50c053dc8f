//! The answer to a provider's webhook: [`TakenReceipt`].

use crate::transport::Receipt;

/// What [`Gate::receipts`](crate::Gate::receipts) made of one receipt. Answer the provider 200
/// whatever it is: repeating the receipt would change nothing.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct TakenReceipt {
    /// What the provider said.
    pub receipt: Receipt,
    /// What came of it.
    pub outcome: ReceiptOutcome,
}

/// What came of a receipt.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum ReceiptOutcome {
    /// It says what became of its text, and is the first that does: limits, budgets, detector and
    /// observer know it. Or the owner of a number opted out or in, and the number's sends heed it.
    Applied,
    /// It says nothing final; a price in it was taken.
    Pending,
    /// What became of its text was known already: a repeat, or a second final word. Nothing changed.
    Repeated,
    /// It names its text by the message identifier alone, and the provider's answer with that has not
    /// been seen. It is kept for ten minutes and applied when it has.
    Early,
    /// Its text went out longer ago than [`RECEIPT_WINDOW`](crate::RECEIPT_WINDOW). Nothing changed.
    Late,
    /// It belongs to no send that this deployment knows. Nothing changed.
    Unmatched,
}
