//! One record each of a country, a node and a session.

use super::super::country::Country;
use super::super::evidence::NullIndex;
use super::super::journal::CodecError;
use super::super::level::NodeId;
use super::super::node::{Node, State};
use super::super::path::{CLIENT, KNOWN, PATH, STRANGER, places_of};
use super::super::session::{OpenStepUp, Session, session_key, withheld_key};
use super::super::sessions::NumberCount;
use super::super::table::NONE;
use super::super::together::NOBODY;
use super::codec::{Reader, Writer};

/// More than the size of a country's record.
pub(super) const COUNTRY: usize = 272;

pub(super) fn write_country(w: &mut Writer, c: &Country) {
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
    w.floats(&c.receipt_base);
}

pub(super) fn read_country(r: &mut Reader<'_>, version: u8) -> Result<Country, CodecError> {
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
    if version > 6 {
        r.floats(&mut c.receipt_base)?;
    }
    Ok(c)
}

/// The fixed part of a node's record.
pub(super) const NODE: usize = 27;
/// A node's record with all its fields.
pub(super) const NODE_MOST: usize = NODE + FLOATS * 4 + 4 * 8 + 2 * 4 + 2 * 4;
/// What `gap` is before there was one.
const NO_GAP: f32 = 600_000.0;
const GAP: usize = 9;
const FLOATS: usize = 13;

fn floats(n: &mut Node) -> [&mut f32; FLOATS] {
    let [a, b] = &mut n.bets;
    [
        a,
        b,
        &mut n.asked,
        &mut n.share,
        &mut n.verified_quarter,
        &mut n.verified_slow,
        &mut n.attempts,
        &mut n.passed,
        &mut n.failed,
        &mut n.gap,
        &mut n.today,
        &mut n.yesterday,
        &mut n.weekly,
    ]
}

fn times(n: &mut Node) -> [&mut u64; 4] {
    [&mut n.last_attempt, &mut n.share_until, &mut n.since, &mut n.until]
}

/// Most fields of most nodes are zero; only the others are written. The country goes by its letters
/// and its session count as a distance, because a record may be read beside those of another gate.
pub(super) fn write_node(w: &mut Writer, node: &Node, country: ([u8; 2], u32)) {
    let mut n = *node;
    let (region, sessions) = country;
    let behind = sessions.wrapping_sub(n.share_seen);
    let mut mask = 0_u32;
    for (bit, value) in floats(&mut n).into_iter().enumerate() {
        let usual = if bit == GAP { NO_GAP } else { 0.0 };
        mask |= u32::from(*value != usual) << bit;
    }
    for (bit, value) in (FLOATS..).zip(times(&mut n)) {
        mask |= u32::from(*value != 0) << bit;
    }
    for (bit, value) in (17..).zip([behind, n.warm]) {
        mask |= u32::from(value != 0) << bit;
    }
    let beside = n.beside();
    for (bit, value) in (19..).zip(beside) {
        mask |= u32::from(value != 0.0) << bit;
    }
    w.u64(n.id);
    w.u64(n.at);
    w.0.extend_from_slice(&region);
    w.u16(n.day);
    w.u8(n.days);
    w.u8(n.state as u8);
    w.u8(n.strikes);
    w.u32(mask);
    let has = |bit: usize| mask >> bit & 1 == 1;
    let present = floats(&mut n).into_iter().enumerate().filter(|(bit, _)| has(*bit));
    present.for_each(|(_, value)| w.f32(*value));
    let present = (FLOATS..).zip(times(&mut n)).filter(|(bit, _)| has(*bit));
    present.for_each(|(_, value)| w.u64(*value));
    let present = (17..).zip([behind, n.warm]).filter(|(bit, _)| has(*bit));
    present.for_each(|(_, value)| w.u32(value));
    let present = (19..).zip(beside).filter(|(bit, _)| has(*bit));
    present.for_each(|(_, value)| w.f32(value));
}

/// A node, its country's letters, and how far behind its country's count it was.
pub(super) fn read_node(r: &mut Reader<'_>) -> Result<(Node, [u8; 2], u32), CodecError> {
    let mut n = Node::default();
    (n.id, n.at, n.gap) = (r.u64()?, r.u64()?.max(1), NO_GAP);
    n.level = NodeId::from_bits(n.id).ok_or(CodecError::Damaged)?.level() as u8;
    let region = r.region()?;
    n.day = r.u16()?;
    n.days = r.u8()?;
    n.state = match r.u8()? {
        0 => State::Open,
        1 => State::Asking,
        2 => State::Refusing,
        _ => return Err(CodecError::Damaged),
    };
    n.strikes = r.u8()?;
    let mask = r.u32()?;
    if mask >> 21 != 0 {
        return Err(CodecError::Damaged);
    }
    let has = |bit: usize| mask >> bit & 1 == 1;
    for (bit, value) in floats(&mut n).into_iter().enumerate() {
        if has(bit) {
            *value = r.f32()?;
        }
    }
    for (bit, value) in (FLOATS..).zip(times(&mut n)) {
        if has(bit) {
            *value = r.u64()?;
        }
    }
    let behind = if has(17) { r.u32()? } else { 0 };
    n.warm = if has(18) { r.u32()? } else { 0 };
    let first = if has(19) { r.f32()? } else { 0.0 };
    let second = if has(20) { r.f32()? } else { 0.0 };
    n.restore_beside([first, second]);
    Ok((n, region, behind))
}

/// The size of a session's record.
pub(super) const SESSION: usize = 45;

pub(super) fn write_session(w: &mut Writer, s: &Session) {
    w.subject(&s.subject);
    w.u16(places_of(&s.nodes()));
    w.u8(s.null.0);
    w.u8(s.stage);
    w.floats(&[s.weight.0, s.weight.1]);
    w.u64(s.sent_at);
    let (apart, narrow) = (s.counted & CLIENT == 0, s.counted == CLIENT);
    let flags = [s.known, s.verified, s.undelivered, s.control, s.unsent, apart, narrow];
    w.u8(flags.iter().enumerate().fold(0, |bits, (i, on)| bits | u8::from(*on) << i));
}

/// An open step-up.
pub(super) fn write_step_up(w: &mut Writer, open: &OpenStepUp) {
    w.subject(&open.subject);
    w.u64(open.asked_at);
    w.u16(open.places);
    w.u8(u8::from(open.known));
    w.u8(open.stage);
}

/// The size of a number's count.
pub(super) const COUNT: usize = 23;

/// What is counted of a number.
pub(super) fn write_count(w: &mut Writer, digits: u64, count: &NumberCount) {
    w.u64(digits);
    w.f32(count.sends);
    w.u16(count.sessions);
    w.u8(count.failed);
    w.u64(count.at);
}

pub(super) fn read_session(r: &mut Reader<'_>, version: u8) -> Result<Session, CodecError> {
    let subject = r.subject()?;
    let places = r.u16()?;
    let null = NullIndex(r.u8()?);
    let stage = r.u8()?;
    let weight = (r.f32()?, r.f32()?);
    let sent_at = r.u64()?;
    let flags = r.u8()?;
    if stage > 4 || flags > 127 {
        return Err(CodecError::Damaged);
    }
    let known = flags & 1 != 0;
    let places = if known { known_places(places, version) } else { places };
    let path: [u32; PATH] =
        std::array::from_fn(|place| if places >> place & 1 == 1 { 0 } else { NONE });
    let [unsent, apart, narrow] = [16, 32, 64].map(|flag| flags & flag != 0);
    let counted = match (narrow, known) {
        (true, _) => CLIENT,
        (false, true) => KNOWN,
        (false, false) => STRANGER,
    };
    let key = session_key(&subject);
    Ok(Session {
        key: if unsent { withheld_key(key) } else { key },
        subject,
        path,
        counted: if apart { counted & !CLIENT } else { counted },
        null,
        country: 0,
        stage,
        weight,
        sent_at,
        generation: 0,
        live: true,
        known,
        verified: flags & 2 != 0,
        undelivered: flags & 4 != 0,
        control: flags & 8 != 0,
        unsent,
        suspected: NOBODY,
    })
}

/// Where a known number's groups stand now; until version 3 they were the first three places.
pub(super) fn known_places(places: u16, version: u8) -> u16 {
    if version > 3 {
        return places;
    }
    [14, 15, 13]
        .into_iter()
        .enumerate()
        .fold(0, |bits, (old, new)| bits | (places >> old & 1) << new)
}
