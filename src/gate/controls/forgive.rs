//! What an operator lets a number, an account or this host's clock off.

use crate::access::{Actor, Reason};
use crate::base::id::Pseudonym;
use crate::error::GateError;
use crate::gate::receipts::fault::Call;
use crate::guarded;
use crate::limit::{Limit, MeterKey};
use crate::outcome::Lane;
#[cfg(feature = "totp")]
use crate::realm::slot;
use crate::recipient::Recipient;
use crate::store::{ClockCheck, Home, Refund};

use super::{Controls, ControlsError};

impl Controls<'_> {
    /// Forgets the wrong codes counted against a number, in every lane: for an owner at the help desk
    /// whom a stranger locked out, once the desk knows who is asking.
    ///
    /// # Errors
    ///
    /// [`ControlsError::Gate`] if the store gave no answer.
    ///
    /// ```
    /// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
    /// # shop::open(async |shop| {
    /// # let grant = shop.grant().await;
    /// # let shop::Shop { gate, client, recipient, .. } = shop;
    /// use otpgate::access::{Actor, Reason};
    ///
    /// let (why, desk) = (Reason::new("passport seen, ticket 4712")?, Actor::new("ada, help desk")?);
    /// gate.controls().forgive(&recipient, &why, &desk).await?;
    /// # Ok(())
    /// # });
    /// ```
    pub async fn forgive(
        &self,
        recipient: &Recipient,
        reason: &Reason,
        actor: &Actor,
    ) -> Result<(), ControlsError> {
        let number = self.gate.names().number(recipient);
        let attempts = &self.gate.inner.policy.attempts;
        let lane =
            |lane: &Lane| (MeterKey::new(number, lane.counted()), lane.failures(attempts).limit());
        self.give_back_failures(number, Lane::ALL.iter().map(lane)).await?;
        let change = format!("failures of {recipient:?} forgiven: {}", reason.as_str());
        self.announce(actor.as_str(), change);
        Ok(())
    }

    /// Forgets what providers reported about a number, so that it gets a text again: for an owner whose
    /// number is back in service, or who opted in again. If the provider still says the same, the next
    /// text tells.
    ///
    /// # Errors
    ///
    /// [`ControlsError::Gate`] if the store gave no answer.
    ///
    /// ```
    /// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
    /// # shop::open(async |shop::Shop { gate, recipient, .. }| {
    /// use otpgate::access::{Actor, Reason};
    ///
    /// let (why, ada) = (Reason::new("texted START, ticket 4713")?, Actor::new("ada")?);
    /// gate.controls().forget_faults(&recipient, &why, &ada).await?;
    /// # Ok(())
    /// # });
    /// ```
    pub async fn forget_faults(
        &self,
        recipient: &Recipient,
        reason: &Reason,
        actor: &Actor,
    ) -> Result<(), ControlsError> {
        self.gate.forget_faults(recipient, self.gate.now(), Call::Once).await?;
        let change = format!("reports about {recipient:?} forgotten: {}", reason.as_str());
        self.announce(actor.as_str(), change);
        Ok(())
    }

    /// Forgets the wrong authenticator codes counted against an account, as
    /// [`forgive`](Self::forgive) does for a number. `user` is the account's identifier at the host.
    ///
    /// # Errors
    ///
    /// [`ControlsError::Gate`] if the store gave no answer.
    #[cfg(feature = "totp")]
    pub async fn forgive_authenticator(
        &self,
        user: &str,
        reason: &Reason,
        actor: &Actor,
    ) -> Result<(), ControlsError> {
        let user = self.gate.names().user(user);
        let account = MeterKey::new(user, slot::AUTHENTICATOR);
        let meter = (account, self.gate.inner.policy.attempts.authenticator.limit());
        self.give_back_failures(user, std::iter::once(meter)).await?;
        let what = "failures of an account's authenticator forgiven";
        self.announce(actor.as_str(), format!("{what}: {}", reason.as_str()));
        Ok(())
    }

    /// Vouches for this host's clock after a pause, or after a step that was right. A store inside
    /// this process then takes the wall clock anew, for all realms, whichever realm's controls these are.
    /// Other gates' clocks and a server's are not touched, and the bound still holds for this host's clock.
    ///
    /// Look at the clock before you call this, because every limit's span is measured by it, in all realms. Told
    /// to the observer as [`EventKind::ControlsChanged`](crate::EventKind::ControlsChanged).
    ///
    /// ```
    /// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
    /// # shop::open(async |shop::Shop { gate, client, clock, .. }| {
    /// use std::time::Duration;
    /// use otpgate::access::{Actor, Reason};
    /// use otpgate::{Clock, GateErrorKind};
    ///
    /// clock.set_wall(clock.now() + Duration::from_secs(90_000)); // the machine slept for 25 hours
    /// let error = gate.controls().list().await.unwrap_err();
    /// assert!(error.to_string().contains("clock"), "{error}");
    ///
    /// let reason = Reason::new("laptop slept, chronyc says 3 ms")?;
    /// gate.controls().trust_clock(&reason, &Actor::new("ada")?).await?;
    /// assert!(gate.controls().list().await.is_ok());
    /// # Ok(())
    /// # });
    /// ```
    ///
    /// # Errors
    ///
    /// [`ControlsError::Gate`] if the store gave no answer, or has a server's clock and this host's is
    /// too far from it.
    pub async fn trust_clock(&self, reason: &Reason, actor: &Actor) -> Result<(), ControlsError> {
        let gate = self.gate;
        gate.relearn_clock();
        let now = gate.now();
        let home = Home::NOBODY;
        let mut admission = gate.inner.admission(home, now).map_err(GateError::from)?;
        admission.clock = match gate.inner.clock_check.skew() {
            Some(skew) => ClockCheck::Set(skew),
            None => ClockCheck::Unchecked,
        };
        let _granted = guarded::admit(&*gate.inner.store, &admission).await?;
        self.announce(actor.as_str(), format!("clock vouched for: {}", reason.as_str()));
        Ok(())
    }

    async fn give_back_failures(
        &self,
        whose: Pseudonym,
        meters: impl Iterator<Item = (MeterKey, Limit)>,
    ) -> Result<(), ControlsError> {
        let gate = self.gate;
        let now = gate.now();
        let admission = gate.inner.admission(Home::of(whose), now).map_err(GateError::from)?;
        let _granted = guarded::admit(&*gate.inner.store, &admission).await?;
        let all = |(key, limit)| Refund { key, limit, cost: 100, charged: now, waiver: None };
        let refunds = meters.map(all).collect();
        gate.inner.give_back(admission.id, admission.home, refunds, None).await?;
        Ok(())
    }
}
