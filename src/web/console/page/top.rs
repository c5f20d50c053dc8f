//! What stands at the head of the page: how it goes, and what was done.

use crate::base::money::Money;
use crate::pumping::Action;

use super::super::clock;
use super::super::feed::Window;
use super::super::html::Html;
use super::super::tally::Tally;
use super::shadow::Shadow;
use super::{View, address};

/// So many texts stopped for pumping in an hour are an attack, whatever the detector does by now.
const ATTACK: u64 = 5;

pub(super) fn top(html: &mut Html, view: &View<'_>, refresh: Option<&'static str>) {
    // Where an entry decides, it does so for as long as it lasts, whether anybody attacks or not.
    let of = |action| {
        let places = view.places().iter();
        places.filter(|place| place.action == action && place.entry.is_none()).count()
    };
    let (refusing, asking) = (of(Action::Refuse), of(Action::Ask));
    let reasons = view.feed.reasons(Window::Hour, view.now);
    let refused =
        |kind: &str| reasons.iter().find(|(word, _)| *word == kind).map_or(0, |(_, count)| *count);
    let (stopped, beyond) = (refused("pumping"), refused("budget"));
    html.raw("<header><div><h1>Codes by SMS</h1><p class=\"dim\">realm ").text(view.realm);
    html.raw(" · ").text(clock::date(view.now)).raw(" · ").text(view.operator.actor().as_str());
    html.raw(if view.acts() { "" } else { ", looking only" }).raw("</p></div>");
    if view.clocks_disagree() {
        html.raw("<p class=\"state bad\">Clocks disagree</p>");
    } else if view.outage() {
        html.raw("<p class=\"state bad\">Store outage</p>");
    } else if view.paused().is_some() {
        html.raw("<p class=\"state bad\">All SMS");
        view.of_realm(html);
        html.raw(" paused</p>");
    } else if let Some(whose) = used_up(view) {
        html.raw("<p class=\"state bad\">Budget").raw(whose).raw(" used up</p>");
    } else if refusing > 0 && view.shadow() == Shadow::Yes {
        html.raw("<p class=\"state bad\">Attack that goes through: ");
        html.text(view.sum(Tally::WouldRefuse, Window::Hour));
        html.raw(" would be refused in an hour</p>");
    } else if refusing > 0 || stopped >= ATTACK {
        html.raw("<p class=\"state bad\">Attack: ").text(stopped).raw(" stopped in an hour</p>");
    } else if beyond > 0 {
        html.raw("<p class=\"state bad\">Budget: ").text(beyond).raw(" refused in an hour</p>");
    } else if view.held_up() >= ATTACK {
        html.raw("<p class=\"state warn\">Watching: ").text(view.held_up());
        html.raw(" asked to prove more in an hour</p>");
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
    for (value, words) in
        [(None, "by hand"), (Some("60"), "each minute"), (Some("15"), "each 15 s")]
    {
        html.raw("<a href=\"");
        address(html, view.mount, value);
        html.raw("\"");
        if refresh == value {
            html.raw(" aria-current=\"true\"");
        }
        html.raw(">").raw(words).raw("</a>");
    }
    html.raw("</nav></header>");
}

/// Whether a budget of the day has no room left, as good as, and whose: nothing goes out on it, however calm
/// it is.
fn used_up(view: &View<'_>) -> Option<&'static str> {
    let now = view.snapshot.as_ref().ok()?;
    let full = |spent: Money, limit: Money| {
        let (spent, limit) = (spent.as_microdollars(), limit.as_microdollars());
        spent.saturating_mul(100) >= limit.saturating_mul(99)
    };
    if now.global.as_ref().is_some_and(|all| full(all.spent, all.limit)) {
        return Some(" of all realms");
    }
    full(now.spent, now.daily_budget).then_some("")
}

pub(super) fn banners(html: &mut Html, view: &View<'_>) {
    if let Err(error) = &view.snapshot {
        html.raw("<p class=\"banner bad\" role=\"alert\">");
        html.raw(match (view.clocks_disagree(), view.acts()) {
            (true, true) => "<b>The clocks disagree.</b> Nothing is sent and no code accepted until they agree. Set the wrong one. With a memory or redb store you can also <a href=\"#one\">vouch for this host's</a> if it is right. ",
            (true, false) => "<b>The clocks disagree.</b> Nothing is sent and no code accepted until they agree. Set the wrong one. ",
            (false, _) => "<b>The store gives no answer.</b> Nothing is sent and no code accepted while it lasts; nothing can be changed here. ",
        });
        html.text(error).raw("</p>");
    }
    if let Some((_, words)) = &view.kept {
        html.raw("<p class=\"banner bad\" role=\"alert\"><b>Not done.</b> ").text(words);
        if let Some(place) = view.kept_at() {
            html.raw(" What you wrote is still <a href=\"")
                .raw(place)
                .raw("\">in the form</a>, but for numbers, codes and accounts.");
        }
        html.raw("</p>");
    }
    // The address tells what was done when the page was new, or what somebody wrote into a link. What all
    // SMS does now is known, and said only while it is so.
    let (what, done) = match view.query.field("done") {
        "entered" => ("", "The entry was made. Every gate goes by it from its next request on."),
        "lifted" => ("", "The entry is lifted."),
        "forgiven" => ("", "The number's wrong codes are forgotten."),
        "forgotten" => ("", "What providers reported about the number is forgotten."),
        "forgiven-account" => ("", "The account's wrong authenticator codes are forgotten."),
        "clock" => ("", "The clock is vouched for, in all realms."),
        "paused" if view.paused().is_some() => {
            ("All SMS", " is paused, at every gate, from the next request on.")
        }
        "resumed" if view.entries.is_ok() && view.paused().is_none() => ("SMS", " goes out again."),
        _ => return,
    };
    html.raw("<p class=\"banner good\" role=\"status\">").raw(what);
    if !what.is_empty() {
        view.of_realm(html);
    }
    html.raw(done).raw("</p>");
}
