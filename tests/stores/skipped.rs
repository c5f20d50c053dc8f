//! What a test run leaves out is counted as ignored, with the command that makes it.

#[cfg(not(feature = "redis"))]
#[test]
#[ignore = "SKIPPED, NOT TESTED: cargo test --features redis --test redis, with redis-server"]
fn the_redis_store_on_real_servers() {
    panic!("run `cargo test --features redis --test redis`, with redis-server");
}

#[cfg(not(feature = "postgres"))]
#[test]
#[ignore = "SKIPPED, NOT TESTED: cargo test --features postgres --test postgres, with PostgreSQL"]
fn the_postgresql_store_on_real_servers() {
    panic!("run `cargo test --features postgres --test postgres`, with PostgreSQL");
}
