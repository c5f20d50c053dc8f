//! What networks said of numbers, kept sealed in the store for as long as the policy says.
//!
//! A store's documents do not expire, so a number cannot have one of its own. A realm has
//! [`SHELVES`], each with at most [`PLACES`] answers about the numbers whose pseudonym falls on it.
//! Answers that have ended go first, then those that end first. If an answer is gone, the network
//! is asked again, which costs another look-up.

use std::time::Duration;

use crate::base::codec::{Reader, Writer};
use crate::base::id::Pseudonym;
use crate::base::seal::SealKey;
use crate::base::time::Timestamp;
use crate::policy::SignalsPolicy;
use crate::realm::Names;
use crate::recipient::LineType;
use crate::store::{Document, DocumentWrite};
use crate::transport::signals::{Carrier, Signals, SimSwap};

/// Documents of a realm: a shelf is read with a request, so it should be small.
const SHELVES: u16 = 1_024;
/// Answers on a shelf: 65 536 numbers in a realm, in about 4 MB.
const PLACES: usize = 64;
/// How far two clocks that the store bears may be apart: each by a minute from its own.
const CLOCKS_APART: Duration = Duration::from_secs(120);

/// A shelf as it was read.
#[derive(Debug)]
pub(super) struct Shelf {
    name: Pseudonym,
    version: u64,
    answers: Vec<Answer>,
}

/// What is known of one number.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Answer {
    number: Pseudonym,
    line: Option<Line>,
    sim: Option<Sim>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct Line {
    until: Timestamp,
    line_type: Option<LineType>,
    ported: Option<bool>,
    carrier: Option<Carrier>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Sim {
    until: Timestamp,
    /// How far back was asked.
    asked: Duration,
    /// `None`: the carrier does not say.
    swap: Option<SimSwap>,
}

impl Answer {
    pub(super) fn new(number: Pseudonym) -> Self {
        Self { number, line: None, sim: None }
    }

    /// Whether what is known of carrier and line holds at `now`.
    pub(super) fn has_line(&self, now: Timestamp) -> bool {
        self.line.as_ref().is_some_and(|line| now < line.until)
    }

    /// Whether what is known of the SIM card holds at `now` and reaches `span` back.
    pub(super) fn has_sim(&self, span: Duration, now: Timestamp) -> bool {
        self.sim.is_some_and(|sim| now < sim.until && sim.asked >= span)
    }

    /// Adds what was learnt of carrier and line.
    pub(super) fn learn_line(&mut self, signals: &Signals, until: Timestamp) {
        self.line = Some(Line {
            until,
            line_type: signals.line_type,
            ported: signals.ported,
            carrier: signals.carrier.clone(),
        });
    }

    /// Adds what was learnt of the SIM card, asked for so far back.
    pub(super) fn learn_sim(&mut self, signals: &Signals, asked: Duration, until: Timestamp) {
        self.sim = Some(Sim { until, asked, swap: signals.sim_swap });
    }

    /// What of it holds at `now`.
    pub(super) fn signals(&self, now: Timestamp) -> Signals {
        let mut signals = Signals::default();
        if let Some(line) = self.line.as_ref().filter(|line| now < line.until) {
            signals.line_type = line.line_type;
            signals.ported = line.ported;
            signals.carrier = line.carrier.clone();
        }
        signals.sim_swap = self.sim.filter(|sim| now < sim.until).and_then(|sim| sim.swap);
        signals
    }

    /// Forgets what would hold for longer than anything does that is learnt `now`: what a clock that led
    /// has written would else hold until its date, and keep its place from others.
    fn heal(&mut self, policy: &SignalsPolicy, now: Timestamp) {
        let latest = |life: Duration| now + life + CLOCKS_APART;
        self.line = self.line.take().filter(|line| line.until <= latest(policy.line_life));
        self.sim = self.sim.filter(|sim| sim.until <= latest(policy.sim_swap_life));
    }

    fn ends(&self) -> Timestamp {
        let line = self.line.as_ref().map(|line| line.until);
        line.max(self.sim.map(|sim| sim.until)).unwrap_or(Timestamp::from_millis(0))
    }
}

/// The document with the answer about `number`.
pub(super) fn shelf_of(names: Names<'_>, number: &Pseudonym) -> Pseudonym {
    let [.., high, low] = *number.as_bytes();
    let place = u16::from_be_bytes([high, low]).checked_rem(SHELVES).unwrap_or_default();
    names.shelf(place)
}

impl Shelf {
    /// The shelf in `document`, without what a wrong clock has dated ahead. One that cannot be read,
    /// because the index key was exchanged, is empty, and is written over.
    pub(super) fn open(
        name: Pseudonym,
        document: &Document,
        seal: Seal<'_>,
        policy: &SignalsPolicy,
        now: Timestamp,
    ) -> Self {
        let plain = seal.key.open(&seal.context(), &document.content);
        let mut answers = plain.and_then(|plain| read(&plain)).unwrap_or_default();
        answers.iter_mut().for_each(|answer| answer.heal(policy, now));
        Self { name, version: document.version, answers }
    }

    /// What is known of `number`.
    pub(super) fn answer(&self, number: Pseudonym) -> Answer {
        let held = self.answers.iter().find(|answer| answer.number == number);
        held.cloned().unwrap_or_else(|| Answer::new(number))
    }

    /// The document of the shelf with `answer` on it.
    pub(super) fn with(
        self,
        answer: Answer,
        seal: Seal<'_>,
        nonce: [u8; 16],
        now: Timestamp,
    ) -> DocumentWrite {
        let Self { name, version, mut answers } = self;
        answers.retain(|other| other.number != answer.number && now < other.ends());
        keep(&mut answers, answer);
        let content = seal.key.seal(&seal.context(), nonce, &write(&answers));
        DocumentWrite { document: name, expect: version, content }
    }
}

/// What the shelves of a realm are sealed with.
#[derive(Clone, Copy)]
pub(super) struct Seal<'a> {
    pub(super) key: &'a SealKey,
    pub(super) realm: &'a str,
}

impl Seal<'_> {
    fn context(self) -> Vec<u8> {
        [b"otpgate/v1/signals/", self.realm.as_bytes()].concat()
    }
}

/// Adds `answer`; where a shelf is full, what ends soonest goes.
fn keep(answers: &mut Vec<Answer>, answer: Answer) {
    if answers.len() >= PLACES {
        answers.sort_by_key(|other| std::cmp::Reverse(other.ends()));
        answers.truncate(PLACES.saturating_sub(1));
    }
    answers.push(answer);
}

const VERSION: u8 = 1;

fn write(answers: &[Answer]) -> Vec<u8> {
    let mut writer = Writer::new().u8(VERSION);
    for answer in answers {
        writer = writer.raw(answer.number.as_bytes());
        writer = match &answer.line {
            None => writer.u8(0),
            Some(line) => {
                let carrier = line.carrier.as_ref();
                let name = carrier.map(|carrier| carrier.name.as_str()).unwrap_or_default();
                let network = carrier.and_then(|carrier| carrier.network.as_deref());
                writer
                    .u8(1)
                    .time(line.until)
                    .u16(line.line_type.map_or(u16::MAX, LineType::to_table))
                    .u8(line.ported.map_or(2, u8::from))
                    .u8(u8::from(carrier.is_some()))
                    .text(name)
                    .text(network.unwrap_or_default())
            }
        };
        writer = match answer.sim {
            None => writer.u8(0),
            Some(sim) => {
                let millis = crate::base::time::millis;
                let (tag, value) = match sim.swap {
                    None => (0, 0),
                    Some(SimSwap::At(at)) => (1, at.as_millis()),
                    Some(SimSwap::Within(span)) => (2, millis(span)),
                    Some(SimSwap::NotWithin(span)) => (3, millis(span)),
                };
                writer.u8(1).time(sim.until).u64(millis(sim.asked)).u8(tag).u64(value)
            }
        };
    }
    writer.finish()
}

fn read(plain: &[u8]) -> Option<Vec<Answer>> {
    let mut reader = Reader::new(plain);
    if reader.u8()? != VERSION {
        return None;
    }
    let mut answers = Vec::new();
    while !reader.clone().rest().is_empty() {
        let number = Pseudonym::from_bytes(reader.array()?);
        let line = match reader.u8()? {
            0 => None,
            _ => Some(read_line(&mut reader)?),
        };
        let sim = match reader.u8()? {
            0 => None,
            _ => Some(read_sim(&mut reader)?),
        };
        answers.push(Answer { number, line, sim });
    }
    Some(answers)
}

fn read_line(reader: &mut Reader<'_>) -> Option<Line> {
    let until = reader.time()?;
    let line_type = match reader.u16()? {
        u16::MAX => None,
        code => Some(LineType::from_table(code)),
    };
    let ported = match reader.u8()? {
        2 => None,
        flag => Some(flag == 1),
    };
    let named = reader.u8()? == 1;
    let (name, network) = (reader.text()?, reader.text()?);
    let carrier = named.then(|| Carrier::new(name).network(network));
    Some(Line { until, line_type, ported, carrier })
}

fn read_sim(reader: &mut Reader<'_>) -> Option<Sim> {
    let until = reader.time()?;
    let asked = Duration::from_millis(reader.u64()?);
    let (tag, value) = (reader.u8()?, reader.u64()?);
    let span = Duration::from_millis(value);
    let swap = match tag {
        0 => None,
        1 => Some(SimSwap::At(Timestamp::from_millis(value))),
        2 => Some(SimSwap::Within(span)),
        3 => Some(SimSwap::NotWithin(span)),
        _ => return None,
    };
    Some(Sim { until, asked, swap })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn answer() -> impl Strategy<Value = Answer> {
        let line_type = prop::option::of((0_u16..12).prop_map(LineType::from_table));
        let network = prop::option::of("[0-9]{5,6}");
        let carrier = prop::option::of(("\\PC{0,40}", network).prop_map(|(name, network)| {
            let carrier = Carrier::new(&name);
            network.map_or(carrier.clone(), |network| carrier.network(&network))
        }));
        let line = (any::<u64>(), line_type, any::<Option<bool>>(), carrier).prop_map(
            |(until, line_type, ported, carrier)| Line {
                until: at(until),
                line_type,
                ported,
                carrier,
            },
        );
        let span = any::<u64>().prop_map(Duration::from_millis);
        let swap = prop_oneof![
            any::<u64>().prop_map(|time| SimSwap::At(at(time))),
            any::<u64>().prop_map(|time| SimSwap::Within(Duration::from_millis(time))),
            any::<u64>().prop_map(|time| SimSwap::NotWithin(Duration::from_millis(time))),
        ];
        let sim = (any::<u64>(), span, prop::option::of(swap))
            .prop_map(|(until, asked, swap)| Sim { until: at(until), asked, swap });
        (any::<[u8; 16]>(), prop::option::of(line), prop::option::of(sim)).prop_map(
            |(number, line, sim)| Answer { number: Pseudonym::from_bytes(number), line, sim },
        )
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(answers in prop::collection::vec(answer(), 0..8)) {
            prop_assert_eq!(read(&write(&answers)), Some(answers));
        }

        #[test]
        fn anything_else_is_nothing(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&bytes);
        }
    }

    /// Ten minutes are ten minutes, though a clock that led by a year has written the answer.
    #[test]
    fn what_is_dated_ahead_is_asked_for_again() {
        let policy = SignalsPolicy::default();
        let signals = Signals::default().line_type(LineType::Mobile);
        let now = at(1_800_000_000_000);
        for (ahead, holds) in [(0, true), (120, true), (121, false), (365 * 86_400, false)] {
            let mut answer = Answer::new(Pseudonym::from_bytes([1; 16]));
            let led = now + Duration::from_secs(ahead);
            answer.learn_line(&signals, led + policy.line_life);
            answer.learn_sim(&signals, Duration::from_secs(3_600), led + policy.sim_swap_life);
            answer.heal(&policy, now);
            let held = (answer.has_line(now), answer.has_sim(Duration::from_secs(1), now));
            assert_eq!(held, (holds, holds), "{ahead} s ahead");
        }
    }

    /// However many numbers are asked about: the newest is kept, and what ends soonest goes.
    #[test]
    fn a_shelf_keeps_so_many_and_no_more() {
        let mut answers = Vec::new();
        for number in 0..200_u8 {
            let mut answer = Answer::new(Pseudonym::from_bytes([number; 16]));
            answer.learn_line(&Signals::default(), at(1_000 + u64::from(number)));
            keep(&mut answers, answer);
            assert!(answers.len() <= PLACES);
        }
        assert_eq!(answers.len(), PLACES);
        assert!(answers.iter().all(|answer| answer.ends() >= at(1_136)), "what ends soonest went");
    }

    #[test]
    fn each_part_has_an_end_of_its_own() {
        let number = Pseudonym::from_bytes([1; 16]);
        let hours = |hours: u64| Duration::from_secs(hours * 3_600);
        let mut answer = Answer::new(number);
        let swap = SimSwap::NotWithin(hours(72));
        let signals = Signals::default().line_type(LineType::Mobile).sim_swap(swap);
        answer.learn_line(&signals, at(1_000));
        answer.learn_sim(&signals, hours(72), at(100));
        assert!(answer.has_line(at(999)) && !answer.has_line(at(1_000)));
        assert!(answer.has_sim(hours(72), at(99)) && !answer.has_sim(hours(72), at(100)));
        assert!(!answer.has_sim(hours(73), at(99)), "it was not asked for so far back");
        assert_eq!(answer.signals(at(99)), signals);
        assert_eq!(answer.signals(at(100)), Signals::default().line_type(LineType::Mobile));
        assert_eq!(answer.signals(at(1_000)), Signals::default());
    }
}
