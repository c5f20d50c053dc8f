#!/usr/bin/env bash
# ALTCHA: the crate that is named like the official repository reads no answer of the current protocol.
#
# What:     altcha-lib-rs 0.3.3 (crates.io, April 2026; "compatible with the ALTCHA client-side widget"),
#           altcha 1.1.0 (crates.io, published from the official repository, which is called altcha-lib-rs),
#           altcha-lib 2.8.0 (npm), with the default work of the widget 3.2.2 (PBKDF2).
# Guess:    both crates verify what the JavaScript library makes and solves with its defaults; the one that
#           bears the repository's name is the official one.
# Seen:     altcha-lib-rs fails with `ParseJson("invalid type: map, expected a string")`: in the current
#           protocol `challenge` is an object, in the one it speaks a text. `altcha` says it is verified.
# Matters:  a host that follows the repository's name takes the other crate, and with a widget of version 3
#           or later every visitor's answer is an error; no test with the crate's own challenges shows it.
#
# Exits non-zero if this changes. Needs Node 20, npm, Rust and their registries. The secret is invented.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-fund --no-audit altcha-lib@2.8.0 >/dev/null
cat > solve.mjs <<'JS'
import { createChallenge, solveChallenge, verifySolution } from 'altcha-lib';
import { deriveKey } from 'altcha-lib/algorithms/pbkdf2';

const hmacSignatureSecret = 'an-invented-secret';
const challenge = await createChallenge({ algorithm: 'PBKDF2/SHA-256', cost: 100, deriveKey, hmacSignatureSecret });
const solution = await solveChallenge({ challenge, deriveKey });
const own = await verifySolution({ challenge, solution, deriveKey, hmacSignatureSecret });
if (!own.verified) throw new Error('its own verifier says no');
console.log(JSON.stringify({ challenge, solution }));
JS
node solve.mjs > payload.json
mkdir src
cat > Cargo.toml <<'TOML'
[package]
name = "look"
version = "0.0.0"
edition = "2024"

[dependencies]
altcha = "=1.1.0"
altcha-lib-rs = { version = "=0.3.3", features = ["json"] }
serde_json = "1"

[workspace]
TOML
cat > src/main.rs <<'RUST'
use altcha::{Challenge, Solution, VerifySolutionOptions, verify_solution};

const SECRET: &str = "an-invented-secret";

fn main() {
    let payload = std::fs::read_to_string("payload.json").expect("the payload");
    let other = altcha_lib_rs::verify_json_solution(&payload, SECRET, false);
    println!("altcha-lib-rs: {other:?}");
    let parts: serde_json::Value = serde_json::from_str(&payload).expect("JSON");
    let challenge: Challenge = serde_json::from_value(parts["challenge"].clone()).expect("a challenge");
    let solution: Solution = serde_json::from_value(parts["solution"].clone()).expect("a solution");
    let official = verify_solution(VerifySolutionOptions::new(&challenge, &solution, SECRET));
    println!("altcha: verified {}", official.expect("an answer").verified);
}
RUST
cargo run --quiet | tee seen
grep -q 'altcha-lib-rs: Err(ParseJson(Error("invalid type: map, expected a string"' seen
grep -qx 'altcha: verified true' seen
echo "as described"
