//! Level 0: time, entropy, secrets, keys, identifiers and the byte codec. Imports nothing of ours.

pub mod time;
