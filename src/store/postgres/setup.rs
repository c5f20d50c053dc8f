//! Connecting, migrating, and whether the database is fit to keep what the gate keeps.

use std::fmt::Write as _;
use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Pool, PoolError, RecyclingMethod};
use tokio_postgres::config::Host;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Config, GenericClient, NoTls, Socket};

use super::error::PostgresSetupError;
use super::migration::{MIGRATIONS, Migration, NEEDED};
use super::{DEFAULT_CONNECTIONS, PostgresStore};

/// Held while migrating, so that processes that start together migrate one after the other.
const MIGRATING: i64 = 0x6f74_7067_6174_6501;

impl PostgresStore {
    /// Connects without TLS, with [`DEFAULT_CONNECTIONS`] at the most.
    ///
    /// For a server on the same host or a network of the host's own; across any other use
    /// [`connect_with`](PostgresStore::connect_with). The address is tried once before this returns.
    ///
    /// # Errors
    ///
    /// [`PostgresSetupError`], with the address and the cause.
    pub async fn connect(url: &str) -> Result<Self, PostgresSetupError> {
        let config: Config = url.parse().map_err(PostgresSetupError::Url)?;
        Self::connect_with(config, NoTls, DEFAULT_CONNECTIONS).await
    }

    /// Connects with the host's own TLS and at most `connections`.
    ///
    /// A connection that is not made within the configuration's `connect_timeout`, or 5 s if it
    /// says nothing, counts as refused.
    ///
    /// # Errors
    ///
    /// [`PostgresSetupError`], with the address and the cause.
    pub async fn connect_with<T>(
        mut config: Config,
        tls: T,
        connections: usize,
    ) -> Result<Self, PostgresSetupError>
    where
        T: MakeTlsConnect<Socket> + Clone + Sync + Send + 'static,
        T::Stream: Sync + Send,
        T::TlsConnect: Sync + Send,
        <T::TlsConnect as tokio_postgres::tls::TlsConnect<Socket>>::Future: Send,
    {
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(Duration::from_secs(5));
        }
        let address = address(&config);
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = Manager::from_config(config, tls, recycling);
        let pool = Pool::builder(manager)
            .max_size(connections.max(1))
            .build()
            .map_err(|error| PostgresSetupError::Refused(error.into()))?;
        match pool.get().await {
            Ok(_) => Ok(Self::from_pool(pool)),
            Err(PoolError::Backend(error)) => {
                Err(PostgresSetupError::Unreachable { address, source: cause(error) })
            }
            Err(error) => Err(PostgresSetupError::Unreachable { address, source: error.into() }),
        }
    }

    /// The schema's versions as SQL, for a host that applies migrations with its own tool.
    ///
    /// ```
    /// use otpgate::store::PostgresStore;
    ///
    /// for migration in PostgresStore::migrations() {
    ///     let file = format!("{:04}_{}.sql", migration.version, migration.name);
    ///     assert!(migration.sql.contains("create schema if not exists otpgate"), "{file}");
    /// }
    /// ```
    #[must_use]
    pub const fn migrations() -> &'static [Migration] {
        MIGRATIONS
    }

    /// Applies the migrations that are missing, each in a transaction, then does as
    /// [`ready`](PostgresStore::ready).
    ///
    /// Any number of processes may call it at the same time, and as often as they like. The role
    /// needs to be allowed to create the schema `otpgate`, or own it.
    ///
    /// # Errors
    ///
    /// [`PostgresSetupError`]; a migration that failed left nothing behind.
    pub async fn migrate(&self) -> Result<(), PostgresSetupError> {
        let mut connection = self.pool.get().await.map_err(refused)?;
        for migration in MIGRATIONS {
            let transaction = connection.transaction().await.map_err(refused)?;
            let lock = format!("select pg_advisory_xact_lock({MIGRATING})");
            transaction.batch_execute(&lock).await.map_err(refused)?;
            let found = version(&*transaction).await?;
            if found < migration.version {
                transaction.batch_execute(migration.sql).await.map_err(refused)?;
            }
            transaction.commit().await.map_err(refused)?;
        }
        drop(connection);
        self.ready().await
    }

    /// Whether the database is reachable, migrated, and set up so that it loses nothing that it
    /// acknowledged. Call it at start, after the migrations.
    ///
    /// # Errors
    ///
    /// [`PostgresSetupError`], which says what to do.
    pub async fn ready(&self) -> Result<(), PostgresSetupError> {
        let connection = self.pool.get().await.map_err(refused)?;
        for (setting, bad, wanted) in [
            ("fsync", "off", "on"),
            ("synchronous_commit", "off", "on"),
            ("full_page_writes", "off", "on"),
            ("default_transaction_isolation", "", "read committed"),
        ] {
            let show = format!("show {setting}");
            let messages = connection.simple_query(&show).await.map_err(refused)?;
            let value = messages.iter().find_map(|message| match message {
                tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0),
                _ => None,
            });
            let value = value.unwrap_or_default();
            if value == bad || bad.is_empty() && value != wanted {
                let value = value.to_owned();
                return Err(PostgresSetupError::LosesState { setting, value, wanted });
            }
        }
        match version(&**connection).await? {
            found if found < NEEDED => {
                Err(PostgresSetupError::NotMigrated { found, needed: NEEDED })
            }
            _ => Ok(()),
        }
    }
}

/// The newest migration that was applied; 0 if none was.
async fn version(client: &impl GenericClient) -> Result<i32, PostgresSetupError> {
    let known = "select to_regclass('otpgate.migration') is not null";
    let newest = "select coalesce(max(version), 0)::text from otpgate.migration";
    if read(client, known).await?.as_deref() != Some("t") {
        return Ok(0);
    }
    let found = read(client, newest).await?;
    Ok(found.and_then(|found| found.parse().ok()).unwrap_or(0))
}

async fn read(
    client: &impl GenericClient,
    sql: &str,
) -> Result<Option<String>, PostgresSetupError> {
    let messages = client.simple_query(sql).await.map_err(refused)?;
    Ok(messages.iter().find_map(|message| match message {
        tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    }))
}

fn refused(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> PostgresSetupError {
    PostgresSetupError::Refused(error.into())
}

/// The innermost cause, as the outer ones say no more than that there is one.
fn cause(error: tokio_postgres::Error) -> Box<dyn std::error::Error + Send + Sync> {
    match error.as_db_error() {
        Some(said) => said.clone().into(),
        None => error.into_source().unwrap_or_else(|| "the connection was closed".into()),
    }
}

/// Hosts and ports; nothing else of a configuration is fit to print.
fn address(config: &Config) -> String {
    let ports = config.get_ports();
    let mut text = String::new();
    for (at, host) in config.get_hosts().iter().enumerate() {
        let port = ports.get(at).or(ports.first()).copied().unwrap_or(5432);
        let comma = if at == 0 { "" } else { ", " };
        // Writing to a string does not fail.
        let _ = match host {
            Host::Tcp(name) => write!(text, "{comma}{name}:{port}"),
            #[cfg(unix)]
            Host::Unix(path) => write!(text, "{comma}{}/.s.PGSQL.{port}", path.display()),
        };
    }
    if text.is_empty() { "no host at all".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_names_hosts_and_ports_and_no_password() {
        let config: Config = "postgres://me:secret@a,b:5433/x".parse().unwrap();
        assert!(!address(&config).contains("secret"));
        assert!(address(&config).starts_with("a:"));
    }
}
