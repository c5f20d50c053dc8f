//! What a store or another gate hands back: read whole or not at all, and written the same again. A
//! gate panics at nothing of it, and controls that it cannot read are an outage, never none.
//!
//! The first byte says what the rest is. What a gate seals is sealed here as well, so that the rest
//! is what comes out of the seal.
#![no_main]

use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use base64ct::{Base64UrlUnpadded, Encoding};
use chacha20::ChaCha20Rng;
use chacha20::rand_core::{Rng, SeedableRng};
use hmac::{Hmac, KeyInit, Mac};
use libfuzzer_sys::fuzz_target;
use otpgate::access::{Actor, Control, ControlBook, Effect, Reason, Target};
use otpgate::limit::Ledger;
use otpgate::message::{MessageFormat, OriginHost};
use otpgate::policy::AskNetwork;
use otpgate::pumping::Detector;
use otpgate::store::{
    Admission, Admitted, ChallengeState, Document, DocumentWrite, Exchange, MemoryStore, News,
    Reading, Redeemed, Redemption, Settlement, Store, StoreError, StoreErrorKind, Tallies,
    TallyQuery, Verdict,
};
use otpgate::testing::{ManualClock, ScriptedTransport, TransportHandle, block_on};
use otpgate::token::{HumanTime, WorkBits};
use otpgate::transport::signals::{NumberSignals, Signals, SignalsError, SignalsQuery};
use otpgate::transport::{
    Handoff, HandoffError, OutboundSms, Receipt, ReceiptError, ReceiptRequest, ReceiptState,
    ReceiptVerifier,
};
use otpgate::{
    ClientContext, DeliveryStatus, EntryGrant, Gate, KeyId, KeyRing, Money, Pepper, Policy,
    Pseudonym, Purpose, Recipient, Region, ReportedOutcome, RequestId, SendRecord, Sent,
    SmsTransport, Timestamp,
};
use sha2::Sha256;

const NOW: Timestamp = Timestamp::from_millis(1_795_348_800_000);
const NUMBER: &str = "+4915112345678";
const PEPPER: [u8; 32] = *b"invented pepper of a fuzz target";
const MESSAGE: &str = "message-1";

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, rest)) = bytes.split_first() else { return };
    match kind % 12 {
        0 => ledger(rest),
        1 => detector(rest),
        2 | 3 => controls(rest),
        4 | 5 => memory(rest),
        6 => journal(rest),
        7 => shelf(rest),
        8 => hole(rest),
        9 => record(rest),
        10 => unsealed(rest),
        _ => odd(rest),
    }
});

fn ledger(bytes: &[u8]) {
    if let Some(ledger) = Ledger::from_bytes(bytes) {
        assert_eq!(Ledger::from_bytes(&ledger.to_bytes()), Some(ledger));
    }
}

fn detector(bytes: &[u8]) {
    let mut detector = Detector::new(1);
    detector.share();
    let _ = detector.absorb(NOW, bytes);
    let whole = detector.snapshot();
    assert_eq!(summed(&whole[..whole.len() - 8]), whole);
    let _ = detector.restore(bytes);
    if detector.restore(&summed(bytes)).is_ok() {
        detector.restore(&detector.snapshot()).unwrap();
    }
    let _ = detector.absorb(NOW, bytes);
}

/// With the checksum of a detector's memory, which no fuzzer guesses.
fn summed(body: &[u8]) -> Vec<u8> {
    let mix = |sum: u64| {
        let sum = sum.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let sum = (sum ^ (sum >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let sum = (sum ^ (sum >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        sum ^ (sum >> 31)
    };
    let (words, rest) = body.as_chunks::<8>();
    let words = words.iter().map(|word| u64::from_be_bytes(*word));
    let all = words.chain(rest.iter().map(|byte| u64::from(*byte)));
    let sum = all.fold(body.len() as u64, |sum, word| mix(sum ^ word));
    [body, &sum.to_be_bytes()].concat()
}

/// The operator's book, as another gate has written it.
fn controls(plain: &[u8]) {
    let keys = Keys::new();
    let house =
        House::with([(keys.name("ctrl", b""), keys.seal(b"otpgate/v1/controls/default", plain))]);
    let listed = block_on(house.gate.controls().list());
    let Ok(book) = ControlBook::decode(plain) else {
        assert!(listed.is_err(), "controls that cannot be read");
        house.refuses_all();
        return;
    };
    assert_eq!(ControlBook::decode(&book.encode()).as_ref(), Ok(&book));
    let live = book.entries().filter(|entry| entry.until().is_none_or(|until| until > NOW));
    let live: Vec<Control> = live.cloned().collect();
    assert_eq!(listed.unwrap(), live);
    house.visit();
    let off = |entry: &Control| {
        let everywhere = *entry.target() == Target::Everything && entry.purpose().is_none();
        everywhere && entry.effect() == Effect::SmsOff && entry.holds(NOW)
    };
    let excepted = |entry: &Control| matches!(entry.effect(), Effect::Allow | Effect::TestNumber);
    let off = live.iter().any(off) && !live.iter().any(excepted);
    assert!(!off || house.outbox.handed_off() == 0, "switched off");
    // An operator who adds an entry loses none.
    if live.len() < 1_000 && block_on(house.enter()).is_ok() {
        let after = block_on(house.gate.controls().list()).unwrap();
        assert!(live.iter().all(|entry| after.contains(entry)));
    }
}

/// Documents of the detector, each behind its place and its length; the first place is the head.
fn memory(mut plain: &[u8]) {
    let keys = Keys::new();
    let mut documents = Vec::new();
    while let [place, high, low, rest @ ..] = plain {
        let length = usize::from(u16::from_be_bytes([*high, *low])).min(rest.len());
        let (content, rest) = rest.split_at(length);
        plain = rest;
        let place = u64::from(*place % 65).to_be_bytes();
        let context = [field(b"otpgate/v1/memory"), field(b"default"), place.to_vec()].concat();
        let name = keys.name("mem", &place);
        if documents.iter().all(|(known, _)| *known != name) {
            // The head begins with the newest order that was lifted.
            let content = match place {
                [.., 0] => [&[0; 8], &*summed(content)].concat(),
                _ => summed(content),
            };
            documents.push((name, keys.seal(&context, &content)));
        }
    }
    let house = House::with(documents);
    block_on(house.gate.warm_up()).unwrap();
    assert_eq!(block_on(house.gate.controls().list()).unwrap(), []);
    house.ask();
    block_on(house.gate.snapshot()).unwrap();
    // What cannot be read is left for a day to a release that can, and then saved over.
    if block_on(house.gate.save_detector()).is_err() {
        house.clock.advance(Duration::from_secs(25 * 60 * 60));
        block_on(house.gate.save_detector()).unwrap();
    }
}

/// What other gates say in the journal.
fn journal(plain: &[u8]) {
    let keys = Keys::new();
    let house = House::with([]);
    let sealed = keys.seal(b"otpgate/v1/news/default", plain);
    for author in [1_u64, 2] {
        let append = [&author.to_be_bytes()[..], &sealed].concat();
        house.write(
            Vec::new(),
            Some(Exchange { journal: keys.name("news", b""), append, after: 0 }),
        );
    }
    house.visit();
}

/// What a network said of the one number, before what else stands on its shelf.
fn shelf(plain: &[u8]) {
    let keys = Keys::new();
    let (name, context) = keys.shelf();
    let number = keys.number();
    let plain = [&[1][..], number.as_bytes(), plain].concat();
    let house = House::with([(name, keys.seal(&context, &plain))]);
    house.visit();
}

/// Where the one message's send and its receipts meet: the other of the two was there before, or
/// something that reads like none.
fn hole(plain: &[u8]) {
    let Some((kind, content)) = plain.split_first() else { return };
    let keys = Keys::new();
    let (name, context) = keys.hole();
    let content = match kind % 3 {
        0 => {
            let sealed = Keys::of("record").seal(b"3", content);
            Base64UrlUnpadded::encode_string(&sealed).into_bytes()
        }
        _ => content.to_vec(),
    };
    let until = (NOW.as_millis() + 60_000).to_be_bytes();
    let message = keys.message();
    let plain = [&[kind % 3][..], message.as_bytes(), &until, &field(&content)].concat();
    let house = House::with([(name, keys.seal(&context, &plain))]);
    house.receive(None);
    house.visit();
    house.receive(None);
    // A send of this very number may have left it without a text for now.
    assert!(
        kind % 3 == 0 || house.outbox.handed_off() == 1,
        "left out, and nothing else was wrong"
    );
}

/// A record that a gate has sealed, or that its key would open.
fn record(plain: &[u8]) {
    let sealed = Keys::of("record").seal(b"3", plain);
    let record = SendRecord::from_text(Base64UrlUnpadded::encode_string(&sealed));
    let house = House::with([]);
    let _ = house.gate.receipt(&record, DeliveryStatus::Delivered);
    let _ = house.gate.receipt(&record, DeliveryStatus::Undelivered);
    let _ = house.gate.report(&record, ReportedOutcome::Worthless);
    house.receive(Some(record.as_str()));
}

/// Bytes that no gate has sealed, in the place of everything that one reads.
fn unsealed(bytes: &[u8]) {
    let keys = Keys::new();
    let places = [keys.name("mem", &[0; 8]), keys.shelf().0, keys.hole().0];
    let house = House::with(places.map(|name| (name, bytes.to_vec())));
    let append = [&[1; 8], bytes].concat();
    house.write(Vec::new(), Some(Exchange { journal: keys.name("news", b""), append, after: 0 }));
    house.ask();
    house.receive(None);
    assert_eq!(house.outbox.handed_off(), 1, "left out, and nothing else was wrong");

    let house = House::with([(keys.name("ctrl", b""), bytes.to_vec())]);
    assert!(block_on(house.gate.controls().list()).is_err());
    assert!(block_on(house.enter()).is_err());
    house.refuses_all();
}

/// A store that has gone mad: what it answers has other lengths than it was asked for, and other
/// values.
fn odd(bytes: &[u8]) {
    let house =
        House::of(|store| Odd { store, left: Mutex::new(bytes.iter().rev().copied().collect()) });
    house.visit();
    if let Some(grant) = house.ask() {
        let _ = block_on(house.gate.entry(&grant, &house.client));
        let _ = block_on(house.gate.resend(&grant, &house.client));
    }
    house.receive(None);
    let _ = block_on(house.gate.controls().list());
    let _ = block_on(house.enter());
    let _ = block_on(house.gate.snapshot());
    let _ = block_on(house.gate.save_detector());
}

struct House {
    gate: Gate,
    store: Arc<MemoryStore>,
    outbox: TransportHandle,
    clock: ManualClock,
    client: ClientContext,
}

impl House {
    /// A shop whose store holds these documents already.
    fn with(documents: impl IntoIterator<Item = (Pseudonym, Vec<u8>)>) -> Self {
        let house = Self::of(|store| store);
        let write = |(document, content)| DocumentWrite { document, expect: 0, content };
        house.write(documents.into_iter().map(write).collect(), None);
        house
    }

    fn of<S: Store>(wrapped: impl FnOnce(Arc<MemoryStore>) -> S) -> Self {
        static MESSAGE: OnceLock<MessageFormat> = OnceLock::new();
        let message = MESSAGE.get_or_init(|| {
            let host = OriginHost::new("example.com").unwrap();
            MessageFormat::builder("Example").origin(host).build().unwrap()
        });
        let clock = ManualClock::new(NOW);
        let store = MemoryStore::builder().capacity(10_000).clock(clock.clone()).build();
        let store = Arc::new(store);
        let (transport, outbox) = ScriptedTransport::new();
        let mut policy = Policy::default();
        policy.token.human_time = HumanTime::ZERO;
        policy.token.work = WorkBits::NONE;
        policy.signals.ask = AskNetwork::Always;
        let gate = Gate::builder()
            .keys(KeyRing::new(KeyId(1), Pepper::from_bytes(PEPPER).unwrap()))
            .store(wrapped(store.clone()))
            .transport(ById(transport))
            .message(message.clone())
            .countries([Region::DE])
            .daily_budget(Money::dollars(20))
            .clock(clock.clone())
            .signals(Network)
            .policy(policy)
            .build()
            .unwrap();
        let client = ClientContext::from_peer([192, 0, 2, 7].into(), "session-1");
        Self { gate, store, outbox, clock, client }
    }

    fn write(&self, documents: Vec<DocumentWrite>, exchange: Option<Exchange>) {
        // Another one for each author, or the second would count as the first once more.
        let author = exchange.as_ref().map_or(0, |exchange| exchange.append[7]);
        let id = RequestId::from_bytes([author; 16]);
        let until = NOW + Duration::from_secs(60);
        let mut admission = Admission::new(id, NOW, self.gate.deployment(), until);
        (admission.documents, admission.exchange) = (documents, exchange);
        let admitted = block_on(self.store.admit(&admission)).unwrap();
        assert!(matches!(admitted, Admitted::Granted { .. }), "{admitted:?}");
    }

    /// Asks for a text, and enters a wrong code and the right one.
    fn visit(&self) {
        let Some(grant) = self.ask() else { return };
        let _ = block_on(self.gate.verify(&grant, "123456", &self.client));
        if let Some(code) = self.outbox.last_code() {
            let _ = block_on(self.gate.verify(&grant, &code, &self.client));
        }
    }

    /// Asks for a text; where it can be entered, if one went out.
    fn ask(&self) -> Option<EntryGrant> {
        let number = Recipient::parse(NUMBER, None).unwrap();
        let ticket = self.gate.preflight(&Purpose::SIGN_UP, &self.client).unwrap();
        let proof = ticket.answer(NUMBER).unwrap();
        let sent = block_on(self.gate.request(&proof, &number, &Purpose::SIGN_UP, &self.client));
        let Ok(Sent::Issued(issued)) = sent else { return None };
        Some(issued.into_grant())
    }

    /// Has a receipt come for this record, or for the message that every hole has room for.
    fn receive(&self, record: Option<&str>) {
        let url = "https://hooks.example.com/sms";
        let request = ReceiptRequest { method: "POST", url, headers: &[], body: &[] };
        for state in [ReceiptState::Delivered, ReceiptState::Undelivered] {
            let receipt = Receipt::verified("fuzz", MESSAGE, state, "word").with_key(record);
            let receipt = if record.is_none() { receipt.found_by_id() } else { receipt };
            let _ = block_on(self.gate.receipts(&Said(receipt.in_segments(Some(2))), &request));
        }
    }

    async fn enter(&self) -> Result<(), otpgate::ControlsError> {
        let (reason, actor) = (Reason::new("an incident").unwrap(), Actor::new("ada").unwrap());
        let target = Target::Country(Region::DE);
        let controls = self.gate.controls();
        controls.enter(target, Effect::CountryOff, reason, actor, None).await.map(drop)
    }

    /// Nobody is sent a text while nobody knows whom the operators have switched off.
    fn refuses_all(&self) {
        let number = Recipient::parse(NUMBER, None).unwrap();
        let ticket = self.gate.preflight(&Purpose::SIGN_UP, &self.client).unwrap();
        let proof = ticket.answer(NUMBER).unwrap();
        let sent = block_on(self.gate.request(&proof, &number, &Purpose::SIGN_UP, &self.client));
        assert!(sent.is_err() && self.outbox.handed_off() == 0, "{sent:?}");
    }
}

#[derive(Debug)]
struct Network;

#[async_trait]
impl NumberSignals for Network {
    async fn look_up(&self, _: &SignalsQuery) -> Result<Signals, SignalsError> {
        Ok(Signals::default().ported(true))
    }
}

/// A provider whose receipts tell nothing of a text but its own name for it.
#[derive(Debug)]
struct ById(ScriptedTransport);

#[async_trait]
impl SmsTransport for ById {
    async fn hand_off(&self, sms: &OutboundSms) -> Result<Handoff, HandoffError> {
        self.0.hand_off(sms).await?;
        Ok(Handoff::accepted(MESSAGE).with_receipts_by_id())
    }
}

/// A provider that signs this.
#[derive(Debug)]
struct Said(Receipt);

impl ReceiptVerifier for Said {
    fn verify(&self, _: &ReceiptRequest<'_>, _: Timestamp) -> Result<Vec<Receipt>, ReceiptError> {
        Ok(vec![self.0.clone()])
    }
}

/// A store whose answers are spoilt by the bytes that are left, and right once none is.
#[derive(Debug)]
struct Odd {
    store: Arc<MemoryStore>,
    left: Mutex<Vec<u8>>,
}

impl Odd {
    fn next(&self) -> u8 {
        self.left.lock().unwrap().pop().unwrap_or(0)
    }

    fn number(&self) -> u64 {
        match self.next() % 6 {
            0 => 0,
            1 => 1,
            2 => u64::from(self.next()),
            3 => NOW.as_millis(),
            4 => NOW.as_millis() + 60_000,
            _ => u64::MAX,
        }
    }

    fn time(&self) -> Timestamp {
        Timestamp::from_millis(self.number())
    }

    fn span(&self) -> Duration {
        if self.next() % 4 == 0 { Duration::MAX } else { Duration::from_millis(self.number()) }
    }

    fn spoil<T>(&self, list: &mut Vec<T>, new: impl Fn() -> T) {
        match self.next() % 5 {
            0 | 1 => {}
            2 => drop(list.pop()),
            3 => list.push(new()),
            _ => list.iter_mut().for_each(|item| *item = new()),
        }
    }

    fn document(&self) -> Document {
        let length = usize::from(self.next());
        Document { version: self.number(), content: (0..length).map(|_| self.next()).collect() }
    }

    fn news(&self, news: &mut News) {
        self.spoil(&mut news.entries, || (self.number(), self.document().content));
        if self.next() % 3 == 2 {
            news.latest = self.number();
        }
    }

    fn fails(&self) -> Result<(), StoreError> {
        let kind = match self.next() {
            250 => StoreErrorKind::Unavailable,
            251 => StoreErrorKind::Indeterminate,
            252 => StoreErrorKind::Full,
            253 => StoreErrorKind::Corrupt,
            254 => StoreErrorKind::Clock,
            _ => return Ok(()),
        };
        Err(StoreError::new(kind, "spoilt"))
    }
}

#[async_trait]
impl Store for Odd {
    async fn admit(&self, admission: &Admission) -> Result<Admitted, StoreError> {
        let mut admitted = self.store.admit(admission).await?;
        self.fails()?;
        match &mut admitted {
            Admitted::Granted { counts, step, observed, news } => {
                self.spoil(counts, || self.number());
                self.spoil(observed, || self.number());
                self.news(news);
                if self.next() % 3 == 2 {
                    *step = self.number();
                }
            }
            Admitted::Exhausted { counts, observed, news, .. } => {
                self.spoil(counts, || self.number());
                self.spoil(observed, || self.number());
                self.news(news);
            }
            _ => {}
        }
        let index = usize::from(self.next());
        Ok(match self.next() {
            250 => Admitted::Exhausted {
                index,
                retry_after: self.span(),
                counts: Vec::new(),
                observed: Vec::new(),
                news: News::default(),
            },
            251 => Admitted::NonceSpent { index },
            252 => Admitted::ChallengeGone,
            253 => Admitted::Stale {
                document: Pseudonym::from_bytes([self.next(); 16]),
                version: self.number(),
            },
            _ => admitted,
        })
    }

    async fn settle(&self, settlement: &Settlement) -> Result<(), StoreError> {
        self.store.settle(settlement).await?;
        self.fails()
    }

    async fn redeem(&self, redemption: &Redemption) -> Result<Redeemed, StoreError> {
        let mut redeemed = self.store.redeem(redemption).await?;
        self.fails()?;
        self.spoil(&mut redeemed.observed, || self.number());
        self.news(&mut redeemed.news);
        let count = u32::try_from(self.number()).unwrap_or(u32::MAX);
        match self.next() {
            250 => redeemed.verdict = Verdict::Accepted { attempts: count, opened: self.time() },
            251 => redeemed.verdict = Verdict::Mismatch { left: count },
            252 => {
                let (index, retry_after) = (usize::from(self.next()), self.span());
                redeemed.verdict = Verdict::Exhausted { index, retry_after };
            }
            253 => redeemed.verdict = Verdict::Locked,
            _ => {}
        }
        Ok(redeemed)
    }

    async fn tally(&self, query: &TallyQuery) -> Result<Tallies, StoreError> {
        let mut tallies = self.store.tally(query).await?;
        self.fails()?;
        let reading = || Reading { count: self.number(), retry_after: self.span() };
        self.spoil(&mut tallies.meters, reading);
        self.spoil(&mut tallies.marks, || {
            (self.next() % 2 == 1).then(|| (self.time(), self.time()))
        });
        self.spoil(&mut tallies.challenges, || match self.next() % 4 {
            0 => ChallengeState::Locked,
            1 => ChallengeState::Consumed,
            2 => ChallengeState::Unknown,
            _ => ChallengeState::Live {
                left: u32::try_from(self.number()).unwrap_or(u32::MAX),
                expires: self.time(),
                closes: self.time(),
            },
        });
        self.spoil(&mut tallies.documents, || self.document());
        self.news(&mut tallies.news);
        Ok(tallies)
    }
}

/// The keys of a gate, as it derives them, and what it names and seals with them.
struct Keys {
    index: [u8; 32],
    realm: [u8; 32],
    stream: [u8; 32],
    tag: [u8; 32],
}

impl Keys {
    fn new() -> Self {
        static RIGHT: OnceLock<()> = OnceLock::new();
        let keys = Self::of("paper");
        RIGHT.get_or_init(|| keys.are_right());
        keys
    }

    /// The names, and the key of one kind of seal.
    fn of(label: &str) -> Self {
        let index = tag(&PEPPER, &[b"otpgate/v1/derive", b"index"]);
        let label = label.as_bytes();
        Self {
            realm: tag(&index, &[b"otpgate/v2/realm", b"default"]),
            stream: tag(&index, &[b"otpgate/v2/seal/stream", label]),
            tag: tag(&index, &[b"otpgate/v2/seal/tag", label]),
            index,
        }
    }

    /// What a gate has sealed under a name of this one opens here, or nothing here would reach a
    /// reader.
    fn are_right(&self) {
        let house = House::with([]);
        block_on(house.enter()).unwrap();
        let mut query = TallyQuery::new(NOW, house.gate.deployment());
        query.documents = vec![self.name("ctrl", b"")];
        let sealed = block_on(house.store.tally(&query)).unwrap().documents.remove(0).content;
        let (nonce, rest) = sealed.split_first_chunk().unwrap();
        let plain = self.stirred(nonce, &rest[..rest.len() - 16]);
        assert_eq!(ControlBook::decode(&plain).unwrap().entries().len(), 1);
        assert_eq!(self.sealed(b"otpgate/v1/controls/default", nonce, &plain), sealed);
    }

    fn name(&self, kind: &str, value: &[u8]) -> Pseudonym {
        short(&self.realm, &[kind.as_bytes(), value])
    }

    /// A name that all realms share.
    fn shared(&self, kind: &str, value: &str) -> Pseudonym {
        short(&self.index, &[b"og2", kind.as_bytes(), value.as_bytes()])
    }

    fn number(&self) -> Pseudonym {
        self.name("line", &Recipient::parse(NUMBER, None).unwrap().line_key().to_bytes())
    }

    fn message(&self) -> Pseudonym {
        self.shared("message", MESSAGE)
    }

    /// Where the answers about the one number are kept.
    fn shelf(&self) -> (Pseudonym, Vec<u8>) {
        let [.., high, low] = *self.number().as_bytes();
        let place = u16::from_be_bytes([high, low]) % 1_024;
        (self.name("shelf", &place.to_be_bytes()), b"otpgate/v1/signals/default".to_vec())
    }

    /// Where the one message's send and receipts meet.
    fn hole(&self) -> (Pseudonym, Vec<u8>) {
        let [a, b, ..] = *self.message().as_bytes();
        let place = u16::from_be_bytes([a, b]) % 1_024;
        let name = self.shared("hole", &place.to_string());
        (name, [&field(b"otpgate/v1/hole"), &name.as_bytes()[..]].concat())
    }

    fn seal(&self, context: &[u8], plain: &[u8]) -> Vec<u8> {
        self.sealed(context, &[7; 16], plain)
    }

    fn sealed(&self, context: &[u8], nonce: &[u8; 16], plain: &[u8]) -> Vec<u8> {
        let covered = [&nonce[..], &self.stirred(nonce, plain)].concat();
        let tag = short(&self.tag, &[context, &covered]);
        [&covered[..], tag.as_bytes()].concat()
    }

    /// `text` under the key's stream from the place that the nonce names.
    fn stirred(&self, nonce: &[u8; 16], text: &[u8]) -> Vec<u8> {
        let (counter, place) = nonce.split_first_chunk().unwrap();
        let mut stream = ChaCha20Rng::from_seed(self.stream);
        stream.set_stream(u64::from_le_bytes(place.try_into().unwrap()));
        stream.set_block_pos(u64::from_le_bytes(*counter) & (1_u64 << 20).wrapping_neg());
        let mut pad = vec![0; text.len()];
        stream.fill_bytes(&mut pad);
        text.iter().zip(pad).map(|(byte, pad)| byte ^ pad).collect()
    }
}

/// A field behind its length.
fn field(bytes: &[u8]) -> Vec<u8> {
    [&u32::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat()
}

fn tag(key: &[u8; 32], fields: &[&[u8]]) -> [u8; 32] {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key).unwrap();
    fields.iter().for_each(|bytes| mac.update(&field(bytes)));
    mac.finalize().into_bytes().into()
}

fn short(key: &[u8; 32], fields: &[&[u8]]) -> Pseudonym {
    Pseudonym::from_bytes(*tag(key, fields).first_chunk().unwrap())
}
