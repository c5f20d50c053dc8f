//! The report: one self-contained page, readable by someone from finance.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use otpgate::recipient::Level;

use crate::run::{Fate, Run};
use crate::score::{Scores, dollars};
use crate::trace::{Row, Trace};

/// Points along the time axis of a plot.
const BINS: usize = 120;
const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 180.0;
const LEFT: f64 = 64.0;
const BOTTOM: f64 = 26.0;

const SENT: &str = "#1b7f5a";
const STOPPED: &str = "#b3372f";
const ASKED: &str = "#9aa3ad";
const STEP_UP: &str = "#c98a1b";

/// What happened in one stretch of time, or in one country, or in one block of numbers.
#[derive(Clone, Copy, Default)]
struct Sum {
    requests: u64,
    sent: u64,
    verified: u64,
    stepped_up: u64,
    stopped: u64,
    asked: u64,
    spent: u64,
    first_stop: Option<u64>,
    last_stop: Option<u64>,
}

impl Sum {
    fn add(&mut self, row: &Row, fate: &Fate) {
        self.requests += 1;
        self.asked += row.price_microusd;
        self.stepped_up += u64::from(fate.stepped_up);
        self.verified += u64::from(fate.verified);
        if fate.sent {
            self.sent += 1;
            self.spent += row.price_microusd;
        } else {
            self.stopped += 1;
            self.first_stop.get_or_insert(row.at_ms);
            self.last_stop = Some(row.at_ms);
        }
    }
}

pub fn render(file: &Path, trace: &Trace, run: &Run, scores: &Scores) -> String {
    let start = trace.rows.first().map_or(0, |row| row.at_ms);
    let end = trace.rows.last().map_or(start, |row| row.at_ms).max(start + 1);
    let mut bins = vec![Sum::default(); BINS];
    let mut countries: BTreeMap<String, Sum> = BTreeMap::new();
    let mut blocks: BTreeMap<String, Sum> = BTreeMap::new();
    for (row, fate) in trace.rows.iter().zip(&run.fates) {
        let bin = ((row.at_ms - start) as u128 * BINS as u128 / (end - start + 1) as u128) as usize;
        bins[bin.min(BINS - 1)].add(row, fate);
        let region = row.phone.region();
        let country = region.as_ref().map_or("?", |region| region.as_str()).to_owned();
        countries.entry(country).or_default().add(row, fate);
        let rung = row.phone.ladder().find(|rung| rung.level() == Level::TenThousand);
        if let Some(rung) = rung {
            blocks.entry(rung.to_string()).or_default().add(row, fate);
        }
    }
    let all = scores.totals.values().fold((0, 0, 0, 0), |sum, score| {
        (
            sum.0 + score.requests,
            sum.1 + score.sent,
            sum.2 + score.asked_microusd,
            sum.3 + score.spent_microusd,
        )
    });
    let mut page = String::new();
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let _ = write!(
        page,
        "<!doctype html><html lang=en><meta charset=utf-8><title>Replay of {name}</title>{STYLE}\
         <h1>Replay of {name}</h1>\
         <p class=lead>{} requests for a text came in. The gate sent {} of them and spent \
         <b>${}</b>; sending everything would have cost <b>${}</b>. It saved <b>${}</b>.</p>\
         <p>{} to {} (UTC). Left out as malformed: {} rows.</p>",
        all.0,
        all.1,
        dollars(all.3),
        dollars(all.2),
        dollars(all.2.saturating_sub(all.3)),
        when(start),
        when(end),
        scores.malformed_rows,
        name = escape(&name),
    );
    page.push_str("<h2>Who asked, and what became of it</h2>");
    labels(&mut page, scores);
    let span = (start, end);
    page.push_str("<h2>Texts over time</h2>");
    plot(
        &mut page,
        "texts",
        span,
        &bins,
        &[
            ("asked for", ASKED, &|sum| sum.requests as f64),
            ("sent", SENT, &|sum| sum.sent as f64),
            ("stopped", STOPPED, &|sum| sum.stopped as f64),
            ("asked to prove more", STEP_UP, &|sum| sum.stepped_up as f64),
        ],
    );
    page.push_str("<h2>Money over time</h2>");
    let mut spent = Vec::with_capacity(BINS);
    let mut running = Sum::default();
    for bin in &bins {
        running.asked += bin.asked;
        running.spent += bin.spent;
        spent.push(running);
    }
    plot(
        &mut page,
        "dollars, added up",
        span,
        &spent,
        &[
            ("would have cost", ASKED, &|sum| sum.asked as f64 / 1e6),
            ("spent", SENT, &|sum| sum.spent as f64 / 1e6),
        ],
    );
    page.push_str("<h2>Why texts were refused</h2><table><tr><th>Reason<th class=n>Requests");
    for (reason, count) in &run.refusals {
        let _ = write!(page, "<tr><td>{}<td class=n>{count}", escape(reason));
    }
    page.push_str("</table>");
    groups(&mut page, "By country", "Country", countries, 40);
    groups(&mut page, "By block of 10 000 numbers (the most stopped)", "Block", blocks, 40);
    let _ = write!(
        page,
        "<p class=small>Detector: at most {} nodes, {:.1} MB. {} ns a request. A text counts as \
         stopped if the gate refused it, or if the client left at a step-up. Entered: codes that \
         were typed in and accepted.</p></html>",
        scores.nodes_peak,
        scores.bytes_peak as f64 / 1e6,
        scores.nanoseconds_per_request
    );
    page
}

fn labels(page: &mut String, scores: &Scores) {
    page.push_str(
        "<table><tr><th>Label<th class=n>Requests<th class=n>Sent<th class=n>Asked to prove more\
         <th class=n>Passed<th class=n>Refused<th class=n>Would cost $<th class=n>Spent $",
    );
    let totals = scores.totals.iter().map(|(side, score)| (format!("all {side}"), score));
    let rows = scores.labels.iter().map(|(label, score)| (label.clone(), score)).chain(totals);
    for (label, score) in rows {
        let _ = write!(
            page,
            "<tr><td>{}<td class=n>{}<td class=n>{}<td class=n>{}<td class=n>{}<td class=n>{}\
             <td class=n>{}<td class=n>{}",
            escape(&label),
            score.requests,
            score.sent,
            score.stepped_up,
            score.step_up_passed,
            score.refused,
            dollars(score.asked_microusd),
            dollars(score.spent_microusd)
        );
    }
    page.push_str("</table>");
}

fn groups(page: &mut String, title: &str, head: &str, sums: BTreeMap<String, Sum>, most: usize) {
    let mut rows: Vec<(String, Sum)> = sums.into_iter().collect();
    rows.sort_by_key(|(name, sum)| (std::cmp::Reverse((sum.stopped, sum.requests)), name.clone()));
    let left_out = rows.len().saturating_sub(most);
    let widest = rows.iter().map(|(_, sum)| sum.requests).max().unwrap_or(1).max(1);
    let _ = write!(
        page,
        "<h2>{title}</h2><table><tr><th>{head}<th>Sent and stopped<th class=n>Requests<th class=n>Sent\
         <th class=n>Entered<th class=n>Stopped<th class=n>Would cost $<th class=n>Spent $\
         <th>First stop<th>Last stop"
    );
    for (name, sum) in rows.into_iter().take(most) {
        let scale = |count: u64| count as f64 * 200.0 / widest as f64;
        let (sent, stopped) = (scale(sum.sent), scale(sum.stopped));
        let time = |at: Option<u64>| at.map(when).unwrap_or_default();
        let _ = write!(
            page,
            "<tr><td>{}<td><svg width=204 height=12><rect width={sent:.1} height=12 fill='{SENT}'/>\
             <rect x={sent:.1} width={stopped:.1} height=12 fill='{STOPPED}'/></svg>\
             <td class=n>{}<td class=n>{}<td class=n>{}<td class=n>{}<td class=n>{}<td class=n>{}\
             <td>{}<td>{}",
            escape(&name),
            sum.requests,
            sum.sent,
            sum.verified,
            sum.stopped,
            dollars(sum.asked),
            dollars(sum.spent),
            time(sum.first_stop),
            time(sum.last_stop)
        );
    }
    page.push_str("</table>");
    if left_out > 0 {
        let _ = write!(page, "<p class=small>{left_out} more rows left out.</p>");
    }
}

type Line<'a> = (&'a str, &'a str, &'a dyn Fn(&Sum) -> f64);

fn plot(page: &mut String, unit: &str, (start, end): (u64, u64), bins: &[Sum], lines: &[Line<'_>]) {
    let top = lines
        .iter()
        .flat_map(|(_, _, value)| bins.iter().map(value))
        .fold(0.0_f64, f64::max)
        .max(1e-9);
    let x = |index: usize| LEFT + (WIDTH - LEFT) * index as f64 / (bins.len().max(2) - 1) as f64;
    let y = |value: f64| (HEIGHT - BOTTOM) * (1.0 - value / top) + 6.0;
    let _ = write!(page, "<p>");
    for (name, colour, _) in lines {
        let _ = write!(page, "<span class=key style='background:{colour}'></span>{name} ");
    }
    let _ = write!(page, "<svg class=plot viewBox='0 0 {WIDTH} {}' role=img>", HEIGHT + 12.0);
    for quarter in 0..=4 {
        let value = top * f64::from(quarter) / 4.0;
        let _ = write!(
            page,
            "<line x1={LEFT} x2={WIDTH} y1={0:.1} y2={0:.1} class=grid /><text x={1} y={2:.1} \
             class=axis text-anchor=end>{3}</text>",
            y(value),
            LEFT - 6.0,
            y(value) + 4.0,
            short(value)
        );
    }
    for tick in 0..=4_u64 {
        let at = start + (end - start) * tick / 4;
        let anchor = ["start", "middle", "middle", "middle", "end"][tick as usize];
        let _ = write!(
            page,
            "<text x={:.1} y={} class=axis text-anchor={anchor}>{}</text>",
            LEFT + (WIDTH - LEFT) * tick as f64 / 4.0,
            HEIGHT + 6.0,
            when(at)
        );
    }
    for (_, colour, value) in lines {
        let points: Vec<String> = bins
            .iter()
            .enumerate()
            .map(|(index, bin)| format!("{:.1},{:.1}", x(index), y(value(bin))))
            .collect();
        let _ = write!(
            page,
            "<polyline points='{}' fill=none stroke='{colour}' stroke-width=1.8 />",
            points.join(" ")
        );
    }
    let _ = write!(page, "</svg><span class=small>{unit}</span>");
}

fn short(value: f64) -> String {
    match value {
        _ if value >= 10_000.0 => format!("{:.0}k", value / 1_000.0),
        _ if value >= 100.0 => format!("{value:.0}"),
        _ => format!("{value:.1}"),
    }
}

/// UTC, to the minute (civil-from-days, Howard Hinnant's algorithm).
fn when(at_ms: u64) -> String {
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

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('\'', "&#39;")
}

const STYLE: &str = "<style>body{font:15px/1.5 system-ui,sans-serif;max-width:1000px;margin:2em \
auto;padding:0 1em;color:#1d2430}h1{font-size:1.6em}h2{margin-top:1.8em;font-size:1.15em}\
.lead{font-size:1.1em}table{border-collapse:collapse;font-size:13px}td,th{padding:2px 10px 2px \
0;text-align:left;border-bottom:1px solid #e4e7ea;white-space:nowrap}.n{text-align:right}\
.plot{width:100%;height:auto;background:#fbfcfd}.grid{stroke:#e4e7ea}.axis{font-size:11px;\
fill:#67707a}.small{color:#67707a;font-size:12px}.key{display:inline-block;width:12px;height:12px;\
margin:0 5px 0 14px}</style>";
