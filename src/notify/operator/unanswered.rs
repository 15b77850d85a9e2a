//! A credential is held because its attempts had no known answer: in words. Pure.

use jiff::Timestamp;

use super::OperatorFacts;
use crate::{
    notify::{
        Kind,
        message::{instant, one_line},
    },
    user::UserId,
};

/// A user's attempts had no known answer, `count` times in a row, and its credential is held until `hold_ends`. Told once
/// per `last_attempt`.
#[must_use]
pub fn unanswered(
    user: &UserId,
    tenant: &str,
    zone: Option<&str>,
    count: u32,
    last_attempt: Timestamp,
    hold_ends: Timestamp,
    host: &str,
) -> OperatorFacts {
    let tenant = one_line(tenant);
    let zone = zone.map_or_else(|| "unknown".to_owned(), one_line);
    OperatorFacts {
        id: format!("unanswered.{user}.{}", last_attempt.as_millisecond()),
        kind: Kind::Unanswered,
        title: format!("HELD {user} ({tenant}): {count} attempts without an answer"),
        paragraphs: vec![
            format!(
                "{count} attempts in a row to log in as {user} had no known answer: a timeout, a connection that ended early, \
                 or an end of lockwatch in between. Autotask may have counted them as failed logins."
            ),
            format!(
                "So the credential is not presented before {}; then one attempt is made, sooner when another user of the zone \
                 is accepted. Nothing speaks against the credential itself, and nobody else is mailed.",
                instant(hold_ends)
            ),
        ],
        table: vec![
            ("User".to_owned(), user.to_string()),
            ("Tenant".to_owned(), tenant),
            ("Zone".to_owned(), zone),
            ("Last attempt".to_owned(), instant(last_attempt)),
            ("Held until".to_owned(), instant(hold_ends)),
        ],
        steps: vec![
            "See whether the host of lockwatch reaches the zone: network, proxy, firewall, Autotask's status page."
                .to_owned(),
            "See whether lockwatch itself is killed or restarted again and again.".to_owned(),
            format!("To try once at once: lockwatch retry {user}"),
        ],
        users: vec![user.to_string()],
        since: last_attempt,
        at: last_attempt,
        host: host.to_owned(),
    }
}
