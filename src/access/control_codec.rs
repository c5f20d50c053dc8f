//! The control book as bytes: one version byte, then fixed widths and lengths first.

use std::sync::Arc;

use super::book::{BookError, ControlBook};
use super::control::{Control, ControlId, Draft, SealedCode};
use super::effect::{Effect, SurgeFactor};
use super::network::Network;
use super::reason::{Actor, Reason};
use super::target::{DialPrefix, Target};
use crate::base::codec::{Reader, Writer};
use crate::base::id::Pseudonym;
use crate::base::time::Timestamp;
use crate::recipient::Region;

const VERSION: u8 = 1;

impl ControlBook {
    /// The book as bytes. They name prefixes, countries and networks in clear: seal them before they
    /// leave the process.
    pub fn encode(&self) -> Vec<u8> {
        let count = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
        let head = Writer::new().u8(VERSION).u64(self.revision).u32(count);
        self.entries.iter().fold(head, |writer, control| write(writer, control)).finish()
    }

    /// The book behind `bytes`.
    ///
    /// # Errors
    ///
    /// [`BookError::Unreadable`] for anything that [`encode`](Self::encode) does not write.
    pub fn decode(bytes: &[u8]) -> Result<Self, BookError> {
        decode(bytes).ok_or(BookError::Unreadable)
    }
}

/// The book, if `bytes` are what `encode` writes for it: every other spelling is refused.
fn decode(bytes: &[u8]) -> Option<ControlBook> {
    let mut reader = Reader::new(bytes);
    (reader.u8()? == VERSION).then_some(())?;
    let revision = reader.u64()?;
    let count = usize::try_from(reader.u32()?).ok()?;
    (count <= ControlBook::MAX_ENTRIES).then_some(())?;
    let mut entries: Vec<Arc<Control>> = Vec::new();
    for _ in 0..count {
        let control = read(&mut reader)?;
        let previous = entries.last().map_or(ControlId(0), |last| last.id());
        (previous < control.id() && control.id().0 <= revision).then_some(())?;
        entries.push(Arc::new(control));
    }
    reader.end(ControlBook::assemble(revision, entries))
}

fn write(writer: Writer, control: &Control) -> Writer {
    let writer = write_target(writer.u64(control.id().0), control.target());
    let writer = write_effect(writer, control.effect());
    let writer = match control.sealed_code() {
        Some(sealed) => writer.bytes(sealed.as_bytes()),
        None => writer,
    };
    let writer = match control.purpose() {
        Some(purpose) => writer.u8(1).text(purpose),
        None => writer.u8(0),
    };
    let writer = writer.text(control.reason()).text(control.actor()).time(control.since());
    match control.until() {
        Some(until) => writer.u8(1).time(until),
        None => writer.u8(0),
    }
}

fn read(reader: &mut Reader<'_>) -> Option<Control> {
    let id = ControlId(reader.u64()?);
    let (target, effect) = (read_target(reader)?, read_effect(reader)?);
    let sealed = match effect {
        Effect::TestNumber => {
            Some(SealedCode::new(reader.bytes().filter(|code| code.len() <= 64)?))
        }
        _ => None,
    };
    let purpose = optional(reader, |reader| reader.text())?;
    let (reason, actor) = (reader.text()?, reader.text()?);
    let since: Timestamp = reader.time()?;
    let until = optional(reader, |reader| reader.time())?;
    let (why, who) = (Reason::new(reason).ok()?, Actor::new(actor).ok()?);
    let draft = match (sealed, target) {
        (Some(sealed), Target::Number(number)) => Draft::test_number(number, sealed, why, who),
        (Some(_), _) => return None,
        (None, target) => Draft::of_book(target, effect, why, who)?,
    };
    let draft = match purpose {
        Some(purpose) => draft.limited_to(purpose)?,
        None => draft,
    };
    let draft = match until {
        Some(until) => draft.until(until),
        None => draft,
    };
    let control = draft.since(since).enter(id, since).ok()?;
    let trimmed =
        control.reason() != reason || control.actor() != actor || control.purpose() != purpose;
    (!trimmed).then_some(control)
}

fn write_target(writer: Writer, target: &Target) -> Writer {
    match target {
        Target::Everything => writer.u8(0),
        Target::Country(region) => writer.u8(1).text(region.as_str()),
        Target::Prefix(prefix) => writer.u8(2).u8(prefix.digit_count()).u64(prefix.value()),
        Target::Number(number) => writer.u8(3).raw(number.as_bytes()),
        Target::Network(network) => writer.u8(4).text(&network.to_string()),
        Target::User(user) => writer.u8(5).raw(user.as_bytes()),
    }
}

fn read_target(reader: &mut Reader<'_>) -> Option<Target> {
    Some(match reader.u8()? {
        0 => Target::Everything,
        1 => {
            let text = reader.text()?;
            let region: Region = text.parse().ok()?;
            Target::Country((region.as_str() == text).then_some(region)?)
        }
        2 => {
            let length = reader.u8()?;
            Target::Prefix(DialPrefix::new(reader.u64()?, length)?)
        }
        3 => Target::Number(Pseudonym::from_bytes(reader.array()?)),
        4 => {
            let text = reader.text()?;
            let network: Network = text.parse().ok()?;
            Target::Network((network.to_string() == text).then_some(network)?)
        }
        5 => Target::User(Pseudonym::from_bytes(reader.array()?)),
        _ => return None,
    })
}

fn write_effect(writer: Writer, effect: Effect) -> Writer {
    match effect {
        Effect::Allow => writer.u8(0),
        Effect::Block => writer.u8(1),
        Effect::CountryOff => writer.u8(2),
        Effect::KnownNumbersOnly => writer.u8(3),
        Effect::SmsOff => writer.u8(4),
        Effect::ExpectSurge(factor) => writer.u8(5).u8(factor.value()),
        Effect::ForbidAutomaticBlock => writer.u8(6),
        Effect::LiftAutomaticBlock => writer.u8(7),
        Effect::ExtendAutomaticBlock => writer.u8(8),
        Effect::TestNumber => writer.u8(9),
    }
}

fn read_effect(reader: &mut Reader<'_>) -> Option<Effect> {
    Some(match reader.u8()? {
        0 => Effect::Allow,
        1 => Effect::Block,
        2 => Effect::CountryOff,
        3 => Effect::KnownNumbersOnly,
        4 => Effect::SmsOff,
        5 => Effect::ExpectSurge(SurgeFactor::new(reader.u8()?).ok()?),
        6 => Effect::ForbidAutomaticBlock,
        7 => Effect::LiftAutomaticBlock,
        8 => Effect::ExtendAutomaticBlock,
        9 => Effect::TestNumber,
        _ => return None,
    })
}

fn optional<'a, T>(
    reader: &mut Reader<'a>,
    read: impl Fn(&mut Reader<'a>) -> Option<T>,
) -> Option<Option<T>> {
    match reader.u8()? {
        0 => Some(None),
        1 => read(reader).map(Some),
        _ => None,
    }
}
