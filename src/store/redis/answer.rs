//! What comes back: an answer's bytes as the port's types.

use std::time::Duration;

use crate::base::time::Timestamp;
use crate::store::{
    Admission, Admitted, ChallengeState, Document, News, Reading, Redeemed, Tallies, TallyQuery,
    Verdict,
};

use super::failure::Malformed;
use super::layout::{Phase, Record};
use super::moves::{Form, Moved, MovedMeter};
use super::pack::{MOST, Unpacker};

/// How far a partition is: what the next call says it has seen.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub(super) struct Seen {
    pub(super) epoch: u64,
    pub(super) sequence: u64,
}

/// A charge that does not fit, and how many milliseconds it would have to wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Unfit {
    pub(super) index: usize,
    pub(super) wait: u64,
}

/// An answer of a partition, and what only the store needs to know of it.
#[derive(Debug)]
pub(super) struct Said<T> {
    pub(super) answer: T,
    /// The identifier was known, and nothing has changed.
    pub(super) repeated: bool,
    /// All charges that do not fit, where that is why the call was refused.
    pub(super) unfit: Vec<Unfit>,
    /// Nothing has changed: the partition's copies of versions are too old.
    pub(super) wants_copies: bool,
}

impl<T> Said<T> {
    /// An answer that rests on nothing else.
    pub(super) fn certain(answer: T) -> Self {
        Self { answer, repeated: false, unfit: Vec::new(), wants_copies: false }
    }
}

/// What came of an errand to another partition.
#[derive(Debug)]
pub(super) struct Done {
    /// How long each charge would have to wait: 0 for one that was made. Or how many units were made.
    pub(super) waits: Vec<u64>,
    /// How many units of each refund there were not.
    pub(super) lefts: Vec<u64>,
    pub(super) news: News,
}

/// An answer as it came: how far the partition is, then the verb's own values.
pub(super) struct Reply(pub(super) Vec<u8>);

impl Reply {
    pub(super) fn seen(&self) -> Result<Seen, Malformed> {
        self.open().map(|(seen, _)| seen)
    }

    /// The server's clock, if the call was refused for being too far from it.
    pub(super) fn refused_by_clock(&self) -> Result<Option<Timestamp>, Malformed> {
        let (seen, values) = self.open()?;
        if seen.epoch != MOST {
            return Ok(None);
        }
        values.end(Some(Timestamp::from_millis(seen.sequence)))
    }

    /// The number of the stored format, if a later version of this store wrote it.
    pub(super) fn refused_by_format(&self) -> Result<Option<u64>, Malformed> {
        let (seen, values) = self.open()?;
        if seen.epoch != MOST.saturating_sub(1) {
            return Ok(None);
        }
        values.end(Some(seen.sequence))
    }

    /// An answer is one flat list, whose own lists say first how long they are.
    fn open(&self) -> Result<(Seen, Unpacker<'_>), Malformed> {
        let mut values = Unpacker::new(&self.0);
        values.array()?;
        let seen = Seen { epoch: values.number()?, sequence: values.number()? };
        Ok((seen, values))
    }

    pub(super) fn admitted(&self, admission: &Admission) -> Result<Said<Admitted>, Malformed> {
        let (_, mut values) = self.open()?;
        let (mut unfit, verdict) = (Vec::new(), values.number()?);
        let answer = match verdict {
            0 | 5 => Admitted::Granted {
                counts: numbers(&mut values)?,
                step: 1,
                observed: numbers(&mut values)?,
                news: news(&mut values)?,
            },
            1 => Admitted::Exhausted {
                index: index(&mut values)?,
                retry_after: Duration::from_millis(values.number()?),
                counts: {
                    unfit = pairs(numbers(&mut values)?)?;
                    numbers(&mut values)?
                },
                observed: numbers(&mut values)?,
                news: news(&mut values)?,
            },
            2 => Admitted::NonceSpent { index: index(&mut values)? },
            // What 6 answers is no answer yet: the call is made again.
            3 | 6 => Admitted::ChallengeGone,
            4 => {
                let guards = admission.guards.iter().map(|guard| guard.document);
                let writes = admission.documents.iter().map(|write| write.document);
                let document = guards.chain(writes).nth(index(&mut values)?).ok_or(Malformed)?;
                Admitted::Stale { document, version: values.number()? }
            }
            _ => return Err(Malformed),
        };
        let (repeated, wants_copies) = (verdict == 5, verdict == 6);
        values.end(Said { answer, repeated, unfit, wants_copies })
    }

    /// For each refund how many units there were not; nothing if the settlement was not the first.
    pub(super) fn settled(&self) -> Result<Vec<u64>, Malformed> {
        let (_, mut values) = self.open()?;
        let lefts = numbers(&mut values)?;
        values.end(lefts)
    }

    pub(super) fn redeemed(&self) -> Result<Said<Redeemed>, Malformed> {
        let (_, mut values) = self.open()?;
        // How many values the verdict has.
        let length = values.number()?;
        let (mut unfit, code) = (Vec::new(), values.number()?);
        let verdict = match code {
            0 | 7 => {
                Verdict::Accepted { attempts: small(&mut values)?, opened: time(&mut values)? }
            }
            1 | 8 => Verdict::Mismatch { left: small(&mut values)? },
            2 => Verdict::Locked,
            3 => Verdict::Expired,
            4 => Verdict::Consumed,
            5 => Verdict::Unknown,
            6 => {
                let index = index(&mut values)?;
                let retry_after = Duration::from_millis(values.number()?);
                let more = (3..length).map(|_| values.number()).collect::<Result<_, _>>()?;
                unfit = pairs(more)?;
                Verdict::Exhausted { index, retry_after }
            }
            _ => return Err(Malformed),
        };
        let mut observed = numbers(&mut values)?;
        observed.extend(numbers(&mut values)?);
        let news = news(&mut values)?;
        let (repeated, wants_copies) = (code > 6, false);
        let answer = Redeemed { verdict, observed, news };
        values.end(Said { answer, repeated, unfit, wants_copies })
    }

    /// What stands at a deployment's own tag.
    pub(super) fn record(&self) -> Result<Record, Malformed> {
        let (_, mut values) = self.open()?;
        let parts = narrow(&mut values)?;
        let generation = small(&mut values)?;
        let (first, before, next) =
            (narrow(&mut values)?, narrow(&mut values)?, narrow(&mut values)?);
        let phase = match values.number()? {
            0 => Phase::Settled,
            1 => Phase::Closing,
            2 => Phase::Moving,
            _ => return Err(Malformed),
        };
        values.end(Record { parts, generation, first, before, next, phase })
    }

    /// Which of the keys asked for there are.
    pub(super) fn present(&self) -> Result<Vec<bool>, Malformed> {
        let (_, mut values) = self.open()?;
        let there = each(&mut values, |values| Ok(values.number()? != 0))?;
        values.end(there)
    }

    /// Of each key asked for when it ends and its value, if there is one.
    pub(super) fn exported(
        &self,
        forms: impl Iterator<Item = Form>,
    ) -> Result<Vec<Option<(u64, Moved)>>, Malformed> {
        let (_, mut values) = self.open()?;
        values.number()?;
        let mut all = Vec::new();
        for form in forms {
            let ends = values.number()?;
            all.push(match (ends, form) {
                (0, _) => None,
                (_, Form::Common) => Some((ends, Moved::Meters(meters(&mut values)?))),
                _ => Some((ends, Moved::Text(values.bytes()?.to_vec()))),
            });
        }
        values.end(all)
    }

    /// The one number that a claim is answered with.
    pub(super) fn number(&self) -> Result<u64, Malformed> {
        let (_, mut values) = self.open()?;
        let number = values.number()?;
        values.end(number)
    }

    /// What came of an errand.
    pub(super) fn done(&self) -> Result<Done, Malformed> {
        let (_, mut values) = self.open()?;
        let (waits, lefts) = (numbers(&mut values)?, numbers(&mut values)?);
        let news = news(&mut values)?;
        values.end(Done { waits, lefts, news })
    }

    pub(super) fn tallied(&self, query: &TallyQuery) -> Result<Tallies, Malformed> {
        let (_, mut values) = self.open()?;
        let meters = each(&mut values, |values| {
            let count = values.number()?;
            Ok(Reading { count, retry_after: Duration::from_millis(values.number()?) })
        })?;
        let marks = each(&mut values, |values| {
            if !values.is_array() {
                return values.number().map(|_| None);
            }
            values.array()?;
            Ok(Some((time(values)?, time(values)?)))
        })?;
        let challenges = each(&mut values, challenge)?;
        let documents = each(&mut values, |values| {
            let version = values.number()?;
            Ok(Document { version, content: values.bytes()?.to_vec() })
        })?;
        let news = news(&mut values)?;
        let answer = Tallies { meters, marks, challenges, documents, news };
        let complete = answer.meters.len() == query.meters.len()
            && answer.marks.len() == query.marks.len()
            && answer.challenges.len() == query.challenges.len()
            && answer.documents.len() == query.documents.len();
        if complete { values.end(answer) } else { Err(Malformed) }
    }
}

fn challenge(values: &mut Unpacker<'_>) -> Result<ChallengeState, Malformed> {
    if values.is_array() {
        values.array()?;
        return Ok(ChallengeState::Live {
            left: small(values)?,
            expires: time(values)?,
            closes: time(values)?,
        });
    }
    match values.number()? {
        0 => Ok(ChallengeState::Unknown),
        1 => Ok(ChallengeState::Consumed),
        2 => Ok(ChallengeState::Locked),
        _ => Err(Malformed),
    }
}

fn news(values: &mut Unpacker<'_>) -> Result<News, Malformed> {
    let latest = values.number()?;
    let entries = each(values, |values| Ok((values.number()?, values.bytes()?.to_vec())))?;
    Ok(News { entries, latest })
}

fn each<'a, T>(
    values: &mut Unpacker<'a>,
    take: impl Fn(&mut Unpacker<'a>) -> Result<T, Malformed>,
) -> Result<Vec<T>, Malformed> {
    let length = values.number()?;
    (0..length).map(|_| take(values)).collect()
}

fn numbers(values: &mut Unpacker<'_>) -> Result<Vec<u64>, Malformed> {
    each(values, Unpacker::number)
}

/// Which charges do not fit, from a flat list.
fn pairs(values: Vec<u64>) -> Result<Vec<Unfit>, Malformed> {
    let (pairs, rest) = values.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(Malformed);
    }
    let unfit = |[index, wait]: &[u64; 2]| {
        let index = usize::try_from(*index).map_err(|_| Malformed)?;
        Ok(Unfit { index, wait: *wait })
    };
    pairs.iter().map(unfit).collect()
}

fn index(values: &mut Unpacker<'_>) -> Result<usize, Malformed> {
    usize::try_from(values.number()?).map_err(|_| Malformed)
}

/// Five values each, from a flat list.
fn meters(values: &mut Unpacker<'_>) -> Result<Vec<MovedMeter>, Malformed> {
    let fields = values.number()?;
    let mut meters = Vec::new();
    for _ in 0..fields.checked_div(5).unwrap_or(0) {
        meters.push(MovedMeter {
            slot: small(values)?,
            kind: u8::try_from(values.number()?).map_err(|_| Malformed)?,
            latest: values.number()?,
            amount: values.number()?,
            older: values.bytes()?.to_vec(),
        });
    }
    Ok(meters)
}

fn narrow(values: &mut Unpacker<'_>) -> Result<u16, Malformed> {
    u16::try_from(values.number()?).map_err(|_| Malformed)
}

fn small(values: &mut Unpacker<'_>) -> Result<u32, Malformed> {
    u32::try_from(values.number()?).map_err(|_| Malformed)
}

/// What was cut back on the way in stands for "never".
fn time(values: &mut Unpacker<'_>) -> Result<Timestamp, Malformed> {
    let millis = values.number()?;
    Ok(if millis == MOST { Timestamp::MAX } else { Timestamp::from_millis(millis) })
}
