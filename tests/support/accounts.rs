//! Who runs each command that README and docs have people type. `tests/walk` fails for a command that no row here speaks of.
//!
//! To add a command to a page: where a row for its page is there already, nothing needs to be done but to see it pass. Else add
//! a row: the page or the beginning of its path, the beginning of the command, and who runs it. The first row that fits counts.

use super::pages::{Typed, commands, pages};

/// Who runs a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// tests/walk, beside a running daemon, with paths and addresses put in.
    Here,
    /// tests/systemd/walk.rs, word for word, on a machine with systemd.
    Machine,
    /// tests/node, on a machine where there is a Kubernetes; beside that, tests/walk has kubectl and helm look at it without.
    Cluster,
    /// The gate or what it starts: the file in which it stands.
    Gate(&'static str),
    /// Nobody; tests/walk has the program itself look at its options. Why it is not run stands beside it.
    Asked(&'static str),
    /// Nobody, and why.
    Nobody(&'static str),
}

const IMAGE: &str =
    "wants docker and what lies in /etc/lockwatch; tests/container runs the like with podman";
const OUTSIDE: &str = "asks the internet";

/// See the top of the file.
const ROWS: &[(&str, &str, By)] = &[
    ("README.md", "cargo run --release -- demo", By::Here),
    ("README.md", "tests/run", By::Gate(".ci/run")),
    (
        "README.md",
        "deploy/debian/build",
        By::Gate("tests/tools/systemd.bash"),
    ),
    ("README.md", "", By::Machine),
    ("docs/containers.md", "docker ", By::Asked(IMAGE)),
    (
        "docs/containers.md",
        "volume=\"$(docker ",
        By::Nobody(IMAGE),
    ),
    (
        "docs/containers.md",
        "mkdir -m 0700 lockwatch-copy && docker cp",
        By::Nobody(IMAGE),
    ),
    (
        "docs/containers.md",
        "sudo cp --recursive lockwatch-copy",
        By::Nobody(IMAGE),
    ),
    (
        "docs/containers.md",
        "sudo chown --recursive 65532:65532",
        By::Nobody(IMAGE),
    ),
    (
        "docs/containers.md",
        "sudo chmod 0700 \"$volume\"",
        By::Nobody(IMAGE),
    ),
    ("docs/containers.md", "", By::Machine),
    ("docs/kubernetes.md", "kubectl ", By::Cluster),
    ("docs/kubernetes.md", "helm ", By::Cluster),
    ("docs/kubernetes.md", "", By::Here),
    (
        "docs/lockout.md",
        "cargo test --test ",
        By::Gate("tests/run"),
    ),
    (
        "docs/monitoring.md",
        "sudo apt-get install prometheus",
        By::Nobody("installs servers from the internet; tests/run takes the same packages apart"),
    ),
    (
        "docs/monitoring.md",
        "sudo cp --backup=numbered deploy/prometheus/",
        By::Here,
    ),
    ("docs/monitoring.md", "sudo sed ", By::Here),
    ("docs/monitoring.md", "sed ", By::Here),
    ("docs/monitoring.md", "promtool ", By::Here),
    ("docs/monitoring.md", "amtool ", By::Here),
    ("docs/monitoring.md", "ARGS=", By::Here),
    ("docs/monitoring.md", "lockwatch demo", By::Here),
    (
        "docs/monitoring.md",
        "sudo install -d -m 0755 /etc/alertmanager",
        By::Here,
    ),
    (
        "docs/monitoring.md",
        "sudo systemctl stop lockwatch",
        By::Machine,
    ),
    (
        "docs/monitoring.md",
        "sudo systemctl start lockwatch",
        By::Machine,
    ),
    (
        "docs/monitoring.md",
        "target/tools/python/bin/python tests/grafana/format.py",
        By::Here,
    ),
    (
        "docs/monitoring.md",
        "tests/run --test grafana",
        By::Gate(".ci/run"),
    ),
    (
        "docs/monitoring.md",
        "",
        By::Nobody(
            "wants the services of Prometheus and Alertmanager; tests/prometheus starts both without systemd",
        ),
    ),
    (
        "docs/runbooks/",
        "getent hosts webservices.autotask.net",
        By::Nobody(OUTSIDE),
    ),
    (
        "docs/runbooks/reasons/tls.md",
        "curl -vsS",
        By::Asked("shows the certificate of Autotask's own server"),
    ),
    ("docs/runbooks/", "sudo -u lockwatch lockwatch ", By::Here),
    ("docs/runbooks/", "curl ", By::Here),
    ("docs/runbooks/", "getent ", By::Here),
    ("docs/runbooks/", "", By::Machine),
    (
        "docs/systemd.md",
        "deploy/debian/build",
        By::Gate("tests/tools/systemd.bash"),
    ),
    (
        "docs/systemd.md",
        "cargo build --locked --release",
        By::Gate("deploy/debian/build"),
    ),
    (
        "docs/systemd.md",
        "cargo run --locked --example manual",
        By::Here,
    ),
    ("docs/systemd.md", "", By::Machine),
];

/// The row that accounts for a command: its number, and who runs it.
pub fn account(typed: &Typed) -> Option<(usize, By)> {
    let fits = |(page, begins, _): &(&str, &str, By)| {
        typed.page.starts_with(page) && typed.text.starts_with(begins)
    };
    let nth = ROWS.iter().position(fits)?;
    Some((nth, ROWS[nth].2))
}

/// Rows that no command needs any more.
pub fn idle_rows(used: &[usize]) -> Vec<String> {
    let rows = ROWS.iter().enumerate();
    let idle = rows.filter(|(nth, _)| !used.contains(nth));
    idle.map(|(_, row)| format!("{row:?}")).collect()
}

/// The commands that somebody runs, page by page, in order.
pub fn of(by: impl Fn(By) -> bool) -> Vec<Typed> {
    let all = pages().into_iter().flat_map(|page| commands(&page));
    all.filter(|typed| account(typed).is_some_and(|(_, runs)| by(runs)))
        .collect()
}
