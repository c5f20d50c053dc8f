//! The plots: in the report, and as files for the pages on pumping.

use crate::report::Results;
use crate::rivals::Rival;
use crate::support::lab::scenario::{Kind, Scenario};
use crate::support::plot::{ASKED, HONEST, Line, Plot, SENT, STOPPED, bars};

/// The scenarios of which docs/pumping.md shows the course.
const SHOWN: [&str; 4] = ["A1", "A3", "N4", "N6"];

/// Every picture that the pages on pumping show, by file name.
pub fn all(results: &Results) -> Vec<(String, String)> {
    let mut files = Vec::new();
    if results.of_kind(Kind::Attack).next().is_some() {
        files.push(("leak-by-rule.svg".to_owned(), leak_by_rule(results)));
    }
    for scenario in results.scenarios.iter().filter(|one| SHOWN.contains(&one.name)) {
        if let Some(svg) = course(results, scenario) {
            files.push((format!("course-{}.svg", scenario.name.to_lowercase()), svg));
        }
    }
    files
}

/// Leak over A1 to A14 by rule; behind the bar the honest people refused.
pub fn leak_by_rule(results: &Results) -> String {
    let rows: Vec<_> = results
        .rivals
        .iter()
        .map(|rival| {
            let leak = results.total(*rival, Kind::Attack).leak_percent();
            let people = results.total(*rival, Kind::Anomaly).people;
            let mut text = format!("{leak:.2} %");
            if people.sessions > 0 {
                text += &format!("; refuses {:.2} % of honest people", people.refused_percent());
            }
            let colour = if *rival == Rival::Otpgate { SENT } else { ASKED };
            (rival.title().to_owned(), leak, text, colour)
        })
        .collect();
    bars(960.0, &rows)
}

/// What was asked for and what went out, over time, in the first seed.
pub fn course(results: &Results, scenario: &Scenario) -> Option<String> {
    let cell = results.ours().find(|cell| cell.scenario.name == scenario.name)?;
    let course = &cell.outcome.course;
    let mut lines = Vec::new();
    if scenario.is_attack() {
        lines.push(Line::new("attack asks", STOPPED, course.attack_asked.clone()).filled());
        lines.push(Line::new("attack gets", "#5c1a15", course.attack_sent.clone()));
    }
    let asks = Line::new("honest people ask", ASKED, course.honest_asked.clone());
    lines.push(if scenario.is_attack() { asks } else { asks.filled() });
    lines.push(Line::new("honest people get", HONEST, course.honest_sent.clone()));
    let plot = Plot {
        width: 960.0,
        height: 170.0,
        unit: "texts in each ten minutes",
        start_ms: course.start_ms,
        end_ms: course.end_ms,
        lines: &lines,
        shaded: &[],
    };
    Some(plot.svg())
}
