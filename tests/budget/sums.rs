//! What all stories of a law came to, so that a law that has nothing to hold against is noticed.

use std::{collections::BTreeMap, fmt, time::Duration};

use lockwatch::attempt::Outcome;

use crate::model::Why;

/// A streak against what was allowed then.
#[derive(Clone, Copy, Debug, Default)]
struct Worst {
    streak: u32,
    allowed: u32,
    /// So often was nothing left.
    full: u32,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Sums {
    pub(crate) stories: u32,
    /// Stories of three weeks and more.
    pub(crate) long: u32,
    pub(crate) attempts: u32,
    pub(crate) rejected: u32,
    pub(crate) void: u32,
    pub(crate) unanswered: u32,
    pub(crate) storms: u32,
    pub(crate) canaries: u32,
    /// Storms over a zone that were judged as usual.
    pub(crate) judged: u32,
    /// Given one attempt when a storm was over.
    pub(crate) released: u32,
    moved: u32,
    steps: u32,
    verified: u32,
    six_hourly: u32,
    asked: u32,
    refused: BTreeMap<&'static str, u32>,
    worst: Worst,
    open: Worst,
    autotask: u32,
}

impl Worst {
    fn sees(&mut self, streak: u32, allowed: u32) {
        self.full += u32::from(streak > 1 && streak == allowed);
        // The longest, and of those the one with the least room.
        if (streak, u32::MAX - allowed) > (self.streak, u32::MAX - self.allowed) {
            (self.streak, self.allowed) = (streak, allowed);
        }
    }
}

impl Sums {
    pub(crate) fn sent(&mut self, why: Why, outcome: Outcome) {
        self.attempts += 1;
        let rejected = matches!(outcome, Outcome::Rejected | Outcome::RejectedElsewhere);
        self.rejected += u32::from(rejected);
        match why {
            Why::Free | Why::Budget => {}
            Why::Moved => self.moved += 1,
            Why::Step => self.steps += 1,
            Why::Released => self.released += 1,
            Why::Verified => self.verified += 1,
            Why::SixHourly => self.six_hourly += 1,
            Why::Asked => self.asked += 1,
        }
    }

    pub(crate) fn refused(&mut self, why: &'static str) {
        *self.refused.entry(why).or_default() += 1;
    }

    pub(crate) fn streak(&mut self, rejected: u32, allowed: u32) {
        self.worst.sees(rejected, allowed);
    }

    pub(crate) fn open(&mut self, sum: u32, allowed: u32) {
        self.open.sees(sum, allowed);
    }

    pub(crate) fn autotask(&mut self, counted: u32) {
        self.autotask = self.autotask.max(counted);
    }

    pub(crate) fn story(&mut self, lasted: Duration) {
        self.stories += 1;
        self.long += u32::from(lasted >= Duration::from_hours(21 * 24));
    }

    /// Every exception was made, every refusal given: else the stories say nothing of it.
    pub(crate) fn tell_of_everything(&self) {
        let Self {
            moved,
            steps,
            verified,
            six_hourly,
            asked,
            void,
            long,
            ..
        } = *self;
        for number in [
            moved,
            steps,
            verified,
            six_hourly,
            asked,
            void,
            long,
            self.unanswered,
        ] {
            assert!(number > 0, "something never happened: {self}");
        }
        for why in ["held", "wait", "zone closed", "zone unsure", "needs force"] {
            assert!(self.refused.contains_key(why), "never {why}: {self}");
        }
        assert!(self.worst.full > 0, "no budget was ever spent: {self}");
    }
}

impl fmt::Display for Sums {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} stories ({} of three weeks and more), {} attempts: {} rejected ({} void), {} without a known answer; \
             exceptions: {} moved, {} steps, {} with a good secret, {} six-hourly, {} asked for; \
             worst streak {} of {} allowed ({} times nothing was left), with unanswered {} of {}, Autotask counted {}; ",
            self.stories,
            self.long,
            self.attempts,
            self.rejected,
            self.void,
            self.unanswered,
            self.moved,
            self.steps,
            self.verified,
            self.six_hourly,
            self.asked,
            self.worst.streak,
            self.worst.allowed,
            self.worst.full,
            self.open.streak,
            self.open.allowed,
            self.autotask,
        )?;
        if self.storms > 0 {
            write!(
                f,
                "{} storms ({} over a zone for a day), {} canaries, {} released; ",
                self.storms, self.judged, self.canaries, self.released,
            )?;
        }
        write!(f, "refused: {:?}", self.refused)
    }
}
