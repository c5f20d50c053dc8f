//! What is done beside the calls: units are charged ahead and go back, somebody looks after what is
//! held, and the journal is told.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio_postgres::types::Type;

use crate::base::entropy::{SystemEntropy, random};
use crate::base::id::RequestId;
use crate::base::time::Clock;
use crate::limit::Limit;
use crate::store::telling::Left;
use crate::store::{
    Admission, Admitted, Charge, ClockCheck, Exchange, Home, News, Refund, Settlement, StoreError,
    StoreErrorKind,
};

use super::super::PostgresStore;
use super::super::answer;
use super::super::call::{Letters, time};
use super::super::key::{Key, Kind};
use super::super::statement::{Statement, Undone, parameter};
use super::slice::Unspent;
use super::{Name, Slices, When};

/// How often somebody looks after what is held.
const TEND: Duration = Duration::from_millis(250);

/// How long a row is remembered that has no calls.
const IDLE: Duration = Duration::from_secs(10);

/// How long a charge made ahead is known by its name, so that the rest of it can go back.
const REMEMBER: Duration = Duration::from_secs(600);

/// After how long units that could not be given back are given back once more.
const AGAIN: Duration = Duration::from_secs(2);

/// How long a charge made ahead whose answer was lost is left before each time that it is given
/// back.
const UNKNOWN: [Duration; 3] = [Duration::ZERO, Duration::from_secs(2), Duration::from_secs(30)];

const APPEND: &str = "select count(otpgate.append_v1($1, $2, e.content)::text), \
                      pg_is_in_recovery() as standby from unnest($3) with ordinality e(content, i)";
const NEWS: &str = "select n.latest, n.numbers, n.contents, pg_is_in_recovery() as standby \
                    from otpgate.news_v1($1, $2, $3, $4) n";

impl PostgresStore {
    /// Charges `units` ahead. Where that fails, calls charge the row themselves.
    pub(super) async fn charge_ahead(
        &self,
        slices: &Arc<Slices>,
        name: Name,
        when: When,
        limit: Limit,
        units: u64,
    ) {
        let (store, slices) = (self.clone(), Arc::clone(slices));
        // On a task of its own: who drops this call must not lose what others can spend.
        let task = tokio::spawn(async move {
            let Some(by) = new_id() else { return };
            let charge = Charge::new(name.key, limit, units);
            let mut ahead = Admission::new(by, when.now, name.realm, when.now + REMEMBER);
            (ahead.clock, ahead.charges) = (when.clock, vec![charge]);
            match store.try_admit(&ahead).await {
                Ok(Admitted::Granted { counts, .. }) => {
                    let elapsed = slices.steady.elapsed();
                    let count = counts.first().copied().unwrap_or(u64::MAX);
                    let before = {
                        let mut rows = slices.rows();
                        let row = rows.busy.entry(name).or_default();
                        row.slice.hold(by, when.now, units, count, elapsed)
                    };
                    store.tend(&slices);
                    if let Some(unspent) = before {
                        tokio::spawn(async move { store.return_units(name, unspent).await });
                    }
                }
                Ok(Admitted::Exhausted { counts, .. }) => {
                    let count = counts.first().copied().unwrap_or(u64::MAX);
                    slices.hear(name, count, when.now);
                }
                // Whether the row was charged nobody knows, and nobody spends it.
                Err(error) if error.kind() == StoreErrorKind::Indeterminate => {
                    tokio::spawn(async move { store.return_unknown(name, by, when, units).await });
                }
                _ => {}
            }
        });
        drop(task.await);
    }

    /// Gives units back to their row. What fails is tried once more later, by itself; a settlement is
    /// made once however often it is asked for. After that they stay spent.
    async fn return_units(&self, name: Name, unspent: Unspent) {
        if self.try_return(name, unspent).await.is_err() {
            let store = self.clone();
            tokio::spawn(async move {
                tokio::time::sleep(AGAIN).await;
                let age = unspent.age.saturating_add(AGAIN);
                drop(store.try_return(name, Unspent { age, ..unspent }).await);
            });
        }
    }

    async fn try_return(&self, name: Name, unspent: Unspent) -> Result<(), StoreError> {
        let Unspent { by, at, units, age } = unspent;
        let limit = Limit::Window { max: u64::MAX, span_ms: name.span_ms };
        let mut back = Settlement::new(by, at + age, name.realm);
        back.refunds =
            vec![Refund { key: name.key, limit, cost: units, charged: at, waiver: None }];
        self.try_settle(&back).await.map(drop)
    }

    /// Gives units back that were charged if the charge arrived. It may yet arrive, on a server
    /// that was long silent, and giving back before it does nothing; after it, once.
    async fn return_unknown(&self, name: Name, by: RequestId, when: When, units: u64) {
        let mut age = Duration::ZERO;
        for pause in UNKNOWN {
            tokio::time::sleep(pause).await;
            age = age.saturating_add(pause);
            drop(self.try_return(name, Unspent { by, at: when.now, units, age }).await);
        }
    }

    /// Gives what is held of a row back before the row is asked itself.
    pub(super) async fn give_back_at_once(&self, slices: &Slices, name: Name) {
        let elapsed = slices.steady.elapsed();
        let unspent = slices.rows().busy.get_mut(&name).and_then(|row| row.slice.close(elapsed));
        if let Some(unspent) = unspent {
            self.return_units(name, unspent).await;
        }
    }

    /// Gives everything back that this process has charged ahead, and counts what it has yet to count.
    pub(in super::super) async fn give_all_back(&self, slices: &Slices) {
        self.bring_counts(slices, None).await;
        let elapsed = slices.steady.elapsed();
        let close = |row: &mut super::Row| row.slice.close(elapsed);
        self.give_back_those(slices, close).await;
        self.tell_left(slices).await;
    }

    async fn give_back_those(
        &self,
        slices: &Slices,
        close: impl Fn(&mut super::Row) -> Option<Unspent>,
    ) {
        let unspent: Vec<_> = {
            let mut rows = slices.rows();
            let rows = rows.busy.iter_mut();
            rows.filter_map(|(name, row)| close(row).map(|unspent| (*name, unspent))).collect()
        };
        for (name, unspent) in unspent {
            self.return_units(name, unspent).await;
        }
    }

    /// Sees to it that somebody looks after what is held, until nothing is.
    pub(super) fn tend(&self, slices: &Arc<Slices>) {
        if slices.tended.swap(true, Ordering::AcqRel) {
            if slices.counting.try_lock().is_ok() && slices.has_many_counts() {
                let (store, slices) = (self.clone(), Arc::clone(slices));
                tokio::spawn(async move { store.bring_counts(&slices, None).await });
            }
            return;
        }
        let (store, slices) = (self.clone(), Arc::clone(slices));
        tokio::spawn(async move {
            let mut turn = Turn(Some(&slices));
            loop {
                tokio::time::sleep(TEND).await;
                store.bring_counts(&slices, None).await;
                let elapsed = slices.steady.elapsed();
                store.give_back_those(&slices, |row| row.slice.close_if_over(elapsed)).await;
                store.tell_left(&slices).await;
                if slices.rests() {
                    turn.0 = None;
                    return;
                }
            }
        });
    }

    /// Exchanges the journal, if it is this call's turn. A call does not fail for it.
    pub(super) async fn tell(
        &self,
        slices: &Slices,
        when: When,
        exchange: Option<&Exchange>,
    ) -> Option<News> {
        let exchange = exchange?;
        let nothing = News { entries: Vec::new(), latest: exchange.after };
        let mut read = exchange.clone();
        // One at a time: the others would only wait for it.
        let telling = slices.telling.try_lock();
        let free = telling.is_ok();
        let turn = slices.journals.turn_to_tell(when.realm, when.now, free, &mut read);
        let Some(mut entries) = turn else { return Some(nothing) };
        let letters = Letters::new(when.realm, Some(&read));
        entries.extend(letters.append);
        let news = self.read_news(when, letters.journal, entries, letters.after).await;
        Some(news.unwrap_or(nothing))
    }

    /// Tells what calls have left to tell. What does not arrive is not told.
    async fn tell_left(&self, slices: &Slices) {
        let _turn = slices.telling.lock().await;
        for left in slices.journals.take_left() {
            let Left { realm, journal, now, entries } = left;
            let (home, clock) = (Home::NOBODY, ClockCheck::Unchecked);
            let journal = Key::new(Kind::Journal, realm, journal.as_bytes());
            let when = When { realm, home, now, clock };
            drop(self.read_news(when, Some(journal), entries, i64::MAX).await);
        }
    }

    async fn read_news(
        &self,
        when: When,
        journal: Option<Key>,
        entries: Vec<Vec<u8>>,
        after: i64,
    ) -> Result<News, StoreError> {
        let now = time(when.now);
        let read = Statement {
            sql: NEWS,
            parameters: vec![
                parameter(journal, Type::UUID),
                parameter(now, Type::INT8),
                parameter(time(when.clock.horizon(when.now)), Type::INT8),
                parameter(after, Type::INT8),
            ],
            locks: Vec::new(),
        };
        if entries.is_empty() {
            return answer::news(&self.alone(&read).await?);
        }
        let write = Statement {
            sql: APPEND,
            parameters: vec![
                parameter(journal, Type::UUID),
                parameter(now, Type::INT8),
                parameter(entries, Type::BYTEA_ARRAY),
            ],
            locks: journal.iter().map(|journal| journal.lock(true)).collect(),
        };
        match self.together(&[&write, &read]).await {
            Ok(rows) => rows.last().map_or(Ok(News::default()), answer::news),
            Err(Undone::Failed(error)) => Err(error),
            Err(Undone::RolledBack) => self
                .alone(&read)
                .await
                .as_ref()
                .map_or(Ok(News { entries: Vec::new(), latest: 0 }), answer::news),
        }
    }
}

/// The turn to look after what is held. Where it ends before all is seen to, as the runtime of the call that took it
/// has stopped, the next call takes it.
struct Turn<'a>(Option<&'a Slices>);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if let Some(slices) = self.0 {
            slices.tended.store(false, Ordering::Release);
        }
    }
}

impl Slices {
    fn has_many_counts(&self) -> bool {
        self.rows().busy.values().any(|row| row.counts.are_many())
    }

    /// Forgets rows without calls; whether nothing is held any more.
    fn rests(&self) -> bool {
        let elapsed = self.steady.elapsed();
        let mut rows = self.rows();
        rows.busy.retain(|_, row| {
            row.slice.holds() || row.counts.are_waiting() || elapsed.saturating_sub(row.used) < IDLE
        });
        let held = rows.busy.values().any(|row| row.slice.holds() || row.counts.are_waiting())
            || self.journals.have_left();
        // While the rows are locked: whoever holds something after this looks after it anew.
        if !held {
            self.tended.store(false, Ordering::Release);
        }
        !held
    }
}

pub(super) fn new_id() -> Option<RequestId> {
    random(&SystemEntropy).ok().map(RequestId::from_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::id::Pseudonym;
    use crate::limit::{MeterKey, Slot};

    /// A store that no server answers.
    fn store() -> PostgresStore {
        let manager = deadpool_postgres::Manager::new(
            "host=127.0.0.1 port=1 user=nobody".parse().unwrap(),
            tokio_postgres::NoTls,
        );
        PostgresStore::from_pool(deadpool_postgres::Pool::builder(manager).build().unwrap())
    }

    #[test]
    fn a_runtime_that_stops_leaves_its_turn_to_the_next_call() {
        let (store, slices) = (store(), Slices::new(2).unwrap());
        let realm = Pseudonym::from_bytes([1; 16]);
        let key = MeterKey::new(realm, Slot(1));
        slices.count(Name { realm, key, span_ms: 3_600_000 }, 1);
        let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build();
        let first = runtime().unwrap();
        first.block_on(async {
            store.tend(&slices);
            tokio::task::yield_now().await;
        });
        assert!(slices.tended.load(Ordering::Acquire));
        drop(first);
        assert!(!slices.tended.load(Ordering::Acquire), "nobody looks after what is held");
    }
}
