//! What an accepted code gives back, and what it says of the networks it came from.

use std::time::Duration;

use crate::base::id::Pseudonym;
use crate::base::money::Money;
use crate::base::time::Timestamp;
use crate::limit::MeterKey;
use crate::policy::{BudgetPolicy, Evidence, Policy};
use crate::store::{Credit, Mark};

use super::meters::Rung;

use crate::outcome::Networks;
use crate::realm::slot;

/// How long after a customer's code a network counts as one with customers: what an attacker verifies
/// today opens nothing today.
const CUSTOMERS_AFTER: Duration = Duration::from_secs(86_400);
/// How long a network counts so after the last such code.
const CUSTOMERS_FOR: Duration = Duration::from_secs(90 * 86_400);

/// What an accepted code gives back, given whose meters the send ran on. `price` is that of its
/// first text, the only one of its texts that counts in full before the code does.
pub(super) fn credits(
    policy: &Policy,
    client: Option<Networks>,
    block: Option<Pseudonym>,
    realm: Pseudonym,
    price: Money,
) -> impl Iterator<Item = Credit> {
    let of_block = block.zip(policy.quotas.block_unverified).map(|(block, evidence)| {
        let (key, limit) = (MeterKey::new(block, slot::UNVERIFIED), evidence.limit(evidence.hard));
        Credit { key, limit, amount: Evidence::CREDIT }
    });
    let of_realm = policy.budget.unverified.map(|amount| Credit {
        key: MeterKey::new(realm, slot::MONEY_UNVERIFIED),
        limit: BudgetPolicy::unverified_limit(amount),
        amount: price.as_microdollars(),
    });
    of_client(policy, client, Evidence::CREDIT).chain(of_block).chain(of_realm)
}

/// `amount` messages given back to each limit on the unverified ones of a client's networks.
pub(super) fn of_client(
    policy: &Policy,
    client: Option<Networks>,
    amount: u64,
) -> impl Iterator<Item = Credit> {
    let quotas = &policy.quotas;
    let unverified = |subject| MeterKey::new(subject, slot::UNVERIFIED);
    let own = client.map(|networks| (unverified(networks.own), quotas.client_unverified));
    let rungs = client.into_iter().flat_map(|networks| networks.rungs());
    (own.into_iter())
        .chain(rungs.map(|(rung, place)| (place.unverified(), rung.limit(quotas).0)))
        .chain(client.map(|networks| (networks.at_most(), quotas.customers_unverified)))
        .filter_map(move |(key, evidence)| {
            let evidence = evidence?;
            Some(Credit { key, limit: evidence.limit(evidence.hard), amount })
        })
}

/// The marks that an accepted code of `number` leaves on the networks above its site, where those are
/// limited.
///
/// One number in sixteen leaves them, by its keyed pseudonym. So it takes about sixteen people,
/// nobody outside can pick them, and a network needs one mark and no counter.
pub(super) fn customers(
    policy: &Policy,
    client: Option<Networks>,
    number: Pseudonym,
    now: Timestamp,
) -> impl Iterator<Item = Mark> {
    let speaks = number.as_bytes().last().is_some_and(|byte| byte & 0x0F == 0);
    let limited = |rung: Rung| rung.is_lifted() && rung.limit(&policy.quotas).0.is_some();
    let rungs = client.filter(|_| speaks).into_iter().flat_map(|networks| networks.rungs());
    let noted = rungs.filter(move |(rung, _)| limited(*rung));
    noted.map(move |(_, place)| Mark {
        key: place.customers(),
        from: now + CUSTOMERS_AFTER,
        until: now + CUSTOMERS_FOR,
    })
}
