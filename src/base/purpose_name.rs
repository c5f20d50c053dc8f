//! The names of the standard purposes, and what only looks like one of them.

/// A new account proves its number.
pub(crate) const SIGN_UP: &str = "sign-up";
/// A known account logs in.
pub(crate) const LOG_IN: &str = "log-in";
/// A payment is confirmed.
pub(crate) const PAYMENT: &str = "payment";
/// A password is reset.
pub(crate) const RESET: &str = "reset";

/// The standard purpose that `name` looks like and is not: with other separators or capitals, or in the
/// plural. What is said of `payments` holds for no code for a `payment`, and nobody notices.
pub(crate) fn looks_like(name: &str) -> Option<&'static str> {
    let standard = [SIGN_UP, LOG_IN, PAYMENT, RESET];
    if standard.contains(&name) {
        return None;
    }
    let bare = letters(name);
    standard.into_iter().find(|standard| letters(standard) == bare)
}

/// Without separators, capitals, and the `s` of a plural.
fn letters(name: &str) -> String {
    let mut letters: String =
        name.chars().filter(|c| c.is_alphanumeric()).map(|c| c.to_ascii_lowercase()).collect();
    if letters.ends_with('s') {
        letters.pop();
    }
    letters
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_standard_name_in_another_spelling_is_found() {
        for (name, standard) in [
            ("payments", PAYMENT),
            ("pay-ment", PAYMENT),
            ("login", LOG_IN),
            ("log-ins", LOG_IN),
            ("log_in", LOG_IN),
            ("Log in", LOG_IN),
            ("signup", SIGN_UP),
            ("sign--up", SIGN_UP),
            ("resets", RESET),
            ("re-set", RESET),
        ] {
            assert_eq!(looks_like(name), Some(standard), "{name}");
        }
    }

    /// A host has purposes of its own, and names them as it likes.
    #[test]
    fn others_are_the_hosts_own() {
        for own in [
            "sign-up",
            "log-in",
            "payment",
            "reset",
            "sign-in",
            "log-out",
            "password-reset",
            "payment-2",
            "repayment",
            "pay",
            "change-address",
            "",
            "-",
            "s",
        ] {
            assert_eq!(looks_like(own), None, "{own}");
        }
    }
}
