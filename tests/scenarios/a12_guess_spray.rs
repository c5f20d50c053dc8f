//! A12: one guess each at many numbers.

use otpgate::EventKind;

use crate::support::{House, client, german, off_by};

#[tokio::test]
async fn one_guess_each_raises_the_alarm_at_the_threshold_and_at_each_doubling() {
    let house = House::ruled(|policy| policy.attempts.spray_alarm = 25);
    let mut failures = 0_u64;
    for index in 0..160_u32 {
        let who = client(index);
        let sent = house.insist(&german(u64::from(index)), &otpgate::Purpose::SIGN_UP, &who).await;
        let otpgate::Sent::Issued(issued) = sent else { continue };
        let guess = off_by(&house.last_code(), 1);
        assert!(!house.accepts_from(issued.grant(), &guess, &who).await);
        failures += 1;
    }
    assert!(failures >= 100, "{failures}");
    let alarms: Vec<u64> = house
        .log
        .events()
        .iter()
        .filter_map(|event| match event.kind {
            EventKind::GuessSpraying { failures } => Some(failures),
            _ => None,
        })
        .collect();
    let expected: Vec<u64> =
        [25, 50, 100, 200].into_iter().filter(|alarm| *alarm <= failures).collect();
    assert_eq!(alarms, expected);
}

#[tokio::test]
async fn honest_traffic_raises_none() {
    let house = House::ruled(|policy| policy.attempts.spray_alarm = 25);
    for index in 0..60_u32 {
        let _ = house.prove(&german(u64::from(index)), &client(index)).await;
    }
    assert_eq!(house.log.count(|kind| matches!(kind, EventKind::GuessSpraying { .. })), 0);
}
