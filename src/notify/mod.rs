//! Telling people: what is said (`message`, pure), what is owed (`outbox`), and how it leaves (`mailer`).

pub mod desk;
pub mod envelope;
pub mod lookout;
pub mod mailer;
pub mod merge;
pub mod message;
pub mod operator;
pub mod outbox;
pub mod owed;
pub mod sample;
pub mod store_alarm;

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::diagnose::{Diagnosis, Reason};
use operator::OperatorFacts;

/// What a notice is about. Worst first: the order of variants is the order in a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The store cannot be used, or can again.
    Store,
    /// Autotask refuses the credentials of many users at once, or accepts them again.
    AuthOutage,
    /// A zone answers nothing clear for a while, or answers again.
    Outage,
    /// A user's account is most likely locked.
    LockedOut,
    /// A failing user has a worse reason than before.
    Changed,
    /// A user started failing.
    Failing,
    /// A user's zone is on a host that is not allowed.
    ZoneUntrusted,
    /// A user's secret cannot be read.
    SecretUnreadable,
    /// Nothing definitive is known of users for a long time.
    Blind,
    /// A user's attempts have no known answer, so its credential is held.
    Unanswered,
    /// A mail will never arrive.
    Undeliverable,
    /// What is still open.
    Reminder,
    /// An incident is over.
    Recovered,
}

impl Kind {
    /// Every kind, for metrics.
    pub const ALL: [Self; 13] = [
        Self::Store,
        Self::AuthOutage,
        Self::Outage,
        Self::LockedOut,
        Self::Changed,
        Self::Failing,
        Self::ZoneUntrusted,
        Self::SecretUnreadable,
        Self::Blind,
        Self::Unanswered,
        Self::Undeliverable,
        Self::Reminder,
        Self::Recovered,
    ];

    /// The bounded label of headers and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Store => "store",
            Self::AuthOutage => "auth_outage",
            Self::Outage => "outage",
            Self::LockedOut => "locked_out",
            Self::Changed => "changed",
            Self::Failing => "failing",
            Self::ZoneUntrusted => "zone_untrusted",
            Self::SecretUnreadable => "secret_unreadable",
            Self::Blind => "blind",
            Self::Unanswered => "unanswered",
            Self::Undeliverable => "undeliverable",
            Self::Reminder => "reminder",
            Self::Recovered => "recovered",
        }
    }

    /// Whether only the operator is ever told of it.
    #[must_use]
    pub fn is_operators_alone(self) -> bool {
        !matches!(
            self,
            Self::LockedOut | Self::Changed | Self::Failing | Self::Reminder | Self::Recovered
        )
    }

    /// The kind of an incident's opening.
    #[must_use]
    pub fn of_opening(reason: Reason) -> Self {
        match reason {
            Reason::LockedOut => Self::LockedOut,
            Reason::ZoneUntrusted => Self::ZoneUntrusted,
            Reason::SecretUnreadable => Self::SecretUnreadable,
            _ => Self::Failing,
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
    /// Puts the notices of an incident in order.
    #[serde(default)]
    pub turn: u32,
    /// First sighting of the failure; of the last one, where the incident was opened again.
    pub since: Timestamp,
    /// For an incident that was opened again: when it began.
    #[serde(default)]
    pub first_since: Option<Timestamp>,
    /// How often it was opened again.
    #[serde(default)]
    pub reopened: u32,
    /// For a change, what it was before.
    #[serde(default)]
    pub before: Option<Reason>,
    /// When this was found: confirmed, or recovered.
    pub at: Timestamp,
    /// When the user last worked.
    pub last_accepted: Option<Timestamp>,
    /// What it is; for a recovery, what it was.
    pub diagnosis: Diagnosis,
    /// For a recovery, what is found now.
    #[serde(default)]
    pub found: Option<Reason>,
    /// The incident is over because checks do not look at what failed any more.
    #[serde(default)]
    pub dropped: bool,
    /// Rejections of the credential since the last acceptance.
    pub rejections: u32,
    /// The same of the username, whatever credential was presented.
    #[serde(default)]
    pub rejections_of_username: u32,
    /// The last attempt.
    pub last_attempt: Option<Timestamp>,
    /// Whether the credential is held: not presented again until something changes.
    pub held: bool,
    /// When the next attempt comes by itself; `None` when held or unknown.
    pub next_attempt: Option<Timestamp>,
    /// The credential is read once, when lockwatch starts: it notices no new one by itself.
    #[serde(default)]
    pub read_at_start: bool,
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
    /// What is still open, for one recipient.
    Digest(Digest),
}

/// The open incidents that one recipient was told of, as they are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digest {
    /// The same for the same reminder.
    pub id: String,
    /// Worst first.
    pub lines: Vec<DigestLine>,
    /// The users of the lines.
    pub users: Vec<String>,
    /// When it was made.
    pub at: Timestamp,
    /// How often reminders come.
    pub every: Duration,
    /// The host lockwatch runs on.
    pub host: String,
}

/// One open incident.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DigestLine {
    /// The incident.
    pub incident: String,
    /// The user.
    pub user: String,
    /// The tenant.
    pub tenant: String,
    /// What depends on it.
    pub integration: Option<String>,
    /// Why.
    pub reason: Reason,
    /// Since when it is down.
    pub since: Timestamp,
    /// When it last worked.
    pub last_accepted: Option<Timestamp>,
    /// Whether the credential is held for rejections: lockwatch will not notice the fix by itself.
    pub held: bool,
    /// When the next attempt comes by itself.
    pub next_attempt: Option<Timestamp>,
}

impl Matter {
    /// The incident; empty where there is none.
    #[must_use]
    pub fn incident(&self) -> &str {
        match self {
            Self::Incident(facts) => &facts.incident,
            Self::Operator(_) | Self::Digest(_) => "",
        }
    }

    /// The users that it concerns.
    #[must_use]
    pub fn users(&self) -> &[String] {
        match self {
            Self::Incident(facts) => std::slice::from_ref(&facts.user),
            Self::Operator(facts) => &facts.users,
            Self::Digest(digest) => &digest.users,
        }
    }

    /// The host lockwatch runs on.
    #[must_use]
    pub fn host(&self) -> &str {
        match self {
            Self::Incident(facts) => &facts.host,
            Self::Operator(facts) => &facts.host,
            Self::Digest(digest) => &digest.host,
        }
    }

    /// When it began.
    #[must_use]
    pub fn since(&self) -> Timestamp {
        match self {
            Self::Incident(facts) => facts.since,
            Self::Operator(facts) => facts.since,
            Self::Digest(digest) => digest.at,
        }
    }
}
