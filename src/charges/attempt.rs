//! What an attempt at a code is charged, and what changes with it if the code is right.

use std::time::Duration;

use crate::base::id::Pseudonym;
use crate::base::time::Timestamp;
use crate::context::ClientContext;
use crate::limit::{Limit, MeterKey};
use crate::outcome::{Grant, Lane};
use crate::policy::{AttemptPolicy, Policy};
use crate::realm::{Names, slot};
use crate::store::{Charge, Mark, Redemption};

use super::credits::{credits, customers, of_client};
use super::fault;

/// A number counts as known from three days after its first verification: a pumped number that
/// was verified once is not yet a customer.
const KNOWN_AFTER: Duration = Duration::from_secs(72 * 3_600);

/// Until 90 days after its last verification: carriers give numbers away again after 45 to 90
/// (Lee and Narayanan 2021).
const KNOWN_FOR: Duration = Duration::from_secs(90 * 86_400);

/// What an attempt costs the client, whatever the challenge.
///
/// Anybody can make up grants, from any address that others use too. So they fill a meter of
/// their own, and no genuine grant is judged by it: a genuine one is charged to its session's
/// share of the address, which nobody else can fill. A device proof is of this number and a
/// caller's signature is the host's, so their lanes pass the address altogether. A human check
/// does not: it says nothing of the number, and solvers sell it.
pub(crate) fn by_client(
    names: &Names<'_>,
    grant: Option<&Grant>,
    client: &ClientContext,
    attempts: &AttemptPolicy,
) -> Option<Charge> {
    let (share, limit) = session_share(names, client, attempts);
    let key = match grant.map(|grant| grant.lane) {
        None => {
            let network = client.ip().prefix().to_bytes();
            MeterKey::new(names.client(&network), slot::GARBAGE)
        }
        Some(Lane::Open | Lane::Checked) => share,
        Some(Lane::Proven | Lane::Caller) => return None,
    };
    Some(Charge::new(key, limit, 1))
}

/// The attempts of one session at one client network.
pub(crate) fn session_share(
    names: &Names<'_>,
    client: &ClientContext,
    attempts: &AttemptPolicy,
) -> (MeterKey, Limit) {
    let share = names.session_at(client.ip().prefix(), client.session());
    (MeterKey::new(share, slot::SHARE), attempts.client.limit(attempts.client.hard))
}

/// Charges the number's lane, and says what a right code resets, gives back and proves.
pub(crate) fn on_number(
    redemption: &mut Redemption,
    names: &Names<'_>,
    grant: &Grant,
    number: Pseudonym,
    policy: &Policy,
    now: Timestamp,
) {
    let lane = MeterKey::new(number, grant.lane.counted());
    let limit = grant.lane.failures(&policy.attempts).limit();
    redemption.subject_charges.push(Charge::new(lane, limit, 1));
    // A success by any lane proves the owner: strangers' failures are forgiven with it.
    redemption.reset.extend(Lane::ALL.map(|lane| MeterKey::new(number, lane.counted())));
    redemption.reset.extend(fault::disproved(number));
    if grant.test.is_some() {
        // It proves nobody's number and paid for no text: its client gets back what it cost him.
        redemption.credits.extend(of_client(policy, grant.client, 1));
        return;
    }
    redemption.credits.extend(credits(
        policy,
        grant.client,
        grant.block,
        names.whole(),
        grant.price,
    ));
    redemption.marks.push(Mark {
        key: MeterKey::new(number, slot::KNOWN),
        from: now + KNOWN_AFTER,
        until: now + KNOWN_FOR,
    });
    redemption.marks.extend(customers(policy, grant.client, number, now));
}
