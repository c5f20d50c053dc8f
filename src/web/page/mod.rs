//! The hosted pages: a form for the number and one for the code, for hosts that want none of their own.
//!
//! They are rendered on the server, in four languages, and hold neither a code nor a whole number. All that
//! moves is the [browser module](super::assets::MODULE). The colours, the font and the corners are CSS variables: a
//! host names a stylesheet that sets them.
//!
//! ```
//! use otpgate::Purpose;
//! use otpgate::web::page::{PageContext, PageLanguage, form_page};
//!
//! let mut context = PageContext::new("Example & Sons", "/otp");
//! context.stylesheets.push("/static/brand.css".to_owned());
//! let language = PageLanguage::negotiate("fr-CH, fr;q=0.9, en;q=0.8", PageLanguage::English);
//! let html = form_page(&context, &Purpose::SIGN_UP, language);
//! assert!(html.starts_with("<!doctype html>\n<html lang=\"fr\">"));
//! assert!(html.contains("Example &amp; Sons") && html.contains("/static/brand.css"));
//! ```

mod html;
mod language;
mod words;

pub use language::PageLanguage;

use crate::context::Purpose;
use crate::otp::CodeFormat;
use crate::outcome::EntryView;
use crate::transport::Channel;

use super::assets;
use html::escaped;
use words::Words;

/// What the hosted pages show of a host.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct PageContext {
    /// Whose pages these are, above the title.
    pub brand: String,
    /// Where the endpoints stand, such as `/otp`.
    pub mount: String,
    /// Where the code page leads those whose verification is over. Default: the mount, which is the
    /// hosted form; the endpoints add `?purpose=…` where the verification is for another purpose than
    /// the first.
    pub form_url: String,
    /// The language of clients who like none of the pages'. Default: English.
    pub language: PageLanguage,
    /// A sentence of the host's below the form: why the number is asked for, what a text costs, a privacy
    /// notice. Default: none.
    pub note: Option<String>,
    /// Stylesheets after the page's own, of the same origin. Default: none.
    pub stylesheets: Vec<String>,
    /// Modules after the page's own, of the same origin, such as the one that shows the widget of a human
    /// check. Default: none.
    pub scripts: Vec<String>,
    /// What the form page loads besides, as directives and sources of a policy. The endpoints add what the
    /// gate's [`Widget`](crate::human::Widget) of a human check names. Default: nothing. With any, the
    /// policy no longer asks for Trusted Types, which widgets do not know.
    pub widget_policy: Vec<(String, String)>,
}

impl PageContext {
    /// The pages of `brand`, for endpoints at `mount`.
    #[must_use]
    pub fn new(brand: impl Into<String>, mount: impl Into<String>) -> Self {
        let mount = mount.into();
        Self {
            brand: brand.into(),
            form_url: mount.clone(),
            mount,
            language: PageLanguage::English,
            note: None,
            stylesheets: Vec::new(),
            scripts: Vec::new(),
            widget_policy: Vec::new(),
        }
    }

    /// Whether the hosted form is in use, and has nothing of the host's that could show a human check.
    pub(super) fn shows_no_widget(&self) -> bool {
        self.scripts.is_empty() && self.form_url == self.mount
    }

    /// The `Content-Security-Policy` that the pages are served with: nothing inline, nothing from
    /// elsewhere, no frame around them.
    ///
    /// ```
    /// use otpgate::web::page::PageContext;
    ///
    /// let mut context = PageContext::new("Example", "/otp");
    /// let policy = context.content_security_policy();
    /// assert!(policy.starts_with("default-src 'none'; script-src 'self';"));
    /// assert!(policy.contains("require-trusted-types-for 'script'; trusted-types otpgate"));
    ///
    /// let frames = ("frame-src".to_owned(), "https://captcha.example".to_owned());
    /// context.widget_policy.push(frames);
    /// let policy = context.content_security_policy();
    /// assert!(policy.ends_with("; frame-src https://captcha.example"));
    /// assert!(!policy.contains("trusted-types"));
    /// ```
    pub fn content_security_policy(&self) -> String {
        const OURS: [(&str, &str); 9] = [
            ("default-src", "'none'"),
            ("script-src", "'self'"),
            ("worker-src", "'self'"),
            ("connect-src", "'self'"),
            ("style-src", "'self'"),
            ("img-src", "'self'"),
            ("base-uri", "'none'"),
            ("form-action", "'none'"),
            ("frame-ancestors", "'none'"),
        ];
        let mut policy: Vec<(&str, String)> =
            OURS.iter().map(|(directive, source)| (*directive, (*source).to_owned())).collect();
        for (directive, source) in &self.widget_policy {
            match policy.iter_mut().find(|(ours, _)| ours == directive) {
                Some((_, sources)) => {
                    sources.push(' ');
                    sources.push_str(source);
                }
                None => policy.push((directive, source.clone())),
            }
        }
        if self.widget_policy.is_empty() {
            policy.push(("require-trusted-types-for", "'script'".to_owned()));
            policy.push(("trusted-types", "otpgate".to_owned()));
        }
        let lines = policy.iter().map(|(directive, sources)| format!("{directive} {sources}"));
        lines.collect::<Vec<_>>().join("; ")
    }
}

/// The page that asks for the number.
///
/// It holds no ticket: the module asks for one, so that a page from the history has a fresh one.
#[must_use]
pub fn form_page(context: &PageContext, purpose: &Purpose, language: PageLanguage) -> String {
    let words = Words::of(language);
    let form = format!(
        r#"<form data-otpgate="number" data-base="{mount}" data-purpose="{purpose}" data-strings="{strings}">
<label for="number">{label}</label>
<input id="number" name="number" type="tel" inputmode="tel" autocomplete="tel" required aria-describedby="hint status">
<p class="otp-hint" id="hint">{hint}</p>
<p role="status" id="status"></p>
<progress max="1" hidden aria-label="{working}"></progress>
<button type="submit" disabled>{send}</button>
{late}
<p class="otp-more"><button type="button" data-cancel hidden>{cancel}</button></p>
</form>"#,
        mount = escaped(&context.mount),
        purpose = escaped(purpose.as_str()),
        strings = escaped(&words.strings()),
        label = escaped(words.number),
        hint = escaped(words.number_hint),
        working = escaped(words.working),
        send = escaped(words.send),
        late = late(words),
        cancel = escaped(words.cancel),
    );
    page(context, language, words.form_title, &escaped(words.form_intro), &form)
}

/// The page that asks for the code. Only an open [`Entry`](crate::Entry) may be shown; the module asks for
/// it again when the page comes back from the history.
#[must_use]
pub fn code_page(
    context: &PageContext,
    entry: &EntryView,
    code: CodeFormat,
    language: PageLanguage,
) -> String {
    let words = Words::of(language);
    let (keyboard, hint) = if code.is_numeric() {
        (r#"inputmode="numeric""#, words.digits)
    } else {
        (r#"inputmode="text" autocapitalize="characters" spellcheck="false""#, words.letters)
    };
    let intro = escaped(words.code_intro)
        .replace("{}", &format!("<b>{}</b>", escaped(entry.number_hint())));
    let other = entry.channels().iter().map(|offer| {
        let name = match offer.channel {
            Channel::Voice => words.voice,
            Channel::WhatsApp => words.whatsapp,
            Channel::Email => words.email,
            _ => return String::new(), // a text is what the first button asks for
        };
        format!(
            "\n<button type=\"button\" data-resend=\"{}\" aria-disabled=\"true\">{}</button>",
            offer.channel,
            escaped(name)
        )
    });
    let form = format!(
        r#"<form data-otpgate="code" data-base="{mount}" data-start="{start}" data-strings="{strings}">
<label for="code">{label}</label>
<input id="code" name="code" {keyboard} autocomplete="one-time-code" required autofocus aria-describedby="hint status">
<p class="otp-hint" id="hint">{hint}</p>
<p role="status" id="status"></p>
<p class="otp-hint" data-withheld hidden>{withheld}</p>
<button type="submit" disabled>{confirm}</button>
{late}
<p class="otp-more">
<button type="button" data-resend="" aria-disabled="true">{resend}</button>{other}
<a href="{start}">{change}</a>
<a href="{start}" data-again hidden>{again}</a>
</p>
</form>"#,
        mount = escaped(&context.mount),
        start = escaped(&context.form_url),
        strings = escaped(&words.strings()),
        label = escaped(words.code),
        hint = escaped(hint).replace("{}", &code.len().to_string()),
        withheld = escaped(words.withheld),
        confirm = escaped(words.confirm),
        late = late(words),
        resend = escaped(words.resend),
        other = other.collect::<String>(),
        change = escaped(words.change),
        again = escaped(words.again),
    );
    page(context, language, words.code_title, &intro, &form)
}

/// After the button, whose state says whether the script came: the style shows it late.
fn late(words: &Words) -> String {
    format!(
        "<p class=\"otp-late\">{}</p>\n<noscript><p class=\"otp-needs-script\">{}</p></noscript>",
        escaped(words.late),
        escaped(words.noscript)
    )
}

fn page(
    context: &PageContext,
    language: PageLanguage,
    title: &str,
    intro: &str,
    form: &str,
) -> String {
    let sheet = |href: &str, integrity: &str| {
        format!("<link rel=\"stylesheet\" href=\"{}\"{integrity}>\n", escaped(href))
    };
    let script = |src: &str, integrity: &str| {
        format!("<script type=\"module\" src=\"{}\"{integrity}></script>\n", escaped(src))
    };
    let integrity = |asset: &assets::Asset| format!(" integrity=\"{}\"", asset.integrity());
    let mut head = sheet(&assets::STYLE.path(&context.mount), &integrity(&assets::STYLE));
    head.extend(context.stylesheets.iter().map(|href| sheet(href, "")));
    // The host's first: it must listen when the module attaches the form.
    head.extend(context.scripts.iter().map(|src| script(src, "")));
    head += &script(&assets::MODULE.path(&context.mount), &integrity(&assets::MODULE));
    let note = context
        .note
        .as_deref()
        .map(|note| format!("\n<p class=\"otp-hint\">{}</p>", escaped(note)));
    format!(
        r#"<!doctype html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{title} – {brand}</title>
{head}</head>
<body>
<main>
<p class="otp-brand">{brand}</p>
<h1>{title}</h1>
<p>{intro}</p>
{form}{note}
</main>
</body>
</html>
"#,
        title = escaped(title),
        brand = escaped(&context.brand),
        note = note.unwrap_or_default(),
    )
}

#[cfg(test)]
mod tests;
