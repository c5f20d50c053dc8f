//! What a test run leaves out is counted as ignored, with the command that makes it.

#[cfg(not(feature = "axum"))]
#[test]
#[ignore = "SKIPPED, NOT TESTED: cargo test --features axum --test web"]
fn the_web_edge_through_real_sockets() {
    panic!("run `cargo test --features axum --test web`");
}
