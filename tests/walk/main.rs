//! Every command that README and docs have people type: somebody runs it, bash and shellcheck can read it, lockwatch knows its
//! arguments. tests/support/accounts.rs says who runs what; what is run here is run beside a daemon that watches a simulated
//! Autotask.

#![expect(
    clippy::unwrap_used,
    reason = "a panic is how a test says that something is wrong"
)]

#[allow(
    dead_code,
    unused_imports,
    reason = "the house has more rooms than are visited here"
)]
#[path = "../daemon/house/mod.rs"]
mod house;
#[allow(dead_code, reason = "that of another test, which needs more of it")]
#[path = "../client/tls.rs"]
mod server;
#[path = "../support/mod.rs"]
mod support;

mod api;
mod arguments;
mod asked;
mod here;
mod labels;
mod place;
mod shell;
mod tls;

use support::{
    accounts::{By, account, idle_rows},
    pages::{Page, commands, pages, read},
};

#[test]
fn every_command_is_run_by_somebody() {
    let (mut used, mut elsewhere, mut all) = (Vec::new(), Vec::new(), 0);
    for page in pages() {
        for typed in commands(&page) {
            let Some((row, by)) = account(&typed) else {
                panic!(
                    "{page}:{}: nobody runs {:?}; tests/support/accounts.rs wants a row for it",
                    typed.line, typed.text
                );
            };
            used.push(row);
            all += 1;
            match by {
                By::Gate(file) => assert!(
                    stands_in(file, &typed.text),
                    "{file} does not run {:?}",
                    typed.text
                ),
                By::Cluster => elsewhere.push(format!("{page}:{}: {}", typed.line, typed.text)),
                By::Here | By::Machine | By::Podman => {}
            }
        }
    }
    assert_eq!(idle_rows(&used), Vec::<String>::new(), "no such commands");
    assert!(all > 150, "only {all} commands were found");
    println!(
        "run by tests/node, and so only where there is a Kubernetes, of {all}:\n{}",
        elsewhere.join("\n")
    );
}

/// Whether a script of ours holds the command, up to what is said to the program of the tests.
fn stands_in(file: &str, command: &str) -> bool {
    let text = read(file);
    match command.strip_prefix("cargo test --test ") {
        // All of them are run; this names one, and perhaps some of its tests.
        Some(rest) => {
            let target = rest.split_whitespace().next().unwrap();
            let folder = support::pages::root().join("tests").join(target);
            text.contains("cargo test --locked") && folder.is_dir()
        }
        None => {
            let begin = command.split(" --test").next().unwrap();
            text.lines().any(|line| line.contains(begin))
        }
    }
}

#[test]
fn every_block_says_what_it_is() {
    for page in pages() {
        for block in Page::read(&page).blocks {
            let known = ["sh", "text", "toml", "yaml", "ini", "promql"];
            assert!(
                known.contains(&block.language.as_str()),
                "{page}:{}: a block of {:?}",
                block.line,
                block.language
            );
        }
    }
}
