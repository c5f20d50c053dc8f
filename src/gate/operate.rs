//! What the host tells the gate after a send, and what an operator can see.

use crate::access::ClientIp;
use crate::base::id::RequestId;
use crate::base::money::Money;
use crate::base::network::NetworkCode;
use crate::base::time::Timestamp;
use crate::error::GateError;
use crate::event::{Event, EventKind};
use crate::limit::MeterKey;
use crate::outcome::{
    CountrySnapshot, DetectorFootprint, GlobalBudget, Note, OtherGate, RecordError, SendRecord,
    Snapshot,
};
use crate::policy::BudgetPolicy;
use crate::pumping::{NodeId, NodeView, Sighting, SightingKind};
use crate::realm::{in_force, sighted, slot};
use crate::recipient::Region;
use crate::store::{Home, MeterQuery, TallyQuery};
use crate::transport::{DeliveryStatus, IdempotencyKey, ReportedOutcome};

use super::Gate;
use crate::charges::UNLIMITED;
use crate::guarded;

impl Gate {
    /// Tells the gate what became of a text. Use it if you check receipts yourself and keep records
    /// beside the provider's message identifiers. Otherwise use [`receipts`](Self::receipts), which
    /// checks, matches and applies each receipt once, and gives back what it allows.
    ///
    /// This call informs the pumping detector and the log, each time it is called. It never raises
    /// or refills a limit (ASVS 2.3.3), so a forged receipt gains nothing.
    ///
    /// # Errors
    ///
    /// [`RecordError`] if the record is not one of this realm's.
    pub fn receipt(&self, record: &SendRecord, status: DeliveryStatus) -> Result<(), RecordError> {
        let kind = match status {
            DeliveryStatus::Delivered => SightingKind::Delivered,
            DeliveryStatus::Undelivered => SightingKind::Undelivered,
        };
        let delivered = status == DeliveryStatus::Delivered;
        let event = EventKind::Receipt { delivered, fault: None, given_back: false };
        self.follow_up(record, Some(kind), event)
    }

    /// Tells the gate what a verification was worth. Pumpers who enter their own codes look like
    /// users until the host says that no user followed. `Genuine` is told to the observer and changes
    /// nothing else.
    ///
    /// # Errors
    ///
    /// [`RecordError`] if the record is not one of this realm's.
    ///
    /// ```
    /// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
    /// # shop::open(async |shop| {
    /// # let grant = shop.grant().await;
    /// # let code = shop.code();
    /// # let shop::Shop { gate, client, .. } = shop;
    /// # let verified = gate.verify(&grant, &code, &client).await?;
    /// # let otpgate::Verified::Accepted(verification) = verified else { panic!() };
    /// use otpgate::{ReportedOutcome, SendRecord};
    ///
    /// let kept = verification.record().as_str().to_owned(); // beside the account
    /// // A week later nobody has used the account:
    /// gate.report(&SendRecord::from_text(kept), ReportedOutcome::Worthless)?;
    /// # Ok(())
    /// # });
    /// ```
    pub fn report(&self, record: &SendRecord, outcome: ReportedOutcome) -> Result<(), RecordError> {
        let worthless = outcome == ReportedOutcome::Worthless;
        // A worthless verification counts as one more message that nobody wanted.
        let kind = worthless.then_some(SightingKind::Failed);
        self.follow_up(record, kind, EventKind::Reported { worthless })
    }

    /// The realm in numbers: for a dashboard, or at 3 a.m. Reads the store twice, the first time in the life
    /// of a process three times; charges nothing. It takes in what the other gates tell, so that a process
    /// which sends nothing sees the attack on those that do.
    ///
    /// # Errors
    ///
    /// [`GateError`] if the store gave no answer.
    pub async fn snapshot(&self) -> Result<Snapshot, GateError> {
        let now = self.now();
        self.remember(now).await?;
        let regions: Vec<Region> = Region::all().chain([Region::WORLD]).collect();
        let query = self.figures(&regions, now);
        let tallies = guarded::tally(&*self.inner.store, &query).await?;
        self.catch_up(&query, &tallies.news);
        let mut readings = tallies.meters.iter().map(|reading| reading.count);
        let mut next = || readings.next().unwrap_or(0);
        let (requests, sent, attempts, failed, spent) = (next(), next(), next(), next(), next());
        let global = self.inner.policy.budget.global;
        let global = global.map(|limit| GlobalBudget { spent: Money::microdollars(next()), limit });
        let mut countries: Vec<CountrySnapshot> = regions
            .into_iter()
            .map(|region| CountrySnapshot {
                region,
                requests: next(),
                sent: next(),
                attempts: next(),
                failed: next(),
            })
            .filter(|country| country.requests > 0 || country.sent > 0 || country.attempts > 0)
            .collect();
        countries.sort_by_key(|country| std::cmp::Reverse(country.requests));
        let seen = self.reload_controls(now).await?;
        let controls = seen.book.entries().filter(|entry| entry.holds(now)).cloned().collect();
        let acting = self.realm.watch.detector().acting(now);
        let blocks = acting.into_iter().map(|view| in_force(view, &seen.book, now)).collect();
        let named = |(name, heard)| OtherGate { name: format!("{name:016x}"), heard };
        let gates = self.realm.watch.others(now).into_iter().map(named).collect();
        Ok(Snapshot {
            realm: self.realm().clone(),
            at: now,
            requests,
            sent,
            attempts,
            failed,
            spent: Money::microdollars(spent),
            daily_budget: self.inner.daily_budget,
            global,
            countries,
            controls,
            blocks,
            gates,
            mode: self.inner.mode(),
        })
    }

    /// What a snapshot reads of the store, in the order in which it is taken apart.
    fn figures(&self, regions: &[Region], now: Timestamp) -> TallyQuery {
        let names = self.names();
        let mut query = self.inner.query(Home::NOBODY, now);
        let read =
            |subject, slot, limit| MeterQuery { key: MeterKey::new(subject, slot), limit, cost: 0 };
        let counts = [slot::REQUESTS, slot::SENT, slot::ATTEMPTS, slot::FAILED];
        let of = |subject| counts.map(|slot| read(subject, slot, UNLIMITED));
        let money = |subject, most| read(subject, slot::MONEY, BudgetPolicy::limit(most));
        query.meters.extend(of(names.whole()));
        query.meters.push(money(names.whole(), self.inner.daily_budget));
        let global = self.inner.policy.budget.global;
        query.meters.extend(global.map(|most| money(self.inner.global, most)));
        query.meters.extend(regions.iter().flat_map(|region| of(names.country(Some(*region)))));
        query.journal = self.journal();
        query
    }

    /// How much the pumping detector of this realm holds in this process.
    pub fn detector_footprint(&self) -> DetectorFootprint {
        let detector = self.realm.watch.detector();
        DetectorFootprint { nodes: detector.nodes(), bytes: detector.bytes() }
    }

    /// One node of this gate's detector: how much evidence there is against a block of numbers, a country
    /// or a network, also where it does nothing yet ([`Snapshot::blocks`] has those that act). As of
    /// the last request that concerned it; `None` where the detector keeps no account of it.
    ///
    /// ```
    /// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
    /// # shop::open(async |shop| {
    /// # shop.issued().await;
    /// # let shop::Shop { gate, .. } = shop;
    /// use otpgate::pumping::{Action, BlockLevel, NodeId};
    ///
    /// let germany = gate.detector_node(NodeId::region(BlockLevel::Country, *b"DE")).unwrap();
    /// assert_eq!((germany.action, germany.unanswered), (Action::Pass, 1));
    /// assert!(gate.detector_node(NodeId::region(BlockLevel::Country, *b"FR")).is_none());
    /// # Ok(())
    /// # });
    /// ```
    #[must_use]
    pub fn detector_node(&self, node: NodeId) -> Option<NodeView> {
        self.realm.watch.detector().inspect(node)
    }

    fn follow_up(
        &self,
        record: &SendRecord,
        kind: Option<SightingKind>,
        event: EventKind,
    ) -> Result<(), RecordError> {
        let now = self.now();
        let key = self.inner.keys.records();
        let note = Note::open(record.as_str(), key).ok_or(RecordError)?;
        if note.realm.as_str() != self.realm.name() {
            return Err(RecordError);
        }
        if let Some(kind) = kind {
            self.watch_note(&note, kind, None, now);
        }
        self.tell_of(&note, now, event);
        Ok(())
    }

    /// Tells the detector what became of a send. Who asked for it is not known any more.
    pub(super) fn watch_note(
        &self,
        note: &Note,
        kind: SightingKind,
        network: Option<NetworkCode>,
        now: Timestamp,
    ) {
        let (ip, price) = (ClientIp::unknown(), note.price);
        let subject = sighted(&note.recipient, &note.purpose, price, ip);
        self.saw(Sighting::of(now, kind, &subject).in_network(network));
    }

    /// Tells the observer of a send that went out earlier.
    pub(super) fn tell_of(&self, note: &Note, now: Timestamp, kind: EventKind) {
        let number = self.names().number(&note.recipient);
        let is_of_text = !matches!(kind, EventKind::Reported { .. } | EventKind::BudgetTier { .. });
        let event = self.event_of(now, &note.purpose, &note.recipient, number, kind);
        self.tell(&Event {
            text: is_of_text.then(|| IdempotencyKey::of(RequestId::from_bytes(note.id))),
            ..event
        });
    }
}
