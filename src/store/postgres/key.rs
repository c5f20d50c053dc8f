//! [`Key`]: a name mixed with its realm, as a row's key and as a lock.

use bytes::BytesMut;
use sha2::{Digest, Sha256};
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

use crate::base::id::Pseudonym;

/// What a name stands for; names of different things never meet, not even as locks.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Subject,
    Nonce,
    Call,
    Challenge,
    Document,
    Journal,
}

/// The key of a row: 16 bytes of SHA-256 over kind, realm and name.
///
/// One column of 16 bytes instead of two makes the index half as big, and no realm can be made to
/// share a row with another.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Key([u8; 16]);

impl Key {
    pub(super) fn new(kind: Kind, realm: Pseudonym, name: &[u8; 16]) -> Self {
        let kind = match kind {
            Kind::Subject => b's',
            Kind::Nonce => b'n',
            Kind::Call => b'c',
            Kind::Challenge => b'x',
            Kind::Document => b'd',
            Kind::Journal => b'j',
        };
        let mut hash = Sha256::new();
        hash.update([kind]);
        hash.update(realm.as_bytes());
        hash.update(name);
        Self::from_slice(&hash.finalize())
    }

    /// A call's identifier as it is, for the comparison with the one a challenge saw last.
    pub(super) const fn plain(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The number under which the key is locked: odd to have it alone, even to share it.
    pub(super) fn lock(self, alone: bool) -> i64 {
        let [a, b, c, d, e, f, g, h, ..] = self.0;
        (i64::from_be_bytes([a, b, c, d, e, f, g, h]) & !1) | i64::from(alone)
    }

    fn from_slice(bytes: &[u8]) -> Self {
        let mut key = [0; 16];
        key.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
        Self(key)
    }
}

impl ToSql for Key {
    fn to_sql(
        &self,
        _: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        out.extend_from_slice(&self.0);
        Ok(IsNull::No)
    }

    fn accepts(ty: &Type) -> bool {
        *ty == Type::UUID
    }

    to_sql_checked!();
}

/// The locks of one call, in the one order in which every call takes them.
pub(super) fn in_order(mut locks: Vec<i64>) -> Vec<i64> {
    locks.sort_unstable_by_key(|lock| (lock >> 1, lock & 1 == 0));
    locks.dedup_by_key(|lock| *lock >> 1);
    locks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(kind: Kind, realm: u8, name: u8) -> Key {
        Key::new(kind, Pseudonym::from_bytes([realm; 16]), &[name; 16])
    }

    #[test]
    fn keys_differ_by_kind_realm_and_name() {
        let one = key(Kind::Subject, 1, 1);
        assert_eq!(one, key(Kind::Subject, 1, 1));
        assert_ne!(one, key(Kind::Nonce, 1, 1));
        assert_ne!(one, key(Kind::Subject, 2, 1));
        assert_ne!(one, key(Kind::Subject, 1, 2));
    }

    #[test]
    fn locks_are_sorted_and_the_stronger_of_two_is_kept() {
        let (one, two) = (key(Kind::Subject, 1, 1), key(Kind::Subject, 1, 2));
        let locks = in_order(vec![one.lock(false), two.lock(true), one.lock(true)]);
        assert_eq!(locks.len(), 2);
        assert!(locks.iter().all(|lock| lock & 1 == 1));
        assert!(locks.is_sorted());
    }
}
