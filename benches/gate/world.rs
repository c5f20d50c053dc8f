//! A gate with every check on, its traffic, and a clock that is set by hand.
//!
//! Traffic is that of a day that repeats itself: each resident number asks once in 26 hours, from a
//! network and a session of its own, and enters its code.
#![allow(dead_code)] // each bench uses its own part

use std::cell::Cell;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use cpu_time::ThreadTime;
use otpgate::store::MemoryStore;
use otpgate::testing::{ManualClock, block_on};
use otpgate::token::WorkBits;
use otpgate::transport::{Handoff, HandoffError, OutboundSms};
use otpgate::{
    Cleared, ClientContext, Clock, Entry, EntryGrant, Gate, Issued, KeyId, KeyRing, Money, Pepper,
    Policy, Purpose, Recipient, Region, Sent, SmsTransport, Store, Timestamp, Verification,
    Verified,
};

/// When everything begins.
pub const START: Timestamp = Timestamp::from_millis(1_795_348_800_000);

/// Calls measured at a time.
pub const BATCH: u64 = 32;

/// Between two batches; 100 000 numbers then ask once in 26 hours.
const PACE: Duration = Duration::from_secs(30);

/// Between two batches that are measured: as long as a form must be open, and so short that one batch in
/// thirty carries the detector's memory, which is saved once a minute and has a row of its own.
const MEASURED: Duration = Duration::from_secs(2);

/// Parts that `Gate::save_detector` saves one after the other, as sends do one a minute.
const SAVES: u32 = 64;

pub struct World {
    gate: Gate,
    store: Option<Arc<MemoryStore>>,
    clock: ManualClock,
    residents: u64,
    next: u64,
    pace: Duration,
}

/// Which code is entered.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    Right,
    Wrong,
}

/// A form that is ready to be posted.
pub struct Form {
    proof: String,
    recipient: Recipient,
    client: ClientContext,
}

/// A code that went out.
pub struct Out {
    grant: EntryGrant,
    code: [u8; 6],
    client: ClientContext,
}

thread_local! {
    static CODE: Cell<[u8; 6]> = const { Cell::new([0; 6]) };
}

/// Accepts every text and remembers the code at its start.
#[derive(Debug)]
struct Accepts;

#[async_trait]
impl SmsTransport for Accepts {
    async fn hand_off(&self, sms: &OutboundSms) -> Result<Handoff, HandoffError> {
        CODE.set(sms.expose_text().as_bytes()[..6].try_into().unwrap());
        Ok(Handoff::default())
    }
}

impl World {
    /// The only gate on its store.
    pub fn single() -> Self {
        Self::new(store(), None, true)
    }

    /// The only gate on a store that can be looked into.
    pub fn open() -> Self {
        let store = Arc::new(store());
        Self::new(Arc::clone(&store), Some(store), true)
    }

    /// A gate that tells others what it saw, and asks what they saw.
    pub fn shared() -> Self {
        Self::new(store(), None, false)
    }

    fn new(store: impl Store, seen: Option<Arc<MemoryStore>>, single: bool) -> Self {
        let clock = ManualClock::new(START);
        let gate = gate(store, clock.clone(), single);
        Self { gate, store: seen, clock, residents: 1, next: 0, pace: PACE }
    }

    /// Sends a code to each of `residents` numbers, which enter it, within a day.
    pub fn populate(&mut self, residents: u64) {
        self.crowd(residents, BATCH, PACE);
    }

    /// As [`populate`](Self::populate), with `together` pages open at a time and `pace` between
    /// them.
    pub fn crowd(&mut self, residents: u64, together: u64, pace: Duration) {
        (self.residents, self.pace) = (residents, pace);
        while self.next < residents {
            let forms = self.prepare(together.min(residents - self.next));
            whole(&self.gate, forms);
        }
        self.pace = MEASURED;
    }

    /// How many entries the store holds.
    pub fn entries(&self) -> usize {
        self.store.as_ref().map_or(0, |store| store.entries())
    }

    /// How many calls were made.
    pub fn called(&self) -> u64 {
        self.next
    }

    pub fn gate(&self) -> Gate {
        self.gate.clone()
    }

    /// Lets time pass in which nobody asks.
    pub fn rest(&self, span: Duration) {
        self.clock.advance(span);
    }

    /// The forms of the next `count` numbers, once their pages were open for a while.
    pub fn prepare(&mut self, count: u64) -> Vec<Form> {
        let forms = self.forms(self.next, count);
        self.next += count;
        self.clock.advance(self.pace);
        forms
    }

    pub fn forms(&self, first: u64, count: u64) -> Vec<Form> {
        let form = |call: u64| {
            let n = call % self.residents;
            form(&self.gate, number(n), client(n, call))
        };
        (first..first + count).map(form).collect()
    }

    /// Clears and sends.
    pub fn issue_batch(&mut self) -> Duration {
        let (took, out) = self.sent();
        self.enter(&out);
        took
    }

    /// What each send of a minute takes, of so many batches: a save of the detector's memory goes along
    /// with them.
    pub fn minute(&mut self, batches: u32) -> Vec<Duration> {
        self.minute_of(batches, |send| {
            let started = ThreadTime::now();
            send();
            started.elapsed()
        })
    }

    /// What `measure` says of each send of a minute, of so many batches.
    pub fn minute_of<T>(
        &mut self,
        batches: u32,
        measure: impl Fn(&mut dyn FnMut()) -> T,
    ) -> Vec<T> {
        let mut all = Vec::new();
        for _ in 0..batches {
            self.pace = Duration::from_secs(60) / batches;
            let forms = self.prepare(BATCH);
            self.pace = MEASURED;
            let mut out = Vec::with_capacity(forms.len());
            all.extend(forms.iter().map(|form| measure(&mut || out.push(self.send(form)))));
            self.enter(&out);
        }
        all
    }

    /// One save of the detector's memory, [`BATCH`] times over.
    pub fn save_batch(&mut self) -> Duration {
        let started = ThreadTime::now();
        block_on(self.gate.save_detector()).unwrap();
        started.elapsed() * BATCH as u32 / SAVES
    }

    /// Clears; the clearances are then used, so that nothing is left over.
    pub fn clear_batch(&mut self) -> Duration {
        let forms = self.prepare(BATCH);
        let started = ThreadTime::now();
        let cleared: Vec<_> = forms.iter().map(|form| clear(&self.gate, form)).collect();
        let took = started.elapsed();
        let out: Vec<_> =
            cleared.into_iter().zip(&forms).map(|(c, form)| issue(&self.gate, c, form)).collect();
        self.enter(&out);
        took
    }

    /// The same numbers again after two seconds.
    pub fn refused_batch(&mut self) -> Duration {
        let first = self.next;
        let (_, out) = self.sent();
        let forms = self.forms(first, BATCH);
        self.clock.advance(Duration::from_secs(2));
        let took = self.refused(&forms);
        self.enter(&out);
        took
    }

    /// The eleventh number of one session.
    pub fn refused_client_batch(&mut self) -> Duration {
        let client = self.forms(self.next, 1).pop().unwrap().client;
        let all: Vec<_> = (0..BATCH + 10)
            .map(|i| {
                let n = (self.next + i) % self.residents;
                form(&self.gate, number(n), client.clone())
            })
            .collect();
        self.clock.advance(self.pace);
        let (sent, refused) = all.split_at(10);
        let out: Vec<_> = sent.iter().map(|form| self.send(form)).collect();
        self.next += 10;
        let took = self.refused(refused);
        self.enter(&out);
        took
    }

    fn refused(&self, forms: &[Form]) -> Duration {
        let started = ThreadTime::now();
        forms.iter().for_each(|form| refuse(&self.gate, form));
        started.elapsed()
    }

    /// One character of the ticket's MAC changed.
    pub fn forged_batch(&mut self) -> Duration {
        let mut forms = self.forms(self.next, BATCH);
        self.clock.advance(Duration::from_secs(2));
        for form in &mut forms {
            let other = if &form.proof[100..101] == "A" { "B" } else { "A" };
            form.proof.replace_range(100..101, other);
        }
        let started = ThreadTime::now();
        for form in &forms {
            assert!(matches!(clear(&self.gate, form), Cleared::Refused(_)));
        }
        started.elapsed()
    }

    /// Enters the code, or another one first.
    pub fn verify_batch(&mut self, answer: Answer) -> Duration {
        let (_, out) = self.sent();
        if answer == Answer::Right {
            return self.enter(&out);
        }
        let started = ThreadTime::now();
        out.iter().for_each(|out| miss(&self.gate, out));
        let took = started.elapsed();
        self.enter(&out);
        took
    }

    /// "Send it again", two seconds after it was sent.
    pub fn resend_batch(&mut self) -> Duration {
        let (_, out) = self.sent();
        self.clock.advance(Duration::from_secs(2));
        let started = ThreadTime::now();
        for out in &out {
            let sent = block_on(self.gate.resend(&out.grant, &out.client)).unwrap();
            assert!(matches!(sent, Sent::Refused(_)));
        }
        let took = started.elapsed();
        self.enter(&out);
        took
    }

    /// The code-entry screen.
    pub fn entry_batch(&mut self) -> Duration {
        let (_, out) = self.sent();
        let started = ThreadTime::now();
        for out in &out {
            let entry = block_on(self.gate.entry(&out.grant, &out.client)).unwrap();
            assert!(matches!(entry, Entry::Open(_)));
        }
        let took = started.elapsed();
        self.enter(&out);
        took
    }

    fn sent(&mut self) -> (Duration, Vec<Out>) {
        let forms = self.prepare(BATCH);
        let mut out = Vec::with_capacity(forms.len());
        let started = ThreadTime::now();
        for form in &forms {
            out.push(self.send(form));
        }
        (started.elapsed(), out)
    }

    fn send(&self, form: &Form) -> Out {
        issue(&self.gate, clear(&self.gate, form), form)
    }

    fn enter(&self, out: &[Out]) -> Duration {
        let started = ThreadTime::now();
        out.iter().for_each(|out| enter(&self.gate, out));
        started.elapsed()
    }
}

/// A gate with every check on.
pub fn gate(store: impl Store, clock: impl Clock, single: bool) -> Gate {
    let pepper = Pepper::from_bytes(std::array::from_fn(|i| i as u8)).unwrap();
    // What a page computes is not measured, and would take longer than all the rest.
    let mut policy = Policy::default();
    policy.token.work = WorkBits::NONE;
    let builder = Gate::builder()
        .keys(KeyRing::new(KeyId(1), pepper))
        .store(store)
        .transport(Accepts)
        .policy(policy)
        .brand("Example")
        .origin("example.com")
        .countries(Region::all())
        .daily_budget(Money::dollars(10_000_000))
        .clock(clock)
        .clock_unchecked_danger();
    let builder = if single { builder.single_gate() } else { builder };
    builder.build().unwrap()
}

pub fn store() -> MemoryStore {
    MemoryStore::builder().capacity(16_000_000).build()
}

/// The form of the `n`th number, on its `call`th visit.
pub fn visit(gate: &Gate, n: u64, call: u64) -> Form {
    form(gate, number(n), client(n, call))
}

/// Whole verifications of `forms`, one after the other.
pub fn whole(gate: &Gate, forms: Vec<Form>) {
    forms.iter().for_each(|form| answered(gate, form));
}

/// A whole verification: cleared, sent, entered.
pub fn answered(gate: &Gate, form: &Form) {
    enter(gate, &issue(gate, clear(gate, form), form));
}

fn form(gate: &Gate, number: String, client: ClientContext) -> Form {
    let ticket = gate.preflight(&Purpose::SIGN_UP, &client).unwrap();
    let proof = ticket.answer(&number).unwrap();
    Form { proof, recipient: Recipient::parse(&number, None).unwrap(), client }
}

pub fn clear(gate: &Gate, form: &Form) -> Cleared {
    let Form { proof, recipient, client } = form;
    block_on(gate.clear(proof, recipient, &Purpose::SIGN_UP, client)).unwrap()
}

fn issue(gate: &Gate, cleared: Cleared, form: &Form) -> Out {
    out(sent(gate, cleared), form)
}

/// What is kept of a code that went out.
pub fn out(issued: Issued, form: &Form) -> Out {
    Out { grant: issued.into_grant(), code: CODE.get(), client: form.client.clone() }
}

/// Sends.
pub fn sent(gate: &Gate, cleared: Cleared) -> Issued {
    let Cleared::Passed(clearance) = cleared else { panic!("{cleared:?}") };
    match block_on(gate.issue(clearance)).unwrap() {
        Sent::Issued(issued) => issued,
        other => panic!("{other:?}"),
    }
}

/// Clears and is refused.
pub fn refuse(gate: &Gate, form: &Form) {
    let sent = match clear(gate, form) {
        Cleared::Passed(clearance) => block_on(gate.issue(clearance)).unwrap(),
        other => panic!("{other:?}"),
    };
    assert!(matches!(sent, Sent::Refused(_)), "{sent:?}");
}

/// Enters another code than the one that was sent.
pub fn miss(gate: &Gate, out: &Out) {
    let mut code = out.code;
    code[5] = if code[5] == b'9' { b'0' } else { code[5] + 1 };
    let typed = std::str::from_utf8(&code).unwrap();
    let verified = block_on(gate.verify(&out.grant, typed, &out.client)).unwrap();
    assert!(matches!(verified, Verified::Rejected(_)));
}

pub fn enter(gate: &Gate, out: &Out) {
    drop(entered(gate, &out.grant, out.code, &out.client));
}

/// What a host has of a whole verification.
pub fn pair(gate: &Gate, form: &Form) -> (Issued, Verification) {
    let issued = sent(gate, clear(gate, form));
    let verification = entered(gate, issued.grant(), CODE.get(), &form.client);
    (issued, verification)
}

fn entered(gate: &Gate, grant: &EntryGrant, code: [u8; 6], client: &ClientContext) -> Verification {
    let typed = std::str::from_utf8(&code).unwrap();
    match block_on(gate.verify(grant, typed, client)).unwrap() {
        Verified::Accepted(verification) => verification,
        other => panic!("{other:?}"),
    }
}

/// The `n`th number: mobile, in one of four countries, in no order.
fn number(n: u64) -> String {
    let line = n / 4 * 38_196_601 % 100_000_000;
    match n % 4 {
        0 => format!("+49151{line:08}"),
        1 => format!("+3362{:07}", line % 10_000_000),
        2 => format!("+9198{line:08}"),
        _ => format!("+38050{:07}", line % 10_000_000),
    }
}

/// A client of its own address, in one of 20 000 networks, in a session of its own.
fn client(n: u64, call: u64) -> ClientContext {
    let mixed = mix(n);
    let network = 0x1700_0000_u32 + (((mixed >> 32) as u32 % 20_000) << 16);
    let ip = IpAddr::V4(Ipv4Addr::from_bits(network | mixed as u32 & 0xffff));
    let session = format!("{:016x}{:016x}", mix(call), mix(call ^ 1 << 40));
    ClientContext::from_peer(ip, session)
}

/// SplitMix64's finaliser.
pub fn mix(n: u64) -> u64 {
    let z = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ z >> 31
}
