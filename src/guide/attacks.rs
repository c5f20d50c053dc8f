//! Holes that others had, and what prevents each here.
//!
//! Each row is a class of published holes or a measured behaviour, with one example whose record we
//! read. `docs/threat-model.md` starts from the attackers instead, and says what stays open.
//!
//! # Guessing
//!
//! | what went wrong | example | here |
//! |---|---|---|
//! | codes had no attempt limit although passwords had one | CVE-2024-32868 (Zitadel) | every code has one, and there is no policy without it |
//! | parallel guesses passed the check before any was counted | CVE-2024-4629 (Keycloak) | [`redeem`](crate::Store::redeem) charges, then compares, in one step of the store |
//! | a wrong guess was counted in memory and the error returned before it was saved | CVE-2026-27801 (Vaultwarden) | the same step; there is nothing to save afterwards |
//! | a new code reset the count | NIST SP 800-63B-4 §3.1.3.2 forbids it; several libraries count per code | attempts belong to the verification, failures to the number |
//! | wrong guesses never voided the code; all rested on a limiter that could be walked around | CVE-2026-33640 (Outline) | the limit is in the challenge itself |
//! | lockout was off by default, and an outage weapon when on | CVE-2025-64102 (Zitadel) | on, in five shares, of which strangers reach one, and two by solving CAPTCHAs, with waits that double |
//! | a blank behind the code made it another code for the limiter and the replay cache | CVE-2025-55000, CVE-2025-55003 (OpenBao) | one reader in [`SubmittedCode`](crate::otp::SubmittedCode); counters never key on what was typed |
//! | one guess each at a million numbers | no counter per number sees it | five guesses a text, texts bounded per network, and [`GuessSpraying`](crate::EventKind::GuessSpraying) over the realm |
//!
//! # Reuse
//!
//! | what went wrong | example | here |
//! |---|---|---|
//! | read, compare, delete: two clients, one code | measured in a Rust library: of 32 parallel right codes 31.99 were accepted on average once its store took 300 µs | consumption is part of the one step |
//! | codes were good for a further period | CVE-2024-7318 (Keycloak) | expiry is compared with the call's `now`; the backend's TTL decides nothing |
//! | a race test on a store without latency proved nothing | the same library passes it 2 000 times of 2 000 | the suite gives way at every await, and stores that are wrong on purpose must fail it |
//! | comparison stopped at the first difference | RUSTSEC-2022-0018 (totp-rs) | 32-byte digests, constant time |
//! | a proof of *my* number logged me in as *you* | a class of several reports | [`Verification::recipient`](crate::Verification::recipient) comes from the sealed grant |
//!
//! # Spending
//!
//! | what went wrong | example | here |
//! |---|---|---|
//! | the limiter believed `X-Forwarded-For` | CVE-2025-59152 (Litestar); 199 of 200 texts sent by rotating the header in one library's default set-up | no address from a bare header: [`ClientIp`](crate::ClientIp) |
//! | each spelling of a number had its own quota | 12 and 16 buckets for 16 spellings of one number in two libraries | [`line_key`](crate::Recipient::line_key): one line, one key |
//! | limits per number and per address only | attackers rotate both | money budget, limits per 10 000 numbers, detector |
//! | a provider's outage filled the fraud counters | the field's only published detector | what provably did not go out is given back |
//! | refused requests kept the block alive, so that real users stayed out | the same | refused traffic is observed and refills nothing |
//! | the limiter failed open when its store did | documented by two products | every outage refuses |
//! | an attacker flooded a cache until the counters were evicted | a class of reports against LRU caches | live state is never evicted; a full store refuses new work |
//!
//! # Leaks
//!
//! | what went wrong | here |
//! |---|---|
//! | codes in clear in the store, or as an unkeyed hash (10^6 hashes take a second) | HMAC under a key outside the store |
//! | codes in logs and job arguments | masked `Debug`, no `Display`, `expose_…` accessors |
//! | the code in the answer to the client | no answer of the gate has a field for it |
//! | "expired" only for the right code | one answer for every cause, one store round trip, also for an unknown grant |
//! | `randint(100000, 999999)`, `byte % 10` | rejection over the whole space, leading zeros kept |
//! | a seeded generator in production (CVE-2021-23451) | the trait is sealed; the seeded one is behind `testing` |
