//! Rows that the functions return, as answers of the port.

use std::time::Duration;

use tokio_postgres::Row;
use tokio_postgres::types::FromSql;

use crate::base::id::Pseudonym;
use crate::store::{
    Admission, Admitted, ChallengeState, Document, News, Reading, Redeemed, Redemption, StoreError,
    StoreErrorKind, Tallies, TallyQuery, Verdict,
};

use super::call::{count, counts, timestamp};
use super::error::Unreadable;

/// A row, read by the names of its columns.
struct Columns<'a>(&'a Row);

impl<'a> Columns<'a> {
    fn read<T: FromSql<'a>>(&self, name: &str) -> Result<Option<T>, Unreadable> {
        self.0.try_get(name).map_err(|_| Unreadable)
    }

    fn number(&self, name: &str) -> Result<i64, Unreadable> {
        self.read(name)?.ok_or(Unreadable)
    }

    fn place(&self) -> Result<i32, Unreadable> {
        self.read("place")?.ok_or(Unreadable)
    }

    fn index(&self) -> Result<usize, Unreadable> {
        usize::try_from(self.place()?).map_err(|_| Unreadable)
    }

    fn wait(&self) -> Result<Duration, Unreadable> {
        Ok(Duration::from_millis(count(self.number("amount")?)))
    }

    fn numbers(&self, name: &str) -> Result<Vec<i64>, Unreadable> {
        Ok(self.read(name)?.unwrap_or_default())
    }

    fn news(&self) -> Result<News, Unreadable> {
        let numbers = self.numbers("numbers")?;
        let contents: Vec<Vec<u8>> = self.read("contents")?.unwrap_or_default();
        Ok(News {
            entries: numbers.into_iter().map(count).zip(contents).collect(),
            latest: self.read("latest")?.map_or(0, count),
        })
    }
}

/// `documents` are those that the call named, in its order.
pub(super) fn admitted(
    row: &Row,
    admission: &Admission,
    documents: &[Pseudonym],
) -> Result<Admitted, StoreError> {
    let row = Columns(row);
    let answer = || -> Result<Admitted, Unreadable> {
        let read = row.numbers("counts")?;
        let charges = admission.charges.len();
        let of_charges = || counts(&read, 0..charges).ok_or(Unreadable);
        let of_observations = || {
            let end = charges.saturating_add(admission.observe.len());
            counts(&read, charges..end).ok_or(Unreadable)
        };
        Ok(match row.read::<i32>("verdict")?.ok_or(Unreadable)? {
            0 => Admitted::Granted {
                counts: of_charges()?,
                step: 1,
                observed: of_observations()?,
                news: row.news()?,
            },
            1 => Admitted::Exhausted {
                index: row.index()?,
                retry_after: row.wait()?,
                counts: of_charges()?,
                observed: of_observations()?,
                news: row.news()?,
            },
            2 => Admitted::NonceSpent { index: row.index()? },
            3 => Admitted::ChallengeGone,
            4 => Admitted::Stale {
                document: *documents.get(row.index()?).ok_or(Unreadable)?,
                version: count(row.number("amount")?),
            },
            _ => return Err(Unreadable),
        })
    };
    answer().map_err(unreadable)
}

pub(super) fn redeemed(row: &Row, redemption: &Redemption) -> Result<Redeemed, StoreError> {
    let row = Columns(row);
    let answer = || -> Result<Redeemed, Unreadable> {
        let read = row.numbers("counts")?;
        let all = redemption.observe.len().saturating_add(redemption.observe_failure.len());
        let attempts = || u32::try_from(row.place()?).map_err(|_| Unreadable);
        let verdict = match row.read::<i32>("verdict")?.ok_or(Unreadable)? {
            0 => {
                let opened = timestamp(row.number("amount")?);
                Verdict::Accepted { attempts: attempts()?, opened }
            }
            1 => Verdict::Mismatch { left: attempts()? },
            2 => Verdict::Locked,
            3 => Verdict::Expired,
            4 => Verdict::Consumed,
            5 => Verdict::Unknown,
            6 => Verdict::Exhausted { index: row.index()?, retry_after: row.wait()? },
            _ => return Err(Unreadable),
        };
        let observed = counts(&read, 0..all).ok_or(Unreadable)?;
        Ok(Redeemed { verdict, observed, news: row.news()? })
    };
    answer().map_err(unreadable)
}

pub(super) fn tallies(row: &Row, query: &TallyQuery) -> Result<Tallies, StoreError> {
    let row = Columns(row);
    let answer = || -> Result<Tallies, Unreadable> {
        let (readings, marks) = (row.numbers("readings")?, row.numbers("marks")?);
        let (states, versions) = (row.numbers("challenges")?, row.numbers("versions")?);
        let contents: Vec<Vec<u8>> = row.read("documents")?.unwrap_or_default();
        let meters = readings.chunks_exact(2).filter_map(|pair| match pair {
            [wait, units] => Some(Reading {
                count: count(*units),
                retry_after: Duration::from_millis(count(*wait)),
            }),
            _ => None,
        });
        let marks = marks.chunks_exact(2).map(|pair| match pair {
            [from, until] if *from >= 0 => Some((timestamp(*from), timestamp(*until))),
            _ => None,
        });
        let challenges = states.chunks_exact(4).map(|state| match state {
            [0, left, expires, closes] => ChallengeState::Live {
                left: u32::try_from(*left).unwrap_or(0),
                expires: timestamp(*expires),
                closes: timestamp(*closes),
            },
            [1, ..] => ChallengeState::Locked,
            [2, ..] => ChallengeState::Consumed,
            _ => ChallengeState::Unknown,
        });
        let documents = versions.iter().zip(contents);
        let tallies = Tallies {
            meters: meters.collect(),
            marks: marks.collect(),
            challenges: challenges.collect(),
            documents: documents
                .map(|(version, content)| Document { version: count(*version), content })
                .collect(),
            news: row.news()?,
        };
        let whole = tallies.meters.len() == query.meters.len()
            && tallies.marks.len() == query.marks.len()
            && tallies.challenges.len() == query.challenges.len()
            && tallies.documents.len() == query.documents.len();
        if whole { Ok(tallies) } else { Err(Unreadable) }
    };
    answer().map_err(unreadable)
}

/// A journal's news alone.
pub(super) fn news(row: &Row) -> Result<News, StoreError> {
    Columns(row).news().map_err(unreadable)
}

fn unreadable(error: Unreadable) -> StoreError {
    StoreError::new(StoreErrorKind::Corrupt, error)
}
