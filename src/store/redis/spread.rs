//! [`Spread`]: one deployment over several partitions.
//!
//! A call goes to the partition of its [`Home`], and everything of that home is there. Of what is common
//! to all homes each partition keeps a share ([`Place::share`]), which it grants without asking. Where
//! that is used up, the charge is made at another partition that has room, and the call is made again
//! without it. So a charge is never counted less than once, wherever a call breaks off.

use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use crate::base::id::Pseudonym;
use crate::base::time::{Timestamp, millis};
use crate::limit::{Limit, MeterKey};
use crate::store::{
    Admission, Admitted, ChallengeWrite, Charge, ClockCheck, Exchange, Home, Mark, MeterQuery,
    News, Nonce, Reading, Redeemed, Redemption, Refund, Settlement, StoreError, StoreErrorKind,
    Tallies, TallyQuery, Verdict, VoidCode,
};

use super::RedisStore;
use super::answer::{Said, Unfit};
use super::call::{Call, Errand, Scope};
use super::failure::{OtherLayout, Unsettled, Unsplittable};
use super::place::{Layout, Place};

/// How often a call is made again: for copies of versions, and because another call was quicker.
const TRIES: usize = 6;
/// How many meters are known to be used up everywhere.
const KNOWN: usize = 4_096;
/// How long a meter that is used up everywhere is not asked for elsewhere again.
const USED_UP: Duration = Duration::from_secs(1);

/// How often the journal is exchanged at the most: 64 times in a tenth of a second, by each process. A
/// gate's news wait no longer than that for the next call.
const TICK: Duration = Duration::from_millis(100);
const EACH_TICK: u32 = 64;
/// So many entries are not left for a later call.
const LEFT: usize = 256;

/// A meter of a deployment, and the limit that judges it.
type Judged = (Pseudonym, MeterKey, [u64; 2]);

/// What a process knows of the deployments that it spreads.
pub(super) struct Spread {
    parts: u16,
    layouts: Mutex<HashMap<Pseudonym, Arc<Layout>>>,
    /// Until when each limit of a common meter has no room anywhere.
    used_up: Mutex<HashMap<Judged, Timestamp>>,
    /// What the journals have been told and have yet to be told.
    journals: Mutex<HashMap<(Pseudonym, Pseudonym), Telling>>,
    /// Held while asking for a layout, so that many first calls ask once.
    asking: tokio::sync::Mutex<()>,
    /// Held while the rests of several partitions are put together, so that two calls do not hold half
    /// of them each.
    gathering: tokio::sync::Mutex<()>,
}

/// A journal, which all partitions share: so it is asked no more often than some times in a tick, and what
/// else there is to tell is told with the next.
#[derive(Default)]
struct Telling {
    tick: Timestamp,
    told: u32,
    entries: Vec<Vec<u8>>,
}

/// Whose call it is, and when.
#[derive(Clone, Copy)]
struct When {
    realm: Pseudonym,
    now: Timestamp,
    clock: ClockCheck,
}

/// A charge that another partition has taken over.
struct Loan {
    part: usize,
    index: usize,
    units: u64,
}

/// What a partition said at last, and what others have taken over for it.
struct Settled<T> {
    said: Said<T>,
    loans: Vec<Loan>,
}

impl Spread {
    pub(super) fn new(parts: u16) -> Option<Self> {
        let (layouts, used_up) = (Mutex::default(), Mutex::default());
        let (asking, gathering) = (tokio::sync::Mutex::default(), tokio::sync::Mutex::default());
        let journals = Mutex::default();
        (parts > 1).then_some(Self { parts, layouts, used_up, journals, asking, gathering })
    }

    /// Where the parts of a realm are. The first call of a process asks whether it is spread so.
    async fn layout(&self, store: &RedisStore, when: When) -> Result<Arc<Layout>, StoreError> {
        let known = self.known_layout(when.realm);
        if let Some(layout) = known {
            return Ok(layout);
        }
        let _turn = self.asking.lock().await;
        if let Some(layout) = self.known_layout(when.realm) {
            return Ok(layout);
        }
        let call = Call::layout(when.realm, when.now, when.clock, self.parts);
        let kept = store.run(call).await?.number()?;
        if kept != u64::from(self.parts) {
            let asked = u64::from(self.parts);
            return Err(StoreError::new(StoreErrorKind::Corrupt, OtherLayout { kept, asked }));
        }
        let layout = Arc::new(Layout::new(when.realm, u64::from(self.parts)));
        let mut layouts = self.layouts.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Arc::clone(layouts.entry(when.realm).or_insert(layout)))
    }

    pub(super) async fn admit(
        &self,
        store: &RedisStore,
        admission: &Admission,
    ) -> Result<Admitted, StoreError> {
        let when = When { realm: admission.realm, now: admission.now, clock: admission.clock };
        let layout = self.layout(store, when).await?;
        let meters = !admission.charges.is_empty() || !admission.observe.is_empty();
        let at_hub = admission.home.name().is_none() && !meters && admission.challenge.is_none();
        let (part, place) = if at_hub {
            (usize::MAX, layout.hub())
        } else {
            let part = layout.part_of(admission.home.name().unwrap_or(admission.realm));
            (part, layout.place(part, admission.home))
        };
        check_splits(&place, admission.charges.iter().map(|charge| (charge.key, &charge.limit)))?;
        let renews = matches!(admission.challenge, Some(ChallengeWrite::Renew { .. }));
        let asks = !admission.nonces.is_empty() || !admission.documents.is_empty();
        if renews && asks && !at_hub {
            // What a renewal takes from a challenge cannot be given back: whatever else may refuse is asked
            // before.
            let stale = match admission.documents.is_empty() {
                true => None,
                false => self.stale_write(store, &layout, admission).await?,
            };
            let spent = self.claim(store, &layout, place.tag, admission).await?;
            let spent = spent.map(|index| Admitted::NonceSpent { index });
            if let Some(refusal) = stale.or(spent) {
                let answer = self.refuse(store, &layout, part, &place, admission, refusal).await?;
                self.release(store, &layout, place.tag, admission).await;
                return Ok(answer);
            }
        }
        let claims = self.claim(store, &layout, place.tag, admission);
        let (spent, settled) = both(claims, async {
            if at_hub {
                let call = Call::admit(admission, &place, &Scope::All);
                let said = store.run(call).await?.admitted(admission)?;
                return Ok(Settled { said, loans: Vec::new() });
            }
            self.admit_at(store, &layout, part, &place, admission).await
        })
        .await;
        let spent = spent?;
        let Settled { said: Said { answer, repeated, .. }, loans } = settled?;
        let undo = async |granted: bool| {
            if granted {
                self.withdraw(store, &place, admission, &loans).await?;
                self.repay(store, &layout, when, &admission.charges, &loans).await;
            }
            self.release(store, &layout, place.tag, admission).await;
            Ok::<(), StoreError>(())
        };
        let mut answer = match (answer, spent) {
            (answer, _) if repeated => answer,
            (answer @ Admitted::Stale { .. }, _) => {
                undo(false).await?;
                answer
            }
            (Admitted::NonceSpent { index }, Some(other)) => {
                undo(false).await?;
                Admitted::NonceSpent { index: index.min(other) }
            }
            (answer, Some(index)) => {
                undo(matches!(answer, Admitted::Granted { .. })).await?;
                Admitted::NonceSpent { index }
            }
            (answer @ Admitted::Granted { .. }, None) => answer,
            (answer, None) => {
                undo(false).await?;
                answer
            }
        };
        if !admission.documents.is_empty() && !at_hub {
            answer = match answer {
                Admitted::Granted { .. } => {
                    let stale = self.write_documents(store, &layout, admission).await;
                    match stale {
                        Ok(None) => answer,
                        Ok(Some(stale)) => {
                            undo(!repeated).await?;
                            stale
                        }
                        Err(error) => {
                            undo(!repeated).await?;
                            return Err(error);
                        }
                    }
                }
                Admitted::Stale { .. } => answer,
                // What the port checks first is asked last, and only of what is refused.
                other => self.stale_write(store, &layout, admission).await?.unwrap_or(other),
            };
        }
        let written = !admission.documents.is_empty() && !repeated;
        if written && matches!(answer, Admitted::Granted { .. }) {
            self.tell_versions(store, &layout, admission).await;
        }
        if !at_hub {
            let append = !repeated;
            let news =
                self.exchange(store, &layout, when, admission.exchange.as_ref(), append).await;
            if let Admitted::Granted { news: told, .. } | Admitted::Exhausted { news: told, .. } =
                &mut answer
            {
                *told = news;
            }
        }
        Ok(answer)
    }

    /// Counts what an admission observes that is refused for `refusal`, unless it was granted before or is
    /// refused for something that is asked earlier.
    async fn refuse(
        &self,
        store: &RedisStore,
        layout: &Layout,
        part: usize,
        place: &Place,
        admission: &Admission,
        refusal: Admitted,
    ) -> Result<Admitted, StoreError> {
        let mut shut = admission.clone();
        let own = admission.home.name().unwrap_or(admission.realm);
        let never = Limit::Window { max: 0, span_ms: 1 };
        let key = MeterKey::new(own, crate::limit::Slot(0));
        shut.charges.push(Charge { key, limit: never, cost: 1, waiver: None });
        let said = self.admit_at(store, layout, part, place, &shut).await?.said;
        let when = When { realm: admission.realm, now: admission.now, clock: admission.clock };
        let append = !said.repeated;
        let news = self.exchange(store, layout, when, admission.exchange.as_ref(), append).await;
        Ok(match said.answer {
            Admitted::Granted { mut counts, step, observed, .. } => {
                counts.pop();
                Admitted::Granted { counts, step, observed, news }
            }
            stale @ Admitted::Stale { .. } => stale,
            _ => refusal,
        })
    }

    /// Makes the call at its partition until the answer rests on current versions and on what others
    /// have taken over.
    async fn admit_at(
        &self,
        store: &RedisStore,
        layout: &Layout,
        part: usize,
        place: &Place,
        admission: &Admission,
    ) -> Result<Settled<Admitted>, StoreError> {
        let when = When { realm: admission.realm, now: admission.now, clock: admission.clock };
        let (mut copies, mut loans) = (Vec::new(), Vec::<Loan>::new());
        let mut last = None;
        for _ in 0..TRIES {
            let paid = loans.iter().map(|loan| loan.index).collect::<Vec<_>>();
            let scope = Scope::Part { copies: &copies, paid: &paid };
            let call = Call::admit(admission, place, &scope);
            let mut said = store.run(call).await?.admitted(admission)?;
            if said.wants_copies {
                copies = self.versions(store, layout, admission).await?;
                continue;
            }
            copies.clear();
            let charges =
                admission.charges.iter().map(|charge| (charge.key, charge.limit, charge.cost));
            let charges: Vec<_> = charges.collect();
            tell_counts(&mut said.answer, place, admission, &paid);
            if said.unfit.is_empty() {
                if !matches!(said.answer, Admitted::Granted { .. }) {
                    self.repay(store, layout, when, &admission.charges, &loans).await;
                    loans.clear();
                }
                return Ok(Settled { said, loans });
            }
            let more = self.borrow(store, layout, when, part, place, &charges, &said.unfit).await?;
            match more {
                Ok(more) => loans.extend(more),
                Err(worst) => {
                    self.repay(store, layout, when, &admission.charges, &loans).await;
                    if let Admitted::Exhausted { index, retry_after, .. } = &mut said.answer {
                        (*index, *retry_after) = (worst.index, Duration::from_millis(worst.wait));
                    }
                    return Ok(Settled { said, loans: Vec::new() });
                }
            }
            last = Some(said);
        }
        self.repay(store, layout, when, &admission.charges, &loans).await;
        match last {
            Some(said) => Ok(Settled { said, loans: Vec::new() }),
            None => Err(StoreError::new(StoreErrorKind::Unavailable, Unsettled)),
        }
    }

    /// Finds partitions that take over the charges that do not fit here: all of them, or the one with the
    /// longest wait that nobody takes. A charge on a home's own is nobody else's.
    #[allow(clippy::too_many_arguments, reason = "what a call is made of, and what of it is asked")]
    async fn borrow(
        &self,
        store: &RedisStore,
        layout: &Layout,
        when: When,
        part: usize,
        place: &Place,
        charges: &[(MeterKey, Limit, u64)],
        unfit: &[Unfit],
    ) -> Result<Result<Vec<Loan>, Unfit>, StoreError> {
        let key_of = |unfit: &Unfit| charges.get(unfit.index).copied();
        let is_own =
            |unfit: &&Unfit| key_of(unfit).is_none_or(|(key, ..)| !place.is_common(key.subject));
        if let Some(worst) = longest(unfit.iter().filter(is_own)) {
            return Ok(Err(worst));
        }
        let mut lacking = unfit.to_vec();
        if let Some(worst) = longest(lacking.iter().filter(|unfit| {
            key_of(unfit).is_some_and(|(key, limit, _)| self.is_used_up(when, key, &limit))
        })) {
            return Ok(Err(worst));
        }
        let mut loans = Vec::new();
        for other in others(layout, part) {
            let asked: Vec<Charge> = lacking
                .iter()
                .filter_map(key_of)
                .map(|(key, limit, cost)| Charge { key, limit, cost, waiver: None })
                .collect();
            // By the shares of the other one: its own of these are none.
            let there = layout.place(other, Home::NOBODY);
            let errand = Errand { taken: &asked, ..Errand::default() };
            let call = Call::peer(when.now, when.clock, &there, &errand);
            let waits = match store.run(call).await {
                Ok(reply) => reply.done()?.waits,
                Err(error) if is_lost(&error) => continue,
                Err(error) => return Err(error),
            };
            for (unfit, wait) in lacking.iter_mut().zip(waits) {
                unfit.wait = unfit.wait.min(wait);
            }
            for unfit in lacking.extract_if(.., |unfit| unfit.wait == 0) {
                let units = key_of(&unfit).map_or(0, |(.., cost)| cost);
                loans.push(Loan { part: other, index: unfit.index, units });
            }
            if lacking.is_empty() {
                return Ok(Ok(loans));
            }
        }
        // No partition has room for all of it. Together they may have.
        let mut still = Vec::new();
        for unfit in lacking {
            let Some(charge) = key_of(&unfit) else { continue };
            match self.gather(store, layout, when, place, unfit.index, charge).await? {
                Some(pieces) => loans.extend(pieces),
                None => still.push(unfit),
            }
        }
        if still.is_empty() {
            return Ok(Ok(loans));
        }
        let lacking = still;
        for unfit in &lacking {
            if let Some((key, limit, _)) = key_of(unfit) {
                self.note_used_up(when, key, &limit, unfit.wait);
            }
        }
        let made: Vec<Charge> = charges
            .iter()
            .map(|(key, limit, cost)| Charge {
                key: *key,
                limit: *limit,
                cost: *cost,
                waiver: None,
            })
            .collect();
        self.repay(store, layout, when, &made, &loans).await;
        let none = Unfit { index: 0, wait: 0 };
        Ok(Err(longest(lacking.iter()).unwrap_or(none)))
    }

    /// Puts a charge together from what is left in several partitions; all of it, or nothing.
    async fn gather(
        &self,
        store: &RedisStore,
        layout: &Layout,
        when: When,
        place: &Place,
        index: usize,
        (key, limit, cost): (MeterKey, Limit, u64),
    ) -> Result<Option<Vec<Loan>>, StoreError> {
        // One unit has no parts, and where a home's own is, nothing is shared.
        if cost < 2 || !place.is_common(key.subject) {
            return Ok(None);
        }
        let _turn = self.gathering.lock().await;
        if self.is_used_up(when, key, &limit) {
            return Ok(None);
        }
        let mut pieces = Vec::new();
        let mut missing = cost;
        for part in 0..layout.tags.len() {
            let taken = [Charge { key, limit, cost: missing, waiver: None }];
            let there = layout.place(part, Home::NOBODY);
            let errand = Errand { taken: &taken, partly: true, ..Errand::default() };
            let call = Call::peer(when.now, when.clock, &there, &errand);
            let units = match store.run(call).await {
                Ok(reply) => reply.done()?.waits.first().copied().unwrap_or(0).min(missing),
                Err(error) if is_lost(&error) => continue,
                Err(error) => return Err(error),
            };
            if units > 0 {
                pieces.push(Loan { part, index, units });
                missing = missing.saturating_sub(units);
            }
            if missing == 0 {
                return Ok(Some(pieces));
            }
        }
        let mut charges = vec![Charge { key, limit, cost, waiver: None }; index];
        charges.push(Charge { key, limit, cost, waiver: None });
        self.repay(store, layout, when, &charges, &pieces).await;
        Ok(None)
    }

    fn known_layout(&self, realm: Pseudonym) -> Option<Arc<Layout>> {
        self.layouts.lock().unwrap_or_else(PoisonError::into_inner).get(&realm).cloned()
    }

    /// Gives back what others have taken over in vain. What does not arrive stays spent.
    async fn repay(
        &self,
        store: &RedisStore,
        layout: &Layout,
        when: When,
        charges: &[Charge],
        loans: &[Loan],
    ) {
        for loan in loans {
            let Some(charge) = charges.get(loan.index) else { continue };
            let Charge { key, limit, .. } = *charge;
            let cost = loan.units;
            let given = [Refund { key, limit, cost, charged: when.now, waiver: None }];
            let there = layout.place(loan.part, Home::NOBODY);
            let errand = Errand { given: &given, ..Errand::default() };
            let call = Call::peer(when.now, when.clock, &there, &errand);
            drop(store.run(call).await);
        }
    }

    /// Makes a granted admission as if it had never been.
    async fn withdraw(
        &self,
        store: &RedisStore,
        place: &Place,
        admission: &Admission,
        loans: &[Loan],
    ) -> Result<(), StoreError> {
        let here = |index: usize| !loans.iter().any(|loan| loan.index == index);
        let charges = admission.charges.iter().enumerate().filter(|(index, _)| here(*index));
        let refunds = charges.map(|(_, charge)| {
            let Charge { key, limit, cost, waiver } = *charge;
            Refund { key, limit, cost, charged: admission.now, waiver }
        });
        let void = admission.challenge.as_ref().map(|write| match write {
            ChallengeWrite::Open { key, digest, .. }
            | ChallengeWrite::Renew { key, digest, .. } => {
                VoidCode { challenge: *key, digest: *digest }
            }
        });
        let settlement = Settlement {
            admission: admission.id,
            now: admission.now,
            clock: admission.clock,
            realm: admission.realm,
            home: admission.home,
            refunds: refunds.collect(),
            void,
            observe: Vec::new(),
            exchange: None,
        };
        store.run(Call::withdraw(&settlement, place)).await?.settled()?;
        Ok(())
    }

    /// Claims the nonces at the partitions of their names: which is spent already, if one is. Where such a
    /// partition is lost, the word of the call's own must do.
    async fn claim(
        &self,
        store: &RedisStore,
        layout: &Layout,
        own: Pseudonym,
        admission: &Admission,
    ) -> Result<Option<usize>, StoreError> {
        for (index, nonce) in admission.nonces.iter().enumerate() {
            let Some(call) = claim_of(layout, own, admission, nonce, false) else { continue };
            match store.run(call).await {
                Ok(reply) if reply.number()? == 0 => {}
                Ok(_) => return Ok(Some(index)),
                Err(error) if is_lost(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// Gives the claims of a refused call back. What does not arrive stays spent.
    async fn release(
        &self,
        store: &RedisStore,
        layout: &Layout,
        own: Pseudonym,
        admission: &Admission,
    ) {
        for nonce in &admission.nonces {
            if let Some(call) = claim_of(layout, own, admission, nonce, true) {
                drop(store.run(call).await);
            }
        }
    }

    /// The versions of the documents that an admission rests on, where they stand. While that place is
    /// lost nobody can write them, and the caller's word is the newest there is.
    async fn versions(
        &self,
        store: &RedisStore,
        layout: &Layout,
        admission: &Admission,
    ) -> Result<Vec<(Pseudonym, u64)>, StoreError> {
        let mut query = TallyQuery::new(admission.now, admission.realm);
        query.clock = admission.clock;
        query.documents = admission.guards.iter().map(|guard| guard.document).collect();
        let names = query.documents.iter().copied();
        match store.run(Call::tally(&query, &layout.hub())).await {
            Ok(reply) => {
                let documents = reply.tallied(&query)?.documents;
                Ok(names.zip(documents.iter().map(|document| document.version)).collect())
            }
            Err(error) if is_lost(&error) => {
                let said = admission.guards.iter().map(|guard| (guard.document, guard.version));
                Ok(said.collect())
            }
            Err(error) => Err(error),
        }
    }

    /// Writes an admission's documents where they stand, under its identifier: what is stale, if one is.
    /// While that place is lost, they count as written by somebody else.
    async fn write_documents(
        &self,
        store: &RedisStore,
        layout: &Layout,
        admission: &Admission,
    ) -> Result<Option<Admitted>, StoreError> {
        let mut there =
            Admission::new(admission.id, admission.now, admission.realm, admission.remember);
        there.clock = admission.clock;
        there.documents = admission.documents.clone();
        let call = Call::admit(&there, &layout.hub(), &Scope::All);
        match store.run(call).await {
            Ok(reply) => match reply.admitted(&there)?.answer {
                Admitted::Granted { .. } => Ok(None),
                stale => Ok(Some(stale)),
            },
            Err(error) if is_lost(&error) => {
                let first = admission.documents.first();
                Ok(first.map(|write| Admitted::Stale {
                    document: write.document,
                    version: write.expect,
                }))
            }
            Err(error) => Err(error),
        }
    }

    /// Whether a refused admission would have been refused for a document that it writes.
    async fn stale_write(
        &self,
        store: &RedisStore,
        layout: &Layout,
        admission: &Admission,
    ) -> Result<Option<Admitted>, StoreError> {
        let mut query = TallyQuery::new(admission.now, admission.realm);
        query.clock = admission.clock;
        query.documents = admission.documents.iter().map(|write| write.document).collect();
        let documents =
            store.run(Call::tally(&query, &layout.hub())).await?.tallied(&query)?.documents;
        let mut pairs = admission.documents.iter().zip(&documents);
        Ok(pairs.find(|(write, document)| write.expect != document.version).map(
            |(write, document)| Admitted::Stale {
                document: write.document,
                version: document.version,
            },
        ))
    }

    /// Tells every partition that rests on them of documents that were written. One that is lost finds
    /// out when its copies are too old.
    async fn tell_versions(&self, store: &RedisStore, layout: &Layout, admission: &Admission) {
        let copies: Vec<_> = admission
            .documents
            .iter()
            .map(|write| (write.document, write.expect.saturating_add(1)))
            .collect();
        let errand = Errand { copies: &copies, ..Errand::default() };
        for part in 0..layout.tags.len() {
            let there = layout.place(part, Home::NOBODY);
            let call = Call::peer(admission.now, admission.clock, &there, &errand);
            drop(store.run(call).await);
        }
    }

    /// The journal, which stands in one place for all. While that is lost there is no news, and what was to
    /// be told is not: a call does not fail for it.
    async fn exchange(
        &self,
        store: &RedisStore,
        layout: &Layout,
        when: When,
        exchange: Option<&Exchange>,
        append: bool,
    ) -> News {
        let Some(exchange) = exchange else { return News::default() };
        let nothing = News { entries: Vec::new(), latest: exchange.after };
        let mut read = exchange.clone();
        if !append {
            read.append.clear();
        }
        let Some(earlier) = self.turn_to_tell(when, &mut read) else { return nothing };
        let errand = Errand { exchange: Some(&read), earlier: &earlier, ..Errand::default() };
        let call = Call::peer(when.now, when.clock, &layout.hub(), &errand);
        match store.run(call).await {
            Ok(reply) => reply.done().map_or(nothing, |done| done.news),
            Err(_) => nothing,
        }
    }

    /// Whether this call exchanges news, and what others left for it to tell. If not, its own is left.
    fn turn_to_tell(&self, when: When, exchange: &mut Exchange) -> Option<Vec<Vec<u8>>> {
        let mut journals = self.journals.lock().unwrap_or_else(PoisonError::into_inner);
        let telling = journals.entry((when.realm, exchange.journal)).or_default();
        let apart = when.now.since(telling.tick).max(telling.tick.since(when.now));
        if apart >= TICK {
            (telling.tick, telling.told) = (when.now, 0);
        }
        if telling.told >= EACH_TICK && telling.entries.len() < LEFT {
            if !exchange.append.is_empty() {
                telling.entries.push(std::mem::take(&mut exchange.append));
            }
            return None;
        }
        telling.told = telling.told.saturating_add(1);
        if exchange.append.is_empty() {
            // The last of them takes the place of its own.
            exchange.append = telling.entries.pop().unwrap_or_default();
        }
        Some(std::mem::take(&mut telling.entries))
    }

    pub(super) async fn settle(
        &self,
        store: &RedisStore,
        settlement: &Settlement,
    ) -> Result<(), StoreError> {
        let when = When { realm: settlement.realm, now: settlement.now, clock: settlement.clock };
        let layout = self.layout(store, when).await?;
        let meters = !settlement.refunds.is_empty() || !settlement.observe.is_empty();
        let part = layout.part_of(settlement.home.name().unwrap_or(when.realm));
        let place = match settlement.home.name() {
            None if !meters => layout.hub(),
            _ => layout.place(part, settlement.home),
        };
        let lefts = store.run(Call::settle(settlement, &place)).await?.settled()?;
        let common = |refund: &Refund| place.is_common(refund.key.subject);
        let left = (settlement.refunds.iter().zip(lefts))
            .filter(|(refund, left)| *left > 0 && common(refund))
            .map(|(refund, left)| Refund { cost: left, ..*refund });
        self.give_elsewhere(store, &layout, when, part, left.collect()).await;
        self.forget_used_up(when, settlement.refunds.iter().map(|refund| refund.key));
        if place.is_part() {
            self.exchange(store, &layout, when, settlement.exchange.as_ref(), true).await;
        }
        Ok(())
    }

    /// Gives back in other partitions what one of them did not hold: a charge that another one took over
    /// comes back where it is. What does not arrive stays spent.
    async fn give_elsewhere(
        &self,
        store: &RedisStore,
        layout: &Layout,
        when: When,
        part: usize,
        mut left: Vec<Refund>,
    ) {
        for other in others(layout, part) {
            if left.is_empty() {
                return;
            }
            // Whether it was waived has been decided.
            left.iter_mut().for_each(|refund| refund.waiver = None);
            let there = layout.place(other, Home::NOBODY);
            let errand = Errand { given: &left, ..Errand::default() };
            let call = Call::peer(when.now, when.clock, &there, &errand);
            let Ok(reply) = store.run(call).await else { continue };
            let Ok(done) = reply.done() else { continue };
            for (refund, still) in left.iter_mut().zip(done.lefts) {
                refund.cost = refund.cost.min(still);
            }
            left.retain(|refund| refund.cost > 0);
        }
    }

    pub(super) async fn redeem(
        &self,
        store: &RedisStore,
        redemption: &Redemption,
    ) -> Result<Redeemed, StoreError> {
        let when = When { realm: redemption.realm, now: redemption.now, clock: redemption.clock };
        let layout = self.layout(store, when).await?;
        let part = layout.part_of(redemption.home.name().unwrap_or(redemption.realm));
        let place = layout.place(part, redemption.home);
        let both = redemption.charges.iter().chain(&redemption.subject_charges);
        let charges: Vec<Charge> = both.copied().collect();
        check_splits(&place, charges.iter().map(|charge| (charge.key, &charge.limit)))?;
        let plain: Vec<_> =
            charges.iter().map(|charge| (charge.key, charge.limit, charge.cost)).collect();
        let mut loans = Vec::<Loan>::new();
        let mut tries: usize = 0;
        let mut said = loop {
            let paid = loans.iter().map(|loan| loan.index).collect::<Vec<_>>();
            let call = Call::redeem(redemption, &place, &Scope::Part { copies: &[], paid: &paid });
            let mut said = store.run(call).await?.redeemed()?;
            tries = tries.saturating_add(1);
            if said.unfit.is_empty() || tries >= TRIES {
                break said;
            }
            match self.borrow(store, &layout, when, part, &place, &plain, &said.unfit).await? {
                Ok(more) => loans.extend(more),
                Err(worst) => {
                    let retry_after = Duration::from_millis(worst.wait);
                    said.answer.verdict = Verdict::Exhausted { index: worst.index, retry_after };
                    break said;
                }
            }
        };
        let pays_only_charges = matches!(
            said.answer.verdict,
            Verdict::Unknown | Verdict::Consumed | Verdict::Locked | Verdict::Expired
        );
        let first = redemption.charges.len();
        let in_vain = |loan: &Loan| match said.answer.verdict {
            Verdict::Exhausted { .. } => true,
            _ => said.repeated || (pays_only_charges && loan.index >= first),
        };
        let vain: Vec<Loan> = loans.into_iter().filter(in_vain).collect();
        self.repay(store, &layout, when, &charges, &vain).await;
        for (count, observation) in said
            .answer
            .observed
            .iter_mut()
            .zip(redemption.observe.iter().chain(&redemption.observe_failure))
        {
            if place.is_common(observation.key.subject) {
                *count = place.estimate(*count, observation.units);
            }
        }
        if matches!(said.answer.verdict, Verdict::Accepted { .. }) {
            let credited = redemption.credits.iter().map(|credit| credit.key);
            self.forget_used_up(when, credited.chain(redemption.reset.iter().copied()));
            self.spread_marks(store, &layout, when, part, &place, &redemption.marks).await;
        }
        let append = !said.repeated;
        let exchange = redemption.exchange.as_ref();
        said.answer.news = self.exchange(store, &layout, when, exchange, append).await;
        Ok(said.answer)
    }

    /// Makes marks on what is common in the other partitions too. One that is lost does without: a charge
    /// is then not waived that would have been.
    async fn spread_marks(
        &self,
        store: &RedisStore,
        layout: &Layout,
        when: When,
        part: usize,
        place: &Place,
        marks: &[Mark],
    ) {
        let marks: Vec<Mark> =
            marks.iter().filter(|mark| place.is_common(mark.key.subject)).copied().collect();
        if marks.is_empty() {
            return;
        }
        let errand = Errand { marks: &marks, ..Errand::default() };
        for other in (0..layout.tags.len()).filter(|other| *other != part) {
            let there = layout.place(other, Home::NOBODY);
            drop(store.run(Call::peer(when.now, when.clock, &there, &errand)).await);
        }
    }

    /// Own meters, marks and challenges from the home's partition; common meters from all, added up;
    /// documents and journal from the hub.
    pub(super) async fn tally(
        &self,
        store: &RedisStore,
        query: &TallyQuery,
    ) -> Result<Tallies, StoreError> {
        let when = When { realm: query.realm, now: query.now, clock: query.clock };
        let layout = self.layout(store, when).await?;
        let home = layout.part_of(query.home.name().unwrap_or(query.realm));
        let is_common = |meter: &MeterQuery| !query.home.owns(meter.key.subject);
        let mut tallies = Tallies::default();
        tallies.meters.resize(query.meters.len(), Reading::default());
        let common = query.meters.iter().any(is_common);
        for part in 0..layout.tags.len() {
            let whole = part == home;
            let asked: Vec<usize> = (query.meters.iter().enumerate())
                .filter(|(_, meter)| whole || is_common(meter))
                .map(|(index, _)| index)
                .collect();
            let nothing = asked.is_empty() && query.marks.is_empty() && query.challenges.is_empty();
            // Whoever asks for nothing learns at least whether his clock is right.
            let elsewhere = !query.documents.is_empty() || query.journal.is_some();
            if (nothing && elsewhere) || (!whole && !common) {
                continue;
            }
            let mut there = TallyQuery::new(query.now, query.realm);
            (there.clock, there.home) = (query.clock, query.home);
            there.meters =
                asked.iter().filter_map(|index| query.meters.get(*index).copied()).collect();
            if whole {
                (there.marks, there.challenges) = (query.marks.clone(), query.challenges.clone());
            }
            let call = Call::tally(&there, &layout.place(part, query.home));
            let read = store.run(call).await?.tallied(&there)?;
            for (index, reading) in asked.iter().zip(&read.meters) {
                let own = query.meters.get(*index).is_none_or(|meter| !is_common(meter));
                let Some(sum) = tallies.meters.get_mut(*index) else { continue };
                sum.count = sum.count.saturating_add(reading.count);
                // It fits as soon as it fits anywhere.
                let first = own || part == 0;
                sum.retry_after = match first {
                    true => reading.retry_after,
                    false => sum.retry_after.min(reading.retry_after),
                };
            }
            if whole {
                (tallies.marks, tallies.challenges) = (read.marks, read.challenges);
            }
        }
        if !query.documents.is_empty() || query.journal.is_some() {
            let mut there = TallyQuery::new(query.now, query.realm);
            there.clock = query.clock;
            (there.documents, there.journal) = (query.documents.clone(), query.journal);
            let call = Call::tally(&there, &layout.hub());
            let read = store.run(call).await?.tallied(&there)?;
            (tallies.documents, tallies.news) = (read.documents, read.news);
        }
        Ok(tallies)
    }

    fn is_used_up(&self, when: When, key: MeterKey, limit: &Limit) -> bool {
        let used_up = self.used_up.lock().unwrap_or_else(PoisonError::into_inner);
        used_up.get(&(when.realm, key, terms(limit))).is_some_and(|until| when.now < *until)
    }

    fn note_used_up(&self, when: When, key: MeterKey, limit: &Limit, wait: u64) {
        let mut used_up = self.used_up.lock().unwrap_or_else(PoisonError::into_inner);
        if used_up.len() >= KNOWN {
            used_up.retain(|_, until| when.now < *until);
        }
        if used_up.len() >= KNOWN {
            used_up.clear();
        }
        let span = Duration::from_millis(wait.min(millis(USED_UP)));
        used_up.insert((when.realm, key, terms(limit)), when.now + span);
    }

    fn forget_used_up(&self, when: When, keys: impl Iterator<Item = MeterKey>) {
        let mut used_up = self.used_up.lock().unwrap_or_else(PoisonError::into_inner);
        if used_up.is_empty() {
            return;
        }
        for given in keys {
            used_up.retain(|(realm, key, _), _| *realm != when.realm || *key != given);
        }
    }
}

/// What two limits on one meter may differ in.
fn terms(limit: &Limit) -> [u64; 2] {
    match *limit {
        Limit::Window { max, span_ms } | Limit::Budget { max, span_ms } => [max, span_ms],
        Limit::Spacing { burst: max, interval_ms: drain_ms }
        | Limit::Unverified { max, drain_ms } => [max, drain_ms],
        Limit::Ladder { longest_ms, forget_ms, .. } => [longest_ms, forget_ms],
        Limit::Failures { max, forget_ms, .. } => [max, forget_ms],
    }
}

/// Of those that wait longest the first.
fn longest<'a>(unfit: impl Iterator<Item = &'a Unfit>) -> Option<Unfit> {
    unfit.copied().reduce(|worst, next| if next.wait > worst.wait { next } else { worst })
}

/// A ladder or a count of failures on what is common cannot be split, and is not let through unsplit.
fn check_splits<'a>(
    place: &Place,
    charges: impl Iterator<Item = (MeterKey, &'a Limit)>,
) -> Result<(), StoreError> {
    for (key, limit) in charges {
        let whole = matches!(limit, Limit::Ladder { .. } | Limit::Failures { .. });
        if whole && place.is_common(key.subject) {
            return Err(StoreError::new(StoreErrorKind::Corrupt, Unsplittable));
        }
    }
    Ok(())
}

/// The counts of common meters, as estimates of the whole.
fn tell_counts(answer: &mut Admitted, place: &Place, admission: &Admission, paid: &[usize]) {
    let common = admission.charges.iter().any(|charge| place.is_common(charge.key.subject));
    let (counts, observed, granted) = match answer {
        Admitted::Granted { counts, step, observed, .. } => {
            // What others have taken over moves no count of this partition's.
            *step = match (common, paid) {
                (false, _) => 1,
                (true, []) => place.step(),
                (true, _) => 0,
            };
            (counts, observed, true)
        }
        Admitted::Exhausted { counts, observed, .. } => (counts, observed, false),
        _ => return,
    };
    for (index, (count, charge)) in counts.iter_mut().zip(&admission.charges).enumerate() {
        if place.is_common(charge.key.subject) {
            let here = granted && !paid.contains(&index) && *count > 0;
            *count = place.estimate(*count, if here { charge.cost } else { 0 });
        }
    }
    for (count, observation) in observed.iter_mut().zip(&admission.observe) {
        if place.is_common(observation.key.subject) {
            *count = place.estimate(*count, observation.units);
        }
    }
}

/// The call that claims a nonce at the partition of its name, or gives it back. `None` if that is where
/// the call itself is made.
fn claim_of(
    layout: &Layout,
    own: Pseudonym,
    admission: &Admission,
    nonce: &Nonce,
    release: bool,
) -> Option<Call> {
    let tag = layout.tag(layout.part_of(nonce.key));
    if tag == own {
        return None;
    }
    let Admission { id, now, clock, .. } = admission;
    Some(Call::claim(*now, *clock, &Place::whole(tag), nonce, *id, release))
}

/// The other partitions, the next one first.
fn others(layout: &Layout, part: usize) -> impl Iterator<Item = usize> + use<> {
    let parts = layout.tags.len();
    (part.saturating_add(1)..parts).chain(0..part.min(parts))
}

/// Whether a partition gave no answer.
fn is_lost(error: &StoreError) -> bool {
    matches!(error.kind(), StoreErrorKind::Unavailable | StoreErrorKind::Indeterminate)
}

/// Both, at the same time.
async fn both<A: Future, B: Future>(one: A, other: B) -> (A::Output, B::Output) {
    let (mut one, mut other) = (pin!(one), pin!(other));
    let (mut first, mut second) = (None, None);
    poll_fn(move |context| {
        if first.is_none()
            && let Poll::Ready(output) = one.as_mut().poll(context)
        {
            first = Some(output);
        }
        if second.is_none()
            && let Poll::Ready(output) = other.as_mut().poll(context)
        {
            second = Some(output);
        }
        match (first.take(), second.take()) {
            (Some(one), Some(other)) => Poll::Ready((one, other)),
            (one, other) => {
                (first, second) = (one, other);
                Poll::Pending
            }
        }
    })
    .await
}
