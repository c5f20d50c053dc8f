//! A policy or a gate that contradicts itself is refused, by name.

use std::time::Duration;

use otpgate::access::DestinationPolicy;
use otpgate::policy::{AskNetwork, Evidence, FailurePolicy, Quota};
use otpgate::pumping::{Costs, PriceTable, Tuning};
use otpgate::testing::{FailingEntropy, ModelStore, ScriptedTransport};
use otpgate::{
    Channel, ConfigError, FallbackChannel, Gate, GateBuilder, KeyId, KeyRing, Money, Policy,
    Purpose, Region,
};

use crate::support::{days, hours, keys, message, minutes, pepper, seconds};

type Change = fn(&mut Policy);

/// Each rule of `Policy::check`, the change that breaks it, and the field that must be named.
const BROKEN: &[(&str, Change)] = &[
    ("code.life", |p| p.code.life = seconds(29)),
    ("code.life", |p| p.code.life = seconds(601)),
    ("code.life", |p| p.code.life = Duration::ZERO),
    ("code.open", |p| p.code.open = p.code.life - seconds(1)),
    ("code.open", |p| p.code.open = minutes(31)),
    ("code.attempts", |p| p.code.attempts = 0),
    ("code.attempts", |p| p.code.attempts = 11),
    ("token.step_up_work", |p| p.token.step_up_work = p.token.work),
    ("interval.ladder", |p| p.interval.ladder.first = Duration::from_millis(999)),
    ("interval.ladder", |p| p.interval.ladder.longest = seconds(29)),
    ("interval.ladder", |p| p.interval.ladder.forget = seconds(599)),
    ("quotas.number", |p| p.quotas.number = vec![Quota::hourly(0)]),
    ("quotas.number", |p| p.quotas.number = vec![Quota::hourly(1); 5]),
    ("quotas.number", |p| p.quotas.number = vec![Quota { max: 1, per: Duration::ZERO }]),
    ("quotas.number", |p| p.quotas.number = vec![Quota { max: 1, per: minutes(60 * 24 * 32) }]),
    ("quotas.number", |p| {
        p.quotas.number = vec![Quota { max: 1, per: days(31) + Duration::from_millis(1) }];
    }),
    ("quotas.number", |p| p.quotas.number = vec![Quota::hourly(9), Quota::daily(8)]),
    ("quotas.number_total", |p| p.quotas.number_total = vec![Quota::daily(0)]),
    ("quotas.client", |p| p.quotas.client = vec![Quota::daily(0)]),
    ("quotas.client_unknown", |p| p.quotas.client_unknown = vec![Quota::daily(0)]),
    ("quotas.session", |p| p.quotas.session = vec![Quota::daily(0)]),
    ("quotas.user", |p| p.quotas.user = vec![Quota::daily(0)]),
    ("quotas.device", |p| p.quotas.device = vec![Quota::daily(0)]),
    ("quotas.block", |p| p.quotas.block = vec![Quota::daily(0)]),
    ("quotas.country", |p| p.quotas.country = vec![Quota::daily(0)]),
    ("quotas.purpose", |p| p.quotas.purpose = vec![Quota::daily(0)]),
    ("quotas.caller", |p| p.quotas.caller = vec![Quota::daily(0)]),
    ("quotas.realm", |p| p.quotas.realm = vec![Quota::daily(0)]),
    ("quotas.global", |p| p.quotas.global = vec![Quota::daily(0)]),
    ("quotas.client_unverified", |p| {
        p.quotas.client_unverified = Some(Evidence { soft: 0, hard: 1, drain: seconds(1) });
    }),
    ("quotas.network_unverified", |p| {
        p.quotas.network_unverified = Some(Evidence { soft: 2, hard: 1, drain: seconds(1) });
    }),
    ("quotas.campus_unverified", |p| {
        p.quotas.campus_unverified = Some(Evidence { soft: 2, hard: 1, drain: seconds(1) });
    }),
    ("quotas.provider_unverified", |p| {
        p.quotas.provider_unverified = Some(Evidence { soft: 0, hard: 1, drain: seconds(1) });
    }),
    ("quotas.allocation_unverified", |p| {
        p.quotas.allocation_unverified = Some(Evidence { soft: 1, hard: 1, drain: Duration::ZERO });
    }),
    ("quotas.customers_unverified", |p| {
        p.quotas.customers_unverified = Some(Evidence { soft: 2, hard: 1, drain: seconds(1) });
    }),
    ("quotas.block_unverified", |p| {
        p.quotas.block_unverified = Some(Evidence { soft: 1, hard: 1, drain: Duration::ZERO });
    }),
    ("attempts", |p| p.attempts.open.max = 21),
    ("attempts", |p| p.attempts.open.max = u64::MAX),
    ("attempts.open", |p| p.attempts.open.max = 0),
    ("attempts.open", |p| p.attempts.open.pause_after = 0),
    ("attempts.open", |p| p.attempts.open.pause_after = 21),
    ("attempts.checked", |p| p.attempts.checked.max = 0),
    ("attempts.proven", |p| p.attempts.proven.longest = seconds(1)),
    ("attempts.proven", |p| p.attempts.proven.forget = seconds(1)),
    ("attempts.open", |p| {
        let lane = &mut p.attempts.open;
        (lane.pause, lane.longest, lane.forget) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
    }),
    ("attempts.checked", |p| {
        let lane = &mut p.attempts.checked;
        (lane.longest, lane.forget) = (minutes(1), days(1) - seconds(1));
    }),
    ("attempts.caller", |p| p.attempts.caller.max = 0),
    ("attempts.authenticator", |p| p.attempts.authenticator.pause_after = 0),
    ("attempts", |p| p.attempts.caller.max = 21),
    ("attempts", |p| p.attempts.authenticator.max = 21),
    ("attempts.spray_alarm", |p| p.attempts.spray_alarm = 0),
    ("attempts.client", |p| p.attempts.client.hard = 0),
    ("attempts.client", |p| p.attempts.client.drain = Duration::ZERO),
    ("attempts.client", |p| p.attempts.client.drain = Duration::MAX),
    ("attempts.client", |p| p.attempts.client.hard = u64::MAX),
    ("quotas.client_unverified", |p| {
        p.quotas.client_unverified = Some(Evidence { soft: 1, hard: 2, drain: days(32) });
    }),
    ("quotas.block_unverified", |p| {
        let drain = days(31);
        p.quotas.block_unverified = Some(Evidence { soft: 1, hard: 1 << 53, drain });
    }),
    ("anonymisers.unverified_percent", |p| p.anonymisers.unverified_percent = 0),
    ("anonymisers.unverified_percent", |p| p.anonymisers.unverified_percent = 101),
    ("signals.sim_swap", |p| p.signals.sim_swap = seconds(3_599)),
    ("signals.sim_swap", |p| p.signals.sim_swap = minutes(60 * 24 * 100 + 1)),
    ("signals.sim_swap_life", |p| p.signals.sim_swap_life = p.signals.sim_swap + seconds(1)),
    ("signals.line_life", |p| p.signals.line_life = minutes(60 * 24 * 90 + 1)),
    ("budget.soft_percent", |p| p.budget.soft_percent = 0),
    ("budget.soft_percent", |p| p.budget.soft_percent = 101),
    ("budget.message", |p| p.budget.message = Money::ZERO),
    ("budget", |p| p.budget.purpose = Some(Money::cents(49))),
    ("budget", |p| p.budget.country = Some(Money::cents(49))),
    ("budget", |p| p.budget.block = Some(Money::cents(49))),
    ("budget", |p| p.budget.global = Some(Money::cents(49))),
    ("budget", |p| p.budget.unverified = Some(Money::cents(49))),
    ("budget", |p| {
        p.budget.countries.insert("DE".parse().unwrap(), Money::ZERO);
    }),
    ("budget", |p| {
        p.signals.ask = AskNetwork::Always;
        p.budget.country = Some(p.budget.message + p.signals.price - Money::microdollars(1));
    }),
];

#[test]
fn each_rule_names_its_field_and_says_what_it_must_be() {
    for (field, change) in BROKEN {
        let mut policy = Policy::default();
        change(&mut policy);
        let error = policy.check().expect_err(field);
        let ConfigError::Rule { field: named, value, rule } = &error else { panic!("{error}") };
        assert_eq!(named, field, "{error}");
        assert!(!value.is_empty() && !rule.is_empty());
        assert!(error.to_string().contains("must be"), "{error}");
        // And a gate is not built from it, whichever purpose it is for.
        for build in [parts().policy(policy.clone()), parts().purpose(Purpose::LOG_IN, policy)] {
            assert_eq!(build.build().unwrap_err().to_string(), error.to_string());
        }
    }
}

#[test]
fn the_values_at_the_edges_are_allowed() {
    for change in [
        |p: &mut Policy| p.code.life = seconds(30),
        |p: &mut Policy| p.code.life = seconds(600),
        |p: &mut Policy| (p.code.life, p.code.open) = (seconds(600), seconds(600)),
        |p: &mut Policy| p.code.open = minutes(30),
        |p: &mut Policy| p.code.attempts = 1,
        |p: &mut Policy| p.code.attempts = 10,
        |p: &mut Policy| p.budget.soft_percent = 100,
        |p: &mut Policy| p.budget.purpose = Some(Money::cents(50)),
        |p: &mut Policy| {
            p.quotas.number = [1, 2, 3, 4].map(|d| Quota { max: 1, per: days(d) }).into()
        },
        |p: &mut Policy| p.quotas.session = Vec::new(),
        |p: &mut Policy| p.attempts.open.pause_after = 20,
        |p: &mut Policy| (p.attempts.open.longest, p.attempts.open.forget) = (days(1), days(1)),
        |p: &mut Policy| p.quotas.number = vec![Quota { max: 1, per: days(31) }],
        |p: &mut Policy| {
            p.signals.ask = AskNetwork::Always;
            p.budget.country = Some(p.budget.message + p.signals.price);
            p.budget.unverified = Some(p.budget.message); // look-ups do not count there
        },
    ] as [Change; 14]
    {
        let mut policy = Policy::default();
        change(&mut policy);
        policy.check().unwrap();
    }
}

pub(crate) fn parts() -> GateBuilder {
    Gate::builder()
        .keys(keys())
        .store(ModelStore::new())
        .transport(ScriptedTransport::new().0)
        .message(message())
        .countries(Region::all())
        .daily_budget(Money::dollars(10))
}

fn parts_without_countries() -> GateBuilder {
    let (transport, _) = ScriptedTransport::new();
    let parts = Gate::builder().keys(keys()).store(ModelStore::new()).transport(transport);
    parts.daily_budget(Money::dollars(50))
}

fn named(build: GateBuilder) -> String {
    build.build().unwrap_err().to_string()
}

#[test]
fn parts_that_contradict_each_other_are_refused_by_name() {
    let ring = KeyRing::new(KeyId(1), pepper(1)).retire(
        KeyId(1),
        pepper(2),
        otpgate::Timestamp::from_millis(1),
    );
    assert!(named(parts().keys(ring)).contains("`keys` is 1"));

    let mut eight = Policy::default();
    eight.code.format = otpgate::otp::CodeFormat::digits(8).unwrap();
    assert!(named(parts().policy(eight.clone())).contains("`code.format`"));
    assert!(named(parts().purpose(Purpose::PAYMENT, eight)).contains("`code.format`"));

    let mut human = Policy::default();
    human.token.human_check_always = true;
    assert!(named(parts().policy(human.clone())).contains("`token.human_check_always`"));
    assert!(parts().policy(human).human_check(crate::step_up::Turing).build().is_ok());

    assert!(named(parts().daily_budget(Money::cents(49))).contains("`daily_budget`"));
    assert!(named(parts().daily_budget(Money::ZERO)).contains("`daily_budget`"));

    let dry = named(parts().entropy(FailingEntropy::new()));
    assert!(!dry.is_empty());
}

/// The new key would name things in the store: every limit, known number and control would be gone
/// without a word.
#[test]
fn a_ring_that_retires_a_key_names_its_index_key() {
    let rotated = || {
        let end = otpgate::Timestamp::from_millis(1);
        KeyRing::new(KeyId(2), pepper(2)).retire(KeyId(1), pepper(1), end)
    };
    let error = named(parts().keys(rotated()));
    assert!(error.contains("`keys`") && error.contains("KeyRing::index"), "{error}");
    assert!(parts().keys(rotated().index(pepper(1))).build().is_ok());
    assert!(parts().keys(KeyRing::new(KeyId(2), pepper(2))).build().is_ok(), "a first key");
}

/// What is no number compares as false: the detector asked and refused nobody, without a word. A range
/// from high to low panicked at the first request that came to it.
#[test]
fn costs_and_constants_that_switch_the_detector_off_or_break_it_are_refused() {
    type Cost = fn(&mut Costs) -> &mut f32;
    type Constant = fn(&mut Tuning);
    let costs: [(&str, Cost); 3] = [
        ("`costs.user_value`", |costs| &mut costs.user_value),
        ("`costs.reference_daily`", |costs| &mut costs.reference_daily),
        ("`costs.challenge_cost`", |costs| &mut costs.challenge_cost),
    ];
    for (field, cost) in costs {
        let with = |value| {
            let mut costs = Costs::default();
            *cost(&mut costs) = value;
            parts().costs(costs)
        };
        for wrong in [f32::NAN, f32::INFINITY, -0.01] {
            assert!(named(with(wrong)).contains(field), "{field} {wrong}");
        }
        assert!(with(0.0).build().is_ok(), "{field}");
    }
    let constants: [(&str, Constant); 25] = [
        ("`tuning.ask_at`", |tuning| tuning.ask_at = f32::NAN),
        ("`tuning.refuse_at`", |tuning| tuning.refuse_at = f32::NAN),
        ("`tuning.null_range`", |tuning| tuning.null_range = (0.5, 0.4)),
        ("`tuning.asked_range`", |tuning| tuning.asked_range = (1.0, f32::NAN)),
        ("`tuning.block_range`", |tuning| tuning.block_range = (60.0, 30.0)),
        ("`tuning.young_block`", |tuning| tuning.young_block = (1.0, 3_600.0)),
        ("`tuning.silence_range`", |tuning| tuning.silence_range = (200.0, 100.0)),
        ("`tuning.silence_range`", |tuning| tuning.silence_range = (501.0, 1_000.0)),
        ("`tuning.outage_floor`", |tuning| tuning.outage_floor = 1.1),
        // No number comes of these, and a rule is off without a word.
        ("`tuning.prior_weight`", |tuning| tuning.prior_weight = 0.0),
        ("`tuning.honest_failure`", |tuning| tuning.honest_failure = 0.0),
        ("`tuning.honest_failure`", |tuning| tuning.honest_failure = 1.0),
        ("`tuning.pass_factor`", |tuning| tuning.pass_factor = 0.0),
        ("`tuning.share_far`", |tuning| tuning.share_far = 0.0),
        ("`tuning.share_prior`", |tuning| tuning.share_prior = (0.0, 0.2)),
        ("`tuning.refuse_in_context`", |tuning| tuning.refuse_in_context = f32::NAN),
        ("`tuning.number_limits`", |tuning| tuning.number_limits = (f32::NAN, 5.0)),
        ("`tuning.outage_none`", |tuning| tuning.outage_none = tuning.outage_full),
        ("`tuning.asked_range`", |tuning| tuning.asked_range.1 = f32::INFINITY),
        ("`tuning.null_range`", |tuning| tuning.null_range.1 = 1.0),
        ("`tuning.asked_half_life`", |tuning| tuning.asked_half_life = 0.0),
        ("`tuning.asked_stages`", |tuning| tuning.asked_stages = [15.0, 10.0, 60.0]),
        ("`tuning.bets`", |tuning| tuning.bets[3].0 = 0.0),
        ("`tuning.tolerance`", |tuning| tuning.tolerance[5] = f32::NAN),
        ("`tuning.max_sessions`", |tuning| tuning.max_sessions = 65_536),
    ];
    for (field, change) in constants {
        let mut tuning = Tuning::default();
        change(&mut tuning);
        assert!(named(parts().tuning(tuning)).contains(field), "{field}");
    }
}

/// Failures of a number, a session's texts and the like are counted over all purposes.
#[test]
fn purposes_that_share_a_meter_must_read_it_alike() {
    let other = |change: Change| {
        let mut policy = Policy::default();
        change(&mut policy);
        parts().purpose(Purpose::PAYMENT, policy)
    };
    // Each of the two policies is right by itself; together they allow 96 + 4 × 20 failures.
    let split = |p: &mut Policy| {
        p.attempts.open.max = 96;
        let one = |share: &mut FailurePolicy| (share.max, share.pause_after) = (1, 1);
        one(&mut p.attempts.checked);
        one(&mut p.attempts.proven);
        one(&mut p.attempts.caller);
        one(&mut p.attempts.authenticator);
    };
    assert!(named(other(split)).contains("`attempts` is 176"), "{}", named(other(split)));
    let broken: &[(&str, Change)] = &[
        ("attempts.open", |p| p.attempts.open.forget = minutes(60)),
        ("attempts.client", |p| p.attempts.client.drain = seconds(1)),
        ("quotas.session", |p| p.quotas.session = vec![Quota::daily(30)]),
        ("quotas.user", |p| p.quotas.user = vec![Quota { max: 5, per: hours(7) }]),
        ("quotas.client_unverified", |p| {
            p.quotas.client_unverified = Some(Evidence { soft: 1, hard: 2, drain: seconds(1) });
        }),
    ];
    for (field, change) in broken {
        assert!(named(other(*change)).contains(&format!("`{field}` is")), "{field}");
    }
    // Another maximum, order, a quota less, one that only this purpose has: each is its own affair.
    let fine: &[Change] = &[
        |p| p.quotas.user.reverse(),
        |p| p.quotas.user.push(Quota { max: 50, per: days(7) }),
        |p| p.quotas.session = vec![Quota::hourly(3)],
        |p| p.quotas.user = vec![Quota::hourly(2)],
        |p| p.quotas.number = vec![Quota::daily(3)],
        |p| p.quotas.country = vec![Quota::daily(300)],
        |p| p.quotas.client_unverified = None,
        |p| p.attempts.open.max = 10,
    ];
    for change in fine {
        assert!(other(*change).build().is_ok());
    }
}

/// A purpose whose texts the purse of all realms does not count would spend beside it.
#[test]
fn the_purse_of_all_realms_is_of_every_purpose_or_of_none() {
    let purse = |most: Option<u64>, mut policy: Policy| {
        policy.budget.global = most.map(Money::dollars);
        policy
    };
    let built = |general, payment| {
        let general = parts().policy(purse(general, Policy::default()));
        general.purpose(Purpose::PAYMENT, purse(payment, Policy::default())).build()
    };
    for (general, payment) in [(Some(5), None), (None, Some(5))] {
        let error = built(general, payment).unwrap_err().to_string();
        assert!(error.starts_with("`budget.global` is"), "{error}");
    }
    for (general, payment) in [(None, None), (Some(5), Some(5)), (Some(5), Some(9))] {
        assert!(built(general, payment).is_ok(), "{general:?} and {payment:?}");
    }
}

/// What a country, block or realm may cost in vain is of each purpose's texts: a policy of its own that leaves
/// a budget out would spend beside it.
#[test]
fn a_purpose_leaves_no_budget_out_that_the_general_policy_has() {
    let built = |general: Change, payment: Change| {
        let changed = |change: Change| {
            let mut policy = Policy::default();
            change(&mut policy);
            policy
        };
        let general = parts().policy(changed(general));
        general.purpose(Purpose::PAYMENT, changed(payment)).build()
    };
    let given: &[(&str, Change)] = &[
        ("budget.block", |p| p.budget.block = Some(Money::dollars(1))),
        ("budget.unverified", |p| p.budget.unverified = Some(Money::dollars(2))),
        ("budget.country", |p| p.budget.country = Some(Money::dollars(3))),
        ("budget.countries", |p| p.budget.countries = [(Region::DE, Money::dollars(4))].into()),
    ];
    for (field, change) in given {
        let error = built(*change, |_| {}).unwrap_err().to_string();
        assert!(error.starts_with(&format!("`{field}` is")), "{error}");
        for word in ["`payment`", "maximum may differ"] {
            assert!(error.contains(word), "{error}");
        }
        assert!(built(*change, *change).is_ok(), "{field}");
        // One of its own, which bounds its texts alone.
        assert!(built(|_| {}, *change).is_ok(), "{field}");
    }
    let germany = given[3].1;
    let error = built(germany, |p| {
        p.budget.countries.insert(Region::AT, Money::dollars(4));
    });
    assert!(error.unwrap_err().to_string().contains("DE"));
    let every: Change = |p| p.budget.country = Some(Money::dollars(9));
    assert!(built(germany, every).is_ok(), "every country's bounds it too");
}

/// A price under a country's name that is none would be another country's, or nobody's.
#[test]
fn a_price_of_no_country_is_refused() {
    let prices = |letters: &[u8; 2]| PriceTable::builtin().with(*letters, Money::cents(7));
    for typo in [b"de", b"UK", b"XX", b"1 "] {
        let shown = String::from_utf8_lossy(typo).into_owned();
        let error = named(parts().prices(prices(typo)));
        assert!(error.starts_with(&format!("`prices` is {shown}")), "{error}");
        let (calls, _) = ScriptedTransport::new();
        let voice = FallbackChannel::new(Channel::Voice, calls, message(), prices(typo));
        assert!(named(parts().fallback(voice)).starts_with("`prices` is"), "{shown}");
    }
    for right in [b"DE", b"GB", b"00"] {
        assert!(parts().prices(prices(right)).build().is_ok());
    }
}

/// Seven of what was meant as cents would let ten thousand times the money be spent.
#[test]
fn a_text_that_costs_next_to_nothing_is_refused() {
    let all = PriceTable::builtin;
    for micro in [0, 7, 499] {
        let price = Money::microdollars(micro);
        for prices in [all().with(*b"DE", price), all().with_fallback(price)] {
            let error = named(parts().prices(prices));
            assert!(error.starts_with(&format!("`prices` is {price}")), "{error}");
            assert!(error.contains("Money::cents(7)"), "{error}");
        }
        // Other channels may cost nothing.
        let (mails, _) = ScriptedTransport::new();
        let free = all().with(*b"DE", price);
        let email = FallbackChannel::new(Channel::Email, mails, message(), free);
        assert!(parts().fallback(email).build().is_ok());
    }
    assert!(parts().prices(all().with(*b"DE", Money::microdollars(500))).build().is_ok());
}

#[test]
fn destinations_without_a_country_are_refused() {
    let nowhere = parts().countries([]);
    assert!(named(nowhere).contains("`destinations` is no country"));
}

/// Purposes that would share the meters of a number are named; found as anybody finds them, by trying.
#[test]
fn purposes_whose_meters_would_be_one_are_refused() {
    use otpgate::Policy;
    let tag = |name: &str| {
        let hash = name
            .bytes()
            .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
        (hash ^ hash >> 24) & 0x00ff_ffff
    };
    let mut seen = std::collections::HashMap::new();
    let (one, other) = (0..)
        .find_map(|index| {
            let name = format!("purpose-{index}");
            seen.insert(tag(&name), name.clone()).map(|other| (other, name))
        })
        .unwrap();
    let purpose = |name: &str| Purpose::new(name.to_owned()).unwrap();
    let alone = parts().purpose(purpose(&one), Policy::default());
    assert!(alone.build().is_ok());
    let both = parts()
        .purpose(purpose(&one), Policy::default())
        .purpose(purpose(&other), Policy::default());
    let error = named(both);
    assert!(error.contains(&one) && error.contains(&other) && error.contains("rename"), "{error}");
}

/// An entropy source that fails later is an outage, never a default code.
#[tokio::test]
async fn without_random_bytes_nothing_is_sent_or_accepted() {
    use crate::support::{ALICE, House};
    for calls in 1..12 {
        let house = House::lab_with(|builder| builder.entropy(FailingEntropy::after(calls)));
        let Ok(ticket) = house.gate.preflight(&Purpose::SIGN_UP, &house.client) else { continue };
        let proof = ticket.answer(ALICE).unwrap();
        let number = crate::support::recipient(ALICE);
        let cleared = house.gate.clear(&proof, &number, &Purpose::SIGN_UP, &house.client).await;
        let Ok(otpgate::Cleared::Passed(clearance)) = cleared else { continue };
        match house.gate.issue(clearance).await {
            Ok(otpgate::Sent::Issued(issued)) => {
                let code = house.last_code();
                match house.gate.verify(issued.grant(), &code, &house.client).await {
                    Ok(otpgate::Verified::Accepted(_)) => {}
                    Ok(other) => panic!("an outage read as an answer: {other:?}"),
                    Err(error) => assert_eq!(error.kind(), otpgate::GateErrorKind::Entropy),
                }
            }
            Ok(other) => panic!("{other:?}"),
            Err(error) => {
                assert_eq!(error.kind(), otpgate::GateErrorKind::Entropy);
                assert_eq!(house.outbox.handed_off(), 0, "after {calls} draws");
            }
        }
    }
}

/// The name of the brand makes the texts. Beside a message of the host's own it is an error, in
/// whatever order the two were called: one of them would say nothing.
#[test]
fn a_brand_is_a_message_and_what_is_wrong_with_it_is_said() {
    let parts = || parts_without_countries().countries([Region::DE]);
    let mut eight = Policy::default();
    eight.code.format = otpgate::otp::CodeFormat::digits(8).unwrap();
    assert!(parts().policy(eight).brand("Example").origin("example.com").build().is_ok());
    for (wrong, said) in [
        (parts().brand("Example\n"), "the brand has the character"),
        (parts().message(message()).brand("Example"), "`MessageFormat::builder`"),
        (parts().brand("Example").message(message()), "`MessageFormat::builder`"),
        (parts().brand("Example").origin("https://example.com"), "give the bare host"),
        (parts().message(message()).origin("example.com"), "`MessageFormatBuilder::origin`"),
        (parts().origin("example.com").message(message()), "`MessageFormatBuilder::origin`"),
        (parts().origin("example.com"), "give them with `GateBuilder::brand`"),
    ] {
        let error = wrong.build().unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
}

/// A ceiling for the price must not be lost because somebody names the countries once more.
#[test]
fn countries_are_named_once() {
    let germany = || DestinationPolicy::only([Region::DE]).up_to(Money::cents(8));
    let parts = || parts_without_countries().message(message());
    assert!(parts().destinations(germany()).build().is_ok());
    for both in [
        parts().destinations(germany()).countries([Region::DE]),
        parts().countries([Region::DE]).destinations(germany()),
    ] {
        let error = both.build().unwrap_err().to_string();
        assert!(error.contains("`GateBuilder::destinations`"), "{error}");
    }
}

/// All at once, so that nobody has to build six times.
#[test]
fn everything_that_was_not_given_is_named_at_once() {
    let nothing = Gate::builder().build().unwrap_err().to_string();
    for method in ["keys", "store", "transport", "brand", "countries", "daily_budget"] {
        assert!(
            nothing.contains(&format!("`{method}`")) || nothing.contains(&format!("::{method}`")),
            "{nothing}"
        );
    }
    let (transport, _) = ScriptedTransport::new();
    let some = Gate::builder().keys(keys()).transport(transport).message(message()).build();
    let Err(ConfigError::Missing(methods)) = some else { panic!("{some:?}") };
    assert_eq!(methods, ["store", "countries", "daily_budget"]);
}
