//! `probe`: check users now. The running daemon does it, so that there is one budget; where none runs, the store's owner may.

mod here;

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{
    DaemonArgs,
    daemon::{Daemon, Step},
    exit::{Exit, Failure},
    named, one_off, report,
    tried::Tried,
    wait::{self, Teller},
};
use crate::{
    attempt::Asker,
    check::{Checker, Progress},
    clock,
    config::{self, Config},
    schedule::check_now,
    setup::Setup,
    user::UserId,
    web::view::{UserView, Users},
};

use here::here;
pub(super) use here::opened;

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
    // What counts for the exit code: not what was known before an attempt that was wished for and not made.
    let (mut told, mut untried, mut failed) = (Vec::new(), false, None);
    for id in ids {
        let mut tried = Tried::default();
        let step = |step: Step| {
            tried.note(&step);
            if !args.json {
                report::step(&step);
            }
        };
        if !args.json {
            report::say(id.as_str());
        }
        match prober.check(&id, args.force, step).await {
            Ok(user) => {
                let in_vain = tried.in_vain(&user).filter(|_| args.force);
                match &in_vain {
                    _ if args.json => {}
                    Some(_) => report::untried(&user, clock::now()),
                    None => report::result(&user),
                }
                match in_vain {
                    Some(why) => {
                        report::note(why);
                        untried = true;
                    }
                    None => told.push(user.state.clone()),
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
    let exit = match Exit::of_states(told.iter().map(String::as_str)) {
        Exit::Ok if untried => Exit::Usage,
        exit => exit,
    };
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
