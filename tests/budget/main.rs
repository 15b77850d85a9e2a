//! The budget of attempts: the rules one by one, and the law over everything that can happen, on the pure rules and
//! through the store.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a panic is how a test says that something is wrong"
)]

mod clock;
mod happenings;
mod house;
mod law;
mod model;
mod rules;
mod store_law;
mod storms;
mod story;
mod sums;
#[path = "../support/mod.rs"]
mod support;
#[path = "../support/table.rs"]
mod table;
mod town;

use std::time::Duration;

use jiff::Timestamp;
use lockwatch::attempt::Limits;

/// As the default configuration gives them, with probes of 10 s.
const LIMITS: Limits = Limits {
    max_rejections: 2,
    max_unanswered: 4,
    retry_held_after: Vec::new(),
    flight: Duration::from_secs(15),
};

/// When the tests begin.
fn start() -> Timestamp {
    "2026-11-21T12:00:00Z".parse().unwrap()
}
