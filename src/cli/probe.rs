//! `probe`: check users now. The running daemon does it, so that there is one budget; where none runs, the store's owner may.

use std::{sync::Arc, time::Duration};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::{
    DaemonArgs,
    daemon::{self, Daemon, Step},
    exit::{Exit, Failure},
    named, one_off, report,
    wait::{self, Teller},
};
use crate::{
    app::host_name,
    attempt::Asker,
    board::Board,
    check::{Checker, Progress},
    config::{self, Config, StoreLocation},
    metrics::Metrics,
    schedule::check_now,
    setup::Setup,
    store::{Store, StoreError, keeper::Keeper, place, tenure::Tenure},
    user::UserId,
    web::view::{UserView, Users},
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The users; without any, all.
    #[arg(value_name = "ID")]
    ids: Vec<String>,
    #[command(flatten)]
    daemon: DaemonArgs,
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
    #[arg(long, value_name = "NAME", conflicts_with_all = ["ids", "force", "url"])]
    username: Option<String>,
}

/// Who runs the checks.
pub(super) enum Prober {
    Daemon(Daemon),
    Here(Box<Checker>, Box<Setup>),
}

pub(super) async fn probe(args: Args) -> Result<Exit, Failure> {
    if let Some(username) = &args.username {
        return one_off::probe(&args.daemon.config, username, args.json, args.wait).await;
    }
    if args.wait && args.ids.is_empty() {
        return Err(Failure::usage(
            "--wait wants the users to wait for, by id, or --username",
        ));
    }
    let (prober, ids, activation) = prober(&args.daemon, &args.ids).await?;
    let look_up_every = wait::look_up_every(activation);
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

/// Who does it, the users that `names` mean or all, and how long new ones may not work.
async fn prober(
    args: &DaemonArgs,
    names: &[String],
) -> Result<(Prober, Vec<UserId>, Duration), Failure> {
    let daemon = Daemon::find_named(args).await?;
    let path = &args.config.path;
    // Whoever names a daemon means no other, and not this host's own store.
    let Some(config) = daemon.config.clone().filter(|_| args.url.is_none()) else {
        if args.url.is_none() {
            // The daemon of a configuration with problems may still run with what it read before.
            daemon.must_run(path).await?;
        }
        let ids = chosen(names, daemon.users().await?, daemon.config.as_deref())?;
        return Ok((Prober::Daemon(daemon), ids, config::DEFAULT_ACTIVATION));
    };
    let enabled = config.users.iter().filter(|user| user.enabled);
    let known = enabled.map(|user| user.id.clone()).collect();
    let ids = chosen(names, known, Some(&config))?;
    let activation = config.lockout.activation;
    let prober = if daemon.is_absent().await? {
        here(*config, &ids).await?
    } else {
        daemon.must_run(path).await?;
        Prober::Daemon(daemon)
    };
    Ok((prober, ids, activation))
}

/// The named users, or all.
fn chosen(
    names: &[String],
    known: Vec<UserId>,
    config: Option<&Config>,
) -> Result<Vec<UserId>, Failure> {
    if names.is_empty() {
        Ok(known)
    } else {
        named::users(names, &known, config)
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
