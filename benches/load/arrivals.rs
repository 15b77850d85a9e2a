//! What the simulator saw, held against what lockwatch owed: a check of every user in each of its turns, on time, and each
//! attempt made once. Independent of what lockwatch says of itself.

use std::time::Duration;

use anyhow::{Result, ensure};
use jiff::Timestamp;
use lockwatch::schedule::next_slot;

use crate::{simulator::Seen, town};

/// A check may begin so much before its turn: clocks are read in milliseconds.
const EARLY: i64 = 20;

/// How it went.
pub struct Arrivals {
    /// Look-ups that arrived.
    pub checks: usize,
    /// Whole turns of users.
    pub turns: usize,
    /// Those without a look-up.
    pub missed: usize,
    /// From the beginning of a turn until its look-up had arrived, in milliseconds, sorted.
    late: Vec<i64>,
}

impl Arrivals {
    /// Judges what was seen in turns that began at `from` or later and ended by `until`.
    ///
    /// # Errors
    /// When something happened that must not, however slow the machine is.
    pub fn of(
        seen: &[Seen],
        interval: Duration,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Self> {
        let mut arrivals = Self {
            checks: 0,
            turns: 0,
            missed: 0,
            late: Vec::new(),
        };
        for (number, user) in seen.iter().enumerate() {
            keeps_the_law(number, user, interval)?;
            arrivals.add(number, user, interval, from, until);
        }
        arrivals.late.sort_unstable();
        Ok(arrivals)
    }

    fn add(
        &mut self,
        number: usize,
        user: &Seen,
        interval: Duration,
        from: Timestamp,
        until: Timestamp,
    ) {
        self.checks += user.look_ups.len();
        let id = town::id(number);
        let mut turn = next_slot(&id, interval, from);
        // For a schedule that is planned, a turn that begins at once is no next one; here it counts.
        if turn - interval >= from {
            turn -= interval;
        }
        while turn + interval <= until {
            let (from, to) = (
                turn.as_millisecond() - EARLY,
                (turn + interval).as_millisecond() - EARLY,
            );
            self.turns += 1;
            match user.look_ups.iter().find(|at| (from..to).contains(*at)) {
                Some(at) => self.late.push(at - turn.as_millisecond()),
                None => self.missed += 1,
            }
            turn += interval;
        }
    }

    /// So many of a hundred look-ups arrived no later than this.
    pub fn late(&self, of_a_hundred: usize) -> Duration {
        let at = (self.late.len() * of_a_hundred / 100).min(self.late.len().saturating_sub(1));
        let millis = self.late.get(at).copied().unwrap_or(0);
        Duration::from_millis(millis.try_into().unwrap_or(0))
    }
}

fn keeps_the_law(number: usize, user: &Seen, interval: Duration) -> Result<()> {
    let id = town::id(number);
    ensure!(!user.look_ups.is_empty(), "{id} was never checked");
    let attempts = user.attempts.len();
    // One may be under way at the end, and the stop between the two starts may have come before an attempt.
    ensure!(
        (attempts..=attempts + 2).contains(&user.look_ups.len()),
        "{id} was looked up {} times and presented {attempts} times",
        user.look_ups.len()
    );
    ensure!(
        user.accepted as usize == attempts && user.lost == 0,
        "{id} was presented {attempts} times, accepted {} times; {} answers found nobody",
        user.accepted,
        user.lost
    );
    let apart = i64::try_from(interval.as_millis() / 4)?.min(5_000) - EARLY;
    let twice = user.attempts.windows(2).find(|two| two[1] - two[0] < apart);
    ensure!(
        twice.is_none(),
        "{id} was presented twice in a turn: {twice:?}"
    );
    Ok(())
}
