//! [`ReqwestClient`]: the shipped client, on reqwest and rustls.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use reqwest::header::{HeaderName, HeaderValue};
use reqwest::{Client, ClientBuilder, Url, redirect, retry};
use rustls::pki_types::CertificateDer;

use super::{HttpClient, HttpError, HttpRequest, HttpResponse, Method};

/// From the name look-up to the last byte of the body. A user waits in front of a spinner, and the
/// gate holds the host's request: after 10 seconds "it may have gone out" is the better answer. The
/// providers' SDKs wait 30 seconds and more, or for ever.
const DEADLINE: Duration = Duration::from_secs(10);

/// For the connection alone. Shorter than the deadline, so that a host which drops packets is known
/// as unreachable (nothing was sent) and not as a time-out (perhaps sent).
const CONNECT_TIMEOUT: Duration = Duration::from_secs(4);

/// Servers close idle connections after 60 to 75 seconds. A connection that is reused while the
/// server closes it makes a text indeterminate, so ours ends long before.
const IDLE_TIMEOUT: Duration = Duration::from_secs(20);

/// The longest answer of a provider that we know is below 4 KiB.
const BODY_LIMIT: usize = 64 * 1024;

/// An [`HttpClient`] on [`reqwest`]: HTTP/1.1 over rustls with ring, trusting what the operating
/// system trusts. It never retries and never follows a redirect. Connections are kept and reused;
/// clones share them.
///
/// ```
/// use std::time::Duration;
/// use otpgate::http::ReqwestClient;
///
/// let client = ReqwestClient::builder().deadline(Duration::from_secs(5)).build()?;
/// # Ok::<(), otpgate::http::ReqwestError>(())
/// ```
#[derive(Clone)]
pub struct ReqwestClient {
    client: Client,
    deadline: Duration,
    body_limit: usize,
    /// Whether it may follow a redirect: a client that the host has built.
    may_follow: bool,
    /// Where the last `POST` went, as text and parsed: an adapter's go to one address, and parsing it costs
    /// as much as all else that is done here. None with a query, where a number could stand.
    last: Arc<Mutex<Option<(String, Url)>>>,
}

impl ReqwestClient {
    /// A client with the defaults: 10 seconds for everything, 4 for the connection, 64 KiB of body.
    ///
    /// # Errors
    ///
    /// [`ReqwestError`] if the system has no trusted certificates.
    pub fn new() -> Result<Self, ReqwestError> {
        Self::builder().build()
    }

    /// A client with other settings.
    #[must_use]
    pub fn builder() -> ReqwestClientBuilder {
        ReqwestClientBuilder {
            deadline: DEADLINE,
            connect_timeout: CONNECT_TIMEOUT,
            body_limit: BODY_LIMIT,
            roots: Vec::new(),
            configure: Vec::new(),
        }
    }

    /// The host's own `client`, whose connections and settings are kept.
    ///
    /// Deadline and body limit still hold for each request. Three things cannot be enforced on a
    /// client that is already built, and are the caller's: `redirect::Policy::none()`,
    /// `retry::never()`, and a connect time-out below our deadline. A redirect that was followed is
    /// detected afterwards and reported as [`Interrupted`](super::HttpErrorKind::Interrupted);
    /// the credentials have travelled by then. Prefer [`ReqwestClientBuilder::configure`].
    #[must_use]
    pub fn with_client(client: Client) -> Self {
        let (deadline, body_limit) = (DEADLINE, BODY_LIMIT);
        Self { client, deadline, body_limit, may_follow: true, last: Arc::default() }
    }

    async fn exchange(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let request = self.prepare(request)?;
        let asked = self.may_follow.then(|| request.url().clone());
        let mut answer = self.client.execute(request).await.map_err(failure)?;
        if asked.is_some_and(|asked| *answer.url() != asked) {
            return Err(HttpError::interrupted(
                "a redirect was followed; build the client with `redirect::Policy::none()`",
            ));
        }
        let headers = std::mem::take(answer.headers_mut());
        let response = HttpResponse::new(answer.status().as_u16()).with_received(headers);
        let announced = answer.content_length().and_then(|length| usize::try_from(length).ok());
        let mut body = Vec::with_capacity(announced.unwrap_or(0).min(self.body_limit));
        while let Some(chunk) = answer.chunk().await.map_err(after_sending)? {
            if body.len().saturating_add(chunk.len()) > self.body_limit {
                return Err(HttpError::too_large("its body exceeds the limit of the client"));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(response.with_body(body))
    }

    fn parsed(&self, request: &HttpRequest) -> Result<Url, HttpError> {
        let text = request.url();
        let is_same = |last: &&(String, Url)| last.0 == text;
        // Whoever finds it taken parses: nobody waits.
        let last = self.last.try_lock().ok();
        if let Some((_, url)) = last.as_ref().and_then(|last| last.as_ref()).filter(is_same) {
            return Ok(url.clone());
        }
        let url = Url::parse(text).map_err(HttpError::invalid)?;
        if let Some(mut last) = last
            && request.method() == Method::Post
            && !text.contains('?')
        {
            *last = Some((text.to_owned(), url.clone()));
        }
        Ok(url)
    }

    fn prepare(&self, request: HttpRequest) -> Result<reqwest::Request, HttpError> {
        let method = match request.method() {
            Method::Get => reqwest::Method::GET,
            Method::Post => reqwest::Method::POST,
        };
        let mut builder = self.client.request(method, self.parsed(&request)?);
        for (name, value) in request.headers() {
            // The value is in no message: it may be a secret.
            let mut value = HeaderValue::from_str(value)
                .map_err(|_| HttpError::invalid(format!("header {name} has a control byte")))?;
            value.set_sensitive(true);
            builder = builder.header(HeaderName::from_static(name), value);
        }
        let body = Bytes::from_owner(request.into_body());
        builder.body(body).build().map_err(|error| HttpError::invalid(error.without_url()))
    }
}

#[async_trait]
impl HttpClient for ReqwestClient {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        match tokio::time::timeout(self.deadline, self.exchange(request)).await {
            Ok(answer) => answer,
            Err(_) => Err(HttpError::timed_out(format!("{:?} are over", self.deadline))),
        }
    }
}

crate::base::masked::debug_only!(ReqwestClient: deadline, body_limit);

/// Before the answer's head. reqwest calls an error "connect" for all that happens up to a usable
/// connection: name, TCP, TLS, a proxy's `CONNECT`. hyper retries a request on a reused connection
/// only if it was never taken from the queue, that is, if no byte of it was written.
fn failure(error: reqwest::Error) -> HttpError {
    let error = error.without_url();
    if error.is_connect() { HttpError::unreachable(error) } else { after_sending(error) }
}

fn after_sending(error: reqwest::Error) -> HttpError {
    let error = error.without_url();
    if error.is_timeout() { HttpError::timed_out(error) } else { HttpError::interrupted(error) }
}

/// Settings of a [`ReqwestClient`].
pub struct ReqwestClientBuilder {
    deadline: Duration,
    connect_timeout: Duration,
    body_limit: usize,
    roots: Vec<CertificateDer<'static>>,
    configure: Vec<Box<dyn FnOnce(ClientBuilder) -> ClientBuilder + Send>>,
}

impl ReqwestClientBuilder {
    /// The time for everything: look-up, connection, TLS, request, answer.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// The time for look-up, connection and TLS. Keep it below the deadline: what fails within it is
    /// provably not sent.
    #[must_use]
    pub fn connect_timeout(mut self, span: Duration) -> Self {
        self.connect_timeout = span;
        self
    }

    /// The longest body that is read, in bytes.
    #[must_use]
    pub fn body_limit(mut self, bytes: usize) -> Self {
        self.body_limit = bytes;
        self
    }

    /// Trusts this certificate authority too: its certificate in DER. For a proxy of the company's
    /// own, and for tests.
    #[must_use]
    pub fn trust_root(mut self, der: impl Into<Vec<u8>>) -> Self {
        self.roots.push(CertificateDer::from(der.into()));
        self
    }

    /// Changes what only reqwest knows: a proxy, the source address, a resolver. Redirects, retries
    /// and HTTP/1.1 are set afterwards and cannot be changed.
    #[must_use]
    pub fn configure(
        mut self,
        change: impl FnOnce(ClientBuilder) -> ClientBuilder + Send + 'static,
    ) -> Self {
        self.configure.push(Box::new(change));
        self
    }

    /// The client.
    ///
    /// # Errors
    ///
    /// [`ReqwestError`] if the system has no trusted certificates, or reqwest does not take the
    /// settings.
    pub fn build(self) -> Result<ReqwestClient, ReqwestError> {
        let preset = Client::builder()
            .connect_timeout(self.connect_timeout)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .tls_backend_preconfigured(tls(self.roots)?);
        let changed = self.configure.into_iter().fold(preset, |builder, change| change(builder));
        let client = changed
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .referer(false)
            .http1_only()
            .build()
            .map_err(|error| ReqwestError(error.to_string()))?;
        Ok(ReqwestClient {
            client,
            deadline: self.deadline,
            body_limit: self.body_limit,
            may_follow: false,
            last: Arc::default(),
        })
    }
}

crate::base::masked::debug_only!(ReqwestClientBuilder: deadline, connect_timeout, body_limit);

/// ring by name: the process-wide default provider may be unset, or be set by somebody else.
fn tls(roots: Vec<CertificateDer<'static>>) -> Result<rustls::ClientConfig, ReqwestError> {
    let refused = |error: rustls::Error| ReqwestError(error.to_string());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = if roots.is_empty() {
        rustls_platform_verifier::Verifier::new(provider.clone())
    } else {
        rustls_platform_verifier::Verifier::new_with_extra_roots(roots, provider.clone())
    };
    Ok(rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(refused)?
        .dangerous() // rustls's word for a verifier that is not its own; this one is the system's
        .with_custom_certificate_verifier(Arc::new(verifier.map_err(refused)?))
        .with_no_client_auth())
}

/// A [`ReqwestClient`] could not be made.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the HTTP client could not be made: {0}; install the system's CA certificates (the package \
     `ca-certificates`) and check the settings"
)]
pub struct ReqwestError(String);

crate::base::sentence::debug_as_sentence!(ReqwestError);
