//! The human check of a shop on one's own machine: a button, in place of a vendor's widget. It stops bots that
//! run no script of the page and proves nothing else; see docs/captcha.md for real ones.

use async_trait::async_trait;
use otpgate::human::{
    HumanCheck, HumanCheckError, HumanFailure, HumanPass, HumanRequest, HumanVerdict, Widget,
};

/// What the button answers, with something behind it that is new each time: an answer is good once.
const PRESSED: &str = "pressed-";

/// The module that shows the button when the endpoints ask for it.
pub const SCRIPT: &str = "
document.addEventListener('otpgate:human', event => {
  event.preventDefault();
  const button = document.createElement('button');
  button.type = 'button';
  button.textContent = 'I am a person';
  button.onclick = () => (button.remove(), event.detail.resolve('pressed-' + crypto.randomUUID()));
  event.detail.signal.addEventListener('abort', () => button.remove());
  event.target.append(button);
  button.focus();
});
";

#[derive(Debug)]
pub struct Doorman;

#[async_trait]
impl HumanCheck for Doorman {
    fn widget(&self, action: &str) -> Option<Widget> {
        Some(Widget::new("doorman", "", action, "human"))
    }

    async fn check(&self, request: HumanRequest<'_>) -> Result<HumanVerdict, HumanCheckError> {
        let unique = request.response.expose_response().strip_prefix(PRESSED);
        Ok(match unique.filter(|unique| unique.len() == 36) {
            Some(_) => HumanVerdict::Passed(HumanPass::of(request.response)),
            None => HumanVerdict::Failed(HumanFailure::NotHuman),
        })
    }
}
