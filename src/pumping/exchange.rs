//! What a detector tells others and hears of them.

use super::detector::Detector;
use super::journal::{AHEAD, CodecError, Entry};
use super::sighting::Sighting;
use crate::base::time::{Timestamp, millis};

impl Detector {
    /// Keeps events for other gates from now on. A single gate need not.
    pub fn share(&mut self) {
        self.journal.share();
    }

    /// Takes what the other gates should hear, as opaque bytes; empty when there is nothing. At most 64
    /// events are taken, oldest first: the rest is for the next call.
    ///
    /// The bytes hold phone numbers: seal them before they leave the process.
    #[must_use]
    pub fn drain_outbox(&mut self) -> Vec<u8> {
        self.journal.drain()
    }

    /// Takes back what [`drain_outbox`](Self::drain_outbox) gave and what may not have arrived; it is drained
    /// again first. Of more than 64 of these the others go without.
    pub(crate) fn untell(&mut self, bytes: &[u8]) {
        self.journal.untell(bytes);
    }

    /// Absorbs what another gate drained, in whatever order. Its own bytes, and events already absorbed,
    /// are skipped.
    ///
    /// # Errors
    /// [`CodecError`] when the bytes are not what [`Detector::drain_outbox`] wrote; nothing changes.
    pub fn absorb(&mut self, now: Timestamp, bytes: &[u8]) -> Result<usize, CodecError> {
        self.absorb_some(now, bytes, |_| true)
    }

    /// As [`absorb`](Self::absorb), of the events that say that a node acts.
    pub(crate) fn absorb_alarms(
        &mut self,
        now: Timestamp,
        bytes: &[u8],
    ) -> Result<usize, CodecError> {
        self.absorb_some(now, bytes, |event| event.acting != 0)
    }

    fn absorb_some(
        &mut self,
        now: Timestamp,
        bytes: &[u8],
        wanted: impl Fn(&Sighting) -> bool,
    ) -> Result<usize, CodecError> {
        if bytes.is_empty() {
            return Ok(0);
        }
        let entry = Entry::read(bytes)?;
        let latest = now.as_millis().saturating_add(millis(AHEAD));
        let mut taken = 0_usize;
        for event in self.journal.hear(&entry) {
            // a peer whose clock runs ahead must not drag this one along
            if event.at_ms <= latest && wanted(event) {
                self.apply(event);
                taken = taken.saturating_add(1);
            }
        }
        Ok(taken)
    }
}
