//! Cookies with the prefix `__Host-`: whole, from this host alone, over TLS.

use std::time::Duration;

use ::http::header::COOKIE;
use ::http::{HeaderMap, HeaderValue};

/// What the cookies of one set of endpoints are called. Those of several tenants on one host need names of
/// their own: what one sets, the other's overwrites.
#[derive(Debug)]
pub(super) struct Names {
    /// The tenant's word in each name, if it has one.
    pub(super) tenant: Option<String>,
    /// The anonymous session that tickets and grants are bound to: 128 random bits.
    pub(super) session: String,
    /// The [`EntryGrant`](crate::EntryGrant) of the running verification.
    pub(super) grant: String,
    /// The [device proof](crate::access::DeviceProof), for as long as it is good.
    pub(super) device: String,
}

impl Names {
    pub(super) fn of(tenant: Option<String>) -> Self {
        let word = tenant.as_ref().map(|tenant| format!("{tenant}-")).unwrap_or_default();
        let named = |what: &str| format!("__Host-otp-{word}{what}");
        Self { session: named("session"), grant: named("grant"), device: named("device"), tenant }
    }
}

/// Longer than any of ours.
const LONGEST: usize = 1_024;

/// Whether browsers send the cookie of the grant along when another site leads here. That of the session is
/// always [`Lax`](Self::Lax): without it a visitor who follows a link from his mail would get a new session,
/// and with that lose the verification that waits in another tab. Neither comes with another site's post.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum SameSite {
    /// Never. Somebody who follows a link to the code page comes to the form first.
    #[default]
    Strict,
    /// With links, not with posts: for a host that sends people away during a verification and back
    /// again, to its bank for example.
    Lax,
}

impl SameSite {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Strict => "Strict",
            Self::Lax => "Lax",
        }
    }
}

/// The value of the cookie called `name`, for a host's own identifiers of base64url or hex. `None` if there is
/// none, or several (then another host planted one, and nobody knows which), or if it is longer than 1 024
/// bytes or has other characters than `A`–`Z`, `a`–`z`, `0`–`9`, `-` and `_`.
///
/// ```
/// use otpgate::web::cookie;
///
/// let mut headers = http::HeaderMap::new();
/// headers.append("cookie", "theme=dark; __Host-shop=4f1c".parse()?);
/// assert_eq!(cookie(&headers, "__Host-shop"), Some("4f1c"));
/// headers.append("cookie", "__Host-shop=evil".parse()?);
/// assert_eq!(cookie(&headers, "__Host-shop"), None, "which of them?");
/// # Ok::<(), http::header::InvalidHeaderValue>(())
/// ```
#[must_use]
pub fn read<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut found = None;
    for line in headers.get_all(COOKIE) {
        for pair in line.as_bytes().split(|byte| *byte == b';') {
            let Some(rest) = trimmed(pair).strip_prefix(name.as_bytes()) else { continue };
            let Some(value) = rest.strip_prefix(b"=") else { continue };
            if found.replace(value).is_some() {
                return None;
            }
        }
    }
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let value = found
        .filter(|value| !value.is_empty() && value.len() <= LONGEST && value.iter().all(plain))?;
    std::str::from_utf8(value).ok()
}

/// Spaces and tabs only: whoever strips more lets ` __Host-` through, with a space of Unicode, from a
/// host that may not set it.
fn trimmed(pair: &[u8]) -> &[u8] {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let start = pair.iter().position(|byte| !blank(byte)).unwrap_or(pair.len());
    let rest = pair.get(start..).unwrap_or_default();
    let end = rest.iter().rposition(|byte| !blank(byte)).map_or(0, |last| last.saturating_add(1));
    rest.get(..end).unwrap_or_default()
}

/// A `Set-Cookie`. Without `life` the browser forgets it when it is closed.
pub(super) fn set(
    name: &str,
    value: &str,
    same_site: SameSite,
    life: Option<Duration>,
) -> Option<HeaderValue> {
    let mut line =
        format!("{name}={value}; Path=/; Secure; HttpOnly; SameSite={}", same_site.as_str());
    if let Some(life) = life {
        line.push_str("; Max-Age=");
        line.push_str(&life.as_secs().to_string());
    }
    let mut line = HeaderValue::try_from(line).ok()?;
    line.set_sensitive(true);
    Some(line)
}

/// A `Set-Cookie` that takes the cookie away.
pub(super) fn clear(name: &str, same_site: SameSite) -> Option<HeaderValue> {
    set(name, "", same_site, Some(Duration::ZERO))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRANT: &str = "__Host-otp-grant";

    #[test]
    fn the_names_are_those_that_browsers_hold() {
        let plain = Names::of(None);
        assert_eq!(plain.session, "__Host-otp-session");
        assert_eq!(plain.grant, GRANT);
        assert_eq!(plain.device, "__Host-otp-device");
        assert_eq!(Names::of(Some("tenant-8".to_owned())).grant, "__Host-otp-tenant-8-grant");
    }

    fn read_of(lines: &[&[u8]], name: &str) -> Option<String> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(COOKIE, HeaderValue::from_bytes(line).unwrap());
        }
        read(&headers, name).map(str::to_owned)
    }

    #[test]
    fn one_cookie_is_found_among_others() {
        let found = Some("abc".to_owned());
        assert_eq!(read_of(&[b"__Host-otp-grant=abc"], GRANT), found);
        assert_eq!(read_of(&[b"a=b;\t__Host-otp-grant=abc ; c=\"d;e\""], GRANT), found);
        assert_eq!(read_of(&[b"a=b", b"__Host-otp-grant=abc"], GRANT), found, "HTTP/2 splits");
        assert_eq!(read_of(&[b"a=\xff\xfe; __Host-otp-grant=abc"], GRANT), found);
        assert_eq!(read_of(&[b"__Host-otp-grants=x; __Host-otp-grant=abc"], GRANT), found);
    }

    #[test]
    fn a_planted_cookie_is_no_cookie() {
        for lines in [
            &[&b"__Host-otp-grant=abc; __Host-otp-grant=abc"[..]][..],
            &[b"__Host-otp-grant=abc", b"__Host-otp-grant=def"],
            &[b"__Host-otp-grant=abc; __Host-otp-grant="],
            &[b"\xe2\x80\x80__Host-otp-grant=abc"],
            &[b"__host-otp-grant=abc"],
            &[b"\x0b__Host-otp-grant=abc".as_slice()].map(|_| &b"x__Host-otp-grant=abc"[..]),
            &[b"a=b,__Host-otp-grant=abc"],
            &[b"__Host-otp-grant =abc"],
            &[b"__Host-otp-grant=\"abc\""],
            &[b"__Host-otp-grant=a b"],
            &[b"__Host-otp-grant="],
            &[b"__Host-otp-grant"],
            &[],
        ] {
            assert_eq!(read_of(lines, GRANT), None, "{lines:?}");
        }
        let long = [b"__Host-otp-grant=", "a".repeat(LONGEST + 1).as_bytes()].concat();
        assert_eq!(read_of(&[&long], GRANT), None);
    }

    #[test]
    fn a_cookie_is_whole_and_hidden_from_scripts() {
        let line = set("__Host-otp-session", "abc", SameSite::Strict, None).unwrap();
        assert!(line.is_sensitive());
        assert_eq!(line, "__Host-otp-session=abc; Path=/; Secure; HttpOnly; SameSite=Strict");
        assert_eq!(
            clear(GRANT, SameSite::Lax).unwrap(),
            "__Host-otp-grant=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0"
        );
        assert_eq!(set("__Host-otp-session", "a\r\nb", SameSite::Strict, None), None);
    }
}
