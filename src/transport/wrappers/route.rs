//! [`Route`]: which provider takes a text, by country and purpose.

use std::sync::Arc;

use async_trait::async_trait;

use crate::recipient::Region;
use crate::transport::{Handoff, HandoffError, OutboundSms, SmsTransport};

/// Which texts a provider takes. An empty rule takes all; what is set must match.
///
/// ```
/// use otpgate::Region;
/// use otpgate::transport::{OutboundSms, RouteRule};
///
/// let rule = RouteRule::new().regions([Region::IN]).purposes(["payment"]);
/// let sms = |number| OutboundSms::for_test(number, "041673 is your code.", [1; 16]);
/// assert!(rule.takes(&sms("+919876543210").with_purpose("payment")));
/// assert!(!rule.takes(&sms("+919876543210").with_purpose("sign-up")));
/// assert!(!rule.takes(&sms("+4915112345678").with_purpose("payment")));
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RouteRule {
    regions: Option<Vec<Region>>,
    purposes: Option<Vec<String>>,
}

impl RouteRule {
    /// Takes every text.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes only texts to these countries. A number of no known country matches none.
    #[must_use]
    pub fn regions(mut self, regions: impl IntoIterator<Item = Region>) -> Self {
        self.regions = Some(regions.into_iter().collect());
        self
    }

    /// Takes only texts for these purposes, by [their names](crate::Purpose::as_str).
    #[must_use]
    pub fn purposes<P: Into<String>>(mut self, purposes: impl IntoIterator<Item = P>) -> Self {
        self.purposes = Some(purposes.into_iter().map(Into::into).collect());
        self
    }

    /// Whether the rule takes this text.
    #[must_use]
    pub fn takes(&self, sms: &OutboundSms) -> bool {
        let region = self
            .regions
            .as_ref()
            .is_none_or(|list| sms.region().is_some_and(|region| list.contains(&region)));
        let purpose = self
            .purposes
            .as_ref()
            .is_none_or(|list| list.iter().any(|purpose| purpose == sms.purpose()));
        region && purpose
    }
}

/// Providers behind rules. The first rule that takes a text decides; a text that no rule takes is not
/// sent.
///
/// Use it where a country wants a provider of its own (registered senders, local termination) or where
/// payments may cost more than sign-ups. Put a [`FailOver`](super::FailOver) inside or outside as you
/// need.
///
/// ```
/// # use otpgate::testing::{ScriptedTransport, block_on};
/// use otpgate::Region;
/// use otpgate::transport::{HandoffErrorKind, OutboundSms, Route, RouteRule, SmsTransport};
///
/// # let ((local, in_india), (global, elsewhere)) = (ScriptedTransport::new(), ScriptedTransport::new());
/// let transport = Route::new()
///     .when(RouteRule::new().regions([Region::IN]), local)
///     .when(RouteRule::new().regions([Region::DE, Region::FR]), global);
///
/// let sms = |number| OutboundSms::for_test(number, "041673 is your code.", [1; 16]);
/// assert!(block_on(transport.hand_off(&sms("+919876543210"))).is_ok());
/// assert!(block_on(transport.hand_off(&sms("+4915112345678"))).is_ok());
/// assert_eq!((in_india.handed_off(), elsewhere.handed_off()), (1, 1));
///
/// let error = block_on(transport.hand_off(&sms("+14155550100"))).unwrap_err();
/// assert_eq!(error.kind(), HandoffErrorKind::NotSent);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Route {
    rules: Vec<(RouteRule, Arc<dyn SmsTransport>)>,
}

impl Route {
    /// No rule yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a rule behind those that are there. End with an empty rule to send everything else.
    #[must_use]
    pub fn when(mut self, rule: RouteRule, provider: impl SmsTransport) -> Self {
        self.rules.push((rule, Arc::new(provider)));
        self
    }
}

#[async_trait]
impl SmsTransport for Route {
    async fn hand_off(&self, sms: &OutboundSms) -> Result<Handoff, HandoffError> {
        match self.rules.iter().find(|(rule, _)| rule.takes(sms)) {
            Some((_, provider)) => provider.hand_off(sms).await,
            None => {
                let region = sms.region();
                let region = region.as_ref().map_or("no known country", Region::as_str);
                let purpose = sms.purpose();
                let cause = format!("no rule takes a text to {region} for {purpose:?}");
                Err(HandoffError::not_sent(cause)
                    .by("route")
                    .remedy("add a rule, or leave the country out of the destination policy")
                    .alert())
            }
        }
    }

    async fn ready(&self) -> Result<(), HandoffError> {
        for (_, provider) in &self.rules {
            provider.ready().await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::transport::{ScriptedProvider, conformance};
    use crate::testing::{ScriptedTransport, block_on};

    #[test]
    fn the_first_rule_that_takes_a_text_decides() {
        let ((one, first), (two, second)) = (ScriptedTransport::new(), ScriptedTransport::new());
        let route = Route::new()
            .when(RouteRule::new().regions([Region::DE]).purposes(["payment"]), one)
            .when(RouteRule::new(), two);
        let sms = || OutboundSms::for_test("+4915112345678", "text", [1; 16]);
        for (purpose, expected) in [("payment", (1, 0)), ("sign-up", (1, 1)), ("", (1, 2))] {
            assert!(block_on(route.hand_off(&sms().with_purpose(purpose))).is_ok());
            assert_eq!((first.handed_off(), second.handed_off()), expected, "{purpose}");
        }
    }

    #[test]
    fn a_number_of_no_country_matches_no_country() {
        let rule = RouteRule::new().regions(Region::all());
        let nowhere = OutboundSms::for_test("+00", "text", [1; 16]);
        assert!(nowhere.region().is_none() && !rule.takes(&nowhere));
    }

    #[test]
    fn it_is_a_transport_like_any_other() {
        let wrapped = || async {
            ScriptedProvider::wrapped(|inner| Box::new(Route::new().when(RouteRule::new(), inner)))
        };
        block_on(conformance(wrapped)).assert();
    }
}
