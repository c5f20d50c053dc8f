//! What a test run leaves out is counted as ignored, with the command that makes it.

#[cfg(not(all(feature = "metrics", feature = "tracing")))]
#[test]
#[ignore = "SKIPPED, NOT TESTED: cargo test --features metrics,tracing --test telemetry --test spans"]
fn metrics_and_spans_through_the_exporters() {
    panic!("run `cargo test --features metrics,tracing --test telemetry --test spans`");
}
