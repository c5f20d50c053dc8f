//! More sessions than the table holds: of those that find no place nothing is held against anybody.

use super::*;

const HOUR: u64 = 3_600_000;
const CAP: usize = 64;

/// A detector whose table is full of sessions of another country, all answered, from `ms` on for half an
/// hour.
fn fill(d: &mut Detector, ms: u64) {
    for k in 0..CAP as u64 {
        let s = Subject { region: *b"GB", ..subject(447_400_000_000 + k * 1_000_003, k as u32) };
        for kind in [SightingKind::Sent, SightingKind::Verified] {
            d.observe(Sighting::of(at(ms), kind, &s));
        }
    }
}

/// What is said to somebody who asks for six codes in six hours and enters each of them; and how many of
/// these sessions found a place.
fn six_codes(full: bool) -> (Vec<Judgement>, usize) {
    let tuning = Tuning { young_numbers: 0, max_sessions: CAP, ..Tuning::default() };
    let mut d = Detector::with(1, tuning, Costs::default());
    let person = subject(998_941_230_000, 0x0a00_0001);
    let mut sampled = 0;
    let said = (1..=6).map(|hour| {
        let now = hour * HOUR;
        if full {
            fill(&mut d, now - 60_000);
        }
        let assessment = d.assess(at(now), &person, false);
        d.observe(Sighting::after(at(now), &person, &assessment));
        let all = d.sessions.all().iter();
        sampled += all.filter(|s| s.live && s.subject.digits == person.digits).count();
        d.observe(Sighting::of(at(now + 20_000), SightingKind::Verified, &person));
        assert_eq!(d.sessions.numbers.sends(person.digits, T0 + now + 20_000), (0.0, 0));
        assessment.verdict
    });
    (said.collect(), sampled)
}

#[test]
fn who_enters_his_codes_is_asked_nothing_whether_his_session_found_a_place_or_not() {
    let (with_room, sampled) = six_codes(false);
    assert_eq!((&with_room[..], sampled), (&[Judgement::Allow; 6][..], 6));
    let (without, sampled) = six_codes(true);
    assert_eq!(sampled, 0, "the table was full");
    assert_eq!(without, with_room);
}
