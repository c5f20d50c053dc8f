//! [`Host`]: the decisions that only the host can make.

use std::error::Error;
use std::fmt;

use ::http::request::Parts;
use ::http::{HeaderMap, HeaderName, HeaderValue};

use crate::access::{AnonymiserKind, AnonymiserKinds};
use crate::context::Purpose;
use crate::message::Language;
use crate::otp::Binding;
use crate::outcome::Verification;
use crate::recipient::Recipient;

/// Whatever went wrong at the host. The client sees an outage (503), the observer hears the sentence, so it
/// must hold no number and no code.
pub type HostError = Box<dyn Error + Send + Sync>;

/// The host's half of the web edge: whom it knows, who gets a text, and what a verified code is good for.
///
/// # Contract
///
/// An implementation
///
/// - MUST answer [`admit`](Self::admit) in a time that does not tell whether it knows the number;
/// - MUST take the number from the [`Verification`], never from the request;
/// - MUST look at [`Verification::purpose`] where its endpoints have several: a code for a log-in
///   resets no password;
/// - MUST take a payment from its own records, never from the request
///   ([`binding`](Self::binding)): what the browser says, malware in the browser can say;
/// - MUST make [`verified`](Self::verified) one transaction: its future is dropped at any `await` if
///   the runtime stops or, without the router, if the client goes away.
///
/// ```
/// use otpgate::web::{Admit, Ask, Host, HostError, Next};
/// use otpgate::Verification;
///
/// #[derive(Debug)]
/// struct SignUp;
///
/// #[async_trait::async_trait]
/// impl Host for SignUp {
///     async fn admit(&self, _: &Ask<'_>) -> Result<Admit, HostError> {
///         Ok(Admit::Send) // anybody may sign up
///     }
///
///     async fn verified(
///         &self,
///         verification: Verification,
///         _: &http::request::Parts,
///     ) -> Result<Next, HostError> {
///         let _number = verification.recipient().expose_e164(); // into the accounts
///         let cookie = "__Host-login=4f1c; Path=/; Secure; HttpOnly; SameSite=Lax".parse()?;
///         Ok(Next::to("/welcome").header(http::header::SET_COOKIE, cookie))
///     }
/// }
/// ```
#[async_trait::async_trait]
pub trait Host: fmt::Debug + Send + Sync + 'static {
    /// What you know of the client: its session, its account. By default nothing; the session then
    /// comes from a cookie, `__Host-otp-session` or that of
    /// [`ConfigBuilder::cookies`](super::ConfigBuilder::cookies).
    ///
    /// The session must be the same when the page is shown and when it posts, and its identifier
    /// must be one that you gave out.
    fn client(&self, request: &Parts) -> Known {
        let _ = request;
        Known::default()
    }

    /// Who gets a text. A password reset answers [`Admit::Decoy`] for a number without an account, so that
    /// the answer does not tell who has one.
    ///
    /// # Errors
    ///
    /// [`HostError`] if you could not find out. Nothing is sent.
    async fn admit(&self, ask: &Ask<'_>) -> Result<Admit, HostError>;

    /// What a code for this purpose is bound to, such as the payment that waits in the client's
    /// session; `None` if there is nothing to confirm. The gate asks at each text and at the code, and
    /// the answer must be the same each time. Where it changed or is gone, the code is rejected at no
    /// attempt's cost and another text refused, as is a first one while there is none: the client starts
    /// again. By default a code is bound to nothing.
    ///
    /// # Errors
    ///
    /// [`HostError`] if you could not find out. Nothing is sent or accepted.
    async fn binding(
        &self,
        purpose: &Purpose,
        request: &Parts,
    ) -> Result<Option<Binding>, HostError> {
        let _ = (purpose, request);
        Ok(Some(Binding::none()))
    }

    /// The code was right: logs in, creates the account, executes the payment. Says where the browser goes
    /// next and which headers the answer gets, such as the login's cookie.
    ///
    /// # Errors
    ///
    /// [`HostError`] if you could not do it. The code is used up, so the client starts again.
    async fn verified(
        &self,
        verification: Verification,
        request: &Parts,
    ) -> Result<Next, HostError>;
}

/// A send that the host is asked about.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Ask<'a> {
    /// The number.
    pub recipient: &'a Recipient,
    /// What the code is for.
    pub purpose: &'a Purpose,
    /// The request, with the host's own cookies.
    pub request: &'a Parts,
}

crate::base::masked::debug_only!(Ask<'_>: recipient, purpose);

/// Whether a number gets a text.
///
/// Exhaustive on purpose: the edge must know every answer.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Admit {
    /// It does.
    Send,
    /// It does not, and nobody sees: [`Gate::decoy`](crate::Gate::decoy). For another purpose than a
    /// password reset, list the purpose in [`ModePolicy::decoys`](crate::policy::ModePolicy::decoys).
    Decoy,
}

/// What the host knows of a client. `Debug` shows whether there is a session and an account, not which.
///
/// ```
/// use otpgate::web::Known;
///
/// let known = Known::default().session("4f1c…").user("account-4711");
/// assert!(!format!("{known:?}").contains("4711"));
/// ```
#[derive(Clone, Default)]
#[must_use]
pub struct Known {
    pub(super) session: Option<String>,
    pub(super) user: Option<String>,
    pub(super) anonymisers: AnonymiserKinds,
    pub(super) language: Option<Language>,
}

impl Known {
    /// The client's session with the host, instead of the endpoints' own cookie.
    pub fn session(mut self, session: impl Into<String>) -> Self {
        self.session = Some(session.into());
        self
    }

    /// The account that the client is logged in to; see [`ClientContext::user`].
    ///
    /// [`ClientContext::user`]: crate::ClientContext::user
    pub fn user(mut self, user: impl Into<String>) -> Self {
        self.user = Some(user.into());
        self
    }

    /// The language of the texts; see [`Clearance::language`](crate::Clearance::language).
    pub fn language(mut self, language: Language) -> Self {
        self.language = Some(language);
        self
    }

    /// The client's network hides who it is; see [`ClientContext::anonymiser`].
    ///
    /// [`ClientContext::anonymiser`]: crate::ClientContext::anonymiser
    pub fn anonymiser(mut self, kind: AnonymiserKind) -> Self {
        self.anonymisers = self.anonymisers.union(kind.into());
        self
    }
}

impl fmt::Debug for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Known")
            .field("session", &self.session.is_some())
            .field("user", &self.user.is_some())
            .field("anonymisers", &self.anonymisers)
            .field("language", &self.language)
            .finish()
    }
}

/// Where the browser goes after a verified code.
///
/// `Debug` shows the names of the headers, not what is in them.
#[derive(Clone)]
#[must_use]
pub struct Next {
    pub(super) url: String,
    pub(super) headers: HeaderMap,
}

impl Next {
    /// To this address, which the host chose: never one from the request, or anybody can send people
    /// anywhere with a link to the host.
    pub fn to(url: impl Into<String>) -> Self {
        Self { url: url.into(), headers: HeaderMap::new() }
    }

    /// Adds a header to the answer, such as the `Set-Cookie` of a login. Headers that the edge sets itself
    /// stay as they are.
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.append(name, value);
        self
    }
}

impl fmt::Debug for Next {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.headers.keys().collect();
        f.debug_struct("Next").field("url", &self.url).field("headers", &names).finish()
    }
}
