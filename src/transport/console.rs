//! [`ConsoleTransport`]: prints the text instead of sending it, for a first run.

use std::fmt;
use std::io::Write;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;

use super::{Handoff, HandoffError, OutboundSms, SmsTransport};

/// Writes every text, number and code included, to a stream: the console, as a rule.
///
/// For trying the gate out on one's own machine. It sends nothing, and whoever reads the stream
/// reads the codes, so it has no place where real users are.
///
/// ```
/// use otpgate::transport::{ConsoleTransport, OutboundSms, SmsTransport};
///
/// let transport = ConsoleTransport::to(Vec::new());
/// assert_eq!(format!("{transport:?}"), "ConsoleTransport");
/// ```
pub struct ConsoleTransport<W = std::io::Stdout>(Mutex<W>);

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
        Self(Mutex::new(stream))
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
        let mut stream = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let framed: String =
            sms.expose_text().lines().map(|line| format!("  | {line}\n")).collect();
        write!(stream, "  SMS to {}:\n{framed}", sms.expose_number())
            .and_then(|()| stream.flush())
            .map_err(HandoffError::not_sent)?;
        Ok(Handoff::accepted(sms.idempotency_key().as_str()))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

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
        ConsoleTransport::to(page.clone()).hand_off(&sms).await.unwrap();
        let printed = String::from_utf8(page.0.lock().unwrap().clone()).unwrap();
        assert_eq!(printed, "  SMS to +15550100:\n  | one\n  | @two.example #123456\n");
    }
}
