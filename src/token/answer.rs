//! The client's side: answering a ticket.

use super::proof::{PROOF_LENGTH, TokenProof};
use super::terms::WorkBits;
use super::ticket::{SendTicket, TICKET_LENGTH, TicketBytes, VERSION, asked_work};
use super::work::{Seed, holds, reduce};
use crate::base::id::from_text;

/// Answers `ticket` for the number in the form, doing the work it asks for.
///
/// For native clients and tests; it computes on the calling thread. Browsers do the same in script
/// (`docs/token-format.md`). Answer after the last change of the number, and send the number as it
/// was typed along with the proof.
///
/// # Errors
///
/// [`AnswerError`] if the ticket cannot be read or asks for too much work, or if no number was
/// typed. Do not try the same ticket again.
///
/// ```
/// assert!(otpgate::token::answer("not a ticket", "+4915112345678").is_err());
/// ```
pub fn answer(ticket: &str, typed: &str) -> Result<String, AnswerError> {
    answer_within(ticket, typed, u64::MAX)
}

impl SendTicket {
    /// What the page's script makes of it for the number `typed`; see [`answer`]. For
    /// tests and native clients.
    ///
    /// # Errors
    ///
    /// As [`answer`].
    pub fn answer(&self, typed: &str) -> Result<String, AnswerError> {
        answer(self.as_str(), typed)
    }
}

/// Answers `ticket` as [`answer`] does, but gives up after `most` digests.
///
/// A budget of four times [`WorkBits::expected_hashes`] finds the answer in 98 of 100 cases.
///
/// # Errors
///
/// [`AnswerError::OutOfBudget`] if `most` digests did not hold the answer; otherwise as [`answer`].
///
/// ```
/// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
/// # shop::open(async |shop::Shop { gate, client, .. }| {
/// # let ticket = gate.preflight(&otpgate::Purpose::SIGN_UP, &client)?;
/// use otpgate::token::{AnswerError, answer_within};
///
/// assert_eq!(answer_within(ticket.as_str(), "none", 100), Err(AnswerError::NoNumber));
/// let budget = 4 * ticket.terms().work.expected_hashes();
/// assert!(answer_within(ticket.as_str(), "+4915112345678", budget).is_ok());
/// # Ok(())
/// # });
/// ```
pub fn answer_within(ticket: &str, typed: &str, most: u64) -> Result<String, AnswerError> {
    let ticket = read(ticket)?;
    let asked = asked_work(&ticket).ok_or(AnswerError::Unsupported)?;
    let work = WorkBits::new(asked).map_err(|_| AnswerError::TooMuchWork { bits: asked })?;
    let reduced = reduce(typed);
    if !reduced.bytes().any(|byte| byte.is_ascii_digit()) {
        return Err(AnswerError::NoNumber);
    }
    let seed = Seed::new(&ticket, &reduced).ok_or(AnswerError::NoNumber)?;
    let budget = usize::try_from(most).unwrap_or(usize::MAX);
    let found = (0..=u32::MAX)
        .take(budget)
        .map(|counter| (counter, seed.digest(counter)))
        .find(|(_, digest)| holds(work, digest));
    let (counter, digest) = found.ok_or(AnswerError::OutOfBudget { bits: asked })?;
    Ok(TokenProof { ticket, counter, digest }.to_text())
}

/// Why a ticket could not be answered.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AnswerError {
    /// The text is not a ticket.
    #[error("the ticket is not 132 characters of base64url; pass it on as the gate gave it")]
    Malformed,
    /// The ticket is of a version that this client does not know.
    #[error("the ticket is not of version 1; update the client")]
    Unsupported,
    /// The ticket asks for more work than any honest gate does.
    #[error("the ticket asks for {bits} bits of work and 24 is the most; do not answer it")]
    TooMuchWork {
        /// The leading zero bits asked for.
        bits: u8,
    },
    /// What was typed has no digit, or more than 32 characters of a number.
    #[error("what was typed cannot be a phone number; ask for the number again")]
    NoNumber,
    /// The budget ran out.
    #[error(
        "no digest with {bits} leading zero bits was found within the budget; allow more or fetch a new ticket"
    )]
    OutOfBudget {
        /// The leading zero bits asked for.
        bits: u8,
    },
}

fn read(text: &str) -> Result<TicketBytes, AnswerError> {
    let bytes = from_text(text, PROOF_LENGTH).ok_or(AnswerError::Malformed)?;
    if bytes.first().is_some_and(|version| *version != VERSION) {
        return Err(AnswerError::Unsupported);
    }
    let ticket: [u8; TICKET_LENGTH] = bytes.try_into().map_err(|_| AnswerError::Malformed)?;
    Ok(ticket)
}

crate::base::sentence::debug_as_sentence!(AnswerError);

#[cfg(test)]
mod tests {
    use super::*;

    fn ticket(version: u8, bits: u8) -> String {
        let mut bytes = [7; TICKET_LENGTH];
        bytes[0] = version;
        bytes[6] = bits;
        crate::base::id::to_text(&bytes)
    }

    #[test]
    fn a_client_protects_itself() {
        let answer = |ticket: &str| answer(ticket, "+4915112345678").unwrap_err();
        assert_eq!(answer(""), AnswerError::Malformed);
        assert_eq!(answer(&ticket(1, 8)[1..]), AnswerError::Malformed);
        assert_eq!(answer(&ticket(2, 8)), AnswerError::Unsupported);
        assert_eq!(answer(&ticket(1, 25)), AnswerError::TooMuchWork { bits: 25 });
        assert_eq!(answer(&ticket(1, 255)), AnswerError::TooMuchWork { bits: 255 });
    }

    #[test]
    fn only_numbers_are_answered_for() {
        let answer = |typed: &str| super::answer(&ticket(1, 0), typed);
        assert_eq!(answer("no number"), Err(AnswerError::NoNumber));
        assert_eq!(answer("+"), Err(AnswerError::NoNumber));
        assert_eq!(answer(&"1".repeat(33)), Err(AnswerError::NoNumber));
        assert!(answer("1").is_ok());
    }

    #[test]
    fn the_budget_is_kept() {
        let ticket = ticket(1, 24);
        let refused = answer_within(&ticket, "+4915112345678", 10);
        assert_eq!(refused, Err(AnswerError::OutOfBudget { bits: 24 }));
        assert!(answer_within(&ticket, "+4915112345678", 0).is_err());
    }
}
