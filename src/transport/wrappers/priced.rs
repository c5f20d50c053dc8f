//! [`Priced`]: what a provider's texts cost, where the provider does not say.

use async_trait::async_trait;

use crate::base::money::Money;
use crate::pumping::PriceTable;
use crate::recipient::Region;
use crate::transport::{Channel, Handoff, HandoffError, OutboundSms, Price, SmsTransport};

/// Names the price of each text that a provider takes, from a table of that provider's prices, where its
/// answer names none.
///
/// A gate has one [`PriceTable`], by which it reserves. Behind a [`FailOver`](super::FailOver), a
/// [`Route`](super::Route) or a [`Weighted`](super::Weighted) the texts cost what the provider takes
/// that got them. Wrap each in a table of its own, and the budgets hold the right price as soon as the
/// text is handed off. Give the gate's table the dearest of the prices, so that no budget is
/// overspent meanwhile.
///
/// The price is that of all segments, as many as the provider counts. A price that a receipt names
/// later counts if it is higher, so leave out providers whose receipts name lower ones.
///
/// Enter each country that the provider serves ([`PriceTable::with`]): what a table has built in is another
/// provider's price, and would stand as this one's. Of a country that it does not list no price is named,
/// unless you gave one for all others ([`PriceTable::with_fallback`]).
///
/// ```
/// # use otpgate::testing::{Reply, ScriptedTransport, block_on};
/// use otpgate::Money;
/// use otpgate::pumping::PriceTable;
/// use otpgate::transport::{FailOver, OutboundSms, Priced, SmsTransport};
///
/// # let ((cheap, first), (dear, _)) = (ScriptedTransport::new(), ScriptedTransport::new());
/// let of = |cents| PriceTable::builtin().with(*b"DE", Money::cents(cents));
/// let transport = FailOver::new(Priced::new(cheap, of(4))).then(Priced::new(dear, of(9)));
/// let sms = OutboundSms::for_test("+4915112345678", "041673 is your code.", [1; 16]);
///
/// let price = |handoff: otpgate::transport::Handoff| handoff.price.and_then(|price| price.as_money());
/// assert_eq!(price(block_on(transport.hand_off(&sms)).unwrap()), Some(Money::cents(4)));
/// first.reply(Reply::NotSent); // the second takes it
/// assert_eq!(price(block_on(transport.hand_off(&sms)).unwrap()), Some(Money::cents(9)));
/// ```
#[derive(Debug)]
pub struct Priced<T> {
    inner: T,
    prices: PriceTable,
}

impl<T: SmsTransport> Priced<T> {
    /// Texts that `inner` takes cost what `prices` says.
    pub fn new(inner: T, prices: PriceTable) -> Self {
        Self { inner, prices }
    }

    /// What `sms` costs, if the provider counts `segments`.
    fn price(&self, sms: &OutboundSms, segments: Option<u32>) -> Option<Price> {
        let region = sms.region().unwrap_or(Region::WORLD);
        let each = Money::microdollars(self.prices.known(region.letters())?.into());
        let price = match sms.channel() {
            // Providers bill texts by the segment, and other messages whole.
            Channel::Sms => each.times(segments.unwrap_or(sms.segments()).into()),
            _ => each,
        };
        Price::from_micros(price.as_microdollars(), "USD")
    }
}

#[async_trait]
impl<T: SmsTransport> SmsTransport for Priced<T> {
    async fn hand_off(&self, sms: &OutboundSms) -> Result<Handoff, HandoffError> {
        let handoff = self.inner.hand_off(sms).await?;
        let stated = handoff.price.filter(|price| price.as_micros() > 0);
        let price = stated.or_else(|| self.price(sms, handoff.segments));
        Ok(handoff.priced(price))
    }

    async fn ready(&self) -> Result<(), HandoffError> {
        self.inner.ready().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::block_on;
    use crate::testing::transport::{ScriptedProvider, conformance};

    #[derive(Debug)]
    struct Answering(Handoff);

    #[async_trait]
    impl SmsTransport for Answering {
        async fn hand_off(&self, _: &OutboundSms) -> Result<Handoff, HandoffError> {
            Ok(self.0.clone())
        }
    }

    #[test]
    fn the_table_says_what_the_provider_does_not() {
        let prices = PriceTable::builtin()
            .with(*b"DE", Money::cents(7))
            .with(*b"00", Money::cents(50))
            .with_fallback(Money::cents(30));
        let sms = |number| OutboundSms::for_test(number, "text", [1; 16]);
        let german = || sms("+4915112345678");
        let named = |handoff: Handoff, sms: &OutboundSms| {
            let priced = Priced::new(Answering(handoff), prices.clone());
            block_on(priced.hand_off(sms)).unwrap().price.unwrap().to_string()
        };
        let accepted = || Handoff::accepted("1");
        assert_eq!(named(accepted(), &german()), "0.07 USD");
        assert_eq!(named(accepted(), &sms("+33612345678")), "0.0778 USD");
        assert_eq!(named(accepted(), &sms("+963944567890")), "0.30 USD");
        assert_eq!(named(accepted(), &sms("+12001234567")), "0.50 USD", "of no country");
        assert_eq!(named(accepted().in_segments(Some(3)), &german()), "0.21 USD");
        let call = german().with_channel(Channel::Voice);
        assert_eq!(named(accepted().in_segments(Some(3)), &call), "0.07 USD");
        let stated = accepted().priced(Price::parse("0.05", "EUR"));
        assert_eq!(named(stated, &german()), "0.05 EUR", "its own word");
        let nothing = accepted().priced(Price::parse("0", "USD"));
        assert_eq!(named(nothing, &german()), "0.07 USD", "nothing is no price");
    }

    #[test]
    fn a_guess_is_not_named() {
        let priced = Priced::new(Answering(Handoff::accepted("1")), PriceTable::builtin());
        let sms = OutboundSms::for_test("+963944567890", "text", [1; 16]);
        assert_eq!(block_on(priced.hand_off(&sms)).unwrap().price, None);
    }

    #[test]
    fn it_is_a_transport_like_any_other() {
        let wrapped = || async {
            ScriptedProvider::wrapped(|inner| Box::new(Priced::new(inner, PriceTable::builtin())))
        };
        block_on(conformance(wrapped)).assert();
    }
}
