//! The unit as it comes: what an administrator does with it from the first start to the end of the day.

use tokio::time::Instant;

use crate::{
    machine::Machine,
    site::{Site, secret},
};

#[tokio::test]
async fn from_the_first_start_to_the_stop() {
    let site = Site::of(&["good", "wrong"]).await;
    let machine = Machine::with_package();
    site.configure(&machine, &["good"]);

    // What docs/systemd.md has people do before the first start.
    let said = machine.does("runuser -u lockwatch -- lockwatch validate");
    assert!(said.contains("1 user is watched"), "{said}");
    machine.does("runuser -u lockwatch -- lockwatch test-mail");
    assert_eq!(site.mails().len(), 1);
    machine.does("runuser -u lockwatch -- lockwatch probe good");

    machine.does("systemctl enable --now lockwatch");
    assert_eq!(
        machine.shows("ActiveState"),
        "active",
        "the start waits until it is ready"
    );
    machine.until_shows("StatusText", |status| status == "1 user: 1 healthy");
    assert!(site.stats("good").accepted > 0);
    assert_eq!(
        machine.does("stat --format '%a %U' /var/lib/lockwatch"),
        "700 lockwatch"
    );
    assert_eq!(
        machine.does("stat --format '%a %U' /var/lib/lockwatch/lockwatch.db"),
        "600 lockwatch"
    );

    // A user whose secret is not what Autotask has: the mail arrives, and the status line says so.
    site.give(&machine, "wrong", "demo-another");
    site.configure(&machine, &["good", "wrong"]);
    machine.does("systemctl reload lockwatch");
    let mail = site.until_mailed(&machine, "failing", "wrong");
    assert!(mail.contains("lockwatch retry wrong"), "{mail}");
    machine.until_shows("StatusText", |status| {
        status == "2 users: 1 failing, 1 healthy"
    });

    // A new secret in the file needs nobody to say so.
    site.give(&machine, "wrong", &secret("wrong"));
    site.until_mailed(&machine, "recovered", "wrong");

    // The commands, as root and as a member of the group.
    assert!(machine.does("lockwatch status").contains("wrong"));
    machine.does("lockwatch health && lockwatch retry good");
    machine.does("useradd --groups lockwatch admin && runuser -u admin -- lockwatch status");
    let stranger = machine.try_to("useradd stranger && runuser -u stranger -- lockwatch status");
    // Who answers at the default port, if anybody, is another machine's affair: they share the network.
    let why = "lockwatch.toml: cannot be read: Permission denied";
    assert!(stranger.said.contains(why), "{}", stranger.said);

    machine.does("systemctl stop lockwatch");
    assert_eq!(machine.shows("Result"), "success");
    assert_eq!(machine.shows("ExecMainStatus"), "0");
    assert!(
        machine
            .journal()
            .contains("stopping: no attempt starts any more")
    );
    // What it kept is there at the next start.
    let accepted = site.stats("good").accepted;
    machine.does("systemctl start lockwatch");
    site.until_checked(&machine, "good", 2);
    assert!(site.stats("good").accepted > accepted);
}

#[tokio::test]
async fn a_stop_waits_for_the_attempt_under_way() {
    let site = Site::of(&["slow"]).await;
    let machine = Machine::with_package();
    site.configure(&machine, &["slow"]);
    machine.does("systemctl start lockwatch");
    site.until_accepted(&machine, "slow");
    site.hang();
    site.until_hanging(&machine, "slow");
    let asked = Instant::now();
    machine.does("systemctl stop lockwatch");
    // autotask.timeout is 2 s here.
    assert!(asked.elapsed().as_millis() > 500, "{:?}", asked.elapsed());
    assert_eq!(machine.shows("Result"), "success", "{}", machine.journal());
    assert!(
        machine.journal().contains("stopped"),
        "{}",
        machine.journal()
    );
}
