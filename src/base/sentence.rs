//! `Debug` of an error as the sentence that its `Display` is.
//!
//! `fn main() -> Result<(), Box<dyn Error>>` prints an error with `Debug`, and so do `unwrap` and
//! most log lines. Their reader needs the cause and the cure, not the name of a type.

use std::error::Error;
use std::fmt;

/// Gives each error a `Debug` that reads as its sentence, followed by what caused it.
macro_rules! debug_as_sentence {
    ($($error:ty),+ $(,)?) => {$(
        impl std::fmt::Debug for $error {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                $crate::base::sentence::write(self, f)
            }
        }
    )+};
}
pub(crate) use debug_as_sentence;

pub(crate) fn write(error: &dyn Error, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut said = error.to_string();
    f.write_str(&said)?;
    let mut source = error.source();
    while let Some(cause) = source {
        let sentence = cause.to_string();
        // Some sentences quote their cause.
        if !said.contains(&sentence) {
            write!(f, " (cause: {sentence})")?;
        }
        said = sentence;
        source = cause.source();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #[derive(thiserror::Error)]
    #[error("the file cannot be read; give it back its rights")]
    struct Outer(#[source] Inner);

    #[derive(thiserror::Error)]
    #[error("permission denied")]
    struct Inner;

    debug_as_sentence!(Outer, Inner);

    #[test]
    fn the_causes_follow_the_sentence() {
        let shown = "the file cannot be read; give it back its rights (cause: permission denied)";
        assert_eq!(format!("{:?}", Outer(Inner)), shown);
        assert_eq!(format!("{:?}", Inner), "permission denied");
    }
}
