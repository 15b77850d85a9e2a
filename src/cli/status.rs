//! `status`, `retry` and `health`: what the running daemon says.

use super::{
    DaemonArgs,
    daemon::Daemon,
    exit::{Exit, Failure},
    probe::unknown,
    report, user_id,
};
use crate::{user::UserId, web::view::Users};

#[derive(Debug, clap::Args)]
pub(super) struct RetryArgs {
    /// The user.
    #[arg(value_parser = user_id, required_unless_present_any = ["tenant", "all"])]
    id: Option<UserId>,
    /// Although the same credential was retried in vain before.
    #[arg(long)]
    force: bool,
    /// Not supported yet.
    #[arg(long, hide = true)]
    tenant: Option<String>,
    /// Not supported yet.
    #[arg(long, hide = true)]
    all: bool,
    #[command(flatten)]
    daemon: DaemonArgs,
}

pub(super) async fn status(args: &DaemonArgs, json: bool) -> Result<Exit, Failure> {
    let all: Users = Daemon::find(args).await?.get("api/v1/users").await?;
    let exit = Exit::of_states(all.users.iter().map(|user| user.state.as_str()));
    if json {
        report::json(&all);
        return Ok(exit);
    }
    if let Some(why) = &all.store_trouble {
        report::say(why);
    }
    if all.users.is_empty() {
        report::say("no user is configured");
    } else {
        report::table(all.users);
    }
    if all.outbox_pending > 0 {
        report::say(format!(
            "{} notices or mails wait to be sent",
            all.outbox_pending
        ));
    }
    Ok(exit)
}

pub(super) async fn retry(args: RetryArgs) -> Result<Exit, Failure> {
    let (None, false, Some(id)) = (&args.tenant, args.all, &args.id) else {
        return Err(Failure::usage(
            "--tenant and --all are not supported yet: name one user",
        ));
    };
    let daemon = Daemon::find(&args.daemon).await?;
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
    let mut attempted = false;
    let user = daemon
        .check(id, "retry", args.force, |step| {
            attempted |= step.step == "query" && step.outcome != "not_made";
            report::step(&step);
        })
        .await?;
    report::result(&user);
    if !attempted {
        report::note("no attempt was made; the reason stands above");
    }
    Ok(Exit::of_states([user.state.as_str()]))
}

/// A daemon with a broken new configuration is alive: what cannot be read here is not its fault.
pub(super) async fn health(args: &DaemonArgs) -> Result<Exit, Failure> {
    let alive = match Daemon::find_alive(args).await {
        Ok(daemon) => daemon.alive().await,
        Err(failure) => Err(failure),
    };
    if let Err(failure) = alive {
        report::complain(&failure);
        return Ok(Exit::Failing);
    }
    report::say("alive");
    Ok(Exit::Ok)
}
