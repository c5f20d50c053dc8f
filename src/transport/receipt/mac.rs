//! Signatures that are a keyed hash: the secrets that may have made one, and the comparison.

use hmac::{KeyInit, Mac};

use crate::http::{CredentialError, Credentials};
use crate::transport::SecretText;

/// The secrets that a receipt may be signed with: one, and another while it is being exchanged.
#[derive(Clone, Debug)]
pub(crate) struct Secrets(Vec<Credentials<SecretText>>);

impl Secrets {
    pub(crate) fn new(secret: impl Into<Credentials<SecretText>>) -> Self {
        Self(vec![secret.into()])
    }

    pub(crate) fn push(&mut self, secret: impl Into<Credentials<SecretText>>) {
        self.0.push(secret.into());
    }

    /// Whether `check` holds for one of them. All are tried, whichever it is. An empty one, from a
    /// variable that is not set, would let everybody sign: it is no secret.
    pub(crate) fn any(&self, check: impl Fn(&[u8]) -> bool) -> Result<bool, CredentialError> {
        let mut right = false;
        for secret in &self.0 {
            let secret = secret.current()?;
            right |= !secret.is_empty() && check(secret.expose_secret().as_bytes());
        }
        Ok(right)
    }
}

/// Whether `signature` is the keyed hash of `parts`, one after the other. In constant time.
pub(crate) fn is_signed<M: Mac + KeyInit>(key: &[u8], parts: &[&[u8]], signature: &[u8]) -> bool {
    let Ok(mut mac) = <M as KeyInit>::new_from_slice(key) else { return false };
    parts.iter().for_each(|part| mac.update(part));
    mac.verify_slice(signature).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_secret_signs_nothing() {
        let mut secrets = Secrets::new(SecretText::new(""));
        assert!(!secrets.any(|_| true).unwrap());
        secrets.push(SecretText::new("hush"));
        assert!(secrets.any(|secret| secret == b"hush").unwrap());
        let nothing = || Err(CredentialError::new("the vault is closed"));
        secrets.push(Credentials::from_fn(nothing));
        assert!(secrets.any(|_| true).is_err(), "unreadable is not wrong");
    }
}
