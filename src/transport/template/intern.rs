//! Texts of templates that live as long as the process: names and codes stand in errors and outcomes.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

static TEXTS: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());

/// The same text for ever, kept once: a template that is loaded again costs no memory.
pub(super) fn interned(text: &str) -> &'static str {
    let mut texts = TEXTS.lock().unwrap_or_else(PoisonError::into_inner);
    match texts.get(text) {
        Some(known) => known,
        None => {
            let kept: &'static str = Box::leak(text.into());
            texts.insert(kept);
            kept
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_kept_once() {
        let one = interned("a text of this test");
        let other = interned(&String::from("a text of this test"));
        assert!(std::ptr::eq(one, other));
    }
}
