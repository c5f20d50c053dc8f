//! [`Config`]: where the endpoints stand and what they allow.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::builder::no_look_alike;
use crate::context::{Purpose, Realm};
use crate::error::ConfigError;
use crate::recipient::Region;
use crate::transport::ReceiptVerifier;

use super::client_source::ClientSource;
use super::cookie::{self, SameSite};
use super::host::Host;
use super::origin;
use super::page::PageContext;

/// How long a body may take to arrive. The largest takes a second at 64 kB/s; nobody's first bars of mobile
/// signal are ten times slower for long, and a connection held open on purpose ends here.
const BODY_DEADLINE: Duration = Duration::from_secs(10);

/// Where the endpoints stand, what they allow, and the host behind them.
///
/// ```
/// # use otpgate::web::{Admit, Ask, Host, HostError, Next};
/// # #[derive(Debug)] struct SignUp;
/// # #[async_trait::async_trait]
/// # impl Host for SignUp {
/// #     async fn admit(&self, _: &Ask<'_>) -> Result<Admit, HostError> { Ok(Admit::Send) }
/// #     async fn verified(&self, _: otpgate::Verification, _: &http::request::Parts)
/// #         -> Result<Next, HostError> { Ok(Next::to("/")) }
/// # }
/// use otpgate::access::TrustedProxies;
/// use otpgate::web::{ClientSource, Config};
/// use otpgate::{Purpose, Region};
///
/// let config = Config::builder("https://shop.example", SignUp)
///     .purposes([Purpose::SIGN_UP, Purpose::PAYMENT])
///     .default_region(Region::DE)
///     .client_source(ClientSource::XForwardedFor(TrustedProxies::parse(["10.0.0.0/8"])?))
///     .code_page("/sign-up/code")
///     .build()?;
/// assert_eq!(config.mount(), "/otp");
///
/// let error = Config::builder("shop.example", SignUp).build().unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "`origin` is shop.example, but must be the origin in the browser's address bar (no :443), \
///      such as https://shop.example, or http on localhost",
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Config {
    pub(super) origin: String,
    pub(super) mount: String,
    pub(super) host: Box<dyn Host>,
    pub(super) purposes: Vec<Purpose>,
    pub(super) default_region: Option<Region>,
    pub(super) client_source: ClientSource,
    pub(super) same_site: SameSite,
    pub(super) cookies: cookie::Names,
    pub(super) receipts: BTreeMap<String, Box<dyn ReceiptVerifier>>,
    pub(super) receipts_origin: String,
    pub(super) code_page: Option<String>,
    pub(super) pages: Option<PageContext>,
    pub(super) body_deadline: Duration,
}

/// Collects a [`Config`].
#[must_use]
pub struct ConfigBuilder(Config);

impl Config {
    /// Starts a configuration. `origin` is what the browser's address bar begins with: `https`, host and,
    /// if it is not the usual one, port. It is never taken from a request, and compared byte by byte.
    pub fn builder(origin: impl Into<String>, host: impl Host) -> ConfigBuilder {
        let origin = origin.into();
        ConfigBuilder(Self {
            receipts_origin: origin.clone(),
            origin,
            mount: "/otp".to_owned(),
            host: Box::new(host),
            purposes: vec![Purpose::SIGN_UP],
            default_region: None,
            client_source: ClientSource::Peer,
            same_site: SameSite::Strict,
            cookies: cookie::Names::of(None),
            receipts: BTreeMap::new(),
            code_page: None,
            pages: None,
            body_deadline: BODY_DEADLINE,
        })
    }

    /// Where the endpoints stand.
    pub fn mount(&self) -> &str {
        &self.mount
    }

    /// The origin of the pages.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// What codes may be asked for here.
    pub fn purposes(&self) -> &[Purpose] {
        &self.purposes
    }

    /// Where the code page is.
    pub fn code_page_url(&self) -> String {
        self.code_page.clone().unwrap_or_else(|| format!("{}/code", self.mount))
    }
}

impl ConfigBuilder {
    /// Where the endpoints stand. Default: `/otp`.
    pub fn mount(mut self, path: impl Into<String>) -> Self {
        self.0.mount = path.into();
        self
    }

    /// What codes may be asked for here. Default: [`Purpose::SIGN_UP`] alone, so that nobody asks for a
    /// purpose that the host's [`verified`](Host::verified) does not expect. A verification for any other,
    /// begun at other endpoints of the site, counts as none here.
    pub fn purposes(mut self, purposes: impl IntoIterator<Item = Purpose>) -> Self {
        self.0.purposes = purposes.into_iter().collect();
        self
    }

    /// The country of numbers without a country code. Default: none; such a number is refused.
    pub fn default_region(mut self, region: Region) -> Self {
        self.0.default_region = Some(region);
        self
    }

    /// Where the client's address is read. Default: the peer.
    pub fn client_source(mut self, source: ClientSource) -> Self {
        self.0.client_source = source;
        self
    }

    /// The attribute of the grant's cookie. Default: [`SameSite::Strict`].
    pub fn same_site(mut self, same_site: SameSite) -> Self {
        self.0.same_site = same_site;
        self
    }

    /// Names the cookies of these endpoints for a tenant: `__Host-otp-acme-grant` instead of
    /// `__Host-otp-grant`, and so for session and device. `tenant` is 1 to 32 of `a`–`z`, `0`–`9` and `-`, such
    /// as the name of its [realm](crate::Realm). Default: the plain names.
    ///
    /// Tenants on one origin, each with a mount of its own, need it: a `__Host-` cookie is the origin's, so
    /// what one tenant's endpoints set, the next tenant's overwrite, and a person who has verified with both
    /// is a stranger to the first again. Endpoints of one tenant share a name, and their device proofs.
    ///
    /// A new name is a new cookie: open verifications start over, and device proofs are earned anew.
    ///
    /// ```
    /// # use otpgate::web::{Admit, Ask, Host, HostError, Next};
    /// # #[derive(Debug)] struct SignUp;
    /// # #[async_trait::async_trait]
    /// # impl Host for SignUp {
    /// #     async fn admit(&self, _: &Ask<'_>) -> Result<Admit, HostError> { Ok(Admit::Send) }
    /// #     async fn verified(&self, _: otpgate::Verification, _: &http::request::Parts)
    /// #         -> Result<Next, HostError> { Ok(Next::to("/welcome")) }
    /// # }
    /// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
    /// # shop::open(async |shop| {
    /// # let gate = shop.gate;
    /// use otpgate::Realm;
    /// use otpgate::web::{Config, Endpoints};
    ///
    /// let realm = Realm::new("acme")?;
    /// let config = Config::builder("https://shop.example", SignUp)
    ///     .mount("/acme/otp")
    ///     .cookies(realm.as_str())
    ///     .build()?;
    /// let acme = Endpoints::new(gate.in_realm(&realm), config);
    /// let request = http::Request::post("/acme/otp/preflight")
    ///     .header("content-type", "application/json")
    ///     .header("sec-fetch-site", "same-origin")
    ///     .body(r#"{"purpose":"sign-up"}"#.into())?;
    /// let response = acme.handle(request, Some("192.0.2.7".parse()?)).await;
    /// assert!(response.headers()["set-cookie"].to_str()?.starts_with("__Host-otp-acme-session="));
    /// # Ok(())
    /// # });
    /// ```
    pub fn cookies(mut self, tenant: impl Into<String>) -> Self {
        self.0.cookies = cookie::Names::of(Some(tenant.into()));
        self
    }

    /// Takes the receipts of a provider at `receipts/{name}`, and at `receipts/{name}/{token}` for those
    /// whose URL holds a secret. `name` is 1 to 32 of `a`–`z`, `0`–`9` and `-`; of two under one name the later
    /// counts, so each account needs its own.
    ///
    /// A receipt finds the realm of its send, whichever tenant's endpoints get it. A `STOP` or `START` counts
    /// in the realm of these alone: tenants that share a sender take the webhook with a handler of their own,
    /// which asks every realm (`docs/tenants.md`).
    ///
    /// `aws::Receipts` needs a handler of your own: nothing here fetches SNS's certificate or confirms the
    /// subscription.
    pub fn receipts(mut self, name: impl Into<String>, verifier: impl ReceiptVerifier) -> Self {
        self.0.receipts.insert(name.into(), Box::new(verifier));
        self
    }

    /// The origin of the URL that providers were given for receipts, which they sign. Default: that of the
    /// pages.
    pub fn receipts_origin(mut self, origin: impl Into<String>) -> Self {
        self.0.receipts_origin = origin.into();
        self
    }

    /// Where the host's code page is: a path, or a whole URL. Default: `{mount}/code`, where the hosted one
    /// is. Without [`pages`](Self::pages) nothing is there, so a page that goes to it needs this.
    pub fn code_page(mut self, url: impl Into<String>) -> Self {
        self.0.code_page = Some(url.into());
        self
    }

    /// Serves the hosted pages: the form at the mount and the code page at `{mount}/code`. The mount of
    /// `pages` is that of the endpoints. Default: no pages.
    pub fn pages(mut self, pages: PageContext) -> Self {
        self.0.pages = Some(pages);
        self
    }

    /// Serves the hosted pages of `brand`, with nothing of your own in them: [`pages`](Self::pages)
    /// has the rest. Call it after [`mount`](Self::mount).
    ///
    /// Not for a gate with a [human check](crate::GateBuilder::human_check): whoever is asked for one gets no
    /// text, since nothing on these pages shows its widget. Name the script that does in
    /// [`PageContext::scripts`] and give that to [`pages`](Self::pages) (`docs/web-browser.md` has one for each
    /// service). [`Endpoints::new`](super::Endpoints::new) tells the observer of a page without.
    pub fn hosted(self, brand: impl Into<String>) -> Self {
        let mount = self.0.mount.clone();
        self.pages(PageContext::new(brand, mount))
    }

    /// How long a request's body may take to arrive, 10 milliseconds to a minute. Default: 10 seconds.
    pub fn body_deadline(mut self, deadline: Duration) -> Self {
        self.0.body_deadline = deadline;
        self
    }

    /// Checks it.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Rule`], which names the field.
    pub fn build(self) -> Result<Config, ConfigError> {
        let Self(config) = self;
        if !origin::is_origin(&config.origin) {
            return Err(ConfigError::rule(
                "origin",
                &config.origin,
                "the origin in the browser's address bar (no :443), such as https://shop.example, \
                 or http on localhost",
            ));
        }
        if !origin::is_base(&config.receipts_origin) {
            return Err(ConfigError::rule(
                "receipts_origin",
                &config.receipts_origin,
                "what the URL of receipts begins with, such as https://shop.example",
            ));
        }
        if !is_path(&config.mount) {
            return Err(ConfigError::rule(
                "mount",
                &config.mount,
                "a path like /otp, of letters, digits, '-', '.', '_' and '~', without an end slash",
            ));
        }
        are_names(&config)?;
        if let Some(pages) = &config.pages {
            may_be_hosted(pages, &config.mount)?;
        }
        let span = Duration::from_millis(10)..=Duration::from_secs(60);
        if !span.contains(&config.body_deadline) {
            return Err(ConfigError::rule(
                "body_deadline",
                format!("{:?}", config.body_deadline),
                "10 milliseconds to a minute",
            ));
        }
        Ok(config)
    }
}

/// What is a name is written as one.
fn are_names(config: &Config) -> Result<(), ConfigError> {
    if config.purposes.is_empty() {
        return Err(ConfigError::rule("purposes", "empty", "one purpose at least"));
    }
    config.purposes.iter().try_for_each(|purpose| no_look_alike("purposes", purpose))?;
    let receipts = config.receipts.keys().map(|name| ("receipts", name));
    let cookies = config.cookies.tenant.iter().map(|name| ("cookies", name));
    match receipts.chain(cookies).find(|(_, name)| Realm::new(name.as_str()).is_err()) {
        Some((field, name)) => {
            Err(ConfigError::rule(field, name, "named with 1 to 32 of a-z, 0-9 and '-'"))
        }
        None => Ok(()),
    }
}

/// Pages that stand at the endpoints' mount, and fit into headers.
fn may_be_hosted(pages: &PageContext, mount: &str) -> Result<(), ConfigError> {
    let header = |text: &str| ::http::HeaderValue::from_str(text).is_ok();
    if pages.mount != mount {
        return Err(ConfigError::rule("pages.mount", &pages.mount, "the mount of the endpoints"));
    }
    if !header(&pages.form_url) || !header(&pages.content_security_policy()) {
        let want = "addresses and policies of printable ASCII";
        return Err(ConfigError::rule("pages", &pages.form_url, want));
    }
    Ok(())
}

/// Whether `path` is one that no proxy and no router rewrites.
pub(super) fn is_path(path: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let segment = |segment: &str| {
        !segment.is_empty() && !matches!(segment, "." | "..") && segment.bytes().all(plain)
    };
    path.strip_prefix('/').is_some_and(|rest| rest.split('/').all(segment))
}

crate::base::masked::debug_only!(Config: origin, mount, host, purposes, client_source);

impl fmt::Debug for ConfigBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_is_a_plain_path() {
        for good in ["/otp", "/api/v1/otp", "/o.t-p_~"] {
            assert!(is_path(good), "{good}");
        }
        for bad in
            ["", "/", "otp", "/otp/", "//otp", "/a//b", "/a/../b", "/.", "/{otp}", "/%6ftp", "/a?b"]
        {
            assert!(!is_path(bad), "{bad}");
        }
    }
}
