//! Connecting, migrating, and the look before the first call.

use std::fmt::Write as _;
use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod};
use tokio_postgres::config::{Host, TargetSessionAttrs};
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Config, NoTls, Socket};

use super::error::{Late, PostgresSetupError, said};
use super::migration::{MIGRATIONS, Migration};
use super::{DEFAULT_CONNECTIONS, PostgresStore, check, url};

/// How long a host may take to be reached.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long all migrations may take, with the wait for another process that migrates. They take a
/// tenth of a second on an empty database; later ones may have tables to change.
const MIGRATED: Duration = Duration::from_secs(60);

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
        Self::connect_with(url::parsed(url)?, NoTls, DEFAULT_CONNECTIONS).await
    }

    /// Connects with the host's own TLS and at most `connections`.
    ///
    /// A connection that is not made within the configuration's `connect_timeout`, or 5 s if it
    /// says nothing, counts as refused; so does a server that then says nothing for as long again. Of several hosts the first that takes writes is used, at
    /// this start and for each connection that is made later: `target_session_attrs=read-write` is
    /// set whatever the configuration says, as nothing else would do.
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
        let each = config.get_connect_timeout().copied().unwrap_or(CONNECT_TIMEOUT);
        config.connect_timeout(each);
        // That is for the socket of each host. What a host then says has the same time once more.
        let hosts = u32::try_from(config.get_hosts().len()).unwrap_or(u32::MAX);
        let all = each.saturating_mul(hosts.saturating_add(1));
        // Each new connection asks, and goes on to the next host if this one only reads.
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        let address = address(&config);
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = Manager::from_config(config, tls, recycling);
        let pool = Pool::builder(manager)
            .max_size(connections.max(1))
            .build()
            .map_err(|error| PostgresSetupError::Refused(error.into()))?;
        let Ok(connected) = tokio::time::timeout(all, pool.get()).await else {
            return Err(PostgresSetupError::Unreachable {
                address,
                source: Late::Answer(all).into(),
            });
        };
        match connected {
            Ok(_) => Ok(Self::from_pool(pool)),
            Err(PoolError::Backend(error)) if only_reads(&error) => {
                Err(PostgresSetupError::OnlyReads { address })
            }
            Err(PoolError::Backend(error)) => {
                Err(PostgresSetupError::Unreachable { address, source: said(error) })
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
    ///     assert!(migration.sql.contains("insert into otpgate.migration"), "{file}");
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
    /// needs to be allowed to create the schema `otpgate`, or own it; where nothing is missing, it
    /// needs no more than the gate does. A server that does not answer is given up after
    /// [`with_deadline`](PostgresStore::with_deadline); what is being migrated has a minute.
    ///
    /// # Errors
    ///
    /// [`PostgresSetupError`]; a migration that failed left nothing behind.
    pub async fn migrate(&self) -> Result<(), PostgresSetupError> {
        let connection = self.answered(self.deadline, self.checked()).await?;
        self.answered(MIGRATED.max(self.deadline), apply(connection)).await?;
        self.ready().await
    }

    /// Looks at everything that the store will need, once. Call it at start, after the migrations.
    ///
    /// It refuses a standby, a server, database or role that only reads, a server before version 14,
    /// settings that lose what was acknowledged, a schema that is missing or older than this
    /// release, and a role that lacks a right on one of its tables or functions. At last it writes a
    /// row and takes it back. It changes nothing. A server that does not answer is given up after
    /// [`with_deadline`](PostgresStore::with_deadline).
    ///
    /// # Errors
    ///
    /// [`PostgresSetupError`], which says what to do.
    pub async fn ready(&self) -> Result<(), PostgresSetupError> {
        self.answered(self.deadline, self.looked()).await
    }

    async fn looked(&self) -> Result<(), PostgresSetupError> {
        let connection = self.checked().await?;
        // Rights first: without them the version cannot be read.
        check::rights(&**connection).await?;
        check::migrated(&**connection).await?;
        let trial = check::trial(&**connection).await;
        if trial.is_err() {
            // It ended within a transaction.
            drop(Object::take(connection));
        }
        trial
    }

    /// What `work` comes to, unless that takes longer than `within`.
    async fn answered<T>(
        &self,
        within: Duration,
        work: impl Future<Output = Result<T, PostgresSetupError>>,
    ) -> Result<T, PostgresSetupError> {
        if let Ok(answer) = tokio::time::timeout(within, work).await {
            return answer;
        }
        // The connection has gone back to the pool, and its siblings lead to the same place.
        drop(self.pool.retain(|_, _| false));
        Err(PostgresSetupError::Silent { within })
    }

    /// A connection to a server that will do.
    async fn checked(&self) -> Result<Object, PostgresSetupError> {
        let connection = self.pool.get().await?;
        match check::server(&**connection).await {
            Ok(()) => Ok(connection),
            Err(error) => {
                // The next look goes to what the address leads to by then.
                drop(Object::take(connection));
                drop(self.pool.retain(|_, _| false));
                Err(error)
            }
        }
    }
}

/// Applies the migrations that are missing.
async fn apply(mut connection: Object) -> Result<(), PostgresSetupError> {
    for migration in MIGRATIONS {
        let transaction = connection.transaction().await?;
        let lock = format!("select pg_advisory_xact_lock({MIGRATING})");
        transaction.batch_execute(&lock).await?;
        let found = check::version(&*transaction).await?;
        if found < migration.version {
            let applied = transaction.batch_execute(migration.sql).await;
            applied.map_err(|error| PostgresSetupError::migrating(error, found))?;
        }
        transaction.commit().await?;
    }
    Ok(())
}

/// Whether every host that answered takes no writes. tokio-postgres says it in this way alone.
fn only_reads(error: &tokio_postgres::Error) -> bool {
    let source = std::error::Error::source(error);
    source.and_then(|source| source.downcast_ref::<std::io::Error>()).is_some_and(|error| {
        error.kind() == std::io::ErrorKind::PermissionDenied && error.raw_os_error().is_none()
    })
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
