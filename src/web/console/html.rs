//! [`Html`]: text that is HTML. What is dynamic goes through one function that escapes.

use std::fmt::{self, Display, Write};

/// HTML in the making. [`raw`](Self::raw) takes what stands in this crate's source and nothing else;
/// everything that comes from anywhere goes through [`text`](Self::text), which is safe between tags and
/// inside of quoted attributes.
#[derive(Clone, Default)]
pub(super) struct Html(String);

impl Html {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// Markup of ours.
    pub(super) fn raw(&mut self, markup: &'static str) -> &mut Self {
        self.0.push_str(markup);
        self
    }

    /// Whatever it is, as text.
    pub(super) fn text(&mut self, value: impl Display) -> &mut Self {
        // Writing to a string does not fail; what a `Display` gives up on ends there.
        let _ = write!(Escaped(&mut self.0), "{value}");
        self
    }

    pub(super) fn into_string(self) -> String {
        self.0
    }
}

/// The one place where text becomes HTML.
struct Escaped<'a>(&'a mut String);

impl Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            match c {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                // What shows a line in another order than it was typed, or not at all.
                '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200b}'..='\u{200f}' => {
                    self.0.push('\u{fffd}');
                }
                c if c.is_control() && c != '\n' => self.0.push('\u{fffd}'),
                c => self.0.push(c),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn escaped(text: &str) -> String {
        let mut html = Html::new();
        html.text(text);
        html.into_string()
    }

    fn read(html: &str) -> String {
        html.replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&quot;", "\"")
            .replace("&#39;", "'")
            .replace("&amp;", "&")
    }

    proptest! {
        /// No text opens a tag, ends an attribute or begins an entity of its own.
        #[test]
        fn text_stays_text(text in ".*") {
            let html = escaped(&text);
            prop_assert!(!html.contains(['<', '>', '"', '\'']));
            for (at, _) in html.match_indices('&') {
                let entities = ["&amp;", "&lt;", "&gt;", "&quot;", "&#39;"];
                prop_assert!(entities.iter().any(|entity| html[at..].starts_with(entity)));
            }
        }

        /// And nobody loses a letter by it.
        #[test]
        fn what_is_printable_reads_as_it_was_written(text in "[ -~äßπ電話]*") {
            prop_assert_eq!(read(&escaped(&text)), text);
        }
    }

    #[test]
    fn letters_that_turn_a_line_around_are_shown_as_what_they_are() {
        assert_eq!(escaped("a\u{202e}b\u{0}c\nd"), "a\u{fffd}b\u{fffd}c\nd");
    }
}
