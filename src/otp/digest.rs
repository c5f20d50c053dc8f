//! The keyed digest of a code: all that a store ever holds of it.

use crate::base::mac::{MacKey, Tag};

/// Separates code digests from every other tag, and this layout from later ones.
const LABEL: &str = "otpgate/v1/code";

/// Everything a code is bound to. The same code under any other context is another digest, so a code
/// is worthless for another tenant, purpose, verification, subject or payment.
#[derive(Clone, Copy)]
pub(crate) struct CodeContext<'a> {
    /// The tenant.
    pub(crate) realm: &'a [u8],
    /// What the code is for.
    pub(crate) purpose: &'a str,
    /// The verification it was issued in.
    pub(crate) challenge: &'a [u8; 16],
    /// Whom it was sent to: from the record, never from a caller's claim.
    pub(crate) subject: &'a [u8],
    /// [`Binding::bytes`](super::Binding::bytes).
    pub(crate) binding: &'a [u8],
}

/// The digest of `code` in `context`: one HMAC-SHA-256 over label and length-prefixed fields.
///
/// There is no salt, because the challenge is unique, and no slow hash, because no work factor
/// protects a space of 10^6. A key outside the store protects it (NIST SP 800-63B-4 §3.1.1.2).
pub(crate) fn digest(key: &MacKey, context: &CodeContext<'_>, code: &str) -> Tag {
    let CodeContext { realm, purpose, challenge, subject, binding } = *context;
    key.tag_of(LABEL, [realm, purpose.as_bytes(), challenge, subject, binding, code.as_bytes()])
}

/// Separates the digest of no code from those of codes.
const NOBODYS: &str = "otpgate/v1/nobodys";

/// The digest in `context` that is no code's, so that nobody can enter one that has it. For a store
/// it is as good as any, and the same each time.
pub(crate) fn nobodys(key: &MacKey, context: &CodeContext<'_>) -> Tag {
    let CodeContext { realm, purpose, challenge, subject, binding } = *context;
    key.tag_of(NOBODYS, [realm, purpose.as_bytes(), challenge, subject, binding])
}

#[cfg(test)]
mod tests {
    use hmac::{Hmac, KeyInit, Mac};
    use proptest::prelude::*;
    use sha2::Sha256;

    use super::*;
    use crate::base::secret::Secret;

    type Fields = (Vec<u8>, String, [u8; 16], Vec<u8>, Vec<u8>, String);

    fn key(seed: u8) -> MacKey {
        MacKey::derive(&Secret::new([seed; 32]), "code")
    }

    fn tag(key: &MacKey, (realm, purpose, challenge, subject, binding, code): &Fields) -> Tag {
        digest(key, &CodeContext { realm, purpose, challenge, subject, binding }, code)
    }

    fn fields() -> impl Strategy<Value = Fields> {
        let bytes = || proptest::collection::vec(any::<u8>(), 0..24);
        (bytes(), "[a-z-]{0,12}", any::<[u8; 16]>(), bytes(), bytes(), "[0-9]{6,10}")
    }

    #[test]
    fn the_layout_is_stable() {
        // Recomputed with the bare primitives: a change here voids every code in flight.
        let master = [7_u8; 32];
        let mac = |key: &[u8], fields: &[&[u8]]| {
            let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key).unwrap();
            for field in fields {
                mac.update(&u32::try_from(field.len()).unwrap().to_be_bytes());
                mac.update(field);
            }
            <[u8; 32]>::from(mac.finalize().into_bytes())
        };
        let sub = mac(&master, &[b"otpgate/v1/derive", b"code"]);
        let expected =
            mac(&sub, &[b"otpgate/v1/code", b"r", b"sign-up", &[9; 16], b"s", b"\x00", b"000123"]);
        let fields =
            (b"r".to_vec(), "sign-up".into(), [9; 16], b"s".to_vec(), vec![0], "000123".into());
        assert_eq!(tag(&key(7), &fields), expected);
    }

    proptest! {
        #[test]
        fn any_difference_in_any_field_is_another_digest(a in fields(), b in fields()) {
            prop_assert_eq!(tag(&key(1), &a) == tag(&key(1), &b), a == b);
            prop_assert_ne!(tag(&key(1), &a), tag(&key(2), &a));
        }

        #[test]
        fn nobodys_is_no_codes_and_each_verifications_own(a in fields(), code in ".{0,10}") {
            let context = |(realm, purpose, challenge, subject, binding, _): &Fields| {
                let context = CodeContext { realm, purpose, challenge, subject, binding };
                (nobodys(&key(1), &context), digest(&key(1), &context, &code))
            };
            let mut b = a.clone();
            b.2[0] ^= 1;
            let (first, second) = (context(&a), context(&b));
            prop_assert_eq!(first.0, context(&a).0);
            prop_assert_ne!(first.0, second.0);
            prop_assert_ne!(first.0, first.1);
        }

        #[test]
        fn one_changed_field_is_enough(a in fields(), b in fields()) {
            let mixed = |pick: usize| -> Fields {
                let (a, b) = (a.clone(), b.clone());
                (
                    if pick == 0 { b.0 } else { a.0 },
                    if pick == 1 { b.1 } else { a.1 },
                    if pick == 2 { b.2 } else { a.2 },
                    if pick == 3 { b.3 } else { a.3 },
                    if pick == 4 { b.4 } else { a.4 },
                    if pick == 5 { b.5 } else { a.5 },
                )
            };
            for pick in 0..6 {
                let other = mixed(pick);
                prop_assert_eq!(tag(&key(1), &a) == tag(&key(1), &other), a == other, "{}", pick);
            }
        }

        #[test]
        fn bytes_moved_between_neighbours_are_seen(realm in "[a-z]{1,9}", purpose in "[a-z]{1,9}") {
            let fields = |r: &str, p: &str| -> Fields {
                (r.as_bytes().to_vec(), p.into(), [0; 16], vec![], vec![], "000000".into())
            };
            let joined = format!("{realm}{purpose}");
            for cut in 0..=joined.len() {
                let (left, right) = joined.split_at(cut);
                let same = left == realm;
                prop_assert_eq!(
                    tag(&key(1), &fields(left, right)) == tag(&key(1), &fields(&realm, &purpose)),
                    same
                );
            }
        }
    }
}
