//! [`Store::tally`](crate::store::Store::tally) over a [`Realm`].

use std::time::Duration;

use crate::store::{ChallengeState, Exchange, Reading, Tallies, TallyQuery};

use super::books::Books;
use super::{Moment, Realm};

pub(in crate::store) fn tally<R: Realm>(
    realm: &R,
    query: &TallyQuery,
) -> Result<Tallies, R::Undone> {
    let at = Moment::of(query.now, query.clock);
    let mut books = Books::new(realm, at);
    books.only_read();

    let mut meters = Vec::with_capacity(query.meters.len());
    for question in &query.meters {
        let place = books.open(question.key.subject)?;
        let (slot, limit) = (question.key.slot, &question.limit);
        let wait = match question.cost {
            0 => None,
            cost => books.quote(place, slot, limit, cost).err(),
        };
        let count = books.count(place, slot, limit);
        meters.push(Reading { count, retry_after: wait.unwrap_or(Duration::ZERO) });
    }
    let mut marks = Vec::with_capacity(query.marks.len());
    for key in &query.marks {
        let place = books.open(key.subject)?;
        let mark = books.at(place).and_then(|book| book.ledger.mark(key.slot));
        marks.push(mark.filter(|(_, until)| at.now < *until));
    }
    let mut challenges = Vec::with_capacity(query.challenges.len());
    for name in &query.challenges {
        let state = realm.challenge(*name, |challenge| challenge.state(at))?;
        challenges.push(state.unwrap_or(ChallengeState::Unknown));
    }
    let mut documents = Vec::with_capacity(query.documents.len());
    for name in &query.documents {
        documents.push(realm.document(*name)?.unwrap_or_default());
    }
    let exchange =
        query.journal.map(|(journal, after)| Exchange { journal, append: Vec::new(), after });
    let news = realm.news(exchange.as_ref(), at)?;
    Ok(Tallies { meters, marks, challenges, documents, news })
}
