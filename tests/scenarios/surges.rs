//! An expected surge: it holds for a country, whatever is asked for in it.

use otpgate::access::{Actor, Draft, Effect, Reason, SurgeFactor, Target};
use otpgate::{Policy, Purpose};

use crate::support::{
    House, client, german, grown, hours, quick, seconds, small, without_group_limits,
};

const FLOWS: u32 = 60;

fn surge(target: Target) -> Draft {
    let (reason, actor) = (Reason::new("a campaign").unwrap(), Actor::new("ada").unwrap());
    let effect = Effect::ExpectSurge(SurgeFactor::new(100).unwrap());
    Draft::new(target, effect, reason, actor).unwrap()
}

/// How many texts did not go out at once of sixty sign-ups, each followed by a log-in of another
/// number two minutes later. Nobody enters a code.
async fn stopped(draft: Option<Draft>) -> usize {
    // A share of the country is judged by the country's other shares, whatever the volume.
    let mut tuning = grown();
    tuning.share_at = 1e30;
    let house = House::lab_with(|builder| {
        let policy = without_group_limits(quick(Policy::default()));
        builder.store(small()).policy(policy).tuning(tuning)
    });
    if let Some(draft) = draft {
        let controls = house.gate.controls();
        controls.enter_draft(draft.until(controls.now() + hours(24))).await.unwrap();
    }
    for flow in 0..FLOWS {
        let (one, other) = (2 * flow, 2 * flow + 1);
        let _ = house.try_send_for(&german(one.into()), &Purpose::SIGN_UP, &client(one)).await;
        house.clock.advance(seconds(120));
        let _ = house.try_send_for(&german(other.into()), &Purpose::LOG_IN, &client(other)).await;
        house.clock.advance(seconds(1));
    }
    2 * FLOWS as usize - house.texts()
}

/// A request that ended what the one before it had announced left as many unsent as no surge at
/// all.
#[tokio::test]
async fn a_surge_holds_whatever_is_asked_for_in_between() {
    let none = stopped(None).await;
    assert!(none > FLOWS as usize, "{none} without a surge");
    for target in [Target::Everything, Target::Country("DE".parse().unwrap())] {
        assert_eq!(stopped(Some(surge(target))).await, 0, "{target:?}");
    }
}
