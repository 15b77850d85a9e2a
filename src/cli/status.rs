//! `status` and `health`: what the running daemon says.

mod one;
mod summary;

use jiff::Timestamp;

use super::{
    DaemonArgs,
    daemon::Daemon,
    exit::{Exit, Failure},
    named, report, table,
};
use crate::{
    clock,
    user::UserId,
    web::{
        outbox_view::OutboxView,
        view::{ReloadRefused, UserView, Users},
    },
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// These users alone, with causes and what to do.
    #[arg(value_name = "ID")]
    ids: Vec<String>,
    /// Only users that are failing or locked out. The exit code is still that of all.
    #[arg(long, conflicts_with = "ids")]
    failing: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    daemon: DaemonArgs,
}

pub(super) async fn status(args: Args) -> Result<Exit, Failure> {
    let daemon = Daemon::find_named(&args.daemon).await?;
    let mut all: Users = daemon.get("api/v1/users").await?;
    if !args.ids.is_empty() {
        all.users = chosen(&args.ids, all.users, &daemon)?;
    }
    // Without its store the daemon learns nothing of credentials: what it shows is what it knew.
    let stale = all.store_trouble.as_ref().map(|_| "unclear");
    let states = all.users.iter().map(|user| user.state.as_str());
    let exit = Exit::of_states(states.chain(stale));
    let fails = |user: &UserView| matches!(user.state.as_str(), "failing" | "locked_out");
    let watched = all.users.len();
    let summary = summary::of(&all.users);
    if args.failing {
        all.users.retain(fails);
    }
    if args.json {
        report::json(&all);
        return Ok(exit);
    }
    if let Some(why) = &all.store_trouble {
        report::say(why);
        report::say("what follows is what was known before");
    }
    for line in all.reload_refused.iter().flat_map(ReloadRefused::sentences) {
        report::say(line);
    }
    let now = clock::now();
    if watched == 0 {
        report::say("no user is configured");
    } else if args.ids.is_empty() {
        many(&all.users, &summary, now);
    } else {
        all.users.iter().for_each(|user| one::tell(user, now));
        return Ok(exit);
    }
    // A daemon that is older, or that has not read its store yet, knows how many wait and no more.
    let outbox = all.outbox.unwrap_or_else(|| OutboxView {
        pending: all.outbox_pending,
        ..OutboxView::default()
    });
    for line in outbox.sentences() {
        report::say(line);
    }
    Ok(exit)
}

/// The users that are named, in that order.
fn chosen(
    names: &[String],
    users: Vec<UserView>,
    daemon: &Daemon,
) -> Result<Vec<UserView>, Failure> {
    let ids = users.iter().filter_map(|user| UserId::parse(&user.id).ok());
    let ids = named::users(names, &ids.collect::<Vec<_>>(), daemon.config.as_deref())?;
    let of = |id: UserId| users.iter().find(|user| user.id == id.as_str()).cloned();
    Ok(ids.into_iter().filter_map(of).collect())
}

fn many(users: &[UserView], summary: &str, now: Timestamp) {
    if !users.is_empty() {
        table::of_users(users, now);
        report::say("");
    }
    // Below the table, because of many users only the end stays on the screen.
    report::say(summary);
    summary::not_attempted(users);
    let blind = users
        .iter()
        .filter(|user| user.state == "zone_only")
        .count();
    if blind > 0 {
        report::say(format!(
            "zone only: {blind}; whether their secrets are right and whether they are locked is not known, and does not show in the exit code"
        ));
    }
}

/// A daemon with a broken new configuration is alive: what cannot be read here is not its fault.
pub(super) async fn health(args: &DaemonArgs) -> Result<Exit, Failure> {
    let alive = Daemon::find(args).await?.alive().await;
    if let Err(failure) = alive {
        // One line, for logs of container engines.
        report::note(failure.message);
        return Ok(Exit::Failing);
    }
    report::say("alive");
    Ok(Exit::Ok)
}
