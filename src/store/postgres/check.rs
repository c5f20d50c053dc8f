//! One look at everything that the store will need, before the first call needs it.

use std::fmt::Write as _;

use tokio_postgres::{GenericClient, SimpleQueryMessage, SimpleQueryRow};

use super::error::PostgresSetupError;
use super::migration::{MIGRATIONS, NEEDED};

/// The oldest server that the functions run on, as `server_version_num` says it.
const OLDEST: u32 = 140_000;

/// What the server and the session are. One statement, so that a pooler has one server answer all.
const SERVER: &str = "\
    select pg_is_in_recovery() as standby, \
      current_setting('transaction_read_only') as read_only, \
      current_setting('server_version_num') as release, \
      current_setting('server_version') as release_name, \
      current_setting('fsync') as fsync, \
      current_setting('full_page_writes') as full_page_writes, \
      current_setting('synchronous_commit') as synchronous_commit, \
      current_setting('synchronous_standby_names') as standbys, \
      current_setting('default_transaction_isolation') as isolation, \
      current_user as role";

/// Writes and takes it back. It finds what no catalogue tells: a trigger that refuses, a pooler that
/// sends writes elsewhere, a disk that takes none.
const TRIAL: &str = "begin; \
    insert into otpgate.once (key, drop_at, until) values (gen_random_uuid(), 0, 0); \
    rollback";

/// Whether the server takes writes, is new enough, and keeps what it acknowledged.
pub(super) async fn server(client: &impl GenericClient) -> Result<(), PostgresSetupError> {
    let row = row(client, SERVER).await?;
    let said = |column: &str| row.as_ref().and_then(|row| row.get(column)).unwrap_or_default();
    if said("standby") == "t" {
        return Err(PostgresSetupError::Standby);
    }
    if said("read_only") != "off" {
        return Err(PostgresSetupError::ReadOnly { role: said("role").to_owned() });
    }
    if said("release").parse::<u32>().unwrap_or(0) < OLDEST {
        return Err(PostgresSetupError::TooOld { found: said("release_name").to_owned() });
    }
    let loses = |setting, wanted, value: &str| {
        Err(PostgresSetupError::LosesState { setting, value: value.to_owned(), wanted })
    };
    for setting in ["fsync", "full_page_writes"] {
        if said(setting) != "on" {
            return loses(setting, "on", said(setting));
        }
    }
    // With a standby named, "local" acknowledges what the standby has not got: a fail-over would
    // lose it. Every other level waits for the standby, as the page promises.
    match said("synchronous_commit") {
        "on" | "remote_apply" | "remote_write" => {}
        "local" if said("standbys").is_empty() => {}
        value => return loses("synchronous_commit", "on", value),
    }
    if said("isolation") != "read committed" {
        return loses("default_transaction_isolation", "read committed", said("isolation"));
    }
    Ok(())
}

/// Whether the role may do in the schema what the store does there.
pub(super) async fn rights(client: &impl GenericClient) -> Result<(), PostgresSetupError> {
    let Some(row) = row(client, &missing_rights()).await? else { return Ok(()) };
    let said = |column: &str| row.get(column).unwrap_or_default().to_owned();
    if said("missing").is_empty() {
        return Ok(());
    }
    Err(PostgresSetupError::Forbidden { role: said("role"), missing: said("missing") })
}

/// Whether a row can be written.
pub(super) async fn trial(client: &impl GenericClient) -> Result<(), PostgresSetupError> {
    client.batch_execute(TRIAL).await.map_err(PostgresSetupError::from)
}

/// The newest migration that was applied; 0 if none was.
pub(super) async fn version(client: &impl GenericClient) -> Result<i32, PostgresSetupError> {
    let known = "select to_regclass('otpgate.migration') is not null as known";
    let newest = "select coalesce(max(version), 0) as newest from otpgate.migration";
    match row(client, known).await? {
        Some(row) if row.get("known") == Some("t") => {}
        _ => return Ok(0),
    }
    let newest = row(client, newest).await?;
    let found = newest.as_ref().and_then(|row| row.get("newest"));
    Ok(found.and_then(|found| found.parse().ok()).unwrap_or(0))
}

/// Whether all migrations that this release needs were applied.
pub(super) async fn migrated(client: &impl GenericClient) -> Result<(), PostgresSetupError> {
    match version(client).await? {
        found if found < NEEDED => Err(PostgresSetupError::NotMigrated { found, needed: NEEDED }),
        _ => Ok(()),
    }
}

/// Names each right that the role lacks. Reads the catalogue only, so it needs no right itself.
fn missing_rights() -> String {
    let mut tables = String::new();
    for table in created("create table if not exists otpgate.") {
        // Its own version is all that the store reads there.
        let rights: &[&str] = match table {
            "migration" => &["select"],
            _ => &["select", "insert", "update", "delete"],
        };
        for right in rights {
            let comma = if tables.is_empty() { "" } else { ", " };
            // Writing to a string does not fail.
            let _ = write!(tables, "{comma}('{table}', '{right}')");
        }
    }
    format!(
        "with schema as (select oid from pg_namespace where nspname = 'otpgate'), \
         lacks (what) as ( \
           select 'usage on schema otpgate' from schema \
             where not has_schema_privilege(schema.oid, 'usage') \
           union all \
           select wanted.privilege || ' on table otpgate.' || wanted.name \
             from (values {tables}) as wanted (name, privilege) \
             join schema on true \
             join pg_class on relnamespace = schema.oid and relname = wanted.name \
             where not has_table_privilege(pg_class.oid, wanted.privilege) \
           union all \
           select 'policies that hide no row of otpgate.' || relname \
             from pg_class join schema on relnamespace = schema.oid \
             where relkind = 'r' and row_security_active(pg_class.oid) \
           union all \
           select 'execute on function otpgate.' || proname \
             from pg_proc join schema on pronamespace = schema.oid \
             where not has_function_privilege(pg_proc.oid, 'execute') \
           union all \
           select 'usage on type otpgate.' || typname \
             from pg_type join schema on typnamespace = schema.oid \
             where typtype = 'c' and typname = 'book' \
               and not has_type_privilege(pg_type.oid, 'usage') \
         ) select current_user as role, coalesce(string_agg(what, ', '), '') as missing from lacks"
    )
}

/// What the migrations create, so that a later one is looked at too.
fn created(words: &'static str) -> impl Iterator<Item = &'static str> {
    MIGRATIONS.iter().flat_map(move |migration| {
        migration.sql.split(words).skip(1).filter_map(|rest| rest.split([' ', '(']).next())
    })
}

async fn row(
    client: &impl GenericClient,
    sql: &str,
) -> Result<Option<SimpleQueryRow>, PostgresSetupError> {
    let messages = client.simple_query(sql).await?;
    Ok(messages.into_iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_that_are_looked_at_are_those_of_the_migrations() {
        let mut tables: Vec<_> = created("create table if not exists otpgate.").collect();
        tables.sort_unstable();
        tables.dedup();
        assert_eq!(
            tables,
            ["challenge", "document", "entry", "journal", "migration", "once", "subject"]
        );
    }
}
