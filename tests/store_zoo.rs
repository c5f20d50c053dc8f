//! A zoo of wrong stores. Each animal has one bug as it occurs in the wild, and the suite must fail
//! it in the case that names the bug; the model it is made from passes everything.
//!
//! An animal keeps its state in a [`ModelStore`] and does the one thing wrong around it. Where the
//! bug is a gap between reading and writing, a `pause` stands where a real store waits for its
//! backend.

#![cfg(feature = "testing")]

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use otpgate::limit::{Limit, MeterKey};
use otpgate::store::{
    Admission, Admitted, ChallengeState, ChallengeWrite, Charge, MeterQuery, Nonce, Redeemed,
    Redemption, Settlement, StoreError, StoreErrorKind, Tallies, TallyQuery, Verdict,
};
use otpgate::testing::store::{Suite, capacity, conformance};
use otpgate::testing::{ModelStore, block_on, pause};
use otpgate::{Pseudonym, RequestId, Store, Timestamp};

/// One bug. What an animal does not do itself it leaves to the model.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Bug {
    /// Reads the counters, decides in the application, writes them back.
    GetThenSetAdmit,
    /// Compares the code first and counts the failure after (garrison 0.9, pylon-auth 0.3).
    CompareBeforeCharge,
    /// Reads the code, compares, then deletes it (the get-and-set shape of a DAO).
    GetThenDeleteConsume,
    /// Relies on the backend's expiry; its clock does not move with `now` (CVE-2024-7318).
    TtlOnlyExpiry,
    /// Charges one after the other until one refuses, and keeps what it charged.
    ChargeBeforeCheck,
    /// A resend is a new record with fresh attempts (django-phone-verify 3.3).
    ResetOnResend,
    /// Burns the front-end token although the admission is refused.
    NonceBurntOnRefusal,
    /// Reads whether a nonce was used, then writes that it is.
    GetThenSetNonce,
    /// Gives back as often as it is asked.
    RefundTwice,
    /// Takes a mark for live whether or not its time has come or gone.
    IgnoresWaiverBounds,
    /// A counter for each minute of the clock: twice the limit passes around the turn.
    FixedWindow,
    /// Takes a repeated identifier for a new call.
    NoIdempotency,
    /// Leaves the realm out of its keys.
    RealmLeakage,
    /// Names the first charge that does not fit, with its wait.
    FirstInsteadOfLongest,
    /// Does not count what it refuses.
    RefusalsUnseen,
    /// Answers with the attempts left without locking: the right code still works afterwards.
    NeverLocks,
    /// Forgets a consumed challenge, so that its name can be opened again.
    NoTombstone,
    /// Counts by the call's clock even when it was set back.
    TrustsTheClockSetBack,
    /// Charges the subject for guesses at handles that do not exist: a way to lock others out.
    ChargesSubjectForUnknown,
    /// Reads a document's version, then writes it.
    GetThenSetDocument,
    /// Compares all digests but the last it was given.
    FirstDigestOnly,
    /// Gives back waived charges.
    RefundsWaived,
}

/// What must fail for which bug. At least these; most bugs fail more.
const EXPECTED: &[(Bug, &[&str])] = &[
    (Bug::GetThenSetAdmit, &["racers_share_a_limit", "racers_charge_all_or_nothing"]),
    (Bug::CompareBeforeCharge, &["charge_before_compare", "hidden_hit"]),
    (Bug::GetThenDeleteConsume, &["one_winner_consumes"]),
    (Bug::TtlOnlyExpiry, &["expiry_by_now"]),
    (Bug::ChargeBeforeCheck, &["all_or_nothing", "duplicate_keys", "forty_charges"]),
    (Bug::ResetOnResend, &["resend_resets_nothing", "resends_race_guesses"]),
    (Bug::NonceBurntOnRefusal, &["refusal_burns_no_nonce", "all_or_nothing"]),
    (Bug::GetThenSetNonce, &["one_winner_spends_a_nonce"]),
    (Bug::RefundTwice, &["refunds_once", "refunds_race"]),
    (Bug::IgnoresWaiverBounds, &["waivers"]),
    (Bug::FixedWindow, &["window_slides"]),
    (Bug::NoIdempotency, &["repeated_admission", "repeats_race", "lost_acknowledgements"]),
    (Bug::RealmLeakage, &["realms_apart"]),
    (Bug::FirstInsteadOfLongest, &["longest_wait_is_named"]),
    (Bug::RefusalsUnseen, &["refused_is_observed"]),
    (Bug::NeverLocks, &["right_code_after_lock", "charge_before_compare"]),
    (Bug::NoTombstone, &["open_twice", "consumed_is_remembered"]),
    (Bug::TrustsTheClockSetBack, &["clock_back_limits"]),
    (Bug::ChargesSubjectForUnknown, &["dead_challenges_charge_the_client"]),
    (Bug::GetThenSetDocument, &["one_winner_writes_a_document"]),
    (Bug::FirstDigestOnly, &["several_digests"]),
    (Bug::RefundsWaived, &["waived_is_not_refunded"]),
];

#[test]
fn the_suite_fails_every_animal_in_the_case_that_names_its_bug() {
    let sound = block_on(conformance(|| async { ModelStore::new() }));
    sound.assert();
    let mut missed = Vec::new();
    for (bug, cases) in EXPECTED {
        let report = block_on(conformance(|| async { Animal::new(*bug) }));
        for case in *cases {
            if !report.failed(case) {
                missed.push(format!("{bug:?} passed {case}:\n{report}"));
            }
        }
        // A bug of one kind must not fail everything, or the case says nothing about it.
        let failed = report.failures().count();
        if failed * 2 > report.lines().len() {
            missed.push(format!("{bug:?} failed {failed} cases: it is not one bug"));
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

#[test]
fn races_are_found_whatever_the_seed() {
    let races = [
        (Bug::GetThenSetAdmit, "racers_share_a_limit"),
        (Bug::CompareBeforeCharge, "charge_before_compare"),
        (Bug::GetThenDeleteConsume, "one_winner_consumes"),
        (Bug::GetThenSetNonce, "one_winner_spends_a_nonce"),
        (Bug::GetThenSetDocument, "one_winner_writes_a_document"),
    ];
    for (bug, case) in races {
        for seed in 0..10 {
            let suite = Suite::new().seed(seed).only(case);
            let report = block_on(suite.run(|| async { Animal::new(bug) }));
            assert!(report.failed(case), "{bug:?} passed {case} with seed {seed}");
        }
    }
}

#[test]
fn a_store_that_evicts_live_state_fails_the_capacity_check() {
    let evicting = block_on(capacity(|| async { Capped::new(20, true) }, 20));
    assert!(evicting.failed("live_state_is_never_evicted"), "{evicting}");
    block_on(capacity(|| async { Capped::new(20, false) }, 20)).assert();
}

#[derive(Debug)]
struct Animal {
    bug: Bug,
    model: ModelStore,
    fresh: AtomicU64,
    /// What the animal keeps apart from the model.
    codes: Mutex<BTreeMap<Pseudonym, Record>>,
    settled: Mutex<BTreeMap<RequestId, u64>>,
    marked: Mutex<BTreeSet<MeterKey>>,
    nonces: Mutex<BTreeMap<(Pseudonym, Pseudonym), (Timestamp, RequestId)>>,
    rows: Mutex<BTreeMap<Pseudonym, Pseudonym>>,
}

#[derive(Clone, Debug)]
struct Record {
    digests: Vec<[u8; 32]>,
    attempts: u32,
    consumed: bool,
    opened: Timestamp,
}

impl Animal {
    fn new(bug: Bug) -> Self {
        Self {
            bug,
            model: ModelStore::new(),
            fresh: AtomicU64::new(0),
            codes: Mutex::default(),
            settled: Mutex::default(),
            marked: Mutex::default(),
            nonces: Mutex::default(),
            rows: Mutex::default(),
        }
    }

    fn has(&self, bug: Bug) -> bool {
        self.bug == bug
    }

    fn fresh_id(&self) -> RequestId {
        let mut bytes = [0xa5; 16];
        bytes[..8].copy_from_slice(&self.fresh.fetch_add(1, Ordering::Relaxed).to_be_bytes());
        RequestId::from_bytes(bytes)
    }

    fn realm(&self, realm: Pseudonym) -> Pseudonym {
        if self.has(Bug::RealmLeakage) { Pseudonym::from_bytes([0; 16]) } else { realm }
    }

    /// `admission` without what it would check, so that the model applies it as it comes.
    fn unchecked(admission: &Admission) -> Admission {
        let mut applied = admission.clone();
        for charge in &mut applied.charges {
            charge.limit = match charge.limit {
                Limit::Window { span_ms, .. } => Limit::Window { max: 1 << 60, span_ms },
                Limit::Budget { span_ms, .. } => Limit::Budget { max: 1 << 60, span_ms },
                Limit::Spacing { interval_ms, .. } => {
                    Limit::Spacing { interval_ms, burst: 1 << 30 }
                }
                Limit::Unverified { drain_ms, .. } => {
                    Limit::Unverified { drain_ms, max: 1 << 30 }
                }
                Limit::Failures { forget_ms, .. } => Limit::Failures {
                    max: 1 << 60,
                    pause_after: 1 << 60,
                    pause_ms: 0,
                    longest_ms: 0,
                    forget_ms,
                },
                ladder @ Limit::Ladder { .. } => ladder,
            };
        }
        applied
    }

    /// Whether every charge would fit, each read by itself.
    async fn all_fit(&self, admission: &Admission) -> Result<bool, StoreError> {
        let readings = self.read(admission.now, admission.realm, &admission.charges).await?;
        Ok(readings.iter().all(|wait| wait.is_zero()))
    }

    async fn read(
        &self,
        now: Timestamp,
        realm: Pseudonym,
        charges: &[Charge],
    ) -> Result<Vec<Duration>, StoreError> {
        let mut query = TallyQuery::new(now, realm);
        query.meters = charges
            .iter()
            .map(|it| MeterQuery { key: it.key, limit: it.limit, cost: it.cost })
            .collect();
        let readings = self.model.tally(&query).await?.meters;
        Ok(readings.into_iter().map(|reading| reading.retry_after).collect())
    }
}

#[async_trait]
impl Store for Animal {
    async fn admit(&self, admission: &Admission) -> Result<Admitted, StoreError> {
        let mut admission = admission.clone();
        admission.realm = self.realm(admission.realm);
        match self.bug {
            Bug::NoIdempotency => {
                admission.id = self.fresh_id();
                self.model.admit(&admission).await
            }
            Bug::GetThenSetAdmit => self.get_then_set(&admission).await,
            Bug::GetThenSetNonce => self.nonce_then_rest(&admission).await,
            Bug::GetThenSetDocument => self.document_then_write(&admission).await,
            Bug::ChargeBeforeCheck => self.charge_then_check(&admission).await,
            Bug::NonceBurntOnRefusal => {
                let answer = self.model.admit(&admission).await?;
                if matches!(answer, Admitted::Exhausted { .. }) {
                    let mut burn = self.charging_now(admission.now, admission.realm);
                    burn.nonces = admission.nonces.clone();
                    let _ = self.model.admit(&burn).await?;
                }
                Ok(answer)
            }
            Bug::IgnoresWaiverBounds => {
                let marked = self.marked.lock().unwrap().clone();
                let waived = |it: &Charge| it.waiver.is_some_and(|key| marked.contains(&key));
                let places: Vec<bool> = admission.charges.iter().map(waived).collect();
                admission.charges.retain(|charge| !waived(charge));
                match self.model.admit(&admission).await? {
                    Admitted::Granted { counts, observed, news } => {
                        let mut counts = counts.into_iter();
                        let counts = places
                            .iter()
                            .map(|waived| if *waived { 0 } else { counts.next().unwrap_or(0) })
                            .collect();
                        Ok(Admitted::Granted { counts, observed, news })
                    }
                    other => Ok(other),
                }
            }
            Bug::FixedWindow => {
                // INCR on a key that carries the minute, EXPIRE when it is new.
                for charge in &mut admission.charges {
                    if let Limit::Window { span_ms, .. } = charge.limit {
                        let turn = admission.now.as_millis() / span_ms;
                        charge.key = with_turn(charge.key, turn);
                    }
                }
                self.model.admit(&admission).await
            }
            Bug::FirstInsteadOfLongest => match self.model.admit(&admission).await? {
                Admitted::Exhausted { counts, observed, news, .. } => {
                    let waits =
                        self.read(admission.now, admission.realm, &admission.charges).await?;
                    let index = waits.iter().position(|wait| !wait.is_zero()).unwrap_or(0);
                    let retry_after = waits.get(index).copied().unwrap_or_default();
                    Ok(Admitted::Exhausted { index, retry_after, counts, observed, news })
                }
                other => Ok(other),
            },
            Bug::RefusalsUnseen => {
                let before = self.model.snapshot();
                let answer = self.model.admit(&admission).await?;
                if !matches!(answer, Admitted::Granted { .. }) {
                    self.model.restore(&before);
                }
                Ok(answer)
            }
            Bug::ResetOnResend => self.resend_as_new(&admission).await,
            Bug::CompareBeforeCharge
            | Bug::GetThenDeleteConsume
            | Bug::TtlOnlyExpiry
            | Bug::NeverLocks
            | Bug::NoTombstone => {
                let answer = self.model.admit(&admission).await?;
                if let (Admitted::Granted { .. }, Some(write)) = (&answer, &admission.challenge) {
                    self.note(write, admission.now);
                }
                if self.has(Bug::NoTombstone)
                    && answer == Admitted::ChallengeGone
                    && let Some(ChallengeWrite::Open { key, .. }) = &admission.challenge
                    && self.consumed(key)
                {
                    self.codes.lock().unwrap().remove(key);
                    admission.challenge = None;
                    return self.model.admit(&admission).await;
                }
                Ok(answer)
            }
            Bug::TrustsTheClockSetBack => {
                // The meter's own time is lost: each hour of the clock is a key of its own, so an
                // earlier hour starts afresh.
                let hour = admission.now.as_millis() / 3_600_000;
                if hour < 1_800_000_000_000 / 3_600_000 {
                    for charge in &mut admission.charges {
                        charge.key = with_turn(charge.key, hour);
                    }
                }
                self.model.admit(&admission).await
            }
            Bug::RealmLeakage
            | Bug::RefundTwice
            | Bug::ChargesSubjectForUnknown
            | Bug::FirstDigestOnly
            | Bug::RefundsWaived => self.model.admit(&admission).await,
        }
    }

    async fn settle(&self, settlement: &Settlement) -> Result<(), StoreError> {
        let mut settlement = settlement.clone();
        settlement.realm = self.realm(settlement.realm);
        match self.bug {
            Bug::RefundTwice => {
                let times = {
                    let mut settled = self.settled.lock().unwrap();
                    let times = settled.entry(settlement.admission).or_default();
                    *times += 1;
                    *times
                };
                self.model.settle(&settlement).await?;
                if times > 1 {
                    self.give_back(&settlement).await?;
                }
                Ok(())
            }
            Bug::RefundsWaived => {
                settlement.refunds.iter_mut().for_each(|refund| refund.waiver = None);
                self.model.settle(&settlement).await
            }
            _ => self.model.settle(&settlement).await,
        }
    }

    async fn redeem(&self, redemption: &Redemption) -> Result<Redeemed, StoreError> {
        let mut redemption = redemption.clone();
        redemption.realm = self.realm(redemption.realm);
        match self.bug {
            Bug::NoIdempotency => {
                redemption.id = self.fresh_id();
                self.model.redeem(&redemption).await
            }
            Bug::CompareBeforeCharge => self.compare_then_charge(&redemption).await,
            Bug::GetThenDeleteConsume => self.get_then_delete(&redemption).await,
            Bug::TtlOnlyExpiry => {
                let redeemed = self.model.redeem(&redemption).await?;
                // The backend still has the key: its clock has not moved as `now` has.
                if matches!(redeemed.verdict, Verdict::Expired | Verdict::Unknown)
                    && let Some(record) = self.record(&redemption.challenge)
                    && redemption.digests.iter().any(|it| record.digests.contains(it))
                {
                    let verdict = Verdict::Accepted { attempts: 1, opened: record.opened };
                    return Ok(Redeemed { verdict, ..redeemed });
                }
                Ok(redeemed)
            }
            Bug::NeverLocks => {
                let redeemed = self.model.redeem(&redemption).await?;
                if redeemed.verdict == Verdict::Locked
                    && let Some(record) = self.record(&redemption.challenge)
                {
                    let right = redemption.digests.iter().any(|it| record.digests.contains(it));
                    let verdict = if right {
                        Verdict::Accepted { attempts: record.attempts, opened: record.opened }
                    } else {
                        Verdict::Mismatch { left: 0 }
                    };
                    return Ok(Redeemed { verdict, ..redeemed });
                }
                Ok(redeemed)
            }
            Bug::NoTombstone => {
                let redeemed = self.model.redeem(&redemption).await?;
                match redeemed.verdict {
                    Verdict::Accepted { .. } => {
                        if let Some(record) =
                            self.codes.lock().unwrap().get_mut(&redemption.challenge)
                        {
                            record.consumed = true;
                        }
                        Ok(redeemed)
                    }
                    Verdict::Consumed => Ok(Redeemed { verdict: Verdict::Unknown, ..redeemed }),
                    _ => Ok(redeemed),
                }
            }
            Bug::ChargesSubjectForUnknown => {
                let redeemed = self.model.redeem(&redemption).await?;
                if redeemed.verdict == Verdict::Unknown {
                    let mut charging = self.charging_now(redemption.now, redemption.realm);
                    charging.charges = redemption.subject_charges.clone();
                    let _ = self.model.admit(&charging).await?;
                }
                Ok(redeemed)
            }
            Bug::ResetOnResend => {
                redemption.challenge = self.generation(redemption.challenge);
                self.model.redeem(&redemption).await
            }
            Bug::FirstDigestOnly => {
                redemption.digests.truncate(1);
                self.model.redeem(&redemption).await
            }
            Bug::IgnoresWaiverBounds => {
                let redeemed = self.model.redeem(&redemption).await?;
                if matches!(redeemed.verdict, Verdict::Accepted { .. }) {
                    let made = redemption.marks.iter().map(|mark| mark.key);
                    self.marked.lock().unwrap().extend(made);
                }
                Ok(redeemed)
            }
            _ => self.model.redeem(&redemption).await,
        }
    }

    async fn tally(&self, query: &TallyQuery) -> Result<Tallies, StoreError> {
        let mut query = query.clone();
        query.realm = self.realm(query.realm);
        if self.has(Bug::ResetOnResend) {
            query.challenges.iter_mut().for_each(|key| *key = self.generation(*key));
        }
        if self.has(Bug::FixedWindow) {
            for meter in &mut query.meters {
                if let Limit::Window { span_ms, .. } = meter.limit {
                    meter.key = with_turn(meter.key, query.now.as_millis() / span_ms);
                }
            }
        }
        self.model.tally(&query).await
    }
}

/// The bugs that are a gap between two steps.
impl Animal {
    async fn get_then_set(&self, admission: &Admission) -> Result<Admitted, StoreError> {
        let fits = self.all_fit(admission).await?;
        pause().await; // the round trip of the read
        if fits {
            self.model.admit(&Self::unchecked(admission)).await
        } else {
            self.model.admit(admission).await
        }
    }

    async fn nonce_then_rest(&self, admission: &Admission) -> Result<Admitted, StoreError> {
        // `EXISTS nonce`, then everything else, then `SET nonce`.
        let spent = |nonce: &Nonce| {
            let nonces = self.nonces.lock().unwrap();
            nonces.get(&(admission.realm, nonce.key)).is_some_and(|(expires, by)| {
                admission.now < *expires && *by != admission.id
            })
        };
        if let Some(index) = admission.nonces.iter().position(spent) {
            return Ok(Admitted::NonceSpent { index });
        }
        pause().await; // the round trip of the read
        let rest = Admission { nonces: Vec::new(), ..admission.clone() };
        let answer = self.model.admit(&rest).await?;
        if matches!(answer, Admitted::Granted { .. }) {
            let mut nonces = self.nonces.lock().unwrap();
            for nonce in &admission.nonces {
                nonces.insert((admission.realm, nonce.key), (nonce.expires, admission.id));
            }
        }
        Ok(answer)
    }

    async fn document_then_write(&self, admission: &Admission) -> Result<Admitted, StoreError> {
        let mut query = TallyQuery::new(admission.now, admission.realm);
        query.documents = admission.documents.iter().map(|write| write.document).collect();
        let versions: Vec<u64> =
            self.model.tally(&query).await?.documents.iter().map(|it| it.version).collect();
        let holds = admission.documents.iter().zip(&versions).all(|(it, at)| it.expect == *at);
        pause().await; // the round trip of the read
        if !holds || admission.documents.is_empty() {
            return self.model.admit(admission).await;
        }
        // An unconditional write: on whatever version there is by now.
        let mut write = admission.clone();
        let now: Vec<u64> =
            self.model.tally(&query).await?.documents.iter().map(|it| it.version).collect();
        for (document, version) in write.documents.iter_mut().zip(now) {
            document.expect = version;
        }
        self.model.admit(&write).await
    }

    async fn charge_then_check(&self, admission: &Admission) -> Result<Admitted, StoreError> {
        let answer = self.model.admit(admission).await?;
        if let Admitted::Exhausted { .. } = &answer {
            // One after the other until the first refusal; what was charged stays.
            for charge in &admission.charges {
                let mut single = self.charging_now(admission.now, admission.realm);
                single.charges = vec![*charge];
                if !matches!(self.model.admit(&single).await?, Admitted::Granted { .. }) {
                    break;
                }
            }
        }
        Ok(answer)
    }

    /// The row is deleted, and with it the failures; a new one takes its place.
    async fn resend_as_new(&self, admission: &Admission) -> Result<Admitted, StoreError> {
        let mut mapped = admission.clone();
        let mut next = None;
        if let Some(ChallengeWrite::Renew { key, digest, expires, .. }) = &admission.challenge {
            let current = self.generation(*key);
            let mut query = TallyQuery::new(admission.now, admission.realm);
            query.challenges.push(current);
            let state = self.model.tally(&query).await?.challenges.into_iter().next();
            mapped.challenge = Some(match (state, self.record(key)) {
                (Some(ChallengeState::Live { closes, .. }), Some(record)) => {
                    next = Some(*key);
                    ChallengeWrite::Open {
                        key: next_row(current),
                        digest: *digest,
                        expires: *expires,
                        closes,
                        attempts: record.attempts,
                    }
                }
                _ => ChallengeWrite::Renew {
                    key: current,
                    digest: *digest,
                    expires: *expires,
                    keep_previous: false,
                },
            });
        }
        let answer = self.model.admit(&mapped).await?;
        if let (Admitted::Granted { .. }, Some(write)) = (&answer, &admission.challenge) {
            self.note(write, admission.now);
            if let Some(key) = next {
                let row = next_row(self.generation(key));
                self.rows.lock().unwrap().insert(key, row);
            }
        }
        Ok(answer)
    }

    fn generation(&self, key: Pseudonym) -> Pseudonym {
        self.rows.lock().unwrap().get(&key).copied().unwrap_or(key)
    }

    fn charging_now(&self, now: Timestamp, realm: Pseudonym) -> Admission {
        Admission::new(self.fresh_id(), now, realm, now)
    }

    async fn compare_then_charge(&self, redemption: &Redemption) -> Result<Redeemed, StoreError> {
        let Some(record) = self.record(&redemption.challenge) else {
            return self.model.redeem(redemption).await;
        };
        let mut query = TallyQuery::new(redemption.now, redemption.realm);
        query.challenges.push(redemption.challenge);
        let state = self.model.tally(&query).await?.challenges.into_iter().next();
        pause().await; // the record is read
        let Some(ChallengeState::Live { left, .. }) = state else {
            return self.model.redeem(redemption).await;
        };
        let right = redemption.digests.iter().any(|it| record.digests.contains(it));
        pause().await; // the failure is written
        let redeemed = self.model.redeem(redemption).await?;
        match redeemed.verdict {
            // It was compared when there were attempts left; the count comes too late.
            Verdict::Locked => {
                let verdict = if right {
                    Verdict::Accepted { attempts: record.attempts, opened: record.opened }
                } else {
                    Verdict::Mismatch { left: left.saturating_sub(1) }
                };
                Ok(Redeemed { verdict, ..redeemed })
            }
            _ => Ok(redeemed),
        }
    }

    async fn get_then_delete(&self, redemption: &Redemption) -> Result<Redeemed, StoreError> {
        let mut query = TallyQuery::new(redemption.now, redemption.realm);
        query.challenges.push(redemption.challenge);
        let state = self.model.tally(&query).await?.challenges.into_iter().next();
        let record = self.record(&redemption.challenge);
        pause().await; // the code is read
        let redeemed = self.model.redeem(redemption).await?;
        match (redeemed.verdict, state, record) {
            // Its own reading said that the code was there; whether the deletion found it is
            // not looked at.
            (Verdict::Consumed, Some(ChallengeState::Live { .. }), Some(record))
                if redemption.digests.iter().any(|it| record.digests.contains(it)) =>
            {
                let verdict = Verdict::Accepted { attempts: 1, opened: record.opened };
                Ok(Redeemed { verdict, ..redeemed })
            }
            _ => Ok(redeemed),
        }
    }

    async fn give_back(&self, settlement: &Settlement) -> Result<(), StoreError> {
        let granting = Admission::new(
            self.fresh_id(),
            settlement.now,
            settlement.realm,
            settlement.now + Duration::from_secs(1),
        );
        let _ = self.model.admit(&granting).await?;
        let again = Settlement { admission: granting.id, ..settlement.clone() };
        self.model.settle(&again).await
    }

    fn note(&self, write: &ChallengeWrite, now: Timestamp) {
        let mut codes = self.codes.lock().unwrap();
        match write {
            ChallengeWrite::Open { key, digest, attempts, .. } => {
                let record = Record {
                    digests: vec![*digest],
                    attempts: *attempts,
                    consumed: false,
                    opened: now,
                };
                codes.insert(*key, record);
            }
            ChallengeWrite::Renew { key, digest, keep_previous, .. } => {
                if let Some(record) = codes.get_mut(key) {
                    let kept = if *keep_previous { 1 } else { 0 };
                    let surplus = record.digests.len().saturating_sub(kept);
                    record.digests.drain(..surplus);
                    record.digests.push(*digest);
                }
            }
        }
    }

    fn record(&self, key: &Pseudonym) -> Option<Record> {
        self.codes.lock().unwrap().get(key).cloned()
    }

    fn consumed(&self, key: &Pseudonym) -> bool {
        self.record(key).is_some_and(|record| record.consumed)
    }
}

fn next_row(key: Pseudonym) -> Pseudonym {
    let mut bytes = *key.as_bytes();
    bytes[15] = bytes[15].wrapping_add(1);
    Pseudonym::from_bytes(bytes)
}

fn with_turn(key: MeterKey, turn: u64) -> MeterKey {
    let mut bytes = *key.subject.as_bytes();
    for (byte, turned) in bytes.iter_mut().zip(turn.to_be_bytes()) {
        *byte ^= turned;
    }
    MeterKey::new(Pseudonym::from_bytes(bytes), key.slot)
}

/// A store in memory with a hard cap on challenges. The wrong one makes room by forgetting the
/// oldest, as an LRU cache or `maxmemory-policy allkeys-lru` does.
#[derive(Debug)]
struct Capped {
    model: ModelStore,
    cap: usize,
    evicts: bool,
    live: Mutex<VecDeque<Admission>>,
    evicted: Mutex<BTreeSet<Pseudonym>>,
}

impl Capped {
    fn new(cap: usize, evicts: bool) -> Self {
        let (live, evicted) = (Mutex::default(), Mutex::default());
        Self { model: ModelStore::new(), cap, evicts, live, evicted }
    }

    /// Where `name` is kept: an evicted name leads to an empty place.
    fn place(&self, name: Pseudonym) -> Pseudonym {
        if self.evicted.lock().unwrap().contains(&name) { next_row(name) } else { name }
    }
}

#[async_trait]
impl Store for Capped {
    async fn admit(&self, admission: &Admission) -> Result<Admitted, StoreError> {
        if admission.challenge.is_some() {
            let mut live = self.live.lock().unwrap();
            live.retain(|it| admission.now < it.now + Duration::from_secs(600));
            if live.len() >= self.cap {
                if !self.evicts {
                    return Err(StoreError::new(StoreErrorKind::Full, "the cap is reached"));
                }
                if let Some(oldest) = live.pop_front() {
                    let mut evicted = self.evicted.lock().unwrap();
                    evicted.extend(oldest.charges.iter().map(|it| it.key.subject));
                    evicted.extend(oldest.nonces.iter().map(|it| it.key));
                }
            }
            live.push_back(admission.clone());
        }
        let mut placed = admission.clone();
        for charge in &mut placed.charges {
            charge.key.subject = self.place(charge.key.subject);
        }
        placed.nonces.iter_mut().for_each(|nonce| nonce.key = self.place(nonce.key));
        self.model.admit(&placed).await
    }

    async fn settle(&self, settlement: &Settlement) -> Result<(), StoreError> {
        self.model.settle(settlement).await
    }

    async fn redeem(&self, redemption: &Redemption) -> Result<Redeemed, StoreError> {
        self.model.redeem(redemption).await
    }

    async fn tally(&self, query: &TallyQuery) -> Result<Tallies, StoreError> {
        let mut placed = query.clone();
        for meter in &mut placed.meters {
            meter.key.subject = self.place(meter.key.subject);
        }
        self.model.tally(&placed).await
    }
}
