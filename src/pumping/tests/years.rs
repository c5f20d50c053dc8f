//! Stamps of what was seen come round after 1 024 days.

use super::*;

const DAY: u64 = 86_400_000;

#[test]
fn customers_and_their_networks_stay_known_for_years_and_who_left_does_not_come_back() {
    let mut d = grown();
    let comes = |d: &mut Detector, day: u64, s: &Subject| {
        d.observe(Sighting::of(at(day * DAY), SightingKind::Sent, s));
        d.observe(Sighting::of(at(day * DAY + 20_000), SightingKind::Verified, s));
    };
    let (stays, left) =
        (subject(998_941_230_000, 0x0a01_0203), subject(998_935_550_001, 0x4a01_0203));
    comes(&mut d, 0, &left);
    for day in 0..1_200 {
        comes(&mut d, day, &stays);
        let noon = T0 + day * DAY + DAY / 2;
        let said = |s: &Subject| (d.memory.is_known(s, noon), !d.memory.is_away(s, noon));
        if day > 3 {
            assert_eq!(said(&stays), (true, true), "day {day}");
        }
        if day > 90 {
            assert_eq!(said(&left), (false, false), "day {day}");
        }
    }
}
