//! What a gate tells a store of homes: a challenge, an admission and a subject have one home in every call,
//! and nothing that cannot be split is charged on what homes share.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::arithmetic_side_effects)]

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use otpgate::limit::{Limit, MeterKey};
use otpgate::store::{
    Admission, Admitted, ChallengeWrite, Home, MemoryStore, Redeemed, Redemption, Settlement,
    StoreError, Tallies, TallyQuery,
};
use otpgate::{Pseudonym, RequestId, Store};

use support::{ALICE, BOB, House, client, german, minutes};

#[derive(Debug, Default)]
struct Seen {
    challenges: HashMap<Pseudonym, Pseudonym>,
    admissions: HashMap<RequestId, Home>,
    /// Whose own a subject is, or that it is common.
    subjects: HashMap<Pseudonym, Option<Pseudonym>>,
    /// Whose own a meter that cannot be split is.
    unsplit: HashMap<MeterKey, Pseudonym>,
    calls: usize,
}

/// A memory store that insists on what a store of several parts would rest on.
#[derive(Debug)]
struct Insists {
    store: MemoryStore,
    seen: Arc<Mutex<Seen>>,
}

impl Insists {
    fn judge<'a>(
        &self,
        home: Home,
        challenge: Option<Pseudonym>,
        charges: impl Iterator<Item = (MeterKey, &'a Limit)>,
    ) {
        let mut seen = self.seen.lock().unwrap();
        seen.calls += 1;
        if let Some(challenge) = challenge {
            let name = home.name().expect("a challenge is somebody's");
            assert_eq!(*seen.challenges.entry(challenge).or_insert(name), name, "of a challenge");
        }
        for (key, limit) in charges {
            let owner = home.name().filter(|_| home.owns(key.subject));
            let before = *seen.subjects.entry(key.subject).or_insert(owner);
            assert_eq!(
                before, owner,
                "a subject is one home's own in every call, or common in all"
            );
            if matches!(limit, Limit::Ladder { .. } | Limit::Failures { .. }) {
                assert!(home.owns(key.subject), "{limit:?} on a common subject");
                let name = home.name().unwrap();
                assert_eq!(*seen.unsplit.entry(key).or_insert(name), name, "of {limit:?}");
            }
        }
    }
}

#[async_trait]
impl Store for Insists {
    async fn admit(&self, admission: &Admission) -> Result<Admitted, StoreError> {
        let challenge = admission.challenge.as_ref().map(|write| match write {
            ChallengeWrite::Open { key, .. } | ChallengeWrite::Renew { key, .. } => *key,
        });
        let charges = admission.charges.iter().map(|charge| (charge.key, &charge.limit));
        self.judge(admission.home, challenge, charges);
        let home = admission.home;
        let before = self.seen.lock().unwrap().admissions.insert(admission.id, home);
        assert!(before.is_none_or(|before| before == home), "of an admission");
        self.store.admit(admission).await
    }

    async fn settle(&self, settlement: &Settlement) -> Result<(), StoreError> {
        let refunds = settlement.refunds.iter().map(|refund| (refund.key, &refund.limit));
        self.judge(settlement.home, settlement.void.map(|void| void.challenge), refunds);
        let admitted = self.seen.lock().unwrap().admissions.get(&settlement.admission).copied();
        assert_eq!(admitted, Some(settlement.home), "of a settlement");
        self.store.settle(settlement).await
    }

    async fn redeem(&self, redemption: &Redemption) -> Result<Redeemed, StoreError> {
        let charges = redemption.charges.iter().chain(&redemption.subject_charges);
        let charges = charges.map(|charge| (charge.key, &charge.limit));
        self.judge(redemption.home, Some(redemption.challenge), charges);
        self.store.redeem(redemption).await
    }

    async fn tally(&self, query: &TallyQuery) -> Result<Tallies, StoreError> {
        let meters = || query.meters.iter().map(|meter| (meter.key, &meter.limit));
        self.judge(query.home, None, meters());
        for challenge in &query.challenges {
            self.judge(query.home, Some(*challenge), std::iter::empty());
        }
        self.store.tally(query).await
    }
}

#[tokio::test]
async fn a_number_has_one_home_in_every_call() {
    let seen = Arc::new(Mutex::new(Seen::default()));
    let house = House::lab(Insists { store: MemoryStore::new(), seen: Arc::clone(&seen) });
    for (number, at) in [(ALICE, 1), (BOB, 2)] {
        let grant = house.send_to(number, &client(at)).await.into_grant();
        assert!(!house.accepts_from(&grant, &house.wrong_code(), &client(at)).await);
        house.clock.advance(minutes(2));
        assert!(house.gate.resend(&grant, &client(at)).await.is_ok());
        assert!(house.gate.entry(&grant, &client(at)).await.is_ok());
        assert!(house.accepts_from(&grant, &house.last_code(), &client(at)).await);
        // A code without a genuine grant is somebody's too, and nobody's twice.
        assert!(!house.accepts_from(&grant, "000000", &client(at + 100)).await);
    }
    // Refused and withheld texts give back.
    for at in 0..20 {
        drop(house.try_send(&german(1), &client(at + 200)).await);
    }
    let (ada, why) = ("ada", "ticket 4711");
    let actor = otpgate::access::Actor::new(ada).unwrap();
    let reason = otpgate::access::Reason::new(why).unwrap();
    house.gate.controls().forgive(&support::recipient(ALICE), &reason, &actor).await.unwrap();
    house.gate.controls().forget_faults(&support::recipient(BOB), &reason, &actor).await.unwrap();
    house.gate.snapshot().await.unwrap();
    let seen = seen.lock().unwrap();
    assert!(seen.challenges.len() >= 3 && seen.unsplit.len() >= 4 && seen.calls > 20, "{seen:?}");
    let homes: std::collections::HashSet<_> = seen.unsplit.values().collect();
    assert!(homes.len() >= 3, "Alice, Bob and another");
}
