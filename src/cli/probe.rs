//! `probe`: check users now. The running daemon does it, so that there is one budget; where none runs, the store's owner may.

use std::{collections::HashSet, sync::Arc};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::{
    ConfigArg,
    daemon::{self, Daemon, Step},
    exit::{Exit, Failure},
    one_off, report, user_id,
    wait::{self, Teller},
};
use crate::{
    app::{self, host_name},
    attempt::Asker,
    board::Board,
    check::{Checker, Progress},
    config::{Config, StoreLocation},
    metrics::Metrics,
    schedule::check_now,
    setup::Setup,
    store::{Store, StoreError, keeper::Keeper, place, tenure::Tenure},
    user::{UserId, nearest},
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
    /// Go on until the named users work (exit 0) or one is judged not to (exit 1); Ctrl-C ends it (exit 130). It makes no
    /// attempts beyond those of the schedule.
    #[arg(long)]
    wait: bool,
    /// A username that is not configured: asks for the secret and the integration code; two attempts in 24 h at most. With
    /// --wait: until the zone is known, one attempt, and when it is refused a second one after lockout.activation.
    #[arg(long, conflicts_with_all = ["ids", "force"])]
    username: Option<String>,
}

/// Who runs the checks.
pub(super) enum Prober {
    Daemon(Daemon),
    Here(Box<Checker>, Box<Setup>),
}

pub(super) async fn probe(args: Args) -> Result<Exit, Failure> {
    if let Some(username) = &args.username {
        return one_off::probe(&args.config, username, args.json, args.wait).await;
    }
    if args.wait && args.ids.is_empty() {
        return Err(Failure::usage(
            "--wait wants the users to wait for, by id, or --username",
        ));
    }
    let config = app::load(&args.config.path).await?;
    let ids = chosen(&config, args.ids)?;
    let look_up_every = wait::look_up_every(config.lockout.activation);
    let daemon = Daemon::of(&config).await?;
    let prober = match daemon.alive().await {
        Err(none) if none.exit == Exit::NoDaemon => here(config, &ids).await?,
        _ => {
            daemon.must_run(&config).await?;
            Prober::Daemon(daemon)
        }
    };
    if args.wait {
        let teller = Teller::new(args.json);
        let waited = wait::wait(&prober, ids, args.force, look_up_every, &teller).await;
        prober.close().await;
        return waited;
    }
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
            outbox: None,
            store_trouble: None,
            reload_refused: None,
            config: None,
        });
    }
    prober.close().await;
    Ok(failed.unwrap_or(exit))
}

/// The named users, or all that are enabled.
fn chosen(config: &Config, mut ids: Vec<UserId>) -> Result<Vec<UserId>, Failure> {
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
    let mut seen = HashSet::new();
    ids.retain(|id| seen.insert(id.clone()));
    for id in &ids {
        if !enabled().any(|known| known == id) {
            return Err(Failure::usage(unknown(id, enabled())));
        }
    }
    Ok(ids)
}

/// The message for an id that is not there, with the nearest ones.
pub(super) fn unknown<'a>(id: &UserId, known: impl Iterator<Item = &'a UserId>) -> String {
    let near = nearest(id.as_str(), known.map(UserId::as_str));
    if near.is_empty() {
        format!("no user {id} is configured and enabled")
    } else {
        format!(
            "no user {id} is configured and enabled; near: {}",
            near.join(", ")
        )
    }
}

/// Everything that a check needs, in this process. Where a daemon works on the store after all, it is its guest: the budget
/// is in the store, and so are the users, which are the daemon's to change.
async fn here(config: Config, ids: &[UserId]) -> Result<Prober, Failure> {
    if let StoreLocation::Sqlite(path) = &config.store {
        daemon::owns(path)?;
    }
    place::make_ready(&config.store, config.ephemeral)?;
    let setup = Setup::new(config)?;
    let location = &setup.config.store;
    // For no longer than that: a daemon that starts now must not wait for us.
    let in_step = async {
        let tenure = Tenure::default();
        let alone = Store::open_alone(location, &tenure).await?;
        let done = bring_in_step(&alone, &setup).await;
        alone.close().await;
        done
    };
    let taken = match in_step.await {
        Err(StoreError::Taken { store, by }) => Some(format!("{store}{by}")),
        other => other
            .map(|()| None)
            .map_err(|why| unusable(&why, location))?,
    };
    let opened = Store::open(location).await;
    let store = opened.map_err(|why| unusable(&why, location))?;
    if let Some(taken) = taken {
        report::note(format!(
            "no daemon answers, but one works on the store {taken}; probing from the same budget"
        ));
        for id in ids {
            let name = setup.user(id).map(|user| user.username.key());
            let known = store.watches(id, &name.unwrap_or_default()).await;
            if !known.map_err(|why| unusable(&why, location))? {
                return Err(Failure::config(format!(
                    "{id} is not among the users of that lockwatch: reload it, or end it; no attempt was made"
                )));
            }
        }
    }
    let checker = checker(Keeper::of(store, location))?;
    Ok(Prober::Here(Box::new(checker), Box::new(setup)))
}

/// The store, open and in step with the configuration. Here nobody waits for one that cannot be used.
pub(super) async fn opened(config: Config) -> Result<(Checker, Setup), Failure> {
    let setup = Setup::new(config)?;
    let location = &setup.config.store;
    let open = async {
        let store = Store::open(location).await?;
        bring_in_step(&store, &setup).await?;
        Ok(store)
    };
    let store = open.await.map_err(|why| unusable(&why, location))?;
    Ok((checker(Keeper::of(store, location))?, setup))
}

async fn bring_in_step(store: &Store, setup: &Setup) -> Result<(), StoreError> {
    let now = store.now();
    let wants = setup.wants(&host_name(), now);
    store.sync(wants, setup.limits(), now).await.map(drop)
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
    /// Cancelled when no attempt may begin any more.
    pub(super) fn end(&self) -> CancellationToken {
        match self {
            Self::Daemon(_) => CancellationToken::new(),
            Self::Here(checker, _) => checker.stopping.clone(),
        }
    }

    /// What becomes of the users when this command ends.
    pub(super) fn goes_on(&self) -> &'static str {
        match self {
            Self::Daemon(_) => "the daemon goes on checking",
            Self::Here(..) => "no daemon runs, so nothing is checked until `lockwatch run`",
        }
    }

    /// The user as it is shown now, without a check of ours.
    pub(super) async fn read(&self, id: &UserId) -> Result<UserView, Failure> {
        match self {
            Self::Daemon(daemon) => daemon.get(&format!("api/v1/users/{id}")).await,
            Self::Here(checker, _) => checker
                .board
                .get(id)
                .map(|entry| UserView::from(&*entry))
                .ok_or_else(|| Failure::internal(format!("{id} was never checked"))),
        }
    }

    async fn close(self) {
        if let Self::Here(checker, _) = self {
            checker.store.close().await;
        }
    }

    pub(super) async fn check(
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
