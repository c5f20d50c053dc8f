//! What is sent: the port's messages as keys and one packed argument.

mod admit;
mod lists;
mod peer;
mod redeem;
mod settle;
mod tally;
mod verb;

use crate::base::id::Pseudonym;
use crate::base::time::{Timestamp, millis};
use crate::store::{Charge, ClockCheck, Exchange, Mark, Refund};

use super::answer::Seen;
use super::keys::{Keys, Kind};
use super::pack::{MOST, Packer};

pub(super) use peer::Claim;
pub(super) use settle::Undone;
pub(super) use verb::Verb;

/// A call, complete but for what only the connection knows.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) verb: Verb,
    pub(super) realm: Pseudonym,
    pub(super) now: Timestamp,
    pub(super) clock: ClockCheck,
    pub(super) keys: Keys,
    /// How many of the keys, from the first, have values that the script reads.
    pub(super) reads: usize,
    pub(super) body: Packer,
}

/// A journal's two keys, and which message goes with them.
struct Journal<'a> {
    latest: u64,
    after: u64,
    append: &'a [u8],
    name: Pseudonym,
    /// Entries of earlier calls, which are appended before it.
    earlier: &'a [Vec<u8>],
}

/// The version of a document that stands on another partition.
#[derive(Clone, Copy, Debug)]
pub(super) struct Version {
    pub(super) document: Pseudonym,
    pub(super) version: u64,
    /// It was read or written there. What is only in a caller's word lowers no copy.
    pub(super) read: bool,
}

impl Version {
    /// One that was read or written where the document stands.
    pub(super) fn there(document: Pseudonym, version: u64) -> Self {
        Self { document, version, read: true }
    }
}

/// How much of a message its call is for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Scope<'a> {
    /// Everything is where the call is made.
    All,
    /// Documents and the journal stand elsewhere; guards go by copies, which these bring up to date.
    /// The charges in `paid` are made elsewhere.
    Part { copies: &'a [Version], paid: &'a [usize] },
}

impl Scope<'_> {
    fn is_all(&self) -> bool {
        matches!(self, Self::All)
    }

    fn paid(&self) -> &[usize] {
        match self {
            Self::All => &[],
            Self::Part { paid, .. } => paid,
        }
    }
}

/// What a partition is to do for a call that is made on another.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Errand<'a> {
    /// Charges to make, each that fits.
    pub(super) taken: &'a [Charge],
    /// Or of each as many units as fit; then those are answered, and no waits.
    pub(super) partly: bool,
    /// What was so charged in vain.
    pub(super) given: &'a [Refund],
    pub(super) marks: &'a [Mark],
    /// Documents that were written, and their versions.
    pub(super) copies: &'a [Version],
    pub(super) exchange: Option<&'a Exchange>,
    /// Entries to append before that of the exchange, if that has one.
    pub(super) earlier: &'a [Vec<u8>],
}

impl Call {
    /// The script's one argument: what every verb begins with, then the verb's own.
    pub(super) fn argument(&self, run: [u8; 8], seen: Seen) -> Packer {
        let body = self.body.as_slice();
        let mut argument = Packer::with_capacity(body.len().saturating_add(48));
        let reads = u64::try_from(self.reads).unwrap_or(u64::MAX);
        argument.number(self.now.as_millis()).bytes(&run);
        let skew = self.clock.skew().map_or(MOST, millis);
        argument.numbers(&[seen.epoch, seen.sequence, reads, skew]).raw(body);
        argument
    }
}

impl<'a> Journal<'a> {
    fn of(keys: &mut Keys, exchange: Option<&'a Exchange>) -> Option<Self> {
        exchange.map(|exchange| Self {
            latest: keys.number(Kind::Latest, exchange.journal),
            after: exchange.after,
            append: &exchange.append,
            name: exchange.journal,
            earlier: &[],
        })
    }
}

/// The last key of a call: a list, which is not read with the strings.
fn exchange(body: &mut Packer, keys: &mut Keys, journal: Option<Journal<'_>>) {
    match journal {
        None => drop(body.number(0)),
        Some(Journal { latest, after, append, name, earlier }) => {
            let list = keys.number(Kind::Journal, name);
            body.array(earlier.len().saturating_add(4))
                .numbers(&[latest, list, after])
                .bytes(append);
            for entry in earlier {
                body.bytes(entry);
            }
        }
    }
}
