//! The composition root of `run`: config → rooms → spawn → drain. Also what `reload` replaces.

mod files;
mod port;
mod reload;
mod shown;
mod store_care;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use tokio::{
    sync::{Mutex, Notify, mpsc, watch},
    task::JoinSet,
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use crate::{
    board::Board,
    check::Checker,
    config::{self, Config, Problem, Problems},
    metrics::Metrics,
    notify::{lookout::Lookout, outbox::Outbox, store_alarm::StoreAlarm},
    schedule::{Ask, Scheduler},
    setup::Setup,
    store::{letters::OutboxReport, place},
    supervisor::Supervisor,
    web::{self, outbox_view::OutboxView, view::ReloadRefused},
};

pub use reload::ReloadError;
use shown::fill;

/// The running daemon, as the endpoint and the signals see it.
#[derive(Debug)]
pub struct App {
    /// Where the configuration is; `None` when it was made in memory (`demo`).
    pub config_path: Option<PathBuf>,
    /// The configuration in force.
    pub setup: watch::Sender<Arc<Setup>>,
    /// Runs checks.
    pub checker: Arc<Checker>,
    /// Takes wishes for checks.
    pub asks: mpsc::Sender<Ask>,
    /// Whether the first claim is done.
    pub ready: watch::Receiver<bool>,
    /// When the scheduler last came round; `None` before the first time.
    pub turns: watch::Receiver<Option<Instant>>,
    /// Ends everything.
    pub stopping: CancellationToken,
    /// What waits and what will never arrive, as `store_care` last read it.
    outbox: watch::Sender<Option<OutboxReport>>,
    /// The new configuration that was not taken.
    refused: watch::Sender<Option<ReloadRefused>>,
    /// One reload at a time.
    reloading: Mutex<()>,
}

impl App {
    /// Mail that waits and mail that will never arrive. From memory: whoever asks for it often keeps nobody from the store.
    #[must_use]
    pub fn outbox_view(&self) -> Option<OutboxView> {
        let report = self.outbox.borrow().clone()?;
        let configured = self.setup.borrow().config.email.is_some();
        Some(OutboxView::of(report, configured))
    }

    /// The new configuration that was not taken, while the old one is in force.
    #[must_use]
    pub fn reload_refused(&self) -> Option<ReloadRefused> {
        self.refused.borrow().clone()
    }
}

/// A daemon whose rooms are ready but do not run yet.
pub struct Daemon {
    app: Arc<App>,
    listener: std::net::TcpListener,
    scheduler: Scheduler,
    outbox: Outbox,
    alarm: StoreAlarm,
    lookout: Lookout,
    supervisor: Supervisor,
}

impl std::fmt::Debug for Daemon {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Daemon")
    }
}

impl Daemon {
    /// Opens the store, takes the port, fills the board. Nothing is probed yet. A store that cannot be opened is tried again
    /// later; until then nobody's credential is.
    ///
    /// # Errors
    /// When the port or the client is not to be had, or the store may not be where it is; the message says which and why.
    pub async fn prepare(config: Config, config_path: Option<PathBuf>) -> anyhow::Result<Self> {
        // First of all: who finds it taken has changed and attempted nothing.
        let port = port::take(config.web.listen)?;
        let setup = Setup::new(config)?;
        place::make_ready(&setup.config.store, setup.config.ephemeral)?;
        let metrics = Arc::new(Metrics::new()?);
        let store = store_care::open(&setup, &metrics).await?;
        let now = store.now();
        metrics.reloaded(&setup.config.sha256, now);
        let board = Arc::new(Board::default());
        let stopping = CancellationToken::new();
        let wake = Arc::new(Notify::new());
        let checker = Arc::new(Checker {
            store: store.clone(),
            metrics: Arc::clone(&metrics),
            board,
            host: host_name(),
            outbox: Arc::clone(&wake),
            stopping: stopping.clone(),
        });
        fill(&checker, &setup).await?;
        let listener = port.open()?;
        let alarm_host = checker.host.clone();
        let (setup, setup_seen) = watch::channel(Arc::new(setup));
        let (asks, asked) = mpsc::channel(64);
        let (ready, ready_seen) = watch::channel(false);
        let (turns, turns_seen) = watch::channel(None);
        let scheduler = Scheduler {
            checker: Arc::clone(&checker),
            setup: setup_seen.clone(),
            asks: asked,
            ready,
            turns,
        };
        let (refused, refused_seen) = watch::channel(None);
        let supervisor = Supervisor {
            board: Arc::clone(&checker.board),
            refused: refused_seen,
            store: store.clone(),
            turns: turns_seen.clone(),
            stopping: stopping.clone(),
        };
        let alarm = StoreAlarm {
            store: store.clone(),
            setup: setup_seen.clone(),
            metrics: Arc::clone(&metrics),
            host: alarm_host,
            stopping: stopping.clone(),
        };
        let lookout = Lookout {
            checker: Arc::clone(&checker),
            setup: setup_seen.clone(),
        };
        let outbox = Outbox {
            store,
            setup: setup_seen,
            metrics,
            wake,
            host: checker.host.clone(),
            stopping: CancellationToken::new(),
        };
        let app = Arc::new(App {
            config_path,
            setup,
            checker,
            asks,
            ready: ready_seen,
            turns: turns_seen,
            stopping,
            outbox: watch::channel(None).0,
            refused,
            reloading: Mutex::new(()),
        });
        Ok(Self {
            app,
            listener,
            scheduler,
            outbox,
            alarm,
            lookout,
            supervisor,
        })
    }

    /// The running parts' handle.
    #[must_use]
    pub fn app(&self) -> Arc<App> {
        Arc::clone(&self.app)
    }

    /// Where the endpoint listens.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn address(&self) -> std::io::Result<std::net::SocketAddr> {
        self.listener.local_addr()
    }

    /// Runs until `app.stopping`, then drains.
    ///
    /// # Errors
    /// When a room ended that should not.
    pub async fn run(self) -> anyhow::Result<()> {
        let Self {
            app,
            listener,
            scheduler,
            outbox,
            alarm,
            lookout,
            supervisor,
        } = self;
        let server = web::serve(Arc::clone(&app), listener)?;
        let mut rooms = JoinSet::new();
        // What the last checks owe is still mailed.
        let checked = outbox.stopping.clone();
        rooms.spawn(async move {
            scheduler.run().await;
            checked.cancel();
        });
        rooms.spawn(outbox.run());
        rooms.spawn(alarm.run());
        rooms.spawn(lookout.run());
        rooms.spawn(supervisor.run());
        rooms.spawn(files::watch(Arc::clone(&app)));
        rooms.spawn(store_care::care(Arc::clone(&app)));
        let ended_early = tokio::select! {
            // Asked to stop, the scheduler may be done before this task wakes: that is not early.
            biased;
            () = app.stopping.cancelled() => false,
            _ = rooms.join_next() => true,
        };
        app.stopping.cancel();
        let drained = async {
            while rooms.join_next().await.is_some() {}
            // Until here the endpoint says that the end is near.
            server.shutdown().await;
        };
        // What is still under way is safe to leave: an attempt is on record, a mail is sent again.
        let patience = app.setup.borrow().patience();
        if tokio::time::timeout(patience, drained).await.is_err() {
            tracing::warn!("not everything ended in time; it goes on at the next start");
        }
        app.checker.store.close().await;
        anyhow::ensure!(
            !ended_early,
            "a part of lockwatch ended by itself; the log says more"
        );
        Ok(())
    }
}

/// Reads a configuration for a command, and logs its warnings; its main file may be a pipe.
///
/// # Errors
/// Every problem of all its files.
pub async fn load(path: &Path) -> Result<Config, Problems> {
    let (config, warnings) = read_by(path, config::load_once).await?;
    warn(&warnings);
    Ok(config)
}

/// Reads the configuration of a daemon; the second part are warnings.
///
/// # Errors
/// Every problem of all its files.
pub async fn read(path: &Path) -> Result<(Config, Vec<Problem>), Problems> {
    read_by(path, config::load).await
}

type Loaded = Result<(Config, Vec<Problem>), Problems>;

/// On a thread that may block.
async fn read_by(path: &Path, load: fn(&Path) -> Loaded) -> Loaded {
    let (path, path_shown) = (path.to_owned(), path);
    let read = tokio::task::spawn_blocking(move || load(&path)).await;
    read.unwrap_or_else(|_| {
        Err(Problems::of_whole(
            path_shown,
            "could not be read: lockwatch failed; this is a fault of lockwatch",
        ))
    })
}

/// Logs the warnings of a configuration.
pub fn warn(warnings: &[Problem]) {
    for warning in warnings {
        tracing::warn!("{warning}");
    }
}

/// The name of this host, for mails.
#[must_use]
pub fn host_name() -> String {
    rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned()
}
