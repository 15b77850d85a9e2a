//! Telling people: what is said (`message`, pure), what is owed (`outbox`), and how it leaves (`mailer`).

pub mod envelope;
pub mod mailer;
pub mod message;
pub mod operator;
pub mod outbox;
pub mod owed;
pub mod store_alarm;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::diagnose::{Diagnosis, Reason};
use operator::OperatorFacts;

/// What a notice is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The store cannot be used, or can again. Worst first: the order of variants is the order in a mail.
    Store,
    /// Autotask refuses the credentials of many users at once.
    AuthOutage,
    /// A user's account is most likely locked.
    LockedOut,
    /// A user started failing.
    Failing,
    /// A user's attempts have no known answer, so its credential is held.
    Unanswered,
    /// A user works again.
    Recovered,
}

impl Kind {
    /// Every kind, for metrics.
    pub const ALL: [Self; 6] = [
        Self::Store,
        Self::AuthOutage,
        Self::LockedOut,
        Self::Failing,
        Self::Unanswered,
        Self::Recovered,
    ];

    /// The bounded label of headers and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Store => "store",
            Self::AuthOutage => "auth_outage",
            Self::LockedOut => "locked_out",
            Self::Failing => "failing",
            Self::Unanswered => "unanswered",
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
    pub matter: Matter,
}

/// What a notice tells.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Matter {
    /// A user's incident.
    Incident(Box<Facts>),
    /// Something else, for the operator alone.
    Operator(OperatorFacts),
}

impl Matter {
    /// The incident; empty where there is none.
    #[must_use]
    pub fn incident(&self) -> &str {
        match self {
            Self::Incident(facts) => &facts.incident,
            Self::Operator(_) => "",
        }
    }

    /// The users that it concerns.
    #[must_use]
    pub fn users(&self) -> &[String] {
        match self {
            Self::Incident(facts) => std::slice::from_ref(&facts.user),
            Self::Operator(facts) => &facts.users,
        }
    }

    /// The host lockwatch runs on.
    #[must_use]
    pub fn host(&self) -> &str {
        match self {
            Self::Incident(facts) => &facts.host,
            Self::Operator(facts) => &facts.host,
        }
    }

    /// When it began.
    #[must_use]
    pub fn since(&self) -> Timestamp {
        match self {
            Self::Incident(facts) => facts.since,
            Self::Operator(facts) => facts.since,
        }
    }
}
