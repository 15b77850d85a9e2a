//! deploy/prometheus/alertmanager.yml: whom an alert reaches, and which alerts keep others quiet, asked of Alertmanager.

use lockwatch::clock;
use serde_json::{Value, json};

use crate::{
    rules::{alerts, tool},
    support::prometheus::{Alertmanager, yaml},
};

const FILE: &str = "deploy/prometheus/alertmanager.yml";

#[test]
fn alertmanager_takes_the_file() {
    let said = tool("amtool", &["check-config", FILE]);
    assert!(said.contains("SUCCESS"), "{said}");
}

#[test]
fn whom_an_alert_reaches() {
    for (labels, receivers) in [
        ("severity=critical", "on-call"),
        ("severity=warning", "operator"),
        (
            "severity=critical tenant=acme reason=credential_rejected",
            "acme,on-call",
        ),
        ("severity=warning tenant=acme", "operator"),
        (
            "severity=critical tenant=acme reason=secret_unreadable",
            "operator",
        ),
    ] {
        let config = format!("--config.file={FILE}");
        let mut arguments = vec!["config", "routes", "test", &config];
        arguments.extend(labels.split(' '));
        let said = tool("amtool", &arguments);
        assert_eq!(said.lines().last(), Some(receivers), "{labels}: {said}");
    }
}

/// A name that is misspelt keeps nobody quiet.
#[test]
fn inhibition_names_alerts_that_exist() {
    let names: Vec<String> = alerts().into_iter().map(|(name, _)| name).collect();
    let config = yaml(FILE);
    let text = config["inhibit_rules"].to_string();
    let words = text.split(|c: char| !c.is_ascii_alphanumeric());
    let mut seen = 0;
    for word in words.filter(|word| {
        word.len() > 9 && (word.starts_with("Autotask") || word.starts_with("Lockwatch"))
    }) {
        assert!(names.iter().any(|name| name == word), "{word}");
        seen += 1;
    }
    assert!(seen > 15, "only {seen} names were found");
}

fn alert(name: &str, more: &[(&str, &str)]) -> Value {
    let mut labels = json!({ "alertname": name, "job": "lockwatch" });
    for (label, value) in more {
        labels[label] = json!(value);
    }
    let now = clock::now();
    json!({ "labels": labels, "startsAt": now.to_string(), "endsAt": (now + std::time::Duration::from_mins(10)).to_string() })
}

/// Which of `then` are kept quiet while `first` fires.
async fn quiet(first: &Value, then: &[Value]) -> Vec<bool> {
    let folder = tempfile::tempdir().unwrap();
    let server = Alertmanager::start(folder.path()).await;
    server.post(&json!([first])).await;
    server.post(&json!(then)).await;
    let mut quiet = Vec::new();
    for alert in then {
        let labels: Vec<(&str, &str)> = alert["labels"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str().unwrap()))
            .collect();
        // What is new is "unprocessed" until it was looked at.
        let told = server
            .until(&labels, |alert| alert["status"]["state"] != "unprocessed")
            .await;
        quiet.push(told["status"]["state"] == "suppressed");
    }
    quiet
}

#[tokio::test]
async fn without_lockwatch_there_is_one_alert() {
    let mut all: Vec<_> = alerts()
        .into_iter()
        .map(|(name, _)| alert(&name, &[("user", "acme-1")]))
        .collect();
    all.retain(|alert| alert["labels"]["alertname"] != "LockwatchAbsent");
    all.push(json!({ "labels": { "alertname": "AutotaskUserLockedOut", "job": "another" } }));
    let mut expected = vec![true; all.len() - 1];
    expected.push(false);
    assert_eq!(quiet(&alert("LockwatchAbsent", &[]), &all).await, expected);
}

#[tokio::test]
async fn users_are_told_of_while_lockwatch_comes_and_goes() {
    let user = alert("AutotaskUserFailing", &[("user", "acme-1")]);
    let flapping = alert("LockwatchAbsent", &[("scrapes", "flapping")]);
    assert_eq!(quiet(&flapping, &[user]).await, [false]);
}

#[tokio::test]
async fn an_outage_is_told_once() {
    // Each of another user, so that no other rule keeps it quiet.
    let zone = |name: &str, zone: &str| {
        let user = format!("user-{name}-{zone}");
        alert(name, &[("autotask_zone", zone), ("user", &user)])
    };
    let all = [
        zone("AutotaskMonitoringBlind", "AE02"),
        zone("AutotaskUserHeld", "AE02"),
        zone("AutotaskUserNeverVerified", "AE02"),
        zone("AutotaskUserHeld", "AE05"),
        // What is known for certain is told in an outage too.
        zone("AutotaskUserLockedOut", "AE02"),
        zone("AutotaskUserFailing", "AE02"),
    ];
    let expected = [true, true, true, false, false, false];
    assert_eq!(
        quiet(&zone("AutotaskZoneUnreachable", "AE02"), &all).await,
        expected
    );
    let expected = [true, true, false, false, false];
    assert_eq!(
        quiet(&zone("AutotaskMonitoringBlind", "AE02"), &all[1..]).await,
        expected
    );
}

#[tokio::test]
async fn without_its_store_what_follows_is_not_told() {
    let names = [
        ("AutotaskMonitoringBlind", true),
        ("AutotaskUserHeld", true),
        ("LockwatchSchedulerStalled", true),
        ("LockwatchOutboxStuck", true),
        ("AutotaskUserFailing", false),
        ("LockwatchMailLost", false),
    ];
    let all = names.map(|(name, _)| alert(name, &[]));
    assert_eq!(
        quiet(&alert("LockwatchStoreUnusable", &[]), &all).await,
        names.map(|(_, quiet)| quiet)
    );
}

#[tokio::test]
async fn one_page_a_user() {
    let of = |name, user| alert(name, &[("user", user)]);
    let all = [
        of("AutotaskUserFailing", "acme-1"),
        of("AutotaskUserHeld", "acme-1"),
        of("AutotaskUserNeverVerified", "acme-1"),
        of("AutotaskUserFailing", "acme-2"),
    ];
    assert_eq!(
        quiet(&of("AutotaskUserLockedOut", "acme-1"), &all).await,
        [true, true, true, false]
    );
    assert_eq!(
        quiet(&of("AutotaskUserFailing", "acme-1"), &all[1..]).await,
        [true, true, false]
    );
}
