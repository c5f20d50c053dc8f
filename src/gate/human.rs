//! The human check: what the page shows, what the service says of a response, and which response
//! can no longer be used.

use crate::base::time::Timestamp;
use crate::context::{ClientContext, Purpose};
use crate::error::GateError;
use crate::guarded;
use crate::human::{HumanFailure, HumanPass, HumanRequest, HumanResponse, HumanVerdict, Widget};
use crate::realm::shared_bytes;
use crate::store::Nonce;
use crate::telemetry::{Span, Verb};

use super::Gate;

impl Gate {
    /// What the page shows when it is asked for a human check: service, site key, the name of the
    /// action, and what its policy has to allow. `None` if the gate has no check or the check does not
    /// say.
    ///
    /// ```
    /// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
    /// # shop::open_with(|parts| parts.human_check(otpgate::human::NoHumanCheck), async |shop| {
    /// # let shop::Shop { gate, .. } = shop;
    /// use otpgate::Purpose;
    ///
    /// assert_eq!(gate.human_widget(&Purpose::SIGN_UP), None);
    /// # Ok(())
    /// # });
    /// ```
    #[must_use]
    pub fn human_widget(&self, purpose: &Purpose) -> Option<Widget> {
        self.inner.human.as_ref()?.widget(purpose.as_str())
    }

    /// Whether a person may be asked for.
    #[cfg(feature = "web")]
    pub(crate) fn has_human_check(&self) -> bool {
        self.inner.human.is_some()
    }

    /// A challenge for the page, as JSON, from a check that makes its own. Answer it at the address
    /// that the widget asks. `None` if the gate's check makes no challenges.
    ///
    /// # Errors
    ///
    /// [`GateErrorKind::HumanCheck`](crate::GateErrorKind::HumanCheck) if the check could not make
    /// a challenge.
    ///
    /// ```
    /// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
    /// # shop::open_with(|parts| parts.human_check(otpgate::human::NoHumanCheck), async |shop| {
    /// # let shop::Shop { gate, .. } = shop;
    /// use otpgate::Purpose;
    ///
    /// assert_eq!(gate.human_challenge(&Purpose::SIGN_UP)?, None);
    /// # Ok(())
    /// # });
    /// ```
    pub fn human_challenge(&self, purpose: &Purpose) -> Result<Option<String>, GateError> {
        let Some(check) = &self.inner.human else { return Ok(None) };
        self.told(check.challenge(purpose.as_str(), self.now()).map_err(GateError::from))
    }

    /// Asks the service about what the page got from it.
    pub(super) async fn check_human(
        &self,
        response: &str,
        purpose: &Purpose,
        client: &ClientContext,
        now: Timestamp,
    ) -> Result<HumanVerdict, GateError> {
        let Some(check) = &self.inner.human else {
            return Ok(HumanVerdict::Failed(HumanFailure::NotHuman));
        };
        let Ok(response) = HumanResponse::parse(response) else {
            return Ok(HumanVerdict::Failed(HumanFailure::NotHuman));
        };
        let mut request = HumanRequest::new(&response, purpose.as_str(), now);
        if let Some(address) = client.ip().expose_ip() {
            request = request.from_client(address);
        }
        let call = async { Ok(guarded::caught(check.check(request)).await??) };
        Span::of(Verb::HumanCheck).over(call).await
    }

    /// What is burned with the front-end token, so that a check passes once. Its name is that of no
    /// realm: one response would else be good at every tenant of the deployment.
    pub(super) fn human_nonce(&self, pass: &HumanPass, now: Timestamp) -> Nonce {
        let key = shared_bytes(self.inner.keys.pseudonyms(), "human", pass.as_bytes());
        self.inner.nonce(key, now + HumanPass::LIFE)
    }
}
