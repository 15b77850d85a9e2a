//! What is applied to Kubernetes: the chart as helm renders it, and the plain base that is made of it.
//!
//! `LOCKWATCH_WRITE_GOLDEN=1 bash tests/run --test kubernetes` writes golden files and the base anew.
#![expect(
    clippy::unwrap_used,
    reason = "a panic is how a test says that something is wrong"
)]

mod house;

mod base;
mod config;
mod golden;
mod package;
mod pods;
mod refused;
mod rules;
mod valid;
