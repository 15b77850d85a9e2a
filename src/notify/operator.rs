//! What the operator is told that is no user's incident: in words, as data. Pure. Each has an id, so that the same matter
//! is told once however often it is found. Holds no secret.

mod blind;
mod outage;
mod store;
mod storm;
mod unanswered;
mod undeliverable;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Kind, message::one_line};

pub use blind::{Unseen, blind};
pub use outage::{Silence, outage, outage_over};
pub use store::{store_back, store_lost};
pub use storm::{Ended, auth_outage, auth_outage_over};
pub use unanswered::unanswered;
pub use undeliverable::undeliverable;

/// So many users or tenants are named; the others are counted.
const NAMED: usize = 20;

/// Everything a mail says about one such matter, frozen when the notice is made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperatorFacts {
    /// The same for the same matter.
    pub id: String,
    /// One of the operator's alone.
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
