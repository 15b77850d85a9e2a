//! The drop-in with a user that systemd makes up, and secrets that it hands over at the start.

use crate::{
    machine::Machine,
    site::{Site, secret},
};

/// Puts the secret where only root reads it.
fn give(machine: &Machine, id: &str, secret: &str) {
    machine.write_as(
        &format!("/etc/lockwatch/secrets/{id}"),
        &format!("{secret}\n"),
        0o600,
        "root:root",
    );
}

fn configure(site: &Site, machine: &Machine, ids: &[&str]) {
    let config = site.config(ids, |id| format!("credential = \"secrets_{id}\""));
    machine.write("/etc/lockwatch/lockwatch.toml", &config);
}

#[tokio::test]
async fn a_new_secret_needs_a_restart() {
    let site = Site::of(&["good"]).await;
    let machine = Machine::with_package();
    give(&machine, "good", &secret("good"));
    configure(&site, &machine, &["good"]);
    machine.use_example("dynamic-user");
    // What docs/systemd.md has people do before the first start: there are no credentials outside of the service.
    let as_service = "systemd-run --quiet --pipe --wait -p DynamicUser=yes -p SupplementaryGroups=lockwatch \
                      -p LoadCredential=secrets:/etc/lockwatch/secrets lockwatch validate";
    assert!(machine.does(as_service).contains("1 user is watched"));

    machine.does("systemctl start lockwatch");
    machine.until_shows("StatusText", |status| status == "1 user: 1 healthy");
    let pid = machine.shows("MainPID");
    // The range that systemd makes users up from.
    let owner = machine.does(&format!("stat --format %u /proc/{pid}"));
    assert!(
        (61_184..=65_519).contains(&owner.parse().unwrap()),
        "{owner}"
    );
    let peek = format!(
        "nsenter --target {pid} --mount runuser -u lockwatch -- cat /etc/lockwatch/secrets/good"
    );
    assert_ne!(
        machine.try_to(&peek).code,
        0,
        "a secret that the group can read"
    );

    // Autotask knows another secret now, and the file has it. Neither the next check nor a reload sees it.
    let rotated = "demo-secret-rotated-1";
    site.new_secret("good", rotated);
    give(&machine, "good", rotated);
    site.until_mailed(&machine, "locked_out", "good");
    machine.does("systemctl reload lockwatch");
    site.until_checked(&machine, "good", 3);
    let refused = site.stats("good").rejections;
    assert_eq!(refused, 2, "the old secret is not presented again");
    machine.until_shows("StatusText", |status| status == "1 user: 1 locked out");

    machine.does("systemctl restart lockwatch");
    site.until_mailed(&machine, "recovered", "good");
    assert_eq!(site.stats("good").rejections, refused);
}

#[tokio::test]
async fn the_store_goes_along_from_one_user_to_the_other_and_back() {
    let site = Site::of(&["wrong"]).await;
    let machine = Machine::with_package();
    site.give(&machine, "wrong", "demo-another");
    site.configure(&machine, &["wrong"]);
    machine.does("systemctl start lockwatch");
    site.until_mailed(&machine, "failing", "wrong");
    machine.does("systemctl stop lockwatch");

    give(&machine, "wrong", "demo-another");
    configure(&site, &machine, &["wrong"]);
    machine.use_example("dynamic-user");
    machine.does("systemctl start lockwatch");
    site.until_checked(&machine, "wrong", 3);
    assert_eq!(
        machine.does("readlink /var/lib/lockwatch"),
        "private/lockwatch"
    );
    assert_eq!(site.stats("wrong").attempts, 2, "{}", machine.journal());

    machine.does(
        "systemctl stop lockwatch && rm /etc/systemd/system/lockwatch.service.d/dynamic-user.conf",
    );
    machine.does("systemctl daemon-reload");
    site.give(&machine, "wrong", "demo-another");
    site.configure(&machine, &["wrong"]);
    machine.does("systemctl start lockwatch");
    site.until_checked(&machine, "wrong", 3);
    assert_eq!(
        machine.does("stat --format '%F %U' /var/lib/lockwatch"),
        "directory lockwatch"
    );
    assert_eq!(site.stats("wrong").attempts, 2, "{}", machine.journal());
}
