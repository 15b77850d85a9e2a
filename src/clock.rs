//! The only place that reads the wall clock. Rooms below the edge are given `now`.

use jiff::Timestamp;

/// The present, in UTC.
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
#[must_use]
pub fn now() -> Timestamp {
    Timestamp::now()
}
