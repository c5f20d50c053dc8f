//! Metrics and spans: the features `metrics` and `tracing`.
//!
//! Both speak in *bounded* labels: purposes up to a stated number, countries by their ISO code, and
//! words of this crate for reasons, causes and parts. No number, code, token, address, session or
//! account gets out, whatever the traffic; a test drives known ones through a gate and searches all
//! that is exported.
//!
//! - `metrics`: [`MetricsObserver`] turns [`Event`](crate::Event)s into counters and histograms of
//!   the `metrics` crate, [`Metered`] times a store and a transport, [`METRICS`] lists them all.
//! - `tracing`: a span for each verb of the gate, named `otpgate.` and the verb, and one below it for each
//!   call to the store, to a provider, to the human check and to a look-up. [`SPANS`] and [`FIELDS`]
//!   list them; nothing has to be switched on but the feature.
//!
//! `docs/telemetry.md` has the tables, `docs/telemetry/` rules for Prometheus and a dashboard for
//! Grafana.

#[cfg(feature = "metrics")]
mod catalogue;
#[cfg(any(feature = "metrics", feature = "tracing", feature = "console"))]
pub(crate) mod label;
#[cfg(feature = "metrics")]
mod metered;
#[cfg(feature = "metrics")]
mod names;
#[cfg(feature = "metrics")]
mod observer;
mod span;

#[cfg(feature = "metrics")]
pub use catalogue::{Label, METRICS, MOST_PURPOSES, Metric, MetricKind};
#[cfg(feature = "metrics")]
pub use metered::Metered;
#[cfg(feature = "metrics")]
pub use observer::{BUCKETS, MetricsObserver};
#[cfg(feature = "tracing")]
pub use span::{FIELDS, SPANS};

pub(crate) use span::{Span, Verb, note};
