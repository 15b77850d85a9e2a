//! What the unit denies: seen by systemd's own tools, and from inside.

use crate::{
    machine::Machine,
    site::{Site, secret},
};

/// Tenths of systemd's measure of exposure.
const EXPOSURE: u32 = 12;

#[tokio::test]
async fn the_unit_is_well_formed_and_hardened() {
    let machine = Machine::with_package();
    let unit = "/usr/lib/systemd/system/lockwatch.service";
    // Whether the man page is there is seen in tests/systemd/package.rs; this machine has nothing that shows one.
    let verify = format!("systemd-analyze verify --man=no {unit}");
    assert_eq!(machine.does(&verify), "");
    let secure = |threshold| {
        format!("systemd-analyze security --offline=true --threshold={threshold} {unit}")
    };
    machine.does(&secure(EXPOSURE));
    let open = machine.try_to(&format!(
        "sed /CapabilityBoundingSet/d {unit} >/tmp/open.service && systemd-analyze security --offline=true \
         --threshold={EXPOSURE} /tmp/open.service"
    ));
    assert_ne!(open.code, 0, "it would not be seen that a line is missing");
    // verify complains about a drop-in only when it is in place.
    machine.use_example("dynamic-user");
    assert_eq!(machine.does(&verify), "");
    machine.does(&format!("systemctl daemon-reload && {}", secure(EXPOSURE)));
}

#[tokio::test]
async fn newer_systemd_finds_nothing_wrong_either() {
    let machine = Machine::boot("trixie");
    machine.install(&crate::machine::package());
    for example in ["notify-reload", "dynamic-user"] {
        machine.use_example(example);
        let said = machine.does("systemd-analyze verify --man=no lockwatch.service");
        assert_eq!(said, "", "{example}");
    }
}

#[tokio::test]
async fn what_the_daemon_sees_from_inside() {
    let site = Site::of(&["good"]).await;
    let machine = Machine::with_package();
    site.give(&machine, "good", &secret("good"));
    // A program that tells the secret runs in the sandbox too.
    let config = site.config(&["good"], |id| {
        format!("command = [\"cat\", \"/etc/lockwatch/secrets/{id}\"]")
    });
    machine.write("/etc/lockwatch/lockwatch.toml", &config);
    machine.does("systemctl start lockwatch");
    site.until_accepted(&machine, "good");
    let pid = machine.shows("MainPID");
    let status = machine.does(&format!("cat /proc/{pid}/status"));
    for line in [
        "NoNewPrivs:\t1",
        "Seccomp:\t2",
        "CapEff:\t0000000000000000",
        "CapBnd:\t0000000000000000",
    ] {
        assert!(status.contains(line), "{line}: {status}");
    }
    let limits = machine.does(&format!("cat /proc/{pid}/limits"));
    let core = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"));
    let core: Vec<_> = core.unwrap().split_whitespace().collect();
    assert_eq!(core[4..6], ["0", "0"], "{limits}");
    let mounts = machine.does(&format!("cat /proc/{pid}/mountinfo"));
    let mode = |place: &str| {
        let line = mounts
            .lines()
            .rfind(|line| line.split(' ').nth(4) == Some(place));
        line.unwrap_or_else(|| panic!("{place}: {mounts}"))
            .split(' ')
            .nth(5)
            .unwrap()
            .to_owned()
    };
    assert!(mode("/").starts_with("ro"), "{mounts}");
    assert!(mode("/var/lib/lockwatch").starts_with("rw"), "{mounts}");
    // The process's own numbers are among the metrics all the same.
    for (series, least) in [
        ("process_resident_memory_bytes", 1e6),
        ("process_open_fds", 3.0),
        // Since 1970: of what is in /proc it needs more than the process's own folder.
        ("process_start_time_seconds", 1e9),
    ] {
        let value = site.metric(series).await;
        assert!(value > least, "{series} is {value}");
    }
}
