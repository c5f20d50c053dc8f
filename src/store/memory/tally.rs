//! [`Store::tally`](crate::store::Store::tally) in memory.

use std::time::Duration;

use crate::store::{ChallengeState, Exchange, News, Reading, Tallies, TallyQuery};

use super::table::Mask;
use super::{MemoryStore, Undone};

impl MemoryStore {
    pub(super) fn try_tally(&self, query: &TallyQuery) -> Result<Tallies, Undone> {
        let (now, mask) = (query.now, Mask::of(query.realm));
        let _turn = self.turn(&mask);
        let mut books = self.books(mask, now);

        let mut meters = Vec::with_capacity(query.meters.len());
        for question in &query.meters {
            let place = books.open(question.key.subject)?;
            let (slot, limit) = (question.key.slot, &question.limit);
            meters.push(books.at(place).map_or_else(Reading::default, |book| {
                let wait = match question.cost {
                    0 => None,
                    cost => book.ledger.quote(slot, limit, now, cost).err(),
                };
                let count = book.ledger.count(slot, limit, now);
                Reading { count, retry_after: wait.unwrap_or(Duration::ZERO) }
            }));
        }
        let mut marks = Vec::with_capacity(query.marks.len());
        for key in &query.marks {
            let place = books.open(key.subject)?;
            let mark = books.at(place).and_then(|book| book.ledger.mark(key.slot));
            marks.push(mark.filter(|(_, until)| now < *until));
        }
        let state = |name: &crate::Pseudonym| {
            let read = |kept: &super::Kept| kept.challenge.state(now);
            self.challenges.read(mask.name(*name), read).unwrap_or(ChallengeState::Unknown)
        };
        let document = |name: &crate::Pseudonym| {
            self.documents.view(&mask.name(*name), |_, held| held.clone()).unwrap_or_default()
        };
        let news = query.journal.map_or_else(News::default, |(journal, after)| {
            self.news(&mask, Some(&Exchange { journal, append: Vec::new(), after }), now)
        });
        Ok(Tallies {
            meters,
            marks,
            challenges: query.challenges.iter().map(state).collect(),
            documents: query.documents.iter().map(document).collect(),
            news,
        })
    }
}
