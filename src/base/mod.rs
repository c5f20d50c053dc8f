//! Level 0: time, entropy, secrets, keys, identifiers, names and the byte codec. Imports nothing of ours.

pub(crate) mod adapter_error;
pub(crate) mod codec;
pub(crate) mod entropy;
pub(crate) mod id;
pub(crate) mod keyring;
pub(crate) mod late;
pub(crate) mod mac;
pub(crate) mod masked;
pub(crate) mod money;
pub(crate) mod network;
pub(crate) mod purpose_name;
pub(crate) mod seal;
pub(crate) mod secret;
pub(crate) mod sentence;
pub(crate) mod spare;
pub(crate) mod time;
pub(crate) mod timer;
pub(crate) mod typed;
