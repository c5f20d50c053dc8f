//! [`Verified`]: whether a code was accepted, and the proof that it was.

use std::borrow::Cow;
use std::fmt;

use crate::access::{ControlId, DeviceProof};
use crate::base::time::Timestamp;
use crate::context::Purpose;
use crate::otp::Binding;
use crate::recipient::Recipient;
use crate::transport::Channel;

use super::SendRecord;

/// The answer of [`Gate::verify`](crate::Gate::verify).
///
/// ```
/// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
/// # shop::open(async |shop| {
/// # let grant = shop.grant().await;
/// # let typed = shop.code();
/// # let shop::Shop { gate, client, .. } = shop;
/// use otpgate::Verified;
///
/// let status = match gate.verify(&grant, &typed, &client).await? {
///     Verified::Accepted(_verification) => 303,
///     Verified::Rejected(_) => 422, // the same page again, with the same grant
/// };
/// assert_eq!(status, 303);
/// # Ok(())
/// # });
/// ```
#[derive(Debug)]
#[must_use = "only `Accepted` proves anything"]
#[allow(clippy::large_enum_variant)] // moved once, to the host; a box costs more
pub enum Verified {
    /// The code was right.
    Accepted(Verification),
    /// The code was not accepted.
    Rejected(Rejection),
}

impl Verified {
    /// The proof, if the code was right. A [`Rejection`] says nothing more, so this loses nothing.
    #[must_use = "only `Accepted` proves anything"]
    pub fn accepted(self) -> Option<Verification> {
        match self {
            Self::Accepted(verification) => Some(verification),
            Self::Rejected(_) => None,
        }
    }
}

/// The only proof that a code was accepted. You cannot make, copy or forge one, so a skipped screen
/// is a compile error.
///
/// ```
/// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
/// # shop::open(async |shop| {
/// # let grant = shop.grant().await;
/// # let typed = shop.code();
/// # let shop::Shop { gate, client, .. } = shop;
/// # use otpgate::{Purpose, Verified};
/// # let verified = gate.verify(&grant, &typed, &client).await?;
/// # let Verified::Accepted(verification) = verified else { panic!() };
/// // The number to keep is this one, whatever the form says by now.
/// assert_eq!(verification.recipient().expose_e164().as_str(), "+4915112345678");
/// assert_eq!(verification.purpose(), &Purpose::SIGN_UP);
/// assert_eq!((verification.amr(), verification.restricted()), ("sms", true));
///
/// // The cookie of this browser, with `Max-Age` from the proof's own end: 90 days.
/// let life = verification.device_proof().expires().since(verification.at());
/// assert_eq!(life.as_secs(), 90 * 86_400);
/// # Ok(())
/// # });
/// ```
#[derive(Debug)]
#[must_use]
pub struct Verification {
    pub(crate) recipient: Recipient,
    pub(crate) purpose: Purpose,
    pub(crate) binding: Binding,
    pub(crate) at: Timestamp,
    pub(crate) device_proof: DeviceProof,
    pub(crate) record: SendRecord,
    pub(crate) test: Option<ControlId>,
    pub(crate) channels: Cow<'static, [Channel]>,
}

impl Verification {
    /// The number that was proven: take it from here, never from the request.
    pub fn recipient(&self) -> &Recipient {
        &self.recipient
    }

    /// What the code was for. Compare it with what you are about to do, where you ask for codes for more than
    /// one purpose: a client may bring the grant of another form of yours. The endpoints of the feature `web`
    /// take none but those of their own purposes.
    pub fn purpose(&self) -> &Purpose {
        &self.purpose
    }

    /// The transaction the code was bound to.
    pub fn binding(&self) -> &Binding {
        &self.binding
    }

    /// When.
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// The authentication method reference (RFC 8176): `sms`; or `otp` if codes of the verification went by
    /// other [channels](Self::channels) too, or for a test number, which gets no text.
    pub fn amr(&self) -> &'static str {
        match &*self.channels {
            [Channel::Sms] if self.test.is_none() => "sms",
            _ => "otp",
        }
    }

    /// The channels by which codes of this verification went out. Where codes in flight stay good, the one
    /// that was accepted may be of any of them. The gate knows of those that it is given
    /// ([`GateBuilder::fallback`](crate::GateBuilder::fallback)), whether or not its policy still leads there.
    pub fn channels(&self) -> &[Channel] {
        &self.channels
    }

    /// Whether every code went out of band as NIST SP 800-63B-4 §3.1.3 has it: none by e-mail, and none
    /// fixed for a test number.
    pub fn out_of_band(&self) -> bool {
        self.test.is_none() && self.channels.iter().all(|channel| channel.is_out_of_band())
    }

    /// The entry by which this was a [test number](crate::TestNumber) with a fixed code: nobody has
    /// proved to hold it. Let such a log-in reach test accounts only.
    pub fn test_number(&self) -> Option<ControlId> {
        self.test
    }

    /// Always true: SMS is a restricted authenticator (NIST SP 800-63B-4 §3.2.9), not
    /// phishing-resistant; offer an alternative.
    pub fn restricted(&self) -> bool {
        true
    }

    /// A proof that this device verified this number, for a cookie of 90 days, an hour for a test number (`HttpOnly`,
    /// `Secure`, `SameSite=Lax`). Hand it back with
    /// [`ClientContext::device_proof`](crate::ClientContext::device_proof).
    pub fn device_proof(&self) -> &DeviceProof {
        &self.device_proof
    }

    /// What the host keeps to tell the gate later, with [`Gate::report`](crate::Gate::report), that
    /// the verified number turned out worthless.
    pub fn record(&self) -> &SendRecord {
        &self.record
    }
}

/// The code was not accepted: wrong, expired, used, locked or unknown. One answer for all of them;
/// the [`Observer`](crate::Observer) gets the reason.
///
/// ```
/// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
/// # shop::open(async |shop| {
/// # let grant = shop.grant().await;
/// # let shop::Shop { gate, client, .. } = shop;
/// use otpgate::{EntryGrant, Verified};
///
/// let Verified::Rejected(wrong) = gate.verify(&grant, "wrong", &client).await? else { panic!() };
/// let made_up = EntryGrant::from_client("no grant at all");
/// let Verified::Rejected(unknown) = gate.verify(&made_up, "123456", &client).await? else { panic!() };
/// assert_eq!(wrong, unknown, "nothing tells the two apart");
/// # Ok(())
/// # });
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rejection(pub(crate) ());

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("The code was not accepted. Check it, or ask for a new one.")
    }
}

/// The answer about an authenticator code.
#[cfg(feature = "totp")]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use = "only `Accepted` proves anything"]
pub enum AuthenticatorVerdict {
    /// The code was right, and is now used up.
    Accepted,
    /// Wrong, used before, or too many failures: one answer for all of them.
    Rejected,
}
