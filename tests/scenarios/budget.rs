//! Money: the events of the tiers, and the step-up from the soft tier on.

pub(crate) mod segments;
mod subjects;

use otpgate::message::MessageFormat;
use otpgate::otp::Binding;
use otpgate::policy::FallbackStep;
use otpgate::pumping::PriceTable;
use otpgate::testing::{Reply, ScriptedTransport};
use otpgate::{
    Channel, EventKind, FallbackChannel, Issued, LimitName, Money, Policy, Purpose, RefusalReason,
    Sent, StepUpMeans,
};

use crate::support::{House, client, days, german, minutes, quick, seconds};

/// A gate with room for `texts` texts to Germany a day, at ten cents each.
fn purse(texts: u64) -> House {
    House::lab_with(|builder| {
        let mut policy = quick(Policy::default());
        policy.budget.message = Money::cents(10);
        builder
            .policy(policy)
            .prices(PriceTable::builtin().with(*b"DE", otpgate::Money::microdollars(100_000)))
            .daily_budget(Money::cents(10 * texts))
    })
}

fn tiers(house: &House) -> Vec<u8> {
    let tier = |event: otpgate::Event| match event.kind {
        EventKind::BudgetTier { scope: LimitName::Realm, percent, .. } => Some(percent),
        _ => None,
    };
    house.log.events().into_iter().filter_map(tier).collect()
}

#[tokio::test]
async fn half_four_fifths_and_all_are_reported_once_each() {
    // 100 cents in texts of ten; 75 and 105 do not divide evenly.
    for cents in [100, 75, 105] {
        let house = House::lab_with(|builder| {
            let mut policy = quick(Policy::default());
            policy.budget.message = Money::cents(10);
            builder
                .policy(policy)
                .prices(PriceTable::builtin().with(*b"DE", otpgate::Money::microdollars(100_000)))
                .daily_budget(Money::cents(cents))
        });
        for flow in 0..20 {
            let _ = house.insist(&german(flow), &Purpose::SIGN_UP, &client(flow as u32)).await;
        }
        assert_eq!(house.texts() as u64, cents / 10);
        assert_eq!(tiers(&house), [50, 80, 100], "of {cents} cents");
    }
}

/// Also where the tier of the step-up is one of the others.
#[tokio::test]
async fn a_tier_that_is_two_at_once_is_reported_once() {
    for (soft, told) in [(50, vec![50, 100]), (100, vec![50, 100]), (20, vec![20, 50, 100])] {
        let house = House::lab_with(|builder| {
            let mut policy = quick(Policy::default());
            (policy.budget.message, policy.budget.soft_percent) = (Money::cents(10), soft);
            let prices = PriceTable::builtin().with(*b"DE", otpgate::Money::microdollars(100_000));
            builder.policy(policy).prices(prices).daily_budget(Money::cents(100))
        });
        for flow in 0..12 {
            let _ = house.insist(&german(flow), &Purpose::SIGN_UP, &client(flow as u32)).await;
        }
        assert_eq!((house.texts(), tiers(&house)), (10, told), "{soft} %");
        let step_ups = house.log.events().into_iter().filter_map(|event| match event.kind {
            EventKind::BudgetTier { percent, step_up: true, .. } => Some(percent),
            _ => None,
        });
        assert_eq!(step_ups.collect::<Vec<_>>(), [soft]);
    }
}

#[tokio::test]
async fn from_the_soft_tier_on_clients_do_more_and_at_the_end_nobody_is_served() {
    let house = purse(10);
    let mut flow = 0;
    let mut next = || {
        flow += 1;
        (german(flow), client(flow as u32))
    };
    for _ in 0..8 {
        let (number, who) = next();
        assert!(matches!(house.try_send(&number, &who).await, Sent::Issued(_)));
    }
    let (number, who) = next();
    let Sent::StepUp(step_up) = house.try_send(&number, &who).await else { panic!("no step-up") };
    assert_eq!(step_up.means(), StepUpMeans::Work { bits: 4 });
    assert!(matches!(step_up.reason(), RefusalReason::Budget(LimitName::Realm)));
    for _ in 0..2 {
        let (number, who) = next();
        let sent = house.insist(&number, &Purpose::SIGN_UP, &who).await;
        assert!(matches!(sent, Sent::Issued(_)), "harder work passes: {sent:?}");
    }
    let (number, who) = next();
    let sent = house.insist(&number, &Purpose::SIGN_UP, &who).await;
    let Sent::Refused(refusal) = sent else { panic!("{sent:?}") };
    assert!(matches!(refusal.reason(), RefusalReason::Budget(LimitName::Realm)));
    let wait = refusal.retry_after().unwrap();
    // A window counts up to a sixtieth too long, never too short.
    assert!(wait <= days(1) + days(1) / 60 && refusal.public().retry_after().unwrap() >= wait);
    house.clock.advance(wait);
    let (number, who) = next();
    assert!(matches!(house.insist(&number, &Purpose::SIGN_UP, &who).await, Sent::Issued(_)));
}

#[tokio::test]
async fn budgets_of_a_country_a_purpose_a_block_and_of_what_was_not_paid_back() {
    let limited = |change: fn(&mut otpgate::policy::BudgetPolicy)| {
        House::lab_with(|builder| {
            let mut policy = quick(Policy::default());
            policy.budget.message = Money::cents(10);
            change(&mut policy.budget);
            builder
                .policy(policy)
                .prices(PriceTable::builtin().with(*b"DE", otpgate::Money::microdollars(100_000)))
        })
    };
    for (name, change) in [
        (
            LimitName::Country,
            (|budget: &mut otpgate::policy::BudgetPolicy| budget.country = Some(Money::cents(50)))
                as fn(&mut otpgate::policy::BudgetPolicy),
        ),
        (LimitName::Country, |budget| {
            budget.countries.insert("DE".parse().unwrap(), Money::cents(50));
        }),
        (LimitName::Purpose, |budget| budget.purpose = Some(Money::cents(50))),
        (LimitName::Global, |budget| budget.global = Some(Money::cents(50))),
        (LimitName::RealmUnverified, |budget| budget.unverified = Some(Money::cents(50))),
    ] {
        let house = limited(change);
        let mut last = None;
        for flow in 0..12 {
            let sent = house.insist(&german(flow), &Purpose::SIGN_UP, &client(flow as u32)).await;
            if let Sent::Refused(refusal) = sent {
                last = Some(refusal.reason().to_string());
            }
        }
        assert_eq!(house.texts(), 5, "{name}");
        assert_eq!(last, Some(RefusalReason::Budget(name).to_string()));
    }
    // A block of 10 000 numbers.
    let house = limited(|budget| budget.block = Some(Money::cents(30)));
    for flow in 0..8_u32 {
        let number = format!("+4915112340{:03}", flow);
        let _ = house.insist(&number, &Purpose::SIGN_UP, &client(flow)).await;
    }
    assert_eq!(house.texts(), 3);
}

/// Tenants that share a purse: what one spends is not there for the other, not even in shadow mode.
#[tokio::test]
async fn a_budget_over_all_realms_is_one_for_all() {
    let house = House::lab_with(|builder| {
        let mut policy = quick(Policy::default());
        policy.budget.message = Money::cents(10);
        policy.budget.global = Some(Money::cents(50));
        policy.mode.general = otpgate::policy::Mode::Observe;
        builder
            .policy(policy)
            .prices(PriceTable::builtin().with(*b"DE", otpgate::Money::microdollars(100_000)))
    });
    let mut other = house.beside(|builder| builder.store(crate::support::small()));
    other.gate = house.gate.in_realm(&otpgate::Realm::new("other").unwrap());
    for flow in 0..3 {
        assert!(matches!(
            house.try_send(&german(flow), &client(flow as u32)).await,
            Sent::Issued(_)
        ));
    }
    let mut sent = 0;
    for flow in 3..8 {
        match other.try_send(&german(flow), &client(flow as u32)).await {
            Sent::Issued(_) => sent += 1,
            Sent::Refused(refusal) => {
                assert!(matches!(refusal.reason(), RefusalReason::Budget(LimitName::Global)));
            }
            Sent::StepUp(step_up) => panic!("in shadow mode: {step_up:?}"),
        }
    }
    assert_eq!(sent, 2);
}

/// Nobody of the second tenant has spent anything, and no text goes out: its operators have to see why.
#[tokio::test]
async fn a_realm_s_snapshot_shows_what_the_others_spent_of_the_common_budget() {
    let house = House::lab_with(|builder| {
        let mut policy = quick(Policy::default());
        policy.budget.message = Money::cents(10);
        policy.budget.global = Some(Money::cents(50));
        builder
            .policy(policy)
            .prices(PriceTable::builtin().with(*b"DE", otpgate::Money::microdollars(100_000)))
    });
    for flow in 0..8 {
        let _ = house.insist(&german(flow), &Purpose::SIGN_UP, &client(flow as u32)).await;
    }
    assert_eq!(house.texts(), 5);
    let other = house.gate.in_realm(&otpgate::Realm::new("other").unwrap());
    let seen = other.snapshot().await.unwrap();
    assert_eq!((seen.realm.as_str(), seen.spent, seen.sent), ("other", Money::ZERO, 0));
    let all = seen.global.unwrap();
    assert_eq!((all.spent, all.limit), (Money::cents(50), Money::cents(50)));
    let own = house.gate.snapshot().await.unwrap();
    assert_eq!((own.realm.as_str(), own.spent, own.global), ("default", all.spent, Some(all)));
    assert_eq!(own.countries[0].sent, 5, "the readings are taken apart in their order");

    let without = House::lab_with(|builder| builder.policy(quick(Policy::default())));
    assert_eq!(without.gate.snapshot().await.unwrap().global, None);
}

/// Users return what bots spend: an accepted code pays the unverified budget back.
#[tokio::test]
async fn accepted_codes_pay_the_unverified_budget_back() {
    let house = House::lab_with(|builder| {
        let mut policy = quick(Policy::default());
        policy.budget.message = Money::cents(10);
        policy.budget.unverified = Some(Money::cents(50));
        builder
            .policy(policy)
            .prices(PriceTable::builtin().with(*b"DE", otpgate::Money::microdollars(100_000)))
    });
    for flow in 0..20 {
        let _ = house.prove(&german(flow), &client(flow as u32)).await;
    }
    assert_eq!(house.texts(), 20);
}

/// A gate with texts to Germany at ten cents and `unverified` of them unanswered.
fn unanswered(unverified: u64) -> House {
    House::lab_with(|builder| {
        let mut policy = quick(Policy::default());
        policy.budget.message = Money::cents(10);
        policy.budget.unverified = Some(Money::cents(10 * unverified));
        builder
            .policy(policy)
            .prices(PriceTable::builtin().with(*b"DE", otpgate::Money::microdollars(100_000)))
    })
}

async fn first(house: &House, flow: u32) -> Result<Issued, RefusalReason> {
    match house.insist(&german(flow.into()), &Purpose::SIGN_UP, &client(flow)).await {
        Sent::Issued(issued) => Ok(issued),
        Sent::Refused(refusal) => Err(refusal.reason().clone()),
        other => panic!("{other:?}"),
    }
}

/// Impatient people cost two texts, and their code pays back what was counted of them.
#[tokio::test]
async fn who_asks_once_more_and_enters_the_code_leaves_the_unverified_budget_as_it_was() {
    let house = unanswered(3);
    for flow in 0..20 {
        let issued = first(&house, flow).await.unwrap();
        house.clock.advance(issued.resend_after());
        let sent = house.gate.resend(issued.grant(), &client(flow)).await.unwrap();
        assert!(matches!(sent, Sent::Issued(_)), "{flow}: {sent:?}");
        assert!(house.accepts_from(issued.grant(), &house.last_code(), &client(flow)).await);
    }
    assert_eq!(house.texts(), 40);
}

/// Bots have no codes: with all renewals they spend at most twice the budget.
#[tokio::test]
async fn who_enters_no_code_spends_at_most_twice_the_unverified_budget() {
    let house = unanswered(3);
    let refused = RefusalReason::Budget(LimitName::RealmUnverified);
    let mut texts = Vec::new();
    for flow in 0..8 {
        let before = house.texts();
        match first(&house, flow).await {
            Ok(issued) => {
                let mut wait = issued.resend_after();
                for _ in 0..3 {
                    house.clock.advance(wait);
                    match house.gate.resend(issued.grant(), &client(flow)).await.unwrap() {
                        Sent::Issued(again) => wait = again.resend_after(),
                        Sent::Refused(refusal) => assert_eq!(*refusal.reason(), refused),
                        other => panic!("{other:?}"),
                    }
                }
            }
            Err(reason) => assert_eq!(reason, refused),
        }
        texts.push(house.texts() - before);
    }
    // The first has a free renewal and two that count.
    assert_eq!(texts, [4, 0, 0, 0, 0, 0, 0, 0]);

    let house = unanswered(3);
    for flow in 0..8 {
        let Ok(issued) = first(&house, flow).await else { continue };
        house.clock.advance(issued.resend_after());
        let sent = house.gate.resend(issued.grant(), &client(flow)).await.unwrap();
        assert!(matches!(sent, Sent::Issued(_)), "{flow}: {sent:?}");
    }
    assert_eq!(house.texts(), 6, "three, each with its free renewal");
}

/// Nor do they spend more by asking during an outage, where a reset is answered as if its text had gone
/// out: the first text stays charged, since the free renewal rides on it.
#[tokio::test]
async fn an_outage_frees_nothing_of_the_unverified_budget() {
    let house = unanswered(3);
    house.outbox.always(Reply::NotSent);
    let mut grants = Vec::new();
    for flow in 0..8 {
        let who = client(flow);
        let number = german(u64::from(flow) * 100_003);
        if let Sent::Issued(issued) = house.insist(&number, &Purpose::RESET, &who).await {
            grants.push((issued.into_grant(), who));
        }
        house.clock.advance(seconds(1));
    }
    assert_eq!(grants.len(), 3, "three texts fit");
    house.outbox.always(Reply::Accept);
    house.clock.advance(minutes(2));
    let before = house.texts();
    for (grant, who) in &grants {
        let sent = house.gate.resend(grant, who).await.unwrap();
        assert!(matches!(sent, Sent::Issued(_)), "{sent:?}");
    }
    assert_eq!(house.texts() - before, 3);
    // A code pays back what was charged, and no more.
    assert!(house.accepts_from(&grants[2].0, &house.last_code(), &grants[2].1).await);
    let again = house.insist(&german(9_000_001), &Purpose::RESET, &client(50)).await;
    assert!(matches!(again, Sent::Issued(_)), "the place of the one that was entered: {again:?}");
    let more = house.insist(&german(9_200_003), &Purpose::RESET, &client(51)).await;
    assert!(matches!(more, Sent::Refused(_)), "and of no other: {more:?}");
}

/// Otherwise a text of a cent would buy calls of thirty that nothing counts.
#[tokio::test]
async fn a_dearer_renewal_counts_with_what_it_costs_more() {
    let (calls, heard) = ScriptedTransport::new();
    let house = House::lab_with(|builder| {
        let mut policy = quick(Policy::default());
        policy.budget.message = Money::cents(30);
        policy.budget.unverified = Some(Money::cents(60));
        policy.fallback.steps = vec![FallbackStep::new(Channel::Sms, Channel::Voice)];
        let words = MessageFormat::builder("Example").build().unwrap();
        let price = |micro| PriceTable::builtin().with(*b"DE", otpgate::Money::microdollars(micro));
        let voice = FallbackChannel::new(Channel::Voice, calls, words, price(300_000));
        builder.policy(policy).prices(price(100_000)).fallback(voice)
    });
    for flow in 0..4 {
        let Ok(issued) = first(&house, flow).await else { continue };
        house.clock.advance(minutes(1));
        let none = Binding::none();
        let (grant, who) = (issued.grant(), client(flow));
        let sent = house.gate.resend_over(grant, Channel::Voice, &none, &who).await.unwrap();
        assert!(matches!(sent, Sent::Issued(_)), "{flow}: {sent:?}");
    }
    // Two texts and two calls for 80 cents, of which 60 count.
    assert_eq!((house.texts(), heard.arrivals()), (2, 2));
}

#[tokio::test]
async fn a_message_dearer_than_the_dearest_allowed_is_refused_before_anything_is_charged() {
    let house = House::lab_with(|builder| {
        let mut policy = quick(Policy::default());
        policy.budget.message = Money::cents(9);
        builder
            .policy(policy)
            .prices(PriceTable::builtin().with(*b"DE", otpgate::Money::microdollars(100_000)))
    });
    let refusal = house.refused(&german(1), &house.client).await;
    assert!(matches!(refusal.reason(), RefusalReason::Budget(LimitName::Message)));
    assert_eq!(house.texts(), 0);
}
