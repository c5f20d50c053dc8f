//! [`ScriptedProvider`]: the shortest provider, on a [`ScriptedTransport`].

use async_trait::async_trait;

use super::{Behaviour, Provider, Received};
use crate::testing::scripted::{Reply, ScriptedTransport, TransportHandle};
use crate::transport::SmsTransport;

type Wrap = Box<dyn Fn(ScriptedTransport) -> Box<dyn SmsTransport> + Send + Sync>;

/// A provider without a network: what to copy when you write your own, and what wrappers of
/// transports are tested on.
///
/// ```
/// use otpgate::testing::block_on;
/// use otpgate::testing::transport::{ScriptedProvider, conformance};
///
/// // A wrapper is a transport itself: put it in front.
/// let wrapped = || async { ScriptedProvider::wrapped(|inner| Box::new(inner)) };
/// block_on(conformance(wrapped)).assert();
/// ```
pub struct ScriptedProvider {
    wrap: Wrap,
    transport: ScriptedTransport,
    handle: TransportHandle,
}

impl ScriptedProvider {
    /// A provider with the [`ScriptedTransport`] itself in front.
    #[must_use]
    pub fn new() -> Self {
        Self::wrapped(|transport| Box::new(transport))
    }

    /// A provider with a wrapper in front: fail-over, routing, a deadline.
    #[must_use]
    pub fn wrapped(
        wrap: impl Fn(ScriptedTransport) -> Box<dyn SmsTransport> + Send + Sync + 'static,
    ) -> Self {
        let (transport, handle) = ScriptedTransport::new();
        Self { wrap: Box::new(wrap), transport, handle }
    }
}

impl Default for ScriptedProvider {
    fn default() -> Self {
        Self::new()
    }
}

crate::base::masked::debug_only!(ScriptedProvider: handle);

#[async_trait]
impl Provider for ScriptedProvider {
    fn transport(&self) -> Box<dyn SmsTransport> {
        (self.wrap)(self.transport.clone())
    }

    async fn behave(&self, behaviour: Behaviour) -> bool {
        let reply = match behaviour {
            Behaviour::Accept => Reply::Accept,
            Behaviour::RefuseNumber => Reply::Refused,
            Behaviour::RefuseAccount | Behaviour::Throttle | Behaviour::Unreachable => {
                Reply::NotSent
            }
            Behaviour::Fail => Reply::LostText,
            Behaviour::Cut | Behaviour::Garble => Reply::LostAnswer,
            // Only a deadline ends it, and that needs a runtime's timer.
            Behaviour::Silent => return false,
        };
        self.handle.always(reply);
        true
    }

    async fn received(&self) -> Vec<Received> {
        let read = |sent: crate::testing::SentText| {
            let key = Some(sent.idempotency_key().to_owned());
            Received::new(sent.expose_number(), sent.expose_text(), key)
        };
        self.handle.sent().into_iter().map(read).collect()
    }
}
