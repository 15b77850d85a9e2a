//! All users in a few lines: how many there are of each state, and why some are not tried.

use std::collections::BTreeMap;

use crate::{
    cli::report::say,
    web::{page::badness, view::UserView},
};

/// `15 users: 1 locked out, 6 failing (2 held), 8 healthy`
pub(super) fn of(users: &[UserView]) -> String {
    let mut counts: BTreeMap<(usize, &str), (usize, usize)> = BTreeMap::new();
    for user in users {
        let (all, held) = counts
            .entry((badness(&user.state), &user.state))
            .or_default();
        *all += 1;
        *held += usize::from(user.held);
    }
    let told = counts.iter().map(|((_, state), (all, held))| {
        let held = match held {
            0 => String::new(),
            held => format!(" ({held} held)"),
        };
        format!("{all} {}{held}", state.replace('_', " "))
    });
    let told: Vec<_> = told.collect();
    let users = match users.len() {
        1 => "1 user".to_owned(),
        many => format!("{many} users"),
    };
    format!("{users}: {}", told.join(", "))
}

/// So many users are named where the same is said of many.
const NAMED: usize = 5;

/// Why nothing is presented for users that do not work, or that worked with another credential: a line for each reason.
pub(super) fn not_attempted(users: &[UserView]) {
    let mut whose: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    let broken = users
        .iter()
        .filter(|user| (user.state != "healthy" || user.held) && user.known != "nothing");
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
