//! A store on a PostgreSQL server.

use crate::{
    house::{Daemon, House, eventually},
    support::postgres::Database,
};

/// A house whose store is a database.
async fn house(ids: &[&str]) -> (House, Database) {
    let database = Database::new().await;
    let mut house = House::of(ids);
    name(&mut house, database.url.as_str());
    house.keep_private(database.password());
    (house, database)
}

/// Names the database in a file, as the configuration wants it.
fn name(house: &mut House, url: &str) {
    house.secret_file("store.secret", url);
    house.settings.store = Some("url_file = \"store.secret\"".to_owned());
    house.write();
}

#[tokio::test]
async fn a_budget_outlives_kills_and_restarts() {
    let (house, _database) = house(&["works", "wrong"]).await;
    house.give("wrong", "demo-wrong-secret-1");
    let validated = house.lockwatch(&["validate"]).await;
    assert_eq!(validated.code, 0, "{validated:?}");
    for _ in 0..3 {
        let daemon = house.start().await;
        house.until("wrong", |user| user["held"] == true).await;
        house.until_state("works", "healthy", "ok").await;
        house.watch_checks("wrong", 2).await;
        assert_eq!(house.stats("wrong").attempts, 2);
        daemon.kill().await;
    }
    // Nobody is at work: probe may.
    let held = house.lockwatch(&["probe", "wrong"]).await;
    assert_eq!(held.code, 1, "{held:?}");
    assert!(held.stdout.contains("the credential is held"), "{held:?}");
    let good = house.lockwatch(&["probe", "works"]).await;
    assert_eq!(good.code, 0, "{good:?}");
    assert_eq!(house.stats("wrong").attempts, 2);
    assert!(!house.store().exists(), "no file");
}

#[tokio::test]
async fn it_goes_on_when_the_server_ended_its_sessions() {
    let (house, database) = house(&["works"]).await;
    let daemon = house.start().await;
    house.until_state("works", "healthy", "ok").await;
    for _ in 0..3 {
        database.cut().await;
        let attempts = house.stats("works").attempts;
        eventually(
            || "no attempt is made after the end of the sessions".to_owned(),
            async || (house.stats("works").attempts > attempts + 1).then_some(()),
        )
        .await;
        house.until_state("works", "healthy", "ok").await;
    }
    daemon.stop().await;
}

#[tokio::test]
async fn a_second_daemon_on_the_same_database_ends() {
    let (mut first, database) = house(&["works"]).await;
    // It claims its users a little ahead, and leaves time between for a guest.
    first.settings.interval = "4s";
    let daemon = first.start().await;
    let mut second = House::of(&["works"]);
    second.keep_private(database.password());
    name(&mut second, database.url.as_str());
    let told = second.lockwatch(&["run"]).await;
    assert_eq!(told.code, 70, "{told:?}");
    let why = format!("another lockwatch uses the store {}", database.shown());
    assert!(told.stderr.contains(&why), "{told:?}");
    assert_eq!(second.stats("works").attempts, 0);
    let guest = second.lockwatch(&["probe", "works"]).await;
    assert_eq!(guest.code, 0, "{guest:?}");
    assert!(guest.stderr.contains("one works on the store"), "{guest:?}");
    daemon.stop().await;
    second.start().await.stop().await;
}

#[tokio::test]
async fn a_database_that_is_not_to_be_had_is_named_with_the_cause() {
    let (mut house, database) = house(&["works"]).await;
    let mut wrong = database.url.clone();
    wrong.set_password(Some("demo-wrong-password")).unwrap();
    house.keep_private("demo-wrong-password");
    let mut away = database.url.clone();
    // Port 1 is nobody's.
    away.set_port(Some(1)).unwrap();
    for (url, cause) in [
        (wrong, "password authentication failed for user"),
        (away, "Connection refused"),
    ] {
        name(&mut house, url.as_str());
        let told = house.lockwatch(&["probe", "works"]).await;
        assert_eq!(told.code, 78, "{told:?}");
        for part in [cause, "postgres://lockwatch@127.0.0.1", "no attempt"] {
            assert!(told.stderr.contains(part), "{part}: {told:?}");
        }
        // The daemon goes on without it, and says so.
        let daemon = Daemon::spawn(&house, &[]);
        daemon.says(cause).await;
        daemon.says("no attempt is made").await;
        // From here on it listens to signals.
        daemon.says("watching").await;
        daemon.stop().await;
    }
    assert_eq!(house.stats("works").attempts, 0);
    // What the file holds is told only when it is asked for.
    name(&mut house, "demo-wrong-password");
    for arguments in [&["run"][..], &["validate"]] {
        let told = house.lockwatch(arguments).await;
        assert_eq!(told.code, 78, "{told:?}");
        assert!(
            told.stderr.contains("is not the address of a database"),
            "{told:?}"
        );
    }
}

#[tokio::test]
async fn another_store_wants_a_restart() {
    let (mut house, _database) = house(&["works"]).await;
    let daemon = house.start().await;
    house.settings.store = None;
    house.write();
    let answer = house.post("/-/reload", "").await;
    assert!(
        answer.body.contains("restart to apply the new one"),
        "{answer:?}"
    );
    daemon.stop().await;
}
