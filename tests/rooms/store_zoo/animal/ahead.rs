//! The bugs that are about what a wrong clock has dated ahead.

use otpgate::limit::{Limit, MeterKey};
use otpgate::store::{Admission, Admitted, ClockCheck, MeterQuery, StoreError, TallyQuery};
use otpgate::{Clock, Store, SystemClock, Timestamp};

use super::{Animal, with_turn};

/// The bound is held, and forgotten.
pub(super) fn heedless(clock: ClockCheck, now: Timestamp) -> Result<ClockCheck, StoreError> {
    clock.judge(now, SystemClock::new().now())?;
    Ok(ClockCheck::Unchecked)
}

impl Animal {
    /// The meter that stands for `key` at present.
    pub(super) fn present(&self, key: MeterKey) -> MeterKey {
        match self.begun.lock().unwrap().get(&key) {
            Some((turn @ 1.., _)) => with_turn(key, *turn),
            _ => key,
        }
    }

    /// Puts an empty meter in its place.
    fn begin_anew(&self, key: MeterKey) -> MeterKey {
        self.begun.lock().unwrap().entry(key).or_default().0 += 1;
        self.present(key)
    }

    pub(super) async fn empty_and_admit(
        &self,
        mut admission: Admission,
    ) -> Result<Admitted, StoreError> {
        let (now, horizon) = (admission.now, admission.clock.horizon(admission.now));
        let named: Vec<MeterKey> = admission.charges.iter().map(|charge| charge.key).collect();
        for charge in &mut admission.charges {
            let charged = self.begun.lock().unwrap().get(&charge.key).map(|(_, at)| *at);
            charge.key = match charged {
                Some(at) if at > horizon => self.begin_anew(charge.key),
                _ => self.present(charge.key),
            };
        }
        let answer = self.model.admit(&admission).await?;
        if matches!(answer, Admitted::Granted { .. }) {
            let mut begun = self.begun.lock().unwrap();
            named.into_iter().for_each(|key| begun.entry(key).or_default().1 = now);
        }
        Ok(answer)
    }

    pub(super) async fn fill_and_admit(
        &self,
        mut admission: Admission,
    ) -> Result<Admitted, StoreError> {
        let skew = admission.clock.skew();
        for charge in &mut admission.charges {
            let named = charge.key;
            charge.key = self.present(named);
            let (Limit::Unverified { max, drain_ms: unit }
            | Limit::Spacing { burst: max, interval_ms: unit }) = charge.limit
            else {
                continue;
            };
            let Some(skew) = skew else { continue };
            let mut query = TallyQuery::new(admission.now, admission.realm);
            query.meters = vec![MeterQuery { key: charge.key, limit: charge.limit, cost: 0 }];
            let level = self.model.tally(&query).await?.meters[0].count * unit;
            let honest = u128::from(max * unit) + 2 * skew.as_millis();
            if u128::from(level) > honest {
                charge.key = self.begin_anew(named);
                let mut fill = self.charging_now(admission.now, admission.realm);
                fill.charges = vec![otpgate::store::Charge { cost: max, waiver: None, ..*charge }];
                let _ = self.model.admit(&fill).await?;
            }
        }
        self.model.admit(&admission).await
    }
}
