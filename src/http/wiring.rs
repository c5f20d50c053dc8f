//! [`Wiring`]: what the builders of all adapters over HTTP ask alike.

use std::sync::Arc;

use super::{BaseUrl, HttpClient};
use crate::base::time::{Clock, SystemClock};

/// Through which client an adapter speaks, where its provider's interface stands, and by which clock it
/// signs. A builder has it as its field `wiring`, and the methods by [`wiring!`].
#[derive(Default)]
pub(crate) struct Wiring {
    pub(crate) client: Option<Arc<dyn HttpClient>>,
    pub(crate) base: Option<BaseUrl>,
    pub(crate) clock: Option<Arc<dyn Clock>>,
}

impl Wiring {
    /// The host's clock, or the system's.
    pub(crate) fn clock(&self) -> Arc<dyn Clock> {
        self.clock.clone().unwrap_or_else(|| Arc::new(SystemClock::new()))
    }
}

/// The methods of a builder with a field `wiring`. Where another address means something else than for
/// most, `base_url` is given the words for its page.
macro_rules! wiring {
    (client) => {
        /// Speaks to the provider through this client. Without it, through a
        /// [`ReqwestClient`](crate::http::ReqwestClient) of its own.
        #[must_use]
        pub fn client(mut self, client: impl crate::http::HttpClient) -> Self {
            self.wiring.client = Some(std::sync::Arc::new(client));
            self
        }
    };
    (base_url) => {
        $crate::http::wiring!(
            base_url:
            "Another address of the interface: a proxy of the company's own, or a test server on \
             this machine."
        );
    };
    (base_url: $page:literal) => {
        #[doc = $page]
        #[must_use]
        pub fn base_url(mut self, base: crate::http::BaseUrl) -> Self {
            self.wiring.base = Some(base);
            self
        }
    };
    (clock) => {
        /// Signs with the time of this clock. Without it, with the system's.
        #[must_use]
        pub fn clock(mut self, clock: impl crate::base::time::Clock) -> Self {
            self.wiring.clock = Some(std::sync::Arc::new(clock));
            self
        }
    };
}
pub(crate) use wiring;
