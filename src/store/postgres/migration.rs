//! [`Migration`]: the schema's versions, shipped with the crate.

/// One step of the schema, as SQL that can be applied again without harm.
///
/// `otpgate` keeps everything in the schema `otpgate`. A migration never changes: whatever is to be
/// otherwise in a database is the next one. The functions carry a version in their names, so that
/// gates of two releases can work on one store while a host rolls the new one out. Migrate first,
/// then roll out.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Migration {
    /// Its number, from 1 without gaps.
    pub version: i32,
    /// What it does, in a word, for a file name.
    pub name: &'static str,
    /// The statements. It records its version in `otpgate.migration` itself.
    pub sql: &'static str,
}

/// All of them, in order.
pub(super) const MIGRATIONS: &[Migration] = &[
    Migration { version: 1, name: "tables", sql: include_str!("migrations/0001_tables.sql") },
    Migration { version: 2, name: "verbs", sql: include_str!("migrations/0002_verbs.sql") },
];

/// The version that this release needs.
pub(super) const NEEDED: i32 = 2;

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

    #[test]
    fn versions_count_from_one_to_the_one_needed() {
        let versions: Vec<i32> = MIGRATIONS.iter().map(|migration| migration.version).collect();
        assert_eq!(versions, (1..=NEEDED).collect::<Vec<_>>());
    }

    /// A database keeps what it was given under a number.
    #[test]
    fn each_is_what_was_applied() {
        let digests = [
            "7a333f5a9651ce9c6f62962f01a5bd82c48f98bee57e7b85ade926c0e264a707",
            "d968f47a6c0783381ec8bdf91c46abc18e418cb2d7b403ce7b2722bf59c9dc4e",
        ];
        assert_eq!(digests.len(), MIGRATIONS.len());
        for (Migration { version, name, sql }, digest) in MIGRATIONS.iter().zip(digests) {
            let found = Sha256::digest(sql.as_bytes());
            let found: String = found.iter().map(|byte| format!("{byte:02x}")).collect();
            let cure = "take the change back and write it as the next migration";
            assert_eq!(found, digest, "{version:04}_{name}.sql was changed: {cure}");
        }
    }

    #[test]
    fn each_records_itself() {
        for migration in MIGRATIONS {
            let record = format!("into otpgate.migration (version) values ({})", migration.version);
            assert!(migration.sql.contains(&record), "{}", migration.name);
        }
    }
}
