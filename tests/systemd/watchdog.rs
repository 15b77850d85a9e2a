//! The watchdog: it looks at the scheduler, not at whether there is a process.

use crate::{machine::Machine, site::Site};

/// As the unit, but for the patience of a test.
const SOON: &str = "[Service]\nWatchdogSec=3s\nRestartSec=1s\n";

#[tokio::test]
async fn a_daemon_that_stands_still_is_ended_and_started_again() {
    let site = Site::of(&["good"]).await;
    let machine = Machine::with_package();
    site.configure(&machine, &["good"]);
    machine.drop_in("soon", SOON);
    machine.does("systemctl start lockwatch");
    let first = machine.shows("MainPID");
    // Fed, it lives: longer than the watchdog waits.
    site.until_checked(&machine, "good", 5);
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
