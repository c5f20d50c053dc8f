//! What more a client must do because its network hides who it is.

use crate::access::{AnonymiserKinds, ListVerdict, Query};
use crate::base::id::Pseudonym;
use crate::base::time::Timestamp;
use crate::context::{ClientContext, Purpose};
use crate::event::EventKind;
use crate::outcome::{Caution, RefusalReason};
use crate::policy::{AnonymiserTier, Mode};
use crate::recipient::Recipient;

use super::Gate;

impl Gate {
    /// What is asked of `client` beyond the ordinary. In shadow mode what would be is told, and only
    /// limits count it, which refuse nothing then.
    pub(super) fn caution(
        &self,
        client: &ClientContext,
        recipient: &Recipient,
        number: Pseudonym,
        purpose: &Purpose,
        now: Timestamp,
    ) -> Option<Caution> {
        let kinds = client.anonymisers().union(self.inner.anonymisers.kinds(client.ip()));
        if kinds == AnonymiserKinds::NONE {
            return None;
        }
        let policy = self.inner.policy(purpose);
        let (tier, kind) = policy.anonymisers.strictest(kinds)?;
        let caution = Caution { tier, kind };
        if self.vouched(client, recipient, number, purpose, now) {
            return None;
        }
        let observed = policy.mode.of(purpose, recipient.line_region()) == Mode::Observe;
        if observed && tier > AnonymiserTier::Fewer {
            let told = EventKind::WouldRefuse { reason: caution.reason() };
            self.tell(&self.event_of(now, purpose, recipient, number, told));
            return Some(Caution { tier: AnonymiserTier::Fewer, kind });
        }
        Some(caution)
    }

    /// Tells the observer of a step-up that `caution` asks for, and gives its reason.
    pub(super) fn cautious(
        &self,
        caution: Caution,
        recipient: &Recipient,
        number: Pseudonym,
        purpose: &Purpose,
        now: Timestamp,
    ) -> RefusalReason {
        self.asked_more(caution.reason(), recipient, number, purpose, now)
    }

    /// Tells the observer of a step-up that is asked before a send is decided; its reason.
    pub(super) fn asked_more(
        &self,
        reason: RefusalReason,
        recipient: &Recipient,
        number: Pseudonym,
        purpose: &Purpose,
        now: Timestamp,
    ) -> RefusalReason {
        let kind = EventKind::StepUpAsked { reason: reason.clone() };
        self.tell(&self.event_of(now, purpose, recipient, number, kind));
        reason
    }

    /// Whether an operator allows the client's network or account. An entry for the number counts
    /// only where it may be seen.
    fn vouched(
        &self,
        client: &ClientContext,
        recipient: &Recipient,
        number: Pseudonym,
        purpose: &Purpose,
        now: Timestamp,
    ) -> bool {
        let query = Query {
            recipient,
            number,
            client: *client.ip(),
            user: client.user_id().map(|user| self.names().user(user)),
            purpose: purpose.as_str(),
            now,
        };
        let seen = self.realm.controls.seen();
        let ruling = seen.book.decide(&query);
        let quiet = self.inner.policy(purpose).mode.quiet;
        let verdict = if quiet { ruling.unnamed } else { ruling.verdict };
        matches!(verdict, ListVerdict::Allowed(_))
    }
}
