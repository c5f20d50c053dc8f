//! What the policies of several purposes must agree on: meters that all purposes share.
//!
//! A session, a network, a country or a number's failures have one meter, whatever the purpose. Each
//! charge is judged by its own purpose's rule, so the maximum may differ; the span over which the
//! meter counts may not, or each purpose would forget what the other still counts.

use std::time::Duration;

use crate::error::ConfigError;

use super::quota::{Evidence, Quota};
use super::{FailurePolicy, Policy};

type Lane = fn(&Policy) -> &FailurePolicy;
type Quotas = fn(&Policy) -> &[Quota];
type Unverified = fn(&Policy) -> Option<Evidence>;

const LANES: [(&str, Lane); 3] = [
    ("attempts.open", |policy| &policy.attempts.open),
    ("attempts.checked", |policy| &policy.attempts.checked),
    ("attempts.proven", |policy| &policy.attempts.proven),
];

/// All quotas but `number` and `purpose`, which count each purpose apart.
const QUOTAS: [(&str, Quotas); 11] = [
    ("quotas.number_total", |policy| &policy.quotas.number_total),
    ("quotas.client", |policy| &policy.quotas.client),
    ("quotas.client_unknown", |policy| &policy.quotas.client_unknown),
    ("quotas.session", |policy| &policy.quotas.session),
    ("quotas.user", |policy| &policy.quotas.user),
    ("quotas.device", |policy| &policy.quotas.device),
    ("quotas.block", |policy| &policy.quotas.block),
    ("quotas.country", |policy| &policy.quotas.country),
    ("quotas.caller", |policy| &policy.quotas.caller),
    ("quotas.realm", |policy| &policy.quotas.realm),
    ("quotas.global", |policy| &policy.quotas.global),
];

const UNVERIFIED: [(&str, Unverified); 4] = [
    ("quotas.client_unverified", |policy| policy.quotas.client_unverified),
    ("quotas.network_unverified", |policy| policy.quotas.network_unverified),
    ("quotas.block_unverified", |policy| policy.quotas.block_unverified),
    ("attempts.client", |policy| Some(policy.attempts.client)),
];

/// Refuses policies that count on one meter and disagree about it.
pub(crate) fn agree<'a>(
    policies: impl Iterator<Item = &'a Policy> + Clone,
) -> Result<(), ConfigError> {
    let most =
        LANES.map(|(_, lane)| policies.clone().map(|policy| lane(policy).max).max().unwrap_or(0));
    let total = most.into_iter().fold(0, u64::saturating_add);
    if total > 100 {
        return Err(ConfigError::rule(
            "attempts",
            total,
            "at most 100 over the largest open, checked and proven of all purposes: a number's \
             failures are counted over all of them (NIST SP 800-63B-4 §3.2.2)",
        ));
    }
    for (field, lane) in LANES {
        same(field, policies.clone().map(|policy| Some(lane(policy).forget)))?;
    }
    for (field, quotas) in QUOTAS {
        for rank in 0..super::quota::MOST {
            same(field, policies.clone().map(|policy| quotas(policy).get(rank).map(|q| q.per)))?;
        }
    }
    for (field, unverified) in UNVERIFIED {
        same(field, policies.clone().map(|policy| unverified(policy).map(|e| e.drain)))?;
    }
    Ok(())
}

fn same(
    field: &'static str,
    spans: impl Iterator<Item = Option<Duration>>,
) -> Result<(), ConfigError> {
    let mut spans = spans.flatten();
    let Some(first) = spans.next() else { return Ok(()) };
    match spans.find(|span| *span != first) {
        None => Ok(()),
        Some(other) => Err(ConfigError::rule(
            field,
            format!("{first:?} for one purpose and {other:?} for another"),
            "of the same span for every purpose, in the same order: they share the meter, only the \
             maximum may differ",
        )),
    }
}
