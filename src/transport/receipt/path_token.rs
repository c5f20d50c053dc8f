//! [`PathToken`]: an unguessable end of a URL, for providers that sign nothing.

use constant_time_eq::constant_time_eq;

use crate::base::secret::SecretText;

/// The shortest token: 128 bits in base64url.
const SHORTEST: usize = 22;

/// Proof that whoever calls a URL was told it: its last path segment is a secret. For providers that
/// do not sign their receipts. Whoever sees the URL can forge; keep it out of access logs.
///
/// Two tokens can hold at a time, so that one can be exchanged without losing a receipt.
///
/// ```
/// use otpgate::transport::PathToken;
///
/// let token = PathToken::new("pX3cJ9mB0vQe7LkT2nWs5A").unwrap();
/// assert!(token.ends("https://hooks.example.com/sms/pX3cJ9mB0vQe7LkT2nWs5A"));
/// assert!(token.ends("/sms/pX3cJ9mB0vQe7LkT2nWs5A?retry=1"));
/// assert!(!token.ends("/sms/pX3cJ9mB0vQe7LkT2nWs5B"));
/// assert!(!token.ends("/sms?t=/pX3cJ9mB0vQe7LkT2nWs5A"), "not in the path");
/// assert!(PathToken::new("short").is_none(), "at least 22 characters of base64url");
/// ```
#[derive(Clone, Debug)]
pub struct PathToken {
    tokens: Vec<SecretText>,
}

impl PathToken {
    /// A token of at least 22 characters of base64url (128 bits), from a random generator. `None` if
    /// it is shorter or has other characters.
    #[must_use]
    pub fn new(token: impl Into<String>) -> Option<Self> {
        Self { tokens: Vec::new() }.or(token)
    }

    /// Accepts another token too, while it is being exchanged.
    #[must_use]
    pub fn or(mut self, token: impl Into<String>) -> Option<Self> {
        let token = SecretText::new(token);
        let text = token.expose_secret();
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let right = text.len() >= SHORTEST && text.bytes().all(plain);
        self.tokens.push(token);
        right.then_some(self)
    }

    /// Whether the path of `url` ends with the token. In constant time for each token.
    #[must_use]
    pub fn ends(&self, url: &str) -> bool {
        let path = url.split(['?', '#']).next().unwrap_or_default();
        let last = path.rsplit('/').next().unwrap_or_default().as_bytes();
        self.tokens.iter().fold(false, |found, token| {
            found | constant_time_eq(token.expose_secret().as_bytes(), last)
        })
    }
}
