//! [`StepUp`]: what the client must prove before a text is sent.

use crate::token::SendTicket;

use super::RefusalReason;

/// The client must prove more before a text is sent.
///
/// The page answers the new ticket and posts the form again, with the human check's response if one
/// was asked for:
///
/// ```
/// # #[derive(Debug)] struct Captcha;
/// # #[async_trait::async_trait]
/// # impl otpgate::human::HumanCheck for Captcha {
/// #     async fn check(
/// #         &self,
/// #         request: otpgate::human::HumanRequest<'_>,
/// #     ) -> Result<otpgate::human::HumanVerdict, otpgate::human::HumanCheckError> {
/// #         Ok(otpgate::human::HumanVerdict::Passed(otpgate::human::HumanPass::of(request.response)))
/// #     }
/// # }
/// # let mut policy = shop::policy();
/// # policy.token.human_check_always = true;
/// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
/// # shop::open_with(|parts| parts.policy(policy).human_check(Captcha), async |shop| {
/// # let proof = shop.proof();
/// # let shop::Shop { gate, client, recipient, .. } = shop;
/// use otpgate::{Cleared, Purpose, StepUpMeans};
///
/// let answer = gate.clear(&proof, &recipient, &Purpose::SIGN_UP, &client).await?;
/// let Cleared::StepUp(step_up) = answer else { panic!("everyone is asked") };
/// assert_eq!(step_up.means(), StepUpMeans::Human);
///
/// let proof = step_up.ticket().answer(recipient.typed())?;
/// let client = client.human_response("what-the-widget-gave");
/// let answer = gate.clear(&proof, &recipient, &Purpose::SIGN_UP, &client).await?;
/// assert!(matches!(answer, Cleared::Passed(_)));
/// # Ok(())
/// # });
/// ```
#[derive(Debug)]
pub struct StepUp {
    pub(crate) means: StepUpMeans,
    pub(crate) ticket: SendTicket,
    pub(crate) reason: RefusalReason,
}

impl StepUp {
    /// What to ask the client for.
    pub fn means(&self) -> StepUpMeans {
        self.means
    }

    /// The ticket the client answers instead of the first one.
    pub fn ticket(&self) -> &SendTicket {
        &self.ticket
    }

    /// The ticket, by value.
    pub fn into_ticket(self) -> SendTicket {
        self.ticket
    }

    /// Why, for the host's log; not for the client.
    pub fn reason(&self) -> &RefusalReason {
        &self.reason
    }
}

/// A way to prove more.
///
/// For example, too many unverified texts from one client network lead to a demand for work:
///
/// ```
/// # let mut policy = shop::policy();
/// # let drain = std::time::Duration::from_secs(60);
/// # policy.quotas.client_unverified = Some(otpgate::policy::Evidence { soft: 1, hard: 9, drain });
/// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
/// # shop::open_with(|parts| parts.policy(policy), async |shop| {
/// # shop.issued().await;
/// # shop.clock.advance(std::time::Duration::from_secs(30));
/// # let clearance = shop.clearance().await;
/// # let shop::Shop { gate, .. } = shop;
/// use otpgate::{Sent, StepUpMeans};
///
/// let Sent::StepUp(step_up) = gate.issue(clearance).await? else { panic!("one is unverified") };
/// assert_eq!(step_up.means(), StepUpMeans::Work { bits: 17 }); // `token.step_up_work`
/// # Ok(())
/// # });
/// ```
///
/// With the feature `serde` it is what a page's script reads: `{"kind":"work","bits":17}` or
/// `{"kind":"human"}`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(tag = "kind", rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum StepUpMeans {
    /// A harder proof of work; the ticket says how hard, and the page's script just does it.
    Work {
        /// Leading zero bits.
        bits: u8,
    },
    /// A human check (CAPTCHA), whose response goes into
    /// [`ClientContext::human_response`](crate::ClientContext::human_response).
    Human,
}
