//! `probe`: check users now. The running daemon does it, so that there is one budget; where none runs, the store's owner may.

use std::sync::Arc;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::{
    ConfigArg,
    daemon::{self, Daemon, Step},
    exit::{Exit, Failure},
    one_off, report, user_id,
};
use crate::{
    app::{self, host_name},
    attempt::Asker,
    board::Board,
    check::{Checker, Progress},
    clock,
    config::{Config, StoreLocation},
    metrics::Metrics,
    schedule::check_now,
    setup::Setup,
    store::{Store, StoreError, keeper::Keeper, place},
    user::UserId,
    web::view::{UserView, Users},
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The users; without any, all.
    #[arg(value_parser = user_id)]
    ids: Vec<UserId>,
    #[command(flatten)]
    config: ConfigArg,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// One attempt in spite of a hold, for each user that is named.
    #[arg(long, requires = "ids")]
    force: bool,
    /// Not supported yet.
    #[arg(long, hide = true)]
    wait: bool,
    /// A username that is not configured: asks for the secret and the integration code; two attempts in 24 h at most.
    #[arg(long, conflicts_with_all = ["ids", "force"])]
    username: Option<String>,
}

/// Who runs the checks.
enum Prober {
    Daemon(Daemon),
    Here(Box<Checker>, Box<Setup>),
}

pub(super) async fn probe(args: Args) -> Result<Exit, Failure> {
    if args.wait {
        return Err(Failure::usage("--wait is not supported yet"));
    }
    if let Some(username) = &args.username {
        return one_off::probe(&args.config, username, args.json).await;
    }
    let config = app::load(&args.config.path).await?;
    let ids = chosen(&config, args.ids)?;
    let daemon = Daemon::of(&config).await?;
    let prober = match daemon.alive().await {
        Err(none) if none.exit == Exit::NoDaemon => here(config).await?,
        _ => {
            daemon.must_run(&config).await?;
            Prober::Daemon(daemon)
        }
    };
    let mut users = Vec::new();
    let mut failed = None;
    for id in ids {
        let step = |step: Step| {
            if !args.json {
                report::step(&step);
            }
        };
        if !args.json {
            report::say(id.as_str());
        }
        match prober.check(&id, args.force, step).await {
            Ok(user) => {
                if !args.json {
                    report::result(&user);
                }
                users.push(user);
            }
            // The others are checked all the same.
            Err(failure) => {
                report::complain(&failure);
                failed = failed.or(Some(failure.exit));
            }
        }
    }
    let exit = Exit::of_states(users.iter().map(|user| user.state.as_str()));
    if args.json {
        report::json(&Users {
            users,
            outbox_pending: 0,
            store_trouble: None,
            config: None,
        });
    }
    if let Prober::Here(checker, _) = prober {
        checker.store.close().await;
    }
    Ok(failed.unwrap_or(exit))
}

/// The named users, or all that are enabled.
fn chosen(config: &Config, ids: Vec<UserId>) -> Result<Vec<UserId>, Failure> {
    let enabled = || {
        config
            .users
            .iter()
            .filter(|user| user.enabled)
            .map(|user| &user.id)
    };
    if ids.is_empty() {
        return Ok(enabled().cloned().collect());
    }
    for id in &ids {
        if !enabled().any(|known| known == id) {
            return Err(Failure::usage(unknown(id, enabled())));
        }
    }
    Ok(ids)
}

/// The message for an id that is not there, with the nearest ones.
pub(super) fn unknown<'a>(id: &UserId, known: impl Iterator<Item = &'a UserId>) -> String {
    let mut near: Vec<_> = known
        .map(|known| (strsim::jaro_winkler(id.as_str(), known.as_str()), known))
        .filter(|(likeness, _)| *likeness > 0.75)
        .collect();
    near.sort_by(|one, other| other.0.total_cmp(&one.0));
    let near: Vec<_> = near.iter().take(3).map(|(_, id)| id.as_str()).collect();
    if near.is_empty() {
        format!("no user {id} is configured and enabled")
    } else {
        format!(
            "no user {id} is configured and enabled; near: {}",
            near.join(", ")
        )
    }
}

/// Everything that a check needs, in this process.
async fn here(config: Config) -> Result<Prober, Failure> {
    let StoreLocation::Sqlite(path) = &config.store;
    daemon::owns(path)?;
    place::make_ready(&config.store, config.ephemeral)?;
    let opened = opened(config).await?;
    Ok(Prober::Here(Box::new(opened.0), Box::new(opened.1)))
}

/// The store, open and in step with the configuration. Here nobody waits for one that cannot be used.
pub(super) async fn opened(config: Config) -> Result<(Checker, Setup), Failure> {
    let setup = Setup::new(config)?;
    let location = &setup.config.store;
    let now = clock::now();
    let open = async {
        let store = Store::open(location).await?;
        store.sync(setup.wanted(now), setup.limits(), now).await?;
        Ok(store)
    };
    let store = open.await.map_err(|why| unusable(&why, location))?;
    Ok((checker(Keeper::of(store, location))?, setup))
}

/// The same words as the daemon's.
fn unusable(why: &StoreError, location: &StoreLocation) -> Failure {
    let trouble = Keeper::without(location, why).trouble();
    let said = trouble.map_or_else(
        || why.to_string(),
        |trouble| format!("{}; no attempt was made. {}", trouble.why, trouble.advice),
    );
    Failure::config(said)
}

fn checker(store: Keeper) -> Result<Checker, Failure> {
    let metrics = Metrics::new().map_err(|why| Failure::internal(why.to_string()))?;
    Ok(Checker {
        store,
        metrics: Arc::new(metrics),
        board: Arc::new(Board::default()),
        host: host_name(),
        outbox: Arc::new(Notify::new()),
        stopping: CancellationToken::new(),
    })
}

impl Prober {
    async fn check(
        &self,
        id: &UserId,
        force: bool,
        mut on_step: impl FnMut(Step) + Send,
    ) -> Result<UserView, Failure> {
        match self {
            Self::Daemon(daemon) => daemon.check(id, "probe", force, on_step).await,
            Self::Here(checker, setup) => {
                let asker = if force {
                    Asker::Operator { force: true }
                } else {
                    Asker::Schedule
                };
                let (progress, mut steps) = tokio::sync::mpsc::unbounded_channel();
                let tell = move |step: Progress| {
                    let _ = progress.send(step);
                };
                let told = async {
                    while let Some(step) = steps.recv().await {
                        on_step(step.into());
                    }
                };
                let check = async {
                    let result = check_now(checker, setup, id, asker, &tell).await;
                    drop(tell);
                    result
                };
                let (result, ()) = tokio::join!(check, told);
                let entry = result.map_err(|why| Failure::internal(format!("{id}: {why}")))?;
                Ok(UserView::from(&*entry))
            }
        }
    }
}

impl From<Progress> for Step {
    fn from(progress: Progress) -> Self {
        Self {
            step: progress.step.to_owned(),
            outcome: progress.outcome,
            detail: progress.detail,
            took_ms: progress.took_ms,
        }
    }
}
