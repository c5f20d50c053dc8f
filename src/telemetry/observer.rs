//! [`MetricsObserver`]: events as counters and histograms.

use std::time::Duration;

use metrics::{counter, gauge, histogram};

use crate::base::money::Money;
use crate::context::Purpose;
use crate::event::{Event, EventKind, Observer};
use crate::outcome::Snapshot;
use crate::pumping::Action;

use super::catalogue::{self as all, Label, METRICS, MOST_PURPOSES, Metric, MetricKind};
use super::label::{self, NONE};
use super::names::Names;

/// Bounds of the histograms in seconds: a store answers within milliseconds, a provider within
/// seconds, a person within minutes. Most exporters want them set:
/// `PrometheusBuilder::set_buckets_for_metric(Matcher::Suffix("_seconds".into()), BUCKETS)`.
pub const BUCKETS: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
    120.0, 300.0, 600.0,
];

/// Feeds the `metrics` crate, whatever recorder the host has installed, with every event of a gate.
///
/// Labels are bounded: the first [`MOST_PURPOSES`] purposes by name and the rest as `other`, countries
/// by their ISO code, and words of this crate. Realms are no label unless the host asks for it.
/// `observe` takes a few microseconds and never waits.
///
/// ```
/// # use otpgate::telemetry::MetricsObserver;
/// # use otpgate::Purpose;
/// # use std::sync::Arc;
/// let metrics = Arc::new(MetricsObserver::new().purposes([Purpose::SIGN_UP, Purpose::PAYMENT]));
/// # let observer = metrics.clone();
/// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
/// # shop::open_with(|parts| parts.observer(observer), async |shop| {
/// # shop.issued().await;
/// // At start: `Gate::builder().observer(metrics.clone())`, beside those that you have.
/// metrics.gauges(&shop.gate.snapshot().await?); // every minute or so, from one gate
/// # Ok(())
/// # });
/// ```
#[derive(Debug)]
pub struct MetricsObserver {
    purposes: Names,
    realms: Option<Names>,
}

impl Default for MetricsObserver {
    fn default() -> Self {
        Self::new()
    }
}

impl MetricsObserver {
    /// Describes every metric to the recorder, if there is one by now, and lets those counters begin
    /// at zero whose labels are words alone: a series that begins at one shows Prometheus no increase,
    /// so that the first alarm would be lost.
    #[must_use]
    pub fn new() -> Self {
        for metric in METRICS {
            match metric.kind {
                MetricKind::Counter => metrics::describe_counter!(metric.name, metric.help),
                MetricKind::Histogram => metrics::describe_histogram!(metric.name, metric.help),
                MetricKind::Gauge => metrics::describe_gauge!(metric.name, metric.help),
            }
        }
        begin_at_zero(None);
        Self { purposes: Names::first(MOST_PURPOSES), realms: None }
    }

    /// These purposes are labels and all others are `other`, instead of the first that come: for a
    /// host that takes the name of a purpose from a request.
    #[must_use]
    pub fn purposes(mut self, purposes: impl IntoIterator<Item = Purpose>) -> Self {
        let purposes: Vec<Purpose> = purposes.into_iter().take(MOST_PURPOSES).collect();
        self.purposes = Names::only(purposes.iter().map(Purpose::as_str));
        self
    }

    /// The first `most` realms are a label `realm` on every metric of an event, and the rest `other`.
    /// It multiplies the series by so many, and names tenants to whoever reads the metrics. The counters
    /// of a realm begin at zero with its first event, of whatever kind, or with its first gauges.
    #[must_use]
    pub fn realms(mut self, most: usize) -> Self {
        begin_at_zero(Some(label::OTHER));
        self.realms = Some(Names::first(most));
        self
    }

    /// Sets the gauges from what a realm looks like now. One gate of a deployment does it, once a minute or
    /// so: all gates on a store would say the same.
    ///
    /// Where realms are labels ([`realms`](Self::realms)), it is done for each realm, by the observer that
    /// has their events: the gauges then bear the realm's label as its counters do. Those of a realm beyond
    /// the bound are left out, since each would take the place of another's. Without the label hand in the
    /// snapshots of one realm.
    ///
    /// ```
    /// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
    /// # shop::open(async |shop| {
    /// # let gate = shop.gate;
    /// use otpgate::Realm;
    /// use otpgate::telemetry::MetricsObserver;
    ///
    /// let metrics = MetricsObserver::new().realms(200);
    /// for tenant in ["acme", "bolt"] {
    ///     let snapshot = gate.in_realm(&Realm::new(tenant)?).snapshot().await?;
    ///     assert_eq!(snapshot.realm.as_str(), tenant);
    ///     metrics.gauges(&snapshot);
    /// }
    /// # Ok(())
    /// # });
    /// ```
    pub fn gauges(&self, snapshot: &Snapshot) {
        if let Some(global) = &snapshot.global {
            gauge!(all::GLOBAL_SPENT.name).set(dollars(global.spent));
            gauge!(all::GLOBAL_LIMIT.name).set(dollars(global.limit));
        }
        let realm = self.realm_label(snapshot.realm.as_str());
        if realm.as_ref().is_some_and(|realm| realm.value() == label::OTHER) {
            return;
        }
        let set = |metric: Metric, mut labels: Vec<metrics::Label>, value: f64| {
            labels.extend(realm.clone());
            gauge!(metric.name, labels).set(value);
        };
        set(all::BUDGET_SPENT, vec![], dollars(snapshot.spent));
        set(all::BUDGET_LIMIT, vec![], dollars(snapshot.daily_budget));
        // What an operator's entry decides tells of no attack, however long it lasts.
        let by_itself = || snapshot.blocks.iter().filter(|place| place.entry.is_none());
        for action in [Action::Ask, Action::Refuse] {
            let places = by_itself().filter(|place| place.action == action).count();
            let labels = vec![metrics::Label::from_static_parts("action", label::action(action))];
            set(all::PLACES_ACTING, labels, count(places));
        }
        set(all::CONTROLS, vec![], count(snapshot.controls.len()));
        let paused = snapshot.controls.iter().any(|control| control.pauses_all(snapshot.at));
        set(all::PAUSED, vec![], if paused { 1.0 } else { 0.0 });
    }

    /// The labels of `metric`: purpose and country of the event, and `words` for the others in order.
    fn labels(
        &self,
        metric: &Metric,
        event: &Event,
        words: &[&'static str],
    ) -> Vec<metrics::Label> {
        let mut words = words.iter().copied();
        let mut labels = Vec::with_capacity(metric.labels.len().saturating_add(2));
        let mut push = |name, word| labels.push(metrics::Label::from_static_parts(name, word));
        let mut named = None;
        for of in metric.labels {
            match of {
                Label::Purpose => {
                    let purpose = event.purpose.as_ref().map(|name| name.as_str());
                    named = Some(purpose.map_or(NONE.to_owned(), |name| self.purposes.label(name)));
                }
                Label::Region => {}
                Label::Reason => {
                    push("reason", words.next().unwrap_or(NONE));
                    push("detail", words.next().unwrap_or(NONE));
                }
                Label::Word(name, _) => push(name, words.next().unwrap_or(NONE)),
            }
        }
        if let Some(purpose) = named {
            labels.push(metrics::Label::new("purpose", purpose));
        }
        if metric.labels.contains(&Label::Region) {
            let region = event.region.as_ref().map_or(NONE, |region| region.as_str());
            labels.push(metrics::Label::new("region", region.to_owned()));
        }
        labels.extend(self.realm_label(&event.realm));
        labels
    }

    /// The label of a realm, where realms are labels. Its counters are there from then on.
    fn realm_label(&self, realm: &str) -> Option<metrics::Label> {
        let (realm, is_new) = self.realms.as_ref()?.meet(realm);
        if is_new {
            begin_at_zero(Some(&realm));
        }
        Some(metrics::Label::new("realm", realm))
    }

    fn add(&self, metric: &Metric, event: &Event, words: &[&'static str], n: u64) {
        counter!(metric.name, self.labels(metric, event, words)).increment(n);
    }

    fn one(&self, metric: &Metric, event: &Event, words: &[&'static str]) {
        self.add(metric, event, words, 1);
    }

    fn record(&self, metric: &Metric, event: &Event, value: f64) {
        histogram!(metric.name, self.labels(metric, event, &[])).record(value);
    }
}

impl Observer for MetricsObserver {
    fn observe(&self, event: &Event) {
        match &event.kind {
            EventKind::TicketIssued => self.one(&all::TICKETS, event, &[]),
            EventKind::Sent { price, segments, resend, confirmed, channel } => {
                self.one(&all::SENT, event, &[]);
                if *resend {
                    self.one(&all::RESENT, event, &[]);
                }
                let words = [label::channel(*channel), yes_no(*confirmed)];
                self.one(&all::BY_CHANNEL, event, &words);
                self.add(&all::SEGMENTS, event, &[], u64::from(*segments));
                self.add(&all::SPEND, event, &[], price.as_microdollars());
            }
            EventKind::NotSent { refused, channel } => {
                let cause = if *refused { "refused" } else { "not_accepted" };
                self.one(&all::NOT_SENT, event, &[label::channel(*channel), cause]);
            }
            EventKind::DecoyAnswered => self.one(&all::DECOYS, event, &[]),
            EventKind::Refused { reason } => {
                self.one(&all::REFUSED, event, &label::reason(reason));
                self.one(&all::REFUSED_BY_REGION, event, &[]);
            }
            EventKind::QuietlyRefused { reason } => {
                self.one(&all::WITHHELD, event, &label::reason(reason));
            }
            EventKind::WouldRefuse { reason } => {
                self.one(&all::WOULD_REFUSE, event, &label::reason(reason));
            }
            EventKind::StepUpAsked { reason } => {
                self.one(&all::STEP_UPS, event, &label::reason(reason));
            }
            EventKind::HumanCheckFailed { failure } => {
                self.one(&all::HUMAN_FAILED, event, &[label::human_failure(*failure)]);
            }
            EventKind::Accepted { attempts, took } => {
                self.one(&all::ACCEPTED, event, &[]);
                self.record(&all::TOOK, event, took.as_secs_f64());
                self.record(&all::ATTEMPTS, event, f64::from(*attempts));
            }
            EventKind::Rejected { cause } => {
                self.one(&all::REJECTED, event, &[label::cause(*cause)]);
            }
            EventKind::TestNumberUsed { step, .. } => {
                self.one(&all::TEST_NUMBERS, event, &[label::test_use(*step)]);
            }
            EventKind::Authenticator { accepted } => {
                self.one(&all::AUTHENTICATOR, event, &[yes_no(*accepted)]);
            }
            EventKind::BudgetTier { scope, percent, step_up } => {
                let tier = match percent {
                    100 => "100",
                    _ if *step_up => "step_up",
                    _ => "50",
                };
                self.one(&all::BUDGET_TIER, event, &[label::limit(*scope), tier]);
            }
            EventKind::GuessSpraying { .. } => self.one(&all::SPRAYING, event, &[]),
            EventKind::Pumping { alert } => {
                let words = [label::alert(alert.kind), label::node(alert.node.level())];
                self.one(&all::PUMPING, event, &words);
            }
            EventKind::Signals { asked, .. } => {
                self.one(&all::LOOK_UPS, event, &[if *asked { "asked" } else { "kept" }]);
            }
            EventKind::Receipt { delivered, fault, given_back } => {
                self.one(&all::RECEIPTS, event, &[yes_no(*delivered)]);
                if !delivered {
                    self.one(&all::RECEIPT_FAULTS, event, &[label::delivery_fault(*fault)]);
                }
                if *given_back {
                    self.one(&all::GIVEN_BACK, event, &[]);
                }
            }
            EventKind::Settled { reserved, price, .. } => {
                let (reserved, price) = (reserved.as_microdollars(), price.as_microdollars());
                let direction = if price > reserved { "up" } else { "down" };
                self.add(&all::CORRECTED, event, &[direction], price.abs_diff(reserved));
            }
            EventKind::PriceUnconverted { .. } => self.one(&all::UNCONVERTED, event, &[]),
            EventKind::NumberFault { fault, .. } => {
                self.one(&all::NUMBER_FAULTS, event, &[label::number_fault(*fault)]);
            }
            EventKind::OptedIn => self.one(&all::OPTED_IN, event, &[]),
            EventKind::ReceiptUnmatched { .. } => self.one(&all::UNMATCHED, event, &[]),
            EventKind::ReceiptRefused { error } => {
                self.one(&all::RECEIPTS_REFUSED, event, &[label::receipt_error(error.kind())]);
            }
            EventKind::Reported { worthless } => {
                let worth = if *worthless { "worthless" } else { "genuine" };
                self.one(&all::REPORTED, event, &[worth]);
            }
            EventKind::ControlsChanged { .. } => self.one(&all::CONTROLS_CHANGED, event, &[]),
            EventKind::Outage { part, .. } => {
                self.one(&all::OUTAGES, event, &[label::part(*part)]);
            }
        }
    }
}

/// Lets the counters whose labels are words alone begin at zero, of one realm where realms are labels.
fn begin_at_zero(realm: Option<&str>) {
    let counters = METRICS.iter().filter(|metric| metric.kind == MetricKind::Counter);
    for metric in counters {
        let mut series: Vec<Vec<metrics::Label>> = vec![Vec::new()];
        for label in metric.labels {
            let Label::Word(name, words) = label else {
                series.clear();
                break;
            };
            let with = |labels: &Vec<metrics::Label>, word: &'static str| {
                let mut labels = labels.clone();
                labels.push(metrics::Label::from_static_parts(name, word));
                labels
            };
            series = series
                .iter()
                .flat_map(|labels| words.iter().map(move |word| with(labels, word)))
                .collect();
        }
        for mut labels in series {
            labels.extend(realm.map(|realm| metrics::Label::new("realm", realm.to_owned())));
            counter!(metric.name, labels).increment(0);
        }
    }
}

/// Times one call that an event does not tell of.
pub(super) fn timed(metric: &Metric, labels: Vec<metrics::Label>, took: Duration) {
    histogram!(metric.name, labels).record(took.as_secs_f64());
}

const fn yes_no(yes: bool) -> &'static str {
    if yes { "yes" } else { "no" }
}

#[allow(clippy::cast_precision_loss)] // a gauge has 53 bits
fn dollars(money: Money) -> f64 {
    money.as_microdollars() as f64 / 1_000_000.0
}

#[allow(clippy::cast_precision_loss)]
fn count(things: usize) -> f64 {
    things as f64
}
