//! The rules by themselves: that Prometheus takes them, and that each alert fires where it must and nowhere else.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use crate::{
    metric_names::METRICS,
    support::prometheus::{rules, yaml},
};

const ALERTS: &str = "deploy/prometheus/alerts.yml";
const RECORDING: &str = "deploy/prometheus/recording.yml";

/// Where those who did not set it up find the pages; the documentation says how to change it.
const DOCS: &str = "https://lockwatch.example/docs/runbooks";

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Runs a tool of Prometheus at the root of the repository; what it prints when it succeeds.
pub fn tool(name: &str, arguments: &[&str]) -> String {
    let output = Command::new(name)
        .args(arguments)
        .current_dir(root())
        .output()
        .unwrap_or_else(|why| panic!("{name} must be in the PATH; tests/run gets it: {why}"));
    let said = String::from_utf8(output.stdout).unwrap();
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{name} {arguments:?}: {said} {complaints}"
    );
    said
}

/// The alerts: name and the whole entry.
pub fn alerts() -> Vec<(String, Value)> {
    let named = |rule: Value| (rule["alert"].as_str().unwrap().to_owned(), rule);
    let alerts: Vec<_> = rules(ALERTS).into_iter().map(named).collect();
    assert!(alerts.len() >= 12, "{alerts:?}");
    alerts
}

fn test_files() -> Vec<PathBuf> {
    let folder = fs::read_dir(root().join("tests/prometheus/rules")).unwrap();
    folder.map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn prometheus_takes_the_files() {
    for (file, expected) in [
        (ALERTS, alerts().len()),
        (RECORDING, rules(RECORDING).len()),
    ] {
        let said = tool(
            "promtool",
            &["check", "rules", "--lint=all", "--lint-fatal", file],
        );
        assert!(
            said.contains(&format!("SUCCESS: {expected} rules found")),
            "{said}"
        );
    }
    let config = [
        "check",
        "config",
        "--syntax-only",
        "deploy/prometheus/prometheus.yml",
    ];
    assert!(tool("promtool", &config).contains("SUCCESS"));
}

#[test]
fn alerts_fire_where_they_must_and_nowhere_else() {
    let files = test_files();
    let mut arguments = vec!["test", "rules"];
    arguments.extend(files.iter().map(|file| file.to_str().unwrap()));
    let said = tool("promtool", &arguments);
    assert_eq!(said.matches("SUCCESS").count(), files.len(), "{said}");
}

#[test]
fn every_alert_is_seen_firing_and_not_firing() {
    let names: BTreeSet<String> = alerts().into_iter().map(|(name, _)| name).collect();
    let stems = test_files().into_iter();
    let stems: BTreeSet<String> = stems
        .map(|file| file.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    assert_eq!(stems, names, "a file of tests for each alert");
    for name in &names {
        let file = yaml(format!("tests/prometheus/rules/{name}.yml"));
        let (mut fires, mut quiet) = (0, 0);
        for case in file["tests"].as_array().unwrap() {
            let looks = case["alert_rule_test"].as_array();
            let looks = looks
                .into_iter()
                .flatten()
                .filter(|look| look["alertname"] == **name);
            let fired: Vec<_> = looks
                .map(|look| look["exp_alerts"].as_array().unwrap().len())
                .collect();
            fires += fired.iter().filter(|alerts| **alerts > 0).count();
            // A case that stays quiet all the time, though there is something to look at.
            let something = !case["input_series"].as_array().unwrap().is_empty();
            let never = !fired.is_empty() && fired.iter().all(|alerts| *alerts == 0);
            quiet += usize::from(something && never);
        }
        assert!(fires > 0, "{name} is never seen firing");
        assert!(quiet > 0, "{name} is never seen quiet");
    }
}

#[test]
fn every_alert_says_what_to_do() {
    for (name, rule) in alerts() {
        let severity = rule["labels"]["severity"].as_str().unwrap();
        assert!(
            ["critical", "warning"].contains(&severity),
            "{name}: {severity}"
        );
        let annotation = |key: &str| {
            let text = rule["annotations"][key].as_str();
            text.unwrap_or_else(|| panic!("{name} has no {key}"))
                .to_owned()
        };
        assert!(annotation("summary").len() > 20, "{name}");
        assert!(!annotation("summary").ends_with('.'), "{name}");
        assert!(annotation("description").contains("First "), "{name}");
        assert_eq!(
            annotation("runbook_url"),
            format!("{DOCS}/alerts/{name}.md")
        );
        let page = root().join(format!("docs/runbooks/alerts/{name}.md"));
        assert!(page.exists(), "{} is not there", page.display());
        if let Some(url) = rule["annotations"]["reason_url"].as_str() {
            assert!(
                url.starts_with(&format!("{DOCS}/reasons/")),
                "{name}: {url}"
            );
        }
    }
}

/// promtool knows no metrics: a name that is misspelt is a rule that never fires.
#[test]
fn rules_look_at_metrics_that_exist() {
    let mut seen = 0;
    for file in [ALERTS, RECORDING] {
        for rule in rules(file) {
            let expression = rule["expr"].as_str().unwrap();
            let words = expression.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
            for word in words.filter(|word| {
                ["autotask_", "lockwatch_"]
                    .iter()
                    .any(|ours| word.starts_with(ours))
            }) {
                assert!(
                    METRICS.contains(&word) || word == "autotask_zone",
                    "{word} in {expression}"
                );
                seen += 1;
            }
        }
    }
    assert!(seen > 30, "only {seen} names were found");
}
