//! What the policies of several purposes must agree on: meters that all purposes share.
//!
//! A session, a network, a country or a number's failures have one meter, whatever the purpose. Each
//! charge is judged by its own purpose's rule, so the maximum may differ; the span over which the
//! meter counts may not, or each purpose would forget what the other still counts, or, where the span
//! names the meter (quotas), not count it at all.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::context::Purpose;
use crate::error::ConfigError;

use super::quota::{Evidence, Quota};
use super::{AttemptPolicy, Policy};

type Quotas = fn(&Policy) -> &[Quota];
type Unverified = fn(&Policy) -> Option<Evidence>;

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

const UNVERIFIED: [(&str, Unverified); 8] = [
    ("quotas.client_unverified", |policy| policy.quotas.client_unverified),
    ("quotas.network_unverified", |policy| policy.quotas.network_unverified),
    ("quotas.campus_unverified", |policy| policy.quotas.campus_unverified),
    ("quotas.provider_unverified", |policy| policy.quotas.provider_unverified),
    ("quotas.allocation_unverified", |policy| policy.quotas.allocation_unverified),
    ("quotas.customers_unverified", |policy| policy.quotas.customers_unverified),
    ("quotas.block_unverified", |policy| policy.quotas.block_unverified),
    ("attempts.client", |policy| Some(policy.attempts.client)),
];

/// Refuses policies that count on one meter and disagree about it.
pub(crate) fn agree<'a>(
    policies: impl Iterator<Item = &'a Policy> + Clone,
) -> Result<(), ConfigError> {
    let shares = AttemptPolicy::SHARES;
    let most = shares.map(|(_, share)| {
        policies.clone().map(|policy| share(&policy.attempts).max).max().unwrap_or(0)
    });
    let total = most.into_iter().fold(0, u64::saturating_add);
    if total > AttemptPolicy::MOST {
        return Err(ConfigError::rule(
            "attempts",
            total,
            "at most 100 over the largest open, checked, proven, caller and authenticator of all \
             purposes: an account's failures are counted over all of them (NIST SP 800-63B-4 \
             §3.2.2)",
        ));
    }
    let purses = policies.clone().map(|policy| policy.budget.global.is_some());
    if purses.clone().any(|given| given) && !purses.clone().all(|given| given) {
        return Err(ConfigError::rule(
            "budget.global",
            "given for one purpose and not for another",
            "given for every purpose or for none: texts of a purpose without it would be spent beside it; \
             the maximum may differ",
        ));
    }
    for (field, share) in shares {
        same(field, policies.clone().map(|policy| Some(share(&policy.attempts).forget)))?;
    }
    for (field, quotas) in QUOTAS {
        let spans = |policy| quotas(policy).iter().map(|quota| quota.per);
        let longest = policies.clone().max_by_key(|policy| quotas(policy).len());
        let all: Vec<Duration> = longest.into_iter().flat_map(spans).collect();
        if let Some(other) = policies.clone().flat_map(spans).find(|span| !all.contains(span)) {
            return Err(ConfigError::rule(
                field,
                format!("{all:?} for one purpose and {other:?} for another"),
                "of spans that the longest of the purposes' lists has as well: the span names the meter, \
                 and what another counts is not counted here",
            ));
        }
    }
    for (field, unverified) in UNVERIFIED {
        same(field, policies.clone().map(|policy| unverified(policy).map(|e| e.drain)))?;
    }
    Ok(())
}

/// Refuses a purpose that would spend beside a budget of the general policy: one that all purposes' texts
/// count on, and that its own policy leaves out.
pub(crate) fn beside_nothing(
    general: &Policy,
    by_purpose: &BTreeMap<Purpose, Policy>,
) -> Result<(), ConfigError> {
    for (purpose, policy) in by_purpose {
        let (all, own) = (&general.budget, &policy.budget);
        let named = all.countries.keys().find(|region| own.for_country(Some(**region)).is_none());
        let left_out = [
            ("budget.block", all.block.is_some() && own.block.is_none()),
            ("budget.unverified", all.unverified.is_some() && own.unverified.is_none()),
            ("budget.country", all.country.is_some() && own.country.is_none()),
            ("budget.countries", named.is_some()),
        ];
        if let Some((field, _)) = left_out.iter().find(|(_, left_out)| *left_out) {
            let region = named.filter(|_| *field == "budget.countries");
            let region = region.map(|region| format!(" for {region}")).unwrap_or_default();
            return Err(ConfigError::rule(
                field,
                format!("left out{region} by the policy of purpose `{purpose}`"),
                "given by each purpose's policy if the general one has it: other texts would be spent beside \
                 it; copy it from the policy that `GateBuilder::policy` got, the maximum may differ",
            ));
        }
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
            "of the same span for every purpose: they share the meter, only the maximum may differ",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The presets, and the default with its hundred split in every way in steps of 19.
    fn policies() -> Vec<Policy> {
        let mut policies = vec![Policy::nist_63b4(), Policy::asvs_l2(), Policy::psd2()];
        let sizes = [1, 20, 39, 58, 77, 96];
        for split in 0..6_usize.pow(5) {
            let mut policy = Policy::default();
            let attempts = &mut policy.attempts;
            let mut rest = split;
            for share in [
                &mut attempts.open,
                &mut attempts.checked,
                &mut attempts.proven,
                &mut attempts.caller,
                &mut attempts.authenticator,
            ] {
                (share.max, share.pause_after) = (sizes[rest % 6], 1);
                rest /= 6;
            }
            let all = AttemptPolicy::SHARES.map(|(_, share)| share(&policy.attempts).max);
            assert_eq!(policy.check().is_ok(), all.iter().sum::<u64>() <= 100, "{all:?}");
            if policy.check().is_ok() {
                policies.push(policy);
            }
        }
        policies
    }

    /// Whatever passes, alone or for several purposes at once, lets nobody fail on one account more
    /// than a hundred times in a row: a share's meter is judged by the largest of its purposes.
    #[test]
    fn no_mix_of_purposes_exceeds_the_hundred() {
        let policies = policies();
        assert!(policies.len() > 100, "{}", policies.len());
        let (mut agreed, mut refused) = (0, 0);
        for (index, one) in policies.iter().enumerate() {
            for other in &policies[index..] {
                for third in [one, other, &policies[(index * 7 + 3) % policies.len()]] {
                    let mix = [one, other, third];
                    let most: u64 = AttemptPolicy::SHARES
                        .map(|(_, share)| mix.map(|it| share(&it.attempts).max))
                        .into_iter()
                        .filter_map(|all| all.into_iter().max())
                        .sum();
                    let answer = agree(mix.into_iter());
                    assert_eq!(answer.is_ok(), most <= 100, "{most}");
                    if most <= 100 { agreed += 1 } else { refused += 1 }
                }
            }
        }
        assert!(agreed > 100 && refused > 100, "{agreed} and {refused}");
    }

    /// A purpose may have a quota more than another, wherever it stands in its list.
    #[test]
    fn quotas_agree_by_their_spans_and_not_by_their_places() {
        let hours = |hours: &[u64]| {
            let mut policy = Policy::default();
            let quota = |hours: &u64| Quota { max: 5, per: Duration::from_secs(hours * 3_600) };
            policy.quotas.user = hours.iter().map(quota).collect();
            policy
        };
        let all = |lists: &[&[u64]]| {
            let policies: Vec<Policy> = lists.iter().map(|list| hours(list)).collect();
            agree(policies.iter())
        };
        assert!(all(&[&[1, 24], &[2, 1, 24], &[24, 2], &[]]).is_ok());
        let error = all(&[&[1, 24], &[2]]).unwrap_err().to_string();
        assert!(error.contains("quotas.user"), "{error}");
        assert!(all(&[&[1, 24, 2], &[24, 3]]).is_err());
    }
}
