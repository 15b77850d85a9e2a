//! Changed files are noticed without being told.

use std::{fs, os::unix::fs::symlink, path::Path, time::Duration};

use crate::house::{Daemon, House, eventually, within};

/// Files are looked at every 10 s, and a change counts at the second look.
const NOTICED: Duration = Duration::from_secs(60);

async fn noticed(what: &str, mut so: impl AsyncFnMut() -> bool) {
    within(
        NOTICED,
        || what.to_owned(),
        async || so().await.then_some(()),
    )
    .await;
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
    let daemon = Daemon::spawn(&house, &[]);
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
    let refusals = daemon
        .log()
        .matches("changed configuration refused")
        .count();
    assert_eq!(refusals, 1, "{}", daemon.log());
    daemon.stop().await;
}

#[tokio::test]
async fn what_was_refused_is_taken_when_the_file_that_was_wrong_is_mended() {
    let house = House::of(&["stays"]);
    let daemon = house.start().await;
    house.until_state("stays", "healthy", "ok").await;
    // A file that the configuration in force does not name.
    let more = house.folder().join("more.toml");
    fs::write(&more, "[[users]]\nid = 7\n").unwrap();
    let text = fs::read_to_string(house.config()).unwrap();
    let text = format!("include = [\"more.toml\"]\n{text}");
    fs::write(house.config(), text).unwrap();
    let taken = "lockwatch_config_last_reload_successful";
    noticed("nothing is refused", async || {
        house.metric(taken).await == Some(0.0)
    })
    .await;
    fs::write(&more, "# nobody yet\n").unwrap();
    noticed("it is not taken", async || {
        house.metric(taken).await == Some(1.0)
    })
    .await;
    daemon.stop().await;
}

#[tokio::test]
async fn many_users_go_only_when_somebody_asks_for_it() {
    let mut house = House::of(&["stays", "goes", "goes-too"]);
    let daemon = house.start().await;
    house.until_state("goes", "healthy", "ok").await;
    house.accounts.truncate(1);
    house.write();
    noticed("it is not refused", async || {
        house.get("/api/v1/users").await.json()["reload_refused"]["why"]
            .as_str()
            .is_some_and(|why| why.starts_with("2 of 3 users are not in it any more"))
    })
    .await;
    assert_eq!(house.get("/api/v1/users/goes").await.status, 200);
    daemon.signal(rustix::process::Signal::HUP);
    eventually(
        || format!("not reloaded: {}", daemon.log()),
        async || (house.get("/api/v1/users/goes").await.status == 404).then_some(()),
    )
    .await;
    daemon.stop().await;
}

#[tokio::test]
async fn a_rotated_secret_is_tried_soon_and_once() {
    let mut house = House::of(&["rotated", "other"]);
    // Nothing but the change of a file brings a check forward.
    house.settings.confirm_after = "1h";
    for id in ["rotated", "other"] {
        house.account(id).more = "interval = \"1h\"\n".to_owned();
    }
    let daemon = house.start().await;
    for id in ["rotated", "other"] {
        noticed("not checked", async || {
            house.user(id).await["state"] == "healthy"
        })
        .await;
    }
    let before = house.stats("rotated").attempts;
    house.give("rotated", "demo-not-the-secret");
    noticed("the new secret is not tried", async || {
        house.user("rotated").await["reason"] == "suspected"
    })
    .await;
    assert_eq!(house.stats("rotated").attempts, before + 1);

    // The same content in another file is no change: its confirmation stays where it is. A change that comes later is seen.
    let lookups = house.stats("rotated").lookups;
    house.give("rotated", "demo-not-the-secret");
    house.give("other", "demo-another");
    noticed("the other's new secret is not tried", async || {
        house.user("other").await["reason"] == "suspected"
    })
    .await;
    let stats = house.stats("rotated");
    assert_eq!((stats.attempts, stats.lookups), (before + 1, lookups));
    daemon.stop().await;
}
