//! The text of a message: compiled at start, rendered from checked fields only, and read back by a
//! second parser before it may leave.
//!
//! [`MessageFormat`] is built once from a [`Brand`], a set of [`Messages`] and the last line that
//! browsers ([`OriginHost`]) or apps ([`AppHash`]) look for. Whatever can be known at start is checked
//! at start: that every template has exactly one code, that the longest text fits the segment limit,
//! that no character turns it silently into UCS-2. [`MessageFormat::render`] then yields an
//! [`OutboundText`], the only text a transport is given.

mod app_hash;
mod brand;
mod builtin;
mod error;
mod format;
mod gsm;
mod language;
mod messages;
mod origin;
mod outbound;
mod parse;
mod registration;
mod segments;
mod template;

pub use app_hash::{AppHash, AppHashError};
pub use brand::{Brand, BrandError};
pub use error::{MessageFormatError, Misread, RenderError};
pub use format::{EncodingPolicy, MessageFormat, MessageFormatBuilder, RenderFields};
pub use language::{Language, LanguageError};
pub use messages::{Messages, MessagesError};
#[cfg(feature = "web")]
pub(crate) use origin::is_number;
pub use origin::{OriginBound, OriginHost, OriginHostError, parse_origin_bound};
pub use outbound::OutboundText;
pub(crate) use parse::code_in;
pub use registration::{RegisteredText, Registration, RegistrationError, Registrations};
pub use segments::{Encoding, Segments};
pub use template::{Field, Template, TemplateError};
