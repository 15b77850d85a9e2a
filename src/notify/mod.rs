//! Telling people: what is said (`message`, pure), what is owed (`outbox`), and how it leaves (`mailer`).

pub mod envelope;
pub mod mailer;
pub mod message;
pub mod outbox;
pub mod owed;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::diagnose::{Diagnosis, Reason};

/// What a notice is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A user's account is most likely locked. Worst first: the order of variants is the order in a mail.
    LockedOut,
    /// A user started failing.
    Failing,
    /// A user works again.
    Recovered,
}

impl Kind {
    /// Every kind, for metrics.
    pub const ALL: [Self; 3] = [Self::LockedOut, Self::Failing, Self::Recovered];

    /// The bounded label of headers and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::LockedOut => "locked_out",
            Self::Failing => "failing",
            Self::Recovered => "recovered",
        }
    }
}

/// Everything a mail says about one user, frozen when the notice is made. Holds no secret and no integration code.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// The configured id.
    pub user: String,
    /// The login, for the person who looks it up in Autotask.
    pub username: String,
    /// The tenant.
    pub tenant: String,
    /// What depends on it.
    pub integration: Option<String>,
    /// The entity that the query probe reads.
    pub entity: String,
    /// The zone's name, where known.
    pub zone: Option<String>,
    /// The incident.
    pub incident: String,
    /// First sighting of the failure.
    pub since: Timestamp,
    /// When this was found: confirmed, or recovered.
    pub at: Timestamp,
    /// When the user last worked.
    pub last_accepted: Option<Timestamp>,
    /// What it is; for a recovery, what it was.
    pub diagnosis: Diagnosis,
    /// For a recovery, what is found now.
    #[serde(default)]
    pub found: Option<Reason>,
    /// Rejections since the last acceptance.
    pub rejections: u32,
    /// The last attempt.
    pub last_attempt: Option<Timestamp>,
    /// Whether the credential is held: not presented again until something changes.
    pub held: bool,
    /// When the next attempt comes by itself; `None` when held or unknown.
    pub next_attempt: Option<Timestamp>,
    /// The host lockwatch runs on.
    pub host: String,
    /// The local address that attempts were sent from.
    pub from_address: Option<String>,
}

/// One thing that must be mailed to one recipient.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Notice {
    /// Unique; stable over retries.
    pub id: String,
    /// What it is about.
    pub kind: Kind,
    /// Who gets it.
    pub recipient: String,
    /// When it was made.
    pub created: Timestamp,
    /// What it says.
    pub facts: Facts,
}
