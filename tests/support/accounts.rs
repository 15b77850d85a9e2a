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
    /// tests/systemd/walk.rs and monitoring.rs, word for word, on a machine with systemd.
    Machine,
    /// tests/container/walk.rs, with podman. It types what [`By::Machine`] runs of its page too.
    Podman,
    /// tests/node, on a machine where there is a Kubernetes; beside that, tests/walk has kubectl and helm look at it without.
    Cluster,
    /// The gate or what it starts: the file in which it stands.
    Gate(&'static str),
}

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
    ("docs/api.md", "", By::Here),
    ("docs/containers.md", "sudo install ", By::Machine),
    ("docs/containers.md", "for name in ", By::Machine),
    ("docs/containers.md", "sudoedit ", By::Machine),
    ("docs/containers.md", "", By::Podman),
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
        "target/tools/python/bin/python tests/grafana/format.py",
        By::Here,
    ),
    (
        "docs/monitoring.md",
        "tests/run --test grafana",
        By::Gate(".ci/run"),
    ),
    ("docs/monitoring.md", "", By::Machine),
    (
        "docs/runbooks/",
        "getent hosts webservices.autotask.net",
        By::Machine,
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
