//! The figures of the last hour and of the day.

use super::shadow::Shadow;
use super::{View, money};
use crate::base::money::Money;
use crate::web::console::chart;
use crate::web::console::feed::Window;
use crate::web::console::html::Html;
use crate::web::console::tally::Tally;

pub(super) fn tiles(html: &mut Html, view: &View<'_>) {
    html.raw("<section class=\"tiles\" aria-label=\"The last hour\">");
    if let Ok(now) = &view.snapshot {
        let accepted = now.attempts.saturating_sub(now.failed);
        let share = accepted.saturating_mul(100).checked_div(now.sent);
        tile(
            html,
            "Texts in the last hour",
            now.sent,
            &format!(
                "of {} requests, less what a block, Country off or SMS off refuses",
                now.requests
            ),
        );
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
        purse(html, "Spent in 24 hours", now.spent, now.daily_budget);
        if let Some(all) = &now.global {
            purse(html, "Spent by all realms in 24 hours", all.spent, all.limit);
        }
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
    let would = view.sum(Tally::WouldRefuse, Window::Hour);
    if would > 0 || view.shadow() != Shadow::No {
        let words = "and went out, in shadow mode, at this gate";
        tile(html, "Would be refused in the last hour", would, words);
    }
    let asked = view.sum(Tally::StepUps, Window::Hour);
    tile(html, "Asked to prove more in the last hour", asked, "at this gate");
    html.raw("</section>");
}

/// What is spent of a day's money.
fn purse(html: &mut Html, name: &'static str, spent: Money, budget: Money) {
    let (spent, budget) = (spent.as_microdollars(), budget.as_microdollars());
    html.raw("<div class=\"tile\"><h3>").raw(name).raw("</h3><p class=\"figure\">");
    html.text(money(spent)).raw("</p>");
    let percent = spent.saturating_mul(100).checked_div(budget).unwrap_or(0);
    let class = match percent {
        90.. => "bad",
        50.. => "warn",
        _ => "good",
    };
    chart::meter(html, class, spent, budget);
    html.raw("<p class=\"dim\">").text(percent).raw(" % of ").text(money(budget));
    html.raw(" a day</p></div>");
}

fn tile(html: &mut Html, name: &'static str, figure: u64, words: &str) {
    html.raw("<div class=\"tile\"><h3>").raw(name).raw("</h3><p class=\"figure\">").text(figure);
    html.raw("</p><p class=\"dim\">").text(words).raw("</p></div>");
}
