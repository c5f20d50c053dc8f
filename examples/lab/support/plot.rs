//! Line plots and bars as SVG, without a script and without a font of their own.

use std::fmt::Write as _;

pub const SENT: &str = "#1b7f5a";
pub const STOPPED: &str = "#b3372f";
pub const ASKED: &str = "#8b95a1";
pub const STEP_UP: &str = "#c98a1b";
pub const HONEST: &str = "#2b6cb0";

/// Files of plots are also shown on dark pages.
const PAPER: &str = "<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>";

const LEFT: f64 = 56.0;
const RIGHT: f64 = 14.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 26.0;

/// One line of a plot.
pub struct Line {
    pub name: String,
    pub colour: &'static str,
    pub values: Vec<f64>,
    /// Whether the space under the line is filled.
    pub filled: bool,
}

impl Line {
    pub fn new(name: impl Into<String>, colour: &'static str, values: Vec<f64>) -> Self {
        Self { name: name.into(), colour, values, filled: false }
    }

    pub fn filled(mut self) -> Self {
        self.filled = true;
        self
    }
}

/// A plot over time.
pub struct Plot<'a> {
    pub width: f64,
    pub height: f64,
    /// What the vertical axis counts.
    pub unit: &'a str,
    pub start_ms: u64,
    pub end_ms: u64,
    pub lines: &'a [Line],
    /// Stretches of time that are shaded, such as that of an attack.
    pub shaded: &'a [(u64, u64)],
}

impl Plot<'_> {
    /// The plot as an SVG element, with a legend above it.
    pub fn svg(&self) -> String {
        let top = self.lines.iter().flat_map(|line| &line.values).fold(0.0_f64, |a, b| a.max(*b));
        let (step, top) = scale(top);
        let (width, height) = (self.width, self.height + 22.0);
        let mut svg = format!(
            "<svg class=\"plot\" xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
             role=\"img\" font-family=\"system-ui,sans-serif\" font-size=\"11\" fill=\"#4a535e\">{PAPER}"
        );
        self.legend(&mut svg);
        let y = |value: f64| {
            22.0 + TOP + (self.height - TOP - BOTTOM) * (1.0 - (value / top).clamp(0.0, 1.0))
        };
        for (from, to) in self.shaded {
            let (from, to) = (self.x(*from), self.x(*to));
            let _ = write!(
                svg,
                "<rect x=\"{from:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" fill=\"#b3372f\" \
                 opacity=\"0.07\"/>",
                y(top),
                (to - from).max(0.5),
                y(0.0) - y(top)
            );
        }
        let mut value = 0.0;
        while value <= top * 1.000_1 {
            let _ = write!(
                svg,
                "<line x1=\"{LEFT}\" x2=\"{1:.1}\" y1=\"{0:.1}\" y2=\"{0:.1}\" stroke=\"#e4e7ea\"/>\
                 <text x=\"{2}\" y=\"{3:.1}\" text-anchor=\"end\">{4}</text>",
                y(value),
                self.width - RIGHT,
                LEFT - 6.0,
                y(value) + 4.0,
                short(value)
            );
            value += step;
        }
        self.time_axis(&mut svg, height);
        for line in self.lines {
            draw(&mut svg, line, |index| self.x_of(index, line.values.len()), y);
        }
        svg.push_str("</svg>");
        svg
    }

    fn legend(&self, svg: &mut String) {
        let mut x = LEFT;
        for line in self.lines {
            let _ = write!(
                svg,
                "<rect x=\"{x}\" y=\"3\" width=\"11\" height=\"11\" rx=\"2\" fill=\"{}\"/>\
                 <text x=\"{}\" y=\"13\">{}</text>",
                line.colour,
                x + 16.0,
                line.name
            );
            x += 34.0 + 6.2 * line.name.chars().count() as f64;
        }
        let _ = write!(
            svg,
            "<text x=\"{:.1}\" y=\"13\" text-anchor=\"end\" fill=\"#8b95a1\">{}</text>",
            self.width - RIGHT,
            self.unit
        );
    }

    fn time_axis(&self, svg: &mut String, height: f64) {
        let span = self.end_ms.saturating_sub(self.start_ms);
        let ticks = ((self.width / 170.0) as u64).clamp(2, 6);
        for tick in 0..=ticks {
            let at = self.start_ms + span * tick / ticks;
            let anchor = match tick {
                0 => "start",
                _ if tick == ticks => "end",
                _ => "middle",
            };
            let _ = write!(
                svg,
                "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{}</text>",
                self.x(at),
                height - 6.0,
                super::page::when(at)
            );
        }
    }

    fn x(&self, at_ms: u64) -> f64 {
        let span = self.end_ms.saturating_sub(self.start_ms).max(1) as f64;
        let at = at_ms.clamp(self.start_ms, self.end_ms) - self.start_ms;
        LEFT + (self.width - LEFT - RIGHT) * at as f64 / span
    }

    fn x_of(&self, index: usize, points: usize) -> f64 {
        LEFT + (self.width - LEFT - RIGHT) * (index as f64 + 0.5) / points.max(1) as f64
    }
}

fn draw(svg: &mut String, line: &Line, x: impl Fn(usize) -> f64, y: impl Fn(f64) -> f64) {
    let points: Vec<String> = line
        .values
        .iter()
        .enumerate()
        .map(|(index, value)| format!("{:.1},{:.1}", x(index), y(*value)))
        .collect();
    if line.filled && !points.is_empty() {
        let _ = write!(
            svg,
            "<polygon points=\"{:.1},{floor:.1} {} {:.1},{floor:.1}\" fill=\"{}\" opacity=\"0.18\"/>",
            x(0),
            points.join(" "),
            x(line.values.len() - 1),
            line.colour,
            floor = y(0.0)
        );
    }
    let _ = write!(
        svg,
        "<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"1.8\" \
         stroke-linejoin=\"round\"/>",
        points.join(" "),
        line.colour
    );
}

/// Horizontal bars, one below the other: name, value, what is written behind it, colour.
pub fn bars(width: f64, rows: &[(String, f64, String, &str)]) -> String {
    let (line, label, behind) = (24.0, 290.0, 300.0);
    let height = line * rows.len() as f64 + 6.0;
    let top = rows.iter().map(|row| row.1).fold(1e-9, f64::max);
    let mut svg = format!(
        "<svg class=\"plot\" xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
         role=\"img\" font-family=\"system-ui,sans-serif\" font-size=\"13\" fill=\"#1d2430\">{PAPER}"
    );
    for (index, (name, value, text, colour)) in rows.iter().enumerate() {
        let y = line * index as f64 + 4.0;
        let long = (width - label - behind) * value / top;
        let _ = write!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{name}</text>\
             <rect x=\"{label}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"16\" rx=\"2\" fill=\"{colour}\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" fill=\"#4a535e\">{text}</text>",
            label - 8.0,
            y + 13.0,
            long.max(1.5),
            label + long.max(1.5) + 7.0,
            y + 13.0
        );
    }
    svg.push_str("</svg>");
    svg
}

/// Distance of the grid lines and the height of the plot, for a largest value.
fn scale(top: f64) -> (f64, f64) {
    let top = top.max(1e-6);
    let rough = top / 4.0;
    let power = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 2.5, 5.0, 10.0].map(|factor| factor * power);
    let step = step.into_iter().find(|step| *step >= rough * 0.999).unwrap_or(10.0 * power);
    (step, step * (top / step * 0.999).ceil())
}

fn short(value: f64) -> String {
    match value {
        _ if value >= 10_000.0 => format!("{} k", (value / 100.0).round() / 10.0),
        _ if value >= 20.0 || value == value.round() => format!("{value:.0}"),
        _ => format!("{}", (value * 100.0).round() / 100.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grid_ends_at_or_above_the_largest_value() {
        for top in [0.0, 0.3, 1.0, 7.0, 40.0, 41.0, 999.0, 123_456.0] {
            let (step, height) = scale(top);
            assert!(height >= top * 0.999 && height <= (top * 2.1).max(1e-5), "{top} {height}");
            assert!((2.0..=6.0).contains(&(height / step).round()) || top < 1e-3, "{top} {step}");
        }
    }
}
