//! The switch for all SMS: what is paused, for how long, and the forms that pause and resume.

use super::View;
use super::controls::{begin, reason_field, span_field};
use crate::web::console::clock;
use crate::web::console::html::Html;

/// The large switch.
pub(super) fn switch(html: &mut Html, view: &View<'_>) {
    if let Some(entry) = view.paused() {
        html.raw("<section id=\"switch\" class=\"switch\"><h2>All SMS");
        view.of_realm(html);
        html.raw(" is paused</h2><p>By ").text(entry.actor());
        html.raw(" since ").text(clock::date(entry.since())).raw(", ");
        match entry.until() {
            Some(until) => html.raw("until ").text(clock::date(until)),
            None => html.raw("until it is resumed"),
        };
        html.raw(": ").text(entry.reason()).raw(".</p>");
        if view.acts() {
            begin(html, view, "resume");
            reason_field(html, view, "resume");
            html.raw("<button>Resume SMS…</button></form>");
            if view.can_pause() {
                html.raw("<details").raw(if view.keeps("pause") { " open" } else { "" });
                html.raw("><summary>Pause for longer…</summary><p>From now on, for as long as you choose. You are asked once more.</p>");
                pause_form(html, view);
            }
        }
        html.raw("</section>");
    } else if view.acts() && view.can_pause() {
        html.raw("<details id=\"switch\" class=\"switch\"");
        html.raw(if view.keeps("pause") { " open" } else { "" });
        html.raw("><summary>Pause all SMS");
        view.of_realm(html);
        html.raw("…</summary><p>No text goes out to anybody");
        if view.has_realms() {
            html.raw(" of this realm; other realms go on");
        }
        html.raw(", until you resume it or the time is over. People are pointed to the authenticator app. You are asked once more.</p>");
        pause_form(html, view);
    }
}

fn pause_form(html: &mut Html, view: &View<'_>) {
    begin(html, view, "pause");
    span_field(html, view, "pause", "2");
    reason_field(html, view, "pause");
    html.raw("<button class=\"danger\">Pause all SMS");
    view.of_realm(html);
    html.raw("…</button></form></details>");
}
