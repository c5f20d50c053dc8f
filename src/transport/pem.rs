//! PEM (RFC 7468), as providers hand out keys and certificates.

use base64ct::{Base64, Encoding};
use zeroize::Zeroizing;

/// The label and the bytes of the one block in `text`. Lines end as they like; what stands around the
/// block, or a second one, makes it none.
pub(crate) fn block(text: &str) -> Option<(&str, Zeroizing<Vec<u8>>)> {
    let mut lines = text.trim().lines().map(str::trim);
    let label = lines.next()?.strip_prefix("-----BEGIN ")?.strip_suffix("-----")?;
    let mut encoded = Zeroizing::new(String::with_capacity(text.len()));
    loop {
        match lines.next()? {
            line if line.starts_with('-') => {
                if line.strip_prefix("-----END ")?.strip_suffix("-----")? != label {
                    return None;
                }
                break;
            }
            line => encoded.push_str(line),
        }
    }
    let bytes = Zeroizing::new(Base64::decode_vec(&encoded).ok()?);
    lines.next().is_none().then_some((label, bytes))
}
