//! `docs/defaults.md` says what the code does: every row is compared, and no field is left out.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use otpgate::access::{AnonymiserList, CallerKey, ClientIp, ControlBook, DeviceLife};
use otpgate::policy::{Evidence, FailurePolicy, Quota};
use otpgate::pumping::{Costs, PriceTable, Tuning};
use otpgate::store::{DEFAULT_CLOCK_SKEW, GRACE, JOURNAL_LIFE, MemoryStore};
use otpgate::token::WorkBits;
use otpgate::{Money, Policy, Purpose, RECEIPT_WINDOW, RETIRED_KEY_LIFE};

const PAGE: &str = include_str!("../../docs/defaults.md");

#[test]
fn every_row_of_the_page_is_what_the_code_does() {
    let (rows, values) = (rows(), values());
    let wrong: Vec<String> = rows
        .iter()
        .filter_map(|(name, written)| match values.get(name.as_str()) {
            Some(value) if value == written => None,
            Some(value) => Some(format!("{name}: the page says `{written}`, the code `{value}`")),
            None => Some(format!("{name}: there is no such value")),
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let missing: Vec<_> = values.keys().filter(|name| !rows.contains_key(**name)).collect();
    assert!(missing.is_empty(), "not on the page: {missing:?}");
}

/// `Debug` shows every field, those added later included.
#[test]
fn every_field_of_the_policy_has_a_row() {
    let rows = rows();
    let debug = format!("{:#?}", Policy::default());
    let mut part = "";
    let mut fields = BTreeSet::new();
    for line in debug.lines() {
        let depth = line.len() - line.trim_start().len();
        let Some((name, _)) = line.trim().split_once(':') else { continue };
        match depth {
            4 => part = name,
            8 => drop(fields.insert(format!("{part}.{name}"))),
            _ => {}
        }
    }
    assert!(fields.len() >= 30, "only {} fields found in {debug}", fields.len());
    let missing: Vec<_> = fields.iter().filter(|field| !rows.contains_key(*field)).collect();
    assert!(missing.is_empty(), "not on the page: {missing:?}");
}

#[test]
fn every_row_names_its_source() {
    for line in table_lines() {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        assert_eq!(cells.len(), 4, "{line}");
        assert!(cells[3].len() > 5, "no source: {line}");
    }
}

/// What cannot be set: the row, its value, and where it stands in these words.
type Fixed = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

const FIXED: [Fixed; 13] = [
    (
        "clock skew tolerated in tickets, caller's requests, device proofs",
        "30 s",
        &[
            ("src/token/proof.rs", "const SKEW: Duration = Duration::from_secs(30);"),
            ("src/access/caller.rs", "const SKEW: Duration = Duration::from_secs(30);"),
            ("src/access/device.rs", "const SKEW: Duration = Duration::from_secs(30);"),
        ],
    ),
    (
        "a caller's signature is good for",
        "60 s",
        &[("src/access/caller.rs", "const LIFE: Duration = Duration::from_secs(60);")],
    ),
    (
        "a number is *known*",
        "from 72 h after its first verification to 90 days after its last",
        &[
            ("src/charges/attempt.rs", "KNOWN_AFTER: Duration = Duration::from_secs(72 * 3_600);"),
            ("src/charges/attempt.rs", "KNOWN_FOR: Duration = Duration::from_secs(90 * 86_400);"),
        ],
    ),
    (
        "a network has *customers*",
        "from 24 h after the code of one number in sixteen to 90 days after the last such",
        &[
            ("src/charges/credits.rs", "CUSTOMERS_AFTER: Duration = Duration::from_secs(86_400);"),
            ("src/charges/credits.rs", "|byte| byte & 0x0F == 0"),
            (
                "src/charges/credits.rs",
                "CUSTOMERS_FOR: Duration = Duration::from_secs(90 * 86_400);",
            ),
        ],
    ),
    (
        "an admission is remembered for refunds",
        "10 min",
        &[("src/gate/parts.rs", "const REMEMBER: Duration = Duration::from_secs(600);")],
    ),
    (
        "answers of networks kept in a realm",
        "1 024 documents of 64 numbers, about 4 MB",
        &[
            ("src/gate/answers.rs", "const SHELVES: u16 = 1_024;"),
            ("src/gate/answers.rs", "const PLACES: usize = 64;"),
        ],
    ),
    (
        "what strangers leave of `quotas.number_total`",
        "a third; clients that passed a human check a sixth; device proofs a fifteenth",
        &[
            ("src/charges/meters.rs", "Self::Open => max / 3,"),
            ("src/charges/meters.rs", "Self::Checked => max / 6,"),
            ("src/charges/meters.rs", "Self::Proven => max / 15,"),
        ],
    ),
    (
        "authenticator window",
        "one step of 30 s either side",
        &[
            ("src/otp/totp/mod.rs", "const STEP_SECONDS: u64 = 30;"),
            ("src/otp/totp/mod.rs", "Self { window: 1 }"),
        ],
    ),
    (
        "what is typed as a number",
        "at most 32 characters",
        &[("src/recipient/digits.rs", "const MAX_TYPED: usize = 32;")],
    ),
    (
        "what is typed as a code",
        "at most 2 048 bytes",
        &[("src/otp/pasted.rs", "const LONGEST_INPUT: usize = 2_048;")],
    ),
    (
        "`{#var#}`, `{#alphanumeric#}`; `{#numeric#}` in a registered text",
        "30 characters; 15 digits",
        &[
            ("src/message/registration/text.rs", "\"var\" => (Kind::Any, 30),"),
            ("src/message/registration/text.rs", "(Kind::LettersAndDigits, 30),"),
            ("src/message/registration/text.rs", "(Kind::Digits, 15),"),
        ],
    ),
    (
        "a test number's longest life",
        "30 d",
        &[("src/access/control.rs", "LONGEST_TEST: Duration = Duration::from_secs(30 * 86_400);")],
    ),
    (
        "device proof of a test number",
        "1 h",
        &[
            ("src/gate/verify.rs", "if grant.test.is_some() { DeviceLife::MIN }"),
            ("src/access/device.rs", "const MIN: Self = Self(Duration::from_secs(3_600));"),
        ],
    ),
];

#[test]
fn what_is_fixed_stands_where_the_page_says() {
    let (_, table) = PAGE.split_once("## Fixed in the source").unwrap();
    let cells = |line: &'static str| line.trim_matches('|').split('|').map(str::trim);
    let rows = table.lines().filter(|line| line.starts_with("| ")).skip(1);
    let mut missing = FIXED.map(|(name, ..)| name).into_iter().collect::<BTreeSet<_>>();
    for row in rows {
        let row: Vec<&str> = cells(row).collect();
        let fixed = FIXED.iter().find(|(name, ..)| *name == row[0]);
        let Some((name, value, sources)) = fixed else { panic!("not compared: {}", row[0]) };
        missing.remove(name);
        assert_eq!(row[1], *value, "{name}");
        let named = row[2].split('`').filter(|word| word.starts_with("src/"));
        let files = sources.iter().map(|(file, _)| *file);
        let sets: [BTreeSet<&str>; 2] = [named.collect(), files.collect()];
        assert_eq!(sets[0], sets[1], "{name}: where it stands");
        for (file, words) in *sources {
            let text = std::fs::read_to_string(super::root().join(file)).unwrap();
            assert!(text.contains(words), "{name}: {file} has no `{words}`");
        }
    }
    assert!(missing.is_empty(), "not on the page: {missing:?}");
}

fn table_lines() -> impl Iterator<Item = &'static str> {
    let (_, checked) = PAGE.split_once("<!-- checked from here -->").unwrap();
    let (checked, _) = checked.split_once("<!-- checked up to here -->").unwrap();
    checked.lines().filter(|line| line.starts_with("| `"))
}

/// Name and value of every row.
fn rows() -> BTreeMap<String, String> {
    table_lines()
        .map(|line| {
            let mut cells = line.trim_matches('|').split('|').map(str::trim);
            let name = cells.next().unwrap().trim_matches('`').to_owned();
            (name, cells.next().unwrap().to_owned())
        })
        .collect()
}

fn values() -> BTreeMap<&'static str, String> {
    let policy = Policy::default();
    let (quotas, attempts, budget) = (&policy.quotas, &policy.attempts, &policy.budget);
    let ladder = policy.interval.ladder;
    let format = policy.code.format;
    let v4 = ClientIp::from_peer("198.51.100.7".parse().unwrap());
    let v6 = ClientIp::from_peer("2001:db8:1:2:3::4".parse().unwrap());
    let money = |amount: Option<Money>| amount.map_or("none".into(), |amount| amount.to_string());
    let tuning = Tuning::default();
    [
        (
            "code.format",
            format!("{} {}", format.len(), if format.is_numeric() { "digits" } else { "letters" }),
        ),
        ("code.life", span(policy.code.life)),
        ("code.open", span(policy.code.open)),
        ("code.attempts", policy.code.attempts.to_string()),
        ("code.bound", policy.code.bound.to_string()),
        ("code.resend", format!("{:?}", policy.code.resend)),
        ("token.life", span(policy.token.life.as_duration())),
        ("token.human_time", span(policy.token.human_time.as_duration())),
        ("token.work", bits(policy.token.work)),
        ("token.step_up_work", bits(policy.token.step_up_work)),
        ("token.human_check_always", yes(policy.token.human_check_always)),
        (
            "interval.ladder",
            format!(
                "{} to {}, forgets {}",
                span(ladder.first),
                span(ladder.longest),
                span(ladder.forget)
            ),
        ),
        ("quotas.number", list(&quotas.number)),
        ("quotas.number_total", list(&quotas.number_total)),
        ("quotas.client", list(&quotas.client)),
        ("quotas.client_unknown", list(&quotas.client_unknown)),
        ("quotas.client_unverified", evidence(quotas.client_unverified)),
        ("quotas.network_unverified", evidence(quotas.network_unverified)),
        ("quotas.session", list(&quotas.session)),
        ("quotas.user", list(&quotas.user)),
        ("quotas.device", list(&quotas.device)),
        ("quotas.campus_unverified", evidence(quotas.campus_unverified)),
        ("quotas.provider_unverified", evidence(quotas.provider_unverified)),
        ("quotas.allocation_unverified", evidence(quotas.allocation_unverified)),
        ("quotas.customers_unverified", evidence(quotas.customers_unverified)),
        ("quotas.block", list(&quotas.block)),
        ("quotas.block_unverified", evidence(quotas.block_unverified)),
        ("quotas.country", list(&quotas.country)),
        ("quotas.purpose", list(&quotas.purpose)),
        ("quotas.caller", list(&quotas.caller)),
        ("quotas.realm", list(&quotas.realm)),
        ("quotas.global", list(&quotas.global)),
        ("attempts.open", failures(&attempts.open)),
        ("attempts.checked", failures(&attempts.checked)),
        ("attempts.proven", failures(&attempts.proven)),
        ("attempts.caller", failures(&attempts.caller)),
        ("attempts.authenticator", failures(&attempts.authenticator)),
        (
            "attempts.client",
            format!("{}, drains 1 / {}", attempts.client.hard, span(attempts.client.drain)),
        ),
        ("attempts.spray_alarm", format!("{} / 1 h", grouped(attempts.spray_alarm))),
        ("receipts.refunds", format!("{} / 24 h", policy.receipts.refunds)),
        ("receipts.undelivered_is_free", yes(policy.receipts.undelivered_is_free)),
        ("receipts.invalid", span(policy.receipts.invalid)),
        ("receipts.not_mobile", span(policy.receipts.not_mobile)),
        ("receipts.disconnected", span(policy.receipts.disconnected)),
        ("receipts.opted_out", span(policy.receipts.opted_out)),
        ("receipts.barred", span(policy.receipts.barred)),
        ("budget.rates", if budget.rates.is_empty() { "none".into() } else { "some".to_owned() }),
        ("RECEIPT_WINDOW", span(RECEIPT_WINDOW)),
        ("budget.soft_percent", format!("{} %", budget.soft_percent)),
        ("budget.purpose", money(budget.purpose)),
        ("budget.country", money(budget.country)),
        (
            "budget.countries",
            if budget.countries.is_empty() { "none".into() } else { "some".into() },
        ),
        ("budget.block", money(budget.block)),
        ("budget.global", money(budget.global)),
        ("budget.unverified", money(budget.unverified)),
        ("budget.message", budget.message.to_string()),
        ("anonymisers.tor", format!("{:?}", policy.anonymisers.tor)),
        ("anonymisers.vpn", format!("{:?}", policy.anonymisers.vpn)),
        ("anonymisers.proxy", format!("{:?}", policy.anonymisers.proxy)),
        ("anonymisers.hosting", format!("{:?}", policy.anonymisers.hosting)),
        ("anonymisers.unverified_percent", format!("{} %", policy.anonymisers.unverified_percent)),
        ("signals.ask", format!("{:?}", policy.signals.ask)),
        ("signals.price", policy.signals.price.to_string()),
        ("signals.sim_swap", format!("{} h", policy.signals.sim_swap.as_secs() / 3_600)),
        ("signals.without_answer", format!("{:?}", policy.signals.without_answer)),
        ("signals.sim_swap_life", span(policy.signals.sim_swap_life)),
        ("signals.line_life", span(policy.signals.line_life)),
        ("mode.quiet", if policy.mode.quiet { "on".into() } else { "off".into() }),
        (
            "mode.decoys",
            policy.mode.decoys.iter().map(Purpose::as_str).collect::<Vec<_>>().join(", "),
        ),
        ("mode.general", format!("{:?}", policy.mode.general)),
        (
            "mode.purposes",
            if policy.mode.purposes.is_empty() { "none".into() } else { "some".into() },
        ),
        (
            "mode.countries",
            if policy.mode.countries.is_empty() { "none".into() } else { "some".into() },
        ),
        ("fallback.steps", policy.fallback.steps.len().to_string()),
        ("fallback.email_danger", yes(policy.fallback.email_danger)),
        ("test.numbers", policy.test.numbers.to_string()),
        ("DeviceLife", span(DeviceLife::default().as_duration())),
        ("Evidence::CREDIT", format!("{} messages", Evidence::CREDIT)),
        ("CallerKey::MAX_LIFE", span(CallerKey::MAX_LIFE)),
        ("RETIRED_KEY_LIFE", span(RETIRED_KEY_LIFE)),
        ("ControlBook::MAX_ENTRIES", grouped(ControlBook::MAX_ENTRIES as u64)),
        ("AnonymiserList::MOST", grouped(AnonymiserList::MOST)),
        (
            "AnonymiserList::WIDEST",
            format!("/{}, /{}", AnonymiserList::WIDEST.0, AnonymiserList::WIDEST.1),
        ),
        ("store::GRACE", span(GRACE)),
        ("store::JOURNAL_LIFE", span(JOURNAL_LIFE)),
        ("store::DEFAULT_CLOCK_SKEW", span(DEFAULT_CLOCK_SKEW)),
        ("MemoryStore capacity", grouped(MemoryStore::default().capacity() as u64)),
        ("ClientIp::prefix", format!("/{}, /{}", length(v4.prefix()), length(v6.prefix()))),
        ("ClientIp::site", format!("/{}, /{}", length(v4.site()), length(v6.site()))),
        (
            "ClientIp::organisation",
            format!("/{}, /{}", length(v4.organisation()), length(v6.organisation())),
        ),
        (
            "PriceTable fallback",
            Money::microdollars(PriceTable::builtin().of(*b"??").into()).to_string(),
        ),
        ("Costs::reference_daily", format!("{} codes", Costs::default().reference_daily)),
        ("Costs::user_value", format!("{} dollars", Costs::default().user_value)),
        ("Costs::challenge_cost", format!("{} dollars", Costs::default().challenge_cost)),
        ("Tuning::ask_at", format!("{} nats", tuning.ask_at)),
        ("Tuning::refuse_at", format!("{} nats", tuning.refuse_at)),
        ("Tuning::home_at", format!("{} nats", tuning.home_at)),
        ("Tuning::young_numbers", format!("{} numbers", tuning.young_numbers)),
        ("Tuning::young_refuse_at", format!("{} nats", tuning.young_refuse_at)),
        ("Tuning::young_asks", format!("{:?}", tuning.young_asks)),
        (
            "Tuning::young_block",
            format!("{} h, {} h", tuning.young_block.0 / 3_600.0, tuning.young_block.1 / 3_600.0),
        ),
        (
            "Tuning::place_age",
            format!(
                "{}, {}",
                span(Duration::from_secs_f32(tuning.place_age.0)),
                span(Duration::from_secs_f32(tuning.place_age.1))
            ),
        ),
    ]
    .into()
}

fn span(span: Duration) -> String {
    let seconds = span.as_secs();
    if span.subsec_nanos() > 0 {
        format!("{} s", span.as_secs_f64())
    } else if seconds.is_multiple_of(86_400) && seconds > 86_400 {
        format!("{} d", seconds / 86_400)
    } else if seconds.is_multiple_of(3_600) {
        format!("{} h", seconds / 3_600)
    } else if seconds.is_multiple_of(60) && seconds > 60 {
        format!("{} min", seconds / 60)
    } else {
        format!("{seconds} s")
    }
}

fn list(quotas: &[Quota]) -> String {
    let each: Vec<String> = quotas
        .iter()
        .map(|quota| format!("{} / {}", grouped(quota.max), span(quota.per)))
        .collect();
    if each.is_empty() { "none".into() } else { each.join(", ") }
}

fn evidence(evidence: Option<Evidence>) -> String {
    evidence.map_or("none".into(), |evidence| {
        let (soft, hard) = (grouped(evidence.soft), grouped(evidence.hard));
        format!("{soft} then {hard}, drains 1 / {}", span(evidence.drain))
    })
}

fn failures(lane: &FailurePolicy) -> String {
    format!(
        "{}; from {} on {} to {}; forgets {}",
        lane.max,
        lane.pause_after,
        span(lane.pause),
        span(lane.longest),
        span(lane.forget),
    )
}

fn bits(work: WorkBits) -> String {
    format!("{} bits", work.bits())
}

fn yes(yes: bool) -> String {
    if yes { "yes".into() } else { "no".into() }
}

fn length(prefix: otpgate::access::ClientPrefix) -> String {
    prefix.to_string().rsplit_once('/').unwrap().1.to_owned()
}

fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}
