//! Origin-bound one-time codes (WICG draft): the last line by which a browser offers a code to the
//! site it is for, and to no other.

/// The host that a code may be entered on, for the last line `@example.com #123456`.
///
/// A browser then offers the code on `https://example.com` only, so a look-alike page gets no help
/// from it. Chrome means exactly that host on the usual port: neither `www.example.com` nor
/// `https://example.com:8443`. Safari goes by the site, so `www.example.com` counts too. This does
/// not make SMS phishing-resistant: people can type.
///
/// ```
/// use otpgate::message::OriginHost;
///
/// assert_eq!(OriginHost::new("Login.Example.com")?.as_str(), "login.example.com");
/// assert!(OriginHost::new("https://example.com/").is_err());
/// # Ok::<(), otpgate::message::OriginHostError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct OriginHost {
    name: String,
    development: bool,
}

impl OriginHost {
    /// Checks `host`: a DNS name of at least two labels (RFC 1123 §2.1), at most 253 characters, each
    /// label 1 to 63 letters, digits and inner hyphens, the last neither a number nor `localhost`.
    /// Folded to small letters. An international name is given in its `xn--` form.
    ///
    /// # Errors
    ///
    /// [`OriginHostError`] for anything else: a scheme, a port, a path, a trailing dot, an address, a
    /// name that only a developer's browser finds.
    pub fn new(host: &str) -> Result<Self, OriginHostError> {
        let top = host.rsplit_once('.').map(|(_, top)| top).ok_or(OriginHostError)?;
        if !is_name(host) || is_number(top) || is_loopback(top) {
            return Err(OriginHostError);
        }
        Ok(Self { name: host.to_ascii_lowercase(), development: false })
    }

    /// **Danger:** a page that only a developer opens: `localhost`, a name below it, or a name of one
    /// label, perhaps with a port, such as `localhost:8080` or `shop.localhost`. The last line of a
    /// text has no place for a port (browsers compare hosts alone), so it is dropped:
    /// `@localhost #123456`.
    ///
    /// A text with such a line helps no user, so [`GateBuilder::build`](crate::GateBuilder::build)
    /// refuses it in a program that was compiled without debug assertions, as `--release` does.
    ///
    /// # Errors
    ///
    /// [`OriginHostError`] for a name that [`new`](Self::new) takes, because it needs no danger,
    /// and for a scheme, a path, an address or a bad port.
    ///
    /// ```
    /// use otpgate::message::OriginHost;
    ///
    /// let here = OriginHost::development_danger("localhost:8080")?;
    /// assert_eq!(here.as_str(), "localhost");
    /// assert!(OriginHost::development_danger("example.com").is_err());
    /// # Ok::<(), otpgate::message::OriginHostError>(())
    /// ```
    pub fn development_danger(host: &str) -> Result<Self, OriginHostError> {
        let (name, port) = host.split_once(':').unwrap_or((host, "80"));
        let is_port = port.bytes().all(|byte| byte.is_ascii_digit())
            && port.parse::<u16>().is_ok_and(|port| port != 0);
        let top = name.rsplit('.').next().unwrap_or_default();
        let is_local = !name.contains('.') || is_loopback(top);
        if !is_name(name) || is_number(top) || !is_port || !is_local {
            return Err(OriginHostError);
        }
        Ok(Self { name: name.to_ascii_lowercase(), development: true })
    }

    /// The host in small letters.
    pub fn as_str(&self) -> &str {
        &self.name
    }

    pub(super) const fn is_development(&self) -> bool {
        self.development
    }
}

impl TryFrom<&str> for OriginHost {
    type Error = OriginHostError;

    fn try_from(host: &str) -> Result<Self, OriginHostError> {
        Self::new(host)
    }
}

/// Labels of letters, digits and inner hyphens, with dots between them.
fn is_name(host: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    host.len() <= 253 && host.split('.').all(label)
}

/// Whether a label has no letter, or is a number in hexadecimal: a host that ends with one is an IPv4
/// address to browsers (URL Standard, §3.5).
pub(crate) fn is_number(label: &str) -> bool {
    let hex = label.strip_prefix("0x").or_else(|| label.strip_prefix("0X"));
    match hex {
        Some(digits) => digits.bytes().all(|byte| byte.is_ascii_hexdigit()),
        None => !label.bytes().any(|byte| byte.is_ascii_alphabetic()),
    }
}

/// Whether a host that ends with this label is the machine itself, whatever DNS says (RFC 6761 §6.3).
fn is_loopback(label: &str) -> bool {
    label.eq_ignore_ascii_case("localhost")
}

/// The text is not a host.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "this host does not fit; give the bare host of the site, such as `example.com`: no scheme, port, path, address or trailing dot, an international name as `xn--…`; that of a developer's machine, such as `localhost:8080`, goes to `OriginHost::development_danger`, which takes no other"
)]
pub struct OriginHostError;

/// What a browser reads in the last line of a message. The code is masked in `Debug`.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct OriginBound<'a> {
    /// The host of the page.
    pub host: &'a str,
    /// The code.
    pub code: &'a str,
    /// The host of the frame inside the page, if the code is to be entered in one.
    pub embedded: Option<&'a str>,
}

crate::base::masked::debug_only!(OriginBound<'_>: host, embedded);

/// Reads the last line of `text` step by step as the WICG draft parses it, or `None` if a browser
/// would find no code there. As in the draft, what follows in the line is ignored and the hosts are
/// not checked. The host of a frame is read after `@`, as in the draft and in Chrome, and after `%`,
/// as Apple documents it.
///
/// ```
/// use otpgate::message::parse_origin_bound;
///
/// let found = parse_origin_bound("747723 is your code.\n\n@example.com #747723").unwrap();
/// assert_eq!((found.host, found.code), ("example.com", "747723"));
/// assert!(parse_origin_bound("something @example.com #747723").is_none());
/// ```
#[must_use]
pub fn parse_origin_bound(text: &str) -> Option<OriginBound<'_>> {
    let line = text.rsplit(['\n', '\r']).next()?;
    let (host, rest) = marked(line, '@')?;
    let (code, rest) = marked(rest.strip_prefix(' ')?, '#')?;
    let frame = |rest| marked(rest, '@').or_else(|| marked(rest, '%'));
    let embedded = rest.strip_prefix(' ').and_then(frame);
    Some(OriginBound { host, code, embedded: embedded.map(|(host, _)| host) })
}

/// "Extract a marked token": `marker`, then all up to the next ASCII white space, and the rest.
fn marked(text: &str, marker: char) -> Option<(&str, &str)> {
    let text = text.strip_prefix(marker)?;
    let end = text.find(|c: char| c.is_ascii_whitespace()).unwrap_or(text.len());
    let (token, rest) = text.split_at_checked(end)?;
    (!token.is_empty()).then_some((token, rest))
}

crate::base::sentence::debug_as_sentence!(OriginHostError);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Option<(&str, &str, Option<&str>)> {
        parse_origin_bound(text).map(|found| (found.host, found.code, found.embedded))
    }

    #[test]
    fn the_examples_of_the_draft() {
        let human = "747723 is your ExampleCo authentication code.\n\n";
        let plain = Some(("example.com", "747723", None));
        let framed = Some(("example.com", "747723", Some("ecommerce.example")));
        assert_eq!(read(&format!("{human}@example.com #747723")), plain);
        assert_eq!(read(&format!("{human}@example.com #747723 @ecommerce.example")), framed);
        assert_eq!(read("@example.com #747723 @ecommerce.example $future"), framed);
        assert_eq!(read("@example.com #747723 @ecommerce.example %other.example"), framed);
        // Apple's form.
        assert_eq!(read("@example.com #747723 %ecommerce.example"), framed);
        assert_eq!(read("something @example.com #747723"), None);
        assert_eq!(read("#747723 @ecommerce.example @example.com"), None);
        assert_eq!(read("#747723 %ecommerce.example @example.com"), None);
        assert_eq!(read("@example.com code #747723"), None);
    }

    #[test]
    fn the_steps_of_the_algorithm() {
        for none in [
            "",
            "@",
            "@ #1",
            "@example.com",
            "@example.com ",
            "@example.com #",
            "@example.com #\t",
            "@example.com  #747723",
            "@example.com\t#747723",
            " @example.com #747723",
            "@example.com #747723\n",
            "@example.com #747723\r",
            "@example.com\n#747723",
        ] {
            assert_eq!(read(none), None, "{none:?}");
        }
        let plain = Some(("example.com", "747723", None));
        for same in [
            "x\r\n@example.com #747723",
            "x\r@example.com #747723",
            "@example.com #747723 ",
            "@example.com #747723 ecommerce.example",
            "@example.com #747723 @",
            "@example.com #747723  @ecommerce.example",
            "@example.com #747723\t@ecommerce.example",
            "@example.com #747723 %",
            "@example.com #747723  %ecommerce.example",
        ] {
            assert_eq!(read(same), plain, "{same:?}");
        }
        for code in ["1@b", "1%b"] {
            assert_eq!(read(&format!("@a #{code}")), Some(("a", code, None)));
        }
    }

    #[test]
    fn hosts_are_dns_names() {
        for good in ["example.com", "a.b", "xn--bcher-kva.example", "a-b.c-d.co", "1.example.com"] {
            assert_eq!(OriginHost::new(good).unwrap().as_str(), good);
        }
        let long = format!("{}.com", "a.".repeat(125));
        for bad in [
            "",
            ".",
            "localhost",
            "example.com.",
            ".example.com",
            "a..b",
            "-a.com",
            "a-.com",
            "a_b.com",
            "https://example.com",
            "example.com:443",
            "example.com/x",
            "127.0.0.1",
            "127.0.0.0x1",
            "127.0X1",
            "example.1-2",
            "app.localhost",
            "a.b.LOCALHOST",
            "::1",
            "[::1]",
            "bücher.example",
            "a b.com",
            "a.com #1",
            "@a.com",
            "a.com\n",
            &long,
            &format!("{}.com", "a".repeat(64)),
        ] {
            assert_eq!(OriginHost::new(bad), Err(OriginHostError), "{bad:?}");
        }
    }

    #[test]
    fn a_development_host_is_local_and_loses_its_port() {
        for good in
            ["localhost", "localhost:8080", "LOCALHOST:1", "dev-box:65535", "app.LocalHost:3000"]
        {
            let host = OriginHost::development_danger(good).unwrap();
            assert_eq!(host.as_str(), good.split(':').next().unwrap().to_lowercase());
            assert!(host.is_development());
        }
        for bad in [
            "",
            ":8080",
            "localhost:",
            "localhost:0",
            "localhost:65536",
            "localhost:+1",
            "localhost:8080/x",
            "http://localhost",
            "127.0.0.1",
            "127.0.0.1:8080",
            "127",
            "[::1]:80",
            "example.com",
            "example.com:443",
            "a b",
            "localhost\n",
        ] {
            assert_eq!(OriginHost::development_danger(bad), Err(OriginHostError), "{bad:?}");
        }
        assert!(!OriginHost::new("example.com").unwrap().is_development());
    }

    #[test]
    fn debug_does_not_show_the_code() {
        let found = parse_origin_bound("@example.com #747723").unwrap();
        assert!(!format!("{found:?}").contains("747723"));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_and_nothing_panics(
            text in "\\PC{0,40}", label in "[a-z0-9]{1,8}", code in "[0-9]{6,10}",
        ) {
            let _ = parse_origin_bound(&text);
            let host = OriginHost::new(&format!("{label}.example")).unwrap();
            let text = format!("{text}\n@{} #{code}", host.as_str());
            prop_assert_eq!(read(&text), Some((host.as_str(), &*code, None)));
        }
    }
}
