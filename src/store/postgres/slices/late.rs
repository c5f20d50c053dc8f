//! What is counted late comes to its row: by itself, and before a limit is judged by that row.

use std::collections::HashMap;
use std::sync::Arc;

use crate::base::id::Pseudonym;
use crate::limit::Limit;
use crate::store::{Admission, Admitted, Charge, Home, Observation, TallyQuery};

use super::super::PostgresStore;
use super::tend::new_id;
use super::{Name, Slices, UNBOUNDED, When};

impl PostgresStore {
    /// Brings counters to their rows: those of `realm`, or all. What does not arrive is not
    /// counted.
    pub(super) async fn bring_counts(&self, slices: &Slices, realm: Option<Pseudonym>) {
        let _turn = slices.counting.lock().await;
        let mut all: HashMap<Pseudonym, (When, Vec<(Name, u64)>)> = HashMap::new();
        for (name, row) in &mut slices.rows().busy {
            if realm.is_some_and(|realm| realm != name.realm) {
                continue;
            }
            let Some(units) = row.counts.take() else { continue };
            let (home, now, clock) = (Home::NOBODY, row.now, row.clock);
            let when = When { realm: name.realm, home, now, clock };
            let (latest, list) = all.entry(name.realm).or_insert_with(|| (when, Vec::new()));
            latest.now = latest.now.max(now);
            list.push((*name, units));
        }
        for (when, list) in all.into_values() {
            let counts = self.count_together(when, &list).await;
            let mut rows = slices.rows();
            for (at, (name, units)) in list.iter().enumerate() {
                if let Some(row) = rows.busy.get_mut(name) {
                    row.counts.counted(*units, counts.get(at).copied());
                }
            }
        }
    }

    /// Counts units in their rows, and answers what that brought each to; nothing if they did not
    /// arrive.
    async fn count_together(&self, when: When, list: &[(Name, u64)]) -> Vec<u64> {
        let Some(by) = new_id() else { return Vec::new() };
        let mut counting = Admission::new(by, when.now, when.realm, when.now);
        counting.clock = when.clock;
        let units = list.iter().map(|(name, units)| {
            let Name { key, span_ms, .. } = *name;
            Observation { key, span_ms, units: *units }
        });
        counting.observe = units.collect();
        match self.try_admit(&counting).await {
            Ok(Admitted::Granted { observed, .. }) => observed,
            _ => Vec::new(),
        }
    }

    /// Counts what is yet to be counted of the rows that a call judges `charges` by.
    pub(super) async fn count_before(
        &self,
        slices: &Arc<Slices>,
        when: When,
        charges: impl Iterator<Item = &Charge> + Clone,
    ) {
        while slices.judges_by_what_is_owed(when, charges.clone()) {
            self.count_at_once(slices, when.realm).await;
        }
    }

    /// Brings the counters of `realm` to their rows.
    pub(super) async fn count_at_once(&self, slices: &Arc<Slices>, realm: Pseudonym) {
        let (store, slices) = (self.clone(), Arc::clone(slices));
        // On a task of its own: who drops this call must not lose what others have counted.
        let task = tokio::spawn(async move { store.bring_counts(&slices, Some(realm)).await });
        drop(task.await);
    }
}

impl Slices {
    /// Whether a call is to judge `charges` by a row that something has yet to be counted in. From
    /// now on nothing is counted late in those rows.
    fn judges_by_what_is_owed<'a>(
        &self,
        when: When,
        charges: impl Iterator<Item = &'a Charge>,
    ) -> bool {
        let mut rows = self.rows();
        let mut owed = false;
        for charge in charges {
            let (Limit::Window { max, span_ms } | Limit::Budget { max, span_ms }) = charge.limit
            else {
                continue;
            };
            let name = Name { realm: when.realm, key: charge.key, span_ms };
            if max < UNBOUNDED
                && let Some(row) = rows.busy.get_mut(&name)
            {
                row.limits = true;
                owed |= row.counts.are_owed();
            }
        }
        owed
    }

    /// Whether something that `query` asks for has not reached its row.
    pub(super) fn has_yet_to_count(&self, query: &TallyQuery) -> bool {
        let asked = |name: &Name| {
            name.realm == query.realm && query.meters.iter().any(|meter| meter.key == name.key)
        };
        let rows = self.rows();
        rows.busy.iter().any(|(name, row)| row.counts.are_owed() && asked(name))
    }
}
