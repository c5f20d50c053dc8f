//! A5: an adversary who chooses numbers, countries, networks and sessions freely, and works hard,
//! spends no more than the budget.

use otpgate::{Money, Purpose, Sent};

use crate::support::{ALICE, Dice, House, client, german, minutes};

const BUDGET: Money = Money::dollars(3);

/// Mobile numbers of a few countries, cheap and dear.
fn anywhere(dice: &mut Dice) -> String {
    let tail = dice.below(10_000_000);
    match dice.below(4) {
        0 => german(tail),
        1 => format!("+447400{:06}", tail % 1_000_000),
        2 => format!("+3361{:07}", tail),
        _ => format!("+99893{:07}", tail),
    }
}

#[tokio::test]
async fn a_day_of_anything_stays_within_the_budget() {
    let house = House::lab_with(|builder| builder.daily_budget(BUDGET));
    let mut dice = Dice(11);
    for flow in 0..600_u32 {
        let number = anywhere(&mut dice);
        if otpgate::Recipient::parse(&number, None).is_err() {
            continue;
        }
        let _ = house.insist(&number, &Purpose::SIGN_UP, &client(flow)).await;
        if flow % 3 == 0 {
            house.clock.advance(minutes(2));
        }
    }
    let spent = house.cost();
    assert!(spent <= BUDGET, "{spent}");
    assert!(spent > Money::cents(150), "the attack got nowhere, so it proves nothing: {spent}");
}

/// Who does no work gets four fifths of it; the rest is for those who do.
#[tokio::test]
async fn lazy_bots_leave_a_fifth_to_the_others() {
    let house = House::lab_with(|builder| {
        let mut policy = crate::support::quick(otpgate::Policy::default());
        policy.quotas.block_unverified = None;
        builder.daily_budget(BUDGET).policy(policy)
    });
    for flow in 0..120_u32 {
        let _ = house.try_send(&german(u64::from(flow)), &client(flow)).await;
    }
    let soft = Money::microdollars(BUDGET.as_microdollars() / 10 * 8);
    assert!(house.cost() <= soft, "{}", house.cost());
    let sent = house.insist(ALICE, &Purpose::LOG_IN, &client(5_000)).await;
    assert!(matches!(sent, Sent::Issued(_)), "a user who does the work is served: {sent:?}");
}
