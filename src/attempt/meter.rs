//! Time as the budget counts it: what a lockwatch was there to see pass. Pure.
//!
//! A clock that is set forward, or a night in which nothing ran, must not set a credential free. So the store keeps a
//! reading of the wall clock, taken anew at least each minute, and from one reading to the next at most [`MOST`] counts.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Between two readings no more time passes than this, as far as the budget is concerned. Readings are a minute apart.
pub const MOST: Duration = Duration::from_mins(5);

/// A reading is kept for so long.
const EVERY: Duration = Duration::from_mins(1);

/// The present: for people, and for the budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// What the clock shows.
    pub wall: Timestamp,
    /// Never ahead of time that was seen to pass; every rule of the budget goes by it.
    pub counted: Timestamp,
}

/// The last reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meter {
    wall: Timestamp,
    counted: Timestamp,
}

impl Meter {
    /// Of a store that was made at `wall`.
    #[must_use]
    pub fn new(wall: Timestamp) -> Self {
        Self {
            wall,
            counted: wall,
        }
    }

    /// The reading at `wall`.
    #[must_use]
    pub fn read(self, wall: Timestamp) -> Self {
        // A clock that was set back counts as standing still.
        let passed = Duration::try_from(wall.duration_since(self.wall)).unwrap_or_default();
        Self {
            wall,
            counted: self.counted + passed.min(MOST),
        }
    }

    /// Whether the clock should be read anew: after a minute, and when it was set back.
    #[must_use]
    pub fn is_stale(self, wall: Timestamp) -> bool {
        wall < self.wall || wall >= self.wall + EVERY
    }

    /// The present at this reading.
    #[must_use]
    pub fn now(self) -> Now {
        Now {
            wall: self.wall,
            counted: self.counted,
        }
    }
}

impl Now {
    /// A little later, at `wall`.
    #[must_use]
    pub fn later(self, wall: Timestamp) -> Self {
        let Self {
            wall: before,
            counted,
        } = self;
        Meter {
            wall: before,
            counted,
        }
        .read(wall)
        .now()
    }

    /// A time of the budget as the clock will show it, if nobody touches the clock.
    #[must_use]
    pub fn on_the_wall(self, counted: Timestamp) -> Timestamp {
        counted + self.wall.duration_since(self.counted)
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    #[test]
    fn only_time_that_was_seen_to_pass_counts() {
        let start: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
        for (name, steps, counted) in [
            ("a minute at a time", "1m 1m 1m", "3m"),
            ("a jump counts for five minutes", "24h", "5m"),
            ("and goes on from there", "24h 1m", "6m"),
            ("set back, it stands still", "1m -1h", "1m"),
            ("and goes on from there", "1m -1h 1m", "2m"),
            (
                "back and forth counts each way forward",
                "1h -1h 1h -1h",
                "10m",
            ),
        ] {
            let mut wall = start;
            let mut meter = Meter::new(start);
            for step in steps.split(' ') {
                wall += step.parse::<SignedDuration>().unwrap();
                meter = meter.read(wall);
            }
            let wanted = start + counted.parse::<SignedDuration>().unwrap();
            assert_eq!(meter.now().counted, wanted, "{name}: {steps}");
            assert_eq!(meter.now().wall, wall, "{name}");
            let later = meter.now().counted + Duration::from_hours(6);
            let shown = meter.now().on_the_wall(later);
            assert_eq!(shown, wall + Duration::from_hours(6), "{name}");
        }
    }
}
