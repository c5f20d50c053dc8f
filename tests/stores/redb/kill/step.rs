//! What the child does, step by step: everything about a step follows from its three numbers, so
//! that the parent knows it without being told.

use std::time::Duration;

use otpgate::limit::{Limit, MeterKey, Slot};
use otpgate::store::{
    Admission, Admitted, ChallengeWrite, Charge, DocumentWrite, MeterQuery, Nonce, Redemption,
    Refund, Settlement, Tallies, TallyQuery, VoidCode,
};
use otpgate::testing::block_on;
use otpgate::{Pseudonym, RequestId, Store, Timestamp};

pub(crate) const THREADS: u64 = 4;
pub(crate) const STEPS: u64 = 64;
pub(crate) const LINES: u64 = 5;
pub(crate) const ATTEMPTS: u32 = 3;
pub(crate) const LINE_MAX: u64 = 4;
pub(crate) const LINE_SPAN: u64 = 120_000;
pub(crate) const PURSE_MAX: u64 = 150;
pub(crate) const PURSE_SPAN: u64 = 600_000;
pub(crate) const FAILURES_MAX: u64 = 6;
pub(crate) const FAILURES_FORGET: u64 = 60_000;
pub(crate) const REALM: Pseudonym = Pseudonym::from_bytes([3; 16]);
const LINE: Limit = Limit::Window { max: LINE_MAX, span_ms: LINE_SPAN };
const PURSE: Limit = Limit::Budget { max: PURSE_MAX, span_ms: PURSE_SPAN };
const FAILURES: Limit = Limit::Failures {
    max: FAILURES_MAX,
    pause_after: FAILURES_MAX,
    pause_ms: 0,
    longest_ms: FAILURES_FORGET,
    forget_ms: FAILURES_FORGET,
};
const ALL: Limit = Limit::Budget { max: 1 << 40, span_ms: 600_000 };

/// One thread's step of one cycle: everything about it follows from its three numbers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Step {
    pub(crate) cycle: u64,
    pub(crate) thread: u64,
    pub(crate) index: u64,
}

/// What a step does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Deed {
    Send,
    /// Tries a code on the challenge of that send.
    Redeem(Step),
    /// Takes that send back.
    Settle(Step),
    Write,
}

impl Step {
    pub(crate) fn deed(self) -> Deed {
        let mut random = Random(self.number());
        match random.below(10) {
            0..=3 => Deed::Send,
            // Mostly a code of this cycle, sometimes one from before a kill.
            4..=7 => Deed::Redeem(self.earlier(&mut random)),
            8 => Deed::Settle(self.earlier(&mut random)),
            _ => Deed::Write,
        }
    }

    /// Takes the step; its answer in one word.
    pub(crate) fn take(self, store: &dyn Store) -> String {
        block_on(async {
            match self.deed() {
                Deed::Send => word(store.admit(&self.send()).await.unwrap()),
                Deed::Redeem(target) => {
                    let verdict = store.redeem(&self.redemption(target)).await.unwrap().verdict;
                    format!("{verdict:?}").replace(' ', "")
                }
                Deed::Settle(target) => {
                    store.settle(&self.settlement(target)).await.unwrap();
                    "settled".to_owned()
                }
                Deed::Write => {
                    let admitted = store.admit(&self.document()).await.unwrap();
                    word(admitted).replace("granted", "written")
                }
            }
        })
    }

    pub(crate) fn send(self) -> Admission {
        let remember = self.remembered();
        let challenge = ChallengeWrite::Open {
            key: self.name(2),
            digest: self.digest(),
            expires: self.expires(),
            closes: self.closes(),
            attempts: ATTEMPTS,
        };
        Admission {
            nonces: vec![self.nonce()],
            charges: vec![
                Charge::new(self.line(), LINE, 1),
                Charge::new(self.purse(), PURSE, self.cost()),
                Charge::new(all(), ALL, 1),
            ],
            challenge: Some(challenge),
            ..Admission::new(self.id(1), self.now(), REALM, remember)
        }
    }

    fn redemption(self, target: Self) -> Redemption {
        let digest =
            if Random(!self.number()).below(2) == 0 { target.digest() } else { [0xee; 32] };
        Redemption {
            digests: vec![digest],
            subject_charges: vec![Charge::new(self.failures(), FAILURES, 1)],
            reset: vec![self.failures()],
            ..Redemption::new(self.id(2), self.now(), REALM, target.name(2))
        }
    }

    fn settlement(self, target: Self) -> Settlement {
        let refund =
            |key, limit, cost| Refund { key, limit, cost, charged: target.now(), waiver: None };
        Settlement {
            refunds: vec![
                refund(target.line(), LINE, 1),
                refund(target.purse(), PURSE, target.cost()),
                refund(all(), ALL, 1),
            ],
            void: Some(VoidCode { challenge: target.name(2), digest: target.digest() }),
            ..Settlement::new(target.id(1), self.now(), REALM)
        }
    }

    /// The version is guessed, so that most are stale.
    fn document(self) -> Admission {
        let write = DocumentWrite {
            document: self.paper(),
            expect: Random(!self.number()).below(3) + self.cycle / 4,
            content: self.digest().to_vec(),
        };
        let remember = self.now() + Duration::from_secs(60);
        let documents = vec![write];
        Admission { documents, ..Admission::new(self.id(3), self.now(), REALM, remember) }
    }

    /// A step of this thread, of this cycle or the one before.
    fn earlier(self, random: &mut Random) -> Self {
        let cycle = self.cycle - u64::from(self.cycle > 0 && random.below(4) == 0);
        Self { cycle, index: random.below(self.index + 1), ..self }
    }

    /// All that this thread's steps of this cycle and the one before have touched.
    pub(crate) fn own(self, store: &dyn Store) -> Tallies {
        let meter = |key, limit| MeterQuery { key, limit, cost: 1 };
        let lines = (0..LINES).map(|index| meter(Self { index, ..self }.line(), LINE));
        let cycles = [self.cycle, self.cycle.saturating_sub(1)];
        let codes = cycles
            .into_iter()
            .flat_map(|cycle| (0..STEPS).map(move |index| Self { cycle, index, ..self }.name(2)));
        let query = TallyQuery {
            meters: lines
                .chain([meter(self.failures(), FAILURES), meter(self.purse(), PURSE)])
                .collect(),
            challenges: codes.collect(),
            documents: vec![self.paper()],
            ..TallyQuery::new(self.latest(), REALM)
        };
        read(store, &query)
    }

    pub(crate) fn all(self) -> TallyQuery {
        let meters = vec![MeterQuery { key: all(), limit: ALL, cost: 1 }];
        TallyQuery { meters, ..TallyQuery::new(self.latest(), REALM) }
    }

    /// Seven seconds a cycle, so that windows slide and rows expire while the test runs.
    pub(crate) fn now(self) -> Timestamp {
        let start = 1_800_000_000_000;
        Timestamp::from_millis(start + self.cycle * 7_000 + self.index)
    }

    pub(crate) fn latest(self) -> Timestamp {
        Self { index: STEPS, ..self }.now()
    }

    fn number(self) -> u64 {
        (self.cycle * THREADS + self.thread) * STEPS + self.index + 1
    }

    pub(crate) fn name(self, kind: u8) -> Pseudonym {
        let mut bytes = [kind; 16];
        bytes[..8].copy_from_slice(&scattered(self.number()).to_be_bytes());
        Pseudonym::from_bytes(bytes)
    }

    pub(crate) fn id(self, kind: u8) -> RequestId {
        RequestId::from_bytes(*self.name(kind).as_bytes())
    }

    pub(crate) fn nonce(self) -> Nonce {
        Nonce { key: self.name(1), expires: self.now() + Duration::from_secs(30) }
    }

    fn digest(self) -> [u8; 32] {
        let mut digest = [0x11; 32];
        digest[..8].copy_from_slice(&self.number().to_be_bytes());
        digest
    }

    /// The code is good before this time.
    pub(crate) fn expires(self) -> Timestamp {
        self.now() + Duration::from_secs(30)
    }

    /// The challenge is remembered until this time.
    pub(crate) fn closes(self) -> Timestamp {
        self.now() + Duration::from_secs(45)
    }

    /// The admission is remembered until this time: its lease.
    pub(crate) fn remembered(self) -> Timestamp {
        self.now() + Duration::from_secs(60)
    }

    /// What the send costs.
    pub(crate) fn cost(self) -> u64 {
        1 + self.index % 3
    }

    fn purse(self) -> MeterKey {
        MeterKey::new(self.fixed(7, 0), Slot(4))
    }

    fn line(self) -> MeterKey {
        MeterKey::new(self.fixed(3, self.index % LINES), Slot(1))
    }

    fn failures(self) -> MeterKey {
        MeterKey::new(self.fixed(4, 0), Slot(2))
    }

    fn paper(self) -> Pseudonym {
        self.fixed(5, 0)
    }

    /// A name that the thread keeps through all cycles.
    fn fixed(self, kind: u8, number: u64) -> Pseudonym {
        let mut bytes = [kind; 16];
        bytes[..8].copy_from_slice(&scattered(self.thread * 100 + number).to_be_bytes());
        Pseudonym::from_bytes(bytes)
    }
}

fn all() -> MeterKey {
    MeterKey::new(Pseudonym::from_bytes([6; 16]), Slot(3))
}

pub(crate) fn read(store: &dyn Store, query: &TallyQuery) -> Tallies {
    block_on(store.tally(query)).unwrap()
}

fn word(answer: Admitted) -> String {
    match answer {
        Admitted::Granted { .. } => "granted".to_owned(),
        Admitted::Exhausted { index, .. } => format!("exhausted:{index}"),
        other => format!("{other:?}").replace(' ', ""),
    }
}

fn scattered(number: u64) -> u64 {
    number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// splitmix64.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}
