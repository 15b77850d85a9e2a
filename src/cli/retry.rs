//! `retry`: "I fixed it". The running daemon makes the attempts; what became of each is waited for and told.

mod several;

use super::{
    DaemonArgs,
    daemon::Daemon,
    exit::{Exit, Failure},
    probe::unknown,
    report, user_id,
};
use crate::{
    user::UserId,
    web::{bulk::BulkWish, view::Users},
};

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
    #[arg(value_parser = user_id)]
    id: Option<UserId>,
    /// The users of this tenant that do not work.
    #[arg(long, value_name = "TENANT")]
    tenant: Option<String>,
    /// All users that do not work.
    #[arg(long)]
    all: bool,
}

pub(super) async fn retry(args: Args) -> Result<Exit, Failure> {
    let daemon = Daemon::find(&args.daemon).await?;
    let Whom { id, tenant, all } = args.whom;
    let force = args.force;
    match id {
        Some(id) => one(&daemon, &id, force).await,
        None => several::retry(&daemon, &BulkWish { tenant, all, force }).await,
    }
}

async fn one(daemon: &Daemon, id: &UserId, force: bool) -> Result<Exit, Failure> {
    let known: Users = daemon.get("api/v1/users").await?;
    let known: Vec<UserId> = known
        .users
        .iter()
        .filter_map(|user| UserId::parse(&user.id).ok())
        .collect();
    if !known.contains(id) {
        return Err(Failure::usage(unknown(id, known.iter())));
    }
    report::say(id.as_str());
    let user = daemon
        .check(id, "retry", force, |step| report::step(&step))
        .await?;
    if let Some(why) = &user.not_attempted {
        // Causes and steps would bury the one line that matters.
        report::standing(&user);
        report::note(format!("no attempt was made: {why}"));
    } else {
        report::result(&user);
    }
    Ok(Exit::of_states([user.state.as_str()]))
}
