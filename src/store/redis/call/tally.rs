//! A query.

use crate::store::TallyQuery;

use super::super::keys::{Keys, Kind};
use super::super::pack::Packer;
use super::super::place::Place;
use super::lists::{Flat, Records, places};
use super::{Call, Journal, Verb, exchange};

impl Call {
    pub(in crate::store::redis) fn tally(query: &TallyQuery, place: &Place) -> Self {
        let mut keys = Keys::of(place);
        let mut body = Packer::with_capacity(512);
        let mut list = Records::default();
        for question in &query.meters {
            list.push(&mut keys, question.key, &question.limit, question.cost, None);
        }
        list.write(&mut body);
        places(&mut body, &mut keys, &query.marks);
        body.array(query.challenges.len());
        for challenge in &query.challenges {
            body.number(keys.number(Kind::Challenge, *challenge));
        }
        let mut list = Flat::default();
        for document in &query.documents {
            let version = keys.number(Kind::Version, *document);
            list.numbers(&[version, keys.number(Kind::Document, *document)]);
        }
        list.write(&mut body);
        let journal = query.journal.map(|(name, after)| {
            let latest = keys.number(Kind::Latest, name);
            Journal { latest, after, append: &[], name, earlier: &[] }
        });
        let reads = keys.len();
        exchange(&mut body, &mut keys, journal);
        let (now, clock) = (query.now, query.clock);
        Self { verb: Verb::Tally, realm: place.known_as(), now, clock, keys, reads, body }
    }
}
