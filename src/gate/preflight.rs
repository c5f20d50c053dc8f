//! [`Gate::preflight`]: a ticket for the page that asks for the number.

use super::Gate;
use crate::context::{ClientContext, Purpose};
use crate::error::GateError;
use crate::event::{Event, EventKind};
use crate::outcome::OwnScope;
use crate::telemetry::Verb;
use crate::token::SendTicket;

impl Gate {
    /// A ticket for the page that asks for the number: signed, short-lived, bound to the client's
    /// session and network. It goes into the form; the page's script answers it.
    ///
    /// # Errors
    ///
    /// [`GateErrorKind::Entropy`](crate::error::GateErrorKind::Entropy) if the random generator
    /// failed. Show an outage instead of the form.
    ///
    /// ```
    /// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
    /// # shop::open(async |shop::Shop { gate, client, .. }| {
    /// let ticket = gate.preflight(&otpgate::Purpose::SIGN_UP, &client)?;
    /// let form = format!(r#"<form data-ticket="{}">"#, ticket.as_str()); // `Cache-Control: no-store`
    /// assert_eq!(ticket.as_str().len(), 132);
    /// # Ok(())
    /// # });
    /// ```
    pub fn preflight(
        &self,
        purpose: &Purpose,
        client: &ClientContext,
    ) -> Result<SendTicket, GateError> {
        self.span(Verb::Preflight).over_call(|| {
            let now = self.now();
            let scope = OwnScope::of(client);
            let terms = self.inner.policy(purpose).token.ordinary();
            let ticket = self.sign(purpose, &scope, terms, now)?;
            self.tell(&Event {
                purpose: Some(purpose.clone()),
                ..self.event(now, EventKind::TicketIssued)
            });
            Ok(ticket)
        })
    }
}
