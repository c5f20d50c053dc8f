//! Reading a connection string without ever repeating a piece of it.
//!
//! An unescaped `@` in a password moves the border between credentials and host, so that a part of
//! the password becomes the host, and every later error would name it. Such a string is refused here,
//! before anything is made of it.

use tokio_postgres::Config;

use super::error::PostgresSetupError;

/// The configuration that `text` describes.
pub(super) fn parsed(text: &str) -> Result<Config, PostgresSetupError> {
    if let Some((scheme, rest)) = text.split_once("://")
        && matches!(scheme, "postgres" | "postgresql")
        && rest.matches('@').count() > 1
    {
        return Err(PostgresSetupError::Url(
            "it has more than one `@`; write each but the one before the host as %40",
        ));
    }
    // What the parser says may quote a word that it took for the name of an option.
    text.parse().map_err(|_| {
        PostgresSetupError::Url(
            "an option of it is unknown or has no valid value, or it ends too early; in a URL write \
             / ? # @ : % of a password as %2F %3F %23 %40 %3A %25, in pairs put the value in '…'",
        )
    })
}
