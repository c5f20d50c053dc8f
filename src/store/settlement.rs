//! [`Settlement`]: what became of an admission.

use crate::base::id::{Pseudonym, RequestId};
use crate::base::mac::Tag;
use crate::base::time::Timestamp;
use crate::limit::{Limit, MeterKey};

use super::admission::{Exchange, Observation};
use super::{ClockCheck, Home};

/// What [`Store::settle`](super::Store::settle) puts right after a hand-off.
///
/// A message that went out needs no settlement: an admission counts as spent from the start.
#[derive(Clone, Debug)]
pub struct Settlement {
    /// The admission's identifier.
    pub admission: RequestId,
    /// The gate's time.
    pub now: Timestamp,
    /// How far `now` may be from the store's own clock.
    pub clock: ClockCheck,
    /// The tenant.
    pub realm: Pseudonym,
    /// Whom it is about: the admission's.
    pub home: Home,
    /// What is given back; empty if the message went out or may have gone out.
    pub refunds: Vec<Refund>,
    /// The code that no message carries.
    pub void: Option<VoidCode>,
    /// What is counted, whether or not the admission is known.
    pub observe: Vec<Observation>,
    /// News to leave for the other gates; nothing is read.
    pub exchange: Option<Exchange>,
}

impl Settlement {
    /// A settlement of `admission`, about nobody, that gives nothing back yet.
    #[must_use]
    pub fn new(admission: RequestId, now: Timestamp, realm: Pseudonym) -> Self {
        Self {
            admission,
            now,
            clock: ClockCheck::default(),
            realm,
            home: Home::NOBODY,
            refunds: Vec::new(),
            void: None,
            observe: Vec::new(),
            exchange: None,
        }
    }
}

/// A code that is void: no message carries it.
///
/// It is named by its digest, because another send for the same challenge may have written a newer
/// one between the admission and the settlement.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct VoidCode {
    /// The challenge's name.
    pub challenge: Pseudonym,
    /// The code's keyed digest, as it was written.
    pub digest: Tag,
}

/// A charge to give back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Refund {
    /// The meter.
    pub key: MeterKey,
    /// The rule it was charged under.
    pub limit: Limit,
    /// How much.
    pub cost: u64,
    /// The admission's `now`.
    pub charged: Timestamp,
    /// The waiver the charge had: a charge that was waived then is not refunded. A store compares
    /// the mark at `charged`.
    pub waiver: Option<MeterKey>,
}
