//! Level 1: phone numbers. One line is one key, however its number was spelled.
//!
//! [`Recipient::parse`] reads what a person typed, [`Recipient::from_e164`] what a machine stored.
//! Both answer with the canonical E.164 number and know its region, [`LineType`], validity and the
//! [`NumberLadder`] of prefixes above it. Nothing here allocates, and a number takes one or two
//! hundred nanoseconds with countries rotating (`benches/recipient.rs`): a bot that cycles through
//! all countries gains nothing.
//!
//! # Where the rules come from
//! They are those of Google's libphonenumber, from its metadata in version [`METADATA_VERSION`],
//! compiled by a script of this repository into a table of about 200 kB, the only memory it takes. `tests/heavy/recipient_differential.rs`
//! compares every answer with the `rlibphonenumber` crate. To move to newer metadata:
//!
//! ```text
//! cargo update -p rlibphonenumber && python3 scripts/numbering/generate.py && cargo test --test heavy recipient_differential
//! ```
//!
//! # What it does not know
//! Whether the line exists, who holds it, whether it was ported, and what it costs. Numbers are
//! recycled: a key is a line, not a person.

mod alias;
mod calling_code;
mod canonical;
mod digits;
mod error;
mod ladder;
mod line_type;
mod number;
mod numbering;
mod parse;
mod region;
mod under;

pub use calling_code::CallingCode;
pub use error::{PrefixError, RecipientError, RegionError};
pub use ladder::{NumberLadder, NumberLevel, Prefix};
pub use line_type::LineType;
pub use number::{E164Text, LineKey, Recipient};
pub use numbering::METADATA_VERSION;
pub use region::Region;
pub(crate) use under::{regions_under, samples_under};
