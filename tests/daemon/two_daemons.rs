//! A second daemon on one store, whichever engine keeps it: it waits a little, says who has it, and ends. Nobody is attempted
//! or told twice.

use std::{fs, io, net::TcpStream};

use rustix::process::Signal;

use crate::{
    house::{Daemon, House, eventually},
    support::{PATIENCE, postgres::Database},
};

/// Another configuration, with a port of its own, on the store of `first`.
fn beside(first: &House, ids: &[&str]) -> House {
    let mut second = House::of(ids);
    let store = first.store();
    second.settings.store = Some(format!("url = \"sqlite://{}\"", store.display()));
    second.write();
    second
}

impl House {
    fn lookups(&self, id: &str) -> u64 {
        self.stats(id).lookups.into()
    }
}

#[tokio::test]
async fn a_second_daemon_waits_and_ends_and_changes_nothing() {
    let first = House::of(&["works", "wrong"]);
    first.give("wrong", "demo-wrong-secret-1");
    let daemon = first.start().await;
    first.until("wrong", |user| user["held"] == true).await;
    let second = beside(&first, &["other"]);
    let told = second.lockwatch(&["run"]).await;
    assert_eq!(told.code, 70, "{told:?}");
    for part in [
        format!(
            "another lockwatch uses the store {}",
            first.store().display()
        ),
        format!("process {} on ", daemon.id()),
        "waiting up to 6 s for its end".to_owned(),
        "end that one, or give this one a store of its own (store.url)".to_owned(),
    ] {
        assert!(told.stderr.contains(&part), "{part}: {told:?}");
    }
    assert_eq!(told.stderr.matches("waiting up to").count(), 1, "{told:?}");
    assert_eq!(second.lookups("other"), 0);
    // The first one's users are its own.
    first.watch_checks("works", 2).await;
    assert_eq!(first.stats("wrong").attempts, 2);
    assert!(!first.filed().is_empty());
    assert!(
        first
            .filed()
            .iter()
            .all(|mail| mail.header("X-Lockwatch-Kind") != "recovered")
    );

    // However the first ends, the next may begin.
    daemon.kill().await;
    let daemon = first.start().await;
    first.until("wrong", |user| user["held"] == true).await;
    daemon.stop().await;
    second.start().await.stop().await;
}

#[tokio::test]
async fn a_restart_that_overlaps_is_no_fault() {
    let first = House::of(&["works"]);
    let daemon = first.start().await;
    let mut second = beside(&first, &["works"]);
    // It waits for longer then, however long the first takes to end.
    second.settings.timeout = "60s";
    second.write();
    let next = Daemon::spawn(&second, &[]);
    next.says("waiting up to 30 s").await;
    // Nobody is let in who would not be served.
    let address = second.url("");
    let refused = TcpStream::connect(address.trim_start_matches("http://")).unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
    daemon.stop().await;
    second.until_ready(&next).await;
    second.until_state("works", "healthy", "ok").await;
    next.stop().await;
}

#[tokio::test]
async fn who_waits_for_a_store_hears_signals() {
    let first = House::of(&["works"]);
    let daemon = first.start().await;
    let mut second = beside(&first, &["works"]);
    second.settings.timeout = "60s";
    second.write();
    let mut next = Daemon::spawn(&second, &[]);
    next.says("waiting up to").await;
    next.signal(Signal::HUP);
    next.signal(Signal::TERM);
    assert_eq!(next.ended(PATIENCE).await, Some(0), "{}", next.log());
    assert!(next.log().contains("stopped before it began"));
    daemon.stop().await;
}

#[tokio::test]
async fn a_daemon_that_stands_still_keeps_its_store() {
    let first = House::of(&["works", "wrong"]);
    first.give("wrong", "demo-wrong-secret-1");
    let daemon = first.start().await;
    first.until("wrong", |user| user["held"] == true).await;
    daemon.signal(Signal::STOP);
    let second = beside(&first, &["works", "wrong"]);
    second.give("wrong", "demo-wrong-secret-1");
    let told = second.lockwatch(&["run"]).await;
    assert_eq!(told.code, 70, "{told:?}");
    daemon.signal(Signal::CONT);
    first.watch_checks("works", 2).await;
    first.until_state("works", "healthy", "ok").await;
    assert_eq!(first.stats("wrong").attempts, 2);
    assert_eq!(second.lookups("works"), 0);
    daemon.stop().await;
}

#[tokio::test]
async fn a_probe_beside_a_daemon_that_it_cannot_reach_spends_the_same_budget() {
    let mut first = House::of(&["works", "wrong"]);
    // The daemon claims its users a little ahead, and leaves time between.
    first.settings.interval = "4s";
    first.give("wrong", "demo-wrong-secret-1");
    let daemon = first.start().await;
    first.until("wrong", |user| user["held"] == true).await;
    first.mailed("failing", "wrong", "ops@msp.example").await;
    let mails = first.filed().len();

    // The same Autotask and users and one more, at a port where nobody listens.
    let text = fs::read_to_string(first.config()).unwrap();
    let listen = text.lines().find(|line| line.starts_with("listen"));
    let text = text.replace(listen.unwrap(), "listen = \"127.0.0.1:1\"");
    let new = "[[users]]\nid = \"new\"\nusername = \"new@acme.example\"\n\
               secret = { file = \"works.secret\" }\nintegration_code = { file = \"works.code\" }\n";
    let other = first.folder().join("other.toml");
    fs::write(&other, format!("{text}\n{new}")).unwrap();
    let environment = [("LOCKWATCH_CONFIG", other.to_str().unwrap())];
    let probe = async |id: &str| first.lockwatch_told(&["probe", id], "", &environment).await;
    let held = probe("wrong").await;
    assert_eq!(held.code, 1, "{held:?}");
    assert!(held.stdout.contains("the credential is held"), "{held:?}");
    assert!(held.stderr.contains("one works on the store"), "{held:?}");
    assert_eq!(first.stats("wrong").attempts, 2);
    let works = probe("works").await;
    assert_eq!(works.code, 0, "{works:?}");
    // The users are the daemon's to change.
    let new = probe("new").await;
    assert_eq!(new.code, 78, "{new:?}");
    let says = "new is not among the users of that lockwatch";
    assert!(new.stderr.contains(says), "{new:?}");
    assert_eq!(first.lookups("new"), 0);
    first.watch_checks("works", 2).await;
    assert_eq!(first.filed().len(), mails, "a probe sends no mails");
    daemon.stop().await;
}

#[tokio::test]
async fn probes_at_once_do_not_take_each_other_for_a_daemon() {
    let house = House::of(&["one", "two", "three"]);
    house.write();
    let (one, two, three) = tokio::join!(
        house.lockwatch(&["probe", "one"]),
        house.lockwatch(&["probe", "two"]),
        house.lockwatch(&["probe", "three"]),
    );
    for done in [one, two, three] {
        assert_eq!(done.code, 0, "{done:?}");
        assert!(!done.stderr.contains("one works on the store"), "{done:?}");
    }
}

#[tokio::test]
async fn a_probe_that_waits_keeps_no_daemon_from_the_store() {
    let mut house = House::of(&["waits"]);
    // Autotask does not know it yet.
    house.settings.activation = "10m";
    house.account("waits").old = false;
    house.account("waits").first_id = "nobody".to_owned();
    house.write();
    let waiting = house.begin(&["probe", "waits", "--wait"], "").await;
    waiting.says("waits: ").await;
    let daemon = house.start().await;
    assert!(
        !daemon.log().contains("another lockwatch"),
        "{}",
        daemon.log()
    );
    waiting.interrupt();
    assert_eq!(waiting.done().await.code, 130);
    daemon.stop().await;
}

#[tokio::test]
async fn on_a_server_a_daemon_that_lost_its_session_writes_and_attempts_nothing() {
    let database = Database::new().await;
    let houses = [House::of(&["works"]), House::of(&["works"])].map(|mut house| {
        house.secret_file("store.secret", database.url.as_str());
        house.settings.store = Some("url_file = \"store.secret\"".to_owned());
        house.keep_private(database.password());
        house.write();
        house
    });
    let [first, second] = &houses;
    let daemon = first.start().await;
    first.until_state("works", "healthy", "ok").await;
    let told = second.lockwatch(&["run"]).await;
    assert_eq!(told.code, 70, "{told:?}");
    assert!(told.stderr.contains(": session "), "{told:?}");
    assert!(
        told.stderr.contains("of the server, of 127.0.0.1"),
        "{told:?}"
    );

    // It stands still for so long that the server gives it up.
    daemon.signal(Signal::STOP);
    database.cut().await;
    let next = second.start().await;
    second.until_state("works", "healthy", "ok").await;
    let before = first.stats("works").attempts;
    daemon.signal(Signal::CONT);
    eventually(
        || format!("the first goes on: {}", daemon.log()),
        async || {
            let ready = first.try_get("/-/ready").await?;
            let says = ready.body.contains("another lockwatch uses the store");
            (ready.status == 503 && says).then_some(())
        },
    )
    .await;
    first.watch_checks("works", 2).await;
    // One that was on record before it stood still may have been on its way.
    let after = first.stats("works").attempts;
    assert!(after <= before + 1, "{before} {after}");
    // The store is the second one's all the time, and the first's again when that is done.
    second.watch_checks("works", 2).await;
    second.until_state("works", "healthy", "ok").await;
    next.stop().await;
    first.until_ready(&daemon).await;
    daemon.stop().await;
}

#[tokio::test]
async fn a_port_that_is_taken_is_told_before_anything_is_changed() {
    let first = House::of(&["works"]);
    let daemon = first.start().await;
    first.until_state("works", "healthy", "ok").await;
    let log = daemon.log();
    let address = log.split("metrics at http://").nth(1).unwrap();
    let (address, _) = address.split_once('/').unwrap();
    let (_, port) = address.split_once(':').unwrap();
    // A taken port, an address that is not this host's: https://www.rfc-editor.org/rfc/rfc5737
    for (listen, says) in [
        (address, format!("ss -ltnp 'sport = :{port}'")),
        (
            "192.0.2.1:9477",
            "this host does not have the address 192.0.2.1".to_owned(),
        ),
    ] {
        let second = House::of(&["works"]);
        second.write();
        let text = fs::read_to_string(second.config()).unwrap();
        let own = text
            .lines()
            .find(|line| line.starts_with("listen"))
            .unwrap();
        let text = text.replace(own, &format!("listen = \"{listen}\""));
        fs::write(second.config(), text).unwrap();
        let mut ended = Daemon::spawn(&second, &[]);
        assert_eq!(ended.ended(PATIENCE).await, Some(70), "{}", ended.log());
        let log = ended.log();
        let whole = format!("failed to listen on {listen} (web.listen): ");
        assert!(log.contains(&whole) && log.contains(&says), "{log}");
        assert!(!second.store().exists(), "no store was made");
        assert_eq!(second.lookups("works"), 0);
    }
    daemon.stop().await;
}
