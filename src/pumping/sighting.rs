//! What happened, in a fixed 35 bytes: the only thing that changes the detector's state.
//!
//! Several gates on one store stay of one mind by exchanging these events: each appends its own to
//! a journal that travels with its admissions and absorbs what the others wrote.

use super::level::{ClientNet, LEVELS, Subject};
use crate::base::network::NetworkCode;

/// Bytes of one encoded event.
pub const EVENT_BYTES: usize = 35;

/// What happened to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[non_exhaustive]
pub enum SightingKind {
    /// A message was handed off (first send of a session or a resend).
    Sent = 1,
    /// A step-up was asked for.
    Asked = 2,
    /// The step-up was failed outright. Abandoned ones need no event; they time out.
    Failed = 3,
    /// The request was refused.
    Refused = 4,
    /// The code was entered correctly.
    Verified = 5,
    /// The carrier reports delivery.
    Delivered = 6,
    /// The carrier reports that delivery failed.
    Undelivered = 7,
    /// A message was withheld, and its client told otherwise. It counts at its number, and at its client
    /// as a sent one would; nowhere else.
    Withheld = 8,
    /// The network calls the line what its block was assigned for: mobile.
    Alike = 9,
    /// The network calls the line something else.
    Unlike = 10,
    /// As [`Withheld`](Self::Withheld), where the detector refuses: what refuses counts those that still
    /// come.
    Knocked = 11,
    /// The host answered without a message, or withheld it because of this number alone. As
    /// [`Withheld`](Self::Withheld), and where nobody has verified it looks like a message in its
    /// blocks too.
    Unsent = 12,
    /// The fixed code of a test number was entered: what its request counted is given back, and
    /// nothing is credited.
    Ended = 13,
}

/// One event. `Debug` masks the number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// When, in milliseconds since the epoch.
    pub at_ms: u64,
    /// What.
    pub kind: SightingKind,
    /// A step-up had been passed for this request.
    pub passed: bool,
    /// Levels whose nodes asked (for `Asked`) or refused (for `Refused`), one bit each: an alarm at
    /// one gate is an alarm at all of them.
    pub acting: u16,
    /// Whom it concerns.
    pub subject: Subject,
    /// The network that a text went to, of `Delivered` and `Undelivered` where the provider names it.
    pub network: Option<NetworkCode>,
}

impl SightingKind {
    /// Whether it is what a provider says later. Nobody knows then who had asked for the text.
    const fn is_receipt(self) -> bool {
        matches!(self, Self::Delivered | Self::Undelivered)
    }
}

impl Sighting {
    /// Encodes the event. A receipt has its network where the others have their client, which it lacks:
    /// gates of before read it there, and look at no client of a receipt.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; EVENT_BYTES] {
        let mut out = [0; EVENT_BYTES];
        let s = &self.subject;
        let flags = u8::from(s.known) | (u8::from(self.passed) << 1);
        let from = match self.kind.is_receipt() {
            true => self.network.map_or(0, |network| network.to_bits().into()),
            false => s.client.to_bits(),
        };
        let parts: [&[u8]; 8] = [
            &[self.kind as u8, flags, s.purpose],
            &s.region,
            &s.price_microusd.to_be_bytes(),
            &self.at_ms.to_be_bytes(),
            &s.digits.to_be_bytes(),
            &from.to_be_bytes(),
            &self.acting.to_be_bytes(),
            &[],
        ];
        for (slot, byte) in out.iter_mut().zip(parts.iter().flat_map(|p| p.iter())) {
            *slot = *byte;
        }
        out
    }

    /// Decodes an event; `None` for anything that is not one.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; EVENT_BYTES]) -> Option<Self> {
        let [kind, flags, purpose, r0, r1, rest @ ..] = bytes;
        let (price, rest) = rest.split_first_chunk::<4>()?;
        let (at, rest) = rest.split_first_chunk::<8>()?;
        let (digits, rest) = rest.split_first_chunk::<8>()?;
        let (from, rest) = rest.split_first_chunk::<8>()?;
        let kind = match kind {
            1 => SightingKind::Sent,
            2 => SightingKind::Asked,
            3 => SightingKind::Failed,
            4 => SightingKind::Refused,
            5 => SightingKind::Verified,
            6 => SightingKind::Delivered,
            7 => SightingKind::Undelivered,
            8 => SightingKind::Withheld,
            9 => SightingKind::Alike,
            10 => SightingKind::Unlike,
            11 => SightingKind::Knocked,
            12 => SightingKind::Unsent,
            13 => SightingKind::Ended,
            _ => return None,
        };
        let digits = u64::from_be_bytes(*digits);
        let is_region = r0.is_ascii_uppercase() && r1.is_ascii_uppercase()
            || r0.is_ascii_digit() && r1.is_ascii_digit();
        let acting = u16::from_be_bytes(rest.try_into().ok()?);
        if *flags > 3
            || usize::from(acting) >> LEVELS != 0
            || !is_region
            || digits >= 1_000_000_000_000_000
        {
            return None;
        }
        let from = u64::from_be_bytes(*from);
        let (client, network) = match kind.is_receipt() {
            true => {
                (ClientNet::unknown(), u32::try_from(from).ok().and_then(NetworkCode::from_bits))
            }
            false => (ClientNet::from_bits(from), None),
        };
        Some(Self {
            at_ms: u64::from_be_bytes(*at),
            kind,
            passed: flags & 2 != 0,
            acting,
            subject: Subject {
                region: [*r0, *r1],
                digits,
                known: flags & 1 != 0,
                purpose: *purpose,
                price_microusd: u32::from_be_bytes(*price),
                client,
            },
            network,
        })
    }
}
