//! What commands print. The only room that writes to the terminal, besides the demo's table.

use std::io::{self, Write};

use anstream::{AutoStream, ColorChoice};
use console::style;
use jiff::Timestamp;

use super::{ages, daemon::Step, exit::Failure};
use crate::{telemetry, web::view::UserView};

/// Colours by the rules that clap's help follows: `$NO_COLOR`, `$CLICOLOR_FORCE`, `$CLICOLOR`, a terminal that has some.
pub(super) fn choose_colours() {
    let wanted = |choice| choice != ColorChoice::Never;
    console::set_colors_enabled(wanted(AutoStream::choice(&io::stdout())));
    console::set_colors_enabled_stderr(wanted(AutoStream::choice(&io::stderr())));
}

/// A line on standard output.
pub(super) fn say(line: impl AsRef<str>) {
    line_to(io::stdout(), line.as_ref());
}

/// A line on standard error.
pub(super) fn note(line: impl AsRef<str>) {
    line_to(io::stderr(), line.as_ref());
}

/// A reader that has gone away (`| head`) is no failure.
fn line_to(mut out: impl Write, line: &str) {
    let _ = writeln!(out, "{line}");
}

/// Why the command failed. Problems of a configuration stand as they are, so that editors can read them.
pub(super) fn complain(failure: &Failure) {
    let advice = failure.advice.iter().flat_map(|advice| advice.lines());
    for line in failure.message.lines().chain(advice) {
        // Also where the log is off: a program that ends says why.
        if telemetry::is_json() && tracing::enabled!(tracing::Level::ERROR) {
            tracing::error!(exit = failure.exit as i32, "{line}");
        } else {
            note(line);
        }
    }
}

pub(super) fn json(value: &impl serde::Serialize) {
    say(serde_json::to_string_pretty(value).unwrap_or_default());
}

/// One document, one line.
pub(super) fn line_of_json(value: &impl serde::Serialize) {
    say(serde_json::to_string(value).unwrap_or_default());
}

/// One step of a check.
pub(super) fn step(progress: &Step) {
    let took = progress
        .took_ms
        .map(|ms| format!(" ({ms} ms)"))
        .unwrap_or_default();
    let detail = if progress.detail.is_empty() {
        String::new()
    } else {
        format!(": {}", progress.detail)
    };
    say(format!(
        "  {:<6} {}{took}{detail}",
        progress.step,
        progress.outcome.replace('_', " ")
    ));
}

/// Where a user stands, in a line.
fn standing(user: &UserView) {
    say(format!(
        "  result {}{}",
        styled(&user.state),
        reason_of(user)
    ));
}

/// Where a user stands that nothing was tried for: that is no result.
pub(super) fn untried(user: &UserView, now: Timestamp) {
    say(format!(
        "  result none, nothing was tried; it stays as it was: {}{}, since {}",
        styled(&user.state),
        reason_of(user),
        ages::since(user.since, now),
    ));
}

/// Where a check left the user, with causes and steps.
pub(super) fn result(user: &UserView) {
    standing(user);
    if let Some(why) = &user.held_why {
        say(format!("  held   {why}"));
    }
    if let Some(until) = user.held_until {
        let until = until.strftime("%F %T UTC");
        say(format!("         one further attempt comes at {until}"));
    }
    let Some(incident) = &user.incident else {
        if user.reason != "ok" || user.known != "all" {
            for line in &user.evidence {
                say(format!("  seen   {line}"));
            }
        }
        unseen(user);
        return;
    };
    say(format!(
        "  since  {}; {}",
        time(Some(incident.since)),
        last_good(user)
    ));
    causes(user);
    unseen(user);
    say("");
}

/// Most likely first, each with its evidence and what to do.
pub(super) fn causes(user: &UserView) {
    let causes = user.incident.iter().flat_map(|incident| &incident.causes);
    for (nth, cause) in causes.enumerate() {
        say(format!("\n  {}. {}", nth + 1, cause.title));
        for line in &cause.speaks_for {
            say(format!("     for: {line}"));
        }
        for line in &cause.speaks_against {
            say(format!("     against: {line}"));
        }
        for (nth, step) in cause.steps.iter().enumerate() {
            say(format!("     {}) {step}", nth + 1));
        }
    }
}

fn last_good(user: &UserView) -> String {
    match user.last_verified {
        Some(_) => format!("secret last seen good {}", time(user.last_verified)),
        None => format!("last accepted {}", time(user.last_accepted)),
    }
}

pub(super) fn unseen(user: &UserView) {
    for line in &user.unseen {
        say(format!("  unseen {line}"));
    }
}

pub(super) fn reason_of(user: &UserView) -> String {
    let reason = if user.state == user.reason {
        String::new()
    } else {
        format!(": {}", user.reason)
    };
    match user.reason.as_str() {
        "suspected" => format!("{reason} (seen once; a second look follows)"),
        _ => reason,
    }
}

pub(super) fn styled(state: &str) -> console::StyledObject<&str> {
    match state {
        "failing" | "locked_out" => style(state).red().bold(),
        "healthy" => style(state).green(),
        _ => style(state).yellow(),
    }
}

fn time(at: Option<Timestamp>) -> String {
    at.map_or_else(
        || "never".to_owned(),
        |at| at.strftime("%F %T UTC").to_string(),
    )
}
