//! [`Gate::authorise`]: from a caller's signed request to a clearance.

use super::Gate;
use crate::access::{CallerError, CallerRequest, ClientIp};
use crate::context::{ClientContext, Purpose};
use crate::error::GateError;
use crate::otp::Binding;
use crate::outcome::{Clearance, Cleared, Client, Lane, OwnScope, Proved, RefusalReason};
use crate::recipient::Recipient;
use crate::telemetry::Verb;
use crate::transport::Channel;

impl Gate {
    /// Checks a request of a caller without a page, such as another service: its signature over
    /// number, purpose, time and a nonce, and the network it comes from: where `from` says, which behind a
    /// proxy or a load balancer is not the connection's peer ([`ClientIp::behind`]). With the balancer's
    /// address in its place every network would be the caller's.
    ///
    /// # Errors
    ///
    /// [`GateErrorKind::Entropy`](crate::error::GateErrorKind::Entropy) if the random generator
    /// failed while the gate made a refusal. Nothing was charged.
    ///
    /// ```
    /// # use otpgate::access::{CallerId, CallerKey, CallerRequest, CallerRule, CallerRules};
    /// # use otpgate::{KeyRing, SystemEntropy};
    /// # let keys = KeyRing::generate().unwrap();
    /// # let billing = CallerId::new("billing").unwrap();
    /// # let rule = CallerRule::new(billing.clone(), ["10.1.0.0/16".parse().unwrap()]);
    /// # let (ring, rules) = (keys.clone(), CallerRules::new("sms.example.com").allow(rule));
    /// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
    /// # shop::open_with(|parts| parts.keys(ring).callers(rules), async |shop| {
    /// # let shop::Shop { gate, recipient, clock, .. } = shop;
    /// # let now = otpgate::Clock::now(&clock);
    /// # let end = now + std::time::Duration::from_secs(86_400);
    /// # let key = CallerKey::mint(&billing, "sms.example.com", end, &keys, now)?;
    /// # let request = CallerRequest { realm: "default", purpose: "payment", recipient: &recipient };
    /// # let signed = key.sign(&request, &SystemEntropy, now)?;
    /// use otpgate::access::ClientIp;
    /// use otpgate::{Cleared, Purpose};
    ///
    /// // `signed` is what `CallerKey::sign` made at the caller.
    /// let inside = ClientIp::from_peer("10.1.2.3".parse()?);
    /// let answer = gate.authorise(&signed, &recipient, &Purpose::PAYMENT, &inside)?;
    /// assert!(matches!(answer, Cleared::Passed(_)));
    /// let elsewhere = ClientIp::from_peer("203.0.113.7".parse()?);
    /// let answer = gate.authorise(&signed, &recipient, &Purpose::PAYMENT, &elsewhere)?;
    /// assert!(matches!(answer, Cleared::Refused(_)), "not the caller's network");
    /// # Ok(())
    /// # });
    /// ```
    pub fn authorise(
        &self,
        request: &str,
        recipient: &Recipient,
        purpose: &Purpose,
        from: &ClientIp,
    ) -> Result<Cleared, GateError> {
        self.span_of(Verb::Authorise, purpose, recipient).over_call(|| {
            let now = self.now();
            let asked =
                CallerRequest { realm: self.realm.name(), purpose: purpose.as_str(), recipient };
            let checked = match &self.inner.callers {
                Some(callers) => callers.check(request, &asked, from, &self.inner.keys, now),
                None => Err(CallerError::NotListed),
            };
            let caller = match checked {
                Ok(caller) => caller,
                Err(error) => {
                    let reason = RefusalReason::Caller(error);
                    return self.turned_away(reason, recipient, purpose, now);
                }
            };
            let client = ClientContext::new(ClientIp::unknown(), "");
            let names = self.names();
            let number = names.number(recipient);
            if let Some(reason) = self.inadmissible(recipient, purpose, Channel::Sms) {
                return self.turned_away(reason, recipient, purpose, now);
            }
            let mut subjects =
                self.names().subjects(self.inner.global, recipient, number, purpose, &client);
            subjects.client = Client::Caller;
            subjects.session = None;
            subjects.caller = Some(names.caller(caller.id().as_str()));
            Ok(Cleared::Passed(Clearance {
                recipient: recipient.clone(),
                purpose: purpose.clone(),
                subjects,
                // The lists know networks, and a caller is in one.
                scope: OwnScope { ip: *from, ..OwnScope::of(&client) },
                lane: Lane::Caller,
                proved: Proved::Human,
                caution: None,
                nonce: self.inner.nonce(names.nonce(caller.nonce()), caller.expires()),
                human: None,
                expires: caller.expires(),
                binding: Binding::none(),
                language: None,
                realm: self.realm.shared_name(),
            }))
        })
    }
}
