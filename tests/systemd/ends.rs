//! When it is started again, and when it stays down.

use crate::{machine::Machine, site::Site};

#[tokio::test]
async fn a_configuration_that_cannot_be_used_is_not_tried_again() {
    let machine = Machine::with_package();
    machine.write("/etc/lockwatch/lockwatch.toml", "unknown = 1\n");
    machine.drop_in("soon", "[Service]\nRestartSec=200ms\n");
    assert_ne!(machine.try_to("systemctl start lockwatch").code, 0);
    assert_eq!(machine.shows("ActiveState"), "failed");
    assert_eq!(machine.shows("ExecMainStatus"), "78");
    assert_eq!(machine.shows("NRestarts"), "0");
    assert!(
        machine.journal().contains("unknown"),
        "{}",
        machine.journal()
    );
}

#[tokio::test]
async fn a_crash_loop_ends() {
    let site = Site::of(&["good"]).await;
    let machine = Machine::with_package();
    site.configure(&machine, &["good"]);
    machine.drop_in("soon", "[Service]\nRestartSec=200ms\n");
    machine.does("systemctl start lockwatch");
    let crash = || machine.does("systemctl kill --signal=ABRT lockwatch");
    for restarts in ["1", "2", "3", "4"] {
        crash();
        machine.until_shows("NRestarts", |so_far| so_far == restarts);
        machine.until_shows("ActiveState", |state| state == "active");
    }
    crash();
    machine.until_shows("ActiveState", |state| state == "failed");
    assert!(
        machine
            .journal()
            .contains("Start request repeated too quickly"),
        "{}",
        machine.journal()
    );
    // What docs/systemd.md says to do once the cause is found.
    machine.does("systemctl reset-failed lockwatch && systemctl start lockwatch");
    site.until_checked(&machine, "good", 2);
}
