//! Taking a new configuration while everything runs: all of it or nothing.

use std::sync::Arc;

use super::{App, fill, load, store_care::bring_in_step};
use crate::{check::Checker, config::Problems, setup::Setup, supervisor, telemetry::chain};

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
    /// There is no file to read.
    #[error("this lockwatch has no configuration file")]
    NoFile,
    /// A room could not be set up.
    #[error("{0}; the old configuration stays in force")]
    Failed(String),
}

impl App {
    /// Reads the configuration anew: all of it or nothing.
    ///
    /// # Errors
    /// Why the old one stays in force.
    pub async fn reload(self: &Arc<Self>) -> Result<(), ReloadError> {
        // In a task of its own: a client that goes away must not leave a reload half-way.
        let app = Arc::clone(self);
        let reload = tokio::spawn(async move { app.reload_here().await });
        reload
            .await
            .unwrap_or_else(|_| Err(ReloadError::Failed("the reload panicked".to_owned())))
    }

    async fn reload_here(&self) -> Result<(), ReloadError> {
        let _one_at_a_time = self.reloading.lock().await;
        supervisor::reloading();
        let result = self.try_reload().await;
        match &result {
            Ok(()) => tracing::info!("configuration reloaded"),
            Err(why) => {
                self.checker.metrics.reload_refused();
                tracing::error!(cause = chain(why), "configuration not reloaded");
            }
        }
        supervisor::reloaded();
        result
    }

    async fn try_reload(&self) -> Result<(), ReloadError> {
        let path = self.config_path.clone().ok_or(ReloadError::NoFile)?;
        let old = self.setup.borrow().clone();
        let config = load(&path).await.map_err(ReloadError::Problems)?;
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
        self.setup.send_replace(Arc::new(setup));
        self.checker.outbox.notify_one();
        Ok(())
    }
}
