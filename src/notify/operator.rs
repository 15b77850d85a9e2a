//! What the operator is told that is no user's incident: in words, as data. Pure. Each has an id, so that the same matter
//! is told once however often it is found. Holds no secret.

mod undeliverable;

pub use undeliverable::undeliverable;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    Kind,
    message::{instant, one_line},
};
use crate::user::UserId;

/// So many users or tenants are named; the others are counted.
const NAMED: usize = 20;

/// Everything a mail says about one such matter, frozen when the notice is made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperatorFacts {
    /// The same for the same matter.
    pub id: String,
    /// `store`, `auth_outage` or `unanswered`.
    pub kind: Kind,
    /// The subject without its prefix.
    pub title: String,
    /// What happened, and what lockwatch does about it.
    pub paragraphs: Vec<String>,
    /// Label and value.
    pub table: Vec<(String, String)>,
    /// What to do, in order.
    pub steps: Vec<String>,
    /// The users that it concerns, for the mail's headers.
    pub users: Vec<String>,
    /// When it began.
    pub since: Timestamp,
    /// When this was found.
    pub at: Timestamp,
    /// The host lockwatch runs on.
    pub host: String,
}

/// The store cannot be used. `why` is a fragment, `advice` is a sentence or more.
#[must_use]
pub fn store_lost(
    why: &str,
    advice: &str,
    since: Timestamp,
    now: Timestamp,
    host: &str,
) -> OperatorFacts {
    OperatorFacts {
        id: format!("store.lost.{}", since.as_millisecond()),
        kind: Kind::Store,
        title: "lockwatch cannot use its store: no attempt is made".to_owned(),
        paragraphs: vec![
            format!("What is wrong: {}.", one_line(why)),
            "Attempts are counted there, so none is made, and nobody is told about users that begin to fail. Zones are \
             looked up as before; metrics and page go on."
                .to_owned(),
        ],
        table: vec![("Since".to_owned(), instant(since))],
        steps: vec![
            one_line(advice),
            "lockwatch goes on by itself, without a restart, when the store can be used, and sends one more mail then."
                .to_owned(),
        ],
        users: Vec::new(),
        since,
        at: now,
        host: host.to_owned(),
    }
}

/// The store works again.
#[must_use]
pub fn store_back(why: &str, since: Timestamp, now: Timestamp, host: &str) -> OperatorFacts {
    OperatorFacts {
        id: format!("store.back.{}", since.as_millisecond()),
        kind: Kind::Store,
        title: format!("the store works again since {}", instant(now)),
        paragraphs: vec![format!(
            "Nobody was checked with a credential from {} to {}. Users are checked as before from now on.",
            instant(since),
            instant(now)
        )],
        table: vec![("It was".to_owned(), one_line(why))],
        steps: Vec::new(),
        users: Vec::new(),
        since,
        at: now,
        host: host.to_owned(),
    }
}

/// Autotask refuses the credentials of many users of a zone at once. `since` is the first of these refusals.
#[must_use]
pub fn auth_outage(
    zone_name: &str,
    tenants: &[String],
    users: &[UserId],
    since: Timestamp,
    now: Timestamp,
    host: &str,
) -> OperatorFacts {
    let zone = one_line(zone_name);
    OperatorFacts {
        id: format!("auth_outage.{zone}.{}", since.as_millisecond()),
        kind: Kind::AuthOutage,
        title: format!("AUTH OUTAGE? zone {zone} refuses many users at once"),
        paragraphs: vec![
            format!(
                "Autotask refuses the credentials of {} users of zone {zone} at once since {}. All of them were accepted \
                 before, so the fault is more likely Autotask's than theirs.",
                users.len(),
                instant(since)
            ),
            "Nobody is blamed and nobody else is mailed. So that lockwatch locks nobody, one user an hour is tried, and the \
             others when one is accepted."
                .to_owned(),
        ],
        table: vec![
            ("Since".to_owned(), instant(since)),
            ("Zone".to_owned(), zone),
            ("Tenants".to_owned(), named(tenants)),
            ("Users".to_owned(), named(users)),
        ],
        steps: vec![
            "Look at Autotask's status page for an outage of this zone.".to_owned(),
            "Ask whether somebody changed all of these credentials at once; if so, give lockwatch and the integrations the \
             new ones."
                .to_owned(),
            "Until it is over, do not generate new secrets: nothing shows that the old ones are wrong.".to_owned(),
        ],
        users: users.iter().map(ToString::to_string).collect(),
        since,
        at: now,
        host: host.to_owned(),
    }
}

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

fn named<T: ToString>(all: &[T]) -> String {
    let mut names: Vec<String> = all
        .iter()
        .take(NAMED)
        .map(|name| one_line(&name.to_string()))
        .collect();
    if all.len() > NAMED {
        names.push(format!("and {} more", all.len() - NAMED));
    }
    names.join(", ")
}
