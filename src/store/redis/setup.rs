//! What is asked of a server before it is trusted, and [`RedisSetupError`].

use std::time::Duration;

use redis::{ConnectionAddr, ConnectionInfo, InfoDict, IntoConnectionInfo, RedisError};

/// Why a [`RedisStore`](super::RedisStore) could not be set up.
///
/// Names the server by host and port; never holds a password.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum RedisSetupError {
    /// The address is not a Redis URL. Nothing of it is repeated, as any part of it may be a piece
    /// of a password.
    #[error(
        "this is not a Redis URL: {reason}; write redis://user:password@host:port/db, or \
         rediss://user:password@host:port/db for TLS"
    )]
    Address {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// No address was given.
    #[error("a cluster needs the URL of at least one of its nodes")]
    NoAddress,
    /// Nobody answers at the address, or what answers does not let us in.
    #[error(
        "no Redis server can be used at {address}: {source}; check address, credentials and TLS"
    )]
    Unreachable {
        /// Host and port.
        address: String,
        /// What happened.
        source: RedisError,
    },
    /// The server may evict live state: spent codes and full meters would come back fresh.
    #[error(
        "the Redis server at {address} has maxmemory-policy {policy:?}, which may evict live state; \
         set it to \"noeviction\""
    )]
    Evicts {
        /// Host and port.
        address: String,
        /// The policy that the server reports.
        policy: String,
    },
    /// The user may not run what the store runs.
    #[error(
        "the Redis user at {address} may not use {denied}; grant it the commands and the keys \
         {{* that docs/stores.md lists, with ACL SETUSER"
    )]
    Forbidden {
        /// Host and port.
        address: String,
        /// The commands, and keys if it may not use those.
        denied: String,
    },
    /// The server is a replica, which cannot be written to.
    #[error("the Redis server at {address} is a replica; connect to its primary")]
    Replica {
        /// Host and port.
        address: String,
    },
    /// A cluster was addressed as a single server, or the other way round.
    #[error("the Redis server at {address} does not run in cluster mode {expected}; use {instead}")]
    Mode {
        /// Host and port.
        address: String,
        /// The mode that was expected: `on` or `off`.
        expected: &'static str,
        /// The constructor to use.
        instead: &'static str,
    },
    /// The server does not say what it is.
    #[error(
        "the Redis server at {address} does not report {field} in INFO; allow it to, or use another server"
    )]
    Silent {
        /// Host and port.
        address: String,
        /// What is missing.
        field: &'static str,
    },
}

/// How long a server may take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RedisOptions {
    /// To accept a connection and answer the first questions. Default 1 s.
    pub connect_timeout: Duration,
    /// To answer a call. Default 500 ms: a hundred times the slowest answer measured under load,
    /// and a wait that a person who typed a code does not notice. A call that took longer is
    /// [`Indeterminate`](crate::store::StoreErrorKind::Indeterminate).
    pub response_timeout: Duration,
    /// Into how many partitions a deployment is spread. Default 1: everything of a deployment is on one
    /// node, whatever the cluster. More, and each takes that share of the numbers and of every limit that
    /// they have in common; as many as the cluster has primaries, or a small multiple. It is laid down by
    /// the deployment's first call, and a store with another number is refused until
    /// [`RedisStore::repartition`](super::RedisStore::repartition) has changed it once; from then on what is
    /// laid down counts, and not this. At most 1 024; 0 counts as 1. See [the module](super#a-deployment-over-several-partitions) for what it
    /// gives up.
    pub partitions: u16,
}

impl Default for RedisOptions {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(1),
            response_timeout: Duration::from_millis(500),
            partitions: 1,
        }
    }
}

/// How far a change of the number of partitions is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Repartition {
    /// The deployment has the number of partitions, and nothing is left of those before.
    Done,
    /// It has the number, and fetches what those before hold.
    Moving {
        /// How many of their keys have not ended yet, fetched or not.
        keys: u64,
    },
}

/// The connection that a URL describes, without Nagle's delay: every call waits for its answer.
pub(super) fn parsed(url: &str) -> Result<ConnectionInfo, RedisSetupError> {
    // An `@` after the host can only be the end of credentials that the parser has cut short: what
    // it takes for the host is then a piece of the password, and every error would name it.
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let socket = url.split_once(':').is_some_and(|(scheme, _)| scheme.ends_with("unix"));
    if !socket && rest.find(['/', '?', '#']).and_then(|end| rest.get(end..)).is_some_and(holds_at) {
        return Err(RedisSetupError::Address {
            reason: "the password or user has a character that ends it; write @ / ? # : % of it as \
                     %40 %2F %3F %23 %3A %25",
        });
    }
    let info = url.into_connection_info().map_err(|_| RedisSetupError::Address {
        reason: "the scheme, host, port or database cannot be read, or the password has a character \
                 that must be escaped (@ / ? # : % are %40 %2F %3F %23 %3A %25)",
    })?;
    // It announces name and version of a library, which the listed commands do not include.
    let settings = info.redis_settings().clone().set_skip_set_lib_name();
    let info = info.set_redis_settings(settings);
    #[cfg(feature = "redis-tls")]
    if matches!(info.addr(), ConnectionAddr::TcpTls { .. })
        && rustls::crypto::CryptoProvider::get_default().is_none()
    {
        // Where the process has made no choice. Lost races and earlier choices are both fine.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
    let tcp = info.tcp_settings().clone().set_nodelay(true);
    Ok(info.set_tcp_settings(tcp))
}

fn holds_at(text: &str) -> bool {
    text.contains('@')
}

/// Host and port, as an operator would look for it.
pub(super) fn address(addr: &ConnectionAddr) -> String {
    match addr {
        ConnectionAddr::Tcp(host, port) => format!("{host}:{port}"),
        ConnectionAddr::TcpTls { host, port, .. } => format!("{host}:{port} (TLS)"),
        ConnectionAddr::Unix(path) => path.display().to_string(),
        _ => "the given address".to_owned(),
    }
}

/// What a node must be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Mode {
    Single,
    #[cfg(feature = "redis-cluster")]
    Cluster,
}

/// Checks what the server says about itself; answers which process it is.
pub(super) fn accepted(
    info: &InfoDict,
    mode: Mode,
    address: &str,
) -> Result<[u8; 8], RedisSetupError> {
    let address = || address.to_owned();
    let silent = |field| RedisSetupError::Silent { address: address(), field };
    let policy: String = info.get("maxmemory_policy").ok_or_else(|| silent("maxmemory_policy"))?;
    if policy != "noeviction" {
        return Err(RedisSetupError::Evicts { address: address(), policy });
    }
    // Valkey calls the field otherwise, unless it was told to say what Redis says.
    let said = info.get::<String>("redis_mode").or_else(|| info.get("server_mode"));
    let clustered = said.is_some_and(|mode| mode == "cluster");
    match mode {
        Mode::Single if clustered => {
            let (expected, instead) = ("off", "RedisStore::cluster");
            return Err(RedisSetupError::Mode { address: address(), expected, instead });
        }
        #[cfg(feature = "redis-cluster")]
        Mode::Cluster if !clustered => {
            let (expected, instead) = ("on", "RedisStore::connect");
            return Err(RedisSetupError::Mode { address: address(), expected, instead });
        }
        _ => {}
    }
    let role: String = info.get("role").ok_or_else(|| silent("role"))?;
    if role != "master" {
        return Err(RedisSetupError::Replica { address: address() });
    }
    // Forty hexadecimal digits, drawn when the process started; half as many would do.
    let run: String = info.get("run_id").ok_or_else(|| silent("run_id"))?;
    let start = run.get(..16).and_then(|digits| u64::from_str_radix(digits, 16).ok());
    start.map(u64::to_be_bytes).ok_or_else(|| silent("run_id"))
}

crate::base::sentence::debug_as_sentence!(RedisSetupError);
