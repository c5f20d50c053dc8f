//! A message of the port, made where its deployment is: in one place, or spread.

use std::future::Future;

use crate::base::id::Pseudonym;
use crate::base::time::Timestamp;
use crate::store::{
    Admission, Admitted, ClockCheck, Redeemed, Redemption, Settlement, StoreError, StoreErrorKind,
    Tallies, TallyQuery,
};

use super::RedisStore;
use super::call::{Call, Scope};
use super::failure::Stopped;
use super::place::Place;
use super::spread::Run;

/// How often a call is made that finds its deployment spread otherwise than was known.
const TURNS: u32 = 3;

pub(super) trait Message: Clone + Send + Sync + 'static {
    type Answer: Send;

    /// Whose it is, and when.
    fn when(&self) -> (Pseudonym, Timestamp, ClockCheck);

    /// Makes it in a deployment that is in one place.
    fn whole(
        &self,
        store: &RedisStore,
    ) -> impl Future<Output = Result<Self::Answer, StoreError>> + Send;

    /// Makes it in one that is spread.
    fn spread(&self, run: Run<'_>)
    -> impl Future<Output = Result<Self::Answer, StoreError>> + Send;
}

impl RedisStore {
    /// Makes the call of a message, and again where it finds its deployment spread otherwise than was
    /// known.
    pub(super) async fn make<M: Message>(&self, message: &M) -> Result<M::Answer, StoreError> {
        let (realm, now, clock) = message.when();
        let mut turns = TURNS;
        loop {
            let outcome = match self.spread.run(self, realm, now, clock).await? {
                Some(run) => self.seen_through(message, &run).await,
                None => message.whole(self).await,
            };
            turns = turns.saturating_sub(1);
            if turns == 0 || !self.spread.is_behind(self, &outcome, (realm, now, clock)).await? {
                return outcome;
            }
        }
    }

    /// Makes the call of a message over several partitions, on a task of its own: what it takes over in one of
    /// them goes back or is used, whoever drops the call meanwhile. A client who closes its connection at
    /// the right moment would else use up what is common to all, and none of its own limits.
    async fn seen_through<M: Message>(
        &self,
        message: &M,
        run: &Run<'_>,
    ) -> Result<M::Answer, StoreError> {
        let (store, message, run) = (self.shared(), message.clone(), run.begun());
        let call = async move { message.spread(run.of(&store)).await };
        let stopped = |_| Err(StoreError::new(StoreErrorKind::Indeterminate, Stopped));
        tokio::spawn(call).await.unwrap_or_else(stopped)
    }
}

impl Message for Admission {
    type Answer = Admitted;

    fn when(&self) -> (Pseudonym, Timestamp, ClockCheck) {
        (self.realm, self.now, self.clock)
    }

    async fn whole(&self, store: &RedisStore) -> Result<Admitted, StoreError> {
        let call = Call::admit(self, &Place::whole(self.realm), &Scope::All);
        Ok(store.run(call).await?.admitted(self)?.answer)
    }

    async fn spread(&self, run: Run<'_>) -> Result<Admitted, StoreError> {
        run.admit(self).await
    }
}

impl Message for Settlement {
    type Answer = ();

    fn when(&self) -> (Pseudonym, Timestamp, ClockCheck) {
        (self.realm, self.now, self.clock)
    }

    async fn whole(&self, store: &RedisStore) -> Result<(), StoreError> {
        let call = Call::settle(self, &Place::whole(self.realm));
        store.run(call).await?.settled()?;
        Ok(())
    }

    async fn spread(&self, run: Run<'_>) -> Result<(), StoreError> {
        run.settle(self).await
    }
}

impl Message for Redemption {
    type Answer = Redeemed;

    fn when(&self) -> (Pseudonym, Timestamp, ClockCheck) {
        (self.realm, self.now, self.clock)
    }

    async fn whole(&self, store: &RedisStore) -> Result<Redeemed, StoreError> {
        let call = Call::redeem(self, &Place::whole(self.realm), &Scope::All);
        Ok(store.run(call).await?.redeemed()?.answer)
    }

    async fn spread(&self, run: Run<'_>) -> Result<Redeemed, StoreError> {
        run.redeem(self).await
    }
}

impl Message for TallyQuery {
    type Answer = Tallies;

    fn when(&self) -> (Pseudonym, Timestamp, ClockCheck) {
        (self.realm, self.now, self.clock)
    }

    async fn whole(&self, store: &RedisStore) -> Result<Tallies, StoreError> {
        let call = Call::tally(self, &Place::whole(self.realm));
        Ok(store.run(call).await?.tallied(self)?)
    }

    async fn spread(&self, run: Run<'_>) -> Result<Tallies, StoreError> {
        run.tally(self).await
    }
}
