//! Whether a request comes from the site's own pages.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ::http::header::ORIGIN;
use ::http::{HeaderMap, HeaderName};

use crate::message::is_number;

use super::problem::{Problem, ProblemKind};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// `text` is an origin that cookies with `Secure` reach, exactly as browsers write it in `Origin` (URL Standard,
/// §3.5 and §4.5): small letters, no port that is the scheme's own, and one spelling of an address.
pub(super) fn is_origin(text: &str) -> bool {
    let usual = if text.starts_with("https:") { "443" } else { "80" };
    is_base(text)
        && split(text)
            .is_some_and(|(_, host, port)| port != Some(usual) && is_as_browsers_write(host))
}

/// `text` is what addresses begin with: `https`, or plain HTTP on the loopback of a developer's machine, which
/// most browsers trust as well (Safari keeps no `Secure` cookie of it, WebKit bug 281149).
pub(super) fn is_base(text: &str) -> bool {
    let Some((scheme, host, port)) = split(text) else { return false };
    let is_port = |port: &str| port.parse::<u16>().is_ok_and(|number| number.to_string() == port);
    port.is_none_or(is_port)
        && is_host(host)
        && (scheme == "https" || scheme == "http" && is_loopback(host))
}

/// Whether some browser may offer a code for `host` on the pages of `origin`: on the host itself and, as Safari
/// goes by the site, below it and above it. Chrome takes the host alone, on the usual port. A developer's
/// machine stands for any host.
pub(super) fn is_related(origin: &str, host: &str) -> bool {
    let Some((_, own, _)) = split(origin) else { return false };
    let is_below = |one: &str, other: &str| {
        let rest = one.strip_suffix(other);
        rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    is_loopback(own) || is_below(own, host) || is_below(host, own)
}

/// Scheme, host and port.
fn split(text: &str) -> Option<(&str, &str, Option<&str>)> {
    let (scheme, authority) = text.split_once("://")?;
    Some(match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (scheme, host, Some(port)),
        _ => (scheme, authority, None),
    })
}

/// A host that is no name has one spelling.
fn is_as_browsers_write(host: &str) -> bool {
    if let Some(address) = in_brackets(host) {
        return address.parse::<Ipv6Addr>().is_ok_and(|parsed| match parsed.to_ipv4_mapped() {
            Some(_) => {
                let [.., high, low] = parsed.segments();
                address == format!("::ffff:{high:x}:{low:x}")
            }
            None => address == parsed.to_string(),
        });
    }
    let top = host.rsplit('.').next().unwrap_or(host);
    !is_number(top) || host.parse::<Ipv4Addr>().is_ok()
}

fn is_host(host: &str) -> bool {
    if let Some(address) = in_brackets(host) {
        return address.parse::<Ipv6Addr>().is_ok();
    }
    let letters = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !host.is_empty()
        && host.len() <= 253
        && host.split('.').all(|label| !label.is_empty() && label.bytes().all(letters))
}

fn in_brackets(host: &str) -> Option<&str> {
    host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'))
}

fn is_loopback(host: &str) -> bool {
    let host = host.trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Lets a request through that changes something, if the site's own page made it.
///
/// Browsers say where a request comes from in `Sec-Fetch-Site`, which no script can set, and older ones in
/// `Origin`. What is sent must be right; one of the two must be sent. `Origin: null` is what a page under
/// `Referrer-Policy: no-referrer` sends, and says nothing.
///
/// # Errors
///
/// [`ProblemKind::CrossSite`].
pub(super) fn check_post(headers: &HeaderMap, own: &str) -> Result<(), Problem> {
    let site = one(headers, &SEC_FETCH_SITE)?;
    let origin = one(headers, &ORIGIN)?;
    let same = match (site, origin) {
        (Some(site), None | Some(b"null")) => site == b"same-origin",
        (Some(site), Some(origin)) => site == b"same-origin" && origin == own.as_bytes(),
        (None, Some(origin)) => origin == own.as_bytes(),
        (None, None) => false,
    };
    if same { Ok(()) } else { Err(Problem::new(ProblemKind::CrossSite)) }
}

/// What the browser calls the page's origin, if that is not `own` although the page is of this very server: no
/// other site's page can say so, but a script with no browser around it can.
pub(super) fn other_name<'a>(headers: &'a HeaderMap, own: &str) -> Option<&'a str> {
    let site = one(headers, &SEC_FETCH_SITE).ok()??;
    let origin = std::str::from_utf8(one(headers, &ORIGIN).ok()??).ok()?;
    (site == b"same-origin" && origin != own && is_origin(origin)).then_some(origin)
}

/// Lets a request through that only reads. No other site can read the answer, since nothing here allows it
/// to; where the browser says that one asks, it gets none.
///
/// # Errors
///
/// [`ProblemKind::CrossSite`].
pub(super) fn check_get(headers: &HeaderMap, own: &str) -> Result<(), Problem> {
    let site = one(headers, &SEC_FETCH_SITE)?;
    let origin = one(headers, &ORIGIN)?;
    let same = site.is_none_or(|site| site == b"same-origin" || site == b"none")
        && origin.is_none_or(|origin| origin == own.as_bytes());
    if same { Ok(()) } else { Err(Problem::new(ProblemKind::CrossSite)) }
}

/// The one value of a header; an error if there are several, since nobody knows which was meant.
fn one<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a [u8]>, Problem> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (first, None) => Ok(first.map(|value| value.as_bytes())),
        _ => Err(Problem::new(ProblemKind::CrossSite)),
    }
}

#[cfg(test)]
mod tests {
    use ::http::HeaderValue;

    use super::*;

    const OWN: &str = "https://shop.example";

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn a_post_says_where_it_comes_from() {
        let site = "sec-fetch-site";
        for good in [
            &[(site, "same-origin"), ("origin", OWN)][..],
            &[(site, "same-origin")],
            &[(site, "same-origin"), ("origin", "null")],
            &[("origin", OWN)],
        ] {
            assert!(check_post(&headers(good), OWN).is_ok(), "{good:?}");
        }
        for bad in [
            &[][..],
            &[(site, "none")],
            &[(site, "same-site"), ("origin", "https://blog.shop.example")],
            &[(site, "cross-site"), ("origin", "https://evil.example")],
            &[(site, "cross-site"), ("origin", OWN)],
            &[(site, "same-origin"), ("origin", "https://evil.example")],
            &[(site, "same-origin"), (site, "same-origin")],
            &[("origin", OWN), ("origin", OWN)],
            &[("origin", "null")],
            &[("origin", "https://shop.example.evil.example")],
            &[("origin", "http://shop.example")],
            &[("origin", "https://shop.example:8443")],
            &[("origin", "https://shop.example, https://evil.example")],
            &[("origin", "HTTPS://SHOP.EXAMPLE")],
            &[("referer", "https://shop.example/")],
        ] {
            let problem = check_post(&headers(bad), OWN).unwrap_err();
            assert_eq!(problem.kind(), ProblemKind::CrossSite, "{bad:?}");
        }
    }

    #[test]
    fn a_get_is_refused_to_another_site_only() {
        let site = "sec-fetch-site";
        for good in [&[][..], &[(site, "none")], &[(site, "same-origin")], &[("origin", OWN)]] {
            assert!(check_get(&headers(good), OWN).is_ok(), "{good:?}");
        }
        for bad in [
            &[(site, "cross-site")][..],
            &[(site, "same-site")],
            &[("origin", "https://evil.example")],
            &[("origin", "null")],
            &[(site, "none"), (site, "cross-site")],
        ] {
            assert!(check_get(&headers(bad), OWN).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_code_is_offered_on_its_host_below_it_and_above_it() {
        for origin in ["https://shop.example", "https://a.b.shop.example:8443", "http://[::1]:80"] {
            assert!(is_related(origin, "shop.example"), "{origin}");
        }
        for origin in
            ["https://eshop.example", "https://op.example", "https://shop.example.net", ""]
        {
            assert!(!is_related(origin, "shop.example"), "{origin}");
        }
        assert!(is_related("https://shop.example", "www.shop.example"));
        assert!(!is_related("https://shop.example", "eshop.example"));
    }

    #[test]
    fn an_origin_is_exact_and_safe_for_cookies() {
        for good in [
            "https://shop.example",
            "https://shop.example:8443",
            "https://xn--bcher-kva.example",
            "https://192.0.2.7",
            "https://[2001:db8::1]:8443",
            "https://[::ffff:c000:207]",
            "https://1.example",
            "https://shop.example:80",
            "http://localhost:443",
            "http://localhost:3000",
            "http://127.0.0.1:3000",
            "http://[::1]",
        ] {
            assert!(is_origin(good), "{good}");
        }
        for bad in [
            "",
            "shop.example",
            "http://shop.example",
            "https://shop.example/",
            "https://shop.example/otp",
            "https://Shop.example",
            "https://user@shop.example",
            "https://shop.example:0443",
            "https://shop.example:99999",
            "https://shop.example:",
            "https://*.shop.example",
            "https://bücher.example",
            "https://",
            "null",
            "http://localhost.evil.example",
            // No browser writes these: it leaves the usual port out and the host in one way.
            "https://shop.example:443",
            "http://localhost:80",
            "http://[::1]:80",
            "https://[2001:DB8::1]",
            "https://[2001:db8:0::1]",
            "https://[::ffff:192.0.2.7]",
            "https://127.1",
            "https://192.0.2.07",
            "https://192.0.2.0x7",
            "https://shop.2",
        ] {
            assert!(!is_origin(bad), "{bad}");
        }
    }
}
