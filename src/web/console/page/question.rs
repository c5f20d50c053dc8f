//! What is asked or shown once, on a page of its own.

use crate::base::time::Timestamp;
use crate::otp::TestCode;

use super::controls::open_form;
use super::{address, head};
use crate::web::console::clock;
use crate::web::console::deed::{EFFECTS, Question, SPANS};
use crate::web::console::html::Html;

/// The second question.
pub(in crate::web::console) fn question(
    question: &Question,
    mount: &str,
    token: &str,
    realm: &str,
    refresh: Option<&'static str>,
) -> Html {
    let mut html = head(mount, realm, |_| {});
    html.raw("<main class=\"alone\">");
    let (pause, enter) = (question.what == "pause", question.what == "enter");
    if enter {
        html.raw("<h1>All of that?</h1><p><b>").text(&question.wide).raw("</b> The entry is ");
        let held = SPANS.iter().find(|(hours, _)| *hours == question.hours);
        let field = |name| question.fields.iter().find(|(of, _)| *of == name).map(|(_, it)| &**it);
        let effect = EFFECTS.iter().find(|(name, _)| Some(*name) == field("effect"));
        html.raw("\"").raw(effect.map_or("", |(_, words)| words)).raw("\", ");
        html.raw(held.map_or("", |(_, words)| words)).raw(", in realm ").text(realm).raw(".</p>");
    } else if pause {
        html.raw("<h1>Pause all SMS?</h1><p>From the next request on <b>no text goes out to anybody</b> in realm ");
        html.text(realm).raw(", at every gate, ");
        match SPANS.iter().find(|(hours, _)| *hours == question.hours) {
            Some((hours, words)) if !hours.is_empty() => html.raw("for ").raw(words),
            _ => html.raw("until somebody resumes it"),
        };
        html.raw(".</p>");
    } else {
        html.raw("<h1>Resume SMS?</h1><p>From the next request on texts go out again in realm ");
        html.text(realm).raw(", under all limits and with the detector awake.</p>");
    }
    html.raw("<p>Reason: ").text(&question.reason).raw("</p>");
    open_form(&mut html, mount, "confirm", token, refresh);
    let fields = question.fields.iter().map(|(name, value)| (*name, &**value));
    for (name, value) in [
        ("what", question.what),
        ("reason", &question.reason),
        ("hours", &question.hours),
        ("entries", &question.entries),
        ("confirmation", &question.confirmation),
    ]
    .into_iter()
    .chain(fields)
    {
        html.raw("<input type=\"hidden\" name=\"")
            .raw(name)
            .raw("\" value=\"")
            .value(value)
            .raw("\">");
    }
    html.raw(if pause {
        "<button class=\"danger\">Yes, pause all SMS</button>"
    } else if enter {
        "<button class=\"danger\">Yes, all of it</button>"
    } else {
        "<button>Yes, resume SMS</button>"
    });
    html.raw("<a class=\"button\" href=\"");
    address(&mut html, mount, refresh);
    html.raw("\">No, go back</a></form>");
    html.raw("<p class=\"dim\">This question is good for two minutes, and once.</p></main></body></html>");
    html
}

/// The code of a test number, shown once.
pub(in crate::web::console) fn code(
    code: &TestCode,
    until: Timestamp,
    mount: &str,
    realm: &str,
    refresh: Option<&'static str>,
) -> Html {
    let mut html = head(mount, realm, |_| {});
    html.raw(
        "<main class=\"alone\"><h1>Test number entered</h1><p>Its code is</p><p class=\"code\">",
    );
    html.text(code.expose_secret()).raw("</p><p>until ").text(clock::date(until));
    html.raw(
        ". It is shown this once: write it down for whoever tests.</p><a class=\"button\" href=\"",
    );
    address(&mut html, mount, refresh);
    html.raw("\">Back to the console</a></main></body></html>");
    html
}
