//! Alerts and dashboards in the chart are those of deploy/prometheus and deploy/grafana, whatever stands there.

use std::{fs, process::Command};

use serde_json::{Value, json};

use crate::house::{objects, one, output, read, rendered, root};

const ALERTS: &str = "deploy/prometheus/alerts.yml";

fn groups(path: &str) -> Vec<Value> {
    let file: Value = serde_saphyr::from_str(&read(path)).unwrap();
    file["groups"].as_array().unwrap().clone()
}

fn rule_groups(values: &str) -> Vec<Value> {
    let objects = objects(&rendered(values));
    let rule = one(&objects, "PrometheusRule", "lockwatch");
    rule["spec"]["groups"].as_array().unwrap().clone()
}

/// All alerts of groups.
fn alerts(groups: &[Value]) -> Vec<&Value> {
    let rules = groups
        .iter()
        .flat_map(|group| group["rules"].as_array().unwrap());
    rules.filter(|rule| rule["alert"].is_string()).collect()
}

#[test]
fn the_rules_are_those_of_the_files() {
    let mut wanted = groups(ALERTS);
    assert!(!alerts(&wanted).is_empty());
    wanted.extend(groups("deploy/prometheus/recording.yml"));
    assert_eq!(rule_groups("{prometheusRule: {enabled: true}}"), wanted);
    let without = rule_groups("{prometheusRule: {enabled: true, recordingRules: false}}");
    assert_eq!(without, groups(ALERTS));
}

/// One half of the alerts changed and the other switched off, then the other way round: each alone, and no other.
#[test]
fn each_alert_can_be_changed_by_itself() {
    let source = groups(ALERTS);
    for changed in [0, 1] {
        let wish = |(at, alert): (usize, &&Value)| {
            let wish = if at % 2 == changed {
                "{severity: info, for: 77m}"
            } else {
                "{enabled: false}"
            };
            format!("{}: {wish}", alert["alert"].as_str().unwrap())
        };
        let wishes: Vec<_> = alerts(&source).iter().enumerate().map(wish).collect();
        let wishes = wishes.join(", ");
        let found = rule_groups(&format!(
            "{{prometheusRule: {{enabled: true, recordingRules: false, alerts: {{{wishes}}}}}}}"
        ));
        let wanted: Vec<Value> = alerts(&source)
            .into_iter()
            .enumerate()
            .filter(|(at, _)| at % 2 == changed)
            .map(|(_, alert)| {
                let mut alert = alert.clone();
                alert["for"] = json!("77m");
                alert["labels"]["severity"] = json!("info");
                alert
            })
            .collect();
        assert!(!wanted.is_empty());
        assert_eq!(alerts(&found), wanted.iter().collect::<Vec<_>>());
    }
    // What is left out stays as it is; without any alert the group goes, which an empty one would not be allowed.
    let first = alerts(&source)[0];
    let name = first["alert"].as_str().unwrap();
    let found = rule_groups(&format!(
        "{{prometheusRule: {{enabled: true, alerts: {{{name}: {{severity: info}}}}}}}}"
    ));
    let mut wanted = alerts(&source).into_iter().cloned().collect::<Vec<_>>();
    wanted[0]["labels"]["severity"] = json!("info");
    assert_eq!(alerts(&found), wanted.iter().collect::<Vec<_>>());
}

#[test]
fn runbooks_are_where_they_are_hosted() {
    let changed = rule_groups(
        "{runbookBase: 'https://git.msp.example/runbooks/', prometheusRule: {enabled: true, ruleLabels: {team: psa}}}",
    );
    let found = alerts(&changed);
    assert!(!found.is_empty());
    for rule in found {
        let url = format!(
            "https://git.msp.example/runbooks/alerts/{}.md",
            rule["alert"].as_str().unwrap()
        );
        assert_eq!(rule["annotations"]["runbook_url"], json!(url));
        assert_eq!(rule["labels"]["team"], "psa");
        let annotations = rule["annotations"].to_string();
        assert!(!annotations.contains("lockwatch.example"), "{annotations}");
    }
}

#[test]
fn prometheus_reads_the_rules() {
    let groups = json!({ "groups": rule_groups("{prometheusRule: {enabled: true}}") });
    let folder = tempfile::tempdir().unwrap();
    // JSON is YAML.
    let file = folder.path().join("rules.yml");
    fs::write(&file, groups.to_string()).unwrap();
    let done = output(
        Command::new("promtool").args(["check", "rules"]).arg(file),
        "",
    );
    let told = String::from_utf8_lossy(&done.stdout);
    assert!(
        done.status.success(),
        "{told}{}",
        String::from_utf8_lossy(&done.stderr)
    );
    assert!(told.contains("rules found"), "{told}");
}

#[test]
fn the_dashboards_are_those_of_the_files() {
    let objects = objects(&rendered("{dashboards: {enabled: true}}"));
    let mut count = 0;
    for entry in fs::read_dir(root().join("deploy/grafana/dashboards")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        let map = one(&objects, "ConfigMap", &format!("-dashboard-{name}"));
        assert_eq!(
            map["metadata"]["labels"]["grafana_dashboard"], "1",
            "the sidecar's label"
        );
        let data = map["data"].as_object().unwrap();
        assert_eq!(data.len(), 1);
        assert_eq!(
            data[&format!("lockwatch-{name}.json")],
            json!(fs::read_to_string(&path).unwrap())
        );
        count += 1;
    }
    assert!(count >= 2);
}

/// Both constants, and nothing else.
#[test]
fn the_dashboards_lead_to_where_things_are_hosted() {
    let objects = objects(&rendered(
        "{runbookBase: 'https://git.msp.example/runbooks/',
          dashboards: {enabled: true, lockwatchUrl: 'https://lockwatch.msp.example/'}}",
    ));
    for name in ["overview", "user"] {
        let map = one(&objects, "ConfigMap", &format!("-dashboard-{name}"));
        let text = map["data"][&format!("lockwatch-{name}.json")].as_str();
        let found: Value = serde_json::from_str(text.unwrap()).unwrap();
        let source = read(format!("deploy/grafana/dashboards/{name}.json"));
        let mut wanted: Value = serde_json::from_str(&source).unwrap();
        let mut changed = 0;
        for variable in wanted["templating"]["list"].as_array_mut().unwrap() {
            let hosted = match variable["name"].as_str() {
                Some("runbooks") => "https://git.msp.example/runbooks",
                Some("lockwatch_url") => "https://lockwatch.msp.example",
                _ => continue,
            };
            variable["query"] = json!(hosted);
            changed += 1;
        }
        assert_eq!(changed, 2);
        assert_eq!(found, wanted);
    }
}
