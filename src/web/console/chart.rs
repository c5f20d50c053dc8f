//! Charts as inline SVG: no script, no style of their own, readable by a screen reader as a sentence.

use super::clock;
use super::html::Html;
use crate::base::time::Timestamp;

/// The width of the drawing's own coordinates.
const WIDTH: u64 = 720;
/// Their height.
const HEIGHT: u64 = 120;

/// One series: its class in the style sheet, its name, and a value for each span.
pub(super) struct Series<'a> {
    pub(super) class: &'static str,
    pub(super) name: &'static str,
    pub(super) values: &'a [u64],
}

/// Bars of two series, the second drawn inside the first: texts and the codes that came back, requests and
/// what was refused of them.
pub(super) fn bars(
    html: &mut Html,
    title: &'static str,
    series: &[Series<'_>],
    from: &str,
    to: &str,
) {
    let most = series.iter().flat_map(|series| series.values.iter()).copied().max().unwrap_or(0);
    let count = series.iter().map(|series| series.values.len()).max().unwrap_or(1).max(1);
    let count = u64::try_from(count).unwrap_or(1);
    let step = WIDTH.checked_div(count).unwrap_or(1).max(1);
    html.raw("<figure class=\"chart\"><figcaption><b>").text(title).raw("</b>");
    for series in series {
        html.raw("<span class=\"key ").text(series.class).raw("\">").text(series.name).raw(" ");
        html.text(series.values.iter().sum::<u64>()).raw("</span>");
    }
    html.raw("</figcaption><svg role=\"img\" viewBox=\"0 0 ").text(WIDTH).raw(" ").text(HEIGHT);
    html.raw("\" preserveAspectRatio=\"none\" aria-label=\"").text(title).raw(": ");
    for series in series {
        let sum: u64 = series.values.iter().sum();
        html.text(series.name).raw(" ").text(sum).raw(", ");
    }
    html.raw("at most ").text(most).raw(" at a time\">");
    html.raw("<line class=\"grid\" x1=\"0\" y1=\"60\" x2=\"720\" y2=\"60\"/>");
    html.raw("<line class=\"axis\" x1=\"0\" y1=\"119.5\" x2=\"720\" y2=\"119.5\"/>");
    for series in series {
        for (place, value) in (0_u64..).zip(series.values) {
            let high =
                value.saturating_mul(HEIGHT.saturating_sub(6)).checked_div(most).unwrap_or(0);
            if *value == 0 {
                continue;
            }
            let high = high.max(2);
            html.raw("<rect class=\"").text(series.class).raw("\" x=\"");
            html.text(place.saturating_mul(step)).raw("\" y=\"").text(HEIGHT.saturating_sub(high));
            html.raw("\" width=\"").text(step.saturating_sub(1).max(1)).raw("\" height=\"");
            html.text(high).raw("\"/>");
        }
    }
    html.raw("</svg><p class=\"scale\"><span>").text(from).raw("</span><span>most ").text(most);
    html.raw("</span><span>").text(to).raw("</span></p></figure>");
}

/// Neighbouring spans as one: `size` of them.
pub(super) fn joined(values: &[u64], size: usize) -> Vec<u64> {
    values.chunks(size.max(1)).map(|few| few.iter().sum()).collect()
}

/// The evidence against a place over the last three hours, as a line from left to right.
pub(super) fn evidence(html: &mut Html, readings: &[(Timestamp, f32)], now: Timestamp) {
    const SPAN: u64 = 3 * 3_600_000;
    let start = now.as_millis().saturating_sub(SPAN);
    let shown: Vec<(u64, f32)> = readings
        .iter()
        .filter(|(at, _)| (start..=now.as_millis()).contains(&at.as_millis()))
        .map(|(at, value)| (at.as_millis().saturating_sub(start), value.max(0.0)))
        .collect();
    let Some((first, newest)) = shown.first().zip(shown.last()) else {
        html.raw("<p class=\"dim\">No reading yet.</p>");
        return;
    };
    let most = shown.iter().map(|(_, value)| *value).fold(8.0_f32, f32::max);
    let x = |at: u64| at.saturating_mul(240).checked_div(SPAN).unwrap_or(0);
    let y = |value: f32| 46.0 - value / most * 44.0;
    html.raw("<figure class=\"spark\"><svg role=\"img\" viewBox=\"0 0 240 48\" preserveAspectRatio=\"none\" aria-label=\"Evidence, from ");
    html.text(format_args!(
        "{:.1} to {:.1} nats in {}",
        first.1,
        newest.1,
        clock::span(newest.0.saturating_sub(first.0))
    ));
    html.raw("\"><line class=\"axis\" x1=\"0\" y1=\"47\" x2=\"240\" y2=\"47\"/>");
    if shown.len() > 1 {
        html.raw("<polygon class=\"area\" points=\"");
        html.text(x(first.0)).raw(",47 ");
        for (at, value) in &shown {
            html.text(format_args!("{},{:.1} ", x(*at), y(*value)));
        }
        html.text(x(newest.0)).raw(",47\"/><polyline class=\"line\" points=\"");
        for (at, value) in &shown {
            html.text(format_args!("{},{:.1} ", x(*at), y(*value)));
        }
        html.raw("\"/>");
    }
    // A line of no length with round ends: a circle would be stretched with the drawing.
    let (x, y) = (x(newest.0).clamp(3, 237), format!("{:.1}", y(newest.1).max(3.0)));
    html.raw("<line class=\"dot\" x1=\"").text(x).raw("\" x2=\"").text(x).raw("\" y1=\"");
    html.text(&y).raw("\" y2=\"").text(&y);
    html.raw("\"/></svg><figcaption>");
    html.text(format_args!(
        "Evidence {:.1} nats now, {:.1} at most in three hours",
        newest.1,
        shown.iter().map(|(_, value)| *value).fold(0.0_f32, f32::max)
    ));
    html.raw("</figcaption></figure>");
}

/// A bar for one share of a whole.
pub(super) fn meter(html: &mut Html, class: &'static str, part: u64, whole: u64) {
    let wide = part.min(whole).saturating_mul(100).checked_div(whole).unwrap_or(0);
    html.raw("<svg class=\"meter\" viewBox=\"0 0 100 4\" preserveAspectRatio=\"none\" aria-hidden=\"true\">");
    html.raw("<rect class=\"rail\" x=\"0\" y=\"0\" width=\"100\" height=\"4\"/><rect class=\"");
    html.text(class).raw("\" x=\"0\" y=\"0\" height=\"4\" width=\"").text(wide).raw("\"/></svg>");
}
