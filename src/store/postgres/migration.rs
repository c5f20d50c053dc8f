//! [`Migration`]: the schema's versions, shipped with the crate.

/// One step of the schema, as SQL that can be applied again without harm.
///
/// `otpgate` keeps everything in the schema `otpgate`. A later release adds migrations and never
/// changes one that was published; the functions carry a version in their names, so that gates of
/// two releases can work on one store while a host rolls the new one out. Migrate first, then roll
/// out.
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
pub(super) const MIGRATIONS: &[Migration] =
    &[Migration { version: 1, name: "verbs", sql: include_str!("migrations/0001_verbs.sql") }];

/// The version that this release needs.
pub(super) const NEEDED: i32 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_count_from_one_to_the_one_needed() {
        let versions: Vec<i32> = MIGRATIONS.iter().map(|migration| migration.version).collect();
        assert_eq!(versions, (1..=NEEDED).collect::<Vec<_>>());
    }

    #[test]
    fn each_records_itself() {
        for migration in MIGRATIONS {
            let record = format!("into otpgate.migration (version) values ({})", migration.version);
            assert!(migration.sql.contains(&record), "{}", migration.name);
        }
    }
}
