//! The ticket: what the gate hands to the page.

use std::fmt;

use constant_time_eq::constant_time_eq_32;

use super::error::TokenError;
use super::scope::{Mark, Scope};
use super::terms::{HumanTime, TicketLevel, TicketTerms, TicketTtl, WorkBits};
use crate::base::codec::{Reader, Writer};
use crate::base::entropy::{Entropy, EntropyError, random};
use crate::base::id::to_text;
use crate::base::keyring::{KeyId, KeyRing, Keys};
use crate::base::mac::Tag;
use crate::base::time::Timestamp;

/// A signed, short-lived permission to answer with a proof. It goes into the form.
///
/// The text is 132 characters of base64url, of fixed width inside, with a MAC over everything. Its
/// holder may answer it once, so `Debug` does not show it.
///
/// ```
/// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
/// # shop::open(async |shop::Shop { gate, client, .. }| {
/// let ticket = gate.preflight(&otpgate::Purpose::SIGN_UP, &client)?;
/// assert_eq!(ticket.as_str().len(), 132);
/// let life = ticket.expires().since(ticket.not_before()); // here without a human time
/// assert_eq!(life.as_secs(), 600);
/// assert!(!format!("{ticket:?}").contains(ticket.as_str()));
/// # Ok(())
/// # });
/// ```
#[must_use = "a ticket that does not reach the page cannot be answered"]
pub struct SendTicket {
    text: String,
    body: Body,
}

impl SendTicket {
    /// Issues a ticket for `scope` under the current key.
    ///
    /// # Errors
    ///
    /// [`EntropyError`] if no nonce could be drawn.
    pub fn issue(
        scope: &Scope<'_>,
        terms: TicketTerms,
        keys: &KeyRing,
        entropy: &dyn Entropy,
        now: Timestamp,
    ) -> Result<Self, EntropyError> {
        Ok(Self::seal(scope, terms, keys.signing(), random(entropy)?, now))
    }

    /// The text for the page.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What the ticket demands.
    pub fn terms(&self) -> TicketTerms {
        self.body.terms
    }

    /// From when on the ticket may be answered.
    pub fn not_before(&self) -> Timestamp {
        self.body.not_before()
    }

    /// When the ticket expires; a page that is still open then fetches a new one.
    pub fn expires(&self) -> Timestamp {
        self.body.expires()
    }

    pub(super) fn seal(
        scope: &Scope<'_>,
        terms: TicketTerms,
        keys: &Keys,
        nonce: [u8; 16],
        now: Timestamp,
    ) -> Self {
        let body = Body {
            terms,
            issued: now,
            nonce,
            purpose: scope.purpose_mark(&keys.ticket),
            binding: scope.binding_mark(&keys.ticket),
        };
        let signed = body.encode(keys.id);
        let mac = ticket_mac(keys, &signed);
        Self { text: to_text(&Writer::new().raw(&signed).raw(&mac).finish()), body }
    }
}

impl fmt::Debug for SendTicket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendTicket")
            .field("terms", &self.body.terms)
            .field("expires", &self.body.expires())
            .finish_non_exhaustive()
    }
}

/// A whole ticket as bytes.
pub(super) type TicketBytes = [u8; TICKET_LENGTH];

/// The bytes of a ticket: 67 signed, 32 of MAC. A multiple of three, so that base64url has no spare bits.
pub(super) const TICKET_LENGTH: usize = 99;

/// The only version there is. A change of layout or algorithm takes the next number.
pub(super) const VERSION: u8 = 1;

/// The fields of a ticket, given out only once its MAC was checked.
#[derive(Debug)]
pub(super) struct Body {
    pub(super) terms: TicketTerms,
    pub(super) issued: Timestamp,
    pub(super) nonce: [u8; 16],
    pub(super) purpose: Mark,
    pub(super) binding: Mark,
}

impl Body {
    /// The fields of `ticket` and the keys it was made under, if its MAC is right.
    ///
    /// Version and key identifier are the only bytes looked at before the MAC.
    pub(super) fn open<'a>(
        ticket: &TicketBytes,
        keys: &'a KeyRing,
        now: Timestamp,
    ) -> Result<(Self, &'a Keys), TokenError> {
        let (signed, mac) = ticket.split_last_chunk::<32>().ok_or(TokenError::Malformed)?;
        let mut fields = Reader::new(signed);
        if fields.u8() != Some(VERSION) {
            return Err(TokenError::Malformed);
        }
        let key = KeyId(fields.u32().ok_or(TokenError::Malformed)?);
        let keys = keys.verifying(key, now).ok_or(TokenError::UnknownKey)?;
        let mac: &Tag = mac;
        if !constant_time_eq_32(&ticket_mac(keys, signed), mac) {
            return Err(TokenError::Forged);
        }
        // A field out of range under a right MAC comes from a gate of another release.
        Self::decode(fields).map(|body| (body, keys)).ok_or(TokenError::Malformed)
    }

    pub(super) fn not_before(&self) -> Timestamp {
        self.issued + self.terms.human_time.as_duration()
    }

    pub(super) fn expires(&self) -> Timestamp {
        self.issued + self.terms.ttl.as_duration()
    }

    fn encode(&self, key: KeyId) -> Vec<u8> {
        Writer::new()
            .u8(VERSION)
            .u32(key.0)
            .u8(self.terms.level.to_byte())
            .u8(self.terms.work.bits())
            .u16(self.terms.human_time.to_millis())
            .u16(self.terms.ttl.to_secs())
            .time(self.issued)
            .raw(&self.nonce)
            .raw(&self.purpose)
            .raw(&self.binding)
            .finish()
    }

    fn decode(mut fields: Reader<'_>) -> Option<Self> {
        let level = TicketLevel::from_byte(fields.u8()?)?;
        let work = WorkBits::new(fields.u8()?).ok()?;
        let human_time = HumanTime::from_millis(fields.u16()?)?;
        let ttl = TicketTtl::from_secs(fields.u16()?)?;
        let body = Self {
            terms: TicketTerms { ttl, human_time, work, level },
            issued: fields.time()?,
            nonce: fields.array()?,
            purpose: fields.array()?,
            binding: fields.array()?,
        };
        fields.end(body)
    }
}

/// The work that a ticket asks for, read by a client, which has no key to check the MAC with.
pub(super) fn asked_work(ticket: &TicketBytes) -> Option<u8> {
    let mut fields = Reader::new(ticket);
    (fields.u8()? == VERSION).then_some(())?;
    fields.u32()?;
    fields.u8()?;
    fields.u8()
}

fn ticket_mac(keys: &Keys, signed: &[u8]) -> Tag {
    keys.ticket.tag_of("otpgate/v1/ticket", [signed])
}
