//! Which countries, lines and prices get messages at all.

use std::collections::BTreeSet;

use crate::base::money::Money;
use crate::recipient::{LineType, Recipient, Region};

/// Which countries, lines and prices get messages at all. Every gate needs one. There is no
/// default, because only you know where your customers are, and every other country can only cost
/// you money.
///
/// In every country the policy refuses
/// - numbers that are in no assigned block ([`Recipient::is_valid`]): pumping hides there;
/// - satellite and other international networks (+870, +878, +881, +882, +883): dollars a message;
/// - every line but mobile ones, including those of plans that do not tell mobile from fixed (+1).
///   Voice over IP is off: such numbers cost a bot next to nothing, and they prove possession of no
///   device (NIST SP 800-63B §3.1.3.1).
///
/// ```
/// use otpgate::access::{DestinationPolicy, DestinationRefusal};
/// use otpgate::{Money, Recipient, Region};
///
/// let policy = DestinationPolicy::only([Region::DE, Region::AT]).up_to(Money::cents(12));
/// let price = Some(Money::cents(8));
/// let decide = |number: &str| policy.decide(&Recipient::from_e164(number).unwrap(), price);
///
/// assert_eq!(decide("+4915112345678"), Ok(()));
/// assert_eq!(decide("+447400123456"), Err(DestinationRefusal::Country { region: Region::GB }));
/// assert_eq!(decide("+881612345678"), Err(DestinationRefusal::Satellite));
/// assert!(matches!(decide("+4930123456"), Err(DestinationRefusal::Line { .. })));
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[must_use = "a policy that the gate is not built with refuses nothing"]
pub struct DestinationPolicy {
    regions: Option<BTreeSet<Region>>,
    lines: BTreeSet<LineType>,
    satellite: bool,
    unassigned: bool,
    ceiling: Option<Money>,
}

impl DestinationPolicy {
    /// Messages to these countries and to no other. A gate is not built for an empty list.
    pub fn only(regions: impl IntoIterator<Item = Region>) -> Self {
        Self { regions: Some(regions.into_iter().collect()), ..Self::anywhere() }
    }

    /// **Danger:** messages to every country, up to `ceiling` each.
    ///
    /// SMS pumping lives on hosts that send everywhere, because the expensive destinations pay for
    /// it. The ceiling is not optional, and a message whose price is unknown is refused: see
    /// [`up_to`](Self::up_to).
    ///
    /// ```
    /// use otpgate::access::{DestinationPolicy, DestinationRefusal};
    /// use otpgate::{Money, Recipient};
    ///
    /// let (ceiling, price) = (Money::cents(5), Money::cents(28));
    /// let policy = DestinationPolicy::everywhere_danger(ceiling);
    /// let recipient = Recipient::from_e164("+4915112345678").unwrap();
    /// assert_eq!(policy.decide(&recipient, Some(Money::cents(5))), Ok(()));
    /// let too_dear = DestinationRefusal::Price { price, ceiling };
    /// assert_eq!(policy.decide(&recipient, Some(price)), Err(too_dear));
    /// assert_eq!(policy.decide(&recipient, None), Err(DestinationRefusal::PriceUnknown));
    /// ```
    pub fn everywhere_danger(ceiling: Money) -> Self {
        Self::anywhere().up_to(ceiling)
    }

    /// Whether no number at all passes.
    pub(crate) fn is_nowhere(&self) -> bool {
        self.regions.as_ref().is_some_and(BTreeSet::is_empty)
    }

    /// Refuses messages dearer than `ceiling`, and those whose price is unknown.
    ///
    /// A gate compares the whole message: all segments of a text, and a call or another channel at the
    /// price of its own table. A price is known if the table lists the country, or if you named the price
    /// of all others ([`PriceTable::with_fallback`](crate::pumping::PriceTable::with_fallback)): the
    /// built-in guess for unlisted countries is none.
    pub fn up_to(mut self, ceiling: Money) -> Self {
        self.ceiling = Some(ceiling);
        self
    }

    /// Also sends to lines of these kinds, such as [`LineType::Voip`] or [`LineType::FixedLine`].
    ///
    /// # Errors
    ///
    /// [`DestinationPolicyError`] for premium-rate, shared-cost and unknown lines: the first two need
    /// [`also_premium_danger`](Self::also_premium_danger), the last are never sent to.
    ///
    /// ```
    /// use otpgate::access::DestinationPolicy;
    /// use otpgate::{LineType, Recipient, Region};
    ///
    /// let landline = Recipient::from_e164("+4930123456").unwrap();
    /// let mobiles = DestinationPolicy::only([Region::DE]);
    /// assert!(mobiles.decide(&landline, None).is_err());
    /// assert!(mobiles.also([LineType::FixedLine])?.decide(&landline, None).is_ok());
    /// assert!(DestinationPolicy::only([Region::DE]).also([LineType::PremiumRate]).is_err());
    /// # Ok::<(), otpgate::access::DestinationPolicyError>(())
    /// ```
    pub fn also(
        mut self,
        lines: impl IntoIterator<Item = LineType>,
    ) -> Result<Self, DestinationPolicyError> {
        for line in lines {
            if matches!(line, LineType::PremiumRate | LineType::SharedCost | LineType::Unknown) {
                return Err(DestinationPolicyError { line });
            }
            self.lines.insert(line);
        }
        Ok(self)
    }

    /// **Danger:** also sends to premium-rate and shared-cost lines, whose holders are paid for it.
    pub fn also_premium_danger(mut self) -> Self {
        self.lines.extend([LineType::PremiumRate, LineType::SharedCost]);
        self
    }

    /// **Danger:** also sends to satellite and other international networks, if their region
    /// ([`Region::WORLD`]) is among the countries and their kind of line among the lines.
    pub fn also_satellite_danger(mut self) -> Self {
        self.satellite = true;
        self
    }

    /// **Danger:** also sends to numbers that the numbering table does not know as assigned, such as
    /// those of a range that was opened after the table's date. Pumping hides in such ranges; prefer
    /// newer metadata. Where the policy lists countries, a number that several countries could have
    /// (+1, +7, +44 …) and none has stays refused: it is in no country of the list.
    ///
    /// ```
    /// use otpgate::access::{DestinationPolicy, DestinationRefusal};
    /// use otpgate::{Recipient, Region};
    ///
    /// let too_new = Recipient::from_e164("+4919912345678").unwrap();
    /// let policy = DestinationPolicy::only([Region::DE]);
    /// assert_eq!(policy.decide(&too_new, None), Err(DestinationRefusal::Unassigned));
    /// assert_eq!(policy.also_unassigned_danger().decide(&too_new, None), Ok(()));
    ///
    /// let nowhere = Recipient::from_e164("+12001234567").unwrap();
    /// let policy = DestinationPolicy::only([Region::US, Region::CA]).also_unassigned_danger();
    /// assert_eq!(policy.decide(&nowhere, None), Err(DestinationRefusal::Unassigned));
    /// ```
    pub fn also_unassigned_danger(mut self) -> Self {
        self.unassigned = true;
        self
    }

    /// Whether a message at `price` may go to `recipient`; `None` for a price that is not known. The price is
    /// the whole message's.
    ///
    /// # Errors
    ///
    /// [`DestinationRefusal`]: the first rule that says no.
    pub fn decide(
        &self,
        recipient: &Recipient,
        price: Option<Money>,
    ) -> Result<(), DestinationRefusal> {
        let code = recipient.calling_code().value();
        if !self.satellite && matches!(code, 870 | 878 | 881..=883) {
            return Err(DestinationRefusal::Satellite);
        }
        if let Some(regions) = &self.regions
            && let Some(region) = recipient.countries().find(|region| !regions.contains(region))
        {
            return Err(DestinationRefusal::Country { region });
        }
        match (recipient.region(), &self.regions) {
            (None, Some(_)) => return Err(DestinationRefusal::Unassigned),
            (None, None) if !self.unassigned => return Err(DestinationRefusal::Unassigned),
            _ => {}
        }
        if !recipient.is_valid() && !self.unassigned {
            return Err(DestinationRefusal::Unassigned);
        }
        let line = recipient.line_type();
        if recipient.is_valid() && !self.lines.contains(&line) {
            return Err(DestinationRefusal::Line { line });
        }
        self.within_ceiling(price)
    }

    /// Whether messages go to numbers that the numbering table does not know.
    pub(crate) fn takes_unassigned(&self) -> bool {
        self.unassigned
    }

    /// Whether a message may cost `price`, wherever it goes.
    pub(crate) fn within_ceiling(&self, price: Option<Money>) -> Result<(), DestinationRefusal> {
        match (self.ceiling, price) {
            (Some(ceiling), Some(price)) if price > ceiling => {
                Err(DestinationRefusal::Price { price, ceiling })
            }
            (Some(_), None) => Err(DestinationRefusal::PriceUnknown),
            _ => Ok(()),
        }
    }

    fn anywhere() -> Self {
        Self {
            regions: None,
            lines: [LineType::Mobile, LineType::FixedLineOrMobile].into(),
            satellite: false,
            unassigned: false,
            ceiling: None,
        }
    }
}

/// Why a destination gets no message.
///
/// ```
/// use otpgate::access::DestinationRefusal;
/// use otpgate::{LineType, Region};
///
/// let country = DestinationRefusal::Country { region: Region::GB };
/// assert!(country.to_string().starts_with("GB is not among the policy's countries"));
/// let line = DestinationRefusal::Line { line: LineType::FixedLine };
/// assert_eq!(line.to_string(), "fixed-line numbers get no messages; ask for a mobile number");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DestinationRefusal {
    /// The country is not in the policy.
    #[error(
        "{region} is not among the policy's countries; ask for another number or add the country"
    )]
    Country {
        /// The country.
        region: Region,
    },
    /// The number is in no assigned block.
    #[error("the number is in no assigned block; ask for another number")]
    Unassigned,
    /// The number belongs to a satellite or other international network.
    #[error("satellite and international networks get no messages; ask for another number")]
    Satellite,
    /// Lines of this kind get no messages.
    #[error("{line} numbers get no messages; ask for a mobile number")]
    Line {
        /// The kind.
        line: LineType,
    },
    /// The message would be too dear.
    #[error(
        "a message costs {price}, above the ceiling of {ceiling}; ask for another number or raise it"
    )]
    Price {
        /// What it would cost.
        price: Money,
        /// What it may cost.
        ceiling: Money,
    },
    /// There is a ceiling and no price.
    #[error(
        "the price of the message is unknown and the policy has a ceiling; complete the price table"
    )]
    PriceUnknown,
}

/// A kind of line that the policy does not take so lightly.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "{line} numbers are not added like others; premium and shared-cost ones need `also_premium_danger`, unknown ones are never sent to"
)]
pub struct DestinationPolicyError {
    line: LineType,
}

crate::base::sentence::debug_as_sentence!(DestinationRefusal, DestinationPolicyError);

#[cfg(test)]
mod tests {
    use super::*;

    fn decide(policy: &DestinationPolicy, number: &str) -> Result<(), DestinationRefusal> {
        policy.decide(&Recipient::from_e164(number).unwrap(), Some(Money::cents(5)))
    }

    #[test]
    fn everywhere_is_still_neither_premium_nor_satellite_nor_unassigned() {
        let policy = DestinationPolicy::everywhere_danger(Money::cents(30));
        assert_eq!(decide(&policy, "+12015550123"), Ok(()));
        assert_eq!(decide(&policy, "+2348021234567"), Ok(()));
        assert_eq!(decide(&policy, "+870773111632"), Err(DestinationRefusal::Satellite));
        let premium = Err(DestinationRefusal::Line { line: LineType::PremiumRate });
        assert_eq!(decide(&policy, "+449012345678"), premium);
        assert_eq!(decide(&policy, "+12001234567"), Err(DestinationRefusal::Unassigned));
    }

    #[test]
    fn dangers_are_switched_on_one_by_one() {
        let policy = DestinationPolicy::only([Region::GB, Region::WORLD]);
        assert_eq!(decide(&policy.clone().also_premium_danger(), "+449012345678"), Ok(()));
        assert_eq!(decide(&policy.clone().also_satellite_danger(), "+870773111632"), Ok(()));
        let voip = policy.clone().also([LineType::Voip]).unwrap();
        assert_eq!(decide(&voip, "+445612345678"), Ok(()));
        assert!(decide(&policy, "+445612345678").is_err());
        for never in [LineType::PremiumRate, LineType::SharedCost, LineType::Unknown] {
            assert!(policy.clone().also([never]).is_err());
        }
    }

    #[test]
    fn a_ceiling_needs_a_price() {
        let policy = DestinationPolicy::only([Region::DE]).up_to(Money::cents(10));
        let mobile = Recipient::from_e164("+4915112345678").unwrap();
        let (price, ceiling) = (Money::microdollars(100_001), Money::cents(10));
        assert_eq!(policy.decide(&mobile, Some(ceiling)), Ok(()));
        let dear = Err(DestinationRefusal::Price { price, ceiling });
        assert_eq!(policy.decide(&mobile, Some(price)), dear);
        assert_eq!(policy.decide(&mobile, None), Err(DestinationRefusal::PriceUnknown));
        assert_eq!(DestinationPolicy::only([Region::DE]).decide(&mobile, None), Ok(()));
    }

    #[test]
    fn no_country_is_no_message() {
        assert!(decide(&DestinationPolicy::only([]), "+4915112345678").is_err());
    }
}
