//! [`ProviderApi`]: what every adapter over HTTP does alike, so that money hangs on one piece of code.

use std::borrow::Cow;
use std::sync::Arc;

use crate::http::{Credentials, HttpClient, HttpErrorKind, HttpRequest, HttpResponse};

#[cfg(feature = "reqwest")]
use super::AdapterError;
use super::{ErrorRow, Handoff, HandoffError, HandoffErrorKind};

/// A provider's HTTP interface: its name, its client and the meaning of its codes. It turns failed
/// requests, redirects, codes and missing identifiers into the right [`HandoffError`].
///
/// A whole adapter:
///
/// ```
/// use async_trait::async_trait;
/// use otpgate::SmsTransport;
/// use otpgate::http::{Credentials, HttpRequest, SecretText};
/// use otpgate::transport::{ErrorRow, Handoff, HandoffError, NumberFault, OutboundSms, ProviderApi};
///
/// const ERRORS: &[ErrorRow] = &[
///     ErrorRow::refused("no-such-number", "the number is not valid", "ask for another number")
///         .about_number(NumberFault::Invalid),
///     ErrorRow::not_sent("HTTP 401", "the key is not accepted", "check the API key").alert_all(),
///     ErrorRow::not_sent("HTTP 429", "too many requests", "wait as long as the answer asks"),
/// ];
///
/// #[derive(Debug)]
/// struct Example {
///     api: ProviderApi,
///     key: Credentials<SecretText>,
/// }
///
/// #[async_trait]
/// impl SmsTransport for Example {
///     async fn hand_off(&self, sms: &OutboundSms) -> Result<Handoff, HandoffError> {
///         let key = self.api.credentials(&self.key)?;
///         let request = HttpRequest::post("https://api.example.com/v1/texts")
///             .with_bearer_auth(&key)
///             .with_header("x-to", sms.expose_number())
///             .with_body("text/plain; charset=utf-8", sms.expose_text());
///         let response = self.api.send(request).await?;
///         let body = std::str::from_utf8(response.body()).ok();
///         match response.status() {
///             202 => self.api.accepted(body),
///             _ => Err(self.api.rejected(&response, body)),
///         }
///     }
/// }
/// # use otpgate::http::{ClientFn, HttpResponse};
/// # use otpgate::transport::HandoffErrorKind;
/// # let answers = |status, body: &'static str| {
/// #     let client = ClientFn::new("test", move |_| async move {
/// #         Ok(HttpResponse::new(status).with_body(body))
/// #     });
/// #     let api = ProviderApi::new("example", std::sync::Arc::new(client), ERRORS);
/// #     let example = Example { api, key: SecretText::new("hush").into() };
/// #     let sms = OutboundSms::for_test("+15550100", "text", [1; 16]);
/// #     otpgate::testing::block_on(example.hand_off(&sms))
/// # };
/// # assert_eq!(answers(202, "id-1").unwrap().message_id.as_deref(), Some("id-1"));
/// # let kind = |status, body| answers(status, body).unwrap_err().kind();
/// # assert_eq!(kind(202, ""), HandoffErrorKind::Indeterminate);
/// # assert_eq!(kind(400, "no-such-number"), HandoffErrorKind::Refused);
/// # assert_eq!(kind(401, ""), HandoffErrorKind::NotSent);
/// # assert_eq!(kind(302, ""), HandoffErrorKind::Indeterminate);
/// ```
#[derive(Clone, Debug)]
pub struct ProviderApi {
    provider: &'static str,
    client: Arc<dyn HttpClient>,
    errors: Cow<'static, [ErrorRow]>,
}

impl ProviderApi {
    /// The interface of `provider`, called through `client`, with the meaning of its codes.
    #[must_use]
    pub fn new(
        provider: &'static str,
        client: Arc<dyn HttpClient>,
        errors: impl Into<Cow<'static, [ErrorRow]>>,
    ) -> Self {
        Self { provider, client, errors: errors.into() }
    }

    /// As [`new`](Self::new), with the shipped client if the host has set none.
    ///
    /// # Errors
    ///
    /// [`AdapterError`] if that client cannot be made.
    #[cfg(feature = "reqwest")]
    pub fn with_default_client(
        provider: &'static str,
        client: Option<Arc<dyn HttpClient>>,
        errors: impl Into<Cow<'static, [ErrorRow]>>,
    ) -> Result<Self, AdapterError> {
        let client = match client {
            Some(client) => client,
            None => Arc::new(
                crate::http::ReqwestClient::new()
                    .map_err(|error| AdapterError::new(provider, error.to_string()))?,
            ),
        };
        Ok(Self::new(provider, client, errors))
    }

    /// The credentials of now.
    ///
    /// # Errors
    ///
    /// [`HandoffError`] of kind *not sent* if the source has no credentials.
    pub fn credentials<C>(&self, source: &Credentials<C>) -> Result<C, HandoffError> {
        source.current().map_err(|error| {
            HandoffError::not_sent(error)
                .by(self.provider)
                .remedy("make the credential source readable; see its own error")
                .alert_all()
        })
    }

    /// Sends `request`, once, and gives the answer, whatever it says.
    ///
    /// # Errors
    ///
    /// [`HandoffError`] if there was no complete answer, or it was a redirect: the interface moved, and
    /// neither the code nor the credentials go along.
    pub async fn send(&self, request: HttpRequest) -> Result<HttpResponse, HandoffError> {
        self.exchange(request, "the text went out").await
    }

    /// As [`send`](Self::send), of a question that sends no text.
    #[cfg(any(feature = "twilio", feature = "vonage"))]
    pub(crate) async fn ask(&self, request: HttpRequest) -> Result<HttpResponse, HandoffError> {
        self.exchange(request, "the look-up was charged").await
    }

    async fn exchange(
        &self,
        request: HttpRequest,
        doubt: &str,
    ) -> Result<HttpResponse, HandoffError> {
        let host = host_of(request.url()).to_owned();
        let response = self.client.send(request).await.map_err(|error| {
            let remedy = match error.kind() {
                HttpErrorKind::Unreachable => format!("check that this host reaches {host}"),
                HttpErrorKind::Invalid => "check credentials and sender for odd characters".into(),
                _ => format!("see at {host} whether {doubt}"),
            };
            let kind = match error.kind().is_unsent() {
                true => HandoffErrorKind::NotSent,
                false => HandoffErrorKind::Indeterminate,
            };
            HandoffError::new(kind, error).by(self.provider).remedy(remedy)
        })?;
        if (300..400).contains(&response.status()) {
            let status = response.status();
            return Err(HandoffError::indeterminate(format!("a redirect (HTTP {status})"))
                .by(self.provider)
                .code(format!("HTTP {status}"))
                .remedy(format!("check the base URL and any proxy before {host}; none is followed"))
                .alert_all());
        }
        Ok(response)
    }

    /// The hand-off under the provider's message identifier. Call it after a status that the provider
    /// documents as success.
    ///
    /// # Errors
    ///
    /// [`HandoffError`] of kind *indeterminate* if the identifier is missing, empty or unprintable: the
    /// text may have been paid for.
    pub fn accepted(&self, id: Option<&str>) -> Result<Handoff, HandoffError> {
        match id {
            // Longer or odder than any identifier that a provider documents.
            Some(id) if id.len() <= 256 && id.bytes().all(|byte| byte.is_ascii_graphic()) => {
                if id.is_empty() {
                    return Err(self.unreadable());
                }
                Ok(Handoff::accepted(id).by(self.provider))
            }
            _ => Err(self.unreadable()),
        }
    }

    /// The error of an answer that claims success without what belongs to it: empty, truncated, HTML.
    pub fn unreadable(&self) -> HandoffError {
        HandoffError::indeterminate("an answer of success without a message identifier")
            .by(self.provider)
            .remedy("see in the provider's log whether the text went out, and check for a proxy")
    }

    /// The error in an answer: by the provider's code if its table knows it, else by the status
    /// (`HTTP 401`). What neither explains may have gone out, and so may anything after a 5xx.
    #[must_use]
    pub fn rejected(&self, response: &HttpResponse, code: Option<&str>) -> HandoffError {
        self.explained(response, code, "the text went out")
    }

    /// As [`rejected`](Self::rejected), of a question that sends no text.
    #[cfg(any(feature = "twilio", feature = "vonage"))]
    pub(crate) fn unanswered(&self, response: &HttpResponse, code: Option<&str>) -> HandoffError {
        self.explained(response, code, "the look-up was charged")
    }

    fn explained(&self, response: &HttpResponse, code: Option<&str>, doubt: &str) -> HandoffError {
        let status = format!("HTTP {}", response.status());
        let row = code
            .and_then(|code| self.row(code))
            .or_else(|| self.row(&status))
            .map(|row| HandoffError::of_row(self.provider, row));
        let error = match row {
            // After a 5xx the provider itself does not know what it did.
            Some(error)
                if response.status() < 500 || error.kind() == HandoffErrorKind::Indeterminate =>
            {
                error
            }
            _ => self.undocumented(status, code, doubt),
        };
        response.retry_after().into_iter().fold(error, HandoffError::retry_after)
    }

    fn row(&self, code: &str) -> Option<&ErrorRow> {
        self.errors.iter().find(|row| row.code == code)
    }

    fn undocumented(&self, status: String, code: Option<&str>, doubt: &str) -> HandoffError {
        let shown = code.and_then(shown).map_or(status.clone(), |code| format!("{code}, {status}"));
        HandoffError::indeterminate(format!("an answer that proves nothing ({shown})"))
            .by(self.provider)
            .code(shown)
            .remedy(format!("see in the provider's log whether {doubt}"))
    }
}

/// A code that may stand in a log. It comes from the wire and could be the number itself.
fn shown(code: &str) -> Option<&str> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    let digits = code.bytes().filter(u8::is_ascii_digit).count();
    let fits = (1..=64).contains(&code.len()) && digits < 7 && code.bytes().all(plain);
    fits.then_some(code)
}

fn host_of(url: &str) -> &str {
    url.split('/').nth(2).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::ClientFn;
    use crate::http::HttpError;
    use crate::testing::block_on;

    const ROWS: &[ErrorRow] = &[
        ErrorRow::refused("100", "no such number", "ask for another"),
        ErrorRow::not_sent("HTTP 401", "wrong key", "check it").alert_all(),
    ];

    fn api(
        answer: impl Fn() -> Result<HttpResponse, HttpError> + Send + Sync + 'static,
    ) -> ProviderApi {
        let client = ClientFn::new("test", move |_| {
            let answer = answer();
            async move { answer }
        });
        ProviderApi::new("test", Arc::new(client), ROWS)
    }

    fn rejected(status: u16, code: Option<&str>) -> HandoffError {
        api(|| Ok(HttpResponse::new(200))).rejected(&HttpResponse::new(status), code)
    }

    #[test]
    fn the_code_decides_before_the_status_and_a_5xx_proves_nothing() {
        use HandoffErrorKind::{Indeterminate, NotSent, Refused};
        assert_eq!(rejected(200, Some("100")).kind(), Refused);
        assert_eq!(rejected(401, Some("100")).kind(), Refused);
        assert_eq!(rejected(401, Some("999")).kind(), NotSent);
        assert!(rejected(401, None).needs_operator() && rejected(401, None).fails_every_text());
        assert_eq!(rejected(500, Some("100")).kind(), Indeterminate);
        assert_eq!(rejected(418, None).kind(), Indeterminate);
    }

    #[test]
    fn an_unknown_code_is_shown_unless_it_could_be_a_number() {
        let error = rejected(400, Some("E.12_a-b"));
        assert_eq!(error.provider_code(), Some("E.12_a-b, HTTP 400"));
        for number in ["4915123456789", "+4915123456789", "to 4915123456789", ""] {
            assert_eq!(rejected(400, Some(number)).provider_code(), Some("HTTP 400"), "{number}");
        }
    }

    #[test]
    fn a_redirect_is_a_fault_of_the_configuration() {
        let api =
            api(|| Ok(HttpResponse::new(307).with_header("location", "https://evil.example")));
        let error = block_on(api.send(HttpRequest::post("https://api.example.com/x"))).unwrap_err();
        assert_eq!(error.kind(), HandoffErrorKind::Indeterminate);
        assert!(error.needs_operator() && error.fails_every_text());
        assert!(error.to_string().contains("api.example.com"), "{error}");
        assert!(!error.to_string().contains("evil"), "{error}");
    }

    #[test]
    fn only_a_plain_identifier_is_an_acceptance() {
        let api = api(|| Ok(HttpResponse::new(200)));
        assert_eq!(api.accepted(Some("id-1")).unwrap().message_id.as_deref(), Some("id-1"));
        for id in [None, Some(""), Some("<html>\n"), Some("ü")] {
            let error = api.accepted(id).unwrap_err();
            assert_eq!(error.kind(), HandoffErrorKind::Indeterminate, "{id:?}");
        }
    }

    #[test]
    fn what_was_not_written_was_not_sent() {
        let kind = |make: fn(&'static str) -> HttpError| {
            let api = api(move || Err(make("cause")));
            block_on(api.send(HttpRequest::post("https://a.example"))).unwrap_err().kind()
        };
        assert_eq!(kind(HttpError::unreachable), HandoffErrorKind::NotSent);
        assert_eq!(kind(HttpError::invalid), HandoffErrorKind::NotSent);
        assert_eq!(kind(HttpError::interrupted), HandoffErrorKind::Indeterminate);
        assert_eq!(kind(HttpError::timed_out), HandoffErrorKind::Indeterminate);
        assert_eq!(kind(HttpError::too_large), HandoffErrorKind::Indeterminate);
    }
}
