//! Mails as their readers get them, and how they leave: whole texts as snapshots, real SMTP dialogues, real files.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a panic is how a test says that something is wrong"
)]

#[path = "../support/mod.rs"]
mod support;
#[path = "../support/table.rs"]
mod table;

mod alarm;
mod dialogue;
mod exim;
mod faults;
mod file;
mod laws;
mod many;
mod operator;
mod page;
mod samples;
mod sending;
mod story;
mod words;
