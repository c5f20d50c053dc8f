//! Signature vectors decided by the providers' own SDKs (`tests/data/vectors.json`).

use std::collections::BTreeMap;

use otpgate::Timestamp;
use otpgate::transport::{ReceiptErrorKind, ReceiptRequest, ReceiptVerifier};
use serde::Deserialize;

/// One vector. Where the SDKs disagree (`split`), `accept` is the rule to follow.
#[derive(Clone, Deserialize, Debug)]
pub struct Vector {
    pub id: String,
    pub provider: String,
    pub method: String,
    pub url: String,
    pub headers: BTreeMap<String, String>,
    pub body: String,
    pub secret: String,
    pub accept: bool,
    pub note: String,
    /// The way of signing, where a provider has several.
    pub alg: Option<String>,
    /// Seconds since 1970, where the time counts.
    pub now: Option<u64>,
}

/// The vectors of one provider.
pub fn vectors(provider: &str) -> Vec<Vector> {
    let all: Vec<Vector> = serde_json::from_str(include_str!("../data/vectors.json")).unwrap();
    assert_eq!(all.len(), 97);
    all.into_iter().filter(|vector| vector.provider == provider).collect()
}

impl Vector {
    /// Asserts that `verifier` accepts the signature, or not, as the vector says. A genuine request
    /// that is no receipt counts as accepted.
    #[track_caller]
    pub fn assert_decided_by(&self, verifier: &dyn ReceiptVerifier) {
        let headers: Vec<(&str, &str)> =
            self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let request = ReceiptRequest {
            method: &self.method,
            url: &self.url,
            headers: &headers,
            body: self.body.as_bytes(),
        };
        let now = Timestamp::from_millis(self.now.unwrap_or(1_795_800_000) * 1_000);
        let genuine = match verifier.verify(&request, now) {
            Ok(_) => true,
            Err(error) => error.kind() == ReceiptErrorKind::Malformed,
        };
        assert_eq!(genuine, self.accept, "{}: {}", self.id, self.note);
    }
}
