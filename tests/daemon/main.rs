//! The real program against a simulated Autotask and a real mail server: what an operator sees of it, and what it never does.

#![expect(
    clippy::unwrap_used,
    reason = "a panic is how a test says that something is wrong"
)]

#[path = "../support/metric_names.rs"]
mod metric_names;
#[path = "../support/mod.rs"]
mod support;

mod house;

mod access;
mod activation;
mod bad_answers;
mod bad_config;
mod board;
mod by_itself;
mod campaign;
mod changes;
mod clocks;
mod commands;
mod credentials;
mod crowds;
mod databases;
mod delivery;
mod desk;
mod endings;
mod endpoint;
mod flights;
mod gate;
mod letters;
mod locked;
mod logs;
mod lookups;
mod mailboxes;
mod mails;
mod moved;
mod names;
mod one_off;
mod outages;
mod probing;
mod reloads;
mod reshaped;
mod retries;
mod retry_held;
mod secrecy;
mod several_retries;
mod signals;
mod store;
mod storm;
mod strangers;
mod supervised;
mod telling;
mod two_daemons;
mod vendor_held;
mod verdicts;
mod waits;
mod who_answers;
mod whose_daemon;
