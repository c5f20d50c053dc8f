//! What a ticket is bound to.

use crate::base::mac::MacKey;

/// What a ticket is bound to. The gate fills it in when it issues and again when it checks, from
/// its own knowledge; nothing here comes from the token.
///
/// An empty field binds to "empty": a ticket issued without a session is refused in any session.
/// [`TokenProof`](super::TokenProof) shows one at work; you leave it to the gate.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Scope<'a> {
    /// The tenant.
    pub realm: &'a str,
    /// What the code will be for: sign-up, log-in …
    pub purpose: &'a str,
    /// The web origin that served the page, such as `https://shop.example`.
    pub origin: &'a str,
    /// The host's session identifier. It is kept only as a keyed digest.
    pub session: &'a str,
    /// The client's network as bytes, such as the text of its prefix. Empty where clients are
    /// expected to change network between page and form, as phones do.
    pub client: &'a [u8],
}

/// A truncated HMAC: 16 bytes, which nobody without the key can aim at (2^-128 a try).
pub(super) type Mark = [u8; 16];

impl Scope<'_> {
    /// Realm and purpose, as the ticket carries them.
    pub(super) fn purpose_mark(&self, key: &MacKey) -> Mark {
        key.tagging("otpgate/v1/ticket/purpose")
            .field(self.realm.as_bytes())
            .field(self.purpose.as_bytes())
            .short()
    }

    /// Origin, session and client, as the ticket carries them. Realm and purpose are part of it, so
    /// that equal sessions of two tenants do not show as equal.
    pub(super) fn binding_mark(&self, key: &MacKey) -> Mark {
        let Self { realm, purpose, origin, session, client } = *self;
        let texts = [realm, purpose, origin, session].map(str::as_bytes);
        let [realm, purpose, origin, session] = texts;
        key.short_of("otpgate/v1/ticket/binding", [realm, purpose, origin, session, client])
    }
}

crate::base::masked::debug_only!(Scope<'_>: realm, purpose, origin);
