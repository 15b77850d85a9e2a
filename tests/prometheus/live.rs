//! A real Prometheus scrapes the real program, and a real Alertmanager receives what it finds.

use serde_json::Value;

use crate::{
    house::House,
    rules::{alerts, root},
    support::prometheus::{Alertmanager, Prometheus, has},
};

fn url(house: &House) -> url::Url {
    house.url("/").parse().unwrap()
}

fn fires(alert: &Value) -> bool {
    alert["status"]["state"] == "active"
}

#[tokio::test]
async fn alerts_come_and_go() {
    let house = House::of(&["works", "wrong", "locks"]);
    house.give("wrong", "demo-wrong-secret-1");
    let daemon = house.start().await;
    house.until_state("locks", "healthy", "ok").await;
    let folder = tempfile::tempdir().unwrap();
    let alertmanager = Alertmanager::start(folder.path()).await;
    let prometheus = Prometheus::start(folder.path(), &url(&house), Some(&alertmanager)).await;

    // Failing, with all that the rule promises.
    let wrong = [("alertname", "AutotaskUserFailing"), ("user", "wrong")];
    let alert = alertmanager.until(&wrong, fires).await;
    let labels = [
        ("tenant", "acme"),
        ("reason", "credential_rejected"),
        ("severity", "critical"),
        ("job", "lockwatch"),
    ];
    assert!(has(&alert, &labels), "{alert:#}");
    let annotations = &alert["annotations"];
    assert_eq!(
        annotations["summary"],
        "Autotask user wrong of acme fails: credential_rejected"
    );
    for key in ["runbook_url", "reason_url"] {
        let address = annotations[key].as_str().unwrap();
        let page = address.strip_prefix("https://lockwatch.example/").unwrap();
        assert!(root().join(page).exists(), "{page} is not there");
    }

    // Locked out, until somebody mends it and says so.
    house.administer("locks", |user| user.locked = true);
    let locks = [("alertname", "AutotaskUserLockedOut"), ("user", "locks")];
    alertmanager.until(&locks, fires).await;
    house.administer("locks", |user| {
        user.locked = false;
        user.failures_in_row = 0;
    });
    let done = house.lockwatch(&["retry", "locks"]).await;
    assert_eq!(done.code, 0, "{done:?}");
    alertmanager.until_over(&locks).await;

    // Nobody else is told of, and nobody twice: both users were held.
    let told: Vec<_> = alertmanager
        .alerts()
        .await
        .iter()
        .map(|alert| alert["labels"].to_string())
        .collect();
    assert_eq!(told.len(), 1, "{told:#?}");

    // Gone, and with it what is known of users.
    daemon.kill().await;
    let absent = [
        ("alertname", "LockwatchAbsent"),
        ("job", "lockwatch"),
        ("severity", "critical"),
    ];
    alertmanager.until(&absent, fires).await;
    alertmanager
        .until(&wrong, |alert| {
            !alert["status"]["inhibitedBy"]
                .as_array()
                .unwrap()
                .is_empty()
        })
        .await;

    // Back.
    let daemon = house.start().await;
    alertmanager.until_over(&absent).await;
    alertmanager.until(&wrong, fires).await;
    nothing_is_wrong_with_the_rules(&prometheus).await;
    daemon.stop().await;
}

async fn nothing_is_wrong_with_the_rules(prometheus: &Prometheus) {
    let rules = prometheus.rules().await;
    assert!(
        rules.len() > alerts().len(),
        "recording rules too: {rules:#?}"
    );
    for rule in rules {
        assert_eq!(rule["health"], "ok", "{rule:#}");
    }
    assert!(
        !prometheus
            .0
            .log()
            .contains("level=warn component=\"rule manager\""),
        "{}",
        prometheus.0.log()
    );
}
