//! The keys of a call: named once each, numbered as the script sees them, all in one slot.

use crate::base::id::{Pseudonym, RequestId};

use super::place::Place;
use super::tag::HashTag;

/// What a key holds; the letter after the realm.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Subject = b's' as isize,
    Challenge = b'c' as isize,
    Nonce = b'n' as isize,
    Call = b'r' as isize,
    Version = b'v' as isize,
    Document = b'd' as isize,
    Latest = b'j' as isize,
    Journal = b'l' as isize,
    Copy = b'g' as isize,
}

/// The letter of [`Kind::Call`] beside what was there before.
const CALL_BESIDE: u8 = b'q';

/// A key, apart from its tag.
pub(super) type Name = (Kind, [u8; 16]);

/// One key: tag, letter, name.
#[derive(Clone, Copy)]
pub(super) struct Key {
    bytes: [u8; 41],
    length: usize,
}

impl AsRef<[u8]> for Key {
    fn as_ref(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

/// The keys of one call, the partition's own first.
#[derive(Debug)]
pub(super) struct Keys {
    pub(super) place: Place,
    tag: HashTag,
    names: Vec<Name>,
}

impl Keys {
    pub(super) fn of(place: &Place) -> Self {
        let (place, tag) = (*place, HashTag::of(place.tag));
        Self { place, tag, names: Vec::with_capacity(24) }
    }

    #[cfg(feature = "redis-cluster")]
    pub(super) fn tag(&self) -> HashTag {
        self.tag
    }

    /// The number of the key of `kind` called `name`, the same each time it is asked for.
    pub(super) fn number(&mut self, kind: Kind, name: Pseudonym) -> u64 {
        self.numbered(kind, *name.as_bytes())
    }

    /// The number of the key that remembers the call `id`, and others: two bytes of its name are used.
    pub(super) fn call(&mut self, id: RequestId) -> u64 {
        // FNV-1a, as an identifier need not be random: 2^13 keys, some records in each.
        let hash = id.as_bytes().iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        let [.., high, low] = (hash ^ (hash >> 32)).to_be_bytes();
        let mut name = [0; 16];
        [name[0], name[1]] = [high & 0x1f, low];
        self.numbered(Kind::Call, name)
    }

    /// How many keys there are, the partition's included.
    pub(super) fn len(&self) -> usize {
        self.names.len().saturating_add(1)
    }

    /// The others, as they are numbered.
    pub(super) fn names(&self) -> &[Name] {
        &self.names
    }

    /// The number of a key of another call.
    pub(super) fn again(&mut self, (kind, name): Name) -> u64 {
        self.numbered(kind, name)
    }

    /// The partition's key.
    pub(super) fn partition(&self) -> [u8; 25] {
        let mut key = [self.place.letter(); 25];
        key.iter_mut().zip(self.tag.bytes()).for_each(|(to, from)| *to = from);
        key
    }

    /// The other keys, from number 2 on.
    pub(super) fn others(&self) -> impl Iterator<Item = Key> {
        self.names.iter().map(|(kind, name)| {
            let name = if *kind == Kind::Call { name.get(..2) } else { Some(&name[..]) };
            let name = name.unwrap_or_default();
            let letter = match kind {
                Kind::Call if self.place.is_beside() => CALL_BESIDE,
                kind => *kind as u8,
            };
            let mut key = Key { bytes: [letter; 41], length: name.len().saturating_add(25) };
            let parts = self.tag.bytes().into_iter().chain([letter]).chain(name.iter().copied());
            key.bytes.iter_mut().zip(parts).for_each(|(to, from)| *to = from);
            key
        })
    }

    fn numbered(&mut self, kind: Kind, name: [u8; 16]) -> u64 {
        let known = self.names.iter().position(|held| *held == (kind, name));
        let place = known.unwrap_or_else(|| {
            self.names.push((kind, name));
            self.names.len().saturating_sub(1)
        });
        u64::try_from(place).unwrap_or(u64::MAX).saturating_add(2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_numbered_once_and_carries_its_realm() {
        let realm = Pseudonym::from_bytes([b'}'; 16]);
        let mut keys = Keys::of(&Place::whole(realm));
        let name = Pseudonym::from_bytes([7; 16]);
        assert_eq!(keys.number(Kind::Subject, name), 2);
        assert_eq!(keys.number(Kind::Nonce, name), 3);
        assert_eq!(keys.number(Kind::Subject, name), 2);
        assert_eq!(keys.len(), 3);
        assert_eq!(&keys.partition()[..], b"{fX19fX19fX19fX19fX19fQ}e");
        let others: Vec<_> = keys.others().collect();
        assert_eq!(&others[0].as_ref()[..25], b"{fX19fX19fX19fX19fX19fQ}s");
        assert_eq!(&others[1].as_ref()[24..], [&b"n"[..], &[7; 16]].concat());
    }
}
