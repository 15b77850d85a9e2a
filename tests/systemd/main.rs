//! lockwatch as a service: the Debian package, installed into machines that boot systemd for real, with the simulated Autotask
//! and the mail server outside of them. tests/tools/systemd.bash gets what is needed; without it nothing here can run.

#![expect(
    clippy::unwrap_used,
    reason = "a panic is how a test says that something is wrong"
)]

#[path = "../support/mod.rs"]
mod support;

mod machine;
mod reader;
mod silence;
mod site;

mod credentials;
mod ends;
mod holds;
mod monitoring;
mod package;
mod reloads;
mod sandbox;
mod service;
mod walk;
mod watchdog;
