//! Nothing personal and nothing unbounded gets out.

use std::collections::{BTreeMap, BTreeSet};

use metrics_exporter_prometheus::{
    Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder,
};
use otpgate::access::{Actor, Draft, Effect, Reason, Target};
use otpgate::pumping::Action;
use otpgate::telemetry::{BUCKETS, METRICS, MetricKind, MetricsObserver};
use otpgate::{Event, EventKind, Money, Observer, Policy, Purpose, Realm, RefusalReason, Region};

use crate::traffic;
use support::{House, hours};

fn recorder() -> (PrometheusRecorder, PrometheusHandle) {
    let suffix = Matcher::Suffix("_seconds".into());
    let builder = PrometheusBuilder::new().set_buckets_for_metric(suffix, BUCKETS).unwrap();
    let recorder = builder.build_recorder();
    let handle = recorder.handle();
    (recorder, handle)
}

/// The exposition text after a session of mixed traffic, and what must not be in it.
async fn exposition() -> String {
    let (recorder, handle) = recorder();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let house = traffic::house(MetricsObserver::new());
    let needles = traffic::mixed(&house).await;
    traffic::outage(MetricsObserver::new()).await;
    MetricsObserver::new().gauges(&house.gate.snapshot().await.unwrap());
    let text = handle.render();
    // Counts and sums may have six digits, as a code has: what is searched is all but the values.
    let value = |line: &str| {
        line.rsplit_once(' ').filter(|_| !line.starts_with('#')).map(|(name, _)| name.to_owned())
    };
    let names: Vec<_> =
        text.lines().map(|line| value(line).unwrap_or_else(|| line.to_owned())).collect();
    assert_eq!(needles.scan(names.join("\n")), [], "{text}");
    text
}

/// The series of an exposition, by the metric they belong to.
fn series(text: &str) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut series: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let (name, _value) = line.rsplit_once(' ').unwrap();
        let metric = name.split('{').next().unwrap();
        let histogram = METRICS
            .iter()
            .filter(|metric| metric.kind == MetricKind::Histogram)
            .find(|known| metric.strip_prefix(known.name).is_some_and(|end| end.starts_with('_')));
        series.entry(histogram.map_or(metric, |known| known.name)).or_default().insert(name);
    }
    series
}

#[tokio::test]
async fn nothing_personal_is_in_the_exposition_and_every_name_is_known() {
    let text = exposition().await;
    crate::prometheus::lint(&text);
    let seen = series(&text);
    let known: BTreeSet<&str> = METRICS.iter().map(|metric| metric.name).collect();
    for name in seen.keys() {
        assert!(known.contains(name), "{name} is not in the table");
    }
    // The session was a long one: most of the metrics have something to show.
    for name in [
        "otpgate_sms_sent_total",
        "otpgate_sends_refused_total",
        "otpgate_codes_accepted_total",
        "otpgate_verification_seconds",
        "otpgate_store_call_seconds",
        "otpgate_hand_off_seconds",
        "otpgate_budget_spent_dollars",
        "otpgate_pumping_alerts_total",
    ] {
        assert!(seen.contains_key(name), "{name} is missing:\n{text}");
    }
    for line in [
        "otpgate_test_number_uses_total{step=\"accepted\"} 1",
        "otpgate_outages_total{part=\"human_check\"} 1",
        "otpgate_outages_total{part=\"store\"} 1",
        "otpgate_outages_total{part=\"clock\"} 0", // there from the start, so that a first one shows
        "otpgate_sms_paused 0",
    ] {
        assert!(text.lines().any(|of| of == line), "{line} is missing:\n{text}");
    }
    assert!(text.contains("alert=\"block_begun\""), "{text}");
}

/// The alarm and the console mean the same by it.
#[tokio::test]
async fn sms_that_is_off_for_one_purpose_is_not_paused() {
    let (recorder, handle) = recorder();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let house = House::new();
    let draft = || {
        let (why, ada) = (Reason::new("ticket 4711").unwrap(), Actor::new("ada").unwrap());
        Draft::new(Target::Everything, Effect::SmsOff, why, ada).unwrap()
    };
    let sign_ups = draft().for_purpose("sign-up").unwrap();
    for (entered, gauge) in [(sign_ups, "otpgate_sms_paused 0"), (draft(), "otpgate_sms_paused 1")]
    {
        house.gate.controls().enter_draft(entered).await.unwrap();
        MetricsObserver::new().gauges(&house.gate.snapshot().await.unwrap());
        let text = handle.render();
        assert!(text.lines().any(|line| line == gauge), "{gauge} is missing:\n{text}");
    }
}

/// Without the label the pause of one tenant was the next snapshot's to take back.
#[tokio::test]
async fn each_realm_has_gauges_of_its_own_where_realms_are_labels() {
    let (recorder, handle) = recorder();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let house = House::with(|builder| {
        let mut policy = Policy::default();
        policy.budget.global = Some(Money::dollars(80));
        builder.policy(policy)
    });
    let gate = |realm| house.gate.in_realm(&Realm::new(realm).unwrap());
    let (why, ada) = (Reason::new("ticket 4711").unwrap(), Actor::new("ada").unwrap());
    let pause = Draft::new(Target::Everything, Effect::SmsOff, why, ada).unwrap();
    gate("acme").controls().enter_draft(pause).await.unwrap();
    let metrics = MetricsObserver::new().realms(2);
    for realm in ["acme", "bolt", "one-too-many"] {
        metrics.gauges(&gate(realm).snapshot().await.unwrap());
    }
    let text = handle.render();
    for line in [
        "otpgate_sms_paused{realm=\"acme\"} 1",
        "otpgate_sms_paused{realm=\"bolt\"} 0",
        "otpgate_controls_entries{realm=\"acme\"} 1",
        "otpgate_detector_places{action=\"refuse\",realm=\"bolt\"} 0",
        "otpgate_budget_spent_dollars{realm=\"bolt\"} 0",
        "otpgate_global_budget_spent_dollars 0",
        "otpgate_global_budget_limit_dollars 80",
        // Its counters are there before its first event, as with one.
        "otpgate_guess_spraying_total{realm=\"bolt\"} 0",
    ] {
        assert!(text.lines().any(|of| of == line), "{line} is missing:\n{text}");
    }
    // A tenant beyond the bound would stand where another does.
    assert_eq!(text.matches("otpgate_sms_paused{").count(), 2, "{text}");
}

/// An entry that extends a block lasts for days, and would mute the alarm that says to lift it.
#[tokio::test]
async fn where_an_entry_decides_the_detector_is_not_counted() {
    let (recorder, handle) = recorder();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let house = traffic::house(MetricsObserver::new());
    drop(traffic::mixed(&house).await);
    let shown = async |action: Action| {
        let snapshot = house.gate.snapshot().await.unwrap();
        MetricsObserver::new().gauges(&snapshot);
        snapshot.blocks.iter().filter(|place| place.action == action).count()
    };
    let counted = |action: &str| {
        let line = format!("otpgate_detector_places{{action=\"{action}\"}} ");
        let text = handle.render();
        text.lines().find_map(|of| of.strip_prefix(&line)).unwrap().to_owned()
    };
    let asks = shown(Action::Ask).await;
    assert!(asks > 0 && counted("ask") == asks.to_string(), "{asks}: {}", counted("ask"));
    let controls = house.gate.controls();
    let (why, ada) = (Reason::new("ticket 4711").unwrap(), Actor::new("ada").unwrap());
    let extend = Draft::new(Target::Everything, Effect::ExtendAutomaticBlock, why, ada).unwrap();
    controls.enter_draft(extend.until(controls.now() + hours(24))).await.unwrap();
    assert!(shown(Action::Refuse).await >= asks);
    assert_eq!([counted("ask"), counted("refuse")], ["0", "0"]);
}

/// A realm's first alarm may be its only one: it is an increase only if its counter was there before.
#[test]
fn a_realm_s_counters_begin_at_zero_with_its_first_event() {
    let (recorder, handle) = recorder();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let observer = MetricsObserver::new().realms(1);
    let house = House::new();
    let zero = |realm: &str| format!("otpgate_guess_spraying_total{{realm=\"{realm}\"}} 0");
    let is_there = |line: &str| handle.render().lines().any(|of| of == line);
    assert!(is_there(&zero("other")), "{}", handle.render());
    let mut event = ticket(&house);
    event.realm = "tenant".into();
    assert!(!is_there(&zero("tenant")));
    observer.observe(&event);
    let pumping =
        "otpgate_pumping_alerts_total{alert=\"block_begun\",node=\"country\",realm=\"tenant\"} 0";
    for line in [&zero("tenant"), pumping] {
        assert!(is_there(line), "{line}: {}", handle.render());
    }
    event.kind = EventKind::GuessSpraying { failures: 1_000 };
    observer.observe(&event);
    assert!(is_there(&zero("tenant").replace("} 0", "} 1")), "{}", handle.render());
}

#[test]
fn purposes_and_realms_are_bounded_whatever_the_traffic() {
    let (recorder, handle) = recorder();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let house = House::new();
    let open = MetricsObserver::new().realms(3);
    let closed = MetricsObserver::new().purposes([Purpose::PAYMENT]);
    for index in 0..500 {
        let mut event = house.log.events().pop().unwrap_or_else(|| ticket(&house));
        event.realm = format!("tenant {index}").into();
        event.purpose = Some(Purpose::new(format!("purpose-{index}")).unwrap());
        open.observe(&event);
        event.realm = "default".into();
        closed.observe(&event);
    }
    let text = handle.render();
    let mut values: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for line in text.lines().filter(|line| line.starts_with("otpgate_tickets_total{")) {
        let labels = line.split(['{', '}']).nth(1).unwrap();
        for label in labels.split(',') {
            let (name, value) = label.split_once('=').unwrap();
            values.entry(name).or_default().insert(value);
        }
    }
    assert_eq!(values["purpose"].len(), otpgate::telemetry::MOST_PURPOSES + 1, "{values:?}");
    assert_eq!(values["realm"].len(), 4, "{values:?}");
    assert!(values["purpose"].contains("\"other\"") && values["realm"].contains("\"other\""));
    // The closed list took no purpose of a stranger: its series has no realm.
    let theirs =
        |line: &&str| line.starts_with("otpgate_tickets_total{purpose=") && !line.contains("realm");
    let lines: Vec<&str> = text.lines().filter(theirs).collect();
    assert_eq!(lines, ["otpgate_tickets_total{purpose=\"other\"} 500"]);
}

/// A number of no country has a label that the page names.
#[test]
fn the_label_of_no_country_is_the_one_on_the_page() {
    let (recorder, handle) = recorder();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let house = House::new();
    let observer = MetricsObserver::new();
    let mut event = ticket(&house);
    event.region = Some(Region::WORLD);
    event.kind = EventKind::Refused { reason: RefusalReason::SmsOff };
    observer.observe(&event);
    let text = handle.render();
    let series = "otpgate_sends_refused_by_region_total{region=\"001\"} 1";
    assert!(text.contains(series), "{text}");
    assert!(include_str!("../../docs/telemetry.md").contains("`001` for numbers\nof no country"));
}

fn ticket(house: &House) -> Event {
    let _ = house.gate.preflight(&Purpose::SIGN_UP, &house.client).unwrap();
    let event = house.log.events().pop().unwrap();
    assert!(matches!(event.kind, EventKind::TicketIssued));
    event
}
