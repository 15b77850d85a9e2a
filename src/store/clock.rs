//! The store's clock: what is stored is dated by it. On PostgreSQL it is the database's, whatever the hosts believe.

use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;
use tokio::time::Instant;

use super::timestamp;
use crate::clock;

/// Whose time it is.
#[derive(Debug)]
pub(super) enum Clock {
    /// SQLite: the host's.
    Host,
    /// PostgreSQL: the database's, measured with every group and carried on by a clock that nobody sets.
    Database {
        /// When `at_start` was.
        start: Instant,
        /// The database's milliseconds since 1970, then.
        at_start: AtomicI64,
    },
}

impl Clock {
    /// One that is not set yet.
    pub(super) fn database() -> Self {
        Self::Database {
            start: Instant::now(),
            at_start: AtomicI64::new(0),
        }
    }

    /// The database has just said that it is `millis`.
    pub(super) fn set(&self, millis: i64) {
        if let Self::Database { start, at_start } = self {
            at_start.store(millis - since(*start), Ordering::Relaxed);
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        match self {
            Self::Host => clock::now(),
            Self::Database { start, at_start } => {
                timestamp(at_start.load(Ordering::Relaxed) + since(*start))
            }
        }
    }
}

fn since(start: Instant) -> i64 {
    super::span(start.elapsed())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_databases_time_goes_on_between_measurements() {
        let clock = Clock::database();
        clock.set(1_000_000);
        assert_eq!(clock.now(), timestamp(1_000_000));
        tokio::time::advance(Duration::from_secs(7)).await;
        assert_eq!(clock.now(), timestamp(1_007_000));
        // Whatever it says now, and were it earlier.
        clock.set(500_000);
        assert_eq!(clock.now(), timestamp(500_000));
    }
}
