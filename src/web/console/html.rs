//! [`Html`]: text that is HTML. What is dynamic goes through one function that escapes.

use std::fmt::{self, Display, Write};

/// HTML in the making. [`raw`](Self::raw) takes what stands in this crate's source and nothing else;
/// everything that comes from anywhere goes through [`text`](Self::text) or [`value`](Self::value), which are
/// safe between tags and inside of quoted attributes.
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

    /// Whatever it is, as text that somebody reads: letters that are not seen, or that turn a line around, are
    /// shown as what they are.
    pub(super) fn text(&mut self, value: impl Display) -> &mut Self {
        // Writing to a string does not fail; what a `Display` gives up on ends there.
        let _ = write!(Escaped { html: &mut self.0, read: true }, "{value}");
        self
    }

    /// Whatever it is, as the value of a field: the browser posts it as it was. Persian, Hindi and pictures
    /// of people are written with letters that are not seen.
    pub(super) fn value(&mut self, value: &str) -> &mut Self {
        let _ = Escaped { html: &mut self.0, read: false }.write_str(value);
        self
    }

    pub(super) fn into_string(self) -> String {
        self.0
    }
}

/// The one place where text becomes HTML.
struct Escaped<'a> {
    html: &'a mut String,
    read: bool,
}

impl Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            match c {
                '&' => self.html.push_str("&amp;"),
                '<' => self.html.push_str("&lt;"),
                '>' => self.html.push_str("&gt;"),
                '"' => self.html.push_str("&quot;"),
                '\'' => self.html.push_str("&#39;"),
                // What shows a line in another order than it was typed, or not at all.
                '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200b}'..='\u{200f}'
                    if self.read =>
                {
                    self.html.push('\u{fffd}');
                }
                c if c.is_control() && c != '\n' => self.html.push('\u{fffd}'),
                c => self.html.push(c),
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

    fn value(text: &str) -> String {
        let mut html = Html::new();
        html.value(text);
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
            for html in [escaped(&text), value(&text)] {
                prop_assert!(!html.contains(['<', '>', '"', '\'']));
                for (at, _) in html.match_indices('&') {
                    let entities = ["&amp;", "&lt;", "&gt;", "&quot;", "&#39;"];
                    prop_assert!(entities.iter().any(|entity| html[at..].starts_with(entity)));
                }
            }
        }

        /// A field is posted as it was typed, in every script.
        #[test]
        fn a_value_comes_back_as_it_was(text in "[^\\p{Cc}]*") {
            prop_assert_eq!(read(&value(&text)), text);
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
