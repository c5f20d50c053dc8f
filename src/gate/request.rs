//! [`Gate::request`]: a posted form, answered in one call.

use super::Gate;
use crate::context::{ClientContext, Purpose};
use crate::error::GateError;
use crate::outcome::{Cleared, Sent};
use crate::recipient::Recipient;

impl Gate {
    /// What a form's handler does with a post: [`clear`](Self::clear), then [`issue`](Self::issue), as
    /// one answer. Take the two steps where something comes between them: a payment that the code is
    /// [bound to](crate::Clearance::bind), a [`decoy`](Self::decoy).
    ///
    /// # Errors
    ///
    /// As [`clear`](Self::clear) and [`issue`](Self::issue).
    ///
    /// ```
    /// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
    /// # shop::open(async |shop| {
    /// # let proof = shop.proof();
    /// # let shop::Shop { gate, client, recipient, .. } = shop;
    /// use otpgate::{Purpose, Sent};
    ///
    /// let status = match gate.request(&proof, &recipient, &Purpose::SIGN_UP, &client).await? {
    ///     Sent::Sent(_issued) => 303,           // its grant goes into the session
    ///     Sent::StepUp(_step_up) => 428,        // its ticket goes to the page
    ///     Sent::Refused(refusal) => refusal.public().status(),
    /// };
    /// assert_eq!(status, 303);
    ///
    /// // The proof is used up: a form that is posted twice sends one text.
    /// let again = gate.request(&proof, &recipient, &Purpose::SIGN_UP, &client).await?;
    /// assert!(matches!(again, Sent::Refused(_)));
    /// # Ok(())
    /// # });
    /// ```
    pub async fn request(
        &self,
        proof: &str,
        recipient: &Recipient,
        purpose: &Purpose,
        client: &ClientContext,
    ) -> Result<Sent, GateError> {
        match self.clear(proof, recipient, purpose, client).await? {
            Cleared::Cleared(clearance) => self.issue(clearance).await,
            Cleared::StepUp(step_up) => Ok(Sent::StepUp(step_up)),
            Cleared::Refused(refusal) => Ok(Sent::Refused(refusal)),
        }
    }
}
