//! The phone on the desk: where the texts go in place of a provider.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use otpgate::SmsTransport;
use otpgate::transport::{Handoff, HandoffError, OutboundSms};

/// What is still on the screen.
const KEPT: usize = 30;

#[derive(Clone, Debug, Default)]
pub struct Desk {
    texts: Arc<Mutex<VecDeque<(String, String)>>>,
    sent: Arc<AtomicU32>,
}

#[async_trait::async_trait]
impl SmsTransport for Desk {
    async fn hand_off(&self, sms: &OutboundSms) -> Result<Handoff, HandoffError> {
        self.sent.fetch_add(1, Ordering::Relaxed);
        let mut texts = self.texts();
        texts.push_front((sms.expose_number().to_owned(), sms.expose_text().to_owned()));
        texts.truncate(KEPT);
        Ok(Handoff::default())
    }
}

impl Desk {
    /// Number and text, the newest first.
    pub fn texts(&self) -> MutexGuard<'_, VecDeque<(String, String)>> {
        self.texts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many there were, those that are no longer shown included.
    pub fn sent(&self) -> u32 {
        self.sent.load(Ordering::Relaxed)
    }
}
