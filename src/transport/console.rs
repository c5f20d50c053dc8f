//! [`ConsoleTransport`]: prints the text instead of sending it, for a first run.

use std::fmt;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use crate::message::code_in;

use super::{Handoff, HandoffError, OutboundSms, SmsTransport};

/// Writes every text, number and code included, to a stream: the console, as a rule.
///
/// For trying the gate out on one's own machine. It sends nothing, and whoever reads the stream
/// reads the codes, so it has no place where real users are.
///
/// ```
/// use otpgate::transport::ConsoleTransport;
///
/// let transport = ConsoleTransport::to(Vec::new());
/// assert_eq!(format!("{transport:?}"), "ConsoleTransport");
/// let phone = transport.clone(); // give one to the gate and read codes from the other
/// assert_eq!(phone.last_code(), None);
/// ```
pub struct ConsoleTransport<W = std::io::Stdout>(Arc<Mutex<Console<W>>>);

struct Console<W> {
    stream: W,
    last_code: Option<String>,
}

impl ConsoleTransport {
    /// Prints to standard output.
    #[must_use]
    pub fn stdout() -> Self {
        Self::to(std::io::stdout())
    }
}

impl<W: Write + Send + 'static> ConsoleTransport<W> {
    /// Prints to `stream`.
    #[must_use]
    pub fn to(stream: W) -> Self {
        Self(Arc::new(Mutex::new(Console { stream, last_code: None })))
    }
}

impl<W> ConsoleTransport<W> {
    /// The code in the newest text, as a phone would find it; for demonstrations and tests.
    pub fn last_code(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).last_code.clone()
    }
}

/// Clones print to the same stream.
impl<W> Clone for ConsoleTransport<W> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<W> fmt::Debug for ConsoleTransport<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ConsoleTransport")
    }
}

#[async_trait]
impl<W: Write + Send + 'static> SmsTransport for ConsoleTransport<W> {
    async fn hand_off(&self, sms: &OutboundSms) -> Result<Handoff, HandoffError> {
        let mut console = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let framed: String =
            sms.expose_text().lines().map(|line| format!("  | {line}\n")).collect();
        write!(console.stream, "  SMS to {}:\n{framed}", sms.expose_number())
            .and_then(|()| console.stream.flush())
            .map_err(HandoffError::not_sent)?;
        console.last_code = code_in(sms.expose_text()).map(Into::into);
        Ok(Handoff::accepted(sms.idempotency_key().as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn every_line_of_the_text_is_printed_under_its_number() {
        let page = Page::default();
        let sms = OutboundSms::for_test("+15550100", "one\n@two.example #123456", [1; 16]);
        let transport = ConsoleTransport::to(page.clone());
        transport.clone().hand_off(&sms).await.unwrap();
        assert_eq!(transport.last_code().as_deref(), Some("123456"));
        let printed = String::from_utf8(page.0.lock().unwrap().clone()).unwrap();
        assert_eq!(printed, "  SMS to +15550100:\n  | one\n  | @two.example #123456\n");
    }
}
