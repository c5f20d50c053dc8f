//! Codes in every state that is rejected, each entered once, in an order drawn at random.

use std::time::{Duration, Instant};

use otpgate::pumping::Tuning;
use otpgate::store::MemoryStore;
use otpgate::testing::{ManualClock, ScriptedTransport, TransportHandle, block_on};
use otpgate::token::{HumanTime, WorkBits};
use otpgate::{
    ClientContext, EntryGrant, Gate, KeyId, KeyRing, Money, Pepper, Policy, Purpose, Recipient,
    Region, Sent, Timestamp, Verified,
};

/// Codes of each class that are entered in one go.
const BATCH: usize = 64;

/// What became of a code before it is entered, wrong once more.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// It was sent.
    Fresh,
    /// It was entered.
    Used,
    /// Five wrong ones were.
    Locked,
    /// Its five minutes are over.
    Expired,
    /// The store has lost it.
    Lost,
    /// There is none: the grant is made up.
    Forged,
}

/// One code to enter.
struct Entry {
    grant: EntryGrant,
    right: String,
    wrong: String,
    client: ClientContext,
}

/// The rows: each state against a fresh code, and fresh codes against themselves.
pub(crate) fn rows(samples: usize) -> impl Iterator<Item = (&'static str, Vec<(bool, f64)>)> {
    [
        ("wrong, wrong (the method)", State::Fresh),
        ("wrong, used", State::Used),
        ("wrong, locked", State::Locked),
        ("wrong, expired", State::Expired),
        ("wrong, lost by the store", State::Lost),
        ("wrong, grant made up", State::Forged),
    ]
    .into_iter()
    .map(move |(name, state)| (name, measure(state, samples)))
}

/// The times of wrong codes (`false`) and of codes in `state` (`true`).
fn measure(state: State, samples: usize) -> Vec<(bool, f64)> {
    let (mut house, mut elsewhere) = (House::new(), House::new());
    let mut dice = 0x9e37_79b9_7f4a_7c15_u64;
    let mut times = Vec::with_capacity(samples);
    while times.len() < samples {
        let mut entries: Vec<(bool, Entry)> = Vec::with_capacity(2 * BATCH);
        if state == State::Expired {
            let old: Vec<_> = (0..BATCH).map(|_| (true, house.entry_in(state))).collect();
            entries.extend(old);
            house.clock.advance(Duration::from_secs(301));
        }
        for _ in 0..BATCH {
            entries.push((false, house.entry_in(State::Fresh)));
            match state {
                State::Expired => {}
                State::Lost => entries.push((true, elsewhere.entry_in(state))),
                _ => entries.push((true, house.entry_in(state))),
            }
        }
        for last in (1..entries.len()).rev() {
            dice ^= dice << 13;
            dice ^= dice >> 7;
            dice ^= dice << 17;
            entries.swap(last, dice as usize % (last + 1));
        }
        // The code page was shown: what is known of each was read a moment ago.
        for (_, entry) in &entries {
            let _ = block_on(house.gate.entry(&entry.grant, &entry.client)).unwrap();
        }
        for (class, Entry { grant, wrong, client, .. }) in &entries {
            let started = Instant::now();
            let verified = block_on(house.gate.verify(grant, wrong, client));
            times.push((*class, started.elapsed().as_nanos() as f64));
            assert!(matches!(verified, Ok(Verified::Rejected(_))));
        }
        house.clock.advance(Duration::from_secs(60));
    }
    times
}

struct House {
    gate: Gate,
    clock: ManualClock,
    outbox: TransportHandle,
    next: u64,
}

impl House {
    fn new() -> Self {
        let clock = ManualClock::new(Timestamp::from_millis(1_795_348_800_000));
        let (transport, outbox) = ScriptedTransport::new();
        let pepper = Pepper::from_bytes(std::array::from_fn(|i| i as u8)).unwrap();
        let mut policy = Policy::default();
        (policy.token.work, policy.token.human_time) = (WorkBits::NONE, HumanTime::ZERO);
        policy.quotas.block_unverified = None;
        // The detector would refuse a street where hardly anyone enters his code.
        let mut tuning = Tuning::default();
        (tuning.ask_at, tuning.refuse_at, tuning.share_at) = (1e30, 1e30, 1e30);
        (tuning.refuse_in_context, tuning.number_failures) = (1e30, 1e30);
        (tuning.number_limits, tuning.number_limits_in_context) = ((1e30, 1e30), (1e30, 1e30));
        tuning.window = tuning.window.map(|_| 1e30);
        tuning.asked_window = tuning.asked_window.map(|_| 1e30);
        let gate = Gate::builder()
            .keys(KeyRing::new(KeyId(1), pepper))
            .store(MemoryStore::new())
            .transport(transport)
            .policy(policy)
            .tuning(tuning)
            .brand("Example")
            .origin("example.com")
            .countries(Region::all())
            .daily_budget(Money::dollars(10_000_000))
            .clock(clock.clone())
            .clock_unchecked_danger()
            .single_gate()
            .build()
            .unwrap();
        Self { gate, clock, outbox, next: 0 }
    }

    fn entry_in(&mut self, state: State) -> Entry {
        let mut entry = self.send();
        let guess = |typed: &str| {
            drop(block_on(self.gate.verify(&entry.grant, typed, &entry.client)).unwrap());
        };
        match state {
            State::Fresh | State::Expired | State::Lost => {}
            State::Used => guess(&entry.right),
            State::Locked => (0..5).for_each(|_| guess(&entry.wrong)),
            State::Forged => {
                // Another character in its middle: as long, and with no grant behind it.
                let text = entry.grant.as_str();
                let (head, tail) = text.split_at(text.len() / 2);
                let other = if tail.starts_with('A') { 'B' } else { 'A' };
                entry.grant = EntryGrant::from_client(format!("{head}{other}{}", &tail[1..]));
            }
        }
        entry
    }

    fn send(&mut self) -> Entry {
        self.next += 1;
        let number = format!("+49151{:08}", 10_000_000 + self.next * 10_007 % 90_000_000);
        let ip = (0x0B00_0001 + self.next as u32 * 0x101).to_be_bytes().into();
        let client = ClientContext::from_peer(ip, format!("session {}", self.next));
        let ticket = self.gate.preflight(&Purpose::SIGN_UP, &client).unwrap();
        let proof = ticket.answer(&number).unwrap();
        let recipient = Recipient::parse(&number, None).unwrap();
        let sent = block_on(self.gate.request(&proof, &recipient, &Purpose::SIGN_UP, &client));
        let Sent::Issued(issued) = sent.unwrap() else { panic!("not sent") };
        let right = self.outbox.delivered().pop().and_then(|sent| sent.code()).unwrap();
        self.outbox.clear();
        let wrong = format!("{:06}", (right.parse::<u32>().unwrap() + 1) % 1_000_000);
        Entry { grant: issued.into_grant(), right, wrong, client }
    }
}
