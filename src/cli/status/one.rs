//! One user in full: how it stands, since when, what lockwatch does about it, and what to do.

use std::time::Duration;

use jiff::Timestamp;

use crate::{
    cli::{
        ages,
        report::{causes, reason_of, say, styled, unseen},
        wait::moment,
    },
    web::view::UserView,
};

pub(super) fn tell(user: &UserView, now: Timestamp) {
    say(format!("{} ({})", user.id, user.tenant));
    say(format!(
        "  state  {}{}, since {}",
        styled(&user.state),
        reason_of(user),
        ages::since(user.since, now)
    ));
    match user.last_verified {
        Some(at) => say(format!(
            "  good   the secret, {}",
            ages::last(Some(at), now)
        )),
        None => say(format!("  worked {}", ages::last(user.last_accepted, now))),
    }
    attempts(user, now);
    say(format!("  checks {}", checks(user, now)));
    if let Some(zone) = &user.zone {
        let host = user.zone_host.as_deref().unwrap_or("?");
        say(format!("  zone   {zone} at {host}"));
    }
    if let Some(integration) = &user.integration {
        say(format!("  for    {integration}"));
    }
    match &user.incident {
        None if user.reason == "ok" => {}
        None => user
            .evidence
            .iter()
            .for_each(|line| say(format!("  seen   {line}"))),
        Some(incident) => say(format!("  mails  incident {}", incident.id)),
    }
    unseen(user);
    causes(user);
    say("");
}

fn attempts(user: &UserView, now: Timestamp) {
    if let Some(left) = user.attempts_left {
        let refused = match user.rejections {
            0 => String::new(),
            1 => "; 1 was refused in a row".to_owned(),
            many => format!("; {many} were refused in a row"),
        };
        say(format!("  tries  {left} left{refused}"));
        if user.rejections_of_username > user.rejections {
            say(format!(
                "         with this and other credentials {} in a row for the username, which counts towards a lockout",
                user.rejections_of_username
            ));
        }
    }
    if let Some(why) = &user.held_why {
        say(format!("  held   {why}"));
        match user.held_until {
            Some(until) => say(format!(
                "         one further attempt comes at {}",
                moment(until, now)
            )),
            None => say("         lockwatch does not try it again by itself"),
        }
        say(format!(
            "         when it is mended: lockwatch retry {}",
            user.id
        ));
    } else if let Some(why) = user
        .not_attempted
        .as_ref()
        .filter(|_| user.state != "healthy")
    {
        say(format!("         no attempt at the last check: {why}"));
    }
}

fn checks(user: &UserView, now: Timestamp) -> String {
    let last = user.last_check.map_or_else(
        || "none yet".to_owned(),
        |at| format!("last {}", ages::last(Some(at), now)),
    );
    let left = Duration::try_from(user.next_check.duration_since(now)).unwrap_or_default();
    if left.is_zero() {
        format!("{last}; the next is due")
    } else {
        format!("{last}; next {}", moment(user.next_check, now))
    }
}
