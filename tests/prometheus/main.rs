//! deploy/prometheus: the alerts by themselves, and a real Prometheus and Alertmanager that watch the real program.

#![expect(
    clippy::unwrap_used,
    reason = "a panic is how a test says that something is wrong"
)]

#[allow(
    dead_code,
    unused_imports,
    reason = "a house has more than is needed here"
)]
#[path = "../daemon/house/mod.rs"]
mod house;
#[path = "../support/metric_names.rs"]
mod metric_names;
#[path = "../support/mod.rs"]
mod support;

mod live;
mod page;
mod routes;
mod rules;
