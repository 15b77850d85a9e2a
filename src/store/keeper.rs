//! Keeps the store: hands it out while it can be used, and says why while it cannot. Whoever wants the store asks here each
//! time; so a store that is lost while lockwatch runs, and one that could not be opened at the start, are the same case.
//! It opens nothing by itself: that is `app::store_care`'s.

use std::{fs, os::unix::fs::MetadataExt, path::Path, sync::Arc};

use jiff::Timestamp;
use tokio::sync::watch;

use super::{
    Store, StoreError,
    tenure::Tenure,
    trouble::{Trouble, is_of_the_store},
};
use crate::{
    clock,
    config::{Database, StoreLocation},
};

/// The one store of this process. Clones share it.
#[derive(Clone, Debug)]
pub struct Keeper {
    location: Arc<StoreLocation>,
    /// Ours as long as this process works on the store, also while that cannot be used.
    tenure: Tenure,
    state: watch::Sender<State>,
}

/// Whether there is a store to be had.
#[derive(Clone, Debug)]
enum State {
    Usable {
        store: Store,
        /// Which file it is; a store that is no file has none.
        file: Option<FileId>,
        /// Since it came back; `None` when it was never lost.
        since: Option<Timestamp>,
    },
    Unusable {
        trouble: Arc<Trouble>,
        /// What the store that was lost gives for nothing: its key's, and so its own.
        mark: Option<String>,
        /// There was a store, so none is made in its place: only a start makes one.
        existed: bool,
    },
}

/// A file, whatever it is called.
type FileId = (u64, u64);

impl Keeper {
    /// Keeps an open store.
    #[must_use]
    pub fn of(store: Store, location: &StoreLocation) -> Self {
        let state = State::Usable {
            file: file_id(location),
            store,
            since: None,
        };
        Self::new(state, location)
    }

    /// Keeps the place of a store that could not be opened.
    #[must_use]
    pub fn without(location: &StoreLocation, why: &StoreError) -> Self {
        let trouble = Arc::new(Trouble::of(why, &name(location), clock::now()));
        let state = State::Unusable {
            trouble,
            mark: None,
            existed: holds_something(location),
        };
        Self::new(state, location)
    }

    fn new(state: State, location: &StoreLocation) -> Self {
        Self {
            location: Arc::new(location.clone()),
            tenure: Tenure::default(),
            state: watch::channel(state).0,
        }
    }

    /// With what keeps other daemons from the store.
    #[must_use]
    pub fn holding(mut self, tenure: Tenure) -> Self {
        self.tenure = tenure;
        self
    }

    /// What keeps other daemons from the store.
    #[must_use]
    pub fn tenure(&self) -> &Tenure {
        &self.tenure
    }

    /// Where the store is.
    #[must_use]
    pub fn location(&self) -> &StoreLocation {
        &self.location
    }

    /// The store. A file that is not the one that was opened is not the store: what is written there is forgotten.
    ///
    /// # Errors
    /// Why it cannot be used.
    pub fn get(&self) -> Result<Store, StoreError> {
        let opened = match &*self.state.borrow() {
            State::Usable { store, file, .. } => Some((store.clone(), *file)),
            State::Unusable { .. } => None,
        };
        match opened {
            Some((store, file)) if file.is_none() || file == file_id(&self.location) => Ok(store),
            Some(_) => {
                self.lose(&StoreError::Gone);
                Err(self.unusable())
            }
            None => Err(self.unusable()),
        }
    }

    /// The store's clock; the host's, while there is no store.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        match &*self.state.borrow() {
            State::Usable { store, .. } => store.now(),
            State::Unusable { .. } => clock::now(),
        }
    }

    /// Why the store cannot be used; `None` while it can.
    #[must_use]
    pub fn trouble(&self) -> Option<Arc<Trouble>> {
        match &*self.state.borrow() {
            State::Usable { .. } => None,
            State::Unusable { trouble, .. } => Some(Arc::clone(trouble)),
        }
    }

    /// Since when the store can be used again; `None` while it cannot, and when it was never lost.
    #[must_use]
    pub fn back_since(&self) -> Option<Timestamp> {
        match &*self.state.borrow() {
            State::Usable { since, .. } => *since,
            State::Unusable { .. } => None,
        }
    }

    /// Waits until there is trouble, or until it is over.
    pub async fn changed_to(&self, wanted: Standing) {
        let is = |state: &State| match state {
            State::Usable { .. } => Standing::Usable,
            State::Unusable { .. } => Standing::Unusable,
        };
        // The sender is here, so the channel stays open.
        let _ = self
            .state
            .subscribe()
            .wait_for(|state| is(state) == wanted)
            .await;
    }

    /// Hears of a failure. Where it is the store's, the store is not handed out any more.
    pub fn lose(&self, error: &StoreError) {
        if !is_of_the_store(error) || matches!(error, StoreError::Unusable(_)) {
            return;
        }
        let mut told = None;
        self.state.send_if_modified(|state| {
            let trouble = |since| Arc::new(Trouble::of(error, &name(&self.location), since));
            let next = match state {
                State::Usable { store, .. } => State::Unusable {
                    trouble: trouble(clock::now()),
                    mark: Some(store.fingerprint(&[])),
                    existed: true,
                },
                State::Unusable {
                    trouble: known,
                    mark,
                    existed,
                } => {
                    let now = trouble(known.since);
                    if now == *known {
                        return false;
                    }
                    State::Unusable {
                        trouble: now,
                        mark: mark.take(),
                        existed: *existed,
                    }
                }
            };
            if let State::Unusable { trouble, .. } = &next {
                told = Some(Arc::clone(trouble));
            }
            *state = next;
            true
        });
        if let Some(trouble) = told {
            tracing::error!(
                advice = trouble.advice,
                "{}: no attempt is made",
                trouble.why
            );
        }
    }

    /// Whether `store`, opened anew, may take the place of the one that was lost.
    ///
    /// # Errors
    /// When it is another one: it would not know what was attempted.
    pub fn recognise(&self, store: &Store) -> Result<(), StoreError> {
        match &*self.state.borrow() {
            State::Unusable {
                mark: Some(mark), ..
            } if *mark != store.fingerprint(&[]) => Err(StoreError::Another),
            _ => Ok(()),
        }
    }

    /// Whether there was a store and is none any more: opening it would make a new one, which knows of no attempt.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        matches!(&*self.state.borrow(), State::Unusable { existed: true, .. })
            && !holds_something(&self.location)
    }

    /// Hands out `store` from now on.
    pub fn regain(&self, store: Store) {
        let now = clock::now();
        self.state.send_replace(State::Usable {
            file: file_id(&self.location),
            store,
            since: Some(now),
        });
    }

    /// Closes the store, if there is one.
    pub async fn close(&self) {
        let store = match &*self.state.borrow() {
            State::Usable { store, .. } => Some(store.clone()),
            State::Unusable { .. } => None,
        };
        if let Some(store) = store {
            store.close().await;
        }
    }

    fn unusable(&self) -> StoreError {
        StoreError::Unusable(self.trouble().map_or_else(
            || "it just came back".to_owned(),
            |trouble| trouble.why.clone(),
        ))
    }
}

/// What `changed_to` waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is handed out.
    Usable,
    /// It is not.
    Unusable,
}

/// What a store is called in messages.
fn name(location: &StoreLocation) -> String {
    match location {
        StoreLocation::Sqlite(path) => path.display().to_string(),
        StoreLocation::Postgres(Database::Url(url)) => url.to_string(),
        StoreLocation::Postgres(Database::File(path)) => {
            format!("whose address is in {}", path.display())
        }
    }
}

fn holds_something(location: &StoreLocation) -> bool {
    match location {
        StoreLocation::Sqlite(path) => fs::metadata(path).is_ok_and(|file| file.len() > 0),
        // Whether its tables are there, opening it tells.
        StoreLocation::Postgres(_) => true,
    }
}

/// Asked by name: a file of SQLite that is opened and closed past it loses its locks.
fn file_id(location: &StoreLocation) -> Option<FileId> {
    fn of(path: &Path) -> Option<FileId> {
        fs::metadata(path).ok().map(|file| (file.dev(), file.ino()))
    }
    match location {
        // A file that is not there is no file: never the same as one that was.
        StoreLocation::Sqlite(path) => Some(of(path).unwrap_or_default()),
        StoreLocation::Postgres(_) => None,
    }
}
