//! The animals: what each does at its verbs.

mod ahead;
mod gaps;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use otpgate::limit::{Limit, MeterKey};
use otpgate::store::{
    Admission, Admitted, ChallengeWrite, Charge, ClockCheck, MeterQuery, Redeemed, Redemption,
    Settlement, StoreError, Tallies, TallyQuery, Verdict,
};
use otpgate::testing::ModelStore;
use otpgate::{Clock, Pseudonym, RequestId, Store, SystemClock, Timestamp};

use super::Bug;

#[derive(Debug)]
pub(crate) struct Animal {
    bug: Bug,
    model: ModelStore,
    fresh: AtomicU64,
    /// What the animal keeps apart from the model.
    codes: Mutex<BTreeMap<Pseudonym, Record>>,
    settled: Mutex<BTreeMap<RequestId, u64>>,
    marked: Mutex<BTreeSet<MeterKey>>,
    nonces: Mutex<BTreeMap<(Pseudonym, Pseudonym), (Timestamp, RequestId)>>,
    rows: Mutex<BTreeMap<Pseudonym, Pseudonym>>,
    /// Of a meter: how often it was begun anew, and when it was charged last.
    begun: Mutex<BTreeMap<MeterKey, (u64, Timestamp)>>,
}

#[derive(Clone, Debug)]
struct Record {
    digests: Vec<[u8; 32]>,
    attempts: u32,
    consumed: bool,
    opened: Timestamp,
}

impl Animal {
    pub(crate) fn new(bug: Bug) -> Self {
        Self {
            bug,
            model: ModelStore::new(),
            fresh: AtomicU64::new(0),
            codes: Mutex::default(),
            settled: Mutex::default(),
            marked: Mutex::default(),
            nonces: Mutex::default(),
            rows: Mutex::default(),
            begun: Mutex::default(),
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

    /// Whether the animal skips the check of `now`.
    fn takes(&self, now: Timestamp) -> bool {
        let lags = now < SystemClock::new().now();
        self.has(Bug::AnyClock) || self.has(Bug::OnlyLeads) && lags
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
                Limit::Unverified { drain_ms, .. } => Limit::Unverified { drain_ms, max: 1 << 30 },
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
        if self.takes(admission.now) {
            admission.clock = ClockCheck::Unchecked;
        }
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
                    Admitted::Granted { counts, step, observed, news } => {
                        let mut counts = counts.into_iter();
                        let counts = places
                            .iter()
                            .map(|waived| if *waived { 0 } else { counts.next().unwrap_or(0) })
                            .collect();
                        Ok(Admitted::Granted { counts, step, observed, news })
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
            | Bug::RefundsWaived
            | Bug::AnyClock
            | Bug::OnlyLeads => self.model.admit(&admission).await,
            Bug::NeverHeals => {
                admission.clock = ahead::heedless(admission.clock, admission.now)?;
                self.model.admit(&admission).await
            }
            Bug::HealsByEmptying => self.empty_and_admit(admission).await,
            Bug::HealsToTheLimitAtHand => self.fill_and_admit(admission).await,
            Bug::HealsInVain => {
                let before = self.model.snapshot();
                let answer = self.model.admit(&admission).await?;
                if admission.observe.is_empty() && matches!(answer, Admitted::Exhausted { .. }) {
                    self.model.restore(&before);
                }
                Ok(answer)
            }
        }
    }

    async fn settle(&self, settlement: &Settlement) -> Result<(), StoreError> {
        let mut settlement = settlement.clone();
        settlement.realm = self.realm(settlement.realm);
        settlement.refunds.iter_mut().for_each(|refund| refund.key = self.present(refund.key));
        match self.bug {
            Bug::NeverHeals => {
                settlement.clock = ahead::heedless(settlement.clock, settlement.now)?;
                self.model.settle(&settlement).await
            }
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
        redemption.credits.iter_mut().for_each(|credit| credit.key = self.present(credit.key));
        redemption.reset.iter_mut().for_each(|key| *key = self.present(*key));
        match self.bug {
            Bug::NeverHeals => {
                redemption.clock = ahead::heedless(redemption.clock, redemption.now)?;
                self.model.redeem(&redemption).await
            }
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
        query.meters.iter_mut().for_each(|meter| meter.key = self.present(meter.key));
        if self.has(Bug::NeverHeals) {
            query.clock = ahead::heedless(query.clock, query.now)?;
        }
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

pub(crate) fn next_row(key: Pseudonym) -> Pseudonym {
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
