//! The live view of every user, for metrics and web. It follows the store: an entry changes after its commit.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock},
};

use jiff::Timestamp;
use tokio::sync::watch;

use crate::{
    diagnose::{Reason, Verdict},
    record::{Recent, Record},
    user::{User, UserId},
};

/// One user as shown.
#[derive(Clone, Debug)]
pub struct Entry {
    /// As configured.
    pub user: Arc<User>,
    /// Its memory.
    pub record: Record,
    /// Its recent checks.
    pub recent: Recent,
    /// The next check.
    pub due: Timestamp,
    /// When it first appeared in the config.
    pub first_seen: Timestamp,
    /// A keyed hash of its username, for a label.
    pub username_hash: String,
}

/// The bounded states of `autotask_user_state`.
pub const STATES: [&str; 7] = [
    "healthy",
    "failing",
    "locked_out",
    "unclear",
    "activating",
    "zone_only",
    "paused",
];

impl Entry {
    /// One of [`STATES`].
    #[must_use]
    pub fn state(&self) -> &'static str {
        let state = &self.record.state;
        match (state.verdict, state.reason) {
            (Verdict::Unclear, Reason::Activating) => "activating",
            (verdict, _) => verdict.as_str(),
        }
    }
}

/// All users. Share it in an `Arc`.
#[derive(Debug)]
pub struct Board {
    entries: RwLock<BTreeMap<UserId, Arc<Entry>>>,
    version: watch::Sender<u64>,
}

impl Default for Board {
    fn default() -> Self {
        Self {
            entries: RwLock::default(),
            version: watch::channel(0).0,
        }
    }
}

impl Board {
    /// Everybody, sorted by id.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Entry>> {
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        entries.values().cloned().collect()
    }

    /// One user.
    #[must_use]
    pub fn get(&self, id: &UserId) -> Option<Arc<Entry>> {
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        entries.get(id).cloned()
    }

    /// Shows a user's new state; a user that is not shown (any more) stays so. How it is configured is `replace`'s matter:
    /// a check may have begun before a reload.
    pub fn update(&self, mut entry: Entry) {
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(shown) = entries.get_mut(&entry.user.id) {
            entry.user = Arc::clone(&shown.user);
            *shown = Arc::new(entry);
        }
        drop(entries);
        self.version.send_modify(|version| *version += 1);
    }

    /// Shows exactly these users, as after start or reload. A check that ended since they were read is kept.
    pub fn replace(&self, all: Vec<Entry>) {
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        let newer = |entry: Entry| match entries.get(&entry.user.id) {
            Some(shown) if shown.record.last_check > entry.record.last_check => Entry {
                user: entry.user,
                ..Entry::clone(shown)
            },
            _ => entry,
        };
        *entries = all
            .into_iter()
            .map(newer)
            .map(|entry| (entry.user.id.clone(), Arc::new(entry)))
            .collect();
        drop(entries);
        self.version.send_modify(|version| *version += 1);
    }

    /// Wakes whenever something changed.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }
}
