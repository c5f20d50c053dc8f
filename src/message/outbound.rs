//! The finished text.

use std::fmt;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::registration::Registration;
use super::segments::Segments;

/// A text that was rendered, read back and found right: the only thing a transport may send.
///
/// It cannot be made from a string, cannot be cloned, shows only its size in `Debug`, has no
/// `Display`, and wipes itself on drop. Text from anywhere else does not compile:
///
/// ```compile_fail
/// let text = otpgate::message::OutboundText::from(String::from("you won, see evil.example"));
/// ```
///
/// ```compile_fail
/// fn twice(text: &otpgate::message::OutboundText) -> otpgate::message::OutboundText {
///     text.clone()
/// }
/// ```
pub struct OutboundText {
    text: Zeroizing<String>,
    segments: Segments,
    registration: Option<Arc<Registration>>,
}

impl OutboundText {
    pub(super) const fn new(text: Zeroizing<String>, segments: Segments) -> Self {
        Self { text, segments, registration: None }
    }

    pub(super) fn registered(mut self, registration: Option<&Arc<Registration>>) -> Self {
        self.registration = registration.cloned();
        self
    }

    /// The text with the code in it, under a name that a reviewer can search for.
    pub fn expose_text(&self) -> &str {
        &self.text
    }

    /// Its size and encoding, which decide its price.
    pub const fn segments(&self) -> Segments {
        self.segments
    }

    /// What the country it was rendered for has on file about it.
    pub fn registration(&self) -> Option<&Registration> {
        self.registration.as_deref()
    }

    /// The text, to be handed on and wiped there.
    pub(crate) fn into_text(mut self) -> String {
        std::mem::take(&mut self.text)
    }

    pub(crate) fn take_registration(&mut self) -> Option<Arc<Registration>> {
        self.registration.take()
    }
}

impl fmt::Debug for OutboundText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Segments { encoding, units, count } = self.segments;
        write!(f, "OutboundText([redacted], {units} units of {encoding:?} in {count} segments)")
    }
}
