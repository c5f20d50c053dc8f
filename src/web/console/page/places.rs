//! Where the detector acts, with the reason and the evidence over time.

use crate::access::{DialPrefix, Network};
use crate::pumping::{Action, BlockLevel, NodeView};

use super::View;
use super::shadow::Shadow;
use crate::web::console::html::Html;
use crate::web::console::{chart, words};

/// Places that are seen at once: what an alarm is about, and still one screen of a phone after another.
const FIRST: usize = 4;
/// Places that are shown when the others are unfolded.
const MOST: usize = 20;

pub(super) fn places(html: &mut Html, view: &View<'_>) {
    if view.outage() {
        return;
    }
    html.raw("<section><h2>Where the detector acts</h2>");
    if view.places().is_empty() {
        match view.held_up() {
            0 => html.raw("<p class=\"dim\">Nowhere. It asks for step-ups and refuses by itself when texts go out and no codes come back.</p>"),
            held => html
                .raw("<p>No place is under alarm. Clients were asked to prove more ")
                .text(held)
                .raw(" times in the last hour, because more codes are out unanswered than customers explain. Whoever does not do it gets no text.</p>"),
        };
        html.raw("</section>");
        return;
    }
    let mut places: Vec<&NodeView> = view.places().iter().collect();
    places.sort_by(|one, two| {
        let refuses = |place: &NodeView| place.action == Action::Refuse;
        let loud = words::evidence(two).total_cmp(&words::evidence(one));
        refuses(two).cmp(&refuses(one)).then(loud)
    });
    let (first, rest) = places.split_at(places.len().min(FIRST));
    articles(html, view, first);
    if !rest.is_empty() {
        html.raw("<details><summary>").text(rest.len());
        html.raw(if rest.len() == 1 { " more place" } else { " more places" }).raw("</summary>");
        articles(html, view, rest);
        html.raw("</details>");
    }
    html.raw("</section>");
}

fn articles(html: &mut Html, view: &View<'_>, places: &[&NodeView]) {
    html.raw("<div class=\"places\">");
    for place in places.iter().take(MOST) {
        let class = if place.action == Action::Refuse { "bad" } else { "warn" };
        html.raw("<article class=\"place\"><h3>").text(place.node).raw(" <span class=\"pill ");
        html.raw(class).raw("\">").raw(view.shadow_at(place).action(place.action)).raw("</span>");
        if let Some([a, b]) = place.region {
            html.raw(" <span class=\"pill\">")
                .text(char::from(a))
                .text(char::from(b))
                .raw("</span>");
        }
        html.raw("</h3><p>");
        let observed = view.shadow_at(place) == Shadow::Yes;
        for sentence in words::place(place, observed, view.now) {
            html.text(sentence).raw(" ");
        }
        html.raw("</p>");
        chart::evidence(html, &view.feed.evidence(place.node), view.now);
        if view.acts() {
            links(html, view, place);
        }
        html.raw("</article>");
    }
    html.raw("</div>");
    if let Some(more) = places.len().checked_sub(MOST).filter(|more| *more > 0) {
        html.raw("<p class=\"dim\">And ").text(more).raw(" more.</p>");
    }
}

/// What can be done about a place.
fn links(html: &mut Html, view: &View<'_>, place: &NodeView) {
    if let Some(entry) = place.entry {
        html.raw("<p class=\"links\"><a href=\"").text(view.mount).raw("?lift=").text(entry);
        if let Some(seconds) = view.refresh() {
            html.raw("&amp;refresh=").raw(seconds);
        }
        html.raw("#entries\">Lift entry ").text(entry).raw("</a></p>");
        return;
    }
    let Some((kind, value)) = subject(place) else {
        html.raw("<p class=\"dim\">").text(no_subject(place)).raw("</p>");
        return;
    };
    html.raw("<p class=\"links\">");
    for (effect, hours, words) in [
        ("block", "24", "Block"),
        ("extend-auto", "24", "Refuse longer"),
        ("lift-auto", "24", "Lift"),
        ("forbid-auto", "24", "Never refuse"),
    ] {
        html.raw("<a href=\"").text(view.mount).raw("?effect=").raw(effect);
        html.raw("&amp;kind=").raw(kind).raw("&amp;value=").text(escaped(&value));
        html.raw("&amp;hours=").raw(hours);
        if let Some(seconds) = view.refresh() {
            html.raw("&amp;refresh=").raw(seconds);
        }
        html.raw("#enter\">").raw(words).raw("</a>");
    }
    html.raw("</p>");
}

/// What an entry about a place would name; `None` where no entry is as narrow as the place.
fn subject(place: &NodeView) -> Option<(&'static str, String)> {
    let level = place.node.level();
    if level.is_block() {
        // With its `x`s: where numbers differ in length, the digits alone may be somebody's.
        // An entry takes twelve: then it names the wider block.
        let most = usize::from(DialPrefix::MAX_LENGTH);
        let beyond = |(at, letter)| if at > most { 'x' } else { letter };
        return Some(("prefix", place.node.to_string().chars().enumerate().map(beyond).collect()));
    }
    if let Some((address, length)) = place.node.expose_network() {
        // The wider network, as the page has it: an address is a person's.
        let length = if address.is_ipv4() { length.min(24) } else { length.min(48) };
        let network = Network::new(address, length).ok()?;
        return Some(("network", network.to_string()));
    }
    // The other places of a country are some of its numbers, and an entry would be about all of them.
    let [a, b] = place.region.filter(|_| level == BlockLevel::Country)?;
    Some(("country", [char::from(a), char::from(b)].into_iter().collect()))
}

/// Why there are no links beside a place, and what is left to do.
fn no_subject(place: &NodeView) -> String {
    match place.region {
        Some([a, b]) => {
            let (a, b) = (char::from(a), char::from(b));
            format!("No entry is as narrow as this. Country off would close all of {a}{b}.")
        }
        None => {
            "No entry is as narrow as this. Known numbers only would close it, and more.".to_owned()
        }
    }
}

/// For the query of a link.
fn escaped(value: &str) -> String {
    form_urlencoded::byte_serialize(value.as_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::time::Timestamp;
    use crate::pumping::{Detector, NodeId, Sighting, SightingKind};
    use crate::realm::sighted;
    use crate::web::console::deed::{is_personal, is_whole_number};
    use crate::{ClientIp, Money, Purpose, Recipient};

    /// A link leads to a form that shows what it is about and is taken, in every country.
    #[test]
    fn what_a_link_names_is_shown_and_taken() {
        // Hundreds that begin with what may be a number itself, and a thousand that does not.
        let mut detector = Detector::new(1);
        for (number, level, named, is_long) in [
            ("+6281234567890", BlockLevel::Hundred, "+62812345678xx", true),
            ("+436641234567", BlockLevel::Hundred, "+4366412345xx", true),
            ("+3584123456789", BlockLevel::Hundred, "+35841234567xx", true),
            ("+436641234567890", BlockLevel::Hundred, "+436641234567xxx", true),
            ("+4520123456", BlockLevel::Thousand, "+4520123xxx", false),
        ] {
            let number = Recipient::from_e164(number).unwrap();
            let seen = sighted(&number, &Purpose::SIGN_UP, Money::cents(5), ClientIp::unknown());
            let at = Timestamp::from_millis(86_400_000);
            detector.observe(Sighting::of(at, SightingKind::Sent, &seen));
            let country = NodeId::region(BlockLevel::Country, seen.region);
            let node = NodeId::block(level, seen.digits);
            let place = NodeView { node, ..detector.inspect(country).unwrap() };
            let (kind, value) = subject(&place).unwrap();
            assert_eq!((kind, &*value), ("prefix", named));
            assert_eq!(is_whole_number(value.trim_end_matches('x')), is_long, "{value}");
            assert!(!is_whole_number(&value) && !is_personal(&value), "{value}");
            assert!(value.parse::<DialPrefix>().is_ok(), "{value}");
        }
    }
    /// Some of a country's numbers are under attack: what is done about them is not done to all the others.
    #[test]
    fn a_place_that_is_a_part_of_a_country_has_no_link_about_the_country() {
        let number = Recipient::from_e164("+4915112345678").unwrap();
        let seen = sighted(&number, &Purpose::SIGN_UP, Money::cents(5), ClientIp::unknown());
        let mut detector = Detector::new(1);
        detector.observe(Sighting::of(Timestamp::from_millis(1), SightingKind::Sent, &seen));
        let country = NodeId::region(BlockLevel::Country, seen.region);
        let whole = detector.inspect(country).unwrap();
        assert_eq!(subject(&whole), Some(("country", "DE".to_owned())));
        for level in [BlockLevel::ColdCountry, BlockLevel::AwayCountry, BlockLevel::KnownCountry] {
            let place = NodeView { node: NodeId::region(level, seen.region), ..whole };
            assert_eq!(subject(&place), None, "{}", place.node);
            assert!(no_subject(&place).contains("all of DE"), "{}", no_subject(&place));
        }
        let pool = NodeView { node: NodeId::pool(BlockLevel::Cold), region: None, ..whole };
        assert_eq!(subject(&pool), None);
        assert!(no_subject(&pool).contains("Known numbers only"));
    }
}
