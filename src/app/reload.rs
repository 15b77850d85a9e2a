//! Taking a new configuration while everything runs: all of it or nothing.

use std::{collections::BTreeSet, sync::Arc};

use super::{App, read, shown::fill, store_care::bring_in_step, warn};
use crate::{
    check::Checker,
    config::{Config, Problem, Problems},
    setup::Setup,
    supervisor,
    telemetry::{self, chain},
    user::UserId,
    web::view::ReloadRefused,
};

/// Why a new configuration was not taken.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// It has problems.
    #[error("the configuration has problems; the old one stays in force")]
    Problems(#[source] Problems),
    /// It changes what only a start can change.
    #[error(
        "{0} cannot change while lockwatch runs; the old configuration stays in force: restart to apply the new one"
    )]
    WantsRestart(&'static str),
    /// It was noticed, and takes away so much that it may not be meant.
    #[error(
        "{0}; the old configuration stays in force: if that is meant, reload it (SIGHUP or POST /-/reload)"
    )]
    Doubtful(String),
    /// There is no file to read.
    #[error("this lockwatch has no configuration file")]
    NoFile,
    /// What is about to end takes nothing any more, and that is no fault to tell.
    #[error("lockwatch is stopping")]
    Stopping,
    /// A room could not be set up.
    #[error("{0}; the old configuration stays in force")]
    Failed(String),
}

impl ReloadError {
    /// Every problem with its place; none where the error says it all.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        match self {
            Self::Problems(Problems(problems)) => {
                problems.iter().map(ToString::to_string).collect()
            }
            _ => Vec::new(),
        }
    }
}

/// Who wants it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    /// Somebody: what comes of it is told in any case.
    Somebody,
    /// A changed file: it may have been touched only, and what was refused already need not be told again.
    File,
}

impl App {
    /// Reads the configuration anew: all of it or nothing.
    ///
    /// # Errors
    /// Why the old one stays in force.
    pub async fn reload(self: &Arc<Self>) -> Result<(), ReloadError> {
        self.reload_by(By::Somebody).await
    }

    /// The same when files have changed; its result is in the log.
    pub(super) async fn reload_what_changed(self: &Arc<Self>) {
        // A demo has none.
        if self.config_path.is_none() {
            return;
        }
        // Told already.
        let _ = self.reload_by(By::File).await;
    }

    async fn reload_by(self: &Arc<Self>, by: By) -> Result<(), ReloadError> {
        // In a task of its own: a client that goes away must not leave a reload half-way.
        let app = Arc::clone(self);
        let reload = tokio::spawn(async move { app.reload_here(by).await });
        reload
            .await
            .unwrap_or_else(|_| Err(ReloadError::Failed("the reload panicked".to_owned())))
    }

    async fn reload_here(&self, by: By) -> Result<(), ReloadError> {
        let _one_at_a_time = self.reloading.lock().await;
        if self.stopping.is_cancelled() {
            return Err(ReloadError::Stopping);
        }
        let before = self.setup.borrow().clone();
        let read = self.read_anew().await;
        if by == By::File
            && let Ok((config, _)) = &read
            && config.sha256 == before.config.sha256
            && self.refused.borrow().is_none()
        {
            return Ok(());
        }
        // Before the first turn the service manager waits for READY, and must not have it from here; and what nobody asked
        // for it need not know.
        let started = self.turns.borrow().is_some();
        let _told = (started && by == By::Somebody).then(supervisor::Reloading::begin);
        let result = match read {
            Ok((config, warnings)) => self.take(config, by).await.map(|()| warnings),
            Err(why) => Err(why),
        };
        match &result {
            Ok(warnings) => {
                warn(warnings);
                self.refused.send_replace(None);
                let (before, now) = (
                    watched(&before.config),
                    watched(&self.setup.borrow().config),
                );
                let (added, removed) = (now.difference(&before), before.difference(&now));
                tracing::info!(
                    users = now.len(),
                    added = added.count(),
                    removed = removed.count(),
                    "{}",
                    match by {
                        By::Somebody => "configuration reloaded",
                        By::File => "changed configuration noticed and taken",
                    }
                );
            }
            Err(_) if self.stopping.is_cancelled() => return Err(ReloadError::Stopping),
            Err(why) => self.refuse(why, by),
        }
        result.map(drop)
    }

    /// The old one stays in force, and everything that shows something says so.
    fn refuse(&self, why: &ReloadError, by: By) {
        self.checker.metrics.reload_refused();
        let refused = ReloadRefused {
            since: self.checker.store.now(),
            why: why.to_string(),
            problems: why.problems(),
        };
        let new = self.refused.send_if_modified(|known| match known {
            Some(known) if known.problems == refused.problems && known.why == refused.why => false,
            known => {
                *known = Some(refused);
                true
            }
        });
        match by {
            By::Somebody => tracing::error!(cause = chain(why), "configuration not reloaded"),
            By::File if new => tracing::error!(cause = chain(why), "changed configuration refused"),
            By::File => {}
        }
    }

    async fn read_anew(&self) -> Result<(Config, Vec<Problem>), ReloadError> {
        let path = self.config_path.clone().ok_or(ReloadError::NoFile)?;
        read(&path).await.map_err(ReloadError::Problems)
    }

    async fn take(&self, config: Config, by: By) -> Result<(), ReloadError> {
        let old = self.setup.borrow().clone();
        // What nobody asked for may be half of a change, or a mount that is gone.
        if by == By::File
            && let Some(why) = doubt(&old.config, &config)
        {
            return Err(ReloadError::Doubtful(why));
        }
        if config.store != old.config.store {
            return Err(ReloadError::WantsRestart("store.url"));
        }
        if config.web.listen != old.config.web.listen {
            return Err(ReloadError::WantsRestart("web.listen"));
        }
        let failed = |why: &dyn std::error::Error| ReloadError::Failed(chain(why));
        let setup = Setup::in_place_of(&old, config).map_err(|why| failed(&why))?;
        let now = self.checker.store.now();
        // Without a usable store the users wait for it: whoever has it back brings it in step.
        if let Ok(store) = self.checker.store.get() {
            let Checker { host, metrics, .. } = &*self.checker;
            bring_in_step(&store, &setup, host, metrics, now)
                .await
                .map_err(|why| failed(&why))?;
        }
        fill(&self.checker, &setup)
            .await
            .map_err(|why| failed(&why))?;
        self.checker.metrics.reloaded(&setup.config.sha256, now);
        telemetry::follow(&setup.config.log_level);
        self.setup.send_replace(Arc::new(setup));
        self.checker.outbox.notify_one();
        Ok(())
    }
}

fn watched(config: &Config) -> BTreeSet<UserId> {
    let users = config.users.iter().filter(|user| user.enabled);
    users.map(|user| user.id.clone()).collect()
}

/// Why a new configuration may be half of one.
fn doubt(old: &Config, new: &Config) -> Option<String> {
    let (before, now) = (watched(old), watched(new));
    let gone = before.difference(&now).count();
    if gone > 1 && 2 * gone > before.len() {
        return Some(format!(
            "{gone} of {} users are not in it any more",
            before.len()
        ));
    }
    let files = |config: &Config, pattern: &str| {
        let pattern = glob::Pattern::new(pattern).ok();
        pattern.is_some_and(|pattern| config.files.iter().any(|file| pattern.matches_path(file)))
    };
    let empty = old.include.iter().find(|pattern| {
        new.include.contains(pattern) && files(old, pattern) && !files(new, pattern)
    });
    empty.map(|pattern| format!("include names {pattern}, and no such file is there any more"))
}
