//! What commands print. The only room that writes to the terminal, besides the demo's table.

use std::{
    collections::BTreeMap,
    io::{self, IsTerminal, Write},
};

use comfy_table::{Cell, Color, Table, presets};
use console::style;
use jiff::Timestamp;

use super::{daemon::Step, exit::Failure};
use crate::{
    telemetry,
    web::{page::badness, view::UserView},
};

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
    for line in failure.message.lines() {
        if telemetry::is_json() {
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
pub(super) fn standing(user: &UserView) {
    say(format!(
        "  result {}{}",
        styled(&user.state),
        reason_of(user)
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
    for (nth, cause) in incident.causes.iter().enumerate() {
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
    unseen(user);
    say("");
}

fn last_good(user: &UserView) -> String {
    match user.last_verified {
        Some(_) => format!("secret last seen good {}", time(user.last_verified)),
        None => format!("last accepted {}", time(user.last_accepted)),
    }
}

fn unseen(user: &UserView) {
    for line in &user.unseen {
        say(format!("  unseen {line}"));
    }
}

/// All users, worst first.
pub(super) fn table(users: &[UserView]) {
    let mut users: Vec<_> = users.iter().collect();
    users.sort_by_key(|user| (badness(&user.state), user.id.clone()));
    let mut table = plain_table([
        "USER",
        "TENANT",
        "STATE",
        "REASON",
        "SINCE",
        "LAST ACCEPTED",
        "LEFT",
    ]);
    for user in users {
        table.add_row([
            Cell::new(&user.id),
            Cell::new(&user.tenant),
            state(user),
            Cell::new(&user.reason),
            Cell::new(time(Some(user.since))),
            Cell::new(time(user.last_accepted)),
            Cell::new(
                user.attempts_left
                    .map_or_else(|| "–".to_owned(), |left| left.to_string()),
            ),
        ]);
    }
    say(format!("{table}"));
}

/// So many users are named where the same is said of many.
const NAMED: usize = 5;

/// Why nothing is presented for users that do not work, a line for each reason.
pub(super) fn not_attempted(users: &[UserView]) {
    let mut whose: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    let broken = users
        .iter()
        .filter(|user| user.state != "healthy" && user.known != "nothing");
    for user in broken {
        // A check that has just led to the hold made its attempt.
        let held = user.held_why.as_ref();
        let held = held.map(|why| format!("the credential is held: {why}"));
        if let Some(why) = held.or_else(|| user.not_attempted.clone()) {
            whose.entry(why).or_default().push(&user.id);
        }
    }
    for (why, ids) in whose {
        let more = ids.len().saturating_sub(NAMED);
        let named = ids[..ids.len() - more].join(", ");
        let more = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        say(format!("no attempt for {named}{more}: {why}"));
    }
}

/// Users and what became of their attempts, worst first.
pub(super) fn retried<'a>(users: impl Iterator<Item = (&'a UserView, String)>) {
    let mut users: Vec<_> = users.collect();
    users.sort_by_key(|(user, _)| (badness(&user.state), user.id.clone()));
    let mut table = plain_table(["USER", "TENANT", "ATTEMPT", "STATE", "REASON"]);
    for (user, attempt) in users {
        table.add_row([
            Cell::new(&user.id),
            Cell::new(&user.tenant),
            Cell::new(attempt),
            state(user),
            Cell::new(&user.reason),
        ]);
    }
    say(format!("{table}"));
}

fn plain_table<const COLUMNS: usize>(header: [&str; COLUMNS]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(header);
    if !std::io::stdout().is_terminal() {
        table.force_no_tty();
    }
    table
}

fn state(user: &UserView) -> Cell {
    let colour = match user.state.as_str() {
        "failing" | "locked_out" => Color::Red,
        "healthy" => Color::Green,
        _ => Color::Yellow,
    };
    let held = if user.held { " (held)" } else { "" };
    Cell::new(format!("{}{held}", user.state)).fg(colour)
}

fn reason_of(user: &UserView) -> String {
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

fn styled(state: &str) -> console::StyledObject<&str> {
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
