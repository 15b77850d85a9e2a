//! The watchdog: it looks at the scheduler, not at whether there is a process.

use lockwatch::clock;
use tokio::time::Instant;

use crate::{
    machine::{Machine, PATIENCE},
    silence::Way,
    site::{Site, secret},
    support::postgres::Database,
};

/// As the unit, but for the patience of a test. A loaded disk holds the scheduler up for less than that, a silent database for
/// longer: a write waits 20 s for it.
const SOON: &str = "[Service]\nWatchdogSec=10s\nRestartSec=1s\n";

#[tokio::test]
async fn a_daemon_that_stands_still_is_ended_and_started_again() {
    let site = Site::of(&["good"]).await;
    let machine = Machine::with_package();
    site.configure(&machine, &["good"]);
    machine.drop_in("soon", SOON);
    machine.does("systemctl start lockwatch");
    let first = machine.shows("MainPID");
    // Fed, it lives: longer than the watchdog waits.
    site.until_checked(&machine, "good", 12);
    assert_eq!(machine.shows("NRestarts"), "0", "{}", machine.journal());

    machine.does("systemctl kill --signal=STOP lockwatch");
    machine.until_shows("NRestarts", |restarts| restarts == "1");
    machine.until_shows("StatusText", |status| status == "1 user: 1 healthy");
    assert_ne!(machine.shows("MainPID"), first);
    assert!(
        machine.journal().contains("Watchdog timeout"),
        "{}",
        machine.journal()
    );
    // It went by SIGABRT, and its memory is nowhere.
    let journal = machine.journal();
    assert!(journal.contains("code=killed, status=6/ABRT"), "{journal}");
    site.until_checked(&machine, "good", 2);
}

#[tokio::test]
async fn a_scheduler_that_is_stuck_is_ended_though_the_process_answers() {
    let site = Site::of(&["good"]).await;
    let database = Database::new().await;
    let way = Way::to(database.url.port().unwrap());
    let mut url = database.url.clone();
    url.set_port(Some(way.port)).unwrap();
    let machine = Machine::with_package();
    site.give(&machine, "good", &secret("good"));
    machine.write_as(
        "/etc/lockwatch/store-url",
        url.as_str(),
        0o640,
        "root:lockwatch",
    );
    let users = site.config(&["good"], |id| {
        format!("file = \"/etc/lockwatch/secrets/{id}\"")
    });
    machine.write(
        "/etc/lockwatch/lockwatch.toml",
        &format!("[store]\nurl_file = \"/etc/lockwatch/store-url\"\n{users}"),
    );
    machine.drop_in("soon", SOON);
    machine.does("systemctl start lockwatch");
    site.until_accepted(&machine, "good");
    let first = machine.shows("MainPID");

    // A query that is never answered holds the scheduler up, and nothing else.
    way.silence(true);
    let deadline = Instant::now() + PATIENCE;
    loop {
        let turned = site
            .metric("lockwatch_schedule_last_turn_timestamp_seconds")
            .await;
        let now = clock::now().as_millisecond() as f64 / 1000.0;
        // It is told in whole seconds.
        if now - turned > 2.5 {
            break;
        }
        assert!(Instant::now() < deadline, "{}", machine.journal());
    }
    machine.until_shows("NRestarts", |restarts| restarts != "0");
    assert!(
        machine.journal().contains("Watchdog timeout"),
        "{}",
        machine.journal()
    );
    way.silence(false);
    machine.until_shows("StatusText", |status| status == "1 user: 1 healthy");
    assert_ne!(machine.shows("MainPID"), first);
    site.until_accepted(&machine, "good");
    machine.does("systemctl stop lockwatch");
}
