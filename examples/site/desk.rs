//! The phone on the desk: where the texts go in place of a provider.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use otpgate::SmsTransport;
use otpgate::transport::{Handoff, HandoffError, OutboundSms};

/// What is still on the screen.
const KEPT: usize = 30;

#[derive(Clone, Debug, Default)]
pub struct Desk(Arc<Mutex<VecDeque<(String, String)>>>);

#[async_trait::async_trait]
impl SmsTransport for Desk {
    async fn hand_off(&self, sms: &OutboundSms) -> Result<Handoff, HandoffError> {
        let mut texts = self.texts();
        texts.push_front((sms.expose_number().to_owned(), sms.expose_text().to_owned()));
        texts.truncate(KEPT);
        Ok(Handoff::default())
    }
}

impl Desk {
    /// Number and text, the newest first.
    pub fn texts(&self) -> MutexGuard<'_, VecDeque<(String, String)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
