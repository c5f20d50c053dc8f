//! Nothing personal and nothing unbounded gets out.

use std::collections::{BTreeMap, BTreeSet};

use metrics_exporter_prometheus::{
    Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder,
};
use otpgate::telemetry::{BUCKETS, METRICS, MetricKind, MetricsObserver};
use otpgate::{Event, EventKind, Observer, Purpose};

use crate::traffic;
use support::House;

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

fn ticket(house: &House) -> Event {
    let _ = house.gate.preflight(&Purpose::SIGN_UP, &house.client).unwrap();
    let event = house.log.events().pop().unwrap();
    assert!(matches!(event.kind, EventKind::TicketIssued));
    event
}
