//! The dashboards of deploy/grafana: every query on a real Prometheus that scrapes the real program, every panel by the
//! rules that make it readable, every file by Grafana's own schema.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a panic is how a test says that something is wrong"
)]
#![expect(
    clippy::print_stdout,
    reason = "the list of panels is for people: cargo test --test grafana -- --nocapture"
)]

#[path = "../support/mod.rs"]
mod support;

mod asked;
mod dashboard;
mod data;
mod format;
mod links;
mod panels;
mod provisioning;
mod truth;
