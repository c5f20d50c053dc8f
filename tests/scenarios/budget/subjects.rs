//! Every budget, one at a time: what shares its subject shares five texts a day, whatever else
//! differs, and the next subject has five of its own.

use otpgate::policy::BudgetPolicy;

use super::*;
use crate::street::*;

const MAX: u32 = 5;
const PRICE: Money = Money::cents(10);
const FIVE: Money = PRICE.times(MAX as u64);

/// A budget: how to set it, and the `n`th request of its subject 0 or 1; everything that is not the
/// subject differs from request to request.
struct Row {
    name: LimitName,
    set: fn(&mut BudgetPolicy),
    ask: fn(&Street, u32, u32) -> Ask,
    /// Of the realm.
    daily: Money,
}

const ROWS: [Row; 7] = [
    Row { name: LimitName::Block, set: |b| b.block = Some(FIVE), ask: per_block, daily: MUCH },
    Row {
        name: LimitName::Country,
        set: |b| b.country = Some(FIVE),
        ask: per_country,
        daily: MUCH,
    },
    Row { name: LimitName::Country, set: named_countries, ask: per_country, daily: MUCH },
    Row {
        name: LimitName::Purpose,
        set: |b| b.purpose = Some(FIVE),
        ask: per_purpose,
        daily: MUCH,
    },
    Row {
        name: LimitName::RealmUnverified,
        set: |b| b.unverified = Some(FIVE),
        ask: per_realm,
        daily: MUCH,
    },
    Row { name: LimitName::Realm, set: |_| {}, ask: per_realm, daily: FIVE },
    Row { name: LimitName::Global, set: |b| b.global = Some(FIVE), ask: of_anyone, daily: MUCH },
];

const MUCH: Money = Money::dollars(100);

fn named_countries(budget: &mut BudgetPolicy) {
    for country in ["DE", "GB"] {
        budget.countries.insert(country.parse().unwrap(), FIVE);
    }
}

async fn street(row: &Row) -> Street {
    let rule = |policy: &mut Policy| {
        policy.budget.message = PRICE;
        (row.set)(&mut policy.budget);
    };
    let street = Street::ruled(rule, |builder| {
        let prices = PriceTable::builtin().with(*b"DE", PRICE).with(*b"GB", PRICE);
        builder.prices(prices).daily_budget(row.daily)
    });
    street.await
}

#[tokio::test]
async fn each_budget_counts_its_own_subject_and_nothing_else() {
    for (index, row) in ROWS.iter().enumerate() {
        let what = format!("{} (row {index})", row.name);
        let street = street(row).await;
        for n in 0..MAX {
            let sent = street.insist((row.ask)(&street, 0, n)).await;
            assert!(matches!(sent, Sent::Issued(_)), "{what}, {n}: {sent:?}");
        }
        for n in MAX..MAX + 3 {
            let sent = street.insist((row.ask)(&street, 0, n)).await;
            let Sent::Refused(refusal) = &sent else { panic!("{what}, {n}: {sent:?}") };
            assert_eq!(*refusal.reason(), RefusalReason::Budget(row.name), "{what}, {n}");
        }
        let other = street.insist((row.ask)(&street, 1, 99)).await;
        let shared_by_all = row.name == LimitName::Global;
        assert_eq!(matches!(other, Sent::Issued(_)), !shared_by_all, "{what}, another: {other:?}");
        // A window counts up to a sixtieth too long.
        street.house.clock.advance(days(1) + days(1) / 60);
        let later = street.insist((row.ask)(&street, 0, 100)).await;
        assert!(matches!(later, Sent::Issued(_)), "{what}, a day later: {later:?}");
    }
}
