//! `status` and `health`: what the running daemon says.

use super::{
    DaemonArgs,
    daemon::Daemon,
    exit::{Exit, Failure},
    report,
};
use crate::web::{
    outbox_view::OutboxView,
    view::{ReloadRefused, Users},
};

pub(super) async fn status(args: &DaemonArgs, json: bool) -> Result<Exit, Failure> {
    let all = ask(args).await?;
    // Without its store the daemon learns nothing of credentials: what it shows is what it knew.
    let stale = all.store_trouble.as_ref().map(|_| "unclear");
    let states = all.users.iter().map(|user| user.state.as_str());
    let exit = Exit::of_states(states.chain(stale));
    if json {
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
    if all.users.is_empty() {
        report::say("no user is configured");
    } else {
        let blind = all.users.iter().filter(|user| user.known == "nothing");
        let blind = blind.count();
        report::table(&all.users);
        report::not_attempted(&all.users);
        if blind > 0 {
            report::say(format!(
                "zone only: {blind}; whether their secrets are right and whether they are locked is not known, and does not show in the exit code"
            ));
        }
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

/// A daemon that refused the configuration as it is now still runs, and knows more of that than what is read here.
async fn ask(args: &DaemonArgs) -> Result<Users, Failure> {
    let broken = match Daemon::find(args).await {
        Ok(daemon) => return daemon.get("api/v1/users").await,
        Err(failure) if failure.exit == Exit::Config => failure,
        Err(failure) => return Err(failure),
    };
    let daemon = Daemon::find_alive(args).await?;
    daemon.get("api/v1/users").await.map_err(|_| broken)
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
