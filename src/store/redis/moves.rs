//! What is sent to change into how many partitions a deployment is spread, and to bring over what the
//! earlier ones hold.

use crate::base::id::Pseudonym;
use crate::base::time::Timestamp;
use crate::store::ClockCheck;

use super::call::{Call, Verb};
use super::keys::{Keys, Name};
use super::pack::Packer;
use super::place::Place;

/// What is done with the record of a deployment's partitions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Step {
    /// Asks; where nothing is laid down yet, and `parts` are several, it is.
    Ask {
        parts: u16,
    },
    Begin {
        generation: u32,
        parts: u16,
    },
    Open {
        generation: u32,
    },
    Settle {
        generation: u32,
    },
}

/// How a key is read at a partition of the generation before, and written here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Form {
    /// A home's own subject, as it stands.
    Own,
    /// A subject of which each partition has a share: its meters and marks.
    Common,
    Challenge,
    Nonce,
    Calls,
}

impl Form {
    fn number(self) -> u64 {
        match self {
            Self::Own => 1,
            Self::Common => 2,
            Self::Challenge => 3,
            Self::Nonce => 4,
            Self::Calls => 5,
        }
    }
}

/// One key's value, on its way from one generation to the next.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Item {
    pub(super) name: Name,
    pub(super) form: Form,
    /// When it ends, by the server's clock.
    pub(super) ends: u64,
    pub(super) value: Moved,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Moved {
    Text(Vec<u8>),
    Meters(Vec<MovedMeter>),
}

/// A meter or mark: `latest` charge and level of a bucket (kind 1) or units of a window (3); from and until
/// of a mark (5). A window's older buckets are records of 14 bytes, the oldest first.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct MovedMeter {
    pub(super) slot: u32,
    pub(super) kind: u8,
    pub(super) latest: u64,
    pub(super) amount: u64,
    pub(super) older: Vec<u8>,
}

impl Call {
    /// Asks into how many parts `realm` is spread, or takes a step of a change.
    pub(super) fn layout(realm: Pseudonym, now: Timestamp, clock: ClockCheck, step: Step) -> Self {
        let keys = Keys::of(&Place::whole(realm));
        let mut body = Packer::default();
        let (what, generation, parts) = match step {
            Step::Ask { parts } => (0, 0, parts),
            Step::Begin { generation, parts } => (1, generation, parts),
            Step::Open { generation } => (2, generation, 0),
            Step::Settle { generation } => (3, generation, 0),
        };
        body.numbers(&[what, u64::from(generation), u64::from(parts)]);
        Self { verb: Verb::Layout, realm, now, clock, reads: keys.len(), keys, body }
    }

    /// Closes a partition for good; or, with `found`, makes it one that serves.
    pub(super) fn close(now: Timestamp, clock: ClockCheck, place: &Place, found: bool) -> Self {
        let keys = Keys::of(place);
        let mut body = Packer::default();
        body.number(u64::from(found));
        let (realm, reads) = (place.known_as(), keys.len());
        Self { verb: Verb::Close, realm, now, clock, keys, reads, body }
    }

    /// Asks which of `names` there are.
    pub(super) fn present(
        now: Timestamp,
        clock: ClockCheck,
        place: &Place,
        names: &[Name],
    ) -> Self {
        let mut keys = Keys::of(place);
        for name in names {
            keys.again(*name);
        }
        let (realm, reads, body) = (place.known_as(), keys.len(), Packer::default());
        Self { verb: Verb::Present, realm, now, clock, keys, reads, body }
    }

    /// Reads `names` at a closed partition, each in the form that it is wanted in.
    pub(super) fn export(
        now: Timestamp,
        clock: ClockCheck,
        place: &Place,
        names: &[(Name, Form)],
    ) -> Self {
        let mut keys = Keys::of(place);
        let mut body = Packer::default();
        body.array(names.len());
        for (name, form) in names {
            keys.again(*name);
            body.number(form.number());
        }
        let (realm, reads) = (place.known_as(), keys.len());
        Self { verb: Verb::Export, realm, now, clock, keys, reads, body }
    }

    /// Writes what was read elsewhere, where nothing is yet.
    pub(super) fn import(now: Timestamp, clock: ClockCheck, place: &Place, items: &[Item]) -> Self {
        let mut keys = Keys::of(place);
        let mut body = Packer::with_capacity(512);
        body.array(items.len());
        for item in items {
            let key = keys.again(item.name);
            let fields = match &item.value {
                Moved::Text(_) => 1,
                Moved::Meters(meters) => meters.len().saturating_mul(5),
            };
            body.array(fields.saturating_add(3)).numbers(&[key, item.form.number(), item.ends]);
            match &item.value {
                Moved::Text(text) => drop(body.bytes(text)),
                Moved::Meters(meters) => {
                    for MovedMeter { slot, kind, latest, amount, older } in meters {
                        body.numbers(&[u64::from(*slot), u64::from(*kind), *latest, *amount]);
                        body.bytes(older);
                    }
                }
            }
        }
        let (realm, reads) = (place.known_as(), keys.len());
        Self { verb: Verb::Import, realm, now, clock, keys, reads, body }
    }
}
