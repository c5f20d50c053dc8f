//! [`Gate::entry`]: the code page, and who may see it.

use super::Gate;
use crate::base::id::Pseudonym;
use crate::base::time::Timestamp;
use crate::context::ClientContext;
use crate::error::GateError;
use crate::guarded;
use crate::limit::MeterKey;
use crate::otp::Binding;
use crate::outcome::{Entry, EntryClosed, EntryGrant, EntryView, Grant};
use crate::realm::slot;
use crate::store::{ChallengeState, Home, MeterQuery};
use crate::telemetry::Verb;

impl Gate {
    /// Whether the code-entry screen may be shown, and what is on it.
    ///
    /// # Errors
    ///
    /// [`GateError`] if the store gave no answer: show an outage, not the screen.
    pub async fn entry(
        &self,
        grant: &EntryGrant,
        client: &ClientContext,
    ) -> Result<Entry, GateError> {
        let entry = async {
            let now = self.now();
            let Some(grant) = self.read_grant(grant, client, now) else {
                return Ok(Entry::Closed(EntryClosed));
            };
            let names = self.names();
            let policy = self.inner.policy(&grant.purpose);
            let number = names.number(&grant.recipient);
            let mut query = self.inner.query(Home::of(number), now);
            query.challenges = vec![names.challenge(&grant.challenge)];
            query.meters = vec![MeterQuery {
                key: MeterKey::new(number, slot::ladder(&grant.purpose, grant.lane.index())),
                limit: policy.interval.ladder.limit(),
                cost: 1,
            }];
            let tallies = guarded::tally(&*self.inner.store, &query).await?;
            let channels = self.channel_offers(&grant, policy, now).await?;
            match tallies.challenges.first() {
                Some(ChallengeState::Live { left, expires, .. }) if *left > 0 => {
                    Ok(Entry::Open(EntryView {
                        hint: hint(&grant),
                        attempts_left: *left,
                        expires_in: expires.since(now),
                        resend_after: tallies
                            .meters
                            .first()
                            .map(|meter| meter.retry_after)
                            .unwrap_or_default(),
                        channels,
                    }))
                }
                _ => Ok(Entry::Closed(EntryClosed)),
            }
        };
        self.told(self.span(Verb::Entry).over(entry).await)
    }

    /// The grant, if it is this realm's, open, and held by the client it was given to.
    pub(super) fn read_grant(
        &self,
        text: &EntryGrant,
        client: &ClientContext,
        now: Timestamp,
    ) -> Option<Grant> {
        let grant = Grant::open(text, &self.inner.keys, self.realm.name(), now)?;
        let session = self.names().session(client.session());
        let same = grant.session == Pseudonym::default() || grant.session == session;
        same.then_some(grant)
    }

    /// [`read_grant`](Self::read_grant), if it is also bound to this transaction.
    pub(super) fn open_grant(
        &self,
        text: &EntryGrant,
        binding: &Binding,
        client: &ClientContext,
        now: Timestamp,
    ) -> Option<Grant> {
        let grant = self.read_grant(text, client, now)?;
        (grant.binding == self.inner.binding_tag(binding)).then_some(grant)
    }
}

pub(super) fn hint(grant: &Grant) -> String {
    let number = grant.recipient.expose_e164();
    let text = number.as_str();
    let tail = text.len().saturating_sub(2);
    format!(
        "+{} … {}",
        grant.recipient.calling_code().value(),
        text.get(tail..).unwrap_or_default()
    )
}
