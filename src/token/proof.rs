//! The proof: what the page sends back, and the check that turns it into a token to spend.

use std::fmt;
use std::time::Duration;

use constant_time_eq::constant_time_eq_16;

use super::error::TokenError;
use super::scope::Scope;
use super::terms::{TicketLevel, WorkBits};
use super::ticket::{Body, TICKET_LENGTH, TicketBytes};
use super::work::{Seed, holds};
use crate::base::codec::{Reader, Writer};
use crate::base::id::{text_into, to_text};
use crate::base::keyring::KeyRing;
use crate::base::time::Timestamp;

/// How far the clock of the issuing instance may be ahead (OWASP ASVS 5.0.0, 9.2.1).
const SKEW: Duration = Duration::from_secs(30);

/// The bytes of a proof: ticket, counter, digest. A multiple of three, like the ticket.
pub(super) const PROOF_LENGTH: usize = TICKET_LENGTH + 4 + 32;

/// A ticket with its answer, as the page sent it. Nothing about it is trusted before
/// [`check`](Self::check).
///
/// ```
/// use otpgate::token::{Scope, SendTicket, TicketTerms, TokenError, TokenProof, answer};
/// # use otpgate::{KeyRing, SystemEntropy, Timestamp};
/// # let keys = KeyRing::generate()?;
/// # let now = Timestamp::from_millis(1_800_000_000_000);
///
/// let here = Scope { realm: "shop", purpose: "sign-up", origin: "", session: "5f2b", client: b"" };
/// let ticket = SendTicket::issue(&here, TicketTerms::default(), &keys, &SystemEntropy, now)?;
/// let posted = ticket.answer("0151 / 12345678")?;
///
/// let proof = TokenProof::parse(&posted)?;
/// let later = ticket.not_before();
/// assert!(proof.check(&here, "015112345678", &keys, later).is_ok());
/// let elsewhere = Scope { session: "another", ..here };
/// let refused = proof.check(&elsewhere, "015112345678", &keys, later);
/// assert_eq!(refused.unwrap_err(), TokenError::WrongBinding);
/// assert!(matches!(proof.check(&here, "015112345678", &keys, now), Err(TokenError::TooSoon { .. })));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct TokenProof {
    pub(super) ticket: TicketBytes,
    pub(super) counter: u32,
    pub(super) digest: [u8; 32],
}

impl TokenProof {
    /// Reads the form field: 180 characters of base64url.
    ///
    /// # Errors
    ///
    /// [`TokenError::Malformed`] for anything else. No byte is interpreted here.
    pub fn parse(text: &str) -> Result<Self, TokenError> {
        let mut room = [0; PROOF_LENGTH];
        text_into(text, &mut room).and_then(Self::read).ok_or(TokenError::Malformed)
    }

    /// Checks the proof against what the gate knows itself: `scope`, the number in the form as it
    /// was `typed`, and the time.
    ///
    /// The order is: key, MAC, time, binding, number, work. Whoever receives the token must burn its
    /// [`nonce`](CheckedToken::nonce) until it [expires](CheckedToken::expires), in the same atomic
    /// step that charges for the message: until then the same proof passes again.
    ///
    /// # Errors
    ///
    /// [`TokenError`], one variant for each reason.
    pub fn check(
        &self,
        scope: &Scope<'_>,
        typed: &str,
        keys: &KeyRing,
        now: Timestamp,
    ) -> Result<CheckedToken, TokenError> {
        let (body, keys) = Body::open(&self.ticket, keys, now)?;
        if body.issued > now + SKEW {
            return Err(TokenError::IssuedInFuture);
        }
        if now >= body.expires() {
            return Err(TokenError::Expired);
        }
        if now < body.not_before() {
            return Err(TokenError::TooSoon { wait: body.not_before().since(now) });
        }
        // Realm and purpose are part of the binding; their own mark only tells which is wrong.
        if !constant_time_eq_16(&body.binding, &scope.binding_mark(&keys.ticket)) {
            let same = constant_time_eq_16(&body.purpose, &scope.purpose_mark(&keys.ticket));
            return Err(if same { TokenError::WrongBinding } else { TokenError::WrongPurpose });
        }
        let seed = Seed::of(&self.ticket, typed).ok_or(TokenError::NumberMismatch)?;
        let digest = seed.digest(self.counter);
        if digest != self.digest {
            return Err(TokenError::NumberMismatch);
        }
        if !holds(body.terms.work, &digest) {
            return Err(TokenError::WorkMissing { bits: body.terms.work.bits() });
        }
        Ok(CheckedToken { body })
    }

    pub(super) fn to_text(&self) -> String {
        let bytes = Writer::new().raw(&self.ticket).u32(self.counter).raw(&self.digest).finish();
        to_text(&bytes)
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let mut fields = Reader::new(bytes);
        let proof =
            Self { ticket: fields.array()?, counter: fields.u32()?, digest: fields.array()? };
        fields.end(proof)
    }
}

crate::base::masked::debug_redacted!(TokenProof, "[bearer token]");

/// A proof that passed every check but one: its nonce must still be burned.
///
/// It has no public constructor and is not `Clone`, so that one proof cannot become two clearances.
///
/// ```compile_fail
/// fn twice(token: otpgate::token::CheckedToken) {
///     let _copy = token.clone();
/// }
/// ```
#[must_use = "a checked token counts for nothing until its nonce is burned"]
pub struct CheckedToken {
    body: Body,
}

impl CheckedToken {
    /// What must be burned so that the proof cannot be used again: 16 random bytes of the ticket.
    #[must_use]
    pub const fn nonce(&self) -> &[u8; 16] {
        &self.body.nonce
    }

    /// Which step-up the proof answers.
    pub const fn level(&self) -> TicketLevel {
        self.body.terms.level
    }

    /// The work that the proof was found to hold.
    pub const fn work(&self) -> WorkBits {
        self.body.terms.work
    }

    /// When the page was served, by the clock of the instance that served it.
    pub const fn issued(&self) -> Timestamp {
        self.body.issued
    }

    /// Until when the nonce must be remembered.
    pub fn expires(&self) -> Timestamp {
        self.body.expires()
    }
}

impl fmt::Debug for CheckedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CheckedToken")
            .field("level", &self.level())
            .field("work", &self.work())
            .field("issued", &self.issued())
            .finish_non_exhaustive()
    }
}
