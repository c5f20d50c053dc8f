//! A save of what the detector remembers, in the making.

use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

use crate::base::codec::Writer;
use crate::base::entropy::{Entropy, random};
use crate::base::keyring::KeyRing;
use crate::base::seal::Sealing;
use crate::base::time::Timestamp;
use crate::pumping::Draft;
use crate::store::Document;

use super::recall::{EVERY, Saved};

/// What a save is written with.
pub(super) struct Pen<'a, W> {
    /// Writes on, and says what the head has in front of it and how long it took.
    pub(super) write: W,
    pub(super) realm: &'a str,
    pub(super) keys: &'a KeyRing,
    pub(super) entropy: &'a dyn Entropy,
}

/// The save that requests are making, if there is one.
#[derive(Debug, Default)]
pub(super) struct Saving(Mutex<Option<Making>>);

/// A save that is ready for the store.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) shard: usize,
    pub(super) written: Timestamp,
    /// The head and the shard.
    pub(super) documents: [Vec<u8>; 2],
}

/// A save on its way to the store, with the note of it for the other gates.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Carried {
    pub(super) note: Saved,
    pub(super) written: Timestamp,
}

impl Saving {
    /// Unless another request is at it. One that panicked at it left nothing that is worse than a piece less.
    fn free(&self) -> Option<MutexGuard<'_, Option<Making>>> {
        match self.0.try_lock() {
            Ok(making) => Some(making),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Makes another piece of the save of `shard`.
    pub(super) fn go_on<W>(&self, shard: usize, pen: &Pen<'_, W>, now: Timestamp)
    where
        W: Fn(&mut Draft) -> ([u8; 8], usize),
    {
        let Some(mut making) = self.free() else { return };
        *making = step(making.take(), shard, pen, now);
    }

    /// Takes the head and the shard, if they are ready after another piece, or made `whole` at once.
    pub(super) fn take<W>(
        &self,
        shard: usize,
        pen: &Pen<'_, W>,
        now: Timestamp,
        whole: bool,
    ) -> Option<Ready>
    where
        W: Fn(&mut Draft) -> ([u8; 8], usize),
    {
        let mut making = match whole {
            true => self.0.lock().unwrap_or_else(PoisonError::into_inner),
            false => self.free()?,
        };
        if whole {
            *making = None;
        }
        loop {
            let Making { shard, written, stage } = step(making.take(), shard, pen, now)?;
            match stage {
                Stage::Sealed(documents) => return Some(Ready { shard, written, documents }),
                stage => *making = Some(Making { shard, written, stage }),
            }
            if !whole {
                return None;
            }
        }
    }

    /// It was not saved: another send takes it along, unless the next one is already being made.
    pub(super) fn put_back(&self, ready: Ready) {
        let Ready { shard, written, documents } = ready;
        let mut making = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        making.get_or_insert(Making { shard, written, stage: Stage::Sealed(documents) });
    }

    /// It was saved.
    pub(super) fn forget(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// A save in the making: written, then sealed, a little at each request, so that none pays for it all.
#[derive(Debug)]
struct Making {
    shard: usize,
    /// When the last piece was written.
    written: Timestamp,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    Writing(Box<Draft>),
    Sealing(Box<[Sealing; 2]>),
    /// The head and the shard.
    Sealed([Vec<u8>; 2]),
}

/// Bytes sealed at a time: about 20 µs, or 60 on a processor that has no instructions for SHA-256.
const PIECE: usize = 12_288;
/// What is written in less than so many nanoseconds, and is no longer than so many bytes, is sealed at once.
const SMALL: (usize, usize) = (30_000, 8_192);
/// In front of head and shard: room for a nonce, and for the newest lift.
const LEAD: [usize; 2] = [16 + 8, 16];

impl Making {
    fn new(shard: usize, now: Timestamp) -> Self {
        Self { shard, written: now, stage: Stage::Writing(Box::new(Draft::new(shard, LEAD))) }
    }

    /// Makes another piece; `None` without random bytes.
    fn go_on<W>(mut self, pen: &Pen<'_, W>, now: Timestamp) -> Option<Self>
    where
        W: Fn(&mut Draft) -> ([u8; 8], usize),
    {
        self.stage = match self.stage {
            Stage::Writing(mut draft) => {
                let (lifted, spent) = (pen.write)(&mut draft);
                self.written = now;
                match draft.is_done() {
                    false => Stage::Writing(draft),
                    true => {
                        let [mut head, shard] = draft.finish()?;
                        head.iter_mut().skip(16).zip(lifted).for_each(|(to, from)| *to = from);
                        let nonces: [u8; 32] = random(pen.entropy).ok()?;
                        let (one, two) = nonces.split_first_chunk::<16>()?;
                        let two = two.first_chunk::<16>()?;
                        let keys = pen.keys.papers();
                        let place = self.shard.saturating_add(1);
                        let length = head.len().saturating_add(shard.len());
                        let seals = [
                            keys.begin(&context(pen.realm, 0), *one, head),
                            keys.begin(&context(pen.realm, place), *two, shard),
                        ];
                        match spent < SMALL.0 && length < SMALL.1 {
                            true => Stage::Sealed(seals.map(Sealing::finish)),
                            false => Stage::Sealing(Box::new(seals)),
                        }
                    }
                }
            }
            Stage::Sealing(mut seals) => {
                let [head, shard] = &mut *seals;
                let sealed = head.go_on(PIECE);
                shard.go_on(PIECE.saturating_sub(sealed));
                match head.is_done() && shard.is_done() {
                    false => Stage::Sealing(seals),
                    true => Stage::Sealed((*seals).map(Sealing::finish)),
                }
            }
            sealed @ Stage::Sealed(_) => sealed,
        };
        Some(self)
    }
}

fn step<W>(making: Option<Making>, shard: usize, pen: &Pen<'_, W>, now: Timestamp) -> Option<Making>
where
    W: Fn(&mut Draft) -> ([u8; 8], usize),
{
    let fits = |making: &Making| {
        let is_old = now >= making.written + EVERY && matches!(making.stage, Stage::Sealed(_));
        making.shard == shard && !is_old
    };
    making.filter(fits).unwrap_or_else(|| Making::new(shard, now)).go_on(pen, now)
}

/// What was sealed; `None` for what this realm did not seal at this place.
pub(super) fn open(
    realm: &str,
    place: usize,
    document: &Document,
    keys: &KeyRing,
) -> Option<Vec<u8>> {
    keys.papers().open(&context(realm, place), &document.content)
}

pub(super) fn context(realm: &str, place: usize) -> Vec<u8> {
    Writer::new().text("otpgate/v1/memory").text(realm).u64(place as u64).finish()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::base::entropy::SystemEntropy;
    use crate::base::keyring::{KeyId, Pepper};
    use crate::pumping::Detector;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(1_800_000_000_000) + Duration::from_secs(seconds)
    }

    #[test]
    fn what_was_not_saved_is_taken_along_again_until_it_is_old() {
        let (saving, detector) = (Saving::default(), Detector::new(1));
        let keys =
            KeyRing::new(KeyId(1), Pepper::from_bytes(std::array::from_fn(|n| n as u8)).unwrap());
        let write = |draft: &mut Draft| (9_u64.to_be_bytes(), detector.go_on(draft));
        let pen = Pen { write, realm: "shop", keys: &keys, entropy: &SystemEntropy };
        let take = |at| saving.take(3, &pen, at, false);
        let ready = std::iter::repeat_with(|| take(at(0))).take(9).flatten().next().unwrap();
        let documents = ready.documents.clone();
        for (place, content) in [0, 4].into_iter().zip(&documents) {
            let document = Document { version: 1, content: content.clone() };
            let plain = open("shop", place, &document, &keys).unwrap();
            assert!(place > 0 || plain.starts_with(&9_u64.to_be_bytes()));
        }
        saving.put_back(ready);
        let again = take(at(59)).unwrap();
        assert_eq!(again.documents, documents);
        saving.put_back(again);
        let fresh = std::iter::repeat_with(|| take(at(60))).take(9).flatten().next().unwrap();
        assert_ne!(fresh.documents, documents, "its nonces are new");
        // One that is being made is further than what comes back.
        let late = fresh.documents.clone();
        saving.go_on(3, &pen, at(120));
        saving.put_back(fresh);
        assert_ne!(take(at(120)).map(|ready| ready.documents), Some(late));
    }
}
