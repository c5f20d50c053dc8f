//! [`Channel`]: by what a code reaches its reader.

use std::fmt;

/// By what a message goes out. The port is one, [`SmsTransport`](super::SmsTransport), whatever the
/// channel; outcomes and events name the channel that was used.
///
/// ```
/// use otpgate::Channel;
///
/// assert_eq!(Channel::Voice.to_string(), "voice");
/// assert!(!Channel::Email.is_out_of_band(), "NIST SP 800-63B-4 §3.1.3");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "lowercase"))]
#[non_exhaustive]
pub enum Channel {
    /// A text message. Every verification begins with one.
    #[default]
    Sms,
    /// A call that reads the code out, to the same number.
    Voice,
    /// A WhatsApp message to the same number.
    WhatsApp,
    /// E-mail. Not to the number: the transport takes the address that the host has on file for it, never
    /// one from the request.
    Email,
}

impl Channel {
    /// Every channel.
    pub const ALL: [Self; 4] = [Self::Sms, Self::Voice, Self::WhatsApp, Self::Email];

    /// Whether NIST SP 800-63B-4 §3.1.3 lets it carry an out-of-band secret. E-mail it does not: who reads
    /// a mailbox has proved no device.
    #[must_use]
    pub const fn is_out_of_band(self) -> bool {
        !matches!(self, Self::Email)
    }

    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Sms => "sms",
            Self::Voice => "voice",
            Self::WhatsApp => "whatsapp",
            Self::Email => "email",
        }
    }

    pub(crate) const fn index(self) -> u8 {
        match self {
            Self::Sms => 0,
            Self::Voice => 1,
            Self::WhatsApp => 2,
            Self::Email => 3,
        }
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
