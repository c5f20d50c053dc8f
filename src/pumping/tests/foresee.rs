//! A decision that changes nothing is the one that changes what it finds.

use super::*;

/// What happens to one request of a stream in which calm days and attacks take turns.
fn traffic(seed: u64, mut look: impl FnMut(&mut Detector, Timestamp, &Subject, bool, bool)) {
    let mut d = if seed.is_multiple_of(2) { grown() } else { Detector::new(1) };
    let mut coins = Coins(seed);
    let (mut now, mut out) = (0, std::collections::VecDeque::new());
    for k in 0..12_000_u64 {
        let calm = k / 2_000 % 2 == 0;
        now += 1 + coins.next() % if calm { 40_000 } else { 2_000 };
        let bot = coins.unit() < if calm { 0.05 } else { 0.8 };
        let digits = match bot {
            true => 998_941_230_000 + coins.next() % 3_000,
            false => 998_900_000_000 + coins.next() % 40_000,
        };
        let host = if bot { coins.next() as u32 } else { 0x0505_0000 + digits as u32 % 900 };
        let s = subject(digits, host);
        while let Some((due, s)) = out.front().copied().filter(|(due, _)| *due <= now) {
            out.pop_front();
            d.observe(Sighting::of(at(due), SightingKind::Verified, &s));
        }
        let (quiet, passed) = (coins.unit() < 0.2, coins.unit() < 0.2);
        look(&mut d, at(now), &s, quiet, passed);
        let assessment = d.assess(at(now), &s, passed);
        if coins.unit() < 0.9 {
            d.observe(Sighting::after(at(now), &s, &assessment));
        }
        if coins.unit() < if bot { 0.02 } else { 0.8 } {
            out.push_back((now + 9_000, s));
        }
        if k % 3_000 == 2_999 {
            now += 86_400_000;
            d.extend(NodeId::block(BlockLevel::Million, digits), at(now), Duration::from_secs(99));
            d.expect_surge(*b"UZ", 3.0, at(now + 999_000));
        }
    }
}

#[test]
fn what_is_foreseen_is_what_is_judged() {
    let (mut asked, mut refused, mut released) = (0, 0, 0);
    for seed in 0..4 {
        traffic(seed, |d, now, s, quiet, passed| {
            // what is due falls due first, as it does where a decision is alone
            d.advance(now.as_millis());
            let before = d.acting(now).len();
            let foreseen = d.foresee(now, s, quiet, passed);
            let judged = match quiet {
                true => d.assess_as_stranger(now, s, passed),
                false => d.assess(now, s, passed),
            };
            assert_eq!(foreseen, judged);
            released += usize::from(
                d.take_alerts()
                    .iter()
                    .any(|alert| alert.kind == AlertKind::BlockLifted && before > 0),
            );
            match judged.verdict {
                Judgement::Allow => {}
                Judgement::StepUp(_) => asked += 1,
                Judgement::Refuse { .. } => refused += 1,
            }
        });
    }
    assert!(asked > 500 && refused > 500 && released > 5, "{asked} {refused} {released}");
}

#[test]
fn nothing_is_made_by_looking() {
    let d = Detector::new(1);
    let s = subject(998_941_230_000, 7);
    assert_eq!(d.foresee(at(0), &s, false, false).verdict, Judgement::Allow);
    assert_eq!((d.nodes(), d.snapshot()), (0, Detector::new(1).snapshot()));
}

/// Whatever ends a refusal, and although nobody asks there: what is shown is what the next one meets.
#[test]
fn what_is_shown_is_what_the_next_request_meets() {
    let (d, now) = attacked();
    let s = subject(998_941_230_000 + 777, 0x0909_0909);
    let (mut refused, mut asked) = (0, 0);
    for later in (0..3_000).map(|step| now + step * 20_000) {
        let shown = d.acting(at(later));
        let is_shown =
            shown.iter().any(|view| view.action == Action::Refuse && view.node.level().is_block());
        let verdict = d.foresee(at(later), &s, false, false).verdict;
        assert_eq!(matches!(verdict, Judgement::Refuse { .. }), is_shown, "{later}: {shown:?}");
        for view in &shown {
            let is_on = view.action == Action::Refuse;
            assert_eq!(is_on, view.until_ms > T0 + later, "{later}: {view:?}");
            assert_eq!(is_on, view.since_ms > 0, "{later}: {view:?}");
        }
        refused += usize::from(is_shown);
        asked += usize::from(matches!(verdict, Judgement::StepUp(_)));
    }
    assert!(refused > 0 && asked > 0, "{refused} {asked}");
}

/// What has fallen due since the last event is not seen; what was told is.
#[test]
fn what_was_told_is_foreseen_although_time_has_not_passed() {
    let (mut d, now) = attacked();
    let s = subject(998_941_230_000 + 777, 0x0909_0909);
    let refused = |a: Assessment| matches!(a.verdict, Judgement::Refuse { .. });
    assert!(refused(d.foresee(at(now), &s, false, false)));
    let node = d.acting(at(now)).iter().find(|view| view.action == Action::Refuse).unwrap().node;
    d.lift(node);
    let after = d.foresee(at(now), &s, false, false);
    assert_eq!(after, d.assess(at(now), &s, false));
}
