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
    let (config, warnings) = app::read(path).await?;
    telemetry::start_with(&config.log_level);
    app::warn(&warnings);
    for finding in config::secret_problems(&config).await {
        tracing::warn!("{finding}");
    }
    let daemon = Daemon::prepare(config, Some(path.to_owned())).await?;
    let app = daemon.app();
    let users = app.checker.board.all().len();
    let address = daemon
        .address()
        .map_err(|why| Failure::internal(why.to_string()))?;
    survive_file_limits()?;
    listen_to_signals(&app)?;
    tracing::info!(
        users,
        "watching; metrics at http://{address}/metrics, page at http://{address}/"
    );
    daemon.run().await?;
    tracing::info!("stopped");
    Ok(Exit::Ok)
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

/// SIGTERM and SIGINT: drain, and at the second one end at once. SIGHUP: reload.
pub(super) fn listen_to_signals(app: &Arc<App>) -> Result<(), Failure> {
    let on = |kind| -> Result<Signal, Failure> {
        signal(kind).map_err(|why| Failure::internal(format!("failed to listen to signals: {why}")))
    };
    let (mut terminate, mut interrupt) =
        (on(SignalKind::terminate())?, on(SignalKind::interrupt())?);
    let mut hangup = on(SignalKind::hangup())?;
    let app = Arc::clone(app);
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => stop(&app),
                _ = interrupt.recv() => stop(&app),
                _ = hangup.recv() => {
                    let app = Arc::clone(&app);
                    // Its result is logged by the reload itself.
                    tokio::spawn(async move { app.reload().await });
                }
            }
        }
    });
    Ok(())
}

fn stop(app: &App) {
    if app.stopping.is_cancelled() {
        tracing::warn!("stopping at once");
        std::process::exit(Exit::Ok as i32);
    }
    tracing::info!("stopping: no attempt starts any more");
    app.stopping.cancel();
}
