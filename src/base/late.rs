//! [`LateText`]: a text that is made when somebody reads it, once.

use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::{Arc, OnceLock};

/// What makes the text.
type Make = dyn Fn() -> String + Send + Sync + UnwindSafe + RefUnwindSafe;

/// A text that not every host reads and that takes a seal to make. Its clones are the same text.
#[derive(Clone)]
pub(crate) struct LateText(Arc<Late<Make>>);

struct Late<M: ?Sized> {
    text: OnceLock<String>,
    make: M,
}

impl LateText {
    /// A text that `make` makes.
    pub(crate) fn by<M>(make: M) -> Self
    where
        M: Fn() -> String + Send + Sync + UnwindSafe + RefUnwindSafe + 'static,
    {
        Self(Arc::new(Late { text: OnceLock::new(), make }))
    }

    /// A text that is there.
    pub(crate) fn of(text: String) -> Self {
        Self(Arc::new(Late { text: OnceLock::from(text), make: String::new }))
    }

    pub(crate) fn as_str(&self) -> &str {
        self.0.text.get_or_init(&self.0.make)
    }
}

impl PartialEq for LateText {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for LateText {}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn it_is_made_when_it_is_read_and_once_for_all_clones() {
        static MADE: AtomicUsize = AtomicUsize::new(0);
        let late = LateText::by(|| {
            MADE.fetch_add(1, Ordering::Relaxed);
            "sealed".to_owned()
        });
        let other = late.clone();
        assert_eq!(MADE.load(Ordering::Relaxed), 0);
        assert_eq!((late.as_str(), other.as_str()), ("sealed", "sealed"));
        assert_eq!(MADE.load(Ordering::Relaxed), 1);
        assert!(late == LateText::of("sealed".to_owned()));
    }
}
