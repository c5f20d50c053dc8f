//! The detector's memory as bytes, so that a restart or a deploy forgets nothing that matters.
//!
//! Own codec: a version, counted sections with hard bounds, and a checksum against damage. It is not
//! authenticated; whoever keeps the bytes outside the process must seal them (they hold numbers of
//! the last half hour).

use super::country::Country;
use super::detector::{Detector, OperatorRule, Surge};
use super::evidence::NullIndex;
use super::journal::CodecError;
use super::level::{ClientNet, Level, NodeId, Subject};
use super::node::{Node, State};
use super::session::{OpenStepUp, PATH, Session};
use super::table::{NONE, mix};

const VERSION: u8 = 1;
/// No honest snapshot is larger; a claim beyond it is refused before anything is allocated.
const LARGEST: usize = 256 << 20;

/// Appends big-endian fields.
#[derive(Default)]
struct Writer(Vec<u8>);

impl Writer {
    fn u8(&mut self, x: u8) {
        self.0.push(x);
    }
    fn u16(&mut self, x: u16) {
        self.0.extend_from_slice(&x.to_be_bytes());
    }
    fn u32(&mut self, x: u32) {
        self.0.extend_from_slice(&x.to_be_bytes());
    }
    fn u64(&mut self, x: u64) {
        self.0.extend_from_slice(&x.to_be_bytes());
    }
    fn f32(&mut self, x: f32) {
        self.u32(x.to_bits());
    }
    fn floats(&mut self, all: &[f32]) {
        for x in all {
            self.f32(*x);
        }
    }
    fn count(&mut self, n: usize) {
        self.u32(u32::try_from(n).unwrap_or(u32::MAX));
    }
    fn subject(&mut self, s: &Subject) {
        self.0.extend_from_slice(&s.region);
        self.u64(s.digits);
        self.u8(u8::from(s.known));
        self.u8(s.purpose);
        self.u32(s.price_microusd);
        self.u64(s.client.to_bits());
    }
}

/// Reads them back; every read can fail.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], CodecError> {
        let (head, rest) = self.0.split_first_chunk::<N>().ok_or(CodecError::Length)?;
        self.0 = rest;
        Ok(*head)
    }
    fn u8(&mut self) -> Result<u8, CodecError> {
        self.take::<1>().map(|[x]| x)
    }
    fn u16(&mut self) -> Result<u16, CodecError> {
        self.take().map(u16::from_be_bytes)
    }
    fn u32(&mut self) -> Result<u32, CodecError> {
        self.take().map(u32::from_be_bytes)
    }
    fn u64(&mut self) -> Result<u64, CodecError> {
        self.take().map(u64::from_be_bytes)
    }
    /// Finite and of a size any counter or evidence may have.
    fn f32(&mut self) -> Result<f32, CodecError> {
        let x = f32::from_bits(self.u32()?);
        if x.is_finite() && x.abs() < 1e12 { Ok(x) } else { Err(CodecError::Damaged) }
    }
    fn floats(&mut self, all: &mut [f32]) -> Result<(), CodecError> {
        for x in all {
            *x = self.f32()?;
        }
        Ok(())
    }
    fn flag(&mut self) -> Result<bool, CodecError> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(CodecError::Damaged),
        }
    }
    /// A count whose items, `size` bytes each, must all be there.
    fn count(&mut self, size: usize) -> Result<usize, CodecError> {
        let n = self.u32()? as usize;
        if n.saturating_mul(size) <= self.0.len() { Ok(n) } else { Err(CodecError::Length) }
    }
    fn region(&mut self) -> Result<[u8; 2], CodecError> {
        let region = self.take::<2>()?;
        if region.iter().all(u8::is_ascii_alphanumeric) {
            Ok(region)
        } else {
            Err(CodecError::Damaged)
        }
    }
    fn subject(&mut self) -> Result<Subject, CodecError> {
        Ok(Subject {
            region: self.region()?,
            digits: self.u64()?,
            known: self.flag()?,
            purpose: self.u8()?,
            price_microusd: self.u32()?,
            client: ClientNet::from_bits(self.u64()?),
        })
    }
}

const SUBJECT: usize = 24;

impl Detector {
    /// All state as bytes. Takes time proportional to the number of nodes.
    #[must_use]
    pub fn snapshot(&self) -> Vec<u8> {
        let mut w = Writer::default();
        w.u8(VERSION);
        w.u64(self.now);
        w.u64(self.born);
        w.floats(&self.trust);
        w.count(self.countries.len());
        for country in &self.countries {
            write_country(&mut w, country);
        }
        w.count(self.table.len());
        for (_, node) in self.table.iter() {
            write_node(&mut w, node);
        }
        let live: Vec<_> = self.sessions.slab.iter().filter(|s| s.live).collect();
        w.count(live.len());
        for session in live {
            write_session(&mut w, session);
        }
        // in order of asking, so that the same state gives the same bytes
        let mut asked: Vec<_> = self.sessions.step_ups.values().collect();
        asked.sort_by_key(|open| (open.asked_at, open.subject.digits, open.subject.purpose));
        w.count(asked.len());
        for open in asked {
            w.subject(&open.subject);
            w.u64(open.asked_at);
            w.u8(open.stage);
        }
        let mut numbers: Vec<_> = self.sessions.numbers.iter().collect();
        numbers.sort_by_key(|(digits, count)| (count.at, **digits));
        w.count(numbers.len());
        for (digits, count) in numbers {
            w.u64(*digits);
            w.f32(count.sends);
            w.u16(count.sessions);
            w.u8(count.failed);
            w.u64(count.at);
        }
        let known: Vec<_> = self.known.rows().collect();
        w.count(known.len());
        for row in known {
            w.u64(row);
        }
        w.count(self.surges.len());
        for surge in &self.surges {
            w.0.extend_from_slice(&surge.region);
            w.f32(surge.factor);
            w.u64(surge.until);
        }
        let mut rules: Vec<_> = self.rules.iter().collect();
        rules.sort_by_key(|(name, _)| **name);
        w.count(rules.len());
        for (name, rule) in rules {
            w.u64(*name);
            w.u8(u8::from(matches!(rule, OperatorRule::Block { .. })));
            w.u64(rule.until());
        }
        let check = checksum(&w.0);
        w.u64(check);
        w.0
    }

    /// Takes over the state of a snapshot, keeping this detector's tuning, costs and gate.
    ///
    /// # Errors
    /// [`CodecError`] when the bytes are cut, damaged or of another version; nothing changes then.
    pub fn restore(&mut self, bytes: &[u8]) -> Result<(), CodecError> {
        if bytes.len() > LARGEST {
            return Err(CodecError::Length);
        }
        let (body, check) = bytes.split_last_chunk::<8>().ok_or(CodecError::Length)?;
        match body.first() {
            Some(&VERSION) => {}
            Some(&other) => return Err(CodecError::Version(other)),
            None => return Err(CodecError::Length),
        }
        if u64::from_be_bytes(*check) != checksum(body) {
            return Err(CodecError::Damaged);
        }
        let mut fresh = Self::with(self.journal.gate(), self.tuning.clone(), self.costs);
        fresh.read(&mut Reader(body.get(1..).unwrap_or_default()))?;
        std::mem::swap(&mut fresh.journal, &mut self.journal);
        *self = fresh;
        Ok(())
    }

    fn read(&mut self, r: &mut Reader<'_>) -> Result<(), CodecError> {
        self.now = r.u64()?;
        self.born = r.u64()?;
        r.floats(&mut self.trust)?;
        for slot in 0..r.count(100)? {
            let country = read_country(r)?;
            let [a, b] = country.region;
            let name = (u64::from(a) << 8) | u64::from(b);
            let slot = u16::try_from(slot).map_err(|_| CodecError::Damaged)?;
            if slot >= 700 || self.country_index.insert(name, slot).is_some() {
                return Err(CodecError::Damaged);
            }
            self.countries.push(country);
        }
        for _ in 0..r.count(100)? {
            let mut node = read_node(r)?;
            let id = NodeId::from_bits(node.id).ok_or(CodecError::Damaged)?;
            if self.table.find(id).is_some() || usize::from(node.country) >= self.countries.len() {
                return Err(CodecError::Damaged);
            }
            // counted again below, from the records themselves
            node.pending = 0;
            node.asking = 0;
            self.table.insert(node, 0);
        }
        for _ in 0..r.count(SUBJECT)? {
            let mut session = read_session(r)?;
            self.resolve(&mut session);
            let waits = !session.verified && session.stage < 4;
            let path = session.path;
            if self.sessions.add(session).is_some() && waits {
                self.each(&path, |node| node.pending = node.pending.saturating_add(1));
            }
        }
        self.sessions.sort_queues();
        for _ in 0..r.count(SUBJECT)? {
            let (subject, asked_at, stage) = (r.subject()?, r.u64()?, r.u8()?);
            self.sessions.reopen(
                OpenStepUp { subject, asked_at, stage, generation: 0 },
                self.tuning.asked_stages,
            );
            let known = self.is_known(&subject, asked_at);
            let path = self.find_path(&subject, known);
            self.each(&path, |node| node.asking = node.asking.saturating_add(1));
        }
        for _ in 0..r.count(23)? {
            let digits = r.u64()?;
            let (sends, sessions, failed, at) = (r.f32()?, r.u16()?, r.u8()?, r.u64()?);
            self.sessions.put_number(digits, sends, sessions, failed, at);
        }
        for _ in 0..r.count(8)? {
            let row = r.u64()?;
            self.known.restore_row(row);
        }
        for _ in 0..r.count(14)?.min(256) {
            let (region, factor, until) = (r.region()?, r.f32()?, r.u64()?);
            self.surges.push(Surge { region, factor: factor.clamp(1.0, 1_000.0), until });
        }
        for _ in 0..r.count(17)? {
            let (name, block, until) = (r.u64()?, r.flag()?, r.u64()?);
            let rule =
                if block { OperatorRule::Block { until } } else { OperatorRule::Forbid { until } };
            self.rules.insert(name, rule);
        }
        if r.0.is_empty() { Ok(()) } else { Err(CodecError::Length) }
    }

    /// Finds the session's nodes in this table again.
    fn resolve(&self, session: &mut Session) {
        let mut path = [NONE; PATH];
        if session.known {
            let groups = [
                NodeId::region(Level::KnownCountry, session.subject.region),
                NodeId::pool(Level::Known),
            ];
            for (place, id) in path.iter_mut().zip(groups) {
                *place = self.table.find(id).unwrap_or(NONE);
            }
        } else {
            for (i, (place, id)) in path.iter_mut().zip(Self::names(&session.subject)).enumerate() {
                // a slot that was empty when the session began stays empty
                if session.path.get(i).is_some_and(|slot| *slot != NONE) {
                    *place = self.table.find(id).unwrap_or(NONE);
                }
            }
        }
        session.path = path;
        let [a, b] = session.subject.region;
        let name = (u64::from(a) << 8) | u64::from(b);
        session.country = self.country_index.get(&name).copied().unwrap_or(u16::MAX);
    }
}

fn write_country(w: &mut Writer, c: &Country) {
    w.0.extend_from_slice(&c.region);
    w.u32(c.sessions);
    c.conversion.iter().for_each(|pair| w.floats(pair));
    c.hours.iter().for_each(|bins| w.floats(bins));
    w.u16(c.day);
    w.u8(c.days);
    w.floats(&c.control);
    w.floats(&c.receipts);
    w.u64(c.control_at);
    w.floats(&c.control_base);
}

fn read_country(r: &mut Reader<'_>) -> Result<Country, CodecError> {
    let mut c = Country::new(r.region()?, 0);
    c.sessions = r.u32()?;
    for pair in &mut c.conversion {
        r.floats(pair)?;
    }
    for bins in &mut c.hours {
        r.floats(bins)?;
    }
    c.day = r.u16()?;
    c.days = r.u8()?;
    r.floats(&mut c.control)?;
    r.floats(&mut c.receipts)?;
    c.control_at = r.u64()?;
    r.floats(&mut c.control_base)?;
    Ok(c)
}

fn write_node(w: &mut Writer, n: &Node) {
    w.u64(n.id);
    w.u64(n.at);
    w.floats(&n.bets);
    w.floats(&[n.asked, n.share]);
    w.u32(n.share_seen);
    w.floats(&[n.verified_quarter, n.verified_slow, n.attempts, n.passed, n.failed, n.gap]);
    w.u64(n.last_attempt);
    w.u16(n.day);
    w.floats(&[n.today, n.yesterday, n.weekly]);
    w.u8(n.days);
    w.u16(n.country);
    w.u32(n.warm);
    w.u8(n.state as u8);
    w.u8(n.strikes);
    w.u64(n.share_until);
    w.u64(n.since);
    w.u64(n.until);
}

fn read_node(r: &mut Reader<'_>) -> Result<Node, CodecError> {
    let mut n = Node { id: r.u64()?, at: r.u64()?.max(1), ..Node::default() };
    r.floats(&mut n.bets)?;
    n.asked = r.f32()?;
    n.share = r.f32()?;
    n.share_seen = r.u32()?;
    n.verified_quarter = r.f32()?;
    n.verified_slow = r.f32()?;
    n.attempts = r.f32()?;
    n.passed = r.f32()?;
    n.failed = r.f32()?;
    n.gap = r.f32()?;
    n.last_attempt = r.u64()?;
    n.day = r.u16()?;
    n.today = r.f32()?;
    n.yesterday = r.f32()?;
    n.weekly = r.f32()?;
    n.days = r.u8()?;
    n.country = r.u16()?;
    n.warm = r.u32()?;
    n.state = match r.u8()? {
        0 => State::Open,
        1 => State::Asking,
        2 => State::Refusing,
        _ => return Err(CodecError::Damaged),
    };
    n.strikes = r.u8()?;
    n.share_until = r.u64()?;
    n.since = r.u64()?;
    n.until = r.u64()?;
    Ok(n)
}

fn write_session(w: &mut Writer, s: &Session) {
    w.subject(&s.subject);
    let places = s.path.iter().enumerate().filter(|(_, slot)| **slot != NONE);
    w.u16(places.fold(0, |bits, (place, _)| bits | 1 << place));
    w.u8(s.null.0);
    w.u8(s.stage);
    w.floats(&[s.weight.0, s.weight.1]);
    w.u64(s.sent_at);
    let flags = [s.known, s.verified, s.undelivered, s.control];
    w.u8(flags.iter().enumerate().fold(0, |bits, (i, on)| bits | u8::from(*on) << i));
}

fn read_session(r: &mut Reader<'_>) -> Result<Session, CodecError> {
    let subject = r.subject()?;
    let places = r.u16()?;
    let path = std::array::from_fn(|place| if places >> place & 1 == 1 { 0 } else { NONE });
    let null = NullIndex(r.u8()?);
    let stage = r.u8()?;
    let weight = (r.f32()?, r.f32()?);
    let sent_at = r.u64()?;
    let flags = r.u8()?;
    if stage > 4 || flags > 15 {
        return Err(CodecError::Damaged);
    }
    Ok(Session {
        key: super::session::session_key(&subject),
        subject,
        path,
        null,
        country: 0,
        stage,
        weight,
        sent_at,
        generation: 0,
        live: true,
        known: flags & 1 != 0,
        verified: flags & 2 != 0,
        undelivered: flags & 4 != 0,
        control: flags & 8 != 0,
    })
}

fn checksum(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let start = bytes.len() as u64;
    let sum = words.iter().fold(start, |sum, word| mix(sum ^ u64::from_be_bytes(*word)));
    rest.iter().fold(sum, |sum, byte| mix(sum ^ u64::from(*byte)))
}
