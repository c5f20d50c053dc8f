//! What the contract says, and what it says under race, at the cap and after it.

#![allow(clippy::arithmetic_side_effects, reason = "a sum that overflows fails its test")]

mod cap;
mod race;

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Barrier};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use super::*;
use crate::base::id::{Pseudonym, RequestId};
use crate::base::mac::Tag;
use crate::limit::{Limit, MeterKey, Slot};
use crate::store::{
    ChallengeState, ChallengeWrite, Charge, Credit, DocumentWrite, Exchange, GRACE, Guard,
    JOURNAL_LIFE, Mark, MeterQuery, News, Nonce, Observation, Refund, Verdict, VoidCode,
};

const REALM: Pseudonym = Pseudonym::from_bytes([9; 16]);
const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const HOUR: u64 = 3_600_000;

fn name(n: u64) -> Pseudonym {
    Pseudonym::from_bytes(u128::from(n).to_be_bytes())
}

fn id(n: u64) -> RequestId {
    RequestId::from_bytes(u128::from(n).to_be_bytes())
}

fn meter(subject: u64, slot: u32) -> MeterKey {
    MeterKey::new(name(subject), Slot(slot))
}

fn in_window(key: MeterKey, max: u64) -> Charge {
    Charge::new(key, Limit::Window { max, span_ms: HOUR }, 1)
}

fn seen(key: MeterKey) -> Observation {
    Observation { key, span_ms: HOUR, units: 1 }
}

fn admission(n: u64, charges: Vec<Charge>) -> Admission {
    let remember = NOW + Duration::from_secs(600);
    Admission { charges, ..Admission::new(id(n), NOW, REALM, remember) }
}

fn opened(n: u64, digest: Tag, attempts: u32) -> Admission {
    let challenge = ChallengeWrite::Open {
        key: name(n),
        digest,
        expires: NOW + Duration::from_secs(300),
        closes: NOW + Duration::from_secs(900),
        attempts,
    };
    Admission { challenge: Some(challenge), ..admission(n, Vec::new()) }
}

fn redemption(n: u64, challenge: u64, digests: Vec<Tag>) -> Redemption {
    Redemption { digests, ..Redemption::new(id(n), NOW, REALM, name(challenge)) }
}

fn settlement(n: u64, refunds: Vec<Refund>) -> Settlement {
    Settlement { refunds, ..Settlement::new(id(n), NOW, REALM) }
}

fn refund(charge: &Charge) -> Refund {
    let Charge { key, limit, cost, waiver, .. } = *charge;
    Refund { key, limit, cost, charged: NOW, waiver }
}

/// The answer of a call, which never waits.
fn at_once<T>(call: impl Future<Output = T>) -> T {
    match pin!(call).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("a call of the memory store waits for nothing"),
    }
}

impl MemoryStore {
    fn admits(&self, admission: &Admission) -> Admitted {
        at_once(self.admit(admission)).unwrap()
    }

    fn redeems(&self, redemption: &Redemption) -> Verdict {
        at_once(self.redeem(redemption)).unwrap().verdict
    }

    fn settles(&self, settlement: &Settlement) {
        at_once(self.settle(settlement)).unwrap();
    }

    fn tallies(&self, query: &TallyQuery) -> Tallies {
        at_once(self.tally(query)).unwrap()
    }

    fn count(&self, charge: &Charge) -> u64 {
        let question = MeterQuery { key: charge.key, limit: charge.limit, cost: 0 };
        let query = TallyQuery { meters: vec![question], ..TallyQuery::new(NOW, REALM) };
        self.tallies(&query).meters[0].count
    }

    /// How many entries the tables and papers really hold.
    fn held(&self) -> usize {
        let mut held = self.documents.len();
        self.journals.each(|_, journal| held += 1 + journal.len());
        self.subjects.each(|_, _| held += 1);
        self.challenges.each(|_, _| held += 1);
        self.once.each(|_, _| held += 1);
        held
    }
}

fn granted(answer: &Admitted) -> bool {
    matches!(answer, Admitted::Granted { .. })
}

#[test]
fn all_or_nothing_and_the_longest_wait_is_named() {
    let store = MemoryStore::new();
    let charges =
        vec![in_window(meter(1, 1), 9), in_window(meter(2, 1), 1), in_window(meter(2, 2), 0)];
    let fits = charges[..2].to_vec();
    assert!(granted(&store.admits(&admission(1, fits.clone()))));

    let mut refused = admission(2, charges);
    refused.observe = vec![seen(meter(1, 7))];
    refused.nonces = vec![Nonce { key: name(50), expires: NOW + Duration::from_secs(9) }];
    let answer = store.admits(&refused);
    let Admitted::Exhausted { index: 1, counts, observed, retry_after, .. } = answer else {
        panic!("{answer:?}")
    };
    assert_eq!((counts, observed), (vec![1, 1, 0], vec![1]));
    assert!(retry_after > Duration::from_secs(3_600));
    assert_eq!((store.count(&fits[0]), store.count(&fits[1])), (1, 1));
    // The nonce is unspent and the identifier unknown.
    refused.charges.clear();
    assert!(granted(&store.admits(&refused)));
    assert_eq!(store.held(), store.entries());
}

#[test]
fn a_meter_twice_in_one_call_pays_twice_or_not_at_all() {
    let store = MemoryStore::new();
    let charge = in_window(meter(1, 1), 3);
    let answer = store.admits(&admission(1, vec![charge; 2]));
    assert!(matches!(answer, Admitted::Granted { counts, .. } if counts == [2, 2]));
    let answer = store.admits(&admission(2, vec![charge; 2]));
    let Admitted::Exhausted { index: 1, counts, .. } = answer else { panic!("{answer:?}") };
    assert_eq!(counts, [2, 2]);
    assert!(granted(&store.admits(&admission(3, vec![charge]))));
}

#[test]
fn a_granted_call_repeated_charges_nothing_until_it_is_forgotten() {
    let store = MemoryStore::new();
    let charge = in_window(meter(1, 1), 5);
    let mut call = admission(1, vec![charge]);
    call.nonces = vec![Nonce { key: name(2), expires: NOW + Duration::from_secs(900) }];
    call.observe = vec![seen(meter(1, 2))];
    for _ in 0..3 {
        let answer = store.admits(&call);
        let Admitted::Granted { counts, observed, .. } = answer else { panic!("{answer:?}") };
        assert_eq!((counts, observed), (vec![1], vec![1]));
    }
    call.now = call.remember;
    assert_eq!(store.admits(&call), Admitted::NonceSpent { index: 0 });
}

#[test]
fn realms_never_meet() {
    let store = MemoryStore::new();
    let mut call = opened(1, [1; 32], 5);
    call.charges = vec![in_window(meter(1, 1), 1)];
    call.nonces = vec![Nonce { key: name(2), expires: NOW + Duration::from_secs(9) }];
    assert!(granted(&store.admits(&call)));
    assert!(granted(&store.admits(&Admission { realm: name(9), ..call.clone() })));
    let elsewhere = Redemption { realm: name(8), ..redemption(5, 1, vec![[1; 32]]) };
    assert_eq!(store.redeems(&elsewhere), Verdict::Unknown);
}

#[test]
fn a_waiver_lifts_a_charge_and_its_refund() {
    let store = MemoryStore::new();
    let mut first = redemption(1, 1, vec![[1; 32]]);
    let (from, until) = (NOW, NOW + Duration::from_secs(60));
    first.marks = vec![Mark { key: meter(1, 9), from, until }];
    assert!(granted(&store.admits(&opened(1, [1; 32], 5))));
    assert!(matches!(store.redeems(&first), Verdict::Accepted { attempts: 1, .. }));

    let charge = Charge { waiver: Some(meter(1, 9)), ..in_window(meter(1, 1), 0) };
    let answer = store.admits(&admission(2, vec![charge]));
    assert!(matches!(answer, Admitted::Granted { counts, .. } if counts == [0]));
    let plain = Charge { waiver: None, ..in_window(meter(1, 1), 5) };
    assert!(granted(&store.admits(&admission(3, vec![plain]))));
    store.settles(&settlement(2, vec![refund(&charge)]));
    assert_eq!(store.count(&plain), 1);
    let mut late = admission(4, vec![charge]);
    late.now = until;
    assert!(!granted(&store.admits(&late)));
}

#[test]
fn a_settlement_refunds_once_and_only_what_was_granted() {
    let store = MemoryStore::new();
    let charge = in_window(meter(1, 1), 9);
    for n in 0..3 {
        assert!(granted(&store.admits(&admission(n, vec![charge]))));
    }
    let mut once = settlement(1, vec![refund(&charge)]);
    once.observe = vec![seen(meter(1, 2))];
    for _ in 0..3 {
        store.settles(&once);
    }
    store.settles(&settlement(77, vec![refund(&charge)]));
    let forgotten = Settlement { now: NOW + Duration::from_secs(600), ..once.clone() };
    store.settles(&Settlement { admission: id(2), ..forgotten });
    assert_eq!(store.count(&charge), 2);
    assert_eq!(store.count(&in_window(meter(1, 2), 9)), 4);
}

#[test]
fn codes_are_renewed_kept_replaced_and_voided() {
    let (one, two, three) = ([1; 32], [2; 32], [3; 32]);
    let renew = |n, digest, keep_previous| {
        let expires = NOW + Duration::from_secs(300);
        let challenge = ChallengeWrite::Renew { key: name(1), digest, expires, keep_previous };
        Admission { challenge: Some(challenge), ..admission(n, Vec::new()) }
    };
    let void = |digest| VoidCode { challenge: name(1), digest };
    let wrong = Verdict::Mismatch { left: 4 };
    let right = |verdict| matches!(verdict, Verdict::Accepted { .. });
    let fresh = |writes: &[Admission]| {
        let store = MemoryStore::new();
        assert!(granted(&store.admits(&opened(1, one, 5))));
        let again = Admission { id: id(2), ..opened(1, one, 5) };
        assert_eq!(store.admits(&again), Admitted::ChallengeGone);
        writes.iter().for_each(|write| assert!(granted(&store.admits(write))));
        store
    };
    assert!(right(fresh(&[renew(3, two, true)]).redeems(&redemption(9, 1, vec![one]))));
    assert!(right(fresh(&[renew(3, two, true)]).redeems(&redemption(9, 1, vec![three, two]))));
    assert_eq!(fresh(&[renew(3, two, false)]).redeems(&redemption(9, 1, vec![one])), wrong);
    // Two at the most.
    let twice = fresh(&[renew(3, two, true), renew(4, three, true)]);
    assert_eq!(twice.redeems(&redemption(9, 1, vec![one])), wrong);
    assert!(right(twice.redeems(&redemption(10, 1, vec![two]))));
    assert_eq!(twice.admits(&renew(11, one, true)), Admitted::ChallengeGone);

    let voided = fresh(&[renew(3, two, true)]);
    voided.settles(&Settlement { void: Some(void(two)), ..settlement(3, Vec::new()) });
    assert_eq!(voided.redeems(&redemption(9, 1, vec![two])), wrong);
    assert!(right(voided.redeems(&redemption(10, 1, vec![one]))));
    // A newer code than the void one stays, and so does an older one.
    let settled = Settlement { void: Some(void(one)), ..settlement(1, Vec::new()) };
    for (typed, verdict) in [(one, false), (two, true)] {
        let renewed = fresh(&[renew(3, two, true)]);
        renewed.settles(&settled);
        assert_eq!(right(renewed.redeems(&redemption(9, 1, vec![typed]))), verdict);
    }
    let empty = fresh(&[]);
    empty.settles(&Settlement { void: Some(void(one)), ..settlement(1, Vec::new()) });
    assert_eq!(empty.redeems(&redemption(9, 1, vec![one])), Verdict::Expired);
}

#[test]
fn attempts_end_codes_expire_and_challenges_close_by_the_calls_time() {
    let store = MemoryStore::new();
    assert!(granted(&store.admits(&opened(1, [1; 32], 2))));
    let mut call = redemption(1, 1, vec![[2; 32]]);
    assert_eq!(store.redeems(&call), Verdict::Mismatch { left: 1 });
    // A repetition is answered as before and costs no attempt.
    assert_eq!(store.redeems(&call), Verdict::Mismatch { left: 1 });
    (call.id, call.digests) = (id(2), Vec::new());
    assert_eq!(store.redeems(&call), Verdict::Mismatch { left: 0 });
    assert_eq!(store.redeems(&redemption(3, 1, vec![[1; 32]])), Verdict::Locked);

    assert!(granted(&store.admits(&opened(5, [1; 32], 2))));
    let right = redemption(6, 5, vec![[1; 32]]);
    let (last, expired) = (NOW + Duration::from_millis(299_999), NOW + Duration::from_secs(300));
    assert_eq!(store.redeems(&Redemption { now: expired, ..right.clone() }), Verdict::Expired);
    let accepted = Verdict::Accepted { attempts: 1, opened: NOW };
    assert_eq!(store.redeems(&Redemption { now: last, ..right.clone() }), accepted);
    assert_eq!(store.redeems(&right), accepted);
    assert_eq!(store.redeems(&Redemption { id: id(7), ..right.clone() }), Verdict::Consumed);
    let closed = NOW + Duration::from_secs(900);
    assert_eq!(store.redeems(&Redemption { now: closed, ..right }), Verdict::Unknown);
    let query = TallyQuery { challenges: vec![name(1)], ..TallyQuery::new(NOW, REALM) };
    assert_eq!(store.tallies(&query).challenges, [ChallengeState::Locked]);
}

#[test]
fn charges_are_paid_for_any_challenge_and_subject_charges_for_a_live_one() {
    let store = MemoryStore::new();
    let (client, failures) = (in_window(meter(1, 1), 3), in_window(meter(2, 1), 2));
    let attempt = |n, challenge| Redemption {
        charges: vec![client],
        subject_charges: vec![failures],
        observe: vec![seen(meter(3, 1))],
        observe_failure: vec![seen(meter(3, 2))],
        ..redemption(n, challenge, vec![[2; 32]])
    };
    assert!(granted(&store.admits(&opened(1, [1; 32], 9))));
    assert_eq!(store.redeems(&attempt(1, 77)), Verdict::Unknown);
    assert_eq!((store.count(&client), store.count(&failures)), (1, 0));
    assert_eq!(store.redeems(&attempt(2, 1)), Verdict::Mismatch { left: 8 });
    assert_eq!(store.redeems(&attempt(3, 1)), Verdict::Mismatch { left: 7 });
    assert!(matches!(store.redeems(&attempt(4, 1)), Verdict::Exhausted { index: 0, .. }));
    let elsewhere = Redemption { charges: vec![in_window(meter(9, 1), 3)], ..attempt(5, 1) };
    assert!(matches!(store.redeems(&elsewhere), Verdict::Exhausted { index: 1, .. }));
    assert_eq!(store.count(&in_window(meter(9, 1), 3)), 0);
    assert_eq!(store.count(&in_window(meter(3, 1), 0)), 5);
    assert_eq!(store.count(&in_window(meter(3, 2), 0)), 5);
    assert_eq!(store.held(), store.entries());
}

#[test]
fn an_accepted_code_resets_credits_and_marks() {
    let store = MemoryStore::new();
    let failures = in_window(meter(2, 1), 9);
    let evidence = Charge {
        limit: Limit::Unverified { max: 9, drain_ms: 60_000 },
        ..in_window(meter(4, 1), 0)
    };
    let mut open = opened(1, [1; 32], 9);
    open.charges = vec![evidence; 3];
    assert!(granted(&store.admits(&open)));
    let right = Redemption {
        subject_charges: vec![failures],
        reset: vec![failures.key],
        credits: vec![Credit { key: evidence.key, limit: evidence.limit, amount: 2 }],
        marks: vec![Mark { key: meter(1, 9), from: NOW, until: NOW + Duration::from_secs(1) }],
        observe_failure: vec![seen(meter(3, 2))],
        ..redemption(5, 1, vec![[1; 32]])
    };
    assert!(matches!(store.redeems(&right), Verdict::Accepted { .. }));
    assert_eq!((store.count(&failures), store.count(&evidence)), (0, 1));
    assert_eq!(store.count(&in_window(meter(3, 2), 0)), 0);
    let query = TallyQuery { marks: vec![meter(1, 9), meter(1, 8)], ..TallyQuery::new(NOW, REALM) };
    let mark = (NOW, NOW + Duration::from_secs(1));
    assert_eq!(store.tallies(&query).marks, [Some(mark), None]);
    // Room was set aside for a failure that did not happen.
    assert_eq!(store.held(), store.entries());
}

#[test]
fn documents_swap_on_their_version() {
    let store = MemoryStore::new();
    let write = |n, expect| {
        let write = DocumentWrite { document: name(1), expect, content: vec![7] };
        Admission { documents: vec![write], ..admission(n, Vec::new()) }
    };
    assert!(granted(&store.admits(&write(1, 0))));
    let stale = Admitted::Stale { document: name(1), version: 1 };
    assert_eq!(store.admits(&write(2, 0)), stale);
    let guarded = |n, version| Admission {
        guards: vec![Guard { document: name(1), version }],
        ..admission(n, Vec::new())
    };
    assert_eq!(store.admits(&guarded(3, 2)), stale);
    assert!(granted(&store.admits(&guarded(3, 1))));
    let query = TallyQuery { documents: vec![name(1), name(2)], ..TallyQuery::new(NOW, REALM) };
    let held = Document { version: 1, content: vec![7] };
    assert_eq!(store.tallies(&query).documents, [held, Document::default()]);
}

#[test]
fn a_journal_is_read_across_callers_in_order_and_ages() {
    let store = MemoryStore::new();
    let exchange =
        |append: &[u8], after| Some(Exchange { journal: name(1), append: append.to_vec(), after });
    let say = |n, word: &[u8], now, charges| {
        let call = Admission { now, exchange: exchange(word, 0), ..admission(n, charges) };
        store.admits(&call)
    };
    assert!(granted(&say(1, b"one", NOW, Vec::new())));
    // A refused call and a failed attempt leave their news too.
    assert!(!granted(&say(2, b"two", NOW, vec![in_window(meter(1, 1), 0)])));
    let failed = Redemption { exchange: exchange(b"three", 1), ..redemption(3, 1, Vec::new()) };
    let answer = at_once(store.redeem(&failed)).unwrap();
    assert_eq!(answer.news.entries, [(2, b"two".to_vec()), (3, b"three".to_vec())]);
    assert_eq!(answer.news.latest, 3);
    // A repetition reads and leaves nothing.
    let Admitted::Granted { news, .. } = say(1, b"one", NOW, Vec::new()) else { panic!() };
    assert_eq!((news.entries.len(), news.latest), (3, 3));

    let later = NOW + JOURNAL_LIFE;
    let Admitted::Granted { news, .. } = say(4, b"four", later, Vec::new()) else { panic!() };
    assert_eq!((news.entries, news.latest), (vec![(4, b"four".to_vec())], 4));
    assert!(granted(&say(5, b"five", later + JOURNAL_LIFE, Vec::new())));
    let journal = Some((name(1), u64::MAX));
    let query = TallyQuery { journal, ..TallyQuery::new(later, REALM) };
    assert_eq!(store.tallies(&query).news, News { entries: Vec::new(), latest: 5 });
    assert_eq!(store.held(), store.entries(), "pruned entries gave their room back");
}

/// What a realm told its gates goes when its life is over, also where nobody of the realm ever calls
/// again. Its number stays: whoever comes back goes on counting.
#[test]
fn the_journal_of_a_realm_that_falls_silent_is_emptied_by_the_calls_of_others() {
    let store = MemoryStore::builder().capacity(20_000).build();
    let say = |n: u64, realm, now: Timestamp, word: &[u8]| {
        let exchange = Some(Exchange { journal: name(1), append: word.to_vec(), after: u64::MAX });
        let call = Admission { exchange, ..Admission::new(id(n), now, realm, now + GRACE) };
        assert!(granted(&store.admits(&call)));
    };
    let holds = |word: &[u8]| store.dump().windows(word.len()).any(|bytes| bytes == word);
    // More than one look at a journal removes.
    let said = 3_000;
    (0..said).for_each(|n| say(n, REALM, NOW, b"silent realm"));
    let (others, later) = (name(77), NOW + JOURNAL_LIFE + GRACE);
    say(said, REALM, NOW + Duration::from_secs(60), b"the last word");
    (0..2_000).for_each(|n| say(10_000 + n, others, later, b"others"));
    assert!(!holds(b"silent realm") && holds(b"others"));
    assert!(holds(b"the last word"), "its hour is not over");
    (0..1_000).for_each(|n| say(20_000 + n, others, later + Duration::from_secs(60), b"others"));
    assert!(!holds(b"the last word"));
    let query = TallyQuery { journal: Some((name(1), 0)), ..TallyQuery::new(later, REALM) };
    let empty = News { entries: Vec::new(), latest: said + 1 };
    assert_eq!(store.tallies(&query).news, empty);
    assert_eq!(store.held(), store.entries(), "pruned entries gave their room back");
}
