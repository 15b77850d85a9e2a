//! Since when lockwatch is there to see each user: a night without it is nobody's blindness. Pure; it remembers what it was
//! told at the round before.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;

use super::Watched;
use crate::{board::Entry, user::UserId};

/// The clock may go so much further than time passed before somebody was away: the host slept, or the clock was set.
const JUMP: Duration = Duration::from_mins(1);

/// Who was there at the last round.
#[derive(Debug, Default)]
pub struct Attendance {
    since: HashMap<UserId, Timestamp>,
    last: Option<Timestamp>,
}

impl Attendance {
    /// Everybody at this round, `passed` after the last by a clock that nobody sets. Who was not there then (new, or paused
    /// until now) is watched from now on.
    pub fn round(
        &mut self,
        entries: Vec<Arc<Entry>>,
        now: Timestamp,
        passed: Duration,
    ) -> Vec<Watched> {
        let awake = |last: Timestamp| now >= last && now <= last + passed + JUMP;
        if !self.last.is_some_and(awake) {
            self.since.clear();
        }
        self.last = Some(now);
        let users: Vec<Watched> = entries
            .into_iter()
            .map(|entry| Watched {
                since: self.since.get(&entry.user.id).copied().unwrap_or(now),
                entry,
            })
            .collect();
        let ids = users.iter().map(|user| user.entry.user.id.clone());
        self.since = ids.zip(users.iter().map(|user| user.since)).collect();
        users
    }

    /// For these users time begins anew.
    pub fn begin_anew(&mut self, users: &HashSet<UserId>) {
        let now = self.last;
        for (id, since) in &mut self.since {
            if users.contains(id) {
                *since = now.unwrap_or(*since);
            }
        }
    }

    /// Nothing can be seen for a while: everybody's time begins anew after it.
    pub fn look_away(&mut self) {
        self.last = None;
    }
}
