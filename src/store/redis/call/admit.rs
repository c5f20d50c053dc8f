//! An admission.

use crate::store::{Admission, ChallengeWrite};

use super::super::keys::{Keys, Kind};
use super::super::pack::{MOST, Packer};
use super::super::place::Place;
use super::lists::{Flat, charges, observations, versions};
use super::{Call, Journal, Scope, Verb, exchange};

impl Call {
    pub(in crate::store::redis) fn admit(
        admission: &Admission,
        place: &Place,
        scope: &Scope<'_>,
    ) -> Self {
        let mut keys = Keys::of(place);
        keys.call(admission.id);
        let mut body = Packer::with_capacity(1024);
        body.bytes(admission.id.as_bytes());
        body.number(admission.remember.as_millis().min(MOST >> 1));
        body.number(u64::from(names_twice(admission)));

        let guards = admission.guards.iter().map(|guard| (guard.document, guard.version));
        let writes = admission.documents.iter().map(|write| (write.document, write.expect));
        let kind = if scope.is_all() { Kind::Version } else { Kind::Copy };
        let mut list = Flat::default();
        for (document, version) in guards.chain(writes.filter(|_| scope.is_all())) {
            list.numbers(&[keys.number(kind, document), version]);
        }
        list.write(&mut body);
        let mut list = Flat::default();
        for nonce in &admission.nonces {
            list.numbers(&[keys.number(Kind::Nonce, nonce.key)]);
            // As the script writes it.
            list.text(nonce.expires.as_millis().min(MOST).to_string().as_bytes());
        }
        list.write(&mut body);

        // Contents are not read, so their keys come after all that are.
        let mut tail = Packer::with_capacity(1024);
        opening(&mut tail, &mut keys, admission.challenge.as_ref());
        charges(&mut tail, &mut keys, &admission.charges, scope.paid());
        observations(&mut tail, &mut keys, &admission.observe);
        let journal =
            Journal::of(&mut keys, admission.exchange.as_ref().filter(|_| scope.is_all()));
        let reads = keys.len();

        let documents = if scope.is_all() { &admission.documents[..] } else { &[] };
        body.array(documents.len());
        for write in documents {
            let version = keys.number(Kind::Version, write.document);
            let content = keys.number(Kind::Document, write.document);
            body.array(4).numbers(&[version, write.expect, content]).bytes(&write.content);
        }
        body.raw(tail.as_slice());
        exchange(&mut body, &mut keys, journal);
        match scope {
            Scope::All => drop(body.number(0)),
            Scope::Part { copies, .. } => versions(&mut body, &mut keys, copies),
        }
        let (now, clock) = (admission.now, admission.clock);
        Self { verb: Verb::Admit, realm: place.known_as(), now, clock, keys, reads, body }
    }
}

/// Whether two charges or observations are of one meter.
fn names_twice(admission: &Admission) -> bool {
    let charges = admission.charges.iter().map(|charge| charge.key);
    let mut meters: Vec<_> =
        charges.chain(admission.observe.iter().map(|observation| observation.key)).collect();
    meters.sort_unstable();
    meters.windows(2).any(|pair| matches!(pair, [one, other] if one == other))
}

fn opening(body: &mut Packer, keys: &mut Keys, write: Option<&ChallengeWrite>) {
    match write {
        None => drop(body.number(0)),
        Some(ChallengeWrite::Open { key, digest, expires, closes, attempts }) => {
            let key = keys.number(Kind::Challenge, *key);
            body.array(6).numbers(&[key, 1]).bytes(digest).number(expires.as_millis());
            body.number(closes.as_millis()).number(u64::from(*attempts));
        }
        Some(ChallengeWrite::Renew { key, digest, expires, keep_previous }) => {
            let key = keys.number(Kind::Challenge, *key);
            let how = if *keep_previous { 2 } else { 3 };
            body.array(4).numbers(&[key, how]).bytes(digest).number(expires.as_millis());
        }
    }
}
