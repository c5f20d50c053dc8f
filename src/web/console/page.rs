//! The pages.

use crate::access::{Control, Effect};
use crate::base::time::Timestamp;
use crate::gate::Snapshot;
use crate::otp::TestCode;
use crate::pumping::{Action, NodeView};

use super::chart::{self, Series, bars};
use super::clock;
use super::deed::{EFFECTS, Question, SPANS, TARGETS};
use super::feed::{ConsoleFeed, Tally, Window};
use super::form::Form;
use super::html::Html;
use super::operator::{Operator, Role};
use super::words;

/// So many texts stopped for pumping in an hour are an attack, whatever the detector does by now.
const ATTACK: u64 = 5;

/// What the overview shows.
pub(super) struct View<'a> {
    pub(super) realm: &'a str,
    pub(super) operator: &'a Operator,
    pub(super) snapshot: Result<Snapshot, String>,
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

    fn acts(&self) -> bool {
        self.operator.role() == Role::Act
    }

    fn entries(&self) -> &[Control] {
        self.entries.as_deref().unwrap_or_default()
    }

    fn paused(&self) -> Option<&Control> {
        self.entries().iter().find(|entry| words::pauses(entry) && entry.holds(self.now))
    }

    fn places(&self) -> &[NodeView] {
        self.snapshot.as_ref().map(|snapshot| &*snapshot.blocks).unwrap_or_default()
    }

    fn sum(&self, of: Tally, window: Window) -> u64 {
        self.feed.sum(of, window, self.now)
    }

    /// What a field of a form holds: what was typed before it was not taken, or what a link of the page
    /// asks for.
    fn held(&self, form: &str, field: &str) -> &str {
        match &self.kept {
            Some((kept, _)) if kept.field("do") == form => kept.field(field),
            Some(_) => "",
            None if form == "enter" => self.query.field(field),
            None => "",
        }
    }
}

/// The one page.
pub(super) fn overview(view: &View<'_>) -> Html {
    let refresh = match view.query.field("refresh") {
        "15" => Some("15"),
        "60" => Some("60"),
        _ => None,
    };
    let mut html = head(view.mount, view.realm, refresh.filter(|_| view.kept.is_none()));
    top(&mut html, view, refresh);
    html.raw("<main>");
    banners(&mut html, view);
    switch(&mut html, view);
    tiles(&mut html, view);
    places(&mut html, view);
    charts(&mut html, view);
    html.raw("<div class=\"two\">");
    reasons(&mut html, view);
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

fn head(mount: &str, realm: &str, refresh: Option<&'static str>) -> Html {
    let mut html = Html::new();
    html.raw("<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">");
    html.raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">");
    html.raw("<meta name=\"color-scheme\" content=\"light dark\"><meta name=\"robots\" content=\"noindex\">");
    if let Some(seconds) = refresh {
        html.raw("<meta http-equiv=\"refresh\" content=\"").raw(seconds).raw("\">");
    }
    html.raw("<title>Codes by SMS: ").text(realm).raw("</title>");
    html.raw("<link rel=\"stylesheet\" href=\"").text(mount).text(super::style_path());
    html.raw("\"></head><body>");
    html
}

fn top(html: &mut Html, view: &View<'_>, refresh: Option<&'static str>) {
    let refusing = view.places().iter().filter(|place| place.action == Action::Refuse).count();
    let asking = view.places().len().saturating_sub(refusing);
    let reasons = view.feed.reasons(Window::Hour, view.now);
    let stopped =
        reasons.iter().find(|(word, _)| *word == "pumping").map_or(0, |(_, count)| *count);
    html.raw("<header><div><h1>Codes by SMS</h1><p class=\"dim\">realm ").text(view.realm);
    html.raw(" · ").text(clock::date(view.now)).raw(" · ").text(view.operator.actor().as_str());
    html.raw(if view.acts() { "" } else { ", looking only" }).raw("</p></div>");
    if view.outage() {
        html.raw("<p class=\"state bad\">Store outage</p>");
    } else if view.paused().is_some() {
        html.raw("<p class=\"state bad\">All SMS paused</p>");
    } else if refusing > 0 || stopped >= ATTACK {
        html.raw("<p class=\"state bad\">Attack: ").text(stopped).raw(" stopped in an hour</p>");
    } else if asking > 0 {
        html.raw("<p class=\"state warn\">Watching: ").text(asking).raw(if asking == 1 {
            " place</p>"
        } else {
            " places</p>"
        });
    } else {
        html.raw("<p class=\"state good\">Calm</p>");
    }
    html.raw("<nav aria-label=\"Refresh\"><span class=\"dim\">Refresh</span>");
    for (value, words) in [("", "by hand"), ("60", "each minute"), ("15", "each 15 s")] {
        html.raw("<a href=\"").text(view.mount);
        if !value.is_empty() {
            html.raw("?refresh=").raw(value);
        }
        html.raw("\"");
        if refresh.unwrap_or("") == value {
            html.raw(" aria-current=\"true\"");
        }
        html.raw(">").raw(words).raw("</a>");
    }
    html.raw("</nav></header>");
}

fn banners(html: &mut Html, view: &View<'_>) {
    if let Err(words) = &view.snapshot {
        html.raw("<p class=\"banner bad\" role=\"alert\"><b>The store gives no answer.</b> Nothing is sent and no code accepted while it lasts; nothing can be changed here. ");
        html.text(words).raw("</p>");
    }
    if let Some((form, words)) = &view.kept {
        let place = match form.field("do") {
            "enter" => "#enter",
            "lift" => "#entries",
            "pause" | "resume" | "confirm" => "#switch",
            _ => "#one",
        };
        html.raw("<p class=\"banner bad\" role=\"alert\"><b>Not done.</b> ").text(words);
        html.raw(" What you wrote is still <a href=\"")
            .raw(place)
            .raw("\">in the form</a>, but for numbers, codes and accounts.</p>");
    }
    let done = match view.query.field("done") {
        "entered" => "The entry holds from the next request on, at every gate.",
        "lifted" => "The entry is lifted.",
        "forgiven" => "The number's wrong codes are forgotten.",
        "forgotten" => "What providers reported about the number is forgotten.",
        "forgiven-account" => "The account's wrong authenticator codes are forgotten.",
        "clock" => "The clock is vouched for.",
        "paused" => "All SMS is paused, at every gate, from the next request on.",
        "resumed" => "SMS goes out again.",
        _ => return,
    };
    html.raw("<p class=\"banner good\" role=\"status\">").raw(done).raw("</p>");
}

/// The large switch.
fn switch(html: &mut Html, view: &View<'_>) {
    if let Some(entry) = view.paused() {
        html.raw("<section id=\"switch\" class=\"switch\"><h2>All SMS is paused</h2><p>By ")
            .text(entry.actor());
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
        }
        html.raw("</section>");
    } else if view.acts() && !view.outage() {
        let open = matches!(&view.kept, Some((form, _)) if form.field("do") == "pause");
        html.raw("<details id=\"switch\" class=\"switch\"").raw(if open { " open" } else { "" });
        html.raw("><summary>Pause all SMS…</summary><p>No text goes out to anybody, until you resume it or the time is over. People are pointed to the authenticator app. You are asked once more.</p>");
        begin(html, view, "pause");
        span_field(html, view, "pause", "2");
        reason_field(html, view, "pause");
        html.raw("<button class=\"danger\">Pause all SMS…</button></form></details>");
    }
}

fn tiles(html: &mut Html, view: &View<'_>) {
    html.raw("<section class=\"tiles\" aria-label=\"The last hour\">");
    if let Ok(now) = &view.snapshot {
        let accepted = now.attempts.saturating_sub(now.failed);
        let share = accepted.saturating_mul(100).checked_div(now.sent);
        tile(html, "Texts in the last hour", now.sent, &format!("of {} requests", now.requests));
        let (figure, words) = match share {
            Some(share) if now.sent >= 5 => (format!("{share} %"), "healthy: 55 to 85"),
            _ => ("–".to_owned(), "too few texts to say"),
        };
        let class = match share {
            Some(share) if now.sent >= 20 && share < 35 => "bad",
            Some(share) if now.sent >= 20 && share < 55 => "warn",
            _ => "",
        };
        html.raw("<div class=\"tile ")
            .raw(class)
            .raw("\"><h3>Codes accepted for each text</h3><p class=\"figure\">");
        html.text(figure).raw("</p><p class=\"dim\">").raw(words).raw("</p></div>");
        let (spent, budget) = (now.spent.as_microdollars(), now.daily_budget.as_microdollars());
        html.raw("<div class=\"tile\"><h3>Spent in 24 hours</h3><p class=\"figure\">");
        html.text(money(spent)).raw("</p>");
        let percent = spent.saturating_mul(100).checked_div(budget).unwrap_or(0);
        let class = if percent >= 90 {
            "bad"
        } else if percent >= 50 {
            "warn"
        } else {
            "good"
        };
        chart::meter(html, class, spent, budget);
        html.raw("<p class=\"dim\">")
            .text(percent)
            .raw(" % of ")
            .text(money(budget))
            .raw(" a day</p></div>");
        tile(
            html,
            "Wrong codes in the last hour",
            now.failed,
            &format!("of {} entered", now.attempts),
        );
    }
    let refused = view.sum(Tally::Refused, Window::Hour);
    let withheld = view.sum(Tally::Withheld, Window::Hour);
    tile(html, "Refused in the last hour", refused, "at this gate");
    let words = "told that a text was sent, at this gate";
    tile(html, "Withheld in the last hour", withheld, words);
    html.raw("</section>");
}

fn tile(html: &mut Html, name: &'static str, figure: u64, words: &str) {
    html.raw("<div class=\"tile\"><h3>").raw(name).raw("</h3><p class=\"figure\">").text(figure);
    html.raw("</p><p class=\"dim\">").text(words).raw("</p></div>");
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

fn places(html: &mut Html, view: &View<'_>) {
    if view.outage() {
        return;
    }
    html.raw("<section><h2>Where the detector acts</h2>");
    if view.places().is_empty() {
        html.raw("<p class=\"dim\">Nowhere. It asks for step-ups and refuses by itself when texts go out and no codes come back.</p></section>");
        return;
    }
    let mut places: Vec<&NodeView> = view.places().iter().collect();
    places.sort_by(|one, two| {
        let refuses = |place: &NodeView| place.action == Action::Refuse;
        let loud = words::evidence(two).total_cmp(&words::evidence(one));
        refuses(two).cmp(&refuses(one)).then(loud)
    });
    html.raw("<div class=\"places\">");
    for place in places.iter().take(24) {
        let class = if place.action == Action::Refuse { "bad" } else { "warn" };
        html.raw("<article class=\"place\"><h3>").text(place.node).raw(" <span class=\"pill ");
        html.raw(class).raw("\">").raw(words::action(place.action)).raw("</span>");
        if let Some([a, b]) = place.region {
            html.raw(" <span class=\"pill\">")
                .text(char::from(a))
                .text(char::from(b))
                .raw("</span>");
        }
        html.raw("</h3><p>");
        for sentence in words::place(place, view.now) {
            html.text(sentence).raw(" ");
        }
        html.raw("</p>");
        chart::evidence(html, &view.feed.evidence(place.node), view.now);
        if let Some((kind, value)) = subject(place).filter(|_| view.acts()) {
            html.raw("<p class=\"links\">");
            for (effect, hours, words) in [
                ("block", "24", "Block"),
                ("extend-auto", "24", "Extend"),
                ("lift-auto", "24", "Lift"),
                ("forbid-auto", "24", "Forbid"),
            ] {
                html.raw("<a href=\"")
                    .text(view.mount)
                    .raw("?effect=")
                    .raw(effect)
                    .raw("&amp;kind=");
                html.raw(kind)
                    .raw("&amp;value=")
                    .text(escaped(&value))
                    .raw("&amp;hours=")
                    .raw(hours);
                html.raw("#enter\">").raw(words).raw("</a>");
            }
            html.raw("</p>");
        }
        html.raw("</article>");
    }
    html.raw("</div>");
    if let Some(more) = places.len().checked_sub(24).filter(|more| *more > 0) {
        html.raw("<p class=\"dim\">And ").text(more).raw(" more.</p>");
    }
    html.raw("</section>");
}

/// What an entry about a place would name; `None` for pools, which no entry can name.
fn subject(place: &NodeView) -> Option<(&'static str, String)> {
    let level = place.node.level();
    if level.is_block() {
        return Some(("prefix", place.node.to_string().trim_end_matches('x').to_owned()));
    }
    if let Some((address, length)) = place.node.expose_network() {
        // The wider network, as the page has it: an address is a person's.
        let length = if address.is_ipv4() { length.min(24) } else { length.min(48) };
        let network = crate::access::Network::new(address, length).ok()?;
        return Some(("network", network.to_string()));
    }
    let [a, b] = place.region?;
    Some(("country", [char::from(a), char::from(b)].into_iter().collect()))
}

/// For the query of a link.
fn escaped(value: &str) -> String {
    form_urlencoded::byte_serialize(value.as_bytes()).collect()
}

fn reasons(html: &mut Html, view: &View<'_>) {
    let night = view.feed.reasons(Window::Night, view.now);
    let hour = view.feed.reasons(Window::Hour, view.now);
    html.raw("<section><h2>Why texts were refused</h2>");
    if night.is_empty() {
        html.raw("<p class=\"dim\">None in three hours at this gate.</p></section>");
        return;
    }
    let most = night.first().map_or(1, |(_, count)| *count);
    html.raw("<table><thead><tr><th>Reason</th><th class=\"n\">3 hours</th><th class=\"n\">1 hour</th></tr></thead><tbody>");
    for (word, count) in &night {
        let lately = hour.iter().find(|(of, _)| of == word).map_or(0, |(_, count)| *count);
        html.raw("<tr><td>").raw(words::reason(word));
        chart::meter(html, "refused", *count, most);
        html.raw("</td><td class=\"n\">").text(count).raw("</td><td class=\"n\">").text(lately);
        html.raw("</td></tr>");
    }
    html.raw("</tbody></table></section>");
}

fn countries(html: &mut Html, view: &View<'_>) {
    let Ok(now) = &view.snapshot else { return };
    html.raw("<section><h2>Countries, last hour</h2>");
    if now.countries.is_empty() {
        html.raw("<p class=\"dim\">No requests.</p></section>");
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
        html.text(clock::time(notice.at)).raw("</time> ").text(&notice.words);
        if notice.times > 1 {
            html.raw(" <span class=\"dim\">").text(notice.times).raw(" times</span>");
        }
        html.raw("</li>");
    }
    html.raw("</ol></section>");
}

fn entries(html: &mut Html, view: &View<'_>) {
    html.raw("<section id=\"entries\"><h2>Entries that hold</h2>");
    if let Err(words) = &view.entries {
        html.raw("<p class=\"banner bad\">").text(words).raw("</p></section>");
        return;
    }
    if view.entries().is_empty() {
        html.raw("<p class=\"dim\">None.</p></section>");
        return;
    }
    html.raw("<div class=\"places\">");
    for entry in view.entries().iter().rev().take(100) {
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
            html.raw("<input type=\"hidden\" name=\"id\" value=\"").text(&id).raw("\">");
            reason_field(html, view, if held { "lift" } else { "" });
            html.raw("<button>Lift</button></form></details>");
        }
        html.raw("</article>");
    }
    html.raw("</div></section>");
}

fn change(html: &mut Html, view: &View<'_>) {
    html.raw("<section id=\"enter\"><h2>Make an entry</h2>");
    begin(html, view, "enter");
    select(html, view, "enter", ("effect", "What"), EFFECTS, "block");
    select(html, view, "enter", ("kind", "About"), TARGETS, "prefix");
    // A number or an account is typed again: it is in no page.
    let personal = matches!(view.held("enter", "kind"), "number" | "user");
    let value = if personal { "" } else { view.held("enter", "value") };
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
            "<p class=\"dim\">Only after you have looked at it: every limit is measured by it.</p>",
        );
    });
    html.raw("</div></section>");
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

/// A form that is folded away, with what it asks for and a reason.
fn fold(
    html: &mut Html,
    view: &View<'_>,
    name: &'static str,
    title: &'static str,
    fields: impl FnOnce(&mut Html),
) {
    let open = matches!(&view.kept, Some((form, _)) if form.field("do") == name);
    html.raw("<details class=\"fold\"").raw(if open { " open" } else { "" }).raw("><summary>");
    html.raw(title).raw("</summary>");
    begin(html, view, name);
    fields(html);
    reason_field(html, view, name);
    html.raw("<button>Do it</button></form></details>");
}

fn begin(html: &mut Html, view: &View<'_>, name: &'static str) {
    open_form(html, view.mount, name, &view.token);
}

fn open_form(html: &mut Html, mount: &str, name: &'static str, token: &str) {
    html.raw("<form method=\"post\" action=\"").text(mount).raw("/act\" autocomplete=\"off\">");
    html.raw("<input type=\"hidden\" name=\"do\" value=\"").raw(name).raw("\">");
    html.raw("<input type=\"hidden\" name=\"token\" value=\"").text(token).raw("\">");
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
        .text(value)
        .raw("\" maxlength=\"200\" autocapitalize=\"none\" spellcheck=\"false\"></label>");
}

fn number_field(html: &mut Html) {
    html.raw("<label>Number<input name=\"number\" type=\"tel\" placeholder=\"+49…\" maxlength=\"40\" required></label>");
}

fn reason_field(html: &mut Html, view: &View<'_>, form: &str) {
    html.raw("<label>Reason<input name=\"reason\" maxlength=\"200\" required placeholder=\"pumping since 02:40, ticket 4711\" value=\"");
    html.text(view.held(form, "reason")).raw("\"></label>");
}

fn span_field(html: &mut Html, view: &View<'_>, form: &'static str, usual: &'static str) {
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
    let kept = matches!(&view.kept, Some((kept, _)) if kept.field("do") == form);
    let held = view.held(form, name);
    let known = options.iter().any(|(value, _)| *value == held);
    let chosen = if known && (kept || !held.is_empty()) { held } else { usual };
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

/// The second question.
pub(super) fn question(question: &Question, mount: &str, token: &str, realm: &str) -> Html {
    let mut html = head(mount, realm, None);
    html.raw("<main class=\"alone\">");
    let pause = question.what == "pause";
    if pause {
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
    open_form(&mut html, mount, "confirm", token);
    for (name, value) in [
        ("what", question.what),
        ("reason", &question.reason),
        ("hours", &question.hours),
        ("entries", &question.entries),
        ("confirmation", &question.confirmation),
    ] {
        html.raw("<input type=\"hidden\" name=\"")
            .raw(name)
            .raw("\" value=\"")
            .text(value)
            .raw("\">");
    }
    html.raw(if pause {
        "<button class=\"danger\">Yes, pause all SMS</button>"
    } else {
        "<button>Yes, resume SMS</button>"
    });
    html.raw("<a class=\"button\" href=\"").text(mount).raw("\">No, go back</a></form>");
    html.raw("<p class=\"dim\">This question is good for two minutes, and once.</p></main></body></html>");
    html
}

/// The code of a test number, shown once.
pub(super) fn code(code: &TestCode, until: Timestamp, mount: &str, realm: &str) -> Html {
    let mut html = head(mount, realm, None);
    html.raw(
        "<main class=\"alone\"><h1>Test number entered</h1><p>Its code is</p><p class=\"code\">",
    );
    html.text(code.expose_secret()).raw("</p><p>until ").text(clock::date(until));
    html.raw(
        ". It is shown this once: write it down for whoever tests.</p><a class=\"button\" href=\"",
    );
    html.text(mount).raw("\">Back to the console</a></main></body></html>");
    html
}

/// A sentence, for whoever gets no page.
pub(super) fn sentence(words: &'static str) -> Html {
    let mut html = Html::new();
    html.raw("<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><meta name=\"color-scheme\" content=\"light dark\"><title>");
    html.raw(words).raw("</title></head><body><p>").raw(words).raw("</p></body></html>");
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
        assert_eq!(label::REASONS.len(), 20, "a new reason needs its words");
    }
}
