//! A save of what the detector remembers, in the making.

use std::sync::{Mutex, PoisonError};

use crate::base::codec::Writer;
use crate::base::entropy::{Entropy, random};
use crate::base::keyring::KeyRing;
use crate::base::seal::Sealing;
use crate::base::time::Timestamp;
use crate::pumping::Draft;
use crate::store::Document;

use super::recall::EVERY;

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

impl Saving {
    /// Goes on with the save of `shard` for about a tenth of a millisecond.
    pub(super) fn go_on<W>(&self, shard: usize, pen: &Pen<'_, W>, now: Timestamp)
    where
        W: Fn(&mut Draft) -> ([u8; 8], usize),
    {
        // Another request is at it.
        let Ok(mut making) = self.0.try_lock() else { return };
        *making = step(making.take(), shard, pen, now);
    }

    /// The head and the shard, if they are ready, or made `whole` at once.
    pub(super) fn sealed<W>(
        &self,
        shard: usize,
        pen: &Pen<'_, W>,
        now: Timestamp,
        whole: bool,
    ) -> Option<[Vec<u8>; 2]>
    where
        W: Fn(&mut Draft) -> ([u8; 8], usize),
    {
        let mut making = match whole {
            true => self.0.lock().unwrap_or_else(PoisonError::into_inner),
            false => self.0.try_lock().ok()?,
        };
        if whole {
            *making = None;
        }
        loop {
            *making = step(making.take(), shard, pen, now);
            match making.as_ref().map(|made| &made.stage) {
                Some(Stage::Sealed(documents)) => return Some(documents.clone()),
                Some(_) if whole => {}
                _ => return None,
            }
        }
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

/// Kilobytes of each document sealed at a time: about 60 µs.
const PIECE: usize = 32;

impl Making {
    fn new(shard: usize, now: Timestamp) -> Self {
        Self { shard, written: now, stage: Stage::Writing(Box::new(Draft::new(shard))) }
    }

    /// Goes on for about a tenth of a millisecond; `None` without random bytes.
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
                        let (head, shard) = draft.finish()?;
                        let head = [&lifted[..], &head].concat();
                        let nonces: [u8; 32] = random(pen.entropy).ok()?;
                        let (one, two) = nonces.split_first_chunk::<16>()?;
                        let two = two.first_chunk::<16>()?;
                        let keys = pen.keys.papers();
                        let place = self.shard.saturating_add(1);
                        let is_small =
                            spent < 60_000 && head.len().saturating_add(shard.len()) < 16_384;
                        let seals = [
                            keys.begin(&context(pen.realm, 0), *one, &head),
                            keys.begin(&context(pen.realm, place), *two, &shard),
                        ];
                        match is_small {
                            true => Stage::Sealed(seals.map(Sealing::finish)),
                            false => Stage::Sealing(Box::new(seals)),
                        }
                    }
                }
            }
            Stage::Sealing(mut seals) => {
                let is_done = {
                    let [head, shard] = &mut *seals;
                    head.go_on(PIECE) && shard.go_on(PIECE)
                };
                match is_done {
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

fn context(realm: &str, place: usize) -> Vec<u8> {
    Writer::new().text("otpgate/v1/memory").text(realm).u64(place as u64).finish()
}
