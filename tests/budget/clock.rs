//! Time as the tests know it to pass, beside what the clock shows: how much of it lockwatch could see.

use std::time::Duration;

use jiff::Timestamp;

use crate::start;

/// lockwatch looks at the clock at least so often while it runs; of what it did not see pass, it counts no more.
pub(crate) const LOOKS: Duration = Duration::from_mins(5);
/// While it runs, it looks so often here. A look is noted when the last one noted is a minute old, so that nothing is lost.
const TICKS: Duration = Duration::from_mins(4);

/// The clock of the host, and what really passes.
#[derive(Debug)]
pub(crate) struct Clock {
    pub(crate) wall: Timestamp,
    /// How far the clock is behind what it showed before it was set back a little: nothing is seen to pass until it has
    /// caught up.
    behind: Duration,
    moment: Moment,
}

/// A moment of a story.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    /// At most so much time was seen to pass since the beginning.
    pub(crate) seen: Duration,
    /// So much did pass.
    pub(crate) real: Duration,
    /// So often was the clock set.
    pub(crate) leaps: u32,
    /// What the clock shows.
    pub(crate) shown: Timestamp,
}

impl Clock {
    pub(crate) fn new() -> Self {
        let moment = Moment {
            seen: Duration::ZERO,
            real: Duration::ZERO,
            leaps: 0,
            shown: start(),
        };
        Self {
            wall: start(),
            behind: Duration::ZERO,
            moment,
        }
    }

    pub(crate) fn now(&self) -> Moment {
        let shown = self.wall;
        Moment {
            shown,
            ..self.moment
        }
    }

    /// A look at the clock is noted once a minute; after this time one was.
    pub(crate) fn next_note(&self) -> Duration {
        self.behind + Duration::from_mins(1)
    }

    /// Time goes by while lockwatch runs; the clock's readings on the way.
    pub(crate) fn goes(&mut self, time: Duration) -> Vec<Timestamp> {
        let end = self.wall + time;
        let mut readings = vec![self.wall];
        while self.wall + TICKS < end {
            self.wall += TICKS;
            readings.push(self.wall);
        }
        readings.push(end);
        self.wall = end;
        self.moment.real += time;
        let seen = self.catches_up(time);
        self.moment.seen += seen;
        readings
    }

    /// The clock is set forward.
    pub(crate) fn jumps(&mut self, by: Duration) {
        self.wall += by;
        self.moment.leaps += 1;
        let seen = self.catches_up(by).min(LOOKS);
        self.moment.seen += seen;
    }

    /// Time goes by while nothing runs.
    pub(crate) fn down(&mut self, time: Duration) {
        self.jumps(time);
        self.moment.real += time;
    }

    /// The clock is set back.
    pub(crate) fn back(&mut self, by: Duration) {
        self.wall -= by;
        self.moment.leaps += 1;
        self.behind += by;
        if self.behind > LOOKS {
            // That far back it is the new truth.
            self.behind = Duration::ZERO;
        }
    }

    /// What is left of `time` when the clock has caught up.
    fn catches_up(&mut self, time: Duration) -> Duration {
        let caught = self.behind.min(time);
        self.behind -= caught;
        time - caught
    }
}

impl Moment {
    /// Whether so much time may have been seen to pass since `before`.
    pub(crate) fn is_past(&self, before: Self, span: Duration) -> bool {
        self.seen - before.seen >= span
    }

    /// Whether the clock shows that `before` was within the last `span`; what it shows as still to come was not.
    pub(crate) fn shows_within(&self, before: Self, span: Duration) -> bool {
        before.shown <= self.shown && self.shown < before.shown + span
    }
}
