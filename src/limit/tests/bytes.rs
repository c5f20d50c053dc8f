//! What meters are in a store's bytes, now and in the forms before.

use super::*;

/// Ends within six bytes, just beyond and at the end of time; times near, far and wide.
#[test]
fn times_of_every_width_read_back() {
    let wide = (1_u64 << 47) - 2;
    let end_of_six = (1_u64 << 48) - 1;
    for end in [0, 1, wide - 1, wide, wide + 1, wide + 2, end_of_six, end_of_six + 1, u64::MAX] {
        for from in [0, end / 2, end.saturating_sub(1 << 32), end.saturating_sub(7), end] {
            let mut ledger = Ledger::default();
            ledger.set_mark(Slot(3), at(0), Timestamp::MAX, at(from), at(end));
            assert_eq!(Ledger::from_bytes(&ledger.to_bytes()), Some(ledger), "{from} {end}");
        }
    }
    for start in [0, 1, 1 << 40, u64::MAX - 1, u64::MAX] {
        let mut ledger = Ledger::default();
        for (slot, limit) in (0..).zip(of_each_kind()) {
            ledger.add(Slot(slot), &limit, at(start), 3);
            ledger.add(Slot(slot << 24), &limit, at(start / 2), u64::MAX);
            ledger.add(Slot(slot << 24 | 0x1234), &limit, at(start), 1);
            ledger.add(Slot(slot << 24 | 0x1234), &limit, at(start.saturating_add(1 << 33)), 1);
        }
        assert_eq!(Ledger::from_bytes(&ledger.to_bytes()), Some(ledger), "{start}");
    }
}

fn of_each_kind() -> [Limit; 4] {
    [
        Limit::Unverified { max: 5, drain_ms: 3_600_000 },
        Limit::Ladder { first_ms: 30_000, longest_ms: 600_000, forget_ms: 86_400_000 },
        Limit::Window { max: 9, span_ms: 86_400_000 },
        Limit::Failures {
            max: 9,
            pause_after: 5,
            pause_ms: 1_000,
            longest_ms: 60_000,
            forget_ms: 86_400_000,
        },
    ]
}

/// What the footprint of a number rests on: 24 bytes are one piece of memory, 25 the next larger.
#[test]
fn what_one_text_leaves_of_a_number_takes_24_bytes_beside_its_end() {
    let (day, now) = (86_400_000, at(1_800_000_000_000));
    let [_, ladder, window, _] = of_each_kind();
    let until = now + Duration::from_millis(90 * day);
    let mut ledger = Ledger { over_at: until, entries: Vec::new() };
    let length = |ledger: &Ledger| ledger.to_bytes().len() - 6;
    // The interval and two quotas of a purpose, and the quota of all.
    let charges = [
        (Slot(0x2061_8280), ladder, 1 + 4 + 5),
        (Slot(0x4061_8280), window, 1 + 1),
        (Slot(0x4161_8280), window, 1 + 1),
        (Slot(0x1100_0000), window, 1 + 1),
    ];
    for (slot, limit, bytes) in charges {
        let before = length(&ledger);
        assert_eq!(ledger.charge(slot, &limit, now, 1), Ok(1));
        assert_eq!(length(&ledger) - before, bytes, "{slot:?}");
    }
    let before = length(&ledger);
    // It is known from the third day on.
    let known = now + Duration::from_millis(3 * day);
    ledger.set_mark(Slot(0x0100_0000), now, Timestamp::MAX, known, until);
    assert_eq!(length(&ledger) - before, 1 + 1 + 5);
    assert_eq!(length(&ledger), 23);
    assert_eq!(Ledger::from_bytes(&ledger.to_bytes()), Some(ledger));
}

/// When the ledgers that follow are over.
const OVER: u64 = 1_800_000_000_000;

/// A time so many milliseconds before that, as the forms before wrote it.
fn near(back: u32) -> [u8; 4] {
    back.to_le_bytes()
}

/// A ledger of a form before, of its fields behind the end.
fn read(fields: &[&[u8]]) -> Ledger {
    let end = &OVER.to_le_bytes()[..6];
    Ledger::from_bytes(&[&[end], fields].concat().concat()).unwrap()
}

/// A bucket of the form before last knew only its time: it is never taken for one that is dated ahead.
#[test]
fn buckets_of_the_forms_before_read_as_they_did() {
    let over = OVER;
    let gcra = Limit::Unverified { max: 5, drain_ms: 10_000 };

    let mut bucket = read(&[&[9, 0], &near(1_000)]);
    assert_eq!(bucket.count(Slot(9), &gcra, at(over - 31_000)), 3);
    assert!(!bucket.heal(Slot(9), &gcra, at(0), at(0)));
    assert_eq!(Ledger::from_bytes(&bucket.to_bytes()), Some(bucket.clone()));
    // The next charge gives it a level.
    bucket.charge(Slot(9), &gcra, at(over - 31_000), 1).unwrap();
    assert_eq!(bucket.count(Slot(9), &gcra, at(over - 31_000)), 4);
    assert!(bucket.heal(Slot(9), &gcra, at(0), at(over - 31_001)));
    assert_eq!(bucket.count(Slot(9), &gcra, at(0)), 4);

    let mut bucket = read(&[&[9, 6], &near(1_000), &[0x30, 0x75, 0]]);
    assert_eq!(bucket.count(Slot(9), &gcra, at(over - 31_000)), 3);
    assert!(bucket.heal(Slot(9), &gcra, at(0), at(over - 31_001)));
    assert_eq!(bucket.count(Slot(9), &gcra, at(0)), 3);
}

#[test]
fn meters_and_marks_of_the_form_before_read_as_they_did() {
    let over = OVER;
    let [_, ladder, window, failures] = of_each_kind();
    let whole = read(&[
        // A ladder on its second rung, after nothing before and after a first rung.
        &[255, 1, 2, 3, 4, 1, 2],
        &near(86_400_000),
        &[2, 2, 2, 1],
        &near(60_000),
        &near(90_000),
        // Two buckets, one of them far in the past and with many units; then failures, and a mark.
        &[3, 3 | 0x20 | 0x40, 1, 0, 0x20, 0x3d, 0x15, 0xa3, 1, 2, 0, 0, 0, 0, 0],
        &[1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0],
        &[4, 4],
        &near(60_000),
        &[3, 5, 5],
        &near(1),
        &near(0),
    ]);
    let mut same = Ledger { over_at: at(over), entries: Vec::new() };
    let slot = Slot(u32::from_le_bytes([1, 2, 3, 4]));
    let before = Some((1, over - 90_000));
    let meter = |state| Entry::Meter(Meter(state));
    let bucket = |time, units| Bucket { time, units };
    let window_of = |newest, older| meter(State::Window(Window { newest, older }));
    same.entries = vec![
        (slot, meter(State::Ladder(Ladder { rung: 2, last: over - 86_400_000, before: None }))),
        (Slot(2), meter(State::Ladder(Ladder { rung: 2, last: over - 60_000, before }))),
        (Slot(3), window_of(bucket(0x01a3_153d_2000, 2), [bucket(1, 1 << 8)].into())),
        (Slot(4), meter(State::Failures(Failures { count: 3, last: over - 60_000 }))),
        (Slot(5), Entry::Mark(at(over - 1), at(over))),
    ];
    assert_eq!(whole, same);
    assert_eq!(whole.count(slot, &ladder, at(over)), 1);
    assert_eq!(whole.count(Slot(3), &window, at(0x01a3_153d_2000)), 2);
    assert_eq!(whole.count(Slot(4), &failures, at(over)), 3);
    assert_eq!(Ledger::from_bytes(&whole.to_bytes()), Some(whole));

    // Eight bytes of an end and of a time.
    let wide = [&[255; 6][..], &(1_u64 << 60).to_le_bytes(), &[9, 6 | 0x80], &[0; 8], &[0, 0, 1]];
    assert!(
        Ledger::from_bytes(&wide.concat()).is_some_and(|ledger| ledger.over_at() == at(1 << 60))
    );
}

/// What a subject sheds is judged as it would have been, from the time it is shed on.
#[test]
fn a_subject_sheds_buckets_that_ran_dry_and_marks_that_ended() {
    let at = Timestamp::from_millis;
    let bucket = Limit::Unverified { max: 5, drain_ms: 10_000 };
    let window = Limit::Window { max: 5, span_ms: 60_000 };
    let mut ledger = Ledger::default();
    for slot in 0..16 {
        ledger.charge(Slot(slot), &bucket, at(u64::from(slot) * 1_000), 1).unwrap();
    }
    ledger.charge(Slot(16), &window, at(0), 1).unwrap();
    ledger.set_mark(Slot(17), at(0), Timestamp::MAX, at(0), at(18_000));
    ledger.set_mark(Slot(18), at(0), Timestamp::MAX, at(0), at(18_001));
    let whole = ledger.clone();
    ledger.forget(at(18_000));
    // Buckets 0 to 8 ran dry at 10 to 18 seconds, and one mark has ended.
    assert_eq!(ledger.len(), 16 - 9 + 2);
    assert_eq!(ledger.over_at(), whole.over_at());
    for slot in (0..17).map(Slot) {
        let limit = if slot == Slot(16) { window } else { bucket };
        for ms in [18_000, 19_500, 40_000] {
            assert_eq!(ledger.quote(slot, &limit, at(ms), 5), whole.quote(slot, &limit, at(ms), 5));
        }
    }
    assert_eq!((ledger.mark(Slot(17)), ledger.mark(Slot(18))), (None, whole.mark(Slot(18))));
}
