//! [`ApiKey`] and [`Sender`]: who pays and who the text comes from.

use super::NAME;
use crate::http::BaseUrl;
use crate::transport::sender::{is_digits, is_e164, is_name};
use crate::transport::{AdapterError, SecretText};

/// An API key of a Bird workspace, `bk_us1_…` or `bk_eu1_…`. It names the region, and so the host that
/// it is sent to. `Debug` shows nothing of its secret.
///
/// ```
/// use otpgate::transport::bird::ApiKey;
///
/// assert_eq!(ApiKey::new("bk_eu1_0123456789").unwrap().region(), "eu1");
/// assert!(ApiKey::new("").is_err(), "an environment variable that is not set");
/// assert!(ApiKey::new("bk_eu1_0123456789\n").is_err(), "a file with its line break");
/// assert!(ApiKey::new("live_0123456789").is_err(), "a key of the old MessageBird interface");
/// ```
#[derive(Clone, Debug)]
pub struct ApiKey {
    base: BaseUrl,
    key: SecretText,
}

impl ApiKey {
    /// The key as Bird's dashboard shows it.
    ///
    /// # Errors
    ///
    /// [`AdapterError`] if it names no region, or has blanks, line breaks or characters outside of
    /// ASCII.
    pub fn new(key: impl Into<String>) -> Result<Self, AdapterError> {
        let key = SecretText::new(key);
        let text = key.expose_secret();
        let Some(region) = region_in(text) else {
            let problem = "the API key begins with bk_ and its region, as in bk_eu1_…, and has no \
                           blanks or line breaks; an access key of the old MessageBird interface \
                           is none";
            return Err(AdapterError::new(NAME, problem));
        };
        let address = format!("https://{region}.platform.bird.com");
        let base = address.parse().map_err(|_| AdapterError::new(NAME, address))?;
        Ok(Self { base, key })
    }

    /// The region that the key names: `us1` or `eu1`, at present.
    pub fn region(&self) -> &str {
        self.base.host().split('.').next().unwrap_or_default()
    }

    pub(super) fn base(&self) -> &BaseUrl {
        &self.base
    }

    pub(super) fn secret(&self) -> &SecretText {
        &self.key
    }
}

/// The region in `bk_{region}_{secret}`, as Bird's own SDK reads it: two letters and a number.
fn region_in(key: &str) -> Option<&str> {
    let rest = key.strip_prefix("bk_").or_else(|| key.strip_prefix("bm_"))?;
    let (region, secret) = rest.split_once('_')?;
    let (letters, number) = region.split_at_checked(2)?;
    let right = letters.bytes().all(|byte| byte.is_ascii_lowercase())
        && (1..=3).contains(&number.len())
        && number.bytes().all(|byte| byte.is_ascii_digit())
        && !secret.is_empty()
        && secret.bytes().all(|byte| byte.is_ascii_graphic());
    right.then_some(region)
}

/// Who a text comes from. The workspace must hold it, and many countries want it registered for the
/// category *authentication*.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sender(Kind);

#[derive(Clone, PartialEq, Eq, Debug)]
enum Kind {
    Number(String),
    ShortCode(String),
    Name(String),
}

impl Sender {
    /// A number of the workspace, in E.164: `+15550100`.
    #[must_use]
    pub fn from_number(number: impl Into<String>) -> Self {
        Self(Kind::Number(number.into()))
    }

    /// A short code of the workspace: five or six digits.
    #[must_use]
    pub fn from_short_code(code: impl Into<String>) -> Self {
        Self(Kind::ShortCode(code.into()))
    }

    /// A name that the workspace has claimed: up to 11 letters, digits, blanks, dashes and
    /// underscores.
    #[must_use]
    pub fn from_name(name: impl Into<String>) -> Self {
        Self(Kind::Name(name.into()))
    }

    /// The field `from`.
    pub(super) fn from(&self) -> &str {
        let (Kind::Number(text) | Kind::ShortCode(text) | Kind::Name(text)) = &self.0;
        text
    }

    pub(super) fn check(&self) -> Result<(), AdapterError> {
        let (right, problem) = match &self.0 {
            Kind::Number(number) => {
                (is_e164(number), "the sender's number is + and 7 to 15 digits")
            }
            Kind::ShortCode(code) => (
                (5..=6).contains(&code.len()) && is_digits(code),
                "the short code is five or six digits",
            ),
            Kind::Name(name) => (
                is_name(name, b" -_"),
                "the sender's name is 1 to 11 letters, digits, blanks, dashes and underscores, one \
                 letter at least",
            ),
        };
        if right { Ok(()) } else { Err(AdapterError::new(NAME, problem)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_region_comes_from_the_key_and_from_nothing_else() {
        for (key, base) in [
            ("bk_us1_abc", "https://us1.platform.bird.com"),
            ("bk_eu1_a_b-c.d/e", "https://eu1.platform.bird.com"),
            ("bm_eu12_abc", "https://eu12.platform.bird.com"),
        ] {
            assert_eq!(ApiKey::new(key).unwrap().base().as_str(), base, "{key}");
        }
        for bad in [
            "",
            "bk_",
            "bk_us1",
            "bk_us1_",
            "bk__abc",
            "bk_US1_abc",
            "bk_us_abc",
            "bk_us1234_abc",
            "bk_evil.example/1_abc",
            "bk_u.1_abc",
            "bk_ü1_abc",
            "bk_us1_a b",
            "bk_us1_a\n",
            "bk_us1_ü",
            " bk_us1_abc",
            "live_abc",
        ] {
            assert!(ApiKey::new(bad).is_err(), "{bad}");
        }
        assert!(!format!("{:?}", ApiKey::new("bk_us1_hush").unwrap()).contains("hush"));
    }

    #[test]
    fn a_sender_is_checked() {
        for good in [
            Sender::from_number("+15550100"),
            Sender::from_short_code("24680"),
            Sender::from_name("My-Shop_24 x"[..11].to_owned()),
        ] {
            assert!(good.check().is_ok(), "{good:?}");
        }
        for bad in [
            Sender::from_number("15550100"),
            Sender::from_number("+0555010011"),
            Sender::from_number(""),
            Sender::from_short_code("2468"),
            Sender::from_short_code("2468000"),
            Sender::from_short_code("2468a"),
            Sender::from_name(""),
            Sender::from_name("12345"),
            Sender::from_name("Twelve chars"),
            Sender::from_name("Käse"),
            Sender::from_name("A.B"),
        ] {
            assert!(bad.check().is_err(), "{bad:?}");
        }
    }
}
