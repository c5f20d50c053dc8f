//! [`ClientFn`]: a host's own HTTP client behind the port.

use std::fmt;
use std::future::Future;

use async_trait::async_trait;

use super::{HttpClient, HttpError, HttpRequest, HttpResponse};

/// Turns a function into an [`HttpClient`]. The function takes over the whole contract of the port.
///
/// ```
/// use otpgate::http::{ClientFn, HttpClient, HttpRequest, HttpResponse};
///
/// let client = ClientFn::new("my client", |request: HttpRequest| async move {
///     // Here the host's client sends `request`, without retry and without redirects.
///     assert_eq!(request.url(), "https://api.example.com/sms");
///     Ok(HttpResponse::new(201).with_body(b"message-1"))
/// });
/// let request = HttpRequest::post("https://api.example.com/sms");
/// let answer = otpgate::testing::block_on(client.send(request)).unwrap();
/// assert_eq!((answer.status(), answer.body()), (201, &b"message-1"[..]));
/// ```
pub struct ClientFn<F> {
    name: &'static str,
    send: F,
}

impl<F> ClientFn<F> {
    /// A client that sends through `send`. `name` is what `Debug` shows.
    pub fn new<Fut>(name: &'static str, send: F) -> Self
    where
        F: Fn(HttpRequest) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<HttpResponse, HttpError>> + Send,
    {
        Self { name, send }
    }
}

impl<F> fmt::Debug for ClientFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ClientFn").field(&self.name).finish()
    }
}

#[async_trait]
impl<F, Fut> HttpClient for ClientFn<F>
where
    F: Fn(HttpRequest) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<HttpResponse, HttpError>> + Send,
{
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        (self.send)(request).await
    }
}
