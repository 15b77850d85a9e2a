//! lockwatch: watches whether Autotask PSA API users still work, and never becomes the reason for a lockout.
//! `docs/architecture.md` draws the house; every room's first line says what it is for.

pub mod app;
pub mod attempt;
pub mod autotask;
pub mod board;
pub mod check;
pub mod cli;
pub mod clock;
pub mod config;
pub mod demo;
pub mod diagnose;
pub mod fleet;
pub mod incident;
pub mod metrics;
pub mod notify;
pub mod observation;
pub mod probe;
pub mod record;
pub mod remedy;
pub mod schedule;
pub mod setup;
pub mod store;
pub mod supervisor;
pub mod telemetry;
pub mod user;
pub mod web;
