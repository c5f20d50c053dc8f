//! [`SignatureMethod`]: the SMS API's signatures over sorted parameters.

use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use sha1::Sha1;
use sha2::{Sha256, Sha512};
use zeroize::Zeroizing;

use crate::transport::SecretText;
use crate::transport::hex::{hex, unhex};
use crate::transport::receipt::mac::is_signed;

/// How an account signs, as its settings in the dashboard say under *Signature method*.
///
/// There is no variant for *MD5 hash*, which is the setting of a new account: it hashes the
/// parameters with the secret behind them, so that whoever finds two sets of parameters with one hash
/// has a signature for the second. Vonage's SDKs for Python and Node.js do not verify it either. Set
/// another method in the dashboard: SHA-256, unless something asks for another.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum SignatureMethod {
    /// *MD5 HMAC signature*.
    HmacMd5,
    /// *SHA1 HMAC signature*.
    HmacSha1,
    /// *SHA-256 HMAC signature*.
    HmacSha256,
    /// *SHA-512 HMAC signature*.
    HmacSha512,
}

impl SignatureMethod {
    /// The signature of `text`, in hexadecimal; `None` if the secret is empty.
    pub(super) fn sign(self, secret: &SecretText, text: &str) -> Option<String> {
        let key = secret.expose_secret().as_bytes();
        match self {
            _ if key.is_empty() => None,
            Self::HmacMd5 => mac::<Hmac<Md5>>(key, text),
            Self::HmacSha1 => mac::<Hmac<Sha1>>(key, text),
            Self::HmacSha256 => mac::<Hmac<Sha256>>(key, text),
            Self::HmacSha512 => mac::<Hmac<Sha512>>(key, text),
        }
    }

    /// Whether `signature`, in hexadecimal, is that of `text`.
    pub(super) fn verify(self, key: &[u8], text: &str, signature: &str) -> bool {
        let Some(signature) = unhex(signature) else { return false };
        let parts = [text.as_bytes()];
        match self {
            Self::HmacMd5 => is_signed::<Hmac<Md5>>(key, &parts, &signature),
            Self::HmacSha1 => is_signed::<Hmac<Sha1>>(key, &parts, &signature),
            Self::HmacSha256 => is_signed::<Hmac<Sha256>>(key, &parts, &signature),
            Self::HmacSha512 => is_signed::<Hmac<Sha512>>(key, &parts, &signature),
        }
    }
}

fn mac<M: Mac + KeyInit>(key: &[u8], text: &str) -> Option<String> {
    let mut mac = <M as KeyInit>::new_from_slice(key).ok()?;
    mac.update(text.as_bytes());
    Some(hex(&mac.finalize().into_bytes()))
}

/// The text that is signed: `&name=value` for each parameter, sorted, with `&` and `=` in a value as `_`.
///
/// `None` if it could stand for other parameters as well: a name that is there twice, or a name with
/// `&` or `=` in it, behind which a genuine parameter could be hidden without changing the text.
pub(super) fn signed_text<'a>(
    parameters: impl Iterator<Item = (&'a str, &'a str)>,
) -> Option<Zeroizing<String>> {
    let mut sorted: Vec<(&str, &str)> = parameters.collect();
    sorted.sort_unstable();
    let twice = sorted.windows(2).any(|two| matches!(two, [one, next] if one.0 == next.0));
    if twice || sorted.iter().any(|(name, _)| name.contains(['&', '='])) {
        return None;
    }
    // It holds number and code: room from the start, so that growing leaves no copy unwiped.
    let room = sorted.iter().fold(0_usize, |room, (name, value)| {
        [name.len(), value.len(), 2].into_iter().fold(room, usize::saturating_add)
    });
    let mut text = Zeroizing::new(String::with_capacity(room));
    for (name, value) in sorted {
        text.push('&');
        text.push_str(name);
        text.push('=');
        text.extend(value.chars().map(|letter| match letter {
            '&' | '=' => '_',
            other => other,
        }));
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_sorted_and_their_values_cannot_add_one() {
        let text = |pairs: &[(&str, &str)]| {
            signed_text(pairs.iter().copied()).map(|text| text.as_str().to_owned())
        };
        let pairs = [("to", "1"), ("text", "a&b=c €"), ("api_key", "k"), ("from", "")];
        assert_eq!(text(&pairs).unwrap(), "&api_key=k&from=&text=a_b_c €&to=1");
        assert_eq!(text(&[]).unwrap(), "");
        assert_eq!(text(&[("a", "1"), ("a", "2")]), None);
        assert_eq!(text(&[("a", "1"), ("b&c", "2")]), None);
        assert_eq!(text(&[("a=1&b", "2")]), None);
    }

    /// The signature of Vonage's SDK for Python 4.9.1 in `tests/data/wire.json`. It also signs, as
    /// `None`, fourteen parameters that it then does not send: Vonage must refuse that request.
    #[test]
    fn the_rule_is_the_sdks() {
        let sent = [
            ("to", "+15550100"),
            ("from", "Acme"),
            ("text", "Your code is 123456 € & =+%"),
            ("api_key", "abcd1234"),
            ("timestamp", "1795805944"),
        ];
        let unsent = "account-ref body callback client-ref content-id entity-id message-class \
                      protocol-id sig status-report-req trusted-number ttl type udh";
        let unsent = unsent.split_whitespace().map(|name| (name, "None"));
        let text = signed_text(sent.into_iter().chain(unsent)).unwrap();
        let sign = |secret| SignatureMethod::HmacSha256.sign(&SecretText::new(secret), &text);
        let recorded = "0a5c48f1304877688baf513da703f78727434bca4fb08d8e38166abbf62a306c";
        assert_eq!(sign("sigsecret").unwrap(), recorded);
        assert_eq!(sign(""), None);
        for method in [
            SignatureMethod::HmacMd5,
            SignatureMethod::HmacSha1,
            SignatureMethod::HmacSha256,
            SignatureMethod::HmacSha512,
        ] {
            let signature = method.sign(&SecretText::new("key"), &text).unwrap();
            assert!(method.verify(b"key", &text, &signature));
            assert!(method.verify(b"key", &text, &signature.to_uppercase()));
            assert!(!method.verify(b"key", &text, ""), "nothing is no signature");
            assert!(!method.verify(b"keys", &text, &signature));
        }
    }
}
