//! The page, the rules and the dashboard ask for nothing that is not exported.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use otpgate::telemetry::{FIELDS, METRICS, Metric, MetricKind, SPANS};
use serde_json::Value;

fn docs(name: &str) -> String {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    fs::read_to_string(root.join(name)).unwrap()
}

/// The table as the page has it.
fn table() -> String {
    let mut table = String::from(
        "| metric | kind | labels | series at most | what |\n|---|---|---|---:|---|\n",
    );
    for metric in METRICS {
        let labels: Vec<String> = metric
            .labels
            .iter()
            .map(|label| match label.name() {
                "reason" => "`reason`, `detail`".to_owned(),
                name => format!("`{name}`"),
            })
            .collect();
        writeln!(
            table,
            "| `{}` | {} | {} | {} | {} |",
            metric.name,
            metric.kind.as_str(),
            labels.join(", "),
            metric.most_series(),
            metric.help
        )
        .unwrap();
    }
    table
}

#[test]
fn the_table_of_the_page_is_that_of_the_code() {
    let (page, table) = (docs("telemetry.md"), table());
    assert!(page.contains(&table), "put this into docs/telemetry.md:\n{table}");
    for word in SPANS.iter().chain(FIELDS) {
        assert!(page.contains(&format!("`{word}`")), "{word} is not on the page");
    }
}

/// What of a query is a metric of ours, and the labels that stand beside it.
fn metrics_of(query: &str) -> Vec<(&'static Metric, String)> {
    let mut found = Vec::new();
    let part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let mut rest = query;
    while let Some(at) = rest.find("otpgate") {
        let word: String = rest[at..].chars().take_while(|c| part(*c)).collect();
        let after = &rest[at + word.len()..];
        rest = after;
        if word.contains(':') || !word.contains('_') {
            continue; // a recording rule, a name
        }
        let base = ["_bucket", "_sum", "_count"].iter().find_map(|end| word.strip_suffix(end));
        let metric = METRICS.iter().find(|metric| {
            metric.name == word || base == Some(metric.name) && metric.kind == MetricKind::Histogram
        });
        let metric = metric.unwrap_or_else(|| panic!("{word} is no metric: {query}"));
        let labels = after.strip_prefix('{').and_then(|inside| inside.split('}').next());
        found.push((metric, labels.unwrap_or_default().to_owned()));
    }
    found
}

fn check(query: &str, seen: &mut BTreeSet<&'static str>) {
    for (metric, labels) in metrics_of(query) {
        seen.insert(metric.name);
        for label in labels.split(',').filter(|label| !label.is_empty()) {
            let end = label.find(['=', '!']).unwrap();
            let (name, value) =
                (label[..end].trim(), label[end..].trim_start_matches(['=', '!', '~']));
            let known = metric.labels.iter().find(|of| of.name() == name || name == "detail");
            assert!(
                known.is_some() || matches!(name, "realm" | "job" | "le"),
                "{} has no {name}",
                metric.name
            );
            if let Some(otpgate::telemetry::Label::Word(_, words)) = known {
                for word in value.trim_matches('"').split('|').filter(|word| !word.starts_with('$'))
                {
                    assert!(words.contains(&word), "{}: {name} is never {word}", metric.name);
                }
            }
        }
    }
}

#[test]
fn every_metric_and_label_of_the_rules_exists() {
    let mut seen = BTreeSet::new();
    let rules = docs("telemetry/otpgate.rules.yml");
    let mut query = String::new();
    // An expression is a line of its own or a block below `expr: |`.
    for line in rules.lines() {
        match line.trim().strip_prefix("expr:") {
            Some(rest) => query = rest.trim_start_matches(['|', ' ']).to_owned(),
            None if line.trim_start().starts_with("otpgate") || line.contains("(otpgate_") => {
                query.push_str(line)
            }
            None => continue,
        }
        check(&query, &mut seen);
        query.clear();
    }
    let alerts = rules.matches("- alert:").count();
    assert!(alerts >= 12, "{alerts}");
    assert!(seen.len() >= 10, "{seen:?}");
    for alert in rules.split("- alert:").skip(1) {
        let name = alert.lines().next().unwrap().trim();
        for part in ["severity:", "summary:", "description:"] {
            assert!(alert.contains(part), "{name} has no {part}");
        }
        let section = format!("runbook_url: \"docs/telemetry/alerts.md#{}\"", name.to_lowercase());
        assert!(alert.contains(&section), "{name} has no {section}");
        let tests = docs("telemetry/otpgate.rules.test.yml");
        assert!(tests.contains(&format!("alertname: {name}\n")), "{name} has no test");
    }
}

/// Whoever is woken finds what the alert asks of him, and nothing about an alert that is gone.
#[test]
fn every_alert_has_its_section_and_every_section_its_alert() {
    let (rules, page) = (docs("telemetry/otpgate.rules.yml"), docs("telemetry/alerts.md"));
    let alerts: Vec<&str> =
        rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    let mut parts = page.split("\n## ");
    assert!(parts.next().unwrap().starts_with("# When an alert rings\n"));
    let sections: Vec<(&str, &str)> =
        parts.map(|section| section.split_once('\n').unwrap()).collect();
    let names: Vec<&str> = sections.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, alerts);
    for (name, section) in sections {
        for part in ["- **Means**: ", "- **Look**: ", "- **Do**: ", "- **Ends**: "] {
            assert!(section.contains(part), "{name} has no {part}");
        }
    }
    let table = docs("telemetry.md");
    for name in alerts {
        assert!(table.contains(&format!("| `{name}` |")), "{name} is not in docs/telemetry.md");
    }
}

/// The queries of the dashboard.
pub fn queries() -> Vec<String> {
    let dashboard: Value = serde_json::from_str(&docs("telemetry/dashboard.json")).unwrap();
    let mut queries = Vec::new();
    expressions(&dashboard, &mut queries);
    queries
}

fn expressions(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                match (name.as_str(), field) {
                    ("expr" | "query", Value::String(query)) => found.push(query.clone()),
                    _ => expressions(field, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| expressions(item, found)),
        _ => {}
    }
}

#[test]
fn every_metric_and_label_of_the_dashboard_exists() {
    let dashboard: Value = serde_json::from_str(&docs("telemetry/dashboard.json")).unwrap();
    let mut seen = BTreeSet::new();
    for query in queries() {
        check(&query, &mut seen);
    }
    assert!(seen.len() >= 15, "{seen:?}");
    let panels = dashboard["panels"].as_array().unwrap();
    let ids: BTreeSet<u64> = panels.iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
    assert_eq!(ids.len(), panels.len());
    // No two panels lie on each other, none sticks out of the 24 columns.
    let place = |panel: &Value| {
        let of = |name: &str| panel["gridPos"][name].as_u64().unwrap();
        (of("x"), of("y"), of("w"), of("h"))
    };
    for (index, one) in panels.iter().enumerate() {
        let (x, y, w, h) = place(one);
        assert!(x + w <= 24, "{}", one["title"]);
        for other in &panels[index + 1..] {
            let (ox, oy, ow, oh) = place(other);
            let apart = x + w <= ox || ox + ow <= x || y + h <= oy || oy + oh <= y;
            assert!(apart, "{} lies on {}", one["title"], other["title"]);
        }
    }
}
