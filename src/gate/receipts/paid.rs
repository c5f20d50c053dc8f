//! [`Cost`]: what a provider says that a text cost, and what the send's own meter remembers of it.

use crate::base::money::Money;

/// The dearest text: 70 million dollars.
const MOST: u64 = 1 << 46;
/// From here on the meter says what a count of segments made of the estimate.
const COUNTED: u64 = 1 << 47;
/// From here on it says a price again, that was named after such a count: a meter only grows.
const NAMED_AFTER: u64 = 1 << 48;

/// What a text cost, by what its provider says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::gate) enum Cost {
    /// The estimate for as many segments as the provider counts. It is an estimate still.
    Counted(Money),
    /// A price.
    Named(Money),
    /// The price of one of several messages that carry the text: it cost that at least.
    NamedOfPart(Money),
}

/// What the budgets hold for a send once its meter has gone on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Step {
    /// What they held before, in millionths of a dollar.
    pub(super) held: u64,
    /// What they hold then.
    pub(super) price: u64,
    /// What the meter says then.
    pub(super) meter: u64,
}

impl Cost {
    /// What follows from it where the meter says `meter` and `reserved` was charged; `None` if the
    /// budgets hold enough.
    ///
    /// The first price replaces whatever was estimated, in both directions, and a later one counts if
    /// it is higher. A part's price and a count of segments only ever raise, and a count says nothing
    /// beside a price.
    pub(super) fn step(self, meter: u64, reserved: Money) -> Option<Step> {
        let held = held(meter, reserved);
        let (Self::Counted(price) | Self::Named(price) | Self::NamedOfPart(price)) = self;
        let price = price.as_microdollars().min(MOST);
        let from = match self {
            // Nothing known, or all given back.
            Self::Counted(_) if meter <= 1 || (COUNTED..NAMED_AFTER).contains(&meter) => COUNTED,
            Self::Counted(_) => return None,
            Self::Named(_) | Self::NamedOfPart(_) if meter >= COUNTED => NAMED_AFTER,
            Self::Named(_) | Self::NamedOfPart(_) => 0,
        };
        if price < held && !matches!(self, Self::Named(_)) {
            return None;
        }
        let next = from.saturating_add(price).saturating_add(1);
        (next > meter).then_some(Step { held, price, meter: next })
    }
}

/// What the budgets hold. A meter says it in millionths and one more, so that 0 is nothing known.
fn held(meter: u64, reserved: Money) -> u64 {
    let from = [NAMED_AFTER, COUNTED, 0].into_iter().find(|from| meter > *from);
    match from {
        Some(from) => meter.saturating_sub(from).saturating_sub(1),
        None => reserved.as_microdollars(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RESERVED: Money = Money::microdollars(100);

    /// What the budgets hold after each of `costs`.
    fn after(costs: &[Cost]) -> Vec<u64> {
        let mut meter = 0;
        let each = costs.iter().map(|cost| {
            if let Some(step) = cost.step(meter, RESERVED) {
                assert!(step.meter > meter, "a meter only grows");
                assert_eq!(step.held, held(meter, RESERVED));
                meter = step.meter;
                assert_eq!(held(meter, RESERVED), step.price);
            }
            held(meter, RESERVED)
        });
        each.collect()
    }

    #[test]
    fn the_first_price_replaces_every_estimate_and_then_the_highest_stands() {
        let named = |micro| Cost::Named(Money::microdollars(micro));
        let counted = |micro| Cost::Counted(Money::microdollars(micro));
        let part = |micro| Cost::NamedOfPart(Money::microdollars(micro));
        assert_eq!(after(&[named(40), named(30), named(60)]), [40, 40, 60]);
        assert_eq!(after(&[named(100), named(40)]), [100, 100]);
        assert_eq!(after(&[counted(300), named(60), named(20), named(70)]), [300, 60, 60, 70]);
        assert_eq!(after(&[counted(200), counted(300), counted(200)]), [200, 300, 300]);
        assert_eq!(after(&[named(60), counted(300)]), [60, 60]);
        assert_eq!(after(&[counted(300), named(60), counted(500)]), [300, 60, 60]);
        assert_eq!(after(&[part(40), named(60)]), [100, 60]);
        assert_eq!(after(&[counted(300), part(200), part(400), named(9)]), [300, 300, 400, 400]);
        // Given back, and then it seems to have gone out.
        assert_eq!(after(&[named(0), counted(200)]), [0, 200]);
        assert_eq!(after(&[named(0), counted(200), named(150)]), [0, 200, 150]);
        assert_eq!(after(&[counted(200), named(0), counted(300), named(5)]), [200, 0, 0, 5]);
    }

    /// Whatever is said: it never panics, nothing sinks below the highest price, and nothing that is repeated
    /// changes anything.
    #[test]
    fn what_is_named_is_held_in_any_order() {
        let said = [0, 1, 50, 100, MOST - 1, MOST, MOST + 1, u64::MAX].map(Money::microdollars);
        let costs: Vec<Cost> = said
            .into_iter()
            .flat_map(|money| [Cost::Counted(money), Cost::Named(money), Cost::NamedOfPart(money)])
            .collect();
        for one in &costs {
            for two in &costs {
                for three in &costs {
                    let all = [*one, *two, *two, *three, *one];
                    let highest = |named: &[Cost]| {
                        let price = named.iter().map(|cost| match cost {
                            Cost::Named(price) => price.as_microdollars().min(MOST),
                            _ => 0,
                        });
                        price.max().unwrap_or(0)
                    };
                    let held = after(&all);
                    for (place, held) in held.iter().enumerate() {
                        assert!(*held >= highest(&all[..=place]), "{all:?}: {held}");
                    }
                    assert_eq!(held[1], held[2], "{all:?}");
                }
            }
        }
        let largest = Cost::Named(Money::microdollars(u64::MAX)).step(COUNTED + 1, RESERVED);
        assert!(largest.is_some_and(|step| step.meter < 1 << 50), "exact in every store");
    }
}
