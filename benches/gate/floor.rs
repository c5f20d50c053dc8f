//! The same HMACs and the same map touches, written by hand, and nothing else.
//!
//! No types, no limits, no refusals, no locks but the maps' own: each touch adds to a counter. The
//! inputs of the HMACs are as long as the gate's. `docs/performance-measurements.md`
//! lists what is counted.
#![allow(dead_code)] // each bench uses its own part

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::hint::black_box;
use std::sync::Mutex;
use std::time::Duration;

use base64ct::{Base64UrlUnpadded, Encoding};
use cpu_time::ThreadTime;
use dashmap::DashMap;
use hmac::{Hmac, KeyInit, Mac};
use rand::Rng;
use sha2::{Digest, Sha256};

use super::world::{BATCH, mix};

type Key = [u8; 16];
type Map<V> = DashMap<Key, V, BuildHasherDefault<Through>>;

/// Numbers resident; the order in which they come is the gate's.
pub struct Floor {
    mac: Hmac<Sha256>,
    /// Meters of numbers, blocks, networks, sessions, countries and the realm.
    subjects: Map<[u64; 6]>,
    /// Nonces and admissions, with their ends.
    once: Map<u64>,
    challenges: Map<Challenge>,
    documents: Map<u64>,
    detector: Mutex<Detector>,
    next: u64,
    residents: u64,
}

#[derive(Default)]
struct Detector {
    nodes: HashMap<u64, [f32; 4], BuildHasherDefault<Through>>,
    sessions: HashMap<u64, [u64; 4], BuildHasherDefault<Through>>,
    numbers: HashMap<u64, u64, BuildHasherDefault<Through>>,
    known: HashMap<u64, u64, BuildHasherDefault<Through>>,
}

/// Digest, expiry, end, opening, attempts.
type Challenge = ([u8; 32], [u64; 3], u32);

/// What the page posts: the ticket's 99 bytes, a counter and a digest, as text.
pub struct Form {
    n: u64,
    proof: String,
    session: [u8; 32],
}

/// What the host keeps: the grant as text, and the code.
pub struct Out {
    n: u64,
    grant: String,
    code: [u8; 6],
    session: [u8; 32],
}

impl Default for Floor {
    fn default() -> Self {
        Self {
            mac: Hmac::new_from_slice(&[7; 64]).unwrap(),
            subjects: Map::default(),
            once: Map::default(),
            challenges: Map::default(),
            documents: Map::default(),
            detector: Mutex::default(),
            next: 0,
            residents: 1,
        }
    }
}

impl Floor {
    pub fn populate(&mut self, residents: u64) {
        self.residents = residents;
        while self.next < residents {
            self.verify_batch();
        }
    }

    pub fn issue_batch(&mut self) -> Duration {
        let forms = self.forms();
        let mut out = Vec::with_capacity(forms.len());
        let started = ThreadTime::now();
        for form in &forms {
            out.push(self.issue(form));
        }
        let took = started.elapsed();
        out.iter().for_each(|out| self.verify(out));
        took
    }

    pub fn verify_batch(&mut self) -> Duration {
        let out: Vec<_> = self.forms().iter().map(|form| self.issue(form)).collect();
        let started = ThreadTime::now();
        out.iter().for_each(|out| self.verify(out));
        started.elapsed()
    }

    pub fn forms(&mut self) -> Vec<Form> {
        // What has expired at the gate is gone here too, or the maps would grow without end.
        if self.once.len() > 4_096 {
            self.once.clear();
            self.challenges.clear();
        }
        let first = self.next;
        self.next += BATCH;
        let form = |call: u64| {
            let n = call % self.residents;
            let mut ticket = [0; 99];
            rand::rng().fill_bytes(&mut ticket[..67]);
            let mut session = [b'a'; 32];
            session[..8].copy_from_slice(&mix(call).to_le_bytes());
            ticket[51..67].copy_from_slice(&self.tag(&binding(&session))[..16]);
            let mac = self.tag(&labelled::<93>(&ticket[..67]));
            ticket[67..].copy_from_slice(&mac);
            let digest = work(&ticket, n);
            let bytes = [&ticket[..], &[0; 4], &digest].concat();
            Form { n, proof: Base64UrlUnpadded::encode_string(&bytes), session }
        };
        (first..first + BATCH).map(form).collect()
    }

    /// 19 HMACs, 2 hashes, 12 store touches, 13 detector touches, one text, a grant and a record.
    pub fn issue(&self, form: &Form) -> Out {
        // The proof: the ticket's MAC, its binding, its work.
        let proof = Base64UrlUnpadded::decode_vec(&form.proof).unwrap();
        let ticket: &[u8; 99] = proof[..99].try_into().unwrap();
        assert!(self.tag(&labelled::<93>(&ticket[..67])) == ticket[67..]);
        assert!(self.tag(&binding(&form.session))[..16] == ticket[51..67]);
        assert!(work(ticket, form.n) == proof[103..]);

        // Names: number, block, network, the two around it, session, nonce.
        let [line, block, own, campus] = self.lines(form.n);
        let allocation = self.allocation(form.n);
        let session = self.name(&labelled::<62>(&form.session));
        let nonce = self.name(&labelled::<47>(&ticket[19..35]));

        // The code, the verification's name, the code's digest, the text.
        let mut random = [0; 40];
        rand::rng().fill_bytes(&mut random);
        let number = u64::from_le_bytes(random[..8].try_into().unwrap()) % 1_000_000;
        let code = format!("{number:06}");
        let id: &[u8; 16] = random[8..24].try_into().unwrap();
        let call: Key = random[24..].try_into().unwrap();
        let text = format!(
            "{code} is your Example code, valid for {} min. Never share it with anyone.\n\
             @example.com #{code}",
            10
        );
        black_box(&text);
        let digest = self.tag(&coded(id, &line, code.as_bytes()));
        let challenge = self.name(&labelled::<46>(id));

        // The store: one look at the controls, eight subjects, a nonce, a call, a verification.
        black_box(self.documents.get(&[1; 16]).is_some());
        for (key, meters) in [
            (line, 4),
            (own, 1),
            (campus, 2),
            (allocation, 2),
            (session, 1),
            (block, 1),
            (country(form.n), 2),
            ([2; 16], 3),
        ] {
            let mut subject = self.subjects.entry(key).or_default();
            subject.iter_mut().take(meters).for_each(|meter| *meter += 1);
        }
        assert!(self.once.insert(nonce, 1).is_none());
        assert!(self.once.insert(call, 2).is_none());
        self.challenges.insert(challenge, (digest, [1, 2, 3], 5));

        // The detector: ten nodes, a session, the number, whether it is known.
        {
            let mut detector = self.detector.lock().unwrap();
            black_box(detector.known.get(&form.n));
            for node in nodes(form.n) {
                detector.nodes.entry(node).or_default()[0] += 1.0;
            }
            detector.sessions.insert(form.n, [form.n; 4]);
            *detector.numbers.entry(form.n).or_default() += 1;
        }

        // What the host keeps: the grant, 176 bytes, and the record, 64.
        let mut grant = [7; 176];
        grant[5..21].copy_from_slice(id);
        self.stream(&mut grant[21..160], id);
        let tag = self.tag(&labelled::<224>(&grant[5..160]));
        grant[160..].copy_from_slice(&tag[..16]);
        let mut record = [7; 61];
        self.stream(&mut record[16..45], id);
        let tag = self.tag(&labelled::<110>(&record[..45]));
        record[45..].copy_from_slice(&tag[..16]);
        black_box(Base64UrlUnpadded::encode_string(&record));
        let grant = Base64UrlUnpadded::encode_string(&grant);
        Out { n: form.n, grant, code: code.as_bytes().try_into().unwrap(), session: form.session }
    }

    /// 14 HMACs, 7 store touches, 13 detector touches, a record and a device proof.
    pub fn verify(&self, out: &Out) {
        let grant = Base64UrlUnpadded::decode_vec(&out.grant).unwrap();
        assert!(self.tag(&labelled::<224>(&grant[5..160]))[..16] == grant[160..]);
        let id: [u8; 16] = grant[5..21].try_into().unwrap();
        let mut plain = [0; 139];
        plain.copy_from_slice(&grant[21..160]);
        self.stream(&mut plain, &id);
        black_box(&plain);

        let [line, block, own] = self.three(out.n);
        black_box(self.name(&labelled::<62>(&out.session)));
        let challenge = self.name(&labelled::<46>(&id));
        let digest = self.tag(&coded(&id, &line, &out.code));
        let mut random = [0; 32];
        rand::rng().fill_bytes(&mut random);

        // The store: the verification, and six subjects.
        {
            let mut held = self.challenges.get_mut(&challenge).unwrap();
            held.2 -= 1;
            assert!(constant_time_eq::constant_time_eq_32(&held.0, &digest));
        }
        for (key, meters) in
            [(line, 2), (own, 2), (block, 1), (country(out.n), 1), ([2; 16], 1), ([3; 16], 1)]
        {
            let mut subject = self.subjects.entry(key).or_default();
            subject.iter_mut().take(meters).for_each(|meter| *meter += 1);
        }

        {
            let mut detector = self.detector.lock().unwrap();
            detector.known.insert(out.n, 1);
            for node in nodes(out.n) {
                detector.nodes.entry(node).or_default()[1] += 1.0;
            }
            detector.sessions.remove(&out.n);
            detector.numbers.remove(&out.n);
        }

        let mut record = [7; 61];
        self.stream(&mut record[16..45], &id);
        let tag = self.tag(&labelled::<110>(&record[..45]));
        record[45..].copy_from_slice(&tag[..16]);
        black_box(Base64UrlUnpadded::encode_string(&record));
        let mut device = [7; 69];
        device[5..21].copy_from_slice(&random[..16]);
        let tag = self.tag(&labelled::<83>(&device[..37]));
        device[37..].copy_from_slice(&tag);
        black_box(Base64UrlUnpadded::encode_string(&device));
    }

    fn lines(&self, n: u64) -> [Key; 4] {
        let [line, block, own] = self.three(n);
        let network = (mix(n) >> 32) % 20_000;
        [line, block, own, self.name(&labelled::<49>(&network.to_le_bytes()))]
    }

    fn allocation(&self, n: u64) -> Key {
        let network = (mix(n) >> 32) % 20_000;
        self.name(&labelled::<49>(&(1 << 32 | network).to_le_bytes()))
    }

    fn three(&self, n: u64) -> [Key; 3] {
        let line = self.name(&labelled::<38>(&n.to_le_bytes()));
        let block = self.name(&labelled::<43>(&block_of(n).to_le_bytes()));
        [line, block, self.name(&labelled::<49>(&mix(n).to_le_bytes()))]
    }

    fn stream(&self, body: &mut [u8], id: &[u8; 16]) {
        for (index, block) in body.chunks_mut(32).enumerate() {
            let mut input = labelled::<54>(id);
            input[53] = index as u8;
            let pad = self.tag(&input);
            block.iter_mut().zip(pad).for_each(|(byte, pad)| *byte ^= pad);
        }
    }

    fn name(&self, input: &[u8]) -> Key {
        self.tag(input)[..16].try_into().unwrap()
    }

    fn tag(&self, input: &[u8]) -> [u8; 32] {
        let mut mac = self.mac.clone();
        mac.update(input);
        mac.finalize().into_bytes().into()
    }
}

/// One hash of 64 bytes.
pub fn one_hash(n: u64) -> [u8; 32] {
    let mut block = [0; 64];
    block[..8].copy_from_slice(&n.to_le_bytes());
    Sha256::digest(block).into()
}

/// An input of the gate's length that ends with `value`.
fn labelled<const N: usize>(value: &[u8]) -> [u8; N] {
    let mut input = [b'l'; N];
    let at = N - value.len();
    input[at..].copy_from_slice(value);
    input
}

fn binding(session: &[u8; 32]) -> [u8; 113] {
    labelled(session)
}

fn coded(id: &[u8; 16], line: &Key, code: &[u8]) -> [u8; 106] {
    let mut input = [b'l'; 106];
    input[45..61].copy_from_slice(id);
    input[65..81].copy_from_slice(line);
    input[100..].copy_from_slice(code);
    input
}

fn work(ticket: &[u8; 99], n: u64) -> [u8; 32] {
    let mut seed = Sha256::new();
    seed.update(ticket);
    seed.update([b'l'; 22]);
    seed.update(n.to_le_bytes());
    let mut hash = Sha256::new();
    hash.update(seed.finalize());
    hash.update([0; 4]);
    hash.finalize().into()
}

fn block_of(n: u64) -> u64 {
    (n / 4 * 38_196_601 % 100_000_000) / 10_000 * 4 + n % 4
}

fn country(n: u64) -> Key {
    [4 + (n % 4) as u8; 16]
}

/// Five blocks, the country, the client, its network, two pools.
fn nodes(n: u64) -> [u64; 10] {
    let line = n / 4 * 38_196_601 % 100_000_000;
    let block = |size: u64, level: u64| mix(line / size * 4 + n % 4) ^ level;
    let network = (mix(n) >> 32) % 20_000;
    [
        block(100, 1),
        block(1_000, 2),
        block(10_000, 3),
        block(100_000, 4),
        block(1_000_000, 5),
        mix(n % 4),
        mix(n) ^ 6,
        mix(network) ^ 7,
        mix(8),
        mix(9),
    ]
}

/// Keys are uniform already.
#[derive(Default)]
pub struct Through(u64);

impl Hasher for Through {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        if let Some(word) = bytes.first_chunk() {
            self.0 = u64::from_le_bytes(*word);
        }
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = mix(word);
    }

    fn write_usize(&mut self, _: usize) {}
}
