//! What a gate reads, hears and saves of a realm, in the store: [`Gate::warm_up`],
//! [`Gate::save_detector`], and what goes along with other calls.

use std::sync::Arc;

use super::Gate;
use crate::base::id::{Pseudonym, RequestId};
use crate::base::time::Timestamp;
use crate::error::{GateError, GateErrorKind};
use crate::event::{EventKind, OutagePart};
use crate::guarded;
use crate::pumping::{SHARDS, Sighting};
use crate::realm::{Book, Carried, Turn};
use crate::store::{Admitted, Document, DocumentWrite, Exchange, Home, News, TallyQuery};

impl Gate {
    /// Reads what the realm's store remembers: the operator's controls and what the pumping detector
    /// knew before this process started. Without it the first send does so, which then takes one
    /// round trip more; call it at start to spare that send.
    ///
    /// # Errors
    ///
    /// [`GateError`] if the store gave no answer; the first send tries again.
    ///
    /// ```
    /// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
    /// # shop::open(async |shop::Shop { gate, .. }| {
    /// if let Err(error) = gate.warm_up().await {
    ///     eprintln!("{error}"); // no reason to stop: the first send tries again
    /// }
    /// # assert!(gate.warm_up().await.is_ok());
    /// # Ok(())
    /// # });
    /// ```
    pub async fn warm_up(&self) -> Result<(), GateError> {
        self.remember(self.now()).await
    }

    /// Saves everything that the realm's pumping detector knows in the store. The gate saves the
    /// urgent part by itself about once a minute, along with a send. Call this before a planned
    /// restart: it saves the last minute, and the last hour of what is learnt slowly.
    ///
    /// # Errors
    ///
    /// [`GateError`] if the store gave no answer, if other gates kept saving at the same time, or if this
    /// gate could not read what is there, which it leaves for a day to a release that can. What was
    /// saved before stays.
    pub async fn save_detector(&self) -> Result<(), GateError> {
        const TRIES: usize = 4 * SHARDS;
        self.remember(self.now()).await?;
        let mut left = SHARDS;
        for _ in 0..TRIES {
            if left == 0 {
                return Ok(());
            }
            if self.realm.watch.leaves_memory(self.now()) {
                let cause = "what is saved could not be read at the start and is left alone for a day; \
                             call save_detector at a gate of the release that saved it";
                return Err(GateError::new(GateErrorKind::Store, cause));
            }
            self.realm.watch.hurry();
            if self.save_once(self.now(), true).await? {
                left = left.saturating_sub(1);
            }
        }
        Err(GateError::new(GateErrorKind::Store, "other gates kept saving; save again"))
    }

    /// Reads, once in the life of the process, the controls and what the detector knew before it.
    pub(super) async fn remember(&self, now: Timestamp) -> Result<(), GateError> {
        match self.realm.watch.turn() {
            Some(turn) => Box::pin(self.read_memory(now, turn)).await,
            None => Ok(()),
        }
    }

    async fn read_memory(&self, now: Timestamp, turn: Turn<'_>) -> Result<(), GateError> {
        let names = self.names();
        let before = self.realm.controls.seen().version;
        let mut query = self.inner.query(Home::NOBODY, now);
        query.documents = vec![names.controls()];
        query.documents.extend(names.memories());
        query.journal = Some((names.journal(), 0));
        let tallies = guarded::tally(&*self.inner.store, &query).await?;
        let (controls, memory) = match tallies.documents.split_first() {
            Some((controls, memory)) => (controls.clone(), memory),
            None => (Document::default(), &[][..]),
        };
        let keys = &self.inner.keys;
        let (trouble, unread) =
            self.realm.watch.remember(turn, memory, &tallies.news, keys, self.now());
        if let Some(what) = trouble {
            self.tell_outage(OutagePart::Record, what);
        }
        self.tell_unread(unread);
        self.take_in_controls(&controls, before, now).map(drop)
    }

    /// Reads the controls anew.
    pub(super) async fn reload_controls(&self, now: Timestamp) -> Result<Arc<Book>, GateError> {
        let before = self.realm.controls.seen().version;
        let document = self.inner.document(self.names().controls(), now).await?;
        self.take_in_controls(&document, before, now)
    }

    fn take_in_controls(
        &self,
        document: &Document,
        before: u64,
        now: Timestamp,
    ) -> Result<Arc<Book>, GateError> {
        let (fresh, went_back) = self.realm.controls.take_in(document, before, &self.inner.keys)?;
        if went_back {
            self.realm.watch.went_back(&fresh.book);
            self.tell_loss();
        }
        self.realm.watch.lift(&fresh.book, now);
        Ok(fresh)
    }

    /// Tells the detector what happened, and the host what the detector has to say about it.
    pub(super) fn saw(&self, sighting: Sighting) {
        let now = self.now();
        let watch = &self.realm.watch;
        let alerts = watch.saw(sighting, now);
        if !alerts.is_empty() || watch.looks_again(now) {
            for alert in watch.told(alerts, &self.realm.controls.seen().book, now) {
                let at = Timestamp::from_millis(alert.at_ms);
                self.tell(&self.event(at, EventKind::Pumping { alert }));
            }
        }
        self.realm.watch.go_on(&self.inner.keys, &*self.inner.entropy, now);
    }

    /// What this gate has to tell the others, to travel with a call to the store.
    pub(super) fn exchange(&self, id: RequestId) -> Option<Exchange> {
        let journal = self.names().journal();
        self.inner.shared.then(|| self.realm.watch.exchange(journal, id, &self.inner.keys))
    }

    /// Takes back what the others were to hear by a call that failed, or learns from one that did not that
    /// the journal began anew; passes the answer on, of which `news` is what the others had to tell. There is
    /// none then: the next call asks for all of it.
    pub(super) fn heard_of<T>(
        &self,
        exchange: Option<&Exchange>,
        mut answer: Result<T, GateError>,
        news: impl FnOnce(&mut T) -> Option<&mut News>,
    ) -> Result<T, GateError> {
        let watch = &self.realm.watch;
        match (exchange, &mut answer) {
            (None, _) => {}
            (Some(exchange), Err(_)) => watch.untell(exchange, &self.inner.keys),
            (Some(exchange), Ok(answer)) => {
                if let Some(news) = news(answer)
                    && watch.begins_anew(exchange.after, news.latest)
                {
                    *news = News::default();
                    self.tell_loss();
                }
            }
        }
        answer
    }

    /// Says that the store has lost what it knew: what an operator entered may be among it, and nobody else
    /// notices.
    fn tell_loss(&self) {
        if self.realm.watch.tells_loss(self.now()) {
            let what = "the store has lost what it knew, as in a fail-over or with its disk: look at the \
                        entries, enter again what is missing, and count on limits and budgets being \
                        given out once more";
            self.tell_outage(OutagePart::StoreLost, what.into());
        }
    }

    /// What to ask of the journal, for a call that tells the others nothing.
    pub(super) fn journal(&self) -> Option<(Pseudonym, u64)> {
        self.inner.shared.then(|| (self.names().journal(), self.realm.watch.read()))
    }

    /// Takes in what the others had to tell a call that only asks; none of it where the journal began anew,
    /// of which the next call asks for all.
    pub(super) fn catch_up(&self, query: &TallyQuery, news: &News) {
        let Some((_, after)) = query.journal else { return };
        if self.realm.watch.begins_anew(after, news.latest) {
            self.tell_loss();
        } else {
            self.take_in(news);
        }
    }

    /// Takes in what the other gates had to tell.
    pub(super) fn take_in(&self, news: &News) {
        let unread = self.realm.watch.take_in(news, &self.inner.keys, || self.now());
        self.tell_unread(unread);
    }

    fn tell_unread(&self, entries: usize) {
        for _ in 0..entries {
            let what = "a journal entry of another gate could not be read; do all gates have the \
                        same version?";
            self.tell_outage(OutagePart::Record, what.into());
        }
    }

    /// The documents of a save that is ready.
    pub(super) fn writes(
        &self,
        now: Timestamp,
        whole: bool,
    ) -> Option<([DocumentWrite; 2], Carried)> {
        let (keys, entropy) = (&self.inner.keys, &*self.inner.entropy);
        self.realm.watch.writes(self.names(), keys, entropy, now, whole)
    }

    /// Whether `document` is part of the memory; if so its version is corrected.
    pub(super) fn outdated(&self, document: Pseudonym, version: u64, now: Timestamp) -> bool {
        let names = self.names();
        if document == names.controls() {
            return false;
        }
        let place = names.memories().position(|name| name == document);
        if let Some(place) = place {
            self.realm.watch.correct(place, version, now);
        }
        place.is_some()
    }

    /// Saves on behalf of a request that is refused, if no other could for two minutes.
    pub(super) async fn save_overdue(&self, now: Timestamp) {
        if self.realm.watch.is_overdue(now)
            && let Err(error) = self.save_once(now, false).await
        {
            let what = format!("what the detector knows could not be saved: {error}");
            self.tell_outage(OutagePart::beside(error.kind()), what);
        }
    }

    /// Saves two documents; whether nobody was quicker.
    async fn save_once(&self, now: Timestamp, whole: bool) -> Result<bool, GateError> {
        let Some((documents, carried)) = self.writes(now, whole) else { return Ok(false) };
        let mut admission = self.inner.admission(Home::NOBODY, now)?;
        admission.documents = documents.into();
        // What was told last is heard by the gates that go on, where this process ends after its save.
        admission.exchange = self.exchange(admission.id);
        let answer = guarded::admit(&*self.inner.store, &admission).await;
        let answer = self.heard_of(admission.exchange.as_ref(), answer, Admitted::news)?;
        if let Admitted::Granted { news, .. } = &answer {
            self.take_in(news);
            self.realm.watch.saved(carried);
            return Ok(true);
        }
        self.realm.watch.not_saved(carried, admission.documents);
        if let Admitted::Stale { document, version } = answer {
            self.outdated(document, version, now);
        }
        Ok(false)
    }
}
