//! Users of which nothing definitive is known for long: in words. Pure.

use jiff::Timestamp;

use super::{NAMED, OperatorFacts};
use crate::{
    notify::{
        Kind,
        message::{instant, one_line},
    },
    user::UserId,
};

/// A user of which nothing definitive was learnt for long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unseen {
    /// The user.
    pub user: UserId,
    /// Its tenant.
    pub tenant: String,
    /// Since when.
    pub since: Timestamp,
    /// A fragment.
    pub why: String,
}

/// Nothing definitive is known of these users, longest first.
#[must_use]
pub fn blind(unseen: &[Unseen], now: Timestamp, host: &str) -> OperatorFacts {
    let count = unseen.len();
    let mut table: Vec<(String, String)> = unseen
        .iter()
        .take(NAMED)
        .map(|one| {
            let tenant = one_line(&one.tenant);
            let since = instant(one.since);
            let why = one_line(&one.why);
            let said = format!("{} ({tenant}), since {since}: {why}", one.user);
            ("User".to_owned(), said)
        })
        .collect();
    if count > NAMED {
        table.push(("Others".to_owned(), format!("{} more", count - NAMED)));
    }
    let who = match unseen {
        [only] => format!("{} ({})", only.user, one_line(&only.tenant)),
        _ => format!("{count} users"),
    };
    OperatorFacts {
        id: format!("blind.{}", now.as_millisecond()),
        kind: Kind::Blind,
        title: format!("BLIND: nothing definitive is known of {who}"),
        paragraphs: vec![
            format!(
                "Nothing definitive, good or bad, was learnt about {}, so nobody knows whether what depends on it works. What \
                 is shown elsewhere, such as healthy, is from before.",
                if count == 1 { "this user for long" } else { "these users for long" }
            ),
            "Nobody is blamed and nobody else is mailed. There is at most one such mail a day.".to_owned(),
        ],
        table,
        steps: vec![
            "See what is in the way: \"lockwatch status\" shows what checks find, and why no attempt is made.".to_owned(),
            "Where Autotask asked to wait (too many requests), see what else calls its API for this tenant.".to_owned(),
            match unseen {
                [only] => format!("To try it at once: lockwatch retry {}", only.user),
                _ => "To try one user at once: lockwatch retry ID".to_owned(),
            },
        ],
        users: unseen.iter().map(|one| one.user.to_string()).collect(),
        since: unseen.iter().map(|one| one.since).min().unwrap_or(now),
        at: now,
        host: host.to_owned(),
    }
}
