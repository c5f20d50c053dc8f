//! Codes: what they look like, how they are drawn, read back, digested and bound; and the
//! authenticator app, which needs no text.
//!
//! A code has three forms. [`Passcode`] was drawn and goes into the text; [`SubmittedCode`] is what
//! a claimant typed; in between only a keyed digest exists, bound to the realm, the purpose, the
//! challenge, the subject and the [`Binding`]. Nothing here reads a clock, a store or the network.

mod amount;
mod binding;
pub(crate) mod digest;
mod format;
mod passcode;
mod pasted;
mod payee;
mod resend;
pub(crate) mod shown;
mod submitted;
mod test_code;
#[cfg(feature = "totp")]
pub mod totp;

pub use amount::{Amount, AmountError};
pub use binding::{Binding, BindingError};
pub use format::{CodeFormat, CodeFormatError};
pub use passcode::Passcode;
pub use pasted::MalformedCode;
pub use payee::{Payee, PayeeError};
pub use resend::ResendCode;
pub use submitted::SubmittedCode;
pub use test_code::{TestCode, TestCodeError};
