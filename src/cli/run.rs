//! `run`: the daemon, and what signals mean to it.

use std::{path::Path, sync::Arc};

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::exit::{Exit, Failure};
use crate::{
    app::{self, App, Daemon},
    config,
    telemetry::{self, LogFormat, LogLevel},
};

/// How the daemon logs.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct LogArgs {
    /// How a line of the log looks: for people, or an object of JSON with a time.
    #[arg(
        long,
        env = "LOCKWATCH_LOG_FORMAT",
        value_name = "FORMAT",
        value_enum,
        default_value_t
    )]
    log_format: LogFormat,
    /// What is logged: error, warn, info, debug or trace, or a filter such as info,hyper=debug. Without it $RUST_LOG, then
    /// log.level of the configuration, which a reload changes, then info.
    #[arg(long, env = "LOCKWATCH_LOG_LEVEL", value_name = "LEVEL", value_parser = level)]
    log_level: Option<LogLevel>,
}

impl LogArgs {
    pub(super) fn start(&self) {
        telemetry::start(self.log_format, self.log_level.clone());
    }
}

fn level(text: &str) -> Result<LogLevel, String> {
    LogLevel::parse(text).map_err(|why| format!("it {why}; write {}", telemetry::WRITE))
}

pub(super) async fn run(path: &Path) -> Result<Exit, Failure> {
    let mut signals = Signals::listen()?;
    let prepared = tokio::select! {
        biased;
        () = signals.end() => None,
        daemon = prepare(path) => Some(daemon?),
    };
    let Some(daemon) = prepared else {
        tracing::info!("stopped before it began; no attempt was made");
        return Ok(Exit::Ok);
    };
    let app = daemon.app();
    let users = app.checker.board.all().len();
    let address = daemon
        .address()
        .map_err(|why| Failure::internal(why.to_string()))?;
    survive_file_limits()?;
    signals.obey(&app);
    tracing::info!(
        users,
        "watching; metrics at http://{address}/metrics, page at http://{address}/"
    );
    daemon.run().await?;
    tracing::info!("stopped");
    Ok(Exit::Ok)
}

/// Reads the configuration and makes everything ready. That may take as long as programs that give secrets, a database and
/// another lockwatch that is about to end take together.
async fn prepare(path: &Path) -> Result<Daemon, Failure> {
    let (config, warnings) = app::read(path).await?;
    telemetry::start_with(&config.log_level);
    app::warn(&warnings);
    for finding in config::secret_problems(&config).await {
        tracing::warn!("{finding}");
    }
    Ok(Daemon::prepare(config, Some(path.to_owned())).await?)
}

/// A file that reaches a limit of the account (`LimitFSIZE=`) is a failed write, not the end: the store is lost then, and
/// the operator is told.
fn survive_file_limits() -> Result<(), Failure> {
    let too_large = SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw());
    // Listening once takes the default, which is death, away for good.
    signal(too_large)
        .map(drop)
        .map_err(|why| Failure::internal(format!("failed to listen to signals: {why}")))
}

/// SIGTERM and SIGINT: drain, and at the second one end at once. SIGHUP: reload. Listened to from the first moment: as
/// process 1 of a container lockwatch would not hear the first two else, and the third would end it.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    pub(super) fn listen() -> Result<Self, Failure> {
        let on = |kind| {
            signal(kind)
                .map_err(|why| Failure::internal(format!("failed to listen to signals: {why}")))
        };
        Ok(Self {
            terminate: on(SignalKind::terminate())?,
            interrupt: on(SignalKind::interrupt())?,
            hangup: on(SignalKind::hangup())?,
        })
    }

    /// Until one of them says that this is the end. A SIGHUP before there is anything to reload is heard by `obey`.
    async fn end(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    /// From now on they mean something to `app`.
    pub(super) fn obey(mut self, app: &Arc<App>) {
        let app = Arc::clone(app);
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = self.terminate.recv() => stop(&app),
                    _ = self.interrupt.recv() => stop(&app),
                    _ = self.hangup.recv() => {
                        let app = Arc::clone(&app);
                        // Its result is logged by the reload itself.
                        tokio::spawn(async move { app.reload().await });
                    }
                }
            }
        });
    }
}

fn stop(app: &App) {
    if app.stopping.is_cancelled() {
        tracing::warn!("stopping at once");
        std::process::exit(Exit::Ok as i32);
    }
    tracing::info!("stopping: no attempt starts any more");
    app.stopping.cancel();
}
