//! [`Client`]: who asks, read from a request.

use ::http::HeaderValue;
use ::http::request::Parts;

use crate::access::ClientIp;
use crate::base::entropy::{EntropyError, SystemEntropy, random};
use crate::base::id::to_text;
use crate::context::ClientContext;
use crate::message::Language;

use super::config::Config;
use super::cookie::{self, SameSite};
use super::host::Known;

/// The length of a session's text: 128 bits in base64url.
const SESSION_LENGTH: usize = 22;

/// Who asks, and the cookie of the session if it is new.
#[derive(Debug)]
pub struct Client {
    context: ClientContext,
    language: Option<Language>,
    set_cookie: Option<HeaderValue>,
}

impl Client {
    /// For the gate.
    pub fn context(&self) -> &ClientContext {
        &self.context
    }

    /// The language of the client's texts, if the host knows it.
    pub fn language(&self) -> Option<&Language> {
        self.language.as_ref()
    }

    /// A `Set-Cookie` for the answer, if the client had no session before.
    pub fn set_cookie(&self) -> Option<&HeaderValue> {
        self.set_cookie.as_ref()
    }

    /// The client, with a new session if it has none.
    pub(super) fn with_session(
        config: &Config,
        parts: &Parts,
        ip: ClientIp,
    ) -> Result<Self, EntropyError> {
        let known = config.host.client(parts);
        let (session, set_cookie) = match session(config, &known, parts) {
            Some(session) => (session, None),
            None => {
                let session = to_text(&random::<16>(&SystemEntropy)?);
                // Whoever comes by a link keeps the session that his other tabs have.
                let lax = SameSite::Lax;
                let line = cookie::set(&config.cookies.session, &session, lax, None);
                (session, line)
            }
        };
        Ok(Self { set_cookie, ..Self::new(config, parts, ip, known, session) })
    }

    /// The client as it is. Without a session it has one that no ticket and no grant is bound to, since
    /// none is ever given out under it.
    pub(super) fn as_it_is(config: &Config, parts: &Parts, ip: ClientIp) -> Self {
        let known = config.host.client(parts);
        let session = session(config, &known, parts).unwrap_or_default();
        Self::new(config, parts, ip, known, session)
    }

    /// Adds what the page's human check gave.
    pub(super) fn human_response(mut self, response: Option<String>) -> Self {
        if let Some(response) = response {
            self.context = self.context.human_response(response);
        }
        self
    }

    fn new(config: &Config, parts: &Parts, ip: ClientIp, known: Known, session: String) -> Self {
        let mut context = ClientContext::new(ip, session).origin(config.origin.clone());
        if let Some(user) = known.user {
            context = context.user(user);
        }
        if let Some(proof) = cookie::read(&parts.headers, &config.cookies.device) {
            context = context.device_proof(proof);
        }
        for kind in known.anonymisers.iter() {
            context = context.anonymiser(kind);
        }
        Self { context, language: known.language, set_cookie: None }
    }
}

fn session(config: &Config, known: &Known, parts: &Parts) -> Option<String> {
    let own = || {
        let text = cookie::read(&parts.headers, &config.cookies.session)?;
        (text.len() == SESSION_LENGTH).then(|| text.to_owned())
    };
    known.session.clone().filter(|session| !session.is_empty()).or_else(own)
}
