//! A reload takes the whole new configuration or nothing of it.

use std::fs;

use rustix::process::Signal;

use crate::house::{Account, House, eventually};

#[tokio::test]
async fn users_come_and_go_with_a_reload() {
    let mut house = House::of(&["stays", "goes", "comes"]);
    let comes = house.accounts.pop().unwrap();
    let daemon = house.start().await;
    for id in ["stays", "goes"] {
        house.until_state(id, "healthy", "ok").await;
    }
    assert_eq!(house.get("/api/v1/users/comes").await.status, 404);
    let hash = config_hash(&house).await;

    house.accounts.retain(|account| account.id != "goes");
    house.accounts.push(comes.clone());
    house.write();
    let answer = house.post("/-/reload", "").await;
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (200, "{\"reloaded\":true}")
    );
    house.until_state("comes", "healthy", "ok").await;
    assert_eq!(house.get("/api/v1/users/goes").await.status, 404);
    let metrics = house.metrics().await;
    assert!(metrics.contains("{user=\"comes\"}") && metrics.contains("{user=\"stays\"}"));
    assert!(!metrics.contains("\"goes\""), "{metrics}");
    assert_ne!(config_hash(&house).await, hash);
    assert_eq!(house.stats("goes").rejections, 0);
    let gone = house.stats("goes").lookups;

    // The same by signal: back to where it began.
    house.accounts.retain(|account| account.id != "comes");
    house.accounts.push(Account::new("goes"));
    house.write();
    daemon.signal(Signal::HUP);
    eventually(
        || format!("not reloaded: {}", daemon.log()),
        async || (house.get("/api/v1/users/comes").await.status == 404).then_some(()),
    )
    .await;
    assert_eq!(
        house.user("goes").await["state"],
        "healthy",
        "it finds its state again"
    );
    // The POST and the signal; by itself it would be noticed later, and told otherwise.
    let reloads = daemon.log().matches("configuration reloaded").count();
    assert_eq!(reloads, 2, "{}", daemon.log());
    assert_eq!(config_hash(&house).await, hash);
    house.watch_checks("goes", 1).await;
    assert!(house.stats("goes").lookups > gone);
    daemon.stop().await;
}

#[tokio::test]
async fn a_broken_file_changes_nothing() {
    let mut house = House::of(&["stays", "comes"]);
    let comes = house.accounts.pop().unwrap();
    let daemon = house.start().await;
    house.until_state("stays", "healthy", "ok").await;
    let hash = config_hash(&house).await;
    let reloaded_at = "lockwatch_config_last_reload_success_timestamp_seconds";
    let before = house.metric(reloaded_at).await;

    // One user is good and new, one is broken: neither is taken.
    house.accounts.push(comes);
    let mut broken = Account::new("broken");
    broken.more =
        "interval = \"demo-private-value\"\nenteties = \"demo-private-value\"\n".to_owned();
    house.accounts.push(broken);
    house.keep_private("demo-private-value");
    house.write();
    let private = house.folder().join("lockwatch.toml");
    let answer = house.post("/-/reload", "").await;
    assert_eq!(answer.status, 422, "{answer:?}");
    let problems = answer.json()["problems"].as_array().unwrap().clone();
    assert_eq!(problems.len(), 2, "{answer:?}");
    assert!(
        problems
            .iter()
            .any(|problem| problem.as_str().unwrap().contains("interval")),
        "{answer:?}"
    );
    assert!(
        problems
            .iter()
            .any(|problem| problem.as_str().unwrap().contains("enteties")),
        "{answer:?}"
    );
    assert_eq!(
        house
            .metric("lockwatch_config_last_reload_successful")
            .await,
        Some(0.0)
    );
    assert_eq!(house.metric(reloaded_at).await, before);
    assert_eq!(config_hash(&house).await, hash);
    assert_eq!(house.get("/api/v1/users/comes").await.status, 404);
    house.watch_checks("stays", 1).await;
    daemon.says("configuration not reloaded").await;
    // It holds the private value itself.
    fs::remove_file(private).unwrap();
    let answer = house.post("/-/reload", "").await;
    assert_eq!(answer.status, 422, "{answer:?}");

    house.accounts.pop();
    house.write();
    assert_eq!(house.post("/-/reload", "").await.status, 200);
    assert_eq!(
        house
            .metric("lockwatch_config_last_reload_successful")
            .await,
        Some(1.0)
    );
    house.until_state("comes", "healthy", "ok").await;
    daemon.stop().await;
}

#[tokio::test]
async fn what_only_a_start_can_change_is_refused() {
    let mut house = House::of(&["stays", "comes"]);
    let comes = house.accounts.pop().unwrap();
    let daemon = house.start().await;
    house.accounts.push(comes);
    let old = fs::read_to_string(house.config()).unwrap();
    for (key, from, to) in [
        ("store.url", "lockwatch.db", "other.db"),
        (
            "web.listen",
            "listen = \"127.0.0.1:",
            "listen = \"127.0.0.2:",
        ),
    ] {
        house.write();
        let new = fs::read_to_string(house.config()).unwrap();
        assert!(new.contains(from));
        fs::write(house.config(), new.replace(from, to)).unwrap();
        let answer = house.post("/-/reload", "").await;
        assert_eq!(answer.status, 422, "{answer:?}");
        let error = answer.json()["error"].as_str().unwrap().to_owned();
        assert!(error.contains(key) && error.contains("restart"), "{error}");
        assert_eq!(
            house.get("/api/v1/users/comes").await.status,
            404,
            "nothing of it is taken"
        );
        assert_eq!(
            house
                .metric("lockwatch_config_last_reload_successful")
                .await,
            Some(0.0)
        );
    }
    fs::write(house.config(), old).unwrap();
    assert_eq!(house.post("/-/reload", "").await.status, 200);
    daemon.stop().await;
}

async fn config_hash(house: &House) -> String {
    let metrics = house.metrics().await;
    let line = metrics
        .lines()
        .find(|line| line.starts_with("lockwatch_config_hash{"));
    line.unwrap().to_owned()
}
