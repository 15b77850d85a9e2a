//! Changed files are noticed without being told.

use std::{fs, os::unix::fs::symlink, path::Path, time::Duration};

use tokio::time::{Instant, sleep};

use crate::house::House;

/// Files are looked at every 10 s, and a change counts at the second look.
const NOTICED: Duration = Duration::from_secs(60);

async fn noticed(what: &str, mut so: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + NOTICED;
    while !so().await {
        assert!(Instant::now() < deadline, "{what}");
        sleep(Duration::from_millis(200)).await;
    }
}

/// Puts the configuration where Kubernetes does: a link to a file in a folder that a second link names, and that link is
/// replaced.
fn mount(house: &House, version: &str) {
    let folder = house.folder();
    fs::create_dir(folder.join(version)).unwrap();
    house.write();
    let config = house.config();
    fs::rename(&config, folder.join(version).join("lockwatch.toml")).unwrap();
    symlink(version, folder.join("..data_new")).unwrap();
    fs::rename(folder.join("..data_new"), folder.join("..data")).unwrap();
    symlink(Path::new("..data").join("lockwatch.toml"), &config).unwrap();
}

#[tokio::test]
async fn a_mounted_configuration_that_is_swapped() {
    let mut house = House::of(&["stays", "comes"]);
    let comes = house.accounts.pop().unwrap();
    mount(&house, "..v1");
    let daemon = crate::house::Daemon::spawn(&house, &[]);
    house.until_ready(&daemon).await;
    house.until_state("stays", "healthy", "ok").await;

    house.accounts.push(comes);
    fs::remove_file(house.config()).unwrap();
    mount(&house, "..v2");
    noticed("the new user is not there", async || {
        house.get("/api/v1/users/comes").await.status == 200
    })
    .await;
    house.until_state("comes", "healthy", "ok").await;
    daemon.stop().await;
}

#[tokio::test]
async fn a_bad_configuration_is_refused_by_itself_and_told_until_it_is_mended() {
    let house = House::of(&["stays"]);
    let daemon = house.start().await;
    house.until_state("stays", "healthy", "ok").await;
    let good = fs::read_to_string(house.config()).unwrap();

    fs::write(house.config(), format!("intervall = 1\n{good}")).unwrap();
    let refused = "lockwatch_config_last_reload_successful";
    noticed("nothing is refused", async || {
        house.metric(refused).await == Some(0.0)
    })
    .await;
    let users = house.get("/api/v1/users").await.json();
    let told = users["reload_refused"]["problems"].to_string();
    assert!(told.contains(":1:1: intervall"), "{users}");
    let status = house.lockwatch(&["status"]).await;
    for said in [&status.stdout, &house.get("/").await.body] {
        assert!(
            said.contains("a changed configuration is refused"),
            "{said}"
        );
        assert!(said.contains(":1:1: intervall"), "{said}");
    }
    house.watch_checks("stays", 1).await;

    // As editors do it: another file under the same name.
    let fresh = house.folder().join("lockwatch.toml~");
    fs::write(&fresh, good).unwrap();
    fs::rename(&fresh, house.config()).unwrap();
    noticed("it is not taken again", async || {
        house.metric(refused).await == Some(1.0)
    })
    .await;
    let status = house.lockwatch(&["status"]).await;
    assert!(!status.stdout.contains("refused"), "{status:?}");
    let refusals = daemon.log().matches("configuration not reloaded").count();
    assert_eq!(refusals, 1, "{}", daemon.log());
    daemon.stop().await;
}

#[tokio::test]
async fn a_rotated_secret_is_tried_soon_and_once() {
    let mut house = House::of(&["rotated"]);
    house.account("rotated").more = "interval = \"1h\"\n".to_owned();
    let daemon = house.start().await;
    noticed("not checked", async || {
        house.user("rotated").await["state"] == "healthy"
    })
    .await;
    let before = house.stats("rotated").attempts;

    house.give("rotated", "demo-not-the-secret");
    noticed("the new secret is not tried", async || {
        house.user("rotated").await["rejections"] == 1
    })
    .await;
    assert_eq!(house.stats("rotated").attempts, before + 1);

    // The same content anew is no new secret: its user is looked at, and nothing is presented.
    let rejected = house.stats("rotated").rejections;
    house.give("rotated", "demo-not-the-secret");
    let log = daemon
        .log()
        .matches("files of secrets have changed")
        .count();
    noticed("the file is not looked at", async || {
        daemon
            .log()
            .matches("files of secrets have changed")
            .count()
            > log
    })
    .await;
    assert!(
        house.stats("rotated").rejections <= rejected + 1,
        "the confirmation at most"
    );
    daemon.stop().await;
}
