//! Every quota of the policy, one at a time: what shares its subject shares five an hour, whatever
//! else differs, and the next subject has five of its own.

use std::sync::Arc;
use std::time::Duration;

use otpgate::policy::{Evidence, Quota, QuotaPolicy};
use otpgate::testing::ModelStore;
use otpgate::{ClientContext, ClientIp, LimitName, Policy, RefusalReason, Sent, StepUpMeans};

use crate::step_up::Turing;
use crate::street::*;
use crate::support::{ALICE, House, german, hours, quick, seconds};

const MAX: u32 = 5;

/// A quota: how to set it, and the `n`th request of its subject 0 or 1; everything that is not the
/// subject differs from request to request.
struct Row {
    name: LimitName,
    set: fn(&mut QuotaPolicy),
    ask: fn(&Street, u32, u32) -> Ask,
}

fn five() -> Vec<Quota> {
    vec![Quota::hourly(MAX.into())]
}

const ROWS: [Row; 13] = [
    Row { name: LimitName::Number, set: |q| q.number = five(), ask: per_number },
    Row {
        name: LimitName::Number,
        // Two of seven are kept for those who proved more than a stranger.
        set: |q| q.number_total = vec![Quota::hourly(7)],
        ask: per_number_of_any_purpose,
    },
    Row { name: LimitName::Client, set: |q| q.client = five(), ask: per_client },
    Row { name: LimitName::Client, set: |q| q.client_unknown = five(), ask: per_unknown_client },
    Row { name: LimitName::Session, set: |q| q.session = five(), ask: per_session },
    Row { name: LimitName::User, set: |q| q.user = five(), ask: per_user },
    Row { name: LimitName::Device, set: |q| q.device = five(), ask: per_device },
    Row { name: LimitName::Block, set: |q| q.block = five(), ask: per_block },
    Row { name: LimitName::Country, set: |q| q.country = five(), ask: per_country },
    Row { name: LimitName::Purpose, set: |q| q.purpose = five(), ask: per_purpose },
    Row { name: LimitName::Caller, set: |q| q.caller = five(), ask: per_caller },
    Row { name: LimitName::Realm, set: |q| q.realm = five(), ask: per_realm },
    Row { name: LimitName::Global, set: |q| q.global = five(), ask: of_anyone },
];

#[tokio::test]
async fn each_quota_counts_its_own_subject_and_nothing_else() {
    for (index, row) in ROWS.iter().enumerate() {
        let what = format!("{} (row {index})", row.name);
        let street = Street::new(row.set).await;
        for n in 0..MAX {
            let sent = street.send((row.ask)(&street, 0, n)).await;
            assert!(matches!(sent, Sent::Issued(_)), "{what}, {n}: {sent:?}");
        }
        for n in MAX..MAX + 3 {
            let sent = street.send((row.ask)(&street, 0, n)).await;
            assert_eq!(refused_by(&sent), Some(row.name), "{what}, {n}: {sent:?}");
        }
        let other = street.send((row.ask)(&street, 1, 99)).await;
        let shared_by_all = row.name == LimitName::Global || index == 3;
        assert_eq!(matches!(other, Sent::Issued(_)), !shared_by_all, "{what}, another: {other:?}");
        // A window counts up to a sixtieth too long.
        street.house.clock.advance(hours(1) + seconds(61));
        let later = street.send((row.ask)(&street, 0, 100)).await;
        assert!(matches!(later, Sent::Issued(_)), "{what}, an hour later: {later:?}");
    }
}

/// A quota counts under its span. Its meter was named by its place in the list: whatever came, went or
/// moved before it began it anew, and of two gates in a roll-out each dropped what the other still counted.
#[tokio::test]
async fn a_quota_counts_on_whatever_stands_beside_it_in_the_list() {
    type Set = fn(&mut QuotaPolicy, Vec<Quota>);
    let sets: [(&str, u64, Set); 4] = [
        ("number", 2, |quotas, list| quotas.number = list),
        ("number_total", 3, |quotas, list| quotas.number_total = list), // one of three is kept
        ("client_unknown", 2, |quotas, list| quotas.client_unknown = list),
        ("country", 2, |quotas, list| quotas.country = list),
    ];
    for (what, max, set) in sets {
        let quarter = Quota { max, per: Duration::from_secs(900) };
        let (hour, day) = (Quota::hourly(max), Quota::daily(max));
        let lists = [vec![day], vec![hour, day], vec![day, hour], vec![quarter, hour, day]];
        for (before, after) in lists.iter().flat_map(|a| lists.iter().map(move |b| (a, b))) {
            let ruled = |list: &Vec<Quota>| {
                let mut policy = quick(Policy::default());
                set(&mut policy.quotas, list.clone());
                policy
            };
            let store = Arc::new(ModelStore::new());
            let old =
                House::lab_with(|builder| builder.store(Arc::clone(&store)).policy(ruled(before)));
            let new = old.beside(|builder| builder.store(store).policy(ruled(after)));
            let who = |n: u32| ClientContext::new(ClientIp::unknown(), format!("session-{n}"));
            for (n, gate) in (0..).zip([&old, &new]) {
                let sent = gate.try_send(ALICE, &who(n)).await;
                assert!(matches!(sent, Sent::Issued(_)), "{what}, {before:?}, {after:?}: {sent:?}");
                old.clock.advance(hours(2));
            }
            for (n, gate) in (2..).zip([&old, &new]) {
                let sent = gate.try_send(ALICE, &who(n)).await;
                assert!(!matches!(sent, Sent::Issued(_)), "{what}, {before:?}, {after:?}, {n}");
            }
        }
    }
}

/// Two of one span would be one meter, charged twice for each text.
#[test]
fn two_quotas_of_one_span_are_refused() {
    let mut policy = Policy::default();
    policy.quotas.user = vec![Quota::hourly(5), Quota::daily(9), Quota::hourly(5)];
    let error = policy.check().unwrap_err().to_string();
    assert!(error.starts_with("`quotas.user` is 3600s twice"), "{error}");
}

/// Clients without an address share a quota with those who proved as much, and with nobody else.
#[tokio::test]
async fn strangers_without_an_address_stop_nobody_who_passes_a_human_check() {
    let house = House::lab_with(|builder| {
        let mut policy = quick(Policy::default());
        policy.quotas.client_unknown = five();
        builder.policy(policy).human_check(Turing)
    });
    let unknown = |n: u32| ClientContext::new(ClientIp::unknown(), format!("session-{n}"));
    for n in 0..2 * MAX {
        let sent = house.try_send(&german(n.into()), &unknown(n)).await;
        assert_eq!(matches!(sent, Sent::Issued(_)), n < MAX, "{n}: {sent:?}");
    }
    for n in 20..20 + 2 * MAX {
        let who = unknown(n).human_response("yes");
        let sent = house.try_send(&german(n.into()), &who).await;
        assert_eq!(matches!(sent, Sent::Issued(_)), n < 20 + MAX, "{n}: {sent:?}");
    }
}

/// Nothing else was in the way: without any quota all of it is sent.
#[tokio::test]
async fn without_a_quota_none_of_them_is_refused() {
    for row in &ROWS {
        let street = Street::new(|_| {}).await;
        for n in 0..3 * MAX {
            let sent = street.send((row.ask)(&street, 0, n)).await;
            assert!(matches!(sent, Sent::Issued(_)), "{}, {n}: {sent:?}", row.name);
        }
    }
}

/// Unverified messages: a step-up from `soft` on, a refusal from `hard` on.
struct Bucket {
    name: LimitName,
    set: fn(&mut QuotaPolicy),
    ask: fn(&Street, u32, u32) -> Ask,
}

const BUCKETS: [Bucket; 9] = [
    Bucket {
        name: LimitName::ClientUnverified,
        set: |q| q.client_unverified = Some(EVIDENCE),
        ask: per_client,
    },
    Bucket {
        name: LimitName::NetworkUnverified,
        set: |q| q.network_unverified = Some(EVIDENCE),
        ask: per_network,
    },
    Bucket {
        name: LimitName::BlockUnverified,
        set: |q| q.block_unverified = Some(EVIDENCE),
        ask: per_block,
    },
    Bucket {
        name: LimitName::CampusUnverified,
        set: |q| q.campus_unverified = Some(EVIDENCE),
        ask: per_campus,
    },
    Bucket {
        name: LimitName::CampusUnverified,
        set: |q| q.campus_unverified = Some(EVIDENCE),
        ask: per_campus_v6,
    },
    Bucket {
        name: LimitName::ProviderUnverified,
        set: |q| q.provider_unverified = Some(EVIDENCE),
        ask: per_provider,
    },
    Bucket {
        name: LimitName::AllocationUnverified,
        set: |q| q.allocation_unverified = Some(EVIDENCE),
        ask: per_allocation,
    },
    Bucket {
        name: LimitName::AllocationUnverified,
        set: |q| q.allocation_unverified = Some(EVIDENCE),
        ask: per_allocation_v6,
    },
    Bucket {
        name: LimitName::CustomersUnverified,
        set: |q| q.customers_unverified = Some(EVIDENCE),
        ask: per_allocation,
    },
];

const EVIDENCE: Evidence = Evidence { soft: 3, hard: 6, drain: Duration::from_secs(3_600) };

#[tokio::test]
async fn unverified_messages_ask_for_more_and_then_refuse() {
    for Bucket { name, set, ask } in &BUCKETS {
        let street = Street::new(*set).await;
        for n in 0..3 {
            let sent = street.send(ask(&street, 0, n)).await;
            assert!(matches!(sent, Sent::Issued(_)), "{name}, {n}: {sent:?}");
        }
        let soft = street.send(ask(&street, 0, 3)).await;
        let Sent::StepUp(step_up) = soft else { panic!("{name}: {soft:?}") };
        assert_eq!(step_up.means(), StepUpMeans::Work { bits: 4 }, "{name}");
        assert!(matches!(step_up.reason(), RefusalReason::Limit(it) if it == name), "{name}");
        for n in 3..6 {
            let sent = street.insist(ask(&street, 0, n)).await;
            assert!(matches!(sent, Sent::Issued(_)), "{name}, {n}: {sent:?}");
        }
        let hard = street.insist(ask(&street, 0, 6)).await;
        assert_eq!(refused_by(&hard), Some(*name), "{hard:?}");
        let other = street.send(ask(&street, 1, 7)).await;
        assert!(matches!(other, Sent::Issued(_)), "{name}, another: {other:?}");
        // One is forgotten in each `drain`; the ordinary token is good again below `soft`.
        street.house.clock.advance(hours(1));
        assert!(matches!(street.insist(ask(&street, 0, 8)).await, Sent::Issued(_)), "{name}");
        assert_eq!(refused_by(&street.insist(ask(&street, 0, 9)).await), Some(*name));
        street.house.clock.advance(hours(4));
        assert!(matches!(street.send(ask(&street, 0, 10)).await, Sent::Issued(_)), "{name}");
    }
}

#[tokio::test]
async fn an_accepted_code_takes_its_message_back_out() {
    for Bucket { name, set, ask } in &BUCKETS {
        let street = Street::new(*set).await;
        for n in 0..20 {
            let ask = ask(&street, 0, n);
            let Who::Page(who) = &ask.who else { panic!("a page") };
            let who = who.clone();
            let Sent::Issued(issued) = street.send(ask).await else {
                panic!("{name}: {n} verified messages weigh nothing")
            };
            let code = street.house.last_code();
            assert!(street.house.accepts_from(issued.grant(), &code, &who).await);
        }
    }
}

fn refused_by(sent: &Sent) -> Option<LimitName> {
    match sent {
        Sent::Refused(refusal) => match refusal.reason() {
            RefusalReason::Limit(name) => Some(*name),
            _ => None,
        },
        _ => None,
    }
}
