//! Reloads: by the unit as it comes, and by the drop-in for newer versions of systemd, which wait until a reload is over.

use crate::{machine::Machine, site::Site};

const REFUSED: &str = "; a changed configuration was refused, the old one is in force";

#[tokio::test]
async fn whether_a_reload_was_taken_stands_in_the_status() {
    let site = Site::of(&["one", "two"]).await;
    let machine = Machine::with_package();
    site.configure(&machine, &["one"]);
    machine.does("systemctl start lockwatch");
    let process = machine.shows("MainPID");

    machine.write("/etc/lockwatch/lockwatch.toml", "unknown = 1\n");
    machine.does("systemctl reload lockwatch");
    machine.until_shows("StatusText", |status| status.ends_with(REFUSED));
    site.until_checked(&machine, "one", 2);

    site.configure(&machine, &["one", "two"]);
    machine.does("systemctl reload lockwatch");
    machine.until_shows("StatusText", |status| status == "2 users: 2 healthy");
    // Files are noticed without a word too, but later, and the log tells which it was.
    let journal = machine.journal();
    assert!(journal.contains("configuration not reloaded"), "{journal}");
    assert!(journal.contains("configuration reloaded"), "{journal}");
    assert_eq!(machine.shows("MainPID"), process);
}

#[tokio::test]
async fn newer_systemd_waits_for_the_reload() {
    let site = Site::of(&["one", "two"]).await;
    let machine = Machine::boot("trixie");
    machine.install(&crate::machine::package());
    site.configure(&machine, &["one"]);
    machine.use_example("notify-reload");
    machine.does("systemctl start lockwatch");
    assert_eq!(machine.shows("Type"), "notify-reload");
    let process = machine.shows("MainPID");

    site.configure(&machine, &["one", "two"]);
    machine.does("systemctl reload lockwatch");
    // No waiting here: the reload is over when the command is.
    let users = machine.does("lockwatch status --json; true");
    assert!(users.contains("\"two\""), "{users}");
    assert_eq!(machine.shows("ActiveState"), "active");
    assert_eq!(machine.shows("MainPID"), process);

    machine.write("/etc/lockwatch/lockwatch.toml", "unknown = 1\n");
    machine.does("systemctl reload lockwatch");
    machine.until_shows("StatusText", |status| status.ends_with(REFUSED));
    site.until_checked(&machine, "two", 2);
}
