//! `Debug` that shows only what may stand in a log.

/// Shows the named fields of a struct, and that there are more.
macro_rules! debug_only {
    ($name:ident $(<$life:lifetime>)? $(: $($field:ident),+)?) => {
        impl std::fmt::Debug for $name $(<$life>)? {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($name))
                    $($(.field(stringify!($field), &self.$field))+)?
                    .finish_non_exhaustive()
            }
        }
    };
}
pub(crate) use debug_only;

/// Shows the name of the type, and in place of its content a word: `redacted`, or the one given.
macro_rules! debug_redacted {
    ($name:ident $(<$life:lifetime>)?) => {
        $crate::base::masked::debug_redacted!($name $(<$life>)?, "[redacted]");
    };
    ($name:ident $(<$life:lifetime>)?, $word:literal) => {
        impl std::fmt::Debug for $name $(<$life>)? {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!(stringify!($name), "(", $word, ")"))
            }
        }
    };
}
pub(crate) use debug_redacted;

#[cfg(test)]
mod tests {
    struct Account<'a> {
        user: u8,
        token: &'a str,
    }
    debug_only!(Account<'_>: user);

    struct Token(&'static str);
    debug_redacted!(Token);

    struct Grant(&'static str);
    debug_redacted!(Grant, "…");

    #[test]
    fn a_log_shows_what_was_named_and_nothing_else() {
        let account = Account { user: 7, token: "hush" };
        assert_eq!(format!("{account:?}, {}", account.token.len()), "Account { user: 7, .. }, 4");
        let (token, grant) = (Token("hush"), Grant("hush"));
        assert_eq!(format!("{token:?} {grant:?}"), "Token([redacted]) Grant(…)");
        assert_eq!((token.0, grant.0), ("hush", "hush"));
    }
}
