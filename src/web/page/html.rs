//! Text in HTML: the one function that escapes.

/// `text` as it stands between tags and in quoted attributes. Everything that is not the page's own goes
/// through it.
pub(super) fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            other => html.push(other),
        }
    }
    html
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::escaped;

    /// What a browser makes of it.
    fn read(html: &str) -> String {
        html.replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&quot;", "\"")
            .replace("&#39;", "'")
            .replace("&amp;", "&")
    }

    proptest! {
        #[test]
        fn text_stays_text(text in r#"(?s:.|[&<>"'#;]|&lt;|&amp;|-->|</script>){0,40}"#) {
            let html = escaped(&text);
            prop_assert_eq!(read(&html), text.as_str());
            prop_assert!(!html.contains(['<', '>', '"', '\'']));
            let entities = ["&amp;", "&lt;", "&gt;", "&quot;", "&#39;"];
            for (at, _) in html.match_indices('&') {
                prop_assert!(entities.iter().any(|entity| html[at..].starts_with(entity)));
            }
        }
    }
}
