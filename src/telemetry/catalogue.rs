//! [`METRICS`]: every metric, with its labels and how many series it can have.

use crate::recipient::Region;

use super::label;

/// How many distinct purposes become labels unless the host names them
/// ([`MetricsObserver::purposes`](super::MetricsObserver::purposes)). A host has two to five; sixteen leave room and keep the largest
/// metric under five thousand series.
pub const MOST_PURPOSES: usize = 16;

/// One metric.
///
/// ```
/// use otpgate::telemetry::METRICS;
///
/// let sent = METRICS.iter().find(|metric| metric.name == "otpgate_sms_sent_total").unwrap();
/// assert!(sent.most_series() < 5_000);
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Metric {
    /// Its name, as Prometheus has names: the unit at the end, `_total` for counters.
    pub name: &'static str,
    /// What it is.
    pub kind: MetricKind,
    /// Its labels. `realm` comes on top where the host asks for it.
    pub labels: &'static [Label],
    /// What it counts, in words.
    pub help: &'static str,
}

/// What a metric is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum MetricKind {
    /// Only ever grows.
    Counter,
    /// A distribution, in the unit of its name.
    Histogram,
    /// A reading; set by [`MetricsObserver::gauges`](super::MetricsObserver::gauges).
    Gauge,
}

impl MetricKind {
    /// Its word in the exposition format.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Histogram => "histogram",
            Self::Gauge => "gauge",
        }
    }
}

/// A label.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Label {
    /// The host's purpose, up to a bound, or `other`.
    Purpose,
    /// The country by its ISO 3166 code, `001` for numbers of no country, `none` where there is no number.
    Region,
    /// The kind of a reason, and beside it `detail`.
    Reason,
    /// Any other, from a closed list of words.
    Word(&'static str, &'static [&'static str]),
}

impl Label {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Purpose => "purpose",
            Self::Region => "region",
            Self::Reason => "reason",
            Self::Word(name, _) => name,
        }
    }

    /// How many values it can have.
    #[must_use]
    pub fn most(self) -> usize {
        match self {
            Self::Purpose => MOST_PURPOSES.saturating_add(2), // `other` and `none`
            Self::Region => Region::all().count().saturating_add(2), // `001` and `none`
            Self::Reason => label::reason_pairs(),
            Self::Word(_, words) => words.len(),
        }
    }
}

impl Metric {
    /// How many series it can have: the product of its labels' values.
    pub fn most_series(&self) -> usize {
        self.labels.iter().map(|label| label.most()).product()
    }

    const fn counter(name: &'static str, labels: &'static [Label], help: &'static str) -> Self {
        Self { name, kind: MetricKind::Counter, labels, help }
    }

    const fn histogram(name: &'static str, labels: &'static [Label], help: &'static str) -> Self {
        Self { name, kind: MetricKind::Histogram, labels, help }
    }

    const fn gauge(name: &'static str, labels: &'static [Label], help: &'static str) -> Self {
        Self { name, kind: MetricKind::Gauge, labels, help }
    }
}

use Label::{Purpose, Reason, Word};

const YES_NO: &[&str] = &["yes", "no"];
/// A call that nobody waited for to its end.
pub(super) const DROPPED: &str = "dropped";
/// What a store's call came to.
pub(super) const STORE_OUTCOMES: &[&str] =
    &["ok", "unavailable", "indeterminate", "full", "corrupt", "clock", DROPPED];
/// What a hand-off came to.
pub(super) const HANDOFF_OUTCOMES: &[&str] =
    &["accepted", "not_sent", "refused", "indeterminate", DROPPED];
const CHANNEL: Label = Word("channel", label::CHANNELS);

macro_rules! metrics {
    ($($name:ident = $metric:expr;)+) => {
        $(pub(super) const $name: Metric = $metric;)+
        /// Every metric of the crate, in the order of `docs/telemetry.md`.
        pub static METRICS: &[Metric] = &[$($name,)+];
    };
}

metrics! {
    TICKETS = Metric::counter("otpgate_tickets_total", &[Purpose],
        "Tickets made for pages.");
    SENT = Metric::counter("otpgate_sms_sent_total", &[Purpose, Label::Region],
        "Messages handed off, by whatever channel; resends too.");
    RESENT = Metric::counter("otpgate_sms_resent_total", &[Purpose],
        "Those of them that renewed a running verification.");
    BY_CHANNEL = Metric::counter("otpgate_messages_total", &[CHANNEL, Word("confirmed", YES_NO)],
        "Messages handed off by channel, and whether the provider confirmed them.");
    SEGMENTS = Metric::counter("otpgate_sms_segments_total", &[Label::Region],
        "Segments, as the gate counts them.");
    SPEND = Metric::counter("otpgate_spend_microdollars_total", &[Label::Region],
        "Reserved for messages handed off, in millionths of a dollar; look-ups are not in it.");
    CORRECTED = Metric::counter("otpgate_spend_corrected_microdollars_total",
        &[Word("direction", &["up", "down"])],
        "By how much providers' prices differed from what was reserved, over all countries.");
    UNCONVERTED = Metric::counter("otpgate_prices_unconverted_total", &[],
        "Prices in a currency for which the policy states no rate.");
    NOT_SENT = Metric::counter("otpgate_sms_not_sent_total",
        &[CHANNEL, Word("cause", &["refused", "not_accepted"])],
        "Messages that the provider did not accept: for good because of the number, or not now.");
    DECOYS = Metric::counter("otpgate_decoys_total", &[Purpose],
        "Decoys answered in place of a text.");
    REFUSED = Metric::counter("otpgate_sends_refused_total", &[Purpose, Reason],
        "Sends refused.");
    REFUSED_BY_REGION = Metric::counter("otpgate_sends_refused_by_region_total", &[Label::Region],
        "The same by country.");
    WITHHELD = Metric::counter("otpgate_sends_withheld_total", &[Purpose, Reason],
        "Texts withheld while the client was told otherwise.");
    WOULD_REFUSE = Metric::counter("otpgate_sends_observed_total", &[Purpose, Reason],
        "Sends that shadow mode let pass and that would have been refused.");
    STEP_UPS = Metric::counter("otpgate_step_ups_total", &[Purpose, Reason],
        "Clients asked to prove more.");
    HUMAN_FAILED = Metric::counter(
        "otpgate_human_checks_failed_total",
        &[Word("failure", label::HUMAN_FAILURES)],
        "Human checks made and not passed.",
    );
    ACCEPTED = Metric::counter("otpgate_codes_accepted_total", &[Purpose, Label::Region],
        "Codes accepted.");
    REJECTED = Metric::counter("otpgate_codes_rejected_total",
        &[Purpose, Word("cause", label::CAUSES)],
        "Codes not accepted.");
    TOOK = Metric::histogram("otpgate_verification_seconds", &[Purpose],
        "From the first send to the right code.");
    ATTEMPTS = Metric::histogram("otpgate_verification_attempts", &[Purpose],
        "Attempts that an accepted code took.");
    TEST_NUMBERS = Metric::counter("otpgate_test_number_uses_total",
        &[Word("step", label::TEST_USES)],
        "Uses of test numbers.");
    AUTHENTICATOR = Metric::counter("otpgate_authenticator_codes_total",
        &[Word("accepted", YES_NO)],
        "Codes of authenticator apps checked.");
    BUDGET_TIER = Metric::counter("otpgate_budget_tiers_passed_total",
        &[Word("scope", label::LIMITS), Word("tier", &["50", "step_up", "100"])],
        "Tiers of budgets passed.");
    SPRAYING = Metric::counter("otpgate_guess_spraying_total", &[],
        "Alarms about many wrong codes over many numbers.");
    PUMPING = Metric::counter("otpgate_pumping_alerts_total",
        &[Word("alert", label::ALERTS), Word("node", label::NODES)],
        "What the pumping detector had to say, and about what kind of place.");
    LOOK_UPS = Metric::counter("otpgate_number_look_ups_total",
        &[Word("source", &["asked", "kept"])],
        "What networks said of numbers: asked for and paid, or kept from before.");
    RECEIPTS = Metric::counter("otpgate_receipts_total",
        &[Label::Region, Word("delivered", YES_NO)],
        "Delivery receipts, the first of each text that says what became of it.");
    RECEIPT_FAULTS = Metric::counter("otpgate_receipt_faults_total",
        &[Word("fault", label::DELIVERY_FAULTS)],
        "Why texts were not delivered.");
    GIVEN_BACK = Metric::counter("otpgate_quotas_given_back_total", &[],
        "Receipts by which a number got its interval and its quotas back.");
    UNMATCHED = Metric::counter("otpgate_receipts_unmatched_total", &[],
        "Genuine receipts of texts that this deployment does not know.");
    RECEIPTS_REFUSED = Metric::counter("otpgate_receipts_refused_total",
        &[Word("cause", label::RECEIPT_ERRORS)],
        "Requests with receipts that were not believed.");
    NUMBER_FAULTS = Metric::counter("otpgate_number_faults_total",
        &[Word("fault", label::NUMBER_FAULTS)],
        "What providers reported about numbers that holds for later texts too.");
    OPTED_IN = Metric::counter("otpgate_opt_ins_total", &[],
        "Owners of numbers that opted in again by text.");
    REPORTED = Metric::counter("otpgate_verifications_reported_total",
        &[Word("worth", &["genuine", "worthless"])],
        "What the host said that verifications were worth.");
    CONTROLS_CHANGED = Metric::counter("otpgate_controls_changed_total", &[],
        "Changes that operators made.");
    OUTAGES = Metric::counter("otpgate_outages_total", &[Word("part", label::PARTS)],
        "Outages, by the part that failed.");
    STORE_CALLS = Metric::histogram("otpgate_store_call_seconds",
        &[Word("verb", &["admit", "settle", "redeem", "tally"]), Word("outcome", STORE_OUTCOMES)],
        "Calls to a metered store.");
    HAND_OFFS = Metric::histogram("otpgate_hand_off_seconds",
        &[CHANNEL, Word("outcome", HANDOFF_OUTCOMES)],
        "Hand-offs to a metered transport.");
    BUDGET_SPENT = Metric::gauge("otpgate_budget_spent_dollars", &[],
        "Spent of the daily budget in the last 24 hours.");
    BUDGET_LIMIT = Metric::gauge("otpgate_budget_limit_dollars", &[],
        "The daily budget.");
    GLOBAL_SPENT = Metric::gauge("otpgate_global_budget_spent_dollars", &[],
        "Spent in the last 24 hours of the budget that all realms share, where there is one.");
    GLOBAL_LIMIT = Metric::gauge("otpgate_global_budget_limit_dollars", &[],
        "The budget that all realms share.");
    PLACES_ACTING = Metric::gauge("otpgate_detector_places",
        &[Word("action", &["ask", "refuse"])],
        "Number blocks, countries and networks in which the detector asks or refuses by itself.");
    CONTROLS = Metric::gauge("otpgate_controls_entries", &[],
        "Entries of the operators' controls that hold.");
    PAUSED = Metric::gauge("otpgate_sms_paused", &[],
        "1 while an operator has switched all SMS off, otherwise 0.");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_conventions_of_prometheus() {
        for metric in METRICS {
            let name = metric.name;
            let plain = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
            assert!(name.starts_with("otpgate_") && name.bytes().all(plain), "{name}");
            assert_eq!(metric.kind == MetricKind::Counter, name.ends_with("_total"), "{name}");
            assert!(metric.help.ends_with('.'), "{name}");
        }
        let names: std::collections::BTreeSet<_> = METRICS.iter().map(|m| m.name).collect();
        assert_eq!(names.len(), METRICS.len());
    }

    #[test]
    fn the_series_are_bounded() {
        for metric in METRICS {
            assert!(metric.most_series() <= 5_000, "{}: {}", metric.name, metric.most_series());
        }
    }
}
