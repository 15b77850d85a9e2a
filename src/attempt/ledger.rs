//! What is remembered of attempts: plain data, as the store keeps it. The rules over it are `attempt`'s. Times are times of
//! the budget (`meter`), except where they are said to be for people.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The credential is good and did its work.
    Accepted,
    /// A recognised `errors[]`, 403, 429 or threshold text.
    RefusedOtherwise {
        /// The answer is given to good credentials only: the streak ends.
        proves_credential: bool,
    },
    /// `IntegrationCode is invalid`: given to good secrets only, but nobody knows whether it ends the streak, so it does not.
    CodeRefused,
    /// 401, or a body that says locked.
    Rejected,
    /// 401, and a second look-up right after it named another zone. It is void once in 24 h, else it counts.
    RejectedElsewhere,
    /// DNS, connect, TLS: Autotask never saw it.
    NotSent,
    /// Any other HTTP answer.
    AnsweredUnclearly,
    /// Crash, timeout or reset before the status came.
    Unanswered,
}

impl Outcome {
    /// The credential got past the door: a good one, whatever it was refused for then.
    #[must_use]
    pub fn lets_in(self) -> bool {
        self.proves() || self == Self::CodeRefused
    }

    /// The credential is known to be good.
    #[must_use]
    pub fn proves(self) -> bool {
        matches!(
            self,
            Self::Accepted
                | Self::RefusedOtherwise {
                    proves_credential: true
                }
        )
    }
}

/// What is known of one credential: (username, fingerprint of secret + integration code).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CredentialLedger {
    /// Rejections since the last proof that it is good.
    pub rejections: u32,
    /// Attempts without a known answer since then; one in flight is among them.
    pub unanswered: u32,
    /// First attempt ever.
    pub first_attempt: Option<Timestamp>,
    /// Last attempt, for people.
    pub last_attempt: Option<Timestamp>,
    /// Last time it was accepted or otherwise proved good, for people.
    pub last_accepted: Option<Timestamp>,
    /// Last time that only its code was refused, for people: then the secret was good.
    #[serde(default)]
    pub last_verified: Option<Timestamp>,
    /// How the last attempt ended; `None` while that is not known.
    #[serde(default)]
    pub last_answer: Option<Outcome>,
    /// Last rejection, for people.
    pub last_rejected: Option<Timestamp>,
    /// The same, by the budget's clock.
    #[serde(default)]
    pub rejected_at: Option<Timestamp>,
    /// Operator attempts in vain since the last proof.
    pub vain: u32,
    /// When it was last rejected while Autotask refused many users at once, as one of those that are tried to see whether
    /// that is over. One more attempt is free when it is.
    #[serde(default)]
    pub stormed: Option<Timestamp>,
    /// Since when rejections hold it.
    #[serde(default)]
    pub held_since: Option<Timestamp>,
    /// Steps of `retry_held_after` that were taken since then.
    #[serde(default)]
    pub steps: u32,
}

impl CredentialLedger {
    /// Whether it ever got past the door.
    #[must_use]
    pub fn was_good(&self) -> bool {
        self.last_accepted.is_some() || self.last_verified.is_some()
    }
}

/// The attempt that was recorded last, while it is not settled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InFlight {
    /// Its id.
    pub id: String,
    /// When it was recorded, by the clock: it is sent within 5 s of that.
    pub at: Timestamp,
    /// An operator asked for it.
    pub operator: bool,
    /// How the attempt before it with the same credential ended; that stands if this one is not sent.
    #[serde(default)]
    pub before: Option<Outcome>,
}

/// What is known of one username over all its credentials: Autotask counts per username.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsernameLedger {
    /// Rejections since the last proof of any credential.
    #[serde(default)]
    pub rejections: u32,
    /// Attempts without a known answer since then; one in flight is among them.
    #[serde(default)]
    pub unanswered: u32,
    /// The last attempt.
    #[serde(default)]
    pub last_attempt: Option<Timestamp>,
    /// How long after the last attempt the next one waits, because the last one has no known answer.
    #[serde(default)]
    pub wait: Option<Duration>,
    /// First attempts of new credentials within 24 h.
    pub new_credentials: Vec<Timestamp>,
    /// Operator attempts within the hour.
    pub operator: Vec<Timestamp>,
    /// One-off attempts (`probe --username`) within 24 h.
    #[serde(default)]
    pub one_off: Vec<Timestamp>,
    /// Last time any of its credentials was proved good, for people.
    pub last_accepted: Option<Timestamp>,
    /// Last time that only the code of any of its credentials was refused.
    #[serde(default)]
    pub last_verified: Option<Timestamp>,
    /// Attempts that the schedule made with a placeholder for the code within the hour.
    #[serde(default)]
    pub without_code: Vec<Timestamp>,
    /// The fingerprint last presented.
    pub current: Option<String>,
    /// When `current` was first presented in place of another, for people.
    pub changed_at: Option<Timestamp>,
    /// The attempt in flight, with whatever credential: they go one after the other.
    #[serde(default)]
    pub in_flight: Option<InFlight>,
    /// Where the last attempt went.
    #[serde(default)]
    pub zone: Option<String>,
    /// When another zone last excused a rejection or ended a hold.
    #[serde(default)]
    pub moved: Option<Timestamp>,
    /// When an attempt was last risked in spite of too many without a known answer.
    #[serde(default)]
    pub risked: Option<Timestamp>,
}

/// What is known of users that share a zone, or a zone and a tenant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupLedger {
    /// The attempt that had no clear answer: no credential goes to the zone until it answers a request without one.
    pub closed_by: Option<String>,
    /// The last credential that was accepted.
    pub accepted: Option<Acceptance>,
    /// Autotask refuses many users at once.
    pub storm: Option<Storm>,
}

/// A credential that was proved good.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acceptance {
    /// Whose.
    pub username: String,
    /// When.
    pub at: Timestamp,
}

/// Users that were accepted before are refused, too many at once for a fault of theirs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Storm {
    /// When it was recognised.
    pub at: Timestamp,
    /// The same, for people.
    pub since: Timestamp,
    /// The last attempt that was made to see whether it is over.
    pub canary: Option<Timestamp>,
    /// It lasts over one tenant alone, whose users are judged as usual now.
    pub judged: bool,
}

/// All ledgers that bear on one attempt.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledgers {
    /// Over all credentials of the username.
    pub username: UsernameLedger,
    /// Of this credential.
    pub credential: CredentialLedger,
    /// Over all users of the zone.
    pub zone: GroupLedger,
    /// Over all users of the tenant in that zone.
    pub tenant: GroupLedger,
}
