//! What an accepted code gives back.

use crate::base::id::Pseudonym;
use crate::base::money::Money;
use crate::gate::names::slot;
use crate::limit::MeterKey;
use crate::policy::{BudgetPolicy, Evidence, Policy};
use crate::store::Credit;

/// What an accepted code gives back, given whose meters the send ran on.
pub(crate) fn credits(
    policy: &Policy,
    client: Option<(Pseudonym, Pseudonym)>,
    block: Option<Pseudonym>,
    realm: Pseudonym,
    price: Money,
) -> Vec<Credit> {
    let quotas = &policy.quotas;
    let (own, wider) = client.unzip();
    let evidence = [
        (own, quotas.client_unverified),
        (wider, quotas.network_unverified),
        (block, quotas.block_unverified),
    ];
    let mut credits: Vec<Credit> = evidence
        .into_iter()
        .filter_map(|(subject, evidence)| {
            let (subject, evidence) = subject.zip(evidence)?;
            let key = MeterKey::new(subject, slot::UNVERIFIED);
            Some(Credit { key, limit: evidence.limit(evidence.hard), amount: Evidence::CREDIT })
        })
        .collect();
    if let Some(amount) = policy.budget.unverified {
        credits.push(Credit {
            key: MeterKey::new(realm, slot::MONEY_UNVERIFIED),
            limit: BudgetPolicy::unverified_limit(amount),
            amount: price.as_microdollars(),
        });
    }
    credits
}
