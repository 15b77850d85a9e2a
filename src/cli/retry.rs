//! `retry`: "I fixed it". The running daemon makes the attempts; what became of each is waited for and told.

mod several;

use super::{
    DaemonArgs,
    daemon::Daemon,
    exit::{Exit, Failure},
    named, report,
    tried::Tried,
};
use crate::{clock, user::UserId, web::bulk::BulkWish};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    whom: Whom,
    /// Although the same credential was retried twice in vain before.
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    daemon: DaemonArgs,
}

/// Exactly one of them.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct Whom {
    /// The user.
    id: Option<String>,
    /// The users of this tenant that do not work.
    #[arg(long, value_name = "TENANT")]
    tenant: Option<String>,
    /// All users that do not work.
    #[arg(long)]
    all: bool,
}

pub(super) async fn retry(args: Args) -> Result<Exit, Failure> {
    let daemon = Daemon::find_named(&args.daemon).await?;
    if daemon.config.is_none() && args.daemon.url.is_none() {
        // Attempts are not for whoever listens there by chance.
        daemon.must_run(&args.daemon.config.path).await?;
    }
    let Whom { id, tenant, all } = args.whom;
    let force = args.force;
    match id {
        Some(id) => {
            let known = daemon.users().await?;
            let found = named::users(&[id], &known, daemon.config.as_deref())?;
            let mut exit = Exit::Ok;
            for id in found {
                exit = one(&daemon, &id, force).await?;
            }
            Ok(exit)
        }
        None => several::retry(&daemon, &BulkWish { tenant, all, force }).await,
    }
}

async fn one(daemon: &Daemon, id: &UserId, force: bool) -> Result<Exit, Failure> {
    report::say(id.as_str());
    let mut tried = Tried::default();
    let user = daemon
        .check(id, "retry", force, |step| {
            tried.note(&step);
            report::step(&step);
        })
        .await?;
    if let Some(why) = tried.in_vain(&user) {
        // Causes and steps would bury the one line that matters.
        report::untried(&user, clock::now());
        return Err(Failure::usage(why));
    }
    let exit = tried.exit(&user);
    report::result(&user);
    let no_attempt = exit == Exit::Unclear && !tried.attempt;
    if let Some(why) = user.not_attempted.as_ref().filter(|_| no_attempt) {
        report::note(format!("{id}: no attempt was made: {why}"));
    }
    Ok(exit)
}
