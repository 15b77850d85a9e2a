//! Users as they are named on the command line: found, or said what else was meant.

use std::collections::HashSet;

use super::exit::Failure;
use crate::{
    autotask::text::printable,
    config::Config,
    user::{UserId, Username, nearest},
};

/// So many users are listed where none is near.
const FEW: usize = 10;
/// What was typed is shown so long.
const SHOWN: usize = 80;

/// The users that `names` mean, each once, in this order.
///
/// # Errors
/// One line for each that there is not, with what may have been meant. Then nothing is done for the others either.
pub(super) fn users(
    names: &[String],
    known: &[UserId],
    config: Option<&Config>,
) -> Result<Vec<UserId>, Failure> {
    let there: HashSet<&str> = known.iter().map(UserId::as_str).collect();
    let mut seen = HashSet::new();
    let names = names.iter().filter(|name| seen.insert(name.as_str()));
    let (found, wrong): (Vec<_>, Vec<_>) = names.partition(|name| there.contains(name.as_str()));
    if wrong.is_empty() {
        let found = found.into_iter().map(|name| UserId::parse(name));
        return found.collect::<Result<_, _>>().map_err(Failure::usage);
    }
    let why: Vec<_> = wrong
        .into_iter()
        .map(|name| unknown(name, known, config))
        .collect();
    Err(Failure::usage(why.join("\n")).advise("`lockwatch status` lists all users"))
}

fn unknown(name: &str, known: &[UserId], config: Option<&Config>) -> String {
    let shown = printable(name, SHOWN);
    let users = || config.iter().flat_map(|config| &config.users);
    let key = Username::new(name.trim()).key();
    if let Some(user) = users().find(|user| user.username.key() == key) {
        return format!(
            "{shown} is a username; commands want the id, which is {}",
            user.id
        );
    }
    if let Some(user) = users().find(|user| user.id.as_str() == name && !user.enabled) {
        return format!("the user {} is configured, but not enabled", user.id);
    }
    if name.contains('@') {
        return format!(
            "{shown} seems to be a username; commands want the id that the configuration gives it"
        );
    }
    if UserId::parse(name).is_err() {
        return format!(
            "{shown:?} is not the id of a user: an id is {}",
            UserId::SHAPE
        );
    }
    let near = nearest(name, known.iter().map(UserId::as_str));
    let others = if !near.is_empty() {
        format!("; near: {}", near.join(", "))
    } else if (1..=FEW).contains(&known.len()) {
        let all: Vec<_> = known.iter().map(UserId::as_str).collect();
        format!("; there are: {}", all.join(", "))
    } else {
        String::new()
    };
    format!("no user {shown} is configured and enabled{others}")
}
