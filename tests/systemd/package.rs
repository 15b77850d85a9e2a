//! The package: what it puts where, and what it leaves alone when it is installed, upgraded, removed and purged.

use std::{path::PathBuf, process::Command};

use crate::{
    machine::{Machine, package},
    site::Site,
};

const CONFIG: &str = "/etc/lockwatch/lockwatch.toml";

/// The same package with a higher version, and another template: what the next release is to dpkg.
fn next_version(machine: &Machine) -> PathBuf {
    let folder = machine.path("/next");
    let does = |program: &str, arguments: &[&str]| {
        let mut command = Command::new(program);
        assert!(
            command
                .args(arguments)
                .current_dir(machine.path("/"))
                .status()
                .unwrap()
                .success()
        );
    };
    let package = package();
    does(
        "dpkg-deb",
        &["--raw-extract", package.to_str().unwrap(), "next"],
    );
    does(
        "sed",
        &[
            "--in-place",
            "s/^Version: .*/Version: 99.0-1/",
            "next/DEBIAN/control",
        ],
    );
    does(
        "sh",
        &[
            "-c",
            "echo '# A new line.' >>next/etc/lockwatch/lockwatch.toml",
        ],
    );
    does(
        "dpkg-deb",
        &[
            "--build",
            "--root-owner-group",
            "-Znone",
            "next",
            "next.deb",
        ],
    );
    folder.with_extension("deb")
}

#[tokio::test]
async fn it_installs_all_and_starts_nothing() {
    let machine = Machine::with_package();
    assert_eq!(
        machine.try_to("systemctl is-enabled lockwatch").said.trim(),
        "disabled"
    );
    assert_eq!(machine.shows("ActiveState"), "inactive");
    for (path, mode) in [
        ("/usr/bin/lockwatch", "755 root:root"),
        ("/etc/lockwatch", "750 root:lockwatch"),
        (CONFIG, "640 root:lockwatch"),
        ("/etc/lockwatch/secrets", "750 root:lockwatch"),
        ("/var/lib/lockwatch", "700 lockwatch:lockwatch"),
    ] {
        assert_eq!(
            machine.does(&format!("stat --format '%a %U:%G' {path}")),
            mode,
            "{path}"
        );
    }
    let files = machine.does("dpkg --listfiles lockwatch");
    for path in [
        "/usr/share/bash-completion/completions/lockwatch",
        "/usr/share/zsh/vendor-completions/_lockwatch",
        "/usr/share/fish/vendor_completions.d/lockwatch.fish",
        "/usr/share/man/man1/lockwatch.1.gz",
        "/usr/share/man/man1/lockwatch-retry.1.gz",
        "/usr/share/doc/lockwatch/docs/systemd.md",
        "/usr/share/doc/lockwatch/examples/lockwatch.toml",
        "/usr/share/doc/lockwatch/copyright",
    ] {
        assert!(files.lines().any(|file| file == path), "{path}: {files}");
    }
    for command in machine
        .does("lockwatch help | sed -n 's/^  \\([a-z][a-z-]*\\)  .*/\\1/p' | grep -v help")
        .lines()
    {
        let page = machine.does(&format!(
            "zcat /usr/share/man/man1/lockwatch-{command}.1.gz"
        ));
        for section in [
            "NAME",
            "SYNOPSIS",
            "\"EXIT STATUS\"",
            "FILES",
            "ENVIRONMENT",
        ] {
            // No variable changes what `completions` prints.
            assert!(
                page.contains(&format!(".SH {section}"))
                    || (command == "completions" && section == "ENVIRONMENT"),
                "{command}: {section}"
            );
        }
    }
    // The template is good as it is, and names nobody; what it shows is good too.
    let said = machine.does("runuser -u lockwatch -- lockwatch validate");
    assert!(said.contains("0 users are watched"), "{said}");
    machine.does(&format!(
        "sed --in-place '/^$/,$ s/^# \\{{0,1\\}}//' {CONFIG}"
    ));
    let said = machine
        .try_to("runuser -u lockwatch -- lockwatch validate")
        .said;
    assert!(said.contains("acme-email2at"), "{said}");
    assert!(
        !said.contains("key"),
        "only the secrets' files are missing: {said}"
    );
}

#[tokio::test]
async fn an_upgrade_restarts_what_runs_and_keeps_what_was_changed() {
    let site = Site::of(&["good"]).await;
    let machine = Machine::with_package();
    let next = next_version(&machine);
    site.configure(&machine, &["good"]);
    machine.does(&format!("chmod 0644 {CONFIG}"));
    let config = machine.does(&format!("cat {CONFIG}"));

    // What does not run stays so.
    machine.install(&next);
    assert_eq!(machine.shows("ActiveState"), "inactive");
    assert_eq!(
        machine.try_to("systemctl is-enabled lockwatch").said.trim(),
        "disabled"
    );
    assert_eq!(machine.does(&format!("cat {CONFIG}")), config);
    assert_eq!(
        machine.does(&format!("stat --format '%a %U:%G' {CONFIG}")),
        "644 root:lockwatch"
    );

    machine.does("systemctl start lockwatch");
    let first = machine.shows("MainPID");
    machine.install(&next);
    assert_eq!(machine.shows("ActiveState"), "active");
    assert_ne!(machine.shows("MainPID"), first, "the new program runs");
    assert_eq!(machine.does(&format!("cat {CONFIG}")), config);
    site.until_checked(&machine, "good", 2);
}

#[tokio::test]
async fn a_removal_keeps_the_state_and_a_purge_does_not() {
    let site = Site::of(&["good"]).await;
    let machine = Machine::with_package();
    site.configure(&machine, &["good"]);
    machine.does("systemctl enable --now lockwatch");
    site.until_accepted(&machine, "good");

    machine.does("dpkg --remove lockwatch");
    assert_eq!(
        machine
            .try_to("pidof lockwatch; ls /proc/*/exe -l | grep lockwatch")
            .said
            .trim(),
        ""
    );
    for kept in [
        "/var/lib/lockwatch/lockwatch.db",
        CONFIG,
        "/etc/lockwatch/secrets/good",
    ] {
        assert!(machine.path(kept).exists(), "{kept}");
    }
    machine.install(&package());
    assert_eq!(machine.shows("ActiveState"), "inactive");

    let said = machine.does("dpkg --purge lockwatch");
    for gone in ["/var/lib/lockwatch", CONFIG, "/usr/bin/lockwatch"] {
        assert!(!machine.path(gone).exists(), "{gone}: {said}");
    }
    assert_eq!(machine.does("find /etc/systemd -name 'lockwatch*'"), "");
    // Not ours to delete, and said.
    assert!(machine.path("/etc/lockwatch/secrets/good").exists());
    assert!(
        said.contains("files of yours are left in /etc/lockwatch"),
        "{said}"
    );

    machine.does("rm /etc/lockwatch/secrets/good");
    machine.install(&package());
    let said = machine.does("dpkg --purge lockwatch");
    assert!(!said.contains("files of yours"), "{said}");
    assert!(!machine.path("/etc/lockwatch").exists());
}
