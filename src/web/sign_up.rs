//! [`SignUp`]: a [`Host`] in one closure.

use std::fmt;

use ::http::request::Parts;

use super::host::{Admit, Ask, Host, HostError, Next};
use crate::context::Purpose;
use crate::outcome::Verification;

/// A [`Host`] for sign-ups alone: every number that the gate admits gets a text, and a proven one
/// goes to your closure. For password resets, payments or sessions of your own, implement [`Host`].
///
/// The closure gets the request too: find in your session whose sign-up it is, and take the number
/// from the [`Verification`]. [`Host::verified`] says what it must keep.
///
/// ```
/// use otpgate::web::{Config, Next, SignUp};
///
/// let sign_up = SignUp::new(|proven, _request| async move {
///     let _number = proven.recipient().expose_e164(); // into the accounts
///     let cookie = "__Host-login=4f1c; Path=/; Secure; HttpOnly; SameSite=Lax".parse()?;
///     Ok(Next::to("/welcome").header(http::header::SET_COOKIE, cookie))
/// });
/// let config = Config::builder("https://shop.example", sign_up).hosted("Example").build();
/// assert!(config.is_ok());
/// ```
pub struct SignUp<F>(F);

impl<F, A> SignUp<F>
where
    F: Fn(Verification, Parts) -> A + Send + Sync + 'static,
    A: Future<Output = Result<Next, HostError>> + Send + 'static,
{
    /// Creates the account of a proven number with `create`, which says where the browser goes next.
    pub fn new(create: F) -> Self {
        Self(create)
    }
}

impl<F> fmt::Debug for SignUp<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SignUp")
    }
}

#[async_trait::async_trait]
impl<F, A> Host for SignUp<F>
where
    F: Fn(Verification, Parts) -> A + Send + Sync + 'static,
    A: Future<Output = Result<Next, HostError>> + Send + 'static,
{
    async fn admit(&self, ask: &Ask<'_>) -> Result<Admit, HostError> {
        // At a sign-up anybody may have any number. Elsewhere that would be an oracle.
        match *ask.purpose == Purpose::SIGN_UP {
            true => Ok(Admit::Send),
            false => Err("`SignUp` is for sign-ups; implement `Host` for other purposes".into()),
        }
    }

    async fn verified(&self, proven: Verification, request: &Parts) -> Result<Next, HostError> {
        (self.0)(proven, request.clone()).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipient::Recipient;
    use crate::testing::block_on;

    #[test]
    fn a_text_for_another_purpose_is_not_sent() {
        let host = SignUp::new(|_, _| async { Ok(Next::to("/welcome")) });
        let recipient = Recipient::from_e164("+4915112345678").unwrap();
        let (request, ()) = ::http::Request::new(()).into_parts();
        let admitted = |purpose: &Purpose| {
            block_on(host.admit(&Ask { recipient: &recipient, purpose, request: &request }))
        };
        assert_eq!(admitted(&Purpose::SIGN_UP).unwrap(), Admit::Send);
        let error = admitted(&Purpose::RESET).unwrap_err().to_string();
        assert!(error.contains("implement `Host`"), "{error}");
    }
}
