//! Level 0: time, entropy, secrets, keys, identifiers and the byte codec. Imports nothing of ours.

pub mod codec;
pub mod entropy;
pub mod id;
pub mod keyring;
pub mod mac;
pub mod money;
pub(crate) mod seal;
pub mod secret;
pub mod time;
