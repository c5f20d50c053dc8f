//! The replay's report: one self-contained page, readable by someone from finance.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use super::drive::{Fate, Run};
use super::explain::Explanation;
use super::plot::{ASKED, Line, Plot, SENT, STEP_UP, STOPPED};
use super::score::Scores;
use super::table::dollars;
use super::trace::{Row, Trace};

/// Points along the time axis of a plot.
const BINS: usize = 140;
/// Rows of a table before the rest is left out.
const MOST: usize = 30;
/// So many unsent texts in a row, within one block, count as a block.
const BLOCKED: u64 = 5;

/// What happened in one stretch of time, or in one country, or in one block of numbers.
#[derive(Clone, Default)]
struct Sum {
    requests: u64,
    sent: u64,
    verified: u64,
    asked_more: u64,
    refused: u64,
    left: u64,
    asked: u64,
    spent: u64,
    first_stop: Option<u64>,
    last_stop: Option<u64>,
    in_a_row: u64,
    /// Stretches without a text between five requests or more, for the time line.
    blocked: Vec<(u64, u64)>,
}

impl Sum {
    fn add(&mut self, row: &Row, fate: &Fate) {
        self.requests += 1;
        self.asked += u64::from(row.price_microusd);
        self.asked_more += u64::from(fate.stepped_up);
        self.verified += u64::from(fate.verified);
        if fate.sent {
            self.sent += 1;
            self.spent += u64::from(row.price_microusd);
            self.in_a_row = 0;
            return;
        }
        self.refused += u64::from(fate.refused.is_some());
        self.left += u64::from(fate.refused.is_none());
        self.first_stop.get_or_insert(row.at_ms);
        self.last_stop = Some(row.at_ms);
        self.in_a_row += 1;
        if self.in_a_row == BLOCKED {
            self.blocked.push((row.at_ms, row.at_ms));
        } else if let Some((_, to)) = self.blocked.last_mut().filter(|_| self.in_a_row > BLOCKED) {
            *to = row.at_ms;
        }
    }

    fn stopped(&self) -> u64 {
        self.requests - self.sent
    }
}

pub fn render(
    file: &Path,
    trace: &Trace,
    run: &Run,
    scores: &Scores,
    explanation: Option<&Explanation>,
) -> String {
    let start = trace.rows.first().map_or(0, |row| row.at_ms);
    let end = trace.rows.last().map_or(start, |row| row.at_ms).max(start + 1);
    let mut bins = vec![Sum::default(); BINS];
    let mut countries: BTreeMap<String, Sum> = BTreeMap::new();
    let mut blocks: BTreeMap<String, Sum> = BTreeMap::new();
    let mut by_country: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for (row, fate) in trace.rows.iter().zip(&run.fates) {
        let bin = ((row.at_ms - start) as u128 * BINS as u128 / (end - start + 1) as u128) as usize;
        let bin = bin.min(BINS - 1);
        bins[bin].add(row, fate);
        let country = String::from_utf8_lossy(&row.region).replace("00", "no country");
        if !fate.sent {
            by_country.entry(country.clone()).or_insert_with(|| vec![0; BINS])[bin] += 1;
        }
        countries.entry(country).or_default().add(row, fate);
        blocks.entry(format!("+{}xxxx", row.phone / 10_000)).or_default().add(row, fate);
    }
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let mut page = head(&format!("Replay of {}", escape(&name)));
    lead(&mut page, trace, scores, (start, end));
    page.push_str("<h2>Who asked, and what became of it</h2>");
    labels(&mut page, scores);
    page.push_str("<h2>Texts over time</h2>");
    let per = |end: u64| format!("texts in each {}", span((end - start) / BINS as u64));
    let series = |value: &dyn Fn(&Sum) -> u64| bins.iter().map(|sum| value(sum) as f64).collect();
    plot(
        &mut page,
        &per(end),
        (start, end),
        &[
            Line::new("asked for", ASKED, series(&|sum| sum.requests)).filled(),
            Line::new("sent", SENT, series(&|sum| sum.sent)),
            Line::new("stopped", STOPPED, series(&|sum| sum.stopped())),
            Line::new("asked to prove more", STEP_UP, series(&|sum| sum.asked_more)),
        ],
    );
    page.push_str("<h2>Money over time</h2>");
    plot(
        &mut page,
        "dollars, added up",
        (start, end),
        &[
            Line::new("would have cost", ASKED, added_up(&bins, |sum| sum.asked)).filled(),
            Line::new("spent", SENT, added_up(&bins, |sum| sum.spent)),
            Line::new("saved", STOPPED, added_up(&bins, |sum| sum.asked - sum.spent)),
        ],
    );
    if let Some(explanation) = explanation {
        page.push_str(&explanation.section());
    }
    stops_by_country(&mut page, &by_country, (start, end));
    reasons(&mut page, run);
    groups(&mut page, "By country", "Country", &countries, (start, end));
    groups(&mut page, "By prefix (blocks of 10 000 numbers)", "Prefix", &blocks, (start, end));
    let _ = write!(
        page,
        "<h2>What the words mean</h2><p class=small><b>Asked for</b>: somebody typed a number and \
         pressed “send me a code”. <b>Sent</b>: the gate let the text go out; this is what the \
         provider bills. <b>Stopped</b>: no text went out, because the gate <b>refused</b>, or \
         because it <b>asked to prove more</b> (a puzzle, a CAPTCHA) and the client <b>left</b>. \
         <b>Entered</b>: the code was typed in and was right. <b>Would have cost</b>: the price of \
         all that was asked for. In the time lines of the tables a red stretch is one in which at \
         least {BLOCKED} requests in a row got no text.</p>\
         <p class=small>Detector: at most {} nodes, {:.1} MB. {} ns a request.</p></html>",
        scores.nodes_peak,
        scores.bytes_peak as f64 / 1e6,
        scores.nanoseconds_per_request
    );
    page
}

fn lead(page: &mut String, trace: &Trace, scores: &Scores, (start, end): (u64, u64)) {
    let total = |side: &str| scores.totals.get(side).cloned().unwrap_or_default();
    let (attack, legit) = (total("attack"), total("legit"));
    let asked = attack.asked_microusd + legit.asked_microusd;
    let spent = attack.spent_microusd + legit.spent_microusd;
    let card = |title: &str, value: String, note: String| {
        format!("<div class=card><div>{title}</div><b>{value}</b><div>{note}</div></div>")
    };
    page.push_str("<div class=cards>");
    page.push_str(&card(
        "Spent",
        format!("${}", dollars(spent)),
        format!("{} texts sent", grouped(attack.sent + legit.sent)),
    ));
    page.push_str(&card(
        "Not spent",
        format!("${}", dollars(asked - spent)),
        format!("of ${} that was asked for", dollars(asked)),
    ));
    if attack.requests > 0 {
        let share = attack.spent_microusd as f64 * 100.0 / attack.asked_microusd.max(1) as f64;
        page.push_str(&card(
            "Lost to attacks",
            format!("${}", dollars(attack.spent_microusd)),
            format!("{share:.2} % of what they asked for"),
        ));
    }
    let share = legit.refused as f64 * 100.0 / legit.requests.max(1) as f64;
    page.push_str(&card(
        "Customers refused",
        grouped(legit.refused),
        format!("{share:.3} % of {}", grouped(legit.requests)),
    ));
    let share = legit.stepped_up as f64 * 100.0 / legit.requests.max(1) as f64;
    page.push_str(&card(
        "Customers asked to prove more",
        grouped(legit.stepped_up),
        format!("{share:.3} %"),
    ));
    let _ = write!(
        page,
        "</div><p>{} to {} (UTC). {}</p>",
        when(start),
        when(end),
        match trace.malformed.len() {
            0 => "Every row of the file could be read.".to_owned(),
            left => format!("{left} rows could not be read and were left out."),
        }
    );
}

fn labels(page: &mut String, scores: &Scores) {
    page.push_str(
        "<table><tr><th>Label<th class=n>Asked for<th class=n>Sent<th class=n>Asked to prove more\
         <th class=n>Passed<th class=n>Refused<th class=n>Would have cost $<th class=n>Spent $",
    );
    let totals = scores.totals.iter().filter(|(_, score)| score.requests > 0);
    let totals = totals.map(|(side, score)| (format!("all {side}"), score, "total"));
    let rows = scores.labels.iter().map(|(label, score)| (label.clone(), score, ""));
    for (label, score, class) in rows.chain(totals) {
        let _ = write!(
            page,
            "<tr class='{class}'><td>{}<td class=n>{}<td class=n>{}<td class=n>{}<td class=n>{}\
             <td class=n>{}<td class=n>{}<td class=n>{}",
            escape(&label),
            grouped(score.requests),
            grouped(score.sent),
            grouped(score.stepped_up),
            grouped(score.step_up_passed),
            grouped(score.refused),
            dollars(score.asked_microusd),
            dollars(score.spent_microusd)
        );
    }
    page.push_str("</table>");
}

fn stops_by_country(page: &mut String, stops: &BTreeMap<String, Vec<u64>>, axis: (u64, u64)) {
    const COLOURS: [&str; 5] = ["#b3372f", "#c98a1b", "#2b6cb0", "#6b4fa0", "#1b7f5a"];
    let mut most: Vec<_> = stops.iter().collect();
    most.sort_by_key(|(name, bins)| (std::cmp::Reverse(bins.iter().sum::<u64>()), *name));
    most.truncate(COLOURS.len());
    page.push_str("<h2>Stops over time, in the countries with most of them</h2>");
    if most.is_empty() {
        page.push_str("<p>No text was stopped.</p>");
        return;
    }
    let lines: Vec<Line> = most
        .into_iter()
        .zip(COLOURS)
        .map(|((name, bins), colour)| {
            Line::new(name.as_str(), colour, bins.iter().map(|count| *count as f64).collect())
        })
        .collect();
    plot(page, "texts stopped", axis, &lines);
}

fn reasons(page: &mut String, run: &Run) {
    let refusals = run.refusals();
    if refusals.is_empty() {
        return;
    }
    page.push_str("<h2>Why texts were refused</h2><table><tr><th>Reason<th class=n>Requests");
    let mut rows: Vec<_> = refusals.into_iter().collect();
    rows.sort_by_key(|(reason, count)| (std::cmp::Reverse(*count), reason.clone()));
    for (reason, count) in rows {
        let _ = write!(page, "<tr><td>{}<td class=n>{}", escape(&reason), grouped(count));
    }
    page.push_str("</table>");
}

fn groups(
    page: &mut String,
    title: &str,
    head: &str,
    sums: &BTreeMap<String, Sum>,
    axis: (u64, u64),
) {
    let mut rows: Vec<(&String, &Sum)> = sums.iter().collect();
    rows.sort_by_key(|(name, sum)| (std::cmp::Reverse((sum.stopped(), sum.requests)), *name));
    let left_out = rows.len().saturating_sub(MOST);
    let _ = write!(
        page,
        "<h2>{title}</h2><table><tr><th>{head}<th>Blocked when<th class=n>Asked for<th class=n>Sent\
         <th class=n>Entered<th class=n>Refused<th class=n>Left<th class=n>Would have cost $\
         <th class=n>Spent $<th>First stop<th>Last stop"
    );
    for (name, sum) in rows.into_iter().take(MOST) {
        let time = |at: Option<u64>| at.map(when).unwrap_or_default();
        let _ = write!(
            page,
            "<tr><td>{}<td>{}<td class=n>{}<td class=n>{}<td class=n>{}<td class=n>{}<td class=n>{}\
             <td class=n>{}<td class=n>{}<td>{}<td>{}",
            escape(name),
            time_line(&sum.blocked, axis),
            grouped(sum.requests),
            grouped(sum.sent),
            grouped(sum.verified),
            grouped(sum.refused),
            grouped(sum.left),
            dollars(sum.asked),
            dollars(sum.spent),
            time(sum.first_stop),
            time(sum.last_stop)
        );
    }
    page.push_str("</table>");
    if left_out > 0 {
        let _ = write!(page, "<p class=small>{} more are left out.</p>", grouped(left_out as u64));
    }
}

/// When a country or a prefix got no texts.
fn time_line(blocked: &[(u64, u64)], (start, end): (u64, u64)) -> String {
    let x = |at: u64| (at - start) as f64 * 160.0 / (end - start) as f64;
    let mut svg = "<svg width=160 height=12><rect width=160 height=12 fill='#eef1f3'/>".to_owned();
    for (from, to) in blocked {
        let _ = write!(
            svg,
            "<rect x={:.1} width={:.1} height=12 fill='{STOPPED}'/>",
            x(*from),
            (x(*to) - x(*from)).max(1.0)
        );
    }
    svg.push_str("</svg>");
    svg
}

fn plot(page: &mut String, unit: &str, (start_ms, end_ms): (u64, u64), lines: &[Line]) {
    let plot = Plot { width: 960.0, height: 210.0, unit, start_ms, end_ms, lines, shaded: &[] };
    page.push_str(&plot.svg());
}

fn added_up(bins: &[Sum], value: impl Fn(&Sum) -> u64) -> Vec<f64> {
    let running = bins.iter().scan(0_u64, |sum, bin| {
        *sum += value(bin);
        Some(*sum as f64 / 1e6)
    });
    running.collect()
}

/// The beginning of a page: title and style.
pub fn head(title: &str) -> String {
    format!(
        "<!doctype html><html lang=en><meta charset=utf-8>\
         <meta name=viewport content='width=device-width'><title>{title}</title>{STYLE}<h1>{title}</h1>"
    )
}

/// Digits in groups of three.
pub fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let groups: Vec<&str> = digits
        .as_bytes()
        .rchunks(3)
        .rev()
        .filter_map(|group| std::str::from_utf8(group).ok())
        .collect();
    groups.join("\u{202f}")
}

/// A span of time in words.
fn span(ms: u64) -> String {
    match ms / 1_000 {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7_200 => format!("{} min", seconds / 60),
        seconds => format!("{:.1} h", seconds as f64 / 3_600.0),
    }
}

/// UTC, to the minute (civil-from-days, Howard Hinnant's algorithm).
pub fn when(at_ms: u64) -> String {
    let minutes = at_ms / 60_000;
    let (days, minute) = ((minutes / 1_440) as i64, minutes % 1_440);
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_index = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_index + 2) / 5 + 1;
    let month = if month_index < 10 { month_index + 3 } else { month_index - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02}", minute / 60, minute % 60)
}

pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('\'', "&#39;")
}

const STYLE: &str = "<style>body{font:15px/1.5 system-ui,sans-serif;max-width:1100px;margin:2em \
auto;padding:0 1em;color:#1d2430}h1{font-size:1.6em}h2{margin-top:1.8em;font-size:1.15em}\
table{border-collapse:collapse;font-size:13px;display:block;overflow-x:auto}td,th{padding:3px 12px \
3px 0;text-align:left;border-bottom:1px solid #e4e7ea;white-space:nowrap}.n{text-align:right}\
.total td{font-weight:600}.plot{width:100%;height:auto}.small{color:#5b646e;font-size:13px}\
.key{display:inline-block;width:11px;height:11px;border-radius:2px;margin:0 6px 0 14px}\
.cards{display:flex;flex-wrap:wrap;gap:12px}.card{border:1px solid #dde2e6;border-radius:8px;\
padding:10px 16px;min-width:150px;font-size:13px;color:#5b646e}.card b{font-size:22px;\
color:#1d2430}.bad{color:#b3372f;font-weight:600}.good{color:#1b7f5a}</style>";
