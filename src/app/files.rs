//! Notices by itself that files have changed: those of the configuration, which is then read anew, and those of secrets,
//! whose users are then checked soon. It looks every so often, because a notification would not come through every mount.

use std::{
    collections::BTreeMap, fs, os::unix::fs::MetadataExt as _, path::PathBuf, sync::Arc,
    time::Duration,
};

use tokio::time::sleep;

use super::App;
use crate::{
    config::{Config, included},
    schedule::first_slot,
    telemetry::chain,
    user::{Known, UserId},
};

/// Between two looks.
const LOOK: Duration = Duration::from_secs(10);

/// What tells one state of a file from another, links followed; `None` where there is none.
type Mark = Option<(u64, u64, u64, [i64; 4])>;

/// One look at everything.
#[derive(Debug)]
struct Look {
    config: Vec<(PathBuf, Mark)>,
    secrets: BTreeMap<UserId, Vec<Mark>>,
}

impl Look {
    /// Blocks.
    fn at(main: Option<&PathBuf>, config: &Config) -> Self {
        let patterns = config.include.iter();
        // A pattern that cannot be followed any more names no file: the same as if they were gone.
        let more = patterns.flat_map(|pattern| included(pattern).unwrap_or_default());
        let files = main.cloned().into_iter().chain(more);
        let users = config.users.iter().filter(|user| user.enabled);
        Self {
            config: files.map(|file| (file.clone(), mark(file))).collect(),
            secrets: users
                .map(|user| (user.id.clone(), marks(&user.known)))
                .collect(),
        }
    }
}

fn marks(known: &Known) -> Vec<Mark> {
    let sources = match known {
        Known::All {
            secret,
            integration_code,
        } => vec![secret, integration_code],
        Known::Secret(secret) => vec![secret],
        Known::Nothing => vec![],
    };
    let files = sources.iter().filter_map(|source| source.file());
    files.map(mark).collect()
}

fn mark(file: PathBuf) -> Mark {
    let seen = fs::metadata(file).ok()?;
    // The last change of the inode too: a file may become readable.
    let times = [
        seen.mtime(),
        seen.mtime_nsec(),
        seen.ctime(),
        seen.ctime_nsec(),
    ];
    Some((seen.dev(), seen.ino(), seen.size(), times))
}

/// Something that is looked at. A change counts when two looks agree: what is still being written differs each time.
#[derive(Debug)]
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
#[derive(Debug)]
struct Watch {
    config: Watched<Vec<(PathBuf, Mark)>>,
    secrets: BTreeMap<UserId, Watched<Vec<Mark>>>,
}

impl Watch {
    fn new(look: Look) -> Self {
        Self {
            config: Watched::new(look.config),
            secrets: look
                .secrets
                .into_iter()
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
        () = look_for_ever(&app) => {}
    }
}

async fn look_for_ever(app: &Arc<App>) {
    let mut watch = None;
    loop {
        let (main, setup) = (app.config_path.clone(), app.setup.borrow().clone());
        let look = move || Look::at(main.as_ref(), &setup.config);
        // A thread of its own: a network mount may take its time.
        if let Ok(look) = tokio::task::spawn_blocking(look).await {
            match &mut watch {
                None => watch = Some(Watch::new(look)),
                Some(watch) => {
                    let (config, whose) = watch.changed(look);
                    if config {
                        app.reload_what_changed().await;
                    }
                    hasten(app, &whose).await;
                }
            }
        }
        sleep(LOOK).await;
    }
}

/// What is new is presented soon, and once: whether it is new is told by its fingerprint, not by its file.
async fn hasten(app: &App, whose: &[UserId]) {
    if whose.is_empty() {
        return;
    }
    let setup = app.setup.borrow().clone();
    let result = async {
        let store = app.checker.store.get()?;
        let now = store.now();
        let users = whose.iter().filter_map(|id| setup.user(id));
        let due = users.map(|user| (user.id.clone(), first_slot(&user.id, user.interval, now)));
        store.bring_forward(due.collect(), now).await
    };
    match result.await {
        Ok(()) => tracing::info!(
            users = whose.len(),
            "files of secrets have changed; their users are checked soon"
        ),
        // Their checks read them in any case, only later.
        Err(cause) => tracing::warn!(
            cause = chain(&cause),
            "files of secrets have changed, but their users cannot be checked earlier"
        ),
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
            assert_eq!(watched.changed(now), changed, "{now}: {watched:?}");
        }
    }
}
