//! Mails as their readers get them, and how they leave: whole texts as snapshots, real SMTP dialogues, real files.

#[path = "../support/mod.rs"]
mod support;

mod dialogue;
mod file;
mod words;
