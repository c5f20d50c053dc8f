//! The test's own book of what was answered, and the invariants I1 to I6 on it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use otpgate::Store;
use otpgate::store::{ChallengeState, TallyQuery};

use super::step::{
    ATTEMPTS, Deed, FAILURES_FORGET, FAILURES_MAX, LINE_MAX, LINE_SPAN, LINES, PURSE_MAX,
    PURSE_SPAN, REALM, STEPS, Step, THREADS, read,
};

#[derive(Default)]
pub(crate) struct Ledger {
    /// Sends that were granted in the last minutes and not taken back.
    sends: BTreeSet<Step>,
    taken_back: BTreeSet<Step>,
    accepted: BTreeMap<Step, u64>,
    compared: BTreeMap<Step, u64>,
    /// Of each thread: consecutive failures, and when the last one was.
    failures: BTreeMap<u64, (u64, u64)>,
    totals: [u64; 3],
}

impl Ledger {
    /// Enters an answer, and what can be said of it at once.
    pub(crate) fn note(&mut self, step: Step, answer: &str) {
        match step.deed() {
            Deed::Send if answer == "granted" => {
                self.totals[0] += 1;
                assert!(self.sends.insert(step), "I1: {step:?} was granted twice");
            }
            // I6: what was not settled within its lease stays spent.
            Deed::Settle(target) if step.now() < target.remembered() => {
                let was_sent = self.sends.remove(&target);
                self.taken_back.extend(was_sent.then_some(target));
            }
            Deed::Redeem(target) if answer.starts_with("Accepted") => {
                self.totals[1] += 1;
                assert!(step.now() < target.expires(), "I5: {step:?} after the code's expiry");
                assert!(!self.taken_back.contains(&target), "I5: {step:?} on a void code");
                assert!(self.sends.contains(&target), "I5: {step:?} on a code nobody sent");
                let successes = self.accepted.entry(target).or_default();
                *successes += 1;
                assert!(*successes <= 1, "I3: {target:?} had two successes");
                self.compares(step, target);
                self.failures.remove(&step.thread);
            }
            Deed::Redeem(target) if answer.starts_with("Mismatch") => {
                self.totals[2] += 1;
                assert!(!self.accepted.contains_key(&target), "I5: {step:?} on a consumed code");
                self.compares(step, target);
                let now = step.now().as_millis();
                let (count, last) = self.failures.entry(step.thread).or_default();
                *count = if now - *last >= FAILURES_FORGET { 1 } else { *count + 1 };
                *last = now;
                assert!(*count <= FAILURES_MAX, "I4: {step:?} is failure {count} of its subject");
            }
            _ => {}
        }
    }

    fn compares(&mut self, step: Step, target: Step) {
        let compared = self.compared.entry(target).or_default();
        *compared += 1;
        assert!(*compared <= u64::from(ATTEMPTS), "I4: {step:?} is guess {compared} at one code");
    }

    /// The invariants after `cycle`, on all that was answered so far.
    pub(crate) fn check(&mut self, cycle: u64, store: &dyn Store) {
        for thread in 0..THREADS {
            let last = Step { cycle, thread, index: STEPS - 1 };
            let own: Vec<Step> =
                self.sends.iter().copied().filter(|send| send.thread == thread).collect();
            let meters = last.own(store).meters;
            for line in 0..LINES {
                let sends: Vec<_> = own
                    .iter()
                    .filter(|send| send.index % LINES == line)
                    .map(|it| (*it, 1))
                    .collect();
                let in_force = most_within(&sends, LINE_SPAN, last);
                assert!(in_force.0 <= LINE_MAX, "I1: {} sends of one line", in_force.0);
                let counted = meters[usize::try_from(line).unwrap()].count;
                assert!(in_force.1 <= counted, "I1: {} sends, {counted} reserved", in_force.1);
                assert!(counted <= LINE_MAX, "I1: {counted} reserved");
            }
            let costs: Vec<_> = own.iter().map(|send| (*send, send.cost())).collect();
            let spent = most_within(&costs, PURSE_SPAN, last);
            assert!(spent.0 <= PURSE_MAX, "I2: {} spent", spent.0);
            let counted = meters[usize::try_from(LINES + 1).unwrap()].count;
            assert!(spent.1 <= counted && counted <= PURSE_MAX, "I2: {} of {counted}", spent.1);
        }
        self.every_reservation_ends(cycle, store);
        self.forget(cycle);
    }

    /// I6: what is past its lease is gone, settled or not.
    fn every_reservation_ends(&self, cycle: u64, store: &dyn Store) {
        let now = Step { cycle, thread: 0, index: STEPS - 1 }.latest();
        let over: Vec<_> = self.sends.iter().filter(|send| now >= send.closes()).collect();
        let challenges = over.iter().map(|send| send.name(2)).collect();
        let query = TallyQuery { challenges, ..TallyQuery::new(now, REALM) };
        let states = read(store, &query).challenges;
        assert!(states.iter().all(|state| *state == ChallengeState::Unknown), "I6: {states:?}");
    }

    fn forget(&mut self, cycle: u64) {
        let keep = |step: &Step| step.cycle + PURSE_SPAN / 7_000 + 2 > cycle;
        self.sends.retain(keep);
        self.taken_back.retain(keep);
        self.accepted.retain(|step, _| keep(step));
        self.compared.retain(|step, _| keep(step));
    }
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [sends, accepted, wrong] = self.totals;
        write!(f, "{sends} sends, {accepted} codes accepted, {wrong} guesses wrong")
    }
}

/// The most that any span holds, and what the one that ends with `last` holds.
fn most_within(costs: &[(Step, u64)], span: u64, last: Step) -> (u64, u64) {
    let within = |until: u64| -> u64 {
        let inside = costs.iter().filter(|(step, _)| {
            let at = step.now().as_millis();
            at <= until && at + span > until
        });
        inside.map(|(_, cost)| cost).sum()
    };
    let most = costs.iter().map(|(step, _)| within(step.now().as_millis())).max();
    (most.unwrap_or(0), within(last.latest().as_millis()))
}
