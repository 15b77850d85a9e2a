//! Every link of a dashboard leads to a dashboard, a page of docs/runbooks/ or a page of lockwatch that exists; every
//! variable that is named is declared.

use std::{collections::BTreeSet, fs};

use serde_json::Value;

use crate::dashboard::{all, root};

/// What Grafana itself fills in.
const BUILT_IN: [&str; 7] = [
    "__all",
    "__field",
    "__interval",
    "__range",
    "__rate_interval",
    "__url_time_range",
    "__value",
];

fn walk<'a>(value: &'a Value, key: &'a str, visit: &mut impl FnMut(&'a str, &'a str)) {
    match value {
        Value::String(text) => visit(key, text),
        Value::Array(items) => items.iter().for_each(|item| walk(item, key, visit)),
        Value::Object(fields) => fields
            .iter()
            .for_each(|(key, value)| walk(value, key, visit)),
        _ => {}
    }
}

/// The names after `$` and `${`.
fn named(text: &str) -> impl Iterator<Item = &str> {
    text.split('$').skip(1).filter_map(|rest| {
        let rest = rest.trim_start_matches('{');
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        let name = &rest[..end.unwrap_or(rest.len())];
        // `$1` is a group of label_replace.
        name.starts_with(|c: char| !c.is_ascii_digit())
            .then_some(name)
    })
}

#[test]
fn every_variable_that_is_named_is_declared_and_the_other_way_round() {
    for dashboard in all() {
        let mut used = BTreeSet::new();
        walk(&dashboard.json, "", &mut |_, text| used.extend(named(text)));
        let declared = dashboard.variables().iter();
        let declared: BTreeSet<_> = declared
            .map(|variable| variable["name"].as_str().unwrap())
            .collect();
        let unknown: Vec<_> = used
            .iter()
            .filter(|name| !declared.contains(*name) && !BUILT_IN.contains(name))
            .collect();
        assert!(unknown.is_empty(), "{}: {unknown:?}", dashboard.file);
        // The filters are added to every query by Grafana.
        let unused: Vec<_> = declared
            .difference(&used)
            .filter(|name| **name != "filters")
            .collect();
        assert!(unused.is_empty(), "{}: {unused:?}", dashboard.file);
    }
}

#[test]
fn every_link_leads_somewhere() {
    let uids: Vec<_> = all()
        .iter()
        .map(|dashboard| dashboard.text("uid").to_owned())
        .collect();
    let mut kinds = BTreeSet::new();
    for dashboard in all() {
        walk(&dashboard.json, "", &mut |key, text| {
            if key != "url" {
                return;
            }
            let at = format!("{}: {text}", dashboard.file);
            if let Some(rest) = text.strip_prefix("/d/") {
                assert!(
                    uids.iter()
                        .any(|uid| uid == rest.split('?').next().unwrap()),
                    "{at}"
                );
                kinds.insert("dashboard");
            } else if let Some(page) = text.strip_prefix("${runbooks}/") {
                assert!(
                    [
                        "README.md",
                        "reasons/${__value.raw}.md",
                        "alerts/${__value.raw}.md",
                        "${__field.labels.page}"
                    ]
                    .contains(&page),
                    "{at}"
                );
                kinds.insert("runbook");
            } else {
                let page = text.strip_prefix("${lockwatch_url}/");
                let page = page.unwrap_or_else(|| panic!("{at}"));
                assert!(
                    ["", "users/${__value.raw}", "users/${user}"].contains(&page),
                    "{at}"
                );
                kinds.insert("lockwatch");
            }
        });
    }
    assert_eq!(kinds.len(), 3, "{kinds:?}");
}

fn runbook(page: &str) -> bool {
    root().join("docs/runbooks").join(page).is_file()
}

/// What `${runbooks}/reasons/…` and `${runbooks}/alerts/…` can become.
#[test]
fn every_runbook_that_can_be_asked_for_exists() {
    let metrics = fs::read_to_string(root().join("docs/metrics.md")).unwrap();
    let table = metrics
        .split("\n## Reasons\n")
        .nth(1)
        .unwrap()
        .split("\n## ")
        .next()
        .unwrap();
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `"));
    let reasons: Vec<_> = rows
        .flat_map(|row| row.split(" | ").next().unwrap().split(", "))
        .map(|reason| reason.trim_matches('`'))
        // Nothing is to be done about a user that works.
        .filter(|reason| *reason != "ok")
        .collect();
    assert!(reasons.len() > 20, "{reasons:?}");
    let alerts = fs::read_to_string(root().join("deploy/prometheus/alerts.yml")).unwrap();
    let alerts: Vec<_> = alerts
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- alert: "))
        .collect();
    assert!(alerts.len() > 10, "{alerts:?}");
    let pages = reasons
        .iter()
        .map(|reason| format!("reasons/{reason}.md"))
        .chain(alerts.iter().map(|alert| format!("alerts/{alert}.md")))
        .chain(["README.md".to_owned()]);
    let missing: Vec<_> = pages.filter(|page| !runbook(page)).collect();
    assert!(missing.is_empty(), "{missing:?}");
    // The panel of alerts shows those whose names begin so.
    for alert in alerts {
        assert!(
            alert.starts_with("Autotask") || alert.starts_with("Lockwatch"),
            "{alert}"
        );
    }
}

#[test]
fn one_sed_command_points_alerts_and_dashboards_to_the_runbooks() {
    let alerts = fs::read_to_string(root().join("deploy/prometheus/alerts.yml")).unwrap();
    for dashboard in all() {
        let constants = dashboard
            .variables()
            .iter()
            .filter(|variable| variable["type"] == "constant");
        let constants: Vec<_> = constants
            .map(|variable| (&variable["name"], variable["query"].as_str().unwrap()))
            .collect();
        assert_eq!(constants.len(), 2, "{}", dashboard.file);
        let (name, base) = constants[0];
        assert_eq!(name, "runbooks");
        assert!(
            alerts.contains(&format!("runbook_url: {base}/alerts/")),
            "{base}"
        );
    }
}
