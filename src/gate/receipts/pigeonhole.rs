//! Where a send and a receipt meet that share only the provider's message identifier: documents in
//! the store, in which the second to come finds what the first left.
//!
//! A keyed hash of the message's identifier picks one of [`HOLES`] holes. A hole is sealed as a
//! whole and written by compare-and-swap, so the later of a send and its receipt sees the earlier
//! one. Nothing is taken out before its time, because applying it twice changes nothing.

use std::time::Duration;

use crate::base::codec::{Reader, Writer};
use crate::base::id::{Pseudonym, RequestId};
use crate::base::seal::SealKey;
use crate::base::time::Timestamp;
use crate::error::{GateError, GateErrorKind};
use crate::event::OutagePart;
use crate::gate::Gate;
use crate::guarded;
use crate::outcome::Note;
use crate::realm::shared_name;
use crate::store::{Admitted, Document, DocumentWrite, Home};

use super::said::Said;
use super::{RECEIPT_WINDOW, unexpected};

/// Documents of a deployment: at most 1 024 × (32 × 160 + 16 × 60) bytes, 6 MB.
const HOLES: u64 = 1_024;
/// Sends a hole remembers; the oldest goes first. Over all holes 32 768.
const SENDS: usize = 32;
/// Early receipts a hole keeps; the oldest goes first. Over all holes 16 384.
const EARLY: usize = 16;
/// How long an early receipt is kept: twenty times the longest hand-off, unless the host allows longer
/// ones.
const EARLY_FOR: Duration = Duration::from_secs(600);
/// How often another gate may write the same hole meanwhile.
const TRIES: usize = 32;

/// What a hole holds.
#[derive(Default)]
struct Hole {
    sends: Vec<Entry>,
    early: Vec<Entry>,
}

struct Entry {
    message: [u8; 16],
    until: Timestamp,
    /// The send's record, or what the receipt says.
    content: Vec<u8>,
}

/// What a receipt found by its message identifier.
pub(super) enum Met {
    Send(Box<Note>),
    /// The receipt is kept until its send is known.
    Kept,
}

impl Gate {
    /// Leaves a send where its receipts look for it; the answer is what came before.
    pub(super) async fn leave_send(
        &self,
        note: &Note,
        message_id: &str,
    ) -> Result<Vec<Said>, GateError> {
        let record = note.seal(self.inner.keys.records());
        let until = note.at + RECEIPT_WINDOW;
        let hole = |hole: &mut Hole, message: [u8; 16]| {
            let early = hole.early.iter().filter(|entry| entry.message == message);
            let early = early.filter_map(|entry| Said::read(&entry.content)).collect();
            hole.sends.retain(|entry| entry.message != message);
            let content = record.as_bytes().to_vec();
            keep(&mut hole.sends, Entry { message, until, content }, SENDS);
            (early, true)
        };
        self.change_hole(message_id, hole).await
    }

    /// The send of a receipt that names it by its message identifier alone; or the receipt is kept.
    pub(super) async fn meet_send(&self, message_id: &str, said: &Said) -> Result<Met, GateError> {
        let key = self.inner.keys.records();
        let until = self.now() + EARLY_FOR;
        let hole = |hole: &mut Hole, message: [u8; 16]| {
            let mut sends = hole.sends.iter().filter(|entry| entry.message == message);
            let record = sends.find_map(|entry| std::str::from_utf8(&entry.content).ok());
            if let Some(note) = record.and_then(|record| Note::open(record, key)) {
                return (Met::Send(Box::new(note)), false);
            }
            let content = said.write();
            let mut known = hole.early.iter().filter(|entry| entry.message == message);
            if known.any(|entry| entry.content == content) {
                return (Met::Kept, false);
            }
            keep(&mut hole.early, Entry { message, until, content }, EARLY);
            (Met::Kept, true)
        };
        self.change_hole(message_id, hole).await
    }

    /// Reads the hole of a message, and writes what `change` made of it if that says so and nobody was
    /// quicker.
    async fn change_hole<T>(
        &self,
        message_id: &str,
        change: impl Fn(&mut Hole, [u8; 16]) -> (T, bool),
    ) -> Result<T, GateError> {
        let (key, papers) = (self.inner.keys.pseudonyms(), self.inner.keys.papers());
        let message = *shared_name(key, "message", message_id).as_bytes();
        let [a, b, ..] = message;
        let place = u64::from(u16::from_be_bytes([a, b])) % HOLES;
        let document = shared_name(key, "hole", &place.to_string());
        for _ in 0..TRIES {
            let now = self.now();
            let found = self.inner.document(document, now).await?;
            let mut hole = Hole::open(papers, document, &found).unwrap_or_else(|| {
                let what = "what is known of texts by their message identifiers cannot be read \
                            and is left out; do all gates have the same version?";
                self.tell_outage(OutagePart::Record, what.into());
                Hole::default()
            });
            hole.expire(now);
            let (answer, write) = change(&mut hole, message);
            if !write {
                return Ok(answer);
            }
            let mut admission = self.inner.admission(Home::NOBODY, now)?;
            let content = hole.seal(papers, document, admission.id);
            admission.documents = vec![DocumentWrite { document, expect: found.version, content }];
            match guarded::admit(&*self.inner.store, &admission).await? {
                Admitted::Granted { .. } => return Ok(answer),
                Admitted::Stale { .. } => {}
                other => return Err(unexpected(&other)),
            }
        }
        Err(GateError::new(
            GateErrorKind::Store,
            "receipts of other texts kept coming in meanwhile",
        ))
    }
}

impl Hole {
    fn expire(&mut self, now: Timestamp) {
        self.sends.retain(|entry| now < entry.until);
        self.early.retain(|entry| now < entry.until);
    }

    /// Sealed under the identifier of the call that writes it, which is random and used once.
    fn seal(&self, key: &SealKey, document: Pseudonym, id: RequestId) -> Vec<u8> {
        let mut plain = Vec::new();
        for (kind, entries) in [(0, &self.sends), (1, &self.early)] {
            for entry in entries {
                let bytes = Writer::new()
                    .u8(kind)
                    .raw(&entry.message)
                    .time(entry.until)
                    .bytes(&entry.content)
                    .finish();
                plain.extend(bytes);
            }
        }
        key.seal(&context(document), *id.as_bytes(), &plain)
    }

    fn open(key: &SealKey, document: Pseudonym, found: &Document) -> Option<Self> {
        let mut hole = Self::default();
        if found.version == 0 {
            return Some(hole);
        }
        let plain = key.open(&context(document), &found.content)?;
        let mut fields = Reader::new(&plain);
        while let Some(kind) = fields.u8() {
            let message = fields.array()?;
            let (until, content) = (fields.time()?, fields.bytes()?.to_vec());
            let entry = Entry { message, until, content };
            match kind {
                0 => hole.sends.push(entry),
                1 => hole.early.push(entry),
                _ => return None,
            }
        }
        Some(hole)
    }
}

/// Adds `entry`; of more than `most` the oldest go.
fn keep(entries: &mut Vec<Entry>, entry: Entry, most: usize) {
    entries.push(entry);
    let over = entries.len().saturating_sub(most);
    entries.drain(..over);
}

fn context(document: Pseudonym) -> Vec<u8> {
    Writer::new().text("otpgate/v1/hole").raw(document.as_bytes()).finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// However many receipts come early, and however many texts go out: the newest are kept.
    #[test]
    fn a_hole_keeps_so_many_and_no_more() {
        let until = Timestamp::from_millis(1_800_000_000_000);
        let entry = |n: u16| {
            let mut message = [0; 16];
            message[..2].copy_from_slice(&n.to_be_bytes());
            Entry { message, until, content: vec![0; 40] }
        };
        let mut hole = Hole::default();
        for n in 0..1_000 {
            keep(&mut hole.sends, entry(n), SENDS);
            keep(&mut hole.early, entry(n), EARLY);
        }
        assert_eq!((hole.sends.len(), hole.early.len()), (SENDS, EARLY));
        let first =
            |entries: &[Entry]| u16::from_be_bytes([entries[0].message[0], entries[0].message[1]]);
        assert_eq!((first(&hole.sends), first(&hole.early)), (968, 984), "the oldest went");
    }
}
