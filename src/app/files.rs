//! Notices by itself that files have changed: those of the configuration, which is then read anew, and those of secrets,
//! whose users are then checked soon. It looks every so often, because a notification would not come through every mount.

mod look;

use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::time::sleep;

use self::look::{Look, Mark, Reader};
use super::App;
use crate::{
    schedule::first_slot,
    store::StoreError,
    telemetry::{chain, few},
    user::UserId,
};

/// Between two looks.
const LOOK: Duration = Duration::from_secs(10);

/// Something that is looked at. A change counts when two looks agree: what is still being written differs each time.
struct Watched<T> {
    settled: T,
    seen: Option<T>,
}

impl<T: PartialEq> Watched<T> {
    fn new(settled: T) -> Self {
        Self {
            settled,
            seen: None,
        }
    }

    fn changed(&mut self, now: T) -> bool {
        if now == self.settled {
            self.seen = None;
        } else if self.seen.as_ref() == Some(&now) {
            self.settled = now;
            self.seen = None;
            return true;
        } else {
            self.seen = Some(now);
        }
        false
    }
}

/// Everything that is looked at.
struct Watch {
    config: Watched<Vec<(PathBuf, Mark)>>,
    secrets: BTreeMap<UserId, Watched<Vec<Mark>>>,
}

impl Watch {
    fn new(look: Look) -> Self {
        let secrets = look.secrets.into_iter();
        Self {
            config: Watched::new(look.config),
            secrets: secrets
                .map(|(id, marks)| (id, Watched::new(marks)))
                .collect(),
        }
    }

    /// Whether the configuration changed, and whose secrets did. Who is new was read when it came.
    fn changed(&mut self, look: Look) -> (bool, Vec<UserId>) {
        self.secrets.retain(|id, _| look.secrets.contains_key(id));
        let mut whose = Vec::new();
        for (id, marks) in look.secrets {
            match self.secrets.get_mut(&id) {
                Some(watched) => {
                    if watched.changed(marks) {
                        whose.push(id);
                    }
                }
                None => {
                    self.secrets.insert(id, Watched::new(marks));
                }
            }
        }
        (self.config.changed(look.config), whose)
    }
}

/// Runs until stopping.
pub(super) async fn watch(app: Arc<App>) {
    tokio::select! {
        () = app.stopping.cancelled() => {}
        // A demo has no files.
        () = look_for_ever(&app), if app.config_path.is_some() => {}
    }
}

async fn look_for_ever(app: &Arc<App>) {
    let mut reader = Reader::default();
    let mut watch: Option<Watch> = None;
    // Whose secret changed, and when: until a check has begun since.
    let mut unchecked: BTreeMap<UserId, Timestamp> = BTreeMap::new();
    loop {
        let (main, setup) = (app.config_path.clone(), app.setup.borrow().clone());
        // A thread of its own: a network mount may take its time.
        let looking = tokio::task::spawn_blocking(move || {
            let look = reader.look(main.as_deref(), &setup.config);
            (reader, look)
        });
        let Ok((back, look)) = looking.await else {
            reader = Reader::default();
            sleep(LOOK).await;
            continue;
        };
        reader = back;
        match &mut watch {
            None => {
                watch = Some(Watch::new(look));
                // Something may have changed since the start.
                app.reload_what_changed().await;
            }
            Some(watch) => {
                let (config, whose) = watch.changed(look);
                // What was refused may be cured by a file that is not looked at, or by time.
                let refused = app.reload_refused().is_some() && watch.config.seen.is_none();
                if config || refused {
                    app.reload_what_changed().await;
                }
                let now = app.checker.store.now();
                if !whose.is_empty() {
                    let users = few(whose.iter().map(UserId::as_str));
                    tracing::info!(
                        users,
                        "secrets or codes changed in their files: their users are checked soon"
                    );
                }
                unchecked.extend(whose.into_iter().map(|id| (id, now)));
            }
        }
        unchecked.retain(|id, since| {
            let shown = app.checker.board.get(id);
            shown.is_some_and(|entry| entry.record.last_check < Some(*since))
        });
        hasten(app, &unchecked).await;
        sleep(LOOK).await;
    }
}

/// What is new is presented soon, and once: whether it is new is told by its fingerprint. Asked for again at every look, for a
/// check that was under way has planned the next one, and the store may be away.
async fn hasten(app: &App, whose: &BTreeMap<UserId, Timestamp>) {
    if whose.is_empty() {
        return;
    }
    let setup = app.setup.borrow().clone();
    let result: Result<(), StoreError> = async {
        let store = app.checker.store.get()?;
        let now = store.now();
        let users = whose.keys().filter_map(|id| setup.user(id));
        let due = users.map(|user| (user.id.clone(), first_slot(&user.id, user.interval, now)));
        store.bring_forward(due.collect(), now).await
    }
    .await;
    match result {
        // Told where the store was lost.
        Ok(()) | Err(StoreError::Unusable(_)) => {}
        Err(cause) => {
            tracing::error!(cause = chain(&cause), "failed to bring checks forward");
            app.checker.store.lose(&cause);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_counts_when_two_looks_agree() {
        let mut watched = Watched::new("old");
        for (now, changed) in [
            ("old", false),
            ("half", false),
            ("whole", false),
            ("whole", true),
            ("whole", false),
            // Back before anybody could be sure.
            ("other", false),
            ("whole", false),
            ("other", false),
            ("other", true),
        ] {
            assert_eq!(watched.changed(now), changed, "{now}");
        }
    }
}
