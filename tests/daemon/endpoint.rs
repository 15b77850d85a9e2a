//! What the endpoint shows: metrics as Prometheus wants them, health, API and pages.

use std::process::Stdio;

use lockwatch::demo::{Place, Reach};
use tokio::{io::AsyncWriteExt, process::Command};

use crate::{
    house::{Daemon, House, eventually},
    metric_names::METRICS,
};

#[tokio::test]
async fn metrics_are_complete_and_as_prometheus_wants_them() {
    let (house, daemon) = House::one_fails().await;
    let text = house.metrics().await;
    for name in METRICS {
        assert!(
            text.contains(&format!("# HELP {name} ")),
            "{name} has no HELP"
        );
        assert!(
            text.contains(&format!("# TYPE {name} ")),
            "{name} has no TYPE"
        );
    }
    let known = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next());
    for name in known {
        assert!(
            name.starts_with("process_") || METRICS.contains(&name),
            "{name} is not in the list"
        );
    }
    assert!(!text.contains('@'), "no label holds an address");
    for id in ["works", "wrong"] {
        for series in [
            "autotask_user_up",
            "autotask_user_held",
            "autotask_user_rejections",
        ] {
            assert!(
                text.contains(&format!("{series}{{user=\"{id}\"}} ")),
                "{series} of {id}"
            );
        }
    }
    assert!(text.contains("autotask_zone_reachable{autotask_zone=\"AE02\"} 1"));

    let answer = house.get("/metrics").await;
    let kind = answer.headers["content-type"].to_str().unwrap();
    assert!(kind.starts_with("text/plain; version=0.0.4"), "{kind}");
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool must be in the PATH; tests/run gets it");
    promtool
        .stdin
        .take()
        .unwrap()
        .write_all(answer.body.as_bytes())
        .await
        .unwrap();
    let checked = promtool.wait_with_output().await.unwrap();
    let said = String::from_utf8_lossy(&checked.stderr).into_owned();
    assert!(checked.status.success() && said.is_empty(), "{said}");
    daemon.stop().await;
}

#[tokio::test]
async fn series_are_there_before_anything_is_known() {
    let house = House::of(&["works"]);
    house
        .world()
        .with(|world| world.set_reach(&Place::Central, Reach::Outage));
    let daemon = house.start().await;
    for (series, value) in [
        ("autotask_user_rejections{user=\"works\"}", 0.0),
        ("autotask_user_attempts_left{user=\"works\"}", 2.0),
        ("autotask_user_held{user=\"works\"}", 0.0),
        (
            "autotask_user_last_accepted_timestamp_seconds{user=\"works\"}",
            0.0,
        ),
        (
            "autotask_user_credential_changed_timestamp_seconds{user=\"works\"}",
            0.0,
        ),
        ("autotask_user_state{user=\"works\",state=\"healthy\"}", 0.0),
        ("autotask_user_state{user=\"works\",state=\"unclear\"}", 1.0),
        (
            "autotask_probe_success{user=\"works\",probe=\"query\"}",
            0.0,
        ),
        (
            "autotask_probes_total{outcome=\"rejected\",probe=\"query\"}",
            0.0,
        ),
        (
            "lockwatch_notices_total{kind=\"locked_out\",outcome=\"sent\"}",
            0.0,
        ),
        ("lockwatch_config_last_reload_successful", 1.0),
        ("lockwatch_outbox_pending", 0.0),
    ] {
        assert_eq!(house.metric(series).await, Some(value), "{series}");
    }
    // Up or not is not known before the first definitive answer.
    assert_eq!(house.metric("autotask_user_up{user=\"works\"}").await, None);
    daemon.stop().await;
}

#[tokio::test]
async fn alive_is_not_ready_and_ready_is_not_healthy() {
    let house = House::of(&["wrong"]);
    house.give("wrong", "demo-wrong-secret-1");
    let mut daemon = house.start().await;
    house
        .until_state("wrong", "failing", "credential_rejected")
        .await;
    assert_eq!(house.get("/-/healthy").await.body, "alive\n");
    assert_eq!(
        house.get("/-/ready").await.body,
        "ready\n",
        "a failing user is no reason to restart lockwatch"
    );

    // While it drains it is alive, and not ready for more.
    house
        .world()
        .with(|world| world.set_reach(&Place::Central, Reach::Hang));
    let asked = house.stats("wrong").lookups;
    eventually(
        || "no look-up hangs".to_owned(),
        async || (house.stats("wrong").lookups > asked).then_some(()),
    )
    .await;
    daemon.signal(rustix::process::Signal::TERM);
    daemon.says("stopping").await;
    assert_eq!(house.get("/-/ready").await.status, 503);
    assert_eq!(house.get("/-/healthy").await.status, 200);
    assert_eq!(
        daemon.ended(std::time::Duration::from_secs(3)).await,
        Some(0)
    );
}

#[tokio::test]
async fn the_api_and_the_pages_show_the_user() {
    let mut house = House::of(&["works", "wrong"]);
    house.give("wrong", "demo-wrong-secret-1");
    house.account("wrong").more =
        "integration = \"<script>alert(1)</script> & \\\"more\\\"\"\nlabels = { customer = \"<b>\" }\n".to_owned();
    let daemon = house.start().await;
    house.until_state("works", "healthy", "ok").await;
    house
        .until_state("wrong", "failing", "credential_rejected")
        .await;

    let all = house.get("/api/v1/users").await;
    assert_eq!(all.headers["content-type"], "application/json");
    let all = all.json();
    let ids: Vec<_> = all["users"]
        .as_array()
        .unwrap()
        .iter()
        .map(|user| user["id"].clone())
        .collect();
    assert_eq!(ids, ["works", "wrong"]);
    // The check after the one that opened the incident makes no attempt.
    let user = house
        .until("wrong", |user| user["not_attempted"].is_string())
        .await;
    assert_eq!(user["integration"], "<script>alert(1)</script> & \"more\"");
    assert_eq!(user["labels"]["customer"], "<b>");
    assert_eq!(user["zone"], "AE02");
    assert_eq!(user["attempts_left"], 0);
    assert!(user["held_why"].is_string(), "{user:#}");
    let causes = user["incident"]["causes"].as_array().unwrap();
    assert!(
        causes.len() > 1 && causes[0]["steps"].as_array().unwrap().len() > 1,
        "{user:#}"
    );
    let recent = user["recent"].as_array().unwrap();
    assert_eq!(recent[0]["reason"], "suspected");
    assert!(
        recent.iter().any(|check| check["query_ms"].is_null()),
        "{user:#}"
    );

    let overview = house.get("/").await;
    assert!(
        overview.headers["content-type"]
            .to_str()
            .unwrap()
            .starts_with("text/html")
    );
    assert!(
        overview.headers["content-security-policy"]
            .to_str()
            .unwrap()
            .contains("default-src 'none'")
    );
    let (works, wrong) = (
        overview.body.find(">works<").unwrap(),
        overview.body.find(">wrong<").unwrap(),
    );
    assert!(wrong < works, "the worst first");
    let page = house.get("/users/wrong").await;
    for body in [&overview.body, &page.body] {
        assert!(
            body.contains("failing") && body.contains("credential_rejected"),
            "{body}"
        );
        assert!(!body.contains("<script"), "{body}");
        assert!(
            body.contains("&#60;script&#62;alert(1)&#60;/script&#62; &#38; &#34;more&#34;"),
            "{body}"
        );
    }
    assert!(page.body.contains("lockwatch retry wrong"), "{}", page.body);
    assert!(
        page.body.contains(causes[0]["title"].as_str().unwrap()),
        "{}",
        page.body
    );

    for path in [
        "/nothing",
        "/api/v1/users/nobody",
        "/api/v1/users/%00",
        "/api/v2/users",
    ] {
        let answer = house.get(path).await;
        assert_eq!(answer.status, 404, "{path}");
        assert!(answer.json()["error"].is_string(), "{path}: {answer:?}");
    }
    daemon.stop().await;
}

#[tokio::test]
async fn a_taken_port_is_said_plainly() {
    let house = House::of(&["works"]);
    let daemon = house.start().await;
    let mut second = Daemon::spawn(&house, &[]);
    assert_eq!(second.ended(crate::support::PATIENCE).await, Some(70));
    assert!(
        second
            .log()
            .contains("maybe another lockwatch; to see which: ss -ltnp"),
        "{}",
        second.log()
    );
    daemon.stop().await;
}
