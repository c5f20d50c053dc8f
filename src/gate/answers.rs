//! What networks said of numbers, kept sealed in the store for as long as a policy wants it.
//!
//! All purposes of a realm share the answers, and each has its own rule how old one may be. So an
//! answer carries when it was learnt, and whoever reads it judges its age.
//!
//! A store's documents do not expire, so a number cannot have one of its own. A realm has
//! [`SHELVES`], each with at most [`PLACES`] answers about the numbers whose pseudonym falls on it.
//! Answers that no purpose would take any more go first, then those that end first. If an answer is
//! gone, the network is asked again, which costs another look-up.

use std::time::Duration;

use crate::base::codec::{Reader, Writer};
use crate::base::id::Pseudonym;
use crate::base::seal::SealKey;
use crate::base::time::Timestamp;
use crate::policy::{AskNetwork, SignalsPolicy};
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

/// What the network has to be asked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ask {
    /// Carrier and line.
    pub(super) line: bool,
    /// How far back a change of the SIM card matters.
    pub(super) sim_swap: Option<Duration>,
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
    learnt: Timestamp,
    line_type: Option<LineType>,
    ported: Option<bool>,
    carrier: Option<Carrier>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Sim {
    learnt: Timestamp,
    /// How far back was asked.
    asked: Duration,
    /// `None`: the carrier does not say.
    swap: Option<SimSwap>,
}

/// For how long answers are of use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Lives {
    line: Duration,
    sim: Duration,
}

impl Lives {
    /// To whom this policy is the rule.
    pub(super) fn of(policy: &SignalsPolicy) -> Self {
        Self { line: policy.line_life, sim: policy.sim_swap_life }
    }

    /// To any of the purposes that ask.
    pub(super) fn longest<'a>(policies: impl Iterator<Item = &'a SignalsPolicy>) -> Self {
        let asking = policies.filter(|policy| policy.ask != AskNetwork::Never).map(Self::of);
        asking.fold(Self { line: Duration::ZERO, sim: Duration::ZERO }, |all, one| Self {
            line: all.line.max(one.line),
            sim: all.sim.max(one.sim),
        })
    }
}

impl Answer {
    pub(super) fn new(number: Pseudonym) -> Self {
        Self { number, line: None, sim: None }
    }

    /// Whether what is known of carrier and line holds at `now`.
    pub(super) fn has_line(&self, lives: Lives, now: Timestamp) -> bool {
        self.line.as_ref().is_some_and(|line| now < line.learnt + lives.line)
    }

    /// Whether what is known of the SIM card holds at `now` and reaches `span` back.
    pub(super) fn has_sim(&self, span: Duration, lives: Lives, now: Timestamp) -> bool {
        self.sim.is_some_and(|sim| now < sim.learnt + lives.sim && sim.asked >= span)
    }

    /// Adds what was learnt of carrier and line.
    pub(super) fn learn_line(&mut self, signals: &Signals, learnt: Timestamp) {
        self.line = Some(Line {
            learnt,
            line_type: signals.line_type,
            ported: signals.ported,
            carrier: signals.carrier.clone(),
        });
    }

    /// Adds what was learnt of the SIM card, asked for so far back.
    pub(super) fn learn_sim(&mut self, signals: &Signals, asked: Duration, learnt: Timestamp) {
        self.sim = Some(Sim { learnt, asked, swap: signals.sim_swap });
    }

    /// What of it holds at `now`.
    pub(super) fn signals(&self, lives: Lives, now: Timestamp) -> Signals {
        let mut signals = Signals::default();
        if let Some(line) = self.line.as_ref().filter(|line| now < line.learnt + lives.line) {
            signals.line_type = line.line_type;
            signals.ported = line.ported;
            signals.carrier = line.carrier.clone();
        }
        let sim = self.sim.filter(|sim| now < sim.learnt + lives.sim);
        signals.sim_swap = sim.and_then(|sim| sim.swap);
        signals
    }

    /// What was just `heard`, and of what was not asked what still holds. However short the life of an
    /// answer, the send that asked for it is judged by it.
    pub(super) fn beside(
        &self,
        heard: &Signals,
        asked: Ask,
        lives: Lives,
        now: Timestamp,
    ) -> Signals {
        let mut signals = self.signals(lives, now);
        signals.reachable = heard.reachable;
        if asked.line {
            signals.line_type = heard.line_type;
            signals.ported = heard.ported;
            signals.carrier = heard.carrier.clone();
        }
        if asked.sim_swap.is_some() {
            signals.sim_swap = heard.sim_swap;
        }
        signals
    }

    /// Forgets what is dated later than anything that is learnt `now`: what a clock that led has
    /// written would else hold until its date, and keep its place from others.
    fn heal(&mut self, now: Timestamp) {
        let latest = now + CLOCKS_APART;
        self.line = self.line.take().filter(|line| line.learnt <= latest);
        self.sim = self.sim.filter(|sim| sim.learnt <= latest);
    }

    fn ends(&self, lives: Lives) -> Timestamp {
        let line = self.line.as_ref().map(|line| line.learnt + lives.line);
        let sim = self.sim.map(|sim| sim.learnt + lives.sim);
        line.max(sim).unwrap_or(Timestamp::from_millis(0))
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
    /// because another version wrote it, is empty, and is written over.
    pub(super) fn open(
        name: Pseudonym,
        document: &Document,
        seal: Seal<'_>,
        now: Timestamp,
    ) -> Self {
        let plain = seal.key.open(&seal.context(), &document.content);
        let mut answers = plain.and_then(|plain| read(&plain)).unwrap_or_default();
        answers.iter_mut().for_each(|answer| answer.heal(now));
        Self { name, version: document.version, answers }
    }

    /// What is known of `number`.
    pub(super) fn answer(&self, number: Pseudonym) -> Answer {
        let held = self.answers.iter().find(|answer| answer.number == number);
        held.cloned().unwrap_or_else(|| Answer::new(number))
    }

    /// The document of the shelf with `answer` on it, and without those that are of use to nobody.
    pub(super) fn with(
        self,
        answer: Answer,
        seal: Seal<'_>,
        nonce: [u8; 16],
        longest: Lives,
        now: Timestamp,
    ) -> DocumentWrite {
        let Self { name, version, mut answers } = self;
        answers.retain(|other| other.number != answer.number && now < other.ends(longest));
        keep(&mut answers, answer, longest);
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
fn keep(answers: &mut Vec<Answer>, answer: Answer, longest: Lives) {
    if answers.len() >= PLACES {
        answers.sort_by_key(|other| std::cmp::Reverse(other.ends(longest)));
        answers.truncate(PLACES.saturating_sub(1));
    }
    answers.push(answer);
}

/// Version 1 had the end of an answer's life by the rule of whoever asked.
const VERSION: u8 = 2;

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
                    .time(line.learnt)
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
                writer.u8(1).time(sim.learnt).u64(millis(sim.asked)).u8(tag).u64(value)
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
    let learnt = reader.time()?;
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
    Some(Line { learnt, line_type, ported, carrier })
}

fn read_sim(reader: &mut Reader<'_>) -> Option<Sim> {
    let learnt = reader.time()?;
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
    Some(Sim { learnt, asked, swap })
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
            |(learnt, line_type, ported, carrier)| Line {
                learnt: at(learnt),
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
            .prop_map(|(learnt, asked, swap)| Sim { learnt: at(learnt), asked, swap });
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

    fn lives(line: u64, sim: u64) -> Lives {
        Lives { line: Duration::from_millis(line), sim: Duration::from_millis(sim) }
    }

    /// An end of life that another purpose has set says nothing of an answer's age.
    #[test]
    fn the_version_before_is_read_as_nothing() {
        assert_eq!((read(&[2]), read(&[1])), (Some(Vec::new()), None));
    }

    /// Ten minutes are ten minutes, though a clock that led by a year has written the answer.
    #[test]
    fn what_is_dated_ahead_is_asked_for_again() {
        let lives = Lives::of(&SignalsPolicy::default());
        let signals = Signals::default().line_type(LineType::Mobile);
        let now = at(1_800_000_000_000);
        for (ahead, holds) in [(0, true), (120, true), (121, false), (365 * 86_400, false)] {
            let mut answer = Answer::new(Pseudonym::from_bytes([1; 16]));
            let led = now + Duration::from_secs(ahead);
            answer.learn_line(&signals, led);
            answer.learn_sim(&signals, Duration::from_secs(3_600), led);
            answer.heal(now);
            let second = Duration::from_secs(1);
            let held = (answer.has_line(lives, now), answer.has_sim(second, lives, now));
            assert_eq!(held, (holds, holds), "{ahead} s ahead");
        }
    }

    /// However many numbers are asked about: the newest is kept, and what ends soonest goes.
    #[test]
    fn a_shelf_keeps_so_many_and_no_more() {
        let mut answers = Vec::new();
        let longest = lives(1_000, 100);
        for number in 0..200_u8 {
            let mut answer = Answer::new(Pseudonym::from_bytes([number; 16]));
            answer.learn_line(&Signals::default(), at(u64::from(number)));
            keep(&mut answers, answer, longest);
            assert!(answers.len() <= PLACES);
        }
        assert_eq!(answers.len(), PLACES);
        let latest = |answer: &Answer| answer.ends(longest) >= at(1_136);
        assert!(answers.iter().all(latest), "what ends soonest went");
    }

    #[test]
    fn each_part_has_an_end_of_its_own_by_the_rule_of_who_reads() {
        let number = Pseudonym::from_bytes([1; 16]);
        let hours = |hours: u64| Duration::from_secs(hours * 3_600);
        let mut answer = Answer::new(number);
        let swap = SimSwap::NotWithin(hours(72));
        let signals = Signals::default().line_type(LineType::Mobile).sim_swap(swap);
        answer.learn_line(&signals, at(10));
        answer.learn_sim(&signals, hours(72), at(20));
        for (line, sim) in [(1_000, 100), (500, 300)] {
            let own = lives(line, sim);
            let (line, sim) = (10 + line, 20 + sim);
            let has =
                |now| (answer.has_line(own, at(now)), answer.has_sim(hours(72), own, at(now)));
            assert_eq!(has(sim - 1), (true, true));
            assert_eq!(has(sim), (true, false));
            assert_eq!(has(line - 1), (true, false));
            assert_eq!(has(line), (false, false));
            assert!(!answer.has_sim(hours(73), own, at(50)), "it was not asked for so far back");
            assert_eq!(answer.signals(own, at(sim - 1)), signals);
            let mobile = Signals::default().line_type(LineType::Mobile);
            assert_eq!(answer.signals(own, at(sim)), mobile);
            assert_eq!(answer.signals(own, at(line)), Signals::default());
        }
    }

    #[test]
    fn an_answer_is_kept_for_the_purpose_that_takes_the_oldest() {
        let rule = |ask, line, sim| {
            let mut policy = SignalsPolicy { ask, ..SignalsPolicy::default() };
            policy.line_life = Duration::from_millis(line);
            policy.sim_swap_life = Duration::from_millis(sim);
            policy
        };
        let all = [
            rule(AskNetwork::Always, 10, 200),
            rule(AskNetwork::NewNumbers, 30, 100),
            rule(AskNetwork::Never, 900, 900),
        ];
        assert_eq!(Lives::longest(all.iter()), lives(30, 200));
    }
}
