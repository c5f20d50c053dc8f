//! The entries that hold, and the forms that make and lift them.

use crate::access::Effect;

use super::View;
use crate::web::console::clock;
use crate::web::console::deed::{EFFECTS, SPANS, TARGETS, is_personal};
use crate::web::console::html::Html;
use crate::web::console::words;

/// Entries on one page: what a phone loads at once.
const SHOWN: usize = 100;

pub(super) fn entries(html: &mut Html, view: &View<'_>) {
    html.raw("<section id=\"entries\"><h2>Entries that hold</h2>");
    if let Err(words) = &view.entries {
        html.raw("<p class=\"banner bad\">").text(words).raw("</p></section>");
        return;
    }
    if view.entries().is_empty() {
        html.raw("<p class=\"dim\">None.</p></section>");
        return;
    }
    let page = page(view);
    let first = page.saturating_mul(SHOWN);
    html.raw("<div class=\"places\">");
    for entry in view.entries().iter().rev().skip(first).take(SHOWN) {
        let stops = matches!(
            entry.effect(),
            Effect::Block | Effect::CountryOff | Effect::KnownNumbersOnly | Effect::SmsOff
        );
        html.raw("<article class=\"place\"><h3>").text(words::target(entry.target()));
        html.raw(" <span class=\"pill ").raw(if stops { "bad" } else { "" }).raw("\">");
        html.text(words::effect(entry.effect())).raw("</span></h3><p>").text(entry.reason());
        html.raw("</p><p class=\"dim\">No. ").text(entry.id()).raw(" by ").text(entry.actor());
        html.raw(", since ").text(clock::date(entry.since())).raw(", ");
        match entry.until() {
            Some(until) => html.raw("until ").text(clock::date(until)),
            None => html.raw("until it is lifted"),
        };
        if let Some(purpose) = entry.purpose() {
            html.raw(", for ").text(purpose).raw(" only");
        }
        if !entry.holds(view.now) {
            html.raw(", not yet");
        }
        html.raw("</p>");
        if view.acts() {
            let id = entry.id().to_string();
            let held = view.held("lift", "id") == id;
            html.raw("<details")
                .raw(if held { " open" } else { "" })
                .raw("><summary>Lift…</summary>");
            begin(html, view, "lift");
            html.raw("<input type=\"hidden\" name=\"id\" value=\"").value(&id).raw("\">");
            reason_field(html, view, if held { "lift" } else { "" });
            html.raw("<button>Lift</button></form></details>");
        }
        html.raw("</article>");
    }
    html.raw("</div>");
    pages(html, view, page);
    html.raw("</section>");
}

/// Which page of the entries is shown, from 0: the one with the entry of a form that was not taken,
/// or the one that a link asks for.
fn page(view: &View<'_>) -> usize {
    let held = view.held("lift", "id");
    let place = view.entries().iter().rev().position(|entry| entry.id().to_string() == held);
    if let Some(place) = place {
        return place / SHOWN;
    }
    let last = view.entries().len().saturating_sub(1) / SHOWN;
    let asked: usize = view.query.field("entries").parse().unwrap_or(1);
    asked.saturating_sub(1).min(last)
}

/// Which of the entries are shown, and the way to the others.
fn pages(html: &mut Html, view: &View<'_>, page: usize) {
    let (all, first) = (view.entries().len(), page.saturating_mul(SHOWN));
    if all <= SHOWN {
        return;
    }
    let end = first.saturating_add(SHOWN).min(all);
    html.raw("<p class=\"dim\">Entries ").text(first.saturating_add(1)).raw(" to ").text(end);
    html.raw(" of ").text(all).raw(", the newest first.");
    let mut link = |page: usize, words| {
        html.raw(" <a href=\"").text(view.mount).raw("?entries=").text(page);
        if let Some(seconds) = view.refresh() {
            html.raw("&amp;refresh=").raw(seconds);
        }
        html.raw("#entries\">").raw(words).raw("</a>");
    };
    if page > 0 {
        link(page, "Newer");
    }
    if end < all {
        link(page.saturating_add(2), "Older");
    }
    html.raw("</p>");
}

pub(super) fn change(html: &mut Html, view: &View<'_>) {
    html.raw("<section id=\"enter\"><h2>Make an entry</h2>");
    begin(html, view, "enter");
    select(html, view, "enter", ("effect", "What"), EFFECTS, "block");
    select(html, view, "enter", ("kind", "About"), TARGETS, "prefix");
    // A number or an account is typed again: it is in no page.
    let (kind, value) = (view.held("enter", "kind"), view.held("enter", "value"));
    let personal = matches!(kind, "number" | "user") || is_personal(value);
    let value = if personal { "" } else { value };
    field(html, ("value", "Which"), "+99899394, UZ, 203.0.113.0/24", value);
    span_field(html, view, "enter", "24");
    field(html, ("purpose", "Purpose, if only one"), "sign-up", view.held("enter", "purpose"));
    field(html, ("factor", "Times the usual, for a surge"), "3", view.held("enter", "factor"));
    reason_field(html, view, "enter");
    html.raw("<button>Make the entry</button></form></section>");

    html.raw("<section id=\"one\"><h2>One number or account</h2><div class=\"two\">");
    fold(html, view, "forgive", "Forgive wrong codes of a number", |html| {
        html.raw("<p class=\"dim\">For an owner whom a stranger locked out, once the desk knows who is asking.</p>");
        number_field(html);
    });
    fold(html, view, "forget-faults", "Forget what providers reported of a number", |html| {
        html.raw("<p class=\"dim\">For a number that is back in service, or whose owner opted in again.</p>");
        number_field(html);
    });
    #[cfg(feature = "totp")]
    fold(
        html,
        view,
        "forgive-authenticator",
        "Forgive wrong authenticator codes of an account",
        |html| {
            field(html, ("user", "Account"), "as the host names it", "");
        },
    );
    fold(html, view, "test-number", "Enter a test number", |html| {
        html.raw("<p class=\"dim\">No text goes to it, and one code opens it until the end. Leave the code empty and one is drawn and shown once.</p>");
        number_field(html);
        field(html, ("code", "Code, if it is given"), "", "");
        span_field(html, view, "test-number", "168");
        field(
            html,
            ("purpose", "Purpose, if only one"),
            "sign-up",
            view.held("test-number", "purpose"),
        );
        html.raw("<label class=\"check\"><input type=\"checkbox\" name=\"although-verified\" value=\"yes\"> also if it was verified before: it may be a customer's</label>");
    });
    fold(html, view, "trust-clock", "Vouch for this host's clock", |html| {
        html.raw(
            "<p class=\"dim\">Only after you have looked at it: every limit of all realms is measured by it.</p>",
        );
    });
    html.raw("</div></section>");
}

/// A form that is folded away, with what it asks for and a reason.
fn fold(
    html: &mut Html,
    view: &View<'_>,
    name: &'static str,
    title: &'static str,
    fields: impl FnOnce(&mut Html),
) {
    let open = if view.keeps(name) { " open" } else { "" };
    html.raw("<details class=\"fold\"").raw(open).raw("><summary>");
    html.raw(title).raw("</summary>");
    begin(html, view, name);
    fields(html);
    reason_field(html, view, name);
    html.raw("<button>Do it</button></form></details>");
}

pub(super) fn begin(html: &mut Html, view: &View<'_>, name: &'static str) {
    open_form(html, view.mount, name, &view.token, view.refresh());
}

pub(super) fn open_form(
    html: &mut Html,
    mount: &str,
    name: &'static str,
    token: &str,
    refresh: Option<&'static str>,
) {
    html.raw("<form method=\"post\" action=\"").text(mount).raw("/act\" autocomplete=\"off\">");
    html.raw("<input type=\"hidden\" name=\"do\" value=\"").raw(name).raw("\">");
    html.raw("<input type=\"hidden\" name=\"token\" value=\"").value(token).raw("\">");
    // The page that the form leads to goes on reloading.
    if let Some(seconds) = refresh {
        html.raw("<input type=\"hidden\" name=\"refresh\" value=\"").raw(seconds).raw("\">");
    }
}

fn field(
    html: &mut Html,
    (name, words): (&'static str, &'static str),
    hint: &'static str,
    value: &str,
) {
    html.raw("<label>")
        .raw(words)
        .raw("<input name=\"")
        .raw(name)
        .raw("\" placeholder=\"")
        .raw(hint);
    html.raw("\" value=\"")
        .value(value)
        .raw("\" maxlength=\"200\" autocapitalize=\"none\" spellcheck=\"false\"></label>");
}

fn number_field(html: &mut Html) {
    html.raw("<label>Number<input name=\"number\" type=\"tel\" placeholder=\"+49…\" maxlength=\"40\" required></label>");
}

pub(super) fn reason_field(html: &mut Html, view: &View<'_>, form: &str) {
    html.raw("<label>Reason<input name=\"reason\" maxlength=\"200\" required placeholder=\"pumping since 02:40, ticket 4711\" value=\"");
    html.value(view.held(form, "reason")).raw("\"></label>");
}

pub(super) fn span_field(
    html: &mut Html,
    view: &View<'_>,
    form: &'static str,
    usual: &'static str,
) {
    select(html, view, form, ("hours", "For"), SPANS, usual);
}

fn select(
    html: &mut Html,
    view: &View<'_>,
    form: &'static str,
    (name, words): (&'static str, &'static str),
    options: &'static [(&'static str, &'static str)],
    usual: &'static str,
) {
    let held = view.held(form, name);
    let known = options.iter().any(|(value, _)| *value == held);
    let chosen = if known && (view.keeps(form) || !held.is_empty()) { held } else { usual };
    html.raw("<label>").raw(words).raw("<select name=\"").raw(name).raw("\">");
    for (value, words) in options {
        html.raw("<option value=\"").raw(value).raw("\"");
        html.raw(if *value == chosen { " selected" } else { "" })
            .raw(">")
            .raw(words)
            .raw("</option>");
    }
    html.raw("</select></label>");
}
