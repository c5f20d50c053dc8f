//! The pages.

mod controls;
mod places;
mod question;
mod shadow;
mod switch;
mod tiles;
mod top;

use crate::access::Control;
use crate::base::time::Timestamp;
use crate::context::Realm;
use crate::error::{GateError, GateErrorKind};
use crate::outcome::Snapshot;
use crate::pumping::NodeView;

use super::chart::{self, Series, bars};
use super::clock;
use super::feed::{ConsoleFeed, Window};
use super::form::Form;
use super::html::Html;
use super::operator::{Operator, Role};
use super::tally::Tally;
use super::words;
use controls::{change, entries};
use places::places;
use shadow::shadow;
use switch::switch;
use tiles::tiles;
use top::{banners, top};

pub(super) use question::{code, question};

/// What the overview shows.
pub(super) struct View<'a> {
    pub(super) realm: &'a str,
    pub(super) operator: &'a Operator,
    pub(super) snapshot: Result<Snapshot, GateError>,
    pub(super) entries: Result<Vec<Control>, String>,
    pub(super) feed: &'a ConsoleFeed,
    pub(super) now: Timestamp,
    /// What the forms carry.
    pub(super) token: String,
    pub(super) mount: &'a str,
    pub(super) query: &'a Form<'a>,
    /// A form that was not taken, and why: its fields are filled in again.
    pub(super) kept: Option<(&'a Form<'a>, String)>,
}

impl View<'_> {
    pub(super) fn outage(&self) -> bool {
        self.snapshot.is_err()
    }

    /// Whether nothing works because the clocks of this host and of the store are too far apart.
    fn clocks_disagree(&self) -> bool {
        matches!(&self.snapshot, Err(error) if error.kind() == GateErrorKind::Clock)
    }

    fn acts(&self) -> bool {
        self.operator.role() == Role::Act
    }

    fn entries(&self) -> &[Control] {
        self.entries.as_deref().unwrap_or_default()
    }

    /// What switches all SMS off now; of several, the one that lasts longest.
    fn paused(&self) -> Option<&Control> {
        let pauses = self.entries().iter().filter(|entry| entry.pauses_all(self.now));
        pauses.reduce(
            |longest, entry| {
                if words::lasts(longest.until(), entry.until()) { longest } else { entry }
            },
        )
    }

    /// Whether it is one realm of several, as far as its name tells.
    fn has_realms(&self) -> bool {
        self.realm != Realm::DEFAULT
    }

    /// Says that what stands before it is this realm's alone.
    fn of_realm(&self, html: &mut Html) {
        if self.has_realms() {
            html.raw(" of realm ").text(self.realm);
        }
    }

    fn places(&self) -> &[NodeView] {
        self.snapshot.as_ref().map(|snapshot| &*snapshot.blocks).unwrap_or_default()
    }

    /// How often the detector asked somebody to prove more in the last hour, here.
    fn held_up(&self) -> u64 {
        let asked = self.feed.asked(Window::Hour, self.now);
        asked.iter().find(|(word, _)| *word == "pumping").map_or(0, |(_, count)| *count)
    }

    fn sum(&self, of: Tally, window: Window) -> u64 {
        self.feed.sum(of, window, self.now)
    }

    /// The form that was not taken, and its name. A second question is asked about a form of the page.
    fn not_taken(&self) -> Option<(&Form<'_>, &str)> {
        let (kept, _) = self.kept.as_ref()?;
        Some((kept, kept.field(if kept.field("do") == "confirm" { "what" } else { "do" })))
    }

    /// Whether it is the form of that name that was not taken.
    fn keeps(&self, form: &str) -> bool {
        self.not_taken().is_some_and(|(_, name)| name == form)
    }

    /// Where on the page the form is that was not taken, if it is still there.
    fn kept_at(&self) -> Option<&'static str> {
        let (kept, name) = self.not_taken()?;
        match name {
            "enter" => Some("#enter"),
            "lift" => {
                let id = kept.field("id");
                self.entries()
                    .iter()
                    .any(|entry| entry.id().to_string() == id)
                    .then_some("#entries")
            }
            "pause" => self.can_pause().then_some("#switch"),
            "resume" => self.paused().map(|_| "#switch"),
            _ => Some("#one"),
        }
    }

    /// Whether the page has the form that pauses all SMS, or for longer.
    fn can_pause(&self) -> bool {
        match self.paused() {
            Some(entry) => entry.until().is_some(),
            None => !self.outage(),
        }
    }

    /// How often the page reloads when nobody is at a form, as its address says or the form that was not taken.
    fn refresh(&self) -> Option<&'static str> {
        refresh(self.kept.as_ref().map_or(self.query, |(form, _)| form))
    }

    /// Whether somebody fills in a form that the page was opened for.
    fn at_a_form(&self) -> bool {
        let opened = |field| !self.query.field(field).is_empty();
        self.kept.is_some() || opened("effect") || opened("lift")
    }

    /// What a field of a form holds: what was typed before it was not taken, or what a link of the page
    /// asks for.
    fn held(&self, form: &str, field: &str) -> &str {
        match self.not_taken() {
            Some((kept, name)) if name == form => kept.field(field),
            Some(_) => "",
            None if form == "enter" => self.query.field(field),
            None if form == "lift" && field == "id" => self.query.field("lift"),
            None => "",
        }
    }
}

/// The one page.
pub(super) fn overview(view: &View<'_>) -> Html {
    let refresh = view.refresh().filter(|_| !view.at_a_form());
    let mut html = head(view.mount, view.realm, |html| {
        let Some(seconds) = refresh else { return };
        html.raw("<meta http-equiv=\"refresh\" content=\"").raw(seconds);
        // What was done is said once.
        if !view.query.field("done").is_empty() {
            html.raw(";url=");
            address(html, view.mount, refresh);
        }
        html.raw("\">");
    });
    top(&mut html, view, refresh);
    html.raw("<main>");
    banners(&mut html, view);
    shadow(&mut html, view);
    switch(&mut html, view);
    tiles(&mut html, view);
    places(&mut html, view);
    charts(&mut html, view);
    html.raw("<div class=\"two\">");
    reasons(&mut html, view);
    asked(&mut html, view);
    countries(&mut html, view);
    providers(&mut html, view);
    notices(&mut html, view);
    html.raw("</div>");
    entries(&mut html, view);
    if view.acts() {
        change(&mut html, view);
    }
    gates(&mut html, view);
    html.raw("</main></body></html>");
    html
}

/// How often a page reloads, in seconds: what its address or a form of it says, or `None` for by hand.
pub(super) fn refresh(form: &Form<'_>) -> Option<&'static str> {
    match form.field("refresh") {
        "15" => Some("15"),
        "60" => Some("60"),
        _ => None,
    }
}

/// Where the page is that reloads so often.
fn address(html: &mut Html, mount: &str, refresh: Option<&'static str>) {
    html.text(mount);
    if let Some(seconds) = refresh {
        html.raw("?refresh=").raw(seconds);
    }
}

fn head(mount: &str, realm: &str, more: impl FnOnce(&mut Html)) -> Html {
    let mut html = Html::new();
    html.raw("<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">");
    html.raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">");
    html.raw("<meta name=\"color-scheme\" content=\"light dark\"><meta name=\"robots\" content=\"noindex\">");
    more(&mut html);
    html.raw("<title>Codes by SMS: ").text(realm).raw("</title>");
    html.raw("<link rel=\"stylesheet\" href=\"").text(mount).text(super::style_path());
    html.raw("\"></head><body>");
    html
}

fn charts(html: &mut Html, view: &View<'_>) {
    let of = |tally, window| view.feed.course(tally, window, view.now);
    let both = |one: Vec<u64>, two: Vec<u64>| -> Vec<u64> {
        one.iter().zip(&two).map(|(one, two)| one.saturating_add(*two)).collect()
    };
    let turned = |window| both(of(Tally::Refused, window), of(Tally::Withheld, window));
    let night = |values: Vec<u64>| chart::joined(&values, 3);
    html.raw("<section><h2>At this gate</h2><div class=\"two\">");
    for (window, from, size) in [(Window::Night, "3 hours ago", 3), (Window::Days, "3 days ago", 1)]
    {
        let fit = |values: Vec<u64>| if size == 3 { night(values) } else { values };
        let (sent, accepted) = (fit(of(Tally::Sent, window)), fit(of(Tally::Accepted, window)));
        let (refused, asked) = (fit(turned(window)), fit(of(Tally::StepUps, window)));
        let night = size == 3;
        let texts = [
            Series { class: "sent", name: "texts", values: &sent },
            Series { class: "accepted", name: "codes accepted", values: &accepted },
        ];
        bars(
            html,
            if night { "Texts, three hours" } else { "Texts, three days" },
            &texts,
            from,
            "now",
        );
        let stopped = [
            Series { class: "refused", name: "refused or withheld", values: &refused },
            Series { class: "asked", name: "step-ups", values: &asked },
        ];
        bars(
            html,
            if night { "Stopped, three hours" } else { "Stopped, three days" },
            &stopped,
            from,
            "now",
        );
    }
    html.raw("</div><p class=\"dim\">");
    match view.feed.since() {
        Some(since) => html.raw("Counted by this process since ").text(clock::date(since)).raw("."),
        None => html.raw("This process has seen nothing yet."),
    };
    html.raw("</p></section>");
}

fn reasons(html: &mut Html, view: &View<'_>) {
    let of = |window| view.feed.reasons(window, view.now);
    html.raw("<section><h2>Why texts were refused</h2>");
    reason_table(html, "refused", &of(Window::Night), &of(Window::Hour));
    html.raw("</section>");
}

fn asked(html: &mut Html, view: &View<'_>) {
    let of = |window| view.feed.asked(window, view.now);
    html.raw("<section><h2>Why clients were asked to prove more</h2>");
    reason_table(html, "asked", &of(Window::Night), &of(Window::Hour));
    if let Some(words) = view.feed.asked_last(view.now) {
        html.raw("<p class=\"dim\">The last one: ").text(words).raw("</p>");
    }
    html.raw("</section>");
}

fn reason_table(
    html: &mut Html,
    class: &'static str,
    night: &[(&'static str, u64)],
    hour: &[(&'static str, u64)],
) {
    if night.is_empty() {
        html.raw("<p class=\"dim\">Nobody in three hours at this gate.</p>");
        return;
    }
    let most = night.first().map_or(1, |(_, count)| *count);
    html.raw("<table><thead><tr><th>Reason</th><th class=\"n\">3 hours</th><th class=\"n\">1 hour</th></tr></thead><tbody>");
    for (word, count) in night {
        let lately = hour.iter().find(|(of, _)| of == word).map_or(0, |(_, count)| *count);
        html.raw("<tr><td>").raw(words::reason(word));
        chart::meter(html, class, *count, most);
        html.raw("</td><td class=\"n\">").text(count).raw("</td><td class=\"n\">").text(lately);
        html.raw("</td></tr>");
    }
    html.raw("</tbody></table>");
}

fn countries(html: &mut Html, view: &View<'_>) {
    let Ok(now) = &view.snapshot else { return };
    html.raw("<section><h2>Countries, last hour</h2>");
    if now.countries.is_empty() {
        html.raw("<p class=\"dim\">No requests, but for what entries refused.</p></section>");
        return;
    }
    html.raw("<table><thead><tr><th>Country</th><th class=\"n\">Requests</th><th class=\"n\">Texts</th><th class=\"n\">Accepted</th></tr></thead><tbody>");
    for country in now.countries.iter().take(12) {
        html.raw("<tr><td>")
            .text(country.region)
            .raw("</td><td class=\"n\">")
            .text(country.requests);
        html.raw("</td><td class=\"n\">").text(country.sent).raw("</td><td class=\"n\">");
        match country.conversion_percent() {
            Some(percent) => html.text(percent.min(100)).raw(" %"),
            None => html.raw("–"),
        };
        html.raw("</td></tr>");
    }
    html.raw("</tbody></table>");
    if let Some(more) = now.countries.len().checked_sub(12).filter(|more| *more > 0) {
        html.raw("<p class=\"dim\">And ").text(more).raw(" more.</p>");
    }
    html.raw("</section>");
}

fn providers(html: &mut Html, view: &View<'_>) {
    html.raw("<section><h2>Providers</h2><table><thead><tr><th></th><th class=\"n\">1 hour</th><th class=\"n\">3 hours</th></tr></thead><tbody>");
    for (tally, name) in [
        (Tally::Sent, "Handed off"),
        (Tally::Unconfirmed, "of them without an answer"),
        (Tally::NotAccepted, "Not accepted, nothing spent"),
        (Tally::NumberRefused, "Number refused for good"),
        (Tally::Delivered, "Reported delivered"),
        (Tally::Undelivered, "Reported undelivered"),
    ] {
        let (hour, night) = (view.sum(tally, Window::Hour), view.sum(tally, Window::Night));
        let alarm = matches!(tally, Tally::Unconfirmed | Tally::NotAccepted) && hour > 0;
        html.raw("<tr").raw(if alarm { " class=\"warn\"" } else { "" }).raw("><td>").raw(name);
        html.raw("</td><td class=\"n\">").text(hour).raw("</td><td class=\"n\">").text(night);
        html.raw("</td></tr>");
    }
    html.raw("</tbody></table><p class=\"dim\">At this gate. Reserved for texts in three hours: ");
    html.text(money(view.feed.spent(Window::Night, view.now).as_microdollars()))
        .raw(".</p></section>");
}

fn notices(html: &mut Html, view: &View<'_>) {
    html.raw("<section><h2>What happened</h2>");
    let notices = view.feed.notices();
    if notices.is_empty() {
        html.raw("<p class=\"dim\">Nothing that anybody had to be told.</p></section>");
        return;
    }
    html.raw("<ol class=\"log\">");
    for notice in notices.iter().take(20) {
        html.raw("<li").raw(if notice.urgent { " class=\"urgent\"" } else { "" }).raw("><time>");
        html.text(clock::lately(notice.at, view.now)).raw("</time> ").text(&notice.words);
        if notice.times > 1 {
            html.raw(" <span class=\"dim\">").text(notice.times).raw(" times</span>");
        }
        html.raw("</li>");
    }
    html.raw("</ol></section>");
}

fn gates(html: &mut Html, view: &View<'_>) {
    let Ok(now) = &view.snapshot else { return };
    html.raw("<section><h2>Gates on this store</h2>");
    if now.gates.is_empty() {
        html.raw("<p class=\"dim\">This one, and no other that it has heard of lately. Gates hear of each other through the store once traffic flows.</p></section>");
        return;
    }
    html.raw("<ul class=\"log\"><li>this one</li>");
    for gate in &now.gates {
        let ago = view.now.since(gate.heard);
        let ago = clock::span(u64::try_from(ago.as_millis()).unwrap_or(u64::MAX));
        html.raw("<li>").text(&gate.name).raw(" <span class=\"dim\">heard of ").text(ago);
        html.raw(" ago</span></li>");
    }
    html.raw("</ul></section>");
}

/// A sentence, for whoever gets no page.
pub(super) fn sentence(words: &'static str) -> Html {
    sentence_again(words, None)
}

/// The same on a page that asks again after so many seconds.
pub(super) fn sentence_again(words: &'static str, refresh: Option<&'static str>) -> Html {
    let mut html = sentence_begun(words, refresh);
    html.raw("</p></body></html>");
    html
}

/// For whoever posts a form and is signed in no more.
pub(super) fn signed_out(url: &str) -> Html {
    let mut html = sentence_begun("You are signed out. Nothing was done.", None);
    html.raw(" <a href=\"").text(url).raw("\">Sign in</a></p></body></html>");
    html
}

fn sentence_begun(words: &'static str, refresh: Option<&'static str>) -> Html {
    let mut html = Html::new();
    html.raw("<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><meta name=\"color-scheme\" content=\"light dark\">");
    if let Some(seconds) = refresh {
        html.raw("<meta http-equiv=\"refresh\" content=\"").raw(seconds).raw("\">");
    }
    html.raw("<title>").raw(words).raw("</title></head><body><p>").raw(words);
    html
}

/// Millionths of a dollar, to the cent.
fn money(micro: u64) -> String {
    let cents = micro / 10_000;
    format!("${}.{:02}", cents / 100, cents % 100)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::label;

    #[test]
    fn money_is_shown_to_the_cent() {
        assert_eq!(money(1_234_567), "$1.23");
        assert_eq!(money(0), "$0.00");
        assert_eq!(label::REASONS.len(), 21, "a new reason needs its words");
    }
}
