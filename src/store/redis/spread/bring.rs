//! What the generation before holds is brought here by the first call that asks for it.
//!
//! Its partitions are closed and never change, so it is the same whoever asks and however often, and a
//! call that breks off has lost nothing. A key that is here already is newer and stays.

use crate::base::id::Pseudonym;
use crate::base::time::millis;
use crate::store::{Home, StoreError, StoreErrorKind};

use super::super::answer::Reply;
use super::super::call::{Call, Verb};
use super::super::failure::{NotBrought, Reopened};
use super::super::keys::{Keys, Kind, Name};
use super::super::layout::Layout;
use super::super::moves::{Form, Item, Moved, MovedMeter};
use super::super::place::Place;
use super::Run;
use super::merge::{self, Reading};

/// A key that is not here, and where the generation before would have it.
struct Missing {
    name: Name,
    form: Form,
    parts: Vec<usize>,
    found: Vec<(u64, Moved)>,
}

impl Run<'_> {
    /// Makes a call of this deployment's.
    pub(super) async fn send(&self, call: Call) -> Result<Reply, StoreError> {
        let place = &call.keys.place;
        if let Some(before) = &self.layout.before
            && (place.is_part() || place.is_beside() && before.tag(0) == place.tag)
        {
            self.bring(before, &call.keys, call.verb).await?;
        }
        self.store.run(call).await
    }

    async fn bring(&self, before: &Layout, keys: &Keys, verb: Verb) -> Result<(), StoreError> {
        let (now, clock, place) = (self.when.now, self.when.clock, &keys.place);
        let moves = |(kind, _): &&Name| match kind {
            Kind::Call => true,
            Kind::Subject | Kind::Challenge | Kind::Nonce => place.is_part(),
            _ => false,
        };
        let names: Vec<Name> = keys.names().iter().filter(moves).copied().collect();
        if names.is_empty() {
            return Ok(());
        }
        let there = self.store.run(Call::present(now, clock, place, &names)).await?.present()?;
        let absent = names.iter().zip(there).filter(|(_, there)| !there).map(|(name, _)| *name);
        let mut missing: Vec<Missing> =
            absent.map(|name| self.sought(before, place, verb, name)).collect();
        for part in 0..before.tags.len() {
            let wanted: Vec<(Name, Form)> = (missing.iter())
                .filter(|it| it.parts.contains(&part))
                .map(|it| (it.name, it.form))
                .collect();
            if wanted.is_empty() {
                continue;
            }
            let found = self.fetch(before, part, &wanted).await?;
            let seekers = missing.iter_mut().filter(|it| it.parts.contains(&part));
            for (seeker, value) in seekers.zip(found) {
                seeker.found.extend(value);
            }
        }
        let parts = before.parts();
        let items: Vec<Item> =
            missing.into_iter().filter_map(|it| self.item(parts, place, it)).collect();
        if items.is_empty() {
            return Ok(());
        }
        self.store.run(Call::import(now, clock, place, &items)).await?;
        Ok(())
    }

    /// Where `name` would be.
    fn sought(&self, before: &Layout, place: &Place, verb: Verb, name: Name) -> Missing {
        let (kind, bytes) = name;
        let subject = Pseudonym::from_bytes(bytes);
        let home = before.part_of(place.home().name().unwrap_or(self.when.realm));
        let all = || (0..before.tags.len()).collect();
        let (form, parts) = match kind {
            Kind::Subject if place.home().owns(subject) => (Form::Own, vec![home]),
            Kind::Subject => (Form::Common, all()),
            Kind::Challenge => (Form::Challenge, vec![home]),
            Kind::Nonce => {
                // It was claimed at the partition of its name, and spent in the call's own. Here both
                // may be one.
                let claimed = before.part_of(subject);
                let here = usize::try_from(place.part()).ok() == Some(self.layout.part_of(subject));
                let parts = match verb {
                    Verb::Claim => vec![claimed],
                    _ if here && claimed != home => vec![home, claimed],
                    _ => vec![home],
                };
                (Form::Nonce, parts)
            }
            // A key of several calls, which come from everywhere.
            _ => (Form::Calls, all()),
        };
        Missing { name, form, parts, found: Vec::new() }
    }

    /// Reads keys of a partition of the generation before.
    async fn fetch(
        &self,
        before: &Layout,
        part: usize,
        wanted: &[(Name, Form)],
    ) -> Result<Vec<Option<(u64, Moved)>>, StoreError> {
        let (now, clock, place) =
            (self.when.now, self.when.clock, before.place(part, Home::NOBODY));
        let read = || self.store.run(Call::export(now, clock, &place, wanted));
        let reply = match read().await {
            // A server that was restored from before has forgotten that it is closed.
            Err(error) if is_reopened(&error) => {
                self.store.run(Call::close(now, clock, &place, false)).await?;
                read().await
            }
            other => other,
        };
        let not_brought = |error: StoreError| match error.kind() {
            StoreErrorKind::Unavailable | StoreErrorKind::Indeterminate => {
                StoreError::new(StoreErrorKind::Unavailable, NotBrought(error))
            }
            _ => error,
        };
        let reply = reply.map_err(not_brought)?;
        Ok(reply.exported(wanted.iter().map(|(_, form)| *form))?)
    }

    /// What of the values found is written here.
    fn item(&self, before: u64, place: &Place, missing: Missing) -> Option<Item> {
        let Missing { name, form, mut found, .. } = missing;
        let ends = found.iter().map(|(ends, _)| *ends).max()?;
        let value = match form {
            Form::Common => {
                let meters = found.into_iter().filter_map(|(_, value)| match value {
                    Moved::Meters(meters) => Some(meters),
                    Moved::Text(_) => None,
                });
                let shares: Vec<Vec<MovedMeter>> = meters.collect();
                let now = self.when.now.as_millis();
                let skew = self.when.clock.skew().map_or(u64::MAX, millis);
                let reading = Reading { now, horizon: now.saturating_add(skew.saturating_mul(2)) };
                let subject = Pseudonym::from_bytes(name.1);
                Moved::Meters(merge::divided(&shares, before, place, subject, reading))
            }
            Form::Calls => Moved::Text(calls(ends, &found)),
            // Spent is more than claimed.
            Form::Nonce => {
                let is_claim =
                    |value: &Moved| matches!(value, Moved::Text(text) if text.contains(&b'.'));
                found.sort_by_key(|(_, value)| is_claim(value));
                found.into_iter().next()?.1
            }
            Form::Own | Form::Challenge => found.into_iter().next()?.1,
        };
        if matches!(&value, Moved::Meters(meters) if meters.is_empty()) {
            return None;
        }
        Some(Item { name, form, ends, value })
    }
}

/// The records of all: seven bytes, when the key ends, and then those of each.
fn calls(ends: u64, found: &[(u64, Moved)]) -> Vec<u8> {
    let mut all = ends.to_be_bytes().get(1..).unwrap_or_default().to_vec();
    for (_, value) in found {
        if let Moved::Text(text) = value {
            all.extend(text.get(7..).unwrap_or_default());
        }
    }
    all
}

fn is_reopened(error: &StoreError) -> bool {
    std::error::Error::source(error).is_some_and(|source| source.is::<Reopened>())
}
