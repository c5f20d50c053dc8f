//! What a form carries so that nobody else can post it, and a confirmation so that it counts once.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::base::entropy::{EntropyError, SystemEntropy, random};
use crate::base::id::{from_text, to_text};
use crate::base::keyring::KeyRing;
use crate::base::mac::{MacKey, Tag, Tagging};
use crate::base::time::Timestamp;

/// How long the forms of a page are good: longer than a person reads, shorter than a shift.
const FORM_LIFE: Duration = Duration::from_secs(2 * 3_600);

/// How long a confirmation is good: the second question is answered at once or not at all.
pub(super) const CONFIRM_LIFE: Duration = Duration::from_secs(120);

/// Confirmations remembered as used. Each is there for two minutes and costs an operator two clicks.
const USED: usize = 1_024;

/// Signs and checks what forms carry. Every process with the same key ring takes what another has made;
/// that a confirmation counts once is remembered by this one.
pub(super) struct Seals {
    key: MacKey,
    used: Mutex<BTreeMap<[u8; 16], Timestamp>>,
}

/// Why a form is not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stale {
    /// It was not made for this operator, or altered.
    Forged,
    /// It is too old.
    Old,
    /// It was used before.
    Used,
}

impl Seals {
    pub(super) fn new(keys: &KeyRing) -> Self {
        Self { key: keys.pseudonyms().clone(), used: Mutex::default() }
    }

    /// What the forms of a page carry, for `actor` of `realm` alone.
    pub(super) fn form(&self, realm: &str, actor: &str, now: Timestamp) -> String {
        let end = (now + FORM_LIFE).as_millis().to_be_bytes();
        let tag = self.form_tag(realm, actor, &end).tag();
        to_text(&[&end[..], &tag].concat())
    }

    pub(super) fn check_form(
        &self,
        text: &str,
        realm: &str,
        actor: &str,
        now: Timestamp,
    ) -> Result<(), Stale> {
        let bytes = from_text(text, 40).ok_or(Stale::Forged)?;
        let (end, tag) = bytes.split_first_chunk::<8>().ok_or(Stale::Forged)?;
        let tag: &Tag = tag.try_into().map_err(|_| Stale::Forged)?;
        if !self.form_tag(realm, actor, end).verify(tag) {
            return Err(Stale::Forged);
        }
        let left = Timestamp::from_millis(u64::from_be_bytes(*end));
        if now < left { Ok(()) } else { Err(Stale::Old) }
    }

    fn form_tag(&self, realm: &str, actor: &str, end: &[u8; 8]) -> Tagging {
        let tagging = self.key.tagging("otpgate/v1/console/form");
        tagging.field(realm.as_bytes()).field(actor.as_bytes()).field(end)
    }

    /// What the second page carries: good once, soon, for this operator and for exactly this.
    pub(super) fn confirmation(
        &self,
        realm: &str,
        actor: &str,
        what: &[&str],
        now: Timestamp,
    ) -> Result<String, EntropyError> {
        let end = (now + CONFIRM_LIFE).as_millis().to_be_bytes();
        let nonce: [u8; 16] = random(&SystemEntropy)?;
        let tag = self.confirm_tag(realm, actor, what, &end, &nonce).tag();
        Ok(to_text(&[&end[..], &nonce, &tag].concat()))
    }

    /// Uses a confirmation up.
    pub(super) fn confirm(
        &self,
        text: &str,
        realm: &str,
        actor: &str,
        what: &[&str],
        now: Timestamp,
    ) -> Result<(), Stale> {
        let bytes = from_text(text, 56).ok_or(Stale::Forged)?;
        let (end, rest) = bytes.split_first_chunk::<8>().ok_or(Stale::Forged)?;
        let (nonce, tag) = rest.split_first_chunk::<16>().ok_or(Stale::Forged)?;
        let tag: &Tag = tag.try_into().map_err(|_| Stale::Forged)?;
        if !self.confirm_tag(realm, actor, what, end, nonce).verify(tag) {
            return Err(Stale::Forged);
        }
        let end = Timestamp::from_millis(u64::from_be_bytes(*end));
        if end <= now {
            return Err(Stale::Old);
        }
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.retain(|_, end| now < *end);
        if used.len() >= USED || used.contains_key(nonce) {
            return Err(Stale::Used);
        }
        used.insert(*nonce, end);
        Ok(())
    }

    fn confirm_tag(
        &self,
        realm: &str,
        actor: &str,
        what: &[&str],
        end: &[u8; 8],
        nonce: &[u8; 16],
    ) -> Tagging {
        let tagging = self.key.tagging("otpgate/v1/console/confirm");
        let tagging =
            tagging.field(realm.as_bytes()).field(actor.as_bytes()).field(end).field(nonce);
        what.iter().fold(tagging, |tagging, part| tagging.field(part.as_bytes()))
    }
}

crate::base::masked::debug_redacted!(Seals);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::keyring::{KeyId, Pepper};

    fn seals() -> Seals {
        let pepper = Pepper::from_bytes(std::array::from_fn(|i| (i as u8).wrapping_mul(37) ^ 5));
        Seals::new(&KeyRing::new(KeyId(1), pepper.unwrap()))
    }

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(1_795_348_800_000 + millis)
    }

    #[test]
    fn a_form_is_one_operator_s_for_two_hours() {
        let seals = seals();
        let form = seals.form("default", "ada", at(0));
        assert_eq!(seals.check_form(&form, "default", "ada", at(7_199_999)), Ok(()));
        assert_eq!(seals.check_form(&form, "default", "ada", at(7_200_000)), Err(Stale::Old));
        assert_eq!(seals.check_form(&form, "default", "bob", at(0)), Err(Stale::Forged));
        assert_eq!(seals.check_form(&form, "tenant-8", "ada", at(0)), Err(Stale::Forged));
        for bad in ["", "AAAA", &form[1..], &format!("{form}A"), &form.replace('A', "B")] {
            if bad != form {
                assert_eq!(seals.check_form(bad, "default", "ada", at(0)), Err(Stale::Forged));
            }
        }
    }

    #[test]
    fn a_confirmation_counts_once_soon_and_for_what_it_says() {
        let seals = seals();
        let what = ["pause", "pumping", "4"];
        let text = seals.confirmation("default", "ada", &what, at(0)).unwrap();
        let confirm = |actor, what: &[&str], now| seals.confirm(&text, "default", actor, what, now);
        assert_eq!(confirm("bob", &what, at(1)), Err(Stale::Forged));
        assert_eq!(confirm("ada", &["pause", "pumping", "48"], at(1)), Err(Stale::Forged));
        assert_eq!(confirm("ada", &["pause", "pumping4"], at(1)), Err(Stale::Forged));
        assert_eq!(confirm("ada", &what, at(120_000)), Err(Stale::Old));
        assert_eq!(confirm("ada", &what, at(119_999)), Ok(()));
        assert_eq!(confirm("ada", &what, at(119_999)), Err(Stale::Used));
        let form = seals.form("default", "ada", at(0));
        assert_eq!(seals.confirm(&form, "default", "ada", &what, at(1)), Err(Stale::Forged));
    }
}
