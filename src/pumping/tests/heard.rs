//! What gates tell each other in a journal: heard once, in whatever order, and across a restored memory.

use super::*;

#[test]
fn gates_that_exchange_events_agree() {
    let mut gates = [Detector::new(1), Detector::new(2)];
    gates.iter_mut().for_each(Detector::share);
    let mut sent = 0;
    for k in 0..400_u64 {
        let (i, j) = if k % 2 == 0 { (0, 1) } else { (1, 0) };
        let s = subject(998_941_230_000 + k, k as u32 * 7_919);
        sent += u32::from(request(&mut gates[i], k * 2_000, &s, false));
        let bytes = gates[i].drain_outbox();
        gates[j].absorb(at(k * 2_000), &bytes).unwrap();
        // a second delivery changes nothing
        assert_eq!(gates[j].absorb(at(k * 2_000), &bytes), Ok(0));
    }
    assert!(sent <= 40, "{sent}");
    let names = |d: &Detector| d.acting(at(0)).iter().map(|v| v.node).collect::<Vec<_>>();
    assert_eq!(names(&gates[0]), names(&gates[1]));
}

/// Calls of one gate overtake each other on their way to the journal, and out of it.
#[test]
fn what_arrives_in_another_order_is_heard_once() {
    let (mut a, mut b) = (Detector::new(1), Detector::new(2));
    a.share();
    let mut entries = Vec::new();
    for k in 0..200_u64 {
        let events = 1 + k % 3;
        for n in 0..events {
            let s = subject(998_941_230_000 + 10 * k + n, 1);
            a.observe(Sighting::of(at(k), SightingKind::Sent, &s));
        }
        entries.push((events as usize, a.drain_outbox()));
    }
    // One in seven is late, by up to thirty others; each comes twice.
    let mut order: Vec<usize> = (0..200).collect();
    order.sort_by_key(|k| if k % 7 == 3 { k + 3 * (k % 11) } else { *k });
    assert!(!order.is_sorted());
    for k in order {
        let (events, bytes) = &entries[k];
        assert_eq!(b.absorb(at(1_000), bytes), Ok(*events), "entry {k}");
        assert_eq!(b.absorb(at(1_000), bytes), Ok(0), "entry {k} once more");
    }
    assert_eq!(b.journal.heard(), [(1, 200 / 3 * 6 + 3)]);
    // What a snapshot says was heard stays heard.
    let mut c = Detector::new(3);
    c.restore(&b.snapshot()).unwrap();
    assert!(entries.iter().all(|(_, bytes)| c.absorb(at(1_000), bytes) == Ok(0)));
}

/// A gate that has heard the newest alarms alone, or events, and then reads the memory: what that has heard
/// counts, no more and no less.
#[test]
fn what_was_heard_is_what_the_restored_memory_heard() {
    let (mut author, mut saver) = (Detector::new(1), Detector::new(2));
    author.share();
    let entries: Vec<Vec<u8>> = (0..61_u64)
        .map(|k| {
            for n in 0..10 {
                let sent = subject(998_941_230_000 + 10 * k + n, 1);
                author.observe(Sighting::of(at(k), SightingKind::Sent, &sent));
            }
            author.drain_outbox()
        })
        .collect();
    let heard = |d: &mut Detector, entries: &[Vec<u8>]| -> usize {
        entries.iter().map(|bytes| d.absorb(at(1_000), bytes).unwrap()).sum()
    };
    assert_eq!(heard(&mut saver, &entries[..55]), 550);
    let (memory, head) = (saver.snapshot(), saver.head());
    assert_eq!(heard(&mut saver, &entries), 60);
    for (is_whole, alarms, before) in
        [(true, 58..61, 0..0), (false, 58..61, 0..0), (true, 0..0, 50..61), (true, 58..61, 20..30)]
    {
        let mut late = Detector::new(3);
        heard(&mut late, &entries[before]);
        for bytes in &entries[alarms] {
            assert_eq!(late.absorb_alarms(at(1_000), bytes), Ok(0), "none of them acts");
        }
        match is_whole {
            true => late.restore(&memory).unwrap(),
            false => drop(late.restore_parts(&head, std::iter::empty(), Timestamp::MAX).unwrap()),
        }
        assert_eq!(heard(&mut late, &entries[40..55]), 0, "the memory holds them");
        assert_eq!(heard(&mut late, &entries[55..]), 60, "nobody has counted them");
        let unanswered = |d: &Detector| {
            d.inspect(NodeId::region(BlockLevel::Country, *b"UZ")).unwrap().unanswered
        };
        assert_eq!(unanswered(&late), unanswered(&saver));
    }
}

/// Who is restored goes on telling: what was to be told is, and under numbers that nobody has heard.
#[test]
fn what_is_to_be_told_outlasts_a_restored_memory() {
    let (mut a, mut b) = (Detector::new(1), Detector::new(2));
    a.share();
    let tell = |a: &mut Detector, n: u64| {
        a.observe(Sighting::of(at(n), SightingKind::Sent, &subject(998_941_230_000 + n, 1)));
    };
    (0..5).for_each(|n| tell(&mut a, n));
    assert_eq!(b.absorb(at(1_000), &a.drain_outbox()), Ok(5));
    (5..8).for_each(|n| tell(&mut a, n));
    a.restore(&Detector::new(9).snapshot()).unwrap();
    (8..10).for_each(|n| tell(&mut a, n));
    assert_eq!(b.absorb(at(1_000), &a.drain_outbox()), Ok(5));
    assert_eq!(b.journal.heard(), [(1, 10)]);
}

/// Who overtakes more than is remembered is not waited for for ever.
#[test]
fn of_what_never_comes_only_so_much_is_remembered() {
    let (mut a, mut b) = (Detector::new(1), Detector::new(2));
    a.share();
    let mut entries = Vec::new();
    for k in 0..400_u64 {
        a.observe(Sighting::of(at(k), SightingKind::Sent, &subject(998_941_230_000 + k, 1)));
        entries.push(a.drain_outbox());
    }
    let taken = |b: &mut Detector, k: usize| b.absorb(at(1_000), &entries[k]).unwrap();
    (0..400).step_by(2).for_each(|k| assert_eq!(taken(&mut b, k), 1));
    let late = (1..398).step_by(2).map(|k| taken(&mut b, k)).collect::<Vec<_>>();
    assert_eq!((late.iter().sum::<usize>(), late.last()), (64, Some(&1)), "the newest of them");
}
