//! What a test run leaves out is counted as ignored, with the command that makes it.

#[cfg(not(feature = "axum"))]
#[test]
#[ignore = "SKIPPED, NOT TESTED: cargo test --features axum --test browser, with Chromium and its driver"]
fn the_page_in_a_real_browser() {
    panic!("run `cargo test --features axum --test browser`, with Chromium and its driver");
}
