//! A simple model of what the gate promises, driven beside the gate by random histories.
//!
//! The model knows nothing of meters, digests or stores: it says who may be accepted, how many
//! attempts are left, which of several codes is good, and how long the next text must wait. Where
//! the two differ, proptest shrinks the history to the shortest that shows it.

use std::sync::Arc;
use std::time::Duration;

use otpgate::otp::ResendCode;
use otpgate::policy::Evidence;
use otpgate::testing::{ModelStore, block_on};
use otpgate::{
    Clock, Entry, EntryGrant, KeyId, KeyRing, Policy, RETIRED_KEY_LIFE, Sent, Store, Timestamp,
};
use proptest::prelude::*;
use proptest::test_runner::Config;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest, prop_state_machine};
use support::{ALICE, BOB, House, client, off_by, pepper, quick, small, without_group_limits};

// Tighter than the default, so that short histories reach them.
const ATTEMPTS: u32 = 3;
const FAILURES: u32 = 5;
const PAUSE_AFTER: u32 = 3;
const LIFE: u64 = 300_000;
const OPEN: u64 = 900_000;
const FIRST: u64 = 30_000;
const LONGEST: u64 = 600_000;
const FORGET: u64 = 1_800_000;

/// Time steps at and around every deadline there is.
const STEPS: [u64; 13] = [
    1, 1_000, 14_000, 29_999, 30_000, 60_000, 119_999, 150_000, 299_999, 300_000, 600_000, 899_999,
    1_800_000,
];

#[derive(Clone, Debug)]
enum Step {
    Send {
        number: usize,
        client: u32,
    },
    Resend {
        flow: usize,
        by: u32,
    },
    /// Types the newest code (0), the one before (1) or the one before that (2).
    Right {
        flow: usize,
        back: usize,
        by: u32,
    },
    Wrong {
        flow: usize,
        by: u32,
    },
    Wait {
        millis: u64,
    },
    /// Another gate takes over, with a new key.
    Rotate,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Answer {
    None,
    Sent,
    NotSent,
    Accepted,
    Rejected,
}

#[derive(Clone, Debug)]
struct Promise {
    memory: bool,
    keep: bool,
    now: u64,
    lines: [Line; 2],
    flows: Vec<Flow>,
    /// What the last step must be answered.
    answer: Answer,
}

#[derive(Clone, Debug, Default)]
struct Line {
    rung: u64,
    sent: u64,
    failures: u32,
    failed: u64,
}

#[derive(Clone, Debug)]
struct Flow {
    number: usize,
    client: u32,
    closes: u64,
    used: u32,
    accepted: bool,
    /// Every code sent for it, the newest last: when it expires, and whether it is void.
    codes: Vec<(u64, bool)>,
}

impl Line {
    fn rung(&self, now: u64) -> u64 {
        self.rung.saturating_sub((now - self.sent) / FORGET)
    }

    /// How long until the next text may go to it.
    fn wait(&self, now: u64) -> u64 {
        match self.rung(now) {
            0 => 0,
            rung => (FIRST << (rung - 1).min(20)).min(LONGEST).saturating_sub(now - self.sent),
        }
    }

    fn take(&mut self, now: u64) -> bool {
        // A code that could not be entered is not sent.
        if !self.may_try(now) || self.wait(now) > 0 {
            return false;
        }
        (self.rung, self.sent) = (self.rung(now) + 1, now);
        true
    }

    fn may_try(&self, now: u64) -> bool {
        let pause = match self.failures.checked_sub(PAUSE_AFTER) {
            Some(over) => (30_000_u64 << over.min(20)).min(3 * 86_400_000),
            None => 0,
        };
        self.failures < FAILURES && now - self.failed >= pause
    }
}

impl Flow {
    fn is_open(&self, now: u64) -> bool {
        now < self.closes && !self.accepted && self.used < ATTEMPTS
    }

    fn newest(&self) -> u64 {
        self.codes.last().unwrap().0
    }
}

impl Promise {
    /// One attempt; `code` counts back from the newest, none is a wrong one.
    fn attempt(&mut self, flow: usize, by: u32, code: Option<usize>) -> Answer {
        let now = self.now;
        let flow = &mut self.flows[flow];
        let line = &mut self.lines[flow.number];
        let dead = by != flow.client || !flow.is_open(now) || now >= flow.newest();
        if dead || !line.may_try(now) {
            return Answer::Rejected;
        }
        flow.used += 1;
        (line.failures, line.failed) = (line.failures + 1, now);
        let good = code.and_then(|back| flow.codes.len().checked_sub(back + 1));
        let good = good.is_some_and(|code| now < flow.codes[code].0 && !flow.codes[code].1);
        if good {
            flow.accepted = true;
            line.failures = 0;
            return Answer::Accepted;
        }
        Answer::Rejected
    }

    fn send(&mut self, number: usize, client: u32) -> Answer {
        if !self.lines[number].take(self.now) {
            return Answer::NotSent;
        }
        let codes = vec![(self.now + LIFE, false)];
        let closes = self.now + OPEN;
        self.flows.push(Flow { number, client, closes, used: 0, accepted: false, codes });
        Answer::Sent
    }

    fn resend(&mut self, flow: usize, by: u32) -> Answer {
        let now = self.now;
        let flow = &mut self.flows[flow];
        if by != flow.client || !flow.is_open(now) || !self.lines[flow.number].take(now) {
            return Answer::NotSent;
        }
        // At most one earlier code stays good, and only if the policy keeps it.
        let kept = flow.codes.len() - usize::from(self.keep);
        flow.codes[..kept].iter_mut().for_each(|code| code.1 = true);
        flow.codes.push(((now + LIFE).min(flow.closes), false));
        Answer::Sent
    }
}

impl ReferenceStateMachine for Promise {
    type State = Self;
    type Transition = Step;

    fn init_state() -> BoxedStrategy<Self> {
        (any::<bool>(), any::<bool>())
            .prop_map(|(memory, keep)| Self {
                memory,
                keep,
                now: 0,
                lines: Default::default(),
                flows: Vec::new(),
                answer: Answer::None,
            })
            .boxed()
    }

    fn transitions(state: &Self) -> BoxedStrategy<Step> {
        let send = (prop::bool::weighted(0.2), 1..3_u32)
            .prop_map(|(bob, client)| (usize::from(bob), client))
            .prop_map(|(number, client)| Step::Send { number, client });
        let wait = prop::sample::select(&STEPS[..]).prop_map(|millis| Step::Wait { millis });
        if state.flows.is_empty() {
            return prop_oneof![send, wait].boxed();
        }
        // Mostly the newest flows, mostly by whom they belong to.
        let newest = state.flows.len().saturating_sub(3)..state.flows.len();
        let owners: Vec<u32> = state.flows.iter().map(|flow| flow.client).collect();
        let flow = (newest, prop::bool::weighted(0.1)).prop_map(move |(flow, stranger)| {
            (flow, if stranger { 3 - owners[flow] } else { owners[flow] })
        });
        prop_oneof![
            3 => send,
            3 => wait,
            1 => Just(Step::Rotate),
            3 => flow.clone().prop_map(|(flow, by)| Step::Resend { flow, by }),
            3 => (flow.clone(), 0..3_usize)
                .prop_map(|((flow, by), back)| Step::Right { flow, back, by }),
            6 => flow.prop_map(|(flow, by)| Step::Wrong { flow, by }),
        ]
        .boxed()
    }

    fn preconditions(state: &Self, step: &Step) -> bool {
        match step {
            Step::Resend { flow, .. } | Step::Wrong { flow, .. } => *flow < state.flows.len(),
            Step::Right { flow, back, .. } => {
                state.flows.get(*flow).is_some_and(|flow| *back < flow.codes.len())
            }
            _ => true,
        }
    }

    fn apply(mut state: Self, step: &Step) -> Self {
        state.answer = match *step {
            Step::Send { number, client } => state.send(number, client),
            Step::Resend { flow, by } => state.resend(flow, by),
            Step::Right { flow, back, by } => state.attempt(flow, by, Some(back)),
            Step::Wrong { flow, by } => state.attempt(flow, by, None),
            Step::Wait { millis } => {
                state.now += millis;
                Answer::None
            }
            Step::Rotate => Answer::None,
        };
        state
    }
}

struct Real {
    house: House,
    store: Arc<dyn Store>,
    policy: Policy,
    keys: Vec<(u32, Timestamp)>,
    flows: Vec<(EntryGrant, Vec<String>)>,
}

impl Real {
    fn rotate(&mut self) {
        let now = self.house.clock.now();
        let (current, _) = *self.keys.last().unwrap();
        self.keys.last_mut().unwrap().1 = now + RETIRED_KEY_LIFE;
        self.keys.push((current + 1, Timestamp::MAX));
        let mut ring = KeyRing::new(KeyId(current + 1), pepper(current as u8 + 1));
        for (id, until) in self.keys.iter().rev().skip(1) {
            ring = ring.retire(KeyId(*id), pepper(*id as u8), *until);
        }
        let ring = ring.index(pepper(1));
        let (store, policy) = (Arc::clone(&self.store), self.policy.clone());
        self.house = self.house.beside(|builder| builder.store(store).policy(policy).keys(ring));
    }

    fn noted(&mut self, flow: Option<usize>, sent: Sent) -> Answer {
        let Sent::Issued(issued) = sent else { return Answer::NotSent };
        let code = self.house.last_code();
        match flow {
            Some(flow) => self.flows[flow].1.push(code),
            None => self.flows.push((issued.into_grant(), vec![code])),
        }
        Answer::Sent
    }

    fn typed(&self, flow: usize, by: u32, code: &str) -> Answer {
        let accepted = block_on(self.house.accepts_from(&self.flows[flow].0, code, &client(by)));
        if accepted { Answer::Accepted } else { Answer::Rejected }
    }

    /// A code that was never sent for `flow`.
    fn wrong(&self, flow: usize) -> String {
        let codes = &self.flows[flow].1;
        let newest = codes.last().unwrap();
        (1..).map(|by| off_by(newest, by)).find(|guess| !codes.contains(guess)).unwrap()
    }
}

impl StateMachineTest for Real {
    type SystemUnderTest = Self;
    type Reference = Promise;

    fn init_test(state: &Promise) -> Self {
        let mut policy = without_group_limits(quick(Policy::default()));
        policy.code.resend =
            if state.keep { ResendCode::KeepPrevious } else { ResendCode::Replace };
        policy.code.attempts = ATTEMPTS;
        policy.attempts.open.max = FAILURES.into();
        policy.attempts.open.pause_after = PAUSE_AFTER.into();
        // What the model does not know of.
        policy.quotas.number = vec![otpgate::policy::Quota::daily(1_000_000)];
        policy.quotas.number_total.clear();
        policy.quotas.session.clear();
        let drain = Duration::from_secs(1);
        policy.attempts.client = {
            let mut client: Evidence = policy.attempts.client;
            (client.soft, client.hard, client.drain) = (10_000, 10_000, drain);
            client
        };
        let store: Arc<dyn Store> =
            if state.memory { Arc::new(small()) } else { Arc::new(ModelStore::new()) };
        let house =
            House::lab_with(|builder| builder.store(Arc::clone(&store)).policy(policy.clone()));
        Self { house, store, policy, keys: vec![(1, Timestamp::MAX)], flows: Vec::new() }
    }

    fn apply(mut real: Self, state: &Promise, step: Step) -> Self {
        let answer = match step {
            Step::Send { number, client: who } => {
                let number = [ALICE, BOB][number];
                let sent = block_on(real.house.try_send(number, &client(who)));
                real.noted(None, sent)
            }
            Step::Resend { flow, by } => {
                let grant = real.flows[flow].0.clone();
                let sent = block_on(real.house.gate.resend(&grant, &client(by))).unwrap();
                real.noted(Some(flow), sent)
            }
            Step::Right { flow, back, by } => {
                let codes = &real.flows[flow].1;
                let code = codes[codes.len() - 1 - back].clone();
                real.typed(flow, by, &code)
            }
            Step::Wrong { flow, by } => {
                let code = real.wrong(flow);
                real.typed(flow, by, &code)
            }
            Step::Wait { millis } => {
                real.house.clock.advance(Duration::from_millis(millis));
                Answer::None
            }
            Step::Rotate => {
                real.rotate();
                Answer::None
            }
        };
        assert_eq!(answer, state.answer, "{step:?}");
        real
    }

    /// After every step each code page shows what the model says.
    fn check_invariants(real: &Self, state: &Promise) {
        assert_eq!(real.flows.len(), state.flows.len());
        let texts: usize = state.flows.iter().map(|flow| flow.codes.len()).sum();
        assert_eq!(real.house.texts(), texts);
        for (flow, (grant, _)) in state.flows.iter().zip(&real.flows) {
            let entry = block_on(real.house.gate.entry(grant, &client(flow.client))).unwrap();
            match entry {
                Entry::Open(view) => {
                    assert!(flow.is_open(state.now), "open, but should be closed");
                    assert_eq!(view.attempts_left(), ATTEMPTS - flow.used);
                    let good_for = flow.newest().saturating_sub(state.now);
                    assert_eq!(view.expires_in(), Duration::from_millis(good_for));
                    let wait = state.lines[flow.number].wait(state.now);
                    assert_eq!(view.resend_after(), Duration::from_millis(wait));
                }
                Entry::Closed(_) => assert!(!flow.is_open(state.now), "closed, but should be open"),
            }
        }
    }
}

prop_state_machine! {
    #![proptest_config(Config { cases: 96, max_shrink_iters: 4_096, ..Config::default() })]

    #[test]
    fn the_gate_keeps_its_promises(sequential 1..80 => Real);
}
