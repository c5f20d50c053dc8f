#!/usr/bin/env bash
# aws-sigv4: the feature for signing HTTP requests does not compile by itself.
#
# What:     aws-sigv4 1.6.4 (crates.io), AWS's own signer of requests; 1.3.8 does the same.
# Guess:    `sign-http`, one of the two default features, is what signing HTTP requests needs; the other,
#           `http1`, adds conversions for requests of the http crate. So whoever takes headers from
#           `SigningInstructions::headers` asks for `sign-http` only.
# Seen:     default-features = false, features = ["sign-http"]          -> seven errors, all about `http`
#           default-features = false, features = ["sign-http", "http1"] -> compiles
#           `sign-http` brings http 0.2 under the name `http0`; the code names `http`, version 1, which
#           only `http1` brings.
# Matters:  a reader takes the errors for a broken release or a wrong compiler. Name both features.
#
# Exits non-zero if this changes. Needs Rust 1.94.1 and crates.io.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/src"
touch "$folder/src/lib.rs"
unset CARGO_TARGET_DIR

# with FEATURES: checks the crate with these features of aws-sigv4.
with() {
    cat > "$folder/Cargo.toml" <<TOML
[package]
name = "finding"
version = "0.0.0"
edition = "2021"
[dependencies]
aws-sigv4 = { version = "=1.6.4", default-features = false, features = [$1] }
[workspace]
TOML
    (cd "$folder" && CARGO_TERM_COLOR=never cargo check 2>"$folder/log")
}

if with '"sign-http"'; then
    echo "changed: sign-http compiles by itself"
    exit 1
fi
grep -q 'could not compile `aws-sigv4`' "$folder/log"
grep -q 'unresolved import `http`' "$folder/log"
with '"sign-http", "http1"' || { tail -5 "$folder/log"; echo "changed: both do not compile"; exit 1; }
echo "as described: sign-http needs http1"
